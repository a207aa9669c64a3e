"""The SQL mirror of an MT5 server: mt5_deals with its yearly tables, users, accounts, positions, symbols, groups.

A window is asked for by the deals' own time, and, when it ends in the present, also by the time of writing
(`Timestamp`, a FILETIME in UTC): a deal of last month that a manager edits now comes with the next round, so the
walker's cursor is the watermark of both. Deletions are silent in a mirror; the walker finds them by asking for its
tickets."""

import re
from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any

from mt4bridge.errors import MirrorIncomplete
from mt4bridge.mirror.database import MirrorDatabase
from mt4bridge.mirror.reading import MirrorReader, Period, Row, chunks, marks
from mt4bridge.mirror.values import e8, filetime, rounded, text, wall_ms, wall_of, whole
from mt4bridge.types import AccountState, BadRow, DealRow, GroupRow, PositionRow, SymbolRow, UserRow
from mt4bridge.webapi.normalise import DealNormaliser

DEALS_TABLE = re.compile(r"mt5_deals(_\d{4})?")
_MONEY = ("Profit", "Storage", "Commission", "Fee")
_PRICES = ("Price", "MarketBid", "MarketAsk")
_NUMBERS = (
    "Deal", "Login", "Order", "Action", "Entry", "Reason", "Digits", "DigitsCurrency", "PositionID", "VolumeExt",
    "Volume", "VolumeClosedExt", "VolumeClosed",
)  # fmt: skip
_COLUMNS = (*_NUMBERS, *_MONEY, *_PRICES, "ContractSize", "Time", "TimeMsc", "Symbol", "Comment")
_NEEDED = ("Deal", "Login", "Action", "Entry", "Time", "Price", "Profit")


