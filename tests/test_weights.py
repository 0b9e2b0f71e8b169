"""The weights file: what it promises, and every way in which it can be wrong."""

import json
import os
import random
import re
import struct
from pathlib import Path

import pytest
import safetensors.torch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from heirloom.data.preprocessing import Preprocess
from heirloom.errors import HeirloomError
from heirloom.models import create_model
from heirloom.weights import Card, load_model, read_weights, save_model

CLASSES = tuple("0123456789")
CARD = Card(
    "lenet5",
    {"num_classes": 10, "in_chans": 1},
    CLASSES,
    Preprocess((1, 32, 32), 20, (0.1 / 1.275,), (1 / 1.275,)),
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    save_model(tmp_path / "lenet5.safetensors", create_model("lenet5"), CARD)
    return tmp_path / "lenet5.safetensors"


def test_round_trip(file: Path) -> None:
    torch.manual_seed(0)
    original = create_model("lenet5").state_dict()
    loaded = load_model(file)
    assert loaded.card == CARD
    assert not loaded.model.training
    assert all(torch.equal(value, original[name]) for name, value in loaded.model.state_dict().items())


def test_the_documented_form(file: Path) -> None:
    """Read with the format's own library: names, sizes, and metadata of DESIGN's contract."""
    with safetensors.safe_open(file, "pt") as opened:
        card = json.loads(opened.metadata()["heirloom"])
        assert opened.get_slice("c3.weight").get_shape() == [60, 5, 5]
    assert {key: card[key] for key in ("format", "model", "args")} == {
        "format": 1, "model": "lenet5", "args": {"num_classes": 10, "in_chans": 1}
    }  # fmt: skip
    assert card["classes"] == list(CLASSES)
    assert card["preprocess"]["size"] == [1, 32, 32]


def test_equal_weights_give_equal_files(tmp_path: Path, file: Path) -> None:
    loaded = load_model(file)
    save_model(tmp_path / "again.safetensors", loaded.model, loaded.card)
    assert (tmp_path / "again.safetensors").read_bytes() == file.read_bytes()


def test_saving_onto_the_file_that_was_loaded(file: Path) -> None:
    loaded = load_model(file)
    with torch.no_grad():
        next(loaded.model.parameters()).add_(1)
    save_model(file, loaded.model, loaded.card)
    again = load_model(file).model.state_dict()
    assert all(torch.equal(again[name], value) for name, value in loaded.model.state_dict().items())


def test_every_flipped_bit_is_noticed(file: Path) -> None:
    data, chance = file.read_bytes(), random.Random(1)
    for _ in range(400):
        position = chance.randrange(8 * len(data))
        spoiled = bytearray(data)
        spoiled[position // 8] ^= 1 << position % 8
        file.write_bytes(spoiled)
        with pytest.raises(HeirloomError) as caught:
            read_weights(file)
        assert caught.value.code == "E-weights"


@settings(max_examples=300)
@given(data=st.binary(max_size=400), header=st.booleans())
def test_any_bytes_at_all_give_one_clear_line(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, header: bool
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.safetensors"
    path.write_bytes(struct.pack("<Q", len(data)) + data if header else data)
    with pytest.raises(HeirloomError) as caught:
        load_model(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "the file is empty"),
        (b"PK\x03\x04....", "perhaps a PyTorch file"),
        (b"\x80\x02}q\x00.", "a pickle, which could run any code"),
        (b"\x89HDF\r\n", "an HDF5 file"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b"<!DOCTYPE html><title>404</title>", "a failed download"),
        (struct.pack("<Q", 2**63) + b"{}", "damaged, or no safetensors"),
    ],
)
def test_what_is_no_safetensors_is_called_by_its_name(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "weights.safetensors"
    path.write_bytes(content)
    with pytest.raises(HeirloomError, match=re.escape(words)) as caught:
        load_model(path)
    assert caught.value.status == 4


def test_safetensors_of_others(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    safetensors.torch.save_file({"weight": torch.ones(2)}, path)
    with pytest.raises(HeirloomError, match="not a weights file of heirloom"):
        load_model(path)


def test_a_newer_format(tmp_path: Path, file: Path) -> None:
    with safetensors.safe_open(file, "pt") as opened:
        card = json.loads(opened.metadata()["heirloom"])
    card["format"] = 4
    safetensors.torch.save_file(load_model(file).model.state_dict(), file, {"heirloom": json.dumps(card)})
    with pytest.raises(HeirloomError, match="format 4, this program knows 3: upgrade"):
        load_model(file)


@pytest.mark.parametrize(
    "change",
    [
        {"args": [1]}, {"classes": []}, {"classes": [1]}, {"classes": ["a"]}, {"model": 5},
        {"args": {"num_classes": 3}},
        {"preprocess": {"size": [1, "x", 32], "box": 0, "mean": [0], "std": [1]}},
        {"preprocess": {"size": [1, 10**6, 10**6], "box": 0, "mean": [0], "std": [1]}},
        {"preprocess": {"size": [1, 32, 32], "box": 99, "mean": [0], "std": [1]}},
        {"preprocess": {"size": [1, 32, 32], "box": 0, "mean": [0], "std": [0]}},
        {"preprocess": {"size": [1, 32, 32], "box": 0, "mean": [0, 0], "std": [1]}},
        {"preprocess": []}, {"args": {"name": "lenet1"}},
    ],
)  # fmt: skip
def test_forged_cards(file: Path, change: dict[str, object]) -> None:
    with safetensors.safe_open(file, "pt") as opened:
        card = json.loads(opened.metadata()["heirloom"]) | change
    safetensors.torch.save_file(load_model(file).model.state_dict(), file, {"heirloom": json.dumps(card)})
    with pytest.raises(HeirloomError) as caught:
        load_model(file)
    assert caught.value.status == 4


def test_places_without_weights(tmp_path: Path) -> None:
    with pytest.raises(HeirloomError, match="no such file"):
        load_model(tmp_path / "nowhere")
    with pytest.raises(HeirloomError, match="is not a run"):
        load_model(tmp_path)
    (tmp_path / "recipe.json").write_text("{}")
    with pytest.raises(
        HeirloomError, match="has no weights yet: its training is not finished: heirloom resume"
    ):
        load_model(tmp_path)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(HeirloomError, match="not a regular file"):
        load_model(tmp_path / "pipe")


def test_tensors_that_do_not_fit(tmp_path: Path) -> None:
    wide = create_model("lenet5_softmax", num_classes=12)
    path = tmp_path / "wide.safetensors"
    save_model(path, wide, Card("lenet5_softmax", {}, CLASSES, CARD.preprocess))
    with pytest.raises(HeirloomError, match=r"output.weight has size \(12, 84\), not \(10, 84\) and 1 more"):
        load_model(path)
    save_model(path, wide, Card("lenet5", {}, CLASSES, CARD.preprocess))
    with pytest.raises(HeirloomError, match="is missing and"):
        load_model(path)


def test_weights_that_are_not_finite_are_not_written(tmp_path: Path) -> None:
    model = create_model("lenet5")
    with torch.no_grad():
        model.c5.bias[3] = float("inf")
    with pytest.raises(HeirloomError, match=r"c5\.bias is no longer finite"):
        save_model(tmp_path / "bad.safetensors", model, CARD)
    assert not list(tmp_path.iterdir())
