"""Shares by kind of operation, and memory: beside what PyTorch really keeps."""

import json

import pytest
import torch
import torch.nn.functional as F
from conftest import Call
from torch import nn

from heirloom.accounting import COLUMNS, Summary, memory, shares, summary
from heirloom.errors import HeirloomError
from heirloom.layers import LRN, CeilConv2d, L2Pool2d, MinPool2d, WithinMapNorm
from heirloom.models import MODELS, create_model
from heirloom.optimizers import OPTIMIZERS
from heirloom.recipes import Recipe
from heirloom.rows import Row, Trace
from heirloom.tables import memory_table, shares_table

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize("name", MODELS)
def test_shares_add_up(name):
    books = summary(name)
    found = shares(books)
    for column in COLUMNS:
        assert sum(share.counts[column] for share in found) == books.totals[column]
        if books.totals[column]:
            assert sum(share.parts[column] for share in found) == pytest.approx(1)
    assert [s.counts["flops"] for s in found] == sorted((s.counts["flops"] for s in found), reverse=True)


def test_the_last_table_of_lecture_deck_004():
    """Millions of operations; its slide prints 98.1, 1.6, 0.1 and 0.2 %, which is not what they divide to."""
    printed = {"conv": 34_275, "transposed_conv": 576, "relu": 123, "max_pool": 13}
    rows = [
        Row(i, [], kind, kind, {}, [], None, flops=count) for i, (kind, count) in enumerate(printed.items())
    ]
    found = {s.kind: 100 * s.parts["flops"] for s in shares(Summary(Trace("Tesla", (1,), rows)))}
    assert {kind: round(part, 2) for kind, part in found.items()} == {
        "conv": 97.96, "transposed_conv": 1.65, "relu": 0.35, "max_pool": 0.04,
    }  # fmt: skip
    assert found["conv"] + found["transposed_conv"] == pytest.approx(99.61, abs=0.005)  # "99.7 %"


def test_the_table_of_shares():
    """LeNet-5's convolutions: 122,304 + 151,600 + 48,120 connections of 340,908."""
    table = shares_table(summary("lenet5"))
    conv = next(line for line in table.render("text").splitlines() if line.strip().startswith("conv"))
    assert conv.split()[:5] == ["conv", "3", "49,792", "82.99", "322,024"]
    assert conv.split()[5] == f"{100 * 322_024 / 340_908:.2f}"
    data = json.loads(table.render("json"))
    assert data["kinds"][0]["macs"] == 117_600 + 150_000 + 48_000
    assert data["multiply_add_share"] == 2 * 326_520 / data["totals"]["flops"]
    assert table.render("csv").splitlines()[1].startswith("conv,3,49792,49792,0,322024,315600,637624,0.8298")
    assert table.render("latex").count(r"\\") == table.render("markdown").count("\n|") - 1 == 7


def kept_by_autograd(net, batch):
    """Bytes of all tensors that PyTorch keeps after a training pass, stored numbers left out."""
    torch.manual_seed(0)
    x = torch.randn(batch, *net.input_size)
    stored = {t.untyped_storage().data_ptr() for t in (*net.parameters(), *net.buffers())}
    seen = {}

    def pack(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in stored:
            seen[storage.data_ptr()] = storage
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        output = net.train()(x)
    del output
    return sum(storage.nbytes() for storage in seen.values())


def sized(size, *layers):
    net = nn.Sequential(*layers)
    net.input_size = size
    return net


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(4, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4)
        self.conv2, self.bn2 = nn.Conv2d(4, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4)

    def forward(self, x):
        return F.relu(x + self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))))


def branches(m, x):
    return torch.cat([m.one(x), m.two(x), F.max_pool2d(x, 3, 1, 1)], 1)


