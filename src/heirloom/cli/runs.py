"""Commands that train, go on with a run and report on it: train, resume, report."""

import shlex
import signal
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from heirloom.cli.options import Arguments, DataRoots, Device, Every, OwnModel, Quiet, RunPath, Threads

if TYPE_CHECKING:
    from heirloom.events import Event
    from heirloom.measures import Measure


def train(
    recipe: Annotated[
        str, typer.Argument(metavar="RECIPE|MODEL", help="Recipe, network, file.py:Class, or recipe.json.")
    ],
    data: Annotated[
        str | None, typer.Option(help="Data set to learn, such as digits, or a folder: ./photos.")
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change the recipe; repeatable."),
    ] = None,
    arg: Arguments = None,
    weights: Annotated[Path | None, typer.Option(help="Weights file or run to start from.")] = None,
    freeze: Annotated[
        list[str] | None,
        typer.Option(metavar="PATTERN", help="Parameters that stay as they are, 'conv1.*'; repeatable."),
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Runs, with as many seeds.")] = 1,
    out: Annotated[
        Path | None, typer.Option(help="Run directory, absent or empty; by default below runs/.")
    ] = None,
    device: Device = None,
    threads: Threads = None,
    checkpoint_every: Every = 0,
    data_root: DataRoots = None,
    quiet: Quiet = False,
) -> None:
    """Train a network, evaluate it once on the test split, and write a report."""
    from heirloom.data import roots
    from heirloom.progress import waits
    from heirloom.recipes import find_recipe
    from heirloom.training import train

    roots.use(data_root or [])
    given = [f"weights={weights}"] if weights else []
    given += [f"freeze={' '.join(freeze)}"] if freeze else []
    title, chosen = find_recipe(recipe, data, [*given, *(set_ or [])])
    if arg:
        chosen = chosen.changed([f"args={' '.join([chosen.args, *arg]).strip()}"])
    values, paths = [], []
    for number in range(seeds):
        one = chosen.changed([f"seed={chosen.seed + number}"])
        folder = out / f"seed-{one.seed}" if out and seeds > 1 else out
        begin = partial(
            train,
            one,
            name=title,
            out=folder,
            device=device or "cpu",
            threads=threads,
            checkpoint_every=checkpoint_every,
        )
        with waits(quiet):
            measure, value, path = _follow(begin, chosen.model, quiet)
        values.append(value)
        paths.append(path)
    if seeds > 1:
        print(measure.spread_line(values))
    for path in paths:
        print(f"run: {path}")


def resume(
    run: RunPath,
    model: OwnModel = None,
    device: Device = None,
    threads: Threads = None,
    checkpoint_every: Every = 0,
    data_root: DataRoots = None,
    quiet: Quiet = False,
    prove: Annotated[
        bool, typer.Option("--prove", help="Then train it again without a break; exit 1 if a byte differs.")
    ] = False,
) -> None:
    """Go on with a run that was interrupted; the end is the same, bit by bit."""
    from heirloom.data import roots
    from heirloom.progress import waits
    from heirloom.training import prove as repeat
    from heirloom.training import resume

    roots.use(data_root or [])
    begin = partial(resume, run, model, device=device, threads=threads, checkpoint_every=checkpoint_every)
    with waits(quiet):
        *_, path = _follow(begin, model, quiet, str(run))
    if prove:
        print("training once more without a break, to compare", file=sys.stderr)
        same = repeat(path, model)
        print(f"proof: model.safetensors {'is the same' if same else 'differs'} without a break")
    print(f"run: {path}")
    if prove and not same:
        raise typer.Exit(1)


def report(run: RunPath, model: OwnModel = None, data_root: DataRoots = None, quiet: Quiet = False) -> None:
    """Write the report of a finished run: one file, no scripts."""
    from heirloom.data import roots
    from heirloom.progress import waits
    from heirloom.reports import report

    roots.use(data_root or [])
    with waits(quiet):
        print(report(run, model))


def _follow(
    begin: "Callable[[], Iterator[Event]]", model: str | None, quiet: bool, path: str = ""
) -> "tuple[Measure, float, str]":
    """Begin a run and show it, evaluate it once on the test split, and write its report.

    Returns what was measured, and the run's path; before there is a run it is empty.
    """
    from heirloom.data import roots
    from heirloom.data.listing import bad_note
    from heirloom.evaluation import evaluate
    from heirloom.events import Started
    from heirloom.measures import measure_of
    from heirloom.progress import shown
    from heirloom.reports import report
    from heirloom.runs import Run

    step = None
    with _Interruption() as interruption:
        try:
            events = begin()
            interruption.at_once = False
            with shown(quiet) as display:
                for event in events:
                    display.show(event)
                    if isinstance(event, Started):
                        path, step = event.run, event.step
                    if step is None:  # notes come first
                        continue
                    step = display.step
                    if interruption.signal:
                        events.close()  # type: ignore[attr-defined]
                        raise _Stopped
            interruption.at_once = True
            if interruption.signal:
                raise _Stopped
            run = Run(path)
            if not (run.path / "evaluations" / "test-center.json").is_file():
                found = evaluate(run.path, model=model)
                if found.bad:
                    print(bad_note(found.bad), file=sys.stderr)
            metrics = run.read_json("evaluations/test-center.json")["metrics"]
            name, value = next(iter(metrics.items()))
            page = report(run.path, model)
        except BaseException as error:
            # Where Python makes a class, it turns what comes from a handler into an error of its own.
            struck = interruption.at_once and interruption.signal
            if not struck and not isinstance(error, _Stopped):
                raise
            own = ["--model", model] if model and ":" in model else []
            data = [word for root in roots.used() for word in ("--data-root", str(root))]
            again = shlex.join(["heirloom", "resume", path, *own, *data])
            at = "before the first step" if step is None else f"at step {step}"
            how = f"go on with: {again}" if path else "no run was begun, images already decoded are kept"
            print(f"stopped {at}; {how}", file=sys.stderr)
            raise typer.Exit(128 + interruption.signal) from None
    measure = measure_of(name)
    print(measure.line(name, value))
    print(f"report: {page}")
    return measure, float(value["value"]), path


class _Stopped(BaseException):
    """The user has asked to stop. No handler of errors may take it for one."""


class _Interruption:
    """Notes the first Ctrl-C or SIGTERM; the second ends the program.

    With ``at_once`` the first one stops what is being done: before the first step and after the last one
    nothing needs to be finished. Else it is left to whoever finishes the step.
    """

    def __init__(self) -> None:
        self.signal = 0
        self.at_once = True
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "_Interruption":
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.signal = number
        for each in self._before:
            signal.signal(each, signal.SIG_DFL)
        if self.at_once:
            raise _Stopped
