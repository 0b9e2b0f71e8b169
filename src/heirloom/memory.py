"""Freed memory is kept for the next update instead of being given back to the system.

Every layer of every update asks for memory and frees it. glibc gives large pieces back at once, and the
system must clear each page again before the next update may touch it: up to a third of the time of a
small network. Three settings of the allocator end that. They change where numbers lie, not the numbers.
"""

import contextlib
import ctypes
import gc
import sys
from collections.abc import Iterator

# From glibc's malloc.h.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4

_MIB = 2**20


class _State:
    kept = False


def keep_freed_memory() -> None:
    """Set the allocator of this process, once; where it is not glibc's, nothing happens."""
    if _State.kept or not sys.platform.startswith("linux"):
        return
    try:
        library = ctypes.CDLL(None)
        library.gnu_get_libc_version  # noqa: B018 - other libraries may have a mallopt that does nothing
        settings = ((_MMAP_MAX, 0), (_TRIM_THRESHOLD, 2**31 - 1), (_TOP_PAD, 64 * _MIB))
        _State.kept = all(library.mallopt(key, value) == 1 for key, value in settings)
    except (OSError, AttributeError):
        return


@contextlib.contextmanager
def garbage_waits() -> Iterator[None]:
    """Let Python look for garbage afterwards, not meanwhile.

    For a second of work that keeps nearly all that it makes. One search walks through all that PyTorch has
    loaded, which takes as long as to count a deep network, and the imports have left one due.
    """
    searches = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if searches:
            gc.enable()


def allocator() -> str:
    """For ``versions.json``: what was done."""
    return "glibc, keeps freed memory" if _State.kept else "as the system has it"
