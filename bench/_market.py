"""A broker for measuring the engine: a network, plans, clients and closing deals, all from one seed.

Plain: every symbol pays per lot in USD. Mixed: each symbol group has another base, accounts and IBs are in USD or EUR,
symbols quoted in USD, EUR or JPY, plans have a second version from noon on, and a part of the positions is closed by
halves. Mixed clients mostly trade one symbol each, as in the load of the reports: people keep to what they know, and
the engine's roll-up has a row for each account and symbol group. `even` lets them draw every symbol alike, a market
without habits and the hardest for the roll-up: both are to be told."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from access.types import Actor
from clients.models import Client
from commissions.services import assign_plan, create_plan, publish_plan_version
from core import copying
from ib.models import IB
from ib.services import create_network, place_clients
from ib.types import IbSpec
from mt4bridge.enums import DealEntry
from mt4bridge.models import MtServer
from trading.models import Deal, MtGroup, Symbol, SymbolGroup, TradingAccount
from trading.packing import COPY_COLUMNS, Revision, pack_rows
from trading.services import publish_fx_rate
from trading.types import DealContent, DealKey

ACTOR = Actor.system("bench")
START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = datetime(2026, 3, 2, tzinfo=UTC)
E8 = 10**8
_CHUNK = 50_000
HABIT = 0.8  # share of a client's trades in the symbol it mostly trades
GROUPS = ("forex-majors", "forex-minors", "metals", "indices")
MIXED: dict[str, dict[str, str]] = {
    "forex-majors": {"base": "per_lot", "rate": "8", "currency": "USD"},
    "forex-minors": {"base": "spread", "percent": "40"},
    "metals": {"base": "per_million", "rate": "30", "currency": "USD"},
    "indices": {"base": "points", "points": "0.8"},
    "energies": {"base": "commission", "percent": "35"},
    "crypto": {"base": "revenue", "percent": "30"},
    "shares": {"base": "profit", "percent": "4"},
}
QUOTES = ("USD", "USD", "USD", "JPY", "EUR")
UPLINES: tuple[dict[str, str], ...] = (
    {"mode": "difference"},
    {"mode": "percent_of_child", "percent": "60"},
    {"mode": "difference"},
    {"mode": "by_level"},
)


@dataclass(frozen=True, slots=True)
class Size:
    """How large the broker is. `clients` stand under IBs drawn at random; trees branch so that most IBs are deep."""

    deals: int
    ibs: int
    depth: int
    clients: int
    trees: int = 1
    mixed: bool = False
    even: bool = False


def build_market(size: Size, seed: int) -> int:
    """Create everything but judgements; return the server's id. Each close follows its opening by minutes."""
    random = Random(seed)
    server = MtServer(name="Bench", address="127.0.0.1:1", manager_login=1, history_from=START)
    server.set_manager_password("not used")
    server.save()
    ibs = _network(size)
    _plans(ibs, size)
    accounts = _clients(server, ibs, size, random)
    symbols = _symbols(server, size)
    if size.mixed:
        _rates()
    _deals(server.pk, accounts, symbols, size, random)
    return server.pk


def _network(size: Size) -> list[IB]:
    """Up to two sub-IBs under each IB, level by level, so that the last level is `depth`; what is left over goes under
    IBs of the level above it."""
    per_tree = size.ibs // size.trees
    wanted = _level_sizes(per_tree, size.depth)
    specs: list[IbSpec] = []
    for tree in range(size.trees):
        levels: list[list[str]] = [[f"t{tree}-1"]]
        made = 1
        while made < per_tree:
            above = levels[-1] if len(levels) < size.depth else levels[-2]
            room = per_tree - made
            count = wanted[len(levels)] if len(levels) < size.depth else room
            fresh = [f"t{tree}-{made + place + 1}" for place in range(min(room, count, 2 * len(above)))]
            specs += [
                IbSpec(code=code, name=code, currency=_currency(tree, size), parent=above[place % len(above)])
                for place, code in enumerate(fresh)
            ]
            made += len(fresh)
            if len(levels) < size.depth:
                levels.append(fresh)
            else:
                levels[-1] += fresh
        specs.append(IbSpec(code=f"t{tree}-1", name=f"t{tree}-1", currency=_currency(tree, size)))
    return list(create_network(specs=specs, at=START, actor=ACTOR, now=START).values())


