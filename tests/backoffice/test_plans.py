"""Plans: the grid of rates, publishing a version from the form and from JSON, giving a plan to an IB."""

import json
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
FIRST_ROW = {
    "scope": "any", "name": "", "mt_group": "", "base": "per_lot", "value": "9", "currency": "USD", "extra": "",
}  # fmt: skip


@pytest.fixture
def plan(broker: object) -> Plan:
    return make_plan("master", TERMS)


def make_plan(code: str, terms: dict[str, Any] | None = None, *, at: datetime = OPENED) -> Plan:
    plan = create_plan(code=code, name=code.title(), actor=SYSTEM, now=OPENED)
    if terms is not None:
        publish_plan_version(plan=plan, terms=terms, effective_from=at, actor=SYSTEM, now=OPENED)
    return plan


def form_of(*rate_rows: dict[str, str], **changed: object) -> dict[str, object]:
    data: dict[str, object] = {
        "editor": "form", "effective_from": "2026-02-01T00:00", "count_on": "close", "upline_mode": "difference",
        "max_level": "", "upline_percent": "", "min_hold_seconds": "0", "rates-TOTAL_FORMS": len(rate_rows),
        "rates-INITIAL_FORMS": 0, **changed,
    }  # fmt: skip
    for number, row in enumerate(rate_rows):
        data |= {f"rates-{number}-{name}": value for name, value in row.items()}
    return data


def latest(plan: Plan) -> PlanVersion:
    return PlanVersion.objects.filter(plan=plan).order_by("-pk")[0]


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
        ["metalssymbol group", "12.5 USD per lot", "—"],
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
    assert [text_of(one) for one in page.xpath("//section[.//h2='IBs paid by it']//li")] == ["Grace Tan7013"]


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


def test_form_publishes_what_it_shows_and_keeps_the_rest(office: Browser, broker: object) -> None:
    plan = make_plan("master", {**TERMS, "client_rebate": {"percent": "10", "from": "own"}})
    row = {**FIRST_ROW, "value": "8", "extra": json.dumps({"levels": {"2": "1.5"}})}
    empty = {**FIRST_ROW, "value": "", "currency": ""}

    answer = office.post(
        f"/office/plans/{plan.pk}/publish/", form_of(row, empty, min_hold_seconds="30", self_trades="on"), follow=True
    )

    assert messages(answer) == ["The version is published. Deals of its time are judged by it in the next round."]
    version = latest(plan)
    assert (version.effective_from, version.published_by) == (FEBRUARY, "dana.kim@aurora.example")
    assert version.terms == {
        "count_on": "close",
        "close_by": "one",
        "rates": [{"any": True, "base": "per_lot", "rate": "8", "currency": "USD", "levels": {"2": "1.5"}}],
        "upline": {"mode": "difference", "inactive": "skip"},
        "min_hold_seconds": 30,
        "exclude_reasons": [],
        "self_trades": "pay",
        "client_rebate": {"percent": "10", "from": "own"},
    }


def test_a_ticked_row_is_removed(office: Browser, plan: Plan) -> None:
    removed = {**FIRST_ROW, "scope": "symbol_group", "name": "metals", "DELETE": "on"}

    office.post(f"/office/plans/{plan.pk}/publish/", form_of(FIRST_ROW, removed))

    assert [row.get("symbol_group") for row in latest(plan).terms["rates"]] == [None]


def test_faults_stand_beside_their_row(office: Browser, plan: Plan) -> None:
    empty = {**FIRST_ROW, "value": "", "currency": ""}
    no_currency = {**FIRST_ROW, "scope": "symbol", "name": "XAUUSD", "currency": ""}
    over = {**FIRST_ROW, "scope": "symbol", "name": "XAGUSD", "base": "commission", "value": "140", "currency": ""}

    answer = office.post(f"/office/plans/{plan.pk}/publish/", form_of(FIRST_ROW, empty, no_currency, over))

    assert answer.status_code == 422
    faulty = tree(answer).xpath("//tr[td/p[@role='alert']]")
    assert [(text_of(row), row.getprevious().xpath(".//input[@type='text']/@value")[0]) for row in faulty] == [
        ("currency: An amount needs its currency.", "XAUUSD"),
        ("percent: 140 is over 100 percent. A share cannot be more than the whole.", "XAGUSD"),
    ]
    assert PlanVersion.objects.filter(plan=plan).count() == 1


def test_a_fault_of_no_row_stands_above_the_form(office: Browser, plan: Plan) -> None:
    answer = office.post(
        f"/office/plans/{plan.pk}/publish/", form_of(FIRST_ROW, upline_mode="percent_of_child", upline_percent="")
    )

    assert (answer.status_code, errors(answer)) == (422, ["upline.percent: This value is missing."])


def test_json_publishes_all_terms(office: Browser, plan: Plan) -> None:
    terms = {"rates": TERMS["rates"][:1], "client_rebate": {"percent": "5"}}

    answer = office.post(
        f"/office/plans/{plan.pk}/publish/",
        {"editor": "json", "effective_from": "2026-02-01T00:00", "terms": json.dumps(terms)},
    )

    assert answer.status_code == 302
    assert latest(plan).terms["client_rebate"] == {"percent": "5", "from": "own"}


def test_json_faults_are_listed_with_their_place(office: Browser, plan: Plan) -> None:
    terms = {"rates": [{"any": True, "rate": "5"}], "tiers": {"measure": "moons", "steps": []}, "colour": "red"}

    answer = office.post(f"/office/plans/{plan.pk}/publish/", {"editor": "json", "terms": json.dumps(terms)})

    assert answer.status_code == 422
    assert sorted(error.partition(":")[0] for error in errors(answer)) == [
        "colour", "rates[0].base", "tiers.measure", "tiers.steps",
    ]  # fmt: skip
    assert json.dumps(terms) in tree(answer).xpath("//textarea")[0].text
    assert PlanVersion.objects.filter(plan=plan).count() == 1


@pytest.mark.parametrize("terms", ["[]", "null", "5", '"x"', "{"])
def test_json_that_is_no_table_is_refused(office: Browser, plan: Plan, terms: str) -> None:
    answer = office.post(f"/office/plans/{plan.pk}/publish/", {"editor": "json", "terms": terms})

    assert answer.status_code == 422
    assert len(errors(answer)) == 1


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
