"""The numbers of the lineage, written out again.

They were found by arithmetic on the papers and the released definitions, in a program that knows none of
this library and builds no network.
"""

import functools
import math

import pytest
import torch

from heirloom.accounting import Summary, summary
from heirloom.layers import LRN
from heirloom.recipes import find_recipe
from heirloom.schedules import learning_rate


@functools.cache
def books(name: str, **args: object) -> Summary:
    """Each network is counted once for all tests here."""
    return summary(name, **args)


PARAMETERS_AND_MACS = [
    ("lenet_1989", {}, 9_760, None),
    ("lenet5", {}, 60_000, 326_520),
    ("lenet5_relu_max", {}, 61_706, 416_520),
    ("lenet5_relu_max", {"in_chans": 3}, 62_006, 651_720),
    ("lenet_caffe", {}, 431_080, 2_293_000),
    ("alexnet", {}, 60_965_224, 724_406_816),
    ("alexnet_source", {}, 60_965_224, 724_406_816),
    ("alexnet_caffe", {}, 60_965_224, 724_406_816),
    ("caffenet", {}, 60_965_224, 724_406_816),
    ("alexnet_single", {}, 62_378_344, 1_135_256_096),
    ("alexnet_owt", {}, 61_100_840, 714_188_480),
    ("alexnet_half", {}, 59_798_312, 391_514_384),
    ("alexnet_cifar_bn", {}, 25_709_350, None),
    ("vgg11", {}, 132_863_336, 7_609_090_048),
    ("vgg13", {}, 133_047_848, 11_308_466_176),
    ("vgg16_1x1", {}, 133_638_952, 11_770_888_192),
    ("vgg16", {}, 138_357_544, 15_470_264_320),
    ("vgg19", {}, 143_667_240, 19_632_062_464),
    ("nin_cifar", {}, 966_986, 222_486_528),
    # 1,105,996,320 for images of 227 pixels, where conv1 has 55 x 55 places and not 54 x 54.
    ("nin_imagenet", {}, 7_595_176, 1_105_996_320 - (55**2 - 54**2) * (96 * 363 + 2 * 96 * 96)),
    ("googlenet", {}, 13_378_280, 1_582_671_872),
    ("googlenet", {"aux": False}, 6_998_552, 1_582_671_872),
    ("googlenet_bn", {"aux": False}, 7_005_832, None),
    ("googlenet_bn", {"aux": False, "version": "torchvision"}, 6_624_904, None),
    ("squeezenet1_0", {}, 1_248_424, 832_667_936),
    ("squeezenet1_0", {"source": "torchvision"}, 1_248_424, 818_924_576),
    ("squeezenet1_1", {}, 1_235_496, 387_747_520),
    ("squeezenet1_1", {"source": "torchvision"}, 1_235_496, 349_151_936),
    ("resnet18", {"shortcut": "A"}, 11_515_688, None),
    ("resnet18", {}, 11_689_512, None),
    ("resnet34", {"shortcut": "A"}, 21_623_848, None),
    ("resnet34", {}, 21_797_672, None),
    ("resnet50", {}, 25_557_032, 3_857_973_248),
    ("resnet101", {}, 44_549_160, 7_570_194_432),
    ("resnet152", {}, 60_192_808, 11_282_415_616),
    ("resnet50", {"version": "v1.5"}, 25_557_032, 4_089_184_256),
    ("resnet101", {"version": "v1.5"}, 44_549_160, 7_801_405_440),
    ("resnet152", {"version": "v1.5"}, 60_192_808, 11_513_626_624),
    ("resnet20", {}, 269_722, 40_551_040),
    ("resnet20", {"shortcut": "B"}, 269_722 + 2_752, None),
    ("resnet32", {}, 464_154, None),
    ("resnet44", {}, 658_586, None),
    ("resnet56", {}, 853_018, None),
    ("resnet110", {}, 1_727_962, 252_887_680),
    ("resnet1202", {}, 19_421_274, None),
    ("wrn_28_10", {}, 36_479_194, 5_243_328_768),
    ("wrn_28_10", {"num_classes": 100}, 36_536_884, None),
    ("wrn_40_4", {}, 8_949_210, None),
    ("wrn_16_8", {}, 10_961_370, None),
    ("wrn_40_10", {}, 55_841_754, None),
    ("wrn_50_2", {}, 68_883_240, None),
    ("resnext50_32x4d", {}, 25_028_904, None),
    ("resnext101_32x4d", {}, 44_177_704, None),
    ("resnext101_64x4d", {}, 83_455_272, None),
    ("resnext29_8x64d", {}, 34_426_698, None),
    ("resnext29_16x64d", {}, 68_155_210, None),
    ("resnet110_stochastic", {}, 1_727_962, 252_887_680),
    ("fractalnet20", {}, 33_724_618, None),
    ("deepface", {}, 118_923_774, 517_624_448),
    ("mlp", {}, 238_510, 238_200),
]


