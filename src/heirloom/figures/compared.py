"""Two runs on the same images: which both answer right, which one alone, and which neither."""

import csv
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from heirloom.comparison import Comparison, compare
from heirloom.data import is_path, load_data
from heirloom.errors import HeirloomError
from heirloom.figures.canvas import Canvas, fitted, width_of
from heirloom.figures.finished import run_of
from heirloom.figures.mistakes import percent
from heirloom.figures.page import MARGIN, SMALL, TEXT, WIDTH, Page, enlarged
from heirloom.figures.picture import Asked, Picture, Subject
from heirloom.figures.pixels import Pixels, image_pixels

MOST_CLASSES = 24
"""Rows of the table of classes; of more, those that differ most."""
_SHOWN = 5
"""Images of each kind."""
_ROOM, _STEP = 112, 156
"""Side of an image, and from one to the next."""
_ASIDE = MARGIN + _SHOWN * _STEP + 26
"""Where the table of classes begins, beside the images."""


@dataclass(frozen=True)
class Counts:
    """The images of one class, or all.

    Attributes:
        label: Name of the class.
        both: Images that both networks answer right.
        first: That the first alone does.
        second: That the second alone does.
        neither: That neither does.
    """

    label: str
    both: int
    first: int
    second: int
    neither: int

    @property
    def n(self) -> int:
        """All of them."""
        return self.both + self.first + self.second + self.neither

    @property
    def difference(self) -> float:
        """Accuracy of the second less that of the first."""
        return (self.second - self.first) / self.n


@dataclass(frozen=True)
class Pair:
    """One image, and what two networks say of it.

    Attributes:
        index: Which image of the split.
        label: Its class.
        answers: What they answer.
        sure: What probability they give to that.
        truths: What probability they give to its class.
    """

    index: int
    label: str
    answers: tuple[str, str]
    sure: tuple[float, float]
    truths: tuple[float, float]

    @property
    def right(self) -> tuple[bool, bool]:
        """Which of them is right."""
        first, second = self.answers
        return first == self.label, second == self.label


def picture(asked: Asked) -> Picture:
    """Two runs that were trained on the same data, on its test split.

    Raises:
        HeirloomError: (``E-usage``) There are not two, or they do not compare; (``E-argument``) they give
            back images, of which none is right or wrong.
    """
    if len(asked.subjects) != 2:
        raise HeirloomError("E-usage", "the picture compare shows two runs", remedy="name two")
    learned = sorted({subject.data for subject in asked.subjects if subject.run and subject.data})
    if len(learned) == 2 and not any(map(is_path, learned)):
        why = f"they were trained on different data, {' and '.join(learned)}"
        raise HeirloomError("E-usage", "these do not compare", why=why, remedy="name two of the same data")
    paths = [run_of(subject).path for subject in asked.subjects]
    found = compare(paths[0], paths[1])
    if found.only is None:
        raise HeirloomError(
            "E-argument",
            "these give back images, of which none is right or wrong",
            remedy=f"heirloom compare {paths[0]} {paths[1]}",
        )
    pairs = pairs_of(*(_rows(path) for path in paths))
    total, classes = counted(pairs)
    shown = {kind: chosen(pairs, *right) for kind, right in _KINDS.items()}
    names = names_of(asked.subjects)
    title = f"{names[0]} and {names[1]}"
    numbers: dict[str, Any] = {
        "networks": list(names),
        **{key: value for key, value in found.as_dict().items() if key not in ("schema", "networks")},
        "total": asdict(total),
        "classes": [asdict(each) for each in classes],
        "shown": {kind: [asdict(pair) for pair in some] for kind, some in shown.items()},
    }
    canvas = _drawn(found, names, total, classes, shown, _pictures(asked.subjects[0], shown))
    words = f"{found.text}. Both right {total.both:,}, {names[0]} alone {total.first:,}, "
    words += f"{names[1]} alone {total.second:,}, neither {total.neither:,}."
    return Picture(numbers, title, words, canvas)


_KINDS = {"first": (True, False), "second": (False, True), "neither": (False, False)}