def _level_sizes(ibs: int, depth: int) -> list[int]:
    """Return how many IBs stand on each level of a tree that grows evenly, at most to twice the level above."""
    low, high = 1.0, 2.0
    for _step in range(40):
        growth = (low + high) / 2
        low, high = (growth, high) if sum(growth**level for level in range(depth)) < ibs else (low, growth)
    return [max(1, round(high**level)) for level in range(depth)]


def _currency(tree: int, size: Size) -> str:
    return "EUR" if size.mixed and tree % 5 == 4 else "USD"


def _plans(ibs: list[IB], size: Size) -> None:
    """A plan per level of the network by difference, rates by symbol group; a third of them shares commission."""
    plans = []
    for place in range(size.depth):
        plan = create_plan(code=f"plan-{place}", name=f"Plan {place}", actor=ACTOR, now=START)
        for part, since in enumerate((START, DAY + timedelta(hours=12))[: 2 if size.mixed else 1]):
            terms = _mixed_terms(place, part, size) if size.mixed else _plain_terms(place, size)
            publish_plan_version(plan=plan, terms=terms, effective_from=since, actor=ACTOR, now=START)
        plans.append(plan)
    for ib in ibs:
        assign_plan(ib=ib, plan=plans[min(ib.level, size.depth - 1)], at=START, actor=ACTOR, now=START)


def _plain_terms(place: int, size: Size) -> dict[str, Any]:
    rate = Decimal(10) - Decimal(place) * 8 / size.depth
    rates = [
        {"symbol_group": group, "base": "per_lot", "rate": str(round(rate + step, 2)), "currency": "USD"}
        for step, group in enumerate(GROUPS)
    ]
    rates.append({"any": True, "base": "per_lot", "rate": str(round(rate / 2, 2)), "currency": "USD"})
    return {"rates": rates, "upline": {"mode": "difference"}}


def _mixed_terms(place: int, part: int, size: Size) -> dict[str, Any]:
    """Return the terms of a level: the higher it stands the more it gets, in the second version a little less."""
    share = (Decimal(1) - Decimal(place) * Decimal("0.7") / size.depth) * (1 - Decimal(part) / 10)
    rates = []
    for group, row in MIXED.items():
        key = next(key for key in ("rate", "points", "percent") if key in row)
        value = str(round(Decimal(row[key]) * share, 2))
        levels = {str(level): str(round(Decimal(row[key]) * share / (level + 1), 2)) for level in range(2, 13)}
        rates.append({"symbol_group": group, **row, key: value, "levels": levels})
    return {"rates": rates, "upline": UPLINES[place % len(UPLINES)]}


def _clients(server: MtServer, ibs: list[IB], size: Size, random: Random) -> list[TradingAccount]:
    clients = Client.objects.bulk_create(
        [
            Client(
                code=f"C{200_000 + number}", name=f"Client {number}", email=f"b{number}@example.org", created_at=START
            )
            for number in range(size.clients)
        ],
        batch_size=5_000,
    )
    place_clients(places={client.pk: random.choice(ibs).pk for client in clients}, at=START, actor=ACTOR, now=START)
    groups = [
        MtGroup.objects.create(server=server, name=name, currency=currency, lot_factor=Decimal(factor))
        for name, factor, currency in (
            ("standard", "1", "USD"),
            ("cent", "0.01", "EUR" if size.mixed else "USD"),
            ("pro", "1", "USD"),
        )
    ]
    return TradingAccount.objects.bulk_create(
        [
            TradingAccount(
                server=server, login=100_000 + n, client=client, mt_group=random.choice(groups), opened_at=START
            )
            for n, client in enumerate(clients)
        ],
        batch_size=5_000,
    )


def _rates() -> None:
    """Two currencies, a rate an hour."""
    for hour in range(-25, 24):
        at = DAY + timedelta(hours=hour)
        euro, yen = Decimal("1.0843") + Decimal(hour) / 10_000, Decimal("151.23") + Decimal(hour) / 100
        publish_fx_rate(base="EUR", quote="USD", rate=euro, at=at, now=at)
        publish_fx_rate(base="USD", quote="JPY", rate=yen, at=at, now=at)


