"""What a report says of a network that classifies: accuracy, confusions, mistakes, class by class."""

from dataclasses import dataclass
from math import floor
from typing import Any

from torch import Tensor

from heirloom.documents import Html, element, joined, scrolling, table
from heirloom.figures.confusion import (
    MOST_CLASSES,
    Confusion,
    confusions,
    tints,
)
from heirloom.figures.mistakes import Mistake, percent
from heirloom.figures.pixels import image_pixels
from heirloom.measures import class_counts, measure_of, wilson
from heirloom.report_page.calibration import calibration_part
from heirloom.report_page.parts import image, many, share, share_range, share_start

MOST_CONFUSIONS = 15

# Below these tints the numbers stay readable, in the light and in the dark.
_FAINT, _STRONG = 0.06, 0.45


@dataclass(frozen=True)
class Answers:
    """An evaluation, and the worst of its mistakes."""

    evaluation: dict[str, Any]
    mistakes: list[Mistake]
    mistaken: Tensor  # (N, C, H, W) the worst of them, as the network saw them
    others: tuple[dict[str, Any], ...] = ()  # evaluations of the same images by other protocols

    @property
    def classes(self) -> list[str]:
        """Their names."""
        return [each["class"] for each in self.evaluation["per_class"]]

    @property
    def text(self) -> str:
        """The accuracy."""
        return share(self._measured()[1]["value"])

    @property
    def confusions(self) -> list[Confusion]:
        """Pairs of classes, the most frequent first."""
        return confusions(self.evaluation["confusion"])

    def _measured(self) -> tuple[str, dict[str, Any]]:
        """The name of the metric, and its entry in the JSON file."""
        found: tuple[str, dict[str, Any]] = next(iter(self.evaluation["metrics"].items()))
        return found

    def headline(self) -> Html:
        """The accuracy with its interval."""
        metric, value = self._measured()
        low, high = 100 * value["low"], 100 * value["high"]
        start = share_start([value["low"]])
        ends = element(
            "div", element("span", f"{start} %"), element("span", "100 %"), class_="ends", aria_hidden="true"
        )
        return element(
            "div",
            element("b", self.text),
            share_range(value["value"], (value["low"], value["high"]), start),
            ends,
            element("p", f"95 % interval {low:.2f} to {high:.2f}", style="margin-top:.6rem"),
            element(
                "p",
                f"{value['correct']:,} of {value['n']:,} images right, ",
                element("code", metric),
                class_="soft",
            ),
            *(element("p", line, class_="soft small", style="margin-top:.3rem") for line in self._more()),
        )

    def _more(self) -> list[str]:
        """The other metrics, and the published one: where its protocol was followed, beside that."""
        found = [self.evaluation, *self.others]
        metrics = [pair for each in found for pair in each["metrics"].items()]
        lines = [measure_of(metric).line(metric, entry) for metric, entry in metrics[1:]]
        beside = [each["published"] for each in found if "published" in each]
        beside.sort(key=lambda each: each["difference"] is None)
        return [*lines, *(each["text"] for each in beside[:1])]

    def parts(self) -> dict[str, Html]:
        """What was published, confusions, mistakes, calibration and classes."""
        found = self.evaluation.get("calibration")  # evaluations of before have none
        return {
            **_published(self),
            "confusion": _confusion(self),
            "mistakes": _mistakes(self),
            **({"calibration": calibration_part(found)} if found else {}),
            "classes": _classes(self),
        }


def _published(m: Answers) -> dict[str, Html]:
    """The published accuracy above that of the run, where the one can be compared with the other."""
    for found in (m.evaluation, *m.others):
        beside = found.get("published") or {"difference": None}
        if beside["difference"] is None or not measure_of(beside["metric"]).percent:
            continue
        here = found["metrics"][beside["metric"]]
        low, high = here["low"], here["high"]
        start = max(0, floor(100 * min(low, beside["value"])) - 1)
        rows = [
            ["published", share(beside["value"]), share_range(beside["value"], None, start), ""],
            [
                "here",
                share(here["value"]),
                share_range(here["value"], (low, high), start),
                f"{100 * low:.1f} to {100 * high:.1f}",
            ],
        ]
        listed = table(["", beside["metric"], f"{start} to 100 %", "95 % interval"], rows, numeric=(1, 3))
        words = element("p", beside["text"], class_="soft small")
        return {"published": joined(scrolling("Published and measured", listed), words)}
    return {}


def _confusion(m: Answers) -> Html:
    top = _confusion_list(m)
    if len(m.classes) > MOST_CLASSES:
        k = len(m.classes)
        note = f"The whole matrix, {k:,} × {k:,}, is in evaluations/test-center.json."
        return joined(element("p", note, class_="soft small"), top)
    most = max((c.count for c in m.confusions), default=0)
    legends = [_fade("right", "Right, share of the class", "0 %", "100 %")]
    if most:
        legends.append(_fade("wrong", "Wrong, images", "0", f"{most:,}"))
    return element(
        "div",
        element(
            "div",
            scrolling("Confusion matrix", _matrix(m)),
            element("div", *legends, class_="legends"),
            class_="stack",
        ),
        top,
        class_="matrix",
    )


