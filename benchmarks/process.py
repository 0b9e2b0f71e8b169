"""Whole processes, from the shell to 99.0 % on MNIST, beside PyTorch's official example."""

import re
import statistics
import sys
from typing import Any

from benchmarks.comparing import markdown, ratio, spread, times
from benchmarks.running import Contender, Outcome
from benchmarks.settings import OUR_THREADS, OURS, PEER_EPOCHS, TARGET
from heirloom.recipes import find_recipe

TITLE = "Whole process, from the shell to 99.0 % of MNIST's test images"
HEADS = ("program", "network", "trained", ">mean accuracy", "single runs", ">seconds", ">peer / heirloom")
NOTE = f"""\
Seconds are of the whole process by its parent's clock: start, reading MNIST, training, testing, and for
heirloom its checkpoints and report; median (lowest to highest). The peer tests after each epoch, and counts
up to the end of the first one whose mean accuracy reaches {100 * TARGET:.1f} %.
"""


def contenders(quick: bool) -> list[Contender]:
    """The peer first, then ours."""
    epochs = 1 if quick else PEER_EPOCHS
    peer = ["-m", "benchmarks.peers.official_mnist", "--epochs", str(epochs), "--seed", "{seed}"]
    found = [_contender("peer", "official example", epochs, [*peer, *(["--limit", "640"] if quick else [])])]
    for network, settings in OURS.items():
        changes = [*settings.split(), *(["epochs=1", "train_limit=640"] if quick else []), "seed={seed}"]
        epochs = find_recipe(network, "mnist", changes[:-1])[1].epochs
        command = ["-m", "heirloom", "train", network, "--data", "mnist", "--out", "{folder}/run"]
        threads = ["--threads", str(OUR_THREADS[network])] if OUR_THREADS[network] else []
        command += [word for change in changes for word in ("--set", change)]
        found.append(_contender("heirloom", network, epochs, [*command, *threads]))
    return found


def _contender(program: str, network: str, epochs: int, arguments: list[str]) -> Contender:
    return Contender(program, network, f"{epochs} epochs", (sys.executable, *arguments))


def read(outcome: Outcome) -> dict[str, Any]:
    """Seconds of the process, and for each accuracy that it printed: right answers, images, seconds."""
    found = [(at, re.search(r"\((\d+)/(\d+)\)", line)) for at, line in outcome.lines]
    tests = [[int(m[1]), int(m[2]), round(at, 3)] for at, m in found if m]
    return {"seconds": round(outcome.seconds, 3), "tests": tests}


def tables(timings: list[dict[str, Any]]) -> str:
    """The comparison in Markdown."""
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for timing in timings:
        if not timing["failed"]:
            groups.setdefault((timing["program"], timing["network"]), []).append(timing)
    rows, base = [], {}
    for (program, network), runs in sorted(groups.items(), key=lambda group: group[0][0] != "peer"):
        seconds = {run["round"]: run["seconds"] for run in runs}
        last = len(runs[0]["tests"])
        if program == "peer":
            first = next((k for k in range(1, last) if _reached(runs, k)), last)
            if first < last:
                base = {run["round"]: run["tests"][first - 1][2] for run in runs}
                rows.append(_row("peer, cut off there", network, f"{first} epochs", runs, first, base, {}))
            base = base or seconds
        rows.append(_row(program, network, runs[0]["variant"], runs, last, seconds, base))
    return f"{markdown(HEADS, rows)}\n{NOTE}"


def _row(
    program: str,
    network: str,
    trained: str,
    runs: list[dict[str, Any]],
    k: int,
    seconds: dict[int, float],
    base: dict[int, float],
) -> list[str]:
    accuracies = [correct / n for correct, n, _ in (run["tests"][k - 1] for run in runs)]
    missed = "" if _reached(runs, k) else f", misses {100 * TARGET:.1f} %"
    single = ", ".join(f"{100 * accuracy:.2f}" for accuracy in accuracies)
    faster = times(ratio(base, seconds)) if program == "heirloom" and base else "·"
    mean = f"{100 * statistics.mean(accuracies):.3f} %{missed}"
    return [program, network, trained, mean, single, spread(list(seconds.values()), 1), faster]


def _reached(runs: list[dict[str, Any]], k: int) -> bool:
    """Whether the mean accuracy after the k-th test reaches the target."""
    tests = [run["tests"][k - 1] for run in runs]
    return bool(sum(t[0] for t in tests) >= TARGET * sum(t[1] for t in tests))
