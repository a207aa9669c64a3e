"""Notices that follow from money decided and from how things stand: each told once, to whom it concerns."""

from datetime import timedelta

import pytest
from django.utils import timezone

from access.queries import actor_for
from commissions.consent.queries import pending_for
from commissions.levels.changes import place_ib
from commissions.levels.ladders import terms_of
from commissions.levels.models import Ladder, LadderVersion, LevelPlacement
from commissions.models import PlanAssignment
from commissions.settlement.deciding import approve_statement
from commissions.settlement.models import Statement
from commissions.settlement.paying import pay_statement
from crm.flows.telling import tell
from ib.models import IB
from mt4bridge.errors import RoundFailed
from mt4bridge.models import MtServer
from mt4bridge.services import note_error
from notifications.models import InAppNotice, Message
from tenancy.models import Broker
from tests.contract.world import SYSTEM, World, give_rights
from trading.models import HeldDeal

pytestmark = pytest.mark.integration


@pytest.fixture
def world(broker: Broker) -> World:
    return World(now=timezone.now() - timedelta(minutes=1))


def told(kind: str) -> list[tuple[int, dict[str, str]]]:
    """Return (user, params) of the notices of a kind, in order."""
    return list(InAppNotice.objects.filter(kind=kind).order_by("pk").values_list("user_id", "params"))


def test_a_payee_is_told_that_its_statement_is_approved_and_paid(world: World) -> None:
    statement = Statement.objects.get(pk=world.ids["statement"])
    give_rights(["commissions.approve_statement"])

    approve_statement(statement_id=statement.pk, actor=actor_for(world.users["staff"]), now=world.now)
    pay_statement(statement_id=statement.pk, now=world.now)
    pay_statement(statement_id=statement.pk, now=world.now)

    last = (statement.to_day - timedelta(days=1)).isoformat()
    params = {
        "amount": f"{statement.payable:,.2f}", "currency": "USD", "first": statement.from_day.isoformat(), "last": last
    }  # fmt: skip
    payee = (world.users["ib"].pk, params)
    assert (told("statement_approved"), told("statement_paid")) == ([payee], [payee])
    sent = Message.objects.filter(kind__startswith="statement_").order_by("pk")
    assert list(sent.values_list("kind", "to_address")) == [
        ("statement_approved", "ib@example.com"),
        ("statement_paid", "ib@example.com"),
    ]


def test_an_ib_is_told_its_new_level(world: World) -> None:
    top, ladder = IB.objects.get(pk=world.ids["ib"]), Ladder.objects.get(pk=world.ids["ladder"])
    held = LevelPlacement.objects.filter(ib=top).order_by("-pk").first()
    codes = [level.code for level in terms_of(LadderVersion.objects.filter(ladder=ladder).latest("pk")).levels]
    wanted = next(code for code in codes if held is None or code != held.level_code)
    earlier = told("level_changed")
    at = world.now + timedelta(days=1)

    place_ib(ib=top, ladder=ladder, level_code=wanted, at=at, reason="agreed", actor=SYSTEM, now=world.now)

    [(user, params)] = told("level_changed")[len(earlier) :]
    assert (user, params["from_day"]) == (world.users["ib"].pk, at.date().isoformat())


def test_an_ib_is_told_once_of_a_plan_that_waits(world: World) -> None:
    below = IB.objects.get(pk=world.ids["ib_below"])
    below.user = world.users["client"]
    below.save(update_fields=["user"])

    tell(now=world.now)
    tell(now=world.now + timedelta(days=1))

    waiting = sorted(pending.plan.name for pending in pending_for(below, at=world.now))
    assert waiting == ["Gold", "Silver"]
    assert sorted(told("plan_to_accept"), key=str) == [(world.users["client"].pk, {"plan": name}) for name in waiting]
    assert PlanAssignment.objects.filter(ib=below, plan__code="silver").count() == 0


def test_staff_are_told_of_held_deals_and_stopped_rounds_once_an_hour(world: World) -> None:
    give_rights(["trading.release_held_deal", "mt4bridge.edit_server"])
    server = MtServer.objects.get(name="Live")
    note_error(server=server, error=RoundFailed(kind="X", place="y.py:1", reference="r"), now=world.now)
    hour = world.now.replace(minute=0)
    HeldDeal.objects.update(held_at=hour + timedelta(minutes=30))

    for minutes in (0, 1, 59, 61, 150):
        tell(now=hour + timedelta(minutes=minutes))

    staff = world.users["staff"].pk
    assert told("deals_held") == [(staff, {"server": server.name, "count": "1"})] * 2
    assert told("round_failed") == [(staff, {"server": server.name})] * 3
    assert not Message.objects.filter(kind__in=["deals_held", "round_failed"]).exists()
