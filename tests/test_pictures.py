"""The command draw: the numbers of its pictures beside other ways to find them, and its files and faults."""

import io
import json
import shutil
import xml.etree.ElementTree as ET

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from conftest import Call
from PIL import Image
from torch import nn

from heirloom.data.preprocessing import Preprocess
from heirloom.errors import HeirloomError
from heirloom.figures.canvas import Canvas
from heirloom.figures.compared import picture as compared
from heirloom.figures.drawing import draw
from heirloom.figures.gradients import Curve, chart, gradient_norms, power
from heirloom.figures.palette import AREAS, DARK, LIGHT, contrast
from heirloom.figures.picture import Asked, Subject
from heirloom.figures.unfolding import Unfolding, drawing
from heirloom.figures.writing import as_file
from heirloom.layers import GRU, LSTM, Elman, Rows
from heirloom.models import create_model
from heirloom.recipes import Recipe
from heirloom.training import train
from heirloom.weights import Card, save_model


def file_on_white(figure, form):
    return as_file(figure, form, LIGHT, "title", "description")


SVG = "{http://www.w3.org/2000/svg}"
pytestmark = pytest.mark.usefixtures("one_thread")


def texts(svg):
    return ["".join(element.itertext()) for element in ET.fromstring(svg).iter(f"{SVG}text")]


# How the gradient vanishes ----------------------------------------------------------------------------


def small(layer):
    torch.manual_seed(0)
    net = Call(lambda net, x: net.output(net.hidden(net.rows(x))), rows=Rows(), hidden=layer(4, 3))
    net.output = nn.Linear(3, 2)
    return net.double()


def sample(count=3):
    torch.manual_seed(1)
    return torch.rand(count, 1, 5, 4, dtype=torch.float64), torch.arange(count) % 2


def test_gradients_of_an_elman_network_by_hand():
    net, (x, labels) = small(Elman), sample()
    u, b, w = (p.detach().numpy() for p in (net.hidden.input.weight, net.hidden.input.bias,
                                             net.hidden.recurrent.weight))  # fmt: skip
    v, c = net.output.weight.detach().numpy(), net.output.bias.detach().numpy()
    norms = np.zeros((3, 5))
    for image, rows in enumerate(x[:, 0].numpy()):
        h = [np.zeros(3)]
        for row in rows:
            h.append(np.tanh(u @ row + b + w @ h[-1]))
        scores = v @ h[-1] + c
        p = np.exp(scores) / np.exp(scores).sum()
        p[labels[image]] -= 1
        back = v.T @ p
        for t in range(5, 0, -1):
            norms[image, t - 1] = np.linalg.norm(back)
            back = w.T @ ((1 - h[t] ** 2) * back)
    np.testing.assert_allclose(gradient_norms(net, x, labels), norms.mean(0), rtol=1e-12)


@pytest.mark.parametrize("layer", [Elman, LSTM, GRU])
def test_gradients_are_finite_differences(layer):
    """Each number of the state is pushed a little, between two steps, and the rest of the network runs on."""
    net, (x, labels) = small(layer), sample()
    cell, step = net.hidden, 1e-6

    def loss(time, part, unit, push):
        state = cell.start(x[:, 0])
        for t, row in enumerate(cell.input(x[:, 0]).unbind(1), 1):
            state = cell.step(row, state)
            if t == time:
                state = [s.clone() for s in state]
                state[part][:, unit] += push
        return F.cross_entropy(net.output(state[0]), labels, reduction="none")

    want = []
    with torch.no_grad():
        for time in range(1, 6):
            slopes = [
                (loss(time, part, unit, step) - loss(time, part, unit, -step)) / (2 * step)
                for part in range(len(cell.states))
                for unit in range(3)
            ]
            want.append(float(torch.stack(slopes).square().sum(0).sqrt().mean()))
    assert gradient_norms(net, x, labels) == pytest.approx(want, rel=1e-6)


