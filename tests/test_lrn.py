"""Local response normalisation and its neighbours: conventions, columns, fast path, rounding up, pooling."""

import itertools
import re

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from heirloom.errors import HeirloomError
from heirloom.kernels import normalising, worthwhile
from heirloom.kernels.normalising import fast_lrn, plain_lrn
from heirloom.layers import LRN, CeilConv2d, L2Pool2d, MinPool2d, WithinMapNorm
from heirloom.tracing import trace

pytestmark = pytest.mark.usefixtures("one_thread")

LAST = torch.channels_last


def image(*size, seed=1):
    return torch.randn(size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


# Conventions -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layer", "gain"),
    [
        (LRN("source"), 0.59238350),
        (LRN("paper"), 0.58369316),
        (LRN("torch"), 0.99256503),
        (LRN("caffe"), 0.99256503),
        (LRN("paper", k=1), 0.96406879),
    ],
    ids=str,
)
def test_gains_of_five_equal_activations(layer, gain):
    """Five neighbours of 10: a sum of squares of 500. The figures are derived by hand from each source."""
    out = layer(torch.full((1, 9, 1, 1), 10.0, dtype=torch.float64))
    assert out[0, 2:-2].flatten().tolist() == pytest.approx([10 * gain] * 5, rel=1e-7)
    assert (out[0, :2] > 10 * gain).all()
    assert (out[0, -2:] > 10 * gain).all()


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 8])
def test_torchs_convention_is_torchs(size):
    x = 30 * image(2, 12, 3, 4)
    theirs = nn.LocalResponseNorm(size, alpha=0.3, beta=0.6, k=1.5)(x)
    torch.testing.assert_close(LRN("torch", size=size, alpha=0.3, beta=0.6, k=1.5)(x), theirs)


def test_by_hand_in_columns():
    x, layer = image(1, 8, 2, 2), LRN("paper", size=3, alpha=0.5, groups=2)
    out = layer(x)
    for i, y, z in itertools.product(range(8), range(2), range(2)):
        column = range(0, 4) if i < 4 else range(4, 8)
        total = sum(float(x[0, j, y, z]) ** 2 for j in column if abs(i - j) <= 1)
        assert float(out[0, i, y, z]) == pytest.approx(float(x[0, i, y, z]) / (2 + 0.5 * total) ** 0.75)


def test_columns_are_layers_of_their_own():
    x = 20 * image(2, 12, 3, 3)
    halves = [LRN("source")(half) for half in x.chunk(2, dim=1)]
    torch.testing.assert_close(LRN("source", groups=2)(x), torch.cat(halves, 1))
    different = (LRN("source", groups=2)(x) - LRN("source")(x)).abs().amax((0, 2, 3)) > 1e-9
    assert different.nonzero().flatten().tolist() == [4, 5, 6, 7]


def test_what_lrn_refuses():
    with pytest.raises(HeirloomError, match="no LRN is called 'papers': did you mean 'paper'"):
        LRN("papers")
    with pytest.raises(HeirloomError, match=re.escape("in 2 equal columns: groups: got (1, 5, 2, 2)")):
        LRN("paper", groups=2)(torch.zeros(1, 5, 2, 2))
    with pytest.raises(HeirloomError, match=r"takes \(B, C, H, W\)"):
        LRN("paper")(torch.zeros(5, 2))
    assert "groups=2" in str(LRN("paper", groups=2))


# The fast path -----------------------------------------------------------------------------------


@settings(max_examples=80)
@given(
    sizes=st.tuples(st.integers(1, 5), st.integers(1, 5), st.integers(1, 4), st.integers(1, 4)),
    groups=st.integers(1, 3),
    size=st.integers(1, 6),
    beta=st.sampled_from([0.75, 0.5, 1.0, 0.3]),
    layout=st.sampled_from([torch.contiguous_format, LAST]),
    piece=st.sampled_from([1, 100, 10**6]),
    seed=st.integers(0, 2**31),
)
def test_fast_is_plain(sizes, groups, size, beta, layout, piece, seed):
    """Whatever the layout, and however many images are worked on at a time."""
    images, maps, height, width = sizes
    values, grad = (
        image(images, groups * maps, height, width, seed=s).to(memory_format=layout) for s in (seed, seed + 1)
    )
    results = []
    for function in (fast_lrn, plain_lrn):
        x = values.clone(memory_format=torch.preserve_format).requires_grad_()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(normalising, "PIECE", piece)
            out = function(x, size, 0.7, beta, 1.3, groups)
            results.append((out, *torch.autograd.grad(out, x, grad)))
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)
        assert ours.is_contiguous(memory_format=layout)


