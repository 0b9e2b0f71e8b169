"""Training that begins with weights: what is taken, what is new, what stays; when it ends, and with which."""

import dataclasses
import math
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from conftest import QUICK, Heirloom
from PIL import Image
from torch import nn

from heirloom import training
from heirloom.data import load_data
from heirloom.data.preprocessing import Preprocess
from heirloom.data.sampling import mix, permutation
from heirloom.errors import HeirloomError
from heirloom.events import Done, Epoch, Note, Step
from heirloom.finetuning import class_axes, start_from, start_notes
from heirloom.job import Job
from heirloom.models import create_model
from heirloom.recipes import Recipe, find_recipe
from heirloom.runs import Run
from heirloom.training import resume, train
from heirloom.weights import Card, load_model, read_weights, save_model

CPU = torch.device("cpu")
SHORT = dataclasses.replace(QUICK, train_limit=64, batch_size=32, epochs=6)  # 2 steps an epoch
DIGITS = tuple("0123456789")
GREY = Preprocess((1, 32, 32), 0, (0.25,), (0.5,))


def a_file(
    path: Path,
    model: str = "lenet5_relu_max",
    classes: tuple[str, ...] = DIGITS,
    preprocess: Preprocess = GREY,
    **args: object,
) -> Path:
    """Weights that nobody trained, from a seed of their own."""
    with torch.random.fork_rng():
        torch.manual_seed(77)
        net = create_model(model, num_classes=len(classes), **args)
    save_model(path, net, Card(model, {**args, "num_classes": len(classes)}, classes, preprocess))
    return path


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Grey images of three classes, in splits."""
    folder, digits = tmp_path_factory.mktemp("data") / "photos", load_data("digits").split("train")
    names = {0: "none", 1: "one", 2: "two"}
    found = [i for i in range(200) if int(digits.labels[i]) in names]
    for at, i in enumerate(found[:36]):
        place = folder / ("train", "train", "val", "test")[at % 4] / names[int(digits.labels[i])]
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(digits.images[i, 0].numpy()).resize((24, 24)).save(place / f"{i}.png")
    return folder


def begun(recipe: Recipe, file: Path) -> Job:
    job = Job(dataclasses.replace(recipe, weights=str(file)), CPU, file)
    job.begin()
    return job


OWN = """
from torch import nn
class Net(nn.Sequential):
    input_size = (1, 8, 8)
    def __init__(self, num_classes=10):
        super().__init__(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Tanh(), nn.Conv2d(4, 6, 3),
                         nn.BatchNorm2d(6), nn.Tanh(), nn.Flatten(), nn.Linear(96, num_classes))
"""


def test_a_frozen_run_equals_a_plain_loop(tmp_path: Path) -> None:
    """PyTorch's own SGD on what is not frozen, in double precision; the first statistics stay."""
    (tmp_path / "own.py").write_text(OWN)
    recipe = dataclasses.replace(
        SHORT, model=f"{tmp_path}/own.py:Net", optimizer="sgd", lr=0.05, momentum=0.8, weight_decay=1e-2,
        schedule="constant", freeze="0.* 1.* 3.bias", epochs=2,
    )  # fmt: skip
    list(train(recipe, out=tmp_path / "run", threads=1))
    trained = load_model(tmp_path / "run", recipe.model).model.state_dict()
    split = load_data("digits").split("train")
    inputs = Preprocess((1, 8, 8), 0, (0.5,), (1.0,))(split.images[:64]).double()
    torch.manual_seed(int(mix(recipe.seed, 0)) >> 1)
    model = create_model(recipe.model, num_classes=10).double()
    first = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(not name.startswith(("0.", "1.")) and name != "3.bias")
    moved = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(moved, lr=0.05, momentum=0.8, weight_decay=1e-2)
    model.train()
    model[1].eval()
    for epoch in range(2):
        for index in torch.from_numpy(permutation(recipe.seed, epoch, 64)).split(32):
            optimizer.zero_grad()
            F.cross_entropy(model(inputs[index]), split.labels[index]).backward()
            optimizer.step()
    for name, expected in model.state_dict().items():
        torch.testing.assert_close(trained[name].double(), expected.double(), rtol=1e-4, atol=1e-6)
        still = name.startswith(("0.", "1.")) or name == "3.bias"
        assert torch.equal(trained[name], first[name].to(trained[name].dtype)) == still, name


