"""A broker for measuring the engine: a network, plans, clients and closing deals, all from one seed."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random

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
from trading.recording import COPY_COLUMNS, pack
from trading.types import DealContent, DealKey

ACTOR = Actor.system("bench")
START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = datetime(2026, 3, 2, tzinfo=UTC)
E8 = 10**8
GROUPS = ("forex-majors", "forex-minors", "metals", "indices")


@dataclass(frozen=True, slots=True)
class Size:
    """How large the broker is. `clients` stand under IBs drawn at random; trees branch so that most IBs are deep."""

    deals: int
    ibs: int
    depth: int
    clients: int
    trees: int = 1


def build_market(size: Size, seed: int) -> int:
    """Create everything but judgements; return the server's id. Each close follows its opening by minutes."""
    random = Random(seed)
    server = MtServer(name="Bench", address="127.0.0.1:1", manager_login=1, history_from=START)
    server.set_manager_password("not used")
    server.save()
    ibs = _network(size)
    _plans(ibs, size)
    accounts = _clients(server, ibs, size, random)
    symbols = _symbols(server)
    _deals(server.pk, accounts, symbols, size, random)
    return server.pk


def _network(size: Size) -> list[IB]:
    """Two sub-IBs under each IB, level by level; what is left over goes under IBs of the level above the last."""
    per_tree = size.ibs // size.trees
    specs: list[IbSpec] = []
    for tree in range(size.trees):
        levels: list[list[str]] = [[f"t{tree}-1"]]
        made = 1
        while made < per_tree:
            above = levels[-1] if len(levels) < size.depth else levels[-2]
            room = per_tree - made
            fresh = [f"t{tree}-{made + place + 1}" for place in range(min(room, 2 * len(above)))]
            specs += [
                IbSpec(code=code, name=code, currency="USD", parent=above[place % len(above)])
                for place, code in enumerate(fresh)
            ]
            made += len(fresh)
            if len(levels) < size.depth:
                levels.append(fresh)
            else:
                levels[-1] += fresh
        specs.append(IbSpec(code=f"t{tree}-1", name=f"t{tree}-1", currency="USD"))
    return list(create_network(specs=specs, at=START, actor=ACTOR, now=START).values())


def _plans(ibs: list[IB], size: Size) -> None:
    """A plan per level of the network by difference, rates by symbol group; a third of them shares commission."""
    plans = []
    for place in range(size.depth):
        plan = create_plan(code=f"plan-{place}", name=f"Plan {place}", actor=ACTOR, now=START)
        rate = Decimal(10) - Decimal(place) * 8 / size.depth
        rates = [
            {"symbol_group": group, "base": "per_lot", "rate": str(round(rate + step, 2)), "currency": "USD"}
            for step, group in enumerate(GROUPS)
        ]
        rates.append({"any": True, "base": "per_lot", "rate": str(round(rate / 2, 2)), "currency": "USD"})
        terms = {"rates": rates, "upline": {"mode": "difference"}}
        publish_plan_version(plan=plan, terms=terms, effective_from=START, actor=ACTOR, now=START)
        plans.append(plan)
    for ib in ibs:
        assign_plan(ib=ib, plan=plans[min(ib.level, size.depth - 1)], at=START, actor=ACTOR, now=START)


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
        MtGroup.objects.create(server=server, name=name, currency="USD", lot_factor=Decimal(factor))
        for name, factor in (("standard", "1"), ("cent", "0.01"), ("pro", "1"))
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


def _symbols(server: MtServer) -> list[Symbol]:
    groups = [SymbolGroup.objects.create(code=code, name=code) for code in GROUPS]
    return [
        Symbol.objects.create(
            server=server, name=f"SYM{number}", group=groups[number % len(groups)], contract_size_e8=100_000 * E8,
            digits=5, quote_currency="USD",
        )
        for number in range(40)
    ]  # fmt: skip


def _deals(server_id: int, accounts: list[TradingAccount], symbols: list[Symbol], size: Size, random: Random) -> None:
    """Store openings of the day before, then as many closings through one day, activity gamma-distributed."""
    weights = [random.gammavariate(0.5, 1.0) for _account in accounts]
    chosen = random.choices(accounts, weights=weights, k=size.deals)
    times = sorted(random.randrange(86_400_000_000) for _deal in range(size.deals))
    rows: list[bytes] = []
    closings: list[bytes] = []
    for number, (account, at_us) in enumerate(zip(chosen, times, strict=True)):
        symbol = random.choice(symbols)
        volume = random.randrange(1, 500) * 1_000_000
        price = random.randrange(50_000_000, 200_000_000)
        for entry, day, sink in ((DealEntry.IN, DAY - timedelta(days=1), rows), (DealEntry.OUT, DAY, closings)):
            content = DealContent(
                account.pk, symbol.pk, 0, entry, 0, number + 1, 0, number, volume,
                0 if entry == DealEntry.IN else volume, price, None, None, 100_000 * E8, 5, random.randrange(10**10),
                0, -random.randrange(10**9), 0, day + timedelta(microseconds=at_us), "",
            )  # fmt: skip
            key = DealKey(2 * number + 1 + (entry != DealEntry.IN), 0)
            sink.append(pack(server_id=server_id, key=key, revision=0, deleted=False, content=content, recorded_at=DAY))
    copying.copy_rows(table=Deal._meta.db_table, columns=COPY_COLUMNS, rows=rows)
    copying.copy_rows(table=Deal._meta.db_table, columns=COPY_COLUMNS, rows=closings)
