"""Training, as a generator of small events.

Order, augmentation and dropout are functions of (seed, epoch, index) and (seed, step), so a checkpoint
holds no random state, and a run that was interrupted ends with the same bytes as one that was not.
"""

import contextlib
import dataclasses
import math
import tempfile
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import torch

from heirloom.checkpoints import Checkpoint, newest_checkpoint, save_checkpoint
from heirloom.data import absolute
from heirloom.data.listing import bad_note
from heirloom.errors import HeirloomError
from heirloom.evaluation import kept_of
from heirloom.events import Done, Epoch, Event, Note, Saved, Started, Step, as_line
from heirloom.files import write_atomically
from heirloom.images import DECODERS
from heirloom.job import Job
from heirloom.kernels import native
from heirloom.memory import keep_freed_memory
from heirloom.models import faults_of, permitted
from heirloom.recipes import Recipe, find_recipe, run_name
from heirloom.runs import EventLog, Run, check_free, create_run
from heirloom.weights import save_model, weights_path

SECONDS_BETWEEN_CHECKPOINTS = 5.0
"""At the end of an epoch, where no number of steps was asked for. When one is written changes no result."""

SAVING_SHARE = 0.05
"""Of the time that they may take: AlexNet with its momentum is half a gigabyte."""

PLAIN = "plain"
"""What ``versions.json`` says of kernels where those of native.c were not asked for."""

LINES_PER_EPOCH = 20
"""How many lines of an epoch ``events.jsonl`` gets; the events of the generator are one per step."""


def train(
    recipe: Recipe | str,
    data: str | None = None,
    *,
    name: str | None = None,
    out: Path | str | None = None,
    device: str = "cpu",
    threads: int | None = None,
    checkpoint_every: int = 0,
) -> Iterator[Event]:
    """Train a network in a new run directory; the generator has an event for each step, epoch and checkpoint.

    Input is checked and the directory made at once; the work is done as the events are taken. Closing the
    generator, or letting it go, writes a checkpoint.

    Args:
        recipe: What to compute, or the name of a recipe or a model.
        data: Name of a data set or path of images, where ``recipe`` is a model's name.
        name: What the run is called; by default the recipe's name, or its model and data.
        out: The run directory, absent or empty; by default ``runs/<name>-001``, counting up.
        device: ``cpu``, ``cuda``, ``cuda:1``, ...
        threads: Threads of the processor; by default as many as the batches are large enough for. Equal
            bytes need equal threads.
        checkpoint_every: Steps between checkpoints; 0 means at the end of an epoch, if the last one is
            more than five seconds old, and twenty times as old as it took to write.

    Raises:
        HeirloomError: The recipe, the place or the device cannot be used, or (``E-diverged``) the loss is
            not finite: then that update is not made.
    """
    found, recipe = find_recipe(recipe, data) if isinstance(recipe, str) else (run_name(recipe), recipe)
    if recipe.weights:
        recipe = dataclasses.replace(recipe, weights=str(Path(recipe.weights).resolve()))
    recipe = dataclasses.replace(recipe, data=absolute(recipe.data))
    return _train(recipe, name or found, out, device, threads, checkpoint_every)


def _train(
    recipe: Recipe,
    name: str,
    out: Path | str | None,
    device: str,
    threads: int | None,
    checkpoint_every: int = 0,
    natively: bool = True,
    start: Path | None = None,
) -> Iterator[Event]:
    place = _device(device)
    if out is not None:
        check_free(Path(out))  # before images are looked at, which may take long
    if place.type == "cpu":
        keep_freed_memory()
    if recipe.weights and not start:
        start = weights_path(recipe.weights)
    job = Job(recipe, place, start)
    helpers = threads or torch.get_num_threads()
    threads = threads or job.threads()
    job.begin()  # all that can fail on wrong input fails now, before a folder is made
    kernels = native.find() if natively and job.natively() else PLAIN
    run = create_run(recipe, name, place, threads, out, kernels, start)
    run.write_bad_files(job.bad_files)
    return _go(run, job, threads, helpers, kernels, checkpoint_every, [])


def resume(
    run: Path | str,
    model: str | None = None,
    *,
    device: str | None = None,
    threads: int | None = None,
    checkpoint_every: int = 0,
) -> Iterator[Event]:
    """Go on with a run from its newest good checkpoint, or from the start where it has none.

    Args:
        run: The run directory.
        model: ``file.py:Class`` or ``package.module:Class`` where the network is code of one's own, wherever
            it is now. A file alone never decides which code runs.
        device: By default the run's own.
        threads: By default the run's own. With another number the result is not equal to the last bit.
        checkpoint_every: As in `train`.

    Raises:
        HeirloomError: (``E-run``) Not a run; (``E-checkpoint``) all its checkpoints are damaged, or its
            recipe is no longer the one that they were made with; (``E-locked``) another process trains in it.
    """
    found = Run(run)
    old = found.versions
    if (device or old["device"]) == "cpu":
        keep_freed_memory()
    helpers = threads or torch.get_num_threads()
    device, threads = device or old["device"], threads or old["threads"]
    job = Job(_recipe_of(found, model), _device(device), found.start)
    # A run that did without stays without: it ends with the same bytes.
    kernels = native.find() if _native(old) and job.natively() else PLAIN
    now = {"torch": torch.__version__, "threads": threads, "device": device}
    now["kernels"] = kernels if _native(old) else old.get("kernels")  # plain, for whatever reason
    if job.train.gate:
        now |= DECODERS
    notes = [
        f"not equal to the last bit: {key} was {old[key]}, is {value}"
        for key, value in now.items()
        if key in old and old[key] != value
    ]
    return _go(found, job, threads, helpers, kernels, checkpoint_every, notes)


