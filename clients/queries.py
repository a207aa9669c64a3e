"""Reads of clients."""

from django.db.models import QuerySet

from access.permissions import VIEW_OWN
from access.types import Actor
from clients.models import Client


def clients_visible_to(actor: Actor) -> QuerySet[Client]:
    """Return the clients whom the actor may see whole: staff with the right all, a client itself."""
    if actor.sees_all and actor.has("clients.view_client"):
        return Client.objects.all()
    if actor.client_id is not None and actor.has(VIEW_OWN):
        return Client.objects.filter(pk=actor.client_id)
    return Client.objects.none()


def find_client_id(user_id: int) -> int | None:
    """Return the id of the client that the user is, or None."""
    return Client.objects.filter(user_id=user_id).values_list("pk", flat=True).first()