SMALL = {
    "linear": sized((5,), nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 3)),
    "conv": sized((3, 9, 9), nn.Conv2d(3, 4, 3), nn.Tanh(), nn.Conv2d(4, 2, 3, groups=2), nn.Sigmoid()),
    "pool": sized(
        *((3, 9, 9), nn.Conv2d(3, 4, 2), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Conv2d(4, 4, 2)),
        *(nn.AvgPool2d(2), nn.Flatten(), nn.Linear(4, 2)),
    ),
    "dropout": sized((4, 6, 6), nn.Flatten(), nn.Linear(144, 9), nn.ReLU(), nn.Dropout(), nn.Linear(9, 2)),
    "residual": sized(
        (4, 8, 8), Residual(), Residual(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)
    ),
    "branches": sized(
        (2, 6, 6),
        Call(branches, one=nn.Conv2d(2, 3, 1), two=nn.Conv2d(2, 3, 5, padding=2)),
        nn.ReLU(),
        nn.Conv2d(8, 2, 1),
    ),
    "lrn": sized((2, 6, 6), nn.Conv2d(2, 8, 3), nn.LocalResponseNorm(5), nn.Conv2d(8, 2, 1)),
    "our lrn": sized((2, 60, 60), nn.Conv2d(2, 8, 3), LRN("source"), nn.Conv2d(8, 2, 1)),
    "within maps": sized((2, 9, 9), nn.Conv2d(2, 4, 3), WithinMapNorm(), nn.Conv2d(4, 2, 1)),
    "ceil": sized((2, 9, 9), CeilConv2d(2, 4, 4, 3), nn.ReLU(), MinPool2d(2), nn.Conv2d(4, 2, 1)),
    "l2": sized((2, 8, 8), nn.Conv2d(2, 4, 3, padding=1), L2Pool2d(2), nn.Conv2d(4, 2, 1)),
}


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("batch", [1, 3])
def test_activations_are_what_autograd_keeps(name, batch):
    net = SMALL[name]
    assert memory(summary(net), batch)["activations"] == kept_by_autograd(net, batch)


@pytest.mark.parametrize("name", [name for name in MODELS if name.startswith("lenet")])
def test_activations_of_the_lenets(name):
    net = create_model(name)
    assert memory(summary(net), 32)["activations"] == pytest.approx(kept_by_autograd(net, 32), rel=0.05)


@pytest.mark.parametrize(
    ("optimizer", "momentum", "name"), [("sgd", 0, "sgd"), ("sgd", 0.9, "momentum"), ("adam", 0.9, "adam")]
)
def test_weights_gradients_and_state_are_those_of_real_tensors(optimizer, momentum, name):
    torch.manual_seed(0)
    net = create_model("lenet5")
    net.get_submodule("c1").requires_grad_(False)
    recipe = Recipe(model="lenet5", data="digits", optimizer=optimizer, momentum=momentum)
    mover = OPTIMIZERS[optimizer](recipe, net)
    net(torch.randn(2, 1, 32, 32)).sum().backward()
    mover.step()
    found = memory(summary(net), 2)
    assert found["parameters"] == sum(p.nbytes for p in net.parameters()) == 4 * 60_000
    assert found["fixed"] == net.get_buffer("output.codes").nbytes
    assert found["gradients"] == sum(p.grad.nbytes for p in net.parameters() if p.grad is not None)
    state = [tensor.nbytes for tensors in mover.state.values() for tensor in tensors.values() if tensor.ndim]
    assert found[name] == sum(state)


def test_the_table_of_memory():
    table = memory_table(summary("lenet_caffe"), 64)
    data = json.loads(table.render("json"))
    assert data["bytes"]["parameters"] == data["bytes"]["gradients"] == data["optimizer_bytes"]["momentum"]
    for name, total in data["totals"].items():
        assert total == sum(data["bytes"].values()) + data["optimizer_bytes"][name]
    # By hand: conv1's input, the two convolutions' results, ip1's input, relu1, which also is ip2's input;
    # conv2's input; and the places of maxima in 8 bytes.
    numbers = 28**2 + 20 * 24**2 + 20 * 12**2 + 50 * 8**2 + 800 + 500
    places = 20 * 12**2 + 800
    assert data["bytes"]["activations"] == 64 * (4 * numbers + 8 * places)
    assert "total" in table.render("text")
    with pytest.raises(HeirloomError, match="a batch of 0 images"):
        memory(summary("lenet1"), 0)
