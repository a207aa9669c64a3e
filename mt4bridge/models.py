"""The MT servers of a broker, how to reach them and how the last talk went; and the files that stand in for some."""

import uuid
from typing import ClassVar

from django.db import connection, models
from django.db.models import Q

from core.crypto import seal, unseal
from core.types import DbAccess
from mt4bridge.enums import Platform, ServerKind, TlsMode, UploadState


class MtServer(models.Model):
    """One MT4 or MT5 server that this broker reaches through a gateway."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)  # binds the sealed password to this row
    name = models.CharField(max_length=60, unique=True)
    platform = models.CharField(max_length=4, choices=Platform.choices, default=Platform.MT5)
    kind = models.CharField(max_length=20, choices=ServerKind.choices, default=ServerKind.WEBAPI)
    address = models.CharField(max_length=255, blank=True, default="")  # host:port; "" when only files come
    manager_login = models.BigIntegerField(default=0)  # 0 when the kind has none; of a bridge the id of its key
    manager_password_sealed = models.TextField(editable=False)  # core.crypto; never shown, never logged
    options = models.JSONField(default=dict)  # what one kind alone needs, texts by name; never a secret
    group_mask = models.CharField(max_length=200, default="*")  # which MT groups of the server are this broker's
    tls_mode = models.CharField(max_length=4, choices=TlsMode.choices, default=TlsMode.CA)
    tls_pin = models.CharField(max_length=64, blank=True, default="")  # sha256 of the certificate, lower-case hex
    tls_ca = models.TextField(blank=True, default="")  # PEM; empty: the system's authorities
    clock_zone = models.CharField(max_length=64, default="America/New_York")  # IANA zone whose days the clock follows
    clock_shift_minutes = models.SmallIntegerField(default=420)  # added to that zone: GMT+2/+3 with US daylight saving
    is_active = models.BooleanField(default=True)
    history_from = models.DateTimeField()  # deals before this moment are not read
    last_ok_at = models.DateTimeField(null=True)
    last_error_code = models.CharField(max_length=40, blank=True, default="")
    last_error_fields = models.JSONField(default=dict)  # what the error's sentence needs
    last_error_at = models.DateTimeField(null=True)
    failures = models.PositiveIntegerField(default=0)  # in a row; they set the back-off

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                name="mt_server_pin_when_pinned", condition=~Q(tls_mode="pin") | Q(tls_pin__regex=r"^[0-9a-f]{64}$")
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def set_manager_password(self, password: str) -> None:
        """Seal the password for this row and this broker's schema."""
        self.manager_password_sealed = seal(password, place=self._place())

    def manager_password(self) -> str:
        """Return the password in clear, for the gateway alone."""
        return unseal(self.manager_password_sealed, place=self._place())

    def _place(self) -> tuple[str, str, str, str]:
        schema: str = connection.schema_name  # type: ignore[attr-defined]  # django-tenants adds it
        return (schema, "mt_server", "manager_password", str(self.uuid))


class HistoryUpload(models.Model):
    """A history file of one account, as it was handed over. It counts once somebody confirmed it."""

    server = models.ForeignKey(MtServer, on_delete=models.PROTECT, related_name="uploads")
    sha256 = models.CharField(max_length=64)
    file_name = models.CharField(max_length=120)  # as the browser said, for people alone
    content = models.BinaryField()  # the file itself: what was recorded can always be compared with it
    kind = models.CharField(max_length=20)  # histories.types.HistoryKind
    login = models.BigIntegerField()
    currency = models.CharField(max_length=8)
    rank = models.BigIntegerField()  # when the file was printed, in seconds; of two the later one knows better
    facts = models.JSONField(default=dict)  # name, leverage, totals and the file's differences, texts by name
    state = models.CharField(max_length=10, choices=UploadState.choices, default=UploadState.PENDING)
    uploaded_by = models.CharField(max_length=200)
    uploaded_at = models.DateTimeField()
    first_at = models.DateTimeField(null=True)  # its first deal, UTC; null: it has none
    last_at = models.DateTimeField(null=True)
    taken_at = models.DateTimeField(null=True)
    outcome = models.JSONField(default=dict)  # counts by name, once it is recorded

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="history_upload_once", fields=["server", "sha256"], condition=~Q(state="discarded")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.file_name} #{self.pk}"


class FileDeal(models.Model):
    """A deal in the book of a server that only files speak for: what the confirmed files say together."""

    db_access = DbAccess.FULL

    server = models.ForeignKey(MtServer, on_delete=models.PROTECT, related_name="file_deals", db_index=False)
    upload = models.ForeignKey(HistoryUpload, on_delete=models.PROTECT, related_name="deals")
    ticket = models.BigIntegerField()
    leg = models.SmallIntegerField(default=0)
    login = models.BigIntegerField()
    rank = models.BigIntegerField()  # of its ticket: a closed one beats an open one, then the later file
    deal_at = models.DateTimeField()  # of a row that cannot be understood: of the file's last deal
    row = models.JSONField()  # types.DealRow or types.BadRow by field names

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="file_deal_once", fields=["server", "ticket", "leg"]),
        ]
        indexes: ClassVar = [models.Index(name="file_deal_by_time", fields=["server", "deal_at"])]

    def __str__(self) -> str:
        return f"{self.ticket}/{self.leg}"


class FileSymbol(models.Model):
    """What staff said of a symbol that a file trades in: files know no contract sizes."""

    server = models.ForeignKey(MtServer, on_delete=models.PROTECT, related_name="file_symbols")
    name = models.CharField(max_length=32)
    digits = models.PositiveSmallIntegerField()
    contract_size_e8 = models.BigIntegerField()  # 1e-8 units of the base per lot
    quote_currency = models.CharField(max_length=8)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(name="file_symbol_once", fields=["server", "name"])]

    def __str__(self) -> str:
        return self.name
