"""The pictures shares, connections and receptive-field: their numbers found in other ways."""

import copy
import itertools
import json
import xml.etree.ElementTree as ET

import numpy as np
import pytest
import torch
from torch import nn

from heirloom.accounting import summary
from heirloom.data.preprocessing import Preprocess
from heirloom.errors import HeirloomError
from heirloom.figures.canvas import Shape
from heirloom.figures.connections import picture as connections
from heirloom.figures.drawing import draw
from heirloom.figures.picture import Asked, Subject, fresh
from heirloom.figures.receptive import effective, mean_gradient
from heirloom.figures.receptive import picture as receptive
from heirloom.figures.shares import MOST, shares_of
from heirloom.figures.shares import picture as shares
from heirloom.layers import TableConv2d
from heirloom.tracing import trace

SVG = "{http://www.w3.org/2000/svg}"
pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize("name", ["lenet5", "alexnet", "googlenet", "resnet152", "lstm", "fractalnet20"])
def test_shares_are_all_there_is(name):
    books = summary(name)
    shares = shares_of(books)
    assert len(shares) <= MOST + 1
    assert sum(share.parameters for share in shares) == books.totals["parameters"]
    assert sum(share.macs for share in shares) == books.totals["macs"]


def test_shares_of_alexnet(tmp_path):
    """Its full connections have 58,631,144 of 60,965,224 weights and 58,621,952 of 724,406,816 operations."""
    out = draw("shares", "alexnet", tmp_path / "a.svg")
    numbers = json.loads((tmp_path / "a.json").read_text())
    rows = {row["name"]: row for row in numbers["rows"]}
    assert rows["fc6"]["parameters"] == 9216 * 4096 + 4096
    root = ET.fromstring(out.read_bytes())
    texts = [text.text for text in root.iter(f"{SVG}text")]
    assert "full connections: 96.2 % of the weights, 8.1 % of the work" in " ".join(texts)
    widths = {}
    for group in root.iter(f"{SVG}g"):
        assert int(group.get("data-parameters")) == rows[group.get("data-name")]["parameters"]
        bars = [
            p.get("d").replace("M", "").replace("L", "").replace("Z", "").split()
            for p in group.iter(f"{SVG}path")
        ]
        widths[group.get("data-name")] = [
            max(float(p.split(",")[0]) for p in bar) - min(float(p.split(",")[0]) for p in bar)
            for bar in bars
        ]
    for side, column in enumerate(("parameters", "macs")):
        for name in ("conv2", "fc7"):
            want = (rows[name][column] / numbers["totals"][column]) / (
                rows["fc6"]["parameters"] / numbers["totals"]["parameters"]
            )
            assert widths[name][side] / widths["fc6"][0] == pytest.approx(want, abs=1e-3)


class Squeezing(nn.Sequential):
    """More layers than are shown one by one, each block of a convolution and a full connection."""

    input_size = (4, 6, 6)

    def __init__(self, nested):
        pair = nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4), nn.Linear(6, 6)
        blocks = [nn.Sequential(*copy.deepcopy(pair)) for _ in range(20)]
        super().__init__(*(blocks if nested else itertools.chain(*blocks)))


@pytest.mark.parametrize("nested", [True, False])
def test_shares_of_kinds_do_not_depend_on_what_is_shown_together(nested):
    subject = Subject("it", "it", {}, Squeezing(nested).eval(), Preprocess((4, 6, 6)))
    parameters = 20 * (4 * 4 * 9 + 4), 20 * 8, 20 * (6 * 6 + 6)
    macs = 20 * 4 * 4 * 9 * 36, 20 * 4 * 6 * 36
    said = [
        f"{100 * parameters[place] / sum(parameters):.1f} % of the weights, {100 * work / sum(macs):.1f} %"
        for place, work in ((0, macs[0]), (2, macs[1]))
    ]
    words = shares(Asked([subject])).description
    assert words == f"Convolutions: {said[0]} of the work; full connections: {said[1]} of the work."


def test_table_of_c3():
    """Table I of LeCun et al. 1998, typed from the paper: each row of crosses, for the maps of S2."""
    rows = [
        "X...XXX..XXXX.XX",
        "XX...XXX..XXXX.X",
        "XXX...XXX..X.XXX",
        ".XXX..XXXX..X.XX",
        "..XXX..XXXX.XX.X",
        "...XXX..XXXX.XXX",
    ]
    numbers = connections(Asked([fresh("lenet5", {})])).numbers
    found = ["".join("X" if i in reads else "." for reads in numbers["table"]) for i in range(6)]
    assert found == rows
    assert (numbers["connected"], numbers["parameters"]) == (60, 60 * 25 + 16)


def test_table_of_groups():
    model = nn.Conv2d(4, 6, 3, groups=2)
    subject = fresh("lenet1", {})
    object.__setattr__(subject, "model", nn.Sequential(model))
    subject.preprocess.__dict__["size"] = (4, 9, 9)
    table = connections(Asked([subject])).numbers["table"]
    with torch.no_grad():  # which maps change the output
        model.weight.fill_(1.0)
        model.bias.zero_()
        given = [torch.eye(4)[j].view(1, 4, 1, 1).expand(1, 4, 3, 3) for j in range(4)]
        reads = [[j for j in range(4) if float(model(given[j])[0, i]) > 0] for i in range(6)]
    assert table == reads


