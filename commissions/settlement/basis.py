"""What statements are made from besides their lines, read once for many payees: cuts, cycles and terms.

Cuts are never changed and terms never begin on a closed day (trigger), so what was read stays true for closed days."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from commissions.models import Payee
from commissions.settlement.days import CyclePeriod, applying_cuts, cycle_periods, to_date, to_day
from commissions.settlement.models import Closing
from commissions.settlement.terms import TermsBook, read_terms


@dataclass(frozen=True, slots=True)
class Basis:
    """The cuts made so far, and cycles and terms of some payees."""

    payees: Mapping[int, Payee]
    periods: Mapping[int, tuple[CyclePeriod, ...]]
    closings: Mapping[tuple[str, date], Closing]  # by cycle and the day until which it closed
    cuts: Mapping[str, Sequence[int]]  # by cycle, days since 1970, oldest first
    terms: TermsBook

    def cuts_of(self, payee_id: int) -> list[date]:
        """Return until which day each cut closed that applies to the payee, oldest first."""
        return [to_date(day) for day in applying_cuts(self.periods[payee_id], self.cuts)]

    def cycle_on(self, payee_id: int, day: date) -> str:
        """Return the payee's cycle of a day."""
        return next(period.cycle for period in reversed(self.periods[payee_id]) if period.since <= to_day(day))


def read_basis(payee_ids: Collection[int]) -> Basis:
    """Return what the statements of these payees are made from; six statements."""
    payees = Payee.objects.in_bulk(list(payee_ids))
    closings = {(row.cycle, row.closed_until): row for row in Closing.objects.order_by("closed_until")}
    cuts: dict[str, list[int]] = {}
    for cycle, until in closings:
        cuts.setdefault(cycle, []).append(to_day(until))
    return Basis(payees, cycle_periods(payee_ids), closings, cuts, read_terms(payees.values()))
