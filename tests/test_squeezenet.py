"""SqueezeNet against the paper's table, the authors' definitions and torchvision's code."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from heirloom.accounting import summary
from heirloom.errors import HeirloomError
from heirloom.models import create_model
from heirloom.models.squeezenet import Fire

pytestmark = pytest.mark.usefixtures("one_thread")

# Table 1 of the paper: parameters of each row.
PRINTED = {
    "conv1": 14_208, "fire2": 11_920, "fire3": 12_432, "fire4": 45_344, "fire5": 49_440, "fire6": 104_880,
    "fire7": 111_024, "fire8": 188_992, "fire9": 197_184, "conv10": 513_000,
}  # fmt: skip

# The definitions: maps and kernel of conv1; squeeze and expand maps of each fire module; `M` is pooling.
DEFINITIONS = {
    "squeezenet1_0": (96, 7, "16.64 16.64 32.128 M 32.128 48.192 48.192 64.256 M 64.256"),
    "squeezenet1_1": (64, 3, "16.64 16.64 M 32.128 32.128 M 48.192 48.192 64.256 64.256"),
}
ALL = pytest.mark.parametrize(
    ("name", "source", "side"),
    [
        ("squeezenet1_0", "paper", 227),
        ("squeezenet1_0", "authors", 227),
        ("squeezenet1_0", "torchvision", 224),
        ("squeezenet1_1", "authors", 227),
        ("squeezenet1_1", "torchvision", 224),
    ],
)


def by_block(books):
    found = {}
    for row in books.rows:
        name = row.name.split(".")[0]
        found[name] = found.get(name, 0) + row.parameters
    return {name: parameters for name, parameters in found.items() if parameters}


def test_the_papers_table():
    assert by_block(summary("squeezenet1_0")) == PRINTED
    assert sum(PRINTED.values()) == 1_248_424
    sizes = {row.name.split(".")[0]: row.output_size for row in summary("squeezenet1_0").rows}
    assert sizes["conv1"] == (96, 111, 111)
    assert [sizes[f"fire{i}"] for i in range(2, 10)] == [
        (128, 55, 55), (128, 55, 55), (256, 55, 55),
        (256, 27, 27), (384, 27, 27), (384, 27, 27), (512, 27, 27), (512, 13, 13),
    ]  # fmt: skip
    assert (sizes["conv10"], sizes["pool10"]) == ((1000, 13, 13), (1000, 1, 1))


def definition(net, name, source, x):
    """The definition spelled out with functions, given the weights of ``net``."""

    def conv(y, path, **options):
        layer = net.get_submodule(path)
        return F.relu(F.conv2d(y, layer.weight, layer.bias, **options))

    def pool(y):
        return F.max_pool2d(y, 3, 2, ceil_mode=True)

    maps, kernel, fires = DEFINITIONS[name]
    assert net.get_submodule("conv1").weight.shape[::2] == (maps, kernel)
    y, number = pool(conv(x, "conv1", stride=2)), 1
    for word in fires.split():
        if word == "M":
            y = pool(y)
            continue
        number += 1
        squeeze, expand = map(int, word.split("."))
        fire = f"fire{number}"
        y = conv(y, f"{fire}.squeeze")
        assert y.shape[1] == squeeze
        y = torch.cat([conv(y, f"{fire}.expand1x1"), conv(y, f"{fire}.expand3x3", padding=1)], 1)
        assert y.shape[1] == 2 * expand
    assert number == 9
    padding = 1 if (name, source) == ("squeezenet1_0", "authors") else 0
    return conv(y, "conv10", padding=padding).mean((2, 3))


@ALL
@torch.no_grad()
def test_scores_of_the_definition(name, source, side):
    torch.manual_seed(0)
    net = create_model(name, source=source, num_classes=11).eval()
    assert net.input_size == (3, side, side)
    for parameter in net.parameters():
        if parameter.ndim == 1:
            parameter.normal_()  # biases that are not 0 tell padding of conv10 from none
    x = torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(net(x), definition(net, name, source, x))


def test_the_frame_of_a_padded_1_x_1_convolution_is_its_rectified_bias():
    net = create_model("squeezenet1_0", source="authors", num_classes=4).eval()
    conv10 = net.get_submodule("conv10")
    with torch.no_grad():
        conv10.bias.copy_(torch.tensor([1.0, -1.0, 0.5, 2.0]))
        inside = torch.rand(1, 512, 13, 13)
        found = F.relu(conv10(inside)).mean((2, 3))
        frame = 15 * 15 - 13 * 13
        plain = F.relu(F.conv2d(inside, conv10.weight, conv10.bias)).sum((2, 3))
    torch.testing.assert_close(found, (plain + frame * conv10.bias.clamp(min=0)) / 15**2)


@ALL
def test_initial_weights(name, source, side):
    torch.manual_seed(0)
    for path, layer in create_model(name, source=source).named_modules():
        if isinstance(layer, nn.Conv2d):
            weight, count = layer.weight, layer.weight.numel()
            assert not layer.bias.count_nonzero()
            if path == "conv10":
                assert weight.std().item() == pytest.approx(0.01, rel=5 / math.sqrt(count))
                assert weight.abs().max() > 0.03
            else:
                # Caffe's "xavier" has a variance of 1 / fan-in; He's of torchvision twice that.
                variance = (2 if source == "torchvision" else 1) / weight[0].numel()
                assert weight.abs().max() <= math.sqrt(3 * variance)
                assert weight.std().item() == pytest.approx(math.sqrt(variance), rel=5 / math.sqrt(count))


@pytest.mark.parametrize(
    ("name", "source", "message"),
    [
        ("squeezenet1_0", "caffe", "source is 'caffe': give paper or authors or torchvision"),
        ("squeezenet1_1", "paper", "source is 'paper': give authors or torchvision"),
    ],
)
def test_an_unknown_source(name, source, message):
    with pytest.raises(HeirloomError, match=message) as caught:
        create_model(name, source=source)
    assert caught.value.code == "E-argument"


def test_a_fire_module_costs_less_than_a_convolution():
    # fire2 of the paper: a 3 x 3 convolution from 96 to 128 maps would have 110,720 parameters.
    assert sum(p.numel() for p in Fire(96, 16, 64).parameters()) == 11_920
    assert sum(p.numel() for p in nn.Conv2d(96, 128, 3).parameters()) == 110_720


@ALL
def test_nothing_of_the_image_is_lost_at_the_edge(name, source, side):
    """Pooling rounds up: at 227 x 227 of the paper all windows fit anyway."""
    rows = summary(name, source=source).rows
    sides = [row.output_size[1] for row in rows if row.kind == "max_pool"]
    expected = {
        ("squeezenet1_0", 227): [55, 27, 13],
        ("squeezenet1_0", 224): [54, 27, 13],
        ("squeezenet1_1", 227): [56, 28, 14],
        ("squeezenet1_1", 224): [55, 27, 13],
    }
    assert sides == expected[name, side]
