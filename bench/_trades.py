"""A year of trading as columns: sessions of uneven clients on weekdays, an opening and one or two closings each.

A day is made from the seed and its own number alone, so a load that was interrupted goes on where it stopped."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from commissions.judging.wire import pg_time
from core.copying import HEADER, TRAILER
from mt4bridge.enums import DealEntry

Int64s = npt.NDArray[np.int64]
E8 = 10**8
DAY_US = 86_400_000_000
_HOUR_US = 3_600_000_000
_FRIDAY_CLOSE_US = 21 * _HOUR_US
_TRADES_A_SESSION = 6
_IN_PARTS = 20  # one trade in so many is closed in two parts
FIRST_TICKET = 10_000_000_000
_TICKETS_A_DAY = 10_000_000
_SESSIONS = ((8.0, 1.8), (14.0, 2.0), (2.0, 1.5))  # London, New York, Asia: hour of the middle, deviation
# trading_deal's columns in the order of the table's COPY, with their binary kinds.
_COLUMNS = (
    ("server_id", "i8"), ("ticket", "i8"), ("leg", "i2"), ("revision", "i2"), ("deleted", "b"), ("account_id", "i8"),
    ("symbol_id", "i8"), ("action", "i2"), ("entry", "i2"), ("reason", "i2"), ("position", "i8"), ("position_by", "i8"),
    ("mt_order", "i8"), ("volume_e8", "i8"), ("volume_closed_e8", "i8"), ("price_e8", "i8"), ("bid_e8", "i8"),
    ("ask_e8", "i8"), ("contract_size_e8", "i8"), ("digits", "i2"), ("profit_e8", "i8"), ("swap_e8", "i8"),
    ("commission_e8", "i8"), ("fee_e8", "i8"), ("deal_at", "i8"), ("comment", "t"), ("recorded_at", "i8"),
)  # fmt: skip
COPY_DEALS = f"COPY trading_deal ({', '.join(name for name, _kind in _COLUMNS)}) FROM STDIN (FORMAT binary)"
_WIDTHS = {"i8": 8, "i2": 2, "b": 1, "t": 0}


class Accounts(NamedTuple):
    """The accounts that trade, as columns."""

    pk: Int64s
    is_raw: npt.NDArray[np.bool_]  # its MT group charges commission


class Symbols(NamedTuple):
    """The symbols: ids, and which belong to one group."""

    pk: Int64s
    group: Int64s


@dataclass(frozen=True, slots=True)
class Plan:
    """How many trades each day has; `start` is the first day's midnight UTC."""

    start: datetime
    trades: list[int]

    @property
    def deals(self) -> int:
        return sum(2 * count + count // _IN_PARTS for count in self.trades)


def plan_year(*, deals: int, days: int, start: datetime, seed: int) -> Plan:
    """Spread the deals over the weekdays, some busier than others, so that at least `deals` come out."""
    weekdays = (start.weekday() + np.arange(days)) % 7
    busy = np.random.default_rng((seed, days)).gamma(25.0, 1 / 25.0, size=days) * (weekdays < 5)
    trades = np.ceil(busy / busy.sum() * deals / (2 + 1 / _IN_PARTS)).astype(int) + (weekdays < 5)
    return Plan(start, trades.tolist())


class Market:
    """Makes the deals of any day. `weights` of accounts: gamma, so that few clients make most of the trades."""

    def __init__(self, plan: Plan, accounts: Accounts, symbols: Symbols, *, server_id: int, seed: int) -> None:
        self._plan = plan
        self._accounts = accounts
        self._symbols = symbols
        self._server_id = server_id
        self._seed = seed
        chance = np.random.default_rng((seed, 1))
        weights = chance.gamma(0.5, 1.0, size=len(accounts.pk))
        self._cumulative = np.cumsum(weights) / weights.sum()
        self._favourite = chance.integers(len(symbols.pk), size=len(accounts.pk))
        self._prices = chance.integers(50_000_000, 200_000_000, size=len(symbols.pk))

    def deals(self, day: int) -> dict[str, Int64s]:
        """Return the deals that a day's trades lead to, also those closed on the day after; times in 1970's µs."""
        count = self._plan.trades[day]
        chance = np.random.default_rng((self._seed, 2, day))
        account, opened, closed = self._when(count, day, chance)
        symbol = self._what(account, chance)
        parts = np.arange(count) < count // _IN_PARTS  # the first ones, in whatever order of time
        volume = np.maximum(np.round(np.exp(chance.normal(-1.2, 0.9, size=count)) * 100), 2).astype(np.int64) * 10**6
        first_half = volume // 2 // 10**6 * 10**6
        ticket = FIRST_TICKET + day * _TICKETS_A_DAY + np.arange(count)
        side = chance.integers(2, size=count)
        legs = [
            self._leg(ticket, ticket, account, symbol, side, opened, volume, DealEntry.IN, chance),
            self._leg(
                ticket + _TICKETS_A_DAY // 4, ticket, account, symbol, 1 - side, closed,
                np.where(parts, first_half, volume), DealEntry.OUT, chance,
            ),
        ]  # fmt: skip
        rest = np.flatnonzero(parts)
        legs.append(
            self._leg(
                (ticket + _TICKETS_A_DAY // 2)[rest], ticket[rest], account[rest], symbol[rest], (1 - side)[rest],
                closed[rest] + 60_000_000, (volume - first_half)[rest], DealEntry.OUT, chance,
            )
        )  # fmt: skip
        return {name: np.concatenate([leg[name] for leg in legs]) for name in legs[0]}

    def _when(self, count: int, day: int, chance: np.random.Generator) -> tuple[Int64s, Int64s, Int64s]:
        """Return (account's place, opened, closed): some sessions a day, each with trades minutes apart."""
        sessions = max(1, count // _TRADES_A_SESSION)
        who = np.searchsorted(self._cumulative, chance.random(sessions))
        middle = np.array([hour for hour, _deviation in _SESSIONS])
        deviation = np.array([each for _hour, each in _SESSIONS])
        which = chance.choice(len(_SESSIONS), p=(0.45, 0.4, 0.15), size=sessions)
        began = np.clip(chance.normal(middle[which], deviation[which]), 0.0, 20.5) * _HOUR_US
        session = np.sort(chance.integers(sessions, size=count))
        opened = began[session] + chance.exponential(0.6 * _HOUR_US, size=count)
        closed = opened + np.exp(chance.normal(7.5, 1.4, size=count)) * 1_000_000
        midnight = int(self._plan.start.timestamp()) * 1_000_000 + day * DAY_US
        is_friday = (self._plan.start.weekday() + day) % 7 == 4
        last = _FRIDAY_CLOSE_US if is_friday else 2 * DAY_US - 120_000_000
        opened = np.minimum(opened, min(last, DAY_US) - 600_000_000)
        closed = np.minimum(np.maximum(closed, opened + 1_000_000), last)
        return who[session], opened.astype(np.int64) + midnight, closed.astype(np.int64) + midnight

    def _what(self, account: Int64s, chance: np.random.Generator) -> Int64s:
        """Return each trade's symbol by place: mostly the account's favourite."""
        drawn = chance.integers(len(self._symbols.pk), size=len(account))
        return np.where(chance.random(len(account)) < 0.8, self._favourite[account], drawn)

    def _leg(
        self, ticket: Int64s, position: Int64s, account: Int64s, symbol: Int64s, side: Int64s, at_us: Int64s,
        volume: Int64s, entry: DealEntry, chance: np.random.Generator,
    ) -> dict[str, Int64s]:  # fmt: skip
        count = len(ticket)
        price = self._prices[symbol] + chance.integers(-500_000, 500_000, size=count)
        closes = entry != DealEntry.IN
        charged = np.where(self._accounts.is_raw[account], volume * 7 // 2, 0)
        return {
            "ticket": ticket, "account_id": self._accounts.pk[account], "symbol_id": self._symbols.pk[symbol],
            "action": side, "entry": np.full(count, int(entry)), "reason": chance.integers(3, size=count),
            "position": position, "mt_order": ticket, "volume_e8": volume,
            "volume_closed_e8": volume if closes else np.zeros(count, dtype=np.int64), "price_e8": price,
            "bid_e8": price, "ask_e8": price + chance.integers(1_000, 30_000, size=count),
            "profit_e8": chance.normal(0, 40 * E8, size=count).astype(np.int64) if closes else np.zeros(count, int),
            "commission_e8": -charged, "at_us": at_us,
        }  # fmt: skip

    def pack(self, deals: dict[str, Int64s]) -> bytes:
        """Return the deals as one binary COPY, in the order of time."""
        order = np.lexsort((deals["ticket"], deals["at_us"]))
        values: dict[str, Int64s | int] = {name: column[order] for name, column in deals.items()}
        at = pg_time(deals["at_us"][order])
        values |= {"server_id": self._server_id, "contract_size_e8": 100_000 * E8, "digits": 5}
        values |= {"deal_at": at, "recorded_at": at + 500_000}
        rows = np.zeros(len(order), dtype=_LAYOUT)
        rows["_count"] = len(_COLUMNS)
        for name, kind in _COLUMNS:
            rows[f"{name}_size"] = _WIDTHS[kind]
            if name in values:
                rows[name] = values[name]
        return HEADER + rows.tobytes() + TRAILER


def _layout() -> np.dtype[np.void]:
    fields: list[tuple[str, str]] = [("_count", ">i2")]
    for name, kind in _COLUMNS:
        fields.append((f"{name}_size", ">i4"))
        if kind != "t":
            fields.append((name, "u1" if kind == "b" else f">{kind}"))
    return np.dtype(fields)


_LAYOUT = _layout()


def within(deals: dict[str, Int64s], first_us: int, last_us: int) -> dict[str, Int64s]:
    """Return the deals of a half-open period."""
    chosen = (deals["at_us"] >= first_us) & (deals["at_us"] < last_us)
    return {name: column[chosen] for name, column in deals.items()}
