"""Weights of other programs: what is read, where it goes, that no score changes, and that nothing runs."""

import contextlib
import csv
import io
import json
import os
import pickle
import re
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imported
import numpy as np
import pytest
import safetensors.torch
import their_networks as theirs
import torch
from conftest import Heirloom
from hypothesis import given, settings
from hypothesis import strategies as st
from test_caffemodel import blob, layer, old_layer
from torch import Tensor, nn

from heirloom.errors import HeirloomError
from heirloom.foreign import Imported, load_weights
from heirloom.foreign.matching import Unfit
from heirloom.foreign.publishers import PUBLISHERS
from heirloom.foreign.reading import ForeignFile, read_foreign
from heirloom.models import MODELS, create_model
from heirloom.prediction import predict
from heirloom.weights import load_model

TORCHVISION, AKAMASTER, CAFFE, _ = PUBLISHERS


def saved(path: Path, value: Any, *, legacy: bool = False) -> Path:
    torch.save(value, path, _use_new_zipfile_serialization=not legacy)
    return path


@pytest.fixture(scope="module")
def lenet() -> dict[str, Tensor]:
    """A state dict of `lenet_caffe`. Tests change copies."""
    torch.manual_seed(0)
    return create_model("lenet_caffe").state_dict()


def loaded(path: Path, model: str = "lenet_caffe", **options: Any) -> dict[str, Tensor]:
    return load_weights(path, model, **({"preprocess": "lenet-caffe"} | options)).model.state_dict()


def same(found: dict[str, Tensor], wanted: dict[str, Tensor]) -> bool:
    return list(found) == list(wanted) and all(torch.equal(found[name], wanted[name]) for name in wanted)


# Formats


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize(
    "wrapped",
    [
        lambda state: state,
        lambda state: {"state_dict": state, "epoch": 3},
        lambda state: {"model": state, "optimizer": {"lr": 0.1}},
        lambda state: {"model": {"state_dict": state}},
        lambda state: {f"module.{name}": value for name, value in state.items()},
        lambda state: {"state_dict": {f"module._orig_mod.module.{name}": v for name, v in state.items()}},
    ],
)
def test_state_dicts(
    tmp_path: Path, lenet: dict[str, Tensor], wrapped: Callable[[dict[str, Tensor]], Any], legacy: bool
) -> None:
    assert same(loaded(saved(tmp_path / "lenet.pth", wrapped(lenet), legacy=legacy)), lenet)


def test_npz_and_safetensors(tmp_path: Path, lenet: dict[str, Tensor]) -> None:
    np.savez(tmp_path / "plain.npz", **{name: value.numpy() for name, value in lenet.items()})
    np.savez_compressed(tmp_path / "packed.npz", **{name: value.numpy() for name, value in lenet.items()})
    fortran = {name: np.asfortranarray(value.numpy()).astype(">f4") for name, value in lenet.items()}
    np.savez(tmp_path / "fortran.npz", **fortran)
    safetensors.torch.save_file(lenet, tmp_path / "lenet.safetensors")
    for name in ("plain.npz", "packed.npz", "fortran.npz", "lenet.safetensors"):
        assert same(loaded(tmp_path / name), lenet), name


@pytest.mark.parametrize("old", [False, True])
def test_caffemodels(tmp_path: Path, lenet: dict[str, Tensor], old: bool) -> None:
    data = b""
    for name in ("conv1", "conv2", "ip1", "ip2"):
        blobs = [
            blob(lenet[f"{name}.{last}"].flatten().tolist(), lenet[f"{name}.{last}"].shape, legacy=old)
            for last in ("weight", "bias")
        ]
        data += old_layer(name, 14, *blobs) if old else layer(name, "InnerProduct", *blobs)
    (tmp_path / "lenet.caffemodel").write_bytes(data)
    found = load_weights(tmp_path / "lenet.caffemodel", "lenet_caffe")
    assert same(found.model.state_dict(), lenet)
    assert found.report.publisher is CAFFE
    assert found.card.preprocess.scale == 255 / 256
    fates = {row.ours: row.fate for row in found.report.rows}
    assert fates["ip1.weight"] == ("copied, leading ones dropped" if old else "copied")


def test_kinds_are_told_by_content(tmp_path: Path, lenet: dict[str, Tensor]) -> None:
    """The name may say anything, but for a caffemodel, which has no signature."""
    saved(tmp_path / "lenet.npz", lenet)
    np.savez(tmp_path / "arrays.npz", **{name: value.numpy() for name, value in lenet.items()})
    (tmp_path / "arrays.npz").rename(tmp_path / "arrays.pth")
    assert read_foreign(tmp_path / "lenet.npz").kind == "pytorch"
    assert read_foreign(tmp_path / "arrays.pth").kind == "npz"


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.pth", b"", "the file is empty"),
        ("a.caffemodel", b"", "the file is empty"),
        ("a.h5", b"\x89HDF\r\n\x1a\n", "perhaps from Keras"),
        ("a.pth", b"<!DOCTYPE html>", "perhaps a failed download"),
        ("a.pth", b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        ("a.xyz", b"hello", "its format is none of PyTorch"),
        ("a.pth", b"hello", "damaged, or no file of PyTorch"),
        ("a.npz", b"PK\x03\x04 and no more", "a damaged zip archive"),
    ],
)
def test_what_is_none_of_them(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(HeirloomError) as caught:
        read_foreign(tmp_path / name)
    assert caught.value.status == 4
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "value",
    [
        [torch.ones(2)],
        {"a": 1},
        {1: torch.ones(2)},
        {},
        {"a": torch.ones(2).to_sparse()},
        torch.ones(2),
        "words",
    ],
)
def test_what_is_no_state_dict(tmp_path: Path, value: Any) -> None:
    with pytest.raises(HeirloomError, match=r"pytorch: (it holds|it is no|'a' is no)") as caught:
        read_foreign(saved(tmp_path / "a.pth", value))
    assert caught.value.code == "E-weights"


