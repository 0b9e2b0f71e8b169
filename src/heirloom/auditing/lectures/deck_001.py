"""Lecture deck 001, "Case study: LeNet-5 and AlexNet": what it says, and what of it holds."""

from heirloom.accounting import summary
from heirloom.auditing.lectures.deck import (
    Count,
    Deck,
    Ours,
    Says,
    Told,
    Worked,
    World,
    names,
    texts,
    whole,
)
from heirloom.auditing.readings import books
from heirloom.layers import Conv2d

_PAPER = "Krizhevsky et al. 2012, section 5"
_AS_THERE = World(f"as the paper says: {_PAPER}")
_WIDTH = (
    "the deck trains a width for each of the ten outputs; the paper's radial basis functions have no bias"
)


def _padded() -> int:
    """Connections of C1 if a border of two zeros keeps its maps as large as the image."""
    return summary(Conv2d(1, 6, 5, padding=2), (1, 32, 32)).totals["connections"]


def _dense() -> int:
    """Weights and biases from each pixel to each unit of C1."""
    from torch import nn

    return summary(nn.Linear(32 * 32, 6 * 28 * 28), (32 * 32,)).totals["parameters"]


def _side(side: int) -> int:
    """Side of the maps that reach the classifier of the deck's PyTorch code, which never rounds up."""
    side = (side - 11) // 4 + 1  # conv1, no padding; conv2 to conv5 keep the size
    for _ in range(3):
        side = (side - 3) // 2 + 1
    return side


