"""Set money aside, and take it or let it go; once."""

from datetime import datetime

from django.db import connection, transaction

from access.types import Actor
from ledger import wire
from ledger.enums import HOLD_MOVES, HoldState
from ledger.errors import HoldClosed, HoldMismatch, IdempotencyConflict, InvalidAmount, UnknownLedgerAccount, refusals
from ledger.models import Hold, LedgerAccount
from ledger.services.entries import find_posted, post_with_id, reserve_entry_id
from ledger.types import EntrySpec, HoldSpec, Posted


def hold_funds(*, hold: HoldSpec, actor: Actor, now: datetime) -> Hold:
    """Set the amount aside, so that nothing else can take it; a repeated key returns the first hold.

    :raises InsufficientFunds: less than the amount is available.
    :raises IdempotencyConflict: the key stands for something else."""
    try:
        wire.scaled(hold.amount)
    except ValueError as error:
        raise InvalidAmount from error
    row = Hold(
        ledger_account_id=hold.ledger_account_id,
        amount=hold.amount,
        reason=hold.reason,
        idempotency_key=hold.idempotency_key,
        placed_at=now,
        actor_label=actor.label,
        actor_user_id=actor.user_id,
    )
    with refusals(), transaction.atomic():
        if not LedgerAccount.objects.filter(pk=hold.ledger_account_id).exists():
            raise UnknownLedgerAccount
        Hold.objects.bulk_create([row], ignore_conflicts=True)
    stored = Hold.objects.get(idempotency_key=hold.idempotency_key)
    if (stored.ledger_account_id, stored.amount, stored.reason) != (hold.ledger_account_id, hold.amount, hold.reason):
        raise IdempotencyConflict(key=hold.idempotency_key)
    return stored


def capture_hold(*, hold: Hold, entry: EntrySpec, actor: Actor, now: datetime) -> Posted:
    """Take the held money by booking `entry`, which debits or credits exactly the held amount away.

    :raises HoldClosed: it was captured by another entry, or released.
    :raises HoldMismatch: the entry takes another amount, or from another account."""
    _refuse_mismatch(hold, entry)
    with refusals(), transaction.atomic():
        lock_balances(ledger_account_ids=[p.ledger_account_id for p in entry.postings])
        known = find_posted(entry)
        if known is not None:
            if not Hold.objects.filter(pk=hold.pk, captured_by_id=known).exists():
                raise HoldClosed
            return Posted(known, created=False)
        entry_id = reserve_entry_id()
        _close(hold, state=HoldState.CAPTURED, captured_by_id=entry_id, now=now)
        return post_with_id(entry=entry, entry_id=entry_id, actor=actor, now=now)


def release_hold(*, hold: Hold, now: datetime) -> Hold:
    """Let the held money go again.

    :raises HoldClosed: it was captured or released before."""
    with transaction.atomic():
        lock_balances(ledger_account_ids=[hold.ledger_account_id])
        _close(hold, state=HoldState.RELEASED, captured_by_id=None, now=now)
    hold.refresh_from_db()
    return hold


def lock_balances(*, ledger_account_ids: list[int]) -> None:
    """Lock ledger accounts in the order of their ids until the transaction ends.

    For a transaction with several postings or holds: without it, two of them may wait for each other."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT ledger_lock_balances(%s)", [sorted(set(ledger_account_ids))])


def _close(hold: Hold, *, state: HoldState, captured_by_id: int | None, now: datetime) -> None:
    """Move an open hold; its balance is locked already, so that closers queue there and never cross."""
    before = [known for known, moves in HOLD_MOVES.items() if state in moves]
    if not Hold.objects.filter(pk=hold.pk, state__in=before).update(
        state=state, captured_by_id=captured_by_id, closed_at=now
    ):
        raise HoldClosed


def _refuse_mismatch(hold: Hold, entry: EntrySpec) -> None:
    normal_side = LedgerAccount.objects.values_list("normal_side", flat=True).get(pk=hold.ledger_account_id)
    lines = [p for p in entry.postings if p.ledger_account_id == hold.ledger_account_id]
    if sum((-p.amount if p.side == normal_side else p.amount) for p in lines) != hold.amount:
        raise HoldMismatch
