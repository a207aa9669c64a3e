"""What a statement comes to: rounded once, the remainder and what is not paid carried on. Pure, exact."""

from decimal import ROUND_FLOOR, Decimal, localcontext
from typing import NamedTuple

from core.money import minor_digits, round_to

_DIGITS = 60  # more than any sum of NUMERIC(38, 8) has


class Reckoning(NamedTuple):
    """The figures of a statement in its currency; all but `carried_out` are whole minor units."""

    total: Decimal
    carried_out: Decimal
    payable: Decimal
    due_out: Decimal
    pays: bool


def reckon(
    *, lines: Decimal, carried_in: Decimal, due_in: Decimal, paid_before: Decimal, minimum: Decimal, currency: str
) -> Reckoning:
    """Return what the lines and what was carried in come to.

    The total is rounded half to even to the currency's minor unit; its remainder is carried. What is payable is the
    total and what was due before, less what was paid while the statement ran: below zero or below the minimum it is
    not paid but due with the next statement. Source: scenarios' README, "A statement's total"."""
    with localcontext() as context:
        context.prec = _DIGITS
        exact = lines + carried_in
        total = round_to(exact, currency)
        payable = total + due_in - paid_before
        pays = payable > 0 and payable >= minimum
        return Reckoning(total, exact - total, payable, Decimal(0) if pays else payable, pays)


def payable_now(*, earned: Decimal, minimum: Decimal, currency: str) -> Decimal:
    """Return what real time pays of what stands unpaid: the whole minor units of it, once they reach the minimum."""
    with localcontext() as context:
        context.prec = _DIGITS
        whole = earned.quantize(Decimal(1).scaleb(-minor_digits(currency)), rounding=ROUND_FLOOR)
    return whole if whole > 0 and whole >= minimum else Decimal(0)