def test_what_is_frozen_needs_no_gradient_and_has_no_state(tmp_path: Path) -> None:
    job = Job(dataclasses.replace(SHORT, freeze="conv*"), CPU)
    job.train_mode()
    job.update(0)
    assert {name.partition(".")[0] for name in job.optimizer_tensors()} == {"fc1", "fc2", "fc3"}
    assert all(p.grad is None for n, p in job.model.named_parameters() if n.startswith("conv"))
    total = sum(p.numel() for p in job.model.parameters())
    trained = sum(p.numel() for n, p in job.model.named_parameters() if not n.startswith("conv"))
    assert f"{total:,} parameters, {trained:,} trained" in job.notes


@pytest.mark.parametrize("optimizer", ["adam", "sdlm"])
def test_lenet_frozen_by_its_fast_paths(tmp_path: Path, optimizer: str) -> None:
    loss = "map" if optimizer == "sdlm" else "cross_entropy"
    recipe = dataclasses.replace(
        SHORT, model="lenet5", optimizer=optimizer, loss=loss, lr=1e-3, freeze="c1.* f6.*", epochs=1
    )
    before = {n: t.clone() for n, t in Job(recipe, CPU).model.state_dict().items()}
    list(train(recipe, out=tmp_path / "run", threads=1))
    after = load_model(tmp_path / "run").model.state_dict()
    still = {name for name in before if torch.equal(before[name], after[name])}
    assert {"c1.weight", "c1.bias", "f6.weight", "f6.bias"} <= still
    assert not {"c3.weight", "c5.weight"} & still


def test_a_new_last_layer(tmp_path: Path, photos: Path) -> None:
    """The rest is the file's to the bit; the new layer is drawn by the seed as for a network of its own."""
    file = a_file(tmp_path / "w.safetensors")
    recipe = dataclasses.replace(SHORT, data=str(photos), mean=0.0, train_limit=0, seed=4)
    job = begun(recipe, file)
    _, stored = read_weights(file)
    own = job.model.state_dict()
    new = {name for name in own if own[name].shape != stored[name].shape}
    assert new == {"fc3.weight", "fc3.bias"}
    assert all(torch.equal(own[name], stored[name]) for name in own if name not in new)
    torch.manual_seed(int(mix(4, 0)) >> 1)
    drawn = create_model("lenet5_relu_max", num_classes=3, in_chans=1).state_dict()
    assert all(torch.equal(own[name], drawn[name]) for name in new)
    assert job.card.classes == ("none", "one", "two")
    assert job.card.preprocess == GREY
    assert any("since the weights know 10 classes, the data has 3" in note for note in job.notes)


def test_squeezenet_begins_anew_as_its_authors_say(tmp_path: Path, photos: Path) -> None:
    """conv10 is N(0, 0.01^2), its biases 0: the authors' definition. Variant and images are the file's."""
    bgr = Preprocess((3, 227, 227), 256, (104.0, 117.0, 123.0), (1.0,) * 3, "warp", "BGR", 255.0)
    names = tuple(f"c{i}" for i in range(20))
    file = a_file(tmp_path / "s.safetensors", "squeezenet1_0", names, bgr, source="authors")
    title, recipe = find_recipe("squeezenet1_0", str(photos), [f"weights={file}"])
    job = begun(recipe, file)
    weight = job.model.conv10.weight.detach()
    assert tuple(weight.shape) == (3, 512, 1, 1)
    assert abs(float(weight.std()) - 0.01) < 0.01 * 5 / math.sqrt(2 * weight.numel())
    assert abs(float(weight.mean())) < 0.01 * 5 / math.sqrt(weight.numel())
    assert not job.model.conv10.bias.any()
    assert job.model.conv10.padding == (1, 1)
    assert job.card.preprocess == bgr
    assert job.card.args == {"source": "authors", "num_classes": 3, "in_chans": 3}
    groups = {group.factor_at(0) for group in job.optimizer.groups}
    assert groups == {1.0, 10.0}
    (fast,) = [group for group in job.optimizer.groups if group.factor_at(0) == 10]
    assert {id(p) for p in fast.parameters} == {id(p) for p in job.model.conv10.parameters()}
    assert title == "squeezenet1_0_photos"


