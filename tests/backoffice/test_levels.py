"""Levels in the back office: rules with errors beside fields, the queue, evaluations and why, the exclusion list."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext

from access.models import User
from commissions.levels.changes import place_ib
from commissions.levels.enums import ApprovalNeed
from commissions.levels.evaluation import evaluate_period, measure_progress, next_duty
from commissions.levels.ladders import versions_in_force
from commissions.levels.models import (
    Ladder,
    LevelDecision,
    LevelExclusion,
    LevelPlacement,
    LevelProgress,
    LevelResult,
    LevelRun,
)
from commissions.levels.periods import PeriodKind, period_of
from core import jobs
from ib.models import IB
from mt4bridge.models import MtServer
from tests.backoffice.conftest import OPENED, SYSTEM, Network, make_account, make_client, make_ib
from tests.backoffice.pages import errors, facts, heading, messages, rows
from tests.commissions.levels.world import BRONZE, SILVER, publish, terms
from trading.models import Deal, DealCursor, MtGroup, TradingAccount

pytestmark = pytest.mark.integration
RIGHTS = (
    "backoffice.view_overview", "commissions.view_level", "commissions.edit_ladder", "commissions.approve_level",
    "commissions.place_ib", "commissions.exclude_ib", "commissions.evaluate_levels", "ib.view_ib",
)  # fmt: skip
NOW = datetime.now(UTC)
MONTH = period_of(PeriodKind.MONTH, (NOW.replace(day=1) - timedelta(days=1)).date())
SINCE, UNTIL = MONTH.moments("UTC")


@pytest.fixture
def staff(new_staff: Callable[..., User], as_staff: Callable[[User], Browser]) -> Browser:
    return as_staff(new_staff(rights=RIGHTS))


def trade(account: TradingAccount, lots: str, at: datetime, *, recorded_at: datetime | None = None) -> Deal:
    volume = int(Decimal(lots) * 10**8)
    return Deal.objects.create(
        server=account.server, ticket=Deal.objects.count() + 1, account=account, action=1, entry=1, reason=0,
        position=1, volume_e8=volume, volume_closed_e8=volume, price_e8=10**8, contract_size_e8=10**13, digits=5,
        profit_e8=0, swap_e8=0, commission_e8=0, fee_e8=0, deal_at=at,
        recorded_at=recorded_at or at,
    )  # fmt: skip


@pytest.fixture
def evaluated(network: Network, server: MtServer) -> LevelRun:
    """Last month: Omar reached Silver with Maria's 12 lots, Grace through him; Elena fell from it; all wait."""
    DealCursor.objects.create(server=server, complete_until=NOW)
    trade(network.account, "12", SINCE + timedelta(days=3))
    ladder = publish(terms(BRONZE, SILVER, effective_date=MONTH.first, approval=ApprovalNeed.ALWAYS))
    place_ib(
        ib=network.elena, ladder=ladder, level_code="silver", at=SINCE, reason="", actor=SYSTEM, now=OPENED
    )  # fmt: skip
    duty = next_duty(ladder, now=NOW)
    assert duty
    return evaluate_period(duty=duty, now=NOW)


def result_of(name: str) -> LevelResult:
    return LevelResult.objects.select_related("ib").filter(ib__name=name).order_by("-pk")[0]


def card(place: int, **values: str) -> dict[str, str]:
    return {f"levels-{place}-{name}": value for name, value in {"match": "all", **values}.items()}


def rules(*cards: dict[str, str], **values: str) -> dict[str, str]:
    form = {
        "effective_date": "2026-01-01", "period": "month", "scope": "network", "approval": "always",
        "demotion_after": "2", "demotion_target": "reached", "grace_periods": "0", "active_min_lots": "0",
        "takes_new": "on", "levels-TOTAL_FORMS": str(len(cards)), "levels-INITIAL_FORMS": "0", **values,
    }  # fmt: skip
    for each in cards:
        form |= each
    return form


