"""Ten views and whole images, beside crops that are cut one by one."""

import csv
import io
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from heirloom.data import Undecoded, load_data
from heirloom.data.preprocessing import Preprocess
from heirloom.errors import HeirloomError
from heirloom.evaluation import Evaluation, evaluate
from heirloom.images import open_image
from heirloom.protocols import PROTOCOLS, batch_of, looked_at
from heirloom.tasks import TASKS
from heirloom.weights import Card, save_model

NET = """
from torch import nn

class Net(nn.Sequential):
    input_size = (3, 16, 16)

    def __init__(self, num_classes=7, in_chans=3):
        super().__init__(
            nn.Conv2d(in_chans, 6, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 8, 3), nn.Tanh(),
            nn.Flatten(), nn.Linear(8 * 4 * 4, num_classes),
        )
"""
"""Without padding inside: a place of the score map is the network on that part of the image."""
MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.3, 0.25)
CROP = Preprocess((3, 16, 16), 21, MEAN, STD, "crop")
EVEN = replace(CROP, box=20)
"""With the same middle, whether it is cut from the image or from the stored square."""


@pytest.fixture(scope="module", autouse=True)
def _quick(one_thread: None) -> None:
    """Small tensors."""


@pytest.fixture(scope="module")
def net() -> nn.Module:
    names: dict[str, object] = {}
    exec(NET, names)
    torch.manual_seed(0)
    made = names["Net"]()  # type: ignore[operator]
    assert isinstance(made, nn.Module)
    return made.eval()


def pictures(n: int, height: int, width: int) -> torch.Tensor:
    """uint8 (n, 3, height, width), smooth, with an edge."""
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    rows = []
    for i in range(n):
        waves = [np.sin(0.3 * (c + 1) * x + i) * np.cos(0.2 * y * (i + 1)) for c in range(3)]
        rows.append([127 + 100 * wave + 20 * (x > y) for wave in waves])
    return torch.from_numpy(np.array(rows).clip(0, 255).astype(np.uint8))


def seen(net: nn.Module, crop: np.ndarray) -> np.ndarray:
    """Scores of one crop (16, 16, 3), with the plain formula."""
    grey = (crop.astype(np.float64) / 255 - MEAN) / STD
    x = torch.from_numpy(grey.transpose(2, 0, 1).copy()).float()
    with torch.no_grad():
        return net(x[None])[0].double().numpy()


def softmax(scores: np.ndarray) -> np.ndarray:
    e = np.exp(scores - scores.max())
    return e / e.sum()


def test_ten_views_cut_one_by_one(net: nn.Module) -> None:
    """Stored squares of 21 x 21: offsets 0 and 5, the middle at 2, as `center` rounds 2.5."""
    stored = pictures(3, 21, 21)
    kept = looked_at("10view", TASKS["classify"], net, CROP, [stored[:2], stored[2:]])
    middle = CROP.fit(stored)
    for i, picture in enumerate(stored):
        pixels = picture.numpy().transpose(1, 2, 0)
        found = []
        for top, left in ((0, 0), (0, 5), (5, 0), (5, 5), (2, 2)):
            crop = pixels[top : top + 16, left : left + 16]
            found += [softmax(seen(net, crop)), softmax(seen(net, crop[:, ::-1]))]
        assert (pixels[2:18, 2:18] == middle[i].numpy().transpose(1, 2, 0)).all()
        assert kept[i].exp().numpy() == pytest.approx(np.mean(found, 0), abs=1e-6)
        assert float(kept[i].exp().sum()) == pytest.approx(1, abs=1e-5)


def test_ten_views_of_larger_images_are_those_of_their_square(net: nn.Module) -> None:
    """Images in memory are brought to the square first, which leaves a stored square as it is."""
    images = pictures(2, 40, 30)
    square = Preprocess((3, 21, 21), 21, (0.0,) * 3, (1.0,) * 3, "crop").fit(images)
    task = TASKS["classify"]
    assert looked_at("10view", task, net, CROP, [images]).equal(
        looked_at("10view", task, net, CROP, [square])
    )


def test_dense_is_the_mean_over_sliding_windows(net: nn.Module) -> None:
    """Whole images, 21 x 28 after scaling; the network moves by 2 pixels, its only pooling."""
    images = pictures(2, 42, 56)
    kept = looked_at("dense", TASKS["classify"], net, CROP, [images])
    for i, picture in enumerate(CROP.whole(images)):
        pixels = picture.numpy().transpose(1, 2, 0)
        assert pixels.shape == (21, 28, 3)
        found = []
        for each in (pixels, pixels[:, ::-1]):
            places = [(y, x) for y in range(0, 21 - 15, 2) for x in range(0, 28 - 15, 2)]
            windows = [seen(net, each[y : y + 16, x : x + 16]) for y, x in places]
            assert len(windows) == 3 * 7
            found.append(softmax(np.mean(windows, 0)))
        assert kept[i].exp().numpy() == pytest.approx(np.mean(found, 0), abs=1e-6)


def test_center_is_each_image_once(net: nn.Module) -> None:
    stored = pictures(2, 21, 21)
    kept = looked_at("center", TASKS["classify"], net, CROP, [stored])
    middle = stored[:, :, 2:18, 2:18].numpy().transpose(0, 2, 3, 1)
    assert kept.numpy() == pytest.approx(np.array([seen(net, crop) for crop in middle]), abs=1e-5)