def test_our_own_files_are_not_foreign(tmp_path: Path, lenet: dict[str, Tensor]) -> None:
    safetensors.torch.save_file(lenet, tmp_path / "ours.safetensors", {"heirloom": "{}"})
    with pytest.raises(HeirloomError, match="a weights file of heirloom already"):
        read_foreign(tmp_path / "ours.safetensors")


def test_places_without_a_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.pth")
    for path, words in (
        (tmp_path, "not a regular"),
        (tmp_path / "no", "no such"),
        (tmp_path / "pipe.pth", "not a"),
    ):
        with pytest.raises(HeirloomError, match=words) as caught:
            read_foreign(path)
        assert caught.value.status == 4


# Hostile files


class Runs:
    """Pickled, it is a call that unpickling would make."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


class Late:
    """Pickled, it is an object whose state is set by a call."""

    def __init__(self, state: Any) -> None:
        self.state = state

    def __reduce__(self) -> Any:
        return Runs, (print,), self.state, None, None, Runs.__init__


def touch(path: Path) -> str:
    return f"open({str(path)!r}, 'w').close()"


def plain(value: Any, protocol: int = 2) -> bytes:
    return pickle.dumps(value, protocol)


def zipped(value: Any) -> bytes:
    out = io.BytesIO()
    torch.save(value, out)
    return out.getvalue()


def old_tar(canary: Path) -> bytes:
    """The form of 2016: a tar archive with pickles for storages, tensors and the rest."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name in ("sys_info", "pickle", "storages", "tensors"):
            data = plain(Runs(exec, touch(canary)))
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return out.getvalue()


def other_name(canary: Path) -> bytes:
    """A good archive whose pickle is replaced, and a second one under the name of another program."""
    out = io.BytesIO()
    evil = plain(Runs(exec, touch(canary)))
    with zipfile.ZipFile(io.BytesIO(zipped({"a": torch.ones(2)}))) as good, zipfile.ZipFile(out, "w") as bad:
        for entry in good.infolist():
            bad.writestr(entry.filename, evil if entry.filename.endswith("data.pkl") else good.read(entry))
        bad.writestr("archive/constants.pkl", evil)
    return out.getvalue()


def persistent(canary: Path) -> bytes:
    """A persistent id that holds a call."""
    inner = plain(Runs(exec, touch(canary)))[2:-1]
    magic = plain(0x1950A86A20F9469CFC6C) + plain(1001) + plain({})
    return magic + b"\x80\x02(X\x07\x00\x00\x00storage" + inner + b"tQ."


def objects(canary: Path) -> bytes:
    out = io.BytesIO()
    np.savez(out, **{"conv1.weight": np.array([Runs(exec, touch(canary))], dtype=object)})
    return out.getvalue()


def lying_array(canary: Path) -> bytes:
    """A header that says object, behind it a pickle."""
    header = b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }".ljust(117) + b"\n"
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        content = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header
        archive.writestr("conv1.weight.npy", content + plain(Runs(exec, touch(canary))))
    return out.getvalue()


def module_of_ones_own(canary: Path) -> bytes:
    """A class of a file beside the weights: importing it is enough."""
    (canary.parent / "own_module_of_weights.py").write_text(f"{touch(canary)}\nclass Net:\n    pass\n")
    return b"\x80\x02cown_module_of_weights\nNet\n)\x81."


def local_hub(canary: Path) -> Runs:
    (canary.parent / "hubconf.py").write_text(f"{touch(canary)}\ndef net():\n    return 1\n")
    return Runs(torch.hub.load, str(canary.parent), "net", "local")


def by_attribute(canary: Path) -> bytes:
    """getattr(__import__("os"), "system")("touch ...")."""
    command = f"touch {canary}".encode()
    found = b"cbuiltins\ngetattr\n(cbuiltins\n__import__\n(X\x02\0\0\0ostRX\x06\0\0\0systemtR"
    return b"\x80\x02" + found + b"(X" + len(command).to_bytes(4, "little") + command + b"tR."


