"""What may be planned, what is set aside, and that a key stands for one operation."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from core.errors import DomainError
from ledger.enums import AccountKind
from ledger.errors import InsufficientFunds
from ledger.types import AccountSpec
from tests.trading.operations.conftest import fill_wallet, money_of, wallet_of
from trading.models import TradingAccount
from trading.operations.enums import OperationKind, OperationState, Purpose
from trading.operations.errors import OperationAmountInvalid, OperationKeyConflict, OperationKindMisfit
from trading.operations.models import BalanceOperation, OperationEvent

pytestmark = pytest.mark.unit
Plan = Callable[..., BalanceOperation]


def test_a_deposit_sets_the_money_aside_and_begins_its_history(
    plan: Plan, account: TradingAccount, now: datetime
) -> None:
    fill_wallet(account, "100", now=now)

    operation = plan()

    assert money_of(wallet_of(account), now=now) == (Decimal(100), Decimal(40))
    assert operation.comment == f"{operation.ref} Deposit"
    assert list(OperationEvent.objects.values_list("number", "state_before", "state", "by")) == [
        (1, "", OperationState.PLANNED, "test")
    ]


def test_a_deposit_without_the_money_is_not_planned(plan: Plan) -> None:
    with pytest.raises(InsufficientFunds):
        plan()

    assert not BalanceOperation.objects.exists()


def test_a_withdrawal_holds_nothing_and_credit_has_no_books(plan: Plan, account: TradingAccount, now: datetime) -> None:
    withdrawal = plan(purpose=Purpose.WITHDRAWAL, amount=Decimal("-12.50"))
    lent = plan(purpose=Purpose.BONUS, kind=OperationKind.CREDIT, idempotency_key="two")
    correction = plan(purpose=Purpose.CORRECTION, kind=OperationKind.CORRECTION, idempotency_key="three")

    assert (withdrawal.hold_id, lent.hold_id, correction.hold_id) == (None, None, None)
    assert lent.ledger_account_id is None
    house = AccountSpec(AccountKind.ADJUSTMENT, "USD")
    assert money_of(house, now=now) == (Decimal(0), Decimal(0))


def test_the_same_key_is_one_operation(plan: Plan, account: TradingAccount, now: datetime) -> None:
    fill_wallet(account, "100", now=now)

    first, again = plan(), plan()

    assert again == first
    assert money_of(wallet_of(account), now=now) == (Decimal(100), Decimal(40))
    with pytest.raises(OperationKeyConflict):
        plan(amount=Decimal(41))


@pytest.mark.parametrize(
    ("values", "refusal"),
    [
        ({"amount": Decimal(0)}, OperationAmountInvalid),
        ({"amount": Decimal("NaN")}, OperationAmountInvalid),
        ({"amount": Decimal("1.005")}, OperationAmountInvalid),
        ({"amount": Decimal("1000000000.01")}, OperationAmountInvalid),
        ({"amount": Decimal(-1)}, OperationKindMisfit),
        ({"purpose": Purpose.WITHDRAWAL}, OperationKindMisfit),
        ({"kind": OperationKind.CREDIT}, OperationKindMisfit),
        ({"purpose": Purpose.REBATE, "kind": OperationKind.BONUS}, OperationKindMisfit),
    ],
)
def test_what_cannot_be_booked_is_refused(plan: Plan, values: dict[str, Any], refusal: type[DomainError]) -> None:
    with pytest.raises(refusal):
        plan(**values)
