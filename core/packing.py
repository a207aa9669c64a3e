"""Columns of numbers in the form in which PostgreSQL's binary COPY takes them, by numpy."""

import numpy as np
import numpy.typing as npt

NUMERIC_BYTES = 18
_GROUPS = 5  # of four decimal digits: three before the point hold every bigint of 1e-8, two follow it
_NEGATIVE = 0x4000


def numerics(units: npt.NDArray[np.int64]) -> npt.NDArray[np.void]:
    """Return integers of 1e-8 as PostgreSQL receives a numeric: count of digit groups, weight, sign, scale, groups.

    All have the same groups; the server drops those that are zero. Source: numeric_recv."""
    words = np.empty((len(units), 4 + _GROUPS), dtype=">i2")
    words[:, 0], words[:, 1], words[:, 3] = _GROUPS, _GROUPS - 3, 8
    words[:, 2] = np.where(units < 0, _NEGATIVE, 0)
    rest = np.abs(units)
    for place in range(3 + _GROUPS, 3, -1):
        higher = rest // 10_000
        words[:, place] = rest - higher * 10_000
        rest = higher
    return words.view(f"V{NUMERIC_BYTES}")[:, 0]
