"""Real databases to keep mirrors in: one of the tests' PostgreSQL, and a MariaDB server when the machine has one.

MariaDB is looked for as `KEEL_MARIADBD`, or as `mariadbd` on the path (Debian's package `mariadb-server-core`)."""

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg2
import pymysql

from mt4bridge.mirror.database import MYSQL, POSTGRESQL, MirrorPlace

READER, PASSWORD = "keel_reader", "Sesame-read-1"
START_SECONDS = 30.0


@dataclass
class Mirror:
    """A mirror's database: `run` writes as the report server would, `place` is what our reader gets."""

    place: MirrorPlace
    owner: Any

    def run(self, sql: str, *values: object) -> None:
        with self.owner.cursor() as cursor:
            for statement in sql.split(";"):
                if statement.strip():
                    cursor.execute(self._spelled(statement), values or None)

    def insert(self, table: str, **row: object) -> None:
        names = ", ".join(f'"{name}"' for name in row)
        self.run(f'INSERT INTO "{table}" ({names}) VALUES ({", ".join(["%s"] * len(row))})', *row.values())

    def grant(self) -> None:
        """Let the reader see what exists now, and nothing else."""
        if self.place.engine == POSTGRESQL:
            self.run(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {READER}")

    def _spelled(self, sql: str) -> str:
        if self.place.engine == POSTGRESQL:
            return (
                sql.replace("datetime(6)", "timestamp")
                .replace("datetime", "timestamp")
                .replace(" double", " double precision")
            )
        return sql.replace('"', "`")


@contextmanager
def postgresql_mirror() -> Iterator[Mirror]:
    """Make a database and a role that may sign in, beside the tests' own."""
    url = urlsplit(os.environ["KEEL_ADMIN_DATABASE_URL"])
    name = f"mirror_{secrets.token_hex(4)}"
    admin = psycopg2.connect(url.geturl())
    admin.autocommit = True
    with admin.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name}")
        cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (READER,))
        if cursor.fetchone() is None:
            cursor.execute(f"CREATE ROLE {READER} LOGIN PASSWORD '{PASSWORD}'")
    owner = psycopg2.connect(url._replace(path=f"/{name}").geturl())
    owner.autocommit = True
    place = MirrorPlace(
        POSTGRESQL, f"{url.hostname}:{url.port}", name, READER, PASSWORD, tls_mode="off", read_seconds=5
    )
    try:
        yield Mirror(place, owner)
    finally:
        owner.close()
        with admin.cursor() as cursor:
            cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")
        admin.close()


def mariadbd() -> str | None:
    return os.environ.get("KEEL_MARIADBD") or shutil.which("mariadbd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


@contextmanager
def mariadb_mirror() -> Iterator[Mirror]:
    """Start a MariaDB server of its own on loopback, without a disk to wait for, and end it."""
    program = Path(mariadbd() or "")
    base = program.parent.parent
    folder = Path(tempfile.mkdtemp(prefix="keel-mariadb-", dir="/tmp"))
    data, init = folder / "data", folder / "init.sql"
    data.mkdir()
    init.write_text(
        f"CREATE DATABASE mirror; CREATE USER '{READER}'@'%' IDENTIFIED BY '{PASSWORD}'; "
        f"GRANT SELECT ON mirror.* TO '{READER}'@'%'; CREATE USER 'owner'@'%' IDENTIFIED BY '{PASSWORD}'; "
        "GRANT ALL ON mirror.* TO 'owner'@'%';\n".replace("; ", ";\n")
    )
    shared = next(path for path in (base / "share" / "mysql", base / "share" / "mariadb") if path.is_dir())
    common = [
        str(program), "--no-defaults", f"--basedir={base}", f"--datadir={data}", f"--lc-messages-dir={shared}",
        "--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=32M", f"--tmpdir={folder}",
    ]  # fmt: skip
    libraries = f"{base}/lib/x86_64-linux-gnu:{base.parent}/lib/x86_64-linux-gnu"
    environment = {**os.environ, "LD_LIBRARY_PATH": libraries} if base != Path("/usr") else dict(os.environ)
    user = ["--user=nobody"] if os.geteuid() == 0 else []
    if user:
        shutil.chown(folder, "nobody")
        shutil.chown(data, "nobody")
        folder.chmod(0o755)
    names = ("mysql_system_tables.sql", "mysql_performance_tables.sql", "mysql_system_tables_data.sql")
    tables = "CREATE DATABASE mysql;\nUSE mysql;\n" + "\n".join((shared / name).read_text() for name in names)
    subprocess.run(
        [*common, *user, "--bootstrap"], input=tables.encode(), env=environment, check=True, capture_output=True
    )
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    options = [f"--port={port}", "--bind-address=127.0.0.1", f"--socket={folder}/s", f"--init-file={init}"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([*common, *user, *options], env=environment, stdout=log, stderr=log)
    try:
        owner = _signed_in(process, port, folder / "log")
        with owner.cursor() as cursor:
            cursor.execute("SET SESSION sql_mode = CONCAT(@@sql_mode, ',ANSI_QUOTES')")
        place = MirrorPlace(MYSQL, f"127.0.0.1:{port}", "mirror", READER, PASSWORD, tls_mode="off", read_seconds=5)
        yield Mirror(place, owner)
        owner.close()
    finally:
        process.terminate()
        process.wait(timeout=30)
        shutil.rmtree(folder, ignore_errors=True)


def _signed_in(process: subprocess.Popen[bytes], port: int, log: Path) -> Any:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            return pymysql.connect(
                host="127.0.0.1", port=port, user="owner", password=PASSWORD, database="mirror", autocommit=True,
                ssl_disabled=True,
            )  # fmt: skip
        except pymysql.MySQLError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"MariaDB did not start: {log.read_text()[-2000:]}") from None
            time.sleep(0.1)
