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
    momentum: float = 0.9  # of sgd and nesterov; first moment of adam
    weight_decay: float = 0.0  # of all parameters: L2 in sgd and nesterov, decoupled in adam (AdamW)
    schedule: Literal["constant", "cosine", "one_cycle", "inverse", "steps"] = "cosine"
    lr_steps: str = ""  # for steps: "2:0.4 5:0.2" is lr, from epoch 2 (after two) 0.4 lr, from epoch 5 0.2 lr
    average: float = 0.0  # decay of a moving average of the weights, which is what is saved; 0 means none
    loss: Literal["cross_entropy", "map", "mean_squared", "squared_error"] = "cross_entropy"  # see LOSSES
    temperature: float = 1.0  # the loss sees scores divided by it
    smoothing: float = 0.0  # of cross_entropy: the true class has 1 - s, all together share s
    augment: Literal["none", "planar", "planar_pool", "elastic", "planar_elastic"] = "none"
    box: int = 0  # side in pixels of the square that an image is fitted into; 0 means the whole input
    mean: float = 0.0  # subtracted from grey values of 0 to 1
    std: float = 1.0  # and then divided by
    weights: str = ""  # file to start from; empty means the published initial weights
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
        self._steps()

    def lr_factor(self, epoch: int) -> float:
        """What ``lr`` is multiplied by in an epoch, counted from 0, where the schedule is ``steps``."""
        return next((factor for first, factor in reversed(self._steps()) if first <= epoch), 1.0)

    def _steps(self) -> list[tuple[int, float]]:
        try:
            steps = [(int(a), float(b)) for a, b in (part.split(":") for part in self.lr_steps.split())]
        except ValueError:
            steps = [(0, 0.0)]
        epochs = [epoch for epoch, _ in steps]
        good = all(0 < factor < math.inf for _, factor in steps) and all(epoch > 0 for epoch in epochs)
        if not good or epochs != sorted(set(epochs)):
            why = "must be EPOCH:FACTOR pairs, epochs rising from 1, such as '2:0.4 5:0.2'"
            raise HeirloomError("E-recipe", f"lr_steps={self.lr_steps}", why=why)
        if bool(steps) != (self.schedule == "steps"):
            raise HeirloomError("E-recipe", f"lr_steps={self.lr_steps}", why=f"schedule is {self.schedule}")
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
