"""Booking entries: once by key, whole, refused in words."""

from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import QuerySet
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from access.models import AuditEvent
from ledger.enums import EntryKind, Side
from ledger.errors import (
    AlreadyReversed,
    IdempotencyConflict,
    InsufficientFunds,
    InvalidAmount,
    NotReversible,
    UnbalancedEntry,
    UnknownLedgerAccount,
)
from ledger.models import JournalEntry, Posting
from ledger.queries import AccountBalance, get_balance
from ledger.services import post_entries, post_entry, reverse_entry
from ledger.types import EntrySpec, Posted, PostingSpec, credit, debit
from ledger.verify import verify_ledger
from tests.ledger.conftest import Books

pytestmark = pytest.mark.unit
D = Decimal


def balance(amount: str, held: str = "0") -> AccountBalance:
    return AccountBalance(D(amount), D(held), D(amount) - D(held))


def audited() -> QuerySet[AuditEvent]:
    return AuditEvent.objects.filter(action__startswith="ledger.")


def both_ways(entry: EntrySpec, books: Books) -> Posted:
    """Book through the bulk door."""
    return post_entries(entries=[entry], actor=books.actor, now=books.now)[0]


def one_way(entry: EntrySpec, books: Books) -> Posted:
    return post_entry(entry=entry, actor=books.actor, now=books.now)


DOORS = pytest.mark.parametrize("post", [one_way, both_ways], ids=["single", "bulk"])


@DOORS
def test_entry_moves_both_balances_and_keeps_its_content(books, post):
    entry = books.entry(amount="100.25")._replace(params={"psp": "Acme", "ticket": 7})

    posted = post(entry, books)

    stored = JournalEntry.objects.get(pk=posted.entry_id)
    assert posted == Posted(stored.pk, created=True)
    assert (stored.idempotency_key, stored.kind, stored.at, stored.booked_at, stored.description, stored.params) == (
        "deposit:1", "deposit", books.now, books.now, "deposit", {"psp": "Acme", "ticket": 7},
    )  # fmt: skip
    assert (stored.actor_label, stored.actor_user_id, stored.reverses_id) == ("test", None, None)
    assert list(Posting.objects.order_by("line").values_list("line", "ledger_account_id", "side", "amount")) == [
        (1, books.psp, "D", D("100.25")),
        (2, books.wallet, "C", D("100.25")),
    ]
    assert [get_balance(ledger_account_id=i) for i in (books.psp, books.wallet)] == [balance("100.25")] * 2
    assert str(stored) == "deposit deposit:1"


@DOORS
def test_repeated_key_returns_the_first_entry_and_changes_nothing(books, post):
    first = post(books.entry(), books)

    again = [one_way(books.entry(), books), both_ways(books.entry(), books)]

    assert again == [Posted(first.entry_id, created=False)] * 2
    assert get_balance(ledger_account_id=books.wallet) == balance("100")


@DOORS
@pytest.mark.parametrize(
    "change",
    [
        {"kind": EntryKind.ADJUSTMENT},
        {"description": "another"},
        {"params": {"psp": "Other"}},
        {"at": "later"},
        {"postings": "more"},
        {"postings": "other_side"},
    ],
    ids=["kind", "description", "params", "at", "amount", "side"],
)
def test_repeated_key_with_another_content_is_refused(books, post, change):
    post(books.entry(), books)
    changed = books.entry()._replace(**change)
    if change.get("at"):
        changed = changed._replace(at=books.now.replace(second=1))
    if change.get("postings") == "more":
        changed = changed._replace(postings=books.entry(amount="100.01").postings)
    if change.get("postings") == "other_side":
        changed = changed._replace(postings=books.withdrawal("x", "100").postings)

    with pytest.raises(IdempotencyConflict, match="deposit:1"):
        post(changed, books)

    assert get_balance(ledger_account_id=books.wallet) == balance("100")


def test_bulk_answers_in_the_order_asked_and_absorbs_repeats_within_the_batch(books):
    known = books.deposit("b")
    batch = [books.entry("c"), books.entry("a"), books.entry("b"), books.entry("a")]

    posted = post_entries(entries=batch, actor=books.actor, now=books.now)

    by_key = dict(JournalEntry.objects.values_list("idempotency_key", "pk"))
    assert posted == [
        Posted(by_key["c"], created=True),
        Posted(by_key["a"], created=True),
        Posted(known.entry_id, created=False),
        Posted(by_key["a"], created=False),
    ]
    assert get_balance(ledger_account_id=books.wallet) == balance("300")