PAYLOADS: dict[str, Callable[[Path], tuple[str, bytes]]] = {
    "os.system": lambda c: ("a.pth", plain(Runs(os.system, f"touch {c}"))),
    "eval": lambda c: ("a.pth", plain(Runs(eval, touch(c)))),
    "exec": lambda c: ("a.pt", plain(Runs(exec, touch(c)))),
    "Popen": lambda c: ("a.pth", plain(Runs(subprocess.Popen, ["touch", str(c)]))),
    "protocol 0 in a .th": lambda c: ("a.th", plain(Runs(exec, touch(c)), 0)),
    "protocol 4": lambda c: ("a.th", plain(Runs(exec, touch(c)), 4)),
    "zip": lambda c: ("a.pth", zipped({"state_dict": {"a": torch.ones(2), "b": Runs(exec, touch(c))}})),
    "beside a state dict": lambda c: ("a.pth", zipped({"state_dict": {}, "args": Runs(exec, touch(c))})),
    "getattr": lambda c: ("a.pth", by_attribute(c)),
    "copyreg": lambda c: ("a.pth", b"\x80\x02ccopyreg\n_reconstructor\n" + plain(Runs(exec, touch(c)))[2:]),
    "nested": lambda c: ("a.pth", plain({"a": [Runs(list, (Runs(exec, touch(c)),))]})),
    "state": lambda c: ("a.pth", plain(Late(Runs(exec, touch(c))))),
    "run_path": lambda c: ("a.pth", plain(Runs(__import__("runpy").run_path, str(c.parent / "hubconf.py")))),
    "torch.hub": lambda c: ("a.pth", plain(local_hub(c))),
    "own module": lambda c: ("a.pth", module_of_ones_own(c)),
    "persistent id": lambda c: ("a.pth", persistent(c)),
    "tar": lambda c: ("a.pth.tar", old_tar(c)),
    "another name": lambda c: ("a.pth", other_name(c)),
    "torch.load again": lambda c: ("a.pth", plain(Runs(torch.load, io.BytesIO(b"")))),
    "rebuilt by type": lambda c: (
        "a.pth",
        zipped(Runs(torch._tensor._rebuild_from_type_v2, os.system, nn.Parameter, (f"touch {c}",), {})),
    ),
    "npz of objects": lambda c: ("a.npz", objects(c)),
    "npz that lies": lambda c: ("a.npz", lying_array(c)),
    "pickle called npz": lambda c: ("a.npz", plain(Runs(exec, touch(c)))),
    "pickle called safetensors": lambda c: ("a.safetensors", plain(Runs(exec, touch(c)))),
    "pickle called caffemodel": lambda c: ("a.caffemodel", plain(Runs(exec, touch(c)))),
    "caffemodel around a pickle": lambda c: (
        "a.caffemodel",
        layer(touch(c), "Python", plain(Runs(exec, touch(c)))),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PAYLOADS)
def test_hostile_files_run_nothing(
    heirloom: Heirloom, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    canary = tmp_path / "canary"
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "hubconf.py").write_text(touch(canary))
    file, content = PAYLOADS[name](canary)
    (tmp_path / file).write_bytes(content)
    done = heirloom("import", file, "--as", "lenet_caffe", "-o", "out.safetensors")
    assert not canary.exists()
    assert done.returncode == 4
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("heirloom: cannot read the weights: ")
    assert "weights_only" not in done.stderr  # torch recommends to switch the protection off
    assert not (tmp_path / "out.safetensors").exists()
    assert "own_module_of_weights" not in sys.modules


SUNG = [
    "os.system",
    "eval",
    "exec",
    "protocol 0 in a .th",
    "protocol 4",
    "getattr",
    "nested",
    "state",
    "run_path",
]


@pytest.mark.parametrize("name", [*SUNG, "own module", "pickle called npz"])
def test_the_payloads_are_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The canary sings where nobody looks after it: the test above can fail."""
    canary = tmp_path / "canary"
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "hubconf.py").write_text(touch(canary))
    _, content = PAYLOADS[name](canary)
    with contextlib.suppress(TypeError):  # of what the call has returned
        pickle.loads(content)
    assert canary.exists()
    sys.modules.pop("own_module_of_weights", None)


def bomb(names: str, size: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(names, bytes(size))
    return out.getvalue()


def test_archives_that_grow(tmp_path: Path) -> None:
    size = 80 * 2**20
    (tmp_path / "a.npz").write_bytes(bomb("a.npy", size))
    with pytest.raises(HeirloomError, match="unpacked it would have 83,886,080 bytes"):
        read_foreign(tmp_path / "a.npz")
    (tmp_path / "a.pth").write_bytes(bomb("archive/data.pkl", size))
    with pytest.raises(HeirloomError, match="a compressed zip archive"):
        read_foreign(tmp_path / "a.pth")


def test_pickles_that_grow(tmp_path: Path) -> None:
    """What PyTorch's unpickler would make of a few bytes: four gibibytes of zeros, a storage of eight."""
    (tmp_path / "a.pth").write_bytes(plain(Runs(bytearray, 2**32)))
    with pytest.raises(HeirloomError, match="it holds more than tensors: a bytearray"):
        read_foreign(tmp_path / "a.pth")
    torch.save({"a": torch.ones(2)}, tmp_path / "b.pth", _use_new_zipfile_serialization=False)
    data = (tmp_path / "b.pth").read_bytes()
    # Its storage of 2 numbers says that it has 2^31 - 2^24.
    data, found = re.subn(rb"(?<=cpuq.)K\x02", lambda _: b"J\x00\x00\x00\x7f", data)
    assert found == 1
    (tmp_path / "b.pth").write_bytes(data)
    with pytest.raises(HeirloomError, match="damaged"):
        read_foreign(tmp_path / "b.pth")


def test_an_archive_that_understates_what_it_holds(tmp_path: Path) -> None:
    data = bytearray(bomb("a.npy", 2**20))
    for signature, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        place = data.index(signature) + offset
        data[place : place + 4] = (1000).to_bytes(4, "little")
    (tmp_path / "a.npz").write_bytes(data)
    with pytest.raises(HeirloomError, match="npz: "):
        read_foreign(tmp_path / "a.npz")


def headed(header: str, content: bytes = b"", version: bytes = b"\x01\x00") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        text = header.encode().ljust(117) + b"\n"
        archive.writestr("a.npy", b"\x93NUMPY" + version + len(text).to_bytes(2, "little") + text + content)
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (
            headed("{'descr': '<f4', 'fortran_order': False, 'shape': (9,), }", bytes(8)),
            "not that of its 8 bytes",
        ),
        (headed("{'descr': '<f4', 'fortran_order': False, 'shape': (-2, -1), }", bytes(8)), "size (-2, -1)"),
        (headed(f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({2**62}, 8), }}"), "not that of its 0"),
        (
            headed("{'descr': '<c8', 'fortran_order': False, 'shape': (1,), }", bytes(8)),
            "complex64, not numbers",
        ),
        (headed("{'descr': '<U2', 'fortran_order': False, 'shape': (1,), }", bytes(8)), "not numbers"),
        (headed("__import__('os').system('touch canary')"), "no array"),
        (headed("{'descr': '<f4'}"), "no array"),
        (headed("{", version=b"\x09\x00"), "no array"),
    ],
)
def test_arrays_that_lie(tmp_path: Path, data: bytes, words: str) -> None:
    (tmp_path / "a.npz").write_bytes(data)
    with pytest.raises(HeirloomError) as caught:
        read_foreign(tmp_path / "a.npz")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.fixture(scope="module")
