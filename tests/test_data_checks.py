"""doctor and stats: what they find is what was put there."""

import csv
import io
import json
import os
from pathlib import Path

import numpy as np
import pytest
from conftest import Heirloom
from PIL import Image
from sklearn.decomposition import PCA
from test_folder import image, put, some

from heirloom.data import load_data, roots
from heirloom.data.statistics import stats
from heirloom.diagnosis import Diagnosis, doctor
from heirloom.errors import HeirloomError

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roots, "cache", lambda: tmp_path / "cache")


def encoded(picture: Image.Image, format: str, **options: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, format, **options)
    return out.getvalue()


def large(seed: int) -> bytes:
    return image(seed, side=40)


def found(diagnosis: Diagnosis, wrong: bool) -> dict[str, tuple[str, ...]]:
    return {finding.what: finding.files for finding in diagnosis.findings if finding.wrong is wrong}


def test_a_healthy_folder(tmp_path: Path, heirloom: Heirloom) -> None:
    places = [f"{split}/{c}/{i}.png" for split in ("train", "test") for c in "ab" for i in range(3)]
    root = put(tmp_path / "x", {place: large(number) for number, place in enumerate(places)})
    diagnosis = doctor(root)
    assert diagnosis.healthy
    assert diagnosis.findings == []
    assert diagnosis.counts == {"train": {"a": 3, "b": 3}, "test": {"a": 3, "b": 3}}
    assert (diagnosis.formats, diagnosis.modes, diagnosis.middle) == ({"PNG": 12}, {"RGB": 12}, (40, 40))
    done = heirloom("doctor", root)
    assert (done.returncode, done.stderr) == (0, "")
    assert "12 images of 2 classes" in done.stdout
    assert done.stdout.endswith("\nnothing is wrong\n")
    assert json.loads(heirloom("doctor", root, "--format", "json").stdout)["healthy"] is True
    assert heirloom("doctor", root, "--format", "csv").stdout == "severity,what,file\n"


def test_the_rules_splits_are_counted_as_training_has_them(tmp_path: Path) -> None:
    root = put(tmp_path / "x", some(60))
    counts = doctor(root).counts
    for name, split in load_data(str(root)).splits.items():
        assert list(counts[name].values()) == split.labels.bincount(minlength=2).tolist()


def test_everything_that_is_wrong(tmp_path: Path, heirloom: Heirloom) -> None:
    places = [f"{split}/{c}/{i}.png" for split in ("train", "val") for c in "ab" for i in range(4)]
    root = put(tmp_path / "x", {place: large(100 + number) for number, place in enumerate(places)})
    same, twice, both, wide = large(5), large(6), large(7), Image.new("RGB", (200, 40))
    others = [wide.rotate(180), Image.new("RGB", (200, 40), "red")]
    more = {
        "train/a/same.png": same,
        "val/a/same.png": same,
        "train/a/two.png": twice,
        "train/a/three.png": twice,
        "val/a/x.png": both,
        "val/b/y.png": both,
        "train/b/cut.png": large(8)[:-20],
        "train/b/no.jpg": b"",
        "train/B/1.png": large(9),
        "train/a/wide.png": encoded(wide, "PNG"),
        "train/a/tiny.bmp": encoded(Image.new("RGB", (4, 5)), "BMP"),
        "train/a/grey.png": image(3, grey=True, side=40),
        "train/a/wrong.jpg": large(44),
        "train/a/cmyk.tiff": encoded(Image.new("CMYK", (40, 40)), "TIFF"),
        "train/a/film.gif": encoded(wide, "GIF", save_all=True, append_images=others),
    }
    put(root, more)
    os.mkfifo(root / "train" / "b" / "pipe.png")
    diagnosis = doctor(root)
    assert not diagnosis.healthy
    assert found(diagnosis, True) == {
        "cannot be read": (
            "train/b/cut.png: cut short: " + diagnosis.findings[0].files[0].split(": cut short: ")[1],
            "train/b/no.jpg: its content is none of JPEG, PNG, BMP, GIF, WEBP, TIFF, PPM",
            "train/b/pipe.png: not a regular file",
        ),
        "classes of nearly one name": ("'B' and 'b'",),
        "the same image between splits": ("train/a/same.png = val/a/same.png",),
        "the same image between classes": ("val/a/x.png = val/b/y.png",),
    }
    odd = found(diagnosis, False)
    assert odd["the same image within a class"] == ("train/a/three.png = train/a/two.png",)
    assert odd["a side below 32 pixels"] == ("train/a/tiny.bmp: 4 x 5 pixels",)
    assert odd["over 4 times as long as wide"] == (
        "train/a/film.gif: 200 x 40 pixels",
        "train/a/wide.png: 200 x 40 pixels",
    )
    assert odd["several frames, of which the first counts"] == ("train/a/film.gif: GIF",)
    assert odd["another format than the name says"] == ("train/a/wrong.jpg: PNG",)
    assert odd["grey among images in colour"] == ("train/a/grey.png: L",)
    assert "train/a/cmyk.tiff: CMYK" in odd["neither 8-bit grey nor 8-bit RGB"]
    assert [finding.wrong for finding in diagnosis.findings] == sorted(
        (finding.wrong for finding in diagnosis.findings), reverse=True
    )
    done = heirloom("doctor", root)
    assert done.returncode == 1
    assert done.stdout.endswith("\nsomething is wrong\n")
    assert "wrong: the same image between splits: 1\n  train/a/same.png = val/a/same.png\n" in done.stdout
    as_json = json.loads(heirloom("doctor", root, "--format", "json").stdout)
    assert as_json["schema"] == 1
    assert {f["what"]: tuple(f["files"]) for f in as_json["findings"] if not f["wrong"]} == odd
    rows = list(csv.DictReader(io.StringIO(heirloom("doctor", root, "--format", "csv").stdout)))
    assert sum(row["severity"] == "wrong" for row in rows) == 6


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({"a/1.png": large(1)}, "one class alone, 'a'"),
        ({"a/1.png": large(1), "b/x.txt": b""}, "no images in 'b'"),
        ({"train/a/1.png": large(1), "train/b/1.png": large(2), "val/c/1.png": large(3)}, "the class 'c'"),
    ],
)  # fmt: skip
def test_what_training_would_refuse_is_wrong(tmp_path: Path, files: dict[str, bytes], why: str) -> None:
    (finding,) = (f for f in doctor(put(tmp_path / "x", files)).findings if f.what == "no data set as it is")
    assert finding.wrong
    assert finding.files[0].startswith(why)