@pytest.mark.parametrize(
    ("name", "layer", "message"),
    [("mlp", (), "has no table of connections"), ("vgg11", ("conv1_9",), "has no convolution 'conv1_9'"),
     ("lenet5", ("c9",), "did you mean 'c[135]'")],
)  # fmt: skip
def test_no_table(name, layer, message):
    with pytest.raises(HeirloomError, match=message):
        connections(Asked([fresh(name, {})], layers=layer))


def blocks_of(made):
    """Corners of the rectangles of a table of many maps, in parts of its sides, and its texts."""
    lines = [m.commands for m in made.art.marks if isinstance(m, Shape) and m.stroke == "rule"]
    points = np.array([point for line in lines for _, ps in line for point in ps])
    low, high = points.min(0), points.max(0)
    (layer,) = made.art.groups()
    shapes = [np.array([p for _, ps in m.commands for p in ps]) for m in layer.marks if isinstance(m, Shape)]
    corners = [((s.min(0) - low) / (high - low), (s.max(0) - low) / (high - low)) for s in shapes]
    return np.array(corners), [words.text for words in made.art.words()]


def test_towers_are_blocks():
    """Krizhevsky et al. 2012, figure 2: each half of conv2 reads the 48 maps of its own tower."""
    made = connections(Asked([fresh("alexnet", {})]))
    assert made.numbers["table"] == [list(range(48))] * 128 + [list(range(48, 96))] * 128
    blocks, texts = blocks_of(made)
    assert blocks == pytest.approx(np.array([[[0, 0], [0.5, 0.5]], [[0.5, 0.5], [1, 1]]]), abs=0.005)
    assert [text for text in texts if "–" in text] == ["0–127", "128–255", "0–47", "48–95"]
    assert texts.count("48") == 2
    assert "maps 0 to 127 read 0 to 47; maps 128 to 255 read 48 to 95." in made.description


@pytest.mark.parametrize(("groups", "labels"), [(128, 32), (32, 32), (4, 4)])
def test_labels_of_many_groups_keep_apart(groups, labels):
    subject = fresh("lenet1", {})
    object.__setattr__(subject, "model", nn.Sequential(nn.Conv2d(128, 128, 3, groups=groups)))
    subject.preprocess.__dict__["size"] = (128, 3, 3)
    made = connections(Asked([subject]))
    blocks, _ = blocks_of(made)
    assert len(blocks) == groups
    assert np.ptp(blocks, axis=1) == pytest.approx(1 / groups, abs=0.005)
    boxes = sorted(words.box for words in made.art.words() if words.y == 146)
    assert len(boxes) == labels
    assert all(one[2] < other[0] for one, other in itertools.pairwise(boxes))


def test_a_table_of_too_many_blocks():
    subject = fresh("lenet1", {})
    table = [list(range(i % 2, 130, 2)) for i in range(130)]
    object.__setattr__(subject, "model", nn.Sequential(TableConv2d(table, 130, 1)))
    subject.preprocess.__dict__["size"] = (130, 3, 3)
    with pytest.raises(HeirloomError, match="130 × 130 maps: more than 4,096 blocks of them"):
        connections(Asked([subject]))


def test_receptive_field_of_c3():
    """Row 4, column 6 of C3 of LeNet-5 sees 14 x 14 pixels from row 8, column 12 on."""
    subject = fresh("lenet5", {})
    numbers = receptive(Asked([subject], layers=("c3",), unit=(0, 4, 6))).numbers
    assert (numbers["field"], numbers["start"]) == ((14, 14), (8, 12))
    gradient = mean_gradient(subject, trace(subject.model, (1, 32, 32)), "c3", (0, 4, 6))
    y, x = np.nonzero(gradient)
    assert (y.min(), y.max(), x.min(), x.max()) == (8, 21, 12, 25)


def test_the_effective_field_holds_the_most_of_the_gradient():
    y, x = np.indices((21, 21)) - 10
    assert effective(1.0 * (np.maximum(abs(y), abs(x)) <= 2), (15, 15), (3, 3)) == 5
    assert effective(1.0 * ((x == 0) & (y == 0)), (15, 15), (3, 3)) == 1
    bell = np.exp(-(y**2 + x**2) / 8.0)
    side = effective(bell, (21, 21), (0, 0))
    sums = {s: bell[10 - s // 2 : 11 + s // 2, 10 - s // 2 : 11 + s // 2].sum() for s in range(1, 22, 2)}
    assert side == min(s for s, total in sums.items() if total >= 0.9 * bell.sum())


def test_receptive_field_of_alexnet(monkeypatch):
    monkeypatch.setattr("heirloom.figures.receptive.INPUTS", 1)
    made = receptive(Asked([fresh("alexnet", {})], layers=("conv5",)))
    assert (made.numbers["field"], made.numbers["naive"]) == ((163, 163), 52)
    (struck,) = [words.text for words in made.art.words() if words.struck]
    assert struck.startswith("52 × 52")


@pytest.mark.parametrize(
    ("name", "asked", "message"),
    [("mlp", {}, "has no maps"), ("lenet5", {"layers": ("c9",)}, "has no layer 'c9'"),
     ("lenet5", {"layers": ("c3",), "unit": (16, 0, 0)}, "c3 has no unit 16,0,0: it has 16 maps of 10 × 10"),
     ("lenet5", {"layers": ("f6",)}, "a unit of f6 has no window of its own")],
)  # fmt: skip
def test_no_receptive_field(name, asked, message):
    with pytest.raises(HeirloomError, match=message):
        receptive(Asked([fresh(name, {})], **asked))
