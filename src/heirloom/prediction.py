"""Prediction: the classes of image files, in the documented order of columns."""

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F

from heirloom.errors import HeirloomError
from heirloom.files import is_folder
from heirloom.images import SUFFIXES, open_image
from heirloom.weights import LoadedModel, load_model

COLUMNS = ("path", "rank", "class", "index", "score", "probability", "error")


@dataclass(frozen=True)
class Prediction:
    """One answer about one image, or what kept it from being read.

    Attributes:
        path: The image, as it was named.
        rank: 1 for the most probable class.
        label: Name of the class.
        index: Its number.
        score: The network's score for it; larger wins.
        probability: Softmax of the scores.
        error: Empty, or why there is no answer.
    """

    path: str
    rank: int = 0
    label: str = ""
    index: int = -1
    score: float = float("nan")
    probability: float = float("nan")
    error: str = ""

    def as_dict(self) -> dict[str, str | int | float | None]:
        """The values of `COLUMNS`, as numbers where they are; None where there is no answer."""
        if self.error:
            return dict.fromkeys(COLUMNS) | {"path": self.path, "error": self.error}
        values = (self.path, self.rank, self.label, self.index, self.score, self.probability, "")
        return dict(zip(COLUMNS, values, strict=True))

    def cells(self) -> list[str]:
        """The values of `COLUMNS`."""
        if self.error:
            return [self.path, "", "", "", "", "", self.error]
        numbers = f"{self.score:.6g}", f"{self.probability:.6g}"
        return [self.path, str(self.rank), self.label, str(self.index), *numbers, ""]


def predict(
    run: Path | str | LoadedModel,
    images: Path | str | bytes | Iterable[Path | str | bytes],
    *,
    top: int = 1,
    model: str | None = None,
) -> Iterator[Prediction]:
    """Classify image files one by one; a file that cannot be read gives a `Prediction` with its error.

    Args:
        run: Run directory, weights file, or a loaded model.
        images: One or several: paths of images and of folders (all images below, in the order of their
            names), or the bytes of an image, which is called ``-``.
        top: How many classes for each image.
        model: As in `load_model`.

    Raises:
        HeirloomError: (``E-run``, ``E-weights``) Nothing to load; (``E-usage``) impossible ``top``, or a
            network without classes.
    """
    loaded = run if isinstance(run, LoadedModel) else load_model(run, model)
    classes = loaded.card.classes
    if not classes:
        raise HeirloomError(
            "E-usage",
            f"{loaded.card.model} knows no classes",
            why="it gives back the image that it is given",
            remedy="heirloom evaluate says how well, the report of a run shows it",
        )
    if not 1 <= top <= len(classes):
        raise HeirloomError("E-usage", f"top={top}", why=f"there are {len(classes)} classes")
    several = [images] if isinstance(images, Path | str | bytes) else images
    return _predictions(loaded, several, top)


@torch.no_grad()
def _predictions(loaded: LoadedModel, images: Iterable[Path | str | bytes], top: int) -> Iterator[Prediction]:
    for source in _files(images):
        path = "-" if isinstance(source, bytes) else str(source)
        try:
            if isinstance(source, Path) and is_folder(source):
                raise HeirloomError("E-image", "no images in this folder", where=path)
            image = open_image(source, path)
        except HeirloomError as error:
            yield Prediction(path, error=str(error))
            continue
        scores = loaded.model(loaded.card.preprocess(image.unsqueeze(0)))[0]
        probability = F.softmax(scores, dim=0)
        best = torch.topk(scores, top)
        for rank, (score, index) in enumerate(
            zip(best.values.tolist(), best.indices.tolist(), strict=True), 1
        ):
            label = loaded.card.classes[index]
            yield Prediction(path, rank, label, index, score, float(probability[index]))


def _files(images: Iterable[Path | str | bytes]) -> Iterator[Path | bytes]:
    for image in images:
        if isinstance(image, bytes):
            yield image
            continue
        path = Path(image)
        if is_folder(path):
            found = [p for p in sorted(path.rglob("*")) if p.suffix.lower() in SUFFIXES]
            shown = [p for p in found if not any(q.startswith(".") for q in p.relative_to(path).parts)]
            yield from shown or [path]  # an empty folder is an answer too: an error
        else:
            yield path


def csv_line(cells: Iterable[str]) -> str:
    """One line of CSV with its end."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow(cells)
    return out.getvalue()
