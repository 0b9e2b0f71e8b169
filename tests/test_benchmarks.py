"""The peers are what they say, and the tables say what was measured. Nothing is timed here."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

import heirloom
from benchmarks import alexnet, counting, loading, lrn, process, step
from benchmarks.comparing import markdown, ratio, spread
from benchmarks.peers import photographs
from benchmarks.peers.deck_alexnet import AlexNet, Folder, accuracy
from benchmarks.peers.official_mnist import Net
from benchmarks.peers.plain_lenet5 import LeNet5, map_loss, relu_max
from benchmarks.peers.vision import ready
from benchmarks.photographs import folder_of
from benchmarks.run import page, write
from benchmarks.running import Contender, Outcome, run
from benchmarks.settings import LEARNING, OURS, POLICIES, WORKERS
from heirloom.data.preprocessing import Preprocess
from heirloom.losses import LOSSES
from heirloom.models.lenet5 import codes

pytestmark = pytest.mark.usefixtures("one_thread")


def test_the_official_network_has_its_size() -> None:
    assert sum(p.numel() for p in Net().parameters()) == 1_199_882
    assert Net()(torch.zeros(2, 1, 28, 28)).shape == (2, 10)


def test_plain_lenet5_is_lenet5() -> None:
    ours, plain = heirloom.create_model("lenet5"), LeNet5(codes())
    slots = (plain.mask.expand(16, 6, 5, 5) != 0).flatten(0, 1)[:, 0, 0]
    with torch.no_grad():
        for name, parameter in ours.named_parameters():
            target = plain.get_parameter(name)
            if name == "c3.weight":
                target.view(96, 5, 5)[slots] = parameter
            else:
                target.copy_(parameter.view_as(target))
    images, labels = torch.randn(4, 1, 32, 32), torch.tensor([3, 1, 4, 1])
    scores, plain_scores = ours(images), plain(images)
    torch.testing.assert_close(plain_scores, scores)
    loss, plain_loss = LOSSES["map"](scores, labels), map_loss(plain_scores, labels)
    torch.testing.assert_close(plain_loss, loss)
    loss.backward()
    plain_loss.backward()
    for name, parameter in ours.named_parameters():
        found, wanted = plain.get_parameter(name).grad, parameter.grad
        assert found is not None
        assert wanted is not None
        if name == "c3.weight":
            assert not found.view(96, 5, 5)[~slots].any()
            found = found.view(96, 5, 5)[slots]
        torch.testing.assert_close(found.view_as(wanted), wanted, msg=name)


def test_plain_relu_max_is_lenet5_relu_max() -> None:
    ours, plain = heirloom.create_model("lenet5_relu_max"), relu_max()
    plain.load_state_dict(dict(zip(plain.state_dict(), ours.state_dict().values(), strict=True)))
    images = torch.randn(2, 1, 32, 32)
    torch.testing.assert_close(plain(images), ours(images))


def test_the_decks_alexnet_is_the_papers_but_for_input_and_normalisation() -> None:
    with torch.device("meta"):
        theirs, ours = AlexNet(1000), heirloom.create_model("alexnet")
    assert [p.shape for p in theirs.parameters()] == [p.shape for p in ours.parameters()]
    assert sum(p.numel() for p in theirs.parameters()) == 60_965_224
    assert theirs(torch.zeros(2, 3, 227, 227, device="meta")).shape == (2, 1000)


def test_the_example_reads_a_folder(tmp_path: Path) -> None:
    for name, grey in (("a", 0), ("b", 255)):
        (tmp_path / name).mkdir()
        Image.new("L", (300, 260), grey).save(tmp_path / name / "1.png")
    (black, first), (white, second) = Folder(tmp_path)[0], Folder(tmp_path)[1]
    assert (first, second) == (0, 1)
    assert black.shape == white.shape == (3, 227, 227)
    low, high = (
        (-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225),
        (0.515 / 0.229, 0.544 / 0.224, 0.594 / 0.225),
    )
    torch.testing.assert_close(black.mean((1, 2)), torch.tensor(low))
    torch.testing.assert_close(white.mean((1, 2)), torch.tensor(high))
    scores = torch.tensor([[3.0, 2.0, 1.0], [1.0, 3.0, 2.0], [2.0, 1.0, 3.0]])
    assert accuracy(scores, torch.tensor([0, 2, 1]), (1, 2)) == pytest.approx([100 / 3, 200 / 3])


def test_the_peers_read_the_same_pixels() -> None:
    image = torch.arange(784).remainder(256).to(torch.uint8).view(28, 28)
    learning = LEARNING["lenet5"]
    prepared = ready(learning.mean, learning.std, border=2)(Image.fromarray(image.numpy()))
    ours = heirloom.Recipe(**learning.recipe("lenet5", 1))
    preprocess = Preprocess((1, 32, 32), ours.box, (ours.mean,), (ours.std,))
    torch.testing.assert_close(prepared, preprocess(image.view(1, 1, 28, 28))[0])


@pytest.mark.parametrize("network", OURS)
def test_our_settings_make_recipes(network: str) -> None:
    heirloom.Recipe(model=network, data="mnist").changed(OURS[network].split())


def test_medians_and_ratios() -> None:
    assert spread([4.0, 1.0, 2.0], 1) == "2.0 (1.0 to 4.0)"
    assert ratio({0: 6.0, 1: 8.0, 2: 20.0}, {0: 2.0, 1: 4.0, 2: 5.0}) == (2.0, 2.0, 4.0)
    assert ratio({0: 6.0}, {1: 3.0}) == (2.0, 2.0, 2.0)
    assert markdown(["a", ">b"], [["x", "1"]]) == "| a | b |\n|---|---:|\n| x | 1 |\n"


def whole(
    program: str, network: str, number: int, seconds: float, *tests: tuple[int, float]
) -> dict[str, Any]:
    epochs = {"peer": 3, "heirloom": 8}[program]
    return {
        **{"program": program, "network": network, "variant": f"{epochs} epochs", "round": number},
        **{
            "failed": "",
            "others": 0.0,
            "seconds": seconds,
            "tests": [[hits, 10000, at] for hits, at in tests],
        },
    }


def speed(program: str, variant: str, value: float, failed: str = "") -> dict[str, Any]:
    found = {"program": program, "network": "lenet5", "variant": variant, "round": 0, "others": 0.25}
    return found | {"failed": failed} | ({} if failed else {"images_per_second": value})


def test_the_page_says_what_was_measured(tmp_path: Path) -> None:
    facts = {"processor": "AMD of a test", "threads": 2}
    timings = [
        whole("peer", "official example", 0, 31.0, (9880, 10.0), (9905, 20.0), (9910, 30.0)),
        whole("peer", "official example", 1, 33.0, (9881, 11.0), (9895, 22.0), (9911, 32.0)),
        whole("heirloom", "lenet5", 0, 5.0, (9899, 4.0)),
        whole("heirloom", "lenet5", 1, 5.5, (9900, 4.5)),
    ]  # fmt: skip
    write(tmp_path, "process", {"machine": facts, "commands": {"a": "python -m it"}, "timings": timings})
    timings = [
        speed("heirloom", "default", 200.0),
        speed("eager", "1 thread", 100.0),
        speed("eager", "default threads", 80.0),
        speed("compiled", "1 thread", 0.0, "exit 1: no compiler"),
    ]
    write(tmp_path, "step", {"machine": facts, "commands": {}, "timings": timings})
    text = (tmp_path / "RESULTS.md").read_text()
    assert text == page(json.loads((tmp_path / "results.json").read_text()))
    for line in (
        "| peer, cut off there | official example | 2 epochs | 99.000 % | 99.05, 98.95 | 21.0 (20.0",
        "| peer | official example | 3 epochs | 99.105 % | 99.10, 99.11 | 32.0 (31.0 to 33.0) | · |",
        "| heirloom | lenet5 | 8 epochs | 98.995 %, misses 99.0 % | 98.99, 99.00 | 5.2 (5.0 to 5.5) | 4.00 (",
        "Processor AMD of a test, threads 2.",
        "python -m it",
        "| lenet5 | heirloom | default | 200 (200 to 200) | · |",
        "| lenet5 | eager | 1 thread | 100 (100 to 100) | 2.00 (2.00 to 2.00) |",
        "| lenet5 | compiled | not run: exit 1: no compiler | · | · |",
        "**Not a quiet machine**: during 4 of 4 runs others took more than 10 % of a core, at most 25 %.",
    ):  # fmt: skip
        assert line in text, text


def test_the_page_compares_layers() -> None:
    timings = [
        {"program": program, "network": "1x2x3x4", "variant": "maps first", "round": number, "failed": failed}
        | ({} if failed else {"milliseconds": value})
        for program, number, value, failed in (
            ("heirloom", 0, 2.0, ""),
            ("peer", 0, 8.0, ""),
            ("heirloom", 1, 2.5, ""),
            ("peer", 1, 0.0, "exit 1"),
        )
    ]
    row = "| 1x2x3x4 | maps first | 2.2 (2.0 to 2.5) | 8.0 (8.0 to 8.0) | 3.56 (4.00 to 4.00) |"
    assert row in lrn.tables(timings)
    assert "| 8.0 (8.0 to 8.0) | · |" in lrn.tables(timings[1:2])
    line = ((1.0, '{"milliseconds": 12.345}'),)
    assert lrn.read(Outcome(line, 1.0, None, "")) == {"milliseconds": 12.35}
    assert len(lrn.contenders(quick=True)) == 16


def test_the_page_compares_alexnets() -> None:
    timings = [
        {"program": program, "network": "32", "variant": variant, "round": 0, "failed": ""}
        | {"images_per_second": value}
        for program, variant, value in (
            ("heirloom", "folder", 42.0),
            ("peer", "dummy, 0 workers", 20.0),
            ("peer", "dummy, 2 workers", 21.0),
            ("peer", "folder, 0 workers", 14.0),
        )
    ]
    found = alexnet.tables(timings)
    assert "| 32 | peer | dummy, 2 workers | 21.0 (21.0 to 21.0) | 2.00 (2.00 to 2.00) |" in found
    assert "| 32 | peer | folder, 0 workers | 14.0 (14.0 to 14.0) | 3.00 (3.00 to 3.00) |" in found
    assert len(alexnet.contenders(quick=False)) == 10


def test_the_page_compares_loading() -> None:
    found = [
        {"network": "crop", "variant": variant, "round": 0, "failed": "", "first": first, "later": later}
        for variant, first, later in (("", 900.0, 8000.0), ("1 workers", 500, 500), ("2 workers", 600, 640))
    ]
    table = loading.tables(found)
    assert "| crop | first | 900 (900 to 900) | 600 (600 to 600) | 2 workers | 1.50 (1.50 to 1.50) |" in table
    assert "| crop | later | 8,000 (8,000 to 8,000) | 640 (640 to 640) | 2 workers | 12.50 (" in table
    assert len(loading.contenders(quick=True)) == len(POLICIES) * (1 + len(WORKERS))


@pytest.mark.parametrize("policy", POLICIES)
def test_the_peer_loads_photographs(policy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for split in ("train", "val"):
        place = tmp_path / "root" / "photos" / "imagewoof" / split / "a"
        place.mkdir(parents=True)
        Image.new("RGB", (300, 260), (255, 128, 0)).save(place / "1.png")
    monkeypatch.setenv("HEIRLOOM_DATA", str(tmp_path / "root"))
    files = photographs.Folder(folder_of(tmp_path / "work", 3) / "train", photographs.CUTS[policy])
    assert len(files) == 3
    image, label = files[0]
    assert (label, image.shape) == (0, (3, 224, 224))
    wanted = (torch.tensor([1, 128 / 255, 0]) - photographs.MEAN.view(3)) / photographs.STD.view(3)
    torch.testing.assert_close(image, wanted.view(3, 1, 1).expand(3, 224, 224))


def test_what_processes_print_is_read() -> None:
    lines = ((1.0, "epoch 1, batch 0: loss 2.3"), (2.5, "epoch 1: accuracy 98.00 % (9800/10000), 2.4 s"))
    assert process.read(Outcome(lines, 3.0, None, "")) == {"seconds": 3.0, "tests": [[9800, 10000, 2.5]]}
    line = ((1.0, '{"images_per_second": 12.34}'),)
    assert step.read(Outcome(line, 1.0, None, "")) == {"images_per_second": 12.3}


def test_a_process_that_fails_says_why() -> None:
    done = run(Contender("peer", "none", "", ("sh", "-c", "echo {seed}; echo no such thing >&2; exit 3")), 7)
    assert [line for _, line in done.lines] == ["7"]
    assert done.failed == "exit 3: no such thing"


def test_the_books_of_both_programs_are_compared(tmp_path: Path) -> None:
    def counted(program: str, given: str, number: int, seconds: float) -> dict[str, Any]:
        read = counting.read(
            Outcome(((1.0, json.dumps({"seconds": seconds, "mebibytes": 12.0})),), 1.0, 0.0, "")
        )
        kind = {"program": program, "network": "resnet152", "variant": given, "round": number}
        return kind | {"others": 0.0, "failed": ""} | read

    timings = [counted("heirloom", "name", n, 0.25) for n in range(2)]
    timings += [counted("torchinfo", "name", n, 2.5 + n) for n in range(2)]
    timings.append({**counted("torchinfo", "module", 0, 1.0), "failed": "exit 1: no torchinfo"})
    table = counting.tables(timings)
    for line in (
        "| resnet152 | name | heirloom | 0.250 (0.250 to 0.250) | 12 (12 to 12) | · |",
        "| resnet152 | name | torchinfo | 3.000 (2.500 to 3.500) | 12 (12 to 12) | 12.00 (10.00 to 14.00) |",
        "| resnet152 | module | torchinfo | not run: exit 1: no torchinfo | · | · |",
    ):
        assert line in table, table
    assert {c.program for c in counting.contenders(quick=True)} == {"heirloom", "torchinfo"}
