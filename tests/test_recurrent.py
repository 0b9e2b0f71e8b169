"""Recurrent networks: beside PyTorch's layers, a hand-written GRU, and their unfolded selves."""

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from conftest import Call
from hypothesis import given
from hypothesis import strategies as st
from test_accounting import kept_by_autograd
from torch import nn

from heirloom.accounting import memory, summary
from heirloom.errors import HeirloomError
from heirloom.layers import GRU, LSTM, Elman, Rows
from heirloom.models import create_model
from heirloom.models.recurrent import Unfolded
from heirloom.tracing import trace

NAMES = ("rnn", "lstm", "gru")
pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module", params=NAMES)
def net(request):
    torch.manual_seed(0)
    return create_model(request.param).double()


def images(*size, seed=1):
    return torch.rand(*size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def gradients(net, loss):
    net.zero_grad()
    loss.backward()
    return {name: p.grad.clone() for name, p in net.named_parameters()}


# What the layers compute ------------------------------------------------------------------------------


@pytest.mark.parametrize(("ours", "theirs"), [(Elman, nn.RNN), (LSTM, nn.LSTM)])
def test_beside_pytorchs_layers(ours, theirs):
    torch.manual_seed(0)
    layer, other = ours(5, 7).double(), theirs(5, 7, batch_first=True).double()
    with torch.no_grad():
        other.weight_ih_l0.copy_(layer.input.weight)
        other.weight_hh_l0.copy_(layer.recurrent.weight)
        other.bias_ih_l0.copy_(layer.input.bias)
        other.bias_hh_l0.zero_()
    x = images(3, 6, 5)
    torch.testing.assert_close(layer(x), other(x)[0][:, -1], atol=1e-12, rtol=0)


def test_gru_by_hand():
    torch.manual_seed(0)
    layer, x = GRU(4, 3).double(), images(2, 5, 4)
    u, b = layer.input.weight.detach().numpy(), layer.input.bias.detach().numpy()
    w, v = layer.recurrent.weight.detach().numpy(), layer.candidate.weight.detach().numpy()

    def logistic(a):
        return 1 / (1 + np.exp(-a))

    for sequence, found in zip(x.numpy(), layer(x).detach().numpy(), strict=True):
        h = np.zeros(3)
        for row in sequence:
            z = logistic(u[:3] @ row + w[:3] @ h + b[:3])
            r = logistic(u[3:6] @ row + w[3:] @ h + b[3:6])
            h = z * h + (1 - z) * np.tanh(u[6:] @ row + v @ (r * h) + b[6:])
        np.testing.assert_allclose(found, h, atol=1e-12)


def test_gru_is_pytorchs_where_nothing_is_reset():
    """With r = 1 it makes no difference on which side of the product it stands."""
    torch.manual_seed(0)
    layer, other = GRU(5, 7).double(), nn.GRU(5, 7, batch_first=True).double()
    with torch.no_grad():
        layer.input.bias[7:14] = 60.0
        order = torch.cat([torch.arange(7, 14), torch.arange(7), torch.arange(14, 21)])  # theirs: r, z, g
        other.weight_ih_l0.copy_(layer.input.weight[order])
        other.bias_ih_l0.copy_(layer.input.bias[order])
        other.weight_hh_l0.copy_(torch.cat([layer.recurrent.weight, layer.candidate.weight])[order])
        other.bias_hh_l0.zero_()
    x = images(3, 6, 5)
    torch.testing.assert_close(layer(x), other(x)[0][:, -1], atol=1e-12, rtol=0)


def test_rows_are_read_from_the_top_and_channels_side_by_side():
    x = torch.arange(2 * 3 * 4.0).view(1, 2, 3, 4)
    assert Rows()(x)[0, 1].tolist() == [4, 5, 6, 7, 16, 17, 18, 19]


def test_initial_weights():
    torch.manual_seed(0)
    rnn, lstm, gru = (create_model(name).hidden for name in NAMES)
    bound = 128**-0.5
    for weight in rnn.parameters():
        assert 0.9 * bound < weight.abs().max() <= bound
    assert 0.099 < lstm.recurrent.weight.abs().max() <= 0.1
    assert lstm.input.bias.view(4, 100).tolist() == [[0.0] * 100, [1.0] * 100, [0.0] * 100, [0.0] * 100]
    for weight in (*gru.recurrent.weight.split(100), gru.candidate.weight):
        torch.testing.assert_close(weight @ weight.T, torch.eye(100), atol=1e-5, rtol=0)
    assert gru.input.weight.std().item() == pytest.approx(0.01, rel=0.05)


# Sequences of different lengths -----------------------------------------------------------------------


def test_a_batch_of_mixed_lengths_is_each_alone(net):
    lengths = [28, 1, 13, 27, 2]
    x = images(5, 1, 28, 28)
    together = net(x, torch.tensor(lengths))
    alone = torch.cat([net(x[i : i + 1, :, :n]) for i, n in enumerate(lengths)])
    torch.testing.assert_close(together, alone, atol=1e-12, rtol=0)
    labels = torch.arange(5)
    want = gradients(net, F.cross_entropy(alone, labels))
    for name, found in gradients(net, F.cross_entropy(together, labels)).items():
        torch.testing.assert_close(found, want[name], atol=1e-12, rtol=0)
    assert torch.equal(net(x, [28] * 5), net(x))


def test_what_fills_up_a_sequence_has_no_part(net):
    x = images(2, 1, 28, 28).requires_grad_()
    scores = net(x, [5, 28])
    (found,) = torch.autograd.grad(scores.sum(), x)
    assert (found[0, :, 5:] == 0).all()
    assert (found[0, :, 4] != 0).any()
    other = x.detach().clone()
    other[0, :, 5:] = 1e6
    assert torch.equal(net(other, [5, 28]), scores)


@given(rows=st.integers(1, 9), count=st.integers(1, 4), data=st.data())
def test_any_lengths(rows, count, data):
    lengths = data.draw(st.lists(st.integers(1, rows), min_size=count, max_size=count))
    torch.manual_seed(0)
    layer, x = GRU(3, 2).double(), images(count, rows, 3)
    alone = torch.cat([layer(x[i : i + 1, :n]) for i, n in enumerate(lengths)])
    torch.testing.assert_close(layer(x, lengths), alone, atol=1e-12, rtol=0)


@pytest.mark.parametrize(
    ("lengths", "message"),
    [
        ([28], r"do not fit the batch: \(1,\) of int64 for 2 sequences: give one whole number for each"),
        (28, r"do not fit the batch: \(\) of int64"),
        ([28.0, 3.0], r"do not fit the batch: \(2,\) of float32"),
        ([True, True], r"do not fit the batch: \(2,\) of bool"),
        ([28, 0], r"lengths\[1\] is 0: the sequences have 28 steps: give 1 to 28"),
        ([29, 28], r"lengths\[0\] is 29"),
        ([28, -1], r"lengths\[1\] is -1"),
    ],
)
def test_wrong_lengths(net, lengths, message):
    with pytest.raises(HeirloomError, match=message) as caught:
        net(images(2, 1, 28, 28), lengths)
    assert caught.value.code == "E-argument"
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("size", [(1, 0, 28), (1, 28, 27), (3, 28, 28), (28, 28)])
def test_another_width_is_refused(net, size):
    with pytest.raises(
        HeirloomError, match=r"takes \(B, 1, 28, 28\), or another number of rows: got"
    ) as caught:
        net(torch.zeros(2, *size))
    assert caught.value.code == "E-input-size"


# The unfolded network ---------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [28, 3])
def test_unfolded_it_computes_the_same(net, rows):
    x, labels = images(4, 1, rows, 28), torch.arange(4)
    flat = Unfolded(net, rows)
    torch.testing.assert_close(flat(x), net(x), atol=1e-12, rtol=0)
    want = gradients(net, F.cross_entropy(net(x), labels))
    assert sum(p.numel() for p in flat.parameters()) == sum(p.numel() for p in net.parameters())

    # Untied, each layer has a gradient of its own; together they are that of the tied weight.
    untied = copy.deepcopy(flat)
    for step in untied.steps:
        step.layer = copy.deepcopy(step.layer)
    found = gradients(untied, F.cross_entropy(untied(x), labels))
    for name, gradient in want.items():
        part, _, weight = name.partition(".")
        if part == "hidden":
            copies = [g for key, g in found.items() if key.endswith(f"layer.{weight}")]
            assert len(copies) == rows
            torch.testing.assert_close(sum(copies), gradient, atol=1e-12, rtol=0)


def test_unfolded_it_counts_the_same():
    """But for the first step's products with a state of zeros, which only the cycle's own rule counts."""
    for name, products in (("rnn", 1), ("lstm", 4), ("gru", 2)):  # a reset state is computed, if from zeros
        net = create_model(name)
        folded, flat = summary(net).totals, summary(Unfolded(net)).totals
        unseen = products * 100 * 100
        assert flat["parameters"] == folded["parameters"]
        assert flat["macs"] == folded["macs"] - unseen
        assert flat["connections"] == folded["connections"] - unseen
        assert flat["flops"] == folded["flops"] - 2 * unseen


# The books --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "gates"), [("rnn", 1), ("lstm", 4), ("gru", 3)])
@pytest.mark.parametrize("rows", [28, 1])
def test_counts_by_hand(name, gates, rows):
    row = summary(name, (3, rows, 28), in_chans=3).trace["hidden"]
    assert row.parameters == gates * 100 * (84 + 100 + 1)
    assert row.connections == rows * row.parameters
    assert row.macs == rows * gates * (84 * 100 + 100 * 100)
    assert (row.receptive_field, row.jump, row.start) == ((rows, 28), (1, 1), (0, 0))


@pytest.mark.parametrize(
    ("layer", "parameters", "macs"),
    [
        (nn.RNN(8, 5, batch_first=True), 5 * 15, 4 * 5 * 13),
        (nn.LSTM(8, 5, batch_first=True), 20 * 15, 4 * 20 * 13),
        (nn.GRU(8, 5, bias=False, batch_first=True), 15 * 13, 4 * 15 * 13),
        (nn.LSTM(8, 5, 2, bidirectional=True), 2 * 20 * (15 + 17), 4 * 2 * 20 * (13 + 15)),
        (nn.LSTM(8, 5, proj_size=3), 20 * (8 + 3 + 2) + 15, 4 * (20 * 11 + 15)),
    ],
)
def test_pytorchs_layers_count_every_step(layer, parameters, macs):
    (row,) = trace(Call(lambda net, x: net.a(x)[0], a=layer), (4, 8)).rows[1:]
    assert (row.parameters, row.macs) == (parameters, macs)
    assert row.parameters == sum(p.numel() for p in layer.parameters())
    assert row.connections - row.macs == 4 * sum(
        p.numel() for n, p in layer.named_parameters() if "bias" in n
    )
    assert row.receptive_field is None


@pytest.mark.parametrize("name", NAMES)
def test_memory_is_what_autograd_keeps(name):
    net = create_model(name)
    assert memory(summary(net), 3)["activations"] == kept_by_autograd(net, 3)


@pytest.mark.parametrize("kind", [nn.RNN, nn.LSTM, nn.GRU])
def test_flops_are_those_of_pytorchs_cells(kind):
    """The cell is traced operation by operation; only the first state's product is missing there."""
    cell = {nn.RNN: nn.RNNCell, nn.LSTM: nn.LSTMCell, nn.GRU: nn.GRUCell}[kind](8, 5)

    def steps(net, x):
        state = None
        for row in x.unbind(1):
            state = net.a(row, state)
        return state[0] if isinstance(state, tuple) else state

    rows = trace(Call(steps, a=cell), (3, 8)).rows
    (row,) = trace(Call(lambda net, x: net.a(x)[0], a=kind(8, 5, batch_first=True)), (3, 8)).rows[1:]
    gates = len(cell.bias_ih) // 5
    assert sum(r.flops for r in rows) == row.flops - gates * 5 * (2 * 5 + 1)
