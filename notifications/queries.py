"""Reads: messages with their history, somebody's own notices, how mail leaves."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from access.types import Actor
from notifications.models import InAppNotice, MailSettings, Message, MessageAttempt, SmsSettings
from notifications.rendering import House, in_app_text, render_hidden
from notifications.types import Rendered
from notifications.words import in_words


@dataclass(frozen=True, slots=True)
class Notice:
    """One notice in the reader's language."""

    pk: int
    kind: str
    text: str
    created_at: datetime
    is_unread: bool


def messages_visible_to(actor: Actor) -> QuerySet[Message]:
    """Return the messages that the actor may see: staff with the right, nobody else."""
    allowed = actor.sees_all and actor.has("notifications.view_message")
    return Message.objects.all() if allowed else Message.objects.none()


def attempts_of(message: Message) -> list[tuple[MessageAttempt, str]]:
    """Return the attempts of a message, newest first, each with our sentence about it."""
    rows = MessageAttempt.objects.filter(message=message).order_by("-number")
    return [(row, in_words(row.code)) for row in rows]


def preview_of(message: Message, *, house: House) -> Rendered | None:
    """Return what a message says, its secrets hidden; None for a kind that this release no longer knows."""
    try:
        return render_hidden(
            kind=message.kind, language=message.language, name=message.to_name, params=message.params, house=house
        )
    except KeyError:
        return None


def notices_of(actor: Actor, *, limit: int) -> list[Notice]:
    """Return the actor's own notices, newest first. One statement."""
    if actor.user_id is None:
        return []
    rows = InAppNotice.objects.filter(user_id=actor.user_id).order_by("-pk")[:limit]
    return [
        Notice(row.pk, row.kind, in_app_text(kind=row.kind, params=row.params), row.created_at, row.read_at is None)
        for row in rows
    ]


def unread_count(actor: Actor) -> int:
    """Return how many of the actor's own notices are unread."""
    if actor.user_id is None:
        return 0
    return InAppNotice.objects.filter(user_id=actor.user_id, read_at=None).count()


def mail_settings() -> MailSettings | None:
    """Return how this broker's mail leaves; None when nobody set it up."""
    return MailSettings.objects.first()


def sms_settings() -> SmsSettings | None:
    """Return how this broker's SMS leave; None when nobody set it up."""
    return SmsSettings.objects.first()
