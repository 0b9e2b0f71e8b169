"""Whether one network is better than another beyond chance, on the same images: paired, image by image."""

import csv
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from heirloom.data import absolute, is_path, of_photographs
from heirloom.errors import HeirloomError
from heirloom.evaluation import BY_FILES, evaluate, evaluation_name
from heirloom.files import is_folder
from heirloom.measures import ACCURACY, Measure, Z, measure_of
from heirloom.runs import Run

LEVEL = 0.05
"""Below this chance a difference counts."""


@dataclass(frozen=True)
class Comparison:
    """Two networks on the same images.

    Attributes:
        names: What they were called.
        metric: What was measured, with its split and protocol.
        data: Name of the data.
        n: Number of images.
        values: Accuracy of each, or mean error.
        low: Lower end of the 95 % interval of the second value less the first.
        high: Upper end.
        p: Chance of a difference at least as large, either way, between two that are equally good.
        only: Images that the first alone answered right, and the second alone; None for reconstructions.
    """

    names: tuple[str, str]
    metric: str
    data: str
    n: int
    values: tuple[float, float]
    low: float
    high: float
    p: float
    only: tuple[int, int] | None = None

    @property
    def measure(self) -> Measure:
        """What was measured."""
        return measure_of(self.metric)

    @property
    def difference(self) -> float:
        """The second value less the first."""
        return self.values[1] - self.values[0]

    @property
    def verdict(self) -> str:
        """``better`` or ``worse``, of the second, or ``no difference`` that chance does not explain."""
        if self.p >= LEVEL:
            return "no difference"
        return "better" if self.measure.better(self.values[1], self.values[0]) else "worse"

    @property
    def worse(self) -> bool:
        """Whether the second is worse than the first, beyond chance."""
        return self.verdict == "worse"

    @property
    def text(self) -> str:
        """All of it in a line."""
        first, second = map(self.measure.text, self.values)
        counts, unit = "", ""
        sizes = [f"{value:+.4g}" for value in (self.difference, self.low, self.high)]
        if self.only:
            counts = f"; right in one alone: {self.only[0]:,} and {self.only[1]:,}"
            sizes = [f"{100 * value:+.2f}" for value in (self.difference, self.low, self.high)]
            unit = " points"
        verdict = f"the second is {self.verdict}" if self.p < LEVEL else "no difference beyond chance"
        interval = f"{sizes[0]}{unit}, 95 % {sizes[1]} to {sizes[2]}"
        what = f"{self.metric} {first} and {second} ({self.n:,} images)"
        return f"{what}: {interval}{counts}; {_p(self.p)}: {verdict}"

    def as_dict(self) -> dict[str, Any]:
        """The documented JSON form, schema 1."""
        return {
            "schema": 1,
            "networks": list(self.names),
            "metric": self.metric,
            "data": self.data,
            "n": self.n,
            "values": list(self.values),
            "difference": {"value": self.difference, "low": self.low, "high": self.high},
            "only": list(self.only) if self.only else None,
            "p": self.p,
            "test": "McNemar, exact" if self.only else "paired differences, normal",
            "verdict": self.verdict,
        }


def compare(
    first: Path | str,
    second: Path | str,
    data: str | None = None,
    *,
    split: str = "test",
    protocol: str = "center",
    model: str | None = None,
) -> Comparison:
    """Compare two finished runs or weights files on the same images of one split, by one protocol.

    A run that has not been evaluated so is evaluated now.

    Args:
        first: Run directory or weights file.
        second: Another.
        data: As of `heirloom.evaluation.evaluate`; by default what each run was trained on, wherever it lies:
            images are told by what is in their files.
        split: Likewise.
        protocol: Likewise.
        model: As in `load_model`, for both.

    Raises:
        HeirloomError: (``E-usage``) They do not compare: other data, another task, other images; or as
            `evaluate` does.
    """
    paths = Path(first), Path(second)
    if data is None:
        own = {Run(path).recipe.data for path in paths if is_folder(path)}
        if len(own) == 1:
            data = own.pop()
        elif not all(map(is_path, own)):
            raise _refused(f"they were trained on different data, {' and '.join(sorted(own))}", "add --data")
    one, other = (_judged(path, data, split, protocol, model) for path in paths)
    if one.metric != other.metric:
        raise _refused(f"one has {one.metric}, the other {other.metric}")
    if one.images != other.images or len(one.each) != len(other.each):
        differ = f"their images or classes differ, {len(one.each):,} and {len(other.each):,} of them"
        if one.data != other.data:
            raise _refused(f"{differ}, in {one.data} and {other.data}", "add --data")
        raise _refused(differ, "evaluate both again: heirloom evaluate")
    names, n = (str(first), str(second)), len(one.each)
    if not n:
        raise _refused("there are no images")
    values = statistics.fmean(one.each), statistics.fmean(other.each)
    if measure_of(one.metric) is ACCURACY:
        only = (
            sum(a > b for a, b in zip(one.each, other.each, strict=True)),
            sum(a < b for a, b in zip(one.each, other.each, strict=True)),
        )
        low, high = paired_interval(*only, n)
        return Comparison(names, one.metric, one.data, n, values, low, high, mcnemar(*only), only)
    if n < 2:
        raise _refused("a single image says nothing of the spread")
    differences = [b - a for a, b in zip(one.each, other.each, strict=True)]
    low, high, p = mean_difference(differences)
    return Comparison(names, one.metric, one.data, n, values, low, high, p)


