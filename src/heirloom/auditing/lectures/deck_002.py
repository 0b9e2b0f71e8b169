"""Lecture deck 002, "Convolutional neural network": what it says, and what of it holds."""

from torch import nn

from heirloom.auditing.lectures.deck import (
    Count,
    Deck,
    Formula,
    Says,
    Told,
    Worked,
    World,
    texts,
    whole,
)
from heirloom.auditing.lectures.examples import (
    CHANNEL,
    DIAGONAL,
    FILTER,
    IMAGE,
    block,
    convolved,
    layer,
    matrix_text,
    product,
    rows_text,
    size_after,
)

_SET = World("the size of a data set")
_SHOWN = tuple(
    (first, text)
    for image, kernel in ((180, 187), (193, 200), (206, 213), (221, 228), (240, 247), (258, 267))
    for first, text in ((image, rows_text(IMAGE)), (kernel, rows_text(FILTER)))
)
_FIRST = (
    r"5 \times 1 + 1 \times 0 + 7 \times (-1) + 7 \times 2 + 2 \times 0 + 5 \times (-2) \\ "
    r"{}+ 5 \times 1 + 3 \times 0 + 5 \times (-1) = 2"
)
_RESULTS = convolved(IMAGE, FILTER)
BY_HAND = (
    Says(
        217,
        _FIRST.format("& "),
        "the filter on the first block",
        Worked("the first of the results", lambda: _RESULTS[0][0]),
        also=_SHOWN,
    ),
    Says(
        232,
        r"x = \begin{bmatrix} 5 \\ 1 \\ 7 \\ 7 \\ 2 \\ 5 \\ 5 \\ 3 \\ 5 \\ 3 \\ 3 \\ 4 \\ 7 \\ 8 \\ 1 "
        r"\\ 5 \\ 7 \\ 8 \\ 2 \\ 3 \\ 1 \end{bmatrix}",
        "the first block as a vector",
        Worked("three rows of three", lambda: block(IMAGE)),
        why="a block of 3 x 3 has nine numbers: the vector goes on with the image's last two rows, 21 in all",
        theirs=Worked("the block and the last two rows", lambda: block(IMAGE) + IMAGE[4] + IMAGE[5]),
    ),
    Says(
        232,
        r"W = \begin{bmatrix} 1 \\ 0 \\ -1 \\ 0 \\ 1 \\ 1 \\ 0 \\ -1 \\ 1 \\ 0 \\ -1 \end{bmatrix}",
        "the filter as a vector",
        Worked("three rows of three", lambda: block(FILTER)),
        why="a filter of 3 x 3 has nine numbers: the vector has eleven, and no row 2, 0, -2",
    ),
    Says(
        236,
        _FIRST.format(r"&\quad "),
        "the product of the two vectors",
        Worked("nine products, added", lambda: product(block(IMAGE), block(FILTER))),
    ),
    Says(
        254,
        r"1 \times 1 + 7 \times 0 + 7 \times (-1) + 2 \times 2 + 5 \times 0 + 7 \times (-2) \\"
        r"+ 3 \times 1 + 5 \times 0 + 4 \times (-1) = -17",
        "the filter one pixel further",
        Worked("the second of the results", lambda: _RESULTS[0][1]),
    ),
    Says(
        274,
        r"7 \times 1 + 7 \times 0 + 8 \times (-1) + 5 \times 2 + 7 \times 0 + 8 \times (-2) + \\ "
        r"5 \times 1 + 4 \times 0 + 4 \times (-1) = -6",
        "the filter another pixel further",
        Worked("the third of the results", lambda: _RESULTS[0][2]),
    ),
    Says(271, "", "the whole result, row by row", Worked("all blocks", lambda: matrix_text(_RESULTS))),
    Says(
        297,
        "",
        "the filter on a colour image whose three channels are the one printed: the three results, added",
        Worked("three channels", lambda: matrix_text(convolved(CHANNEL, DIAGONAL, channels=3))),
        also=((283, rows_text(CHANNEL)), (292, rows_text(DIAGONAL))),
    ),
    Says(
        299,
        "",
        "the same on one channel",
        Worked("one channel", lambda: matrix_text(convolved(CHANNEL, DIAGONAL))),
    ),
)


def _weights(maps: int, side: int) -> tuple[int, ...]:
    return tuple(nn.Conv2d(3, maps, side).weight.shape)


