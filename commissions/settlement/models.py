"""Settlement terms and cuts. What keeps them as they are: migrations/0003_accounting_days.py."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from commissions.enums import PayeeKind
from commissions.settlement.enums import Cycle, Destination
from core.types import DbAccess


class SettlementTerms(models.Model):
    """How an IB is settled from a day on; without an IB: everybody of the kind who has no terms of their own yet.

    Of several rows the one with the latest `effective_day` is in force, of equal ones the latest recorded. A day that
    any cut has closed keeps its terms (trigger): who had which cycle then must not change."""

    db_access = DbAccess.APPEND

    kind = models.CharField(max_length=6, choices=PayeeKind.choices)
    ib = models.ForeignKey("ib.IB", on_delete=models.PROTECT, null=True, related_name="settlement_terms")
    effective_day = models.DateField()  # settlement zone
    cycle = models.CharField(max_length=10, choices=Cycle.choices)
    minimum = models.DecimalField(max_digits=20, decimal_places=8, default=0)  # payee's currency; less is not paid
    destination = models.CharField(max_length=10, choices=Destination.choices, default=Destination.WALLET)
    mt_account = models.ForeignKey("trading.TradingAccount", on_delete=models.PROTECT, null=True, related_name="+")
    needs_review = models.BooleanField(default=True)  # a person approves each statement before it is paid
    is_held = models.BooleanField(default=False)  # statements are made and wait until somebody releases them
    reason = models.CharField(max_length=300, blank=True, default="")
    recorded_at = models.DateTimeField()
    recorded_by = models.CharField(max_length=200)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(name="settlement_terms_minimum_not_negative", condition=Q(minimum__gte=0)),
            models.CheckConstraint(
                name="settlement_terms_client_has_no_ib", condition=Q(kind="ib") | Q(ib__isnull=True)
            ),
            models.CheckConstraint(
                name="settlement_terms_account_with_its_destination",
                condition=Q(destination="mt_account", mt_account__isnull=False)
                | Q(destination="wallet", mt_account__isnull=True),
            ),
            models.CheckConstraint(
                name="settlement_terms_real_time_unreviewed",
                condition=~Q(cycle="real_time") | Q(needs_review=False),
            ),
        ]
        indexes: ClassVar = [models.Index(name="settlement_terms_of_ib", fields=["ib", "effective_day"])]

    def __str__(self) -> str:
        return f"{self.ib_id or self.kind} {self.cycle} from {self.effective_day}"


class Closing(models.Model):
    """One cut: all days before `closed_until` are closed for everybody of the cycle.

    Made under the lock that the roll-up's writer takes: what was booked before it is in the statement, what is booked
    after it lands on the day of its booking. `id` tells which came first."""

    db_access = DbAccess.APPEND
    db_updatable = ("made_at",)

    cycle = models.CharField(max_length=10, choices=Cycle.choices)
    closed_until = models.DateField()  # exclusive, settlement zone
    cut_at = models.DateTimeField()
    made_at = models.DateTimeField(null=True)  # since when each of its statements is made, or has a job of its own

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="closing_once", fields=["cycle", "closed_until"]),
        ]
        indexes: ClassVar = [
            models.Index(name="closing_unmade", fields=["id"], condition=Q(made_at__isnull=True)),
        ]

    def __str__(self) -> str:
        return f"{self.cycle} until {self.closed_until}"