def test_derivatives_by_finite_differences():
    for size, beta, groups in ((5, 0.75, 2), (4, 0.6, 1)):
        x = image(2, 6, 2, 2).requires_grad_()

        def function(x, settings=(size, 0.4, beta, 1.5, groups)):
            return fast_lrn(x, *settings)

        assert torch.autograd.gradcheck(function, x)
        assert torch.autograd.gradgradcheck(function, x)


def test_a_gradient_that_is_not_laid_out():
    x = image(2, 6, 4, 5).requires_grad_()
    other = image(2, 6, 5, 4).transpose(2, 3)
    for grad in (other, torch.ones((), dtype=torch.float64).expand(2, 6, 4, 5)):
        ours, theirs = (
            torch.autograd.grad(f(x, 5, 0.5, 0.75, 2.0, 1), x, grad)[0] for f in (fast_lrn, plain_lrn)
        )
        torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(fast_lrn(other, 5, 0.5, 0.75, 2.0, 1), plain_lrn(other, 5, 0.5, 0.75, 2.0, 1))


def test_function_transforms_work():
    def fast(x):
        return fast_lrn(x, 3, 0.5, 0.75, 2.0, 2)

    def plain(x):
        return plain_lrn(x, 3, 0.5, 0.75, 2.0, 2)

    x = image(3, 2, 4, 2, 2)
    torch.testing.assert_close(torch.func.vmap(fast, in_dims=1)(x), torch.func.vmap(plain, in_dims=1)(x))
    ours, theirs = (
        torch.func.vmap(torch.func.grad(lambda v, f=f: f(v).pow(2).sum()))(x) for f in (fast, plain)
    )
    torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("layout", [torch.contiguous_format, LAST], ids=["maps first", "maps last"])
def test_the_layer_is_the_same_for_few_and_many_images(layout):
    layer = LRN("paper", groups=2)
    x = (30 * torch.randn(9, 96, 13, 13)).to(memory_format=layout)
    assert worthwhile(x)
    out = layer(x)
    assert out.is_contiguous(memory_format=layout)
    torch.testing.assert_close(out.double(), plain_lrn(x.double(), 5, 1e-4, 0.75, 2.0, 2), rtol=1e-6, atol=0)
    assert layer(x[:0]).shape == (0, 96, 13, 13)


@pytest.mark.parametrize("layer", [LRN("paper"), WithinMapNorm()], ids=str)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_rounded_once(layer, dtype):
    x = (20 * torch.randn(2, 16, 8, 8)).to(dtype)
    assert torch.equal(layer(x), layer(x.float()).to(dtype))


def test_what_is_not_a_number_is_not_hidden():
    x = torch.ones(1, 16, 32, 32)
    x[0, 3, 5, 7] = torch.nan
    out = LRN("paper")(x.requires_grad_())
    (grad,) = torch.autograd.grad(out.sum(), x)
    for found in (out, grad):
        assert found.isnan().nonzero()[:, 1].unique().tolist()[0] <= 3
        assert found.isnan().any(dim=1).nonzero().tolist() == [[0, 5, 7]]


# Within one map ----------------------------------------------------------------------------------


def test_within_a_map_by_hand():
    x, layer = image(1, 2, 5, 4), WithinMapNorm(3, alpha=0.9, beta=0.75, k=1.0)
    out = layer(x)
    for i, y, z in itertools.product(range(2), range(5), range(4)):
        near = x[0, i, max(y - 1, 0) : y + 2, max(z - 1, 0) : z + 2].square().sum()
        wanted = float(x[0, i, y, z]) / (1 + 0.9 / 9 * float(near)) ** 0.75
        assert float(out[0, i, y, z]) == pytest.approx(wanted)


