"""The images that the network got most wrong."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from heirloom.figures.canvas import Canvas, reads_leftwards, width_of
from heirloom.figures.pixels import Tile, image_pixels, sheet

MOST_MISTAKES = 24
"""Images shown."""
_ROOM = 160


@dataclass(frozen=True)
class Mistake:
    """A wrong answer.

    Attributes:
        index: Which image of the split.
        label: Its true class.
        answer: The class that the network gave.
        label_probability: What it gave to the true class.
        probability: What it gave to its answer.
    """

    index: int
    label: str
    answer: str
    label_probability: float
    probability: float

    @property
    def names(self) -> tuple[str, ...]:
        """``3 → 5``, on two lines if it is long."""
        short = len(self.label) + len(self.answer) <= 7
        return (f"{self.label} → {self.answer}",) if short else (self.label, f"→ {self.answer}")


def worst_mistakes(rows: Sequence[dict[str, str]]) -> list[Mistake]:
    """The wrong answers among the rows of ``evaluations/test-center.csv``, least probable truth first."""
    found = [
        Mistake(
            int(row["index"]),
            row["label"],
            row["answer"],
            float(row["label_probability"]),
            float(row["probability"]),
        )
        for row in rows
        if row["correct"] == "0"
    ]
    return sorted(found, key=lambda mistake: (mistake.label_probability, mistake.index))


def mistakes_sheet(title: str, images: Tensor, mistakes: Sequence[Mistake], total: int) -> Canvas:
    """The images with what they are and what was answered.

    Args:
        title: In bold.
        images: (N, C, H, W) uint8, those of ``mistakes``.
        mistakes: As many.
        total: Number of all mistakes.
    """
    # From left to right, and the same way for all.
    short = all(
        width_of(f"{m.label} → {m.answer}", 20) <= _ROOM and not reads_leftwards(m.label + m.answer)
        for m in mistakes
    )
    tiles = [
        Tile(
            image_pixels(image.numpy()),
            (f"{mistake.label} → {mistake.answer}",) if short else (mistake.label, f"→ {mistake.answer}"),
            (
                f"true {percent(mistake.label_probability)}",
                f"said {percent(mistake.probability)}",
            ),
        )
        for image, mistake in zip(images, mistakes, strict=True)
    ]
    shown = f"The worst {len(tiles)} of {total} mistakes" if len(tiles) < total else _all(total)
    return sheet(title, f"{shown}: true → answered, and the probabilities of both", tiles, 8, _ROOM)


def _all(total: int) -> str:
    return f"All {total} mistakes" if total > 1 else "The one mistake"


def percent(share: float) -> str:
    """``97.3 %``; what is not quite nothing or all does not look like it."""
    text = f"{100 * share:.1f}"
    if text == "0.0" and share > 0:
        text = "< 0.1"
    if text == "100.0" and share < 1:
        text = "> 99.9"
    return f"{text} %"
