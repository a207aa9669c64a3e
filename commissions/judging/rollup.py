"""Add up lines into the rows of IbDay, and those into what each payee gets from the batch."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from commissions.judging.judged import Judged, counts, spread_out

Int64s = npt.NDArray[np.int64]
_PACKED = 2**62
_SAFE = 2**62


class Contributions(NamedTuple):
    """Flat columns: what each line adds to its payee's day. `via` as in Lines; days and periods since 1970."""

    payee: Int64s
    via: Int64s
    day: Int64s
    period: Int64s
    symbol_group: Int64s
    amount: Int64s
    lots: Int64s
    deals: Int64s


def contributions_of(judged: Judged, period: Int64s) -> Contributions:
    """Return what new judgements add; `period` is the statement that each deal is booked in."""
    row, _place = spread_out(judged.width)
    told = counts(judged.lines.verdict)
    row = row[told]
    return Contributions(
        payee=judged.lines.payee[told],
        via=judged.lines.via[told],
        day=judged.day[row],
        period=period[row],
        symbol_group=judged.symbol_group[row],
        amount=judged.lines.amount[told],
        lots=judged.lots_e8[row],
        deals=np.ones(len(row), dtype=np.int64),
    )


def join(parts: Sequence[Contributions]) -> Contributions:
    """Put several sets of contributions together."""
    return Contributions(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def add_up(lines: Contributions) -> Contributions:
    """Return one row per (payee, via, day, period, symbol group) with its sums, without rows that sum to nothing."""
    if not len(lines.payee):
        return lines
    key = pack([lines.payee, lines.day, lines.period, lines.symbol_group, lines.via])
    order = np.argsort(key, kind="stable")
    starts = np.flatnonzero(np.diff(key[order], prepend=key[order[0]] - 1))
    first = order[starts]
    sums = [_sums(column[order], starts) for column in (lines.amount, lines.lots, lines.deals)]
    rows = Contributions(*(column[first] for column in lines[:5]), *sums)
    kept = (rows.amount != 0) | (rows.lots != 0) | (rows.deals != 0)
    return Contributions(*(column[kept] for column in rows))


def sum_by(keys: Int64s, values: Int64s) -> tuple[Int64s, Int64s]:
    """Return the distinct keys and the sum of the values of each.

    :raises OverflowError: a sum could leave int64."""
    if not len(keys):
        return keys, values
    order = np.argsort(keys, kind="stable")
    starts = np.flatnonzero(np.diff(keys[order], prepend=keys[order[0]] - 1))
    return keys[order[starts]], _sums(values[order], starts)


def pack(columns: Sequence[Int64s]) -> Int64s:
    """Return one integer per row that orders and tells apart the rows of several columns."""
    packed, room = np.zeros(len(columns[0]), dtype=np.int64), 1
    for column in columns:
        low, high = int(column.min()), int(column.max())
        values, size = column - low, high - low + 1
        if room * size >= _PACKED:
            _distinct, packed = np.unique(packed, return_inverse=True)
            _distinct, values = np.unique(values, return_inverse=True)
            room, size = int(packed.max()) + 1, int(values.max()) + 1
        packed, room = packed * size + values, room * size
    return packed


def _sums(values: Int64s, starts: Int64s) -> Int64s:
    """Add up runs of values exactly: int64 where no sum can overflow, refused otherwise."""
    largest = max(abs(int(values.min())), abs(int(values.max())))
    if largest * len(values) < _SAFE:
        return np.add.reduceat(values, starts)
    exact = np.add.reduceat(values.astype(object), starts)
    if max(abs(int(total)) for total in exact) >= _SAFE:
        raise OverflowError("the sum of a batch is too large for a stored amount; judge in smaller batches")
    return exact.astype(np.int64)
