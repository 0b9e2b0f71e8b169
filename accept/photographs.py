"""AlexNet learns photographs: it overfits 32 of them, and trains with its augmentation through a kill.

They lie below a data root (``HEIRLOOM_DATA``) in ``photos/imagewoof``: ten classes, 700 in ``train/``. The
network is that of 2012 as published, two towers, normalisation, initial weights and dropout. The optimiser is
not: a few minutes on a processor are no 90 passes over a million images, and gradient descent at the
published rate of 0.01, made for batches of 128 and five days, leaves the network at chance on so few. The
figures go to photographs.csv beside this file, and from there into RESULTS.md, by
``python accept/run.py --page``. Exit status 1: something is not as it must be.
"""

import argparse
import csv
import io
import math
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from heirloom.data import load_data
from heirloom.data.roots import all_roots
from heirloom.errors import HeirloomError
from heirloom.evaluation import accuracy_line, scores_of
from heirloom.files import write_atomically
from heirloom.recipes import Recipe
from heirloom.runs import Run, processor
from heirloom.training import train
from heirloom.version import __version__
from heirloom.weights import load_model

CSV = Path(__file__).with_name("photographs.csv")
COLUMNS = (
    "what", "model", "images", "epochs", "minutes", "found", "must_be", "holds",
    "heirloom", "torch", "system", "processor",
)  # fmt: skip

LEAST = 0.95
"""Of the 32 photographs that it overfits, this share must be right."""
ERRORS = 3.0
"""Standard errors by which the last epoch's loss must be below the first's."""

COMMON = (
    "batch_size=32",
    "optimizer=adam",
    "lr=1e-4",
    "mean=0.45",
    f"std={1 / 255}",  # the initial weights were chosen for grey values of 0 to 255
)


def overfits(data: Path, epochs: int, threads: int | None) -> list[object]:
    """Train on 32 photographs, as they are, and count how many of them it tells apart in evaluation mode."""
    # With the validation split in what is trained on, nothing is validated after each of the updates.
    limits = ["split=train+val", "train_limit=32", f"epochs={epochs}", "schedule=one_cycle"]
    recipe = Recipe("alexnet", str(data)).changed([*COMMON, *limits])
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        for _ in train(recipe, out=f"{folder}/run", threads=threads, checkpoint_every=10**9):
            pass
        minutes = (time.monotonic() - began) / 60
        loaded = load_model(Path(folder) / "run")
        preprocess = loaded.card.preprocess
        split = load_data(str(data), fit=preprocess).split(recipe.split)
        scores = scores_of(loaded.model, preprocess.fit(split.images[:32]), preprocess)
    correct = int((scores.argmax(1) == split.labels[:32]).sum())
    print(f"32 photographs, {epochs} updates: {accuracy_line('top1@train:center', correct, 32)}", flush=True)
    wanted = math.ceil(LEAST * 32)
    return ["overfits 32 photographs", "alexnet", 32, epochs, f"{minutes:.2f}", f"{correct} of 32 right",
            f"{wanted} of 32", correct >= wanted]  # fmt: skip


