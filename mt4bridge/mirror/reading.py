"""What both mirrors share: selecting known columns, pages by key, groups that are this broker's, read-only answers."""

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from mt4bridge.clock import ServerClock
from mt4bridge.errors import MalformedAnswer, MirrorIncomplete
from mt4bridge.masks import fits
from mt4bridge.mirror.database import MYSQL, MirrorDatabase
from mt4bridge.mirror.values import text, whole
from mt4bridge.read_only import ReadOnly
from mt4bridge.types import BadRow, Capability, DealRow, UserRow

LIST_LENGTH = 4_000  # rows in one list of deals
NUMBERS_PER_STATEMENT = 500
LOGINS_FRESH_S = 30.0
LIVE = timedelta(days=1)  # windows that end within it are asked for by time of writing too
BROKEN = (ValueError, KeyError, TypeError, ArithmeticError, OverflowError, AttributeError)
Row = dict[str, Any]
Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class Period:
    """Rows of a table whose column `time` is from `start` to `end`, both included; `end` None: no end."""

    time: str
    key: str
    start: object
    end: object | None
    wanted: Sequence[str]
    needed: Collection[str]


class MirrorReader(ReadOnly):
    """A mirror as far as MT4 and MT5 agree. `history_from`: a deal before it is not given, however late its edit."""

    kind_name = "SQL mirror"
    can = frozenset(
        (Capability.DEALS, Capability.USERS, Capability.CONFIGURATION, Capability.STATES, Capability.POSITIONS)
    )
    users_table, login_column, group_column = "", "", ""

    def __init__(
        self, database: MirrorDatabase, *, clock: ServerClock, history_from: datetime, group_mask: str = "*"
    ) -> None:
        self._database = database
        self._clock = clock
        self._history_from = history_from
        self._group_mask = group_mask
        self._logins: frozenset[int] | None = None
        self._logins_at = 0.0

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._database!r})"

    def connect(self) -> None:
        self._database.open()

    def close(self) -> None:
        self._database.close()

    def drop(self) -> None:
        """Forget the connection without a word (after a fork)."""
        self._database.forget()

    def ping(self) -> None:
        self._database.rows("a check", "SELECT 1 AS one")

    def server_time(self) -> datetime:
        """Return the database's clock: a mirror holds nothing that is newer. It keeps no wall clock to check."""
        sql = (
            "SELECT UNIX_TIMESTAMP() AS now"
            if self._database.place.engine == MYSQL
            else "SELECT floor(extract(epoch FROM clock_timestamp()))::bigint AS now"
        )
        return datetime.fromtimestamp(int(self._database.rows("its clock", sql)[0]["now"]), UTC)

    def _select(
        self,
        table: str,
        wanted: Sequence[str],
        needed: Collection[str],
        where: str = "",
        values: Sequence[object] = (),
        order: Sequence[str] = (),
        limit: int = 0,
    ) -> list[Row]:
        """Return rows with the wanted columns by our spelling; a column that the build lacks is left out.

        :raises MirrorIncomplete: the table, or a column that is needed, is not there."""
        real, columns = self._database.table(table), self._database.columns(table)
        missing = [name for name in needed if name.lower() not in columns]
        if missing:
            raise MirrorIncomplete(missing=f"{table}.{missing[0]}")
        shown = ", ".join(
            f"{columns[name.lower()]} AS {self._database.quoted(name)}" for name in wanted if name.lower() in columns
        )
        sql = f"SELECT {shown} FROM {real}"  # noqa: S608 -- names come from the catalogue and are quoted
        sql += f" WHERE {where}" if where else ""
        sql += f" ORDER BY {', '.join(columns[name.lower()] for name in order)}" if order else ""
        sql += f" LIMIT {limit}" if limit else ""
        return self._database.rows(table, sql, values)

    def _paged(self, table: str, period: Period) -> Iterator[list[Row]]:
        """Yield the rows of a period by (time, key), a bounded number at a time.

        The last row's place is where the next page starts, so rows that come or go between do not shift it."""
        at, key = self._column(table, period.time), self._column(table, period.key)
        bounds, values = [f"{at} >= %s"], [period.start]
        if period.end is not None:
            bounds.append(f"{at} <= %s")
            values.append(period.end)
        after: list[object] = []
        while True:
            more = [f"({at} > %s OR ({at} = %s AND {key} > %s))"] if after else []
            rows = self._select(
                table,
                period.wanted,
                period.needed,
                " AND ".join([*bounds, *more]),
                [*values, *after],
                (period.time, period.key),
                LIST_LENGTH,
            )
            if rows:
                yield rows
            if len(rows) < LIST_LENGTH:
                return
            last = rows[-1]
            after = [last[period.time], last[period.time], last[period.key]]

    def _column(self, table: str, name: str) -> str:
        """Return a column as a statement names it; "" when the build lacks it."""
        return self._database.columns(table).get(name.lower(), "")

    def _ours(self) -> Callable[[int], bool]:
        """Return whether a login is in this broker's groups. Asked again every half minute."""
        if self._group_mask.strip() in ("", "*"):
            return lambda _login: True
        if self._logins is None or time.monotonic() - self._logins_at > LOGINS_FRESH_S:
            names = (self.login_column, self.group_column)
            rows = self._select(self.users_table, names, names)
            self._logins = frozenset(
                whole(row[self.login_column]) for row in rows if fits(text(row[self.group_column]), self._group_mask)
            )
            self._logins_at = time.monotonic()
        return self._logins.__contains__

    def _named_ours(self, rows: list[UserRow], group_mask: str) -> list[UserRow]:
        """Keep accounts of this broker's groups, and of the mask that is asked for."""
        ours = self._ours()
        return [row for row in rows if ours(row.login) and (group_mask == "*" or fits(row.group, group_mask))]

    def _in_history(self, rows: Iterable[DealRow | BadRow]) -> list[DealRow | BadRow]:
        """Keep deals of this broker's groups from the first moment on that is read."""
        ours = self._ours()
        return [
            row
            for row in rows
            if (row.login is None or ours(row.login)) and (isinstance(row, BadRow) or row.deal_at >= self._history_from)
        ]

    def _is_live(self, until: datetime) -> bool:
        return until >= datetime.now(UTC) - LIVE

    def _made(self, table: str, rows: Iterable[Row], make: Callable[[Row], Made]) -> list[Made]:
        """Build the rows of a list that must be whole.

        :raises MalformedAnswer: one of them has no sense."""
        try:
            return [make(row) for row in rows]
        except KeyError as error:
            raise MalformedAnswer(path=table, detail=f"{error.args[0]} is missing") from None
        except BROKEN as error:
            raise MalformedAnswer(path=table, detail=str(error)[:200]) from None


def chunks(numbers: Iterable[int]) -> Iterator[list[int]]:
    found = sorted(set(numbers))
    for first in range(0, len(found), NUMBERS_PER_STATEMENT):
        yield found[first : first + NUMBERS_PER_STATEMENT]


def marks(values: Sequence[object]) -> str:
    return ", ".join(["%s"] * len(values))
