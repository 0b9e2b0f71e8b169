"""Training, as a generator of small events.

Order, augmentation and dropout are functions of (seed, epoch, index) and (seed, step), so a checkpoint
holds no random state, and a run that was interrupted ends with the same bytes as one that was not.
"""

import contextlib
import dataclasses
import math
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from heirloom.checkpoints import Checkpoint, newest_checkpoint, save_checkpoint
from heirloom.data import Dataset, Split, load_data
from heirloom.data.augmentation import AUGMENTATIONS
from heirloom.data.preprocessing import Preprocess
from heirloom.data.sampling import mix, permutation
from heirloom.errors import HeirloomError
from heirloom.evaluation import scores_of
from heirloom.events import Done, Epoch, Event, Note, Saved, Started, Step
from heirloom.losses import LOSSES
from heirloom.models import create_model, faults_of, permitted, plain_name, takes
from heirloom.optimizers import learning_rate, make_optimizer
from heirloom.recipes import Recipe, find_recipe, run_name
from heirloom.runs import EventLog, Run, create_run
from heirloom.weights import Card, fill, finite, save_model, start_from, weights_path

SECONDS_BETWEEN_CHECKPOINTS = 5.0
"""At the end of an epoch, where no number of steps was asked for. When one is written changes no result."""

NUMBERS_PER_THREAD = 250_000
"""Input numbers of a batch for which a further thread pays. For LeNet-5's 32 x 1,024 a second one gains
nothing, and where the machine has other work the two wait for each other at every layer."""

LINES_PER_EPOCH = 20
"""How many lines of an epoch ``events.jsonl`` gets; the events of the generator are one per step."""


