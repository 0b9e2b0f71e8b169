"""The numbers of the lecture decks: worked out again, and held against texts that are made up here."""

import csv
import io
import json
import random
import re
from dataclasses import replace
from itertools import pairwise, product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import heirloom.auditing.lectures as lectures
from heirloom.auditing import audit_lectures, contradictions
from heirloom.auditing.lectures import DECKS
from heirloom.auditing.lectures.coverage import Coverage, covered
from heirloom.auditing.lectures.deck import Aside, Deck, Formula, Says, Told, World, names, texts, whole
from heirloom.auditing.lectures.examples import CHANNEL, DIAGONAL, FILTER, IMAGE, convolved
from heirloom.auditing.lectures.numerals import numerals
from heirloom.auditing.verdicts import WORDS, word
from heirloom.errors import HeirloomError
from heirloom.models.lenet5 import C3_READS
from heirloom.recipes import find_recipe

FOUND = audit_lectures().findings


@pytest.mark.parametrize("found", FOUND, ids=[f"{f.deck}-{f.line}-{f.about[:30]}" for f in FOUND])
def test_every_number_of_the_decks(found):
    assert found.holds, found
    assert word(found.words) in WORDS
    assert found.about
    assert found.arithmetic
    if word(found.words) == "contradicts":
        assert len(found.words.partition(": ")[2]) > 10, "a contradiction needs its reason"


def test_there_are_several_hundred():
    assert sum(f.count for f in FOUND) > 800
    assert {f.deck for f in FOUND} == {deck.number for deck in DECKS}
    assert [(f.deck, f.line) for f in FOUND] == sorted((f.deck, f.line) for f in FOUND)


# Copied from the fact sheet's list of contradictions: its number, a deck, a line, what is printed, ours.
LEDGER = [
    ("1", "001", 152, "60,850", "60,000"),
    ("1", "001", 152, "340,918", "340,908"),
    ("5", "000", 50, "5 rows", "6 rows"),
    ("6", "001", 50, "Avg. pooling", "trainable subsampling"),
    ("7", "004", 116, "≈ 1,500", "1,672"),
    ("7", "004", 118, "1.5K", "1,672"),
    ("7", "004", 122, "0", "44"),
    ("7", "004", 127, "≈ 61,500", "60,000"),
    ("9", "000", 239, "62.3 million", "60,965,224"),
    ("9", "002", 1370, "62.3 million", "60,965,224"),
    ("10", "001", 273, "3x3x128", "3×3×256"),
    ("11", "001", 369, "227x227x3", "224×224×3"),
    ("11", "002", 1260, "227 x 227 x 3", "224×224×3"),
    ("11", "004", 134, "227 × 227 × 3", "224×224×3"),
    ("13", "002", 1289, "11 × 11 × 3 × 96 = 34848", "34,944"),
    ("14", "003", 45, "55 X 55 X 96", "27×27×96"),
    ("15", "003", 50, "43264", "9,216"),
    ("16", "002", 1269, "6 x 6 x 256", "4,096"),
    ("17", "001", 304, "1 for 2,4,5th conv. 0 for others", "1 in conv2, conv4, conv5, fc6 and fc7"),
    ("18", "001", 245, "15.4%", "15.3%"),
    ("25", "003", 56, "~ 52", "163"),
    ("26", "003", 19, "7/3", "2"),
    ("27", "001", 422, "55 x 55 x 96", "8×8×96"),
    ("27", "001", 378, "9216", "4,096"),
    ("28", "004", 240, "98.1", "97.96"),
    ("28", "004", 245, "99.7%", "99.61"),
    ("29", "004", 30, "7", "8"),
    ("30", "002", 1149, "Wide ResNet -fractal network", "two networks: Wide ResNet, and FractalNet"),
    ("30", "002", 1150, "ResNeXT -squeezeNet", "two networks: ResNeXt, and SqueezeNet"),
    ("30b", "001", 363, "256 * 6 * 6", "6,400"),
    ("30c", "004", 216, "7", "8"),
    ("30c", "004", 218, "50k", "150,528"),
]


