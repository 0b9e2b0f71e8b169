"""RESULTS.csv, one line per finished run, and RESULTS.md, made from those lines, the plan and remarks.md."""

import csv
import io
import re
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from plan import Row

from heirloom.data import DATA
from heirloom.errors import HeirloomError
from heirloom.measures import ACCURACY, ERROR, Measure, measure_of, wilson
from heirloom.recipes import RECIPES, Recipe, published_result
from heirloom.recipes.published import Distance, Published, distance
from heirloom.runs import Run
from heirloom.weights import load_model

Line = Mapping[str, str]
CONDITIONS = (
    "heirloom",
    "python",
    "torch",
    "numpy",
    "system",
    "processor",
    "device",
    "threads",
    "allocator",
    "kernels",
)
COLUMNS = (
    "recipe", "seed", "model", "parameters", "data", "split", "images", "epochs", "minutes", "metric",
    "correct", "n", "accuracy", "error", "low", "high", *CONDITIONS,
)  # fmt: skip
REMARKS = Path(__file__).with_name("remarks.md")
IMPORTED = Path(__file__).with_name("imported.csv")
"""What imported.py found."""
PCA = Path(__file__).with_name("pca.csv")
"""What pca.py found."""
PHOTOGRAPHS = Path(__file__).with_name("photographs.csv")
"""What photographs.py found."""
FINETUNING = Path(__file__).with_name("finetuning.csv")
"""What finetuning.py found."""


def check_recipe(path: Path, recipe: Recipe, seed: int) -> None:
    """Raise `HeirloomError` (``E-run``) unless the run at ``path`` is one of this recipe and seed."""
    was, now = Run(path).recipe.as_dict(), replace(recipe, seed=seed).as_dict()
    changed = [f"{key} was {was[key]}, is {now[key]}" for key in now if was[key] != now[key]]
    if changed:
        what, remedy = f"{path.name} was trained by another recipe", f"move accept/runs/{path.name} away"
        raise HeirloomError("E-run", what, why=", ".join(changed), remedy=remedy)


def finished_runs(recipes: Mapping[str, Recipe], root: Path) -> list[Line]:
    """The lines of all runs below ``root`` that have an evaluation, by recipe and seed.

    Raises `HeirloomError` (``E-run``) if one was trained by another recipe, or a file of it is damaged.
    """
    lines = []
    for name, recipe in recipes.items():
        paths = (root / "accept" / "runs").glob(f"{name}-seed*/evaluations/test-center.json")
        numbers = [(path.parents[1].name.removeprefix(f"{name}-seed"), path.parents[1]) for path in paths]
        for seed, path in sorted((int(number), path) for number, path in numbers if number.isdecimal()):
            check_recipe(path, recipe, seed)
            try:
                lines.append(_line(name, Run(path)))
            except (KeyError, TypeError, ValueError, StopIteration) as error:
                raise HeirloomError("E-run", f"{path.name} is damaged", why=repr(error)) from error
    return lines


def _line(name: str, run: Run) -> Line:
    recipe, events = run.recipe, run.events()
    metric, value = next(iter(run.read_json("evaluations/test-center.json")["metrics"].items()))
    n, correct = value["n"], value.get("correct", "")
    seconds = [event["seconds"] for event in events if event.get("event") == "epoch"]
    images = next(event["images"] for event in events if event.get("event") == "started")
    parameters = sum(p.numel() for p in load_model(run.path).model.parameters())
    minutes = f"{sum(seconds) / 60:.2f}"
    if measure_of(metric) is ACCURACY:
        share, low, high = (f"{p:.6f}" for p in (correct / n, *wilson(correct, n)))
        shares = [share, "", low, high]
    else:
        shares = ["", *(f"{value[key]:.6g}" for key in ("value", "low", "high"))]
    cells = [name, recipe.seed, recipe.model, parameters, recipe.data, recipe.split, images, len(seconds)]
    cells += [minutes, metric, correct, n, *shares, *(run.versions.get(key, "") for key in CONDITIONS)]
    return dict(zip(COLUMNS, map(str, cells), strict=True))


