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


def play_corrections(corrections: Corrections, count: int, *, check_every: int) -> None:
    for number in range(1, count + 1):
        corrections.correct()
        if number % check_every == 0:
            assert_silent(corrections)
    assert_silent(corrections)
    assert_as_computed_once(corrections)


@pytest.mark.integration
def test_a_hundred_corrections_leave_the_books_silent(broker: Broker) -> None:
    corrections = Corrections(Random(1), deals=14, step=timedelta(hours=16))

    play_corrections(corrections, 100, check_every=50)

    assert len(corrections.doc["settle"]) == 3
    assert len(corrections.kinds) > 6


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_ten_thousand_corrections_leave_the_books_silent(committed_database: dict[str, str]) -> None:
    corrections = Corrections(Random(7), deals=16, step=timedelta(minutes=20))

    play_corrections(corrections, 10_000, check_every=500)

    assert sum(corrections.kinds.values()) > 8_000