@pytest.mark.parametrize(("row", "deck", "line", "printed", "ours"), LEDGER)
def test_the_known_contradictions(row, deck, line, printed, ours):
    found = [f for f in FOUND if (f.deck, f.line, f.printed, f.ours) == (deck, line, printed, ours)]
    assert found, [f for f in FOUND if (f.deck, f.line) == (deck, line)]
    assert word(found[0].words) == "contradicts", row


@pytest.mark.parametrize(
    ("deck", "line", "printed", "words"),
    [
        ("001", 76, "(32*32+1)*28*28*6=4,821,600", "matches"),
        ("001", 71, "(5*5+1)*32*32*6", "matches"),
        ("002", 952, "30730", "matches"),
        ("002", 961, "280", "matches"),
        ("002", 505, "28 × 28 × 6", "matches"),
        ("002", 862, "252 × 252 × 8", "matches"),
        ("002", 1144, "22", "matches"),
        ("002", 1146, "152", "matches"),
        ("000", 240, "58.6 million", "rounds to"),
        ("000", 153, "60 million", "cut to: it rounds to 61 million"),
        ("004", 176, "62,378,344", "matches"),
        ("004", 213, "138M", "rounds to"),
        ("004", 241, "1.6", "rounds to"),
        ("004", 163, "227x227x3", "matches"),
        ("004", 180, "3M", "cut to: it rounds to 4M"),
    ],
)
def test_what_the_decks_have_right(deck, line, printed, words):
    assert [f.words for f in FOUND if (f.deck, f.line, f.printed) == (deck, line, printed)] == [words]


@pytest.mark.parametrize(
    ("deck", "line", "printed", "remark"),
    [
        ("000", 139, "150,000", "the competition of 2010"),
        ("002", 1226, "1.3 million", "the competition of 2012"),
        ("002", 1226, "1,00,000", "the competition of 2012"),
        ("003", 30, "75", "10.67 epochs"),
        ("003", 30, "0.01", "Caffe's begins with 0.01"),
        ("004", 207, "2015", "the conference"),
    ],
)
def test_what_cannot_be_derived_says_of_what_it_is_true(deck, line, printed, remark):
    (words,) = [f.words for f in FOUND if (f.deck, f.line, f.printed) == (deck, line, printed)]
    assert word(words) == "cannot be derived"
    assert remark in words


def test_no_claim_is_compared_with_its_own_text():
    for deck in DECKS:
        for says in deck.says:
            printed = {re.sub(r"\s", "", side) for side in (says.text, *says.text.split("="), says.shown)}
            if isinstance(says.ours, Told):
                assert says.ours.words not in printed, says
            if isinstance(says.ours, Formula):
                assert re.sub(r"\s", "", says.ours.text) not in printed, says
                assert len(numerals(says.ours.text)) > 1, says


def test_a_deck_is_no_source():
    assert not [f for f in FOUND if "lecture deck" in f.words + f.arithmetic]


def test_padded_connections_and_the_perceptron_in_full():
    ours = {(f.deck, f.line): f.ours for f in FOUND if f.deck == "001" and f.line in (71, 76)}
    assert ours == {("001", 71): f"{32**2 * 6 * 26:,}", ("001", 76): f"{1025 * 4704:,}"}


def by_hand(image, kernel):
    """The convolution in plain loops."""
    side = len(image) - len(kernel) + 1
    return tuple(
        tuple(
            sum(image[y + i][x + j] * kernel[i][j] for i, j in product(range(3), repeat=2))
            for x in range(side)
        )
        for y in range(side)
    )


def test_the_convolution_by_hand():
    result = by_hand(IMAGE, FILTER)
    assert convolved(IMAGE, FILTER) == result
    assert result[0][:3] == (2, -17, -6)
    (whole_result,) = [f for f in FOUND if (f.deck, f.line) == ("002", 271)]
    assert whole_result.words == "answered"
    assert [int(n) for n in re.findall(r"-?\d+", whole_result.ours)] == [n for row in result for n in row]
    colour = convolved(CHANNEL, DIAGONAL, channels=3)
    assert colour == tuple(tuple(3 * n for n in row) for row in by_hand(CHANNEL, DIAGONAL))


