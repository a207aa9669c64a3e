"""Periods of the cycles, around the ends of months and years."""

from datetime import date

import pytest

from commissions.settlement.calendar import ends_between, period_end, period_start

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("cycle", "day", "start", "end"),
    [
        ("monthly", "2026-02-28", "2026-02-01", "2026-03-01"),
        ("monthly", "2028-02-29", "2028-02-01", "2028-03-01"),
        ("monthly", "2026-12-31", "2026-12-01", "2027-01-01"),
        ("monthly", "2026-01-31", "2026-01-01", "2026-02-01"),
        # ISO week 53 of 2026 begins on Monday 28 December and ends in January
        ("weekly", "2026-12-31", "2026-12-28", "2027-01-04"),
        ("weekly", "2027-01-03", "2026-12-28", "2027-01-04"),
        ("weekly", "2027-01-04", "2027-01-04", "2027-01-11"),
        ("daily", "2026-12-31", "2026-12-31", "2027-01-01"),
        ("real_time", "2026-12-31", "2026-12-31", "2027-01-01"),
    ],
)
def test_period_of_a_day(cycle: str, day: str, start: str, end: str) -> None:
    found = period_start(cycle, date.fromisoformat(day)), period_end(cycle, date.fromisoformat(day))

    assert found == (date.fromisoformat(start), date.fromisoformat(end))


def test_ends_follow_each_other_up_to_the_last_day() -> None:
    ends = list(ends_between("weekly", date(2026, 12, 25), date(2027, 1, 4)))

    assert ends == [date(2026, 12, 28), date(2027, 1, 4)]
    assert list(ends_between("monthly", date(2026, 12, 1), date(2026, 12, 31))) == []
