"""Currency rates as judging sees them: those known in time first, else the first that arrived late."""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from django.db.models import Q

from commissions.calculation import UsdQuote
from commissions.distinct import distinct
from commissions.judging.plans import to_us
from trading.models import FxRate

Int64s = npt.NDArray[np.int64]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Rate(NamedTuple):
    """One stored rate of a currency against USD, turned so that it says what one unit costs in USD."""

    at_us: int
    published_us: int
    pair: str
    usd: Fraction


def choose(rates: list[Rate], at_us: int) -> Rate | None:
    """Return the rate for a deal at `at_us`; `rates` are sorted by (at, published).

    The latest one that was known by then; if none was, the one published first, for a late rate touches only deals
    that had none (and then stays theirs, whatever arrives later)."""
    begun = rates[: bisect_right(rates, at_us, key=lambda rate: rate.at_us)]
    for rate in reversed(begun):
        if rate.published_us <= at_us:
            return rate
    return min(begun, key=lambda rate: (rate.published_us, -rate.at_us), default=None)


@dataclass(slots=True)
class Rates:
    """The rates that one batch needs, read currency by currency. `misses` collects what a deal lacked."""

    until_us: int
    misses: set[str] = field(default_factory=set)
    _by_currency: dict[str, list[Rate]] = field(default_factory=dict)

    def usd_quote(self, currency: str, at_us: int) -> UsdQuote | None:
        """Return what one unit of the currency cost in USD at the deal's time."""
        found = choose(self._rates_of(currency), at_us)
        if found is None:
            self.misses.add(currency)
            return None
        return UsdQuote(found.usd, found.pair, _EPOCH + timedelta(microseconds=found.at_us))

    def quotes(self, currency: str, at_us: Int64s) -> tuple[Int64s, list[Fraction]]:
        """Return which rate each moment takes, -1 where there is none, and the rates: USD per unit of the currency."""
        if currency == "USD":
            return np.zeros(len(at_us), dtype=np.int64), [Fraction(1)]
        rates = self._rates_of(currency)
        if not rates:
            return np.full(len(at_us), -1, dtype=np.int64), [Fraction(1)]
        usd = [rate.usd for rate in rates]
        known = np.array([max(rate.at_us, rate.published_us) for rate in rates], dtype=np.int64)
        if bool((np.diff(known) >= 0).all()):
            which = np.searchsorted(known, at_us, side="right") - 1
            late = which < 0  # none was known in time: perhaps one arrived later
        else:
            which, late = np.full(len(at_us), -1, dtype=np.int64), np.ones(len(at_us), dtype=np.bool_)
        if late.any():
            which[late] = self._chosen_late(rates, at_us[late])
        return which, usd

    @staticmethod
    def _chosen_late(rates: list[Rate], at_us: Int64s) -> Int64s:
        """Return the place of the rate that each moment takes, moment by moment."""
        place = {id(rate): number for number, rate in enumerate(rates)}
        moments, inverse = distinct(at_us)
        found = [choose(rates, moment) for moment in moments.tolist()]
        numbers = [-1 if rate is None else place[id(rate)] for rate in found]
        return np.array(numbers, dtype=np.int64)[inverse]

    def _rates_of(self, currency: str) -> list[Rate]:
        rates = self._by_currency.get(currency)
        if rates is None:
            rates = self._by_currency[currency] = sorted(self._read(currency))
        return rates

    def _read(self, currency: str) -> Iterable[Rate]:
        until = _EPOCH + timedelta(microseconds=self.until_us)
        pairs = Q(base=currency, quote="USD") | Q(base="USD", quote=currency)
        rows = FxRate.objects.filter(pairs, at__lte=until).order_by("at")
        for base, quote, rate, at, published in rows.values_list("base", "quote", "rate", "at", "published_at"):
            value = Fraction(rate)
            usd = value if base == currency else 1 / value
            yield Rate(to_us(at), to_us(published), base + quote, usd)