def test_what_a_recipe_states_of_its_images_comes_first(tmp_path: Path, photos: Path) -> None:
    file = a_file(tmp_path / "w.safetensors")
    plain = dataclasses.replace(SHORT, data=str(photos), mean=0.0, train_limit=0)
    assert begun(plain, file).card.preprocess == GREY
    for change in ({"mean": 0.5}, {"std": 2.0}, {"box": 28}):
        job = begun(dataclasses.replace(plain, **change), file)
        stated = {"mean": (0.0,), "std": (1.0,), "box": 0} | {
            key: value if key == "box" else (value,) for key, value in change.items()
        }
        assert job.card.preprocess == Preprocess((1, 32, 32), **stated)
        assert any("as the recipe says" in note for note in job.notes)


def test_a_mean_image_of_its_own_is_told() -> None:
    """Two are not compared by `Preprocess`, since they are no plain values."""
    first, second = (dataclasses.replace(GREY, mean=(0.0,), mean_image=torch.rand(1, 32, 32)) for _ in "ab")
    taken, own = (Card("lenet5_relu_max", {}, DIGITS, each) for each in (first, second))
    assert "as for the weights" in start_notes(taken, taken, frozenset())[-1]
    assert "as the recipe says" in start_notes(taken, own, frozenset())[-1]


def test_googlenets_heads_begin_anew_as_well() -> None:
    heads = ("classifier", "aux1.classifier", "aux2.classifier")
    assert set(class_axes("googlenet", {})) == {
        f"{head}.{kind}" for head in heads for kind in ("weight", "bias")
    }
    assert set(class_axes("googlenet", {"aux": False})) == {"classifier.weight", "classifier.bias"}
    assert class_axes("lenet5", {}) == {}


def test_classes_in_another_order_keep_their_weights(tmp_path: Path) -> None:
    order = ("3", "1", "4", "0", "5", "9", "2", "6", "8", "7")
    file = a_file(tmp_path / "w.safetensors", classes=order)
    job = begun(dataclasses.replace(SHORT, mean=0.0), file)
    theirs = load_model(file).model
    images = torch.rand(5, 1, 32, 32)
    expected = theirs(images)[:, [order.index(name) for name in DIGITS]]
    torch.testing.assert_close(job.model.eval()(images), expected)
    assert any("into the order of the data's" in note for note in job.notes)


@pytest.mark.parametrize(
    ("freeze", "words"),
    [
        ("cnov1.*", r"freeze=cnov1\.\*: no parameter has such a name: did you mean 'conv1"),
        ("*", r"freeze=\*: nothing is left to train"),
    ],
)
def test_patterns_that_cannot_be(freeze: str, words: str) -> None:
    with pytest.raises(HeirloomError, match=words) as caught:
        Job(dataclasses.replace(SHORT, freeze=freeze), CPU)
    assert caught.value.code == "E-recipe"


def test_weights_that_cannot_be_begun_with(tmp_path: Path, photos: Path) -> None:
    file = a_file(tmp_path / "w.safetensors")
    here = dataclasses.replace(SHORT, data=str(photos), mean=0.0, train_limit=0, weights=str(file))

    def refused(recipe: Recipe, words: str, code: str) -> None:
        with pytest.raises(HeirloomError, match=words) as caught:
            train(recipe, out=tmp_path / "run")
        assert caught.value.code == code
        assert not (tmp_path / "run").exists()

    refused(dataclasses.replace(here, freeze="fc3.*"), "matches it, and is new", "E-recipe")
    refused(
        dataclasses.replace(here, model="lenet4"), "these are weights of lenet5_relu_max", "E-weights-model"
    )
    refused(dataclasses.replace(here, args="in_chans=3"), "the weights were trained on decides", "E-recipe")
    fixed = a_file(tmp_path / "fixed.safetensors", "lenet5", (*DIGITS[:-1], "nine"))
    other = dataclasses.replace(SHORT, model="lenet5", mean=0.0, weights=str(fixed))
    refused(other, "'nine' where the data has '9'", "E-weights-classes")
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(file.read_bytes()[:-100])
    refused(dataclasses.replace(here, weights=str(cut)), "cannot read the weights", "E-weights")


