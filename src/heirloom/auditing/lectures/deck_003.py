"""Lecture deck 003, "CNN examples, autoencoder, RNN": what it says, and what of it holds."""

from heirloom.auditing.lectures.deck import (
    Count,
    Deck,
    Formula,
    Says,
    World,
    names,
    texts,
)

_SET = World("the size of a data set")
_LENET = (
    # line, layer, size of its input, its window, its maps: as printed, "" where nothing is
    (12, "conv1", "28 X 28 X 1", "5 X 5", "20"),
    (13, "pool1", "24 X 24 X 20", "2 X 2", ""),
    (14, "conv2", "12 X 12 X 20", "5 X 5", "50"),
    (15, "pool2", "8 X 8 X 50", "2 X 2", ""),
    (16, "ip1", "800", "1 X 1", "500"),
    (17, "ip2", "500", "", "10"),
)
_ALEXNET = (
    (43, "conv1", "224 X 224 X 3", "11 X 11", ""),  # its maps stand behind its stride
    (44, "pool1", "", "3 X 3", ""),
    (45, "conv2", "", "5 X 5", "256"),
    (46, "pool2", "", "3 X 3", ""),
    (47, "conv3", "13 X 13 X 256", "3 X 3", "384"),
    (48, "conv4", "13 X 13 X 384", "3 X 3", "384"),
    (49, "conv5", "13 X 13 X 384", "3 X 3", "256"),
    (50, "fc6", "", "1 X 1", "4096"),
    (51, "fc7", "4096", "1 X 1", "4096"),
    (52, "fc8", "4096", "", "1000"),
)


def _table(model: str, rows: tuple[tuple[int, str, str, str, str], ...]) -> tuple[Says, ...]:
    found = []
    for line, layer, size, window, maps in rows:
        quantity = "input_size" if " X " in size else "inputs"
        found += [Says(line, size, f"input of {layer}", Count(model, quantity, layer))] if size else []
        found += [Says(line, window, f"window of {layer}", Count(model, "kernel", layer))] if window else []
        found += [Says(line, maps, f"maps of {layer}", Count(model, "maps", layer))] if maps else []
    return tuple(found)


LENET = (
    *_table("lenet_caffe", _LENET),
    Says(
        19,
        "7/3",
        "pixels of the input from a pixel of layer 3 to the next",
        Count("lenet_caffe", "jump", "pool1"),
        why="28 / 12, the ratio of the sizes, which the borders shrink; one pooling with stride 2 makes it 2",
        theirs=Formula("28 / 12"),
    ),
    Says(21, "5X5", "receptive field of layer 1", Count("lenet_caffe", "kernel", "conv1")),
    Says(
        30,
        "75",
        "epochs of training",
        World(
            "a setting of the deck's own training; Caffe's, lenet_solver.prototxt, takes 10,000 steps of 64 "
            "images, 10.67 epochs"
        ),
    ),
    Says(
        30,
        "0.01",
        "learning rate",
        World("a setting of the deck's own training; Caffe's begins with 0.01 and lowers it to 0.0059"),
    ),
    Says(
        32,
        "99.38%",
        "accuracy on MNIST",
        World("a measurement of another training than Caffe's, whose log ends at 98.97 %"),
    ),
)
ALEXNET = (
    Says(
        45,
        "55 X 55 X 96",
        "input of conv2",
        Count("alexnet", "input_size", "conv2"),
        why="the size before the pooling, which the row above names",
        theirs=Count("alexnet", "output_size", "conv1"),
    ),
    Says(
        50,
        "43264",
        "inputs of fc6",
        Count("alexnet", "inputs", "fc6"),
        why="13 x 13 x 256, before the last pooling, which the table leaves out; with it 6 x 6 x 256",
        theirs=Count("alexnet", "outputs", "conv5"),
    ),
    *_table("alexnet", _ALEXNET),
    Says(43, "4", "stride of conv1", Count("alexnet", "stride", "conv1")),
    Says(43, "96", "maps of conv1", Count("alexnet", "maps", "conv1")),
    Says(44, "2", "stride of pool1", Count("alexnet", "stride", "pool1")),
    Says(46, "2", "stride of pool2", Count("alexnet", "stride", "pool2")),
    Says(
        56,
        "~ 52",
        "receptive field of layer 7, in pixels",
        Count("alexnet", "receptive_field", "conv5"),
        why="the 3 pixels of the window times 224 / 13, rounded; the windows before it widen the field to "
        "163, three quarters of the image",
        theirs=Formula("3 x 224 / 13"),
    ),
    Says(62, "Imagenet -15 million", "images of ImageNet", _SET, shown="15 million"),
    Says(62, "22,000", "categories of ImageNet", _SET),
    Says(65, "96%", "what people reach", World("a measurement")),
    Says(67, "1000", "categories of the competition", Count("alexnet", "outputs", "fc8")),
    Says(68, "80%", "mark that AlexNet was the first to break", World("a measurement")),
    Says(81, "3GB", "memory of a graphics card", World("a fact about a graphics card")),
)

DECK = Deck(
    "003",
    "CNN examples, autoencoder, RNN",
    LENET + ALEXNET,
    (
        *(
            texts("the number of a table's row", line, f"{number}\t")
            for rows in (_LENET, _ALEXNET)
            for number, (line, *_) in enumerate(rows, 1)
        ),
        texts("the name of a layer", 19, "layer 3"),
        texts("the name of a layer", 21, "layer 1"),
        texts("the name of a layer", 54, "layer 7"),
        texts("the name of a graphics card", 81, "GTX 580"),
        *names(
            "the number of a page",
            {
                "1 of 3": (40,),
                "2 of 3": (60,),
                "3 of 3": (71,),
                "1/4": (151,),
                "1 of 4": (99,),
                "2 of 4": (115, 159),
                "3 of 4": (124, 167),
                "4 of 4": (136, 173),
            },
        ),
        texts("the year of a reference", (38, 58, 87), "*. 2012."),
        texts("the number of a list's item", 140, "- 1. "),
        texts("the number of a list's item", (129, 141), "- 2. "),
        texts("the number of a case", 130, "Case 1: "),
        texts("the number of a case", 143, "Case 2:"),
    ),
)
