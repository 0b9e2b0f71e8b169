"""Pictures of what a network learned: their numbers beside other ways to find them, and their faults."""

import io
import json
import shutil

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import save_file
from sklearn.metrics.pairwise import cosine_similarity
from torch import nn

from heirloom.data.preprocessing import Preprocess
from heirloom.errors import HeirloomError
from heirloom.evaluation import evaluate
from heirloom.figures import disturbing
from heirloom.figures.drawing import draw
from heirloom.figures.film import picture as film
from heirloom.figures.filters import kernels_of
from heirloom.figures.invariance import around, responses
from heirloom.figures.kernels import picture as kernels
from heirloom.figures.looking import last_maps, nonlinearity, passing, scorer
from heirloom.figures.page import halves
from heirloom.figures.palette import LIGHT
from heirloom.figures.patches import cut, field_of, top_patches
from heirloom.figures.picture import Asked, Subject, fresh
from heirloom.figures.saliency import class_of, covered, grad_cam
from heirloom.figures.similarity import similarity
from heirloom.figures.writing import gif
from heirloom.models import create_model
from heirloom.tracing import trace

pytestmark = pytest.mark.usefixtures("one_thread")

OWN = """
import torch
from torch import nn


class Net(nn.Module):
    input_size = (3, 12, 12)

    def __init__(self):
        super().__init__()
        self.one = nn.Conv2d(3, 4, 3)
        self.two = nn.Conv2d(4, 6, 3, padding=1)
        self.head = nn.Linear(6, 3)

    def forward(self, x):
        x = torch.relu_(self.one(x))
        y = torch.relu(self.two(x))
        return self.head(y.mean((2, 3)))
"""


class Own(nn.Module):
    """A rectifier in place, one called as a function, a mean, a full connection."""

    input_size = (3, 12, 12)

    def __init__(self):
        super().__init__()
        self.one, self.two, self.head = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 6, 3, padding=1), nn.Linear(6, 3)

    def forward(self, x):
        x = F.relu(self.one(x), inplace=True)
        return self.head(F.relu(self.two(x)).mean((2, 3)))


def subject_of(model, size, classes=(), **more):
    return Subject("net", "net", {}, model.eval(), Preprocess(size), classes=classes, **more)


def image(size, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).integers(0, 256, size, dtype=np.uint8))


@pytest.fixture
def own():
    torch.manual_seed(0)
    return Own().eval()


# What passes between layers ---------------------------------------------------------------------------


def test_layers_are_seen_as_they_are_whatever_writes_over_them(own):
    x, books = torch.rand(2, 3, 12, 12), trace(own)
    names = ["one", "relu", "two", nonlinearity(books, books["two"]).name]
    found = passing(own, books, x, names)
    with torch.no_grad():
        before = own.one(x)
        after = own.two(before.relu())
    for name, wanted in zip(names, (before, before.relu(), after, after.relu()), strict=True):
        assert torch.equal(found[name], wanted), name
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in own.modules())


@pytest.mark.parametrize(
    ("name", "maps", "reads"),
    [
        ("lenet5", "c3_squash", "output"),
        ("alexnet", "relu5", "fc8"),
        ("googlenet", "inception_5b.cat", "classifier"),
        ("resnet18", "conv5_x.1.relu2", "fc"),
        ("squeezenet1_0", "relu10", "conv10"),
    ],
)
def test_last_maps_and_the_layer_that_scores(name, maps, reads):
    with torch.device("meta"):
        books = trace(create_model(name))
    assert last_maps(books, name).name == maps
    assert scorer(books, name).name == reads


def test_every_nonlinearity_of_a_network_with_branches_can_be_seen():
    model = create_model("squeezenet1_0").eval()
    books = trace(model)
    rows = [nonlinearity(books, row) for row in books if row.kind == "conv"]
    assert {row.kind for row in rows} == {"relu"}
    found = passing(model, books, torch.rand(1, *model.input_size), [row.name for row in rows])
    assert [tuple(found[row.name].shape[1:]) for row in rows] == [row.output_size for row in rows]
    assert min(float(value.min()) for value in found.values()) == 0


# Filters ----------------------------------------------------------------------------------------------


