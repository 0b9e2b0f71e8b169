"""The picture of augmentation: its numbers beside what Pillow cuts by them, its bytes, its faults."""

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from heirloom.errors import HeirloomError
from heirloom.figures.drawing import draw
from heirloom.recipes import Recipe
from heirloom.training import train

SVG = "{http://www.w3.org/2000/svg}"
pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    noise = gaussian_filter(np.random.default_rng(0).random((120, 180, 3)), (5, 5, 0))
    pixels = 30 + 200 * (noise - noise.min()) / (noise.max() - noise.min())
    Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / "street.png")
    return tmp_path / "street.png"


def drawn(svg: Path) -> list[np.ndarray]:
    """The versions, in their order, as they are in the file."""
    import base64
    import io

    root = ET.fromstring(svg.read_bytes())
    groups = [g for g in root.iter(f"{SVG}g") if "-epoch-" in g.get("id", "")]
    files = [g.find(f"{SVG}image").get("href").partition(",")[2] for g in groups]  # type: ignore[union-attr]
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(file)))).astype(float) for file in files]


@pytest.mark.parametrize("recipe", ["resnet18_imagenet"])
def test_versions_are_what_pillow_cuts_by_the_numbers(recipe: str, photo: Path, tmp_path: Path) -> None:
    out = draw("augmentation", recipe, tmp_path / "a.svg", image=photo)
    numbers = json.loads((tmp_path / "a.json").read_text())
    (image,) = numbers["images"]
    assert (image["name"], image["height"], image["width"]) == ("street.png", 120, 180)
    assert [version["epoch"] for version in image["versions"]] == list(range(24))
    original = Image.open(photo)
    for version, shown in zip(image["versions"], drawn(out), strict=True):
        top, left, tall, wide = version["box"]
        box = (left, top, left + wide, top + tall)
        plain = np.asarray(original.resize(shown.shape[1::-1], Image.Resampling.BILINEAR, box)).astype(float)
        plain = plain[:, ::-1] if version["mirrored"] else plain
        if "added" in version:
            plain = np.clip(plain + version["added"], 0, 255)
        if "factors" not in version:
            assert np.abs(plain - shown).mean() < 1.5
    assert 0 < sum(version["mirrored"] for version in image["versions"]) < 24


def test_cifars_margins_and_the_words(photo: Path, tmp_path: Path) -> None:
    out = draw("augmentation", "resnet20_cifar10", tmp_path / "a.svg", image=photo, theme="dark")
    again = draw("augmentation", "resnet20_cifar10", tmp_path / "b.svg", image=photo, theme="dark")
    assert out.read_bytes() == again.read_bytes()
    root = ET.fromstring(out.read_bytes())
    assert root[0].text == "resnet20_cifar10: what becomes of a training image"
    assert root[1].text is not None
    assert root[1].text.startswith("24 versions of street.png, those of epochs 0 to 23, as augment=pad_crop")
    tops = [v["box"][0] for v in json.loads((tmp_path / "a.json").read_text())["images"][0]["versions"]]
    assert set(tops) <= set(range(-4, 5))
    assert len(set(tops)) > 4


def test_a_run_shows_its_own_first_images(tmp_path: Path) -> None:
    recipe = Recipe("lenet5_relu_max", "digits", max_steps=1, train_limit=32, augment="planar")
    list(train(recipe, out=tmp_path / "run", threads=1))
    for name in ("a.png", "b.png"):
        draw("augmentation", tmp_path / "run", tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    numbers = json.loads((tmp_path / "a.json").read_text())
    assert [each["name"] for each in numbers["images"]] == [f"image {i}, {i}" for i in range(3)]
    assert numbers["images"][0]["versions"] == [{"epoch": epoch} for epoch in range(8)]
    told = Image.open(tmp_path / "a.png").text
    assert told["Title"] == "run: what becomes of a training image"


def test_a_folder_of_photographs(photo: Path, tmp_path: Path) -> None:
    for split in ("train", "val"):
        for label in ("one", "two"):
            (tmp_path / "data" / split / label).mkdir(parents=True)
            for i in range(2):
                image = Image.open(photo).rotate(i, expand=True)
                image.save(tmp_path / "data" / split / label / f"{label}{i}.png")
    draw("augmentation", "squeezenet1_1_imagenet", tmp_path / "a.png", data=str(tmp_path / "data"))
    images = json.loads((tmp_path / "a.json").read_text())["images"]
    assert sorted(each["name"] for each in images) == ["one0.png", "one1.png", "two0.png"]
    assert {len(each["versions"]) for each in images} == {8}


@pytest.mark.parametrize(
    ("network", "given", "message"),
    [
        ("alexnet_cifar_bn", {}, "alexnet_cifar_bn is no recipe and no run"),
        ("lenet5_mnist_1998", {}, "lenet5_mnist_1998 leaves images as they are: augment=none"),
        ("resnet20_cifar10", {"data": "digits", "image": "a.png"}, "an image and data: give"),
        ("resnet20_cifar10", {"image": "none.png"}, "none.png"),
    ],
)
def test_faults(network: str, given: dict[str, str], message: str, tmp_path: Path) -> None:
    with pytest.raises(HeirloomError, match=message):
        draw("augmentation", network, tmp_path / "a.svg", **given)  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())
