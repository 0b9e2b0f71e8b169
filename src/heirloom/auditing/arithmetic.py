"""Arithmetic as a formula or a slide writes it: ``(5*5+1)*6``, ``96 x (3 x 11 x 11 + 1)``, ``2^6``."""

import ast
import math
import operator
import re
from collections.abc import Callable
from fractions import Fraction

from heirloom.errors import HeirloomError

_OPERATORS: dict[type[ast.AST], Callable[[Fraction, Fraction], Fraction]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_FUNCTIONS: dict[str, Callable[[Fraction], int]] = {"floor": math.floor, "ceil": math.ceil}

# What LaTeX and people write -> what Python reads.
_SPELLINGS = (
    (r"\\text\{[^}]*\}|\\left|\\right|\\quad|\\begin\{[a-z]+\}|\\end\{[a-z]+\}", ""),
    (r"\\times|\\cdot|×|·", "*"),
    (r"(?<![a-zA-Z])[xX](?![a-zA-Z])", "*"),
    (r"−", "-"),
    (r"\\\*", "*"),
    (r"\^", "**"),
    (r"(?<=[0-9]),(?=[0-9]{3}(?![0-9]))", ""),
    (r"[$&\\]", " "),
    (r"\s+", " "),
    (r"(?<![0-9]) | (?![0-9])", ""),  # what is left parts two numbers, which is no arithmetic
    (r"\(\)", ""),
)
_ARITHMETIC = re.compile(r"(?:[0-9]+(?:\.[0-9]+)?(?![0-9a-z.])|[-+*/()]|(?:floor|ceil)(?=\())+")


def evaluate(text: str) -> Fraction:
    """The exact value of ``+ - * / ^``, brackets, ``floor()`` and ``ceil()``, in plain text or LaTeX.

    Raises:
        HeirloomError: (``E-usage``) It is no arithmetic.
    """
    plain = text
    for spelling, python in _SPELLINGS:
        plain = re.sub(spelling, python, plain)
    try:
        if not _ARITHMETIC.fullmatch(plain):
            raise ValueError("only + - * / ^, brackets, floor and ceil are arithmetic")
        return _value(ast.parse(plain, mode="eval").body)
    except (SyntaxError, ValueError, ArithmeticError, RecursionError, MemoryError) as error:
        raise HeirloomError("E-usage", f"cannot work out {text.strip()!r}", why=str(error)) from error


def _value(node: ast.AST) -> Fraction:
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return Fraction(str(number))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _value(operand)
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            exponent = _value(right)
            if exponent.denominator != 1 or abs(exponent) > 64:
                raise ValueError("an exponent is a whole number of at most 64")
            return _value(left) ** int(exponent)
        case ast.BinOp(left=left, op=sign, right=right) if type(sign) in _OPERATORS:
            return _OPERATORS[type(sign)](_value(left), _value(right))
        case ast.Call(func=ast.Name(id=name), args=[argument], keywords=[]) if name in _FUNCTIONS:
            return Fraction(_FUNCTIONS[name](_value(argument)))
    raise ValueError("this is no arithmetic")
