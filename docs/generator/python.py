"""The reference of the public Python names, from their signatures and docstrings."""

import inspect
import re
import textwrap
from collections.abc import Iterator
from typing import Any

import heirloom
from docs.generator.markdown import code, escaped, prose, table

_HEADS = ("Args", "Attributes", "Raises", "Returns")


def page() -> str:
    """All public names: functions first, then what they take and return."""
    found = {name: getattr(heirloom, name) for name in heirloom.__all__}
    functions = {name: thing for name, thing in found.items() if not inspect.isclass(thing)}
    classes = {name: thing for name, thing in found.items() if inspect.isclass(thing)}
    parts = [
        "# Python",
        "`import heirloom` loads nothing heavy; each name is loaded when it is first used. Every error "
        "that a user "
        "can cause is a [`HeirloomError`](#heirloomerror) with a [code](errors.md).",
        table(
            ["function", "what it does"],
            [[f"[`{name}`](#{name})", escaped(_first(thing))] for name, thing in functions.items()],
        ),
        table(
            ["class", "what it is"],
            [[f"[`{name}`](#{name.lower()})", escaped(_first(thing))] for name, thing in classes.items()],
        ),
        "# Functions",
        *(text for name, thing in functions.items() for text in _entry(name, thing)),
        "# Classes",
        *(text for name, thing in classes.items() for text in _entry(name, thing)),
    ]
    # One heading of the first level on a page: the groups are of the second, their members of the third.
    top, *rest = parts
    return "\n\n".join([top, *(re.sub(r"^(# |## )", r"#\1", part) for part in rest)])


def _first(thing: Any) -> str:
    return (inspect.getdoc(thing) or "").split("\n\n")[0].replace("\n", " ")


def _entry(name: str, thing: Any) -> Iterator[str]:
    yield f"## {name}"
    yield f"```py\n{signature(name, thing)}\n```"
    yield from docstring(inspect.getdoc(thing) or "")
    if inspect.isclass(thing) and (members := list(_members(thing))):
        yield table(["member", ""], [[code(name), escaped(text)] for name, text in members])


def _members(thing: type) -> Iterator[tuple[str, str]]:
    for name, value in vars(thing).items():
        text = _first(getattr(thing, name)) if not name.startswith("_") else ""
        if isinstance(value, property) and text:
            yield name, text
        elif text and (inspect.isfunction(value) or isinstance(value, classmethod)):
            yield f"{name}()", text


def signature(name: str, thing: Any) -> str:
    """The call, one argument a line where it is long; without the folders of its types."""
    try:
        found = inspect.signature(thing)
    except ValueError:
        return name
    arguments, kinds = [], [p.kind for p in found.parameters.values()]
    for i, parameter in enumerate(found.parameters.values()):
        if parameter.kind is parameter.KEYWORD_ONLY and parameter.KEYWORD_ONLY not in kinds[:i]:
            arguments.append("*")
        arguments.append(_plain(str(parameter)))
        if parameter.kind is parameter.POSITIONAL_ONLY:
            arguments.append("/")
    returned = "" if inspect.isclass(thing) else f" -> {_plain(_annotation(found.return_annotation))}"
    line = f"{name}({', '.join(arguments)}){returned}"
    return (
        line if len(line) <= 88 else f"{name}(\n" + "".join(f"    {a},\n" for a in arguments) + f"){returned}"
    )


def _annotation(kind: Any) -> str:
    return inspect.formatannotation(kind).strip("'")


def _plain(text: str) -> str:
    text = re.sub(r"\b(?:heirloom|torch|pathlib|collections|typing|ssl)(?:\.\w+)*\.(\w+)", r"\1", text)
    events = "Started | Step | Epoch | Saved | Note | Done"
    return text.replace(events, "Event").replace("<factory>", "...").replace("'", '"')


def described(text: str) -> dict[str, str]:
    """What a docstring says of each argument, as Markdown."""
    found = re.search(r"^Args:\s*\n(.*?)(?=^\S|\Z)", text, re.DOTALL | re.MULTILINE)
    return {name.strip("`"): words for name, words in _items(textwrap.dedent(found[1]))} if found else {}


def docstring(text: str) -> Iterator[str]:
    """A docstring in Google's style as Markdown."""
    parts = re.split(rf"^({'|'.join(_HEADS)}):\s*\n", text, flags=re.MULTILINE)
    yield prose(parts[0])
    for head, body in zip(parts[1::2], parts[2::2], strict=True):
        inside, after = _indented(body)
        if head in ("Args", "Attributes"):
            yield table(["argument" if head == "Args" else "attribute", ""], list(_items(inside)))
        else:
            yield f"**{head}** {prose(inside)}"
        if after:
            yield prose(after)


def _indented(body: str) -> tuple[str, str]:
    lines = body.split("\n")
    end = next((i for i, line in enumerate(lines) if line and not line.startswith(" ")), len(lines))
    return textwrap.dedent("\n".join(lines[:end])), "\n".join(lines[end:])


def _items(text: str) -> Iterator[tuple[str, str]]:
    for item in re.split(r"\n(?=\S)", text.strip()):
        name, _, words = item.partition(":")
        yield code(name), prose(words)