VOLUMES = (
    Says(
        (377, 387),
        "1 x 1",
        "size of a column of outputs",
        Worked("a filter as large as the region", lambda: size_after(nn.Conv2d(3, 2, 5), 3, 5, 5)[:2]),
    ),
    Says(
        470,
        "**4**",
        "dimensions of a layer's weights",
        Worked("5 x 5, 3 to 8 maps", lambda: len(_weights(8, 5))),
    ),
    Says(
        476,
        "2 channels",
        "channels after two filters",
        Worked("two filters of 3 x 3", lambda: size_after(nn.Conv2d(3, 2, 3), 3, 32, 32)[-1]),
        also=((476, "2 filters"),),
    ),
    Says(
        501,
        "get 6 separate",
        "activation maps of 6 filters",
        Worked("six filters of 5 x 5", lambda: size_after(nn.Conv2d(3, 6, 5), 3, 32, 32)[-1]),
        also=((501, "had 6 5x5 filters"),),
    ),
    Says(
        505,
        r"28 \times 28 \times 6",
        "size of the new image",
        Worked("32x32x3, six filters of 5 x 5", lambda: size_after(nn.Conv2d(3, 6, 5), 3, 32, 32)),
        also=((307, "32x32x3"), (311, "5x5x3")),
    ),
    Says(
        (543, 565, 581, 597),
        "3x5x5",
        "size of each of 32 filters",
        Worked("5 x 5 on three channels", lambda: _weights(32, 5)[1:]),
    ),
    Says(
        861,
        r"252 \times 252",
        "size after one filter of 5 x 5",
        Worked("256x256x3, no padding", lambda: size_after(nn.Conv2d(3, 1, 5), 3, 256, 256)[:2]),
        also=(
            (858, r"256 \times 256 \times 3"),
            (858, "8 filters"),
            (858, r"5 \times 5"),
            (859, r"5 \times 5$"),
            (860, r"5 \times 5 \times 3"),
        ),
    ),
    Says(
        859,
        r"5 \times 5 \times 3",
        "size of a filter on three channels",
        Worked("5 x 5 on three channels", lambda: _weights(8, 5)[1:]),
    ),
    Says(
        862,
        r"252 \times 252 \times 8",
        "size after 8 filters of 5 x 5",
        Worked("256x256x3, no padding", lambda: size_after(nn.Conv2d(3, 8, 5), 3, 256, 256)),
        also=((862, "8 filters"),),
    ),
    Says(
        875,
        "",
        "side of the output for N = 6, F = 3, S = 1",
        Formula("floor((6 - 3) / 1) + 1"),
        also=((870, "+ 1"), (872, "1"), (874, "N = 6"), (874, "F = 3"), (874, "S = 1")),
    ),
    Says(
        905,
        r"7 \times 7",
        "size with a border of one pixel",
        Worked("7x7, 3 x 3, padding 1", lambda: size_after(nn.Conv2d(1, 1, 3, padding=1), 1, 7, 7)[:2]),
        also=((902, r"7 \times 7"), (903, r"3 \times 3"), (903, "stride 1"), (904, "1 pixel")),
    ),
    Says(910, "with 1", "padding that keeps the size, F = 3", Formula("(3 - 1) / 2"), also=((910, "F = 3"),)),
    Says(
        911,
        "with 2",
        "padding that keeps the size, F = 5",
        Formula("(5 - 1) / 2"),
        also=((911, "F = 5"), (908, "(F-1)/2")),
    ),
    Says(
        918,
        "",
        "size after 10 filters of 5 x 5, padding 2",
        Worked("64x64x3, stride 1", lambda: size_after(nn.Conv2d(3, 10, 5, padding=2), 3, 64, 64)),
        also=(
            (915, r"64 \times 64 \times 3"),
            (916, "10 filters"),
            (916, r"5 \times 5"),
            (917, "P=2"),
            (917, "S=1"),
        ),
    ),
    Says(
        919,
        "",
        "parameters of those 10 filters, each with a bias",
        Worked("10 x (5 x 5 x 3 + 1)", lambda: layer(nn.Conv2d(3, 10, 5, padding=2), (3, 64, 64)).parameters),
    ),
    Says(
        937,
        r"32 \times 32 \times 3 = 3072 \times 1",
        "numbers of a colour image",
        Worked("flattened", lambda: (layer(nn.Flatten(), (3, 32, 32)).output_size or (0,))[0]),
        also=((935, r"32 \times 32 \times 3"),),
    ),
    Says(
        944,
        r"3072 \times 10",
        "weights of 10 units that read it",
        Worked("fully connected", lambda: layer(nn.Linear(3072, 10, bias=False), (3072,)).parameters),
        also=((938, "10 units"),),
    ),
    Says(
        948,
        "10",
        "their biases",
        Worked("one for each unit", lambda: nn.Linear(3072, 10).bias.numel()),
    ),
    Says(
        952,
        "30730",
        "their parameters",
        Worked("fully connected, with biases", lambda: layer(nn.Linear(3072, 10), (3072,)).parameters),
    ),
    Says(
        961,
        "280",
        "parameters of 10 filters on the same image",
        Worked("10 x (3 x 3 x 3 + 1)", lambda: layer(nn.Conv2d(3, 10, 3), (3, 32, 32)).parameters),
        also=((958, r"32 \times 32 \times 3"), (959, "10 filters"), (959, r"3 \times 3 \times 3")),
    ),
    Says(983, "9 inputs", "inputs of a unit behind a filter of 3 x 3", Formula("3 x 3")),
    Says(
        1046,
        r"13 \times 13",
        "size after pooling with stride 2",
        Worked("26x26, 2 x 2", lambda: size_after(nn.MaxPool2d(2), 1, 26, 26)[:2]),
        also=((1046, r"26 \times 26"), (1046, "factor of 2")),
    ),
    Says(
        1053,
        "does not lose image information",
        "what pooling keeps",
        Worked("of 26x26 numbers, 2 x 2", lambda: f"{13 * 13} of {26 * 26} numbers"),
        why="of each four numbers maximum pooling keeps one; what is lost is often not needed for the answer",
    ),
)

