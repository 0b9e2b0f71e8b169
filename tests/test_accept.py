"""The acceptance runs: what they collect, keep, resume and refuse, and the RESULTS of this repository."""

import csv
import dataclasses
import json
import math
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import finetuning
import numpy as np
import pytest
import run
from conftest import QUICK
from plan import PLAN, Row
from results import COLUMNS, page, read_csv

from heirloom.accounting import summary
from heirloom.errors import HeirloomError
from heirloom.evaluation import evaluate
from heirloom.images import DECODERS
from heirloom.models import create_model
from heirloom.recipes import RECIPES, Recipe, find_recipe, published_result
from heirloom.reports import report
from heirloom.training import train

ROOT = Path(__file__).parent.parent
TINY = dataclasses.replace(QUICK, max_steps=5)
TINY_AUTOENCODER = Recipe(
    "autoencoder", "digits", args="hidden=[20] code=10", task="reconstruct", loss="mean_squared", max_steps=5
)
NAMES = ("lenet5_digits", "lenet5_mnist_1998")
TWO = (Row(NAMES[0], 3, 0.02), Row(NAMES[1], 1))


@pytest.fixture(scope="module", autouse=True)
def _tiny_recipes() -> Iterator[None]:
    """Two recipes of the library are tiny, in this process."""
    for name in RECIPES:
        find_recipe(name)  # loaded before: those made of these two stay as they are
    with pytest.MonkeyPatch.context() as patch:
        for name in NAMES:
            patch.setattr(f"heirloom.recipes.{name}.RECIPE", TINY)
        yield


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home of RESULTS with three finished runs, two of one recipe and one of the other."""
    home = tmp_path_factory.mktemp("home")
    for name, seed in ((NAMES[0], 0), (NAMES[0], 1), (NAMES[1], 0)):
        path = folder(home, name, seed)
        for _ in train(dataclasses.replace(TINY, seed=seed), out=path, threads=1):
            pass
        evaluate(path)
        report(path)
    return home


@pytest.fixture
def home(finished: Path, tmp_path: Path) -> Path:
    """A copy of it that a test may change."""
    return shutil.copytree(finished, tmp_path / "home")


def folder(home: Path, name: str, seed: int) -> Path:
    return home / "accept" / "runs" / f"{name}-seed{seed}"


def program(tmp_path: Path, **changes: object) -> tuple[str, ...]:
    """The command line in a process of its own, where the recipes are as tiny as here."""
    values = TINY.as_dict() | changes
    patches = [f"import heirloom.recipes.{name} as m; m.RECIPE = Recipe(**{values})" for name in NAMES]
    lines = ["from heirloom.recipes import Recipe", *patches, "from heirloom.__main__ import main", "main()"]
    script = tmp_path / "tiny.py"
    script.write_text("\n".join(lines))
    return (sys.executable, str(script))


def table(text: str, start: str) -> list[list[str]]:
    """The rows of the tables of a page whose first cell begins so."""
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return [row for row in rows if row[0].startswith(start)]


def wilson(p: float, n: int) -> tuple[float, float]:
    """The ends are the roots of (p - x)^2 = z^2 x (1 - x) / n."""
    zz = statistics.NormalDist().inv_cdf(0.975) ** 2 / n
    a, b, c = 1 + zz, -(2 * p + zz), p * p
    root = math.sqrt(b * b - 4 * a * c)
    return (-b - root) / (2 * a), (-b + root) / (2 * a)


def check_errors(text: str, own: list[dict[str, str]], row: Row) -> None:
    """The numbers of a network that gives its input back, to the four digits that are printed."""
    ((_, command, _, _, error, deviation, interval, code, left, minutes, bound, source, difference),) = table(
        text, f"[`{row.recipe}`]"
    )
    errors = [float(line["error"]) for line in own]
    mean = statistics.mean(errors)
    assert command.startswith(f"`python accept/run.py {row.recipe} --seeds ")
    assert float(error) == pytest.approx(mean, rel=6e-4)
    if len(own) > 1:
        assert float(deviation) == pytest.approx(statistics.stdev(errors), rel=6e-4)
    half = statistics.mean((float(line["high"]) - float(line["low"])) / 2 for line in own)
    assert [float(end) for end in interval.split(" to ")] == pytest.approx(
        [mean - half, mean + half], rel=6e-4
    )
    spent = statistics.mean(float(line["minutes"]) for line in own)
    assert float(minutes) == pytest.approx(spent, abs=0.0501)
    with (ROOT / "accept" / "pca.csv").open(newline="") as file:
        (known,) = (line for line in csv.DictReader(file) if line["recipe"] == row.recipe)
    assert code == known["components"]
    assert (left == "–") == (known["error"] == "")
    if known["error"]:
        assert float(left) == pytest.approx(float(known["error"]), rel=6e-4)
    assert (bound == "–") == (row.bound is None)
    if row.bound is not None:
        assert bound.endswith("yes") == (mean <= row.bound)
    printed = published_result(row.recipe)
    assert (source == "–") == (difference == "–") == (printed is None)
    if printed:
        assert float(difference) == pytest.approx(mean - printed.value, rel=0.06)
    for line, cells in zip(own, table(text, f"`{row.recipe}`"), strict=True):
        assert float(cells[2]) == pytest.approx(float(line["error"]), rel=6e-4)
        assert (cells[1], cells[4], cells[5]) == (line["seed"], line["epochs"], line["minutes"])


def check_numbers(text: str, lines: list[dict[str, str]], plan: tuple[Row, ...]) -> None:
    """Every number in the tables of a page, computed again from the lines of its CSV."""
    for row in plan:
        own = [line for line in lines if line["recipe"] == row.recipe]
        assert len(table(text, f"[`{row.recipe}`]")) == bool(own)
        missing = {str(seed) for seed in range(row.seeds)} - {line["seed"] for line in own}
        assert bool(re.search(rf"^- \[`{row.recipe}`\].*no finished run", text, re.MULTILINE)) == bool(
            missing
        )
        if not own:
            continue
        if own[0]["error"]:
            check_errors(text, own, row)
            continue
        ((_, command, _, accuracy, error, deviation, interval, minutes, bound, source, difference),) = table(
            text, f"[`{row.recipe}`]"
        )
        shares, n = [int(line["correct"]) / int(line["n"]) for line in own], int(own[0]["n"])
        mean = statistics.mean(shares)
        assert command.startswith(f"`python accept/run.py {row.recipe} --seeds ")
        assert float(accuracy.split()[0]) == pytest.approx(100 * mean, abs=0.00501)
        assert float(error.split()[0]) == pytest.approx(100 * (1 - mean), abs=0.00501)
        if len(own) > 1:
            assert float(deviation) == pytest.approx(100 * statistics.stdev(shares), abs=0.00501)
        ends = [100 * end for end in wilson(mean, n)]
        assert [float(end) for end in interval.split(" to ")] == pytest.approx(ends, abs=0.00501)
        spent = statistics.mean(float(line["minutes"]) for line in own)
        assert float(minutes) == pytest.approx(spent, abs=0.0501)
        assert (bound == "–") == (row.bound is None)
        if row.bound is not None:
            assert bound.endswith("yes") == (mean > row.bound - 1e-12)
        printed = published_result(row.recipe)
        assert (source == "–") == (printed is None)
        if printed:
            assert source.startswith(f"{100 * printed.value:.2f} %, {printed.source}")
            assert source.endswith("(second hand)") != printed.verified
            if printed.metric == own[0]["metric"]:
                assert float(difference) == pytest.approx(100 * (mean - printed.value), abs=0.00501)
        for line, cells in zip(own, table(text, f"`{row.recipe}`"), strict=True):
            ends = [100 * end for end in wilson(int(line["correct"]) / n, n)]
            assert [float(end) for end in cells[4].split(" to ")] == pytest.approx(ends, abs=0.00501)
            assert (cells[1], cells[5], cells[6]) == (line["seed"], line["epochs"], line["minutes"])
            assert int(cells[3]) == int(line["n"]) - int(line["correct"])
            assert float(cells[2].split()[0]) == pytest.approx(100 * float(line["accuracy"]), abs=0.00501)


def test_what_is_collected_is_what_the_runs_hold(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run.main(["--collect"], TWO, home) == 0
    with (home / "RESULTS.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert [(line["recipe"], line["seed"]) for line in lines] == [
        ("lenet5_digits", "0"),
        ("lenet5_digits", "1"),
        ("lenet5_mnist_1998", "0"),
    ]
    for line in lines:
        path = folder(home, line["recipe"], int(line["seed"]))
        with (path / "evaluations" / "test-center.csv").open(newline="") as file:
            answers = list(csv.DictReader(file))
        right = sum(answer["label"] == answer["answer"] for answer in answers)
        events = [json.loads(text) for text in (path / "events.jsonl").read_text().splitlines()]
        seconds = [event["seconds"] for event in events if event["event"] == "epoch"]
        assert (int(line["correct"]), int(line["n"])) == (right, len(answers))
        assert float(line["accuracy"]) == pytest.approx(right / len(answers), abs=1e-6)
        ends = wilson(right / len(answers), len(answers))
        assert (float(line["low"]), float(line["high"])) == pytest.approx(ends, abs=1e-6)
        assert float(line["minutes"]) == pytest.approx(math.fsum(seconds) / 60, abs=0.00501)
        assert (line["epochs"], line["images"], line["metric"]) == ("1", "400", "top1@test:center")
        assert int(line["parameters"]) == summary("lenet5_relu_max").totals["parameters"]
        versions = json.loads((path / "versions.json").read_text())
        known = versions.keys() - DECODERS.keys()  # there are no photographs among these data
        assert {key: line[key] for key in known} == {key: str(versions[key]) for key in known}
    text = (home / "RESULTS.md").read_text()
    assert "make accept" in text.splitlines()[0]
    check_numbers(text, lines, TWO)
    assert table(text, "[`lenet5_digits`]")[0][2] == "0, 1 (of 3)"
    assert "lenet5_digits.py), seed 2: no finished run" in text
    out = capsys.readouterr().out
    assert re.search(r"^lenet5_digits: mean .* must reach 2.00 %: yes$", out, re.MULTILINE)
    before = text, (home / "RESULTS.csv").read_bytes()
    shutil.rmtree(home / "accept")
    assert run.main(["--page"], TWO, home) == 0
    assert ((home / "RESULTS.md").read_text(), (home / "RESULTS.csv").read_bytes()) == before


@pytest.fixture(scope="module")
def reconstructing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home of RESULTS with two runs of an autoencoder."""
    home = tmp_path_factory.mktemp("autoencoders")
    for seed in (0, 1):
        path = folder(home, "autoencoder_digits", seed)
        for _ in train(dataclasses.replace(TINY_AUTOENCODER, seed=seed), out=path, threads=1):
            pass
        evaluate(path)
    return home