def test_chart_of_gradients():
    curves = [
        Curve("one", "rnn", True, [1e-9, 1e-4, 2.0]),
        Curve("two", "lstm", True, [1.0, 2.0, 4.0]),
        Curve("one untrained", "rnn", False, [0.0, 0.0, 3.0]),
        Curve("close", "gru", True, [1.0, 2.001, 4.0]),
    ]
    svg = file_on_white(chart(curves, "3 images"), "svg")
    words = texts(svg)
    assert {
        "one\N{NO-BREAK SPACE} 5 × 10⁻¹⁰",
        "two\N{NO-BREAK SPACE} 0.25",
        "one untrained\N{NO-BREAK SPACE} 0",
        "close\N{NO-BREAK SPACE} 0.25",
    } <= set(words)
    assert any("mean of 3 images; dashed: untrained" in text for text in words)
    root = ET.fromstring(svg)
    heights = {}
    for group in root.iter(f"{SVG}g"):
        for text in group.findall(f"{SVG}text"):
            if (label := "".join(text.itertext())).startswith(("two", "close")):
                heights[label] = (
                    float(text.get("transform", "").split()[1].rstrip(")"))
                    if ("translate" in text.get("transform", ""))
                    else float(text.get("y"))
                )
    two, close = heights.values()
    assert abs(two - close) >= 15  # equal values, and both can be read


def test_equal_curves_are_named_together():
    curves = [
        Curve("one", "rnn", False, [1e-4, 1.0]),
        Curve("two", "gru", False, [0.25, 1.0]),
        Curve("again", "rnn", False, [2e-4, 2.0]),
        Curve("x" * 80, "rnn", False, [4e-4, 4.0]),
    ]
    figure = chart(curves, "3 images")
    words = texts(file_on_white(figure, "svg"))
    assert "two\N{NO-BREAK SPACE} 0.25" in words
    assert f"one = again, {'x' * 18}…\N{NO-BREAK SPACE} 10⁻⁴" in words
    assert len(figure.axes[0].lines) == 2


def test_the_name_of_one_network_drawn_twice():
    curves = [Curve("rnn", "rnn", False, [0.5, 1.0])] * 2
    assert "rnn = rnn\N{NO-BREAK SPACE} 0.5" in texts(
        file_on_white(chart([*curves[:1], Curve(**vars(curves[0]))], "1"), "svg")
    )


def test_a_long_name_stays_on_the_page():
    figure = drawing(Unfolding("Long" * 40, "GRU", 28, 28, 3, 10, ("h",), 99))
    figure.canvas.draw()
    for text in figure.texts:
        assert text.get_window_extent().x1 <= figure.bbox.x1
    assert figure.texts[0].get_text().startswith("LongLong")


@pytest.mark.parametrize(
    ("value", "text"),
    [(1, "1"), (0.25, "0.25"), (0.01, "0.01"), (1e-3, "10⁻³"), (4.7e-8, "4.7 × 10⁻⁸"), (0, "0"),
     (9.99e-5, "10⁻⁴"), (12.0, "12"), (3e5, "3 × 10⁵")],
)  # fmt: skip
def test_words_for_numbers(value, text):
    assert power(value) == text


# Files, runs and faults -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "first"
    recipe = Recipe(model="rnn", data="digits", epochs=1, max_steps=1, train_limit=32)
    for _ in train(recipe, out=path, threads=1):
        pass
    return path


def test_gradients_of_a_name_a_run_and_a_file(tmp_path, run):
    out = draw("gradients", "gru", tmp_path / "a.svg")
    found = json.loads((tmp_path / "a.json").read_text())
    assert [(c["model"], c["trained"]) for c in found["curves"]] == [
        ("rnn", False), ("lstm", False), ("gru", False)
    ]  # fmt: skip
    assert (found["data"], found["split"], found["images"]) == ("digits", "test", 200)
    for curve in found["curves"]:
        assert len(curve["norms"]) == 28
        assert curve["norms"][0] < 0.01 * curve["norms"][-1]
    assert out.read_bytes() == draw("gradients", "gru", tmp_path / "b.svg").read_bytes()

    card = Card("lstm", {}, tuple("0123456789"), Preprocess((1, 28, 28)))
    save_model(tmp_path / "mine.safetensors", create_model("lstm"), card)
    draw("gradients", [run, tmp_path / "mine.safetensors"], tmp_path / "c.png")
    found = json.loads((tmp_path / "c.json").read_text())
    assert [(c["label"], c["trained"]) for c in found["curves"]] == [
        ("first", True), ("mine", True), ("rnn untrained", False), ("lstm untrained", False)
    ]  # fmt: skip
    assert Image.open(io.BytesIO((tmp_path / "c.png").read_bytes())).size == (2240, 1260)


