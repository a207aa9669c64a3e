"""A generated book: a seeded broker's clients, with the habits that make real books uneven.

Clients trade at gamma-distributed rates, in the hours of their sessions, not on weekends, more when news comes out;
some scalp and some hold for days; lots are log-normal; some close in two parts; swaps are charged by night. The same
plan gives the same book."""

import math
import random
from bisect import bisect
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import accumulate
from typing import NamedTuple

from mt4bridge.simulator import trading
from mt4bridge.simulator.book import E8, Book
from mt4bridge.simulator.live import mark_to_market
from mt4bridge.simulator.market import INSTRUMENTS, Instrument, Market, quote_at
from mt4bridge.simulator.people import person
from mt4bridge.simulator.records import BUY, SELL, SimGroup, SimUser

FIRST_LOGIN = 100_001
GROUPS = (
    (SimGroup("real\\standard-usd", "USD", 2, 200), 0.56),
    (SimGroup("real\\raw-usd", "USD", 2, 500, Decimal("3.50")), 0.24),
    (SimGroup("real\\cent", "USC", 2, 500), 0.12),
    (SimGroup("real\\standard-eur", "EUR", 2, 100), 0.08),
)
_GRID_SECONDS = 900
_DAY = 86_400
_HOUR_WEIGHTS = tuple(
    0.5 if hour < 7 else 1.4 if hour < 12 else 2.0 if hour < 16 else 1.1 if hour < 20 else 0.3 for hour in range(24)
)
_CUMULATIVE_HOURS = tuple(accumulate(_HOUR_WEIGHTS))
_NEWS_HOURS = (12.5, 14.0, 18.0)
_OPEN_REASONS = ((0, 0.45), (16, 0.35), (1, 0.15), (17, 0.05))  # client, mobile, expert, web
_CLOSE_REASONS = ((0, 0.35), (16, 0.2), (4, 0.22), (3, 0.2), (1, 0.03))  # … take profit, stop loss
_DEPOSITS = (200, 500, 1_000, 3_000, 10_000, 25_000)


@dataclass(frozen=True, slots=True)
class BookPlan:
    accounts: int
    days: int
    seed: int
    until: datetime  # UTC


class _Trade(NamedTuple):
    opened_s: int  # UTC
    closed_s: int  # UTC
    part_closed_s: int  # UTC; 0 when closed in one part
    login: int
    instrument: Instrument
    action: int
    lots_e8: int


@dataclass(frozen=True, slots=True)
class _Habits:
    login: int
    trades_a_day: float
    hold_minutes: float  # median
    lots: float  # median