class Mt5Mirror(MirrorReader):
    """An MT5 server by its mirror."""

    users_table, login_column, group_column = "mt5_users", "Login", "Group"

    def __init__(self, database: MirrorDatabase, **options: Any) -> None:
        super().__init__(database, **options)
        self._normaliser = DealNormaliser(self._clock)

    def groups(self) -> list[GroupRow]:
        rows = self._select("mt5_groups", ("Group", "Currency", "CurrencyDigits"), ("Group", "Currency"))
        return self._made("mt5_groups", rows, _group)

    def symbols(self) -> list[SymbolRow]:
        wanted = ("Symbol", "Path", "ContractSize", "Digits", "CurrencyBase", "CurrencyProfit")
        rows = self._select("mt5_symbols", wanted, ("Symbol", "ContractSize", "Digits", "CurrencyProfit"))
        return self._made("mt5_symbols", rows, _symbol)

    def users(self, group_mask: str = "*") -> list[UserRow]:
        wanted = ("Login", "Group", "Name", "FirstName", "MiddleName", "LastName", "Email", "Country", "Leverage",
                  "Agent", "Balance", "Credit", "Registration", "ID", "Comment")  # fmt: skip
        rows = self._made("mt5_users", self._select("mt5_users", wanted, ("Login", "Group")), self._user)
        return self._named_ours(rows, group_mask)

    def user(self, login: int) -> UserRow | None:
        return next((row for row in self.users() if row.login == login), None)

    def users_by_token(self, token: str, group_mask: str = "*") -> list[UserRow]:
        return [row for row in self.users(group_mask) if row.token == token]

    def deals(self, *, since: datetime, until: datetime) -> Iterator[list[DealRow | BadRow]]:
        """Yield every deal of [since, until), and deals that were written in it whatever their time."""
        start, end = (wall_of(seconds * 1000) for seconds in self._clock.wall_window(since, until))
        for table in self._deal_tables():
            if self._may_hold(table, start.year, end.year):
                for rows in self._paged(table, Period("Time", "Deal", start, end, _COLUMNS, _NEEDED)):
                    yield self._within(rows, since, until)
        if self._is_live(until):
            for table in self._deal_tables():
                if self._column(table, "Timestamp"):
                    written = Period("Timestamp", "Deal", filetime(since), None, (*_COLUMNS, "Timestamp"), _NEEDED)
                    for rows in self._paged(table, written):
                        yield self._in_history(self._deal_rows(rows))

    def deals_of_login(self, *, login: int, since: datetime, until: datetime) -> list[DealRow | BadRow]:
        start, end = (wall_of(seconds * 1000) for seconds in self._clock.wall_window(since, until))
        found: dict[int, Row] = {}
        for table in self._deal_tables():
            names = (self._column(table, "Login"), self._column(table, "Time"))
            where = f"{names[0]} = %s AND {names[1]} >= %s AND {names[1]} <= %s"
            for row in self._select(table, _COLUMNS, _NEEDED, where, (login, start, end), ("Time", "Deal")):
                found[row["Deal"]] = row
        return self._within(list(found.values()), since, until)

    def balance_deals(self, *, login: int, since: datetime, until: datetime) -> list[DealRow | BadRow]:
        rows = self.deals_of_login(login=login, since=since, until=until)
        return [row for row in rows if isinstance(row, BadRow) or row.action > 1]

    def deals_by_ticket(self, tickets: Collection[int]) -> list[DealRow | BadRow]:
        found: dict[int, Row] = {}
        for table in self._deal_tables():
            column = self._column(table, "Deal")
            for numbers in chunks(tickets):
                for row in self._select(table, _COLUMNS, _NEEDED, f"{column} IN ({marks(numbers)})", numbers):
                    found[row["Deal"]] = row
        return self._in_history(self._deal_rows(list(found.values())))

    def deal_count(self, login: int, since: datetime, until: datetime) -> int:
        return len(self.deals_of_login(login=login, since=since, until=until))

    def account_states(self, logins: Collection[int]) -> list[AccountState]:
        wanted = ("Login", "CurrencyDigits", "Balance", "Credit", "Equity", "Margin", "MarginFree", "Floating")
        return [
            row
            for numbers in chunks(logins)
            for row in self._made("mt5_accounts", self._by_login("mt5_accounts", wanted, numbers), _state)
        ]

    def positions(self, logins: Collection[int]) -> list[PositionRow]:
        wanted = (
            "Position", "Login", "Symbol", "Action", "Digits", "DigitsCurrency", "VolumeExt", "Volume", "PriceOpen",
            "PriceCurrent", "Profit", "Storage", "TimeCreate", "TimeCreateMsc",
        )  # fmt: skip
        return [
            row
            for numbers in chunks(logins)
            for row in self._made("mt5_positions", self._by_login("mt5_positions", wanted, numbers), self._position)
        ]

    def _by_login(self, table: str, wanted: tuple[str, ...], numbers: list[int]) -> list[Row]:
        column = self._column(table, "Login") or self._database.quoted("Login")
        return self._select(table, wanted, ("Login",), f"{column} IN ({marks(numbers)})", numbers)

    def _deal_tables(self) -> list[str]:
        tables = self._database.tables(DEALS_TABLE)
        if not tables:
            raise MirrorIncomplete(missing="mt5_deals")
        return tables

    @staticmethod
    def _may_hold(table: str, first_year: int, last_year: int) -> bool:
        """Whether a table can hold deals of these years; the one without a year always can."""
        year = table.rpartition("_")[2]
        return not year.isdigit() or first_year <= int(year) <= last_year

    def _within(self, rows: list[Row], since: datetime, until: datetime) -> list[DealRow | BadRow]:
        found = self._in_history(self._deal_rows(rows))
        return [row for row in found if isinstance(row, BadRow) or since <= row.deal_at < until]

    def _deal_rows(self, rows: list[Row]) -> list[DealRow | BadRow]:
        """Give rows to the one normaliser of MT5 deals, as the Web API would write them."""
        return self._normaliser.rows([_as_texts(row) for row in rows])

    def _user(self, row: Row) -> UserRow:
        names = " ".join(text(row.get(part)) for part in ("FirstName", "MiddleName", "LastName")).split()
        return UserRow(
            login=whole(row["Login"]),
            group=text(row["Group"]),
            name=" ".join(names) or text(row.get("Name")),
            email=text(row.get("Email")),
            country=text(row.get("Country")),
            leverage=whole(row.get("Leverage") or 0),
            agent=whole(row.get("Agent") or 0),
            balance=rounded(row.get("Balance") or 0, 8).normalize() + 0,
            credit=rounded(row.get("Credit") or 0, 8).normalize() + 0,
            registered_at=self._clock.to_utc_ms(wall_ms(row.get("Registration"))),
            comment=text(row.get("Comment")),
            token=text(row.get("ID")),
        )

    def _position(self, row: Row) -> PositionRow:
        digits, currency_digits = whole(row.get("Digits") or 5), whole(row.get("DigitsCurrency") or 2)
        created = wall_ms(row.get("TimeCreateMsc")) if isinstance(row.get("TimeCreateMsc"), datetime) else 0
        return PositionRow(
            position=whole(row["Position"]),
            login=whole(row["Login"]),
            symbol=text(row["Symbol"]),
            action=whole(row["Action"]),
            volume_e8=whole(row.get("VolumeExt") or 0) or whole(row["Volume"]) * 10_000,
            price_open_e8=e8(row["PriceOpen"], digits),
            price_current_e8=e8(row.get("PriceCurrent") or row["PriceOpen"], digits),
            profit=rounded(row["Profit"], currency_digits),
            swap=rounded(row.get("Storage") or 0, currency_digits),
            opened_at=self._clock.to_utc_ms(created or wall_ms(row.get("TimeCreate"))),
        )


