"""Numbers, strings, lists, dictionaries and arrays out of a pickle; nothing in it is executed.

A pickle is a program for a machine with a stack. Python's own machine calls whatever the program names;
this one knows how to build plain values and NumPy arrays of integers, and refuses every other name. It reads
all protocols, 0 to 5, as Python 2 and 3 wrote them. What Python 2 wrote as ``str`` becomes text in Latin-1.

Source: CPython's documentation of the module ``pickletools``, which also decodes the instructions here.
"""

import math
import pickletools
from typing import Any

import numpy as np
from numpy.typing import NDArray

MOST_STEPS = 2_000_000
"""Instructions that are followed, at most: five times those of CIFAR-100."""

_ENCODE, _DTYPE, _ARRAY = ("_codecs", "encode"), ("numpy", "dtype"), ("numpy", "ndarray")
_BUILDERS = {
    (f"numpy.{core}.{module}", name)
    for core in ("core", "_core")
    for module, name in (("multiarray", "_reconstruct"), ("numeric", "_frombuffer"))
}
_ADMITTED = {_ENCODE, _DTYPE, _ARRAY, *_BUILDERS}
_TYPES = ("u1", "i4", "i8")
_MOST_KEYS = 1000
"""Of one dictionary: made for it, so many keys could take a quadratic time."""
_VALUES = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_KINDS = {"EMPTY_LIST": list, "EMPTY_DICT": dict, "EMPTY_TUPLE": tuple}
_CONSTANTS = frozenset(
    ["INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT", "STRING",
     "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BINBYTES",
     "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"]
)  # fmt: skip
_GETS = frozenset(["GET", "BINGET", "LONG_BINGET"])
_PUTS = frozenset(["PUT", "BINPUT", "LONG_BINPUT"])
_SIZES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


def read_pickle(data: bytes) -> Any:
    """What a pickle holds, if it holds nothing but what is named above.

    Raises:
        ValueError: It is damaged, or asks for anything else; the text says what.
    """
    machine = _Machine(2 * len(data))
    try:
        for number, (code, argument, _) in enumerate(pickletools.genops(data)):
            if number == MOST_STEPS:
                raise ValueError(f"more than {MOST_STEPS:,} instructions")
            if code.name == "STOP":
                return _filled(machine.stack.pop())
            machine.step(code.name, argument)
    except ValueError as error:
        raise ValueError(str(error)[:200]) from error
    except Exception as error:  # a program that makes no sense: an empty stack, a list as a key
        raise ValueError(f"damaged: {type(error).__name__}: {error}") from error
    raise ValueError("cut short")


class _Name(tuple[str, str]):
    """A name that the program asks for, and nothing more."""


class _Type:
    """The type of an array's numbers."""

    def __init__(self, code: Any) -> None:
        self.code = _text(code)
        if self.code not in _TYPES:
            raise ValueError(f"an array of {self.code!r}, not of {', '.join(_TYPES)}")


class _Empty:
    """An array without its numbers, which follow."""

    array: NDArray[np.integer[Any]] | None = None