HISTORY = (
    *(
        Says(line, year, f"year of {name}", World("a year"))
        for line, year, name in (
            (1139, "2012", "AlexNet"),
            (1141, "2014", "VGG"),
            (1143, "2014", "GoogLeNet"),
            (1145, "2015", "ResNet"),
            (1154, "1998", "LeNet-5"),
            (1217, "2009", "ImageNet"),
            (1224, "2010", "the first competition"),
            (1224, "2017", "the last competition"),
            (1236, "2012", "AlexNet"),
            (1395, "2014", "VGG"),
            (1401, "2014", "VGG"),
        )
    ),
    Says(1140, "8", "layers of AlexNet", Count("alexnet", "depth")),
    Says(1142, "16", "layers of VGG-16", Count("vgg16", "depth")),
    Says(1142, "19 layers", "layers of VGG-19", Count("vgg19", "depth")),
    Says(1144, "22", "layers of GoogLeNet", Count("googlenet", "depth")),
    Says(1146, "152", "layers of ResNet-152", Count("resnet152", "depth")),
    Says(
        1149,
        "Wide ResNet -fractal network",
        "one of the networks",
        Told(
            "two networks: Wide ResNet, and FractalNet", "Zagoruyko and Komodakis 2016; Larsson et al. 2016"
        ),
        why="two papers: one widens residual blocks, the other does without them",
    ),
    Says(
        1150,
        "ResNeXT -squeezeNet",
        "one of the networks",
        Told("two networks: ResNeXt, and SqueezeNet", "Xie et al. 2016; Iandola et al. 2016"),
        why="two papers: one splits residual blocks into paths, the other makes a small network",
    ),
    Says(1218, "15 million", "images of ImageNet", _SET),
    Says(1218, "22,000", "categories of ImageNet", _SET),
    Says(1225, "1000", "categories of the competition", Count("alexnet", "outputs", "fc8")),
    Says(
        1226,
        "1.3 million",
        "images for training",
        World("the competition of 2012 has 1.281 million, which rounds to 1.3; the paper says roughly 1.2"),
    ),
    Says(1226, "50,000", "images for validation", _SET),
    Says(
        1226,
        "1,00,000",
        "images for testing",
        World("those of the competition of 2012, 100,000; that of 2010 had 150,000"),
    ),
)

