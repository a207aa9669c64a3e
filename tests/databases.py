"""Databases for tests: one template, migrated once per state of the code, cloned in some hundredths of a second."""

import fcntl
import hashlib
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg2

from tenancy.bootstrap import Login, create_database, drop_database, prepare_database, prepare_server

ROOT = Path(__file__).resolve().parent.parent
BROKERS = {"aurora": "Aurora Markets", "borealis": "Borealis FX"}


@cache
def code_key() -> str:
    """Return a hash over everything that shapes the template: models, migrations, tenancy. Once a process: a file
    saved while tests run does not pull the database from under them."""
    digest = hashlib.sha256()
    patterns = (
        "*/migrations/*.py", "*/models*.py", "*/models/*.py", "*/permissions.py", "tenancy/**/*.py", "core/types.py",
        "crm/settings.py", "crm/flows/brokers.py", "access/roles.py", "tests/make_template.py",
    )  # fmt: skip
    for path in sorted(path for pattern in patterns for path in ROOT.glob(pattern)):
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:10]


def schema_of(code: str) -> str:
    """Return the schema of a test broker: fixed per state of the code, for roles are cluster-wide."""
    return f"b{code_key()}{code[0]}"


def template_name() -> str:
    return f"keel_template_{code_key()}"


def urls_for(database: str) -> dict[str, str]:
    """Return the environment that leads a process to this database."""
    return {name: _with_database(os.environ[name], database) for name in ("DATABASE_URL", "DATABASE_OWNER_URL")}


def admin_url() -> str:
    return os.environ["KEEL_ADMIN_DATABASE_URL"]


def ensure_template() -> str:
    """Build the template database unless this state of the code has one; return its name."""
    name = template_name()
    state = Path(os.environ.get("KEEL_STATE_DIR") or ROOT / ".run")
    state.mkdir(exist_ok=True)
    with (state / "test-template.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _exists(name):
            _build(name)
    return name


def _build(name: str) -> None:
    unfinished = f"{name}_new"
    drop_database(admin_url=admin_url(), name=unfinished)
    urls = urls_for(unfinished)
    prepare_server(admin_url=admin_url(), app_url=urls["DATABASE_URL"], owner_url=urls["DATABASE_OWNER_URL"])
    environment = {**os.environ, **urls, "KEEL_AS_OWNER": "1"}
    subprocess.run([sys.executable, "-m", "tests.make_template"], env=environment, cwd=ROOT, check=True)
    _admin(f'ALTER DATABASE "{unfinished}" RENAME TO "{name}"')


@contextmanager
def cloned_database() -> Iterator[str]:
    """Yield the name of a fresh clone of the template; dropped afterwards."""
    name = f"keel_test_{uuid.uuid4().hex[:12]}"
    create_database(admin_url=admin_url(), name=name, template=ensure_template())
    prepare_database(admin_url=admin_url(), name=name)
    try:
        yield name
    finally:
        drop_database(admin_url=admin_url(), name=name)


def _exists(name: str) -> bool:
    return bool(_admin("SELECT 1 FROM pg_database WHERE datname = %s", name))


def _admin(statement: str, *params: str) -> list[tuple[object, ...]]:
    login = Login.from_url(admin_url())
    connection = psycopg2.connect(
        user=login.user, password=login.password, host=login.host, port=login.port, dbname="postgres"
    )
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement, params or None)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


def _with_database(url: str, database: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))
