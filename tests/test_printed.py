"""Printed numbers: reading, rounding, arithmetic; and the numbers in a text."""

from decimal import ROUND_DOWN, ROUND_HALF_DOWN, ROUND_HALF_UP, Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heirloom.accounting import summary
from heirloom.auditing.arithmetic import evaluate
from heirloom.auditing.lectures.numerals import numerals
from heirloom.auditing.printed import fit, plain_text, read_number, rounded
from heirloom.auditing.verdicts import WORDS, fits, judged, tally
from heirloom.errors import HeirloomError


@pytest.mark.parametrize(
    ("text", "value", "step"),
    [
        ("1516", 1516, 1),
        ("1,516", 1516, 1),
        ("1_516", 1516, 1),
        ("1,00,000", 100_000, 1),
        ("62.3 million", 62_300_000, 100_000),
        ("62.3M", 62_300_000, 100_000),
        ("60K", 60_000, 1_000),
        ("60 thousand", 60_000, 1_000),
        ("3.8 x 10^9", 3_800_000_000, 100_000_000),
        ("3.8×10^9", 3_800_000_000, 100_000_000),
        (r"3.8 \times 10^{9}", 3_800_000_000, 100_000_000),
        ("3.8e9", 3_800_000_000, 100_000_000),
        ("5e-4", Fraction(5, 10_000), Fraction(1, 10_000)),
        ("99.7 %", Fraction(997, 10), Fraction(1, 10)),
        (r"99.7\%", Fraction(997, 10), Fraction(1, 10)),
        ("-17", -17, 1),
        ("−17", -17, 1),
        (r"\approx 61,500", 61_500, 1),
        ("about 60,000", 60_000, 1),
        ("0", 0, 1),
    ],
)  # fmt: skip
def test_numbers_are_read(text, value, step):
    found = read_number(text)
    assert (found.value, found.step) == (value, step)


@pytest.mark.parametrize(
    "text", ["", "many", "1,51", "12,3456", "60 apples", "55x55", "1.2.3", "١٢", "1 516"]
)
def test_what_is_no_number_is_refused(text):
    with pytest.raises(HeirloomError, match="is no number"):
        read_number(text)


@pytest.mark.parametrize(
    ("text", "ours", "words"),
    [
        ("60,000", 60_000, "matches"),
        ("60,000", 60_001, "wrong"),  # a whole number claims every digit
        ("about 60,000", 61_706, "rounds to"),  # unless it says that it does not
        ("about 60,000", 65_001, "wrong"),
        ("60K", 60_499, "rounds to"),
        ("60K", 59_500, "rounds to"),
        ("61.7K", 61_706, "rounds to"),
        ("62.3 million", 62_378_344, "cut to: it rounds to 62.4 million"),
        ("62.4 million", 62_378_344, "rounds to"),
        ("62.2 million", 62_378_344, "wrong"),
        ("60M", 60_965_224, "cut to: it rounds to 61M"),
        ("140M", 138_357_544, "rounds to"),  # its zero only fills it up
        ("150M", 138_357_544, "wrong"),
        ("100M", 60_965_224, "wrong"),  # no digit of ours would be left
        ("100M", 95_500_000, "rounds to"),
        ("100M", 138_357_544, "rounds to"),
        ("0M", 61_706, "wrong"),
        ("0.0", Fraction(4, 100), "wrong"),
        ("3.8 x 10^9", 3_857_973_248, "cut to: it rounds to 3.9 x 10^9"),
        ("99.7%", Fraction(9961, 100), "wrong"),
        ("99.6%", Fraction(9961, 100), "rounds to"),
        ("-1.2", Fraction(-123, 100), "rounds to"),
        ("-1.2", Fraction(-128, 100), "cut to: it rounds to -1.3"),
        ("1.2", Fraction(-12, 10), "wrong"),
        (r"\approx 61,500", 61_706, "wrong"),
        (r"156=(5*5+1(\text{bias}))*6", 156, "matches"),
        ("157=(5*5+1)*6", 156, "wrong"),
        ("156=(5*5+2)*6", 156, "wrong"),
        ("2^6", 64, "matches"),
        ("7/3", Fraction(7, 3), "matches"),
        ("55 x 55 x 96", (96, 55, 55), "matches"),
        ("96x55x55", (96, 55, 55), "matches"),
        ("55x55", (96, 55, 55), "wrong"),
        ("conv3-64", (3, 64), "matches"),
        ("(1, 0, -1)", (1, 0, -1), "matches"),
    ],
)
def test_verdicts_on_printed_texts(text, ours, words):
    assert judged(text, ours) == words


def test_a_reason_needs_something_to_explain():
    assert judged("7", 8, "the output is left out") == "contradicts: the output is left out"
    assert judged("8", 8, "the output is left out").startswith("wrong")
    assert judged("cut", "whole", "why") == "contradicts: why"


def test_every_verdict_is_counted():
    assert (
        tally(["matches", "contradicts: x", "matches (second hand)"]) == "2 matches, 1 contradicts, 0 wrong"
    )
    assert tally(["wrong: y"]) == "1 wrong"
    assert WORDS[-1] == "wrong"


decimals = st.decimals(min_value=-(10**9), max_value=10**9, places=4)


