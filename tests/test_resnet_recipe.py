"""The published recipe of ResNet-20 beside a plain loop that was written from the paper."""

import dataclasses

import plain_resnet20
import pytest
import torch

from heirloom import groundwork
from heirloom.data import Dataset, Split
from heirloom.data.cifar import CLASSES
from heirloom.recipes import find_recipe

PUBLISHED = find_recipe("resnet20_cifar10")[1]


def splits(count: int) -> Split:
    """Smooth noise with a little of its class in it: three passes can learn it, and no two images agree."""
    chance = torch.Generator().manual_seed(0)
    labels = torch.randint(0, 10, (count,), generator=chance)
    colours = torch.rand(10, 3, 1, 1, generator=chance)
    noise = torch.rand(count, 3, 8, 8, generator=chance)
    noise = torch.nn.functional.interpolate(noise, (32, 32), mode="bilinear")
    return Split((colours[labels] + 2 * noise).mul(85).to(torch.uint8), labels)


@pytest.mark.usefixtures("one_thread")
def test_its_updates_equal_a_plain_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three passes of 13 updates with 4 images; accept/plain_resnet20.py has 200 with 128 real ones."""
    train, val = splits(40), splits(10)
    dataset = Dataset("cifar10", CLASSES["cifar10"], {"train": train, "val": val, "test": val})
    monkeypatch.setattr(groundwork, "load_data", lambda name, **_: dataset)
    recipe = dataclasses.replace(PUBLISHED, batch_size=4)
    both = dataset.split("train+val")
    loss, number = plain_resnet20.apart(recipe, both, 39)
    assert loss < plain_resnet20.BOUND
    assert number < plain_resnet20.BOUND
    other = dataclasses.replace(recipe, weight_decay=2e-4)
    assert plain_resnet20.apart(other, both, 5)[1] > plain_resnet20.BOUND  # it is no empty comparison