def test_kernels_of_a_full_connection_give_what_it_gives():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 3, 3), nn.Flatten(), nn.Linear(3 * 4 * 4, 5)).eval()
    kernels = kernels_of(model, trace(model, (1, 6, 6)), "2")
    x = torch.rand(2, 1, 6, 6)
    with torch.no_grad():
        by_maps = F.conv2d(model[0](x), kernels, model[2].bias).flatten(1)
        assert torch.allclose(by_maps, model(x), atol=1e-6)


def test_towers_norms_and_the_largest_weight():
    subject = fresh("alexnet", {})
    found = kernels(Asked([subject])).numbers
    weight = subject.model.conv1.weight.detach()
    assert (found["towers"], found["shown"], found["size"]) == (2, [96, 3], [96, 3, 11, 11])
    assert found["limit"] == float(weight.abs().max())
    assert found["norms"] == pytest.approx(weight.double().flatten(1).norm(dim=1).tolist())
    table = kernels(Asked([subject], layers=("conv2",))).numbers
    assert (table["reads_image"], table["towers"]) == (False, 1)
    assert table["shown"][0] < table["size"][0]


@given(st.integers(1, 300), st.integers(1, 300), st.integers(8, 200))
def test_pixels_stay_square_and_inside(high, wide, room):
    tall, broad = halves(np.zeros((high, wide), np.uint8), room)
    assert max(tall, broad) <= room
    if room >= max(high, wide):
        assert tall / high == broad / wide
        assert (2 * tall) % high == 0


def test_similar_filters():
    rng = np.random.default_rng(0)
    weight = rng.normal(size=(9, 2, 3, 3))
    weight[7] = 3 * weight[2]
    weight[4] = -weight[5]
    weight[8] = 0
    found = similarity(weight)
    flat = weight.reshape(9, -1)
    assert np.allclose(found.cosines[:8, :8], cosine_similarity(flat[:8]))
    assert np.allclose(found.cosines[8, :8], 0)
    assert (found.near, found.opposite, found.repeated) == (1, 1, 2)
    assert found.pairs[0][:2] == (2, 7)
    assert found.pairs[-1][:2] == (4, 5)
    assert sorted(found.order) == list(range(9))
    assert abs(found.order.index(2) - found.order.index(7)) == 1
    shown = [[pair[2] for pair in pairs] for pairs in (found.nearest, found.farthest)]
    assert min(shown[0]) > 0 > max(shown[1])
    assert shown == [sorted(shown[0], reverse=True), sorted(shown[1])]


# Patches ----------------------------------------------------------------------------------------------


def test_a_patch_alone_excites_its_unit_as_much():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 3, 3, stride=2), nn.ReLU(), nn.Conv2d(3, 4, 2)).eval()
    images = image((12, 1, 15, 15))
    subject = subject_of(model, (1, 15, 15))
    books = trace(model, (1, 15, 15))
    found = top_patches(model, books, books["2"], images, subject, [0, 3])
    with torch.no_grad():
        every = model(images.float() / 255)
        for which, patches in found.items():
            peaks = every[:, which].flatten(1).amax(1)
            assert [p.image for p in patches] == sorted(range(12), key=lambda i: -float(peaks[i]))[:9]
            for p in patches:
                assert p.value == pytest.approx(float(peaks[p.image]))
                top, left, bottom, right = p.box
                alone = model(images[p.image : p.image + 1, :, top:bottom, left:right].float() / 255)
                assert float(alone[0, which]) == pytest.approx(p.value, abs=1e-5)


def test_a_patch_at_the_edge_is_filled():
    model = nn.Sequential(nn.Conv2d(1, 1, 3, padding=1))
    row = trace(model, (1, 5, 5))["0"]
    assert field_of(row, (0, 4)) == (-1, 3, 2, 6)
    whole = np.full((5, 5, 3), 200, np.uint8)
    patch = cut(whole, field_of(row, (0, 4)), np.array([1, 2, 3], np.uint8))
    assert (patch[1:, :2] == 200).all()
    assert (patch[0] == (1, 2, 3)).all()
    assert (patch[:, 2] == (1, 2, 3)).all()


