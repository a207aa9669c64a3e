"""The months of tiers in a world with changes: what they come to there, and which deals take another factor for it.

A kept month is its stored measure with the touched deals taken out as they stand and put in as they would stand. A
month that nobody keeps, of a draft version or of an IB that comes to stand there, is counted from all its deals."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from django.db import connection

from commissions.judging.book import Book
from commissions.judging.columns import Rows
from commissions.judging.counted import Entry
from commissions.judging.deals import is_trade, read_judged_under, read_newest
from commissions.judging.measures import (
    MonthKey,
    TierState,
    entries_from,
    entries_of,
    measure_change,
    month_start,
    read_states,
)
from commissions.judging.places import chains_of
from commissions.judging.queueing import UNDER_IBS, touched_anywhere
from commissions.judging.weighing import Group, MarginalWalk, Weighed, count, groups_of
from commissions.terms import TierMode, Tiers
from commissions.tiers import Pieces, factor_of, pieces_of
from commissions.whatif.overlay import Overlay

Int64s = npt.NDArray[np.int64]
BATCH_DEALS = 20_000


def live_trades(roots: Int64s) -> Iterator[Rows]:
    """Yield the deals that are still there, as they stand, some thousands at a time."""
    for start in range(0, len(roots), BATCH_DEALS):
        live = read_live(roots[start : start + BATCH_DEALS])
        if len(live):
            yield live


def read_live(roots: Int64s) -> Rows:
    """Return those of the deals that are still there, as they stand."""
    newest = read_newest(roots.tolist())
    live: Rows = newest[(newest["deleted"] == 0) & is_trade(newest)]
    return live


@dataclass(slots=True)
class _Change:
    """What the touched deals do to a month: sums, or the entries themselves where more than their sum matters."""

    added: int = 0  # 1e-20
    old: dict[int, Entry] = field(default_factory=dict)
    new: dict[int, Entry] = field(default_factory=dict)


class Months:
    """The measures of tiers under an overlay's changes; `touched`: the deals that they touch, ascending."""

    def __init__(self, overlay: Overlay, touched: Int64s) -> None:
        self._overlay = overlay
        self._touched = touched
        self._states: dict[MonthKey, TierState] = {}
        self._loaded: set[int] = set()
        self._changes: dict[MonthKey, _Change] = {}
        self._pieces: dict[MonthKey, dict[int, Pieces]] = {}
        self._measures: dict[MonthKey, int] = {}

    def count(self) -> None:
        """Count the touched deals, and all others of months that nobody keeps."""
        needed: set[MonthKey] = set()
        for rows in live_trades(self._touched):
            groups = self._groups(rows)[0]
            needed |= {key for group in groups for _level, key, _tiers in group.users()}
            self._load({group.month for group in groups})
        self._load({key.month for key in needed})
        self.fill(needed - self._states.keys())
        for rows in live_trades(self._touched):
            self._add(rows, self._states)
        for start in range(0, len(self._touched), BATCH_DEALS):
            self._take_out(self._touched[start : start + BATCH_DEALS].tolist())

    def fill(self, keys: Collection[MonthKey]) -> None:
        """Begin months that nobody keeps, with all judged deals that the changes do not touch."""
        for place, key in enumerate(sorted(keys), len(self._states)):
            tiers = self._overlay.versions[key.version_id].terms.tiers
            if tiers is not None:
                self._states[key] = TierState(-1 - place, key, tiers, 0)
        for month in sorted({key.month for key in keys}):
            mine = {key: self._states[key] for key in keys if key.month == month}
            ibs = sorted({key.ib_id for key in mine})
            rows = read_judged_under(UNDER_IBS, ibs, month_start(month), month_start(month + 1))
            rows = rows[~np.isin(rows["root"], self._touched)]
            for start in range(0, len(rows), BATCH_DEALS):
                self._add(rows[start : start + BATCH_DEALS], mine)

    def deals_with_another_factor(self) -> Int64s:
        """Return the judged deals of kept months whose factor is another one than they were judged by."""
        found: list[int] = []
        for key, change in self._changes.items():
            state = self._states[key]
            if state.id < 0:
                continue
            if state.tiers.mode is TierMode.MARGINAL:
                walk = MarginalWalk(state, change.old, change.new)
                before = walk.before()
                found += [root for root, pieces in walk.after().items() if before.get(root, pieces) != pieces]
            elif factor_of(state.tiers, self._measure(key)) != factor_of(state.tiers, state.measure):
                found += _deals_under(key, key.month + (state.tiers.mode is TierMode.NEXT_PERIOD))
        return np.unique(np.array(found, dtype=np.int64))

    # what judging asks

    def states_of(self, months: Collection[int]) -> dict[MonthKey, TierState]:
        """Return the months that are kept, and those begun here."""
        self._load(set(months))
        return {key: state for key, state in self._states.items() if key.month in months}

    def of_month(self, key: MonthKey, tiers: Tiers) -> Pieces:
        """Return the factor of a whole month."""
        return factor_of(tiers, self._measure(key))

    def of_deals(self, key: MonthKey, state: TierState) -> Mapping[int, Pieces]:
        """Return what each deal of a marginal month takes."""
        if key not in self._pieces:
            change = self._changes.get(key, _Change())
            stored = entries_from(state.id, (0,)) if state.id > 0 else []
            kept = [entry for entry in stored if entry.deal_id not in change.old]
            reached, pieces = 0, {}
            for entry in sorted([*kept, *change.new.values()], key=lambda entry: entry.order):
                pieces[entry.deal_id] = pieces_of(state.tiers, reached, entry.amount)
                reached += entry.amount
            self._pieces[key] = pieces
        return self._pieces[key]

    # inside

    def _load(self, months: set[int]) -> None:
        missing = months - self._loaded
        if missing:
            self._states |= read_states(missing, self._overlay.versions)
            self._loaded |= missing

    def _measure(self, key: MonthKey) -> int:
        if key not in self._measures:
            state, change = self._states.get(key), self._changes.get(key, _Change())
            grown = measure_change(state, change.old, change.new) + change.added if state else 0
            self._measures[key] = state.measure + grown if state else 0
        return self._measures[key]

    def _groups(self, rows: Rows) -> tuple[list[Group], Int64s, Book]:
        book = self._overlay.open(rows)
        chain = chains_of(rows, book)
        return groups_of(rows, chain, book), chain, book

    def _add(self, rows: Rows, states: Mapping[MonthKey, TierState]) -> None:
        """Put deals in as they stand in the changed world."""
        groups, chain, book = self._groups(rows)
        weighed = Weighed(chain, book.memory.versions, dict(states))
        count(weighed, rows, groups, book)
        by_id = {state.id: state for state in states.values()}
        for state_id, entries in weighed.entries.items():
            self._note(by_id[state_id], entries, sign=1)

    def _take_out(self, roots: Collection[int]) -> None:
        """Take deals out as they are stored."""
        by_id = {state.id: state for state in self._states.values()}
        for state_id, entries in entries_of(roots).items():
            if state_id in by_id:
                self._note(by_id[state_id], entries, sign=-1)

    def _note(self, state: TierState, entries: Mapping[int, Entry], *, sign: int) -> None:
        change = self._changes.setdefault(state.key, _Change())
        if state.tiers.mode is TierMode.MARGINAL or state.counts_clients:
            (change.new if sign > 0 else change.old).update(entries)
        else:
            change.added += sign * sum(entry.amount for entry in entries.values())


def _deals_under(key: MonthKey, month: int) -> list[int]:
    period = {"start": month_start(month), "end": month_start(month + 1)}
    touched = touched_anywhere(UNDER_IBS, {**period, "ibs": [key.ib_id]})
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT DISTINCT t.id FROM ({touched.statement}) t", touched.params)  # noqa: S608 -- own text
        return [root for (root,) in cursor.fetchall()]