def survives(data: Path, epochs: int, threads: int | None) -> list[list[object]]:
    """Train twice, once with a kill; compare the files, and the losses of the first and last epoch."""
    settings = [*COMMON, f"epochs={epochs}", "schedule=constant", "augment=alexnet"]
    command = [sys.executable, "-m", "heirloom"]
    wanted = ["train", "alexnet", "--data", str(data)]
    wanted += [word for setting in settings for word in ("--set", setting)]
    count = ["--threads", str(threads)] if threads else []
    with tempfile.TemporaryDirectory() as folder:
        whole, broken = Path(folder) / "whole", Path(folder) / "broken"
        began = time.monotonic()
        subprocess.run([*command, *wanted, *count, "--quiet", "--out", str(whole)], check=True)
        minutes = (time.monotonic() - began) / 60
        with subprocess.Popen([*command, *wanted, *count, "--quiet", "--out", str(broken)]) as process:
            while not list(broken.glob("checkpoints/step-*/manifest.json")) and process.poll() is None:
                time.sleep(0.05)
            time.sleep(1.5)  # some updates further, which are lost
            process.send_signal(signal.SIGKILL)
        step = max(path.name for path in broken.glob("checkpoints/step-*"))
        killed = process.returncode == -signal.SIGKILL and not (broken / "model.safetensors").exists()
        subprocess.run([*command, "resume", str(broken), "--quiet"], check=True)
        equal = (whole / "model.safetensors").read_bytes() == (broken / "model.safetensors").read_bytes()
        first, *_, last = losses(whole)
        images = next(event["images"] for event in Run(whole).events() if event["event"] == "started")
    apart = (mean(first) - mean(last)) / math.hypot(error_of(first), error_of(last))
    words = " to ".join(f"{mean(each):.3f} ± {error_of(each):.3f}" for each in (first, last))
    print(f"killed behind {step}, resumed: {'equal' if equal else 'OTHER'} bytes", flush=True)
    print(f"loss of the first and the last epoch: {words}, {apart:.1f} standard errors", flush=True)
    print(f"  (chance is {math.log(10):.3f})", flush=True)
    what = ["alexnet", images, epochs, f"{minutes:.2f}"]
    return [
        ["loss of the last epoch below the first's", *what, f"{words}: {apart:.1f} standard errors",
         f"{ERRORS:g} standard errors", apart >= ERRORS],
        ["killed and resumed", *what, f"{'equal' if equal else 'other'} bytes, killed behind {step}",
         "equal bytes", killed and equal],
    ]  # fmt: skip


def losses(run: Path) -> list[list[float]]:
    """For each epoch the loss of each of its updates, from the means that the run notes."""
    found: dict[int, list[float]] = {}
    total = seen = 0.0
    for event in Run(run).events():
        if event["event"] != "step":
            continue
        if event["epoch"] not in found:
            found[event["epoch"]], total, seen = [], 0.0, 0.0
        now = event["loss"] * event["images"]
        found[event["epoch"]].append((now - total) / (event["images"] - seen))
        total, seen = now, event["images"]
    return list(found.values())


mean = statistics.fmean


def error_of(values: Sequence[float]) -> float:
    """Standard error of their mean."""
    return statistics.stdev(values) / math.sqrt(len(values))


def main(arguments: Sequence[str] | None = None) -> int:
    """Do both and write the figures; the exit status.

    Raises:
        HeirloomError: (``E-data``) There are no such photographs below a data root; or as `train` does.
    """
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--updates", type=int, default=100, help="with the 32 photographs")
    parser.add_argument("--epochs", type=int, default=15, help="with the augmentation")
    parser.add_argument("--threads", type=int, help="by default as many as the library takes")
    parser.add_argument("--out", type=Path, default=CSV)
    asked = parser.parse_args(arguments)
    found = (root / "photos" / "imagewoof" for root in all_roots())
    data = next((path for path in found if path.is_dir()), None)
    if data is None:
        raise HeirloomError(
            "E-data", "no folder photos/imagewoof below a data root", remedy="set HEIRLOOM_DATA"
        )
    rows = [overfits(data, asked.updates, asked.threads), *survives(data, asked.epochs, asked.threads)]
    for row in rows:
        row[-1] = "yes" if row[-1] else "MISSED"
        print(f"{row[0]}: {row[-2]}: {row[-1]}")
    conditions = [__version__, torch.__version__, f"{platform.system()} {platform.machine()}", processor()]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([COLUMNS, *([*row, *conditions] for row in rows)])
    write_atomically(asked.out, text.getvalue().encode())
    return int(any(row[-1] == "MISSED" for row in rows))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except HeirloomError as error:
        print(f"accept: {error}", file=sys.stderr)
        sys.exit(error.status)
