"""Networks slid over larger images: at each position the scores of the published network."""

import pytest
import torch
import torch.nn.functional as F
from conftest import Call
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from heirloom import dense
from heirloom.errors import HeirloomError
from heirloom.layers import Chain, L2Pool2d, MinPool2d, ScaledTanh
from heirloom.models import create_model

pytestmark = pytest.mark.usefixtures("one_thread")


def build(name, dtype=torch.float64, **args):
    torch.manual_seed(0)
    return create_model(name, **args).to(dtype).eval()


def images(net, more=(0, 0), count=2):
    maps, height, width = net.input_size
    dtype = next(net.parameters()).dtype
    generator = torch.Generator().manual_seed(1)
    return torch.randn(count, maps, height + more[0], width + more[1], generator=generator, dtype=dtype)


@pytest.mark.parametrize(
    "name",
    ["lenet1", "lenet4", "lenet5_softmax", "lenet5_relu_max", "lenet5_relu_avg", "lenet_caffe", "nin_cifar",
     "resnet20", "wrn_16_8", "squeezenet1_1", "resnet18", "googlenet", "alexnet_cifar_bn"],
)  # fmt: skip
@torch.no_grad()
def test_at_the_published_size_it_is_the_network(name):
    net = build(name)
    x = images(net, count=1)
    scores = net(x)
    maps = dense(net)(x)
    assert maps.shape == (*scores.shape, 1, 1)
    torch.testing.assert_close(maps[:, :, 0, 0], scores, rtol=1e-12, atol=1e-12 * scores.abs().max())


# Pixels between positions, by hand: the product of all strides.
STEPS = {
    "alexnet": 32, "alexnet_source": 32, "caffenet": 32, "alexnet_owt": 32,
    "lenet_caffe": 4, "nin_cifar": 4, "nin_imagenet": 32, "vgg11_lrn": 32, "vgg16": 32, "vgg11_bn": 32,
    "googlenet": 32, "googlenet_bn": 32, "resnet18": 32, "resnet50": 32, "resnet20": 4,
    "squeezenet1_0": 16, "squeezenet1_1": 16, "wrn_28_10": 4, "resnext50_32x4d": 32,
}  # fmt: skip


@pytest.mark.parametrize(("name", "step"), STEPS.items())
def test_a_position_for_each_step(name, step):
    with torch.device("meta"):
        net = create_model(name).eval()
    maps, height, width = net.input_size
    slid = dense(net)
    assert slid(torch.empty(1, maps, height + 64, width + 32, device="meta")).shape[2:] == (
        1 + 64 // step,
        1 + 32 // step,
    )
    assert sum(p.numel() for p in slid.parameters()) == sum(p.numel() for p in net.parameters())
    assert slid.state_dict().keys() == net.state_dict().keys()


@pytest.mark.parametrize("name", ["lenet_caffe", "lenet1", "lenet5_relu_max", "lenet5_relu_avg"])
@torch.no_grad()
def test_each_position_is_the_network_on_its_part_of_the_image(name):
    net = build(name)  # without padding, with a step of 4
    x = images(net, more=(9, 15))
    maps = dense(net)(x)
    assert maps.shape == (2, 10, 3, 4)
    _, height, width = net.input_size
    for i in range(3):
        for j in range(4):
            part = x[:, :, 4 * i : 4 * i + height, 4 * j : 4 * j + width]
            torch.testing.assert_close(maps[:, :, i, j], net(part), rtol=1e-11, atol=1e-12)


@torch.no_grad()
def test_vgg_reads_each_window_of_its_last_maps():
    net = build("vgg11", torch.float32, num_classes=5)
    x = images(net, more=(32, 64), count=1)
    names = [name for name, _ in net.named_children()]
    cut = names.index("flatten")
    last = net[:cut](x)  # a slice takes any size
    assert last.shape[2:] == (8, 9)
    maps = dense(net)(x)
    assert maps.shape == (1, 5, 2, 3)
    for i in range(2):
        for j in range(3):
            scores = net[cut:](last[:, :, i : i + 7, j : j + 7])
            torch.testing.assert_close(maps[:, :, i, j], scores, rtol=1e-4, atol=1e-4 * scores.abs().max())


@torch.no_grad()
def test_a_residual_network_averages_each_window():
    net = build("resnet20")
    x = images(net, more=(8, 4))
    cut = [name for name, _ in net.named_children()].index("avgpool")
    last = net[:cut](x)
    maps = dense(net)(x)
    assert maps.shape == (2, 10, 3, 2)
    for i in range(3):
        for j in range(2):
            mean = last[:, :, i : i + 8, j : j + 8].mean((2, 3))
            torch.testing.assert_close(
                maps[:, :, i, j], net.get_submodule("fc")(mean), rtol=1e-11, atol=1e-12
            )


