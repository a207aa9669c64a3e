"""What the database refuses, whatever the code does; each wall is tried as the application's own role."""

import itertools
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from tests.trading.operations.conftest import fill_wallet
from trading.models import TradingAccount
from trading.operations.enums import OPERATION_MOVES, OperationState, Purpose
from trading.operations.models import BalanceOperation

pytestmark = pytest.mark.unit
Plan = Callable[..., BalanceOperation]
S = OperationState


@pytest.fixture
def operation(plan: Plan, account: TradingAccount, now: datetime) -> BalanceOperation:
    fill_wallet(account, "500", now=now)
    return plan()


def refusal_of(statement: str, *params: Any) -> str:
    """Return the constraint that a statement broke, or the first words of the database's answer."""
    with transaction.atomic():
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement, params)
        except DatabaseError as error:
            diagnosis = getattr(error.__cause__, "diag", None)
            transaction.set_rollback(True)
            return getattr(diagnosis, "constraint_name", None) or str(error).split(" for ")[0].strip()
        transaction.set_rollback(True)
    return ""


def moved(pk: int, state: str, now: datetime) -> str:
    """Try to move an operation with every field that the state needs."""
    return refusal_of(
        """UPDATE trading_balanceoperation SET state = %s, fence = fence + 1, state_at = %s,
           attempts = attempts + (%s = 'sending' AND state <> 'sending')::int,
           lease_until = CASE WHEN %s = 'sending' THEN %s::timestamptz END,
           sent_at = coalesce(sent_at, %s), first_sent_at = coalesce(first_sent_at, %s),
           ticket = CASE WHEN %s = 'confirmed' THEN 77 END, entry_id = CASE WHEN %s = 'confirmed' THEN 88 + id END
           WHERE id = %s""",
        state, now, state, state, now + timedelta(minutes=1), now, now, state, state, pk,
    )  # fmt: skip


def put(operation: BalanceOperation, state: OperationState, now: datetime) -> None:
    """Bring an operation to a state by legal moves."""
    paths: dict[OperationState, tuple[OperationState, ...]] = {
        S.PLANNED: (), S.SENDING: (S.SENDING,), S.UNKNOWN: (S.SENDING, S.UNKNOWN), S.REFUSED: (S.REFUSED,),
        S.CONFIRMED: (S.SENDING, S.CONFIRMED), S.REVIEW: (S.SENDING, S.UNKNOWN, S.REVIEW),
    }  # fmt: skip
    for step in paths[state]:
        operation.state, operation.fence, operation.state_at = step, operation.fence + 1, now
        operation.attempts += step == S.SENDING
        operation.lease_until = now if step == S.SENDING else None
        operation.first_sent_at = operation.sent_at = now if step != S.REFUSED else None
        if step == S.CONFIRMED:
            operation.ticket, operation.entry_id = 77, 88
        operation.save(update_fields=list(BalanceOperation.db_updatable))


@pytest.mark.parametrize(("before", "after"), list(itertools.permutations(OperationState, 2)))
def test_the_database_allows_the_moves_of_the_table_and_no_other(
    operation: BalanceOperation, now: datetime, before: OperationState, after: OperationState
) -> None:
    put(operation, before, now)

    refusal = moved(operation.pk, after, now)

    ended = "balance_operation_ended" if not OPERATION_MOVES[before] else "balance_operation_move_known"
    assert refusal == ("" if after in OPERATION_MOVES[before] else ended)


