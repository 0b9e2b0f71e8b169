"""Which tensor goes where: every one of theirs and every one of ours has a row, and nothing is guessed."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from heirloom.data.preprocessing import Preprocess
from heirloom.errors import HeirloomError
from heirloom.foreign.publisher import Publisher
from heirloom.tables import Table

COUNTER = "num_batches_tracked"
"""PyTorch counts batches beside its batch statistics, since 0.4.1. No score depends on it."""

NAMED_IN_A_LINE = 6


@dataclass(frozen=True)
class Row:
    """What became of one tensor.

    Attributes:
        theirs: Its name in the file, or empty.
        their_size: Its size there.
        ours: Its name in our network, or empty.
        our_size: Its size there.
        fate: ``copied``, perhaps with what was changed; or why it was not.
        fault: Whether it should have been.
    """

    theirs: str
    their_size: tuple[int, ...]
    ours: str
    our_size: tuple[int, ...]
    fate: str
    fault: bool = False


def match(
    theirs: Mapping[str, Tensor],
    ours: Mapping[str, Tensor],
    layers: Callable[[str], str | None],
    optional: str = "",
    fresh: Collection[str] = (),
    reordered: Collection[str] = (),
) -> list[Row]:
    """Account for every tensor of a file and of a network.

    Args:
        theirs: The file's tensors.
        ours: The network's.
        layers: From their name of a layer to ours.
        optional: Pattern of layers of ours that the network may lack.
        fresh: Names of ours that shall stay as they are.
        reordered: Names of theirs whose maps have been put in our order.
    """
    rows: list[Row] = []
    taken: dict[str, str] = {}
    for name, tensor in theirs.items():
        layer, _, last = name.rpartition(".")
        own_layer = layers(layer)
        own = f"{own_layer}.{last}" if own_layer else last if own_layer == "" else ""
        size = tuple(tensor.shape)
        if own_layer is None:
            rows.append(Row(name, size, "", (), "left over: no layer of ours has this name", True))
        elif own in fresh:
            taken[own] = name
            rows.append(Row(name, size, own, tuple(ours[own].shape), "not taken: the classifier is fresh"))
        elif own not in ours:
            aside = bool(optional and re.fullmatch(optional, own_layer))
            why = "not taken: the network is built without it" if aside else f"left over: there is no {own}"
            why = "not taken: it is no weight" if last == COUNTER else why
            rows.append(Row(name, size, "", (), why, not aside and last != COUNTER))
        elif own in taken:
            rows.append(Row(name, size, own, (), f"left over: {taken[own]} is there already", True))
        else:
            taken[own] = name
            fate, fault = _fate(tensor, ours[own])
            fate += ", its maps in our order" if name in reordered and not fault else ""
            rows.append(Row(name, size, own, tuple(ours[own].shape), fate, fault))
    for own, tensor in ours.items():
        if own in taken:
            continue
        size = tuple(tensor.shape)
        if own in fresh:
            rows.append(Row("", (), own, size, "fresh"))
        elif own.rpartition(".")[2] == COUNTER:
            rows.append(Row("", (), own, size, "0: the file does not count batches"))
        else:
            rows.append(Row("", (), own, size, "missing in the file", True))
    return rows


def _fate(theirs: Tensor, ours: Tensor) -> tuple[str, bool]:
    """What is done with a tensor whose place is known, and whether it cannot be done."""
    size, wanted = tuple(theirs.shape), tuple(ours.shape)
    words = ["copied"]
    if size != wanted:
        # Caffe until 2014 had four numbers for every size: (1, 1, 500, 800) for (500, 800).
        if len(size) != 4 or size != (1,) * (4 - len(wanted)) + wanted:
            return f"the size is {_size(size)}, not {_size(wanted)}", True
        words.append("leading ones dropped")
    if (
        theirs.is_complex()
        or theirs.dtype == torch.bool
        or theirs.is_floating_point() != ours.is_floating_point()
    ):
        return f"it holds {str(theirs.dtype).removeprefix('torch.')}", True
    if theirs.dtype != ours.dtype:
        words.append(f"from {str(theirs.dtype).removeprefix('torch.')}")
    if not _finite(theirs):
        return "it has values that are not finite", True
    return ", ".join(words), False


def _finite(tensor: Tensor) -> bool:
    # A sum is finite only if each summand is, and ten times as quickly made.
    return bool(torch.isfinite(tensor.sum(dtype=torch.float64))) or bool(torch.isfinite(tensor).all())


def converted(
    rows: Sequence[Row], theirs: Mapping[str, Tensor], ours: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Our state dict after the rows: what was copied from theirs, the rest as it is."""
    found = dict(ours)
    for row in rows:
        if row.theirs and row.ours and row.fate.startswith("copied"):
            found[row.ours] = theirs[row.theirs].reshape(row.our_size).to(ours[row.ours].dtype)
    return found


