"""FractalNet: its paths by brute force, its means by recursion, and what chance leaves out."""

import itertools
import math
from collections import Counter

import pytest
import torch
from torch import nn

from heirloom.accounting import summary
from heirloom.auditing import audit
from heirloom.errors import HeirloomError
from heirloom.models import create_model, fractalnet
from heirloom.models.fractalnet import Fractal, FractalBlock, FractalNet, Join, Unit

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def net():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = create_model("fractalnet20", in_chans=1, num_classes=3).eval()
        for layer in net.modules():  # statistics that differ from map to map
            if isinstance(layer, nn.BatchNorm2d):
                layer.running_mean.normal_(0, 0.1)
                layer.running_var.uniform_(0.5, 2)
        return net


@pytest.fixture(scope="module")
def images():
    return torch.randn(2, 1, 32, 32, generator=torch.Generator().manual_seed(1))


class Used(nn.Module):
    """Stands for a unit: hands on what it reads, and notes its own name."""

    def __init__(self, name, log):
        super().__init__()
        self.name, self.log = name, log

    def forward(self, x):
        self.log.append(self.name)
        return x


def stand_ins(columns):
    """A fractal whose units only note that they were used, and the list where they do."""
    fractal, log = Fractal(columns, 1, 1, 0.0), []
    for name, module in list(fractal.named_modules()):
        if isinstance(module, Unit):
            fractal.set_submodule(name, Used(name, log))
    return fractal, log


# The rule of expansion --------------------------------------------------------------------------


def plain(x, unit):
    """Convolution, normalisation and rectifier from their formulas, with stored statistics."""
    y = torch.nn.functional.conv2d(x, unit.conv.weight, padding=1)
    bn = unit.bn
    scale = bn.weight / (bn.running_var + bn.eps).sqrt()
    y = (y - bn.running_mean.view(-1, 1, 1)) * scale.view(-1, 1, 1) + bn.bias.view(-1, 1, 1)
    return y.clamp(min=0)


def column_by_column(block, x):
    """The released definition: row by row, three columns side by side, the shallowest 0."""
    deep, middle = block.fractal.first, block.fractal.second
    units = {
        2: [deep.first.column, deep.second.column, middle.first.column, middle.second.column],
        1: [deep.column, middle.column],
        0: [block.fractal.column],
    }
    last = dict.fromkeys(range(3), x)
    for row in range(4):
        for column in (2, 1, 0):
            if (row + 1) % 2 ** (2 - column) == 0:
                last[column] = plain(last[column], units[column].pop(0))
        if row == 1:
            last[2] = last[1] = (last[1] + last[2]) / 2
    pooled = [last[c].unfold(2, 2, 2).unfold(3, 2, 2).amax((4, 5)) for c in range(3)]
    return torch.stack(pooled).mean(0)


@torch.no_grad()
def test_evaluation_takes_every_path(net, images):
    x = images
    for number in range(1, 6):
        x = column_by_column(net.get_submodule(f"block{number}"), x)
    expected = x.flatten(1) @ net.fc.weight.T + net.fc.bias
    torch.testing.assert_close(net(images), expected)


@torch.no_grad()
def test_columns_alone_are_plain_networks(net, images):
    """5, 10 and 20 convolutions with pooling between the blocks, and nothing of the others."""
    of_column = {2: ["column"], 1: ["first.column", "second.column"]}
    of_column[0] = [f"{a}.{b}.column" for a in ("first", "second") for b in ("first", "second")]
    for column, names in of_column.items():
        layers = []
        for number in range(1, 6):
            fractal = net.get_submodule(f"block{number}.fractal")
            layers += [*[fractal.get_submodule(name) for name in names], nn.MaxPool2d(2)]
        alone = nn.Sequential(*layers, nn.Flatten(), net.fc).eval()
        assert sum(isinstance(m, nn.Conv2d) for m in alone.modules()) == 20 // 2**column
        torch.testing.assert_close(net(images, column), alone(images), rtol=0, atol=0)


