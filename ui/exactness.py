"""Exact fractions of the engine as text."""

from decimal import Decimal
from fractions import Fraction

from ui.numbers import exact_text

MAX_PLACES = 12
ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"


def as_decimal(value: Fraction | Decimal | int) -> tuple[Decimal, bool]:
    """Return the value with up to twelve decimals, and whether that is all of it."""
    fraction = Fraction(value)
    scaled = fraction * 10**MAX_PLACES
    whole = int(scaled)  # towards zero: the digits shown are digits of the value
    return Decimal(whole).scaleb(-MAX_PLACES), scaled == whole


def fraction_text(value: Fraction | Decimal | int, places: int = 0) -> str:
    """Write a value with as many decimals as it has, at least `places`; an endless one ends in an ellipsis."""
    number, is_all = as_decimal(value)
    return exact_text(number, places) + ("" if is_all else ELLIPSIS)


def plain_text(value: Fraction | Decimal | int) -> str:
    """Write a value for machines: a decimal where it has an end, else numerator/denominator."""
    fraction = Fraction(value)
    number, is_all = as_decimal(fraction)
    if not is_all:
        return f"{fraction.numerator}/{fraction.denominator}"
    return f"{number.normalize():f}" if number else "0"