def test_questions_are_answered():
    answers = {f.line: f.ours for f in FOUND if f.words == "answered"}
    assert answers[875] == "4"
    assert answers[918] == "64×64×10"
    assert answers[919] == "760"
    assert answers[1160] == "60,000"


def test_the_missing_row_of_the_connection_table():
    reads_last = [c for c, maps in enumerate(C3_READS) if 5 in maps]
    (found,) = [f for f in FOUND if (f.deck, f.line, f.printed) == ("000", 50, "5 rows")]
    assert [int(n) for n in re.findall(r"\d+", found.words.partition("maps ")[2])] == reads_last


def test_the_rows_of_the_connection_table():
    rows = [f for f in FOUND if f.deck == "000" and 50 <= f.line <= 54 and "that read map" in f.about]
    assert [[int(n) for n in f.printed.split(", ")] for f in rows] == [
        [c for c, maps in enumerate(C3_READS) if row in maps] for row in range(5)
    ]
    assert {f.words for f in rows} == {"matches"}


@pytest.mark.parametrize("line", range(50, 55))
def test_a_changed_row_of_the_connection_table_is_found(line, tmp_path):
    lines = made_up(DECKS[0])
    lines[line - 1] = lines[line - 1].replace("X\tX\tX", "X\t\tX", 1)
    (found,) = held_against(DECKS[0], lines, tmp_path).missing[:1]
    assert found.line == line


def test_caffes_own_training_is_as_the_remark_says():
    _, recipe = find_recipe("lenet_caffe_mnist")
    assert recipe.max_steps is not None
    assert round(recipe.max_steps * recipe.batch_size / 60_000, 2) == 10.67


def test_the_list_of_contradictions():
    found = contradictions()
    assert all(c.where and c.about and c.printed and c.ours and c.why for c in found)
    assert {c.model for c in found} >= {"", "alexnet", "googlenet"}
    of_decks = [c for c in found if not c.model]
    assert len(of_decks) == sum(word(f.words) == "contradicts" for f in FOUND) > 50
    assert any("lecture deck 003, line 56" in c.where and c.ours == "163" for c in of_decks)


# Texts of the decks, made up of what the claims and the reasons say: no lecture is needed.


