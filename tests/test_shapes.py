"""Sizes on the meta device, beside those that PyTorch finds; and that its compiler is not loaded for them."""

import contextlib
import subprocess
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from heirloom.models import MODELS
from heirloom.ops.shapes import Shapes, WithoutMemory, on_shapes

aten = torch.ops.aten
few = st.integers(0, 4)
small = st.integers(1, 4)


def meta(*size, **kind):
    return torch.empty(size, device="meta", **kind)


def steps(tensor):
    """Places in memory between neighbours along each axis that has neighbours."""
    return [step for n, step in zip(tensor.shape, tensor.stride(), strict=True) if n > 1]


def same(func, *args):
    """The same sizes, types and layout as PyTorch's own, or the same refusal. Returns whether we answered."""
    from heirloom.ops import shapes

    quick = shapes._QUICK[func.overloadpacket.__name__](args, {})
    try:
        theirs = func(*args)
    except (RuntimeError, IndexError, ValueError):
        assert quick is None
        return False
    ours = on_shapes(func, args, {})
    if isinstance(theirs, torch.Tensor):
        ours, theirs = [ours], [theirs]
    for one, other in zip(ours, theirs, strict=True):
        assert (one.shape, one.dtype, steps(one)) == (other.shape, other.dtype, steps(other))
        assert one.is_meta
    return quick is not None


sizes = st.lists(st.sampled_from([1, 1, 2, 3]), max_size=3)


@given(sizes, sizes, st.sampled_from(["add", "sub", "mul", "div"]), st.booleans())
def test_arithmetic(one, other, name, in_place):
    func = getattr(aten, name + "_" * in_place).Tensor
    a = meta(*one)
    same(func, a, meta(*other))
    assert same(func, a, 2.5)
    assert in_place or not same(func, a, meta(*one, dtype=torch.float64))
    if in_place:
        assert on_shapes(func, (a, 2.5), {}) is a


@pytest.mark.parametrize(
    "func",
    [
        *(aten.relu.default, aten.sigmoid.default, aten.tanh.default, aten.silu.default, aten.elu.default),
        *(aten.hardtanh.default, aten.gelu.default, aten.leaky_relu.default, aten.softplus.default),
        *(aten.neg.default, aten.sqrt.default, aten.rsqrt.default, aten.square.default, aten.exp.default),
        *(aten.relu_.default, aten.zero_.default, aten.normal_.default, aten.uniform_.default),
    ],
    ids=str,
)
def test_elementwise(func):
    assert same(func, meta(2, 3, 4))
    assert same(func, meta(2, 3, dtype=torch.float64))
    if not str(func).endswith("_.default"):
        assert not same(func, meta(2, 3).t())  # the layout is PyTorch's affair


@given(st.lists(st.integers(1, 3), min_size=3, max_size=3), st.permutations([0, 1, 2]), st.integers(0, 2))
def test_parts_and_turned_tensors(size, order, axis):
    whole = meta(*[n + 2 for n in size])
    part = whole
    for dim, n in enumerate(size):
        part = part.narrow(dim, 1, n)
    one_axis = whole.narrow(axis, 1, size[axis])
    assert same(aten.relu.default, part)
    assert same(aten.add.Tensor, one_axis, meta(*one_axis.shape))
    turned = meta(*size).permute(order)
    same(aten.relu.default, turned)
    same(aten.mul.Tensor, turned, meta(*turned.shape))
    same(aten.add.Tensor, meta(1, 3, 1).expand(2, 3, 4), meta(2, 3, 4))


def window(axes=2):
    return st.tuples(*[small] * axes).map(list)