def test_bulk_of_nothing_is_nothing(books):
    assert post_entries(entries=[], actor=books.actor, now=books.now) == []


def test_bulk_refuses_one_key_for_two_contents(books):
    with pytest.raises(IdempotencyConflict):
        post_entries(entries=[books.entry("a"), books.entry("a", "7")], actor=books.actor, now=books.now)

    assert not JournalEntry.objects.exists()


def test_bulk_is_all_or_nothing(books):
    batch = [books.entry("good"), books.withdrawal("too much", "100.01")]

    with pytest.raises(InsufficientFunds, match="does not hold enough"):
        post_entries(entries=batch, actor=books.actor, now=books.now)

    assert not JournalEntry.objects.exists()
    assert get_balance(ledger_account_id=books.wallet) == balance("0")


@DOORS
@pytest.mark.parametrize(
    ("postings", "refusal"),
    [
        (lambda b: (debit(b.psp, D(5)), credit(b.wallet, D(4))), UnbalancedEntry),
        (lambda b: (debit(b.psp, D(5)), credit(b.yen_wallet, D(5))), UnbalancedEntry),
        (lambda b: (debit(b.psp, D(5)),), UnbalancedEntry),
        (lambda b: (), UnbalancedEntry),
        (lambda b: (debit(b.psp, D("0.001")), credit(b.wallet, D("0.001"))), InvalidAmount),
        (lambda b: (debit(b.yen_psp, D("0.5")), credit(b.yen_wallet, D("0.5"))), InvalidAmount),
        (lambda b: (debit(b.house, D("1E-9")), credit(b.ib, D("1E-9"))), InvalidAmount),
        (lambda b: (debit(b.house, D(0)), credit(b.ib, D(0))), InvalidAmount),
        (lambda b: (debit(b.house, D(-1)), credit(b.ib, D(-1))), InvalidAmount),
        (lambda b: (debit(b.house, D("NaN")), credit(b.ib, D("NaN"))), InvalidAmount),
        (lambda b: (debit(b.house, D("Infinity")), credit(b.ib, D("Infinity"))), InvalidAmount),
        (lambda b: (debit(b.house, D("1E30")), credit(b.ib, D("1E30"))), InvalidAmount),
        (lambda b: (debit(b.house, D("1." + "0" * 70 + "1")), credit(b.ib, D("1." + "0" * 70 + "1"))), InvalidAmount),
        (lambda b: (debit(b.psp, D(5)), credit(987654321, D(5))), UnknownLedgerAccount),
        (lambda b: (debit(b.wallet, D(5)), credit(b.psp, D(5))), InsufficientFunds),
    ],
)  # fmt: skip
def test_entry_that_breaks_a_rule_is_refused_in_words(books, post, postings, refusal):
    entry = EntrySpec("broken", EntryKind.ADJUSTMENT, books.now, "adjustment", postings(books))

    with pytest.raises(refusal) as refused:
        post(entry, books)

    assert str(refused.value)
    assert not JournalEntry.objects.exists()


@DOORS
def test_fault_that_is_no_rule_of_ours_is_not_hidden(books, post):
    entry = books.entry()._replace(description="x" * 61)

    with pytest.raises(Exception, match="too long"):
        post(entry, books)


@DOORS
def test_side_must_be_debit_or_credit(books, post):
    entry = books.entry()._replace(postings=(PostingSpec(books.psp, "X", D(1)), credit(books.wallet, D(1))))

    with pytest.raises(IntegrityError, match="posting_side_known"):
        post(entry, books)


def test_money_of_several_currencies_balances_in_each(books):
    entry = EntrySpec(
        "exchange", EntryKind.CONVERSION, books.now, "conversion",
        (debit(books.psp, D("10.00")), credit(books.wallet, D("10.00")),
         debit(books.yen_psp, D(1500)), credit(books.yen_wallet, D(1500))),
    )  # fmt: skip

    one_way(entry, books)

    assert get_balance(ledger_account_id=books.yen_wallet) == balance("1500")


