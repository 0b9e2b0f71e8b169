"""The residual networks against closed forms, another implementation and brute force."""

import json
import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from test_ops import filled, seen, three, told
from torch import nn

from heirloom.accounting import summary
from heirloom.errors import HeirloomError
from heirloom.evaluation import evaluate
from heirloom.models import create_model
from heirloom.models.resnet import Block, Bottleneck, CifarResNet, Projection, ZeroMaps, stage
from heirloom.models.wide_resnet import WideBlock, WideResNet
from heirloom.recipes import Recipe
from heirloom.tracing import trace
from heirloom.training import resume, train

pytestmark = pytest.mark.usefixtures("one_thread")


def without_memory(make, *args, **options):
    with torch.device("meta"):
        return make(*args, **options)


# Counts in closed form ---------------------------------------------------------------------------


@settings(max_examples=25)
@given(n=st.integers(1, 9), classes=st.integers(1, 12), option=st.sampled_from("ABC"))
def test_parameters_of_6n_plus_2_layers(n, classes, option):
    wide = (16, 32, 64)
    bodies = sum(2 * n * (9 * m * m + 2 * m) for m in wide) - (9 * 32 * 16 + 9 * 64 * 32)
    projections = {"A": 0, "B": 16 * 32 + 64 + 32 * 64 + 128}
    projections["C"] = projections["B"] + sum(m * m + 2 * m for m in wide) * n - (32**2 + 64 + 64**2 + 128)
    expected = 27 * 16 + 32 + bodies + projections[option] + 64 * classes + classes
    net = without_memory(CifarResNet, n, classes, 3, option)
    assert sum(p.numel() for p in net.parameters()) == expected
    assert sum(isinstance(m, nn.Conv2d | nn.Linear) and "shortcut" not in name
               for name, m in net.named_modules()) == 6 * n + 2  # fmt: skip


@settings(max_examples=25)
@given(n=st.integers(1, 5), k=st.integers(1, 6))
def test_parameters_of_6n_plus_4_layers(n, k):
    # Batch normalisation stands before each convolution and at the end.
    before, total = 16, 27 * 16
    for m in (16 * k, 32 * k, 64 * k):
        total += 9 * before * m + 9 * m * m + 2 * before + 2 * m + (before * m if before != m else 0)
        total += (n - 1) * (18 * m * m + 4 * m)
        before = m
    net = without_memory(WideResNet, n, k, 10, 3, 0.0)
    assert sum(p.numel() for p in net.parameters()) == total + 2 * before + 10 * (before + 1)


@settings(max_examples=40)
@given(
    in_maps=st.sampled_from([8, 16, 32]),
    maps=st.sampled_from([4, 8]),
    stride=st.integers(1, 2),
    shortcut=st.sampled_from("ABC"),
    version=st.sampled_from(["v1", "v1.5"]),
    inner=st.sampled_from([1, 2]),
    groups=st.sampled_from([1, 2, 4]),
)
def test_counts_of_a_bottleneck(in_maps, maps, stride, shortcut, version, inner, groups):
    if in_maps == 4 * maps:
        stride = 1  # no network halves the image without more maps
    size, small = 12, 12 // stride
    m = maps * inner
    first = small if version == "v1" else size
    macs = in_maps * m * first**2 + 9 * m * m // groups * small**2 + m * 4 * maps * small**2
    parameters = in_maps * m + 9 * m * m // groups + 4 * m * maps + 4 * m + 8 * maps
    if shortcut == "C" or (shortcut == "B" and in_maps != 4 * maps):
        macs += in_maps * 4 * maps * small**2
        parameters += in_maps * 4 * maps + 8 * maps
    elif in_maps > 4 * maps:
        return
    net = without_memory(Bottleneck, in_maps, maps, stride, shortcut, version, inner, groups)
    totals = summary(net, (in_maps, size, size)).totals
    assert (totals["parameters"], totals["macs"]) == (parameters, macs)
    assert summary(net, (in_maps, size, size)).rows[-1].output_size == (4 * maps, small, small)


