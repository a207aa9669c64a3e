"""Writes: register a server, note how the last talk with it went."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from access.services import record_audit
from access.types import Actor
from core.errors import DomainError
from mt4bridge.enums import Platform, ServerKind, TlsMode
from mt4bridge.errors import BridgeError
from mt4bridge.models import MtServer
from mt4bridge.server_settings import PLACE, InvalidServer, ServerSettings, check_settings, clean_pin

__all__ = [
    "InvalidServer",
    "ServerNameTaken",
    "add_server",
    "edit_server",
    "note_contact",
    "note_error",
    "note_test",
    "register_server",
    "set_server_active",
]
CONTACT_EVERY = timedelta(seconds=5)  # a walker comes every second; the page needs no finer grain
_FIELD_LENGTH = 300
_UNIQUE_VIOLATION = "23505"


class ServerNameTaken(DomainError):
    code = "server_name_taken"
    message = _("There is an MT server called %(name)s already.")


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
    pin = clean_pin(tls_pin)
    settings = ServerSettings(
        name=name,
        kind=kind,
        history_from=history_from,
        platform=platform,
        address=address,
        manager_login=manager_login,
        group_mask=group_mask,
        tls_mode=tls_mode or (TlsMode.PIN if pin else TlsMode.CA),
        tls_pin=pin,
        tls_ca=tls_ca,
        clock_zone=clock_zone,
        clock_shift_minutes=clock_shift_minutes,
    )
    found = MtServer.objects.select_for_update(of=("self",)).filter(name=name).first()
    if found is None:
        return add_server(settings=settings, manager_password=manager_password, actor=actor, now=now)
    check_settings(settings, password=manager_password)
    return _update(found, settings.columns(), manager_password, actor, now)


@transaction.atomic
def add_server(*, settings: ServerSettings, manager_password: str, actor: Actor, now: datetime) -> MtServer:
    """Add an MT server; the walker begins with it in its next round. Asks nothing of the network.

    :raises InvalidServer: a setting makes no sense. :raises ServerNameTaken: the name is in use."""
    check_settings(settings, password=manager_password)
    server = MtServer(name=settings.name.strip(), **settings.columns())
    server.set_manager_password(manager_password)
    _save(server)
    _audit("mt4bridge.register_server", server, None, {**_shown(settings.columns()), "name": server.name}, actor, now)
    return server


@transaction.atomic
def edit_server(
    *, server: MtServer, settings: ServerSettings, manager_password: str | None, actor: Actor, now: datetime
) -> MtServer:
    """Change a server's settings; `manager_password` None leaves the stored one, which no page ever shows.

    Whoever changes where the password goes, or how the other side is checked, types it again: nobody can send a
    stored password to a place of their own. The kind stays: another kind is another server.

    :raises InvalidServer: a setting makes no sense. :raises ServerNameTaken: the name is in use."""
    row = MtServer.objects.select_for_update(of=("self",)).get(pk=server.pk)
    settings = replace(settings, kind=ServerKind(row.kind))
    check_settings(settings, password=manager_password)
    columns = settings.columns()
    if manager_password is None and any(getattr(row, name) != columns[name] for name in PLACE):
        raise InvalidServer(
            field="manager_password", reason=_("type the password again, because it would go to another place")
        )
    password = row.manager_password() if manager_password is None else manager_password
    return _update(row, {**columns, "name": settings.name.strip()}, password, actor, now)


@transaction.atomic
def set_server_active(*, server: MtServer, is_active: bool, actor: Actor, now: datetime) -> MtServer:
    """Switch a server on or off. Off: nobody contacts it, nothing new of it is read or judged; all of it stays."""
    row = MtServer.objects.select_for_update(of=("self",)).get(pk=server.pk)
    if row.is_active == is_active:
        return row
    row.is_active, row.failures = is_active, 0
    row.save(update_fields=["is_active", "failures"])
    before, after = {"is_active": not is_active}, {"is_active": is_active}
    _audit("mt4bridge.edit_server", row, before, after, actor, now)
    return row


@transaction.atomic
def note_test(*, server: MtServer, outcome: str, actor: Actor, now: datetime) -> None:
    """Note in the trail that somebody had the server contacted; `outcome` is "ok" or the code of an error."""
    _audit("mt4bridge.test_server", server, None, {"outcome": outcome, "address": server.address}, actor, now)


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
    _save(server)
    secret = {"manager_password": "changed"} if new_password else {}
    _audit("mt4bridge.edit_server", server, _shown(before), {**_shown(after), **secret}, actor, now)
    return server


def _save(server: MtServer) -> None:
    try:
        with transaction.atomic():
            server.save()
    except IntegrityError as error:
        if getattr(error.__cause__, "pgcode", None) != _UNIQUE_VIOLATION:
            raise
        raise ServerNameTaken(field="name", name=server.name) from error


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
