"""The moves of whatever is sent to an MT server: each one transaction, each checked against the fence of its maker.

`begin_sending` commits before the server is called. Whoever crashes after that is resumed by reading back, never by
sending again."""

from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from access.types import Actor
from mt4bridge.errors import BridgeError
from trading.operations.enums import OPERATION_MOVES, OperationState
from trading.operations.errors import OperationMoved, SenderReplaced
from trading.operations.models import Outgoing, SendingRules

SENDER = Actor.system("MT operations")
MOST_READS = 30  # since the latest sending; then a person looks
_DETAIL_LENGTH = 300
_S = OperationState
Row = TypeVar("Row", bound=Outgoing)


def rules_of(server_id: int) -> SendingRules:
    """Return how patient the outbox is with a server."""
    found = SendingRules.objects.filter(pk=server_id).first()
    return found or SendingRules(server_id=server_id)


def begin_sending(*, row: Row, server_now: datetime, rules: SendingRules, now: datetime, **witness: Any) -> Row | None:
    """Claim a row and commit that it is being sent; None when it may not be sent now.

    `witness`: what else to note of the server just before. Commits by itself: the caller must not be in a
    transaction."""
    try:
        with transaction.atomic(durable=True):
            found = locked(row)
            if found.fence != row.fence or found.state not in (_S.PLANNED, _S.UNKNOWN):
                return None
            found.attempts += 1
            found.lease_until, found.sent_at = now + rules.lease, now
            found.first_sent_at = min(found.first_sent_at or now, server_now, now)
            found.reads = found.empty_reads = 0
            found.empty_read_at = None
            for name, value in witness.items():
                setattr(found, name, value)
            return move(found, _S.SENDING, now=now, reason="not_applied" if found.state == _S.UNKNOWN else "")
    except IntegrityError as error:
        if "_one_in_flight" not in str(error):
            raise
        return None  # another one of the account has not ended


@transaction.atomic
def doubt(*, row: Row, reason: str, detail: dict[str, Any], by: str = "", now: datetime) -> Row:
    """Note that nobody knows whether it was carried out; it is read back at once.

    :raises SenderReplaced: somebody else has moved it."""
    found = claimed(row, _S.UNKNOWN)
    found.next_try_at, found.reads, found.empty_reads, found.empty_read_at = now, 0, 0, None
    return move(found, _S.UNKNOWN, now=now, by=by, reason=reason, detail=detail)


@transaction.atomic
def put_back(*, row: Row, error: BridgeError, now: datetime) -> Row:
    """Note that nothing reached the server, which is certain; it is sent again after a while.

    :raises SenderReplaced: somebody else has moved it."""
    found = claimed(row, _S.PLANNED)
    found.next_try_at = now + timedelta(seconds=min(5 * 2 ** min(found.attempts, 6), 120))
    return move(found, _S.PLANNED, now=now, reason=error.code, detail=detail_of(error))


@transaction.atomic
def ask_person(*, row: Row, reason: str, detail: dict[str, Any], now: datetime) -> Row:
    """Leave it to a person.

    :raises SenderReplaced: somebody else has moved it."""
    return move(claimed(row, _S.REVIEW), _S.REVIEW, now=now, reason=reason, detail=detail)


@transaction.atomic
def note_reading(*, row: Row, empty: bool, rules: SendingRules, now: datetime) -> Row:
    """Count a reading that settled nothing; only those after the settle window, and apart, count as empty.

    :raises SenderReplaced: somebody else has moved it."""
    found = locked(row)
    if found.fence != row.fence or found.state != _S.UNKNOWN:
        raise SenderReplaced
    found.reads += 1
    settled = now >= found.state_at + rules.settle_window  # since the doubt began: a slow sender may send until then
    apart = found.empty_read_at is None or now >= found.empty_read_at + rules.read_gap
    if empty and settled and apart:
        found.empty_reads += 1
        found.empty_read_at = now
    found.next_try_at = now + rules.read_gap / 4
    found.save(update_fields=["reads", "empty_reads", "empty_read_at", "next_try_at"])
    return found


def give_up_lost(*, rows: QuerySet[Row], now: datetime) -> int:
    """Doubt what a sender of these rows left behind: its lease has ended, and the sending lock is the caller's."""
    lost = list(rows.filter(state=_S.SENDING, lease_until__lt=now).order_by("pk"))
    for row in lost:
        doubt(row=row, reason="worker_lost", detail={}, now=now)
    return len(lost)


def detail_of(error: BridgeError) -> dict[str, str]:
    """Return what an error's sentence needs, as the row keeps it."""
    return {name: str(value)[:_DETAIL_LENGTH] for name, value in error.fields.items()}


def locked(row: Row) -> Row:
    found: Row = type(row).objects.select_for_update(of=("self",)).get(pk=row.pk)
    return found


def claimed(row: Row, wanted: OperationState) -> Row:
    """Lock the row; it must stand as the caller knows it, and may go where the caller wants.

    :raises SenderReplaced, OperationMoved: it does not, or may not."""
    found = locked(row)
    if (found.fence, found.state) != (row.fence, row.state):
        raise SenderReplaced
    if wanted not in OPERATION_MOVES[OperationState(found.state)]:
        raise OperationMoved(ref=str(found), state=found.get_state_display())
    return found


def move(
    row: Row, state: OperationState, *, now: datetime, reason: str, detail: dict[str, Any] | None = None, by: str = ""
) -> Row:
    """Write the move of a locked row; the trigger adds it to the history."""
    row.state, row.state_at, row.state_by = state, now, by or SENDER.label
    row.reason, row.detail = reason, detail or {}
    row.fence += 1
    if state != _S.SENDING:
        row.lease_until = None
    row.save(update_fields=list(row.db_updatable))
    return row