def csv_text(lines: Sequence[Line]) -> str:
    """RESULTS.csv."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return out.getvalue()


def read_csv(path: Path) -> list[Line]:
    """The lines of RESULTS.csv."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def measure(lines: Sequence[Line]) -> Measure:
    """What was measured of these runs."""
    return measure_of(lines[0]["metric"])


def mean(lines: Sequence[Line]) -> float:
    """Mean accuracy of runs, from their counts: no rounding decides whether a bound holds; or mean error."""
    if measure(lines) is ERROR:
        return statistics.mean(float(line["error"]) for line in lines)
    return sum(int(line["correct"]) for line in lines) / sum(int(line["n"]) for line in lines)


def judged(row: Row, lines: Sequence[Line]) -> tuple[str, bool]:
    """A line about the runs of a recipe, and whether its bound holds."""
    found = measure(lines)
    holds = row.bound is None or not found.better(row.bound, mean(lines))
    words = f"{row.recipe}: mean {found.text(mean(lines))}, seeds {_seeds(lines)}"
    if row.bound is not None:
        must = "must reach" if found.higher_is_better else "must be at most"
        words += f", {must} {found.text(row.bound)}: {'yes' if holds else 'MISSED'}"
    return words, holds


def page(lines: Sequence[Line], plan: Sequence[Row]) -> str:
    """RESULTS.md: remarks.md with the tables. Raises `HeirloomError` where it has no place for one."""
    sets = [tuple(line[key] for key in CONDITIONS) for line in lines]
    letters = {each: chr(ord("A") + i) for i, each in enumerate(dict.fromkeys(sets))}
    rows = [[letter, str(sets.count(each)), *each] for each, letter in letters.items()]
    parts = dict.fromkeys((*DATA, "conditions"), "No finished run.\n")
    if lines:
        parts["conditions"] = _table(["", "runs", *CONDITIONS], rows)
    parts["not_run"] = "".join(_not_run(row, lines) for row in plan) + _unplanned(plan)
    parts["imported"] = _imported(read_csv(IMPORTED))
    parts["photographs"] = _photographs(read_csv(PHOTOGRAPHS) if PHOTOGRAPHS.exists() else [])
    parts["finetuning"] = _finetuning(read_csv(FINETUNING) if FINETUNING.exists() else [])
    text = REMARKS.read_text(encoding="utf-8")
    told = [(line, letters[each]) for line, each in zip(lines, sets, strict=True)]
    classified = [(line, letter) for line, letter in told if measure([line]) is ACCURACY]
    for data in {line["data"]: None for line, _ in classified}:
        if f"{{{data}}}" not in text:
            raise HeirloomError("E-usage", f"accept/remarks.md has no place {{{data}}}")
        parts[data] = _section([(line, letter) for line, letter in classified if line["data"] == data], plan)
    components = {line["recipe"]: line for line in read_csv(PCA)}
    errors = [(line, letter) for line, letter in told if measure([line]) is ERROR]
    parts["reconstruction"] = _reconstruction(errors, plan, components)
    return text.format(**parts)


def _section(own: Sequence[tuple[Line, str]], plan: Sequence[Row]) -> str:
    """The tables of one data set: recipes, then single runs with the letters of their conditions."""
    lines = [line for line, _ in own]
    runs = {row: [line for line in lines if line["recipe"] == row.recipe] for row in plan}
    measured = {f"`{line['metric']}` of {int(line['n']):,} images" for line in lines}
    trained = {f"`{line['split']}`, {int(line['images']):,} images" for line in lines}
    heads = ["recipe", "command", "seeds", "accuracy", "error", "standard deviation", "95 % of one run"]
    heads += ["minutes a seed", "must reach", "published", "difference"]
    table = _table(heads, [_cells(row, found) for row, found in runs.items() if found])
    singles = [
        [f"`{line['recipe']}`", line["seed"], _percent(float(line["accuracy"])),
         str(int(line["n"]) - int(line["correct"])), _interval(float(line["low"]), float(line["high"])),
         line["epochs"], line["minutes"], letter]
        for line, letter in own
    ]  # fmt: skip
    heads = ["run", "seed", "accuracy", "errors", "95 %", "epochs", "minutes", "conditions"]
    return (
        f"Measured: {'; '.join(sorted(measured))}. One image is {100 / int(lines[0]['n']):.2g} points.\n"
        f"Trained on: {'; '.join(sorted(trained))}.\n\n{table}\n{_table(heads, singles)}"
    )


