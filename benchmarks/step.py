"""Training updates a second, beside the usual loops of plain PyTorch, start-up left out."""

import json
import statistics
import sys
from typing import Any

from benchmarks.comparing import markdown, ratio, spread, times
from benchmarks.running import Contender, Outcome
from benchmarks.settings import LEARNING, UPDATES, VARIANTS, WARM_UP

TITLE = "Training updates on MNIST"
HEADS = ("network", "loop", "settings", ">images/s", ">heirloom / peer")
NOTE = f"""\
Images a second over {UPDATES} updates after {WARM_UP} that are not counted; median (lowest to highest).
Network, loss, optimiser, batch and number format are the same. The peers are plain PyTorch: `loader` makes
each image ready in a `DataLoader`, `eager` has all images ready in memory, `compiled` is `eager` with
`torch.compile`; of each the best of the settings in settings.py stands here, all timings in
results.json. Heirloom is as
`heirloom train` runs it: it also counts hits and writes events.
"""


def contenders(quick: bool) -> list[Contender]:
    """For each network ours, then the peers with all their settings."""
    counts = ["--warm-up", "2", "--updates", "6"] if quick else []
    found = []
    for network in LEARNING:
        ours = (sys.executable, "-m", "benchmarks.our_step", network, *counts)
        found.append(Contender("heirloom", network, "default", ours))
        for loop, variants in VARIANTS.items():
            for threads, workers in variants:
                settings = ["--threads", str(threads), "--workers", str(workers), *counts]
                command = (sys.executable, "-m", "benchmarks.peers.loops", network, loop, *settings)
                words = "1 thread" if threads == 1 else f"{threads or 'default'} threads"
                words += f", {workers} workers" if loop == "loader" else ""
                found.append(Contender(loop, network, words, command))
    return found


def read(outcome: Outcome) -> dict[str, Any]:
    """Images a second, as the process says itself in its last line."""
    last = json.loads(outcome.lines[-1][1])
    return {"images_per_second": round(last["images_per_second"], 1)}


def tables(timings: list[dict[str, Any]]) -> str:
    """The comparison in Markdown."""
    groups: dict[tuple[str, str], dict[str, dict[int, float]]] = {}
    reasons: dict[tuple[str, str], str] = {}
    for t in timings:
        key = (t["network"], t["program"])
        variants = groups.setdefault(key, {})
        if t["failed"]:
            reasons[key] = t["failed"]
        else:
            variants.setdefault(t["variant"], {})[t["round"]] = t["images_per_second"]
    rows = []
    for (network, program), variants in groups.items():
        if not variants:
            rows.append([network, program, f"not run: {reasons[network, program]}", "·", "·"])
            continue
        best = max(variants, key=lambda variant: statistics.median(variants[variant].values()))
        ours = groups.get((network, "heirloom"), {}).get("default")
        faster = times(ratio(ours, variants[best])) if ours and program != "heirloom" else "·"
        rows.append([network, program, best, spread(list(variants[best].values()), 0), faster])
    return f"{markdown(HEADS, rows)}\n{NOTE}"
