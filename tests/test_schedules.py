"""Schedules by the tables of their sources; rates of layers and decay beside PyTorch's groups; plateaus."""

import copy
import dataclasses
from pathlib import Path

import pytest
import torch
from conftest import QUICK
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from heirloom import groundwork, job
from heirloom.data import Dataset, Split
from heirloom.errors import HeirloomError
from heirloom.models import create_model
from heirloom.optimizers import OPTIMIZERS
from heirloom.recipes import RECIPES, Recipe, find_recipe
from heirloom.runs import Run
from heirloom.schedules import Plateau, learning_rate, set_rates
from heirloom.training import resume, train

IMAGENET = 1_281_167
BASE = Recipe("lenet5", "digits", optimizer="sgd", lr=0.1, schedule="constant")


def rate(name: str, step: int, images: int = IMAGENET) -> float:
    recipe = find_recipe(name)[1]
    per_epoch = -(-images // recipe.batch_size)
    steps = min(per_epoch * recipe.epochs, recipe.max_steps or per_epoch * recipe.epochs)
    assert step < steps
    return learning_rate(recipe, step, steps, per_epoch)


@pytest.mark.parametrize(
    ("name", "images", "table"),
    [
        # Caffe's step policy: 0.01 x 0.1^floor(update / 100,000), to 450,000.
        ("alexnet_caffe_imagenet", IMAGENET, {100_000 * k + 99_999: 0.01 * 0.1**k for k in range(4)}),
        ("alexnet_caffe_imagenet", IMAGENET, {0: 0.01, 100_000: 0.001, 449_999: 1e-6}),
        # Caffe's poly policy with power 1: 0.04 (1 - update / 170,000).
        ("squeezenet1_0_imagenet", IMAGENET, {0: 0.04, 85_000: 0.02, 169_999: 0.04 / 170_000}),
        # 10,010 updates of 128 make a pass over ImageNet's 1,281,167 images.
        ("alexnet_imagenet", IMAGENET, {25 * 10_010 - 1: 1e-2, 25 * 10_010: 1e-3, 51 * 10_010: 1e-4}),
        ("alexnet_imagenet", IMAGENET, {79 * 10_010 - 1: 1e-4, 79 * 10_010: 1e-5}),
        # GoogLeNet: 4 % less each 8 passes of 40,037 updates.
        ("googlenet_imagenet", IMAGENET, {8 * 40_037 - 1: 0.01, 8 * 40_037: 0.0096, 16 * 40_037: 0.009216}),
        # CIFAR's residual networks count updates.
        ("resnet20_cifar10", 50_000, {31_999: 0.1, 32_000: 0.01, 47_999: 0.01, 48_000: 0.001}),
        ("resnet110_cifar10", 50_000, {0: 0.01, 399: 0.01, 400: 0.1, 32_000: 0.01, 48_000: 0.001}),
        ("wrn_28_10_cifar10", 50_000, {0: 0.1, 60 * 391: 0.02, 120 * 391: 0.004, 160 * 391: 0.0008}),
        ("resnext50_32x4d_imagenet", IMAGENET, {30 * 5005 - 1: 0.1, 30 * 5005: 0.01, 90 * 5005: 1e-4}),
    ],
)  # fmt: skip
def test_published_rates(name: str, images: int, table: dict[int, float]) -> None:
    assert {step: rate(name, step, images) for step in table} == pytest.approx(table)


@given(st.integers(1, 9), st.floats(0.1, 0.99), st.integers(0, 500))
def test_every(length: int, factor: float, step: int) -> None:
    """The same as a list of all its steps."""
    every = dataclasses.replace(BASE, schedule="every", lr_steps=f"{length}:{factor}")
    product = 0.1
    for epoch in range(1, step // 10 + 1):
        product *= factor if epoch % length == 0 else 1
    assert learning_rate(every, step, 501, 10) == pytest.approx(product)


def test_a_plateau_by_hand() -> None:
    """Patience 2: the third and fourth value are no better, then the sixth and the seventh (equal is not)."""
    plateau, values = Plateau(), [0.5, 0.6, 0.6, 0.55, 0.7, 0.7, None, 0.71]
    recipe = dataclasses.replace(BASE, schedule="plateau", lr_patience=2)
    found = []
    for epoch, value in enumerate(values):
        found.append(learning_rate(recipe, epoch * 3 + 2, 100, 3, plateau))
        plateau.see(value, lambda new, old: new > old, 2, step=(epoch + 1) * 3)
    assert found == pytest.approx([0.1, 0.1, 0.1, 0.1, 0.01, 0.01, 0.01, 0.001])
    assert plateau == Plateau(divided=2, since=21, best=0.71, waited=0)
    assert learning_rate(recipe, 20, 100, 3, plateau) == pytest.approx(0.01)  # of the update before


def small() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 5), nn.Tanh(), nn.Linear(5, 3))


