"""Roll-ups as they are written: numbers in PostgreSQL's own form, days that are new and days that are there."""

from decimal import Decimal

import numpy as np
import pytest

from commissions.judging import writing
from commissions.judging.book import to_day
from commissions.judging.rollup import Contributions
from commissions.models import IbDay
from commissions.settlement.days import AccountingDays
from core.money import from_e8

pytestmark = pytest.mark.unit

OPEN = AccountingDays(booking_day=20_600, closing_id=0, closed_until=-(2**31))
UNITS = [1, -1, 0, 9_999, 10_000, 99_999_999, 10**8, -(10**8), 123_456_789_012_345_678, -(2**61), 2**62 - 1]


def days_of(amounts: dict[int, int], *, via: int = 7) -> Contributions:
    """Return a line for each payee: {payee: amount in 1e-8}, with half of it in lots."""
    size = len(amounts)
    columns = [list(amounts), [via] * size, [20_500] * size, [3] * size, list(amounts.values())]
    lots = [abs(amount) // 2 for amount in amounts.values()]
    return Contributions(*(np.array(column, dtype=np.int64) for column in (*columns, lots, [1] * size)))


def stored() -> dict[tuple[int, int, int], tuple[Decimal, Decimal, int]]:
    rows = IbDay.objects.all()
    return {(row.payee_id, row.via_ib_id, row.via_account_id): (row.amount, row.lots, row.deals) for row in rows}


@pytest.mark.parametrize("large", [1, 10**9], ids=["copied", "merged"])
def test_every_number_arrives_as_it_is(broker: object, monkeypatch: pytest.MonkeyPatch, large: int) -> None:
    monkeypatch.setattr(writing, "LARGE", large)

    writing.write_days(days_of(dict(enumerate(UNITS, 1))), OPEN)

    assert stored() == {
        (payee, 7, 0): (from_e8(units), from_e8(abs(units) // 2), 1) for payee, units in enumerate(UNITS, 1)
    }
    assert {to_day(row.day) for row in IbDay.objects.all()} == {20_500}


def test_days_that_are_there_are_added_to_and_others_put_beside(
    broker: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "LARGE", 1)
    writing.write_days(days_of({1: 500, 2: 700}), OPEN)

    writing.write_days(days_of({2: -200, 3: 40}), OPEN)
    writing.write_days(days_of({2: 8}, via=-9), OPEN)

    assert stored() == {
        (1, 7, 0): (from_e8(500), from_e8(250), 1),
        (2, 7, 0): (from_e8(500), from_e8(450), 2),
        (2, 0, 9): (from_e8(8), from_e8(4), 1),
        (3, 7, 0): (from_e8(40), from_e8(20), 1),
    }
