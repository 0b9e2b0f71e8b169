"""The loop: against a plain loop, against itself interrupted, and when things go wrong."""

import dataclasses
import json
import math
from pathlib import Path

import pytest
import safetensors.torch
import torch
import torch.nn.functional as F
from conftest import QUICK

from heirloom.data import Split, load_data
from heirloom.data.preprocessing import Preprocess
from heirloom.data.sampling import mix, permutation
from heirloom.errors import HeirloomError
from heirloom.events import Done, Epoch, Saved, Started, Step
from heirloom.job import Job
from heirloom.models import create_model
from heirloom.recipes import Recipe
from heirloom.runs import Run
from heirloom.training import resume, train
from heirloom.weights import load_model

SHORT = dataclasses.replace(QUICK, train_limit=200, epochs=3)  # 4 steps an epoch


def weights(run: Path) -> bytes:
    return (run / "model.safetensors").read_bytes()


def test_a_run_equals_a_plain_loop(tmp_path: Path) -> None:
    """SGD with momentum written out by hand, in double precision, gives the same weights.

    A smooth network: of two nearly equal numbers rounding decides which is the largest.
    """
    recipe = dataclasses.replace(
        SHORT,
        model="lenet5_softmax",
        optimizer="sgd",
        lr=0.05,
        momentum=0.8,
        weight_decay=1e-3,
        schedule="constant",
    )
    list(train(recipe, out=tmp_path / "run", threads=1))
    split = load_data("digits").split("train")
    images, labels = split.images[:200], split.labels[:200]
    inputs = Preprocess((1, 32, 32), 0, (0.5,), (1.0,))(images).double()
    torch.manual_seed(int(mix(recipe.seed, 0)) >> 1)
    model = create_model("lenet5_softmax", num_classes=10, in_chans=1).double()
    velocity = [torch.zeros_like(p) for p in model.parameters()]
    for epoch in range(3):
        order = torch.from_numpy(permutation(recipe.seed, epoch, 200))
        for index in order.split(64):
            loss = F.cross_entropy(model(inputs[index]), labels[index])
            gradients = torch.autograd.grad(loss, list(model.parameters()))
            with torch.no_grad():
                for p, v, g in zip(model.parameters(), velocity, gradients, strict=True):
                    v.mul_(0.8).add_(g + 1e-3 * p)
                    p.sub_(0.05 * v)
    trained = load_model(tmp_path / "run").model
    for ours, theirs in zip(trained.parameters(), model.parameters(), strict=True):
        torch.testing.assert_close(ours.double(), theirs, rtol=1e-4, atol=1e-6)


def test_events_come_in_order_and_are_kept(tmp_path: Path) -> None:
    events = list(train(SHORT, out=tmp_path / "run", threads=1))
    assert isinstance(events[0], Started)
    assert events[0].steps == 12
    assert isinstance(events[-1], Done)
    assert [e.step for e in events if isinstance(e, Step)] == list(range(1, 13))
    epochs = [e for e in events if isinstance(e, Epoch)]
    assert [e.epoch for e in epochs] == [1, 2, 3]
    assert all(e.val_accuracy is not None for e in epochs)
    kept = Run(tmp_path / "run").events()
    assert [e["event"] for e in kept if e["event"] != "step"] == [
        "started",
        "epoch",
        "epoch",
        "epoch",
        "done",
    ]
    assert {p.name for p in (tmp_path / "run").iterdir()} >= {
        "recipe.json", "versions.json", "events.jsonl", "lock", "checkpoints",
        "model.safetensors", "best.safetensors",
    }  # fmt: skip


def test_snapshots_show_the_first_layer_learning(tmp_path: Path) -> None:
    """At 0, 1, 2, 5, 10, 20, ... steps and at the end; the same after an interruption."""
    list(train(SHORT, out=tmp_path / "run", threads=1))
    found = sorted((tmp_path / "run" / "snapshots").iterdir())
    assert [int(p.stem[5:]) for p in found] == [0, 1, 2, 5, 10, 12]
    last = safetensors.torch.load_file(found[-1])
    assert list(last) == ["conv1.weight"]
    assert torch.equal(last["conv1.weight"], load_model(tmp_path / "run").model.conv1.weight)
    assert not torch.equal(safetensors.torch.load_file(found[0])["conv1.weight"], last["conv1.weight"])
    events = train(SHORT, out=tmp_path / "stopped", threads=1)
    for event in events:
        if isinstance(event, Step) and event.step == 5:
            break
    events.close()
    list(resume(tmp_path / "stopped"))
    again = sorted((tmp_path / "stopped" / "snapshots").iterdir())
    assert [p.read_bytes() for p in again] == [p.read_bytes() for p in found]


