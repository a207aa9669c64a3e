"""What a batch's deals add to the months that are kept of the IBs above them: by columns, what is unclear one by one.

What a deal adds depends on the month only by whether the month's version counts it. So each deal is measured once, and
whether it counts is asked once for each version, level and kind of deal; the rest is sorting."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from commissions.calculation import Member
from commissions.distinct import distinct
from commissions.judging.book import Book
from commissions.judging.chains import Chain
from commissions.judging.columns import Rows
from commissions.judging.counted import Added, Counter, Entry
from commissions.judging.judged import Wait
from commissions.judging.measures import TierState
from commissions.judging.plans import LoadedVersion
from commissions.positions import IN, OUT
from commissions.terms import TierMeasure, TierMode, TierScope
from trading.models import TradingAccount

Int64s = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
_STOPPED, _PASSES, _UNCLEAR = 0, 1, 2
_REASONS = 2**16
_Kind = tuple[int, int, bool]  # version, level, whether the IB is the client itself


class ChainDeals(Protocol):
    """Deals of one chain and month: their places in the batch."""

    @property
    def chain(self) -> Chain: ...

    @property
    def month(self) -> int: ...

    @property
    def index(self) -> list[int]: ...


class _Asked(NamedTuple):
    """Whose filters decide, and where they stand; `number` counts them."""

    number: int
    version_id: int
    level: int
    member: Member


class _Use(NamedTuple):
    """The deals of a group as one month of one IB of their chain sees them."""

    state: TierState
    group: ChainDeals
    level: int
    kind: int  # whose filters decide
    places: Int64s  # of the deals in the batch


class Adder:
    """Adds the deals of a batch to months: entries by month and deal, and what deals wait for."""

    def __init__(self, rows: Rows, book: Book, versions: Mapping[int, LoadedVersion], *, one_by_one: bool) -> None:
        self._versions = versions
        self._one_by_one = one_by_one
        self._counter = Counter(rows, book, [version.terms for version in versions.values()])
        accounts = rows["account"].tolist()
        server_of = dict(TradingAccount.objects.filter(pk__in=set(accounts)).values_list("pk", "server_id"))
        columns = [rows[name].tolist() for name in ("root", "at_us", "ticket", "leg")]
        clients = book.client_of[book.place(rows["account"])].tolist()
        self._facts = list(zip(*columns, [server_of[account] for account in accounts], clients, strict=True))
        self._codes, self._code = distinct(rows["entry"] * _REASONS + rows["reason"])
        self._known: dict[TierMeasure | None, list[Entry | None]] = {}
        self.entries: dict[int, dict[int, Entry]] = {}
        self.waits: dict[int, tuple[Wait, int]] = {}

    def add(self, groups: Sequence[ChainDeals], states: Sequence[TierState]) -> None:
        """Note what the deals add; a marginal month has an entry too for what adds nothing."""
        kinds: dict[_Kind, _Asked] = {}
        uses = list(_uses(groups, states, kinds))
        if not uses:
            return
        passing = np.array([self._row(asked) for asked in kinds.values()], dtype=np.int64)
        sizes = np.array([len(use.places) for use in uses])
        deal = np.concatenate([use.places for use in uses])
        use_of = np.repeat(np.arange(len(uses)), sizes)
        kind = np.repeat(np.array([use.kind for use in uses]), sizes)
        told = passing[kind, self._code[deal]]
        number = {state.id: place for place, state in enumerate(states)}
        month = np.repeat(np.array([number[use.state.id] for use in uses]), sizes)
        for use, place in self._unclear(uses, use_of, deal, told):
            terms = self._versions[use.state.key.version_id].terms
            self._note(use.state, place, self._counter.amount_of(place, use.group.chain, use.level, terms))
        clear = told == _PASSES
        nothing = np.array([use.state.tiers.scope is TierScope.DIRECT and use.level > 1 for use in uses])[use_of]
        self._take(deal[clear], month[clear], nothing[clear], states)

    def _take(self, deal: Int64s, month: Int64s, nothing: Bools, states: Sequence[TierState]) -> None:
        """Give each month the entries of its deals."""
        order = np.argsort(month, kind="stable")
        ends = np.flatnonzero(np.diff(month[order])) + 1
        for part in np.split(order, ends):
            if not len(part):
                continue
            state = states[int(month[part[0]])]
            mine = self.entries.setdefault(state.id, {})
            is_marginal = state.tiers.mode is TierMode.MARGINAL
            for measure, places in ((state.tiers.measure, part[~nothing[part]]), (None, part[nothing[part]])):
                known = self._measured(measure, deal[places].tolist())
                for place in deal[places].tolist():
                    entry = known[place]
                    if entry is not None and (entry.amount or is_marginal):
                        mine[entry.deal_id] = entry

    def _measured(self, measure: TierMeasure | None, places: Sequence[int]) -> list[Entry | None]:
        """Return the entries of the deals by place, measured where they are not yet; None: nothing is added."""
        known = self._known.setdefault(measure, [None] * len(self._facts))
        for place in places:
            if known[place] is None:
                added = Added(0) if measure is None else self._counter.measured(place, measure)
                known[place] = self._entry(place, added)
        return known

    def _entry(self, place: int, added: Added) -> Entry:
        root, at_us, ticket, leg, server, client = self._facts[place]
        if added.wait is not None:
            wait = added.wait.and_for(self.waits[root][0]) if root in self.waits else added.wait
            self.waits[root] = (wait, at_us)
        return Entry(root, at_us, server, ticket, leg, client, added.amount)

    def _note(self, state: TierState, place: int, added: Added | None) -> None:
        if added is None:
            return
        entry = self._entry(place, added)
        if added.amount or state.tiers.mode is TierMode.MARGINAL:
            self.entries.setdefault(state.id, {})[entry.deal_id] = entry

    def _unclear(self, uses: Sequence[_Use], use_of: Int64s, deal: Int64s, told: Int64s) -> Iterator[tuple[_Use, int]]:
        """Yield each deal that only its position's history tells about, with how it is used."""
        found = np.flatnonzero(told == _UNCLEAR)
        for use, place in zip(use_of[found].tolist(), deal[found].tolist(), strict=True):
            yield uses[use], place

    def _row(self, asked: _Asked) -> list[int]:
        """Return, for each kind of deal of the batch, whether the version counts it at a level."""
        terms = self._versions[asked.version_id].terms
        row = []
        for code in self._codes.tolist():
            entry, reason = divmod(code, _REASONS)
            unclear = entry not in (IN, OUT) or (entry == OUT and terms.min_hold_seconds)
            if unclear or self._one_by_one:
                row.append(_UNCLEAR)
            else:
                passes = self._counter.passes(entry, reason, asked.member, asked.level, terms)
                row.append(_PASSES if passes else _STOPPED)
        return row


def _uses(groups: Sequence[ChainDeals], states: Sequence[TierState], kinds: dict[_Kind, _Asked]) -> Iterator[_Use]:
    """Yield how each group is used by the months of its IBs; notes in `kinds` whose filters decide."""
    kept: dict[tuple[int, int], list[TierState]] = {}
    for state in states:
        kept.setdefault((state.key.ib_id, state.key.month), []).append(state)
    for group in groups:
        places = np.array(group.index, dtype=np.int64)
        for level, ib_id in enumerate(group.chain.ib_ids, 1):
            for state in kept.get((ib_id, group.month), ()):
                if state.tiers.scope is TierScope.NETWORK or level == 1 or state.tiers.mode is TierMode.MARGINAL:
                    member = group.chain.shape.members[level - 1]
                    kind = (state.key.version_id, level, member.is_client)
                    if kind not in kinds:
                        kinds[kind] = _Asked(len(kinds), state.key.version_id, level, member)
                    yield _Use(state, group, level, kinds[kind].number, places)
