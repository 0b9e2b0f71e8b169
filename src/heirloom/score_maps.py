"""Networks slid over larger images: fully connected layers become convolutions.

A network that ends in fully connected layers gives, for an image larger than published, one vector of
scores for each position at which the published image fits. All positions share their convolutions.

Source: Simonyan, Zisserman 2014, arXiv 1409.1556, section 3.2, which scores whole images so.
"""

import copy
from collections.abc import Iterator
from itertools import chain
from typing import Any, cast

import torch
from torch import Tensor, nn

from heirloom.errors import HeirloomError
from heirloom.layers import (
    AvgPool2d,
    Conv2d,
    L2Pool2d,
    LocallyConnected2d,
    MaxPool2d,
    MinPool2d,
    ScaledTanh,
    TableConv2d,
)
from heirloom.models import faults_of
from heirloom.ops.shapes import Shapes
from heirloom.ops.shapes_only import shapes_only

_POINTWISE = (
    nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.ELU, nn.GELU, nn.SiLU, nn.Sigmoid, nn.Tanh, nn.Hardtanh, ScaledTanh,
    nn.Identity, nn.Dropout,
)  # fmt: skip
"""Layers that treat each number by itself, whatever the shape."""


def dense(model: nn.Module) -> nn.Module:
    """The same network for larger images: it gives a map of scores.

    Fully connected layers become convolutions, of the size of the maps that they read as one vector;
    pooling over whole maps gets that window and stride 1. A score map's step is the network's jump, in
    pixels; at the published size the map has one position, with the network's scores. Without padding
    inside the network, a position's scores are those of its part of the image; with padding they differ,
    since neighbouring pixels stand where the part by itself would be padded.

    Modules decide, never names: ``nn.Flatten`` and ``nn.Linear`` must be layers of the network, as in all
    of this package. What runs in training only stays as it is. The numbers are shared, not copied:
    training one network changes the other.

    Args:
        model: A network with an attribute ``input_size``, (C, H, W).

    Returns:
        A network with the same names and parameters, those of fully connected layers in the shape of a
        convolution's. Shape: input (B, C, H', W') with H' >= H, W' >= W; output (B, K, h, w).

    Raises:
        HeirloomError: (``E-model``) A layer cannot be slid, such as radial basis functions or units with
            biases of their own, or the forward itself flattens; (``E-input-size``) no size is known;
            (``E-argument``) the network does not run.
    """
    name = type(model).__name__
    size = getattr(model, "input_size", None)
    if size is None:
        raise HeirloomError(
            "E-input-size", f"the input size of {name} is not known", remedy="give it input_size = (C, H, W)"
        )
    if getattr(model, "takes_larger", False):
        raise HeirloomError("E-model", f"{name} is dense already")
    calls, scores = _run(model, size)
    # Parameters and buffers are not copied.
    twin = copy.deepcopy(model, {id(t): t for t in chain(model.parameters(), model.buffers())})
    for path, module in _replacements(calls, name):
        if not path:
            twin = module
        module.train(model.get_submodule(path).training)
        for other, found in list(model.named_modules(remove_duplicate=False)):
            if other and found is model.get_submodule(path):
                parent, _, attribute = other.rpartition(".")
                setattr(twin.get_submodule(parent), attribute, module)
    cast(Any, twin).input_size = tuple(size)
    cast(Any, twin).takes_larger = True
    _, map_ = _run(twin, size)
    if map_ != (*scores, 1, 1):
        raise HeirloomError(
            "E-model",
            f"{name} has no dense form",
            why=f"at its published size it would give {map_}, not {(*scores, 1, 1)}",
            remedy="let nn.Flatten, nn.Linear and pooling be layers, not calls in its forward",
        )
    larger = (size[0], *(2 * side for side in size[1:]))
    _, map_ = _run(twin, larger)
    if len(map_) != 4 or min(map_[2:]) < 2:
        raise HeirloomError(
            "E-model",
            f"{name} has no dense form",
            why=f"twice the size would give {map_}: something in its forward reads the whole image",
            remedy="let pooling be layers that know their window",
        )
    return twin


_Call = tuple[str, nn.Module, tuple[int, ...], tuple[int, ...]]
"""Name of a layer, the layer, sizes of its input and output, with a batch of 1."""


