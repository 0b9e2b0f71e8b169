"""Training AlexNet, beside a lecture's AlexNet in the loop of PyTorch's ImageNet example."""

import json
import statistics
import sys
from typing import Any

from benchmarks.comparing import markdown, ratio, spread, times
from benchmarks.running import Contender, Outcome
from benchmarks.settings import ALEXNET, ALEXNET_WORKERS

TITLE = "Training AlexNet"
HEADS = ("batch", "program", "images from", ">images/s", ">heirloom / peer")
NOTE = """\
Images a second; median (lowest to highest). Heirloom trains the network of 2012 (input 224, two towers,
local response normalisation with k = 2) as `heirloom train` runs it, with the paper's augmentation, from a
folder of photographs, through the second pass over them. The peer is a lecture's AlexNet (input 227, k = 1)
in the loop of PyTorch's ImageNet example, on noise (its `--dummy`) and on the same folder; of the loader's
workers the best number stands here. Both have ten classes, gradient descent with momentum, single precision
and as many threads as PyTorch takes.
"""


def contenders(quick: bool) -> list[Contender]:
    """For each size of a batch ours, then the peer's with noise and photographs."""
    found = []
    for batch in sorted(ALEXNET)[: 1 if quick else None]:
        limit = ("--limit", "64") if quick else ()
        ours = (sys.executable, "-m", "benchmarks.our_alexnet", str(batch), *limit)
        found.append(Contender("heirloom", str(batch), "folder", ours))
        counts = ["--warm-up", "1", "--updates", "1"] if quick else []
        for images in ("dummy", "folder"):
            for workers in ALEXNET_WORKERS:
                settings = (str(batch), images, "--workers", str(workers), *counts)
                command = (sys.executable, "-m", "benchmarks.peers.deck_alexnet", *settings)
                found.append(Contender("peer", str(batch), f"{images}, {workers} workers", command))
    return found


def read(outcome: Outcome) -> dict[str, Any]:
    """Images a second, as the process says itself in its last line."""
    last = json.loads(outcome.lines[-1][1])
    return {"images_per_second": round(last["images_per_second"], 2)}


def tables(timings: list[dict[str, Any]]) -> str:
    """The comparison in Markdown."""
    groups: dict[tuple[str, str, str], dict[str, dict[int, float]]] = {}
    for t in timings:
        source = t["variant"].partition(",")[0]
        variants = groups.setdefault((t["network"], t["program"], source), {})
        if not t["failed"]:
            variants.setdefault(t["variant"], {})[t["round"]] = t["images_per_second"]
    rows = []
    for (batch, program, source), variants in groups.items():
        if not variants:
            rows.append([batch, program, source, "not run", "·"])
            continue
        best = max(variants, key=lambda variant: statistics.median(variants[variant].values()))
        ours = groups.get((batch, "heirloom", "folder"), {}).get("folder")
        faster = times(ratio(ours, variants[best])) if ours and program != "heirloom" else "·"
        rows.append([batch, program, best, spread(list(variants[best].values()), 1), faster])
    return f"{markdown(HEADS, rows)}\n{NOTE}"
