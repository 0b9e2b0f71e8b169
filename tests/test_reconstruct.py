"""To reconstruct, from end to end: loss and error by hand, the run and its files, and what it refuses."""

import csv
import dataclasses
import io
import json
import math
import re
import shutil
import statistics
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from conftest import Heirloom
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from heirloom.data import load_data
from heirloom.data.preprocessing import Preprocess
from heirloom.data.sampling import mix, permutation
from heirloom.errors import HeirloomError
from heirloom.evaluation import Reconstruction, evaluate
from heirloom.events import Epoch, Step
from heirloom.figures.drawing import draw
from heirloom.figures.reconstructions import EACH, Example, chosen
from heirloom.layers import WithPenalty
from heirloom.losses import with_heads
from heirloom.measures import ACCURACY, ERROR, mean_interval, measure_of
from heirloom.models import create_model
from heirloom.prediction import predict
from heirloom.recipes import Recipe, find_recipe
from heirloom.reports import report
from heirloom.tasks import TASKS
from heirloom.training import resume, train
from heirloom.weights import load_model

SMALL = "hidden=[20] code=5"
QUICK = Recipe(
    "autoencoder", "digits", args=SMALL, task="reconstruct", loss="mean_squared", epochs=2, train_limit=200
)
ONLY = ("--set", "split=train", "--set", "epochs=1", "--set", "train_limit=100", "--arg", "hidden=[20]")

OWN = """
import torch
from torch import nn

class Same(nn.Module):
    input_size = (1, 8, 8)
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(64, 64)
    def forward(self, x):
        return self.fc(x.flatten(1)).view_as(x)

class Penalised(Same):
    def forward(self, x):
        out = super().forward(x)
        return (out, 0.5 * self.fc.bias.square().sum()) if self.training else out

class Flat(Same):
    def forward(self, x):
        return self.fc(x.flatten(1))

class Later(Same):
    def forward(self, x):
        out = super().forward(x)
        return out[:, :, :1] if self.training else out
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small run, evaluated and reported."""
    path = tmp_path_factory.mktemp("runs") / "autoencoder"
    for _ in train(QUICK, out=path, threads=1):
        pass
    report(path)
    return path


@pytest.fixture
def own(tmp_path: Path) -> str:
    (tmp_path / "own.py").write_text(OWN)
    return f"{tmp_path}/own.py"


def test_a_run_equals_a_plain_loop(tmp_path: Path) -> None:
    """SGD on the mean squared difference, written out; no label has a part in it."""
    recipe = dataclasses.replace(QUICK, optimizer="sgd", lr=0.5, momentum=0.0, schedule="constant")
    list(train(recipe, out=tmp_path / "run", threads=1))
    images = load_data("digits").split("train").images[:200]
    inputs = Preprocess((1, 28, 28), 0, (0.0,), (1.0,))(images)
    torch.manual_seed(int(mix(recipe.seed, 0)) >> 1)
    model = create_model("autoencoder", hidden=[20], code=5)
    for epoch in range(2):
        for index in torch.from_numpy(permutation(recipe.seed, epoch, 200)).split(64):
            loss = F.mse_loss(model(inputs[index]), inputs[index])
            gradients = torch.autograd.grad(loss, list(model.parameters()))
            with torch.no_grad():
                for p, g in zip(model.parameters(), gradients, strict=True):
                    p.sub_(0.5 * g)
    for ours, theirs in zip(load_model(tmp_path / "run").model.parameters(), model.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)


@settings(max_examples=50)
@given(st.floats(-1, 1), st.floats(0.1, 5), st.integers(1, 3), st.integers(1, 4))
def test_the_error_is_in_grey_values_whatever_the_network_reads(
    mean: float, std: float, channels: int, images: int
) -> None:
    """The same pictures on another scale have the same error: a mean of squares, by hand."""
    grey, made = torch.rand(2, images, channels, 4, 3, dtype=torch.float64)
    preprocess = Preprocess((channels, 4, 3), 0, (mean,) * channels, (std,) * channels)
    task = TASKS["reconstruct"]
    errors = task.kept(preprocess.normalised(made), preprocess.normalised(grey), preprocess)
    by_hand = [((a - b) ** 2).sum().item() / (12 * channels) for a, b in zip(grey, made, strict=True)]
    assert errors.tolist() == pytest.approx(by_hand, rel=1e-4, abs=1e-9)
    loss = task.loss(QUICK, preprocess)(preprocess.normalised(made), preprocess.normalised(grey))
    assert float(loss) == pytest.approx(statistics.mean(by_hand), rel=1e-4, abs=1e-9)
    assert float(task.total(preprocess.normalised(made), preprocess.normalised(grey), preprocess)) == (
        pytest.approx(sum(by_hand), rel=1e-4, abs=1e-9)
    )


