"""Accounts on the real wire: opened once, changed as ordered, whatever breaks; the server's own word is the judge."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from access.enums import UserKind
from access.services import create_user
from access.types import Actor
from crm.flows import agent_flow
from ib.services import create_ib, move_client
from mt4bridge.gateways import open_gateway
from mt4bridge.types import PasswordKind
from tests.crm.mt_desk import BREAK, Desk, S, open_desk
from tests.killing import statements_of
from tests.mt4bridge.conftest import Simulator, simulators
from tests.trading.factories import make_client
from tests.trading.operations.conftest import SYSTEM
from trading.models import TradingAccount
from trading.operations.account_models import AccountOrder, AccountType
from trading.operations.account_orders import reveal_passwords
from trading.operations.enums import OrderKind
from trading.operations.ordering import NewAccount, order_account, order_change

pytestmark = pytest.mark.e2e
BOOK = ("--accounts", "30", "--days", "3", "--seed", "7", "--until", "2026-03-05T15:00:00+00:00")
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    with simulators(tmp_path_factory.mktemp("orders")) as start:
        yield start(*BOOK)


@pytest.fixture(scope="module")
def opened(simulator: Simulator, django_db_setup: None, django_db_blocker: Any) -> Iterator[Desk]:
    with django_db_blocker.unblock(), open_desk(simulator) as found:
        group = next(one for _name, one in sorted(found.groups.items()) if one.currency == "USD")
        AccountType.objects.create(
            name="Demo", server=found.server, mt_group=group, leverages=[50, 100, 200], is_demo=True,
            starting_balance=Decimal(5000), most_per_client=500,
        )  # fmt: skip
        yield found


@pytest.fixture
def desk(opened: Desk, django_db_blocker: Any) -> Iterator[Desk]:
    with django_db_blocker.unblock():
        opened.enter()
        opened.renew()
        yield opened


def order(key: str, **values: Any) -> AccountOrder:
    wanted = NewAccount(make_client(), AccountType.objects.get(), 100, f"{time.monotonic_ns()} {key}")
    return order_account(wanted=wanted, actor=SYSTEM, now=timezone.now())


def finish(desk: Desk, *, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    waiting = AccountOrder.objects.filter(state__in=[S.PLANNED, S.SENDING, S.UNKNOWN])
    while waiting.exists():
        assert time.monotonic() < deadline, list(waiting.values_list("kind", "state", "reason", "attempts"))
        waiting.filter(state__in=[S.PLANNED, S.UNKNOWN]).update(next_try_at=timezone.now())
        desk.turn()
        time.sleep(0.02)


def on_server(desk: Desk, row: AccountOrder) -> list[int]:
    """Return the logins of the accounts that carry the order's token."""
    return [user.login for user in open_gateway(desk.server).users_by_token(row.token)]


def test_an_account_is_opened_with_its_passwords_and_starting_balance(desk: Desk) -> None:
    row = order("one")
    main, investor = row.passwords()

    finish(desk)
    desk.finish()

    row.refresh_from_db()
    gateway = open_gateway(desk.server)
    account = TradingAccount.objects.get(pk=row.account_id)
    assert (row.state, row.attempts, on_server(desk, row)) == (S.CONFIRMED, 1, [account.login])
    passwords = ((PasswordKind.MAIN, main), (PasswordKind.INVESTOR, investor))
    assert all(gateway.check_password(login=account.login, kind=kind, password=text) for kind, text in passwords)
    assert gateway.account_states([account.login])[0].balance == Decimal(5000)
    user = create_user(email="jane@example.org", name="J", kind=UserKind.CLIENT, actor=SYSTEM, now=timezone.now())
    client = Actor("client", user.pk, "client", frozenset(), client_id=account.client_id)
    shown = reveal_passwords(order=row, actor=client, now=timezone.now())
    assert (shown.login, shown.main, shown.investor) == (account.login, main, investor)


