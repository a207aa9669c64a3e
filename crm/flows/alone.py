"""One process at a time, by advisory locks that end with their session: whoever comes second gives way."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

from tenancy.context import current_schema


@contextmanager
def alone_at(what: str) -> Iterator[bool]:
    """Yield whether no other process does this for the broker in force now."""
    key = f"{current_schema()}:{what}"
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", [key])
        (got,) = cursor.fetchone()
    try:
        yield bool(got)
    finally:
        if got:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [key])


@contextmanager
def the_only_walker(server_id: int) -> Iterator[bool]:
    """Yield whether no other process walks this server now. A courtesy: the cursor's version is what protects."""
    with alone_at(f"walk:{server_id}") as alone:
        yield alone


@contextmanager
def the_only_reader(server_id: int) -> Iterator[bool]:
    """Yield whether no other process takes over this server's groups, symbols and accounts now."""
    with alone_at(f"structure:{server_id}") as alone:
        yield alone
