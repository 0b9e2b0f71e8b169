"""The documentation: its blocks run, its made pages say what the networks have, its links lead somewhere."""

import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import pytest
import torch
from PIL import Image
from sessions import BLOCK, RUN, Session, agree, commands, program

import heirloom
from docs.generator import __main__ as generator
from docs.generator import commands as command_page
from docs.generator import faults, networks, python, recipes, sealing
from docs.generator.markdown import consoles, escaped, prose, sections, table
from heirloom.cli import app
from heirloom.errors import STATUS
from heirloom.recipes import RECIPES, find_recipe

ROOT = Path(__file__).parent.parent
WRITTEN = sorted(path for path in (ROOT / "docs").glob("*.md"))


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "src"))
    monkeypatch.delenv("HEIRLOOM_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    program(tmp_path / "bin")
    folder = tmp_path / "reader"
    folder.mkdir()
    monkeypatch.chdir(folder)
    (folder / "photographs").mkdir()
    Image.new("RGB", (300, 200), "teal").save(folder / "photographs" / "street.jpg")
    return Session(folder)


@pytest.mark.parametrize("page", WRITTEN, ids=lambda path: path.stem)
def test_a_page_does_what_it_says(page: Path, session: Session) -> None:
    torch.manual_seed(0)
    for kind, title, text in BLOCK.findall(page.read_text(encoding="utf-8")):
        if kind in RUN:
            session.block(kind, title, text)


def test_agreement() -> None:
    assert agree("a\n...\nb\n", "a\n1\n2\nb\n")
    assert agree("a\n...\nb\n", "a\nb\n")
    assert agree("acc ... %\n", "acc 98.1 %\n")
    assert agree("", "")
    assert not agree("", "a\n")
    assert not agree("a ... c\n", "a\nb c\n")
    assert not agree("a\n...\n", "b\n")
    assert list(commands("$ x\n1\n2\n$ y\n")) == [("x", "1\n2\n"), ("y", "")]


def test_every_block_is_run_or_says_that_it_is_text() -> None:
    kinds = [kind for page in WRITTEN for kind, _, _ in BLOCK.findall(page.read_text(encoding="utf-8"))]
    assert set(kinds) <= {*RUN, "text"}
    assert kinds.count("console") > 30
    fences = sum(page.read_text(encoding="utf-8").count("\n```") for page in WRITTEN)
    assert fences == 2 * len(kinds)


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    """Every page of the site, made once."""
    return dict(generator.pages())


def test_every_network_has_a_page_with_its_numbers(pages: dict[str, str]) -> None:
    """The oracle: printed numbers of the papers, and of torchvision and Keras."""
    for name in heirloom.list_models():
        assert f'heirloom.create_model("{name}")' in pages[f"networks/{name}.md"]
        assert f"[`{name}`]({name}.md)" in pages["networks/index.md"]
    for name, numbers in {
        "lenet5": ("60,000", "340,908", "1,516", "151,600"),
        "alexnet": ("60,965,224", "37,752,832", "724,406,816"),
        "alexnet_owt": ("61,100,840",),
        "vgg16": ("138,357,544", "102,764,544"),
        "resnet50": ("25,557,032", "2,049,000"),
    }.items():
        assert [number for number in numbers if number not in pages[f"networks/{name}.md"]] == []


def test_pages_have_sources_departures_claims_and_results(pages: dict[str, str]) -> None:
    lenet5 = pages["networks/lenet5.md"]
    assert "**Source.** LeCun, Bottou, Bengio, Haffner 1998" in lenet5
    assert "**What we had to decide.** The 7 x 12 codes are a public transcription" in lenet5
    units = "| total | units | 650,000 | 932,264 | contradicts | Krizhevsky et al. 2012, abstract"
    assert f"{units}: 650,000 neurons<br>*rounded, and" in pages["networks/alexnet.md"]
    assert "## Beside lenet5_gaussian" in lenet5
    assert "[`lenet5_mnist_1998`](../recipes.md#lenet5_mnist_1998)" in lenet5
    assert "| `version` | `v1`, `v1.5` | `v1` |" in pages["networks/resnet50.md"]
    assert "class LeNet5(Chain):" in pages["code/lenet5.md"]


def test_the_python_of_a_networks_page(pages: dict[str, str], session: Session) -> None:
    ((_, _, text),) = [found for found in BLOCK.findall(pages["networks/lenet5.md"]) if found[0] == "python"]
    session.block("python", "", text)


def test_errata_have_every_contradiction_and_no_rounding(pages: dict[str, str]) -> None:
    """The oracle is `heirloom.contradictions`, which finds them in its own way."""
    wrong, _, fewer_digits = pages["errata.md"].partition("## Only rounded")
    assert "**650,000** units; here **932,264**" in wrong
    assert "of `conv1`; here **9,472**" in wrong
    assert "Krizhevsky et al. 2012, abstract |" in fewer_digits
    found = heirloom.contradictions()
    assert len(found) > 20
    assert [c for c in found if escaped(c.why[1:]) not in wrong or escaped(c.printed) not in wrong] == []
    assert any(not c.model for c in found)


def test_recipes_have_results(pages: dict[str, str]) -> None:
    for name in RECIPES:
        assert f"\n## {name}\n" in pages["recipes.md"]
    assert "\n| `task` | `classify`, `reconstruct` | `classify` |\n" in pages["recipes.md"]
    assert (
        "**Reached here.** 98.12 % (5 seeds, standard deviation 0.47)." in pages["recipes.md"]
    )  # RESULTS.md


def invented(recipe: str, *reached: float) -> list[dict[str, str]]:
    """Lines as RESULTS.csv has them, of runs that nobody trained."""
    error = find_recipe(recipe)[1].task == "reconstruct"
    shown = {"metric": f"{'mse' if error else 'top1'}@test:center", "accuracy": "", "error": ""}
    key = "error" if error else "accuracy"
    return [{"recipe": recipe} | shown | {key: str(value)} for value in reached]


def test_results_are_said_by_their_measure(monkeypatch: pytest.MonkeyPatch) -> None:
    """An autoencoder has an error and no accuracy; the standard deviations are worked out by hand."""
    lines = [
        *invented("autoencoder_mnist", 0.012, 0.013, 0.014),
        *invented("autoencoder_digits", 0.009),
        *invented("gru_digits", 0.97, 0.99),
    ]
    monkeypatch.setattr(networks, "results", lambda: lines)
    text = recipes.page()
    assert "**Reached here.** 0.01300 (3 seeds, standard deviation 0.001000)." in text
    assert "**Reached here.** 0.009000 (1 seed)." in text
    assert "**Reached here.** 98.00 % (2 seeds, standard deviation 1.41)." in text
    assert "| 0.01300 (3 seeds, standard deviation 0.001000) |" in networks.page("autoencoder")


def test_published_results_are_said_by_their_measure(pages: dict[str, str]) -> None:
    """3.00 for an image of 784 pixels is 0.003827 for a pixel; LeNet-5's error of 0.95 % an accuracy."""
    assert "**Published.** 0.003827: Hinton, Salakhutdinov 2006" in pages["recipes.md"]
    assert "| 0.003827 (second hand) |" in pages["networks/autoencoder.md"]
    assert "**Published.** 99.05 %: LeCun" in pages["recipes.md"]
    assert "| 99.05 %" in pages["networks/lenet5.md"]


def test_the_reference_is_complete(pages: dict[str, str], heirloom_help: str) -> None:
    names = [name for name, _ in command_page._commands()]
    assert len(names) == len(app.registered_commands)
    for name in names:
        assert f"\n## heirloom {name}\n" in pages["reference/commands.md"]
    for name in heirloom.__all__:
        assert f"\n### {name}\n" in pages["reference/python.md"]
    assert "<code>--convention lecun&#124;macs&#124;flops</code>" in pages["reference/commands.md"]
    summary = pages["reference/commands.md"].partition("## heirloom summary")[2].partition("\n## ")[0]
    options = set(re.findall(r"--[a-z-]+", heirloom_help)) - {"--help"}
    assert options == set(re.findall(r"[`>](--[a-z-]+)", summary))


@pytest.fixture
def heirloom_help() -> str:
    """What the command itself says of its options."""
    command = [sys.executable, "-m", "heirloom", "summary", "--help"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_the_codes_are_those_of_the_program(pages: dict[str, str]) -> None:
    assert set(faults.CODES) == set(STATUS)
    assert set(STATUS.values()) < set(faults.STATUSES)
    assert "| `E-recipe` | 2 |" in pages["reference/errors.md"]


def test_links_lead_to_pages_and_headings(pages: dict[str, str]) -> None:
    headings = {place: _anchors(text) for place, text in pages.items()}
    files = {f"pictures/{path.name}" for path in (ROOT / "docs" / "pictures").iterdir()}
    lost, seen = [], 0
    for place, text in pages.items():
        for target in re.findall(r"\]\(([^)\s]+)\)", _without_code(text)):
            if re.match(r"[a-z]+:", target):
                lost.append((place, target))  # the site leads nowhere else
                continue
            path, _, anchor = target.partition("#")
            page = str((Path("/") / place).parent.joinpath(path).resolve())[1:] if path else place
            seen += 1
            if page not in files and (page not in pages or (anchor and anchor not in headings[page])):
                lost.append((place, target))
    assert lost == []
    assert seen > 400


def test_every_page_is_in_the_contents_or_linked(pages: dict[str, str]) -> None:
    contents = set(re.findall(r'"([\w/]+\.md)"', generator.settings()))
    assert contents <= set(pages)
    assert {place for place in pages if not place.startswith("code/")} == contents


def test_every_page_says_what_its_reader_may_need_next(pages: dict[str, str]) -> None:
    bare = [
        place for place, text in pages.items() if not re.search(r"^## What next\n\n\S", text, re.MULTILINE)
    ]
    assert [place for place in bare if not place.startswith("code/")] == []


def test_nothing_names_this_machine(pages: dict[str, str]) -> None:
    for text in pages.values():
        assert str(ROOT) not in text
        assert str(Path.home()) not in text.replace("/root/", "")
        assert not re.search(r"/(?:home|work|tmp|Users)/\w", text)


def _without_code(text: str) -> str:
    return re.sub(r"`[^`\n]*`", "", re.sub(r"^(```|~~~).*?^\1", "", text, flags=re.DOTALL | re.MULTILINE))


def _anchors(text: str) -> set[str]:
    """Headings as the builder names them: in small letters, hyphens for spaces, the rest left out."""
    found = set()
    for heading in re.findall(
        r"^#+ (.*)$", re.sub(r"^(```|~~~).*?^\1", "", text, flags=re.DOTALL | re.M), re.M
    ):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("\\", "").replace("`", "")
        found.add(re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", words).strip().lower()))
    return found


def test_pieces_of_markdown() -> None:
    shown = r"a\_b \* `c_d` \<e\> \[f\] <code>g&#124;h</code>"
    assert escaped("a_b * `c_d` <e> [f] ``g|h``") == shown
    assert prose("one\ntwo\n\nthree") == "one two\n\nthree"
    assert table(["a"], [["x|y"]]) == "| a |\n| --- |\n| x\\|y |\n"
    assert sections("First.\n\nSource: a\nb\nDeparts: c") == {
        "": "First.\n\n",
        "Source": " a\nb\n",
        "Departs": " c",
    }
    code = "First.\n\nSource: a\n\nArgs:\n    x: b\n\nShape: c\n\nRaises:\n    E: d"
    assert {word: text.strip() for word, text in sections(code).items()} == {
        "": "First.",
        "Source": "a",
        "Shape": "c",
    }


def test_values_of_an_argument_by_its_type() -> None:
    assert networks.allowed(Literal["a", "b"]) == "`a`, `b`"
    assert networks.allowed(Sequence[int]) == "list of whole numbers"
    assert networks.allowed(float) == "number"
    assert networks.allowed(bool) == "`true`, `false`"
    assert networks.allowed(str) == networks.allowed(None) == ""


def test_pages_of_networks_are_no_docstrings(pages: dict[str, str]) -> None:
    for name in heirloom.list_models():
        text = pages[f"networks/{name}.md"]
        assert not re.search(r"\b(Args|Raises|Returns|Attributes): |<class ", text)
    text = pages["networks/autoencoder.md"]
    assert "the same before they were tuned together.\n\n[Read the file]" in text
    assert "\n\nShape: input (B, in\\_chans, 28, 28); output the same.\n\n" in text
    assert "| `hidden` | list of whole numbers |" in text


def test_signatures_are_short() -> None:
    assert (
        python.signature("diff", heirloom.diff) == "diff(first: Summary, second: Summary) -> list[Difference]"
    )
    assert "    /,\n" in python.signature("create_model", heirloom.create_model)


def test_links_of_copied_files() -> None:
    text = "[a](RESULTS.md) [b](src/heirloom/models/lenet5.py) [c](src/heirloom/layers) [d](#e)"
    assert generator.linked(text, ROOT) == "[a](results.md) [b](code/lenet5.md) c [d](#e)"


def test_a_site_that_loads_from_elsewhere_is_refused(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    page = tmp_path / "deep" / "page.html"
    page.write_text(f'<script src="{sealing.SHIM}"></script><a href="https://elsewhere.example">')
    sealing.main(tmp_path)
    assert '<script src="../worker.js">' in page.read_text()
    for fault in (
        '<script src="https://elsewhere.example/x.js">',
        '<link rel="stylesheet" href="//elsewhere.example/x.css">',
        '<img alt="" src="http://elsewhere.example/x.png">',
        "<style>@import url(https://elsewhere.example/x.css)</style>",
    ):
        page.write_text(fault)
        with pytest.raises(SystemExit) as refused:
            sealing.main(tmp_path)
        assert "elsewhere.example" in str(refused.value)


def test_commands_alone_are_copied_from_a_console() -> None:
    shown = consoles("a\n\n```console\n$ x > 'y'\n<1>\nheirloom: no\n$ z\n```\n")
    assert 'data-copy="x &gt; &#x27;y&#x27;&#10;z"' in shown
    assert '<span class="gp">$ </span>x &gt; \'y\'\n<span class="go">&lt;1&gt;</span>\n' in shown
    assert '<span class="go fault">heirloom: no</span>' in shown
    assert consoles("```python\nx\n```\n") == "```python\nx\n```\n"
