"""Periods of the cycles: which days one statement takes together. Pure."""

from collections.abc import Iterator
from datetime import date, timedelta

from commissions.settlement.enums import Cycle

_DAY = timedelta(days=1)


def period_start(cycle: str, day: date) -> date:
    """Return the first day of the period that holds the day. Weeks are those of ISO 8601: they begin on Monday."""
    if cycle == Cycle.MONTHLY:
        return day.replace(day=1)
    if cycle == Cycle.WEEKLY:
        return day - timedelta(days=day.weekday())
    return day


def period_end(cycle: str, day: date) -> date:
    """Return the first day after the period that holds the day."""
    start = period_start(cycle, day)
    if cycle == Cycle.MONTHLY:
        return (start + timedelta(days=31)).replace(day=1)
    return start + (timedelta(days=7) if cycle == Cycle.WEEKLY else _DAY)


def ends_between(cycle: str, first: date, last: date) -> Iterator[date]:
    """Yield every end of a period in (first, last], oldest first."""
    end = period_end(cycle, first)
    while end <= last:
        yield end
        end = period_end(cycle, end)
