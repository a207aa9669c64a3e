"""What the calculation does with what later parts give it: tier factors and advances; and the steps it records."""

from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

import pytest

from commissions.calculation import (
    DealFacts,
    Member,
    Part,
    PartKind,
    SymbolFacts,
    TierPiece,
    UsdQuote,
    Verdict,
    judge_chain,
)
from commissions.terms import Terms, parse_terms

pytestmark = pytest.mark.unit
AT = datetime(2026, 3, 2, 12, tzinfo=UTC)
SYMBOL = SymbolFacts("EURUSD", "majors", Fraction(100_000), 5, "USD")


def terms(**plain: Any) -> Terms:
    rates = [{"any": True, "base": "per_lot", "rate": "10", "currency": "USD"}]
    read, faults = parse_terms({"rates": rates, **plain})
    assert faults == ()
    assert read is not None
    return read


def one_lot() -> DealFacts:
    return DealFacts(AT, "client", SYMBOL, "std", "USD", Fraction(1), (Part(PartKind.CLOSING, Fraction(1)),))


def no_rates(_currency: str) -> UsdQuote | None:
    return None


def test_a_split_tier_pays_each_part_with_its_own_factor() -> None:
    pieces = (TierPiece(Fraction(1, 4), Fraction(1)), TierPiece(Fraction(3, 4), Fraction(2)))
    member = Member("USD", terms(), tier_pieces=pieces)

    (outcome,) = judge_chain(one_lot(), [member], no_rates, explain=True).outcomes

    assert outcome.pay == Fraction(35, 2)
    assert [step.code for step in outcome.steps] == [
        "counted",
        "rate_row",
        "base_per_lot",
        "times_rate",
        "tier",
        "rounded",
    ]


def test_an_advance_is_held_back_and_still_counts_as_paid_below() -> None:
    direct = Member("USD", terms(), to_recover=Fraction(4))
    upper = Member("USD", terms(upline={"mode": "percent_of_child", "percent": "50"}))

    low, top = judge_chain(one_lot(), [direct, upper], no_rates).outcomes

    assert (low.verdict, low.pay, low.line, low.recovered) == (Verdict.PAID, 10, 6, 4)
    assert top.line == 5


def test_an_advance_that_takes_all_says_so() -> None:
    (outcome,) = judge_chain(one_lot(), [Member("USD", terms(), to_recover=Fraction(99))], no_rates).outcomes

    assert (outcome.verdict, outcome.line, outcome.recovered) == (Verdict.CPA_RECOVERED, 0, 10)


def test_equal_ranks_get_a_share_of_the_nearest() -> None:
    upline = {"mode": "difference", "same_rank": {"percent": "10"}}
    members = [
        Member("USD", terms(), rank=2),
        Member("USD", terms(), rank=1),
        Member("USD", terms(upline=upline), rank=2),
    ]

    result = judge_chain(one_lot(), members, no_rates, explain=True)

    assert [outcome.line for outcome in result.outcomes] == [10, 0, 1]
    assert [step.code for step in result.outcomes[2].steps][-2:] == ["same_rank", "rounded"]


def test_a_chain_without_ibs_gives_nothing() -> None:
    assert judge_chain(one_lot(), [], no_rates).outcomes == ()
