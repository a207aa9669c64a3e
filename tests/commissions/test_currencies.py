"""A currency that staff take over late: its deals end as if it had been known from the start, in lines and ledger."""

from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from access.models import AuditEvent
from access.types import Actor
from commissions.currencies import decide_change
from commissions.models import IbDay, Payee
from commissions.services import assign_plan, create_plan, judge_next_batch, publish_plan_version, rejudge_next_batch
from commissions.verify import statement_equals_ledger, verify_commissions
from commissions.whatif.world import EngineBusy, read_world
from core import jobs
from ib.services import create_ib, move_client
from mt4bridge.enums import DealEntry
from mt4bridge.models import MtServer
from tenancy.models import Broker
from tests.trading.factories import (
    BEGINNING,
    LOT,
    deal_row,
    make_account,
    make_mt_group,
    make_server,
    make_symbol,
)
from trading.cursor import get_cursor
from trading.services import Reading, publish_fx_rate, record_deals
from trading.sync.models import ServerChange

pytestmark = pytest.mark.integration
COMMISSION = {"any": True, "base": "commission", "percent": "30"}
PER_MILLION = {"any": True, "base": "per_million", "rate": "20", "currency": "USD"}
CLOSED_AT = datetime(2026, 3, 2, 11, tzinfo=UTC)


@pytest.fixture
def server(broker: Broker, system_actor: Actor, now: datetime) -> MtServer:
    server = make_server()
    make_symbol(server, "EURX")
    make_account(make_mt_group(server, "west"))
    make_account(make_mt_group(server, "east"), login=1002)
    publish_fx_rate(base="EUR", quote="USD", rate=Decimal("1.1"), at=BEGINNING, now=BEGINNING)
    return server


def pay(server: MtServer, rate: dict[str, object], actor: Actor, now: datetime) -> None:
    """Give all clients one IB who is paid by `rate`, of which the client gets a fifth, and judge two closed trades."""
    ib = create_ib(code="ib", name="IB", parent=None, currency="USD", at=BEGINNING, actor=actor, now=now)
    plan = create_plan(code="plan", name="Plan", actor=actor, now=now)
    terms = {"rates": [rate], "client_rebate": {"percent": "20", "from": "own"}}
    publish_plan_version(plan=plan, terms=terms, effective_from=BEGINNING, actor=actor, now=now)
    assign_plan(ib=ib, plan=plan, at=BEGINNING, actor=actor, now=now)
    rows = []
    for number, account in enumerate(server.trading_accounts.order_by("login")):
        move_client(client=account.client, ib=ib, at=BEGINNING, actor=actor, now=now)
        first = {"login": account.login, "symbol": "EURX", "position": 10 + number}
        rows += [
            deal_row(10 + number, **first),
            deal_row(20 + number, **first, entry=DealEntry.OUT, commission_e8=-10 * LOT, deal_at=CLOSED_AT),
        ]
    record_deals(server_id=server.pk, version=get_cursor(server.pk).version, reading=Reading(rows=rows), now=now)
    drain(server.pk, now)


def drain(server_id: int, now: datetime) -> None:
    while judge_next_batch(server_id=server_id, limit=100, now=now):
        pass
    while rejudge_next_batch(server_id=server_id, limit=100, now=now):
        pass


def earned() -> dict[str, str]:
    """Return what each payee earned in all, by its name and currency."""
    found: Counter[str] = Counter()
    for payee_id, amount in IbDay.objects.values_list("payee_id", "amount"):
        payee = Payee.objects.get(pk=payee_id)
        found[f"{'ib' if payee.ib_id else payee.client_id} {payee.currency}"] += amount
    return {name: f"{amount.normalize():f}" for name, amount in found.items() if amount}


def changed(server: MtServer, of: str, name: str, field: str, after: str, now: datetime) -> ServerChange:
    return ServerChange.objects.create(
        server=server, seen_at=now, of=of, name=name, field=field, before="USD", after=after, state="waiting"
    )


def clients_of(server: MtServer) -> tuple[int, int]:
    west, east = server.trading_accounts.order_by("login").values_list("client_id", flat=True)
    return west, east


def test_another_currency_of_a_group_reprices_its_old_deals_alone(
    server: MtServer, system_actor: Actor, now: datetime
) -> None:
    pay(server, COMMISSION, system_actor, now)
    west, east = clients_of(server)
    before, version = earned(), get_cursor(server.pk).version

    decide_change(
        change=changed(server, "group", "east", "currency", "EUR", now), accept=True, actor=system_actor, now=now
    )
    with pytest.raises(EngineBusy):
        read_world()
    jobs.run_due(now=now)
    moved = get_cursor(server.pk).version > version
    drain(server.pk, now)

    assert before == {"ib USD": "4.8", f"{west} USD": "0.6", f"{east} USD": "0.6"}
    assert earned() == {"ib USD": "5.04", f"{west} USD": "0.6", f"{east} EUR": "0.6"}
    assert moved
    assert (verify_commissions(), statement_equals_ledger()) == ([], True)
    event = AuditEvent.objects.get(action="trading.decide_change")
    assert (event.before, event.after) == ({"currency": "USD"}, {"currency": "EUR", "of": "east"})


def test_another_quote_currency_reprices_the_symbols_old_deals(
    server: MtServer, system_actor: Actor, now: datetime
) -> None:
    pay(server, PER_MILLION, system_actor, now)
    before = earned()["ib USD"]

    decide_change(
        change=changed(server, "symbol", "EURX", "quote_currency", "EUR", now), accept=True, actor=system_actor, now=now
    )
    jobs.run_due(now=now)
    drain(server.pk, now)

    assert (Decimal(before) * Decimal("1.1"), Decimal(before) > 0) == (Decimal(earned()["ib USD"]), True)
    assert (verify_commissions(), statement_equals_ledger()) == ([], True)


def test_an_account_in_a_group_of_another_currency_takes_its_old_deals_along(
    server: MtServer, system_actor: Actor, now: datetime
) -> None:
    make_mt_group(server, "euro", currency="EUR")
    pay(server, COMMISSION, system_actor, now)
    west, east = clients_of(server)
    change = changed(server, "account", "1002", "group", "euro", now)

    decide_change(change=change, accept=True, actor=system_actor, now=now)
    jobs.run_due(now=now)
    drain(server.pk, now)

    assert earned() == {"ib USD": "5.04", f"{west} USD": "0.6", f"{east} EUR": "0.6"}
    assert (verify_commissions(), statement_equals_ledger()) == ([], True)


def test_what_is_kept_queues_nothing(server: MtServer, system_actor: Actor, now: datetime) -> None:
    pay(server, COMMISSION, system_actor, now)
    before, version = earned(), get_cursor(server.pk).version

    decide_change(
        change=changed(server, "group", "east", "currency", "EUR", now), accept=False, actor=system_actor, now=now
    )
    jobs.run_due(now=now)
    drain(server.pk, now)

    assert (earned(), get_cursor(server.pk).version) == (before, version)
