"""What every network must do, whatever its size, and what `create_model` does with wrong requests.

Each network is built once with numbers; its tests follow one another and share it. What needs no
numbers is done on the meta device.
"""

import importlib
import inspect
import re

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load, save
from torch import nn

from heirloom.accounting import COLUMNS, summary
from heirloom.errors import HeirloomError
from heirloom.layers import WithPenalty
from heirloom.models import MODELS, arguments, create_model, list_models

DIGITS_ONLY = {"lenet5"}
"""Networks whose number of classes is fixed: each class has a code of its own."""

PASSES = 30
"""A part that training takes only every other time has gradients by then, but for one chance in 10^9."""

FIRST_OF_FILE = {place.split(":")[0]: name for name, place in reversed(MODELS.items())}
"""The networks of a file are drawn by the same code."""


def build(name, seed=0, **args):
    torch.manual_seed(seed)
    return create_model(name, **args)


def without_memory(name, **args):
    with torch.device("meta"):
        return create_model(name, **args)


def published(name, argument):
    """The default of an argument."""
    module, factory = MODELS[name].split(":")
    function = getattr(importlib.import_module(f"heirloom.models.{module}"), factory)
    return inspect.signature(function).parameters[argument].default


def classes(name):
    return published(name, "num_classes")


def output_size(name):
    """Of one image: a score for each class, or an image where there are no classes."""
    module, factory = MODELS[name].split(":")
    function = getattr(importlib.import_module(f"heirloom.models.{module}"), factory)
    if "num_classes" in inspect.signature(function).parameters:
        return (classes(name),)
    return (published(name, "in_chans"), 28, 28)


def batch(net, count=2, seed=1):
    return torch.randn(count, *net.input_size, generator=torch.Generator().manual_seed(seed))


def heads(output):
    """All outputs: of the network, and of the auxiliary heads that some have in training."""
    if isinstance(output, WithPenalty):
        return [output.output]
    return [output] if isinstance(output, torch.Tensor) else [output.scores, *output.aux]


def some_loss(output):
    """A loss that every parameter has a part in."""
    if output.ndim == 2:
        return F.cross_entropy(output, torch.arange(2))
    return F.mse_loss(output, torch.rand(output.shape, generator=torch.Generator().manual_seed(2)))


@pytest.fixture(scope="module", params=MODELS)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def net(name):
    return build(name)


def test_every_parameter_learns(name, net):
    """At the first pass, or soon where training leaves out parts of the network by chance."""
    waiting = dict(net.named_parameters())
    for _ in range(PASSES):
        found = heads(net.train()(batch(net)))
        for scores in found:
            assert scores.shape == (2, *output_size(name))
            assert scores.isfinite().all()
        sum(some_loss(scores) for scores in found).backward()
        for key, parameter in net.named_parameters():
            if parameter.grad is not None:
                assert parameter.grad.isfinite().all(), key
                if parameter.grad.count_nonzero():
                    waiting.pop(key, None)
            parameter.grad = None
        if not waiting:
            break
    assert not waiting


def test_saving_and_loading_changes_no_bit(name, net):
    other = without_memory(name).to_empty(device="cpu")
    other.load_state_dict(load(save(net.state_dict())))
    state = other.state_dict()
    assert all(torch.equal(stored, state[key]) for key, stored in net.state_dict().items())
    with torch.no_grad():
        x = batch(net, 1)
        scores = net.eval()(x)
        assert scores.shape == (1, *output_size(name))
        assert torch.equal(scores, other.eval()(x))


def test_totals_are_sums_of_rows_and_count_each_parameter(name, net):
    books = summary(net)
    assert books.totals == {column: sum(getattr(row, column) for row in books.rows) for column in COLUMNS}
    assert books.totals["parameters"] == sum(p.numel() for p in net.parameters())
    executed = [row for row in books.rows if row.executed]
    assert executed[-1].output_size == output_size(name)
    assert [row.receptive_field for row in executed].count(None) == 0


def test_another_size_is_refused(net):
    maps, height, width = net.input_size
    message = re.escape(f"takes (B, {maps}, {height}, {width})")
    taller = [] if getattr(net, "any_height", False) else [(maps, height + 1, width)]
    for other in (*taller, (maps + 1, height, width), (maps, height, 2 * width)):
        with pytest.raises(HeirloomError, match=message) as caught:
            net.eval()(torch.zeros(1, *other))
        assert caught.value.code == "E-input-size"