@pytest.mark.parametrize("form", ["svg", "png"])
def test_two_runs_give_equal_bytes(tmp_path, form):
    one, other = (draw("unfold", "lstm", tmp_path / f"{i}.{form}").read_bytes() for i in (1, 2))
    assert one == other
    if form == "svg":
        words = texts(one)
        assert {"h₁, c₁", "x₂₈", "h₂₈, c₂₈", "10 scores", "h₀, c₀ = 0", "LSTM 100"} <= set(words)
        assert any("51,600 parameters, used 28 times" in text for text in words)


@pytest.mark.parametrize(("rows", "layers"), [(1, 1), (3, 3), (4, 4), (5, 4)])
def test_unfolding_of_few_rows(rows, layers):
    words = texts(file_on_white(drawing(Unfolding("net", "GRU", rows, 8, 3, 2, ("h",), 99)), "svg"))
    assert words.count("GRU 3") == layers + 1
    assert words.count("· · ·") == (2 if rows > layers else 0)
    assert words.count("2 scores") == 2


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("gradiens", "rnn", "-o", "a.svg"), 2, "unknown picture 'gradiens': did you mean 'gradients'?"),
        (("gradients", "rnm", "-o", "a.svg"), 2, "unknown model 'rnm': did you mean 'rnn'?"),
        (("gradients", "lenet5", "-o", "a.svg"), 2, "lenet5 has no layer with a cycle: its gradients travel"),
        (("gradients", "rnn", "lenet1", "-o", "a.svg"), 2, "lenet1 has no layer with a cycle"),
        (("unfold", "lenet5", "-o", "a.svg"), 2, "lenet5 has no layer with a cycle: there is no cycle to"),
        (("unfold", "rnn", "gru", "-o", "a.svg"), 2, "the picture unfold shows one network: name one"),
        (("unfold", "rnn", "--data", "digits", "-o", "a.svg"), 2, "the picture unfold has no use for --data"),
        (("gradients", "rnn", "--data", "digit", "-o", "a.svg"), 2, "unknown data set 'digit'"),
        (("gradients", "rnn", "--arg", "num_classes=3", "-o", "a.svg"), 4, "rnn tells 3 classes apart"),
        (("gradients", "rnn", "-o", "a.pdf"), 2, "cannot draw a.pdf: end its name in .svg or .png"),
        (("unfold", "rnn"), 2, "Missing option '--out' / '-o': heirloom draw --help"),
        (("gradients", "rnn", "-o", "there.svg"), 2, "the file exists: there.svg: choose another name"),
        (("gradients", "rnn", "-o", "there.png"), 2, "the file exists: there.json"),
        (("gradients", "runs/nothing", "-o", "a.svg"), 4, "cannot read the weights: runs/nothing: no such"),
        (("unfold", "rnn", "-o", "no/a.svg"), 5, "cannot write: no/a.svg: no such folder: make it first"),
        (("unfold", "there.py", "-o", "a.svg"), 2, "a class of your own is file.py:Class"),
    ],
)
def test_faults_are_one_clear_line(heirloom, tmp_path, arguments, status, message):
    for name in ("there.svg", "there.json", "there.py"):
        (tmp_path / name).write_text("mine")
    done = heirloom("draw", *arguments)
    assert (done.returncode, done.stdout) == (status, "")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["there.json", "there.py", "there.svg"]


