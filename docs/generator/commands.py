"""The reference of the command line, from the signatures and docstrings of the commands."""

import inspect
import types
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from typer.models import ArgumentInfo, OptionInfo

from docs.generator.markdown import code, escaped, table
from heirloom.cli import app


@dataclass(frozen=True)
class Word:
    """An argument or an option of a command."""

    shown: str
    help: str
    default: object
    needed: bool
    option: bool


def page() -> str:
    """Every command with its arguments and options."""
    commands = dict(_commands())
    parts = [
        "# Commands",
        "Data go to stdout, everything else to stderr, so that `>` and `|` get the data alone. "
        "Each command is a few lines over a function of the [library](python.md). "
        "What it exits with stands under [errors and exit statuses](errors.md).",
        table(
            ["command", "what it does"],
            [
                [f"[`heirloom {name}`](#heirloom-{name})", escaped(_says(command))]
                for name, command in commands.items()
            ],
        ),
    ]
    for name, command in commands.items():
        parts += _command(name, command)
    return "\n\n".join(parts)


def _commands() -> Iterator[tuple[str, Callable[..., Any]]]:
    for command in app.registered_commands:
        assert command.callback is not None
        yield command.name or command.callback.__name__, command.callback


def _says(command: Callable[..., Any]) -> str:
    return " ".join((inspect.getdoc(command) or "").split())


def _command(name: str, command: Callable[..., Any]) -> list[str]:
    found = list(words(command))
    arguments = [word.shown if word.needed else f"[{word.shown}]" for word in found if not word.option]
    usage = " ".join(["heirloom", name, *arguments, *(["[OPTIONS]"] if any(w.option for w in found) else [])])
    rows = [[code(word.shown), escaped(word.help) + _default(word)] for word in found]
    return [f"## heirloom {name}", f"```text\n{usage}\n```", escaped(_says(command)), table(["", ""], rows)]


def words(command: Callable[..., Any]) -> Iterator[Word]:
    """The arguments of a command, then its options, as its signature declares them."""
    hints = typing.get_type_hints(command, include_extras=True)
    found = []
    for parameter in inspect.signature(command).parameters.values():
        kind, info = typing.get_args(hints[parameter.name])
        option = isinstance(info, OptionInfo)
        assert option or isinstance(info, ArgumentInfo)
        # Without names of its own an option is called after its parameter, and a switch has a --no- too.
        names = info.param_decls or ([f"--{parameter.name.replace('_', '-')}"] if option else ())
        shown = " ".join([", ".join(names), _value(kind, info, parameter.name)]).strip()
        needed = parameter.default is parameter.empty
        found.append(Word(shown, info.help or "", parameter.default, needed, option))
    yield from sorted(found, key=lambda word: word.option)


def _value(kind: Any, info: OptionInfo | ArgumentInfo, name: str) -> str:
    """What stands for the value: nothing for a switch."""
    plain = [k for k in typing.get_args(kind) if k is not types.NoneType] if _union(kind) else [kind]
    if plain == [bool]:
        return ""
    if info.metavar:
        return info.metavar
    if isinstance(info, ArgumentInfo):
        return name.upper()
    if isinstance(plain[0], type) and issubclass(plain[0], Enum):
        return "|".join(str(choice.value) for choice in plain[0])
    return {int: "N", Path: "PATH"}.get(plain[0], "TEXT")


def _union(kind: Any) -> bool:
    return typing.get_origin(kind) in (types.UnionType, typing.Union)


def _default(word: Word) -> str:
    if word.needed:
        return " Needed." if word.option else ""
    value = word.default.value if isinstance(word.default, Enum) else word.default
    return f" By default {code(str(value))}." if value not in (None, False) else ""
