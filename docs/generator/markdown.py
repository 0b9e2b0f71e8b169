"""Pieces of Markdown."""

import html
import re
from collections.abc import Sequence

from heirloom.tables import Cell, Table, cell_text


def prose(text: str) -> str:
    """Text of a docstring: paragraphs without their line ends, nothing in them taken for markup but code."""
    paragraphs = [" ".join(part.split()) for part in text.strip().split("\n\n")]
    return "\n\n".join(escaped(part) for part in paragraphs if part)


def escaped(text: str) -> str:
    """One line of text. What stands between backticks, one or two, stays code."""
    parts = re.split(r"(``.+?``|`[^`]+`)", text)
    return "".join(
        code(part.strip("`")) if i % 2 else re.sub(r"([\\*_<>\[\]#|])", r"\\\1", part)
        for i, part in enumerate(parts)
    )


def code(text: str) -> str:
    """A piece of code within a line, fit for a table."""
    if "|" in text:
        return f"<code>{html.escape(text).replace('|', '&#124;')}</code>"
    return f"`` {text} ``" if "`" in text else f"`{text}`"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], numeric: Sequence[int] = ()) -> str:
    """A table; the cells are Markdown. Columns that are ``numeric`` are set to the right."""

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(re.sub(r"(?<!\\)\|", r"\\|", cell) for cell in cells) + " |"

    rule = ["---:" if i in numeric else "---" for i in range(len(heads))]
    return "\n".join(map(line, [heads, rule, *rows])) + "\n"


def counted(found: Table) -> str:
    """A table of the program; zeros are dots, as in a terminal, and its first column is code."""
    heads = list(found.columns)

    def cell(value: Cell, head: str) -> str:
        if value == 0 and head in found.counts:
            return "·"
        text = cell_text(value)
        return code(text) if head == "layer" and text else escaped(text)

    rows = [[cell(value, head) for value, head in zip(row, heads, strict=True)] for row in found.rows]
    if found.totals:
        rows.append([f"**{cell_text(value)}**" if value != "" else "" for value in found.totals])
    numeric = [i for i in range(len(heads)) if any(isinstance(row[i], int | float) for row in found.rows)]
    return table(heads, rows, numeric)


def sections(docstring: str) -> dict[str, str]:
    """The parts of a docstring: what stands before ``Source:``, and after each such word.

    Parts for a reader of the code, such as ``Args:``, end the part before them and are left out.
    """
    words, others = (
        ("Source", "Departs", "Chosen", "Cost", "Shape"),
        ("Args", "Attributes", "Raises", "Returns"),
    )
    parts = re.split(rf"^({'|'.join((*words, *others))}):", docstring, flags=re.MULTILINE)
    pairs = zip(parts[1::2], parts[2::2], strict=True)
    return {"": parts[0], **{word: text for word, text in pairs if word in words}}


def consoles(text: str) -> str:
    """A page with its ``console`` blocks as HTML: what is copied from one are its commands alone."""
    return re.sub(
        r"^```console\n(.*?)^```$", lambda found: _console(found[1]), text, flags=re.DOTALL | re.MULTILINE
    )


def _console(text: str) -> str:
    lines, commands = [], []
    for line in text.splitlines():
        shown = html.escape(line, quote=False)
        if line.startswith("$ "):
            commands.append(line[2:])
            lines.append(f'<span class="gp">$ </span>{shown[2:]}')
        else:
            # An error is one long line, a table must keep its columns.
            lines.append(
                f'<span class="go{" fault" if line.startswith("heirloom: ") else ""}">{shown}</span>'
            )
    copied = html.escape("\n".join(commands)).replace("\n", "&#10;")
    inside = "\n".join(lines)
    return f'<div class="highlight" data-copy="{copied}"><pre><code>{inside}\n</code></pre></div>'
