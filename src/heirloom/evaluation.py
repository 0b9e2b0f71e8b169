"""Evaluation of a network on every image of a split, as its task has it, with its interval."""

from pathlib import Path

import torch
from torch import Tensor, nn

from heirloom.data import absolute, load_data, short_name
from heirloom.data.preprocessing import Preprocess
from heirloom.errors import HeirloomError
from heirloom.files import disk_errors, is_folder, write_atomically
from heirloom.measures import accuracy_line, wilson
from heirloom.models import faults_of
from heirloom.runs import Run
from heirloom.tasks import TASKS, Task, task_of
from heirloom.tasks.classify import Evaluation
from heirloom.tasks.reconstruct import Reconstruction
from heirloom.weights import check_classes, load_model

__all__ = ["Evaluation", "Reconstruction", "accuracy_line", "evaluate", "kept_of", "scores_of", "wilson"]

BATCH = 256
"""Images per forward pass."""


def evaluate(
    run: Path | str, data: str | None = None, *, split: str = "test", model: str | None = None
) -> Evaluation | Reconstruction:
    """Evaluate a finished run, or a weights file, on one split.

    For a run the result is also written to its ``evaluations/``.

    Args:
        run: Run directory or weights file.
        data: Name of a data set, or path of images; by default what a run was trained on.
        split: ``train``, ``val``, ``test``, or several joined by ``+``.
        model: As in `load_model`.

    Returns:
        An `Evaluation` of a network with classes, a `Reconstruction` of one without.

    Raises:
        HeirloomError: (``E-run``, ``E-weights``) Nothing to load; (``E-weights-classes``) the data has other
            classes; (``E-data``) no such data set or split.
    """
    run = Path(run)
    loaded = load_model(run, model)
    if data is None and not is_folder(run):
        raise HeirloomError("E-data", f"which data shall {run} be evaluated on?", remedy="add --data")
    own = Run(run).recipe.data if is_folder(run) else ""
    data = absolute(data or own)
    dataset = load_data(data, fit=loaded.card.preprocess, wait=False)
    task = task_of(loaded.card)
    check_classes(loaded.card, task.classes(dataset), run)
    chosen = dataset.split(split).settled()
    preprocess = loaded.card.preprocess
    with faults_of(loaded.card.model, f"{data}, {split}"):
        kept = kept_of(task, loaded.model, preprocess.fit(chosen.images), preprocess)
    found = task.found(loaded.card.model, data, dataset.called(split), dataset, chosen.labels, kept)
    assert isinstance(found, Evaluation | Reconstruction)
    if is_folder(run):
        folder = run / "evaluations"
        with disk_errors(folder):
            folder.mkdir(exist_ok=True)
        # Another data set than the run's own is told apart by name.
        name = f"{'' if data == own else f'{short_name(data)}-'}{split}-center"
        Run(run).write_json(f"evaluations/{name}.json", found.as_dict())
        write_atomically(folder / f"{name}.csv", found.as_csv().encode())
    return found


@torch.no_grad()
def kept_of(task: Task, model: nn.Module, images: Tensor, preprocess: Preprocess) -> Tensor:
    """What the task keeps of each output for fitted uint8 images (N, C, H, W), in evaluation mode.

    Everything is done where the images are. Shape (N, ...).
    """
    model.eval()
    parts = []
    place = next((parameter.device for parameter in model.parameters()), images.device)
    for part in images.split(BATCH):  # they may be mapped, and more than fit onto the device
        x = preprocess.normalised(preprocess.scaled(part.to(place)))
        parts.append(task.kept(model(x), x, preprocess))
    return torch.cat(parts).to(images.device)


def scores_of(model: nn.Module, images: Tensor, preprocess: Preprocess) -> Tensor:
    """Scores of fitted uint8 images (N, C, H, W), as `kept_of` has them. Shape (N, K)."""
    return kept_of(TASKS["classify"], model, images, preprocess)
