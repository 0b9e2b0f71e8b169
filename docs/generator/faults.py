"""The reference of error codes and exit statuses."""

import re
from itertools import groupby

import heirloom
from docs.generator.markdown import table
from heirloom.errors import STATUS

STATUSES = {
    0: "done",
    1: "a check said no: `audit`, `explain`, `resume --prove`",
    2: "usage: the command or the call is wrong",
    3: "data",
    4: "weights, checkpoint or run directory",
    5: "environment: disk, device, network, another process",
    6: "training diverged",
    70: "a defect of Heirloom's: please report the line, and what `--debug` adds",
    130: "stopped by Ctrl-C, after a checkpoint where it was training",
    143: "stopped by SIGTERM, after a checkpoint where it was training",
}
"""Every exit status of the command line."""

CODES = {
    "E-usage": "the command line cannot be read, or an option has an impossible value",
    "E-model": "no network or class has that name, or it is code of one's own that was not named",
    "E-argument": "a network or a function takes no such argument, or not that value; or the network does "
    "not run",
    "E-input-size": "the network takes another size, or no size is known",
    "E-operation": "no rule counts an operation; the line names it",
    "E-trace": "the network does not run on shapes alone",
    "E-data": "there is no such data set or split, or its files are nowhere; the line says where we looked",
    "E-recipe": "a key or a value of a recipe is wrong, or its file is no recipe",
    "E-output-exists": "the place to write to is taken; nothing is overwritten",
    "E-image": "a picture cannot be read",
    "E-data-file": "a file of a data set is cut, swapped or not what it should be",
    "E-weights": "a file of weights is missing, damaged, or not of a kind that can be read without being run",
    "E-weights-model": "the weights are those of another network",
    "E-weights-classes": "weights and data have other classes",
    "E-checkpoint": "no checkpoint of a run is good, or they were made by another recipe",
    "E-run": "the folder is no run, or is not finished, or a file of it is damaged",
    "E-output-unwritable": "the place cannot be written",
    "E-disk": "the disk is full, or fails",
    "E-device": "there is no such device here",
    "E-locked": "another process trains in the folder",
    "E-fetch": "no mirror gave the file",
    "E-diverged": "the loss or a weight is not finite",
}
"""What each code means."""


def page() -> str:
    """The statuses, and the codes of each with who raises them."""
    parts = [
        "# Errors and exit statuses",
        "An error is one line on stderr: what is wrong, where, why, and what to do now, with a code in "
        "brackets that "
        "stays the same when the words change. `--debug` adds where in the program it came from. In "
        "Python it is a "
        "[`HeirloomError`](python.md#heirloomerror) with `code`, `what`, `where`, `why`, `remedy` and "
        "`status`. "
        "[When something goes wrong](../trouble.md) shows common ones.",
        "## Exit statuses",
        table(["status", "meaning"], [[f"`{status}`", words] for status, words in STATUSES.items()]),
        "## Codes",
    ]
    rows = []
    for status, codes in groupby(STATUS, STATUS.__getitem__):
        for code in codes:
            known = ", ".join(f"[`{name}`](python.md#{name.lower()})" for name in raisers(code))
            rows.append([f"`{code}`", str(status), CODES[code], known])
    parts.append(table(["code", "status", "meaning", "documented by"], rows, (1,)))
    return "\n\n".join(parts)


def raisers(code: str) -> list[str]:
    """The public functions whose docstrings name a code."""
    pattern = rf"``{code}``"
    return [name for name in heirloom.__all__ if re.search(pattern, getattr(heirloom, name).__doc__ or "")]
