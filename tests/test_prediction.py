"""Images from files, and what a network says about them."""

import io
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from heirloom.data import load_data
from heirloom.errors import HeirloomError
from heirloom.evaluation import evaluate
from heirloom.images import MAX_PIXELS, open_image
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


def encoded(image: Image.Image, format: str = "PNG", **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def test_modes_by_the_written_rule() -> None:
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert torch.equal(open_image(encoded(Image.fromarray(grey))), torch.from_numpy(grey)[None])
    colour = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    assert torch.equal(
        open_image(encoded(Image.fromarray(colour))), torch.from_numpy(colour).permute(2, 0, 1)
    )
    deep = (grey.astype(np.uint16) * 257) + np.uint16(0)
    assert torch.equal(open_image(encoded(Image.fromarray(deep))), torch.from_numpy(grey)[None])
    real = grey.astype(np.float32) / 255
    assert torch.equal(open_image(encoded(Image.fromarray(real), "TIFF")), torch.from_numpy(grey)[None])
    with pytest.raises(HeirloomError, match="values outside of 0 to 1"):
        open_image(encoded(Image.fromarray(real * 2), "TIFF"))
    clear = Image.new("RGBA", (2, 2), (255, 0, 0, 0))
    assert open_image(encoded(clear)).unique().tolist() == [255]  # transparent lies on white
    half = Image.new("LA", (1, 1), (0, 128))
    assert open_image(encoded(half)).flatten().tolist() == [127]
    bits = Image.new("1", (2, 1), 1)
    assert open_image(encoded(bits)).flatten().tolist() == [255, 255]
    palette = Image.fromarray(colour).quantize(200)
    expected = torch.from_numpy(np.array(palette.convert("RGB"))).permute(2, 0, 1)
    assert torch.equal(open_image(encoded(palette)), expected)
    cmyk = Image.new("CMYK", (1, 1), (0, 255, 255, 0))
    assert open_image(encoded(cmyk, "TIFF")).flatten().tolist() == [255, 0, 0]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied(orientation: int) -> None:
    image = Image.fromarray(np.array([[10, 20, 30], [40, 50, 60]], dtype=np.uint8))
    exif = Image.Exif()
    exif[0x0112] = orientation
    grid = np.array([[10, 20, 30], [40, 50, 60]])
    expected = {
        1: grid, 2: grid[:, ::-1], 3: grid[::-1, ::-1], 4: grid[::-1],
        5: grid.T, 6: grid[::-1].T, 7: grid[::-1, ::-1].T, 8: grid.T[::-1],
    }[orientation]  # fmt: skip
    assert open_image(encoded(image, exif=exif))[0].tolist() == expected.tolist()


def test_too_many_pixels_are_refused_at_the_header() -> None:
    header = encoded(Image.new("1", (1, 1)))
    side = int(MAX_PIXELS**0.5) + 1
    huge = header[:16] + side.to_bytes(4, "big") * 2 + header[24:]
    import zlib

    huge = huge[:29] + zlib.crc32(huge[12:29]).to_bytes(4, "big") + huge[33:]
    with pytest.raises(HeirloomError, match="the limit is 50,000,000"):
        open_image(huge)


def test_what_is_no_image() -> None:
    for data in (b"", b"%!PS-Adobe-3.0 EPSF-3.0", b"<svg/>", b"GIF89a", b"\xff\xd8\xff"):
        with pytest.raises(HeirloomError) as caught:
            open_image(data)
        assert caught.value.status == 3
        assert "\n" not in str(caught.value)


def test_pipes_and_folders_are_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    for path in (tmp_path / "pipe.png", tmp_path):
        with pytest.raises(HeirloomError, match="not a regular file"):
            open_image(path)


def test_mutated_images_give_an_image_or_one_clear_line() -> None:
    chance = np.random.default_rng(5)
    image = Image.fromarray(chance.integers(0, 256, (9, 11, 3), dtype=np.uint8))
    for format in ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM"):
        good = np.frombuffer(encoded(image, format), np.uint8)
        for _ in range(150):
            bad = good.copy()
            bad[chance.integers(0, len(bad), 3)] = chance.integers(0, 256, 3)
            try:
                open_image(bad.tobytes())
            except HeirloomError as error:
                assert error.status == 3
