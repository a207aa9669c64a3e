"""Double entry: ledger accounts, journal entries, postings, balances and holds.

The rules live in the database (constraints here, triggers in migrations/0002_walls.py); only
`ledger.services` writes. Balances are written by triggers alone."""

from decimal import Decimal
from typing import ClassVar

from django.db import models

from core.types import DbAccess
from ledger.enums import AccountKind, EntryKind, HoldState, OwnerType, Side
from ledger.fields import CurrentTransaction, Xid8Field

AMOUNT_LIMIT = Decimal("1E30")  # NUMERIC(38,8) ends here; NaN sorts above it, so the check refuses NaN too


class LedgerAccount(models.Model):
    """One account of the double entry; its rules never change, another rule is another account."""

    code = models.CharField(max_length=120)  # e.g. "ib_accrued:ib:17:USD"
    kind = models.CharField(max_length=20, choices=AccountKind.choices)
    currency = models.CharField(max_length=8)
    owner_type = models.CharField(max_length=12, choices=OwnerType.choices)
    owner_id = models.BigIntegerField(default=0)  # id in the owner's own table, 0 for the house; no foreign key upward
    decimals = models.SmallIntegerField()  # 8 for accrued kinds, else the currency's minor unit
    normal_side = models.CharField(max_length=1, choices=Side.choices)  # the side that makes the balance positive
    allow_negative = models.BooleanField()
    opened_at = models.DateTimeField()

    db_access = DbAccess.APPEND

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="ledger_account_code_unique", fields=["code"]),
            models.UniqueConstraint(
                name="ledger_account_one_per_owner", fields=["owner_type", "owner_id", "kind", "currency"]
            ),
            models.CheckConstraint(
                name="ledger_account_currency_code", condition=models.Q(currency__regex=r"^[A-Z][A-Z0-9]{2,7}$")
            ),
            models.CheckConstraint(
                name="ledger_account_house_without_id",
                condition=models.Q(owner_type="house", owner_id=0)
                | (~models.Q(owner_type="house") & models.Q(owner_id__gt=0)),
            ),
        ]

    def __str__(self) -> str:
        return self.code


class JournalEntry(models.Model):
    """One booked fact; its postings sum to zero per currency. Never changed; a mistake is reversed."""

    idempotency_key = models.CharField(max_length=200)
    request_hash = models.UUIDField()  # first 128 bits of SHA-256 over the request, to tell a repeat from a misuse
    kind = models.CharField(max_length=20, choices=EntryKind.choices)
    at = models.DateTimeField()  # when it happened
    booked_at = models.DateTimeField()  # when we booked it
    description = models.CharField(max_length=60)  # code of the sentence shown to people
    params = models.JSONField(default=dict)  # fields of that sentence
    reverses = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="reversals", db_index=False)
    actor_label = models.CharField(max_length=200)
    actor_user_id = models.BigIntegerField(null=True)
    txid = Xid8Field(db_default=CurrentTransaction(), editable=False)

    db_access = DbAccess.APPEND

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                name="journal_entry_reversal_names_entry",
                condition=models.Q(kind="reversal", reverses__isnull=False)
                | (~models.Q(kind="reversal") & models.Q(reverses__isnull=True)),
            ),
            models.UniqueConstraint(name="journal_entry_key_unique", fields=["idempotency_key"]),
            models.UniqueConstraint(
                name="journal_entry_reversed_once", fields=["reverses"], condition=models.Q(reverses__isnull=False)
            ),
            models.CheckConstraint(name="journal_entry_key_given", condition=~models.Q(idempotency_key="")),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.idempotency_key}"


class Posting(models.Model):
    """One line of an entry. Its entry's lines are 1, 2, 3 …, written by one statement, so an entry is sealed at once.

    Both references are guarded by the posting wall (trigger) in place of foreign keys, whose row locks on a
    hot ledger account cost more than the posting itself."""

    pk = models.CompositePrimaryKey("entry_id", "line")
    entry = models.ForeignKey(
        JournalEntry, on_delete=models.PROTECT, related_name="postings", db_constraint=False, db_index=False
    )
    line = models.SmallIntegerField()
    ledger_account = models.ForeignKey(
        LedgerAccount, on_delete=models.PROTECT, related_name="postings", db_constraint=False, db_index=False
    )
    side = models.CharField(max_length=1, choices=Side.choices)
    amount = models.DecimalField(
        max_digits=38, decimal_places=8
    )  # ledger account's currency, positive; the side gives the direction

    db_access = DbAccess.APPEND

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                name="posting_amount_positive", condition=models.Q(amount__gt=0, amount__lt=AMOUNT_LIMIT)
            ),
            models.CheckConstraint(name="posting_side_known", condition=models.Q(side__in=["D", "C"])),
        ]
        indexes: ClassVar = [
            models.Index(name="posting_of_account", fields=["ledger_account", "entry", "line"]),
        ]

    def __str__(self) -> str:
        return f"{self.entry_id}/{self.line}"


