"""The second-order method of 1998: its second derivatives against definitions, its training."""

import dataclasses
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from conftest import QUICK
from torch import Tensor, nn

from heirloom.curvature import curvature
from heirloom.errors import HeirloomError
from heirloom.layers import RBF, Chain, ScaledTanh, Subsampling, TableConv2d
from heirloom.losses import LOSSES, cross_entropy
from heirloom.models import create_model
from heirloom.optimizers import DiagonalLevenbergMarquardt
from heirloom.recipes import Recipe
from heirloom.training import resume, train

pytestmark = pytest.mark.usefixtures("one_thread")


def second_derivative(function, parameter: Tensor, at: tuple[int, ...]) -> float:  # type: ignore[no-untyped-def]
    """d2 function / d parameter[at]2 by autograd, of one number."""
    (first,) = torch.autograd.grad(function(), parameter, create_graph=True)
    (second,) = torch.autograd.grad(first[at], parameter)
    return float(second[at])


def test_one_layer_is_exact() -> None:
    """Softmax regression: p (1 - p) x^2, nothing is left out."""
    torch.manual_seed(0)
    chain = nn.Sequential(nn.Flatten(), nn.Linear(12, 4)).double()
    images, labels = torch.randn(7, 3, 2, 2, dtype=torch.float64), torch.randint(0, 4, (7,))
    found = curvature(chain, cross_entropy, images, labels)
    x, p = images.flatten(1), F.softmax(chain(images), dim=1)
    spread = p * (1 - p)
    torch.testing.assert_close(found["1.weight"], torch.einsum("bk,bd->kd", spread, x.square()) / 7)
    torch.testing.assert_close(found["1.bias"], spread.mean(0))


@pytest.mark.parametrize("loss", ["map", "mean_squared", "cross_entropy"])
def test_radial_basis_functions_and_loss_are_exact(loss: str) -> None:
    """By the bias before them, whose second derivative autograd has."""
    torch.manual_seed(1)
    chain = nn.Sequential(nn.Linear(5, 6), RBF(torch.randn(3, 6))).double()
    x, labels = torch.randn(4, 5, dtype=torch.float64), torch.randint(0, 3, (4,))
    found = curvature(chain, LOSSES[loss], x, labels)
    bias = chain[0].bias
    assert isinstance(bias, nn.Parameter)
    for j in range(6):
        expected = second_derivative(lambda: LOSSES[loss](chain(x), labels), bias, (j,))
        assert float(found["0.bias"][j]) == pytest.approx(expected, abs=1e-12)


def test_squashing_leaves_the_second_derivative_of_the_curve_out() -> None:
    """tanh between two layers, by the formula of the paper's appendix written out in loops."""
    torch.manual_seed(2)
    first, second = nn.Linear(3, 4).double(), nn.Linear(4, 2).double()
    chain = nn.Sequential(first, ScaledTanh(), second)
    x, labels = torch.randn(5, 3, dtype=torch.float64), torch.randint(0, 2, (5,))
    found = curvature(chain, cross_entropy, x, labels)
    expected = torch.zeros(4, 3, dtype=torch.float64)
    for image in x:
        a = first(image)
        z = 1.7159 * torch.tanh(2 / 3 * a)
        slope = 1.7159 * 2 / 3 * (1 - torch.tanh(2 / 3 * a) ** 2)
        p = F.softmax(second(z), dim=0)
        for j in range(4):
            above = sum((second.weight[k, j] ** 2 * p[k] * (1 - p[k])).item() for k in range(2))
            for i in range(3):
                expected[j, i] += (slope[j] ** 2 * above * image[i] ** 2).item() / 5
    torch.testing.assert_close(found["0.weight"], expected)


@pytest.mark.parametrize(
    "shared",
    [
        nn.Conv2d(2, 3, 2),
        TableConv2d([(0,), (0, 1), (1,)], 2, 2),
        Subsampling(2),
    ],
    ids=["conv", "table", "subsampling"],
)
def test_a_shared_weight_has_the_sum_over_its_connections(shared: nn.Module) -> None:
    """The same layer with a weight of its own for every connection, its second derivatives by autograd."""
    torch.manual_seed(3)
    for parameter in shared.parameters():
        nn.init.normal_(parameter)
    shared = shared.double()
    x, labels = torch.randn(3, 2, 4, 4, dtype=torch.float64), torch.randint(0, 3, (3,))
    units = shared(x)[0].numel()
    chain = nn.Sequential(shared, nn.Flatten(), nn.Linear(units, 3).double())
    found = curvature(chain, cross_entropy, x, labels)
    # Row r of `connect` is unit r's weights on all inputs; `which` says which parameter each one is.
    expected = {name: torch.zeros_like(p) for name, p in shared.named_parameters()}
    for name, parameter in shared.named_parameters():
        for at in torch.cartesian_prod(*(torch.arange(n) for n in parameter.shape)).view(-1, parameter.ndim):
            place = tuple(int(i) for i in at)

            def moved(step: float, place=place, name=name, parameter=parameter) -> Tensor:  # type: ignore[no-untyped-def]
                values = {key: value.detach().clone() for key, value in shared.named_parameters()}
                values[name][place] += step
                return torch.func.functional_call(shared, values, (torch.eye(32).view(32, 2, 4, 4).double(),))

            # Responses to single pixels change by 1 where a connection has this parameter.
            connect = (moved(1.0) - moved(0.0)).flatten(1)  # (inputs, units)
            if parameter.ndim == 1 or "bias" in name:
                connect = connect[:1] / 1.0
                inputs = torch.ones(3, 1, dtype=torch.float64)
            else:
                inputs = x.flatten(1)
            scores = chain(x)
            p = F.softmax(scores, dim=1)
            weight = chain[2].weight
            assert isinstance(weight, Tensor)
            by_unit = (p * (1 - p)) @ weight.square()  # (B, units)
            expected[name][place] = torch.einsum("bi,iu,bu->", inputs.square(), connect.square(), by_unit) / 3
    for name, value in expected.items():
        torch.testing.assert_close(found[f"0.{name}"], value)