def small_files() -> list[tuple[str, bytes]]:
    state = {"conv1.weight": torch.ones(2, 3), "conv1.bias": torch.zeros(2)}
    found = []
    for legacy in (False, True):
        out = io.BytesIO()
        torch.save(state, out, _use_new_zipfile_serialization=not legacy)
        found.append(("a.pth", out.getvalue()))
    out = io.BytesIO()
    np.savez_compressed(out, **{name: value.numpy() for name, value in state.items()})
    return [*found, ("a.npz", out.getvalue()), ("a.safetensors", safetensors.torch.save(state))]


@settings(max_examples=300)
@given(chance=st.randoms(use_true_random=False), which=st.integers(0, 3), cut=st.booleans())
def test_spoiled_files_give_one_line(
    tmp_path_factory: pytest.TempPathFactory, small_files: Any, chance: Any, which: int, cut: bool
) -> None:
    name, content = small_files[which]
    data = bytearray(content)
    for _ in range(chance.randint(1, 6)):
        data[chance.randrange(len(data))] = chance.randrange(256)
    if cut:
        del data[chance.randrange(len(data)) :]
    path = tmp_path_factory.getbasetemp() / name
    path.write_bytes(data)
    try:
        read_foreign(path)
    except HeirloomError as error:
        assert error.code == "E-weights"
        assert "\n" not in str(error)


# What goes where


def unfit(path: Path, **options: Any) -> Unfit:
    with pytest.raises(Unfit) as caught:
        loaded(path, **options)
    assert caught.value.status == 4
    assert "\n" not in str(caught.value)
    return caught.value


def test_everything_that_is_left_over_is_listed(tmp_path: Path, lenet: dict[str, Tensor]) -> None:
    state = {**lenet, "conv9.weight": torch.ones(3), "step": torch.ones(())}
    state["conv1.bias"], state["ip1.bias"] = torch.ones(3), torch.full((500,), float("nan"))
    del state["ip2.bias"]
    error = unfit(saved(tmp_path / "a.pth", state))
    faults = {row.theirs or row.ours: row.fate for row in error.report.rows if row.fault}
    assert set(faults) == {"conv9.weight", "step", "conv1.bias", "ip1.bias", "ip2.bias"}
    assert all(name in str(error) for name in faults)
    assert faults["conv1.bias"] == "the size is 3, not 20"
    assert faults["ip1.bias"] == "it has values that are not finite"
    assert faults["ip2.bias"] == "missing in the file"
    assert {row.theirs for row in error.report.rows if row.theirs} == set(state)
    assert {row.ours for row in error.report.rows if row.ours} == set(lenet)
    assert error.report.as_dict()["fits"] is False


def test_kinds_of_numbers(tmp_path: Path, lenet: dict[str, Tensor]) -> None:
    state = dict(lenet)
    state["conv1.weight"], state["conv2.weight"] = (
        lenet["conv1.weight"].half(),
        lenet["conv2.weight"].double(),
    )
    found = load_weights(saved(tmp_path / "a.pth", state), "lenet_caffe", publisher="caffe")
    fates = {row.ours: row.fate for row in found.report.rows}
    assert fates["conv1.weight"] == "copied, from float16"
    assert fates["conv2.weight"] == "copied, from float64"
    assert torch.equal(found.model.conv1.weight, lenet["conv1.weight"].half().float())
    assert torch.equal(found.model.conv2.weight, lenet["conv2.weight"])
    for wrong in (torch.ones(20, dtype=torch.int32), torch.ones(20, dtype=torch.complex64)):
        error = unfit(saved(tmp_path / "b.pth", {**lenet, "conv1.bias": wrong}))
        assert f"conv1.bias: it holds {str(wrong.dtype)[6:]}" in str(error)


def test_sizes_are_never_guessed(tmp_path: Path, lenet: dict[str, Tensor]) -> None:
    """As many numbers in another form do not do, nor ones in other places than Caffe had them."""
    for name, value in (
        ("ip1.weight", lenet["ip1.weight"].T.contiguous()),
        ("ip2.weight", lenet["ip2.weight"].view(10, 500, 1, 1)),
        ("conv1.weight", lenet["conv1.weight"].view(1, 20, 5, 5)),
        ("ip2.bias", lenet["ip2.bias"].view(10, 1)),
    ):
        assert f"{name}: the size is" in str(unfit(saved(tmp_path / "a.pth", {**lenet, name: value})))


def test_two_layers_for_one_place(tmp_path: Path) -> None:
    rules = CAFFE.layers_of("squeezenet1_0")
    assert rules("conv10") == rules("conv_final") == "conv10"
    from heirloom.foreign.matching import match

    ours = {"conv10.weight": torch.ones(2)}
    rows = match({"conv10.weight": torch.ones(2), "conv_final.weight": torch.ones(2)}, ours, rules)
    assert [row.fault for row in rows] == [False, True]
    assert rows[1].fate == "left over: conv10.weight is there already"


def test_another_number_of_classes(tmp_path: Path, lenet: dict[str, Tensor]) -> None:
    path = saved(tmp_path / "a.pth", lenet)
    error = unfit(path, classes=4)
    assert error.code == "E-weights-classes"
    assert "--fresh-classifier" in str(error)
    with pytest.raises(HeirloomError, match="there are no classes"):
        loaded(path, classes=0)
    torch.manual_seed(5)
    options: dict[str, Any] = {"preprocess": "lenet-caffe", "fresh_classifier": True}
    found = load_weights(path, "lenet_caffe", classes=["a", "b", "c", "d"], **options)
    assert found.card.classes == ("a", "b", "c", "d")
    assert tuple(found.model.ip2.weight.shape) == (4, 500)
    assert torch.equal(found.model.ip1.weight, lenet["ip1.weight"])
    left = {row.theirs: row.fate for row in found.report.rows if row.fate != "copied"}
    assert left == dict.fromkeys(("ip2.weight", "ip2.bias"), "not taken: the classifier is fresh")


