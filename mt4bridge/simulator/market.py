"""Prices of the simulated market: a quote per symbol, moved by a seeded walk, and conversion between currencies."""

import random
from dataclasses import dataclass
from decimal import Decimal

from mt4bridge.simulator.records import SimSymbol
from mt4bridge.simulator.trading import Quote


@dataclass(frozen=True, slots=True)
class Instrument:
    """A symbol of the generated book with how it trades."""

    name: str
    path: str
    size: int
    digits: int
    base: str
    quote: str
    start: float  # price the walk starts from
    day_move: float  # standard deviation of a day's return
    spread_points: int
    weight: float  # share of the clients' trades

    def symbol(self) -> SimSymbol:
        name = f"{self.base} vs {self.quote}"
        size = Decimal(self.size)
        return SimSymbol(self.name, f"{self.path}\\{self.name}", name, size, self.digits, self.base, self.quote)


INSTRUMENTS = (
    Instrument("EURUSD", "Forex\\Majors", 100_000, 5, "EUR", "USD", 1.0850, 0.0045, 9, 0.26),
    Instrument("GBPUSD", "Forex\\Majors", 100_000, 5, "GBP", "USD", 1.2700, 0.0050, 13, 0.13),
    Instrument("USDJPY", "Forex\\Majors", 100_000, 3, "USD", "JPY", 149.50, 0.0055, 11, 0.14),
    Instrument("USDCHF", "Forex\\Majors", 100_000, 5, "USD", "CHF", 0.8850, 0.0045, 14, 0.04),
    Instrument("AUDUSD", "Forex\\Majors", 100_000, 5, "AUD", "USD", 0.6550, 0.0055, 12, 0.06),
    Instrument("USDCAD", "Forex\\Majors", 100_000, 5, "USD", "CAD", 1.3600, 0.0040, 14, 0.04),
    Instrument("EURJPY", "Forex\\Crosses", 100_000, 3, "EUR", "JPY", 162.20, 0.0058, 17, 0.05),
    Instrument("GBPJPY", "Forex\\Crosses", 100_000, 3, "GBP", "JPY", 189.90, 0.0065, 22, 0.05),
    Instrument("XAUUSD", "Metals", 100, 2, "XAU", "USD", 2350.0, 0.0090, 22, 0.16),
    Instrument("XAGUSD", "Metals", 5_000, 3, "XAG", "USD", 29.50, 0.0150, 25, 0.02),
    Instrument("US500", "Indices", 50, 1, "USD", "USD", 5300.0, 0.0085, 6, 0.03),
    Instrument("BTCUSD", "Crypto", 1, 2, "BTC", "USD", 68_000.0, 0.0250, 1500, 0.02),
)
_CENT_OF = {"USC": ("USD", 100), "EUC": ("EUR", 100)}


class Market:
    """Current middle prices. Prices are made of floats, since they are invented; a quote leaves as a Decimal."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self.instruments = {instrument.name: instrument for instrument in INSTRUMENTS}
        self.mids = {instrument.name: instrument.start for instrument in INSTRUMENTS}

    def quote(self, symbol: str) -> Quote | None:
        """Return bid and ask now; None for a symbol this market does not trade."""
        instrument = self.instruments.get(symbol)
        return quote_at(instrument, self.mids[symbol]) if instrument else None

    def step(self, seconds: float) -> None:
        """Move every price by a random walk of so many seconds."""
        for name, instrument in self.instruments.items():
            move = self._random.gauss(0.0, instrument.day_move * (seconds / 86_400) ** 0.5)
            self.mids[name] *= 1 + move

    def rate(self, base: str, quote: str) -> Decimal:
        """Return how much of `quote` one unit of `base` is worth at middle prices; 1 when unknown."""
        return Decimal(repr(self._in_usd(base) / self._in_usd(quote)))

    def _in_usd(self, currency: str) -> float:
        if currency in _CENT_OF:
            whole, parts = _CENT_OF[currency]
            return self._in_usd(whole) / parts
        if f"{currency}USD" in self.mids:
            return self.mids[f"{currency}USD"]
        if f"USD{currency}" in self.mids:
            return 1 / self.mids[f"USD{currency}"]
        return 1.0


def quote_at(instrument: Instrument, mid: float) -> Quote:
    """Return bid and ask around a middle price, on the symbol's grid."""
    point = Decimal(1).scaleb(-instrument.digits)
    bid = Decimal(repr(mid)).quantize(point)
    return Quote(bid, bid + instrument.spread_points * point)
