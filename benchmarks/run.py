"""Run the workloads, our programs and their peers in turn, and write what was measured.

``python -m benchmarks.run`` from the root of the repository; MNIST must lie below ``HEIRLOOM_DATA``.
"""

import argparse
import json
import shlex
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import alexnet, counting, loading, lrn, machine, process, step
from benchmarks.running import run

WORKLOADS = {
    "process": process,
    "step": step,
    "lrn": lrn,
    "counting": counting,
    "loading": loading,
    "alexnet": alexnet,
}
QUIET = 0.1
"""Share of one core that others may take before the table says that the machine was not quiet."""


def main() -> None:
    """Run what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD", help=f"by default {' '.join(WORKLOADS)}")
    parser.add_argument("--rounds", type=int, default=5, help="times that each program is run, or seeds")
    parser.add_argument("--peer-rounds", type=int, help="of the peers, which take longer; by default as many")
    parser.add_argument("--quick", action="store_true", help="one short round, printed and not written")
    asked = parser.parse_args()
    for name in asked.workloads:
        if name not in WORKLOADS:
            parser.error(f"no workload {name!r}; there are {', '.join(WORKLOADS)}")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) if asked.quick else Path(__file__).parent
        for name in asked.workloads or WORKLOADS:
            rounds = 1 if asked.quick else asked.rounds
            measure(name, rounds, min(rounds, asked.peer_rounds or rounds), asked.quick, folder)
        print((folder / "RESULTS.md").read_text(encoding="utf-8"))
    if asked.quick:
        print("A smoke test of a few updates: these figures mean nothing.")


def measure(name: str, rounds: int, peer_rounds: int, quick: bool, folder: Path) -> None:
    """Run one workload and put it in the place of its former results."""
    workload = WORKLOADS[name]
    contenders = workload.contenders(quick)
    commands = {
        f"{c.program}, {c.network}, {c.variant}".rstrip(", "): shlex.join(["python", *c.command[1:]])
        for c in contenders
    }
    result: dict[str, Any] = {"machine": machine.facts(), "commands": commands, "timings": []}
    for number in range(rounds):
        start = number % len(contenders)  # nobody is always first, or always after the same one
        for contender in [*contenders[start:], *contenders[:start]]:
            if contender.program != "heirloom" and number >= peer_rounds:
                continue
            outcome = run(contender, seed=number)
            timing = {
                "program": contender.program,
                "network": contender.network,
                "variant": contender.variant,
                "round": number,
                "others": None if outcome.others is None else round(outcome.others, 3),
                "failed": outcome.failed,
                **({} if outcome.failed else workload.read(outcome)),
            }
            print(json.dumps(timing), file=sys.stderr)
            result["timings"].append(timing)
            write(folder, name, result)


def write(folder: Path, name: str, result: dict[str, Any]) -> None:
    """Write ``results.json`` with every timing, and ``RESULTS.md`` from it."""
    path = folder / "results.json"
    results = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    results[name] = result
    path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    (folder / "RESULTS.md").write_text(page(results), encoding="utf-8")


def page(results: dict[str, Any]) -> str:
    """All results in Markdown."""
    parts = ["# Benchmarks\n\nWritten by `make bench`; every single timing is in results.json.\n"]
    for name, result in results.items():
        workload, timings = WORKLOADS[name], result["timings"]
        facts = ", ".join(f"{key} {value}" for key, value in result["machine"].items())
        ours, peers = (
            len({t["round"] for t in timings if (t["program"] == "heirloom") is own}) for own in (True, False)
        )
        rounds = f"{ours} rounds, programs in turn" + (f", peers in {peers} of them" if peers < ours else "")
        parts.append(f"\n## {workload.TITLE}\n\n{rounds}. {facts[0].upper()}{facts[1:]}.\n\n")
        parts.append(workload.tables(timings) + warnings(timings))
        if name == "process":
            shown = "\n".join(result["commands"].values())
            parts.append(f"\n```\n{shown}\n```\n")
    return "".join(parts)


def warnings(timings: list[dict[str, Any]]) -> str:
    """What spoils the figures: failures, and others at work."""
    lines = []
    busy = [t["others"] for t in timings if t["others"] is not None and t["others"] > QUIET]
    if busy:
        lines.append(
            f"**Not a quiet machine**: during {len(busy)} of {len(timings)} runs others took more than "
            f"{100 * QUIET:.0f} % of a core, at most {100 * max(busy):.0f} %."
        )
    if any(t["others"] is None for t in timings):
        lines.append("Whether others were busy meanwhile could not be seen on this system.")
    failed = [t for t in timings if t["failed"]]
    if failed:
        lines.append(
            f"{len(failed)} of {len(timings)} runs failed; the last one said: {failed[-1]['failed']}"
        )
    return "".join(f"\n{line}\n" for line in lines)


if __name__ == "__main__":
    main()
