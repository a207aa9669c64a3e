"""Plans: the list, the grid of rates, giving a plan to an IB."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from commissions.models import Plan, PlanAssignment, PlanVersion
from commissions.services import assign_plan, create_plan, publish_plan_version
from tests.backoffice.conftest import OPENED, SYSTEM, Network
from tests.backoffice.pages import errors, facts, messages, rows, text_of, tree

pytestmark = pytest.mark.integration

FEBRUARY = datetime(2026, 2, 1, tzinfo=UTC)
COST = 7  # statements of the list
TERMS = {
    "rates": [
        {"any": True, "base": "per_lot", "rate": "9", "currency": "USD", "levels": {"2": "1.5"}},
        {"symbol_group": "metals", "base": "per_lot", "rate": "12.5", "currency": "USD"},
        {"any": True, "mt_group": "real\\raw", "base": "commission", "percent": "40"},
        {"symbol": "XAUUSD", "base": "spread", "percent": "10", "at": "close", "cap_points": "30"},
    ],
    "upline": {"mode": "difference"},
    "min_hold_seconds": 60,
}


@pytest.fixture
def plan(broker: object) -> Plan:
    return make_plan("master", TERMS)


def make_plan(code: str, terms: dict[str, Any] | None = None, *, at: datetime = OPENED) -> Plan:
    plan = create_plan(code=code, name=code.title(), actor=SYSTEM, now=OPENED)
    if terms is not None:
        publish_plan_version(plan=plan, terms=terms, effective_from=at, actor=SYSTEM, now=OPENED)
    return plan


def test_list_tells_who_is_paid_now(office: Browser, plan: Plan, network: Network) -> None:
    make_plan("empty")
    assign_plan(ib=network.grace, plan=plan, at=OPENED, actor=SYSTEM, now=OPENED)
    assign_plan(ib=network.omar, plan=plan, at=OPENED, actor=SYSTEM, now=OPENED)
    assign_plan(ib=network.omar, plan=None, at=FEBRUARY, actor=SYSTEM, now=OPENED)

    assert rows(office.get("/office/plans/")) == [
        ["Emptyempty", "0", "No version in force"],
        ["Mastermaster", "1", "2026-01-01 00:00"],
    ]


@pytest.mark.parametrize("count", [1, 3])
def test_list_costs_the_same_for_1_and_3_plans(office: Browser, broker: object, count: int) -> None:
    for number in range(count):
        make_plan(f"plan-{number}", TERMS)
    office.get("/office/plans/")

    with CaptureQueriesContext(connection) as queries:
        answer = office.get("/office/plans/")

    assert len(rows(answer)) == count
    assert len(queries) == COST


def test_rates_stand_as_a_grid_the_more_precise_row_first(office: Browser, plan: Plan) -> None:
    answer = office.get(f"/office/plans/{plan.pk}/")

    header = [text_of(cell) for cell in tree(answer).xpath("(//table)[1]/thead//th")]
    assert header == ["Traded", "All other MT groups", "real\\raw"]
    assert rows(answer) == [
        ["XAUUSDsymbol", "10% of the spreadspread at the closingat most 30 points", "—"],
        ["metalssymbol group metals", "12.5 USD per lot", "—"],
        ["All other symbols", "9 USD per lotlevel 2: 1.5 USD per lot", "40% of the commission"],
    ]


def test_page_shows_the_version_in_force_its_hash_and_its_users(office: Browser, plan: Plan, network: Network) -> None:
    assign_plan(ib=network.grace, plan=plan, at=OPENED, actor=SYSTEM, now=OPENED)
    later = timezone.now() + timedelta(days=3)
    publish_plan_version(plan=plan, terms={"rates": []}, effective_from=later, actor=SYSTEM, now=OPENED)

    answer = office.get(f"/office/plans/{plan.pk}/")

    page = tree(answer)
    in_force = PlanVersion.objects.get(plan=plan, effective_from=OPENED)
    assert in_force.hash.hex in text_of(page.xpath("//section[.//h2='This version']")[0])
    assert facts(answer, "This version") == {
        "Holds from": "2026-01-01 00:00", "Published": "2026-01-01 00:00", "By": "test",
    }  # fmt: skip
    states = [text_of(one) for one in page.xpath("//section[.//h2='Versions']//li/p[1]/span")]
    assert states == ["Planned", "In force"]
    assert [text_of(one) for one in page.xpath("//section[.//h2='IBs paid by it']//li/a[1]")] == ["Grace Tan"]


@pytest.mark.parametrize("version", ["0", "x", "999999"])
def test_a_version_that_is_none_of_the_plans_is_not_there(office: Browser, plan: Plan, version: str) -> None:
    assert office.get(f"/office/plans/{plan.pk}/", {"version": version}).status_code == 404


def test_a_plan_without_a_version_says_so(office: Browser, broker: object) -> None:
    answer = office.get(f"/office/plans/{make_plan('empty').pk}/")

    assert "This plan has no version yet" in answer.content.decode()


def test_a_plan_is_made_once(office: Browser, plan: Plan) -> None:
    done = office.post("/office/plans/new/", {"code": "gold", "name": "Gold"})
    again = office.post("/office/plans/new/", {"code": "master", "name": "Other"})

    made = Plan.objects.get(code="gold")
    assert (done.status_code, done.headers["Location"]) == (302, f"/office/plans/{made.pk}/publish/")
    assert (again.status_code, errors(again)) == (422, ["Another plan is called master already."])


def test_an_ib_is_paid_by_a_plan_from_a_moment_on(office: Browser, plan: Plan, network: Network) -> None:
    page = f"/office/ibs/{network.omar.pk}/plan/"

    done = office.post(page, {"plan": "master", "at": "2026-02-01T00:00"}, follow=True)
    again = office.post(page, {"plan": "master", "at": "2026-02-01T00:00"})
    unknown = office.post(page, {"plan": "nope", "at": ""})

    assert messages(done) == ["Omar Farouk is paid by Master."]
    assert (again.status_code, errors(again)) == (422, ["7230 is paid by this plan at that moment already."])
    assert unknown.status_code == 422
    rows_of = PlanAssignment.objects.filter(ib=network.omar)
    assert list(rows_of.values_list("plan__code", "active_from", "active_to")) == [("master", FEBRUARY, None)]
