"""Paired comparisons beside published examples, scipy, and by enumerating all that can happen."""

import itertools
import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from heirloom.comparison import compare, mcnemar, mean_difference, paired_interval
from heirloom.data import load_data, roots
from heirloom.errors import HeirloomError
from heirloom.evaluation import evaluate
from heirloom.recipes import Recipe
from heirloom.training import train


@pytest.mark.parametrize(
    ("only_first", "only_second", "printed", "digits"),
    [
        (12, 2, 0.0129, 4),  # Armitage, Berry 1994, p. 127: two media for culturing, as StatsDirect has it
        (1, 7, 0.0703, 4),  # Bentur et al. 2009 in Fagerland, Lydersen, Laake 2013
        (6, 16, 0.0525, 4),  # Cavo et al. 2012, there
    ],
)
def test_published_examples(only_first: int, only_second: int, printed: float, digits: int) -> None:
    assert round(mcnemar(only_first, only_second), digits) == printed
    assert mcnemar(only_second, only_first) == mcnemar(only_first, only_second)


@settings(max_examples=100)
@given(st.integers(0, 400), st.integers(0, 400))
def test_mcnemar_is_the_binomial_test(only_first: int, only_second: int) -> None:
    n = only_first + only_second
    theirs = min(1.0, 2 * scipy.stats.binom.cdf(min(only_first, only_second), n, 0.5))
    assert mcnemar(only_first, only_second) == pytest.approx(theirs, rel=1e-9)


def test_mcnemar_of_very_many() -> None:
    assert mcnemar(0, 0) == 1
    assert mcnemar(10_000, 10_000) == 1
    assert mcnemar(9_800, 10_200) == pytest.approx(2 * scipy.stats.binom.cdf(9_800, 20_000, 0.5), rel=1e-9)
    assert mcnemar(30, 50) == pytest.approx(scipy.stats.binomtest(30, 80).pvalue)
    assert mcnemar(0, 20_000) == 0  # below the smallest number there is


def test_the_interval_of_the_authors_program() -> None:
    """The example of ``ci.prop.ps`` in the package statpsych, by Bonett: counts 12, 4, 26, 6."""
    low, high = paired_interval(4, 26, 48)
    assert (low, high) == (pytest.approx(0.2548067, abs=1e-7), pytest.approx(0.6251933, abs=1e-7))


def test_the_interval_covers_what_it_should() -> None:
    """Over all outcomes of 40 images: the truth is inside with a chance of about 95 %."""
    n = 40
    for a, b in ((0.1, 0.1), (0.05, 0.2), (0.3, 0.1), (0.02, 0.02)):
        inside = 0.0
        for i in range(n + 1):
            for j in range(n + 1 - i):
                low, high = paired_interval(i, j, n)
                if low <= b - a <= high:
                    ways = math.comb(n, i) * math.comb(n - i, j)
                    inside += ways * a**i * b**j * (1 - a - b) ** (n - i - j)
        assert 0.93 < inside <= 1


@settings(max_examples=100)
@given(st.integers(0, 300), st.integers(0, 300), st.integers(0, 300))
def test_the_interval_is_about_the_difference(a: int, b: int, rest: int) -> None:
    n = a + b + rest + 1
    low, high = paired_interval(a, b, n)
    assert -1 <= low < high <= 1
    assert low <= (b - a) / (n + 2) <= high
    assert paired_interval(b, a, n) == (pytest.approx(-high), pytest.approx(-low))


def test_differences_of_errors_beside_scipy() -> None:
    found = np.random.default_rng(0).normal(0.1, 1, 300)
    low, high, p = mean_difference(found.tolist())
    spread = scipy.stats.norm(found.mean(), found.std(ddof=1) / math.sqrt(300))
    assert (low, high) == (pytest.approx(spread.ppf(0.025)), pytest.approx(spread.ppf(0.975)))
    assert p == pytest.approx(2 * min(spread.cdf(0), 1 - spread.cdf(0)))
    assert mean_difference([0.0, 0.0, 0.0]) == (0, 0, 1)
    assert mean_difference([0.5, 0.5]) == (0.5, 0.5, 0)


