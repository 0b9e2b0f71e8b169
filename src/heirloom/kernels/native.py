"""The fast paths of ``native.c``: compiled by the user's own GCC when a training begins, then kept.

Where there is no compiler, or anything fails, the plain formulas are computed and nothing is said but in
``versions.json``. ``HEIRLOOM_NATIVE=0`` in the environment forbids it. Results do not depend on the number
of threads.
"""

import contextlib
import ctypes
import os
import platform
import shlex
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from ctypes import POINTER, Structure, byref, c_float, c_int, c_long, c_void_p
from pathlib import Path

import torch
from platformdirs import user_cache_path
from torch import Tensor, nn

from heirloom.files import sha256
from heirloom.kernels import worthwhile

SOURCE = Path(__file__).with_name("native.c")

HEADERS = (
    "threads.h",
    "layer.h",
    "convolution.h",
    "product.h",
    "units.h",
    "windows.h",
    "levels.h",
    "pixels.h",
    "resizing.h",
)
"""What it includes, beside it."""

FLAGS = (
    *("-std=gnu11", "-fPIC", "-shared", "-pthread", "-march=native"),
    *("-O2", "-ftree-vectorize", "-fvect-cost-model=dynamic", "-fopenmp-simd"),  # half the time of -O3
    *("-fno-math-errno", "-fno-trapping-math"),  # nobody reads these; infinities and NaN stay what they are
)

PATIENCE = 20.0
"""Seconds after which a compiler is given up."""

NATIVE = "native"
"""How `find` begins where the library is at hand."""

EDITION = 2
"""Of native.c; the next one has other rounding."""


class Layer(Structure):
    """``layer`` of layer.h."""

    _fields_ = (
        ("kind", c_int),
        *((name, c_int) for name in ("maps", "rows", "columns", "out_maps", "out_rows", "out_columns")),
        *((name, c_int) for name in ("kernel_rows", "kernel_columns")),
        *(("amplitude", c_float), ("slope", c_float)),
        *((name, c_void_p) for name in ("weight", "bias", "weight_grad")),
        *((name, c_void_p) for name in ("out", "packed", "sums", "grads", "turned")),
    )


class Chain(Structure):
    """``chain`` of native.c."""

    _fields_ = (
        *(("images", c_int), ("count", c_int), ("layers", POINTER(Layer))),
        *((name, c_void_p) for name in ("x", "out", "grad", "x_grad", "kept", "work")),
    )


class Pixels(Structure):
    """``pixels`` of pixels.h."""

    _fields_ = (
        *(("images", c_int), ("channels", c_int), ("places", c_long)),
        *((name, c_void_p) for name in ("stored", "index", "levels", "out")),
    )


class Crops(Structure):
    """``crops`` of pixels.h."""

    _fields_ = (
        *(("images", c_int), ("channels", c_int)),
        *(
            (name, c_long)
            for name in ("rows", "columns", "out_rows", "out_columns", "to_channel", "to_column")
        ),
        *((name, c_void_p) for name in ("stored", "index", "corners", "mirrored", "levels", "out")),
    )


class Resizes(Structure):
    """``resizes`` of resizing.h."""

    _fields_ = (
        *(("images", c_int), ("channels", c_int)),
        *((name, c_long) for name in ("rows", "columns", "out_rows", "out_columns")),
        *((name, c_long) for name in ("from_image", "from_channel", "from_row", "from_column")),
        *((name, c_long) for name in ("to_channel", "to_column", "short_weights")),
        *((name, c_void_p) for name in ("stored", "index", "boxes", "mirrored", "levels", "out", "work")),
    )


FUNCTIONS = {
    "kept_size": (Chain, c_long),
    "work_size": (Chain, c_long),
    "forward": (Chain, None),
    "backward": (Chain, None),
    "look_up": (Pixels, None),
    "crop": (Crops, None),
    "resize_size": (Resizes, c_long),
    "resize": (Resizes, None),
}
"""Of native.c: what each one takes, beside the number of threads, and what it returns."""


class Library:
    """The compiled functions.

    Attributes:
        lanes: Images that are computed together.
        widest: Rows and columns of the largest kernel of a convolution.
    """

    def __init__(self, path: Path) -> None:
        library = ctypes.CDLL(str(path))
        self.lanes = c_int.in_dll(library, "lanes").value
        self.widest = c_int.in_dll(library, "widest").value
        self._functions = {}
        for name, (takes, gives) in FUNCTIONS.items():
            function = getattr(library, name)
            function.argtypes, function.restype = (POINTER(takes), c_int), gives
            self._functions[name] = function

    def __call__(self, name: str, given: Structure) -> int:
        """Call a function of native.c. Python's other threads go on meanwhile."""
        return int(self._functions[name](byref(given), self.threads) or 0)

    @property
    def threads(self) -> int:
        """How many threads a call may use."""
        return max(1, _now.threads)


