"""CIFAR in its published forms, and files that are wrong or mean harm."""

import gzip
import hashlib
import io
import os
import pickle
import pickletools
import struct
import subprocess
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from heirloom.data import cifar, load_data, published, roots
from heirloom.data.pickles import read_pickle
from heirloom.errors import HeirloomError
from heirloom.recipes import Recipe
from heirloom.training import train

REMEDY = "move it away, then: heirloom fetch cifar10"


@pytest.fixture(autouse=True)
def _small_files_count_as_published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(published.CIFAR_SUMS):
        monkeypatch.delitem(published.CIFAR_SUMS, name)
    monkeypatch.setattr(roots, "cache", lambda: tmp_path / "cache")
    monkeypatch.setattr(roots, "_used", ())
    monkeypatch.delenv("HEIRLOOM_DATA", raising=False)


def records(count: int, seed: int, labels: int = 1, classes: int = 10) -> np.ndarray:
    rows = np.random.default_rng(seed).integers(0, 256, (count, labels + 3072), dtype=np.uint8)
    rows[:, :labels] %= classes
    return rows


def batch(rows: np.ndarray, labels: int = 1) -> dict[bytes, Any]:
    """As the version for Python has it."""
    names = [b"labels"] if labels == 1 else [b"coarse_labels", b"fine_labels"]
    found: dict[bytes, Any] = {name: rows[:, i].tolist() for i, name in enumerate(names)}
    files = [f"{i}.png".encode() for i in range(len(rows))]
    return found | {b"data": rows[:, labels:].copy(), b"filenames": files, b"batch_label": b"one"}


TRAIN = [records(4, i) for i in range(5)]
TEST = records(3, 9)
BINARY = {f"data_batch_{i + 1}.bin": rows.tobytes() for i, rows in enumerate(TRAIN)} | {
    "test_batch.bin": TEST.tobytes()
}


def pickled(protocol: int, change: Callable[[bytes], bytes] = lambda data: data) -> dict[str, bytes]:
    files = {f"data_batch_{i + 1}": rows for i, rows in enumerate(TRAIN)} | {"test_batch": TEST}
    return {name: change(pickle.dumps(batch(rows), protocol)) for name, rows in files.items()}


