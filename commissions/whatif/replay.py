"""Replay deals under a draft plan: what they would cost against what they cost and what they brought the broker.

Measured on closing deals: lots and the broker's revenue, as the base `revenue` defines it (spread at the open and
commission, with swap only when asked), by the engine's own calculation. Cost is everything that the payees of a deal's
chain get, on opening deals too where a plan counts them. Amounts in other currencies are compared in USD at the rate in
force at the last deal of the day."""

from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
from django.db import connection
from django.db.models import Max

from commissions.calculation import Verdict
from commissions.judging.book import Book
from commissions.judging.chains import Network
from commissions.judging.clients import has_cpa
from commissions.judging.columns import Rows, read_columns
from commissions.judging.deals import COLUMNS
from commissions.judging.judged import Judged
from commissions.judging.measures import MonthKey
from commissions.judging.plans import LoadedVersion, Plans, load_plans, to_us
from commissions.judging.rates import Rates
from commissions.judging.recovery import has_advances
from commissions.judging.rollup import pack
from commissions.judging.weighing import has_tiers
from commissions.positions import IN, INOUT
from commissions.settlement.days import to_day
from commissions.terms import TierMode
from commissions.whatif.advances import Advances, CpaLine
from commissions.whatif.changes import PublishVersion
from commissions.whatif.difference import Lines, computed_lines, stored_lines
from commissions.whatif.foretold import Foretold
from commissions.whatif.months import Months
from commissions.whatif.overlay import Overlay, draft_version
from commissions.whatif.preview import payee_keys
from commissions.whatif.tally import Tally, add_rows
from ib.models import IB
from ib.types import OPEN_END_US, IbFacts, NetworkSnapshot, Periods
from trading.deposits import IS_DEPOSIT_SQL
from trading.queries import LIVE_SQL

Int64s = npt.NDArray[np.int64]
CPA_CELL = (-1, 0)  # what CPA costs stands under this symbol group and MT group
BATCH_DEALS = 50_000
_ALWAYS = -(2**62)
_DRAFT_PLAN, _REVENUE_PLAN = -1, -2
_BEGINNING = datetime(1970, 1, 2, tzinfo=UTC)
_DEALS = f"""FROM trading_deal d WHERE d.deal_at >= %(start)s AND d.deal_at < %(end)s AND d.action IN (0, 1)
    AND (%(accounts)s::bigint[] IS NULL OR d.account_id = ANY(%(accounts)s)) AND {LIVE_SQL.format(alias="d")}
    ORDER BY d.id"""

_CLIENTS = f"""SELECT DISTINCT a.client_id FROM trading_deal d JOIN trading_tradingaccount a ON a.id = d.account_id
    WHERE d.deal_at >= %(start)s AND d.deal_at < %(end)s
    AND (d.action IN (0, 1) OR {IS_DEPOSIT_SQL.format(alias="d")})
    AND (%(accounts)s::bigint[] IS NULL OR d.account_id = ANY(%(accounts)s))"""  # noqa: S608 -- own text


class DraftOverlay(Overlay):
    """The stored world, with some IBs paid by a draft over all time. `ib_ids` None: all of them."""

    def __init__(self, terms: dict[str, object], ib_ids: frozenset[int] | None, *, now: datetime) -> None:
        super().__init__((), now=now)
        self._ib_ids = ib_ids
        self._draft = _always(draft_version(PublishVersion(_DRAFT_PLAN, terms, _BEGINNING), -1, now))
        self.memory.versions[self._draft.id] = self._draft
        self._made: tuple[tuple[int, int], Network] | None = None

    def tier_months(self, months: Iterable[int]) -> set[MonthKey]:
        """Return the months of tiers by which the draft would pay in these months, counted from January 1970."""
        tiers = self._draft.terms.tiers
        if tiers is None:
            return set()
        ibs = IB.objects.values_list("pk", flat=True) if self._ib_ids is None else self._ib_ids
        back = int(tiers.mode is TierMode.NEXT_PERIOD)
        return {MonthKey(ib_id, self._draft.id, month - back) for ib_id in ibs for month in months}

    def open(self, rows: Rows) -> Book:
        book = super().open(rows)
        key = self.memory.network_key
        if self._made is None or self._made[0] != key or self._made[1].table is not book.chains:
            ibs = book.snapshot.ibs if self._ib_ids is None else self._ib_ids
            self._made = (
                key,
                Network(book.snapshot, _with_draft(load_plans(self.memory), ibs, self._draft), book.chains),
            )
        book.network = self._made[1]
        return book


