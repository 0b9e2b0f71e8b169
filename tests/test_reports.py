"""The report of a run: its numbers against the files of the run, and what must never be in it."""

import base64
import csv
import dataclasses
import io
import json
import re
import shutil
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import load_file

from heirloom.errors import HeirloomError
from heirloom.figures import PICTURES
from heirloom.recipes import Recipe
from heirloom.reports import report
from heirloom.training import train

TINY = Recipe(
    model="lenet5_relu_max", data="digits", epochs=1, train_limit=320, batch_size=32, augment="planar"
)


class Page(HTMLParser):
    """What a reader of the page gets: tags, the texts and the tables of each section."""

    def __init__(self, path):
        super().__init__()
        self.html = path.read_text(encoding="utf-8")
        self.tags, self.words, self.tables, self.section, self.cell = [], {}, {}, "", None
        self.feed(self.html)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.append((tag, attrs))
        if tag == "section":
            self.section = attrs["id"]
        if tag == "table":
            self.tables.setdefault(self.section, []).append([])
        if tag == "tr":
            self.tables[self.section][-1].append([])
        if tag in ("td", "th"):
            self.tables[self.section][-1][-1].append("")
            self.cell = self.tables[self.section][-1][-1]

    def handle_endtag(self, tag):
        if tag in ("td", "th"):
            self.cell = None
        if tag == "section":
            self.section = ""

    def handle_data(self, data):
        data = data.replace("\u00a0", " ")
        self.words[self.section] = self.words.get(self.section, "") + data + "\n"
        if self.cell is not None:
            self.cell[-1] += data

    def images(self, section):
        """Tags of the images between the heading of a section and that of the next."""
        places = [i for i, (tag, _) in enumerate(self.tags) if tag == "section"]
        start = next(i for i in places if self.tags[i][1]["id"] == section)
        end = min((i for i in places if i > start), default=len(self.tags))
        return [attrs for tag, attrs in self.tags[start:end] if tag == "img"]


def trained(out, **changes):
    for _ in train(dataclasses.replace(TINY, **changes), out=out):
        pass
    return out


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    path = trained(tmp_path_factory.mktemp("runs") / "run")
    report(path)
    return path


@pytest.fixture(scope="module")
def page(run):
    return Page(run / "report.html")


def answers(run):
    return json.loads((run / "evaluations" / "test-center.json").read_text())


def rows(run):
    return list(csv.DictReader(io.StringIO((run / "evaluations" / "test-center.csv").read_text())))


@pytest.fixture
def evaluated(run, tmp_path):
    """A function that makes a copy of the run with other answers."""

    def make(classes, given):
        """A run with these (label, answer, label_probability) instead of its own answers."""
        path = tmp_path / "copy"
        shutil.copytree(run, path)
        confusion = [[0] * len(classes) for _ in classes]
        for label, answer, _ in given:
            confusion[label][answer] += 1
        right = sum(confusion[i][i] for i in range(len(classes)))
        value = {"value": right / len(given), "correct": right, "n": len(given), "low": 0.1, "high": 1.0}
        per_class = [
            {"class": c, "correct": confusion[i][i], "n": sum(confusion[i])} for i, c in enumerate(classes)
        ]
        found = answers(run) | {"metrics": {"top1@test:center": value}, "n": len(given)}
        found |= {"confusion": confusion, "per_class": per_class}
        (path / "evaluations" / "test-center.json").write_text(json.dumps(found))
        with (path / "evaluations" / "test-center.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(
                ["index", "label", "answer", "correct", "score", "probability", "label_probability"]
            )
            for i, (label, answer, p) in enumerate(given):
                writer.writerow([i, classes[label], classes[answer], int(label == answer), 1.0, 0.9, p])
        report(path)
        return path

    return make


def test_accuracy_and_interval_are_those_of_the_evaluation(run, page):
    value = answers(run)["metrics"]["top1@test:center"]
    head = page.words[""]
    assert f"{100 * value['value']:.2f} %" in head
    assert f"95 % interval {100 * value['low']:.2f} to {100 * value['high']:.2f}" in head
    assert f"{value['correct']} of {value['n']} images right" in head
    assert "top1@test:center" in head
    assert "lenet5_relu_max on digits" in head


def test_evaluates_where_nobody_has(run, tmp_path):
    shutil.copytree(run, tmp_path / "copy")
    shutil.rmtree(tmp_path / "copy" / "evaluations")
    assert report(tmp_path / "copy").read_bytes() == (run / "report.html").read_bytes()
    assert answers(tmp_path / "copy") == answers(run)