@pytest.mark.parametrize(
    "change",
    ["amount = amount + 1", "kind = 3", "purpose = 'rebate'", "ref = 'X'", "account_id = account_id",
     "currency = 'EUR'", "hold_id = NULL", "idempotency_key = 'other'", "note = ''"],
)  # fmt: skip
def test_what_was_asked_for_cannot_be_written_by_the_application(operation: BalanceOperation, change: str) -> None:
    refusal = refusal_of(f"UPDATE trading_balanceoperation SET {change} WHERE id = %s", operation.pk)

    assert refusal == "permission denied"


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ("fence = fence - 1", "balance_operation_fenced"),
        ("attempts = attempts + 1", "balance_operation_fenced"),
        ("state = 'sending'", "balance_operation_fenced"),
        ("ticket = 5", "balance_operation_ticket_when_confirmed"),
        ("entry_id = 5", "balance_operation_booked_when_confirmed"),
        ("lease_until = now()", "balance_operation_sending_is_leased"),
        ("state = 'sending', fence = fence + 1, attempts = 1", "balance_operation_sending_is_leased"),
    ],
)
def test_the_fence_and_what_a_state_needs_hold(operation: BalanceOperation, change: str, refusal: str) -> None:
    assert refusal_of(f"UPDATE trading_balanceoperation SET {change} WHERE id = %s", operation.pk) == refusal


@pytest.mark.parametrize(
    "statement",
    ["DELETE FROM trading_balanceoperation", "TRUNCATE trading_balanceoperation CASCADE",
     "DELETE FROM trading_operationevent", "UPDATE trading_operationevent SET reason = ''",
     "INSERT INTO trading_operationevent (operation_id, number, state) VALUES (1, 9, 'planned')"],
)  # fmt: skip
def test_nothing_is_ever_taken_out_of_the_outbox_or_its_history(operation: BalanceOperation, statement: str) -> None:
    assert refusal_of(statement) == "permission denied"


def test_one_operation_of_an_account_is_in_flight(operation: BalanceOperation, plan: Plan, now: datetime) -> None:
    put(operation, S.UNKNOWN, now)
    rival = plan(idempotency_key="two")

    assert moved(rival.pk, S.SENDING, now) == "balance_operation_one_in_flight"


def test_one_deal_belongs_to_one_operation(
    operation: BalanceOperation, plan: Plan, account: TradingAccount, now: datetime
) -> None:
    put(operation, S.CONFIRMED, now)
    rival = plan(purpose=Purpose.WITHDRAWAL, amount=Decimal(-1), idempotency_key="two")
    put(rival, S.SENDING, now)

    assert moved(rival.pk, S.CONFIRMED, now) == "balance_operation_ticket_once"


@pytest.mark.parametrize(
    ("values", "refusal"),
    [
        ({"amount": Decimal("1.005")}, "balance_operation_whole_minor_units"),
        ({"amount": Decimal("1.005"), "digits": 3}, "balance_operation_of_its_account"),
        ({"currency": "EUR"}, "balance_operation_of_its_account"),
        ({"amount": Decimal(0)}, "balance_operation_amount_fits"),
        ({"amount": Decimal(-5)}, "balance_operation_sign_fits"),
        ({"kind": 6}, "balance_operation_kind_fits"),
        ({"ledger_account_id": None}, "balance_operation_books_fit"),
        ({"state": "confirmed"}, "balance_operation_begins_planned"),
        ({"attempts": 1}, "balance_operation_begins_planned"),
    ],
)
def test_an_operation_begins_as_it_must(operation: BalanceOperation, values: dict[str, Any], refusal: str) -> None:
    fields = [field.attname for field in BalanceOperation._meta.concrete_fields if field.attname != "id"]
    row = {name: getattr(operation, name) for name in fields}
    row |= {"ref": "0000000000000", "idempotency_key": "other", "hold_id": None, "detail": "{}", **values}
    columns = ", ".join(fields)
    places = ", ".join("%s" for _ in fields)

    found = refusal_of(f"INSERT INTO trading_balanceoperation ({columns}) VALUES ({places})", *row.values())

    assert found == refusal


def test_every_move_is_in_the_history(operation: BalanceOperation, now: datetime) -> None:
    put(operation, S.REVIEW, now)

    events = operation.events.order_by("number").values_list("number", "state_before", "state", "attempt", "fence")

    assert list(events) == [
        (1, "", "planned", 0, 0),
        (2, "planned", "sending", 1, 1),
        (3, "sending", "unknown", 1, 2),
        (4, "unknown", "review", 1, 3),
    ]
