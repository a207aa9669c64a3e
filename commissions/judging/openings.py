"""What closing deals need to know of the opening of their position, for whole columns.

Only for simple positions, which nearly all are: one opening deal, and closes of no more than it opened. Then every
close takes the share closed ÷ opened of the opening commission whatever the order of the closes, and the mean spread
is the opening's own. `commissions.positions` keeps the others, deal by deal."""

from typing import NamedTuple

import numpy as np

from commissions.distinct import distinct_with_first
from commissions.judging.columns import MISSING, Bools, Int64s, Rows
from commissions.judging.of_positions import read_position_columns
from commissions.judging.rollup import pack
from commissions.positions import IN, OUT, OUT_BY


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


def read_openings(rows: Rows, wanted: Bools, *, batch: Rows | None = None) -> Openings:
    """Return the openings of the wanted deals, from all live deals of the store; the others know nothing.

    `batch`: all that is recorded of the server from its first id to its last."""
    found = no_openings(len(rows))
    asking = np.flatnonzero(wanted & (rows["position"] != 0))  # position 0: the server named none
    if not len(asking):
        return found
    accounts, positions = rows["account"][asking], rows["position"][asking]
    _keys, first, place = distinct_with_first(pack([accounts, positions]))
    stored = read_position_columns(accounts[first], positions[first], batch=batch)
    if not len(stored):
        return found
    opening = _openings_of(stored, len(first))
    for column, values in zip(found, opening, strict=True):
        column[asking] = values[place]
    return found


def _openings_of(stored: Rows, size: int) -> Openings:
    """Return the opening of each of `size` positions; one with more than one opening, or with none, is not simple."""
    place, entry, volume = stored["place"], stored["entry"], stored["volume_e8"]
    opens = entry == IN
    closes = (entry == OUT) | (entry == OUT_BY)
    opening = np.zeros(size, dtype=np.int64)
    opening[place[opens]] = np.flatnonzero(opens)
    closed = np.zeros(size, dtype=np.int64)
    np.add.at(closed, place[closes], volume[closes])
    simple = np.asarray(np.bincount(place[opens], minlength=size) == 1)
    simple[place[~opens & ~closes]] = False
    simple[place[_earlier(stored, opening[place])]] = False
    simple &= closed <= volume[opening]
    bid, ask = stored["bid_e8"][opening], stored["ask_e8"][opening]
    quoted = (bid != MISSING) & (ask != MISSING)
    spread = np.where(quoted, np.where(quoted, ask, 0) - np.where(quoted, bid, 0), MISSING)
    return Openings(simple, volume[opening], stored["commission_e8"][opening], spread, stored["at_us"][opening])


def _earlier(stored: Rows, other: Int64s) -> Bools:
    """Return which deals stand before another deal in the order (time, ticket, leg)."""
    earlier = np.zeros(len(stored), dtype=np.bool_)
    alike = np.ones(len(stored), dtype=np.bool_)
    for name in ("at_us", "ticket", "leg"):
        column = stored[name]
        earlier |= alike & (column < column[other])
        alike &= column == column[other]
    return earlier
