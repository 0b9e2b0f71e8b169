"""native.c: equal to PyTorch's formulas, the same for every number of threads, and never in the way."""

import contextlib
import copy
import dataclasses
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from conftest import QUICK, Heirloom
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from heirloom import kernels
from heirloom.data.preprocessing import Preprocess
from heirloom.events import Note
from heirloom.files import sha256
from heirloom.kernels import chains, native
from heirloom.kernels.pixels import looked_up
from heirloom.layers import RBF, AvgPool2d, Chain, Conv2d, MaxPool2d, ScaledTanh, Subsampling
from heirloom.layers import together as joined
from heirloom.losses import cross_entropy
from heirloom.models import MODELS, create_model
from heirloom.training import prove, resume, train

A, S = 1.7159, 2 / 3


@pytest.fixture(scope="module")
def on() -> Iterator[None]:
    """The native path is taken, for small tensors too."""
    if not native.find().startswith(native.NATIVE):
        pytest.skip(native.find())
    with pytest.MonkeyPatch.context() as patch, native.active(2):
        patch.setattr(kernels, "SMALLEST", 1)
        patch.setattr(joined, "LEAST_IMAGES", 1)
        yield


def natively(x: Tensor, *layers: nn.Module) -> Tensor:
    """What native.c makes of ``x``, also without a convolution among the layers."""
    library = native.library_for(x)
    assert library
    steps = joined.steps_of(layers, tuple(x.shape[1:]), library)
    assert len(steps) == len(layers)
    out = chains.Plan(layers, steps, tuple(x.shape[1:]))(x, library)
    assert out is not None
    return out


def is_native(out: Tensor) -> bool:
    return type(out.grad_fn).__name__ == "_ChainBackward"


def laid_out(x: Tensor, how: str) -> Tensor:
    """The same numbers in another order in memory."""
    if how == "images last":
        return x.permute(1, 2, 3, 0).contiguous().permute(3, 0, 1, 2)
    if how == "a part":  # of a larger batch
        return torch.cat([x, x], dim=1)[:, : x.shape[1]]
    if how == "channels last":
        return x.contiguous(memory_format=torch.channels_last)
    return x


def error(ours: Tensor, exact: Tensor, scale: Tensor | None = None) -> float:
    """Largest difference as a part of the largest number, or of the largest of ``scale``."""
    scale = exact if scale is None else scale
    return float(((ours.double() - exact).abs().max() / scale.abs().max().clamp_min(1e-30)).detach())


def out_and_gradients(function: Callable[..., Tensor], numbers: list[Tensor], grad: Tensor) -> list[Tensor]:
    leaves = [t.requires_grad_() for t in numbers]
    out = function(*leaves)
    return [out, *torch.autograd.grad(out, leaves, grad)]


def with_parameters(layer: nn.Module, *parameters: Tensor | None) -> nn.Module:
    """The layer with these tensors, themselves, for its parameters, in order."""
    given = [tensor for tensor in parameters if tensor is not None]
    for (name, _), tensor in zip(list(layer.named_parameters()), given, strict=True):
        del layer._parameters[name]
        setattr(layer, name, tensor)
    return layer


