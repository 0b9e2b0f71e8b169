"""Each layer against a loop in plain Python or another formulation."""

import itertools

import pytest
import torch
from torch import nn

from heirloom.errors import HeirloomError
from heirloom.layers import RBF, Chain, Gaussian, ScaledTanh, Subsampling, TableConv2d

TABLE = ((0, 2), (1,), (0, 1, 2))


pytestmark = pytest.mark.usefixtures("one_thread")


def filled(layer, seed=0):
    """The same layer in double precision with random numbers."""
    generator = torch.Generator().manual_seed(seed)
    layer = layer.double()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    return layer


def image(*size):
    return torch.randn(size, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def by_hand(layer, x):
    """The definition of a convolution with a table, pixel by pixel."""
    k, s, p = layer.kernel, layer.stride, layer.padding
    batch, _, height, width = x.shape
    padded = torch.full(
        (batch, x.shape[1], height + 2 * p, width + 2 * p), layer.padding_value, dtype=x.dtype
    )
    padded[:, :, p : p + height, p : p + width] = x
    rows, columns = (height + 2 * p - k) // s + 1, (width + 2 * p - k) // s + 1
    out = torch.zeros(batch, len(layer.table), rows, columns, dtype=x.dtype)
    for b, (y, z) in itertools.product(range(batch), itertools.product(range(rows), range(columns))):
        stored = iter(layer.weight)
        for j, maps in enumerate(layer.table):
            bias = layer.bias[j, y, z] if layer.bias[j].numel() > 1 else layer.bias[j, 0, 0]
            total = bias.clone()
            for i in sorted(maps):
                total += (next(stored) * padded[b, i, y * s : y * s + k, z * s : z * s + k]).sum()
            out[b, j, y, z] = total
    return out


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"stride": 2},
        {"padding": 2},
        {"padding": 1, "padding_value": -1.0},
        {"stride": 2, "padding": 2, "padding_value": -1.0, "bias_size": (5, 4)},
    ],
    ids=str,
)
def test_table_convolution_is_its_definition(options):
    layer = filled(TableConv2d(TABLE, 3, 3, **options))
    x = image(2, 3, 7, 5)
    torch.testing.assert_close(layer(x), by_hand(layer, x), rtol=1e-12, atol=1e-12)


def test_table_convolution_is_a_sum_of_single_pair_convolutions():
    layer, x = filled(TableConv2d(TABLE, 3, 3)), image(2, 3, 7, 5)
    expected = layer.bias.expand(3, 5, 3).repeat(2, 1, 1, 1)
    pairs = [(j, i) for j, maps in enumerate(TABLE) for i in maps]
    for kernel, (j, i) in zip(layer.weight, pairs, strict=True):
        expected[:, j] += torch.conv2d(x[:, i : i + 1], kernel[None, None])[:, 0]
    torch.testing.assert_close(layer(x), expected, rtol=1e-12, atol=1e-12)


def test_table_convolution_stores_only_what_exists():
    layer = TableConv2d(TABLE, 3, 5)
    assert sum(p.numel() for p in layer.parameters()) == 6 * 25 + 3
    assert sorted(layer.state_dict()) == ["bias", "weight"]
    dense = filled(layer).dense_weight()
    absent = [(j, i) for j in range(3) for i in range(3) if i not in TABLE[j]]
    assert all(dense[pair].eq(0).all() for pair in absent)
    assert dense.count_nonzero() == 6 * 25
    assert layer.fan_in().flatten().tolist() == [50, 50, 25, 75, 75, 75]


def test_the_order_of_a_row_of_the_table_does_not_matter():
    one, other = filled(TableConv2d([(2, 0)], 3, 3)), filled(TableConv2d([(0, 2)], 3, 3))
    assert torch.equal(one(image(1, 3, 5, 5)), other(image(1, 3, 5, 5)))


def test_table_convolution_survives_the_way_over_the_meta_device():
    source = filled(TableConv2d(TABLE, 3, 3))
    with torch.device("meta"):
        copy = TableConv2d(TABLE, 3, 3)
    copy = copy.to_empty(device="cpu").double()
    copy.load_state_dict(source.state_dict())
    assert torch.equal(copy(image(1, 3, 6, 6)), source(image(1, 3, 6, 6)))


@pytest.mark.parametrize("table", [[], [()], [(0, 0)], [(0, 3)], [(-1,)], [(0,), ()]])
def test_a_wrong_table_is_refused(table):
    with pytest.raises(ValueError, match="names one or more of the maps 0 to 2, each once"):
        TableConv2d(table, 3, 5)


