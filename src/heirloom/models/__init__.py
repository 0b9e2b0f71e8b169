"""The networks, one file per paper, and the table of their names.

This file imports no torch, so that listing the networks is quick.
"""

import contextlib
import fnmatch
import importlib
import importlib.util
import inspect
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from heirloom.errors import HeirloomError, nearest

if TYPE_CHECKING:
    from torch import nn

    from heirloom.claim import Claim

MODELS = {
    "lenet_1989": "lenet_1989:LeNet1989",
    "lenet1": "lenet1:LeNet1",
    "lenet4": "lenet4:LeNet4",
    "lenet5": "lenet5:LeNet5",
    "lenet5_gaussian": "lenet5_lecture:LeNet5Gaussian",
    "lenet5_softmax": "lenet5_lecture:LeNet5Softmax",
    "lenet5_relu_max": "lenet5_lecture:LeNet5ReluMax",
    "lenet5_relu_avg": "lenet5_lecture:LeNet5ReluAvg",
    "lenet_caffe": "lenet_caffe:LeNetCaffe",
    "mlp": "mlp:MLP",
    "alexnet": "alexnet:AlexNet",
    "alexnet_source": "alexnet_source:AlexNetSource",
    "alexnet_half": "alexnet_source:AlexNetHalf",
    "alexnet_caffe": "alexnet_caffe:AlexNetCaffe",
    "caffenet": "alexnet_caffe:CaffeNet",
    "alexnet_owt": "alexnet_owt:AlexNetOWT",
    "alexnet_single": "alexnet_lecture:AlexNetSingle",
    "alexnet_cifar_bn": "alexnet_lecture:AlexNetCifarBN",
    "nin_cifar": "nin:NiNCifar",
    "nin_imagenet": "nin:NiNImageNet",
    "vgg11": "vgg:VGG11",
    "vgg11_lrn": "vgg:VGG11LRN",
    "vgg13": "vgg:VGG13",
    "vgg16_1x1": "vgg:VGG16OneByOne",
    "vgg16": "vgg:VGG16",
    "vgg19": "vgg:VGG19",
    "vgg11_bn": "vgg:VGG11BN",
    "vgg13_bn": "vgg:VGG13BN",
    "vgg16_bn": "vgg:VGG16BN",
    "vgg19_bn": "vgg:VGG19BN",
    "googlenet": "googlenet:googlenet",
    "googlenet_bn": "googlenet:googlenet_bn",
    "deepface": "deepface:DeepFace",
    "resnet18": "resnet:resnet18",
    "resnet34": "resnet:resnet34",
    "resnet50": "resnet:resnet50",
    "resnet101": "resnet:resnet101",
    "resnet152": "resnet:resnet152",
    "resnet20": "resnet:resnet20",
    "resnet32": "resnet:resnet32",
    "resnet44": "resnet:resnet44",
    "resnet56": "resnet:resnet56",
    "resnet110": "resnet:resnet110",
    "resnet1202": "resnet:resnet1202",
    "squeezenet1_0": "squeezenet:SqueezeNet10",
    "squeezenet1_1": "squeezenet:SqueezeNet11",
    "resnet110_stochastic": "stochastic_depth:resnet110_stochastic",
    "wrn_28_10": "wide_resnet:wrn_28_10",
    "wrn_40_4": "wide_resnet:wrn_40_4",
    "wrn_16_8": "wide_resnet:wrn_16_8",
    "wrn_40_10": "wide_resnet:wrn_40_10",
    "wrn_50_2": "wide_resnet:wrn_50_2",
    "fractalnet20": "fractalnet:FractalNet",
    "resnext50_32x4d": "resnext:resnext50_32x4d",
    "resnext101_32x4d": "resnext:resnext101_32x4d",
    "resnext101_64x4d": "resnext:resnext101_64x4d",
    "resnext29_8x64d": "resnext:resnext29_8x64d",
    "resnext29_16x64d": "resnext:resnext29_16x64d",
    "autoencoder": "autoencoder:Autoencoder",
    "autoencoder_sparse": "autoencoder:AutoencoderSparse",
    "autoencoder_denoising": "autoencoder:AutoencoderDenoising",
    "autoencoder_conv": "autoencoder:AutoencoderConv",
    "rnn": "recurrent:RNN",
    "lstm": "recurrent:LSTM",
    "gru": "recurrent:GRU",
}
"""Name -> "module:factory" below this package."""