@given(
    maps=st.tuples(small, small, st.sampled_from([1, 2])),
    image=st.tuples(*[st.integers(1, 9)] * 2),
    kernel=window(),
    stride=window(),
    padding=st.tuples(few, few).map(list),
    dilation=st.tuples(*[st.integers(1, 2)] * 2).map(list),
    bias=st.sampled_from([None, 0, 1]),
)
@settings(max_examples=200)
def test_convolution(maps, image, kernel, stride, padding, dilation, bias):
    into, out, groups = maps
    weight = meta(out, max(1, into // groups), *kernel)
    b = None if bias is None else meta(out + bias)
    x = meta(2, into, *image)
    same(aten.convolution.default, x, weight, b, stride, padding, dilation, False, [0, 0], groups)


@given(
    maps=st.tuples(small, small, st.sampled_from([1, 2])),
    image=st.tuples(*[st.integers(1, 5)] * 2),
    kernel=window(),
    stride=window(),
    padding=st.tuples(few, few).map(list),
    dilation=st.tuples(*[st.integers(1, 2)] * 2).map(list),
    bias=st.sampled_from([None, 0, 1]),
    more=st.tuples(*[st.sampled_from([0, 0, 1])] * 2).map(list),
)
@settings(max_examples=200)
def test_transposed_convolution(maps, image, kernel, stride, padding, dilation, bias, more):
    into, out, groups = maps
    b = None if bias is None else meta(out * groups + bias)
    x, weight = meta(2, into, *image), meta(into, out, *kernel)
    same(aten.convolution.default, x, weight, b, stride, padding, dilation, True, more, groups)


def test_a_usual_transposed_convolution_is_answered():
    assert same(
        *(aten.convolution.default, meta(1, 4, 7, 7), meta(4, 2, 4, 4), meta(2)),
        *([2, 2], [1, 1], [1, 1], True, [0, 0], 1),
    )


@given(few, few, few, few, st.sampled_from([0, 1]), st.booleans())
def test_matrices_side_by_side(places, rows, inner, columns, more, each):
    """Also where they do not fit: PyTorch refuses, and we leave that to it."""
    a, b = meta(places, rows, inner), meta(places, inner + more, columns)
    same(aten.baddbmm.default, meta(places, rows if each else 1, columns), a, b)
    same(aten.baddbmm.default, meta(2, 1, columns), a, b)


def test_usual_matrices_side_by_side_are_answered():
    assert same(aten.baddbmm.default, meta(4, 1, 3), meta(4, 2, 5), meta(4, 5, 3))
    assert not same(aten.baddbmm.default, meta(4, 1, 3), meta(4, 2, 5), meta(5, 5, 3))


def test_a_usual_convolution_is_answered():
    assert same(
        *(aten.convolution.default, meta(1, 4, 8, 8), meta(6, 2, 3, 3), meta(6)),
        *([2, 2], [1, 1], [1, 1], False, [0, 0], 2),
    )
    for args in ([1, 1], [0, 0]), ([-1, 1], [0, 0]), ([1, 1], [-1, 0]):
        wrong = meta(1, 3, 8, 8) if args == ([1, 1], [0, 0]) else meta(1, 4, 8, 8)
        same(aten.convolution.default, wrong, meta(6, 2, 3, 3), None, *args, [1, 1], False, [0, 0], 2)


@given(
    image=st.tuples(*[st.integers(1, 12)] * 2),
    kernel=st.tuples(*[st.integers(1, 5)] * 2).map(list),
    stride=st.one_of(st.just([]), window()),
    padding=st.tuples(*[st.integers(0, 2)] * 2).map(list),
    dilation=st.sampled_from([1, 2]),
    ceil=st.booleans(),
)
@settings(max_examples=300)
def test_pooling(image, kernel, stride, padding, dilation, ceil):
    x = meta(2, 3, *image)
    same(aten.max_pool2d_with_indices.default, x, kernel, stride, padding, [dilation] * 2, ceil)
    same(aten.avg_pool2d.default, x, kernel, stride, padding, ceil)
    same(aten.avg_pool3d.default, meta(1, 2, 4, *image), [2, *kernel], [1, *stride] if stride else [])


def test_usual_pooling_is_answered():
    x = meta(1, 3, 14, 14)
    assert same(aten.max_pool2d_with_indices.default, x, [3, 3], [2, 2], [0, 0], [1, 1], True)
    assert same(aten.max_pool2d_with_indices.default, x, [3], [2])
    assert same(aten.avg_pool2d.default, x, [2, 2])


@given(*[few] * 4, st.integers(1, 2))
def test_linear(rows, inner, other, columns, wrong):
    bias, a, b = meta(columns), meta(rows, inner), meta(columns, inner).t()
    assert same(aten.addmm.default, bias, a, b)
    same(aten.addmm.default, bias, a, meta(other, columns))
    same(aten.addmm.default, meta(columns + wrong), a, b)
    assert same(aten.mm.default, a, b)
    assert same(aten.mm.default, a, meta(columns, b.shape[0]).t())
    same(aten.mm.default, a, meta(other, columns))


def test_batch_norm_and_what_follows():
    x, c = meta(2, 3, 4, 4), meta(3)
    assert same(aten.native_batch_norm.default, x, c, c, c, c, False, 0.1, 1e-5)
    assert same(aten.native_batch_norm.default, x, None, None, c, c, False, 0.1, 1e-5)
    assert not same(aten.native_batch_norm.default, x, c, c, c, c, True, 0.1, 1e-5)
    assert same(aten.index_copy.default, x, 1, meta(2, dtype=torch.int64), meta(2, 2, 4, 4))
    assert not same(aten.index_copy.default, x, 1, meta(2, dtype=torch.int64), meta(2, 3, 4, 4))


@given(st.lists(st.tuples(small, small, st.just(3)), min_size=1, max_size=3), st.integers(-4, 3))
def test_cat(sizes, dim):
    same(aten.cat.default, [meta(*size) for size in sizes], dim)
    assert same(aten.cat.default, [meta(*sizes[0]), meta(*sizes[0])], dim % 3 - 3)


@given(st.lists(st.integers(-4, 3), max_size=3), st.booleans())
def test_reductions(dims, keep):
    for func in (aten.mean.dim, aten.sum.dim_IntList):
        same(func, meta(2, 3, 4), dims, keep)
        assert same(func, meta(2, 3, 4, 4), [-1, -2], keep)


def test_numbers_are_left_alone():
    with Shapes():
        torch.testing.assert_close(torch.relu(torch.tensor([-1.0, 2.0])) + 1, torch.tensor([1.0, 3.0]))
        assert torch.zeros(3).uniform_(1, 2).min() >= 1


def test_nothing_is_drawn_without_memory(monkeypatch):
    """A deep network is built by as many draws as a flat one: only what is new to PyTorch reaches it."""
    drawn = []
    original = nn.init._calculate_correct_fan
    monkeypatch.setattr(
        nn.init, "_calculate_correct_fan", lambda *a: drawn.append(tuple(a[0].shape)) or original(*a)
    )
    with WithoutMemory():
        layers = [nn.Linear(3, 4) for _ in range(5)]
        batch_norm = nn.BatchNorm2d(3)
    assert drawn == [(4, 3)]
    parts = [*layers, batch_norm]
    assert all(t.is_meta for part in parts for t in (*part.parameters(), *part.buffers()))
    assert torch.zeros(1).device.type == "cpu"  # it is over


def test_what_is_refused_with_memory_is_refused_without():
    def in_place_on_a_leaf():
        nn.Linear(3, 4).weight.zero_()

    def fans_of_a_vector():
        nn.init.kaiming_uniform_(torch.empty(3, 4))
        nn.init.kaiming_uniform_(torch.empty(3))

    def unknown_name():
        nn.init.kaiming_uniform_(torch.empty(3, 4))
        nn.init.kaiming_uniform_(torch.empty(3, 4), nonlinearity="unknown")

    for wrong in (in_place_on_a_leaf, fans_of_a_vector, unknown_name):
        for mode in (contextlib.nullcontext(), WithoutMemory()):
            with mode, pytest.raises((RuntimeError, ValueError)):
                wrong()


def test_what_is_given_a_place_stays_there():
    with WithoutMemory():
        kept = torch.full((3,), 2.0, device="cpu")
        kept.fill_(5.0)
        nn.init.constant_(kept[:1], 7.0)
    assert kept.tolist() == [7.0, 5.0, 5.0]


def test_books_do_not_load_a_compiler():
    """A second of each process, paid for nothing."""
    program = (
        "import sys\n"
        "from heirloom import summary\n"
        f"for name in {list(MODELS)}:\n"
        "    summary(name)\n"
        "    assert not {'torch._dynamo', 'sympy'} & set(sys.modules), name\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=100)


def test_books_of_a_large_network_take_no_memory_for_its_weights():
    """VGG-19 has 548 MiB of them."""
    program = (
        "import resource, sys\n"
        "from heirloom import summary\n"
        "summary('lenet5')\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "assert summary('vgg19').totals['parameters'] == 143_667_240\n"
        "grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before\n"
        "assert grown < (60 << 20 if sys.platform == 'darwin' else 60 << 10), grown\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=100)


def test_a_device_that_is_named_gets_its_numbers():
    with WithoutMemory():
        assert torch.zeros(2, device="cpu").tolist() == [0, 0]
        assert torch.ones(2, device="cpu").tolist() == [1, 1]
        for made in (torch.ones(2, 3, dtype=torch.int64), torch.zeros((2, 3), dtype=torch.int64)):
            assert (made.device.type, made.shape, made.dtype) == ("meta", (2, 3), torch.int64)
        assert torch.ones(2, requires_grad=True).requires_grad