def _one_column() -> tuple[int, ...]:
    """A filter of conv3 that sees the maps of one column of conv2."""
    attrs = {name: books("alexnet").trace[name].attrs for name in ("conv2", "conv3")}
    return (*attrs["conv3"]["kernel"], attrs["conv2"]["out_maps"] // attrs["conv2"]["groups"])


LENET = (
    Says(32, "1998", "year of LeNet-5", World("a year")),
    Says(
        35,
        "2",
        "convolutional layers of lenet5_relu_max, the code below; the paper has three, C5 being one",
        Count("lenet5_relu_max", "conv_layers"),
    ),
    Says(
        35,
        "3",
        "fully connected layers of lenet5_relu_max, the code below; the paper has two, F6 and the output",
        Count("lenet5_relu_max", "fc_layers"),
    ),
    Says(36, "60,000", "parameters of LeNet-5", Count("lenet5", "parameters")),
    Says(
        50,
        "Avg. pooling",
        "pooling of LeNet-5",
        Told("trainable subsampling", "LeCun et al. 1998, section II.B"),
        why="plain averages have no weights, and the deck itself counts 12 and 32 of them below",
    ),
    Says(
        55,
        "MSE",
        "loss of LeNet-5, beside a softmax",
        Told(
            "mean squared error or maximum a posteriori, of radial basis functions",
            "LeCun et al. 1998, section II.C",
        ),
        why="the paper's losses are of its radial basis functions; a softmax goes with the cross entropy",
    ),
    Says(56, "32x32x1", "size of an image", Count("lenet5", "output_size", "input")),
    Says(57, "28x28", "size of an image of MNIST", World("a fact about a data set")),
    Says(58, "32", "side of an image, padded", Count("lenet5", "side", "input")),
    Says(69, "1", "stride of C1", Count("lenet5", "stride", "c1")),
    Says(71, "(5*5+1)*32*32*6", "connections of C1, padded", Worked("a convolution with padding 2", _padded)),
    Says(74, "6 ", "maps of C1", Count("lenet5", "maps", "c1")),
    Says(74, "5x5x1", "filter of C1", Count("lenet5", "filter", "c1")),
    Says(74, r"156=(5*5+1(\text{bias}))*6", "parameters of C1", Count("lenet5", "parameters", "c1")),
    Says(74, "122,304=(5*5+1)*28*28*6", "connections of C1", Count("lenet5", "connections", "c1")),
    Says(
        (76, 78),
        "(32*32+1)*28*28*6=4,821,600",
        "parameters of a multilayer perceptron in the place of C1",
        Worked("a fully connected layer from 1,024 to 4,704", _dense),
    ),
    Says(88, "2x2", "window of S2", Count("lenet5", "kernel", "s2")),
    Says(88, "stride 2", "stride of S2", Count("lenet5", "stride", "s2")),
    Says(
        88,
        r"12 = (1(\text{weight}) + 1(\text{bias})) * 6",
        "parameters of S2",
        Count("lenet5", "parameters", "s2"),
    ),
    Says(88, "5880 = (2 * 2 + 1) * 14 * 14 * 6", "connections of S2", Count("lenet5", "connections", "s2")),
    Says(
        98,
        "C2→S3",
        "name of the step",
        Told("S2→C3", "LeCun et al. 1998, figure 2"),
        why="the letters are exchanged: the maps of the subsampling S2 are read by the convolution C3",
    ),
    Says(98, "5x5", "kernel of C3", Count("lenet5", "kernel", "c3")),
    Says(98, "1516=5*5*60+16", "parameters of C3", Count("lenet5", "parameters", "c3")),
    Says(98, "151600=(5*5*60+16)*10*10", "connections of C3", Count("lenet5", "connections", "c3")),
    Says(108, "2x2", "window of S4", Count("lenet5", "kernel", "s4")),
    Says(
        108,
        r"32=(1(\text{weight})+1(\text{bias})) \cdot 16",
        "parameters of S4",
        Count("lenet5", "parameters", "s4"),
    ),
    Says(
        108,
        r"2000=(2 \cdot 2+1) \cdot 5 \cdot 5 \cdot 16",
        "connections of S4",
        Count("lenet5", "connections", "s4"),
    ),
    Says(120, "5x5", "kernel of C5", Count("lenet5", "kernel", "c5")),
    Says(
        120,
        r"48,120 = 5 * 5 * 16 * 120 + 120(\text{bias})",
        "parameters of C5, and as many connections",
        Count("lenet5", "parameters", "c5"),
    ),
    Says(
        130,
        "10,164 = (120+1) * 84",
        "parameters of F6, and as many connections",
        Count("lenet5", "parameters", "f6"),
    ),
    Says(
        140,
        "850=(84+1)*10",
        "parameters of the output, and as many connections",
        Count("lenet5", "fixed", "output"),
        why=_WIDTH,
        theirs=Count("lenet5_gaussian", "parameters", "output"),
    ),
    Says(149, r"32\*32\*1", "size of an image", Count("lenet5", "output_size", "input")),
    Says(
        152,
        "60,850",
        "parameters of LeNet-5",
        Count("lenet5", "parameters"),
        why=f"{_WIDTH}, and its 840 centres are fixed",
        theirs=Count("lenet5_gaussian", "parameters"),
    ),
    Says(
        152,
        "340,918",
        "connections of LeNet-5",
        Count("lenet5", "connections"),
        why=_WIDTH,
        theirs=Count("lenet5_gaussian", "connections"),
    ),
)
PYTORCH = (
    Says(165, "1 input", "input channels", Count("lenet5_relu_max", "maps", "input")),
    Says(165, "6 output", "maps of conv1", Count("lenet5_relu_max", "maps", "conv1")),
    Says(165, "5x5", "kernel of conv1", Count("lenet5_relu_max", "kernel", "conv1")),
    Says(166, "1, ", "input channels", Count("lenet5_relu_max", "maps", "input")),
    Says(166, "6, ", "maps of conv1", Count("lenet5_relu_max", "maps", "conv1")),
    Says(166, "5)", "window of conv1", Count("lenet5_relu_max", "window", "conv1")),
    Says(167, "6, ", "maps of conv1", Count("lenet5_relu_max", "maps", "conv1")),
    Says(167, "16, ", "maps of conv2", Count("lenet5_relu_max", "maps", "conv2")),
    Says(167, "5)", "window of conv2", Count("lenet5_relu_max", "window", "conv2")),
    Says(
        169,
        "6*6",
        "size of the maps that are flattened",
        Worked(
            "pool2 without its maps", lambda: (books("lenet5_relu_max").trace["pool2"].output_size or ())[1:]
        ),
        why="a comment that was left behind by another network: the line below it has 16 * 5 * 5",
    ),
    Says(170, "16 * 5 * 5", "inputs of fc1", Count("lenet5_relu_max", "inputs", "fc1")),
    Says((170, 171), "120", "units of fc1", Count("lenet5_relu_max", "outputs", "fc1")),
    Says((171, 172), "84", "units of fc2", Count("lenet5_relu_max", "outputs", "fc2")),
    Says(172, "10", "units of fc3", Count("lenet5_relu_max", "outputs", "fc3")),
    Says((176, 177), "(2, 2)", "window of pool1", Count("lenet5_relu_max", "kernel", "pool1")),
    Says(179, "2)", "window of pool2", Count("lenet5_relu_max", "window", "pool2")),
)
KERAS = (
    Says(208, "filters=6", "maps of conv2d", Count("lenet5_relu_avg", "maps", "conv2d")),
    Says(208, "(5, 5)", "kernel of conv2d", Count("lenet5_relu_avg", "kernel", "conv2d")),
    Says(208, "(32,32,1)", "size of an image", Count("lenet5_relu_avg", "output_size", "input")),
    Says(210, "filters=16", "maps of conv2d_1", Count("lenet5_relu_avg", "maps", "conv2d_1")),
    Says(210, "(5, 5)", "kernel of conv2d_1", Count("lenet5_relu_avg", "kernel", "conv2d_1")),
    Says(213, "120", "units of dense", Count("lenet5_relu_avg", "outputs", "dense")),
    Says(214, "84", "units of dense_1", Count("lenet5_relu_avg", "outputs", "dense_1")),
    Says(215, "10", "units of dense_2", Count("lenet5_relu_avg", "outputs", "dense_2")),
)

FEATURES = (
    Says(243, "2012", "year of AlexNet", World("a year")),
    Says(244, "2012", "year of the competition", World("a year")),
    Says(
        245,
        "15.4%",
        "top-5 error on the test images",
        Told("15.3%", "Krizhevsky et al. 2012, table 2: seven networks"),
        why="15.4 % is the seven networks' error on the validation images, 15.3 % on the test images",
    ),
    Says(245, "26.2%", "top-5 error of the second place", World("a measurement")),
    Says(267, "224 Width x 224 Height x 3", "size of an image", Count("alexnet", "output_size", "input")),
    Says(269, "96", "maps of conv1", Count("alexnet", "maps", "conv1")),
    Says(269, "11x11x3", "filter of conv1", Count("alexnet", "filter", "conv1")),
    Says(271, "256", "maps of conv2", Count("alexnet", "maps", "conv2")),
    Says(271, "5x5x48", "filter of conv2", Count("alexnet", "filter", "conv2")),
    Says(273, "384", "maps of conv3", Count("alexnet", "maps", "conv3")),
    Says(
        273,
        "3x3x128",
        "filter of conv3",
        Count("alexnet", "filter", "conv3"),
        why="conv3 is where the two columns meet: its filters see the maps of both",
        theirs=Worked("the maps of one of the two columns of conv2", _one_column),
    ),
    Says(276, "384", "maps of conv4", Count("alexnet", "maps", "conv4")),
    Says(276, "3x3x192", "filter of conv4", Count("alexnet", "filter", "conv4")),
    Says(278, "256", "maps of conv5", Count("alexnet", "maps", "conv5")),
    Says(278, "3x3x192", "filter of conv5", Count("alexnet", "filter", "conv5")),
    Says(280, "4096", "units of fc6", Count("alexnet", "outputs", "fc6")),
    Says(282, "4096", "units of fc7", Count("alexnet", "outputs", "fc7")),
    Says(284, "1000", "units of fc8", Count("alexnet", "outputs", "fc8")),
    Says(288, "by 2", "groups of conv2", Count("alexnet", "groups", "conv2")),
    Says(291, "256", "maps of conv2", Count("alexnet", "maps", "conv2")),
    Says(292, "128", "maps of a group of conv2", Count("alexnet", "maps_of_a_group", "conv2")),
    Says((291, 292), "5x5x48", "filter of conv2", Count("alexnet", "filter", "conv2")),
    Says(292, r"\* 2", "groups of conv2", Count("alexnet", "groups", "conv2")),
    Says(
        300,
        "256x256x3",
        "size of an image of the data set",
        World("a fact about how the images were prepared"),
    ),
    Says(301, "224×224×3", "size of an image", Count("alexnet", "output_size", "input")),
    Says(
        304,
        "1 for 2,4,5<sup>th</sup> conv. 0 for others",
        "initial biases",
        Told("1 in conv2, conv4, conv5, fc6 and fc7", _PAPER),
        why="fc6 and fc7 begin with biases of 1 as well",
    ),
    Says(306, "128", "images of a batch", _AS_THERE),
    Says(307, "0.9", "momentum", _AS_THERE),
    Says(308, "0.0005", "weight decay", _AS_THERE),
    Says(309, "0.01", "learning rate", _AS_THERE),
)


def _code(line: int, layer: str, *cells: tuple[str, str]) -> tuple[Says, ...]:
    """A line of the deck's PyTorch code: texts, and what they set."""
    return tuple(
        Says(line, text, f"{quantity.replace('_', ' ')} of {layer}", Count("alexnet_caffe", quantity, layer))
        for text, quantity in cells
    )


_LRN = (("size=5", "size"), ("alpha=0.0001", "alpha"), ("beta=0.75", "beta"))
_POOL = (("kernel_size=3", "window"), ("stride=2", "stride"))
_CONV = (("kernel_size=3", "window"), ("padding=1", "padding"))
PYTORCH_ALEXNET = (
    Says(330, "1000", "classes", Count("alexnet_caffe", "outputs", "fc8")),
    Says(333, "(3, ", "input channels", Count("alexnet_caffe", "maps", "input")),
    *_code(
        333,
        "conv1",
        ("96", "maps"),
        ("kernel_size=11", "window"),
        ("stride=4", "stride"),
        ("padding=0", "padding"),
    ),
    *_code(335, "norm1", *_LRN),
    *_code(336, "pool1", *_POOL),
    Says(337, "(96, ", "maps of conv1", Count("alexnet_caffe", "maps", "conv1")),
    *_code(
        337,
        "conv2",
        ("256", "maps"),
        ("kernel_size=5", "window"),
        ("padding=2", "padding"),
        ("groups=2", "groups"),
    ),
    *_code(339, "norm2", *_LRN),
    *_code(340, "pool2", *_POOL),
    Says(341, "256", "maps of conv2", Count("alexnet_caffe", "maps", "conv2")),
    *_code(341, "conv3", ("384", "maps"), *_CONV),
    Says(343, "(384, ", "maps of conv3", Count("alexnet_caffe", "maps", "conv3")),
    *_code(343, "conv4", (", 384", "maps"), *_CONV, ("groups=2", "groups")),
    Says(345, "384", "maps of conv4", Count("alexnet_caffe", "maps", "conv4")),
    *_code(345, "conv5", ("256", "maps"), *_CONV, ("groups=2", "groups")),
    *_code(347, "pool5", *_POOL),
    Says(
        350, "256 * 6 * 6", "inputs of fc6, of images of 227 x 227", Count("alexnet_caffe", "inputs", "fc6")
    ),
    *_code(350, "fc6", ("4096", "outputs")),
    *_code(353, "fc7", ("(4096", "inputs"), (", 4096", "outputs")),
    *_code(356, "fc8", ("4096", "inputs")),
    Says(
        363,
        "256 * 6 * 6",
        "numbers of an image before fc6, at the 224 x 224 that this deck names",
        Worked("54, 26, 12 and 5 units a side, of 256 maps", lambda: 256 * _side(224) ** 2),
        why="the code stops with an error at 224 x 224: nothing rounds up; it needs 227, or padding 2",
        theirs=Worked("the same of images of 227 x 227", lambda: 256 * _side(227) ** 2),
    ),
)

_MIXED = "the table is of the network for 227 x 227 pixels; the code beside it shrinks it to 32 x 32"
_227 = "the paper and its code take 224 x 224, as this deck says above, and round the number of windows up"
_ROWS = (
    # line of the first table, layer, maps, size, window, stride, as printed
    (370, "conv1", "96", "55 x 55 x 96", "11x11", "4"),
    (371, "pool1", "96", "27 x 27 x 96", "3x3", "2"),
    (372, "conv2", "256", "27 x 27 x 256", "5x5", "1"),
    (373, "pool2", "256", "13 x 13 x 256", "3x3", "2"),
    (374, "conv3", "384", "13 x 13 x 384", "3x3", "1"),
    (375, "conv4", "384", "13 x 13 x 384", "3x3", "1"),
    (376, "conv5", "256", "13 x 13 x 256", "3x3", "1"),
    (377, "pool5", "256", "6 x 6 x 256", "3x3", "2"),
)


def _table(first: int, model: str) -> tuple[Says, ...]:
    """One of the two tables; what is not so in ``model`` is explained by the mixture."""
    found = [_image(first, model)]
    for line, layer, *texts_ in _ROWS:
        for quantity, text in zip(("maps", "output_size", "kernel", "stride"), texts_, strict=True):
            about = f"{quantity.replace('_', ' ')} of {layer}"
            found.append(_cell(first + line - 369, f"\t{text}\t", about, model, quantity, layer))
    for line, layer, text in ((379, "fc6", "4096"), (380, "fc7", "4096"), (381, "fc8", "1000")):
        found.append(_cell(first + line - 369, text, f"units of {layer}", model, "outputs", layer))
    return tuple(found)


def _image(line: int, model: str) -> Says:
    ours, theirs = Count(model, "output_size", "input"), Count("alexnet_single", "output_size", "input")
    return Says(line, "227x227x3", "size of an image", ours, _MIXED if "cifar" in model else _227, theirs)


def _cell(line: int, text: str, about: str, model: str, quantity: str, layer: str) -> Says:
    differs = model == "alexnet_cifar_bn" and (
        quantity == "output_size" or (layer.startswith("pool") and quantity == "kernel")
    )
    ours, theirs = Count(model, quantity, layer), Count("alexnet_single", quantity, layer)
    return (
        Says(line, text, about, ours, why=_MIXED, theirs=theirs) if differs else Says(line, text, about, ours)
    )


def _fourth(line: int, model: str, theirs: Ours, why: str) -> Says:
    return Says(
        line,
        "9216",
        "units of the first of four fully connected rows",
        Count(model, "outputs", "fc6"),
        why,
        theirs,
    )


TABLES = (
    *_table(369, "alexnet"),
    _fourth(
        378,
        "alexnet",
        Count("alexnet", "inputs", "fc6"),
        "the inputs of fc6: the network has three fully connected layers, not four",
    ),
    *_table(421, "alexnet_cifar_bn"),
    _fourth(430, "alexnet_cifar_bn", Count("alexnet_single", "inputs", "fc6"), f"inputs of fc6; {_MIXED}"),
)


def _keras(line: int, layer: str, *cells: tuple[str, str]) -> tuple[Says, ...]:
    """A line of the deck's Keras code: texts, and what they set."""
    return tuple(
        Says(
            line, text, f"{quantity.replace('_', ' ')} of {layer}", Count("alexnet_cifar_bn", quantity, layer)
        )
        for text, quantity in cells
    )


_POOLED = (("pool_size=(2,2)", "kernel"), ("strides=(2,2)", "strides"))
KERAS_ALEXNET = (
    *_keras(392, "conv1", ("filters=96", "maps")),
    Says(392, "(32,32,3)", "size of an image", Count("alexnet_cifar_bn", "output_size", "input")),
    *_keras(392, "conv1", ("(11,11)", "kernel"), ("strides=(4,4)", "strides")),
    *_keras(395, "pool1", *_POOLED),
    *_keras(398, "conv2", ("filters=256", "maps"), ("(5, 5)", "kernel"), ("strides=(1,1)", "strides")),
    *_keras(401, "pool2", *_POOLED),
    *_keras(404, "conv3", ("filters=384", "maps"), ("(3,3)", "kernel"), ("strides=(1,1)", "strides")),
    *_keras(409, "conv4", ("filters=384", "maps"), ("(3,3)", "kernel"), ("strides=(1,1)", "strides")),
    *_keras(414, "conv5", ("filters=256", "maps"), ("(3,3)", "kernel"), ("strides=(1,1)", "strides")),
    *_keras(417, "pool5", *_POOLED),
    *_keras(439, "fc6", ("4096", "outputs")),
    Says(
        439,
        "(32,32,3)",
        "input of fc6",
        Count("alexnet_cifar_bn", "input_size", "fc6"),
        why="the size of an image; fc6 reads the 256 numbers that are flattened",
        theirs=Count("alexnet_cifar_bn", "output_size", "input"),
    ),
    *_keras(443, "drop6", ("0.4", "rate")),
    *_keras(446, "fc7", ("4096", "outputs")),
    *_keras(450, "drop7", ("0.4", "rate")),
    *_keras(453, "fc8", ("1000", "outputs")),
    *_keras(457, "drop8", ("0.4", "rate")),
    *_keras(460, "fc9", ("10", "outputs")),
)

# The lines of the name LeNet-5, alone and in the caption of the figure that every page repeats.
_NAMED = (
    *(5, 28, 30, 41, 43, 45, 62, 67, 80, 85, 90, 95, 100, 105, 112, 117, 122, 127, 132, 137, 142, 147),
    *(155, 199, 218, 222, 227),
)
DECK = Deck(
    "001",
    "Case study: LeNet-5 and AlexNet",
    LENET + PYTORCH + KERAS + FEATURES + PYTORCH_ALEXNET + TABLES + KERAS_ALEXNET,
    (
        whole("the date of the lecture", 2, 9),
        *names("the name of a network", {"LeNet-5": _NAMED}),
        *names(
            "the name of a layer",
            {"C1": (74, 88), "S2": (88,), "C3": (108,), "S4": (108, 120), "C5": (120, 130), "F6": (130, 140)},
        ),
        *names(
            "a name in code",
            {
                "Conv2d": (166, 167, 333, 337, 341, 343, 345),
                "Conv2D": (208, 210, 392, 398, 404, 409, 414),
                "max_pool2d": (177, 179),
                "MaxPool2d": (336, 340, 347),
                "MaxPooling2D": (395, 401, 417),
                "AveragePooling2D": (209, 211),
                "conv1": (166, 177),
                "conv2": (167, 179),
                "fc1": (170, 181),
                "fc2": (171, 182),
                "fc3": (172, 183),
            },
        ),
        texts("the number of a figure", (67, 85, 95, 105, 117, 127, 137, 147), "Fig. 2."),
        texts("the name of a measure", 245, "Top-5"),
        texts("the name of a measure", 250, "Top 5"),
        texts("a position in code", 180, "-1"),
        texts("a position in code", 191, "[1:]"),
        texts("a position in code", 193, "= 1"),
        texts("a position in code", 363, "size(0)"),
        texts("the name of a tutorial or a data set", 226, "T2-1", "CIFAR10"),
        texts("the name of a tutorial", 227, "T2-2"),
        texts("a rank", 245, "2<sup>nd</sup>"),
        texts("the number of a layer", 269, "Convolution 1"),
        texts("the number of a layer", 271, "Convolution 2"),
        texts("the number of a layer", 273, "Convolution 3"),
        texts("the number of a layer", 276, "Convolution 4"),
        texts("the number of a layer", 278, "Convolution 5"),
        texts("the number of a layer", 280, "Fully-Connected 1"),
        texts("the number of a layer", 282, "Fully-Connected 2"),
        texts("the number of a layer", 288, "2nd"),
        texts("a label of a figure", 315, "1 GPU"),
        texts("the number of a table's row", (370, 422), "1\tC"),
        texts("the number of a table's row", (372, 424), "2\tC"),
        texts("the number of a table's row", (374, 426), "3\tC"),
        texts("the number of a table's row", (375, 427), "4\tC"),
        texts("the number of a table's row", (376, 428), "5\tC"),
        texts("the number of a table's row", (378, 430), "6\tF"),
        texts("the number of a table's row", (379, 431), "7\tF"),
        texts("the number of a table's row", (380, 432), "8\tF"),
        texts("how many images are fed at once", (369, 421), "Image\t1\t"),
        whole("the number of a layer, in a comment", 1, 391, 397, 403, 408, 413, 438, 445, 452),
    ),
)
