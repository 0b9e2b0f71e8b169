"""The comments behind the layers of a network file tell the size of their output. They are true."""

import ast
import importlib
import re
from pathlib import Path

import pytest
import torch

from heirloom import models
from heirloom.accounting import summary
from heirloom.models import MODELS

FOLDER = Path(models.__file__).parent
COMMENT = re.compile(r"#\s*(\d+(?: x \d+)*)(?:\s{2,}.*)?$")


def commented(name):
    """(layers, size) for each line that ends in a size, in the class of a network.

    A line is one layer, or unpacks several (``**stage(...)``); its size is that behind the last.
    """
    module, factory = MODELS[name].split(":")
    source = (FOLDER / f"{module}.py").read_text(encoding="utf-8")
    lines = source.splitlines()
    (body,) = (n for n in ast.parse(source).body if isinstance(n, ast.ClassDef) and n.name == factory)
    return [
        (layers_of(module, keyword), tuple(map(int, found[1].split(" x "))))
        for call in ast.walk(body)
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "super().__init__"
        for keyword in call.keywords
        if (found := COMMENT.search(lines[keyword.value.end_lineno - 1]))
    ]


def layers_of(module, keyword):
    """Names of the layers that an argument stands for."""
    if keyword.arg:
        return [keyword.arg]
    known = vars(importlib.import_module(f"{models.__name__}.{module}"))
    with torch.device("meta"):
        return list(eval(ast.unparse(keyword.value), {**known, "in_chans": 3, "num_classes": 10}))


@pytest.mark.parametrize("name", MODELS)
def test_shape_comments_are_true(name):
    books = summary(name)
    told = commented(name)
    # A layer that is a block ends with its last row.
    last = {row.name.split(".")[0]: row.output_size for row in books.rows}
    for layers, size in told:
        assert last[layers[-1]] == size, layers
    # Each layer that has connections or moves numbers tells its size; activations do not.
    needed = {row.name.split(".")[0] for row in books.rows[1:] if row.connections or row.moves_only}
    assert {layer for layers, _ in told for layer in layers} >= needed
    assert len(needed) >= 5
    # No comment that looks like a size escapes.
    text = (FOLDER / f"{MODELS[name].split(':')[0]}.py").read_text(encoding="utf-8")
    everywhere = sum(bool(COMMENT.search(line)) for line in text.splitlines())
    module = MODELS[name].split(":")[0]
    assert everywhere == sum(
        len(commented(n)) for n, place in MODELS.items() if place.split(":")[0] == module
    )
