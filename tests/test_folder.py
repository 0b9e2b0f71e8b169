"""Images of one's own: folders, tables, shards; how they are split and stored, and what may be wrong."""

import csv
import hashlib
import io
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import Heirloom
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from heirloom.data import decoding, load_data, photographs, roots, store, sums
from heirloom.data.decoding import working
from heirloom.data.folder import list_images
from heirloom.data.listing import BadFile, Entry, in_order, split_of
from heirloom.data.photographs import Bad
from heirloom.data.preprocessing import Preprocess
from heirloom.diagnosis import doctor
from heirloom.errors import HeirloomError
from heirloom.job import Job
from heirloom.recipes import Recipe
from heirloom.training import train

pytestmark = pytest.mark.usefixtures("one_thread")

FIT = Preprocess((3, 16, 16), mean=(0.0,) * 3, std=(1.0,) * 3)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(roots, "cache", lambda: tmp_path / "cache")
    return tmp_path / "cache"


def image(seed: int, grey: bool = False, side: int = 16) -> bytes:
    """A PNG of its own."""
    shape = (side, side) if grey else (side, side, 3)
    pixels = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def put(root: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return root


def some(count: int = 40, classes: tuple[str, ...] = ("cat", "dog"), **how: bool) -> dict[str, bytes]:
    """So many images, spread over the classes."""
    return {f"{classes[i % len(classes)]}/{i:03d}.png": image(i, **how) for i in range(count)}


def splits_of(root: Path, fit: Preprocess = FIT) -> dict[str, int]:
    return {name: len(split) for name, split in load_data(str(root), fit=fit).splits.items()}


def pixels_of(data: bytes) -> bytes:
    return np.array(Image.open(io.BytesIO(data)).convert("RGB")).transpose(2, 0, 1).tobytes()


def contents(root: Path, fit: Preprocess = FIT) -> dict[bytes, tuple[str, str]]:
    """Every image's pixels with its split and class."""
    dataset = load_data(str(root), fit=fit)
    return {
        split.images[i].numpy().tobytes(): (name, dataset.classes[split.labels[i]])
        for name, split in dataset.splits.items()
        for i in range(len(split))
    }


# Layouts.


def test_a_folder_with_splits(tmp_path: Path) -> None:
    names = ("a/1.png", "a/more/2.png", "b/1.png", "b/2.PNG")
    places = [f"{split}/{name}" for split in ("train", "val", "test") for name in names]
    files = {place: image(number) for number, place in enumerate(places)}
    dataset = load_data(str(put(tmp_path / "x", files)), fit=FIT)
    assert dataset.classes == ("a", "b")
    assert dataset.notes == ()
    assert contents(tmp_path / "x") == {
        pixels_of(data): (name.split("/")[0], name.split("/")[1]) for name, data in files.items()
    }
    train = dataset.split("train")
    assert train.images.shape == (4, 3, 16, 16)
    assert (train.images.dtype, train.labels.dtype) == (torch.uint8, torch.int64)


@pytest.mark.parametrize(
    ("folders", "why"),
    [
        (("Train", "Test"), "'Test' looks like a split.*call it test"),
        (("train", "valid", "test"), "'valid' looks like a split.*call it val"),
        (("training", "validation"), "'training' looks like a split.*call it train"),
    ],
)
def test_splits_of_other_names_are_no_classes(tmp_path: Path, folders: tuple[str, ...], why: str) -> None:
    root = put(tmp_path / "x", {f"{folder}/{c}/1.png": image(1) for folder in folders for c in "ab"})
    with pytest.raises(HeirloomError, match=why):
        list_images(root)


def test_a_class_may_be_called_test(tmp_path: Path) -> None:
    root = put(tmp_path / "x", {f"{label}/1.png": image(1) for label in ("exam", "Test", "quiz")})
    assert list_images(root).labels == ("Test", "exam", "quiz")


def test_one_folder_is_split_by_the_bytes(tmp_path: Path) -> None:
    files = some(60)
    expected = {}
    for name, data in files.items():
        fraction = int.from_bytes(hashlib.sha256(data).digest()[:8], "big") / 2**64
        split = "train" if fraction < 0.7 else "val" if fraction < 0.85 else "test"
        expected[pixels_of(data)] = (split, name.split("/")[0])
    assert {split for split, _ in expected.values()} == {"train", "val", "test"}
    assert contents(put(tmp_path / "x", files)) == expected


def test_the_split_never_changes(tmp_path: Path) -> None:
    """Whatever is added, removed, renamed or moved, every other image stays where it was."""
    files = some(60)
    before = contents(put(tmp_path / "x", files))
    names = list(files)
    changed = {name: files[name] for name in names[5:]} | {
        f"cat/new{i}.png": image(1000 + i) for i in range(9)
    }
    changed["dog/renamed.png"] = changed.pop(names[7])  # moved to another class
    after = contents(put(tmp_path / "y", changed))
    for data in [files[name] for name in names[5:]]:
        assert after[pixels_of(data)][0] == before[pixels_of(data)][0]


def test_equal_files_are_on_one_side(tmp_path: Path) -> None:
    files = some(30) | {f"cat/copy{i}.png": image(i) for i in range(0, 30, 2)}
    dataset = load_data(str(put(tmp_path / "x", files)), fit=FIT)
    seen = [{bytes(row) for row in split.images.flatten(1).numpy()} for split in dataset.splits.values()]
    assert not seen[0] & seen[1]
    assert not (seen[0] | seen[1]) & seen[2]
    assert sum(len(split) for split in dataset.splits.values()) == 45


def test_the_rule_gives_its_shares() -> None:
    found = [split_of(hashlib.sha256(str(i).encode()).hexdigest()) for i in range(20_000)]
    for name, share in (("train", 0.7), ("val", 0.15), ("test", 0.15)):
        assert abs(found.count(name) / 20_000 - share) < 0.012
    assert split_of("0" * 64) == "train"
    assert split_of("f" * 64) == "test"


@given(st.integers(0, 2**256 - 1))
def test_the_rule_is_a_fraction(number: int) -> None:
    fraction = number / 2**256
    if min(abs(fraction - edge) for edge in (0.7, 0.85)) > 1e-9:
        assert split_of(f"{number:064x}") == (
            "train" if fraction < 0.7 else "val" if fraction < 0.85 else "test"
        )


def test_a_table(tmp_path: Path) -> None:
    files = some(8, ("x", "y"))
    put(tmp_path / "t", files)
    rows = [
        f"{name},{i % 2 * 10},{('train', 'train', 'val', 'test')[i // 2]}" for i, name in enumerate(files)
    ]
    (tmp_path / "t" / "all.csv").write_text("\ufeffPath, label ,split\n" + "\n".join(rows) + "\n\n")
    dataset = load_data(str(tmp_path / "t" / "all.csv"), fit=FIT)
    assert dataset.classes == ("0", "10")
    assert {name: sorted(split.labels.tolist()) for name, split in dataset.splits.items()} == {
        "train": [0, 0, 1, 1], "val": [0, 1], "test": [0, 1]
    }  # fmt: skip
    # Without that column the rule decides, as it does for a folder.
    (tmp_path / "t" / "two.csv").write_text("label,path\n" + "\n".join(f"{n[0]},{n}" for n in files))
    found = contents(tmp_path / "t" / "two.csv")
    assert {split for split, _ in found.values()} <= {"train", "val", "test"}
    assert found.keys() == contents(tmp_path / "t").keys()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "line 1 is ''"),
        ("a,b\nc,d\n", "line 1 is 'a,b'"),
        ("path,label,label\nc,d,e\n", "line 1 is 'path,label,label'"),
        ("path,label\nx.png\n", "line 2 has 1 cells, line 1 has 2"),
        ("path,label\n,x\n", "line 2 has no path or no label"),
        ("path,label,split\nx.png,a,tests\n", "line 2: split 'tests', did you mean 'test'?"),
        ("path,label\nx.png,a\ny.png,b\nx.png,b\n", "line 4 names x.png again, as line 2 does"),
        ("path,label,split\nx.png,a,train\ny.png,b,\n", "y.png is of no split, others are"),
        ('path,label\n"x.png,a\n', "no CSV: unexpected end of data"),
        ("path,label\n", "no images below it"),
        ("path,label\nx.png,a\ny.png,a\n", "one class alone, 'a'"),
        ("path,label,split\nx.png,a,val\ny.png,b,train\n", "the class 'a' is in val and not in train"),
        ("path,label\nx.png," + "a" * 200_000 + "\n", "no CSV: field larger than field limit"),
    ],
)
def test_tables_that_are_wrong(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(text)
    with pytest.raises(HeirloomError) as caught:
        load_data(str(path), fit=FIT)
    assert caught.value.status == 3
    assert caught.value.why.startswith(why)
    assert caught.value.where == str(path)


def shard(path: Path, members: dict[str, bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))


def test_shards(tmp_path: Path) -> None:
    """As webdataset writes them; split by the names of the shards, or by the rule."""
    members = {}
    for i in range(24):
        members |= {f"s{i:03d}.png": image(i), f"s{i:03d}.cls": str(i % 3).encode(), f"s{i:03d}.json": b"{}"}
    names = list(members)
    for number, split in enumerate(("train", "val", "test")):
        shard(
            tmp_path / "x" / f"{split}-000.tar",
            {n: members[n] for n in names[24 * number : 24 * (number + 1)]},
        )
    (tmp_path / "x" / "classes.txt").write_text("0 tench\n1 goldfish\n2\tgreat white shark\n")
    dataset = load_data(str(tmp_path / "x"), fit=FIT)
    assert dataset.classes == ("tench", "goldfish", "great white shark")
    assert {name: len(split) for name, split in dataset.splits.items()} == {"train": 8, "val": 8, "test": 8}
    assert {p: c for p, (_, c) in contents(tmp_path / "x").items()} == {
        pixels_of(image(i)): dataset.classes[i % 3] for i in range(24)
    }
    shard(tmp_path / "one.tar", members)
    put(tmp_path / "y", {f"{i % 3}/{i}.png": image(i) for i in range(24)})
    assert contents(tmp_path / "one.tar") == contents(tmp_path / "y")


def test_shards_that_are_wrong(tmp_path: Path) -> None:
    shard(
        tmp_path / "a.tar",
        {"x.png": image(1), "x.cls": b"0", "y.png": image(2), "y.cls": b"1", "z.png": image(3)},
    )
    listing = list_images(tmp_path / "a.tar")
    assert [(bad.name, bad.reason) for bad in listing.bad] == [
        ("z.png", "there is no .cls file with its label")
    ]
    whole = (tmp_path / "a.tar").read_bytes()
    for data, why in (
        (b"", "no tar file"),
        (b"junk" * 300, "no tar file"),
        (whole[:700], "no tar file|x.png is cut"),
    ):
        (tmp_path / "b.tar").write_bytes(data)
        with pytest.raises(HeirloomError, match=why):
            load_data(str(tmp_path / "b.tar"), fit=FIT)
    with tarfile.open(tmp_path / "c.tar", "w") as tar:
        for name, kind in (
            ("x.png", tarfile.SYMTYPE),
            ("y.png", tarfile.FIFOTYPE),
            ("../z.png", tarfile.LNKTYPE),
        ):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, "/etc/passwd"
            tar.addfile(member)
    with pytest.raises(HeirloomError, match="no images below it"):
        load_data(str(tmp_path / "c.tar"), fit=FIT)
    long = tarfile.TarInfo("././@LongLink")
    long.type, long.size = tarfile.GNUTYPE_LONGNAME, 2
    nested = (long.tobuf(tarfile.GNU_FORMAT) + b"x\0".ljust(512, b"\0")) * 3000
    (tmp_path / "d.tar").write_bytes(nested + bytes(1024))
    with pytest.raises(HeirloomError, match="no tar file, or a damaged one"):
        load_data(str(tmp_path / "d.tar"), fit=FIT)
    (tmp_path / "x").mkdir()
    os.mkfifo(tmp_path / "x" / "e.tar")
    with pytest.raises(HeirloomError, match=r"e\.tar: not a regular file"):
        load_data(str(tmp_path / "x"), fit=FIT)


def test_a_key_has_one_image(tmp_path: Path) -> None:
    """A mask beside a photograph is not learned from, and nobody guesses which of two is meant."""
    members = {}
    for i in range(4):
        members |= {f"{i}.jpg": image(i), f"{i}.seg.png": image(9), f"{i}.cls": str(i % 2).encode()}
    shard(tmp_path / "a.tar", members)
    listing = list_images(tmp_path / "a.tar")
    assert [entry.name for entry in listing.entries] == ["0.jpg", "1.jpg", "2.jpg", "3.jpg"]
    assert listing.notes == ["4 images whose names have further dots are left out, such as 0.seg.png"]
    shard(tmp_path / "b.tar", {"x.jpg": image(1), "x.png": image(2), "x.cls": b"0"})
    with pytest.raises(HeirloomError, match=r"x\.jpg and x\.png are two images of one key"):
        list_images(tmp_path / "b.tar")


def test_imagenets_layout_and_its_names(tmp_path: Path) -> None:
    folders = ("n02012849", "n01440764", "n03126707")
    places = [f"{split}/{f}/{i}.png" for split in ("train", "val") for f in folders for i in range(2)]
    files = {place: image(number) for number, place in enumerate(places)}
    root = put(tmp_path / "imagenet", files)
    assert load_data(str(root), fit=FIT).classes == tuple(sorted(folders))
    (root / "LOC_synset_mapping.txt").write_text(
        "n01440764 tench, Tinca tinca\nn02012849 crane\nn03126707 crane\nn09999999 other\n"
    )
    dataset = load_data(str(root), fit=FIT)
    assert dataset.classes == ("tench, Tinca tinca", "crane (n02012849)", "crane (n03126707)")
    assert dataset.notes == (
        f"{root} has no test split: val is also the test split, and measures are called so",
    )
    assert dataset.called("test") == "val"
    assert torch.equal(dataset.split("test").images, dataset.split("val").images)
    (root / "LOC_synset_mapping.txt").write_text("n01440764 tench\n")
    with pytest.raises(HeirloomError, match="it has no line for the class 'n02012849'"):
        load_data(str(root), fit=FIT)


def test_the_order_of_classes() -> None:
    assert in_order(["10", "9", "0"]) == ("0", "9", "10")
    assert in_order(["10", "9", "x"]) == ("10", "9", "x")
    assert in_order(["b", "B", "a"]) == ("B", "a", "b")


def test_a_train_folder_alone_is_split_by_the_rule(tmp_path: Path) -> None:
    put(tmp_path / "x", {f"train/{name}": data for name, data in some(40).items()})
    put(tmp_path / "y", some(40))
    assert contents(tmp_path / "x") == contents(tmp_path / "y")
    assert "there is a train split alone" in load_data(str(tmp_path / "x"), fit=FIT).notes[0]


def test_too_few_images_for_the_rule(tmp_path: Path) -> None:
    learned = [i for i in range(40) if split_of(hashlib.sha256(image(i)).hexdigest()) == "train"]
    root = put(tmp_path / "x", {f"{i % 2}/{i}.png": image(i) for i in learned})
    with pytest.raises(HeirloomError, match=r"no images to test with: .* are too few for the rule of splits"):
        load_data(str(root), fit=FIT)


# Channels.


def test_grey_images_have_one_channel(tmp_path: Path) -> None:
    root = put(tmp_path / "x", some(20, grey=True))
    dataset = load_data(str(root), fit=FIT)
    assert dataset.split("train").images.shape[1] == 1
    found = {bytes(row) for split in dataset.splits.values() for row in split.images.flatten(1).numpy()}
    assert found == {np.array(Image.open(path)).tobytes() for path in root.rglob("*.png")}


def test_a_grey_image_among_others_makes_no_network_grey(tmp_path: Path) -> None:
    root = put(tmp_path / "x", some(20) | {"cat/grey.png": image(77, grey=True)})
    for fit in (FIT, Preprocess((1, 16, 16))):
        assert load_data(str(root), fit=fit).split("train+val+test").images.shape[1] == 3
    job = Job(Recipe(model="lenet5_relu_max", data=str(root)), torch.device("cpu"))
    assert job.card.preprocess.size[0] == 3
    (root / "cat" / "grey.png").unlink()
    job = Job(Recipe(model="lenet5_relu_max", data=str(root)), torch.device("cpu"))
    assert job.card.preprocess.size[0] == 3


@pytest.mark.parametrize(
    "fit",
    [
        Preprocess((3, 20, 16), mean=(0.0,) * 3, std=(1.0,) * 3),
        Preprocess((3, 16, 16), 12, (0.0,) * 3, (1.0,) * 3),
        Preprocess((3, 16, 16), 20, (0.0,) * 3, (1.0,) * 3, "crop"),
        Preprocess((3, 16, 16), 0, (0.0,) * 3, (1.0,) * 3, "crop"),
        Preprocess((3, 16, 16), 20, (0.0,) * 3, (1.0,) * 3, "warp"),
    ],
)
def test_what_is_stored_is_what_prediction_sees(fit: Preprocess) -> None:
    """Fitted, stored, fitted again: the same pixels as from the file at once."""
    for h, w in ((30, 50), (50, 30), (16, 16), (8, 8), (40, 40), (22, 64)):
        picture = torch.randint(0, 256, (1, 3, h, w), dtype=torch.uint8)
        stored = working(fit).fit(picture)
        assert torch.equal(fit.fit(stored), fit.fit(picture))


# What is wrong with folders.


def test_what_is_hidden_or_no_image_is_left_out(tmp_path: Path) -> None:
    files = some(20)
    junk = {
        ".git/x.png": b"",
        "__MACOSX/x.png": b"",
        "@eaDir/1.png": b"",
        "cat/.hidden.png": b"",
        "cat/Thumbs.db": b"",
        "cat/.ipynb_checkpoints/1.png": b"",
        "cat/notes.txt": b"",
        "lost+found/x.png": b"",
        "beside.png": image(9),
    }
    root = put(tmp_path / "x", files | junk)
    dataset = load_data(str(root), fit=FIT)
    assert dataset.classes == ("cat", "dog")
    assert dataset.bad == ()
    assert sum(map(len, dataset.splits.values())) == 20
    assert dataset.notes == (
        "1 images beside the folders of classes are left out: beside.png",
        "1 files of cat are no images by their names",
    )


def test_links_end(tmp_path: Path) -> None:
    """Loops, two at once; a link to a class elsewhere counts; each folder is entered once."""
    root = put(tmp_path / "x", some(20))
    put(tmp_path / "elsewhere", {f"{i}.png": image(100 + i) for i in range(6)})
    (root / "cat" / "loop").symlink_to("..")
    (root / "dog" / "loop").symlink_to("../cat")
    (root / "top").symlink_to(".")
    (root / "itself").symlink_to("itself")
    (root / "emu").symlink_to(tmp_path / "elsewhere")
    began = time.monotonic()
    dataset = load_data(str(root), fit=FIT)
    assert time.monotonic() - began < 5
    assert dataset.classes == ("cat", "dog", "emu")
    assert sum(map(len, dataset.splits.values())) == 26
    assert dataset.notes == ("top is a link to a folder that was seen already",)


def test_bad_files_are_skipped_and_listed(tmp_path: Path) -> None:
    """Each with its own reason; nothing hangs."""
    root = put(tmp_path / "x", some(300))
    os.mkfifo(root / "cat" / "pipe.png")
    (root / "cat" / "gone.png").symlink_to("nowhere")
    (root / "dog" / "text.jpg").write_text("<html>")
    (root / "dog" / "empty.jpg").write_bytes(b"")
    (root / "dog" / "cut.png").write_bytes(image(1)[:-30])
    (root / "dog" / "folder.png").mkdir()
    dataset = load_data(str(root), fit=FIT)
    assert sum(map(len, dataset.splits.values())) == 300
    assert {bad.name: bad.reason.partition(":")[0] for bad in dataset.bad} == {
        "cat/gone.png": "no such file or directory",
        "cat/pipe.png": "not a regular file",
        "dog/cut.png": "cut short",
        "dog/empty.jpg": "its content is none of JPEG, PNG, BMP, GIF, WEBP, TIFF, PPM",
        "dog/text.jpg": "its content is none of JPEG, PNG, BMP, GIF, WEBP, TIFF, PPM",
    }
    assert dataset.notes[-1].startswith("5 bad files are left out, such as ")
    assert [bad.name for bad in load_data(str(root), fit=FIT).bad] == [bad.name for bad in dataset.bad]


def test_too_many_bad_files_are_an_error(tmp_path: Path) -> None:
    root = put(tmp_path / "x", some(40))
    (root / "cat" / "bad.png").write_bytes(b"x")  # 1 of 21
    assert len(load_data(str(root), fit=FIT).bad) == 1
    (root / "cat" / "worse.png").write_bytes(b"y")  # 2 of 22
    with pytest.raises(HeirloomError) as caught:
        load_data(str(root), fit=FIT)
    line = str(caught.value)
    assert line.startswith(f"2 of 22 images of 'cat' are bad: {root}: cat/")
    assert line.endswith("mend or remove them; heirloom doctor lists them all [E-data-file]")
    put(tmp_path / "y", some(40) | {"emu/1.png": b"x"})
    with pytest.raises(HeirloomError, match="1 of 1 images of 'emu' is bad"):
        load_data(str(tmp_path / "y"), fit=FIT)


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({}, "no images below it"),
        ({"a.png": b"", "b.png": b""}, "2 images and no folders of classes in it: put them"),
        ({"cat/1.png": image(1)}, "one class alone, 'cat': name the folder above the classes"),
        ({"cat/1.png": image(1), "dog/readme.txt": b""}, "no images in 'dog': remove that folder"),
        ({"train/a/1.png": image(1), "train/b/1.png": image(2), "val/c/1.png": image(3)}, "'c' is in val"),
        ({"val/a/1.png": image(1), "val/b/1.png": image(2)}, "no images in train/"),
        ({"train/a/1.png": image(1), "train/b/1.png": image(2), "val/1.png": image(3)}, "classes in val/"),
    ],
)  # fmt: skip
def test_folders_that_are_no_data_set(tmp_path: Path, files: dict[str, bytes], why: str) -> None:
    root = put(tmp_path / "x", files)
    root.mkdir(exist_ok=True)
    with pytest.raises(HeirloomError, match=why) as caught:
        load_data(str(root), fit=FIT)
    assert caught.value.status == 3


