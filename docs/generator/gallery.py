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


def dark(name: str) -> str:
    """What a picture is called in the dark theme."""
    return name.replace(".svg", "-dark.svg")


def in_both_themes(page: str) -> str:
    """A page of the site that shows each of these pictures in its reader's theme, and links to its file."""

    def both(found: re.Match[str]) -> str:
        words, name = found.groups()
        if not (PICTURES / dark(name)).exists():
            return found[0]
        shown = f"{words}(pictures/{name}#only-light){words}(pictures/{dark(name)}#only-dark)"
        return f"[{shown}](pictures/{name})"

    return re.sub(r"(!\[[^\]]*\])\(pictures/([^)]+\.svg)\)", both, page)


def main(folder: Path) -> None:
    """Make what is missing in ``folder``, and copy its pictures."""
    for name, text in files().items():
        (folder / name).write_text(text, encoding="utf-8")
    for words in commands():
        name = target(words)
        _make(words, folder)
        if words[0] == "draw":
            _make([dark(name) if word == name else word for word in words] + ["--theme", "dark"], folder)
            for picture in (name, dark(name)):
                (PICTURES / picture).write_bytes((folder / picture).read_bytes())


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