@pytest.mark.parametrize(("maps", "in_maps"), [(4, None), (6, 3), (8, 2)])
def test_subsampling_is_its_definition(maps, in_maps):
    layer = filled(Subsampling(maps, in_maps))
    x = image(2, in_maps or maps, 6, 4)
    out = layer(x)
    assert out.shape == (2, maps, 3, 2)
    each = maps // (in_maps or maps)
    for j, y, z in itertools.product(range(maps), range(3), range(2)):
        total = sum(x[:, j // each, 2 * y + a, 2 * z + b] for a in (0, 1) for b in (0, 1))
        expected = layer.coefficient[j, 0, 0] * total + layer.bias[j, 0, 0]
        torch.testing.assert_close(out[:, j, y, z], expected, rtol=1e-12, atol=1e-12)


def test_subsampling_refuses_maps_that_do_not_divide():
    with pytest.raises(ValueError, match="7 maps cannot read 2 maps evenly"):
        Subsampling(7, in_maps=2)


def test_radial_basis_functions_are_negated_squared_distances():
    codes, x = image(3, 5).sign(), image(4, 5)
    expected = -torch.cdist(x, codes).square()
    torch.testing.assert_close(RBF(codes)(x), expected, rtol=1e-9, atol=1e-9)
    assert RBF(codes)(codes).argmax(1).tolist() == [0, 1, 2]
    assert not list(RBF(codes).parameters())
    assert list(RBF(codes).state_dict()) == ["codes"]


def test_gaussian_is_a_log_density_up_to_one_constant():
    layer, x = filled(Gaussian(5, 3)), image(4, 5)
    density = torch.distributions.Independent(
        torch.distributions.Normal(layer.centre, layer.width.abs()[:, None].expand(3, 5)), 1
    )
    constant = -5 / 2 * torch.tensor(2 * torch.pi).log()
    torch.testing.assert_close(layer(x) + constant, density.log_prob(x[:, None]), rtol=1e-6, atol=1e-6)


def test_scaled_tanh_is_one_at_one():
    squash = ScaledTanh()
    ends = squash(torch.tensor([1.0, -1.0, 0.0], dtype=torch.float64))
    # 1.7159 is printed with five figures.
    torch.testing.assert_close(ends, torch.tensor([1.0, -1.0, 0.0], dtype=torch.float64), rtol=0, atol=5e-5)
    assert squash(torch.tensor(1e3)).item() == pytest.approx(1.7159)
    x = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(squash(x), x, create_graph=True)
    (curvature,) = torch.autograd.grad(slope, x, create_graph=True)
    (change,) = torch.autograd.grad(curvature, x)
    assert abs(change) < 0.03  # the second derivative is near its extreme at 1


@pytest.mark.parametrize(
    ("layer", "size"),
    [
        (TableConv2d(TABLE, 3, 3), (1, 3, 5, 4)),
        (TableConv2d(TABLE, 3, 3, stride=2, padding=1, padding_value=-1.0, bias_size=(3, 2)), (1, 3, 5, 4)),
        (Subsampling(3), (2, 3, 4, 2)),
        (Subsampling(4, in_maps=2), (1, 2, 4, 4)),
        (RBF(torch.ones(3, 5)), (2, 5)),
        (Gaussian(5, 3), (2, 5)),
        (ScaledTanh(), (3, 4)),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else "",
)
def test_gradients(layer, size):
    layer = filled(layer)
    names = [name for name, _ in layer.named_parameters()]

    def call(x, *values):
        return torch.func.functional_call(layer, dict(zip(names, values, strict=True)), (x,))

    inputs = (
        image(*size).requires_grad_(),
        *(p.detach().clone().requires_grad_() for p in layer.parameters()),
    )
    assert torch.autograd.gradcheck(call, inputs)


def chain():
    return Chain((1, 8, 8), c1=nn.Conv2d(1, 2, 3), relu=nn.ReLU(), flatten=nn.Flatten())


@pytest.mark.parametrize("size", [(2, 1, 9, 9), (2, 3, 8, 8), (1, 8, 8), (2, 64)])
def test_a_chain_names_the_size_that_it_takes(size):
    with pytest.raises(HeirloomError, match=r"^Chain takes \(B, 1, 8, 8\): got \(.*resize") as caught:
        chain()(torch.zeros(size))
    assert caught.value.code == "E-input-size"


def test_a_slice_of_a_chain_is_a_plain_sequence():
    net = chain()
    part = net[:2]
    assert type(part) is nn.Sequential
    assert [name for name, _ in part.named_children()] == ["c1", "relu"]
    assert part(torch.zeros(1, 1, 5, 5)).shape == (1, 2, 3, 3)
    assert part[0] is net.c1 is net[0]
    assert net[-1] is net.flatten
    assert len(net[1:]) == 2


def test_a_chain_has_the_keys_of_its_layers_and_applies_them_in_order():
    net = chain()
    assert list(net.state_dict()) == ["c1.weight", "c1.bias"]
    x = torch.randn(2, 1, 8, 8)
    assert torch.equal(net(x), net.c1(x).relu().flatten(1))
    assert net.input_size == (1, 8, 8)
