"""torchvision's networks.

Source: github.com/pytorch/vision, torchvision/models: alexnet.py, vgg.py, squeezenet.py, googlenet.py,
resnet.py. Layers of a chain have numbers there, which count activations and pooling as well.
"""

from collections.abc import Iterator
from typing import Any

from heirloom.foreign.publisher import Publisher, Rules, Tensors

_ALEXNET = (
    (r"features\.0", "conv1"),
    (r"features\.3", "conv2"),
    (r"features\.6", "conv3"),
    (r"features\.8", "conv4"),
    (r"features\.10", "conv5"),
    (r"classifier\.1", "fc6"),
    (r"classifier\.4", "fc7"),
    (r"classifier\.6", "fc8"),
)

_VGG_STACKS = {
    "vgg11": (1, 1, 2, 2, 2),
    "vgg13": (2, 2, 2, 2, 2),
    "vgg16": (2, 2, 3, 3, 3),
    "vgg19": (2, 2, 4, 4, 4),
}
"""Convolutions before each pooling."""


def _vgg(stacks: tuple[int, ...], batch_norm: bool) -> Iterator[tuple[str, str]]:
    number = 0
    for stack, depth in enumerate(stacks, 1):
        for layer in range(1, depth + 1):
            yield rf"features\.{number}", f"conv{stack}_{layer}"
            if batch_norm:
                yield rf"features\.{number + 1}", f"bn{stack}_{layer}"
            number += 3 if batch_norm else 2  # with its activation
        number += 1  # pooling
    yield from ((r"classifier\.0", "fc6"), (r"classifier\.3", "fc7"), (r"classifier\.6", "fc8"))


def _squeezenet(*fires: int) -> Iterator[tuple[str, str]]:
    """``fires``: the numbers of fire2 to fire9 among the features."""
    yield r"features\.0", "conv1"
    for name, number in enumerate(fires, 2):
        yield rf"features\.{number}\.(squeeze|expand1x1|expand3x3)", rf"fire{name}.\1"
    yield r"classifier\.1", "conv10"


_GOOGLENET = (
    (r"conv1\.(conv|bn)", r"conv1.\1"),
    (r"conv2\.(conv|bn)", r"conv2_reduce.\1"),
    (r"conv3\.(conv|bn)", r"conv2.\1"),
    (r"inception(\d[a-e])\.branch1\.(conv|bn)", r"inception_\1.b1x1.\2"),
    (r"inception(\d[a-e])\.branch2\.0\.(conv|bn)", r"inception_\1.b3x3_reduce.\2"),
    (r"inception(\d[a-e])\.branch2\.1\.(conv|bn)", r"inception_\1.b3x3.\2"),
    (r"inception(\d[a-e])\.branch3\.0\.(conv|bn)", r"inception_\1.b5x5_reduce.\2"),
    (r"inception(\d[a-e])\.branch3\.1\.(conv|bn)", r"inception_\1.b5x5.\2"),
    (r"inception(\d[a-e])\.branch4\.1\.(conv|bn)", r"inception_\1.pool_proj.\2"),
    (r"aux([12])\.conv\.(conv|bn)", r"aux\1.conv.\2"),
    (r"aux([12])\.fc1", r"aux\1.fc"),
    (r"aux([12])\.fc2", r"aux\1.classifier"),
    (r"fc", "classifier"),
)

_STAGES = (("layer1", "conv2_x"), ("layer2", "conv3_x"), ("layer3", "conv4_x"), ("layer4", "conv5_x"))
"""Theirs, and those of the paper's table 1."""

_RESNET = (
    (r"(conv1|bn1|fc)", r"\1"),
    *(
        rule
        for theirs, ours in _STAGES
        for rule in (
            (rf"{theirs}\.(\d+)\.(conv|bn)([123])", rf"{ours}.\1.\2\3"),
            (rf"{theirs}\.(\d+)\.downsample\.0", rf"{ours}.\1.shortcut.conv"),
            (rf"{theirs}\.(\d+)\.downsample\.1", rf"{ours}.\1.shortcut.bn"),
        )
    ),
)

_SQUEEZENETS = ("squeezenet1_0", "squeezenet1_1")
_BASIC = ("resnet18", "resnet34")
_BOTTLENECK = ("resnet50", "resnet101", "resnet152")
_OTHERS = ("wrn_50_2", "resnext50_32x4d", "resnext101_64x4d")

_RULES: dict[str, Rules] = {
    "alexnet_owt": _ALEXNET,
    **{name: tuple(_vgg(stacks, False)) for name, stacks in _VGG_STACKS.items()},
    **{f"{name}_bn": tuple(_vgg(stacks, True)) for name, stacks in _VGG_STACKS.items()},
    "squeezenet1_0": tuple(_squeezenet(3, 4, 5, 7, 8, 9, 10, 12)),
    "squeezenet1_1": tuple(_squeezenet(3, 4, 6, 7, 9, 10, 11, 12)),
    "googlenet_bn": _GOOGLENET,
    **dict.fromkeys((*_BASIC, *_BOTTLENECK, *_OTHERS), _RESNET),
}


def _arguments(model: str, tensors: Tensors) -> dict[str, Any]:
    """The variant: strides, padding and sizes of images are in no tensor."""
    if model in _BOTTLENECK:
        return {"version": "v1.5"}  # the stride is in the 3 x 3 convolution
    if model == "googlenet_bn":
        return {"version": "torchvision", "aux": any(name.startswith("aux") for name in tensors)}
    return {"source": "torchvision"} if model in _SQUEEZENETS else {}


TORCHVISION = Publisher(
    "torchvision",
    "github.com/pytorch/vision, torchvision/models",
    _RULES,
    dict.fromkeys(_RULES, "imagenet") | {"googlenet_bn": "inception", "resnext101_64x4d": "imagenet-232"},
    arguments=_arguments,
    binding=frozenset({"version", "source"}),
    optional=r"aux[12](\..*)?",
    notes={
        "googlenet_bn": "The auxiliary classifiers of torchvision's own file are not trained.",
        **dict.fromkeys(
            (*_BOTTLENECK, "wrn_50_2", "resnext50_32x4d"),
            "For torchvision's weights IMAGENET1K_V2: --preprocess imagenet-232.",
        ),
    },
)