def put(folder: Path, files: dict[str, bytes]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


def archive(folder: str, files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(f"{folder}/{name}")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return out.getvalue()


def expect(root: Path) -> None:
    dataset = load_data("cifar10", [root])
    assert {name: len(split) for name, split in dataset.splits.items()} == {"train": 16, "val": 4, "test": 3}
    assert dataset.notes == ()
    assert dataset.classes[0] == "airplane"
    for split, rows in (("train", np.concatenate(TRAIN[:4])), ("val", TRAIN[4]), ("test", TEST)):
        found = dataset.split(split)
        assert found.labels.tolist() == rows[:, 0].tolist()
        assert found.labels.dtype == torch.int64
        # Red, green, blue, each row by row: the page's own description.
        for channel in range(3):
            plane = rows[:, 1 + 1024 * channel : 1 + 1024 * (channel + 1)]
            np.testing.assert_array_equal(found.images[:, channel].numpy(), plane.reshape(-1, 32, 32))


def older_numpy(data: bytes) -> bytes:
    """As NumPy before 2.0 named its modules."""
    at_stack = data.replace(b"\x8c\x16numpy._core.multiarray", b"\x8c\x15numpy.core.multiarray")
    at_stack = at_stack.replace(b"\x8c\x13numpy._core.numeric", b"\x8c\x12numpy.core.numeric")
    return at_stack.replace(b"cnumpy._core.", b"cnumpy.core.")


@pytest.mark.parametrize("place", ["", "cifar-10-batches-bin"])
def test_the_binary_version(tmp_path: Path, place: str) -> None:
    put(tmp_path / "cifar10" / place, BINARY)
    expect(tmp_path)


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("change", [lambda data: data, older_numpy])
def test_the_version_for_python(tmp_path: Path, protocol: int, change: Callable[[bytes], bytes]) -> None:
    put(tmp_path / "cifar10" / "cifar-10-batches-py", pickled(protocol, change))
    expect(tmp_path)


def short_string(text: bytes) -> bytes:
    return b"U" + bytes([len(text)]) + text


def by_python_2(rows: np.ndarray) -> bytes:
    """The instructions that Python 2's cPickle wrote in protocol 2, one by one."""
    pixels = rows[:, 1:].tobytes()
    return b"".join([
        b"\x80\x02}q\x01(", short_string(b"batch_label"), b"q\x02", short_string(b"training batch 1 of 5"),
        b"q\x03", short_string(b"labels"), b"q\x04]q\x05(", *(b"K" + bytes([n]) for n in rows[:, 0]), b"e",
        short_string(b"data"), b"q\x06cnumpy.core.multiarray\n_reconstruct\nq\x07cnumpy\nndarray\nq\x08",
        b"K\x00\x85", short_string(b"b"), b"\x87Rq\x09(K\x01K", bytes([len(rows)]), b"M\x00\x0c\x86",
        b"cnumpy\ndtype\nq\x0a", short_string(b"u1"), b"K\x00K\x01\x87Rq\x0b(K\x03", short_string(b"|"),
        b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89T", struct.pack("<I", len(pixels)), pixels, b"tb",
        short_string(b"filenames"), b"q\x0c]q\x0d(", *(short_string(b"a.png") for _ in rows), b"eu.",
    ])  # fmt: skip


def test_what_python_2_wrote(tmp_path: Path) -> None:
    """The published batches are of this kind; Python itself, told the encoding, is the witness."""
    data = by_python_2(TEST)
    theirs = pickle.loads(data, encoding="latin1")
    ours = read_pickle(data)
    assert ours["labels"] == theirs["labels"] == TEST[:, 0].tolist()
    np.testing.assert_array_equal(ours["data"], theirs["data"])
    assert ours["filenames"] == theirs["filenames"]
    files = {f"data_batch_{i + 1}": by_python_2(rows) for i, rows in enumerate(TRAIN)}
    put(tmp_path / "cifar10", files | {"test_batch": data})
    expect(tmp_path)


@pytest.mark.parametrize("protocol", range(6))
def test_plain_values_of_every_kind(protocol: int) -> None:
    array = np.asfortranarray(np.arange(6).reshape(2, 3))
    values = {"a": [None, True, False, 1, 300, -70000, 2**70, 1.5, "é\n", b"\xff\0", (), (1,), (1, 2, 3, 4)],
              b"b": {1: [], 2: {}}, "c": bytearray(b"xyz") if protocol == 5 else b"xyz"}  # fmt: skip
    values["a again"] = values["a"]
    assert read_pickle(pickle.dumps(values, protocol)) == values
    np.testing.assert_array_equal(read_pickle(pickle.dumps(array, protocol)), array)
    np.testing.assert_array_equal(read_pickle(pickle.dumps([array, array], protocol))[1], array)


@pytest.mark.parametrize("kind", ["binary", "python"])
def test_archives_are_read_where_they_lie(tmp_path: Path, kind: str) -> None:
    folder, files = {
        "binary": ("cifar-10-batches-bin", BINARY),
        "python": ("cifar-10-batches-py", pickled(2)),
    }[kind]
    packed = archive(folder, {"readme.html": b"<html>", "../escape": b"x", **files})
    put(tmp_path / "cifar10", {f"cifar-10-{kind}.tar.gz": packed})
    expect(tmp_path)
    assert [path.name for path in tmp_path.rglob("*")] == ["cifar10", f"cifar-10-{kind}.tar.gz"]


def test_cifar_100(tmp_path: Path) -> None:
    rows, test = records(10, 1, 2, 100), records(3, 2, 2, 100)
    put(
        tmp_path / "a" / "cifar100" / "cifar-100-binary",
        {"train.bin": rows.tobytes(), "test.bin": test.tobytes()},
    )
    put(
        tmp_path / "b" / "cifar100",
        {"train": pickle.dumps(batch(rows, 2), 2), "test": pickle.dumps(batch(test, 2), 4)},
    )
    for root in ("a", "b"):
        dataset = load_data("cifar100", [tmp_path / root])
        assert [len(dataset.split(name)) for name in ("train", "val", "test")] == [8, 2, 3]
        assert dataset.split("train+val").labels.tolist() == rows[:, 1].tolist()  # the fine ones
        np.testing.assert_array_equal(dataset.split("test").images.flatten(1).numpy(), test[:, 2:])
    assert len(dataset.classes) == len(set(dataset.classes)) == 100
    assert list(dataset.classes) == sorted(dataset.classes)


def test_a_short_test_file_is_used_and_said(tmp_path: Path) -> None:
    files = dict(BINARY)
    files["test_batch_first1000.bin"] = files.pop("test_batch.bin")
    folder = put(tmp_path / "cifar10", files)
    (note,) = load_data("cifar10", [tmp_path]).notes
    path = folder / "test_batch_first1000.bin"
    assert note == f"the test split of cifar10 is the first 3 of its 10,000 images: {path}"
    put(folder, BINARY)  # beside the whole it does not count
    assert load_data("cifar10", [tmp_path]).notes == ()


def test_only_the_published_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "cifar10", BINARY)
    right = hashlib.sha256(BINARY["data_batch_2.bin"]).hexdigest()
    monkeypatch.setitem(published.CIFAR_SUMS, "data_batch_2.bin", right)
    expect(tmp_path)
    monkeypatch.setitem(published.CIFAR_SUMS, "data_batch_2.bin", "0" * 64)
    with pytest.raises(
        HeirloomError, match=r"data_batch_2.bin: not the published data_batch_2.bin of cifar10"
    ):
        load_data("cifar10", [tmp_path])
    # Pickled batches: the records of the binary form count, or the bytes of the published pickle.
    files = pickled(4)
    put(tmp_path / "py" / "cifar10", files)
    with pytest.raises(HeirloomError, match="not the published data_batch_2 of cifar10"):
        load_data("cifar10", [tmp_path / "py"])
    md5 = hashlib.md5(files["data_batch_2"]).hexdigest()
    monkeypatch.setitem(published.CIFAR_SUMS, "data_batch_2", md5)
    expect(tmp_path / "py")


def test_an_archive_is_not_looked_into_before_its_checksum(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = put(tmp_path / "cifar10", {"cifar-10-binary.tar.gz": archive("cifar-10-batches-bin", BINARY)})
    monkeypatch.setitem(published.CIFAR_SUMS, "cifar-10-binary.tar.gz", "0" * 64)
    monkeypatch.setattr(tarfile, "open", None)
    with pytest.raises(
        HeirloomError, match=r"its SHA-256 is not that of the published cifar-10-binary\.tar\.gz"
    ):
        load_data("cifar10", [tmp_path])
    assert [path.name for path in folder.iterdir()] == ["cifar-10-binary.tar.gz"]


def test_bad_archives(tmp_path: Path) -> None:
    good = archive("cifar-10-batches-bin", BINARY)
    few = dict(list(BINARY.items())[1:])
    for data, why in (
        (good[: len(good) // 2], "damaged"),
        (b"<html>", "damaged"),
        (gzip.compress(b"x"), "damaged"),
        (archive("cifar-10-batches-bin", few), "it has no cifar-10-batches-bin/data_batch_1.bin"),
        (archive("elsewhere", BINARY), "it has no"),
    ):
        put(tmp_path / "cifar10", {"cifar-10-binary.tar.gz": data})
        with pytest.raises(HeirloomError, match=f"cifar-10-binary.tar.gz: {why}"):
            load_data("cifar10", [tmp_path])
    linked = io.BytesIO()
    with tarfile.open(fileobj=linked, mode="w:gz") as tar:
        member = tarfile.TarInfo("cifar-10-batches-bin/data_batch_1.bin")
        member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(member)
    put(tmp_path / "cifar10", {"cifar-10-binary.tar.gz": linked.getvalue()})
    with pytest.raises(HeirloomError, match=r"it has no cifar-10-batches-bin/data_batch_1\.bin"):
        load_data("cifar10", [tmp_path])


def fault(root: Path, data: bytes, name: str = "data_batch_3") -> str:
    """What is said of a data set with this file in it."""
    files = BINARY if name.endswith(".bin") else pickled(2)
    folder = put(root / "cifar10", {**files, name: data})
    with pytest.raises(HeirloomError) as caught:
        load_data("cifar10", [root])
    error = caught.value
    assert (error.code, error.status) == ("E-data-file", 3)
    assert (error.where, error.remedy) == (str(folder / name), REMEDY)
    assert "\n" not in str(error)
    return error.why


def test_d13_binary_files_of_a_wrong_length(tmp_path: Path) -> None:
    good = BINARY["data_batch_3.bin"]
    for data, why in (
        (good[:-1], "12,291 bytes are 3 records of 3,073 and 3,072 bytes more"),
        (good + b"x", "12,293 bytes are 4 records of 3,073 and 1 bytes more"),
        (b"", "0 bytes are 0 records of 3,073 and 0 bytes more"),
        (b"<!DOCTYPE html>" + bytes(5000), "it looks like a web page: a failed download"),
        (good[:3073] + b"\x0a" + good[3074:], "label 1 is 10, allowed are 0 to 9"),
    ):
        assert fault(tmp_path, data, "data_batch_3.bin") == why


def test_d12_pickled_batches_that_are_none(tmp_path: Path) -> None:
    good = batch(TRAIN[2])

    def changed(**values: Any) -> bytes:
        return pickle.dumps({**good, **{key.encode(): value for key, value in values.items()}}, 2)

    without = {key: value for key, value in good.items() if key != b"labels"}
    for data, why in (
        (pickle.dumps(without, 2), "it has no key 'labels'"),
        (pickle.dumps([1, 2], 2), "it holds no dictionary"),
        (changed(data=good[b"data"].astype(np.float32)), "an array of 'f4', not of u1, i4, i8"),
        (changed(data=good[b"data"].astype(np.int64)), "its data are no table of bytes"),
        (changed(data=good[b"data"][:, :-1].copy()), "its data are 4 x 3,071, not N x 3,072"),
        (changed(data=b"bytes"), "its data are no table of bytes"),
        (changed(labels=[1, 2, 3]), "4 images and 3 labels"),
        (changed(labels=7), "4 images and no list of labels"),
        (changed(labels=[1, 2, 3, "4"]), "labels 3 is no label"),
        (changed(labels=[1, 2, 3, -1]), "labels 3 is no label"),
        (changed(labels=[1, 2, 3, 10]), "label 3 is 10, allowed are 0 to 9"),
        (b"", "pickle exhausted before seeing STOP"),
        (pickle.dumps(good, 2)[:-1], "pickle exhausted before seeing STOP"),
        (b"\x1f\x8b junk", "at position 0, opcode b'\\x1f' unknown"),
    ):
        assert fault(tmp_path, data) == why


def test_str_keys_and_labels_as_an_array(tmp_path: Path) -> None:
    text = {key.decode(): value for key, value in batch(TRAIN[2]).items()}
    text["labels"] = np.array(text["labels"])
    put(tmp_path / "cifar10", {**pickled(2), "data_batch_3": pickle.dumps(text, 4)})
    expect(tmp_path)


class Harm:
    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self.call


@pytest.mark.parametrize("protocol", range(6))
def test_d11_hostile_pickles(tmp_path: Path, protocol: int) -> None:
    """Whatever a pickle calls is refused by its name, and no canary comes to life."""
    canary = tmp_path / "canary"
    write = f"open({str(canary)!r}, 'w').write('x')"
    for function, arguments, word in (
        (os.system, (f"touch {canary}",), "system"),
        (eval, (write,), "eval"),
        (exec, (write,), "exec"),
        (subprocess.check_call, (["touch", str(canary)],), "check_call"),
        (getattr, (os, "system"), "getattr"),
        (Path.touch, (canary,), "getattr|touch|Path"),
        (open, (str(canary), "w"), "open"),
        (np.save, (str(canary), np.zeros(1)), "save"),
        (torch.save, ({}, str(canary)), "save"),
        (map, (os.system, [f"touch {canary}"]), "map|system"),
    ):
        try:
            data = pickle.dumps({b"data": Harm(function, *arguments)}, protocol)
        except (pickle.PicklingError, AttributeError, TypeError):  # not every name can be written
            continue
        said = fault(tmp_path, data)
        assert "which could do anything: refused" in said
        assert not canary.exists(), word
    pickle.loads(pickle.dumps(Harm(os.system, f"touch {canary}")))
    assert canary.exists()  # the trap itself works


@pytest.mark.parametrize(
    "program",
    [
        b"cos\nsystem\n(S'true'\ntR.", b"(S'true'\nios\nsystem\n.", b"(cos\nsystem\nS'true'\no.",
        b"\x80\x02cnumpy\nndarray\n)\x81.", b"\x80\x02cnumpy\ndtype\nS'O'\n\x85R.", b"\x80\x02\x82\x01.",
        b"Pidentity\n.", b"\x80\x02K\x01Q.", b"\x80\x05\x97.", b"\x80\x02cnumpy\nndarray\n(lR.",
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\n(cnumpy\ndtype\ntR.", b"\x80\x02](K\x01}u.",
        b"u.", b"t.", b".",
        b"\x80\x02]]K\x01s.", b"]q\0h\1.", b"\x80\x02N}b.",
        b"\x80\x02c_codecs\nencode\nX\1\0\0\0aX\4\0\0\0zlib\x86R.",
        b"\x80\x02]q\0h\0a.",  # a list in itself is not closed: no harm, and no batch
    ],
)  # fmt: skip
def test_programs_that_plain_data_do_without(program: bytes) -> None:
    try:
        assert isinstance(read_pickle(program), list)
    except ValueError as error:
        assert str(error)


def test_programs_that_never_end_or_grow() -> None:
    began = time.monotonic()
    text = b"\x80\x02X\x40\x42\x0f\x00" + b"a" * 1_000_000 + b"q\0c_codecs\nencode\nq\1X\6\0\0\0latin1q\2]"
    with pytest.raises(ValueError, match="same bytes again and again"):
        read_pickle(text + b"h\1h\0h\2\x86Ra" * 5_000 + b".")
    with pytest.raises(ValueError, match="more than 2,000,000 instructions"):
        read_pickle(b"\x80\x02" + b"N0" * 1_100_000 + b".")
    with pytest.raises(ValueError, match="too large a one"):
        read_pickle(pickle.dumps({i: i for i in range(2000)}))
    shape = b"\x8a\xff" + b"\x7f" * 255
    with pytest.raises(ValueError, match="impossible shape"):
        read_pickle(
            pickle.dumps(np.zeros((2, 3), np.uint8), 2).replace(b"K\x02K\x03\x86", shape * 2 + b"\x86")
        )
    assert time.monotonic() - began < 20


def test_five_thousand_mutated_batches(tmp_path: Path) -> None:
    """A batch or one clear reason; none takes a second. Pixels may differ: that is what checksums are for."""
    chance = np.random.default_rng(12)
    rows = records(2, 5)
    goods = [pickle.dumps(batch(rows), protocol) for protocol in range(1, 6)] + [by_python_2(rows)]
    # Half of the changes hit the instructions, not the pixels.
    places = [
        [
            at + i
            for code, _, at in pickletools.genops(good)
            for i in range(3)
            if at is not None and at + i < len(good)
        ]
        for good in goods
    ]
    good_ones = 0
    for number in range(5000):
        good, where = goods[number % len(goods)], places[number % len(goods)]
        bad = bytearray(good)
        for _ in range(int(chance.integers(1, 4))):
            at = int(chance.choice(where)) if chance.random() < 0.7 else int(chance.integers(len(bad)))
            bad[at] = int(chance.integers(256))
        if chance.random() < 0.2:
            del bad[int(chance.integers(len(bad))) :]
        began = time.monotonic()
        try:
            found = cifar._pickled(bytes(bad), 1)
            assert found.shape[1] == 3073
            good_ones += 1
        except ValueError as error:
            assert str(error)
        assert time.monotonic() - began < 1
    assert 100 < good_ones < 4900


def test_no_data_set_says_where_we_looked(tmp_path: Path) -> None:
    with pytest.raises(HeirloomError) as caught:
        load_data("cifar10", [tmp_path])
    line = str(caught.value)
    assert line.startswith(
        f"no data set cifar10 here: looked for {tmp_path}/cifar10, {tmp_path}/cache/cifar10: "
    )
    assert "heirloom fetch cifar10" in line
    assert "cifar-10-binary.tar.gz, or data_batch_1.bin" in line
    folder = put(tmp_path / "cifar10", BINARY)
    (folder / "data_batch_4.bin").unlink()
    with pytest.raises(
        HeirloomError, match=r"cifar10 is not complete: .*cifar10/data_batch_4.bin is missing"
    ):
        load_data("cifar10", [tmp_path])
    put(folder, BINARY)
    (folder / "test_batch.bin").unlink()
    with pytest.raises(HeirloomError, match=r"cifar10 is not complete: .*test_batch.bin is missing"):
        load_data("cifar10", [tmp_path])


def test_what_is_no_regular_file_never_hangs(tmp_path: Path) -> None:
    folder = put(tmp_path / "cifar10", BINARY)
    (folder / "data_batch_2.bin").unlink()
    os.mkfifo(folder / "data_batch_2.bin")
    with pytest.raises(HeirloomError, match=r"data_batch_2\.bin: not a regular file"):
        load_data("cifar10", [tmp_path])


def test_networks_train_on_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "cifar10", BINARY)
    monkeypatch.setattr(roots, "_used", (tmp_path,))
    recipe = Recipe(model="lenet5_relu_max", data="cifar10", max_steps=2, batch_size=8)
    *_, done = train(recipe, out=tmp_path / "run", threads=1)
    assert done.event == "done"
    train(recipe.changed(["args=in_chans=3"]), out=tmp_path / "said").close()  # said, though the data say it
    with pytest.raises(HeirloomError, match="cifar10 decides in_chans, 3"):
        train(recipe.changed(["args=in_chans=1"]), out=tmp_path / "wrong")
