"""IDX files and what is wrong with them: one clear line each, and never memory for what is only promised."""

import gzip
import io
import os
import random
import re
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import Heirloom
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from heirloom.data import idx as idx_file
from heirloom.data import load_data, published, roots
from heirloom.data.idx import MOST_BYTES, read_idx, read_labelled
from heirloom.data.published import NAMES
from heirloom.errors import HeirloomError

REMEDY = "move it away, then: heirloom fetch mnist"


def idx(array: np.ndarray, kind: int = 8) -> bytes:
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, kind, array.ndim, *array.shape) + array.tobytes()


@pytest.fixture(autouse=True)
def _small_files_count_as_published(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in published.FILES:
        monkeypatch.setitem(published.FILES, name, ())


def images(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 4, 3), np.uint8)


def labels(count: int) -> np.ndarray:
    return (np.arange(count) % 10).astype(np.uint8)


def data_set(root: Path, name: str = "mnist", count: int = 12, test: int = 5, end: str = ".gz") -> list[Path]:
    """A small one, and its files."""
    folder = root / name
    folder.mkdir(parents=True)
    contents = [images(count), labels(count), images(test, 1), labels(test)]
    paths = [folder / f"{file}{end}" for file in NAMES]
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(gzip.compress(idx(content)) if end else idx(content))
    return paths


def fault(path: Path, content: bytes) -> str:
    """What is said of a file with this content; gzipped it is the same, as far as that can be."""
    path.write_bytes(content)
    with pytest.raises(HeirloomError) as caught:
        read_idx(path, REMEDY)
    error = caught.value
    assert (error.code, error.status, error.where, error.remedy) == ("E-data-file", 3, str(path), REMEDY)
    return error.why


GOOD = idx(images(7))


def test_a_good_file_gzipped_or_not(tmp_path: Path) -> None:
    for content in (GOOD, gzip.compress(GOOD), gzip.compress(GOOD[:9]) + gzip.compress(GOOD[9:])):
        (tmp_path / "x").write_bytes(content)
        np.testing.assert_array_equal(read_idx(tmp_path / "x"), images(7))


def test_d1_empty_or_shorter_than_four_bytes(tmp_path: Path) -> None:
    assert fault(tmp_path / "x", b"") == "0 bytes, an IDX file needs at least 4"
    assert fault(tmp_path / "x", b"\0\0\x08") == "3 bytes, an IDX file needs at least 4"
    assert fault(tmp_path / "x", gzip.compress(b"")) == "0 bytes, an IDX file needs at least 4"
    assert fault(tmp_path / "x", GOOD[:15]) == "cut short within its header: 15 bytes of 16"


def test_d2_gzip_is_told_by_content(tmp_path: Path) -> None:
    paths = data_set(tmp_path)
    paths[0].rename(paths[0].with_suffix(""))  # gzipped under the plain name
    paths[1].write_bytes(idx(labels(12)))  # plain under the gzipped name
    assert len(load_data("mnist", [tmp_path]).split("train+val")) == 12
    twice = fault(tmp_path / "x", gzip.compress(gzip.compress(GOOD)))
    assert "1f 8b, which looks like gzip data packed twice" in twice
    packed = gzip.compress(GOOD)
    assert fault(tmp_path / "x", packed[:-9]) == "its gzip stream is cut short"
    flipped = packed[:-8] + bytes([packed[-8] ^ 1]) + packed[-7:]
    assert "CRC check failed" in fault(tmp_path / "x", flipped)


@pytest.mark.parametrize("page", [b"<!DOCTYPE html><html>", b"\r\n  <html>", b'<?xml version="1.0"?><Error>'])
def test_d3_a_web_page(tmp_path: Path, page: bytes) -> None:
    assert fault(tmp_path / "x", page) == "it looks like a web page: a failed download"
    assert fault(tmp_path / "x", gzip.compress(page)) == "it looks like a web page: a failed download"


def test_d4_unknown_type_or_dimensions(tmp_path: Path) -> None:
    why = fault(tmp_path / "x", b"\0\0\x0a\x01" + bytes(8))
    assert why.startswith("there is no type 0x0a of numbers (byte offset 2)")
    for count in (0, 5, 255):
        why = fault(tmp_path / "x", bytes([0, 0, 8, count]) + bytes(8))
        assert why == f"{count} dimensions (byte offset 3), allowed are 1 to 4"
    assert "begins with 50 4b, not with 00 00 (byte offset 0)" in fault(tmp_path / "x", b"PK\x03\x04" + GOOD)
    none = struct.pack(">BBBB3I", 0, 0, 8, 3, 2, 0, 28)
    assert fault(tmp_path / "x", none) == "dimension 1 is 0 (byte offset 8)"


