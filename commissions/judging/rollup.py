"""Add up lines into the rows of IbDay, and those into what each payee gets from the batch."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from commissions.distinct import distinct
from commissions.judging.judged import Block, Judged, counts

Int64s = npt.NDArray[np.int64]
_PACKED = 2**62
_SAFE = 2**62


class Contributions(NamedTuple):
    """Flat columns: what each line adds to its payee's day. `via`: the next IB below, or minus the trading account.

    Days are in days since 1970."""

    payee: Int64s
    via: Int64s
    day: Int64s
    symbol_group: Int64s
    amount: Int64s
    lots: Int64s
    deals: Int64s


def contributions_of(judged: Judged) -> Contributions:
    """Return what new judgements add.

    Deals of one chain, day and symbol group are added up as rows first: a line per deal and payee would be many."""
    parts = []
    for block in judged.blocks:
        if block.width:
            parts += _of_block(judged, block)
    return join(parts)


def _of_block(judged: Judged, block: Block) -> list[Contributions]:
    index = block.deals
    days = [judged.chain[index], judged.day[index], judged.symbol_group[index]]
    inner = list(range(1, block.levels))
    outer = [place for place in range(block.width) if place not in inner]
    parts = [_added(judged, block, outer, pack([*days, judged.rows["account"][index]]))]
    if inner:
        parts.append(_added(judged, block, inner, pack(days)))
    return parts


def _added(judged: Judged, block: Block, places: list[int], key: Int64s) -> Contributions:
    """Add up the deals of one key for the levels at `places`, and lay the result out as lines."""
    order = np.argsort(key, kind="stable")
    starts = np.flatnonzero(np.diff(key[order], prepend=key[order[0]] - 1))
    first = order[starts]
    at = block.deals[first]
    account = judged.rows["account"][at]
    below = [block.below(first, place) for place in places]
    amount = _sums(block.amount[:, places[0] : places[-1] + 1][order], starts)
    lots, deals = _volumes(judged, block, places, order, starts)
    columns = [
        (
            block.payee[first, place],
            np.where(below[number] == 0, -account, below[number]),
            judged.day[at],
            judged.symbol_group[at],
            amount[:, place - places[0]],
            lots[:, number % lots.shape[1]],
            deals[:, number % deals.shape[1]],
        )
        for number, place in enumerate(places)
    ]
    joined = (np.concatenate(column) for column in zip(*columns, strict=True))
    return Contributions(*(column.astype(np.int64, copy=False) for column in joined))


def _volumes(judged: Judged, block: Block, places: list[int], order: Int64s, starts: Int64s) -> tuple[Int64s, Int64s]:
    """Return lots and number of counted deals: a column per place, or one column when every plan counts every deal."""
    lots = judged.lots_e8[block.deals][order]
    told = counts(block.verdict[:, places])
    if told.all():
        return _sums(lots, starts)[:, None], np.diff(starts, append=len(order))[:, None]
    ordered = told[order]
    return _sums(lots[:, None] * ordered, starts), _sums(ordered.astype(np.int64), starts)


def join(parts: Sequence[Contributions]) -> Contributions:
    """Put several sets of contributions together."""
    if not parts:
        return Contributions(*(np.zeros(0, dtype=np.int64) for _name in Contributions._fields))
    return Contributions(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def add_up(lines: Contributions) -> Contributions:
    """Return one row per (payee, day, symbol group, via) with its sums, without rows that sum to nothing."""
    if not len(lines.payee):
        return lines
    key = pack([lines.payee, lines.day, lines.symbol_group, lines.via])
    order = np.argsort(key, kind="stable")
    starts = np.flatnonzero(np.diff(key[order], prepend=key[order[0]] - 1))
    first = order[starts]
    sums = [_sums(column[order], starts) for column in (lines.amount, lines.lots, lines.deals)]
    rows = Contributions(*(column[first] for column in lines[:4]), *sums)
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
            _found, packed = distinct(packed)
            _found, values = distinct(values)
            room, size = int(packed.max()) + 1, int(values.max()) + 1
        packed, room = packed * size + values, room * size
    return packed


def _sums(values: Int64s, starts: Int64s) -> Int64s:
    """Add up runs of rows exactly: int64 where no sum can overflow, refused otherwise."""
    largest = max(abs(int(values.min())), abs(int(values.max())))
    if largest * len(values) < _SAFE:
        return np.add.reduceat(values, starts, axis=0)
    exact = np.add.reduceat(values.astype(object), starts, axis=0)
    if max(abs(int(total)) for total in exact.ravel()) >= _SAFE:
        raise OverflowError("the sum of a batch is too large for a stored amount; judge in smaller batches")
    return exact.astype(np.int64)
