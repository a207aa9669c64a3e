"""Many hands at once, on real connections that commit."""

import random
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import psycopg2
import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from core.errors import DomainError
from ledger.enums import AccountKind, EntryKind, OwnerType
from ledger.errors import HoldClosed
from ledger.models import Hold, JournalEntry, LedgerAccount
from ledger.queries import AccountBalance, get_balance, ledger_sums
from ledger.services import (
    capture_hold,
    ensure_accounts,
    hold_funds,
    lock_balances,
    post_entries,
    post_entry,
    release_hold,
)
from ledger.types import AccountSpec, EntrySpec, HoldSpec, credit, debit
from ledger.verify import verify_ledger
from tenancy.context import current_broker
from tests.databases import admin_url

pytestmark = pytest.mark.integration
D = Decimal


def together(jobs: list[Callable[[], object]], *, hands: int = 8) -> list[object]:
    """Run the jobs in threads, each with a connection of its own under the same broker; answers or errors in order."""
    broker = current_broker()
    ready = threading.Barrier(min(hands, len(jobs)))
    opened = threading.local()

    def run(job: Callable[[], object]) -> object:
        connection.set_tenant(broker)
        if not getattr(opened, "yes", False):
            opened.yes = True
            connection.ensure_connection()
            ready.wait(timeout=30)
        try:
            return job()
        except (DomainError, DatabaseError) as error:
            return error

    with ThreadPoolExecutor(hands) as pool:
        answers = list(pool.map(run, jobs))
        closing = threading.Barrier(min(hands, len(jobs)))

        def close(_hand: int) -> None:
            closing.wait(timeout=30)
            connection.close()

        list(pool.map(close, range(min(hands, len(jobs)))))
    return answers


def test_same_key_fifty_times_at_once_is_booked_once(committed_books):
    books = committed_books
    single = [lambda: post_entry(entry=books.entry(), actor=books.actor, now=books.now)] * 25
    bulk = [lambda: post_entries(entries=[books.entry()], actor=books.actor, now=books.now)[0]] * 25

    answers = together([job for pair in zip(single, bulk, strict=True) for job in pair], hands=10)

    assert Counter(answer.created for answer in answers) == {True: 1, False: 49}
    assert len({answer.entry_id for answer in answers}) == 1
    assert JournalEntry.objects.count() == 1
    assert get_balance(ledger_account_id=books.wallet) == AccountBalance(D(100), D(0), D(100))


def test_same_money_cannot_be_spent_twice(committed_books):
    books = committed_books
    books.deposit(amount="100")

    def spend(number: int) -> Callable[[], object]:
        if number % 2:
            return lambda: post_entry(entry=books.withdrawal(f"out:{number}", "30"), actor=books.actor, now=books.now)
        spec = HoldSpec(f"hold:{number}", books.wallet, D(30), "withdrawal")
        return lambda: hold_funds(hold=spec, actor=books.actor, now=books.now)

    answers = together([spend(number) for number in range(40)])

    refused = [answer for answer in answers if isinstance(answer, DomainError)]
    assert {error.code for error in refused} == {"insufficient_funds"}
    assert len(answers) - len(refused) == 3
    assert get_balance(ledger_account_id=books.wallet).available == D(10)
    assert verify_ledger() == []


def test_hold_is_closed_by_one_hand_only(committed_books):
    books = committed_books
    books.deposit(amount="100")
    spec = HoldSpec("hold", books.wallet, D(60), "withdrawal")
    hold = hold_funds(hold=spec, actor=books.actor, now=books.now)

    def close(number: int) -> Callable[[], object]:
        mine = Hold.objects.get(pk=hold.pk)
        if number % 2:
            return lambda: release_hold(hold=mine, now=books.now)
        entry = books.withdrawal(f"out:{number}", "60")
        return lambda: capture_hold(hold=mine, entry=entry, actor=books.actor, now=books.now)

    answers = together([close(number) for number in range(16)])

    assert Counter(type(answer) for answer in answers if isinstance(answer, Exception)) == {HoldClosed: 15}
    hold.refresh_from_db()
    left = {"captured": D(40), "released": D(100)}[hold.state]
    assert get_balance(ledger_account_id=books.wallet) == AccountBalance(left, D(0), left)
    assert verify_ledger() == []


