"""What all charts share: their style, colours that are settled last, and how they become SVG.

Charts are drawn by matplotlib, through its objects, in a style of their own: whatever a user has set for
other pictures neither changes these nor is changed.
"""

import io
import warnings
import xml.etree.ElementTree as ET
from typing import Any, Literal

import matplotlib.style
from matplotlib.figure import Figure

from heirloom.errors import printable

# Colours that stand for a role; they are replaced when it is known where the picture will be.
INK, RULE, TRAIN, VAL = "#010101", "#020202", "#030303", "#040404"
_ON_WHITE = {INK: "#33373c", RULE: "#dcdee1", TRAIN: "#b4540a", VAL: "#1c5fc4"}
_ON_PAGE = {INK: "currentColor", RULE: "var(--line)", TRAIN: "var(--train)", VAL: "var(--val)"}

_FONTS = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'Liberation Sans', Arial"
_STYLE: dict[str, Any] = {
    "svg.hashsalt": "heirloom",  # else ids are random
    "svg.fonttype": "none",  # text stays text
    "font.family": ["sans-serif"],
    "font.sans-serif": ["DejaVu Sans"],  # to measure with; the reader's own fonts are put in its place
    "font.size": 12.5,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": RULE,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.axisbelow": True,
    "grid.color": RULE,
    "xtick.color": RULE,
    "ytick.color": RULE,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "ytick.major.size": 0,
    "legend.frameon": False,
}


def style() -> Any:
    """The context in which a chart is drawn and written."""
    return matplotlib.style.context(["default", _STYLE])


def style_on_white() -> Any:
    """The same for a picture that is a file on white in any case: its colours are settled at once."""
    return matplotlib.style.context(["default", {key: on_white(value) for key, value in _STYLE.items()}])


def on_white(role: Any) -> Any:
    """The colour of a role on white; anything else is returned as it is."""
    return _ON_WHITE.get(role, role) if isinstance(role, str) else role


def heading(figure: Figure, title: str) -> None:
    """Write ``title``, which may come from outside, into the upper left corner."""
    x, y = 0.27 / figure.get_figwidth(), 1 - 0.36 / figure.get_figheight()
    figure.text(x, y, printable(title), fontsize=16, fontweight="bold", va="center", parse_math=False)


def short(name: str, longest: int) -> str:
    """A name, which may come from outside, in as many letters as there is room for."""
    name = printable(name)
    return name if len(name) <= longest else name[: longest - 1] + "…"


def svg_on_white(figure: Figure) -> bytes:
    """A chart as an SVG file."""
    figure.set_facecolor("white")
    return _coloured(_svg(figure), _ON_WHITE).encode()


def file_on_white(figure: Figure, form: Literal["svg", "png"]) -> bytes:
    """A figure drawn in `style_on_white` as a file; a PNG has 200 pixels to the inch."""
    figure.set_facecolor("white")
    with style_on_white():
        if form == "svg":
            return _svg(figure).encode()
        out = io.BytesIO()
        figure.savefig(out, format="png", dpi=200, metadata={"Software": None})
        return out.getvalue()


def svg_on_page(figure: Figure, prefix: str, description: str) -> str:
    """A chart as an ``svg`` element for a page that defines ``--line``, ``--train`` and ``--val``.

    Args:
        figure: The chart.
        prefix: Makes its ids differ from those of other charts.
        description: The chart in words.
    """
    root = ET.fromstring(_coloured(_svg(figure), _ON_PAGE))
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
            part.set(key, f"#{prefix}-{value[1:]}" if key == "href" else value)
    for key in ("width", "height", "version"):
        root.attrib.pop(key, None)
    root.attrib |= {"role": "img", "aria-label": description, "class": "chart"}
    return ET.tostring(root, encoding="unicode")


def _svg(figure: Figure) -> str:
    out = io.StringIO()
    with warnings.catch_warnings():
        # A name in a script that the measuring font lacks; the reader's fonts have it.
        warnings.simplefilter("ignore", UserWarning)
        figure.savefig(out, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    return out.getvalue().replace("'DejaVu Sans'", _FONTS)


def _coloured(text: str, colours: dict[str, str]) -> str:
    for role, colour in colours.items():
        text = text.replace(role, colour)
    return text
