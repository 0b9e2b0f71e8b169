"""The job of a recipe: its network, data, loss and optimiser, ready for the first update."""

import contextlib
import dataclasses
import hashlib
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from heirloom.averaging import MovingAverage
from heirloom.checkpoints import Checkpoint
from heirloom.curvature import check_chain, curvature
from heirloom.data import Split, is_path
from heirloom.data.augmentation import AUGMENTATIONS, Chosen
from heirloom.data.listing import BadFile
from heirloom.data.sampling import mix, permutation
from heirloom.errors import HeirloomError
from heirloom.finetuning import (
    freeze,
    frozen_note,
    new_tensors,
    start_card,
    start_from,
    start_notes,
    with_new_rates,
)
from heirloom.groundwork import data_of, network_of
from heirloom.kernels import native
from heirloom.layers import Conv2d, TableConv2d
from heirloom.layers.together import LEAST_IMAGES
from heirloom.losses import with_heads
from heirloom.models import faults_of, plain_name
from heirloom.optimizers import (
    CURVATURE_SAMPLES,
    OPTIMIZERS,
    DiagonalLevenbergMarquardt,
)
from heirloom.recipes import Recipe
from heirloom.schedules import Plateau, set_rates
from heirloom.tasks import TASKS
from heirloom.tracing import trace
from heirloom.weights import fill, finite, weights_path

NUMBERS_PER_THREAD, MACS_PER_THREAD = 250_000, 1_000_000_000
"""Input numbers of a batch, or multiply-accumulates of its way through the network, for which a further
thread pays. For LeNet-5's 32 x 1,024 a second one gains nothing, and where the machine has other work the two
wait for each other at every layer; ResNet-20 on 128 images of CIFAR-10 has few numbers, and much to do."""
MAPS_TOGETHER = 20
"""Input maps of a convolution from which a network keeps the numbers of a pixel together in memory."""

IMAGES_AHEAD, NUMBERS_AHEAD = 512, 2**24
"""So many images are distorted and normalised at once, with no more input numbers than that; or one batch,
where it is larger."""

_AVERAGE = "average"


class Update(NamedTuple):
    """What an update says of itself."""

    loss: float
    measured: float  # the task's measure, summed over the images
    images: int
    lr: float


