"""Memory that work on large arrays uses again and again, instead of asking the system for it each time."""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

# Parameters of glibc's mallopt. Setting one of them ends malloc's own adjustment of the thresholds, so they are fixed
# afterwards: blocks up to 4 MB come from the heap, and up to 8 MB of it may lie free. Source: GNU C Library manual,
# "Malloc Tunable Parameters".
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -3, -4
_KEEPING = ((_TRIM_THRESHOLD, 2**31 - 1), (_MMAP_MAX, 0))
_AFTERWARDS = ((_TRIM_THRESHOLD, 8 << 20), (_MMAP_THRESHOLD, 4 << 20), (_MMAP_MAX, 65_536))


@contextmanager
def reusing_memory(*, when: bool) -> Iterator[None]:
    """Keep what is freed inside for the next array, and give it all back at the end. `when` False: as ever.

    By default glibc returns each freed array of some size to the system at once, and the next one of the same size is
    given new pages one by one: a third of the time of a large batch. Does nothing where malloc has no such settings."""
    libc = _glibc() if when else None
    if libc is None:
        yield
        return
    _set(libc, _KEEPING)
    try:
        yield
    finally:
        _set(libc, _AFTERWARDS)
        libc.malloc_trim(0)


def _set(libc: ctypes.CDLL, values: tuple[tuple[int, int], ...]) -> None:
    for parameter, value in values:
        libc.mallopt(parameter, value)


@cache
def _glibc() -> ctypes.CDLL | None:
    libc = ctypes.CDLL(None)
    return libc if hasattr(libc, "mallopt") and hasattr(libc, "malloc_trim") else None
