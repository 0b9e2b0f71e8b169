"""Lecture deck 004, "CNN and classic networks": what it says, and what of it holds."""

from torch import nn

from heirloom.auditing.lectures.deck import Count, Deck, Formula, Says, Sum, Worked, World, texts, whole
from heirloom.auditing.lectures.examples import layer as row_of

_SEVEN = "five convolutions and three fully connected layers; seven are the layers without the output"
_TABLE = (
    # line, layer, size, weights, biases, parameters, as printed
    (163, "input", "227x227x3", "0", "0", "0"),
    (164, "conv1", "55x55x96", "34,848", "96", "34,944"),
    (165, "pool1", "27x27x96", "0", "0", "0"),
    (166, "conv2", "27x27x256", "614,400", "256", "614,656"),
    (167, "pool2", "13x13x256", "0", "0", "0"),
    (168, "conv3", "13x13x384", "884,736", "384", "885,120"),
    (169, "conv4", "13x13x384", "1,327,104", "384", "1,327,488"),
    (170, "conv5", "13x13x256", "884,736", "256", "884,992"),
    (171, "pool5", "6x6x256", "0", "0", "0"),
    (172, "fc6", "4096x1", "37,748,736", "4,096", "37,752,832"),
    (173, "fc7", "4096x1", "16,777,216", "4,096", "16,781,312"),
    (174, "fc8", "1000x1", "4,096,000", "1,000", "4,097,000"),
)


def _table() -> tuple[Says, ...]:
    found = []
    for line, layer, size, weights, biases, parameters in _TABLE:
        flat = size.endswith("x1")
        cells = {
            "outputs" if flat else "output_size": size,
            "weights": weights,
            "biases": biases,
            "parameters": parameters,
        }
        for quantity, text in cells.items():
            if layer != "input" or quantity != "output_size":
                about = f"{quantity.replace('_', ' ')} of {layer}"
                found.append(Says(line, text, about, Count("alexnet_single", quantity, layer)))
    return tuple(found)


def _softmax() -> int:
    """Parameters of the softmax behind fc8."""
    return row_of(nn.Softmax(dim=0), (1000,)).parameters


def _of_lenet(*layers: str) -> Sum:
    return Sum(tuple(Count("lenet5", "parameters", layer) for layer in layers))