def test_nothing_there(tmp_path: Path, heirloom: Heirloom) -> None:
    for name, status in (("none", 2), ("empty", 1)):
        (tmp_path / "empty").mkdir(exist_ok=True)
        done = heirloom("doctor", tmp_path / name)
        assert done.returncode == status, done
        assert "Traceback" not in done.stderr


def test_the_classes_of_a_run(tmp_path: Path, finished_run: Path) -> None:
    """The digits' run knows ten classes."""
    good = put(tmp_path / "x", {f"{c}/{i}.png": large(10 * c + i) for c in range(10) for i in range(6)})
    assert doctor(good, finished_run).healthy
    assert doctor(good, finished_run / "model.safetensors").healthy
    other = put(tmp_path / "y", {f"{c}/{i}.png": large(10 * c + i) for c in range(1, 11) for i in range(6)})
    said = found(doctor(other, finished_run), True)
    assert said == {"other classes than the run's": ("'10' is not known to the run", "'0' is missing here")}
    with pytest.raises(HeirloomError, match=r"is not a run|no such file|model\.safetensors"):
        doctor(good, tmp_path)


def reference(images: np.ndarray) -> tuple[np.ndarray, PCA]:
    colours = images.transpose(0, 2, 3, 1).reshape(-1, images.shape[1]) / 255
    return colours, PCA(svd_solver="full").fit(colours)


@pytest.mark.parametrize("together", [2**24, 5000])
def test_statistics_are_numpys_and_scikit_learns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, together: int
) -> None:
    monkeypatch.setattr("heirloom.data.statistics._TOGETHER", together)
    files = some(30, side=20)
    flat = [Image.new("RGB", (20, 20), (i * 8, 200 - i, 3 * i)) for i in range(20)]
    files |= {f"cat/b{i}.png": encoded(picture, "PNG") for i, picture in enumerate(flat)}
    root = put(tmp_path / "x", files)
    measured = stats(str(root), "train+val", side=20)
    images = load_data(str(root)).split("train+val")
    assert measured.images == len(images)
    pixels = {np.array(Image.open(path)).tobytes() for path in root.rglob("*.png")}
    rows = [np.frombuffer(data, np.uint8).reshape(20, 20, 3) for data in sorted(pixels)]
    own = np.stack(rows).transpose(0, 3, 1, 2)
    whole = stats(str(root), "train+val+test", side=20)
    colours, pca = reference(own)
    assert whole.images == 50
    np.testing.assert_allclose(whole.mean, colours.mean(0), rtol=1e-12)
    np.testing.assert_allclose(whole.std, colours.std(0), rtol=1e-9)
    np.testing.assert_allclose(whole.mean_image, own.mean(0) / 255, rtol=1e-6)
    n = len(colours)
    np.testing.assert_allclose(whole.variances, pca.explained_variance_ * (n - 1) / n, rtol=1e-9)
    np.testing.assert_allclose(np.abs(whole.axes), np.abs(pca.components_.T), atol=1e-9)
    np.testing.assert_allclose(whole.axes.T @ whole.axes, np.eye(3), atol=1e-12)
    assert all(column[np.abs(column).argmax()] > 0 for column in whole.axes.T)


def test_grey_images_have_one_axis() -> None:
    measured = stats("digits", "train")
    images = load_data("digits").split("train").images.numpy() / 255
    assert measured.size == (1, 8, 8)
    np.testing.assert_allclose(measured.mean, [images.mean()], rtol=1e-12)
    np.testing.assert_allclose(measured.variances, [images.var()], rtol=1e-9)
    assert measured.axes.tolist() == [[1.0]]


def test_the_command_prints_and_writes(tmp_path: Path, heirloom: Heirloom) -> None:
    done = heirloom("stats", "digits", "--mean-image", "mean.npy")
    assert done.returncode == 0, done.stderr
    assert "digits, train: 1,157 images of 1 x 8 x 8, 0 black to 1 white" in done.stdout
    images = load_data("digits").split("train").images.numpy() / 255
    mean = np.load(tmp_path / "mean.npy")
    assert (mean.shape, mean.dtype) == ((1, 8, 8), np.float32)
    np.testing.assert_allclose(mean, images.mean(0), rtol=1e-6, atol=1e-9)
    assert heirloom("stats", "digits", "--mean-image", "mean.npy").returncode == 2  # never written over
    found = json.loads(heirloom("stats", "digits", "--format", "json", "--split", "test").stdout)
    assert (found["schema"], found["images"], found["split"]) == (1, 382, "test")
    assert heirloom("stats", "digits", "--format", "csv").stdout.splitlines()[0] == ",grey"
    assert heirloom("stats", "digts").returncode == 2
    assert heirloom("stats", "./none").returncode == 2
