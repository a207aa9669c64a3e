"""Changes of the past on their way: what somebody proposes, what it would change, who decides."""

from typing import ClassVar

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import Q

from commissions.enums import CorrectionState, SimulationScope, SimulationState


class Correction(models.Model):
    """A change that touches judged deals: previewed, then made by a second person's decision, or dropped."""

    state = models.CharField(max_length=10, choices=CorrectionState.choices, default=CorrectionState.PREVIEWING)
    changes = models.JSONField(encoder=DjangoJSONEncoder)  # as commissions.whatif.changes writes them
    reason = models.TextField(blank=True, default="")
    proposed_by = models.ForeignKey("access.User", on_delete=models.PROTECT, null=True, related_name="+")
    proposed_at = models.DateTimeField()
    run = models.PositiveSmallIntegerField(default=1)  # which preview this is; a new one replaces the lines
    world = models.JSONField(default=dict)  # the state of the world that the preview saw
    waits = models.JSONField(default=list)  # currencies whose rate some deal of the preview lacks
    deals_total = models.BigIntegerField(null=True)  # deals that the change touches; null: not counted yet
    deals_done = models.BigIntegerField(default=0)  # of these compared so far
    deals_changed = models.BigIntegerField(default=0)  # of these that pay somebody another amount
    last_deal_id = models.BigIntegerField(default=0)  # the preview goes on behind this one
    previewed_at = models.DateTimeField(null=True)
    approval = models.ForeignKey("access.Approval", on_delete=models.PROTECT, null=True, related_name="+")
    closed_at = models.DateTimeField(null=True)  # applied or dropped
    closed_by = models.ForeignKey("access.User", on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                name="correction_closed_when_over",
                condition=Q(state__in=["applied", "dropped"], closed_at__isnull=False)
                | Q(state__in=["previewing", "ready"], closed_at__isnull=True),
            ),
        ]
        indexes: ClassVar = [models.Index(name="correction_by_time", fields=["-proposed_at"])]

    def __str__(self) -> str:
        return f"{self.pk} {self.state}"


class CorrectionLine(models.Model):
    """What a correction changes for one payee, by month of the deals and by whether their statement is closed."""

    correction = models.ForeignKey(Correction, on_delete=models.PROTECT, related_name="lines")
    ib = models.ForeignKey("ib.IB", on_delete=models.PROTECT, null=True, related_name="+")
    client = models.ForeignKey("clients.Client", on_delete=models.PROTECT, null=True, related_name="+")
    currency = models.CharField(max_length=8)
    month = models.DateField()  # first day of the deals' month, settlement zone
    is_closed = models.BooleanField()  # the payee's statement over these days is closed
    before = models.DecimalField(max_digits=38, decimal_places=8)  # the payee's currency, of the deals compared
    after = models.DecimalField(max_digits=38, decimal_places=8)  # the payee's currency, of the deals compared
    deals = models.BigIntegerField()  # deals that pay the payee another amount

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="correction_line_once",
                fields=["correction", "ib", "client", "currency", "month", "is_closed"],
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                name="correction_line_names_one",
                condition=Q(ib__isnull=False, client__isnull=True) | Q(ib__isnull=True, client__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.correction_id} {self.ib_id or self.client_id} {self.currency} {self.month}"


class CorrectionPolicy(models.Model):
    """One row: up to which size a correction needs no second person."""

    limit_amount = models.DecimalField(max_digits=20, decimal_places=8, default=0)  # of limit_currency; 0: always two
    limit_currency = models.CharField(max_length=8, default="USD")

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(name="correction_policy_single", condition=Q(id=1)),
            models.CheckConstraint(name="correction_limit_not_negative", condition=Q(limit_amount__gte=0)),
        ]

    def __str__(self) -> str:
        return f"{self.limit_amount} {self.limit_currency}"


class Simulation(models.Model):
    """The broker's own deals of some days, replayed under a draft plan for chosen IBs. Writes nothing else."""

    state = models.CharField(max_length=10, choices=SimulationState.choices, default=SimulationState.RUNNING)
    plan = models.ForeignKey("commissions.Plan", on_delete=models.PROTECT, related_name="+")
    terms = models.JSONField(encoder=DjangoJSONEncoder)  # canonical form, see commissions.terms
    scope = models.CharField(max_length=8, choices=SimulationScope.choices)
    ib = models.ForeignKey("ib.IB", on_delete=models.PROTECT, null=True, related_name="+")  # null: all IBs
    first_day = models.DateField()  # settlement zone
    last_day = models.DateField()  # settlement zone, included
    include_swap = models.BooleanField(default=False)  # count swaps as the broker's revenue
    asked_by = models.ForeignKey("access.User", on_delete=models.PROTECT, null=True, related_name="+")
    asked_at = models.DateTimeField()
    days_done = models.PositiveSmallIntegerField(default=0)  # days replayed so far
    finished_at = models.DateTimeField(null=True)
    result = models.JSONField(default=dict)  # as commissions.whatif.tally writes it; sums so far while it runs

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(name="simulation_days_in_order", condition=Q(last_day__gte=models.F("first_day"))),
            models.CheckConstraint(
                name="simulation_finished_when_over",
                condition=Q(state="running", finished_at__isnull=True)
                | Q(state__in=["done", "stopped"], finished_at__isnull=False),
            ),
            models.CheckConstraint(
                name="simulation_names_ib_unless_all",
                condition=Q(scope="all", ib__isnull=True) | Q(scope__in=["one", "subtree"], ib__isnull=False),
            ),
        ]
        indexes: ClassVar = [models.Index(name="simulation_by_time", fields=["-asked_at"])]

    def __str__(self) -> str:
        return f"{self.pk} {self.state}"
