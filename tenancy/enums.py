"""States of a broker."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class BrokerStatus(TextChoices):
    TEMPLATE = "template", _("Template")
    PROVISIONING = "provisioning", _("Being set up")
    ACTIVE = "active", _("Active")
    SUSPENDED = "suspended", _("Suspended")


BROKER_MOVES: dict[BrokerStatus, frozenset[BrokerStatus]] = {
    BrokerStatus.PROVISIONING: frozenset({BrokerStatus.ACTIVE}),
    BrokerStatus.ACTIVE: frozenset({BrokerStatus.SUSPENDED}),
    BrokerStatus.SUSPENDED: frozenset({BrokerStatus.ACTIVE}),
}
