"""The rules of the operations against brute force: Jacobians, gradients and arithmetic."""

import ast
import operator
from itertools import product
from math import prod

import pytest
import torch
import torch.nn.functional as F
from conftest import Call
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

from heirloom.accounting import summary
from heirloom.layers import (
    LRN,
    RBF,
    CeilConv2d,
    Gaussian,
    L2Pool2d,
    MinPool2d,
    Subsampling,
    TableConv2d,
    WithinMapNorm,
)
from heirloom.models import MODELS, create_model, list_models
from heirloom.models.squeezenet import Fire
from heirloom.tracing import trace

pytestmark = pytest.mark.usefixtures("one_thread")


def filled(net):
    """Random numbers without zeros in place of all parameters, in double precision."""
    torch.manual_seed(0)
    net = net.double().eval()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.uniform_(0.2, 1.0).mul_(torch.randint(0, 2, parameter.shape).mul(2).sub(1))
    return net


def only_row(net, size):
    (row,) = [row for row in trace(net, size) if row.connections]
    return row


# Connections and multiplications -----------------------------------------------------------------


def non_zeros(net, size, bias):
    """Pairs of an output and an input that it depends on, and of an output and a bias."""
    x = torch.rand(1, *size, dtype=torch.float64) + 0.1
    names = [bias] if bias else []
    values = [dict(net.named_parameters())[name].detach() for name in names]

    def call(x, *values):
        return torch.func.functional_call(net, dict(zip(names, values, strict=True)), (x,))

    jacobians = torch.autograd.functional.jacobian(call, (x, *values))
    counts = [int(j.count_nonzero()) for j in jacobians]
    return counts[0], sum(counts[1:])


TABLE = ((0, 2), (1,), (0, 1, 2), (2,))
CONVOLUTIONS = {
    "plain": (nn.Conv2d(3, 4, 3), (3, 6, 5), "bias"),
    "without bias": (nn.Conv2d(3, 4, 3, bias=False), (3, 6, 5), ""),
    "grouped": (nn.Conv2d(4, 6, 3, groups=2), (4, 5, 5), "bias"),
    "depthwise": (nn.Conv2d(4, 4, 3, groups=4), (4, 5, 5), "bias"),
    "strided": (nn.Conv2d(2, 3, (3, 2), stride=(2, 1)), (2, 7, 6), "bias"),
    "dilated": (nn.Conv2d(2, 3, 3, dilation=2), (2, 7, 7), "bias"),
    "rounded up": (CeilConv2d(2, 3, 3, 2), (2, 7, 9), "bias"),
    "of a line": (nn.Conv1d(2, 3, 3), (2, 9), "bias"),
    "of a solid": (nn.Conv3d(2, 3, 2), (2, 3, 4, 3), "bias"),
    "transposed": (nn.ConvTranspose2d(2, 3, 3, stride=2), (2, 3, 4), "bias"),
    "transposed in groups": (nn.ConvTranspose2d(4, 6, 2, stride=2, groups=2), (4, 3, 3), "bias"),
    "table": (TableConv2d(TABLE, 3, 3), (3, 6, 5), "bias"),
    "table, strided": (TableConv2d(TABLE, 3, 3, stride=2), (3, 7, 7), "bias"),
    "table, unshared": (TableConv2d(TABLE, 3, 3, bias_size=(4, 3)), (3, 6, 5), "bias"),
    "linear": (nn.Linear(7, 5), (7,), "bias"),
    "linear without bias": (nn.Linear(7, 5, bias=False), (7,), ""),
    "linear on a sequence": (nn.Linear(7, 5), (3, 7), "bias"),
    "rbf": (RBF(torch.randn(3, 6, dtype=torch.float64)), (6,), ""),
    "gaussian": (Gaussian(6, 3), (6,), "width"),
}
POOLING = {
    "subsampling": (Subsampling(3), (3, 6, 4), "bias"),
    "subsampling in pairs": (Subsampling(6, in_maps=3), (3, 6, 4), "bias"),
    "average": (nn.AvgPool2d(2), (3, 6, 4), ""),
    "average, overlapping": (nn.AvgPool2d(3, stride=2), (2, 7, 7), ""),
    "average of a line": (nn.AvgPool1d(2), (2, 8), ""),
    "root of squares": (L2Pool2d(3, 2), (2, 7, 7), ""),
    "global average": (nn.AdaptiveAvgPool2d(1), (3, 5, 4), ""),
    "mean over the map": (Call(lambda net, x: x.mean((2, 3))), (3, 5, 4), ""),
    "adaptive average": (nn.AdaptiveAvgPool2d((2, 3)), (2, 5, 4), ""),
}


