"""What is passed on is never more than the giver's own, whatever the plan says."""

from decimal import Decimal
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commissions.delegation.deriving import derived_terms, key_of, part_of
from commissions.terms import parse_terms, terms_as_dict
from crm.scenarios.world import terms_of
from tests.commissions.random_documents import random_document
from tests.commissions.test_terms import WHOLE

pytestmark = pytest.mark.unit

PERCENTS = st.decimals(0, 100, places=8)


@given(st.decimals(0, 10**12, places=10), PERCENTS)
def test_a_part_is_never_more_than_the_whole(value: Decimal, percent: Decimal) -> None:
    part = part_of(value, percent)

    assert 0 <= part <= value
    assert abs(part - value * percent / 100) <= Decimal("1e-10") or value > 10**6


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**9), PERCENTS, PERCENTS)
def test_derived_terms_are_terms_and_leave_a_margin(seed: int, percent: Decimal, other: Decimal) -> None:
    for rows in random_document(Random(seed))["plans"].values():
        for plain in rows:
            terms, faults = parse_terms(terms_of(plain))
            if terms is None:
                continue
            first = {key_of(rate): other for rate in terms.rates[:1]}
            made = derived_terms(terms, percent=percent, rows=first, client_percent=None, is_below=True)
            assert parse_terms(terms_as_dict(made)) == (made, ()), faults
            assert all(mine.value >= given.value for mine, given in zip(terms.rates, made.rates, strict=True))


def test_what_is_measured_on_others_stays_the_givers() -> None:
    terms, faults = parse_terms(WHOLE)
    assert terms is not None, faults

    below = derived_terms(terms, percent=Decimal(50), rows={}, client_percent=None, is_below=True)
    own = derived_terms(terms, percent=Decimal(100), rows={}, client_percent=Decimal(20), is_below=False)

    assert (below.tiers, below.cpa, below.client_rebate_percent, below.rates[0].levels) == (None, None, None, ())
    assert (below.min_hold_seconds, below.exclude_reasons, below.cap_per_order) == (
        terms.min_hold_seconds, terms.exclude_reasons, terms.cap_per_order,
    )  # fmt: skip
    assert (own.tiers, own.cpa, own.client_rebate_percent) == (terms.tiers, terms.cpa, Decimal(20))
    assert own.rates == terms.rates
