"""Amounts of linear cells over whole batches: numpy where a bound rules out overflow, else long division by parts that
fit, and Python integers for what is left."""

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
_LONG = 2**52  # denominators up to it leave long division parts of 8 bits and more


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

    int64 takes only deals for which measure × numerator + denominator stays below 2^62; others are divided by parts, or
    take Python integers. A result above LARGEST becomes TOO_LARGE: one impossible deal does not stop a batch."""
    if not len(measures.num) or not width:
        return np.zeros((len(measures.num), width), dtype=np.int64)
    scaled, fits = product(measures.num, measures.times)
    den, den_fits = product(coefficients.den[cells], measures.over)
    common = _common_denominator(distinct(den)[0])
    divisor: Int64s | int = np.maximum(den, 1)[:, None] if common is None else common
    raised = np.ones_like(den) if common is None else common // np.maximum(den, 1)
    room = (_SAFE - (common or np.maximum(den, 1))) // np.maximum(coefficients.largest[cells], 1) // raised
    safe = fits & den_fits & (den > 0) & (scaled <= room)
    nums = coefficients.num[offset[:, None] + np.arange(width)]
    found = nums * np.where(safe, scaled * raised, 0)[:, None]
    quotient = _divide_half_even(found, divisor)
    by_parts = ~safe & fits & den_fits & (den > 0) & (den <= _LONG)
    by_parts &= scaled // np.maximum(den, 1) <= LARGEST // np.maximum(coefficients.largest[cells], 1)
    if by_parts.any():
        quotient[by_parts] = _divide_by_parts(scaled[by_parts], nums[by_parts], den[by_parts])
    if quotient.max() > LARGEST:
        quotient[quotient > LARGEST] = TOO_LARGE
    for index in np.flatnonzero(~safe & ~by_parts).tolist():
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
    found, *others = columns
    nothing = reduce(np.logical_or, [column == 0 for column in columns])
    fits = nothing | _within(found, _SAFE)
    for column in others:
        fits &= nothing | (_within(column, _SAFE) & _within(found, _SAFE // np.maximum(np.abs(column), 1)))
        found = np.where(fits, found, 0) * np.where(fits, column, 0)
    return np.where(fits, found, 0), fits


def _within(values: Int64s, bound: "Int64s | int") -> Bools:
    return np.asarray((values <= bound) & (values >= -bound))


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


def _divide_by_parts(scaled: Int64s, nums: Int64s, den: Int64s) -> Int64s:
    """Return round(scaled × num / den), half to even, where the product leaves int64: long division, some bits of the
    numerators at a time. Denominators up to _LONG, whole multiples of them × num up to LARGEST."""
    divisor = den[:, None]
    bits = 61 - int(den.max()).bit_length()  # a rest and its share of the product, each below den × 2^bits
    steps = -(-int(nums.max()).bit_length() // bits)
    whole = (scaled // den)[:, None]
    left = scaled[:, None] - whole * divisor
    quotient, rest = np.zeros_like(nums), np.zeros_like(nums)
    for step in range(steps - 1, -1, -1):
        part = (nums >> (bits * step)) & ((1 << bits) - 1)
        rest = (rest << bits) + left * part
        digits = rest // divisor
        rest -= digits * divisor
        quotient = (quotient << bits) + digits
    twice = rest + rest
    quotient += whole * nums
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
