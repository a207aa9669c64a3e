"""Ladders: what may be published, told as a whole, and read back as it was."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction

from access.models import AuditEvent
from commissions.levels.changes import place_ib
from commissions.levels.enums import ApprovalNeed, DemotionTarget, Match, PeriodKind, Scope
from commissions.levels.errors import AlreadyExcluded, LadderCodeTaken, LadderInvalid
from commissions.levels.exclusions import end_exclusion, exclude_ib
from commissions.levels.ladders import create_ladder, version_at, versions_in_force
from commissions.levels.models import Level, LevelExclusion
from commissions.levels.types import LadderTerms
from commissions.levels.validation import faults_of
from tests.commissions.levels.world import BRONZE, GOLD, OPENED, SILVER, SYSTEM, LevelWorld, at, publish, terms

pytestmark = pytest.mark.unit
D = Decimal


@pytest.mark.parametrize(
    ("rules", "fields"),
    [
        (terms(), []),
        (terms(effective_date=date(2026, 1, 2)), ["effective_date"]),
        (terms(period=PeriodKind.QUARTER, effective_date=date(2026, 2, 1)), ["effective_date"]),
        (terms(demotion_after=0), ["demotion_after"]),
        (terms(grace_periods=25), ["grace_periods"]),
        (terms(active_min_lots=D(-1)), ["active_min_lots"]),
        (terms(BRONZE), ["levels"]),
        (terms(BRONZE, BRONZE), ["levels[0].code", "levels[1].code", "levels[1].min_lots"]),
        (terms(replace(BRONZE, min_lots=D(1)), SILVER), ["levels[0].min_lots"]),
        (terms(BRONZE, replace(SILVER, min_lots=D(0))), ["levels[1].min_lots"]),
        (terms(BRONZE, GOLD, SILVER), ["levels[2].min_lots"]),
        (terms(BRONZE, replace(SILVER, rank=2)), ["levels[1].rank"]),
        (terms(replace(BRONZE, keep_percent=D(50)), replace(SILVER, keep_percent=D(101))), ["levels[1].keep_percent"]),
    ],
)
def test_every_fault_is_told_with_its_place(rules: LadderTerms, fields: list[str]) -> None:
    assert [fault.field for fault in faults_of(rules)] == fields


def test_what_was_published_is_read_back_the_same(world: LevelWorld) -> None:
    plan = world.plan("basic")
    rules = terms(
        replace(BRONZE, plan_id=plan.pk, rank=1, keep_percent=D("60.5")),
        replace(SILVER, plan_id=plan.pk, rank=2, keep_percent=D(70), match=Match.ANY, min_net_deposit_usd=D("0.5"),
                min_notional_usd=D(10), min_active_clients=3),
        effective_date=date(2026, 4, 1), period=PeriodKind.QUARTER, scope=Scope.DIRECT, approval=ApprovalNeed.DEMOTIONS,
        demotion_after=None, demotion_target=DemotionTarget.ONE_DOWN, grace_periods=2, active_min_lots=D("0.1"),
        count_own_trades=True, takes_new=False,
    )  # fmt: skip

    ladder = publish(rules)

    assert [version.terms for version in versions_in_force(ladder)] == [rules]


def test_of_versions_of_one_day_the_latest_published_wins(world: LevelWorld) -> None:
    ladder = publish(terms())
    publish(terms(BRONZE, SILVER), now=at(1, 2))
    publish(terms(effective_date=date(2026, 3, 1)), now=at(1, 3))

    versions = versions_in_force(ladder)

    assert [(each.row.effective_date, len(each.terms.levels)) for each in versions] == [
        (date(2026, 1, 1), 2), (date(2026, 3, 1), 3),
    ]  # fmt: skip
    assert version_at(versions, date(2025, 12, 31)) is None
    assert version_at(versions, date(2026, 2, 28)) == versions[0]


def test_a_refused_ladder_stores_nothing(world: LevelWorld) -> None:
    ladder = create_ladder(code="partners", name="Partners", actor=SYSTEM, now=OPENED)

    with pytest.raises(LadderInvalid) as refused:
        publish(terms(BRONZE))

    assert [fault.field for fault in refused.value.faults] == ["levels"]
    assert "A ladder has 2 to 20 levels." in str(refused.value)
    assert ladder.versions.count() == Level.objects.count() == 0


def test_a_level_that_ibs_stand_on_cannot_vanish(world: LevelWorld) -> None:
    ib = world.ib("kim")
    ladder = publish(terms())
    place_ib(ib=ib, ladder=ladder, level_code="gold", at=OPENED, reason="", actor=SYSTEM, now=OPENED)

    with pytest.raises(LadderInvalid) as refused:
        publish(terms(BRONZE, SILVER, effective_date=date(2026, 2, 1)))

    assert [fault.field for fault in refused.value.faults] == ["levels"]


def test_only_one_ladder_takes_new_ibs(world: LevelWorld) -> None:
    publish(terms(effective_date=date(2026, 6, 1)))

    with pytest.raises(LadderInvalid) as refused:
        publish(terms(), code="second")

    assert [fault.field for fault in refused.value.faults] == ["takes_new"]
    publish(terms(takes_new=False), code="second")


def test_a_ladders_code_is_its_own(world: LevelWorld) -> None:
    publish(terms())

    with pytest.raises(LadderCodeTaken):
        create_ladder(code="partners", name="Again", actor=SYSTEM, now=OPENED)


def test_the_database_holds_the_lowest_level_to_its_rule(world: LevelWorld) -> None:
    version = publish(terms()).versions.get()

    for position, lots in ((0, D(1)), (7, None)):
        with pytest.raises(IntegrityError), transaction.atomic():
            Level.objects.create(version=version, position=position, code="x", name="X", match="all", min_lots=lots)


def test_the_exclusion_list_keeps_its_history(world: LevelWorld) -> None:
    ib = world.ib("kim")
    first = exclude_ib(ib=ib, reason="own contract", until=None, actor=SYSTEM, now=at(1, 5))
    with pytest.raises(AlreadyExcluded):
        exclude_ib(ib=ib, reason="again", until=at(3, 1), actor=SYSTEM, now=at(1, 6))

    end_exclusion(exclusion=first, actor=SYSTEM, now=at(2, 5))
    end_exclusion(exclusion=first, actor=SYSTEM, now=at(2, 9))  # it has ended: nothing to do
    exclude_ib(ib=ib, reason="again", until=at(3, 1), actor=SYSTEM, now=at(2, 5))

    rows = LevelExclusion.objects.order_by("active_from").values_list("reason", "active_from", "active_to")
    assert list(rows) == [("own contract", at(1, 5), at(2, 5)), ("again", at(2, 5), at(3, 1))]
    assert AuditEvent.objects.filter(action="commissions.exclude_ib").count() == 3
