"""Every picture for networks of each kind: twice alike, its words those of its numbers; or why not."""

import json
import re
import shutil
import xml.etree.ElementTree as ET

import pytest

from docs.generator import gallery
from heirloom.errors import HeirloomError
from heirloom.evaluation import evaluate
from heirloom.figures import PICTURES
from heirloom.figures.drawing import draw
from heirloom.figures.palette import THEMES

pytestmark = pytest.mark.usefixtures("one_thread")

OWN = '''
import torch
import torch.nn.functional as F
from torch import nn

LONG = "_left_hand_side_of_a_branch_that_has_a_very_long_name_indeed"


class Branch(nn.Module):
    """A branch, a Sequential without names, odd names."""

    input_size = (3, 16, 16)

    def __init__(self):
        super().__init__()
        self.s = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2))
        inner = nn.Sequential(nn.Conv2d(4, 4, 1), nn.ReLU())
        self.übung_1 = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), inner)
        self.add_module(LONG, nn.Conv2d(4, 4, 1))
        self.x = nn.Conv2d(8, 6, 3, stride=2, padding=1)
        self.y = nn.Linear(6, 3)

    def forward(self, x):
        x = self.s(x)
        x = torch.cat([getattr(self, LONG)(x), self.übung_1(x)], 1)
        return self.y(F.relu(self.x(x)).mean((2, 3)))


class One(nn.Module):
    """One channel, one class."""

    input_size = (1, 12, 12)

    def __init__(self):
        super().__init__()
        last = nn.AvgPool2d(2), nn.Flatten(), nn.Linear(32, 1)
        self.net = nn.Sequential(nn.Conv2d(1, 2, 5), nn.Tanh(), *last)

    def forward(self, x):
        return self.net(x)


class Thousand(nn.Sequential):
    """Layers that have numbers for names, and a thousand classes."""

    input_size = (3, 16, 16)

    def __init__(self):
        last = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 1000)
        super().__init__(nn.Conv2d(3, 4, 3, stride=2), nn.ReLU(), *last)


class Bare(nn.Linear):
    """One layer, and it reads no image."""

    input_size = (5,)

    def __init__(self):
        super().__init__(5, 2)
'''

NO_MAPS = {
    "connections": "has no table of connections",
    "receptive-field": "a unit sees the whole input",
    "filters": "has no filters",
    "activations": "has no layer with maps",
    "similarity": "has no filters",
    "top-patches": "has no layer with maps",
}
NO_CYCLE = {"gradients": "no layer with a cycle", "unfold": "no layer with a cycle"}
NO_RUN = {
    "film": "has not been watched",
    "augmentation": "is no recipe and no run",
    **dict.fromkeys(("curves", "confusion", "mistakes", "calibration", "reconstructions"), "is no run"),
    "compare": "shows two runs",
}
NO_CODES = {"codes": "has no fixed codes"}
OWN_ONE = NO_CYCLE | NO_RUN | NO_CODES | {"connections": "has no table of connections"}
REFUSED = {
    "lenet5": NO_CYCLE | NO_RUN,
    "lstm": NO_MAPS | NO_RUN | NO_CODES | {"connections": "it has no convolutions"},
    "net.py:Branch": OWN_ONE,
    "net.py:One": OWN_ONE,
    "net.py:Thousand": OWN_ONE,
    "net.py:Bare": NO_MAPS | OWN_ONE | dict.fromkeys(("saliency", "invariance"), "reads no image"),
    "run": NO_CYCLE
    | NO_CODES
    | {
        "connections": "has no table of connections",
        "augmentation": "augment=none",
        "reconstructions": "gives no image back",
    },
}
TWICE = ("net.py:Branch", "lstm", "run")
"""Networks that are drawn twice: every picture is."""


def share(value):
    """A part of all as the pictures say it, written here anew."""
    text = f"{100 * value:.1f} %"
    return "< 0.1 %" if text == "0.0 %" and value else "> 99.9 %" if text == "100.0 %" and value < 1 else text


def three(value):
    return f"{value:.3g}".replace("-", "−")


def diagram(told):
    totals = told["totals"]
    yield f"{totals['parameters']:,} parameters, {totals['macs']:,} multiply-adds for one image"


def shares(told):
    for column, word in (("parameters", "parameters"), ("macs", "multiply-adds")):
        yield f"{told['totals'][column]:,} {word}"
        for row in told["rows"]:
            yield share(row[column] / told["totals"][column]) if row[column] else "0"


def connections(told):
    assert sum(map(len, told["table"])) == told["connected"]
    yield f"{told['connected']:,} of {told['in_maps'] * told['out_maps']:,} pairs of maps are connected"
    yield from (str(len(maps)) for maps in told["table"])


def receptive_field(told):
    yield " × ".join(map(str, told["field"])) + " by the trace"
    yield f"{told['effective']} × {told['effective']} effective"


