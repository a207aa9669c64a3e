"""Payouts to trading accounts: each waiting one becomes a balance operation, each ended operation ends its payout.

The payout's number is the operation's key, so a crash anywhere is repaired by the next walk."""

import logging
from datetime import datetime

from access.types import Actor
from commissions.enums import PayeeKind
from commissions.settlement.models import Payout
from commissions.settlement.transferring import end_transfer, waiting_payouts
from ledger.enums import AccountKind, OwnerType
from ledger.types import AccountSpec
from trading.operations.enums import OperationState, Purpose
from trading.operations.models import BalanceOperation
from trading.operations.planning import OperationSpec, plan_operation

logger = logging.getLogger(__name__)

_ACTOR = Actor.system("settlement")
_ENDED = {OperationState.CONFIRMED: True, OperationState.REFUSED: False}


def walk(*, now: datetime) -> int:
    """Plan and end what is due, each payout by itself; return how many ended.

    One that fails is logged, tried again by the next walk, and stops nobody else."""
    ended = 0
    payouts = waiting_payouts()
    operations = {row.idempotency_key: row for row in _operations_of(payouts)}
    for payout in payouts:
        operation = operations.get(_key(payout))
        try:
            if operation is None:
                plan_payout(payout=payout, now=now)
            elif (arrived := _ENDED.get(OperationState(operation.state))) is not None:
                end_transfer(payout_id=payout.pk, arrived=arrived, now=now)
                ended += 1
        except Exception:
            logger.exception("a payout could not go on", extra={"payout_id": payout.pk})
    return ended


def plan_payout(*, payout: Payout, now: datetime) -> BalanceOperation:
    """Put the transfer of a payout into the outbox; what it set aside in the wallet is taken when it is confirmed."""
    if payout.mt_account is None:
        raise ValueError("a payout that waits for a transfer has its trading account")
    payee = payout.statement.payee
    owner, owner_id = (OwnerType.IB, payee.ib_id) if payee.kind == PayeeKind.IB else (OwnerType.CLIENT, payee.client_id)
    spec = OperationSpec(
        account=payout.mt_account, purpose=Purpose.REBATE, amount=payout.amount, idempotency_key=_key(payout),
        counter=AccountSpec(AccountKind.WALLET, payee.currency, owner, owner_id or 0), hold_id=payout.hold_id,
    )  # fmt: skip
    return plan_operation(spec=spec, actor=_ACTOR, now=now)


def _operations_of(payouts: list[Payout]) -> list[BalanceOperation]:
    keys = [_key(payout) for payout in payouts]
    return list(BalanceOperation.objects.filter(idempotency_key__in=keys).order_by("pk"))


def _key(payout: Payout) -> str:
    return f"payout:{payout.pk}"