def test_lenet5_starts_with_the_published_spread_of_rates() -> None:
    """Appendix C reports 0.00007 to 0.016 during the first pass, at a global rate of 0.0005."""
    torch.manual_seed(0)
    net = create_model("lenet5")
    images, labels = torch.rand(500, 1, 32, 32), torch.randint(0, 10, (500,))
    found = curvature(net, LOSSES["map"], images, labels)  # type: ignore[arg-type]
    assert set(found) == {name for name, _ in net.named_parameters()}
    rates = torch.cat([5e-4 / (0.04 + h.flatten()) for h in found.values()])
    assert all(bool((h >= 0).all()) for h in found.values())
    assert float(rates.max()) <= 0.0125
    assert float(rates.min()) < 2e-4
    assert 1e-4 < float(rates.median()) < 0.016


def test_an_update() -> None:
    net = nn.Linear(2, 1)
    before, bias = net.weight.detach().clone(), net.bias.detach().clone()
    optimizer = DiagonalLevenbergMarquardt(Recipe("lenet5", "digits", optimizer="sdlm", lr=0.5), net)
    optimizer.set_curvature({net.weight: torch.tensor([[0.06, 0.46]]), net.bias: torch.tensor([0.0])})
    net(torch.tensor([[3.0, -1.0]])).sum().backward()
    optimizer.step()
    torch.testing.assert_close(net.weight.detach(), before - torch.tensor([[5 * 3.0, 1 * -1.0]]))
    torch.testing.assert_close(net.bias.detach(), bias - 12.5)


ONE_BY_ONE = dataclasses.replace(
    QUICK, model="lenet5", optimizer="sdlm", batch_size=1, train_limit=60, epochs=3, lr=5e-4, loss="map",
    schedule="steps", lr_steps="1:0.4", box=20, mean=0.1 / 1.275, std=1 / 1.275, augment="planar_pool",
)  # fmt: skip


def test_training_one_by_one_learns_and_resumes_to_the_same_bytes(tmp_path: Path) -> None:
    """Interrupted within a pass, where second derivatives are not estimated anew, and at its end."""
    onednn = torch._C._get_mkldnn_enabled()
    events = list(train(ONE_BY_ONE, out=tmp_path / "whole", threads=1))
    losses = [event.loss for event in events if event.event == "epoch"]
    assert losses[-1] < losses[0]
    assert torch._C._get_mkldnn_enabled() == onednn
    for name, stop in (("middle", 77), ("end", 60)):
        run = train(ONE_BY_ONE, out=tmp_path / name, threads=1)
        for event in run:
            if event.event == "step" and event.step == stop:
                break
        run.close()
        list(resume(tmp_path / name))
        whole, resumed = (tmp_path / n / "model.safetensors" for n in ("whole", name))
        assert whole.read_bytes() == resumed.read_bytes()


@pytest.mark.parametrize(
    ("model", "layer"),
    [("lenet5_relu_max", "pool1: it has no rule for MaxPool2d"), ("lenet_1989", "h1: .*TableConv2d")],
)
def test_a_network_without_rules_is_refused_at_once(model: str, layer: str, tmp_path: Path) -> None:
    recipe = dataclasses.replace(ONE_BY_ONE, model=model, box=0)
    with pytest.raises(HeirloomError, match=layer) as caught:
        train(recipe, out=tmp_path / "run")
    assert caught.value.code == "E-recipe"
    assert not (tmp_path / "run").exists()


class Own(nn.Module):
    input_size = (1, 8, 8)

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x.flatten(1))


def test_a_network_that_is_no_chain_is_refused() -> None:
    with pytest.raises(HeirloomError, match="forward: it has no rule for Own"):
        curvature(Own(), cross_entropy, torch.zeros(1, 1, 8, 8), torch.zeros(1).long())  # type: ignore[arg-type]
    chain = Chain((1, 8, 8), flatten=nn.Flatten(), own=nn.LayerNorm(64))
    with pytest.raises(HeirloomError, match="own: it has no rule for LayerNorm"):
        curvature(chain, cross_entropy, torch.zeros(1, 1, 8, 8), torch.zeros(1).long())
