"""Settlement terms, cuts, statements and payouts. What keeps them as they are: the migrations' triggers."""

from typing import ClassVar

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateRangeField, RangeOperators
from django.db import models
from django.db.models import F, Func, Q

from commissions.enums import PayeeKind
from commissions.settlement.enums import Cycle, Destination, PayoutState, StatementState
from core.types import DbAccess


class DayRange(Func):
    """The days [from, to) as a range, for exclusion constraints."""

    function = "daterange"
    output_field = DateRangeField()


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


class PayoutLimit(models.Model):
    """From which amount on a statement takes two people; a currency without a row takes one."""

    currency = models.CharField(max_length=8, primary_key=True)
    amount = models.DecimalField(max_digits=20, decimal_places=8)  # of `currency`, positive; at and above it

    class Meta:
        constraints: ClassVar = [models.CheckConstraint(name="payout_limit_positive", condition=Q(amount__gt=0))]

    def __str__(self) -> str:
        return f"{self.amount} {self.currency}"


class SettlementProgress(models.Model):
    """Where the round of settlement stands that goes in steps; one row, which only saves work: statements and payouts
    say what is done."""

    closing_id = models.BigIntegerField(default=0)  # newest of the cuts whose statements are being made
    stated_until = models.BigIntegerField(default=0)  # the last payee who has all statements of these cuts
    paid_until = models.BigIntegerField(default=0)  # the last payee of this pass over those settled in real time

    class Meta:
        constraints: ClassVar = [models.CheckConstraint(name="settlement_progress_one_row", condition=Q(id=1))]

    def __str__(self) -> str:
        return f"{self.closing_id}: {self.stated_until}"


class Statement(models.Model):
    """What a payee earned in [from_day, to_day), what is paid of it and what goes on to the next.

    Its lines are those of the payee whose statement day is in the period. Money is in the payee's currency; total,
    payable and what is due are whole minor units. After the cut nothing but its state changes (trigger)."""

    db_access = DbAccess.APPEND
    db_updatable = (
        "closing_id", "cut_at", "state", "lines_total", "lines_deals", "total", "carried_out", "paid_before",
        "payable", "due_out", "minimum", "destination", "mt_account_id", "decided_at", "decided_by", "reason",
        "paid_at",
    )  # fmt: skip

    payee = models.ForeignKey("commissions.Payee", on_delete=models.PROTECT, related_name="statements", db_index=False)
    closing = models.ForeignKey(Closing, on_delete=models.PROTECT, null=True, related_name="statements")
    previous = models.OneToOneField("self", on_delete=models.PROTECT, null=True, related_name="following")
    cycle = models.CharField(max_length=10, choices=Cycle.choices)
    from_day = models.DateField()  # settlement zone
    to_day = models.DateField()  # exclusive
    cut_at = models.DateTimeField(null=True)
    state = models.CharField(max_length=20, choices=StatementState.choices)
    lines_total = models.DecimalField(max_digits=38, decimal_places=8, default=0)  # sum of the lines, may be negative
    lines_deals = models.BigIntegerField(default=0)  # counted deals, those taken back subtracted
    carried_in = models.DecimalField(max_digits=20, decimal_places=8, default=0)  # less than a minor unit, either sign
    total = models.DecimalField(max_digits=38, decimal_places=8, default=0)  # lines and carried in, rounded once
    carried_out = models.DecimalField(max_digits=20, decimal_places=8, default=0)  # what the rounding left
    due_in = models.DecimalField(max_digits=38, decimal_places=8, default=0)  # unpaid before: below zero or too little
    paid_before = models.DecimalField(max_digits=38, decimal_places=8, default=0)  # real time: paid while it ran
    payable = models.DecimalField(max_digits=38, decimal_places=8, default=0)  # total + due in − paid before
    due_out = models.DecimalField(max_digits=38, decimal_places=8, default=0)  # payable that is not paid but carried
    minimum = models.DecimalField(
        max_digits=20, decimal_places=8, default=0
    )  # least payout by the terms of its last day
    destination = models.CharField(max_length=10, choices=Destination.choices)
    mt_account = models.ForeignKey("trading.TradingAccount", on_delete=models.PROTECT, null=True, related_name="+")
    decided_at = models.DateTimeField(null=True)
    decided_by = models.CharField(max_length=200, blank=True, default="")
    reason = models.CharField(max_length=300, blank=True, default="")  # why it is on hold
    paid_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="statement_once", fields=["payee", "from_day"]),
            ExclusionConstraint(
                name="statement_days_apart",
                expressions=[
                    (F("payee"), RangeOperators.EQUAL),
                    (DayRange(F("from_day"), F("to_day")), RangeOperators.OVERLAPS),
                ],
            ),
            models.CheckConstraint(name="statement_days_in_order", condition=Q(to_day__gt=F("from_day"))),
            models.CheckConstraint(
                name="statement_adds_up",
                condition=Q(state="open")
                | Q(
                    total=F("lines_total") + F("carried_in") - F("carried_out"),
                    payable=F("total") + F("due_in") - F("paid_before"),
                    cut_at__isnull=False,
                ),
            ),
            models.CheckConstraint(
                name="statement_pays_or_carries",
                condition=Q(state="open", due_out=0)
                | Q(state="carried", due_out=F("payable"))
                | Q(state__in=["review", "held", "approved", "waiting_for_transfer"], due_out=0, payable__gt=0)
                | Q(state="paid", due_out=0, payable__gte=0),
            ),
            models.CheckConstraint(
                name="statement_account_with_its_destination",
                condition=Q(destination="mt_account", mt_account__isnull=False)
                | Q(destination="wallet", mt_account__isnull=True),
            ),
        ]
        indexes: ClassVar = [
            models.Index(name="statement_in_state", fields=["state", "id"]),
        ]

    def __str__(self) -> str:
        return f"{self.payee_id} {self.from_day} – {self.to_day}"


class Payout(models.Model):
    """Money that left what is accrued to a payee: one ledger entry, into the wallet, and perhaps on to MT."""

    db_access = DbAccess.APPEND
    db_updatable = ("state", "transferred_at")

    statement = models.ForeignKey(Statement, on_delete=models.PROTECT, related_name="payouts")
    number = models.IntegerField()  # 1, 2, 3 … within the statement
    amount = models.DecimalField(max_digits=38, decimal_places=8)  # payee's currency, whole minor units, positive
    destination = models.CharField(max_length=10, choices=Destination.choices)
    mt_account = models.ForeignKey("trading.TradingAccount", on_delete=models.PROTECT, null=True, related_name="+")
    state = models.CharField(max_length=20, choices=PayoutState.choices)
    entry_id = models.BigIntegerField(unique=True)  # its journal entry; the ledger's tables are its own
    hold_id = models.BigIntegerField(null=True, unique=True)  # what is set aside on the wallet for the transfer
    paid_at = models.DateTimeField()
    transferred_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="payout_numbered_once", fields=["statement", "number"]),
            models.CheckConstraint(name="payout_positive", condition=Q(amount__gt=0, number__gt=0)),
            models.CheckConstraint(
                name="payout_waits_with_its_hold",
                condition=Q(destination="wallet", state="paid", hold_id__isnull=True, mt_account__isnull=True)
                | Q(
                    destination="mt_account", state__in=["waiting_for_transfer", "transferred", "kept"],
                    hold_id__isnull=False, mt_account__isnull=False,
                ),
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.statement_id}.{self.number}"
