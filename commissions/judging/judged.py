"""The result of judging some deals: columns over deals, and flat columns over their payees."""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from commissions.calculation import Verdict
from commissions.judging.columns import Rows

Int64s = npt.NDArray[np.int64]


class Wait(NamedTuple):
    """What a deal waits for; `mt_group` for its lot factor, or currencies for their rates."""

    mt_group: int
    currencies: tuple[str, ...]


class Lines(NamedTuple):
    """Flat columns over payees. `via` is the next IB below, or minus the trading account."""

    payee: Int64s
    verdict: Int64s
    rate_row: Int64s
    amount: Int64s
    via: Int64s


@dataclass(slots=True)
class Judged:
    """Deals with a judgement each. `width[i]` payees of deal i lie in `lines` from `offset[i]` on, the chain first."""

    rows: Rows
    leaf: Int64s  # 0: none
    chain: Int64s
    levels: Int64s
    symbol_group: Int64s  # 0: none
    lots_e8: Int64s
    day: Int64s
    width: Int64s
    lines: Lines
    waits: dict[int, Wait] = field(default_factory=dict)  # by the deal's identity

    @property
    def offset(self) -> Int64s:
        return np.cumsum(self.width) - self.width


def spread_out(widths: Int64s) -> tuple[Int64s, Int64s]:
    """Return, for each element of ragged rows, its row and its place within the row."""
    row = np.repeat(np.arange(len(widths), dtype=np.int64), widths)
    place = np.arange(len(row), dtype=np.int64) - np.repeat(np.cumsum(widths) - widths, widths)
    return row, place


def counts(verdict: Int64s) -> "npt.NDArray[np.bool_]":
    """Return which lines are about a deal that the payee's plan counts."""
    return np.asarray((verdict != Verdict.NOT_COUNTED) & (verdict != Verdict.DEAL_REMOVED))