@pytest.fixture(scope="module")
def worse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that has hardly learned."""
    path = tmp_path_factory.mktemp("worse") / "worse"
    recipe = Recipe(model="lenet5_relu_max", data="digits", epochs=1, lr=1e-5, train_limit=64)
    for _ in train(recipe, out=path, threads=1):
        pass
    return path


def test_two_runs(finished_run: Path, worse: Path, heirloom: object, tmp_path: Path) -> None:
    found = compare(finished_run, worse)
    one, other = (evaluate(path) for path in (finished_run, worse))
    right = [each.answers == each.labels for each in (one, other)]  # type: ignore[union-attr]
    assert found.only == (int((right[0] & ~right[1]).sum()), int((right[1] & ~right[0]).sum()))
    assert found.values == tuple(float(each.double().mean()) for each in right)
    assert found.verdict == "worse"
    assert compare(worse, finished_run).verdict == "better"
    same = compare(finished_run, finished_run)
    assert (same.p, same.only, same.difference, same.verdict) == (1, (0, 0), 0, "no difference")

    done = heirloom("compare", finished_run, worse)  # type: ignore[operator]
    assert done.returncode == 1
    assert done.stdout.startswith("top1@test:center ")
    assert done.stdout.rstrip().endswith("the second is worse")
    assert len(done.stdout.splitlines()) == 1
    assert heirloom("compare", worse, finished_run).returncode == 0  # type: ignore[operator]
    done = heirloom("compare", finished_run, finished_run, "--format", "json")  # type: ignore[operator]
    assert done.returncode == 0
    values = json.loads(done.stdout)
    assert values["schema"] == 1
    assert values["test"] == "McNemar, exact"
    assert values["verdict"] == "no difference"
    assert values["networks"] == [str(finished_run)] * 2


def test_files_of_weights_and_runs(finished_run: Path, worse: Path, tmp_path: Path) -> None:
    alone = shutil.copy(worse / "model.safetensors", tmp_path / "alone.safetensors")
    assert compare(finished_run, alone).only == compare(finished_run, worse).only
    assert compare(alone, alone, "digits", split="val").metric == "top1@val:center"
    with pytest.raises(HeirloomError, match="which data"):
        compare(alone, alone)


def test_a_run_of_before_is_evaluated_again(finished_run: Path, tmp_path: Path) -> None:
    """An evaluation that does not say which images it was of."""
    run = shutil.copytree(finished_run, tmp_path / "run")
    evaluate(run)
    place = run / "evaluations" / "test-center.json"
    values = json.loads(place.read_text())
    old = {key: values[key] for key in ("schema", "model", "data", "split", "n", "metrics", "confusion")}
    place.write_text(json.dumps(old))
    assert compare(run, finished_run).p == 1
    assert json.loads(place.read_text())["images"] == values["images"]


def test_another_folder_of_the_same_name(finished_run: Path, worse: Path, tmp_path: Path) -> None:
    """Its evaluation has the same name in a run, and its files are called alike: it is another one."""
    test = load_data("digits").split("test")
    for place, shift in (("right", 0), ("wrong", 1)):
        for split, digit in itertools.product(("train", "test"), range(10)):
            folder = tmp_path / place / "photos" / split / str((digit + shift) % 10)
            folder.mkdir(parents=True)
            image = test.images[test.labels == digit][int(split == "test"), 0]
            Image.fromarray(image.numpy()).save(folder / "one.png")
    runs = [shutil.copytree(path, tmp_path / path.name) for path in (finished_run, worse)]
    right, wrong = (str(tmp_path / place / "photos") for place in ("right", "wrong"))
    before = compare(*runs, right).values
    after = compare(runs[0], shutil.copytree(worse, tmp_path / "fresh"), wrong).values
    assert before != after
    assert after[0] == evaluate(shutil.copytree(finished_run, tmp_path / "other"), wrong).correct / 10


def photographs(root: Path, shift: int = 0, called: str = "one") -> str:
    """Two digits of each class, as files; with a shift each is another class's."""
    digits = load_data("digits").split("test")
    for split, digit in itertools.product(("train", "test"), range(10)):
        folder = root / split / str(digit)
        folder.mkdir(parents=True)
        image = digits.images[digits.labels == (digit + shift) % 10][int(split == "test"), 0]
        Image.fromarray(image.numpy()).save(folder / f"{called}.png")
    return str(root)


