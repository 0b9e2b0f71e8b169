"""The order of a report: what the network is, how it was trained, how good it is, and what it learned."""

from collections.abc import Mapping
from dataclasses import dataclass

from heirloom.documents import Chapter, Html, Section, element, joined


@dataclass(frozen=True)
class Part:
    """What stands at one place of the page, if the run has it.

    Attributes:
        id: What it is called, for a picture by the command ``draw``.
        title: Its heading.
        look: What to look for. May be empty.
    """

    id: str
    title: str
    look: str = ""


STORY = {
    "What it is": (
        Part(
            "diagram",
            "The network",
            "Follow the image through the layers: what each of them gives, and the parameters that it has.",
        ),
        Part(
            "shares",
            "Weights and work",
            "Compare the two sides: the layers that hold the weights need not be those that do the work.",
        ),
        Part(
            "connections",
            "Who reads whom",
            "Look down a column: its crosses are the maps that one map reads, and the gaps make it see "
            "something else than the next one.",
        ),
        Part(
            "unfold",
            "The cycle, unfolded",
            "Follow the arrows from row to row: the weights are the same at every step, and what is "
            "remembered has to pass through all of them.",
        ),
    ),
    "How it was trained": (
        Part(
            "curves",
            "Learning curves",
            "Look whether it was still learning when it ended, and whether validation kept up.",
        ),
        Part(
            "film",
            "Filters over time",
            "Each row is a filter of the first layer, before the first step and then after more and more. "
            "Look for the moment at which chance becomes a shape.",
        ),
        Part(
            "augmentation",
            "Augmentation",
            "What it saw of the first images of the training split, epoch after epoch. Look whether you "
            "would still call all of them the same.",
        ),
        Part(
            "gradients",
            "The gradient through time",
            "Look how far a curve falls on its way back: the lower it ends, the less the first rows of an "
            "image can teach.",
        ),
    ),
    "How good it is": (
        Part(
            "published",
            "Beside the publication",
            "Look whether the published value lies in the band: then the difference may be chance.",
        ),
        Part(
            "confusion",
            "Confusions",
            "Look beside the diagonal: which classes it takes for one another, and whether both ways.",
        ),
        Part("mistakes", "Worst mistakes", "Look whether you would have known better."),
        Part(
            "reconstructions",
            "Reconstructions",
            "Look for what is missing below: it did not fit through the narrowest layer.",
        ),
        Part("calibration", "Calibration", "Look whether the dots follow the dashed line."),
        Part("classes", "Class by class", "Look for the class that is harder than the others."),
    ),
    "What it learned": (
        Part(
            "filters",
            "First-layer filters",
            "Look for edges, spots and colours; a filter that is still noise has learned nothing.",
        ),
        Part(
            "similarity",
            "Filters that are alike",
            "Look for dark red away from the diagonal: there two filters look for the same thing.",
        ),
        Part(
            "activations",
            "What it sees",
            "One image of the test split, and what the maps of the layers hold for it. Look for what is left "
            "of it from layer to layer.",
        ),
        Part(
            "codes",
            "Codes",
            "The code of each class, and what the layer before the last makes of its images in the mean: the "
            "nearest code is the answer. Look for the pixels that hesitate.",
        ),
        Part(
            "receptive-field",
            "What a unit sees",
            "Compare the window with what counts in it: the middle of a window matters more than its rim.",
        ),
        Part(
            "top-patches",
            "What excites a map",
            "Look for what the nine patches of a map have in common: that is what it stands for.",
        ),
        Part(
            "saliency",
            "What speaks for the answer",
            "Look whether it judges by the thing itself or by what is around it.",
        ),
        Part(
            "invariance",
            "What it still recognises",
            "Look how wide the green is: so far an image may be turned, scaled, shifted or spoilt.",
        ),
    ),
    "For the record": (
        Part("network", "Layer by layer"),
        Part("recipe", "Recipe"),
        Part("versions", "Versions"),
    ),
}
"""The parts of each chapter. Of a picture that has no part of its own the page has what ``draw`` draws."""


def chapters(parts: Mapping[str, Html]) -> list[Chapter]:
    """The chapters of what there is.

    Args:
        parts: Content by the names of `STORY`; the rest is left out.
    """
    found = []
    for number, (title, told) in enumerate(STORY.items(), 1):
        here = [part for part in told if part.id in parts]
        sections = [Section(part.id, part.title, _with(part.look, parts[part.id])) for part in here]
        if sections:
            found.append(Chapter(f"chapter-{number}", title, sections))
    return found


def _with(look: str, content: Html) -> Html:
    return joined(element("p", look), content) if look else content
