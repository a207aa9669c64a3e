"""Writes of clients."""

from datetime import datetime

from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

from access.models import User
from access.services import record_audit
from access.types import Actor
from clients.enums import CLIENT_MOVES, ClientStatus
from clients.models import Client
from core.errors import DomainError, InvalidInput


class ClientMoveRefused(DomainError):
    code, http_status = "client_move_refused", 409
    message = _("A client who is %(status)s can't become %(wanted)s.")


@transaction.atomic
def create_client(
    *,
    name: str,
    email: str,
    actor: Actor,
    now: datetime,
    country: str = "",
    phone: str = "",
    user: User | None = None,
) -> Client:
    """Create a client with the broker's next code.

    :raises InvalidInput: no name, or the country is not two letters (ISO 3166-1)."""
    name, country = name.strip(), country.strip().upper()
    if not name:
        raise InvalidInput(field="name")
    if country and not (len(country) == 2 and country.isascii() and country.isalpha()):
        raise InvalidInput(field="country")
    client = Client.objects.create(
        code=_next_code(), name=name, email=email.strip().lower(), country=country, phone=phone.strip(), user=user,
        created_at=now,
    )  # fmt: skip
    record_audit(
        actor=actor, action="clients.create_client", object_type="client", object_id=client.pk, before=None,
        after={"code": client.code, "name": client.name, "email": client.email, "country": country}, now=now,
    )  # fmt: skip
    return client


@transaction.atomic
def set_client_status(*, client: Client, wanted: ClientStatus, reason: str, actor: Actor, now: datetime) -> Client:
    """Suspend, reactivate or close a client.

    :raises ClientMoveRefused: the move is not in CLIENT_MOVES."""
    row = Client.objects.select_for_update().get(pk=client.pk)
    before = ClientStatus(row.status)
    if wanted not in CLIENT_MOVES.get(before, frozenset()):
        raise ClientMoveRefused(status=before.label, wanted=wanted.label)
    row.status = wanted
    row.save(update_fields=["status"])
    record_audit(
        actor=actor, action="clients.change_status", object_type="client", object_id=row.pk,
        before={"status": before}, after={"status": wanted}, reason=reason, now=now,
    )  # fmt: skip
    return row


def _next_code() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('clients_code_seq')")
        (number,) = cursor.fetchone()
    return f"C{number}"
