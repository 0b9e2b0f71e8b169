"""GoogLeNet against another implementation, the paper's table and brute force; training with its heads."""

import math

import pytest
import torch
import torch.nn.functional as F
from conftest import Call
from test_ops import filled, seen, three, told
from torch import nn

from heirloom.accounting import summary
from heirloom.errors import HeirloomError
from heirloom.job import Job
from heirloom.layers import WithAux
from heirloom.losses import AUX_WEIGHT, LOSSES, with_heads
from heirloom.models import create_model
from heirloom.models.googlenet import GoogLeNet, Inception, pool
from heirloom.recipes import Recipe
from heirloom.tracing import trace

pytestmark = pytest.mark.usefixtures("one_thread")

# Table 1: maps of 1 x 1; 3 x 3 reduce, 3 x 3; 5 x 5 reduce, 5 x 5; pool proj; and "params" in K.
TABLE = {
    "3a": (64, 96, 128, 16, 32, 32, 159),
    "3b": (128, 128, 192, 32, 96, 64, 380),
    "4a": (192, 96, 208, 16, 48, 64, 364),
    "4b": (160, 112, 224, 24, 64, 64, 437),
    "4c": (128, 128, 256, 24, 64, 64, 463),
    "4d": (112, 144, 288, 32, 64, 64, 580),
    "4e": (256, 160, 320, 32, 128, 128, 840),
    "5a": (256, 160, 320, 32, 128, 128, 1072),
    "5b": (384, 192, 384, 48, 128, 128, 1388),
}
CONTRADICTED = {"4c": (497.5, 463), "5a": (1018.5, 1072)}


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    return create_model("googlenet")


@pytest.fixture
def image():
    return torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(1))


# The table ---------------------------------------------------------------------------------------


def test_table_1(net):
    c = 192
    for name, (*maps, printed) in TABLE.items():
        module = net.get_submodule(f"inception_{name}")
        a, b, bb, d, dd, e = maps
        by_hand = c * (a + b + d + e) + 9 * b * bb + 25 * d * dd
        weights = sum(p.numel() for p in module.parameters() if p.ndim == 4)
        assert weights == by_hand
        ours, said = CONTRADICTED.get(name, (printed, printed))
        assert said == printed
        assert weights / 1024 == pytest.approx(ours, rel=0.02)
        c = a + bb + dd + e
    assert c == 1024


@pytest.mark.parametrize(
    ("name", "args", "parameters", "macs"),
    [
        ("googlenet", {}, 13_378_280, 1_582_671_872),
        ("googlenet", {"aux": False}, 6_998_552, 1_582_671_872),
        ("googlenet_bn", {"aux": False}, 7_005_832, 1_582_671_872),
        ("googlenet_bn", {"aux": False, "version": "torchvision"}, 6_624_904, 1_498_376_192),
    ],
)
def test_totals_of_the_fact_sheet(name, args, parameters, macs):
    totals = summary(name, **args).totals
    assert (totals["parameters"], totals["macs"]) == (parameters, macs)


def test_the_heads_are_listed_and_do_not_run():
    idle = [row for row in summary("googlenet").rows if not row.executed]
    assert sum(row.parameters for row in idle) == 6_379_728
    assert {row.name.split(".")[0] for row in idle} == {"aux1", "aux2"}
    assert not [row for row in summary("googlenet", aux=False).rows if not row.executed]


# Another implementation --------------------------------------------------------------------------


def normed(x):
    """Caffe's response normalisation, by its formula: k = 1, alpha / n with n = 5."""
    squares = F.pad(x.square(), (0, 0, 0, 0, 2, 2))
    total = sum(squares[:, i : i + x.shape[1]] for i in range(5))
    return x / (1 + 1e-4 / 5 * total) ** 0.75


def pooled(x, size=3):
    """Maximum pooling rounded up: two rows and columns more, which never win."""
    more = (1 + math.ceil((x.shape[2] - size) / 2) - 1) * 2 + size - x.shape[2]
    return F.max_pool2d(F.pad(x, (0, more, 0, more), value=-math.inf), size, 2)


