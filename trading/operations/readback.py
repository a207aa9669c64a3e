"""What the server's deals say about an operation whose outcome is unknown. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from mt4bridge.types import BadRow, DealRow


class Finding(Enum):
    """What a reading of the account's deals shows."""

    APPLIED = "applied"  # exactly one deal, as asked
    ABSENT = "absent"
    DOUBLED = "doubled"
    DIFFERS = "differs"  # a deal with the reference, of another kind, amount or login
    UNREADABLE = "unreadable"  # a row that cannot be understood may be the deal


@dataclass(frozen=True, slots=True)
class ReadBack:
    """A finding, and the deals that led to it."""

    finding: Finding
    deals: tuple[DealRow, ...] = ()

    @property
    def tickets(self) -> str:
        return ", ".join(str(deal.ticket) for deal in self.deals)


def judge_reading(rows: Sequence[DealRow | BadRow], *, ref: str, login: int, kind: int, amount_e8: int) -> ReadBack:
    """Say what the deals of an account mean for the operation with this reference.

    `amount_e8`: signed, account currency in units of 1e-8."""
    ours = tuple(row for row in rows if isinstance(row, DealRow) and row.comment.startswith(ref))
    if len(ours) > 1:
        return ReadBack(Finding.DOUBLED, ours)
    if ours:
        (deal,) = ours
        fits = (deal.login, deal.action, deal.profit_e8) == (login, kind, amount_e8)
        return ReadBack(Finding.APPLIED if fits else Finding.DIFFERS, ours)
    if any(isinstance(row, BadRow) and ref in row.raw for row in rows):
        return ReadBack(Finding.UNREADABLE)
    return ReadBack(Finding.ABSENT)
