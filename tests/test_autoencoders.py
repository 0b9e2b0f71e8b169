"""The autoencoders: what a linear one can do, noise and sparsity by hand, and the way through the code."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA
from torch import nn
from torch.nn import functional as F

from heirloom.accounting import summary
from heirloom.data import load_data
from heirloom.errors import HeirloomError
from heirloom.layers import MaskingNoise, WithPenalty
from heirloom.models import create_model
from heirloom.models.autoencoder import sparsity
from heirloom.tracing import trace

CODE = 4


def enlarged(split: str) -> torch.Tensor:
    """Digits of 8 x 8 in 28 x 28, grey values 0 to 1: each pixel thrice as large, so that the rank is 64."""
    images = load_data("digits").split(split).images.double().div(255)
    return F.pad(images.repeat_interleave(3, 2).repeat_interleave(3, 3), (2, 2, 2, 2))


@pytest.fixture(scope="module")
def digits() -> torch.Tensor:
    """The 1,157 training digits."""
    return enlarged("train")


@pytest.fixture(scope="module")
def linear(digits: torch.Tensor) -> nn.Module:
    """One linear layer in and one out, trained until nothing moves any more.

    The loss and its gradients depend on the images through their mean and their covariance alone. These
    images are rows of rank 64, so that 65 rows, with the same mean and covariance, stand for all 1,157.
    """
    torch.manual_seed(0)
    model = create_model("autoencoder", code=CODE, hidden=[], activation="linear").double()
    rows = digits.flatten(1)
    mean = rows.mean(0)
    _, values, axes = torch.linalg.svd(rows - mean, full_matrices=False)
    kept = int((values > 1e-9 * values[0]).sum())
    assert kept <= 64
    # Orthonormal columns, each of mean 0.
    basis = torch.linalg.qr(torch.eye(kept + 1, dtype=torch.float64) - 1 / (kept + 1)).Q[:, :kept]
    few = basis @ (values[:kept, None] * axes[:kept]) * math.sqrt((kept + 1) / len(rows)) + mean
    images = few.view(-1, 1, 28, 28)
    torch.testing.assert_close(few.T.cov(correction=0), rows.T.cov(correction=0), rtol=1e-8, atol=1e-10)
    optimiser = torch.optim.LBFGS(
        model.parameters(), max_iter=800, tolerance_grad=1e-12, tolerance_change=1e-16,
        history_size=50, line_search_fn="strong_wolfe",
    )  # fmt: skip

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        loss = F.mse_loss(model(images), images) * 784
        loss.backward()
        return loss

    optimiser.step(closure)
    return model


def test_the_linear_one_spans_the_subspace_of_principal_components(
    linear: nn.Module, digits: torch.Tensor
) -> None:
    """Baldi, Hornik 1989: the minimum has no other subspace. All principal angles are 0."""
    pca = PCA(CODE, svd_solver="full").fit(digits.flatten(1).numpy())
    ours = np.linalg.qr(linear.output.weight.detach().numpy())[0]
    cosines = np.linalg.svd(ours.T @ pca.components_.T)[1]
    angles = np.degrees(np.arccos(np.minimum(cosines, 1)))
    assert angles.max() < 0.1
    # There and back, what it does to an image less the mean is to project it there.
    there_and_back = (linear.output.weight @ linear.code.weight).detach().numpy()
    rows = (digits - digits.mean(0)).flatten(1).numpy()
    np.testing.assert_allclose(rows @ there_and_back.T, rows @ pca.components_.T @ pca.components_, atol=1e-2)


def test_the_linear_one_has_the_error_of_principal_components(
    linear: nn.Module, digits: torch.Tensor
) -> None:
    """On the images that it learned, and on those that it did not."""
    pca = PCA(CODE, svd_solver="full").fit(digits.flatten(1).numpy())
    for x in (digits, enlarged("test")):
        flat = x.flatten(1).numpy()
        theirs = float(((pca.inverse_transform(pca.transform(flat)) - flat) ** 2).mean())
        with torch.no_grad():
            ours = float(F.mse_loss(linear(x), x))
        assert ours == pytest.approx(theirs, rel=1e-5)


def test_a_linear_one_of_several_layers_has_no_squashing() -> None:
    model = create_model("autoencoder", activation="linear", hidden=[40], code=3).double()
    a, b = torch.rand(2, 3, 1, 28, 28, dtype=torch.float64)
    zero = model(torch.zeros_like(a))
    torch.testing.assert_close(model(a + 2 * b) - zero, model(a) - zero + 2 * (model(b) - zero))


@pytest.mark.parametrize(("name", "numbers"), [("autoencoder", 30), ("autoencoder_conv", 30)])
def test_all_goes_through_the_code(name: str, numbers: int) -> None:
    """The rank of the output's derivative by the input is that of the code."""
    torch.manual_seed(0)
    model = create_model(name).double().eval()
    x = torch.rand(1, 1, 28, 28, dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(model, x).reshape(784, 784)
    assert int(torch.linalg.matrix_rank(jacobian, rtol=1e-10)) == numbers
    assert min(math.prod(row.output_size or ()) for row in trace(model).rows) == numbers


@pytest.mark.parametrize("name", ["autoencoder_sparse", "autoencoder_denoising"])
def test_the_overcomplete_have_more_units_than_pixels(name: str) -> None:
    assert summary(name).trace["hidden"].output_size == (1000,)


@pytest.mark.parametrize(
    "name", ["autoencoder", "autoencoder_sparse", "autoencoder_denoising", "autoencoder_conv"]
)
def test_images_are_grey_values(name: str) -> None:
    torch.manual_seed(0)
    out = create_model(name).eval()(torch.rand(3, 1, 28, 28))
    assert 0 < float(out.detach().min()) <= float(out.detach().max()) < 1


# First weights -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "args", "gain"),
    [
        ("autoencoder", {}, 4),
        ("autoencoder", {"activation": "linear"}, 1),
        ("autoencoder_sparse", {}, 4),
        ("autoencoder_denoising", {}, 4),
    ],
)
def test_first_weights_after_glorot(name: str, args: dict[str, str], gain: int) -> None:
    """Uniform up to gain x sqrt(6 / (inputs + outputs)): its deviation, and nothing beyond its end."""
    torch.manual_seed(0)
    layers = [layer for layer in create_model(name, **args).modules() if isinstance(layer, nn.Linear)]
    assert len(layers) == (8 if name == "autoencoder" else 2)
    for layer in layers:
        end = gain * math.sqrt(6 / (layer.in_features + layer.out_features))
        weights = layer.weight.detach().double()
        # Four standard deviations of a uniform distribution's measured deviation: its kurtosis is 1.8.
        slack = 4 * math.sqrt(0.8 / 4 / weights.numel())
        assert float(weights.std()) == pytest.approx(end / math.sqrt(3), rel=slack)
        assert abs(float(weights.mean())) < 4 * end / math.sqrt(3 * weights.numel())
        assert 0.99 * end < float(weights.abs().max()) <= end * (1 + 1e-6)
        assert not layer.bias.any()


