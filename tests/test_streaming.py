"""Photographs that are decoded while they are learned from: equal bytes, whatever happens meanwhile."""

import dataclasses
import errno
import io
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import Heirloom
from PIL import Image
from torch import nn

from heirloom import images
from heirloom import job as job_file
from heirloom.checkpoints import newest_checkpoint, save_checkpoint
from heirloom.data import load_data, roots, store, waiting
from heirloom.data.preprocessing import Preprocess
from heirloom.data.sampling import permutation
from heirloom.data.store import Missing, Store
from heirloom.errors import HeirloomError
from heirloom.evaluation import evaluate
from heirloom.events import Note, Started, Step
from heirloom.job import Job
from heirloom.progress import _Lines, duration, waits
from heirloom.protocols import kept_of
from heirloom.recipes import Recipe
from heirloom.tasks.classify import Classify
from heirloom.training import resume, train

pytestmark = pytest.mark.usefixtures("one_thread")

FIT = Preprocess((3, 32, 32), mean=(0.0,) * 3, std=(1.0,) * 3)
SHAPE = (40, 1, 4, 4)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(roots, "cache", lambda: tmp_path / "cache")
    return tmp_path / "cache"


def bmp(seed: int) -> bytes:
    out = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(out, "BMP")
    return out.getvalue()


def folder(root: Path, count: int = 60, cut: tuple[int, ...] = (7,)) -> Path:
    """Photographs of two classes; those that are cut have good heads."""
    for split, first, number in (("train", 0, count), ("val", 1000, 8)):
        for i in range(first, first + number):
            path = root / split / "ab"[i % 2] / f"{i:04d}.bmp"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(bmp(i)[: 1000 if i in cut else None])
    return root


def recipe_of(root: Path) -> Recipe:
    return Recipe(model="lenet5_relu_max", data=str(root), epochs=2, batch_size=8)


def weights(run: Path) -> bytes:
    return (run / "model.safetensors").read_bytes()


def test_equal_bytes_streaming_stored_and_resumed(tmp_path: Path, cache: Path) -> None:
    root = folder(tmp_path / "x")
    events = list(train(recipe_of(root), out=tmp_path / "streaming", threads=1))
    assert isinstance(events[1], Started)
    assert (events[1].images, events[1].steps) == (60, 16)  # as listed; one batch has one image less
    assert [event.images for event in events if isinstance(event, Step)][7] == 59
    reason = "1 bad file is left out: train/b/0007.bmp: image file is truncated"
    assert [e.text for e in events if isinstance(e, Note)][-1].startswith(reason)
    assert "train/b/0007.bmp" in (tmp_path / "streaming" / "bad_files.csv").read_text()
    list(train(recipe_of(root), out=tmp_path / "stored", threads=1))
    for place in (cache / "decoded").iterdir():
        (place / "facts.json").unlink(missing_ok=True)
        (place / "rows.u64").write_bytes(bytes((place / "rows.u64").stat().st_size))
    going = train(recipe_of(root), out=tmp_path / "resumed", threads=1)
    for event in going:
        if isinstance(event, Step) and event.step == 5:
            break
    going.close()  # type: ignore[attr-defined]
    list(resume(tmp_path / "resumed"))
    assert weights(tmp_path / "streaming") == weights(tmp_path / "stored") == weights(tmp_path / "resumed")
    assert "train/b/0007.bmp" in (tmp_path / "resumed" / "bad_files.csv").read_text()
    # Where the bad one is not there at all, the order is another.
    (root / "train" / "b" / "0007.bmp").unlink()
    with pytest.raises(HeirloomError, match="is no longer what the run was trained on"):
        list(resume(tmp_path / "resumed"))


