"""Passwords and codes in messages: sealed, delivered, wiped, never shown."""

from datetime import datetime, timedelta

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from access.types import Actor
from core.crypto import SealBroken
from notifications import kinds
from notifications.delivery import secrets_of
from notifications.enums import Audience, Channel, MessageState
from notifications.errors import MessageMoved, SecretsGone
from notifications.models import Message, MessageAttempt
from notifications.queries import preview_of
from notifications.rendering import HIDDEN, house_of
from notifications.services import cancel_message, queue_notice, send_again
from notifications.types import Kind, Recipient
from tenancy.models import Broker
from tests.notifications.sink import Sink
from tests.notifications.test_delivery import attempts, deliver, part, queue

pytestmark = pytest.mark.unit

SECRET = "Zq7-main-password"


@pytest.fixture(autouse=True)
def kind_with_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the test mail carry a secret in its greeting: its templates show the name that secrets can take."""
    kind = Kind(
        "test_mail", frozenset({Channel.MAIL}), Audience.STAFF, "Test", secrets=frozenset({"name"}),
        give_up_after=timedelta(hours=1),
    )  # fmt: skip
    monkeypatch.setitem(kinds.KINDS, "test_mail", kind)


def queue_secret(now: datetime) -> Message:
    to = Recipient(user_id=None, name="Maria", email="maria@client.example")
    queue_notice(kind="test_mail", to=to, params={}, key="secret", now=now, secrets={"name": SECRET})
    return Message.objects.get()


def whole_database() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT m::text FROM notifications_message m")
        texts = [row[0] for row in cursor.fetchall()]
        cursor.execute("SELECT a::text FROM notifications_messageattempt a")
        return "\n".join([*texts, *(row[0] for row in cursor.fetchall())])


def test_a_secret_arrives_and_is_wiped(broker: Broker, relay: object, sink: Sink, now: datetime) -> None:
    message = queue_secret(now)
    assert SECRET not in whole_database()
    assert secrets_of(message) == {"name": SECRET}

    deliver(broker, now)

    message.refresh_from_db()
    assert SECRET in part(sink.taken[0].mail, "plain")
    assert (message.state, message.secrets_sealed) == (MessageState.SENT, "")


def test_a_secret_waits_while_the_mail_does(broker: Broker, relay: object, sink: Sink, now: datetime) -> None:
    sink.data_answers = {"maria": f"451 4.7.0 not now: {SECRET}"}
    message = queue_secret(now)

    deliver(broker, now)

    message.refresh_from_db()
    assert attempts(message) == [(1, "delayed", "content_delayed", f"451 4.7.0 not now: {HIDDEN}")]
    assert secrets_of(message) == {"name": SECRET}
    assert SECRET not in whole_database()


def test_staff_see_bullets(broker: Broker, now: datetime) -> None:
    preview = preview_of(queue_secret(now), house=house_of(broker))

    assert preview is not None
    assert HIDDEN in preview.text
    assert SECRET not in preview.text + preview.html


def test_a_moved_secret_does_not_open(broker: Broker, now: datetime) -> None:
    message = queue_secret(now)
    stranger = Message(uuid=None, secrets_sealed=message.secrets_sealed)

    with pytest.raises(SealBroken):
        secrets_of(stranger)


def test_a_wiped_secret_is_not_sent_again(
    broker: Broker, relay: object, sink: Sink, now: datetime, system_actor: Actor
) -> None:
    message = queue_secret(now)
    deliver(broker, now)

    with pytest.raises(SecretsGone):
        send_again(message_id=message.pk, actor=system_actor, now=now)


def test_the_database_refuses_a_final_message_with_a_secret(broker: Broker, now: datetime) -> None:
    message = queue_secret(now)

    with pytest.raises(IntegrityError, match="message_secrets_wiped_at_end"), transaction.atomic():
        Message.objects.filter(pk=message.pk).update(state="sent", finished_at=now)


def test_history_is_append_only(broker: Broker, relay: object, sink: Sink, now: datetime) -> None:
    queue_secret(now)
    deliver(broker, now)

    table = "notifications_messageattempt"
    for statement in (f"UPDATE {table} SET reply = 'x'", f"DELETE FROM {table}"):
        with pytest.raises(DatabaseError, match=r"append only|permission denied"), transaction.atomic():
            connection.cursor().execute(statement)
    assert MessageAttempt.objects.count() == 1


@pytest.mark.parametrize("given", [{}, {"name": SECRET, "more": "x"}])
def test_a_notice_without_what_its_kind_declares_is_a_mistake(
    broker: Broker, now: datetime, given: dict[str, str]
) -> None:
    to = Recipient(user_id=None, name="Maria", email="maria@client.example")

    with pytest.raises(ValueError, match="test_mail"):
        queue_notice(kind="test_mail", to=to, params={}, key="secret", now=now, secrets=given)


def test_sending_again_keeps_history_and_name(
    broker: Broker, relay: object, sink: Sink, now: datetime, system_actor: Actor
) -> None:
    message = queue("maria", key="paid:1", now=now)
    deliver(broker, now)

    send_again(message_id=message.pk, actor=system_actor, now=now + timedelta(days=9))
    deliver(broker, now + timedelta(days=9))

    assert [row[:2] for row in attempts(message)] == [(1, "accepted"), (2, "accepted")]
    assert len({each.mail["Message-ID"] for each in sink.taken}) == 1
    assert len(sink.taken) == 2


def test_a_cancelled_message_never_leaves(
    broker: Broker, relay: object, sink: Sink, now: datetime, system_actor: Actor
) -> None:
    message = queue("maria", key="paid:1", now=now)

    cancel_message(message_id=message.pk, actor=system_actor, now=now)

    assert deliver(broker, now) == 0
    with pytest.raises(MessageMoved):
        cancel_message(message_id=message.pk, actor=system_actor, now=now)