class _Machine:
    def __init__(self, most_bytes: int) -> None:
        self.stack: list[Any] = []
        self.below: list[list[Any]] = []  # what lies under each mark
        self.memory: dict[int, Any] = {}
        self.room = most_bytes  # a program may ask for the same bytes again and again

    def step(self, name: str, argument: Any) -> None:
        """Follow one instruction."""
        stack = self.stack
        if name in _CONSTANTS:
            stack.append(argument)
        elif name in _PUTS or name == "MEMOIZE":
            self.memory[len(self.memory) if name == "MEMOIZE" else argument] = stack[-1]
        elif name in _GETS:
            stack.append(_filled(self.memory[argument]))
        elif name in _VALUES:
            stack.append(_VALUES[name])
        elif name in _KINDS:
            stack.append(_KINDS[name]())
        elif name == "MARK":
            self.below.append(stack)
            self.stack = []
        elif name in _SIZES:
            count = _SIZES[name]
            if len(stack) < count:
                raise ValueError("damaged: nothing to put into a tuple")
            stack[-count:] = [tuple(map(_filled, stack[-count:]))]
        elif name in ("TUPLE", "LIST", "DICT", "APPENDS", "SETITEMS", "POP_MARK"):
            self._gather(name)
        elif name == "APPEND":
            value = stack.pop()
            _list(stack[-1]).append(_filled(value))
        elif name == "SETITEM":
            value, key = stack.pop(), stack.pop()
            _set(stack[-1], key, _filled(value))
        elif name in ("GLOBAL", "STACK_GLOBAL"):
            self._ask(name, argument)
        elif name == "REDUCE":
            values = stack.pop()
            stack.append(self._call(stack.pop(), values))
        elif name == "BUILD":
            state = stack.pop()
            self._build(stack[-1], state)
        elif name == "POP":
            stack.pop()
        elif name not in ("PROTO", "FRAME"):
            raise ValueError(f"it has the instruction {name}, which plain data do without")

    def _gather(self, name: str) -> None:
        """Take what lies above the last mark."""
        if not self.below:
            raise ValueError("damaged: no mark")
        values, self.stack = [_filled(value) for value in self.stack], self.below.pop()
        if name == "TUPLE":
            self.stack.append(tuple(values))
        elif name == "LIST":
            self.stack.append(values)
        elif name == "APPENDS":
            _list(self.stack[-1]).extend(values)
        elif name != "POP_MARK":
            if name == "DICT":
                self.stack.append({})
            for key, value in zip(values[::2], values[1::2], strict=True):
                _set(self.stack[-1], key, value)

    def _ask(self, name: str, argument: Any) -> None:
        """A name: of two words after the instruction, or of two strings on the stack."""
        if name == "GLOBAL":
            module, _, word = str(argument).partition(" ")
        else:
            word, module = _text(self.stack.pop()), _text(self.stack.pop())
        if (module, word) not in _ADMITTED:
            raise ValueError(f"it asks for {module}.{word}, which could do anything: refused")
        self.stack.append(_Name((module, word)))

    def _call(self, function: Any, values: Any) -> Any:
        if not isinstance(function, _Name) or not isinstance(values, tuple):
            raise ValueError("damaged: a call of what is no name")
        if function == _ENCODE:
            text, encoding = values
            if _text(encoding) not in ("latin1", "latin-1"):
                raise ValueError(f"an encoding {encoding!r}")
            return self._bytes(text)
        if function == _DTYPE:
            return _Type(values[0])
        if function[1] == "_frombuffer":
            numbers, kind, shape, order = values
            return self._array(numbers, kind, shape, _text(order) == "F")
        if function[1] == "_reconstruct" and values[0] == _ARRAY:
            return _Empty()
        raise ValueError(f"damaged: a call of {'.'.join(function)}")

    def _build(self, target: Any, state: Any) -> None:
        if isinstance(target, _Type):
            if _text(state[1]) not in ("|", "<", "="):
                raise ValueError(f"numbers in the order {state[1]!r}")
        elif isinstance(target, _Empty):
            _, shape, kind, columns_first, numbers = state
            target.array = self._array(numbers, kind, shape, bool(columns_first))
        else:
            raise ValueError("damaged: a state for what has none")

    def _array(self, numbers: Any, kind: Any, shape: Any, columns_first: bool) -> NDArray[np.integer[Any]]:
        data = self._bytes(numbers)
        if not isinstance(kind, _Type) or not isinstance(shape, tuple):
            raise ValueError("damaged: an array without type or shape")
        if len(shape) > 4 or not all(type(side) is int and 0 <= side <= len(data) for side in shape):
            raise ValueError("an array of an impossible shape")
        if math.prod(shape) * np.dtype(kind.code).itemsize != len(data):
            raise ValueError(f"an array of the shape {shape} with {len(data):,} bytes")
        return np.frombuffer(data, f"<{kind.code}").reshape(shape, order="F" if columns_first else "C")

    def _bytes(self, value: Any) -> bytes:
        if not isinstance(value, str | bytes | bytearray):
            raise ValueError("damaged: bytes are missing")
        self.room -= len(value)
        if self.room < 0:
            raise ValueError("it asks for the same bytes again and again")
        return value.encode("latin-1") if isinstance(value, str) else bytes(value)


def _filled(value: Any) -> Any:
    """An array in the place of the one that was announced; itself where it is not filled yet."""
    return value.array if isinstance(value, _Empty) and value.array is not None else value


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if not isinstance(value, str):
        raise ValueError("damaged: a word is missing")
    return value


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError("damaged: no list to append to")
    return value


def _set(target: Any, key: Any, value: Any) -> None:
    if not isinstance(target, dict) or len(target) == _MOST_KEYS:
        raise ValueError("damaged: no dictionary to put into, or too large a one")
    target[key] = value