def test_a_picture_in_two_forms_has_its_numbers_once(tmp_path):
    numbers = draw("unfold", "rnn", tmp_path / "a.svg").with_suffix(".json").read_bytes()
    draw("unfold", "rnn", tmp_path / "a.png")
    assert (tmp_path / "a.json").read_bytes() == numbers
    (tmp_path / "a.svg").unlink()
    with pytest.raises(HeirloomError, match=r"the file exists: .*a\.json"):
        draw("unfold", "gru", tmp_path / "a.svg")
    assert (tmp_path / "a.json").read_bytes() == numbers


def test_runs_of_different_data_do_not_compare(tmp_path):
    """What to do about it is something that ``draw compare`` can do."""
    asked = [
        Subject(name, "mlp", {}, nn.Identity(), Preprocess((1, 28, 28)), data=name, run=tmp_path)
        for name in ("digits", "mnist")
    ]
    with pytest.raises(HeirloomError, match="different data, digits and mnist: name two of the same data"):
        compared(Asked(asked))


@pytest.mark.parametrize("full", [".svg", ".json"])
def test_a_picture_that_has_no_room_leaves_nothing(tmp_path, monkeypatch, full):
    def write(path, data):
        if path.suffix == full:
            raise HeirloomError("E-disk", "cannot write", where=str(path))
        path.write_bytes(data)

    monkeypatch.setattr("heirloom.figures.drawing.write_atomically", write)
    with pytest.raises(HeirloomError, match="cannot write"):
        draw("unfold", "rnn", tmp_path / "a.svg")
    assert list(tmp_path.iterdir()) == []


def test_a_name_of_ours_comes_before_a_folder_of_that_name(heirloom, tmp_path, finished_run):
    shutil.copytree(finished_run, tmp_path / "lenet1")
    done = heirloom("draw", "diagram", "lenet1", "-o", "name.svg")
    assert done.stderr == "lenet1 is the network; for the folder here, write ./lenet1\n"
    assert json.loads((tmp_path / "name.json").read_text())["network"] == "lenet1"
    done = heirloom("draw", "diagram", "./lenet1", "-o", "folder.svg")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads((tmp_path / "folder.json").read_text())["totals"]["parameters"] == 61_706
    shutil.copy(finished_run / "model.safetensors", tmp_path / "lenet5_digits")
    done = heirloom("draw", "diagram", "lenet5_digits", "-o", "recipe.svg")
    assert done.stderr == "lenet5_digits is the recipe; for the file here, write ./lenet5_digits\n"


def test_the_command_draws(heirloom, tmp_path):
    done = heirloom("draw", "unfold", "gru", "-o", "u.svg")
    assert (done.returncode, done.stdout) == (0, "u.svg\n")
    assert json.loads((tmp_path / "u.json").read_text()) == {
        "network": "gru", "layer": "GRU", "rows": 28, "inputs": 28, "units": 100, "scores": 10,
        "states": ["h"], "parameters": 38_700,
    }  # fmt: skip


def test_a_network_with_two_cycles_is_refused():
    net = nn.Sequential(Rows(), Elman(4, 4))
    net.append(Elman(4, 4))
    with pytest.raises(HeirloomError, match="the network has several layers with a cycle: take rnn"):
        gradient_norms(net, *sample())


# Themes, descriptions, drawings -----------------------------------------------------------------------


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_colours_can_be_told_apart(theme):
    grounds = [theme.paper, theme.panel, *(getattr(theme, area) for area in AREAS)]
    for ground in grounds:
        assert contrast(theme.ink, ground) >= 7, ground
        assert contrast(theme.soft, ground) >= 4.5, ground
    for area in AREAS:
        edge = getattr(theme, f"{area}_edge")
        assert contrast(edge, theme.paper) >= 4.5  # it is the colour of words, too
        assert contrast(edge, getattr(theme, area)) >= 3
    for colour in (*theme.series, theme.train, theme.val, theme.good, theme.bad):
        assert contrast(colour, theme.paper) >= 4.5