def test_bulk_costs_the_same_number_of_statements_for_one_and_many(books):
    counts = []
    for size in (1, 200):
        batch = [books.rebate(f"{size}:{n}", "0.00000001") for n in range(size)]
        with CaptureQueriesContext(connection) as queries:
            post_entries(entries=batch, actor=books.actor, now=books.now)
        counts.append(len(queries))

    assert counts[0] == counts[1]


def test_bulk_books_ten_thousand_postings_exactly(books):
    batch = [books.rebate(f"r:{n}", f"{n}.00000001") for n in range(1, 5001)]

    posted = post_entries(entries=batch, actor=books.actor, now=books.now)

    total = sum((entry.postings[0].amount for entry in batch), D(0))
    assert all(answer.created for answer in posted)
    assert len({answer.entry_id for answer in posted}) == 5000
    assert get_balance(ledger_account_id=books.ib) == AccountBalance(total, D(0), total)
    assert get_balance(ledger_account_id=books.house) == AccountBalance(total, D(0), total)
    assert verify_ledger() == []


amounts = st.integers(min_value=1, max_value=10**38 - 1).map(
    lambda units: D(units).scaleb(-8, None) if units < 10**20 else D(f"{units // 10**8}.{units % 10**8:08d}")
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(amount=amounts)
def test_every_amount_arrives_exactly_through_both_doors(books, amount):
    with transaction.atomic():
        postings = (debit(books.house, amount), credit(books.ib, amount))
        entries = [EntrySpec(key, EntryKind.ADJUSTMENT, books.now, "adjustment", postings) for key in ("one", "many")]

        one_way(entries[0], books)
        stored = set(Posting.objects.order_by("pk").values_list("amount", flat=True))
        if amount * 2 < D("1E30"):
            both_ways(entries[1], books)
            stored |= set(Posting.objects.order_by("pk").values_list("amount", flat=True))

        assert stored == {amount}
        transaction.set_rollback(True)


def test_reversal_mirrors_the_entry_and_is_audited(books):
    posted = books.deposit(amount="12.34")

    reversal = reverse_entry(
        entry=JournalEntry.objects.get(pk=posted.entry_id), reason="wrong client", actor=books.actor, now=books.now
    )

    stored = JournalEntry.objects.get(pk=reversal.entry_id)
    assert (stored.kind, stored.reverses_id, stored.params) == (
        "reversal", posted.entry_id, {"entry_id": posted.entry_id, "reason": "wrong client"},
    )  # fmt: skip
    assert list(stored.postings.order_by("line").values_list("ledger_account_id", "side", "amount")) == [
        (books.psp, Side.CREDIT, D("12.34")),
        (books.wallet, Side.DEBIT, D("12.34")),
    ]
    assert get_balance(ledger_account_id=books.wallet) == balance("0")
    assert list(audited().values_list("action", "object_type", "object_id", "after", "reason")) == [
        (
            "ledger.reverse_entry",
            "journal_entry",
            str(posted.entry_id),
            {"reversal_id": reversal.entry_id},
            "wrong client",
        )
    ]


@pytest.mark.parametrize("later", [0, 1], ids=["same moment", "later"])
def test_entry_is_reversed_once(books, later):
    entry = JournalEntry.objects.get(pk=books.deposit().entry_id)
    reverse_entry(entry=entry, reason="wrong", actor=books.actor, now=books.now)

    with pytest.raises(AlreadyReversed):
        reverse_entry(entry=entry, reason="wrong", actor=books.actor, now=books.now.replace(second=later))

    assert JournalEntry.objects.count() == 2
    assert audited().count() == 1


def test_reversal_cannot_be_reversed(books):
    entry = JournalEntry.objects.get(pk=books.deposit().entry_id)
    reversal = reverse_entry(entry=entry, reason="wrong", actor=books.actor, now=books.now)

    with pytest.raises(NotReversible):
        reverse_entry(
            entry=JournalEntry.objects.get(pk=reversal.entry_id), reason="again", actor=books.actor, now=books.now
        )


def test_spent_money_cannot_be_reversed_away(books):
    entry = JournalEntry.objects.get(pk=books.deposit().entry_id)
    one_way(books.withdrawal("out", "1"), books)

    with pytest.raises(InsufficientFunds):
        reverse_entry(entry=entry, reason="chargeback", actor=books.actor, now=books.now)

    assert not audited().exists()