def test_twenty_convolutions_lie_on_the_longest_path():
    rows = summary("fractalnet20").rows
    depth = {}
    for row in rows:
        before = [depth[i] for i in row.inputs]
        here = row.kind == "conv"
        depth[row.id] = (
            max((most for most, _ in before), default=0) + here,
            min((least for _, least in before), default=0) + here,
        )
    assert depth[rows[-1].id] == (20, 5)
    assert sum(row.kind == "conv" for row in rows) == 5 * 7


@pytest.mark.parametrize("columns", [1, 2, 3, 4, 5])
def test_columns_have_1_2_4_convolutions(columns):
    """And every unit belongs to one column."""
    fractal, log = stand_ins(columns)
    for column in range(columns):
        before = len(log)
        (path,) = fractal(torch.ones(1), [place == column for place in range(columns)], column)
        assert torch.equal(path, torch.ones(1))
        assert len(log) - before == 2 ** (columns - 1 - column)
    assert len(log) == len(set(log)) == sum(isinstance(m, Used) for m in fractal.modules()) == 2**columns - 1


# Drop-path ---------------------------------------------------------------------------------------


def draws(columns):
    """All subnetworks that the joins of a fractal can leave, with their probabilities."""
    masks = [m for m in itertools.product((False, True), repeat=columns) if any(m)]
    return {m: probability(m) for m in masks}


def probability(mask):
    """Each input is there with 0.85; where none would be, one of them."""
    p = fractalnet.LEFT_OUT
    found = math.prod(1 - p if there else p for there in mask)
    return found + (p ** len(mask) / len(mask) if sum(mask) == 1 else 0)


@pytest.mark.parametrize("inputs", [2, 3])
def test_what_a_join_reads(inputs):
    """6,000 draws: each set of inputs as often as expected, by five standard deviations; never none."""
    join, count = Join(inputs), 6_000
    expected = draws(inputs)
    assert sum(expected.values()) == pytest.approx(1)
    with torch.random.fork_rng():
        torch.manual_seed(4)
        found = Counter(tuple(join.draw(None)) for _ in range(count))
    assert found.keys() <= expected.keys()
    for mask, p in expected.items():
        assert abs(found[mask] - count * p) < 5 * math.sqrt(count * p * (1 - p)), mask
    assert join.eval().draw(None) == [True] * inputs
    assert join.train().draw(1) == [place == 1 for place in range(inputs)]


def wanted_units(columns, present, keep, prefix=""):
    """Names of the units that a subnetwork needs, found without running it: from its end backwards."""
    found = {f"{prefix}column"} if present[-1] else set()
    if any(present[:-1]):
        found |= wanted_units(columns - 1, present[:-1], keep, f"{prefix}second.")
        found |= wanted_units(columns - 1, keep[f"{prefix}join"], keep, f"{prefix}first.")
    return found


@pytest.mark.parametrize("columns", [2, 3])
def test_every_subnetwork_is_a_network(columns, monkeypatch):
    """All that local sampling can leave: each join has an input, and no unit is computed in vain."""
    fractal, log = stand_ins(columns)
    joins = {name: join for name, join in fractal.named_modules() if isinstance(join, Join)}
    seen = set()
    for *inner, present in itertools.product(
        *[draws(join.inputs) for join in joins.values()], draws(columns)
    ):
        keep = dict(zip(joins, inner, strict=True))
        for name, join in joins.items():
            monkeypatch.setattr(join, "draw", lambda column, mask=keep[name]: list(mask))
        log.clear()
        found = fractal(torch.ones(1), list(present), None)
        assert len(found) == sum(present)
        assert all(torch.equal(path, torch.ones(1)) for path in found)  # means, not sums
        assert set(log) == wanted_units(columns, present, keep)
        assert len(log) == len(set(log))
        seen.add(frozenset(log))
    assert len(seen) > columns
    assert max(map(len, seen)) == 2**columns - 1


