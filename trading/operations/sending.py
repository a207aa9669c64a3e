"""How a balance operation ends: confirmed with its journal entry, or refused with what was set aside let go."""

from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

from django.db import transaction

from ledger.enums import AccountKind, EntryKind, OwnerType
from ledger.queries import get_hold
from ledger.services import capture_hold, ensure_accounts, post_entry, release_hold
from ledger.types import AccountSpec, EntrySpec, PostingSpec, credit, debit
from trading.operations.enums import OperationState, Purpose
from trading.operations.models import BalanceOperation
from trading.operations.moving import SENDER, claimed, move

_S = OperationState
_ENTRY_KINDS = {
    Purpose.DEPOSIT: EntryKind.DEPOSIT, Purpose.WITHDRAWAL: EntryKind.WITHDRAWAL, Purpose.TRANSFER: EntryKind.TRANSFER,
    Purpose.REBATE: EntryKind.TRANSFER, Purpose.BONUS: EntryKind.ADJUSTMENT, Purpose.CORRECTION: EntryKind.ADJUSTMENT,
    Purpose.MANUAL: EntryKind.ADJUSTMENT,
}  # fmt: skip


class Booked(Protocol):
    """The deal that confirms an operation, fresh from the server or from our store."""

    @property
    def ticket(self) -> int: ...

    @property
    def deal_at(self) -> datetime: ...


@transaction.atomic
def confirm(
    *, operation: BalanceOperation, deal: Booked, balance_after: Decimal | None, by: str = "", now: datetime
) -> BalanceOperation:
    """Note that the server has booked it, and book it in the ledger, in one transaction.

    :raises SenderReplaced: somebody else has moved it."""
    row = claimed(operation, _S.CONFIRMED)
    row.ticket, row.deal_at, row.balance_after = deal.ticket, deal.deal_at, balance_after
    row.entry_id = _book(row, now=now)
    return move(row, _S.CONFIRMED, now=now, by=by, reason="resolved" if by else "")


@transaction.atomic
def refuse(
    *, operation: BalanceOperation, reason: str, detail: dict[str, Any], by: str = "", now: datetime
) -> BalanceOperation:
    """Note that it is certainly not carried out, and let go what was set aside.

    :raises SenderReplaced: somebody else has moved it."""
    row = claimed(operation, _S.REFUSED)
    if row.hold_id is not None:
        release_hold(hold=get_hold(row.hold_id), now=now)
    return move(row, _S.REFUSED, now=now, by=by, reason=reason, detail=detail)


def _book(row: BalanceOperation, *, now: datetime) -> int | None:
    """Book it against the server's clearing account, out of what was set aside; None for credit."""
    if row.ledger_account_id is None:
        return None
    spec = AccountSpec(AccountKind.MT_CLEARING, row.currency, OwnerType.MT_SERVER, row.server_id)
    clearing = ensure_accounts(specs=[spec], now=now)[spec.code]
    amount = abs(row.amount)
    postings: tuple[PostingSpec, ...] = (debit(row.ledger_account_id, amount), credit(clearing, amount))
    if row.amount < 0:
        postings = (debit(clearing, amount), credit(row.ledger_account_id, amount))
    entry = EntrySpec(
        idempotency_key=f"mt:{row.ref}", kind=_ENTRY_KINDS[Purpose(row.purpose)], at=row.deal_at or now,
        description=f"mt_{row.purpose}", postings=postings, params={"ref": row.ref, "ticket": row.ticket},
    )  # fmt: skip
    if row.hold_id is None:
        return post_entry(entry=entry, actor=SENDER, now=now).entry_id
    return capture_hold(hold=get_hold(row.hold_id), entry=entry, actor=SENDER, now=now).entry_id
