"""Amounts of linear cells over whole batches: numpy where a bound rules out overflow, Python integers elsewhere."""

import numpy as np
import numpy.typing as npt

from core.money import div_half_even

Int64s = npt.NDArray[np.int64]

_MAX = 2**63 - 1
_HALF_MAX = 2**62 - 1


class Coefficients:
    """Numerators and denominators of many cells' levels as flat columns, each with the measure it can take.

    A measure up to `limit` cannot overflow: measure × num + den stays below 2^63. A coefficient that fits no int64
    has the limit -1, so that every row takes Python integers."""

    def __init__(self, fractions: list[tuple[int, int]]) -> None:
        self.exact = fractions
        fits = [num <= _HALF_MAX and den <= _HALF_MAX for num, den in fractions]
        self.num = np.array([num if ok else 0 for (num, _den), ok in zip(fractions, fits, strict=True)], dtype=np.int64)
        self.den = np.array([den if ok else 1 for (_num, den), ok in zip(fractions, fits, strict=True)], dtype=np.int64)
        self.limit = np.array(
            [(_HALF_MAX - den) // max(num, 1) if ok else -1 for (num, den), ok in zip(fractions, fits, strict=True)],
            dtype=np.int64,
        )


def amounts(measures: Int64s, which: Int64s, coefficients: Coefficients) -> Int64s:
    """Return round(measure × num / den), half to even, per element.

    `measures` are not negative; `which` names the coefficient of each element.

    :raises OverflowError: a true result leaves int64."""
    num, den = coefficients.num[which], coefficients.den[which]
    safe = measures <= coefficients.limit[which]
    product = np.where(safe, measures, 0) * num
    quotient = product // den
    rest = product - quotient * den
    twice = rest + rest
    quotient += (twice > den) | ((twice == den) & ((quotient & 1) == 1))
    for index in np.flatnonzero(~safe):
        quotient[index] = exact_amount(int(measures[index]), *coefficients.exact[int(which[index])])
    return quotient


def exact_amount(measure: int, num: int, den: int) -> int:
    """Return round(measure × num / den), half to even, in Python integers.

    :raises OverflowError: the result leaves a bigint column."""
    amount = div_half_even(measure * num, den)
    if amount > _MAX:
        raise OverflowError(f"{measure} × {num} / {den} is too large for a stored amount")
    return amount