def convolution(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    maps, reads, rows, columns = weight.shape
    layer = Conv2d(reads, maps, (rows, columns), bias=bias is not None)
    return natively(x, with_parameters(layer, weight, bias))


def compared(
    ours: Callable[..., Tensor], theirs: Callable[..., Tensor], numbers: list[Tensor], grad: Tensor
) -> None:
    """The same results and gradients, up to the rounding of a sum whose terms are as large as they are."""
    exact, scales = (
        out_and_gradients(theirs, [change(t) for t in numbers], change(grad))
        for change in (torch.clone, torch.abs)  # where terms cancel, their size is what rounding goes by
    )
    found = out_and_gradients(ours, [t.float() for t in numbers], grad.float())
    for one, other, scale in zip(found, exact, scales, strict=True):
        assert one.shape == other.shape
        assert one.dtype == torch.float32
        assert error(one, other, scale) < 1e-6


LAYOUTS = ("as it comes", "images last", "a part", "channels last")


@pytest.mark.usefixtures("on")
@settings(max_examples=60)
@given(
    images=st.sampled_from([1, 2, 15, 16, 17, 33, 48]),
    maps=st.tuples(st.integers(1, 7), st.integers(1, 14)),
    kernel=st.tuples(st.integers(1, 7), st.integers(1, 7)),
    more=st.tuples(st.integers(0, 9), st.integers(0, 30)),
    bias=st.booleans(),
    layouts=st.tuples(st.sampled_from(LAYOUTS), st.sampled_from(LAYOUTS)),
    seed=st.integers(0, 2**31),
)
def test_convolution_and_all_its_gradients(
    images: int,
    maps: tuple[int, int],
    kernel: tuple[int, int],
    more: tuple[int, int],
    bias: bool,
    layouts: tuple[str, str],
    seed: int,
) -> None:
    """A kernel that covers the whole input is a product there."""
    generator = torch.Generator().manual_seed(seed)

    def random(*size: int) -> Tensor:
        return torch.randn(size, generator=generator, dtype=torch.float64)

    x = random(images, maps[0], kernel[0] + more[0], kernel[1] + more[1])
    numbers = [x, random(maps[1], maps[0], *kernel)] + ([random(maps[1])] if bias else [])
    grad = random(images, maps[1], more[0] + 1, more[1] + 1)
    compared(
        lambda x, *rest: convolution(laid_out(x, layouts[0]), *rest),
        F.conv2d,
        numbers,
        laid_out(grad, layouts[1]),
    )


@pytest.mark.usefixtures("on")
@pytest.mark.parametrize(
    ("size", "weight"), [((128, 1, 32, 32), (6, 1, 5, 5)), ((50, 6, 14, 14), (16, 6, 5, 5))]
)
def test_as_exact_as_pytorchs(size: tuple[int, ...], weight: tuple[int, ...]) -> None:
    generator = torch.Generator().manual_seed(1)
    x, w = (torch.randn(shape, generator=generator, dtype=torch.float64) for shape in (size, weight))
    b = torch.randn(weight[0], generator=generator, dtype=torch.float64)
    errors = []
    for function in (convolution, F.conv2d):
        exact = [t.clone().requires_grad_() for t in (x, w, b)]
        truth = F.conv2d(*exact)
        single = [t.float().requires_grad_() for t in (x, w, b)]
        out = function(*single)
        pairs = [(out, truth)]
        pairs += zip(
            torch.autograd.grad(out.square().sum(), single),
            torch.autograd.grad(truth.square().sum(), exact),
            strict=True,
        )
        errors.append([error(ours, theirs) for ours, theirs in pairs])
    for ours, theirs in zip(*errors, strict=True):
        assert ours < 4 * theirs + 1e-7


@pytest.mark.usefixtures("on")
def test_frozen_weights_and_an_input_without_gradient() -> None:
    generator = torch.Generator().manual_seed(0)
    x, w = torch.randn(20, 3, 9, 9, generator=generator), torch.randn(4, 3, 3, 3, generator=generator)
    (by_weight,) = torch.autograd.grad(convolution(x, w.requires_grad_()).sum(), w)
    terms = x.double().unfold(2, 7, 1).unfold(3, 7, 1)
    assert error(by_weight, terms.sum((0, 4, 5)).expand(4, -1, -1, -1), terms.abs().sum((0, 4, 5))) < 1e-6
    y = convolution(x.requires_grad_(), w.detach())
    torch.testing.assert_close(y, F.conv2d(x, w))
    (by_input,) = torch.autograd.grad(y.sum(), x)
    torch.testing.assert_close(by_input, torch.autograd.grad(F.conv2d(x, w.detach()).sum(), x)[0])


@pytest.mark.usefixtures("on")
@settings(max_examples=40)
@given(
    images=st.sampled_from([1, 7, 16, 33]),
    reads=st.sampled_from([1, 5, 16, 40]),
    units=st.sampled_from([1, 3, 12, 13, 30]),
    bias=st.booleans(),
    seed=st.integers(0, 2**31),
)
def test_products_and_distances(images: int, reads: int, units: int, bias: bool, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)

    def random(*size: int) -> Tensor:
        return torch.randn(size, generator=generator, dtype=torch.float64)

    numbers = [random(images, reads), random(units, reads)] + ([random(units)] if bias else [])
    compared(
        lambda x, *rest: natively(x, with_parameters(nn.Linear(reads, units, bias), *rest)),
        F.linear,
        numbers,
        random(images, units),
    )
    codes, x, grad = random(units, reads), random(images, reads), random(images, units)
    exact = out_and_gradients(
        lambda x: -(torch.cdist(x, codes, compute_mode="donot_use_mm_for_euclid_dist") ** 2), [x], grad
    )
    ours = out_and_gradients(lambda x: natively(x, RBF(codes.float())), [x.detach().float()], grad.float())
    for one, other in zip(ours, exact, strict=True):
        assert error(one, other) < 2e-6


SIZES = st.tuples(st.sampled_from([2, 5, 16, 33]), st.integers(1, 4), st.integers(1, 5), st.integers(1, 5))


@pytest.mark.usefixtures("on")
@settings(max_examples=60)
@given(size=SIZES, levels=st.sampled_from([0, 2, 3]), rectified=st.booleans(), seed=st.integers(0, 2**31))
def test_largest_of_four_ties_included(
    size: tuple[int, int, int, int], levels: int, rectified: bool, seed: int
) -> None:
    """Rectified as well, which native.c does afterwards: every bit is the same."""
    generator = torch.Generator().manual_seed(seed)
    shape = (size[0], size[1], 2 * size[2], 2 * size[3])
    x = torch.randn(shape, generator=generator)
    if levels:
        x = torch.randint(-1, levels - 1, shape, generator=generator).float()
    x.requires_grad_()
    layers: tuple[nn.Module, ...] = (nn.ReLU(), MaxPool2d(2)) if rectified else (MaxPool2d(2),)
    ours, theirs = natively(x, *layers), F.max_pool2d(x.relu() if rectified else x, 2)
    grad = torch.arange(1.0, ours.numel() + 1).view(ours.shape)
    assert torch.equal(ours, theirs)
    assert torch.equal(torch.autograd.grad(ours, x, grad)[0], torch.autograd.grad(theirs, x, grad)[0])


@pytest.mark.usefixtures("on")
@settings(max_examples=40)
@given(size=SIZES, pairs=st.sampled_from([0, 1, 2, 3]), seed=st.integers(0, 2**31))
def test_sum_of_four_with_coefficient_and_bias(
    size: tuple[int, int, int, int], pairs: int, seed: int
) -> None:
    """Of each map, or of several output maps that read the same one; without either, the mean."""
    generator = torch.Generator().manual_seed(seed)

    def random(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    maps = size[1] * max(1, pairs)
    x, grad = random(size[0], size[1], 2 * size[2], 2 * size[3]), random(size[0], maps, size[2], size[3])
    if not pairs:
        compared(lambda x: natively(x, AvgPool2d(2)), lambda x: F.avg_pool2d(x, 2), [x], grad)
        return

    def theirs(x: Tensor, coefficient: Tensor, bias: Tensor) -> Tensor:
        total = F.avg_pool2d(x, 2, divisor_override=1).repeat_interleave(pairs, dim=1)
        return total * coefficient + bias

    compared(
        lambda x, *rest: natively(x, with_parameters(Subsampling(maps, size[1]), *rest)),
        theirs,
        [x, random(maps, 1, 1), random(maps, 1, 1)],
        grad,
    )


@pytest.mark.usefixtures("on")
def test_scaled_tanh_everywhere() -> None:
    x = torch.cat([torch.linspace(-30, 30, 100_001), torch.tensor([0.0, 1e-20, 1e30, -1e30, 3e38])])
    x.requires_grad_()
    y = natively(x[None], ScaledTanh())
    exact = A * torch.tanh(S * x.double())
    assert float((y - exact).abs().max().detach()) < 5e-7
    (slope,) = torch.autograd.grad(y.sum(), x)
    assert float((slope - A * S * (1 - torch.tanh(S * x.double()) ** 2)).abs().max().detach()) < 2e-6
    infinite = natively(torch.tensor([[float("inf"), -float("inf"), float("nan")]]), ScaledTanh())
    torch.testing.assert_close(infinite, torch.tensor([[A, -A, float("nan")]]), equal_nan=True)


@pytest.mark.usefixtures("on")
def test_units_in_a_row() -> None:
    """Each works in place but where the one before needs its own result on the way back."""
    x = torch.randn(19, 37, generator=torch.Generator().manual_seed(0), requires_grad=True)
    layers = [nn.Tanh(), nn.ReLU(), ScaledTanh(), nn.Tanh(), nn.ReLU()]
    ours, theirs = natively(x, *layers), nn.Sequential(*layers)(x.double())
    grads = [torch.autograd.grad(out.square().sum(), x)[0] for out in (ours, theirs)]
    assert error(ours, theirs) < 1e-6
    assert error(*grads) < 1e-6


@pytest.mark.usefixtures("on")
@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_what_is_not_finite_goes_where_it_goes_in_the_plain_formula(bad: float) -> None:
    """Divergence is seen by it. Zeros beside an image must not turn an infinity into NaN elsewhere."""
    x = torch.randn(19, 2, 8, 10)
    x[17, 1, 3, 4] = bad
    w, b = torch.randn(3, 2, 3, 3), torch.randn(3)
    torch.testing.assert_close(convolution(x, w, b), F.conv2d(x, w, b), equal_nan=True, rtol=1e-4, atol=1e-5)
    assert torch.equal(natively(x, nn.ReLU()).isnan(), x.relu().isnan())
    leaf = x.requires_grad_()
    ours, theirs = natively(leaf, MaxPool2d(2)), F.max_pool2d(leaf, 2)
    torch.testing.assert_close(ours, theirs, equal_nan=True)
    gradients = [torch.autograd.grad(out.sum(), leaf)[0] for out in (ours, theirs)]
    torch.testing.assert_close(*gradients)
    averages = [natively(leaf, AvgPool2d(2)), F.avg_pool2d(leaf, 2)]
    torch.testing.assert_close(*averages, equal_nan=True)
    grad = torch.randn(19, 3, 6, 8)
    grad[18, 2, 5, 7] = bad
    leaves = [x.detach().clone(), w, b]
    leaves[0][17] = 0
    leaves = [t.requires_grad_() for t in leaves]
    pairs = [torch.autograd.grad(f(*leaves), leaves, grad) for f in (convolution, F.conv2d)]
    for one, other in zip(*pairs, strict=True):
        assert torch.equal(one.isfinite(), other.isfinite())


@pytest.mark.usefixtures("on")
def test_the_same_bytes_with_any_number_of_threads() -> None:
    results: list[list[Tensor]] = []
    for threads in (1, 2, 3, 8, 2, 1):
        with native.active(threads):
            torch.manual_seed(3)
            found = []
            for name in ("lenet5", "lenet5_relu_max", "lenet5_softmax"):
                model = create_model(name)
                scores = model(torch.randn(77, 1, 32, 32))
                loss = cross_entropy(scores, torch.arange(77) % 10)
                found += [scores, *torch.autograd.grad(loss, list(model.parameters()))]
            results.append(found)
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))


