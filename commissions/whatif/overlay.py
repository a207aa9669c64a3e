"""Judge deals by the engine's own code in a world that has some changes more than the stored one. Writes nothing.

The network, the plans and everything else are read as judging reads them, then changed in memory. Payees that do not
exist yet get ids below zero, and so do draft versions and their rate rows."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from fractions import Fraction

from commissions.errors import PlanInvalid
from commissions.judging.book import Book, Foretelling, open_book
from commissions.judging.chains import Network
from commissions.judging.columns import Rows
from commissions.judging.compute import judge_trades
from commissions.judging.judged import Judged
from commissions.judging.memory import Memory
from commissions.judging.plans import WHOLE, LoadedVersion, Plans, load_plans, to_us
from commissions.judging.rates import Rate, Rates
from commissions.terms import parse_terms, terms_hash
from commissions.whatif.changes import (
    AssignPlan,
    Change,
    ClassifySymbols,
    MoveAccount,
    MoveClient,
    MoveIb,
    PublishRate,
    PublishVersion,
    ReleaseAccount,
    SetAgreement,
    SetLotFactor,
)
from commissions.whatif.periods import put_from, spells_of, with_spells
from ib.types import AgreementPeriod, NetworkSnapshot
from trading.models import SymbolGroup

_ROOM = 100_000  # ids that one draft version may take for its rate rows


class Overlay:
    """The stored world with changes. Remembers chains, cells and payees between batches, for as long as it lives."""

    def __init__(self, changes: Sequence[Change], *, now: datetime) -> None:
        self.changes = tuple(changes)
        self.now = now
        self.memory = Memory(writes=False)
        self.drafts = _drafts(self.changes, now)
        self.memory.versions |= {draft.id: draft for draft in self.drafts}
        self.foretold: Foretelling | None = None
        self.stored_payees: dict[int, tuple[int, int, str]] = {}  # id → (IB id, client id, currency)
        self._network: tuple[tuple[int, int], Network] | None = None
        self._snapshot: tuple[NetworkSnapshot, NetworkSnapshot] | None = None

    def judge(self, rows: Rows) -> tuple[Judged, Book]:
        """Return the judgements that these live trades would have, and what was known for them."""
        book = self.open(rows)
        return judge_trades(rows, book, now=self.now), book

    def open(self, rows: Rows) -> Book:
        """Return what judging these deals would know."""
        book = open_book(rows, known=self.memory)
        book.foretold = self.foretold
        if not self.changes:
            return book
        book.snapshot = self._changed(book.snapshot)
        book.network = self._network_of(book)
        for change in self.changes:
            _change_market(book, change)
        late = _late_rates(self.changes)
        if late:
            book.rates = LateRates(book.rates.until_us, late, to_us(self.now))
        return book

    def take_over_network(self, other: "Overlay") -> None:
        """Know the network as another overlay has read it; it is read again once it has changed."""
        self.memory.snapshot, self.memory.snapshot_version = other.memory.snapshot, other.memory.snapshot_version

    @property
    def versions(self) -> Mapping[int, LoadedVersion]:
        """Return all stored versions and the drafts, by id."""
        load_plans(self.memory)
        return self.memory.versions

    def payee_keys(self) -> dict[int, tuple[int, int, str]]:
        """Return {payee id: (IB id, client id, currency)} of every payee met, made-up ones included."""
        return {payee: (ib_id, client_id, code) for (ib_id, client_id, code), payee in self.memory.payees.items()}

    def _changed(self, snapshot: NetworkSnapshot) -> NetworkSnapshot:
        if self._snapshot is None or self._snapshot[0] is not snapshot:
            self._snapshot = (snapshot, changed_network(snapshot, self.changes))
        return self._snapshot[1]

    def _network_of(self, book: Book) -> Network:
        """Return the changed network with the chains it has worked out, as long as neither it nor a plan changed."""
        key = self.memory.network_key
        if self._network is None or self._network[0] != key or self._network[1].table is not book.chains:
            plans = changed_plans(load_plans(self.memory), self.changes, self.drafts)
            self._network = (key, Network(book.snapshot, plans, book.chains))
        return self._network[1]


class LateRates(Rates):
    """The stored rates, and some that arrive now."""

    def __init__(self, until_us: int, late: Sequence[PublishRate], published_us: int) -> None:
        super().__init__(until_us)
        self._late = late
        self._published_us = published_us

    def _read(self, currency: str) -> Iterable[Rate]:
        yield from super()._read(currency)
        for change in self._late:
            if {change.base, change.quote} != {currency, "USD"} or to_us(change.at) > self.until_us:
                continue
            value = Fraction(change.rate)
            usd = value if change.base == currency else 1 / value
            yield Rate(to_us(change.at), self._published_us, change.base + change.quote, usd)


def _late_rates(changes: Iterable[Change]) -> list[PublishRate]:
    """Return the rates among the changes; of several for one pair and moment the first is what would be stored."""
    found: dict[tuple[str, str, datetime], PublishRate] = {}
    for change in changes:
        if isinstance(change, PublishRate):
            found.setdefault((change.base, change.quote, change.at), change)
    return list(found.values())


def changed_network(snapshot: NetworkSnapshot, changes: Iterable[Change]) -> NetworkSnapshot:
    """Return the network with the moves and agreements among the changes."""
    for change in changes:
        match change:
            case MoveIb(ib_id, parent_id, at):
                spells = put_from(spells_of(snapshot.ib_parents, ib_id), to_us(at), parent_id or 0)
                snapshot = replace(snapshot, ib_parents=with_spells(snapshot.ib_parents, ib_id, spells))
            case MoveClient(client_id, ib_id, at):
                spells = put_from(spells_of(snapshot.client_ibs, client_id), to_us(at), ib_id)
                snapshot = replace(snapshot, client_ibs=with_spells(snapshot.client_ibs, client_id, spells))
            case MoveAccount(account_id, ib_id, at):
                spells = put_from(spells_of(snapshot.account_ibs, account_id), to_us(at), ib_id or 0)
                snapshot = replace(snapshot, account_ibs=with_spells(snapshot.account_ibs, account_id, spells))
            case ReleaseAccount(account_id, at):
                spells = put_from(spells_of(snapshot.account_ibs, account_id), to_us(at), None)
                snapshot = replace(snapshot, account_ibs=with_spells(snapshot.account_ibs, account_id, spells))
            case SetAgreement():
                agreements = {**snapshot.agreements, change.ib_id: _agreed(snapshot, change)}
                snapshot = replace(snapshot, agreements=agreements)
    return snapshot


def _agreed(snapshot: NetworkSnapshot, change: SetAgreement) -> tuple[AgreementPeriod, ...]:
    held = snapshot.agreements.get(change.ib_id, ())
    spells = [(each.start_us, each.end_us, each[2:]) for each in held]
    wanted = (change.keep_percent, change.rank, change.active)
    changed = put_from(spells, to_us(change.at), wanted)
    return tuple(AgreementPeriod(start, end, *terms) for start, end, terms in changed)


def changed_plans(plans: Plans, changes: Iterable[Change], drafts: Sequence[LoadedVersion]) -> Plans:
    """Return the plans with the draft versions and the assignments among the changes."""
    by_plan = dict(plans.by_plan)
    for draft in drafts:
        versions = [*by_plan.get(draft.plan_id, []), draft]
        by_plan[draft.plan_id] = sorted(versions, key=_in_force)
    assignments = dict(plans.assignments)
    for change in changes:
        if isinstance(change, AssignPlan):
            spells = assignments.get(change.ib_id, [])
            assignments[change.ib_id] = put_from(spells, to_us(change.at), change.plan_id)
    return Plans(plans.version, by_plan, assignments)


def _in_force(version: LoadedVersion) -> tuple[int, bool, int, int]:
    """Return the order in which versions take over; a draft is published after all that are stored."""
    return version.effective_us, version.id < 0, version.published_us, abs(version.id)


def _drafts(changes: Iterable[Change], now: datetime) -> list[LoadedVersion]:
    wanted = [change for change in changes if isinstance(change, PublishVersion)]
    return [draft_version(change, -place, now) for place, change in enumerate(wanted, 1)]


def draft_version(change: PublishVersion, number: int, now: datetime) -> LoadedVersion:
    """Return a version that nobody has published, ready to be judged by; `number` is its id, below zero.

    :raises PlanInvalid: the terms are refused."""
    terms, faults = parse_terms(change.terms)
    if terms is None:
        raise PlanInvalid(faults)
    positions = [WHOLE, *(rate.position for rate in terms.rates)]
    return LoadedVersion(
        id=number, plan_id=change.plan_id, effective_us=to_us(change.effective_from), published_us=to_us(now),
        hash=terms_hash(terms), terms=terms,
        rows={position: number * _ROOM + position for position in positions},
    )  # fmt: skip


def _change_market(book: Book, change: Change) -> None:
    match change:
        case SetLotFactor(mt_group_id, lot_factor) if mt_group_id in book.groups:
            group = book.groups[mt_group_id]._replace(lot_factor=Fraction(lot_factor))
            book.groups = {**book.groups, mt_group_id: group}
        case ClassifySymbols(symbol_ids, group_id):
            code = SymbolGroup.objects.values_list("code", flat=True).get(pk=group_id)
            known = {pk: book.symbols[pk] for pk in symbol_ids if pk in book.symbols}
            put = {pk: row._replace(group_id=group_id, group=code) for pk, row in known.items()}
            book.symbols = {**book.symbols, **put}
