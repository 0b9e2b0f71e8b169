"""Workload ``step``, the peers' side: three usual ways to write a training loop in PyTorch."""

import argparse
import json
import time
from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader

from benchmarks.peers.plain_lenet5 import LeNet5, map_loss, relu_max
from benchmarks.peers.vision import MNIST, ready
from benchmarks.settings import LEARNING, UPDATES, VARIANTS, WARM_UP, Learning

Batches = Iterator[tuple[Tensor, Tensor]]


def network(name: str) -> tuple[nn.Module, Callable[[Tensor, Tensor], Tensor]]:
    """A network and its loss. What the ten codes are makes no difference to the time."""
    torch.manual_seed(0)
    if name == "lenet5":
        return LeNet5(torch.randint(2, (10, 84)) * 2.0 - 1), map_loss
    return relu_max(), F.cross_entropy


def from_loader(learning: Learning, workers: int) -> Batches:
    """Each image is made ready when its turn comes."""
    images = MNIST("train", ready(learning.mean, learning.std, border=2))
    return iter(DataLoader(images, batch_size=learning.batch_size, shuffle=True, num_workers=workers))


def from_memory(learning: Learning) -> Batches:
    """All images are made ready once, and batches drawn from them."""
    found = MNIST("train", ready(learning.mean, learning.std))
    grey = torch.tensor(found.images).unsqueeze(1).float().div(255)
    images = (F.pad(grey, (2, 2, 2, 2)) - learning.mean) / learning.std
    labels = torch.tensor(found.labels).long()
    for index in torch.randperm(len(images)).split(learning.batch_size):
        yield images[index], labels[index]


def main() -> None:
    """Print the images a second of one network in one loop."""
    parser = argparse.ArgumentParser()
    parser.add_argument("network", choices=LEARNING)
    parser.add_argument("loop", choices=VARIANTS)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--warm-up", type=int, default=WARM_UP)
    parser.add_argument("--updates", type=int, default=UPDATES)
    asked = parser.parse_args()

    torch.set_num_threads(asked.threads or torch.get_num_threads())
    learning = LEARNING[asked.network]
    model, loss_of = network(asked.network)
    model.train()
    forward = torch.compile(model) if asked.loop == "compiled" else model
    optimizer = torch.optim.AdamW(model.parameters(), lr=learning.lr, weight_decay=0.0, fused=True)
    batches = from_loader(learning, asked.workers) if asked.loop == "loader" else from_memory(learning)
    for number, (images, labels) in enumerate(batches):
        if number == asked.warm_up:
            began = time.perf_counter()
        if number == asked.warm_up + asked.updates:
            seconds = time.perf_counter() - began
            break
        optimizer.zero_grad()
        loss_of(forward(images), labels).backward()
        optimizer.step()
    print(json.dumps({"images_per_second": asked.updates * learning.batch_size / seconds}))


if __name__ == "__main__":
    main()