@pytest.mark.usefixtures("on")
def test_many_short_calls_in_a_row() -> None:
    """A helper that is late for one call must not take a piece of the next."""
    x = torch.randn(64, 4, 8, 8)
    chains = [[MaxPool2d(2)], [AvgPool2d(2)], [ScaledTanh()]]
    expected = [natively(x, *layers) for layers in chains]
    with native.active(4):
        for _ in range(1500):
            for layers, wanted in zip(chains, expected, strict=True):
                assert torch.equal(natively(x, *layers), wanted)


@pytest.mark.usefixtures("on")
def test_gradients_of_gradients_take_the_plain_formula() -> None:
    torch.manual_seed(0)
    x = torch.randn(9, 2, 7, 7)
    layers = [Conv2d(2, 3, 2), ScaledTanh(), Subsampling(3), nn.Flatten(), nn.Linear(27, 4)]
    nn.init.normal_(layers[2].coefficient)
    nn.init.normal_(layers[2].bias)
    plain = copy.deepcopy(nn.Sequential(*layers)).double()
    results = []
    for function, leaf, parameters in (
        (lambda x: natively(x, *layers), x.clone(), [p for layer in layers for p in layer.parameters()]),
        (plain, x.double(), list(plain.parameters())),
    ):
        leaves = [leaf.requires_grad_(), *parameters]
        gradients = torch.autograd.grad(function(leaf).pow(3).sum(), leaves, create_graph=True)
        results.append(torch.autograd.grad(sum(g.square().sum() for g in gradients), leaves))
    for one, other in zip(*results, strict=True):
        assert error(one, other) < 2e-5


