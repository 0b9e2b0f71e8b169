"""What keeps a user waiting before there is anything to see: files that are read, images that are decoded."""

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

EVERY = 0.5
"""Seconds between two calls of a watcher; what takes less is not told."""

Watcher = Callable[[str, int, int], None]
"""Is told what is done, how many of it are done, and how many there are."""

T = TypeVar("T")

_watchers: list[Watcher] = []


@contextlib.contextmanager
def watched(watcher: Watcher) -> Iterator[None]:
    """Within, ``watcher`` is told what this process waits for."""
    _watchers.append(watcher)
    try:
        yield
    finally:
        _watchers.remove(watcher)


def tell(what: str, done: int, total: int) -> None:
    """Tell the watcher, if there is one."""
    if _watchers:
        _watchers[-1](what, done, total)


def told(what: str, total: int, items: Iterable[T], size: Callable[[T], int] = lambda item: 1) -> Iterator[T]:
    """The items; whoever watches is told how many have passed, each counted by its ``size``."""
    last, told_any, done = time.monotonic(), False, 0
    for item in items:
        yield item
        done += size(item)
        if time.monotonic() - last >= EVERY:
            last, told_any = time.monotonic(), True
            tell(what, done, total)
    if told_any:
        tell(what, total, total)
