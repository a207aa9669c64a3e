"""States of a client."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class ClientStatus(TextChoices):
    ACTIVE = "active", _("Active")
    SUSPENDED = "suspended", _("Suspended")
    CLOSED = "closed", _("Closed")


CLIENT_MOVES: dict[ClientStatus, frozenset[ClientStatus]] = {
    ClientStatus.ACTIVE: frozenset({ClientStatus.SUSPENDED, ClientStatus.CLOSED}),
    ClientStatus.SUSPENDED: frozenset({ClientStatus.ACTIVE, ClientStatus.CLOSED}),
}
