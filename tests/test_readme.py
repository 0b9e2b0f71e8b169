"""The README says what happens: its commands and its Python are run, and what it shows is what they print."""

import csv
import re
import shlex
from pathlib import Path

import pytest
import their_networks
import torch
from conftest import Heirloom
from PIL import Image

import heirloom as package
from heirloom.recipes import published_result

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


def test_the_errors_are_those_of_the_runs() -> None:
    """Each row of the table against RESULTS.csv and the recipe's published figure."""
    lines = list(csv.DictReader((ROOT / "RESULTS.csv").read_text(encoding="utf-8").splitlines()))
    rows = re.findall(r"^\| `(\w+)` \| .* \| (.*) \| \*?\*?([\d.]+) %\*?\*? \| (\d+) \|$", TEXT, re.MULTILINE)
    assert {name for name, *_ in rows} == {line["recipe"] for line in lines if line["data"] == "mnist"}
    for name, printed, ours, seeds in rows:
        runs = [line for line in lines if line["recipe"] == name]
        wrong = sum(int(run["n"]) - int(run["correct"]) for run in runs)
        assert len(runs) == int(seeds)
        assert f"{100 * wrong / sum(int(run['n']) for run in runs):.2f}" == ours
        found = published_result(name)
        assert printed == (f"{100 * (1 - found.value):.2f} %" if found else "·")


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