def augmentation(told):
    yield from (image["name"] for image in told["images"])


def gradients(told):
    yield from (curve["label"] for curve in told["curves"])


def unfold(told):
    yield f"For {told['rows']} rows"
    yield f"{told['parameters']:,} parameters, used {told['rows']} times."


def filters(told):
    yield f"The {told['size'][0]} filters of {told['size'][2]} × {told['size'][3]}"
    yield "+" + three(told["limit"])


def activations(told):
    yield from (share(answer["probability"]) for answer in told["answers"])
    yield from ("{} maps of {} × {}".format(*layer["size"]) for layer in told["layers"])


def similarity(told):
    for pair in told["nearest"] + told["most_opposite"]:
        yield f"{pair['cosine']:.3f}".replace("-", "−")


def top_patches(told):
    for each in told["maps"]:
        yield f"map {each['map']}"
        yield three(each["patches"][0]["value"])


def saliency(told):
    yield f"{told['class']} has {share(told['probability'])}"
    most = max(abs(fall) for row in told["occlusion"]["falls"] for fall in row)
    yield from (f"rises {three(most)}", f"falls {three(most)}")
    if told["grad_cam"]:
        yield three(max(map(max, told["grad_cam"]["values"])))


def film(told):
    yield "+" + three(told["limit"])
    yield from (f"{step:,}" for step in told["shown"][1:])


def invariance(told):
    for each in told["disturbances"]:
        yield each["name"]
        low, high = each["tolerance"]
        if each["unit"] == "°":
            yield f"{low:+.0f}° to {high:+.0f}°".replace("+0°", "0°").replace("-", "−")


def curves(told):
    yield f"validation {told['points'][-1]['val_loss']:.3g}"


def confusion(told):
    yield from (f"{count:,}" for row in told["confusion"] for count in row if count)
    yield f"{sum(map(sum, told['confusion'])):,} images"


def mistakes(told):
    for each in told["mistakes"]:
        yield f"true {share(each['label_probability'])}"
        yield f"said {share(each['probability'])}"


def codes(told):
    for each in told["classes"]:
        yield f"{each['n']:,}"
        yield three(each["distance"])


def calibration(told):
    assert sum(each["n"] for each in told["reliability"]) > 0
    yield from ("probability of the answer", "share that is right")


def compare(told):
    total = told["total"]
    yield from (f"{total[each]:,}" for each in ("both", "first", "second", "neither"))
    yield f"({told['n']:,} images)"


@pytest.fixture(scope="module")
def place(finished_run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("networks")
    (folder / "net.py").write_text(OWN, encoding="utf-8")
    shutil.copytree(finished_run, folder / "run")
    evaluate(folder / "run")
    shutil.copytree(folder / "run", folder / "other")
    return folder


@pytest.mark.parametrize("network", REFUSED)
@pytest.mark.parametrize("what", PICTURES)
def test_every_picture(tmp_path, monkeypatch, place, what, network):
    monkeypatch.chdir(place)
    why = REFUSED[network].get(what)
    if why:
        with pytest.raises(HeirloomError, match=re.escape(why)):
            draw(what, network, tmp_path / "0.svg")
        assert not list(tmp_path.iterdir())
        return
    networks = [network, "other"] if what == "compare" else network
    for i in range(1 + (network in TWICE)):
        draw(what, networks, tmp_path / f"{i}.svg", theme="dark")
    assert len({file.read_bytes() for file in tmp_path.glob("*.svg")}) == 1
    assert len({file.read_bytes() for file in tmp_path.glob("*.json")}) == 1
    root = ET.parse(tmp_path / "0.svg").getroot()
    written = ["".join(part.itertext()) for part in root.iter("{http://www.w3.org/2000/svg}text")]
    told = json.loads((tmp_path / "0.json").read_text())
    expected = list(globals()[what.replace("-", "_")](told))
    assert expected
    assert [words for words in expected if not any(words in line for line in written)] == []


def test_every_picture_is_in_the_gallery():
    drawn = {words[1]: gallery.target(words) for words in gallery.commands() if words[0] == "draw"}
    assert set(drawn) == set(PICTURES)
    page = gallery.PAGE.read_text(encoding="utf-8")
    pictures = {gallery.target(words) for words in gallery.commands() if words[0] == "draw"}
    assert set(re.findall(r"\(pictures/([^)]+)\)", page)) == pictures
    sizes = [file.stat().st_size for file in gallery.PICTURES.iterdir()]
    assert max(sizes) < 200_000
    assert sum(sizes) < 3_000_000
    both = gallery.in_both_themes(page)
    for name in pictures:
        for theme, file in (("light", name), ("dark", gallery.dark(name))):
            assert both.count(f"](pictures/{file}#only-{theme})") == 1
            text = (gallery.PICTURES / file).read_text(encoding="utf-8")
            assert "<title" in text
            assert THEMES[theme].paper in text