def _group(row: Row) -> GroupRow:
    digits = row.get("CurrencyDigits")
    return GroupRow(text(row["Group"]), text(row["Currency"]), whole(2 if digits is None else digits))


def _symbol(row: Row) -> SymbolRow:
    return SymbolRow(
        name=text(row["Symbol"]),
        path=text(row.get("Path")),
        contract_size_e8=e8(row["ContractSize"], 8),
        digits=whole(row["Digits"]),
        currency_base=text(row.get("CurrencyBase")),
        currency_profit=text(row["CurrencyProfit"]),
    )


def _state(row: Row) -> AccountState:
    digits = whole(row.get("CurrencyDigits") or 0) if row.get("CurrencyDigits") is not None else 2
    balance, credit = rounded(row["Balance"], digits), rounded(row.get("Credit") or 0, digits)
    floating = row.get("Floating")
    equity = rounded(row["Equity"], digits)
    return AccountState(
        login=whole(row["Login"]),
        balance=balance,
        credit=credit,
        equity=equity,
        margin=rounded(row.get("Margin") or 0, digits),
        margin_free=rounded(row.get("MarginFree") or 0, digits),
        floating=equity - balance - credit if floating is None else rounded(floating, digits),
        currency_digits=digits,
    )


def _as_texts(row: Row) -> dict[str, str] | Row:
    """Return a row as texts, doubles rounded to the digits that the row itself names; as it came when it is broken."""
    try:
        digits, money_digits = min(whole(row.get("Digits") or 0), 8), min(whole(row.get("DigitsCurrency") or 2), 8)
        if row.get("DigitsCurrency") is not None:
            money_digits = min(whole(row["DigitsCurrency"]), 8)
        texts = {name: str(whole(row[name])) for name in _NUMBERS if row.get(name) is not None}
        texts |= {name: f"{rounded(row[name], money_digits):f}" for name in _MONEY if row.get(name) is not None}
        texts |= {name: f"{rounded(row[name], digits or 8):f}" for name in _PRICES if row.get(name) is not None}
        if row.get("ContractSize") is not None:
            texts["ContractSize"] = f"{rounded(row['ContractSize'], 8):f}"
        milliseconds = wall_ms(row["TimeMsc"]) if isinstance(row.get("TimeMsc"), datetime) else 0
        texts["TimeMsc"] = str(milliseconds or wall_ms(row["Time"]))
        return texts | {name: text(row.get(name)) for name in ("Symbol", "Comment")}
    except (ValueError, TypeError, KeyError, ArithmeticError, OverflowError):
        return {name: str(value) for name, value in row.items()}
