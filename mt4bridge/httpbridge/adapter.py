"""A bridge over HTTP as a `TradingServer`: a Windows box with the MT4 or MT5 Manager API behind our own contract.

MT4 tickets become deals by legs (`mt4_records`). A period is read by when tickets were opened, closed or changed, so
`deals` may also bring legs from before the period: those of a ticket that the period changed (a partial close)."""

import uuid
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from mt4bridge.clock import ServerClock
from mt4bridge.errors import AnswerTooLarge, MalformedAnswer, NotFound, ServerTroubled
from mt4bridge.httpbridge import records
from mt4bridge.httpbridge.client import Client
from mt4bridge.httpbridge.contract import VERSION, Json
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
from mt4bridge.webapi.connection import Endpoint
from mt4bridge.webapi.slices import SliceLength

NUMBERS_PER_REQUEST = 200
LIST_LENGTH = 4_000  # rows in one list of deals
TOKEN_LENGTH = 26
COMMENT_LENGTH = 31
BALANCE_KINDS = {2: "balance", 3: "credit", 4: "charge", 5: "correction", 6: "bonus"}
_PLATFORMS = ("mt4", "mt5")


class Hello(NamedTuple):
    """What a bridge says about itself."""

    platform: str  # mt4 | mt5
    agent: str
    capabilities: frozenset[Capability]


class Doorbell(NamedTuple):
    """What happened on the server since a number; a hint to read, never the truth itself."""

    following: int  # the number to wait with next
    lost: bool  # some events are not kept any more
    logins: frozenset[int]


