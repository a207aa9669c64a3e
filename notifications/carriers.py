"""What takes the messages of a channel away: the broker's relay or SMS gateway, or, in the sandbox, nothing."""

from datetime import datetime
from typing import Protocol

from core.crypto import SealBroken
from notifications.enums import MailTls, Outcome, Outgoing, SmsMode
from notifications.errors import ServerTrouble
from notifications.models import MailSettings, Message, SmsSettings
from notifications.sending.composing import BadAddress, Envelope, compose, wire_address
from notifications.sending.gateway import Gateway, send_sms, wire_number
from notifications.sending.smtp import Relay, Session
from notifications.types import Answer, Parcel, Rendered

Settings = MailSettings | SmsSettings


class Carrier(Protocol):
    """Takes one channel's messages away, one at a time."""

    def pack(self, message: Message, content: Rendered, *, now: datetime) -> Parcel:
        """Return the message ready to leave.

        :raises BadAddress, BadNumber: nothing can be sent to this recipient."""

    def send(self, parcel: Parcel, /) -> Answer:
        """Hand it over.

        :raises ServerTrouble: the server cannot be used, whatever the message."""

    def close(self) -> None: ...


class SandboxMail:
    """Packs mails as they would leave, and keeps them back."""

    def __init__(self, found: MailSettings, *, house_name: str) -> None:
        self._settings = found
        self._sender_name = found.sender_name or house_name

    def pack(self, message: Message, content: Rendered, *, now: datetime) -> Parcel:
        envelope = Envelope(
            sender_name=self._sender_name, sender_address=self._settings.sender_address, to_name=message.to_name,
            to_address=message.to_address, reply_to=self._settings.reply_to, message_id=message.reference, at=now,
        )  # fmt: skip
        address = wire_address(message.to_address)
        return Parcel(to_address=address, reference=message.reference, body=compose(envelope, content), at=now)

    def send(self, _parcel: Parcel, /) -> Answer:
        return Answer(Outcome.KEPT_BACK, "sandbox")

    def close(self) -> None:
        return None


class SmtpMail(SandboxMail):
    """Hands mails over to the broker's relay, which is asked for once, on opening.

    :raises ServerTrouble: it cannot be used now."""

    def __init__(self, found: MailSettings, *, house_name: str) -> None:
        super().__init__(found, house_name=house_name)
        self._session = Session(relay_of(found))
        self._session.open()

    def send(self, parcel: Parcel, /) -> Answer:
        return self._session.send(parcel)

    def close(self) -> None:
        self._session.close()


class SandboxSms:
    """Packs SMS as they would leave, and keeps them back."""

    def pack(self, message: Message, content: Rendered, *, now: datetime) -> Parcel:
        number = wire_number(message.to_address)
        return Parcel(to_address=number, reference=message.reference, body=content.sms.strip().encode(), at=now)

    def send(self, _parcel: Parcel, /) -> Answer:
        return Answer(Outcome.KEPT_BACK, "sandbox")

    def close(self) -> None:
        return None


class GatewaySms(SandboxSms):
    """Hands SMS over to the broker's gateway.

    :raises ServerTrouble: its secret cannot be read."""

    def __init__(self, found: SmsSettings) -> None:
        self._gateway = gateway_of(found)

    def send(self, parcel: Parcel, /) -> Answer:
        return send_sms(self._gateway, parcel)


def settings_of(channel: Outgoing) -> Settings | None:
    """Return how the channel leaves; None when nobody set it up."""
    if channel == Outgoing.MAIL:
        return MailSettings.objects.first()
    return SmsSettings.objects.exclude(mode=SmsMode.OFF).first()


def open_carrier(found: Settings, *, house_name: str) -> Carrier:
    """Return what takes the messages away.

    :raises ServerTrouble: the server cannot be used now."""
    if isinstance(found, SmsSettings):
        return SandboxSms() if found.is_sandbox else GatewaySms(found)
    return (SandboxMail if found.is_sandbox else SmtpMail)(found, house_name=house_name)


def relay_of(found: MailSettings) -> Relay:
    """Return the broker's mail server and how to use it.

    :raises ServerTrouble: its password or the sender's address cannot be used."""
    try:
        password, sender = found.password(), wire_address(found.sender_address)
    except SealBroken as error:
        raise ServerTrouble("broken_seal") from error
    except BadAddress as error:
        raise ServerTrouble("sender_refused") from error
    return Relay(
        host=found.host, port=found.port, tls_mode=MailTls(found.tls_mode), tls_ca=found.tls_ca,
        username=found.username, password=password, sender=sender,
    )  # fmt: skip


def gateway_of(found: SmsSettings) -> Gateway:
    """Return the broker's SMS gateway and how to use it.

    :raises ServerTrouble: its secret cannot be read."""
    try:
        secret = found.secret()
    except SealBroken as error:
        raise ServerTrouble("broken_seal") from error
    return Gateway(address=found.address, tls_ca=found.tls_ca, sender=found.sender, secret=secret)
