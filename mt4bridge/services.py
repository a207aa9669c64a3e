"""Writes: register a server, note how the last talk with it went."""

import re
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from access.services import record_audit
from access.types import Actor
from core.errors import InvalidInput
from mt4bridge.enums import Platform, ServerKind, TlsMode
from mt4bridge.errors import BridgeError
from mt4bridge.models import MtServer

CONTACT_EVERY = timedelta(seconds=5)  # a walker comes every second; the page needs no finer grain
_ADDRESS = re.compile(r"(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+):(\d{1,5})")
_PIN = re.compile(r"[0-9a-f]{64}")
_FIELD_LENGTH = 300


class InvalidServer(InvalidInput):
    """A setting of an MT server makes no sense."""

    code = "invalid_server"
    message = _("This setting of the MT server cannot be used: %(reason)s")


@transaction.atomic
def register_server(
    *,
    name: str,
    address: str,
    manager_login: int,
    manager_password: str,
    history_from: datetime,
    actor: Actor,
    now: datetime,
    platform: Platform = Platform.MT5,
    kind: ServerKind = ServerKind.WEBAPI,
    group_mask: str = "*",
    tls_mode: TlsMode | None = None,
    tls_pin: str = "",
    tls_ca: str = "",
    clock_zone: str = "America/New_York",
    clock_shift_minutes: int = 420,
) -> MtServer:
    """Register an MT server by its name, or bring the one with this name up to date. Asks nothing of the network.

    Without `tls_mode` a pin is checked when there is one, else the certificate's authority. Repeating the call
    changes nothing and leaves no audit row.

    :raises InvalidServer: address, clock, pin or password makes no sense."""
    pin = tls_pin.replace(":", "").strip().lower()
    mode = tls_mode or (TlsMode.PIN if pin else TlsMode.CA)
    _check_settings(address=address, zone=clock_zone, mode=mode, pin=pin, password=manager_password)
    values: dict[str, Any] = {
        "address": address,
        "manager_login": manager_login,
        "platform": platform.value,
        "kind": kind.value,
        "group_mask": group_mask,
        "tls_mode": mode.value,
        "tls_pin": pin,
        "tls_ca": tls_ca,
        "clock_zone": clock_zone,
        "clock_shift_minutes": clock_shift_minutes,
        "history_from": history_from,
    }
    found = MtServer.objects.select_for_update(of=("self",)).filter(name=name).first()
    if found is None:
        server = MtServer(name=name, **values)
        server.set_manager_password(manager_password)
        server.save()
        _audit("mt4bridge.register_server", server, None, {**_shown(values), "name": name}, actor, now)
        return server
    return _update(found, values, manager_password, actor, now)


def _update(server: MtServer, values: dict[str, Any], password: str, actor: Actor, now: datetime) -> MtServer:
    before = {name: getattr(server, name) for name, value in values.items() if getattr(server, name) != value}
    after = {name: values[name] for name in before}
    new_password = server.manager_password() != password
    if not before and not new_password:
        return server
    for name, value in after.items():
        setattr(server, name, value)
    if new_password:
        server.set_manager_password(password)
    server.failures = 0  # new settings deserve a try at once
    server.save()
    secret = {"manager_password": "changed"} if new_password else {}
    _audit("mt4bridge.edit_server", server, _shown(before), {**_shown(after), **secret}, actor, now)
    return server


def note_contact(*, server: MtServer, now: datetime) -> None:
    """Note that the server was reached and read. Writes at most every five seconds while all is well."""
    stale = Q(last_ok_at__isnull=True) | Q(last_ok_at__lte=now - CONTACT_EVERY) | Q(failures__gt=0)
    MtServer.objects.filter(stale, pk=server.pk).update(last_ok_at=now, failures=0)


def note_error(*, server: MtServer, error: BridgeError, now: datetime) -> None:
    """Note a failure for the health page and for the back-off."""
    fields = {name: str(value)[:_FIELD_LENGTH] for name, value in error.fields.items()}
    MtServer.objects.filter(pk=server.pk).update(
        last_error_code=error.code, last_error_fields=fields, last_error_at=now, failures=F("failures") + 1
    )


def _check_settings(*, address: str, zone: str, mode: TlsMode, pin: str, password: str) -> None:
    """Refuse settings that no server can have."""
    match = _ADDRESS.fullmatch(address)
    if match is None or not 0 < int(match[2]) < 65_536:
        raise InvalidServer(field="address", reason=_("the address must look like host:port"))
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        raise InvalidServer(field="clock_zone", reason=_("the time zone is not known")) from None
    if mode == TlsMode.PIN and not _PIN.fullmatch(pin):
        raise InvalidServer(field="tls_pin", reason=_("the pin must be 64 hexadecimal digits"))
    if not password:
        raise InvalidServer(field="manager_password", reason=_("the manager password is missing"))


def _shown(values: dict[str, Any]) -> dict[str, Any]:
    """Return values as the audit trail keeps them."""
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in values.items()}


def _audit(
    action: str, server: MtServer, before: dict[str, Any] | None, after: dict[str, Any], actor: Actor, now: datetime
) -> None:
    record_audit(
        actor=actor,
        action=action,
        object_type="mt4bridge.MtServer",
        object_id=server.pk,
        before=before,
        after=after,
        now=now,
    )
