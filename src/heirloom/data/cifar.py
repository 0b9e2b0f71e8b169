"""CIFAR-10 and CIFAR-100: 32 x 32 in colour, 10 or 100 classes, 50,000 and 10,000 images.

The published training set is ``train+val``, the published test set ``test``. ``val`` is the last fifth of the
training set, 10,000 images: for CIFAR-10 the file ``data_batch_5``. It is held out to choose settings by.

The files are the published ones of the binary version or of the version for Python, or either archive as it
was downloaded. They lie in ROOT/cifar10 or ROOT/cifar100, or there in the folder that their archive makes.
Pickled batches are read by `heirloom.data.pickles`, which executes nothing.

Source: Krizhevsky 2009, "Learning multiple layers of features from tiny images", chapter 3, and his page on
the data sets, which describes both forms.
Departs: it names no validation split.
"""

import functools
import hashlib
import tarfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from heirloom.data import Dataset, Split
from heirloom.data.idx import MOST_BYTES
from heirloom.data.pickles import read_pickle
from heirloom.data.published import CIFAR_SUMS
from heirloom.data.roots import VARIABLE, all_roots, stored
from heirloom.errors import HeirloomError
from heirloom.files import read_regular

SIDE, PIXELS = 32, 3 * 32 * 32
SHORT_TEST = "test_batch_first1000.bin"
"""The first 1,000 of the 10,000 test images, as they are passed around."""

CLASSES = {
    "cifar10": (
        "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
    ),
    "cifar100": (
        "apple", "aquarium_fish", "baby", "bear", "beaver", "bed", "bee", "beetle", "bicycle", "bottle",
        "bowl", "boy", "bridge", "bus", "butterfly", "camel", "can", "castle", "caterpillar", "cattle",
        "chair", "chimpanzee", "clock", "cloud", "cockroach", "couch", "crab", "crocodile", "cup", "dinosaur",
        "dolphin", "elephant", "flatfish", "forest", "fox", "girl", "hamster", "house", "kangaroo",
        "keyboard", "lamp", "lawn_mower", "leopard", "lion", "lizard", "lobster", "man", "maple_tree",
        "motorcycle", "mountain", "mouse", "mushroom", "oak_tree", "orange", "orchid", "otter", "palm_tree",
        "pear", "pickup_truck", "pine_tree", "plain", "plate", "poppy", "porcupine", "possum", "rabbit",
        "raccoon", "ray", "road", "rocket", "rose", "sea", "seal", "shark", "shrew", "skunk", "skyscraper",
        "snail", "snake", "spider", "squirrel", "streetcar", "sunflower", "sweet_pepper", "table", "tank",
        "telephone", "television", "tiger", "tractor", "train", "trout", "tulip", "turtle", "wardrobe",
        "whale", "willow_tree", "wolf", "woman", "worm",
    ),
}  # fmt: skip
"""In the order of their labels; of CIFAR-100 the fine ones."""

Rows = NDArray[np.uint8]


@dataclass(frozen=True)
class _Form:
    """One of the forms in which a data set is published."""

    folder: str
    archive: str
    train: tuple[str, ...]
    tests: tuple[str, ...]
    read: Callable[[bytes, int], Rows]


def cifar10(roots: Sequence[Path | str] = ()) -> Dataset:
    """Photographs of animals and vehicles."""
    return _load("cifar10", roots)


def cifar100(roots: Sequence[Path | str] = ()) -> Dataset:
    """Photographs of a hundred kinds of things."""
    return _load("cifar100", roots)


def _binary(data: bytes, labels: int) -> Rows:
    """Records of ``labels`` bytes and 3,072 pixels; (N, labels + 3072). Raises ValueError."""
    record = labels + PIXELS
    if not data or len(data) % record:
        raise ValueError(f"{len(data):,} bytes are {len(data) // record:,} records of {record:,} and "
                         f"{len(data) % record:,} bytes more")  # fmt: skip
    return np.frombuffer(data, np.uint8).reshape(-1, record)