@pytest.mark.parametrize(("name", "args", "parameters", "macs"), PARAMETERS_AND_MACS)
def test_parameters_and_macs(name, args, parameters, macs):
    totals = books(name, **args).totals
    assert totals["parameters"] == totals["trainable"] == parameters
    assert macs is None or totals["macs"] == macs


@pytest.fixture(scope="module")
def alexnet() -> Summary:
    return books("alexnet")


# Parameters, MACs, receptive field, jump and output behind each layer of the network of 2012.
ALEXNET = {
    "conv1": (34_944, 105_415_200, 11, 4, (96, 55, 55)),
    "pool1": (0, 0, 19, 8, (96, 27, 27)),
    "conv2": (307_456, 223_948_800, 51, 8, (256, 27, 27)),
    "pool2": (0, 0, 67, 16, (256, 13, 13)),
    "conv3": (885_120, 149_520_384, 99, 16, (384, 13, 13)),
    "conv4": (663_936, 112_140_288, 131, 16, (384, 13, 13)),
    "conv5": (442_624, 74_760_192, 163, 16, (256, 13, 13)),
    "pool5": (0, 0, 195, 32, (256, 6, 6)),
    "fc6": (37_752_832, 37_748_736, 355, 32, (4096,)),
    "fc7": (16_781_312, 16_777_216, 355, 32, (4096,)),
    "fc8": (4_097_000, 4_096_000, 355, 32, (1000,)),
}


@pytest.mark.parametrize("layer", ALEXNET)
def test_alexnet_layer_by_layer(alexnet, layer):
    row, (parameters, macs, field, jump, size) = alexnet.trace[layer], ALEXNET[layer]
    assert (row.parameters, row.macs, row.output_size) == (parameters, macs, size)
    assert row.receptive_field == (field, field)
    assert row.jump[0] == jump or layer.startswith("fc")


def test_alexnet_as_a_whole(alexnet):
    trained = [row for row in alexnet.rows if row.parameters]
    assert sum(math.prod(row.output_size) for row in trained) == 659_272
    assert alexnet.totals["connections"] == 726_168_264
    convolutions = [row for row in alexnet.rows if row.kind == "conv"]
    assert sum(row.parameters for row in convolutions) == 2_334_080
    assert sum(row.macs for row in convolutions) == 665_784_864
    assert alexnet.trace["fc6"].input_sizes == [(9_216,)]


def test_the_decks_network_for_cifar():
    """25,730,506 as Keras counts, which takes the 21,156 statistics of its normalisation for parameters."""
    totals = books("alexnet_cifar_bn").totals
    assert totals["parameters"] + totals["fixed"] == 25_730_506
    assert totals["fixed"] == 21_156


@pytest.mark.parametrize(
    ("name", "last", "pool5"),
    [
        ("vgg11", 134, 150),
        ("vgg13", 140, 156),
        ("vgg16_1x1", 140, 156),
        ("vgg16", 196, 212),
        ("vgg19", 252, 268),
    ],
)
def test_fields_of_vgg(name, last, pool5):
    rows = books(name).rows
    convolutions = [row for row in rows if row.kind == "conv"]
    assert convolutions[-1].receptive_field == (last, last)
    assert next(row for row in rows if row.name == "pool5").receptive_field == (pool5, pool5)
    fully = [row.parameters for row in rows if row.kind == "linear"]
    assert fully == [102_764_544, 16_781_312, 4_097_000]


