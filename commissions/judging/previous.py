"""Judging again, in columns: what stood before, what stands now, and the difference that is booked."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from commissions.calculation import Verdict
from commissions.distinct import distinct
from commissions.judging.columns import Column, Rows, array_text, read_columns
from commissions.judging.judged import Judged, counts
from commissions.judging.rollup import Contributions, join, pack
from commissions.live import LIVE_SQL

Int64s = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
NO_CHAIN = -1


class Heads(NamedTuple):
    """What judgements say of each deal as a whole, rising by deal. Times and days since 1970, leaf 0 for none."""

    deal: Int64s
    revision: Int64s
    deal_revision: Int64s
    levels: Int64s
    account: Int64s
    leaf: Int64s
    at_us: Int64s
    lots_e8: Int64s
    symbol_group: Int64s
    day: Int64s
    chain: Int64s  # number of the chain of a computed one, else NO_CHAIN


class Lines(NamedTuple):
    """What they say of each payee, deal by deal, in the order of the chain; `place` says of which head."""

    place: Int64s
    payee: Int64s
    verdict: Int64s
    rate_row: Int64s
    amount_e8: Int64s


class Standings(NamedTuple):
    """Judgements of some deals, one of each."""

    heads: Heads
    lines: Lines


@dataclass(frozen=True, slots=True)
class Revisions:
    """The judgements that differ from what stood: what is written, and what it replaces. `revises`: not the first of
    its deal; only those have `booked_e8`, the differences, a number for each line."""

    after: Standings
    revises: Bools
    booked_e8: Int64s
    before: Standings

    def __len__(self) -> int:
        return len(self.revises)


_SAID = ("deal_revision", "levels", "account", "leaf", "at_us", "lots_e8", "symbol_group", "day")
# The hash of the direct IB's terms is not compared: the rate row of its line names its version.
_IB_OF_PAYEE = (Column("ib", "coalesce(p.ib_id, 0)"),)
# Side by side in the list of columns: a function to join with would be called for each judgement by itself. One without
# payees has a row as well, of width 0.
_ELEMENTS = "unnest(CASE WHEN cardinality(j.{0}) = 0 THEN '{{0}}' ELSE j.{0} END)"
_STORED = (
    Column("deal", "j.deal_id"),
    Column("revision", "j.revision", "smallint"),
    Column("deal_revision", "j.deal_revision", "smallint"),
    Column("levels", "j.levels", "smallint"),
    Column("account", "j.account_id"),
    Column("leaf", "coalesce(j.leaf_ib_id, 0)"),
    Column("at_us", "j.deal_at", "timestamptz"),
    Column("lots_e8", "j.lots_e8"),
    Column("symbol_group", "j.symbol_group_id", "integer"),
    Column("day", "j.day - date '1970-01-01'", "integer"),
    Column("width", "cardinality(j.payee)"),
    Column("payee", _ELEMENTS.format("payee"), "integer"),
    Column("verdict", _ELEMENTS.format("verdict"), "smallint"),
    Column("rate_row", _ELEMENTS.format("rate_row"), "integer"),
    Column("amount_e8", _ELEMENTS.format("amount_e8")),
)
_STORED_FROM = f"FROM commissions_judgement j WHERE j.deal_id = ANY(%s::bigint[]) AND {LIVE_SQL} ORDER BY j.deal_id"


def stored_standings(deal_ids: Collection[int]) -> Standings:
    """Return the live judgement of each deal that has one. One statement, so that a rival is never seen by half."""
    rows = read_columns(_STORED, _STORED_FROM, [array_text(sorted(deal_ids))])
    begins = np.diff(rows["deal"], prepend=-1) != 0
    no_chain = np.full(int(begins.sum()), NO_CHAIN, dtype=np.int64)
    heads = Heads(*[*(rows[name][begins] for name in Heads._fields[:-1]), no_chain])
    there = rows["width"] > 0
    place = (np.cumsum(begins) - 1)[there]
    return Standings(heads, Lines(place, *(rows[name][there] for name in Lines._fields[1:])))


def no_standings() -> Standings:
    """Return the standings of no deals."""
    return Standings(Heads(*(np.zeros(0, dtype=np.int64) for _name in Heads._fields)), _no_lines())


def computed_standings(judged: Judged) -> Standings:
    """Return what was computed, rising by deal."""
    rows = judged.rows
    order = np.argsort(rows["root"])
    heads = Heads(
        rows["root"], np.zeros(len(rows), dtype=np.int64), rows["revision"], judged.levels, rows["account"],
        judged.leaf, rows["at_us"], judged.lots_e8, judged.symbol_group, judged.day, judged.chain,
    )  # fmt: skip
    rank = np.empty(len(rows), dtype=np.int64)
    rank[order] = np.arange(len(rows))
    parts = [_no_lines()]
    for block in judged.blocks:
        matrices = (block.payee, block.verdict, block.rate_row, block.amount)
        place = np.repeat(rank[block.deals], block.width)
        parts.append(Lines(place, *(matrix.astype(np.int64).ravel() for matrix in matrices)))
    lines = Lines(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))
    return Standings(_of(heads, order), _of(lines, np.argsort(lines.place, kind="stable")))


def revise(before: Standings, after: Standings, newest: Rows) -> Revisions:
    """Return the next revision of each deal whose judgement differs. `newest`: the newest revision of all the deals.

    Payees who dropped out stand at the end. A deal that no longer exists, or that nobody counts any more, pays nobody
    anything."""
    wanted = _with_removed(before, after, newest)
    place = np.searchsorted(wanted.heads.deal, before.heads.deal)  # of each stored one: all of them are wanted
    stored_at = np.full(len(wanted.heads.deal), -1, dtype=np.int64)
    stored_at[place] = np.arange(len(place))
    before = before._replace(lines=before.lines._replace(place=place[before.lines.place]))
    changed = ~_says_the_same(before, wanted, stored_at)
    kept, was = _only(wanted, changed), _only(before, changed, heads=changed[place])
    revises = stored_at[changed] >= 0
    revision = np.zeros(len(revises), dtype=np.int64)
    revision[revises] = was.heads.revision + 1
    lines, booked = _differences(was.lines, kept.lines)
    was = was._replace(lines=was.lines._replace(place=(np.cumsum(revises) - 1)[was.lines.place]))
    return Revisions(Standings(kept.heads._replace(revision=revision), lines), revises, booked, was)


def _with_removed(before: Standings, after: Standings, newest: Rows) -> Standings:
    """Return `after`, and the deals that are only in `before` with nobody and nothing left."""
    gone = _of(before.heads, ~np.isin(before.heads.deal, after.heads.deal))
    nothing = np.zeros(len(gone.deal), dtype=np.int64)
    now = newest["revision"][np.searchsorted(newest["root"], gone.deal)]
    gone = gone._replace(deal_revision=now, levels=nothing, lots_e8=nothing)
    heads = Heads(*(np.concatenate(pair) for pair in zip(after.heads, gone, strict=True)))
    order = np.argsort(heads.deal)
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    return Standings(_of(heads, order), after.lines._replace(place=rank[after.lines.place]))


def _says_the_same(before: Standings, wanted: Standings, stored_at: Int64s) -> Bools:
    """Return which of the wanted say nothing but what is stored, lines of those who had dropped out apart."""
    same = stored_at >= 0
    for name in _SAID:
        same[same] = getattr(wanted.heads, name)[same] == getattr(before.heads, name)[stored_at[same]]
    old = _of(before.lines, before.lines.verdict != Verdict.DEAL_REMOVED)
    size = len(same)
    same &= np.bincount(old.place, minlength=size) == np.bincount(wanted.lines.place, minlength=size)
    old, new = _of(old, same[old.place]), _of(wanted.lines, same[wanted.lines.place])
    differs = np.any([one != other for one, other in zip(old, new, strict=True)], axis=0)
    same[new.place[differs]] = False
    return same


def _differences(before: Lines, after: Lines) -> tuple[Lines, Int64s]:
    """Return the lines with those who dropped out behind, and what each line adds to what stood."""
    if not len(before.place):
        return after, after.amount_e8
    key = pack([np.concatenate(pair) for pair in zip(before[:2], after[:2], strict=True)])
    old_key, new_key = key[: len(before.place)], key[len(before.place) :]
    order = np.argsort(old_key, kind="stable")
    at = np.minimum(np.searchsorted(old_key[order], new_key), len(order) - 1)
    known = old_key[order][at] == new_key
    booked = after.amount_e8 - np.where(known, before.amount_e8[order][at], 0)
    gone = _of(before, ~np.isin(old_key, new_key))
    removed = np.full(len(gone.place), int(Verdict.DEAL_REMOVED), dtype=np.int64)
    behind = gone._replace(verdict=removed, amount_e8=np.zeros_like(removed))
    lines = Lines(*(np.concatenate(pair) for pair in zip(after, behind, strict=True)))
    order = np.argsort(lines.place, kind="stable")
    return _of(lines, order), np.concatenate([booked, -gone.amount_e8])[order]


def contributions_of_revisions(revisions: Revisions) -> Contributions:
    """Return what the changes add to the days of payees: what stands now less what stood, each on its own day."""
    payees = distinct(np.concatenate([revisions.before.lines.payee, revisions.after.lines.payee]))[0]
    tail = "FROM commissions_payee p WHERE p.id = ANY(%s) ORDER BY p.id"
    ibs = read_columns(_IB_OF_PAYEE, tail, [array_text(payees)])["ib"]
    both = ((revisions.before, -1), (revisions.after, 1))
    return join([_contributed(standings, payees, ibs, sign) for standings, sign in both])


def _contributed(standings: Standings, payees: Int64s, ibs: Int64s, sign: int) -> Contributions:
    heads, lines = standings
    level = _levels_of(lines.place)
    ib = ibs[np.searchsorted(payees, lines.payee)]
    is_above = (level > 0) & (level < heads.levels[lines.place])
    below = np.where(is_above, np.roll(ib, 1), 0)
    counted = counts(lines.verdict)
    place = lines.place[counted]
    via = np.where(below[counted] > 0, below[counted], -heads.account[place])
    one = np.full(len(place), sign, dtype=np.int64)
    return Contributions(
        lines.payee[counted], via, heads.day[place], heads.symbol_group[place], sign * lines.amount_e8[counted],
        sign * heads.lots_e8[place], one,
    )  # fmt: skip


def _levels_of(place: Int64s) -> Int64s:
    """Return how many lines of the same deal stand before each line."""
    first = np.flatnonzero(np.diff(place, prepend=-1))
    return np.arange(len(place)) - np.repeat(first, np.diff(first, append=len(place)))


def hash_columns(chain: Int64s, hashes: Mapping[int, bytes | None]) -> tuple[npt.NDArray[np.void], Bools]:
    """Return the hash of the direct IB's terms of each chain, and which have one; `hashes` by chain number."""
    numbers, inverse = distinct(chain)
    found = [hashes.get(number) for number in numbers.tolist()]
    raw = np.frombuffer(b"".join(each or bytes(16) for each in found), dtype="V16")
    return raw[inverse], np.array([each is not None for each in found], dtype=np.bool_)[inverse]


_Columns = TypeVar("_Columns", Heads, Lines)


def _of(columns: _Columns, chosen: "Int64s | Bools") -> _Columns:
    return type(columns)(*(column[chosen] for column in columns))


def _only(standings: Standings, wanted: Bools, *, heads: Bools | None = None) -> Standings:
    """Return the standings whose place among the wanted is chosen, numbered anew. `heads`: by their own place."""
    lines = _of(standings.lines, wanted[standings.lines.place])
    number = np.cumsum(wanted) - 1
    return Standings(
        _of(standings.heads, wanted if heads is None else heads), lines._replace(place=number[lines.place])
    )


def _no_lines() -> Lines:
    return Lines(*(np.zeros(0, dtype=np.int64) for _name in Lines._fields))
