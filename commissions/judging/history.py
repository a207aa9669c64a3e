"""What the positions of some deals know: read from the store, kept by `commissions.positions`."""

from collections import defaultdict
from collections.abc import Hashable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt

from commissions.calculation import Part
from commissions.judging.columns import MISSING, Rows
from commissions.judging.of_positions import read_positions
from commissions.positions import IN, INOUT, OUT_BY, CloseByLeg, PositionDeal, parts_by_deal, second_legs

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAMES = (
    "root",
    "at_us",
    "ticket",
    "leg",
    "entry",
    "volume_e8",
    "commission_e8",
    "bid_e8",
    "ask_e8",
    "closed_e8",
    "account",
    "position",
    "position_by",
)


@dataclass(slots=True)
class Histories:
    """Parts by the deal's identity, and the legs of close-by pairs that do not count."""

    parts: dict[Hashable, tuple[Part, ...]] = field(default_factory=dict)
    second: set[Hashable] = field(default_factory=set)


def read_histories(rows: Rows) -> Histories:
    """Return what the positions of these deals know, from all live deals of the store."""
    pairs = set(zip(rows["account"].tolist(), rows["position"].tolist(), strict=True))
    by = rows[rows["entry"] == OUT_BY]
    pairs |= set(zip(by["account"].tolist(), by["position_by"].tolist(), strict=True))
    pairs = {pair for pair in pairs if pair[1]}  # position 0: the server named none
    found = Histories()
    if not pairs:
        return found
    positions: defaultdict[tuple[int, int], list[PositionDeal]] = defaultdict(list)
    legs: defaultdict[int, list[CloseByLeg]] = defaultdict(list)
    stored = read_positions(sorted(pairs))
    for values in zip(*(stored[name].tolist() for name in _NAMES), strict=True):
        root, at_us, ticket, leg, entry, volume, commission, bid, ask, closed, account, position, opposite = values
        at = moment(at_us)
        spread = None if MISSING in (bid, ask) else ask - bid
        positions[account, position].append(
            PositionDeal(root, at, ticket, leg, entry, volume, commission, spread, closed)
        )
        if entry == OUT_BY:
            legs[account].append(CloseByLeg(root, at, ticket, leg, position, opposite))
    for deals in positions.values():
        found.parts |= parts_by_deal(deals)
    for account_legs in legs.values():
        found.second |= second_legs(account_legs)
    return found


def moment(at_us: int) -> datetime:
    """Return microseconds since 1970 as a datetime, exact."""
    return _EPOCH + timedelta(microseconds=at_us)


def needing_history(rows: Rows, needs_openings: npt.NDArray[np.bool_]) -> Rows:
    """Return the rows whose parts cannot be told from the deal alone; `needs_openings` says it of each row's terms."""
    unclear = (rows["entry"] == OUT_BY) | (rows["entry"] == INOUT)
    chosen = np.asarray((rows["entry"] != IN) & (unclear | needs_openings))
    needing: Rows = rows[chosen]
    return needing