def test_confusion_table_is_the_matrix(run, page):
    head, *body = page.tables["confusion"][0]
    assert head[1:] == [row[0] for row in body] == list("0123456789")
    assert [[int(cell) for cell in row[1:]] for row in body] == answers(run)["confusion"]


def test_confusions_are_counted_from_the_answers(run, page):
    counts = {}
    for row in rows(run):
        if row["label"] != row["answer"]:
            pair = f"{row['label']} → {row['answer']}"
            counts[pair] = counts.get(pair, 0) + 1
    listed = [(row[0], int(row[1])) for row in page.tables["confusion"][1][1:]]
    assert dict(listed) == {pair: counts[pair] for pair, _ in listed}
    assert [count for _, count in listed] == sorted(counts.values(), reverse=True)[: len(listed)]


def test_mistakes_are_the_least_probable_truths(run, page):
    wrong = [row for row in rows(run) if row["label"] != row["answer"]]
    wrong.sort(key=lambda row: float(row["label_probability"]))
    assert len(wrong) > 24
    shown = [image["alt"] for image in page.images("mistakes")]
    expected = [f"Test image {r['index']}: {r['label']}, answered {r['answer']}" for r in wrong[:24]]
    assert shown == expected
    assert f"The worst 24 of {len(wrong)}" in page.words["mistakes"]


def test_classes_and_summary_are_those_of_the_files(run, page):
    for row, each in zip(page.tables["classes"][0][1:], answers(run)["per_class"], strict=True):
        assert row[0] == each["class"]
        assert row[1] == f"{100 * each['correct'] / each['n']:.2f} %"
        said = [each["precision"], each["f1"]]
        shares = ["–" if value is None else f"{100 * value:.2f} %" for value in said]
        assert row[4:] == [str(each["correct"]), str(each["n"]), *shares]
    table = page.tables["network"][0]
    params = table[0].index("params")
    assert sum(int(row[params].replace(",", "")) for row in table[1:-1]) == 61_706
    assert table[-1][params] == "61,706"


def test_curves_recipe_and_versions(run, page):
    epoch = next(
        e for e in map(json.loads, (run / "events.jsonl").read_text().splitlines()) if e["event"] == "epoch"
    )
    assert page.tables["curves"][0][1:] == [
        [
            "1",
            f"{epoch['loss']:.4g}",
            f"{100 * epoch['accuracy']:.2f} %",
            f"{epoch['val_loss']:.4g}",
            f"{100 * epoch['val_accuracy']:.2f} %",
        ]
    ]
    assert "distorted images (augment=planar)" in page.words["curves"]
    for key, value in json.loads((run / "versions.json").read_text()).items():
        assert f"{key}\n{value}\n" in page.words["versions"]
    for key in ("train_limit\n320", "augment\nplanar", "batch_size\n32"):
        assert key in page.words["recipe"]