class Balance(models.Model):
    """The sum of a ledger account's postings and open holds, moved by triggers in the same statement."""

    ledger_account = models.OneToOneField(
        LedgerAccount, on_delete=models.PROTECT, primary_key=True, related_name="balance"
    )
    normal_side = models.CharField(max_length=1, choices=Side.choices)  # a copy, for the check below
    allow_negative = models.BooleanField()
    posted_debit = models.DecimalField(
        max_digits=38, decimal_places=8, default=0
    )  # sum of debits, ledger account's currency
    posted_credit = models.DecimalField(
        max_digits=38, decimal_places=8, default=0
    )  # sum of credits, ledger account's currency
    held = models.DecimalField(
        max_digits=38, decimal_places=8, default=0
    )  # sum of open holds, ledger account's currency, positive
    posting_count = models.BigIntegerField(default=0)

    db_access = DbAccess.READ

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                name="balance_sums_not_negative",
                condition=models.Q(posted_debit__gte=0, posted_credit__gte=0, held__gte=0, posting_count__gte=0),
            ),
            models.CheckConstraint(
                name="balance_available_not_negative",
                condition=models.Q(allow_negative=True)
                | models.Q(normal_side="C", posted_credit__gte=models.F("posted_debit") + models.F("held"))
                | models.Q(normal_side="D", posted_debit__gte=models.F("posted_credit") + models.F("held")),
            ),
        ]

    def __str__(self) -> str:
        return f"balance of {self.ledger_account_id}"

    @property
    def posted(self) -> Decimal:
        """The balance, seen from the account's normal side."""
        net = self.posted_credit - self.posted_debit
        return net if self.normal_side == Side.CREDIT else -net

    @property
    def available(self) -> Decimal:
        """What may still leave: the balance less what is held."""
        return self.posted - self.held


class Hold(models.Model):
    """Money set aside on a ledger account until it is captured by an entry or released; once, whole."""

    ledger_account = models.ForeignKey(LedgerAccount, on_delete=models.PROTECT, related_name="holds", db_index=False)
    amount = models.DecimalField(max_digits=38, decimal_places=8)  # ledger account's currency, positive, never changed
    reason = models.CharField(max_length=60)  # code of the sentence shown to people
    idempotency_key = models.CharField(max_length=200)
    state = models.CharField(max_length=10, choices=HoldState.choices, default=HoldState.HELD)
    captured_by = models.ForeignKey(
        JournalEntry, on_delete=models.PROTECT, null=True, related_name="captured_holds", db_index=False
    )
    placed_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    actor_label = models.CharField(max_length=200)
    actor_user_id = models.BigIntegerField(null=True)

    db_access = DbAccess.APPEND
    db_updatable = ("state", "captured_by_id", "closed_at")  # the hold guard (trigger) allows one move only

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                name="hold_amount_positive", condition=models.Q(amount__gt=0, amount__lt=AMOUNT_LIMIT)
            ),
            models.UniqueConstraint(name="hold_key_unique", fields=["idempotency_key"]),
            models.UniqueConstraint(
                name="hold_captured_by_own_entry", fields=["captured_by"], condition=models.Q(captured_by__isnull=False)
            ),
            models.CheckConstraint(name="hold_key_given", condition=~models.Q(idempotency_key="")),
            models.CheckConstraint(
                name="hold_closed_in_full",
                condition=models.Q(state="held", captured_by__isnull=True, closed_at__isnull=True)
                | models.Q(state="released", captured_by__isnull=True, closed_at__isnull=False)
                | models.Q(state="captured", captured_by__isnull=False, closed_at__isnull=False),
            ),
        ]
        indexes: ClassVar = [
            models.Index(name="hold_of_account", fields=["ledger_account", "id"]),
        ]

    def __str__(self) -> str:
        return f"hold {self.idempotency_key}"
