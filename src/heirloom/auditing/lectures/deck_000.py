"""Lecture deck 000, "LeNet and AlexNet": what it says, and what of it holds."""

from functools import partial

from heirloom.auditing.lectures.deck import (
    Count,
    Deck,
    Formula,
    Says,
    Worked,
    World,
    texts,
    whole,
)
from heirloom.auditing.readings import books

_SET = World("the size of a data set")
_TABLE = "the columns of table I of LeCun et al. 1998, turned into rows"
_COLUMNS = "the kernels of this deck, 5x5x48 and 3x3x192, are those of two columns; the number is that of one"


# The five printed rows of the connection table, one for each of the maps 0 to 4 of S2. X: that map of C3
# reads it.
_X = ("X...XXX..XXXX.XX", "XX...XXX..XXXX.X", "XXX...XXX..X.XXX", ".XXX..XXXX..X.XX", "..XXX..XXXX.XX.X")


def _reading(row: int) -> tuple[int, ...]:
    """The maps of C3 that read one map of S2."""
    table = books("lenet5").trace["c3"].attrs["table"]
    return tuple(number for number, maps in enumerate(table) if row in maps)


def _rows() -> tuple[Says, ...]:
    """One claim for each printed row: its marks, which the text must have, are the maps that read it."""
    return tuple(
        Says(
            50 + row,
            "\t" + "\t".join(marks).replace(".", ""),
            f"maps of C3 that read map {row} of S2",
            Worked(_TABLE, partial(_reading, row)),
            shown=", ".join(str(place) for place, mark in enumerate(marks) if mark == "X"),
        )
        for row, marks in enumerate(_X)
    )


def _table_rows() -> int:
    """Input maps that the connection table of LeNet-5 has rows for."""
    return int(books("lenet5").trace["c3"].attrs["in_maps"])


LENET = (
    Says(13, "1998", "year of LeNet-5", World("a year")),
    Says(14, "3", "convolutional layers of LeNet-5", Count("lenet5", "conv_layers")),
    Says(44, "1516", "parameters of C3", Count("lenet5", "parameters", "c3")),
    *_rows(),
    Says(
        50,
        "X\t\t\t\tX\tX\tX",
        "rows of the connection table",
        Worked(
            "the maps of S2 that table I of LeCun et al. 1998 has rows for", lambda: f"{_table_rows()} rows"
        ),
        why="the row of the last map of S2 is missing, which the maps 3, 4, 5, 8, 9, 10, 11, 13, 14 and 15 "
        "read; the five printed rows are right",
        shown="5 rows",
    ),
    Says(59, "16", "maps of C3", Count("lenet5", "maps", "c3")),
    Says(59, "5x5", "kernel of C3", Count("lenet5", "kernel", "c3")),
    Says(60, "16", "maps of C3", Count("lenet5", "maps", "c3")),
    Says(71, "2x2", "window of S2", Count("lenet5", "kernel", "s2")),
    Says(72, "4", "units that S2 adds", Formula("2 x 2")),
    Says(80, "400", "numbers that a filter of C5 reads", Count("lenet5", "inputs", "c5")),
    Says((81, 82), "120", "maps of C5", Count("lenet5", "maps", "c5")),
    Says(81, "5x5x16", "filter of C5", Count("lenet5", "filter", "c5")),
    Says(82, "1x1", "size of a map of C5", Worked("without the maps", lambda: _plane("lenet5", "c5"))),
    Says(83, "48120", "parameters of C5", Count("lenet5", "parameters", "c5")),
    Says(94, "10", "units of the output", Count("lenet5", "outputs", "output")),
)


def _plane(model: str, layer: str) -> tuple[int, ...]:
    return (books(model).trace[layer].output_size or ())[1:]


