"""The published weights that we have: imported, and scored on images that they were not trained on.

They lie below a data root (``HEIRLOOM_DATA``) in ``weights/``; ``mnist/``, ``cifar10/``, ``imagenet/`` and
``photos/`` have the images. Nothing is trained. The figures go to imported.csv beside this file, and from
there into RESULTS.md, by ``python accept/run.py --page``. Exit status 1: a figure is not what it must be.
"""

import csv
import io
import platform
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from heirloom.data import load_data
from heirloom.data.roots import all_roots
from heirloom.errors import HeirloomError
from heirloom.evaluation import Evaluation, accuracy_line, scores_of
from heirloom.files import write_atomically
from heirloom.foreign import Imported, load_weights
from heirloom.images import open_image
from heirloom.protocols import PROTOCOLS, looked_at
from heirloom.runs import processor
from heirloom.tasks import TASKS
from heirloom.version import __version__

COLUMNS = (
    "file", "model", "preprocess", "images", "metric", "correct", "n", "must_be", "slack",
    "heirloom", "torch", "system", "processor",
)  # fmt: skip
CSV = Path(__file__).with_name("imported.csv")


class Case(NamedTuple):
    """A file of weights and how it is scored; the count that must come out, give or take ``slack``."""

    file: str
    model: str
    images: str
    score: "Callable[[Imported, Path], list[tuple[str, int, int]]]"
    correct: int | None = None
    slack: int = 0


def lenet(found: Imported, root: Path) -> list[tuple[str, int, int]]:
    """MNIST's 10,000 test images."""
    split = load_data("mnist", [root]).split("test")
    preprocess = found.card.preprocess
    return counted("test", scores_of(found.model, preprocess.fit(split.images), preprocess), split.labels)


def resnet(found: Imported, root: Path) -> list[tuple[str, int, int]]:
    """The first 1,000 images of CIFAR-10's test batch: a label and 3 x 32 x 32 values each."""
    rows = np.fromfile(root / "cifar10" / "test_batch_first1000.bin", np.uint8).reshape(-1, 1 + 3 * 32 * 32)
    images = torch.from_numpy(rows[:, 1:].reshape(-1, 3, 32, 32).copy())
    return counted(
        "test", scores_of(found.model, images, found.card.preprocess), torch.tensor(rows[:, 0]).long()
    )


def squeezenet(found: Imported, root: Path) -> list[tuple[str, int, int]]:
    """Photographs of ImageNet's validation set: a folder for each class, named by its WordNet id.

    Others in these folders are of its training set, which the weights have learned; they are left out.
    """
    ids = (root / "imagenet" / "imagenet_synsets.txt").read_text().split()
    paths = sorted((root / "photos" / "imagewoof" / "val").glob("*/ILSVRC2012_val_*"))
    preprocess = found.card.preprocess
    labels = torch.tensor([ids.index(path.parent.name) for path in paths])
    cat = preprocess.fit(open_image(root / "photos" / "cat.jpg").unsqueeze(0))
    best = scores_of(found.model, cat, preprocess)[0].topk(5).indices.tolist()
    print(f"  cat.jpg: {'; '.join(found.card.classes[i] for i in best)}")
    rows = []
    for protocol in PROTOCOLS:
        images = (open_image(path).unsqueeze(0) for path in paths)
        scores = looked_at(protocol, TASKS["classify"], found.model, preprocess, images)
        rows += counted("val", scores, labels, protocol)
    return rows


def counted(
    split: str, scores: Tensor, labels: Tensor, protocol: str = "center"
) -> list[tuple[str, int, int]]:
    """(metric, right answers, images) of each metric."""
    classes = tuple(map(str, range(scores.shape[1])))
    found = Evaluation("", "", split, protocol, classes, labels, scores)
    return [(metric, entry["correct"], entry["n"]) for metric, entry in found.metrics.items()]


CASES = (
    Case(
        "lenet-caffe/lenet_iter_10000.caffemodel",
        "lenet_caffe",
        "MNIST, the 10,000 test images",
        lenet,
        9_914,
        2,
    ),
    Case(
        "resnet-cifar10/resnet20-12fca82f.th",
        "resnet20",
        "CIFAR-10, the first 1,000 test images",
        resnet,
        915,
        2,
    ),
    Case(
        "squeezenet-v1.0/decoded_squeezenet_v1.0_fp32.npz",
        "squeezenet1_0",
        "67 photographs of ten breeds of dogs (ImageNet's validation set), 1,000 classes",
        squeezenet,
    ),
)


def main(cases: Sequence[Case] = CASES, out: Path = CSV) -> int:
    """Import and score each case, and write the figures to ``out``; the exit status.

    Raises:
        HeirloomError: (``E-data``) There are no such files below a data root; or as `load_weights` does.
    """
    root = next((root for root in all_roots() if (root / "weights").is_dir()), None)
    if root is None:
        raise HeirloomError("E-data", "no folder weights/ below a data root", remedy="set HEIRLOOM_DATA")
    conditions = [__version__, torch.__version__, f"{platform.system()} {platform.machine()}", processor()]
    rows: list[list[object]] = []
    missed = 0
    for case in cases:
        names = root / "imagenet" / "imagenet-classes.txt"
        classes = names.read_text().splitlines() if case.score is squeezenet else None
        found = load_weights(root / "weights" / case.file, case.model, classes=classes)
        print(f"{case.file} into {case.model}, preprocessing {found.report.preprocess_origin}; {case.images}")
        for i, (metric, correct, n) in enumerate(case.score(found, root)):
            must_be = [case.correct, case.slack] if case.correct is not None and i == 0 else ["", ""]
            what = [case.file, case.model, found.report.preprocess_origin, case.images]
            rows.append([*what, metric, correct, n, *must_be, *conditions])
            words = ""
            if case.correct is not None and i == 0:
                holds = abs(correct - case.correct) <= case.slack
                missed += not holds
                words = f"; must be {case.correct} ± {case.slack}: {'yes' if holds else 'MISSED'}"
            print(f"  {accuracy_line(metric, correct, n)}{words}", flush=True)
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([COLUMNS, *rows])
    write_atomically(out, text.getvalue().encode())
    return int(missed > 0)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except HeirloomError as error:
        print(f"accept: {error}", file=sys.stderr)
        sys.exit(error.status)
