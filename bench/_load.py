"""A broker with millions of deals, stored by binary COPY, judged by the engine itself; kept and resumed by its size."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO

import numpy as np
from django.db import connection, transaction

from bench._network import Size, build_network
from bench._trades import COPY_DEALS, Accounts, Int64s, Market, Plan, Symbols, plan_year, within
from crm.flows.brokers import open_broker
from crm.flows.deal_flow import JUDGE_BATCH, judge_all
from mt4bridge.models import MtServer
from tenancy.context import broker_context, public_context
from tenancy.models import Broker
from tenancy.services import BrokerSpec, remove_broker
from trading.cursor import get_cursor, lock_cursor
from trading.models import Symbol, TradingAccount

SEED = 20260302
_ANALYZED = (
    "trading_deal", "commissions_judgement", "commissions_ibday", "ledger_posting", "ledger_journalentry",
    "ledger_balance", "ib_ib", "ib_iblink", "ib_clientlink", "ib_accountlink", "trading_tradingaccount",
    "trading_accountsnapshot", "clients_client", "commissions_payee", "commissions_planassignment",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Loaded:
    """A loaded broker: `start` is its first day, `end` the midnight after its last; seconds are those of this run."""

    broker: Broker
    server_id: int
    start: datetime
    end: datetime
    deals: int
    load_s: float
    judge_s: float


def say(text: str) -> None:
    """Show progress beside the result."""
    sys.stderr.write(f"  {text}\n")


@contextmanager
def loaded_broker(size: Size, *, keep: bool) -> Iterator[Loaded]:
    """Have the broker of this size loaded and in force inside the block; removed after it unless it is to be kept."""
    broker = _find_or_open(size)
    try:
        with broker_context(broker):
            yield _load(broker, size)
    finally:
        if not keep:
            remove_broker(broker)


def _find_or_open(size: Size) -> Broker:
    with public_context():
        found: Broker | None = Broker.objects.filter(code=size.code).first()
    if found is not None:
        return found
    host = f"{size.code}.localhost"
    return open_broker(BrokerSpec(code=size.code, name="Bench", hosts=(host,)), now=datetime.now(UTC))


def _load(broker: Broker, size: Size) -> Loaded:
    began = time.monotonic()
    server = MtServer.objects.order_by("pk").first()
    if server is None:
        midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        with transaction.atomic():
            server = build_network(size, start=midnight - timedelta(days=size.days), seed=SEED)
        say(f"{size.ibs} IBs and {size.clients} clients: {time.monotonic() - began:.1f} s")
    start = server.history_from
    plan = plan_year(deals=size.deals, days=size.days, start=start, seed=SEED)
    judged_s = _deals(plan, server.pk)
    deals = get_cursor(server.pk).deals
    load_s = time.monotonic() - began
    return Loaded(broker, server.pk, start, start + timedelta(days=size.days), deals, load_s - judged_s, judged_s)


def _deals(plan: Plan, server_id: int) -> float:
    """Store and judge the days that are not there yet, some at a time; return the seconds that judging took."""
    cursor = get_cursor(server_id)
    day = (cursor.recorded_until - plan.start).days if cursor.recorded_until else 0
    if day >= len(plan.trades):
        return 0.0
    market = _market(plan, server_id)
    judged_s = _judge(server_id)  # what an interrupted run left
    before = market.deals(day - 1) if day else None
    while day < len(plan.trades):
        chunks: list[dict[str, Int64s]] = []
        while day < len(plan.trades) and sum(len(chunk["ticket"]) for chunk in chunks) < JUDGE_BATCH:
            made = market.deals(day)
            chunks += [_of_day(each, plan, day) for each in (before, made) if each is not None]
            before, day = made, day + 1
        rows = {name: np.concatenate([chunk[name] for chunk in chunks]) for name in chunks[0]}
        _store(market, rows, server_id, plan.start + timedelta(days=day))
        judged_s += _judge(server_id)
        say(f"{get_cursor(server_id).deals} deals stored and judged")
    _vacuum()
    return judged_s


def _judge(server_id: int) -> float:
    began = time.monotonic()
    judge_all(server_id=server_id, now=datetime.now(UTC))
    return time.monotonic() - began


def _of_day(deals: dict[str, Int64s], plan: Plan, day: int) -> dict[str, Int64s]:
    first = plan.start + timedelta(days=day)
    first_us = int(first.timestamp()) * 1_000_000
    return within(deals, first_us, first_us + 86_400_000_000)


def _store(market: Market, rows: dict[str, Int64s], server_id: int, until: datetime) -> None:
    """Store the deals as the walker does: with the move of the server's cursor in one transaction."""
    with transaction.atomic(), connection.cursor() as copying:
        cursor = lock_cursor(server_id=server_id, version=get_cursor(server_id).version)
        copying.copy_expert(COPY_DEALS, BytesIO(market.pack(rows)))
        cursor.version += 1
        cursor.deals += len(rows["ticket"])
        cursor.recorded_until = until
        cursor.save(update_fields=["version", "deals", "recorded_until"])


def _market(plan: Plan, server_id: int) -> Market:
    accounts = list(TradingAccount.objects.order_by("pk").values_list("pk", "mt_group__name"))
    symbols = list(Symbol.objects.order_by("pk").values_list("pk", "group_id"))
    return Market(
        plan,
        Accounts(np.array([pk for pk, _group in accounts]), np.array([group == "raw" for _pk, group in accounts])),
        Symbols(*(np.array(column) for column in zip(*symbols, strict=True))),
        server_id=server_id,
        seed=SEED,
    )


def _vacuum() -> None:
    """Do what autovacuum does in time: pages that everybody may see are marked, and the planner knows the tables."""
    began = time.monotonic()
    with connection.cursor() as cursor:
        for table in _ANALYZED:
            cursor.execute(f"VACUUM (ANALYZE) {table}")
    say(f"vacuum and analyze: {time.monotonic() - began:.1f} s")


def sizes_mb() -> dict[str, int]:
    """Return what the largest tables take with their indexes, in MB."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, pg_total_relation_size(oid) / 1048576 FROM pg_class WHERE relkind = 'r' "
            "AND relnamespace = current_schema()::regnamespace ORDER BY 2 DESC LIMIT 5"
        )
        return {name: int(size) for name, size in cursor.fetchall()}
