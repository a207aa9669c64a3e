"""Prepare a PostgreSQL for Keel: logins, the database, schema `extensions`. Runs as a superuser, is repeatable."""

from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

import psycopg2
from psycopg2 import sql

from tenancy.names import APP_LOGIN, EXTENSIONS_SCHEMA, MIGRATE_LOGIN, OWNER_ROLE

EXTENSIONS = ("btree_gist", "pg_trgm", "unaccent")

# jit: compiling a statement costs more than any of ours gains by it; the planner believes a page's statement dear that
# reads a few hundred of ten million rows. parallel_setup_cost: starting workers took longer than what they did for
# statements of 20 ms, which pages have; what reads whole tables is still shared.
LOGIN_SETTINGS = ("timezone = 'UTC'", "jit = off", "parallel_setup_cost = 10000")


@dataclass(frozen=True, slots=True)
class Login:
    """A login's parts as they stand in a database URL."""

    user: str
    password: str
    host: str
    port: int
    database: str

    @classmethod
    def from_url(cls, url: str) -> "Login":
        parts = urlsplit(url)
        return cls(
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            host=parts.hostname or "127.0.0.1",
            port=parts.port or 5432,
            database=parts.path.lstrip("/"),
        )


def prepare_server(*, admin_url: str, app_url: str, owner_url: str) -> None:
    """Create or repair the roles, the database named in `app_url`, and its extensions."""
    app, owner = Login.from_url(app_url), Login.from_url(owner_url)
    if (app.user, owner.user) != (APP_LOGIN, MIGRATE_LOGIN):
        raise ValueError(
            f"DATABASE_URL must use the login {APP_LOGIN} and DATABASE_OWNER_URL the login {MIGRATE_LOGIN}"
        )
    _run(admin_url, None, _role_statements(app, owner))
    create_database(admin_url=admin_url, name=app.database)
    prepare_database(admin_url=admin_url, name=app.database)


def create_database(*, admin_url: str, name: str, template: str | None = None) -> None:
    """Create the database unless it exists; `template` clones another one."""
    connection = _connect(admin_url, None)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
            if cursor.fetchone():
                return
            statement = sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(name), sql.Identifier(OWNER_ROLE))
            if template:
                statement += sql.SQL(" TEMPLATE {}").format(sql.Identifier(template))
            else:
                statement += sql.SQL(
                    " TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' "
                    "LC_COLLATE 'C' LC_CTYPE 'C'"
                )
            cursor.execute(statement)
    finally:
        connection.close()


def prepare_database(*, admin_url: str, name: str) -> None:
    """Close the public schema and add the extensions that the tables need."""
    statements = [
        "REVOKE ALL ON SCHEMA public FROM PUBLIC",
        f"GRANT USAGE, CREATE ON SCHEMA public TO {OWNER_ROLE}",
        f"GRANT USAGE ON SCHEMA public TO {APP_LOGIN}",
        f'GRANT CREATE, TEMPORARY ON DATABASE "{name}" TO {OWNER_ROLE}',
        f"CREATE SCHEMA IF NOT EXISTS {EXTENSIONS_SCHEMA} AUTHORIZATION {OWNER_ROLE}",
        f"GRANT USAGE ON SCHEMA {EXTENSIONS_SCHEMA} TO PUBLIC",
        "REVOKE EXECUTE ON FUNCTION pg_catalog.set_config(text, text, boolean) FROM PUBLIC",
        "GRANT EXECUTE ON FUNCTION pg_catalog.set_config(text, text, boolean) "
        f"TO {APP_LOGIN}, {MIGRATE_LOGIN}, {OWNER_ROLE}",
    ]
    statements += [f"CREATE EXTENSION IF NOT EXISTS {extension} SCHEMA {EXTENSIONS_SCHEMA}" for extension in EXTENSIONS]
    _run(admin_url, name, statements)


def drop_database(*, admin_url: str, name: str) -> None:
    """Drop a database, ending its connections."""
    _run(admin_url, None, [f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'])


def _role_statements(app: Login, owner: Login) -> list[str]:
    def ensure(role: str, options: str) -> str:
        return (
            f"DO $$ BEGIN IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = '{role}') "  # noqa: S608 -- our constants
            f"THEN CREATE ROLE {role}; END IF; END $$; ALTER ROLE {role} {options}"
        )

    return [
        ensure(OWNER_ROLE, "NOLOGIN NOSUPERUSER NOBYPASSRLS"),
        ensure(MIGRATE_LOGIN, f"LOGIN CREATEROLE NOSUPERUSER NOBYPASSRLS PASSWORD {_literal(owner.password)}"),
        ensure(APP_LOGIN, f"LOGIN NOINHERIT NOCREATEROLE NOSUPERUSER NOBYPASSRLS PASSWORD {_literal(app.password)}"),
        f"GRANT {OWNER_ROLE} TO {MIGRATE_LOGIN}",
        *(f"ALTER ROLE {login} SET {setting}" for login in (APP_LOGIN, MIGRATE_LOGIN) for setting in LOGIN_SETTINGS),
    ]


def _literal(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _connect(admin_url: str, database: str | None) -> "psycopg2.extensions.connection":
    login = Login.from_url(admin_url)
    connection = psycopg2.connect(
        user=login.user, password=login.password, host=login.host, port=login.port,
        dbname=database or login.database or "postgres", connect_timeout=5,
    )  # fmt: skip
    connection.autocommit = True
    return connection


def _run(admin_url: str, database: str | None, statements: list[str]) -> None:
    connection = _connect(admin_url, database)
    try:
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
    finally:
        connection.close()
