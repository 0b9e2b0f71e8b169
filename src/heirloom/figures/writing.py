"""How a picture becomes a file: a drawing or a chart, as SVG or PNG, with title and description in it.

SVG is written by `xml.etree` and by matplotlib, PNG by matplotlib's Agg, with the font that comes with it:
the same bytes on every run, and no program beside.
"""

import io
import warnings
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from html import escape
from typing import Any, Literal

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from matplotlib.text import Text
from matplotlib.transforms import Affine2D
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from heirloom.errors import printable
from heirloom.figures.canvas import Canvas, Group, Mark, Raster, Shape, Words, width_of
from heirloom.figures.charts import FONTS, HEADING, chart_on_page, style_in, svg_text
from heirloom.figures.palette import LIGHT, ON_PAGE, Theme
from heirloom.figures.pixels import data_uri, shrunk

Art = Canvas | Figure

_DPI = 200
"""Pixels to the inch of a chart as PNG."""
_PAGE = 1.4
"""Pixels of a picture for each of the screen, on a page: half the bytes of a file's two."""


def as_file(
    art: Art, form: Literal["svg", "png"], theme: Theme, title: str, description: str, prefix: str = "picture"
) -> bytes:
    """A picture as a file.

    Args:
        art: A drawing, or a chart drawn in `charts.style_in` of the same theme.
        form: What it becomes.
        theme: Its colours.
        title: What it is, in a few words.
        description: What it shows, for those who cannot see it.
        prefix: Of the ids in an SVG.
    """
    title, description = printable(title), printable(description)
    if form == "png":
        return png_file(_drawn(art, theme), title, description)
    if isinstance(art, Canvas):
        return svg(art, theme, title, description, prefix).encode()
    art.set_facecolor(theme.paper)
    with style_in(theme):
        text = svg_text(art)
    return _described(text, title, description, prefix).encode()


def gif(frames: Sequence[Canvas], theme: Theme) -> bytes:
    """Drawings of one size as a GIF file that shows them one after the other, and the last one longer."""
    images = [_drawn(frame, theme) for frame in frames]
    times = [600] * (len(images) - 1) + [2400]
    out = io.BytesIO()
    images[0].save(out, "GIF", save_all=True, append_images=images[1:], duration=times, loop=0)
    return out.getvalue()


def svg_on_white(art: Art, title: str, description: str, prefix: str) -> bytes:
    """A picture as the SVG file of a report, a chart drawn in `charts.style_in` of `LIGHT`."""
    return as_file(art, "svg", LIGHT, title, description, prefix)


def png_on_white(art: Canvas, title: str = "", description: str = "") -> bytes:
    """A drawing as the PNG file of a report."""
    return as_file(art, "png", LIGHT, title, description)


def png_file(image: Image.Image, title: str = "", description: str = "") -> bytes:
    """The bytes of a PNG file, with the words in it."""
    told = PngImagePlugin.PngInfo()
    for key, value in (("Title", title), ("Description", description)):
        if value:
            told.add_text(key, value)
    out = io.BytesIO()
    image.save(out, "PNG", optimize=True, pnginfo=told)
    return out.getvalue()


def _described(text: str, title: str, description: str, prefix: str) -> str:
    """The SVG of a chart with its title and description."""
    start = text.index("<svg ")
    end = text.index(">", start)
    names = f' role="img" aria-labelledby="{prefix}-title {prefix}-desc"'
    words = f'<title id="{prefix}-title">{escape(title)}</title>'
    words += f'<desc id="{prefix}-desc">{escape(description)}</desc>'
    return f"{text[:end]}{names}>\n {words}{text[end + 1 :]}"


# SVG ------------------------------------------------------------------------------------------------------


def svg(canvas: Canvas, theme: Theme, title: str, description: str, prefix: str = "picture") -> str:
    """A drawing as the text of an SVG file."""
    root = ET.Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "viewBox": f"0 0 {_n(canvas.width)} {_n(canvas.height)}",
            "width": _n(canvas.width),
            "height": _n(canvas.height),
            "role": "img",
            "aria-labelledby": f"{prefix}-title {prefix}-desc",
            "font-family": FONTS + ", sans-serif",
        },
    )
    ET.SubElement(root, "title", {"id": f"{prefix}-title"}).text = title
    ET.SubElement(root, "desc", {"id": f"{prefix}-desc"}).text = description
    ET.SubElement(root, "rect", {"width": "100%", "height": "100%", "fill": theme.paper})
    for mark in canvas.marks:
        _add(root, mark, theme)
    ET.indent(root, " ")
    return ET.tostring(root, encoding="unicode") + "\n"


