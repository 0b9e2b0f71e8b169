"""The moving average: against the formula written out, in validation, in the file, across an interruption."""

import dataclasses
from pathlib import Path

import pytest
import torch
from conftest import QUICK
from torch import nn

from heirloom.averaging import MovingAverage
from heirloom.events import Epoch, Step
from heirloom.job import Job
from heirloom.training import resume, train
from heirloom.weights import load_model

pytestmark = pytest.mark.usefixtures("one_thread")

AVERAGED = dataclasses.replace(QUICK, train_limit=200, epochs=3, average=0.9)


def test_the_average_is_the_formula() -> None:
    net = nn.Sequential(nn.Linear(1, 1, bias=False), nn.BatchNorm1d(1))
    with torch.no_grad():
        net[0].weight.fill_(1.0)
    average = MovingAverage(net, 0.75)
    expected = 1.0
    for step, value in enumerate([2.0, 5.0, -3.0, 4.0, 0.5, 8.0], start=1):
        with torch.no_grad():
            net[0].weight.fill_(value)
            net[1].running_mean.fill_(10 * value)
        average.update(step)
        weight = max(0.25, 1 / (step + 1))  # a plain mean until the decay takes over
        expected = (1 - weight) * expected + weight * value
        assert float(average.tensors["0.weight"]) == pytest.approx(expected)
    with average.swapped_in():
        assert net[0].weight.item() == pytest.approx(expected)
        assert net[1].running_mean.item() == pytest.approx(float(average.tensors["1.running_mean"]))
    assert net[0].weight.item() == 8.0
    assert net[1].running_mean.item() == 80.0
    assert "1.num_batches_tracked" not in average.tensors


def test_what_is_saved_and_validated_is_the_average(tmp_path: Path) -> None:
    """A second job, updated by hand, has the same average; the weights beside it are others."""
    epochs = [e for e in train(AVERAGED, out=tmp_path / "run", threads=1) if isinstance(e, Epoch)]
    job = Job(AVERAGED, torch.device("cpu"))
    job.model.train()
    total = {name: tensor.clone() for name, tensor in job.model.state_dict().items()}
    for step in range(job.steps):
        job.update(step)
        weight = max(0.1, 1 / (step + 2))
        for name, tensor in job.model.state_dict().items():
            total[name] = (1 - weight) * total[name] + weight * tensor
    saved = load_model(tmp_path / "run")
    for name, tensor in saved.model.state_dict().items():
        torch.testing.assert_close(tensor, total[name], rtol=1e-4, atol=1e-6)
        assert not torch.equal(tensor, job.model.state_dict()[name])
    assert job.val is not None
    with torch.no_grad():
        answers = saved.model(saved.card.preprocess(job.val.images)).argmax(1)
    assert epochs[-1].val_accuracy == pytest.approx(float((answers == job.val.labels).float().mean()))


def test_an_interrupted_run_ends_with_the_same_average(tmp_path: Path) -> None:
    list(train(AVERAGED, out=tmp_path / "whole", threads=1))
    run = train(AVERAGED, out=tmp_path / "broken", threads=1)
    for event in run:
        if isinstance(event, Step) and event.step == 6:
            break
    run.close()
    list(resume(tmp_path / "broken"))
    whole, broken = (tmp_path / name / "model.safetensors" for name in ("whole", "broken"))
    assert whole.read_bytes() == broken.read_bytes()