def test_a_fresh_classifier_where_the_file_has_none(tmp_path: Path, lenet: dict[str, Tensor]) -> None:
    body = {name: value for name, value in lenet.items() if not name.startswith("ip2")}
    path = saved(tmp_path / "a.pth", body)
    assert "ip2.weight: missing" in str(unfit(path))
    found = load_weights(path, "lenet_caffe", preprocess="lenet-caffe", fresh_classifier=True)
    assert {row.ours for row in found.report.rows if row.fate == "fresh"} == {"ip2.weight", "ip2.bias"}


def test_classes_and_arguments_that_do_not_go_together(tmp_path: Path, lenet: dict[str, Tensor]) -> None:
    path = saved(tmp_path / "a.pth", lenet)
    with pytest.raises(HeirloomError, match="'nobody' has published no lenet_caffe"):
        loaded(path, publisher="nobody")
    with pytest.raises(HeirloomError, match="unknown model"):
        loaded(path, model="lenet6")
    with pytest.raises(HeirloomError, match="cannot be built"):
        loaded(path, args={"colour": 1})
    with pytest.raises(HeirloomError, match="how are images prepared"):
        load_weights(path, "lenet_caffe")


@pytest.mark.parametrize(
    ("spoilt", "words"),
    [
        (torch.full((10,), float("nan")), "not finite"),
        (torch.zeros(10, dtype=torch.int32), "it holds int32"),
        (torch.zeros(10, dtype=torch.complex64), "it holds complex64"),
    ],
)
def test_a_bad_classifier_is_not_another_number_of_classes(
    tmp_path: Path, lenet: dict[str, Tensor], spoilt: Tensor, words: str
) -> None:
    error = unfit(saved(tmp_path / "a.pth", lenet | {"ip2.bias": spoilt}))
    assert error.code == "E-weights-model"
    assert words in str(error)
    turned = unfit(saved(tmp_path / "b.pth", lenet | {"ip2.weight": lenet["ip2.weight"].T.contiguous()}))
    assert turned.code == "E-weights-model"


PREPARED = {
    "lenet_caffe": ("caffe", {}, "lenet-caffe"),
    "alexnet_caffe": ("caffe", {}, "caffe"),
    "squeezenet1_0": ("caffe", {"source": "authors"}, "caffe"),
    "googlenet": ("caffe", {}, "caffe"),
    "vgg16": ("caffe", {}, "vgg-caffe"),
    "resnet20": ("akamaster", {"shortcut": "A"}, "cifar"),
    "resnet50": ("torchvision", {"version": "v1.5"}, "imagenet"),
    "googlenet_bn": ("torchvision", {"version": "torchvision", "aux": False}, "inception"),
    "squeezenet1_1": ("torchvision", {"source": "torchvision"}, "imagenet"),
}
"""Network -> whose, the variant that theirs is, and how they prepare images."""


@pytest.mark.parametrize("name", PREPARED)
def test_the_variant_and_the_preparation_belong_to_the_publisher(name: str) -> None:
    whose, arguments, prepared = PREPARED[name]
    (publisher,) = [each for each in PUBLISHERS if each.name == whose]
    found = publisher.arguments(name, {})
    assert {key: found.get(key) for key in arguments} == arguments
    assert publisher.preprocess[name] == prepared


def test_the_network_of_another_paper(tmp_path: Path, lenet: dict[str, Tensor]) -> None:
    error = unfit(saved(tmp_path / "a.pth", lenet), model="lenet5", preprocess="none")
    assert "do not fit lenet5" in str(error)
    assert "and " in str(error)


def test_a_network_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own.py").write_text(
        "from torch import nn\nclass Net(nn.Sequential):\n    input_size = (1, 4, 4)\n"
        "    def __init__(self):\n        super().__init__(nn.Flatten(), nn.Linear(16, 3))\n"
    )
    name = f"{tmp_path / 'own.py'}:Net"
    path = saved(tmp_path / "a.pth", {"1.weight": torch.ones(3, 16), "1.bias": torch.zeros(3)})
    found = load_weights(path, name, preprocess="none", classes=["x", "y", "z"])
    assert found.card.model == "own.py:Net"
    assert found.card.args == {}


def test_a_network_that_gives_its_input_back(heirloom: Heirloom, tmp_path: Path) -> None:
    """It has no classes, and what was brought in gives the same images."""
    torch.manual_seed(0)
    arguments = ("--arg", "hidden=[9]", "--arg", "code=3", "--preprocess", "none")
    model = create_model("autoencoder", hidden=[9], code=3).eval()
    saved(tmp_path / "a.pth", model.state_dict())
    done = heirloom("import", "a.pth", "--as", "autoencoder", "-o", "a.safetensors", *arguments)
    assert done.returncode == 0, done.stderr
    found = load_model(tmp_path / "a.safetensors")
    assert found.card.classes == ()
    x = torch.rand(2, 1, 28, 28)
    assert torch.equal(found.model.eval()(x), model(x))
    done = heirloom("evaluate", "a.safetensors", "--data", "digits")
    assert done.stdout.startswith("mse@test:center "), done.stderr
    named = ("--classes", "10", *arguments)
    done = heirloom("import", "a.pth", "--as", "autoencoder", "-o", "b.safetensors", *named)
    assert (done.returncode, done.stderr) == (
        2,
        "heirloom: autoencoder has no classes, not 10 [E-argument]\n",
    )