def _pickled(data: bytes, labels: int) -> Rows:
    """A pickled batch, as records of the binary form. Raises ValueError."""
    batch = read_pickle(data)
    if not isinstance(batch, dict):
        raise ValueError("it holds no dictionary")
    batch = {key.decode("latin-1") if isinstance(key, bytes) else key: batch[key] for key in batch}
    names = ("labels",) if labels == 1 else ("coarse_labels", "fine_labels")
    for key in ("data", *names):
        if key not in batch:
            raise ValueError(f"it has no key {key!r}")
    pixels = batch["data"]
    if not isinstance(pixels, np.ndarray) or pixels.dtype != np.uint8 or pixels.ndim != 2:
        raise ValueError("its data are no table of bytes")
    if not len(pixels) or pixels.shape[1] != PIXELS:
        raise ValueError(f"its data are {pixels.shape[0]:,} x {pixels.shape[1]:,}, not N x {PIXELS:,}")
    return np.concatenate([*(_numbers(batch[key], key, len(pixels)) for key in names), pixels], axis=1)


def _numbers(values: Any, key: str, count: int) -> Rows:
    numbers = values.tolist() if isinstance(values, np.ndarray) else values
    if not isinstance(numbers, list) or len(numbers) != count:
        had = f"{len(numbers):,}" if isinstance(numbers, list) else "no list of"
        raise ValueError(f"{count:,} images and {had} {key}")
    for index, number in enumerate(numbers):
        if type(number) is not int or not 0 <= number <= 255:
            raise ValueError(f"{key} {index:,} is no label")
    return np.array(numbers, np.uint8)[:, None]


_BATCHES = tuple(f"data_batch_{number}" for number in range(1, 6))
_FORMS = {
    "cifar10": (
        _Form(
            "cifar-10-batches-bin",
            "cifar-10-binary.tar.gz",
            tuple(f"{name}.bin" for name in _BATCHES),
            ("test_batch.bin", SHORT_TEST),
            _binary,
        ),
        _Form(
            "cifar-10-batches-py", "cifar-10-python.tar.gz", _BATCHES, ("test_batch", SHORT_TEST), _pickled
        ),
    ),
    "cifar100": (
        _Form("cifar-100-binary", "cifar-100-binary.tar.gz", ("train.bin",), ("test.bin",), _binary),
        _Form("cifar-100-python", "cifar-100-python.tar.gz", ("train",), ("test",), _pickled),
    ),
}


def _load(name: str, roots: Sequence[Path | str]) -> Dataset:
    form, paths = _place(name, roots)
    changed = tuple((status.st_mtime_ns, status.st_size) for status in map(Path.stat, paths))
    return _read(name, form, paths, changed, tuple(CIFAR_SUMS.items()))


def _place(name: str, roots: Sequence[Path | str]) -> tuple[_Form, tuple[Path, ...]]:
    """The files of the first root that has them all, the test file last; or one archive."""
    part = ""
    folders = [root / name for root in all_roots(roots)]
    for folder in folders:
        for form in _FORMS[name]:
            for place in (folder, folder / form.folder):
                found = [*(stored(place, file) for file in form.train), stored(place, *form.tests)]
                missing = [
                    file for file, path in zip((*form.train, form.tests[0]), found, strict=True) if not path
                ]
                if not missing:
                    return form, tuple(path for path in found if path)
                if len(missing) < len(found) and any(found[:-1]) and not part:
                    part = f"{place / missing[0]} is missing"
            if archive := stored(folder, form.archive):
                return form, (archive,)
    binary = _FORMS[name][0]
    raise HeirloomError(
        "E-data",
        f"{name} is not complete" if part else f"no data set {name} here",
        why=part or f"looked for {', '.join(map(str, folders))}",
        remedy=f"download it: heirloom fetch {name}, or name the folder above {name}/ with --data-root or "
        f"{VARIABLE}; there it is {binary.archive}, or {', '.join((*binary.train, binary.tests[0]))}, "
        "or the same files of the version for Python",
    )