class HttpBridgeServer:
    """One MT server behind a bridge. `group_mask` bounds what this installation may see."""

    def __init__(
        self, endpoint: Endpoint, *, key_id: str, secret: str, clock: ServerClock, group_mask: str = "*"
    ) -> None:
        self._client = Client(endpoint, key_id=key_id, secret=secret)
        self._clock = clock
        self._group_mask = group_mask
        self._reader = records.DealReader(clock)
        self._hello: Hello | None = None

    def __repr__(self) -> str:
        return f"HttpBridgeServer({self._client!r})"

    @property
    def capabilities(self) -> frozenset[Capability]:
        return self.hello().capabilities

    def hello(self) -> Hello:
        """Return what the bridge said about itself when it was first asked."""
        if self._hello is None:
            self._hello = self._greeted()
        return self._hello

    def connect(self) -> None:
        """Reach the bridge, prove both sides know the secret, and check that the bridge reaches its MT server."""
        self._client.connect()
        self._hello = self._greeted()

    def close(self) -> None:
        self._client.drop()

    def drop(self) -> None:
        """Forget the connection (after a fork)."""
        self._client.drop()

    def ping(self) -> None:
        self._greeted()

    def server_time(self) -> datetime:
        path = "/time"
        at = records.convert(path, self._client.read(path), lambda raw: records.server_time(raw, self._clock))
        return at.replace(microsecond=0)

    def groups(self) -> list[GroupRow]:
        return [records.convert("/groups", raw, records.group_row) for raw in self._client.listed("/groups")]

    def symbols(self) -> list[SymbolRow]:
        return [records.convert("/symbols", raw, records.symbol_row) for raw in self._client.listed("/symbols")]

    def users(self, group_mask: str = "*") -> list[UserRow]:
        return self._users(group=self._mask(group_mask))

    def user(self, login: int) -> UserRow | None:
        return next(iter(self._users(login=login, group=self._group_mask)), None)

    def users_by_token(self, token: str, group_mask: str = "*") -> list[UserRow]:
        return self._users(token=token, group=self._mask(group_mask))

    def deals(self, *, since: datetime, until: datetime) -> Iterator[list[DealRow | BadRow]]:
        """Yield every deal of [since, until) in slices of time that adapt to how busy the server is."""
        slice_length = SliceLength()
        start = since
        while start < until:
            end = min(start + slice_length.length, until)
            try:
                rows = self._history(start, end, group=self._group_mask)
            except AnswerTooLarge:
                if not slice_length.halve():
                    raise
                continue
            slice_length.learn(len(rows))
            rows = _before(rows, end) if self.hello().platform == "mt4" else _within(rows, start, end)
            start = end
            for first in range(0, len(rows), LIST_LENGTH):
                yield rows[first : first + LIST_LENGTH]

    def deals_of_login(self, *, login: int, since: datetime, until: datetime) -> list[DealRow | BadRow]:
        """Return one account's deals of [since, until). The bridge takes the whole list at one moment."""
        if since >= until:
            return []
        rows = _within(self._history(since, until, login=login), since, until)
        return sorted(rows, key=lambda row: (_moment(row, since), row.ticket or 0, row.leg))

    def deals_by_ticket(self, tickets: Collection[int]) -> list[DealRow | BadRow]:
        rows: list[DealRow | BadRow] = []
        for chunk in _chunks(sorted(set(tickets))):
            rows += self._read_history(ticket=chunk)
        return rows

    def balance_deals(self, *, login: int, since: datetime, until: datetime) -> list[DealRow | BadRow]:
        rows = self.deals_of_login(login=login, since=since, until=until)
        return [row for row in rows if isinstance(row, BadRow) or row.action in BALANCE_KINDS]

    def deal_count(self, login: int, since: datetime, until: datetime) -> int:
        """Return the server's count; of MT4, which counts tickets, that of the legs in the period."""
        if since >= until:
            return 0
        if self.hello().platform == "mt4":
            return len(self.deals_of_login(login=login, since=since, until=until))
        path = "/deals/count"
        start, end = self._clock.from_utc_ms(since), self._clock.from_utc_ms(until)
        return records.convert(path, self._client.read(path, login=login, from_ms=start, to_ms=end), records.count)

    def account_states(self, logins: Collection[int]) -> list[AccountState]:
        return [records.convert("/accounts", raw, records.account_state) for raw in self._of("/accounts", logins)]

    def positions(self, logins: Collection[int]) -> list[PositionRow]:
        if self.hello().platform == "mt5":
            path, build = "/positions", records.position_row
            return [records.convert(path, raw, lambda row: build(row, self._clock)) for raw in self._of(path, logins)]
        path = "/open-trades"
        rows = [
            records.convert(path, raw, lambda row: records.trade_position(row, self._clock))
            for raw in self._of(path, logins)
        ]
        return [row for row in rows if row is not None]

    def orders(self, logins: Collection[int]) -> list[OrderRow]:
        if self.hello().platform == "mt5":
            path, build = "/orders", records.order_row
            return [records.convert(path, raw, lambda row: build(row, self._clock)) for raw in self._of(path, logins)]
        path = "/open-trades"
        rows = [
            records.convert(path, raw, lambda row: records.trade_order(row, self._clock))
            for raw in self._of(path, logins)
        ]
        return [row for row in rows if row is not None]

    def ticks(self, symbols: Collection[str]) -> list[TickRow]:
        path, names = "/ticks", sorted(set(symbols))
        rows: list[Any] = []
        for first in range(0, len(names), NUMBERS_PER_REQUEST):
            some = ",".join(names[first : first + NUMBERS_PER_REQUEST])
            rows += records.items(path, self._client.read(path, symbol=some))
        return [records.convert(path, raw, lambda row: records.tick_row(row, self._clock)) for raw in rows]

    def margin_check(self, *, login: int, symbol: str, action: int, volume_e8: int, price_e8: int) -> MarginCheck:
        path = "/margin/check"
        wanted = {
            "login": login,
            "symbol": symbol,
            "action": "sell" if action else "buy",
            "lots": records.decimal_text(volume_e8),
            "price": records.decimal_text(price_e8),
        }
        return records.convert(path, self._client.ask(path, wanted), records.margin_check)

    def check_password(self, *, login: int, kind: PasswordKind, password: str) -> bool:
        path = f"/users/{login}/password/check"
        answer = self._client.ask(path, {"kind": kind.value, "password": password})
        return records.convert(path, answer, records.matches)

    def change_balance(
        self, *, login: int, kind: int, amount: Decimal, token: str, note: str = "", check_margin: bool = True
    ) -> BalanceReceipt:
        """Book a balance operation once. The comment is `token note`, of which MT keeps 31 characters."""
        if not token or len(token) > TOKEN_LENGTH or not token.isalnum() or not token.isascii():
            raise ValueError(f"a token has 1 to {TOKEN_LENGTH} letters and digits")
        if kind not in BALANCE_KINDS or not amount.is_finite() or not amount:
            raise ValueError("a balance operation needs a kind from 2 to 6 and an amount")
        body: Json = {
            "request_id": f"balance-{token}",
            "login": login,
            "kind": BALANCE_KINDS[kind],
            "amount": f"{amount:f}",
            "comment": f"{token} {note}"[:COMMENT_LENGTH].strip(),
            "check_margin": check_margin,
        }
        return BalanceReceipt(records.ticket(self._client.write("POST", "/balance", body)))

    def open_account(self, spec: NewUser) -> UserRow:
        body: Json = {
            "request_id": f"user-{spec.token}",
            "login": spec.login,
            "group": spec.group,
            "name": spec.name,
            "email": spec.email,
            "country": spec.country,
            "language": spec.language,
            "phone": spec.phone,
            "leverage": spec.leverage,
            "agent": spec.agent,
            "comment": spec.comment,
            "token": spec.token,
            "enabled": spec.enabled,
            "may_trade": spec.may_trade,
            "main_password": spec.main_password,
            "investor_password": spec.investor_password,
        }
        return self._user_of("/users", self._client.write("POST", "/users", body))

    def update_user(self, *, login: int, changes: UserChanges) -> UserRow:
        path = f"/users/{login}"
        wanted = {name: value for name in UserChanges.__slots__ if (value := getattr(changes, name)) is not None}
        return self._user_of(path, self._client.write("PATCH", path, _once(changes=wanted)))

    def set_password(self, *, login: int, kind: PasswordKind, password: str) -> None:
        self._client.write("POST", f"/users/{login}/password", _once(kind=kind.value, password=password))

    def archive_user(self, login: int) -> None:
        self._client.write("POST", f"/users/{login}/archive", _once())

    def delete_user(self, login: int) -> None:
        self._client.write("POST", f"/users/{login}/delete", _once())

    def operation(self, request_id: str) -> Json | None:
        """Return what the bridge keeps of a write (`openapi.yaml`, Operation); None when it never heard of it."""
        try:
            return self._client.read(f"/operations/{request_id}")
        except NotFound:
            return None

    def wait_for_events(self, *, after: int, wait_seconds: int) -> Doorbell:
        """Wait until something happens on the server, at most 25 s. Begin with `after` 0, go on with `following`.

        The connection is busy meanwhile: wait with an adapter of its own."""
        path = "/events"
        answer = self._client.read(path, after=after, wait_seconds=wait_seconds)
        following, lost, logins = records.convert(path, answer, records.doorbell)
        return Doorbell(following, lost, logins)

    def _greeted(self) -> Hello:
        path = "/health"
        answer = self._client.read(path)
        platform, names = answer.get("platform"), answer.get("capabilities")
        if answer.get("contract") != VERSION or platform not in _PLATFORMS or not isinstance(names, list):
            raise MalformedAnswer(path=path, detail="the bridge speaks another version of the contract")
        if answer.get("server_connected") is not True:
            raise ServerTroubled(path=path, retcode=10, text="the bridge does not reach its MT server")
        known = frozenset(capability for capability in Capability if capability.value in names)
        return Hello(platform, str(answer.get("agent", "")), known)

    def _mask(self, group_mask: str) -> str:
        return self._group_mask if group_mask == "*" else group_mask

    def _users(self, **params: str | int) -> list[UserRow]:
        return [self._user_of("/users", raw) for raw in self._client.listed("/users", **params)]

    def _user_of(self, path: str, raw: Any) -> UserRow:
        return records.convert(path, raw, lambda row: records.user_row(row, self._clock))

    def _of(self, path: str, logins: Collection[int]) -> Iterator[Any]:
        for chunk in _chunks(sorted(set(logins))):
            yield from self._client.listed(path, login=chunk)

    def _history(self, since: datetime, until: datetime, **params: str | int) -> list[DealRow | BadRow]:
        start, end = self._clock.wall_window(since, until)
        return self._read_history(from_ms=start * 1000, to_ms=(end + 1) * 1000, **params)

    def _read_history(self, **params: str | int) -> list[DealRow | BadRow]:
        if self.hello().platform == "mt4":
            return _once_each(self._reader.of_trades(self._client.listed("/trades", **params)))
        return _once_each(self._reader.of_deals(self._client.listed("/deals", **params)))