def test_a_worker_killed_before_any_statement_opens_one_account(desk: Desk) -> None:
    order("counted")
    total = statements_of(desk.turn)
    assert total > 15

    rows = []
    for dies_at in range(1, total + 1, 5):
        rows.append(order(f"dies {dies_at}"))
        desk.turn_killed(dies_at)
        time.sleep(BREAK.total_seconds() + 0.05)
        finish(desk)

    assert [len(on_server(desk, row)) for row in rows] == [1] * len(rows)
    assert AccountOrder.objects.exclude(state=S.CONFIRMED).count() == 0


def test_leverage_and_passwords_change_on_the_server(desk: Desk) -> None:
    gateway = open_gateway(desk.server)
    account = TradingAccount.objects.select_related("client").get(pk=open_one(desk).account_id)
    common = {"account": account, "actor": SYSTEM, "now": timezone.now()}
    order_change(kind=OrderKind.LEVERAGE, leverage=200, idempotency_key=f"{account.pk} leverage", **common)
    password = order_change(kind=OrderKind.PASSWORD, idempotency_key=f"{account.pk} password", **common)
    main, _investor = password.passwords()

    finish(desk)

    account.refresh_from_db()
    user = gateway.user(account.login)
    assert (account.leverage, user and user.leverage) == (200, 200)
    assert gateway.check_password(login=account.login, kind=PasswordKind.MAIN, password=main)


def open_one(desk: Desk) -> AccountOrder:
    row = order("open")
    finish(desk)
    row.refresh_from_db()
    return row


def test_open_positions_forbid_another_leverage_unless_the_margin_level_allows_it(desk: Desk) -> None:
    row = open_one(desk)
    desk.finish()
    account = TradingAccount.objects.select_related("client").get(pk=row.account_id)
    desk.simulator.control("/sim/trade", login=account.login, symbol="EURUSD", lots="0.1", keep_open=1)
    states = []
    for least in (None, 100, 10_000_000):
        AccountType.objects.update(leverage_margin_percent=least)
        change = order_change(
            account=account, kind=OrderKind.LEVERAGE, leverage=200 if least is None else 50, actor=SYSTEM,
            idempotency_key=f"{account.pk} {least}", now=timezone.now(),
        )  # fmt: skip
        finish(desk)
        change.refresh_from_db()
        states.append((change.state, change.reason))
    AccountType.objects.update(leverage_margin_percent=None)

    assert states == [(S.REFUSED, "leverage_positions"), (S.CONFIRMED, ""), (S.REFUSED, "leverage_positions")]


def test_an_account_is_archived_only_when_it_is_empty(desk: Desk) -> None:
    full = TradingAccount.objects.select_related("client").get(pk=open_one(desk).account_id)
    desk.finish()
    common = {"kind": OrderKind.ARCHIVE, "actor": SYSTEM, "now": timezone.now()}
    refused = order_change(account=full, idempotency_key=f"{full.pk} full", **common)
    finish(desk)
    desk.plan("empty", "-5000", account=full, purpose="withdrawal")
    desk.finish()
    done = order_change(account=full, idempotency_key=f"{full.pk} empty", **common)
    finish(desk)

    refused.refresh_from_db()
    done.refresh_from_db()
    assert (refused.state, refused.reason, done.state) == (S.REFUSED, "not_empty", S.CONFIRMED)
    assert open_gateway(desk.server).user(full.login) is None


def test_the_agent_field_follows_the_ib(desk: Desk) -> None:
    ib_account, traded = desk.accounts
    ib = create_ib(
        code=f"ib{traded.login}", name="Omar", currency="USD", parent=None, at=LONG_AGO, actor=SYSTEM, now=LONG_AGO,
        client=ib_account.client,
    )  # fmt: skip
    gateway, now = open_gateway(desk.server), timezone.now()

    move_client(client=traded.client, ib=ib, at=now - timedelta(minutes=1), actor=SYSTEM, now=now)
    made = agent_flow.walk(now=now)
    again = agent_flow.walk(now=now)
    finish(desk)

    user = gateway.user(traded.login)
    assert (made >= 1, again, user and user.agent) == (True, 0, ib_account.login)
