"""The command line as a user meets it: output, streams, statuses, one line per error."""

import contextlib
import csv
import io
import json
import os
import pty
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Heirloom
from PIL import Image

import heirloom as package
from heirloom import job, training
from heirloom.data import load_data
from heirloom.data.preprocessing import Preprocess
from heirloom.recipes import RECIPES
from heirloom.weights import Card, load_model, save_model

SMALL = ["--set", "epochs=1", "--set", "train_limit=128", "--threads", "1"]


def test_version_and_list(heirloom: Heirloom) -> None:
    assert heirloom("--version").stdout == f"heirloom {package.__version__}\n"
    listed = heirloom("list").stdout.splitlines()
    assert [line.split()[0] for line in listed] == package.list_models()
    assert all(len(line.split(maxsplit=1)[1]) > 20 for line in listed)
    assert [line.split()[0] for line in heirloom("list", "lenet5_relu*").stdout.splitlines()] == [
        "lenet5_relu_max", "lenet5_relu_avg"
    ]  # fmt: skip
    assert heirloom("list", "--recipes", "lenet5_relu_max_*").stdout == (
        "mnist\n"
        "  lenet5_relu_max_mnist    LeNet-5 with rectified units and maximum pooling on MNIST, "
        "as fast as it goes to 99 %.\n\n"
        "cifar10\n"
        "  lenet5_relu_max_cifar10  LeNet-5 with rectified units and maximum pooling on CIFAR-10, "
        "in two to three minutes.\n"
    )
    named = [line.split()[0] for line in heirloom("list", "--recipes").stdout.splitlines() if line[:1] == " "]
    assert sorted(named) == sorted(RECIPES)


def test_help_names_every_command(heirloom: Heirloom) -> None:
    text = heirloom("--help").stdout
    for command in (
        "list",
        "summary",
        "diff",
        "audit",
        "explain",
        "train",
        "resume",
        "report",
        "evaluate",
        "predict",
    ):
        assert f" {command} " in text
    assert heirloom().returncode == 2


def test_summary_in_every_form(heirloom: Heirloom) -> None:
    text = heirloom("summary", "lenet5")
    assert text.stderr == ""
    assert "60,000 parameters, 340,908 connections" in text.stdout.splitlines()[0]
    data = json.loads(heirloom("summary", "lenet5", "--format", "json", "--convention", "macs").stdout)
    assert (data["convention"], data["totals"]["macs"]) == ("macs", 326_520)
    rows = list(csv.DictReader(io.StringIO(heirloom("summary", "lenet5", "--format", "csv").stdout)))
    assert {r["layer"]: r["parameters"] for r in rows}["c3"] == "1516"
    assert heirloom("summary", "lenet5", "--format", "markdown").stdout.count("\n| ") > 15
    assert r"\begin{tabular}" in heirloom("summary", "lenet5", "--format", "latex").stdout
    colour = heirloom("summary", "lenet5_softmax", "--arg", "in_chans=3", "--format", "json").stdout
    assert json.loads(colour)["totals"]["parameters"] == 62_006


