"""The MT5 Web API as a `TradingServer`. Paths and parameters as MetaQuotes documents them."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from mt4bridge.clock import ServerClock
from mt4bridge.columns import DealColumns
from mt4bridge.errors import AnswerTooLarge, BridgeError, HistoryMoved, NotFound, OutcomeUnknown, WeakPassword
from mt4bridge.types import (
    AccountState,
    BadRow,
    BalanceReceipt,
    Capability,
    DealRow,
    GroupRow,
    MarginCheck,
    NewUser,
    OrderRow,
    PasswordKind,
    PositionRow,
    SymbolRow,
    TickRow,
    UserChanges,
    UserRow,
)
from mt4bridge.webapi import accounts, records, wire
from mt4bridge.webapi.connection import Endpoint
from mt4bridge.webapi.deal_pages import DealPages
from mt4bridge.webapi.normalise import EXT_PER_VOLUME, DealNormaliser
from mt4bridge.webapi.session import PING, Session
from mt4bridge.webapi.slices import SliceLength

LIST_LENGTH = 4_000  # rows in one list of deals
PAGE_LENGTH = 1_000  # rows in one page of one login
NUMBERS_PER_REQUEST = 200
PAGE_TRIES = 3
TOKEN_LENGTH = 26
BALANCE_KINDS = frozenset((2, 3, 4, 5, 6))


class WebApiServer:
    """One MT5 server, reached by its Web API. `group_mask` bounds what this installation may see ("real*,!*test*")."""

    def __init__(
        self, endpoint: Endpoint, *, login: int, password: str, clock: ServerClock, group_mask: str = "*"
    ) -> None:
        self._session = Session(endpoint, login=login, password=password)
        self._clock = clock
        self._group_mask = group_mask
        self._deals = DealNormaliser(clock)
        self._pages_of_deals = DealPages(clock)

    def __repr__(self) -> str:
        return f"WebApiServer({self._session!r})"

    @property
    def capabilities(self) -> frozenset[Capability]:
        return frozenset(Capability)

    def connect(self) -> None:
        self._session.connect()

    def close(self) -> None:
        self._session.close()

    def drop(self) -> None:
        """Forget the connection without telling the server (after a fork)."""
        self._session.drop()

    def ping(self) -> None:
        self._session.read(PING)

    def server_time(self) -> datetime:
        path = "/api/time/server"
        answer = wire.object_of(path, self._session.read(path))
        text = wire.member(path, answer, "Time")
        seconds = text.partition(" ")[0] if isinstance(text, str) else text
        return self._clock.to_utc(wire.whole(path, "Time", seconds))

    def groups(self) -> list[GroupRow]:
        return [records.convert("/api/group/next", raw, records.group_row) for raw in self._listed("/api/group")]

    def symbols(self) -> list[SymbolRow]:
        return [records.convert("/api/symbol/next", raw, records.symbol_row) for raw in self._listed("/api/symbol")]

    def users(self, group_mask: str = "*") -> list[UserRow]:
        path = "/api/user/get_batch"
        mask = self._group_mask if group_mask == "*" else group_mask
        rows = self._rows(path, group=mask)
        return [self._user_row(path, raw) for raw in rows]

    def user(self, login: int) -> UserRow | None:
        path = "/api/user/get"
        try:
            return self._user_row(path, wire.object_of(path, self._session.read(path, login=login)))
        except NotFound:
            return None

    def users_by_token(self, token: str, group_mask: str = "*") -> list[UserRow]:
        return [row for row in self.users(group_mask) if row.token == token]

    def deals(self, *, since: datetime, until: datetime) -> Iterator[Sequence[DealRow | BadRow]]:
        """Yield every deal of [since, until) in slices of time that adapt to how busy the server is."""
        slice_length = SliceLength()
        start = since
        while start < until:
            end = min(start + slice_length.length, until)
            try:
                rows = self._batch(start, end)
            except AnswerTooLarge:
                if not slice_length.halve():
                    raise
                continue
            slice_length.learn(len(rows))
            start = end
            for first in range(0, len(rows), LIST_LENGTH):
                yield rows[first : first + LIST_LENGTH]

    def deals_of_login(self, *, login: int, since: datetime, until: datetime) -> list[DealRow | BadRow]:
        """Page through one account. Offsets shift when the history changes meanwhile, so the count is taken before
        and after, over the same fixed period, and the pages are read again when it moved.

        :raises HistoryMoved: it moved each time."""
        start, end = self._clock.wall_window(since, until)
        for _ in range(PAGE_TRIES):
            before = self._total(login, start, end)
            raw_rows = self._pages(login, start, end, before)
            if len(raw_rows) == before == self._total(login, start, end):
                rows = _once(self._deals.rows(raw_rows))
                if len(rows) == before:
                    return _within(rows, since, until)
        raise HistoryMoved(login=login)

    def deals_by_ticket(self, tickets: Collection[int]) -> list[DealRow | BadRow]:
        path = "/api/deal/get_batch"
        raw_rows = [raw for chunk in _chunks(sorted(set(tickets))) for raw in self._rows(path, ticket=chunk)]
        return _once(self._deals.rows(raw_rows))

    def balance_deals(self, *, login: int, since: datetime, until: datetime) -> list[DealRow | BadRow]:
        rows = self.deals_of_login(login=login, since=since, until=until)
        return [row for row in rows if isinstance(row, BadRow) or row.action in BALANCE_KINDS]

    def deal_count(self, login: int, since: datetime, until: datetime) -> int:
        """Return the server's count. Bounds are whole server seconds, so give whole seconds to compare counts."""
        start, end = self._clock.from_utc(since), self._clock.from_utc(until) - 1
        return self._total(login, start, end) if end >= start else 0

    def account_states(self, logins: Collection[int]) -> list[AccountState]:
        path = "/api/user/account/get_batch"
        return [
            records.convert(path, raw, records.account_state)
            for chunk in _chunks(sorted(logins))
            for raw in self._rows(path, login=chunk)
        ]

    def positions(self, logins: Collection[int]) -> list[PositionRow]:
        path = "/api/position/get_batch"
        return [
            records.convert(path, raw, lambda row: records.position_row(row, self._clock))
            for chunk in _chunks(sorted(logins))
            for raw in self._rows(path, login=chunk)
        ]

    def orders(self, logins: Collection[int]) -> list[OrderRow]:
        path = "/api/order/get_batch"
        return [
            records.convert(path, raw, lambda row: records.order_row(row, self._clock))
            for chunk in _chunks(sorted(logins))
            for raw in self._rows(path, login=chunk)
        ]

    def ticks(self, symbols: Collection[str]) -> list[TickRow]:
        path = "/api/tick/last"
        return [
            records.convert(path, raw, lambda row: records.tick_row(row, self._clock))
            for chunk in _chunks(sorted(set(symbols)))
            for raw in self._rows(path, symbol=chunk)
        ]

    def margin_check(self, *, login: int, symbol: str, action: int, volume_e8: int, price_e8: int) -> MarginCheck:
        path = "/api/trade/check_margin"
        volume = volume_e8 // EXT_PER_VOLUME
        price = f"{Decimal(price_e8).scaleb(-8):f}"
        answer = self._session.read(path, login=login, symbol=symbol, type=action, volume=volume, price=price)
        return records.convert(path, wire.merged_of(path, answer), records.margin_check)

    def check_password(self, *, login: int, kind: PasswordKind, password: str) -> bool:
        body = {"Login": str(login), "Type": kind.value, "Password": password}
        try:
            self._session.read("/api/user/check_password", body)
        except WeakPassword:  # 3006 means "weak" when one is set and "wrong" when one is checked
            return False
        return True

    def open_account(self, spec: NewUser) -> UserRow:
        path = "/api/user/add"
        return self._written_user(path, self._session.write(path, accounts.new_user_body(spec)))

    def update_user(self, *, login: int, changes: UserChanges) -> UserRow:
        """Read, change, write. Between reading and writing another manager's edit of other fields may be lost; the
        protocol knows no condition."""
        path = "/api/user/get"
        raw = wire.object_of(path, self._session.read(path, login=login))
        body = records.convert(path, raw, lambda row: accounts.changed_body(row, changes))
        path = "/api/user/update"
        return self._written_user(path, self._session.write(path, {**body, "Login": str(login)}))

    def set_password(self, *, login: int, kind: PasswordKind, password: str) -> None:
        body = {"Login": str(login), "Type": kind.value, "Password": password}
        self._session.write("/api/user/change_password", body)

    def archive_user(self, login: int) -> None:
        self._session.write("/api/user/archive/add", login=login)

    def delete_user(self, login: int) -> None:
        self._session.write("/api/user/delete", login=login)

    def change_balance(
        self, *, login: int, kind: int, amount: Decimal, token: str, note: str = "", check_margin: bool = True
    ) -> BalanceReceipt:
        """Book a balance operation once. The comment is `token note`, of which the server keeps 31 characters."""
        if not token or len(token) > TOKEN_LENGTH or not token.isalnum() or not token.isascii():
            raise ValueError(f"a token has 1 to {TOKEN_LENGTH} letters and digits")
        if kind not in BALANCE_KINDS or not amount.is_finite() or not amount:
            raise ValueError("a balance operation needs a kind from 2 to 6 and an amount")
        path = "/api/trade/balance"
        answer = self._session.write(
            path,
            login=login,
            type=kind,
            balance=f"{amount:f}",
            comment=f"{token} {note}"[: wire.COMMENT_LENGTH].strip(),
            check_margin=int(check_margin),
        )
        return BalanceReceipt(_ticket(answer))

    def _user_row(self, path: str, raw: Any) -> UserRow:
        return records.convert(path, raw, lambda row: records.user_row(row, self._clock))

    def _written_user(self, path: str, answer: dict[str, Any]) -> UserRow:
        """Return the account in the answer to a write.

        :raises OutcomeUnknown: the answer says done, and shows no account that could be understood."""
        try:
            return self._user_row(path, wire.object_of(path, answer))
        except BridgeError as error:
            raise OutcomeUnknown(path=path, detail=str(error)) from error

    def _batch(self, since: datetime, until: datetime) -> DealColumns | list[DealRow | BadRow]:
        """Return the deals of [since, until), as columns unless something about the answer is unusual."""
        path = "/api/deal/get_batch"
        start, end = self._clock.wall_window(since, until)
        text = self._session.read_text(path, group=self._group_mask, **{"from": start, "to": end})
        columns = self._pages_of_deals.columns(text)
        if columns is not None:
            return columns.between(since, until)
        return _within(_once(self._deals.rows(_rows_in(path, text))), since, until)

    def _pages(self, login: int, start: int, end: int, total: int) -> list[Any]:
        rows: list[Any] = []
        while len(rows) < total:
            params: wire.Params = {"login": login, "from": start, "to": end, "offset": len(rows), "total": PAGE_LENGTH}
            page = self._rows("/api/deal/get_page", **params)
            if not page:
                break
            rows += page
        return rows

    def _total(self, login: int, start: int, end: int) -> int:
        path = "/api/deal/get_total"
        params: wire.Params = {"login": login, "from": start, "to": end}
        answer = wire.object_of(path, self._session.read(path, **params))
        return wire.whole(path, "total", wire.member(path, answer, "total"))

    def _listed(self, base: str) -> list[dict[str, Any]]:
        """Read a configuration list by its indices."""
        path = f"{base}/total"
        answer = wire.object_of(path, self._session.read(path))
        total = wire.whole(path, "total", wire.member(path, answer, "total"))
        path = f"{base}/next"
        return [wire.object_of(path, self._session.read(path, index=index)) for index in range(total)]

    def _rows(self, path: str, **params: wire.Scalar) -> list[Any]:
        """Return the rows of an answer; "not found" is no rows."""
        return _rows_in(path, self._session.read_text(path, **params))