class RevenueOverlay(Overlay):
    """A world in which every client belongs to the broker itself, which is paid what the deal brings it, in USD."""

    def __init__(self, *, include_swap: bool, now: datetime) -> None:
        super().__init__((), now=now)
        rate = {"any": True, "base": "revenue", "percent": "100", "include_swap": include_swap}
        terms = {"count_on": "close", "close_by": "both", "self_trades": "pay", "rates": [rate]}
        self._version = _always(draft_version(PublishVersion(_REVENUE_PLAN, terms, _BEGINNING), -1, now))
        self._broker = 1 + (IB.objects.aggregate(last=Max("pk"))["last"] or 0)  # an IB that does not exist
        self._network_made: Network | None = None

    def open(self, rows: Rows) -> Book:
        book = super().open(rows)
        book.snapshot = _owned_by(self._broker, book)
        if self._network_made is None or self._network_made.table is not book.chains:
            assignments = {self._broker: [(_ALWAYS, OPEN_END_US, _REVENUE_PLAN)]}
            plans = Plans(0, {_REVENUE_PLAN: [self._version]}, assignments)
            self._network_made = Network(book.snapshot, plans, book.chains)
        book.network = self._network_made
        return book


def _months_between(start: datetime, end: datetime) -> range:
    """Return the calendar months UTC that [start, end) touches, counted from January 1970."""
    first, last = start.astimezone(UTC), (end - timedelta(microseconds=1)).astimezone(UTC)
    return range(_month(first), _month(last) + 1)


def _month(at: datetime) -> int:
    return (at.year - 1970) * 12 + at.month - 1


def _always(version: LoadedVersion) -> LoadedVersion:
    return replace(version, effective_us=_ALWAYS)


def _with_draft(plans: Plans, ib_ids: "frozenset[int] | dict[int, IbFacts]", draft: LoadedVersion) -> Plans:
    spell = [(_ALWAYS, OPEN_END_US, _DRAFT_PLAN)]
    assignments = {**plans.assignments, **dict.fromkeys(ib_ids, spell)}
    return Plans(plans.version, {**plans.by_plan, _DRAFT_PLAN: [draft]}, assignments)


def _owned_by(broker: int, book: Book) -> NetworkSnapshot:
    clients = np.unique(book.client_of).tolist()
    size = len(clients)
    periods = Periods(
        array("q", clients), array("q", [broker] * size), array("q", [_ALWAYS] * size),
        array("q", [OPEN_END_US] * size),
    )  # fmt: skip
    nobody = Periods(array("q"), array("q"), array("q"), array("q"))
    return NetworkSnapshot(
        version=0, ib_version=0, ibs={broker: IbFacts("broker", "USD")}, self_ib={}, ib_parents=nobody,
        client_ibs=periods, account_ibs=nobody, agreements={},
    )  # fmt: skip


