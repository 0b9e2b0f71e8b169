"""What distinguishes the LeNets: initial weights, the table of connections, the codes, the decks' class."""

import hashlib
import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from heirloom.accounting import summary
from heirloom.errors import HeirloomError
from heirloom.layers import Subsampling, TableConv2d
from heirloom.models import create_model, list_models
from heirloom.models.lenet5 import C3_READS, codes

# The listing of the reference page, digits 0 to 9: its SHA-256, and its `#` counted.
LISTING = "56fd817c6b00cd7e91131b40576d3e8006132a63fbd771492f10e80d39e0aa75"
COUNTS = [35, 27, 33, 32, 41, 35, 39, 25, 43, 39]

pytestmark = pytest.mark.usefixtures("one_thread")


def build(name, seed=0, **args):
    torch.manual_seed(seed)
    return create_model(name, **args)


def batch(net, count=4, seed=1):
    return torch.randn(count, *net.input_size, generator=torch.Generator().manual_seed(seed))


def bounds(name, net):
    """(parameter, bound) of everything that is drawn uniformly, from the papers' words, not from our code."""
    reach = 2.4 if name == "lenet_1989" else 1.0
    for layer in net.modules():
        if isinstance(layer, TableConv2d):
            reads = [len(maps) * layer.kernel**2 for maps in layer.table]
            kernels = [n for n, maps in zip(reads, layer.table, strict=True) for _ in maps]
            for kernel, fan_in in zip(layer.weight, kernels, strict=True):
                yield kernel, reach / math.sqrt(fan_in)
            for bias, fan_in in zip(layer.bias, reads, strict=True):
                yield bias, reach / math.sqrt(fan_in)
        elif isinstance(layer, Subsampling):
            yield layer.coefficient, reach / 2
            yield layer.bias, reach / 2
        elif isinstance(layer, nn.Conv2d | nn.Linear):
            fan_in = layer.weight[0].numel()
            fan_out = layer.weight.shape[0] * layer.weight[0, 0].numel()
            match name:
                case "lenet_caffe":
                    weight, bias = math.sqrt(3 / fan_in), 0.0
                case "lenet5_relu_avg":
                    weight, bias = math.sqrt(6 / (fan_in + fan_out)), 0.0
                case "lenet5_relu_max":
                    weight = bias = 1 / math.sqrt(fan_in)
                case _:
                    weight = bias = reach / math.sqrt(fan_in)
            yield layer.weight, weight
            yield layer.bias, bias


@pytest.mark.parametrize("name", list_models("lenet*"))
def test_initial_weights_fill_their_bounds(name):
    # A uniform variable divided by its bound has mean 0 and variance 1/3 whatever the bound.
    shares = []
    for parameter, bound in bounds(name, build(name)):
        if bound == 0:
            assert not parameter.count_nonzero()
            continue
        share = parameter.detach().flatten() / bound
        assert share.abs().max() <= 1 + 1e-6
        if share.numel() >= 100:
            assert share.abs().max() > 0.9
            assert abs(share.mean()) < 5 / math.sqrt(3 * share.numel())
        shares.append(share)
    together = torch.cat(shares)
    assert together.numel() > 2_000
    assert together.square().mean().item() == pytest.approx(1 / 3, abs=0.02)
    assert together.abs().max() > 0.999


def test_gaussian_output_starts_at_corners():
    output = build("lenet5_gaussian").get_submodule("output")
    assert output.centre.abs().eq(1).all()
    assert abs(output.centre.mean()) < 0.15
    torch.testing.assert_close(output.width.square(), torch.full((10,), 84.0))


class Net(nn.Module):
    """Lecture deck 001, transcribed."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), (2, 2))
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = x.view(-1, self.num_flat_features(x))
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        return self.fc3(x)

    def num_flat_features(self, x):
        num_features = 1
        for s in x.size()[1:]:
            num_features *= s
        return num_features


def test_the_decks_class_has_our_weights_and_our_outputs():
    torch.manual_seed(3)
    theirs, ours = Net(), build("lenet5_relu_max")
    ours.load_state_dict(theirs.state_dict())
    assert torch.equal(ours(batch(ours)), theirs(batch(ours)))
    books = summary(theirs, (1, 32, 32))
    assert books.totals == summary("lenet5_relu_max").totals


def test_the_codes_are_the_published_bitmaps():
    found = codes()
    assert found.shape == (10, 84)
    assert found.abs().eq(1).all()
    assert found.gt(0).sum(1).tolist() == COUNTS
    rows = ["".join("#" if v > 0 else "." for v in row) for row in found.view(-1, 7)]
    assert rows[0] == ".#####."  # the lid of the 0
    assert rows[12 : 12 + 3] == ["...##..", "..###..", ".####.."]  # the top of the 1
    assert rows[5 * 12 + 2] == "#######"
    assert rows[9 * 12 + 9] == ".####.."
    listing = "\n".join(f"{d}: " + " ".join(rows[12 * d : 12 * d + 12]) for d in range(10))
    assert hashlib.sha256(listing.encode()).hexdigest() == LISTING


def test_the_codes_lie_far_apart():
    distance = torch.cdist(codes(), codes()).square() / 4
    assert distance.add(100 * torch.eye(10)).min() >= 5


def test_table_one():
    printed = [
        "X...XXX..XXXX.XX",
        "XX...XXX..XXXX.X",
        "XXX...XXX..X.XXX",
        ".XXX..XXXX..X.XX",
        "..XXX..XXXX.XX.X",
        "...XXX..XXXX.XXX",  # the deck lost this row
    ]
    ours = ["".join("X" if i in maps else "." for maps in C3_READS) for i in range(6)]
    assert ours == printed
    assert sum(map(len, C3_READS)) == 60


def test_lenet5_has_codes_for_digits_only():
    with pytest.raises(HeirloomError, match=r"lenet5 has no 26 classes.*take lenet5_gaussian") as caught:
        create_model("lenet5", num_classes=26)
    assert caught.value.code == "E-argument"


def test_fan_in_bounds_differ_between_maps_of_c3():
    c3 = build("lenet5").get_submodule("c3")
    largest = [kernel.abs().max().item() for kernel in c3.weight]
    assert max(largest[:3]) > 1 / 10  # three maps of 25 allow more than four do
    assert max(largest[-6:]) <= 1 / math.sqrt(150)
