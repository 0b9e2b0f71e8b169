"""The comments behind the layers of a network file tell the size of their output. They are true."""

import ast
import importlib
import inspect
import re
from pathlib import Path

import pytest
import torch

from heirloom import models
from heirloom.accounting import summary
from heirloom.models import MODELS

FOLDER = Path(models.__file__).parent
COMMENT = re.compile(r"#\s*(\d+[a-z]?(?: x \d+)*)(?:\s{2,}.*)?$")
"""``# 64 x 56 x 56``, or ``# 64k x 56 x 56`` in a family, k a whole number that the network decides."""


def class_of(name):
    """The class that lists the layers: the factory itself, or what it says it returns."""
    module, factory = MODELS[name].split(":")
    found = vars(importlib.import_module(f"{models.__name__}.{module}"))[factory]
    return found if inspect.isclass(found) else inspect.signature(found).return_annotation


def commented(cls):
    """(layers, size) for each line that ends in a size, in the class of a network.

    A line is one layer, or unpacks several (``**stage(...)``); its size is that behind the last.
    """
    source = Path(inspect.getsourcefile(cls)).read_text(encoding="utf-8")
    lines = source.splitlines()
    (body,) = (n for n in ast.parse(source).body if isinstance(n, ast.ClassDef) and n.name == cls.__name__)
    found = [
        (keyword, keyword.value.end_lineno)
        for call in ast.walk(body)
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "super().__init__"
        for keyword in call.keywords
    ]
    found += [
        (node, node.end_lineno)
        for node in ast.walk(body)
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Attribute)
    ]
    told = [(node, size[1]) for node, line in found if (size := COMMENT.search(lines[line - 1]))]
    return [(layers_of(cls, node), size) for node, size in told]


def layers_of(cls, node):
    """Names of the layers that an argument or an assignment stands for."""
    if isinstance(node, ast.Assign):
        return [node.targets[0].attr]
    if node.arg:
        return [node.arg]
    known = vars(importlib.import_module(cls.__module__))
    published = {key: p.default for key, p in inspect.signature(cls).parameters.items()}
    with torch.device("meta"):
        return list(eval(ast.unparse(node.value), {**known, **published, "in_chans": 3, "num_classes": 10}))


@pytest.mark.parametrize("name", MODELS)
def test_shape_comments_are_true(name):
    books = summary(name)
    told = commented(class_of(name))
    # A layer that is a block ends with its last row.
    last = {row.name.split(".")[0]: row.output_size for row in books.rows if row.executed}
    letters = {}
    for layers, text in told:
        maps, *rest = text.split(" x ")
        times = 1
        if letter := maps.lstrip("0123456789"):
            maps = maps.removesuffix(letter)
            times = letters.setdefault(letter, last[layers[-1]][0] // int(maps))
        assert last[layers[-1]] == (int(maps) * times, *map(int, rest)), layers
    # Each layer that has connections or moves numbers tells its size; activations do not.
    needed = {
        row.name.split(".")[0]
        for row in books.rows[1:]
        if row.executed and (row.connections or row.moves_only)
    }
    assert {layer for layers, _ in told for layer in layers} >= needed
    assert len(needed) >= 3


@pytest.mark.parametrize("module", sorted({class_of(name).__module__ for name in MODELS}))
def test_no_comment_that_looks_like_a_size_escapes(module):
    text = (FOLDER / f"{module.rpartition('.')[2]}.py").read_text(encoding="utf-8")
    classes = {cls for name in MODELS if (cls := class_of(name)).__module__ == module}
    assert sum(bool(COMMENT.search(line)) for line in text.splitlines()) == sum(
        len(commented(cls)) for cls in classes
    )
