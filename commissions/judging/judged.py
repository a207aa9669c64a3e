"""The result of judging some deals: columns over deals, and blocks of deals with equally many payees."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from commissions.calculation import Verdict
from commissions.judging.columns import Rows

if TYPE_CHECKING:
    from commissions.judging.recovery import Recovering
    from commissions.judging.weighing import Weighed

Int64s = npt.NDArray[np.int64]


class Wait(NamedTuple):
    """What a deal waits for; `mt_group` for its lot factor, or currencies for their rates."""

    mt_group: int
    currencies: tuple[str, ...]

    def and_for(self, other: "Wait") -> "Wait":
        """Return a wait for either."""
        return Wait(self.mt_group or other.mt_group, tuple(sorted({*self.currencies, *other.currencies})))


class SlowBatch(Exception):
    """More deals than a transaction has time for must be judged one by one; `before_id`: the first one too many."""

    def __init__(self, before_id: int) -> None:
        super().__init__(before_id)
        self.before_id = before_id


NOTHING_HELPS = Wait(0, ())  # a deal with an amount that cannot be booked: only a person can put that right


class Block(NamedTuple):
    """Deals with one number of payees: their places in the columns, and a row of each matrix per deal.

    The chain comes first, nearest IB in front, then the client when its IB shares with it."""

    deals: Int64s
    payee: npt.NDArray[np.int32]
    verdict: npt.NDArray[np.int16]
    rate_row: npt.NDArray[np.int32]
    amount: Int64s
    levels: int
    chain_offset: Int64s  # where each deal's chain lies in `below_of_chain`
    below_of_chain: Int64s  # per level the next IB below; 0 at level 1

    @property
    def width(self) -> int:
        return int(self.amount.shape[1])

    def below(self, rows: Int64s, place: int) -> Int64s:
        """Return the next IB below at one place; 0 at level 1 and for the client: there it is the trading account."""
        if not 0 < place < self.levels:
            return np.zeros(len(rows), dtype=np.int64)
        return self.below_of_chain[self.chain_offset[rows] + place]


@dataclass(slots=True)
class Judged:
    """Deals with a judgement each; every one is in exactly one block."""

    rows: Rows
    leaf: Int64s  # 0: none
    chain: Int64s
    levels: Int64s
    symbol_group: Int64s  # 0: none
    lots_e8: Int64s
    day: Int64s
    blocks: list[Block]
    waits: dict[int, Wait] = field(default_factory=dict)  # by the deal's identity
    weighed: "Weighed | None" = None  # what tiers made of them; None: no plan has any
    recovering: "Recovering | None" = None  # what advances hold back; None: no plan has any


def counts(verdict: "npt.NDArray[np.int16] | Int64s") -> npt.NDArray[np.bool_]:
    """Return which lines are about a deal that the payee's plan counts."""
    return np.asarray((verdict != Verdict.NOT_COUNTED) & (verdict != Verdict.DEAL_REMOVED))


def chosen(rows: Rows, mask: npt.NDArray[np.bool_]) -> Rows:
    """Return the rows that the mask picks, without a copy when it picks all."""
    picked: Rows = rows if mask.all() else rows[mask]
    return picked
