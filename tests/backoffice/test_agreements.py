"""Versions compared, a plan's end, an IB's agreement: from a moment on, told, and only for who may."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.test import Client as Browser

from access.models import AuditEvent
from commissions.models import PlanAssignment
from commissions.services import assign_plan, publish_plan_version
from commissions.terms import Terms, parse_terms
from ib.models import Agreement
from ib.services import set_agreement
from ib.types import Terms as Agreed
from tests.backoffice.conftest import OPENED, SYSTEM, Network
from tests.backoffice.pages import errors, messages, rows
from tests.backoffice.test_plans import TERMS, make_plan
from ui.plan_difference import difference

pytestmark = pytest.mark.integration

FEBRUARY = datetime(2026, 2, 1, tzinfo=UTC)
CHANGED = {
    "rates": [
        {"symbol_group": "metals", "base": "per_lot", "rate": "12.5", "currency": "USD"},
        {"any": True, "base": "per_lot", "rate": "10.5", "currency": "USD", "levels": {"2": "1.5"}},
        {"symbol": "XAUUSD", "base": "per_lot", "rate": "3", "currency": "USD"},
        {"symbol_group": "oil", "base": "points", "points": "2"},
    ],
    "upline": {"mode": "difference"},
    "min_hold_seconds": 0,
    "client_rebate": {"percent": "10"},
}


def terms(plain: dict[str, object]) -> Terms:
    found, faults = parse_terms(plain)
    assert found is not None, faults
    return found


def test_versions_are_compared_row_by_row(office: Browser, broker: object) -> None:
    plan = make_plan("master", TERMS)
    publish_plan_version(plan=plan, terms=CHANGED, effective_from=FEBRUARY, actor=SYSTEM, now=OPENED)

    answer = office.get(f"/office/plans/{plan.pk}/difference/")

    assert rows(answer) == [
        ["all symbols", "9 USD per lot; level 2: 1.5 USD per lot", "10.5 USD per lot; level 2: 1.5 USD per lot",
         "+1.5 (+16.7%)"],
        ["XAUUSD", "10% of the spread; spread at the closing; at most 30 points", "3 USD per lot", "other terms"],
        ["oil", "—", "2 points", "new"],
        ["all symbols · real\\raw", "40% of the commission", "—", "gone"],
    ]  # fmt: skip
    assert rows(answer, table=1) == [
        ["Client’s own share", "—", "10% of your rebate goes to the client."],
        ["Shortest holding time", "At least 60 seconds.", "—"],
    ]


def test_the_order_of_rates_is_no_difference() -> None:
    turned = {**TERMS, "rates": TERMS["rates"][::-1]}

    assert difference(terms(TERMS), terms(turned)).is_empty


def test_less_is_told_with_its_sign() -> None:
    lower = {"rates": [{"any": True, "base": "per_lot", "rate": "8", "currency": "USD"}]}
    higher = {"rates": [{"any": True, "base": "per_lot", "rate": "10", "currency": "USD"}]}

    found = difference(terms(higher), terms(lower)).rates[0]

    assert (found.step, found.kind) == ("\N{MINUS SIGN}2 (\N{MINUS SIGN}20.0%)", "less")


def test_a_plan_without_versions_has_nothing_to_compare(office: Browser, broker: object) -> None:
    plan = make_plan("empty")

    assert office.get(f"/office/plans/{plan.pk}/difference/").status_code == 404
    assert office.get(f"/office/plans/{make_plan('a', TERMS).pk}/difference/", {"before": "9999"}).status_code == 404


def test_an_assignment_ends_at_a_moment(office: Browser, network: Network) -> None:
    plan = make_plan("master", TERMS)
    assign_plan(ib=network.omar, plan=plan, at=OPENED, actor=SYSTEM, now=OPENED)
    page = f"/office/ibs/{network.omar.pk}/plan/end/"

    done = office.post(page, {"at": "2026-02-01T00:00"}, follow=True)
    again = office.post(page, {"at": "2026-03-01T00:00"})

    assert messages(done) == ["The plan of Omar Farouk ends as you said."]
    assert (again.status_code, errors(again)) == (422, ["7230 is paid by this plan at that moment already."])
    found = PlanAssignment.objects.filter(ib=network.omar)
    assert list(found.values_list("active_from", "active_to")) == [(OPENED, FEBRUARY)]


def test_an_agreement_changes_from_a_moment_on(office: Browser, network: Network) -> None:
    page = f"/office/ibs/{network.omar.pk}/agreement/"
    wanted = {"keep_percent": "70.5", "rank": "3", "active": "on", "at": "2026-02-01T00:00", "reason": "promoted"}

    done = office.post(page, wanted, follow=True)
    again = office.post(page, wanted)

    assert messages(done) == ["The agreement with Omar Farouk changes as you said."]
    assert (again.status_code, len(errors(again))) == (422, 1)
    found = Agreement.objects.get(ib=network.omar, active_from=FEBRUARY)
    assert (found.keep_percent, found.rank, found.active) == (Decimal("70.5"), 3, True)
    event = AuditEvent.objects.filter(action="ib.edit_agreement").order_by("-pk")[0]
    assert (event.reason, event.actor_label) == ("promoted", "dana.kim@aurora.example")


@pytest.mark.parametrize("wrong", [{"keep_percent": "101"}, {"keep_percent": "x"}, {"rank": "1.5"}, {"at": "soon"}])
def test_a_wrong_agreement_says_so_and_keeps_what_was_typed(
    office: Browser, network: Network, wrong: dict[str, str]
) -> None:
    set_agreement(ib=network.omar, terms=Agreed(rank=2), at=OPENED, actor=SYSTEM, now=OPENED)

    answer = office.post(f"/office/ibs/{network.omar.pk}/agreement/", {"rank": "7", **wrong})

    assert (answer.status_code, len(errors(answer))) == (422, 1)
    assert all(f'value="{text}"' in answer.content.decode() for text in wrong.values())
    assert list(Agreement.objects.filter(ib=network.omar).values_list("rank", flat=True)) == [2]


def test_a_plan_that_requires_acceptance_is_offered(office: Browser, network: Network) -> None:
    plan = make_plan("master", TERMS)
    saved = office.post(
        f"/office/plans/{plan.pk}/policy/", {"asking": "required", "sub_percent_most": "80"}, follow=True
    )
    offered = office.post(f"/office/ibs/{network.omar.pk}/plan/", {"plan": "master", "at": ""}, follow=True)
    listed = office.get("/office/consents/")

    assert messages(saved) == ["This holds for Master from now on."]
    assert messages(offered) == ["Master is offered to Omar Farouk. It begins with its acceptance."]
    assert PlanAssignment.objects.count() == 0
    assert rows(listed)[0][:2] == ["Omar Farouk7230", "Master"]


@pytest.mark.parametrize("wrong", [{"sub_percent_most": "101"}, {"client_percent_most": "-1"}, {"asking": "maybe"}])
def test_a_wrong_policy_says_so(office: Browser, broker: object, wrong: dict[str, str]) -> None:
    plan = make_plan("master", TERMS)

    answer = office.post(f"/office/plans/{plan.pk}/policy/", {"asking": "asked", **wrong})

    assert (answer.status_code, len(errors(answer))) == (422, 1)
