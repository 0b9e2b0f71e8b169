"""The VGG networks against table 1 of the paper, torchvision's code and arithmetic."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from heirloom.accounting import summary
from heirloom.layers import LRN
from heirloom.models import create_model, list_models
from heirloom.models.vgg import VGG13BN, stage

pytestmark = pytest.mark.usefixtures("one_thread")

# Table 1, column by column: maps of each convolution, `1` behind a 1 x 1, `M` a maximum pooling.
TABLE = {
    "vgg11": "64 M 128 M 256 256 M 512 512 M 512 512 M",
    "vgg11_lrn": "64 LRN M 128 M 256 256 M 512 512 M 512 512 M",
    "vgg13": "64 64 M 128 128 M 256 256 M 512 512 M 512 512 M",
    "vgg16_1x1": "64 64 M 128 128 M 256 256 256.1 M 512 512 512.1 M 512 512 512.1 M",
    "vgg16": "64 64 M 128 128 M 256 256 256 M 512 512 512 M 512 512 512 M",
    "vgg19": "64 64 M 128 128 M 256 256 256 256 M 512 512 512 512 M 512 512 512 512 M",
}


def kernels(name):
    """(weights per map, maps, side of the output) of each convolution in the table."""
    maps, side = 3, 224
    for word in TABLE[name.removesuffix("_bn")].split():
        if word == "M":
            side //= 2
        elif word != "LRN":
            out, _, kernel = word.partition(".")
            yield maps * int(kernel or 3) ** 2, int(out), side
            maps = int(out)


def words(net):
    """The network in the words of the table."""
    for layer in net:
        match layer:
            case nn.Conv2d():
                one = layer.kernel_size == (1, 1)
                assert layer.padding == ((0, 0) if one else (1, 1))
                assert layer.stride == (1, 1)
                yield f"{layer.out_channels}.1" if one else f"{layer.out_channels}"
            case LRN():
                yield "LRN"
            case nn.MaxPool2d():
                yield "M"


def without_memory(name, **args):
    with torch.device("meta"):
        return create_model(name, **args)


@pytest.mark.parametrize("name", list_models("vgg*"))
def test_the_table(name):
    net = without_memory(name)
    assert " ".join(words(net)) == TABLE[name.removesuffix("_bn")]
    books = summary(name)
    fully = 4096 * (512 * 7 * 7 + 1) + 4096 * 4097 + 1000 * 4097
    normalised = 2 if name.endswith("_bn") else 0
    assert books.totals["parameters"] == fully + sum(
        maps * (reads + 1 + normalised) for reads, maps, _ in kernels(name)
    )
    assert books.totals["macs"] == 4096 * (512 * 49 + 4096 + 1000) + sum(
        reads * maps * side**2 for reads, maps, side in kernels(name)
    )
    assert [row.macs for row in books.rows if row.kind == "conv"] == [
        reads * maps * side**2 for reads, maps, side in kernels(name)
    ]
    assert [row.output_size for row in books.rows if row.kind == "linear"] == [(4096,), (4096,), (1000,)]


@pytest.mark.parametrize(
    ("name", "layers"),
    [("vgg11", 11), ("vgg13", 13), ("vgg16_1x1", 16), ("vgg16", 16), ("vgg19", 19), ("vgg19_bn", 19)],
)
def test_each_has_the_layers_of_its_name(name, layers):
    assert sum(isinstance(layer, nn.Conv2d | nn.Linear) for layer in without_memory(name)) == layers


def test_names():
    expected = """
        conv1_1 bn1_1 relu1_1 pool1 conv2_1 bn2_1 relu2_1 pool2
        conv3_1 bn3_1 relu3_1 conv3_2 bn3_2 relu3_2 pool3
        conv4_1 bn4_1 relu4_1 conv4_2 bn4_2 relu4_2 pool4
        conv5_1 bn5_1 relu5_1 conv5_2 bn5_2 relu5_2 pool5
        flatten fc6 relu6 drop6 fc7 relu7 drop7 fc8
    """
    assert " ".join(name for name, _ in without_memory("vgg11_bn").named_children()) == " ".join(
        expected.split()
    )
    first = [name for name, _ in without_memory("vgg11_lrn").named_children()][:5]
    assert first == ["conv1_1", "relu1_1", "norm1", "pool1", "conv2_1"]


def test_three_small_kernels_see_what_a_large_one_sees():
    # Section 2.3: two layers of 3 x 3 see 5 x 5, three see 7 x 7.
    rows = summary("vgg16").trace
    assert [rows[name].receptive_field[0] for name in ("conv1_1", "conv1_2", "pool1")] == [3, 5, 6]
    before, jump = rows["pool2"].receptive_field[0], rows["pool2"].jump[0]
    assert rows["conv3_2"].receptive_field[0] == before + 4 * jump
    assert rows["conv3_3"].receptive_field[0] == before + 6 * jump


def spread(weight, expected):
    """Mean 0 and the expected standard deviation, within five standard errors of a normal sample."""
    count = weight.numel()
    assert abs(weight.mean()) < 5 * expected / math.sqrt(count)
    assert weight.std().item() == pytest.approx(expected, rel=5 / math.sqrt(2 * count))


@pytest.fixture
def small(monkeypatch):
    """Builds a network whose fully connected layers are thin: theirs is no other arithmetic."""
    from heirloom.models import vgg

    def thin(num_classes):
        return {"flatten": nn.Flatten(), "fc6": nn.Linear(512 * 49, 8), "fc8": nn.Linear(8, num_classes)}

    monkeypatch.setattr(vgg, "classifier", thin)

    def build(name):
        torch.manual_seed(0)
        return create_model(name)

    return build


@pytest.mark.parametrize("name", ["vgg11", "vgg11_lrn", "vgg13", "vgg16_1x1", "vgg13_bn"])
def test_initial_weights(small, name):
    for layer in small(name):
        if isinstance(layer, nn.Conv2d | nn.Linear):
            fan_in, out = layer.weight[0].numel(), layer.weight.shape[0]
            fan_out = out * layer.weight[0, 0].numel()
            assert not layer.bias.count_nonzero()
            if name in ("vgg11", "vgg11_lrn"):
                spread(layer.weight, 0.1)  # a variance of 0.01
                assert layer.weight.abs().max() > 0.3  # normal, not uniform
            elif name == "vgg13_bn":
                spread(layer.weight, math.sqrt(2 / fan_out) if layer.weight.ndim == 4 else 0.01)
            else:
                bound = math.sqrt(6 / (fan_in + fan_out))
                spread(layer.weight, bound / math.sqrt(3))
                assert 0.98 * bound < layer.weight.abs().max() <= bound
        if isinstance(layer, nn.BatchNorm2d):
            assert layer.weight.eq(1).all()
            assert not layer.bias.count_nonzero()


def test_the_response_normalisation_is_the_formula_of_the_paper_of_alexnet():
    norm = without_memory("vgg11_lrn").get_submodule("norm1")
    x = torch.rand(1, 9, 2, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 50
    ours = norm(x)
    for i in range(9):
        total = sum(x[:, j] ** 2 for j in range(max(0, i - 2), min(8, i + 2) + 1))
        torch.testing.assert_close(ours[:, i], x[:, i] / (2 + 1e-4 * total) ** 0.75)


def torchvision_features(configuration, norm):
    """The convolutions as torchvision's code builds them, written down from its documentation."""
    layers, maps = [], 3
    for word in configuration.split():
        if word == "M":
            layers.append(nn.MaxPool2d(kernel_size=2, stride=2))
            continue
        layers.append(nn.Conv2d(maps, int(word), kernel_size=3, padding=1))
        layers += [nn.BatchNorm2d(int(word))] * norm + [nn.ReLU(inplace=True)]
        maps = int(word)
    return nn.Sequential(*layers)


@torch.no_grad()
def test_torchvision_in_other_words(small):
    ours = small("vgg13_bn").eval()
    assert isinstance(ours, VGG13BN)
    theirs = torchvision_features(TABLE["vgg13"], norm=True)
    features = [layer for name, layer in ours.named_children() if name[-1].isdigit() and "fc" not in name]
    theirs.load_state_dict(
        {f"{i}.{key}": value for i, layer in enumerate(features) for key, value in layer.state_dict().items()}
    )
    x = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    cut = [name for name, _ in ours.named_children()].index("flatten")
    assert torch.equal(ours[:cut](x), theirs.eval()(x))


def test_a_stage_alone():
    cell = nn.Sequential(*stage(3, 2, 4, 5, last=1).values())
    x = torch.randn(1, 2, 6, 8)
    first, second = cell[0], cell[2]
    assert second.kernel_size == (1, 1)
    expected = F.max_pool2d(F.relu(second(F.relu(F.conv2d(x, first.weight, first.bias, padding=1)))), 2)
    torch.testing.assert_close(cell(x), expected)
