"""What training says while it runs: small events, which the display shows and ``events.jsonl`` keeps."""

from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from heirloom.measures import MEASURES


@dataclass(frozen=True)
class Started:
    """Training begins, or goes on."""

    event: ClassVar[str] = "started"
    run: str
    model: str
    data: str
    images: int
    epochs: int
    steps: int
    step: int


@dataclass(frozen=True, kw_only=True)
class Step:
    """One update was done. Loss and measure are means over the epoch so far, on distorted images.

    The measure is the task's: accuracy, or error. The other one is None, and is not written down.
    """

    event: ClassVar[str] = "step"
    step: int
    epoch: int
    loss: float
    accuracy: float | None = None
    error: float | None = None
    lr: float
    images: int


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """One pass is done. Validation is None where the data has no split for it, or it is trained on."""

    event: ClassVar[str] = "epoch"
    epoch: int
    step: int
    loss: float
    accuracy: float | None = None
    error: float | None = None
    val_loss: float | None
    val_accuracy: float | None = None
    val_error: float | None = None
    seconds: float


@dataclass(frozen=True)
class Saved:
    """A checkpoint was written."""

    event: ClassVar[str] = "saved"
    step: int


@dataclass(frozen=True)
class Note:
    """Something that the user should know."""

    event: ClassVar[str] = "note"
    text: str


@dataclass(frozen=True)
class Done:
    """The last update is done and the weights are written.

    ``kept`` is the epoch, counted from 1, whose weights these are; it is None, and not written down, where
    they are the last.
    """

    event: ClassVar[str] = "done"
    run: str
    step: int
    kept: int | None = None


def as_line(event: "Event") -> dict[str, Any]:
    """What ``events.jsonl`` keeps of an event: all of it, but for measures of another task."""
    values = asdict(event)
    if isinstance(event, Done) and event.kept is None:
        del values["kept"]
    for word in [measure.word for measure in MEASURES if values.get(measure.word, 0) is None]:
        values = {key: value for key, value in values.items() if key not in (word, f"val_{word}")}
    return {"event": event.event, **values}


Event = Started | Step | Epoch | Saved | Note | Done
