"""Fixtures that several test files share."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the program does, for machines with other work

import torch
from torch import nn

from heirloom.__main__ import main
from heirloom.recipes import Recipe
from heirloom.training import train

# The same examples everywhere and always: a test that fails does so for whoever looks.
settings.register_profile("heirloom", derandomize=True, database=None, deadline=None)
settings.load_profile("heirloom")

# A shell ignores Ctrl-C for what it runs in the background, and children would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

QUICK = Recipe(
    model="lenet5_relu_max", data="digits", epochs=2, batch_size=64, lr=3e-3, train_limit=400, mean=0.5
)


@pytest.fixture(scope="session", autouse=True)
def _two_threads() -> None:
    torch.set_num_threads(2)


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Tensors of a few numbers only wait for a second thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


class Call(nn.Module):
    """A module from a function of the module and its input."""

    def __init__(self, function: Callable[[Any, torch.Tensor], Any], **parts: Any) -> None:
        super().__init__()
        self.function = function
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, x: torch.Tensor) -> Any:
        return self.function(self, x)


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small run that has ended. Tests read it and change nothing."""
    path = tmp_path_factory.mktemp("runs") / "finished"
    for _ in train(QUICK, out=path, threads=1):
        pass
    return path


Heirloom = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def heirloom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Heirloom:
    """Runs the command line in an empty folder, in this process: quick.

    Its reports have only pictures that run no network; ``tests/test_reports.py`` has them all.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("heirloom.report_page.pictures.WORK", 1)

    def run(*arguments: object) -> "subprocess.CompletedProcess[str]":
        capsys.readouterr()
        with pytest.raises(SystemExit) as stopped:
            main([str(argument) for argument in arguments])
        out, errors = capsys.readouterr()
        return subprocess.CompletedProcess(arguments, int(stopped.value.code or 0), out, errors)

    return run


@pytest.fixture
def process(tmp_path: Path) -> Heirloom:
    """Runs the command line in a process of its own, without a terminal."""

    def run(*arguments: object, **environment: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "heirloom", *map(str, arguments)]
        settings = {**os.environ, "PYTHONWARNINGS": "error", **environment}
        return subprocess.run(
            command, env=settings, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
        )

    return run
