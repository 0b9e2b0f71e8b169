"""How the networks of CIFAR saw their images: a little of the edge is lost, and another image comes in."""

from dataclasses import dataclass
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from heirloom.data.augmentation.chance import mirrored, whole
from heirloom.data.augmentation.policy import Augmentation, Chosen, read
from heirloom.data.preprocessing import Preprocess


@dataclass(frozen=True)
class Padded(Augmentation):
    """Pad each side by 4 pixels of 32 (in proportion), cut the old size out at any pixel; mirror one in two.

    Attributes:
        edge: ``constant``: zeros. ``reflect``: the image again, mirrored at its last row.

    Source: He, Zhang, Ren, Sun 2015, section 4.2, after Lee et al. 2014. Zeros are put round images that are
    normalised already, as the program of Facebook's that followed it does (fb.resnet.torch, cifar10.lua):
    so they have the value of the mean, not of black. ``reflect``: the program of Zagoruyko and Komodakis
    2016.
    Departs: that last one draws the place once for a batch, and mirrors just half of it; here each image has
    its own.
    """

    edge: Literal["constant", "reflect"] = "constant"

    def __call__(self, chosen: Chosen, preprocess: Preprocess) -> Tensor:
        """See `Augmentation`."""
        images = read(chosen.images, chosen.places, preprocess, chosen.device)
        down, right, flipped = self.drawn(chosen, preprocess)
        h, w = images.shape[2:]
        padded = F.pad(images, [pad(w)] * 2 + [pad(h)] * 2, self.edge)
        rows = down[:, None] + torch.arange(h)
        columns = right[:, None] + torch.where(flipped[:, None], torch.arange(w).flip(0), torch.arange(w))
        rows, columns = rows.to(chosen.device), columns.to(chosen.device)
        every = torch.arange(len(images), device=chosen.device)[:, None, None, None]
        channel = torch.arange(images.shape[1], device=chosen.device)[:, None, None]
        return padded[every, channel, rows[:, None, :, None], columns[:, None, None, :]]

    def told(self, chosen: Chosen, preprocess: Preprocess) -> list[dict[str, Any]]:
        """See `Augmentation`. A box goes beyond the image where it holds some of what was put round it."""
        _, h, w = preprocess.size
        down, right, flipped = self.drawn(chosen, preprocess)
        tops, lefts = ((down - pad(h)) / h).tolist(), ((right - pad(w)) / w).tolist()
        return [
            {"box": [top, left, 1.0, 1.0], "mirrored": each}
            for top, left, each in zip(tops, lefts, flipped.tolist(), strict=True)
        ]

    @staticmethod
    def drawn(chosen: Chosen, preprocess: Preprocess) -> tuple[Tensor, Tensor, Tensor]:
        """Row and column of the padded image at which each one begins, and whether it is mirrored."""
        _, h, w = preprocess.size
        at = (chosen.seed, chosen.epoch, chosen.numbers)
        places = torch.from_numpy(whole(*at, (2 * pad(h), 2 * pad(w)))).long()
        return places[:, 0], places[:, 1], torch.from_numpy(mirrored(*at))


def pad(side: int) -> int:
    """Pixels on each end of a side: 4 of 32."""
    return max(1, round(side / 8))
