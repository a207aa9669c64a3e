"""What may be ordered for accounts, by whom, and how a new password reaches its client once."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from access.enums import UserKind
from access.models import AuditEvent
from access.services import create_user
from access.types import Actor
from clients.models import Client
from core.errors import DomainError, Forbidden
from mt4bridge.types import UserRow
from tests.trading.factories import make_client, make_mt_group, make_server
from tests.trading.operations.conftest import SYSTEM
from trading.models import MtGroup, TradingAccount
from trading.operations.account_models import AccountOrder, AccountType
from trading.operations.account_orders import (
    confirm_order,
    decide_order,
    refuse_order,
    reveal_passwords,
    wipe_old_passwords,
)
from trading.operations.account_types import TypeNameTaken, TypeTerms, save_account_type
from trading.operations.enums import OperationState, OrderKind
from trading.operations.errors import (
    LeverageNotOffered,
    LoginsExhausted,
    NothingToReveal,
    OperationKeyConflict,
    OperationMoved,
    OrderPending,
    TooManyAccounts,
    TypeNotOffered,
)
from trading.operations.models import BalanceOperation
from trading.operations.moving import begin_sending, rules_of
from trading.operations.ordering import NewAccount, order_account, order_change
from trading.operations.passwords import is_acceptable, new_password

S = OperationState
pytestmark = pytest.mark.unit


@pytest.fixture
def group(broker: Any) -> MtGroup:
    return make_mt_group(make_server())


@pytest.fixture
def client(group: MtGroup) -> Client:
    return make_client()


@pytest.fixture
def trader(client: Client, now: datetime) -> Actor:
    user = create_user(email="trader@example.org", name="Jane Roe", kind=UserKind.CLIENT, actor=SYSTEM, now=now)
    return Actor("client", user.pk, "trader", frozenset(), client_id=client.pk)


def make_type(group: MtGroup, **values: Any) -> AccountType:
    return AccountType.objects.create(
        **{"name": "Standard", "server": group.server, "mt_group": group, "leverages": [50, 100], **values}
    )


def order(kind: AccountType, client: Client, actor: Actor, now: datetime, **values: Any) -> AccountOrder:
    spec = {"leverage": 100, "idempotency_key": "one", **values}
    return order_account(wanted=NewAccount(client, kind, **spec), actor=actor, now=now)


def opened(row: AccountOrder, now: datetime, login: int = 7001) -> AccountOrder:
    """Let the server have opened the account."""
    sent = begin_sending(row=row, server_now=now, rules=rules_of(0), now=now)
    assert sent is not None
    group = row.account_type.mt_group.name if row.account_type else ""
    user = UserRow(login, group, "Jane Roe", "", "", 100, 0, Decimal(0), Decimal(0), now)
    return confirm_order(order=sent, user=user, now=now)


def test_a_client_orders_once_however_often_the_form_is_sent(
    group: MtGroup, client: Client, trader: Actor, now: datetime
) -> None:
    kind = make_type(group)

    first, again = order(kind, client, trader, now), order(kind, client, trader, now)

    assert first == again
    main, investor = first.passwords()
    assert (is_acceptable(main), is_acceptable(investor), main != investor) == (True, True, True)
    assert main not in first.main_sealed
    with pytest.raises(OperationKeyConflict):
        order(kind, client, trader, now, leverage=50)


@pytest.mark.parametrize(
    ("terms", "values", "refusal"),
    [
        ({"is_offered": False}, {}, TypeNotOffered),
        ({}, {"leverage": 500}, LeverageNotOffered),
        ({"most_per_client": 1}, {"idempotency_key": "two"}, TooManyAccounts),
        ({"login_from": 7001, "login_until": 7001}, {"idempotency_key": "two"}, LoginsExhausted),
    ],
)
def test_the_type_says_what_may_be_ordered(
    group: MtGroup, client: Client, trader: Actor, now: datetime, terms: dict[str, Any], values: dict[str, Any],
    refusal: type[DomainError],
) -> None:  # fmt: skip
    kind = make_type(group, **terms)
    if values.get("idempotency_key") == "two":
        order(kind, client, trader, now)

    with pytest.raises(refusal):
        order(kind, client, trader, now, **values)


def test_nobody_orders_for_somebody_else(group: MtGroup, client: Client, now: datetime) -> None:
    stranger = Actor("client", None, "stranger", frozenset(), client_id=make_client().pk)
    looking = Actor("staff", None, "looking", frozenset({"trading.view_operation"}))

    for actor in (stranger, looking):
        with pytest.raises(Forbidden):
            order(make_type(group, name=actor.label), client, actor, now)


def test_logins_of_a_range_are_given_one_after_the_other(group: MtGroup, client: Client, now: datetime) -> None:
    kind = make_type(group, login_from=7001, login_until=7003)

    logins = [order(kind, client, SYSTEM, now, idempotency_key=key).login for key in ("a", "b", "c")]

    assert logins == [7001, 7002, 7003]


def test_the_opened_account_is_linked_and_its_passwords_are_shown_once_to_its_client(
    group: MtGroup, client: Client, trader: Actor, now: datetime
) -> None:
    row = order(make_type(group), client, trader, now)
    known = row.passwords()
    with pytest.raises(NothingToReveal):
        reveal_passwords(order=row, actor=trader, now=now)

    row = opened(row, now)

    assert TradingAccount.objects.get(login=7001).client == client
    with pytest.raises(Forbidden):
        reveal_passwords(order=row, actor=SYSTEM, now=now)
    shown = reveal_passwords(order=row, actor=trader, now=now)
    assert (shown.login, shown.main, shown.investor) == (7001, *known)
    with pytest.raises(NothingToReveal):
        reveal_passwords(order=row, actor=trader, now=now)
    row.refresh_from_db()
    assert (row.has_secret, row.revealed_at) == (False, now)
    told = str(list(AuditEvent.objects.values_list("before", "after", "reason")))
    assert not any(password in told for password in known)


def test_a_password_that_nobody_looked_at_is_wiped_after_a_day(
    group: MtGroup, client: Client, trader: Actor, now: datetime
) -> None:
    row, tomorrow = opened(order(make_type(group), client, trader, now), now), now + timedelta(hours=24)

    with pytest.raises(NothingToReveal):
        reveal_passwords(order=row, actor=trader, now=tomorrow)
    assert (wipe_old_passwords(now=now), wipe_old_passwords(now=tomorrow)) == (0, 1)

    row.refresh_from_db()
    assert not row.has_secret


def test_a_demo_account_gets_its_starting_balance_through_the_outbox(
    group: MtGroup, client: Client, trader: Actor, now: datetime
) -> None:
    opened(order(make_type(group, is_demo=True, starting_balance=Decimal(10_000)), client, trader, now), now)

    (operation,) = BalanceOperation.objects.all()
    assert (operation.amount, operation.purpose, operation.account.login) == (Decimal(10_000), "bonus", 7001)


def test_staff_let_it_go_or_decline_it(group: MtGroup, client: Client, trader: Actor, now: datetime) -> None:
    kind = make_type(group, needs_approval=True)
    approved, declined = (order(kind, client, trader, now, idempotency_key=key) for key in ("a", "b"))
    assert (approved.waits_for_approval, declined.waits_for_approval) == (True, True)
    with pytest.raises(Forbidden):
        decide_order(order=approved, approved=True, reason="", actor=trader, now=now)

    decide_order(order=approved, approved=True, reason="", actor=SYSTEM, now=now)
    decide_order(order=declined, approved=False, reason="no", actor=SYSTEM, now=now)

    approved.refresh_from_db()
    declined.refresh_from_db()
    assert (approved.state, approved.waits_for_approval) == (S.PLANNED, False)
    assert (declined.state, declined.reason, declined.has_secret) == (S.REFUSED, "declined", False)
    with pytest.raises(OperationMoved):
        decide_order(order=declined, approved=True, reason="", actor=SYSTEM, now=now)


def test_changes_of_an_own_account(group: MtGroup, client: Client, trader: Actor, now: datetime) -> None:
    kind = make_type(group, leverage_needs_approval=True)
    account = opened(order(kind, client, trader, now), now).account
    assert account is not None
    common = {"account": account, "actor": trader, "now": now}

    change = order_change(kind=OrderKind.LEVERAGE, leverage=50, idempotency_key="l", **common)
    password = order_change(kind=OrderKind.PASSWORD, idempotency_key="p", **common)

    assert (change.waits_for_approval, password.waits_for_approval) == (True, False)
    assert [bool(one) for one in password.passwords()] == [True, False]
    for values, refusal in (
        ({"kind": OrderKind.LEVERAGE, "leverage": 100, "idempotency_key": "again"}, OrderPending),
        ({"kind": OrderKind.INVESTOR, "idempotency_key": "p"}, OperationKeyConflict),
        ({"kind": OrderKind.ARCHIVE, "idempotency_key": "x"}, Forbidden),
        ({"kind": OrderKind.AGENT, "agent": 1, "idempotency_key": "y"}, Forbidden),
    ):
        with pytest.raises(refusal):
            order_change(**values, **common)


def test_a_refused_order_keeps_no_secret(group: MtGroup, client: Client, trader: Actor, now: datetime) -> None:
    row = order(make_type(group), client, trader, now)

    refuse_order(order=row, reason="withdrawn", detail={}, now=now)

    row.refresh_from_db()
    assert (row.state, row.has_secret) == (S.REFUSED, False)


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ("main_sealed = 'other'", "account_order_secret"),
        ("state = 'confirmed', fence = 1", "account_order_move_known"),
        ("state = 'sending', fence = 1, attempts = 1", "account_order_sending_is_leased"),
        ("attempts = 1", "account_order_fenced"),
        ("leverage = 50", None),
        ("token = 'other'", None),
    ],
)
def test_the_database_keeps_an_order_as_it_was_asked_for(
    group: MtGroup, client: Client, trader: Actor, now: datetime, change: str, refusal: str | None
) -> None:
    row = order(make_type(group), client, trader, now)

    with pytest.raises(DatabaseError) as caught, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE trading_accountorder SET {change} WHERE id = %s", [row.pk])

    diagnosis = getattr(caught.value.__cause__, "diag", None)
    assert getattr(diagnosis, "constraint_name", None) == refusal
    assert refusal or "permission denied" in str(caught.value)


def test_types_are_made_and_changed_by_staff_with_the_right(group: MtGroup, now: datetime) -> None:
    staff = Actor.system("set-up")
    common = {"mt_group": group, "actor": staff, "now": now}
    row = save_account_type(known=None, name="Pro", terms=TypeTerms(leverages=[100]), **common)

    save_account_type(known=row, name="Pro", terms=TypeTerms(leverages=[200], most_per_client=2), **common)

    row.refresh_from_db()
    assert (row.leverages, row.most_per_client, row.server) == ([200], 2, group.server)
    with pytest.raises(TypeNameTaken):
        save_account_type(known=None, name="Pro", terms=TypeTerms(leverages=[100]), **common)
    looking = Actor("staff", None, "looking", frozenset({"trading.view_account_type"}))
    with pytest.raises(Forbidden):
        save_account_type(known=row, name="Pro", mt_group=group, terms=TypeTerms(leverages=[1]), actor=looking, now=now)


def test_made_passwords_are_by_the_servers_rules_and_differ() -> None:
    made = [new_password() for _ in range(500)]

    assert all(map(is_acceptable, made))
    assert len(set(made)) == 500


@pytest.mark.parametrize(
    ("password", "good"),
    [("Abc123!x", True), ("Abc123x9", False), ("abc123!x", False), ("ABC123!X", False), ("Abcdef!x", False),
     ("Ab1!", False), ("Abc123!x" * 3, False), ("Äbc123!x", False)],
)  # fmt: skip
def test_which_passwords_servers_take(password: str, good: bool) -> None:
    assert is_acceptable(password) is good