def test_within_a_map_of_equals():
    """25 neighbours of 10: a sum of 2,500, times 1e-3 / 25."""
    out = WithinMapNorm()(torch.full((1, 1, 5, 5), 10.0))
    assert float(out[0, 0, 2, 2]) == pytest.approx(10 / (1 + 2500 * 4e-5) ** 0.75)
    with pytest.raises(ValueError, match="size is 4"):
        WithinMapNorm(4)
    assert "alpha=0.001" in str(WithinMapNorm())


# Rounded up --------------------------------------------------------------------------------------


@settings(max_examples=80)
@given(st.integers(1, 4), st.integers(1, 5), st.integers(0, 2), st.integers(7, 15), st.integers(7, 15))
def test_as_many_outputs_as_the_formula_says(stride, kernel, padding, height, width):
    """And the zeros lie on the right and at the bottom: all that is not at those edges is PyTorch's."""
    ours, plain = CeilConv2d(1, 1, kernel, stride, padding), nn.Conv2d(1, 1, kernel, stride, padding)
    plain.load_state_dict(ours.state_dict())
    x = torch.randn(1, 1, height, width)
    out, theirs = ours(x), plain(x)
    assert out.shape[2:] == tuple(1 - (-(n + 2 * padding - kernel) // stride) for n in (height, width))
    torch.testing.assert_close(out[:, :, : theirs.shape[2], : theirs.shape[3]], theirs)
    wide = F.pad(x, (0, stride, 0, stride))
    torch.testing.assert_close(out, plain(wide)[:, :, : out.shape[2], : out.shape[3]])


def test_the_first_layer_of_2012():
    layer = CeilConv2d(3, 4, 11, 4)
    x = torch.randn(1, 3, 224, 224)
    assert layer(x).shape == (1, 4, 55, 55)
    assert nn.Conv2d(3, 4, 11, 4)(x).shape == (1, 4, 54, 54)
    (row,) = trace(layer, (3, 224, 224)).rows[1:]
    assert (row.kind, row.output_size, row.macs) == ("conv", (4, 55, 55), 4 * 3 * 121 * 55 * 55)
    assert (row.receptive_field, row.jump, row.start) == ((11, 11), (4, 4), (0, 0))


# Minimum and root of squares ---------------------------------------------------------------------


@pytest.mark.parametrize(("kernel", "stride"), [(2, None), (3, 2), (2, 1)])
def test_pooling_by_hand(kernel, stride):
    x = image(1, 2, 6, 7)
    windows = x.unfold(2, kernel, stride or kernel).unfold(3, kernel, stride or kernel).flatten(4)
    torch.testing.assert_close(MinPool2d(kernel, stride)(x), windows.amin(-1))
    torch.testing.assert_close(L2Pool2d(kernel, stride)(x), windows.norm(dim=-1))


def test_gradients_of_pooling():
    x = image(2, 2, 4, 4).requires_grad_()
    assert torch.autograd.gradcheck(MinPool2d(2), x)
    assert torch.autograd.gradcheck(L2Pool2d(2), x)
    zero = torch.zeros(1, 1, 2, 4, requires_grad=True)
    (grad,) = torch.autograd.grad(L2Pool2d(2)(zero).sum(), zero)
    assert not grad.count_nonzero()
    assert not grad.isnan().any()


def test_kinds():
    net = nn.Sequential(MinPool2d(2), L2Pool2d(3, 2), LRN("caffe"), WithinMapNorm())
    rows = trace(net, (4, 22, 22)).rows[1:]
    assert [row.kind for row in rows] == ["min_pool", "l2_pool", "lrn", "within_map_norm"]
    assert [row.connections for row in rows] == [4 * 121 * 4, 4 * 25 * 9, 0, 0]
    assert [row.receptive_field for row in rows] == [(2, 2), (6, 6), (6, 6), (22, 22)]
    assert [row.start for row in rows] == [(0, 0), (0, 0), (0, 0), (-8, -8)]
