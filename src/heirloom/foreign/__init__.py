"""The world's weights: files of other programs, read without running them, brought into our networks.

One file per format reads it (`pytorch`, `caffemodel`, `npz`), one file per publisher says which of its
layers is which of ours (`torchvision`, `akamaster`, `caffe_zoo`). Nothing is matched by size, or by order.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from heirloom.data.preprocessing import Preprocess, stated, with_mean_image
from heirloom.errors import HeirloomError, nearest
from heirloom.finetuning import class_axes
from heirloom.foreign.matching import Report, Row, Unfit, converted, match
from heirloom.foreign.publisher import Publisher
from heirloom.foreign.publishers import PUBLISHERS
from heirloom.foreign.reading import ForeignFile, read_foreign, read_mean_image
from heirloom.models import create_model, faults_of, plain_name, takes
from heirloom.tasks import TASKS
from heirloom.weights import Card, LoadedModel


@dataclass(frozen=True)
class Imported(LoadedModel):
    """A network with weights of another program, in evaluation mode; its card; what went where."""

    report: Report


def load_weights(
    path: Path | str,
    model: str,
    *,
    args: Mapping[str, Any] | None = None,
    preprocess: str | dict[str, Any] | Preprocess | None = None,
    mean_image: Path | str | None = None,
    classes: int | Sequence[str] | None = None,
    publisher: str | None = None,
    fresh_classifier: bool = False,
) -> Imported:
    """Bring the weights of another program into a network of ours; every tensor is accounted for.

    Read are PyTorch's state dicts, NumPy's npz and safetensors, told by their content, and Caffe's
    caffemodels, whose content has no mark, told by their suffix. No file can run code.

    Args:
        path: The file.
        model: One of `list_models`, or ``file.py:Class``.
        args: Arguments of `create_model`. What the publisher's network is known to be need not be said.
        preprocess: How images become the network's input: a name of `heirloom.data.preprocessing.KNOWN`, or
            values of `Preprocess`; by default as the publisher says.
        mean_image: A ``.npy`` or ``.binaryproto``, channels in the order that the network reads; it is
            subtracted instead of a mean per channel.
        classes: Names of the classes in the order of the scores, or their number, for names 0, 1, ...; by
            default as many as published.
        publisher: Whose names the file has: one of `PUBLISHERS`; by default the one who has most of them.
        fresh_classifier: Leave the layers whose size depends on the number of classes as they were drawn, to
            be trained: the usual start for a problem of one's own.

    Raises:
        HeirloomError: (``E-weights``) The file cannot be read, or would have to be run;
            (``E-weights-model``) a tensor of it, or of ours, is left over or has another size: the error is
            an `Unfit` and has the report; (``E-weights-classes``) it knows another number of classes;
            (``E-argument``) an argument is wrong, or images cannot be prepared without being told how;
            (``E-model``) there is no such network.
    """
    path = Path(path)
    names = [str(i) for i in range(classes)] if isinstance(classes, int) else classes
    if names is not None and not names:
        raise HeirloomError("E-argument", "there are no classes")
    given = dict(args or {})
    if names is not None and takes(model, "num_classes"):
        given["num_classes"] = len(names)
    file = read_foreign(path)
    chosen, network, arguments = _chosen(file, model, given, publisher)
    tensors = chosen.convert(model, file.tensors, arguments)
    fresh = frozenset(class_axes(model, arguments)) if fresh_classifier else frozenset()
    if fresh_classifier and not fresh:
        raise HeirloomError("E-argument", f"no layer of {model} depends on num_classes")
    reordered = {name for name, tensor in tensors.items() if tensor is not file.tensors[name]}
    rows = match(tensors, network.state_dict(), chosen.layers_of(model), chosen.optional, fresh, reordered)
    report = Report(path.name, file.kind, file.sha256, model, arguments, chosen, rows)
    if report.faults:
        raise _unfit(path, report, frozenset(class_axes(model, arguments)))
    prepared, origin = _prepared(chosen, model, network, preprocess)
    if mean_image is not None:
        prepared = with_mean_image(prepared, read_mean_image(Path(mean_image)), str(mean_image))
        origin += f", less the mean image {Path(mean_image).name}"
    network.load_state_dict(converted(rows, tensors, network.state_dict()))
    scores = _scores(model, network.eval(), prepared)
    if names is not None and len(names) != scores:
        raise HeirloomError("E-argument", f"{model} has {scores or 'no'} classes, not {len(names)}")
    labels = tuple(names or map(str, range(scores)))
    if takes(model, "num_classes"):
        arguments["num_classes"] = scores
    card = Card(plain_name(model), arguments, labels, prepared)
    return Imported(network, card, replace(report, preprocess=prepared, preprocess_origin=origin))


def _chosen(
    file: ForeignFile, model: str, given: dict[str, Any], wanted: str | None
) -> tuple[Publisher, nn.Module, dict[str, Any]]:
    """The publisher whose names the file has, and the network as that publisher's is.

    Where two have the same names, it is the one who publishes files of this format.
    """
    tensors = file.tensors
    known = {each.name: each for each in PUBLISHERS if each.knows(model)}
    if wanted is not None and wanted not in known:
        why = nearest(wanted, known)
        raise HeirloomError("E-argument", f"{wanted!r} has published no {model} that we know", why=why)
    candidates = [known[wanted]] if wanted else sorted(known.values(), key=lambda p: file.kind not in p.kinds)
    theirs = {name.rpartition(".")[0] for name in tensors}
    count = -1
    for each in candidates:
        its_arguments = each.arguments(model, tensors) | given
        its_network = create_model(model, **its_arguments)
        ours = {name.rpartition(".")[0] for name in its_network.state_dict()}
        layers = each.layers_of(model)
        its_count = sum(layers(layer) in ours for layer in theirs)
        if its_count > count:
            count, chosen, network, arguments = its_count, each, its_network, its_arguments
        if count == len(theirs):
            break
    for key, value in chosen.arguments(model, tensors).items():
        if count and key in chosen.binding and given.get(key, value) != value:
            raise HeirloomError(
                "E-argument",
                f"{chosen.name}'s {model} has {key}={value}, not {given[key]}",
                remedy=f"leave out --arg {key}",
            )
    return chosen, network, arguments


def _unfit(path: Path, report: Report, classifier: frozenset[str]) -> Unfit:
    """The error about weights that do not fit: it is the number of classes alone, or more."""
    faulty = [row for row in report.rows if row.fault]
    if all(row.theirs and row.ours in classifier and _other_classes(row) for row in faulty):
        return Unfit(
            "E-weights-classes",
            "the weights know another number of classes",
            where=str(path),
            why=report.faults[0],
            remedy="give theirs with --classes, or --fresh-classifier to train that layer anew",
            report=report,
        )
    return Unfit(
        "E-weights-model",
        f"the weights do not fit {report.model}",
        where=str(path),
        why=f"read with the names of {report.publisher.name}: {report.words()}",
        remedy="is it another network, or other arguments (--arg)?",
        report=report,
    )


def _other_classes(row: Row) -> bool:
    """True if a tensor differs from ours in its first size alone, Caffe's leading ones left out."""
    theirs = row.their_size[-len(row.our_size) :]
    return theirs[1:] == row.our_size[1:] and theirs != row.our_size


