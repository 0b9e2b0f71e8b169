"""Published augmentation: each policy beside a plain loop, its statistics, and what it depends on."""

import typing
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance
from scipy.ndimage import gaussian_filter
from scipy.stats import chisquare, kstest

from heirloom.data.augmentation import AUGMENTATIONS, Chosen
from heirloom.data.augmentation.chance import PLACE, TRIES
from heirloom.data.augmentation.colour import (
    COMPONENTS,
    DEVIATIONS,
    colour_noise,
    enhancements,
    photometric,
)
from heirloom.data.augmentation.cropping import HOW, Boxes, cut
from heirloom.data.augmentation.padding import Padded
from heirloom.data.augmentation.photographs import Photographs, of_area, rescaled, scaled_to
from heirloom.data.preprocessing import Preprocess
from heirloom.data.sampling import uniform
from heirloom.errors import HeirloomError
from heirloom.kernels.native import NATIVE, active, find
from heirloom.recipes import Recipe
from heirloom.training import train

CPU = torch.device("cpu")
PHOTOGRAPHS = [name for name, each in AUGMENTATIONS.items() if isinstance(each, Photographs)]
NORMAL = Preprocess((3, 224, 224), 0, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def photos(count: int, height: int, width: int, channels: int = 3) -> torch.Tensor:
    """Smooth colours with some grain, uint8."""
    noise = np.random.default_rng(0).random((count, channels, height, width))
    smooth = gaussian_filter(noise, (0, 0, 6, 6), mode="wrap")
    smooth = (smooth - smooth.min()) / (smooth.max() - smooth.min())
    return torch.from_numpy(np.rint(235 * smooth + 20 * noise).astype(np.uint8))


def chosen(images: torch.Tensor, index: list[int], epoch: int = 0, seed: int = 5) -> Chosen:
    return Chosen(images, torch.tensor(index), seed, epoch, CPU)


def batch(name: str, given: Chosen, preprocess: Preprocess) -> torch.Tensor:
    return AUGMENTATIONS[name](given, preprocess)


def test_the_recipe_knows_every_one() -> None:
    assert list(AUGMENTATIONS) == list(typing.get_args(typing.get_type_hints(Recipe)["augment"]))


# AlexNet


def test_alexnet_cuts_whole_pixels_mirrors_them_and_adds_one_colour() -> None:
    images, index = photos(6, 256, 256), [4, 0, 5, 2, 1, 3]
    given, policy = chosen(images, index), AUGMENTATIONS["alexnet"]
    assert isinstance(policy, Photographs)
    boxes = policy.drawn(given, NORMAL)
    found = NORMAL.restored(policy(given, NORMAL)) * 255
    for row, number in enumerate(index):
        top, left = round(boxes.top[row] * 256), round(boxes.left[row] * 256)
        assert (boxes.top[row] * 256, boxes.left[row] * 256) == (top, left)
        plain = images[number].numpy()[:, top : top + 224, left : left + 224].astype(float)
        if boxes.mirrored[row]:
            plain = np.flip(plain, 2)
        difference = found[row].numpy() - plain
        colour = difference.mean((1, 2))
        np.testing.assert_allclose(difference, np.broadcast_to(colour[:, None, None], plain.shape), atol=1e-3)
        # Undone by the components, colours are the multiples: below six deviations, and not all alike.
        multiples = COMPONENTS.T @ colour / DEVIATIONS
        assert 1e-4 < np.abs(multiples).max() < 0.6
    assert len({tuple(np.round(each, 4)) for each in (boxes.top, boxes.left)}) == 2
    plain_geometry = batch("alexnet_geometry", given, NORMAL)
    restored = NORMAL.restored(plain_geometry) * 255
    np.testing.assert_allclose(restored, restored.round(), atol=1e-3)


def test_alexnets_offsets_are_all_33_by_33_and_half_are_mirrored() -> None:
    count = 60_000
    policy = AUGMENTATIONS["alexnet"]
    assert isinstance(policy, Photographs)
    boxes = policy.boxes(np.full((count, 2), 256.0), 224, 3, 1, np.arange(count))
    offsets = np.rint(np.stack([boxes.top, boxes.left]) * 256).astype(int)
    table = np.zeros((33, 33), int)
    np.add.at(table, tuple(offsets), 1)
    assert chisquare(table.ravel()).pvalue > 1e-3
    assert (boxes.height == 0.875).all()
    assert (boxes.width == 0.875).all()
    assert abs(boxes.mirrored.mean() - 0.5) < 4 * 0.5 / count**0.5
    assert abs(np.corrcoef(offsets[0], boxes.mirrored)[0, 1]) < 0.02


def test_colour_noise_has_the_published_covariance() -> None:
    """0.01 times the covariance of ImageNet's colours, whose eigenvalues others print, too."""
    count = 200_000
    found = colour_noise(1, 2, np.arange(count), 3) * 255
    covariance = COMPONENTS @ np.diag(DEVIATIONS**2) @ COMPONENTS.T
    np.testing.assert_allclose(np.cov(found.T), 0.01 * covariance, atol=0.02 * 0.01 * covariance.max())
    assert np.abs(found.mean(0)).max() < 4 * 12.2 / count**0.5
    for multiple in (np.linalg.inv(COMPONENTS) @ found[:5000].T) / (0.1 * DEVIATIONS[:, None]):
        assert kstest(multiple, "norm").pvalue > 1e-3
    np.testing.assert_allclose(COMPONENTS.T @ COMPONENTS, np.eye(3), atol=2e-5)
    # Facebook's ResNet (2016) prints variances of its own sample of the pixels, from 0 to 1.
    np.testing.assert_allclose(DEVIATIONS**2 / 255**2, (0.0045, 0.0188, 0.2175), rtol=0.35)


def test_grey_images_get_the_grey_of_the_colour() -> None:
    index = np.arange(1000)
    colour, grey = colour_noise(1, 2, index, 3), colour_noise(1, 2, index, 1)
    np.testing.assert_allclose(grey[:, 0], colour @ (0.299, 0.587, 0.114))
    preprocess = Preprocess((1, 224, 224))
    found = batch("alexnet", chosen(photos(3, 256, 256, 1), [0, 1, 2]), preprocess)
    assert found.shape == (3, 1, 224, 224)
    # A grey image in a network of colours is coloured, as the grey ones of ImageNet were.
    tinted = batch("alexnet", chosen(photos(3, 256, 256, 1), [0, 1, 2]), Preprocess((3, 224, 224)))
    assert tinted.shape == (3, 3, 224, 224)
    assert not torch.equal(tinted[:, 0], tinted[:, 1])


def test_the_evaluation_is_of_the_same_square() -> None:
    for name, square in [("alexnet", 256), ("vgg", 384), ("vgg_256", 256), ("vgg_384", 384), ("resnet", 256)]:
        fitted = AUGMENTATIONS[name].evaluated(NORMAL)
        assert (fitted.resize, fitted.box, fitted.mean) == ("crop", square, NORMAL.mean)
        assert AUGMENTATIONS[name].evaluated(fitted) == fitted
    assert AUGMENTATIONS["alexnet"].stored(NORMAL).size == (3, 256, 256)
    assert AUGMENTATIONS["resnet"].stored(NORMAL).size == (3, 480, 480)
    assert AUGMENTATIONS["vgg"].stored(NORMAL).resize == "warp"
    assert AUGMENTATIONS["pad_crop"].evaluated(NORMAL) == NORMAL
    assert [scaled_to(256, side) for side in (224, 227, 32, 299, 1)] == [256, 256, 37, 342, 1]
    with pytest.raises(HeirloomError, match="box=20: this augmentation cuts its images out of a larger"):
        AUGMENTATIONS["alexnet"].evaluated(Preprocess((3, 28, 28), 20))
    with pytest.raises(HeirloomError, match="cuts squares, the input is 28 x 30 pixels"):
        AUGMENTATIONS["alexnet"].evaluated(Preprocess((3, 28, 30)))


# Boxes of any scale


@pytest.mark.parametrize(("height", "width"), [(375, 500), (500, 333), (300, 300)])
def test_scale_jitter_is_resizing_by_pillow_then_slicing(height: int, width: int) -> None:
    """As VGG and ResNet write it: the shorter side becomes S, then 224 x 224 are cut out of the whole."""
    images, index = photos(4, height, width), np.array([3, 1, 0, 2])
    boxes = rescaled(np.full((4, 2), (height, width), float), 224, 1, 2, index, 256, 480)
    found = cut(images, torch.from_numpy(index), boxes, (224, 224)).numpy()
    for row, number in enumerate(index):
        tall, wide = round(224 / boxes.height[row]), round(224 / boxes.width[row])
        assert 256 <= min(tall, wide) <= 480
        assert abs(tall / wide - height / width) < 0.01
        top, left = boxes.top[row] * tall, boxes.left[row] * wide
        assert abs(top - round(top)) < 1e-6
        assert abs(left - round(left)) < 1e-6
        whole = Image.fromarray(images[number].permute(1, 2, 0).numpy())
        whole = np.asarray(whole.resize((wide, tall), Image.Resampling.BILINEAR)).transpose(2, 0, 1)
        plain = whole[:, round(top) : round(top) + 224, round(left) : round(left) + 224].astype(int)
        plain = np.flip(plain, 2) if boxes.mirrored[row] else plain
        difference = np.abs(found[row] - plain)  # Pillow rounds in between, columns or rows first
        assert difference.max() <= 2
        assert difference.mean() < 0.5


def test_a_photograph_stored_as_a_square_is_cut_in_its_own_proportions() -> None:
    """The way by the square of 480 gives nearly what the photograph itself gives."""
    images = torch.from_numpy(gaussian_filter(photos(3, 375, 500).numpy(), (0, 0, 2, 2)))
    squares = AUGMENTATIONS["resnet"].stored(NORMAL).fit(images)
    assert squares.shape == (3, 3, 480, 480)
    direct = chosen(images, [2, 0, 1], 4)
    stored = Chosen(squares, direct.index, 5, 4, CPU, torch.tensor([[375, 500]] * 3))
    ways = [NORMAL.restored(batch("resnet", each, NORMAL)) * 255 for each in (direct, stored)]
    assert (ways[0] - ways[1]).abs().mean() < 0.5
    assert (ways[0] - ways[1]).abs().max() < 6
    blind = NORMAL.restored(batch("resnet", chosen(squares, [2, 0, 1], 4), NORMAL)) * 255
    assert (ways[0] - blind).abs().mean() > 5


def test_scales_and_places_are_uniform() -> None:
    count = 40_000
    boxes = rescaled(np.full((count, 2), (400.0, 600.0)), 224, 9, 0, np.arange(count), 256, 512)
    short = np.rint(224 / boxes.height).astype(int)
    assert chisquare(np.bincount(short - 256, minlength=257)).pvalue > 1e-3
    at_256 = np.rint(boxes.top * short).astype(int)[short == 256]
    assert set(at_256) <= set(range(33))
    fixed = rescaled(np.full((count, 2), (300.0, 300.0)), 224, 9, 0, np.arange(count), 384, 384)
    assert np.unique(fixed.height).tolist() == [224 / 384]
    assert chisquare(np.bincount(np.rint(fixed.left * 384).astype(int), minlength=161)).pvalue > 1e-3


def test_inceptions_boxes_are_those_of_a_plain_loop() -> None:
    shapes = np.array([(375, 500), (500, 375), (100, 900), (224, 224)] * 50, float)
    boxes = of_area(shapes, 224, 7, 3, np.arange(200), 0.08)
    fallen = 0
    for i, (tall, wide) in enumerate(shapes):
        for attempt in range(10):
            area = float(uniform(7, 3, i, TRIES + attempt, 0.08, 1)) * tall * wide
            ratio = float(uniform(7, 3, i, TRIES + 10 + attempt, 0.75, 4 / 3))
            w, h = (area * ratio) ** 0.5, (area / ratio) ** 0.5
            if w <= wide and h <= tall:
                top = float(uniform(7, 3, i, PLACE, 0, 1)) * (tall - h)
                left = float(uniform(7, 3, i, PLACE + 1, 0, 1)) * (wide - w)
                break
        else:
            fallen += 1
            w = h = min(tall, wide)
            top, left = (tall - h) / 2, (wide - w) / 2
        ours = np.array([boxes.top[i], boxes.left[i], boxes.height[i], boxes.width[i]])
        np.testing.assert_allclose(ours * (tall, wide, tall, wide), (top, left, h, w), atol=1e-9)
    assert 0 < fallen < 50  # of the strips 100 x 900 some


def test_inceptions_areas_are_even_where_every_try_fits() -> None:
    """Up to half of a square image there is always room."""
    count = 40_000
    boxes = of_area(np.full((count, 2), 300.0), 224, 2, 0, np.arange(count), 0.08)
    area, ratio = boxes.height * boxes.width, boxes.width / boxes.height
    assert 0.08 <= area.min() < 0.081
    assert area.max() <= 1
    assert 0.75 <= ratio.min() < ratio.max() <= 4 / 3
    small = area[area < 0.5]
    assert kstest(small, "uniform", (0.08, 0.42)).pvalue > 1e-3
    assert kstest(ratio[area < 0.5], "uniform", (0.75, 4 / 3 - 0.75)).pvalue > 1e-3


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(PHOTOGRAPHS),
    st.lists(st.tuples(st.integers(1, 5000), st.integers(1, 5000)), min_size=1, max_size=8),
    st.integers(1, 400),
    st.integers(0, 2**63 - 1),
)
def test_boxes_are_inside(name: str, shapes: list[tuple[int, int]], side: int, seed: int) -> None:
    policy = AUGMENTATIONS[name]
    assert isinstance(policy, Photographs)
    boxes = policy.boxes(np.array(shapes, float), side, seed, 1, np.arange(len(shapes)))
    for begin, length in ((boxes.top, boxes.height), (boxes.left, boxes.width)):
        assert (begin >= 0).all()
        assert (length > 0).all()
        assert (begin + length <= 1 + 1e-9).all()
    tiny = photos(1, 6, 5).expand(len(shapes), -1, -1, -1)
    assert cut(tiny, torch.arange(len(shapes)), boxes, (4, 4)).shape == (len(shapes), 3, 4, 4)


