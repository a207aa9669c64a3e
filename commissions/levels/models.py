"""Tables of levels. What was published, measured and decided never changes: migrations/0005_levels.py."""

from datetime import date, timedelta
from typing import ClassVar

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.db import models
from django.db.models import F, Q

from commissions.levels.enums import (
    CHANGES,
    ApprovalNeed,
    Decision,
    DemotionTarget,
    Match,
    Outcome,
    PeriodKind,
    Scope,
)
from core.types import DbAccess
from ib.models import Period

_CONDITIONS = ("min_lots", "min_active_clients", "min_notional_usd", "min_net_deposit_usd")
_NO_CONDITION = Q(**{f"{name}__isnull": True for name in _CONDITIONS})


def _one_at_a_time(name: str) -> ExclusionConstraint:
    return ExclusionConstraint(
        name=name,
        expressions=[
            (F("ib"), RangeOperators.EQUAL),
            (Period(F("active_from"), F("active_to")), RangeOperators.OVERLAPS),
        ],
    )


def _in_order(name: str) -> models.CheckConstraint:
    return models.CheckConstraint(name=name, condition=Q(active_to__isnull=True) | Q(active_to__gt=F("active_from")))


class Ladder(models.Model):
    """Levels that IBs rise and fall on; what it says for a period is its version in force at the period's start."""

    code = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=120)
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.code


class LadderVersion(models.Model):
    """The rules from a period on. Of several the latest `effective_date` wins, of equal ones the latest published."""

    db_access = DbAccess.APPEND

    ladder = models.ForeignKey(Ladder, on_delete=models.PROTECT, related_name="versions")
    effective_date = models.DateField()  # first day of the first period that it evaluates
    published_at = models.DateTimeField()
    published_by = models.CharField(max_length=200)
    period = models.CharField(max_length=7, choices=PeriodKind.choices)
    scope = models.CharField(max_length=7, choices=Scope.choices)
    approval = models.CharField(max_length=9, choices=ApprovalNeed.choices)
    demotion_after = models.PositiveSmallIntegerField(null=True)  # periods below in a row; null: never
    demotion_target = models.CharField(max_length=8, choices=DemotionTarget.choices)
    grace_periods = models.PositiveSmallIntegerField()
    active_min_lots = models.DecimalField(max_digits=20, decimal_places=8)  # closed lots that make a client active
    count_own_trades = models.BooleanField()
    takes_new = models.BooleanField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="ladder_version_once", fields=["ladder", "effective_date", "published_at"]),
            models.CheckConstraint(
                name="ladder_demotion_after_a_period",
                condition=Q(demotion_after__isnull=True) | Q(demotion_after__gt=0),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.ladder_id} from {self.effective_date}"


class Level(models.Model):
    """One level of a version: what it asks for and what it gives. Null gives nothing: that stays as it is."""

    db_access = DbAccess.APPEND

    version = models.ForeignKey(LadderVersion, on_delete=models.PROTECT, related_name="levels", db_index=False)
    position = models.PositiveSmallIntegerField()  # 0 the lowest
    code = models.SlugField(max_length=40)  # the same level in every version of the ladder
    name = models.CharField(max_length=80)
    match = models.CharField(max_length=3, choices=Match.choices)
    min_lots = models.DecimalField(max_digits=28, decimal_places=8, null=True)  # closed lots of a period
    min_active_clients = models.PositiveIntegerField(null=True)
    min_notional_usd = models.DecimalField(max_digits=28, decimal_places=8, null=True)  # USD, closed volume
    min_net_deposit_usd = models.DecimalField(max_digits=28, decimal_places=8, null=True)  # USD, client's deposits
    plan = models.ForeignKey("commissions.Plan", on_delete=models.PROTECT, null=True, related_name="+")
    rank = models.IntegerField(null=True)  # greater is higher
    # Percent of its entitlement that an IB of this level keeps under upline mode `split`.
    keep_percent = models.DecimalField(max_digits=11, decimal_places=8, null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="level_position_once", fields=["version", "position"]),
            models.UniqueConstraint(name="level_code_once", fields=["version", "code"]),
            models.CheckConstraint(
                name="level_lowest_asks_nothing",
                condition=(Q(position=0) & _NO_CONDITION) | (Q(position__gt=0) & ~_NO_CONDITION),
            ),
            models.CheckConstraint(
                name="level_share_in_range",
                condition=Q(keep_percent__isnull=True) | Q(keep_percent__gte=0, keep_percent__lte=100),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.version_id}[{self.position}] {self.code}"


class LevelRun(models.Model):
    """One evaluation of a ladder for a period, with its results in one transaction. The highest revision counts."""

    db_access = DbAccess.APPEND

    ladder = models.ForeignKey(Ladder, on_delete=models.PROTECT, related_name="runs", db_index=False)
    version = models.ForeignKey(LadderVersion, on_delete=models.PROTECT, related_name="runs")
    first_date = models.DateField()  # first day of the period
    end_date = models.DateField()  # first day after it
    effective_at = models.DateTimeField()  # start of the next period: from here on changes hold
    revision = models.PositiveSmallIntegerField()  # 0: by the clock; more: evaluated again
    measured_at = models.DateTimeField()
    complete_until = models.DateTimeField(null=True)  # deals before it had been read from every server; null: none had
    asked_by = models.ForeignKey("access.User", on_delete=models.PROTECT, null=True, related_name="+")
    reason = models.CharField(max_length=500, blank=True, default="")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="level_run_once", fields=["ladder", "first_date", "revision"]),
            models.CheckConstraint(name="level_run_period_in_order", condition=Q(end_date__gt=F("first_date"))),
        ]

    def __str__(self) -> str:
        return f"{self.ladder_id} {self.first_date}.{self.revision}"

    @property
    def last_date(self) -> date:
        return self.end_date - timedelta(days=1)


