"""Locally connected layers against loops and against a convolution; DeepFace, which is made of them."""

import itertools

import pytest
import torch
import torch.nn.functional as F
from conftest import Call
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from heirloom.accounting import memory, summary
from heirloom.auditing.explaining import explain
from heirloom.curvature import check_chain
from heirloom.errors import HeirloomError
from heirloom.layers import LocallyConnected2d
from heirloom.models import create_model
from heirloom.score_maps import dense
from heirloom.tracing import trace

pytestmark = pytest.mark.usefixtures("one_thread")


def drawn(*size, seed=0):
    return torch.randn(size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def filled(layer):
    layer = layer.double()
    with torch.no_grad():
        layer.weight.copy_(drawn(*layer.weight.shape, seed=1))
        layer.bias.copy_(drawn(*layer.bias.shape, seed=2))
    return layer


def by_hand(layer, x):
    """The definition, unit by unit."""
    rows, columns, maps = layer.bias.shape
    k, s = layer.kernel, layer.stride
    out = torch.zeros(len(x), maps, rows, columns, dtype=x.dtype)
    for b, o, r, c in itertools.product(range(len(x)), range(maps), range(rows), range(columns)):
        window = x[b, :, r * s : r * s + k, c * s : c * s + k]
        out[b, o, r, c] = (window * layer.weight[r, c, ..., o]).sum() + layer.bias[r, c, o]
    return out


def number(*size):
    """The number of units of a vector that size gives."""
    return torch.Size(size).numel()


@pytest.mark.parametrize(
    ("size", "maps", "kernel", "stride"),
    [
        ((3, 6, 7), 4, 3, 1),
        ((2, 7, 8), 3, 3, 2),
        ((1, 5, 5), 2, 5, 1),
        ((4, 3, 3), 5, 1, 1),
        ((2, 6, 9), 1, 2, 3),
    ],
)
def test_every_unit_has_kernels_of_its_own(size, maps, kernel, stride):
    layer, x = filled(LocallyConnected2d(size, maps, kernel, stride)), drawn(3, *size)
    x.requires_grad_()
    torch.testing.assert_close(layer(x), by_hand(layer, x))
    ours = torch.autograd.grad(layer(x).sin().sum(), (x, layer.weight, layer.bias))
    loops = torch.autograd.grad(by_hand(layer, x).sin().sum(), (x, layer.weight, layer.bias))
    for one, other in zip(ours, loops, strict=True):
        torch.testing.assert_close(one, other)


@given(
    st.integers(1, 3),
    st.integers(1, 3),
    st.integers(1, 4),
    st.integers(1, 3),
    st.integers(0, 5),
    st.integers(0, 5),
)
def test_with_equal_kernels_everywhere_it_is_a_convolution(maps, out_maps, kernel, stride, down, right):
    size = (maps, kernel + down, kernel + right)
    layer, x = LocallyConnected2d(size, out_maps, kernel, stride).double(), drawn(2, *size)
    weight, bias = drawn(out_maps, maps, kernel, kernel, seed=3), drawn(out_maps, seed=4)
    with torch.no_grad():
        layer.weight.copy_(weight.permute(1, 2, 3, 0).expand(layer.weight.shape))
        layer.bias.copy_(bias.expand(layer.bias.shape))
    convolved = F.conv2d(x, weight, bias, stride)
    torch.testing.assert_close(layer(x), convolved)
    # It is counted as that convolution, but for what is stored.
    convolution = nn.Conv2d(maps, out_maps, kernel, stride)
    (ours,), (other,) = trace(layer, size).rows[1:], trace(convolution, size).rows[1:]
    for column in ("connections", "macs", "flops", "output_size", "receptive_field", "jump", "start"):
        assert getattr(ours, column) == getattr(other, column), column
    places = number(*convolved.shape[2:])
    assert ours.parameters == places * other.parameters == ours.connections
    assert ours.kind == "locally_connected"


def test_it_is_one_row_by_hand():
    """5 x 5 places of 4 units that read 3 x 3 x 3 inputs and a bias."""
    (row,) = trace(LocallyConnected2d((3, 11, 11), 4, 3, 2), (3, 11, 11)).rows[1:]
    assert (row.parameters, row.connections, row.macs) == (100 * 28, 100 * 28, 100 * 27)
    assert row.flops == 100 * (2 * 27 + 1)
    assert row.formulas["parameters"] == "4 x 5 x 5 x (3 x 3 x 3 + 1)"
    assert row.formulas["macs"] == "4 x 5 x 5 x 3 x 3 x 3"
    assert (row.receptive_field, row.jump, row.start) == ((3, 3), (2, 2), (0, 0))


def test_memory_is_what_autograd_keeps():
    """The windows, written out: 25 places x 27 numbers, for each of 6 images."""
    net = nn.Sequential(LocallyConnected2d((3, 11, 11), 4, 3, 2), nn.ReLU())
    net.input_size = (3, 11, 11)
    sizes = []
    stored = {p.untyped_storage().data_ptr() for p in net.parameters()}

    def pack(tensor):
        if tensor.untyped_storage().data_ptr() not in stored:
            sizes.append(tensor.untyped_storage().nbytes())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        net(torch.randn(6, 3, 11, 11))
    assert sum(sizes) == memory(summary(net), 6)["activations"] == 6 * 4 * (25 * 27 + 100)


def test_faults_are_one_clear_line():
    for size, maps, kernel, stride in (
        ((1, 4, 4), 1, 5, 1),
        ((1, 4, 6), 1, 5, 1),
        ((1, 6, 4), 1, 5, 1),
        ((1, 4, 4), 1, 2, 0),
        ((1, 4, 4), 0, 2, 1),
    ):
        with pytest.raises(HeirloomError, match="no window fits, or there is nothing") as caught:
            LocallyConnected2d(size, maps, kernel, stride)
        assert caught.value.code == "E-argument"
    with pytest.raises(HeirloomError, match=r"takes \(B, 1, 4, 4\): got \(2, 1, 5, 4\)") as caught:
        LocallyConnected2d((1, 4, 4), 1, 2)(torch.zeros(2, 1, 5, 4))
    assert caught.value.code == "E-input-size"
    net = nn.Sequential(LocallyConnected2d((1, 4, 4), 2, 2), nn.Flatten(), nn.Linear(18, 2))
    net.input_size = (1, 4, 4)
    with pytest.raises(HeirloomError, match="no dense form: 0: its places have kernels of their own"):
        dense(net)
    with pytest.raises(HeirloomError, match="no rule for LocallyConnected2d"):
        check_chain(net)


def test_a_subclass_that_computes_otherwise_is_refused():
    class Other(LocallyConnected2d):
        def forward(self, x):
            return super().forward(x) * 2

    with pytest.raises(HeirloomError, match="it changes the forward of LocallyConnected2d"):
        trace(Call(lambda net, x: net.layer(x), layer=Other((1, 4, 4), 1, 2)), (1, 4, 4))


# DeepFace ----------------------------------------------------------------------------------------

# Parameters, multiply-accumulates, field and size of the output of each layer, by hand.
DEEPFACE = {
    "c1": (32 * (3 * 121 + 1), 142**2 * 32 * 3 * 121, 11, (32, 142, 142)),
    "m2": (0, 0, 13, (32, 71, 71)),
    "c3": (16 * (32 * 81 + 1), 63**2 * 16 * 32 * 81, 29, (16, 63, 63)),
    "l4": (55**2 * 16 * (16 * 81 + 1), 55**2 * 16 * 16 * 81, 45, (16, 55, 55)),
    "l5": (25**2 * 16 * (16 * 49 + 1), 25**2 * 16 * 16 * 49, 57, (16, 25, 25)),
    "l6": (21**2 * 16 * (16 * 25 + 1), 21**2 * 16 * 16 * 25, 73, (16, 21, 21)),
    "f7": (4096 * (7056 + 1), 4096 * 7056, 153, (4096,)),
    "f8": (4030 * 4097, 4030 * 4096, 153, (4030,)),
}


def test_deepface_layer_by_layer():
    books = summary("deepface")
    found = {
        row.name: (row.parameters, row.macs, row.receptive_field[0], row.output_size)
        for row in books.rows
        if row.connections
    }
    assert found == DEEPFACE
    # "More than 95 %" of the parameters lie in the locally and fully connected layers.
    late = sum(row.parameters for row in books.rows if row.kind in ("locally_connected", "linear"))
    assert late / books.totals["parameters"] == pytest.approx(0.99955, abs=1e-5)


def test_initial_weights_of_deepface():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = create_model("deepface", num_classes=7)
    for name, layer in net.named_children():
        if getattr(layer, "weight", None) is not None:
            some = layer.weight.detach().flatten()[:1_000_000]
            assert some.std().item() == pytest.approx(0.01, abs=6 * 0.01 / (2 * len(some)) ** 0.5), name
            assert abs(some.mean().item()) < 6 * 0.01 / len(some) ** 0.5, name
            assert (layer.bias == 0.5).all(), name
    assert net.f8.weight.shape == (7, 4096)


def test_the_way_back_to_deepface(monkeypatch):
    monkeypatch.setattr("heirloom.auditing.explaining.list_models", lambda: ["lenet5", "deepface"])
    found = explain(118_923_774)
    assert {(e.model, e.layer) for e in found} == {("deepface", "total")}
    assert {e.quantity for e in found} == {"parameters", "trainable"}
    (row,) = [e for e in explain(62_774_800) if e.why.startswith("16 x") and e.quantity == "parameters"]
    assert (row.model, row.layer, row.why) == ("deepface", "l4", "16 x 55 x 55 x (16 x 9 x 9 + 1)")