def test_field_of_nin():
    """27 pixels, and behind the averages of 8 x 8 units that lie 4 pixels apart 27 + 7 x 4."""
    rows = books("nin_cifar").rows
    average = next(row for row in reversed(rows) if "average" in row.kind or "mean" in row.kind)
    assert rows[average.inputs[0]].receptive_field == (27, 27)
    assert average.receptive_field == (55, 55)


@pytest.mark.parametrize(
    ("settings", "gain"),
    [
        ({"convention": "source"}, 0.59238350),
        ({"convention": "paper"}, 0.58369316),
        ({"convention": "torch"}, 0.99256503),
        ({"convention": "caffe"}, 0.99256503),
        ({"convention": "paper", "k": 1}, 0.96406879),
    ],
)
def test_conventions_of_response_normalisation(settings, gain):
    """By what a map among maps that all hold 10 is multiplied: (k + a 500)^-0.75."""
    found = LRN(**settings)(torch.full((1, 9, 2, 2), 10.0)) / 10
    torch.testing.assert_close(found[0, 4], torch.full((2, 2), gain), atol=1e-6, rtol=0)


def test_response_normalisation_of_the_source_is_that_of_torch():
    """Columns of 48 and 128 maps, which do not see each other."""
    for maps in (48, 128):
        x = torch.randn(2, 2 * maps, 3, 3, generator=torch.Generator().manual_seed(0)) * 50
        plain = torch.nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=2)
        columns = torch.cat([plain(part) for part in x.split(maps, 1)], 1)
        torch.testing.assert_close(LRN("source", groups=2)(x), columns)
        middle = plain(x)[:, maps - 2 : maps + 2] - columns[:, maps - 2 : maps + 2]
        assert middle.abs().min() > 0  # four maps of the whole differ


# The sheet of facts, key by key -------------------------------------------------------------------

FACTS = {
    "lenet-1989": {"params": 9_760, "connections": 64_660, "units": 1_256},
    "lenet5-1998": {
        "trainable": 60_000,
        "fixed": 840,
        "connections": 340_908,
        "connections_no_rbf": 340_068,
        "macs": 325_680,
        "macs_rbf": 326_520,
        "c3_links": 60,
        "layers": {
            "C1": [156, 122_304],
            "S2": [12, 5_880],
            "C3": [1_516, 151_600],
            "S4": [32, 2_000],
            "C5": [48_120, 48_120],
            "F6": [10_164, 10_164],
        },
        "rf": [5, 6, 14, 16, 32],
    },
    "lenet5-modern": {"params": 61_706, "macs": 416_520},
    "lenet5-cifar": {"params": 62_006, "macs": 651_720},
    "lenet-caffe": {"params": 431_080, "macs": 2_293_000, "lr@100": 0.00992565},
    "alexnet-2012": {
        "params": 60_965_224,
        "macs": 724_406_816,
        "conv_params": 2_334_080,
        "conv_macs": 665_784_864,
        "units": 659_272,
        "rf": {"conv5": 163, "pool5": 195, "fc6": 355},
        "fc6_in": 9_216,
    },
    "alexnet-single": {"params": 62_378_344, "macs": 1_135_256_096},
    "alexnet-owt": {"params": 61_100_840, "macs": 714_188_480},
    "alexnet-half": {"params": 59_798_312, "macs": 391_514_384},
    "alexnet-cifar-bn-keras": {"params": 25_730_506, "trainable": 25_709_350},
    "vgg": {
        "A": [132_863_336, 7_609_090_048],
        "B": [133_047_848, 11_308_466_176],
        "C": [133_638_952, 11_770_888_192],
        "D": [138_357_544, 15_470_264_320],
        "E": [143_667_240, 19_632_062_464],
    },
    "nin-cifar": {"params": 966_986, "macs": 222_486_528, "rf_gap": 55},
    "nin-imagenet": {"params": 7_595_176},
    "googlenet": {
        "deploy": 6_998_552,
        "train_aux": 13_378_280,
        "macs": 1_582_671_872,
        "torchvision_bn": 6_624_904,
        "bn_true5x5": 7_005_832,
    },
    "resnet": {
        "18A": 11_515_688,
        "18B": 11_689_512,
        "34A": 21_623_848,
        "34B": 21_797_672,
        "50": 25_557_032,
        "101": 44_549_160,
        "152": 60_192_808,
        "macs_v1": {"50": 3_857_973_248, "101": 7_570_194_432, "152": 11_282_415_616},
        "macs_v15": {"50": 4_089_184_256, "101": 7_801_405_440, "152": 11_513_626_624},
    },
    "resnet-cifar-A": {
        "20": 269_722,
        "32": 464_154,
        "44": 658_586,
        "56": 853_018,
        "110": 1_727_962,
        "1202": 19_421_274,
    },
    "wrn": {
        "28-10": 36_479_194,
        "28-10-c100": 36_536_884,
        "40-4": 8_949_210,
        "16-8": 10_961_370,
        "40-10": 55_841_754,
        "50-2": 68_883_240,
    },
    "resnext": {
        "50-32x4": 25_028_904,
        "101-32x4": 44_177_704,
        "101-64x4": 83_455_272,
        "29-8x64": 34_426_698,
        "29-16x64": 68_155_210,
    },
    "squeezenet": {"1.0": 1_248_424, "1.1": 1_235_496, "macs10@227": 832_667_936, "macs10@224": 818_924_576},
    "fractalnet20": 33_724_618,
    "deepface": 118_923_774,
    "lrn": {
        "torch==source": {"alpha": 1e-4, "size": 5, "beta": 0.75, "k": 2, "channels_per_group": [48, 128]},
        "all_ten_input_gain": {
            "source": 0.59238350,
            "paper_sum": 0.58369316,
            "k1_torch": 0.99256503,
            "k1_sum": 0.96406879,
        },
    },
}


