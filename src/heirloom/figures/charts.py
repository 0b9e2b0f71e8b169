"""What all charts share: their style, and how they become SVG.

Charts are drawn by matplotlib, through its objects, in a style of their own: whatever a user has set for
other pictures neither changes these nor is changed.
"""

import io
import re
import warnings
import xml.etree.ElementTree as ET
from typing import Any

import matplotlib.style
from matplotlib.figure import Figure

from heirloom.errors import printable
from heirloom.figures.canvas import fitted_title
from heirloom.figures.palette import LIGHT, ON_PAGE, Theme

HEADING = 0.9
"""Room in inches of a title and a line below it, at the top of a chart."""

FONTS = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'Liberation Sans', Arial"
_STYLE: dict[str, Any] = {
    "svg.hashsalt": "heirloom",  # else ids are random
    "svg.fonttype": "none",  # text stays text
    "font.family": ["sans-serif"],
    "font.sans-serif": ["DejaVu Sans"],  # to measure with; the reader's own fonts are put in its place
    "font.size": 12.5,
    "text.hinting": "none",  # as wide in pixels as it was measured
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.axisbelow": True,
    "ytick.major.size": 0,
    "legend.frameon": False,
}
_IN_INK = "text.color", "axes.labelcolor", "xtick.labelcolor", "ytick.labelcolor"
_AS_RULES = "axes.edgecolor", "grid.color", "xtick.color", "ytick.color"


def style_in(theme: Theme) -> Any:
    """The context in which a chart is drawn and written."""
    colours = dict.fromkeys(_IN_INK, theme.ink) | dict.fromkeys(_AS_RULES, theme.rule)
    return matplotlib.style.context(["default", _STYLE | colours])


def heading(figure: Figure, title: str) -> None:
    """Write ``title``, which may come from outside, into the upper left corner; its end may be left out."""
    x, y = 0.27 / figure.get_figwidth(), 1 - 0.36 / figure.get_figheight()
    title = fitted_title(title, 16, 72 * (figure.get_figwidth() - 0.54))
    figure.text(x, y, title, fontsize=16, fontweight="bold", va="center", parse_math=False)


def short(name: str, longest: int) -> str:
    """A name, which may come from outside, in as many letters as there is room for."""
    name = printable(name)
    return name if len(name) <= longest else name[: longest - 1] + "…"


def chart_on_page(figure: Figure, prefix: str, description: str) -> ET.Element:
    """A chart as an ``svg`` element for a page with the colours of `palette.css`.

    Args:
        figure: The chart, drawn in `style_in` of `LIGHT`, and that is set.
        prefix: Makes its ids differ from those of other charts.
        description: The chart in words.
    """
    root = ET.fromstring(svg_text(figure))
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag.endswith(("}metadata", "}style")):
                parent.remove(child)
    for part in root.iter():
        part.tag = part.tag.rpartition("}")[2]  # a page needs no namespaces
        given = {key.rpartition("}")[2]: value for key, value in part.attrib.items()}
        part.attrib.clear()
        for key, value in given.items():
            value = value.replace("url(#", f"url(#{prefix}-")
            value = f"{prefix}-{value}" if key == "id" else value
            if key in ("style", "fill", "stroke"):
                value = re.sub("#[0-9a-f]{6}", lambda found: _ROLES.get(found[0], found[0]), value)
            part.set(key, f"#{prefix}-{value[1:]}" if key == "href" else value)
    for key in ("width", "height", "version"):
        root.attrib.pop(key, None)
    root.attrib |= {"role": "img", "aria-label": description, "class": "chart"}
    return root


def svg_text(figure: Figure) -> str:
    """A chart as the text of an SVG file, in the style that is set."""
    out = io.StringIO()
    with warnings.catch_warnings():
        # A name in a script that the measuring font lacks; the reader's fonts have it.
        warnings.simplefilter("ignore", UserWarning)
        figure.savefig(out, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    return out.getvalue().replace("'DejaVu Sans'", FONTS)


# Of roles of one colour the first; they are of one colour in the dark, too.
_ROLES = dict(zip(LIGHT.colours[::-1], ON_PAGE.colours[::-1], strict=True))
