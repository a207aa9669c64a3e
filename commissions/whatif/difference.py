"""What stands against what would stand, line by line, in columns."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from commissions.judging.columns import Column, Rows, array_text, read_columns
from commissions.judging.deals import is_trade, read_newest
from commissions.judging.judged import Judged
from commissions.judging.rollup import pack
from commissions.whatif.overlay import Overlay

Int64s = npt.NDArray[np.int64]

_STORED = (
    Column("root", "j.deal_id"),
    Column("payee", "unnest(j.payee)"),
    Column("day", "j.day - date '1970-01-01'"),
    Column("amount", "unnest(j.amount_e8)"),
)
_STORED_FROM = """FROM (SELECT DISTINCT ON (deal_id) deal_id, day, payee, amount_e8 FROM commissions_judgement
    WHERE deal_id = ANY(%s) ORDER BY deal_id, revision DESC) j"""


class Lines(NamedTuple):
    """Amounts above zero, a row for each deal and payee: 1e-8 of the payee's currency, day since 1970."""

    root: Int64s
    payee: Int64s
    day: Int64s
    amount: Int64s


class PayeeDays(NamedTuple):
    """What the deals of a day pay a payee before and after (1e-8 of its currency), and how many of them differ."""

    payee: Int64s
    day: Int64s
    before: Int64s
    after: Int64s
    deals: Int64s


class Difference(NamedTuple):
    """The result of one batch: by payee and day, and how many deals pay somebody another amount."""

    days: PayeeDays
    deals: int
    waits: frozenset[str]  # currencies whose rate some deal lacks


def difference_of(overlay: Overlay, roots: Int64s) -> Difference:
    """Judge these deals in the overlay and compare every line with what stands. Four statements and a book."""
    before = stored_lines(roots)
    newest = read_newest(roots.tolist())
    live = newest[(newest["deleted"] == 0) & is_trade(newest)]
    if not len(live):
        return compare(before, _none())
    judged, _book = overlay.judge(live)
    waits = frozenset(currency for wait in judged.waits.values() for currency in wait.currencies)
    return compare(before, computed_lines(judged))._replace(waits=waits)


def stored_lines(roots: Int64s) -> Lines:
    """Return the lines that stand for these deals."""
    rows = read_columns(_STORED, _STORED_FROM, [array_text(roots)])
    rows = rows[rows["amount"] != 0]
    return Lines(*(_column(rows, name) for name in Lines._fields))


def computed_lines(judged: Judged) -> Lines:
    """Return the lines that were computed."""
    parts = [_none()]
    roots = _column(judged.rows, "root")
    for block in judged.blocks:
        deal, place = np.nonzero(block.amount)
        index = block.deals[deal]
        payee = block.payee[deal, place].astype(np.int64)
        parts.append(Lines(roots[index], payee, judged.day[index], block.amount[deal, place]))
    return Lines(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def compare(before: Lines, after: Lines) -> Difference:
    """Return what the lines add up to, and where they differ."""
    lines = Lines(*(np.concatenate(pair) for pair in zip(before, after, strict=True)))
    if not len(lines.root):
        return Difference(PayeeDays(*(np.zeros(0, dtype=np.int64) for _name in PayeeDays._fields)), 0, frozenset())
    is_after = np.arange(len(lines.root)) >= len(before.root)
    amounts = np.stack([np.where(is_after, 0, lines.amount), np.where(is_after, lines.amount, 0)], axis=1)
    first, pairs = _grouped(pack([lines.root, lines.payee, lines.day]), amounts)
    root, payee, day = lines.root[first], lines.payee[first], lines.day[first]
    differs = pairs[:, 0] != pairs[:, 1]
    first, sums = _grouped(pack([payee, day]), np.column_stack([pairs, differs]))
    days = PayeeDays(payee[first], day[first], sums[:, 0], sums[:, 1], sums[:, 2])
    return Difference(days, len(np.unique(root[differs])), frozenset())


def _grouped(key: Int64s, values: Int64s) -> tuple[Int64s, Int64s]:
    """Return a place of each distinct key, and the sums of its values.

    :raises OverflowError: a sum could leave int64."""
    largest = int(np.abs(values).max())
    if largest * len(values) >= 2**62:
        raise OverflowError("the sums of a batch are too large; compare in smaller batches")
    order = np.argsort(key, kind="stable")
    starts = np.flatnonzero(np.diff(key[order], prepend=key[order[0]] - 1))
    return order[starts], np.add.reduceat(values[order], starts, axis=0)


def _none() -> Lines:
    return Lines(*(np.zeros(0, dtype=np.int64) for _name in Lines._fields))


def _column(rows: Rows, name: str) -> Int64s:
    return np.ascontiguousarray(rows[name], dtype=np.int64)
