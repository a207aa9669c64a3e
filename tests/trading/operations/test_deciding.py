"""What takes two people, and what the second one's word does."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from access.enums import UserKind
from access.models import Approval, User
from access.queries import actor_for
from access.services import approve, create_role, create_user, grant_role
from access.services.approvals import SameApprover
from access.types import Actor
from core.errors import DomainError, Forbidden, InvalidInput
from mt4bridge.enums import DealAction
from tests.trading.factories import deal_row
from tests.trading.operations.conftest import SYSTEM, fill_wallet, money_of, wallet_of
from tests.trading.operations.test_walls import put
from trading.cursor import get_cursor
from trading.models import TradingAccount
from trading.operations.deciding import (
    ManualOperation,
    read_again,
    request_operation,
    request_settling,
    withdraw_operation,
)
from trading.operations.enums import OperationKind, OperationState, Purpose
from trading.operations.errors import DealMisfit, OperationMoved, TicketTaken
from trading.operations.models import BalanceOperation
from trading.services import Reading, record_deals

pytestmark = pytest.mark.unit
S = OperationState
Plan = Callable[..., BalanceOperation]
RIGHTS = (
    "trading.request_operation", "trading.approve_operation", "trading.resolve_operation", "trading.view_operation",
)  # fmt: skip


def staff(name: str, now: datetime, rights: tuple[str, ...] = RIGHTS) -> Actor:
    user: User = create_user(email=f"{name}@a.example", name=name, kind=UserKind.STAFF, actor=SYSTEM, now=now)
    role = create_role(code=name, name=name, rights=rights, actor=SYSTEM, now=now)
    grant_role(user=user, role=role, actor=SYSTEM, now=now)
    return actor_for(user)


@pytest.fixture
def asking(account: TradingAccount, now: datetime) -> Actor:
    return staff("asking", now)


@pytest.fixture
def deciding(account: TradingAccount, now: datetime) -> Actor:
    return staff("deciding", now)


def ask(account: TradingAccount, actor: Actor, now: datetime, reason: str = "agreed", **values: Any) -> Approval:
    spec = {"kind": OperationKind.CORRECTION, "purpose": Purpose.CORRECTION, "amount": Decimal(25), **values}
    wanted = ManualOperation(account=account, **spec)
    return request_operation(wanted=wanted, reason=reason, actor=actor, now=now)


def test_a_manual_operation_is_planned_by_the_second_person_only(
    account: TradingAccount, asking: Actor, deciding: Actor, now: datetime
) -> None:
    approval = ask(account, asking, now)
    assert not BalanceOperation.objects.exists()
    with pytest.raises(SameApprover):
        approve(approval=approval, actor=asking, now=now)

    approve(approval=approval, actor=deciding, now=now)

    (operation,) = BalanceOperation.objects.all()
    found = (operation.kind, operation.purpose, operation.amount, operation.state, operation.planned_by)
    assert found == (OperationKind.CORRECTION, Purpose.CORRECTION, Decimal(25), S.PLANNED, deciding.label)


@pytest.mark.parametrize(
    ("values", "refusal"),
    [({"reason": " "}, InvalidInput), ({"amount": Decimal("0.001")}, InvalidInput), ({"kind": 4}, InvalidInput)],
)
def test_what_makes_no_sense_is_not_asked_for(
    account: TradingAccount, asking: Actor, now: datetime, values: dict[str, Any], refusal: type[DomainError]
) -> None:
    with pytest.raises(refusal):
        ask(account, asking, now, **values)


def test_only_staff_with_the_right_may_ask(account: TradingAccount, now: datetime) -> None:
    looking = staff("looking", now, ("trading.view_operation",))
    client = Actor("client", 1, "client", frozenset(RIGHTS), client_id=account.client_id)

    for actor in (looking, client):
        with pytest.raises(Forbidden):
            ask(account, actor, now)


def test_one_that_was_not_sent_is_taken_back_and_its_money_is_free(
    plan: Plan, account: TradingAccount, asking: Actor, now: datetime
) -> None:
    fill_wallet(account, "100", now=now)
    operation = plan()

    withdraw_operation(operation=operation, actor=asking, now=now)

    operation.refresh_from_db()
    assert (operation.state, operation.reason) == (S.REFUSED, "withdrawn")
    assert money_of(wallet_of(account), now=now) == (Decimal(100), Decimal(0))
    with pytest.raises(OperationMoved):
        withdraw_operation(operation=operation, actor=asking, now=now)


@pytest.fixture
def in_review(plan: Plan, account: TradingAccount, now: datetime) -> BalanceOperation:
    fill_wallet(account, "100", now=now)
    operation = plan()
    put(operation, S.REVIEW, now)
    return operation


def store_deal(operation: BalanceOperation, ticket: int, amount: int, now: datetime) -> None:
    get_cursor(operation.server_id)
    row = deal_row(
        ticket, action=DealAction.BALANCE, symbol="", position=0, order=0, volume_e8=0, profit_e8=amount * 10**8,
        price_e8=0, contract_size_e8=0, comment="edited by a dealer",
    )  # fmt: skip
    version = get_cursor(operation.server_id).version
    record_deals(server_id=operation.server_id, version=version, reading=Reading(rows=[row]), now=now)


def test_a_deal_that_two_people_name_confirms_and_books_it(
    in_review: BalanceOperation, account: TradingAccount, asking: Actor, deciding: Actor, now: datetime
) -> None:
    store_deal(in_review, 900, 40, now)

    approval = request_settling(operation=in_review, ticket=900, reason="seen", actor=asking, now=now)
    approve(approval=approval, actor=deciding, now=now)

    in_review.refresh_from_db()
    assert (in_review.state, in_review.ticket, in_review.state_by) == (S.CONFIRMED, 900, deciding.label)
    assert money_of(wallet_of(account), now=now) == (Decimal(60), Decimal(0))


def test_two_people_say_that_it_was_not_carried_out(
    in_review: BalanceOperation, account: TradingAccount, asking: Actor, deciding: Actor, now: datetime
) -> None:
    approval = request_settling(operation=in_review, ticket=None, reason="not there", actor=asking, now=now)
    approve(approval=approval, actor=deciding, now=now)

    in_review.refresh_from_db()
    assert (in_review.state, in_review.reason) == (S.REFUSED, "resolved")
    assert money_of(wallet_of(account), now=now) == (Decimal(100), Decimal(0))


def test_a_deal_that_is_not_there_or_says_something_else_settles_nothing(
    in_review: BalanceOperation, asking: Actor, plan: Plan, now: datetime
) -> None:
    store_deal(in_review, 900, 39, now)
    other = plan(purpose=Purpose.CORRECTION, idempotency_key="other")
    put(other, S.CONFIRMED, now)  # by deal 77

    for ticket, refusal in ((900, DealMisfit), (901, DealMisfit), (77, TicketTaken)):
        with pytest.raises(refusal):
            request_settling(operation=in_review, ticket=ticket, reason="seen", actor=asking, now=now)


def test_one_in_review_is_read_again_when_somebody_asks(
    in_review: BalanceOperation, asking: Actor, now: datetime
) -> None:
    read_again(operation=in_review, actor=asking, now=now)

    in_review.refresh_from_db()
    assert (in_review.state, in_review.reason, in_review.state_by) == (S.UNKNOWN, "read_again", asking.label)
