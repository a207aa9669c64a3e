"""Every verdict says what would have to be different, with the facts of the deal in it."""

import pytest

from commissions.calculation import Verdict
from commissions.calculation.stops import _FACTS
from ui import why_not
from ui.why_not import what_would_pay

pytestmark = pytest.mark.unit


def test_every_verdict_but_paid_has_advice() -> None:
    assert set(why_not._ADVICE) == set(Verdict) - {Verdict.PAID}
    assert what_would_pay({"verdict": "paid", "level": 1}) == ""


@pytest.mark.parametrize("verdict", sorted(set(Verdict) - {Verdict.PAID}))
def test_advice_is_a_sentence_even_when_nothing_more_is_known(verdict: Verdict) -> None:
    sentence = what_would_pay({"verdict": verdict.code, "level": 2})

    assert sentence.endswith(".")
    assert "%(" not in sentence


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (
            {"verdict": "not_counted", "count_on": "open"},
            "The plan counts opening deals; this one closes. An opening deal would have been counted.",
        ),
        (
            {"verdict": "no_rate", "has_version": False},
            "No version of a plan was in force at that moment. A version in force then would have to be published.",
        ),
        (
            {"verdict": "no_rate", "symbol": "XAUUSD", "symbol_group": None, "mt_group": "cent"},
            "The plan would need a rate for the symbol XAUUSD, for its symbol group (none) or for all symbols, that "
            "holds for the account group cent.",
        ),
        (
            {"verdict": "excluded_reason", "reason": "dealer"},
            "This deal was made by: Dealer. The plan leaves such deals out.",
        ),
        (
            {"verdict": "level_not_covered", "level": 3, "max_level": 2},
            "The client stands at level 3; the plan pays up to level 2.",
        ),
        (
            {"verdict": "level_not_covered", "level": 3, "max_level": None},
            "The plan would need a rate for level 3.",
        ),
        (
            {"verdict": "no_fx_rate", "missing": "CHF"},
            "A rate of CHF against USD, from that moment or before, is missing.",
        ),
        (
            {"verdict": "unknown_lot_factor", "mt_group": "cent"},
            "The broker has to set the lot factor of the account group cent.",
        ),
        ({"verdict": "zero_base", "base": "profit"}, "The client’s deal made no profit. The plan shares profits only."),
        (
            {"verdict": "missing_data", "missing": "quote"},
            "The bid and ask of the deal, or of its opening, never came from the trading server.",
        ),
    ],
)  # fmt: skip
def test_advice_names_what_decided(values: dict[str, object], sentence: str) -> None:
    assert what_would_pay({"level": 1, **values}) == sentence


def test_facts_are_kept_for_verdicts_that_have_advice() -> None:
    assert set(_FACTS) <= set(why_not._ADVICE)