def _reconstruction(
    own: Sequence[tuple[Line, str]], plan: Sequence[Row], components: Mapping[str, Line]
) -> str:
    """The tables of networks that give their input back: beside principal components, then single runs."""
    lines = [line for line, _ in own]
    heads = ["recipe", "command", "measured on", "seeds", "error", "standard deviation", "95 % of one run"]
    heads += ["numbers in the code", "error of as many principal components", "minutes a seed"]
    heads += ["must be at most", "published", "difference"]
    runs = {row: [line for line in lines if line["recipe"] == row.recipe] for row in plan}
    cells = [_errors(row, found, components.get(row.recipe, {})) for row, found in runs.items() if found]
    singles = [
        [f"`{line['recipe']}`", line["seed"], ERROR.text(float(line["error"])),
         _errors_between(float(line["low"]), float(line["high"])), line["epochs"], line["minutes"], letter]
        for line, letter in own
    ]  # fmt: skip
    single = ["run", "seed", "error", "95 %", "epochs", "minutes", "conditions"]
    return f"{_table(heads, cells)}\n{_table(single, singles)}" if lines else "No finished run.\n"


def _errors(row: Row, lines: Sequence[Line], known: Line) -> list[str]:
    errors = [float(line["error"]) for line in lines]
    half = statistics.mean((float(line["high"]) - float(line["low"])) / 2 for line in lines)
    bound = source = difference = "–"
    if row.bound is not None:
        bound = f"{ERROR.text(row.bound)}: {'yes' if judged(row, lines)[1] else '**no**'}"
    if printed := published_result(row.recipe):
        hand = "" if printed.verified else " (second hand)"
        source = f"{ERROR.text(printed.value)}, {printed.source}{hand}"
        far = _distance(printed, lines)
        difference = far.why if far.value is None else f"{far.value:+.2g}"
    measured = {f"`{line['data']}`, {int(line['n']):,} images" for line in lines}
    left = known.get("error")
    return [
        _link(row.recipe),
        f"`python accept/run.py {row.recipe} --seeds {max(int(line['seed']) for line in lines) + 1}`",
        "; ".join(sorted(measured)),
        _seeds(lines) + (f" (of {row.seeds})" if len(lines) < row.seeds else ""),
        ERROR.text(mean(lines)),
        ERROR.text(statistics.stdev(errors)) if len(lines) > 1 else "–",
        _errors_between(mean(lines) - half, mean(lines) + half),
        known.get("components", "–"),
        ERROR.text(float(left)) if left else "–",
        f"{statistics.mean(float(line['minutes']) for line in lines):.1f}",
        *(bound, source, difference),
    ]


def _distance(printed: Published, lines: Sequence[Line]) -> Distance:
    """How far the mean of a recipe's runs is from its published result, where the two compare."""
    data, metric, n = (lines[0][key] for key in ("data", "metric", "n"))
    entry = {"value": mean(lines), "n": int(n), "low": None, "high": None}
    return distance(printed, data, data, data, {metric: entry})


def _errors_between(low: float, high: float) -> str:
    return f"{ERROR.text(low)} to {ERROR.text(high)}"


def _photographs(lines: Sequence[Line]) -> str:
    """The table of what photographs.py found."""
    heads = ["what", "network", "photographs", "epochs", "minutes", "found", "must be", "holds"]
    keys = ("what", "model", "images", "epochs", "minutes", "found", "must_be", "holds")
    rows = [[f"`{line[key]}`" if key == "model" else line[key] for key in keys] for line in lines]
    return _table(heads, rows) if rows else "Not run.\n"


def _finetuning(lines: Sequence[Line]) -> str:
    """The table of what finetuning.py found."""
    rows = []
    for line in lines:
        correct, n = int(line["correct"]), int(line["n"])
        right = [f"{correct} of {n}", _percent(correct / n), _interval(*wilson(correct, n))]
        # The command last: it is long, and would push the figures out of sight.
        rows.append(
            [line["how"], line["seed"], line["epochs"], line["minutes"], *right, f"`{line['command']}`"]
        )
    heads = ["begun", "seed", "epochs", "minutes", "right", "accuracy", "95 %", "command"]
    return _table(heads, rows) if rows else "Not run.\n"


