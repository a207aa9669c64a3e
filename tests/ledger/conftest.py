"""Ledger accounts that tests post to."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal

import pytest

from access.types import Actor
from ledger.enums import AccountKind, EntryKind, OwnerType
from ledger.services import ensure_accounts, post_entry
from ledger.types import AccountSpec, EntrySpec, Posted, credit, debit
from tenancy.models import Broker

HOUSE = AccountSpec(AccountKind.REBATE_EXPENSE, "USD")
IB = AccountSpec(AccountKind.IB_ACCRUED, "USD", OwnerType.IB, 17)
WALLET = AccountSpec(AccountKind.WALLET, "USD", OwnerType.CLIENT, 5)
SAVINGS = AccountSpec(AccountKind.WALLET, "USD", OwnerType.CLIENT, 6)
YEN_WALLET = AccountSpec(AccountKind.WALLET, "JPY", OwnerType.CLIENT, 5)
PSP = AccountSpec(AccountKind.PSP_CLEARING, "USD", OwnerType.PSP, 1)
YEN_PSP = AccountSpec(AccountKind.PSP_CLEARING, "JPY", OwnerType.PSP, 1)
ALL = (HOUSE, IB, WALLET, SAVINGS, YEN_WALLET, PSP, YEN_PSP)


class Books:
    """The test accounts by spec, and the shortest way to book on them."""

    def __init__(self, *, actor: Actor, now: datetime) -> None:
        ids = ensure_accounts(specs=ALL, now=now)
        self.house, self.ib, self.wallet, self.savings, self.yen_wallet, self.psp, self.yen_psp = (
            ids[spec.code] for spec in ALL
        )
        self.actor, self.now = actor, now

    def deposit(self, key: str = "deposit:1", amount: str = "100") -> Posted:
        return post_entry(entry=self.entry(key, amount), actor=self.actor, now=self.now)

    def entry(self, key: str = "deposit:1", amount: str = "100", *, into: int | None = None) -> EntrySpec:
        value = Decimal(amount)
        return EntrySpec(
            key, EntryKind.DEPOSIT, self.now, "deposit", (debit(self.psp, value), credit(into or self.wallet, value))
        )

    def withdrawal(self, key: str, amount: str, *, wallet: int | None = None) -> EntrySpec:
        value = Decimal(amount)
        return EntrySpec(
            key,
            EntryKind.WITHDRAWAL,
            self.now,
            "withdrawal",
            (debit(wallet or self.wallet, value), credit(self.psp, value)),
        )

    def rebate(self, key: str, amount: str) -> EntrySpec:
        value = Decimal(amount)
        return EntrySpec(
            key,
            EntryKind.REBATE_ACCRUAL,
            self.now,
            "rebate_accrual",
            (debit(self.house, value), credit(self.ib, value)),
        )


@pytest.fixture
def books(broker: Broker, system_actor: Actor, now: datetime) -> Books:
    return Books(actor=system_actor, now=now)


@pytest.fixture
def committed_books(committed_database: dict[str, str], system_actor: Actor, now: datetime) -> Books:
    """Return accounts in a database of its own, where the test commits."""
    return Books(actor=system_actor, now=now)


@pytest.fixture
def make_actor() -> Callable[..., Actor]:
    def make(kind: str, *rights: str, client_id: int | None = None, ib_id: int | None = None) -> Actor:
        return Actor(kind, 1, "someone", frozenset(rights), client_id=client_id, ib_id=ib_id)

    return make