@dataclass(slots=True)
class Replay:
    """One simulation at work: its two worlds, and which accounts' deals it looks at (None: all)."""

    draft: DraftOverlay
    revenue: RevenueOverlay
    accounts: list[int] | None
    zone: ZoneInfo
    cpa: dict[int, list[CpaLine]] = field(default_factory=dict)  # by day since 1970

    def foretell(self, first: date, last: date) -> None:
        """Work out what tiers and CPA come to under the draft over these days, both included."""
        start, end = self._start(first), self._start(last + timedelta(days=1))
        months, advances = Months(self.draft, np.zeros(0, dtype=np.int64)), Advances(self.draft)
        self.draft.foretold = Foretold(months, advances)
        if has_tiers(self.draft.versions):
            months.fill(self.draft.tier_months(_months_between(start, end)))
        if has_cpa(self.draft.versions):
            advances.work_out(self._active_clients(start, end), now=self.draft.now, everything=True)
            for line in advances.lines:
                self.cpa.setdefault(line.day, []).append(line)
        if has_advances(self.draft.versions):
            advances.hold_back(advances.paid)

    def _active_clients(self, start: datetime, end: datetime) -> set[int]:
        with connection.cursor() as cursor:
            cursor.execute(_CLIENTS, {"start": start, "end": end, "accounts": self.accounts})
            return {client for (client,) in cursor.fetchall()}

    def _start(self, day: date) -> datetime:
        return datetime(day.year, day.month, day.day, tzinfo=self.zone)

    def add_day(self, day: date, tally: Tally) -> None:
        """Add the deals of one day of the settlement zone, and the CPA of that day."""
        start, end = self._start(day), self._start(day + timedelta(days=1))
        if lines := self.cpa.get(to_day(day)):
            self._add_cpa(lines, day, end, tally)
        rows = read_columns(COLUMNS, _DEALS, {"start": start, "end": end, "accounts": self.accounts})
        month = day.replace(day=1).isoformat()
        for first in range(0, len(rows), BATCH_DEALS):
            self._add(rows[first : first + BATCH_DEALS], month, tally)

    def _add_cpa(self, lines: Sequence[CpaLine], day: date, end: datetime, tally: Tally) -> None:
        """Add CPA under the direct IB that is paid; in a cell of its own."""
        worth = _Worth(Rates(to_us(end)), to_us(end) - 1, tally)
        keys = payee_keys([line.payee for line in lines], self.draft)
        for line in lines:
            ib_id, _client, currency = key = keys[line.payee]
            rate = worth.of(currency)
            for place, amount in enumerate((line.before, line.after)):
                tally.payees[key][place] += amount
                if rate is None:
                    tally.unconverted[currency,][place] += amount
                    continue
                usd = round(amount * rate)
                tally.cells[CPA_CELL][5 + place] += usd
                tally.leaves[ib_id,][2 + place] += usd
                tally.months[day.replace(day=1).isoformat(),][2 + place] += usd

    def _add(self, rows: Rows, month: str, tally: Tally) -> None:
        judged, book = self.draft.judge(rows)
        facts = _facts(rows, judged, book)
        self.revenue.take_over_network(self.draft)
        earned, _book = self.revenue.judge(rows)
        _add_revenue(earned, facts, month, tally)
        worth = _Worth(book.rates, int(rows["at_us"].max()), tally)
        roots = np.ascontiguousarray(rows["root"], dtype=np.int64)
        for place, lines in ((0, stored_lines(roots)), (1, computed_lines(judged))):
            _add_cost(lines, place, facts, month, worth, payee_keys(np.unique(lines.payee).tolist(), self.draft), tally)


@dataclass(slots=True)
class _Facts:
    """What each deal of a batch is put under; sorted by `root`."""

    root: Int64s
    symbol_group: Int64s
    mt_group: Int64s
    leaf: Int64s

    def at(self, roots: Int64s) -> Int64s:
        return np.searchsorted(self.root, roots)


def _facts(rows: Rows, judged: Judged, book: Book) -> _Facts:
    order = np.argsort(rows["root"], kind="stable")
    root = rows["root"][order].copy()
    leaf = np.zeros(len(root), dtype=np.int64)
    leaf[np.searchsorted(root, judged.rows["root"])] = judged.leaf
    group_of_symbol = {pk: row.group_id for pk, row in book.symbols.items()}
    symbols, place = np.unique(rows["symbol"][order], return_inverse=True)
    groups = np.array([group_of_symbol.get(pk, 0) for pk in symbols.tolist()], dtype=np.int64)
    return _Facts(root, groups[place], book.groups_at(rows[order]), leaf)