def _imported(lines: Sequence[Line]) -> str:
    """The table of imported weights, and what they were scored with."""
    rows = []
    for line in lines:
        correct, n = int(line["correct"]), int(line["n"])
        must_be = "–"
        if line["must_be"]:
            holds = abs(correct - int(line["must_be"])) <= int(line["slack"])
            must_be = f"{line['must_be']} ± {line['slack']}: {'yes' if holds else '**no**'}"
        what = [f"`{line['file']}`", f"`{line['model']}`", line["preprocess"], line["images"]]
        right = [f"{correct:,} of {n:,}", _percent(correct / n), _interval(*wilson(correct, n))]
        rows.append([*what, f"`{line['metric']}`", *right, must_be])
    heads = ["weights", "as", "prepared", "images", "metric", "right", "accuracy", "95 %", "must be"]
    keys = ("heirloom", "torch", "system", "processor")
    conditions = {", ".join(f"{key} {line[key]}" for key in keys) for line in lines}
    return f"{_table(heads, rows)}\n{'; '.join(sorted(conditions))}.\n"


def _cells(row: Row, lines: Sequence[Line]) -> list[str]:
    share, n, printed = mean(lines), int(lines[0]["n"]), published_result(row.recipe)
    accuracies = [int(line["correct"]) / int(line["n"]) for line in lines]
    bound = source = difference = "–"
    if row.bound is not None:
        bound = f"{_percent(row.bound)}: {'yes' if judged(row, lines)[1] else '**no**'}"
    if printed:
        source = f"{_percent(printed.value)}, {printed.source}{'' if printed.verified else ' (second hand)'}"
        far = _distance(printed, lines)
        difference = far.why if far.value is None else f"{100 * far.value:+.2f}"
    return [
        _link(row.recipe),
        f"`python accept/run.py {row.recipe} --seeds {max(int(line['seed']) for line in lines) + 1}`",
        _seeds(lines) + (f" (of {row.seeds})" if len(lines) < row.seeds else ""),
        _percent(share),
        _percent(1 - share),
        f"{100 * statistics.stdev(accuracies):.2f}" if len(lines) > 1 else "–",
        _interval(*wilson(share * n, n)),
        f"{statistics.mean(float(line['minutes']) for line in lines):.1f}",
        *(bound, source, difference),
    ]


def _not_run(row: Row, lines: Sequence[Line]) -> str:
    have = {line["seed"] for line in lines if line["recipe"] == row.recipe}
    missing = [{"seed": str(seed)} for seed in range(row.seeds) if str(seed) not in have]
    if not missing:
        return ""
    return f"- {_link(row.recipe)}, seed{'s' * (len(missing) > 1)} {_seeds(missing)}: no finished run.\n"


def _unplanned(plan: Sequence[Row]) -> str:
    names = [_link(name) for name in RECIPES if name not in {row.recipe for row in plan}]
    why = "days on an accelerator, or data that is not at hand"
    return f"- No run is planned of recipes that ask for {why}: {', '.join(names)}.\n" if names else ""


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns of numbers are set to the right."""
    numeric = [all(re.match(r"[-+\d–]", row[i]) for row in rows) for i in range(len(heads))]
    cells = [heads, ["---:" if right else "---" for right in numeric], *rows]
    return "".join(f"| {' | '.join(cell.replace('|', '/') for cell in row)} |\n" for row in cells)


def _seeds(lines: Sequence[Line]) -> str:
    seeds = sorted(int(line["seed"]) for line in lines)
    in_a_row = len(seeds) > 2 and seeds[-1] - seeds[0] == len(seeds) - 1
    return f"{seeds[0]} to {seeds[-1]}" if in_a_row else ", ".join(map(str, seeds))


def _link(recipe: str) -> str:
    return f"[`{recipe}`](src/heirloom/recipes/{recipe}.py)"


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"


def _interval(low: float, high: float) -> str:
    return f"{100 * low:.2f} to {100 * high:.2f}"
