"""Images from files, and what a network says about them."""

import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image

from heirloom.data import load_data
from heirloom.errors import HeirloomError
from heirloom.evaluation import evaluate
from heirloom.prediction import predict


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirty digits of the test split as files."""
    folder = tmp_path_factory.mktemp("digits")
    for i, image in enumerate(load_data("digits").split("test").images[:30]):
        Image.fromarray(image[0].numpy()).save(folder / f"{i:02d}.png")
    return folder


def test_files_get_the_answers_that_the_evaluation_gave(finished_run: Path, digits: Path) -> None:
    found = list(predict(finished_run, [digits], top=2))
    evaluation = evaluate(finished_run)
    assert [int(p.label) for p in found if p.rank == 1] == evaluation.answers[:30].tolist()
    expected = evaluation.scores[:30].softmax(1).topk(2).values.flatten()
    torch.testing.assert_close(torch.tensor([p.probability for p in found]), expected, rtol=1e-4, atol=1e-5)
    assert [p.rank for p in found] == [1, 2] * 30
    assert [Path(p.path).name for p in found[::2]] == [f"{i:02d}.png" for i in range(30)]


def test_a_bad_file_is_a_row_and_does_not_stop_the_others(
    finished_run: Path, digits: Path, tmp_path: Path
) -> None:
    (tmp_path / "page.png").write_text("<html>")
    (tmp_path / "cut.png").write_bytes((digits / "00.png").read_bytes()[:60])
    found = list(
        predict(
            finished_run,
            [tmp_path / "page.png", tmp_path / "cut.png", tmp_path / "none.png", digits / "03.png"],
        )
    )
    assert ["not an image" in p.error for p in found] == [True, False, False, False]
    assert [bool(p.error) for p in found] == [True, True, True, False]
    assert "no such file" in found[2].error


def test_one_path_alone(finished_run: Path, digits: Path) -> None:
    several = list(predict(finished_run, [digits / "03.png"]))
    assert list(predict(finished_run, str(digits / "03.png"))) == several
    assert list(predict(finished_run, digits / "03.png")) == several
    (piped,) = predict(finished_run, (digits / "03.png").read_bytes())
    assert (piped.path, piped.label) == ("-", several[0].label)


def test_impossible_top(finished_run: Path) -> None:
    with pytest.raises(HeirloomError, match="there are 10 classes"):
        predict(finished_run, [], top=11)


def test_folders_leave_hidden_files_out(finished_run: Path, digits: Path, tmp_path: Path) -> None:
    (tmp_path / ".thumbs").mkdir()
    (tmp_path / "b").mkdir()
    for name in (".thumbs/0.png", ".1.png", "b/2.PNG", "a.png", "notes.txt"):
        shutil.copy(digits / "00.png", tmp_path / name)
    assert [Path(p.path).relative_to(tmp_path).as_posix() for p in predict(finished_run, [tmp_path])] == [
        "a.png",
        "b/2.PNG",
    ]
