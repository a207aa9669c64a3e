"""Queue notices in the transaction that decided them; mark them read."""

import json
import uuid
from collections.abc import Mapping
from datetime import datetime

from django.db import transaction

from access.enums import UserKind
from access.models import User
from access.types import Actor
from core.crypto import seal
from core.errors import NotFound
from notifications.enums import Channel, Outgoing, SmsMode
from notifications.kinds import KINDS
from notifications.models import InAppNotice, Message, SmsSettings
from notifications.plain import one_line
from notifications.rendering import language_for
from notifications.types import Kind, Recipient
from tenancy.context import current_broker

_ADDRESS_LENGTH = 254


@transaction.atomic
def queue_notice(
    *,
    kind: str,
    to: Recipient,
    params: Mapping[str, str],
    key: str,
    now: datetime,
    secrets: Mapping[str, str] | None = None,
) -> None:
    """Queue a notice for every channel of its kind that reaches the recipient; in the caller's transaction.

    Once per key and channel: a repeated call changes nothing. `secrets` are sealed, shown to nobody but the
    recipient, and wiped once the message is delivered or given up.

    :raises KeyError: no such kind.
    :raises ValueError: `params` or `secrets` are not the names that the kind declares."""
    found = KINDS[kind]
    _check(found, params, secrets or {})
    if Channel.IN_APP in found.channels and to.user_id is not None:
        notice = InAppNotice(user_id=to.user_id, kind=kind, key=key, params=_clean(params), created_at=now)
        InAppNotice.objects.bulk_create([notice], ignore_conflicts=True)
    outgoing = [
        _message(found, channel, address, to, params, secrets or {}, key, now)
        for channel, address in _addresses(found, to)
    ]
    Message.objects.bulk_create(outgoing, ignore_conflicts=True)


@transaction.atomic
def queue_staff_notice(*, kind: str, right: str, params: Mapping[str, str], key: str, now: datetime) -> int:
    """Queue a notice for each member of staff who holds the right; return for how many. Once per key and person."""
    staff = User.objects.filter(
        kind=UserKind.STAFF, is_active=True, role_grants__role__rights__contains=[right]
    ).distinct()
    people = list(staff.order_by("pk"))
    for user in people:
        to = Recipient(user_id=user.pk, name=user.name, email=user.email, language=user.language)
        queue_notice(kind=kind, to=to, params=params, key=key if len(key) > 180 else f"{key}:{user.pk}", now=now)
    return len(people)


@transaction.atomic
def mark_read(*, notice_id: int, actor: Actor, now: datetime) -> InAppNotice:
    """Mark one of the actor's own notices as read.

    :raises NotFound: it is not the actor's."""
    if actor.user_id is None:
        raise NotFound
    notice = InAppNotice.objects.select_for_update(of=("self",)).filter(pk=notice_id, user_id=actor.user_id).first()
    if notice is None:
        raise NotFound
    if notice.read_at is None:
        notice.read_at = now
        notice.save(update_fields=["read_at"])
    return notice


@transaction.atomic
def mark_all_read(*, actor: Actor, now: datetime) -> int:
    """Mark all notices of the actor as read; return how many were not."""
    if actor.user_id is None:
        return 0
    return InAppNotice.objects.filter(user_id=actor.user_id, read_at=None).update(read_at=now)


def _check(kind: Kind, params: Mapping[str, str], secrets: Mapping[str, str]) -> None:
    if set(params) != kind.params or set(secrets) != kind.secrets:
        raise ValueError(f"a notice {kind.code} has the params {sorted(kind.params)}, secrets {sorted(kind.secrets)}")
    if not all(isinstance(value, str) for value in (*params.values(), *secrets.values())):
        raise ValueError(f"params and secrets of a notice {kind.code} are texts")


def _clean(params: Mapping[str, str]) -> dict[str, str]:
    """Return the texts as a row takes them: a strange sign in one must not undo what the notice is about."""
    return {name: one_line(value) for name, value in params.items()}


def _addresses(kind: Kind, to: Recipient) -> list[tuple[Outgoing, str]]:
    found = []
    if Channel.MAIL in kind.channels and to.email:
        found.append((Outgoing.MAIL, one_line(to.email)))
    if Channel.SMS in kind.channels and to.phone and SmsSettings.objects.exclude(mode=SmsMode.OFF).exists():
        found.append((Outgoing.SMS, one_line(to.phone)))
    return found


def _message(
    kind: Kind, channel: Outgoing, address: str, to: Recipient, params: Mapping[str, str],
    secrets: Mapping[str, str], key: str, now: datetime,
) -> Message:  # fmt: skip
    row = Message(
        uuid=uuid.uuid4(), kind=kind.code, channel=channel, key=key, user_id=to.user_id,
        to_name=one_line(to.name)[:150], to_address=address if len(address) <= _ADDRESS_LENGTH else "",
        language=language_for(to.language, broker=current_broker()), params=_clean(params), next_try_at=now,
        expires_at=now + kind.give_up_after, created_at=now,
    )  # fmt: skip
    if secrets:
        row.secrets_sealed = seal(json.dumps(dict(secrets)), place=row.secrets_place())
    return row
