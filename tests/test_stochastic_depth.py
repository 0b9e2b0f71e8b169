"""Stochastic depth: how often blocks survive, and what evaluation makes of them."""

import math
from collections import Counter

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from heirloom.accounting import COLUMNS, summary
from heirloom.differences import diff
from heirloom.models import create_model
from heirloom.models.resnet import Block
from heirloom.models.stochastic_depth import StochasticBlock

pytestmark = pytest.mark.usefixtures("one_thread")


def drawn(net, seed=0):
    """The same network with numbers that no two layers share."""
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(seed)
        for tensor in (*net.parameters(), *net.buffers()):
            if tensor.is_floating_point():
                tensor.uniform_(0.5, 1.5) if tensor.ndim == 1 else tensor.normal_(0, 0.3)
    return net


def image(*size):
    return torch.randn(size, generator=torch.Generator().manual_seed(1))


def residual(block, x):
    """Its two convolutions with stored statistics, from the formulas."""
    for conv, bn, last in ((block.conv1, block.bn1, False), (block.conv2, block.bn2, True)):
        x = F.conv2d(x, conv.weight, stride=conv.stride, padding=1)
        mean, scale = (
            bn.running_mean.view(-1, 1, 1),
            (bn.weight / (bn.running_var + bn.eps).sqrt()).view(-1, 1, 1),
        )
        x = (x - mean) * scale + bn.bias.view(-1, 1, 1)
        x = x if last else x.clamp(min=0)
    return x


def past(block, x):
    """The shortcut: every other pixel and empty maps where the size changes."""
    if block.conv1.stride == (1, 1):
        return x
    return torch.cat([x[:, :, ::2, ::2], torch.zeros_like(x[:, :, ::2, ::2])], 1)


def blocks_of(net):
    return [m for m in net.modules() if isinstance(m, StochasticBlock)]


def test_survival_falls_in_a_straight_line():
    with torch.device("meta"):
        blocks = blocks_of(create_model("resnet110_stochastic"))
    assert len(blocks) == 54
    assert [b.survival for b in blocks] == pytest.approx([1 - l / 108 for l in range(1, 55)])  # noqa: E741
    assert blocks[-1].survival == 0.5
    # (3 L - 1) / 4 blocks on average.
    assert sum(b.survival for b in blocks) == pytest.approx((3 * 54 - 1) / 4) == 40.25


@torch.no_grad()
def test_evaluation_scales_what_a_block_adds():
    net = drawn(create_model("resnet110_stochastic")).double().eval()
    for layer in net.modules():  # else 54 random blocks overflow
        if isinstance(layer, nn.BatchNorm2d):
            layer.weight.mul_(0.1)
    x = image(1, 3, 32, 32).double()
    h = net.relu1(net.bn1(net.conv1(x)))
    for number, block in enumerate(blocks_of(net), start=1):
        h = ((1 - number / 54 * 0.5) * residual(block, h) + past(block, h)).clamp(min=0)
    expected = F.linear(h.mean((2, 3)), net.fc.weight, net.fc.bias)
    assert expected.isfinite().all()
    torch.testing.assert_close(net(x), expected)


@pytest.mark.parametrize(("in_maps", "maps", "stride"), [(3, 3, 1), (3, 6, 2)])
def test_in_training_it_is_the_whole_block_or_its_shortcut(in_maps, maps, stride):
    block = drawn(StochasticBlock(in_maps, maps, stride, shortcut="A"))
    block.survival = 0.7
    plain = Block(in_maps, maps, stride, shortcut="A")
    plain.load_state_dict(block.state_dict())
    x = image(2, in_maps, 6, 6)
    both, gone = plain.train()(x), past(block, x).clamp(min=0)
    assert not torch.equal(both, gone)
    count, found = 500, Counter()
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(6)
        for _ in range(count):
            out = block.train()(x)
            found[torch.equal(out, both)] += 1
            assert torch.equal(out, both) or torch.equal(out, gone)
    assert abs(found[True] - 0.7 * count) < 5 * math.sqrt(count * 0.7 * 0.3)
    block.survival = 0.0
    out = block.requires_grad_()(x.requires_grad_())
    torch.testing.assert_close(out, gone)
    out.sum().backward()
    assert x.grad.isfinite().all()
    assert all(p.grad is None for p in block.parameters())


def test_the_generator_decides_what_survives():
    net = drawn(nn.Sequential(*[StochasticBlock(2, 2, 1, shortcut="A") for _ in range(8)])).train()
    for block in net:
        block.survival = 0.5
    outputs, x = [], image(2, 2, 5, 5)
    with torch.random.fork_rng(), torch.no_grad():
        for seed in (3, 3, 4, 5, 6):
            torch.manual_seed(seed)
            outputs.append(net(x))
    assert torch.equal(outputs[0], outputs[1])
    assert any(not torch.equal(outputs[0], other) for other in outputs)


def test_it_is_resnet110_but_for_the_scaling():
    plain, ours = summary("resnet110"), summary("resnet110_stochastic")
    assert {c for c in COLUMNS if plain.totals[c] != ours.totals[c]} == {"flops"}
    found = diff(plain, ours)
    added = [d for d in found if d.what == "layer"]
    assert len(added) == 54
    assert all(d.layer.endswith(".mul") and not d.first for d in added)
    # One multiplication for each number that a block adds.
    assert ours.totals["flops"] - plain.totals["flops"] == 18 * (16 * 32**2 + 32 * 16**2 + 64 * 8**2)
    assert {d.what for d in found} == {"layer", "from", "flops"}


def test_weights_of_resnet110_fit():
    with torch.device("meta"):
        plain, ours = (
            create_model("resnet110").state_dict(),
            create_model("resnet110_stochastic").state_dict(),
        )
    assert {k: t.shape for k, t in plain.items()} == {k: t.shape for k, t in ours.items()}