class LevelResult(models.Model):
    """What an evaluation measured for one IB and what follows from it: the whole reason of a level."""

    db_access = DbAccess.APPEND

    run = models.ForeignKey(LevelRun, on_delete=models.PROTECT, related_name="results", db_index=False)
    ib = models.ForeignKey("ib.IB", on_delete=models.PROTECT, related_name="level_results")
    level_before = models.CharField(max_length=40)  # at the end of the period
    level_next = models.CharField(max_length=40)  # as recorded for the next period when this was evaluated
    level_reached = models.CharField(max_length=40)
    level_after = models.CharField(max_length=40)
    outcome = models.CharField(max_length=9, choices=Outcome.choices)
    needs_approval = models.BooleanField()
    periods_below = models.PositiveSmallIntegerField()  # in a row, this one included
    in_grace = models.BooleanField()
    lots = models.DecimalField(max_digits=38, decimal_places=8)  # closed lots of the period
    active_clients = models.IntegerField()
    notional_usd = models.DecimalField(max_digits=38, decimal_places=8, null=True)  # USD, closed volume
    net_deposit_usd = models.DecimalField(max_digits=38, decimal_places=8, null=True)  # USD, deposits less withdrawals
    deals = models.IntegerField()
    unmeasured_deals = models.IntegerField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(name="level_result_once", fields=["run", "ib"])]
        indexes: ClassVar = [
            models.Index(name="level_result_changes", fields=["run"], condition=Q(outcome__in=CHANGES)),
        ]

    def __str__(self) -> str:
        return f"{self.run_id} {self.ib_id} {self.outcome}"


class LevelDecision(models.Model):
    """How a promotion or demotion ended. At most one per result: whoever comes second is refused."""

    db_access = DbAccess.APPEND

    result = models.OneToOneField(LevelResult, on_delete=models.PROTECT, primary_key=True, related_name="decision")
    state = models.CharField(max_length=10, choices=Decision.choices)
    decided_at = models.DateTimeField()
    decided_by = models.ForeignKey("access.User", on_delete=models.PROTECT, null=True, related_name="+")
    decided_by_label = models.CharField(max_length=200)
    reason = models.CharField(max_length=500, blank=True, default="")

    def __str__(self) -> str:
        return f"{self.result_id} {self.state}"


class LevelPlacement(models.Model):
    """On which level of which ladder an IB stands during a period. Without one: the lowest of the ladder that takes
    new IBs."""

    ib = models.ForeignKey("ib.IB", on_delete=models.PROTECT, related_name="level_placements")
    ladder = models.ForeignKey(Ladder, on_delete=models.PROTECT, related_name="placements")
    level_code = models.CharField(max_length=40)
    active_from = models.DateTimeField()
    active_to = models.DateTimeField(null=True)
    result = models.ForeignKey(LevelResult, on_delete=models.PROTECT, null=True, related_name="+")  # null: by staff

    class Meta:
        constraints: ClassVar = [
            _one_at_a_time("level_placement_one_at_a_time"),
            _in_order("level_placement_period_in_order"),
        ]

    def __str__(self) -> str:
        return f"{self.ib_id} {self.level_code} from {self.active_from:%Y-%m-%dT%H:%M:%S}"


class LevelExclusion(models.Model):
    """An IB that no evaluation touches during a period, and why."""

    ib = models.ForeignKey("ib.IB", on_delete=models.PROTECT, related_name="level_exclusions")
    reason = models.CharField(max_length=500)
    active_from = models.DateTimeField()
    active_to = models.DateTimeField(null=True)
    excluded_by = models.CharField(max_length=200)

    class Meta:
        constraints: ClassVar = [
            _one_at_a_time("level_exclusion_one_at_a_time"),
            _in_order("level_exclusion_period_in_order"),
            models.CheckConstraint(name="level_exclusion_reason_given", condition=~Q(reason="")),
        ]

    def __str__(self) -> str:
        return f"{self.ib_id} from {self.active_from:%Y-%m-%dT%H:%M:%S}"


class LevelProgress(models.Model):
    """What the running period has brought an IB so far. Measured anew again and again; never a reason for anything."""

    ib = models.OneToOneField("ib.IB", on_delete=models.PROTECT, primary_key=True, related_name="level_progress")
    version = models.ForeignKey(LadderVersion, on_delete=models.PROTECT, related_name="+", db_index=False)
    first_date = models.DateField()  # first day of the running period
    end_date = models.DateField()
    level_code = models.CharField(max_length=40)  # where it stands now
    level_reached = models.CharField(max_length=40)
    level_after = models.CharField(max_length=40)  # where it would stand if the period ended now
    outcome = models.CharField(max_length=9, choices=Outcome.choices)
    periods_below = models.PositiveSmallIntegerField()
    lots = models.DecimalField(max_digits=38, decimal_places=8)  # closed lots so far
    active_clients = models.IntegerField()
    notional_usd = models.DecimalField(max_digits=38, decimal_places=8, null=True)  # USD, closed volume
    net_deposit_usd = models.DecimalField(max_digits=38, decimal_places=8, null=True)  # USD, deposits less withdrawals
    deals = models.IntegerField()
    unmeasured_deals = models.IntegerField()
    measured_at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [models.Index(name="level_progress_by_outcome", fields=["version", "outcome"])]

    def __str__(self) -> str:
        return f"{self.ib_id} {self.first_date}"
