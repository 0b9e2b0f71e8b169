"""Preprocessing: cropping, warping, the order of channels, scales, mean images, and how they are stored."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from heirloom.data.decoding import working
from heirloom.data.preprocessing import KNOWN, Preprocess, stated, with_mean_image
from heirloom.errors import HeirloomError
from heirloom.models import create_model
from heirloom.weights import MEAN_IMAGE, Card, load_model, read_weights, save_model


def photograph(height: int, width: int, channels: int = 3) -> torch.Tensor:
    """Smooth, so that it does not matter how an edge is filtered."""
    y, x = torch.meshgrid(torch.linspace(0, 3, height), torch.linspace(0, 3, width), indexing="ij")
    planes = [(100 + 60 * torch.sin(x + i) + 60 * torch.cos(y * (i + 1))) for i in range(channels)]
    return torch.stack(planes).clamp(0, 255).to(torch.uint8)[None]


@pytest.mark.parametrize(("height", "width"), [(320, 480), (480, 320), (500, 333), (256, 256), (100, 90)])
def test_the_shorter_side_and_the_middle_as_pillow_has_it(height: int, width: int) -> None:
    """Pillow's bilinear filter and the rule of torchvision's Resize(256) and CenterCrop(224), written out."""
    image = photograph(height, width)
    short, long = min(height, width), max(height, width)
    longer = int(256 * long / short)
    size = (256, longer) if width < height else (longer, 256)
    resized = Image.fromarray(image[0].permute(1, 2, 0).numpy()).resize(size, Image.Resampling.BILINEAR)
    left, top = round((size[0] - 224) / 2), round((size[1] - 224) / 2)
    theirs = np.asarray(resized.crop((left, top, left + 224, top + 224))).astype(int)
    ours = Preprocess((3, 224, 224), 256, resize="crop").fit(image)[0].permute(1, 2, 0).numpy().astype(int)
    assert np.abs(ours - theirs).max() <= 1


def test_warped_to_a_square_and_its_middle() -> None:
    image = photograph(300, 200)
    square = Image.fromarray(image[0].permute(1, 2, 0).numpy()).resize((256, 256), Image.Resampling.BILINEAR)
    theirs = np.asarray(square).astype(int)[14:241, 14:241]
    ours = Preprocess((3, 227, 227), 256, resize="warp").fit(image)[0].permute(1, 2, 0).numpy().astype(int)
    assert np.abs(ours - theirs).max() <= 1


@settings(max_examples=60)
@given(
    height=st.integers(1, 70), width=st.integers(1, 70), box=st.integers(24, 40), h=st.integers(1, 24),
    w=st.integers(1, 24), how=st.sampled_from(["crop", "warp", "fit"]),
)  # fmt: skip
def test_every_image_gets_the_size(height: int, width: int, box: int, h: int, w: int, how: str) -> None:
    preprocess = Preprocess((3, h, w), 0 if how == "fit" else box, (0,) * 3, (1,) * 3, resize=how)
    assert tuple(preprocess.fit(photograph(height, width)).shape) == (1, 3, h, w)
    assert tuple(replace(preprocess, box=0).fit(photograph(height, width)).shape) == (1, 3, h, w)


@settings(max_examples=60)
@given(
    height=st.integers(20, 70), width=st.integers(20, 70), side=st.integers(10, 20), border=st.integers(0, 9)
)
def test_what_is_stored_comes_out_as_from_the_file(height: int, width: int, side: int, border: int) -> None:
    """Borders of odd width as well, such as the 29 of 227 pixels out of 256."""
    preprocess = Preprocess((3, side, side), side + border, (0.0,) * 3, (1.0,) * 3, resize="crop")
    image = photograph(height, width)
    assert torch.equal(preprocess.fit(working(preprocess).fit(image)), preprocess.fit(image))


@pytest.mark.parametrize("size", [(1, 400_000), (400_000, 1)])
def test_a_strip_does_not_fill_the_memory(size: tuple[int, int]) -> None:
    strip = torch.zeros(1, 1, *size, dtype=torch.uint8)
    assert tuple(Preprocess((1, 224, 224), 256, resize="crop").fit(strip).shape) == (1, 1, 224, 224)


def test_caffes_values_are_whole_numbers_less_the_mean() -> None:
    """BGR, 0 to 255: every grey value of every channel, to the bit but for the last place."""
    preprocess = stated("caffe", (3, 16, 16))
    values = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)
    image = torch.cat((values, values.flip(-1), values.flip(-2)), 1)
    blue, green, red = preprocess.normalised(preprocess.scaled(image))[0]
    for found, channel, mean in ((blue, 2, 104), (green, 1, 117), (red, 0, 123)):
        assert (found - (image[0, channel].float() - mean)).abs().max() < 2e-5


def test_lenet_caffe_divides_by_256() -> None:
    values = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)
    assert (stated("lenet-caffe", (1, 16, 16))(values) - values.float() / 256).abs().max() < 1e-7


def test_torchvisions_googlenet_undoes_the_normalisation() -> None:
    """Its `transform_input`: x s / 0.5 + (m - 0.5) / 0.5 of an x that is less m, by s."""
    image = photograph(224, 224)
    usual, ours = stated("imagenet", (3, 224, 224)), stated("inception", (3, 224, 224))
    x = usual.normalised(usual.scaled(image))
    m, s = (torch.tensor(each).view(3, 1, 1) for each in (usual.mean, usual.std))
    torch.testing.assert_close(ours.normalised(ours.scaled(image)), x * (s / 0.5) + (m - 0.5) / 0.5)


def test_a_mean_image_is_cut_as_images_are() -> None:
    image = photograph(256, 256)
    mean = image[0].flip(0).float() * 0.9  # BGR
    preprocess = with_mean_image(stated("caffe", (3, 227, 227)), mean, "mean.npy")
    assert preprocess.mean == (0, 0, 0)
    found = preprocess(image)[0]
    cut = image[0].flip(0).float()[:, 14:241, 14:241]
    torch.testing.assert_close(found, cut - 0.9 * cut, atol=1e-3, rtol=0)
    for wrong in (mean[:2], mean[:, :100], mean * float("nan")):
        with pytest.raises(HeirloomError, match="the mean image does not fit"):
            with_mean_image(stated("caffe", (3, 227, 227)), wrong, "mean.npy")


CLASSES = tuple("0123456789")


def card(preprocess: Preprocess) -> Card:
    return Card("lenet_caffe", {"num_classes": 10}, CLASSES, preprocess)


def test_files_with_what_there_was_before_have_the_format_of_before(tmp_path: Path) -> None:
    """Equal training gives equal files: nothing is added to those that do not need it."""
    assert Preprocess((1, 28, 28), 20).as_dict() == {
        "size": [1, 28, 28],
        "box": 20,
        "mean": [0.0],
        "std": [1.0],
    }
    assert card(Preprocess((1, 28, 28))).as_dict()["format"] == 1
    assert card(Preprocess((1, 28, 28), scale=0.5)).as_dict()["format"] == 2
    assert card(Preprocess((1, 28, 28), mean_image=torch.zeros(1, 28, 28))).as_dict()["format"] == 2


def test_everything_comes_back_from_the_file(tmp_path: Path) -> None:
    mean_image = torch.rand(1, 28, 28)
    preprocess = Preprocess((1, 28, 28), 32, (0.0,), (2.0,), "crop", "RGB", 255.0, mean_image)
    path = tmp_path / "net.safetensors"
    model = create_model("lenet_caffe")
    save_model(path, model, card(preprocess))
    found = load_model(path)
    assert found.card == card(preprocess)
    assert found.card.preprocess.mean_image is not None
    assert torch.equal(found.card.preprocess.mean_image, mean_image)
    assert MEAN_IMAGE not in read_weights(path)[1]
    image = photograph(40, 50, 1)
    assert torch.equal(found.card.preprocess(image), preprocess(image))


@pytest.mark.parametrize("name", KNOWN)
def test_the_known_ones_survive_json(name: str) -> None:
    preprocess = stated(name, (1, 28, 28) if name in ("lenet-caffe", "none") else (3, 224, 224))
    assert Preprocess.from_dict(json.loads(json.dumps(preprocess.as_dict()))) == preprocess
    box = {"imagenet": 256, "imagenet-232": 232, "inception": 256, "caffe": 256, "vgg-caffe": 256}.get(
        name, 0
    )
    assert preprocess.box == box


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ("imagnet", "did you mean 'imagenet'"),
        ('{"mean": [', "is not JSON"),
        ("[" * 5, "unknown preprocess"),
        ({"meen": [0.5]}, "did you mean 'mean'"),
        ({"mean": [0.5, 0.5]}, "mean, std, scale"),
        ({"mean": "x"}, "cannot be for inputs"),
        ({"std": [0]}, "mean, std, scale"),
        ({"scale": -1}, "mean, std, scale"),
        ({"scale": float("nan")}, "mean, std, scale"),
        ({"resize": "stretch"}, "resize, order"),
        ({"order": "GBR"}, "resize, order"),
        ({"resize": "crop", "box": 5}, "box"),
        ({"resize": "crop", "box": 10**6}, "box"),
        ({"box": 500}, "box"),
        ({"mean": [[1], 2, 3]}, "cannot be for inputs"),
        ({"scale": None}, "cannot be for inputs"),
    ],
)
def test_what_cannot_be_is_refused(values: "str | dict[str, object]", words: str) -> None:
    with pytest.raises(HeirloomError) as caught:
        stated(values, (3, 32, 32))
    assert caught.value.code == "E-argument"
    assert words in str(caught.value)


def test_bgr_needs_three_channels() -> None:
    with pytest.raises(HeirloomError, match="resize, order"):
        stated({"order": "BGR"}, (1, 28, 28))


def test_a_single_number_is_for_every_channel() -> None:
    assert stated('{"mean": 0.5, "std": [0.25]}', (3, 8, 8)) == Preprocess(
        (3, 8, 8), 0, (0.5,) * 3, (0.25,) * 3
    )


def test_a_forged_mean_image(tmp_path: Path) -> None:
    values = Preprocess((1, 4, 4)).as_dict()
    for image in (torch.zeros(1, 4, 5), torch.zeros(1, 4, 4).double(), torch.full((1, 4, 4), float("inf"))):
        with pytest.raises(ValueError, match="mean_image"):
            Preprocess.from_dict(values | {"mean_image": True}, image)
    with pytest.raises(ValueError, match="mean_image"):
        Preprocess.from_dict(values | {"mean_image": True})
    with pytest.raises(ValueError, match="mean_image"):
        Preprocess.from_dict(values, torch.zeros(1, 4, 4))
