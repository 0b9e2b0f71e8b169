"""What training and downloads show: a bar on a terminal, plain lines everywhere else. All on stderr."""

import math
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TransferSpeedColumn,
)

from heirloom.data.fetching import Watcher
from heirloom.data.waiting import watched
from heirloom.events import Epoch, Event, Note, Started, Step
from heirloom.measures import MEASURES

WARM_UP, WATCHED = 2, 3.0
"""Updates that an estimate of the time leaves out, and seconds of updates that it is made from."""
WORTH = 120.0
"""Seconds from which on a run's time is estimated."""
PATIENCE = 5.0
"""Seconds of waiting after which a line says for what, and then every so many."""


@contextmanager
def waits(quiet: bool) -> Iterator[None]:
    """Within, a line says from time to time what is waited for, such as images that are decoded."""
    with watched(_Waits()) if not quiet else nullcontext():
        yield


class _Waits:
    """See `heirloom.data.waiting.Watcher`."""

    def __init__(self) -> None:
        self.what, self.total, self.done = "", 0, 0
        self.began, self.said, self.first = 0.0, 0.0, 0

    def __call__(self, what: str, done: int, total: int) -> None:
        now = time.monotonic()
        another = (what, total) != (self.what, self.total) or done < self.done
        self.what, self.total, self.done = what, total, done
        if another:
            self.began, self.said, self.first = now, now, done
        elif now - self.said >= PATIENCE:
            self.said = now
            rate = (done - self.first) / (now - self.began)
            _say(f"{what}: {done:,} of {total:,}, {rate:,.{0 if rate >= 10 else 1}f} a second")


@contextmanager
def shown(quiet: bool) -> "Iterator[Display]":
    """A display for the events of one run; nothing but notes if ``quiet``."""
    console = Console(stderr=True, highlight=False)
    if quiet:
        yield Display(console)
    elif console.is_terminal and not console.is_dumb_terminal:
        with _Bar(console) as bar:
            yield bar
    else:
        yield _Lines(console)