def test_a_box_outside_of_the_image_is_refused() -> None:
    zero, one = np.zeros(1), np.ones(1)
    with pytest.raises(ValueError, match="outside of the image"):
        cut(photos(1, 8, 8), torch.tensor([0]), Boxes(one, zero, one, one, zero > 0), (4, 4))


# Light


def test_photometric_is_pillows_enhancement_in_the_drawn_order() -> None:
    """On images so faint that Pillow clips nothing; it rounds after each of the three."""
    images = (110 + photos(12, 24, 30) / 12).round().to(torch.uint8)
    index = np.arange(12)
    factors, order = enhancements(4, 2, index)
    assert len({tuple(each) for each in order}) > 3
    found = photometric(images / 255, 4, 2, index) * 255
    kinds = (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color)
    for i in range(12):
        plain = Image.fromarray(images[i].permute(1, 2, 0).numpy())
        for kind in order[i]:
            plain = kinds[kind](plain).enhance(factors[i, kind])
        assert np.abs(np.asarray(plain).transpose(2, 0, 1) - found[i].numpy()).max() < 4
    assert (found - images).abs().mean() > 15


def test_photometric_factors_and_orders_are_uniform() -> None:
    factors, order = enhancements(1, 1, np.arange(12_000))
    for kind in range(3):
        assert kstest(factors[:, kind], "uniform", (0.5, 1)).pvalue > 1e-3
    assert chisquare(np.unique(order @ (9, 3, 1), return_counts=True)[1]).pvalue > 1e-3
    grey = photometric(torch.full((4, 1, 8, 8), 0.4), 1, 1, np.arange(4))
    np.testing.assert_allclose(grey[:, 0, 0, 0], 0.4 * factors[:4, 0], rtol=1e-5)  # nothing but brightness


