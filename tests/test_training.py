"""The loop: against a plain loop, against itself interrupted, and when things go wrong."""

import dataclasses
import math
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from conftest import QUICK

from heirloom.data import load_data
from heirloom.data.preprocessing import Preprocess
from heirloom.data.sampling import mix, permutation
from heirloom.errors import HeirloomError
from heirloom.models import create_model
from heirloom.recipes import Recipe
from heirloom.runs import Run
from heirloom.training import Done, Epoch, Saved, Started, Step, resume, train
from heirloom.weights import load_model

SHORT = dataclasses.replace(QUICK, train_limit=200, epochs=3)  # 4 steps an epoch


def weights(run: Path) -> bytes:
    return (run / "model.safetensors").read_bytes()


def test_a_run_equals_a_plain_loop(tmp_path: Path) -> None:
    """SGD with momentum written out by hand gives the same weights."""
    recipe = dataclasses.replace(
        SHORT, optimizer="sgd", lr=0.05, momentum=0.8, weight_decay=1e-3, schedule="constant"
    )
    list(train(recipe, out=tmp_path / "run", threads=1))
    split = load_data("digits").split("train")
    images, labels = split.images[:200], split.labels[:200]
    inputs = Preprocess((1, 32, 32), 0, (0.5,), (1.0,))(images)
    torch.manual_seed(int(mix(recipe.seed, 0)) >> 1)
    model = create_model("lenet5_relu_max", num_classes=10, in_chans=1)
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
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)


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
    events = train(SHORT, out=tmp_path / "run", threads=1)
    list(events)
    assert torch.equal(torch.rand(2), expected)
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
    list(resume(tmp_path / "stopped"))
    assert weights(tmp_path / "stopped") == weights(tmp_path / "straight")


def test_a_finished_run_stays_as_it_is(tmp_path: Path) -> None:
    list(train(SHORT, out=tmp_path / "run", threads=1))
    before = weights(tmp_path / "run")
    notes = [e.text for e in resume(tmp_path / "run") if hasattr(e, "text")]
    assert notes == ["already complete"]
    assert weights(tmp_path / "run") == before


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
                frame = events.gi_yieldfrom.gi_frame  # the loop itself
                job = frame.f_locals["job"]
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


def test_no_such_device(tmp_path: Path) -> None:
    for name in ("cuda:9", "gpu"):
        with pytest.raises(HeirloomError, match="no device") as caught:
            list(train(SHORT, out=tmp_path / "run", device=name))
        assert caught.value.status == 5


def test_own_networks_that_do_not_fit_are_told_so(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(
        "from torch import nn\n"
        "class Wide(nn.Sequential):\n"
        "    def __init__(self): super().__init__(nn.Flatten(), nn.Linear(65, 10))\n"
        "class Few(nn.Sequential):\n"
        "    def __init__(self): super().__init__(nn.Flatten(), nn.Linear(64, 3))\n"
    )
    for name, words in (("Wide", "does not run on digits"), ("Few", r"\(2, 3\) for \(2, 10\)")):
        with pytest.raises(HeirloomError, match=words):
            list(train(Recipe(model=f"{tmp_path}/own.py:{name}", data="digits"), out=tmp_path / "run"))
