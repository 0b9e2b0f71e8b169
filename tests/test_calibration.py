"""Calibration and the report of each class, beside scikit-learn and by hand."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss, log_loss, precision_recall_fscore_support

from heirloom.measures import class_counts
from heirloom.tasks.calibration import BINS, calibration


def scored(n: int, k: int, seed: int, sharp: float = 2.0) -> tuple[torch.Tensor, torch.Tensor]:
    """Scores that know something of their labels."""
    draw = torch.Generator().manual_seed(seed)
    labels = torch.randint(k, (n,), generator=draw)
    scores = torch.randn(n, k, generator=draw) * sharp
    scores[torch.arange(n), labels] += 1.0
    return scores, labels


def test_two_classes_beside_scikit_learns_curve() -> None:
    """Its curve has the mean prediction and the share of positives of each bin that is not empty."""
    scores, labels = scored(3_000, 2, 1)
    found = calibration(scores, labels)
    sure, answers = scores.double().softmax(1).max(1)
    right = (answers == labels).numpy()
    accuracy, mean = calibration_curve(right, sure.numpy(), n_bins=BINS)
    bins = [each for each in found.reliability if each.n]
    assert [each.probability for each in bins] == pytest.approx(list(mean))
    assert [each.accuracy for each in bins] == pytest.approx(list(accuracy))
    assert sum(each.n for each in bins) == 3_000


def test_scores_of_all_probabilities_beside_scikit_learn() -> None:
    scores, labels = scored(500, 4, 2)
    found = calibration(scores, labels)
    probabilities = scores.double().softmax(1).numpy()
    assert found.nll == pytest.approx(log_loss(labels, probabilities))
    assert found.brier == pytest.approx(
        sum(brier_score_loss(labels == k, probabilities[:, k], pos_label=True) for k in range(4))
    )


def test_by_hand() -> None:
    """Two answers with 0.9, one right: off by 0.4. Two with 0.6, both right: off by 0.4. A mean of 0.4."""
    p = torch.tensor([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.6, 0.4]]).double()
    found = calibration(p.log(), torch.tensor([0, 1, 0, 0]))
    assert found.ece == pytest.approx(0.4)
    assert found.brier == pytest.approx((2 * 0.01 + 2 * 0.81 + 2 * 2 * 0.16) / 4)
    assert found.nll == pytest.approx(-(np.log(0.9) + np.log(0.1) + 2 * np.log(0.6)) / 4)
    filled = [each for each in found.reliability if each.n]
    assert [(each.n, each.accuracy) for each in filled] == [(2, 1.0), (2, 0.5)]
    assert all(each.probability is None and each.accuracy is None for each in found.reliability if not each.n)


def test_ends_of_bins_and_certainty() -> None:
    """A probability of 1 is in the last bin; one that is an end belongs to the bin below it."""
    found = calibration(torch.tensor([[0.0, -1e9], [0.0, -1e9]]), torch.tensor([0, 0]))
    assert (found.ece, found.brier, found.nll) == (0, 0, 0)
    assert found.reliability[-1].n == 2
    fifth = torch.full((1, 5), 0.2, dtype=torch.float64).log()
    place = next(i for i, each in enumerate(calibration(fifth, torch.tensor([0])).reliability) if each.n)
    assert place in (2, 3)  # 0.2 is 3/15 but for rounding
    wrong = calibration(torch.tensor([[200.0, 0.0]]), torch.tensor([1]))
    assert wrong.nll == pytest.approx(200)  # finite, where the probability itself is 0 in single precision
    assert wrong.ece == pytest.approx(1)


@settings(max_examples=60)
@given(st.integers(1, 60), st.integers(2, 8), st.integers(0, 1_000), st.floats(0, 30))
def test_the_error_by_brute_force(n: int, k: int, seed: int, sharp: float) -> None:
    scores, labels = scored(n, k, seed, sharp)
    found = calibration(scores, labels)
    probabilities = scores.double().softmax(1).tolist()
    gaps = [0.0] * BINS
    for row, label in zip(probabilities, labels.tolist(), strict=True):
        sure = max(row)
        place = next(i for i in range(BINS) if sure <= (i + 1) / BINS or i == BINS - 1)
        gaps[place] += (row.index(sure) == label) - sure
    assert found.ece == pytest.approx(sum(map(abs, gaps)) / n, abs=1e-9)
    assert 0 <= found.ece <= 1
    assert 0 <= found.brier <= 2
    assert sum(each.n for each in found.reliability) == n


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=80))
def test_precision_recall_and_f1_beside_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    labels, answers = zip(*pairs, strict=True)
    confusion = [[pairs.count((i, j)) for j in range(6)] for i in range(6)]
    found = class_counts(confusion)
    precision, recall, f1, support = precision_recall_fscore_support(
        labels, answers, labels=range(6), zero_division=np.nan
    )
    for i, each in enumerate(found):
        assert each.n == support[i]
        for ours, theirs in ((each.precision, precision[i]), (each.recall, recall[i]), (each.f1, f1[i])):
            assert ours is None if np.isnan(theirs) else ours == pytest.approx(theirs)
