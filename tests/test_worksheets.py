"""Worksheets: what is missing can be worked out from what is shown, and the key fills the table again."""

import math
import re
import subprocess
import sys
from functools import cache

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from heirloom import HeirloomError, summary, worksheet
from heirloom.__main__ import main
from heirloom.accounting import size_text
from heirloom.models import MODELS
from heirloom.tables import readable_depth, summary_table


@cache
def books_of(name, convention="lecun"):
    """A network's books, made once for all tests here: nothing changes them."""
    return summary(name, convention=convention)


@pytest.fixture(autouse=True)
def shared_books(monkeypatch):
    def found(model, input_size=None, *, convention="lecun", **args):
        if isinstance(model, str) and model in MODELS and not args and input_size is None:
            return books_of(model, convention)
        return summary(model, input_size, convention=convention, **args)

    monkeypatch.setattr("heirloom.worksheets.summary", found)


def most(model, **args):
    """How many numbers can be asked for: the fault names it."""
    with pytest.raises(HeirloomError, match="a worksheet with 0 blanks") as refused:
        worksheet(model, 0, **args)
    found = re.search(r"give 1 to (\d+)", str(refused.value))
    return int(found[1]) if found else 0


def read(markdown):
    """Headings, cells with the totals last, notes, and answers by number, of a worksheet in Markdown."""
    plain = re.sub(r"\\(.)", r"\1", markdown)
    page, _, key = plain.partition("\n---\n")
    lines = [line[2:-2].split(" | ") for line in page.splitlines() if line.startswith("| ")]
    heads, _, *rows = lines
    notes = [line for line in page.splitlines()[1:] if line and not line.startswith("|")]
    rows[-1] = [cell.strip("*") for cell in rows[-1]]
    rows = [[cell.strip() for cell in row] for row in rows]
    answers = dict(re.findall(r"^(\d+)\. .* = (\S+)$", key, re.MULTILINE))
    return heads, rows, notes, answers


def missing(cell):
    found = re.fullmatch(r"\((\d+)\) ______", cell)
    return found[1] if found else None


@pytest.mark.parametrize("name", MODELS)
def test_the_key_fills_the_sheet_to_the_summary(name):
    books = books_of(name)
    table = summary_table(books, readable_depth(books))
    sheet = worksheet(name, min(8, most(name)), 1)
    heads, rows, _, answers = read(sheet.render("markdown"))
    asked = {number for row in rows for cell in row if (number := missing(cell))}
    assert asked == set(answers) == {str(n) for n in range(1, len(sheet.blanks) + 1)}
    filled = [[answers[number] if (number := missing(cell)) else cell for cell in row] for row in rows]
    _, plain, _, _ = read(table.render("markdown"))
    for head in heads:
        if head != "made of":
            column = table.columns.index(head)
            assert [row[heads.index(head)] for row in filled] == [row[column] for row in plain], head
    # Nothing that is asked for is 0.
    assert not {"0", "–", ""} & set(answers.values())


def number(cell):
    return int(cell.replace(",", ""))


def numbers(text):
    return [int(n) for n in re.findall(r"\d+", text)]


def pair(text):
    """``3`` or ``3×5`` for both axes."""
    found = numbers(text)
    return found * 2 if len(found) == 1 else found


def read_layer(made):
    """What a student reads of a layer."""
    window, stride = (re.search(p, made) for p in (r"^(\d+×\d+), stride", r"stride (\S+?)(,|$)"))
    padding, maps = re.search(r"padding (\S+?)(,|$)", made), re.search(r"(\d+) to (\d+) (maps|units)", made)
    pairs, groups = re.search(r"(\d+) pairs", made), re.search(r"(\d+) groups", made)
    return {
        "kernel": pair(window[1]) if window else None,
        "stride": pair(stride[1]) if stride else None,
        "padding": pair(padding[1]) if padding else [0, 0],
        "maps": [int(maps[1]), int(maps[2])] if maps else None,
        "pairs": int(pairs[1]) if pairs else None,
        "groups": int(groups[1]) if groups else 1,
        "up": "rounded up" in made,
        "bias": "no bias" not in made,
        "bias of each": "bias for each unit" in made,
    }


