"""One-file HTML documents: elements that escape what they are given, and a page around them.

The page has no scripts and loads nothing; its policy forbids both, whatever text ends up in it.
"""

import html
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from importlib import resources

from heirloom.errors import printable


class Html(str):
    """Markup. Every other string is text."""

    __slots__ = ()


_EMPTY = {"img", "meta", "br"}


def element(tag: str, *children: str | Html, **attributes: object) -> Html:
    """``<tag attributes>children</tag>``; children that are no `Html`, and all attributes, are escaped.

    Attributes are named as in Python: ``class_``, ``aria_label``. None leaves one out.
    """
    given = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{html.escape(printable(str(value)))}"'
        for name, value in attributes.items()
        if value is not None
    )
    inner = "".join(escaped(child) for child in children)
    return Html(f"<{tag}{given}>" if tag in _EMPTY else f"<{tag}{given}>{inner}</{tag}>")


def escaped(text: str | Html) -> Html:
    """Text as markup; markup as it is."""
    # A number and its per cent sign stay on one line.
    return text if isinstance(text, Html) else Html(html.escape(printable(text)).replace(" %", "\u00a0%"))


def joined(*parts: str | Html) -> Html:
    """Several pieces one after the other."""
    return Html("".join(escaped(part) for part in parts))


def scrolling(label: str, content: Html) -> Html:
    """A box of its own for what may be wider than the page; it can be reached and scrolled by keyboard."""
    return element("div", content, class_="scroll", role="region", aria_label=label, tabindex=0)


def details(heading: str, content: Html) -> Html:
    """What is folded away until it is asked for."""
    return element("details", element("summary", heading), content)


def table(
    heads: Sequence[str],
    rows: Iterable[Sequence[str | Html]],
    *,
    numeric: Container[int] = (),
    caption: str = "",
    totals: Sequence[str | Html] = (),
) -> Html:
    """A table; the first cell of each row is its heading.

    Args:
        heads: Headings of the columns.
        rows: Their cells.
        numeric: Columns that are set to the right.
        caption: A line above.
        totals: A last row.
    """

    def line(cells: Sequence[str | Html], scope: str = "row") -> Html:
        made = []
        for i, cell in enumerate(cells):
            kind = "number" if i in numeric else "name" if i == 0 else None
            head = scope == "col" or i == 0
            made.append(element("th" if head else "td", cell, scope=scope if head else None, class_=kind))
        return element("tr", *made)

    return element(
        "table",
        element("caption", element("span", caption)) if caption else "",
        element("thead", line(heads, "col")),
        element("tbody", *(line(row) for row in rows)),
        element("tfoot", line(totals)) if totals else "",
    )


def pairs(given: Iterable[tuple[str, str, bool]]) -> Html:
    """Terms with what they are; the bool says that one stands out."""
    made = []
    for term, words, stressed in given:
        kinds = [*(["changed"] if stressed else []), *(["wide"] if len(words) > 18 else [])]
        made.append(element("div", element("dt", term), element("dd", words), class_=" ".join(kinds) or None))
    return element("dl", *made, class_="pairs")


@dataclass(frozen=True)
class Section:
    """A part of a chapter.

    Attributes:
        id: What a link to it says after the ``#``.
        title: Its heading.
        content: What stands below.
    """

    id: str
    title: str
    content: Html


@dataclass(frozen=True)
class Chapter:
    """A part of a document.

    Attributes:
        id: What a link to it says after the ``#``.
        title: Its heading.
        sections: What it is made of.
    """

    id: str
    title: str
    sections: Sequence[Section]


def document(title: str, head: Html, chapters: Sequence[Chapter], foot: Html, style: str = "") -> str:
    """A whole page.

    Args:
        title: Of the window.
        head: What stands above the chapters, with the only ``h1``.
        chapters: With a list of links to them and to their sections.
        foot: The last lines.
        style: Rules beside those of all documents.
    """
    links, body = [], []
    for chapter in chapters:
        inner = [element("li", _to(section)) for section in chapter.sections]
        links.append(element("li", _to(chapter), element("ol", *inner)))
        sections = [_part(section, "h3", section.content) for section in chapter.sections]
        body.append(_part(chapter, "h2", *sections, class_="chapter"))
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en">',
            '<head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
            '<meta name="color-scheme" content="light dark">',
            element("title", title),
            f"<style>{_style()}{style}</style></head>",
            "<body>",
            element("header", head),
            element("nav", element("ol", *links), aria_label="Contents"),
            element("main", *body),
            element("footer", foot),
            "</body></html>\n",
        ]
    )


def _to(part: Section | Chapter) -> Html:
    return element("a", part.title, href=f"#{part.id}")


def _part(part: Section | Chapter, heading: str, *content: Html, class_: str | None = None) -> Html:
    title = f"{part.id}-title"
    head = element(heading, part.title, id=title)
    return element("section", head, *content, id=part.id, class_=class_, aria_labelledby=title)


_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def _style() -> str:
    return resources.files("heirloom").joinpath("documents.css").read_text(encoding="utf-8")
