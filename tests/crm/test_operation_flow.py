"""Money to MT over the real wire: whatever breaks, each operation ends on the server's book exactly once or not at all.

The simulator is a process of its own and its book is the judge."""

import random
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone

from ledger.enums import AccountKind, OwnerType
from ledger.types import AccountSpec
from ledger.verify import verify_ledger
from mt4bridge.errors import NotEnoughMoney
from tests.crm.mt_desk import BREAK, Desk, S, open_desk
from tests.killing import statements_of
from tests.mt4bridge.conftest import Simulator, simulators
from tests.trading.operations.conftest import money_of, wallet_of
from trading.cursor import get_cursor
from trading.deposits import net_deposits
from trading.operations.enums import Purpose
from trading.services import Reading, record_deals

pytestmark = pytest.mark.e2e
BOOK = ("--accounts", "48", "--days", "3", "--seed", "7", "--until", "2026-03-05T15:00:00+00:00")


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    with simulators(tmp_path_factory.mktemp("operations")) as start:
        yield start(*BOOK)


@pytest.fixture(scope="module")
def opened(simulator: Simulator, django_db_setup: None, django_db_blocker: Any) -> Iterator[Desk]:
    with django_db_blocker.unblock(), open_desk(simulator) as found:
        yield found


@pytest.fixture
def desk(opened: Desk, django_db_blocker: Any) -> Iterator[Desk]:
    with django_db_blocker.unblock():
        opened.enter()
        opened.renew()
        yield opened


def test_a_transfer_arrives_once_and_its_hold_is_captured_with_it(desk: Desk) -> None:
    operation = desk.plan("one")
    wallet = wallet_of(desk.account)
    clearing = AccountSpec(AccountKind.MT_CLEARING, operation.currency, OwnerType.MT_SERVER, desk.server.pk)
    owed, _held = money_of(clearing, now=timezone.now())
    assert money_of(wallet, now=timezone.now()) == (Decimal(1_000_000), Decimal(40))

    desk.turn()
    desk.turn()

    operation.refresh_from_db()
    assert (operation.state, operation.attempts) == (S.CONFIRMED, 1)
    assert operation.balance_after - operation.balance_before == Decimal(40)
    assert desk.book() == [(operation.ref, desk.account.login, Decimal(40))]
    assert money_of(wallet, now=timezone.now()) == (Decimal(999_960), Decimal(0))
    assert money_of(clearing, now=timezone.now())[0] - owed == Decimal(40)


def test_a_refusal_lets_the_money_go_and_says_why(desk: Desk) -> None:
    too_much = desk.plan("out", "-900000000", purpose=Purpose.WITHDRAWAL)

    desk.turn()

    too_much.refresh_from_db()
    assert (too_much.state, too_much.reason) == (S.REFUSED, NotEnoughMoney.code)
    assert too_much.detail["retcode"] == "10019"
    assert desk.book() == []
    assert money_of(wallet_of(desk.account), now=timezone.now()) == (Decimal(1_000_000), Decimal(0))


@pytest.mark.parametrize("fault", ["balance_unanswered/1", "balance_lost/1"])
def test_a_lost_answer_is_read_back_and_a_lost_request_sent_again_with_the_same_reference(
    desk: Desk, fault: str
) -> None:
    operation = desk.plan("one")
    desk.faults(on=fault)

    desk.turn()
    desk.faults(off="all")
    states = [desk.operations.get().state]
    desk.finish()

    operation.refresh_from_db()
    assert states == [S.UNKNOWN]
    assert (operation.state, operation.attempts) == (S.CONFIRMED, 1 if fault.startswith("balance_u") else 2)
    assert desk.book() == [(operation.ref, desk.account.login, Decimal(40))]


def test_what_never_arrives_is_left_to_a_person_after_three_sendings(desk: Desk) -> None:
    operation = desk.plan("one")
    desk.faults(on="balance_lost/1")

    desk.finish()

    operation.refresh_from_db()
    assert (operation.state, operation.reason, operation.attempts) == (S.REVIEW, "never_applied", 3)
    assert desk.book() == []
    assert money_of(wallet_of(desk.account), now=timezone.now())[1] == Decimal(40)