@pytest.mark.usefixtures("on")
def test_gradients_of_gradients_with_tensors_that_were_exchanged() -> None:
    """They are taken where the layers were, not where they are: lent, replaced, and in two places."""
    torch.manual_seed(0)
    squash, twice = ScaledTanh(), nn.Linear(12, 12)
    layers = {"c": Conv2d(2, 3, 2), "s": squash, "p": MaxPool2d(2), "f": nn.Flatten(), "l": twice, "m": twice}
    chain, x = Chain((2, 5, 5), **layers, o=RBF(torch.randn(4, 12))), torch.randn(9, 2, 5, 5)
    results = []
    for threads in (2, 0):
        for lent in (True, False):
            net = copy.deepcopy(chain)
            names = [name for name, _ in net.named_parameters()]
            generator = torch.Generator().manual_seed(3)
            own = [torch.randn(p.shape, generator=generator).requires_grad_() for p in net.parameters()]
            with native.active(threads):
                if lent:
                    out = torch.func.functional_call(net, dict(zip(names, own, strict=True)), (x,))
                else:
                    own = list(net.parameters())
                    out = net(x)
                assert is_native(out) == bool(threads)
                net.l.weight, net.l.bias = (nn.Parameter(torch.zeros_like(p)) for p in net.l.parameters())
                net.o.codes = torch.zeros(4, 12)
                gradients = torch.autograd.grad(out.pow(2).mean(), own, create_graph=True)
                second = torch.autograd.grad(sum(g.square().sum() for g in gradients), own)
            results.append([*gradients, *second])
    for ours, theirs in zip(results[:2], results[2:], strict=True):
        for one, other in zip(ours, theirs, strict=True):
            assert error(one, other.double()) < 2e-5


@pytest.mark.usefixtures("on")
def test_two_passes_before_the_way_back_and_the_way_back_twice() -> None:
    model, images = create_model("lenet5_relu_max"), torch.randn(2, 20, 1, 32, 32)
    parameters = list(model.parameters())
    alone = [torch.autograd.grad(model(x).square().sum(), parameters) for x in images]
    outs = [model(x).square().sum() for x in images]
    assert all(is_native(model(x)) for x in images)
    for out, wanted in [*zip(outs, alone, strict=True)] * 2:
        found = torch.autograd.grad(out, parameters, retain_graph=True)
        assert all(torch.equal(a, b) for a, b in zip(found, wanted, strict=True))


@pytest.mark.usefixtures("on")
def test_weights_changed_between_the_passes_are_noticed() -> None:
    model = create_model("lenet1")
    loss = model(torch.randn(16, *model.input_size)).sum()
    with torch.no_grad():
        next(model.parameters()).add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


@pytest.mark.usefixtures("on")
@pytest.mark.parametrize("name", ["f6.weight", "output.codes"])
def test_memory_that_is_pointed_at_outlives_its_tensor(name: str) -> None:
    """``tensor.data = ...`` lets go of what C still reads on the way back, and nobody notices that."""
    model, x = create_model("lenet5"), torch.randn(16, 1, 32, 32)
    layer, _, attribute = name.partition(".")
    tensor = getattr(getattr(model, layer), attribute)
    (wanted,) = torch.autograd.grad(model(x).square().sum(), model.c1.weight)
    loss = model(x).square().sum()
    tensor.data = torch.zeros_like(tensor)
    others = [torch.full(tensor.shape, 7e7) for _ in range(50)]  # take the place of what was freed
    (found,) = torch.autograd.grad(loss, model.c1.weight)
    assert torch.equal(found, wanted)
    del others


