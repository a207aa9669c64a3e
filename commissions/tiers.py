"""Which factor a tier gives: to a whole month, or piece by piece to a deal that crosses steps. Pure.

Measures are integers of 1e-20 (lots, USD or clients). Sums are compared with steps at 12 decimals: a deal's notional
may be a fraction without an end, and three thirds must reach the step that one whole reaches (decision 0013)."""

from bisect import bisect_right
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from commissions.calculation import TierPiece
from commissions.terms import Tiers

E20 = 10**20
_E12 = 10**12
_DROPPED = E20 // _E12
_ONE = Fraction(1)
Pieces = tuple[TierPiece, ...]


class _Steps(NamedTuple):
    """Steps of a tier: where each starts, in 1e-12, and its factor."""

    starts: tuple[int, ...]
    factors: tuple[Fraction, ...]


def to_e20(value: Fraction) -> int:
    """Return what one deal adds, rounded once, half to even."""
    return round(value * E20)


def from_e20(measure: int) -> Decimal:
    return Decimal(measure).scaleb(-20)


def factor_of(tiers: Tiers, measure: int) -> Pieces:
    """Return the one factor of a whole month."""
    steps = _steps(tiers)
    return (TierPiece(_ONE, steps.factors[bisect_right(steps.starts, _compared(measure)) - 1]),)


def pieces_of(tiers: Tiers, before: int, amount: int) -> Pieces:
    """Return the factors that a deal takes when `before` is reached before it and it adds `amount`."""
    steps = _steps(tiers)
    start, end = _compared(before), _compared(before + amount)
    if end <= start:
        return factor_of(tiers, before)
    cuts = [start, *(step for step in steps.starts if start < step < end), end]
    found: list[TierPiece] = []
    for low, high in pairwise(cuts):
        share = Fraction(high - low, end - start)
        factor = steps.factors[bisect_right(steps.starts, low) - 1]
        if found and found[-1].factor == factor:
            share += found.pop().share
        found.append(TierPiece(share, factor))
    return tuple(found)


def _compared(measure: int) -> int:
    whole, rest = divmod(measure, _DROPPED)
    half = _DROPPED // 2
    return whole + (rest > half or (rest == half and whole % 2 == 1))


@lru_cache(maxsize=4_096)
def _steps(tiers: Tiers) -> _Steps:
    return _Steps(
        tuple(int(step.start * _E12) for step in tiers.steps), tuple(Fraction(step.factor) for step in tiers.steps)
    )
