"""How an evaluation looks at an image: once, in ten views, or as a whole. A metric is named by it.

``center``: the image as training and prediction have it, once. ``10view``: four corners and the centre of
the larger square that ``center`` is cut out of, each with its mirror image; the probabilities are averaged.
``dense``: the network slid over the whole image, nothing cut off; the scores of all places are averaged,
then the probabilities of the image and its mirror image.

What is kept of averaged probabilities is their logarithm: as scores they have these probabilities.

Sources: Krizhevsky, Sutskever, Hinton 2012, section 4.1 (10 views); Simonyan, Zisserman 2014, section 3.2
(dense, at one scale: Q is the box of `Preprocess`).
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from heirloom.data.decoding import working
from heirloom.data.preprocessing import Preprocess
from heirloom.errors import HeirloomError, check_choice
from heirloom.score_maps import dense
from heirloom.tasks import TASKS, Task

BATCH = 256
"""Images per forward pass, at most."""
_NUMBERS = 2**23
"""Numbers in its input, at most: 55 photographs of 224 x 224 in colour."""

Look = Callable[[Tensor], Tensor]
"""What a protocol keeps of uint8 images (B, c, h, w), before they are fitted. Shape (B, ...)."""


@torch.no_grad()
def kept_of(
    task: Task,
    model: nn.Module,
    images: Tensor,
    preprocess: Preprocess,
    device: torch.device | None = None,
) -> Tensor:
    """What the task keeps of each output for fitted uint8 images (N, C, H, W), in evaluation mode.

    The network is on ``device``, by default where the images are. The result is with them. Shape (N, ...).
    """
    model.eval()
    parts = []
    for part in images.split(batch_of(preprocess)):
        x = preprocess.normalised(preprocess.scaled(part.to(device or images.device)))
        parts.append(task.kept(model(x), x, preprocess))
    return torch.cat(parts).to(images.device)


def scores_of(model: nn.Module, images: Tensor, preprocess: Preprocess) -> Tensor:
    """Scores of fitted uint8 images (N, C, H, W), as `kept_of` has them. Shape (N, K)."""
    return kept_of(TASKS["classify"], model, images, preprocess)


def batch_of(preprocess: Preprocess) -> int:
    """Images per forward pass of a network that takes them so."""
    return max(1, min(BATCH, _NUMBERS // math.prod(preprocess.size)))


def looked_at(
    protocol: str, task: Task, model: nn.Module, preprocess: Preprocess, images: Iterable[Tensor]
) -> Tensor:
    """What the task keeps of images that are looked at by a protocol.

    Args:
        protocol: One of `PROTOCOLS`.
        task: What the network has learned.
        model: The network.
        preprocess: How it takes an image.
        images: Batches of uint8 images (B, c, h, w), as they were or as they are stored; of ``dense`` whole.

    Returns:
        (N, ...), one entry for each image.

    Raises:
        HeirloomError: (``E-argument``) There is no such protocol, or it has no meaning for this task,
            network or preprocessing.
    """
    check_choice("protocol", protocol, PROTOCOLS)
    look = PROTOCOLS[protocol](task, model.eval(), preprocess)
    with torch.no_grad():
        return torch.cat([look(batch) for batch in images])


def _center(task: Task, model: nn.Module, preprocess: Preprocess) -> Look:
    return lambda images: kept_of(task, model, preprocess.fit(images), preprocess)


def _ten_views(task: Task, model: nn.Module, preprocess: Preprocess) -> Look:
    _refuse_other_tasks("10view", task)
    channels, height, width = preprocess.size
    box = preprocess.box
    if preprocess.resize == "fit" or box <= max(height, width):
        raise _refused("10view", preprocess, "no larger square is left to cut other views from")
    square = replace(working(preprocess), size=(channels, box, box))
    far, right = box - height, box - width
    middle = round(far / 2), round(right / 2)  # as `Preprocess.fit` rounds
    corners = [(0, 0), (0, right), (far, 0), (far, right), middle]

    def look(images: Tensor) -> Tensor:
        whole, found = square.fit(images), []
        for top, left in corners:
            view = whole[:, :, top : top + height, left : left + width]
            found += [kept_of(task, model, each, preprocess) for each in (view, view.flip(3))]
        return _averaged(found)

    return look


def _dense(task: Task, model: nn.Module, preprocess: Preprocess) -> Look:
    _refuse_other_tasks("dense", task)
    if preprocess.resize == "fit":
        raise _refused("dense", preprocess, "nothing is cut off that the network could be slid over")
    if preprocess.resize == "warp" and preprocess.box <= max(preprocess.size[1:]):
        raise _refused("dense", preprocess, "the warped image has one place for the network")
    if preprocess.mean_image is not None:
        raise _refused("dense", preprocess, "its mean image is of one size")
    slid = dense(model).eval()

    def look(images: Tensor) -> Tensor:
        whole, found = preprocess.whole(images), []
        for each in (whole, whole.flip(3)):
            maps = [slid(preprocess.normalised(preprocess.scaled(part))) for part in each.split(1)]
            found.append(torch.cat([map_.mean((2, 3)) for map_ in maps]))
        return _averaged(found)

    return look


PROTOCOLS: dict[str, Callable[[Task, nn.Module, Preprocess], Look]] = {
    "center": _center,
    "10view": _ten_views,
    "dense": _dense,
}
"""By name. Each refuses, with `HeirloomError` (``E-argument``), what it has no meaning for."""


def _averaged(scores: list[Tensor]) -> Tensor:
    """Logarithms of the mean probabilities of several views (B, K). Shape (B, K)."""
    logs = torch.stack([F.log_softmax(each.double(), dim=1) for each in scores])
    return logs.logsumexp(0).sub(math.log(len(scores))).float()


def _refuse_other_tasks(protocol: str, task: Task) -> None:
    if task is not TASKS["classify"]:
        raise HeirloomError(
            "E-argument",
            f"protocol {protocol} needs a network with classes",
            why="only probabilities of several views can be averaged",
            remedy="--protocol center",
        )


def _refused(protocol: str, preprocess: Preprocess, why: str) -> HeirloomError:
    c, h, w = preprocess.size
    how = f"{preprocess.resize} to {preprocess.box or max(h, w)}, input {c} x {h} x {w}"
    return HeirloomError(
        "E-argument",
        f"no protocol {protocol} for this network",
        where=how,
        why=why,
        remedy="--protocol center",
    )