def test_other_files_to_validate_by_are_refused_and_another_place_is_not(tmp_path: Path) -> None:
    """What is held out decides when a run ends and which weights it keeps."""
    root = folder(tmp_path / "x", 20, cut=())
    recipe = dataclasses.replace(recipe_of(root), keep="best", patience=2)
    list(train(recipe, out=tmp_path / "straight", threads=1))
    going = train(recipe, out=tmp_path / "run", threads=1)
    for event in going:
        if isinstance(event, Step) and event.step == 4:
            break
    going.close()  # type: ignore[attr-defined]
    one = root / "val" / "a" / "1000.bmp"
    before = one.read_bytes()
    one.write_bytes(bmp(5000))
    with pytest.raises(HeirloomError, match="is no longer what the run was validated by"):
        list(resume(tmp_path / "run"))
    one.write_bytes(before)
    root.rename(tmp_path / "elsewhere")
    said = tmp_path / "run" / "recipe.json"
    said.write_text(said.read_text().replace(str(root), str(tmp_path / "elsewhere")))
    list(resume(tmp_path / "run"))
    assert weights(tmp_path / "run") == weights(tmp_path / "straight")


def test_other_decoders_are_noticed(tmp_path: Path) -> None:
    """Of photographs alone; a run of an older release did not note them."""
    root, run = folder(tmp_path / "x", 20, cut=()), tmp_path / "run"
    list(train(recipe_of(root), out=run, threads=1))
    place = run / "versions.json"
    now = json.loads(place.read_text())
    place.write_text(json.dumps(now | {"simplejpeg": "1.0"}))
    notes = [e.text for e in resume(run) if isinstance(e, Note)]
    assert f"not equal to the last bit: simplejpeg was 1.0, is {now['simplejpeg']}" in notes
    del now["pillow"], now["simplejpeg"]
    place.write_text(json.dumps(now))
    assert not [e for e in resume(run) if isinstance(e, Note) and "last bit" in e.text]


def test_renamed_classes_are_noticed(tmp_path: Path) -> None:
    """Images and numbers of classes are as before; a run of an older release did not note the names."""
    root = folder(tmp_path / "x", 20, cut=())
    going = train(recipe_of(root), out=tmp_path / "run", threads=1)
    for event in going:
        if isinstance(event, Step) and event.step == 2:
            break
    going.close()  # type: ignore[attr-defined]
    (root / "classes.txt").write_text("a ant\nb bee\n")
    with pytest.raises(HeirloomError, match=r"'a' is 'ant' now, 'b' is 'bee' now: give them") as caught:
        list(resume(tmp_path / "run"))
    assert caught.value.code == "E-checkpoint"
    (root / "classes.txt").unlink()
    place = tmp_path / "run" / "checkpoints"
    checkpoint, _ = newest_checkpoint(place)
    assert checkpoint
    old = {key: value for key, value in checkpoint.state.items() if key != "classes"}
    shutil.rmtree(place)
    place.mkdir()
    save_checkpoint(place, dataclasses.replace(checkpoint, state=old))
    (root / "classes.txt").write_text("a ant\nb bee\n")
    assert "going on from step 2" in [e.text for e in resume(tmp_path / "run") if isinstance(e, Note)]


OWN = """
from torch import nn
class Net(nn.Sequential):
    def __init__(self, num_classes=10, in_chans=3):
        super().__init__(nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(16 * in_chans, num_classes))
class Wrong(Net):
    input_size = (32, 32)
"""


