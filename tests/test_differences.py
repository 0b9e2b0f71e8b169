"""What distinguishes two networks."""

import pytest
import torch
from torch import nn

from heirloom.accounting import summary
from heirloom.differences import Difference, diff
from heirloom.layers import TableConv2d
from heirloom.models import MODELS

IMAGE = (2, 8, 8)


@pytest.mark.parametrize("name", MODELS)
def test_a_network_does_not_differ_from_itself(name):
    assert diff(summary(name), summary(name)) == []


def test_lenet5_and_its_simplification():
    found = diff(summary("lenet5"), summary("lenet5_softmax"))
    assert Difference("c3", "table", "60 of 96 pairs", "") in found
    assert Difference("c3", "parameters", "1,516", "2,416") in found
    assert Difference("s2", "kind", "subsampling", "average_pool") in found
    assert Difference("s2_squash", "layer", "scaled_tanh, 6×14×14", "") in found
    assert Difference("output", "kind", "rbf", "linear") in found
    assert Difference("total", "parameters", "60,000", "61,706") in found
    assert Difference("total", "fixed", "840", "0") in found
    # Neither what is the same nor attributes of different kinds.
    assert not [d for d in found if d.layer in ("input", "c1", "c5", "f6", "flatten")]
    assert {d.what for d in found if d.layer == "s2"} == {"kind", "parameters", "connections"}
    assert not [d for d in found if d.what == "unshared_bias"]
    assert max(len(side) for d in found for side in (d.first, d.second)) < 40
    # The sides of the totals differ by what the rows differ.
    backwards = diff(summary("lenet5_softmax"), summary("lenet5"))
    assert [(d.what, d.second, d.first) for d in backwards if d.layer == "total"] == [
        (d.what, d.first, d.second) for d in found if d.layer == "total"
    ]


def test_networks_without_common_names_are_paired_by_kind():
    one = nn.Sequential(nn.Conv2d(2, 3, 3), nn.ReLU(), nn.Conv2d(3, 3, 3))
    other = nn.Sequential()
    for name, part in zip("abc", (nn.Conv2d(2, 3, 3), nn.ReLU(), nn.Conv2d(3, 3, 3, stride=2)), strict=True):
        other.add_module(name, part)
    found = diff(summary(one, IMAGE), summary(other, IMAGE))
    assert {d.layer for d in found} == {"2 / c", "total"}
    assert Difference("2 / c", "stride", "[1, 1]", "[2, 2]") in found
    assert Difference("2 / c", "output", "3×4×4", "3×2×2") in found


def test_other_pairs_of_the_same_number():
    def net(table):
        return nn.Sequential(TableConv2d(table, 2, 3))

    found = diff(summary(net([(0,), (1,)]), IMAGE), summary(net([(1,), (0,)]), IMAGE))
    assert found == [Difference("0", "table", "2 of 4 pairs", "2 of 4 pairs, others")]


def test_an_unshared_bias_is_a_difference():
    def net(size):
        return nn.Sequential(TableConv2d([(0,), (1,)], 2, 3, bias_size=size))

    found = diff(summary(net(None), IMAGE), summary(net((6, 6)), IMAGE))
    assert Difference("0", "unshared_bias", "", "True") in found
    assert Difference("0", "parameters", "20", "90") in found


class Skip(nn.Module):
    def __init__(self, long):
        super().__init__()
        self.long = long
        self.a, self.b = nn.Conv2d(2, 2, 3, padding=1), nn.Conv2d(2, 2, 3, padding=1)

    def forward(self, x):
        y = self.a(x)
        return self.b(y) + (x if self.long else y)


def test_another_wiring_is_a_difference():
    found = diff(summary(Skip(True), IMAGE), summary(Skip(False), IMAGE))
    assert found == [Difference("add", "from", "b, input", "b, a")]


def test_a_frozen_layer_and_an_input_of_another_size():
    frozen = nn.Sequential(nn.Conv2d(2, 2, 3)).requires_grad_(False)
    found = diff(summary(frozen, IMAGE), summary(nn.Sequential(nn.Conv2d(2, 2, 3)), IMAGE))
    assert found == [Difference("total", "trainable", "0", "38")]
    net = nn.Sequential(nn.Conv2d(2, 2, 3))
    found = diff(summary(net, IMAGE), summary(net, (2, 9, 9)))
    assert found[0] == Difference("input", "output", "2×8×8", "2×9×9")


def test_a_layer_that_does_not_run():
    class Half(nn.Module):
        def __init__(self, whole):
            super().__init__()
            self.whole, self.a, self.b = whole, nn.Linear(2, 2), nn.Linear(2, 2)

        def forward(self, x):
            return self.b(self.a(x)) if self.whole else self.a(x)

    with torch.device("meta"):
        found = diff(summary(Half(True), (2,)), summary(Half(False), (2,)))
    assert Difference("b", "executed", "True", "False") in found
