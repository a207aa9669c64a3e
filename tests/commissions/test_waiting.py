"""Deals that are judged again: clients placed afterwards, a walker overtaken by a change, a rate that comes late."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from access.types import Actor
from clients.models import Client
from commissions.enums import BatchKind, Verdict
from commissions.judging import batches, compute
from commissions.judging.deals import read_new
from commissions.models import JudgeBatch, Judgement, Rejudge
from commissions.services import assign_plan, create_plan, judge_next_batch, publish_plan_version, rejudge_next_batch
from ib.models import IB
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
from trading.models import FxRate
from trading.services import Reading, record_deals

pytestmark = pytest.mark.integration
AT = datetime(2026, 3, 2, 11, tzinfo=UTC)


@pytest.fixture
def server(broker: Broker) -> MtServer:
    return make_server()


@pytest.fixture
def trader(server: MtServer, now: datetime) -> Client:
    """A client with one closed trade that is recorded and not judged."""
    client = make_client()
    make_symbol(server)
    make_account(make_mt_group(server), client=client)
    rows = [deal_row(1), deal_row(2, position=1, entry=DealEntry.OUT, deal_at=AT)]
    record_deals(server_id=server.pk, version=get_cursor(server.pk).version, reading=Reading(rows=rows), now=now)
    return client


def make_paid_ib(actor: Actor, now: datetime, *, currency: str = "USD") -> IB:
    ib = create_ib(code="ib", name="IB", parent=None, currency=currency, at=BEGINNING, actor=actor, now=now)
    plan = create_plan(code="plan", name="Plan", actor=actor, now=now)
    terms = {"rates": [{"any": True, "base": "per_lot", "rate": "6", "currency": "USD"}]}
    publish_plan_version(plan=plan, terms=terms, effective_from=BEGINNING, actor=actor, now=now)
    assign_plan(ib=ib, plan=plan, at=BEGINNING, actor=actor, now=now)
    return ib


def drain(server: MtServer, now: datetime) -> None:
    while judge_next_batch(server_id=server.pk, limit=100, now=now):
        pass
    while rejudge_next_batch(server_id=server.pk, limit=100, now=now):
        pass


def newest() -> tuple[list[str], list[int]]:
    row = Judgement.objects.order_by("-revision")[0]
    return [Verdict(code).name for code in row.verdict], row.amount_e8


def test_clients_placed_into_the_past_have_their_deals_judged_again(
    server: MtServer, trader: Client, system_actor: Actor, now: datetime
) -> None:
    ib = make_paid_ib(system_actor, now)
    drain(server, now)
    before = newest()

    place_clients(places={trader.pk: ib.pk}, at=BEGINNING, actor=system_actor, now=now)
    drain(server, now)

    assert before == ([], [])
    assert newest() == (["PAID"], [6 * 10**8])


def test_batch_computed_before_a_change_that_another_walker_saw_is_dropped(
    server: MtServer, trader: Client, system_actor: Actor, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    ib = make_paid_ib(system_actor, now)
    cursor = get_cursor(server.pk)
    rows = read_new(server_id=server.pk, after_id=cursor.judged_id, limit=100)
    compute = batches.judge_trades

    def overtaken(*args: object, **kwargs: object) -> object:
        computed = compute(*args, **kwargs)
        place_clients(places={trader.pk: ib.pk}, at=BEGINNING, actor=system_actor, now=now)
        rejudge_next_batch(server_id=server.pk, limit=100, now=now)
        return computed

    with monkeypatch.context() as patch:
        patch.setattr(batches, "judge_trades", overtaken)
        with pytest.raises(CursorMoved):
            batches.judge_rows(rows, cursor=cursor, now=now)
    drain(server, now)

    assert newest() == (["PAID"], [6 * 10**8])


def test_rate_that_commits_after_a_newer_one_is_not_missed(
    server: MtServer, trader: Client, system_actor: Actor, now: datetime
) -> None:
    ib = make_paid_ib(system_actor, now, currency="EUR")
    place_clients(places={trader.pk: ib.pk}, at=BEGINNING, actor=system_actor, now=now)
    # The cross rate took its number after the rate that is missing, and was visible before it.
    FxRate(pk=10**6, base="EUR", quote="GBP", rate=Decimal("0.8"), at=BEGINNING, published_at=now).save(
        force_insert=True
    )
    drain(server, now)
    before, waits = newest(), Rejudge.objects.filter(is_ready=False).count()

    FxRate(pk=10**6 - 1, base="EUR", quote="USD", rate=Decimal("1.2"), at=BEGINNING, published_at=now).save(
        force_insert=True
    )
    drain(server, now)

    assert before == (["NO_FX_RATE"], [0])
    assert waits == 1
    assert newest() == (["PAID"], [5 * 10**8])


def test_many_edited_deals_are_judged_again_in_steps(
    server: MtServer, trader: Client, system_actor: Actor, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    ib = make_paid_ib(system_actor, now)
    place_clients(places={trader.pk: ib.pk}, at=BEGINNING, actor=system_actor, now=now)
    closed = {"entry": DealEntry.OUT, "deal_at": AT}
    for rows in (
        [deal_row(3), deal_row(4, position=3, **closed), deal_row(5), deal_row(6, position=5, **closed)],
        [deal_row(ticket, position=ticket - 1, volume_e8=LOT // 2, **closed) for ticket in (2, 4, 6)],
    ):
        drain(server, now)
        version = get_cursor(server.pk).version
        record_deals(server_id=server.pk, version=version, reading=Reading(rows=rows), now=now)
    monkeypatch.setattr(batches, "AGAIN_AT_ONCE", 1)
    before = JudgeBatch.objects.count()

    drain(server, now)

    live = Judgement.objects.filter(revision=1).order_by("deal_id").values_list("amount_e8", flat=True)
    assert list(live) == [[3 * 10**8]] * 3
    steps = JudgeBatch.objects.order_by("pk").values_list("kind", "deals")[before:]
    assert list(steps) == [(BatchKind.NEW, 1)] * 3


def test_deals_that_take_the_exact_calculation_are_judged_in_steps(
    server: MtServer, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody has said yet what a lot of the group is. A million such deals would outlast the task that judges them."""
    make_symbol(server)
    make_account(make_mt_group(server, lot_factor=None))
    rows = [deal_row(1), deal_row(3), deal_row(5)]
    rows += [deal_row(ticket + 1, position=ticket, entry=DealEntry.OUT, deal_at=AT) for ticket in (1, 3, 5)]
    record_deals(server_id=server.pk, version=get_cursor(server.pk).version, reading=Reading(rows=rows), now=now)
    monkeypatch.setattr(compute, "ONE_BY_ONE", 1)

    drain(server, now)

    assert list(JudgeBatch.objects.order_by("pk").values_list("deals", "judged")) == [(4, 1), (1, 1), (1, 1)]
    assert Judgement.objects.count() == 3
