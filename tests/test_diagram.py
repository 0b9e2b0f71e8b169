"""The picture diagram: its numbers beside the summary, its labels beside one another, and its three ways."""

import itertools
import json
import xml.etree.ElementTree as ET

import pytest
import torch
from conftest import Call
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from heirloom.accounting import summary
from heirloom.data.preprocessing import Preprocess
from heirloom.figures.architecture import (
    Layer,
    Parallel,
    Repeat,
    Tangle,
    blocks_of,
    every,
    layers_of,
    of_one_form,
)
from heirloom.figures.arranging import narrowest, split
from heirloom.figures.diagram import idiom_of, picture
from heirloom.figures.drawing import draw
from heirloom.figures.palette import LIGHT
from heirloom.figures.picture import Asked, Subject
from heirloom.figures.writing import svg
from heirloom.models import MODELS, create_model
from heirloom.ops.shapes import WithoutMemory
from heirloom.tracing import trace

SVG = "{http://www.w3.org/2000/svg}"
pytestmark = pytest.mark.usefixtures("one_thread")


def drawn(model, size, label="net"):
    return picture(Asked([Subject(label, label, {}, model, Preprocess(tuple(size)))]))


def overlaps(one, other):
    return (
        min(one[2], other[2]) - max(one[0], other[0]) > 0.5
        and min(one[3], other[3]) - max(one[1], other[1]) > 0.5
    )


def check_labels(canvas):
    """All text lies on the page, apart from all other text, and is large enough on a slide."""
    boxes = [(words.box, words.text) for words in canvas.words()]
    for (left, top, right, bottom), text in boxes:
        assert left >= 0, text
        assert top >= 0, text
        assert right <= canvas.width, text
        assert bottom <= canvas.height, text
    boxes.sort()
    for i, (one, text) in enumerate(boxes):
        for other, beside in boxes[i + 1 :]:
            if other[0] > one[2]:
                break
            assert not overlaps(one, other), (text, beside)
    # As large as it can be on a slide of 1600 x 900, no letter is smaller than a hundredth of its height.
    scale = min(1600 / canvas.width, 900 / canvas.height)
    assert min(words.size for words in canvas.words()) * scale >= 9


def check_numbers(made, totals, not_run):
    layers = made.numbers["layers"]
    assert made.numbers["totals"] == totals
    for column in ("parameters", "macs", "connections"):
        rest = not_run if column == "parameters" else 0
        assert sum(layer[column] for layer in layers) + rest == totals[column], column
    root = ET.fromstring(svg(made.art, LIGHT, made.title, made.description))
    groups = [g for g in root.iter(f"{SVG}g") if g.get("data-name")]
    assert sum(int(g.get("data-parameters")) for g in groups) + not_run == totals["parameters"]
    assert sum(int(g.get("data-macs")) for g in groups) == totals["macs"]
    names = [name for g in groups for name in (g.get("data-names") or g.get("data-name")).split(" ")]
    assert sorted(names) == sorted(layer["name"] for layer in layers)
    assert len({g.get("id") for g in groups}) == len(groups)
    for g in groups:
        assert g[0].tag == f"{SVG}title"
        assert g.get("data-name") in g[0].text


@pytest.mark.parametrize("name", [name for name in MODELS if name != "resnet1202"])
def test_every_network(name):
    with WithoutMemory():
        model = create_model(name)
    made = drawn(model, model.input_size, name)
    given = summary(model).as_dict()
    not_run = sum(row["parameters"] for row in given["rows"] if not row["executed"])
    check_numbers(made, given["totals"], not_run)
    check_labels(made.art)


@pytest.mark.parametrize(
    ("name", "idiom"),
    [("lenet5", "stacked maps"), ("lstm", "stacked maps"), ("alexnet", "boxes"), ("deepface", "boxes"),
     ("vgg16", "columns"), ("googlenet", "columns"), ("resnet18", "columns")],
)  # fmt: skip
def test_ways_of_drawing(name, idiom):
    layers = layers_of(summary(name).trace)
    assert idiom_of(layers) == idiom
    for layer in layers:  # by structure, never by name
        layer.name = "x"
    assert idiom_of(layers) == idiom