@given(decimals, st.integers(0, 3), st.sampled_from(["", "M", " thousand"]))
def test_rounding_is_that_of_decimal(ours, places, unit):
    """Independent: the standard library rounds the number, and prints it."""
    scale = {"": 1, "M": 10**6, " thousand": 1000}[unit]
    step = Decimal(1).scaleb(-places)
    up, down, cut = (
        ours.quantize(step, rounding) for rounding in (ROUND_HALF_UP, ROUND_HALF_DOWN, ROUND_DOWN)
    )
    exact = Fraction(ours) * scale
    for printed in {up, down, cut}:
        text = f"{printed:,f}{unit}"
        if not places and not unit:
            expected = "matches" if printed == ours else ""
        elif printed == ours:
            expected = "matches"
        elif not printed:
            expected = ""  # nothing rounds to zero
        elif printed in (up, down):
            expected = "rounds to"
        else:
            expected = "cut to" if printed else ("", "cut to")  # of a cut zero nothing is left
        found = fit(read_number(text), exact)
        assert found == expected or found in expected
    assert Fraction(
        Decimal(rounded(read_number(f"{up:f}{unit}"), exact).removesuffix(unit).replace(",", ""))
    ) in (
        Fraction(up),
        Fraction(down),
    )


@given(st.integers(0, 10**15))
def test_a_whole_number_is_read_as_it_is_printed(n):
    assert read_number(f"{n:,}").value == n
    assert read_number(str(n)).value == n
    assert fit(read_number(f"{n:,}"), n) == "matches"
    assert fit(read_number(f"{n:,}"), n + 1) == ""


numbers = st.integers(0, 99).map(str)
formulas = st.recursive(
    numbers,
    lambda inner: st.builds(
        "{}{}{}".format,
        st.builds("({})".format, inner) | numbers,
        st.sampled_from(["+", "-", "*", " * ", " - "]),
        st.builds("({})".format, inner) | numbers,
    ),
    max_leaves=8,
)


def by_python(text):
    """What Python makes of it; the numbers are whole, so it is exact."""
    return eval(text, {"__builtins__": {}})


@given(formulas)
def test_arithmetic_is_that_of_python(text):
    assert evaluate(text) == by_python(text.replace(" ", ""))
    assert evaluate(text.replace("*", r"\times ")) == evaluate(text)
    assert evaluate(text.replace("*", " x ")) == evaluate(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("(227-11)/4 + 1", 55),
        ("1 + ceil((224 - 11) / 4)", 55),
        ("floor((224 - 11) / 4) + 1", 54),
        (r"(2 \cdot 2+1) \cdot 5", 25),
        ("2 ^ 10", 1024),
        ("1,516 * 100", 151_600),
        ("100 x 34275 / 34987", Fraction(3_427_500, 34_987)),
    ],
)
def test_arithmetic_of_slides(text, value):
    assert evaluate(text) == value


@pytest.mark.parametrize(
    "text",
    ["", "x", "1/0", "2^(1/2)", "9^9^9^9", "open(1)", "a.b", "1 if 1 else 2", "(", "1 2 +", "1 2",
     r"5 \\ 1", "1e5", "'5'", "[5]", "(" * 500 + "1" + ")" * 500, "__import__", "floor", "floor()",
     "5floor(1)"],
)  # fmt: skip
def test_what_is_no_arithmetic_is_refused(text):
    with pytest.raises(HeirloomError, match="cannot work out"):
        evaluate(text)


@pytest.mark.parametrize("name", ["lenet5", "alexnet", "googlenet", "resnet18"])
def test_the_formulas_of_the_books_come_to_their_numbers(name):
    checked = 0
    for row in summary(name).rows:
        for quantity, formula in row.formulas.items():
            assert evaluate(formula) == getattr(row, quantity), (row.name, formula)
            checked += 1
    assert checked > 12


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("55x55x96", ["55", "55", "96"]),
        ("1,516 or 1,00,000; 2,4,5<sup>th</sup>", ["1,516", "1,00,000", "2", "4", "5"]),
        ("62.3 million. 3.", ["62.3", "3"]),
        ("LeNet-5, conv3-64, (32,32,3)", ["5", "3", "64", "32", "32", "3"]),
        ("99.9999...%", ["99.9999"]),
        ("2^6, 10^-4, 1/4, 5²", ["2", "6", "10", "4", "1", "4", "5", "²"]),
        (r"$156=(5*5+1(\text{bias}))*6$", ["156", "5", "5", "1", "6"]),
        ("224×224×3", ["224", "224", "3"]),
        ("½ and 1234,567", ["½", "1234", "567"]),
        ("nothing", []),
    ],
)
def test_numbers_in_a_line(line, found):
    assert [n.text for n in numerals(line)] == found


@given(st.text(alphabet="0123456789,. x×²½a-^", max_size=30))
def test_each_digit_is_in_exactly_one_number(line):
    found = numerals(line)
    assert all(line[n.start : n.end] == n.text for n in found)
    inside = [i for n in found for i in range(n.start, n.end)]
    assert len(inside) == len(set(inside))
    assert {i for i, c in enumerate(line) if c.isnumeric()} <= set(inside)


@given(st.lists(st.integers(0, 10**9), max_size=6), st.sampled_from([" ", " x ", "; ", "\t"]))
def test_numbers_are_found_as_they_were_printed(values, between):
    line = between.join(f"{n:,}" for n in values)
    assert [int(n.text.replace(",", "")) for n in numerals(line)] == values


def test_marks_of_latex_are_left_out():
    assert plain_text(r"32 \times 32 \times 3 = 3072 \times 1") == "32 × 32 × 3 = 3072 × 1"
    assert plain_text(r"156=(5*5+1(\text{bias}))*6") == "156=(5*5+1(bias))*6"
    assert plain_text(r"x = \begin{bmatrix} 5 \\ 1 \end{bmatrix}") == "x = 5 1"


def test_words_are_compared_as_words():
    assert fits("S2→C3", "S2→C3") == "matches"
    assert fits("C2→S3", "S2→C3") == ""
