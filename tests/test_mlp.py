"""The multilayer perceptrons: their formula, and what they refuse."""

import itertools

import pytest
import torch

from heirloom.accounting import summary
from heirloom.errors import HeirloomError
from heirloom.models import create_model

PUBLISHED = [({}, (300,)), ({"hidden": 1000}, (1000,)), ({"second": 100}, (300, 100))]
PUBLISHED += [({"hidden": 500, "second": 150}, (500, 150))]


@pytest.mark.parametrize(("args", "hidden"), PUBLISHED)
def test_every_unit_reads_all_before_it(args, hidden):
    """1.7159 tanh(2/3 (W x + b)), layer by layer."""
    net = create_model("mlp", **args)
    x = torch.rand(3, 1, 28, 28)
    y = x.flatten(1)
    layers = [m for m in net if isinstance(m, torch.nn.Linear)]
    widths = [784, *hidden, 10]
    assert [m.weight.shape for m in layers] == [(b, a) for a, b in itertools.pairwise(widths)]
    for layer in layers:
        y = 1.7159 * torch.tanh(2 / 3 * (y @ layer.weight.T + layer.bias))
    torch.testing.assert_close(net(x), y)
    assert summary("mlp", **args).totals["parameters"] == sum(
        b * (a + 1) for a, b in itertools.pairwise(widths)
    )


@pytest.mark.parametrize("args", [{"hidden": 0}, {"hidden": -3}, {"second": -1}])
def test_widths_that_are_none(args):
    with pytest.raises(HeirloomError, match="give 1 or more hidden units, and second=0") as caught:
        create_model("mlp", **args)
    assert caught.value.code == "E-argument"


def test_widths_are_whole_numbers():
    with pytest.raises(HeirloomError, match="hidden is '300-100': give a whole number"):
        create_model("mlp", hidden="300-100")