def test_batches_over_the_same_accounts_never_deadlock(committed_books):
    """Entries in random order, accounts shared, keys shared: everyone is served, each key once."""
    books = committed_books
    specs = [AccountSpec(AccountKind.IB_ACCRUED, "USD", OwnerType.IB, number) for number in range(100, 160)]
    ibs = list(ensure_accounts(specs=specs, now=books.now).values())
    order = random.Random(7)

    def batch(number: int) -> Callable[[], object]:
        entries = [
            EntrySpec(
                f"shared:{ib}" if number % 3 == 0 else f"{number}:{ib}",
                EntryKind.REBATE_ACCRUAL,
                books.now,
                "rebate_accrual",
                (debit(books.house, D("0.12345678")), credit(ib, D("0.12345678"))),
            )
            for ib in ibs
        ]
        order.shuffle(entries)
        return lambda: post_entries(entries=entries, actor=books.actor, now=books.now)

    answers = together([batch(number) for number in range(24)])

    assert [answer for answer in answers if isinstance(answer, Exception)] == []
    booked = sum(posted.created for answer in answers for posted in answer)
    assert booked == JournalEntry.objects.count() == 16 * 60 + 60
    assert get_balance(ledger_account_id=books.house).posted == D("0.12345678") * booked
    assert ledger_sums() == {"USD": D(0)}
    assert verify_ledger() == []


def test_several_entries_in_a_transaction_do_not_deadlock_after_locking(committed_books):
    books = committed_books
    books.deposit("one", "1000")
    post_entry(entry=books.entry("two", "1000", into=books.savings), actor=books.actor, now=books.now)

    def move(number: int) -> Callable[[], object]:
        pair = [books.wallet, books.savings][:: 1 if number % 2 else -1]

        def job() -> None:
            with transaction.atomic():
                lock_balances(ledger_account_ids=[*pair, books.psp])
                for step, wallet in enumerate(pair):
                    out = books.withdrawal(f"{number}:{step}", "1", wallet=wallet)
                    post_entry(entry=out, actor=books.actor, now=books.now)

        return job

    assert together([move(number) for number in range(60)]) == [None] * 60
    assert get_balance(ledger_account_id=books.savings).posted == D(940)


def test_accounts_are_opened_once_by_many_hands(committed_books):
    specs = [AccountSpec(AccountKind.WALLET, "EUR", OwnerType.CLIENT, number) for number in range(1, 40)]
    order = random.Random(3)

    def open_them() -> Callable[[], object]:
        mine = order.sample(specs, len(specs))
        return lambda: ensure_accounts(specs=mine, now=committed_books.now)

    answers = together([open_them() for _ in range(16)])

    assert all(answer == answers[0] for answer in answers)
    assert LedgerAccount.objects.filter(currency="EUR").count() == 39
    assert verify_ledger() == []


def test_connection_killed_in_mid_transaction_leaves_nothing(committed_books):
    """The walker dies between posting and commit: nothing is booked, and the next try books all."""
    books = committed_books
    batch = [books.rebate(f"r:{number}", "1") for number in range(50)]
    killer = psycopg2.connect(admin_url())
    killer.autocommit = True

    def die() -> None:
        with transaction.atomic():
            post_entries(entries=batch, actor=books.actor, now=books.now)
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_backend_pid()")
                (pid,) = cursor.fetchone()
            with killer.cursor() as cursor:
                cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
            post_entries(entries=[books.rebate("more", "1")], actor=books.actor, now=books.now)

    (answer,) = together([die], hands=1)
    killer.close()

    assert isinstance(answer, DatabaseError)
    assert JournalEntry.objects.count() == 0
    assert get_balance(ledger_account_id=books.ib) == AccountBalance(D(0), D(0), D(0))
    again = post_entries(entries=batch, actor=books.actor, now=books.now)
    assert Counter(posted.created for posted in again) == {True: 50}
    assert verify_ledger() == []


def test_rival_that_the_transaction_cannot_see_ends_in_an_error_not_a_loop(committed_books):
    """Under repeatable read a key may block us without being readable."""
    books = committed_books

    def book_blindly() -> None:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            assert JournalEntry.objects.count() == 0
            together([books.deposit], hands=1)
            post_entries(entries=[books.entry()], actor=books.actor, now=books.now)

    with pytest.raises(IntegrityError, match="journal_entry_key_unique"):
        book_blindly()

    assert JournalEntry.objects.count() == 1
