"""Open a broker: its schema and role, then what every room wants to find in it."""

from datetime import datetime

from access.services import seed_roles
from access.types import Actor
from tenancy.context import broker_context
from tenancy.models import Broker
from tenancy.services import BrokerSpec, create_broker

_ACTOR = Actor.system("broker set-up")


def open_broker(spec: BrokerSpec, *, now: datetime) -> Broker:
    """Create a broker and seed each room's first rows. Runs under the owner's login.

    :raises BrokerExists: the code or a host is taken."""
    broker = create_broker(spec)
    with broker_context(broker):
        seed_roles(actor=_ACTOR, now=now)
    return broker
