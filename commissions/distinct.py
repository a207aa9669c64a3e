"""Distinct values of a column and where each row's value stands among them: by a table where ids lie close together.

Sorting 100k rows costs some ten times what filling a table does, and ids of one batch mostly lie close together."""

import numpy as np
import numpy.typing as npt

Int64s = npt.NDArray[np.int64]
_TABLE = 8  # a table may have this many places per row, and a few thousand for small batches
_LEAST = 4_096


def distinct(values: Int64s) -> tuple[Int64s, Int64s]:
    """Return the distinct values, rising, and for each row the place of its value among them."""
    span = _span(values)
    if span is None:
        found, inverse = np.unique(values, return_inverse=True)
        return found, inverse
    low, size = span
    there = np.zeros(size, dtype=np.bool_)
    shifted = values - low
    there[shifted] = True
    place = np.cumsum(there) - 1
    return np.flatnonzero(there) + low, place[shifted]


def distinct_with_first(values: Int64s) -> tuple[Int64s, Int64s, Int64s]:
    """Return the distinct values, rising, a row that has each of them, and each row's place among them."""
    found, inverse = distinct(values)
    first = np.empty(len(found), dtype=np.int64)
    first[inverse[::-1]] = np.arange(len(values) - 1, -1, -1)
    return found, first, inverse


class Lookup:
    """Where each of some rising values stands; for values that are among them."""

    def __init__(self, values: Int64s) -> None:
        self._values = values
        span = _span(values)
        self._table: Int64s | None = None
        if span is not None:
            self._low, size = span
            self._table = np.zeros(size, dtype=np.int64)
            self._table[values - self._low] = np.arange(len(values))

    def place(self, wanted: int) -> int:
        """Return where one value stands."""
        return int(self.places(np.array([wanted], dtype=np.int64))[0])

    def places(self, wanted: Int64s) -> Int64s:
        if self._table is None:
            return np.searchsorted(self._values, wanted)
        return np.asarray(self._table[wanted - self._low])


def _span(values: Int64s) -> tuple[int, int] | None:
    """Return the least value and the size of a table over all of them, None when it would not pay."""
    if not len(values):
        return None
    low, high = int(values.min()), int(values.max())
    size = high - low + 1
    return (low, size) if size <= max(_TABLE * len(values), _LEAST) else None
