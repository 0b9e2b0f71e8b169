"""The networks, one file per paper, and the table of their names.

This file imports no torch, so that listing the networks is quick.
"""

import fnmatch
import importlib
import importlib.util
import inspect
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from heirloom.errors import HeirloomError, nearest

if TYPE_CHECKING:
    from torch import nn

    from heirloom.claim import Claim

MODELS = {
    "lenet_1989": "lenet_1989:LeNet1989",
    "lenet1": "lenet1:LeNet1",
    "lenet4": "lenet4:LeNet4",
    "lenet5": "lenet5:LeNet5",
    "lenet5_gaussian": "lenet5_lecture:LeNet5Gaussian",
    "lenet5_softmax": "lenet5_lecture:LeNet5Softmax",
    "lenet5_relu_max": "lenet5_lecture:LeNet5ReluMax",
    "lenet5_relu_avg": "lenet5_lecture:LeNet5ReluAvg",
    "lenet_caffe": "lenet_caffe:LeNetCaffe",
}
"""Name -> "module:factory" below this package."""


def list_models(pattern: str = "*") -> list[str]:
    """Names of the networks that match a shell pattern, in the order of their publication."""
    return [name for name in MODELS if fnmatch.fnmatch(name, pattern)]


def create_model(
    name: str, num_classes: int | None = None, in_chans: int | None = None, **args: Any
) -> "nn.Module":
    """Build a network with fresh weights, drawn as its source says from torch's global generator.

    Args:
        name: One of `list_models`, or a class of one's own: ``package.module:Class`` or ``file.py:Class``.
        num_classes: Number of classes; by default as published.
        in_chans: Number of input channels; by default as published.
        **args: Further arguments of that network.

    Raises:
        HeirloomError: (``E-model``) There is no such network or class;
            (``E-argument``) it takes no such argument, or not that value.
    """
    factory = _own_class(name) if ":" in name else _published(name)
    given = {"num_classes": num_classes, "in_chans": in_chans}
    args |= {key: value for key, value in given.items() if value is not None}
    try:
        inspect.signature(factory).bind(**args)
    except TypeError as error:
        raise HeirloomError(
            "E-argument",
            f"{name} cannot be built",
            why=str(error),
            remedy=f"it takes {inspect.signature(factory)}",
        ) from error
    model: nn.Module = factory(**args)
    return model


def claims(name: str) -> "tuple[Claim, ...]":
    """The published numbers of a network. Raises `HeirloomError` (``E-model``) for an unknown name."""
    _known(name)
    module = importlib.import_module(f"{__name__}.{MODELS[name].split(':')[0]}")
    found: tuple[Claim, ...] = module.CLAIMS.get(name, ())
    return found


def _known(name: str) -> None:
    if name not in MODELS:
        raise HeirloomError(
            "E-model",
            f"unknown model {name!r}",
            why=nearest(name, MODELS),
            remedy="heirloom list shows all; a class of your own is file.py:Class",
        )


def _published(name: str) -> Any:
    _known(name)
    module, factory = MODELS[name].split(":")
    return getattr(importlib.import_module(f"{__name__}.{module}"), factory)


def _own_class(name: str) -> Any:
    place, _, attribute = name.rpartition(":")
    try:
        if place.endswith(".py"):
            path = Path(place)
            spec = importlib.util.spec_from_file_location(f"own_{path.stem}", path)
            if spec is None or spec.loader is None or not path.is_file():
                raise ImportError("no such file")
            module = importlib.util.module_from_spec(spec)
            sys.modules[spec.name] = module  # dataclasses look there
            spec.loader.exec_module(module)
        else:
            sys.path.insert(0, "")
            try:
                module = importlib.import_module(place)
            finally:
                sys.path.remove("")
        return getattr(module, attribute)
    except AttributeError as error:
        names = [n for n, value in vars(module).items() if inspect.isclass(value)]
        raise HeirloomError(
            "E-model", f"no {attribute!r} in {place}", why=nearest(attribute, names)
        ) from error
    except Exception as error:
        raise HeirloomError(
            "E-model",
            f"cannot load {name!r}",
            why=f"{type(error).__name__}: {error}",
            remedy="give package.module:Class or file.py:Class",
        ) from error
