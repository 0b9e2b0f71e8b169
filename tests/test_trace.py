"""The trace: what runs, what reads what, what it costs, and that the model is left as it was."""

import copy
import itertools

import pytest
import torch
import torch.nn.functional as F
from conftest import Call
from torch import nn

from heirloom.accounting import COLUMNS, summary
from heirloom.errors import HeirloomError
from heirloom.layers import TableConv2d
from heirloom.models import create_model, list_models
from heirloom.models.recurrent import Unfolded
from heirloom.tracing import trace

pytestmark = pytest.mark.usefixtures("one_thread")


def conv(maps=2, out=2, **options):
    return nn.Conv2d(maps, out, 3, padding=1, **options)


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.bn1, self.conv2, self.bn2 = conv(), nn.BatchNorm2d(2), conv(), nn.BatchNorm2d(2)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        out = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        out += x
        return self.relu(out)


class Auxiliary(nn.Module):
    """A second head in training only."""

    def __init__(self):
        super().__init__()
        self.stem, self.head = nn.Conv2d(2, 3, 3), nn.Linear(3, 4)
        self.aux = nn.Sequential(nn.Linear(3, 5), nn.Dropout(), nn.Linear(5, 4))

    def forward(self, x):
        x = self.stem(x).mean((2, 3))
        return (self.head(x), self.aux(x)) if self.training else self.head(x)


class Halved(nn.Conv2d):
    """A subclass is not the class: what its forward does is seen."""

    def forward(self, x):
        return super().forward(x) / 2


class Masked(nn.Conv2d):
    """Writes its own weights in each forward, as PixelCNN does."""

    def __init__(self, *sizes):
        super().__init__(*sizes)
        self.register_buffer("mask", torch.zeros_like(self.weight))
        self.register_buffer("calls", torch.zeros(1))

    def forward(self, x):
        self.weight.data *= self.mask
        self.calls += 1
        self.last = x
        return super().forward(x)


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = nn.Linear(6, 6, bias=False), nn.Linear(6, 6)
        self.decoder.weight = self.encoder.weight

    def forward(self, x):
        return self.decoder(self.encoder(x))