def _matrix(m: Answers) -> Html:
    names, rows, matrix = m.classes, [], m.evaluation["confusion"]
    strength = tints(matrix, _FAINT, _STRONG)
    for i, counts in enumerate(matrix):
        cells, of = [], sum(counts)
        for j, count in enumerate(counts):
            kind = "zero" if not count else "right" if i == j else "wrong"
            tint = f"--a:{strength[i][j]:.2f}" if count else None
            title = f"true {names[i]}, answered {names[j]}: {count} of {of}"
            cells.append(element("td", str(count), class_=kind, style=tint, title=title))
        rows.append(element("tr", element("th", names[i], scope="row", title=names[i]), *cells))
    corner = element("td", element("span", "true class", class_="unseen"))
    heads = [element("th", element("span", name), scope="col", title=name) for name in names]
    return element(
        "table",
        element("caption", element("span", "Images of the test split. Rows: true class. Columns: answer.")),
        element("thead", element("tr", corner, *heads)),
        element("tbody", *rows),
        class_="confusion" + (" long" if max(map(len, names)) > 3 else ""),
    )


def _confusion_list(m: Answers) -> Html:
    if not m.confusions:
        return element("p", "No class was taken for another.")
    rows = []
    for each in m.confusions[:MOST_CONFUSIONS]:
        pair = f"{m.classes[each.label]} → {m.classes[each.answer]}"
        rows.append([pair, f"{each.count:,}", f"{each.of:,}", percent(each.count / each.of)])
    heading = (
        f"The {len(rows)} most frequent of {len(m.confusions)}" if len(rows) < len(m.confusions) else "All"
    )
    listed = table(
        ["true → answered", "images", "of", "share"],
        rows,
        numeric=range(1, 4),
        caption=f"{heading} confusions",
    )
    return scrolling("Most frequent confusions", listed)


def _mistakes(m: Answers) -> Html:
    if not m.mistakes:
        return element("p", f"None: all {m.evaluation['n']:,} images of the test split were answered right.")
    figures = []
    for mistake, shown in zip(m.mistakes, m.mistaken, strict=False):
        alt = f"Test image {mistake.index}: {mistake.label}, answered {mistake.answer}"
        caption = element(
            "figcaption",
            *(element("strong", line, title=line) for line in mistake.names),
            f"true {percent(mistake.label_probability)}",
            element("br"),
            f"said {percent(mistake.probability)}",
            element("br"),
            f"image {mistake.index}",
        )
        figures.append(element("figure", image(image_pixels(shown.numpy()), alt, room=96), caption))
    n, total = len(figures), len(m.mistakes)
    which = f"The worst {n} of {total:,}" if n < total else many(n, "image") + ", all that there are"
    words = f"{which}, as the network sees them: true → answered, and below the probabilities that it gave "
    words += "to the true class and to what it said. The least probable truth comes first."
    return joined(element("p", words, class_="soft small"), element("div", *figures, class_="tiles"))


def _classes(m: Answers) -> Html:
    counts = class_counts(m.evaluation["confusion"])
    per_class = [(name, each) for name, each in zip(m.classes, counts, strict=True)]
    measured = [pair for pair in per_class if pair[1].n]
    shown, note = per_class, ""
    if len(per_class) > MOST_CLASSES:
        shown = sorted(measured, key=lambda pair: pair[1].correct / pair[1].n)[:MOST_CLASSES]
        note = f"The {len(shown)} classes with the lowest accuracy of {len(per_class):,}. "
    start = share_start([wilson(each.correct, each.n)[0] for _, each in shown if each.n])
    rows = []
    for name, each in shown:
        correct, n, others = each.correct, each.n, [share(each.precision), share(each.f1)]
        if not n:
            rows.append([name, "–", "", "–", "0", "0", *others])
            continue
        low, high = wilson(correct, n)
        interval = f"{100 * low:.1f} to {100 * high:.1f}"
        band = share_range(correct / n, (low, high), start)
        rows.append([name, share(correct / n), band, interval, f"{correct:,}", f"{n:,}", *others])
    heads = ["class", "accuracy", f"{start} to 100 %", "95 % interval", "right", "of", "precision", "F1"]
    listed = table(heads, rows, numeric=(1, 3, 4, 5, 6, 7))
    words = f"{note}Dot: accuracy. Band: its 95 % interval, which is wide where a class has few images. "
    words += "The accuracy of a class is its recall; precision is the share of right ones among the images "
    words += "that were taken for it, F1 the harmonic mean of both."
    return joined(element("p", words, class_="soft small"), scrolling("Accuracy of each class", listed))


def _fade(kind: str, title: str, low: str, high: str) -> Html:
    bar = element("span", class_=f"fade {kind}", style=f"--from:{_FAINT};--to:{_STRONG}")
    ends = [element("span", text) for text in (low, "", high)]
    return element(
        "div", element("p", title), element("div", bar, *ends, class_="legend"), class_="small soft"
    )
