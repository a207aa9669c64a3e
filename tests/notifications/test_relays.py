"""Encryption and sign-in: what is used, what is refused, and what is never sent."""

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from access.models import AuditEvent
from access.types import Actor
from core.errors import Forbidden
from notifications.enums import MailTls, Outcome
from notifications.errors import InvalidSetting
from notifications.models import MailSettings
from notifications.rendering import house_of
from notifications.services import MailSpec, save_mail_settings, send_test_mail
from tenancy.models import Broker
from tests.notifications.conftest import relay_to
from tests.notifications.sink import PASSWORD, USER, Sink, mail_server

pytestmark = pytest.mark.unit

TO = "desk@client.example"


@pytest.fixture
def send(broker: Broker, loopback: None, now: datetime, system_actor: Actor) -> Callable[[], tuple[str, str, str]]:
    """Return a call that sends a test mail and says how that ended: outcome, code, the server's words."""

    def call() -> tuple[str, str, str]:
        answer = send_test_mail(
            to_address=TO, house=house_of(broker), language="en", actor=system_actor, now=now
        )  # fmt: skip
        return answer.outcome, answer.code, answer.reply

    return call


@pytest.fixture(scope="module")
def starttls_server(certificate: tuple[Path, str]) -> Iterator[Sink]:
    with mail_server(tls=certificate[0], sign_in=True) as found:
        yield found


@pytest.fixture(scope="module")
def tls_server(certificate: tuple[Path, str]) -> Iterator[Sink]:
    with mail_server(tls=certificate[0], tls_from_start=True, sign_in=True) as found:
        yield found


ACCEPTED = (Outcome.ACCEPTED, "accepted", "250 OK queued as 4711")


def test_mail_leaves_over_starttls_with_a_sign_in(
    send: Callable[[], Any], starttls_server: Sink, certificate: tuple[Path, str]
) -> None:
    relay_to(
        starttls_server.port, tls_mode="starttls", tls_ca=certificate[1], username=USER, password=PASSWORD
    )  # fmt: skip
    starttls_server.taken.clear()

    assert send() == ACCEPTED
    assert [each.recipients for each in starttls_server.taken] == [[TO]]


def test_mail_leaves_over_tls_from_the_start(
    send: Callable[[], Any], tls_server: Sink, certificate: tuple[Path, str]
) -> None:
    relay_to(tls_server.port, tls_mode="tls", tls_ca=certificate[1], username=USER, password=PASSWORD)

    assert send() == ACCEPTED


@pytest.mark.parametrize("mode", ["starttls", "tls"])
def test_an_untrusted_certificate_gets_neither_password_nor_mail(
    send: Callable[[], Any], starttls_server: Sink, tls_server: Sink, mode: str
) -> None:
    server = starttls_server if mode == "starttls" else tls_server
    relay_to(server.port, tls_mode=mode, username=USER, password=PASSWORD)
    server.sign_ins, server.taken = 0, []

    outcome, code, _reply = send()

    assert (outcome, code, server.sign_ins, server.taken) == (Outcome.TROUBLE, "bad_certificate", 0, [])


def test_a_server_without_starttls_gets_nothing(send: Callable[[], Any], sink: Sink) -> None:
    relay_to(sink.port, tls_mode="starttls", username=USER, password=PASSWORD)

    assert send() == (Outcome.TROUBLE, "no_starttls", "")
    assert sink.taken == []


def test_a_wrong_tls_mode_is_told(send: Callable[[], Any], sink: Sink) -> None:
    relay_to(sink.port, tls_mode="tls")

    assert send()[:2] == (Outcome.TROUBLE, "tls_failed")


def test_a_refused_sign_in_is_told_in_the_servers_words(
    send: Callable[[], Any], starttls_server: Sink, certificate: tuple[Path, str]
) -> None:
    relay_to(starttls_server.port, tls_mode="starttls", tls_ca=certificate[1], username=USER, password="wrong")

    assert send() == (Outcome.TROUBLE, "wrong_sign_in", "535 5.7.8 Authentication credentials invalid")


