"""The ledger against a plain model in Python, over random histories."""

from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from core.errors import DomainError
from ledger.enums import EntryKind
from ledger.errors import AlreadyReversed, HoldClosed, IdempotencyConflict, InsufficientFunds
from ledger.models import Hold, JournalEntry
from ledger.queries import AccountBalance, balances
from ledger.services import capture_hold, hold_funds, post_entries, post_entry, release_hold, reverse_entry
from ledger.types import EntrySpec, HoldSpec, Posted, credit, debit
from ledger.verify import verify_ledger
from tests.ledger.conftest import Books

pytestmark = pytest.mark.unit
D = Decimal
cents = st.integers(1, 20_000).map(lambda n: D(n) / 100)
WALLETS = st.sampled_from(["wallet", "savings"])


class LedgerMachine(RuleBasedStateMachine):
    """Every step is done to the database and to the model; a refusal by one must be a refusal by the other."""

    books: Books
    entries = Bundle("entries")
    holds = Bundle("holds")

    def __init__(self) -> None:
        super().__init__()
        self.savepoint = transaction.savepoint()
        self.posted = dict.fromkeys(("wallet", "savings", "psp", "house", "ib"), D(0))
        self.held = {"wallet": D(0), "savings": D(0)}
        self.booked: dict[str, EntrySpec] = {}
        self.reversed: set[str] = set()
        self.closed: set[int] = set()
        self.count = 0

    def teardown(self) -> None:
        if not connection.needs_rollback:
            assert verify_ledger() == []
        transaction.savepoint_rollback(self.savepoint)

    def key(self) -> str:
        self.count += 1
        return f"key:{self.count}"

    def does(self, refusal: type[DomainError] | None, action: Any) -> Any:
        """Do it, checked to the end of a transaction, and compare the outcome with the model's expectation."""
        found = None
        result = None
        try:
            with transaction.atomic():
                result = action()
                with connection.cursor() as cursor:
                    cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
        except DomainError as error:
            found = type(error)
        assert found is refusal
        return result

    def available(self, wallet: str) -> Decimal:
        return self.posted[wallet] - self.held[wallet]

    def post(self, spec: EntrySpec) -> Posted:
        return post_entry(entry=spec, actor=self.books.actor, now=self.books.now)

    @initialize(amount=cents)
    def open_with_money(self, amount: Decimal) -> None:
        self.does(None, lambda: self.post(self.books.entry(self.key(), str(amount))))
        self.posted["wallet"] += amount
        self.posted["psp"] += amount

    @rule(target=entries, wallet=WALLETS, amount=cents)
    def deposit(self, wallet: str, amount: Decimal) -> str:
        spec = self.books.entry(self.key(), str(amount), into=getattr(self.books, wallet))
        self.does(None, lambda: self.post(spec))
        self.posted[wallet] += amount
        self.posted["psp"] += amount
        self.booked[spec.idempotency_key] = spec
        return spec.idempotency_key

    @rule(target=entries, wallet=WALLETS, amount=cents)
    def withdraw(self, wallet: str, amount: Decimal) -> Any:
        spec = self.books.withdrawal(self.key(), str(amount), wallet=getattr(self.books, wallet))
        if amount > self.available(wallet):
            self.does(InsufficientFunds, lambda: self.post(spec))
            return multiple()
        self.does(None, lambda: self.post(spec))
        self.posted[wallet] -= amount
        self.posted["psp"] -= amount
        self.booked[spec.idempotency_key] = spec
        return spec.idempotency_key

    @rule(amounts=st.lists(st.integers(1, 10**12), min_size=1, max_size=8), repeat=st.booleans())
    def accrue_in_bulk(self, amounts: list[int], repeat: bool) -> None:
        batch = [self.books.rebate(self.key(), f"{D(units).scaleb(-8):f}") for units in amounts]
        again = batch[:1] if repeat else []
        self.does(None, lambda: post_entries(entries=batch + again, actor=self.books.actor, now=self.books.now))
        total = sum((spec.postings[0].amount for spec in batch), D(0))
        self.posted["house"] += total
        self.posted["ib"] += total

    @rule(amount=cents, there=WALLETS)
    def transfer(self, amount: Decimal, there: str) -> None:
        here = "savings" if there == "wallet" else "wallet"
        spec = EntrySpec(
            self.key(), EntryKind.TRANSFER, self.books.now, "transfer",
            (debit(getattr(self.books, here), amount), credit(getattr(self.books, there), amount)),
        )  # fmt: skip
        if amount > self.available(here):
            self.does(InsufficientFunds, lambda: self.post(spec))
            return
        self.does(None, lambda: self.post(spec))
        self.posted[here] -= amount
        self.posted[there] += amount

    @rule(key=entries, bulk=st.booleans())
    def repeat(self, key: str, bulk: bool) -> None:
        spec = self.booked[key]
        if bulk:
            answer = self.does(
                None, lambda: post_entries(entries=[spec], actor=self.books.actor, now=self.books.now)[0]
            )
        else:
            answer = self.does(None, lambda: self.post(spec))
        assert answer.created is False

    @rule(key=entries)
    def misuse_a_key(self, key: str) -> None:
        other = self.booked[key]._replace(description="other")
        self.does(IdempotencyConflict, lambda: self.post(other))

    @rule(key=entries)
    def reverse(self, key: str) -> None:
        spec = self.booked[key]
        wallet = next(n for n in self.held if getattr(self.books, n) in {p.ledger_account_id for p in spec.postings})
        amount = spec.postings[0].amount if spec.kind == EntryKind.DEPOSIT else -spec.postings[0].amount
        refusal: type[DomainError] | None = None
        if key in self.reversed:
            refusal = AlreadyReversed
        elif amount > self.available(wallet):
            refusal = InsufficientFunds
        entry = JournalEntry.objects.get(idempotency_key=key)
        self.does(
            refusal, lambda: reverse_entry(entry=entry, reason="test", actor=self.books.actor, now=self.books.now)
        )
        if refusal is None:
            self.reversed.add(key)
            self.posted[wallet] -= amount
            self.posted["psp"] -= amount

    @rule(target=holds, wallet=WALLETS, amount=cents)
    def hold(self, wallet: str, amount: Decimal) -> Any:
        spec = HoldSpec(self.key(), getattr(self.books, wallet), amount, "withdrawal")

        def place() -> Hold:
            return hold_funds(hold=spec, actor=self.books.actor, now=self.books.now)

        if amount > self.available(wallet):
            self.does(InsufficientFunds, place)
            return multiple()
        self.held[wallet] += amount
        return wallet, self.does(None, place)

    @rule(place=holds, release=st.booleans())
    def close_hold(self, place: tuple[str, Hold], release: bool) -> None:
        wallet, hold = place
        refusal = HoldClosed if hold.pk in self.closed else None
        if release:
            self.does(refusal, lambda: release_hold(hold=hold, now=self.books.now))
        else:
            out = self.books.withdrawal(self.key(), str(hold.amount), wallet=hold.ledger_account_id)
            self.does(refusal, lambda: capture_hold(hold=hold, entry=out, actor=self.books.actor, now=self.books.now))
        if refusal is not None:
            return
        self.closed.add(hold.pk)
        self.held[wallet] -= hold.amount
        if not release:
            self.posted[wallet] -= hold.amount
            self.posted["psp"] -= hold.amount

    @precondition(lambda self: self.closed)
    @rule(place=consumes(holds))
    def forget_hold(self, place: tuple[str, Hold]) -> None:
        """Let the bundle shrink, so that fresh holds are tried too."""

    @invariant()
    def balances_equal_the_model(self) -> None:
        ids = {name: getattr(self.books, name) for name in self.posted}
        found = balances(ledger_account_ids=list(ids.values()))

        assert {name: found[account] for name, account in ids.items()} == {
            name: AccountBalance(amount, self.held.get(name, D(0)), amount - self.held.get(name, D(0)))
            for name, amount in self.posted.items()
        }


MODEL = settings(
    max_examples=20, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True
)


def run_machine(books: Books, profile: settings) -> None:
    LedgerMachine.books = books
    run_state_machine_as_test(LedgerMachine, settings=profile)


def test_random_histories_equal_the_model(books):
    run_machine(books, MODEL)


@pytest.mark.soak
def test_long_random_histories_equal_the_model(books):
    run_machine(books, settings(MODEL, max_examples=1000, stateful_step_count=50))
