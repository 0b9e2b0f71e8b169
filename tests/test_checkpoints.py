"""Checkpoints under crashes, damage and full disks."""

import errno
import hashlib
import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from heirloom.checkpoints import Checkpoint, newest_checkpoint, save_checkpoint
from heirloom.errors import HeirloomError


def checkpoint(step: int) -> Checkpoint:
    return Checkpoint(
        step,
        {"weight": torch.full((7, 3), float(step)), "count": torch.tensor(step)},
        {"weight.exp_avg": torch.rand(7, 3)},
        {"sums": {"loss": 0.1 + 0.2, "hits": 3, "images": 64}, "best": None},
        events=10 * step,
    )


def step_of(folder: Path) -> int | None:
    found, _ = newest_checkpoint(folder)
    return found.step if found else None


def test_what_is_saved_comes_back(tmp_path: Path) -> None:
    original = checkpoint(3)
    path = save_checkpoint(tmp_path / "checkpoints", original)
    assert path.name == "step-00000003"
    found, damaged = newest_checkpoint(tmp_path / "checkpoints")
    assert found is not None
    assert damaged == []
    assert (found.step, found.events, found.state) == (3, 30, original.state)
    assert all(torch.equal(found.model[k], v) for k, v in original.model.items())
    assert all(torch.equal(found.optimizer[k], v) for k, v in original.optimizer.items())


def test_none_yet(tmp_path: Path) -> None:
    assert newest_checkpoint(tmp_path / "checkpoints") == (None, [])


def test_two_are_kept_and_foreign_names_are_left_alone(tmp_path: Path) -> None:
    foreign = ["old-step-00000999.bak", "step-99", "step-00000100.tmp", ".step-00000007.tmp"]
    for name in foreign:
        (tmp_path / name).mkdir()
    (tmp_path / ".step-00000007.123.tmp").mkdir()  # left by a process that was killed
    for step in (9, 10, 100):
        save_checkpoint(tmp_path, checkpoint(step))
    assert {p.name for p in tmp_path.iterdir()} == {*foreign, "step-00000010", "step-00000100"}
    assert step_of(tmp_path) == 100


def test_a_damaged_newest_falls_back_and_says_so(tmp_path: Path) -> None:
    for step in (1, 2):
        save_checkpoint(tmp_path, checkpoint(step))
    (tmp_path / "step-00000002" / "model.safetensors").write_bytes(b"short")
    found, damaged = newest_checkpoint(tmp_path)
    assert found is not None
    assert found.step == 1
    assert damaged == ["checkpoint step-00000002 is damaged: SHA-256 mismatch in model.safetensors"]
    assert {p.name for p in tmp_path.iterdir()} == {"step-00000001", "damaged-step-00000002"}
    save_checkpoint(tmp_path, checkpoint(2))
    save_checkpoint(tmp_path, checkpoint(3))
    assert {p.name for p in tmp_path.iterdir()} >= {"step-00000002", "step-00000003"}  # two good ones
    for step in (2, 3):
        shutil.rmtree(tmp_path / f"step-0000000{step}")
    with pytest.raises(HeirloomError, match="all checkpoints are damaged") as caught:
        newest_checkpoint(tmp_path)
    assert caught.value.status == 4


