"""Gathers the whole documentation in one folder, ready for the builder of the site."""

import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from docs.generator import commands, errata, faults, gallery, networks, python, recipes
from docs.generator.markdown import consoles
from heirloom.recipes import RECIPES

ROOT = networks.ROOT
WRITTEN = ROOT / "docs"
COPIED = {
    "RESULTS.md": "results.md",
    "benchmarks/RESULTS.md": "speed.md",
    "CHANGELOG.md": "changes.md",
    "CONTRIBUTING.md": "contributing.md",
}
"""Files of the repository that are pages as they are."""
NEXT = {
    "networks/index.md": "[Errata](../errata.md) has the numbers that are printed wrong; "
    "[your own network](../own.md) is counted by the same commands.",
    "errata.md": "Check the numbers that you show yourself: [for lecturers](lecturer.md).",
    "recipes.md": "[Results](results.md) has every run; [reproducibility](reproducibility.md) says when "
    "two are equal.",
    "results.md": "[Recipes](recipes.md) says how each was trained, [speed](speed.md) how long it takes "
    "elsewhere.",
    "speed.md": "[Reproducibility](reproducibility.md) says what changes a result, and what does not.",
    "reference/commands.md": "The same in Python: [functions and classes](python.md). In use: "
    "[for practitioners](../practitioner.md).",
    "reference/python.md": "In use: [for researchers](../researcher.md), [your own network](../own.md).",
    "reference/errors.md": "[When something goes wrong](../trouble.md) has examples.",
    "contributing.md": "The [file of LeNet-5](code/lenet5.md) is an example; [changes](changes.md) says "
    "what is new.",
    "changes.md": "[Home](index.md), or [what is missing](contributing.md).",
}
"""What the reader of a page that is not written here may need next."""


def main(folder: Path) -> None:
    """Write ``pages/`` and ``zensical.toml`` below ``folder``; what was there goes."""
    shutil.rmtree(folder / "pages", ignore_errors=True)
    for place, text in pages():
        path = folder / "pages" / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.rstrip() + "\n", encoding="utf-8")
    for path in [*WRITTEN.glob("*.css"), *WRITTEN.glob("*.js"), *WRITTEN.glob("pictures/*")]:
        target = folder / "pages" / path.relative_to(WRITTEN)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    (folder / "zensical.toml").write_text(settings(), encoding="utf-8")


def pages() -> Iterator[tuple[str, str]]:
    """Every page, written or made: its path, and its text."""
    for place, text in _bare_pages():
        yield place, f"{text.rstrip()}\n\n## What next\n\n{NEXT[place]}\n" if place in NEXT else text


def _bare_pages() -> Iterator[tuple[str, str]]:
    for path in sorted(WRITTEN.glob("*.md")):
        yield path.name, gallery.in_both_themes(consoles(path.read_text(encoding="utf-8")))
    for place, page in COPIED.items():
        yield page, linked((ROOT / place).read_text(encoding="utf-8"), (ROOT / place).parent)
    yield from networks.pages()
    yield "errata.md", errata.page()
    yield "recipes.md", recipes.page()
    for name in ("recipe", *RECIPES):
        yield (
            f"code/{name}.md",
            networks.listing(
                recipes.FOLDER / f"{name}.py", f"recipes/{name}.py", "[All recipes](../recipes.md).", ""
            ),
        )
    yield "reference/commands.md", commands.page()
    yield "reference/python.md", python.page()
    yield "reference/errors.md", faults.page()


def linked(text: str, folder: Path) -> str:
    """A file of the repository with links as the site has them; where it has no such page, the words."""

    def link(found: re.Match[str]) -> str:
        words, target = found.groups()
        if re.match(r"[a-z]+:|#", target):
            return found[0]
        place = (folder / target).resolve().relative_to(ROOT.resolve())
        if str(place) in COPIED:
            return f"[{words}]({COPIED[str(place)]})"
        if place.suffix == ".py" and place.parent.name in ("models", "recipes") and place.stem != "__init__":
            return f"[{words}](code/{place.stem}.md)"
        return words

    return re.sub(r"(?<!!)\[([^\]]+)\]\(([^)\s]+)\)", link, text)


def settings() -> str:
    """The site's settings; each group of networks is a section of the contents."""
    text = (WRITTEN / "zensical.toml").read_text(encoding="utf-8")
    entries = []
    for title, names in networks.groups().items():
        inside = ", ".join(f'{{ "{name}" = "networks/{name}.md" }}' for name in names)
        entries.append(f'    {{ "{title}" = [{inside}] }},\n')
    return text.replace("    # The networks stand here.\n", "".join(entries))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