@pytest.mark.parametrize("name", ["nesterov", "adam"])
def test_groups_are_pytorchs(name: str) -> None:
    """Rates of layers that change, of biases, and decay of weights alone: as PyTorch's parameter groups."""
    recipe = dataclasses.replace(
        BASE, optimizer=name, bias_lr=2.0, weight_decay=0.02, bias_decay=0.0, momentum=0.8,
        layer_lr="2.*:0:0.5 0.weight:1:0.1 2.*:2:0",
    )  # fmt: skip
    net = small()
    twin = copy.deepcopy(net)
    optimizer = OPTIMIZERS[name](recipe, net)
    named = dict(twin.named_parameters())
    groups = [{"params": [p], "weight_decay": 0.0 if "bias" in n else 0.02} for n, p in named.items()]
    other: torch.optim.Optimizer = (
        torch.optim.SGD(groups, lr=1, momentum=0.8, nesterov=True)
        if name == "nesterov"
        else torch.optim.AdamW(groups, lr=1, betas=(0.8, 0.999))
    )
    x, y = torch.randn(8, 6), torch.randint(0, 3, (8,))
    for step in range(12):
        for group, n in zip(other.param_groups, named, strict=True):
            factor = 2.0 if "bias" in n else 1.0
            if n.startswith("2."):
                factor *= 0.5 if step < 8 else 0.0
            if n == "0.weight" and step >= 4:
                factor *= 0.1
            group["lr"] = 0.1 * factor
        set_rates(optimizer, recipe, step, 12, 4)
        for each, model in ((optimizer, net), (other, twin)):
            each.zero_grad()
            torch.nn.functional.cross_entropy(model(x), y).backward()  # type: ignore[no-untyped-call]
            each.step()
    for first, second in zip(net.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(first, second)


def test_alexnets_rule_where_rates_of_layers_change() -> None:
    """The paper's velocity, which has the rate inside, written out; a layer rests where its rate is 0."""
    recipe = dataclasses.replace(
        BASE, bias_lr=2.0, weight_decay=0.02, bias_decay=0.0, momentum=0.9,
        schedule="steps", lr_steps="3:0.1", layer_lr="0.*:1:0.1 0.*:2:0 0.*:3:0.5",
    )  # fmt: skip
    net, x, y = small(), torch.randn(8, 6), torch.randint(0, 3, (8,))
    weights = {n: p.detach().clone() for n, p in net.named_parameters()}
    velocity = {n: torch.zeros_like(p) for n, p in weights.items()}
    optimizer = OPTIMIZERS["sgd"](recipe, net)
    for step in range(16):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(net(x), y).backward()  # type: ignore[no-untyped-call]
        set_rates(optimizer, recipe, step, 16, 4)
        for n, p in net.named_parameters():
            assert p.grad is not None
            lr = (0.01 if step >= 12 else 0.1) * (2 if "bias" in n else 1)
            if n.startswith("0."):
                lr *= 1 if step < 4 else 0.1 if step < 8 else 0 if step < 12 else 0.5
            decay = 0.0 if "bias" in n else 0.02
            velocity[n] = 0.9 * velocity[n] - lr * decay * weights[n] - lr * p.grad
            velocity[n] = velocity[n] if lr else torch.zeros_like(p)
            weights[n] = weights[n] + velocity[n]
        optimizer.step()
        for n, p in net.named_parameters():
            torch.testing.assert_close(p.detach(), weights[n])


def test_every_recipe_has_the_parameters_that_it_names() -> None:
    for name in RECIPES:
        recipe = find_recipe(name)[1]
        if recipe.layer_lr:
            with torch.device("meta"):
                net = create_model(recipe.model)
            groups = OPTIMIZERS[recipe.optimizer](recipe, net).groups
            assert any(group.stages for group in groups)
            assert sum(len(group.parameters) for group in groups) == len(list(net.parameters()))
    wrong = dataclasses.replace(BASE, layer_lr="conv1*:0:0.5")
    with pytest.raises(HeirloomError, match=r"no parameter is called 'conv1\*'"):
        OPTIMIZERS["sgd"](wrong, small())


PLATEAU = dataclasses.replace(
    QUICK, train_limit=120, epochs=6, optimizer="sgd", lr=0.5, schedule="plateau", lr_patience=1
)
WARMED = dataclasses.replace(
    QUICK, train_limit=120, epochs=4, optimizer="sgd", lr=0.05,
    schedule="update_steps", lr_steps="0:0.1 3:1 6:0.1",
)  # fmt: skip


@pytest.mark.parametrize("recipe", [PLATEAU, WARMED], ids=["plateau", "warm-up"])
def test_an_interrupted_run_ends_with_the_same_bytes(recipe: Recipe, tmp_path: Path) -> None:
    whole = list(train(recipe, out=tmp_path / "whole", threads=1))
    rates = [event.lr for event in whole if hasattr(event, "lr")]
    assert len(set(rates)) > 1  # it did change
    for stop in (3, 5):
        path = tmp_path / f"stopped-{stop}"
        events = train(recipe, out=path, threads=1, checkpoint_every=1)
        for event in events:
            if getattr(event, "step", 0) >= stop:
                break
        events.close()  # type: ignore[attr-defined]
        list(resume(path))
        both = [(run / "model.safetensors").read_bytes() for run in (tmp_path / "whole", path)]
        assert both[0] == both[1]
        lines = [line["lr"] for line in Run(path).events() if "lr" in line]
        assert lines == [line["lr"] for line in Run(tmp_path / "whole").events() if "lr" in line]


def test_a_plateau_needs_images_that_are_held_out(tmp_path: Path) -> None:
    with pytest.raises(HeirloomError, match="needs a split 'val' that is not trained on"):
        train(dataclasses.replace(PLATEAU, split="train+val"), out=tmp_path / "run")


def _colours(images: torch.Tensor) -> Dataset:
    labels = torch.arange(len(images)) % 2
    split = Split(images, labels)
    return Dataset("colours", ("a", "b"), {"train": split, "val": split, "test": split})


@pytest.mark.parametrize("normalise", ["imagenet", "channel_mean", "channels", "mean_image"])
def test_normalisation_by_the_images_trained_on(normalise: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside means and deviations taken at once, in double precision."""
    chance = torch.Generator().manual_seed(3)
    images = (torch.rand(600, 3, 32, 32, generator=chance).square() * 256).to(torch.uint8)
    monkeypatch.setattr(groundwork, "load_data", lambda name, **_: _colours(images))
    recipe = Recipe(
        "resnet20", "cifar10", normalise=normalise, std=0.25, train_limit=550, args="num_classes=2"
    )  # type: ignore[arg-type]
    card = job.Job(recipe, torch.device("cpu")).card
    x = images[:550].double() / 255
    mean, deviation = x.mean((0, 2, 3)), torch.full((3,), 0.25)
    if normalise == "channels":
        deviation = ((x - mean[:, None, None]) ** 2).mean((0, 2, 3)).sqrt()
    if normalise == "imagenet":
        mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    expected = (x - (x.mean(0) if normalise == "mean_image" else mean[:, None, None])) / deviation[
        :, None, None
    ]
    torch.testing.assert_close(card.preprocess(images[:550]).double(), expected, atol=1e-5, rtol=1e-5)


def test_how_images_are_brought_to_size(monkeypatch: pytest.MonkeyPatch) -> None:
    images = torch.zeros(4, 3, 40, 60, dtype=torch.uint8)
    monkeypatch.setattr(groundwork, "load_data", lambda name, **_: _colours(images))
    recipe = Recipe("squeezenet1_1", "cifar10", resize="crop", box=256)
    preprocess = job.Job(recipe, torch.device("cpu")).card.preprocess
    assert (preprocess.resize, preprocess.box, preprocess.size) == ("crop", 256, (3, 227, 227))
    for change, words in (
        ({"box": 200}, "box=200: the input is 227 x 227"),
        ({"box": 10**6}, "box=1000000"),
        ({"resize": "fit"}, "box=256: the input is 227"),
    ):
        with pytest.raises(HeirloomError, match=words):
            job.Job(dataclasses.replace(recipe, **change), torch.device("cpu"))  # type: ignore[arg-type]