@pytest.mark.usefixtures("on")
def test_whoever_looks_between_the_layers_sees_them() -> None:
    model, seen = create_model("lenet5_relu_max"), []
    x = torch.randn(16, 1, 32, 32)
    together = model(x)
    assert is_native(together)
    handle = model.conv2.register_forward_hook(lambda layer, given, result: seen.append(tuple(result.shape)))
    torch.testing.assert_close(model(x), together, rtol=1e-4, atol=1e-5)
    assert seen == [(16, 16, 10, 10)]
    handle.remove()
    assert is_native(model(x))


@pytest.mark.usefixtures("on")
def test_tensors_that_were_exchanged_are_not_read_past_their_end() -> None:
    """PyTorch refuses them, in its own words."""
    model, x = create_model("lenet5"), torch.randn(16, 1, 32, 32)
    assert is_native(model(x))
    whole = model.f6.weight
    model.f6.weight = nn.Parameter(whole[:, :5].detach().clone())
    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        model(x)
    model.f6.weight = whole
    codes, model.output.codes = model.output.codes, model.output.codes[:, :5]
    with pytest.raises(RuntimeError, match="must match"):
        model(x)
    model.output.codes = codes
    model.f6.weight = nn.Parameter(whole.detach().double())
    with pytest.raises(RuntimeError, match="dtype"):
        model(x)
    model.f6.weight = whole
    assert is_native(model(x))


CHANGES: dict[str, Callable[[Chain], object]] = {
    "a bias taken away": lambda net: setattr(net.l, "bias", None),
    "a bias of a convolution": lambda net: setattr(net.c, "bias", None),
    "a bias put in": lambda net: setattr(net.bare, "bias", nn.Parameter(torch.ones(3))),
    "slope": lambda net: setattr(net.s, "slope", 5.0),
    "divisor": lambda net: setattr(net.a, "divisor_override", 3),
    "codes": lambda net: net.o.codes.requires_grad_(),
    "a kind of layer": lambda net: setattr(net.r, "__class__", Twice),
}


@pytest.mark.usefixtures("on")
@pytest.mark.parametrize("name", CHANGES)
def test_what_is_changed_between_two_passes_counts(name: str) -> None:
    torch.manual_seed(0)
    net = Chain(
        (1, 12, 12),
        **{"c": Conv2d(1, 3, 3), "s": ScaledTanh(), "bare": Conv2d(3, 3, 3, bias=False), "r": nn.ReLU()},
        **{"a": AvgPool2d(2), "f": nn.Flatten(), "l": nn.Linear(48, 6), "o": RBF(torch.randn(4, 6))},
    )
    x = torch.randn(16, 1, 12, 12)
    before = net(x)
    assert is_native(before)
    CHANGES[name](net)
    results = []
    for threads in (None, 0):
        with contextlib.nullcontext() if threads is None else native.active(threads):
            out = net(x)
            wanted = [*net.parameters(), *(codes for codes in net.buffers() if codes.requires_grad)]
            results.append([out, *torch.autograd.grad(out.pow(2).mean(), wanted)])
    for one, other in zip(*results, strict=True):
        assert error(one, other.double()) < 2e-5
    assert name == "codes" or error(before, out.double()) > 1e-3


class Seen(nn.Module):
    """Sums what it is given, also a pair."""

    def forward(self, x: Tensor | tuple[Tensor, Tensor]) -> Tensor:
        return x.flatten(1) if isinstance(x, Tensor) else torch.cat([part.flatten(1) for part in x], 1)


PLAIN_ONES: dict[str, tuple[nn.Module, int]] = {
    "indices": (MaxPool2d(2, return_indices=True), 1),
    "overlapping": (MaxPool2d(2, stride=1), 1),
    "padded": (MaxPool2d(2, padding=1), 1),
    "spread": (MaxPool2d(2, dilation=2), 1),
    "mean, padded": (AvgPool2d(2, padding=1), 1),
    "mean of three": (AvgPool2d(3), 1),
    "a divisor": (AvgPool2d(2, divisor_override=3), 2),  # native.c has it
    "from another axis": (nn.Flatten(2), 1),
    "strides": (Conv2d(3, 3, 3, stride=2), 1),
    "groups": (Conv2d(3, 3, 3, groups=3), 1),
    "too many rows": (Conv2d(3, 3, (7, 1)), 1),
    "too many columns": (Conv2d(3, 3, (1, 7)), 1),
    "too many maps": (Conv2d(4, 3, 3), 1),
    "too many units": (nn.Linear(9, 3), 1),
}


@pytest.mark.usefixtures("on")
@pytest.mark.parametrize("name", PLAIN_ONES)
def test_settings_that_native_c_does_not_know(name: str) -> None:
    """They end the chain, and give what PyTorch gives, its refusals included."""
    torch.manual_seed(0)
    layer, count = PLAIN_ONES[name]
    net, x = Chain((1, 10, 10), c=Conv2d(1, 3, 5), layer=layer, seen=Seen()), torch.randn(16, 1, 10, 10)
    assert joined.computed(net, x)[0] == count
    results: list[Tensor | str] = []
    for threads in (2, 0):
        with native.active(threads):
            try:
                results.append(net(x))
            except RuntimeError as error_:
                results.append(str(error_))
    ours, theirs = results
    assert isinstance(ours, str) == isinstance(theirs, str) == name.startswith("too many")
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5) if isinstance(ours, Tensor) else None