def _symbols(server: MtServer, size: Size) -> list[Symbol]:
    groups = [SymbolGroup.objects.create(code=code, name=code) for code in (MIXED if size.mixed else GROUPS)]
    quotes = QUOTES if size.mixed else ("USD",)
    return [
        Symbol.objects.create(
            server=server, name=f"SYM{number}", group=groups[number % len(groups)], contract_size_e8=100_000 * E8,
            digits=5, quote_currency=quotes[number % len(quotes)],
        )
        for number in range(40)
    ]  # fmt: skip


def _deals(server_id: int, accounts: list[TradingAccount], symbols: list[Symbol], size: Size, random: Random) -> None:
    """Store openings of the day before, then as many closings through one day, activity gamma-distributed."""
    weights = [random.gammavariate(0.5, 1.0) for _account in accounts]
    habit = 0.0 if size.even or not size.mixed else HABIT
    favourite = {account.pk: random.choice(symbols).pk for account in accounts} if habit else {}

    def symbol_of(account: TradingAccount) -> int:
        return favourite[account.pk] if habit and random.random() < habit else random.choice(symbols).pk

    trades = [
        _Trade(number, account.pk, symbol_of(account), at_us, random, size.mixed)
        for number, (account, at_us) in enumerate(
            zip(
                random.choices(accounts, weights=weights, k=size.deals),
                sorted(random.randrange(86_400_000_000) for _deal in range(size.deals)),
                strict=True,
            )
        )
    ]
    for entry in (DealEntry.IN, DealEntry.OUT):
        for start in range(0, len(trades), _CHUNK):
            chunk = trades[start : start + _CHUNK]
            _store(server_id, [trade.deal(entry) for trade in chunk])


def _store(server_id: int, revisions: Sequence[Revision]) -> None:
    rows = pack_rows(server_id=server_id, revisions=revisions, recorded_at=DAY)
    copying.copy_whole_rows(table=Deal._meta.db_table, columns=COPY_COLUMNS, rows=rows)


class _Trade:
    """A position: its opening a day before, and its close, of the whole or of a half."""

    __slots__ = ("account", "at_us", "closed", "number", "price", "profit", "quoted", "symbol", "volume")

    def __init__(self, number: int, account: int, symbol: int, at_us: int, random: Random, mixed: bool) -> None:
        self.number, self.account, self.symbol, self.at_us, self.quoted = number, account, symbol, at_us, mixed
        self.volume = random.randrange(1, 500) * 1_000_000
        self.closed = self.volume // 2 if mixed and number % 10 == 0 and self.volume > 1_000_000 else self.volume
        self.price = random.randrange(50_000, 200_000) * 1_000
        self.profit = random.randrange(10**6) * 10_000

    def deal(self, entry: DealEntry) -> Revision:
        opens = entry == DealEntry.IN
        bid = self.price if self.quoted else None
        content = DealContent(
            self.account, self.symbol, 0, entry, 0, self.number + 1, 0, self.number,
            self.volume if opens else self.closed, 0 if opens else self.closed, self.price, bid,
            None if bid is None else bid + (self.number % 30 + 1) * 1_000, 100_000 * E8, 5, 0 if opens else self.profit,
            0, -(self.number % 700 + 1) * 1_000_000, 0,
            DAY + timedelta(days=-1 if opens else 0, microseconds=self.at_us), "",
        )  # fmt: skip
        return Revision(DealKey(2 * self.number + 1 + (not opens), 0), 0, False, content)


def edit_closings(server_id: int, size: Size, *, every: int) -> int:
    """Let the MT server edit every so-many-th closing: a new revision with half its commission. Return how many."""
    closings = Deal.objects.filter(server_id=server_id, entry=DealEntry.OUT).order_by("pk")
    count = 0
    for start in range(0, size.deals, _CHUNK):
        rows = []
        for deal in closings[start : start + _CHUNK : every]:
            content = DealContent(
                deal.account_id, deal.symbol_id, 0, DealEntry.OUT, 0, deal.position, 0, deal.mt_order, deal.volume_e8,
                deal.volume_closed_e8, deal.price_e8, deal.bid_e8, deal.ask_e8, deal.contract_size_e8, deal.digits,
                deal.profit_e8, 0, deal.commission_e8 // 2, 0, deal.deal_at, "",
            )  # fmt: skip
            key = DealKey(deal.ticket, 0)
            rows.append(Revision(key, 1, False, content))
        _store(server_id, rows)
        count += len(rows)
    return count