@pytest.mark.parametrize("box", [(-9, 0, -6, 3), (5, 1, 8, 4), (1, -4, 4, -1), (1, 7, 4, 10)])
def test_a_patch_in_the_padding_alone_is_empty(box):
    patch = cut(np.full((5, 5, 3), 200, np.uint8), box, np.array([1, 2, 3], np.uint8))
    assert patch.shape == (3, 3, 3)
    assert (patch == (1, 2, 3)).all()


# What speaks for a class ------------------------------------------------------------------------------


def test_grad_cam_of_a_mean_and_a_full_connection_is_the_class_activation_map(own):
    # Selvaraju et al. 2017, section 3: there it is CAM of Zhou et al. 2016, divided by the number of places.
    x, books = torch.rand(1, 3, 12, 12), trace(own)
    last = last_maps(books, "own")
    with torch.no_grad():
        maps = own.two(own.one(x).relu()).relu()[0].double()
    for which in range(3):
        weight = own.head.weight[which].detach().double()
        wanted = (weight[:, None, None] * maps).sum(0).clamp(min=0) / maps[0].numel()
        assert np.allclose(grad_cam(own, books, x, last.name, which), wanted, atol=1e-7)


def test_covering_a_linear_network_is_a_sum():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(2 * 9 * 9, 2)).eval()
    pixels = image((2, 9, 9))
    found = covered(subject_of(model, (2, 9, 9)), pixels, 1, passes=841)
    assert (found.side, found.tops, found.lefts) == (2, list(range(8)), list(range(8)))
    weight = model[1].weight[1].detach().view(2, 9, 9).double()
    colour = pixels.double().mean((1, 2)).round()
    lost = weight * (pixels.double() - colour[:, None, None]) / 255
    wanted = [[float(lost[:, y : y + 2, x : x + 2].sum()) for x in range(8)] for y in range(8)]
    assert np.allclose(found.falls, wanted, atol=1e-5)


def test_a_class_by_name_synonym_and_number():
    classes = ("kit fox, Vulpes macrotis", "tabby, tabby cat", "7")
    assert class_of(None, classes, 3) is None
    assert class_of("Tabby cat", classes, 3) == 1
    assert class_of("0", classes, 3) == 0
    assert class_of("7", classes, 3) == 2
    assert class_of("4", (), 5) == 4
    with pytest.raises(HeirloomError, match="there is no class 'taby'"):
        class_of("taby", classes, 3)


# What is still recognised -----------------------------------------------------------------------------


def test_disturbances_by_hand():
    pixels = image((2, 1, 9, 9))
    assert torch.equal(disturbing.TURN(pixels, 90), pixels.rot90(1, (2, 3)))
    assert torch.equal(disturbing.TURN(pixels, 0), pixels)
    wide = image((2, 3, 10, 10))
    moved = disturbing.SHIFT(wide, 20)
    assert torch.equal(moved[..., 2:], wide[..., :8])
    assert not moved[..., :2].any()
    flat = torch.full((1, 1, 8, 8), 90, dtype=torch.uint8)
    small = disturbing.SCALE(flat, 0.5)
    assert (small[..., 2:6, 2:6] == 90).all()
    assert not small[..., 0, :].any()
    noise = disturbing.NOISE(wide, 100)
    assert set(noise.unique().tolist()) == {0, 255}
    some, more = disturbing.NOISE(wide, 10) != wide, disturbing.NOISE(wide, 40) != wide
    assert not (some & ~more).any()
    assert torch.equal(disturbing.NOISE(wide, 10), disturbing.NOISE(wide, 10))


@pytest.mark.parametrize("more", [-2, 2, 4])
def test_strokes_grow_by_so_many_pixels(more):
    bar = torch.zeros(1, 1, 24, 24, dtype=torch.uint8)
    bar[..., 9:15] = 255
    widths = disturbing.STROKE(bar, more).double().sum(3)[..., 8:16] / 255
    assert widths.mean() == pytest.approx(6 + more, abs=0.3)


