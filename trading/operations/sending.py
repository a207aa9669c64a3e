"""The moves of an operation on its way: each one transaction, each checked against the fence of whoever makes it.

`begin_sending` commits before the server is called. Whoever crashes after that is resumed by reading back, never by
sending again."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol

from django.db import IntegrityError, transaction

from access.types import Actor
from ledger.enums import AccountKind, EntryKind, OwnerType
from ledger.queries import get_hold
from ledger.services import capture_hold, ensure_accounts, post_entry, release_hold
from ledger.types import AccountSpec, EntrySpec, PostingSpec, credit, debit
from mt4bridge.errors import BridgeError
from trading.operations.enums import OPERATION_MOVES, OperationState, Purpose
from trading.operations.errors import OperationMoved, SenderReplaced
from trading.operations.models import BalanceOperation, SendingRules

SENDER = Actor.system("MT operations")
MOST_READS = 30  # since the latest sending; then a person looks
_DETAIL_LENGTH = 300
MOVING_FIELDS = BalanceOperation.db_updatable
_S = OperationState
_ENTRY_KINDS = {
    Purpose.DEPOSIT: EntryKind.DEPOSIT, Purpose.WITHDRAWAL: EntryKind.WITHDRAWAL, Purpose.TRANSFER: EntryKind.TRANSFER,
    Purpose.REBATE: EntryKind.TRANSFER, Purpose.BONUS: EntryKind.ADJUSTMENT, Purpose.CORRECTION: EntryKind.ADJUSTMENT,
    Purpose.MANUAL: EntryKind.ADJUSTMENT,
}  # fmt: skip


class Booked(Protocol):
    """The deal that confirms an operation, fresh from the server or from our store."""

    @property
    def ticket(self) -> int: ...

    @property
    def deal_at(self) -> datetime: ...


@dataclass(frozen=True, slots=True)
class Witness:
    """What the server said just before an operation is sent to it."""

    server_now: datetime
    balance: Decimal | None  # account currency; None: the account is not there


def rules_of(server_id: int) -> SendingRules:
    """Return how patient the outbox is with a server."""
    found = SendingRules.objects.filter(pk=server_id).first()
    return found or SendingRules(server_id=server_id)


def begin_sending(
    *, operation: BalanceOperation, witness: Witness, rules: SendingRules, now: datetime
) -> BalanceOperation | None:
    """Claim an operation and commit that it is being sent; None when it may not be sent now.

    Commits by itself: the caller must not be in a transaction."""
    try:
        with transaction.atomic(durable=True):
            row = _locked(operation.pk)
            if row.fence != operation.fence or row.state not in (_S.PLANNED, _S.UNKNOWN):
                return None
            row.attempts += 1
            row.lease_until, row.sent_at = now + rules.lease, now
            row.first_sent_at = min(row.first_sent_at or now, witness.server_now, now)
            row.reads = row.empty_reads = 0
            row.empty_read_at = None
            row.balance_before = witness.balance
            return _move(row, _S.SENDING, now=now, reason="not_applied" if row.state == _S.UNKNOWN else "")
    except IntegrityError as error:
        if "balance_operation_one_in_flight" not in str(error):
            raise
        return None  # another operation of the account has not ended


@transaction.atomic
def confirm(
    *, operation: BalanceOperation, deal: Booked, balance_after: Decimal | None, by: str = "", now: datetime
) -> BalanceOperation:
    """Note that the server has booked it, and book it in the ledger, in one transaction.

    :raises SenderReplaced: somebody else has moved it."""
    row = _claimed(operation, _S.CONFIRMED)
    row.ticket, row.deal_at, row.balance_after = deal.ticket, deal.deal_at, balance_after
    row.entry_id = _book(row, now=now)
    return _move(row, _S.CONFIRMED, now=now, by=by, reason="resolved" if by else "")


@transaction.atomic
def refuse(
    *, operation: BalanceOperation, reason: str, detail: dict[str, Any], by: str = "", now: datetime
) -> BalanceOperation:
    """Note that it is certainly not carried out, and let go what was set aside.

    :raises SenderReplaced: somebody else has moved it."""
    row = _claimed(operation, _S.REFUSED)
    if row.hold_id is not None:
        release_hold(hold=get_hold(row.hold_id), now=now)
    return _move(row, _S.REFUSED, now=now, by=by, reason=reason, detail=detail)


@transaction.atomic
def doubt(
    *, operation: BalanceOperation, reason: str, detail: dict[str, Any], by: str = "", now: datetime
) -> BalanceOperation:
    """Note that nobody knows whether it was carried out; it is read back at once.

    :raises SenderReplaced: somebody else has moved it."""
    row = _claimed(operation, _S.UNKNOWN)
    row.next_try_at, row.reads, row.empty_reads, row.empty_read_at = now, 0, 0, None
    return _move(row, _S.UNKNOWN, now=now, by=by, reason=reason, detail=detail)


@transaction.atomic
def put_back(*, operation: BalanceOperation, error: BridgeError, now: datetime) -> BalanceOperation:
    """Note that nothing reached the server, which is certain; it is sent again after a while.

    :raises SenderReplaced: somebody else has moved it."""
    row = _claimed(operation, _S.PLANNED)
    row.next_try_at = now + timedelta(seconds=min(5 * 2 ** min(row.attempts, 6), 120))
    return _move(row, _S.PLANNED, now=now, reason=error.code, detail=detail_of(error))


@transaction.atomic
def ask_person(*, operation: BalanceOperation, reason: str, detail: dict[str, Any], now: datetime) -> BalanceOperation:
    """Leave it to a person.

    :raises SenderReplaced: somebody else has moved it."""
    return _move(_claimed(operation, _S.REVIEW), _S.REVIEW, now=now, reason=reason, detail=detail)


@transaction.atomic
def note_reading(*, operation: BalanceOperation, empty: bool, rules: SendingRules, now: datetime) -> BalanceOperation:
    """Count a reading that settled nothing; only those after the settle window, and apart, count as empty.

    :raises SenderReplaced: somebody else has moved it."""
    row = _locked(operation.pk)
    if row.fence != operation.fence or row.state != _S.UNKNOWN:
        raise SenderReplaced
    row.reads += 1
    settled = row.sent_at is not None and now >= row.sent_at + rules.settle_window
    apart = row.empty_read_at is None or now >= row.empty_read_at + rules.read_gap
    if empty and settled and apart:
        row.empty_reads += 1
        row.empty_read_at = now
    row.next_try_at = now + rules.read_gap / 4
    row.save(update_fields=["reads", "empty_reads", "empty_read_at", "next_try_at"])
    return row


def give_up_lost(*, server_id: int, now: datetime) -> int:
    """Doubt what a sender left behind: its lease has ended and nobody holds the server's sending lock but us."""
    lost = BalanceOperation.objects.filter(server_id=server_id, state=_S.SENDING, lease_until__lt=now)
    rows = list(lost.order_by("pk"))
    for row in rows:
        doubt(operation=row, reason="worker_lost", detail={}, now=now)
    return len(rows)


