"""The one image opener: golden pixels computed by hand, and what is wrong with image files."""

import io
import os
import resource
import struct
import subprocess
import sys
import threading
import time
import warnings
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from heirloom import images
from heirloom.errors import HeirloomError
from heirloom.images import FORMATS, MAX_PIXELS, MOST_BYTES, head_of, open_image, read_image

MUTATIONS = 3000
"""Damaged files of each format."""

Array = np.ndarray


def encoded(image: Image.Image, format: str = "PNG", **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(pixels: Array, colour: int, depth: int, *chunks: bytes, size: tuple[int, int] | None = None) -> bytes:
    """A PNG written by hand: (H, W, channels) numbers of 8 or 16 bits, or packed rows with their size."""
    height, width = size or pixels.shape[:2]
    rows = pixels.astype(">u2" if depth == 16 else np.uint8)
    packed = b"".join(b"\0" + row.tobytes() for row in rows)
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    parts = [chunk(b"IHDR", header), *chunks, chunk(b"IDAT", zlib.compress(packed)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def exif(orientation: int) -> bytes:
    """The smallest EXIF: one tag."""
    return b"MM\0*\0\0\0\x08" + struct.pack(">HHHIHHI", 1, 0x0112, 3, 1, orientation, 0, 0)


# EXIF 2.32, tag 0x0112: which side of the scene the file's first row shows, and which its first column.
SIDES = {
    1: ("top", "left"), 2: ("top", "right"), 3: ("bottom", "right"), 4: ("bottom", "left"),
    5: ("left", "top"), 6: ("right", "top"), 7: ("right", "bottom"), 8: ("left", "bottom"),
}  # fmt: skip


def upright(stored: Array, orientation: int) -> Array:
    """(H, W, C) as a person sees it, each pixel put into its place one by one."""
    first_row, first_column = SIDES[orientation]
    h, w = stored.shape[:2]
    height, width = (h, w) if first_row in ("top", "bottom") else (w, h)
    seen = np.zeros((height, width, stored.shape[2]), stored.dtype)
    place = {"top": lambda i: i, "bottom": lambda i: height - 1 - i, "left": lambda i: i,
             "right": lambda i: width - 1 - i}  # fmt: skip
    for row in range(h):
        for column in range(w):
            where = {first_row: row, first_column: column}
            y = next(place[side](i) for side, i in where.items() if side in ("top", "bottom"))
            x = next(place[side](i) for side, i in where.items() if side in ("left", "right"))
            seen[y, x] = stored[row, column]
    return seen


def exact(values: Array) -> Array:
    return np.floor(values + 0.5)


CHANCE = np.random.default_rng(20)
H, W = 5, 7
BYTES = CHANCE.integers(0, 256, (H, W, 4), dtype=np.uint8)
WORDS = CHANCE.integers(0, 65536, (H, W, 4), dtype=np.uint16)
REALS = CHANCE.random((H, W, 1)).astype(np.float32)
BITS = CHANCE.integers(0, 2, (H, W, 1), dtype=np.uint8)
PALETTE = CHANCE.integers(0, 256, (256, 3), dtype=np.uint8)


def over_white(colour: Array, alpha: Array) -> Array:
    part = alpha.astype(float) / 255
    return exact(colour * part + 255 * (1 - part))


def tiff(mode: str, pixels: Array) -> Callable[[int], bytes]:
    def write(orientation: int) -> bytes:
        image = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels, mode=None)
        if image.mode != mode:  # four bytes are taken for RGBA
            image = Image.frombytes(mode, (W, H), pixels.tobytes())
        return encoded(image, "TIFF", tiffinfo={0x0112: orientation})

    return write


def by_hand(pixels: Array, colour: int, depth: int, *chunks: bytes) -> Callable[[int], bytes]:
    return lambda orientation: png(pixels, colour, depth, chunk(b"eXIf", exif(orientation)), *chunks)


def one_bit(orientation: int) -> bytes:
    packed = np.packbits(BITS[:, :, 0], axis=1)[:, :, None]
    return png(packed, 0, 1, chunk(b"eXIf", exif(orientation)), size=(H, W))


CMYK = BYTES.astype(float)
COLOURS = chunk(b"PLTE", PALETTE.tobytes())
CLEAR = chunk(b"tRNS", PALETTE[:, 0].tobytes())
KEY = WORDS[1, 2, 0]

GOLDEN: dict[str, tuple[Callable[[int], bytes], Array]] = {
    "1": (one_bit, BITS * 255.0),
    "L": (by_hand(BYTES[:, :, :1], 0, 8), BYTES[:, :, :1]),
    "L, TIFF": (tiff("L", BYTES[:, :, :1]), BYTES[:, :, :1]),
    "L 16": (by_hand(WORDS[:, :, :1], 0, 16), exact(WORDS[:, :, :1] / 257)),
    "L 16, TIFF": (tiff("I;16", WORDS[:, :, :1]), exact(WORDS[:, :, :1] / 257)),
    "I": (tiff("I", WORDS[:, :, :1].astype(np.int32)), exact(WORDS[:, :, :1] / 257)),
    "F": (tiff("F", REALS), exact(REALS * 255)),
    "P": (by_hand(BYTES[:, :, :1], 3, 8, COLOURS), PALETTE[BYTES[:, :, 0]]),
    "P with alpha": (
        by_hand(BYTES[:, :, :1], 3, 8, COLOURS, CLEAR),
        over_white(PALETTE[BYTES[:, :, 0]], PALETTE[:, :1][BYTES[:, :, 0]]),
    ),
    "LA": (by_hand(BYTES[:, :, :2], 4, 8), over_white(BYTES[:, :, :1], BYTES[:, :, 1:2])),
    "LA 16": (by_hand(WORDS[:, :, :2], 4, 16), over_white(WORDS[:, :, :1] >> 8, WORDS[:, :, 1:2] >> 8)),
    "RGB": (by_hand(BYTES[:, :, :3], 2, 8), BYTES[:, :, :3]),
    "RGB, TIFF": (tiff("RGB", BYTES[:, :, :3].copy()), BYTES[:, :, :3]),
    "RGB 16": (by_hand(WORDS[:, :, :3], 2, 16), WORDS[:, :, :3] >> 8),
    "RGBA": (by_hand(BYTES, 6, 8), over_white(BYTES[:, :, :3], BYTES[:, :, 3:])),
    "RGBA 16": (by_hand(WORDS, 6, 16), over_white(WORDS[:, :, :3] >> 8, WORDS[:, :, 3:] >> 8)),
    "CMYK": (tiff("CMYK", BYTES), exact((255 - CMYK[:, :, :3]) * (255 - CMYK[:, :, 3:]) / 255)),
    "a key of 16 bits": (
        by_hand(WORDS[:, :, :1], 0, 16, chunk(b"tRNS", struct.pack(">H", KEY))),
        np.where(WORDS[:, :, :1] == KEY, 255, exact(WORDS[:, :, :1] / 257)),
    ),
}


@pytest.mark.parametrize("kind", GOLDEN)
def test_golden_pixels(kind: str) -> None:
    """Every kind of pixel in every orientation, to the last bit; PNGs and expectation are made by hand."""
    write, expected = GOLDEN[kind]
    for orientation in SIDES:
        pixels = open_image(write(orientation))
        seen = upright(expected, orientation)
        head = head_of(write(orientation))
        assert (*head.size, head.channels) == seen.shape, f"orientation {orientation}"
        assert pixels.shape == (seen.shape[2], *seen.shape[:2])
        np.testing.assert_array_equal(pixels.permute(1, 2, 0).numpy(), seen, f"orientation {orientation}")


def test_many_strips_are_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """A large image is brought to RGB in strips."""
    for kind, (write, expected) in GOLDEN.items():
        monkeypatch.setattr("heirloom.images._STRIP", 2 * W)
        np.testing.assert_array_equal(open_image(write(1)).permute(1, 2, 0).numpy(), expected, kind)


def test_the_16_bit_rule_for_every_number() -> None:
    """All 65,536 greys: nothing is clipped, and none is off by more than half a step."""
    values = np.arange(65536, dtype=np.uint16).reshape(256, 256, 1)
    pixels = open_image(png(values, 0, 16)).numpy()[0].astype(float)
    assert np.abs(pixels - values[:, :, 0] / 257).max() <= 0.5
    assert len(np.unique(pixels)) == 256


@pytest.mark.parametrize(
    ("mode", "values", "range"),
    [("F", [0.5, 1.001], "0 to 1"), ("F", [0.5, -0.001], "0 to 1"), ("F", [0.5, np.nan], "0 to 1"),
     ("F", [np.inf, 0], "0 to 1"), ("I", [0, 65536], "0 to 65535"), ("I", [-1, 3], "0 to 65535")],
)  # fmt: skip
def test_numbers_outside_of_the_rule_are_refused(mode: str, values: list[float], range: str) -> None:
    array = np.array([values], np.float32 if mode == "F" else np.int32)
    with pytest.raises(HeirloomError, match=f"values outside of {range} in an image of mode {mode}"):
        open_image(encoded(Image.fromarray(array), "TIFF"))


def jpeg_without_adobes_marker(data: bytes) -> bytes:
    at = data.index(b"\xff\xee")
    return data[:at] + data[at + 2 + int.from_bytes(data[at + 2 : at + 4], "big") :]


def test_cmyk_in_a_jpeg_is_inverted_where_adobe_says_so() -> None:
    ink = Image.new("CMYK", (16, 16), (0, 255, 255, 0))  # no cyan: red
    adobes = encoded(ink, "JPEG", quality=100)
    plain = jpeg_without_adobes_marker(adobes)
    assert open_image(adobes)[:, 8, 8].tolist() == pytest.approx([255, 0, 0], abs=2)
    # The same bytes read as they are: full cyan, no magenta, no yellow, full black.
    assert open_image(plain).unique().tolist() == [0]
    light = jpeg_without_adobes_marker(encoded(Image.new("CMYK", (16, 16), (0, 255, 255, 255)), "JPEG"))
    assert open_image(light)[:, 8, 8].tolist() == pytest.approx([0, 255, 255], abs=2)


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
def test_a_transparent_grey_of_few_bits(depth: int) -> None:
    values = np.arange(2**depth) if depth < 8 else np.array([0, 7, 255])
    bits = np.unpackbits(values.astype(np.uint8)[:, None], axis=1)[:, 8 - depth :].reshape(1, -1)
    packed = np.packbits(bits, axis=1)[:, :, None]
    key = int(values[1])
    data = png(packed, 0, depth, chunk(b"tRNS", struct.pack(">H", key)), size=(1, len(values)))
    expected = [255 if value == key else value * 255 // (2**depth - 1) for value in values.tolist()]
    assert open_image(data).flatten().tolist() == expected


def test_a_transparent_colour() -> None:
    colours = np.array([[[1, 2, 3], [1, 2, 4]]])
    pixels = open_image(png(colours, 2, 8, chunk(b"tRNS", struct.pack(">HHH", 1, 2, 3))))
    assert pixels.permute(1, 2, 0).tolist() == [[[255, 255, 255], [1, 2, 4]]]
    deep = open_image(png(colours * 256, 2, 16, chunk(b"tRNS", struct.pack(">HHH", 256, 512, 768))))
    assert deep.permute(1, 2, 0).tolist() == [[[255, 255, 255], [1, 2, 4]]]


def test_a_palette_of_greys_is_grey() -> None:
    greys = np.repeat(CHANCE.permutation(256)[:, None], 3, axis=1).astype(np.uint8)
    chunks = [chunk(b"PLTE", greys.tobytes())]
    expected = greys[:, 0][BYTES[:, :, 0]]
    assert np.array_equal(open_image(png(BYTES[:, :, :1], 3, 8, *chunks))[0].numpy(), expected)
    clear = open_image(png(BYTES[:, :, :1], 3, 8, *chunks, chunk(b"tRNS", bytes([0] * 256))))
    assert clear.shape[0] == 1
    assert clear.unique().tolist() == [255]


def test_gifs() -> None:
    frames = [Image.new("RGB", (6, 4), colour) for colour in ("red", "blue")]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    found = read_image(data)
    assert found.pixels[:, 0, 0].tolist() == [255, 0, 0]
    assert (found.format, found.animated, found.size) == ("GIF", True, (4, 6))
    assert not read_image(encoded(frames[0], "GIF")).animated
    see_through = encoded(Image.new("RGBA", (6, 4), (9, 9, 9, 0)), "GIF")
    assert open_image(see_through).unique().tolist() == [255]


def test_ten_thousand_frames_are_not_looked_at() -> None:
    one = encoded(Image.new("L", (2, 2), 7), "GIF")
    at = one.index(b",")
    began = time.monotonic()
    assert open_image(one[:-1] + one[at:-1] * 10_000 + b";").unique().tolist() == [7]
    assert time.monotonic() - began < 1


def test_damaged_metadata_beside_good_pixels_is_no_fault() -> None:
    good = Image.fromarray(BYTES[:, :, :3])
    for wrong in (
        b"Exif\0\0",
        b"Exif\0\0MM\0*\xff\xff\xff\xff",
        b"Exif\0\0II*\0\x08\0\0\0\xff\xff",
        b"\xff" * 90,
    ):
        data = encoded(good, "JPEG", exif=wrong, quality=95)
        assert torch.equal(open_image(data), open_image(encoded(good, "JPEG", quality=95)))
    assert open_image(encoded(good, exif=exif(9)))[:, 0, 0].tolist() == BYTES[0, 0, :3].tolist()


# Scaled decoding.


def test_a_large_jpeg_is_decoded_smaller() -> None:
    y, x = np.mgrid[:800, :1200]
    smooth = np.stack([x / 1200 * 255, y / 800 * 255, (x + y) / 2000 * 255], 2).astype(np.uint8)
    data = encoded(Image.fromarray(smooth), "JPEG", quality=95)
    whole = read_image(data)
    for least, shape in (
        (0, (800, 1200)),
        (401, (800, 1200)),
        (400, (400, 600)),
        (100, (100, 150)),
        (1, (100, 150)),
    ):
        found = read_image(data, least=least)
        assert found.pixels.shape[1:] == shape
        assert found.size == (800, 1200)
        small = torch.nn.functional.adaptive_avg_pool2d(whole.pixels.float(), shape)
        assert float((found.pixels - small).abs().mean()) < 1.5
    turned = read_image(encoded(Image.fromarray(smooth), "JPEG", exif=b"Exif\0\0" + exif(6)), least=100)
    assert turned.pixels.shape[1:] == (150, 100)
    assert turned.size == (1200, 800)
    assert open_image(encoded(Image.fromarray(smooth)), least=10).shape == (3, 800, 1200)  # a PNG stays whole


# What is wrong.


def fault(data: bytes | Path) -> str:
    with pytest.raises(HeirloomError) as caught:
        open_image(data, "" if isinstance(data, Path) else "name.jpg")
    assert (caught.value.code, caught.value.status) == ("E-image", 3)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def limited(code: str, *arguments: Path, megabytes: int) -> str:
    """Run code in a process that may take so much more memory than what importing takes."""
    begin = (
        "import sys, resource, time\nfrom pathlib import Path\n"
        "from heirloom.images import open_image\n"
        "from PIL import Image; Image.init()\n"
        "have = int(Path('/proc/self/statm').read_text().split()[0]) * resource.getpagesize()\n"
        f"resource.setrlimit(resource.RLIMIT_AS, (have + {megabytes} * 10**6,) * 2)\n"
    )
    command = [sys.executable, "-c", begin + code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=100).stdout


SHOW = (
    "for name in sys.argv[1:]:\n    began = time.monotonic()\n"
    "    try:\n        print(tuple(open_image(Path(name)).shape))\n"
    "    except Exception as error:\n        print(type(error).__name__, error)\n"
    "    assert time.monotonic() - began < 1, name\n"
)


def flat_png(side: int, *chunks: bytes) -> bytes:
    """A square of zeros, one bit a pixel: some kilobytes, whatever its side."""
    pack, parts = zlib.compressobj(1), []
    for _ in range(side):
        parts.append(pack.compress(bytes(1 + (side + 7) // 8)))
    body = b"".join(parts) + pack.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    parts = [chunk(b"IHDR", header), *chunks, chunk(b"IDAT", body), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def test_bombs_are_refused_at_the_header_or_the_chunk(tmp_path: Path) -> None:
    """20,000 x 20,000 pixels, and metadata that unpacks to 300 MB, where only 50 MB more may be taken."""
    text = zlib.compress(bytes(300_000_000), 1)
    bombs = {
        "huge.png": flat_png(20_000),
        "large.png": flat_png(8_000),
        "text.png": flat_png(4, chunk(b"zTXt", b"a\0\0" + text)),
        "profile.png": flat_png(4, chunk(b"iCCP", b"a\0\0" + text)),
        "international.png": flat_png(4, chunk(b"iTXt", b"a\0\1\0\0\0" + text)),
    }
    for name, data in bombs.items():
        (tmp_path / name).write_bytes(data)
    with (tmp_path / "sparse.jpg").open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    lines = limited(SHOW, *(tmp_path / name for name in (*bombs, "sparse.jpg")), megabytes=50).splitlines()
    assert (
        "huge.png: more than 89,478,485 pixels, the limit is 50,000,000: scale it down [E-image]" in lines[0]
    )
    assert "large.png: 8000 x 8000 pixels, the limit is 50,000,000: scale it down [E-image]" in lines[1]
    assert all("Decompressed data too large" in line for line in lines[2:5])
    assert "268,435,457 bytes, the limit is 268,435,456" in lines[5]


def test_an_image_just_below_the_limit_takes_little_more_than_itself(tmp_path: Path) -> None:
    side = int(MAX_PIXELS**0.5)
    (tmp_path / "large.png").write_bytes(flat_png(side))
    code = "began = time.monotonic()\nprint(tuple(open_image(Path(sys.argv[1])).shape))\n"
    assert limited(code, tmp_path / "large.png", megabytes=200) == f"(1, {side}, {side})\n"


def test_too_many_pixels_are_refused_at_the_header() -> None:
    header = encoded(Image.new("1", (1, 1)))
    side = int(MAX_PIXELS**0.5) + 1
    huge = header[:16] + side.to_bytes(4, "big") * 2 + header[24:]
    huge = huge[:29] + zlib.crc32(huge[12:29]).to_bytes(4, "big") + huge[33:]
    assert "the limit is 50,000,000" in fault(huge)


def test_a_jpeg_of_more_pixels_than_its_bytes_can_hold_is_refused_at_the_header() -> None:
    """They would take seconds and half a gigabyte. None has more pixels a byte than a blank one."""
    small = encoded(Image.new("RGB", (64, 64)), "JPEG")
    at = small.index(b"\xff\xc0") + 5
    lie = small[:at] + (7100).to_bytes(2, "big") + (7000).to_bytes(2, "big") + small[at + 4 :]
    assert f"damaged: {len(small)} bytes are too few for 7000 x 7100 pixels" in fault(lie)
    arithmetic = lie.replace(b"\xff\xc0", b"\xff\xc9")
    assert head_of(arithmetic).size == (7100, 7000)
    for mode in ("L", "RGB", "CMYK"):
        for progressive in (False, True):
            out = io.BytesIO()
            Image.new(mode, (4000, 4000)).save(out, "JPEG", quality=1, optimize=True, progressive=progressive)
            assert head_of(out.getvalue()).size == (4000, 4000)


@pytest.mark.parametrize(
    "data",
    [b"", b"%!PS-Adobe-3.0 EPSF-3.0", b"<svg/>", b"GIF89a", b"\xff\xd8\xff", b"<!DOCTYPE html>", b"\0" * 100,
     b"%PDF-1.7", b"8BPS\0\1" + bytes(40), encoded(Image.new("L", (16, 16)), "ICO"),
     encoded(Image.new("RGB", (16, 16)), "AVIF")],
)  # fmt: skip
def test_what_is_no_image(data: bytes) -> None:
    assert "image" in fault(data)


def test_names_say_nothing(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(encoded(Image.fromarray(BYTES[:, :, :3])))
    assert read_image(tmp_path / "photo.jpg").format == "PNG"


def test_pipes_folders_and_nothing(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "dangling.png").symlink_to("nowhere")
    (tmp_path / "loop.png").symlink_to("loop.png")
    for name in ("pipe.png", "folder.png"):
        assert "not a regular file" in fault(tmp_path / name)
    for name in ("dangling.png", "none.png"):
        assert "no such file or directory" in fault(tmp_path / name)
    assert "symbolic links" in fault(tmp_path / "loop.png")


def samples() -> Iterator[tuple[str, bytes]]:
    y, x = np.mgrid[:23, :29]
    colour = np.stack([x * 8, y * 10, (x * y) % 256], 2).astype(np.uint8)
    image = Image.fromarray(colour)
    for format in FORMATS:
        yield format, encoded(image, format)
    yield "JPEG", encoded(image, "JPEG", progressive=True, exif=b"Exif\0\0" + exif(6))
    yield "PNG", encoded(image.quantize(9), "PNG", transparency=3)
    yield "GIF", encoded(image.quantize(9), "GIF", save_all=True, append_images=[image.rotate(90)])
    yield "BMP", encoded(image.quantize(9), "BMP")
    yield "WEBP", encoded(image.convert("RGBA"), "WEBP", lossless=True)
    for packing in ("tiff_lzw", "jpeg", "tiff_adobe_deflate", "packbits"):
        yield "TIFF", encoded(image, "TIFF", compression=packing, tiffinfo={0x0112: 5})
    yield "TIFF", encoded(image.convert("1"), "TIFF", compression="group4")
    yield "TIFF", encoded(Image.fromarray(WORDS[:, :, 0]), "TIFF")


@pytest.mark.parametrize("number", range(len(list(samples()))))
def test_a_file_that_is_cut_is_refused_or_has_all_its_pixels(number: int) -> None:
    """Wherever it is cut."""
    _, data = list(samples())[number]
    whole = open_image(data)
    refused = 0
    for length in range(len(data) - 1, 0, -max(1, len(data) // 150)):
        try:
            assert torch.equal(open_image(data[:length]), whole), f"{length} of {len(data)} bytes"
        except HeirloomError:
            refused += 1
    assert refused > 20


def test_truncated_files_are_named_with_the_reason(tmp_path: Path) -> None:
    big = Image.fromarray(np.tile(BYTES[:, :, :3], (40, 40, 1)))
    for format, cut in (("JPEG", 0.5), ("JPEG", -2), ("PNG", 0.5), ("PNG", -12), ("GIF", 0.5), ("WEBP", 0.5),
                        ("BMP", 0.5), ("TIFF", 0.5)):  # fmt: skip
        data = encoded(big, format)
        path = tmp_path / f"cut.{format}"
        path.write_bytes(data[: int(len(data) * cut) if isinstance(cut, float) else cut])
        assert f"cannot read the image: {path}: " in fault(path)


def test_a_flipped_byte_of_a_png_never_becomes_other_pixels() -> None:
    data = encoded(Image.fromarray(BYTES[:, :, :3]))
    whole = open_image(data)
    for at in range(8, len(data)):
        for bit in (1, 128):
            bad = data[:at] + bytes([data[at] ^ bit]) + data[at + 1 :]
            try:
                assert torch.equal(open_image(bad), whole), at
            except HeirloomError as error:
                assert error.status == 3


def mutated(good: bytes, chance: np.random.Generator) -> bytes:
    bad = np.frombuffer(good, np.uint8).copy()
    kind = chance.integers(4)
    if kind == 0:  # the header alone
        bad[chance.integers(0, min(64, len(bad)), 2)] = chance.integers(0, 256, 2)
    elif kind == 1:
        bad[chance.integers(0, len(bad), 3)] = chance.integers(0, 256, 3)
    elif kind == 2:  # large numbers in large fields
        at = int(chance.integers(0, len(bad)))
        bad[at : at + 4] = chance.choice(np.array([0, 1, 127, 128, 255], np.uint8))
    else:
        a, b = sorted(chance.integers(0, len(bad), 2).tolist())
        return good[:a] + good[b:] if chance.random() < 0.5 else good[:b] + good[a:]
    return bad.tobytes()


def with_checksums(data: bytes) -> bytes:
    """A damaged PNG whose chunks have the right checksums, as far as they can be followed."""
    found, at = bytearray(data), 8
    while at + 12 <= len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        if end > len(data):
            break
        found[end - 4 : end] = zlib.crc32(data[at + 4 : end - 4]).to_bytes(4, "big")
        at = end
    return bytes(found)


@pytest.mark.parametrize("format", FORMATS)
def test_mutated_files_give_an_image_or_one_clear_line(
    format: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """None takes a second, or 600 MB; no warning leaves the opener. Libtiff alone prints its own words."""
    chance = np.random.default_rng(sum(map(ord, format)))
    goods = [data for kind, data in samples() if kind == format]
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    have = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (have + 600_000_000, hard))
    try:
        for number in range(MUTATIONS):
            bad = mutated(goods[number % len(goods)], chance)
            if format == "PNG" and chance.random() < 0.7:  # past the checksums
                bad = with_checksums(bad)
            began = time.monotonic()
            try:
                pixels = open_image(bad, "bad")
                assert pixels.dtype == torch.uint8
                assert pixels.shape[0] in (1, 3)
            except HeirloomError as error:
                assert error.status == 3
                assert "\n" not in str(error)
            assert time.monotonic() - began < 1
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
    out, errors = capfd.readouterr()
    assert not out
    assert not errors or format == "TIFF"


def test_others_may_change_what_is_warned_of_meanwhile() -> None:
    """Nothing of theirs is undone, and no photograph is bad because an error was made of each warning."""
    data, before = encoded(Image.fromarray(BYTES[:, :, :3]), "JPEG"), list(warnings.filters)
    data = data[:2] + b"\xff\xe2\0\x0eMPF\0no index" + data[2:]  # as cameras write it, but damaged
    with warnings.catch_warnings():
        warnings.resetwarnings()
        left = warnings.catch_warnings()
        left.__enter__()  # a block of somebody else, who leaves it meanwhile
        with images._quiet:
            left.__exit__(None, None, None)
            warnings.simplefilter("error")
            open_image(data)
        assert [entry[0] for entry in warnings.filters] == ["error"]
        with pytest.raises(UserWarning, match="malformed MPO"):
            Image.open(io.BytesIO(data))
    assert list(warnings.filters) == before


def test_threads_leave_the_warnings_as_they_were() -> None:
    """Damaged metadata makes Pillow warn; `warnings.catch_warnings` alone is not made for threads."""
    data = encoded(Image.fromarray(BYTES[:, :, :3]), "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff")
    before = list(warnings.filters)
    threads = [threading.Thread(target=lambda: [open_image(data) for _ in range(100)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(warnings.filters) == before
