"""Medians, ratios and Markdown tables of timings."""

import statistics
from collections.abc import Iterable, Sequence


def spread(values: Sequence[float], digits: int) -> str:
    """Median with the lowest and the highest value, such as ``4.1 (4.0 to 4.4)``."""
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle:,.{digits}f} ({low:,.{digits}f} to {high:,.{digits}f})"


def ratio(over: dict[int, float], under: dict[int, float]) -> tuple[float, float, float]:
    """Ratio of the medians, and the lowest and the highest ratio of one round.

    Args:
        over: Round -> value.
        under: The same; only rounds that both have are compared one by one.
    """
    single = [over[r] / under[r] for r in over.keys() & under.keys()]
    middle = statistics.median(over.values()) / statistics.median(under.values())
    return middle, min(single, default=middle), max(single, default=middle)


def times(found: tuple[float, float, float]) -> str:
    """A ratio in words, such as ``2.04 (1.98 to 2.11)``."""
    return "{:.2f} ({:.2f} to {:.2f})".format(*found)


def markdown(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; heads that begin with ``>`` are for columns of numbers."""
    rule = ["---:" if head.startswith(">") else "---" for head in heads]
    lines = [[head.removeprefix(">") for head in heads], rule, *rows]
    return "".join(f"|{'|'.join(line)}|\n" if line is rule else f"| {' | '.join(line)} |\n" for line in lines)
