"""Open a broker: its schema and role, then what every room wants to find in it."""

from tenancy.context import broker_context
from tenancy.models import Broker
from tenancy.services import BrokerSpec, create_broker


def open_broker(spec: BrokerSpec) -> Broker:
    """Create a broker and seed each room's first rows. Runs under the owner's login."""
    broker = create_broker(spec)
    with broker_context(broker):
        _seed()
    return broker


def _seed() -> None:
    """Each room's `services.seed()` is repeatable."""
