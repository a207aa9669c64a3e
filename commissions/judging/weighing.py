"""Tiers: what a batch's deals add to the months of the IBs above them, and which factors they take.

`weigh` computes by the stored months and the batch's own deals, outside the transaction. `settle_tiers` writes inside
it, under a lock, by what the months are then: whoever's factor differs from what it was judged by is queued."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from django.db import transaction

from commissions.calculation.counting import uses_own_rate
from commissions.judging.adding import Adder
from commissions.judging.book import Book, Foretelling, open_book
from commissions.judging.chains import Chain
from commissions.judging.columns import Rows
from commissions.judging.counted import Entry
from commissions.judging.deals import read_judged_under
from commissions.judging.judged import Wait
from commissions.judging.measures import (
    MonthChange,
    MonthKey,
    TierState,
    create_states,
    entries_from,
    entries_of,
    kept_keys,
    lock_tiers,
    measure_change,
    month_start,
    read_states,
    write_entries,
)
from commissions.judging.places import chains_of
from commissions.judging.plans import LoadedVersion
from commissions.judging.queueing import UNDER_IBS, queue, queue_ids, touched_anywhere
from commissions.terms import TierMode, Tiers
from commissions.tiers import Pieces, factor_of, pieces_of
from trading.errors import CursorMoved

T = TypeVar("T")
Int64s = npt.NDArray[np.int64]
Entries = dict[int, dict[int, Entry]]  # tier month id → deal id → entry


@dataclass(slots=True)
class Weighed:
    """The deals of a batch as tiers see them. `chain`: each row's chain with its factors."""

    chain: Int64s
    versions: Mapping[int, LoadedVersion]
    states: dict[MonthKey, TierState]
    entries: Entries = field(default_factory=dict)
    taken: dict[int, dict[int, Pieces]] = field(default_factory=dict)  # tier month id → deal id → what it took
    waits: dict[int, tuple[Wait, int]] = field(default_factory=dict)  # by deal id; with its time
    months: set[int] = field(default_factory=set)  # months whose states are here
    places: set[tuple[int, int]] = field(default_factory=set)  # (IB, month) that the deals add to

    @classmethod
    def nothing(cls, versions: Mapping[int, LoadedVersion]) -> "Weighed":
        """Return what no deals weigh: all that the batch took up is gone."""
        return cls(np.zeros(0, dtype=np.int64), versions, {})


@dataclass(frozen=True, slots=True)
class Group:
    """Deals of one chain and month: their places in the batch."""

    chain: Chain
    month: int
    index: list[int]

    def users(self) -> list[tuple[int, MonthKey, Tiers]]:
        """Return (level, month by whose measure it is paid, tiers) of each IB that its own rate pays by a tier."""
        found = []
        for level, (ib_id, version) in enumerate(zip(self.chain.ib_ids, self.chain.shape.versions, strict=True), 1):
            tiers = version.terms.tiers if version else None
            if version and tiers and uses_own_rate(version.terms, level):
                month = self.month - (tiers.mode is TierMode.NEXT_PERIOD)
                found.append((level, MonthKey(ib_id, version.id, month), tiers))
        return found


def has_tiers(versions: Mapping[int, LoadedVersion]) -> bool:
    """Whether any plan of the broker ever had a tier: without one, tiers cost nothing."""
    return any(version.terms.tiers is not None for version in versions.values())


def weigh(rows: Rows, chain: Int64s, book: Book, *, roots: Collection[int] = (), keep: bool = True) -> Weighed:
    """Return the deals with the factors they take. `roots`: those judged again, by identity, which may have entries.

    `keep`: begin to keep the months that are needed and not kept yet; else they count as empty (explanations)."""
    versions = book.memory.versions
    groups = groups_of(rows, chain, book)
    needed = {key for group in groups for _level, key, _tiers in group.users()}
    wanted = {group.month for group in groups} | {key.month for key in needed}
    if book.foretold is not None:
        return _as_foretold(rows, chain, groups, wanted, book, book.foretold)
    states = read_states(wanted, versions)
    if keep and book.memory.writes and needed - states.keys():
        _begin(needed - states.keys(), versions)
        states = read_states(wanted, versions)
    weighed = Weighed(chain.copy(), versions, states, months=wanted)
    weighed.places = {(ib_id, group.month) for group in groups for ib_id in group.chain.ib_ids}
    count(weighed, rows, groups, book)
    old = entries_of(roots)
    _take_all(weighed, rows, groups, _Factors(weighed, old), book)
    return weighed


def _as_foretold(
    rows: Rows, chain: Int64s, groups: Sequence[Group], months: set[int], book: Book, foretold: Foretelling
) -> Weighed:
    weighed = Weighed(chain.copy(), book.memory.versions, foretold.states_of(months), months=months)
    _take_all(weighed, rows, groups, foretold, book)
    return weighed


