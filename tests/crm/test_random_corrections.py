"""Ten thousand corrections of the past leave every book agreeing, and end as one delivery of the final history."""

from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from random import Random

import pytest

from commissions.verify import verify_commissions
from crm.scenarios.settling import stored_figures
from ib.queries import verify_network
from ledger.verify import verify_ledger
from tenancy.models import Broker
from tests import reference
from tests.crm.random_corrections import Corrections
from tests.crm.test_judging_orders import stored


def assert_silent(corrections: Corrections) -> None:
    assert verify_commissions() == []
    assert verify_ledger() == []
    assert verify_network(now=corrections.now) == []


def assert_as_computed_once(corrections: Corrections) -> None:
    """Every line stands as the reference computes the final history, and each settled month as it was booked."""
    assert stored(corrections.world, corrections.doc) == reference.judge_document(corrections.doc)
    for (period, payee), (total, carried) in reference.statements(corrections.doc).items():
        figures = stored_figures({"period": period, "to": payee}) or ["0", "0"]
        assert (period, payee, [Fraction(Decimal(figure)) for figure in figures]) == (period, payee, [total, carried])


def play_corrections(corrections: Corrections, count: int, *, at_once: int, check_every: int) -> None:
    made, checked = 0, 0
    while made < count:
        made += corrections.round(min(at_once, count - made))
        if made - checked >= check_every:
            assert_silent(corrections)
            checked = made
    assert_silent(corrections)
    assert_as_computed_once(corrections)


@pytest.mark.integration
def test_a_hundred_corrections_leave_the_books_silent(broker: Broker) -> None:
    corrections = Corrections(Random(1), deals=14, step=timedelta(hours=16))

    play_corrections(corrections, 100, at_once=1, check_every=50)

    assert len(corrections.doc["settle"]) == 3
    assert len(corrections.kinds) > 6


@pytest.mark.soak
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("seed", range(20))
def test_ten_thousand_corrections_leave_the_books_silent(seed: int, committed_database: dict[str, str]) -> None:
    """Twenty histories of 500 corrections each: one by one, or up to eight between two walks."""
    corrections = Corrections(Random(seed), deals=16, step=timedelta(hours=3))

    play_corrections(corrections, 500, at_once=1 + 7 * (seed % 2), check_every=100)

    assert sum(corrections.kinds.values()) > 350
    assert len(corrections.doc["settle"]) == 3
