"""Outbox against stored deals: each kind of difference is found, kept while it lasts, and closed by itself."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from access.types import Actor
from mt4bridge.enums import DealAction
from tenancy.context import current_schema
from tests.trading.factories import deal_row
from tests.trading.operations.test_walls import put
from trading.cursor import get_cursor
from trading.models import TradingAccount
from trading.operations.enums import OperationState, Purpose
from trading.operations.models import BalanceOperation, OperationFinding
from trading.operations.queries import manual_deals
from trading.operations.reconciling import reconcile
from trading.operations.reference import reference_of
from trading.services import Reading, record_deals
from trading.types import DealKey

pytestmark = pytest.mark.unit
Plan = Callable[..., BalanceOperation]


@pytest.fixture
def operation(plan: Plan) -> BalanceOperation:
    return plan(purpose=Purpose.CORRECTION)


def store(account: TradingAccount, now: datetime, *deals: tuple[int, str, int], gone: tuple[int, ...] = ()) -> None:
    """Store balance deals (ticket, comment, amount) as the walker does, and take others away."""
    rows = [
        deal_row(
            ticket, action=DealAction.BALANCE, symbol="", position=0, order=0, volume_e8=0, price_e8=0,
            contract_size_e8=0, profit_e8=amount * 10**8, comment=comment, deal_at=now - timedelta(hours=2),
        )
        for ticket, comment, amount in deals
    ]  # fmt: skip
    version = get_cursor(account.server_id).version
    reading = Reading(rows=rows, recorded_until=now, gone=[DealKey(ticket, 0) for ticket in gone])
    record_deals(server_id=account.server_id, version=version, reading=reading, now=now)


def found(account: TradingAccount, now: datetime) -> list[tuple[str, int]]:
    reconcile(server_id=account.server_id, now=now)
    rows = OperationFinding.objects.filter(closed_at=None).order_by("kind", "ticket")
    return list(rows.values_list("kind", "ticket"))


def test_a_confirmed_operation_with_its_deal_is_no_finding(
    operation: BalanceOperation, account: TradingAccount, now: datetime
) -> None:
    operation.deal_at = now - timedelta(hours=2)
    put(operation, OperationState.CONFIRMED, now - timedelta(hours=1))
    store(account, now, (77, operation.comment, 40))

    assert found(account, now) == []


def test_a_deal_that_vanished_is_found_and_closed_when_it_is_back(
    operation: BalanceOperation, account: TradingAccount, now: datetime
) -> None:
    operation.deal_at = now - timedelta(hours=2)
    put(operation, OperationState.CONFIRMED, now - timedelta(hours=1))
    store(account, now, (77, operation.comment, 40))
    store(account, now, gone=(77,))
    assert found(account, now) == [("missing", 77)]
    assert found(account, now) == [("missing", 77)]

    store(account, now, (77, operation.comment, 40))

    assert found(account, now) == []
    assert OperationFinding.objects.get().closed_at == now


@pytest.mark.parametrize(
    ("state", "deals", "expected"),
    [
        ("sending", [(5, "{ref} Correction", 40)], []),
        ("planned", [(5, "{ref}", 40)], [("unexpected", 5)]),
        ("refused", [(5, "{ref}", 40)], [("unexpected", 5)]),
        ("sending", [(5, "{ref}", 41)], [("differs", 5)]),
        ("sending", [(5, "{ref}", 40), (6, "{ref} again", 40)], [("doubled", 6)]),
        ("sending", [(5, "deposit by a dealer", 40)], []),
    ],
)
def test_what_does_not_fit_is_found(
    operation: BalanceOperation, account: TradingAccount, now: datetime, state: str,
    deals: list[tuple[int, str, int]], expected: list[tuple[str, int]],
) -> None:  # fmt: skip
    put(operation, OperationState(state), now)

    store(account, now, *((ticket, comment.format(ref=operation.ref), amount) for ticket, comment, amount in deals))

    assert found(account, now) == expected


def test_a_reference_of_ours_without_its_operation_is_found_and_that_of_another_broker_is_not(
    account: TradingAccount, now: datetime
) -> None:
    ours = reference_of(schema=current_schema(), operation_id=999)
    theirs = reference_of(schema="t_somebody", operation_id=999)

    store(account, now, (5, ours, 40), (6, theirs, 40))

    assert found(account, now) == [("strange", 5)]


def test_deals_of_dealers_are_listed_and_ours_are_not(
    operation: BalanceOperation, account: TradingAccount, now: datetime, system_actor: Actor
) -> None:
    store(account, now, (5, operation.comment, 40), (6, "cash by hand", -7))

    listed: list[Any] = list(manual_deals(system_actor).order_by("ticket"))

    assert [(row.ticket, Decimal(row.profit_e8).scaleb(-8)) for row in listed] == [(6, Decimal(-7))]
