"""How mail and SMS leave: save it, and try it."""

import ssl
from dataclasses import asdict, dataclass, field
from datetime import datetime
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from access.services import record_audit
from access.types import Actor
from core.errors import Forbidden
from notifications.carriers import GatewaySms, SandboxMail, relay_of
from notifications.enums import MailTls, Outcome, SmsMode
from notifications.errors import InvalidSetting, ServerTrouble
from notifications.leasing import reference_of
from notifications.models import MailSettings, Message, SmsSettings
from notifications.rendering import House, render
from notifications.sending.composing import BadAddress, wire_address
from notifications.sending.gateway import BadNumber
from notifications.sending.smtp import Session
from notifications.types import Answer

EDIT = "notifications.edit_settings"


@dataclass(frozen=True, slots=True)
class MailSpec:
    """How mail shall leave. `password` None keeps the one that is stored, "" removes it."""

    host: str
    port: int
    tls_mode: MailTls
    sender_address: str
    tls_ca: str = ""
    username: str = ""
    password: str | None = field(default=None, repr=False)
    sender_name: str = ""
    reply_to: str = ""
    is_sandbox: bool = False


@transaction.atomic
def save_mail_settings(*, spec: MailSpec, actor: Actor, now: datetime) -> MailSettings:
    """Save how this broker's mail leaves; what waits is tried with it at once.

    A stored password is never sent to another server: with a new host it has to be given again.

    :raises Forbidden: the actor may not.
    :raises InvalidSetting: a setting makes no sense."""
    if not actor.has(EDIT):
        raise Forbidden
    found = MailSettings.objects.select_for_update(of=("self",)).first()
    _check(spec, found)
    row = found or MailSettings()
    values: dict[str, Any] = {name: value for name, value in asdict(spec).items() if name != "password"}
    before = {name: getattr(row, name) for name in values} if found else None
    for name, value in values.items():
        setattr(row, name, value)
    if spec.password is not None:
        row.set_password(spec.password)
    row.failures, row.rest_until, row.last_code, row.last_reply = 0, None, "", ""
    row.save()
    secret = {} if spec.password is None else {"password": "changed"}
    record_audit(
        actor=actor, action="notifications.edit_settings", object_type="mail_settings", object_id=row.pk,
        before=before, after={**values, **secret}, now=now,
    )  # fmt: skip
    return row


def send_test_mail(*, to_address: str, house: House, language: str, actor: Actor, now: datetime) -> Answer:
    """Send a mail to this address right now and return how that ended, the server's words included.

    Nothing is queued. In the sandbox the server is spoken to as well: that is what the test is for.

    :raises Forbidden: the actor may not.
    :raises InvalidSetting: nothing is set up, or the address is none."""
    if not actor.has(EDIT):
        raise Forbidden
    found = MailSettings.objects.first()
    if found is None:
        raise InvalidSetting(reason=_("how mail leaves is not set up yet"))
    message = Message(
        kind="test_mail", to_name=actor.label, to_address=to_address, language=language,
    )  # fmt: skip
    message.reference = reference_of(message, found.sender_domain)
    with transaction.atomic():
        record_audit(
            actor=actor, action="notifications.send_test_mail", object_type="mail_settings", object_id=found.pk,
            before=None, after={"email": to_address}, now=now,
        )  # fmt: skip
    content = render(
        kind="test_mail", language=language, name=actor.label, params={}, secrets={}, house=house
    )  # fmt: skip
    try:
        parcel = SandboxMail(found, house_name=house.name).pack(message, content, now=now)
    except BadAddress as error:
        raise InvalidSetting(field="to_address", reason=_("this is no e-mail address")) from error
    try:
        session = Session(relay_of(found))
        try:
            return session.send(parcel)
        finally:
            session.close()
    except ServerTrouble as trouble:
        return Answer(Outcome.TROUBLE, trouble.code, trouble.reply)


@dataclass(frozen=True, slots=True)
class SmsSpec:
    """How SMS shall leave. `secret` None keeps the one that is stored."""

    mode: SmsMode
    address: str = ""
    tls_ca: str = ""
    sender: str = ""
    secret: str | None = field(default=None, repr=False)
    is_sandbox: bool = False