class _Prices:
    """Middle prices of the past: a random walk on a grid of quarter hours, still on weekends, jumping on news."""

    def __init__(self, plan: BookPlan, chance: random.Random, news: dict[int, float]) -> None:
        self._start = int(plan.until.timestamp()) - (plan.days + 2) * _DAY
        count = (plan.days + 2) * _DAY // _GRID_SECONDS + 2
        self._paths = {item.name: self._walk(item, count, chance, news) for item in INSTRUMENTS}

    def _walk(self, item: Instrument, count: int, chance: random.Random, news: dict[int, float]) -> list[float]:
        price, path = item.start, []
        step = item.day_move / math.sqrt(_DAY / _GRID_SECONDS)
        for index in range(count):
            at = self._start + index * _GRID_SECONDS
            if is_open(at):
                price *= 1 + chance.gauss(0.0, step * (5.0 if at // _GRID_SECONDS in news else 1.0))
            path.append(price)
        return path

    def mid(self, item: Instrument, at_s: int) -> float:
        index, rest = divmod(at_s - self._start, _GRID_SECONDS)
        path = self._paths[item.name]
        index = min(max(index, 0), len(path) - 2)
        return path[index] + (path[index + 1] - path[index]) * rest / _GRID_SECONDS


def is_open(at_s: int) -> bool:
    """Whether the market trades: Sunday 22:00 to Friday 21:00 UTC."""
    day, second = divmod(at_s, _DAY)
    weekday = (day + 3) % 7  # 1970-01-01 was a Thursday
    if weekday == 4:
        return second < 21 * 3600
    if weekday == 6:
        return second >= 22 * 3600
    return weekday < 4


def generate_book(book: Book, market: Market, plan: BookPlan) -> None:
    """Fill an empty book with groups, symbols, clients, their deals and open positions up to `plan.until`."""
    for group, _ in GROUPS:
        book.put_group(group)
    for instrument in INSTRUMENTS:
        book.put_symbol(instrument.symbol())
    chance = random.Random(plan.seed)
    news = _news(plan, chance)
    prices = _Prices(plan, chance, news)
    habits = [_client(book, plan, chance, number) for number in range(plan.accounts)]
    trades = sorted(trade for habit in habits for trade in _trades(habit, plan, chance, news))
    _Bookkeeper(book, prices, chance, plan).run(trades)
    market.mids.update({item.name: prices.mid(item, int(plan.until.timestamp())) for item in INSTRUMENTS})
    mark_to_market(book, market)


def _news(plan: BookPlan, chance: random.Random) -> dict[int, float]:
    """Return the quarter hours (numbered from 1970) in which news comes out, and how strong it is."""
    last_day = int(plan.until.timestamp()) // _DAY
    strengths = {}
    for day in range(last_day - plan.days, last_day + 1):
        if chance.random() < 0.35:
            hour = chance.choice(_NEWS_HOURS)
            strengths[int(day * _DAY + hour * 3600) // _GRID_SECONDS] = chance.uniform(0.2, 1.0)
    return strengths


def _client(book: Book, plan: BookPlan, chance: random.Random, number: int) -> _Habits:
    login = FIRST_LOGIN + number
    group = chance.choices([group for group, _ in GROUPS], [share for _, share in GROUPS])[0]
    name, email, country = person(chance, login)
    start = plan.until - timedelta(days=plan.days + 1, minutes=chance.randrange(1, 700))
    registered_s = book.clock.from_utc(start)
    user = SimUser(login, group.name, name, email, country, group.leverage, registered_s=registered_s)
    user.passwords = {kind: f"Sim-{chance.randrange(10**6):06d}a" for kind in ("main", "investor")}
    book.put_user(user)
    deposit = chance.choice(_DEPOSITS) * (100 if group.currency == "USC" else 1)
    trading.book_balance(
        book,
        login=login,
        kind=2,
        amount=Decimal(deposit),
        comment="Deposit",
        check_margin=False,
        at_ms=registered_s * 1000 + chance.randrange(1000),
        dealer=0,
    )
    return _Habits(
        login=login,
        trades_a_day=chance.gammavariate(0.7, 4.5),
        hold_minutes=math.exp(chance.gauss(4.2, 1.4)),
        lots=math.exp(chance.gauss(-2.2, 0.8)),
    )


def _trades(habits: _Habits, plan: BookPlan, chance: random.Random, news: dict[int, float]) -> Iterator[_Trade]:
    """Invent one client's trades, day by day."""
    end = int(plan.until.timestamp())
    first_day = end // _DAY - plan.days
    for day in range(first_day, end // _DAY + 1):
        if not is_open(day * _DAY + _DAY // 2):
            continue
        for _ in range(_poisson(chance, habits.trades_a_day)):
            hour = bisect(_CUMULATIVE_HOURS, chance.random() * _CUMULATIVE_HOURS[-1])
            yield from _trade(habits, chance, day * _DAY + hour * 3600 + chance.randrange(3600), end)
        for quarter, strength in news.items():
            if quarter * _GRID_SECONDS // _DAY == day and chance.random() < strength * min(habits.trades_a_day, 4) / 4:
                yield from _trade(habits, chance, quarter * _GRID_SECONDS + chance.randrange(300), end)


def _trade(habits: _Habits, chance: random.Random, opened_s: int, end_s: int) -> Iterator[_Trade]:
    if not is_open(opened_s) or opened_s >= end_s:
        return
    hold = habits.hold_minutes * 60 * math.exp(chance.gauss(0, 0.9))
    closed_s = opened_s + max(int(hold), 5)
    while not is_open(closed_s):
        closed_s += 3600
    lots_e8 = max(round(habits.lots * math.exp(chance.gauss(0, 0.5)) * 100), 1) * E8 // 100
    in_parts = lots_e8 >= 2 * E8 // 100 and chance.random() < 0.12
    part_s = opened_s + (closed_s - opened_s) // 2 if in_parts and is_open((opened_s + closed_s) // 2) else 0
    instrument = chance.choices(INSTRUMENTS, [item.weight for item in INSTRUMENTS])[0]
    yield _Trade(opened_s, closed_s, part_s, habits.login, instrument, chance.choice((BUY, SELL)), lots_e8)


class _Bookkeeper:
    """Books the invented trades in the order of time, as a server would have."""

    def __init__(self, book: Book, prices: _Prices, chance: random.Random, plan: BookPlan) -> None:
        self._book = book
        self._prices = prices
        self._chance = chance
        self._end_s = int(plan.until.timestamp())
        self._balance = {login: book.state_of(login).balance for login in book.users}

    def run(self, trades: list[_Trade]) -> None:
        events: list[tuple[int, int, int]] = []
        for number, trade in enumerate(trades):
            moments = ((trade.opened_s, 0), (trade.part_closed_s, 1), (trade.closed_s, 2))
            events += [(at, step, number) for at, step in moments if 0 < at < self._end_s]
        positions: dict[int, int] = {}
        for at_s, step, number in sorted(events):
            trade = trades[number]
            if step == 0:
                positions[number] = self._open(trade, at_s)
            else:
                self._close(trade, positions[number], at_s, in_part=step == 1)

    def _open(self, trade: _Trade, at_s: int) -> int:
        position = trading.open_position(
            self._book,
            login=trade.login,
            symbol=self._book.symbols[trade.instrument.name],
            action=trade.action,
            volume_e8=trade.lots_e8,
            quote=quote_at(trade.instrument, self._prices.mid(trade.instrument, at_s)),
            at_ms=self._wall_ms(at_s),
            reason=_one_of(self._chance, _OPEN_REASONS),
        )
        return position.position

    def _close(self, trade: _Trade, number: int, at_s: int, *, in_part: bool) -> None:
        position = self._book.positions[number]
        volume_e8 = position.volume_e8 // (2 * E8 // 100) * (E8 // 100) if in_part else position.volume_e8
        deal = trading.close_position(
            self._book,
            position=position,
            symbol=self._book.symbols[trade.instrument.name],
            quote=quote_at(trade.instrument, self._prices.mid(trade.instrument, at_s)),
            at_ms=self._wall_ms(at_s),
            volume_e8=volume_e8,
            swap=self._swap(trade, volume_e8, at_s),
            reason=_one_of(self._chance, _CLOSE_REASONS),
        )
        self._balance[trade.login] += deal.profit + deal.swap + deal.commission
        if self._balance[trade.login] < 0:
            self._top_up(trade.login, deal.time_ms)

    def _swap(self, trade: _Trade, volume_e8: int, at_s: int) -> Decimal:
        """Charge each night (21:00 UTC) that the lots were held, about 6 units of 100 000 a lot."""
        nights = (at_s - 21 * 3600) // _DAY - (trade.opened_s - 21 * 3600) // _DAY
        group = self._book.groups[self._book.users[trade.login].group]
        usd = Decimal(-nights) * volume_e8 / E8 * Decimal("6.20")
        return (usd * self._book.rate("USD", group.currency)).quantize(Decimal(1).scaleb(-group.currency_digits))

    def _top_up(self, login: int, at_ms: int) -> None:
        """Deposit again after a loss of everything: these clients do not give up."""
        amount = (abs(self._balance[login]) * 2 + 200).quantize(Decimal(1))
        trading.book_balance(
            self._book, login=login, kind=2, amount=amount, comment="Deposit", check_margin=False, at_ms=at_ms, dealer=0
        )
        self._balance[login] += amount

    def _wall_ms(self, at_s: int) -> int:
        moment = datetime.fromtimestamp(at_s, UTC)
        return self._book.clock.from_utc_ms(moment) + self._chance.randrange(1000)


def _one_of(chance: random.Random, shares: tuple[tuple[int, float], ...]) -> int:
    return chance.choices([code for code, _ in shares], [share for _, share in shares])[0]


def _poisson(chance: random.Random, mean: float) -> int:
    """Return a Poisson-distributed count (Knuth's method; the means here are small)."""
    limit, count, product = math.exp(-min(mean, 60.0)), 0, chance.random()
    while product > limit:
        count += 1
        product *= chance.random()
    return count
