"""The pictures of a run in its report: those that have a meaning for its network, as `draw` has them."""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass

from heirloom.data.waiting import told
from heirloom.documents import Html, details, element, joined, scrolling
from heirloom.errors import HeirloomError
from heirloom.figures import PICTURES
from heirloom.figures.canvas import Canvas
from heirloom.figures.picture import Asked, Picture, Subject, TooMuchWork
from heirloom.figures.writing import png_on_white, svg_on_page, svg_on_white
from heirloom.models import faults_of

WORK = 12 * 10**10
"""Multiply-adds that one picture may take, the invariance of a ResNet-18 among them: some seconds."""
AS_PIXELS = ("filters", "mistakes", "reconstructions")
"""Pictures that are PNG files: they are little but pixels."""


@dataclass(frozen=True)
class Drawn:
    """The pictures that there are, and why there are no others: each of `PICTURES` is in one of the two.

    Attributes:
        pictures: By what the command ``draw`` calls them.
        missing: The reasons for the rest.
    """

    pictures: Mapping[str, Picture]
    missing: Mapping[str, Html]

    def files(self) -> dict[str, bytes | None]:
        """Files of ``pictures/``; None where there is no such picture."""
        return {
            f"{what}.{'png' if what in AS_PIXELS else 'svg'}": self._file(what, self.pictures.get(what))
            for what in PICTURES
        }

    def _file(self, what: str, found: Picture | None) -> bytes | None:
        if found is None:
            return None
        if what in AS_PIXELS and isinstance(found.art, Canvas):
            return png_on_white(found.art, found.title, found.description)
        return svg_on_white(found.art, found.title, found.description, what)

    def on_page(self, what: str) -> Html:
        """One of `pictures`, below it what its heading would say."""
        picture = self.pictures[what]
        drawing = Html(svg_on_page(picture.art, picture.description, f"picture-{what}"))
        words = picture.art.subtitle if isinstance(picture.art, Canvas) else picture.description
        return element("figure", scrolling(picture.title, drawing), element("figcaption", words))

    def reasons(self, on_page: set[str]) -> Html:
        """Why pictures are missing, folded away; without those that the page has in another way."""
        listed = [
            element("li", f"{what}: ", why) for what, why in self.missing.items() if what not in on_page
        ]
        return details("Pictures that it does not have", element("ul", *listed)) if listed else Html()


def drawn(subject: Subject) -> Drawn:
    """All pictures of a finished run. A network that one cannot be drawn of has it not."""
    pictures, missing = {}, {}
    for what, kind in told("drawing pictures", len(PICTURES), PICTURES.items()):
        module, function = kind.made_by.split(":")
        maker = getattr(importlib.import_module(f"heirloom.figures.{module}"), function)
        try:
            with faults_of(subject.label, f"the picture {what}"):
                pictures[what] = maker(Asked([subject], work=WORK))
        except HeirloomError as error:
            missing[what] = _reason(what, error)
    return Drawn(pictures, missing)


def _reason(what: str, error: HeirloomError) -> Html:
    if isinstance(error, TooMuchWork):
        command = element("code", f"heirloom draw {what} RUN -o {what}.svg")
        return joined(f"{error.what}; ", command, " takes its time.")
    return joined(", ".join(part for part in (error.what, error.why) if part))