def list_models(pattern: str = "*") -> list[str]:
    """Names of the networks that match a shell pattern, in the order of their publication."""
    return [name for name in MODELS if fnmatch.fnmatch(name, pattern)]


def create_model(
    name: str, /, num_classes: int | None = None, in_chans: int | None = None, **args: Any
) -> "nn.Module":
    """Build a network with fresh weights, drawn as its source says from torch's global generator.

    Args:
        name: One of `list_models`, or a class of one's own: ``package.module:Class`` or ``file.py:Class``.
        num_classes: Number of classes; by default as published.
        in_chans: Number of input channels; by default as published.
        **args: Further arguments of that network.

    Raises:
        HeirloomError: (``E-model``) There is no such network or class;
            (``E-argument``) it takes no such argument, or not that value.
    """
    factory = _factory(name)
    given = {"num_classes": num_classes, "in_chans": in_chans}
    given = {key: value for key, value in given.items() if value is not None}
    for key, value in given.items():
        if type(value) is not int or value < 1:
            raise HeirloomError("E-argument", f"{key} is {value!r}", remedy="give a whole number, 1 or more")
    if "num_classes" in given and name in MODELS and not takes(name, "num_classes"):
        raise HeirloomError(
            "E-argument",
            f"{name} has no classes",
            why="it takes no num_classes",
            remedy=f"leave that out; it takes {inspect.signature(factory)}",
        )
    args |= given
    try:
        bound = inspect.signature(factory).bind(**args)
    except TypeError as error:
        raise HeirloomError(
            "E-argument",
            f"{name} cannot be built",
            why=str(error),
            remedy=f"it takes {inspect.signature(factory)}",
        ) from error
    for key, value in bound.arguments.items():
        _check_kind(key, value, inspect.signature(factory).parameters[key].annotation)
    try:
        model: nn.Module = factory(**args)
    except HeirloomError:
        raise
    except Exception as error:
        raise HeirloomError(
            "E-argument", f"{name} cannot be built", why=f"{type(error).__name__}: {_first_line(error)}"
        ) from error
    if not hasattr(model, "state_dict"):
        raise HeirloomError("E-model", f"{name} is a {type(model).__name__}, not a torch.nn.Module")
    return model


def _check_kind(key: str, value: Any, kind: Any) -> None:
    """Refuse a value that is not what its argument is annotated as: a word counts as true in Python."""
    words = {bool: "true or false", int: "a whole number", float: "a number"}
    plain = (int, float) if kind is float else (kind,)
    if kind in words and type(value) not in plain:
        raise HeirloomError("E-argument", f"{key} is {value!r}", remedy=f"give {words[kind]}")


def arguments(settings: Iterable[str]) -> dict[str, Any]:
    """Arguments of `create_model` from ``name=value`` pairs; a value is a number, true, false, or a word.

    Raises:
        HeirloomError: (``E-usage``) Something is no such pair; (``E-argument``) the name is no argument's.
    """
    found = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals:
            raise HeirloomError("E-usage", f"cannot read {setting!r}", why="an argument is name=value")
        if name in ("model", "input_size", "convention", "lower_bound", "name"):
            raise HeirloomError("E-argument", f"no network has an argument {name!r}")
        try:
            found[name] = json.loads(text.lower() if text in ("True", "False") else text)
        except ValueError:
            found[name] = text
    return found


UNPUBLISHED = frozenset({"heirloom.recipes.mnist_best_61k:Best61k"})
"""Networks of ours that stand in their recipe's file: a file may name them as it may name a published one."""


def plain_name(name: str) -> str:
    """The name without folders, ``own.py:Net`` of ``nets/own.py:Net``: no file depends on a place."""
    place, _, attribute = name.rpartition(":")
    return f"{Path(place).name}:{attribute}" if place.endswith(".py") else name


def permitted(named: str, model: str | None, where: str) -> str:
    """The network to build for a file that names one. A file alone never decides which code runs.

    Args:
        named: What the file says.
        model: What the user says, or None.
        where: The file, for errors.

    Raises:
        HeirloomError: (``E-model``) The file names code of one's own and the user does not;
            (``E-weights-model``) the user names something else.
    """
    if ":" not in named or named in UNPUBLISHED:
        if model not in (None, named):
            raise HeirloomError("E-weights-model", f"this is {named}, not {model}", where=where)
        return named
    if model is None:
        raise HeirloomError(
            "E-model",
            f"its network is code of one's own, {named}",
            where=where,
            why="a file alone must not decide which code runs",
            remedy=f"if you trust that code, name it: --model {named}",
        )
    if plain_name(model) != plain_name(named):
        raise HeirloomError("E-weights-model", f"this is {named}, not {model}", where=where)
    return model


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or "no message").splitlines()[0]


