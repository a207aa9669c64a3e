"""SMS over a real HTTP socket: the signed request, and what each answer means."""

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from access.types import Actor
from notifications.enums import MessageState, SmsMode
from notifications.errors import InvalidSetting
from notifications.models import Message, SmsSettings
from notifications.rendering import house_of
from notifications.sending.gateway import BadNumber, wire_number
from notifications.services import SmsSpec, queue_notice, save_sms_settings, send_test_sms
from notifications.types import Recipient
from tenancy.models import Broker
from tests.notifications.test_delivery import attempts, deliver

pytestmark = pytest.mark.unit

SECRET = "gateway-secret"
SIGN_IN = {"at": "2026-03-02 12:00 UTC", "ip": "203.0.113.9"}


class Phone(ThreadingHTTPServer):
    """A gateway that keeps what it was sent and answers as told: (status, body), or None to hang up."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.taken: list[tuple[dict[str, str], bytes]] = []
        self.answer: tuple[int, bytes] | None = (202, b'{"id": "sms-77"}')

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/send?account=7"


class _Handler(BaseHTTPRequestHandler):
    server: Phone

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.taken.append(({**self.headers, "path": self.path}, body))
        if self.server.answer is None:
            self.connection.close()
            return
        status, said = self.server.answer
        self.send_response(status)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_args: Any) -> None:
        return


@pytest.fixture
def phone(loopback: None) -> Iterator[Phone]:
    server = Phone()
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def gateway(broker: Broker, phone: Phone, system_actor: Actor, now: datetime) -> SmsSettings:
    spec = SmsSpec(mode=SmsMode.HTTP, address=phone.url, sender="Aurora", secret=SECRET)
    return save_sms_settings(spec=spec, actor=system_actor, now=now)


def queue_sms(number: str, *, now: datetime, language: str = "en") -> Message:
    to = Recipient(user_id=None, name="Li", email="", phone=number, language=language)
    queue_notice(kind="new_sign_in", to=to, params=SIGN_IN, key=f"sms:{number}", now=now)
    return Message.objects.get(channel="sms")


def test_an_sms_leaves_signed_and_once(broker: Broker, gateway: SmsSettings, phone: Phone, now: datetime) -> None:
    message = queue_sms("+44 (20) 7946-0018", now=now)

    deliver(broker, now)
    deliver(broker, now + timedelta(hours=1))

    message.refresh_from_db()
    [(headers, body)] = phone.taken
    stamp = str(int(now.timestamp()))
    expected = hmac.new(SECRET.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    assert (headers["Keel-Timestamp"], headers["Keel-Signature"], headers["Idempotency-Key"], headers["path"]) == (
        stamp, f"sha256={expected}", message.uuid.hex, "/send?account=7",
    )  # fmt: skip
    assert json.loads(body) == {
        "id": message.uuid.hex, "to": "+442079460018", "sender": "Aurora",
        "text": "Aurora Markets: sign-in at 2026-03-02 12:00 UTC from the new address 203.0.113.9. "
        "If that was not you, write to us at once.",
    }  # fmt: skip
    assert (message.state, message.provider_id) == (MessageState.SENT, "sms-77")


@pytest.mark.parametrize(
    ("answer", "state", "history"),
    [
        ((422, b"bad number"), "failed", [(1, "refused", "gateway_refused", "422 bad number")]),
        ((429, b"slowly"), "queued", [(1, "delayed", "gateway_delayed", "429 slowly")]),
        ((503, b""), "queued", [(1, "delayed", "gateway_delayed", "503")]),
        ((401, b"who?"), "queued", [(1, "trouble", "gateway_sign_in", "401 who?")]),
        (None, "queued", [(1, "unknown", "no_answer", "")]),
        ((200, b"no json"), "sent", [(1, "accepted", "accepted", "200 no json")]),
    ],
)
def test_each_answer_has_its_meaning(
    broker: Broker, gateway: SmsSettings, phone: Phone, now: datetime, answer: Any, state: str, history: Any
) -> None:
    phone.answer = answer
    message = queue_sms("+442079460018", now=now)

    deliver(broker, now)

    message.refresh_from_db()
    assert (message.state, attempts(message)) == (state, history)


def test_a_number_without_its_country_is_refused(
    broker: Broker, gateway: SmsSettings, phone: Phone, now: datetime
) -> None:
    message = queue_sms("020 7946 0018", now=now)

    deliver(broker, now)

    message.refresh_from_db()
    assert (message.state, message.last_code, phone.taken) == ("failed", "bad_number", [])


@pytest.mark.parametrize(
    ("typed", "wire"), [("+44 20 7946 0018", "+442079460018"), ("0086 138 0013 8000", "+8613800138000")]
)
def test_numbers_are_cleaned(typed: str, wire: str) -> None:
    assert wire_number(typed) == wire


@pytest.mark.parametrize("typed", ["", "+0123456789", "+4420794600181234567", "+44x", "１２３", "+44\n20"])
def test_what_is_no_number_is_refused(typed: str) -> None:
    with pytest.raises(BadNumber):
        wire_number(typed)


def test_without_a_gateway_no_sms_is_queued(broker: Broker, now: datetime) -> None:
    to = Recipient(user_id=None, name="Li", email="li@client.example", phone="+442079460018")
    queue_notice(kind="new_sign_in", to=to, params=SIGN_IN, key="x", now=now)

    assert list(Message.objects.values_list("channel", flat=True)) == ["mail"]


def test_a_test_sms_shows_the_gateways_answer(
    broker: Broker, gateway: SmsSettings, phone: Phone, now: datetime, system_actor: Actor
) -> None:
    phone.answer = (400, b"no credit")

    answer = send_test_sms(
        to_number="+442079460018", house=house_of(broker), language="zh-hans", actor=system_actor, now=now
    )

    assert (answer.outcome, answer.code, answer.reply) == ("refused", "gateway_refused", "400 no credit")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"address": "ftp://x.example"}, "address"),
        ({"address": "http://sms.example.com/"}, "address"),
        ({"address": "https://user:pw@sms.example.com/"}, "address"),
        ({"address": "https://sms.example.com/\r\nX: 1"}, "address"),
        ({"address": "https://sms.example.com:99999/"}, "address"),
        ({"secret": None}, "secret"),
    ],
)
def test_gateways_that_make_no_sense_are_refused(
    broker: Broker, system_actor: Actor, now: datetime, change: dict[str, Any], field: str
) -> None:
    values = {"mode": SmsMode.HTTP, "address": "https://sms.example.com/send", "secret": SECRET, **change}

    with pytest.raises(InvalidSetting) as refusal:
        save_sms_settings(spec=SmsSpec(**values), actor=system_actor, now=now)

    assert refusal.value.field == field