@pytest.mark.parametrize("how", [{"resize": "crop"}, {"augment": "crop_mirror"}, {"resize": "fit"}])
def test_a_network_that_names_no_size_is_validated_as_it_is_tested(
    tmp_path: Path, how: dict[str, Any]
) -> None:
    (tmp_path / "net.py").write_text(OWN)
    for i in range(8):
        path = tmp_path / "x" / ("train", "val")[i // 2 % 2] / "ab"[i % 2] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(i).integers(0, 256, (60, 120, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(path)
    recipe = Recipe(model=f"{tmp_path}/net.py:Net", data=str(tmp_path / "x"), **how)
    job = Job(recipe, torch.device("cpu"))
    seen, preprocess = job.validation(), job.card.preprocess
    assert seen
    assert preprocess.size == (3, 256, 256)
    tested = load_data(recipe.data, fit=preprocess).split("val")
    assert torch.equal(seen.images, preprocess.fit(tested.images))
    with pytest.raises(HeirloomError, match=r"input_size of .*Wrong is not \(C, H, W\)"):
        Job(dataclasses.replace(recipe, model=f"{tmp_path}/net.py:Wrong"), torch.device("cpu"))


def test_mapped_images_reach_a_network_elsewhere() -> None:
    """What is held out of photographs is not copied to the device as a whole."""
    seen = []

    class Told(Classify):
        def kept(self, output: torch.Tensor, images: torch.Tensor, preprocess: Preprocess) -> torch.Tensor:
            seen.append((output.device.type, images.device.type))
            return torch.zeros(len(output))

    net, size = nn.Flatten().to("meta"), (1, 4, 4)
    images = torch.zeros(3, *size, dtype=torch.uint8)
    found = kept_of(Told(), net, images, Preprocess(size), torch.device("meta"))
    assert (seen, found.device.type) == ([("meta", "meta")], "cpu")


def test_what_is_left_out_of_a_test_is_told(tmp_path: Path, heirloom: Heirloom) -> None:
    root = folder(tmp_path / "x")
    for i in range(2000, 2050):
        path = root / "test" / "ab"[i % 2] / f"{i}.bmp"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bmp(i)[: 1000 if i == 2003 else None])
    said = heirloom(
        "train", "lenet5_relu_max", "--data", root, "--set", "epochs=1", "--out", tmp_path / "run"
    )
    note = "1 bad file is left out: test/b/2003.bmp: image file is truncated"
    assert note in said.stderr
    assert "/49)" in said.stdout
    rows = (tmp_path / "run" / "bad_files.csv").read_text().splitlines()
    assert [row.partition(",")[0] for row in rows] == ["path", "train/b/0007.bmp", "test/b/2003.bmp"]
    found = evaluate(tmp_path / "run")
    assert found.lines()[-1].startswith(note)
    assert (tmp_path / "run" / "bad_files.csv").read_text().splitlines() == rows