def counts(kind, made, output):
    """Parameters and connections of a layer, by the text and the size of its result."""
    layer, places = read_layer(made), math.prod(output[1:])
    if kind == "conv":
        one, other = layer["maps"]
        weights = (layer["pairs"] or one * other // layer["groups"]) * math.prod(layer["kernel"])
        biases = other if layer["bias"] else 0
        unshared = biases * places if layer["bias of each"] else biases
        return weights + unshared, (weights + biases) * places
    if kind in ("linear", "rbf", "gaussian"):
        one, other = layer["maps"]
        bias = other if layer["bias"] and kind != "rbf" else 0
        return 0 if kind == "rbf" else one * other + bias, one * other + bias
    if kind == "subsampling":
        return 2 * output[0], (math.prod(layer["kernel"]) + 1) * math.prod(output)
    if kind in ("max_pool", "average_pool"):
        return 0, math.prod(layer["kernel"]) * math.prod(output)
    if kind == "batch_norm":
        return 2 * output[0], 0
    if kind == "locally_connected":
        one, _ = layer["maps"]
        return (math.prod(output) * (one * math.prod(layer["kernel"]) + 1),) * 2
    if kind in ("elman", "lstm", "gru"):
        one, other = layer["maps"]
        steps, gates = re.search(r"(\d+) steps", made), re.search(r"(\d+) gates", made)
        each = (int(gates[1]) if gates else 1) * other * (one + other + 1)
        return each, each * int(steps[1])
    return None


def block_counts(content, found):
    """Parameters and connections of a block, by the list of its layers below the sheet."""
    total = [0, 0]
    for part in content.rstrip(".").split("; "):
        times, kind, made, size = re.fullmatch(
            r"(?:(\d+) times )?(\w+)(?:, )?(.*) \(([\d×]+|size as at \(\d+\))\)", part
        ).groups()
        asked = re.fullmatch(r"size as at \((\d+)\)", size)
        output = numbers(found[asked[1]] if asked else size)
        if kind == "global_mean":
            raise AssertionError("the size that it reads is not said")
        if kind == "batch_norm":
            assert "scale and a shift" in made
        for i, count in enumerate(counts(kind, made, output)):
            total[i] += int(times or 1) * count
    return total


@pytest.mark.parametrize("name", MODELS)
def test_everything_missing_can_be_worked_out(name):
    """All that can be asked for is asked for at once, and found from the sheet alone, from the top down."""
    sheet = worksheet(name, most(name))
    heads, rows, notes, answers = read(sheet.render("markdown"))
    at = {head: i for i, head in enumerate(heads)}
    blocks = dict(re.findall(r"^Block (\w+): (.*)$", "\n".join(notes), re.MULTILINE))
    found = {}
    names = [row[0] for row in rows]

    def note(row, head, value):
        if asked := missing(row[at[head]]):
            found.setdefault(asked, value)
            assert found[asked] == value
            row[at[head]] = value

    for place, row in enumerate(rows[1:-1], 1):
        kind, made = row[at["kind"]], row[at["made of"]]
        source = row[at["from"]] if "from" in at else ""
        # One input: the row above, or the one that is named.
        above = rows[names.index(source)] if source in names else rows[place - 1]
        layer = read_layer(made)
        if layer["kernel"] and kind == "transposed_conv":
            before = numbers(above[at["output"]])
            window = zip(before[1:], layer["kernel"], layer["stride"], layer["padding"], strict=True)
            sizes = [(n - 1) * s - 2 * p + k for n, k, s, p in window]
            note(row, "output", size_text((layer["maps"][1], *sizes)))
            steps = zip(pair(above[at["jump"]]), layer["stride"], strict=True)
            reach = pair(above[at["field"]].replace(",", ""))
            grown = zip(reach, layer["kernel"], [j // s for j, s in steps], strict=True)
            fields = [r + (k - 1) * j for r, k, j in grown]
            note(row, "field", f"{fields[0]:,}" if len(set(fields)) == 1 else size_text(fields))
        elif layer["kernel"]:
            before = numbers(above[at["output"]])
            sizes = []
            for n, k, s, p in zip(
                before[1:], layer["kernel"], layer["stride"], layer["padding"], strict=True
            ):
                steps = (n + 2 * p - k) / s
                sizes.append((math.ceil(steps) if layer["up"] else math.floor(steps)) + 1)
            note(row, "output", size_text((layer["maps"][1] if layer["maps"] else before[0], *sizes)))
            reach, apart = pair(above[at["field"]].replace(",", "")), pair(above[at["jump"]])
            fields = [r + (k - 1) * j for r, k, j in zip(reach, layer["kernel"], apart, strict=True)]
            note(row, "field", f"{fields[0]:,}" if len(set(fields)) == 1 else size_text(fields))
        for head in ("output", "field"):
            if missing(row[at[head]]):  # passed on
                note(row, head, found[missing(row[at[head]])])
        asked = [head for head in ("params", "connections") if missing(row[at[head]])]
        if made.startswith("block "):
            both = block_counts(blocks[made.removeprefix("block ")], found)
        elif kind == "transposed_conv":
            places, given = (math.prod(numbers(r[at["output"]])[1:]) for r in (above, row))
            weights = math.prod(layer["maps"]) * math.prod(layer["kernel"])
            both = weights + layer["maps"][1], weights * places + layer["maps"][1] * given
        elif kind == "global_mean":
            both = 0, math.prod(numbers(above[at["output"]]))
        else:
            both = counts(kind, made, numbers(row[at["output"]])) if asked else None
        for head in asked:
            note(row, head, f"{both[head == 'connections']:,}")
    for head in ("params", "connections"):
        note(rows[-1], head, f"{sum(number(row[at[head]]) for row in rows[:-1]):,}")
    assert found == answers
    assert len(found) == len(sheet.blanks) >= 3


@pytest.mark.parametrize("name", MODELS)
def test_no_answer_stands_on_the_sheet(name):
    """Neither in a row of the same make nor in the list of a block."""
    for blank, seed in ((99, 0), (8, 1)):
        sheet = worksheet(name, blank, seed)
        shown, heads = sheet.sheet, list(sheet.table.columns)
        make, rows = slice(heads.index("kind"), heads.index("made of") + 1), sheet.table.rows
        for one in sheet.blanks:
            (row, head), *_ = one.cells
            if row < len(rows):
                alike = [other for other in shown.rows if list(other[make]) == list(rows[row][make])]
                assert one.answer not in [other[heads.index(head)] for other in alike], one
            if head == "output":
                assert f"({one.answer})" not in " ".join(shown.notes), one


def test_a_size_that_a_block_has_too_is_asked_by_its_number():
    sheet = worksheet("resnet110_stochastic", 99, 1)
    number = next(n for n, b in enumerate(sheet.blanks, 1) if (b.layer, b.cells[0][1]) == ("conv1", "output"))
    (note,) = [note for note in sheet.sheet.notes if note.startswith("Block A")]
    assert f"16 to 16 maps, no bias (size as at ({number}))" in note
    assert "16×32×32" not in note
    for form in ("text", "markdown", "latex"):
        page = sheet.render(form, "sheet").replace("\\", "")
        assert "16×32×32" not in page.replace(r"$times$", "×")


def test_what_reads_one_of_several_results_is_not_asked_for():
    """Both poolings read block4.fractal.second, and the table does not say which of its results."""
    asked = {(b.layer, b.cells[0][1]) for b in worksheet("fractalnet20", 99).blanks}
    assert ("block4.pool.2", "field") in asked
    assert not asked & {(f"block4.pool.{n}", head) for n in (0, 1) for head in ("field", "output")}


@pytest.mark.parametrize("name", ["mlp", "rnn", "lstm", "gru"])
def test_a_small_network_is_asked_for_all_it_has(name, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["worksheet", name, "--blank", "8", "--seed", "1"])
    out, err = capsys.readouterr()
    assert (stop.value.code, err) == (0, "")
    assert f"find the {most(name)} missing numbers, all that can be asked for\n" in out
    assert len(worksheet(name).blanks) == most(name) < 8
    assert "all that" not in worksheet(name, most(name)).table.title


SEVERAL = ("lenet5", "lenet5_gaussian", "alexnet", "vgg16", "squeezenet1_0")
MOST = {name: most(name) for name in SEVERAL}


@given(st.sampled_from(SEVERAL), st.data())
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_number_and_any_seed(name, data):
    blank, seed = data.draw(st.integers(1, MOST[name])), data.draw(st.integers(-(2**70), 2**70))
    sheet = worksheet(name, blank, seed)
    assert sheet == worksheet(name, blank, seed)
    shown = sheet.sheet
    hidden = [cell for row in (*shown.rows, shown.totals) for cell in row if missing(str(cell))]
    assert {missing(cell) for cell in hidden} == {str(n) for n in range(1, blank + 1)}
    asked = [cell for b in sheet.blanks for cell in b.cells]
    assert len(hidden) == len(set(asked))
    # The columns take turns, as long as they have any.
    turns = [b.cells[0][1] for b in sheet.blanks]
    if blank >= 4:
        assert set(turns) == {"output", "params", "connections", "field"}
    for form in ("text", "markdown", "latex"):
        both = sheet.render(form)
        assert sheet.render(form, "sheet") != both != sheet.render(form, "key")
        answer = sheet.blanks[0].line.partition(" = ")[2]
        assert f"= {answer}" in sheet.render(form, "key").replace(r"$\times$", "×")
        assert "______" not in sheet.render(form, "key").replace("\\", "")


def test_another_seed_is_another_sheet():
    sheets = {worksheet("lenet5", 8, seed).blanks for seed in range(12)}
    assert len(sheets) == 12


def test_the_sheet_of_a_seed_is_the_same_everywhere():
    """Chosen by SHA-256, not by Python's own generator or hashes."""
    code = "import heirloom; print(*(b.line for b in heirloom.worksheet('lenet5', 4, 1).blanks), sep='; ')"
    env = {"PYTHONHASHSEED": "1", "PYTHONPATH": ":".join(filter(None, sys.path))}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env)
    lines = "; ".join(b.line for b in worksheet("lenet5", 4, 1).blanks)
    assert done.stdout.strip() == lines == FIRST


FIRST = (
    "c1, output: 6 maps of (32 - 5) / 1 + 1 = 6×28×28; s2, params: 6 × (1 + 1) = 12; "
    "c3, connections: (60 × 5 × 5 + 16) × 10 × 10 = 151,600; c5, field: 16 + (5 - 1) × 4 = 32"
)


class Own(nn.Module):
    """Branches, a layer called twice, names with signs, and nothing square."""

    input_size = (2, 12, 20)

    def __init__(self):
        super().__init__()
        self.c_1 = nn.Conv2d(2, 4, (3, 5), stride=(1, 2), padding=(1, 0))
        self.twice = nn.Conv2d(4, 4, 3, padding=1)
        self.wide = nn.Conv2d(4, 6, 3, dilation=2)
        self.f = nn.Linear(6 * 8 * 4, 3)

    def forward(self, x):
        x = self.c_1(x)
        x = self.twice(self.twice(x)) + x
        return self.f(self.wide(x).flatten(1))


def test_an_own_module():
    sheet = worksheet(Own(), most(Own()))
    lines = [b.line for b in sheet.blanks]
    assert (
        "c_1, output: 4 maps of (12 + 2 × 1 - 3) / 1 + 1 by (20 - 5) / 2 + 1, rounded down = 4×12×8" in lines
    )
    assert "c_1, field: 1 + (3 - 1) × 1 by 1 + (5 - 1) × 1 = 3×5" in lines
    assert "wide, output: 6 maps of (12 - (2 x (3 - 1) + 1))".replace(" x ", " × ") in "\n".join(lines)
    assert "f, params and connections: 3 × (192 + 1) = 579" in lines
    assert sum("twice" in line and "params" in line for line in lines) == 1
    assert r"c\_1" in sheet.render("markdown", "key")


def test_a_tied_layer_is_asked_for_what_it_stores():
    class Tied(nn.Module):
        input_size = (4,)

        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 4)
            self.b.weight = self.a.weight

        def forward(self, x):
            return self.b(torch.relu(self.a(x)))

    lines = [b.line for b in worksheet(Tied(), most(Tied())).blanks]
    assert not [line for line in lines if line.startswith("b, params")]  # its bias alone has no formula


@pytest.mark.parametrize("convention", ["macs", "flops"])
def test_other_counts(convention):
    head = {"macs": "MACs", "flops": "FLOPs"}[convention]
    for name in ("lenet5", "alexnet_cifar_bn", "resnet18"):
        sheet = worksheet(name, most(name, convention=convention), convention=convention)
        assert {head} <= {column for b in sheet.blanks for _, column in b.cells} <= {
            "output", "params", head, "field",
        }  # fmt: skip
    every = most("lenet5", convention=convention)
    lines = [b.line for b in worksheet("lenet5", every, convention=convention).blanks]
    wanted = {"macs": "c1, MACs: 6 × 1 × 5 × 5 × 28 × 28 = 117,600",
              "flops": "c1, FLOPs: 2 × 6 × 1 × 5 × 5 × 28 × 28 + 6 × 28 × 28 = 239,904"}  # fmt: skip
    assert wanted[convention] in lines


def test_latex_is_a_document_of_two_pages():
    for name in ("lenet5", "googlenet"):
        text = worksheet(name, 6).render("latex")
        body = re.sub(r"(?m)^%.*\n", "", text)
        opened, stack = re.findall(r"\\(begin|end)\{(\w+)\}", body), []
        for what, environment in opened:
            if what == "begin":
                stack.append(environment)
            else:
                assert stack.pop() == environment
        assert not stack
        assert [e for w, e in opened if w == "begin"] == ["document", "adjustbox", "tabular", "description"]
        assert body.count("\\newpage") == 1
        # Each row has as many cells as the table has columns, and no sign is left that LaTeX would read.
        columns = re.search(r"\\begin\{tabular\}\{(\w+)\}", body)[1]
        for line in re.findall(r"(?m)^(.*) \\\\$", body):
            assert len(re.findall(r"(?<!\\)&", line)) == len(columns) - 1
        words = re.sub(r"\\[#$%&_{}]|\$\\(times|geq)\$", "", re.sub(r"(?m)^.* \\\\$", "", body))
        assert not re.search(r"[#$%&_^~]", words)
        assert body.isascii() or set(re.findall(r"[^\x00-\x7f]", body)) <= {"–"}
        alone = worksheet(name, 6).render("latex", "key")
        assert "tabular}" not in alone
        assert alone.startswith("\\documentclass")
        assert alone.endswith("\\end{document}\n")


def test_the_command(capsys, tmp_path):
    def run(*arguments):
        with pytest.raises(SystemExit) as stop:
            main(["worksheet", *arguments])
        return stop.value.code, *capsys.readouterr()

    status, out, err = run("lenet5", "--blank", "4", "--seed", "1")
    assert (status, err) == (0, "")
    assert out == worksheet("lenet5", 4, 1).render()
    pages = [run("lenet5", "--format", "markdown", "--part", part)[1] for part in ("sheet", "key", "both")]
    assert "\n---\n\n".join(pages[:2]) == pages[2]
    (tmp_path / "own.py").write_text(
        "from torch import nn\nclass Net(nn.Sequential):\n    def __init__(self, maps=3):\n"
        "        super().__init__(nn.Conv2d(1, maps, 5), nn.ReLU(), nn.MaxPool2d(2))\n"
    )
    own = f"{tmp_path / 'own.py'}:Net"
    status, out, _ = run(
        own, "--input-size", "1,28,28", "--arg", "maps=7", "--blank", "2", "--convention", "macs"
    )
    assert status == 0
    assert "1 to 7 maps" in out
    for arguments, words in (
        (("lenet5", "--blank", "0"), "blank"),
        (("lenet5", "--format", "json"), "format"),
        ((own,), "input size"),
    ):
        status, out, err = run(*arguments)
        assert (status, out, err.count("\n")) == (2, "", 1)
        assert words in err


def test_faults():
    for blank in (0, -1):
        with pytest.raises(HeirloomError, match=rf"lenet5 has {MOST['lenet5']} numbers .*: give 1 to"):
            worksheet("lenet5", blank)
    with pytest.raises(HeirloomError, match="has 0 numbers that can be asked for"):
        worksheet(nn.ReLU(), 1, input_size=(3,))
    with pytest.raises(HeirloomError, match="form is 'pdf': give text or markdown or latex"):
        worksheet("lenet5").render("pdf")
    with pytest.raises(HeirloomError, match="part is 'half'"):
        worksheet("lenet5").render("text", "half")
    with pytest.raises(HeirloomError, match="unknown model 'lenet'"):
        worksheet("lenet")