@st.composite
def chains(draw):
    """A network without padding, with one or two fully connected layers, and the product of its strides."""
    maps, side, step, layers = draw(st.integers(1, 2)), draw(st.integers(12, 20)), 1, {}
    size = (maps, side, side + draw(st.integers(0, 3)))
    height, width = size[1:]
    for i in range(draw(st.integers(0, 2))):
        kernel, stride = draw(st.integers(1, 3)), draw(st.integers(1, 2))
        kind = draw(st.sampled_from(["conv", "max", "average"]))
        if kind == "conv":
            layer, maps = nn.Conv2d(maps, 3, kernel, stride), 3
        else:
            layer = (nn.MaxPool2d if kind == "max" else nn.AvgPool2d)(kernel, stride)
        layers |= {
            f"layer{i}": layer,
            f"tanh{i}": draw(st.sampled_from([nn.Tanh(), ScaledTanh(), nn.ReLU()])),
        }
        height, width, step = (height - kernel) // stride + 1, (width - kernel) // stride + 1, step * stride
    if draw(st.booleans()):
        layers["pool"] = draw(st.sampled_from([nn.AdaptiveAvgPool2d(1), nn.AvgPool2d((height, width))]))
        height = width = 1
    features = maps * height * width
    layers["flatten"] = nn.Flatten()
    if draw(st.booleans()):
        layers |= {"fc1": nn.Linear(features, 4), "drop": nn.Dropout(), "relu": nn.ReLU()}
        features = 4
    layers["fc2"] = nn.Linear(features, 3, bias=draw(st.booleans()))
    return Chain(size, **layers).double().eval(), step


@settings(max_examples=60)
@given(chains(), st.integers(0, 7), st.integers(0, 7))
@torch.no_grad()
def test_any_chain_without_padding(made, down, right):
    net, step = made
    _, height, width = net.input_size
    # What strides leave over at the edge of the published image, a larger one may fill.
    x = images(net, more=(step * down, step * right), count=1)
    maps = dense(net)(x)
    assert maps.shape[2:] == (1 + down, 1 + right)
    for i in range(1 + down):
        for j in range(1 + right):
            part = x[:, :, step * i : step * i + height, step * j : step * j + width]
            torch.testing.assert_close(maps[:, :, i, j], net(part), rtol=1e-10, atol=1e-12)


def test_the_numbers_are_shared_and_the_network_stays_as_it_was():
    net = build("lenet_caffe", torch.float32)
    before = {key: (value.shape, value.data_ptr()) for key, value in net.state_dict().items()}
    kinds = [type(module) for module in net.modules()]
    slid = dense(net)
    assert {key: value.data_ptr() for key, value in slid.state_dict().items()} == {
        key: place for key, (_, place) in before.items()
    }
    assert slid.get_submodule("ip1").weight.shape == (500, 50, 4, 4)
    assert {key: (value.shape, value.data_ptr()) for key, value in net.state_dict().items()} == before
    assert [type(module) for module in net.modules()] == kinds
    with pytest.raises(HeirloomError, match="takes"):
        net(images(net, more=(4, 4)))
    with torch.no_grad():
        net.get_submodule("ip2").bias.add_(1)
        torch.testing.assert_close(slid(images(net))[:, :, 0, 0], net(images(net)))
    assert [module.training for module in slid.modules()] == [module.training for module in net.modules()]
    net.get_submodule("ip1").train()
    assert dense(net).get_submodule("ip1").training
    slid.train()(images(net, more=(4, 0))).sum().backward()
    assert slid.get_submodule("ip1").weight.grad.count_nonzero()


def test_a_network_of_fully_connected_layers_alone():
    net = Chain((1, 4, 5), flatten=nn.Flatten(), fc=nn.Linear(20, 2)).double()
    maps = dense(net)(images(net, more=(1, 2)))
    assert maps.shape == (2, 2, 2, 3)
    torch.testing.assert_close(maps[:, :, 1, 2], net(images(net, more=(1, 2))[:, :, 1:, 2:]))


@pytest.mark.parametrize("pool", [nn.MaxPool2d(4), nn.AvgPool2d(4), MinPool2d(4), L2Pool2d(4)])
def test_pooling_of_whole_maps_slides(pool):
    net = Chain((1, 6, 6), c=nn.Conv2d(1, 2, 3), pool=pool, flatten=nn.Flatten(), fc=nn.Linear(2, 3))
    net = net.double().eval()
    x = images(net, more=(2, 3))
    maps = dense(net)(x)
    assert maps.shape == (2, 3, 3, 4)
    for i, j in ((0, 0), (2, 3), (1, 2)):
        torch.testing.assert_close(maps[:, :, i, j], net(x[:, :, i : i + 6, j : j + 6]))
    assert pool.stride == 4


