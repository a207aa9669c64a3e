"""Put one broker in force for a block of code."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, cast

from django.db import connection
from django_tenants.utils import schema_context, tenant_context

from tenancy.enums import BrokerStatus
from tenancy.models import Broker

_connection = cast("Any", connection)  # the backend's own attributes, which Django's types do not know


class NoBrokerInForce(RuntimeError):
    """Code that needs a broker ran without one."""


def broker_context(broker: Broker) -> AbstractContextManager[None]:
    """Run a block as this broker: its schema and its database role."""
    return cast("AbstractContextManager[None]", tenant_context(broker))


def public_context() -> AbstractContextManager[None]:
    """Run a block without a broker: only the list of brokers and hosts can be read."""
    return cast("AbstractContextManager[None]", schema_context("public"))


def current_broker() -> Broker:
    """Return the broker in force.

    :raises NoBrokerInForce: none is."""
    if not isinstance(_connection.tenant, Broker):
        raise NoBrokerInForce
    return _connection.tenant


def current_schema() -> str:
    """Return the schema in force: the broker's, or "public" without one. Part of every key, name and lock."""
    return str(_connection.schema_name)


def activate(broker: Broker | None) -> None:
    """Put a broker, or the public schema, in force until somebody else does; for the middleware alone."""
    if broker is None:
        _connection.set_schema_to_public()
    else:
        _connection.set_tenant(broker)


@contextmanager
def _as(broker: Broker) -> Iterator[Broker]:
    with broker_context(broker):
        yield broker


def each_broker(*, reason: str) -> Iterator[Broker]:
    """Yield every active broker with it in force: the one marked loop over brokers.

    `reason` says in the code why all brokers are meant."""
    if not reason:
        raise ValueError("say why all brokers are meant")
    for broker in active_brokers():
        with _as(broker):
            yield broker


def active_brokers() -> list[Broker]:
    """Return all active brokers, oldest first."""
    with public_context():
        return list(Broker.objects.filter(status=BrokerStatus.ACTIVE).order_by("pk"))


def get_active_broker(schema_name: str) -> Broker | None:
    """Return the active broker of this schema, or None."""
    with public_context():
        found: Broker | None = Broker.objects.filter(schema_name=schema_name, status=BrokerStatus.ACTIVE).first()
    return found