# CIFAR


@pytest.mark.parametrize(("name", "mode"), [("pad_crop", "constant"), ("pad_crop_reflect", "reflect")])
def test_cifars_crop_is_a_plain_loop_over_normalised_images(name: str, mode: str) -> None:
    preprocess = Preprocess((3, 32, 32), 0, (0.5, 0.4, 0.3), (0.2, 0.3, 0.4))
    images, index = photos(40, 32, 32), list(range(39, -1, -1))
    given, policy = chosen(images, index, 3), AUGMENTATIONS[name]
    assert isinstance(policy, Padded)
    down, right, flipped = policy.drawn(given, preprocess)
    found = policy(given, preprocess)
    mean, std = np.array(preprocess.mean)[:, None, None], np.array(preprocess.std)[:, None, None]
    for row, number in enumerate(index):
        plain = (images[number].numpy() / 255 - mean) / std
        plain = np.pad(plain, ((0, 0), (4, 4), (4, 4)), mode)
        y, x = int(down[row]), int(right[row])
        plain = plain[:, y : y + 32, x : x + 32]
        plain = plain[:, :, ::-1] if flipped[row] else plain
        np.testing.assert_allclose(found[row], plain, atol=1e-6)
    assert set(down.tolist()) <= set(range(9))


def test_cifars_places_are_all_9_by_9() -> None:
    count = 40_000
    given = chosen(torch.empty(1, 3, 32, 32, dtype=torch.uint8), list(range(count)))
    down, right, flipped = Padded().drawn(given, Preprocess((3, 32, 32)))
    assert chisquare(torch.bincount(9 * down + right, minlength=81)).pvalue > 1e-3
    assert abs(flipped.float().mean() - 0.5) < 0.01


