"""The networks of other programs, written again from their documentation: only names and arithmetic matter.

They are witnesses: what a publisher calls a layer, and what scores come out. Sources: torchvision's
documentation of AlexNet, VGG, SqueezeNet, GoogLeNet, ResNet, ResNeXt and Wide ResNet, and
akamaster/pytorch_resnet_cifar10.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Parts(nn.Module):
    """Named parts and what is done with them."""

    def __init__(self, forward: Callable[["Parts", Tensor], Tensor], **parts: nn.Module) -> None:
        super().__init__()
        self.run = forward
        for name, part in parts.items():
            self.add_module(name, part)

    def forward(self, x: Tensor) -> Tensor:
        return self.run(self, x)


def numbered(*layers: "nn.Module | str") -> nn.Sequential:
    """``r`` is a ReLU, ``m3`` and ``m2`` pooling with stride 2, ``c3`` the same rounded up, ``d`` dropout."""
    short = {
        "r": nn.ReLU,
        "d": nn.Dropout,
        "m2": lambda: nn.MaxPool2d(2, 2),
        "m3": lambda: nn.MaxPool2d(3, 2),
        "c3": lambda: nn.MaxPool2d(3, 2, ceil_mode=True),
        "c31": lambda: nn.MaxPool2d(3, 1, 1, ceil_mode=True),
    }
    return nn.Sequential(*(short[layer]() if isinstance(layer, str) else layer for layer in layers))


def flat_classifier(net: Parts, x: Tensor) -> Tensor:
    return net.classifier(net.features(x).flatten(1))


def alexnet(classes: int = 1000) -> Parts:
    conv = nn.Conv2d
    features = numbered(
        conv(3, 64, 11, 4, 2), "r", "m3", conv(64, 192, 5, 1, 2), "r", "m3", conv(192, 384, 3, 1, 1), "r",
        conv(384, 256, 3, 1, 1), "r", conv(256, 256, 3, 1, 1), "r", "m3",
    )  # fmt: skip
    hidden = ["d", nn.Linear(9216, 4096), "r", "d", nn.Linear(4096, 4096), "r", nn.Linear(4096, classes)]
    return Parts(flat_classifier, features=features, classifier=numbered(*hidden))


WIDTHS = {
    "vgg11": "64 M 128 M 256 256 M 512 512 M 512 512 M",
    "vgg13": "64 64 M 128 128 M 256 256 M 512 512 M 512 512 M",
    "vgg16": "64 64 M 128 128 M 256 256 256 M 512 512 512 M 512 512 512 M",
    "vgg19": "64 64 M 128 128 M 256 256 256 256 M 512 512 512 512 M 512 512 512 512 M",
}


def vgg(name: str, classes: int = 1000) -> Parts:
    layers: list[nn.Module | str] = []
    before = 3
    for word in WIDTHS[name.removesuffix("_bn")].split():
        if word == "M":
            layers.append("m2")
            continue
        width = int(word)
        norm = [nn.BatchNorm2d(width)] if name.endswith("_bn") else []
        layers += [nn.Conv2d(before, width, 3, padding=1), *norm, "r"]
        before = width
    hidden = [nn.Linear(25088, 4096), "r", "d", nn.Linear(4096, 4096), "r", "d", nn.Linear(4096, classes)]
    return Parts(flat_classifier, features=numbered(*layers), classifier=numbered(*hidden))


def fire(maps: int, squeeze: int, expand: int) -> Parts:
    def forward(net: Parts, x: Tensor) -> Tensor:
        x = F.relu(net.squeeze(x))
        return F.relu(torch.cat([net.expand1x1(x), net.expand3x3(x)], 1))

    return Parts(
        forward, squeeze=nn.Conv2d(maps, squeeze, 1), expand1x1=nn.Conv2d(squeeze, expand, 1),
        expand3x3=nn.Conv2d(squeeze, expand, 3, padding=1),
    )  # fmt: skip


def squeezenet(name: str, classes: int = 1000) -> Parts:
    eight = [(16, 64), (16, 64), (32, 128), (32, 128), (48, 192), (48, 192), (64, 256), (64, 256)]
    first = 96 if name == "squeezenet1_0" else 64
    fires = [
        fire(maps, *sizes)
        for maps, sizes in zip((first, 128, 128, 256, 256, 384, 384, 512), eight, strict=True)
    ]
    if name == "squeezenet1_0":
        layers = [nn.Conv2d(3, 96, 7, 2), "r", "c3", *fires[:3], "c3", *fires[3:7], "c3", fires[7]]
    else:
        layers = [nn.Conv2d(3, 64, 3, 2), "r", "c3", *fires[:2], "c3", *fires[2:4], "c3", *fires[4:]]
    last = numbered("d", nn.Conv2d(512, classes, 1), "r", nn.AdaptiveAvgPool2d(1))
    return Parts(
        lambda net, x: net.classifier(net.features(x)).flatten(1), features=numbered(*layers), classifier=last
    )


def normed(maps: int, out: int, kernel: int, stride: int = 1) -> Parts:
    """torchvision's BasicConv2d."""
    return Parts(
        lambda net, x: F.relu(net.bn(net.conv(x))),
        conv=nn.Conv2d(maps, out, kernel, stride, kernel // 2, bias=False),
        bn=nn.BatchNorm2d(out, eps=0.001),
    )


def inception(maps: int, one: int, three_in: int, three: int, five_in: int, five: int, pool: int) -> Parts:
    """With the 3 x 3 where the paper has a 5 x 5."""
    return Parts(
        lambda net, x: torch.cat([net.branch1(x), net.branch2(x), net.branch3(x), net.branch4(x)], 1),
        branch1=normed(maps, one, 1),
        branch2=nn.Sequential(normed(maps, three_in, 1), normed(three_in, three, 3)),
        branch3=nn.Sequential(normed(maps, five_in, 1), normed(five_in, five, 3)),
        branch4=numbered("c31", normed(maps, pool, 1)),
    )


def googlenet(classes: int = 1000) -> Parts:
    sizes = {
        "inception3a": (192, 64, 96, 128, 16, 32, 32), "inception3b": (256, 128, 128, 192, 32, 96, 64),
        "inception4a": (480, 192, 96, 208, 16, 48, 64), "inception4b": (512, 160, 112, 224, 24, 64, 64),
        "inception4c": (512, 128, 128, 256, 24, 64, 64), "inception4d": (512, 112, 144, 288, 32, 64, 64),
        "inception4e": (528, 256, 160, 320, 32, 128, 128), "inception5a": (832, 256, 160, 320, 32, 128, 128),
        "inception5b": (832, 384, 192, 384, 48, 128, 128),
    }  # fmt: skip

    def forward(net: Parts, x: Tensor) -> Tensor:
        x = F.max_pool2d(net.conv1(x), 3, 2, ceil_mode=True)
        x = F.max_pool2d(net.conv3(net.conv2(x)), 3, 2, ceil_mode=True)
        for name in sizes:
            x = getattr(net, name)(x)
            if name == "inception3b":
                x = F.max_pool2d(x, 3, 2, ceil_mode=True)
            if name == "inception4e":
                x = F.max_pool2d(x, 2, 2, ceil_mode=True)
        return net.fc(x.mean((2, 3)))

    aux = {
        f"aux{i}": Parts(
            lambda net, x: x,
            conv=normed(maps, 128, 1),
            fc1=nn.Linear(2048, 1024),
            fc2=nn.Linear(1024, classes),
        )
        for i, maps in ((1, 512), (2, 528))
    }
    return Parts(
        forward, conv1=normed(3, 64, 7, 2), conv2=normed(64, 64, 1), conv3=normed(64, 192, 3),
        **{name: inception(*each) for name, each in sizes.items()}, **aux, fc=nn.Linear(1024, classes),
    )  # fmt: skip


def residual(net: Parts, x: Tensor) -> Tensor:
    """The convolutions with their norms in turn, a rectifier between, the shortcut before the last one."""
    pairs = [
        (getattr(net, f"conv{i}"), getattr(net, f"bn{i}")) for i in (1, 2, 3) if hasattr(net, f"conv{i}")
    ]
    y = x
    for i, (conv, bn) in enumerate(pairs):
        y = bn(conv(F.relu(y) if i else y))
    return F.relu(y + (net.downsample(x) if hasattr(net, "downsample") else x))


def conv(maps: int, out: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    return nn.Conv2d(maps, out, kernel, stride, kernel // 2, groups=groups, bias=False)


RESNETS = {
    # name: (basic, blocks, groups, width of a group at the first stage)
    "resnet18": (True, (2, 2, 2, 2), 1, 64), "resnet34": (True, (3, 4, 6, 3), 1, 64),
    "resnet50": (False, (3, 4, 6, 3), 1, 64), "resnet101": (False, (3, 4, 23, 3), 1, 64),
    "resnet152": (False, (3, 8, 36, 3), 1, 64), "wrn_50_2": (False, (3, 4, 6, 3), 1, 128),
    "resnext50_32x4d": (False, (3, 4, 6, 3), 32, 4), "resnext101_32x4d": (False, (3, 4, 23, 3), 32, 4),
    "resnext101_64x4d": (False, (3, 4, 23, 3), 64, 4),
}  # fmt: skip


def resnet(name: str, classes: int = 1000) -> Parts:
    """Strides are in the 3 x 3 convolution: version 1.5."""
    basic, blocks, groups, base = RESNETS[name]
    maps = 64
    stages = {}
    for stage, count in enumerate(blocks):
        planes = 64 * 2**stage
        out = planes if basic else 4 * planes
        made = []
        for i in range(count):
            stride = 2 if stage and not i else 1
            parts: dict[str, nn.Module]
            if basic:
                parts = {"conv1": conv(maps, out, 3, stride), "bn1": nn.BatchNorm2d(out)}
                parts |= {"conv2": conv(out, out, 3), "bn2": nn.BatchNorm2d(out)}
            else:
                width = planes * base // 64 * groups
                parts = {"conv1": conv(maps, width, 1), "bn1": nn.BatchNorm2d(width)}
                parts |= {"conv2": conv(width, width, 3, stride, groups), "bn2": nn.BatchNorm2d(width)}
                parts |= {"conv3": conv(width, out, 1), "bn3": nn.BatchNorm2d(out)}
            if stride == 2 or maps != out:
                parts["downsample"] = nn.Sequential(conv(maps, out, 1, stride), nn.BatchNorm2d(out))
            made.append(Parts(residual, **parts))
            maps = out
        stages[f"layer{stage + 1}"] = nn.Sequential(*made)

    def forward(net: Parts, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(net.bn1(net.conv1(x))), 3, 2, 1)
        return net.fc(net.layer4(net.layer3(net.layer2(net.layer1(x)))).mean((2, 3)))

    return Parts(
        forward, conv1=conv(3, 64, 7, 2), bn1=nn.BatchNorm2d(64), **stages, fc=nn.Linear(maps, classes)
    )


class ZerosOnBothSides(nn.Module):
    """akamaster's option A: a quarter of the new maps before the old ones and a quarter behind."""

    def forward(self, x: Tensor) -> Tensor:
        zeros = x.new_zeros(len(x), x.shape[1] // 2, *x[:, :, ::2, ::2].shape[2:])
        return torch.cat([zeros, x[:, :, ::2, ::2], zeros], 1)


def cifar_resnet(n: int, option: str = "A") -> Parts:
    maps = 16
    stages = {}
    for stage, out in enumerate((16, 32, 64), 1):
        made = []
        for _ in range(n):
            stride = 2 if out != maps else 1
            parts: dict[str, nn.Module] = {"conv1": conv(maps, out, 3, stride), "bn1": nn.BatchNorm2d(out)}
            parts |= {"conv2": conv(out, out, 3), "bn2": nn.BatchNorm2d(out)}
            if stride == 2:
                projection = nn.Sequential(conv(maps, out, 1, 2), nn.BatchNorm2d(out))
                parts["shortcut"] = ZerosOnBothSides() if option == "A" else projection
            made.append(Parts(_cifar_block, **parts))
            maps = out
        stages[f"layer{stage}"] = nn.Sequential(*made)

    def forward(net: Parts, x: Tensor) -> Tensor:
        x = F.relu(net.bn1(net.conv1(x)))
        return net.linear(net.layer3(net.layer2(net.layer1(x))).mean((2, 3)))

    return Parts(forward, conv1=conv(3, 16, 3), bn1=nn.BatchNorm2d(16), **stages, linear=nn.Linear(64, 10))


def _cifar_block(net: Parts, x: Tensor) -> Tensor:
    y = net.bn2(net.conv2(F.relu(net.bn1(net.conv1(x)))))
    return F.relu(y + (net.shortcut(x) if hasattr(net, "shortcut") else x))


def random_(net: nn.Module, seed: int = 0) -> nn.Module:
    """Numbers that no initialisation gives, with which no layer is dead and no score is lost."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in net.state_dict().items():
            if name.endswith("running_var"):
                value.uniform_(0.5, 2, generator=generator)
            elif name.endswith("num_batches_tracked"):
                value.fill_(7)
            elif value.numel() > 10_000_000:  # of rank one: quickly made
                across = torch.randn(1, value.shape[1], generator=generator)
                torch.mul(torch.randn(len(value), 1, generator=generator), across, out=value)
                value.mul_((2 / value.shape[1]) ** 0.5)
            elif value.ndim > 1:
                value.normal_(0, (2 / value[0].numel()) ** 0.5, generator=generator)
            elif name.endswith("weight"):
                value.uniform_(0.5, 1.5, generator=generator)
            else:
                value.normal_(0, 0.1, generator=generator)
    return net.eval()
