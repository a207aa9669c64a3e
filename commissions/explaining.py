"""Why an amount is what it is: the exact calculation run again over the stored deal, network, plans and rates."""

from dataclasses import dataclass

import numpy as np

from commissions.calculation import Outcome
from commissions.judging.book import open_book
from commissions.judging.deals import is_trade, read_newest
from commissions.judging.exact import judge_deal
from commissions.judging.history import needing_history, read_histories
from commissions.judging.places import chains_of


@dataclass(frozen=True, slots=True)
class ExplainedMember:
    """One IB of the deal's chain with what the calculation did for it; `outcome.level` 1 is the direct IB."""

    ib_id: int
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Explained:
    """The calculation of one deal in slow motion: its chain, nearest first, and the client's share when it has one."""

    members: tuple[ExplainedMember, ...]
    client: Outcome | None


def explain_deal(*, deal_id: int) -> Explained | None:
    """Run the calculation for one deal with its steps; None when the deal no longer stands or is no trade.

    `deal_id`: the deal's first revision. Nothing is written; a handful of statements."""
    rows = read_newest([deal_id])
    rows = rows[(rows["deleted"] == 0) & is_trade(rows)]
    if not len(rows):
        return None
    book = open_book(rows)
    chain = book.chains.chains[int(chains_of(rows, book)[0])]
    histories = read_histories(needing_history(rows, np.array([True])))
    result = judge_deal(rows[0], chain, histories, book, explain=True)
    members = zip(chain.ib_ids, result.outcomes, strict=True)
    return Explained(tuple(ExplainedMember(ib_id, outcome) for ib_id, outcome in members), result.client)
