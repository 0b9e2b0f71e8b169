"""From stored pixels to what a network reads. It travels with the weights."""

import json
import math
import operator
from dataclasses import dataclass, field, fields, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from heirloom.errors import HeirloomError, nearest
from heirloom.kernels.pixels import interpolated

MOST_NUMBERS = 100_000_000
"""Numbers in one input, at most: a file that asks for more is damaged, or means harm."""

LARGEST_BOX = 16_384
"""Longest side in pixels that an image is scaled to before it is cropped, for the same reason."""

_AT_ONCE = 64
"""Images whose colours become grey at once: they may be many, and numbers for it are eight times as long."""

RESIZE = ("fit", "crop", "warp")
ORDER = ("RGB", "BGR")


@dataclass(frozen=True)
class Preprocess:
    """Fit an image into the network's input, then normalise its grey values.

    Attributes:
        size: (C, H, W) that the network takes.
        box: Side in pixels that ``resize`` speaks of; 0 means the whole input.
        mean: Per channel of the network's input, on the scale of 0 black to ``scale`` white.
        std: Per channel, on the same scale.
        resize: ``fit``: into a square of side ``box``, proportions kept, centred on black. ``crop``: the
            shorter side becomes ``box``, proportions kept, then the middle is cut out. ``warp``: both sides
            become ``box``, whatever the proportions, then the middle is cut out.
        order: Order of the channels that the network reads, ``RGB`` or ``BGR``. Images are stored as RGB.
        scale: What white becomes before the mean is subtracted: 1, 255, 255/256.
        mean_image: Subtracted instead of ``mean``: (C, H, W) on the same scale, channels in ``order``. It is
            a tensor beside the weights, and no part of `as_dict`; comparing two objects leaves it out.
    """

    size: tuple[int, int, int]
    box: int = 0
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    resize: str = "fit"
    order: str = "RGB"
    scale: float = 1.0
    mean_image: Tensor | None = field(default=None, compare=False, repr=False)

    def fit(self, images: Tensor) -> Tensor:
        """Bring uint8 images (B, c, h, w) to uint8 (B, C, H, W), channels still as stored."""
        channels, height, width = self.size
        images = with_channels(images, channels)
        if self.resize != "fit":
            # In two steps: of photographs the middle square is stored, and nothing may depend on that.
            box = self.box or max(height, width)
            return _cropped(_cropped(self.whole(images), box, box), height, width)
        room_h, room_w = (self.box, self.box) if self.box else (height, width)
        h, w = images.shape[2:]
        ratio = min(room_h / h, room_w / w)
        new = (max(1, round(h * ratio)), max(1, round(w * ratio)))
        images = _resized(images, new)
        if new == (height, width):
            return images  # as they are, which may be a file that is mapped into memory
        top, left = (height - new[0]) // 2, (width - new[1]) // 2
        return F.pad(images, (left, width - new[1] - left, top, height - new[0] - top))

    def whole(self, images: Tensor) -> Tensor:
        """Scale uint8 images (B, c, h, w) as `fit` does before it cuts out the middle, where it does.

        Shape (B, C, H', W'): of the shorter side ``box``, or ``box`` x ``box`` where images are warped.
        """
        images = self._without_ends(with_channels(images, self.size[0]))
        return _resized(images, self._before_crop(images))

    def _without_ends(self, images: Tensor) -> Tensor:
        """Cut the far ends off a strip: one a pixel high would be scaled to more than the memory holds."""
        h, w = images.shape[2:]
        most = LARGEST_BOX * min(h, w) // (self.box or max(self.size[1:]))
        return images if self.resize == "warp" else _cropped(images, min(h, most), min(w, most))

    def _before_crop(self, images: Tensor) -> tuple[int, int]:
        """(h, w) that an image is scaled to before its middle is cut out."""
        h, w = images.shape[2:]
        box = self.box or max(self.size[1:])
        if self.resize == "warp":
            return box, box
        # The longer side is cut off, not rounded, as torchvision does.
        return (box, int(box * w / h)) if h <= w else (int(box * h / w), box)

    def scaled(self, images: Tensor) -> Tensor:
        """uint8 0 to 255 to float 0 to 1."""
        return images.float().div(255)

    def normalised(self, images: Tensor) -> Tensor:
        """Float 0 to 1 to what the network reads: in its order and scale, less the mean, by the deviation."""
        if self.order == "BGR":
            images = images.flip(-3)
        if self.scale != 1:
            images = images * self.scale
        std = self._per_channel(self.std, images)
        if self.mean_image is not None:
            return (images - self.mean_image.to(images.device)) / std
        return (images - self._per_channel(self.mean, images)) / std

    def restored(self, images: Tensor) -> Tensor:
        """What the network reads back to float 0 to 1: undoes `normalised`."""
        if self.mean_image is not None:
            images = images * self._per_channel(self.std, images) + self.mean_image.to(images.device)
        elif any(self.mean) or set(self.std) != {1.0}:
            images = images * self._per_channel(self.std, images) + self._per_channel(self.mean, images)
        if self.scale != 1:
            images = images / self.scale
        return images.flip(-3) if self.order == "BGR" else images

    @staticmethod
    def _per_channel(values: tuple[float, ...], like: Tensor) -> Tensor:
        return torch.tensor(values, device=like.device).view(-1, 1, 1)

    def levels(self, shift: Tensor | None = None) -> Tensor | None:
        """What each grey value becomes in each channel, (C, 256); None where its place or others matter.

        Args:
            shift: (B, C), what is added to the values from 0 to 1 of each of several images; the result is
                (B, C, 256).
        """
        if self.mean_image is not None or self.order == "BGR":
            return None
        grey = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16).expand(1, self.size[0], 16, 16)
        values = self.scaled(grey)
        if shift is None:
            return self.normalised(values).view(-1, 256)
        return self.normalised(values + shift[:, :, None, None]).flatten(2)

    def __call__(self, images: Tensor) -> Tensor:
        """uint8 images of any size (B, c, h, w) to the network's input (B, C, H, W)."""
        return self.normalised(self.scaled(self.fit(images)))

    def __str__(self) -> str:
        """For people: ``BGR, white is 255, less 104 117 123, by 1 1 1, warp to 256``."""
        how = f"{self.resize} to {self.box or ' x '.join(map(str, self.size[1:]))}"
        less = "a mean image" if self.mean_image is not None else " ".join(f"{m:g}" for m in self.mean)
        order = [self.order] if self.size[0] == 3 else []
        by = " ".join(f"{s:g}" for s in self.std)
        return ", ".join([*order, f"white is {self.scale:g}", f"less {less}", f"by {by}", how])

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON. What is not needed to say all is left out, as files of format 1 have it."""
        found: dict[str, Any] = {}
        for each in fields(self):
            value = getattr(self, each.name)
            if each.name == "mean_image" or (each.name in _LATER and value == each.default):
                continue
            found[each.name] = list(value) if isinstance(value, tuple) else value
        if self.mean_image is not None:
            found["mean_image"] = True
        return found

    @property
    def format(self) -> int:
        """The format of weights file that can say this: 1, or 2 with more than a box, mean and deviation."""
        return 1 if self.as_dict().keys() == {"size", "box", "mean", "std"} else 2

    @classmethod
    def from_dict(cls, values: dict[str, Any], mean_image: Tensor | None = None) -> "Preprocess":
        """Undo `as_dict`. Raises KeyError, TypeError or ValueError for anything else."""
        c, h, w = map(operator.index, values["size"])
        box = operator.index(values["box"])
        resize, order = values.get("resize", "fit"), values.get("order", "RGB")
        scale = float(values.get("scale", 1.0))
        if resize not in RESIZE or order not in ORDER or (order == "BGR" and c != 3):
            raise ValueError("resize, order")
        if min(c, h, w) < 1 or c * h * w > MOST_NUMBERS:
            raise ValueError("size")
        if box and not (1 <= box <= min(h, w) if resize == "fit" else max(h, w) <= box <= LARGEST_BOX):
            raise ValueError("box")
        mean, std = tuple(map(float, values["mean"])), tuple(map(float, values["std"]))
        finite = all(map(math.isfinite, (*mean, *std, scale)))
        if not len(mean) == len(std) == c or not finite or min(*std, scale) <= 0:
            raise ValueError("mean, std, scale")
        if bool(values.get("mean_image", False)) != (mean_image is not None):
            raise ValueError("mean_image")
        if mean_image is not None and (
            tuple(mean_image.shape) != (c, h, w)
            or mean_image.dtype != torch.float32
            or any(mean)
            or not bool(torch.isfinite(mean_image).all())
        ):
            raise ValueError("mean_image")
        return cls((c, h, w), box, mean, std, resize, order, scale, mean_image)


_LATER = ("resize", "order", "scale")
"""Attributes that files of format 1 do not have."""

KNOWN: dict[str, dict[str, Any]] = {
    "imagenet": {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225), "resize": "crop"},
    "imagenet-232": {
        "mean": (0.485, 0.456, 0.406),
        "std": (0.229, 0.224, 0.225),
        "resize": "crop",
        "box": 232,
    },
    "inception": {"mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5), "resize": "crop"},
    "caffe": {"mean": (104.0, 117.0, 123.0), "order": "BGR", "scale": 255.0, "resize": "warp"},
    "vgg-caffe": {"mean": (103.939, 116.779, 123.68), "order": "BGR", "scale": 255.0, "resize": "crop"},
    "cifar": {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)},
    "lenet-caffe": {"scale": 255 / 256},
    "none": {},
}
"""What published weights were trained with.

