"""Makes sure that the built site loads nothing from elsewhere: ``python -m docs.generator.sealing SITE``."""

import os
import re
import sys
from pathlib import Path

SHIM = "https://unpkg.com/iframe-worker/shim"
"""A script that the builder takes from elsewhere, for searching pages that were opened from files."""
OURS = "worker.js"
LOADED = re.compile(
    r"<(?:script|img|iframe|source|video|audio|embed|object)\b[^>]*?"
    r"\b(?:src|data)=[\"']?(?:https?:)?//[^\"' >]+"
    r"|<link\b[^>]*\bhref=[\"']?(?:https?:)?//[^\"' >]+"
    r"|@import\s+(?:url\()?[\"']?(?:https?:)?//[^\"')]+"
    r"|url\([\"']?(?:https?:)?//[^\"')]+"
)
"""What a browser would load from another place."""


def main(site: Path) -> None:
    """Put our script in the place of the other; end with status 1 if anything else is loaded from outside."""
    found = []
    for path in sorted(site.rglob("*")):
        if path.suffix not in (".html", ".css"):
            continue
        text = path.read_text(encoding="utf-8")
        if SHIM in text:
            text = text.replace(SHIM, os.path.relpath(site / OURS, path.parent))
            path.write_text(text, encoding="utf-8")
        found += [f"{path}: {piece}" for piece in LOADED.findall(text)]
    if found:
        sys.exit("\n".join(["The site would load from elsewhere:", *found]))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