@dataclass(frozen=True)
class Report:
    """What went where, layer by layer.

    Attributes:
        file: Name of the file.
        kind: Its format.
        sha256: Of its bytes.
        model: Our network.
        args: With these arguments.
        publisher: Whose names the file has.
        rows: One for each tensor of theirs and ours.
        preprocess: How images become the network's input; None where the weights do not fit.
        preprocess_origin: Who says so.
    """

    file: str
    kind: str
    sha256: str
    model: str
    args: dict[str, Any]
    publisher: Publisher
    rows: list[Row]
    preprocess: Preprocess | None = None
    preprocess_origin: str = ""

    @property
    def faults(self) -> list[str]:
        """A few words about each tensor that does not fit."""
        return [f"{row.theirs or row.ours}: {row.fate}" for row in self.rows if row.fault]

    def words(self) -> str:
        """The faults on one line, the first ones by name."""
        faults = self.faults
        more = f"; and {len(faults) - NAMED_IN_A_LINE} more" if len(faults) > NAMED_IN_A_LINE else ""
        return "; ".join(faults[:NAMED_IN_A_LINE]) + more

    def as_dict(self) -> dict[str, Any]:
        """The documented JSON form, schema 1."""
        return {
            "schema": 1,
            "file": self.file,
            "format": self.kind,
            "sha256": self.sha256,
            "model": self.model,
            "args": self.args,
            "publisher": self.publisher.name,
            "preprocess": self.preprocess.as_dict() if self.preprocess else None,
            "preprocess_origin": self.preprocess_origin,
            "fits": not self.faults,
            "rows": [
                {"theirs": row.theirs, "their_size": list(row.their_size), "ours": row.ours,
                 "our_size": list(row.our_size), "fate": row.fate, "fault": row.fault}
                for row in self.rows
            ],
        }  # fmt: skip

    def table(self) -> Table:
        """For people."""
        copied = sum(row.fate.startswith("copied") for row in self.rows)
        numbers = sum(torch.Size(row.our_size).numel() for row in self.rows if row.fate.startswith("copied"))
        title = f"{self.file} ({self.kind}) into {self.model}: {copied} tensors, {numbers:,} numbers copied"
        title += f", {len(self.faults)} do not fit" if self.faults else ""
        cells = [
            [row.theirs or "–", _size(row.their_size) if row.theirs else "", row.ours or "–",
             _size(row.our_size) if row.ours else "", row.fate]
            for row in self.rows
        ]  # fmt: skip
        arguments = ", ".join(f"{key}={value}" for key, value in self.args.items())
        notes = [
            f"Names: {self.publisher.name} ({self.publisher.origin}).",
            *([f"Preprocessing: {self.preprocess_origin}: {self.preprocess}."] if self.preprocess else []),
            *([f"Arguments: {arguments}."] if arguments else []),
            *([self.publisher.notes[self.model]] if self.model in self.publisher.notes else []),
        ]
        return Table(
            title,
            ["theirs", "their size", "ours", "our size", "what"],
            cells,
            notes=notes,
            data=self.as_dict(),
        )


class Unfit(HeirloomError):
    """Weights that do not fit the network.

    Attributes:
        report: With every tensor, fitting or not.
    """

    def __init__(self, code: str, what: str, *, where: str, why: str, remedy: str, report: Report) -> None:
        super().__init__(code, what, where=where, why=why, remedy=remedy)
        self.report = report


def _size(size: tuple[int, ...]) -> str:
    return "×".join(map(str, size)) or "1"