def parameters(name, **args):
    return books(name, **args).totals["parameters"]


def macs(name, **args):
    return books(name, **args).totals["macs"]


def both(name, **args):
    return {"params": parameters(name, **args), "macs": macs(name, **args)}


def field(name, layer):
    (side,) = set(books(name).trace[layer].receptive_field)
    return side


def of_convolutions(name, column):
    return sum(getattr(row, column) for row in books(name).rows if row.kind == "conv")


def gain(**settings):
    return float(LRN(**settings)(torch.full((1, 9, 1, 1), 10.0))[0, 4]) / 10


def maps_per_group(name):
    rows = [row for row in books(name).rows if row.kind == "lrn"]
    return [row.output_size[0] // row.attrs["groups"] for row in rows]


def ours():
    """The same tree, counted."""
    lenet5 = books("lenet5")
    output = lenet5.trace["output"]
    alexnet = books("alexnet")
    keras = books("alexnet_cifar_bn").totals
    solver = find_recipe("lenet_caffe_mnist")[1]
    lrn = LRN("source")
    average = books("nin_cifar").rows[-2]  # behind it the flattening
    return {
        "lenet-1989": {
            "params": parameters("lenet_1989"),
            "connections": books("lenet_1989").totals["connections"],
            "units": books("lenet_1989").units,
        },
        "lenet5-1998": {
            "trainable": lenet5.totals["trainable"],
            "fixed": lenet5.totals["fixed"],
            "connections": lenet5.totals["connections"],
            "connections_no_rbf": lenet5.totals["connections"] - output.connections,
            "macs": lenet5.totals["macs"] - output.macs,
            "macs_rbf": lenet5.totals["macs"],
            "c3_links": sum(len(maps) for maps in lenet5.trace["c3"].attrs["table"]),
            "layers": {
                layer: [getattr(lenet5.trace[layer.lower()], c) for c in ("parameters", "connections")]
                for layer in ("C1", "S2", "C3", "S4", "C5", "F6")
            },
            "rf": [field("lenet5", layer) for layer in ("c1", "s2", "c3", "s4", "c5")],
        },
        "lenet5-modern": both("lenet5_softmax"),
        "lenet5-cifar": both("lenet5_softmax", in_chans=3),
        "lenet-caffe": {
            **both("lenet_caffe"),
            "lr@100": pytest.approx(learning_rate(solver, 100, 10_000, 938), abs=5e-9),
        },
        "alexnet-2012": {
            **both("alexnet"),
            "conv_params": of_convolutions("alexnet", "parameters"),
            "conv_macs": of_convolutions("alexnet", "macs"),
            "units": sum(math.prod(row.output_size) for row in alexnet.rows if row.parameters),
            "rf": {layer: field("alexnet", layer) for layer in ("conv5", "pool5", "fc6")},
            "fc6_in": math.prod(alexnet.trace["fc6"].input_sizes[0]),
        },
        "alexnet-single": both("alexnet_single"),
        "alexnet-owt": both("alexnet_owt"),
        "alexnet-half": both("alexnet_half"),
        "alexnet-cifar-bn-keras": {
            "params": keras["parameters"] + keras["fixed"],
            "trainable": keras["trainable"],
        },
        "vgg": {
            letter: list(both(f"vgg{name}").values())
            for letter, name in zip("ABCDE", ("11", "13", "16_1x1", "16", "19"), strict=True)
        },
        "nin-cifar": {**both("nin_cifar"), "rf_gap": field("nin_cifar", average.name)},
        "nin-imagenet": {"params": parameters("nin_imagenet")},
        "googlenet": {
            "deploy": parameters("googlenet", aux=False),
            "train_aux": parameters("googlenet"),
            "macs": macs("googlenet"),
            "torchvision_bn": parameters("googlenet_bn", aux=False, version="torchvision"),
            "bn_true5x5": parameters("googlenet_bn", aux=False),
        },
        "resnet": {
            **{
                f"{n}{letter}": parameters(f"resnet{n}", shortcut=letter) for n in (18, 34) for letter in "AB"
            },
            **{str(n): parameters(f"resnet{n}") for n in (50, 101, 152)},
            "macs_v1": {str(n): macs(f"resnet{n}") for n in (50, 101, 152)},
            "macs_v15": {str(n): macs(f"resnet{n}", version="v1.5") for n in (50, 101, 152)},
        },
        "resnet-cifar-A": {str(n): parameters(f"resnet{n}") for n in (20, 32, 44, 56, 110, 1202)},
        "wrn": {
            "28-10": parameters("wrn_28_10"),
            "28-10-c100": parameters("wrn_28_10", num_classes=100),
            "40-4": parameters("wrn_40_4"),
            "16-8": parameters("wrn_16_8"),
            "40-10": parameters("wrn_40_10"),
            "50-2": parameters("wrn_50_2"),
        },
        "resnext": {
            "50-32x4": parameters("resnext50_32x4d"),
            "101-32x4": parameters("resnext101_32x4d"),
            "101-64x4": parameters("resnext101_64x4d"),
            "29-8x64": parameters("resnext29_8x64d"),
            "29-16x64": parameters("resnext29_16x64d"),
        },
        "squeezenet": {
            "1.0": parameters("squeezenet1_0"),
            "1.1": parameters("squeezenet1_1"),
            "macs10@227": macs("squeezenet1_0"),
            "macs10@224": macs("squeezenet1_0", source="torchvision"),
        },
        "fractalnet20": parameters("fractalnet20"),
        "deepface": parameters("deepface"),
        "lrn": {
            "torch==source": {
                "alpha": lrn.alpha,
                "size": lrn.size,
                "beta": lrn.beta,
                "k": lrn.k,
                "channels_per_group": maps_per_group("alexnet_source"),
            },
            "all_ten_input_gain": {
                "source": pytest.approx(gain(convention="source"), abs=1e-6),
                "paper_sum": pytest.approx(gain(convention="paper"), abs=1e-6),
                "k1_torch": pytest.approx(gain(convention="torch"), abs=1e-6),
                "k1_sum": pytest.approx(gain(convention="paper", k=1), abs=1e-6),
            },
        },
    }


def leaves(tree, path=""):
    """Every number of a tree by its place in it."""
    if isinstance(tree, dict):
        return {p: v for key, part in tree.items() for p, v in leaves(part, f"{path}/{key}").items()}
    if isinstance(tree, list):
        return {p: v for i, part in enumerate(tree) for p, v in leaves(part, f"{path}/{i}").items()}
    return {path: tree}


@pytest.fixture(scope="module")
def counted():
    return leaves(ours())


@pytest.mark.parametrize(("place", "number"), leaves(FACTS).items(), ids=leaves(FACTS))
def test_fact(counted, place, number):
    assert number == counted[place]


def test_no_fact_is_left_out(counted):
    assert counted.keys() == leaves(FACTS).keys()
    assert len(counted) == 116