def detail_of(error: BridgeError) -> dict[str, str]:
    """Return what an error's sentence needs, as the row keeps it."""
    return {name: str(value)[:_DETAIL_LENGTH] for name, value in error.fields.items()}


def _locked(pk: int) -> BalanceOperation:
    return BalanceOperation.objects.select_for_update(of=("self",)).get(pk=pk)


def _claimed(operation: BalanceOperation, wanted: OperationState) -> BalanceOperation:
    """Lock the row; it must stand as the caller knows it."""
    row = _locked(operation.pk)
    if (row.fence, row.state) != (operation.fence, operation.state):
        raise SenderReplaced
    if wanted not in OPERATION_MOVES[OperationState(row.state)]:
        raise OperationMoved(ref=row.ref, state=row.get_state_display())
    return row


def _move(
    row: BalanceOperation, state: OperationState, *, now: datetime, reason: str, detail: dict[str, Any] | None = None,
    by: str = "",
) -> BalanceOperation:  # fmt: skip
    row.state, row.state_at, row.state_by = state, now, by or SENDER.label
    row.reason, row.detail = reason, detail or {}
    row.fence += 1
    if state != _S.SENDING:
        row.lease_until = None
    row.save(update_fields=list(MOVING_FIELDS))
    return row


def _book(row: BalanceOperation, *, now: datetime) -> int | None:
    """Book it against the server's clearing account, out of what was set aside; None for credit."""
    if row.ledger_account_id is None:
        return None
    spec = AccountSpec(AccountKind.MT_CLEARING, row.currency, OwnerType.MT_SERVER, row.server_id)
    clearing = ensure_accounts(specs=[spec], now=now)[spec.code]
    amount = abs(row.amount)
    postings: tuple[PostingSpec, ...] = (debit(row.ledger_account_id, amount), credit(clearing, amount))
    if row.amount < 0:
        postings = (debit(clearing, amount), credit(row.ledger_account_id, amount))
    entry = EntrySpec(
        idempotency_key=f"mt:{row.ref}", kind=_ENTRY_KINDS[Purpose(row.purpose)], at=row.deal_at or now,
        description=f"mt_{row.purpose}", postings=postings, params={"ref": row.ref, "ticket": row.ticket},
    )  # fmt: skip
    if row.hold_id is None:
        return post_entry(entry=entry, actor=SENDER, now=now).entry_id
    return capture_hold(hold=get_hold(row.hold_id), entry=entry, actor=SENDER, now=now).entry_id
