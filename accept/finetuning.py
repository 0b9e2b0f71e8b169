"""SqueezeNet on 600 photographs: fine-tuned from published weights, and from nothing.

They lie below a data root (``HEIRLOOM_DATA``): ten breeds of dogs in ``photos/imagewoof``, the weights in
``weights/squeezenet-v1.0``. A table gives each photograph its split: of the 70 of each breed in the folder's
``train/`` 60 are learned from and 10 validate. Of ``val/`` those are tested on, once by each run, that belong
to ImageNet's validation set; the others are of its training set, which the weights have learned. The figures
go to finetuning.csv beside this file, and from there into RESULTS.md, by ``python accept/run.py --page``.
Exit status 1: fine-tuning is not clearly better.
"""

import argparse
import csv
import io
import json
import platform
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from heirloom.data.roots import all_roots
from heirloom.errors import HeirloomError
from heirloom.files import write_atomically
from heirloom.measures import wilson
from heirloom.runs import processor
from heirloom.version import __version__

CSV = Path(__file__).with_name("finetuning.csv")
COLUMNS = (
    "how", "command", "seed", "epochs", "minutes", "correct", "n", "heirloom", "torch", "system", "processor",
)  # fmt: skip

WEIGHTS = "weights/squeezenet-v1.0/decoded_squeezenet_v1.0_fp32.npz"
PHOTOGRAPHS = "photos/imagewoof"
UNSEEN = "ILSVRC2012_val_"
"""How the files of ImageNet's validation set are called; those of its training set begin with the class."""
HELD_OUT = 10
"""Photographs of each breed in ``train/`` that validate, the last ones by name."""

FINE_TUNED = ("--weights", "squeezenet.safetensors", "--freeze", "conv1.*", "--freeze", "fire[2-8].*")
FROM_NOTHING = ("--set", "epochs=10", "--set", "patience=5", "--set", "keep=best")
"""As many epochs as are fine-tuned, and the best of them by validation as well."""


def table(photographs: Path) -> str:
    """The paths of the photographs with their labels and splits, as CSV."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["path", "label", "split"])
    for breed in sorted(path for path in (photographs / "train").iterdir() if path.is_dir()):
        files = sorted(breed.iterdir())
        for place, file in enumerate(files):
            split = "val" if place >= len(files) - HELD_OUT else "train"
            writer.writerow([file.resolve(), breed.name, split])
    for file in sorted((photographs / "val").glob(f"*/{UNSEEN}*")):
        writer.writerow([file.resolve(), file.parent.name, "test"])
    return out.getvalue()


def trained(folder: Path, how: str, options: Sequence[str], seed: int) -> list[object]:
    """A run of ``heirloom train``: what it was, how long it took, and how many test photographs are right."""
    words = ["train", "squeezenet1_0", "--data", "./photographs.csv", *options]
    out = f"{how.replace(' ', '-')}-{seed}"
    began = time.monotonic()
    program = [sys.executable, "-m", "heirloom"]
    subprocess.run(
        [*program, *words, "--set", f"seed={seed}", "--out", out, "--quiet"], check=True, cwd=folder
    )
    minutes = (time.monotonic() - began) / 60
    run = folder / out
    metric = json.loads((run / "evaluations/test-center.json").read_text())["metrics"]["top1@test:center"]
    events = [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]
    epochs = sum(event["event"] == "epoch" for event in events)
    return [
        how,
        shlex.join(["heirloom", *words]),
        seed,
        epochs,
        f"{minutes:.2f}",
        metric["correct"],
        metric["n"],
    ]


def clearly_better(rows: Sequence[Sequence[object]]) -> bool:
    """Whether the worst fine-tuned run's 95 % interval lies above that of the best run from nothing."""
    fine = [wilson(int(str(row[5])), int(str(row[6])))[0] for row in rows if row[0] == "fine-tuned"]
    plain = [wilson(int(str(row[5])), int(str(row[6])))[1] for row in rows if row[0] != "fine-tuned"]
    return min(fine) > max(plain)


def main(arguments: Sequence[str] | None = None) -> int:
    """Train all runs and write the figures; the exit status.

    Raises:
        HeirloomError: (``E-data``) The photographs or the weights lie below no data root.
    """
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--seeds", type=int, default=3, help="of fine-tuning")
    parser.add_argument("--plain-seeds", type=int, default=1, help="from nothing, which takes far longer")
    parser.add_argument("--out", type=Path, default=CSV)
    asked = parser.parse_args(arguments)
    roots = all_roots()
    found = [next((r / what for r in roots if (r / what).exists()), None) for what in (PHOTOGRAPHS, WEIGHTS)]
    photographs, weights = found
    if photographs is None or weights is None:
        what = f"no {PHOTOGRAPHS if photographs is None else WEIGHTS} below a data root"
        raise HeirloomError("E-data", what, remedy="set HEIRLOOM_DATA")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_atomically(folder / "photographs.csv", table(photographs).encode())
        command = ["import", str(weights.resolve()), "--as", "squeezenet1_0", "-o", "squeezenet.safetensors"]
        subprocess.run([sys.executable, "-m", "heirloom", *command], check=True, cwd=folder)
        runs = [("fine-tuned", FINE_TUNED, seed) for seed in range(asked.seeds)]
        runs += [("from nothing", FROM_NOTHING, seed) for seed in range(asked.plain_seeds)]
        rows = [trained(folder, *run) for run in runs]
    conditions = [__version__, torch.__version__, f"{platform.system()} {platform.machine()}", processor()]
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([COLUMNS, *([*row, *conditions] for row in rows)])
    write_atomically(asked.out, text.getvalue().encode())
    return int(not clearly_better(rows))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except HeirloomError as error:
        print(f"accept: {error}", file=sys.stderr)
        sys.exit(error.status)
