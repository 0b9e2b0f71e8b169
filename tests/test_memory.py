"""Keeping freed memory changes speed, not results; and only glibc is told."""

import gc
import json
import subprocess
import sys
from pathlib import Path

import pytest

from heirloom import memory

TRAIN = """
import dataclasses, sys
from conftest import QUICK
from heirloom import memory
if sys.argv[2] == "without":
    memory.keep_freed_memory = lambda: None
    import heirloom.training
    heirloom.training.keep_freed_memory = memory.keep_freed_memory
from heirloom.training import train
list(train(dataclasses.replace(QUICK, epochs=1), out=sys.argv[1], threads=1))
"""


def run(folder: Path, mode: str) -> None:
    subprocess.run(
        [sys.executable, "-c", TRAIN, str(folder), mode], cwd=Path(__file__).parent, check=True, timeout=120
    )


def test_the_weights_are_the_same_bytes(tmp_path: Path) -> None:
    run(tmp_path / "with", "with")
    run(tmp_path / "without", "without")
    first, second = (tmp_path / name / "model.safetensors" for name in ("with", "without"))
    assert first.read_bytes() == second.read_bytes()
    told, untold = (
        json.loads((tmp_path / name / "versions.json").read_text())["allocator"]
        for name in ("with", "without")
    )
    assert untold == "as the system has it"
    if sys.platform.startswith("linux"):
        assert told in ("glibc, keeps freed memory", untold)


def test_another_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    class Other:
        """musl has no `gnu_get_libc_version`."""

        def __getattr__(self, name: str) -> None:
            raise AttributeError(name)

    monkeypatch.setattr(memory._State, "kept", False)
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda name: Other())
    memory.keep_freed_memory()
    assert memory.allocator() == "as the system has it"


def test_training_does_without_the_compiler(tmp_path: Path) -> None:
    """Its import is more than a second of every start."""
    code = (
        "import sys; from conftest import QUICK; from heirloom.training import train\n"
        "from heirloom.evaluation import evaluate\n"
        "list(train(QUICK, out=sys.argv[1], threads=1)); evaluate(sys.argv[1])\n"
        "print('torch._dynamo' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "run")],
        cwd=Path(__file__).parent, check=True, timeout=120, capture_output=True, text=True,
    )  # fmt: skip
    assert done.stdout == "False\n"


def test_garbage_waits_and_is_searched_for_again() -> None:
    assert gc.isenabled()
    with pytest.raises(KeyError), memory.garbage_waits():
        assert not gc.isenabled()
        with memory.garbage_waits():
            pass
        assert not gc.isenabled()  # the outer one still holds
        raise KeyError
    assert gc.isenabled()
    gc.disable()
    try:
        with memory.garbage_waits():
            pass
        assert not gc.isenabled()  # as the user has it
    finally:
        gc.enable()