@settings(max_examples=40)
@given(st.lists(st.floats(0, 1), min_size=3, max_size=9), st.data())
def test_a_tolerance_is_the_stretch_around_no_change(values, data):
    rest = data.draw(st.integers(0, len(values) - 1))
    values[rest] = 1.0
    low, high = around(range(len(values)), values, rest, 0.9)
    fine = np.interp(np.linspace(low, high, 50), range(len(values)), values)
    assert low <= rest <= high
    assert fine.min() >= 0.9 - 1e-9
    for end, way in ((low, -1), (high, 1)):
        beyond = end + way * 1e-3
        inside = 0 <= beyond <= len(values) - 1
        # Past its end it is less, unless it only touches the limit there.
        assert not inside or np.interp(beyond, range(len(values)), values) < 0.9 + 1e-9


def test_features_that_do_not_care_where_a_pixel_is():
    torch.manual_seed(0)
    model = nn.Sequential(nn.AvgPool2d(8), nn.Flatten(), nn.Linear(1, 4), nn.ReLU(), nn.Linear(4, 3)).eval()
    subject, images = subject_of(model, (1, 8, 8)), image((30, 1, 8, 8))
    books = trace(model, (1, 8, 8))
    with torch.no_grad():
        labels = model(images.float() / 255).argmax(1)
    quarter = disturbing.Disturbance("turn", "°", (-90, 0, 90), 0, disturbing.turned)
    (found,) = responses(subject, books, images, labels, [quarter])
    assert found.cosines == pytest.approx([1, 1, 1])
    assert found.accuracy == [1, 1, 1]
    assert found.tolerance == (-90, 90)
    assert found.features.shape == (3, 4)


# The film ---------------------------------------------------------------------------------------------


def test_a_film_is_the_snapshots(tmp_path, own):
    folder = tmp_path / "snapshots"
    folder.mkdir()
    with pytest.raises(HeirloomError, match="no snapshots"):
        film(Asked([subject_of(own, (3, 12, 12), run=tmp_path)]))
    for step in range(0, 40, 2):
        save_file(
            {"one.weight": torch.full((4, 3, 3, 3), step / 100)}, folder / f"step-{step:08d}.safetensors"
        )
    found = film(Asked([subject_of(own, (3, 12, 12), run=tmp_path)])).numbers
    assert found["steps"] == list(range(0, 40, 2))
    assert (found["shown"][0], found["shown"][-1], len(found["shown"])) == (0, 38, 12)
    assert found["limit"] == pytest.approx(0.38)
    assert found["moved"][5] == pytest.approx([0.1 * 27**0.5] * 4, rel=1e-5)
    frames = film(Asked([subject_of(own, (3, 12, 12), run=tmp_path)])).frames
    first, last = gif(frames, LIGHT), gif(frames, LIGHT)
    assert first == last
    with Image.open(io.BytesIO(first)) as moving:
        assert moving.n_frames == 12
        for place, step in enumerate(found["shown"]):  # grey is 0, white the end of the scale
            moving.seek(place)
            grey = moving.convert("RGB").getpixel((150, 200))
            assert grey == pytest.approx([127.5 * (1 + step / 38)] * 3, abs=3)
    (folder / "step-00000007.safetensors").write_bytes(b"none")
    with pytest.raises(HeirloomError, match="cannot read"):
        film(Asked([subject_of(own, (3, 12, 12), run=tmp_path)]))


# A finished run ---------------------------------------------------------------------------------------


def test_pictures_of_a_finished_run(tmp_path, finished_run):
    run = tmp_path / "run"
    shutil.copytree(finished_run, run)
    for file in (run / "evaluations").glob("*"):
        file.unlink()
    with pytest.raises(HeirloomError, match="has not been judged yet"):
        draw("confusion", run, tmp_path / "x.png")
    evaluate(run)
    for form, theme in (("svg", "dark"), ("png", "light")):
        for what in ("curves", "confusion", "mistakes"):
            draw(what, run, tmp_path / f"{what}.{form}", theme=theme)
            told = json.loads((tmp_path / f"{what}.json").read_text())
            (tmp_path / f"{what}.json").unlink()
            if what == "curves":
                log = [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]
                losses = [event["val_loss"] for event in log if event["event"] == "epoch"]
                assert [point["val_loss"] for point in told["points"]] == losses
            elif what == "confusion":
                matrix = np.array(told["confusion"])
                judged = json.loads((run / "evaluations" / "test-center.json").read_text())
                (right,) = [each["correct"] for each in judged["metrics"].values() if "correct" in each][:1]
                assert (matrix.sum(), np.trace(matrix)) == (judged["n"], right)
                wrong = int(matrix.sum() - np.trace(matrix))
            else:
                assert told["total"] == wrong
    text = (tmp_path / "confusion.svg").read_text()
    assert "white" not in text.split("<defs>")[0]
    with pytest.raises(HeirloomError, match="lenet5 is no run"):
        draw("curves", "lenet5", tmp_path / "x.png")


