"""What callers give, what sending returns."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.utils.functional import Promise

from notifications.enums import Audience, Channel, Outcome


@dataclass(frozen=True, slots=True)
class Recipient:
    """Somebody to tell. `email` and `phone` may be empty: that channel is left out then.

    `user_id` is who reads it in the application, None for somebody who does not sign in. `language` is one of
    settings.LANGUAGES; anything else means the broker's own."""

    user_id: int | None
    name: str
    email: str
    phone: str = ""
    language: str = ""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of notice: where it goes, whom it is for, and the names its templates may use.

    `give_up_after`: so long a message is tried; a password that comes after days helps nobody."""

    code: str
    channels: frozenset[Channel]
    audience: Audience
    label: str | Promise
    params: frozenset[str] = frozenset()
    secrets: frozenset[str] = frozenset()
    give_up_after: timedelta = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class Rendered:
    """One notice in one language. Empty: the channel is not the kind's."""

    subject: str = ""
    text: str = ""
    html: str = ""
    sms: str = ""
    in_app: str = ""


@dataclass(frozen=True, slots=True)
class Parcel:
    """One message ready for a channel: `body` is the whole MIME message of a mail, or the text of an SMS in UTF-8.

    `reference` is the same in every attempt: the Message-ID of a mail, the id that a gateway dedupes an SMS by."""

    to_address: str
    reference: str
    body: bytes = field(repr=False)
    at: datetime


@dataclass(frozen=True, slots=True)
class Answer:
    """How one attempt ended, with the server's own words and the id it gave, if any."""

    outcome: Outcome
    code: str = ""  # a key of notifications.words, for our sentence
    reply: str = ""  # the server's words, printable, cut
    provider_id: str = ""