def test_paths_that_are_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(HeirloomError, match=r"no data at \./none: no such file or folder"):
        load_data("./none")
    (tmp_path / "photos").mkdir()
    with pytest.raises(
        HeirloomError, match=r"unknown data set 'photos': .*: for the folder here, write ./photos"
    ):
        load_data("photos")
    (tmp_path / "x.zip").write_bytes(b"")
    os.mkfifo(tmp_path / "pipe.csv")
    for name in ("./x.zip", "./pipe.csv"):
        with pytest.raises(HeirloomError, match=r"it is no folder, no \.csv and no \.tar"):
            load_data(name)


def test_classes_that_a_validation_set_lacks_are_noted(tmp_path: Path) -> None:
    files = {f"train/{c}/{i}.png": image(ord(c) + i * 7) for c in "abc" for i in range(2)} | {
        "val/a/1.png": image(5)
    }
    notes = load_data(str(put(tmp_path / "x", files)), fit=FIT).notes
    assert "val has no images of 2 classes: b, c" in notes


def test_twins_are_noted(tmp_path: Path) -> None:
    labels = ("Cat", "cat", "dog ", "dog", "\xe9", "e\u0301")
    files = {f"{c}/{i}.png": image(1000 * n + i) for n, c in enumerate(labels) for i in range(8)}
    dataset = load_data(str(put(tmp_path / "x", files)), fit=FIT)
    assert len(dataset.classes) == 6
    assert [note for note in dataset.notes if "nearly" in note] == [
        "two classes have nearly one name: 'Cat' and 'cat'",
        "two classes have nearly one name: 'dog' and 'dog '",
        "two classes have nearly one name: 'e\u0301' and '\xe9'",
    ]


