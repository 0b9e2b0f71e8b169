"""Audits a table of one's own: a CSV of model, layer, quantity and value."""

import csv
import re
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from heirloom.accounting import COLUMNS
from heirloom.auditing.printed import value_text
from heirloom.auditing.readings import books, measured
from heirloom.auditing.verdicts import Value, holds, judged
from heirloom.claim import Quantity
from heirloom.errors import HeirloomError, nearest
from heirloom.models import MODELS

HEADER = ["model", "layer", "quantity", "value"]
_SIZE = re.compile(r"[0-9]+(?:\s*[xX×*]\s*[0-9]+)*|\([0-9]+(?:\s*,\s*[0-9]+)*\)")
_OF_A_TOTAL = (*COLUMNS, "units")


@dataclass(frozen=True)
class Checked:
    """What became of one row.

    Attributes:
        line: Line of the file.
        model: Name of the network.
        layer: Name of a row of its summary, or ``total``.
        quantity: What is counted, as in `Claim`.
        printed: The value as the file has it.
        ours: The network's own, as text.
        words: ``matches``, ``rounds to``, ``cut to: it rounds to ...`` or ``wrong``.
    """

    line: int
    model: str
    layer: str
    quantity: str
    printed: str
    ours: str
    words: str

    @property
    def holds(self) -> bool:
        """False if the value is neither ours nor a rounding of it."""
        return holds(self.words)


def audit_table(path: str | Path) -> list[Checked]:
    """Check each row of a CSV file with the header ``model,layer,quantity,value``.

    An empty layer or ``total`` means the whole network. A value is printed as anywhere: ``1,516`` (in
    quotation marks), ``60K``, ``62.3 million``, ``55x55x96``, ``≈ 61,500``.

    Raises:
        HeirloomError: (``E-data-file``) The file cannot be read, is no such table, or has no rows;
            (``E-model``) it names an unknown network; (``E-usage``) an unknown layer or quantity, or a value
            that is no count or no size.
    """
    path = Path(path)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        why = (error.strerror or "").lower() if isinstance(error, OSError) else str(error)
        raise HeirloomError("E-data-file", "cannot read the table", where=str(path), why=why) from error
    rows = [(line, row) for line, row in rows if any(row)]
    if not rows or rows[0][1] != HEADER:
        raise HeirloomError(
            "E-data-file",
            "not a table of claims",
            where=str(path),
            why=f"its first line is {','.join(rows[0][1])!r}" if rows else "it is empty",
            remedy=f"begin with {','.join(HEADER)}",
        )
    if not rows[1:]:
        raise HeirloomError(
            "E-data-file",
            "a table without rows",
            where=str(path),
            why="its heads are all that it has",
            remedy="give each number a line, such as lenet5,c3,parameters,1516",
        )
    return [_checked(path, line, row) for line, row in rows[1:]]


def _checked(path: Path, line: int, row: list[str]) -> Checked:
    where = f"{path}, line {line}"
    if len(row) != len(HEADER):
        raise HeirloomError(
            "E-data-file",
            f"{len(row)} cells instead of {len(HEADER)}",
            where=where,
            remedy='put a value with a comma in quotation marks: "1,516"',
        )
    model, layer, quantity, printed = row
    if model not in MODELS:
        raise HeirloomError("E-model", f"no network {model!r}", where=where, why=nearest(model, MODELS))
    found = books(model)
    layer = "" if layer == "total" else layer
    layers = [each.name for each in found.rows]
    if layer and layer not in layers:
        raise HeirloomError(
            "E-usage", f"{model} has no layer {layer!r}", where=where, why=nearest(layer, layers)
        )
    known = [each for each in get_args(Quantity) if each != "units"] if layer else list(_OF_A_TOTAL)
    if quantity not in known:
        raise HeirloomError(
            "E-usage",
            f"{'a layer' if layer else 'a whole network'} has no quantity {quantity!r}",
            where=where,
            why=nearest(quantity, known),
        )
    ours = measured(quantity, layer, found)
    words = _words(printed, ours, quantity, where)
    return Checked(line, model, layer or "total", quantity, printed, value_text(ours), words)


def _words(printed: str, ours: Value | None, quantity: str, where: str) -> str:
    if ours is None:
        raise HeirloomError("E-usage", f"it has no {quantity} there", where=where)
    if "%" in printed:
        raise HeirloomError("E-usage", f"{printed!r} is no count", where=where, why="it is a share")
    if isinstance(ours, tuple) and not _SIZE.fullmatch(printed):
        raise HeirloomError("E-usage", f"{printed!r} is no size", where=where, remedy="print it as 55x55x96")
    try:
        return judged(printed, ours)
    except HeirloomError as error:
        raise HeirloomError(error.code, error.what, where=where, remedy=error.remedy) from error
