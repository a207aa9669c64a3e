"""Messages with their history, and the settings of mail and SMS with their tests."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client as Browser
from django.utils import timezone

from access.models import AuditEvent, User
from notifications.delivery import deliver
from notifications.enums import MailTls
from notifications.models import MailSettings, Message
from notifications.rendering import house_of
from notifications.services import MailSpec, queue_notice, save_mail_settings
from notifications.types import Recipient
from tenancy.models import Broker
from tests.backoffice.conftest import SYSTEM
from tests.backoffice.pages import errors, facts, fragment, messages, rows, text_of, tree
from tests.notifications.conftest import *  # noqa: F403 -- its fixtures
from tests.notifications.sink import Sink

pytestmark = pytest.mark.integration

RIGHTS = (
    "notifications.view_message", "notifications.decide_message", "notifications.view_settings",
    "notifications.edit_settings",
)  # fmt: skip
LIST_COST = 7
PAID = {"amount": "1,250.00", "currency": "USD", "first": "2026-02-01", "last": "2026-02-28"}


@pytest.fixture
def desk(new_staff: Callable[..., User], as_staff: Callable[[User], Browser]) -> Browser:
    return as_staff(new_staff(rights=RIGHTS))


def queue(name: str) -> Message:
    to = Recipient(user_id=None, name=f"{name.title()} Lopez", email=f"{name}@client.example")
    queue_notice(kind="statement_paid", to=to, params=PAID, key=name, now=timezone.now() - timedelta(minutes=5))
    return Message.objects.get(key=name)


def send_all(broker: Broker) -> None:
    deliver(house=house_of(broker), clock=timezone.now)


def listed(answer: object) -> list[list[str]]:
    return [row[:4] for row in rows(answer)]


def test_list_shows_how_each_delivery_went(desk: Browser, broker: Broker, relay: MailSettings, sink: Sink) -> None:
    sink.rcpt_answers = {"gone": "550 5.1.1 no such mailbox"}
    queue("gone")
    queue("maria")
    send_all(broker)
    queue("later")

    refused = "The server refuses this recipient for good."
    gone = ["gone@client.exampleGone Lopez", "Statement paidE-mail", f"Refused{refused}", "1"]
    sent = ["maria@client.exampleMaria Lopez", "Statement paidE-mail", "Sent", "1"]
    waiting = ["later@client.exampleLater Lopez", "Statement paidE-mail", "Waiting", "0"]
    assert listed(desk.get("/office/messages/")) == [waiting, sent, gone]
    assert listed(fragment(desk, "/office/messages/?state=failed")) == [gone]
    assert listed(fragment(desk, "/office/messages/?q=MARIA@")) == [sent]
    assert desk.get("/office/messages/?state=nonsense").status_code == 422
    assert text_of(tree(fragment(desk, "/office/messages/?kind=test_mail"))).startswith("No message fits")


@pytest.mark.parametrize("count", [1, 3])
def test_list_costs_the_same_for_one_and_three(
    desk: Browser, broker: Broker, count: int, django_assert_num_queries: Callable[..., object]
) -> None:
    for number in range(count):
        queue(f"n{number}")
    fragment(desk, "/office/messages/")

    with django_assert_num_queries(LIST_COST):
        fragment(desk, "/office/messages/")


def test_page_shows_text_and_attempts(desk: Browser, broker: Broker, relay: MailSettings, sink: Sink) -> None:
    sink.data_answers = {"maria": "451 4.3.0 <b>later</b>"}
    message = queue("maria")
    send_all(broker)

    answer = desk.get(f"/office/messages/{message.pk}/")

    said = text_of(tree(answer).xpath("//section[.//h2[normalize-space()='Attempts']]//li")[0])
    message.refresh_from_db()
    assert "USD 1,250.00 of your statement for 2026-02-01 to 2026-02-28 were paid." in text_of(tree(answer))
    assert said.startswith("1.Refused for now")
    assert said.endswith("The server does not take the message now.451 4.3.0 <b>later</b>")
    assert facts(answer, "Delivery")["Message-ID"] == message.reference


def test_staff_cancel_and_send_again(desk: Browser, broker: Broker, relay: MailSettings, sink: Sink) -> None:
    message = queue("maria")
    page = f"/office/messages/{message.pk}/"

    assert messages(desk.post(f"{page}decide/", {"decision": "cancel"}, follow=True)) == ["It is not sent any more."]
    send_all(broker)
    assert sink.taken == []
    assert messages(desk.post(f"{page}decide/", {"decision": "again"}, follow=True)) == ["It waits to be sent again."]
    send_all(broker)
    assert [each.recipients for each in sink.taken] == [["maria@client.example"]]
    trail = AuditEvent.objects.filter(object_type="message").order_by("pk")
    assert list(trail.values_list("action", flat=True)) == ["notifications.cancel_message", "notifications.send_again"]


def form(port: int, **more: str) -> dict[str, str]:
    return {"host": "127.0.0.1", "port": str(port), "tls_mode": "none", "sender_address": "desk@aurora.example", **more}


def test_settings_are_saved_and_tried(desk: Browser, broker: Broker, sink: Sink) -> None:
    before = text_of(tree(desk.get("/office/mail/")))
    saved = desk.post("/office/mail/save/", form(sink.port), follow=True)
    tried = desk.post("/office/mail/test/", {"to_address": "dana@aurora.example"})

    assert "How this leaves is not set up yet." in before
    assert messages(saved) == ["Saved. Send a test to see whether it works."]
    assert text_of(tree(tried).xpath("//*[@role='status']")[0]) == "The server accepted it.250 OK queued as 4711"
    assert [each.recipients for each in sink.taken] == [["dana@aurora.example"]]


def test_a_refused_test_mail_shows_the_servers_words(desk: Browser, relay: MailSettings, sink: Sink) -> None:
    sink.rcpt_answers = {"dana": "550 5.7.1 relaying denied"}

    tried = desk.post("/office/mail/test/", {"to_address": "dana@aurora.example"})

    words = "The server refuses this recipient for good.550 5.7.1 relaying denied"
    assert text_of(tree(tried).xpath("//*[@role='status']")[0]) == words


def test_the_password_is_kept_and_never_shown(desk: Browser, broker: Broker) -> None:
    spec = MailSpec(
        host="mail.example.com", port=587, tls_mode=MailTls.STARTTLS, sender_address="desk@aurora.example",
        username="u", password="s3cret-words",
    )  # fmt: skip
    save_mail_settings(spec=spec, actor=SYSTEM, now=timezone.now())

    page = desk.get("/office/mail/")
    values = {**form(465, host="mail.example.com", tls_mode="tls", username="u"), "password": ""}
    desk.post("/office/mail/save/", values)
    elsewhere = desk.post("/office/mail/save/", {**values, "host": "evil.example"})

    assert "s3cret-words" not in page.content.decode()
    found = MailSettings.objects.get()
    assert (found.port, found.password(), found.host) == (465, "s3cret-words", "mail.example.com")
    assert elsewhere.status_code == 422
    assert errors(elsewhere) == ["This setting cannot be used: for another server the password has to be entered again"]


def test_sms_without_encryption_are_refused(desk: Browser, broker: Broker) -> None:
    values = {"sms-mode": "http", "sms-address": "http://sms.example.com/", "sms-secret": "x"}

    answer = desk.post("/office/mail/sms/save/", values)

    assert (answer.status_code, errors(answer)) == (
        422, ["This setting cannot be used: messages never leave without encryption; use https"],
    )  # fmt: skip
