"""Which judged deals depend on others: later deals of the same position, and the other leg of a close-by."""

from collections.abc import Collection
from datetime import datetime

from commissions.judging.columns import Column, Rows, read_columns
from commissions.judging.deals import read_revisions
from commissions.judging.plans import to_us
from commissions.positions import OUT_BY

_PARTNERS = (Column("root", "p.id"),)


def dependents_of_revised(roots: Collection[int], *, judged_id: int) -> set[int]:
    """Return the judged deals of every position that an edited or deleted deal is or was part of."""
    if not roots:
        return set()
    return _judged_of_positions(read_revisions(roots), judged_id=judged_id)


def dependents_of_late(fresh: Rows, *, high_at: datetime, judged_id: int) -> set[int]:
    """Return the judged deals of the positions of those new deals that are not later than everything judged."""
    late = fresh[fresh["at_us"] <= to_us(high_at)]
    return _judged_of_positions(late, judged_id=judged_id) if len(late) else set()


def _judged_of_positions(rows: Rows, *, judged_id: int) -> set[int]:
    pairs = set(zip(rows["account"].tolist(), rows["position"].tolist(), strict=True))
    by = rows[rows["entry"] == OUT_BY]
    pairs |= set(zip(by["account"].tolist(), by["position_by"].tolist(), strict=True))
    pairs = {pair for pair in pairs if pair[1]}
    if not pairs:
        return set()
    tail = """FROM unnest(%s::bigint[], %s::bigint[]) AS wanted (account_id, position)
        JOIN trading_deal d ON d.account_id = wanted.account_id AND d.position = wanted.position
        JOIN trading_deal p ON p.server_id = d.server_id AND p.ticket = d.ticket AND p.leg = d.leg AND p.revision = 0
        WHERE d.action IN (0, 1) AND p.id <= %s"""
    accounts, positions = zip(*sorted(pairs), strict=True)
    found = read_columns(_PARTNERS, tail, [list(accounts), list(positions), judged_id])
    return set(found["root"].tolist())
