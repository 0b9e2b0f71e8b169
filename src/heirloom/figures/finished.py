"""Pictures of a finished run, as its report has them: its curves, its confusions and its worst mistakes."""

import csv
import dataclasses
from pathlib import Path
from typing import Any

from heirloom.data import load_data
from heirloom.errors import HeirloomError
from heirloom.figures.confusion import MOST_CLASSES, confusion_in, confusions
from heirloom.figures.curves import Point, curves_in, describe, kinds_of
from heirloom.figures.mistakes import MOST_MISTAKES, mistakes_sheet, percent, worst_mistakes
from heirloom.figures.picture import Asked, Picture, Subject
from heirloom.figures.reconstructions import chosen, given_back, read_examples, reconstructions_sheet
from heirloom.figures.reliability import describe_reliability, reliability_in
from heirloom.runs import Run


def points_of(events: list[dict[str, Any]]) -> list[Point]:
    """The epochs of a run's log, which has the measures of one task only."""
    names = [field.name for field in dataclasses.fields(Point)]
    epochs = [event for event in events if event.get("event") == "epoch"]
    return [Point(**{name: event[name] for name in names if name in event}) for event in epochs]


def curves(asked: Asked) -> Picture:
    """Loss and accuracy, or error, over the epochs."""
    (subject,) = asked.subjects
    points = points_of(run_of(subject).events())
    if not points:
        raise HeirloomError("E-run", f"{subject.label} has no finished epoch")
    kinds = kinds_of(points)
    title = f"{subject.label}: how it learned"
    words = " ".join(describe(points, kind) for kind in kinds)
    numbers = {"points": [dataclasses.asdict(point) for point in points]}
    return Picture(numbers, title, words, curves_in(asked.theme, points, title, kinds))


def confusion(asked: Asked) -> Picture:
    """Which classes are taken for which, on the test split."""
    (subject,) = asked.subjects
    judged = _evaluation(subject)
    matrix, classes = judged["confusion"], [each["class"] for each in judged["per_class"]]
    if len(classes) > MOST_CLASSES:
        raise HeirloomError(
            "E-argument",
            f"{subject.label} tells {len(classes):,} classes apart",
            why=f"a matrix of more than {MOST_CLASSES} cannot be read",
            remedy="its report lists the largest confusions",
        )
    found = confusions(matrix)
    title = f"{subject.label}: confusions"
    right = sum(matrix[i][i] for i in range(len(matrix)))
    words = f"{right:,} of {sum(map(sum, matrix)):,} test images are answered right."
    if found:
        most = found[0]
        words += f" Most often {classes[most.label]} is taken for {classes[most.answer]}: {most.count} times."
    numbers = {"classes": classes, "confusion": matrix}
    return Picture(numbers, title, words, confusion_in(asked.theme, matrix, classes, title))


def calibration(asked: Asked) -> Picture:
    """How often answers of a certain probability are right, on the test split."""
    (subject,) = asked.subjects
    judged = _evaluation(subject)
    if "calibration" not in judged:
        raise HeirloomError(
            "E-run",
            f"{subject.label} was judged before calibration was measured",
            remedy=f"heirloom evaluate {subject.run}",
        )
    found = judged["calibration"]
    title = f"{subject.label}: calibration"
    words = f"{describe_reliability(found['reliability'])} Expected calibration error "
    words += f"{100 * found['ece']:.2f} points, Brier score {found['brier']:.4g}."
    return Picture(found, title, words, reliability_in(asked.theme, found["reliability"], title))


def mistakes(asked: Asked) -> Picture:
    """The images of the test split that it got most wrong."""
    (subject,) = asked.subjects
    run = run_of(subject)
    _evaluation(subject)
    table = run.path / "evaluations" / "test-center.csv"
    split = load_data(run.recipe.data, fit=subject.preprocess, wait=False).split("test").settled()
    try:
        with table.open(newline="", encoding="utf-8") as file:
            found = worst_mistakes(list(csv.DictReader(file)))
        shown = found[:MOST_MISTAKES]
        images = split.images[[mistake.index for mistake in shown]]
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise HeirloomError("E-run", "cannot read", where=str(table), why=str(error)) from error
    if not shown:
        raise HeirloomError("E-argument", f"{subject.label} makes no mistakes", why="on its test images")
    title = f"{subject.label}: its worst mistakes"
    first = shown[0]
    words = f"The worst {len(shown)} of {len(found):,}. The first is {first.label}, answered {first.answer}, "
    words += f"with {percent(first.probability)}."
    numbers = {"total": len(found), "mistakes": [dataclasses.asdict(mistake) for mistake in shown]}
    sheet = mistakes_sheet(title, subject.preprocess.fit(images), shown, len(found))
    return Picture(numbers, title, words, sheet)


def reconstructions(asked: Asked) -> Picture:
    """Images of the test split beside what it made of them: the best, the middling and the worst."""
    (subject,) = asked.subjects
    run = run_of(subject)
    table = run.path / "evaluations" / "test-center.csv"
    if subject.classes:
        why = "it answers with classes"
        raise HeirloomError("E-argument", f"{subject.label} gives no image back", why=why)
    if not table.is_file():
        raise _unjudged(subject, run)
    split = load_data(run.recipe.data, fit=subject.preprocess, wait=False).split("test").settled()
    try:
        with table.open(newline="", encoding="utf-8") as file:
            groups = chosen(read_examples(list(csv.DictReader(file))))
        shown = [example for examples in groups.values() for example in examples]
        images = subject.preprocess.fit(split.images[[example.index for example in shown]])
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise HeirloomError("E-run", "cannot read", where=str(table), why=str(error)) from error
    made = given_back(subject.model, subject.preprocess, images)
    title = f"{subject.label}: what it gives back"
    words = "; ".join(
        f"{group.lower()}: an error of {each[0].error:#.3g} to {each[-1].error:#.3g}"
        for group, each in groups.items()
    )
    numbers = {name: [dataclasses.asdict(example) for example in each] for name, each in groups.items()}
    return Picture({"examples": numbers}, title, words, reconstructions_sheet(title, groups, images, made))


def _unjudged(subject: Subject, run: Run) -> HeirloomError:
    remedy = f"heirloom evaluate {run.path} --data {run.recipe.data}"
    return HeirloomError("E-run", f"{subject.label} has not been judged yet", remedy=remedy)


def run_of(subject: Subject) -> Run:
    """The run that it comes from. Raises `HeirloomError` (``E-argument``) where it comes from none."""
    if subject.run is None:
        raise HeirloomError(
            "E-argument",
            f"{subject.label} is no run",
            why="this picture is made of what a training left",
            remedy="give a run directory",
        )
    return Run(Path(subject.run))


def _evaluation(subject: Subject) -> dict[str, Any]:
    run = run_of(subject)
    if not (run.path / "evaluations" / "test-center.json").is_file():
        raise _unjudged(subject, run)
    found = run.read_json("evaluations/test-center.json")
    if not isinstance(found, dict) or "confusion" not in found:
        raise HeirloomError("E-argument", f"{subject.label} has no classes", why="it gives back an image")
    return found
