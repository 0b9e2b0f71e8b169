"""Pictures: their pixels and marks against the numbers that they show."""

import io
import warnings
import xml.etree.ElementTree as ET

import matplotlib
import numpy as np
import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image
from torch import nn

from heirloom.figures.canvas import fitted_title, width_of
from heirloom.figures.charts import style_in
from heirloom.figures.confusion import confusion_in, confusions, tints
from heirloom.figures.curves import Point, curve_on_page, curves_in, describe
from heirloom.figures.filters import MOST, first_filters
from heirloom.figures.mistakes import Mistake, mistakes_sheet, percent, worst_mistakes
from heirloom.figures.palette import LIGHT
from heirloom.figures.pixels import diverging, image_pixels, zoom
from heirloom.figures.writing import png_on_white, svg_on_white
from heirloom.layers import TableConv2d
from heirloom.tracing import trace

SVG = "{http://www.w3.org/2000/svg}"
POINTS = [Point(1, 60.0, 0.3, 50.0, 0.4), Point(2, 5.0, 0.8, 4.0, 0.9), Point(3, 4.0, 0.85, 3.5, 0.9)]


def texts(svg):
    return ["".join(element.itertext()) for element in ET.fromstring(svg).iter(f"{SVG}text")]


def curves(points, title):
    return svg_on_white(curves_in(LIGHT, points, title, ("loss", "accuracy")), title, "words", "curves")


def confusion(matrix, classes, title):
    return svg_on_white(confusion_in(LIGHT, matrix, classes, title), title, "words", "confusion")


def filters_of(*layers, size):
    model = nn.Sequential(*layers)
    return first_filters(model, trace(model, size))


def colour(name):
    return {"blue": (5, 48, 97), "white": (247, 247, 247), "red": (103, 0, 31)}[name]


def test_largest_and_smallest_weight_have_the_end_colours():
    layer = nn.Conv2d(1, 2, 3)
    with torch.no_grad():
        layer.weight.zero_()
        layer.weight[0, 0, 1, 2] = 0.5
        layer.weight[1, 0, 0, 0] = -0.5
    filters = filters_of(layer, size=(1, 8, 8))
    assert filters.limit == 0.5
    first, second = filters.pixels(0), filters.pixels(1)
    assert first.shape == (3, 3, 3)
    assert tuple(first[1, 2]) == colour("red")
    assert tuple(second[0, 0]) == colour("blue")
    assert tuple(first[0, 0]) == colour("white")
    ramp = filters.ramp
    assert tuple(ramp[0, 0]) == colour("blue")
    assert tuple(ramp[0, -1]) == colour("red")


def test_colours_are_those_of_the_scale_in_between():
    values = np.array([-1, -0.5, 0, 0.25, 1])
    assert diverging(values).tolist() == [
        [5, 48, 97],
        [67, 147, 195],
        [247, 247, 247],
        [230, 172, 162],
        [103, 0, 31],
    ]


def test_three_channels_are_one_colour_picture():
    layer = nn.Conv2d(3, 1, 2)
    with torch.no_grad():
        layer.weight.zero_()
        layer.weight[0, :, 0, 1] = torch.tensor([0.2, -0.2, 0.0])
    filters = filters_of(layer, size=(3, 8, 8))
    assert filters.pixels(0).tolist() == [[[128, 128, 128], [255, 0, 128]], [[128] * 3, [128] * 3]]


def test_other_numbers_of_channels_stand_side_by_side():
    filters = filters_of(nn.Conv2d(5, 2, 3), size=(5, 8, 8))
    assert filters.pixels(1).shape == (7, 11, 3)  # 2 rows and 3 columns of 3 x 3, lines between
    want = diverging(filters.weight[1, 4] / np.abs(filters.weight).max())
    assert (filters.pixels(1)[4:, 4:7] == want).all()


def test_filters_of_a_table_are_zero_where_nothing_is_read():
    layer = TableConv2d([(0,), (0, 1)], in_maps=2, kernel=3)
    nn.init.normal_(layer.weight)
    nn.init.zeros_(layer.bias)
    filters = filters_of(layer, size=(2, 8, 8))
    assert (filters.weight[0, 1] == 0).all()
    assert (filters.weight[1, 1] == layer.weight[2].detach().numpy()).all()