def _take_all(
    weighed: Weighed, rows: Rows, groups: Sequence[Group], factors: "_Factors | Foretelling", book: Book
) -> None:
    roots_of = rows["root"].tolist()
    for group in groups:
        _take(weighed, group, roots_of, factors, book)


def _months_of(at_us: Int64s) -> Int64s:
    months: Int64s = at_us.astype("datetime64[us]").astype("datetime64[M]").astype(np.int64)
    return months


def groups_of(rows: Rows, chain: Int64s, book: Book) -> list[Group]:
    """Return the deals by chain and month, without those of nobody."""
    months = _months_of(rows["at_us"])
    order = np.lexsort((months, chain))
    ends = np.flatnonzero((np.diff(chain[order]) != 0) | (np.diff(months[order]) != 0)) + 1
    found = []
    for part in np.split(order, ends):
        if len(part):
            met = book.chains.chains[int(chain[part[0]])]
            if met.ib_ids:
                found.append(Group(met, int(months[part[0]]), part.tolist()))
    return found


def _begin(keys: Collection[MonthKey], versions: Mapping[int, LoadedVersion]) -> None:
    """Keep months from now on: add up what the judged deals of every server brought so far."""
    with transaction.atomic():
        lock_tiers()
        known = read_states({key.month for key in keys}, versions)
        missing = set(keys) - known.keys()
        create_states(missing)
        for month in sorted({key.month for key in missing}):
            ibs = [key.ib_id for key in missing if key.month == month]
            rows = read_judged_under(UNDER_IBS, ibs, month_start(month), month_start(month + 1))
            if len(rows):
                _fill(rows, {key for key in missing if key.month == month})


def _fill(rows: Rows, keys: Collection[MonthKey]) -> None:
    book = open_book(rows)
    versions = book.memory.versions
    chain = chains_of(rows, book)
    groups = groups_of(rows, chain, book)
    states = {key: state for key, state in read_states({key.month for key in keys}, versions).items() if key in keys}
    weighed = Weighed(chain, versions, states)
    count(weighed, rows, groups, book)
    changes = []
    for state in states.values():
        new = weighed.entries.get(state.id, {})
        changes.append(MonthChange(state, {}, new, measure_change(state, {}, new)))
    write_entries(changes)


def count(
    weighed: Weighed, rows: Rows, groups: Sequence[Group], book: Book, *, one_by_one: bool = False
) -> None:  # fmt: skip
    """Find what the deals add to every month that is kept of the IBs above them. `one_by_one`: without columns."""
    states = list(weighed.states.values())
    if not states:
        return
    versions = {state.key.version_id: weighed.versions[state.key.version_id] for state in states}
    adder = Adder(rows, book, versions, one_by_one=one_by_one)
    adder.add(groups, states)
    weighed.entries, weighed.waits = adder.entries, adder.waits


class _Factors:
    """The factors of the kept months with the batch's own deals in them."""

    def __init__(self, weighed: Weighed, old: Entries) -> None:
        self._weighed = weighed
        self._old = old
        self._whole: dict[MonthKey, Pieces] = {}
        self._walked: dict[MonthKey, dict[int, Pieces]] = {}

    def of_month(self, key: MonthKey, tiers: Tiers) -> Pieces:
        """Return the factor that all deals of a month take."""
        if key not in self._whole:
            self._whole[key] = factor_of(tiers, self._measure(key))
        return self._whole[key]

    def of_deals(self, key: MonthKey, state: TierState) -> Mapping[int, Pieces]:
        """Return what each of the batch's deals takes in a marginal month."""
        if key not in self._walked:
            self._walked[key] = self._walk(state)
        return self._walked[key]

    def _measure(self, key: MonthKey) -> int:
        state = self._weighed.states.get(key)
        if state is None:
            return 0
        old, new = self._old.get(state.id, {}), self._weighed.entries.get(state.id, {})
        return state.measure + measure_change(state, old, new)

    def _walk(self, state: TierState) -> dict[int, Pieces]:
        new = self._weighed.entries.get(state.id, {})
        walk = MarginalWalk(state, self._old.get(state.id, {}), new)
        return {deal_id: pieces for deal_id, pieces in walk.after().items() if deal_id in new}


class MarginalWalk:
    """The deals of a marginal month from the first one that changes, before and after the change."""

    def __init__(self, state: TierState, old: Mapping[int, Entry], new: Mapping[int, Entry]) -> None:
        self._state = state
        changed = [*old.values(), *new.values()]
        self._stored = entries_from(state.id, min(entry.order for entry in changed)) if changed else []
        self._reached = state.measure - sum(entry.amount for entry in self._stored)
        self._old, self._new = old, new

    def before(self) -> dict[int, Pieces]:
        return self._pieces(self._stored)

    def after(self) -> dict[int, Pieces]:
        others = [entry for entry in self._stored if entry.deal_id not in self._old]
        return self._pieces(sorted([*others, *self._new.values()], key=lambda entry: entry.order))

    def _pieces(self, entries: Sequence[Entry]) -> dict[int, Pieces]:
        reached, found = self._reached, {}
        for entry in entries:
            found[entry.deal_id] = pieces_of(self._state.tiers, reached, entry.amount)
            reached += entry.amount
        return found