@pytest.mark.parametrize(("net", "size", "bias"), CONVOLUTIONS.values(), ids=CONVOLUTIONS)
def test_connections_are_non_zeros_of_the_jacobian(net, size, bias):
    inputs, biases = non_zeros(filled(net), size, bias)
    row = only_row(net, size)
    assert row.macs == inputs
    assert row.connections == inputs + biases
    assert row.flops == 2 * inputs + biases
    assert (biases > 0) == bool(bias)


@pytest.mark.parametrize(("net", "size", "bias"), POOLING.values(), ids=POOLING)
def test_connections_of_pooling(net, size, bias):
    inputs, biases = non_zeros(filled(net), size, bias)
    row = only_row(net, size)
    assert row.connections == row.flops == inputs + biases
    assert row.macs == 0


@pytest.mark.parametrize(
    ("net", "size"),
    [
        (nn.MaxPool2d(2), (3, 6, 4)),
        (nn.MaxPool2d(3, stride=2), (2, 7, 7)),
        (MinPool2d(3, 2), (2, 7, 7)),
        (nn.MaxPool2d(2, dilation=2, stride=1), (1, 5, 5)),
        (nn.MaxPool1d(3), (2, 9)),
        (nn.MaxPool3d(2), (1, 4, 4, 2)),
        (nn.AdaptiveMaxPool2d((2, 3)), (2, 5, 4)),
        (Call(lambda net, x: F.max_pool2d(x, (2, 3))), (2, 4, 6)),
    ],
    ids=str,
)
def test_a_maximum_is_connected_to_all_that_may_win(net, size):
    torch.manual_seed(0)
    x = torch.rand(400, *size, requires_grad=True)
    out = net(x)
    pairs = 0
    for unit in product(*map(range, out.shape[1:])):
        (gradient,) = torch.autograd.grad(out[(slice(None), *unit)].sum(), x, retain_graph=True)
        pairs += int(gradient.ne(0).any(0).sum())
    assert only_row(net, size).connections == pairs


def test_padding_is_counted():
    row = only_row(nn.Conv2d(3, 4, 3, padding=1, bias=False), (3, 6, 6))
    assert row.connections == row.macs == 3_888
    assert non_zeros(filled(nn.Conv2d(3, 4, 3, padding=1, bias=False)), (3, 6, 6), "") == (3_072, 0)


def test_flops_by_hand():
    net = nn.Sequential(
        nn.Conv2d(1, 2, 3),  # 2 x 4 x 4: 32 (2 x 9 + 1)
        nn.ReLU(),  # 32
        nn.BatchNorm2d(2),  # 32
        nn.MaxPool2d(2),  # 2 x 2 x 2: 8 x 4
        nn.Flatten(),
        nn.Linear(8, 3),  # 3 (2 x 8 + 1)
        nn.Softmax(1),  # 3
    )
    assert [row.flops for row in trace(net, (1, 6, 6))] == [0, 32 * 19, 32, 32, 32, 0, 51, 3]
    lenet = trace(create_model("lenet5"))
    assert lenet["c1"].flops == 4_704 * (2 * 25 + 1)
    assert lenet["c1_squash"].flops == 4_704
    assert lenet["s2"].flops == 1_176 * 5
    assert lenet["output"].flops == 840 * 2