def made_up(deck: Deck) -> list[str]:
    """A text that has everything that a deck's data name, and nothing more."""
    lines: dict[int, list[str]] = {}

    def put(line: int, text: str) -> None:
        for i, part in enumerate(text.split("\n")):
            lines.setdefault(line + i, []).append(part)

    for says in deck.says:
        for line in says.places:
            put(line, says.text)
        for line, text in says.also:
            put(line, text)
    for aside in deck.asides:
        for line in aside.lines:
            put(line, "; ".join(aside.texts or ["4"] * aside.count))
    last = max(lines)
    return ["; ".join(lines.get(n, [""])) for n in range(1, last + 1)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("decks")
    for deck in DECKS:
        (place / f"{deck.number}-a-deck.txt").write_text("\n".join(made_up(deck)), encoding="utf-8")
    return place


def test_nothing_is_left_over(folder):
    found = covered(DECKS, folder)
    assert found.left == []
    assert found.missing == []
    assert found.claimed > 1_500
    assert all(found.aside.values())
    assert audit_lectures(folder).holds


def held_against(deck: Deck, lines: list[str], place: Path) -> Coverage:
    (place / f"{deck.number}.txt").write_text("\n".join(lines), encoding="utf-8")
    return covered((deck,), place)


@pytest.mark.parametrize("deck", DECKS, ids=[deck.number for deck in DECKS])
def test_without_a_claim_its_number_is_left_over(deck, tmp_path):
    lines, choose = made_up(deck), random.Random(3)
    with_numbers = [says for says in deck.says if numerals(says.text)]
    for says in choose.sample(with_numbers, 8):
        fewer = replace(deck, says=tuple(other for other in deck.says if other is not says))
        found = held_against(fewer, lines, tmp_path)
        assert found.left, says
        assert {left.line for left in found.left} & set(says.places)


@pytest.mark.parametrize("deck", DECKS, ids=[deck.number for deck in DECKS])
def test_a_changed_digit_is_found(deck, tmp_path):
    lines, choose = made_up(deck), random.Random(4)
    for _ in range(8):
        says = choose.choice([says for says in deck.says if numerals(says.text)])
        line = choose.choice(says.places) - 1
        place = choose.choice([i for i, c in enumerate(lines[line]) if c.isdigit()])
        other = choose.choice([d for d in "0123456789" if d != lines[line][place]])
        changed = [*lines]
        changed[line] = lines[line][:place] + other + lines[line][place + 1 :]
        assert not held_against(deck, changed, tmp_path).complete, (changed[line], lines[line])


def test_lines_that_moved_are_found(tmp_path):
    deck = DECKS[3]
    found = held_against(deck, ["", *made_up(deck)], tmp_path)
    assert found.left
    assert found.missing


ONE = Deck(
    "900",
    "one",
    (Says(2, "96", "maps", Formula("90 + 6")), Says((2, 3), "55 x 55 x 96", "a size", World("made up"))),
    (
        texts("a name", 2, "Conv 1"),
        *names("a network", {"LeNet-5": (1, 6)}),
        whole("a picture", 3, 5),
        whole("a picture", 1, range(7, 9)),
    ),
)
TEXT = ["LeNet-5", "Conv 1\t96\t55 x 55 x 96", "55 x 55 x 96", "", "1 2 3", "LeNet-5", "7", "8"]


def test_a_deck_of_ones_own(tmp_path):
    found = held_against(ONE, TEXT, tmp_path)
    assert (found.claimed, found.left, found.missing) == (7, [], [])
    assert found.aside == {"a name": 1, "a network": 2, "a picture": 5}
    (tmp_path / "notes.txt").write_text("9", encoding="utf-8")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG")
    assert covered((ONE,), tmp_path).strangers == ["notes.txt"]


@pytest.mark.parametrize(
    ("line", "text", "left", "missing"),
    [
        (2, "Conv 1\t96\t155 x 55 x 96", {"155", "55", "96"}, {"55 x 55 x 96"}),
        (2, "Conv 1\t96\t55 x 55 x 961", {"55", "961"}, {"55 x 55 x 96"}),
        (2, "Conv 2\t96\t55 x 55 x 96", {"2"}, {"Conv 1"}),
        (2, "Conv 1\t96\t55 x 55 x 96\t4", {"4"}, set()),
        (2, "Conv 1\t55 x 55 x 96", set(), {"96"}),
        (4, "in 2012", {"2012"}, set()),
        (4, "at 10²", {"10", "²"}, set()),
        (4, "LeNet-5", {"5"}, set()),
        (2, "Conv 1\t55 x 55 x 96\t96", {"55", "96"}, {"55 x 55 x 96"}),
        (2, "Conv 1\t96\t55 x 55 x 96 x 2", {"55", "96", "2"}, {"55 x 55 x 96"}),
        (2, "Conv 1\t-96\t55 x 55 x 96", {"96"}, {"96"}),
        (2, "Conv 1\t96K\t55 x 55 x 96", {"96"}, {"96"}),
        (2, "Conv 1\t96 x 10^6\t55 x 55 x 96", {"96", "10", "6"}, {"96"}),
        (3, "55 x 55 x 96 million", {"55", "96"}, {"55 x 55 x 96"}),
        (3, r"55 x 55 x 96\%", {"55", "96"}, {"55 x 55 x 96"}),
        (5, "1 2", {"1", "2"}, {"3 numbers"}),
        (5, "1 2 3 4", {"1", "2", "3", "4"}, {"3 numbers"}),
    ],
)
def test_what_is_left_over_and_what_is_missing(line, text, left, missing, tmp_path):
    found = held_against(ONE, [*TEXT[: line - 1], text, *TEXT[line:]], tmp_path)
    assert {each.number for each in found.left} == left
    assert {each.text for each in found.missing} == missing
    assert not found.complete


@pytest.mark.parametrize("beside", ["- 96", "-\t96", "96 kernels", "96 (x)", "conv-96"])
def test_what_stands_beside_a_number_and_is_no_part_of_it(beside, tmp_path):
    assert held_against(ONE, [TEXT[0], f"Conv 1\t{beside}\t55 x 55 x 96", *TEXT[2:]], tmp_path).complete


def test_a_name_that_is_nowhere_is_missing(tmp_path):
    found = held_against(ONE, [line.replace("LeNet-5", "") for line in TEXT], tmp_path)
    assert [(m.line, m.text) for m in found.missing] == [(1, "LeNet-5"), (6, "LeNet-5")]


@pytest.mark.parametrize(
    ("number", "line", "before", "after"),
    [
        ("000", 83, "48120", "48120 billion"),
        ("003", 17, "10", "-10"),
        ("003", 43, "96", "96 million"),
        ("004", 213, "138M", "-138M"),
        ("004", 217, "60k; 60M; 140M", "60k; 140M; 60M"),
        ("002", 1361, "0.5; 128", "128; 0.5"),
        ("001", 341, "256; 384", "384; 256"),
        ("003", 130, "Case 1: ", "Case 1: an MLP of 4,821,600 weights,"),
        ("003", 170, "", " 1/4 of 3 of 4 weights: "),
        ("004", 17, "4", "4 and 4"),
    ],
)
def test_a_changed_claim_is_found(number, line, before, after, tmp_path):
    (deck,) = [deck for deck in DECKS if deck.number == number]
    lines = made_up(deck)
    assert before in lines[line - 1]
    lines[line - 1] = lines[line - 1].replace(before, after) if before else after
    assert not held_against(deck, lines, tmp_path).complete


@pytest.mark.parametrize("deck", DECKS, ids=[deck.number for deck in DECKS])
def test_two_claims_that_change_places_are_found(deck, tmp_path):
    on: dict[int, list[str]] = {}
    for says in deck.says:
        for line in says.places:
            if numerals(says.text) and "\n" not in says.text:
                on.setdefault(line, []).append(says.text)
    swapped = 0
    for line, found in random.Random(5).sample(sorted(on.items()), min(40, len(on))):
        lines = made_up(deck)
        for first, second in pairwise(found):
            if first.strip() not in second and second.strip() not in first:
                there = f"{first}; {second}"
                assert there in lines[line - 1]
                lines[line - 1] = lines[line - 1].replace(there, f"{second}; {first}", 1)
                assert not held_against(deck, lines, tmp_path).complete, (line, there)
                swapped += 1
                break
    assert swapped


@given(st.data())
def test_what_is_claimed_once_is_used_up_once(data):
    """As many equal numbers are left over as there are more of them than claims."""
    printed, claimed = data.draw(st.integers(0, 5)), data.draw(st.integers(0, 5))
    deck = Deck("901", "", tuple(Says(1, "7", "a number", World("made up")) for _ in range(claimed)), ())
    found = Coverage()
    from heirloom.auditing.lectures.coverage import _compare

    _compare(deck, [" ".join(["7"] * printed)], found)
    assert len(found.left) == max(0, printed - claimed)
    assert len(found.missing) == max(0, claimed - printed)


def test_no_line_is_set_aside_as_a_whole_that_has_a_claim():
    """Else a claim could be forgotten there."""
    for deck in DECKS:
        lines = {line for aside in deck.asides if aside.lines and not aside.texts for line in aside.lines}
        claimed = {line for says in deck.says for line in (*says.places, *(line for line, _ in says.also))}
        assert not lines & claimed, deck.number
        assert all(aside.reason for aside in deck.asides)


def test_folders_that_cannot_be_held_against(folder, tmp_path):
    with pytest.raises(HeirloomError, match=r"cannot read the folder: .*nowhere: no such file"):
        audit_lectures(tmp_path / "nowhere")
    with pytest.raises(HeirloomError, match=r"no text of deck 000: .* no file is named 000\*\.txt"):
        audit_lectures(tmp_path)
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "003-again.txt").write_text("", encoding="utf-8")
    with pytest.raises(HeirloomError, match=r"2 texts of deck 003: .*003-a-deck\.txt, 003-again\.txt"):
        audit_lectures(tmp_path)
    (tmp_path / "003-again.txt").unlink()
    (tmp_path / "001-a-deck.txt").write_bytes(b"caf\xe9")
    with pytest.raises(HeirloomError, match=r"cannot read the text: .*001-a-deck\.txt: it is not utf-8"):
        audit_lectures(tmp_path)