class Job:
    """Network, data and optimiser of a recipe, ready for step 0.

    Args:
        recipe: What to compute.
        device: Where.
        start: The weights file to begin with, where the recipe names one.
    """

    def __init__(self, recipe: Recipe, device: torch.device, start: Path | None = None) -> None:
        self.recipe, self.device, self._start = recipe, device, start
        self.task, self.augmentation = TASKS[recipe.task], AUGMENTATIONS[recipe.augment]
        begun = start_card(start, plain_name(recipe.model)) if start else None
        dataset, chosen = data_of(recipe, begun)
        if chosen.gate and len(chosen):  # they are decoded while the network is made
            chosen.gate.begin(permutation(recipe.seed, 0, len(chosen)))
        self.notes, self.noted_bad = dataset.notes, dataset.bad  # one of the notes tells of these
        with self._chance(0):
            self.model, self.card = network_of(recipe, dataset, chosen, begun)
        new = new_tensors(begun, self.card, recipe.model) if begun else frozenset()
        if begun:
            self.notes += (*start_notes(begun, self.card, new),)
        self._still = freeze(self.model, recipe.freeze, new)
        if recipe.freeze:
            self.notes += (frozen_note(self.model),)
        if recipe.optimizer == "sdlm":
            check_chain(self.model)
        self.model.to(device)
        self._format = _format(self.model, device)
        for layer in self.model.modules():
            if isinstance(layer, nn.Conv2d):
                layer.weight.data = layer.weight.data.contiguous(memory_format=self._format)
        kept = (
            chosen.images
            if chosen.gate
            else self.augmentation.kept(chosen.images, self.card.preprocess, device)
        )
        self.train = dataclasses.replace(chosen, images=kept, labels=chosen.labels.to(device))
        self._data, self._val = _fingerprint(chosen), ""
        held_out = "val" in dataset.splits and "val" not in recipe.split.split("+")
        self.val = None
        if held_out:
            val = dataset.split("val")
            self.val, self._val = self._ready(val), _fingerprint(val)
        if recipe.schedule == "plateau" and not held_out:
            why = "it needs a split 'val' that is not trained on"
            raise HeirloomError("E-recipe", "schedule=plateau", why=why, remedy="take the schedule steps")
        self.plateau = Plateau()
        if self.val is None and (recipe.patience or recipe.keep == "best"):
            raise HeirloomError(
                "E-recipe",
                f"patience={recipe.patience}, keep={recipe.keep}",
                why=f"no images of {dataset.name} are held out to validate by",
                remedy="--set patience=0 --set keep=last",
            )
        self.loss = self.task.loss(recipe, self.card.preprocess)
        with faults_of(recipe.model, "optimizer"):
            self.optimizer = OPTIMIZERS[recipe.optimizer](with_new_rates(recipe, new), self.model)
        self.steps_per_epoch = math.ceil(len(chosen) / recipe.batch_size)
        self.steps = self.steps_per_epoch * recipe.epochs
        if recipe.max_steps:
            self.steps = min(self.steps, recipe.max_steps)
        self._epoch = -1
        self.batch_size = min(recipe.batch_size, len(chosen))
        self.average = MovingAverage(self.model, recipe.average) if recipe.average else None

    def _ready(self, split: Split) -> Split:
        """The images fitted into the network's input once, for all epochs; behind a gate they stay mapped."""
        images = split.images if split.gate else self.card.preprocess.fit(split.images).to(self.device)
        return dataclasses.replace(split, images=images, labels=split.labels.to(self.device))

    def validation(self) -> Split | None:
        """What is held out, fitted; waits until it is decoded. None where there is no such split.

        Photographs stay where they are, mapped into memory: they may be more than the device has room for.
        """
        if self.val and self.val.gate:
            found = self.val.settled()
            self.val = dataclasses.replace(found, images=self.card.preprocess.fit(found.images))
        return self.val

    @property
    def bad_files(self) -> tuple[BadFile, ...]:
        """Files that are left out, as far as they are known."""
        return self.train.gate.bad_files if self.train.gate else self.noted_bad

    @contextlib.contextmanager
    def _chance(self, number: int) -> Iterator[None]:
        """Torch's generators seeded by the recipe's seed and ``number``; the caller's own are left alone."""
        seed, cpu = int(mix(self.recipe.seed, number)) >> 1, torch.default_generator
        if torch.cuda.is_initialized():
            with torch.random.fork_rng(range(torch.cuda.device_count())):
                torch.manual_seed(seed)
                yield
            return
        kept = cpu.get_state()  # the same by hand: `fork_rng` takes a tenth of an update with one image
        try:
            cpu.manual_seed(seed)
            yield
        finally:
            cpu.set_state(kept)

    def _start_epoch(self, epoch: int) -> None:
        """The order of the samples."""
        self._epoch, self._block = epoch, -1
        order = permutation(self.recipe.seed, epoch, len(self.train))
        self._order = torch.from_numpy(order)
        if self.train.gate:
            self.train.gate.begin(order)

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """Images and labels of an update: some batches are made ready at once, which is quicker."""
        epoch, batch = divmod(step, self.steps_per_epoch)
        if epoch != self._epoch:
            self._start_epoch(epoch)
        most = min(IMAGES_AHEAD, NUMBERS_AHEAD // math.prod(self.card.preprocess.size))
        ahead = 1 if self.train.gate else max(1, most // self.batch_size)
        block, place = divmod(batch, ahead)
        if block != self._block:
            size = ahead * self.batch_size
            index = self._order[block * size : (block + 1) * size]
            # The bad ones are left out where they stand: nothing else moves.
            batches = [self.train.good(one) for one in index.split(self.batch_size)]
            self._block, self._ready_made = -1, []  # the memory of those before is taken for these
            chosen, sizes = torch.cat(batches).to(self.device), [len(one) for one in batches]
            with native.active(torch.get_num_threads()) if self.train.gate else contextlib.nullcontext():
                images = self._images(chosen, epoch).contiguous(memory_format=self._format)
            labels = self.train.labels.index_select(0, chosen)
            self._block = block
            self._ready_made = list(zip(images.split(sizes), labels.split(sizes), strict=True))
        return self._ready_made[place]

    def _images(self, index: Tensor, epoch: int) -> Tensor:
        """Images as the network reads them, changed as the recipe says."""
        train, preprocess, rows = self.train, self.card.preprocess, None
        images = train.images
        if train.gate and not self.augmentation.cuts:
            images, rows = preprocess.fit(images.index_select(0, index.cpu())), torch.arange(len(index))
        seed, layout = self.recipe.seed, self._format
        chosen = Chosen(images, index, seed, epoch, self.device, train.shapes, rows, layout)
        return self.augmentation(chosen, preprocess)

    def _estimate_curvature(self) -> None:
        """Second derivatives for the next pass, from the images that it begins with."""
        assert isinstance(self.model, nn.Sequential)  # `check_chain` has seen to it
        index = self.train.good(self._order[:CURVATURE_SAMPLES]).to(self.device)
        images = self.card.preprocess(self.train.images[index]).to(self.device)
        named = dict(self.model.named_parameters())
        targets = self.task.targets(images, self.train.labels[index])
        found = curvature(self.model, self.loss, images, targets)
        assert isinstance(self.optimizer, DiagonalLevenbergMarquardt)
        self.optimizer.set_curvature({named[name]: h for name, h in found.items()})

    def update(self, step: int) -> Update:
        """Update number ``step``, counted from 0."""
        recipe = self.recipe
        images, labels = self.batch(step)
        if not len(labels):  # all of its files are bad
            return Update(0.0, 0.0, 0, recipe.lr)
        if recipe.optimizer == "sdlm" and step % self.steps_per_epoch == 0:
            self._estimate_curvature()
        alone = "the last batch of an epoch has one image: take another batch_size or train_limit"
        remedy = alone if len(labels) == 1 < self.batch_size else ""
        with self._chance(1 + step), faults_of(recipe.model, f"step {step + 1}", remedy):  # for dropout
            target = self.task.targets(images, labels)
            loss, output = with_heads(self.loss, self.model(images), target)
        value = loss.item()
        lr = set_rates(self.optimizer, recipe, step, self.steps, self.steps_per_epoch, self.plateau)
        if not math.isfinite(value):
            raise HeirloomError(
                "E-diverged",
                f"the loss is {value} at step {step + 1}",
                why=f"learning rate {lr:.3g}",
                remedy="lower the rate: --set lr=...; the update was not made, the last checkpoint is good",
            )
        self.optimizer.zero_grad()
        with faults_of(recipe.model, f"step {step + 1}"):
            loss.backward()
            self.optimizer.step()
        if self.average:
            self.average.update(step + 1)
        return Update(value, self.task.total(output, target, self.card.preprocess), len(labels), lr)

    def validated(self, value: float | None, step: int) -> None:
        """Take up what validation measured after update number ``step``, which ended an epoch."""
        self.plateau.see(value, self.task.measure.better, self.recipe.lr_patience, step)

    def train_mode(self) -> None:
        """The network as it is in training; frozen normalisations go on by the statistics that they have."""
        self.model.train()
        for layer in self._still:
            layer.eval()

    def averaged(self) -> contextlib.AbstractContextManager[None]:
        """The network has the weights that are to be judged and saved, meanwhile."""
        return self.average.swapped_in() if self.average else contextlib.nullcontext()

    def optimizer_tensors(self) -> dict[str, Tensor]:
        """State of the optimiser, by ``parameter.key``, and the moving average as one key more."""
        found = {
            f"{name}.{key}": value
            for name, parameter in self.model.named_parameters()
            for key, value in self.optimizer.state.get(parameter, {}).items()
        }
        if self.average:
            found |= {f"{name}.{_AVERAGE}": tensor for name, tensor in self.average.tensors.items()}
        return found

    def first_weights(self) -> dict[str, Tensor]:
        """The weights nearest to the image, by name: what one watches while a network learns."""
        found = next(((n, p) for n, p in self.model.named_parameters() if p.ndim > 1), None)
        return finite(dict([found])) if found else {}

    def threads(self) -> int:
        """As many threads as torch would take, but one for each `NUMBERS_PER_THREAD` or `MACS_PER_THREAD`."""
        most, size = torch.get_num_threads(), self.card.preprocess.size
        pays = self.batch_size * math.prod(size) // NUMBERS_PER_THREAD
        if pays < most:
            with contextlib.suppress(HeirloomError):  # code of one's own may do what no rule counts
                macs = sum(row.macs or 0 for row in trace(self.model, size).rows)
                pays = max(pays, self.batch_size * macs // MACS_PER_THREAD)
        return max(1, min(most, pays))

    def natively(self) -> bool:
        """True where the fast paths of native.c pay: few maps, and batches that fill its lanes."""
        layers = [layer for layer in self.model.modules() if isinstance(layer, Conv2d | TableConv2d)]
        few = any(layer.few_maps() for layer in layers)
        return few and self.device.type == "cpu" and self.batch_size >= LEAST_IMAGES

    def state(self) -> dict[str, Any]:
        """What a checkpoint notes of the job itself."""
        classes = list(self.card.classes)
        state = {"recipe": self._recipe(), "data": self._data, "val": self._val, "classes": classes}
        if self.recipe.schedule == "plateau":
            state["plateau"] = dataclasses.asdict(self.plateau)
        return state

    def _recipe(self) -> dict[str, Any]:
        """What decides every update: all but where things lie."""
        values = self.recipe.as_dict() | {"model": plain_name(self.recipe.model)}
        del values["weights"]
        if is_path(self.recipe.data):  # wherever they lie: what is in the files is compared
            del values["data"]
        return values

    def begin(self) -> None:
        """Take up the weights to start from, if there are any."""
        if self.recipe.weights:
            start = self._start or weights_path(self.recipe.weights)  # of a run that has no copy of them
            start_from(self.model, self.card, self.recipe.model, start)
            if self.average:
                self.average = MovingAverage(self.model, self.recipe.average)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Take up the numbers of a checkpoint.

        Raises:
            HeirloomError: (``E-checkpoint``) It was made with another recipe; (``E-weights-model``) the code
                of the network was changed since.
        """
        now = self._recipe()
        # What an older release did not know yet has its default.
        before = dataclasses.asdict(Recipe(model="", data="")) | checkpoint.state.get("recipe", {})
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
        for key, of, use in (("data", self._data, "trained on"), ("val", self._val, "validated by")):
            if checkpoint.state.get(key, of) != of:
                raise HeirloomError(
                    "E-checkpoint",
                    f"{self.recipe.data} is no longer what the run was {use}",
                    why="other images or labels",
                    remedy="put the files back, or name their folder with --data-root",
                )
        classes = list(self.card.classes)
        names = checkpoint.state.get("classes", classes)  # an older release did not note them
        if names != classes:
            renamed = [f"{a!r} is {b!r} now" for a, b in zip(names, classes, strict=False) if a != b]
            raise HeirloomError(
                "E-checkpoint",
                f"the classes of {self.recipe.data} have other names than when the run was trained",
                why=", ".join(renamed[:3]),
                remedy="give them their names back, or start another run from these weights: "
                "heirloom train --weights",
            )
        fill(self.model, checkpoint.model, Path(f"step-{checkpoint.step:08d}"))
        self.plateau = Plateau(**checkpoint.state.get("plateau", {}))
        parameters = dict(self.model.named_parameters())
        for key, value in checkpoint.optimizer.items():
            name, _, part = key.rpartition(".")
            if part == _AVERAGE and self.average:
                self.average.tensors[name].copy_(value)
            elif value.shape == parameters[name].shape:  # with the order in memory of the parameter
                self.optimizer.state[parameters[name]][part] = torch.empty_like(parameters[name]).copy_(value)
            else:
                self.optimizer.state[parameters[name]][part] = value.to(self.device)


def _format(model: nn.Module, device: torch.device) -> torch.memory_format:
    """How images and kernels lie in memory: where many maps are read, pixel by pixel is quicker."""
    convolutions = [layer for layer in model.modules() if isinstance(layer, nn.Conv2d)]
    many = any(layer.in_channels >= MAPS_TOGETHER for layer in convolutions)
    return torch.channels_last if many and device.type == "cpu" else torch.contiguous_format


def _fingerprint(split: Split) -> str:
    """Hexadecimal SHA-256 of images and labels, piece by piece: they may be larger than the memory.

    Of files that are decoded meanwhile it is made from their sums, and from how they are stored.
    """
    digest = hashlib.sha256()
    if split.gate:
        digest.update(split.gate.key.encode())
        digest.update(split.labels.contiguous().numpy().data)
        return digest.hexdigest()
    for part in split.images.split(1024):
        digest.update(part.contiguous().numpy().data)
    digest.update(split.labels.contiguous().numpy().data)
    return digest.hexdigest()
