"""Accounts with money behind them, for operations that go to MT."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from access.types import Actor
from ledger.enums import AccountKind, EntryKind, OwnerType
from ledger.queries import balances
from ledger.services import ensure_accounts, post_entry
from ledger.types import AccountSpec, EntrySpec, credit, debit
from tenancy.models import Broker
from tests.trading.factories import make_account, make_mt_group, make_server
from trading.models import TradingAccount
from trading.operations.enums import Purpose
from trading.operations.models import BalanceOperation
from trading.operations.planning import OperationSpec, plan_operation

SYSTEM = Actor.system("test")


@pytest.fixture
def account(broker: Broker) -> TradingAccount:
    return make_account(make_mt_group(make_server()))


def wallet_of(account: TradingAccount) -> AccountSpec:
    return AccountSpec(AccountKind.WALLET, account.mt_group.currency, OwnerType.CLIENT, account.client_id)


def fill_wallet(account: TradingAccount, amount: str, *, now: datetime, key: str = "fill") -> None:
    """Put money into the wallet of the account's client."""
    wallet, psp = wallet_of(account), AccountSpec(AccountKind.PSP_CLEARING, account.mt_group.currency)
    ids, value = ensure_accounts(specs=[wallet, psp], now=now), Decimal(amount)
    lines = (debit(ids[psp.code], value), credit(ids[wallet.code], value))
    post_entry(entry=EntrySpec(key, EntryKind.DEPOSIT, now, "deposit", lines), actor=SYSTEM, now=now)


def money_of(spec: AccountSpec, *, now: datetime) -> tuple[Decimal, Decimal]:
    """Return (posted, held) of a ledger account."""
    (pk,) = ensure_accounts(specs=[spec], now=now).values()
    found = balances(ledger_account_ids=[pk])[pk]
    return found.posted, found.held


@pytest.fixture
def plan(account: TradingAccount, now: datetime) -> Callable[..., BalanceOperation]:
    """Return a planner of operations on the account; a deposit of 40 unless told otherwise."""

    def make(**values: Any) -> BalanceOperation:
        spec = {"purpose": Purpose.DEPOSIT, "amount": Decimal(40), "idempotency_key": "one", "account": account}
        return plan_operation(spec=OperationSpec(**{**spec, **values}), actor=SYSTEM, now=now)

    return make
