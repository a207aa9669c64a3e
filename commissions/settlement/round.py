"""One round of settlement of the broker in force: cut, make, pay. Safe to run at any moment and as often as wanted."""

from dataclasses import dataclass
from datetime import datetime

from commissions.settlement.cuts import make_due_cuts
from commissions.settlement.making import make_due_statements
from commissions.settlement.paying import pay_approved, pay_real_time


@dataclass(frozen=True, slots=True)
class RoundOutcome:
    """How many cuts, statements and payouts a round made."""

    cuts: int
    statements: int
    payouts: int


def settle_round(*, now: datetime) -> RoundOutcome:
    """Do what is due, each step in transactions of its own: what dies in between is done by the next round."""
    cuts = len(make_due_cuts(now=now))
    statements = make_due_statements(now=now)
    return RoundOutcome(cuts, statements, pay_approved(now=now) + pay_real_time(now=now))
