"""Tiers over two MT servers: one month, two walkers, and what happens when one overtakes the other."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from access.types import Actor
from commissions.judging import batches
from commissions.judging.deals import read_new
from commissions.models import Judgement, Plan
from commissions.services import assign_plan, create_plan, judge_next_batch, publish_plan_version, rejudge_next_batch
from core.money import from_e8
from ib.services import create_ib, place_clients
from mt4bridge.enums import DealEntry
from mt4bridge.models import MtServer
from tenancy.models import Broker
from tests.trading.factories import (
    BEGINNING,
    LOT,
    deal_row,
    make_account,
    make_client,
    make_mt_group,
    make_server,
    make_symbol,
)
from trading.cursor import get_cursor
from trading.errors import CursorMoved
from trading.models import Deal
from trading.services import Reading, record_deals

pytestmark = pytest.mark.integration
AT = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def servers(broker: Broker, system_actor: Actor, now: datetime) -> tuple[MtServer, MtServer]:
    """Two servers, on each an account of one client, who has an IB with a plan of 2 USD per lot."""
    client = make_client()
    made = make_server("One"), make_server("Two", address="127.0.0.1:444")
    for server in made:
        make_symbol(server)
        make_account(make_mt_group(server), client=client)
    ib = create_ib(code="ib", name="IB", parent=None, currency="USD", at=BEGINNING, actor=system_actor, now=now)
    plan = create_plan(code="plan", name="Plan", actor=system_actor, now=now)
    assign_plan(ib=ib, plan=plan, at=BEGINNING, actor=system_actor, now=now)
    place_clients(places={client.pk: ib.pk}, at=BEGINNING, actor=system_actor, now=now)
    return made


def publish(system_actor: Actor, now: datetime, mode: str | None) -> None:
    terms: dict[str, Any] = {"rates": [{"any": True, "base": "per_lot", "rate": "2", "currency": "USD"}]}
    steps = [{"from": "0", "factor": "1"}, {"from": "10", "factor": "3"}]
    if mode:
        terms["tiers"] = {"measure": "lots", "scope": "direct", "period": "month", "mode": mode, "steps": steps}
    publish_plan_version(plan=Plan.objects.get(), terms=terms, effective_from=BEGINNING, actor=system_actor, now=now)


def record(server: MtServer, now: datetime, *, ticket: int, lots: int, at: datetime = AT) -> None:
    """Store a trade that was opened an hour before; its closing deal has the ticket after."""
    rows = [
        deal_row(ticket, volume_e8=lots * LOT, deal_at=at - timedelta(hours=1)),
        deal_row(ticket + 1, position=ticket, entry=DealEntry.OUT, volume_e8=lots * LOT, deal_at=at),
    ]
    record_deals(server_id=server.pk, version=get_cursor(server.pk).version, reading=Reading(rows=rows), now=now)


def judge(server: MtServer, now: datetime) -> None:
    while judge_next_batch(server_id=server.pk, limit=100, now=now):
        pass
    while rejudge_next_batch(server_id=server.pk, limit=100, now=now):
        pass


def amounts() -> dict[tuple[str, int], Decimal]:
    """Return what stands by server and ticket of closing deals."""
    live = {row.deal_id: row for row in Judgement.objects.order_by("deal_id", "revision")}
    deals = Deal.objects.filter(pk__in=live).select_related("server")
    return {(deal.server.name, deal.ticket): from_e8(sum(live[deal.pk].amount_e8)) for deal in deals}


def test_deals_of_two_servers_reach_a_step_together(
    servers: tuple[MtServer, MtServer], system_actor: Actor, now: datetime
) -> None:
    one, two = servers
    publish(system_actor, now, "whole_period")
    record(one, now, ticket=1, lots=6)
    record(two, now, ticket=1, lots=4)

    judge(one, now)
    before = amounts()
    judge(two, now)
    judge(one, now)

    assert before == {("One", 2): Decimal(12)}
    assert amounts() == {("One", 2): Decimal(36), ("Two", 2): Decimal(24)}


def test_marginal_deals_of_one_second_go_by_server_then_ticket(
    servers: tuple[MtServer, MtServer], system_actor: Actor, now: datetime
) -> None:
    one, two = servers
    publish(system_actor, now, "marginal")
    record(two, now, ticket=1, lots=8)
    judge(two, now)
    record(one, now, ticket=5, lots=6)
    judge(one, now)
    judge(two, now)

    # One fills 0 to 6; Two 6 to 14: 4 lots × 2 and 4 lots × 6.
    assert amounts() == {("One", 6): Decimal(12), ("Two", 2): Decimal(32)}

    record(one, now, ticket=3, lots=10)  # the same second, an earlier ticket: 0 to 10; then 10 to 16, 16 to 24
    judge(one, now)
    judge(two, now)

    assert amounts() == {("One", 4): Decimal(20), ("One", 6): Decimal(36), ("Two", 2): Decimal(48)}


def test_batch_whose_month_another_walker_changed_meanwhile_is_judged_again(
    servers: tuple[MtServer, MtServer], system_actor: Actor, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = servers
    publish(system_actor, now, "whole_period")
    record(one, now, ticket=1, lots=1)
    judge(one, now)
    record(one, now, ticket=3, lots=8)
    record(two, now, ticket=1, lots=4)
    lock = batches.lock_tiers

    def overtaken() -> None:
        monkeypatch.setattr(batches, "lock_tiers", lock)
        judge(two, now)
        lock()

    monkeypatch.setattr(batches, "lock_tiers", overtaken)
    judge(one, now)
    judge(two, now)

    assert amounts() == {("One", 2): Decimal(6), ("One", 4): Decimal(48), ("Two", 2): Decimal(24)}


def test_batch_is_dropped_when_another_walker_began_its_month(
    servers: tuple[MtServer, MtServer], system_actor: Actor, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The plan gets its tiers while a batch that was computed without them is on its way."""
    one, two = servers
    publish(system_actor, now, "marginal")
    record(one, now, ticket=1, lots=6)
    record(two, now, ticket=1, lots=6)
    judge(one, now)
    rows = read_new(server_id=two.pk, after_id=0, limit=100)
    lock = batches.lock_tiers

    def overtaken() -> None:
        monkeypatch.setattr(batches, "lock_tiers", lock)
        publish(system_actor, now + timedelta(seconds=1), "whole_period")
        judge(one, now)
        lock()

    monkeypatch.setattr(batches, "lock_tiers", overtaken)
    with pytest.raises(CursorMoved):
        batches.judge_rows(rows, cursor=get_cursor(two.pk), now=now)
    judge(two, now)
    judge(one, now)

    # The drop took the publication of this test's one connection with it: 0 to 6, and 6 to 12 split at 10.
    assert amounts() == {("One", 2): Decimal(12), ("Two", 2): Decimal(20)}


def test_judging_without_tiers_asks_nothing_about_them(
    servers: tuple[MtServer, MtServer], system_actor: Actor, now: datetime
) -> None:
    publish(system_actor, now, None)
    record(servers[0], now, ticket=1, lots=6)

    with CaptureQueriesContext(connection) as asked:
        judge(servers[0], now)

    assert amounts() == {("One", 2): Decimal(12)}
    assert not [query["sql"] for query in asked if "commissions_tier" in query["sql"] or ":tiers" in query["sql"]]
