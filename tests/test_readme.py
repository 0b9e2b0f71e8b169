"""The README says what happens: its commands and its Python are run, and what it shows is what they print."""

import csv
import re
import shlex
import statistics
from pathlib import Path

import pytest
import their_networks
import torch
from conftest import Heirloom
from PIL import Image

import heirloom as package
from heirloom.data.preprocessing import Preprocess
from heirloom.models import create_model
from heirloom.recipes import published_result
from heirloom.weights import Card, save_model

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", TEXT, re.DOTALL)
SHOWN = [
    (block.split("\n", 1)[0][2:], block.split("\n", 1)[1])
    for kind, block in BLOCKS
    if kind == "console" and block.count("$ ") == 1 and block.startswith("$ heirloom")
]


def test_blocks_were_found() -> None:
    assert len(SHOWN) >= 3
    assert [kind for kind, _ in BLOCKS].count("python") == 1
    assert sum(block.startswith("$ make") for _, block in BLOCKS) == 2


@pytest.mark.parametrize(("command", "output"), SHOWN, ids=[command for command, _ in SHOWN])
def test_commands_print_what_the_readme_shows(heirloom: Heirloom, command: str, output: str) -> None:
    done = heirloom(*shlex.split(command)[1:])
    assert done.stdout.strip() == output.strip()


def test_the_training_commands_work(heirloom: Heirloom, finished_run: Path, tmp_path: Path) -> None:
    """Word by word, but for fewer epochs and seeds."""
    (commands,) = [block for kind, block in BLOCKS if "$ heirloom resume" in block]
    (tmp_path / "my-digits").mkdir()
    Image.new("L", (8, 8)).save(tmp_path / "my-digits" / "one.png")
    for line in commands.splitlines():
        words = shlex.split(line)[2:]
        words = ["epochs=1" if word.startswith("epochs=") else "2" if word == "5" else word for word in words]
        done = heirloom(*words)
        assert done.returncode == 0, (line, done.stderr)