def test_repeated_layers_are_folded_as_in_the_papers():
    found = [
        (len(item.copies), item.first[0].does) if isinstance(item, Repeat) else item.does
        for item in blocks_of(layers_of(summary("vgg16").trace))
    ]
    pool = "max pool 2×2"  # table 1 of Simonyan and Zisserman 2015, column D
    assert found == [
        "input", (2, "3×3 conv, 64"), pool, (2, "3×3 conv, 128"), pool, (3, "3×3 conv, 256"), pool,
        (3, "3×3 conv, 512"), pool, (3, "3×3 conv, 512"), pool, (2, "fc 4096"), "fc 1000",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "blocks"),
    [("resnet50", (3, 4, 6, 3)), ("resnet152", (3, 8, 36, 3)), ("resnet110", (18, 18, 18))],
)
def test_blocks_of_resnets(name, blocks):
    """Table 1 of He et al. 2016, and section 4.2: the first block of a stage may differ from the others."""
    counts, sizes = [], []
    for item in blocks_of(layers_of(summary(name).trace)):
        if isinstance(item, Layer):
            continue
        size = list(every(item))[-1].size
        copies = len(item.copies) if isinstance(item, Repeat) else 1
        if sizes and size == sizes[-1]:
            counts[-1] += copies
        else:
            counts.append(copies)
            sizes.append(size)
    assert tuple(counts) == blocks


def test_branches_of_an_inception_module():
    module = next(i for i in blocks_of(layers_of(summary("googlenet").trace)) if isinstance(i, Parallel))
    assert [[layer.does for layer in branch] for branch in module.branches] == [
        ["1×1 conv, 64"], ["1×1 conv, 96", "3×3 conv, 128"], ["1×1 conv, 16", "5×5 conv, 32"],
        ["max pool 3×3, /1", "1×1 conv, 32"],
    ]  # fmt: skip
    assert module.join.does == "concat"


@pytest.mark.parametrize(
    ("name", "blocks"), [("googlenet", (2, 5, 2)), ("fractalnet20", (5,)), ("resnet18", ()), ("vgg16", ())]
)
def test_blocks_of_one_form_are_put_together(name, blocks):
    items = blocks_of(layers_of(summary(name).trace))
    folded = of_one_form(items)
    assert tuple(len(i.copies) for i in folded if isinstance(i, Repeat) and i.differ) == blocks
    assert [layer.id for layer in every(folded)] == [layer.id for layer in every(items)]


def test_inception_modules_are_a_table():
    """Table 1 of Szegedy et al. 2015: #1x1, #3x3 reduce, #3x3, ... of 4a to 4e, and what they hand on."""
    made = drawn(create_model("googlenet"), (3, 224, 224))
    words = [w.text for w in made.art.words()]
    table = ["192, 160, 128, 112, 256", "96, 112, 128, 144, 160", "208, 224, 256, 288, 320",
             "16, 24, 24, 32, 32", "48, 64, 64, 64, 128", "64, 64, 64, 64, 128"]  # fmt: skip
    assert [word for word in words if word.count(",") == 4] == table
    place = words.index("inception_4a")
    assert words[place : place + 5] == [f"inception_4{letter}" for letter in "abcde"]
    assert words[place + 5 : place + 10] == ["512×14×14"] * 3 + ["528×14×14", "832×14×14"]
    weights = [int(word.replace(",", "")) for word in words[place + 10 : place + 15]]
    module = next(g for g in made.art.groups() if g.data["name"] == "inception_4a.b1x1")
    assert module.data["names"].split() == [f"inception_4{letter}.b1x1" for letter in "abcde"]
    rows = summary("googlenet").as_dict()["rows"]
    assert weights == [
        sum(row["parameters"] for row in rows if row["name"].startswith(f"inception_4{letter}."))
        for letter in "abcde"
    ]


def test_towers_join_where_alexnet_does():
    made = drawn(create_model("alexnet"), (3, 224, 224))
    crossing = [m for m in made.art.marks if getattr(m, "dash", ())]
    assert len(crossing) == 2 * 3  # conv3, fc6 and fc7 read both: section 3.5 of Krizhevsky et al. 2012
    words = [w.text for w in made.art.words()]
    assert words.count("2 × 48 @ 55×55") == 1
    assert words.count("2 × 2,048") == 2


