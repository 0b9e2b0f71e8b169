"""Audits of a table of one's own."""

import csv
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heirloom.accounting import summary
from heirloom.auditing import audit_table
from heirloom.errors import HeirloomError

HEADER = "model,layer,quantity,value\n"


def audited(tmp_path, text):
    path = tmp_path / "table.csv"
    path.write_text(text, encoding="utf-8")
    return audit_table(path)


def test_rows_and_their_verdicts(tmp_path):
    rows = """lenet5,c3,parameters,"1,516"
lenet5,,parameters,60K
lenet5,total,connections,340908
alexnet_single,,parameters,62.4M
alexnet_single,,parameters,62.3M
alexnet_single,,parameters,62.2M
alexnet,conv1,output_size,55x55x96
alexnet,conv1,output_size,96 × 55 × 55
alexnet,conv1,output_size,54x54x96
alexnet,conv5,receptive_field,163

vgg16,,parameters,~140M
lenet5,,units,9118
"""
    found = audited(tmp_path, HEADER + rows)
    assert [c.words for c in found] == [
        "matches", "matches", "matches", "rounds to", "cut to: it rounds to 62.4M", "wrong", "matches",
        "matches", "wrong", "matches", "rounds to", "matches",
    ]  # fmt: skip
    assert [c.line for c in found] == [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14]
    assert [c.holds for c in found].count(False) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "it is empty"),
        ("a,b\n", "its first line is 'a,b'"),
        (HEADER + "lenet6,,parameters,1", "no network 'lenet6': .*line 2: did you mean 'lenet"),
        (HEADER + "lenet5,c9,parameters,1", "lenet5 has no layer 'c9': .*line 2: did you mean"),
        (
            HEADER + "lenet5,c3,params,1",
            "a layer has no quantity 'params': .*line 2: did you mean 'parameters'",
        ),
        (HEADER + "lenet5,c3,units,1", "a layer has no quantity 'units'"),
        (HEADER + "lenet5,,jump,1", "a whole network has no quantity 'jump'"),
        (HEADER + "\nlenet5,c3,parameters,many", "'many' is no number: .*line 3"),
        (HEADER + "lenet5,c3,parameters,1,516", "5 cells instead of 4: .*line 2: .*quotation marks"),
        (HEADER + "lenet5,c3,parameters", "3 cells instead of 4"),
        (HEADER + 'lenet5,c3,parameters,"1', "cannot read the table"),
        (HEADER, "a table without rows: .*table.csv"),
        (HEADER + "lenet5,,parameters,60%", "'60%' is no count: .*line 2"),
        (HEADER + "alexnet,conv1,output_size,55 x 55 with 96 maps", "is no size: .*line 2: .*55x55x96"),
        (HEADER + "alexnet,conv1,output_size,55x55x", "is no size"),
        (HEADER + "googlenet,aux1.conv,receptive_field,5", "it has no receptive_field there: .*line 2"),
    ],
)
def test_faults_are_one_clear_line(text, message, tmp_path):
    with pytest.raises(HeirloomError, match=message) as caught:
        audited(tmp_path, text)
    assert "\n" not in str(caught.value)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(HeirloomError, match=r"cannot read the table: .*gone\.csv: no such file"):
        audit_table(tmp_path / "gone.csv")
    (tmp_path / "latin.csv").write_bytes(HEADER.encode() + b"caf\xe9,,parameters,1")
    with pytest.raises(HeirloomError, match="cannot read the table"):
        audit_table(tmp_path / "latin.csv")
    with pytest.raises(HeirloomError, match="cannot read the table"):
        audit_table(tmp_path)


BOOKS = summary("lenet5")
LAYERS = [row.name for row in BOOKS.rows if row.parameters]


@given(
    st.lists(
        st.tuples(st.sampled_from(LAYERS), st.integers(-2, 2), st.sampled_from(["{}", "{:,}"])),
        min_size=1,
        max_size=8,
    )
)
def test_a_table_written_by_the_books_is_right(tmp_path_factory, rows):
    """Independent: the numbers come from the summary; one more or less is wrong."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["model", "layer", "quantity", "value"])
    for layer, off, form in rows:
        writer.writerow(["lenet5", layer, "parameters", form.format(BOOKS.trace[layer].parameters + off)])
    found = audited(tmp_path_factory.getbasetemp(), out.getvalue())
    assert [c.holds for c in found] == [off == 0 for _, off, _ in rows]


@given(
    st.sampled_from(LAYERS),
    st.integers(0, 12),
    st.sampled_from([1, 2, 5, 9]),
    st.sampled_from(["", "K", "M"]),
)
def test_a_rounded_value_holds_where_python_rounds_to_it(tmp_path_factory, layer, power, digit, unit):
    """A digit and zeros: they hold where ours, with as many digits before the zeros, is that number."""
    exact = BOOKS.trace[layer].parameters
    value = digit * 10**power
    scale = {"": 1, "K": 10**3, "M": 10**6}[unit]
    row = f"lenet5,{layer},parameters,about {value}{unit}\n"
    (found,) = audited(tmp_path_factory.getbasetemp(), HEADER + row)
    steps = [10**zeros * scale for zeros in range(power + 1)]
    assert found.holds == any(
        (abs(exact - value * scale) * 2 <= step and (step == scale or step <= exact))
        or (step == scale and 0 < exact - value * scale < step)
        for step in steps
    )


@given(st.sampled_from(LAYERS), st.integers(0, 3), st.sampled_from(["K", "M", " million"]))
def test_nothing_rounds_to_zero(tmp_path_factory, layer, places, unit):
    row = f"lenet5,{layer},parameters,{0:.{places}f}{unit}\n"
    assert [c.words for c in audited(tmp_path_factory.getbasetemp(), HEADER + row)] == ["wrong"]


@given(st.text(alphabet='lenet5,c3"\n parmsx1.K', max_size=60))
def test_whatever_stands_in_a_file_is_a_verdict_or_one_line(tmp_path_factory, text):
    try:
        found = audited(tmp_path_factory.getbasetemp(), HEADER + text)
    except HeirloomError as error:
        assert "\n" not in str(error)
    else:
        assert all(c.words for c in found)


def test_on_the_command_line(heirloom, tmp_path):
    path = tmp_path / "table.csv"
    path.write_text(HEADER + 'lenet5,c3,parameters,"1,516"\nalexnet,,parameters,60M\n', encoding="utf-8")
    done = heirloom("audit", "--table", path)
    assert done.returncode == 0
    assert done.stdout.splitlines()[0] == "2 numbers checked: 1 matches, 1 cut to, 0 wrong"
    path.write_text(HEADER + "lenet5,c3,parameters,1515\n", encoding="utf-8")
    wrong = heirloom("audit", "--table", path, "--format", "csv")
    assert wrong.returncode == 1
    assert next(csv.DictReader(io.StringIO(wrong.stdout)))["verdict"] == "wrong"
    path.write_text(HEADER + "lenet5,c3,parameters,x\n", encoding="utf-8")
    bad = heirloom("audit", "--table", path)
    assert (bad.returncode, len(re.findall("\n", bad.stderr))) == (2, 1)
