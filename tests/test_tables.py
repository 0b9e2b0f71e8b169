"""Tables: each form is read again, and its columns give the printed totals."""

import csv
import io
import json
import re

import pytest
import torch
from torch import nn

from heirloom.accounting import COLUMNS, summary
from heirloom.auditing import audit, audit_lectures, audit_table
from heirloom.auditing.explaining import explain
from heirloom.auditing.showing import explanations_table, lectures_text, networks_table, own_table
from heirloom.errors import HeirloomError
from heirloom.models import MODELS
from heirloom.tables import FORMATS, Table, readable_depth, summary_table
from heirloom.worksheets import worksheet

COUNTS = ["params", "fixed", "connections", "MACs", "FLOPs"]
KEYS = ["parameters", "fixed", "connections", "macs", "flops"]
ALL = pytest.mark.parametrize("name", MODELS)


def number(cell):
    return 0 if cell in ("·", "") else int(cell.replace(",", ""))


def from_text(text):
    lines = text.splitlines()
    head = lines[2]
    starts = [m.start() for m in re.finditer(r"\S+", head)]
    ends = [m.end() for m in re.finditer(r"\S+", head)]
    body = [line for line in lines[4:] if line.strip()]
    rows = []
    for line in body:
        if not line.startswith(" "):
            break  # the notes
        # Words stand on the left of their column, numbers on the right; a cell may be empty.
        cells = [(m.start(), m.end(), m[0]) for m in re.finditer(r"\S+( \S+)*", line)]
        rows.append(
            [
                next((text for left, right, text in cells if left == start or right == end), "")
                for start, end in zip(starts, ends, strict=True)
            ]
        )
    return head.split(), rows[:-1], rows[-1]