def train(
    recipe: Recipe | str,
    data: str | None = None,
    *,
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
        data: Name of a data set, where ``recipe`` is a model's name.
        out: The run directory, absent or empty; by default ``runs/<recipe>-001``, counting up.
        device: ``cpu``, ``cuda``, ``cuda:1``, ...
        threads: Threads of the processor; by default as many as the batches are large enough for. Equal
            bytes need equal threads.
        checkpoint_every: Steps between checkpoints; 0 means at the end of an epoch, if the last one is
            more than five seconds old.

    Raises:
        HeirloomError: The recipe, the place or the device cannot be used, or (``E-diverged``) the loss is
            not finite: then that update is not made.
    """
    name, recipe = find_recipe(recipe, data) if isinstance(recipe, str) else (run_name(recipe), recipe)
    if recipe.weights:
        recipe = dataclasses.replace(recipe, weights=str(Path(recipe.weights).resolve()))
    place = _device(device)
    job = _Job(recipe, place)
    threads = threads or job.threads()
    job.begin()  # all that can fail on wrong input fails now, before a folder is made
    return _go(create_run(recipe, name, place, threads, out), job, threads, checkpoint_every, [])


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
    device, threads = device or old["device"], threads or old["threads"]
    now = {"torch": torch.__version__, "threads": threads, "device": device}
    notes = [
        f"not equal to the last bit: {key} was {old[key]}, is {value}"
        for key, value in now.items()
        if key in old and old[key] != value
    ]
    return _go(found, _Job(_recipe_of(found, model), _device(device)), threads, checkpoint_every, notes)


def _recipe_of(run: Run, model: str | None) -> Recipe:
    recipe = run.recipe
    return dataclasses.replace(recipe, model=permitted(recipe.model, model, str(run.path)))


def prove(run: Path | str, model: str | None = None) -> bool:
    """Train a finished run's recipe once more, without a break, and compare the weights byte by byte.

    ``model`` is as in `resume`. Weights that the recipe starts from must still be where they were.

    Raises:
        HeirloomError: (``E-run``) Not a run, or not finished.
    """
    found = Run(run)
    weights = weights_path(found.path).read_bytes()
    old = found.versions
    with tempfile.TemporaryDirectory() as folder:
        again = Path(folder) / "again"
        for _ in train(_recipe_of(found, model), out=again, device=old["device"], threads=old["threads"]):
            pass
        return (again / "model.safetensors").read_bytes() == weights


class _Job:
    """Network, data and optimiser of a recipe, ready for step 0."""

    def __init__(self, recipe: Recipe, device: torch.device) -> None:
        self.recipe, self.device = recipe, device
        dataset = load_data(recipe.data)
        chosen = dataset.split(recipe.split)
        limit = recipe.train_limit or len(chosen)
        chosen = Split(chosen.images[:limit], chosen.labels[:limit])
        with self._chance(0):
            self.model, self.card = _network(recipe, dataset, chosen)
        self.model.to(device)
        self.train = self._ready(chosen)
        held_out = "val" in dataset.splits and "val" not in recipe.split.split("+")
        self.val = self._ready(dataset.split("val")) if held_out else None
        self.loss = LOSSES[recipe.loss]
        with faults_of(recipe.model, "optimizer"):
            self.optimizer = make_optimizer(recipe, self.model.parameters())
        self.steps_per_epoch = math.ceil(len(chosen) / recipe.batch_size)
        self.steps = self.steps_per_epoch * recipe.epochs
        if recipe.max_steps:
            self.steps = min(self.steps, recipe.max_steps)

    def _ready(self, split: Split) -> Split:
        """The images fitted into the network's input once, for all epochs."""
        return Split(self.card.preprocess.fit(split.images).to(self.device), split.labels.to(self.device))

    @contextlib.contextmanager
    def _chance(self, number: int) -> Iterator[None]:
        """Torch's generators seeded by the recipe's seed and ``number``; the caller's own are left alone."""
        devices = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()
        with torch.random.fork_rng(devices):
            torch.manual_seed(_words(self.recipe.seed, number))
            yield

    def update(
        self, step: int, epoch: int, index: np.ndarray[Any, np.dtype[np.int64]]
    ) -> tuple[float, int, float]:
        """One step of the optimiser on the images of ``index``; loss, hits and learning rate."""
        recipe, preprocess = self.recipe, self.card.preprocess
        chosen = torch.from_numpy(index).to(self.device)
        labels = self.train.labels[chosen]
        images = preprocess.scaled(self.train.images[chosen])
        images = AUGMENTATIONS[recipe.augment](images, recipe.seed, epoch, index)
        with self._chance(1 + step), faults_of(recipe.model, f"step {step + 1}"):  # for dropout
            scores = self.model(preprocess.normalised(images))
            loss = self.loss(scores, labels)
        value = float(loss.detach())
        lr = learning_rate(recipe, step, self.steps)
        if not math.isfinite(value):
            raise HeirloomError(
                "E-diverged",
                f"the loss is {value} at step {step + 1}",
                why=f"learning rate {lr:.3g}, samples {index[:4].tolist()}...",
                remedy="lower the rate: --set lr=...; the update was not made, the last checkpoint is good",
            )
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        self.optimizer.zero_grad(set_to_none=True)
        with faults_of(recipe.model, f"step {step + 1}"):
            loss.backward()
            self.optimizer.step()
        return value, int((scores.argmax(1) == labels).sum()), lr

    def optimizer_tensors(self) -> dict[str, Tensor]:
        """State of the optimiser, by ``parameter.key``."""
        return {
            f"{name}.{key}": torch.as_tensor(value)
            for name, parameter in self.model.named_parameters()
            for key, value in self.optimizer.state.get(parameter, {}).items()
        }

    def first_weights(self) -> dict[str, Tensor]:
        """The weights nearest to the image, by name: what one watches while a network learns."""
        found = next(((n, p) for n, p in self.model.named_parameters() if p.ndim > 1), None)
        return finite(dict([found])) if found else {}

    def threads(self) -> int:
        """As many threads as torch would take, but one for each `NUMBERS_PER_THREAD` of a batch."""
        numbers = min(self.recipe.batch_size, len(self.train)) * self.train.images[0].numel()
        return max(1, min(torch.get_num_threads(), numbers // NUMBERS_PER_THREAD))

    def state(self) -> dict[str, Any]:
        """What a checkpoint notes of the job itself."""
        return {"recipe": self._recipe()}

    def _recipe(self) -> dict[str, Any]:
        """What decides every update: all but where things lie."""
        values = self.recipe.as_dict() | {"model": plain_name(self.recipe.model)}
        del values["weights"]
        return values

    def begin(self) -> None:
        """Take up the weights to start from, if the recipe names any."""
        if self.recipe.weights:
            start_from(self.model, self.card, self.recipe.weights)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Take up the numbers of a checkpoint.

        Raises:
            HeirloomError: (``E-checkpoint``) It was made with another recipe; (``E-weights-model``) the code
                of the network was changed since.
        """
        before, now = checkpoint.state.get("recipe", {}), self._recipe()
        changed = [
            f"{key} was {before.get(key)}, is {now[key]}" for key in now if before.get(key) != now[key]
        ]
        if changed:
            raise HeirloomError(
                "E-checkpoint",
                "the recipe was changed since the checkpoint",
                where="recipe.json",
                why=", ".join(changed),
                remedy="change it back, or start another run from these weights: heirloom train --weights",
            )
        fill(self.model, checkpoint.model, Path(f"step-{checkpoint.step:08d}"))
        parameters = dict(self.model.named_parameters())
        for key, value in checkpoint.optimizer.items():
            name, _, part = key.rpartition(".")
            self.optimizer.state[parameters[name]][part] = value.to(self.device)


def _go(run: Run, job: _Job, threads: int, checkpoint_every: int, notes: list[str]) -> Iterator[Event]:
    with run.lock():
        checkpoint, damaged = newest_checkpoint(run.path / "checkpoints")
        if checkpoint:
            job.restore(checkpoint)
            going_on = f"going on from step {checkpoint.step}"
            last = "already complete" if checkpoint.step == job.steps else going_on
            notes = [*damaged, *notes, last]
        else:
            job.begin()
        # Only now is anything changed: a run that cannot be taken up stays as it was.
        run.sweep()
        if not checkpoint or checkpoint.step < job.steps:
            run.write_versions(job.device, threads)
        log = EventLog(run, checkpoint.events if checkpoint else 0)
        threads_before = torch.get_num_threads()
        torch.set_num_threads(threads)
        try:
            for text in notes:
                yield Note(text)
            yield from _steps(run, job, log, checkpoint, checkpoint_every)
        finally:
            log.close()
            torch.set_num_threads(threads_before)


def _steps(
    run: Run, job: _Job, log: EventLog, checkpoint: Checkpoint | None, checkpoint_every: int
) -> Iterator[Event]:
    recipe, count = job.recipe, len(job.train)
    first = step = checkpoint.step if checkpoint else 0
    total, hits, seen = checkpoint.state["sums"] if checkpoint else (0.0, 0, 0)
    best = checkpoint.state["best"] if checkpoint else None
    saved, saved_at = (step if checkpoint else -1), time.monotonic()
    every = max(1, job.steps_per_epoch // LINES_PER_EPOCH)

    def save() -> None:
        nonlocal saved, saved_at
        state = {"sums": [total, hits, seen], "best": best, **job.state()}
        model = dict(job.model.state_dict())
        save_checkpoint(
            run.path / "checkpoints", Checkpoint(step, model, job.optimizer_tensors(), state, log.sync())
        )
        saved, saved_at = step, time.monotonic()

    def snapshot() -> None:
        if step == job.steps or str(step).rstrip("0") in ("", "1", "2", "5"):
            run.write_tensors(f"snapshots/step-{step:08d}.safetensors", job.first_weights())

    started = Started(str(run.path), recipe.model, recipe.data, count, recipe.epochs, job.steps, step)
    if not checkpoint:
        _write(log, started)
        snapshot()
        if recipe.weights:
            save()  # the file may be gone when the run is resumed
    try:
        yield started
        began = time.monotonic()
        while step < job.steps:
            epoch, batch = divmod(step, job.steps_per_epoch)
            if batch == 0 or step == first:
                order = permutation(recipe.seed, epoch, count)
                job.model.train()
            index = order[batch * recipe.batch_size : (batch + 1) * recipe.batch_size]
            loss, right, lr = job.update(step, epoch, index)
            step += 1
            snapshot()
            total, hits, seen = total + loss * len(index), hits + right, seen + len(index)
            event = Step(step, epoch + 1, total / seen, hits / seen, lr, seen)
            if step % every == 0:
                _write(log, event)
            ended = step % job.steps_per_epoch == 0 or step == job.steps
            if ended:
                val_loss, val_accuracy = _validate(job)
                seconds = time.monotonic() - began
                epoch_event = Epoch(
                    epoch + 1, step, event.loss, event.accuracy, val_loss, val_accuracy, round(seconds, 3)
                )
                _write(log, epoch_event)
                total, hits, seen, began = 0.0, 0, 0, time.monotonic()
                if val_accuracy is not None and (best is None or val_accuracy > best):
                    best = val_accuracy
                    save_model(run.path / "best.safetensors", job.model, job.card)
            due = step % checkpoint_every == 0 if checkpoint_every else ended
            late = checkpoint_every or time.monotonic() - saved_at > SECONDS_BETWEEN_CHECKPOINTS
            if (due and late) or step == job.steps:
                save()
            yield event
            if ended:
                yield epoch_event
            if saved == step:
                yield Saved(step)
    except GeneratorExit:
        if saved != step:
            save()
        raise
    if step != first:
        run.forget_evaluations()
    save_model(run.path / "model.safetensors", job.model, job.card)
    done = Done(str(run.path), step)
    _write(log, done)
    yield done


def _write(log: EventLog, event: Event) -> None:
    log.write(event=event.event, **asdict(event))


def _validate(job: _Job) -> tuple[float | None, float | None]:
    if job.val is None:
        return None, None
    with faults_of(job.recipe.model, "validation"):
        scores = scores_of(job.model, job.val.images, job.card.preprocess)
    job.model.train()
    loss = float(job.loss(scores, job.val.labels))
    return (loss if math.isfinite(loss) else None), float((scores.argmax(1) == job.val.labels).float().mean())


def _network(recipe: Recipe, dataset: Dataset, split: Split) -> tuple[nn.Module, Card]:
    """The network of a recipe, with as many classes and channels as the data has."""
    if not len(split):
        raise HeirloomError("E-data", f"{dataset.name} has no images in {recipe.split!r}")
    given = {"num_classes": len(dataset.classes), "in_chans": split.images.shape[1]}
    args = {key: value for key, value in given.items() if takes(recipe.model, key)}
    model = create_model(recipe.model, **args)
    if not any(True for _ in model.parameters()):
        raise HeirloomError("E-argument", f"{recipe.model} has no parameters to train")
    try:
        c, h, w = getattr(model, "input_size", split.images.shape[1:])
    except (TypeError, ValueError) as error:
        raise HeirloomError(
            "E-argument", f"input_size of {recipe.model} is not (C, H, W)", why=str(error)
        ) from error
    if recipe.box > min(h, w):
        raise HeirloomError("E-recipe", f"box={recipe.box}", why=f"the input is {h} x {w} pixels")
    preprocess = Preprocess((int(c), int(h), int(w)), recipe.box, (recipe.mean,) * c, (recipe.std,) * c)
    model.eval()
    with torch.no_grad(), faults_of(recipe.model, dataset.name):
        scores = model(preprocess(split.images[:2]))
    wanted = (min(2, len(split)), len(dataset.classes))
    if not isinstance(scores, Tensor) or tuple(scores.shape) != wanted:
        got = tuple(scores.shape) if isinstance(scores, Tensor) else type(scores).__name__
        raise HeirloomError(
            "E-argument", f"{recipe.model} does not give a score per class", why=f"{got} for {wanted}"
        )
    return model, Card(plain_name(recipe.model), args, dataset.classes, preprocess)


def _words(*words: int) -> int:
    """A seed for torch from several numbers."""
    return int(mix(*words)) >> 1


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
