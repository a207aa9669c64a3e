"""The outbox of balance operations and its history. What keeps them as they are: the migrations' triggers."""

from datetime import timedelta
from typing import ClassVar

from django.db import models
from django.db.models import F, Func, Q

from core.types import DbAccess
from trading.operations.enums import KINDS_OF, FindingKind, OperationKind, OperationState, Purpose

MONEY_LIMIT = 1_000_000_000  # MT5 refuses more with code 4005


class RoundTo(Func):
    """An amount rounded to a number of decimals."""

    function = "round"
    output_field = models.DecimalField()  # the unit of the amount that is rounded


class SendingRules(models.Model):
    """How patient the outbox is with one MT server; without a row these defaults hold."""

    server = models.OneToOneField(
        "mt4bridge.MtServer", on_delete=models.PROTECT, primary_key=True, related_name="sending_rules"
    )
    # How long an operation without an answer may still be carried out: at least 90 s and twice the client's time-out.
    settle_window = models.DurationField(default=timedelta(seconds=90))
    read_gap = models.DurationField(default=timedelta(seconds=60))  # between the two readings that find nothing
    lease = models.DurationField(default=timedelta(seconds=90))  # how long a sender may stay silent
    max_attempts = models.PositiveSmallIntegerField(default=3)  # sendings, all with the same reference

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                name="sending_rules_positive",
                condition=Q(settle_window__gt=timedelta(0), read_gap__gt=timedelta(0), lease__gt=timedelta(0))
                & Q(max_attempts__gte=1, max_attempts__lte=10),
            ),
        ]

    def __str__(self) -> str:
        return str(self.server_id)


class Outgoing(models.Model):
    """Something that is sent to an MT server: the columns of its way there, the same for every kind.

    `fence` rises with every move, so that a sender that was given up cannot write any more."""

    db_updatable: ClassVar[tuple[str, ...]]
    MOVING: ClassVar[tuple[str, ...]] = (
        "state", "state_at", "state_by", "reason", "detail", "attempts", "fence", "lease_until", "next_try_at",
        "first_sent_at", "sent_at", "reads", "empty_reads", "empty_read_at",
    )  # fmt: skip

    state = models.CharField(max_length=10, choices=OperationState.choices, default=OperationState.PLANNED)
    state_at = models.DateTimeField()
    state_by = models.CharField(max_length=150)
    reason = models.CharField(max_length=40, blank=True, default="")  # code of why it stands there
    detail = models.JSONField(default=dict)  # fields of that code's sentence
    attempts = models.PositiveSmallIntegerField(default=0)
    fence = models.BigIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    next_try_at = models.DateTimeField()
    first_sent_at = models.DateTimeField(null=True)  # earlier of our clock and the server's, at the first sending
    sent_at = models.DateTimeField(null=True)  # our clock, at the latest sending
    reads = models.PositiveSmallIntegerField(default=0)  # readings since the latest sending
    empty_reads = models.PositiveSmallIntegerField(default=0)  # of them after the settle window, without a find
    empty_read_at = models.DateTimeField(null=True)
    planned_at = models.DateTimeField()
    planned_by = models.CharField(max_length=150)

    objects: ClassVar = models.Manager()

    class Meta:
        abstract = True


