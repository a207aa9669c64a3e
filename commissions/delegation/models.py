"""What IBs pass on. A share is a percentage of the giver's own, so its margin is what is left: never below zero."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from commissions.delegation.enums import Receiver
from core.types import DbAccess


class DerivedPlan(models.Model):
    """A plan that the engine knows as any other and that follows another one: each version of the source gives one."""

    plan = models.OneToOneField("commissions.Plan", on_delete=models.PROTECT, related_name="derived")
    source = models.ForeignKey("commissions.Plan", on_delete=models.PROTECT, related_name="derivatives")
    owner = models.OneToOneField("ib.IB", on_delete=models.PROTECT, related_name="derived_plan")  # who is paid by it
    giver = models.ForeignKey("ib.IB", on_delete=models.PROTECT, null=True, related_name="+")  # null: only clients get
    percent = models.DecimalField(max_digits=11, decimal_places=8, default=100)  # of the source's rates, where no row
    # Percent of the owner's pay that its clients get; null: what the source says.
    client_percent = models.DecimalField(max_digits=11, decimal_places=8, null=True)
    rows = models.JSONField(default=list)  # [{symbol?, symbol_group?, mt_group?, percent}]: those with another one

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                name="derived_plan_margin_not_negative", condition=Q(percent__gte=0, percent__lte=100)
            ),
            models.CheckConstraint(
                name="derived_plan_client_share_in_range",
                condition=Q(client_percent__isnull=True) | Q(client_percent__gte=0, client_percent__lte=100),
            ),
            models.CheckConstraint(name="derived_plan_is_not_its_source", condition=~Q(plan=models.F("source"))),
        ]

    def __str__(self) -> str:
        return f"{self.plan_id} of {self.source_id}"


class Delegation(models.Model):
    """One decision of an IB: to whom it passes how much on, from a moment on. Append only; the newest stands."""

    db_access = DbAccess.APPEND

    giver = models.ForeignKey("ib.IB", on_delete=models.PROTECT, related_name="given")
    receiver = models.CharField(max_length=10, choices=Receiver.choices)
    ib = models.ForeignKey("ib.IB", on_delete=models.PROTECT, null=True, related_name="received")  # null: clients
    number = models.IntegerField()  # counts the decisions about this receiver: of two edits at once one stands
    percent = models.DecimalField(max_digits=11, decimal_places=8)  # of the giver's own, where no row says otherwise
    rows = models.JSONField(default=list)  # as those of the derived plan
    version = models.ForeignKey("commissions.PlanVersion", on_delete=models.PROTECT, null=True, related_name="+")
    effective_from = models.DateTimeField()
    recorded_by = models.CharField(max_length=200)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="delegation_decided_once", fields=["giver", "receiver", "ib", "number"], nulls_distinct=False
            ),
            models.CheckConstraint(
                name="delegation_margin_not_negative", condition=Q(percent__gte=0, percent__lte=100)
            ),
            models.CheckConstraint(
                name="delegation_names_its_receiver",
                condition=Q(receiver="clients", ib__isnull=True) | (~Q(receiver="clients") & Q(ib__isnull=False)),
            ),
            models.CheckConstraint(
                name="delegation_not_to_itself", condition=Q(ib__isnull=True) | ~Q(ib=models.F("giver"))
            ),
        ]

    def __str__(self) -> str:
        return f"{self.giver_id} to {self.ib_id or 'clients'} #{self.number}"
