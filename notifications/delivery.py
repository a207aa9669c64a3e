"""Deliver what is due: lease a message, hand it over, write down how that ended, each in a transaction of its own.

A worker that dies between the server's yes and the commit leaves the lease to run out; the message is then sent again
under the same Message-ID, and its history says so: it may arrive twice, it is never lost. Decision 0020."""

import json
import logging
import time
from collections.abc import Callable
from datetime import datetime

from core.crypto import SealBroken, unseal
from notifications.carriers import Carrier, Settings, open_carrier, settings_of
from notifications.enums import Outcome, Outgoing
from notifications.errors import ServerTrouble
from notifications.leasing import (
    anything_waits,
    give_up_expired,
    has_due_in,
    has_expired_in,
    note_trouble,
    note_usable,
    record,
    take_one,
)
from notifications.models import Message
from notifications.rendering import HIDDEN, House, render
from notifications.sending.composing import BadAddress
from notifications.sending.gateway import BadNumber
from notifications.types import Answer, Parcel

logger = logging.getLogger(__name__)

BUDGET_S = 30
Clock = Callable[[], datetime]


class _CannotPack(Exception):
    """This message can never leave; `code` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def deliver(*, house: House, clock: Clock, budget_s: int = BUDGET_S) -> int:
    """Deliver the current broker's due messages for about so many seconds; return how many were tried.

    Outside any transaction. Several workers may do this at once: rows are taken with SKIP LOCKED."""
    stop_at = time.monotonic() + budget_s
    return sum(_deliver_channel(channel, house, clock, stop_at) for channel in Outgoing)


def has_work(*, now: datetime) -> bool:
    """Say whether `deliver` would find something to do for the current broker. One statement while nothing waits."""
    return anything_waits(now=now) and any(
        has_expired_in(each, now=now) or (_usable(settings_of(each), now) and has_due_in(each, now=now))
        for each in Outgoing
    )


def _usable(found: Settings | None, now: datetime) -> bool:
    return found is not None and (found.rest_until is None or found.rest_until <= now)


def _deliver_channel(channel: Outgoing, house: House, clock: Clock, stop_at: float) -> int:
    now = clock()
    give_up_expired(channel, now=now)
    found = settings_of(channel)
    if found is None or not _usable(found, now) or not has_due_in(channel, now=now):
        return 0
    try:
        carrier = open_carrier(found, house_name=house.name)
    except ServerTrouble as trouble:
        note_trouble(found, trouble, now=clock())
        return 0
    tried = 0
    try:
        while time.monotonic() < stop_at:
            message = take_one(channel, sender_domain=found.sender_domain, now=clock())
            if message is None:
                break
            tried += 1
            if not _attempt(message, carrier, found, house, clock):
                break
    finally:
        carrier.close()
    return tried


def _attempt(message: Message, carrier: Carrier, found: Settings, house: House, clock: Clock) -> bool:
    """Try one leased message; False when the server turned out not to be usable."""
    began = time.monotonic()
    trouble = None
    try:
        answer = carrier.send(_pack(message, carrier, house, now=clock()))
    except _CannotPack as error:
        answer = Answer(Outcome.REFUSED, error.code)
    except ServerTrouble as error:
        trouble, answer = error, Answer(Outcome.TROUBLE, error.code, error.reply)
    record(message, _without_secrets(answer, message), took_ms=round((time.monotonic() - began) * 1000), now=clock())
    if trouble is not None:
        note_trouble(found, trouble, now=clock())
    elif found.failures and answer.outcome == Outcome.ACCEPTED:
        note_usable(found)
    return trouble is None


def _pack(message: Message, carrier: Carrier, house: House, *, now: datetime) -> Parcel:
    try:
        content = render(
            kind=message.kind, language=message.language, name=message.to_name, params=message.params,
            secrets=secrets_of(message), house=house,
        )  # fmt: skip
        return carrier.pack(message, content, now=now)
    except BadAddress as error:
        raise _CannotPack("bad_address") from error
    except BadNumber as error:
        raise _CannotPack("bad_number") from error
    except SealBroken as error:
        raise _CannotPack("broken_seal") from error
    except Exception as error:
        logger.exception("a message could not be put together", extra={"message_id": message.pk})
        raise _CannotPack("cannot_render") from error


def secrets_of(message: Message) -> dict[str, str]:
    """Return the message's secrets in clear, for the channel alone.

    :raises SealBroken: they were changed, or sealed with a key that is not known here."""
    if not message.secrets_sealed:
        return {}
    found: dict[str, str] = json.loads(unseal(message.secrets_sealed, place=message.secrets_place()))
    return found


def _without_secrets(answer: Answer, message: Message) -> Answer:
    """Return the answer as it may be kept: a server that quotes the message does not put its secrets on a page."""
    try:
        secrets = secrets_of(message).values()
    except SealBroken:
        return answer
    reply = answer.reply
    for secret in secrets:
        reply = reply.replace(secret, HIDDEN) if secret else reply
    return Answer(answer.outcome, answer.code, reply, answer.provider_id)
