"""Put a mail together as MIME. Nothing that a person typed can add a header."""

from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from notifications.plain import one_line
from notifications.types import Rendered

_SUBJECT_LENGTH = 200
_NAME_LENGTH = 100


class BadAddress(ValueError):
    """Not an address that mail can be sent to."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """Who writes to whom, and the mail's own name. `reply_to` may be empty."""

    sender_name: str
    sender_address: str
    to_name: str
    to_address: str
    reply_to: str
    message_id: str
    at: datetime


def compose(envelope: Envelope, content: Rendered) -> bytes:
    """Return the whole mail, text and HTML, lines ended as SMTP wants them and pure ASCII.

    :raises BadAddress: one of the addresses is none."""
    mail = EmailMessage(policy=SMTP)
    mail["From"] = _address(envelope.sender_name, envelope.sender_address)
    mail["To"] = _address(envelope.to_name, envelope.to_address)
    if envelope.reply_to:
        mail["Reply-To"] = _address("", envelope.reply_to)
    mail["Subject"] = one_line(content.subject)[:_SUBJECT_LENGTH]
    mail["Date"] = envelope.at
    mail["Message-ID"] = envelope.message_id
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no absence notes in answer
    mail.set_content(content.text, cte=_encoding(content.text))
    mail.add_alternative(content.html, subtype="html", cte=_encoding(content.html))
    return mail.as_bytes()


def wire_address(address: str) -> str:
    """Return an address as an envelope carries it, the domain in ASCII.

    :raises BadAddress: it is none, or needs more than every mail server can do."""
    try:
        validate_email(address)
    except ValidationError:
        raise BadAddress from None
    local, _at, domain = address.rpartition("@")
    try:
        local.encode("ascii")
        return f"{local}@{domain.encode('idna').decode('ascii')}"
    except UnicodeError:
        raise BadAddress from None


def _address(name: str, address: str) -> Address:
    return Address(display_name=one_line(name)[:_NAME_LENGTH], addr_spec=wire_address(address))


def _encoding(text: str) -> str:
    return "quoted-printable" if text.isascii() else "base64"