@transaction.atomic
def save_sms_settings(*, spec: SmsSpec, actor: Actor, now: datetime) -> SmsSettings:
    """Save how this broker's SMS leave. Without a gateway no SMS is queued.

    :raises Forbidden: the actor may not.
    :raises InvalidSetting: a setting makes no sense."""
    if not actor.has(EDIT):
        raise Forbidden
    found = SmsSettings.objects.select_for_update(of=("self",)).first()
    _check_sms(spec, found)
    row = found or SmsSettings()
    values: dict[str, Any] = {name: value for name, value in asdict(spec).items() if name != "secret"}
    before = {name: getattr(row, name) for name in values} if found else None
    for name, value in values.items():
        setattr(row, name, value)
    if spec.secret:
        row.set_secret(spec.secret)
    row.failures, row.rest_until, row.last_code, row.last_reply = 0, None, "", ""
    row.save()
    changed = {"secret": "changed"} if spec.secret else {}
    record_audit(
        actor=actor, action="notifications.edit_settings", object_type="sms_settings", object_id=row.pk,
        before=before, after={**values, **changed}, now=now,
    )  # fmt: skip
    return row


def send_test_sms(*, to_number: str, house: House, language: str, actor: Actor, now: datetime) -> Answer:
    """Send an SMS to this number right now, also in the sandbox, and return how that ended.

    :raises Forbidden: the actor may not.
    :raises InvalidSetting: no gateway is set up, or the number is none."""
    if not actor.has(EDIT):
        raise Forbidden
    found = SmsSettings.objects.exclude(mode=SmsMode.OFF).first()
    if found is None:
        raise InvalidSetting(reason=_("how SMS leave is not set up yet"))
    with transaction.atomic():
        record_audit(
            actor=actor, action="notifications.send_test_sms", object_type="sms_settings", object_id=found.pk,
            before=None, after={"phone": to_number}, now=now,
        )  # fmt: skip
    message = Message(kind="test_sms", to_name=actor.label, to_address=to_number, language=language)
    message.reference = reference_of(message, "")
    content = render(kind="test_sms", language=language, name=actor.label, params={}, secrets={}, house=house)
    try:
        carrier = GatewaySms(found)
        return carrier.send(carrier.pack(message, content, now=now))
    except BadNumber as error:
        raise InvalidSetting(field="to_number", reason=_("this is no phone number with its country's code")) from error
    except ServerTrouble as trouble:
        return Answer(Outcome.TROUBLE, trouble.code, trouble.reply)


def _check_sms(spec: SmsSpec, found: SmsSettings | None) -> None:
    """Refuse settings that no gateway can have, or that would give the secret's signatures to another one."""
    if spec.mode == SmsMode.OFF:
        return
    parts = urlsplit(spec.address)
    try:
        is_address = bool(parts.hostname) and parts.port != 0 and not parts.username
    except ValueError:
        is_address = False
    if parts.scheme not in {"http", "https"} or not is_address or not spec.address.isprintable():
        raise InvalidSetting(field="address", reason=_("this is no web address"))
    if parts.scheme == "http" and not _is_here(parts.hostname or ""):
        raise InvalidSetting(field="address", reason=_("messages never leave without encryption; use https"))
    _check_authority(spec.tls_ca)
    if spec.secret is None and (found is None or not found.secret_sealed):
        raise InvalidSetting(field="secret", reason=_("without a secret the gateway cannot know us"))


def _check_authority(pem: str) -> None:
    if pem:
        try:
            ssl.create_default_context(cadata=pem)
        except (ssl.SSLError, ValueError) as error:
            raise InvalidSetting(field="tls_ca", reason=_("this is no certificate in PEM form")) from error


def _check(spec: MailSpec, found: MailSettings | None) -> None:
    """Refuse settings that no server can have, or that would give a password away."""
    if not spec.host or (
        any(sign.isspace() or sign in "/@:" for sign in spec.host.strip("[]")) and not _is_ip(spec.host)
    ):
        raise InvalidSetting(field="host", reason=_("this is no host name"))
    for name in ("sender_address", "reply_to"):
        try:
            if getattr(spec, name):
                wire_address(getattr(spec, name))
        except BadAddress as error:
            raise InvalidSetting(field=name, reason=_("this is no e-mail address")) from error
    if not spec.sender_address:
        raise InvalidSetting(field="sender_address", reason=_("this is no e-mail address"))
    _check_authority(spec.tls_ca)
    moved = found is not None and found.host != spec.host
    if moved and found is not None and found.password_sealed and spec.password is None:
        raise InvalidSetting(field="password", reason=_("for another server the password has to be entered again"))
    has_password = bool(spec.password) or (spec.password is None and found is not None and bool(found.password_sealed))
    if spec.username and has_password and spec.tls_mode == MailTls.NONE and not _is_here(spec.host):
        raise InvalidSetting(field="tls_mode", reason=_("a password never leaves without encryption"))


def _is_ip(host: str) -> bool:
    try:
        ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def _is_here(host: str) -> bool:
    """Say whether the host is this machine by its very name: nothing is looked up."""
    return host == "localhost" or (_is_ip(host) and ip_address(host.strip("[]")).is_loopback)