``imagenet``: torchvision's; the mean and deviation of ImageNet's pixels from 0 to 1. ``imagenet-232``: the
same for those of its weights that were trained by its newer recipe (IMAGENET1K_V2). ``inception``: what
torchvision's GoogLeNet undoes that to. ``caffe``: BGR from 0 to 255 less the means of BVLC's mean image,
rounded as in its GoogLeNet and SqueezeNet; its images were warped to 256 x 256. ``vgg-caffe``: the means of
the VGG authors' own files. ``cifar``: `imagenet` without scaling, as akamaster's CIFAR networks have it.
``lenet-caffe``: x/256. ``none``: 0 to 1.
"""


def stated(given: "str | dict[str, Any] | Preprocess", size: tuple[int, int, int]) -> Preprocess:
    """The preprocessing that a name of `KNOWN`, a JSON object, or its values state, for inputs of ``size``.

    A value that is not stated is that of `Preprocess`; a single mean or deviation is that of each channel.
    Where an image is cropped and no ``box`` is stated, it is scaled to 256 pixels for an input of 224 to 256,
    else to the input's own size.

    Raises:
        HeirloomError: (``E-argument``) There is no such name or value, or it cannot be for such inputs.
    """
    if isinstance(given, Preprocess):
        if given.size != size:
            raise HeirloomError("E-argument", f"preprocess is for {given.size}, the network takes {size}")
        return given
    values, where = given, "preprocess"
    if isinstance(given, str):
        where = f"preprocess {given}"
        if given.lstrip().startswith("{"):
            try:
                values = json.loads(given)
            except (ValueError, RecursionError) as error:
                raise HeirloomError("E-argument", "preprocess is not JSON", why=str(error)) from error
        elif given in KNOWN:
            values = KNOWN[given]
        else:
            raise HeirloomError(
                "E-argument",
                f"unknown preprocess {given!r}",
                why=nearest(given, KNOWN),
                remedy='or give a JSON object: {"mean": [0.5], "std": [0.5]}',
            )
    assert isinstance(values, dict)
    words = {"box", "mean", "std", *_LATER}
    for key in values:
        if key not in words:
            raise HeirloomError("E-argument", f"preprocess has no {key!r}", why=nearest(key, words))
    channels = size[0]
    full: dict[str, Any] = {"mean": (0.0,), "std": (1.0,), **values, "size": size}
    for key in ("mean", "std"):
        number = isinstance(full[key], int | float)
        each = [full[key]] if number else full[key]
        full[key] = list(each) * channels if isinstance(each, list | tuple) and len(each) == 1 else each
    crops = full.get("resize", "fit") != "fit"
    full.setdefault("box", 256 if crops and 224 <= max(size[1:]) <= 256 else 0)
    try:
        return Preprocess.from_dict(full)
    except (KeyError, TypeError, ValueError) as error:
        raise HeirloomError(
            "E-argument", f"{where} cannot be for inputs {size}", why=f"wrong: {error}"
        ) from error


def with_mean_image(preprocess: Preprocess, image: Tensor, where: str) -> Preprocess:
    """The preprocessing that subtracts ``image`` (C, h, w) instead of a mean per channel.

    A mean image that is larger than the input is cut as the images are: out of its middle.

    Raises:
        HeirloomError: (``E-argument``) It has other channels, is too small, or is not finite.
    """
    c, h, w = preprocess.size
    large = image.ndim == 3 and image.shape[0] == c and image.shape[1] >= h and image.shape[2] >= w
    if not large or not bool(torch.isfinite(image).all()):
        raise HeirloomError(
            "E-argument",
            "the mean image does not fit",
            where=where,
            why=f"it has the size {tuple(image.shape)}, the network takes {preprocess.size}"
            if not large
            else "a value is not finite",
        )
    cut = _cropped(image.float().unsqueeze(0), h, w)[0].contiguous()
    return replace(preprocess, mean=(0.0,) * c, mean_image=cut)


def _resized(images: Tensor, new: tuple[int, int]) -> Tensor:
    if new == tuple(images.shape[2:]):
        return images
    smaller = 1 < new[0] <= images.shape[2] and 1 < new[1] <= images.shape[3]
    if images.shape[1] == 3 and smaller and images.is_cpu:  # of one pixel's height PyTorch 2.13 fails
        # Photographs, in whole numbers: four times as quick, and at most one grey level apart.
        if (quick := interpolated(images, new)) is not None:
            return quick
        return F.interpolate(images, new, mode="bilinear", align_corners=False, antialias=True)
    resized = F.interpolate(images.float(), new, mode="bilinear", align_corners=False, antialias=True)
    return resized.round().clamp(0, 255).to(torch.uint8)


def _cropped(images: Tensor, height: int, width: int) -> Tensor:
    """The middle (B, C, height, width) of images that are at least as large."""
    top, left = (
        round((have - want) / 2) for have, want in zip(images.shape[2:], (height, width), strict=True)
    )
    return images[:, :, top : top + height, left : left + width]


def with_channels(images: Tensor, channels: int) -> Tensor:
    """Grey to colour by repetition, colour to grey by the weights of ITU-R BT.601."""
    have = images.shape[1]
    if have == channels:
        return images
    if have == 1:
        return images.expand(-1, channels, -1, -1)
    if have == 3 and channels == 1:
        weights = torch.tensor([299, 587, 114], device=images.device).view(1, 3, 1, 1)
        grey = torch.empty_like(images[:, :1], memory_format=torch.contiguous_format)
        for part, to in zip(images.split(_AT_ONCE), grey.split(_AT_ONCE), strict=True):
            to.copy_(((part.int() * weights).sum(1, keepdim=True) + 500).div(1000, rounding_mode="floor"))
        return grey
    raise ValueError(f"no rule brings {have} channels to {channels}")
