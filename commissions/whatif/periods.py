"""Half-open periods in memory, changed as `ib.services.periods.put_from` changes them in the database. Pure."""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import TypeVar

from ib.types import OPEN_END_US, Periods

V = TypeVar("V")


def put_from(spells: Sequence[tuple[int, int, V]], at_us: int, value: V | None) -> list[tuple[int, int, V]]:
    """Return the spells, sorted by start, with `value` in force from `at_us` until the next recorded change.

    None: nothing holds there. What held at `at_us` ends there; later spells stay as they are."""
    current = next((each for each in spells if each[0] <= at_us < each[1]), None)
    following = min((start for start, _end, _value in spells if start > at_us), default=OPEN_END_US)
    kept = [each for each in spells if each is not current]
    if current is not None and current[0] < at_us:
        kept.append((current[0], at_us, current[2]))
    if value is not None:
        kept.append((at_us, following if current is None else current[1], value))
    return sorted(kept, key=lambda each: each[0])


def spells_of(periods: Periods, subject: int) -> list[tuple[int, int, int]]:
    """Return (start, end, target) of one subject, by start."""
    first, last = bisect_left(periods.subject, subject), bisect_right(periods.subject, subject)
    return [(periods.start_us[i], periods.end_us[i], periods.target[i]) for i in range(first, last)]


def with_spells(periods: Periods, subject: int, spells: Sequence[tuple[int, int, int]]) -> Periods:
    """Return the columns with other spells for one subject, still sorted; the given ones stay untouched."""
    first, last = bisect_left(periods.subject, subject), bisect_right(periods.subject, subject)
    columns = (
        (periods.subject, [subject] * len(spells)),
        (periods.target, [value for _start, _end, value in spells]),
        (periods.start_us, [start for start, _end, _value in spells]),
        (periods.end_us, [end for _start, end, _value in spells]),
    )
    return Periods(*(column[:first] + array("q", new) + column[last:] for column, new in columns))