class Keyword(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = Scale()

    def forward(self, x):
        return self.inner(image=x, factor=2.0)


class Scale(nn.Module):
    def forward(self, *, image, factor):
        return image * factor


def frozen():
    net = nn.Sequential(conv(), nn.ReLU(), conv())
    net[0].requires_grad_(False)
    return net


IMAGE = (2, 8, 8)
FUNCTIONS = {
    "sum": Call(lambda net, x: x + net.c(x), c=conv()),
    "cat": Call(lambda net, x: torch.cat([x, net.c(x)], 1), c=conv()),
    "relu and pool": Call(lambda net, x: F.max_pool2d(F.relu(net.c(x)), 2), c=conv()),
    "view": Call(lambda net, x: net.f(x.view(x.size(0), -1)), f=nn.Linear(128, 3)),
    "flatten": Call(lambda net, x: net.f(torch.flatten(x, 1)), f=nn.Linear(128, 3)),
    "mean": Call(lambda net, x: net.f(x.mean((2, 3))), f=nn.Linear(2, 3)),
    "adaptive": Call(lambda net, x: net.f(F.adaptive_avg_pool2d(x, 1).flatten(1)), f=nn.Linear(2, 3)),
    "softmax": Call(lambda net, x: F.log_softmax(net.c(x).softmax(1), dim=1), c=conv()),
    "nearest": Call(lambda net, x: net.c(F.interpolate(x, scale_factor=2, mode="nearest")), c=conv()),
    "parameter": Call(lambda net, x: x * net.gain + net.shift, gain=nn.Parameter(torch.ones(2, 1, 1)),
                      shift=nn.Parameter(torch.ones(1))),
    "matrix": Call(lambda net, x: x.flatten(1) @ net.w, w=nn.Parameter(torch.ones(128, 3))),
    "einsum": Call(lambda net, x: torch.einsum("oc,bchw->bohw", net.w, x), w=nn.Parameter(torch.ones(3, 2))),
    "zeros beside": Call(lambda net, x: torch.cat([net.c(x), torch.zeros_like(x)], 1), c=conv()),
    "written in part": Call(lambda net, x: write_in_part(net.c(x)), c=conv()),
    "functional dropout": Call(lambda net, x: F.dropout(net.c(x), training=net.training), c=conv()),
    "local response": Call(lambda net, x: F.local_response_norm(net.c(x), 3), c=conv()),
}  # fmt: skip
MODULES = {
    "residual": Residual(),
    "in place": nn.Sequential(conv(), nn.ReLU(inplace=True), conv()),
    "twice": Call(lambda net, x: net.c(net.c(x)), c=conv()),
    "tied": nn.Sequential(nn.Flatten(), nn.Linear(128, 6), Tied()),
    "batch norm": nn.Sequential(conv(), nn.BatchNorm2d(2)),
    "group norm": nn.Sequential(conv(2, 4), nn.GroupNorm(2, 4)),
    "layer norm": nn.Sequential(conv(), nn.LayerNorm((8, 8))),
    "instance norm": nn.Sequential(conv(), nn.InstanceNorm2d(2, affine=True)),
    "local response norm": nn.Sequential(conv(), nn.LocalResponseNorm(3)),
    "weight norm": nn.Sequential(nn.utils.parametrizations.weight_norm(conv()), nn.ReLU()),
    "nested": nn.Sequential(nn.Sequential(conv(), nn.Sequential(conv(), nn.ReLU())), conv()),
    "auxiliary": Auxiliary(),
    "frozen": frozen(),
    "subclass": Halved(2, 3, 3),
    "masked": Masked(2, 3, 3),
    "circular": nn.Sequential(conv(padding_mode="circular"), nn.ReLU(), conv()),
    "reflecting": nn.Sequential(conv(padding_mode="reflect"), nn.ReLU(), conv()),
    "keyword": nn.Sequential(conv(), Keyword()),
    "transposed": nn.ConvTranspose2d(2, 3, 4, stride=2, padding=1),
    "activations": nn.Sequential(nn.PReLU(2), nn.GELU(), nn.SiLU(), nn.ELU(), nn.Hardswish(), nn.Softplus(),
                                 nn.LeakyReLU(), nn.Sigmoid(), nn.Softmax2d(), nn.GLU(1)),
    "hidden weights": nn.Sequential(conv(2, 1), nn.Flatten(0, 1), nn.GRU(8, 3, batch_first=True)),
}  # fmt: skip
OTHERS = {
    "line": (nn.Sequential(nn.Conv1d(2, 3, 3), nn.MaxPool1d(2)), (2, 9)),
    "solid": (nn.Sequential(nn.Conv3d(2, 3, 3), nn.AvgPool3d(2)), (2, 6, 6, 6)),
    "recurrent": (nn.LSTM(8, 5, num_layers=2, batch_first=True), (4, 8)),
    "attention": (
        Call(lambda net, x: net.a(x, x, x)[0], a=nn.MultiheadAttention(8, 2, batch_first=True)),
        (5, 8),
    ),
    "attention without its weights": (
        Call(
            lambda net, x: net.a(x, x, x, need_weights=False)[0],
            a=nn.MultiheadAttention(8, 2, batch_first=True),
        ),
        (5, 8),
    ),
    "transformer": (nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), (5, 8)),
    "root mean square": (nn.RMSNorm(8), (5, 8)),
    "bare": (nn.Linear(7, 5), (7,)),
}
NETWORKS = {
    **{name: (net, IMAGE) for name, net in {**FUNCTIONS, **MODULES}.items()},
    **OTHERS,
    **{name: (create_model(name), None) for name in (*list_models("lenet*"), "squeezenet1_1")},
}
ALL = pytest.mark.parametrize(("net", "size"), NETWORKS.values(), ids=NETWORKS)


def write_in_part(x):
    out = torch.zeros(1, 4, 8, 8)
    out[:, :2] = x
    out[:, 2:].add_(x)
    return out * 2


@ALL
def test_no_parameter_is_lost_or_counted_twice(net, size):
    books = summary(net, size)
    stored = list(net.parameters())
    assert books.totals["parameters"] == sum(p.numel() for p in stored)
    assert books.totals["trainable"] == sum(p.numel() for p in stored if p.requires_grad)
    assert books.totals["fixed"] == sum(
        b.numel() for name, b in net.named_buffers() if name in net.state_dict() and b.is_floating_point()
    )
    for column in COLUMNS:
        assert books.totals[column] == sum(getattr(row, column) for row in books.rows)