def names_of(subjects: Sequence[Subject]) -> tuple[str, str]:
    """What two runs are called: by their folders, and those around them where these are called the same."""
    first, second = (subject.label for subject in subjects)
    if first != second:
        return first, second
    one, other = (Path(subject.run or subject.label).resolve() for subject in subjects)
    return f"{one.parent.name}/{one.name}", f"{other.parent.name}/{other.name}"


def pairs_of(first: Sequence[dict[str, str]], second: Sequence[dict[str, str]]) -> list[Pair]:
    """The rows of the evaluations of two networks, image by image."""
    return [
        Pair(
            int(one["index"]),
            one["label"],
            (one["answer"], other["answer"]),
            (float(one["probability"]), float(other["probability"])),
            (float(one["label_probability"]), float(other["label_probability"])),
        )
        for one, other in zip(first, second, strict=True)
    ]


def counted(pairs: Sequence[Pair]) -> tuple[Counts, list[Counts]]:
    """How many of all images, and of each class; the class that the second gains most in comes first."""
    found: dict[str, list[int]] = {}
    for pair in pairs:
        first, second = pair.right
        found.setdefault(pair.label, [0, 0, 0, 0])[3 - 2 * first - second] += 1
    classes = [
        Counts(label, both, first, second, neither) for label, (both, first, second, neither) in found.items()
    ]
    total = Counts("all", *(sum(column) for column in zip(*found.values(), strict=True)))
    return total, sorted(classes, key=lambda each: (-each.difference, each.label))


def chosen(pairs: Sequence[Pair], first: bool, second: bool) -> list[Pair]:
    """The images of a kind that are shown: where the networks differ, those on which they do most.

    Where neither is right, those whose class both find least probable.
    """
    some = [pair for pair in pairs if pair.right == (first, second)]
    if first == second:
        return sorted(some, key=lambda pair: (max(pair.truths), pair.index))[:_SHOWN]
    return sorted(some, key=lambda pair: (-abs(pair.truths[0] - pair.truths[1]), pair.index))[:_SHOWN]


def _rows(run: Path) -> list[dict[str, str]]:
    table = run / "evaluations" / "test-center.csv"
    try:
        with table.open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))
    except OSError as error:
        raise HeirloomError("E-run", "cannot read", where=str(table), why=str(error)) from error


def _pictures(subject: Subject, shown: dict[str, list[Pair]]) -> dict[int, Pixels]:
    """The images by their indices, as the first network sees them."""
    indices = [pair.index for some in shown.values() for pair in some]
    split = load_data(str(subject.data), fit=subject.preprocess, wait=False).split("test").settled()
    return {i: image_pixels(subject.preprocess.fit(split.images[i : i + 1])[0].numpy()) for i in indices}


# The drawing ----------------------------------------------------------------------------------------------


def _drawn(
    found: Comparison,
    names: tuple[str, str],
    total: Counts,
    classes: list[Counts],
    shown: dict[str, list[Pair]],
    pictures: dict[int, Pixels],
) -> Canvas:
    half = (WIDTH - 2 * MARGIN - 100) / 2
    page = Page(" and ".join(fitted(name, 30, half, bold=True) for name in names), found.text)
    page.y += 6
    _bar(page, total, names)
    page.y += 14
    top = page.y
    _classes(page, classes)
    short = [fitted(name, TEXT, 320, bold=True) for name in names]
    below, page.y = page.y, top
    for kind, words, order in (
        ("first", f"{short[0]} alone is right", "those that differ most"),
        ("second", f"{short[1]} alone is right", "those that differ most"),
        ("neither", "Neither is right", "the least probable classes"),
    ):
        count = getattr(total, kind)
        if not count:
            continue
        which = f"{len(shown[kind])} of {count:,}, {order}" if count > len(shown[kind]) else f"all {count}"
        page.section(words, which, room=_ASIDE - MARGIN - 40)
        _images(page, shown[kind], pictures)
        page.y += 14
    words = "Below each image its class, then what each of the two says, and how surely."
    page.canvas.text(MARGIN, page.y + 8, words, SMALL, colour="soft")
    page.y += 20
    return page.finished(below)


