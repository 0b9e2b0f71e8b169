"""The published losses against the formulas written out, and the schedules against closed forms."""

import copy
import dataclasses
import math
from collections.abc import Callable

import pytest
import torch

from heirloom.losses import LOSSES, RUBBISH, loss_of
from heirloom.optimizers import LARGE, OPTIMIZERS
from heirloom.recipes import Recipe, find_recipe
from heirloom.schedules import learning_rate, set_rates

PENALTIES = torch.tensor([[0.5, 2.0, 9.0], [3.0, 0.1, 1.0]], dtype=torch.float64)
LABELS = torch.tensor([0, 2])


def test_equation_8() -> None:
    assert float(LOSSES["mean_squared"](-PENALTIES, LABELS)) == pytest.approx((0.5 + 1.0) / 2)


def test_equation_9() -> None:
    expected = 0.0
    for penalties, label in zip(PENALTIES.tolist(), LABELS.tolist(), strict=True):
        expected += penalties[label] + math.log(math.exp(-RUBBISH) + sum(math.exp(-y) for y in penalties))
    assert float(LOSSES["map"](-PENALTIES, LABELS)) == pytest.approx(expected / 2)


def test_equation_9_stays_finite_where_the_exponentials_vanish() -> None:
    far = torch.tensor([[-5000.0, -9000.0]])
    assert float(LOSSES["map"](far, torch.tensor([0]))) == pytest.approx(5000 - RUBBISH)


def test_squared_error_has_targets_of_plus_and_minus_one() -> None:
    scores = torch.tensor([[0.5, -1.0, 0.0]])
    assert float(LOSSES["squared_error"](scores, torch.tensor([0]))) == pytest.approx((0.25 + 0 + 1) / 2)


def test_cross_entropy() -> None:
    expected = sum(
        math.log(sum(math.exp(-y) for y in row)) + row[label]
        for row, label in zip(PENALTIES.tolist(), LABELS.tolist(), strict=True)
    )
    assert float(LOSSES["cross_entropy"](-PENALTIES, LABELS)) == pytest.approx(expected / 2)


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_by_finite_differences(name: str) -> None:
    scores = torch.randn(4, 5, dtype=torch.float64, requires_grad=True)
    labels = torch.tensor([0, 4, 2, 2])
    assert torch.autograd.gradcheck(lambda s: LOSSES[name](s, labels), scores)


def rates(recipe: Recipe, steps: int) -> list[float]:
    return [learning_rate(recipe, step, steps, steps_per_epoch=10) for step in range(steps)]


def test_schedules() -> None:
    constant = Recipe("lenet5", "digits", lr=0.1, schedule="constant")
    assert set(rates(constant, 100)) == {0.1}
    cosine = rates(dataclasses.replace(constant, schedule="cosine"), 100)
    assert cosine[0] == 0.1
    assert cosine[50] == pytest.approx(0.05)
    assert cosine[99] < 1e-4
    cycle = rates(dataclasses.replace(constant, schedule="one_cycle"), 400)
    assert cycle[0] == pytest.approx(0.004)
    assert cycle[50] == pytest.approx((0.004 + 0.1) / 2)
    assert max(cycle) == cycle[100] == pytest.approx(0.1)
    assert cycle[250] == pytest.approx(0.05)
    assert cycle[:101] == sorted(cycle[:101])
    assert cycle[100:] == sorted(cycle[100:], reverse=True)


def test_caffes_inverse_schedule_prints_caffes_rates() -> None:
    """The rates that Caffe's log of its MNIST example shows at updates 100 and 10,000."""
    caffe = Recipe("lenet_caffe", "mnist", lr=0.01, schedule="inverse")
    assert learning_rate(caffe, 100, 10_001, 938) == pytest.approx(0.00992565, abs=5e-9)
    assert learning_rate(caffe, 10_000, 10_001, 938) == pytest.approx(0.00594604, abs=5e-9)


def test_the_ladder_of_1998() -> None:
    """Two passes at 0.0005, three at 0.0002, three at 0.0001, four at 0.00005, then 0.00001."""
    _, recipe = find_recipe("lenet5_mnist_1998", None, ["lr=0.0005"])
    found = [learning_rate(recipe, epoch * 10, 200, 10) for epoch in range(20)]
    ladder = [5e-4] * 2 + [2e-4] * 3 + [1e-4] * 3 + [5e-5] * 4 + [1e-5] * 8
    assert found == pytest.approx(ladder)
    assert learning_rate(recipe, 19, 200, 10) == pytest.approx(5e-4)
    assert learning_rate(recipe, 20, 200, 10) == pytest.approx(2e-4)