def test_a_server_without_sign_in_is_told(send: Callable[[], Any], sink: Sink) -> None:
    relay_to(sink.port, username=USER, password=PASSWORD)

    assert send() == (Outcome.TROUBLE, "no_sign_in", "")


@pytest.mark.parametrize(
    ("host", "networks", "code"),
    [
        ("127.0.0.1", [], "forbidden_host"),
        ("localhost", ["10.0.0.0/8"], "forbidden_host"),
        ("::1", ["127.0.0.0/8"], "forbidden_host"),
        ("::ffff:127.0.0.1", [], "forbidden_host"),
        ("169.254.169.254", ["127.0.0.0/8"], "forbidden_host"),
        ("nowhere.invalid", ["127.0.0.0/8"], "unknown_host"),
    ],
)
def test_servers_behind_this_installation_are_out_of_reach(
    send: Callable[[], Any], sink: Sink, settings: Any, host: str, networks: list[str], code: str
) -> None:
    settings.KEEL_RELAY_NETWORKS = networks
    relay_to(sink.port, host=host)

    assert send() == (Outcome.TROUBLE, code, "")


def test_a_refusal_of_a_test_mail_is_shown_in_the_servers_words(
    send: Callable[[], Any], relay: MailSettings, sink: Sink
) -> None:
    sink.rcpt_answers = {"desk": "550 5.7.1 relaying denied"}

    assert send() == (Outcome.REFUSED, "recipient_refused", "550 5.7.1 relaying denied")


def spec(**more: Any) -> MailSpec:
    values = {
        "host": "mail.example.com", "port": 587, "tls_mode": MailTls.STARTTLS, "sender_address": "desk@aurora.example"
    }  # fmt: skip
    return MailSpec(**{**values, **more})


def test_a_password_is_sealed_kept_and_never_in_the_trail(broker: Broker, system_actor: Actor, now: datetime) -> None:
    first = save_mail_settings(spec=spec(username="u", password="s3cret-words"), actor=system_actor, now=now)
    second = save_mail_settings(spec=spec(username="u", port=465), actor=system_actor, now=now)

    assert second.pk == first.pk
    assert (second.password(), second.port) == ("s3cret-words", 465)
    assert "s3cret-words" not in second.password_sealed
    trail = list(AuditEvent.objects.filter(action="notifications.edit_settings").order_by("pk"))
    assert [event.after.get("password") for event in trail] == ["•••", None]
    assert "s3cret" not in str([event.before for event in trail])


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"host": "two words"}, "host"),
        ({"host": "mail.example.com:25"}, "host"),
        ({"sender_address": "a@b\r\nBcc: x@y.example"}, "sender_address"),
        ({"reply_to": "nobody"}, "reply_to"),
        ({"tls_ca": "no pem"}, "tls_ca"),
        ({"host": "elsewhere.example"}, "password"),  # the stored one would be given to another server
        ({"tls_mode": MailTls.NONE, "username": "u"}, "tls_mode"),
    ],
)
def test_settings_that_make_no_sense_are_refused(
    broker: Broker, system_actor: Actor, now: datetime, change: dict[str, Any], field: str
) -> None:
    save_mail_settings(spec=spec(username="u", password="s3cret-words"), actor=system_actor, now=now)

    with pytest.raises(InvalidSetting) as refusal:
        save_mail_settings(spec=spec(**{"username": "u", **change}), actor=system_actor, now=now)

    assert refusal.value.field == field
    assert MailSettings.objects.get().host == "mail.example.com"


def test_nobody_without_the_right_edits_or_tries(broker: Broker, now: datetime) -> None:
    actor = Actor(kind="staff", user_id=1, label="x", rights=frozenset({"notifications.view_settings"}))

    with pytest.raises(Forbidden):
        save_mail_settings(spec=spec(), actor=actor, now=now)
    with pytest.raises(Forbidden):
        send_test_mail(to_address=TO, house=house_of(broker), language="en", actor=actor, now=now)
