"""What a report says of a network that gives its input back: its error, and examples of what it makes."""

import statistics
from dataclasses import dataclass
from math import sqrt
from typing import Any

from torch import Tensor

from heirloom.documents import Html, element, joined, scrolling, table
from heirloom.figures.pixels import image_pixels
from heirloom.figures.reconstructions import Example, chosen
from heirloom.measures import ERROR
from heirloom.report_page.parts import image, many

MOST_CLASSES = 30
"""Rows of the table of classes; of more, those with the largest error."""


@dataclass(frozen=True)
class Reconstructions:
    """An evaluation, the errors of its images, and examples of them."""

    evaluation: dict[str, Any]
    ranked: list[Example]  # all, the smallest error first
    images: Tensor  # (N, C, H, W) uint8, the chosen ones as the network saw them
    made: Tensor  # (N, C, H, W) uint8, what it made of them

    @property
    def text(self) -> str:
        """The error."""
        return ERROR.text(self._measured()[1]["value"])

    def _measured(self) -> tuple[str, dict[str, Any]]:
        """The name of the metric, and its entry in the JSON file."""
        found: tuple[str, dict[str, Any]] = next(iter(self.evaluation["metrics"].items()))
        return found

    def headline(self) -> Html:
        """The error with its interval, and what it means."""
        metric, value = self._measured()
        words = "mean squared error of grey values, 0 black and 1 white. "
        words += f"Its root is {sqrt(value['value']):.3f}: by so much a pixel is off."
        interval = "one image has no interval"
        if value["low"] is not None:
            interval = f"95 % interval {ERROR.text(value['low'])} to {ERROR.text(value['high'])}"
        return element(
            "div",
            element("b", self.text),
            element("p", words, style="margin-top:1.1rem"),
            element("p", interval, style="margin-top:.6rem"),
            element("p", f"{many(value['n'], 'image')}, ", element("code", metric), class_="soft"),
        )

    def parts(self) -> dict[str, Html]:
        """Examples, and the error of each class."""
        return {"reconstructions": _examples(self), "classes": _classes(self.ranked)}


def _examples(m: Reconstructions) -> Html:
    errors = [example.error for example in m.ranked]
    words = "Above, the image as the network gets it; below, what it gives back, with its error. "
    if len(errors) > 9:
        tenth = errors[(9 * len(errors)) // 10]
        words += (
            f"Half of the images are below {statistics.median(errors):.3g}, nine in ten below {tenth:.3g}."
        )
    parts = [element("p", words, class_="soft small")]
    pictures = iter(zip(m.images, m.made, strict=True))
    for name, examples in chosen(m.ranked).items():
        figures = []
        for example in examples:
            seen, made = next(pictures)
            called = f"Test image {example.index}, {example.label}"
            caption = element(
                "figcaption",
                element("strong", f"{example.error:#.3g}"),
                f"image {example.index}, {example.label}",
            )
            figures.append(
                element(
                    "figure",
                    image(image_pixels(seen.numpy()), called, room=96),
                    image(image_pixels(made.numpy()), f"{called}, given back", room=96),
                    caption,
                )
            )
        parts += [element("h4", name), element("div", *figures, class_="tiles pairs-of-images")]
    return joined(*parts)


def _classes(ranked: list[Example]) -> Html:
    errors: dict[str, list[float]] = {}
    for example in sorted(ranked, key=lambda example: example.label):
        errors.setdefault(example.label, []).append(example.error)
    means = {label: statistics.mean(found) for label, found in errors.items()}
    shown, note = list(means), "The network has never seen a label. "
    if len(means) > MOST_CLASSES:
        shown = sorted(means, key=lambda label: -means[label])[:MOST_CLASSES]
        note += f"The {MOST_CLASSES} classes with the largest error of {len(means):,}. "
    largest = max(means.values()) or 1.0
    rows = []
    for label in shown:
        bar = element(
            "span",
            element("i", style=f"left:0;width:{100 * means[label] / largest:.2f}%"),
            class_="range",
            role="img",
            aria_label=f"error {means[label]:.3g}",
        )
        rows.append([label, ERROR.text(means[label]), bar, f"{len(errors[label]):,}"])
    listed = table(["class", "error", f"0 to {largest:.3g}", "images"], rows, numeric=(1, 3))
    return joined(element("p", note, class_="soft small"), scrolling("Error of each class", listed))