def _take(weighed: Weighed, group: Group, roots: Sequence[int], factors: "_Factors | Foretelling", book: Book) -> None:
    """Give the deals of a group chains with their factors, and note what each took."""
    users = group.users()
    if not users:
        return
    whole: dict[int, Pieces] = {}
    by_deal: dict[int, Mapping[int, Pieces]] = {}
    for level, key, tiers in users:
        state = weighed.states.get(key)
        if tiers.mode is TierMode.MARGINAL and state is not None:
            by_deal[level] = factors.of_deals(key, state)
        else:
            whole[level] = factors.of_month(key, tiers)
        if state is not None:
            mine = [roots[index] for index in group.index]
            found = by_deal.get(level)
            taken = dict.fromkeys(mine, whole[level]) if found is None else {r: found[r] for r in mine if r in found}
            weighed.taken.setdefault(state.id, {}).update(taken)
    if not by_deal:
        weighed.chain[group.index] = book.chains.with_pieces(group.chain, whole).number
        return
    for index in group.index:
        root = roots[index]
        pieces_of_deal = {level: found[root] for level, found in by_deal.items() if root in found}
        weighed.chain[index] = book.chains.with_pieces(group.chain, whole | pieces_of_deal).number


def settle_tiers(batch: Sequence[Weighed], roots: Collection[int]) -> None:
    """Write what the batch adds, and queue every deal whose factor is another one now. `roots`: deals judged again.

    Inside the batch's transaction, under `lock_tiers`, after the queue was cleared of what the batch took from it.

    :raises CursorMoved: another walker began to keep a month that this batch has deals for; nothing may be written."""
    old = entries_of(roots)
    states = _states_now(batch, old)
    again: set[int] = set()
    queued: dict[int, set[int]] = {}
    changes = []
    for key, state in states.items():
        before, after = old.get(state.id, {}), _joined([weighed.entries.get(state.id, {}) for weighed in batch])
        taken = _joined([weighed.taken.get(state.id, {}) for weighed in batch])
        if not before and not after and not taken:
            continue
        change = measure_change(state, before, after)
        if state.tiers.mode is TierMode.MARGINAL:
            again |= _changed_in_order(state, before, after, taken)
        else:
            now = factor_of(state.tiers, state.measure + change)
            again |= _differing(taken, now)
            if now != factor_of(state.tiers, state.measure):
                month = key.month + (state.tiers.mode is TierMode.NEXT_PERIOD)
                queued.setdefault(month, set()).add(key.ib_id)
        changes.append(MonthChange(state, before, after, change))
    write_entries(changes)
    for month, ibs in queued.items():
        period = {"start": month_start(month), "end": month_start(month + 1)}
        queue(touched_anywhere(UNDER_IBS, {**period, "ibs": sorted(ibs)}))
    queue_ids(again)


def _differing(taken: Mapping[int, Pieces], now: Pieces) -> set[int]:
    """Return the deals that took other pieces; each distinct object is compared once."""
    differs = {id(pieces): pieces != now for pieces in {id(each): each for each in taken.values()}.values()}
    return {root for root, pieces in taken.items() if differs[id(pieces)]} if any(differs.values()) else set()


def _states_now(batch: Sequence[Weighed], old: Entries) -> dict[MonthKey, TierState]:
    """Return what is kept of the batch's months, and of those where its deals stood before."""
    versions = {pk: version for weighed in batch for pk, version in weighed.versions.items()}
    months = {month for weighed in batch for month in weighed.months}
    known = {key for weighed in batch for key in weighed.states}
    places = {place for weighed in batch for place in weighed.places}
    if any((key.ib_id, key.month) in places for key in kept_keys(months) - known):
        raise CursorMoved
    return read_states(months, versions, also=old.keys())


def _joined(parts: Iterable[Mapping[int, T]]) -> dict[int, T]:
    return {key: value for part in parts for key, value in part.items()}


def _changed_in_order(
    state: TierState, old: Mapping[int, Entry], new: Mapping[int, Entry], taken: Mapping[int, Pieces]
) -> set[int]:
    """Return the deals of a marginal month whose pieces are not what they were judged by."""
    walk = MarginalWalk(state, old, new)
    judged_by = walk.before() | dict(taken)
    return {root for root, pieces in walk.after().items() if judged_by.get(root, pieces) != pieces}