def _once(**fields: Any) -> Json:
    """Return the body of a write that nobody will ask for again by a name of his own."""
    return {"request_id": uuid.uuid4().hex, **fields}


def _once_each(rows: list[DealRow | BadRow]) -> list[DealRow | BadRow]:
    """Keep the last row of each ticket and leg, in the order of arrival. Rows without a ticket are all kept."""
    last = {(row.ticket or -index, row.leg): index for index, row in enumerate(rows, start=1)}
    if len(last) == len(rows):
        return rows
    return [row for index, row in enumerate(rows, start=1) if last[row.ticket or -index, row.leg] == index]


def _before(rows: list[DealRow | BadRow], until: datetime) -> list[DealRow | BadRow]:
    """Drop what is behind the period: the walker must not run ahead. Older legs stay, see the module."""
    return [row for row in rows if isinstance(row, BadRow) or row.deal_at < until]


def _within(rows: list[DealRow | BadRow], since: datetime, until: datetime) -> list[DealRow | BadRow]:
    """Drop deals outside the UTC period. A bad row has no time to judge by and is kept."""
    return [row for row in rows if isinstance(row, BadRow) or since <= row.deal_at < until]


def _moment(row: DealRow | BadRow, otherwise: datetime) -> datetime:
    return row.deal_at if isinstance(row, DealRow) else otherwise


def _chunks(numbers: Sequence[int]) -> Iterator[str]:
    for first in range(0, len(numbers), NUMBERS_PER_REQUEST):
        yield ",".join(map(str, numbers[first : first + NUMBERS_PER_REQUEST]))
