"""Heirloom: the classic convolutional networks, exactly as published, at today's speed.

The public names are loaded when they are first used, so that importing the package is quick and asking
for the list of networks does not wait for torch.
"""

import importlib
from typing import TYPE_CHECKING, Any

from heirloom.version import __version__ as __version__

if TYPE_CHECKING:
    from heirloom.accounting import Summary, summary
    from heirloom.auditing import Verdict, audit, audit_lectures, audit_table
    from heirloom.auditing.disagreements import contradictions
    from heirloom.auditing.explaining import Explanation, explain
    from heirloom.claim import Claim
    from heirloom.comparison import Comparison, compare
    from heirloom.data import Dataset, load_data
    from heirloom.data.fetching import fetch
    from heirloom.data.preprocessing import Preprocess
    from heirloom.data.statistics import Statistics, stats
    from heirloom.diagnosis import Diagnosis, doctor
    from heirloom.differences import Difference, diff
    from heirloom.errors import HeirloomError
    from heirloom.evaluation import Evaluation, evaluate
    from heirloom.figures.drawing import draw
    from heirloom.foreign import Imported, load_weights
    from heirloom.models import create_model, list_models
    from heirloom.prediction import Prediction, predict
    from heirloom.recipes import Recipe, find_recipe
    from heirloom.reports import report
    from heirloom.rows import Row, Trace
    from heirloom.score_maps import dense
    from heirloom.tracing import trace
    from heirloom.training import resume, train
    from heirloom.weights import Card, LoadedModel, load_model, save_model
    from heirloom.worksheets import Worksheet, worksheet

_HOMES = {
    "models": ("create_model", "list_models"),
    "rows": ("Row", "Trace"),
    "tracing": ("trace",),
    "accounting": ("Summary", "summary"),
    "score_maps": ("dense",),
    "differences": ("Difference", "diff"),
    "claim": ("Claim",),
    "auditing": ("Verdict", "audit", "audit_lectures", "audit_table"),
    "auditing.disagreements": ("contradictions",),
    "auditing.explaining": ("Explanation", "explain"),
    "data": ("Dataset", "load_data"),
    "data.preprocessing": ("Preprocess",),
    "data.fetching": ("fetch",),
    "data.statistics": ("Statistics", "stats"),
    "diagnosis": ("Diagnosis", "doctor"),
    "recipes": ("Recipe", "find_recipe"),
    "training": ("resume", "train"),
    "evaluation": ("Evaluation", "evaluate"),
    "comparison": ("Comparison", "compare"),
    "figures.drawing": ("draw",),
    "prediction": ("Prediction", "predict"),
    "weights": ("Card", "LoadedModel", "load_model", "save_model"),
    "foreign": ("Imported", "load_weights"),
    "reports": ("report",),
    "worksheets": ("Worksheet", "worksheet"),
    "errors": ("HeirloomError",),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "Card", "Claim", "Comparison", "Dataset", "Diagnosis", "Difference", "Evaluation", "Explanation",
    "HeirloomError", "Imported", "LoadedModel", "Prediction", "Preprocess", "Recipe", "Row", "Statistics",
    "Summary", "Trace", "Verdict", "Worksheet",
    "audit", "audit_lectures", "audit_table", "compare", "contradictions", "create_model", "dense", "diff",
    "doctor", "draw", "evaluate", "explain", "fetch", "find_recipe", "list_models", "load_data", "load_model",
    "load_weights", "predict", "report", "resume", "save_model", "stats", "summary", "trace", "train",
    "worksheet",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'heirloom' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"heirloom.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])