def test_a_ladder_is_made_and_its_rules_published(staff: Browser) -> None:
    made = staff.post("/office/levels/ladders/new/", {"name": "Partners", "code": "partners"})
    ladder = Ladder.objects.get()
    assert (made.status_code, made.headers["Location"]) == (302, f"/office/levels/ladders/{ladder.pk}/publish/")

    page = staff.get(made.headers["Location"])
    assert heading(page) == "New rules of Partners"
    sent = rules(
        card(0, name="Bronze", code="bronze"), card(1, name="Gold", code="gold", min_lots="50", min_active_clients="3"),
        card(2),
    )  # fmt: skip
    answer = staff.post(made.headers["Location"], sent)

    assert answer.status_code == 302
    (version,) = versions_in_force(ladder)
    assert [(level.code, level.min_lots, level.min_active_clients) for level in version.terms.levels] == [
        ("bronze", None, None), ("gold", Decimal(50), 3),
    ]  # fmt: skip
    shown = staff.get(f"/office/levels/ladders/{ladder.pk}/")
    assert rows(shown) == [
        ["Goldgold", "Closed volume, lots ≥ 50.00Active clients ≥ 3", "", "0 IBs"],
        ["Bronzebronze", "nothing", "", "0 IBs"],
    ]  # fmt: skip
    assert facts(shown, "Rules")["Demotion"] == "after 2 periods below in a row"
    assert rows(staff.get("/office/levels/ladders/"))[0][:2] == ["Partnerspartners", "Bronze · Gold"]


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (rules(card(0, name="A", code="a")), ["A ladder has 2 to 20 levels."]),
        (rules(card(0, name="A", code="a"), card(1, name="B", code="b")),
         ["Say at least one condition: without one everybody reaches this level."]),
        (rules(card(0, name="A", code="a"), card(1, name="B", code="", min_lots="1")), ["This field is needed."]),
        (rules(card(0, name="A", code="a"), card(1, name="B", code="b", min_lots="x")), ["Enter a number."]),
        (rules(card(0, name="A", code="a"), card(1, name="B", code="b", min_lots="1"), effective_date="2026-01-02"),
         ["This must be the first day of a period: periods are evaluated whole."]),
    ],
)  # fmt: skip
def test_refused_rules_say_why_beside_the_field(staff: Browser, sent: dict[str, str], expected: list[str]) -> None:
    staff.post("/office/levels/ladders/new/", {"name": "Partners", "code": "partners"})
    ladder = Ladder.objects.get()

    answer = staff.post(f"/office/levels/ladders/{ladder.pk}/publish/", sent)

    assert (answer.status_code, errors(answer)) == (422, expected)
    assert ladder.versions.count() == 0


def test_new_rules_begin_with_those_in_force(staff: Browser) -> None:
    ladder = publish(terms(BRONZE, SILVER, demotion_after=3))

    page = staff.get(f"/office/levels/ladders/{ladder.pk}/publish/")

    text = page.content.decode()
    assert 'name="levels-1-min_lots" value="10"' in text
    assert 'name="demotion_after" value="3"' in text


def test_a_taken_code_is_refused(staff: Browser) -> None:
    publish(terms())

    answer = staff.post("/office/levels/ladders/new/", {"name": "Again", "code": "partners"})

    assert (answer.status_code, errors(answer)) == (422, ["Another ladder is called partners already."])


def test_the_queue_shows_what_waits_and_why(staff: Browser, evaluated: LevelRun) -> None:
    page = staff.get("/office/levels/")

    assert [(row[1], row[2]) for row in rows(page)] == [
        ("Elena Popescu7020", "Demotion Silver → Bronze"),
        ("Grace Tan7013", "Promotion Bronze → Silver"),
        ("Omar Farouk7230", "Promotion Bronze → Silver"),
    ]
    assert rows(page)[2][3].startswith("The figures reach Silver: from Bronze to Silver.")
    assert "Closed volume, lots 12.00" in rows(page)[2][3]