def _add(parent: ET.Element, mark: Mark, theme: Theme, most: float = 2) -> None:
    if isinstance(mark, Group):
        data = {f"data-{key}": value for key, value in mark.data.items()}
        element = ET.SubElement(parent, "g", {"id": mark.id, **data})
        ET.SubElement(element, "title").text = mark.title
        for inner in mark.marks:
            _add(element, inner, theme, most)
    elif isinstance(mark, Words):
        _add_words(parent, mark, theme)
    elif isinstance(mark, Raster):
        pixels = shrunk(mark.pixels, round(mark.wide * most), round(mark.high * most))
        high, wide = pixels.shape[:2]
        crisp = {"style": "image-rendering:pixelated"} if wide <= mark.wide and high <= mark.high else {}
        box = {"x": _n(mark.x), "y": _n(mark.y), "width": _n(mark.wide), "height": _n(mark.high)}
        ET.SubElement(
            parent, "image", {**box, "preserveAspectRatio": "none", **crisp, "href": data_uri(pixels)}
        )
    else:
        d = " ".join(
            letter + " ".join(f"{_n(x)},{_n(y)}" for x, y in points) for letter, points in mark.commands
        )
        given = {"d": d, "fill": theme.colour(mark.fill) if mark.fill else "none"}
        if mark.stroke:
            given |= {"stroke": theme.colour(mark.stroke), "stroke-width": _n(mark.width)}
            given |= {"stroke-linejoin": "round"}
        if mark.dash:
            given["stroke-dasharray"] = " ".join(map(_n, mark.dash))
        if mark.opacity < 1:
            given["opacity"] = _n(mark.opacity)
        ET.SubElement(parent, "path", given)


def _add_words(parent: ET.Element, words: Words, theme: Theme) -> None:
    given = {"x": _n(words.x), "y": _n(words.y), "font-size": _n(words.size)}
    given["fill"] = theme.colour(words.colour)
    if words.bold:
        given["font-weight"] = "bold"
    if words.anchor != "start":
        given["text-anchor"] = words.anchor
    if words.turned:
        given["transform"] = f"rotate(-90 {_n(words.x)} {_n(words.y)})"
    if words.struck:
        given["text-decoration"] = "line-through"
    # Of two spaces a browser shows one.
    ET.SubElement(parent, "text", given).text = words.text.replace("  ", "\N{NO-BREAK SPACE} ")


