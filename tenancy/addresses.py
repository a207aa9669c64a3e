"""Where a broker's pages are, for texts that leave the application."""

from django.conf import settings

from tenancy.context import public_context
from tenancy.models import Broker, Host


def portal_address(broker: Broker) -> str:
    """Return the address of the broker's portal without a slash at its end, from its first host."""
    with public_context():
        host = Host.objects.filter(tenant=broker).order_by("-is_primary", "pk").values_list("domain", flat=True).first()
    if settings.KEEL_HTTPS:
        return f"https://{host}"
    return f"http://{host}:{settings.KEEL_PORT}" if settings.KEEL_PORT else f"http://{host}"