def test_builds_and_runs_without_memory(name):
    net = without_memory(name).eval()
    assert all(stored.is_meta for stored in net.state_dict().values())
    assert net(torch.empty(2, *net.input_size, device="meta")).shape == (2, *output_size(name))


def test_other_classes_and_channels(name, net):
    if len(output_size(name)) == 1:
        wanted = (classes(name) if name in DIGITS_ONLY else 7,)
        books = summary(name, num_classes=wanted[0], in_chans=5)
    else:
        wanted = (5, *output_size(name)[1:])
        books = summary(name, in_chans=5)
    assert books.trace.input_size == (5, *net.input_size[1:])
    assert net.input_size[0] == published(name, "in_chans")
    assert [row.output_size for row in books.rows if row.executed][-1] == wanted


def test_values_of_the_command_line():
    given = ["a=1", "b=0.5", "c=true", "d=False", "e=v1.5", "f=A", "g=[1, 2]"]
    assert arguments(given) == {"a": 1, "b": 0.5, "c": True, "d": False, "e": "v1.5", "f": "A", "g": [1, 2]}


@pytest.mark.parametrize("first", FIRST_OF_FILE.values())
def test_the_seed_decides_the_weights(first):
    one, same = build(first, 5), build(first, 5)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), same.parameters(), strict=True))


DROPOUT = {
    **{name: [0.5, 0.5] for name in MODELS if name.startswith(("alexnet", "caffenet", "vgg"))},
    "nin_cifar": [0.5, 0.5],
    "nin_imagenet": [0.5],
    "deepface": [0.5],
    "fractalnet20": [*[0.1] * 7, *[0.2] * 7, *[0.3] * 7, *[0.4] * 7],
    "squeezenet1_0": [0.5],
    "squeezenet1_1": [0.5],
    "googlenet": [0.4, 0.7, 0.7],
    "googlenet_bn": [0.4, 0.7, 0.7],
}
"""As the papers and the released files print it. Wide ResNets are published without it, too."""


def test_dropout_is_as_published():
    found = {
        name: sorted(m.p for m in without_memory(name).modules() if isinstance(m, nn.Dropout) and m.p)
        for name in MODELS
        if name != "alexnet_cifar_bn"  # five of them, in a test of its own
    }
    assert {name: rates for name, rates in found.items() if rates} == {
        name: rates for name, rates in DROPOUT.items() if name in found
    }


