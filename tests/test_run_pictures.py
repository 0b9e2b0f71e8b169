"""Codes, calibration and comparison as pictures: their numbers found in another way."""

import csv
import dataclasses
import json
import shutil
import xml.etree.ElementTree as ET
from itertools import pairwise

import numpy as np
import pytest
import torch
from drawn_charts import charts
from scipy.stats import binomtest

from heirloom.data import load_data
from heirloom.errors import HeirloomError
from heirloom.evaluation import evaluate
from heirloom.figures.codes import compared, grid
from heirloom.figures.compared import Pair, chosen, counted
from heirloom.figures.curves import Point, curves_in
from heirloom.figures.drawing import draw
from heirloom.figures.palette import DARK, LIGHT
from heirloom.figures.writing import as_file
from heirloom.models.lenet5 import CODES
from heirloom.recipes import Recipe
from heirloom.training import train

pytestmark = pytest.mark.usefixtures("one_thread")


def words(svg):
    return " ".join("".join(e.itertext()) for e in ET.parse(svg).iter("{http://www.w3.org/2000/svg}text"))


@pytest.fixture(scope="module")
def judged_run(tmp_path_factory, finished_run):
    """A finished run, evaluated."""
    path = shutil.copytree(finished_run, tmp_path_factory.mktemp("judged") / "run")
    evaluate(path)
    return path


