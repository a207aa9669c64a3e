"""Who a ledger account belongs to, in words, with the page about them: the ledger knows only types and ids."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from django.urls import reverse
from django.utils.translation import gettext as _

from access.types import Actor
from clients.queries import clients_visible_to
from ib.queries import ibs_visible_to
from ledger.enums import OwnerType
from mt4bridge.models import MtServer


class Owned(Protocol):
    """What a ledger account says of its owner."""

    owner_type: str
    owner_id: int


@dataclass(frozen=True, slots=True)
class Owner:
    """A name and, where there is one, the page about it."""

    name: str
    href: str = ""


def owners_of(accounts: Iterable[Owned], actor: Actor) -> dict[tuple[str, int], Owner]:
    """Return {(owner type, owner id): owner} for these accounts. Three statements whatever their number."""
    ids: dict[str, set[int]] = {}
    for account in accounts:
        ids.setdefault(account.owner_type, set()).add(account.owner_id)
    found = {(OwnerType.HOUSE.value, 0): Owner(_("The broker"))}
    for client in clients_visible_to(actor).filter(pk__in=ids.get(OwnerType.CLIENT, ())).order_by("pk"):
        found[OwnerType.CLIENT, client.pk] = Owner(client.name, reverse("backoffice:client", args=[client.pk]))
    for ib in ibs_visible_to(actor).filter(pk__in=ids.get(OwnerType.IB, ())).order_by("pk"):
        found[OwnerType.IB, ib.pk] = Owner(ib.name, reverse("backoffice:ib", args=[ib.pk]))
    for server in MtServer.objects.filter(pk__in=ids.get(OwnerType.MT_SERVER, ())).order_by("pk"):
        found[OwnerType.MT_SERVER, server.pk] = Owner(server.name)
    return found