@pytest.fixture
def two_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Of two folders of equal images under other names."""
    monkeypatch.setattr(roots, "cache", lambda: tmp_path / "cache")
    runs = tmp_path / "first", tmp_path / "second"
    for run, called in zip(runs, ("one", "two"), strict=True):
        data = photographs(tmp_path / f"{run.name} photos", called=called)
        recipe = Recipe(model="lenet5_relu_max", data=data, epochs=1, lr=1e-5, seed=len(called + run.name))
        for _ in train(recipe, out=run, threads=1):
            pass
    return runs


def test_equal_images_under_other_names_compare(two_runs: tuple[Path, Path], tmp_path: Path) -> None:
    found = compare(*two_runs)
    assert (found.n, found.data) == (10, str(tmp_path / "first photos"))
    for run in two_runs:
        images = json.loads((run / "evaluations" / "test-center.json").read_text())["images"]
        assert images.startswith("files:")
    assert compare(*two_runs, str(tmp_path / "second photos")).values == found.values


def test_other_images_under_equal_names_do_not_compare(two_runs: tuple[Path, Path], tmp_path: Path) -> None:
    """One class's images are another's; then one of the classes has another name."""
    data = tmp_path / "first photos"
    evaluate(two_runs[0])
    shutil.rmtree(data)
    photographs(data, shift=1)
    other = shutil.copytree(two_runs[1], tmp_path / "other")
    (other / "recipe.json").write_bytes((two_runs[0] / "recipe.json").read_bytes())
    with pytest.raises(
        HeirloomError, match=r"their images or classes differ, 10 and 10 of them: evaluate both again"
    ):
        compare(two_runs[0], other)
    with pytest.raises(
        HeirloomError, match=r"their images or classes differ, .* in .*/first photos and .*: add --data"
    ):
        compare(other, two_runs[1])


def test_evaluations_that_noted_names_alone(two_runs: tuple[Path, Path], tmp_path: Path) -> None:
    """They are made anew while the images are there; else what they say is what there is."""
    data = str(tmp_path / "second photos")
    for run in two_runs:
        evaluate(run, data)
        place = next((run / "evaluations").glob("*test-center.json"))
        values = json.loads(place.read_text())
        place.write_text(json.dumps({**values, "images": "ab" * 32}))
    found = compare(*two_runs, data)
    for run in two_runs:
        place = next((run / "evaluations").glob("*test-center.json"))
        assert json.loads(place.read_text())["images"].startswith("files:")
        place.write_text(json.dumps({**json.loads(place.read_text()), "images": "ab" * 32}))
    shutil.rmtree(data)
    assert compare(*two_runs, data).values == found.values


def test_what_does_not_compare(
    finished_run: Path, worse: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    back = tmp_path / "back"
    recipe = Recipe(model="autoencoder", data="digits", args="hidden=[4]", epochs=1, train_limit=64)
    for _ in train(recipe.changed(["task=reconstruct"]), out=back, threads=1):
        pass
    with pytest.raises(HeirloomError, match="one has top1@test:center, the other mse@test:center") as stopped:
        compare(finished_run, back)
    assert stopped.value.status == 2
    same = compare(back, back)
    assert (same.only, same.p, same.verdict) == (None, 1, "no difference")
    assert "paired differences" in same.as_dict()["test"]
    other = shutil.copytree(worse, tmp_path / "other")
    values = json.loads((other / "recipe.json").read_text())
    (other / "recipe.json").write_text(json.dumps({**values, "data": "mnist"}))
    with pytest.raises(HeirloomError, match="different data, digits and mnist: add --data"):
        compare(finished_run, other)
    run = shutil.copytree(worse, tmp_path / "changed")
    evaluate(run)
    place = run / "evaluations" / "test-center.json"
    place.write_text(place.read_text().replace('"images": "', '"images": "00'))
    with pytest.raises(HeirloomError, match=r"their images or classes differ.*evaluate both again"):
        compare(finished_run, run)
    (run / "evaluations" / "test-center.csv").write_text("index,label\n0,1\n")
    with pytest.raises(HeirloomError, match=r"cannot read.*test-center.csv"):
        compare(finished_run, run)
