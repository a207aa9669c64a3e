"""The deals of a batch that can be stored as they are, by columns: nearly all of a first read.

Plain is a deal that nobody has stored yet, whose account and symbol are known, whose contract size was sent and whose
numbers fit. All others go through `recording.sort_rows` one by one; both ways store the same."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import repeat

import numpy as np

from core.copying import EPOCH_US
from core.money import MAX_E8
from mt4bridge.columns import DealColumns, Numbers
from mt4bridge.types import BadRow, DealRow
from trading.packing import pack_columns
from trading.recording import COMMENT_LENGTH, Names
from trading.types import DealKey

_UNKNOWN = -1
_BOUNDED = (
    "volume_e8", "volume_closed_e8", "price_e8", "contract_size_e8", "profit_e8", "swap_e8", "commission_e8", "fee_e8",
)  # fmt: skip
_SAME = (
    "ticket", "leg", "action", "entry", "reason", "position", "position_by", "volume_e8", "price_e8", "bid_e8",
    "ask_e8", "contract_size_e8", "digits", "profit_e8", "swap_e8", "commission_e8", "fee_e8",
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class PlainDeals:
    """New deals in the order (deal time, ticket, leg), with the ids of their accounts and symbols (0: no symbol)."""

    deals: DealColumns
    account_ids: Numbers
    symbol_ids: Numbers

    def __len__(self) -> int:
        return len(self.deals)

    def keys(self) -> set[DealKey]:
        numbers = self.deals.numbers
        return set(map(DealKey, numbers["ticket"].tolist(), numbers["leg"].tolist()))

    def packed(self, *, server_id: int, recorded_at: datetime) -> Iterator[bytes]:
        """Yield them as rows of trading_deal for COPY, each as its first revision."""
        numbers = self.deals.numbers
        columns = {name: numbers[name] for name in _SAME}
        columns |= {
            "account_id": self.account_ids, "symbol_id": self.symbol_ids, "mt_order": numbers["order"],
            "volume_closed_e8": np.where(numbers["entry"] == 0, 0, numbers["volume_closed_e8"]),
            "deal_at": numbers["deal_at"] - EPOCH_US,
        }  # fmt: skip
        there = [self.symbol_ids != 0, numbers["bid_e8"] != 0, numbers["ask_e8"] != 0]
        comments = [comment[:COMMENT_LENGTH] for comment in self.deals.comments]
        return pack_columns(
            server_id=server_id, columns=columns, there=there, comments=comments, recorded_at=recorded_at
        )


def take_plain(
    rows: Sequence[DealRow | BadRow], names: Names, stored_tickets: Collection[int]
) -> tuple[PlainDeals | None, Sequence[DealRow | BadRow]]:
    """Split rows into plain deals and the rest. Rows that do not come as columns are all rest."""
    if not isinstance(rows, DealColumns) or not len(rows):
        return None, rows
    numbers, count = rows.numbers, len(rows)
    account_ids = np.fromiter(map(names.accounts.get, numbers["login"].tolist(), repeat(_UNKNOWN)), np.int64, count)
    usable = {name: pk for name, (pk, _size) in names.symbols.items() if name not in names.contested} | {"": 0}
    symbol_ids = np.fromiter(map(usable.get, rows.symbols, repeat(_UNKNOWN)), np.int64, count)
    plain = (account_ids != _UNKNOWN) & (symbol_ids != _UNKNOWN)
    plain &= (symbol_ids == 0) | (numbers["contract_size_e8"] != 0)
    for name in _BOUNDED:
        plain &= (numbers[name] <= MAX_E8) & (numbers[name] >= -MAX_E8)
    if stored_tickets:
        plain &= ~np.isin(numbers["ticket"], np.fromiter(stored_tickets, np.int64, len(stored_tickets)))
    places = np.flatnonzero(plain)
    in_order = np.lexsort([numbers[name][places] for name in ("leg", "ticket", "deal_at")])
    chosen = places[in_order]
    rest = rows.where(~plain) if len(chosen) < count else []
    return PlainDeals(rows.take(chosen), account_ids[chosen], symbol_ids[chosen]), rest
