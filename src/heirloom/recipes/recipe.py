"""A recipe: everything that decides what a training run computes. Flat, frozen, plain values."""

import dataclasses
import math
import typing
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from heirloom.errors import HeirloomError, nearest

LOSSES = {
    "classify": ("cross_entropy", "map", "mean_squared", "squared_error"),
    "reconstruct": ("mean_squared",),
}
"""Task -> losses that it can be trained by, its usual one first."""

Normalise = Literal["given", "imagenet", "channel_mean", "channels", "mean_image"]
"""What is done to grey values of 0 to 1. The numbers found travel with the weights.

``given``: ``mean`` is subtracted and ``std`` divides. ``imagenet``: each channel less ImageNet's mean, by its
deviation, as torchvision has them. ``channels``: the same by the images trained on. ``channel_mean``: each
channel less its mean over the images trained on, by ``std``. ``mean_image``: each pixel likewise.
"""

Schedule = Literal[
    "constant", "cosine", "one_cycle", "linear", "inverse", "steps", "update_steps", "every", "plateau"
]


@dataclass(frozen=True)
class Recipe:
    """One training run. Equal recipes on an equal machine give equal weights, bit by bit.

    Raises:
        HeirloomError: (``E-recipe``) A value is impossible.
    """

    model: str  # name of a network, or file.py:Class
    data: str  # name of a data set, or path of images of one's own
    args: str = ""  # arguments of the network: "version=v1.5 shortcut=A"
    task: Literal["classify", "reconstruct"] = "classify"  # reconstruct: give the input back, without labels
    split: str = "train"  # what is trained on; a split "val" that is not part of it is validated on
    train_limit: int = 0  # images of that split to use, from the front; 0 means all
    epochs: int = 20  # passes over the training images
    max_steps: int = 0  # stop after so many updates; 0 means no limit
    batch_size: int = 64  # images per update
    optimizer: Literal["sgd", "nesterov", "adam", "sdlm"] = "adam"  # sdlm: the second-order method of 1998
    lr: float = 1e-3  # at its highest
    bias_lr: float = 1.0  # times lr, of all parameters called bias
    layer_lr: str = ""  # "conv1.*:67:0.1" is 0.1 lr from epoch 67 on, of parameters so called; 0: they rest
    momentum: float = 0.9  # of sgd and nesterov; first moment of adam
    weight_decay: float = 0.0  # of all parameters: L2 in sgd and nesterov, decoupled in adam (AdamW)
    bias_decay: float = 1.0  # times weight_decay, of all parameters called bias
    schedule: Schedule = "cosine"  # see heirloom.schedules
    lr_steps: str = ""  # of steps: "2:0.4 5:0.2" is lr, from epoch 2 (after two) 0.4 lr, from epoch 5 0.2 lr
    lr_patience: int = 5  # of plateau: epochs without a better validation, until lr is divided by ten
    average: float = 0.0  # decay of a moving average of the weights, which is what is saved; 0 means none
    loss: Literal["cross_entropy", "map", "mean_squared", "squared_error"] = "cross_entropy"  # see LOSSES
    temperature: float = 1.0  # the loss sees scores divided by it
    smoothing: float = 0.0  # of cross_entropy: the true class has 1 - s, all together share s
    augment: Literal[
        "none",
        "planar",
        "planar_pool",
        "elastic",
        "planar_elastic",
        "pad_crop",
        "pad_crop_reflect",
        "alexnet",
        "alexnet_geometry",
        "vgg",
        "vgg_256",
        "vgg_384",
        "inception",
        "resnet",
        "crop_mirror",
    ] = "none"  # what becomes of training images: heirloom.data.augmentation
    resize: Literal["fit", "crop", "warp"] = "fit"  # as heirloom.data.preprocessing.Preprocess has it
    box: int = 0  # side in pixels of the square that resize speaks of; 0 means the whole input
    normalise: Normalise = "given"  # by which numbers grey values of 0 to 1 are normalised
    mean: float = 0.0  # subtracted from grey values of 0 to 1, where normalise is given
    std: float = 1.0  # and then divided by, unless normalise brings deviations
    weights: str = ""  # file to start from; empty means the published initial weights
    new_lr: float = 1.0  # times lr, of layers that begin anew since the weights know other classes
    freeze: str = ""  # patterns of parameters that stay as they are: "conv1.* fire[2-5].*"
    patience: int = 0  # epochs in a row without a better validation that end the training; 0 means never
    keep: Literal["last", "best"] = "last"  # the weights that are kept: the last, or the best by validation
    seed: int = 0  # of initial weights, order, augmentation and dropout

    def __post_init__(self) -> None:
        for key, holds, rule in (
            ("epochs", self.epochs >= 1, "at least 1"),
            ("max_steps", self.max_steps >= 0, "0 or more"),
            ("train_limit", self.train_limit >= 0, "0 or more"),
            ("batch_size", self.batch_size >= 1, "at least 1"),
            ("lr", 0 < self.lr < math.inf, "above 0"),
            ("bias_lr", 0 < self.bias_lr < math.inf, "above 0"),
            ("new_lr", 0 < self.new_lr < math.inf, "above 0"),
            ("bias_decay", 0 <= self.bias_decay < math.inf, "0 or more"),
            ("lr_patience", self.lr_patience >= 1, "at least 1"),
            ("temperature", 0 < self.temperature < math.inf, "above 0"),
            ("temperature", self.temperature == 1 or self.task == "classify", f"1 where task={self.task}"),
            ("smoothing", 0 <= self.smoothing < 1, "at least 0 and below 1"),
            ("smoothing", not self.smoothing or self.loss == "cross_entropy", f"0 where loss={self.loss}"),
            ("average", 0 <= self.average < 1, "at least 0 and below 1"),
            ("momentum", 0 <= self.momentum < 1, "at least 0 and below 1"),
            ("momentum", self.momentum > 0 or self.optimizer != "nesterov", "above 0 for nesterov"),
            ("weight_decay", 0 <= self.weight_decay < math.inf, "0 or more"),
            ("patience", self.patience >= 0, "0 or more"),
            ("box", self.box >= 0, "0 or more"),
            ("mean", math.isfinite(self.mean), "finite"),
            ("std", 0 < self.std < math.inf, "above 0"),
            ("seed", 0 <= self.seed < 2**63, "0 or more"),
        ):
            if not holds:
                raise HeirloomError("E-recipe", f"{key}={getattr(self, key)}", why=f"must be {rule}")
        for key, kind in _kinds().items():
            allowed = typing.get_args(kind)
            if allowed and getattr(self, key) not in allowed:
                value = str(getattr(self, key))
                raise HeirloomError("E-recipe", f"{key}={value}", why=nearest(value, allowed))
        if self.loss not in (fit := LOSSES[self.task]):
            why = f"task={self.task} has {' or '.join(fit)}"
            raise HeirloomError("E-recipe", f"loss={self.loss}", why=why)
        self.layer_factors()
        steps = self._steps()
        if bool(steps) != (self.schedule in ("steps", "update_steps", "every")):
            raise HeirloomError("E-recipe", f"lr_steps={self.lr_steps}", why=f"schedule is {self.schedule}")
        if self.schedule == "every" and (len(steps) > 1 or steps[0][0] < 1):
            why = "must be one pair, such as '8:0.96'"
            raise HeirloomError("E-recipe", f"lr_steps={self.lr_steps}", why=why)

    def lr_factor(self, done: int) -> float:
        """What ``lr`` is multiplied by after so many epochs, or updates, where ``lr_steps`` says it."""
        steps = self._steps()
        if self.schedule == "every":
            length, factor = steps[0]
            return float(factor ** (done // length))
        return next((factor for first, factor in reversed(steps) if first <= done), 1.0)

    def layer_factors(self) -> list[tuple[str, int, float]]:
        """The (pattern, epoch, factor) of ``layer_lr``."""
        found = []
        for part in self.layer_lr.split():
            pattern, *numbers = part.split(":")
            try:
                epoch, factor = int(numbers[0]), float(numbers[1])
                good = bool(pattern) and len(numbers) == 2 and epoch >= 0 and 0 <= factor < math.inf
            except (ValueError, IndexError):
                good = False
            if not good:
                why = "must be PATTERN:EPOCH:FACTOR, such as 'conv1.*:67:0.1 conv1.*:72:0'"
                raise HeirloomError("E-recipe", f"layer_lr={self.layer_lr}", why=why)
            found.append((pattern, epoch, factor))
        return found

    def _steps(self) -> list[tuple[int, float]]:
        try:
            steps = [(int(a), float(b)) for a, b in (part.split(":") for part in self.lr_steps.split())]
        except ValueError:
            steps = [(-1, 0.0)]
        places = [place for place, _ in steps]
        good = all(0 < factor < math.inf for _, factor in steps) and all(place >= 0 for place in places)
        if not good or places != sorted(set(places)):
            why = "must be EPOCH:FACTOR pairs, epochs rising, such as '2:0.4 5:0.2'"
            raise HeirloomError("E-recipe", f"lr_steps={self.lr_steps}", why=why)
        return steps

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Any, where: str = "") -> "Recipe":
        """Undo `as_dict`.

        Raises:
            HeirloomError: (``E-recipe``) A key or a value is wrong; names ``where`` it stands.
        """
        if not isinstance(values, dict):
            raise HeirloomError("E-recipe", "not a recipe", where=where, why="not a JSON object")
        for key, value in values.items():
            _check_key(key)
            kind = _kinds()[key]
            plain = str if typing.get_args(kind) else kind
            if type(value) is not plain and not (plain is float and type(value) is int):
                raise HeirloomError(
                    "E-recipe", f"{key}={value!r}", where=where, why=f"must be {plain.__name__}"
                )
        try:
            return cls(**values)
        except TypeError as error:
            raise HeirloomError("E-recipe", "incomplete recipe", where=where, why=str(error)) from error

    def changed(self, settings: Sequence[str]) -> "Recipe":
        """A recipe with ``key=value`` settings applied; another task brings its own loss.

        Raises:
            HeirloomError: (``E-recipe``) Unknown key (names the nearest), or a value of the wrong type.
        """
        values: dict[str, Any] = {}
        for setting in settings:
            key, equals, text = setting.partition("=")
            if not equals:
                raise HeirloomError("E-recipe", f"cannot read {setting!r}", why="a setting is key=value")
            _check_key(key)
            kind = _kinds()[key]
            try:
                values[key] = text if typing.get_args(kind) or kind is str else kind(text)
            except ValueError as error:
                raise HeirloomError("E-recipe", setting, why=f"{key} must be {kind.__name__}") from error
        if "loss" not in values and self.loss not in LOSSES.get(values.get("task", self.task), (self.loss,)):
            values["loss"] = LOSSES[values["task"]][0]
        return dataclasses.replace(self, **values)


def _kinds() -> dict[str, Any]:
    return typing.get_type_hints(Recipe)


def _check_key(key: str) -> None:
    if key not in _kinds():
        raise HeirloomError("E-recipe", f"unknown key {key!r}", why=nearest(key, _kinds()))
