"""Fixtures that all tests share: a database per worker, a broker in force, actors."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from django.conf import settings
from django.db import connection, connections

from access.types import Actor
from tenancy.context import public_context
from tenancy.models import Broker
from tests.databases import cloned_database, schema_of, urls_for


def pytest_configure() -> None:
    """Hash quickly: many tests make several users each."""
    settings.PASSWORD_HASHERS = ["tests.hashing.QuickArgon2PasswordHasher", *settings.PASSWORD_HASHERS[1:]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse flushing tests: TRUNCATE meets append-only triggers. Tests that commit use `committed_database`."""
    for item in items:
        mark = item.get_closest_marker("django_db")
        if mark and mark.kwargs.get("transaction"):
            raise pytest.UsageError(f"{item.nodeid}: use the fixture committed_database in place of transaction=True")


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker: pytest.FixtureRequest) -> Iterator[None]:
    """Give this test worker its own clone of the template database."""
    with cloned_database() as name, django_db_blocker.unblock():
        _use_database(name)
        yield
        _use_database(name)


def _use_database(name: str) -> None:
    connections.close_all()
    connection.settings_dict["NAME"] = name
    connection.set_schema_to_public()


def get_broker(code: str) -> Broker:
    """Return one of the two test brokers, "aurora" or "borealis"."""
    with public_context():
        return Broker.objects.get(schema_name=schema_of(code))


@pytest.fixture
def now() -> datetime:
    return datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


@pytest.fixture
def system_actor() -> Actor:
    return Actor.system("test")


@pytest.fixture
def broker(db: None) -> Iterator[Broker]:
    """Put the broker aurora in force for the test; checks deferred constraints before the rollback."""
    aurora = get_broker("aurora")
    connection.set_tenant(aurora)
    yield aurora
    connection.set_tenant(aurora)
    if not connection.needs_rollback:
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    connection.set_schema_to_public()


@pytest.fixture
def other_broker(broker: Broker) -> Broker:
    """Return the broker borealis; use broker_context to put it in force."""
    found = get_broker("borealis")
    connection.set_tenant(broker)
    return found


@pytest.fixture
def committed_database(django_db_setup: None, django_db_blocker: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """Give the test a database of its own, in which it commits; yields the environment for processes on it.

    The broker aurora is in force."""
    before = connection.settings_dict["NAME"]
    with cloned_database() as name, django_db_blocker.unblock():
        _use_database(name)
        connection.set_tenant(get_broker("aurora"))
        try:
            yield urls_for(name)
        finally:
            _use_database(before)
