"""Evaluation of a network on every image of a split, as its task has it, with its interval."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from torch import Tensor

from heirloom.data import Dataset, Split, Undecoded, absolute, load_data, short_name
from heirloom.data.preprocessing import Preprocess
from heirloom.data.waiting import told
from heirloom.errors import HeirloomError, check_choice
from heirloom.files import disk_errors, is_folder, write_atomically
from heirloom.measures import accuracy_line, wilson
from heirloom.models import faults_of
from heirloom.protocols import BATCH, PROTOCOLS, kept_of, looked_at, scores_of
from heirloom.recipes import published_beside
from heirloom.recipes.published import Distance, distance
from heirloom.runs import Run
from heirloom.tasks import Found, task_of
from heirloom.tasks.classify import Evaluation
from heirloom.tasks.reconstruct import Reconstruction
from heirloom.weights import check_classes, load_model

__all__ = [
    "Evaluation", "Reconstruction", "accuracy_line", "evaluate", "evaluation_name", "kept_of", "scores_of",
    "wilson",
]  # fmt: skip


def evaluate(
    run: Path | str,
    data: str | None = None,
    *,
    split: str = "test",
    protocol: str = "center",
    model: str | None = None,
) -> Evaluation | Reconstruction:
    """Evaluate a finished run, or a weights file, on one split.

    For a run the result is also written to its ``evaluations/``, and stands beside the published result of
    its recipe, where there is one.

    Args:
        run: Run directory or weights file.
        data: Name of a data set, or path of images; by default what a run was trained on.
        split: ``train``, ``val``, ``test``, or several joined by ``+``.
        protocol: How each image is looked at, see `heirloom.protocols`: ``center``, ``10view``, ``dense``.
        model: As in `load_model`.

    Returns:
        An `Evaluation` of a network with classes, a `Reconstruction` of one without.

    Raises:
        HeirloomError: (``E-run``, ``E-weights``) Nothing to load; (``E-weights-classes``) the data has other
            classes; (``E-data``) no such data set or split; (``E-argument``) the protocol has no meaning for
            this network; (``E-model``) it cannot be slid over larger images.
    """
    run = Path(run)
    check_choice("protocol", protocol, PROTOCOLS)
    loaded = load_model(run, model)
    if data is None and not is_folder(run):
        raise HeirloomError("E-data", f"which data shall {run} be evaluated on?", remedy="add --data")
    recipe = Run(run).recipe if is_folder(run) else None
    data = absolute(data or (recipe.data if recipe else ""))
    card = loaded.card
    dataset = load_data(data, fit=card.preprocess, wait=False)
    task = task_of(card)
    check_classes(card, task.classes(dataset), run)
    opened = dataset.split(split)
    chosen = opened.settled()
    every = opened.gate.bad_files if opened.gate else dataset.bad
    with faults_of(card.model, f"{data}, {split}"):
        batches = _images(protocol, dataset, chosen, card.preprocess)
        images = told("evaluating images", len(chosen), batches, len)
        kept = looked_at(protocol, task, loaded.model, card.preprocess, images)
    found: Found = task.found(card.model, data, dataset.called(split), protocol, dataset, chosen, kept)
    found = replace(found, images=fingerprint(chosen, dataset.classes), bad=every[len(dataset.bad) :])
    assert isinstance(found, Evaluation | Reconstruction)
    if recipe:
        aim = published_beside(recipe)
        beside: Distance | None = distance(*aim, recipe.data, data, found.metrics) if aim else None
        found = replace(found, distance=beside)
        folder = run / "evaluations"
        with disk_errors(folder):
            folder.mkdir(exist_ok=True)
        name = evaluation_name(recipe.data, data, split, protocol)
        if data == recipe.data:
            Run(run).write_bad_files(every, more=True)
        Run(run).write_json(f"evaluations/{name}.json", found.as_dict())
        write_atomically(folder / f"{name}.csv", found.as_csv().encode())
    return found


def evaluation_name(own: str, data: str, split: str, protocol: str) -> str:
    """The name of an evaluation's files; other data than the run's ``own`` are told apart by name."""
    return f"{'' if data == own else f'{short_name(data)}-'}{split}-{protocol}"


BY_FILES = "files:"
"""Before the sum of images from files. Releases that noted none made it from the names of the files."""


def fingerprint(chosen: Split, classes: Sequence[str]) -> str:
    """Hexadecimal SHA-256 of which images these are, whatever size they are stored in, with their labels.

    Of files it is made from the sums of their bytes, whatever they are called, and from the names of the
    classes; of other images from the pixels.
    """
    digest = hashlib.sha256(chosen.labels.numpy().tobytes())
    if not chosen.sums:
        digest.update(chosen.images.contiguous().numpy().data)
        return digest.hexdigest()
    digest.update("\0".join([*chosen.sums, *classes]).encode())
    return BY_FILES + digest.hexdigest()


def _images(protocol: str, dataset: Dataset, chosen: Split, preprocess: Preprocess) -> Iterable[Tensor]:
    """Batches of the images, as they are stored where that is enough, else as their files have them."""
    if protocol != "dense" or preprocess.resize == "warp" or not isinstance(dataset.splits, Undecoded):
        return (batch for batch in chosen.images.split(BATCH))
    least = 2 * (preprocess.box or max(preprocess.size[1:]))
    return (image.unsqueeze(0) for image in dataset.splits.originals(chosen.names, least))
