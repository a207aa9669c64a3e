"""The database backend: one round trip puts the broker's role and search path in force, or raises.

It is made before the first statement after every change of broker and every rollback, and whenever the server reports
another search path than the one that was set. Source: docs/decisions/0001 and 0026. Driver-neutral; session or direct
connections only (behind a transaction pooler the role would have to be set with SET LOCAL)."""

import threading
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django_tenants.postgresql_backend import base
from django_tenants.utils import get_public_schema_name

from tenancy.names import EXTENSIONS_SCHEMA, OWNER_ROLE, role_of

_IN_ERROR = 3  # libpq's PQTRANS_INERROR, the same number in psycopg2 and psycopg 3
_checked_logins: set[str] = set()
_check_lock = threading.Lock()


class DatabaseWrapper(base.DatabaseWrapper):
    """django-tenants' wrapper that also changes the role and never runs under a stale one."""

    _setting_search_path: bool
    schema_name: str
    search_path_set_schemas: tuple[str, bool, str] | None  # the library forgets it with a new broker and at rollbacks

    def _handle_search_path(self, cursor: Any = None) -> None:  # noqa: ARG002 -- the library passes it
        if self._setting_search_path:
            return
        if self.connection.info.transaction_status == _IN_ERROR:
            return  # every statement fails until the rollback; nothing can read the wrong broker
        if self.search_path_set_schemas is not None and self.search_path_set_schemas == self._in_force():
            return
        self._setting_search_path = True
        try:
            with self.wrap_database_errors, self.connection.cursor() as raw:
                raw.execute(switch_sql(self.schema_name))
            self.search_path_set_schemas = self._in_force()
        finally:
            self._setting_search_path = False

    def _in_force(self) -> tuple[str, bool, str] | None:
        """Return what is wanted and the search path as the server last reported it; None from before PostgreSQL 18.

        The report comes with the answer to each statement, and role and path change in one statement only: what undoes
        one of them on the server undoes both."""
        told = self.connection.info.parameter_status("search_path")
        return None if told is None else (self.schema_name, bool(settings.KEEL_AS_OWNER), str(told))

    def init_connection_state(self) -> None:
        super().init_connection_state()
        if not settings.KEEL_AS_OWNER:
            self._refuse_powerful_login()

    def _refuse_powerful_login(self) -> None:
        login = self.settings_dict["USER"]
        with _check_lock:
            if login in _checked_logins:
                return
            with self.connection.cursor() as raw:
                raw.execute(
                    "SELECT rolsuper OR rolbypassrls OR rolcreaterole OR rolinherit "
                    "FROM pg_roles WHERE rolname = session_user"
                )
                (too_powerful,) = raw.fetchone()
            if too_powerful:
                raise ImproperlyConfigured(
                    f"The database login {login} may do more than Keel's login should (superuser, BYPASSRLS, "
                    "CREATEROLE or INHERIT). Create the logins with: ./run manage bootstrap_database"
                )
            _checked_logins.add(login)


def switch_sql(schema_name: str) -> str:
    """Return the statement that puts the schema's role and search path in force."""
    if schema_name == get_public_schema_name():
        role = f'"{OWNER_ROLE}"' if settings.KEEL_AS_OWNER else "NONE"
    else:
        role = f'"{OWNER_ROLE if settings.KEEL_AS_OWNER else role_of(schema_name)}"'
    return f'SET ROLE {role}; SET search_path = "{schema_name}", "{EXTENSIONS_SCHEMA}"'