def _add_revenue(earned: Judged, facts: _Facts, month: str, tally: Tally) -> None:
    """Add closing deals with their lots and the broker's revenue, or that it cannot be told."""
    closing = np.flatnonzero(earned.rows["entry"] != IN)
    at = facts.at(earned.rows["root"][closing])
    lots, amount, known = earned.lots_e8[closing].copy(), np.zeros(len(closing), dtype=np.int64), None
    _halve_turns(lots, earned.rows[closing])
    verdict = np.zeros(len(earned.rows), dtype=np.int16)
    paid = np.zeros(len(earned.rows), dtype=np.int64)
    for block in earned.blocks:
        verdict[block.deals], paid[block.deals] = block.verdict[:, 0], block.amount[:, 0]
    amount = paid[closing]
    known = np.isin(verdict[closing], (int(Verdict.PAID), int(Verdict.ZERO_BASE)))
    one = np.ones(len(closing), dtype=np.int64)
    cell = [facts.symbol_group[at], facts.mt_group[at]]
    for place, values in enumerate((one, lots, amount, one * ~known, lots * ~known)):
        add_rows(tally.cells, place, _summed(cell, values))
    for place, values in enumerate((lots, amount)):
        add_rows(tally.leaves, place, _summed([facts.leaf[at]], values))
        tally.months[(month,)][place] += int(values.sum())


def _halve_turns(lots: Int64s, rows: Rows) -> None:
    """Let a deal that turned a position count its closing part only."""
    for index in np.flatnonzero(rows["entry"] == INOUT).tolist():
        volume = int(rows["volume_e8"][index])
        lots[index] = int(lots[index]) * int(rows["closed_e8"][index]) // volume if volume else 0


class _Worth:
    """What one unit of a currency is worth in USD on a day. Currencies without a rate are kept apart."""

    def __init__(self, rates: Rates, at_us: int, tally: Tally) -> None:
        self._rates = rates
        self._at_us = at_us
        self.tally = tally
        self._known: dict[str, Fraction | None] = {"USD": Fraction(1)}

    def of(self, currency: str) -> Fraction | None:
        if currency not in self._known:
            quote = self._rates.usd_quote(currency, self._at_us)
            self._known[currency] = quote.rate if quote else None
        return self._known[currency]


def _add_cost(
    lines: Lines, place: int, facts: _Facts, month: str, worth: _Worth, keys: Mapping[int, tuple[int, int, str]],
    tally: Tally,
) -> None:  # fmt: skip
    """Add what the payees of the deals get: place 0 as booked, 1 by the draft."""
    if not len(lines.root):
        return
    for (payee,), total in _summed([lines.payee], lines.amount):
        tally.payees[keys[payee]][place] += total
    payees, which = np.unique(lines.payee, return_inverse=True)
    currencies = sorted({keys[payee][2] for payee in payees.tolist()})
    number = np.array([currencies.index(keys[payee][2]) for payee in payees.tolist()], dtype=np.int64)[which]
    at = facts.at(lines.root)
    for currency, name in enumerate(currencies):
        mine = np.flatnonzero(number == currency)
        rate = worth.of(name)
        if rate is None:
            tally.unconverted[(name,)][place] += int(lines.amount[mine].sum())
            continue
        where, amount = at[mine], lines.amount[mine]
        by_cell = _summed([facts.symbol_group[where], facts.mt_group[where]], amount)
        add_rows(tally.cells, 5 + place, _in_usd(by_cell, rate))
        by_leaf = _summed([facts.leaf[where]], amount)
        add_rows(tally.leaves, 2 + place, _in_usd(by_leaf, rate))
        tally.months[(month,)][2 + place] += round(int(amount.sum()) * rate)


def _in_usd(sums: list[tuple[tuple[int, ...], int]], rate: Fraction) -> list[tuple[tuple[int, ...], int]]:
    return sums if rate == 1 else [(key, round(total * rate)) for key, total in sums]


def _summed(columns: Sequence[Int64s], values: Int64s) -> list[tuple[tuple[int, ...], int]]:
    """Return (key, sum) of the values by distinct key.

    :raises OverflowError: a sum could leave int64."""
    if not len(values):
        return []
    if int(np.abs(values).max()) * len(values) >= 2**62:
        raise OverflowError("the sums of a batch are too large; replay in smaller batches")
    key = pack(columns)
    order = np.argsort(key, kind="stable")
    starts = np.flatnonzero(np.diff(key[order], prepend=key[order[0]] - 1))
    first = order[starts]
    sums = np.add.reduceat(values[order], starts)
    keys = zip(*(column[first].tolist() for column in columns), strict=True)
    return list(zip(keys, sums.tolist(), strict=True))