@functools.lru_cache(maxsize=1)
def _read(
    name: str, form: _Form, paths: tuple[Path, ...], changed: object, sums: tuple[tuple[str, str], ...]
) -> Dataset:
    """Training, evaluation and the report want the same files, one after the other."""
    labels = 1 if name == "cifar10" else 2
    classes = CLASSES[name]
    *batches, test = [
        _rows(form, where, file, data, labels, len(classes), dict(sums))
        for where, file, data in _contents(name, form, paths, dict(sums))
    ]
    train = np.concatenate(batches)
    cut = len(train) - (len(batches[-1]) if len(batches) > 1 else max(1, len(train) // 5))
    splits = {"train": _split(train[:cut]), "val": _split(train[cut:]), "test": _split(test)}
    short = paths[-1].name == SHORT_TEST
    note = f"the test split of {name} is the first {len(test):,} of its 10,000 images: {paths[-1]}"
    return Dataset(name, classes, splits, (note,) if short else ())


def _contents(
    name: str, form: _Form, paths: tuple[Path, ...], sums: dict[str, str]
) -> list[tuple[str, str, bytes]]:
    """Where each file lies, its own name, its bytes."""
    if len(paths) == len(form.train) + 1:
        return [(str(path), path.name, _bytes(path, name)) for path in paths]
    (archive,) = paths
    # No byte of it is unpacked before it is known to be the published one.
    packed = _bytes(archive, name)
    if sums.get(archive.name, "") not in ("", hashlib.sha256(packed).hexdigest()):
        raise _bad(str(archive), f"its SHA-256 is not that of the published {archive.name}", name)
    del packed
    wanted = [f"{form.folder}/{file}" for file in (*form.train, form.tests[0])]
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(archive, "r:gz") as tar:
            for member in tar:
                if member.name in wanted and member.isreg() and member.size <= MOST_BYTES:
                    opened = tar.extractfile(member)
                    found[member.name] = opened.read() if opened else b""
    except (OSError, EOFError, tarfile.TarError, zlib.error) as error:
        raise _bad(str(archive), f"damaged: {error}", name) from error
    for file in wanted:
        if file not in found:
            raise _bad(str(archive), f"it has no {file}", name)
    return [(f"{archive}: {file}", file.rpartition("/")[2], found[file]) for file in wanted]


def _bytes(path: Path, name: str) -> bytes:
    try:
        return read_regular(path, MOST_BYTES)
    except OSError as error:
        raise _bad(str(path), (error.strerror or str(error)).lower(), name) from error


def _rows(
    form: _Form, where: str, file: str, data: bytes, labels: int, classes: int, sums: dict[str, str]
) -> Rows:
    """The records of one file, checked: (N, labels + 3072), the label that counts in column labels - 1."""
    name = "cifar10" if labels == 1 else "cifar100"
    read = _binary if file.endswith(".bin") else form.read
    if data[:200].lstrip()[:1] == b"<":
        raise _bad(where, "it looks like a web page: a failed download", name)
    try:
        rows = read(data, labels)
    except ValueError as error:
        raise _bad(where, str(error), name) from error
    wrong = np.flatnonzero(rows[:, labels - 1] >= classes)
    if len(wrong):
        value = rows[wrong[0], labels - 1]
        raise _bad(where, f"label {wrong[0]:,} is {value}, allowed are 0 to {classes - 1}", name)
    # A batch that was pickled anew has other bytes, and the records of the binary form.
    found = hashlib.sha256(rows.tobytes()).hexdigest()
    good = sums.get(file if file.endswith(".bin") else f"{file}.bin", found) == found
    if not good and read is _pickled:
        good = sums.get(file) == hashlib.md5(data, usedforsecurity=False).hexdigest()
    if not good:
        raise _bad(where, f"not the published {file} of {name}: its checksum is another", name)
    return rows


def _split(rows: Rows) -> Split:
    images = np.ascontiguousarray(rows[:, -PIXELS:]).reshape(-1, 3, SIDE, SIDE)
    return Split(torch.from_numpy(images), torch.from_numpy(rows[:, -PIXELS - 1].astype(np.int64)))


def _bad(where: str, why: str, name: str) -> HeirloomError:
    remedy = f"move it away, then: heirloom fetch {name}"
    return HeirloomError("E-data-file", "cannot read the data", where=where, why=why, remedy=remedy)