def test_attention_multiplies_without_connections():
    attention = Call(lambda net, x: torch.softmax(x @ x.transpose(1, 2), -1) @ x)
    rows = [row for row in trace(attention, (5, 8)) if row.macs]
    assert [(row.kind, row.macs, row.connections) for row in rows] == [("matmul", 200, 0), ("matmul", 200, 0)]


# Formulas ----------------------------------------------------------------------------------------

OPERATORS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul}


def value(formula):
    """Evaluate arithmetic in + - x ( )."""

    def of(node):
        if isinstance(node, ast.BinOp):
            return OPERATORS[type(node.op)](of(node.left), of(node.right))
        assert isinstance(node, ast.Constant)
        return node.value

    return of(ast.parse(formula.replace("x", "*"), mode="eval").body)


FORMULAS = {
    **CONVOLUTIONS,
    **POOLING,
    "a sequence of images": (
        Call(lambda net, x: net.c(x.view(-1, 1, 4, 4)), c=nn.Conv2d(1, 2, 3)),
        (3, 4, 4),
        "",
    ),
    "pooled images": (Call(lambda net, x: F.max_pool2d(x.view(-1, 1, 4, 4), 2)), (3, 4, 4), ""),
    "weights on the left": (Call(lambda net, x: net.w @ x, w=nn.Parameter(torch.ones(3, 8))), (8, 6), ""),
}


@pytest.mark.parametrize(("net", "size", "bias"), FORMULAS.values(), ids=FORMULAS)
def test_formulas_give_the_counts(net, size, bias):
    row = only_row(net, size)
    for quantity, formula in row.formulas.items():
        assert value(formula) == getattr(row, quantity), formula
    if row.kind != "global_mean" and not row.attrs.get("adaptive"):
        assert "connections" in row.formulas
        assert row.formulas.keys() >= {q for q in ("parameters", "fixed", "macs") if getattr(row, q)}


@pytest.mark.parametrize("name", MODELS)
def test_formulas_of_the_networks(name):
    rows = [row for row in summary(name).rows if row.formulas]
    assert len(rows) >= 2
    for row in rows:
        assert {q: value(formula) for q, formula in row.formulas.items()} == {
            q: getattr(row, q) for q in row.formulas
        }


# Receptive fields --------------------------------------------------------------------------------


def seen(function, size, units, samples=96):
    """First and last pixel, along each axis, that can change a unit: any of its maps, in any of many images.

    Args:
        units: Index of the unit in the axes after the maps; () for a vector.
    """
    torch.manual_seed(1)
    x = torch.randn(samples, *size, dtype=torch.float64, requires_grad=True)
    out = function(x)
    maps = out[(slice(None), slice(None), *units)] if units else out
    weights = torch.rand(maps.shape[1:], dtype=torch.float64) + 0.5
    (gradient,) = torch.autograd.grad((maps * weights).sum(), x)
    touched = gradient.ne(0).any(0).any(0)
    if not touched.any():
        return None
    found = []
    for axis in range(touched.ndim):
        others = [a for a in range(touched.ndim) if a != axis]
        (places,) = (touched.any(dim=others) if others else touched).nonzero(as_tuple=True)
        found.append((int(places[0]), int(places[-1])))
    return found


def told(row, units, size, clip=True):
    """The same from the trace."""
    found = []
    for i, (length, jump, start) in enumerate(zip(row.receptive_field, row.jump, row.start, strict=True)):
        first = start + (units[i] if units else 0) * jump
        last = first + length - 1
        found.append((max(first, 0), min(last, size[1 + i] - 1)) if clip else (first, last))
    return found