def test_d5_a_header_that_promises_too_much(tmp_path: Path) -> None:
    lying = struct.pack(">BBBB3I", 0, 0, 8, 3, 2**32 - 1, 28, 28) + bytes(100)
    for content in (lying, gzip.compress(lying)):
        why = fault(tmp_path / "x", content)
        assert "(byte offset 4) promises 4294967295 x 28 x 28 = 3,367,254,359,280 bytes of data, " in why
        assert "there are 100; the limit is 268,435,456" in why
    modest = struct.pack(">BBBB1I", 0, 0, 8, 1, 10**8) + bytes(3)
    assert "promises 100000000 = 100,000,000 bytes of data, there are 3" in fault(tmp_path / "x", modest)


def test_d5_memory_is_taken_for_what_is_there(tmp_path: Path) -> None:
    """A lying header, and a gzip bomb, in a process that may have little memory."""
    (tmp_path / "lie").write_bytes(struct.pack(">BBBB1I", 0, 0, 8, 1, MOST_BYTES) + bytes(100))
    with gzip.open(tmp_path / "bomb", "wb", compresslevel=1) as bomb:
        bomb.write(struct.pack(">BBBB1I", 0, 0, 8, 1, 10))
        for _ in range(300):
            bomb.write(bytes(2**20))
    code = (
        "import sys, resource\n"
        "from pathlib import Path\n"
        "from heirloom.data.idx import read_idx\n"
        "have = int(Path('/proc/self/statm').read_text().split()[0]) * resource.getpagesize()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (have + 2**24, have + 2**24))\n"
        "for name in sys.argv[1:]:\n"
        "    try:\n        read_idx(Path(name))\n    except Exception as error:\n        print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "lie", "bomb"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    lie, bomb_line = done.stdout.splitlines()
    assert "promises 268435456 = 268,435,456 bytes of data, there are 100" in lie
    assert "promises 10 = 10 bytes of data, there are more than 268,435,456" in bomb_line


def test_d6_more_or_less_than_the_header_says(tmp_path: Path) -> None:
    assert "promises 7 x 4 x 3 = 84 bytes of data, there are 83" in fault(tmp_path / "x", GOOD[:-1])
    assert "promises 7 x 4 x 3 = 84 bytes of data, there are 85" in fault(tmp_path / "x", GOOD + b"x")
    assert "there are 0" in fault(tmp_path / "x", gzip.compress(GOOD[:16]))


def test_d7_images_and_labels_that_do_not_belong_together(tmp_path: Path) -> None:
    pictures, answers = tmp_path / "images", tmp_path / "labels"
    pictures.write_bytes(idx(images(7)))
    answers.write_bytes(idx(labels(6)))
    where = re.escape(f"{pictures} and {answers}")
    with pytest.raises(HeirloomError, match=rf"{where}: 7 images, 6 labels: {REMEDY} \[E-data-file\]"):
        read_labelled(pictures, answers, 10, REMEDY)
    where = re.escape(f"{answers} and {pictures}")
    with pytest.raises(HeirloomError, match=rf"{where}: swapped: .* 1 dimension, 6, .* 3 .*, 7 x 4 x 3"):
        read_labelled(answers, pictures, 10)
    with pytest.raises(HeirloomError, match=r"no images with .*should be 3 and 1 \(byte offset 3\)"):
        read_labelled(pictures, pictures, 10)


def test_d7_training_and_test_files_of_different_size(tmp_path: Path) -> None:
    paths = data_set(tmp_path)
    paths[2].write_bytes(idx(images(5).reshape(5, 3, 4)))
    with pytest.raises(HeirloomError, match=r"train-images.* and .*t10k-.*: 12 of 4 x 3 and 5 of 3 x 4"):
        load_data("mnist", [tmp_path])


def test_d8_a_label_out_of_range(tmp_path: Path) -> None:
    paths = data_set(tmp_path)
    for bad in (10, 255):
        wrong = labels(12)
        wrong[9] = bad
        paths[1].write_bytes(idx(wrong))
        with pytest.raises(HeirloomError, match=rf"label 9 \(byte offset 17\) is {bad}, allowed are 0 to 9"):
            load_data("mnist", [tmp_path])


@pytest.mark.parametrize(("kind", "name"), [(9, "int8"), (11, "int16"), (12, "int32"), (13, "float32")])
def test_d9_other_numbers_than_bytes_are_refused(tmp_path: Path, kind: int, name: str) -> None:
    content = idx(images(4), kind)
    assert fault(tmp_path / "x", content) == (
        f"its numbers are {name} (byte offset 2), images and labels are uint8, type 0x08"
    )


def test_d10_test_images_that_are_also_learned(tmp_path: Path) -> None:
    paths = data_set(tmp_path)
    assert load_data("mnist", [tmp_path]).notes == ()
    paths[2].write_bytes(idx(images(12)[:5]))
    (note,) = load_data("mnist", [tmp_path]).notes
    assert note == f"5 of the 5 test images of mnist are also in its training file {paths[0]}"
    some = np.concatenate([images(12)[3:5], images(3, 1)])
    paths[2].write_bytes(idx(some))
    assert load_data("mnist", [tmp_path]).notes[0].startswith("2 of the 5 test images")


def test_what_is_no_regular_file_never_hangs(tmp_path: Path) -> None:
    paths = data_set(tmp_path)
    paths[0].unlink()
    os.mkfifo(paths[0])
    with pytest.raises(HeirloomError, match=r"train-images-idx3-ubyte\.gz: not a regular file"):
        load_data("mnist", [tmp_path])
    paths[0].unlink()
    paths[0].mkdir()
    with pytest.raises(HeirloomError, match="not a regular file"):
        load_data("mnist", [tmp_path])


@pytest.mark.parametrize("end", [".gz", ""])
@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_splits(tmp_path: Path, name: str, end: str) -> None:
    data_set(tmp_path, name, end=end)
    dataset = load_data(name, [tmp_path])
    assert {key: len(split) for key, split in dataset.splits.items()} == {"train": 10, "val": 2, "test": 5}
    whole = dataset.split("train+val")
    assert whole.images.shape == (12, 1, 4, 3)
    assert (whole.images.dtype, whole.labels.dtype) == (torch.uint8, torch.int64)
    np.testing.assert_array_equal(whole.images[:, 0].numpy(), images(12))
    assert whole.labels.tolist() == labels(12).tolist()
    assert len(dataset.classes) == 10
    assert dataset.classes[9] == {"mnist": "9", "fashion_mnist": "Ankle boot"}[name]


def test_two_images_to_train_with_are_needed(tmp_path: Path) -> None:
    data_set(tmp_path, count=1)
    with pytest.raises(HeirloomError, match="2 images to train with"):
        load_data("mnist", [tmp_path])
    data_set(tmp_path / "more", count=2)
    assert len(load_data("mnist", [tmp_path / "more"]).split("val")) == 1


# Roots.


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No data set anywhere but below these folders."""
    monkeypatch.setattr(roots, "cache", lambda: tmp_path / "cache")
    monkeypatch.setattr(roots, "_used", ())
    monkeypatch.delenv("HEIRLOOM_DATA", raising=False)
    return tmp_path / "cache"


def test_roots_in_their_order(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number, root in enumerate(("given", "used", "first", "second", "cache")):
        data_set(tmp_path / root, count=20 - number)

    def found(*given: Path) -> int:
        return len(load_data("mnist", given).split("train+val"))

    assert found() == 16
    monkeypatch.setenv(
        "HEIRLOOM_DATA", os.pathsep.join(["", str(tmp_path / "none"), str(tmp_path / "second")])
    )
    assert found() == 17
    monkeypatch.setenv("HEIRLOOM_DATA", os.pathsep.join(str(tmp_path / r) for r in ("first", "second")))
    assert found() == 18
    roots.use([tmp_path / "used"])
    assert found() == 19
    assert found(tmp_path / "given") == 20


def test_no_data_set_says_where_we_looked(tmp_path: Path, cache: Path) -> None:
    with pytest.raises(HeirloomError) as caught:
        load_data("mnist", [tmp_path / "a"])
    line = str(caught.value)
    assert line.startswith(
        f"no data set mnist here: looked for {tmp_path}/a/mnist, {cache}/mnist: download it: "
    )
    assert "heirloom fetch mnist" in line
    assert "t10k-labels-idx1-ubyte, each with or without .gz [E-data]" in line


def test_half_a_data_set_is_none(tmp_path: Path, cache: Path) -> None:
    data_set(cache)
    data_set(tmp_path / "half")[3].unlink()
    assert len(load_data("mnist", [tmp_path / "half"]).split("test")) == 5  # from the next root, as a whole
    (cache / "mnist" / f"{NAMES[1]}.gz").unlink()
    (cache / "mnist" / f"{NAMES[3]}.gz").unlink()
    with pytest.raises(HeirloomError, match=r"mnist is not complete: .*half/mnist: t10k-labels.* is missing"):
        load_data("mnist", [tmp_path / "half"])


def test_a_folder_that_may_not_be_looked_into(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data_set(tmp_path / "shut")
    exists = Path.exists

    def refuse(path: Path) -> bool:
        if "shut" in path.parts:
            raise PermissionError(13, "Permission denied")
        return exists(path)

    monkeypatch.setattr(Path, "exists", refuse)
    with pytest.raises(HeirloomError, match=r"cannot read the data: .*shut.*: permission denied"):
        load_data("mnist", [tmp_path / "shut"])


def test_the_cache_is_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    if sys.platform == "linux":
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        assert roots.cache() == tmp_path / "heirloom"


def test_the_commands_take_data_roots(heirloom: Heirloom, tmp_path: Path, cache: Path) -> None:
    data_set(tmp_path / "data", count=60, test=20)
    where = ("--data-root", tmp_path / "data")
    train = ("train", "lenet5_relu_max", "--data", "mnist", "--set", "epochs=1", "--out", "run", "--quiet")
    done = heirloom(*train)
    assert done.returncode == 2
    assert "no data set mnist here" in done.stderr
    assert not (tmp_path / "run").exists()
    done = heirloom(*train, "--data-root", "nowhere")
    assert done.returncode == 2
    assert "--data-root nowhere: no such folder [E-usage]" in done.stderr
    assert heirloom(*train, *where).returncode == 0
    assert heirloom("evaluate", "run").returncode == 2
    for command in ("evaluate", "report", "resume"):
        assert heirloom(command, "run", *where).returncode == 0


# Mutations.


def mutated(chance: random.Random, content: bytes) -> bytes:
    """One to four bytes set, put in, taken out, the end cut off; packed before or after, or not at all."""
    if chance.random() < 0.2:
        content = gzip.compress(content, chance.choice([0, 1, 9]))
    changed = bytearray(content)
    for _ in range(chance.randint(1, 4)):
        # Half of the changes hit the header.
        at = (
            chance.randrange(min(len(changed), 18) if chance.random() < 0.5 else len(changed))
            if changed
            else 0
        )
        match chance.randrange(5):
            case 0 | 1:
                changed[at : at + 1] = bytes(
                    [chance.choice([0, 1, 2, 3, 8, 13, 127, 255, chance.randrange(256)])]
                )
            case 2:
                changed[at:at] = chance.randbytes(chance.randint(1, 5))
            case 3:
                del changed[at : at + chance.randint(1, 5)]
            case 4:
                del changed[at:]
    return gzip.compress(bytes(changed), 1) if chance.random() < 0.2 else bytes(changed)


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """Contents of files that are never written: quick."""
    contents: dict[str, bytes] = {}

    def opened(path: Path) -> io.BufferedReader:
        return io.BufferedReader(io.BytesIO(contents[str(path)]))  # type: ignore[arg-type]

    monkeypatch.setattr(idx_file, "opened", opened)
    return contents


def test_twenty_thousand_mutations(memory: dict[str, bytes]) -> None:
    """A data set or one clear line, never another exception."""
    good, chance, fine = {"images": idx(images(3)), "labels": idx(labels(3))}, random.Random(20260), 0
    for _ in range(20_000):
        for name, content in good.items():
            memory[name] = mutated(chance, content) if chance.random() < 0.6 else content
        try:
            pixels, answers = read_labelled(Path("images"), Path("labels"), 10)
        except HeirloomError as error:
            assert error.code == "E-data-file"
            assert "\n" not in str(error)
            continue
        fine += 1
        assert pixels.ndim == 3
        assert answers.shape == pixels.shape[:1]
        assert answers.max() < 10
    assert 1_000 < fine < 19_000  # both sides are met


@settings(
    max_examples=500,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(head=st.binary(max_size=24), tail=st.binary(max_size=64), packed=st.booleans())
def test_any_bytes(memory: dict[str, bytes], head: bytes, tail: bytes, packed: bool) -> None:
    for content in (head + tail, b"\0\0\x08" + head + tail, b"\x1f\x8b\x08" + head + tail):
        memory["any"] = gzip.compress(content) if packed else content
        try:
            assert read_idx(Path("any")).size > 0
        except HeirloomError as error:
            assert error.code == "E-data-file"