def test_first_linear_layer_is_shown_as_the_image_that_it_reads():
    layer = nn.Linear(12, 5)
    filters = filters_of(nn.Flatten(), layer, size=(1, 3, 4))
    assert (filters.weight == layer.weight.detach().view(5, 1, 3, 4).numpy()).all()


def test_many_filters_are_cut_and_it_is_said():
    filters = filters_of(nn.Conv2d(1, 200, 3), size=(1, 8, 8))
    assert (len(filters.weight), filters.shown) == (MOST, "The first 96 of 200 filters")
    wide = filters_of(nn.Flatten(), nn.Linear(3 * 64 * 64, 500), size=(3, 64, 64))
    assert wide.weight.size <= 1_000_000


@pytest.mark.parametrize(
    "layers", [[nn.ReLU()], [nn.ConvTranspose2d(1, 2, 3)], [nn.Flatten(0), nn.Linear(8, 4)]]
)
def test_no_picture_where_weights_are_none(layers):
    model = nn.Sequential(*layers)
    size = (1, 8, 8) if len(layers) == 1 else (8,)
    assert first_filters(model, trace(model, size)) is None


def test_weights_that_are_all_zero_are_white():
    layer = nn.Conv2d(1, 1, 2)
    nn.init.zeros_(layer.weight)
    assert (filters_of(layer, size=(1, 4, 4)).pixels(0) == 247).all()


def test_curves_are_the_numbers():
    root = ET.fromstring(curve_on_page(POINTS, "accuracy"))
    lines = [p for p in root.iter("path") if "clip-path" in p.attrib and "var(--val)" in p.get("style", "")]
    assert len(lines) == 1
    numbers = [float(n) for n in lines[0].get("d").replace("M", "").replace("L", "").split()]
    x, y = numbers[0::2], numbers[1::2]
    assert x[1] - x[0] == pytest.approx(x[2] - x[1], abs=1e-3)
    assert y[1] == y[2] < y[0]  # 0.9 twice, above 0.4
    assert root.get("aria-label") == describe(POINTS, "accuracy")
    assert "best validation 90.00 % at epoch 2" in root.get("aria-label")
    assert "training 4" in describe(POINTS, "loss")
    words = texts(curves(POINTS, "title"))
    for text in (
        "title",
        "validation 90.0 %",
        "training 85.0 %",
        "validation 3.5",
        "Loss, on a logarithmic scale",
    ):
        assert text in words


@pytest.mark.parametrize(
    "points",
    [
        [Point(1, 2.0, 0.1, None, None)],
        [Point(1, 2.0, 1.0, 1.0, 1.0)],
        [Point(i, 0.0, 0.5, None, 0.5) for i in range(1, 4)],
        [Point(i, -float(i), 0.0, 2.0, 0.0) for i in range(1, 400)],
        [Point(i, 1e9 / 10**i, 0.0, 1e9 / 10**i, 0.0) for i in range(1, 12)],
    ],
)
def test_curves_of_any_run(points):
    assert b"validation" in curves(points, "名前 $x$ <b>") or points[0].val_accuracy is None
    for kind in ("loss", "accuracy"):
        assert "http" not in curve_on_page(points, kind)


def test_charts_neither_change_nor_follow_the_users_style():
    plain = curves(POINTS, "t"), confusion([[2, 1], [0, 3]], ["a", "b"], "t")
    with matplotlib.rc_context({"font.size": 40, "axes.grid": False, "svg.fonttype": "path"}):
        before = dict(matplotlib.rcParams)
        assert (curves(POINTS, "t"), confusion([[2, 1], [0, 3]], ["a", "b"], "t")) == plain
        assert dict(matplotlib.rcParams) == before


def test_confusions_by_hand():
    matrix = [[5, 2, 0], [0, 7, 3], [2, 0, 8]]
    assert [(c.label, c.answer, c.count, c.of) for c in confusions(matrix)] == [
        (1, 2, 3, 10),
        (0, 1, 2, 7),
        (2, 0, 2, 10),
    ]
    strength = tints(matrix, 0.1, 0.6)
    assert strength[1][2] == pytest.approx(0.6)
    assert strength[0][1] == pytest.approx(0.1 + 0.5 * 2 / 3)
    assert strength[1][1] == pytest.approx(0.1 + 0.5 * 7 / 10)
    assert strength[0][2] == 0
    assert tints([[0, 0], [0, 0]], 0.1, 0.6) == [[0, 0], [0, 0]]