def test_a_network_of_ones_own(heirloom: Heirloom, tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(
        "import torch\nfrom torch import nn\n"
        "class Net(nn.Module):\n"
        "    def __init__(self, width=4):\n"
        "        super().__init__()\n        self.conv = nn.Conv2d(1, width, 3)\n"
        "    def forward(self, x):\n        return torch.fft.fft2(self.conv(x)).real\n"
        "class Fine(Net):\n    input_size = (1, 8, 8)\n"
        "    def forward(self, x):\n        return self.conv(x).relu().mean((2, 3))\n"
    )
    assert "40 parameters" in heirloom("summary", "own.py:Fine").stdout
    assert "80 parameters" in heirloom("summary", "own.py:Fine", "--arg", "width=8").stdout
    assert "80 parameters" in heirloom("summary", "own:Fine", "--arg", "width=8").stdout
    unknown = heirloom("summary", "own.py:Net")
    assert (unknown.returncode, "--input-size" in unknown.stderr) == (2, True)
    uncounted = heirloom("summary", "own.py:Net", "--input-size", "1,8,8")
    assert uncounted.returncode == 2
    assert "no rule counts aten._fft" in uncounted.stderr
    bound = heirloom("summary", "own.py:Net", "--input-size", "1,8,8", "--lower-bound")
    assert "≥" in bound.stdout.splitlines()[0]


def test_audit_explain_and_diff(heirloom: Heirloom) -> None:
    audit = heirloom("audit")
    assert audit.returncode == 0
    assert ", 0 wrong" in audit.stdout.splitlines()[0]
    assert "contradicts" in audit.stdout
    assert heirloom("audit", "lenet55").returncode == 2
    found = heirloom("explain", "340,918")
    assert "lenet5_gaussian" in found.stdout
    assert heirloom("explain", "999,983").returncode == 1
    assert heirloom("explain", "seven").returncode == 2
    rows = json.loads(heirloom("diff", "lenet5", "lenet5_gaussian", "--format", "json").stdout)
    total = next(row for row in rows if (row["layer"], row["what"]) == ("total", "parameters"))
    assert (total["lenet5"], total["lenet5_gaussian"]) == ("60,000", "60,850")
    assert total["first_source"] == "LeCun et al. 1998, section II.B: only 60,000 trainable free parameters"
    assert total["second_source"].startswith("lecture deck 001")
    same = heirloom("diff", "lenet5", "lenet5", "--arg", "in_chans=3")
    assert same.stdout.startswith("lenet5 in_chans=3 and lenet5 in_chans=3 (2): 0 differences")
    sides = ("--first-arg", "in_chans=2", "--second-arg", "in_chans=3", "--format", "csv")
    lines = list(csv.DictReader(io.StringIO(heirloom("diff", "lenet5", "lenet5", *sides).stdout)))
    found = {(line["layer"], line["what"]): line for line in lines}["c1", "parameters"]
    assert (found["lenet5 in_chans=2"], found["lenet5 in_chans=3"]) == (str(6 * 51), str(6 * 76))


def test_books_of_other_kinds(heirloom: Heirloom) -> None:
    assert "multiply-adds" in heirloom("summary", "lenet5", "--shares").stdout
    data = json.loads(heirloom("summary", "lenet5", "--memory", "8", "--format", "json").stdout)
    assert (data["batch"], data["optimizer_bytes"]["adam"]) == (8, 480_000)
    both = heirloom("summary", "lenet5", "--memory", "8", "--shares")
    assert (both.returncode, "each is a table of its own" in both.stderr) == (2, True)
    assert len(heirloom("summary", "lenet5", "--depth", "1").stdout.splitlines()) > 15


def test_training_evaluating_and_predicting(heirloom: Heirloom, tmp_path: Path) -> None:
    done = heirloom("train", "lenet5_relu_max", "--data", "digits", *SMALL)
    assert done.returncode == 0, done.stderr
    accuracy, report, run = done.stdout.splitlines()
    assert accuracy.startswith("top1@test:center ")
    assert report == "report: runs/lenet5_relu_max_digits-001/report.html"
    assert run == "run: runs/lenet5_relu_max_digits-001"
    assert "\x1b" not in done.stderr
    assert "\r" not in done.stderr
    assert "epoch 1/1  loss" in done.stderr
    assert heirloom("evaluate", run[5:]).stdout.splitlines()[0] == accuracy
    assert heirloom("report", run[5:]).stdout.strip() == report[8:]
    again = heirloom("resume", run[5:], "--quiet")
    assert again.stderr == "already complete\n"
    assert again.stdout == done.stdout
    second = heirloom("train", "lenet5_relu_max", "--data", "digits", *SMALL, "--quiet")
    assert second.stdout.splitlines()[-1] == "run: runs/lenet5_relu_max_digits-002"
    assert second.stderr == ""
    # A recipe of a run can be given back, and gives the same bytes.
    third = heirloom("train", f"{run[5:]}/recipe.json", "--out", "again", "--threads", "1", "--quiet")
    assert third.returncode == 0, third.stderr
    weights = [tmp_path / p / "model.safetensors" for p in (run[5:], "again")]
    assert weights[0].read_bytes() == weights[1].read_bytes()
    # Images: a good one, a bad one, one on stdin, a list.
    image = Image.fromarray(load_data("digits").split("test").images[0, 0].numpy())
    image.save(tmp_path / "-odd name.png")
    (tmp_path / "bad.png").write_text("nothing")
    (tmp_path / "list.txt").write_text("-odd name.png\nbad.png\n")
    found = heirloom("predict", run[5:], "--files-from", "list.txt", "--top", "3")
    assert found.returncode == 3
    rows = list(csv.DictReader(io.StringIO(found.stdout)))
    assert list(rows[0]) == ["path", "rank", "class", "index", "score", "probability", "error"]
    assert [(r["path"], r["rank"]) for r in rows] == [("-odd name.png", str(i)) for i in (1, 2, 3)] + [
        ("bad.png", "")
    ]
    assert "not an image" in rows[-1]["error"]
    piped = subprocess.run(
        [sys.executable, "-m", "heirloom", "predict", run[5:], "-", "--top", "3"],
        cwd=tmp_path, input=(tmp_path / "-odd name.png").read_bytes(), capture_output=True, check=True,
    )  # fmt: skip
    answers = [line.split(",")[1:] for line in piped.stdout.decode().splitlines()[1:]]
    assert answers == [line.split(",")[1:] for line in found.stdout.splitlines()[1:4]]


def test_proving_a_run(
    heirloom: Heirloom, tmp_path: Path, finished_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = shutil.copytree(finished_run, tmp_path / "run")
    proved = heirloom("resume", "run", "--prove", "--quiet")
    assert proved.returncode == 0
    assert proved.stdout.splitlines()[-2:] == [
        "proof: model.safetensors is the same without a break",
        "run: run",
    ]
    assert run.is_dir()
    monkeypatch.setattr(job, "mix", lambda *words: sum(words))  # another chance than the run had
    refuted = heirloom("resume", "run", "--prove", "--quiet")
    assert refuted.returncode == 1
    assert "proof: model.safetensors differs without a break" in refuted.stdout


def test_several_seeds(heirloom: Heirloom) -> None:
    done = heirloom(
        "train", "lenet5_relu_max", "--data", "digits", *SMALL, "--seeds", 2, "--out", "both", "--quiet"
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line for line in lines if line.startswith("run: ")] == ["run: both/seed-0", "run: both/seed-1"]
    assert lines[-1] == "run: both/seed-1"
    (mean,) = [line for line in lines if line.startswith("mean ")]
    accuracies = [float(line.split()[1]) for line in lines if line.startswith("top1@")]
    assert mean.split()[1] == f"{sum(accuracies) / 2:.2f}"
    assert mean.endswith("2 seeds")


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["trian"], 2, "Did you mean 'train'"),
        (["train"], 2, "RECIPE|MODEL"),
        (["train", "lenet6", "--data", "digits"], 2, "did you mean 'lenet5'"),
        (["train", "lenet5", "--dta", "digits"], 2, "--data"),
        (["train", "lenet5"], 2, "which data"),
        (["train", "lenet5", "--data", "digts"], 2, "did you mean 'digits'"),
        (["train", "lenet5", "--data", "digits", "--set", "epoch=3"], 2, "did you mean 'epochs'"),
        (["train", "lenet5", "--data", "digits", "--set", "lr=-1"], 2, "above 0"),
        (["train", "lenet5", "--data", "digits", "--device", "cuda:7"], 5, "no device"),
        (["train", "lenet5", "--data", "digits", "--out", "full"], 2, "is not an empty folder"),
        (["train", "lenet5", "--data", "digits", "--out", "full/file/run"], 5, "not a directory"),
        (["train", "lenet5", "--data", "digits", "--weights", "full/file"], 4, "cannot read the weights"),
        (
            [
                "train",
                "lenet5_relu_max",
                "--data",
                "digits",
                "--set",
                "optimizer=sgd",
                "--set",
                "lr=1e20",
                "--quiet",
            ],
            6,
            "the loss is",
        ),
        (["summary", "lenet"], 2, "did you mean 'lenet"),
        (["summary", "lenet5", "--format", "pdf"], 2, "pdf"),
        (["summary", "lenet5", "--input-size", "1,28,28"], 2, "takes (B, 1, 32, 32)"),
        (["summary", "lenet5", "--input-size", "big"], 2, "C,H,W"),
        (["summary", "lenet5", "--arg", "num_classes=11"], 2, "lenet5 has no 11 classes"),
        (["train", "resnet20", "--data", "digits", "--arg", "shortcut=D"], 2, "shortcut is 'D'"),
        (["train", "resnet20", "--data", "digits", "--arg", "shortcut"], 2, "an argument is name=value"),
        (["summary", "lenet5", "--arg", "towers=2"], 2, "unexpected keyword argument 'towers'"),
        (["summary", "missing.py:Net"], 2, "no file missing.py"),
        (["resume", "nowhere"], 4, "is not a run"),
        (["evaluate", "nowhere"], 4, "no such file"),
        (["predict", "nowhere", "a.png"], 4, "no such file"),
        (["predict", "nowhere"], 2, "no images"),
        (["list", "inception_v9*"], 2, "nothing matches"),
    ],
)
def test_errors_are_one_line_with_the_right_status(
    heirloom: Heirloom, tmp_path: Path, arguments: list[str], status: int, words: str
) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("x")
    done = heirloom(*arguments)
    assert done.returncode == status, done.stderr
    assert done.stdout == ""
    (line,) = [text for text in done.stderr.splitlines() if text.startswith("heirloom: ")]
    assert words in line
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 1
    if arguments[0] == "train" and status != 6:
        assert not (tmp_path / "runs").exists()


