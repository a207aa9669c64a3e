"""A period's evaluation: what follows for each IB, stored with its inputs, applied once, from the next period on."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import DatabaseError, connection, transaction

from access.enums import UserKind
from access.models import AuditEvent
from access.queries import actor_for
from access.services import create_role, create_user, grant_role
from access.types import Actor
from commissions.levels.changes import apply_change, place_ib, reject_change
from commissions.levels.enums import ApprovalNeed, Decision, PeriodKind
from commissions.levels.errors import (
    AlreadyDecided,
    AlreadyEvaluated,
    AskedForIt,
    NothingToDecide,
    NotTheLatest,
    OnExclusionList,
    PeriodNotOver,
    SameLevel,
    UnknownLevel,
)
from commissions.levels.evaluation import (
    Duty,
    evaluate_again,
    evaluate_period,
    is_complete,
    measure_progress,
    next_duty,
)
from commissions.levels.exclusions import exclude_ib
from commissions.levels.ladders import versions_in_force
from commissions.levels.models import Ladder, LevelDecision, LevelPlacement, LevelProgress, LevelResult
from commissions.levels.periods import period_of
from commissions.levels.queries import find_my_level, open_automatic
from commissions.models import Plan, PlanAssignment
from core.errors import Forbidden
from ib.models import IB
from ib.queries import agreement_at
from ib.services import set_agreement
from ib.types import Terms
from tests.commissions.levels.world import (
    BRONZE,
    GOLD,
    OPENED,
    SILVER,
    SYSTEM,
    LevelWorld,
    at,
    evaluate,
    publish,
    results,
    terms,
)
from trading.models import DealCursor

pytestmark = pytest.mark.unit
D = Decimal
FEBRUARY = at(2, 1, 0)


def apply_open(ladder: Ladder, now: object) -> list[str]:
    return [apply_change(result=each, actor=SYSTEM, now=now).state for each in open_automatic(ladder)]  # type: ignore[arg-type]


def levels_of(ib: IB) -> list[tuple[str, object, object]]:
    rows = LevelPlacement.objects.filter(ib=ib).order_by("active_from")
    return [(row.level_code, row.active_from, row.active_to) for row in rows]


def plans_of(ib: IB) -> list[tuple[str, object, object]]:
    rows = PlanAssignment.objects.filter(ib=ib).select_related("plan").order_by("active_from")
    return [(row.plan.code, row.active_from, row.active_to) for row in rows]


@pytest.fixture
def approver(world: LevelWorld) -> Callable[[str], Actor]:
    def make(name: str) -> Actor:
        user = create_user(email=f"{name}@example.com", name=name, kind=UserKind.STAFF, actor=SYSTEM, now=OPENED)
        role = create_role(
            code=name, name=name, rights=["commissions.approve_level", "commissions.evaluate_levels"], actor=SYSTEM,
            now=OPENED,
        )  # fmt: skip
        grant_role(user=user, role=role, actor=SYSTEM, now=OPENED)
        return actor_for(user)

    return make


def test_a_year_of_one_ib(world: LevelWorld) -> None:
    """Worked example: Silver from 10 lots, Gold from 50 and 2 clients, demotion after 2 months below."""
    ib = world.ib("kim")
    first, second = world.client("A", ib), world.client("B", ib)
    ladder = publish(terms(demotion_after=2))
    story = [
        # month, lots of A, lots of B, level of the month, level of the next one, outcome, months below
        (1, "9.99", "0", "bronze", "bronze", "stays", 0),
        (2, "10", "0", "bronze", "silver", "promotion", 0),
        (3, "60", "0", "silver", "silver", "stays", 0),  # 60 lots but one client only
        (4, "30", "20", "silver", "gold", "promotion", 0),
        (5, "0", "12", "gold", "gold", "below", 1),
        (6, "50", "50", "gold", "gold", "stays", 0),
        (7, "0", "0", "gold", "gold", "below", 1),
        (8, "0", "12", "gold", "silver", "demotion", 0),
        (9, "0", "0", "silver", "silver", "below", 1),
        (10, "0", "0", "silver", "bronze", "demotion", 0),
    ]
    told = []
    for month, of_first, of_second, *_ in story:
        for account, lots in ((first, of_first), (second, of_second)):
            if lots != "0":
                world.trade(account, lots, at(month, 15))
        run = evaluate(ladder, at(month + 1, 1, 1))
        apply_open(ladder, at(month + 1, 1, 1))
        row = LevelResult.objects.get(run=run)
        told.append((month, of_first, of_second, row.level_before, row.level_after, row.outcome, row.periods_below))

    assert told == story
    assert levels_of(ib) == [
        ("silver", at(3, 1, 0), at(5, 1, 0)), ("gold", at(5, 1, 0), at(9, 1, 0)),
        ("silver", at(9, 1, 0), at(11, 1, 0)), ("bronze", at(11, 1, 0), None),
    ]  # fmt: skip


def test_a_level_gives_plan_rank_and_share_from_the_next_period_on(world: LevelWorld) -> None:
    ib = world.ib("kim")
    world.trade(world.client("A", ib), "10", at(1, 15))
    set_agreement(ib=ib, terms=Terms(rank=1, active=True), at=OPENED, actor=SYSTEM, now=OPENED)
    basic, better = world.plan("basic"), world.plan("better")
    ladder = publish(terms(
        replace(BRONZE, plan_id=basic.pk, rank=1, keep_percent=D(60)),
        replace(SILVER, plan_id=better.pk, rank=2, keep_percent=D(70)),
    ))  # fmt: skip

    evaluate(ladder, at(2, 3))
    assert apply_open(ladder, at(2, 3)) == [Decision.APPLIED]

    assert plans_of(ib) == [("better", FEBRUARY, None)]
    assert agreement_at(ib=ib, at=FEBRUARY) == Terms(keep_percent=D(70), rank=2, active=True)
    assert agreement_at(ib=ib, at=FEBRUARY - timedelta(microseconds=1)) == Terms(rank=1, active=True)


def test_a_plan_that_the_ib_has_already_is_no_obstacle(world: LevelWorld) -> None:
    ib = world.ib("kim")
    world.trade(world.client("A", ib), "10", at(1, 15))
    plan = world.plan("one")
    ladder = publish(terms(replace(BRONZE, plan_id=plan.pk), replace(SILVER, plan_id=plan.pk)))
    PlanAssignment.objects.create(ib=ib, plan=plan, active_from=OPENED)

    evaluate(ladder, at(2, 3))

    assert apply_open(ladder, at(2, 3)) == [Decision.APPLIED]
    assert plans_of(ib) == [("one", OPENED, None)]


def test_the_inputs_are_stored_with_the_result(world: LevelWorld) -> None:
    ib = world.ib("kim")
    account = world.client("A", ib)
    world.trade(account, "7.5", at(1, 15))
    world.money(account, "300", at(1, 16))
    rich = replace(SILVER, min_lots=None, min_net_deposit_usd=D(300), min_notional_usd=D(1_000_000), match="any")
    run = evaluate(publish(terms(BRONZE, rich)), at(2, 3))

    row = LevelResult.objects.get(run=run, ib=ib)

    assert (row.lots, row.active_clients, row.notional_usd, row.net_deposit_usd, row.deals, row.unmeasured_deals) == (
        D("7.5"), 1, D(825_000), D(300), 1, 0,
    )  # fmt: skip
    assert (row.level_before, row.level_reached, row.level_after) == ("bronze", "silver", "silver")
    assert (run.effective_at, run.measured_at, run.complete_until) == (FEBRUARY, at(2, 3), at(12, 31))


def test_results_cannot_be_changed(world: LevelWorld) -> None:
    world.ib("kim")
    run = evaluate(publish(terms()), at(2, 3))

    for statement in ("UPDATE commissions_levelresult SET lots = 1", "DELETE FROM commissions_levelrun"):
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
    assert results(run) == {"kim": ("bronze", "bronze", "stays")}


def test_the_settlement_zone_says_when_a_month_ends(world: LevelWorld, broker: object) -> None:
    ib = world.ib("kim")
    account = world.client("A", ib)
    world.trade(account, "10", at(1, 31, 23, 30))  # February in Nicosia
    connection.tenant.settlement_zone = "Asia/Nicosia"
    try:
        ladder = publish(terms())
        january = evaluate(ladder, at(1, 31, 22))  # 00:00 there
        february = evaluate(ladder, at(3, 1, 1))
    finally:
        connection.tenant.settlement_zone = "UTC"

    assert (results(january), results(february)) == (
        {"kim": ("bronze", "bronze", "stays")}, {"kim": ("bronze", "silver", "promotion")},
    )  # fmt: skip
    assert january.effective_at == at(1, 31, 22, 0)


def test_a_period_is_evaluated_once_and_only_when_it_is_over(world: LevelWorld) -> None:
    world.ib("kim")
    ladder = publish(terms())
    duty = next_duty(ladder, now=at(2, 1, 0))
    assert duty is not None

    assert next_duty(ladder, now=FEBRUARY - timedelta(microseconds=1)) is None
    with pytest.raises(PeriodNotOver):
        evaluate_period(duty=duty, now=FEBRUARY - timedelta(microseconds=1))
    evaluate_period(duty=duty, now=FEBRUARY)
    with pytest.raises(AlreadyEvaluated):
        evaluate_period(duty=duty, now=FEBRUARY)
    assert next_duty(ladder, now=FEBRUARY) is None


def test_periods_before_the_ladder_was_published_are_history(world: LevelWorld) -> None:
    world.ib("kim")
    ladder = publish(terms(effective_date=date(2025, 1, 1)), now=at(3, 5))

    duty = next_duty(ladder, now=at(4, 2))

    assert duty is not None
    assert duty.period == period_of(PeriodKind.MONTH, date(2026, 3, 1))


def test_the_version_of_the_periods_start_evaluates(world: LevelWorld) -> None:
    ib = world.ib("kim")
    account = world.client("A", ib)
    world.trade(account, "10", at(1, 15))
    world.trade(account, "10", at(2, 15))
    ladder = publish(terms())
    publish(terms(BRONZE, replace(SILVER, min_lots=D(11)), effective_date=date(2026, 2, 1)))

    assert results(evaluate(ladder, at(3, 2))) == {"kim": ("bronze", "silver", "promotion")}
    assert results(evaluate(ladder, at(3, 2))) == {"kim": ("bronze", "bronze", "stays")}


def test_approval_is_asked_for_as_the_ladder_says(world: LevelWorld, approver: Callable[[str], Actor]) -> None:
    rising, falling = world.ib("rising"), world.ib("falling")
    world.trade(world.client("A", rising), "10", at(1, 15))
    ladder = publish(terms(approval=ApprovalNeed.DEMOTIONS))
    place_ib(ib=falling, ladder=ladder, level_code="gold", at=OPENED, reason="", actor=SYSTEM, now=OPENED)
    run = evaluate(ladder, at(2, 3))

    assert apply_open(ladder, at(2, 3)) == [Decision.APPLIED]
    waiting = LevelResult.objects.get(run=run, ib=falling)
    with pytest.raises(Forbidden):
        apply_change(result=waiting, actor=SYSTEM, now=at(2, 3))
    decided = apply_change(result=waiting, actor=approver("ann"), reason="agreed", now=at(2, 9))

    assert (decided.state, decided.decided_by_label) == ("applied", "ann@example.com")
    assert levels_of(falling) == [("gold", OPENED, FEBRUARY), ("bronze", FEBRUARY, None)]
    assert levels_of(rising) == [("silver", FEBRUARY, None)]
    trail = AuditEvent.objects.filter(action="commissions.approve_level", object_id=str(falling.pk)).get()
    assert (trail.actor_label, trail.reason, trail.before, trail.after["level"]) == (
        "ann@example.com", "agreed", {"level": "gold"}, "bronze",
    )  # fmt: skip


def test_a_change_is_decided_once(world: LevelWorld, approver: Callable[[str], Actor]) -> None:
    ib = world.ib("kim")
    world.trade(world.client("A", ib), "10", at(1, 15))
    run = evaluate(publish(terms(approval=ApprovalNeed.ALWAYS)), at(2, 3))
    row = LevelResult.objects.get(run=run)

    reject_change(result=row, reason="not yet", actor=approver("ann"), now=at(2, 4))

    for act in (apply_change, reject_change):
        with pytest.raises(AlreadyDecided):
            act(result=row, reason="", actor=approver(f"b{act.__name__[:5]}"), now=at(2, 5))
    assert levels_of(ib) == []


def test_a_result_without_a_change_has_nothing_to_decide(world: LevelWorld, approver: Callable[[str], Actor]) -> None:
    world.ib("kim")
    run = evaluate(publish(terms(approval=ApprovalNeed.ALWAYS)), at(2, 3))

    with pytest.raises(NothingToDecide):
        apply_change(result=LevelResult.objects.get(run=run), actor=approver("ann"), now=at(2, 4))


def test_the_next_evaluation_replaces_what_nobody_decided(world: LevelWorld) -> None:
    ib = world.ib("kim")
    account = world.client("A", ib)
    world.trade(account, "10", at(1, 15))
    world.trade(account, "10", at(2, 15))
    ladder = publish(terms(approval=ApprovalNeed.ALWAYS))
    first = evaluate(ladder, at(2, 3))
    second = evaluate(ladder, at(3, 3))

    states = list(LevelDecision.objects.order_by("pk").values_list("result__run", "state"))

    assert states == [(first.pk, "superseded")]
    assert results(second) == {"kim": ("bronze", "silver", "promotion")}


def test_the_excluded_are_measured_but_never_touched(world: LevelWorld) -> None:
    ib = world.ib("kim")
    world.trade(world.client("A", ib), "10", at(1, 15))
    ladder = publish(terms())
    exclude_ib(ib=ib, reason="own contract", until=at(2, 1, 0, 1), actor=SYSTEM, now=at(1, 20))

    run = evaluate(ladder, at(2, 3))

    assert results(run) == {"kim": ("bronze", "bronze", "excluded")}
    assert LevelResult.objects.get(run=run).lots == D(10)
    assert open_automatic(ladder) == []


def test_an_exclusion_that_ends_with_the_period_no_longer_holds(world: LevelWorld) -> None:
    ib = world.ib("kim")
    world.trade(world.client("A", ib), "10", at(1, 15))
    exclude_ib(ib=ib, reason="own contract", until=FEBRUARY, actor=SYSTEM, now=at(1, 20))

    assert results(evaluate(publish(terms()), at(2, 3))) == {"kim": ("bronze", "silver", "promotion")}


def test_an_ib_excluded_after_the_evaluation_is_left_alone(world: LevelWorld, approver: Callable[[str], Actor]) -> None:
    ib = world.ib("kim")
    world.trade(world.client("A", ib), "10", at(1, 15))
    run = evaluate(publish(terms(approval=ApprovalNeed.ALWAYS)), FEBRUARY)
    row = LevelResult.objects.get(run=run)
    exclude_ib(ib=ib, reason="special", until=None, actor=SYSTEM, now=FEBRUARY)

    decision = apply_change(result=row, actor=approver("ann"), now=at(2, 4))

    assert decision.state == Decision.EXCLUDED
    assert levels_of(ib) == []


def test_a_late_deal_changes_the_result_when_it_is_evaluated_again(
    world: LevelWorld, approver: Callable[[str], Actor]
) -> None:
    ib = world.ib("kim")
    account = world.client("A", ib)
    world.trade(account, "9", at(1, 15))
    ladder = publish(terms())
    run = evaluate(ladder, at(2, 3))
    world.trade(account, "1", at(1, 16), recorded_at=at(2, 4))

    again = evaluate_again(run=run, reason="late deals", actor=approver("ann"), now=at(2, 5))

    assert (again.revision, again.reason, again.first_date) == (1, "late deals", date(2026, 1, 1))
    assert results(again) == {"kim": ("bronze", "silver", "promotion")}
    assert apply_open(ladder, at(2, 5)) == [Decision.APPLIED]
    assert levels_of(ib) == [("silver", FEBRUARY, None)]


def test_evaluating_again_takes_back_what_no_longer_holds_and_repeats_without_effect(
    world: LevelWorld, approver: Callable[[str], Actor]
) -> None:
    ib = world.ib("kim")
    account = world.client("A", ib)
    deal = world.trade(account, "10", at(1, 15))
    basic, better = world.plan("basic"), world.plan("better")
    ladder = publish(terms(replace(BRONZE, plan_id=basic.pk), replace(SILVER, plan_id=better.pk)))
    run = evaluate(ladder, at(2, 3))
    apply_open(ladder, at(2, 3))
    same = evaluate_again(run=run, reason="look", actor=approver("ann"), now=at(2, 4))
    world.trade(account, "10", at(1, 15), ticket=deal.ticket, revision=1, deleted=True, recorded_at=at(2, 5))

    again = evaluate_again(run=same, reason="deleted", actor=approver("bob"), now=at(2, 6))
    apply_open(ladder, at(2, 6))

    assert results(same) == {"kim": ("bronze", "silver", "stays")}
    assert results(again) == {"kim": ("bronze", "bronze", "demotion")}
    assert levels_of(ib) == [("bronze", FEBRUARY, None)]
    assert plans_of(ib) == [("basic", FEBRUARY, None)]
    with pytest.raises(NotTheLatest):
        evaluate_again(run=run, reason="", actor=approver("cat"), now=at(2, 7))


def test_who_asked_for_an_evaluation_does_not_decide_on_it(world: LevelWorld, approver: Callable[[str], Actor]) -> None:
    ib = world.ib("kim")
    account = world.client("A", ib)
    ladder = publish(terms(approval=ApprovalNeed.ALWAYS))
    run = evaluate(ladder, at(2, 3))
    world.trade(account, "10", at(1, 16), recorded_at=at(2, 4))
    ann = approver("ann")
    again = evaluate_again(run=run, reason="late", actor=ann, now=at(2, 5))
    row = LevelResult.objects.get(run=again)

    with pytest.raises(AskedForIt):
        apply_change(result=row, actor=ann, now=at(2, 5))

    assert apply_change(result=row, actor=approver("bob"), now=at(2, 5)).state == "applied"


def test_staff_place_an_ib_and_the_next_evaluation_respects_it(world: LevelWorld) -> None:
    ib = world.ib("kim")
    ladder = publish(terms())
    place_ib(ib=ib, ladder=ladder, level_code="gold", at=FEBRUARY, reason="deal", actor=SYSTEM, now=at(1, 20))

    assert results(evaluate(ladder, at(2, 3))) == {"kim": ("bronze", "gold", "placed")}
    assert results(evaluate(ladder, at(3, 3))) == {"kim": ("gold", "bronze", "demotion")}


def test_grace_covers_the_first_periods_on_a_level(world: LevelWorld) -> None:
    ib = world.ib("kim")
    ladder = publish(terms(grace_periods=2))
    place_ib(ib=ib, ladder=ladder, level_code="silver", at=OPENED, reason="", actor=SYSTEM, now=OPENED)

    found = []
    for month in (2, 3, 4):
        run = evaluate(ladder, at(month, 3))
        row = LevelResult.objects.get(run=run)
        found.append((row.outcome, row.in_grace, row.periods_below))

    assert found == [("below", True, 0), ("below", True, 0), ("demotion", False, 0)]


def test_placing_is_refused_for_what_makes_no_sense(world: LevelWorld) -> None:
    ib = world.ib("kim")
    ladder = publish(terms())

    def place(level: str, when: object = OPENED) -> None:
        place_ib(ib=ib, ladder=ladder, level_code=level, at=when, reason="", actor=SYSTEM, now=OPENED)  # type: ignore[arg-type]

    with pytest.raises(UnknownLevel):
        place("platinum")
    with pytest.raises(UnknownLevel):
        place("gold", at(12, 1, year=2025))
    place("gold")
    with pytest.raises(SameLevel):
        place("gold")
    exclude_ib(ib=ib, reason="x", until=None, actor=SYSTEM, now=OPENED)
    with pytest.raises(OnExclusionList):
        place("silver")


def test_two_ladders_share_the_ibs(world: LevelWorld) -> None:
    asia, rest = world.ib("asia"), world.ib("rest")
    general = publish(terms())
    special = publish(terms(takes_new=False), code="asia")
    place_ib(ib=asia, ladder=special, level_code="silver", at=OPENED, reason="", actor=SYSTEM, now=OPENED)

    assert results(evaluate(general, at(2, 3))) == {"rest": ("bronze", "bronze", "stays")}
    assert results(evaluate(special, at(2, 3))) == {"asia": ("silver", "bronze", "demotion")}
    assert rest.code == "rest"


def test_quarters(world: LevelWorld) -> None:
    ib = world.ib("kim")
    account = world.client("A", ib)
    for month in (1, 2, 3):
        world.trade(account, "4", at(month, 15))
    ladder = publish(terms(period=PeriodKind.QUARTER))

    assert next_duty(ladder, now=at(3, 31)) is None
    run = evaluate(ladder, at(4, 1, 1))

    assert (run.first_date, run.end_date) == (date(2026, 1, 1), date(2026, 4, 1))
    assert results(run) == {"kim": ("bronze", "silver", "promotion")}


def test_an_evaluation_waits_a_day_for_servers_that_are_behind(world: LevelWorld) -> None:
    DealCursor.objects.update(complete_until=at(1, 31, 23))

    assert not is_complete(FEBRUARY, now=at(2, 1, 1))
    assert is_complete(FEBRUARY, now=at(2, 2, 0))
    DealCursor.objects.update(complete_until=FEBRUARY)
    assert is_complete(FEBRUARY, now=at(2, 1, 1))


def test_progress_says_what_the_running_period_would_give(world: LevelWorld) -> None:
    ib = world.ib("kim")
    account = world.client("A", ib)
    ladder = publish(terms())
    world.trade(account, "4", at(1, 10))

    assert measure_progress(ladder=ladder, now=at(1, 12)) == 1
    world.trade(account, "6", at(1, 13))
    measure_progress(ladder=ladder, now=at(1, 14))

    row = LevelProgress.objects.get()
    assert (row.lots, row.level_code, row.level_after, row.outcome) == (D(10), "bronze", "silver", "promotion")
    mine = find_my_level(ib_id=ib.pk, now=at(1, 14))
    assert mine is not None
    assert (mine.level, mine.end_date) == (BRONZE, date(2026, 2, 1))
    assert mine.next_level is not None
    assert [(each.measure, each.asked, each.has, each.percent) for each in mine.next_level.conditions] == [
        ("lots", D(10), D(10), 100)
    ]
    assert LevelPlacement.objects.count() == 0


def test_duty_of_a_version_in_force(world: LevelWorld) -> None:
    ladder = publish(terms(BRONZE, SILVER, GOLD))

    duty = next_duty(ladder, now=at(2, 2))

    assert duty == Duty(ladder, versions_in_force(ladder)[0], period_of(PeriodKind.MONTH, date(2026, 1, 1)))
    assert Plan.objects.count() == 0