@pytest.mark.parametrize(
    ("name", "args", "parameters", "macs"),
    [
        ("resnet18", {"shortcut": "A"}, 11_515_688, 1_794_805_760),
        ("resnet18", {}, 11_689_512, 1_814_073_344),
        ("resnet34", {"shortcut": "A"}, 21_623_848, 3_644_493_824),
        ("resnet34", {}, 21_797_672, 3_663_761_408),
        ("resnet50", {}, 25_557_032, 3_857_973_248),
        ("resnet101", {}, 44_549_160, 7_570_194_432),
        ("resnet152", {}, 60_192_808, 11_282_415_616),
        ("resnet50", {"version": "v1.5"}, 25_557_032, 4_089_184_256),
        ("resnet101", {"version": "v1.5"}, 44_549_160, 7_801_405_440),
        ("resnet152", {"version": "v1.5"}, 60_192_808, 11_513_626_624),
        ("resnet20", {}, 269_722, 40_551_040),
        ("resnet110", {}, 1_727_962, 252_887_680),
        ("resnet110", {"shortcut": "B"}, 1_727_962 + 2_752, None),
        ("wrn_28_10", {"num_classes": 100}, 36_536_884, None),
        ("wrn_28_10", {"dropout": 0.3}, 36_479_194, 5_243_328_768),
        ("wrn_50_2", {}, 68_883_240, None),
        ("resnext50_32x4d", {}, 25_028_904, 4_230_479_872),
    ],
)
def test_totals_of_the_fact_sheet(name, args, parameters, macs):
    totals = summary(name, **args).totals
    assert totals["parameters"] == parameters
    assert macs in (None, totals["macs"])


def test_1202_layers_need_no_memory():
    net = without_memory(create_model, "resnet1202")
    rows = summary(net).rows
    assert all(p.is_meta for p in net.parameters())
    # 600 blocks of 8 rows (two of them with ZeroMaps for the identity), the first three, the last three.
    assert len(rows) == 1 + 3 + 600 * 8 + 3
    assert rows[-4].receptive_field == (28 * 200 - 3,) * 2
    assert sum(row.macs for row in rows) == 2_829_238_912


# Another implementation --------------------------------------------------------------------------