IMAGENET = (
    Says(127, "15 million", "images of ImageNet", _SET),
    Says(128, "22000", "classes of ImageNet", _SET),
    Says(135, "1000", "classes of the subset", Count("alexnet", "outputs", "fc8")),
    Says(
        136,
        "1000",
        'images of a class, "around"',
        World("a mean: 1.2 million images of 1000 classes, 1,200 each"),
    ),
    Says(137, "1.2 million", "images for training", _SET),
    Says(138, "50,000", "images for validation", _SET),
    Says(
        139,
        "150,000",
        "images for testing",
        World("those of the competition of 2010, as the paper says; that of 2012 had 100,000"),
    ),
)
ALEXNET = (
    Says(149, "8", "layers with weights", Count("alexnet", "depth")),
    Says(150, "5", "convolutional layers", Count("alexnet", "conv_layers")),
    Says(150, "3", "fully connected layers", Count("alexnet", "fc_layers")),
    Says(152, "3", "pooling layers", Count("alexnet", "pool_layers")),
    Says(153, "60 million", "parameters", Count("alexnet", "parameters")),
    Says(160, "224x224x3", "size of an image", Count("alexnet", "output_size", "input")),
    Says(161, "96", "maps of conv1", Count("alexnet", "maps", "conv1")),
    Says(161, "11x11x3", "filter of conv1", Count("alexnet", "filter", "conv1")),
    Says(162, "4", "stride of conv1", Count("alexnet", "stride", "conv1")),
    Says(
        162,
        "2",
        "padding of conv1",
        Count("alexnet", "padding", "conv1"),
        why="the paper names none: its code rounds (224 - 11) / 4 + 1 up to 55; two pixels are torchvision's "
        "way to 55",
        theirs=Count("alexnet_owt", "padding", "conv1"),
    ),
    Says(163, "55x55x96", "size after conv1", Count("alexnet", "output_size", "conv1")),
    Says(177, "27x27x96", "input of conv2", Count("alexnet", "input_size", "conv2")),
    Says(178, "256", "maps of conv2", Count("alexnet", "maps", "conv2")),
    Says(178, "5x5x48", "filter of conv2", Count("alexnet", "filter", "conv2")),
    Says(179, "2", "padding of conv2", Count("alexnet", "padding", "conv2")),
    Says(179, "1", "stride of conv2", Count("alexnet", "stride", "conv2")),
    Says(180, "27x27x256", "size after conv2", Count("alexnet", "output_size", "conv2")),
    Says(192, "13x13x256", "input of conv3", Count("alexnet", "input_size", "conv3")),
    Says(193, "384", "maps of conv3", Count("alexnet", "maps", "conv3")),
    Says(193, "3x3x256", "filter of conv3", Count("alexnet", "filter", "conv3")),
    Says(194, "1", "padding of conv3", Count("alexnet", "padding", "conv3")),
    Says(194, "1", "stride of conv3", Count("alexnet", "stride", "conv3")),
    Says(195, "13x13x384", "size after conv3", Count("alexnet", "output_size", "conv3")),
    Says(207, "13x13x384", "input of conv5", Count("alexnet", "input_size", "conv5")),
    Says(208, "256", "maps of conv5", Count("alexnet", "maps", "conv5")),
    Says(208, "3x3x192", "filter of conv5", Count("alexnet", "filter", "conv5")),
    Says(209, "1", "padding of conv5", Count("alexnet", "padding", "conv5")),
    Says(209, "1", "stride of conv5", Count("alexnet", "stride", "conv5")),
    Says(210, "13x13x256", "size after conv5", Count("alexnet", "output_size", "conv5")),
    Says(217, "13x13x256", "input of pool5", Count("alexnet", "input_size", "pool5")),
    Says(219, "3x3", "window of pool5", Count("alexnet", "kernel", "pool5")),
    Says(220, "2", "stride of pool5", Count("alexnet", "stride", "pool5")),
    Says(221, "6x6x256", "size after pool5", Count("alexnet", "output_size", "pool5")),
    Says(
        239,
        "62.3 million",
        "parameters",
        Count("alexnet", "parameters"),
        why=f"{_COLUMNS}, 62,378,344, cut off behind the first decimal",
        theirs=Count("alexnet_single", "parameters"),
    ),
    Says(
        240,
        "3.7 million",
        "parameters of the convolutions",
        Count("alexnet", "conv_parameters"),
        why=_COLUMNS,
        theirs=Count("alexnet_single", "conv_parameters"),
    ),
    Says(
        240,
        "6%",
        "share of the convolutions",
        Count("alexnet", "conv_share"),
        why=_COLUMNS,
        theirs=Count("alexnet_single", "conv_share"),
    ),
    Says(240, "58.6 million", "parameters of the fully connected layers", Count("alexnet", "fc_parameters")),
    Says(
        240,
        "94%",
        "share of the fully connected layers",
        Count("alexnet", "fc_share"),
        why=_COLUMNS,
        theirs=Count("alexnet_single", "fc_share"),
    ),
    Says(243, "4096", "input of fc8", Count("alexnet", "inputs", "fc8")),
    Says(245, "1000", "outputs of fc8", Count("alexnet", "outputs", "fc8")),
    Says(251, "96", "filters of conv1", Count("alexnet", "maps", "conv1")),
)

DECK = Deck(
    "000",
    "LeNet and AlexNet",
    LENET + IMAGENET + ALEXNET,
    (
        texts("the name of a course", 4, "CS 470", "CS 570"),
        texts("the name of a lecture", 6, "Module 4", "Lecture 2"),
        whole("digits of a picture", 10, range(18, 28)),
        whole("numbers of the table's columns", 16, 49),
        texts("the name of a layer or a class", 101, "F6", "'4'"),
        texts("the name of a layer or a class", 251, "layer 1"),
    ),
)
