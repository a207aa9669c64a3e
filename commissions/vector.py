"""Amounts of linear cells over whole batches: numpy where a bound rules out overflow, Python integers elsewhere."""

from math import lcm

import numpy as np
import numpy.typing as npt

from core.money import div_half_even

Int64s = npt.NDArray[np.int64]

_SAFE = 2**62 - 1
LARGEST = 2**60  # 1e-8 units, 11.5 thousand million: sums of a few lines stay within a bigint
TOO_LARGE = -1  # stands for an amount above LARGEST
_COMMON = 10**9  # a common denominator above it is not worth its room


class Coefficients:
    """The coefficients of many cells: a cell's are numerators over one denominator, one cell after another.

    `largest` is a cell's greatest numerator. A cell that fits no int64 has denominator 0: its deals take Python
    integers."""

    def __init__(self, cells: list[list[tuple[int, int]]]) -> None:
        self.exact = cells
        scaled = [_over_one_denominator(cell) for cell in cells]
        self.num = np.array([num for nums, _den in scaled for num in nums], dtype=np.int64)
        self.den = np.array([den for _nums, den in scaled], dtype=np.int64)
        self.largest = np.array([max(nums, default=0) for nums, _den in scaled], dtype=np.int64)


def _over_one_denominator(cell: list[tuple[int, int]]) -> tuple[list[int], int]:
    common = lcm(*(den for _num, den in cell)) if cell else 1
    nums = [num * (common // den) for num, den in cell]
    if max(nums, default=0) > _SAFE or common > _SAFE:
        return [0] * len(nums), 0
    return nums, common


def amounts(measures: Int64s, cells: Int64s, offset: Int64s, width: int, coefficients: Coefficients) -> Int64s:
    """Return round(measure × num / den), half to even: a row per deal, a column per level of its cell.

    `measures` are not negative; `cells` names each deal's cell, all of `width` levels from `offset` on.

    int64 takes only deals for which measure × numerator + denominator stays below 2^62; others take Python integers.
    A result above LARGEST becomes TOO_LARGE: one impossible deal does not stop a batch."""
    if not len(measures) or not width:
        return np.zeros((len(measures), width), dtype=np.int64)
    den = coefficients.den[cells]
    common = _common_denominator(np.unique(den))
    divisor: Int64s | int = den[:, None] if common is None else common
    raised = np.ones_like(den) if common is None else common // np.maximum(den, 1)
    room = (_SAFE - (common or np.maximum(den, 1))) // np.maximum(coefficients.largest[cells], 1) // raised
    safe = (den > 0) & (measures <= room)
    product = coefficients.num[offset[:, None] + np.arange(width)]
    product *= np.where(safe, measures * raised, 0)[:, None] if not safe.all() else (measures * raised)[:, None]
    quotient = _divide_half_even(product, np.maximum(divisor, 1))
    if quotient.max() > LARGEST:
        quotient[quotient > LARGEST] = TOO_LARGE
    for index in np.flatnonzero(~safe).tolist():
        pairs = coefficients.exact[int(cells[index])]
        quotient[index] = [exact_amount(int(measures[index]), num, den) for num, den in pairs]
    return quotient


def _common_denominator(dens: Int64s) -> int | None:
    """Return one denominator for all, which numpy divides by much faster, or None."""
    common = lcm(*(int(den) for den in dens if den))
    return common if common <= _COMMON else None


def _divide_half_even(product: Int64s, divisor: "Int64s | int") -> Int64s:
    quotient: Int64s = product // divisor
    rest = product - quotient * divisor
    if rest.any():
        twice = rest + rest
        quotient += (twice > divisor) | ((twice == divisor) & ((quotient & 1) == 1))
    return quotient


def exact_amount(measure: int, num: int, den: int) -> int:
    """Return round(measure × num / den), half to even, in Python integers; TOO_LARGE above LARGEST."""
    amount = div_half_even(measure * num, den)
    return amount if amount <= LARGEST else TOO_LARGE


def multiplied(measures: Int64s, factors: list[tuple[int, int]], which: Int64s) -> Int64s:
    """Return round(measure × factor), half to even, with the factor that `which` names for each measure."""
    coefficients = Coefficients([[factor] for factor in factors])
    return amounts(measures, which, which, 1, coefficients)[:, 0]
