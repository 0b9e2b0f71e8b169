"""Draws the pictures of the gallery again, by the commands that stand there.

``python -m docs.generator.gallery FOLDER`` from the root of the repository. The files of weights that the
page imports lie in FOLDER, the data sets below a data root. What is in FOLDER already is not made again.
"""

import contextlib
import re
import shlex
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from heirloom.__main__ import main as heirloom

PAGE = Path(__file__).parents[1] / "gallery.md"
PICTURES = PAGE.parent / "pictures"
README = PAGE.parents[1] / "README.md"
_BLOCK = re.compile(r"^```(\w+)(?: title=\"([^\"]+)\")?\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def commands() -> Iterator[list[str]]:
    """The words behind ``heirloom`` of each command of the page, in order."""
    for _, title, text in _BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        for line in text.splitlines():
            words = shlex.split(line.removeprefix("$ "))
            if not title and words[0] == "heirloom":
                yield words[1:]


def files() -> dict[str, str]:
    """The files that the page prints."""
    found = _BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    return {title: text for _, title, text in found if title}


def target(words: list[str]) -> str:
    """What a command writes."""
    return next(after for word, after in pairwise(words) if word in ("-o", "--out"))


def main(folder: Path) -> None:
    """Make what is missing in ``folder``, and copy its pictures."""
    for name, text in files().items():
        (folder / name).write_text(text, encoding="utf-8")
    readme = README.read_text(encoding="utf-8")
    for words in commands():
        name = target(words)
        _make(words, folder)
        if words[0] == "draw":
            (PICTURES / name).write_bytes((folder / name).read_bytes())
            dark = f"{Path(name).stem}-dark.svg"
            if dark in readme:
                _make([dark if word == name else word for word in words] + ["--theme", "dark"], folder)
                (PICTURES / dark).write_bytes((folder / dark).read_bytes())


def _make(words: list[str], folder: Path) -> None:
    if not (folder / target(words)).exists():
        print("heirloom", shlex.join(words), flush=True)
        try:
            with contextlib.chdir(folder):
                heirloom(words)
        except SystemExit as stopped:
            if stopped.code:
                raise


if __name__ == "__main__":
    main(Path(sys.argv[1]))
