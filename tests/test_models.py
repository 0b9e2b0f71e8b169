"""What every network must do, and what distinguishes some."""

import hashlib
import io
import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from heirloom.accounting import summary
from heirloom.errors import HeirloomError
from heirloom.layers import Subsampling, TableConv2d
from heirloom.models import MODELS, create_model, list_models
from heirloom.models.lenet5 import C3_READS, codes

# The listing of the reference page, digits 0 to 9: its SHA-256, and its `#` counted.
LISTING = "56fd817c6b00cd7e91131b40576d3e8006132a63fbd771492f10e80d39e0aa75"
COUNTS = [35, 27, 33, 32, 41, 35, 39, 25, 43, 39]
ALL = pytest.mark.parametrize("name", MODELS)


pytestmark = pytest.mark.usefixtures("one_thread")


def build(name, seed=0, **args):
    torch.manual_seed(seed)
    return create_model(name, **args)


def batch(net, count=4, seed=1):
    return torch.randn(count, *net.input_size, generator=torch.Generator().manual_seed(seed))


@ALL
def test_scores_of_the_published_size(name):
    net = build(name)
    scores = net(batch(net, 3))
    assert scores.shape == (3, 10)
    assert scores.isfinite().all()


@ALL
def test_every_parameter_learns(name):
    net = build(name)
    F.cross_entropy(net(batch(net, 16)), torch.arange(16) % 10).backward()
    for key, parameter in net.named_parameters():
        assert parameter.grad is not None, key
        assert parameter.grad.isfinite().all(), key
        assert parameter.grad.count_nonzero(), key


@ALL
def test_builds_without_memory(name):
    with torch.device("meta"):
        net = create_model(name)
    assert all(p.is_meta for p in net.parameters())
    assert net(torch.empty(2, *net.input_size, device="meta")).shape == (2, 10)


@ALL
def test_saving_and_loading_changes_no_bit(name):
    net, other = build(name, 0), build(name, 1)
    x = batch(net)
    assert not torch.equal(net(x), other(x))
    file = io.BytesIO()
    torch.save(net.state_dict(), file)
    file.seek(0)
    other.load_state_dict(torch.load(file, weights_only=True))
    assert torch.equal(net(x), other(x))


@ALL
def test_loading_into_a_network_that_was_built_without_memory(name):
    net = build(name)
    with torch.device("meta"):
        other = create_model(name)
    other.to_empty(device="cpu").load_state_dict(net.state_dict())
    assert torch.equal(net(batch(net)), other(batch(net)))


@ALL
def test_the_seed_decides_the_weights(name):
    same = zip(build(name, 5).parameters(), build(name, 5).parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in same)


@ALL
def test_other_classes_and_channels(name):
    classes = 10 if name == "lenet5" else 7
    net = build(name, num_classes=classes, in_chans=3)
    assert net.input_size[0] == 3
    assert net(batch(net, 2)).shape == (2, classes)


@ALL
def test_another_size_is_refused(name):
    net = build(name)
    with pytest.raises(HeirloomError, match=r"takes \(B, 1, "):
        net(torch.zeros(1, 1, 20, 20))


def bounds(name, net):
    """(parameter, bound) of everything that is drawn uniformly, from the papers' words, not from our code."""
    reach = 2.4 if name == "lenet_1989" else 1.0
    for layer in net.modules():
        if isinstance(layer, TableConv2d):
            reads = [len(maps) * layer.kernel**2 for maps in layer.table]
            kernels = [n for n, maps in zip(reads, layer.table, strict=True) for _ in maps]
            for kernel, fan_in in zip(layer.weight, kernels, strict=True):
                yield kernel, reach / math.sqrt(fan_in)
            for bias, fan_in in zip(layer.bias, reads, strict=True):
                yield bias, reach / math.sqrt(fan_in)
        elif isinstance(layer, Subsampling):
            yield layer.coefficient, reach / 2
            yield layer.bias, reach / 2
        elif isinstance(layer, nn.Conv2d | nn.Linear):
            fan_in = layer.weight[0].numel()
            fan_out = layer.weight.shape[0] * layer.weight[0, 0].numel()
            match name:
                case "lenet_caffe":
                    weight, bias = math.sqrt(3 / fan_in), 0.0
                case "lenet5_relu_avg":
                    weight, bias = math.sqrt(6 / (fan_in + fan_out)), 0.0
                case "lenet5_relu_max":
                    weight = bias = 1 / math.sqrt(fan_in)
                case _:
                    weight = bias = reach / math.sqrt(fan_in)
            yield layer.weight, weight
            yield layer.bias, bias