def test_errors_stand_beside_principal_components(
    reconstructing: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("heirloom.recipes.autoencoder_digits.RECIPE", TINY_AUTOENCODER)
    evaluations = [
        json.loads((folder(reconstructing, "autoencoder_digits", seed) / "evaluations" / "test-center.json")
                   .read_text())["metrics"]["mse@test:center"]
        for seed in (0, 1)
    ]  # fmt: skip
    mean = statistics.mean(entry["value"] for entry in evaluations)
    for bound, status in ((mean * 1.001, 0), (mean * 0.999, 1)):
        plan = (Row("autoencoder_digits", 3, bound),)
        assert run.main(["--collect"], plan, reconstructing) == status
        text, lines = (reconstructing / "RESULTS.md").read_text(), read_csv(reconstructing / "RESULTS.csv")
        for line, entry in zip(lines, evaluations, strict=True):
            assert float(line["error"]) == pytest.approx(entry["value"], rel=1e-5)
            assert (line["accuracy"], line["correct"]) == ("", "")
            assert line["metric"] == "mse@test:center"
        check_numbers(text, lines, plan)
        out = capsys.readouterr().out
        assert f"mean {mean:#.4g}, seeds 0, 1, must be at most {bound:#.4g}: " in out
        assert out.rstrip().endswith("MISSED" if status else "yes")
    before = text
    assert run.main(["--page"], plan, reconstructing) == 1
    assert (reconstructing / "RESULTS.md").read_text() == before


def test_principal_components_by_singular_values(tmp_path: Path) -> None:
    """What k components leave of the images that they are fitted to: the other singular values, squared."""
    import pca

    recipe = find_recipe("autoencoder_digits")[1]
    model = create_model("autoencoder", code=10)
    assert pca.narrowest(model) == 10
    assert pca.narrowest(create_model("autoencoder_sparse")) == 784
    fitted = pca.rows_of(recipe, "train", model)
    assert fitted.shape == (1157, 784)
    assert 0 <= fitted.min() < fitted.max() == 1
    values = np.linalg.svd(fitted.astype(float) - fitted.mean(0, dtype=float), compute_uv=False)
    assert pca.error_of(10, fitted, fitted) == pytest.approx((values[10:] ** 2).sum() / fitted.size, rel=1e-4)
    out = tmp_path / "pca.csv"
    assert pca.main((Row("autoencoder_digits", 1), Row("lenet5_digits", 1)), out) == 0
    (line,) = read_csv(out)
    with (ROOT / "accept" / "pca.csv").open(newline="") as file:
        (known,) = (row for row in csv.DictReader(file) if row["recipe"] == "autoencoder_digits")
    assert float(line["error"]) == pytest.approx(float(known["error"]), rel=1e-4)


def test_other_conditions_are_listed(home: Path) -> None:
    path = folder(home, "lenet5_digits", 1) / "versions.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"torch": "9.9.9", "threads": 7}))
    run.main(["--collect"], TWO, home)
    text = (home / "RESULTS.md").read_text()
    (first,), (second,) = table(text, "A"), table(text, "B")
    assert (first[1], second[1]) == ("2", "1")
    assert "9.9.9" in second
    assert [cells[-1] for cells in table(text, "`lenet5_digits`")] == ["A", "B"]


def test_a_missed_bound_is_exit_1(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [
        json.loads((folder(home, "lenet5_digits", seed) / "evaluations" / "test-center.json").read_text())
        for seed in (0, 1)
    ]
    right = sum(line["metrics"]["top1@test:center"]["correct"] for line in lines)
    share = right / sum(line["n"] for line in lines)
    assert run.main(["--collect"], (Row("lenet5_digits", 2, share),), home) == 0
    capsys.readouterr()
    assert run.main(["--collect"], (Row("lenet5_digits", 2, share + 1e-9), TWO[1]), home) == 1
    out = capsys.readouterr().out.splitlines()
    assert [line for line in out if "MISSED" in line] == [line for line in out if "lenet5_digits" in line]
    assert table((home / "RESULTS.md").read_text(), "[`lenet5_digits`]")[0][8].endswith("**no**")


@pytest.mark.parametrize("arguments", [["--collect"], []])
def test_a_run_of_another_recipe_is_refused(
    home: Path, arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folder(home, "lenet5_digits", 1) / "recipe.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"lr": 0.5}))
    monkeypatch.setattr(run, "PROGRAM", ("/nothing/may/be/trained",))
    with pytest.raises(HeirloomError, match=r"lenet5_digits-seed1 was trained by .*: lr was 0.5, is 0.003"):
        run.main(arguments, TWO, home)
    assert not (home / "RESULTS.md").exists()


def test_a_damaged_run_is_named(home: Path) -> None:
    (folder(home, "lenet5_digits", 1) / "events.jsonl").write_text("")
    with pytest.raises(HeirloomError, match="lenet5_digits-seed1 is damaged"):
        run.main(["--collect"], TWO, home)


def test_finished_runs_are_kept_and_the_others_go_on(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seed 0 is finished, seed 1 stopped after two steps, seed 2 was never begun."""
    kept = {path: path.stat().st_mtime_ns for path in folder(home, "lenet5_digits", 0).rglob("*")}
    stopped = folder(home, "lenet5_digits", 1)
    weights = (stopped / "model.safetensors").read_bytes()
    shutil.rmtree(stopped)
    events = train(dataclasses.replace(TINY, seed=1), out=stopped, threads=1)
    while next(events).event != "step":
        pass
    next(events)
    events.close()
    assert not (stopped / "model.safetensors").exists()
    monkeypatch.setattr(run, "PROGRAM", program(tmp_path))
    assert run.main(["lenet5_digits", "--jobs", "2"], TWO, home) == 0
    assert {path: path.stat().st_mtime_ns for path in folder(home, "lenet5_digits", 0).rglob("*")} == kept
    assert (stopped / "model.safetensors").read_bytes() == weights
    for seed in (1, 2):
        assert (folder(home, "lenet5_digits", seed) / "evaluations" / "test-center.json").is_file()
        assert (folder(home, "lenet5_digits", seed) / "report.html").is_file()
    assert not (home / "RESULTS.md").exists()  # one recipe alone does not replace the results of all
    monkeypatch.setattr(run, "PROGRAM", ("/nothing/is/left",))
    assert run.main([], TWO, home) == 0
    assert "lenet5_digits.py), seed" not in (home / "RESULTS.md").read_text()


def test_missing_data_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HEIRLOOM_DATA", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(run, "PROGRAM", program(tmp_path, data="mnist"))
    assert run.main([], TWO, tmp_path) == 2
    errors = capfd.readouterr().err
    assert errors.count("\n") == 1
    assert errors.startswith("heirloom: no data set mnist here")
    assert not (tmp_path / "RESULTS.md").exists()


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_ctrl_c_leaves_a_checkpoint(tmp_path: Path) -> None:
    driver = tmp_path / "driver.py"
    long = program(tmp_path, epochs=10_000, max_steps=0)
    driver.write_text(
        f"import sys\nfrom pathlib import Path\nsys.path.insert(0, {str(ROOT / 'accept')!r})\n"
        f"import run\nrun.PROGRAM = {long}\n"
        f"try:\n    run.main(['--jobs', '2'], run.PLAN[:1], Path({str(tmp_path)!r}))\n"
        "except KeyboardInterrupt:\n    sys.exit(99)\n"
    )
    process = subprocess.Popen([sys.executable, str(driver)], stderr=subprocess.PIPE)
    runs = [folder(tmp_path, "lenet5_digits", seed) for seed in (0, 1)]
    until = time.monotonic() + 100
    while not all((path / "events.jsonl").is_file() for path in runs) and time.monotonic() < until:
        time.sleep(0.1)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    try:
        _, errors = process.communicate(timeout=60)
    finally:
        process.kill()  # nothing stays behind where it failed
    assert process.returncode == 99
    assert errors.decode().count("go on with: heirloom resume accept/runs/lenet5_digits-seed") == 2
    assert all(list((path / "checkpoints").glob("step-*")) for path in runs)
    assert not folder(tmp_path, "lenet5_digits", 2).exists()


def test_weights_are_tested_on_what_they_have_not_learned(tmp_path: Path) -> None:
    """Among the photographs that come for testing, most are of the training set of the weights."""
    for name in (*(f"train/dog/n1_{i:02}.JPEG" for i in range(12)), "val/dog/n1_99.JPEG",
                 "val/dog/ILSVRC2012_val_00000007.JPEG"):  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    rows = list(csv.DictReader(finetuning.table(tmp_path).splitlines()))
    split = {Path(row["path"]).name: row["split"] for row in rows}
    assert [name for name in split if split[name] == "train"] == ["n1_00.JPEG", "n1_01.JPEG"]
    assert [name for name in split if split[name] == "test"] == ["ILSVRC2012_val_00000007.JPEG"]
    assert len(split) == 13


def test_what_is_no_recipe_is_an_error(home: Path) -> None:
    with pytest.raises(HeirloomError, match="no recipe 'lenet5_digit': did you mean 'lenet5_digits'"):
        run.main(["lenet5_digit"], TWO, home)
    with pytest.raises(HeirloomError, match="no recipe or model 'lenet5_letters'"):
        run.main(["--collect"], (*TWO, Row("lenet5_letters", 1)), home)
    for arguments in (["--jobs", "0"], ["--seeds", "0"], ["lenet5_digits", "--collect"]):
        with pytest.raises(SystemExit) as stopped:
            run.main(arguments, TWO, home)
        assert stopped.value.code == 2


def test_the_program_ends_in_one_line(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "accept" / "run.py"), "nothing"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert re.fullmatch(r"accept: accept/plan.py has no recipe 'nothing': .*\[E-usage\]\n", done.stderr)


def test_the_plan_names_recipes_once() -> None:
    names = [row.recipe for row in PLAN]
    assert len(set(names)) == len(names)
    for row in PLAN:
        assert find_recipe(row.recipe)[0] == row.recipe
        assert row.seeds > 0
        assert row.bound is None or 0 < row.bound < 1


def test_the_page_has_a_place_for_every_recipe_of_the_plan() -> None:
    """With a run that nobody trained for each seed of the plan."""
    lines = []
    for number, row in enumerate(PLAN):
        recipe = find_recipe(row.recipe)[1]
        read = dict.fromkeys(COLUMNS, "") | dict(
            recipe=row.recipe, model=recipe.model, data=recipe.data, split=recipe.split, images="5000"
        )
        read |= dict(parameters="10", epochs="3", minutes="1.50", n="10000")
        for seed in range(row.seeds):
            if recipe.task == "reconstruct":
                error = 0.005 + 0.001 * seed + 0.0003 * number
                found = dict(metric="mse@test:center", error=f"{error:.6g}", low=f"{error - 0.0001:.6g}")
                found["high"] = f"{error + 0.0001:.6g}"
            else:
                correct = 9_700 + number - seed
                share, low, high = (f"{p:.6f}" for p in (correct / 10_000, *wilson(correct / 10_000, 10_000)))
                found = dict(metric="top1@test:center", correct=str(correct), accuracy=share)
                found |= dict(low=low, high=high)
            lines.append(read | found | {"seed": str(seed)})
    text = page(lines, PLAN)
    check_numbers(text, lines, PLAN)
    section = text.partition("## Autoencoders")[2].partition("\n## ")[0]
    for row in PLAN:
        apart = find_recipe(row.recipe)[1].task == "reconstruct"
        assert (f"[`{row.recipe}`]" in section) == apart
        assert len(table(text, f"`{row.recipe}`")) == row.seeds
    few = [line | {"n": "1000", "correct": "970"} for line in lines if line["recipe"] == "lenet1_mnist"]
    assert "| here it is 1,000 of 10,000 images |" in page(few, PLAN)


def test_the_results_of_this_repository_are_what_collect_writes() -> None:
    """After a change of the plan or of the remarks: python accept/run.py --collect, or --page."""
    text, lines = (ROOT / "RESULTS.md").read_text(encoding="utf-8"), read_csv(ROOT / "RESULTS.csv")
    assert text == page(lines, PLAN)
    check_numbers(text, lines, PLAN)
    for line in lines:
        if line["error"]:
            assert float(line["low"]) < float(line["error"]) < float(line["high"])
            continue
        share = int(line["correct"]) / int(line["n"])
        ends = wilson(share, int(line["n"]))
        shares = [float(line[key]) for key in ("accuracy", "low", "high")]
        assert shares == pytest.approx([share, *ends], abs=1e-6)
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert [link for link in links if not (ROOT / link).exists()] == []
