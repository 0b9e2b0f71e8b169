"""One error type: its line, its codes, and that each code is used and tested."""

import re
from pathlib import Path

import pytest

from heirloom.errors import STATUS, HeirloomError, nearest, printable

ROOT = Path(__file__).parent.parent


def test_the_line() -> None:
    error = HeirloomError("E-image", "no image", where="a.png", why="empty", remedy="look again")
    assert str(error) == "no image: a.png: empty: look again [E-image]"
    assert error.status == 3
    assert str(HeirloomError("E-data", "gone")) == "gone [E-data]"


def test_control_characters_from_outside_do_not_reach_the_terminal() -> None:
    assert printable("a\x1b[31m\nb\u202e") == "a\\x1b[31m\\nb\\u202e"
    assert "\n" not in str(HeirloomError("E-image", "no image", where="two\nlines.png"))


def test_nearest() -> None:
    assert nearest("lenet", ["lenet5", "alexnet"]) == "did you mean 'lenet5'?"
    assert nearest("zzz", ["b", "a"]) == "known: a, b"


@pytest.mark.parametrize("code", STATUS)
def test_every_code_is_raised_and_tested(code: str) -> None:
    def lines(folder: str) -> str:
        return "\n".join(p.read_text() for p in (ROOT / folder).rglob("*.py") if p.name != "errors.py")

    assert re.search(rf'HeirloomError\(\s*"{code}"', lines("src"))
    status = rf"returncode == {STATUS[code]}|status == {STATUS[code]}"
    assert re.search(rf"{code}\b|{status}", lines("tests"))