@ALL
def test_initial_weights_fill_their_bounds(name):
    # A uniform variable divided by its bound has mean 0 and variance 1/3 whatever the bound.
    shares = []
    for parameter, bound in bounds(name, build(name)):
        if bound == 0:
            assert not parameter.count_nonzero()
            continue
        share = parameter.detach().flatten() / bound
        assert share.abs().max() <= 1 + 1e-6
        if share.numel() >= 100:
            assert share.abs().max() > 0.9
            assert abs(share.mean()) < 5 / math.sqrt(3 * share.numel())
        shares.append(share)
    together = torch.cat(shares)
    assert together.numel() > 2_000
    assert together.square().mean().item() == pytest.approx(1 / 3, abs=0.02)
    assert together.abs().max() > 0.999


def test_gaussian_output_starts_at_corners():
    output = build("lenet5_gaussian").get_submodule("output")
    assert output.centre.abs().eq(1).all()
    assert abs(output.centre.mean()) < 0.15
    torch.testing.assert_close(output.width.square(), torch.full((10,), 84.0))


class Net(nn.Module):
    """Lecture deck 001, transcribed."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), (2, 2))
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = x.view(-1, self.num_flat_features(x))
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        return self.fc3(x)

    def num_flat_features(self, x):
        num_features = 1
        for s in x.size()[1:]:
            num_features *= s
        return num_features


def test_the_decks_class_has_our_weights_and_our_outputs():
    torch.manual_seed(3)
    theirs, ours = Net(), build("lenet5_relu_max")
    ours.load_state_dict(theirs.state_dict())
    assert torch.equal(ours(batch(ours)), theirs(batch(ours)))
    books = summary(theirs, (1, 32, 32))
    assert books.totals == summary("lenet5_relu_max").totals


def test_the_codes_are_the_published_bitmaps():
    found = codes()
    assert found.shape == (10, 84)
    assert found.abs().eq(1).all()
    assert found.gt(0).sum(1).tolist() == COUNTS
    rows = ["".join("#" if v > 0 else "." for v in row) for row in found.view(-1, 7)]
    assert rows[0] == ".#####."  # the lid of the 0
    assert rows[12 : 12 + 3] == ["...##..", "..###..", ".####.."]  # the top of the 1
    assert rows[5 * 12 + 2] == "#######"
    assert rows[9 * 12 + 9] == ".####.."
    listing = "\n".join(f"{d}: " + " ".join(rows[12 * d : 12 * d + 12]) for d in range(10))
    assert hashlib.sha256(listing.encode()).hexdigest() == LISTING


def test_the_codes_lie_far_apart():
    distance = torch.cdist(codes(), codes()).square() / 4
    assert distance.add(100 * torch.eye(10)).min() >= 5


def test_table_one():
    printed = [
        "X...XXX..XXXX.XX",
        "XX...XXX..XXXX.X",
        "XXX...XXX..X.XXX",
        ".XXX..XXXX..X.XX",
        "..XXX..XXXX.XX.X",
        "...XXX..XXXX.XXX",  # the deck lost this row
    ]
    ours = ["".join("X" if i in maps else "." for maps in C3_READS) for i in range(6)]
    assert ours == printed
    assert sum(map(len, C3_READS)) == 60


def test_lenet5_has_codes_for_digits_only():
    with pytest.raises(HeirloomError, match=r"lenet5 has no 26 classes.*take lenet5_gaussian") as caught:
        create_model("lenet5", num_classes=26)
    assert caught.value.code == "E-argument"


@pytest.mark.parametrize(
    ("name", "args", "code", "message"),
    [
        ("lenet6", {}, "E-model", "unknown model 'lenet6': did you mean 'lenet5'"),
        ("zzz", {}, "E-model", "unknown model 'zzz': known: lenet1, lenet4, lenet5,"),
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


def test_fan_in_bounds_differ_between_maps_of_c3():
    c3 = build("lenet5").get_submodule("c3")
    largest = [kernel.abs().max().item() for kernel in c3.weight]
    assert max(largest[:3]) > 1 / 10  # three maps of 25 allow more than four do
    assert max(largest[-6:]) <= 1 / math.sqrt(150)