def _run(model: nn.Module, size: tuple[int, ...]) -> tuple[list[_Call], tuple[int, ...]]:
    """The calls of all layers on shapes, without numbers, and the size of the result."""
    calls: list[_Call] = []
    hooks = []
    name = type(model).__name__

    def note(path: str) -> Any:
        def hook(module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
            if args and isinstance(args[0], Tensor) and isinstance(output, Tensor):
                calls.append((path, module, tuple(args[0].shape), tuple(output.shape)))

        return hook

    with shapes_only(model), Shapes(), torch.no_grad(), faults_of(name, "dense"):
        try:
            for path, module in model.named_modules():
                if not any(module.children()):
                    hooks.append(module.register_forward_hook(note(path)))
            numbers = (p.dtype for p in model.parameters() if p.is_floating_point())
            dtype = next(numbers, torch.float32)
            output = model(torch.empty(1, *size, dtype=dtype, device="meta"))
        finally:
            for hook in hooks:
                hook.remove()
    return calls, tuple(output.shape)


def _replacements(calls: list[_Call], name: str) -> Iterator[tuple[str, nn.Module]]:
    """What takes the place of the layers that know the size of the image."""
    maps: tuple[int, ...] = ()  # (C, h, w) of what was flattened last
    read: dict[nn.Module, tuple[int, ...]] = {}  # what each fully connected layer read

    def refuse(path: str, why: str) -> HeirloomError:
        return HeirloomError("E-model", f"{name} has no dense form", where=path, why=why)

    for path, module, before, after in calls:
        kind = type(module).__name__
        match module:
            case nn.Flatten():
                if len(before) != 4 or len(after) != 2 or maps:
                    raise refuse(path, f"it flattens {before} to {after}")
                maps = before[1:]
                yield path, nn.Identity()
            case nn.Linear():
                if not maps or type(module).forward is not nn.Linear.forward:
                    raise refuse(path, f"{kind} reads no vector that nn.Flatten made")
                if read.setdefault(module, maps) != maps:
                    raise refuse(path, f"it is used twice, on {read[module]} and on {maps}")
                yield path, _as_convolution(module, maps)
                maps = (module.out_features, 1, 1)
            case nn.BatchNorm1d() if maps[1:] == (1, 1):
                yield path, _of_maps(module)
            case _ if maps:
                if not isinstance(module, _POINTWISE):
                    raise refuse(path, f"{kind} reads a vector, and is no fully connected layer")
            case TableConv2d() if module.bias[0].numel() > 1:
                raise refuse(path, "its units have biases of their own, for one size of image")
            case LocallyConnected2d():
                raise refuse(path, "its places have kernels of their own, for one size of image")
            case nn.AdaptiveAvgPool2d() | nn.AdaptiveMaxPool2d():
                if after[2:] == (1, 1):
                    window = cast(tuple[int, int], before[2:])
                    average = isinstance(module, nn.AdaptiveAvgPool2d)
                    yield path, AvgPool2d(window, 1) if average else MaxPool2d(window, 1)
                elif after == before:
                    yield path, nn.Identity()
                else:
                    raise refuse(path, f"{kind} makes {after[2:]} of whatever it reads")
            case nn.AvgPool2d() | nn.MaxPool2d() | MinPool2d() | L2Pool2d() if after[2:] == (1, 1):
                yield path, _sliding(module)
            case _:
                pass


def _as_convolution(layer: nn.Linear, maps: tuple[int, ...]) -> Conv2d:
    """A convolution with the weights of a layer that reads ``maps`` as one vector, in the same memory."""
    channels, height, width = maps
    like: dict[str, Any] = {"device": "meta", "dtype": layer.weight.dtype}
    found = Conv2d(channels, layer.out_features, (height, width), bias=layer.bias is not None, **like)
    weight = layer.weight.detach().view(layer.out_features, channels, height, width)
    found.weight = nn.Parameter(weight, layer.weight.requires_grad)
    found.bias = layer.bias
    return found


def _of_maps(norm: nn.BatchNorm1d) -> nn.BatchNorm2d:
    """The normalisation of a vector's elements as one of maps, with the same numbers."""
    like: dict[str, Any] = {"device": "meta"}
    found = nn.BatchNorm2d(
        norm.num_features, norm.eps, norm.momentum, norm.affine, norm.track_running_stats, **like
    )
    found._parameters, found._buffers = dict(norm._parameters), dict(norm._buffers)
    return found


def _sliding(pool: nn.Module) -> nn.Module:
    """Pooling of whole maps, as a window that moves by one unit."""
    found = copy.copy(pool)
    cast(Any, found).stride = 1
    return found