@contextlib.contextmanager
def faults_of(model: str, where: str, remedy: str = "") -> Iterator[None]:
    """Say in one line what goes wrong inside a network: it is the network's fault, not the program's.

    Args:
        model: What it is called.
        where: What it was doing.
        remedy: What helps, where something better is known than to look at its size.

    Raises:
        HeirloomError: (``E-argument``) For every usual exception.
    """
    try:
        yield
    except (RuntimeError, ValueError, TypeError, IndexError, AttributeError, KeyError) as error:
        raise HeirloomError(
            "E-argument",
            f"{model} does not run",
            where=where,
            why=_first_line(error),
            remedy=remedy or "if it is the size, give the network an attribute input_size = (C, H, W)",
        ) from error


def takes(name: str, argument: str) -> bool:
    """Whether the network has such an argument. Raises as `create_model` does."""
    return argument in inspect.signature(_factory(name)).parameters


def published_argument(name: str, argument: str) -> Any:
    """The value that an argument of the network has by default, or None. Raises as `create_model` does."""
    parameter = inspect.signature(_factory(name)).parameters.get(argument)
    return None if parameter is None or parameter.default is parameter.empty else parameter.default


def headline(name: str) -> str:
    """The first sentence about a published network, read from its source without running it."""
    import ast

    module, factory = MODELS[name].split(":")
    tree = ast.parse((Path(__file__).parent / f"{module}.py").read_text(encoding="utf-8"))
    sentences = {
        node.name: (ast.get_docstring(node) or "").split("\n")[0]
        for node in tree.body
        if isinstance(node, ast.ClassDef | ast.FunctionDef)
    }
    return sentences[factory]


def source(name: str) -> str:
    """Where a published network is described: what its docstring, or its file's, says after ``Source:``."""
    import ast

    _known(name)
    module, factory = MODELS[name].split(":")
    tree = ast.parse((Path(__file__).parent / f"{module}.py").read_text(encoding="utf-8"))
    own = [n for n in tree.body if isinstance(n, ast.ClassDef | ast.FunctionDef) and n.name == factory]
    for node in (*own, tree):
        _, found, text = (ast.get_docstring(node) or "").partition("Source:")
        if found:
            return " ".join(text.partition("Departs:")[0].partition("\n\n")[0].split())
    return ""


def claims(name: str) -> "tuple[Claim, ...]":
    """The published numbers of a network. Raises `HeirloomError` (``E-model``) for an unknown name."""
    _known(name)
    module = importlib.import_module(f"{__name__}.{MODELS[name].split(':')[0]}")
    found: tuple[Claim, ...] = module.CLAIMS.get(name, ())
    return found


def _known(name: str) -> None:
    if name not in MODELS:
        raise HeirloomError(
            "E-model",
            f"unknown model {name!r}",
            why=nearest(name, MODELS),
            remedy="heirloom list shows all; a class of your own is file.py:Class",
        )


def _factory(name: str) -> Any:
    if ":" in name:
        return _own_class(name)
    _known(name)
    module, factory = MODELS[name].split(":")
    return getattr(importlib.import_module(f"{__name__}.{module}"), factory)


def _own_class(name: str) -> Any:
    place, _, attribute = name.rpartition(":")
    try:
        module = _own_file(Path(place)) if place.endswith(".py") else _own_module(place)
    except (Exception, SystemExit) as error:
        raise HeirloomError(
            "E-model",
            f"cannot load {name!r}",
            why=f"{type(error).__name__}: {_first_line(error)}",
            remedy="give package.module:Class or file.py:Class",
        ) from error
    found = getattr(module, attribute, None)
    if not callable(found):
        names = [n for n, value in vars(module).items() if inspect.isclass(value)]
        raise HeirloomError("E-model", f"no class {attribute!r} in {place}", why=nearest(attribute, names))
    return found


def _own_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    spec = importlib.util.spec_from_file_location(f"own_{path.stem}", path)
    assert spec is not None  # the name ends in .py
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look there
    with _importable(str(path.parent.resolve())):
        spec.loader.exec_module(module)
    return module


def _own_module(name: str) -> ModuleType:
    with _importable(""):
        return importlib.import_module(name)


@contextlib.contextmanager
def _importable(folder: str) -> Iterator[None]:
    """Look for modules in ``folder`` first, as Python does for a script."""
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):
            sys.path.remove(folder)
