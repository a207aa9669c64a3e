"""Mail over a real socket: what arrives, what is refused, what is tried again."""

from collections.abc import Callable
from datetime import datetime, timedelta
from email.message import EmailMessage

import pytest

from notifications import delivery
from notifications.enums import MessageState, Outcome, Outgoing
from notifications.leasing import take_one, wait_after
from notifications.models import InAppNotice, MailSettings, Message, MessageAttempt
from notifications.rendering import house_of
from notifications.services import queue_notice
from notifications.types import Recipient
from tenancy.context import broker_context
from tenancy.models import Broker
from tests.notifications.conftest import relay_to
from tests.notifications.people import make_user
from tests.notifications.sink import Sink

pytestmark = pytest.mark.unit

PAID = {"amount": "1,250.00", "currency": "USD", "first": "2026-02-01", "last": "2026-02-28"}


def queue(name: str, *, key: str, now: datetime, language: str = "en", shown: str = "Maria Lopez") -> Message:
    to = Recipient(user_id=None, name=shown, email=f"{name}@client.example", language=language)
    queue_notice(kind="statement_paid", to=to, params=PAID, key=key, now=now)
    return Message.objects.get(key=key)


def deliver(broker: Broker, now: datetime) -> int:
    return delivery.deliver(house=house_of(broker), clock=lambda: now)


def attempts(message: Message) -> list[tuple[int, str, str, str]]:
    rows = MessageAttempt.objects.filter(message=message).order_by("number")
    return list(rows.values_list("number", "outcome", "code", "reply"))


def part(mail: EmailMessage, kind: str) -> str:
    found = mail.get_body((kind,))
    assert found is not None
    content: str = found.get_content()
    return content


def test_mail_arrives_with_text_and_html_in_the_brokers_name(
    broker: Broker, relay: MailSettings, sink: Sink, now: datetime
) -> None:
    message = queue("maria", key="paid:1", now=now)

    assert deliver(broker, now) == 1

    message.refresh_from_db()
    mail = sink.taken[0].mail
    assert [(each.sender, each.recipients) for each in sink.taken] == [
        ("desk@aurora.example", ["maria@client.example"])
    ]
    assert {
        name: mail[name] for name in ("From", "To", "Subject", "Message-ID", "Auto-Submitted", "List-Unsubscribe")
    } == {
        "From": "Aurora Markets <desk@aurora.example>",
        "To": "Maria Lopez <maria@client.example>",
        "Subject": "Your statement for 2026-02-01 to 2026-02-28 is paid",
        "Message-ID": f"<{message.uuid.hex}@aurora.example>",
        "Auto-Submitted": "auto-generated",
        "List-Unsubscribe": None,
    }
    assert mail.get_content_type() == "multipart/alternative"
    assert "USD 1,250.00 of your statement for 2026-02-01 to 2026-02-28 were paid." in part(mail, "plain")
    assert "USD 1,250.00 of your statement" in part(mail, "html")
    assert "http://aurora.localhost" in part(mail, "plain")
    assert (message.state, message.attempts, message.finished_at) == (MessageState.SENT, 1, now)
    assert attempts(message) == [(1, Outcome.ACCEPTED, "accepted", "250 OK queued as 4711")]


def test_nothing_is_sent_twice_when_nothing_went_wrong(
    broker: Broker, relay: MailSettings, sink: Sink, now: datetime
) -> None:
    queue("maria", key="paid:1", now=now)
    queue("maria", key="paid:1", now=now)

    deliver(broker, now)
    deliver(broker, now + timedelta(days=1))

    assert len(sink.taken) == 1
    assert Message.objects.count() == 1


def test_one_refused_recipient_stops_nobody_else(
    broker: Broker, relay: MailSettings, sink: Sink, now: datetime
) -> None:
    sink.rcpt_answers = {"gone": "550 5.1.1 no such mailbox", "full": "452 4.2.2 mailbox full"}
    sink.data_answers = {"spam": "554 5.7.1 looks like spam", "busy": "451 4.3.0 try later"}
    found = {name: queue(name, key=name, now=now) for name in ("gone", "full", "spam", "busy", "maria")}

    assert deliver(broker, now) == 5

    ends = {}
    for name, message in found.items():
        message.refresh_from_db()
        ends[name] = (message.state, message.last_code, message.last_reply)
    assert ends == {
        "gone": ("failed", "recipient_refused", "550 5.1.1 no such mailbox"),
        "full": ("queued", "recipient_delayed", "452 4.2.2 mailbox full"),
        "spam": ("failed", "content_refused", "554 5.7.1 looks like spam"),
        "busy": ("queued", "content_delayed", "451 4.3.0 try later"),
        "maria": ("sent", "accepted", "250 OK queued as 4711"),
    }
    assert [each.recipients for each in sink.taken] == [["maria@client.example"]]