def _rows_in(path: str, text: bytes) -> list[Any]:
    try:
        return wire.rows_of(path, wire.parse_answer(path, text))
    except NotFound:
        return []


def _once(rows: list[DealRow | BadRow]) -> list[DealRow | BadRow]:
    """Keep the last row of each ticket, in the order of arrival. Rows without a ticket are all kept."""
    tickets = {row.ticket for row in rows}
    if len(tickets) == len(rows):
        return rows
    last = {row.ticket or -index: index for index, row in enumerate(rows, start=1)}
    return [row for index, row in enumerate(rows, start=1) if last[row.ticket or -index] == index]


def _within(rows: list[DealRow | BadRow], since: datetime, until: datetime) -> list[DealRow | BadRow]:
    """Drop deals outside the UTC period. A bad row has no time to judge by and is kept."""
    return [row for row in rows if isinstance(row, BadRow) or since <= row.deal_at < until]


def _chunks(items: Sequence[int | str]) -> Iterator[str]:
    for first in range(0, len(items), NUMBERS_PER_REQUEST):
        yield ",".join(map(str, items[first : first + NUMBERS_PER_REQUEST]))


def _ticket(answer: dict[str, Any]) -> int:
    """Return the deal's ticket; 0 when a server confirms without naming it."""
    inner = answer.get("answer")
    ticket = inner.get("Ticket") if isinstance(inner, dict) else None
    return int(ticket) if isinstance(ticket, str) and ticket.isascii() and ticket.isdigit() else 0
