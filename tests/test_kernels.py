"""The fast paths: equal to the plain formulas, gradients, gradients of gradients and ties included."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from heirloom.kernels import SMALLEST, worthwhile
from heirloom.kernels.pooling import max_of_2x2, sum_of_2x2
from heirloom.kernels.squashing import scaled_tanh
from heirloom.layers import AvgPool2d, Conv2d, MaxPool2d, ScaledTanh, Subsampling

SIZES = st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 5), st.integers(1, 5))


def plain_tanh(x: torch.Tensor) -> torch.Tensor:
    return 1.7159 * torch.tanh(2 / 3 * x)


PAIRS = {
    "max": (max_of_2x2, lambda x: F.max_pool2d(x, 2)),
    "sum": (sum_of_2x2, lambda x: F.avg_pool2d(x, 2, divisor_override=1)),
    "tanh": (lambda x: scaled_tanh(x, 1.7159, 2 / 3), plain_tanh),
}


@pytest.mark.parametrize("name", PAIRS)
@settings(max_examples=60)
@given(size=SIZES, levels=st.sampled_from([0, 2, 3]), seed=st.integers(0, 2**31))
def test_equal_to_the_plain_formula(
    name: str, size: tuple[int, int, int, int], levels: int, seed: int
) -> None:
    """With two or three levels of grey nearly every window has ties."""
    fast, plain = PAIRS[name]
    generator = torch.Generator().manual_seed(seed)
    shape = (size[0], size[1], 2 * size[2], 2 * size[3])
    values = torch.randn(shape, generator=generator, dtype=torch.float64)
    if levels:
        values = torch.randint(0, levels, shape, generator=generator).double()
    results = []
    for function in (fast, plain):
        x = values.clone().requires_grad_()
        out = function(x)
        (gradient,) = torch.autograd.grad(out, x, torch.arange(out.numel()).view(out.shape).double() + 1)
        results.append((out, gradient))
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", PAIRS)
def test_gradients_by_finite_differences(name: str) -> None:
    x = torch.randn(2, 2, 4, 6, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(PAIRS[name][0], x)
    assert torch.autograd.gradgradcheck(PAIRS[name][0], x)


@pytest.mark.parametrize("name", PAIRS)
def test_function_transforms_work(name: str) -> None:
    fast, plain = PAIRS[name]
    x = torch.randn(3, 2, 2, 4, 4, dtype=torch.float64)
    torch.testing.assert_close(torch.func.vmap(fast)(x), torch.func.vmap(plain)(x))
    ours, theirs = (
        torch.func.vmap(torch.func.grad(lambda v, f=f: f(v).pow(2).sum()))(x) for f in (fast, plain)
    )
    torch.testing.assert_close(ours, theirs)


def test_single_precision_stays_single() -> None:
    x = torch.linspace(-30, 30, 100_001)
    ours = scaled_tanh(x, 1.7159, 2 / 3)
    assert ours.dtype == torch.float32
    assert float((ours.double() - plain_tanh(x.double())).abs().max()) < 5e-7
    assert float(ours.abs().max()) <= 1.7159 + 1e-6


@pytest.mark.parametrize(
    ("layer", "plain"),
    [
        (ScaledTanh(), plain_tanh),
        (MaxPool2d(2), nn.MaxPool2d(2)),
        (AvgPool2d(2), nn.AvgPool2d(2)),
        (MaxPool2d(3, 2), nn.MaxPool2d(3, 2)),
        (AvgPool2d(2, divisor_override=3), nn.AvgPool2d(2, divisor_override=3)),
        (MaxPool2d(2, ceil_mode=True), nn.MaxPool2d(2, ceil_mode=True)),
    ],
    ids=["tanh", "max", "average", "max of 3", "divisor", "ceil"],
)
@pytest.mark.parametrize("side", [5, 27, 28, 100])
def test_layers_equal_pytorchs_at_every_size(layer: nn.Module, plain: nn.Module, side: int) -> None:
    for x in (torch.randn(8, 6, side, side), torch.randn(2, side, side, 6).movedim(3, 1)):
        torch.testing.assert_close(layer(x), plain(x), rtol=1e-5, atol=1e-6)


def test_subsampling_is_the_same_for_few_and_many_images() -> None:
    layer = Subsampling(6)
    nn.init.normal_(layer.coefficient)
    nn.init.normal_(layer.bias)
    x = torch.randn(20, 6, 28, 28)
    assert worthwhile(x)
    assert not worthwhile(x[:1])
    torch.testing.assert_close(layer(x), torch.cat([layer(one[None]) for one in x]))
    assert x[:1].numel() < SMALLEST
    assert not worthwhile(x.to("meta"))


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("count", [1, 64])
def test_a_kernel_that_covers_all_is_a_product(count: int, bias: bool) -> None:
    ours, theirs = Conv2d(16, 12, 5, bias=bias), nn.Conv2d(16, 12, 5, bias=bias)
    theirs.load_state_dict(ours.state_dict())
    for size in ((5, 5), (5, 6), (9, 9)):
        results = []
        for layer in (ours, theirs):
            x = torch.linspace(-1, 1, count * 16 * size[0] * size[1]).view(count, 16, *size).requires_grad_()
            out = layer(x)
            results.append((out, *torch.autograd.grad(out.square().sum(), [x, *layer.parameters()])))
        for first, second in zip(*results, strict=True):
            torch.testing.assert_close(first, second, rtol=1e-4, atol=1e-4)
