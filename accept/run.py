"""The acceptance runs: train what the plan says, judge it, write RESULTS.md and RESULTS.csv.

Each run is an ordinary run directory, ``accept/runs/<recipe>-seed<k>``, made by ``heirloom train`` or
``heirloom resume`` in a process of its own. Started again, finished runs are kept and the others go on.
Ctrl-C and SIGTERM let each process write a checkpoint. Exit status 1: a bound was missed.
"""

import argparse
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from plan import PLAN, Row
from results import check_recipe, csv_text, finished_runs, judged, page, read_csv

from heirloom.errors import HeirloomError, nearest
from heirloom.files import write_atomically
from heirloom.recipes import Recipe, find_recipe

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = (sys.executable, "-m", "heirloom")


def main(arguments: Sequence[str] | None = None, plan: Sequence[Row] = PLAN, root: Path = ROOT) -> int:
    """Do what the command line says; the exit status.

    Raises:
        HeirloomError: (``E-usage``) The plan has no such recipe; (``E-model``) there is none; (``E-run``) a
            run was trained by another recipe, or is damaged.
    """
    parser = argparse.ArgumentParser(prog="python accept/run.py", description="The acceptance runs.")
    one = parser.add_mutually_exclusive_group()
    one.add_argument("recipe", nargs="?", help="only this recipe of the plan; RESULTS stay as they are")
    one.add_argument("--collect", action="store_true", help="train nothing: RESULTS of what is there")
    one.add_argument("--page", action="store_true", help="write RESULTS.md again from RESULTS.csv")
    parser.add_argument("--seeds", type=int, help="seeds 0, 1, ..., as many; by default what the plan says")
    parser.add_argument("--jobs", type=int, default=1, help="runs side by side")
    chosen = parser.parse_args(arguments)
    if chosen.jobs < 1 or (chosen.seeds is not None and chosen.seeds < 1):
        parser.error("--seeds and --jobs are at least 1")
    names = [row.recipe for row in plan]
    if chosen.recipe and chosen.recipe not in names:
        why = nearest(chosen.recipe, names)
        raise HeirloomError("E-usage", f"accept/plan.py has no recipe {chosen.recipe!r}", why=why)
    recipes = {name: find_recipe(name)[1] for name in names}  # a name that is no recipe fails now
    rows = [row for row in plan if chosen.recipe in (None, row.recipe)]
    if not chosen.collect and not chosen.page:
        runs = [(row.recipe, seed) for row in rows for seed in range(chosen.seeds or row.seeds)]
        todo = [_command(name, recipes[name], seed, root) for name, seed in runs]
        status = _train([command for command in todo if command], chosen.jobs, root)
        if status:
            return status
    path = root / "RESULTS.csv"
    mine = {row.recipe: recipes[row.recipe] for row in rows}
    lines = read_csv(path) if chosen.page else finished_runs(mine, root)
    if not chosen.recipe:
        text = page(lines, plan)
        write_atomically(path, csv_text(lines).encode())
        write_atomically(path.with_suffix(".md"), text.encode())
    own = {row: [line for line in lines if line["recipe"] == row.recipe] for row in rows}
    verdicts = [judged(row, found) for row, found in own.items() if found]
    for words, _ in verdicts:
        print(words)
    return int(not all(holds for _, holds in verdicts))


def _command(name: str, recipe: Recipe, seed: int, root: Path) -> list[str]:
    """What finishes a run: its own ``train`` or ``resume``, or nothing where it is finished."""
    path = Path("accept", "runs", f"{name}-seed{seed}")
    if not (root / path / "recipe.json").is_file():
        return ["train", name, "--set", f"seed={seed}", "--out", str(path)]
    check_recipe(root / path, recipe, seed)
    last = ("evaluations/test-center.json", "report.html")
    return [] if all((root / path / file).is_file() for file in last) else ["resume", str(path)]


def _train(todo: list[list[str]], jobs: int, root: Path) -> int:
    """Run the commands, so many at a time; the exit status of the first that fails, else 0."""
    quiet = ["--quiet"] if jobs > 1 else []
    running: list[subprocess.Popen[bytes]] = []
    try:
        while todo or running:
            while todo and len(running) < jobs:
                # In a session of its own: Ctrl-C reaches it once, from here. A second would kill it.
                command = [*PROGRAM, *todo.pop(0), *quiet]
                running.append(subprocess.Popen(command, cwd=root, start_new_session=True))
            time.sleep(0.1)
            for process in [process for process in running if process.poll() is not None]:
                running.remove(process)
                if process.returncode:
                    return process.returncode
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait()
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        sys.exit(main())
    except HeirloomError as error:
        print(f"accept: {error}", file=sys.stderr)
        sys.exit(error.status)
    except KeyboardInterrupt:
        print("stopped; the same command goes on", file=sys.stderr)
        sys.exit(128 + signal.SIGINT)
