"""The pictures of a run in its report: those that have a meaning for its network, as `draw` has them."""

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from heirloom.documents import Html, Section, details, element, joined, scrolling
from heirloom.errors import HeirloomError
from heirloom.figures import PICTURES
from heirloom.figures.canvas import Canvas
from heirloom.figures.picture import Asked, Picture, Subject
from heirloom.figures.writing import svg_on_page, svg_on_white
from heirloom.models import faults_of

SHOWN = {
    "diagram": ("The network", "What each layer gives, with its size, and the parameters that it has."),
    "film": (
        "Filters over time",
        "Each row is a filter of the first layer: as chance drew it, then after more and more steps.",
    ),
    "activations": (
        "What it sees",
        "The first image of the test split, and what the maps of the layers hold for it, "
        "each on a scale of its own.",
    ),
    "codes": (
        "Codes",
        "What the last layer but one should look like for each class, and what it looks like in the mean "
        "over the test images of the class: the nearest code is the answer.",
    ),
    "augmentation": (
        "Augmentation",
        "What the network saw of the first images of the training split, epoch after epoch.",
    ),
}
"""Titles and words of the pictures that a run can have, by what the command ``draw`` calls them."""


@dataclass(frozen=True)
class Drawn:
    """The pictures that there are, and why there are no others.

    Attributes:
        pictures: By what the command ``draw`` calls them, all of `SHOWN` that there are.
        missing: The reasons for the rest, where they say something of the network.
    """

    pictures: Mapping[str, Picture]
    missing: Sequence[str]

    def sections(self, *names: str) -> list[Section]:
        """Those of them that there are as sections of the page."""
        return [Section(what, SHOWN[what][0], self._content(what)) for what in names if what in self.pictures]

    def files(self) -> dict[str, bytes | None]:
        """Files of ``pictures/``; None where there is no such picture."""
        files: dict[str, bytes | None] = {}
        for what in SHOWN:
            found = self.pictures.get(what)
            file = svg_on_white(found.art, found.title, found.description, what) if found else None
            files[f"{what}.svg"] = file
        return files

    def _content(self, what: str) -> Html:
        picture = self.pictures[what]
        assert isinstance(picture.art, Canvas)
        drawing = Html(svg_on_page(picture.art, picture.description, what))
        return joined(element("p", SHOWN[what][1]), scrolling(picture.title, drawing))

    def reasons(self) -> Html:
        """Why pictures are missing, folded away."""
        if not self.missing:
            return Html()
        listed = [element("li", reason) for reason in self.missing]
        return details("Pictures that it does not have", element("ul", *listed))


def drawn(subject: Subject) -> Drawn:
    """All pictures that a finished run can have. A network that one cannot be drawn of has it not."""
    pictures, missing = {}, []
    for what in SHOWN:
        module, function = PICTURES[what].made_by.split(":")
        maker = getattr(importlib.import_module(f"heirloom.figures.{module}"), function)
        try:
            with faults_of(subject.label, f"the picture {what}"):
                pictures[what] = maker(Asked([subject]))
        except HeirloomError as error:
            missing.append(f"{what}: {error.what}" + (f", {error.why}" if error.why else ""))
    return Drawn(pictures, missing)