# Modules of one's own -------------------------------------------------------------------------------------


def branched():
    def forward(net, x):
        x = net.stem(x)
        return net.head(torch.cat([net.left(x), x], 1).flatten(1))

    return Call(
        forward, stem=nn.Conv2d(3, 4, 3), left=nn.Conv2d(4, 4, 3, padding=1), head=nn.Linear(8 * 36, 2)
    )


def tangled():
    """Each of two layers reads two before it: no branches, and no chain."""

    def forward(net, x):
        a = net.a(x)
        b = net.b(a)
        c = net.c(a + b)
        return net.d(torch.cat([b, c], 1)) + c

    conv = [nn.Conv2d(3, 4, 3), *(nn.Conv2d(4, 4, 1) for _ in range(2)), nn.Conv2d(8, 4, 1)]
    return Call(forward, **dict(zip("abcd", conv, strict=True)))


def long_names():
    net = nn.Module()
    deep = nn.Sequential()
    deep.add_module("a_layer_whose_name_is_much_longer_than_any_box_" * 3, nn.Conv2d(3, 8, 3))
    net.a_block_with_a_long_name_as_well = deep
    wrapper = Call(lambda net, x: net.inner(x) + net.side(x), inner=deep, side=nn.Conv2d(3, 8, 3))
    return wrapper


OWN = {
    "branch": (branched, (3, 8, 8)),
    "tangle": (tangled, (3, 8, 8)),
    "unnamed": (lambda: nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Sequential(nn.Flatten(),
                                      nn.Linear(108, 1000))), (1, 8, 8)),
    "one layer": (lambda: nn.Linear(5, 1), (5,)),
    "one number": (lambda: nn.Sequential(nn.Flatten(), nn.Linear(1, 1)), (1, 1, 1)),
    "long names": (long_names, (3, 8, 8)),
    "bare": (nn.ReLU, (3, 8, 8)),
    "in sequence": (lambda: nn.Sequential(*(nn.Conv1d(2, 2, 1) for _ in range(3))), (2, 9)),
    "thousand": (lambda: nn.Sequential(*(nn.Linear(4, 4) for _ in range(1000))), (4,)),
    "groups": (lambda: nn.Sequential(nn.Conv2d(3, 5, 3), nn.Conv2d(5, 5, 3, groups=5)), (3, 99, 99)),
    "ends": (lambda: Call(lambda net, x: (net.a(x), net.b(x)), a=nn.Linear(3, 2), b=nn.Linear(3, 4)), (3,)),
}  # fmt: skip


@pytest.mark.parametrize("name", OWN)
def test_own_modules(name):
    make, size = OWN[name]
    model = make()
    made = drawn(model, size, name)
    check_numbers(made, summary(model, size).totals, 0)
    check_labels(made.art)


def test_a_tangle_is_told_from_branches():
    items = blocks_of(layers_of(trace(tangled(), (3, 8, 8))))
    assert any(isinstance(item, Tangle) for item in items)
    items = blocks_of(layers_of(trace(branched(), (3, 8, 8))))
    (parallel,) = [item for item in items if isinstance(item, Parallel)]
    assert [len(branch) for branch in parallel.branches] == [1, 0]  # the convolution, and the shortcut


