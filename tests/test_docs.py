"""The documentation: its blocks run, its made pages say what the networks have, its links lead somewhere."""

import json
import re
from pathlib import Path

import pytest
import torch
from docs.generator import __main__ as generator
from docs.generator import faults
from PIL import Image
from sessions import BLOCK, RUN, Session, agree, commands, program

import heirloom
from heirloom.errors import STATUS

ROOT = Path(__file__).parent.parent
WRITTEN = sorted(path for path in (ROOT / "docs").glob("*.md"))
LANGUAGES = {*RUN, "text", "py"}


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "src"))
    monkeypatch.delenv("HEIRLOOM_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    program(tmp_path / "bin")
    folder = tmp_path / "reader"
    folder.mkdir()
    monkeypatch.chdir(folder)
    (folder / "photographs").mkdir()
    Image.new("RGB", (300, 200), "teal").save(folder / "photographs" / "street.jpg")
    return Session(folder)


@pytest.mark.parametrize("page", WRITTEN, ids=lambda path: path.stem)
def test_a_page_does_what_it_says(page: Path, session: Session) -> None:
    torch.manual_seed(0)
    for kind, title, text in BLOCK.findall(page.read_text(encoding="utf-8")):
        if kind in RUN:
            session.block(kind, title, text)


def test_agreement() -> None:
    assert agree("a\n...\nb\n", "a\n1\n2\nb\n")
    assert agree("a\n...\nb\n", "a\nb\n")
    assert agree("acc ... %\n", "acc 98.1 %\n")
    assert agree("", "")
    assert not agree("", "a\n")
    assert not agree("a ... c\n", "a\nb c\n")
    assert not agree("a\n...\n", "b\n")
    assert list(commands("$ x\n1\n2\n$ y\n")) == [("x", "1\n2\n"), ("y", "")]
