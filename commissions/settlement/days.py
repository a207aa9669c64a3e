"""The accounting day: by which day a line belongs to a statement (decision 0014).

A deal's line belongs to the deal's day, unless that day is closed for its payee when the line is booked; then it
belongs to the day of the booking. What is closed is told by the cuts of the payee's cycle, read under the lock of the
roll-up's writer, so no line slips between two statements."""

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
from django.db import connection
from django.db.models import Q

from commissions.models import Payee
from commissions.settlement.enums import Cycle
from commissions.settlement.models import Closing, SettlementTerms
from tenancy.context import current_broker

Int64s = npt.NDArray[np.int64]
_EPOCH = date(1970, 1, 1)
_NEVER = -(2**31)  # before every day
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || ':ib_day', 0))"
_NEWEST = "SELECT coalesce(max(id), 0), max(closed_until) FROM commissions_closing"


class CyclePeriod(NamedTuple):
    """From which day on a payee has a cycle; days since 1970."""

    since: int
    cycle: str


@dataclass(frozen=True, slots=True)
class AccountingDays:
    """What is closed at one booking. `closing_id`: the newest cut it knows, 0 for none; days since 1970."""

    booking_day: int
    closing_id: int
    closed_until: int

    def statement_days(self, payee: Int64s, day: Int64s) -> Int64s:
        """Return by which day each line belongs to a statement, given its payee and its deal's day."""
        if not len(day) or int(day.min()) >= self.closed_until:
            return day
        closed = np.flatnonzero(day < self.closed_until)
        payees, place = np.unique(payee[closed], return_inverse=True)
        known = watermarks(payees.tolist(), closing_id=self.closing_id)
        until = np.array([known[each] for each in payees.tolist()], dtype=np.int64)
        moved = day.copy()
        moved[closed[day[closed] < until[place]]] = self.booking_day
        return moved


def lock_days(*, now: datetime) -> AccountingDays:
    """Lock the roll-up until the transaction ends, and return what is closed for whoever books in it.

    One writer of a broker at a time; cuts are made under the same lock."""
    with connection.cursor() as cursor:
        cursor.execute(_LOCK)
        cursor.execute(_NEWEST)  # a statement of its own: its snapshot begins after the lock
        closing_id, until = cursor.fetchone()
    today = (settlement_day(now) - _EPOCH).days
    closed = (until - _EPOCH).days if until else _NEVER
    return AccountingDays(booking_day=max(today, closed), closing_id=closing_id, closed_until=closed)


def settlement_day(now: datetime) -> date:
    """Return the day of a moment in the broker's settlement zone."""
    return now.astimezone(ZoneInfo(current_broker().settlement_zone)).date()


def watermarks(payee_ids: Collection[int], *, closing_id: int) -> dict[int, int]:
    """Return per payee before which day (since 1970) the cuts up to `closing_id` have closed everything for it."""
    cuts: dict[str, list[int]] = {}
    rows = Closing.objects.filter(pk__lte=closing_id).order_by("closed_until")
    for cycle, until in rows.values_list("cycle", "closed_until"):
        cuts.setdefault(cycle, []).append((until - _EPOCH).days)
    periods = cycle_periods(payee_ids)
    return {payee: watermark(periods[payee], cuts) for payee in payee_ids}


def watermark(periods: Sequence[CyclePeriod], cuts: Mapping[str, Sequence[int]]) -> int:
    """Return the latest cut that applies: one of the cycle that its last closed day has. Periods are in order."""
    end = 2**31
    for period in reversed(periods):
        of_cycle = cuts.get(period.cycle, ())
        place = bisect_right(of_cycle, end)
        if place and of_cycle[place - 1] > period.since:
            return of_cycle[place - 1]
        end = period.since
    return _NEVER


def applying_cuts(periods: Sequence[CyclePeriod], cuts: Mapping[str, Sequence[int]]) -> list[int]:
    """Return every cut that applies to a payee with these periods, oldest first."""
    found: list[int] = []
    ends = [period.since for period in periods[1:]] + [2**31]
    for period, end in zip(periods, ends, strict=True):
        of_cycle = cuts.get(period.cycle, ())
        found += of_cycle[bisect_right(of_cycle, period.since) : bisect_right(of_cycle, end)]
    return found


def cycle_periods(payee_ids: Collection[int]) -> dict[int, tuple[CyclePeriod, ...]]:
    """Return which cycle each payee has from which day on, oldest first; three statements."""
    payees = {pk: (kind, ib) for pk, kind, ib in _payees(payee_ids)}
    ibs = {ib for _kind, ib in payees.values() if ib}
    common: dict[str, list[CyclePeriod]] = {}
    own: dict[int, list[CyclePeriod]] = {}
    rows = SettlementTerms.objects.filter(Q(ib__in=ibs) | Q(ib=None)).order_by("effective_day", "pk")
    for kind, ib, since, cycle in rows.values_list("kind", "ib_id", "effective_day", "cycle"):
        periods = own.setdefault(ib, []) if ib else common.setdefault(kind, [])
        periods.append(CyclePeriod((since - _EPOCH).days, cycle))
    return {pk: _merged(common.get(kind, []), own.get(ib or 0, [])) for pk, (kind, ib) in payees.items()}


def _payees(payee_ids: Collection[int]) -> list[tuple[int, str, int | None]]:
    return list(Payee.objects.filter(pk__in=list(payee_ids)).values_list("pk", "kind", "ib_id"))


def _merged(common: Sequence[CyclePeriod], own: Sequence[CyclePeriod]) -> tuple[CyclePeriod, ...]:
    """Put own terms over the common ones; of several that begin on one day the last stands."""
    start = own[0].since if own else 2**31
    merged = [CyclePeriod(_NEVER, Cycle.MONTHLY)]
    for period in [*common[: bisect_left(common, start, key=lambda period: period.since)], *own]:
        if merged[-1].since == period.since:
            merged.pop()
        merged.append(period)
    return tuple(merged)


def to_date(day: int) -> date:
    """Return days since 1970 as a date."""
    return _EPOCH + timedelta(days=day)


def to_day(day: date) -> int:
    """Return a date as days since 1970."""
    return (day - _EPOCH).days
