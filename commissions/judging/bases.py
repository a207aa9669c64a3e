"""What deals measure, for whole columns: turnover, points, spread, commission, profit, revenue, converted.

Exact: integers in int64 where a bound rules out overflow, Python integers elsewhere. A deal that lacks something, or
whose numbers fit nowhere, is left to the exact path. Source: the scenario specification, "rates rows"."""

from collections.abc import Callable
from fractions import Fraction
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from commissions.distinct import distinct
from commissions.judging.cells import Formula
from commissions.judging.columns import MISSING, Rows
from commissions.judging.openings import Openings
from commissions.judging.rates import Rates
from commissions.resolve import Conversion, Kind, Measure
from commissions.terms import SpreadAt
from commissions.vector import Measured, product
from core.money import E8

Int64s = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
_SAFE = 2**62 - 1
_DIGITS = 18  # 10^18 is the largest power of ten below 2^62


class Deals(NamedTuple):
    """The deals of one formula, with what belongs to them: their openings, and which of the lot factors each takes."""

    rows: Rows
    openings: Openings
    factor: Int64s
    lot_factors: list[Fraction]


class _Value(NamedTuple):
    """num × constant / over in 1e-8 units, where `known`."""

    num: Int64s
    constant: Fraction
    over: Int64s
    known: Bools

    @classmethod
    def of(cls, *columns: Int64s, constant: Fraction = Fraction(1)) -> Self:
        """Return the product of columns of integers, each lowered by what all its rows share."""
        lowered = []
        for column in columns:
            shared = int(np.gcd.reduce(column)) or 1
            lowered.append(column // shared)
            constant *= shared
        num, known = product(*lowered)
        return cls(num, constant, np.ones_like(num), known)


def measure_deals(formula: Formula, deals: Deals, rates: Rates) -> tuple[Measured, Bools]:
    """Return what the deals measure in the IBs' currency, and for which of them that is known."""
    measure, conversion = formula
    if measure.kind is Kind.REVENUE and conversion is not None:
        return _revenue(measure, conversion, deals, rates)
    value = _VALUES[measure.kind](measure, deals)
    value = value._replace(num=np.maximum(value.num, 0))
    return _converted(value, _factors(conversion, deals.rows["at_us"], rates), _lot_factors(measure, deals))


def _lots(_measure: Measure, deals: Deals) -> _Value:
    return _Value.of(deals.rows["volume_e8"])


def _turnover(_measure: Measure, deals: Deals) -> _Value:
    rows = deals.rows
    return _Value.of(rows["volume_e8"], rows["price_e8"], rows["contract_size_e8"], constant=Fraction(1, E8**2))


def _points(_measure: Measure, deals: Deals) -> _Value:
    rows = deals.rows
    value = _Value.of(rows["volume_e8"], rows["contract_size_e8"], constant=Fraction(1, E8))
    digits = rows["digits"]
    fits = (digits >= 0) & (digits <= _DIGITS)
    return value._replace(over=10 ** np.where(fits, digits, 0), known=value.known & fits)


def _profit(_measure: Measure, deals: Deals) -> _Value:
    return _Value.of(deals.rows["profit_e8"])


def _spread(measure: Measure, deals: Deals) -> _Value:
    """Lots × spread × contract size. Of two spreads the sum is taken and the value halved, which keeps integers."""
    rows = deals.rows
    halves = 2 if measure.spread_at is SpreadAt.HALF_AND_HALF else 1
    spread, known = _spreads(measure.spread_at, deals)
    if measure.cap_points is not None:
        most, whole = _most(measure.cap_points * halves, rows["digits"])
        spread, known = np.minimum(spread, most), known & whole
    spread = np.where(known, spread, 0)
    constant = Fraction(1, E8**2 * halves)
    value = _Value.of(rows["volume_e8"], spread, rows["contract_size_e8"], constant=constant)
    return value._replace(known=value.known & known)


def _spreads(at: SpreadAt | None, deals: Deals) -> tuple[Int64s, Bools]:
    rows, openings = deals.rows, deals.openings
    quoted = (rows["bid_e8"] != MISSING) & (rows["ask_e8"] != MISSING)
    own = np.where(quoted, rows["ask_e8"] - np.where(quoted, rows["bid_e8"], 0), 0)
    if at is SpreadAt.CLOSE:
        return own, quoted
    opened = openings.simple & (openings.spread != MISSING)
    opening = np.where(opened, openings.spread, 0)
    return (opening, opened) if at is SpreadAt.OPEN else (opening + own, opened & quoted)


def _most(points: Fraction, digits: Int64s) -> tuple[Int64s, Bools]:
    """Return the widest spread that counts, in 1e-8, and where it is a whole number of them."""
    kinds, place = distinct(digits)
    exact = [points * E8 / Fraction(10) ** int(each) for each in kinds.tolist()]
    whole = np.array([each.denominator == 1 and each <= _SAFE for each in exact], dtype=np.bool_)
    most = np.array([int(each) if fits else 0 for each, fits in zip(exact, whole, strict=True)], dtype=np.int64)
    return most[place], whole[place]


def _commission(measure: Measure, deals: Deals) -> _Value:
    """What was charged; with the opening's share, over the position's volume as far as it does not cancel out."""
    rows, openings = deals.rows, deals.openings
    charged = -rows["commission_e8"]
    if not measure.with_opening:
        return _Value.of(charged)
    volume = np.maximum(openings.volume, 1)
    common = np.gcd(rows["volume_e8"], volume)
    closed, opened = rows["volume_e8"] // common, volume // common
    own, own_fits = product(charged, opened)
    share, share_fits = product(-openings.commission, closed)
    known = openings.simple & own_fits & share_fits
    return _Value(own + share, Fraction(1), opened, known)


_VALUES: dict[Kind, Callable[[Measure, Deals], _Value]] = {
    Kind.LOTS: _lots,
    Kind.TURNOVER: _turnover,
    Kind.POINTS: _points,
    Kind.SPREAD: _spread,
    Kind.COMMISSION: _commission,
    Kind.PROFIT: _profit,
}


_BY_LOTS = frozenset({Kind.LOTS, Kind.TURNOVER, Kind.POINTS, Kind.SPREAD})


def _lot_factors(measure: Measure, deals: Deals) -> tuple[Int64s, list[Fraction]]:
    """Return which lot factor each deal is multiplied by, and the factors; money has none."""
    if measure.kind in _BY_LOTS:
        return deals.factor, deals.lot_factors
    return np.zeros(len(deals.factor), dtype=np.int64), [Fraction(1)]


def _converted(
    value: _Value, rate: tuple[Int64s, list[Fraction], Bools], lots: tuple[Int64s, list[Fraction]]
) -> tuple[Measured, Bools]:
    """Multiply by the constant, by the rate of each deal's time and by its lot factor."""
    which, rates, known = rate
    factor, lot_factors = lots
    times, divisor, fits = _split([rate * value.constant * each for rate in rates for each in lot_factors])
    place = which * len(lot_factors) + factor
    over, over_fits = product(value.over, divisor[place])
    return Measured(value.num, times[place], over), value.known & known & fits[place] & over_fits


def _split(fractions: list[Fraction]) -> tuple[Int64s, Int64s, Bools]:
    fits = [each.numerator <= _SAFE and each.denominator <= _SAFE for each in fractions]
    kept = [each if fit else Fraction(1) for each, fit in zip(fractions, fits, strict=True)]
    nums = np.array([each.numerator for each in kept], dtype=np.int64)
    return nums, np.array([each.denominator for each in kept], dtype=np.int64), np.array(fits, dtype=np.bool_)


def _factors(conversion: Conversion | None, at_us: Int64s, rates: Rates) -> tuple[Int64s, list[Fraction], Bools]:
    """Return which factor each deal takes, the factors, and for which deals all rates are known."""
    if conversion is None:
        return np.zeros(len(at_us), dtype=np.int64), [Fraction(1)], np.ones(len(at_us), dtype=np.bool_)
    one, sources = rates.quotes(conversion.source, at_us)
    other, targets = rates.quotes(conversion.target, at_us)
    known = (one >= 0) & (other >= 0)
    for currency in conversion.through:
        known &= rates.quotes(currency, at_us)[0] >= 0
    pairs, which = distinct(np.where(known, one * len(targets) + other, -1))
    factors = [
        sources[pair // len(targets)] / targets[pair % len(targets)] if pair >= 0 else Fraction(1)
        for pair in pairs.tolist()
    ]
    return which, factors, known


def _revenue(measure: Measure, conversion: Conversion, deals: Deals, rates: Rates) -> tuple[Measured, Bools]:
    """Spread part × lot factor + commission part [- swap], each converted; a part of zero needs no rate."""
    spread, rest = _spread(measure, deals), _rest(measure, deals)
    of_account = conversion._replace(source=conversion.through[0])
    one, known = _part(spread, conversion, deals, rates, (deals.factor, deals.lot_factors))
    nobody = np.zeros(len(deals.factor), dtype=np.int64)
    other, other_known = _part(rest, of_account, deals, rates, (nobody, [Fraction(1)]))
    known &= other_known
    num, over, fits = _added(one, other)
    left = np.flatnonzero(known & ~fits)
    if len(left):
        exact = _added_exactly(
            Measured(*(column[left] for column in one)), Measured(*(column[left] for column in other))
        )
        num[left], over[left], fits[left] = exact
    return Measured(np.where(fits, num, 0), np.ones_like(over), np.where(fits, over, 1)), known & fits


def _part(
    value: _Value, conversion: Conversion, deals: Deals, rates: Rates, lots: tuple[Int64s, list[Fraction]]
) -> tuple[Measured, Bools]:
    needed = None if conversion.source == conversion.target else conversion._replace(through=())
    which, factors, known = _factors(needed, deals.rows["at_us"], rates)
    return _converted(value, (which, factors, known | (value.num == 0)), lots)


def _added(one: Measured, other: Measured) -> tuple[Int64s, Int64s, Bools]:
    """Return numerators and denominators of the sums, nothing below zero, and which of them stayed within int64."""
    (a, b, fits), (c, d, other_fits) = (_lowest(each) for each in (one, other))
    shared = np.maximum(np.gcd(b, d), 1)
    left, left_fits = product(a, d // shared)
    right, right_fits = product(c, b // shared)
    over, over_fits = product(b, d // shared)
    num = np.maximum(left + right, 0)
    common = np.gcd(num, np.maximum(over, 1))
    fits = fits & other_fits & left_fits & right_fits & over_fits & (num <= _SAFE)
    return num // common, over // common, fits


def _lowest(measured: Measured) -> tuple[Int64s, Int64s, Bools]:
    num, fits = product(measured.num, measured.times)
    common = np.maximum(np.gcd(num, measured.over), 1)
    return num // common, measured.over // common, fits


def _added_exactly(one: Measured, other: Measured) -> tuple[Int64s, Int64s, Bools]:
    """Return what `_added` does, by Python integers."""
    a, times, b, c, other_times, d = (column.astype(object) for column in (*one, *other))
    num, over = np.maximum(a * times * d + c * other_times * b, 0), b * d
    common = np.gcd(num, over)
    num, over = num // common, over // common
    fits = np.asarray((num <= _SAFE) & (over <= _SAFE), dtype=np.bool_)
    return np.where(fits, num, 0).astype(np.int64), np.where(fits, over, 1).astype(np.int64), fits


def _rest(measure: Measure, deals: Deals) -> _Value:
    value = _commission(measure, deals)
    if not measure.with_swap:
        return value
    swap, fits = product(deals.rows["swap_e8"], value.over)
    charged, charged_fits = product(value.num, np.full(len(value.num), value.constant.numerator))
    return _Value(charged - swap, Fraction(1), value.over, value.known & fits & charged_fits)