def test_training_learns(tmp_path: Path) -> None:
    recipe = dataclasses.replace(QUICK, train_limit=32, epochs=40, batch_size=16)
    last = [e for e in train(recipe, out=tmp_path / "run") if isinstance(e, Epoch)][-1]
    assert last.accuracy == 1.0


def test_equal_seeds_give_equal_bytes_and_other_seeds_do_not(tmp_path: Path) -> None:
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        torch.manual_seed(hash(name) % 1000)  # the caller's generator has no part in it
        list(train(dataclasses.replace(SHORT, seed=seed), out=tmp_path / name, threads=1))
    assert weights(tmp_path / "a") == weights(tmp_path / "b")
    assert weights(tmp_path / "a") != weights(tmp_path / "c")


def test_the_callers_state_is_left_alone(tmp_path: Path) -> None:
    torch.manual_seed(3)
    expected, threads = torch.rand(2), torch.get_num_threads()
    torch.manual_seed(3)
    for event in train(SHORT, out=tmp_path / "run", threads=1):
        if isinstance(event, Step) and event.step == 5:
            assert torch.equal(torch.rand(2), expected)  # also in between
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("stop", [0, 1, 4, 6, 11, 12])
def test_an_interrupted_run_ends_with_the_same_bytes(tmp_path: Path, optimizer: str, stop: int) -> None:
    """Closed after ``stop`` steps (mid-epoch, at its end, before the first, after the last), and resumed."""
    recipe = dataclasses.replace(SHORT, optimizer=optimizer, augment="planar")
    straight = [e for e in train(recipe, out=tmp_path / "straight", threads=1) if isinstance(e, Epoch)]
    events = train(recipe, out=tmp_path / "stopped", threads=1)
    for event in events:
        done = event.step if isinstance(event, Step) else 0
        if done == stop:
            break
    events.close()
    assert stop == 12 or not (tmp_path / "stopped" / "model.safetensors").exists()
    list(resume(tmp_path / "stopped"))
    assert weights(tmp_path / "stopped") == weights(tmp_path / "straight")
    assert (tmp_path / "stopped" / "best.safetensors").read_bytes() == (
        tmp_path / "straight" / "best.safetensors"
    ).read_bytes()
    kept = [e for e in Run(tmp_path / "stopped").events() if e["event"] == "epoch"]
    assert [(e["loss"], e["accuracy"], e["val_loss"]) for e in kept] == [
        (e.loss, e.accuracy, e.val_loss) for e in straight
    ]


