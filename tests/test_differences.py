"""What distinguishes two networks."""

import pytest
import torch
from torch import nn

from heirloom.accounting import summary
from heirloom.differences import Difference, diff, difference_table
from heirloom.layers import TableConv2d
from heirloom.models import MODELS, source

IMAGE = (2, 8, 8)


@pytest.mark.parametrize("name", [name for name in MODELS if not name.startswith("resnet1202")])
def test_a_network_does_not_differ_from_itself(name):
    books = summary(name)
    assert diff(books, books) == []


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


def test_a_wrapped_layer_is_still_that_layer():
    plain = nn.Sequential()
    wrapped = nn.Sequential()
    for number in range(2):
        plain.add_module(f"conv{number}", nn.Conv2d(2, 2, 3))
        block = nn.Sequential()
        block.add_module("conv", nn.Conv2d(2, 2, 3, bias=False))
        block.add_module("bn", nn.BatchNorm2d(2))
        wrapped.add_module(f"conv{number}", block)
    for net in (plain, wrapped):  # half of the names are common
        for name in ("relu", "pool", "flatten"):
            net.add_module(
                name, {"relu": nn.ReLU, "pool": lambda: nn.MaxPool2d(2), "flatten": nn.Flatten}[name]()
            )
    found = diff(summary(plain, IMAGE), summary(wrapped, IMAGE))
    assert Difference("conv0", "bias", "True", "False") in found
    assert Difference("conv1.bn", "layer", "", "batch_norm, 2×4×4") in found
    assert {d.layer for d in found} == {"conv0", "conv0.bn", "conv1", "conv1.bn", "total"}


def test_a_receptive_field_counts_where_it_begins_to_differ():
    def net(kernel):
        return nn.Sequential(
            nn.Conv2d(2, 2, kernel, padding=kernel // 2), nn.ReLU(), nn.Conv2d(2, 2, 3), nn.AvgPool2d(2)
        )

    found = diff(summary(net(3), IMAGE), summary(net(5), IMAGE))
    assert [d.layer for d in found if d.what == "receptive field"] == ["0"]


def test_each_side_names_its_source():
    found = {(d.layer, d.what): d for d in diff(summary("lenet5"), summary("lenet5_softmax"))}
    params = found["total", "parameters"]
    assert params.first_source == "LeCun et al. 1998, section II.B: only 60,000 trainable free parameters"
    # The number of a layer by its claim, another attribute by a claim of that layer or by the network's file.
    assert found["c3", "parameters"].first_source.startswith("lecture deck 001")
    assert source("lenet5_softmax").startswith("Kim 2023")
    assert found["s2", "kind"].second_source == source("lenet5_softmax")
    assert found["s2_squash", "layer"].second_source == ""  # nothing says what is not there
    own = diff(summary(nn.Sequential(nn.Linear(2, 3)), (2,)), summary(nn.Sequential(nn.Linear(2, 4)), (2,)))
    assert {d.first_source + d.second_source for d in own} == {""}
    assert difference_table(own, "one", "other").columns[-1] == "other"
    backwards = {(d.layer, d.what): d for d in diff(summary("lenet5_softmax"), summary("lenet5"))}
    assert backwards["total", "parameters"].second_source == params.first_source


@pytest.mark.parametrize("name", MODELS)
def test_every_network_has_a_source(name):
    found = source(name)
    assert len(found) > 20
    assert not any(mark in found for mark in ("Departs", "\n", "  "))


def test_remarks_number_the_sources():
    found = diff(summary("lenet5"), summary("lenet5_gaussian"))
    table = difference_table(found, "lenet5", "lenet5_gaussian")
    assert table.columns[-1] == "source"
    remarks = dict(note.split(": ", 1) for note in table.notes)
    for row, difference in zip(table.rows, found, strict=True):
        given = {text for text in (difference.first_source, difference.second_source) if text}
        assert {remarks[mark] for mark in row[-1].split(", ")} == given


def test_what_a_normalisation_adds_is_a_difference():
    def net(**options):
        return nn.Sequential(nn.BatchNorm2d(4, **options), nn.GroupNorm(2, 4, eps=options.get("eps", 1e-5)))

    found = diff(summary(net(), (4, 5, 5)), summary(net(eps=0.5, momentum=0.9), (4, 5, 5)))
    assert {(d.layer, d.what, d.first, d.second) for d in found} == {
        ("0", "momentum", "0.1", "0.9"), ("0", "eps", "1e-05", "0.5"), ("1", "eps", "1e-05", "0.5")
    }  # fmt: skip
    assert "Initial weights are not compared" in difference_table([], "a", "b").render("text")