def expected_of(state, x, heads, last_pool=3, normalise=normed):
    """Scores, and those of both heads, from the stored numbers alone."""

    def conv(name, x, stride=1):
        weight = state[f"{name}.weight" if f"{name}.weight" in state else f"{name}.conv.weight"]
        x = F.conv2d(x, weight, state.get(f"{name}.bias"), stride, weight.shape[-1] // 2)
        if f"{name}.bn.weight" in state:
            mean, var, gain, shift = (
                state[f"{name}.bn.{key}"].view(-1, 1, 1)
                for key in ("running_mean", "running_var", "weight", "bias")
            )
            x = (x - mean) / (var + 1e-3).sqrt() * gain + shift
        return x.relu()

    def inception(name, x):
        name = f"inception_{name}"
        around = F.max_pool2d(F.pad(x, (1, 1, 1, 1), value=-math.inf), 3, 1)
        return torch.cat(
            [
                conv(f"{name}.b1x1", x),
                conv(f"{name}.b3x3", conv(f"{name}.b3x3_reduce", x)),
                conv(f"{name}.b5x5", conv(f"{name}.b5x5_reduce", x)),
                conv(f"{name}.pool_proj", around),
            ],
            1,
        )

    def linear(name, x):
        return x @ state[f"{name}.weight"].T + state[f"{name}.bias"]

    def head(name, x):
        x = conv(f"{name}.conv", F.avg_pool2d(x, 5, 3)).flatten(1)
        return linear(f"{name}.classifier", linear(f"{name}.fc", x).relu())

    x = normalise(pooled(conv("conv1", x, 2)))
    x = pooled(normalise(conv("conv2", conv("conv2_reduce", x))))
    aux = []
    for name in TABLE:
        x = inception(name, x)
        if heads and name in ("4a", "4d"):
            aux.append(head(f"aux{len(aux) + 1}", x))
        if name == "3b":
            x = pooled(x)
        if name == "4e":
            x = pooled(x, last_pool)
    return linear("classifier", x.mean((2, 3))), aux


def test_it_computes_what_the_paper_says(net, image):
    state = net.state_dict()
    with torch.no_grad():
        scores, heads = expected_of(state, image, heads=True)
        torch.testing.assert_close(net.eval()(image), scores)
        without = [m for m in net.modules() if isinstance(m, nn.Dropout)]
        assert [m.p for m in without] == [0.4, 0.7, 0.7]
        for dropout in without:
            dropout.eval()
        net.training = True  # the dropouts sleep: numbers can be compared
        found = net(image)
        net.training = False
    assert isinstance(found, WithAux)
    torch.testing.assert_close(found.scores, scores)
    for ours, expected in zip(found.aux, heads, strict=True):
        torch.testing.assert_close(ours, expected)


@pytest.mark.parametrize(("version", "last_pool", "dropout"), [("paper", 3, 0.4), ("torchvision", 2, 0.2)])
def test_with_batch_normalisation(version, last_pool, dropout, image):
    torch.manual_seed(0)
    net = create_model("googlenet_bn", version=version, aux=False).double().eval()
    image = image.double()
    assert net.drop.p == dropout
    with torch.no_grad():
        for name, stored in net.state_dict().items():
            if name.endswith(("running_var", "bn.weight")):
                stored.uniform_(0.5, 1.5)
            elif name.endswith(("running_mean", "bn.bias")):
                stored.normal_(std=0.1)
            elif stored.ndim == 4:
                stored.mul_(10)
        expected, _ = expected_of(net.state_dict(), image, False, last_pool, normalise=lambda x: x)
        torch.testing.assert_close(net(image), expected)
    assert isinstance(net.train()(image.expand(2, -1, -1, -1)), torch.Tensor)


# Receptive fields --------------------------------------------------------------------------------


def inception(in_maps, large=5, bn=False):
    # Maps enough that some survive every rectification.
    return Inception(in_maps, 2, (4, 6), (4, 6), 2, bn=bn, large=large)


FIELDS = {
    "inception": inception(1),
    "inception with 3 x 3": inception(1, large=3),
    "inception, normalised": inception(1, bn=True),
    "in a network": nn.Sequential(nn.Conv2d(1, 4, 7, 2, 3), pool(), inception(4), inception(16)),
    "pooled between": nn.Sequential(inception(1), pool(), inception(16), nn.AvgPool2d(2, 1)),
    "last pooling of 2 x 2": nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), pool(2), inception(4)),
}


@pytest.mark.parametrize("net", FIELDS.values(), ids=FIELDS)
def test_fields_by_brute_force(net):
    size = (1, 33, 42)
    row = trace(filled(net), size).rows[-1]
    assert row.aligned
    for units in three(row.output_size[1:]):
        assert seen(net, size, units) == told(row, units, size), units


def test_branches_of_even_kernels_are_not_aligned():
    net = filled(Call(lambda net, x: torch.cat([net.a(x), net.b(x)[:, :, :-1, :-1]], 1),
                      a=nn.Conv2d(1, 2, 3, padding=1), b=nn.Conv2d(1, 2, 2, padding=1)))  # fmt: skip
    size, units = (1, 15, 15), (5, 5)
    row = trace(net, size).rows[-1]
    assert seen(net, size, units) == told(row, units, size)
    centres = {sum(seen(part, size, units)[0]) for part in (net.a, net.b)}
    assert (len(centres) == 1) == row.aligned == False  # noqa: E712


# Initial weights ---------------------------------------------------------------------------------


def test_initial_weights_are_those_of_the_replication(net):
    shares = []
    for name, layer in net.named_modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            share = layer.weight.detach().flatten() * math.sqrt(layer.weight[0].numel() / 3)
            assert 0.9 < share.abs().max() <= 1 + 1e-6
            shares.append(share)
            assert layer.bias.eq(0.0 if name.endswith("classifier") else 0.2).all()
    assert torch.cat(shares).square().mean().item() == pytest.approx(1 / 3, abs=0.002)
    assert [name for name, p in net.named_parameters() if name.endswith("bias") and not p.any()] == [
        "classifier.bias", "aux1.classifier.bias", "aux2.classifier.bias",
    ]  # fmt: skip