# What it depends on


@pytest.mark.parametrize("name", list(AUGMENTATIONS))
def test_nothing_but_seed_epoch_and_index_decides(name: str) -> None:
    """Neither the batch, nor its order, nor the number of threads, nor the compiled code."""
    images, preprocess = photos(12, 40, 40), Preprocess((3, 32, 32), 0, (0.5,) * 3, (0.25,) * 3)
    if not isinstance(AUGMENTATIONS[name], Photographs):
        images = preprocess.fit(images)
    index = [3, 11, 0, 7, 5, 2, 9, 1, 4, 10]
    before = torch.get_num_threads()
    together = batch(name, chosen(images, index), preprocess)
    backwards = batch(name, chosen(images, index[::-1]), preprocess).flip(0)
    try:
        torch.set_num_threads(3)
        three = batch(name, chosen(images, index), preprocess)
    finally:
        torch.set_num_threads(before)
    alone = torch.cat([batch(name, chosen(images, [number]), preprocess) for number in index])
    with active(2):
        native = batch(name, chosen(images, index), preprocess)
    close = {"atol": 1e-6, "rtol": 1e-5} if "planar" in name or name == "elastic" else {"atol": 0, "rtol": 0}
    for other in (backwards, three, alone, native):
        torch.testing.assert_close(together, other, **close)
    if name != "none":
        assert not torch.equal(together, batch(name, chosen(images, index, epoch=1), preprocess))
        assert not torch.equal(together, batch(name, chosen(images, index, seed=6), preprocess))