class Display:
    """Shows notes only. Each event is given to `show` in turn."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.started: Started | None = None
        self.step = 0

    def show(self, event: Event) -> None:
        """Take one event."""
        match event:
            case Started():
                self.started, self.step = event, event.step
                self.begin(event)
            case Step():
                self.step = event.step
                self.update(event)
            case Epoch():
                self.epoch(event)
            case Note():
                self.line(event.text)

    def begin(self, event: Started) -> None:
        """Training starts."""

    def update(self, event: Step) -> None:
        """A step is done."""

    def epoch(self, event: Epoch) -> None:
        """An epoch is done."""

    def line(self, text: str) -> None:
        """Say something."""
        _say(text)


def _say(text: str) -> None:
    """Print on stderr. Work goes on where nobody listens any more."""
    try:
        print(text, file=sys.stderr, flush=True)
    except OSError:
        sys.stderr = open(os.devnull, "w")  # noqa: PTH123, SIM115


def duration(seconds: float) -> str:
    """For people: ``3 minutes``, ``2.5 hours``, ``4 days``."""
    for unit, length, most in (("minutes", 60, 90), ("hours", 3600, 48)):
        if seconds < most * length:
            count = seconds / length
            return f"{count:.1f} {unit}" if unit == "hours" and count < 10 else f"{count:.0f} {unit}"
    return f"{seconds / 86_400:.0f} days"


class _Timed(Display):
    """Knows how fast the run is, from its own start on."""

    def begin(self, event: Started) -> None:
        self.began, self.first, self.images = time.monotonic(), event.step, 0
        self.before, self.updates, self.warm, self.estimated = 0, 0, (0.0, 0), False
        again = "" if not event.step else f", from step {event.step}"
        self.line(
            f"training {event.model} on {event.images:,} images of {event.data}, "
            f"{event.epochs} epochs, {event.steps:,} steps{again}: {event.run}"
        )

    def update(self, event: Step) -> None:
        self.images += event.images - self.before if event.images > self.before else event.images
        self.before = event.images
        self.estimate(event)

    def estimate(self, event: Step) -> None:
        """Say once, after some updates, how long all will take, if it is long."""
        assert self.started is not None
        now = time.monotonic()
        self.updates += 1
        if self.updates == WARM_UP:
            self.warm = now, self.images
        seconds, images = now - self.warm[0], self.images - self.warm[1]
        if self.updates <= WARM_UP or self.estimated or seconds < WATCHED:
            return
        self.estimated = True
        left = seconds / (self.updates - WARM_UP) * (self.started.steps - event.step)
        if left >= WORTH:
            epochs = math.ceil(self.started.epochs * (1 - event.step / self.started.steps))
            self.line(f"about {duration(left)} for {epochs} epochs ({images / seconds:,.3g} images/s)")

    def speed(self) -> str:
        return f"{self.images / max(time.monotonic() - self.began, 1e-9):,.0f} images/s"

    def left(self, step: int) -> str:
        assert self.started is not None
        done = max(step - self.first, 1)
        seconds = (time.monotonic() - self.began) / done * (self.started.steps - step)
        return f"{int(seconds) // 60}:{int(seconds) % 60:02d} left"


def _facts(event: Step | Epoch) -> str:
    """Loss and measure; a measure that is the loss is said once."""
    found = [(m, value) for m in MEASURES if (value := getattr(event, m.word)) is not None]
    told = [(m, value) for m, value in found if not math.isclose(value, event.loss, rel_tol=1e-4)]
    measures = "".join(f"  {m.word} {m.text(value, 1)}" for m, value in told)
    return f"loss {event.loss:.4g}{measures}"


def _validation(event: Epoch) -> str:
    found = [(m, value) for m in MEASURES if (value := getattr(event, f"val_{m.word}")) is not None]
    return "".join(f"  validation {m.text(value, 1)}" for m, value in found)


class _Lines(_Timed):
    """One line for each epoch."""

    def epoch(self, event: Epoch) -> None:
        assert self.started is not None
        self.line(
            f"epoch {event.epoch}/{self.started.epochs}  {_facts(event)}{_validation(event)}  "
            f"{self.speed()}  {self.left(event.step)}"
        )


class _Bar(_Timed):
    """One bar for the whole run, with the numbers of the moment."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self.last = ""
        self.progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[facts]}"),
            console=console,
            transient=True,
        )

    def __enter__(self) -> "_Bar":
        self.progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.progress.stop()

    def begin(self, event: Started) -> None:
        super().begin(event)
        self.task = self.progress.add_task("", total=event.steps, completed=event.step, facts="")

    def update(self, event: Step) -> None:
        super().update(event)
        assert self.started is not None
        self.progress.update(
            self.task,
            completed=event.step,
            description=f"epoch {event.epoch}/{self.started.epochs}",
            facts=f"{_facts(event)}{self.last}  {self.speed()}  {self.left(event.step)}",
        )

    def epoch(self, event: Epoch) -> None:
        self.last = _validation(event)

    def line(self, text: str) -> None:
        self.console.print(text, markup=False, soft_wrap=True)


@contextmanager
def downloads(quiet: bool) -> Iterator[Watcher]:
    """What watches a download; it says only what went wrong if ``quiet``."""
    console = Console(stderr=True, highlight=False)
    if quiet:
        yield _Notes()
    elif console.is_terminal and not console.is_dumb_terminal:
        with Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            console=console,
        ) as progress:
            yield _FileBars(progress)
    else:
        yield _FileLines()


class _Notes(Watcher):
    def note(self, text: str) -> None:
        _say(text)


class _FileLines(_Notes):
    """One line when a file begins."""

    def __init__(self) -> None:
        self.file = ""

    def progress(self, file: str, done: int, total: int | None) -> None:
        if file != self.file:
            self.file = file
            _say(f"fetching {file}" + (f", {total:,} bytes" if total else ""))


class _FileBars(Watcher):
    """One bar for each file."""

    def __init__(self, bars: Progress) -> None:
        self.bars = bars
        self.tasks: dict[str, TaskID] = {}

    def note(self, text: str) -> None:
        self.bars.console.print(text, markup=False, soft_wrap=True)

    def progress(self, file: str, done: int, total: int | None) -> None:
        if file not in self.tasks:
            self.tasks[file] = self.bars.add_task(file)
        self.bars.update(self.tasks[file], completed=done, total=total)