def test_initial_weights_of_torchvision():
    torch.manual_seed(0)
    net = create_model("googlenet_bn")
    weights = torch.cat([p.detach().flatten() for n, p in net.named_parameters() if p.ndim > 1])
    assert weights.abs().max() <= 0.02
    # A normal distribution cut at two deviations has 0.8796 of its deviation.
    assert weights.std().item() == pytest.approx(0.01 * 0.87962566, rel=0.01)


# Sizes and arguments -----------------------------------------------------------------------------


@pytest.mark.parametrize("training", [False, True])
def test_another_size_is_refused(training):
    with torch.device("meta"):
        net = create_model("googlenet").train(training)
        with pytest.raises(
            HeirloomError, match=r"GoogLeNet takes \(B, 3, 224, 224\): got \(1, 3, 227, 227\)"
        ):
            net(torch.empty(1, 3, 227, 227))


def test_wrong_arguments_are_named():
    with pytest.raises(HeirloomError, match="version is 'v1': give paper or torchvision"):
        create_model("googlenet_bn", version="v1")


# Losses of heads ---------------------------------------------------------------------------------


def test_heads_add_three_tenths_each():
    torch.manual_seed(0)
    scores, one, other = torch.randn(3, 5, 4)
    labels = torch.tensor([0, 1, 2, 3, 0])
    for loss in LOSSES.values():
        total, own = with_heads(loss, WithAux(scores, (one, other)), labels)
        assert own is scores
        expected = loss(scores, labels) + 0.3 * loss(one, labels) + 0.3 * loss(other, labels)
        torch.testing.assert_close(total, expected)
        plain, own = with_heads(loss, scores, labels)
        assert own is scores
        assert torch.equal(plain, loss(scores, labels))
        assert torch.equal(with_heads(loss, (scores, []), labels)[0], plain)
    assert AUX_WEIGHT == 0.3


@pytest.mark.parametrize(
    "output", [None, (1, 2), {"out": 1}, (torch.zeros(2, 2), None), (torch.zeros(2, 2), [3])]
)
def test_what_is_neither_is_refused(output):
    with pytest.raises(
        HeirloomError, match=r"in training: return scores \(B, K\), or \(scores, aux\)"
    ) as caught:
        with_heads(LOSSES["cross_entropy"], output, torch.zeros(2, dtype=torch.int64))
    assert caught.value.code == "E-argument"


OWN = """
from collections import namedtuple

from torch import nn

Outputs = namedtuple("Outputs", "scores aux")


class Net(nn.Module):
    input_size = (1, 8, 8)

    def __init__(self, num_classes=10):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten())
        self.head = nn.Linear(256, num_classes)
        self.aux = nn.ModuleList(nn.Linear(256, num_classes) for _ in range(2))

    def forward(self, x):
        x = self.stem(x)
        if not self.training:
            return self.head(x)
        return Outputs(self.head(x), tuple(aux(x) for aux in self.aux))
"""


@pytest.fixture
def own(tmp_path):
    (tmp_path / "own.py").write_text(OWN)
    return f"{tmp_path / 'own.py'}:Net"


def test_a_job_adds_the_heads_and_counts_hits_of_the_scores(own):
    job = Job(Recipe(model=own, data="digits", batch_size=32, mean=0.5), torch.device("cpu"))
    job.model.train()
    with torch.no_grad():  # heads that are always right must not count as hits
        for aux in job.model.aux:
            aux.weight.zero_()
            aux.bias.copy_(F.one_hot(torch.tensor(3), 10) * 5.0)
    images, labels = job.batch(0)
    with torch.no_grad():
        x = job.model.stem(images)
        scores, aux = job.model.head(x), job.model.aux[0](x)
        expected = F.cross_entropy(scores, labels) + 2 * 0.3 * F.cross_entropy(aux, labels)
        hits = int((scores.argmax(1) == labels).sum())
    before = [p.clone() for p in job.model.aux.parameters()]
    update = job.update(0)
    assert update.loss == pytest.approx(expected.item(), rel=1e-6)
    assert update.measured == hits
    assert all(not torch.equal(a, b) for a, b in zip(before, job.model.aux.parameters(), strict=True))


def test_a_network_with_heads_is_trained_from_the_command_line(own, heirloom, tmp_path):
    done = heirloom(
        "train", own, "--data", "digits", "--set", "max_steps=2", "--set", "batch_size=32", "--out", "run"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].endswith("run")
    assert "top1@test:center" in done.stdout
    done = heirloom("evaluate", "run", "--data", "digits", "--model", own)
    assert done.returncode == 0, done.stderr


def test_googlenet_is_trained(tmp_path):
    recipe = Recipe(model="googlenet", data="digits", batch_size=2, max_steps=1, train_limit=4, epochs=1)
    job = Job(recipe, torch.device("cpu"))
    assert isinstance(job.model, GoogLeNet)
    assert job.model.input_size == (1, 224, 224)
    job.model.train()
    update = job.update(0)
    assert math.isfinite(update.loss)
    assert update.images == 2