def three(shape):
    """The first unit, one in the middle, the last. The axes do not know of each other."""
    return sorted({tuple(0 for n in shape), tuple(n // 2 for n in shape), tuple(n - 1 for n in shape)})


class First(nn.Module):
    """Unit 0 alone."""

    def forward(self, x):
        return x[:, :1]


@pytest.mark.parametrize("name", list_models("lenet*"))  # brute force is for small images
def test_fields_of_every_row_of_every_lenet(name):
    torch.manual_seed(0)
    net = create_model(name).double()
    layers, checked = [], 0
    rows = trace(net).rows[1:]
    for row, (layer_name, layer) in zip(rows, net.named_children(), strict=True):
        assert row.name == layer_name
        layers.append(layer)
        part = nn.Sequential(*layers)
        if layer_name == "flatten":
            part.append(First())
        for units in three(row.output_size[1:]):
            assert seen(part, net.input_size, units) == told(row, units, net.input_size), (row.name, units)
            checked += 1
    assert checked > len(rows)


BLOCKS = {
    "conv": nn.Conv2d(1, 2, 3),
    "padded": nn.Conv2d(1, 2, 5, padding=2),
    "even, the same size": nn.Sequential(nn.ZeroPad2d((1, 2, 0, 3)), nn.Conv2d(1, 2, 4)),
    "strided": nn.Conv2d(1, 2, 3, stride=2, padding=1),
    "oblong": nn.Conv2d(1, 2, (1, 5), stride=(2, 1), padding=(0, 2)),
    "dilated": nn.Conv2d(1, 2, 3, dilation=3, padding=3),
    "transposed": nn.ConvTranspose2d(1, 2, (3, 2), padding=(1, 0)),
    "transposed behind a stride": nn.Sequential(
        nn.Conv2d(1, 2, (3, 4), stride=2), nn.ConvTranspose2d(2, 2, 3, padding=1), nn.Conv2d(2, 1, 2)
    ),
    "chain": nn.Sequential(nn.Conv2d(1, 2, 3, stride=2), nn.MaxPool2d(2), nn.Conv2d(2, 2, 3)),
    "ceil": nn.Sequential(nn.MaxPool2d(3, stride=2, ceil_mode=True), nn.Conv2d(1, 1, 2)),
    "padded pooling": nn.Sequential(nn.MaxPool2d(3, stride=2, padding=1), nn.AvgPool2d(2)),
    "fire": nn.Sequential(nn.Conv2d(1, 2, 3, stride=2, padding=1), Fire(2, 6, 5), Fire(10, 6, 5)),
    "add": Call(
        lambda net, x: net.a(x) + net.b(x), a=nn.Conv2d(1, 2, 3, padding=1), b=nn.Conv2d(1, 2, 5, padding=2)
    ),
    "cat": Call(
        lambda net, x: torch.cat([net.a(x), net.b(net.b(x)), x], 1),
        a=nn.Conv2d(1, 2, 3, padding=1),
        b=nn.Conv2d(1, 1, 3, padding=1),
    ),
    "cropped skip": Call(lambda net, x: net.a(x) + x[:, :, 1:-1, 1:-1], a=nn.Conv2d(1, 1, 3)),
    "not aligned": Call(lambda net, x: net.a(x) + x[:, :, 2:, :-2], a=nn.Conv2d(1, 1, 3)),
    "every other pixel": Call(lambda net, x: net.a(x[:, :, ::2, 1::3]), a=nn.Conv2d(1, 1, 2)),
    "group norm": nn.Sequential(nn.Conv2d(1, 2, 3), nn.GroupNorm(1, 2)),
    "instance norm": nn.Sequential(nn.Conv2d(1, 2, 3), nn.InstanceNorm2d(2)),
    "own statistics": nn.Sequential(nn.Conv2d(1, 2, 3), nn.InstanceNorm2d(2, track_running_stats=False)),
    "batch norm": nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)),
    "lrn": nn.Sequential(nn.Conv2d(1, 4, 3), nn.LocalResponseNorm(3)),
    "lrn in columns": nn.Sequential(nn.Conv2d(1, 4, 3), LRN("paper", groups=2)),
    "within a map": nn.Sequential(nn.Conv2d(1, 2, (3, 4), stride=2), WithinMapNorm(5, alpha=1.0)),
    "rounded up": nn.Sequential(CeilConv2d(1, 2, 4, 3, 1), nn.Conv2d(2, 2, 2)),
    "minimum and root": nn.Sequential(MinPool2d(3, 2), L2Pool2d(2)),
    "squeeze and excite": Call(
        lambda net, x: net.a(x) * torch.sigmoid(net.b(net.a(x).mean((2, 3), keepdim=True))),
        a=nn.Conv2d(1, 2, 3),
        b=nn.Conv2d(2, 2, 1),
    ),
    "global average": nn.Sequential(nn.Conv2d(1, 2, 3), nn.AdaptiveAvgPool2d(1)),
    "adaptive": nn.Sequential(nn.Conv2d(1, 2, 3), nn.AdaptiveAvgPool2d(5)),
    "turned": Call(lambda net, x: net.a(x.transpose(2, 3)).transpose(2, 3), a=nn.Conv2d(1, 2, (1, 5))),
    "softmax over maps": Call(lambda net, x: net.a(x).softmax(1), a=nn.Conv2d(1, 2, 3)),
    "flat and back": Call(
        lambda net, x: net.b(net.a(x).flatten(2).transpose(1, 2)).transpose(1, 2).unflatten(2, (15, 20)),
        a=nn.Conv2d(1, 2, 3),
        b=nn.Linear(2, 3),
    ),
    "attention": Call(
        lambda net, x: (
            net.b(*[net.a(x).flatten(2).transpose(1, 2)] * 3)[0].transpose(1, 2).unflatten(2, (15, 20))
        ),
        a=nn.Conv2d(1, 2, 3),
        b=nn.MultiheadAttention(2, 1, batch_first=True),
    ),
    "weights on the left": Call(
        lambda net, x: torch.einsum("oc,bchw->bohw", net.w, net.a(x)),
        a=nn.Conv2d(1, 2, 3),
        w=nn.Parameter(torch.ones(3, 2)),
    ),
}


@pytest.mark.parametrize("net", BLOCKS.values(), ids=BLOCKS)
def test_fields_of_small_networks(net):
    size = (1, 17, 22)
    row = trace(filled(net), size).rows[-1]
    assert row.receptive_field is not None
    for units in three(row.output_size[1:]):
        assert seen(net, size, units) == told(row, units, size), units
    assert row.aligned == (net is not BLOCKS["not aligned"])


@pytest.mark.parametrize(
    "net",
    [
        Call(lambda net, x: F.interpolate(x, scale_factor=2)),
        Call(lambda net, x: torch.cat([x, x], 2)),
        Call(lambda net, x: x[:, :, :1] + x),  # row 0 and a row of its own
        Call(lambda net, x: x.flip(2)),
        nn.Conv2d(1, 1, 3, padding=1, padding_mode="circular"),
        nn.ConvTranspose2d(1, 1, 3, stride=2),  # half a pixel from unit to unit
        nn.AdaptiveAvgPool2d(3),
        Call(lambda net, x: x.view(1, 1, 11, 34)),
    ],
    ids=["nearest", "side by side", "broadcast row", "flip", "circular", "transposed", "uneven", "cut anew"],
)
def test_a_field_that_is_not_the_same_everywhere_is_not_told(net):
    row = trace(net, (1, 17, 22)).rows[-1]
    assert row.receptive_field is row.jump is row.start is None


SPREAD = {
    "as far as it moves": nn.Sequential(nn.MaxPool2d(2), nn.ConvTranspose2d(1, 1, 2, stride=2)),
    "overlapping": nn.Sequential(nn.MaxPool2d(2), nn.ConvTranspose2d(1, 1, 4, stride=2, padding=1)),
    "odd": nn.Sequential(nn.Conv2d(1, 2, 3, stride=3), nn.ConvTranspose2d(2, 1, 5, stride=3, padding=2)),
    "dilated": nn.Sequential(nn.MaxPool2d(2), nn.ConvTranspose2d(1, 1, 3, stride=2, dilation=2)),
    "twice": nn.Sequential(
        nn.MaxPool2d(4), nn.ConvTranspose2d(1, 1, 4, 2, 1), nn.ReLU(), nn.ConvTranspose2d(1, 1, 4, 2, 1)
    ),
}


@pytest.mark.parametrize("net", SPREAD.values(), ids=SPREAD)
def test_fields_behind_transposed_convolutions_with_a_stride(net):
    """What is told holds what each unit sees, and no smaller window that moves evenly does."""
    size = (1, 24, 24)
    row = trace(filled(net), size).rows[-1]
    slack = []
    for y in range(8, row.output_size[1] - 8):  # away from the edges
        (whole, _) = told(row, (y, 12), size, clip=False)
        found = seen(net, size, (y, 12))
        if found is None:  # it lies on a zero between units
            continue
        assert whole[0] <= found[0][0] <= found[0][1] <= whole[1]
        slack.append((found[0][0] - whole[0], whole[1] - found[0][1]))
    assert [min(side) for side in zip(*slack, strict=True)] == [0, 0]


LINES = {
    "line": nn.Sequential(nn.Conv1d(2, 3, 3, padding=1), nn.MaxPool1d(2), nn.Conv1d(3, 2, 3)),
    "averaged line": nn.Sequential(nn.AvgPool1d(3), nn.Conv1d(2, 2, 2)),
}


@pytest.mark.parametrize("net", LINES.values(), ids=LINES)
def test_fields_of_lines(net):
    row = trace(filled(net), (2, 20)).rows[-1]
    for units in three(row.output_size[1:]):
        assert seen(net, (2, 20), units) == told(row, units, (2, 20))


def test_fields_of_solids():
    net, size = filled(nn.Sequential(nn.Conv3d(1, 2, (1, 2, 3)), nn.MaxPool3d(2))), (1, 6, 7, 8)
    row = trace(net, size).rows[-1]
    assert row.receptive_field == (2, 3, 4)
    for units in three(row.output_size[1:]):
        assert seen(net, size, units) == told(row, units, size)


@st.composite
def chains(draw):
    layers = []
    for _ in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(["conv", "max", "average"]))
        kernel = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
        stride = draw(st.integers(1, 3))
        padding = tuple(draw(st.integers(0, k // 2)) for k in kernel)
        if kind == "conv":
            dilation = draw(st.integers(1, 2))
            layers.append(nn.Conv2d(1, 1, kernel, stride, padding, dilation))
        elif kind == "max":
            layers.append(nn.MaxPool2d(kernel, stride, padding, ceil_mode=draw(st.booleans())))
        else:
            layers.append(nn.AvgPool2d(kernel, stride, padding, ceil_mode=draw(st.booleans())))
    return nn.Sequential(*layers)


@settings(max_examples=60)
@given(chains())
def test_random_chains(net):
    size = (1, 19, 23)
    try:
        out = filled(net)(torch.zeros(1, *size, dtype=torch.float64))
    except RuntimeError:
        assume(False)
    row = trace(net, size).rows[-1]
    assert row.output_size == tuple(out.shape[1:])
    convolutions = [(r, layer) for r, layer in zip(trace(net, size).rows[1:], net, strict=True) if r.macs]
    for r, layer in convolutions:
        assert r.macs == prod(r.output_size) * prod(layer.kernel_size)
    for units in three(row.output_size[1:]):
        clipped = told(row, units, size)
        found = seen(net, size, units, samples=64)
        if found is None:  # it lies in the padding
            continue
        for (first, last), (a, b), whole in zip(
            found, clipped, told(row, units, size, clip=False), strict=True
        ):
            assert a <= first <= last <= b
            if whole == (a, b):  # where it does not reach over the edge
                assert (first, last) == (a, b)