def rows(run):
    with (run / "evaluations" / "test-center.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


# Codes ------------------------------------------------------------------------------------------------


def test_codes_of_lenet5(tmp_path):
    recipe = Recipe(model="lenet5", data="digits", epochs=1, batch_size=64, train_limit=320, loss="map")
    for _ in train(recipe, out=tmp_path / "run", threads=1):
        pass
    told = []
    for form, theme in (("svg", "dark"), ("png", "light")):
        draw("codes", tmp_path / "run", tmp_path / f"codes.{form}", theme=theme)
        told.append((tmp_path / "codes.json").read_bytes())
        (tmp_path / "codes.json").unlink()
    assert told[0] == told[1]
    found = json.loads(told[0])
    assert (found["reads"], found["layer"]) == ("f6_squash", "output")
    for code, printed in zip(found["codes"], CODES, strict=True):
        assert "".join("#" if bit > 0 else "." for bit in code) == printed.replace(" ", "")
    evaluate(tmp_path / "run")
    scores = {}
    for row in rows(tmp_path / "run"):
        if row["answer"] == row["label"]:
            scores.setdefault(row["label"], []).append(-float(row["score"]))
    shown = words(tmp_path / "codes.svg")
    labels = load_data("digits").split("test").labels.tolist()
    for i, each in enumerate(found["classes"]):
        mean, code = np.array(found["means"][i]), np.array(found["codes"][i])
        assert each["distance"] == pytest.approx(((mean - code) ** 2).sum())
        assert each["n"] == labels.count(i)
        # A penalty is a score less than 0; of a class that is all right the evaluation has every one.
        if len(scores.get(each["label"], [])) == each["n"]:
            assert each["penalty"] == pytest.approx(np.mean(scores[each["label"]]), rel=1e-4)
        distances = ((mean - np.array(found["codes"])) ** 2).sum(1)
        assert each["nearest"] == found["classes"][distances.argmin()]["label"]
        assert f"{each['distance']:.3g}" in shown


def test_distance_and_spread_make_the_penalty():
    generator = torch.Generator().manual_seed(1)
    responses = torch.randn(60, 12, generator=generator, dtype=torch.float64)
    codes = torch.randn(4, 12, generator=generator, dtype=torch.float64).sign()
    labels = torch.arange(60) % 3
    means, found = compared(responses, labels, codes, ["a", "b", "c", "d"])
    for i, each in enumerate(found[:3]):
        own = responses[labels == i].numpy()
        assert means[i] == pytest.approx(own.mean(0))
        assert each.penalty - each.distance == pytest.approx(own.var(0).sum())
        assert each.agree == sum(np.sign(own.mean(0)) == codes[i].numpy())
    assert (means[3], found[3].n) == (None, 0)


@pytest.mark.parametrize(("units", "size"), [(84, (12, 7)), (16, (4, 4)), (7, (7, 1)), (1, (1, 1))])
def test_codes_are_upright(units, size):
    assert grid(units) == size


@pytest.mark.parametrize("network", ["lenet5_relu_max", "lenet5_gaussian", "lstm", "autoencoder"])
def test_no_codes(tmp_path, network):
    with pytest.raises(HeirloomError, match=f"{network} has no fixed codes.*learned"):
        draw("codes", network, tmp_path / "x.png")


# Calibration ------------------------------------------------------------------------------------------


def test_calibration_is_that_of_the_answers(tmp_path, judged_run):
    for theme in ("light", "dark"):
        draw("calibration", judged_run, tmp_path / f"{theme}.svg", theme=theme)
    found = json.loads((tmp_path / "dark.json").read_text())
    sure = np.array([float(row["probability"]) for row in rows(judged_run)])
    right = np.array([row["correct"] == "1" for row in rows(judged_run)])
    ends = np.linspace(0, 1, 16)
    error = 0.0
    for low, high in pairwise(ends):
        inside = (sure > low) & (sure <= high)
        error += abs(sure[inside].sum() - right[inside].sum())
    assert found["ece"] == pytest.approx(error / len(sure), abs=1e-5)
    assert f"{100 * found['ece']:.2f} points" in (tmp_path / "dark.svg").read_text()
    assert (tmp_path / "light.svg").read_bytes() != (tmp_path / "dark.svg").read_bytes()


def test_calibration_of_before(tmp_path, judged_run):
    run = shutil.copytree(judged_run, tmp_path / "run")
    place = run / "evaluations" / "test-center.json"
    told = json.loads(place.read_text())
    del told["calibration"]
    place.write_text(json.dumps(told))
    with pytest.raises(HeirloomError, match=r"before calibration was measured.*heirloom evaluate"):
        draw("calibration", run, tmp_path / "x.svg")


def test_dots_and_intervals_lie_where_the_numbers_are(tmp_path, judged_run):
    draw("calibration", judged_run, tmp_path / "a.svg", theme="dark")
    told = json.loads((tmp_path / "a.json").read_text())["reliability"]
    filled = [each for each in told if each["n"]]
    (chart,) = charts(tmp_path / "a.svg")
    wanted = [[100 * each["probability"], 100 * each["accuracy"]] for each in filled]
    assert np.allclose(chart.dots[DARK.val], wanted, atol=0.01)
    for each, line in zip(filled, chart.lines[DARK.val], strict=True):
        low, high = binomtest(round(each["n"] * each["accuracy"]), each["n"]).proportion_ci(method="wilson")
        assert np.allclose(line[:, 0], 100 * each["probability"], atol=0.01)
        assert np.allclose(line[:, 1], [100 * low, 100 * high], atol=0.01)
    (diagonal,) = chart.lines[DARK.ink]
    assert np.allclose(diagonal, [[0, 0], [100, 100]], atol=0.01)


# Curves -----------------------------------------------------------------------------------------------

SHORT = [Point(i, 2 / i, 1 - 0.9 / i, 2.5 / i, 1 - 0.8 / i) for i in range(1, 13)]
LONG = [Point(i, 3 + 1 / i, 0.5, *((3.5, 0.4 + i / 1000) if i % 5 == 0 else ())) for i in range(1, 101)]
ERRORS = [Point(i, 0.3 / i**3, error=0.3 / i**3, val_loss=0.4, val_error=0.4 / i) for i in range(1, 9)]


@pytest.mark.parametrize(
    ("points", "kinds"),
    [(SHORT, ("loss", "accuracy")), (LONG, ("loss", "accuracy")), (ERRORS, ("loss", "error"))],
)
def test_curves_lie_where_the_numbers_are(points, kinds):
    figure = curves_in(LIGHT, points, "t", kinds)
    found = charts(as_file(figure, "svg", LIGHT, "t", "d"))
    assert len(found) == len(kinds)
    for kind, chart in zip(kinds, found, strict=True):
        for key, colour in ((kind, LIGHT.train), (f"val_{kind}", LIGHT.val)):
            factor = 100 if kind == "accuracy" else 1
            wanted = [(p.epoch, factor * v) for p in points if (v := getattr(p, key)) is not None]
            (line,), (dot,) = chart.lines[colour], chart.dots[colour]
            assert np.allclose(line, wanted, rtol=1e-3, atol=1e-4)
            assert np.allclose(dot, wanted[-1], rtol=1e-3)


def test_curves_of_a_run(tmp_path, judged_run):
    draw("curves", judged_run, tmp_path / "a.svg")
    points = json.loads((tmp_path / "a.json").read_text())["points"]
    for kind, chart in zip(("loss", "accuracy"), charts(tmp_path / "a.svg"), strict=True):
        for key, colour in ((kind, LIGHT.train), (f"val_{kind}", LIGHT.val)):
            wanted = [(p["epoch"], p[key] * (100 if kind == "accuracy" else 1)) for p in points]
            assert np.allclose(chart.lines[colour][0], wanted, rtol=1e-3)


def test_gradients_lie_where_the_numbers_are(tmp_path):
    draw("gradients", ["rnn", "lstm"], tmp_path / "a.svg")
    told = json.loads((tmp_path / "a.json").read_text())["curves"]
    (chart,) = charts(tmp_path / "a.svg")
    for each, colour in zip(told, LIGHT.series, strict=False):
        norms = np.array(each["norms"][::-1])
        (line,) = chart.lines[colour]
        assert np.allclose(line[:, 0], range(len(norms)), atol=0.01)
        assert np.allclose(line[:, 1], norms / norms[0], rtol=0.01)


# Two runs ---------------------------------------------------------------------------------------------


def test_two_runs(tmp_path, judged_run):
    recipe = Recipe(model="mlp", data="digits", epochs=1, batch_size=64, train_limit=320)
    for _ in train(recipe, out=tmp_path / "other", threads=1):
        pass
    for form, theme in (("svg", "light"), ("png", "dark")):
        draw("compare", [judged_run, tmp_path / "other"], tmp_path / f"two.{form}", theme=theme)
        found = json.loads((tmp_path / "two.json").read_text())
        (tmp_path / "two.json").unlink()
    first, second = rows(judged_run), rows(tmp_path / "other")
    right = np.array([[row["correct"] == "1" for row in each] for each in (first, second)])
    both, neither = (right[0] & right[1]).sum(), (~right[0] & ~right[1]).sum()
    total = found["total"]
    assert [total[key] for key in ("both", "first", "second", "neither")] == [
        both, (right[0] & ~right[1]).sum(), (~right[0] & right[1]).sum(), neither,
    ]  # fmt: skip
    assert found["only"] == [total["first"], total["second"]]
    assert found["values"] == pytest.approx(right.mean(1).tolist())
    labels = np.array([row["label"] for row in first])
    for each in found["classes"]:
        own = labels == each["label"]
        assert each["both"] + each["first"] == right[0][own].sum()
        assert each["both"] + each["second"] == right[1][own].sum()
    for pair in found["shown"]["first"]:
        assert right[:, pair["index"]].tolist() == [True, False]
        assert pair["answers"] == [first[pair["index"]]["answer"], second[pair["index"]]["answer"]]
    shown = words(tmp_path / "two.svg")
    for key in ("both", "first", "second", "neither"):
        assert f"{total[key]:,}" in shown


def test_counted_by_hand():
    def pair(index, label, answers, truths=(0.5, 0.5)):
        return Pair(index, label, answers, (0.9, 0.9), truths)

    pairs = [
        pair(0, "a", ("a", "a")), pair(1, "a", ("a", "b"), (0.9, 0.4)), pair(2, "a", ("a", "c"), (0.9, 0.1)),
        pair(3, "b", ("a", "b")), pair(4, "b", ("a", "a"), (0.1, 0.2)), pair(5, "b", ("c", "a"), (0.1, 0.1)),
    ]  # fmt: skip
    total, classes = counted(pairs)
    assert dataclasses.astuple(total) == ("all", 1, 2, 1, 2)
    assert [dataclasses.astuple(each) for each in classes] == [("b", 0, 0, 1, 2), ("a", 1, 2, 0, 0)]
    assert [each.difference for each in classes] == [pytest.approx(1 / 3), pytest.approx(-2 / 3)]
    assert [each.index for each in chosen(pairs, True, False)] == [2, 1]
    assert [each.index for each in chosen(pairs, False, False)] == [5, 4]


def test_what_does_not_compare(tmp_path, judged_run):
    with pytest.raises(HeirloomError, match="shows two runs"):
        draw("compare", judged_run, tmp_path / "x.svg")
    with pytest.raises(HeirloomError, match="lenet5 is no run"):
        draw("compare", [judged_run, "lenet5"], tmp_path / "x.svg")
    recipe = Recipe(
        model="autoencoder", data="digits", epochs=1, max_steps=1, task="reconstruct", loss="mean_squared"
    )
    for name in ("one", "two"):
        for _ in train(recipe, out=tmp_path / name, threads=1):
            pass
    with pytest.raises(HeirloomError, match=r"give back images.*heirloom compare"):
        draw("compare", [tmp_path / "one", tmp_path / "two"], tmp_path / "x.svg")
    with pytest.raises(HeirloomError, match="has no classes"):
        evaluate(tmp_path / "one")
        draw("calibration", tmp_path / "one", tmp_path / "x.svg")
