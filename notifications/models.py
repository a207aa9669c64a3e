"""The outbox: messages that leave the house with every attempt, notices inside it, and how mail and SMS leave."""

import uuid
from typing import ClassVar

from django.db import connection, models
from django.db.models import Q

from core.crypto import seal, unseal
from core.types import DbAccess
from notifications.enums import MailTls, MessageState, Outcome, Outgoing, SmsMode


def _place(column: str, row: uuid.UUID) -> tuple[str, str, str, str]:
    """Return where a sealed value belongs: this broker's schema, the column and its row."""
    schema: str = connection.schema_name  # type: ignore[attr-defined]  # django-tenants adds it
    return (schema, "notifications", column, str(row))


class Message(models.Model):
    """One mail or SMS to one recipient. What it says is rendered from kind, params and language when it leaves.

    `secrets_sealed` holds what only the recipient may read; it is empty once the state is final: a check says so."""

    db_access = DbAccess.APPEND
    db_updatable = (
        "state", "attempts", "next_try_at", "lease_until", "last_code", "last_reply", "reference", "provider_id",
        "secrets_sealed", "finished_at", "expires_at",
    )  # fmt: skip

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)  # binds the sealed secrets to this row
    kind = models.CharField(max_length=60)  # a key of notifications.kinds.KINDS
    channel = models.CharField(max_length=10, choices=Outgoing.choices)
    key = models.CharField(max_length=200)  # natural key: the same notice is queued once
    user = models.ForeignKey("access.User", on_delete=models.PROTECT, null=True, related_name="+")
    to_name = models.CharField(max_length=150, blank=True, default="")
    to_address = models.CharField(max_length=254)  # an e-mail address or a phone number
    language = models.CharField(max_length=10)
    params = models.JSONField(default=dict)  # {name: text}, what the templates show
    secrets_sealed = models.TextField(blank=True, default="", editable=False)  # core.crypto; never shown, never logged
    state = models.CharField(max_length=12, choices=MessageState.choices, default=MessageState.QUEUED)
    attempts = models.PositiveIntegerField(default=0)
    next_try_at = models.DateTimeField()
    lease_until = models.DateTimeField(null=True)  # until then the worker that took it is alone with it
    expires_at = models.DateTimeField()  # no attempt begins after this moment
    last_code = models.CharField(max_length=40, blank=True, default="")  # a key of notifications.words
    last_reply = models.CharField(max_length=400, blank=True, default="")  # the server's own words
    reference = models.CharField(max_length=200, blank=True, default="")  # Message-ID, the same in every attempt
    provider_id = models.CharField(max_length=200, blank=True, default="")  # the number the server gave it
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="message_queued_once", fields=["key", "channel"]),
            models.CheckConstraint(name="message_state_known", condition=Q(state__in=MessageState.values)),
            models.CheckConstraint(
                name="message_lease_while_sending",
                condition=Q(state="sending", lease_until__isnull=False) | ~Q(state="sending") & Q(lease_until=None),
            ),
            models.CheckConstraint(
                name="message_secrets_wiped_at_end", condition=Q(state__in=["queued", "sending"]) | Q(secrets_sealed="")
            ),
            models.CheckConstraint(
                name="message_finished_at_end",
                condition=Q(state__in=["queued", "sending"], finished_at=None)
                | ~Q(state__in=["queued", "sending"]) & Q(finished_at__isnull=False),
            ),
        ]
        indexes: ClassVar = [
            models.Index(name="message_due", fields=["next_try_at", "id"], condition=Q(state="queued")),
            models.Index(name="message_expiring", fields=["expires_at"], condition=Q(state="queued")),
            models.Index(name="message_leased", fields=["lease_until"], condition=Q(state="sending")),
            models.Index(name="message_by_time", fields=["-created_at", "-id"]),
            models.Index(name="message_by_address", fields=["to_address", "-id"]),
        ]

    def __str__(self) -> str:
        return f"{self.pk} {self.kind}"

    def secrets_place(self) -> tuple[str, str, str, str]:
        return _place("message_secrets", self.uuid)


class MessageAttempt(models.Model):
    """One attempt to send a message. Append only: a trigger refuses any change, also to the tables' owner."""

    db_access = DbAccess.APPEND

    message = models.ForeignKey(Message, on_delete=models.PROTECT, related_name="history")
    number = models.PositiveIntegerField()  # from 1
    outcome = models.CharField(max_length=12, choices=Outcome.choices)
    code = models.CharField(max_length=40, blank=True, default="")  # a key of notifications.words
    reply = models.CharField(max_length=400, blank=True, default="")  # the server's own words
    at = models.DateTimeField()
    took_ms = models.PositiveIntegerField(default=0)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="message_attempt_once", fields=["message", "number"]),
            models.CheckConstraint(name="message_attempt_outcome_known", condition=Q(outcome__in=Outcome.values)),
        ]

    def __str__(self) -> str:
        return f"{self.message_id}:{self.number} {self.outcome}"