def test_dropout_and_batch_statistics_survive_an_interruption(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(
        "from torch import nn\n"
        "class Net(nn.Sequential):\n"
        "    input_size = (1, 8, 8)\n"
        "    def __init__(self):\n"
        "        super().__init__(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(),\n"
        "                         nn.Dropout(0.5), nn.Linear(144, 10))\n"
    )
    recipe = dataclasses.replace(SHORT, model=f"{tmp_path}/own.py:Net", mean=0.0)
    list(train(recipe, out=tmp_path / "straight", threads=1))
    events = train(recipe, out=tmp_path / "stopped", threads=1)
    for event in events:
        if isinstance(event, Step) and event.step == 6:
            break
    events.close()
    torch.manual_seed(99)
    list(resume(tmp_path / "stopped", recipe.model))
    assert weights(tmp_path / "stopped") == weights(tmp_path / "straight")


def test_a_finished_run_stays_as_it_is(tmp_path: Path) -> None:
    list(train(SHORT, out=tmp_path / "run", threads=1))
    before = weights(tmp_path / "run")
    notes = [e.text for e in resume(tmp_path / "run") if hasattr(e, "text")]
    assert notes == ["already complete"]
    assert weights(tmp_path / "run") == before


def test_a_run_without_fast_paths_goes_on_without_a_word(tmp_path: Path) -> None:
    """Why it had none is noted in its versions, and is nothing that it would be unequal by."""
    list(train(SHORT, out=tmp_path / "run", threads=1))
    place = tmp_path / "run" / "versions.json"
    place.write_text(json.dumps(json.loads(place.read_text()) | {"kernels": "plain: no C compiler"}))
    assert [e.text for e in resume(tmp_path / "run") if hasattr(e, "text")] == ["already complete"]


def test_resume_says_when_it_is_not_exact(tmp_path: Path) -> None:
    list(train(SHORT, out=tmp_path / "run", threads=1))
    notes = [e.text for e in resume(tmp_path / "run", threads=2) if hasattr(e, "text")]
    assert "not equal to the last bit: threads was 1, is 2" in notes


def test_checkpoints_come_when_they_are_asked_for(tmp_path: Path) -> None:
    saved = [e.step for e in train(SHORT, out=tmp_path / "run", checkpoint_every=5) if isinstance(e, Saved)]
    assert saved == [5, 10, 12]
    assert sorted(p.name for p in (tmp_path / "run" / "checkpoints").iterdir()) == [
        "step-00000010",
        "step-00000012",
    ]


def test_a_loss_that_is_not_finite_stops_before_the_update(tmp_path: Path) -> None:
    recipe = dataclasses.replace(SHORT, optimizer="sgd", lr=1e20, schedule="constant", loss="squared_error")
    with pytest.raises(
        HeirloomError, match=r"the loss is (inf|nan) at step \d+: learning rate 1e\+20"
    ) as caught:
        list(train(recipe, out=tmp_path / "run", checkpoint_every=1))
    assert caught.value.status == 6
    assert not (tmp_path / "run" / "model.safetensors").exists()
    assert [e["event"] for e in Run(tmp_path / "run").events()].count("done") == 0


def test_weights_that_are_not_finite_are_never_saved(tmp_path: Path) -> None:
    recipe = dataclasses.replace(SHORT, max_steps=4)
    events = train(recipe, out=tmp_path / "run", checkpoint_every=2)
    job = None
    with pytest.raises(HeirloomError, match="no longer finite") as caught:
        for event in events:
            if isinstance(event, Step) and event.step == 2:
                job = events.gi_frame.f_locals["job"]
                next(job.model.parameters()).data[0] = math.inf
                job.loss = lambda scores, labels: scores.nan_to_num().sum() * 0
    assert caught.value.code == "E-diverged"
    assert [p.name for p in (tmp_path / "run" / "checkpoints").iterdir()] == ["step-00000002"]


def test_train_limit_max_steps_and_split(tmp_path: Path) -> None:
    recipe = dataclasses.replace(SHORT, train_limit=0, split="train+val", max_steps=3)
    events = list(train(recipe, out=tmp_path / "run"))
    assert isinstance(events[0], Started)
    assert (events[0].images, events[0].steps) == (1415, 3)
    assert [e.val_accuracy for e in events if isinstance(e, Epoch)] == [None]
    assert not (tmp_path / "run" / "best.safetensors").exists()


def test_arguments_of_the_network_stand_in_recipe_and_weights(tmp_path: Path) -> None:
    recipe = dataclasses.replace(
        SHORT, model="resnet20", args="shortcut=B", train_limit=8, batch_size=4, epochs=1, box=28
    )
    list(train(recipe, out=tmp_path / "run", threads=1))
    loaded = load_model(tmp_path / "run")
    assert loaded.card.args == {"shortcut": "B", "num_classes": 10, "in_chans": 1}
    # Option B's projections, 2,752 parameters, less what a grey image spares the first layer.
    assert sum(p.numel() for p in loaded.model.parameters()) == 269_722 + 2_752 - 2 * 16 * 9
    for args, words in [("shortcut=D", "shortcut is 'D'"), ("in_chans=3", "digits decides in_chans")]:
        with pytest.raises(HeirloomError, match=words):
            list(train(dataclasses.replace(recipe, args=args), out=tmp_path / "refused"))
    assert not (tmp_path / "refused").exists()


def test_starting_weights_are_kept_for_a_resume(tmp_path: Path, finished_run: Path) -> None:
    first = tmp_path / "first.safetensors"
    first.write_bytes(weights(finished_run))
    recipe = dataclasses.replace(SHORT, weights=str(first), lr=1e-6)
    events = train(recipe, out=tmp_path / "run", threads=1)
    next(events)
    events.close()
    first.unlink()
    with pytest.raises(HeirloomError, match="cannot read the weights"):
        list(train(recipe, out=tmp_path / "other"))
    assert not (tmp_path / "other").exists()
    list(resume(tmp_path / "run"))
    near = load_model(tmp_path / "run").model.state_dict()
    for name, value in load_model(finished_run).model.state_dict().items():
        torch.testing.assert_close(near[name], value, rtol=0, atol=1e-3)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model": "lenet5_relu_mx"}, "did you mean 'lenet5_relu_max'"),
        ({"data": "digit"}, "did you mean 'digits'"),
        ({"split": "trian"}, "did you mean 'train'"),
        ({"box": 40}, "the input is 32 x 32"),
        ({"weights": "nowhere.safetensors"}, "cannot read the weights"),
    ],
)
def test_wrong_recipes_fail_before_a_folder_is_made(
    tmp_path: Path, change: dict[str, str], words: str
) -> None:
    with pytest.raises(HeirloomError, match=words):
        list(train(dataclasses.replace(SHORT, **change), out=tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_small_batches_take_one_thread(tmp_path: Path) -> None:
    train(SHORT, out=tmp_path / "small").close()
    assert Run(tmp_path / "small").versions["threads"] == 1
    train(dataclasses.replace(QUICK, batch_size=1000, train_limit=0), out=tmp_path / "large").close()
    assert Run(tmp_path / "large").versions["threads"] == min(torch.get_num_threads(), 4)


def test_no_such_device(tmp_path: Path) -> None:
    for name in ("cuda:9", "gpu", "meta"):
        with pytest.raises(HeirloomError, match="no device") as caught:
            list(train(SHORT, out=tmp_path / "run", device=name))
        assert caught.value.status == 5


def test_a_run_knows_its_threads_before_it_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed right after the recipe appeared, it goes on with the threads that were asked for."""
    straight = tmp_path / "straight"
    list(train(SHORT, out=straight, threads=1))
    with monkeypatch.context() as patch:
        patch.setattr("heirloom.training._go", lambda *_: iter(()))
        train(SHORT, out=tmp_path / "killed", threads=1)
    assert {p.name for p in (tmp_path / "killed").iterdir()} == {"recipe.json", "versions.json", "lock"}
    list(resume(tmp_path / "killed"))
    assert Run(tmp_path / "killed").versions["threads"] == 1
    assert weights(tmp_path / "killed") == weights(straight)


def test_two_starts_in_one_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both find it empty; one of them gets it."""
    monkeypatch.setattr("heirloom.runs._claim", lambda path: (path.mkdir(exist_ok=True), path)[1])
    train(SHORT, out=tmp_path / "run").close()
    with pytest.raises(HeirloomError, match="holds a run"):
        train(dataclasses.replace(SHORT, seed=1), out=tmp_path / "run")
    assert Run(tmp_path / "run").recipe.seed == 0


def test_what_killed_starts_and_writes_leave_is_swept(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / ".recipe.json.999999999.tmp").write_text("{")
    (run / "versions.json").write_text("{}")
    train(SHORT, out=run, threads=1).close()
    (run / "evaluations").mkdir()
    for left in (".best.safetensors.999999999.tmp", "evaluations/.test-center.json.999999999.tmp"):
        (run / left).write_text("")
    (run / ".mine.tmp").write_text("not ours")
    list(resume(run))
    assert [p.name for p in run.rglob(".*")] == [".mine.tmp"]


def test_tied_weights_are_saved_and_restored(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(
        "from torch import nn\n"
        "class Tied(nn.Module):\n"
        "    input_size = (1, 8, 8)\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.a, self.b, self.c = nn.Linear(64, 64), nn.Linear(64, 64), nn.Linear(64, 10)\n"
        "        self.b.weight = self.a.weight\n"
        "    def forward(self, x):\n"
        "        return self.c(self.b(self.a(x.flatten(1)).relu()).relu())\n"
    )
    recipe = dataclasses.replace(SHORT, model=f"{tmp_path}/own.py:Tied")
    events = train(recipe, out=tmp_path / "run", threads=1)
    for event in events:
        if isinstance(event, Step) and event.step == 6:
            break
    events.close()
    list(resume(tmp_path / "run", recipe.model))
    list(train(recipe, out=tmp_path / "straight", threads=1))
    assert weights(tmp_path / "run") == weights(tmp_path / "straight")
    model = load_model(tmp_path / "run", recipe.model).model
    assert model.b.weight is model.a.weight


def test_a_changed_network_is_not_resumed(tmp_path: Path) -> None:
    code = (
        "from torch import nn\n"
        "class Net(nn.Sequential):\n"
        "    input_size = (1, 8, 8)\n"
        "    def __init__(self): super().__init__(nn.Flatten(), nn.Linear(64, 20), nn.Linear(20, 10))\n"
    )
    (tmp_path / "own.py").write_text(code)
    recipe = dataclasses.replace(SHORT, model=f"{tmp_path}/own.py:Net")
    train(recipe, out=tmp_path / "run", threads=1).close()
    list(resume(tmp_path / "run", recipe.model))
    (tmp_path / "own.py").write_text(code.replace("20", "30"))
    with pytest.raises(HeirloomError, match=r"1\.weight has size") as caught:
        list(resume(tmp_path / "run", recipe.model))
    assert caught.value.code == "E-weights-model"


def test_a_last_batch_of_one_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(
        "from torch import nn\n"
        "class Net(nn.Sequential):\n"
        "    input_size = (1, 8, 8)\n"
        "    def __init__(self): super().__init__(nn.Flatten(), nn.BatchNorm1d(64), nn.Linear(64, 10))\n"
    )
    recipe = dataclasses.replace(SHORT, model=f"{tmp_path}/own.py:Net", train_limit=65)
    words = "does not run: step 2: Expected more than 1 value.*the last batch of an epoch has one image"
    with pytest.raises(HeirloomError, match=words):
        list(train(recipe, out=tmp_path / "run"))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("return super().forward(x).detach()", "step 1: element 0 of tensors does not require grad"),
        ("assert len(x) < 250 or int('big'); return super().forward(x)", "validation: invalid literal"),
    ],
)
def test_faults_of_ones_own_network_are_its_own(tmp_path: Path, body: str, words: str) -> None:
    (tmp_path / "own.py").write_text(
        "from torch import nn\n"
        "class Net(nn.Sequential):\n"
        "    input_size = (1, 8, 8)\n"
        "    def __init__(self): super().__init__(nn.Flatten(), nn.Linear(64, 10))\n"
        f"    def forward(self, x): {body}\n"
    )
    with pytest.raises(HeirloomError, match=words):
        list(train(dataclasses.replace(SHORT, model=f"{tmp_path}/own.py:Net"), out=tmp_path / "run"))


def test_own_networks_that_do_not_fit_are_told_so(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(
        "from torch import nn\n"
        "class Wide(nn.Sequential):\n"
        "    def __init__(self): super().__init__(nn.Flatten(), nn.Linear(65, 10))\n"
        "class Few(nn.Sequential):\n"
        "    def __init__(self): super().__init__(nn.Flatten(), nn.Linear(64, 3))\n"
    )
    for name, words in (
        ("Wide", "Wide does not run: digits: mat1 and mat2"),
        ("Few", r"\(2, 3\) for \(2, 10\)"),
    ):
        with pytest.raises(HeirloomError, match=words):
            list(train(Recipe(model=f"{tmp_path}/own.py:{name}", data="digits"), out=tmp_path / "run"))


def test_a_run_is_not_resumed_with_other_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One pixel of one training image differs; the run as it was goes on when the file is back."""
    events = train(SHORT, out=tmp_path / "run", threads=1)
    for event in events:
        if isinstance(event, Step) and event.step == 5:
            break
    events.close()
    good = load_data("digits")
    images = good.splits["train"].images.clone()
    images[7, 0, 3, 3] ^= 1
    changed = dataclasses.replace(
        good, splits=good.splits | {"train": Split(images, good.splits["train"].labels)}
    )
    with monkeypatch.context() as patch:
        patch.setattr("heirloom.groundwork.load_data", lambda name, **_: changed)
        with pytest.raises(HeirloomError, match="no longer what the run was trained on") as caught:
            list(resume(tmp_path / "run"))
        assert caught.value.code == "E-checkpoint"
    assert isinstance(list(resume(tmp_path / "run"))[-1], Done)


@pytest.mark.parametrize(
    ("recipe", "more"),
    [
        (dataclasses.replace(SHORT, model="lenet5", data="digits", batch_size=32), False),
        # 32 x 32 x 3 are few numbers, and 40,551,040 multiply-accumulates each.
        (dataclasses.replace(SHORT, model="resnet20", data="digits", batch_size=128), True),
    ],
)
def test_a_second_thread_where_there_is_work_for_it(
    recipe: Recipe, more: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    assert (Job(recipe, torch.device("cpu")).threads() > 1) == more