PROPER = (Tensor, nn.Parameter)
"""Types of the tensors that lie where they say. A subclass may have no memory, or another meaning."""


class _State:
    library: Library | None = None
    found = ""  # of `find`; empty until it was called


class _Now(threading.local):
    """Of each of Python's threads: what one trains is nothing to the others."""

    threads = 0  # of a call; 0 where these paths are not to be taken
    activation: object = None


_now = _Now()


@contextlib.contextmanager
def active(threads: int, activation: object = None) -> Iterator[None]:
    """Within, the layers of `heirloom.layers` take these paths where they can; with 0 threads they do not.

    Args:
        threads: Of a call.
        activation: Of another one that this goes on with; by default it is one of its own.
    """
    before = _now.threads, _now.activation
    _now.threads = threads if threads and find().startswith(NATIVE) else 0
    _now.activation = activation or object()
    try:
        yield
    finally:
        _now.threads, _now.activation = before


def activation() -> object:
    """What tells one `active` from another."""
    return _now.activation


def library_for(x: Tensor) -> Library | None:
    """The library, where it is active and can take ``x``; else the plain formula is to be computed."""
    if not _now.threads or type(x) not in PROPER or x.dtype != torch.float32 or not worthwhile(x):
        return None
    watched = torch._C._are_functorch_transforms_active() or torch._C._len_torch_dispatch_stack()
    return None if watched or torch.is_autocast_enabled("cpu") else _State.library


def library_for_pixels() -> Library | None:
    """The library, where it is active: for stored grey values, of which nobody asks a gradient."""
    return _State.library if _now.threads else None


def loaded() -> bool:
    """Whether `find` has found the library already."""
    return _State.library is not None


def find() -> str:
    """Load the library, once, and compile it where that was not done before.

    Returns:
        ``native 2, <compiler>``, or ``plain: <why>``.
    """
    if not _State.found:
        try:
            _State.library, _State.found = _find()
        except (OSError, subprocess.SubprocessError, AttributeError, ValueError) as error:
            reason = str(error).strip().splitlines() or [type(error).__name__]
            _State.found = f"plain: {reason[0]}"
    return _State.found


def _find() -> tuple[Library | None, str]:
    if os.environ.get("HEIRLOOM_NATIVE") == "0":
        return None, "plain: forbidden by HEIRLOOM_NATIVE"
    if os.name != "posix":
        return None, f"plain: not for {os.name}"
    compiler = shlex.split(os.environ.get("CC", "cc")) or ["cc"]
    if not shutil.which(compiler[0]):
        return None, "plain: no C compiler"
    said = subprocess.run(
        [*compiler, "--version"], capture_output=True, text=True, check=True, timeout=PATIENCE
    ).stdout
    version = (said.splitlines() or ["unknown"])[0]
    source = b"\0".join(path.read_bytes() for path in (SOURCE, *map(SOURCE.with_name, HEADERS)))
    key = sha256("\0".join([*compiler, said, *FLAGS, _processor()]).encode() + source)[:16]

    folder = user_cache_path("heirloom", appauthor=False) / "kernels"
    return Library(_kept(folder, key) or _compiled(folder, key, compiler)), f"{NATIVE} {EDITION}, {version}"


def _kept(folder: Path, key: str) -> Path | None:
    """A library compiled before. Its own digest is part of its name: a damaged one must not be loaded."""
    for path in sorted(folder.glob(f"{key}-*.so")):
        if path.stem == f"{key}-{sha256(path.read_bytes())}":
            return path
        path.unlink()
    return None


def _compiled(folder: Path, key: str, compiler: list[str]) -> Path:
    """Compile and keep it. Of two processes that do so at once, either's file is as good."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".") as place:
        made = Path(place) / "native.so"
        subprocess.run(
            [*compiler, *FLAGS, str(SOURCE), "-o", str(made)],
            capture_output=True,
            check=True,
            timeout=PATIENCE,
        )
        path = folder / f"{key}-{sha256(made.read_bytes())}.so"
        made.replace(path)
    return path


def _processor() -> str:
    """What ``-march=native`` depends on."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    kinds = ("model name", "flags", "Features", "CPU part")
    found = sorted({line for line in lines if line.partition(":")[0].strip() in kinds})
    return "\n".join([platform.machine(), platform.processor(), *found])