def _n(value: float) -> str:
    """A length in as few digits as it needs."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if value % 1 else str(int(value))


def svg_on_page(art: Art, description: str, prefix: str) -> str:
    """A picture without its heading, as an ``svg`` element for a page with the colours of `palette.css`.

    Args:
        art: A drawing, or a chart drawn in `charts.style_in` of `LIGHT`.
        description: What it shows, for those who cannot see it.
        prefix: Makes its ids differ from those of other pictures.
    """
    root = _page_of(art, description, prefix) if isinstance(art, Canvas) else _chart(art, description, prefix)
    return ET.tostring(root, encoding="unicode")


def _chart(figure: Figure, description: str, prefix: str) -> ET.Element:
    with style_in(LIGHT):
        root = chart_on_page(figure, prefix, printable(description))
    wide, high = (72 * float(inches) for inches in figure.get_size_inches())
    box = " ".join(map(_n, (0, 72 * HEADING, wide, high - 72 * HEADING)))
    root.attrib |= {"viewBox": box, "style": f"--wide:{_n(wide / 0.75)}px", "class": "drawing"}
    return root


def _page_of(canvas: Canvas, description: str, prefix: str) -> ET.Element:
    marks, (left, top, right, bottom) = canvas.below_heading()
    wide, high = right - left + 4, bottom - top + 4  # outlines have a width
    box = " ".join(map(_n, (left - 2, top - 2, wide, high)))
    named = {"role": "img", "aria-label": printable(description), "class": "drawing"}
    root = ET.Element("svg", {"viewBox": box, "style": f"--wide:{_n(wide)}px", **named})
    for mark in marks:
        _add(root, mark, ON_PAGE, _PAGE)
    for part in root.iter("g"):
        part.set("id", f"{prefix}-{part.get('id')}")
    return root


# Pixels ---------------------------------------------------------------------------------------------------


def _drawn(art: Art, theme: Theme) -> Image.Image:
    with style_in(theme), warnings.catch_warnings():
        # A name in a script that the font lacks; it is in the SVG.
        warnings.simplefilter("ignore", UserWarning)
        figure = _figure(art, theme) if isinstance(art, Canvas) else art
        figure.set_facecolor(theme.paper)
        if figure is art:
            figure.set_dpi(_DPI)
        agg: Any = FigureCanvasAgg(figure)
        agg.draw()
        return Image.fromarray(np.asarray(agg.buffer_rgba())).convert("RGB")


def _figure(canvas: Canvas, theme: Theme) -> Figure:
    """The drawing as a figure of 72 dots to the inch: a length in points is one in dots."""
    s = canvas.scale
    wide, high = round(canvas.width * s), round(canvas.height * s)
    figure = Figure(figsize=(wide / 72, high / 72), dpi=72)
    _put(figure, canvas.marks, theme, s, high, 0)
    return figure


def _put(figure: Figure, marks: list[Mark], theme: Theme, s: int, high: int, order: int) -> int:
    """Add marks from the ``order``-th place upwards; return how many there are then."""
    place = Affine2D().scale(s, -s).translate(0, high)
    for mark in marks:
        order += 1
        if isinstance(mark, Group):
            order = _put(figure, mark.marks, theme, s, high, order)
        elif isinstance(mark, Raster):
            size = max(1, round(mark.wide * s)), max(1, round(mark.high * s))
            grows = size[0] >= mark.pixels.shape[1] and size[1] >= mark.pixels.shape[0]
            method = Image.Resampling.NEAREST if grows else Image.Resampling.LANCZOS
            pixels = np.asarray(_image(mark.pixels).resize(size, method).convert("RGB"))
            x, y = round(mark.x * s), high - round(mark.y * s) - size[1]
            figure.figimage(pixels, x, y, origin="upper", zorder=order)
        elif isinstance(mark, Words):
            for artist in _letters(mark, theme, s, place):
                figure.add_artist(artist).set_zorder(order)
        else:
            figure.add_artist(_patch(mark, theme, s, place)).set_zorder(order)
    return order


def _letters(mark: Words, theme: Theme, s: int, place: Affine2D) -> list[Text | PathPatch]:
    x, y = place.transform((mark.x, mark.y))
    align = {"start": "left", "middle": "center", "end": "right"}[mark.anchor]
    text = Text(
        x,
        y,
        mark.text,
        color=theme.colour(mark.colour),
        fontsize=mark.size * s,
        fontweight="bold" if mark.bold else "normal",
        va="baseline",
        ha=align,
        rotation=90 if mark.turned else 0,
        rotation_mode="anchor",
        parse_math=False,
    )
    text.set_transform(Affine2D())
    if not mark.struck:
        return [text]
    left = mark.box[0]
    y = mark.y - 0.28 * mark.size
    ends = (("M", ((left, y),)), ("L", ((left + width_of(mark.text, mark.size, mark.bold), y),)))
    return [text, _patch(Shape(ends, stroke=mark.colour, width=mark.size / 14), theme, s, place)]


_CODES = {"M": [Path.MOVETO], "L": [Path.LINETO], "C": [Path.CURVE4] * 3, "Z": [Path.CLOSEPOLY]}


def _patch(shape: Shape, theme: Theme, s: int, place: Affine2D) -> PathPatch:
    points = [p for letter, given in shape.commands for p in (given or ((0.0, 0.0),))]
    codes = [code for letter, _ in shape.commands for code in _CODES[letter]]
    patch = PathPatch(
        Path(points, codes),
        facecolor=theme.colour(shape.fill) if shape.fill else "none",
        edgecolor=theme.colour(shape.stroke) if shape.stroke else "none",
        linewidth=shape.width * s if shape.stroke else 0,
        linestyle=(0, tuple(d / shape.width for d in shape.dash)) if shape.dash else "-",
        alpha=None if shape.opacity == 1 else shape.opacity,
        joinstyle="round",
        capstyle="butt",
    )
    patch.set_transform(place)
    patch.set_snap(False)  # a line is where it was put, beside pixels and not on them
    return patch


def _image(pixels: NDArray[np.uint8]) -> Image.Image:
    return Image.fromarray(pixels)
