"""What principal components leave of the images that the plan's autoencoders give back.

As many components as the narrowest layer of the network has numbers, fitted by scikit-learn to the images
that the recipe trains on, prepared as the network gets them; the error on the test images, as `heirloom
evaluate` measures it. The figures go to pca.csv beside this file, and from there into RESULTS.md, by
``python accept/run.py --page``.
"""

import csv
import io
import math
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import sklearn
from numpy.typing import NDArray
from plan import PLAN, Row
from sklearn.decomposition import PCA
from torch import nn

from heirloom.data import load_data
from heirloom.data.preprocessing import Preprocess
from heirloom.errors import HeirloomError
from heirloom.files import write_atomically
from heirloom.measures import ERROR
from heirloom.models import arguments, create_model
from heirloom.recipes import Recipe, find_recipe
from heirloom.tracing import trace

COLUMNS = ("recipe", "data", "trained_on", "split", "n", "components", "error", "sklearn")
CSV = Path(__file__).with_name("pca.csv")


def narrowest(model: nn.Module) -> int:
    """Numbers of the narrowest layer between input and output."""
    return min(math.prod(row.output_size) for row in trace(model).rows if row.output_size is not None)


def rows_of(recipe: Recipe, split: str, model: nn.Module) -> NDArray[np.float32]:
    """The images of a split as the network gets them, in grey values, one in a row."""
    c, h, w = model.input_size
    preprocess = Preprocess((c, h, w), recipe.box, (recipe.mean,) * c, (recipe.std,) * c)
    images = preprocess.fit(load_data(recipe.data).split(split).images)
    found: NDArray[np.float32] = preprocess.scaled(images).flatten(1).numpy()
    return found


def error_of(components: int, fitted: NDArray[np.float32], measured: NDArray[np.float32]) -> float:
    """Mean squared difference between images and what the components of others leave of them."""
    pca = PCA(components, svd_solver="covariance_eigh").fit(fitted)
    left = pca.inverse_transform(pca.transform(measured)) - measured
    return float(np.mean(np.square(left, dtype=np.float64)))


def main(plan: Sequence[Row] = PLAN, out: Path = CSV) -> int:
    """Measure for each recipe of the plan that reconstructs, and write the figures; the exit status.

    Raises `HeirloomError` (``E-data``) where the data of one is not there.
    """
    table: list[Sequence[object]] = [COLUMNS]
    for row in plan:
        recipe = find_recipe(row.recipe)[1]
        if recipe.task != "reconstruct":
            continue
        model = create_model(recipe.model, **arguments(recipe.args.split()))
        measured, code = rows_of(recipe, "test", model), narrowest(model)
        error = ""
        if code < measured.shape[1]:
            error = f"{error_of(code, rows_of(recipe, recipe.split, model), measured):.6g}"
        of = [recipe.data, recipe.split, "test", len(measured)]
        table.append([row.recipe, *of, code, error, sklearn.__version__])
        words = f"{code} principal components {ERROR.text(float(error))}" if error else "nowhere narrower"
        print(f"{row.recipe}, {recipe.data}:test, {len(measured):,} images: {words}", flush=True)
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(table)
    write_atomically(out, text.getvalue().encode())
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except HeirloomError as error:
        print(f"accept: {error}", file=sys.stderr)
        sys.exit(error.status)