@pytest.mark.parametrize(
    ("protocol", "preprocess", "why"),
    [
        ("10view", Preprocess((3, 16, 16)), "no larger square.*--protocol center"),
        ("10view", Preprocess((3, 16, 16), 16, MEAN, STD, "crop"), "no larger square"),
        ("10view", Preprocess((3, 16, 16), 0, MEAN, STD, "warp"), "no larger square"),
        ("dense", Preprocess((3, 16, 16), 12, MEAN, STD), "nothing is cut off"),
        ("dense", Preprocess((3, 16, 16), 16, MEAN, STD, "warp"), "one place"),
        (
            "dense",
            Preprocess((3, 16, 16), 21, MEAN, STD, "crop", mean_image=torch.zeros(3, 16, 16)),
            "one size",
        ),
        ("12view", CROP, "protocol is '12view'.*center or 10view or dense"),
    ],
)
def test_where_a_protocol_has_no_meaning(
    net: nn.Module, protocol: str, preprocess: Preprocess, why: str
) -> None:
    with pytest.raises(HeirloomError, match=why) as stopped:
        looked_at(protocol, TASKS["classify"], net, preprocess, [pictures(1, 21, 21)])
    assert stopped.value.code == "E-argument"


def test_reconstructions_have_one_view(net: nn.Module) -> None:
    for protocol in ("10view", "dense"):
        with pytest.raises(HeirloomError, match="needs a network with classes"):
            PROTOCOLS[protocol](TASKS["reconstruct"], net, CROP)


def test_batches_are_bounded() -> None:
    assert batch_of(Preprocess((1, 28, 28))) == batch_of(Preprocess((3, 32, 32))) == 256
    assert batch_of(Preprocess((3, 224, 224))) == 55
    assert batch_of(Preprocess((3, 9_000, 3_000))) == 1


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory, net: nn.Module) -> tuple[Path, Path, str]:
    """A weights file, a folder of photographs of several sizes, and the network's name."""
    home = tmp_path_factory.mktemp("own")
    (home / "net.py").write_text(NET)
    labels = [f"class {i}" for i in range(7)]
    for split in ("train", "test"):
        for i, label in enumerate(labels):
            folder = home / "photos" / split / label
            folder.mkdir(parents=True)
            for j in range(2):
                high, wide = (30 + 3 * i, 45) if j else (42, 25 + 2 * i)
                pixels = pictures(i + 2 + j, high, wide)[-1].numpy().transpose(1, 2, 0)
                Image.fromarray(pixels).save(folder / f"{split}{j}.png")
    name = f"{home / 'net.py'}:Net"
    save_model(home / "net.safetensors", net, Card(name, {}, tuple(labels), EVEN))
    return home / "net.safetensors", home / "photos", name


@pytest.mark.parametrize("protocol", ["center", "10view", "dense"])
def test_a_folder_by_each_protocol(
    own: tuple[Path, Path, str],
    net: nn.Module,
    protocol: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The rows name the files; from these, one by one, come the same answers."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    file, photos, name = own
    found = evaluate(file, str(photos), protocol=protocol, model=name)
    assert isinstance(found, Evaluation)
    assert list(found.metrics) == [f"top1@test:{protocol}", f"top5@test:{protocol}"]
    rows = list(csv.DictReader(io.StringIO(found.as_csv())))
    assert len(rows) == 14 == len({row["path"] for row in rows})
    for row in rows:
        assert row["path"].split("/")[1] == row["label"]
        image = open_image(photos / row["path"]).unsqueeze(0)
        scores = looked_at(protocol, TASKS["classify"], net, EVEN, [image])
        assert found.classes[int(scores.argmax())] == row["answer"]
        assert float(row["probability"]) == pytest.approx(float(scores.softmax(1).max()), abs=2e-5)


def test_a_file_that_is_gone_or_torn_meanwhile(
    own: tuple[Path, Path, str], net: nn.Module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    photos = shutil.copytree(own[1], tmp_path / "photos")
    splits = load_data(str(photos), fit=EVEN, wait=False).splits
    assert isinstance(splits, Undecoded)
    names = splits["test"].names
    (photos / names[3]).write_bytes(b"\x89PNG")
    with pytest.raises(HeirloomError, match=r"test\d.png.*E-image"):
        list(splits.originals(names, 0))
    (photos / names[3]).unlink()
    with pytest.raises(HeirloomError, match=r"no such file.*E-image"):
        list(splits.originals(names, 0))


def test_the_command_and_its_files(finished_run: Path, heirloom: object, tmp_path: Path) -> None:
    done = heirloom("evaluate", finished_run, "--protocol", "10view")  # type: ignore[operator]
    assert done.returncode == 2
    assert "no larger square" in done.stderr
    done = heirloom("evaluate", finished_run, "--protocol", "9view")  # type: ignore[operator]
    assert done.returncode == 2
    assert "center" in done.stderr
    done = heirloom("evaluate", finished_run, "--split", "val", "--format", "json")  # type: ignore[operator]
    assert done.returncode == 0
    values = json.loads(done.stdout)
    assert values["protocol"] == "center"
    assert list(values["metrics"]) == ["top1@val:center", "top5@val:center"]