# Files ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["svg", "png"])
@pytest.mark.parametrize("what", ["filters", "activations", "similarity", "saliency", "invariance"])
def test_a_module_of_ones_own_twice(tmp_path, what, form):
    (tmp_path / "net.py").write_text(OWN)
    Image.fromarray(image((20, 16, 3)).numpy()).save(tmp_path / "photo.png")
    given = {} if what in ("filters", "similarity") else {"image": tmp_path / "photo.png"}
    theme = "dark" if form == "svg" else "light"
    files = [
        draw(what, f"{tmp_path}/net.py:Net", tmp_path / f"{i}.{form}", theme=theme, **given) for i in range(2)
    ]
    assert files[0].read_bytes() == files[1].read_bytes()
    assert (tmp_path / "0.json").read_bytes() == (tmp_path / "1.json").read_bytes()


def test_activations_are_those_of_the_layers(tmp_path):
    subject = fresh("lenet5", {})
    Image.fromarray(image((32, 32)).numpy()).save(tmp_path / "digit.png")
    draw(
        "activations", "lenet5", tmp_path / "a.png", image=tmp_path / "digit.png", layers=["c1", "s4_squash"],
        scale="net",
    )  # fmt: skip
    found = json.loads((tmp_path / "a.json").read_text())
    with torch.no_grad():
        value = subject.preprocess(image((32, 32))[None, None])
        for layer, count in (("c1", 1), ("s4_squash", 8)):
            maps = subject.model[:count](value)[0]
            told = next(each for each in found["layers"] if each["layer"] == layer)
            assert told["size"] == list(maps.shape)
            assert told["max"] == pytest.approx(maps.amax((1, 2)).tolist())
            assert told["mean"] == pytest.approx(maps.mean((1, 2)).tolist(), abs=1e-6)


def test_patches_of_digits(tmp_path):
    draw("top-patches", "lenet5", tmp_path / "p.svg", unit=(3, 0, 0))
    found = json.loads((tmp_path / "p.json").read_text())
    (told,) = found["maps"]
    assert (told["map"], len(told["patches"]), found["receptive_field"]) == (3, 9, [14, 14])
    values = [patch["value"] for patch in told["patches"]]
    assert values == sorted(values, reverse=True)
    assert len({patch["image"] for patch in told["patches"]}) == 9


@pytest.mark.parametrize(
    ("what", "network", "given", "message"),
    [
        ("filters", "lstm", {}, "lstm has no filters"),
        ("filters", "lenet5", {"layers": ["c2"]}, "no layer 'c2'"),
        ("similarity", "gru", {}, "no filters"),
        ("activations", "mlp", {}, "mlp has no layer with maps"),
        ("top-patches", "lstm", {}, "lstm has no layer with maps"),
        ("top-patches", "lenet5", {"layers": ["f6"]}, "f6 has no maps"),
        ("top-patches", "lenet5", {"unit": (16, 0, 0)}, "no map 16"),
        ("saliency", "autoencoder", {}, "no classes"),
        ("saliency", "lenet5", {"answer": "eleven"}, "no class 'eleven'"),
        ("invariance", "autoencoder", {}, "no classes"),
        ("film", "lenet5", {}, "has not been watched"),
        ("activations", "lenet5", {"scale": "maps"}, "unknown scale"),
        ("film", "lenet5", {"answer": "3"}, "no use for --class"),
    ],
)
def test_what_cannot_be_drawn_says_why(tmp_path, what, network, given, message):
    with pytest.raises(HeirloomError, match=message):
        draw(what, network, tmp_path / "x.png", **given)
    assert not list(tmp_path.iterdir())