@pytest.mark.usefixtures("on")
@pytest.mark.parametrize("which", ["weight", "bias"])
def test_tensors_that_were_exchanged_before_the_first_pass(which: str) -> None:
    """`in_features` and `out_features` are then no longer true."""
    net, x = (
        Chain((1, 8, 8), c=Conv2d(1, 3, 5), f=nn.Flatten(), l=nn.Linear(48, 40)),
        torch.randn(16, 1, 8, 8),
    )
    setattr(net.l, which, nn.Parameter(getattr(net.l, which)[:2].detach().clone()))
    assert joined.computed(net, x)[0] == 2
    with pytest.raises(RuntimeError):
        net(x)


@pytest.mark.usefixtures("on")
@pytest.mark.parametrize("how", ["all modules", "way back", "before it", "before"])
def test_every_kind_of_hook_is_called(how: str) -> None:
    model, x, calls = create_model("lenet5_relu_max"), torch.randn(16, 1, 32, 32), []
    assert is_native(model(x))
    handle = {
        "all modules": lambda hook: nn.modules.module.register_module_forward_hook(hook),
        "way back": model.conv2.register_full_backward_hook,
        "before it": model.conv2.register_full_backward_pre_hook,
        "before": model.conv2.register_forward_pre_hook,
    }[how](lambda layer, *_: calls.append(layer))
    try:
        model(x).sum().backward()
    finally:
        handle.remove()
    assert model.conv2 in calls
    assert is_native(model(x))


class Twice(nn.ReLU):
    def forward(self, x: Tensor) -> Tensor:
        return 2 * super().forward(x)


@pytest.mark.usefixtures("on")
def test_other_layers_are_computed_by_themselves() -> None:
    """A subclass may compute anything; a convolution with padding, or of many maps, is not for native.c."""
    x = torch.randn(16, 1, 12, 12)
    for other in (Twice(), nn.Dropout(0.0), nn.Conv2d(3, 3, 3), Conv2d(3, 3, 3, padding=1), Conv2d(3, 99, 3)):
        chain = Chain((1, 12, 12), first=Conv2d(1, 3, 5), other=other, last=MaxPool2d(2))
        out = chain(x)
        assert not is_native(out)
        done, between = joined.computed(chain, x)
        assert done == 1
        assert is_native(between)
        with native.active(0):
            torch.testing.assert_close(out, chain(x), rtol=1e-4, atol=1e-5)
    assert not joined.computed(nn.Sequential(nn.ReLU(), nn.Flatten()), x)[0]  # nothing to gain


@pytest.mark.usefixtures("on")
def test_function_transforms_and_other_numbers_take_the_plain_formula() -> None:
    chain = Chain((2, 6, 6), c=Conv2d(2, 3, 3), squash=ScaledTanh())
    x = torch.randn(4, 5, 2, 6, 6)
    together = torch.func.vmap(chain)(x)
    torch.testing.assert_close(together, torch.stack([chain(one) for one in x]))
    assert not is_native(copy.deepcopy(chain).double()(x[0].double()))
    assert is_native(chain(x[0]))
    assert chain.to("meta")(x[0].to("meta")).shape == (5, 3, 4, 4)
    chain = Chain((2, 6, 6), c=Conv2d(2, 3, 3))
    with torch.autocast("cpu"):
        assert chain(x[0]).dtype == torch.bfloat16


@pytest.mark.usefixtures("on")
@pytest.mark.parametrize("name", [name for name in MODELS if name.startswith("lenet")])
def test_every_lenet_computes_the_same(name: str) -> None:
    torch.manual_seed(2)
    model = create_model(name)
    images, labels = torch.randn(21, *model.input_size), torch.arange(21) % 10
    results = []
    for threads in (2, 0):
        with native.active(threads):
            scores = model(images)
            loss = cross_entropy(scores, labels)
            results.append([scores, *torch.autograd.grad(loss, list(model.parameters()))])
            # Strides and a bias for each unit, or Gaussians, are PyTorch's.
            wanted = bool(threads) and name not in ("lenet_1989", "lenet5_gaussian")
            assert is_native(scores) == wanted
    for one, other in zip(*results, strict=True):
        assert error(one, other.double()) < 5e-5