def test_photographs_are_decoded_while_the_network_is_made(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the first ones are those of the first batch."""
    root, made = folder(tmp_path / "x", 20, cut=()), job_file.network_of
    order = permutation(recipe_of(root).seed, 0, 20)

    def slow(*given: Any) -> Any:
        for _ in range(1000):
            files = list((cache / "decoded").glob("*/rows.u64"))
            rows = [np.fromfile(file, np.uint64) for file in files]
            there = next((row for row in rows if len(row) == 20), np.zeros(20))[order] > 0
            if there[:8].all():
                return made(*given)
            time.sleep(0.02)
        raise AssertionError("nothing is decoded yet")

    monkeypatch.setattr(job_file, "network_of", slow)
    assert len(Job(recipe_of(root), torch.device("cpu")).batch(0)[0]) == 8


def test_batches_are_the_files(tmp_path: Path) -> None:
    root = folder(tmp_path / "x", 20, cut=())
    job, found = Job(recipe_of(root), torch.device("cpu")), {}
    for step in range(job.steps_per_epoch):
        batch, labels = job.batch(step)
        for image, label in zip(batch, labels.tolist(), strict=True):
            found[image.mul(255).round().to(torch.uint8).numpy().tobytes()] = "ab"[label]
    files = {
        np.array(Image.open(path)).transpose(2, 0, 1).tobytes(): path.parent.name
        for path in (root / "train").rglob("*.bmp")
    }
    assert found == files


def test_load_data_leaves_bad_ones_out_and_names_the_rest(tmp_path: Path) -> None:
    root = folder(tmp_path / "x")
    dataset = load_data(str(root), fit=FIT)
    split = dataset.split("train")
    assert (len(split), split.gate, len(split.names)) == (59, None, 59)
    assert [bad.name for bad in dataset.bad] == ["train/b/0007.bmp"]
    for name, image in zip(split.names, split.images, strict=True):
        assert np.array_equal(image.permute(1, 2, 0).numpy(), np.array(Image.open(root / name)))
    assert dataset.called("train+test") == "train+val"
    assert dataset.split("test").names == dataset.split("val").names


def test_files_that_change_meanwhile_are_reported(tmp_path: Path, cache: Path) -> None:
    """Deleted, replaced, truncated, turned into a pipe between the listing and the decoding."""
    root = folder(tmp_path / "x", 200, cut=())
    split = load_data(str(root), fit=FIT, wait=False).split("train")
    paths = [root / "train" / "ab"[i % 2] / f"{i:04d}.bmp" for i in range(4)]
    for path in paths:
        data = path.read_bytes()
        path.unlink()
        if path == paths[1]:
            path.write_bytes(bmp(5000))
        elif path == paths[2]:
            path.write_bytes(data[:500])
        elif path == paths[3]:
            os.mkfifo(path)
    rows = split.good(torch.arange(len(split)))
    assert len(rows) == 196
    assert split.gate is not None
    assert {bad.name: bad.reason for bad in split.gate.bad_files} == {
        "train/a/0000.bmp": "no such file or directory",
        "train/b/0001.bmp": "it was changed meanwhile",
        "train/a/0002.bmp": "it was changed meanwhile",
        "train/b/0003.bmp": "not a regular file",
    }
    assert not list((cache / "decoded").glob("*/facts.json"))  # the next process looks again


def test_too_many_bad_files_are_an_error_as_soon_as_they_are_known(tmp_path: Path) -> None:
    root = folder(tmp_path / "x", 60, cut=(1, 3))
    with pytest.raises(HeirloomError, match=r"2 of 34 images of 'b' are bad: .*train/b/000[13].bmp"):
        list(train(recipe_of(root), out=tmp_path / "run", threads=1))


def test_unread_splits_are_not_decoded(tmp_path: Path, cache: Path) -> None:
    root = folder(tmp_path / "x", 20, cut=())
    dataset = load_data(str(root), fit=FIT, wait=False)
    assert not (cache / "decoded").exists()
    joined = dataset.split("train+val").settled()
    assert len(joined) == 28
    assert len(list((cache / "decoded").iterdir())) == 1
    with pytest.raises(HeirloomError, match="has no split 'vall', did you mean 'val'"):
        raise_for(lambda: dataset.split("vall"))


def raise_for(call: Callable[[], object]) -> None:
    try:
        call()
    except HeirloomError as error:
        raise HeirloomError(error.code, f"{error.what}, {error.why}") from error


def test_simplejpeg_gives_pillows_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or leaves the file to it, with the same verdict."""
    assert images._simplejpeg, "one of the dependencies on the systems that are tested"
    rng = np.random.default_rng(0)
    for mode, subsampling, progressive in (
        ("RGB", 0, False), ("RGB", 1, False), ("RGB", 2, True), ("L", 0, False), ("CMYK", 0, False)
    ):  # fmt: skip
        for h, w in ((1, 1), (17, 33), (64, 48)):
            out = io.BytesIO()
            smooth = Image.fromarray(rng.integers(0, 256, (h, w, 3), dtype=np.uint8)).convert(mode)
            smooth.save(out, "JPEG", quality=90, subsampling=subsampling, progressive=progressive)
            for data in (out.getvalue(), out.getvalue()[:-2], out.getvalue()[: len(out.getvalue()) * 3 // 4]):
                with monkeypatch.context() as patch:
                    quick = verdict(data)
                    patch.setattr(images, "_simplejpeg", None)
                    assert verdict(data) == quick


def verdict(data: bytes) -> object:
    try:
        return images.open_image(data).tolist()
    except HeirloomError as error:
        return str(error)


# The store alone.


def rows_of(number: int) -> bytes:
    return bytes([number]) * 16


def opened(place: Path, decode: store.Decode = rows_of) -> Store:
    return Store(place, SHAPE, decode, lambda row, why: None)


def decoders_end() -> None:
    """Wait for the threads of stores; one may begin when all is done."""
    for each in threading.enumerate():
        if each.name == "heirloom-decoding":
            each.join()


def everything(found: Store) -> list[int]:
    good = found.good(np.arange(len(found)))
    assert good.all()
    return found.images[:, 0, 0, 0].tolist()


def test_what_a_killed_process_decoded_is_kept_where_it_is_whole(tmp_path: Path) -> None:
    place = tmp_path / ("0" * 64)
    assert everything(opened(place)) == list(range(40))
    wait_for(place / "facts.json")
    (place / "facts.json").unlink()
    with (place / "images.u8").open("r+b") as file:  # two rows were not on the disk
        file.seek(16 * 3)
        file.write(bytes(32))
    again: list[int] = []

    def decode(row: int) -> bytes:
        again.append(row)
        return rows_of(row)

    assert everything(opened(place, decode)) == list(range(40))
    assert sorted(again) == [3, 4]


def test_rows_come_in_the_order_in_which_they_are_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "threads", lambda: 1)
    seen: list[int] = []
    free = threading.Event()

    def decode(row: int) -> bytes:
        seen.append(row)
        free.wait(20)
        return rows_of(row)

    found = opened(tmp_path / ("1" * 64), decode)
    found.begin(np.array([5, 9, 2]))
    while not seen:
        time.sleep(0.01)
    threading.Timer(0.1, free.set).start()
    assert found.good(np.array([30, 31])).all()
    while len(seen) < 6:  # nobody asks for them
        time.sleep(0.01)
    assert everything(found) == list(range(40))
    assert seen[0] == 5
    assert seen[1:3] == [30, 31]
    assert seen[3:6] == [9, 2, 0]


def test_a_disk_that_fills_up_is_an_error_and_no_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    true, calls = os.pwrite, []

    def full(handle: int, data: bytes, place: int) -> int:
        calls.append(place)
        if len(calls) > 20:
            raise OSError(errno.ENOSPC, "No space left on device")
        return true(handle, data, place)

    monkeypatch.setattr(os, "pwrite", full)
    found = opened(tmp_path / ("2" * 64))
    for _ in range(2):
        with pytest.raises(HeirloomError, match="no space left on device: free some space") as caught:
            found.good(np.arange(40))
        assert caught.value.code == "E-disk"


def test_a_defect_in_a_thread_is_heard_of(tmp_path: Path) -> None:
    def broken(row: int) -> bytes:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        opened(tmp_path / ("3" * 64), broken).good(np.array([7]))


ENDING = """
import sys, time
from pathlib import Path
import torch
from heirloom.data.store import Store

def decode(row):
    until = time.monotonic() + 0.3
    while time.monotonic() < until:
        torch.nn.functional.interpolate(torch.rand(1, 3, 200, 200), 100, mode="bilinear", antialias=True)
    return bytes(16)

store = Store(Path(sys.argv[1]), (40, 1, 4, 4), decode, print)
store.begin(range(40))
time.sleep(0.2)
"""


def test_a_process_that_ends_waits_for_its_threads(tmp_path: Path) -> None:
    """One that Python ends inside torch would end the process with an abort."""
    done = subprocess.run(
        [sys.executable, "-c", ENDING, tmp_path / "store"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_bad_rows_are_kept_with_their_reasons(tmp_path: Path) -> None:
    place = tmp_path / ("4" * 64)
    for decode in (lambda row: Missing("cut") if row == 4 else rows_of(row), rows_of):
        found = opened(place, decode)
        assert found.good(np.arange(40)).tolist() == [row != 4 for row in range(40)]
        assert found.bad == {4: "cut"}
        wait_for(place / "facts.json")


INTERRUPTED = """
import os, signal, sys, threading, time
from pathlib import Path
from heirloom.data.store import Store, _ending

begun = threading.Event()

def decode(row):
    begun.set()
    _ending.wait()
    time.sleep(1)
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(20)
    return bytes(16)

signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever runs the tests may not be interrupted
store = Store(Path(sys.argv[1]), (1, 1, 4, 4), decode, print)
store.begin(range(1))
begun.wait()
"""


def test_an_interruption_at_the_very_end(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, tmp_path / "store"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")


def test_threads_that_hang_are_waited_for_together(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0

    class Hanging:
        def join(self, seconds: float) -> None:
            nonlocal now
            now += seconds

    monkeypatch.setattr(time, "monotonic", lambda: now)
    monkeypatch.setattr(signal, "getsignal", lambda number: signal.SIG_IGN)
    monkeypatch.setattr(store, "_ending", threading.Event())
    monkeypatch.setattr(store, "_at_work", [Hanging() for _ in range(8)])
    store._end()
    assert now == store.LONGEST


def test_what_lacked_memory_is_bad_this_time_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = folder(tmp_path / "x", cut=())
    for name in ("_read", "_head"):
        real, calls = getattr(images, name), itertools.count()  # counts rightly in several threads

        def once(*arguments: Any, real: Any = real, calls: Iterator[int] = calls) -> Any:
            if next(calls) == 0:
                raise MemoryError
            return real(*arguments)

        monkeypatch.setattr(roots, "cache", lambda name=name: tmp_path / name)  # nothing is decoded yet
        with monkeypatch.context() as patch:
            patch.setattr(images, name, once)
            (bad,) = load_data(str(root), fit=FIT).bad
        assert bad.reason == "out of memory"
        assert load_data(str(root), fit=FIT).bad == ()


def test_stores_that_nobody_uses_are_removed(tmp_path: Path) -> None:
    old, new = tmp_path / ("5" * 64), tmp_path / ("6" * 64)
    for place in (old, new):
        everything(opened(place))
        wait_for(place / "facts.json")
    long_ago = time.time() - 31 * 86_400
    for place in (old, new):
        os.utime(place, (long_ago, long_ago))
    everything(opened(new))  # is used again
    (tmp_path / f".{'8' * 64}.99999999.1.tmp").mkdir()  # of a process that was killed
    (tmp_path / "mine").mkdir()
    os.utime(tmp_path / "mine", (long_ago, long_ago))
    opened(tmp_path / ("7" * 64))
    assert sorted(path.name[0] for path in tmp_path.iterdir()) == ["6", "7", "m"]


def test_torch_keeps_its_threads(tmp_path: Path) -> None:
    before, seen = torch.get_num_threads(), []
    torch.set_num_threads(2)
    try:
        everything(opened(tmp_path / ("9" * 64)))
        decoders_end()
        other = threading.Thread(target=lambda: seen.append(torch.get_num_threads()))
        other.start()
        other.join()
        assert (seen, torch.get_num_threads()) == ([2], 2)
    finally:
        torch.set_num_threads(before)


def test_threads_end_when_nobody_has_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "threads", lambda: 3)
    made: list[int] = []

    def slow(row: int) -> bytes:
        made.append(row)
        time.sleep(0.05)
        return rows_of(row)

    place = opened(tmp_path / ("b" * 64), slow)
    place.begin(range(40))
    place.good(np.arange(4))
    del place
    decoders_end()
    assert 4 <= len(made) < 40
    assert len(everything(opened(tmp_path / ("b" * 64)))) == 40  # and another one goes on


def test_a_thread_that_uses_torch_first_meanwhile_has_its_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a run has one thread for all of its time, and other bytes, by the chance of a moment."""
    before, seen, told = torch.get_num_threads(), list[int](), threading.Event()
    asked = torch.set_num_threads
    decoders_end()  # those of the test before
    asked(2)

    def slow(count: int) -> None:
        asked(count)
        if count == 1:
            told.set()
            time.sleep(0.2)

    def first() -> None:
        place = opened(tmp_path / ("a" * 64))
        place.begin(range(len(place)))
        assert told.wait(10)
        seen.append(torch.get_num_threads())
        everything(place)

    monkeypatch.setattr(torch, "set_num_threads", slow)
    try:
        thread = threading.Thread(target=first)
        thread.start()
        thread.join()
        assert seen == [2]
    finally:
        decoders_end()
        asked(before)


def wait_for(path: Path) -> None:
    """Nobody waits for the disk but this test."""
    for _ in range(1000):
        if path.exists():
            return
        time.sleep(0.02)
    raise AssertionError(path)


# ImageNet.


def test_imagenet_as_kaggle_has_it(tmp_path: Path) -> None:
    root = tmp_path / "imagenet"
    for number, label in enumerate(("n01440764", "n01443537") * 3):
        path = root / "train" / label / f"{label}_{number}.JPEG"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bmp(number))
    (root / "val").mkdir()
    lines = ["ImageId,PredictionString"]
    for number, label in ((2, "n01440764"), (1, "n01443537")):
        (root / "val" / f"ILSVRC2012_val_{number:08d}.JPEG").write_bytes(bmp(100 + number))
        lines.append(f"ILSVRC2012_val_{number:08d},{label} 85 1 499 272 ")
    lines.append("ILSVRC2012_val_00000003,n09999999 1 2 3 4 ")  # of a class that is not learned here
    (root / "LOC_val_solution.csv").write_text("\n".join(lines) + "\n")
    (root / "LOC_synset_mapping.txt").write_text("n01440764 tench, Tinca tinca\nn01443537 goldfish\n")
    dataset = load_data("imagenet", [tmp_path], fit=FIT)
    assert (dataset.name, dataset.classes) == ("imagenet", ("tench, Tinca tinca", "goldfish"))
    assert {name: len(split) for name, split in dataset.splits.items()} == {"train": 6, "val": 2}
    val = dataset.split("val")
    answers = {
        name: dataset.classes[label] for name, label in zip(val.names, val.labels.tolist(), strict=True)
    }
    assert answers == {
        "val/ILSVRC2012_val_00000001.JPEG": "goldfish",
        "val/ILSVRC2012_val_00000002.JPEG": "tench, Tinca tinca",
    }
    (root / "LOC_val_solution.csv").write_text("ImageId,PredictionString\nx\n")
    with pytest.raises(HeirloomError, match=r"LOC_val_solution.csv: cannot read it"):
        load_data("imagenet", [tmp_path], fit=FIT)


def test_no_imagenet_says_what_must_lie_where(tmp_path: Path) -> None:
    with pytest.raises(
        HeirloomError, match=r"imagenet.*not downloaded; put train/WNID/\*\.JPEG and val/"
    ) as caught:
        load_data("imagenet", [tmp_path])
    assert str(tmp_path / "imagenet" / "train") in caught.value.why


# What is said meanwhile.


def test_durations() -> None:
    assert [duration(s) for s in (120, 5399, 5400, 36_000, 172_799, 345_600)] == [
        "2 minutes", "90 minutes", "1.5 hours", "10 hours", "48 hours", "4 days"
    ]  # fmt: skip


def test_a_long_run_is_estimated_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two slow updates are left out, then one takes a second."""
    from rich.console import Console

    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    display = _Lines(Console(stderr=True))
    display.show(Started("runs/x", "alexnet", "x", 1000, 20, 1000, 0))
    for step in range(1, 9):
        now += 60.0 if step < 3 else 1.0
        display.show(Step(step=step, epoch=1, loss=1.0, accuracy=0.5, lr=0.1, images=20 * step))
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("about")]
    assert said == ["about 17 minutes for 20 epochs (20 images/s)"]


def test_slow_pieces_are_one_wait(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """However long each takes; what begins anew, or is of another number, is another wait."""
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    with waits(quiet=False):
        for total in (256 * 3, 256 * 2):
            for _ in waiting.told("evaluating images", total, [range(256)] * (total // 256), len):
                now += 20.0
    assert capsys.readouterr().err.splitlines() == [
        "evaluating images: 512 of 768, 13 a second",
        "evaluating images: 768 of 768, 13 a second",
        "evaluating images: 512 of 512, 13 a second",
    ]


def test_every_command_says_what_it_waits_for(
    tmp_path: Path, heirloom: Heirloom, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On stderr, so that JSON stays JSON; nothing if that is wanted."""
    data = folder(tmp_path / "x", 20, cut=())
    list(train(recipe_of(data), out=tmp_path / "run", threads=1))
    monkeypatch.setattr("heirloom.data.waiting.EVERY", 0.0)
    monkeypatch.setattr("heirloom.progress.PATIENCE", 1e-9)
    as_json = ("--format", "json")
    for command, *arguments in (
        ("doctor", data, *as_json),
        ("stats", data, *as_json),
        ("evaluate", "run", *as_json),
        ("report", "run"),
        ("compare", "run", tmp_path / "run" / "model.safetensors", *as_json),
    ):
        told, quiet = heirloom(command, *arguments), heirloom(command, *arguments, "--quiet")
        assert "looking at images: 28 of 28, " in told.stderr
        assert ("evaluating images: 8 of 8, " in told.stderr) is (command in ("evaluate", "compare"))
        assert ("measuring images: 20 of 20, " in told.stderr) is (command == "stats")
        assert (quiet.returncode, quiet.stderr) == (told.returncode, "")
        assert quiet.stdout == told.stdout


def test_waiting_is_told_after_a_while(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    with waits(quiet=False):
        for done in range(14):
            waiting.tell("decoding images", 100 * done, 2000)
            now += 1.0
    with waits(quiet=True):
        waiting.tell("decoding images", 1, 2000)
    assert capsys.readouterr().err.splitlines() == [
        "decoding images: 500 of 2,000, 100 a second",
        "decoding images: 1,000 of 2,000, 100 a second",
    ]
