"""Runs the blocks of a page as its reader would: commands and Python, one after the other, in one folder."""

import contextlib
import io
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from heirloom.__main__ import main

BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
"""A fenced block: its language, its title, what is in it."""
RUN = ("console", "python", "csv")


class Session:
    """One reader at one page.

    A ``console`` block has commands behind ``$`` and what they print, on stdout and stderr, below. ``...``
    stands for anything. A block with a title is a file; else Python is run, with what earlier ones
    have defined, and ``print(...)  # x`` must print x.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.names: dict[str, Any] = {"__name__": "__main__"}
        self.status = 0

    def block(self, kind: str, title: str, text: str) -> None:
        """Run one block. Raises AssertionError if it prints something else."""
        if kind == "console":
            for command, shown in commands(text):
                printed = self.command(command)
                assert agree(shown, printed), f"$ {command}\n{printed}"
        elif named := re.search(r'title="([^"]+)"', title):
            (self.folder / named[1]).write_text(text)
        else:
            self.python(text)

    def command(self, command: str) -> str:
        """Run one command; what it prints."""
        if command == "echo $?":
            return f"{self.status}\n"
        if command.startswith("heirloom ") and not re.search(r"[|<>]", command):
            with captured() as printed, pytest.raises(SystemExit) as stopped:
                main(shlex.split(command)[1:])
            self.status = int(stopped.value.code or 0)
            return printed.getvalue()
        done = subprocess.run(
            ["bash", "-c", command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        self.status = done.returncode
        return done.stdout

    def python(self, text: str) -> None:
        """Run Python, and compare what it prints with what it says that it prints."""
        with captured() as printed:
            exec(compile(text, "page.py", "exec"), self.names)
        lines = printed.getvalue().splitlines()
        for promised in re.findall(r"^print\(.*\)  # (.*)$", text, re.MULTILINE):
            assert promised in lines, f"{promised} is not in {lines}"


def commands(text: str) -> Iterator[tuple[str, str]]:
    """The commands of a block, each with what is shown below it."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, shown = part.partition("\n")
        yield command, shown


def agree(shown: str, printed: str) -> bool:
    """Whether a command printed what is shown; a line ``...`` is any lines, within one it is any text."""
    shown = re.sub(r"^\.\.\.\n", "\0", _ended(shown), flags=re.MULTILINE)
    parts = [re.escape(part).replace(r"\.\.\.", r"[^\n]*") for part in shown.split("\0")]
    return re.fullmatch(r"(?:[^\n]*\n)*?".join(parts), _ended(printed)) is not None


def _ended(text: str) -> str:
    """Without empty lines at the end."""
    return text.rstrip() + "\n" if text.strip() else ""


@contextlib.contextmanager
def captured() -> Iterator[io.StringIO]:
    """Everything printed, both streams as they come."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        yield out


def program(folder: Path) -> None:
    """Put a ``heirloom`` on the path, for shells and programs that call it."""
    folder.mkdir()
    script = folder / "heirloom"
    script.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m heirloom "$@"\n')
    script.chmod(0o755)
    os.environ["PATH"] = f"{folder}{os.pathsep}{os.environ['PATH']}"
