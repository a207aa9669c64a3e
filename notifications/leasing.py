"""Rows of the outbox on their way: take one that is due, write down how its attempt ended, let a server rest."""

import logging
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Q, QuerySet

from notifications.enums import MESSAGE_MOVES, MessageState, Outcome, Outgoing
from notifications.errors import ServerTrouble
from notifications.models import MailSettings, Message, MessageAttempt, SmsSettings
from notifications.types import Answer

logger = logging.getLogger(__name__)

LEASE = timedelta(minutes=2)  # longer than a delivery task may live, so a living worker never loses one
FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=1)
FIRST_REST, LONGEST_REST = timedelta(seconds=15), timedelta(minutes=10)
_END: dict[Outcome, MessageState] = {
    Outcome.ACCEPTED: MessageState.SENT,
    Outcome.REFUSED: MessageState.FAILED,
    Outcome.KEPT_BACK: MessageState.SUPPRESSED,
}
_MARKS = ["state", "attempts", "next_try_at", "lease_until", "last_code", "last_reply", "reference", "provider_id",
          "secrets_sealed", "finished_at"]  # fmt: skip


def anything_waits(*, now: datetime) -> bool:
    """Say whether any message of the current broker is due, left behind, or past its time."""
    queued = Q(state=MessageState.QUEUED) & (Q(next_try_at__lte=now) | Q(expires_at__lte=now))
    return Message.objects.filter(queued | Q(state=MessageState.SENDING, lease_until__lte=now)).exists()


def has_due_in(channel: Outgoing, *, now: datetime) -> bool:
    """Say whether a message of the channel waits for an attempt."""
    return _waiting(channel, now).exists() or _left_behind(channel, now).exists()


@transaction.atomic
def take_one(channel: Outgoing, *, sender_domain: str, now: datetime) -> Message | None:
    """Lease the message that waits longest, or one whose worker stopped; None when there is none.

    Those whose time is over are given up on the way. Others' leases are skipped, never waited for."""
    while (message := _first(_left_behind(channel, now)) or _first(_waiting(channel, now))) is not None:
        if message.state == MessageState.SENDING:
            _note(message, Answer(Outcome.LOST, "lost"), took_ms=0, now=now)
        if message.expires_at <= now:
            _finish(message, MessageState.DEAD, "expired", now=now)
            continue
        _move(message, MessageState.SENDING)
        message.attempts += 1
        message.lease_until = now + LEASE
        message.reference = message.reference or reference_of(message, sender_domain)
        message.save(update_fields=_MARKS)
        return message
    return None


@transaction.atomic
def record(message: Message, answer: Answer, *, took_ms: int, now: datetime) -> None:
    """Write down how the attempt of a leased message ended, and what becomes of it. The history gets a row.

    Does nothing but log when the lease ran out and somebody else took the message."""
    row = Message.objects.select_for_update(of=("self",)).get(pk=message.pk)
    if row.state != MessageState.SENDING or row.attempts != message.attempts:
        logger.error("a lease ran out while its worker lived", extra={"message_id": row.pk})
        return
    _note(row, answer, took_ms=took_ms, now=now)
    row.provider_id = answer.provider_id or row.provider_id
    row.last_code, row.last_reply = answer.code, answer.reply
    if (end := _END.get(answer.outcome)) is not None:
        _finish(row, end, answer.code, reply=answer.reply, now=now)
        return
    row.next_try_at = now + wait_after(attempts=row.attempts, message_id=row.pk)
    if row.next_try_at >= row.expires_at:
        _finish(row, MessageState.DEAD, "expired", reply=answer.reply, now=now)
        return
    _move(row, MessageState.QUEUED)
    row.lease_until = None
    row.save(update_fields=_MARKS)


def has_expired_in(channel: Outgoing, *, now: datetime) -> bool:
    """Say whether a message of the channel waited past its time."""
    return Message.objects.filter(channel=channel, state=MessageState.QUEUED, expires_at__lte=now).exists()


@transaction.atomic
def give_up_expired(channel: Outgoing, *, now: datetime) -> int:
    """Give up what waited past its time, also while no server can be used; return how many."""
    rows = Message.objects.select_for_update(of=("self",), skip_locked=True)
    late = rows.filter(channel=channel, state=MessageState.QUEUED, expires_at__lte=now).order_by("pk")[:500]
    for message in late:
        _finish(message, MessageState.DEAD, "expired", now=now)
    return len(late)


def reference_of(message: Message, sender_domain: str) -> str:
    """Return the message's own name, the same in every attempt: a Message-ID, or without a domain a bare id."""
    return f"<{message.uuid.hex}@{sender_domain}>" if sender_domain else message.uuid.hex


def wait_after(*, attempts: int, message_id: int) -> timedelta:
    """Return how long a message waits after so many attempts: doubling from a minute to an hour.

    Up to a quarter longer, by message, so that those of one failure do not all come back together."""
    wait: timedelta = min(FIRST_WAIT * 2 ** min(attempts - 1, 10), LONGEST_WAIT)
    return wait + wait / 4 * (message_id * 7919 % 100) / 100


def note_trouble(settings: MailSettings | SmsSettings, trouble: ServerTrouble, *, now: datetime) -> None:
    """Note that the server could not be used, and let it rest: doubling from 15 seconds to 10 minutes."""
    rest = min(FIRST_REST * 2 ** min(settings.failures, 10), LONGEST_REST)
    type(settings).objects.filter(pk=settings.pk).update(
        failures=F("failures") + 1, last_code=trouble.code, last_reply=trouble.reply, last_error_at=now,
        rest_until=now + rest,
    )  # fmt: skip


def note_usable(settings: MailSettings | SmsSettings) -> None:
    """Note that the server took something from us again."""
    type(settings).objects.filter(pk=settings.pk).update(failures=0, rest_until=None)


def _waiting(channel: Outgoing, now: datetime) -> QuerySet[Message]:
    rows = Message.objects.filter(channel=channel, state=MessageState.QUEUED, next_try_at__lte=now)
    return rows.order_by("next_try_at", "pk")


def _left_behind(channel: Outgoing, now: datetime) -> QuerySet[Message]:
    rows = Message.objects.filter(channel=channel, state=MessageState.SENDING, lease_until__lte=now)
    return rows.order_by("lease_until", "pk")


def _first(rows: QuerySet[Message]) -> Message | None:
    return rows.select_for_update(skip_locked=True, of=("self",)).first()


def _note(message: Message, answer: Answer, *, took_ms: int, now: datetime) -> None:
    MessageAttempt.objects.create(
        message=message, number=message.attempts, outcome=answer.outcome, code=answer.code, reply=answer.reply, at=now,
        took_ms=took_ms,
    )  # fmt: skip


def _finish(message: Message, state: MessageState, code: str, *, reply: str = "", now: datetime) -> None:
    _move(message, state)
    message.lease_until, message.finished_at, message.secrets_sealed = None, now, ""
    message.last_code, message.last_reply = code, reply
    message.save(update_fields=_MARKS)


def _move(message: Message, state: MessageState) -> None:
    before = MessageState(message.state)
    if state not in MESSAGE_MOVES[before]:
        raise ValueError(f"a message does not go from {before} to {state}")
    message.state = state
