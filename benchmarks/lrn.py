"""Local response normalisation forward and backward, beside PyTorch's layer."""

import json
import sys
from typing import Any

from benchmarks.comparing import markdown, ratio, spread, times
from benchmarks.running import Contender, Outcome
from benchmarks.settings import LAYER_PASSES, LAYER_SIZES, LAYER_WARM_UP

TITLE = "Local response normalisation, forward and backward"
HEADS = ("size", "settings", ">heirloom, ms", ">nn.LocalResponseNorm, ms", ">peer / heirloom")
NOTE = f"""\
Milliseconds of one pass forward and backward, the median of {LAYER_PASSES} after {LAYER_WARM_UP} that are not
counted; of the rounds, the median (lowest to highest). Single precision, the same formula: 5 maps,
alpha = 0.0001 / 5, beta = 0.75, k = 2. Without a compiler, and with the memory allocator as Python leaves it.
"""


def contenders(quick: bool) -> list[Contender]:
    """For each size, layout and number of threads ours, then the peer's."""
    counts = ("--passes", "1") if quick else ()
    found = []
    for size in LAYER_SIZES:
        for layout, words in ((), "maps first"), (("--channels-last",), "maps last"):
            for threads in (1, 0):
                variant = f"{words}, {'1 thread' if threads else 'default threads'}"
                options = (size, *layout, "--threads", str(threads), *counts)
                for program, module in ("heirloom", "our_lrn"), ("peer", "peers.lrn"):
                    command = (sys.executable, "-m", f"benchmarks.{module}", *options)
                    found.append(Contender(program, size, variant, command))
    return found


def read(outcome: Outcome) -> dict[str, Any]:
    """Milliseconds of a pass, as the process says itself in its last line."""
    last = json.loads(outcome.lines[-1][1])
    return {"milliseconds": round(last["milliseconds"], 2)}


def tables(timings: list[dict[str, Any]]) -> str:
    """The comparison in Markdown."""
    groups: dict[tuple[str, str], dict[str, dict[int, float]]] = {}
    for t in timings:
        sides = groups.setdefault((t["network"], t["variant"]), {"heirloom": {}, "peer": {}})
        if not t["failed"]:
            sides[t["program"]][t["round"]] = t["milliseconds"]
    rows = []
    for (size, variant), sides in groups.items():
        ours, peer = sides["heirloom"], sides["peer"]
        cells = [spread(list(side.values()), 1) if side else "·" for side in (ours, peer)]
        rows.append([size, variant, *cells, times(ratio(peer, ours)) if ours and peer else "·"])
    return f"{markdown(HEADS, rows)}\n{NOTE}"