def _bar(page: Page, total: Counts, names: tuple[str, str]) -> None:
    """All images as one bar of four parts, and what they are."""
    room, x = WIDTH - 2 * MARGIN, float(MARGIN)
    at, y = x, page.y
    for count, words, fill, edge in (
        (total.both, "both right", "pool", "pool_edge"),
        (total.first, f"{fitted(names[0], SMALL, 180)} alone", "join", "join_edge"),
        (total.second, f"{fitted(names[1], SMALL, 180)} alone", "conv", "conv_edge"),
        (total.neither, "neither", "squash", "squash_edge"),
    ):
        wide = room * count / total.n
        if count:
            page.canvas.rect(x, y, wide, 30, fill=fill, stroke=edge)
        x += wide
        page.canvas.rect(at, y + 46, 14, 14, fill=fill, stroke=edge)
        page.canvas.text(at + 22, y + 58, words, SMALL)
        told = f"{count:,}"
        page.canvas.text(at + 30 + width_of(words, SMALL), y + 58, told, SMALL, bold=True)
        at += room / 4
    page.y += 74


def _images(page: Page, some: list[Pair], pictures: dict[int, Pixels]) -> None:
    top, tall = page.y, 0.0
    for place, pair in enumerate(some):
        x = MARGIN + place * _STEP
        high, _ = page.picture(x, top, enlarged(pictures[pair.index], _ROOM), _ROOM)
        tall = max(tall, high)
    for place, pair in enumerate(some):
        x, y = MARGIN + place * _STEP, top + tall + 19
        page.canvas.text(x, y, fitted(pair.label, SMALL, _STEP - 16, bold=True), SMALL, bold=True)
        for line, (answer, sure, right) in enumerate(zip(pair.answers, pair.sure, pair.right, strict=True)):
            said = percent(sure)
            room = _STEP - 16 - width_of(said, SMALL)
            below = y + 21 * (line + 1)
            colour = "good" if right else "bad"
            page.canvas.text(x, below, fitted(answer, SMALL, room - 6), SMALL, colour=colour)
            page.canvas.text(x + _STEP - 16, below, said, SMALL, colour="soft", anchor="end")
    page.y = top + tall + 19 + 42 + 12


def _classes(page: Page, classes: list[Counts]) -> None:
    """A row for each class: what each has alone, to both sides of a line."""
    differing = [each for each in classes if each.first or each.second]
    some = sorted(differing, key=lambda each: -(each.first + each.second))[:MOST_CLASSES]
    some = [each for each in classes if each in some]
    right = WIDTH - MARGIN
    which = "right alone" if len(some) == len(classes) else f"{len(some)} of {len(classes):,}"
    page.section("Class by class", which, x=_ASIDE, room=right - _ASIDE - 62)
    page.canvas.text(right, page.y - 12, "points", SMALL, colour="soft", anchor="end")
    if not some:
        return
    most = max(max(each.first, each.second) for each in some)
    half, row = 92.0, 27
    middle = right - 80 - half
    canvas, top = page.canvas, page.y
    for place, each in enumerate(some):
        y = top + row * place
        canvas.text(_ASIDE, y + 17, fitted(each.label, SMALL, middle - half - _ASIDE - 8), SMALL)
        for side, count, fill in ((-1, each.first, "join"), (1, each.second, "conv")):
            wide = (half - 48) * count / most
            if count:
                canvas.rect(
                    min(middle, middle + side * wide), y + 3, wide, row - 8, fill=fill, stroke=f"{fill}_edge"
                )
            anchor = "end" if side < 0 else "start"
            canvas.text(middle + side * (wide + 7), y + 17, f"{count:,}", SMALL, colour="soft", anchor=anchor)
        points = f"{100 * each.difference:+.2f}".replace("-", "−")
        canvas.text(right, y + 17, points, SMALL, anchor="end")
    canvas.line([(middle, top), (middle, top + row * len(some))], "soft")
    page.y = top + row * len(some) + 6