def test_weights_that_are_not_finite_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No file of ours has such, but another program may write one with a good checksum."""
    net = create_model("lenet5_softmax")
    with torch.no_grad():
        net.c1.weight[0, 0, 0, :2] = math.nan
    monkeypatch.setattr("heirloom.weights.finite", dict)
    card = Card("lenet5_softmax", {"num_classes": 10}, DIGITS, GREY)
    save_model(tmp_path / "nan.safetensors", net, card)
    with pytest.raises(HeirloomError, match=r"2 of the 150 values of c1\.weight are not finite") as caught:
        start_from(create_model("lenet5_softmax"), card, "lenet5_softmax", tmp_path / "nan.safetensors")
    assert caught.value.code == "E-weights"


# ---- The end of a run -------------------------------------------------------------------------------------


def validating(monkeypatch: pytest.MonkeyPatch, values: list[float | None]) -> None:
    """Validation finds these accuracies, epoch after epoch."""
    rest = iter(values)
    monkeypatch.setattr(training, "_validate", lambda _: (1.0, next(rest)))


@pytest.mark.parametrize(
    ("patience", "values", "epochs", "kept"),
    [  # worked out by hand: an equal value is no better
        (2, [0.1, 0.3, 0.2, 0.3, 0.9], 4, 2),
        (1, [0.5, 0.5, 0.9], 2, 1),
        (3, [0.1, 0.2, 0.1, 0.1, 0.3, 0.2], 6, 5),
        (2, [None, None, 0.5], 2, None),
        (2, [0.4, None, 0.5, 0.3, 0.2, 0.1], 5, 3),
        (0, [0.9, 0.1, 0.1, 0.1, 0.1, 0.1], 6, 1),
        (2, [0.1, 0.2, 0.3, 0.4, 0.3, 0.3], 6, 4),
    ],
)
def test_patience(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, patience: int, values: list[float | None], epochs: int,
    kept: int | None,
) -> None:  # fmt: skip
    validating(monkeypatch, values)
    recipe = dataclasses.replace(SHORT, patience=patience, keep="best")
    weights = {}
    for event in train(recipe, out=tmp_path / "run", threads=1):
        if isinstance(event, Epoch) and (best := tmp_path / "run" / "best.safetensors").exists():
            weights[event.epoch] = best.read_bytes()
    assert isinstance(event, Done)
    assert (event.step, event.kept) == (2 * epochs, kept)
    log = [e for e in Run(tmp_path / "run").events() if e["event"] in ("epoch", "done")]
    assert [e.get("epoch") for e in log] == [*range(1, epochs + 1), None]
    assert log[-1].get("kept") == kept
    final = (tmp_path / "run" / "model.safetensors").read_bytes()
    assert final == weights[kept] if kept else not weights
    notes = [e.text for e in resume(tmp_path / "run") if isinstance(e, Note)]
    assert notes[0] == "already complete"
    assert (f"the weights are those of epoch {kept}, the best by validation" in notes) == bool(kept)
    assert (tmp_path / "run" / "model.safetensors").read_bytes() == final


def test_the_best_needs_images_that_are_held_out(tmp_path: Path) -> None:
    for change in ({"patience": 1}, {"keep": "best"}):
        recipe = dataclasses.replace(SHORT, split="train+val", **change)
        with pytest.raises(HeirloomError, match=r"held out to validate by.*--set patience=0 --set keep=last"):
            train(recipe, out=tmp_path / "run")


PATIENT = dataclasses.replace(SHORT, patience=2, keep="best", lr=1e-2, epochs=12, batch_size=16)


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that stops early, with weights that are not the last."""
    path = tmp_path_factory.mktemp("straight") / "run"
    done = list(train(PATIENT, out=path, threads=1))[-1]
    assert isinstance(done, Done)
    assert done.step < 48
    assert done.kept == done.step // 4 - 2
    return path


@pytest.mark.parametrize("where", ["start", "middle", "end of an epoch", "last"])
def test_interrupted_it_ends_with_the_same_bytes(tmp_path: Path, straight: Path, where: str) -> None:
    steps = len([e for e in Run(straight).events() if e["event"] == "step"])
    stop = {"start": 1, "middle": steps - 6, "end of an epoch": steps - 4, "last": steps}[where]
    events = train(PATIENT, out=tmp_path / "run", threads=1)
    for event in events:
        if isinstance(event, Step) and event.step == stop:
            break
    events.close()
    (tmp_path / "run" / "best.safetensors").unlink(missing_ok=True)  # the checkpoint has it
    list(resume(tmp_path / "run"))
    for name in ("model.safetensors", "best.safetensors"):
        assert (tmp_path / "run" / name).read_bytes() == (straight / name).read_bytes()