def test_images_that_leak_are_noted(tmp_path: Path) -> None:
    places = [f"{split}/{c}/{i}.png" for split in ("train", "test") for c in "ab" for i in range(4)]
    files = {place: image(number) for number, place in enumerate(places)}
    files["test/b/copy.png"] = image(1)
    assert load_data(str(put(tmp_path / "x", files)), fit=FIT).notes == (
        "1 images of test are also in train, such as test/b/copy.png",
    )


@pytest.mark.skipif(sys.platform != "linux", reason="names of any bytes")
def test_names_of_every_kind(tmp_path: Path) -> None:
    names = ["-x", "new\nline", "ünï", "😀", "a" * 250, " lead", "quote\"'", "CON", "100%", b"\xff\xfe bytes"]
    folder = tmp_path / "x"
    for number, name in enumerate(names):
        raw = os.fsdecode((name if isinstance(name, bytes) else name.encode()) + b".png")
        put(folder, {f"cat/{raw}": image(2 * number), f"dog/{raw}": image(2 * number + 1)})
    dataset = load_data(str(folder), fit=FIT)
    assert sum(map(len, dataset.splits.values())) == 20
    assert dataset.bad == ()
    (folder / "dog").rename(folder / os.fsdecode(b"d\xffg"))
    with pytest.raises(HeirloomError, match="is not UTF-8: rename it"):
        load_data(str(folder), fit=FIT)