@pytest.mark.usefixtures("on")
@pytest.mark.parametrize("channels", [1, 3])
def test_grey_values_by_their_table_are_the_same_bytes(channels: int) -> None:
    generator = torch.Generator().manual_seed(0)
    stored = torch.randint(0, 256, (50, channels, 7, 9), generator=generator, dtype=torch.uint8)
    index = torch.tensor([49, 0, 0, 17, *range(40)])
    mean, std = (0.1307, 0.4, 0.7)[:channels], (0.3081, 1 / 3, 1.7)[:channels]
    preprocess = Preprocess((channels, 7, 9), mean=mean, std=std, scale=255 / 256)
    levels = preprocess.levels()
    assert levels is not None
    found = looked_up(stored, index, levels)
    assert found is not None
    assert torch.equal(found, preprocess(stored[index]))
    for wrong in ([0, 50], [-1]):
        with pytest.raises(IndexError, match="of 50"):
            looked_up(stored, torch.tensor(wrong), levels)
    with native.active(0):
        assert looked_up(stored, index, levels) is None
    place = dataclasses.replace(preprocess, mean=(0.0,) * channels, mean_image=torch.zeros(channels, 7, 9))
    assert place.levels() is None
    if channels == 3:
        assert dataclasses.replace(preprocess, order="BGR").levels() is None


def test_the_kinds_of_layers_have_the_same_numbers_on_both_sides() -> None:
    (kinds,) = re.findall(r"enum {(.*?)}", native.SOURCE.read_text())
    assert [getattr(chains, kind) for kind in kinds.strip().split(", ")] == list(range(chains.NOTHING))


@pytest.fixture
def compiler() -> None:
    if not native.find().startswith(native.NATIVE):
        pytest.skip(native.find())


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder, and a process that has not looked for the library yet."""
    folder = tmp_path / "a folder with spaces"
    monkeypatch.setattr(native, "user_cache_path", lambda *a, **k: folder)
    monkeypatch.setattr(native._State, "found", "")
    monkeypatch.setattr(native._State, "library", None)
    monkeypatch.delenv("HEIRLOOM_NATIVE", raising=False)
    return folder


def kept(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.so"))


@pytest.mark.usefixtures("compiler")
def test_compiled_once_and_mended_when_damaged(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = native.find()
    assert first.startswith(native.NATIVE)
    (library,) = kept(cache)
    good = library.read_bytes()
    with monkeypatch.context() as patch:  # no second time
        patch.setattr(native, "_compiled", None)
        patch.setattr(native._State, "found", "")
        assert native.find() == first
    key = library.name.partition("-")[0]
    for damaged in (good[:-1] + b"?", b"", good[: len(good) // 2]):
        library.unlink(missing_ok=True)  # it is open
        library.write_bytes(damaged)
        assert native._kept(library.parent, key) is None
        library.write_bytes(damaged)
    monkeypatch.setattr(native._State, "found", "")
    assert native.find() == first
    (library,) = kept(cache)
    assert library.stem == f"{key}-{sha256(library.read_bytes())}"
    assert [path.name for path in (cache / "kernels").iterdir()] == [library.name]  # nothing half-made


@pytest.mark.usefixtures("compiler")
def test_two_processes_at_once(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from heirloom.kernels import native; print(native.find())"]
    settings = {**os.environ, "XDG_CACHE_HOME": str(tmp_path), "HEIRLOOM_NATIVE": "1"}
    both = [subprocess.Popen(command, env=settings, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate(timeout=120)[0].strip() for process in both]
    assert said == [native.find()] * 2


@pytest.mark.parametrize(
    ("reason", "name", "value"),
    [
        ("no C compiler", "PATH", ""),
        ("no C compiler", "CC", "no-such-compiler"),
        ("forbidden", "HEIRLOOM_NATIVE", "0"),
        ("", "CC", "false"),
        ("", "CC", f"{sys.executable} -S"),  # says a version, and does not compile
        ("", "CC", "'"),
    ],
)
def test_without_a_compiler_the_plain_formula(
    reason: str, name: str, value: str, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    said = native.find()
    assert said.startswith(f"plain: {reason}")
    assert "\n" not in said
    assert not kept(cache)
    with native.active(2):
        assert native.library_for(torch.randn(64, 1, 32, 32)) is None


def test_a_cache_that_cannot_be_written(cache: Path) -> None:
    cache.write_text("a file where the folder should be")
    assert native.find().startswith("plain: ")


class Marked(Tensor):
    """Numbers as any, of another type."""


@pytest.mark.usefixtures("on")
def test_subclasses_of_tensors_take_the_plain_formula() -> None:
    """Those of a fake one are nowhere: a process of its own is the witness."""
    model, x = create_model("lenet5"), torch.randn(16, 1, 32, 32)
    assert is_native(model(x))
    assert is_native(model(nn.Parameter(x)))
    out = model(x.as_subclass(Marked))
    assert type(out) is Marked
    assert not is_native(out)
    codes = model.output.codes
    for layer, name in ((model.c1, "weight"), (model.output, "codes")):
        whole = getattr(layer, name)
        marked = whole.detach().clone().as_subclass(Marked)
        setattr(layer, name, marked if name == "codes" else nn.Parameter(marked))
        assert not is_native(model(x))
        setattr(layer, name, whole)
    assert model.output.codes is codes
    assert is_native(model(x))
    code = """
import torch
from torch._subclasses import FakeTensorMode
from heirloom.kernels import native
from heirloom.models import create_model
with FakeTensorMode():
    model, x = create_model("lenet5"), torch.randn(32, 1, 32, 32)
with native.active(1):
    print(tuple(model(x).shape))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout.strip()) == (0, "(32, 10)")


