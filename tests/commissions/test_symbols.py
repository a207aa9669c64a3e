"""A symbol that gets its group late: its deals end as if it had been known from the start."""

from datetime import UTC, datetime

import pytest

from access.types import Actor
from commissions.enums import Verdict
from commissions.models import Judgement
from commissions.services import assign_plan, create_plan, judge_next_batch, publish_plan_version, rejudge_next_batch
from commissions.symbols import classify_symbols
from core import jobs
from ib.services import create_ib, move_client
from mt4bridge.enums import DealEntry
from tenancy.models import Broker
from tests.trading.factories import (
    BEGINNING,
    deal_row,
    make_account,
    make_client,
    make_mt_group,
    make_server,
    make_symbol,
)
from trading.cursor import get_cursor
from trading.models import SymbolGroup
from trading.services import Reading, record_deals

pytestmark = pytest.mark.integration
TERMS = {"rates": [{"symbol_group": "metals", "base": "per_lot", "rate": "6", "currency": "USD"}]}


def drain(server_id: int, now: datetime) -> None:
    while judge_next_batch(server_id=server_id, limit=100, now=now):
        pass
    while rejudge_next_batch(server_id=server_id, limit=100, now=now):
        pass


def newest() -> tuple[list[str], list[int], list[int] | None]:
    row = Judgement.objects.order_by("-revision")[0]
    return [Verdict(code).name for code in row.verdict], row.amount_e8, row.booked_e8


def test_deals_judged_without_the_group_are_judged_again(broker: Broker, system_actor: Actor, now: datetime) -> None:
    server, client = make_server(), make_client()
    gold = make_symbol(server, "XAUUSD", contract_size_e8=100 * 10**8, digits=2)
    make_account(make_mt_group(server), client=client)
    ib = create_ib(code="ib", name="IB", parent=None, currency="USD", at=BEGINNING, actor=system_actor, now=now)
    move_client(client=client, ib=ib, at=BEGINNING, actor=system_actor, now=now)
    plan = create_plan(code="gold", name="Gold", actor=system_actor, now=now)
    publish_plan_version(plan=plan, terms=TERMS, effective_from=BEGINNING, actor=system_actor, now=now)
    assign_plan(ib=ib, plan=plan, at=BEGINNING, actor=system_actor, now=now)
    at = datetime(2026, 3, 2, 11, tzinfo=UTC)
    rows = [deal_row(1, symbol="XAUUSD"), deal_row(2, symbol="XAUUSD", position=1, entry=DealEntry.OUT, deal_at=at)]
    record_deals(server_id=server.pk, version=get_cursor(server.pk).version, reading=Reading(rows=rows), now=now)
    drain(server.pk, now)
    before, version = newest(), get_cursor(server.pk).version
    metals = SymbolGroup.objects.create(code="metals", name="Metals")

    classify_symbols(symbol_ids=[gold.pk], group=metals, actor=system_actor, now=now)
    jobs.run_due(now=now)
    moved = get_cursor(server.pk).version > version
    drain(server.pk, now)

    assert before == (["NO_RATE"], [0], None)
    assert moved
    assert newest() == (["PAID"], [6 * 10**8], [6 * 10**8])
