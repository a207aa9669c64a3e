"""Hand an SMS to a gateway over HTTP: our small signed contract, docs/howto/sms-gateway.md."""

import hashlib
import hmac
import http.client
import json
import re
import socket
import ssl
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from notifications.enums import Outcome
from notifications.errors import ServerTrouble
from notifications.plain import one_line
from notifications.sending.reaching import connect, tls_context
from notifications.types import Answer, Parcel

CONNECT_S = 5
ANSWER_S = 10
REPLY_LENGTH = 400
_MOST_BYTES = 10_000
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")


class BadNumber(ValueError):
    """Not a number that an SMS can be sent to."""


@dataclass(frozen=True, slots=True)
class Gateway:
    """Where an SMS gateway answers, e.g. "https://sms.example.com/send", and the secret that signs what we send."""

    address: str
    tls_ca: str
    sender: str
    secret: str = field(repr=False)


def wire_number(number: str) -> str:
    """Return a phone number as +4479…, without what people write into it.

    :raises BadNumber: it is none; a number without its country's code could belong to anybody."""
    plain = re.sub(r"[ ()./\-]", "", number)
    plain = f"+{plain[2:]}" if plain.startswith("00") else plain
    if not _E164.fullmatch(plain):
        raise BadNumber
    return plain


def sign(secret: str, *, timestamp: int, body: bytes) -> str:
    """Return the signature of one request: HMAC-SHA256 over "timestamp.body", hexadecimal."""
    return hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()


def send_sms(gateway: Gateway, parcel: Parcel) -> Answer:
    """Hand one SMS over and return how that ended.

    :raises ServerTrouble: the gateway cannot be used, whatever the message."""
    body = json.dumps(
        {"id": parcel.reference, "to": parcel.to_address, "sender": gateway.sender, "text": parcel.body.decode()},
        ensure_ascii=False,
    ).encode()
    timestamp = int(parcel.at.timestamp())
    link, path = _open(gateway)
    headers = {
        "Content-Type": "application/json; charset=utf-8", "Idempotency-Key": parcel.reference,
        "Keel-Timestamp": str(timestamp),
        "Keel-Signature": f"sha256={sign(gateway.secret, timestamp=timestamp, body=body)}",
    }  # fmt: skip
    try:
        try:
            link.request("POST", path, body=body, headers=headers)
        except OSError as error:
            raise ServerTrouble("dropped") from error
        try:
            answer = link.getresponse()
            said = answer.read(_MOST_BYTES)
        except (OSError, http.client.HTTPException):
            return Answer(Outcome.UNKNOWN, "no_answer")
    finally:
        link.close()
    return _judge(answer.status, said)


def _judge(status: int, said: bytes) -> Answer:
    reply = one_line(f"{status} {said.decode('utf-8', 'replace')}")[:REPLY_LENGTH]
    if status in {401, 403}:
        raise ServerTrouble("gateway_sign_in", reply)
    if 200 <= status < 300:
        return Answer(Outcome.ACCEPTED, "accepted", reply, _given_id(said))
    if status in {408, 425, 429} or status >= 500:
        return Answer(Outcome.DELAYED, "gateway_delayed", reply)
    return Answer(Outcome.REFUSED, "gateway_refused", reply)


def _given_id(said: bytes) -> str:
    """Return the number that the gateway gave the message; "" when it gave none."""
    try:
        found = json.loads(said)
    except ValueError:
        return ""
    return one_line(str(found.get("id", "")))[:200] if isinstance(found, dict) else ""


def _open(gateway: Gateway) -> tuple[http.client.HTTPConnection, str]:
    """Return a connection to the gateway, and the path to ask for."""
    parts = urlsplit(gateway.address)
    host, secure = parts.hostname or "", parts.scheme == "https"
    sock: socket.socket = connect(host, parts.port or (443 if secure else 80), timeout=CONNECT_S)
    sock.settimeout(ANSWER_S)
    if secure:
        sock = _encrypt(sock, host, gateway.tls_ca)
    link = http.client.HTTPConnection(parts.netloc.rpartition("@")[2])
    link.sock = sock
    return link, (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _encrypt(sock: socket.socket, host: str, ca: str) -> socket.socket:
    try:
        return tls_context(ca).wrap_socket(sock, server_hostname=host)
    except ssl.SSLCertVerificationError as error:
        sock.close()
        raise ServerTrouble("bad_certificate", one_line(error.verify_message)) from error
    except TimeoutError as error:
        sock.close()
        raise ServerTrouble("timeout") from error
    except OSError as error:
        sock.close()
        raise ServerTrouble("tls_failed") from error
