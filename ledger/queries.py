"""Reads of the ledger: balances, an account's lines, entries, the trial balance."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import Exists, F, OuterRef, Q, QuerySet, Sum

from access.types import Actor
from ledger.enums import OwnerType, Side
from ledger.errors import UnknownLedgerAccount
from ledger.models import Balance, Hold, JournalEntry, LedgerAccount, Posting


@dataclass(frozen=True, slots=True)
class AccountBalance:
    """A ledger account's money now, in its currency, positive on its normal side."""

    posted: Decimal
    held: Decimal
    available: Decimal  # posted less held


@dataclass(frozen=True, slots=True)
class StatementLine:
    """One posting of one ledger account; `amount` is positive when it raises the account's balance."""

    entry_id: int
    line: int
    kind: str
    at: datetime
    booked_at: datetime
    description: str
    params: dict[str, Any]
    side: str
    amount: Decimal  # ledger account's currency, signed by the account's normal side
    actor_label: str
    reverses_id: int | None

    @property
    def cursor(self) -> tuple[int, int]:
        """Where the next page begins: give it as `before`."""
        return self.entry_id, self.line


@dataclass(frozen=True, slots=True)
class TrialLine:
    """All postings of one kind of account in one currency."""

    currency: str
    kind: str
    debit: Decimal  # sum of debits, in `currency`
    credit: Decimal  # sum of credits, in `currency`

    @property
    def net(self) -> Decimal:
        """Debits less credits; sums to zero over the kinds of a currency."""
        return self.debit - self.credit


def get_balance(*, ledger_account_id: int) -> AccountBalance:
    """Return one account's balance.

    :raises UnknownLedgerAccount: there is no such account."""
    found = balances(ledger_account_ids=[ledger_account_id])
    if not found:
        raise UnknownLedgerAccount
    return found[ledger_account_id]


def balances(*, ledger_account_ids: Collection[int]) -> dict[int, AccountBalance]:
    """Return {ledger account id: balance} in one statement; unknown ids are left out."""
    rows = Balance.objects.filter(pk__in=ledger_account_ids).order_by("pk")
    return {row.pk: AccountBalance(row.posted, row.held, row.available) for row in rows}


def get_hold(hold_id: int) -> Hold:
    """Return what was set aside under this id.

    :raises Hold.DoesNotExist: nothing was."""
    return Hold.objects.get(pk=hold_id)


def ledger_accounts_visible_to(actor: Actor) -> QuerySet[LedgerAccount]:
    """Return the ledger accounts the actor may see: staff with the right all, an IB or a client its own."""
    rows = LedgerAccount.objects.select_related("balance")
    if actor.sees_all:
        return rows if actor.has("ledger.view_entry") else rows.none()
    own = Q(owner_type=OwnerType.CLIENT, owner_id=actor.client_id or 0)
    return rows.filter(own | Q(owner_type=OwnerType.IB, owner_id=actor.ib_id or 0))


def entries_visible_to(actor: Actor) -> QuerySet[JournalEntry]:
    """Return the entries the actor may see: staff with the right all, others those on their own accounts."""
    if actor.sees_all:
        return JournalEntry.objects.all() if actor.has("ledger.view_entry") else JournalEntry.objects.none()
    own = ledger_accounts_visible_to(actor).values("pk")
    lines = Posting.objects.filter(entry_id=OuterRef("pk"), ledger_account_id__in=own)
    return JournalEntry.objects.filter(Exists(lines))


def statement_lines(
    *, ledger_account_id: int, before: tuple[int, int] | None = None, limit: int = 50
) -> list[StatementLine]:
    """Return up to `limit` lines of an account, newest first; `before` is the last line's cursor of the page above.

    Costs the same on every page: the index of the account is read from the cursor on."""
    rows = Posting.objects.filter(ledger_account_id=ledger_account_id).select_related("entry", "ledger_account")
    if before is not None:
        rows = rows.filter(pk__lt=before)
    return [_statement_line(row) for row in rows.order_by("-entry_id", "-line")[:limit]]


def _statement_line(row: Posting) -> StatementLine:
    entry = row.entry
    return StatementLine(
        entry_id=row.entry_id,
        line=row.line,
        kind=entry.kind,
        at=entry.at,
        booked_at=entry.booked_at,
        description=entry.description,
        params=entry.params,
        side=row.side,
        amount=row.amount if row.side == row.ledger_account.normal_side else -row.amount,
        actor_label=entry.actor_label,
        reverses_id=entry.reverses_id,
    )


def entry_lines(*, entry_id: int) -> list[Posting]:
    """Return an entry's postings with their ledger accounts, in the order they were booked."""
    return list(Posting.objects.filter(entry_id=entry_id).select_related("ledger_account").order_by("line"))


def trial_balance() -> list[TrialLine]:
    """Return debits and credits by currency and kind of account; each currency's nets sum to zero."""
    rows = (
        Balance.objects.values(currency=F("ledger_account__currency"), kind=F("ledger_account__kind"))
        .annotate(debit=Sum("posted_debit"), credit=Sum("posted_credit"))
        .order_by("currency", "kind")
    )
    return [TrialLine(**row) for row in rows]


def ledger_sums() -> dict[str, Decimal]:
    """Return {currency: debits less credits} over all postings themselves, not the balances; all are zero."""
    signed = Sum("amount", filter=Q(side=Side.DEBIT), default=Decimal(0)) - Sum(
        "amount", filter=Q(side=Side.CREDIT), default=Decimal(0)
    )
    rows = Posting.objects.values(currency=F("ledger_account__currency")).annotate(net=signed).order_by("currency")
    return {row["currency"]: row["net"] for row in rows}
