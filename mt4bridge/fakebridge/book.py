"""The fake MT4 server's book: groups, symbols, users and trade records in memory, kept by MT4's own rules."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fnmatch import fnmatchcase

from mt4bridge.clock import ServerClock
from mt4bridge.httpbridge.contract import Fault
from mt4bridge.simulator.records import SimGroup, SimSymbol

ZERO = Decimal(0)
BUY, SELL, BALANCE, CREDIT = 0, 1, 6, 7
TRADES, MONEY = (BUY, SELL), (BALANCE, CREDIT)
HUNDREDTHS = 100  # of a lot: MT4 counts volume in them
FIRST_TICKET = 40_000_001
FIRST_LOGIN = 500_001


@dataclass(slots=True)
class FakeTrade:
    """One MT4 ticket. Times are server wall-clock milliseconds in whole seconds; money is account currency."""

    ticket: int
    login: int
    cmd: int
    open_ms: int
    changed_ms: int
    symbol: str = ""
    digits: int = 0
    volume: int = 0  # hundredths of a lot
    open_price: Decimal = ZERO
    close_ms: int = 0
    close_price: Decimal = ZERO  # of an open trade: the market now
    stop_loss: Decimal = ZERO
    take_profit: Decimal = ZERO
    expires_ms: int = 0
    commission: Decimal = ZERO
    taxes: Decimal = ZERO
    swap: Decimal = ZERO
    profit: Decimal = ZERO
    reason: int = 0
    magic: int = 0
    comment: str = ""

    @property
    def is_open(self) -> bool:
        return not self.close_ms

    @property
    def result(self) -> Decimal:
        return self.profit + self.swap + self.commission + self.taxes


@dataclass(slots=True)
class FakeUser:
    login: int
    group: str
    name: str
    email: str = ""
    country: str = ""
    phone: str = ""
    leverage: int = 100
    agent: int = 0
    comment: str = ""
    token: str = ""  # UserRecord.id
    enabled: bool = True
    may_trade: bool = True
    registered_ms: int = 0
    passwords: dict[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class FakeState:
    balance: Decimal
    credit: Decimal
    floating: Decimal
    margin: Decimal

    @property
    def equity(self) -> Decimal:
        return self.balance + self.credit + self.floating

    @property
    def margin_free(self) -> Decimal:
        return self.equity - self.margin


class Mt4Book:
    """Everything one MT4 server knows. `now_ms` is its wall clock; `rate` converts a currency into another."""

    def __init__(self, clock: ServerClock, now_ms: Callable[[], int], *, first_ticket: int = FIRST_TICKET) -> None:
        self.clock = clock
        self.groups: dict[str, SimGroup] = {}
        self.symbols: dict[str, SimSymbol] = {}
        self.users: dict[int, FakeUser] = {}
        self.archive: dict[int, FakeUser] = {}
        self.trades: dict[int, FakeTrade] = {}
        self.listeners: list[Callable[[str, int, int], None]] = []
        self.rate: Callable[[str, str], Decimal] = lambda _base, _quote: Decimal(1)
        self._now_ms = now_ms
        self._last_ticket = first_ticket - 1

    def now_ms(self) -> int:
        """Return the wall clock in whole seconds, as MT4 keeps time."""
        return self._now_ms() // 1000 * 1000

    def next_ticket(self) -> int:
        self._last_ticket += 1
        return self._last_ticket

    def put_user(self, user: FakeUser) -> None:
        self.users[user.login] = user
        self._announce("user", user.login, 0)

    def put_trade(self, trade: FakeTrade) -> FakeTrade:
        """Add a ticket or replace it; its change is dated now unless it is older history."""
        self.trades[trade.ticket] = trade
        self._last_ticket = max(self._last_ticket, trade.ticket)
        self._announce("trade", trade.login, trade.ticket)
        return trade

    def remove_trade(self, ticket: int) -> FakeTrade:
        trade = self.trades.pop(ticket)
        self._announce("trade", trade.login, ticket)
        return trade

    def remove_user(self, login: int, *, keep: bool) -> FakeUser:
        """Take an account with its history out of the live base; `keep` archives it."""
        user = self.users.pop(login)
        if keep:
            self.archive[login] = user
        for ticket in [trade.ticket for trade in self.trades.values() if trade.login == login]:
            del self.trades[ticket]
        self._announce("user", login, 0)
        return user

    def open_trade(self, *, login: int, symbol: SimSymbol, cmd: int, volume: int, price: Decimal) -> FakeTrade:
        now_ms = self.now_ms()
        return self.put_trade(
            FakeTrade(
                self.next_ticket(), login, cmd, now_ms, now_ms, symbol=symbol.name, digits=symbol.digits, volume=volume,
                open_price=price, close_price=price,
            )
        )  # fmt: skip

    def close_trade(self, ticket: int, *, price: Decimal, volume: int | None = None, swap: Decimal = ZERO) -> FakeTrade:
        """Close a ticket, or a part of it: then the rest lives on under a new ticket with the old opening time."""
        trade, now_ms = self.trades[ticket], max(self.now_ms(), self.trades[ticket].open_ms)
        if volume is not None and volume < trade.volume:
            rest = replace(
                trade, ticket=self.next_ticket(), volume=trade.volume - volume, comment=f"from #{ticket}",
                changed_ms=now_ms,
            )  # fmt: skip
            trade.volume, trade.comment = volume, f"to #{rest.ticket}"
            self.put_trade(rest)
        trade.close_ms, trade.changed_ms, trade.close_price, trade.swap = now_ms, now_ms, price, swap
        trade.profit = self.profit_of(trade, price)
        return self.put_trade(trade)

    def close_by(self, ticket: int, opposite: int) -> FakeTrade:
        """Close two opposite tickets of equal volume by each other: the second ends with no lots."""
        first, second = self.trades[ticket], self.trades[opposite]
        closed = self.close_trade(ticket, price=second.open_price)
        second.volume, second.comment, second.profit = 0, f"close hedge by #{ticket}", ZERO
        second.close_ms = second.changed_ms = first.close_ms
        second.close_price = second.open_price
        self.put_trade(second)
        return closed

    def book_money(self, *, login: int, cmd: int, amount: Decimal, comment: str) -> FakeTrade:
        """Book a balance or credit record; MT4 gives both times the same value."""
        now_ms = self.now_ms()
        digits = self.groups[self.users[login].group].currency_digits
        return self.put_trade(
            FakeTrade(
                self.next_ticket(), login, cmd, now_ms, now_ms, close_ms=now_ms, digits=digits,
                profit=amount.quantize(Decimal(1).scaleb(-digits)), reason=2, comment=comment[:31],
            )
        )  # fmt: skip

    def profit_of(self, trade: FakeTrade, price: Decimal) -> Decimal:
        """Return what closing at a price would earn, in account currency."""
        symbol, group = self.symbols[trade.symbol], self.groups[self.users[trade.login].group]
        move = price - trade.open_price if trade.cmd == BUY else trade.open_price - price
        earned = move * trade.volume / HUNDREDTHS * symbol.contract_size
        exact = earned * self.rate(symbol.currency_profit, group.currency)
        return exact.quantize(Decimal(1).scaleb(-group.currency_digits))

    def margin_of(self, login: int, symbol: SimSymbol, volume: int, price: Decimal) -> Decimal:
        """Return lots × contract × price ÷ leverage in account currency."""
        user = self.users[login]
        group = self.groups[user.group]
        notional = Decimal(volume) / HUNDREDTHS * symbol.contract_size * price
        exact = notional * self.rate(symbol.currency_profit, group.currency) / max(user.leverage, 1)
        return exact.quantize(Decimal(1).scaleb(-group.currency_digits))

    def state_of(self, login: int) -> FakeState:
        balance = credit = floating = margin = ZERO
        for trade in self.trades_of(login):
            if trade.cmd == CREDIT:
                credit += trade.profit
            elif trade.cmd == BALANCE or (trade.cmd in TRADES and trade.close_ms):
                balance += trade.result
            elif trade.cmd in TRADES:
                floating += trade.result
                margin += self.margin_of(login, self.symbols[trade.symbol], trade.volume, trade.open_price)
        return FakeState(balance, credit, floating, margin)

    def trades_of(self, login: int) -> list[FakeTrade]:
        return [trade for trade in self.trades.values() if trade.login == login]

    def logins_like(self, masks: str) -> set[int]:
        """Return the logins in groups that a comma list of masks names: `*` any text, `!` takes away."""
        parts = [part.strip().replace("[", "[[]") for part in masks.split(",") if part.strip()]
        wanted = [part for part in parts if not part.startswith("!")] or ["*"]
        unwanted = [part[1:] for part in parts if part.startswith("!")]
        return {user.login for user in self.users.values() if _fits(user.group, wanted, unwanted)}

    def user(self, login: int) -> FakeUser:
        """:raises Fault: no such account."""
        if login not in self.users:
            raise Fault("not_found", "There is no such account.")
        return self.users[login]

    def _announce(self, kind: str, login: int, ticket: int) -> None:
        for listener in self.listeners:
            listener(kind, login, ticket)


def _fits(name: str, wanted: Iterable[str], unwanted: Iterable[str]) -> bool:
    return any(fnmatchcase(name, mask) for mask in wanted) and not any(fnmatchcase(name, mask) for mask in unwanted)
