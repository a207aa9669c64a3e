"""One read-only connection to the database of a mirror: MySQL, MariaDB or PostgreSQL, by the same few calls.

The session is read-only whatever the account may do, and every statement has a time-out on both sides of the wire. A
lost connection is opened again and the statement sent once more: all of them read. What a driver says becomes a named
error; its text is shown only where it cannot hold what a table holds."""

import contextlib
import re
import ssl
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg2
import pymysql
from pymysql.constants import ER

from mt4bridge.errors import (
    BridgeError,
    MalformedAnswer,
    MirrorIncomplete,
    MirrorRefused,
    ServerUnreachable,
    SessionLost,
    TooSlow,
    UntrustedCertificate,
)

CONNECT_SECONDS = 5
READ_SECONDS = 30
MYSQL, POSTGRESQL = "mysql", "postgresql"
_MYSQL_REFUSED = frozenset((
    ER.ACCESS_DENIED_ERROR, ER.DBACCESS_DENIED_ERROR, ER.TABLEACCESS_DENIED_ERROR, ER.COLUMNACCESS_DENIED_ERROR,
    ER.HOST_NOT_PRIVILEGED, ER.HOST_IS_BLOCKED,
))  # fmt: skip
_MYSQL_MISSING = frozenset((ER.BAD_DB_ERROR, ER.NO_SUCH_TABLE, ER.BAD_FIELD_ERROR))
_MYSQL_SLOW = frozenset((1969, 3024, ER.QUERY_INTERRUPTED))  # MariaDB's and MySQL's time-out of a statement
_PG_REFUSED = ("28", "42501")
_PG_MISSING = ("3D000", "3F000", "42P01", "42703")
_PG_SLOW = ("57014",)
_SECRET = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class MirrorPlace:
    """Where a mirror is and how it is read. `schema` is PostgreSQL's; MySQL calls its databases so."""

    engine: str  # mysql | postgresql
    address: str  # host:port
    database: str
    user: str
    password: str = field(repr=False)
    schema: str = ""
    tls_mode: str = "ca"  # ca | off
    tls_ca: str = ""  # PEM; "" the system's authorities
    read_seconds: int = READ_SECONDS

    @property
    def host(self) -> str:
        return self.address.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])


