"""Batches from a folder of JPEG photographs, beside PyTorch's `DataLoader` with the usual transforms."""

import json
import statistics
import sys
from typing import Any

from benchmarks.comparing import markdown, ratio, spread, times
from benchmarks.running import Contender, Outcome
from benchmarks.settings import BATCH, COPIES, LATER, POLICIES, SIDE, WORKERS

TITLE = "Batches from a folder of photographs"
HEADS = ("batches", "epoch", ">heirloom, images/s", ">DataLoader, images/s", "at", ">heirloom / peer")
NOTE = f"""\
Images a second of batches of {BATCH} x 3 x {SIDE} x {SIDE}, without a network; median (lowest to highest).
The folder has 700 photographs of imagewoof, a shorter side of 320 pixels, each {COPIES} times to learn from.
`first`: from nothing stored, listing and reading the files included; heirloom also stores what later epochs
read. `later`: the {LATER} epochs after it. `crop`: heirloom's `{POLICIES["crop"]}`, the peer's Resize(256),
RandomCrop({SIDE}). `area`: heirloom's `{POLICIES["area"]}`, which adds colour noise, the peer's
RandomResizedCrop({SIDE}). Both are mirrored and normalised. The peer has the number of workers that is best
for it, of {", ".join(map(str, WORKERS))}. In neither clock: imports, and what heirloom compiles once for all
runs of a machine. Where simplejpeg is not to be had, Pillow decodes for heirloom too, and the first epoch is
slower.
"""


def contenders(quick: bool) -> list[Contender]:
    """For each way of cutting ours, then the peer with all its numbers of workers."""
    copies = ("--copies", "1") if quick else ()
    found = []
    for policy in POLICIES:
        options = (policy, "--folder", "{folder}", *copies)
        found.append(
            Contender("heirloom", policy, "", (sys.executable, "-m", "benchmarks.our_loading", *options))
        )
        for workers in WORKERS:
            command = (
                sys.executable,
                "-m",
                "benchmarks.peers.photographs",
                *options,
                "--workers",
                str(workers),
            )
            found.append(Contender("peer", policy, f"{workers} workers", command))
    return found


def read(outcome: Outcome) -> dict[str, Any]:
    """What the process says of itself in its last line."""
    last = json.loads(outcome.lines[-1][1])
    return {"first": last["first"], "later": last["later"]}


def tables(timings: list[dict[str, Any]]) -> str:
    """The comparison in Markdown."""
    groups: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for t in timings:
        if not t["failed"]:
            groups.setdefault(t["network"], {}).setdefault(t["variant"], []).append(t)
    rows = []
    for policy, variants in groups.items():
        for epoch in ("first", "later"):
            speeds = {v: {t["round"]: t[epoch] for t in runs} for v, runs in variants.items()}
            ours = speeds.pop("", {})
            cells = [spread(list(ours.values()), 0) if ours else "·", "·", "·", "·"]
            if speeds:
                best = max(speeds, key=lambda variant: statistics.median(speeds[variant].values()))
                cells[1:3] = [spread(list(speeds[best].values()), 0), best]
                cells[3] = times(ratio(ours, speeds[best])) if ours else "·"
            rows.append([policy, epoch, *cells])
    return f"{markdown(HEADS, rows)}\n{NOTE}"
