"""Plan a balance operation: the row, its reference and what is set aside for it, in the caller's transaction."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import connection, transaction

from access.services import record_audit
from access.types import Actor
from core.money import quantize
from ledger.enums import AccountKind, OwnerType
from ledger.services import ensure_accounts, hold_funds
from ledger.types import AccountSpec, HoldSpec
from tenancy.context import current_schema
from trading.models import TradingAccount
from trading.operations.enums import KINDS_OF, OperationKind, Purpose
from trading.operations.errors import OperationAmountInvalid, OperationKeyConflict, OperationKindMisfit
from trading.operations.models import MONEY_LIMIT, BalanceOperation
from trading.operations.reference import reference_of

_NEXT_ID = "SELECT nextval(pg_get_serial_sequence('trading_balanceoperation', 'id'))"
_NOTES = {
    Purpose.DEPOSIT: "Deposit", Purpose.WITHDRAWAL: "Withdrawal", Purpose.TRANSFER: "Transfer",
    Purpose.REBATE: "Rebate", Purpose.BONUS: "Bonus", Purpose.CORRECTION: "Correction", Purpose.MANUAL: "Manual",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class OperationSpec:
    """What is to be booked on an MT account."""

    account: TradingAccount
    purpose: Purpose
    amount: Decimal  # account currency; what leaves MT is negative
    idempotency_key: str
    kind: OperationKind = OperationKind.BALANCE
    # The journal's other side. None: the client's wallet, or the broker's adjustments for what the broker gives.
    counter: AccountSpec | None = None
    hold_id: int | None = None  # set aside by the caller; else an amount out of a wallet is set aside here
    check_margin: bool = True


@transaction.atomic
def plan_operation(*, spec: OperationSpec, actor: Actor, now: datetime) -> BalanceOperation:
    """Write an operation into the outbox, set aside what it takes out of a wallet; it is sent within seconds.

    The same key with the same content returns the first operation.

    :raises OperationAmountInvalid, OperationKindMisfit: it cannot be booked as asked.
    :raises OperationKeyConflict: the key stands for something else.
    :raises InsufficientFunds: the wallet does not hold the amount."""
    refuse_misfits(spec)
    known = BalanceOperation.objects.filter(idempotency_key=spec.idempotency_key).first()
    if known is not None:
        return _same(known, spec)
    row = _row(spec, actor, now)
    BalanceOperation.objects.bulk_create([row], ignore_conflicts=True)
    stored = BalanceOperation.objects.get(idempotency_key=spec.idempotency_key)
    if stored.ref != row.ref:  # somebody was faster
        return _same(stored, spec)
    record_audit(
        actor=actor, action="trading.plan_operation", object_type="balance_operation", object_id=stored.pk,
        before=None, now=now,
        after={
            "ref": stored.ref, "login": spec.account.login, "kind": stored.kind, "purpose": stored.purpose,
            "amount": stored.amount, "currency": stored.currency,
        },
    )  # fmt: skip
    return stored


def refuse_misfits(spec: OperationSpec) -> None:
    """Refuse what no account could be booked with.

    :raises OperationAmountInvalid, OperationKindMisfit: it cannot be booked as asked."""
    group = spec.account.mt_group
    amount = spec.amount
    whole = amount.is_finite() and abs(amount) <= MONEY_LIMIT and amount == quantize(amount, group.currency_digits)
    if not whole or not amount:
        raise OperationAmountInvalid(field="amount", currency=group.currency)
    misfit = spec.kind not in KINDS_OF[spec.purpose]
    misfit |= spec.purpose in (Purpose.DEPOSIT, Purpose.REBATE) and amount < 0
    misfit |= spec.purpose == Purpose.WITHDRAWAL and amount > 0
    if misfit:
        raise OperationKindMisfit(field="kind")


def _row(spec: OperationSpec, actor: Actor, now: datetime) -> BalanceOperation:
    group = spec.account.mt_group
    with connection.cursor() as cursor:
        cursor.execute(_NEXT_ID)
        (pk,) = cursor.fetchone()
    counter = counter_of(spec)
    ledger_account_id = ensure_accounts(specs=[counter], now=now)[counter.code] if counter else None
    hold_id = spec.hold_id
    if hold_id is None and counter and ledger_account_id and counter.kind == AccountKind.WALLET and spec.amount > 0:
        wanted = HoldSpec(f"mt:{spec.idempotency_key}"[:200], ledger_account_id, spec.amount, "transfer_to_mt")
        hold_id = hold_funds(hold=wanted, actor=actor, now=now).pk
    return BalanceOperation(
        pk=pk, server_id=spec.account.server_id, account=spec.account, kind=spec.kind, purpose=spec.purpose,
        amount=spec.amount, currency=group.currency, digits=group.currency_digits, check_margin=spec.check_margin,
        ref=reference_of(schema=current_schema(), operation_id=pk), note=_NOTES[spec.purpose],
        idempotency_key=spec.idempotency_key, ledger_account_id=ledger_account_id, hold_id=hold_id, state_at=now,
        state_by=actor.label, next_try_at=now, planned_at=now, planned_by=actor.label,
    )  # fmt: skip


def counter_of(spec: OperationSpec) -> AccountSpec | None:
    """Return the ledger account on the other side; None for credit, which is lent and not money of the books."""
    if spec.kind == OperationKind.CREDIT:
        return None
    if spec.counter is not None:
        return spec.counter
    currency = spec.account.mt_group.currency
    if spec.purpose in (Purpose.BONUS, Purpose.CORRECTION, Purpose.MANUAL):
        return AccountSpec(AccountKind.ADJUSTMENT, currency)
    return AccountSpec(AccountKind.WALLET, currency, OwnerType.CLIENT, spec.account.client_id)


def _same(known: BalanceOperation, spec: OperationSpec) -> BalanceOperation:
    asked = (spec.account.pk, spec.kind, spec.purpose, spec.amount, spec.check_margin)
    if (known.account_id, known.kind, known.purpose, known.amount, known.check_margin) != asked:
        raise OperationKeyConflict(key=spec.idempotency_key)
    return known