@pytest.mark.parametrize(
    ("says", "words"),
    [
        (Says(1, "60,001", "x", Formula("60000")), "wrong"),
        (Says(1, "60,000", "x", Formula("60000"), why="because"), "wrong: explained, and yet it matches"),
        (
            Says(1, "7", "x", Formula("8"), why="because", theirs=Formula("5 + 3")),
            "wrong: 5 + 3 does not explain it",
        ),
        (Says(1, "7", "x", Formula("8"), why="because", theirs=Formula("5 + 2")), "contradicts: because"),
        (Says(1, "units: 8", "x", Formula("8")), "matches"),
        (Says(1, "", "x", Formula("8")), "answered"),
        (Says(1, "1998", "x", World("a year")), "cannot be derived: a year"),
    ],
)
def test_verdicts_on_a_deck(says, words, monkeypatch):
    monkeypatch.setattr(lectures, "DECKS", (Deck("900", "one", (says,), ()),))
    (found,) = audit_lectures().findings
    assert found.words == words
    assert found.holds == (not words.startswith("wrong"))


def test_on_the_command_line(heirloom, folder, monkeypatch):
    done = heirloom("audit", "lectures", "--against", folder)
    assert (done.returncode, done.stderr) == (0, "")
    first = done.stdout.splitlines()[0]
    assert re.fullmatch(r"8\d\d numbers of 5 lecture decks checked: .*, 0 wrong", first)
    assert "0 are left over; 0 of our texts are not there" in done.stdout
    rows = list(csv.DictReader(io.StringIO(heirloom("audit", "lectures", "--format", "csv").stdout)))
    assert len(rows) == sum(f.count for f in FOUND)
    assert {"deck": "003", "line": "56", "printed": "~ 52", "ours": "163"}.items() <= next(
        row for row in rows if row["deck"] == "003" and row["line"] == "56"
    ).items()
    data = json.loads(heirloom("audit", "lectures", "--against", folder, "--format", "json").stdout)
    assert (len(data["findings"]), data["against"]["left"]) == (len(rows), [])
    assert sum(data["against"]["set_aside"].values()) > 300
    for form, mark in (("markdown", "| line |"), ("latex", r"\begin{tabular}")):
        assert heirloom("audit", "lectures", "--format", form).stdout.count(mark) == 5
    wrong = Deck("900", "one", (Says(1, "7", "x", Formula("8")),), (Aside("a year", (2,)),))
    monkeypatch.setattr(lectures, "DECKS", (wrong,))
    assert heirloom("audit", "lectures").returncode == 1