def test_what_is_refused_for_now_is_tried_again_later_and_given_up_at_its_time(
    broker: Broker, relay: MailSettings, sink: Sink, now: datetime
) -> None:
    sink.rcpt_answers = {"full": "452 4.2.2 mailbox full"}
    message = queue("full", key="full", now=now)
    moment, waits = now, []

    for _attempt in range(3):
        deliver(broker, moment)
        message.refresh_from_db()
        assert deliver(broker, message.next_try_at - timedelta(seconds=1)) == 0
        waits.append(message.next_try_at - moment)
        moment = message.next_try_at
    Message.objects.update(expires_at=moment + timedelta(minutes=5))
    deliver(broker, moment)

    message.refresh_from_db()
    assert waits == [wait_after(attempts=number, message_id=message.pk) for number in (1, 2, 3)]
    assert [wait // timedelta(minutes=1) for wait in waits] == [1, 2, 4]
    assert timedelta(hours=1) <= wait_after(attempts=400, message_id=message.pk) <= timedelta(hours=1.25)
    assert (message.state, message.last_code, message.last_reply) == ("dead", "expired", "452 4.2.2 mailbox full")


def test_silence_after_the_handing_over_is_tried_again_under_the_same_name(
    broker: Broker, relay: MailSettings, sink: Sink, now: datetime
) -> None:
    sink.drop_in_data = {"maria"}
    message = queue("maria", key="paid:1", now=now)
    other = queue("anna", key="paid:2", now=now)

    deliver(broker, now)
    sink.drop_in_data = set()
    deliver(broker, now + timedelta(hours=1))

    message.refresh_from_db()
    other.refresh_from_db()
    assert attempts(message) == [
        (1, Outcome.UNKNOWN, "no_answer", ""),
        (2, Outcome.ACCEPTED, "accepted", "250 OK queued as 4711"),
    ]
    assert (message.state, other.state) == (MessageState.SENT, MessageState.SENT)
    assert {each.mail["Message-ID"] for each in sink.to("maria@client.example")} == {message.reference}
    assert len(sink.to("maria@client.example")) == 2


def test_a_slow_server_costs_its_time_out_and_no_more(
    broker: Broker, relay: MailSettings, sink: Sink, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("notifications.sending.smtp.ANSWER_S", 0.3)
    sink.slow = {"maria"}
    message = queue("maria", key="paid:1", now=now)
    other = queue("anna", key="paid:2", now=now)

    deliver(broker, now)

    message.refresh_from_db()
    other.refresh_from_db()
    assert (message.state, attempts(message)) == (MessageState.QUEUED, [(1, Outcome.UNKNOWN, "no_answer", "")])
    assert other.state == MessageState.SENT


def test_a_server_that_is_down_rests_and_its_mail_waits(broker: Broker, loopback: None, now: datetime) -> None:
    relay_to(9)  # nothing listens at the discard port
    message = queue("maria", key="paid:1", now=now)

    deliver(broker, now)
    assert not delivery.has_work(now=now + timedelta(seconds=14))
    assert delivery.has_work(now=now + timedelta(seconds=15))
    deliver(broker, now + timedelta(seconds=15))

    message.refresh_from_db()
    found = MailSettings.objects.get()
    assert (message.state, message.attempts) == (MessageState.QUEUED, 0)
    assert (found.failures, found.last_code, found.rest_until) == (2, "unreachable", now + timedelta(seconds=45))


def test_mail_without_a_server_waits_and_is_given_up_at_its_time(broker: Broker, now: datetime) -> None:
    message = queue("maria", key="paid:1", now=now)

    assert (delivery.has_work(now=now), deliver(broker, now)) == (False, 0)
    assert delivery.has_work(now=now + timedelta(days=3))
    deliver(broker, now + timedelta(days=3))

    message.refresh_from_db()
    assert (message.state, message.last_code) == ("dead", "expired")


def test_a_lease_that_ran_out_is_taken_again_and_told(
    broker: Broker, relay: MailSettings, sink: Sink, now: datetime
) -> None:
    message = queue("maria", key="paid:1", now=now)
    take_one(Outgoing.MAIL, sender_domain="aurora.example", now=now)

    assert deliver(broker, now + timedelta(seconds=119)) == 0
    assert deliver(broker, now + timedelta(seconds=120)) == 1

    message.refresh_from_db()
    assert attempts(message) == [
        (1, Outcome.LOST, "lost", ""),
        (2, Outcome.ACCEPTED, "accepted", "250 OK queued as 4711"),
    ]


def test_the_sandbox_lets_nothing_leave(broker: Broker, relay: MailSettings, sink: Sink, now: datetime) -> None:
    MailSettings.objects.update(is_sandbox=True)
    message = queue("maria", key="paid:1", now=now)

    deliver(broker, now)

    message.refresh_from_db()
    assert sink.taken == []
    assert (message.state, attempts(message)) == (MessageState.SUPPRESSED, [(1, Outcome.KEPT_BACK, "sandbox", "")])


@pytest.mark.parametrize(
    ("language", "subject"),
    [("zh-hans", "2026-02-01"), ("zh-hant", "2026-02-01")],
)
def test_chinese_arrives_whole(
    broker: Broker, relay: MailSettings, sink: Sink, now: datetime, language: str, subject: str
) -> None:
    name = "李小明" * 20
    queue("li", key="paid:1", now=now, language=language, shown=name)

    deliver(broker, now)

    taken = sink.taken[0]
    assert name in part(taken.mail, "plain")
    assert subject in taken.mail["Subject"]
    assert taken.raw.isascii()
    assert max(len(line) for line in taken.raw.split(b"\r\n")) <= 998


@pytest.mark.parametrize(
    "bad",
    [
        "x@a.example\r\nBcc: evil@x.example",
        "x\x00@a.example",
        "x" * 300 + "@a.example",
        "no address",
        "a@b@c",
        "<a@b.example>",
        "李@b.example",
    ],
)
def test_what_is_no_address_is_refused_and_stops_nobody(
    broker: Broker, relay: MailSettings, sink: Sink, now: datetime, bad: str
) -> None:
    to = Recipient(user_id=None, name="X", email=bad)
    queue_notice(kind="statement_paid", to=to, params=PAID, key="bad", now=now)
    queue("maria", key="good", now=now)

    deliver(broker, now)

    assert list(Message.objects.order_by("pk").values_list("state", "last_code")) == [
        ("failed", "bad_address"),
        ("sent", "accepted"),
    ]
    assert [each.recipients for each in sink.taken] == [["maria@client.example"]]


def test_no_header_can_be_added_by_a_name_or_a_text(
    broker: Broker, relay: MailSettings, sink: Sink, now: datetime
) -> None:
    evil = 'Eve"\r\nBcc: evil@x.example\r\n\r\nHello\u2028X-More: 1\x00,;<e@x.example>'
    params = {**PAID, "first": "1\r\nX-Evil: 1\r\n\r\nbody"}
    queue_notice(
        kind="statement_paid", to=Recipient(None, evil, "maria@client.example"), params=params, key="evil", now=now
    )

    deliver(broker, now)

    taken = sink.taken[0]
    assert taken.recipients == ["maria@client.example"]
    assert sorted(taken.mail.keys()) == sorted(
        ["From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type"]
    )
    assert [each.addr_spec for each in taken.mail["To"].addresses] == ["maria@client.example"]


def test_brokers_never_share_a_server_or_a_message(
    broker: Broker, other_broker: Broker, relay: MailSettings, sink: Sink, now: datetime
) -> None:
    queue("maria", key="paid:1", now=now)
    with broker_context(other_broker):
        queue("boris", key="paid:1", now=now)
        assert MailSettings.objects.count() == 0
        assert deliver(other_broker, now) == 0

    assert deliver(broker, now) == 1

    assert [each.recipients for each in sink.taken] == [["maria@client.example"]]
    with broker_context(other_broker):
        assert list(Message.objects.values_list("to_address", "state")) == [("boris@client.example", "queued")]


def test_notice_inside_the_application_needs_no_delivery(
    broker: Broker, now: datetime, clock: Callable[[], datetime]
) -> None:
    user = make_user("ib@aurora.example", now=now)
    for _twice in range(2):
        to = Recipient(user_id=user.pk, name=user.name, email="")
        queue_notice(kind="statement_paid", to=to, params=PAID, key="paid:1", now=now)

    assert list(InAppNotice.objects.values_list("user_id", "kind", "params", "read_at")) == [
        (user.pk, "statement_paid", PAID, None)
    ]
    assert Message.objects.count() == 0
