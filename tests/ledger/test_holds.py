"""Setting money aside, taking it, letting it go."""

from decimal import Decimal

import pytest

from ledger.errors import (
    HoldClosed,
    HoldMismatch,
    IdempotencyConflict,
    InsufficientFunds,
    InvalidAmount,
    UnknownLedgerAccount,
)
from ledger.models import Balance, Hold
from ledger.queries import AccountBalance, get_balance
from ledger.services import capture_hold, hold_funds, post_entry, release_hold
from ledger.types import HoldSpec, Posted
from ledger.verify import verify_ledger
from tests.ledger.conftest import Books

pytestmark = pytest.mark.unit
D = Decimal


def place(books: Books, amount: str = "60", key: str = "hold:1", account: int | None = None) -> Hold:
    spec = HoldSpec(key, account or books.wallet, D(amount), "withdrawal")
    return hold_funds(hold=spec, actor=books.actor, now=books.now)


@pytest.fixture
def funded(books: Books) -> Books:
    books.deposit(amount="100")
    return books


def test_hold_takes_from_what_is_available_not_from_the_balance(funded):
    hold = place(funded)

    assert (hold.ledger_account_id, hold.amount, hold.reason, hold.state, hold.placed_at, hold.closed_at) == (
        funded.wallet, D(60), "withdrawal", "held", funded.now, None,
    )  # fmt: skip
    assert (hold.actor_label, hold.actor_user_id, str(hold)) == ("test", None, "hold hold:1")
    assert get_balance(ledger_account_id=funded.wallet) == AccountBalance(D(100), D(60), D(40))
    assert str(Balance.objects.get(pk=funded.wallet)) == f"balance of {funded.wallet}"


def test_hold_beyond_what_is_available_is_refused(funded):
    place(funded)

    with pytest.raises(InsufficientFunds):
        place(funded, "40.01", "hold:2")

    assert Hold.objects.count() == 1


def test_posting_cannot_take_held_money(funded):
    place(funded)

    with pytest.raises(InsufficientFunds):
        post_entry(entry=funded.withdrawal("out", "40.01"), actor=funded.actor, now=funded.now)


def test_repeated_hold_returns_the_first(funded):
    assert place(funded).pk == place(funded).pk
    assert get_balance(ledger_account_id=funded.wallet).held == D(60)


@pytest.mark.parametrize("change", [{"amount": D(61)}, {"reason": "transfer"}, {"ledger_account_id": "psp"}])
def test_repeated_hold_key_for_something_else_is_refused(funded, change):
    place(funded)
    if change.get("ledger_account_id"):
        change = {"ledger_account_id": funded.psp}
    spec = HoldSpec("hold:1", funded.wallet, D(60), "withdrawal")._replace(**change)

    with pytest.raises(IdempotencyConflict):
        hold_funds(hold=spec, actor=funded.actor, now=funded.now)


def test_hold_that_would_conflict_and_overdraw_says_so_without_taking_more(funded):
    place(funded)

    with pytest.raises(IdempotencyConflict):
        place(funded, "9999")

    assert get_balance(ledger_account_id=funded.wallet).held == D(60)


@pytest.mark.parametrize("amount", ["0", "-5", "NaN", "0.001", "0.000000001"])
def test_hold_of_an_impossible_amount_is_refused(funded, amount):
    with pytest.raises(InvalidAmount):
        place(funded, amount)


def test_hold_on_an_unknown_account_is_refused(funded):
    with pytest.raises(UnknownLedgerAccount):
        place(funded, account=987654321)


def test_capture_takes_the_held_money_once(funded):
    hold = place(funded)
    entry = funded.withdrawal("out", "60")

    taken = capture_hold(hold=hold, entry=entry, actor=funded.actor, now=funded.now)
    again = capture_hold(hold=hold, entry=entry, actor=funded.actor, now=funded.now)

    hold.refresh_from_db()
    assert (hold.state, hold.captured_by_id, hold.closed_at) == ("captured", taken.entry_id, funded.now)
    assert (taken, again) == (Posted(taken.entry_id, created=True), Posted(taken.entry_id, created=False))
    assert get_balance(ledger_account_id=funded.wallet) == AccountBalance(D(40), D(0), D(40))
    assert verify_ledger() == []


def test_whole_balance_can_be_held_and_captured(funded):
    hold = place(funded, "100")

    capture_hold(hold=hold, entry=funded.withdrawal("out", "100"), actor=funded.actor, now=funded.now)

    assert get_balance(ledger_account_id=funded.wallet) == AccountBalance(D(0), D(0), D(0))


@pytest.mark.parametrize("amount", ["59", "61"])
def test_capture_of_another_amount_is_refused(funded, amount):
    hold = place(funded)

    with pytest.raises(HoldMismatch):
        capture_hold(hold=hold, entry=funded.withdrawal("out", amount), actor=funded.actor, now=funded.now)


def test_capture_from_another_account_is_refused(funded):
    hold = place(funded)

    with pytest.raises(HoldMismatch):
        capture_hold(
            hold=hold, entry=funded.withdrawal("out", "60", wallet=funded.savings), actor=funded.actor, now=funded.now
        )


def test_capture_refunding_into_the_account_is_refused(funded):
    hold = place(funded)

    with pytest.raises(HoldMismatch):
        capture_hold(hold=hold, entry=funded.entry("in", "60"), actor=funded.actor, now=funded.now)


def test_captured_hold_is_closed_for_another_entry(funded):
    hold = place(funded, "30")
    capture_hold(hold=hold, entry=funded.withdrawal("out", "30"), actor=funded.actor, now=funded.now)

    with pytest.raises(HoldClosed):
        capture_hold(hold=hold, entry=funded.withdrawal("out:2", "30"), actor=funded.actor, now=funded.now)
    with pytest.raises(HoldClosed):
        release_hold(hold=hold, now=funded.now)

    assert get_balance(ledger_account_id=funded.wallet) == AccountBalance(D(70), D(0), D(70))


def test_entry_booked_elsewhere_does_not_capture(funded):
    hold = place(funded, "30")
    entry = funded.withdrawal("out", "30")
    post_entry(entry=entry, actor=funded.actor, now=funded.now)

    with pytest.raises(HoldClosed):
        capture_hold(hold=hold, entry=entry, actor=funded.actor, now=funded.now)

    assert get_balance(ledger_account_id=funded.wallet) == AccountBalance(D(70), D(30), D(40))


def test_release_frees_the_money_once(funded):
    hold = place(funded)

    released = release_hold(hold=hold, now=funded.now)

    assert (released.state, released.closed_at, released.captured_by_id) == ("released", funded.now, None)
    assert get_balance(ledger_account_id=funded.wallet) == AccountBalance(D(100), D(0), D(100))
    with pytest.raises(HoldClosed):
        release_hold(hold=hold, now=funded.now)
    with pytest.raises(HoldClosed):
        capture_hold(hold=hold, entry=funded.withdrawal("out", "60"), actor=funded.actor, now=funded.now)
