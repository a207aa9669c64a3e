"""What the fake MT4 server holds at its start: statements as they are, or generated accounts that trade."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from mt4bridge.fakebridge.book import BALANCE, BUY, CREDIT, FIRST_LOGIN, SELL, ZERO, FakeTrade, FakeUser, Mt4Book
from mt4bridge.histories.types import BalanceOperation, History, HistoryError, HistoryKind, Mt4Trade, PendingOrder
from mt4bridge.simulator.market import INSTRUMENTS, Market
from mt4bridge.simulator.people import person
from mt4bridge.simulator.records import SimGroup
from mt4bridge.simulator.symbols import symbol_of

_NO_MINOR_UNIT = frozenset(("JPY", "KRW", "VND", "CLP"))
_KINDS = {"buy limit": 2, "sell limit": 3, "buy stop": 4, "sell stop": 5}
_GROUPS = (SimGroup("real-std-usd", "USD"), SimGroup("real-ecn-usd", "USD"), SimGroup("demo-usd", "USD"))
_CENT = Decimal("0.01")


def load_histories(book: Mt4Book, histories: Sequence[History]) -> None:
    """Fill an empty book from MT4 statements. Statements of one login merge by ticket, in any order: the newest wins.

    :raises HistoryError: a file is no MT4 statement, or an account changes its currency."""
    if any(history.kind is not HistoryKind.MT4_STATEMENT for history in histories):
        raise HistoryError("an MT4 server holds MT4 statements alone")
    for login in sorted({history.login or 0 for history in histories}):
        mine = [history for history in histories if history.login == login]
        _load_account(book, login, sorted(mine, key=lambda history: history.printed_s or 0))


def _load_account(book: Mt4Book, login: int, statements: list[History]) -> None:
    newest = statements[-1]
    currency = newest.currency or "USD"
    if {history.currency for history in statements} != {newest.currency}:
        raise HistoryError(f"the statements of login {login} are in different currencies")
    group = SimGroup(f"history-{currency.lower()}", currency, 0 if currency in _NO_MINOR_UNIT else 2)
    book.groups.setdefault(group.name, group)
    records: dict[int, FakeTrade] = {}
    for history in statements:
        records |= {order.ticket: _pending(login, order) for order in (*history.working, *history.cancelled)}
        records |= {trade.ticket: _trade(login, trade) for trade in history.open}
    for history in statements:
        records |= {trade.ticket: _trade(login, trade) for trade in history.closed}
        records |= {row.ticket: _money(login, row, group) for row in history.balances}
    first_ms = min((record.open_ms for record in records.values()), default=(newest.printed_s or 0) * 1000)
    name = newest.name or f"Login {login}"
    book.put_user(FakeUser(login, group.name, name, leverage=newest.leverage or 100, registered_ms=first_ms))
    for record in records.values():
        known = book.symbols.get(record.symbol)
        if record.symbol and (known is None or known.digits < record.digits):
            book.symbols[record.symbol] = symbol_of(record.symbol, digits=record.digits, account_currency=currency)
        book.put_trade(record)


def _trade(login: int, trade: Mt4Trade) -> FakeTrade:
    closed_ms = (trade.closed_s or 0) * 1000
    return FakeTrade(
        trade.ticket, login, trade.action, trade.opened_s * 1000, max(trade.opened_s * 1000, closed_ms),
        symbol=trade.symbol, digits=trade.digits, volume=int(trade.volume_lots * 100), open_price=trade.open_price,
        close_ms=closed_ms, close_price=trade.close_price, stop_loss=trade.sl, take_profit=trade.tp,
        commission=trade.commission, taxes=trade.taxes, swap=trade.swap, profit=trade.profit,
        reason=1 if trade.magic else 0, magic=trade.magic, comment=trade.comment,
    )  # fmt: skip


def _money(login: int, row: BalanceOperation, group: SimGroup) -> FakeTrade:
    at_ms = row.at_s * 1000
    return FakeTrade(
        row.ticket, login, BALANCE if row.kind == 2 else CREDIT, at_ms, at_ms, close_ms=at_ms,
        digits=group.currency_digits, profit=row.amount, reason=2, comment=row.comment[:31],
    )  # fmt: skip


def _pending(login: int, order: PendingOrder) -> FakeTrade:
    placed_ms, cancelled_ms = order.placed_s * 1000, (order.cancelled_s or 0) * 1000
    exponent = order.price.as_tuple().exponent
    return FakeTrade(
        order.ticket, login, _KINDS[order.kind], placed_ms, max(placed_ms, cancelled_ms), symbol=order.symbol,
        digits=max(-exponent, 0) if isinstance(exponent, int) else 0, volume=int(order.volume_lots * 100),
        open_price=order.price, close_ms=cancelled_ms, close_price=order.price,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Plan:
    """How much to generate; the same plan gives the same book."""

    accounts: int
    days: int
    seed: int
    until: datetime


def generate(book: Mt4Book, market: Market, plan: Plan) -> None:
    """Fill a book with accounts that deposit, trade and close in part. The last trades of each stay open."""
    chance = random.Random(plan.seed)
    for group in _GROUPS:
        book.groups[group.name] = group
    for instrument in INSTRUMENTS:
        book.symbols[instrument.name] = instrument.symbol()
    until_ms = book.clock.from_utc(plan.until) * 1000
    start_ms = until_ms - plan.days * 86_400_000
    for number in range(plan.accounts):
        login = FIRST_LOGIN + number
        name, email, country = person(chance, login)
        group_name = _GROUPS[number % len(_GROUPS)].name
        book.put_user(FakeUser(login, group_name, name, email, country, leverage=100, registered_ms=start_ms))
        _put(book, login, BALANCE, start_ms + number * 1000, profit=Decimal(chance.randrange(500, 20_000)))
        _trade_for_days(book, market, chance, login, start_ms + 3_600_000, plan.days)


def _trade_for_days(book: Mt4Book, market: Market, chance: random.Random, login: int, at_ms: int, days: int) -> None:
    for day in range(days):
        for _ in range(chance.randrange(0, 4)):
            opened_ms = at_ms + day * 86_400_000 + chance.randrange(0, 60_000) * 1000
            trade = _opened(book, market, chance, login, opened_ms)
            if day < days - 1 or chance.random() < 0.5:
                _closed(book, chance, trade, opened_ms + chance.randrange(60, 14_400) * 1000)


def _opened(book: Mt4Book, market: Market, chance: random.Random, login: int, at_ms: int) -> FakeTrade:
    symbol = book.symbols[chance.choice(sorted(book.symbols))]
    quote = market.quote(symbol.name)
    price = quote.ask if quote else Decimal(1)
    return _put(
        book, login, chance.choice((BUY, SELL)), at_ms, symbol=symbol.name, digits=symbol.digits,
        volume=chance.choice((1, 5, 10, 20, 50, 100)), open_price=price, close_price=price,
        reason=chance.choice((0, 0, 1, 5)),
    )  # fmt: skip


def _closed(book: Mt4Book, chance: random.Random, trade: FakeTrade, at_ms: int) -> None:
    """Close a trade, sometimes in part, by a move of up to thirty points either way."""
    trade.close_price = trade.open_price + Decimal(chance.randrange(-30, 31)).scaleb(-trade.digits + 1)
    trade.close_ms = trade.changed_ms = at_ms
    if trade.volume > 1 and chance.random() < 0.1:
        rest = _put(
            book, trade.login, trade.cmd, trade.open_ms, symbol=trade.symbol, digits=trade.digits,
            volume=trade.volume - 1, open_price=trade.open_price, close_price=trade.open_price, reason=trade.reason,
            comment=f"from #{trade.ticket}",
        )  # fmt: skip
        rest.changed_ms, trade.volume, trade.comment = at_ms, 1, f"to #{rest.ticket}"
    trade.profit = book.profit_of(trade, trade.close_price)
    trade.commission = -(Decimal(trade.volume) * _CENT * 7).quantize(_CENT)
    trade.swap = Decimal(chance.randrange(-300, 50)).scaleb(-2) if chance.random() < 0.2 else ZERO


def _put(book: Mt4Book, login: int, cmd: int, at_ms: int, **fields: object) -> FakeTrade:
    closes = {"close_ms": at_ms, "digits": 2, "reason": 2} if cmd == BALANCE else {}
    return book.put_trade(FakeTrade(book.next_ticket(), login, cmd, at_ms, at_ms, **closes, **fields))  # type: ignore[arg-type]


def first_moment(book: Mt4Book, now: datetime) -> datetime:
    """Return the UTC moment of the first record, for the reader's history_from."""
    first_ms = min((trade.open_ms for trade in book.trades.values()), default=0)
    return book.clock.to_utc_ms(first_ms) if first_ms else now - timedelta(days=1)