def test_half_of_the_updates_train_one_column(monkeypatch):
    """Which column every block gets: the same for all, and as often as expected."""
    given = []
    monkeypatch.setattr(FractalBlock, "forward", lambda self, x, column: given.append(column) or x)
    monkeypatch.setattr(FractalNet, "__init__", lambda self: nn.Module.__init__(self))
    net, count = FractalNet(), 4_000
    net.input_size = (1,)
    for number in range(2):
        block = FractalBlock.__new__(FractalBlock)
        nn.Module.__init__(block)
        net.add_module(f"block{number}", block)
    with torch.random.fork_rng():
        torch.manual_seed(5)
        for _ in range(count):
            net.train()(torch.zeros(1, 1))
    first, second = given[::2], given[1::2]
    assert first == second
    found = Counter(first)
    for column, p in {None: 1 / 2, 0: 1 / 6, 1: 1 / 6, 2: 1 / 6}.items():
        assert abs(found[column] - count * p) < 5 * math.sqrt(count * p * (1 - p)), column
    given.clear()
    net.eval()(torch.zeros(1, 1))
    net.train()(torch.zeros(1, 1), 2)
    assert given == [None, None, 2, 2]


def test_the_generator_decides_what_is_left_out():
    """Twice the same numbers from the same seed; the draws come from torch's generator alone."""
    block = FractalBlock(1, 4, 0.3).train()
    x = torch.randn(2, 1, 4, 4, generator=torch.Generator().manual_seed(2))
    with torch.random.fork_rng():
        outputs = []
        for seed in (3, 3, *range(4, 12)):
            torch.manual_seed(seed)
            outputs.append(block(x, None).detach())
    assert torch.equal(outputs[0], outputs[1])
    assert sum(not torch.equal(outputs[0], other) for other in outputs) > 4


def test_a_column_alone_leaves_the_others_at_rest():
    block = FractalBlock(1, 4, 0.0).train()
    block(torch.randn(2, 1, 4, 4), 1).sum().backward()
    moved = {name for name, p in block.named_parameters() if p.grad is not None}
    assert {name.rpartition(".column.")[0] for name in moved} == {"fractal.first", "fractal.second"}


# Books -------------------------------------------------------------------------------------------


def test_the_two_numbers_of_parameters():
    """33.7 million as the blocks are described; 38.6 as printed, if blocks read as many maps as they have."""
    maps = (64, 128, 256, 512, 512)
    reads = (3, *maps[:-1])
    norms = sum(14 * n for n in maps)
    ours = sum(9 * (3 * m * n + 4 * n * n) for m, n in zip(reads, maps, strict=True)) + norms + 5_130
    assert ours == summary("fractalnet20").totals["parameters"] == 33_724_618
    widening = sum(m * n + 2 * n for m, n in zip(reads, maps, strict=True) if m != n)
    assert sum(63 * n * n for n in maps) + norms + widening + 5_130 == 38_649_034
    (printed,) = [v for v in audit("fractalnet20") if v.claim.value == 38_600_000]
    assert printed.words.startswith("contradicts (second hand): unresolved: ")
    assert "38,649,034" in printed.words


def test_another_size_is_refused(net):
    with pytest.raises(HeirloomError, match="takes") as caught:
        net(torch.zeros(1, 1, 28, 28))
    assert caught.value.code == "E-input-size"


def test_initial_weights():
    """Uniform with variance 1 / inputs: each layer keeps its bounds, fills them, and has that deviation."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = create_model("fractalnet20")
    layers = [layer for layer in net.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    assert len(layers) > 30
    for layer in layers:
        weight = layer.weight.detach().double()
        inputs = weight[0].numel()
        count, bound = weight.numel(), (3 / inputs) ** 0.5
        assert bound * (1 - 40 / count) < weight.abs().max().item() <= bound * (1 + 1e-6)
        assert weight.std().item() == pytest.approx(inputs**-0.5, rel=6 / count**0.5)
        assert layer.bias is None or not layer.bias.any()