def test_ticked_changes_are_approved_each_by_itself(staff: Browser, evaluated: LevelRun) -> None:
    ticked = [result_of(name).pk for name in ("Omar Farouk", "Grace Tan")]
    answer = staff.post("/office/levels/decide/", {"change": ticked, "decision": "approve"}, follow=True)

    assert messages(answer) == ["2 changes are decided."]
    placed = LevelPlacement.objects.filter(active_from=UNTIL).order_by("ib__name")
    assert list(placed.values_list("ib__name", "level_code")) == [("Grace Tan", "silver"), ("Omar Farouk", "silver")]
    again = staff.post("/office/levels/decide/", {"change": ticked[:1], "decision": "approve"}, follow=True)
    assert messages(again) == ["Omar Farouk: This was decided already: Applied."]
    assert LevelDecision.objects.count() == 2


def test_a_refusal_needs_a_reason(staff: Browser, evaluated: LevelRun) -> None:
    wanted = result_of("Elena Popescu").pk

    answer = staff.post("/office/levels/decide/", {"change": wanted, "decision": "reject"})
    assert (answer.status_code, errors(answer)) == (422, ["Say why: the reason stays with the result."])
    nothing = staff.post("/office/levels/decide/", {"decision": "approve"})
    assert (nothing.status_code, errors(nothing)) == (422, ["Tick at least one change."])

    staff.post("/office/levels/decide/", {"change": wanted, "decision": "reject", "reason": "on leave"})

    assert list(LevelDecision.objects.values_list("result", "state", "reason")) == [(wanted, "rejected", "on leave")]
    page = staff.get(f"/office/levels/results/{wanted}/")
    assert facts(page, "Result")["Reason"] == "on leave"


def test_a_result_says_what_every_level_asked_for(staff: Browser, evaluated: LevelRun) -> None:
    page = staff.get(f"/office/levels/results/{result_of('Elena Popescu').pk}/")

    assert heading(page) == "Elena Popescu: Silver → Bronze"
    assert rows(page) == [
        ["SilverNot reached"], ["Closed volume, lots", "10.00", "0.00", "10.00"],
        ["BronzeReached"], ["nothing: everybody reaches it"],
    ]  # fmt: skip
    assert facts(page, "Measured") == {
        "Closed volume, lots": "0.00", "Active clients": "0", "Closing deals": "0",
    }  # fmt: skip


def test_an_evaluation_lists_results_and_tells_late_deals(
    staff: Browser, evaluated: LevelRun, network: Network
) -> None:
    trade(network.account, "1", SINCE + timedelta(days=4), recorded_at=NOW + timedelta(minutes=1))

    page = staff.get(f"/office/levels/evaluations/{evaluated.pk}/")

    assert [row[0] for row in rows(page)] == ["Grace Tan7013", "Omar Farouk7230", "Elena Popescu7020"]
    assert "1 deal of this period came or changed after the evaluation" in page.content.decode()
    only = staff.get(f"/office/levels/evaluations/{evaluated.pk}/?outcome=demotion")
    assert [row[0] for row in rows(only)] == ["Elena Popescu7020"]


def test_an_evaluation_can_be_repeated_and_somebody_else_decides(staff: Browser, evaluated: LevelRun) -> None:
    refused = staff.post(f"/office/levels/evaluations/{evaluated.pk}/again/", {"reason": ""})
    assert (refused.status_code, errors(refused)) == (422, ["This field is required."])

    answer = staff.post(f"/office/levels/evaluations/{evaluated.pk}/again/", {"reason": "late deals"}, follow=True)

    assert messages(answer) == ["The period is evaluated again."]
    own = staff.post(
        "/office/levels/decide/", {"change": result_of("Omar Farouk").pk, "decision": "approve"}, follow=True
    )
    assert messages(own) == ["Omar Farouk: You asked for this evaluation yourself. Somebody else has to decide."]
    stale = staff.post(f"/office/levels/evaluations/{evaluated.pk}/again/", {"reason": "again"})
    assert stale.status_code == 422


