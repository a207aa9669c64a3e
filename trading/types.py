"""Shapes that trading hands out."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple


class DealContent(NamedTuple):
    """What a revision of a deal says; two revisions with equal content are one. Units as in models.Deal."""

    account_id: int
    symbol_id: int | None
    action: int
    entry: int
    reason: int
    position: int
    position_by: int
    mt_order: int
    volume_e8: int
    volume_closed_e8: int
    price_e8: int
    bid_e8: int | None
    ask_e8: int | None
    contract_size_e8: int
    digits: int
    profit_e8: int
    swap_e8: int
    commission_e8: int
    fee_e8: int
    deal_at: datetime
    comment: str


class DealKey(NamedTuple):
    """A deal of one server, whatever its revision."""

    ticket: int
    leg: int


class Stored(NamedTuple):
    """The highest revision of a deal in the store."""

    revision: int
    deleted: bool
    content: DealContent


@dataclass(frozen=True, slots=True)
class RecordOutcome:
    """What one record step did, and the cursor's version after it."""

    new: int
    revised: int
    deleted: int
    held: int
    version: int

    @property
    def changed(self) -> bool:
        return bool(self.new or self.revised or self.deleted)


@dataclass(frozen=True, slots=True)
class BookSummary:
    """An account's book as the stored deals say it; money in account currency as exact text."""

    login: int
    currency: str
    balance: str
    closed_profit: str
    swap: str
    open: int


class NetDeposit(NamedTuple):
    """Deposits less withdrawals of a client on its accounts of one currency."""

    client_id: int
    currency: str
    amount: Decimal
