"""One round of settlement of the broker in force: cut, make, pay. Safe to run at any moment and as often as wanted."""

from dataclasses import dataclass
from datetime import datetime

from commissions.settlement.cuts import make_due_cuts
from commissions.settlement.making import has_unmade, make_due_statements
from commissions.settlement.paying import has_unpaid, pay_approved, pay_real_time
from commissions.settlement.progress import paid_until


@dataclass(frozen=True, slots=True)
class RoundOutcome:
    """How many cuts, statements and payouts a round made, and whether it came to its end."""

    cuts: int
    statements: int
    payouts: int
    is_done: bool = True


def settle_round(*, now: datetime, seconds: float | None = None) -> RoundOutcome:
    """Do what is due, each step in transactions of its own: what dies in between is done by the next round.

    With `seconds`, making, paying what is approved and paying in real time each end after so long, with whom they have
    begun; the next call goes on there. So a year of a large broker holds no worker, and no payment waits for all of
    its statements."""
    cuts = len(make_due_cuts(now=now))
    statements = make_due_statements(now=now, seconds=seconds)
    payouts = pay_approved(now=now, seconds=seconds) + pay_real_time(now=now, seconds=seconds)
    if seconds is None:
        return RoundOutcome(cuts, statements, payouts)
    return RoundOutcome(cuts, statements, payouts, is_done=not (has_unmade() or has_unpaid() or paid_until()))