class BalanceOperation(Outgoing):
    """One balance operation for an MT server: written before it is sent, and never sent twice while it may stand.

    A trigger allows only the moves of OPERATION_MOVES, keeps what was asked for as it is, and writes each move into
    OperationEvent."""

    db_access = DbAccess.APPEND
    db_updatable = (*Outgoing.MOVING, "ticket", "deal_at", "balance_before", "balance_after", "entry_id")

    server = models.ForeignKey("mt4bridge.MtServer", on_delete=models.PROTECT, related_name="operations")
    account = models.ForeignKey("trading.TradingAccount", on_delete=models.PROTECT, related_name="operations")
    kind = models.SmallIntegerField(choices=OperationKind.choices)
    purpose = models.CharField(max_length=12, choices=Purpose.choices)
    amount = models.DecimalField(max_digits=20, decimal_places=8)  # account currency; what leaves MT is negative
    currency = models.CharField(max_length=8)
    digits = models.PositiveSmallIntegerField()  # decimals of the account's currency on the MT server
    check_margin = models.BooleanField(default=True)  # refuse what the account's open positions need
    ref = models.CharField(max_length=13)  # first in the comment on the MT server
    note = models.CharField(max_length=12, blank=True, default="")  # second in it
    idempotency_key = models.CharField(max_length=200)
    # The journal's other side; null: not money of the books (credit). The ledger's tables are its own.
    ledger_account_id = models.BigIntegerField(null=True)
    hold_id = models.BigIntegerField(null=True)  # what is set aside there until the operation ends
    entry_id = models.BigIntegerField(null=True)  # its journal entry, once confirmed
    ticket = models.BigIntegerField(null=True)  # of the deal
    deal_at = models.DateTimeField(null=True)
    balance_before = models.DecimalField(max_digits=20, decimal_places=8, null=True)  # account currency, as told
    balance_after = models.DecimalField(max_digits=20, decimal_places=8, null=True)  # account currency, as told

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="balance_operation_ref_once", fields=["ref"]),
            models.UniqueConstraint(name="balance_operation_key_once", fields=["idempotency_key"]),
            models.UniqueConstraint(name="balance_operation_ticket_once", fields=["server", "ticket"]),
            models.UniqueConstraint(name="balance_operation_hold_once", fields=["hold_id"]),
            models.UniqueConstraint(name="balance_operation_entry_once", fields=["entry_id"]),
            models.UniqueConstraint(
                name="balance_operation_one_in_flight", fields=["account"],
                condition=Q(state__in=["sending", "unknown"]),
            ),
            models.CheckConstraint(
                name="balance_operation_amount_fits",
                condition=~Q(amount=0) & Q(amount__gte=-MONEY_LIMIT, amount__lte=MONEY_LIMIT),
            ),
            models.CheckConstraint(
                name="balance_operation_whole_minor_units", condition=Q(amount=RoundTo(F("amount"), F("digits")))
            ),
            models.CheckConstraint(
                name="balance_operation_sign_fits",
                condition=~Q(purpose__in=["deposit", "rebate"], amount__lt=0) & ~Q(purpose="withdrawal", amount__gt=0),
            ),
            models.CheckConstraint(
                name="balance_operation_kind_fits",
                condition=Q(kind=2, purpose__in=[p.value for p, kinds in KINDS_OF.items() if 2 in kinds])
                | Q(kind=3, purpose__in=[p.value for p, kinds in KINDS_OF.items() if 3 in kinds])
                | Q(kind=4, purpose__in=[p.value for p, kinds in KINDS_OF.items() if 4 in kinds])
                | Q(kind=5, purpose__in=[p.value for p, kinds in KINDS_OF.items() if 5 in kinds])
                | Q(kind=6, purpose__in=[p.value for p, kinds in KINDS_OF.items() if 6 in kinds]),
            ),
            models.CheckConstraint(
                name="balance_operation_books_fit",
                condition=Q(kind=3, ledger_account_id__isnull=True, hold_id__isnull=True)
                | ~Q(kind=3) & Q(ledger_account_id__isnull=False) & (Q(hold_id__isnull=True) | Q(amount__gt=0)),
            ),
            models.CheckConstraint(
                name="balance_operation_ticket_when_confirmed",
                condition=Q(state="confirmed", ticket__gt=0) | ~Q(state="confirmed") & Q(ticket__isnull=True),
            ),
            models.CheckConstraint(
                name="balance_operation_booked_when_confirmed",
                condition=Q(state="confirmed", kind=3, entry_id__isnull=True)
                | Q(state="confirmed", entry_id__isnull=False) & ~Q(kind=3)
                | ~Q(state="confirmed") & Q(entry_id__isnull=True),
            ),
            models.CheckConstraint(
                name="balance_operation_sending_is_leased",
                condition=Q(state="sending", lease_until__isnull=False, sent_at__isnull=False, attempts__gte=1)
                | ~Q(state="sending") & Q(lease_until__isnull=True),
            ),
            models.CheckConstraint(
                name="balance_operation_sent_before_doubt",
                condition=~Q(state__in=["unknown", "review"]) | Q(first_sent_at__isnull=False, sent_at__isnull=False),
            ),
        ]  # fmt: skip
        indexes: ClassVar = [
            models.Index(
                name="balance_operation_open", fields=["server", "next_try_at"],
                condition=Q(state__in=["planned", "sending", "unknown"]),
            ),
            models.Index(name="balance_operation_in_state", fields=["state", "id"]),
        ]  # fmt: skip

    def __str__(self) -> str:
        return self.ref

    @property
    def comment(self) -> str:
        """What stands on the deal, at most 26 characters."""
        return f"{self.ref} {self.note}".strip()


class OperationEvent(models.Model):
    """One move of an operation. Written by the trigger in the same statement, never changed."""

    db_access = DbAccess.READ

    operation = models.ForeignKey(BalanceOperation, on_delete=models.PROTECT, related_name="events", db_index=False)
    number = models.PositiveSmallIntegerField()  # 1, 2, 3 … within the operation
    state_before = models.CharField(max_length=10, blank=True, default="")
    state = models.CharField(max_length=10, choices=OperationState.choices)
    at = models.DateTimeField()
    by = models.CharField(max_length=150)
    reason = models.CharField(max_length=40, blank=True, default="")
    detail = models.JSONField(default=dict)
    attempt = models.PositiveSmallIntegerField()
    fence = models.BigIntegerField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="operation_event_numbered_once", fields=["operation", "number"]),
        ]

    def __str__(self) -> str:
        return f"{self.operation_id}.{self.number}"


class OperationFinding(models.Model):
    """A difference between the outbox and the deals of an MT server; closed by itself once it is gone."""

    server = models.ForeignKey("mt4bridge.MtServer", on_delete=models.PROTECT, related_name="operation_findings")
    kind = models.CharField(max_length=12, choices=FindingKind.choices)
    ref = models.CharField(max_length=13)
    operation = models.ForeignKey(BalanceOperation, on_delete=models.PROTECT, null=True, related_name="findings")
    ticket = models.BigIntegerField()
    found_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="operation_finding_open_once", fields=["server", "kind", "ref", "ticket"],
                condition=Q(closed_at__isnull=True),
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.kind} {self.ref} {self.ticket}"