class InAppNotice(models.Model):
    """One notice to one user inside the application, shown in the language of whoever reads it."""

    db_access = DbAccess.APPEND
    db_updatable = ("read_at",)

    user = models.ForeignKey("access.User", on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=60)  # a key of notifications.kinds.KINDS
    key = models.CharField(max_length=200)  # natural key: the same notice is shown once
    params = models.JSONField(default=dict)  # {name: text}; never secrets
    created_at = models.DateTimeField()
    read_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(name="in_app_notice_once", fields=["user", "key"])]
        indexes: ClassVar = [
            models.Index(name="in_app_notice_by_user", fields=["user", "-id"]),
            models.Index(name="in_app_notice_unread", fields=["user"], condition=Q(read_at=None)),
        ]

    def __str__(self) -> str:
        return f"{self.pk} {self.kind}"


class MailSettings(models.Model):
    """How this broker's mail leaves: one row, made when staff first save it. Without it mail waits."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)  # binds the sealed password to this row
    one = models.BooleanField(default=True, unique=True)  # one row per broker
    host = models.CharField(max_length=253)
    port = models.PositiveIntegerField()
    tls_mode = models.CharField(max_length=8, choices=MailTls.choices, default=MailTls.STARTTLS)
    tls_ca = models.TextField(blank=True, default="")  # PEM; empty: the system's authorities
    username = models.CharField(max_length=254, blank=True, default="")  # empty: no sign-in
    password_sealed = models.TextField(blank=True, default="", editable=False)  # core.crypto; never shown, never logged
    sender_name = models.CharField(max_length=100, blank=True, default="")  # empty: the broker's name
    sender_address = models.EmailField()
    reply_to = models.EmailField(blank=True, default="")
    is_sandbox = models.BooleanField(default=False)  # nothing leaves; staff see what would be sent
    failures = models.PositiveIntegerField(default=0)  # of the server, in a row; they set the back-off
    last_code = models.CharField(max_length=40, blank=True, default="")
    last_reply = models.CharField(max_length=400, blank=True, default="")
    last_error_at = models.DateTimeField(null=True)
    rest_until = models.DateTimeField(null=True)  # the server is left alone until then

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(name="mail_settings_one_row", condition=Q(one=True)),
            models.CheckConstraint(name="mail_settings_port", condition=Q(port__gte=1, port__lte=65535)),
        ]

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def sender_domain(self) -> str:
        return self.sender_address.rpartition("@")[2]

    def set_password(self, password: str) -> None:
        """Seal the password for this row and this broker's schema; "" removes it."""
        self.password_sealed = seal(password, place=_place("mail_password", self.uuid)) if password else ""

    def password(self) -> str:
        """Return the password in clear, for the SMTP client alone; "" when there is none."""
        return unseal(self.password_sealed, place=_place("mail_password", self.uuid)) if self.password_sealed else ""


class SmsSettings(models.Model):
    """How this broker's SMS leave: one row, made when staff first save it. Without it no SMS is queued."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)  # binds the sealed secret to this row
    one = models.BooleanField(default=True, unique=True)  # one row per broker
    mode = models.CharField(max_length=6, choices=SmsMode.choices, default=SmsMode.OFF)
    address = models.CharField(max_length=500, blank=True, default="")  # https://host[:port]/path
    tls_ca = models.TextField(blank=True, default="")  # PEM; empty: the system's authorities
    secret_sealed = models.TextField(blank=True, default="", editable=False)  # core.crypto; signs what we send
    sender = models.CharField(max_length=20, blank=True, default="")  # the name or number an SMS comes from
    is_sandbox = models.BooleanField(default=False)  # nothing leaves; staff see what would be sent
    failures = models.PositiveIntegerField(default=0)
    last_code = models.CharField(max_length=40, blank=True, default="")
    last_reply = models.CharField(max_length=400, blank=True, default="")
    last_error_at = models.DateTimeField(null=True)
    rest_until = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(name="sms_settings_one_row", condition=Q(one=True)),
            models.CheckConstraint(name="sms_settings_mode_known", condition=Q(mode__in=SmsMode.values)),
        ]

    def __str__(self) -> str:
        return self.address or self.mode

    @property
    def sender_domain(self) -> str:
        return ""  # an SMS has no Message-ID

    def set_secret(self, secret: str) -> None:
        """Seal the gateway's secret for this row and this broker's schema; "" removes it."""
        self.secret_sealed = seal(secret, place=_place("sms_secret", self.uuid)) if secret else ""

    def secret(self) -> str:
        """Return the secret in clear, for the gateway's client alone; "" when there is none."""
        return unseal(self.secret_sealed, place=_place("sms_secret", self.uuid)) if self.secret_sealed else ""
