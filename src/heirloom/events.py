"""What training says while it runs: small events, which the display shows and ``events.jsonl`` keeps."""

from dataclasses import dataclass
from typing import ClassVar


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


@dataclass(frozen=True)
class Step:
    """One update was done. Loss and accuracy are means over the epoch so far, on distorted images."""

    event: ClassVar[str] = "step"
    step: int
    epoch: int
    loss: float
    accuracy: float
    lr: float
    images: int


@dataclass(frozen=True)
class Epoch:
    """One pass is done. Validation is None where the data has no split for it, or it is trained on."""

    event: ClassVar[str] = "epoch"
    epoch: int
    step: int
    loss: float
    accuracy: float
    val_loss: float | None
    val_accuracy: float | None
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
    """The last update is done and the weights are written."""

    event: ClassVar[str] = "done"
    run: str
    step: int


Event = Started | Step | Epoch | Saved | Note | Done