def test_confusion_chart_has_every_count_and_no_markup_of_names():
    words = texts(confusion([[41, 12], [0, 53]], ["<i>", "$x$ & a name that is far too long"], "a $b$"))
    assert {"41", "12", "53", "<i>", "a $b$"} <= set(words)
    assert sum(word.startswith("$x$ & a name") and word.endswith("…") for word in words) == 2
    assert "106 images: blue is right, orange wrong (12)" in words


def row(index, probability, correct="0"):
    return {
        "index": str(index), "label": "a", "answer": "b", "correct": correct,
        "label_probability": probability, "probability": "0.9",
    }  # fmt: skip


def test_worst_mistakes_are_those_with_the_least_probable_truth():
    given = [row(0, "0.2"), row(1, "1e-12"), row(2, "0.9", correct="1"), row(3, "0.2"), row(4, "0.01")]
    assert [mistake.index for mistake in worst_mistakes(given)] == [1, 4, 0, 3]


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("side", [8, 300])
def test_sheet_of_mistakes_holds_the_images(channels, side):
    images = torch.zeros(2, channels, side, side, dtype=torch.uint8)
    images[1] = 201
    mistakes = worst_mistakes([row(0, "0.1"), row(1, "0.2")])
    sheet = np.asarray(Image.open(io.BytesIO(png_on_white(mistakes_sheet("title", images, mistakes, 2)))))
    assert (sheet == 201).all(axis=2).sum() >= 150**2
    assert tuple(sheet[0, 0]) == (255, 255, 255)


def test_images_and_sizes():
    image = np.arange(12, dtype=np.uint8).reshape(3, 2, 2)
    assert image_pixels(image)[0, 1].tolist() == [1, 5, 9]
    assert image_pixels(image[:1]).tolist() == [[0, 1], [2, 3]]
    assert image_pixels(image[:2]).tolist() == [[2, 3], [4, 5]]
    assert zoom((32, 32), 96) == (96, 96)
    assert zoom((28, 20), 96) == (84, 60)
    assert zoom((200, 400), 96) == (48, 96)


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.5, "50.0 %"), (0, "0.0 %"), (1e-9, "< 0.1 %"), (1, "100.0 %"), (1 - 1e-9, "> 99.9 %")],
)
def test_percent_does_not_overstate(share, text):
    assert percent(share) == text


# Words that come from outside ---------------------------------------------------------------------------


@pytest.mark.parametrize("bold", [False, True])
@pytest.mark.parametrize("text", ["cat", "三毛猫", "संख्या", "🐈 cat", "Übergrößenträger", "ספרה שתיים"])
def test_no_line_is_wider_than_it_was_measured(text, bold):
    """Beside what matplotlib draws, a box for each letter that the font lacks."""
    with style_in(LIGHT), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        figure = Figure(figsize=(10, 2), dpi=72)
        drawn = figure.text(0.1, 0.5, text, fontsize=40, fontweight="bold" if bold else "normal")
        wide = drawn.get_window_extent(FigureCanvasAgg(figure).get_renderer()).width
    assert wide - 2 <= width_of(text, 40, bold) <= 1.25 * wide + 8


def test_a_long_name_leaves_room_for_what_is_shown():
    title = fitted_title("a_run_" * 20 + ": its worst mistakes", 30, 800)
    assert title.startswith("a_run_a_run_")
    assert title.endswith("…: its worst mistakes")
    assert width_of(title, 30, bold=True) <= 800
    assert fitted_title("run: its worst mistakes", 30, 800) == "run: its worst mistakes"
    for given in ("x" * 200, "x: " + "y" * 200, ": " + "y" * 200):
        assert width_of(fitted_title(given, 30, 800), 30, bold=True) <= 800


@pytest.mark.parametrize(("answer", "line"), [("dog", "cat → dog"), ("כלב", "\N{LEFT-TO-RIGHT MARK}→ כלב")])
def test_arrows_point_to_what_was_answered(answer, line):
    """Text from right to left would turn the line round, and the arrow with it would point to the truth."""
    sheet = mistakes_sheet("t", torch.zeros(1, 1, 8, 8), [Mistake(0, "cat", answer, 0.1, 0.9)], 1)
    assert line in [words.text for words in sheet.words()]
