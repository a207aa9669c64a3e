"""Cut: close the days of a cycle for everybody who has it, at one moment."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import NamedTuple

from django.db import connection, transaction

from commissions.models import Payee
from commissions.settlement.calendar import ends_between, period_start
from commissions.settlement.days import CyclePeriod, cycle_periods, lock_days, settlement_day, to_date
from commissions.settlement.enums import Cycle
from commissions.settlement.models import Closing, SettlementTerms

CUT_AFTER = timedelta(minutes=10)  # deals of a day's last seconds still arrive; afterwards they go to the next day


class DueCut(NamedTuple):
    """A cut that is to be made."""

    cycle: Cycle
    closed_until: date


def make_due_cuts(*, now: datetime) -> list[Closing]:
    """Close every period that has ended, each cycle by itself; return the cuts made."""
    return [
        made
        for due in list(due_cuts(now=now))
        if (made := cut(cycle=due.cycle, closed_until=due.closed_until, now=now))
    ]


@transaction.atomic
def cut(*, cycle: Cycle, closed_until: date, now: datetime) -> Closing | None:
    """Close the cycle's days before `closed_until`; None when they are closed already.

    What was booked until now is in the statements, what is booked later lands on the day of its booking. Waits for
    whoever writes the roll-up.

    :raises ValueError: the last of these days is not over."""
    accounting = lock_days(now=now)
    if to_date(accounting.booking_day) < closed_until:
        raise ValueError("a day that is not over cannot be closed")
    if Closing.objects.filter(cycle=cycle, closed_until__gte=closed_until).exists():
        return None
    return Closing.objects.create(cycle=cycle, closed_until=closed_until, cut_at=now)


def due_cuts(*, now: datetime) -> Iterator[DueCut]:
    """Yield the cuts whose time has come, oldest first within a cycle. Two statements when there is none."""
    today = settlement_day(now - CUT_AFTER)
    newest = dict(
        Closing.objects.order_by("cycle", "-closed_until").distinct("cycle").values_list("cycle", "closed_until")
    )
    used = {Cycle.MONTHLY, *map(Cycle, SettlementTerms.objects.order_by().values_list("cycle", flat=True).distinct())}
    open_cycles = [c for c in Cycle if c in used and (newest.get(c) or date.min) < period_start(c, today)]
    if not open_cycles:
        return
    begun = _beginnings()
    for cycle in open_cycles:
        first = newest.get(cycle) or begun.get(cycle)
        if first is not None:
            yield from (DueCut(cycle, end) for end in ends_between(cycle, first, today))


_FIRST_DAYS = """SELECT p.id, (SELECT min(d.day) FROM commissions_ibday d WHERE d.payee_id = p.id)
    FROM commissions_payee p"""


def _beginnings() -> dict[str, date]:
    """Return {cycle: first day with a line of somebody who has it}."""
    with connection.cursor() as cursor:
        cursor.execute(_FIRST_DAYS)
        first_days = {payee: day for payee, day in cursor.fetchall() if day}
    periods = cycle_periods(list(Payee.objects.order_by("pk").values_list("pk", flat=True)))
    found: dict[str, date] = {}
    for payee, day in first_days.items():
        for cycle, since in _cycles_after(periods[payee], day):
            found[cycle] = min(since, found.get(cycle, since))
    return found


def _cycles_after(periods: tuple[CyclePeriod, ...], first: date) -> Iterator[tuple[str, date]]:
    """Yield each cycle that a payee has after its first line, with the day from which on it matters."""
    ends = [period.since for period in periods[1:]] + [2**31]
    for period, end in zip(periods, ends, strict=True):
        if end > (first - date(1970, 1, 1)).days:
            since = to_date(period.since) if period.since > -(2**31) else first
            yield period.cycle, max(since, first)