def test_compiled_crops_refuse_what_is_outside() -> None:
    if not find().startswith(NATIVE):
        pytest.skip("no C compiler")
    from heirloom.kernels.pixels import cropped

    images, levels = photos(2, 300, 300), torch.zeros(1, 3, 256)
    for number, corner in ((2, (0, 0)), (-1, (0, 0)), (0, (77, 0)), (0, (0, -1))):
        with active(1), pytest.raises(IndexError):
            cropped(
                images,
                torch.tensor([number]),
                torch.tensor([corner]),
                torch.tensor([False]),
                levels,
                (224, 224),
            )


def test_compiled_crops_lie_as_they_are_wanted() -> None:
    if not find().startswith(NATIVE):
        pytest.skip("no C compiler")
    from heirloom.kernels.pixels import cropped

    images, levels, index = photos(3, 140, 150), torch.rand(3, 3, 256), torch.tensor([2, 0, 1])
    corners, mirrored = torch.tensor([[0, 1], [16, 26], [3, 4]]), torch.tensor([True, False, True])
    with active(2):
        wanted, found = (
            cropped(images, index, corners, mirrored, levels, (124, 124), layout)
            for layout in (torch.contiguous_format, torch.channels_last)
        )
    assert wanted is not None
    assert found is not None
    assert found.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(found, wanted)
    top, left = corners[1].tolist()
    box = images[0, :, top : top + 124, left : left + 124].long()
    assert torch.equal(wanted[1], torch.stack([levels[1, c][box[c]] for c in range(3)]))


@settings(max_examples=60)
@given(
    size=st.tuples(st.integers(2, 90), st.integers(2, 150)),
    out=st.tuples(st.integers(1, 60), st.integers(1, 60)),
    channels=st.sampled_from([1, 3]),
    parts=st.lists(st.tuples(*[st.floats(0, 1)] * 4, st.booleans()), min_size=1, max_size=3),
)
def test_compiled_resizing_is_pillows_byte_by_byte(
    size: tuple[int, int],
    out: tuple[int, int],
    channels: int,
    parts: list[tuple[float, float, float, float, bool]],
) -> None:
    if not find().startswith(NATIVE):
        pytest.skip("no C compiler")
    from heirloom.kernels.pixels import resized

    height, width = size
    images = torch.from_numpy(
        np.random.default_rng(height).integers(0, 256, (2, channels, *size), dtype=np.uint8)
    )
    boxes = []
    for left, top, wide, high, _ in parts:
        x, y = left * (width - 1), top * (height - 1)
        boxes.append([x, y, x + max(0.3, wide * (width - x)), y + max(0.3, high * (height - y))])
    rooms = torch.tensor(boxes).clamp(max=torch.tensor([width, height, width, height]))
    mirrored, index = torch.tensor([part[4] for part in parts]), torch.arange(len(parts)) % 2
    levels = torch.rand(len(parts), channels, 256)
    with active(2):
        found = resized(images, index, rooms, mirrored, out)
        layouts = (torch.contiguous_format, torch.channels_last)
        replaced = [resized(images, index, rooms, mirrored, out, levels, layout) for layout in layouts]
    assert found is not None
    for layout, each in zip(layouts, replaced, strict=True):
        assert each is not None
        assert each.is_contiguous(memory_format=layout)
        assert torch.equal(each.flatten(2), levels.gather(2, found.flatten(2).long()))
    for i, room in enumerate(rooms.tolist()):
        for channel in range(channels):
            plane = Image.fromarray(images[index[i], channel].numpy())
            box = (room[0], room[1], room[2], room[3])
            across = plane.resize((out[1], height), HOW, (box[0], 0, box[2], height))
            wanted = np.asarray(across.resize((out[1], out[0]), HOW, (0, box[1], out[1], box[3])))
            assert np.array_equal(found[i, channel].numpy(), wanted[:, ::-1] if parts[i][4] else wanted)