def convolved(state, name, x, stride=1, groups=1):
    weight = state[f"{name}.weight"]
    return F.conv2d(x, weight, None, stride, weight.shape[-1] // 2, groups=groups)


def normalised(state, name, x):
    mean, var, gain, shift = (
        state[f"{name}.{key}"].view(-1, 1, 1) for key in ("running_mean", "running_var", "weight", "bias")
    )
    return (x - mean) / (var + 1e-5).sqrt() * gain + shift


def skipped(state, name, x, out, stride):
    """A block's shortcut: what of it exists decides. Option A as Torch wrote it, by pooling single pixels."""
    if f"{name}.shortcut.conv.weight" in state:
        return normalised(state, f"{name}.shortcut.bn", convolved(state, f"{name}.shortcut.conv", x, stride))
    if x.shape == out.shape:
        return x
    pooled = F.avg_pool2d(x, 1, stride)
    return torch.cat([pooled, *[pooled[:, :1] * 0] * (out.shape[1] - x.shape[1])], 1)


def residual(state, name, x, stride, version="v1", groups=1):
    strides = {2: (stride, 1), 3: (stride, 1, 1) if version == "v1" else (1, stride, 1)}
    depth = 3 if f"{name}.conv3.weight" in state else 2
    out = x
    for i, step in enumerate(strides[depth], start=1):
        out = convolved(state, f"{name}.conv{i}", out, step, groups if i == 2 else 1)
        out = normalised(state, f"{name}.bn{i}", out)
        out = out.relu() if i < depth else out
    return (out + skipped(state, name, x, out, stride)).relu()


def shaken(net):
    """In evaluation, in double precision, with numbers in every place that are not those of a start."""
    torch.manual_seed(2)
    net = net.double().eval()
    with torch.no_grad():
        for name, stored in net.state_dict().items():
            if name.endswith(("running_var", "bn1.weight", "bn2.weight", "bn3.weight", "bn.weight")):
                stored.uniform_(0.5, 1.5)
            elif name.endswith(("running_mean", ".bias")):
                stored.normal_(std=0.2)
    return net, {name: value.detach() for name, value in net.state_dict().items()}


@pytest.mark.parametrize("shortcut", "ABC")
@pytest.mark.parametrize("version", ["v1", "v1.5"])
@pytest.mark.parametrize("stride", [1, 2])
def test_blocks_compute_what_the_paper_says(shortcut, version, stride):
    x = torch.randn(2, 8, 9, 7, dtype=torch.float64)
    for block, maps in ((Block, 16), (Bottleneck, 4)):
        net, state = shaken(block(8, maps, stride, shortcut, version))
        state = {f"b.{name}": value for name, value in state.items()}
        torch.testing.assert_close(net(x), residual(state, "b", x, stride, version))


def test_a_block_of_many_paths_is_the_sum_of_its_paths():
    """Figure 3 (a) of the paper on ResNeXt: each path 1 x 1, 3 x 3, 1 x 1 by itself, added at the end."""
    paths, width = 4, 3
    net, state = shaken(Bottleneck(8, 6, 2, "B", "v1.5", inner=2, groups=paths))
    x = torch.randn(2, 8, 7, 7, dtype=torch.float64)
    inside = normalised(state, "bn1", convolved(state, "conv1", x)).relu()
    total = 0
    for path in range(paths):
        own = slice(path * width, (path + 1) * width)
        part = F.conv2d(inside[:, own], state["conv2.weight"][own], stride=2, padding=1)
        mean, var, gain, shift = (
            state[f"bn2.{key}"][own].view(-1, 1, 1)
            for key in ("running_mean", "running_var", "weight", "bias")
        )
        part = ((part - mean) / (var + 1e-5).sqrt() * gain + shift).relu()
        total = total + F.conv2d(part, state["conv3.weight"][:, own])
    total = normalised(state, "bn3", total)
    shortcut = normalised(state, "shortcut.bn", convolved(state, "shortcut.conv", x, 2))
    torch.testing.assert_close(net(x), (total + shortcut).relu())


@pytest.mark.parametrize("shortcut", "AB")
def test_resnet20_computes_what_the_paper_says(shortcut):
    net, state = shaken(create_model("resnet20", shortcut=shortcut))
    images = torch.randn(2, 3, 32, 32, dtype=torch.float64)
    x = normalised(state, "bn1", convolved(state, "conv1", images)).relu()
    for number, first in ((2, 1), (3, 2), (4, 2)):
        for i in range(3):
            x = residual(state, f"conv{number}_x.{i}", x, first if i == 0 else 1)
    expected = x.mean((2, 3)) @ state["fc.weight"].T + state["fc.bias"]
    torch.testing.assert_close(net(images), expected)


@pytest.mark.parametrize(
    ("name", "version", "groups"),
    [("resnet50", "v1", 1), ("resnet50", "v1.5", 1), ("resnext50_32x4d", "v1.5", 32)],
)
def test_50_layers_compute_what_the_paper_says(name, version, groups):
    net = create_model(name, version=version) if name == "resnet50" else create_model(name)
    net, state = shaken(net)
    images = torch.randn(1, 3, 224, 224, dtype=torch.float64)
    x = normalised(state, "bn1", convolved(state, "conv1", images, 2)).relu()
    x = F.max_pool2d(F.pad(x, (1, 1, 1, 1), value=-math.inf), 3, 2)
    for number, count in ((2, 3), (3, 4), (4, 6), (5, 3)):
        for i in range(count):
            stride = 2 if number > 2 and i == 0 else 1
            x = residual(state, f"conv{number}_x.{i}", x, stride, version, groups)
    expected = x.mean((2, 3)) @ state["fc.weight"].T + state["fc.bias"]
    with torch.no_grad():
        torch.testing.assert_close(net(images), expected)


@pytest.mark.parametrize(("in_maps", "stride"), [(8, 2), (8, 1), (16, 1)])
def test_a_wide_block_is_normalised_first(in_maps, stride):
    net, state = shaken(WideBlock(in_maps, 16, stride, dropout=0.3))
    x = torch.randn(2, in_maps, 8, 8, dtype=torch.float64)
    ready = normalised(state, "bn1", x).relu()
    out = normalised(state, "bn2", convolved(state, "conv1", ready, stride)).relu()
    out = convolved(state, "conv2", out)
    skip = x if in_maps == 16 else F.conv2d(ready, state["shortcut.weight"], stride=stride)
    torch.testing.assert_close(net(x), out + skip)


def test_dropout_of_a_wide_block_lies_between_its_convolutions():
    names = [row.name for row in trace(WideBlock(4, 4, 1, 0.3), (4, 8, 8))][1:]
    assert names == ["bn1", "relu1", "conv1", "bn2", "relu2", "drop", "conv2", "add"]
    assert create_model("wrn_16_8", dropout=0.4).get_submodule("conv2.0.drop").p == 0.4
    assert create_model("wrn_16_8").get_submodule("conv2.0.drop").p == 0.0


# Receptive fields --------------------------------------------------------------------------------


def small(block, **options):
    """A network of few maps with all that the large ones do: 7/2, pooling 3/2, a stage that halves."""
    e = block.expansion
    return nn.Sequential(
        nn.Conv2d(1, 2 * e, 7, 2, 3),
        nn.MaxPool2d(3, 2, 1),
        stage(block, 1, 2 * e, 2, 1, **options),
        stage(block, 2, 2 * e, 4, 2, **options),
    )


FIELDS = {
    **{f"basic, {o}": small(Block, shortcut=o) for o in "ABC"},
    **{
        f"bottleneck {v}, {o}": small(Bottleneck, shortcut=o, version=v) for o in "AB" for v in ("v1", "v1.5")
    },
    "paths": small(Bottleneck, version="v1.5", inner=2, groups=2),
    "wide": nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), WideBlock(2, 4, 2, 0.3), WideBlock(4, 4, 1, 0.3)),
    "zero maps": ZeroMaps(1, 3, 2),
    "projection": Projection(1, 3, 2),
}