@ALL
def test_the_rows_are_a_graph(net, size):
    rows = trace(net, size).rows
    assert [row.id for row in rows] == list(range(len(rows)))
    assert (rows[0].name, rows[0].kind, rows[0].inputs) == ("input", "input", [])
    for row in rows[1:]:
        assert all(i < row.id for i in row.inputs)
        assert bool(row.inputs) == row.executed
        assert row.kind
        assert row.shared_with is None or row.shared_with < row.id
    names = [row.name for row in rows if row.shared_with is None]
    assert len(set(names)) == len(names)


@ALL
def test_sizes_are_those_of_a_real_run(net, size):
    found = trace(net, size)
    real = net.eval()(torch.zeros(1, *found.input_size))
    real = real[0] if isinstance(real, tuple) else real
    assert tuple(real.shape[1:]) in {row.output_size for row in found if row.executed}
    net.train()


def fingerprint(net):
    return {
        "modes": {name: module.training for name, module in net.named_modules()},
        "attributes": {name: sorted(vars(module)) for name, module in net.named_modules()},
        "hooks": {
            name: (
                list(module._forward_hooks),
                list(module._forward_pre_hooks),
                list(module._forward_hooks_with_kwargs),
            )
            for name, module in net.named_modules()
        },
        "grads": {name: p.grad is None for name, p in net.named_parameters()},
        "same": {
            name: (id(t), t.device, t.requires_grad)
            for name, t in (*net.named_parameters(), *net.named_buffers())
        },
    }


@ALL
def test_the_model_is_left_as_it_was(net, size):
    net.train()
    children = list(net.children())
    if children:
        children[0].eval()
    before, values = fingerprint(net), {k: v.clone() for k, v in net.state_dict().items()}
    hooks = len(torch.nn.modules.module._global_forward_hooks)
    torch.manual_seed(4)
    state = torch.get_rng_state()
    trace(net, size)
    assert torch.equal(torch.get_rng_state(), state)
    assert fingerprint(net) == before
    assert all(torch.equal(v, values[k]) for k, v in net.state_dict().items())
    assert len(torch.nn.modules.module._global_forward_hooks) == hooks
    net.train()


def test_random_numbers_of_a_forward_do_not_move_the_generator():
    state = torch.get_rng_state()
    trace(Call(lambda net, x: x + torch.rand(8)), (1, 8, 8))
    assert torch.equal(torch.get_rng_state(), state)


def edges(found):
    return {row.name: [found.rows[i].name for i in row.inputs] for row in found}


def test_edges_of_a_residual_block():
    assert edges(trace(Residual(), IMAGE)) == {
        "input": [],
        "conv1": ["input"],
        "bn1": ["conv1"],
        "relu": ["add"],  # its second call; the first is checked below
        "conv2": ["relu"],
        "bn2": ["conv2"],
        "add": ["bn2", "input"],
    }
    rows = trace(Residual(), IMAGE).rows
    first, second = (row for row in rows if row.name == "relu")
    assert rows[first.inputs[0]].name == "bn1"
    assert second.shared_with == first.id
    assert rows[trace(Residual(), IMAGE)["conv2"].inputs[0]].id == first.id


def test_edges_of_branches():
    def inception(net, x):
        return torch.cat([net.a(x), net.c(F.relu(net.b(x))), F.max_pool2d(x, 3, 1, 1)], 1)

    assert edges(trace(Call(inception, a=conv(), b=conv(), c=conv()), IMAGE)) == {
        "input": [],
        "a": ["input"],
        "b": ["input"],
        "relu": ["b"],
        "c": ["relu"],
        "max_pool2d_with_indices": ["input"],
        "cat": ["a", "c", "max_pool2d_with_indices"],
    }


