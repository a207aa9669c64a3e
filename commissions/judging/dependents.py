"""Which judged deals depend on others: later deals of the same position, and the other leg of a close-by."""

from collections.abc import Collection
from datetime import datetime

import numpy as np

from commissions.distinct import distinct_with_first
from commissions.judging.columns import Rows, array_text, read_columns
from commissions.judging.deals import ROOT, read_revisions
from commissions.judging.of_positions import OF_WANTED
from commissions.judging.plans import to_us
from commissions.judging.rollup import pack
from commissions.positions import OUT_BY


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
    by = rows[rows["entry"] == OUT_BY]
    accounts = np.concatenate([rows["account"], by["account"]])
    positions = np.concatenate([rows["position"], by["position_by"]])
    named = positions != 0
    if not named.any():
        return set()
    accounts, positions = accounts[named], positions[named]
    _keys, first, _place = distinct_with_first(pack([accounts, positions]))
    wanted = [array_text(accounts[first]), array_text(positions[first])]
    found = read_columns((ROOT,), OF_WANTED.format(live=""), wanted)["root"]
    return set(found[found <= judged_id].tolist())
