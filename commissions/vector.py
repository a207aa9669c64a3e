"""Amounts of linear cells over whole batches: numpy where a bound rules out overflow, Python integers elsewhere."""

from functools import reduce
from math import lcm
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from commissions.distinct import distinct
from core.money import div_half_even

Int64s = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

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


class Measured(NamedTuple):
    """What deals measure: num × times / over, in 1e-8 units, not negative."""

    num: Int64s
    times: Int64s
    over: Int64s

    @classmethod
    def whole(cls, num: Int64s) -> "Measured":
        """Return measures that are integers of 1e-8."""
        ones = np.ones_like(num)
        return cls(num, ones, ones)


def amounts(measures: Measured, cells: Int64s, offset: Int64s, width: int, coefficients: Coefficients) -> Int64s:
    """Return round(measure × num / den), half to even: a row per deal, a column per level of its cell.

    `cells` names each deal's cell, all of `width` levels from `offset` on.

    int64 takes only deals for which measure × numerator + denominator stays below 2^62; others take Python integers.
    A result above LARGEST becomes TOO_LARGE: one impossible deal does not stop a batch."""
    if not len(measures.num) or not width:
        return np.zeros((len(measures.num), width), dtype=np.int64)
    scaled, fits = product(measures.num, measures.times)
    den, den_fits = product(coefficients.den[cells], measures.over)
    common = _common_denominator(distinct(den)[0])
    divisor: Int64s | int = np.maximum(den, 1)[:, None] if common is None else common
    raised = np.ones_like(den) if common is None else common // np.maximum(den, 1)
    room = (_SAFE - (common or np.maximum(den, 1))) // np.maximum(coefficients.largest[cells], 1) // raised
    safe = fits & den_fits & (den > 0) & (scaled <= room)
    found = coefficients.num[offset[:, None] + np.arange(width)]
    found *= np.where(safe, scaled * raised, 0)[:, None] if not safe.all() else (scaled * raised)[:, None]
    quotient = _divide_half_even(found, divisor)
    if quotient.max() > LARGEST:
        quotient[quotient > LARGEST] = TOO_LARGE
    for index in np.flatnonzero(~safe).tolist():
        pairs = coefficients.exact[int(cells[index])]
        whole, over = int(measures.num[index]) * int(measures.times[index]), int(measures.over[index])
        quotient[index] = [exact_amount(whole, num, den * over) for num, den in pairs]
    return quotient


def product(*columns: Int64s) -> tuple[Int64s, Bools]:
    """Return the product of columns, and for which rows it stays below 2^62; elsewhere it is 0."""
    bound = 1
    for column in columns:
        bound *= max(abs(int(column.min(initial=0))), abs(int(column.max(initial=0))))
    if bound <= _SAFE:
        return reduce(np.multiply, columns), np.ones(len(columns[0]), dtype=np.bool_)
    exact = reduce(np.multiply, [column.astype(object) for column in columns])
    fits = np.asarray(np.abs(exact) <= _SAFE, dtype=np.bool_)
    return np.where(fits, exact, 0).astype(np.int64), fits


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
    return amounts(Measured.whole(measures), which, which, 1, coefficients)[:, 0]
