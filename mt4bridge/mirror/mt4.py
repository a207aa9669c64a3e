"""The SQL mirror of an MT4 server, as report servers write it: mt4_trades and mt4_users.

One row is a ticket's whole life, so a window is asked for by opening time, by closing time, and, when it ends in the
present, by the time of writing (`MODIFY_TIME`). MT4 keeps no table of symbols with contract sizes: staff say them."""

from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from mt4bridge.errors import MalformedAnswer
from mt4bridge.mirror.reading import BROKEN, MirrorReader, Period, Row, chunks, marks
from mt4bridge.mirror.values import e8, rounded, text, wall_ms, wall_of, whole
from mt4bridge.mt4_records import BALANCE, SELL, Mt4Record, UnusableRecord, legs
from mt4bridge.types import AccountState, BadRow, DealRow, GroupRow, PositionRow, SymbolRow, UserRow
from mt4bridge.webapi.normalise import bad_row

TRADES, USERS = "mt4_trades", "mt4_users"
E8_PER_VOLUME = 1_000_000  # VOLUME counts hundredths of a lot
WRITE_OVERLAP = timedelta(minutes=2)  # MODIFY_TIME tells whole seconds, of a clock that is not ours
_COLUMNS = (
    "TICKET", "LOGIN", "SYMBOL", "DIGITS", "CMD", "VOLUME", "OPEN_TIME", "OPEN_PRICE", "CLOSE_TIME", "CLOSE_PRICE",
    "COMMISSION", "TAXES", "SWAPS", "PROFIT", "REASON", "COMMENT", "MODIFY_TIME",
)  # fmt: skip
_NEEDED = (
    "TICKET",
    "LOGIN",
    "SYMBOL",
    "CMD",
    "VOLUME",
    "OPEN_TIME",
    "OPEN_PRICE",
    "CLOSE_TIME",
    "CLOSE_PRICE",
    "PROFIT",
)