@dataclass(frozen=True)
class _Judged:
    """An evaluation, as far as it is compared: 1 or 0 for each image, right or wrong, or its error."""

    metric: str
    data: str
    images: str
    each: Sequence[float]


def _judged(path: Path, data: str | None, split: str, protocol: str, model: str | None) -> _Judged:
    """From the files of a run where they are there; else the network is evaluated now."""
    if is_folder(path):
        own = Run(path).recipe.data
        wanted = absolute(data or own)
        name = evaluation_name(own, wanted, split, protocol)
        table = path / "evaluations" / f"{name}.csv"
        values = Run(path).read_json(f"evaluations/{name}.json") if table.is_file() else {}
        if not _says_which(values, wanted):
            evaluate(path, wanted, split=split, protocol=protocol, model=model)
            values = Run(path).read_json(f"evaluations/{name}.json")
        try:
            with table.open(newline="", encoding="utf-8") as file:
                rows = list(csv.DictReader(file))
            metric = next(iter(values["metrics"]))
            column = "correct" if measure_of(metric) is ACCURACY else "error"
            return _Judged(metric, values["data"], values["images"], [float(row[column]) for row in rows])
        except (OSError, ValueError, KeyError, TypeError, StopIteration) as error:
            raise HeirloomError("E-run", "cannot read", where=str(table), why=str(error)) from error
    found = evaluate(path, data, split=split, protocol=protocol, model=model)
    at = found.columns.index("correct" if found.measure is ACCURACY else "error")
    return _Judged(found.metric, found.data, found.images, [float(row[at]) for row in found.rows()])


def _says_which(values: dict[str, Any], wanted: str) -> bool:
    """Whether an evaluation says of which images it was, and these are wanted.

    Another folder may be called so; and names of files, which earlier releases noted, say nothing of what is
    in them. Where the files are gone, names must do.
    """
    images = str(values.get("images", ""))
    if not images or values.get("data") != wanted:
        return False
    gone = is_path(wanted) and not Path(wanted).exists()
    return images.startswith(BY_FILES) or gone or not of_photographs(wanted)


def mcnemar(only_first: int, only_second: int) -> float:
    """Chance that the images on which two equally good networks differ fall so unevenly, either way.

    McNemar's test in its exact form: each falls either way like a coin. Whole numbers until the last
    division: nothing is rounded.

    Source: McNemar 1947, "Note on the sampling error of the difference between correlated proportions or
    percentages"; exact: the sign test.
    """
    n, fewer = only_first + only_second, min(only_first, only_second)
    ways, total = 1, 0  # to choose k of n; and fewer of them than fell, or as many
    for k in range(fewer + 1):
        total += ways
        ways = ways * (n - k) // (k + 1)
    return min(1.0, 2 * total / (1 << n))


def paired_interval(only_first: int, only_second: int, n: int) -> tuple[float, float]:
    """The 95 % interval of the second share of right answers less the first, on the same ``n`` images.

    Source: Bonett, Price 2012, "Adjusted Wald confidence interval for a difference of binomial proportions
    based on paired data": one more image in each of the two counts.
    """
    a, b = (only_first + 1) / (n + 2), (only_second + 1) / (n + 2)
    half = Z * math.sqrt((a + b - (b - a) ** 2) / (n + 2))
    return max(-1.0, b - a - half), min(1.0, b - a + half)


def mean_difference(differences: Sequence[float]) -> tuple[float, float, float]:
    """The 95 % interval of the mean of paired differences, and the chance of one as far from 0.

    By the normal distribution, as `heirloom.measures.mean_interval`.
    """
    mean = statistics.fmean(differences)
    error = statistics.stdev(differences, mean) / math.sqrt(len(differences))
    p = math.erfc(abs(mean) / error / math.sqrt(2)) if error else float(mean == 0)
    return mean - Z * error, mean + Z * error, p


def _p(p: float) -> str:
    return f"p = {p:.2g}" if p >= 1e-4 else "p below 0.0001"


def _refused(why: str, remedy: str = "") -> HeirloomError:
    return HeirloomError("E-usage", "these do not compare", why=why, remedy=remedy)
