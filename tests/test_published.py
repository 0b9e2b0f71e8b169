"""A run beside its published figure: how far, and when the two do not compare."""

import json
import shutil
from pathlib import Path

import pytest

from heirloom.data import DATA
from heirloom.evaluation import evaluate
from heirloom.measures import measure_of, share_entry
from heirloom.recipes import RECIPES, Recipe, find_recipe, published_beside, published_result
from heirloom.recipes.published import SIZES, Published, distance

PRINTED = Published(0.9905, "LeCun et al. 1998", verified=False)
TEN = Published(0.818, "Krizhevsky et al. 2012, table 2", metric="top5@val:10view")


def test_the_same_protocol_is_compared() -> None:
    found = distance(PRINTED, "mnist", "mnist", "mnist", {"top1@test:center": share_entry(9917, 10_000)})
    assert found.value == pytest.approx(0.0012)
    assert found.text == (
        "published 99.05 % (top1@test:center, LeCun et al. 1998; second hand): "
        "0.12 points more here, inside the interval"
    )
    metrics = {"top5@val:10view": share_entry(34_950, 50_000)}
    found = distance(TEN, "imagenet", "imagenet", "imagenet", metrics)
    assert found.text == (
        "published 81.80 % (top5@val:10view, Krizhevsky et al. 2012, table 2): 11.90 points less here"
    )


@pytest.mark.parametrize(
    ("published", "learned", "data", "metric", "n", "why"),
    [
        (TEN, "imagenet", "imagenet", "top5@val:center", 50_000, "here it is top5@val:center"),
        (TEN, "imagenet", "imagenet", "top1@val:10view", 50_000, "here it is top1@val:10view"),
        (TEN, "imagenet", "imagenet", "top5@test:10view", 50_000, "here it is top5@test:10view"),
        (TEN, "imagenet", "imagenet", "top5@val:10view", 200, "here it is 200 of 50,000 images"),
        (TEN, "imagenet", "/photos", "top5@val:10view", 50_000, "that is imagenet, this is other data"),
        (PRINTED, "cifar10", "cifar10", "top1@test:center", 1_000, "here it is 1,000 of 10,000 images"),
    ],
)
def test_another_protocol_is_not(
    published: Published, learned: str, data: str, metric: str, n: int, why: str
) -> None:
    found = distance(published, learned, learned, data, {metric: share_entry(n // 2, n)})
    assert found.value is None
    assert found.why == why
    assert found.text.endswith(f"not compared, {why}")
    assert found.as_dict()["difference"] is None


def test_a_network_that_learned_other_data_is_not() -> None:
    """The digits' classes are called as MNIST's are, so a run of either can be evaluated on the other."""
    metrics = {"top1@test:center": share_entry(9_000, 10_000)}
    found = distance(PRINTED, "mnist", "digits", "mnist", metrics)
    assert (found.value, found.why) == (None, "that learned mnist, this learned other data")


def test_an_error_is_less_where_it_is_better() -> None:
    aim = Published(0.004, "somewhere", metric="mse@test:center")
    entry = {"value": 0.003, "n": 10_000, "low": 0.0029, "high": 0.0031}
    assert distance(aim, "mnist", "mnist", "mnist", {"mse@test:center": entry}).text == (
        "published 0.004000 (mse@test:center, somewhere): 0.001000 less here"
    )


def test_a_run_stands_beside_its_own_recipe_alone() -> None:
    for name in RECIPES:
        recipe, printed = find_recipe(name)[1], published_result(name)
        if printed:
            assert published_beside(recipe.changed(["seed=7"])) is not None
            assert measure_of(printed.metric)
            assert recipe.data in SIZES or recipe.data == "digits"
    own = find_recipe("lenet1_mnist")[1]
    aim = published_beside(own.changed(["seed=3"]))
    assert aim == (published_result("lenet1_mnist"), "mnist")
    assert published_beside(own.changed(["data=digits"])) == aim  # whose data are not those
    assert published_beside(own.changed(["epochs=1"])) is None
    assert published_beside(Recipe(model="lenet5", data="mnist")) is None
    assert set(SIZES) - {"imagenet"} <= set(DATA)


def test_evaluate_says_it(finished_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = shutil.copytree(finished_run, tmp_path / "run")
    monkeypatch.setattr("heirloom.evaluation.published_beside", lambda recipe: (PRINTED, "digits"))
    found = evaluate(run)
    assert found.lines()[-1].startswith("published 99.05 %")
    assert found.lines()[-1].endswith(" here")
    values = json.loads((run / "evaluations" / "test-center.json").read_text())
    assert values == found.as_dict()
    assert values["published"]["difference"] == pytest.approx(found.metrics[found.metric]["value"] - 0.9905)
    (run / "evaluations" / "test-center.json").unlink()
    monkeypatch.setattr("heirloom.evaluation.published_beside", lambda recipe: None)
    assert "published" not in evaluate(run).as_dict()