def test_contrast_is_that_of_the_standard():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)  # the grey that just fails
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.005)  # and the one that passes


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_a_drawing_is_the_same_as_svg_and_as_png(theme):
    canvas = Canvas(60, 40, scale=2)
    canvas.rect(10, 10, 20, 10, fill="conv")
    canvas.image(40, 10, 8, 8, np.arange(4, dtype=np.uint8).reshape(2, 2) * 80)
    with canvas.group("layer", "c1 & more", name="c1", parameters=156):
        canvas.line([(0, 35), (60, 35)], stroke="bad", width=2)
    root = ET.fromstring(as_file(canvas, "svg", theme, "A <title>", "What it shows"))
    assert root.get("role") == "img"
    names = {element.get("id"): element.text for element in root.iter() if element.get("id")}
    assert [names[name] for name in root.get("aria-labelledby").split()] == ["A <title>", "What it shows"]
    (group,) = root.iter(f"{SVG}g")
    assert (group.get("data-name"), group.get("data-parameters"), group[0].text) == ("c1", "156", "c1 & more")
    image = Image.open(io.BytesIO(as_file(canvas, "png", theme, "A <title>", "Über 3 × 3")))
    assert image.text == {"Title": "A <title>", "Description": "Über 3 × 3"}
    pixels = np.asarray(image)
    assert pixels.shape == (80, 120, 3)

    def hexed(x, y):
        return "#" + bytes(pixels[y, x].tolist()).hex()

    assert [hexed(0, 0), hexed(20, 20), hexed(59, 39), hexed(19, 30)] == [
        theme.paper, theme.conv, theme.conv, theme.paper
    ]  # fmt: skip
    assert [hexed(80, 20), hexed(88, 20), hexed(95, 35)] == ["#000000", "#505050", "#f0f0f0"]
    assert hexed(60, 69) == hexed(60, 70) == theme.bad


def test_words_lie_in_their_boxes():
    """What is drawn of a line of text stays inside of where it is said to be."""
    for look in ({}, {"anchor": "end"}, {"anchor": "middle"}, {"turned": True}, {"bold": True}):
        canvas = Canvas(300, 300, scale=1)
        canvas.text(150, 150, "Agjpq|b 10×10", 15, **look)
        (words,) = canvas.words()
        left, top, right, bottom = words.box
        drawn = np.asarray(Image.open(io.BytesIO(as_file(canvas, "png", LIGHT, "", "")))).min(axis=2) < 128
        y, x = np.nonzero(drawn)
        assert left - 1.5 <= x.min() <= x.max() <= right + 1.5
        assert top - 1.5 <= y.min() <= y.max() <= bottom + 1.5
        assert x.max() - x.min() > 0.8 * (right - left - 4) or look == {"turned": True}


@pytest.mark.parametrize(("what", "network"), [("unfold", "lstm"), ("gradients", "rnn")])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_each_picture_says_what_it_is(tmp_path, what, network, theme):
    out = draw(what, network, tmp_path / "a.svg", theme=theme)
    root = ET.fromstring(out.read_bytes())
    title, description = root[0], root[1]
    assert (title.tag, description.tag) == (f"{SVG}title", f"{SVG}desc")
    assert root.get("aria-labelledby") == f"{title.get('id')} {description.get('id')}"
    assert len(title.text) > 10
    assert any(digit in description.text for digit in "0123456789")
    text = out.read_text()
    other = DARK if theme == "light" else LIGHT
    assert other.ink not in text
    assert (LIGHT if theme == "light" else DARK).ink in text


def test_a_module_of_the_users_own(tmp_path, heirloom):
    (tmp_path / "mine.py").write_text(
        "from torch import nn\nfrom heirloom.layers import GRU, Rows\n\n"
        "class Net(nn.Sequential):\n    def __init__(self):\n"
        "        super().__init__(Rows(), GRU(8, 5), nn.Linear(5, 10))\n"
    )
    done = heirloom("draw", "unfold", "mine.py:Net", "-o", "a.svg")
    assert "the input size of Net is not known: give --input-size C,H,W" in done.stderr
    done = heirloom("draw", "unfold", "mine.py:Net", "--input-size", "1,6,8", "-o", "a.svg")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads((tmp_path / "a.json").read_text())["rows"] == 6