def test_debug_shows_where_an_error_comes_from(process: Heirloom) -> None:
    done = process("resume", "nowhere", "--debug")
    assert "Traceback" in done.stderr
    assert "E-run" in done.stderr


def test_a_reader_that_leaves_and_a_terminal_without_unicode(process: Heirloom, tmp_path: Path) -> None:
    command = f"{sys.executable} -m heirloom summary lenet5 | head -1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, cwd=tmp_path, check=True)
    assert done.stdout.startswith("lenet5, input")
    assert done.stderr == ""
    plain = process("summary", "lenet5", PYTHONIOENCODING="ascii", LANG="C")
    assert plain.returncode == 0
    assert "340,908" in plain.stdout


def test_a_terminal_gets_a_bar(tmp_path: Path) -> None:
    main, side = pty.openpty()
    command = [
        sys.executable,
        "-m",
        "heirloom",
        "train",
        "lenet5_relu_max",
        "--data",
        "digits",
        *SMALL,
        "--out",
        "run",
    ]
    process = subprocess.Popen(
        command,
        cwd=tmp_path,
        stdin=side,
        stdout=side,
        stderr=side,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "120"},
    )
    os.close(side)
    shown = b""
    while True:
        try:
            part = os.read(main, 4096)
        except OSError:
            break
        if not part:
            break
        shown += part
    os.close(main)
    assert process.wait(60) == 0
    text = shown.decode()
    assert "\x1b[" in text
    assert "epoch 1/1" in text
    assert "images/s" in text
    assert text.splitlines()[-1].strip() == "run: run"