def test_what_is_left_over_is_listed(heirloom, folder, tmp_path):
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    text = tmp_path / "004-a-deck.txt"
    text.write_text(text.read_text(encoding="utf-8") + "\nof 1234 and\n", encoding="utf-8")
    (tmp_path / "other.txt").write_text("", encoding="utf-8")
    done = heirloom("audit", "lectures", "--against", tmp_path)
    assert done.returncode == 1
    line = len(text.read_text(encoding="utf-8").split("\n")) - 1
    assert f"Left over: deck 004, line {line}: 1234 in 'of 1234 and'." in done.stdout
    assert "Not a deck: other.txt." in done.stdout
    rows = list(
        csv.DictReader(
            io.StringIO(heirloom("audit", "lectures", "--against", tmp_path, "--format", "csv").stdout)
        )
    )
    assert [row["printed"] for row in rows if row["verdict"] == "left over"] == ["1234"]


def test_the_table_fits_a_narrow_terminal():
    from heirloom.auditing.showing import lectures_text

    for width in (80, 160):
        lines = lectures_text(audit_lectures(), "text", width).splitlines()
        # The line that names what is left out is the same for all tables.
        assert max(len(line) for line in lines if not line.startswith("Left out")) <= width


def test_options_that_do_not_go_together(heirloom, folder):
    refused = heirloom("audit", "lenet5", "--against", folder)
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert heirloom("audit", "lenet5", "--table", "x.csv").returncode == 2
