"""What callers hand to the ledger and get back. Amounts are Decimal, positive; the side gives the direction."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ledger.enums import AccountKind, EntryKind, OwnerType, Side

Int64s = npt.NDArray[np.int64]


class AccountSpec(NamedTuple):
    """A ledger account to have: its kind brings sign, decimals and whether it may be negative."""

    kind: AccountKind
    currency: str  # ISO 4217 or a coin's code
    owner_type: OwnerType = OwnerType.HOUSE
    owner_id: int = 0  # id of the client, IB, server … that the account is about; 0 for the house

    @property
    def code(self) -> str:
        """The account's unique code, e.g. "ib_accrued:ib:17:USD" or "rebate_expense:house:USD"."""
        owner = f"{self.owner_type}:{self.owner_id}" if self.owner_id else str(self.owner_type)
        return f"{self.kind}:{owner}:{self.currency}"


class PostingSpec(NamedTuple):
    ledger_account_id: int
    side: Side
    amount: Decimal  # ledger account's currency, more than zero, at most 8 decimals


class EntrySpec(NamedTuple):
    """A journal entry to book. The same key with the same content is booked once."""

    idempotency_key: str
    kind: EntryKind
    at: datetime  # when it happened; part of what must be equal when a key is repeated
    description: str  # code of the sentence shown to people
    postings: tuple[PostingSpec, ...]
    params: Mapping[str, object] = {}  # fields of that sentence: texts and integers


class Occasion(NamedTuple):
    """What many entries have in common."""

    kind: EntryKind
    at: datetime
    booked_at: datetime
    description: str
    params: Mapping[str, object]


class Transfers(NamedTuple):
    """Entries of two postings each, as columns. Keys are ASCII and each stands once; `units`: 1e-8, more than zero."""

    keys: Sequence[str]
    debited: Int64s  # ledger account ids
    credited: Int64s
    units: Int64s


class HoldSpec(NamedTuple):
    idempotency_key: str
    ledger_account_id: int
    amount: Decimal  # ledger account's currency, more than zero, in the account's decimals
    reason: str  # code of the sentence shown to people


class Posted(NamedTuple):
    """Which entry a key stands for; `created` is False when an earlier call had booked it."""

    entry_id: int
    created: bool


def debit(ledger_account_id: int, amount: Decimal) -> PostingSpec:
    return PostingSpec(ledger_account_id, Side.DEBIT, amount)


def credit(ledger_account_id: int, amount: Decimal) -> PostingSpec:
    return PostingSpec(ledger_account_id, Side.CREDIT, amount)
