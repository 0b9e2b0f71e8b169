"""Image files decoded once, each split into a store of its own (`heirloom.data.store`).

The stores lie below the user's cache folder, in ``decoded/KEY/``. KEY is the SHA-256 of the files' own
SHA-256 sums in their order and of how they are fitted, so that equal images are decoded once, wherever they
lie and whatever they are called; a file that changes makes another key. A store may be removed at any time.
One that was not used for thirty days is removed when another is made.
"""

import hashlib
import json
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from heirloom.data import roots
from heirloom.data.listing import Entry
from heirloom.data.preprocessing import Preprocess
from heirloom.data.store import Missing, Store
from heirloom.errors import HeirloomError
from heirloom.images import open_image
from heirloom.kernels import native

VERSION = 2
"""Of what is stored: another one decodes anew."""


def working(preprocess: Preprocess) -> Preprocess:
    """How images are brought to one size before they are stored: all that `Preprocess.fit` needs of them.

    What is stored goes through `fit` once more and comes out as if it came from the file. Where the middle is
    cut out of a larger square, the square is stored: from there other parts than the middle can be cut.
    """
    _, height, width = preprocess.size
    if preprocess.resize == "fit":
        size = (3, preprocess.box or height, preprocess.box or width)
        return Preprocess(size, mean=(0.0,) * 3, std=(1.0,) * 3)
    side = preprocess.box or max(height, width)
    return Preprocess((3, side, side), side, (0.0,) * 3, (1.0,) * 3, preprocess.resize)


def store_key(digests: Sequence[str], how: Preprocess, channels: int) -> str:
    """The KEY of images that are stored: it says what every byte of the store is."""
    said = [VERSION, how.size[1:], how.box, how.resize, channels]
    return hashlib.sha256("\n".join([json.dumps(said), *digests]).encode()).hexdigest()


def decoded(
    files: Sequence[tuple[Entry, str]],
    how: Preprocess,
    channels: int,
    on_bad: Callable[[int, str], None],
) -> tuple[Store, str]:
    """The store of image files, in which they are decoded or will be, and its key.

    Args:
        files: Each with the hexadecimal SHA-256 of its bytes.
        how: How they are brought to one size, see `working`.
        channels: 1 or 3, of what is stored.
        on_bad: Is told of each file that cannot be decoded, by its position.

    Raises:
        HeirloomError: (``E-disk``, ``E-output-unwritable``) The cache folder cannot be written.
    """
    key = store_key([digest for _, digest in files], how, channels)
    shape = (len(files), channels, *how.size[1:])

    def decode(row: int) -> memoryview | Missing:
        return _fitted(*files[row], how, channels)

    return Store(roots.cache() / "decoded" / key, shape, decode, on_bad), key


def _fitted(entry: Entry, digest: str, how: Preprocess, channels: int) -> memoryview | Missing:
    """The bytes of one image as it is stored, or what is wrong with it."""
    try:
        data = entry.read()
        if hashlib.sha256(data).hexdigest() != digest:
            return Missing("it was changed meanwhile", ever=False)
        image = open_image(data, entry.name, 2 * max(how.size[1:]))
    except OSError as error:
        return Missing((error.strerror or str(error)).lower(), ever=False)
    except HeirloomError as error:
        return Missing(error.why or error.what, ever=not isinstance(error.__cause__, MemoryError))
    with native.active(int(native.loaded())):  # the same bytes
        pixels = how.fit(image.unsqueeze(0))
    if channels == 1:
        pixels = _grey(pixels) if len(image) > 1 else pixels[:, :1]
    return pixels.contiguous().numpy().data.cast("B")


def _grey(pixels: Tensor) -> Tensor:
    return Preprocess((1, *pixels.shape[2:])).fit(pixels).to(torch.uint8)
