"""The numbers of the lineage's first part, from AlexNet to ResNeXt, written out again.

They were found by arithmetic on the papers and the released definitions, in a program that knows none of
this library and builds no network.
"""

import math

import pytest
import torch

from heirloom.accounting import Summary, summary
from heirloom.layers import LRN

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
]


@pytest.mark.parametrize(("name", "args", "parameters", "macs"), PARAMETERS_AND_MACS)
def test_parameters_and_macs(name, args, parameters, macs):
    totals = summary(name, **args).totals
    assert totals["parameters"] == totals["trainable"] == parameters
    assert macs is None or totals["macs"] == macs


@pytest.fixture(scope="module")
def alexnet() -> Summary:
    return summary("alexnet")


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
    totals = summary("alexnet_cifar_bn").totals
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
    rows = summary(name).rows
    convolutions = [row for row in rows if row.kind == "conv"]
    assert convolutions[-1].receptive_field == (last, last)
    assert next(row for row in rows if row.name == "pool5").receptive_field == (pool5, pool5)
    fully = [row.parameters for row in rows if row.kind == "linear"]
    assert fully == [102_764_544, 16_781_312, 4_097_000]


def test_field_of_nin():
    """27 pixels, and behind the averages of 8 x 8 units that lie 4 pixels apart 27 + 7 x 4."""
    rows = summary("nin_cifar").rows
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