class MirrorDatabase:
    """A connection, opened when first used. Statements are serial."""

    def __init__(self, place: MirrorPlace) -> None:
        self.place = place
        self._connection: Any = None
        self._columns: dict[str, dict[str, str]] | None = None

    def __repr__(self) -> str:
        return f"MirrorDatabase({self.place.engine}, {self.place.address}, {self.place.database})"

    def open(self) -> None:
        """Connect when there is no connection.

        :raises ServerUnreachable, UntrustedCertificate, MirrorRefused, MirrorIncomplete: in words, as they say."""
        if self._connection is None:
            with self._named("sign-in", connecting=True):
                self._connection = self._mysql() if self.place.engine == MYSQL else self._postgresql()

    def close(self) -> None:
        """End the connection. Never raises."""
        connection, self._connection, self._columns = self._connection, None, None
        if connection is not None:
            with contextlib.suppress(Exception):
                connection.close()

    def forget(self) -> None:
        """Leave the connection to the process that opened it (after a fork)."""
        self._connection = None

    def rows(self, what: str, sql: str, values: Sequence[object] = ()) -> list[dict[str, Any]]:
        """Return all rows of a statement as dictionaries by the names that it gives its columns.

        `what` names it in errors. A lost connection is opened again once.

        :raises BridgeError: as `open`, and SessionLost, TooSlow, MalformedAnswer."""
        try:
            return self._rows(what, sql, values)
        except SessionLost:
            return self._rows(what, sql, values)

    def columns(self, table: str) -> dict[str, str]:
        """Return a table's columns, {lower-case name: quoted real name}; {} when there is no such table."""
        if self._columns is None:
            self._columns = self._read_columns()
        return self._columns.get(table.lower(), {})

    def tables(self, pattern: re.Pattern[str]) -> list[str]:
        """Return the names of the tables that fit, in order."""
        self.columns("")
        return sorted(name for name in self._columns or {} if pattern.fullmatch(name))

    def table(self, name: str) -> str:
        """Return a table's name as a statement names it.

        :raises MirrorIncomplete: there is none."""
        real = self.columns(name)
        if not real:
            raise MirrorIncomplete(missing=name)
        return real[""]

    def quoted(self, name: str) -> str:
        mark = "`" if self.place.engine == MYSQL else '"'
        return f"{mark}{name.replace(mark, mark * 2)}{mark}"

    def _rows(self, what: str, sql: str, values: Sequence[object]) -> list[dict[str, Any]]:
        self.open()
        with self._named(what), self._connection.cursor() as cursor:
            cursor.execute(sql, tuple(values))
            names = [item[0] for item in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def _read_columns(self) -> dict[str, dict[str, str]]:
        """Read all names once: real mirrors differ in their builds' columns, and in the case of letters."""
        place = self.place
        schema = place.database if place.engine == MYSQL else place.schema or "public"
        found = self.rows(
            "the list of its tables",
            "SELECT table_name AS t, column_name AS c FROM information_schema.columns WHERE table_schema = %s",
            (schema,),
        )
        columns: dict[str, dict[str, str]] = {}
        for row in found:
            table = columns.setdefault(row["t"].lower(), {"": f"{self.quoted(schema)}.{self.quoted(row['t'])}"})
            table[row["c"].lower()] = self.quoted(row["c"])
        return columns

    def _mysql(self) -> Any:
        place = self.place
        tls = None if place.tls_mode == "off" else ssl.create_default_context(cadata=place.tls_ca or None)
        connection = pymysql.connect(
            host=place.host, port=place.port, user=place.user, password=place.password, database=place.database,
            connect_timeout=CONNECT_SECONDS, read_timeout=place.read_seconds + 5, write_timeout=place.read_seconds,
            charset="utf8mb4", autocommit=True, ssl=tls, ssl_disabled=tls is None, local_infile=False,
        )  # fmt: skip
        with connection.cursor() as cursor:
            cursor.execute("SET SESSION TRANSACTION READ ONLY")
            cursor.execute("SET SESSION time_zone = '+00:00'")
            if "mariadb" in connection.get_server_info().lower():
                cursor.execute("SET SESSION max_statement_time = %s", (place.read_seconds,))
            else:
                cursor.execute("SET SESSION max_execution_time = %s", (place.read_seconds * 1000,))
        return connection

    def _postgresql(self) -> Any:
        place = self.place
        with self._ca_file() as ca_file:
            tls = (
                {"sslmode": "disable"}
                if place.tls_mode == "off"
                else {"sslmode": "verify-full", "sslrootcert": ca_file}
            )
            connection = psycopg2.connect(
                host=place.host, port=place.port, dbname=place.database, user=place.user, password=place.password,
                connect_timeout=CONNECT_SECONDS, application_name="keel", client_encoding="UTF8",
                tcp_user_timeout=(place.read_seconds + 5) * 1000, keepalives_idle=20, **tls,
                options=f"-c default_transaction_read_only=on -c statement_timeout={place.read_seconds * 1000} "
                "-c TimeZone=UTC",
            )  # fmt: skip
        connection.autocommit = True
        return connection

    @contextlib.contextmanager
    def _ca_file(self) -> Iterator[str]:
        """Yield a file with the authorities: libpq takes no text."""
        if not self.place.tls_ca:
            yield "system"
            return
        with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
            file.write(self.place.tls_ca)
            file.flush()
            yield file.name

    @contextlib.contextmanager
    def _named(self, what: str, *, connecting: bool = False) -> Iterator[None]:
        """Turn what a driver raises into a named error; a connection that failed is not used again."""
        try:
            yield
        except BridgeError:
            raise
        except (pymysql.MySQLError, psycopg2.Error, OSError, ValueError) as error:
            named = self._error(what, error, connecting=connecting)
            if connecting or isinstance(named, SessionLost | TooSlow):
                self.close()
            raise named from None

    def _error(self, what: str, error: Exception, *, connecting: bool) -> BridgeError:
        place, text = self.place, _SECRET.sub(" ", str(error).replace(self.place.password or "\0", "***"))[:200]
        code = _code(error)
        if "certificate verify failed" in text or (connecting and "ssl" in text.lower()):
            return UntrustedCertificate(address=place.address, detail=text)
        if _is(code, _MYSQL_REFUSED, _PG_REFUSED) or "authentication failed" in text or "pg_hba.conf" in text:
            return MirrorRefused(address=place.address, user=place.user, detail=text)
        if _is(code, _MYSQL_MISSING, _PG_MISSING) or re.search(r'database ".*" does not exist', text):
            return MirrorIncomplete(missing=f"{what} ({text})")
        if _is(code, _MYSQL_SLOW, _PG_SLOW) or ("timed out" in text and not connecting):
            return TooSlow(path=what, seconds=place.read_seconds)
        if connecting:
            return ServerUnreachable(address=place.address, detail=text)
        if isinstance(error, pymysql.OperationalError | pymysql.InterfaceError | psycopg2.OperationalError):
            return SessionLost(path=what)
        if isinstance(error, psycopg2.InterfaceError | OSError):
            return SessionLost(path=what)
        return MalformedAnswer(path=what, detail=type(error).__name__)


def _code(error: Exception) -> int | str:
    """Return MySQL's error number or PostgreSQL's SQLSTATE; "" when there is none."""
    if isinstance(error, psycopg2.Error):
        return error.pgcode or ""
    return error.args[0] if error.args and isinstance(error.args[0], int) else ""


def _is(code: int | str, numbers: frozenset[int], states: tuple[str, ...]) -> bool:
    return code in numbers if isinstance(code, int) else bool(code) and code.startswith(states)