LENET = (
    Says(29, "5", "layers of LeNet-5", Count("lenet5", "depth")),
    Says(112, "1998", "year of LeNet-5", World("a year")),
    Says(
        116,
        r"\approx 1,500",
        "parameters of LeNet-5's convolutions",
        _of_lenet("c1", "c3"),
        why="C3 alone has as many; C1 has 156 more, and C5, a convolution too, is counted below",
        theirs=Count("lenet5", "parameters", "c3"),
    ),
    Says(
        118,
        "1.5K",
        "parameters of LeNet-5's convolutions",
        _of_lenet("c1", "c3"),
        why="the number of line 116: that of C3 alone",
        theirs=Count("lenet5", "parameters", "c3"),
    ),
    Says(120, "60K", "parameters of LeNet-5", Count("lenet5", "parameters")),
    Says(
        122,
        "0",
        "parameters of LeNet-5's pooling",
        _of_lenet("s2", "s4"),
        why="the paper's subsampling is trained: a weight and a bias for each map; plain pooling has none",
        theirs=Count("lenet5_softmax", "pool_parameters"),
    ),
    Says(
        125,
        r"\approx 60,000",
        "parameters of C5 and F6",
        _of_lenet("c5", "f6"),
    ),
    Says(
        127,
        r"\approx 61,500",
        "parameters of LeNet-5",
        Count("lenet5", "parameters"),
        why="the sum of two rounded numbers; the simplified network, 61,706, rounds to 61,700",
        theirs=Formula("1500 + 60000"),
    ),
    Says(132, r"32 \times 32 \times 1", "size of an image", Count("lenet5", "output_size", "input")),
)
ALEXNET = (
    Says(
        (30, 133, 138),
        "7",
        "layers of AlexNet",
        Count("alexnet", "depth"),
        why=_SEVEN,
        theirs=Formula("5 + 3 - 1"),
    ),
    Says(
        134,
        r"227 \times 227 \times 3",
        "size of an image",
        Count("alexnet", "output_size", "input"),
        why="the paper and its code take 224 x 224 and round the number of windows up; 227 gives the same 55",
        theirs=Count("alexnet_single", "output_size", "input"),
    ),
    Says(156, "2012", "year of AlexNet", World("a year")),
    Says(158, "14", "years from LeNet-5 to AlexNet", Formula("2012 - 1998")),
    Says(
        163,
        "227x227x3",
        "size of an image of the table's network",
        Count("alexnet_single", "output_size", "input"),
    ),
    *_table(),
    Says(175, "1000x1", "scores", Count("alexnet_single", "outputs", "fc8")),
    *(
        Says(175, "0", f"{what} of the softmax", Worked("a softmax of 1000 scores", _softmax))
        for what in ("weights", "biases", "parameters")
    ),
    Says(176, "62,378,344", "parameters in one column", Count("alexnet_single", "parameters")),
    Says(178, "60M", "parameters of AlexNet", Count("alexnet", "parameters")),
    Says(178, "60K", "parameters of LeNet-5", Count("lenet5", "parameters")),
    Says(180, "3M", "parameters of AlexNet's convolutions", Count("alexnet_single", "conv_parameters")),
    Says(
        181,
        "57M",
        "parameters of AlexNet's fully connected layers",
        Count("alexnet_single", "fc_parameters"),
        why="what is left of 60 million; the table above has 58.6",
        theirs=Formula("(60 - 3) x 10^6"),
    ),
    Says(185, "60M", "parameters of AlexNet", Count("alexnet", "parameters")),
)
VGG = (
    Says((31, 135, 190), "16", "layers of VGG-16", Count("vgg16", "depth")),
    Says(193, "19", "layers of VGG-19", Count("vgg19", "depth")),
    Says(195, "3", "window of VGG's convolutions", Count("vgg16", "window", "conv1_1")),
    Says(195, "1", "stride of VGG's convolutions", Count("vgg16", "stride", "conv1_1")),
    Says(197, "2", "window of VGG's pooling", Count("vgg16", "window", "pool1")),
    Says(197, "2", "stride of VGG's pooling", Count("vgg16", "stride", "pool1")),
    *(
        Says(201, f"2^{power}", f"maps of VGG's stage {stage}", Count("vgg16", "maps", f"conv{stage}_1"))
        for stage, power in enumerate((6, 7, 8, 9, 9), 1)
    ),
    Says(
        207,
        "2015",
        "year of VGG",
        World("the year of the conference; the paper appeared in 2014"),
    ),
    Says(213, "138M", "parameters of VGG-16", Count("vgg16", "parameters")),
    Says(220, "2014", "year of VGG", World("a year")),
)
COMPARED = (
    Says(216, "5", "layers of LeNet-5", Count("lenet5", "depth")),
    Says(216, "7", "layers of AlexNet", Count("alexnet", "depth"), why=_SEVEN, theirs=Formula("5 + 3 - 1")),
    Says((215, 216), "16", "layers of VGG-16", Count("vgg16", "depth")),
    Says(217, "60k", "parameters of LeNet-5", Count("lenet5", "parameters")),
    Says(217, "60M", "parameters of AlexNet", Count("alexnet", "parameters")),
    Says(217, "140M", "parameters of VGG-16", Count("vgg16", "parameters")),
    Says(218, "1k", "inputs of LeNet-5", Count("lenet5", "outputs", "input")),
    *(
        Says(
            218,
            "50k",
            f"inputs of {name}",
            Count(name, "outputs", "input"),
            why="pixels; each has three numbers",
            theirs=Count(name, "pixels", "input"),
        )
        for name in ("alexnet", "vgg16")
    ),
)
_OPERATIONS = (
    # line, operations in millions, as printed
    (240, "34275", "convolution"),
    (241, "576", "deconvolution"),
    (242, "123", "ReLU"),
    (243, "13", "pooling"),
)
_MOPS = " + ".join(text for _, text, _ in _OPERATIONS)
TESLA = (
    Says(227, "99.9999...%", "per cent, the long tail", World("an aim")),
    *(
        Says(line, text, f"million operations, {kind}", World("a measurement"))
        for line, text, kind in _OPERATIONS
    ),
    Says(
        240,
        "98.1",
        "per cent in convolutions",
        Formula(f"100 x 34275 / ({_MOPS})"),
        why="its own operations give 98.0; the four shares are made to add up to 100.0",
        theirs=Formula("100 - 1.6 - 0.1 - 0.2"),
    ),
    Says(241, "1.6", "per cent in deconvolutions", Formula(f"100 x 576 / ({_MOPS})")),
    Says(
        242, "0.1", "per cent in ReLU", Formula(f"100 x 123 / ({_MOPS})"), why="its own operations give 0.4"
    ),
    Says(
        243, "0.2", "per cent in pooling", Formula(f"100 x 13 / ({_MOPS})"), why="its own operations give 0.0"
    ),
    Says(
        245,
        "99.7%",
        "of all operations in convolutions and deconvolutions",
        Formula(f"100 x (34275 + 576) / ({_MOPS})"),
        why="the sum of the two printed shares; its own operations give 99.6",
        theirs=Formula("98.1 + 1.6"),
    ),
)

DECK = Deck(
    "004",
    "CNN and classic networks",
    LENET + ALEXNET + VGG + COMPARED + TESLA,
    (
        texts("the name of a course", 9, "ECE 596", "AMATH 563"),
        whole("the number of a list's item", 1, 14, 15, range(17, 20)),
        texts("the number of a list's item", 16, " 1. "),
        texts("a dimension in words", 16, "2D"),
        texts("the name of a norm", 64, "L2"),
        texts("exponents of an order of growth", 87, "N^2", "n^4"),
        texts("the name of a network", (68, 91, 131), "LeNet 5"),
        *(
            texts("the name of a layer", line, name)
            for line, name in (
                *enumerate(("Conv-1", "MaxPool-1", "Conv-2", "MaxPool-2", "Conv-3", "Conv-4", "Conv-5"), 164),
                *enumerate(("MaxPool-3", "FC-1", "FC-2", "FC-3"), 171),
            )
        ),
        texts("the name of a network", 215, "L5", "A7"),
    ),
)
