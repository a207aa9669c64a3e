"""Trading in real time on top of a book: prices move, clients open and close."""

import asyncio
import logging
import random
from datetime import UTC, datetime
from decimal import Decimal

from mt4bridge.simulator import trading
from mt4bridge.simulator.book import E8, Book
from mt4bridge.simulator.market import INSTRUMENTS, Market
from mt4bridge.simulator.records import BUY, SELL, SimPosition

log = logging.getLogger("mt4bridge.simulator")
STEP_SECONDS = 1.0
_MEAN_HOLD_SECONDS = 90.0
_MEAN_OLD_HOLD_SECONDS = 7_200.0


class LiveTrading:
    """Moves prices, opens `rate_per_minute` trades a minute and closes each after a minute or two.

    At rate 0 nothing moves: a book without live trading stays as it is."""

    def __init__(self, book: Book, market: Market, *, rate_per_minute: float, seed: int) -> None:
        self._book = book
        self._market = market
        self._rate = rate_per_minute
        self._random = random.Random(seed + 1)
        self._close_at: dict[int, float] = {}

    async def run(self) -> None:
        """Step once a second until cancelled."""
        loop = asyncio.get_running_loop()
        if not self._rate:
            return
        self.adopt(loop.time())
        while True:
            await asyncio.sleep(STEP_SECONDS)
            try:
                self.step(loop.time())
            except Exception:
                log.exception("a step of live trading failed")

    def adopt(self, now: float) -> None:
        """Plan when the positions that are open at the start close, within the next hours."""
        for position in self._book.positions.values():
            if not position.frozen:
                self._close_at[position.position] = now + self._random.expovariate(1 / _MEAN_OLD_HOLD_SECONDS)

    def step(self, now: float) -> None:
        """Move prices by one second, close what is due, open what the rate asks for. `now` is any running clock."""
        self._market.step(STEP_SECONDS)
        for number in [number for number, at in self._close_at.items() if at <= now]:
            del self._close_at[number]
            position = self._book.positions.get(number)
            if position is not None:
                close_at_market(self._book, self._market, position)
        logins = list(self._book.users)
        expected = self._rate * STEP_SECONDS / 60
        count = int(expected) + (self._random.random() < expected % 1)
        for _ in range(count if logins else 0):
            position = self._open(self._random.choice(logins))
            self._close_at[position.position] = now + self._random.expovariate(1 / _MEAN_HOLD_SECONDS)
        mark_to_market(self._book, self._market)

    def _open(self, login: int) -> SimPosition:
        item = self._random.choices(INSTRUMENTS, [item.weight for item in INSTRUMENTS])[0]
        lots_e8 = max(round(self._random.lognormvariate(-2.0, 0.8) * 100), 1) * E8 // 100
        action = self._random.choice((BUY, SELL))
        return open_at_market(self._book, self._market, login=login, symbol=item.name, action=action, lots_e8=lots_e8)


def open_at_market(book: Book, market: Market, *, login: int, symbol: str, action: int, lots_e8: int) -> SimPosition:
    """Open a position now, at the market's price."""
    if symbol not in book.symbols:
        book.put_symbol(market.instruments[symbol].symbol())
    return trading.open_position(
        book,
        login=login,
        symbol=book.symbols[symbol],
        action=action,
        volume_e8=lots_e8,
        quote=quote_for(book, market, symbol),
        at_ms=now_ms(book),
    )


def close_at_market(book: Book, market: Market, position: SimPosition) -> int:
    """Close a position now; returns the deal's ticket."""
    deal = trading.close_position(
        book,
        position=position,
        symbol=book.symbols[position.symbol],
        quote=quote_for(book, market, position.symbol),
        at_ms=now_ms(book),
    )
    return deal.ticket


def quote_for(book: Book, market: Market, symbol: str) -> trading.Quote:
    """Return the market's quote; of a symbol that only a history knows, the price of its last deal."""
    quote = market.quote(symbol)
    if quote is not None:
        return quote
    last = max((deal for deal in book.deals.values() if deal.symbol == symbol), key=lambda deal: deal.time_ms)
    return trading.Quote(last.price, last.price + Decimal(1).scaleb(-last.digits))


def mark_to_market(book: Book, market: Market) -> None:
    """Revalue the open positions, except those frozen by a printed statement."""
    for position in book.positions.values():
        quote = None if position.frozen else market.quote(position.symbol)
        if quote is None:
            continue
        position.price_current = quote.bid if position.action == BUY else quote.ask
        symbol = book.symbols[position.symbol]
        position.profit = trading.profit_of(book, position, symbol, position.price_current, position.volume_e8)


def now_ms(book: Book) -> int:
    return book.clock.from_utc_ms(datetime.now(UTC))
