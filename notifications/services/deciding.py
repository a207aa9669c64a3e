"""What staff decide about a message: send it again, or cancel one that waits."""

from datetime import datetime

from django.db import transaction

from access.services import record_audit
from access.types import Actor
from core.errors import Forbidden, NotFound
from notifications.enums import FINAL_STATES, MESSAGE_MOVES, MessageState
from notifications.errors import MessageMoved, SecretsGone
from notifications.kinds import KINDS
from notifications.models import Message

DECIDE = "notifications.decide_message"


@transaction.atomic
def send_again(*, message_id: int, actor: Actor, now: datetime) -> Message:
    """Queue a message that has ended once more; its history and its Message-ID stay.

    :raises Forbidden: the actor may not.
    :raises MessageMoved: it has not ended.
    :raises SecretsGone: it held a secret."""
    message = _locked(message_id, actor)
    if message.state not in FINAL_STATES:
        raise MessageMoved(state=message.get_state_display())
    kind = KINDS.get(message.kind)
    if kind is None or kind.secrets:
        raise SecretsGone
    message.next_try_at, message.expires_at, message.finished_at = now, now + kind.give_up_after, None
    return _move(message, MessageState.QUEUED, action="notifications.send_again", code="", actor=actor, now=now)


@transaction.atomic
def cancel_message(*, message_id: int, actor: Actor, now: datetime) -> Message:
    """Give up a message that waits; one that is being sent right now cannot be called back.

    :raises Forbidden: the actor may not.
    :raises MessageMoved: it does not wait (any more)."""
    message = _locked(message_id, actor)
    if message.state != MessageState.QUEUED:
        raise MessageMoved(state=message.get_state_display())
    message.finished_at, message.secrets_sealed = now, ""
    return _move(
        message, MessageState.SUPPRESSED, action="notifications.cancel_message", code="cancelled", actor=actor, now=now
    )


def _locked(message_id: int, actor: Actor) -> Message:
    if not actor.has(DECIDE):
        raise Forbidden
    message = Message.objects.select_for_update(of=("self",)).filter(pk=message_id).first()
    if message is None:
        raise NotFound
    return message


def _move(message: Message, state: MessageState, *, action: str, code: str, actor: Actor, now: datetime) -> Message:
    before = MessageState(message.state)
    if state not in MESSAGE_MOVES[before]:
        raise ValueError(f"a message does not go from {before} to {state}")
    message.state, message.last_code, message.last_reply = state, code, ""
    message.save(
        update_fields=[
            "state", "last_code", "last_reply", "next_try_at", "expires_at", "finished_at", "secrets_sealed",
        ]
    )  # fmt: skip
    record_audit(
        actor=actor, action=action, object_type="message", object_id=message.pk, before={"state": before},
        after={"state": state}, now=now,
    )  # fmt: skip
    return message
