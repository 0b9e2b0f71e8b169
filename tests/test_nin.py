"""Network in network against the released definitions and the idea of the paper."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from heirloom.accounting import summary
from heirloom.models import create_model

pytestmark = pytest.mark.usefixtures("one_thread")

# The released definitions in short: a convolution is maps, kernel, stride, padding and the deviation of its
# initial weights; pooling is max or ave with kernel and stride; drop is dropout of one half.
DEFINITIONS = {
    "nin_cifar": """
        conv1 192 5 1 2 .05, cccp1 160 1 1 0 .05, cccp2 96 1 1 0 .05, max 3 2, drop,
        conv2 192 5 1 2 .05, cccp3 192 1 1 0 .05, cccp4 192 1 1 0 .05, ave 3 2, drop,
        conv3 192 3 1 1 .05, cccp5 192 1 1 0 .05, cccp6 10 1 1 0 .05, ave 8 1
    """,
    "nin_imagenet": """
        conv1 96 11 4 0 .01, cccp1 96 1 1 0 .05, cccp2 96 1 1 0 .05, max 3 2,
        conv2 256 5 1 2 .05, cccp3 256 1 1 0 .05, cccp4 256 1 1 0 .05, max 3 2,
        conv3 384 3 1 1 .01, cccp5 384 1 1 0 .05, cccp6 384 1 1 0 .05, max 3 2, drop,
        conv4 1024 3 1 1 .05, cccp7 1024 1 1 0 .05, cccp8 1000 1 1 0 .01, ave 6 1
    """,
}


def steps(name):
    return [step.split() for step in DEFINITIONS[name].split(",")]


def pooled(side, kernel, stride):
    """Caffe rounds up, and leaves out a window that would begin behind the image."""
    out = math.ceil((side - kernel) / stride) + 1
    return out - ((out - 1) * stride >= side)


@pytest.fixture(scope="module", params=DEFINITIONS)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def net(name):
    torch.manual_seed(0)
    return create_model(name).eval()


def test_counts_by_hand(name):
    books, maps, parameters, macs = summary(name), 3, 0, 0
    side = books.trace.input_size[1]
    for word, *numbers in steps(name):
        if word in ("max", "ave"):
            side = pooled(side, *map(int, numbers))
        elif word != "drop":
            out, kernel, stride, padding = map(int, numbers[:4])
            side = (side + 2 * padding - kernel) // stride + 1
            assert books.trace[word].output_size == (out, side, side)
            parameters += out * (maps * kernel**2 + 1)
            macs += out * maps * kernel**2 * side**2
            maps = out
    assert side == 1
    assert (books.totals["parameters"], books.totals["macs"]) == (parameters, macs)


@torch.no_grad()
def test_scores_of_the_definition(name, net):
    net.double()
    x = torch.randn(2, *net.input_size, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    y = x
    for word, *numbers in steps(name):
        if word == "drop":
            continue
        if word in ("max", "ave"):
            pool = F.max_pool2d if word == "max" else F.avg_pool2d
            y = pool(y, *map(int, numbers), ceil_mode=True)
        else:
            _, _, stride, padding = map(int, numbers[:4])
            layer = net.get_submodule(word)
            y = F.relu(F.conv2d(y, layer.weight, layer.bias, stride, padding))
    torch.testing.assert_close(net(x), y.flatten(1))
    net.float()


def test_each_1_x_1_convolution_is_a_small_network_at_each_pixel(net):
    x = torch.rand(1, 192 if net.input_size[1] == 32 else 96, 3, 2)
    cccp = net.get_submodule("cccp1")
    by_pixel = F.linear(x.permute(0, 2, 3, 1), cccp.weight.flatten(1), cccp.bias).permute(0, 3, 1, 2)
    torch.testing.assert_close(cccp(x), by_pixel)


def test_initial_weights(name, net):
    for word, *numbers in steps(name):
        if word not in ("max", "ave", "drop"):
            weight, deviation = net.get_submodule(word).weight, float(numbers[4])
            error = 5 / math.sqrt(weight.numel())
            assert weight.std().item() == pytest.approx(deviation, rel=error)
            assert abs(weight.mean()) < error * deviation
            assert not net.get_submodule(word).bias.count_nonzero()


def test_no_score_is_negative_and_none_comes_from_a_fully_connected_layer(net):
    assert not any(isinstance(layer, nn.Linear) for layer in net.modules())
    assert net(torch.randn(1, *net.input_size)).min() >= 0
    assert sum(isinstance(layer, nn.Dropout) for layer in net) == (2 if net.input_size[1] == 32 else 1)


def test_averages_at_the_edge_count_what_is_there():
    # Caffe divides by the pixels of a window that lie inside the image.
    pool2 = create_model("nin_cifar").get_submodule("pool2")
    x = torch.arange(16.0).reshape(1, 1, 4, 4)
    assert pool2(x).shape == (1, 1, 2, 2)
    assert pool2(x)[0, 0, 1, 1] == (10 + 11 + 14 + 15) / 4
    assert pool2(x)[0, 0, 0, 0] == x[0, 0, :3, :3].mean()
