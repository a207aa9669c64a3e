"""Figures as text: nothing lost, the same in every language."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ui.exactness import fraction_text, plain_text
from ui.numbers import exact, exact_text, fixed

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("value", "places", "text"),
    [
        (Decimal("153639.794"), 2, "153,639.79"),
        (Decimal("0.125"), 2, "0.12"),
        (Decimal("0.135"), 2, "0.14"),
        (Decimal("-1234.5"), 2, "−1,234.50"),
        (Decimal("-0.004"), 2, "0.00"),
        (7, 0, "7"),
        (Decimal("12345678901234567890123456.5"), 0, "12,345,678,901,234,567,890,123,456"),
    ],
)
def test_fixed_rounds_half_to_even_with_separators(value: Decimal, places: int, text: str) -> None:
    assert fixed(value, places) == text


@pytest.mark.parametrize(
    ("value", "places", "parts"),
    [
        (Decimal("9"), 2, ("9.00", "")),
        (Decimal("0.12345678"), 2, ("0.12", "345678")),
        (Decimal("1000.50000000"), 2, ("1,000.50", "")),
        (Decimal("1.10500"), 0, ("1", ".105")),
        (Decimal("1E+3"), 0, ("1,000", "")),
        (Decimal("-3.001"), 2, ("−3.00", "1")),
    ],
)
def test_exact_keeps_every_decimal(value: Decimal, places: int, parts: tuple[str, str]) -> None:
    assert exact(value, places) == parts


@given(st.decimals(allow_nan=False, allow_infinity=False, places=8, min_value=-(10**20), max_value=10**20))
def test_exact_text_reads_back_as_the_same_figure(value: Decimal) -> None:
    assert Decimal(exact_text(value).replace(",", "").replace("−", "-")) == value


@pytest.mark.parametrize(
    ("value", "text", "plain"),
    [
        (Fraction(9, 2), "4.5", "4.5"),
        (Fraction(1, 3), "0.333333333333…", "1/3"),
        (Fraction(-2, 3), "−0.666666666666…", "-2/3"),
        (Fraction(100000), "100,000", "100000"),
        (Fraction(0), "0", "0"),
    ],
)
def test_fractions_say_whether_they_end(value: Fraction, text: str, plain: str) -> None:
    assert (fraction_text(value), plain_text(value)) == (text, plain)
