"""The AlexNets: column by column in other words, initial weights, fields by brute force, sums of columns."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from heirloom.accounting import summary
from heirloom.layers import LRN
from heirloom.models import create_model

pytestmark = pytest.mark.usefixtures("one_thread")

# Copied from the fact sheet, which derives them by arithmetic: parameters, multiply-accumulates.
TOTALS = {
    "alexnet": (60_965_224, 724_406_816),
    "alexnet_source": (60_965_224, 724_406_816),
    "alexnet_half": (59_798_312, 391_514_384),
    "alexnet_caffe": (60_965_224, 724_406_816),
    "caffenet": (60_965_224, 724_406_816),
    "alexnet_owt": (61_100_840, 714_188_480),
    "alexnet_single": (62_378_344, 1_135_256_096),
}


@pytest.fixture(scope="module")
def built():
    """A network with its initial weights; only the last one is kept, each has 240 MB."""
    kept = {}

    def build(name):
        if name not in kept:
            kept.clear()
            torch.manual_seed(0)
            kept[name] = create_model(name).eval()
        return kept[name]

    return build


# The books ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TOTALS)
def test_totals(name):
    found = summary(name).totals
    assert (found["parameters"], found["macs"]) == TOTALS[name]


def sums(name):
    """(parameters, multiply-accumulates) of the convolutions, then of the linear layers."""
    rows = summary(name).rows
    return [
        (sum(r.parameters for r in rows if r.kind == kind), sum(r.macs for r in rows if r.kind == kind))
        for kind in ("conv", "linear")
    ]


def test_shares():
    """Convolutions have 4 % of the weights and do 92 % of the work; 6 and 95 % without columns."""
    (weights, work), (others, rest) = sums("alexnet")
    assert (weights, work) == (2_334_080, 665_784_864)
    assert round(100 * weights / (weights + others), 2) == 3.83
    assert round(100 * work / (work + rest), 1) == 91.9
    (weights, work), (others, rest) = sums("alexnet_single")
    assert (weights, others) == (3_747_200, 58_631_144)
    assert round(100 * work / (work + rest), 1) == 94.8


def test_units_of_the_paper():
    rows = [row for row in summary("alexnet").rows if row.kind in ("conv", "linear")]
    sizes = [torch.Size(row.output_size).numel() for row in rows]
    assert sizes == [290_400, 186_624, 64_896, 64_896, 43_264, 4_096, 4_096, 1_000]
    assert sum(sizes) == 659_272


def test_what_columns_save():
    columns, single = (summary(name).trace for name in ("alexnet", "alexnet_single"))
    saved = {f"conv{i}": single[f"conv{i}"].parameters - columns[f"conv{i}"].parameters for i in range(1, 6)}
    assert saved == {"conv1": 0, "conv2": 307_200, "conv3": 0, "conv4": 663_552, "conv5": 442_368}


def order(name):
    """The layers between the input and fc6, without the flattening."""
    with torch.device("meta"):
        names = [key for key, _ in create_model(name).named_children()]
    return " ".join(names[: names.index("flatten")])


def test_orders_of_layers():
    middle = "conv3 relu3 conv4 relu4 conv5"
    assert order("alexnet") == order("alexnet_caffe") == order("alexnet_single")
    assert order("alexnet") == f"conv1 relu1 norm1 pool1 conv2 relu2 norm2 pool2 {middle} relu5 pool5"
    assert order("caffenet") == f"conv1 relu1 pool1 norm1 conv2 relu2 pool2 norm2 {middle} relu5 pool5"
    assert order("alexnet_source") == order("alexnet_half")
    assert order("alexnet_source") == (
        f"conv1 norm1 pool1 relu1 conv2 relu2 norm2 cnorm2 pool2 {middle} pool5 relu5"
    )


@pytest.mark.parametrize(
    ("name", "convention", "groups"),
    [
        ("alexnet", "paper", 1),
        ("alexnet_source", "source", 2),
        ("alexnet_half", "source", 1),
        ("alexnet_caffe", "caffe", 1),
        ("caffenet", "caffe", 1),
    ],
)
def test_conventions(name, convention, groups):
    with torch.device("meta"):
        norms = [layer for layer in create_model(name) if isinstance(layer, LRN)]
    assert [(n.convention, n.groups, n.size, n.beta) for n in norms] == [(convention, groups, 5, 0.75)] * 2


# Initial weights ---------------------------------------------------------------------------------

HIDDEN = ("conv2", "conv4", "conv5", "fc6", "fc7")
"""The paper: biases are 1 in the second, fourth and fifth convolutions and in the hidden layers."""


@pytest.mark.parametrize(
    ("name", "deviations", "bias"),
    [
        ("alexnet", {}, 1.0),
        ("alexnet_single", {}, 1.0),
        ("alexnet_source", {"conv3": 0.03, "conv4": 0.03, "conv5": 0.03}, 1.0),
        ("alexnet_half", {"conv3": 0.03, "conv4": 0.03, "conv5": 0.03}, 1.0),
        ("alexnet_caffe", {"fc6": 0.005, "fc7": 0.005}, 0.1),
        ("caffenet", {"fc6": 0.005, "fc7": 0.005}, 1.0),
    ],
)
def test_initial_weights(built, name, deviations, bias):
    net = built(name)
    for key in ("conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "fc8"):
        layer, wanted = net.get_submodule(key), deviations.get(key, 0.01)
        weight = layer.weight.detach().flatten()[:2_000_000]
        assert float(weight.std()) == pytest.approx(wanted, rel=5 / weight.numel() ** 0.5), key
        assert abs(float(weight.mean())) < 5 * wanted / weight.numel() ** 0.5, key
        assert 3.5 * wanted < float(weight.abs().max()) < 7 * wanted, key  # normal, and not cut off
        assert layer.bias.eq(bias if key in HIDDEN else 0.0).all(), key


@torch.no_grad()
def test_initial_weights_of_keras(built):
    for layer in built("alexnet_cifar_bn"):
        if isinstance(layer, nn.Conv2d | nn.Linear):
            area = layer.weight[0, 0].numel()
            bound = (6 / (layer.weight.shape[1] * area + layer.weight.shape[0] * area)) ** 0.5
            assert 0.99 * bound < float(layer.weight.abs().max()) <= bound * (1 + 1e-6)
            assert float(layer.weight.std()) == pytest.approx(bound / 3**0.5, rel=0.02)
            assert not layer.bias.count_nonzero()
        elif isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            assert (layer.eps, layer.momentum) == (1e-3, 0.01)  # Keras: 0.001 and 1 - 0.99
    assert [layer.p for layer in built("alexnet_cifar_bn") if isinstance(layer, nn.Dropout)] == [0.4] * 3


# In other words ----------------------------------------------------------------------------------


def images(net, count=2):
    return 50 * torch.randn(count, *net.input_size, generator=torch.Generator().manual_seed(1))


def lrn(x, alpha, k):
    """By the loop of the formula; ``alpha`` multiplies the sum."""
    maps = x.shape[1]
    sums = torch.stack([x[:, max(0, i - 2) : i + 3].square().sum(1) for i in range(maps)], 1)
    return x / (k + alpha * sums) ** 0.75


def within(x):
    """The sum over 5 x 5 pixels, with a kernel of ones for each map, times 0.001 / 25."""
    ones = torch.ones(x.shape[1], 1, 5, 5)
    return x / (1 + 4e-5 * F.conv2d(x.square(), ones, padding=2, groups=x.shape[1])) ** 0.75


@torch.no_grad()
def test_the_released_code_column_by_column(built):
    """What layers-145.cfg says, with two columns a and b as it has them, and 3 zeros beside 224 pixels."""
    net = built("alexnet_source")
    x = F.pad(images(net), (0, 3, 0, 3))
    p = {key: part.chunk(2) for key, part in net.state_dict().items()}

    def column(c):
        a = F.conv2d(x, p["conv1.weight"][c], p["conv1.bias"][c], stride=4)
        a = F.relu(F.max_pool2d(lrn(a, 2e-5, 2), 3, 2))
        a = F.relu(F.conv2d(a, p["conv2.weight"][c], p["conv2.bias"][c], padding=2))
        return F.max_pool2d(within(lrn(a, 2e-5, 2)), 3, 2)

    both = torch.cat([column(0), column(1)], 1)

    def deeper(c):
        a = F.relu(F.conv2d(both, p["conv3.weight"][c], p["conv3.bias"][c], padding=1))
        a = F.relu(F.conv2d(a, p["conv4.weight"][c], p["conv4.bias"][c], padding=1))
        a = F.conv2d(a, p["conv5.weight"][c], p["conv5.bias"][c], padding=1)
        return F.relu(F.max_pool2d(a, 3, 2))

    flat = torch.cat([deeper(0), deeper(1)], 1).flatten(1)
    for name in ("fc6", "fc7"):
        weights, biases = p[f"{name}.weight"], p[f"{name}.bias"]
        flat = torch.cat([F.relu(F.linear(flat, weights[c], biases[c])) for c in (0, 1)], 1)
    scores = F.linear(flat, net.fc8.weight, net.fc8.bias)
    torch.testing.assert_close(net(images(net)), scores, rtol=1e-3, atol=1e-4 * float(scores.std()))


@torch.no_grad()
def test_the_paper_in_other_words(built):
    """Section 3.3 with its own alpha, across all maps; groups as masks on whole kernels."""
    net = built("alexnet")
    x = F.pad(images(net), (0, 3, 0, 3))

    def whole(layer):
        weight = torch.zeros(layer.out_channels, layer.in_channels, *layer.kernel_size)
        rows, columns = layer.out_channels // 2, layer.in_channels // 2
        weight[:rows, :columns], weight[rows:, columns:] = layer.weight[:rows], layer.weight[rows:]
        return weight

    a = lrn(F.relu(F.conv2d(x, net.conv1.weight, net.conv1.bias, stride=4)), 1e-4, 2)
    a = F.relu(F.conv2d(F.max_pool2d(a, 3, 2), whole(net.conv2), net.conv2.bias, padding=2))
    a = F.max_pool2d(lrn(a, 1e-4, 2), 3, 2)
    a = F.relu(F.conv2d(a, net.conv3.weight, net.conv3.bias, padding=1))
    a = F.relu(F.conv2d(a, whole(net.conv4), net.conv4.bias, padding=1))
    a = F.relu(F.conv2d(a, whole(net.conv5), net.conv5.bias, padding=1))
    a = F.relu(F.linear(F.max_pool2d(a, 3, 2).flatten(1), net.fc6.weight, net.fc6.bias))
    scores = F.linear(F.relu(F.linear(a, net.fc7.weight, net.fc7.bias)), net.fc8.weight, net.fc8.bias)
    torch.testing.assert_close(net(images(net)), scores, rtol=1e-3, atol=1e-4 * float(scores.std()))


@torch.no_grad()
def test_torchvisions_in_other_words(built):
    """The same seed draws the same weights, and dropout falls on the same units in training."""
    ours = built("alexnet_owt")
    torch.manual_seed(0)
    features = nn.Sequential(
        nn.Conv2d(3, 64, kernel_size=11, stride=4, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(kernel_size=3, stride=2),
        nn.Conv2d(64, 192, kernel_size=5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(kernel_size=3, stride=2),
        nn.Conv2d(192, 384, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.Conv2d(384, 256, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.Conv2d(256, 256, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(kernel_size=3, stride=2),
    )
    head = [nn.Dropout(), nn.Linear(9216, 4096), nn.ReLU(), nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU()]
    theirs = nn.Sequential(
        features, nn.AdaptiveAvgPool2d((6, 6)), nn.Flatten(), nn.Sequential(*head, nn.Linear(4096, 1000))
    )
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(mine, other)
    x = images(ours, 2) / 50
    outputs = []
    for net in (ours, theirs):
        torch.manual_seed(3)
        outputs.append((net.train()(x), net.eval()(x)))
    for mine, other in zip(*outputs, strict=True):
        torch.testing.assert_close(mine, other)


@torch.no_grad()
def test_caffes_normalisation_is_pytorchs(built):
    for name, behind in (("alexnet_caffe", "relu1"), ("caffenet", "pool1")):
        net = built(name)
        names = [key for key, _ in net.named_children()]
        before = net[: names.index("norm1")](images(net, 1))
        assert names[names.index("norm1") - 1] == behind
        torch.testing.assert_close(net.norm1(before), nn.LocalResponseNorm(5, 1e-4, 0.75, 1.0)(before))


@torch.no_grad()
def test_same_padding_of_keras(built):
    """TensorFlow: max((ceil(32 / 4) - 1) 4 + 11 - 32, 0) = 7 zeros, the odd one on the right and below."""
    conv = built("alexnet_cifar_bn").conv1
    x = torch.randn(2, 3, 32, 32)
    torch.testing.assert_close(conv(x), F.conv2d(F.pad(x, (3, 4, 3, 4)), conv.weight, conv.bias, stride=4))


# Receptive fields --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["alexnet", "alexnet_source", "alexnet_owt"])
def test_fields_by_brute_force(built, name):
    """Rows and columns of pixels that change units of conv5: the first, a middle one and the last."""
    net, row = built(name), summary(name).trace["conv5"]
    names = [key for key, _ in net.named_children()]
    x = images(net, 4).requires_grad_()
    out = net[: names.index("conv5") + 1](x)
    for unit in (0, 6, 12):
        (gradient,) = torch.autograd.grad(out[:, :, unit, unit].square().sum(), x, retain_graph=True)
        for axis, others in enumerate([(0, 1, 3), (0, 1, 2)]):
            places = gradient.ne(0).any(dim=others).nonzero().flatten().tolist()
            first = row.start[axis] + unit * row.jump[axis]
            last = first + row.receptive_field[axis] - 1
            assert (places[0], places[-1]) == (max(first, 0), min(last, 223))