def _native(versions: dict[str, Any]) -> bool:
    """True for a run that took the fast paths of native.c."""
    return str(versions.get("kernels")).startswith(native.NATIVE)


def _recipe_of(run: Run, model: str | None) -> Recipe:
    recipe = run.recipe
    return dataclasses.replace(recipe, model=permitted(recipe.model, model, str(run.path)))


def prove(run: Path | str, model: str | None = None) -> bool:
    """Train a finished run's recipe once more, without a break, and compare the weights byte by byte.

    ``model`` is as in `resume`.

    Raises:
        HeirloomError: (``E-run``) Not a run, or not finished.
    """
    found = Run(run)
    weights = weights_path(found.path).read_bytes()
    old = found.versions
    with tempfile.TemporaryDirectory() as folder:
        again = Path(folder) / "again"
        recipe, device, threads = _recipe_of(found, model), old["device"], old["threads"]
        for _ in _train(recipe, "again", again, device, threads, natively=_native(old), start=found.start):
            pass
        return (again / "model.safetensors").read_bytes() == weights


def _go(
    run: Run, job: Job, threads: int, helpers: int, kernels: str, checkpoint_every: int, notes: list[str]
) -> Iterator[Event]:
    """The events, each made with the settings of the run. In between others may compute, or train as well."""
    activation, natively = object(), helpers if kernels != PLAIN else 0
    events = _events(run, job, threads, kernels, checkpoint_every, notes)
    try:
        while True:
            with _set(threads, job.batch_size), native.active(natively, activation):
                event = next(events, None)
            if event is None:
                return
            yield event
    finally:
        with _set(threads, job.batch_size), native.active(natively, activation):
            events.close()


@contextlib.contextmanager
def _set(threads: int, batch_size: int) -> Iterator[None]:
    """Within, what PyTorch has one of in a process is as a run needs it."""
    threads_before, onednn_before = torch.get_num_threads(), torch._C._get_mkldnn_enabled()
    onednn = (
        onednn_before and batch_size > 1
    )  # its preparations take longer than the convolutions of one image
    try:
        if threads != threads_before:
            torch.set_num_threads(threads)
        if onednn != onednn_before:
            torch._C._set_mkldnn_enabled(onednn)
        yield
    finally:
        if threads != threads_before:
            torch.set_num_threads(threads_before)
        if onednn != onednn_before:
            torch._C._set_mkldnn_enabled(onednn_before)


def _events(
    run: Run, job: Job, threads: int, kernels: str, checkpoint_every: int, notes: list[str]
) -> Generator[Event]:
    with run.lock():
        checkpoint, damaged = newest_checkpoint(run.path / "checkpoints")
        if checkpoint:
            job.restore(checkpoint)
            going_on = f"going on from step {checkpoint.step}"
            complete = checkpoint.step == job.steps or bool(checkpoint.state.get("stopped"))
            notes = [*damaged, *notes, "already complete" if complete else going_on]
        else:
            job.begin()
            complete = False
        # Only now is anything changed: a run that cannot be taken up stays as it was.
        run.sweep()
        if not complete:
            run.write_versions(job.device, threads, kernels)
        log = EventLog(run, checkpoint.events if checkpoint else 0)
        try:
            for text in [*job.notes, *notes]:
                yield Note(text)
            yield from _steps(run, job, log, checkpoint, checkpoint_every)
        finally:
            log.close()


