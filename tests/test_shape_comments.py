"""The comments behind the layers of a network file tell the size of their output. They are true."""

import ast
import re
from pathlib import Path

import pytest

from heirloom import models
from heirloom.accounting import summary
from heirloom.models import MODELS

FOLDER = Path(models.__file__).parent
COMMENT = re.compile(r"#\s*(\d+(?: x \d+)*)(?:\s{2,}.*)?$")


def commented(name):
    """(layer, size) for each keyword argument whose last line ends in a size, in the class of a network."""
    module, factory = MODELS[name].split(":")
    source = (FOLDER / f"{module}.py").read_text(encoding="utf-8")
    lines = source.splitlines()
    (body,) = (n for n in ast.parse(source).body if isinstance(n, ast.ClassDef) and n.name == factory)
    return [
        (keyword.arg, tuple(map(int, found[1].split(" x "))))
        for call in ast.walk(body)
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "super().__init__"
        for keyword in call.keywords
        if (found := COMMENT.search(lines[keyword.value.end_lineno - 1]))
    ]


@pytest.mark.parametrize("name", MODELS)
def test_shape_comments_are_true(name):
    books = summary(name)
    told = commented(name)
    for layer, size in told:
        assert books.trace[layer].output_size == size, layer
    # Each layer that has connections or moves numbers tells its size; activations do not.
    needed = {row.name for row in books.rows[1:] if row.connections or row.moves_only}
    assert {layer for layer, _ in told} >= needed
    assert len(needed) >= 5
    # No comment that looks like a size escapes.
    text = (FOLDER / f"{MODELS[name].split(':')[0]}.py").read_text(encoding="utf-8")
    everywhere = sum(bool(COMMENT.search(line)) for line in text.splitlines())
    module = MODELS[name].split(":")[0]
    assert everywhere == sum(
        len(commented(n)) for n, place in MODELS.items() if place.split(":")[0] == module
    )
