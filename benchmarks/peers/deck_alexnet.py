"""Workload ``alexnet``, the peer's side: a lecture's AlexNet in the loop of PyTorch's ImageNet example.

The network is that of lecture deck 001, "Case study: LeNet-5 and AlexNet", its code in PyTorch: input 227,
normalisation with k = 1. The loop is that of pytorch/examples, imagenet/main.py, on a processor: written anew
from what it does. torchvision has no build beside this torch; where its transforms and its ``FakeData`` do
more for each image (checks, a detour through an image file's classes), this does less, so that the peer is
rather too quick than too slow.
"""

import argparse
import json
import math
import time
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from benchmarks.settings import ALEXNET, photographs

SIDE = 227
MEAN = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
STD = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)


class AlexNet(nn.Module):
    """(B, 3, 227, 227) to scores (B, num_classes)."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.features = nn.Sequential(
            *(nn.Conv2d(3, 96, 11, stride=4), nn.ReLU(inplace=True)),
            *(nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75), nn.MaxPool2d(3, stride=2)),
            *(nn.Conv2d(96, 256, 5, padding=2, groups=2), nn.ReLU(inplace=True)),
            *(nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75), nn.MaxPool2d(3, stride=2)),
            *(nn.Conv2d(256, 384, 3, padding=1), nn.ReLU(inplace=True)),
            *(nn.Conv2d(384, 384, 3, padding=1, groups=2), nn.ReLU(inplace=True)),
            *(nn.Conv2d(384, 256, 3, padding=1, groups=2), nn.ReLU(inplace=True)),
            nn.MaxPool2d(3, stride=2),
        )
        self.classifier = nn.Sequential(
            *(nn.Linear(256 * 6 * 6, 4096), nn.ReLU(inplace=True), nn.Dropout()),
            *(nn.Linear(4096, 4096), nn.ReLU(inplace=True), nn.Dropout()),
            nn.Linear(4096, num_classes),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Scores."""
        scores: Tensor = self.classifier(self.features(x).flatten(1))
        return scores


class Noise(Dataset[tuple[Tensor, int]]):
    """The example's ``--dummy``: images of noise, drawn when they are asked for."""

    def __init__(self, count: int, classes: int) -> None:
        self.count, self.classes = count, classes

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return torch.rand(3, SIDE, SIDE), index % self.classes


class Folder(Dataset[tuple[Tensor, int]]):
    """A folder of a folder for each class: a random part of each photograph, scaled, mirrored, normalised."""

    def __init__(self, root: Path) -> None:
        classes = sorted(path.name for path in root.iterdir() if path.is_dir())
        self.files = [(file, k) for k, name in enumerate(classes) for file in sorted((root / name).iterdir())]

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        path, label = self.files[index]
        with Image.open(path) as file:
            image = file.convert("RGB")
        width, height = image.size
        for _ in range(10):  # 8 to 100 % of the area, sides 3 : 4 to 4 : 3
            area = width * height * float(torch.empty(1).uniform_(0.08, 1.0))
            shape = math.exp(float(torch.empty(1).uniform_(math.log(3 / 4), math.log(4 / 3))))
            w, h = round(math.sqrt(area * shape)), round(math.sqrt(area / shape))
            if 0 < w <= width and 0 < h <= height:
                break
        else:
            w = h = min(width, height)
        left, top = int(torch.randint(width - w + 1, ())), int(torch.randint(height - h + 1, ()))
        image = image.crop((left, top, left + w, top + h)).resize((SIDE, SIDE), Image.Resampling.BILINEAR)
        if torch.rand(()) < 0.5:
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        pixels = torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8).view(SIDE, SIDE, 3)
        return pixels.permute(2, 0, 1).contiguous().float().div(255).sub_(MEAN).div_(STD), label


class Meter:
    """The latest value and the mean of all."""

    def __init__(self) -> None:
        self.value = self.total = self.count = 0.0

    def update(self, value: float, count: int = 1) -> None:
        """Take up a mean over so many."""
        self.value, self.total, self.count = value, self.total + value * count, self.count + count


def accuracy(output: Tensor, target: Tensor, ranks: tuple[int, ...]) -> list[float]:
    """Share of the answers, in per cent, that have the true class among the first so many."""
    with torch.no_grad():
        right = output.topk(max(ranks), 1).indices.t().eq(target.view(1, -1))
        return [100 * float(right[:rank].float().sum()) / len(target) for rank in ranks]


def main() -> None:
    """Print the images a second."""
    parser = argparse.ArgumentParser()
    parser.add_argument("batch", type=int, choices=ALEXNET)
    parser.add_argument("images", choices=("dummy", "folder"))
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--warm-up", type=int)
    parser.add_argument("--updates", type=int)
    asked = parser.parse_args()
    warm_up, updates = asked.warm_up, asked.updates
    if warm_up is None or updates is None:
        warm_up, updates = ALEXNET[asked.batch]

    torch.manual_seed(0)
    found: Dataset[tuple[Tensor, int]]
    wanted = asked.batch * (warm_up + updates)
    found = Noise(wanted, 10) if asked.images == "dummy" else Folder(photographs() / "train")
    loader = DataLoader(
        found,
        asked.batch,
        shuffle=True,
        num_workers=asked.workers,
        drop_last=True,
        persistent_workers=asked.workers
        > 0,  # the example starts them again in each pass, here within the clock
    )
    model = AlexNet(10)
    optimizer = torch.optim.SGD(model.parameters(), 0.01, momentum=0.9, weight_decay=1e-4)
    loss_of = nn.CrossEntropyLoss()
    batch_time, data_time, losses, top1, top5 = (Meter() for _ in range(5))
    model.train()
    number, began, end = 0, 0.0, time.time()
    while number < warm_up + updates:
        for images, target in loader:
            if number == warm_up:
                began = time.perf_counter()
            if number == warm_up + updates:
                break
            data_time.update(time.time() - end)
            output = model(images)
            loss = loss_of(output, target)
            first, fifth = accuracy(output, target, (1, 5))
            losses.update(loss.item(), len(images))
            top1.update(first, len(images))
            top5.update(fifth, len(images))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            batch_time.update(time.time() - end)
            end = time.time()
            if number % 10 == 0:
                words = f"time {batch_time.value:.3f}, data {data_time.value:.3f}, loss {losses.value:.4f}"
                print(f"[{number}] {words}, top1 {top1.value:.2f}, top5 {top5.value:.2f}")
            number += 1
    seconds = time.perf_counter() - began
    print(json.dumps({"images_per_second": updates * asked.batch / seconds}))


if __name__ == "__main__":
    main()