def test_no_file_decides_which_code_runs(heirloom: Heirloom, tmp_path: Path) -> None:
    """Weights, runs and recipes that name code of one's own need the user's word for it."""
    (tmp_path / "own.py").write_text(
        "from pathlib import Path\nfrom torch import nn\nPath('ran').touch()\n"
        "class Net(nn.Sequential):\n"
        "    input_size = (1, 8, 8)\n"
        "    def __init__(self): super().__init__(nn.Flatten(), nn.Linear(64, 10))\n"
    )
    Image.new("L", (8, 8)).save(tmp_path / "a.png")
    trained = heirloom("train", "own.py:Net", "--data", "digits", *SMALL, "--out", "run", "--quiet")
    assert trained.returncode == 0, trained.stderr
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "own.py").rename(tmp_path / "elsewhere" / "own.py")
    shutil.copy(tmp_path / "run" / "model.safetensors", tmp_path / "alone.safetensors")
    card = Card("subprocess:Popen", {"args": ["touch", "ran"]}, tuple("0123456789"), Preprocess((1, 8, 8)))
    save_model(
        tmp_path / "evil.safetensors",
        load_model(tmp_path / "run", str(tmp_path / "elsewhere/own.py:Net")).model,
        card,
    )
    (tmp_path / "ran").unlink()
    commands = [
        ["resume", "run"], ["report", "run"], ["evaluate", "run"], ["predict", "alone.safetensors", "a.png"],
        ["predict", "evil.safetensors", "a.png"], ["train", "run/recipe.json"],
        ["evaluate", "evil.safetensors", "--data", "digits"],
    ]  # fmt: skip
    for command in commands:
        refused = heirloom(*command)
        assert refused.returncode == 2, command
        assert "must not decide which code runs" in refused.stderr
        assert not (tmp_path / "ran").exists()
    for command in commands[:4]:
        allowed = heirloom(*command, "--model", "elsewhere/own.py:Net")
        assert allowed.returncode == 0, allowed.stderr
    assert heirloom("evaluate", "run", "--model", "elsewhere/own.py:Other").returncode == 4
    again = heirloom("train", "run/recipe.json", "--set", "model=elsewhere/own.py:Net", "--out", "again",
                     "--threads", "1", "--quiet")  # fmt: skip
    assert again.returncode == 0, again.stderr
    weights = [(tmp_path / run / "model.safetensors").read_bytes() for run in ("run", "again")]
    assert weights[0] == weights[1]  # where the code lies makes no difference