def test_learning_from_photographs_works(heirloom: Heirloom, tmp_path: Path) -> None:
    (commands,) = [block for kind, block in BLOCKS if "$ heirloom doctor" in block]
    for number in range(120):
        folder = tmp_path / "photos" / "ab"[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        Image.new("L", (40, 40), number * 2).save(folder / f"{number}.png")
    network = create_model("squeezenet1_0")
    preprocess = Preprocess(network.input_size, 256, (0.5,) * 3, (1.0,) * 3, "crop")
    card = Card("squeezenet1_0", {}, tuple(map(str, range(1000))), preprocess)
    save_model(tmp_path / "squeezenet.safetensors", network, card)
    for command in commands.replace("$ heirloom ", "").splitlines():
        words = shlex.split(command)
        more = ["--quiet", "--set", "epochs=1"] if words[0] == "train" else []
        done = heirloom(*words, *more)
        assert done.returncode == 0, done.stderr


def test_the_import_works(heirloom: Heirloom, tmp_path: Path) -> None:
    """With a file of torchvision's names, random numbers in it."""
    (commands,) = [block for kind, block in BLOCKS if "$ heirloom import" in block]
    torch.save(their_networks.resnet("resnet50").state_dict(), tmp_path / "resnet50.pth")
    (tmp_path / "my-photographs").mkdir()
    Image.new("RGB", (300, 200)).save(tmp_path / "my-photographs" / "one.jpg")
    for line in commands.splitlines():
        done = heirloom(*shlex.split(line)[2:])
        assert done.returncode == 0, (line, done.stderr)
    assert done.stdout.count("one.jpg") == 5


def test_the_python_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (code,) = [block for kind, block in BLOCKS if kind == "python"]
    exec(compile(code, "README.md", "exec"), {})
    lines = capsys.readouterr().out.splitlines()
    promised = re.findall(r"print\(.*\)  # (.*)", code)
    assert lines[: len(promised)] == promised
    assert lines[-1].startswith("top1@test:center ")


def check_errors(text: str, lines: list[dict[str, str]]) -> None:
    """Each row of the table of classifiers on MNIST against their runs and the recipe's published figure."""
    rows = re.findall(r"^\| `(\w+)` \| .* \| (.*) \| \*?\*?([\d.]+) %\*?\*? \| (\d+) \|$", text, re.MULTILINE)
    known = {line["recipe"] for line in lines if line["data"] == "mnist" and line["accuracy"]}
    assert sorted(name for name, *_ in rows) == sorted(known)
    for name, printed, ours, seeds in rows:
        runs = [line for line in lines if line["recipe"] == name]
        wrong = sum(int(run["n"]) - int(run["correct"]) for run in runs)
        assert len(runs) == int(seeds)
        assert f"{100 * wrong / sum(int(run['n']) for run in runs):.2f}" == ours
        found = published_result(name)
        assert printed == (f"{100 * (1 - found.value):.2f} %" if found else "·")


def check_reconstructions(text: str, lines: list[dict[str, str]]) -> None:
    """Each row of the table of autoencoders on MNIST against their runs and the principal components."""
    number = r"\*?\*?(0\.\d{4}|·)\*?\*?"
    rows = re.findall(rf"^\| `(\w+)` \| .* \| {number} \| {number} \| (\d+) \|$", text, re.MULTILINE)
    known = {line["recipe"] for line in lines if line["data"] == "mnist" and line["error"]}
    assert sorted(name for name, *_ in rows) == sorted(known)
    components = {line["recipe"]: line["error"] for line in read_csv(ROOT / "accept" / "pca.csv")}
    for name, ours, theirs, seeds in rows:
        errors = [float(line["error"]) for line in lines if line["recipe"] == name]
        assert len(errors) == int(seeds)
        assert ours == f"{statistics.mean(errors):.4f}"
        assert theirs == (f"{float(components[name]):.4f}" if components[name] else "·")


def read_csv(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


def test_the_errors_are_those_of_the_runs() -> None:
    lines = read_csv(ROOT / "RESULTS.csv")
    check_errors(TEXT, lines)
    check_reconstructions(TEXT, lines)


def test_the_tables_of_errors_are_held_to_the_runs() -> None:
    """By runs that nobody trained: each kind in its own table, none left out, and no number but the mean."""
    read = {"data": "mnist", "n": "1000", "correct": "", "accuracy": "", "error": ""}
    lines = [
        read | {"recipe": "mlp_mnist", "correct": "980", "accuracy": "0.98"},
        read | {"recipe": "mlp_mnist", "correct": "970", "accuracy": "0.97"},
        read | {"recipe": "autoencoder_mnist", "error": "0.0120"},
        read | {"recipe": "autoencoder_mnist", "error": "0.0126"},
        read | {"recipe": "autoencoder_sparse_mnist", "error": "0.0050"},
        read | {"recipe": "autoencoder_digits", "error": "0.0090", "data": "digits"},
        read | {"recipe": "gru_digits", "correct": "990", "accuracy": "0.99", "data": "digits"},
    ]
    found = published_result("mlp_mnist")
    printed = f"{100 * (1 - found.value):.2f} %" if found else "·"
    first = f"| `mlp_mnist` | of pixels | {printed} | 2.50 % | 2 |\n"
    second = (
        "| `autoencoder_mnist` | through 30 numbers | 0.0123 | 0.0177 | 2 |\n"
        "| `autoencoder_sparse_mnist` | rarely on | 0.0050 | · | 1 |\n"
    )
    check_errors(first + second, lines)
    check_reconstructions(first + second, lines)
    for wrong in ("", first.replace("2.50", "2.51"), first.replace("| 2 |", "| 3 |"), first * 2):
        with pytest.raises(AssertionError):
            check_errors(wrong + second, lines)
    for old, wrong in (("0.0123", "0.0124"), ("0.0177", "0.0178"), ("| 2 |", "| 1 |"), ("·", "0.0177")):
        with pytest.raises(AssertionError):
            check_reconstructions(first + second.replace(old, wrong), lines)
    with pytest.raises(AssertionError):
        check_reconstructions(first, lines)


def test_every_network_is_in_the_table() -> None:
    table = TEXT.partition("| published | networks |")[2].partition("\n\n")[0]
    assert re.findall(r"`(\w+)`", table) == package.list_models()
    assert f", {len(package.list_models())} of them" in TEXT


def test_links_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^)]+)\)", TEXT)
    assert len(links) > 8
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_versions_agree() -> None:
    top = re.search(r"^## ([\d.]+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert top is not None
    assert top[1] == package.__version__