_LENET = (
    # line, layer, maps, window, stride, size, as printed
    (1201, "c1", "6", "5 * 5", "1", "28 X 28 X 6"),
    (1202, "s2", "", "2 * 2", "2", "14 X 14 X 6"),
    (1203, "c3", "16", "5 * 5", "1", "10 X 10 X 16"),
    (1204, "s4", "", "2 * 2", "2", "5 X 5 X 16"),
    (1205, "c5", "120", "5 * 5", "1", "120"),
)


def _lenet() -> tuple[Says, ...]:
    found = []
    for line, name, *cells in _LENET:
        for quantity, text in zip(("maps", "kernel", "stride", "output_size"), cells, strict=True):
            quantity = "outputs" if text == "120" else quantity
            about = f"{quantity.replace('_', ' ')} of {name}"
            found += (
                [Says(line, f"\t{text}\t", about, Count("lenet5_softmax", quantity, name))] if text else []
            )
    return tuple(found)


LENET = (
    Says(1159, "5 layers", "layers with weights", Count("lenet5", "depth")),
    Says(1160, "", "parameters of LeNet-5", Count("lenet5", "parameters")),
    *(
        say
        for line, name, maps in (
            (1165, "c1", "6 filters"),
            (1180, "c3", "16 filters"),
            (1176, "c5", "120 filters"),
        )
        for say in (
            Says(line, maps, f"maps of {name}", Count("lenet5", "maps", name)),
            Says(line, r"5 \times 5", f"kernel of {name}", Count("lenet5", "kernel", name)),
            Says(line, "stride 1", f"stride of {name}", Count("lenet5", "stride", name)),
        )
    ),
    Says(1171, r"2 \times 2", "window of s2", Count("lenet5", "kernel", "s2")),
    Says(1171, "stride 2", "stride of s2", Count("lenet5", "stride", "s2")),
    Says(1190, "84", "units of f6", Count("lenet5", "outputs", "f6")),
    Says(1192, "10", "units of the output", Count("lenet5", "outputs", "output")),
    Says(1200, "32 X 32 X 1", "size of an image", Count("lenet5_softmax", "output_size", "input")),
    *_lenet(),
    Says(1206, "84", "units of f6", Count("lenet5_softmax", "outputs", "f6")),
    Says(1207, "10", "units of the output", Count("lenet5_softmax", "outputs", "output")),
    Says(1210, "Around 60,000", "parameters of this network", Count("lenet5_softmax", "parameters")),
)

_TABLES = (1260, 1276, 1296, 1314, 1333)
"""The first lines of a table that five pages print."""

_EARLY = "the paper drops the outputs of fc6 and fc7; torchvision's network drops the inputs of fc6, as here"
_227 = "the paper and its code take 224 x 224 and round the number of windows up; 227 gives the same 55"
_ROWS = (
    # place in the table, layer, maps, window, stride, padding, size, as printed
    (1, "conv1", "96", "11 x 11", "4", "", "55 x 55 x 96"),
    (2, "pool1", "", "3 x 3", "2", "", "27 x 27 x 96"),
    (3, "conv2", "256", "5 x 5", "1", "2", "27 x 27 x 256"),
    (4, "pool2", "", "3 x 3", "2", "", "13 x 13 x 256"),
    (5, "conv3", "384", "3 x 3", "1", "1", "13 x 13 x 384"),
    (6, "conv4", "384", "3 x 3", "1", "1", "13 x 13 x 384"),
    (7, "conv5", "256", "3 x 3", "1", "1", "13 x 13 x 256"),
    (8, "pool5", "", "3 x 3", "2", "", "6 x 6 x 256"),
)


def _on(place: int) -> tuple[int, ...]:
    return tuple(first + place for first in _TABLES)


def _alexnet() -> tuple[Says, ...]:
    found = []
    for place, name, *cells in _ROWS:
        for quantity, text in zip(("maps", "kernel", "stride", "padding", "output_size"), cells, strict=True):
            about = f"{quantity.replace('_', ' ')} of {name}"
            found += (
                [Says(_on(place), f"\t{text}\t", about, Count("alexnet", quantity, name))] if text else []
            )
    return tuple(found)


def _alexnet_size(lines: int | tuple[int, ...], text: str) -> Says:
    theirs = Count("alexnet_single", "output_size", "input")
    if text.count("227") == 2 and not text.endswith("3"):
        theirs = Count("alexnet_single", "pixels", "input")
        return Says(lines, text, "pixels of a crop", Count("alexnet", "pixels", "input"), _227, theirs)
    return Says(lines, text, "size of an image", Count("alexnet", "output_size", "input"), _227, theirs)