def test_loads_nothing_and_runs_nothing(page):
    assert "script" not in {tag for tag, _ in page.tags}
    assert "link" not in {tag for tag, _ in page.tags}
    policy = [a["content"] for tag, a in page.tags if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy == ["default-src 'none'; img-src data:; style-src 'unsafe-inline'"]
    assert not re.search(r"https?:|@import|url\((?!#)|//\w", re.sub(r"base64,[\w+/=]+", "", page.html))
    for _, attrs in page.tags:
        assert not any(name.startswith("on") for name in attrs)
        assert attrs.get("src", "data:image/png").startswith(("data:image/png", "data:image/jpeg"))
        assert attrs.get("href", "#").startswith(("#", "data:image/png", "data:image/jpeg"))


def test_can_be_read_without_eyes(page):
    assert [tag for tag, _ in page.tags].count("h1") == 1
    assert all(attrs.get("alt") for tag, attrs in page.tags if tag == "img")
    charts = [attrs for tag, attrs in page.tags if tag == "svg" and attrs["class"] == "chart"]
    assert len(charts) == 3
    drawings = [attrs for tag, attrs in page.tags if tag == "svg" and attrs["class"] == "drawing"]
    told = (
        "61,706 parameters", "of the weights", "Before the first step", "8 versions of image 0", "6 filters",
        "have a cosine", "the maps that it calls forth", "hold 90 % of the gradient", "The nine patches",
        "Covering it lowers the score", "keeps 90 % of its accuracy",
    )  # fmt: skip
    for drawing, words in zip(drawings, told, strict=True):
        assert words in drawing["aria-label"]
    headings = [tag for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert all(int(after[1]) <= int(before[1]) + 1 for before, after in pairwise(headings))
    assert all(re.search(r"training [\d.]+", chart["aria-label"]) for chart in charts[:2])
    assert re.search(r"at \d+ % \(\d+\)", charts[2]["aria-label"])
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    links = {attrs["href"][1:] for tag, attrs in page.tags if tag in ("a", "use") and "href" in attrs}
    assert links <= set(ids)


def test_equal_runs_give_equal_bytes(run, tmp_path):
    shutil.copytree(run, tmp_path / "elsewhere")
    before = {p.name: p.read_bytes() for p in [run / "report.html", *(run / "pictures").iterdir()]}
    report(tmp_path / "elsewhere")
    after = [tmp_path / "elsewhere" / "report.html", *(tmp_path / "elsewhere" / "pictures").iterdir()]
    assert {p.name: p.read_bytes() for p in after} == before
    drawn = {"curves.svg", "filters.png", "confusion.svg", "mistakes.png", "calibration.svg"}
    drawn |= {"diagram.svg", "shares.svg", "film.svg", "augmentation.svg", "similarity.svg"}
    drawn |= {"activations.svg", "receptive-field.svg", "top-patches.svg", "saliency.svg", "invariance.svg"}
    assert set(before) == {"report.html", *drawn}


def test_drawings_follow_the_theme_and_hold_the_pixels(run, page):
    """Their colours are all of the page's; the first filter after the last step is that of the weights."""
    drawings = re.findall(r'<svg [^>]*class="drawing".*?</svg>', page.html, re.DOTALL)
    for drawing in drawings:
        painted = re.findall(r' (?:fill|stroke)="([^"]*)"', drawing)
        named = {re.fullmatch(r"var\(--([\w-]+)\)", colour)[1] for colour in painted if colour[0] == "v"}
        assert named
        for role in named:
            assert len(re.findall(rf"--{role}:#", page.html)) == 2  # in the light and in the dark
        assert not {colour for colour in painted if colour[0] not in "vn#"}
    film = next(drawing for drawing in drawings if "Before the first step" in drawing)
    weight = load_file(run / "model.safetensors")["conv1.weight"][0, 0].numpy()
    shown = re.findall(r'href="data:image/png;base64,([^"]*)"', film)
    tiles = [np.asarray(Image.open(io.BytesIO(base64.b64decode(each)))).astype(int) for each in shown]
    last = tiles[-7]  # of the last moment the first of six filters; the scale stands behind them
    assert last.sum(2).argmax() == abs(weight).argmin()  # the whitest is nearest to 0
    clear = abs(weight) > 0.02
    assert ((last[..., 0] > last[..., 2]) == (weight > 0))[clear].all()  # red above, blue below


NO_LOOP = {"unfold", "gradients"}
NO_MAPS = {"receptive-field", "activations", "top-patches"}
NO_CLASSES = {"confusion", "mistakes", "calibration", "saliency", "invariance"}
LEFT_OUT = {
    "lenet5_relu_max": NO_LOOP | {"connections", "codes", "reconstructions", "compare"},
    "lenet5": NO_LOOP | {"reconstructions", "compare"},
    "lstm": NO_MAPS | {"connections", "filters", "similarity", "film", "codes", "reconstructions", "compare"},
    "autoencoder": NO_LOOP | NO_MAPS | NO_CLASSES | {"connections", "codes", "augmentation", "compare"},
}


@pytest.fixture(scope="module")
def pages(run, tmp_path_factory):
    """A report of each kind of network."""
    recipes = {
        "lenet5": {"loss": "map"},
        "lstm": {},
        "autoencoder": {"task": "reconstruct", "loss": "mean_squared", "augment": "none"},
    }
    made = {"lenet5_relu_max": run / "report.html"}
    for model, changes in recipes.items():
        path = tmp_path_factory.mktemp(model) / "run"
        made[model] = report(trained(path, model=model, max_steps=2, **changes))
    return {model: Page(path) for model, path in made.items()}


@pytest.mark.parametrize("model", LEFT_OUT)
def test_every_picture_is_on_the_page_or_it_says_why_not(pages, model):
    page = pages[model]
    reasons = dict(re.findall(r"^([a-z-]+): (.+)$", page.words[""], re.MULTILINE))
    assert set(reasons) == LEFT_OUT[model]
    there = {section for section in page.words if section in PICTURES}
    assert there | set(reasons) == set(PICTURES)
    assert not there & set(reasons)


def test_charts_follow_the_theme(pages):
    for name in ("gradients", "unfold"):
        drawing = next(p for p in re.split("(?=<svg )", pages["lstm"].html) if f"picture-{name}" in p)
        drawing = drawing.partition("</svg>")[0]
        assert "var(--train)" in drawing
        assert set(re.findall("#[0-9a-f]{6}", drawing)) <= {"#000000"}


def test_what_takes_long_is_left_out(run, tmp_path, monkeypatch):
    """The network of the run takes 416,520 multiply-adds: a hundred times 10**7 is ample, once is not."""
    path = shutil.copytree(run, tmp_path / "copy")
    monkeypatch.setattr("heirloom.report_page.pictures.WORK", 10**7)
    page = Page(report(path))
    for what in ("saliency", "invariance", "receptive-field"):
        assert what not in page.words
        assert f"heirloom draw {what} RUN -o {what}.svg takes its time" in page.words[""].replace("\n", "")
        assert not (path / "pictures" / f"{what}.svg").exists()
    assert "the first 24 of 382 test images" in page.words["top-patches"]  # 24 times 416,520 is below 10**7


def test_text_from_outside_is_text(evaluated):
    evil = "<img src=x onerror=alert(1)>"
    classes = [evil, '" onmouseover="alert(1)', "a & b, $x_1$", "名前\u202e\x07", *"456789"]
    path = evaluated(classes, [(0, 1, 0.1), (1, 2, 0.2), (2, 3, 0.3), (3, 0, 0.4)])
    page = Page(path / "report.html")
    assert evil not in page.html
    assert not any(name.startswith("on") for _, attrs in page.tags for name in attrs)
    assert page.tables["confusion"][0][0][1:5] == [*classes[:3], "名前\\u202e\\x07"]
    assert "<img" not in (path / "pictures" / "confusion.svg").read_text(encoding="utf-8")


def test_no_mistakes(evaluated):
    path = evaluated(list("0123456789"), [(i, i, 1.0) for i in range(10)])
    page = Page(path / "report.html")
    assert "None: all 10 images of the test split were answered right." in page.words["mistakes"]
    assert "No class was taken for another." in page.words["confusion"]
    assert not (path / "pictures" / "mistakes.png").exists()  # the copied run had one


def test_a_thousand_classes_with_long_names(evaluated):
    classes = [f"class number {i}, of which there are too many to show" for i in range(1000)]
    given = [(i, i, 0.9) for i in range(300)] + [(7, 8, 0.1), (7, 8, 0.1), (9, 7, 0.2)]
    page = Page(evaluated(classes, given) / "report.html")
    assert [row[:2] for row in page.tables["confusion"][0][1:]] == [
        [f"{classes[7]} → {classes[8]}", "2"],
        [f"{classes[9]} → {classes[7]}", "1"],
    ]
    shown = page.tables["classes"][0][1:]
    assert [row[0] for row in shown[:2]] == [classes[7], classes[9]]
    assert len(shown) == 30


def test_class_without_images(evaluated):
    page = Page(evaluated(["seen", "never seen"], [(0, 0, 0.9), (0, 1, 0.1)]) / "report.html")
    assert page.tables["classes"][0][2] == ["never seen", "–", "", "–", "0", "0", "0.00 %", "0.00 %"]


def test_calibration_is_that_of_the_evaluation(run, page):
    found = answers(run)["calibration"]
    assert f"{100 * found['ece']:.2f} points" in page.words["calibration"]
    filled = [each for each in found["reliability"] if each["n"]]
    shown = page.tables["calibration"][0][1:]
    assert [row[1] for row in shown] == [f"{each['n']:,}" for each in filled]
    assert [row[3] for row in shown] == [f"{100 * each['accuracy']:.2f} %" for each in filled]
    assert (run / "pictures" / "calibration.svg").read_bytes().startswith(b"<?xml")


def test_other_metrics_and_the_published_one(run, tmp_path):
    path = shutil.copytree(run, tmp_path / "copy")
    place = path / "evaluations" / "test-center.json"
    best = answers(run)["metrics"]["top5@test:center"]
    beside = {"difference": None, "text": "published 50.00 % (top1@test:10view, x): not compared, because"}
    place.write_text(json.dumps(answers(run) | {"published": beside}))
    words = Page(report(path)).words[""]
    assert f"top5@test:center {100 * best['value']:.2f} %" in words
    assert beside["text"] in words
    ten = answers(run) | {"metrics": {"top1@test:10view": best}}
    ten["published"] = {
        "difference": best["value"] - 0.5,
        "metric": "top1@test:10view",
        "value": 0.5,
        "text": "published 50.00 % (top1@test:10view, x): 10.00 points more",
    }
    (path / "evaluations" / "test-10view.json").write_text(json.dumps(ten))
    page = Page(report(path))
    words = page.words[""]
    assert f"top1@test:10view {100 * best['value']:.2f} %" in words
    assert "10.00 points more" in words
    assert "not compared" not in words
    _, published, here = page.tables["published"][0]
    assert published[:2] == ["published", "50.00 %"]
    assert here[:2] == ["here", f"{100 * best['value']:.2f} %"]


def test_an_evaluation_of_before(run, tmp_path):
    """Written when there was neither calibration nor a best five."""
    path = shutil.copytree(run, tmp_path / "copy")
    found = answers(run)
    old = {key: found[key] for key in ("schema", "model", "data", "split", "n", "confusion")}
    old["metrics"] = {"top1@test:center": found["metrics"]["top1@test:center"]}
    old["per_class"] = [{key: each[key] for key in ("class", "correct", "n")} for each in found["per_class"]]
    (path / "evaluations" / "test-center.json").write_text(json.dumps(old))
    page = Page(report(path))
    assert "calibration" not in page.words
    assert page.tables["classes"][0][1][0] == found["per_class"][0]["class"]
    assert not (path / "pictures" / "calibration.svg").exists()


NETWORKS = """
import torch
from torch import nn

class Colour(nn.Sequential):
    input_size = (3, 16, 16)
    def __init__(self, num_classes=10, in_chans=3):
        super().__init__(nn.Conv2d(3, 4, 5), nn.ReLU(), nn.Flatten(), nn.Linear(576, num_classes))

class Flat(nn.Sequential):
    input_size = (1, 8, 8)
    def __init__(self, num_classes=10):
        super().__init__(nn.Flatten(), nn.Linear(64, num_classes))

class Odd(nn.Module):
    input_size = (1, 8, 8)
    def __init__(self, num_classes=10):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(num_classes, 1, 8, 8))
    def forward(self, x):
        if x.sum() > 1e9:  # decides by values
            return x.flatten(1)[:, :10]
        return torch.einsum("bchw,kchw->bk", x, self.weight)
"""


@pytest.mark.parametrize(("name", "filters"), [("Colour", 4), ("Flat", 10), ("Odd", 0)])
def test_networks_of_ones_own(name, filters, tmp_path):
    file = tmp_path / "<b>nets&.py"
    file.write_text(NETWORKS)
    run = trained(tmp_path / "run", model=f"{file}:{name}", split="train+val", augment="none", max_steps=2)
    page = Page(report(run, model=f"{file}:{name}"))
    assert f"{name} on digits" in page.words[""]
    assert f"model\n{file}:{name}" in page.words["recipe"]
    assert "There is no validation" in page.words["curves"]
    assert [row[3:] for row in page.tables["curves"][0][1:]] == [["–", "–"]]
    if filters:
        assert f"The {filters} filters of" in page.words["filters"]
        with Image.open(run / "pictures" / "filters.png") as picture:
            assert picture.width > 500
    else:
        assert "filters" not in page.words
        assert "cannot be accounted for" in page.words["network"]


def test_damage_is_said_plainly(run, tmp_path):
    with pytest.raises(HeirloomError, match=r"is not a run.*E-run"):
        report(tmp_path)
    shutil.copytree(run, tmp_path / "copy")
    csv_file = tmp_path / "copy" / "evaluations" / "test-center.csv"
    csv_file.write_text("index,label\n0,1\n")
    with pytest.raises(HeirloomError, match=r"test-center.csv.*E-run"):
        report(tmp_path / "copy")
    (tmp_path / "copy" / "model.safetensors").unlink()
    with pytest.raises(HeirloomError, match="training is not finished"):
        report(Path(tmp_path / "copy"))