@pytest.mark.parametrize("net", FIELDS.values(), ids=FIELDS)
def test_fields_by_brute_force(net):
    size = (1, 43, 38)
    row = trace(filled(net), size).rows[-1]
    assert row.aligned
    for units in three(row.output_size[1:]):
        assert seen(net, size, units) == told(row, units, size), units


@pytest.mark.parametrize("shortcut", "AB")
@pytest.mark.parametrize("version", ["v1", "v1.5"])
def test_branches_of_a_block_are_aligned(shortcut, version):
    """What the two branches of a block see has one centre: the corner cannot tell, the middle can."""
    net = filled(Bottleneck(1, 2, 2, shortcut, version))
    own = nn.Sequential(net.conv1, net.bn1, net.relu1, net.conv2, net.bn2, net.relu2, net.conv3)
    size, units = (1, 21, 21), (5, 5)
    (first, last), (a, b) = seen(own, size, units)[0], seen(net.shortcut, size, units)[0]
    assert (first + last == a + b) == trace(net, size).rows[-1].aligned
    assert first < a <= b < last


# Initial weights ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["resnet18", "resnet20", "wrn_16_8", "resnext29_8x64d"])
def test_initial_weights(name):
    torch.manual_seed(0)
    net, shares = create_model(name), []
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d):
            assert layer.bias is None
            share = layer.weight.detach() * math.sqrt(layer.kernel_size[0] ** 2 * layer.out_channels / 2)
            shares.append(share.flatten())
            assert share.std().item() == pytest.approx(1, abs=4 / math.sqrt(2 * share.numel()))
        elif isinstance(layer, nn.BatchNorm2d):
            assert layer.weight.eq(1).all()
            assert not layer.bias.count_nonzero()
        elif isinstance(layer, nn.Linear):
            share = layer.weight.detach() * math.sqrt(layer.in_features)
            assert 0.98 < share.abs().max() <= 1 + 1e-6
            assert share.square().mean().item() == pytest.approx(1 / 3, abs=0.05)
            assert not layer.bias.count_nonzero()
    together = torch.cat(shares)
    assert together.std().item() == pytest.approx(1, abs=0.01)
    assert together.pow(4).mean().item() == pytest.approx(3, abs=0.1)  # of a normal distribution


# Use ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "args", "message"),
    [
        ("resnet50", {"version": "v2"}, "version is 'v2': give v1 or v1.5"),
        ("resnet18", {"version": "v2"}, "version is 'v2': give v1 or v1.5"),
        ("resnet50", {"shortcut": "D"}, "shortcut is 'D': give A or B or C"),
        ("resnet20", {"shortcut": "a"}, "shortcut is 'a': give A or B or C"),
        ("wrn_28_10", {"dropout": 1.5}, "wrn_28_10 cannot be built: ValueError: dropout probability"),
    ],
)
def test_wrong_arguments_are_named(name, args, message):
    with pytest.raises(HeirloomError, match=message) as caught:
        create_model(name, **args)
    assert caught.value.code == "E-argument"


def test_variants_on_the_command_line(heirloom):
    found = json.loads(
        heirloom(
            "summary", "resnet50", "--arg", "version=v1.5", "--arg", "shortcut=A", "--format", "json"
        ).stdout
    )
    totals = summary("resnet50", version="v1.5", shortcut="A").totals
    assert found["totals"] == totals
    assert totals["macs"] - summary("resnet50", shortcut="A").totals["macs"] == 4_089_184_256 - 3_857_973_248


def test_a_run_with_batch_statistics_goes_on_where_it_stopped(tmp_path):
    own = tmp_path / "own.py"
    own.write_text(
        "from heirloom.models.resnet import CifarResNet\n\n"
        "class Net(CifarResNet):\n    def __init__(self):\n        super().__init__(1, 10, 1, 'A')\n"
    )
    recipe = Recipe(model=f"{own}:Net", data="digits", epochs=1, batch_size=16, train_limit=64, mean=0.5)
    for _ in train(recipe, out=tmp_path / "whole", threads=1):
        pass
    events = train(recipe, out=tmp_path / "parts", threads=1)
    for event in events:
        if event.event == "step" and event.step == 2:
            events.close()
    for _ in resume(tmp_path / "parts", recipe.model):
        pass
    one, other = (tmp_path / run / "model.safetensors" for run in ("whole", "parts"))
    assert one.read_bytes() == other.read_bytes()
    found = evaluate(tmp_path / "whole", model=recipe.model)
    assert found.scores.isfinite().all()
    assert found.scores.shape[1] == 10