def from_markdown(text):
    rows = [
        [c.strip() for c in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")
    ]
    return rows[0], rows[2:-1], [cell.strip("*") for cell in rows[-1]]


def from_csv(text):
    rows = list(csv.reader(io.StringIO(text)))
    return rows[0], rows[1:-1], rows[-1]


def from_latex(text):
    lines = [line.removesuffix(r" \\") for line in text.splitlines() if line.endswith(r"\\")]
    rows = [[cell.replace(r"\_", "_") for cell in line.split(" & ")] for line in lines]
    return rows[0], rows[1:-1], rows[-1]


@ALL
@pytest.mark.parametrize(
    ("form", "read", "heads"),
    [
        ("text", from_text, COUNTS),
        ("markdown", from_markdown, COUNTS),
        ("csv", from_csv, KEYS),
        ("latex", from_latex, COUNTS),
    ],
)
def test_columns_sum_to_the_printed_totals(name, form, read, heads):
    books = summary(name)
    head, rows, total = read(summary_table(books).render(form))
    assert [row[0] for row in rows] == [row.name for row in books.rows]
    assert total[0] == "total"
    printed = [cell for cell in total[1:] if cell] if form == "text" else None
    for place, (heading, key) in enumerate(zip(heads, KEYS, strict=True)):
        column = head.index(heading)
        ours = [number(row[column]) for row in rows]
        assert ours == [getattr(row, key) for row in books.rows]
        assert sum(ours) == number(printed[place] if printed else total[column]) == books.totals[key]


def test_json_is_the_documented_form():
    data = json.loads(summary_table(summary("lenet5")).render("json"))
    assert list(data) == ["schema", "model", "input_size", "convention", "rows", "totals"]
    assert (data["schema"], data["model"], data["input_size"], data["convention"]) == (
        1, "lenet5", [1, 32, 32], "lecun",
    )  # fmt: skip
    for row in data["rows"]:
        assert list(row) == [
            "id", "inputs", "name", "kind", "attrs", "input_sizes", "output_size", "parameters",
            "trainable", "fixed", "connections", "macs", "flops", "receptive_field", "jump", "start",
            "aligned", "executed", "shared_with",
        ]  # fmt: skip
    assert data["totals"] == {column: sum(row[column] for row in data["rows"]) for column in COLUMNS}
    c3 = next(row for row in data["rows"] if row["name"] == "c3")
    assert (c3["receptive_field"], c3["jump"], c3["start"]) == (14, 2, 0)
    assert (c3["output_size"], c3["input_sizes"]) == ([16, 10, 10], [[6, 14, 14]])
    assert sum(map(len, c3["attrs"]["table"])) == 60


def test_an_oblong_field_has_two_numbers():
    books = summary(nn.Conv2d(1, 1, (3, 5), padding=(0, 2)), (1, 8, 8))
    row = books.as_dict()["rows"][1]
    assert (row["receptive_field"], row["jump"], row["start"]) == ([3, 5], 1, [0, -2])
    assert "3×5" in summary_table(books).render("text")


@pytest.mark.parametrize(
    ("convention", "headline"),
    [("lecun", "340,908 connections"), ("macs", "326,520 MACs"), ("flops", "675,512 FLOPs")],
)
def test_a_convention_changes_the_headline_alone(convention, headline):
    text = summary_table(summary("lenet5", convention=convention)).render("text")
    assert text.splitlines()[0] == f"lenet5, input 1×32×32: 60,000 parameters, {headline} (FLOP = 2 MAC)"
    assert text.splitlines()[1:] == summary_table(summary("lenet5")).render("text").splitlines()[1:]
    books = summary("lenet5", convention=convention).as_dict()
    assert books.pop("convention") == convention
    plain = summary("lenet5").as_dict()
    plain.pop("convention")
    assert books == plain


def test_a_zero_is_a_dot_where_numbers_are_counted():
    lines = summary_table(summary("lenet5")).render("text").splitlines()
    assert lines[4].split() == ["input", "input", "1×32×32", "·", "·", "·", "·", "·", "1", "1", "0"]
    assert lines[4].endswith(" 0")
    assert len(lines[4]) == len(lines[2])  # to the right


def test_branches_name_what_they_read():
    class Skip(nn.Module):
        def __init__(self):
            super().__init__()
            self.c, self.drop = nn.Conv2d(1, 1, 3, padding=1), nn.Dropout()

        def forward(self, x):
            return torch.cat([self.c(x), self.drop(self.c(x))], 1)

    table = summary_table(summary(Skip(), (1, 8, 8)))
    assert table.columns[2] == "from"
    cells = {row[0]: row for row in table.rows}
    assert cells["c (again c)"][2] == "input"
    assert cells["cat"][2] == "c, drop"
    assert cells["drop"][2] == ""
    head, rows, total = from_csv(table.render("csv"))
    assert head[2] == "inputs"
    assert {len(row) for row in rows} | {len(total)} == {len(head)}


def test_what_is_not_counted_is_said():
    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.unused = nn.Linear(2, 2)

        def forward(self, x):
            return x.cumsum(1)

    table = summary_table(summary(Odd(), (1, 8, 8), lower_bound=True))
    text = table.render("text")
    assert "0 parameters" not in text
    assert "6 parameters, ≥ 0 connections" in text
    assert "(aten.cumsum) has no rule and is not counted." in text
    assert "unused does not run in evaluation." in text
    assert json.loads(table.render("json"))["lower_bound"] is True
    assert r"$\geq$" not in table.render("latex").splitlines()[3]


NASTY = Table(
    title="a title",
    columns=["name", "count", "words"],
    rows=[["a|b", 1_234, "50 % & more"], ["c_d{e}^~\\", 0, 'comma, "quote"'], ["[bold]x[/]", -5, "#1 $"]],
    totals=["total", 1_229, ""],
    notes=["a note"],
)


def test_marks_of_each_format_are_escaped():
    text = NASTY.render("text")
    assert "[bold]x[/]" in text
    assert text.startswith("a title\n")
    assert text.endswith("a note\n")
    assert re.search(r" 0 ", text)  # no dot unless asked for
    assert r"| a\|b | 1,234 | 50 % & more |" in NASTY.render("markdown")
    assert from_csv(NASTY.render("csv")) == (
        ["name", "count", "words"],
        [["a|b", "1234", "50 % & more"], ["c_d{e}^~\\", "0", 'comma, "quote"'], ["[bold]x[/]", "-5", "#1 $"]],
        ["total", "1229", ""],
    )
    latex = NASTY.render("latex")
    assert r"50 \% \& more" in latex
    assert r"c\_d\{e\}\textasciicircum{}\textasciitilde{}\textbackslash{}" in latex
    assert r"\#1 \$" in latex
    assert latex.count(r"\begin{tabular}{lrl}") == latex.count(r"\end{tabular}") == 1
    assert json.loads(NASTY.render("json"))[0] == {"name": "a|b", "count": 1_234, "words": "50 % & more"}


def test_json_has_a_line_for_each_row():
    books = summary("lenet5")
    text = summary_table(books).render("json")
    assert json.loads(text) == books.as_dict()
    lines = [line for line in text.splitlines() if line.startswith("    {")]
    assert [json.loads(line.rstrip(",")) for line in lines] == books.as_dict()["rows"]
    assert json.loads(NASTY.render("json")) == [
        dict(zip(NASTY.columns, row, strict=True)) for row in NASTY.rows
    ]
    assert len(NASTY.render("json").splitlines()) == 2 + len(NASTY.rows)
    for data in ({}, [], {"none": []}, {"words": ["a"]}, {"é": [{"ß": None}]}):
        assert json.loads(Table("", [], [], data=data).render("json")) == data


def test_a_table_without_rows_and_an_unknown_format():
    empty = Table("nothing", ["a"], [])
    assert all(empty.render(form).endswith("\n") for form in FORMATS)
    with pytest.raises(HeirloomError, match="unknown format 'markdwn': did you mean 'markdown'"):
        empty.render("markdwn")


def test_a_long_number_is_not_broken():
    with torch.device("meta"):
        net = nn.Linear(10**6, 10**6)
    assert "1,000,001,000,000" in summary_table(summary(net, (10**6,))).render("text")


class Blocks(nn.Module):
    """Two stages of three blocks, two convolutions each, with a shortcut around each block."""

    input_size = (2, 8, 8)

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1, self.conv2 = nn.Conv2d(2, 2, 3, padding=1), nn.Conv2d(2, 2, 2)

        def forward(self, x):
            return self.conv2(self.conv1(x)) + x[:, :, 1:, 1:]

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(2, 2, 1)
        self.conv2_x = nn.Sequential(*(self.Block() for _ in range(3)))
        self.conv3_x = nn.Sequential(*(self.Block() for _ in range(2)))
        self.spare = nn.Sequential(nn.Linear(1, 1), nn.ReLU())

    def forward(self, x):
        return self.conv3_x(self.conv2_x(self.stem(x)))


def test_blocks_are_added_up_to_a_line():
    books = summary(Blocks())
    whole, blocks, stages = (summary_table(books, depth) for depth in (0, 2, 1))
    assert len(whole.rows) == len(books.rows) > 20
    assert [row[0] for row in stages.rows] == ["input", "stem", "conv2_x", "conv3_x", "spare"]
    names = ["conv2_x.0", "conv2_x.1", "conv2_x.2", "conv3_x.0", "conv3_x.1", "spare.0", "spare.1"]
    assert [row[0] for row in blocks.rows][2:] == names
    for table in (whole, blocks, stages):
        heads, rows, total = from_markdown(table.render("markdown"))
        for heading, key in zip(COUNTS, KEYS, strict=True):
            column = [number(row[heads.index(heading)]) for row in rows]
            assert sum(column) == number(total[heads.index(heading)]) == books.totals[key]
        # What a program reads is not folded.
        assert table.render("csv") == whole.render("csv")
        assert table.render("json") == whole.render("json")
    assert "from" not in stages.columns  # stages are a chain, whatever lies inside
    assert "from" in whole.columns
    last = dict(zip(stages.columns, stages.rows[3], strict=True))
    assert (last["output"], last["field"]) == ("2×3×3", books.trace["conv3_x.1.add"].receptive_field[0])
    assert f"{len(books.rows)} rows are added up to 5" in stages.render("text")
    assert "spare does not run in evaluation." in stages.render("text").splitlines()
    assert "spare.1 does not run in evaluation." in blocks.render("text").splitlines()


def test_branches_with_other_centres_are_shown():
    # An even kernel shifts the centre by half a pixel, the shortcut's cut by one.
    table = summary_table(summary(Blocks()))
    assert table.columns[-1] == "aligned"
    assert next(row[0] for row in table.rows if row[-1] == "no").startswith("conv2_x.0")
    assert any(note.startswith("aligned: ") for note in table.notes)
    assert "aligned" not in summary_table(summary("lenet5")).columns
    assert "false" in table.render("csv")


@pytest.mark.parametrize("name", MODELS)
def test_a_table_has_a_readable_number_of_lines(name):
    books = summary(name)
    depth = readable_depth(books)
    flat = not any("." in row.name for row in books.rows)
    assert (depth == 0) == (flat or len(books.rows) <= 60)
    assert flat or len(summary_table(books, depth).rows) <= 60


@pytest.mark.parametrize("width", [70, 100, 120, 200])
@pytest.mark.parametrize("convention", ["lecun", "macs", "flops"])
def test_a_narrow_terminal_does_without_some_columns(width, convention):
    books = summary("resnet18", convention=convention)
    table = summary_table(books, 2)
    whole, shown = table.render("text"), table.render("text", width)
    lines = shown.splitlines()
    heads = next(line for line in lines if line.startswith(" layer")).split()
    gone = [head for head in whole.splitlines()[2].split() if head not in heads]
    if width == 200:
        assert shown == whole
        return
    _, found, last = " ".join(shown.split()).partition("Left out, for want of room: ")
    assert found
    assert set(last.partition(".")[0].split(", ")) == set(gone)
    assert {"layer", "kind", "output", "params", "field"} <= set(heads)
    assert {"lecun": "connections", "macs": "MACs", "flops": "FLOPs"}[convention] in heads
    if width >= 100:
        assert max(len(line) for line in lines[2:-4]) <= width
    assert table.render("markdown", width) == table.render("markdown")


@pytest.mark.parametrize("width", [80, 60])
def test_a_narrow_terminal_has_long_texts_below_and_breaks_no_number(width):
    sources = ["a source with a page " * 4, "a reason of its own", "page 3"]
    rows = [["a_layer.with_a_long_name.0", "x" * 12, 12_345_678, source] for source in (*sources, sources[0])]
    table = Table(
        "words " * 30, ["layer", "kind", "ours", "source"], rows, below={"source": 6}, folds=("layer",)
    )
    text = table.render("text", width)
    assert max(map(len, text.splitlines())) <= width
    assert text.count("12,345,678") == 4
    assert (text.count("[1]"), text.count("[2]"), text.count("page 3")) == (3, 2, 1)
    whole = " ".join(text.split())
    for source in sources:
        assert source.strip() in whole
    assert table.render("text") == table.render("text", 400)


@pytest.mark.parametrize("name", ["deepface", "lenet5_relu_avg", "alexnet", "resnet20", "mlp"])
def test_a_worksheet_fits_a_narrow_terminal(name):
    sheet = worksheet(name, 8, 1)
    text = sheet.render("text", "both", 80)
    assert max(map(len, text.splitlines())) <= 80
    for number in range(1, len(sheet.blanks) + 1):
        assert f"({number}) __" in text
    assert "______" not in text


def test_audits_and_explanations_fit_a_narrow_terminal(tmp_path):
    own = tmp_path / "own.csv"
    own.write_text(
        "model,layer,quantity,value\nalexnet,total,parameters,60 million\nlenet5,c3,parameters,1517\n"
    )
    checked = audit_table(own)
    for table in (
        networks_table(audit("alexnet")),
        networks_table(audit("resnext29_8x64d")),
        own_table(checked, 80),
        own_table(checked, 60),
        explanations_table("37752832", explain(37752832)),
    ):
        text = table.render("text", 80)
        assert max(map(len, text.splitlines())) <= 80
        heads = text.split("─")[0]
        assert {"ours", "verdict"} <= set(heads.split()) or "why" in heads
    assert "Line 2: cut to: it rounds to 61 million." in own_table(checked, 60).render("text", 60)
    assert "1,516" in own_table(checked, 60).render("text", 60)


def test_the_decks_keep_ours_on_a_narrow_terminal():
    text = lectures_text(audit_lectures(), "text", 80)
    assert max(map(len, text.splitlines())) <= 80
    decks = [lines for lines in text.split("\nDeck ")[1:]]
    for deck in decks:
        assert "   ours " in deck
        assert "Left out, for want of room: arithmetic." in deck