def test_an_evaluation_does_not_outlive_its_weights(heirloom: Heirloom, tmp_path: Path) -> None:
    """A run that is taken up again from an older checkpoint, with other threads, is evaluated again."""
    assert heirloom("train", "lenet5_relu_max", "--data", "digits", *SMALL, "--out", "run",
                    "--checkpoint-every", "1", "--quiet").returncode == 0  # fmt: skip
    scores = tmp_path / "run" / "evaluations" / "test-center.csv"
    scores.write_text(scores.read_text() + "stale")
    newest = max((tmp_path / "run" / "checkpoints").iterdir())
    (newest / "model.safetensors").write_bytes(b"")
    assert heirloom("resume", "run", "--quiet").returncode == 0
    assert "stale" not in scores.read_text()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_after_training_says_how_to_go_on(
    heirloom: Heirloom, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    def slow(*arguments: object, **options: object) -> None:
        os.kill(os.getpid(), number)
        time.sleep(20)

    with monkeypatch.context() as patch:
        patch.setattr("heirloom.evaluation.evaluate", slow)
        stopped = heirloom("train", "lenet5_relu_max", "--data", "digits", *SMALL, "--out", "run", "--quiet")
    assert stopped.returncode == 128 + number
    assert stopped.stderr == "stopped at step 2; go on with: heirloom resume run\n"
    done = heirloom("resume", "run", "--quiet")
    assert done.returncode == 0
    assert (tmp_path / "run" / "report.html").is_file()


@pytest.mark.parametrize("moment", ["forward", "construction", "last event"])
def test_no_handler_takes_a_signal_for_an_error(
    heirloom: Heirloom, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """Wherever it comes after training, also in code of one's own; and the line works as it stands."""
    (tmp_path / "own.py").write_text(
        "import os\nfrom pathlib import Path\nfrom torch import nn\n"
        "def strike(place):\n"
        "    if Path(place).exists() and Path('a run/model.safetensors').exists():\n"
        "        os.remove(place)\n"
        "        os.kill(os.getpid(), 15)\n"
        "class Net(nn.Sequential):\n"
        "    input_size = (1, 8, 8)\n"
        "    def __init__(self):\n"
        "        strike('construction')\n"
        "        super().__init__(nn.Flatten(), nn.Linear(64, 10))\n"
        "    def forward(self, x):\n"
        "        if x.is_meta: strike('forward')\n"
        "        return super().forward(x)\n"
    )
    (tmp_path / moment).touch()
    if moment == "last event":
        release = training.Run.lock

        @contextlib.contextmanager
        def striking(run: training.Run) -> Iterator[None]:
            with release(run):
                yield
            os.kill(os.getpid(), signal.SIGTERM)

        monkeypatch.setattr(training.Run, "lock", striking)
    stopped = heirloom("train", "own.py:Net", "--data", "digits", *SMALL, "--out", "a run", "--quiet")
    assert stopped.returncode == 143, stopped.stderr
    (line,) = stopped.stderr.splitlines()
    again = line.partition("go on with: heirloom ")[2]
    assert again == "resume 'a run' --model own.py:Net"
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    assert heirloom(*shlex.split(again), "--quiet").returncode == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_before_the_first_step(heirloom: Heirloom, tmp_path: Path, number: signal.Signals) -> None:
    """While images are looked at or the network is built: a line, and nothing is begun."""
    (tmp_path / "own.py").write_text(
        "import os\nfrom pathlib import Path\nfrom torch import nn\n"
        "class Net(nn.Sequential):\n"
        "    input_size = (1, 8, 8)\n"
        "    def __init__(self):\n"
        f"        if Path('now').exists(): os.kill(os.getpid(), {int(number)})\n"
        "        super().__init__(nn.Flatten(), nn.Linear(64, 10))\n"
    )
    (tmp_path / "now").touch()
    train = ("train", "own.py:Net", "--data", "digits", *SMALL, "--out", "run", "--quiet")
    stopped = heirloom(*train)
    line = "stopped before the first step; no run was begun, images already decoded are kept\n"
    assert (stopped.returncode, stopped.stdout, stopped.stderr) == (128 + number, "", line)
    assert not (tmp_path / "run").exists()
    (tmp_path / "now").unlink()
    assert heirloom(*train).returncode == 0
    (tmp_path / "now").touch()
    stopped = heirloom("resume", "run", "--model", "own.py:Net", "--quiet")
    line = "stopped before the first step; go on with: heirloom resume run --model own.py:Net\n"
    assert (stopped.returncode, stopped.stdout, stopped.stderr) == (128 + number, "", line)


def test_every_command_says_that_it_was_interrupted(heirloom: Heirloom, tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(
        "import os\nfrom torch import nn\n"
        "class Net(nn.Linear):\n"
        "    def __init__(self):\n"
        "        os.kill(os.getpid(), 2)\n"
    )
    stopped = heirloom("summary", "own.py:Net", "--input-size", "1,2,2")
    assert (stopped.returncode, stopped.stdout, stopped.stderr) == (130, "", "interrupted\n")


def test_a_place_that_is_taken_is_said_before_images_are_looked_at(
    heirloom: Heirloom, tmp_path: Path, finished_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("heirloom.groundwork.load_data", lambda *_, **__: pytest.fail("it looks at images"))
    (tmp_path / "file").touch()
    for place in (finished_run, tmp_path, "file"):
        done = heirloom("train", "lenet5_relu_max", "--data", "digits", "--out", place)
        assert done.returncode == 2
        assert done.stderr.startswith(f"heirloom: {place} exists: it ")


def test_a_network_is_no_weights_file(heirloom: Heirloom) -> None:
    done = heirloom("evaluate", "lenet5", "--data", "digits")
    assert (done.returncode, done.stdout) == (4, "")
    assert "that is a network without weights: name a run of it, or a weights file" in done.stderr


class _Striking:
    """Interrupts the program while Python makes a class, and turns that into an error of its own."""

    def __set_name__(self, owner: type, name: str) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(20)


def _make_a_class(*arguments: object, **options: object) -> None:
    type("Made", (), {"part": _Striking()})


def test_an_interruption_that_python_takes_for_an_error(
    heirloom: Heirloom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("heirloom.accounting.summary", _make_a_class)
    monkeypatch.setattr("heirloom.training.train", _make_a_class)
    stopped = heirloom("summary", "lenet5")
    assert (stopped.returncode, stopped.stderr) == (130, "interrupted\n")
    stopped = heirloom("train", "lenet5_relu_max", "--data", "digits")
    assert (stopped.returncode, stopped.stderr.partition(";")[0]) == (130, "stopped before the first step")


def _swallow(*arguments: object, **options: object) -> None:
    """As torch does that imports numpy."""
    with contextlib.suppress(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(20)
    raise AttributeError("module 'numpy' has no attribute 'multiply'")


def test_an_interruption_that_a_library_swallows(heirloom: Heirloom, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("heirloom.accounting.summary", _swallow)
    stopped = heirloom("summary", "lenet5")
    assert (stopped.returncode, stopped.stderr) == (130, "interrupted\n")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_names_that_the_system_refuses(heirloom: Heirloom, finished_run: Path) -> None:
    long = "a" * 300
    assert heirloom("evaluate", long).returncode == 4
    assert heirloom("resume", long).returncode == 4
    assert heirloom("predict", finished_run, f"{long}.png").returncode == 3


def test_a_published_network_is_not_another(heirloom: Heirloom, finished_run: Path) -> None:
    assert heirloom("evaluate", finished_run, "--model", "lenet1").returncode == 4
    assert heirloom("evaluate", finished_run, "--model", "lenet5_relu_max").returncode == 0


def test_versions_stay_with_the_weights(heirloom: Heirloom, tmp_path: Path, finished_run: Path) -> None:
    run = shutil.copytree(finished_run, tmp_path / "run")
    versions = (run / "versions.json").read_text()
    assert heirloom("resume", "run", "--threads", "2", "--quiet").returncode == 0
    assert (run / "versions.json").read_text() == versions
    for damaged in ('{"threads": "x", "device": "cpu"}', '{"threads": 0, "device": "cpu"}', "[]", "{"):
        (run / "versions.json").write_text(damaged)
        assert heirloom("resume", "run").returncode == 4


def test_a_changed_recipe_is_not_resumed(heirloom: Heirloom, tmp_path: Path, finished_run: Path) -> None:
    run = shutil.copytree(finished_run, tmp_path / "run")
    recipe = (run / "recipe.json").read_text()
    (run / "recipe.json").write_text(recipe.replace('"batch_size": 64', '"batch_size": 32'))
    before = {p.relative_to(run): p.read_bytes() for p in run.rglob("*") if p.is_file()}
    refused = heirloom("resume", "run", "--threads", "2")
    assert refused.returncode == 4
    assert "batch_size was 64, is 32" in refused.stderr
    assert {p.relative_to(run): p.read_bytes() for p in run.rglob("*") if p.is_file()} == before


def test_reserved_arguments_and_empty_folders(heirloom: Heirloom, tmp_path: Path, finished_run: Path) -> None:
    for name in ("convention", "model", "input_size"):
        assert heirloom("summary", "lenet5", "--arg", f"{name}=1").returncode == 2
    (tmp_path / "empty").mkdir()
    done = heirloom("predict", finished_run, "empty")
    assert done.returncode == 3
    assert "no images in this folder" in done.stdout
    answers = heirloom("predict", finished_run, "empty", "--format", "json").stdout
    assert json.loads(answers)["rank"] is None


def test_streams_that_are_full_closed_or_left(tmp_path: Path) -> None:
    """Exit statuses keep their meaning, and training does not end because nobody reads."""

    def shell(command: str) -> "subprocess.CompletedProcess[str]":
        text = command.replace("heirloom", f"{sys.executable} -m heirloom", 1)
        return subprocess.run(["bash", "-c", text], cwd=tmp_path, capture_output=True, text=True, check=False)

    full = shell("heirloom list > /dev/full")
    assert (full.returncode, full.stderr.count("\n")) == (5, 1)
    assert "no space left on device" in full.stderr
    assert shell("heirloom summary lenet5 >&-").returncode == 0
    assert shell("heirloom predict nowhere - <&-").returncode == 2
    left = shell("heirloom summary lenet5 | true; exit ${PIPESTATUS[0]}")
    assert (left.returncode, left.stderr) == (0, "")
    small = " ".join(SMALL)
    left = shell(
        f"heirloom train lenet5_relu_max --data digits {small} --out run 2>&1 | true; exit ${{PIPESTATUS[0]}}"
    )
    assert left.returncode == 0
    assert (tmp_path / "run" / "report.html").is_file()


def test_damaged_runs(heirloom: Heirloom, tmp_path: Path, finished_run: Path) -> None:
    run = shutil.copytree(finished_run, tmp_path / "run")
    newest = max((run / "checkpoints").iterdir())
    (newest / "optimizer.safetensors").write_bytes(b"")
    (run / "model.safetensors").write_bytes(b"\0" * 100)
    assert heirloom("evaluate", "run").returncode == 4
    shutil.rmtree(run / "checkpoints")
    recipe = (run / "recipe.json").read_text()
    (run / "recipe.json").write_text(recipe[:50])
    assert heirloom("resume", "run").returncode == 4
    (run / "recipe.json").write_text(recipe)
    assert heirloom("resume", "run").returncode == 0
    assert heirloom("evaluate", "run").returncode == 0
    assert (run / "model.safetensors").read_bytes() == (finished_run / "model.safetensors").read_bytes()