def test_two_deals_with_one_reference_are_left_to_a_person(desk: Desk) -> None:
    operation = desk.plan("one")
    desk.faults(on="balance_unanswered/1")
    desk.turn()
    desk.faults(off="all")
    login, comment = desk.account.login, operation.comment
    desk.simulator.control("/sim/balance", login=login, amount="40", comment=comment)

    desk.finish()

    operation.refresh_from_db()
    assert (operation.state, operation.reason, operation.detail["count"]) == (S.REVIEW, "doubled", 2)
    assert desk.book() == [(operation.ref, login, Decimal(40))] * 2
    assert money_of(wallet_of(desk.account), now=timezone.now())[1] == Decimal(40)


def test_ten_equal_requests_at_once_are_one_operation(desk: Desk) -> None:
    got: list[str] = []

    def submit() -> None:
        desk.enter()
        try:
            got.append(desk.plan("same").ref)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=submit) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    desk.finish()

    (operation,) = desk.operations
    assert got == [operation.ref] * 10
    assert desk.book() == [(operation.ref, desk.account.login, Decimal(40))]
    assert money_of(wallet_of(desk.account), now=timezone.now()) == (Decimal(999_960), Decimal(0))


@pytest.mark.parametrize(
    "count",
    [pytest.param(25, id="25"), pytest.param(200, id="200", marks=[pytest.mark.soak, pytest.mark.timeout(900)])],
)
def test_random_operations_through_random_faults_agree_with_the_server_to_the_last_one(desk: Desk, count: int) -> None:
    chance = random.Random(41)
    desk.faults(on="balance_lost=0.15,balance_unanswered=0.2,flap_403=0.05,busy=0.05,not_json=0.03,drop_mid_page=0.05")
    for number in range(count):
        amount = chance.choice(["7.01", "0.01", "1250", "-3.50", "-900000000"])
        desk.plan(f"random {number}", amount, account=chance.choice(desk.accounts))
        if number % 10 == 9:
            desk.turn()
    desk.finish(seconds=30 + count / 4)
    injected = desk.simulator.control("/sim/faults", off="all")["injected"]

    assert injected["balance_lost"] > 0 < injected["balance_unanswered"]
    assert desk.book() == desk.asked()
    refused = desk.operations.filter(state=S.REFUSED)
    assert {row.amount for row in refused} == {Decimal("-900000000")}
    assert desk.operations.filter(state=S.REVIEW).count() <= count // 20
    assert verify_ledger() == []


def test_transfers_are_no_deposits_even_before_they_are_confirmed(desk: Desk) -> None:
    desk.plan("transfer", "40")
    desk.plan("deposit", "15", purpose=Purpose.DEPOSIT)
    desk.faults(on="balance_unanswered/1")
    desk.turn()
    cursor = get_cursor(desk.server.pk)
    record_deals(
        server_id=desk.server.pk, version=cursor.version, reading=Reading(rows=desk.new_rows()), now=timezone.now()
    )
    early = nets(desk)
    desk.faults(off="all")
    desk.finish()
    record_deals(
        server_id=desk.server.pk, version=cursor.version + 1, reading=Reading(rows=desk.new_rows()), now=timezone.now()
    )

    assert early == []
    assert nets(desk) == [Decimal(15)]


def nets(desk: Desk) -> list[Decimal]:
    tomorrow = timezone.now() + timedelta(days=1)
    return [net.amount for net in net_deposits(client_ids=[desk.account.client_id], before=tomorrow)]


@pytest.mark.parametrize(
    "every", [pytest.param(4, id="some"), pytest.param(1, id="all", marks=[pytest.mark.soak, pytest.mark.timeout(900)])]
)
def test_a_worker_killed_before_any_statement_neither_doubles_nor_loses(desk: Desk, every: int) -> None:
    desk.plan("counted")
    total = statements_of(desk.turn)
    assert total > 15

    died = []
    for dies_at in range(1, total + 1, every):
        desk.plan(f"dies {dies_at}")
        died.append(desk.turn_killed(dies_at))
        time.sleep(BREAK.total_seconds() + 0.05)
        desk.finish()

    assert died.count(False) <= 1  # a fresh connection may count one statement less
    assert desk.operations.exclude(state=S.CONFIRMED).count() == 0
    assert desk.book() == desk.asked()
    assert verify_ledger() == []
