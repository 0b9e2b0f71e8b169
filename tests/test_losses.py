"""The published losses against the formulas written out, and the schedules against closed forms."""

import dataclasses
import math

import pytest
import torch

from heirloom.losses import LOSSES, RUBBISH
from heirloom.optimizers import learning_rate, make_optimizer
from heirloom.recipes import Recipe

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


def test_schedules() -> None:
    constant = Recipe("lenet5", "digits", lr=0.1, schedule="constant")
    assert {learning_rate(constant, step, 100) for step in range(100)} == {0.1}
    cosine = dataclasses.replace(constant, schedule="cosine")
    assert learning_rate(cosine, 0, 100) == 0.1
    assert learning_rate(cosine, 50, 100) == pytest.approx(0.05)
    assert learning_rate(cosine, 99, 100) < 1e-4
    cycle = dataclasses.replace(constant, schedule="one_cycle")
    rates = [learning_rate(cycle, step, 400) for step in range(400)]
    assert rates[0] == pytest.approx(0.004)
    assert rates[50] == pytest.approx((0.004 + 0.1) / 2)
    assert max(rates) == rates[100] == pytest.approx(0.1)
    assert rates[250] == pytest.approx(0.05)
    assert rates[:101] == sorted(rates[:101])
    assert rates[100:] == sorted(rates[100:], reverse=True)


def test_optimizers_take_the_recipes_numbers() -> None:
    weight = [torch.nn.Parameter(torch.ones(1))]
    sgd = make_optimizer(Recipe("lenet5", "digits", optimizer="sgd", momentum=0.7, weight_decay=0.1), weight)
    assert isinstance(sgd, torch.optim.SGD)
    assert (sgd.param_groups[0]["momentum"], sgd.param_groups[0]["weight_decay"]) == (0.7, 0.1)
    adam = make_optimizer(Recipe("lenet5", "digits", momentum=0.8, weight_decay=0.2), weight)
    assert isinstance(adam, torch.optim.AdamW)
    assert (adam.param_groups[0]["betas"], adam.param_groups[0]["weight_decay"]) == ((0.8, 0.999), 0.2)