def test_normalised_elements_of_a_vector_become_normalised_maps():
    layers = {
        "flatten": nn.Flatten(),
        "fc": nn.Linear(20, 3),
        "norm": nn.BatchNorm1d(3),
        "out": nn.Linear(3, 2),
    }
    net = Chain((1, 4, 5), **layers).double().eval()
    for stored in net.get_submodule("norm").state_dict().values():
        if stored.is_floating_point():
            stored.uniform_(0.5, 2)
    x = images(net, more=(1, 2))
    maps = dense(net)(x)
    assert maps.shape == (2, 2, 2, 3)
    torch.testing.assert_close(maps[:, :, 1, 2], net(x[:, :, 1:, 2:]))


def test_a_layer_that_stands_at_two_places():
    class Own(nn.Module):
        input_size = (1, 6, 6)

        def __init__(self):
            super().__init__()
            self.one = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten())
            self.fc = nn.Linear(32, 3)
            self.again = self.fc

        def forward(self, x):
            return self.again(self.one(x))

    net = Own()
    x = torch.randn(2, 1, 6, 6)
    torch.testing.assert_close(dense(net)(x)[:, :, 0, 0], net(x))


def own(function, **parts):
    net = Call(function, **parts)
    net.input_size = (1, 8, 8)
    return net


@pytest.mark.parametrize(
    ("net", "code", "message"),
    [
        ("lenet5", "E-model", "LeNet5 has no dense form: output: RBF reads a vector"),
        ("lenet5_gaussian", "E-model", "has no dense form: output: Gaussian reads a vector"),
        ("lenet_1989", "E-model", "has no dense form: h1: its units have biases of their own"),
        (
            Chain((1, 4, 4), flatten=nn.Flatten(), norm=nn.BatchNorm1d(16), fc=nn.Linear(16, 2)),
            "E-model",
            "norm: BatchNorm1d reads a vector",
        ),
        (
            Chain((1, 4, 4), pool=nn.AdaptiveAvgPool2d(2), flatten=nn.Flatten(), fc=nn.Linear(4, 2)),
            "E-model",
            r"pool: AdaptiveAvgPool2d makes \(2, 2\) of whatever it reads",
        ),
        (Chain((1, 4, 4), rows=nn.Flatten(2), fc=nn.Linear(16, 2)), "E-model", "rows: it flattens"),
        (
            own(lambda net, x: net.fc(torch.flatten(x, 1)), fc=nn.Linear(64, 2)),
            "E-model",
            "fc: Linear reads no vector that nn.Flatten made",
        ),
        (
            own(lambda net, x: net.c(x).mean((2, 3)), c=nn.Conv2d(1, 2, 3)),
            "E-model",
            r"would give \(1, 2\), not \(1, 2, 1, 1\): let nn.Flatten",
        ),
        (
            own(
                lambda net, x: net.fc(net.flat(net.c(x).mean((2, 3), keepdim=True))),
                c=nn.Conv2d(1, 2, 3),
                flat=nn.Flatten(),
                fc=nn.Linear(2, 3),
            ),
            "E-model",
            r"reads the whole image",
        ),
        (
            own(
                lambda net, x: net.fc(net.flat(net.u(x))),
                u=nn.Upsample(size=(8, 8)),
                flat=nn.Flatten(),
                fc=nn.Linear(64, 2),
            ),
            "E-model",
            r"twice the size would give \(1, 2, 1, 1\)",
        ),
        (
            own(lambda net, x: net.fc(net.fc(net.flat(x))), flat=nn.Flatten(), fc=nn.Linear(64, 64)),
            "E-model",
            r"fc: it is used twice, on \(1, 8, 8\) and on \(64, 1, 1\)",
        ),
        (dense(Chain((1, 4, 4), flatten=nn.Flatten(), fc=nn.Linear(16, 2))), "E-model", "is dense already"),
        (nn.Linear(3, 3), "E-input-size", "the input size of Linear is not known"),
        (own(lambda net, x: net.c(x), c=nn.Conv2d(3, 2, 3)), "E-argument", "Call does not run: dense"),
    ],
)
def test_what_has_no_dense_form_says_why(net, code, message):
    with pytest.raises(HeirloomError, match=message) as caught:
        dense(build(net) if isinstance(net, str) else net)
    assert caught.value.code == code
    assert "\n" not in str(caught.value)


def test_smaller_images_are_refused():
    slid = dense(build("lenet_caffe", torch.float32))
    for size in ((1, 27, 40), (1, 40, 27), (3, 28, 28)):
        with pytest.raises(HeirloomError, match=r"takes \(B, 1, 28, 28\) or larger: got \(1, ") as caught:
            slid(torch.zeros(1, *size))
        assert caught.value.code == "E-input-size"


def test_its_books_can_be_made():
    from heirloom import trace

    net = build("lenet_caffe", torch.float32)
    found = trace(dense(net), (1, 40, 28))
    assert found["ip1"].kind == "conv"
    assert found["ip2"].output_size == (10, 4, 1)
    assert found["ip2"].receptive_field == trace(net)["ip2"].receptive_field
    assert found["ip2"].jump == (4, 4)
    assert F.adaptive_avg_pool2d(dense(net)(torch.zeros(1, 1, 40, 28)), 1).shape == (1, 10, 1, 1)
