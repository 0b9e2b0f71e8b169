"""What PyTorch's official MNIST example does on a processor, written anew.

Source: mnist/main.py of github.com/pytorch/examples: its network, optimiser, rates, batches and transforms.
On a processor it neither shuffles nor has workers: it sets both for an accelerator only. Its 14 epochs are
an argument here; after each it tests, as there.
Departs: torchvision's part is `benchmarks.peers.vision`; the time stands behind each accuracy.
"""
# ruff: noqa: E402 - the clock starts before torch is loaded

import time

STARTED = time.perf_counter()

import argparse

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim.lr_scheduler import StepLR
from torch.utils.data import DataLoader

from benchmarks.peers.vision import MNIST, ready

BATCH, TEST_BATCH, LINE_EVERY = 64, 1000, 10

Batches = DataLoader[tuple[Tensor, int]]


class Net(nn.Module):
    """Two convolutions, two linear layers: 1,199,882 parameters. (B, 1, 28, 28) to log probabilities."""

    def __init__(self) -> None:
        super().__init__()
        self.maps = nn.Sequential(nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU())
        self.pooled = nn.Sequential(nn.MaxPool2d(2), nn.Dropout(0.25), nn.Flatten())
        self.classes = nn.Sequential(nn.Linear(9216, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 10))

    def forward(self, x: Tensor) -> Tensor:
        """Logarithms of the probabilities, (B, 10)."""
        return F.log_softmax(self.classes(self.pooled(self.maps(x))), dim=1)


def train(model: nn.Module, batches: Batches, optimizer: torch.optim.Optimizer, epoch: int) -> None:
    """One pass over the training images, with a line for every tenth batch."""
    model.train()
    for number, (images, labels) in enumerate(batches):
        optimizer.zero_grad()
        loss = F.nll_loss(model(images), labels)
        loss.backward()
        optimizer.step()
        if number % LINE_EVERY == 0:
            print(f"epoch {epoch}, batch {number} of {len(batches)}: loss {loss.item():.6f}")


def test(model: nn.Module, batches: Batches) -> tuple[float, int, int]:
    """Mean loss, right answers and images."""
    model.eval()
    total, correct, count = 0.0, 0, 0
    with torch.no_grad():
        for images, labels in batches:
            output = model(images)
            total += F.nll_loss(output, labels, reduction="sum").item()
            correct += int((output.argmax(1) == labels).sum())
            count += len(labels)
    return total / count, correct, count


def main() -> None:
    """Train, and print the accuracy on the test images after every epoch."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--epochs", type=int, default=14)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--limit", type=int, default=0, help="training images, for a smoke test")
    asked = parser.parse_args()

    torch.manual_seed(asked.seed)
    transform = ready(0.1307, 0.3081)
    training = DataLoader(MNIST("train", transform, asked.limit), batch_size=BATCH)
    testing = DataLoader(MNIST("t10k", transform), batch_size=TEST_BATCH)
    model = Net()
    optimizer = torch.optim.Adadelta(model.parameters(), lr=1.0)
    scheduler = StepLR(optimizer, step_size=1, gamma=0.7)
    for epoch in range(1, asked.epochs + 1):
        train(model, training, optimizer, epoch)
        loss, correct, count = test(model, testing)
        share = f"{100 * correct / count:.2f} % ({correct}/{count})"
        seconds = time.perf_counter() - STARTED
        print(f"epoch {epoch}: accuracy {share}, loss {loss:.4f}, {seconds:.1f} s", flush=True)
        scheduler.step()


if __name__ == "__main__":
    main()
