"""Accuracy, interval, confusion matrix and files of an evaluation."""

import csv
import io
import json
import shutil
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, confusion_matrix

from heirloom.data import load_data
from heirloom.errors import HeirloomError
from heirloom.evaluation import Evaluation, accuracy_line, evaluate, wilson
from heirloom.weights import load_model


def test_a_published_interval() -> None:
    """Agresti, Coull 1998 and others: 0 of 10 has the upper bound z^2 / (10 + z^2)."""
    assert wilson(0, 10) == (0.0, pytest.approx(3.841459 / 13.841459, abs=1e-6))
    assert accuracy_line("top1@test:center", 9912, 10000) == (
        "top1@test:center 99.12 % (9912/10000), 95 % 98.92 to 99.29"
    )


@settings(max_examples=200)
@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_solves_its_equation(counts: tuple[int, int]) -> None:
    """Its ends are where the distance from the observed share is z standard deviations."""
    correct, n = counts
    share = correct / n
    for end in wilson(correct, n):
        assert 0 <= end <= 1
        variance = 1.959963984540054**2 * end * (1 - end) / n
        assert (end - share) ** 2 == pytest.approx(variance, abs=1e-12)


def test_an_evaluation_equals_scikit_learns(finished_run: Path) -> None:
    found = evaluate(finished_run)
    split, loaded = load_data("digits").split("test"), load_model(finished_run)
    with torch.no_grad():
        answers = torch.cat(
            [loaded.model(loaded.card.preprocess(image[None])) for image in split.images]
        ).argmax(1)
    assert found.correct / 382 == pytest.approx(accuracy_score(split.labels, answers))
    assert found.confusion.tolist() == confusion_matrix(split.labels, answers).tolist()


def test_the_documented_files(tmp_path: Path, finished_run: Path) -> None:
    run = shutil.copytree(finished_run, tmp_path / "run")
    found = evaluate(run)
    values = json.loads((run / "evaluations" / "test-center.json").read_text())
    assert values == found.as_dict()
    metric = values["metrics"]["top1@test:center"]
    assert (values["schema"], values["model"], values["data"], values["split"], values["n"]) == (
        1, "lenet5_relu_max", "digits", "test", 382,
    )  # fmt: skip
    assert metric["correct"] == sum(row[i] for i, row in enumerate(values["confusion"]))
    assert metric["value"] == metric["correct"] / metric["n"]
    assert metric["low"] < metric["value"] < metric["high"]
    assert sum(c["n"] for c in values["per_class"]) == sum(map(sum, values["confusion"])) == 382
    rows = list(csv.DictReader(io.StringIO((run / "evaluations" / "test-center.csv").read_text())))
    assert len(rows) == 382
    assert sum(int(row["correct"]) for row in rows) == metric["correct"]
    assert (
        sum(int(row["label_rank"]) <= 5 for row in rows) == values["metrics"]["top5@test:center"]["correct"]
    )
    assert "path" not in rows[0]  # there are no files
    assert values["protocol"] == "center"
    assert len(values["images"]) == 64
    assert set(values["calibration"]) == {"ece", "brier", "nll", "reliability"}
    assert set(values["per_class"][0]) == {"class", "correct", "n", "answered", "precision", "recall", "f1"}
    assert all((row["label"] == row["answer"]) == (row["correct"] == "1") for row in rows)


def test_confusion_has_the_truth_in_rows() -> None:
    scores = torch.eye(3)[[0, 2, 2]]
    found = Evaluation("m", "d", "test", "center", ("a", "b", "c"), torch.tensor([0, 1, 2]), scores)
    assert found.confusion.tolist() == [[1, 0, 0], [0, 0, 1], [0, 0, 1]]
    assert found.correct == 2


@settings(max_examples=100)
@given(st.integers(6, 12), st.integers(0, 10_000))
def test_the_best_five_with_ties(k: int, seed: int) -> None:
    """Of equal scores the class that comes first leads: scores of few values, sorted by hand."""
    draw = torch.Generator().manual_seed(seed)
    scores = torch.randint(4, (20, k), generator=draw).float()
    labels = torch.randint(k, (20,), generator=draw)
    found = Evaluation("m", "d", "val", "10view", tuple(map(str, range(k))), labels, scores)
    right = 0
    for row, label, rank in zip(scores.tolist(), labels.tolist(), found.ranks.tolist(), strict=True):
        order = sorted(range(k), key=lambda i: (-row[i], i))
        assert order.index(label) + 1 == rank
        right += label in order[:5]
    assert (found.ranks == 1).equal(found.answers == labels)
    assert list(found.metrics) == ["top1@val:10view", "top5@val:10view"]
    assert found.metrics["top5@val:10view"]["correct"] == right
    low, high = wilson(right, 20)
    assert (found.metrics["top5@val:10view"]["low"], found.metrics["top5@val:10view"]["high"]) == (low, high)
    assert len(found.lines()) == 2


def test_of_five_classes_there_is_no_best_five() -> None:
    scores, labels = torch.eye(5), torch.arange(5)
    found = Evaluation("m", "d", "test", "center", tuple("abcde"), labels, scores)
    assert list(found.metrics) == ["top1@test:center"]


def test_what_is_no_number_is_never_right() -> None:
    scores = torch.full((1, 7), float("nan"))
    found = Evaluation("m", "d", "test", "center", tuple("abcdefg"), torch.tensor([0]), scores)
    assert found.ranks.tolist() == [8]  # behind all others


def test_errors(tmp_path: Path, finished_run: Path) -> None:
    with pytest.raises(HeirloomError, match="no split 'tset'"):
        evaluate(finished_run, split="tset")
    with pytest.raises(HeirloomError, match="unknown data set"):
        evaluate(finished_run, "mnst")
    alone = shutil.copy(finished_run / "model.safetensors", tmp_path / "alone.safetensors")
    with pytest.raises(HeirloomError, match="which data"):
        evaluate(alone)
    assert len(evaluate(alone, "digits", split="val").labels) == 258