KILLED = """
import dataclasses, os, signal, sys
from conftest import QUICK
import heirloom.training as training
from test_finetuning import PATIENT
real, calls, (name, number) = getattr(training, sys.argv[1]), [], (sys.argv[1], int(sys.argv[2]))
def killed(*arguments):
    calls.append(1)
    if len(calls) == number and sys.argv[3] == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    real(*arguments)
    if len(calls) == number:
        os.kill(os.getpid(), signal.SIGKILL)
setattr(training, name, killed)
list(training.train(PATIENT, out=sys.argv[4], threads=1, checkpoint_every=4))
"""


@pytest.mark.parametrize(("function", "when"), [("save_model", "after"), ("save_checkpoint", "before")])
def test_killed_between_the_best_and_its_checkpoint(
    tmp_path: Path, straight: Path, function: str, when: str
) -> None:
    """The file of the best is there and no checkpoint knows of it; or it is older than its checkpoint."""
    done = subprocess.run(
        [sys.executable, "-c", KILLED, function, "2", when, str(tmp_path / "run")],
        cwd=Path(__file__).parent, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == -9, done.stderr
    assert not (tmp_path / "run" / "model.safetensors").exists()
    list(resume(tmp_path / "run"))
    for name in ("model.safetensors", "best.safetensors"):
        assert (tmp_path / "run" / name).read_bytes() == (straight / name).read_bytes()


def test_a_finetuned_run_by_the_command_line(tmp_path: Path, photos: Path, heirloom: Heirloom) -> None:
    """Trained, resumed without the weights' file, proved, evaluated and asked."""
    file = a_file(tmp_path / "w.safetensors")
    settings = ["--set", "epochs=3", "--set", "batch_size=8", "--set", "patience=1", "--set", "augment=none"]
    made = heirloom(
        "train", "lenet5_relu_max", "--data", photos, "--weights", file, "--freeze", "conv1.*", "--freeze",
        "conv2.weight", *settings, "--out", "run", "--threads", "1",
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    assert "new last layer: " in made.stderr
    assert " trained" in made.stderr
    assert "the best by validation" in made.stderr
    recipe = Run("run").recipe
    assert (recipe.freeze, recipe.keep, recipe.new_lr) == ("conv1.* conv2.weight", "best", 10)
    file.unlink()
    proved = heirloom("resume", "run", "--prove", "--quiet")
    assert proved.returncode == 0, proved.stderr
    assert "already complete" in proved.stderr
    assert "model.safetensors is the same" in proved.stdout
    assert heirloom("evaluate", "run").stdout.startswith("top1@test:")
    picture = next((photos / "test").rglob("*.png"))
    answer = heirloom("predict", "run", picture, "--top", "3", "--format", "csv").stdout
    assert {line.split(",")[2] for line in answer.splitlines()[1:]} == {"none", "one", "two"}
    assert "the best by validation" in Path("run/report.html").read_text()


def test_which_recipe_is_for_finetuning(tmp_path: Path) -> None:
    begun = ["weights=w.safetensors"]
    assert find_recipe("squeezenet1_0", "./photos", begun)[1].keep == "best"
    assert find_recipe("squeezenet1_0", "./photos")[1].keep == "last"
    assert find_recipe("lenet5", "digits", begun)[1] == find_recipe("lenet5", "digits")[1].changed(begun)
    assert find_recipe("autoencoder", "./photos", begun)[1].task == "reconstruct"


def test_old_batch_norms_are_not_the_only_layers() -> None:
    """A normalisation is kept still only where all of its own parameters are."""
    from heirloom.finetuning import freeze

    net = nn.Sequential(
        nn.BatchNorm1d(2), nn.BatchNorm1d(2), nn.BatchNorm1d(2, affine=False), nn.Linear(2, 2)
    )
    assert freeze(net, "0.* 1.weight", frozenset()) == [net[0]]