@pytest.mark.parametrize(
    "preprocess",
    [
        Preprocess((3, 2, 2), 0, (0.1, 0.2, 0.3), (0.5, 2.0, 1.0)),
        Preprocess((3, 2, 2), 0, (104.0, 117.0, 123.0), (1.0, 1.0, 1.0), "fit", "BGR", 255.0),
        Preprocess((3, 2, 2), 0, (0.0,) * 3, (2.0, 1.0, 1.0), mean_image=torch.rand(3, 2, 2)),
    ],
    ids=["mean", "caffe", "mean image"],
)
def test_preprocessing_is_undone(preprocess: Preprocess) -> None:
    grey = torch.rand(2, 3, 2, 2)
    torch.testing.assert_close(preprocess.restored(preprocess.normalised(grey)), grey)


def test_a_penalty_reaches_the_loss_as_it_is() -> None:
    def loss(output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return (output - target).square().mean()

    output, target = torch.rand(2, 3, 1, 4, 4)
    for given_back in (WithPenalty(output, torch.tensor(0.25)), (output, torch.tensor(0.25))):
        total, own = with_heads(loss, given_back, target)
        assert own is output
        assert float(total) == pytest.approx(float(loss(output, target)) + 0.25)
    with pytest.raises(HeirloomError, match="a penalty that is one number"):
        with_heads(loss, (output, torch.zeros(2)), target)


def test_events_have_an_error_and_no_accuracy(tmp_path: Path) -> None:
    recipe = dataclasses.replace(QUICK, model="autoencoder_sparse", args="hidden=30")
    events = list(train(recipe, out=tmp_path / "run", threads=1))
    last = [e for e in events if isinstance(e, Epoch)][-1]
    assert last.accuracy is None
    assert last.val_accuracy is None
    assert last.error is not None
    assert last.loss > 1.5 * last.error  # the penalty
    assert last.val_loss == last.val_error
    lines = [json.loads(line) for line in (tmp_path / "run" / "events.jsonl").read_text().splitlines()]
    for line in lines:
        if line["event"] in ("step", "epoch"):
            assert "error" in line
            assert "accuracy" not in line
            assert "val_accuracy" not in line
    # The best weights are those with the smallest validation error.
    best = load_model(tmp_path / "run" / "best.safetensors")
    assert evaluate(tmp_path / "run" / "best.safetensors", "digits", split="val").entry["value"] == (
        pytest.approx(min(line["val_error"] for line in lines if line["event"] == "epoch"), rel=1e-5)
    )
    assert best.card.classes == ()


@pytest.mark.parametrize("model", ["autoencoder_denoising", "autoencoder_sparse"])
def test_an_interrupted_run_ends_with_the_same_bytes(tmp_path: Path, model: str) -> None:
    """Noise is a function of seed and step, too."""
    recipe = dataclasses.replace(QUICK, model=model, args="hidden=30", average=0.9)
    list(train(recipe, out=tmp_path / "straight", threads=1))
    events = train(recipe, out=tmp_path / "stopped", threads=1)
    for event in events:
        if isinstance(event, Step) and event.step == 6:
            break
    events.close()
    list(resume(tmp_path / "stopped"))
    for name in ("model.safetensors", "best.safetensors"):
        one, other = (tmp_path / run / name for run in ("straight", "stopped"))
        assert one.read_bytes() == other.read_bytes()


def test_the_evaluation_is_what_a_plain_loop_finds(run: Path) -> None:
    found = evaluate(run)
    assert isinstance(found, Reconstruction)
    loaded, split = load_model(run), load_data("digits").split("test")
    with torch.no_grad():
        errors = [
            float(F.mse_loss(loaded.model(x), x))
            for image in split.images
            for x in [loaded.card.preprocess(image[None])]
        ]
    assert found.errors.tolist() == pytest.approx(errors, rel=1e-4)
    values = json.loads((run / "evaluations" / "test-center.json").read_text())
    assert values == found.as_dict()
    keys = {"schema", "model", "data", "split", "protocol", "images", "n", "metrics"}
    assert values.keys() == keys
    entry = values["metrics"]["mse@test:center"]
    mean, deviation = statistics.mean(errors), statistics.stdev(errors)
    assert entry["value"] == pytest.approx(mean, rel=1e-4)
    assert entry["high"] - entry["value"] == pytest.approx(1.96 * deviation / 382**0.5, rel=1e-3)
    rows = list(csv.DictReader(io.StringIO((run / "evaluations" / "test-center.csv").read_text())))
    assert [float(row["error"]) for row in rows] == pytest.approx(errors, rel=1e-4)
    assert [int(row["label"]) for row in rows] == split.labels.tolist()
    low, high = (f"{entry[key]:#.4g}" for key in ("low", "high"))
    assert found.line() == f"mse@test:center {entry['value']:#.4g} (382 images), 95 % {low} to {high}"


def test_one_image_has_no_interval() -> None:
    found = Reconstruction("m", "d", "test", "center", ("a",), torch.tensor([0]), torch.tensor([0.5]))
    assert found.line() == "mse@test:center 0.5000 (1 image)"
    assert found.as_dict()["metrics"]["mse@test:center"]["low"] is None


def test_the_interval_holds_the_mean_nineteen_times_in_twenty() -> None:
    """Of errors that are as skewed as errors are: means of 400 numbers whose mean is 1."""
    torch.manual_seed(0)
    drawn = torch.distributions.Gamma(2.0, 2.0).sample((4000, 400)).double()
    inside = 0
    for numbers in drawn:
        low, high = mean_interval(float(numbers.mean()), float(numbers.std()), 400)
        inside += low <= 1 <= high
    # four standard deviations of a share of 0.95 around it, and half a point for the skew
    assert abs(inside / 4000 - 0.95) < 4 * math.sqrt(0.95 * 0.05 / 4000) + 0.005


def test_measures_say_their_numbers() -> None:
    assert (measure_of("top1@test:center"), measure_of("mse@val:center")) == (ACCURACY, ERROR)
    assert ACCURACY.spread_line([0.98, 0.99]) == "mean 98.50 %, standard deviation 0.71, 2 seeds"
    assert ERROR.spread_line([0.02, 0.04]) == "mean 0.03000, standard deviation 0.01414, 2 seeds"
    assert ACCURACY.better(0.9, 0.8)
    assert ERROR.better(0.1, 0.2)
    assert not ERROR.better(0.1, 0.1)


def test_the_weights_know_no_classes(run: Path, tmp_path: Path) -> None:
    loaded = load_model(run)
    assert loaded.card.classes == ()
    assert loaded.card.as_dict()["format"] == 3
    # Any data of that kind of image will do.
    assert len(evaluate(run / "model.safetensors", "digits", split="val").errors) == 258
    with pytest.raises(
        HeirloomError, match="autoencoder knows no classes: it gives back the image"
    ) as caught:
        predict(run, [])
    assert caught.value.status == 2


def test_starting_from_weights(run: Path, finished_run: Path, tmp_path: Path) -> None:
    frozen = dataclasses.replace(QUICK, weights=str(run), lr=1e-30, epochs=1)
    list(train(frozen, out=tmp_path / "again", threads=1))
    one, other = (load_model(path).model.state_dict() for path in (run, tmp_path / "again"))
    assert all(torch.equal(tensor, other[name]) for name, tensor in one.items())
    with pytest.raises(HeirloomError, match="weights of lenet5_relu_max, not of autoencoder"):
        train(dataclasses.replace(QUICK, weights=str(finished_run)), out=tmp_path / "none")


def test_the_report_shows_inputs_beside_reconstructions(run: Path) -> None:
    html = (run / "report.html").read_text().partition("</style>")[2]
    value = json.loads((run / "evaluations" / "test-center.json").read_text())["metrics"]["mse@test:center"]
    assert f"<b>{value['value']:#.4g}</b>" in html
    rows = list(csv.DictReader(io.StringIO((run / "evaluations" / "test-center.csv").read_text())))
    ranked = sorted(rows, key=lambda row: (float(row["error"]), int(row["index"])))
    middle = (len(ranked) - EACH) // 2
    wanted = [*ranked[:EACH], *ranked[middle : middle + EACH], *ranked[::-1][:EACH]]
    shown = re.findall(r'alt="Test image (\d+), (\d)(, given back)?"', html)
    assert [shown[i][:2] for i in range(0, len(shown), 2)] == [(row["index"], row["label"]) for row in wanted]
    assert [bool(back) for *_, back in shown] == [False, True] * (3 * EACH)
    for word in ("Reconstructions", "First-layer filters", "The error is the mean of squared differences"):
        assert word in html
    assert not re.search(r"[Cc]onfusion|[Aa]ccuracy", html.partition("<footer>")[0])
    assert {path.name for path in (run / "pictures").iterdir()} == {
        "curves.svg", "diagram.svg", "film.svg", "filters.png", "reconstructions.png", "shares.svg",
        "similarity.svg",
    }  # fmt: skip
    # The first picture of the sheet is the best image beside what the network gives back for it.
    loaded = load_model(run)
    x = loaded.card.preprocess(load_data("digits").split("test").images[[int(ranked[0]["index"])]])
    with torch.no_grad():
        both = [x[0, 0], loaded.model(x)[0, 0]]
    with Image.open(run / "pictures" / "reconstructions.png") as sheet:
        grey = torch.from_numpy(np.array(sheet.convert("L"))).long()
    top, side = 48 + 92, 28 * 4
    for i, image in enumerate(both):
        left = 48 + i * (side + 4)
        seen = grey[top + 2 : top + side : 4, left + 2 : left + side : 4]
        assert int((seen - image.mul(255).round().long()).abs().max()) <= 1


def test_examples_are_shown_once() -> None:
    for n in (1, 2, 3, 7, 24, 25, 1000):
        groups = chosen([Example(i, "a", i / n) for i in range(n)])
        found = [example.index for group in groups.values() for example in group]
        assert len(set(found)) == len(found) > 0
        assert max(len(group) for group in groups.values()) <= max(EACH, 2)
    assert [e.index for e in groups["Worst"]] == list(range(999, 999 - EACH, -1))
    assert sum(e.index for e in groups["Median"]) / EACH == 499.5


def test_the_command_line(heirloom: Heirloom) -> None:
    done = heirloom("train", "autoencoder", "--data", "digits", *ONLY, "--seeds", "2", "--set", "seed=3")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == [
        "mse@test:center", "report:", "mse@test:center", "report:", "mean", "run:", "run:",
    ]  # fmt: skip
    values = [float(line.split()[1]) for line in lines if line.startswith("mse")]
    mean, deviation = re.fullmatch(
        r"mean ([\d.]+), standard deviation ([\d.e-]+), 2 seeds", lines[4]
    ).groups()
    assert float(mean) == pytest.approx(statistics.mean(values), rel=1e-3)
    assert float(deviation) == pytest.approx(statistics.stdev(values), rel=0.1)
    assert re.search(r"epoch 1/1  loss 0\.\d+  validation 0\.\d+  ", done.stderr)
    path = lines[-1].removeprefix("run: ")
    assert heirloom("evaluate", path).stdout.splitlines() == [lines[2]]
    table = list(csv.DictReader(io.StringIO(heirloom("evaluate", path, "--format", "csv").stdout)))
    assert len(table) == 382
    asked = heirloom("predict", path, "x.png")
    assert (asked.returncode, asked.stderr.count("\n")) == (2, 1)
    assert "knows no classes" in asked.stderr
    again = heirloom("resume", path, "--quiet")
    assert again.stderr == "already complete\n"


def test_networks_of_ones_own(own: str, tmp_path: Path, heirloom: Heirloom) -> None:
    told = ("--data", "digits", "--set", "task=reconstruct", "--set", "epochs=1", "--set", "train_limit=64")
    for name in ("Same", "Penalised"):
        done = heirloom("train", f"{own}:{name}", *told, "--set", "mean=0.5", "--out", name)
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith("mse@test:center ")
    for name, task, words in (
        ("Flat", "reconstruct", r"does not give an image of its input's shape: \(2, 64\) for \(2, 1, 8, 8\)"),
        ("Later", "reconstruct", r"image of its input's shape: \(64, 1, 1, 8\) for \(64, 1, 8, 8\)"),
        ("Same", "classify", r"score per class: \(2, 1, 8, 8\) for \(2, 10\): .*--set task=reconstruct"),
    ):
        done = heirloom("train", f"{own}:{name}", *told, "--set", f"task={task}", "--out", f"no{name}{task}")
        assert (done.returncode, done.stderr.splitlines()[-1].count("[E-argument]")) == (2, 1)
        assert re.search(words, done.stderr)


def test_a_classifier_is_not_made_to_reconstruct(tmp_path: Path) -> None:
    recipe = dataclasses.replace(QUICK, model="lenet5_relu_max", args="")
    with pytest.raises(HeirloomError, match=r"image of its input's shape: \(2, 10\) for \(2, 1, 32, 32\)"):
        train(recipe, out=tmp_path / "run")


def test_the_task_brings_its_loss() -> None:
    base = Recipe("own.py:Net", "digits")
    assert base.changed(["task=reconstruct"]).loss == "mean_squared"
    assert base.changed(["task=reconstruct"]).changed(["task=classify"]).loss == "mean_squared"  # is both's
    assert base.changed(["loss=map"]).changed(["task=reconstruct"]).loss == "mean_squared"
    for settings_, words in (
        (["task=reconstruct", "loss=map"], "loss=map: task=reconstruct has mean_squared"),
        (["task=reconstruct", "temperature=2"], "temperature=2.0: must be 1 where task=reconstruct"),
        (["task=regress"], "task=regress: known: classify, reconstruct"),
        (["task=reconstrct"], "did you mean 'reconstruct'"),
    ):
        with pytest.raises(HeirloomError, match=words) as caught:
            base.changed(settings_)
        assert caught.value.code == "E-recipe"


def test_the_general_recipe_of_a_network_without_classes() -> None:
    name, recipe = find_recipe("autoencoder_conv", "fashion_mnist")
    assert (name, recipe.task, recipe.loss) == (
        "autoencoder_conv_fashion_mnist",
        "reconstruct",
        "mean_squared",
    )
    assert find_recipe("lenet5", "fashion_mnist")[1].task == "classify"


def test_a_damaged_table_of_errors_is_named(run: Path, tmp_path: Path) -> None:
    path = shutil.copytree(run, tmp_path / "copy")
    for text in ("index,label\n0,1\n", "index,label,error\n0,1,much\n", "index,label,error\n9999,1,0.5\n"):
        (path / "evaluations" / "test-center.csv").write_text(text)
        with pytest.raises(HeirloomError, match=r"test-center.csv.*E-run"):
            report(path)


def test_its_reconstructions_are_drawn(run: Path, tmp_path: Path) -> None:
    """Each error anew, from the images and what the network makes of them; equal bytes twice."""
    files = [draw("reconstructions", run, tmp_path / f"{name}.svg") for name in "ab"]
    assert files[0].read_bytes() == files[1].read_bytes()
    told = json.loads((tmp_path / "a.json").read_text())["examples"]
    assert [len(told[group]) for group in ("Best", "Median", "Worst")] == [EACH] * 3
    loaded, images = load_model(run), load_data("digits").split("test").images
    for example in (example for examples in told.values() for example in examples):
        x = loaded.card.preprocess.fit(images[[example["index"]]]).float() / 255
        with torch.no_grad():
            wanted = float((loaded.model(x) - x).square().mean())
        assert math.isclose(example["error"], wanted, rel_tol=1e-4)
        assert f"{example['error']:#.3g}" in files[0].read_text()
    ranked = [example["error"] for example in told["Best"]]
    assert ranked == sorted(ranked)
    with pytest.raises(HeirloomError, match="is no run"):
        draw("reconstructions", "autoencoder", tmp_path / "c.svg")