def test_every_flipped_bit_and_every_cut_is_noticed(tmp_path: Path) -> None:
    """1,000 flips and 200 cuts over all files; a flip that changes no value may pass."""
    path = save_checkpoint(tmp_path, checkpoint(2))
    good, _ = newest_checkpoint(tmp_path)
    chance = random.Random(0)
    files = sorted(path.iterdir())
    for trial in range(1200):
        file = files[trial % len(files)]
        data = file.read_bytes()
        if trial < 1000:
            position = chance.randrange(8 * len(data))
            spoiled = bytearray(data)
            spoiled[position // 8] ^= 1 << position % 8
        else:
            spoiled = bytearray(data[: chance.randrange(len(data))])
        file.write_bytes(spoiled)
        try:
            found, _ = newest_checkpoint(tmp_path)
        except HeirloomError as error:
            assert error.code == "E-checkpoint"
        else:
            assert file.name == "manifest.json"  # white space between its values
            assert found is not None
            assert good is not None
            assert (found.step, found.events, found.state) == (good.step, good.events, good.state)
            assert all(torch.equal(found.model[k], v) for k, v in good.model.items())
        file.write_bytes(data)


def test_another_format_is_refused_and_left_alone(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, checkpoint(1))
    path = save_checkpoint(tmp_path, checkpoint(2)) / "manifest.json"
    manifest = json.loads(path.read_text()) | {"format": 7}
    del manifest["sha256"]
    text = json.dumps(manifest, indent=1, sort_keys=True)
    path.write_text(json.dumps(manifest | {"sha256": hashlib.sha256(text.encode()).hexdigest()}))
    with pytest.raises(HeirloomError, match="format 7, this program knows 1"):
        newest_checkpoint(tmp_path)
    assert path.exists()


def test_what_a_process_of_our_number_left_is_no_hindrance(tmp_path: Path) -> None:
    (tmp_path / f".step-00000005.{os.getpid()}.tmp").mkdir()
    save_checkpoint(tmp_path, checkpoint(5))
    assert step_of(tmp_path) == 5


class _Crash(BaseException):
    """The process is gone: nothing that would clean up runs."""


def _crash_at(monkeypatch: pytest.MonkeyPatch, call: int) -> Callable[[], int]:
    """Stop at the ``call``-th operation that changes the disk, and let no handler touch it afterwards."""
    calls = [0]

    def guarded(original: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            calls[0] += 1
            if calls[0] >= call:
                raise _Crash
            return original(*args, **kwargs)

        return wrapper

    monkeypatch.setattr(os, "fsync", guarded(os.fsync))
    for name in ("mkdir", "open", "rename", "rmdir", "unlink"):
        monkeypatch.setattr(Path, name, guarded(getattr(Path, name)))
    monkeypatch.setattr(shutil, "rmtree", guarded(shutil.rmtree))
    return lambda: calls[0]


def test_a_crash_at_any_moment_of_a_save_leaves_a_good_checkpoint(tmp_path: Path) -> None:
    """Also when it repeats a step that is there, and when old ones are being removed."""
    crashes = 0
    for call in range(1, 40):
        folder = tmp_path / f"{call}"
        for step in (1, 2):
            save_checkpoint(folder, checkpoint(step))
        with pytest.MonkeyPatch.context() as patch:
            _crash_at(patch, call)
            try:
                save_checkpoint(folder, checkpoint(3))
            except _Crash:
                crashes += 1
        assert step_of(folder) in (2, 3)
        save_checkpoint(folder, checkpoint(4))
        assert step_of(folder) == 4
        assert not [p for p in folder.iterdir() if p.name.endswith(".tmp")]
    assert 12 <= crashes < 39  # every moment was met, and the last rounds ran through


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO, errno.EFBIG, errno.EDQUOT])
@pytest.mark.parametrize("call", range(1, 7))
def test_a_full_disk_at_any_write_leaves_the_previous_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: int, call: int
) -> None:
    save_checkpoint(tmp_path, checkpoint(1))
    calls, fsync = [0], os.fsync

    def full(handle: int) -> None:
        calls[0] += 1
        if calls[0] == call:
            raise OSError(error, os.strerror(error))
        fsync(handle)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(HeirloomError, match="cannot write") as caught:
        save_checkpoint(tmp_path, checkpoint(2))
    assert caught.value.status == 5
    assert step_of(tmp_path) == (2 if call == 6 else 1)  # the last waits for the folder, after the rename
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_numbers_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, checkpoint(1))
    spoiled = checkpoint(2)
    spoiled.model["weight"][0, 0] = float("nan")
    with pytest.raises(HeirloomError, match="weight is no longer finite") as caught:
        save_checkpoint(tmp_path, spoiled)
    assert caught.value.status == 6
    assert step_of(tmp_path) == 1