@pytest.mark.parametrize(
    ("name", "args", "code", "message"),
    [
        ("googlenet", {"aux": "maybe"}, "E-argument", "aux is 'maybe': give true or false"),
        ("googlenet", {"aux": 1}, "E-argument", "aux is 1: give true or false"),
        ("lenet1", {"in_chans": True}, "E-argument", "in_chans is True: give a whole number"),
        ("wrn_28_10", {"dropout": "abc"}, "E-argument", "dropout is 'abc': give a number"),
        (
            "autoencoder",
            {"num_classes": 10},
            "E-argument",
            r"autoencoder has no classes: it takes no num_classes: leave that out; it takes \(in_chans",
        ),
        (
            "autoencoder",
            {"activation": "relu"},
            "E-argument",
            "activation is 'relu': give logistic or linear",
        ),
        ("autoencoder", {"hidden": 100}, "E-argument", r"hidden is 100: give a list: hidden=\[1000,500\]"),
        ("autoencoder", {"hidden": [100, 0]}, "E-argument", "hidden is 0: give whole numbers, 1 or more"),
        ("autoencoder", {"code": -1}, "E-argument", "code is -1: give whole numbers, 1 or more"),
        ("autoencoder_sparse", {"rho": 1.0}, "E-argument", "rho is 1.0: give a share above 0 and below 1"),
        ("autoencoder_sparse", {"beta": -1.0}, "E-argument", "beta is -1.0: give 0 or more"),
        ("autoencoder_denoising", {"noise": 2.0}, "E-argument", "noise is 2.0: give a share, 0 to 1"),
        ("lenet6", {}, "E-model", "unknown model 'lenet6': did you mean 'lenet5'"),
        ("zzz", {}, "E-model", "unknown model 'zzz': known: .*lenet1, lenet4, lenet5,"),
        (
            "lenet1",
            {"towers": 2},
            "E-argument",
            r"unexpected keyword argument 'towers'.*it takes \(num_classes",
        ),
        ("lenet1", {"num_classes": 0}, "E-argument", "num_classes is 0"),
        ("lenet1", {"num_classes": "ten"}, "E-argument", "num_classes is 'ten'"),
        ("lenet1", {"in_chans": -1}, "E-argument", "in_chans is -1"),
        ("nowhere.py:Net", {}, "E-model", "there is no file nowhere.py"),
        ("no_such_package:Net", {}, "E-model", "No module named 'no_such_package'"),
        ("{own}:Nat", {}, "E-model", "no class 'Nat' in .*did you mean 'Net'"),
        ("{own}:number", {}, "E-model", "no class 'number'"),
        ("{own}:function", {}, "E-model", "is a int, not a torch.nn.Module"),
        ("{own}:Broken", {}, "E-argument", "cannot be built: ZeroDivisionError: division by zero"),
        ("{own}:Net", {"num_classes": 3, "depth": 1}, "E-argument", "unexpected keyword argument 'depth'"),
        ("{raises}:Net", {}, "E-model", "AttributeError: module 'math' has no attribute 'nothing'"),
        ("{leaves}:Net", {}, "E-model", "SystemExit: 3"),
        ("{garbled}:Net", {}, "E-model", "SyntaxError"),
    ],
)
def test_errors_are_one_clear_line(own_files, name, args, code, message):
    with pytest.raises(HeirloomError, match=message) as caught:
        create_model(name.format(**own_files), **args)
    assert caught.value.code == code
    assert "\n" not in str(caught.value)


@pytest.fixture
def own_files(tmp_path):
    sources = {
        "own": (
            "from torch import nn\nfrom besides import WIDTH\nnumber = 3\n\n"
            "class Net(nn.Sequential):\n"
            "    def __init__(self, num_classes=2):\n"
            "        super().__init__(nn.Flatten(), nn.Linear(WIDTH, num_classes))\n\n"
            "class Broken(nn.Module):\n    def __init__(self):\n        super().__init__()\n        1 / 0\n\n"
            "def function():\n    return 3\n"
        ),
        "besides": "WIDTH = 12\n",
        "raises": "import math\nmath.nothing\n",
        "leaves": "raise SystemExit(3)\n",
        "garbled": "class Net(:\n",
    }
    for name, text in sources.items():
        (tmp_path / f"{name}.py").write_text(text)
    return {name: tmp_path / f"{name}.py" for name in sources}


def test_a_class_of_ones_own_from_a_file(own_files, monkeypatch):
    net = create_model(f"{own_files['own']}:Net", num_classes=5)
    assert net(torch.zeros(1, 12)).shape == (1, 5)
    monkeypatch.chdir(own_files["own"].parent)
    assert create_model("own.py:Net")(torch.zeros(1, 12)).shape == (1, 2)
    assert summary("own.py:Net", (12,)).totals["parameters"] == 26


def test_a_class_of_ones_own_from_a_module(own_files, monkeypatch):
    assert isinstance(create_model("torch.nn:Flatten"), nn.Flatten)
    monkeypatch.chdir(own_files["own"].parent)
    own_files["own"].rename("own_net_of_this_test.py")
    assert create_model("own_net_of_this_test:Net", num_classes=3)(torch.zeros(1, 12)).shape == (1, 3)


def test_a_constructor_that_looks_at_values_is_built_with_memory(tmp_path):
    (tmp_path / "looks.py").write_text(
        "import torch\nfrom torch import nn\n\nclass Net(nn.Sequential):\n"
        "    def __init__(self):\n"
        "        super().__init__(nn.Linear(2, int(torch.linspace(1, 3, 3)[2].item())))\n"
    )
    assert summary(f"{tmp_path / 'looks.py'}:Net", (2,)).totals["parameters"] == 9


def test_listing():
    assert list_models() == list(MODELS)
    assert list_models("lenet5_relu*") == ["lenet5_relu_max", "lenet5_relu_avg"]
    assert list_models("nothing*") == []
