"""Migrate the template database and open its two brokers; a process of its own, under the owner's login."""

import os
from datetime import UTC, datetime

import django


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crm.settings")
    django.setup()
    from crm.flows.brokers import open_broker
    from tenancy.services import BrokerSpec, migrate_all
    from tests.databases import BROKERS, schema_of

    migrate_all(verbosity=0)
    for code, name in BROKERS.items():
        _forget_role(schema_of(code))
        open_broker(
            BrokerSpec(code=code, name=name, hosts=(f"{code}.localhost",), schema_name=schema_of(code)),
            now=datetime(2026, 1, 1, tzinfo=UTC),
        )


def _forget_role(schema_name: str) -> None:
    """Drop the role that an interrupted build left: roles outlive their database."""
    from django.db import connection

    from tenancy.names import role_of

    with connection.cursor() as cursor:
        cursor.execute("RESET ROLE")
        cursor.execute(f'DROP ROLE IF EXISTS "{role_of(schema_name)}"')


if __name__ == "__main__":
    main()