def _steps(
    run: Run, job: Job, log: EventLog, checkpoint: Checkpoint | None, checkpoint_every: int
) -> Iterator[Event]:
    recipe, count = job.recipe, len(job.train)
    first = step = checkpoint.step if checkpoint else 0
    word, better = job.task.measure.word, job.task.measure.better
    total, measured, seen = checkpoint.state["sums"] if checkpoint else (0.0, 0, 0)
    best = checkpoint.state["best"] if checkpoint else None
    best_epoch = checkpoint.state.get("best_epoch", 0) if checkpoint else 0
    stopped = bool(checkpoint and checkpoint.state.get("stopped"))
    best_file, keeps_best = run.path / "best.safetensors", recipe.keep == "best"
    if checkpoint and checkpoint.best:  # the file may be of an epoch that is about to be repeated, or gone
        write_atomically(best_file, checkpoint.best)
    saved, saved_at, took = (step if checkpoint else -1), time.monotonic(), 0.0
    every, known = max(1, job.steps_per_epoch // LINES_PER_EPOCH), len(job.noted_bad)

    def save() -> None:
        nonlocal saved, saved_at, took
        asked_at = time.monotonic()
        state = {
            "sums": [total, measured, seen],
            "best": best,
            "best_epoch": best_epoch,
            "stopped": stopped,
            **job.state(),
        }
        kept = best_file.read_bytes() if keeps_best and best_epoch else b""
        tensors = dict(job.model.state_dict()), job.optimizer_tensors()
        save_checkpoint(run.path / "checkpoints", Checkpoint(step, *tensors, state, log.sync(), kept))
        saved, saved_at = step, time.monotonic()
        took = saved_at - asked_at

    def snapshot() -> None:
        if step == job.steps or stopped or str(step).rstrip("0") in ("", "1", "2", "5"):
            run.write_tensors(f"snapshots/step-{step:08d}.safetensors", job.first_weights())

    started = Started(str(run.path), recipe.model, recipe.data, count, recipe.epochs, job.steps, step)
    if not checkpoint:
        _write(log, started)
        snapshot()
    try:
        yield started
        job.train_mode()
        began = time.monotonic()
        if step < job.steps:
            run.write_bad_files(job.bad_files)  # an interrupted run may have known fewer
        while step < job.steps and not stopped:
            update = job.update(step)
            epoch = step // job.steps_per_epoch
            step += 1
            snapshot()
            total, measured = total + update.loss * update.images, measured + update.measured
            seen += update.images
            many = max(seen, 1)  # none where all files of a batch are bad
            mean: dict[str, Any] = {word: measured / many}
            event = Step(step=step, epoch=epoch + 1, loss=total / many, lr=update.lr, images=seen, **mean)
            if step % every == 0:
                _write(log, event)
            ended = step % job.steps_per_epoch == 0 or step == job.steps
            if ended:
                val_loss, value = _validate(job)
                bad = job.bad_files  # asked once: more may be found at any moment
                more, known = bad[known:], len(bad)
                if more:  # what decoding alone found
                    run.write_bad_files(bad)
                job.validated(value, step)
                seconds, mean = round(time.monotonic() - began, 3), mean | {f"val_{word}": value}
                epoch_event = Epoch(
                    epoch=epoch + 1, step=step, loss=event.loss, val_loss=val_loss, seconds=seconds, **mean
                )
                _write(log, epoch_event)
                total, measured, seen, began = 0.0, 0, 0, time.monotonic()
                if value is not None and (best is None or better(value, best)):
                    best, best_epoch = value, epoch + 1
                    with job.averaged():
                        save_model(best_file, job.model, job.card)
                stopped = 0 < recipe.patience <= epoch + 1 - best_epoch and step < job.steps
                if stopped:
                    snapshot()
            due = step % checkpoint_every == 0 if checkpoint_every else ended
            pause = max(SECONDS_BETWEEN_CHECKPOINTS, took / SAVING_SHARE)
            late = checkpoint_every or time.monotonic() - saved_at > pause
            if (due and late) or step == job.steps or stopped:
                save()
            yield event
            if ended:
                yield epoch_event
                if more:
                    yield Note(bad_note(more))
            if saved == step:
                yield Saved(step)
    except GeneratorExit:
        if saved != step:
            save()
        raise
    if step != first:
        run.forget_evaluations()
    notes, kept = [], best_epoch if keeps_best and best_epoch else None
    if stopped:
        epochs = step // job.steps_per_epoch
        notes.append(f"stopped after epoch {epochs}: the last {recipe.patience} were no better by validation")
    if kept:
        write_atomically(run.path / "model.safetensors", best_file.read_bytes())
        notes.append(f"the weights are those of epoch {kept}, the best by validation")
    else:
        with job.averaged():
            save_model(run.path / "model.safetensors", job.model, job.card)
    done = Done(str(run.path), step, kept)
    _write(log, done)
    for text in notes:
        yield Note(text)
    yield done


def _write(log: EventLog, event: Event) -> None:
    log.write(**as_line(event))


def _validate(job: Job) -> tuple[float | None, float | None]:
    val = job.validation()
    if val is None:
        return None, None
    with job.averaged(), faults_of(job.recipe.model, "validation"):
        kept = kept_of(job.task, job.model, val.images, job.card.preprocess, job.device)
    job.train_mode()
    loss, value = job.task.validated(kept, val.labels.to(kept.device), job.loss)
    return (loss if math.isfinite(loss) else None), (value if math.isfinite(value) else None)


def _device(name: str) -> torch.device:
    try:
        device = torch.device(name)
        torch.empty(1, device=device).item()  # the device "meta" has no values
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        have = ["cpu", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]
        raise HeirloomError(
            "E-device",
            f"no device {name!r}",
            why=str(error).splitlines()[0],
            remedy=f"here: {', '.join(have)}",
        ) from error
    return device
