"""Memory that work on large arrays keeps for itself goes back to the system afterwards."""

import resource
from pathlib import Path

import numpy as np
import pytest

from core.heap import reusing_memory

pytestmark = pytest.mark.unit
PAGE = resource.getpagesize()
MEGABYTE = 1 << 20


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


def work() -> int:
    """Fill and drop a hundred arrays of two megabytes; return how many of their pages the system had to give."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _round in range(100):
        np.ones(2 * MEGABYTE, dtype=np.uint8)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def test_arrays_take_the_pages_of_those_before() -> None:
    with reusing_memory(when=True):
        work()
        assert work() < 2 * MEGABYTE // PAGE


def test_memory_goes_back_at_the_end() -> None:
    before = resident()

    with reusing_memory(when=True):
        arrays = [np.ones(MEGABYTE, dtype=np.uint8) for _number in range(300)]
        arrays.clear()
        kept = resident()

    assert kept > before + 250 * MEGABYTE
    assert resident() < before + 50 * MEGABYTE
