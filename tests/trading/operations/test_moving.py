"""The moves by the clock: who may make them, and when a reading counts."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from mt4bridge.errors import TooFrequent
from trading.operations.enums import OperationState, Purpose
from trading.operations.errors import OperationMoved, SenderReplaced
from trading.operations.models import BalanceOperation, SendingRules
from trading.operations.moving import begin_sending, doubt, give_up_lost, note_reading, put_back, rules_of
from trading.operations.queries import due_planned, servers_with_work
from trading.operations.sending import refuse

pytestmark = pytest.mark.unit
S = OperationState
Plan = Callable[..., BalanceOperation]


@pytest.fixture
def operation(plan: Plan) -> BalanceOperation:
    return plan(purpose=Purpose.CORRECTION)


def send(operation: BalanceOperation, now: datetime) -> BalanceOperation:
    sent = begin_sending(row=operation, server_now=now, rules=rules_of(operation.server_id), now=now)
    assert sent is not None
    return sent


def test_a_sender_that_was_given_up_cannot_write_any_more(operation: BalanceOperation, now: datetime) -> None:
    sent, later = send(operation, now), now + timedelta(seconds=91)
    rows = BalanceOperation.objects.all()
    assert (give_up_lost(rows=rows, now=now), give_up_lost(rows=rows, now=later)) == (0, 1)

    for late in (
        lambda: refuse(operation=sent, reason="no_money", detail={}, now=later),
        lambda: doubt(row=sent, reason="outcome_unknown", detail={}, now=later),
        lambda: put_back(row=sent, error=TooFrequent(path="", retcode=12, text=""), now=later),
    ):
        with pytest.raises(SenderReplaced):
            late()

    operation.refresh_from_db()
    assert (operation.state, operation.reason, operation.attempts) == (S.UNKNOWN, "worker_lost", 1)


def test_the_first_sending_is_remembered_by_the_earlier_of_both_clocks(
    operation: BalanceOperation, now: datetime
) -> None:
    slow_server = now - timedelta(hours=1)
    rules = rules_of(operation.server_id)

    sent = begin_sending(row=operation, server_now=slow_server, rules=rules, now=now)
    assert sent is not None
    doubted = doubt(row=sent, reason="outcome_unknown", detail={}, now=now)
    again = begin_sending(row=doubted, server_now=now, rules=rules, now=now + timedelta(minutes=5))

    assert again is not None
    assert (again.first_sent_at, again.attempts, again.reason) == (slow_server, 2, "not_applied")


def test_readings_count_behind_the_settle_window_and_apart(operation: BalanceOperation, now: datetime) -> None:
    rules = SendingRules(server_id=operation.server_id)
    row = doubt(row=send(operation, now), reason="outcome_unknown", detail={}, now=now)

    counted = []
    for seconds, empty in ((1, True), (89, True), (90, False), (91, True), (150, True), (151, True)):
        row = note_reading(row=row, empty=empty, rules=rules, now=now + timedelta(seconds=seconds))
        counted.append((row.reads, row.empty_reads))

    assert counted == [(1, 0), (2, 0), (3, 0), (4, 1), (5, 1), (6, 2)]


def test_what_was_put_back_waits_longer_each_time(operation: BalanceOperation, now: datetime) -> None:
    error, row, waits = TooFrequent(path="/api/trade/balance", retcode=12, text="often"), operation, []

    for _attempt in range(6):
        row = put_back(row=send(row, now), error=error, now=now)
        waits.append((row.next_try_at - now).total_seconds())

    assert waits == [10, 20, 40, 80, 120, 120]
    assert (row.state, row.reason) == (S.PLANNED, "too_frequent")
    assert servers_with_work(now=now) == set()


def test_of_an_account_the_oldest_goes_first_and_only_when_none_is_in_flight(plan: Plan, now: datetime) -> None:
    first, second = (plan(purpose=Purpose.CORRECTION, idempotency_key=key) for key in ("a", "b"))
    server_id = first.server_id
    assert due_planned(server_id=server_id, now=now) == [first]

    sent = send(first, now)

    assert due_planned(server_id=server_id, now=now) == []
    refuse(operation=sent, reason="no_money", detail={}, now=now)
    assert due_planned(server_id=server_id, now=now) == [second]


def test_what_is_on_its_way_is_not_refused_by_whoever_read_it_before(
    operation: BalanceOperation, now: datetime
) -> None:
    with pytest.raises(OperationMoved):
        doubt(row=operation, reason="outcome_unknown", detail={}, now=now)
    send(operation, now)

    with pytest.raises(SenderReplaced):
        refuse(operation=operation, reason="withdrawn", detail={}, now=now)
