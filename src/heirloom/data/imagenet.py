"""ImageNet (ILSVRC 2012): 1,281,167 photographs to learn from, 50,000 to validate with, 1,000 classes.

It is never downloaded. It lies in ROOT/imagenet, with ``train/WNID/*.JPEG`` and the validation images either
as ``val/WNID/*.JPEG``, or all in ``val/`` with ``LOC_val_solution.csv`` in ROOT/imagenet, which says their
classes, as Kaggle gives it. The published test images have no labels; so ``val`` is what one tests on, and
measures say so. ``LOC_synset_mapping.txt`` in ROOT/imagenet names the classes; without it they are called by
their WordNet ids. A part of the classes is a data set as well.

Source: Russakovsky et al. 2015, "ImageNet large scale visual recognition challenge", IJCV 115.
Departs: nothing is held out of the training images to choose settings by.
"""

import csv
from collections.abc import Sequence
from pathlib import Path

from heirloom.data import Dataset
from heirloom.data.folder import list_images
from heirloom.data.listing import Entry, bad_data
from heirloom.data.photographs import of_listing
from heirloom.data.preprocessing import Preprocess
from heirloom.data.roots import VARIABLE, all_roots
from heirloom.errors import HeirloomError
from heirloom.files import is_folder, read_regular

SOLUTION = "LOC_val_solution.csv"


def imagenet(roots: Sequence[Path | str] = (), fit: Preprocess | None = None, wait: bool = True) -> Dataset:
    """Photographs of a thousand kinds of things.

    Raises:
        HeirloomError: (``E-data``) It lies below no root; else as `heirloom.data.photographs.load`.
    """
    folders = [root / "imagenet" for root in all_roots(roots)]
    folder = next((f for f in folders if is_folder(f / "train")), None)
    if folder is None:
        raise HeirloomError(
            "E-data",
            "no data set imagenet here",
            why=f"looked for {', '.join(str(f / 'train') for f in folders)}",
            remedy="it is not downloaded; put train/WNID/*.JPEG and val/WNID/*.JPEG there (or val/*.JPEG and "
            f"{SOLUTION}), or name the folder above imagenet/ with --data-root or {VARIABLE}",
        )
    answers = folder / SOLUTION
    if not answers.exists():
        return of_listing(list_images(folder), fit, wait, "imagenet")
    listing = list_images(folder, without="val")
    here = {entry.label for entry in listing.entries}  # a part of the classes, perhaps
    listing.entries += [entry for entry in _validation(answers, folder / "val") if entry.label in here]
    return of_listing(listing, fit, wait, "imagenet")


def _validation(path: Path, folder: Path) -> list[Entry]:
    """The validation images, by the table of their classes."""
    try:
        rows = list(csv.reader(read_regular(path).decode().splitlines(), strict=True))[1:]
        pairs = sorted((row[0], row[1].split()[0]) for row in rows if row)
    except (OSError, ValueError, IndexError, csv.Error) as error:
        raise bad_data(path, f"cannot read it: {error}", "its lines are ImageId,PredictionString") from error
    return [Entry(f"val/{name}.JPEG", folder / f"{name}.JPEG", label, "val") for name, label in pairs]