def kernels_of(run: Path) -> str:
    return str(json.loads((run / "versions.json").read_text())["kernels"])


SHORT = dataclasses.replace(QUICK, epochs=1, train_limit=200)


@pytest.mark.usefixtures("compiler")
def test_a_run_says_what_it_took_and_is_proved_as_it_was_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = native.find()
    runs = [tmp_path / name for name in ("two threads", "one thread", "plain")]
    recipe = dataclasses.replace(SHORT, model="lenet5")
    for run, threads in zip(runs, (None, 1, 1), strict=True):
        with monkeypatch.context() as patch:
            if run.name == "plain":
                patch.setattr(native._State, "found", "plain: no C compiler")
            for _ in train(recipe, out=run, threads=threads):
                pass
    assert [kernels_of(run) for run in runs] == [found, found, "plain: no C compiler"]
    first, second, third = ((run / "model.safetensors").read_bytes() for run in runs)
    assert first == second
    assert first != third  # else nothing native was computed
    assert prove(runs[1])
    assert prove(runs[2])  # here, where there is a compiler now
    versions = json.loads((runs[2] / "versions.json").read_text())
    del versions["kernels"]  # as an older release wrote it
    (runs[2] / "versions.json").write_text(json.dumps(versions))
    assert prove(runs[2])


def settings_now() -> tuple[object, ...]:
    """What a process has one of."""
    return (
        native._now.threads,
        native.activation(),
        torch.get_num_threads(),
        torch._C._get_mkldnn_enabled(),
    )


@pytest.mark.usefixtures("compiler")
def test_trainings_in_turn_leave_each_other_alone(tmp_path: Path) -> None:
    """Each has its own kernels, threads and oneDNN while it computes, and nothing is set in between."""
    recipe = dataclasses.replace(SHORT, model="lenet5_relu_max", max_steps=12)
    others = (
        dataclasses.replace(recipe, max_steps=4),
        dataclasses.replace(recipe, batch_size=1, max_steps=7),
    )
    for _ in train(recipe, out=tmp_path / "alone", threads=1):
        pass
    before = settings_now()
    all_events = [
        train(one, out=tmp_path / f"run-{i}", threads=threads)
        for i, (one, threads) in enumerate(zip((others[0], recipe, others[1]), (2, 1, 3), strict=True))
    ]
    dropped = train(recipe, out=tmp_path / "dropped", threads=1)
    next(dropped)
    running = list(all_events)
    while running:
        for events in list(running):
            if next(events, None) is None:
                running.remove(events)
            assert settings_now() == before
    dropped.close()
    assert settings_now() == before
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("alone", "run-1")]
    assert weights[0] == weights[1]
    assert kernels_of(tmp_path / "run-1").startswith(native.NATIVE)
    assert prove(tmp_path / "run-2")


@pytest.mark.usefixtures("on")
def test_another_of_pythons_threads_is_not_switched_on() -> None:
    found: list[object] = []
    x = torch.zeros(64, 1, 32, 32)
    other = threading.Thread(target=lambda: found.append(native.library_for(x)))
    other.start()
    other.join()
    assert found == [None]
    assert native.library_for(x)


@pytest.mark.usefixtures("compiler")
def test_going_on_without_the_compiler_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    events = train(SHORT, out=tmp_path / "run", threads=1)
    for _ in range(3):
        next(events)
    events.close()
    monkeypatch.setattr(native._State, "found", "plain: no C compiler")
    notes = [event.text for event in resume(tmp_path / "run") if isinstance(event, Note)]
    assert any("kernels was native" in note for note in notes)
    assert kernels_of(tmp_path / "run") == "plain: no C compiler"


@pytest.mark.usefixtures("compiler")
def test_only_training_compiles(cache: Path, finished_run: Path, heirloom: Heirloom) -> None:
    for command in (["list"], ["summary", "lenet5"], ["evaluate", finished_run, "--data", "digits"]):
        assert heirloom(*command).returncode == 0
    assert not native._State.found
    assert not cache.exists()


@pytest.mark.usefixtures("compiler")
def test_a_forked_process_makes_threads_of_its_own() -> None:
    code = """
import os, torch
from heirloom.kernels import chains, native
from heirloom.models import create_model
torch.set_num_threads(1)  # OpenMP's own threads do not outlive a fork
x, model = torch.randn(64, 1, 32, 32), create_model("lenet5")
with native.active(2):
    before = model(x)
    child = os.fork()
    after = model(x)
    if not child:
        os._exit(0 if torch.equal(before, after) else 1)
    print(os.waitpid(child, 0)[1])
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "0"


def test_the_source_lies_where_packages_take_it_from() -> None:
    """Beside the Python files, all of which hatchling takes, and what it includes with it."""
    assert native.SOURCE.parent == Path(native.__file__).parent
    source = native.SOURCE.read_text()
    assert tuple(re.findall(r'#include "(.*)"', source)) == native.HEADERS
    assert all((native.SOURCE.parent / name).is_file() for name in native.HEADERS)
    source += "".join((native.SOURCE.parent / name).read_text() for name in native.HEADERS)
    assert all(re.search(rf"^(void|long) {name}\(", source, re.MULTILINE) for name in native.FUNCTIONS)