def test_first_weights_after_he() -> None:
    """Normal, of variance 2 / n, n the numbers that one output reads: a transposed one of stride 2 a quarter.

    The oracle for n is the layer itself, with weights of 1, over a large image of 1: amid it, the sum is n.
    """
    torch.manual_seed(0)
    layers = [
        layer
        for layer in create_model("autoencoder_conv").modules()
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)
    ]
    reads = []
    for layer in layers:
        ones = nn.utils.skip_init(type(layer), **_made_of(layer))
        nn.init.ones_(ones.weight)
        out = ones(torch.ones(1, layer.in_channels, 9, 9)).detach()
        reads.append(int(out[0, 0, out.shape[2] // 2, out.shape[3] // 2]))
        weights = layer.weight.detach().double()
        slack = 4 / math.sqrt(2 * weights.numel())
        assert float(weights.std()) == pytest.approx(math.sqrt(2 / reads[-1]), rel=slack)
        assert layer.bias is not None
        assert not layer.bias.any()
    assert reads == [9, 144, 1568, 1470, 128, 64]


def _made_of(layer: nn.Conv2d | nn.ConvTranspose2d) -> dict[str, object]:
    keys = ("in_channels", "out_channels", "kernel_size", "stride", "padding")
    return {key: getattr(layer, key) for key in keys} | {"bias": False}


# Noise ---------------------------------------------------------------------------------------------


@settings(max_examples=40)
@given(st.floats(0, 1), st.integers(1, 30), st.integers(1, 4))
def test_noise_sets_a_fixed_share_of_each_image_to_0(share: float, numbers: int, images: int) -> None:
    x = torch.rand(images, 1, numbers) + 1
    noise = MaskingNoise(share).train()
    out = noise(x)
    assert (out == 0).flatten(1).sum(1).tolist() == [round(share * numbers)] * images
    assert torch.equal(out[out != 0], x[out != 0])
    assert noise.eval()(x) is x


def test_noise_is_another_each_time_and_even() -> None:
    torch.manual_seed(0)
    noise = MaskingNoise(0.25).train()
    hidden = torch.stack([noise(torch.ones(500, 16)) == 0 for _ in range(2)]).float()
    assert not torch.equal(hidden[0], hidden[1])
    # 1,000 draws of each place: four standard deviations of a share of 1/4
    assert float((hidden.mean((0, 1)) - 0.25).abs().max()) < 4 * math.sqrt(0.25 * 0.75 / 1000)


def test_the_denoising_one_hides_pixels_in_training_only() -> None:
    torch.manual_seed(0)
    model = create_model("autoencoder_denoising", noise=0.5)
    seen: list[torch.Tensor] = []
    model.hidden.register_forward_hook(lambda module, args, output: seen.append(args[0]))
    x = torch.rand(4, 1, 28, 28) + 0.5
    model.train()(x)
    model.eval()(x)
    assert [(part == 0).sum(1).tolist() for part in seen] == [[392] * 4, [0] * 4]


# Sparsity ------------------------------------------------------------------------------------------


def test_the_divergence_by_hand() -> None:
    """Two units: means 0.2 and 0.5, asked for 0.1. KL = p log(p/q) + (1 - p) log((1 - p)/(1 - q))."""
    on = torch.tensor([[0.1, 0.4], [0.3, 0.6]], dtype=torch.float64)
    expected = sum(0.1 * math.log(0.1 / q) + 0.9 * math.log(0.9 / (1 - q)) for q in (0.2, 0.5))
    assert float(sparsity(on, 0.1)) == pytest.approx(expected, rel=1e-12)
    assert float(sparsity(torch.full((3, 5), 0.1, dtype=torch.float64), 0.1)) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_units_that_are_always_off_or_on_have_a_finite_divergence(value: float) -> None:
    on = torch.full((3, 5), value, requires_grad=True)
    found = sparsity(on, 0.05)
    found.backward()
    assert found.isfinite()


def test_the_sparse_one_returns_its_penalty_in_training_only() -> None:
    """2 beta / D times the divergence: the published cost in the units of a mean of squares."""
    torch.manual_seed(0)
    model = create_model("autoencoder_sparse", rho=0.1, beta=5.0)
    x = torch.rand(6, 1, 28, 28)
    out = model.train()(x)
    assert isinstance(out, WithPenalty)
    on = torch.sigmoid(model.hidden(x.flatten(1)))
    torch.testing.assert_close(out.penalty, 2 * 5.0 / 784 * sparsity(on, 0.1))
    # (half a sum of squares + beta KL) / (784 / 2) = a mean of squares + penalty
    published = (out.output - x).square().flatten(1).sum(1).mean() / 2 + 5.0 * sparsity(on, 0.1)
    torch.testing.assert_close(F.mse_loss(out.output, x) + out.penalty, published / 392)
    assert torch.equal(model.eval()(x), out.output)


def test_another_size_is_refused_by_the_sparse_one_in_training_too() -> None:
    with pytest.raises(HeirloomError, match=r"takes \(B, 1, 28, 28\)"):
        create_model("autoencoder_sparse").train()(torch.zeros(2, 1, 32, 32))


# Books ---------------------------------------------------------------------------------------------


def test_the_books_of_transposed_convolutions_by_hand() -> None:
    """Each of the input's places times each weight, and a bias for each output."""
    books = summary("autoencoder_conv").trace
    # 32 maps of 7 x 7 read by 16 maps through 4 x 4 weights; 16 maps of 14 x 14 outputs
    assert (books["up2"].parameters, books["up2"].macs) == (32 * 16 * 16 + 16, 49 * 32 * 16 * 16)
    assert books["up2"].connections == 49 * 32 * 16 * 16 + 16 * 14 * 14
    assert books["up2"].flops == 2 * books["up2"].macs + 16 * 14 * 14
    # one place read by 32 maps of 7 x 7
    assert (books["up1"].macs, books["up1"].connections) == (30 * 32 * 49, 30 * 32 * 49 + 32 * 49)
    assert [books[name].output_size for name in ("up1", "up2", "up3")] == [
        (32, 7, 7), (16, 14, 14), (1, 28, 28),
    ]  # fmt: skip
    formulas = books["up2"].formulas
    assert formulas["parameters"] == "32 x 16 x 4 x 4 + 16"
    assert formulas["connections"] == "32 x 16 x 4 x 4 x 7 x 7 + 16 x 14 x 14"
