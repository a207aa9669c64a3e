"""Many entries of one occasion by columns: the same entries as one by one, once by key."""

from itertools import count

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.money import from_e8
from ledger.enums import EntryKind
from ledger.errors import IdempotencyConflict
from ledger.models import JournalEntry, Posting
from ledger.services import post_entries, post_transfers
from ledger.types import EntrySpec, Occasion, Posted, Transfers, credit, debit
from ledger.verify import verify_ledger
from tests.ledger.conftest import Books

pytestmark = pytest.mark.unit
EXAMPLES = count()
AMOUNTS = st.integers(1, 2**62)


def occasion(books: Books) -> Occasion:
    return Occasion(EntryKind.REBATE_ACCRUAL, books.now, books.now, "rebate_accrual", {"batch_id": 7})


def transfers(books: Books, units: dict[str, int]) -> Transfers:
    """From the house to the IB; below zero the other way."""
    signed = np.array(list(units.values()), dtype=np.int64)
    return Transfers(
        keys=list(units),
        debited=np.where(signed > 0, books.house, books.ib),
        credited=np.where(signed > 0, books.ib, books.house),
        units=np.abs(signed),
    )


def post(books: Books, units: dict[str, int]) -> None:
    post_transfers(occasion=occasion(books), transfers=transfers(books, units), actor=books.actor)


def spec(books: Books, key: str, units: int) -> EntrySpec:
    ends = (books.house, books.ib) if units > 0 else (books.ib, books.house)
    amount = from_e8(abs(units))
    postings = (debit(ends[0], amount), credit(ends[1], amount))
    return EntrySpec(key, EntryKind.REBATE_ACCRUAL, books.now, "rebate_accrual", postings, {"batch_id": 7})


def lines() -> list[tuple[object, ...]]:
    rows = Posting.objects.order_by("entry__idempotency_key", "line")
    return list(rows.values_list("entry__idempotency_key", "line", "ledger_account_id", "side", "amount"))


def test_transfers_are_booked_with_their_two_postings(books: Books) -> None:
    post(books, {"judge:7:2": 150_000_000, "judge:7:11": -1})

    assert lines() == [
        ("judge:7:11", 1, books.ib, "D", from_e8(1)),
        ("judge:7:11", 2, books.house, "C", from_e8(1)),
        ("judge:7:2", 1, books.house, "D", from_e8(150_000_000)),
        ("judge:7:2", 2, books.ib, "C", from_e8(150_000_000)),
    ]
    stored = JournalEntry.objects.values_list("kind", "at", "booked_at", "description", "params", "actor_label")
    assert list(stored) == [("rebate_accrual", books.now, books.now, "rebate_accrual", {"batch_id": 7}, "test")] * 2
    assert verify_ledger() == []


@given(units=st.dictionaries(st.integers(1, 9_999), AMOUNTS | AMOUNTS.map(lambda units: -units), min_size=1))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_entries_one_by_one_know_the_keys_that_transfers_booked(books: Books, units: dict[int, int]) -> None:
    example = next(EXAMPLES)
    keyed = {f"judge:{example}:{number}": each for number, each in units.items()}
    post(books, keyed)

    again = post_entries(entries=[spec(books, *each) for each in keyed.items()], actor=books.actor, now=books.now)

    ids = dict(JournalEntry.objects.filter(idempotency_key__in=keyed).values_list("idempotency_key", "pk"))
    assert again == [Posted(ids[key], created=False) for key in keyed]
    assert verify_ledger() == []


def test_keys_that_are_booked_are_absorbed_and_new_ones_booked(books: Books) -> None:
    post(books, {"a": 5, "b": 7})

    post(books, {"b": 7, "c": 9})

    assert [(key, amount) for key, line, _account, _side, amount in lines() if line == 1] == [
        ("a", from_e8(5)), ("b", from_e8(7)), ("c", from_e8(9)),
    ]  # fmt: skip


def test_a_key_that_stands_for_something_else_books_nothing(books: Books) -> None:
    post(books, {"a": 5})

    with pytest.raises(IdempotencyConflict):
        post(books, {"a": 6, "b": 7})

    assert [key for key, *_rest in lines()] == ["a", "a"]


def test_no_transfers_are_nothing(books: Books) -> None:
    post(books, {})

    assert JournalEntry.objects.count() == 0
