"""What closing deals need to know of the opening of their position, for whole columns.

Only for simple positions, which nearly all are: one opening deal, and closes of no more than it opened. Then every
close takes the share closed ÷ opened of the opening commission whatever the order of the closes, and the mean spread
is the opening's own. `commissions.positions` keeps the others, deal by deal."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from commissions.distinct import distinct, distinct_with_first
from commissions.judging.columns import MISSING, Rows
from commissions.judging.deals import read_position_columns
from commissions.judging.rollup import pack
from commissions.positions import IN, OUT, OUT_BY

Int64s = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


class Openings(NamedTuple):
    """Per deal: whether its position is a simple one, and that position's opening deal. Money and lots in 1e-8."""

    simple: Bools
    volume: Int64s
    commission: Int64s
    spread: Int64s  # MISSING without a quote
    at_us: Int64s

    def of(self, deals: Int64s) -> "Openings":
        """Return what some of the deals know."""
        volume, commission, spread, at_us = (column[deals] for column in self[1:])
        return Openings(self.simple[deals], volume, commission, spread, at_us)


def no_openings(count: int) -> Openings:
    """Return what is known of deals whose openings nobody asks for."""
    volume, commission, spread, at_us = (np.full(count, value, dtype=np.int64) for value in (0, 0, MISSING, 0))
    return Openings(np.zeros(count, dtype=np.bool_), volume, commission, spread, at_us)


def read_openings(rows: Rows, wanted: Bools) -> Openings:
    """Return the openings of the wanted deals, from all live deals of the store; the others know nothing."""
    found = no_openings(len(rows))
    asking = np.flatnonzero(wanted & (rows["position"] != 0))  # position 0: the server named none
    if not len(asking):
        return found
    accounts, positions = rows["account"][asking], rows["position"][asking]
    _keys, first, _place = distinct_with_first(pack([accounts, positions]))
    stored = read_position_columns(accounts[first], positions[first])
    if not len(stored):
        return found
    columns = [np.concatenate([accounts, stored["account"]]), np.concatenate([positions, stored["position"]])]
    _keys, place = distinct(pack(columns))
    opening = _openings_of(stored, place[len(asking) :], int(place.max()) + 1)
    mine = place[: len(asking)]
    for column, values in zip(found, opening, strict=True):
        column[asking] = values[mine]
    return found


def _openings_of(stored: Rows, place: Int64s, size: int) -> Openings:
    """Return the opening of each position; `place` says which position each stored deal belongs to."""
    entry, volume = stored["entry"], stored["volume_e8"]
    opens = entry == IN
    closes = (entry == OUT) | (entry == OUT_BY)
    others = np.bincount(place[~opens & ~closes], minlength=size)
    closed = np.zeros(size, dtype=np.int64)
    np.add.at(closed, place[closes], volume[closes])
    first = _first_deals(stored, place, size)
    opened = np.asarray((np.bincount(place[opens], minlength=size) == 1) & (others == 0))
    simple = opened & (entry[first] == IN) & (closed <= volume[first])
    bid, ask = stored["bid_e8"][first], stored["ask_e8"][first]
    quoted = (bid != MISSING) & (ask != MISSING)
    spread = np.where(quoted, np.where(quoted, ask, 0) - np.where(quoted, bid, 0), MISSING)
    return Openings(simple, volume[first], stored["commission_e8"][first], spread, stored["at_us"][first])


def _first_deals(stored: Rows, place: Int64s, size: int) -> Int64s:
    """Return for each position the first of its deals in the order (time, ticket, leg); 0 for one without deals."""
    order = np.lexsort((stored["leg"], stored["ticket"], stored["at_us"], place))
    starts = np.flatnonzero(np.diff(place[order], prepend=-1))
    first = np.zeros(size, dtype=np.int64)
    first[place[order[starts]]] = order[starts]
    return first