_AS_THERE = World("as the paper says: Krizhevsky et al. 2012, section 5")
ALEXNET = (
    Says(1248, "8 layers", "layers with weights", Count("alexnet", "depth")),
    Says(1248, "5 conv", "convolutional layers", Count("alexnet", "conv_layers")),
    Says(1248, "3 fully", "fully connected layers", Count("alexnet", "fc_layers")),
    Says(1251, "60 million", "parameters", Count("alexnet", "parameters")),
    _alexnet_size(_TABLES, "227 x 227 x 3"),
    *_alexnet(),
    Says((*_on(9), 1353), "rate = 0.5", "rate of the first dropout", Count("alexnet", "rate", "drop6")),
    Says(
        (*_on(9), 1353),
        "6 x 6 x 256",
        "numbers that the first dropout reads",
        Count("alexnet", "outputs", "drop6"),
        why=_EARLY,
        theirs=Count("alexnet_owt", "outputs", "drop6"),
    ),
    Says(1354, "4096", "units of fc6", Count("alexnet", "outputs", "fc6")),
    Says(1355, "rate = 0.5", "rate of the second dropout", Count("alexnet", "rate", "drop7")),
    Says(1355, "4096", "numbers that the second dropout reads", Count("alexnet", "outputs", "drop7")),
    Says(1356, "4096", "units of fc7", Count("alexnet", "outputs", "fc7")),
    Says(1357, "1000", "units of fc8", Count("alexnet", "outputs", "fc8")),
    Says(1287, "(227-11)/4 + 1 = 55", "side of the maps of conv1", Count("alexnet", "side", "conv1")),
    Says(
        1289,
        r"11 \times 11 \times 3 \times 96 = 34848",
        "parameters of conv1",
        Count("alexnet", "parameters", "conv1"),
        why="weights alone; 96 biases come to them",
        theirs=Count("alexnet", "weights", "conv1"),
    ),
    Says(1360, "1000 neurons", "units of fc8", Count("alexnet", "outputs", "fc8")),
    Says(1360, "1000 classes", "classes", Count("alexnet", "outputs", "fc8")),
    Says(1361, "0.5", "rate of dropout", Count("alexnet", "rate", "drop6")),
    Says(1361, "128", "images of a batch", _AS_THERE),
    Says(1361, "0.0005", "weight decay", _AS_THERE),
    Says(1361, "0.9", "momentum", _AS_THERE),
    Says(1361, "0.01", "learning rate", _AS_THERE),
    _alexnet_size(1369, r"227 \times 227"),
    Says(
        1370,
        "62.3 million",
        "parameters",
        Count("alexnet", "parameters"),
        why="counted in one column, 62,378,344, and cut off; line 1378 has the network split in two",
        theirs=Count("alexnet_single", "parameters"),
    ),
    Says(1377, "3 GB", "memory of a graphics card", World("a fact about a graphics card")),
    Says(1378, "2 GPUs", "columns", Count("alexnet", "groups", "conv2")),
)

_VGG = ("vgg11", "vgg11_lrn", "vgg13", "vgg16_1x1", "vgg16", "vgg19")
_STAGES = (
    # line, maps, convolutions in each of the six networks
    (1414, 64, (1, 1, 2, 2, 2, 2)),
    (1416, 128, (1, 1, 2, 2, 2, 2)),
    (1418, 256, (2, 2, 2, 3, 3, 4)),
    (1420, 512, (2, 2, 2, 3, 3, 4)),
    (1422, 512, (2, 2, 2, 3, 3, 4)),
)


def _vgg() -> tuple[Says, ...]:
    found = []
    for stage, (line, maps, convolutions) in enumerate(_STAGES, 1):
        for model, count in zip(_VGG, convolutions, strict=True):
            for place in range(1, count + 1):
                window = 1 if model == "vgg16_1x1" and place == 3 else 3
                name = f"conv{stage}_{place}"
                about = f"window and maps of {name} of {model}"
                found.append(Says(line, f"conv{window}-{maps}", about, Count(model, "kernel_maps", name)))
    return tuple(found)


