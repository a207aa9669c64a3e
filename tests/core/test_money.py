"""Money: exact amounts, one rounding, no currencies mixed."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.money import MAX_E8, Money, div_half_even, from_e8, minor_digits, quantize, round_to, to_e8

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("currency", "digits"), [("USD", 2), ("EUR", 2), ("JPY", 0), ("KWD", 3), ("BTC", 8), ("USDT", 6), ("CLF", 4)]
)
def test_minor_digits_follow_the_currency(currency: str, digits: int) -> None:
    assert minor_digits(currency) == digits


@pytest.mark.parametrize(
    ("amount", "currency", "rounded"),
    [
        ("0.125", "USD", "0.12"),
        ("0.135", "USD", "0.14"),
        ("-0.125", "USD", "-0.12"),
        ("2.5", "JPY", "2"),
        ("3.5", "JPY", "4"),
        ("1.0005", "KWD", "1.000"),
    ],
)
def test_rounding_is_half_to_even_at_the_minor_unit(amount: str, currency: str, rounded: str) -> None:
    assert str(round_to(Decimal(amount), currency)) == rounded


@given(st.integers(-MAX_E8, MAX_E8))
def test_e8_goes_there_and_back_exactly(scaled: int) -> None:
    assert to_e8(from_e8(scaled)) == scaled


@pytest.mark.parametrize("amount", ["0.000000001", "NaN", "Infinity", "92233720368.54775808"])
def test_what_does_not_fit_e8_is_refused(amount: str) -> None:
    with pytest.raises(ValueError, match=r"finite|decimals|large"):
        to_e8(Decimal(amount))


@given(st.integers(-(10**30), 10**30), st.integers(1, 10**20))
def test_div_half_even_equals_the_rounded_fraction(numerator: int, denominator: int) -> None:
    assert div_half_even(numerator, denominator) == round(Fraction(numerator, denominator))


def test_quantize_keeps_large_amounts_exact() -> None:
    amount = Decimal("123456789012345678901234567890.123456785")

    assert str(quantize(amount, 8)) == "123456789012345678901234567890.12345678"


def test_money_adds_within_one_currency_only() -> None:
    ten = Money(Decimal("10.005"), "USD")

    assert (ten + ten, ten - ten, -ten) == (
        Money(Decimal("20.010"), "USD"), Money(Decimal("0.000"), "USD"), Money(Decimal("-10.005"), "USD"),
    )  # fmt: skip
    assert (ten.rounded(), str(ten)) == (Money(Decimal("10.00"), "USD"), "10.005 USD")
    with pytest.raises(ValueError, match="cannot mix USD and EUR"):
        ten + Money(Decimal(1), "EUR")