class Mt4Mirror(MirrorReader):
    """An MT4 server by its mirror. `currency_digits` says how many decimals a currency has."""

    users_table, login_column, group_column = USERS, "LOGIN", "GROUP"

    def __init__(self, database: Any, *, currency_digits: Callable[[str], int], **options: Any) -> None:
        super().__init__(database, **options)
        self._digits_of = currency_digits
        self._currencies: dict[int, str] = {}

    def groups(self) -> list[GroupRow]:
        names = ("GROUP", "CURRENCY")
        rows = self._made(
            USERS, self._select(USERS, names, names), lambda row: (text(row["GROUP"]), text(row["CURRENCY"]))
        )
        return [GroupRow(name, currency, self._digits_of(currency)) for name, currency in sorted(set(rows))]

    def symbols(self) -> list[SymbolRow]:
        """Return none: the mirror does not say contract sizes and currencies."""
        return []

    def users(self, group_mask: str = "*") -> list[UserRow]:
        wanted = (
            "LOGIN",
            "GROUP",
            "NAME",
            "EMAIL",
            "COUNTRY",
            "LEVERAGE",
            "AGENT_ACCOUNT",
            "BALANCE",
            "CREDIT",
            "REGDATE",
            "ID",
            "COMMENT",
        )
        rows = self._made(USERS, self._select(USERS, wanted, ("LOGIN", "GROUP")), self._user)
        return self._named_ours(rows, group_mask)

    def user(self, login: int) -> UserRow | None:
        return next((row for row in self.users() if row.login == login), None)

    def users_by_token(self, token: str, group_mask: str = "*") -> list[UserRow]:
        return [row for row in self.users(group_mask) if row.token == token]

    def deals(self, *, since: datetime, until: datetime) -> Iterator[list[DealRow | BadRow]]:
        """Yield every deal of [since, until), and deals of tickets that were written in it whatever their time."""
        start, end = (wall_of(seconds * 1000) for seconds in self._clock.wall_window(since, until))
        for name in ("OPEN_TIME", "CLOSE_TIME"):
            for rows in self._paged(TRADES, Period(name, "TICKET", start, end, _COLUMNS, _NEEDED)):
                found = self._in_history(self._deal_rows(rows))
                yield [row for row in found if isinstance(row, BadRow) or since <= row.deal_at < until]
        written = self._column(TRADES, "MODIFY_TIME")
        if written and self._is_live(until):
            moment = (since - WRITE_OVERLAP).astimezone(UTC).replace(tzinfo=None) + self._database_offset()
            for rows in self._paged(TRADES, Period("MODIFY_TIME", "TICKET", moment, None, _COLUMNS, _NEEDED)):
                yield self._in_history(self._deal_rows(rows))

    def deals_of_login(self, *, login: int, since: datetime, until: datetime) -> list[DealRow | BadRow]:
        rows = self._select(TRADES, _COLUMNS, _NEEDED, f"{self._column(TRADES, 'LOGIN')} = %s", (login,), ("TICKET",))
        found = self._in_history(self._deal_rows(rows))
        return [row for row in found if isinstance(row, BadRow) or since <= row.deal_at < until]

    def balance_deals(self, *, login: int, since: datetime, until: datetime) -> list[DealRow | BadRow]:
        rows = self.deals_of_login(login=login, since=since, until=until)
        return [row for row in rows if isinstance(row, BadRow) or row.action > SELL]

    def deals_by_ticket(self, tickets: Collection[int]) -> list[DealRow | BadRow]:
        column = self._column(TRADES, "TICKET")
        found: list[DealRow | BadRow] = []
        for numbers in chunks(tickets):
            rows = self._select(TRADES, _COLUMNS, _NEEDED, f"{column} IN ({marks(numbers)})", numbers)
            found += self._in_history(self._deal_rows(rows))
        return found

    def deal_count(self, login: int, since: datetime, until: datetime) -> int:
        return len(self.deals_of_login(login=login, since=since, until=until))

    def account_states(self, logins: Collection[int]) -> list[AccountState]:
        wanted = ("LOGIN", "CURRENCY", "BALANCE", "CREDIT", "EQUITY", "MARGIN", "MARGIN_FREE")
        column = self._column(USERS, "LOGIN")
        return [
            row
            for numbers in chunks(logins)
            for row in self._made(
                USERS, self._select(USERS, wanted, wanted, f"{column} IN ({marks(numbers)})", numbers), self._state
            )
        ]

    def positions(self, logins: Collection[int]) -> list[PositionRow]:
        names = {name: self._column(TRADES, name) for name in ("LOGIN", "CMD", "CLOSE_TIME")}
        found: list[PositionRow] = []
        for numbers in chunks(logins):
            where = (
                f"{names['LOGIN']} IN ({marks(numbers)}) AND {names['CMD']} IN (0, 1) AND {names['CLOSE_TIME']} < %s"
            )
            rows = self._select(TRADES, _COLUMNS, _NEEDED, where, (*numbers, wall_of(86_400_000)))
            self._know_currencies(row["LOGIN"] for row in rows)
            found += self._made(TRADES, rows, self._position)
        return found

    def _database_offset(self) -> timedelta:
        """Return how far the clock that MODIFY_TIME is written by is ahead of UTC: the newest row tells.

        Report servers write their own wall clock. A row cannot be written in the future, and one was just written when
        the server lives; so whole quarters of an hour beyond now are the zone. A mirror that rests gives zero, and
        the nightly reading finds its late edits."""
        column = self._column(TRADES, "MODIFY_TIME")
        rows = self._database.rows(TRADES, f"SELECT max({column}) AS newest FROM {self._database.table(TRADES)}")  # noqa: S608 -- names of the catalogue
        newest = rows[0]["newest"]
        if not isinstance(newest, datetime):
            return timedelta(0)
        ahead = newest.replace(tzinfo=UTC) - self.server_time()
        quarter = timedelta(minutes=15)
        return quarter * round(ahead / quarter) if timedelta(hours=-14) < ahead < timedelta(hours=15) else timedelta(0)

    def _know_currencies(self, logins: Any) -> None:
        missing = {int(login) for login in logins if login is not None} - self._currencies.keys()
        column = self._column(USERS, "LOGIN")
        for numbers in chunks(missing) if column and self._column(USERS, "CURRENCY") else ():
            rows = self._select(
                USERS, ("LOGIN", "CURRENCY"), ("LOGIN", "CURRENCY"), f"{column} IN ({marks(numbers)})", numbers
            )
            self._currencies.update({whole(row["LOGIN"]): text(row["CURRENCY"]) for row in rows})

    def _deal_rows(self, rows: list[Row]) -> list[DealRow | BadRow]:
        self._know_currencies(row["LOGIN"] for row in rows)
        found: list[DealRow | BadRow] = []
        for row in rows:
            try:
                found += legs(self._record(row), self._clock)
            except UnusableRecord as error:
                found.append(_bad(row, str(error)))
            except BROKEN as error:
                found.append(_bad(row, str(error)[:200]))
        return found

    def _record(self, row: Row) -> Mt4Record:
        digits, login, cmd = whole(row.get("DIGITS") or 0), whole(row["LOGIN"]), whole(row["CMD"])
        money = self._digits_of(self._currencies.get(login, ""))

        def amount(name: str) -> int:
            return e8(row.get(name) or 0, money)

        return Mt4Record(
            ticket=whole(row["TICKET"]),
            login=login,
            cmd=cmd,
            symbol="" if cmd >= BALANCE else text(row["SYMBOL"]),
            digits=digits,
            lots_e8=0 if cmd >= BALANCE else whole(row["VOLUME"]) * E8_PER_VOLUME,
            open_ms=wall_ms(row["OPEN_TIME"]),
            open_price_e8=e8(row["OPEN_PRICE"], digits or 8),
            close_ms=wall_ms(row["CLOSE_TIME"]),
            close_price_e8=e8(row["CLOSE_PRICE"], digits or 8),
            commission_e8=amount("COMMISSION"),
            taxes_e8=amount("TAXES"),
            swap_e8=amount("SWAPS"),
            profit_e8=amount("PROFIT"),
            reason=whole(row.get("REASON") or 0),
            comment=text(row.get("COMMENT")),
            currency_digits=money,
        )

    def _user(self, row: Row) -> UserRow:
        return UserRow(
            login=whole(row["LOGIN"]),
            group=text(row["GROUP"]),
            name=text(row.get("NAME")),
            email=text(row.get("EMAIL")),
            country=text(row.get("COUNTRY")),
            leverage=whole(row.get("LEVERAGE") or 0),
            agent=whole(row.get("AGENT_ACCOUNT") or 0),
            balance=rounded(row.get("BALANCE") or 0, 8).normalize() + 0,
            credit=rounded(row.get("CREDIT") or 0, 8).normalize() + 0,
            registered_at=self._clock.to_utc_ms(wall_ms(row.get("REGDATE"))),
            comment=text(row.get("COMMENT")),
            token=text(row.get("ID")),
        )

    def _state(self, row: Row) -> AccountState:
        digits = self._digits_of(text(row["CURRENCY"]))
        balance, credit, equity = (rounded(row[name] or 0, digits) for name in ("BALANCE", "CREDIT", "EQUITY"))
        return AccountState(
            login=whole(row["LOGIN"]),
            balance=balance,
            credit=credit,
            equity=equity,
            margin=rounded(row["MARGIN"] or 0, digits),
            margin_free=rounded(row["MARGIN_FREE"] or 0, digits),
            floating=equity - balance - credit,
            currency_digits=digits,
        )

    def _position(self, row: Row) -> PositionRow:
        record = self._record(row)
        if record.close_ms:
            raise MalformedAnswer(path=TRADES, detail="an open ticket has a closing time")
        money = record.currency_digits
        return PositionRow(
            position=record.ticket,
            login=record.login,
            symbol=record.symbol,
            action=record.cmd,
            volume_e8=record.lots_e8,
            price_open_e8=record.open_price_e8,
            price_current_e8=record.close_price_e8,
            profit=rounded(row["PROFIT"] or 0, money),
            swap=rounded(row.get("SWAPS") or 0, money),
            opened_at=self._clock.to_utc_ms(record.open_ms),
        )


def _bad(row: Row, reason: str) -> BadRow:
    raw = {name: str(value) for name, value in row.items()}
    return bad_row({**raw, "Deal": raw.get("TICKET"), "Login": raw.get("LOGIN")}, reason)
