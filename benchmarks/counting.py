"""The books of a deep network as JSON, beside torchinfo's summary of the same network."""

import json
import sys
from typing import Any

from benchmarks.comparing import markdown, ratio, spread, times
from benchmarks.running import Contender, Outcome
from benchmarks.settings import COUNTED

TITLE = "Accounting for a network"
HEADS = ("network", "given", "program", ">seconds", ">MiB more", ">torchinfo / heirloom")
NOTE = """\
The first call of a process, imports left out; median (lowest to highest). `name`: from the network's name, so
that it is built as well, by heirloom without memory; `module`: of a network that has been built before. The
memory is by how much the process's largest size grows meanwhile. Heirloom writes every row as JSON, with
connections, MACs, FLOPs, receptive fields and edges; torchinfo runs an image through the network and makes
its table, with parameters, MACs and sizes.
"""


def contenders(quick: bool) -> list[Contender]:
    """Both programs, for a name and for a module."""
    return [
        Contender(program, network, given, (sys.executable, "-m", module, network, given))
        for network in COUNTED
        for given in ("name", "module")
        for program, module in (("heirloom", "benchmarks.our_books"), ("torchinfo", "benchmarks.peers.books"))
    ]


def read(outcome: Outcome) -> dict[str, Any]:
    """What the process says of itself in its last line."""
    last = json.loads(outcome.lines[-1][1])
    return {"seconds": round(last["seconds"], 4), "mebibytes": round(last["mebibytes"], 1)}


def tables(timings: list[dict[str, Any]]) -> str:
    """The comparison in Markdown."""
    found: dict[tuple[str, str], dict[str, list[dict[str, Any]]]] = {}
    for t in timings:
        found.setdefault((t["network"], t["variant"]), {}).setdefault(t["program"], []).append(t)
    rows = []
    for (network, given), programs in found.items():
        seconds = {
            program: {t["round"]: t["seconds"] for t in runs if not t["failed"]}
            for program, runs in programs.items()
        }
        for program, runs in programs.items():
            if not seconds[program]:
                rows.append([network, given, program, f"not run: {runs[-1]['failed']}", "·", "·"])
                continue
            ours = seconds.get("heirloom")
            faster = times(ratio(seconds[program], ours)) if ours and program != "heirloom" else "·"
            memory = spread([t["mebibytes"] for t in runs if not t["failed"]], 0)
            shown = spread(list(seconds[program].values()), 3)
            rows.append([network, given, program, shown, memory, faster])
    return f"{markdown(HEADS, rows)}\n{NOTE}"
