"""All live trades of some positions: by index, or, while the store is young, by reading it through once."""

from collections.abc import Sequence

import numpy as np
from django.db import connection

from commissions.distinct import Lookup, distinct
from commissions.judging.columns import Bools, Column, Int64s, Rows, array_text, read_columns
from commissions.judging.deals import COLUMNS, is_trade
from commissions.judging.judged import chosen
from trading.queries import LIVE_SQL

# Position by position, by index: OFFSET 0 keeps the planner from its own ideas, which rest on what it believes about
# how many deals a position has.
OF_WANTED = """FROM unnest(%s::bigint[], %s::bigint[]) WITH ORDINALITY AS wanted (account_id, position, place)
    CROSS JOIN LATERAL (
    SELECT * FROM trading_deal p WHERE p.account_id = wanted.account_id AND p.position = wanted.position
    AND p.action IN (0, 1){live} OFFSET 0) d"""
_LIVE_OF_WANTED = OF_WANTED.format(live=f" AND {LIVE_SQL.format(alias='p')}")
_ANY_OF_WANTED = OF_WANTED.format(live=" AND NOT p.deleted")
_OUTDATED = """FROM trading_deal n CROSS JOIN LATERAL (SELECT * FROM trading_deal p WHERE p.server_id = n.server_id
    AND p.ticket = n.ticket AND p.leg = n.leg AND p.revision < n.revision ORDER BY p.revision OFFSET 0) d
    WHERE n.revision > 0 AND n.ticket BETWEEN %s AND %s"""
# Bit n of `bits` says whether position first + n is wanted. CASE: only a position within has a bit.
_THROUGH = """FROM trading_deal d WHERE d.action IN (0, 1) AND NOT d.deleted
    AND NOT d.id BETWEEN %(known_from)s AND %(known_to)s
    AND CASE WHEN d.position BETWEEN %(first)s AND %(last)s
        THEN get_bit(%(bits)s::bytea, d.position - %(first)s) = 1 ELSE false END"""

_ASKED = ("id", "at_us", "ticket", "leg", "entry", "volume_e8", "commission_e8", "bid_e8", "ask_e8")
_BY_PLACE = (Column("place", "wanted.place - 1"), *(column for column in COLUMNS if column.name in _ASKED))
_BY_POSITION = tuple(column for column in COLUMNS if column.name in (*_ASKED, "account", "position"))
MANY = 5_000  # positions from which it pays to read all deals that were ever revised
_BITS = 16  # numbers for each wanted position: they travel within the statement
_ROW_BYTES = 220  # of a stored deal
# For each wanted position: to find its deals by index costs what ten cost in a row, and some that nobody asked for come
# along.
_ROWS_IN_A_ROW = 6


def read_positions(pairs: Sequence[tuple[int, int]]) -> Rows:
    """Return all live trades of the positions, given as (account, position), in the order (time, ticket, leg)."""
    accounts, positions = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    tail = f"{_LIVE_OF_WANTED} ORDER BY d.deal_at, d.ticket, d.leg"
    return read_columns(COLUMNS, tail, [accounts, positions])


def read_position_columns(accounts: Int64s, positions: Int64s, *, batch: Rows | None = None) -> Rows:
    """Return all live trades of the positions, each named once with its account, with what openings are asked for and
    `place`, which of the positions it is.

    For many positions what has a later revision is read at once, instead of asking about each deal: hardly any has.
    While the store has not many more deals than are wanted, as when a history is first imported, it is read through.
    `batch`: all that is recorded of these accounts from its first id to its last, which need not be read again."""
    if len(accounts) < MANY:
        return read_columns(_BY_PLACE, _LIVE_OF_WANTED, [array_text(accounts), array_text(positions)])
    if _is_dense(positions) and _stored_bytes() <= _ROWS_IN_A_ROW * _ROW_BYTES * len(positions):
        rows = _read_through(accounts, positions, batch)
    else:
        rows = read_columns(_BY_PLACE, _ANY_OF_WANTED, [array_text(accounts), array_text(positions)])
    return chosen(rows, ~_outdated(rows)) if len(rows) else rows


def _is_dense(positions: Int64s) -> bool:
    """Say whether the positions are all different and a bit for each number from the first to the last is not much."""
    span = int(positions.max()) - int(positions.min())
    return span <= _BITS * len(positions) and len(distinct(positions)[0]) == len(positions)


def _stored_bytes() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_relation_size('trading_deal')")
        (size,) = cursor.fetchone()
    return int(size)


def _read_through(accounts: Int64s, positions: Int64s, batch: Rows | None) -> Rows:
    first, last = int(positions.min()), int(positions.max())
    wanted = np.zeros(last - first + 1, dtype=np.bool_)
    wanted[positions - first] = True
    params = {"first": first, "last": last, "bits": np.packbits(wanted, bitorder="little").tobytes()}
    known = (0, -1) if batch is None else (int(batch["id"].min()), int(batch["id"].max()))
    rows = read_columns(_BY_POSITION, _THROUGH, {**params, "known_from": known[0], "known_to": known[1]})
    if batch is not None:
        rows = _joined(rows, _wanted_of(batch, wanted, first))
    order = np.argsort(positions)
    place: Int64s = order[Lookup(positions[order]).places(rows["position"])]
    mine: Int64s = np.flatnonzero(accounts[place] == rows["account"])
    return rows[mine].with_column("place", place[mine])


def _wanted_of(batch: Rows, wanted: Bools, first: int) -> Rows:
    """Return the batch's trades of wanted positions; bit n of `wanted` is about position first + n."""
    position = batch["position"] - first
    within = (position >= 0) & (position < len(wanted))
    mine = within & wanted[np.where(within, position, 0)]
    live: Bools = mine & is_trade(batch) & (batch["deleted"] == 0)
    return batch[live]


def _joined(one: Rows, other: Rows) -> Rows:
    return Rows({column.name: np.concatenate([one[column.name], other[column.name]]) for column in _BY_POSITION})


def _outdated(rows: Rows) -> Bools:
    """Return which deals have a later revision."""
    tickets = [int(rows["ticket"].min()), int(rows["ticket"].max())]
    return np.isin(rows["id"], read_columns((Column("id", "d.id"),), _OUTDATED, tickets)["id"])