def test_the_exclusion_list(staff: Browser, network: Network) -> None:
    answer = staff.post("/office/levels/exclusions/add/", {"ib": "7230", "reason": "own contract"}, follow=True)
    assert messages(answer) == ["Omar Farouk is on the list."]
    assert rows(answer)[0][:2] == ["Omar Farouk7230", "own contractdana.kim@aurora.example"]

    twice = staff.post("/office/levels/exclusions/add/", {"ib": "7230", "reason": "again"})
    assert errors(twice) == ["7230 is on the exclusion list during that time already."]
    unknown = staff.post("/office/levels/exclusions/add/", {"ib": "9", "reason": "x", "until": "2020-01-01T00:00"})
    assert errors(unknown) == ["There is no IB with the code 9.", "This moment is over already."]

    row = LevelExclusion.objects.get()
    staff.post(f"/office/levels/exclusions/{row.pk}/end/")
    row.refresh_from_db()
    assert row.active_to is not None


def test_an_ib_is_put_on_a_level_by_hand(staff: Browser, network: Network) -> None:
    publish(terms())

    page = staff.get(f"/office/levels/ibs/{network.omar.pk}/")
    assert heading(page) == "Level of Omar Farouk"
    sent = {"ladder": "partners", "level": "gold", "at": "", "reason": "comes from a competitor"}
    assert staff.post(f"/office/levels/ibs/{network.omar.pk}/", sent).status_code == 302
    again = staff.post(f"/office/levels/ibs/{network.omar.pk}/", sent)

    assert LevelPlacement.objects.get().level_code == "gold"
    assert (again.status_code, errors(again)) == (422, ["7230 stands on this level at that moment already."])


def test_the_preview_shows_what_the_running_period_would_bring(
    staff: Browser, network: Network, server: MtServer
) -> None:
    ladder = publish(terms(BRONZE, SILVER))
    trade(network.account, "12", NOW)
    answer = staff.post(f"/office/levels/ladders/{ladder.pk}/measure/", follow=True)
    assert messages(answer) == ["The running period is being measured. Reload this page in a moment."]
    assert jobs.run_due(now=datetime.now(UTC)) == 1

    page = staff.get(f"/office/levels/ladders/{ladder.pk}/")

    shown = facts(page, "If the period ended now")
    assert (shown["IBs"], shown["Would rise"], shown["Would fall"]) == ("3", "2", "0")
    assert LevelProgress.objects.filter(outcome="promotion").count() == 2
    assert LevelPlacement.objects.count() == 0


@pytest.mark.parametrize("more", [0, 2])
def test_pages_cost_the_same_for_more_ibs(
    staff: Browser, network: Network, mt_group: MtGroup, server: MtServer, more: int
) -> None:
    DealCursor.objects.create(server=server, complete_until=NOW)
    for number in range(1 + more):
        ib: IB = make_ib(f"x{number}", f"Extra {number}")
        trade(make_account(make_client(f"C {number}", ib=ib), mt_group, 900 + number), "12", SINCE)
    ladder = publish(terms(BRONZE, SILVER, effective_date=MONTH.first, approval=ApprovalNeed.ALWAYS))
    duty = next_duty(ladder, now=NOW)
    assert duty
    run = evaluate_period(duty=duty, now=NOW)
    measure_progress(ladder=ladder, now=NOW)
    counts = []
    for path in ("/office/levels/", f"/office/levels/evaluations/{run.pk}/", f"/office/levels/ladders/{ladder.pk}/"):
        with CaptureQueriesContext(connection) as queries:
            staff.get(path)
        counts.append(len(queries))

    assert counts == [14, 14, 17]
