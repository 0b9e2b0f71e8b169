"""The published recipe of ResNet-20 beside a plain loop, update by update.

The loop is plain PyTorch and NumPy, written from the paper: its network, its optimiser, its crops. Of ours it
has the initial weights and the numbers that chance has drawn, nothing else. Its numbers lie in memory as
ours do (channels last), and `avg_pool2d` takes its means, so that sums are taken in one order: at a rate of
0.1 two trainings that differ by a rounding (1e-7) are 0.01 apart after ten updates.

``python accept/plain_resnet20.py`` takes CIFAR-10 from a data root and 200 updates. Exit status 1: losses or
weights differ by more than 1e-5.
"""

import argparse
import sys
from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from heirloom.data import Split, load_data
from heirloom.data.augmentation.chance import mirrored, whole
from heirloom.data.sampling import permutation
from heirloom.job import Job
from heirloom.recipes import Recipe, find_recipe

BOUND = 1e-5
"""Losses and weights may differ by so much."""


class Net(nn.Module):
    """He et al. 2015, section 4.2, n = 3: a convolution, three times three blocks, and a classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.first_norm = _conv(3, 16, 1), nn.BatchNorm2d(16)
        sizes = [(16, 16, 1)] * 3 + [(16, 32, 2)] + [(32, 32, 1)] * 2 + [(32, 64, 2)] + [(64, 64, 1)] * 2
        self.blocks = nn.ModuleList(
            nn.ModuleList([_conv(a, b, s), nn.BatchNorm2d(b), _conv(b, b, 1), nn.BatchNorm2d(b)])
            for a, b, s in sizes
        )
        self.last = nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Shape: input (B, 3, 32, 32); output (B, 10)."""
        x = F.relu(self.first_norm(self.first(x)))
        for block in self.blocks:
            one, one_norm, two, two_norm = block  # type: ignore[misc]
            y = two_norm(two(F.relu(one_norm(one(x)))))
            if y.shape != x.shape:  # option A: every other pixel, and zeros for the new maps
                x = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 0, y.shape[1] - x.shape[1]))
            x = F.relu(x + y)
        return self.last(F.avg_pool2d(x, 8).flatten(1))  # type: ignore[no-any-return]


def _conv(maps: int, out: int, stride: int) -> nn.Conv2d:
    return nn.Conv2d(maps, out, 3, stride, padding=1, bias=False)


def rate(step: int, first: float = 0.1) -> float:
    """The paper's: 0.1, divided by ten after 32,000 and 48,000 updates."""
    return first if step < 32_000 else first / 10 if step < 48_000 else first / 100


def plain(
    images: NDArray[np.uint8],
    labels: NDArray[np.int64],
    start: list[Tensor],
    steps: int,
    batch: int = 128,
    lr: float = 0.1,
    seed: int = 0,
) -> tuple[list[float], list[Tensor]]:
    """The losses of a training, and its last state, from a first one (as ``state_dict`` orders it)."""
    net = Net().to(memory_format=torch.channels_last)
    with torch.no_grad():
        for own, value in zip(net.state_dict().values(), start, strict=True):
            own.copy_(value)
    optimizer = torch.optim.SGD(net.parameters(), lr=lr, momentum=0.9, weight_decay=1e-4)
    grey = np.float32(255)
    mean = (images.mean(0, dtype=np.float64) / 255).astype(np.float32)
    losses: list[float] = []
    for step, (numbers, epoch) in zip(range(steps), _batches(len(images), batch, seed), strict=False):
        for group in optimizer.param_groups:
            group["lr"] = rate(step, lr)
        x = np.stack(
            [
                _cropped(images[number] / grey - mean, *(int(place) for place in places), bool(flip))
                for number, places, flip in zip(
                    numbers,
                    whole(seed, epoch, numbers, (8, 8)),
                    mirrored(seed, epoch, numbers),
                    strict=True,
                )
            ]
        )
        batch_images = torch.from_numpy(x).contiguous(memory_format=torch.channels_last)
        loss = F.cross_entropy(net(batch_images), torch.from_numpy(labels[numbers]))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(loss.item())
    return losses, list(net.state_dict().values())


def _batches(count: int, batch: int, seed: int) -> Iterator[tuple[NDArray[np.int64], int]]:
    epoch = 0
    while True:
        order = permutation(seed, epoch, count)
        for begin in range(0, count, batch):
            yield order[begin : begin + batch], epoch
        epoch += 1


def _cropped(image: NDArray[np.float32], top: int, left: int, flip: bool) -> NDArray[np.float32]:
    """32 x 32 pixels of an image that has 4 zeros on each side."""
    padded = np.zeros((3, 40, 40), np.float32)
    padded[:, 4:36, 4:36] = image
    crop = padded[:, top : top + 32, left : left + 32]
    return crop[:, :, ::-1] if flip else crop


def ours(recipe: Recipe, steps: int) -> tuple[list[Tensor], list[float], list[Tensor]]:
    """The first state of a recipe's training, its losses, and its last state."""
    job = Job(recipe, torch.device("cpu"))
    first = [value.clone() for value in job.model.state_dict().values()]
    job.model.train()
    losses = [job.update(step).loss for step in range(steps)]
    return first, losses, list(job.model.state_dict().values())


def apart(recipe: Recipe, split: Split, steps: int) -> tuple[float, float]:
    """The largest differences of losses, and of numbers of the last state, from what the plain loop has."""
    first, losses, last = ours(recipe, steps)
    images, labels = split.images.numpy(), split.labels.numpy()
    plain_losses, plain_last = plain(images, labels, first, steps, recipe.batch_size, recipe.lr, recipe.seed)
    far = max(abs(a - b) for a, b in zip(losses, plain_losses, strict=True))
    return far, max(float((a - b).abs().max()) for a, b in zip(last, plain_last, strict=True))


def main() -> int:
    """Compare on CIFAR-10; the exit status."""
    parser = argparse.ArgumentParser(description="ResNet-20's recipe beside a plain loop.")
    parser.add_argument("--steps", type=int, default=200, help="updates")
    steps = parser.parse_args().steps
    recipe = find_recipe("resnet20_cifar10")[1]
    loss, weight = apart(recipe, load_data("cifar10").split(recipe.split), steps)
    print(f"{steps} updates with {recipe.batch_size} images: losses differ by at most {loss:.2g}, "
          f"numbers of the network by {weight:.2g}")  # fmt: skip
    return int(max(loss, weight) > BOUND)


if __name__ == "__main__":
    sys.exit(main())