def test_folders_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = put(tmp_path / "x", some(60) | {"cat/shut/1.png": b""})
    scan = os.scandir

    def refuse(path: object) -> object:
        if "shut" in str(path):
            raise PermissionError(13, "Permission denied")
        return scan(path)  # type: ignore[call-overload]

    monkeypatch.setattr(os, "scandir", refuse)
    line = rf"{root}/cat/shut: permission denied, and nobody knows what is in it: let it be read, or hide it"
    with pytest.raises(HeirloomError, match=line) as caught:
        load_data(str(root), fit=FIT)
    assert caught.value.code == "E-data-file"
    wrong = {each.what: each.files for each in doctor(root).findings if each.wrong}
    assert wrong["cannot be read"] == ("cat/shut: permission denied",)
    assert wrong["no data set as it is"] == ("permission denied, and nobody knows what is in it",)
    (root / "cat" / "shut").rename(root / "cat" / ".shut")
    assert load_data(str(root), fit=FIT).bad == ()
    (root / "emu-shut").mkdir()
    with pytest.raises(HeirloomError, match=r"x/emu-shut: permission denied"):
        load_data(str(root), fit=FIT)


# Counting bad files.

_LABELS = st.sampled_from(["", "a", "b"])


@given(st.lists(_LABELS, max_size=60), st.lists(_LABELS, max_size=3), st.lists(_LABELS, max_size=8))
def test_bad_files_are_counted_as_all_of_them_at_once(
    good: list[str], known: list[str], more: list[str]
) -> None:
    """The plain rule, over everything, at each file: over a twentieth of a class is too many."""

    def refused(labels: list[str]) -> bool:
        lost = Counter(labels)
        return any(label and lost[label] * 20 > [*good, *known].count(label) for label in lost)

    files = [BadFile(str(number), "", label) for number, label in enumerate([*known, *more])]
    if refused(known):
        with pytest.raises(HeirloomError, match=r"(is|are) bad"):
            Bad(Path("x"), good, files[: len(known)])
        return
    bad = Bad(Path("x"), good, files[: len(known)])
    for number in range(len(known), len(files)):
        if refused([file.label for file in files[: number + 1]]):
            with pytest.raises(HeirloomError, match=r"of [\d,]+ images of '[ab]' (is|are) bad"):
                bad.add(files[number])
            return
        bad.add(files[number])
        bad.add(files[number])  # another store of the same files has it too
        assert bad.files == files[: number + 1]