def _prepared(
    chosen: Publisher, model: str, network: nn.Module, given: str | dict[str, Any] | Preprocess | None
) -> tuple[Preprocess, str]:
    """How images become the network's input, and who says so."""
    try:
        c, h, w = map(int, network.input_size)  # type: ignore[arg-type]
    except (AttributeError, TypeError, ValueError) as error:
        raise HeirloomError("E-argument", f"{model} has no input_size = (C, H, W)") from error
    if given is not None:
        return stated(given, (c, h, w)), f"as given{f': {given}' if isinstance(given, str) else ''}"
    name = chosen.preprocess.get(model)
    if name is None:
        raise HeirloomError(
            "E-argument",
            "how are images prepared for these weights?",
            why=f"nobody is known to have published {model} with the names of {chosen.name}",
            remedy="add --preprocess, such as imagenet, caffe, or a JSON object",
        )
    return stated(name, (c, h, w)), f"{name}, as {chosen.name} has it"


@torch.no_grad()
def _scores(model: str, network: nn.Module, preprocess: Preprocess) -> int:
    """How many scores the network gives, 0 for one that gives its input back; it is run once, on black."""
    images = preprocess(torch.zeros(1, *preprocess.size, dtype=torch.uint8))
    with faults_of(model, "a black image"):
        found = network(images)
    size = tuple(found.shape) if isinstance(found, torch.Tensor) else ()
    reconstructs = size == tuple(images.shape) and not takes(model, "num_classes")
    if not reconstructs and (len(size) != 2 or size[0] != 1):
        raise HeirloomError(
            "E-argument",
            f"{model} gives neither {' nor '.join(task.wants[0] for task in TASKS.values())}",
            where="a black image",
            why=f"{size or type(found).__name__} for {tuple(images.shape)}",
        )
    if not bool(torch.isfinite(found).all()):
        what = "image" if reconstructs else "scores"
        raise HeirloomError(
            "E-weights",
            f"the {what} of {model} {'is' if reconstructs else 'are'} not finite",
            where="a black image",
        )
    return 0 if reconstructs else size[1]