def test_a_network_that_gives_neither_scores_nor_its_input(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(
        "from torch import nn\nclass Net(nn.Linear):\n    input_size = (1, 4, 4)\n"
        "    def __init__(self):\n        super().__init__(4, 3)\n"
    )
    path = saved(tmp_path / "a.pth", {"weight": torch.ones(3, 4), "bias": torch.zeros(3)})
    words = (
        r"neither a score per class nor an image of its input's shape: .*\(1, 1, 4, 3\) for \(1, 1, 4, 4\)"
    )
    with pytest.raises(HeirloomError, match=words) as caught:
        load_weights(path, f"{tmp_path / 'own.py'}:Net", preprocess="none")
    assert caught.value.code == "E-argument"


# Published networks: their names, their numbers


def brought(
    monkeypatch: pytest.MonkeyPatch, state: dict[str, Tensor], model: str, **options: Any
) -> Imported:
    """`load_weights` without the file: the large ones need not be written."""
    monkeypatch.setattr("heirloom.foreign.read_foreign", lambda path: ForeignFile("pytorch", "", dict(state)))
    return load_weights("no.pth", model, **options)


def their_network(name: str) -> nn.Module:
    if name == "alexnet_owt":
        return theirs.alexnet()
    if name.startswith("vgg"):
        return theirs.vgg(name)
    if name.startswith("squeezenet"):
        return theirs.squeezenet(name)
    return theirs.googlenet() if name == "googlenet_bn" else theirs.resnet(name)


@pytest.mark.parametrize("name", TORCHVISION.rules)
def test_each_tensor_of_torchvision_has_its_place(name: str) -> None:
    """By names and sizes, without numbers: all of theirs, all of ours."""
    with torch.device("meta"):
        state = their_network(name).state_dict()
        ours = create_model(
            name, **TORCHVISION.arguments(name, {}) | ({"aux": True} if "goog" in name else {})
        )
    layers = TORCHVISION.layers_of(name)
    found = {}
    for key, tensor in state.items():
        place, _, last = key.rpartition(".")
        found[f"{layers(place)}.{last}"] = tuple(tensor.shape)
    assert found == {key: tuple(tensor.shape) for key, tensor in ours.state_dict().items()}


SCORED = (
    "alexnet_owt", "vgg11_bn", "squeezenet1_0", "squeezenet1_1", "googlenet_bn", "resnet18", "resnet50",
    "resnext50_32x4d",
)  # fmt: skip


@pytest.mark.parametrize("name", SCORED)
def test_the_scores_are_torchvisions(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    with torch.device("meta"):
        network = their_network(name)
    network = theirs.random_(network.to_empty(device="cpu"))
    found = brought(monkeypatch, network.state_dict(), name)
    assert found.report.publisher is TORCHVISION
    assert found.report.faults == []
    image = torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        wanted, scores = network(image), found.model(image)
    assert float(wanted.std()) > 1e-3
    torch.testing.assert_close(scores, wanted, rtol=1e-3, atol=1e-4 * float(wanted.abs().max()))
    assert found.card.preprocess.resize == "crop"
    assert found.card.preprocess.box == 256
    assert found.card.preprocess.mean == ((0.5,) * 3 if name == "googlenet_bn" else (0.485, 0.456, 0.406))


def test_some_names_by_hand() -> None:
    """As they stand in torchvision's files; the tests above have them from our own copy of its structure."""
    for model, key, ours in (
        ("alexnet_owt", "features.10", "conv5"),
        ("alexnet_owt", "classifier.6", "fc8"),
        ("vgg11", "features.18", "conv5_2"),
        ("vgg16", "features.28", "conv5_3"),
        ("vgg16_bn", "features.41", "bn5_3"),
        ("vgg19", "features.34", "conv5_4"),
        ("squeezenet1_0", "features.12.expand3x3", "fire9.expand3x3"),
        ("squeezenet1_1", "features.12.squeeze", "fire9.squeeze"),
        ("squeezenet1_1", "classifier.1", "conv10"),
        ("googlenet_bn", "inception4e.branch3.1.bn", "inception_4e.b5x5.bn"),
        ("googlenet_bn", "aux2.fc2", "aux2.classifier"),
        ("resnet50", "layer4.2.conv3", "conv5_x.2.conv3"),
        ("resnet152", "layer3.35.bn2", "conv4_x.35.bn2"),
        ("resnet18", "layer2.0.downsample.1", "conv3_x.0.shortcut.bn"),
        ("resnet18", "layer5.0.conv1", None),
        ("vgg11", "features.30", None),
    ):
        assert TORCHVISION.layers_of(model)(key) == ours


def test_auxiliary_heads_may_be_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """On either side: a file without them, and a network without them."""
    with torch.device("meta"):
        network = theirs.googlenet()
    state = theirs.random_(network.to_empty(device="cpu")).state_dict()
    found = brought(monkeypatch, state, "googlenet_bn", args={"aux": False})
    aside = {
        row.theirs for row in found.report.rows if row.fate == "not taken: the network is built without it"
    }
    assert aside == {name for name in state if name.startswith("aux") and "num_batches" not in name}
    assert found.card.args["aux"] is False
    body = {name: value for name, value in state.items() if not name.startswith("aux")}
    assert brought(monkeypatch, body, "googlenet_bn").card.args["aux"] is False
    with pytest.raises(Unfit, match="missing in the file"):
        brought(monkeypatch, body, "googlenet_bn", args={"aux": True})


def test_strides_that_no_size_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights of version 1.5 fit version 1 to the last number, and would give other scores."""
    state = theirs.random_(theirs.resnet("resnet50")).state_dict()
    assert brought(monkeypatch, state, "resnet50", args={"version": "v1.5"}).card.args["version"] == "v1.5"
    with pytest.raises(HeirloomError, match=r"torchvision's resnet50 has version=v1\.5, not v1"):
        brought(monkeypatch, state, "resnet50", args={"version": "v1"})


@pytest.mark.parametrize("option", ["A", "B"])
@pytest.mark.parametrize("tracked", [False, True])
def test_akamasters_resnets(tmp_path: Path, option: str, tracked: bool) -> None:
    """Its option A puts zeros before and behind the maps, ours behind them: the same scores."""
    network = theirs.random_(theirs.cifar_resnet(3, option))
    state = {f"module.{k}": v for k, v in network.state_dict().items() if tracked or "tracked" not in k}
    found = load_weights(saved(tmp_path / "a.th", {"best_prec1": 91.7, "state_dict": state}), "resnet20")
    assert found.report.publisher is AKAMASTER
    assert found.card.args["shortcut"] == option
    image = torch.randn(4, 3, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(found.model(image), network(image), rtol=1e-3, atol=1e-3)
    fates = [row.fate for row in found.report.rows if row.ours.endswith("conv4_x.1.conv1.weight")]
    assert fates == ["copied, its maps in our order" if option == "A" else "copied"]
    counted = found.model.state_dict()["bn1.num_batches_tracked"]
    assert int(counted) == (7 if tracked else 0)


def every(pattern: str, *values: str) -> list[str]:
    return [pattern.format(value) for value in values]


_STAGES = {"vgg16": (2, 2, 3, 3, 3), "vgg19": (2, 2, 4, 4, 4)}
_INCEPTIONS = ("3a", "3b", "4a", "4b", "4c", "4d", "4e", "5a", "5b")
_BRANCHES = ("1x1", "3x3_reduce", "3x3", "5x5_reduce", "5x5", "pool_proj")
_FIRES = [f"fire{i}" for i in range(2, 10)]
_FC = ["fc6", "fc7", "fc8"]
PROTOTXTS = {
    "lenet_caffe": ["conv1", "conv2", "ip1", "ip2"],
    "alexnet_caffe": every("conv{}", *"12345") + _FC,
    "caffenet": every("conv{}", *"12345") + _FC,
    **{
        name: [f"conv{i}_{k + 1}" for i, depth in enumerate(depths, 1) for k in range(depth)] + _FC
        for name, depths in _STAGES.items()
    },
    "nin_cifar": every("conv{}", *"123") + every("cccp{}", *"123456"),
    "nin_imagenet": every("conv{}", *"123") + every("cccp{}", *"123456")
    + every("{}-1024", "conv4", "cccp7", "cccp8"),
    "googlenet": ["conv1/7x7_s2", "conv2/3x3_reduce", "conv2/3x3", "loss3/classifier"]
    + [f"inception_{name}/{branch}" for name in _INCEPTIONS for branch in _BRANCHES]
    + [f"loss{i}/{name}" for i in (1, 2) for name in ("conv", "fc", "classifier")],
    "squeezenet1_0": ["conv1", "conv10"]
    + [f"{fire}/{name}" for fire in _FIRES for name in ("squeeze1x1", "expand1x1", "expand3x3")],
}  # fmt: skip
PROTOTXTS["squeezenet1_1"] = PROTOTXTS["squeezenet1_0"]
"""The layers with weights of the published prototxts."""


@pytest.mark.parametrize("name", CAFFE.rules)
def test_each_layer_of_caffe_has_its_place(name: str) -> None:
    layers = CAFFE.layers_of(name)
    with torch.device("meta"):
        aux = {"aux": True} if name == "googlenet" else {}
        ours = {key.rpartition(".")[0] for key in create_model(name, **aux).state_dict()}
    found = [layers(layer) for layer in PROTOTXTS[name]]
    assert len(found) == len(set(found))
    assert set(found) == ours


def test_deep_compression_has_its_own_names() -> None:
    layers = CAFFE.layers_of("squeezenet1_0")
    theirs = ["conv1", "conv_final"]
    theirs += [f"{fire}/{name}" for fire in _FIRES for name in ("conv1x1_1", "conv1x1_2", "conv3x3_2")]
    assert [layers(name) for name in theirs] == [layers(name) for name in PROTOTXTS["squeezenet1_0"]]


def test_every_published_network_is_one_of_ours() -> None:
    for publisher in PUBLISHERS:
        assert set(publisher.rules) <= set(MODELS)
        assert set(publisher.preprocess) <= set(publisher.rules)
        assert set(publisher.notes) <= set(publisher.rules)


def test_equal_names_are_told_apart_by_the_format(tmp_path: Path, lenet: dict[str, Tensor]) -> None:
    """Caffe's names are ours here: a state dict is taken for one of ours, whose images nobody describes."""
    np.savez(tmp_path / "a.npz", **{name: value.numpy() for name, value in lenet.items()})
    assert load_weights(tmp_path / "a.npz", "lenet_caffe").report.publisher is CAFFE
    path = saved(tmp_path / "a.pth", lenet)
    assert load_weights(path, "lenet_caffe", preprocess="none").report.publisher.name == "heirloom"
    assert load_weights(path, "lenet_caffe", publisher="caffe").card.preprocess.scale == 255 / 256


def test_weights_that_give_no_scores(tmp_path: Path, lenet: dict[str, Tensor]) -> None:
    huge = {name: torch.full_like(value, 3e38) for name, value in lenet.items()}
    with pytest.raises(HeirloomError, match="the scores of lenet_caffe are not finite") as caught:
        loaded(saved(tmp_path / "a.pth", huge))
    assert caught.value.code == "E-weights"


# The acceptance run


def test_figures_that_are_missed_are_an_exit_status(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    lenet: dict[str, Tensor],
) -> None:
    (tmp_path / "weights").mkdir()
    np.savez(tmp_path / "weights" / "a.npz", **{name: value.numpy() for name, value in lenet.items()})
    (tmp_path / "imagenet").mkdir()
    monkeypatch.setenv("HEIRLOOM_DATA", str(tmp_path))

    def right(count: int) -> imported.Case:
        return imported.Case(
            "a.npz", "lenet_caffe", "nothing", lambda found, root: [("top1@test:center", count, 100)], 50, 2
        )

    out = tmp_path / "figures.csv"
    assert imported.main([right(48), right(52)], out) == 0
    assert "must be 50 ± 2: yes" in capsys.readouterr().out
    with out.open(newline="") as file:
        assert [(row["correct"], row["must_be"]) for row in csv.DictReader(file)] == [
            ("48", "50"),
            ("52", "50"),
        ]
    assert imported.main([right(50), right(47)], out) == 1
    assert "must be 50 ± 2: MISSED" in capsys.readouterr().out


def test_right_answers_are_counted() -> None:
    scores = torch.randn(50, 7, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(50) % 7
    ranks = [
        sorted(row, reverse=True).index(row[label])
        for row, label in zip(scores.tolist(), labels, strict=True)
    ]
    wanted = [("top1@val:center", ranks.count(0), 50), ("top5@val:center", sum(r < 5 for r in ranks), 50)]
    assert imported.counted("val", scores, labels) == wanted


# The command


def test_the_command(heirloom: Heirloom, tmp_path: Path, lenet: dict[str, Tensor]) -> None:
    saved(tmp_path / "lenet.pth", {f"module.{name}": value for name, value in lenet.items()})
    (tmp_path / "names.txt").write_text("".join(f"digit {i}\n" for i in range(10)))
    options = ("--classes", "names.txt", "--preprocess", "lenet-caffe")
    done = heirloom("import", "lenet.pth", "--as", "lenet_caffe", "-o", "out.safetensors", *options)
    assert done.returncode == 0, done.stderr
    assert "8 tensors, 431,080 numbers copied" in done.stdout
    assert (
        "Preprocessing: as given: lenet-caffe: white is 0.996094, less 0, by 1, fit to 28 x 28.\n"
        in done.stdout
    )
    assert "Names: heirloom (the network's own names).\n" in done.stdout
    found = load_model(tmp_path / "out.safetensors")
    assert found.card.classes[3] == "digit 3"
    assert same(found.model.state_dict(), lenet)
    again = heirloom("import", "lenet.pth", "--as", "lenet_caffe", "-o", "out.safetensors")
    assert again.returncode == 2
    assert (
        again.stderr == "heirloom: the file exists: out.safetensors: choose another name [E-output-exists]\n"
    )


def test_the_commands_json(heirloom: Heirloom, tmp_path: Path, lenet: dict[str, Tensor]) -> None:
    np.savez(tmp_path / "a.npz", **{name: value.numpy() for name, value in lenet.items()})
    (tmp_path / "how.json").write_text('{"mean": 0.1307,\n "std": 0.3081}\n')
    options = ("--format", "json", "--preprocess", "how.json", "--classes", "10")
    done = heirloom("import", "a.npz", "--as", "lenet_caffe", "-o", "out.safetensors", *options)
    values = json.loads(done.stdout)
    assert values["publisher"] == "caffe"
    assert values["preprocess"]["mean"] == [0.1307]
    assert values["args"] == {"num_classes": 10}
    assert values["fits"]
    assert [row["ours"] for row in values["rows"]] == list(lenet)
    less = {name: value.numpy() for name, value in lenet.items() if name != "ip1.bias"}
    np.savez(tmp_path / "b.npz", **less)
    done = heirloom("import", "b.npz", "--as", "lenet_caffe", "-o", "no.safetensors", "--format", "json")
    assert done.returncode == 4
    assert not json.loads(done.stdout)["fits"]
    assert "ip1.bias: missing in the file" in done.stderr
    assert not (tmp_path / "no.safetensors").exists()


def test_the_commands_csv(heirloom: Heirloom, tmp_path: Path, lenet: dict[str, Tensor]) -> None:
    fc = {"ip1.weight": lenet["ip1.weight"].view(1, 1, 500, 800)}
    np.savez(tmp_path / "a.npz", **{name: value.numpy() for name, value in (lenet | fc).items()})
    done = heirloom("import", "a.npz", "--as", "lenet_caffe", "-o", "out.safetensors", "--format", "csv")
    lines = done.stdout.splitlines()
    assert lines[0] == "theirs,their size,ours,our size,what"
    assert lines[5] == 'ip1.weight,1×1×500×800,ip1.weight,500×800,"copied, leading ones dropped"'
    assert len(lines) == 9


def test_a_mean_image_from_a_file(heirloom: Heirloom, tmp_path: Path, lenet: dict[str, Tensor]) -> None:
    saved(tmp_path / "a.pth", lenet)
    mean = np.random.default_rng(0).random((1, 32, 30))
    np.save(tmp_path / "mean.npy", mean)
    (tmp_path / "mean.binaryproto").write_bytes(blob(mean.flatten().tolist(), mean.shape, legacy=True))
    how = ("--preprocess", "lenet-caffe")
    for name in ("mean.npy", "mean.binaryproto"):
        out = f"{name}.safetensors"
        done = heirloom("import", "a.pth", "--as", "lenet_caffe", "-o", out, "--mean-image", name, *how)
        assert done.returncode == 0, done.stderr
        assert f"less the mean image {name}: white is 0.996094, less a mean image, by 1, " in done.stdout
        found = load_model(tmp_path / out)
        image = found.card.preprocess.mean_image
        assert image is not None
        assert torch.equal(image, torch.from_numpy(mean[:, 2:30, 1:29]).float())
        assert next(iter(predict(found, _picture(tmp_path)))).error == ""
    (tmp_path / "mean.npy").write_bytes(b"\x93NUMPY\x01")
    out = "no.safetensors"
    done = heirloom("import", "a.pth", "--as", "lenet_caffe", "-o", out, "--mean-image", "mean.npy", *how)
    assert done.returncode == 4
    assert done.stderr.startswith("heirloom: cannot read the mean image: mean.npy: no array")


def _picture(folder: Path) -> Path:
    from PIL import Image

    Image.new("L", (40, 30), 100).save(folder / "picture.png")
    return folder / "picture.png"


def test_an_imported_network_predicts(tmp_path: Path, lenet: dict[str, Tensor]) -> None:
    found = load_weights(saved(tmp_path / "a.pth", lenet), "lenet_caffe", publisher="caffe")
    (answer,) = predict(found, _picture(tmp_path))
    image = torch.full((1, 1, 28, 28), 0.0)
    image[:, :, 3:24] = 100 / 256  # 40 x 30 fitted into 28 x 28, on black
    with torch.no_grad():
        assert answer.index == int(found.model(image).argmax())
        assert answer.score == pytest.approx(float(found.model(image).max()), rel=1e-5)