def test_dropout_hands_on_its_input_and_is_still_a_step_of_its_own():
    net = Call(lambda net, x: net.drop(net.a(x)) + net.a(x), a=conv(), drop=nn.Dropout())
    skip = Call(lambda net, x: (lambda y: net.drop(y) + y)(net.a(x)), a=conv(), drop=nn.Dropout())
    assert edges(trace(skip, IMAGE)) == {"input": [], "a": ["input"], "drop": ["a"], "add": ["drop", "a"]}
    assert [row.name for row in trace(net, IMAGE)] == ["input", "a", "drop", "a", "add"]
    chain = nn.Sequential(conv(), nn.Dropout(), nn.Identity(), nn.Flatten())
    assert [(row.name, row.kind) for row in trace(chain, IMAGE)][1:] == [
        ("0", "conv"), ("1", "dropout"), ("2", "identity"), ("3", "view"),
    ]  # fmt: skip


def test_what_is_written_in_place_is_read_afterwards():
    found = trace(FUNCTIONS["written in part"], IMAGE)
    assert edges(found)["mul"] == ["add"]
    assert edges(found)["copy"] == ["c"]
    assert "c" in edges(found)["add"]


def test_a_module_called_twice_works_twice_and_counts_once():
    once, twice = trace(conv(), IMAGE), trace(MODULES["twice"], IMAGE)
    first, second = twice.rows[1:]
    assert (first.name, second.name) == ("c", "c")
    assert (first.parameters, second.parameters) == (38, 0)
    assert first.macs == second.macs == once.rows[1].macs
    assert (first.shared_with, second.shared_with) == (None, 1)


def test_tied_parameters_count_once():
    found = trace(Tied(), (6,))
    assert [(row.name, row.parameters, row.macs) for row in found][1:] == [
        ("encoder", 36, 36),
        ("decoder", 6, 36),
    ]


def test_names_of_functions_count_up():
    net = Call(lambda net, x: F.relu(F.relu(F.relu(x))))
    inner = nn.Sequential(net)
    assert [row.name for row in trace(net, IMAGE)][1:] == ["relu", "relu_1", "relu_2"]
    assert [row.name for row in trace(inner, IMAGE)][1:] == ["0.relu", "0.relu_1", "0.relu_2"]


def test_a_module_that_does_one_thing_is_that_thing():
    rows = trace(nn.Sequential(nn.Linear(7, 5)), (3, 7)).rows  # PyTorch reshapes before and after
    assert [(row.name, row.kind, row.output_size) for row in rows][1:] == [("0", "linear", (3, 5))]
    assert trace(nn.Linear(7, 5), (7,)).rows[1].name == "Linear"
    circular = trace(MODULES["circular"], IMAGE)  # slices and copies make the border
    assert [(row.name, row.kind, row.inputs) for row in circular][1:] == [
        ("0", "conv", [0]), ("1", "relu", [1]), ("2", "conv", [2]),
    ]  # fmt: skip
    weight_norm = trace(MODULES["weight norm"], IMAGE)
    assert [row.name for row in weight_norm] == ["input", "0", "1"]


def test_what_runs_in_training_only_is_listed():
    books = summary(Auxiliary(), IMAGE)
    idle = [(row.name, row.kind, row.parameters) for row in books.rows if not row.executed]
    assert idle == [("aux.0", "linear", 20), ("aux.1", "dropout", 0), ("aux.2", "linear", 24)]
    assert all(row.macs == row.connections == row.flops == 0 for row in books.rows if not row.executed)
    assert all(row.output_size is None for row in books.rows if not row.executed)


def test_frozen_parameters_are_not_trainable():
    totals = summary(frozen(), IMAGE).totals
    assert (totals["parameters"], totals["trainable"]) == (76, 38)


def test_a_layer_that_stands_at_two_places():
    shared = nn.ReLU()
    net = nn.Sequential(conv(), shared, conv(), shared)
    assert [row.name for row in trace(net, IMAGE)] == ["input", "0", "1", "2", "1"]


def test_an_operation_without_a_rule_is_an_error_that_names_it():
    net = nn.Sequential(conv(), Call(lambda net, x: x.cumsum(1)))
    with pytest.raises(HeirloomError, match=r"no rule counts aten.cumsum: 1: ") as caught:
        trace(net, IMAGE)
    assert caught.value.code == "E-operation"
    books = summary(net, IMAGE, lower_bound=True)
    assert [row.attrs for row in books.rows if not row.counted] == [{"operation": "aten.cumsum"}]
    assert books.lower_bound
    assert books.as_dict()["lower_bound"] is True
    assert not summary(conv(), IMAGE).lower_bound


