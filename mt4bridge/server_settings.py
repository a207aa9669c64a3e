"""What can be set of an MT server, and what each kind of server needs. Asks nothing of network or database."""

import re
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from core.errors import InvalidInput
from mt4bridge.enums import Platform, ServerKind, TlsMode

CLOCK_SHIFT_MOST = 24 * 60  # minutes
ENGINES = ("mysql", "postgresql")
_ADDRESS = re.compile(r"(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+):(\d{1,5})")
_PIN = re.compile(r"[0-9a-f]{64}")
_NAME = re.compile(r"[^\x00-\x1f\x7f`\"'\\;]{1,64}")  # a database, schema or user that can be quoted safely
_MASK = re.compile(r"[^\x00-\x1f\x7f]{1,200}")


class InvalidServer(InvalidInput):
    """A setting of an MT server makes no sense."""

    code = "invalid_server"
    message = _("This setting of the MT server cannot be used: %(reason)s")


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """All that staff say of a server, without its password. `options` as `models.MtServer.options`."""

    name: str
    kind: ServerKind
    history_from: datetime
    platform: Platform = Platform.MT5
    address: str = ""
    manager_login: int = 0
    group_mask: str = "*"
    tls_mode: TlsMode = TlsMode.CA
    tls_pin: str = ""
    tls_ca: str = ""
    clock_zone: str = "America/New_York"
    clock_shift_minutes: int = 420
    options: Mapping[str, str] = field(default_factory=dict)

    def columns(self) -> dict[str, Any]:
        """Return the values of `models.MtServer` by column, the name left out."""
        return {
            "address": self.address,
            "manager_login": self.manager_login,
            "platform": self.platform.value,
            "kind": self.kind.value,
            "group_mask": self.group_mask,
            "tls_mode": self.tls_mode.value,
            "tls_pin": self.tls_pin,
            "tls_ca": self.tls_ca,
            "clock_zone": self.clock_zone,
            "clock_shift_minutes": self.clock_shift_minutes,
            "history_from": self.history_from,
            "options": dict(self.options),
        }


PLACE = ("kind", "address", "tls_mode", "tls_pin", "tls_ca", "options")
"""Where a password goes and who could listen: who changes one of these types the password again."""


def clean_pin(pin: str) -> str:
    """Return a pin as it is stored: bare lower-case digits, however a tool printed it."""
    return pin.replace(":", "").replace(" ", "").strip().lower()


def check_settings(settings: ServerSettings, *, password: str | None) -> None:
    """Refuse settings that no server of the kind can have. `password` None: the stored one stays.

    :raises InvalidServer: it names the field and says why."""
    if not settings.name.strip():
        raise InvalidServer(field="name", reason=_("the name is missing"))
    if abs(settings.clock_shift_minutes) > CLOCK_SHIFT_MOST:
        raise InvalidServer(field="clock_shift_minutes", reason=_("the shift is longer than a day"))
    try:
        ZoneInfo(settings.clock_zone)
    except (KeyError, ValueError, OSError):
        raise InvalidServer(field="clock_zone", reason=_("the time zone is not known")) from None
    if not _MASK.fullmatch(settings.group_mask):
        raise InvalidServer(field="group_mask", reason=_("the mask must have 1 to 200 printable characters"))
    for check in _CHECKS.get(settings.kind, (_check_address, _check_tls, _check_password)):
        check(settings, password)


def _check_address(settings: ServerSettings, _password: str | None) -> None:
    match = _ADDRESS.fullmatch(settings.address)
    if match is None or not 0 < int(match[2]) < 65_536:
        raise InvalidServer(field="address", reason=_("the address must look like host:port"))


def _check_manager(settings: ServerSettings, _password: str | None) -> None:
    if settings.manager_login <= 0:
        raise InvalidServer(field="manager_login", reason=_("the manager login is a number above 0"))


def _check_password(_settings: ServerSettings, password: str | None) -> None:
    if password == "":
        raise InvalidServer(field="manager_password", reason=_("the manager password is missing"))


def _check_tls(settings: ServerSettings, _password: str | None) -> None:
    if settings.tls_mode == TlsMode.PIN and not _PIN.fullmatch(settings.tls_pin):
        raise InvalidServer(field="tls_pin", reason=_("the pin must be 64 hexadecimal digits"))
    if settings.tls_ca:
        try:
            ssl.create_default_context(cadata=settings.tls_ca)
        except (ssl.SSLError, ValueError):
            raise InvalidServer(field="tls_ca", reason=_("these are no certificates in PEM form")) from None


def _check_mirror(settings: ServerSettings, _password: str | None) -> None:
    if settings.options.get("engine") not in ENGINES:
        raise InvalidServer(field="engine", reason=_("the database must be MySQL, MariaDB or PostgreSQL"))
    for name, reason in _MIRROR_NAMES.items():
        if not _NAME.fullmatch(settings.options.get(name, "")):
            raise InvalidServer(field=name, reason=reason)
    schema = settings.options.get("schema", "")
    if schema and not _NAME.fullmatch(schema):
        raise InvalidServer(field="schema", reason=_("this is no name of a schema"))


_MIRROR_NAMES: dict[str, Promise] = {
    "database": _("the name of the database is missing or has characters that no name has"),
    "user": _("the name of the read-only user is missing or has characters that no name has"),
}
_Check = Callable[[ServerSettings, str | None], None]
_CHECKS: dict[str, tuple[_Check, ...]] = {
    ServerKind.WEBAPI: (_check_address, _check_manager, _check_tls, _check_password),
    ServerKind.HTTPBRIDGE: (_check_address, _check_manager, _check_tls, _check_password),
    ServerKind.MIRROR: (_check_address, _check_tls, _check_password, _check_mirror),
    ServerKind.FILES: (),
}