@pytest.mark.parametrize("form", ["svg", "png"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_two_runs_give_equal_bytes(tmp_path, form, theme):
    one, other = (
        draw("diagram", "lenet5", tmp_path / f"{i}.{form}", theme=theme).read_bytes() for i in (1, 2)
    )
    assert one == other
    numbers = json.loads((tmp_path / "1.json").read_text())
    assert numbers["totals"] == summary("lenet5").totals
    assert [layer["name"] for layer in numbers["layers"]] == [
        "input", "c1", "s2", "c3", "s4", "c5", "f6", "output"
    ]  # fmt: skip


def test_windows_lie_where_they_are():
    """The window of LeNet-5's C1 is 5 of 32 pixels wide, as long as its unit is one of 28."""
    made = drawn(create_model("lenet5"), (1, 32, 32))
    groups = {group.data["name"]: group for group in made.art.groups()}
    plane = groups["input"].marks[0].commands
    left, right = plane[0][1][0][0], plane[1][1][0][0]
    frames = [m for m in made.art.marks if getattr(m, "stroke", "") == "ink" and len(m.commands) == 5]
    xs = [point[0] for _, points in frames[0].commands for point in points]
    assert (max(xs) - min(xs)) / (right - left) == pytest.approx(5 / 32)


def test_convolutions_of_other_dilation_are_other_layers():
    sizes = 1, 1, 2, 4, (1, 2)
    layers = [nn.Conv2d(4, 4, 3, padding="same", dilation=size) for size in sizes]
    blocks = blocks_of(layers_of(trace(nn.Sequential(*layers), (4, 12, 12))))
    assert [next(every(block)).does for block in blocks[1:]] == [
        "3×3 conv, 4", "3×3 conv, 4, dilation 2", "3×3 conv, 4, dilation 4", "3×3 conv, 4, dilation 1×2"
    ]  # fmt: skip
    assert isinstance(blocks[1], Repeat)


def test_windows_reach_as_far_as_their_gradient():
    """Of a dilated convolution behind a padding of its own, against where its gradient is."""
    padding, layer = nn.ZeroPad2d((6, 1, 3, 2)), nn.Conv2d(1, 2, 5, dilation=2)
    made = drawn(nn.Sequential(padding, layer), (1, 16, 16))
    plane = next(g for g in made.art.groups() if g.data["name"] == "input").marks[0]
    window, unit = (
        m.box for m in made.art.marks if getattr(m, "stroke", "") == "ink" and len(m.commands) == 5
    )
    image = torch.zeros(1, 1, 16, 16, requires_grad=True)
    out = layer(padding(image))
    high, wide = out.shape[2:]
    front = [m for m in made.art.groups()[-1].marks if getattr(m, "fill", "")][-1]
    row = round((unit[1] - front.box[1]) / (front.box[3] - front.box[1]) * high)
    column = round((unit[0] - front.box[0]) / (front.box[2] - front.box[0]) * wide)
    out[0, 0, row, column].backward()
    y, x = image.grad[0, 0].nonzero(as_tuple=True)
    side = (plane.box[2] - plane.box[0]) / 16
    pixels = [round((at - plane.box[i % 2]) / side, 6) for i, at in enumerate(window)]
    assert pixels == [int(x.min()), int(y.min()), int(x.max()) + 1, int(y.max()) + 1]


def test_the_command(heirloom, tmp_path):
    (tmp_path / "mine.py").write_text("from torch import nn\nclass Net(nn.Linear):\n    pass\n")
    done = heirloom("draw", "diagram", "mine.py:Net", "--arg", "in_features=3", "--arg", "out_features=2",
                    "--input-size", "3", "-o", "a.svg", "--theme", "dark")  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads((tmp_path / "a.json").read_text())["totals"]["parameters"] == 8
    done = heirloom("draw", "diagram", "lenet5", "--image", "x.png", "-o", "b.svg")
    assert (done.returncode, done.stdout) == (2, "")
    assert "the picture diagram has no use for --image" in done.stderr


SIDES = st.lists(st.tuples(st.integers(1, 30), st.integers(1, 30)), min_size=1, max_size=7)


@given(SIDES, st.integers(1, 90))
def test_columns_are_as_narrow_and_as_low_as_can_be(sizes, highest):
    """Beside all ways to cut a series into consecutive parts."""
    n = len(sizes)

    def wide(parts):
        return sum(max(sizes[i][0] for i in part) + 3 for part in parts)

    def tallest(parts):
        return max(sum(sizes[i][1] + 2 for i in part) for part in parts)

    ways = []
    for cuts in itertools.product([False, True], repeat=n - 1):
        ends = [0, *(i + 1 for i, cut in enumerate(cuts) if cut), n]
        ways.append([list(range(a, b)) for a, b in itertools.pairwise(ends)])
    low = [p for p in ways if all(len(part) == 1 or tallest([part]) <= highest for part in p)]
    found = narrowest(sizes, highest, 2, 3)
    assert found in low
    assert wide(found) == min(map(wide, low))
    for count in range(1, n + 1):
        found = split([high for _, high in sizes], count, 2)
        assert found in ways
        assert tallest(found) == min(tallest(p) for p in ways if len(p) <= count)