def test_a_forward_cannot_swallow_that_error():
    def careless(net, x):
        try:
            return x.cumsum(1)
        except Exception:
            return x

    with pytest.raises(HeirloomError, match=r"aten\.cumsum"):
        trace(Call(careless), IMAGE)


def test_a_module_that_failed_hides_nothing_of_what_follows():
    def other_way(net, x):
        try:
            return net.lrn(x.sum())  # takes no number
        except Exception:
            return F.relu(net.c(x))

    net = Call(other_way, lrn=nn.LocalResponseNorm(3), c=conv())
    assert [row.name for row in trace(net, IMAGE)][-2:] == ["c", "relu"]


def test_hooks_of_the_user_run_and_their_operations_count():
    net, seen = nn.Sequential(conv(), nn.Dropout()), []
    net[1].register_forward_hook(lambda module, args, output: output * 2)
    net[1].register_forward_pre_hook(lambda module, args: (args[0] + 1,))
    net[0].register_forward_hook(lambda module, args, output: seen.append(output.device.type))
    assert [row.kind for row in trace(net, IMAGE)] == ["input", "conv", "add", "dropout", "mul"]
    assert seen == ["meta"]
    net(torch.zeros(1, *IMAGE))
    assert seen == ["meta", "cpu"]


def test_after_an_error_the_model_is_as_before():
    net = nn.Sequential(conv(), nn.Dropout(), nn.Linear(3, 3))
    net[1].eval()
    before = fingerprint(net)
    with pytest.raises(HeirloomError):
        trace(net, IMAGE)
    assert fingerprint(net) == before
    assert net[0](torch.zeros(1, *IMAGE)).device.type == "cpu"


def test_a_gigantic_network_needs_no_memory():
    with torch.device("meta"):
        net = nn.Sequential(nn.Linear(100_000, 100_000), nn.ReLU(), nn.Linear(100_000, 100_000))
    totals = summary(net, (100_000,)).totals
    assert totals["parameters"] == 2 * 10_000_100_000
    assert totals["macs"] == 2 * 10**10


def test_weights_are_not_copied(monkeypatch):
    net = nn.Sequential(nn.Linear(64, 64), nn.utils.parametrizations.weight_norm(nn.Linear(64, 64)))
    devices = []
    net[1].parametrizations.weight[0].register_forward_hook(
        lambda m, args, out: devices.append(out.device.type)
    )
    net[0].register_forward_hook(lambda m, args, out: devices.append(m.weight.device.type))
    trace(net, (64,))
    assert devices == ["meta", "meta"]


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
def test_other_precisions(dtype):
    assert trace(conv().to(dtype), IMAGE).rows[1].parameters == 38


def test_whole_numbers_as_input():
    net = nn.Sequential(nn.Embedding(10, 4), nn.Flatten(), nn.Linear(12, 2))
    assert summary_of(net, (3,), torch.long) == [("0", 40), ("1", 0), ("2", 26)]


def summary_of(net, size, dtype):
    return [(row.name, row.parameters) for row in trace(net, size, dtype=dtype)][1:]


@pytest.mark.parametrize(
    ("net", "size", "code", "message"),
    [
        (conv(), (3, 8, 8), "E-trace", r"Conv2d does not run on shapes of \(1, 3, 8, 8\).*channel"),
        (nn.Sequential(nn.Flatten(), nn.Linear(5, 2)), IMAGE, "E-trace", r"Sequential does not run.*: 1: "),
        (create_model("lenet5"), (1, 28, 28), "E-input-size", r"LeNet5 takes \(B, 1, 32, 32\): got"),
        (Call(lambda net, x: x if x.sum() > 0 else -x), IMAGE, "E-trace", "may not look at values"),
        (Call(lambda net, x: x * x.max().item()), IMAGE, "E-trace", "may not look at values"),
        (Call(lambda net, x: torch.tensor(x.numpy())), IMAGE, "E-trace", "may not look at values"),
        (Call(lambda net, x: net.missing(x)), IMAGE, "E-trace", "no attribute 'missing'"),
        (conv(), None, "E-input-size", r"the input size of Conv2d is not known: give input_size=\(C, H, W\)"),
        (conv(), (2, -1, 8), "E-input-size", "has no elements"),
        (conv(), (2, 0, 8), "E-input-size", "has no elements"),
        (nn.Sequential(nn.LazyConv2d(2, 3)), IMAGE, "E-trace", "sizes are not known yet"),
    ],
)  # fmt: skip
def test_errors_are_one_line(net, size, code, message):
    with pytest.raises(HeirloomError, match=message) as caught:
        trace(net, size)
    assert caught.value.code == code
    assert "\n" not in str(caught.value)


