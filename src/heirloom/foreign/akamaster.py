"""The CIFAR-10 ResNets of akamaster/pytorch_resnet_cifar10.

Source: github.com/akamaster/pytorch_resnet_cifar10, resnet.py and trainer.py.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from heirloom.foreign.publisher import Publisher, Tensors

_LAYERS = (
    (r"(conv1|bn1)", r"\1"),
    *(
        rule
        for theirs, ours in (("layer1", "conv2_x"), ("layer2", "conv3_x"), ("layer3", "conv4_x"))
        for rule in (
            (rf"{theirs}\.(\d+)\.(conv|bn)([12])", rf"{ours}.\1.\2\3"),
            (rf"{theirs}\.(\d+)\.shortcut\.0", rf"{ours}.\1.shortcut.conv"),
            (rf"{theirs}\.(\d+)\.shortcut\.1", rf"{ours}.\1.shortcut.bn"),
        )
    ),
    (r"linear", "fc"),
)
_NETWORKS = ("resnet20", "resnet32", "resnet44", "resnet56", "resnet110", "resnet1202")


def _arguments(model: str, tensors: Tensors) -> dict[str, Any]:
    """Option B has weights in its shortcuts, option A has none."""
    return {"shortcut": "B" if any(".shortcut." in name for name in tensors) else "A"}


def _zeros_behind(model: str, tensors: Tensors, arguments: Mapping[str, Any]) -> dict[str, Tensor]:
    """Option A with its zeros behind the maps that it carries on.

    Theirs puts half of the zeros before them, ours, as fb.resnet.torch, all of them behind. It is the same
    network with its maps in another order: all that writes the maps of a stage, or reads them, is reordered.
    """
    found = dict(tensors)
    if arguments["shortcut"] != "A":
        return found
    before = list(range(16))
    for stage in ("layer2", "layer3"):
        quarter = len(before) // 2  # of this stage's maps: as many zeros on either side
        zeros = [*range(quarter), *range(3 * quarter, 4 * quarter)]
        order = [quarter + i for i in before] + zeros  # ours -> theirs
        for name in tensors:
            if not name.startswith(f"{stage}."):
                continue
            _, block, layer, _ = name.split(".", 3) if name.count(".") >= 3 else ("", "", "", "")
            if layer in ("conv2", "bn2"):
                found[name] = _reordered(found[name], 0, order)
            elif layer == "conv1":
                found[name] = _reordered(found[name], 1, before if block == "0" else order)
        before = order
    if "linear.weight" in found:
        found["linear.weight"] = _reordered(found["linear.weight"], 1, before)
    return found


def _reordered(tensor: Tensor, axis: int, order: list[int]) -> Tensor:
    """Maps in another order; what has another size, or counts batches, is left for the report."""
    if tensor.ndim <= axis or tensor.shape[axis] != len(order) or order == sorted(order):
        return tensor
    return tensor.index_select(axis, torch.tensor(order))


AKAMASTER = Publisher(
    "akamaster",
    "github.com/akamaster/pytorch_resnet_cifar10",
    dict.fromkeys(_NETWORKS, _LAYERS),
    dict.fromkeys(_NETWORKS, "cifar"),
    arguments=_arguments,
    binding=frozenset({"shortcut"}),
    convert=_zeros_behind,
)