@pytest.mark.parametrize(
    ("name", "theirs"),
    [
        ("sgd", lambda p: torch.optim.SGD(p, 0.1, momentum=0.7, weight_decay=0.01)),
        ("nesterov", lambda p: torch.optim.SGD(p, 0.1, momentum=0.7, weight_decay=0.01, nesterov=True)),
        ("adam", lambda p: torch.optim.AdamW(p, 0.1, betas=(0.7, 0.999), weight_decay=0.01, fused=True)),
    ],
)
def test_optimizers_are_pytorchs_bit_by_bit(name: str, theirs: Callable[..., torch.optim.Optimizer]) -> None:
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(40, 30), torch.nn.Tanh(), torch.nn.Linear(30, 3))
    twin = copy.deepcopy(net)
    recipe = Recipe(
        "lenet5", "digits", optimizer=name, lr=0.1, momentum=0.7, weight_decay=0.01, schedule="constant"
    )  # type: ignore[arg-type]
    ours, other = OPTIMIZERS[name](recipe, net), theirs(twin.parameters())
    x, y = torch.randn(16, 40), torch.randint(0, 3, (16,))
    for step in range(20):
        set_rates(ours, recipe, step, 20, 5)
        for optimizer, model in ((ours, net), (other, twin)):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(x), y).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    for first, second in zip(net.parameters(), twin.parameters(), strict=True):
        assert torch.equal(first, second)


@pytest.mark.parametrize("name", ["sgd", "nesterov"])
def test_a_large_parameter_is_moved_likewise(name: str) -> None:
    torch.manual_seed(0)
    net = torch.nn.Linear(1009, 1000).double()  # the weights in one pass, the biases in several
    assert net.weight.numel() >= LARGE > net.bias.numel()
    twin = copy.deepcopy(net)
    recipe = Recipe(
        "lenet5", "digits", optimizer=name, lr=0.1, momentum=0.7, weight_decay=0.01, schedule="constant"
    )  # type: ignore[arg-type]
    nesterov = name == "nesterov"
    ours = OPTIMIZERS[name](recipe, net)
    other = torch.optim.SGD(twin.parameters(), 0.1, momentum=0.7, weight_decay=0.01, nesterov=nesterov)
    x = torch.randn(4, 1009).double()
    for step in range(5):
        set_rates(ours, recipe, step, 5, 5)
        for optimizer, model in ((ours, net), (other, twin)):
            optimizer.zero_grad()
            model(x).square().mean().backward()
            optimizer.step()
    assert ours.state[net.weight]["momentum_buffer"].shape == net.weight.shape
    for first, second in zip(net.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(first, second, rtol=0, atol=1e-14)


def test_sgd_is_caffes_with_its_bias_rate_and_a_changing_schedule() -> None:
    """Caffe's rule by hand: the rate is inside the velocity, biases have twice the rate, decay for all."""
    recipe = Recipe(
        "lenet_caffe", "mnist", optimizer="sgd", lr=0.5, bias_lr=2.0, momentum=0.9, weight_decay=0.01,
        schedule="steps", lr_steps="1:0.5 3:0.1",
    )  # fmt: skip
    torch.manual_seed(0)
    net, x, y = torch.nn.Linear(4, 3), torch.randn(6, 4), torch.tensor([0, 1, 2, 0, 1, 2])
    weights = {name: p.detach().clone() for name, p in net.named_parameters()}
    velocity = {name: torch.zeros_like(p) for name, p in weights.items()}
    optimizer = OPTIMIZERS["sgd"](recipe, net)
    for step in range(20):
        rate = 0.5 if step < 5 else 0.25 if step < 15 else 0.05
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(net(x), y).backward()  # type: ignore[no-untyped-call]
        assert set_rates(optimizer, recipe, step, 20, steps_per_epoch=5) == pytest.approx(rate)
        for name, parameter in net.named_parameters():
            assert parameter.grad is not None
            gradient = parameter.grad + 0.01 * weights[name]
            velocity[name] = 0.9 * velocity[name] + (2 if name == "bias" else 1) * rate * gradient
            weights[name] = weights[name] - velocity[name]
        optimizer.step()
        for name, parameter in net.named_parameters():
            torch.testing.assert_close(parameter.detach(), weights[name])


def test_temperature_and_smoothing() -> None:
    """By the definitions, with a softmax written out."""
    scores, labels = torch.tensor([[3.0, -1.0, 0.5], [0.0, 2.0, 1.0]]), torch.tensor([0, 2])
    recipe = Recipe("lenet5_relu_max", "mnist", temperature=4.0, smoothing=0.3)
    expected = 0.0
    for row, label in zip(scores.tolist(), labels.tolist(), strict=True):
        total = sum(math.exp(score / 4) for score in row)
        for k, score in enumerate(row):
            target = (0.7 if k == label else 0.0) + 0.3 / 3
            expected -= target * math.log(math.exp(score / 4) / total) / 2
    assert float(loss_of(recipe)(scores, labels)) == pytest.approx(expected)
    assert loss_of(Recipe("lenet5", "mnist", loss="map")) is LOSSES["map"]