def test_arguments_belong_to_names():
    with pytest.raises(
        HeirloomError, match="num_classes cannot be given: summary: the model is built already"
    ):
        summary(conv(), IMAGE, num_classes=3)
    with pytest.raises(HeirloomError, match="unknown convention 'mac': did you mean 'macs'"):
        summary("lenet5", convention="mac")


def test_rows_are_found_by_name():
    assert trace(create_model("lenet5"), name="mine").model == "mine"
    with pytest.raises(KeyError, match="c9"):
        trace(create_model("lenet5"))["c9"]


class AlexNet(nn.Module):
    """Lecture deck 001, transcribed."""

    def __init__(self, num_classes=1000):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 96, kernel_size=11, stride=4, padding=0),
            nn.ReLU(inplace=True),
            nn.LocalResponseNorm(size=5, alpha=0.0001, beta=0.75),
            nn.MaxPool2d(kernel_size=3, stride=2),
            nn.Conv2d(96, 256, kernel_size=5, padding=2, groups=2),
            nn.ReLU(inplace=True),
            nn.LocalResponseNorm(size=5, alpha=0.0001, beta=0.75),
            nn.MaxPool2d(kernel_size=3, stride=2),
            nn.Conv2d(256, 384, kernel_size=3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(384, 384, kernel_size=3, padding=1, groups=2),
            nn.ReLU(inplace=True),
            nn.Conv2d(384, 256, kernel_size=3, padding=1, groups=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(kernel_size=3, stride=2),
        )
        self.classifier = nn.Sequential(
            nn.Linear(256 * 6 * 6, 4096),
            nn.ReLU(inplace=True),
            nn.Dropout(),
            nn.Linear(4096, 4096),
            nn.ReLU(inplace=True),
            nn.Dropout(),
            nn.Linear(4096, num_classes),
        )

    def forward(self, x):
        x = self.features(x)
        x = x.view(x.size(0), 256 * 6 * 6)
        return self.classifier(x)


def test_the_decks_alexnet():
    with torch.device("meta"):
        net = AlexNet()
    books = summary(net, (3, 227, 227))
    assert books.totals["parameters"] == 60_965_224
    assert books.totals["macs"] == 724_406_816
    found = books.trace
    assert found["features.12"].receptive_field == (163, 163)
    assert found["features.14"].receptive_field == (195, 195)
    assert found["classifier.0"].receptive_field == (355, 355)
    assert found["features.0"].output_size == (96, 55, 55)
    kinds = [row.kind for row in found]
    assert [kinds.count(k) for k in ("conv", "lrn", "max_pool", "relu", "linear", "dropout", "view")] == [
        5, 2, 3, 7, 3, 2, 1,
    ]  # fmt: skip
    # Every row reads the row above.
    assert all(row.inputs == [row.id - 1] for row in found.rows[1:])
    convolutions = [row for row in found if row.kind == "conv"]
    assert sum(row.macs for row in convolutions) == 665_784_864
    assert sum(row.parameters for row in convolutions) == 2_334_080
    with pytest.raises(HeirloomError, match="does not run on shapes of"):
        trace(net, (3, 224, 224))  # the deck's text; 5 x 5 maps are left then


def test_numbers_are_plain():
    for row, column in itertools.product(trace(AlexNet(), (3, 227, 227)), COLUMNS):
        assert type(getattr(row, column)) is int


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_compiled_modules_are_refused():
    compiled = torch.jit.trace(conv(), torch.zeros(1, *IMAGE))
    with pytest.raises(HeirloomError, match="compiled TorchScript: give the module that it was made from"):
        trace(compiled, IMAGE)


def test_unused_numbers_are_not_lost():
    net = Call(lambda net, x: net.a(x), a=nn.Linear(2, 2), b=nn.Parameter(torch.zeros(3)))
    row = trace(net, (2,)).rows[-1]
    assert (row.name, row.parameters, row.executed) == ("Call", 3, False)


def test_a_reference_of_ones_own_is_the_same_parameter():
    net = Call(lambda net, x: F.relu(x * net.gains[0]), gain=nn.Parameter(torch.ones(2, 1, 1)))
    net.gains = [net.gain]
    assert [(row.kind, row.parameters) for row in trace(net, IMAGE)][1:] == [("mul", 2), ("relu", 0)]


def test_only_what_reads_stored_numbers_shares_them():
    rows = trace(Unfolded(create_model("lstm"), 4)).rows
    shared = [row for row in rows if row.shared_with is not None]
    assert {row.kind for row in shared} == {"linear"}
    assert len(shared) == 3 + 3  # both products of each later step; the first state is a constant


class Cutting(nn.Module):
    def forward(self, x):
        return torch.relu(x)[:, :, 2::2, 2::2]


def test_a_layer_that_computes_and_then_cuts_ends_where_it_cuts():
    row = trace(nn.Sequential(Cutting()), (1, 8, 8)).rows[1]
    assert (row.output_size, row.jump, row.start) == ((1, 3, 3), (2, 2), (2, 2))


class Inherited(TableConv2d):
    pass


class Changed(TableConv2d):
    def forward(self, x):
        return super().forward(x) * 2


def test_subclasses_of_our_layers_are_counted_by_what_they_inherit_or_not_at_all():
    table = ((0,), (0, 1))
    inherited = trace(Inherited(table, 2, 3), (2, 5, 5)).rows[1]
    assert (inherited.connections, inherited.macs) == (9 * (3 * 9 + 2), 9 * 3 * 9)
    with pytest.raises(HeirloomError, match=r"no rule counts Changed: .*changes the forward of TableConv2d"):
        trace(nn.Sequential(Changed(table, 2, 3)), (2, 5, 5))


class Copying(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3)

    def forward(self, x):
        return copy.deepcopy(self.conv)(x)


def test_a_forward_that_copies_a_layer():
    rows = trace(Copying(), (1, 8, 8)).rows
    assert [row.macs for row in rows if row.kind == "conv"] == [2 * 9 * 36]


class CopyingAndChanging(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3)

    def forward(self, x):
        wider = copy.deepcopy(self.conv)
        wider.weight, wider.stride = nn.Parameter(torch.zeros(5, 1, 3, 3)), (2, 2)
        wider.bias = None
        return wider(x)


def test_a_copied_layer_runs_with_what_the_copy_holds():
    row = trace(CopyingAndChanging(), (1, 9, 9)).rows[1]
    assert (row.kind, row.output_size, row.attrs["stride"]) == ("conv", (5, 4, 4), [2, 2])


def test_a_forward_of_the_layer_itself_is_called_and_stays():
    net = nn.Sequential(conv(), nn.ReLU())
    net[1].forward = twice = lambda x: x + x
    assert [row.kind for row in trace(net, IMAGE)] == ["input", "conv", "add"]
    assert net[1].forward is twice
    assert "forward" not in vars(net[0])


class AlwaysDrops(nn.Sequential):
    """Drops out in evaluation, too, as Monte Carlo estimates do, and says so by a method of its own."""

    def train(self, mode: bool = True):
        return super().train(True)


def test_a_module_may_know_by_itself_what_evaluation_is():
    modes = []
    for net in (nn.Sequential(conv(), nn.Dropout()), AlwaysDrops(conv(), nn.Dropout())):
        net[0].register_forward_hook(lambda m, args, out: modes.append(m.training))
        trace(net, IMAGE)
    one = nn.Sequential(conv())
    one[0].train = lambda mode=True: one[0]  # frozen as it is
    one[0].register_forward_hook(lambda m, args, out: modes.append(m.training))
    trace(one, IMAGE)
    assert modes == [False, True, True]


def test_formulas_are_there_after_the_trace_is_over():
    found = trace(nn.Sequential(conv(), nn.ReLU()), IMAGE)
    assert found.rows[1].formulas["parameters"]
    assert [row.formulas for row in (found.rows[0], found.rows[2])] == [{}, {}]
    assert [row.keeps.output for row in found] == [False, False, True]
