"""The colours of all pictures, on light and on dark ground; charts, sheets and drawings take them from here.

A drawing names roles (``ink``, ``conv``, ``conv_edge``); a theme says which colours these are. What meets in
a picture has the contrast of WCAG 2.2, level AA: 4.5 for text, 3 for lines that say something.
"""

from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Theme:
    """What colour each role has.

    Attributes:
        name: What it is called on the command line.
        paper: The ground.
        panel: An area that is slightly apart from it.
        ink: Text.
        soft: Text that matters less, arrows.
        rule: Hairlines and grids, which say nothing.
        train: Training, and what moves in time.
        val: Validation, and what is pointed at.
        good: What is right.
        bad: What is wrong.
        series: Curves, in order.
        input: Area of what is read or only reshaped; ``input_edge`` its outline. So also ``conv``
            convolutions, ``pool`` pooling, ``norm`` normalisation, ``dense`` full connections, ``squash``
            nonlinearities, ``join`` sums and concatenations.
    """

    name: str
    paper: str
    panel: str
    ink: str
    soft: str
    rule: str
    train: str
    val: str
    good: str
    bad: str
    series: tuple[str, ...]
    input: str
    input_edge: str
    conv: str
    conv_edge: str
    pool: str
    pool_edge: str
    norm: str
    norm_edge: str
    dense: str
    dense_edge: str
    squash: str
    squash_edge: str
    join: str
    join_edge: str

    def colour(self, role: str) -> str:
        """The colour of a role; what begins with ``#`` is one already."""
        found = role if role.startswith("#") else getattr(self, role)
        return str(found)

    @property
    def colours(self) -> tuple[str, ...]:
        """All of them, those of the curves last."""
        return (*(self.colour(role) for role in _COLOURS), *self.series)


LIGHT = Theme(
    name="light",
    paper="#ffffff",
    panel="#f6f6f4",
    ink="#1d1f23",
    soft="#5c6168",
    rule="#dcdee1",
    train="#b4540a",
    val="#1c5fc4",
    good="#1f7a45",
    bad="#b3261e",
    series=("#b4540a", "#1c5fc4", "#0b7a5b", "#8a3ffc", "#6b6f76"),
    input="#f1f1ee",
    input_edge="#6d7279",
    conv="#dce8fb",
    conv_edge="#1c5fc4",
    pool="#d9f0e1",
    pool_edge="#1f7a45",
    norm="#d5eef0",
    norm_edge="#0e7480",
    dense="#e9e1f9",
    dense_edge="#6d3fc0",
    squash="#f9e0e0",
    squash_edge="#a32a2a",
    join="#f8e7d5",
    join_edge="#b4540a",
)

DARK = Theme(
    name="dark",
    paper="#131416",
    panel="#1c1e21",
    ink="#e9e9e7",
    soft="#a2a6ac",
    rule="#33363b",
    train="#ffa866",
    val="#7fb0ff",
    good="#6fd197",
    bad="#ff8a80",
    series=("#ffa866", "#7fb0ff", "#5fcfa8", "#c6a2ff", "#a2a6ac"),
    input="#26292d",
    input_edge="#a2a6ac",
    conv="#1b3054",
    conv_edge="#7fb0ff",
    pool="#163a27",
    pool_edge="#6fd197",
    norm="#103b40",
    norm_edge="#5ccbd6",
    dense="#35255e",
    dense_edge="#bb9cff",
    squash="#4a1f22",
    squash_edge="#ff8f8f",
    join="#452a10",
    join_edge="#ffa866",
)

_COLOURS = tuple(f.name for f in fields(Theme) if f.name not in ("name", "series"))


def _variable(role: str) -> str:
    return f"--{role.replace('_', '-')}"


ON_PAGE = Theme(
    name="page",
    series=tuple(f"var(--series-{i})" for i in range(len(LIGHT.series))),
    **{role: f"var({_variable(role)})" for role in _COLOURS},
)
"""The colours as a page has them that holds the rules of `css`: light or dark, as its reader likes."""

THEMES = {theme.name: theme for theme in (LIGHT, DARK)}


def css() -> str:
    """Rules of a page that give each role its colour, on a screen that is dark those of `DARK`."""
    return f"{_rules(LIGHT)}@media screen and (prefers-color-scheme:dark){{{_rules(DARK)}}}"


def _rules(theme: Theme) -> str:
    colours = {_variable(role): theme.colour(role) for role in _COLOURS}
    colours |= {f"--series-{i}": colour for i, colour in enumerate(theme.series)}
    return f":root{{{';'.join(f'{name}:{colour}' for name, colour in colours.items())}}}"


AREAS = tuple(f.name.removesuffix("_edge") for f in fields(Theme) if f.name.endswith("_edge"))
"""Roles of areas: each has an outline of the same name with ``_edge``."""


def contrast(one: str, other: str) -> float:
    """Contrast of two colours, 1 to 21. Source: WCAG 2.2, relative luminance and contrast ratio."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