def test_many_bad_files_among_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each looks at its own class alone: recounting 400,000 images for each of 20,000 takes an hour."""
    bad, checks = Bad(Path("x"), [str(i % 4) for i in range(400_000)], []), 0
    check = photographs.check_bad

    def counted(*arguments: Any) -> None:
        nonlocal checks
        checks += 1
        check(*arguments)

    monkeypatch.setattr(photographs, "check_bad", counted)
    for i in range(20_000):
        bad.add(BadFile(f"{i}.png", "cut short", str(i % 4)))
    assert (len(bad.files), checks) == (20_000, 20_000)
    with pytest.raises(HeirloomError, match="5,001 of 100,000 images of '0' are bad"):
        bad.add(BadFile("one.png", "", "0"))


# The store.


def decodes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of files that are decoded from now on."""
    seen: list[str] = []
    true = decoding.open_image

    def watch(data: bytes, name: str, least: int) -> torch.Tensor:
        seen.append(name)
        return true(data, name, least)

    monkeypatch.setattr(decoding, "open_image", watch)
    return seen


def sha(root: Path, name: str) -> str:
    path = root / name
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else "0" * 64


def test_everything_is_decoded_once(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, seen = put(tmp_path / "x", some(30)), decodes(monkeypatch)
    first = load_data(str(root), fit=FIT).split("train")
    assert len(seen) == 30
    again = load_data(str(root), fit=FIT).split("train")
    shutil.move(root, tmp_path / "y")
    (tmp_path / "y" / "cat" / "000.png").rename(tmp_path / "y" / "cat" / "zzz.png")
    moved = load_data(str(tmp_path / "y"), fit=FIT).split("train")
    assert len(seen) == 30
    for other in (again, moved):
        assert torch.equal(first.images, other.images)
        assert torch.equal(first.labels, other.labels)
    assert len(list((cache / "decoded").glob("*/images.u8"))) == 3  # a store for each split
    changed = next(name for name in sorted(seen) if split_of(sha(tmp_path / "y", name)) == "test")
    (tmp_path / "y" / changed).write_bytes(image(999))  # another file under the name
    load_data(str(tmp_path / "y"), fit=FIT)
    assert 30 < len(seen) <= 60  # the splits that it left and joined


def test_a_file_that_changes_is_noticed_at_once(tmp_path: Path) -> None:
    """Even with the same size and time of writing."""
    root = put(tmp_path / "x", {f"{c}/{i}.bmp": image(i + 100 * (c == "b")) for c in "ab" for i in range(12)})
    before = contents(root)
    path = root / "a" / "3.bmp"
    status, old = path.stat(), path.read_bytes()
    new = image(3)[:-40] + bytes(40)
    path.write_bytes(new[: len(old)].ljust(len(old), b"\0"))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    with pytest.raises(HeirloomError, match=r"1 of 12 images of 'a' is bad: .*a/3.bmp"):
        load_data(str(root), fit=FIT)
    path.write_bytes(old)
    assert contents(root) == before


def test_a_second_run_reads_no_file(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their sums are kept by place, size and times, once these have settled; a damaged index costs time."""
    root = put(tmp_path / "x", some(20))
    monkeypatch.setattr(sums, "SETTLED", -1.0)
    before = contents(root)
    (index,) = (cache / "digests").iterdir()
    with monkeypatch.context() as patch:
        patch.setattr(Entry, "read", None)
        assert contents(root) == before
    for damage in ("[" * 100_000, "{}", '{"cat/000.png": 3}', '{"cat/000.png": [1, 2]}', "", "null"):
        index.write_text(damage)
        assert contents(root) == before
    monkeypatch.setattr(sums, "SETTLED", 2.0)
    index.unlink()
    assert contents(root) == before
    assert not index.exists() or json.loads(index.read_text()) == {}  # written a moment ago


def test_writing_into_the_tensor_does_not_reach_the_store(tmp_path: Path) -> None:
    root = put(tmp_path / "x", some(20))
    images = load_data(str(root), fit=FIT).split("train").images
    kept = images.clone()
    images.zero_()
    assert torch.equal(load_data(str(root), fit=FIT).split("train").images, kept)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it may be refused")
def test_a_store_larger_than_the_memory_is_mapped(tmp_path: Path) -> None:
    """A terabyte that takes no room on the disk."""
    place, shape = tmp_path / "store", (2**20, 4, 512, 512)
    place.mkdir()
    with (place / "images.u8").open("wb") as file:
        file.truncate(2**40)
    (place / "facts.json").write_text(json.dumps({"shape": shape, "bad": {}}))
    images = store.Store(place, shape, lambda row: b"", lambda row, why: None).images
    images[-1, 0, 0, 0] = 3
    assert images[-1].sum() == 3
    assert (place / "images.u8").stat().st_blocks * 512 < 2**20


@pytest.mark.parametrize("damage", ["short", "gone", "facts", "pixels", "nothing"])
def test_a_damaged_store_is_made_again(tmp_path: Path, cache: Path, damage: str) -> None:
    root = put(tmp_path / "x", some(20))
    before = contents(root)
    for place in list((cache / "decoded").glob("*/")):
        for _ in range(1000):  # it is written when the disk has all
            if (place / "facts.json").exists():
                break
            time.sleep(0.02)
        if damage == "short":
            with (place / "images.u8").open("rb+") as file:
                file.truncate(100)
        elif damage == "gone":
            (place / "images.u8").unlink()
        elif damage == "facts":
            (place / "facts.json").write_text('{"shape": [')
        elif damage == "pixels":  # as after a loss of power: what was said to be there is not
            (place / "facts.json").unlink()
            (place / "images.u8").write_bytes(bytes((place / "images.u8").stat().st_size))
        else:
            shutil.rmtree(place)
            place.mkdir()
    assert contents(root) == before


LOAD = (
    "import sys\nfrom pathlib import Path\nsys.stdout.reconfigure(line_buffering=True)\n"
    "from heirloom.data import load_data, roots\n"
    "from heirloom.data.preprocessing import Preprocess\n"
    "roots.cache = lambda: Path(sys.argv[2])\n"
    "import heirloom.data.decoding as d, time\n"
    "true = d.open_image\n"
    "def slow(*a):\n    sys.stdout.write('decode\\n')\n"
    "    time.sleep(float(sys.argv[3]))\n    return true(*a)\n"
    "d.open_image = slow\n"
    "fit = Preprocess((3, 16, 16), mean=(0.0,) * 3, std=(1.0,) * 3)\n"
    "s = load_data(sys.argv[1], fit=fit).split('train+val+test')\n"
    "print('sum', int(s.images.long().sum()), len(s))\n"
)


def start(root: Path, cache: Path, seconds: float) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", LOAD, str(root), str(cache), str(seconds)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_two_processes_and_a_kill(tmp_path: Path, cache: Path) -> None:
    root = put(tmp_path / "x", some(30))
    killed = start(root, cache, 0.2)
    assert killed.stdout
    assert killed.stdout.readline() == "decode\n"
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    killed.stdout.close()
    assert not list((cache / "decoded").glob("*/facts.json"))  # nothing that is half is said to be whole
    both = [start(root, cache, 0.02) for _ in range(2)]
    outputs = [process.communicate(timeout=100)[0].splitlines() for process in both]
    assert outputs[0][-1] == outputs[1][-1]
    total = sum(np.frombuffer(pixels, np.uint8).sum(dtype=np.int64) for pixels in contents(root))
    assert outputs[0][-1] == f"sum {total} 30"
    assert not list((cache / "decoded").glob(".*.tmp"))  # what the killed one left was swept


def test_a_full_disk_is_one_clear_line(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = put(tmp_path / "x", some(20))
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=100))
    with pytest.raises(
        HeirloomError, match=r"[0-9,]+ bytes are needed, 100 are free: free some space"
    ) as caught:
        load_data(str(root), fit=FIT)
    assert caught.value.status == 5
    monkeypatch.undo()
    monkeypatch.setattr(roots, "cache", lambda: cache)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8000, hard))
    try:
        with pytest.raises(HeirloomError, match=r"cannot write: .*decoded.*: file too large"):
            load_data(str(root), fit=FIT)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert [path.name for path in (cache / "decoded").iterdir() if not path.name.endswith(".lock")] == []
    assert len(contents(root)) == 20


def test_a_cache_that_cannot_be_written(tmp_path: Path, cache: Path) -> None:
    cache.write_text("a file in its place")
    with pytest.raises(HeirloomError, match="not a directory: choose another cache folder: XDG") as caught:
        load_data(str(put(tmp_path / "x", some(10))), fit=FIT)
    assert caught.value.status == 5


def test_a_whole_store_needs_no_leave_to_write(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an administrator has decoded for all."""
    root = put(tmp_path / "x", some(20))
    before = contents(root)
    while len(list(cache.glob("decoded/*/facts.json"))) < 3:
        time.sleep(0.01)

    def refused(*arguments: object, **more: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    for name in ("utime", "mkdir", "open"):
        monkeypatch.setattr(store.os, name, refused)
    assert contents(root) == before


def test_a_class_that_the_rule_leaves_nothing_to_learn_is_an_error(tmp_path: Path) -> None:
    root = put(tmp_path / "x", some(40))
    lone = next(
        data for i in range(100, 200) if split_of(hashlib.sha256(data := image(i)).hexdigest()) == "test"
    )
    put(root, {"rare/1.png": lone})
    why = "no image of 'rare' is in train: the rule of splits put them into test"
    with pytest.raises(HeirloomError, match=why):
        load_data(str(root), fit=FIT)
    assert [found.files for found in doctor(root).findings if found.wrong] == [(why,)]


# The whole.


def test_a_network_learns_a_folder(
    tmp_path: Path, heirloom: Heirloom, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trained by a path, with a bad file, evaluated from elsewhere, resumed as complete."""
    put(tmp_path / "photos", some(60, side=40) | {"cat/bad.png": b"x"})
    (tmp_path / "photos" / "cat").joinpath("bad.png").rename(tmp_path / "photos" / "dog" / 'b"d,.png')
    done = heirloom("train", "lenet5_relu_max", "--data", "./photos", "--set", "epochs=1", "--quiet")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "run: runs/lenet5_relu_max_photos-001"
    run = tmp_path / "runs" / "lenet5_relu_max_photos-001"
    rows = list(csv.reader((run / "bad_files.csv").read_text().splitlines()))
    assert rows == [
        ["path", "reason"],
        ['dog/b"d,.png', "its content is none of JPEG, PNG, BMP, GIF, WEBP, TIFF, PPM"],
    ]
    assert json.loads((run / "recipe.json").read_text())["data"] == str(tmp_path / "photos")
    assert "1 bad file is left out" in done.stderr
    monkeypatch.chdir(run)
    again = heirloom("evaluate", run, "--data", "../../photos", "--split", "train")
    assert again.returncode == 0, again.stderr
    assert (run / "evaluations" / "train-center.json").is_file()
    assert heirloom("resume", run, "--quiet").returncode == 0
    put(tmp_path / "more", some(30, side=40))
    other = heirloom("evaluate", run, "--data", tmp_path / "more")
    assert other.returncode == 0, other.stderr
    assert (run / "evaluations" / "more-test-center.json").is_file()


def test_the_network_says_how_many_channels_and_pixels(tmp_path: Path) -> None:
    root = put(tmp_path / "x", some(20, grey=True))
    recipe = Recipe(model="lenet5_softmax", data=str(root), max_steps=1, batch_size=4)
    *_, done = train(recipe, out=tmp_path / "run", threads=1)
    assert done.event == "done"
    stores = list((tmp_path / "cache" / "decoded").iterdir())
    rows = [(place / "rows.u64").stat().st_size // 8 for place in stores]
    assert sum(rows) == 20 - splits_of(root)["test"]  # which nobody has asked for
    assert [(place / "images.u8").stat().st_size for place in stores] == [n * 32 * 32 for n in rows]