VGG = (
    *(
        Says(1412, f"{depth} weight layers", f"layers of {model}", Count(model, "depth"))
        for model, depth in zip(_VGG, (11, 11, 13, 16, 16, 19), strict=True)
    ),
    Says(1413, r"224 \times 224", "pixels of an image", Count("vgg16", "pixels", "input")),
    *_vgg(),
    Says(1424, "FC-4096", "units of fc6", Count("vgg16", "outputs", "fc6")),
    Says(1425, "FC-4096", "units of fc7", Count("vgg16", "outputs", "fc7")),
    Says(1426, "FC-1000", "units of fc8", Count("vgg16", "outputs", "fc8")),
)

_PICTURE = "a setting of an example whose picture is not in the text"
_THREE = (129, 336, 353, 365, 370, 380, 390, 400, 419, 431, 443, 450, 456, 464, 536, 557, 573, 589, 789)
_ORDINAL = "the number of a layer in a picture"
DECK = Deck(
    "002",
    "Convolutional neural network",
    BY_HAND + VOLUMES + HISTORY + LENET + ALEXNET + VGG,
    (
        whole("part of an address", 2, 9, 66),
        whole("part of an address", 6, 73),
        whole("part of an address", 1, 689),
        whole("the year of a reference", 1, 26, 27, 1437, 1441),
        whole("the name of a course, or its year", 1, 1443, 1445),
        whole("the name of a course, or its year", 2, 1444),
        whole("the name of a course, or its year", 3, 1446),
        whole("the number of a layer in a picture", 1, 34, 42, 51),
        whole("the size of a picture, without more", 2, 93),
        whole("pixels of a picture", 17, range(106, 112)),
        texts("a dimension in words", _THREE, "3D"),
        texts("a dimension in words", 936, "1-d vector"),
        texts("axes of a sum", 351, "3 axes"),
        texts(_PICTURE, 358, "**2** output"),
        texts("an index in a formula", 361, "h^r_1", "W_{1ijk}", "b_1"),
        texts("an index in a formula", 363, "h^r_2", "W_{2ijk}", "b_2"),
        texts("what is usual", 452, r"64$  to 1024"),
        texts("what is usual", 468, "64 to 1024"),
        texts(_PICTURE, (543, 565, 581, 597), "32 filters"),
        whole("an index in a formula", 6, 549),
        whole("the name of a data set", 1, 604),
        whole(_ORDINAL, 1, 619, 624, 628, 632, 637, 652, 657, 661, 666, 670),
        texts(_PICTURE, (798, 812, 826, 841), "stride = 2"),
        whole("zeros of a picture", 8, 891, 898),
        whole("zeros of a picture", 2, range(892, 898)),
        texts("what is usual", 906, "S = 1"),
        texts("a formula without numbers", 926, "WXHX3"),
        texts("a formula without numbers", (927, 928), "2P", "+ 1"),
        texts("the name of a filter in a picture", 971, "Filter 1"),
        texts(_PICTURE, 976, r"6 \times 6"),
        texts(_PICTURE, (1020, 1032, 1039, 1045), r"2 \times 2", "stride 2"),
        whole(_PICTURE, 5, 1091),
        whole(_PICTURE, 3, 1093),
        texts("the name of a network", (1154, 1162, 1186, 1197), "LeNet-5"),
        texts("the name of a measure", 1228, "top-1", "top-5"),
        texts("the name of a measure", (1229, 1388), "Top-5"),
        *(
            texts("the name of a layer", line, name)
            for line, name in (
                *zip(
                    range(1201, 1208),
                    ("Conv 1", "Avg. pooling 1", "Conv 2", "Avg. pooling 2", "Conv 3"),
                    strict=False,
                ),
                (1206, "Fully Connected 1"),
                (1207, "Fully Connected 2"),
                (1353, "Dropout 1"),
                (1354, "Fully Connected 1"),
                (1355, "Dropout 2"),
                (1356, "Fully Connected 2"),
                (1357, "Fully Connected 3"),
            )
        ),
        *(
            texts("the name of a layer", _on(place), name)
            for place, name in enumerate(
                (
                    "Conv 1",
                    "Max Pool 1",
                    "Conv 2",
                    "Max Pool 2",
                    "Conv 3",
                    "Conv 4",
                    "Conv 5",
                    "Max Pool 3",
                    "Dropout 1",
                ),
                1,
            )
        ),
        texts("the number of a layer", 1325, "2<sup>nd</sup>"),
        texts("the name of a graphics card", 1377, "GTX 580"),
    ),
)