@settings(max_examples=60)
@given(
    size=st.tuples(st.integers(2, 300), st.integers(2, 300)),
    parts=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    pixel_by_pixel=st.booleans(),
    white=st.booleans(),
)
def test_compiled_scaling_is_pytorchs_byte_by_byte(
    size: tuple[int, int], parts: tuple[float, float], pixel_by_pixel: bool, white: bool
) -> None:
    if not find().startswith(NATIVE):
        pytest.skip("no C compiler")
    from heirloom.kernels.pixels import MOST_SMALLER, interpolated

    pixels = np.random.default_rng(size).integers(255 * white, 256, (2, *size, 3), dtype=np.uint8)
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2)
    images = images if pixel_by_pixel else images.contiguous()
    least = [max(2, -(-side // MOST_SMALLER)) for side in size]
    new = (
        least[0] + round(parts[0] * (size[0] - least[0])),
        least[1] + round(parts[1] * (size[1] - least[1])),
    )
    with active(2):
        found = interpolated(images, new)
        assert interpolated(images[:, :, :1].expand(-1, -1, 33, -1), (2, size[1])) is None
    assert found is not None
    wanted = torch.nn.functional.interpolate(
        images, new, mode="bilinear", align_corners=False, antialias=True
    )
    assert torch.equal(found, wanted)


def test_compiled_resizing_refuses_what_is_outside() -> None:
    if not find().startswith(NATIVE):
        pytest.skip("no C compiler")
    from heirloom.kernels.pixels import resized

    images, right = photos(2, 30, 40), [0.0, 0.0, 40.0, 30.0]
    for number, room in (
        (2, right), (-1, right), (0, [0, 0, 40.1, 30]), (0, [-0.1, 0, 9, 9]), (0, [5, 5, 5, 9]),
        (0, [float("nan")] * 4),
    ):  # fmt: skip
        with active(1), pytest.raises(IndexError):
            resized(images, torch.tensor([number]), torch.tensor([room]), torch.tensor([False]), (8, 8))


@pytest.mark.parametrize("name", ["alexnet", "inception", "pad_crop"])
def test_a_training_on_a_folder(name: str, tmp_path: Path) -> None:
    """Evaluated by the middle of the larger square; two trainings are equal."""
    rng = np.random.default_rng(0)
    for split, count in (("train", 6), ("val", 2)):
        for label, colour in (("red", (200, 60, 60)), ("blue", (60, 60, 200))):
            (tmp_path / "data" / split / label).mkdir(parents=True)
            for i in range(count):
                pixels = np.clip(rng.normal(colour, 30, (50, 40, 3)), 0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(tmp_path / "data" / split / label / f"{i}.png")
    recipe = Recipe("resnet20", str(tmp_path / "data"), epochs=2, batch_size=6, augment=name)  # type: ignore[arg-type]
    for run in ("first", "second"):
        list(train(recipe, out=tmp_path / run))
    weights = [(tmp_path / run / "model.safetensors").read_bytes() for run in ("first", "second")]
    assert weights[0] == weights[1]
    from heirloom.weights import load_model

    fitted = load_model(tmp_path / "first" / "model.safetensors").card.preprocess
    assert (fitted.resize, fitted.box) == (("fit", 0) if name == "pad_crop" else ("crop", 37))
