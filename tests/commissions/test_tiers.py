"""Factors of tiers, without a database: worked by hand, and that pieces always make up the deal."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commissions.calculation import TierPiece
from commissions.terms import TierMeasure, TierMode, Tiers, TierScope, TierStep
from commissions.tiers import E20, factor_of, pieces_of, to_e20

pytestmark = pytest.mark.unit


def make_tiers(*steps: tuple[str, str]) -> Tiers:
    made = tuple(TierStep(Decimal(start), Decimal(factor)) for start, factor in steps)
    return Tiers(TierMeasure.LOTS, TierScope.DIRECT, TierMode.MARGINAL, made)


TIERS = make_tiers(("0", "1"), ("100", "1.5"), ("200", "2"))


def piece(share: str, factor: str) -> TierPiece:
    return TierPiece(Fraction(share), Fraction(factor))


@pytest.mark.parametrize(
    ("measure", "factor"), [("0", "1"), ("99.99999999", "1"), ("100", "1.5"), ("199", "1.5"), ("5000", "2")]
)
def test_a_month_takes_the_last_step_it_reaches(measure: str, factor: str) -> None:
    assert factor_of(TIERS, to_e20(Fraction(measure))) == (piece("1", factor),)


@pytest.mark.parametrize(
    ("before", "amount", "expected"),
    [
        ("0", "100", [("1", "1")]),  # ends at the step, which belongs to the next deal
        ("100", "1", [("1", "1.5")]),
        ("60", "70", [("4/7", "1"), ("3/7", "1.5")]),
        ("50", "250", [("1/5", "1"), ("2/5", "1.5"), ("2/5", "2")]),
        ("150", "0", [("1", "1.5")]),  # adds nothing: the factor reached so far
        ("100", "0", [("1", "1.5")]),
    ],
)
def test_a_deal_is_split_at_the_steps_it_crosses(before: str, amount: str, expected: list[tuple[str, str]]) -> None:
    pieces = pieces_of(TIERS, to_e20(Fraction(before)), to_e20(Fraction(amount)))

    assert pieces == tuple(piece(*each) for each in expected)


def test_steps_of_one_factor_do_not_split() -> None:
    tiers = make_tiers(("0", "2"), ("10", "2"), ("20", "3"))

    assert pieces_of(tiers, 0, 30 * E20) == (piece("2/3", "2"), piece("1/3", "3"))


def test_thirds_reach_the_step_that_one_whole_reaches() -> None:
    third = to_e20(Fraction(100, 3))

    assert factor_of(TIERS, 3 * third) == factor_of(TIERS, 100 * E20)
    assert pieces_of(TIERS, 3 * third, E20) == (piece("1", "1.5"),)


@given(before=st.integers(0, 400), amounts=st.lists(st.integers(1, 150), min_size=1, max_size=6))
def test_pieces_pay_what_the_steps_say_however_deals_are_cut(before: int, amounts: list[int]) -> None:
    together = pieces_of(TIERS, before * E20, sum(amounts) * E20)
    reached, apart = before, Fraction(0)
    for amount in amounts:
        pieces = pieces_of(TIERS, reached * E20, amount * E20)
        assert sum(each.share for each in pieces) == 1
        apart += amount * sum((each.share * each.factor for each in pieces), Fraction(0))
        reached += amount

    assert apart == sum(amounts) * sum((each.share * each.factor for each in together), Fraction(0))
