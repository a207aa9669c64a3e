"""Money to MT over the real wire: whatever breaks, each operation ends on the server's book exactly once or not at all.

The simulator is a process of its own and its book is the judge."""

import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, connections
from django.utils import timezone

from crm.demo.setup import SimulatorAddress, connect_server
from crm.flows import operation_flow
from ledger.enums import AccountKind, OwnerType
from ledger.types import AccountSpec
from ledger.verify import verify_ledger
from mt4bridge.errors import BridgeError, NotEnoughMoney
from mt4bridge.gateways import close_gateways, open_gateway
from mt4bridge.models import MtServer
from tests.conftest import _use_database, get_broker
from tests.mt4bridge.conftest import Simulator, simulators
from tests.trading.factories import make_client
from tests.trading.operations.conftest import SYSTEM, fill_wallet, money_of, wallet_of
from trading.accounts import register_account
from trading.deposits import net_deposits
from trading.models import MtGroup, TradingAccount
from trading.operations.enums import OperationState, Purpose
from trading.operations.models import BalanceOperation, SendingRules
from trading.operations.planning import OperationSpec, plan_operation
from trading.services import Reading, record_deals

pytestmark = pytest.mark.e2e
BOOK = ("--accounts", "12", "--days", "6", "--seed", "7", "--until", "2026-03-05T15:00:00+00:00")
BREAK = timedelta(milliseconds=300)
S = OperationState


class Desk:
    """A broker with one MT server, one account with money in the wallet, and a round of the relay to turn."""

    def __init__(self, simulator: Simulator, name: str) -> None:
        self.simulator, self.database = simulator, name
        now = timezone.now()
        connect_server(simulator=SimulatorAddress.from_json(simulator.ready), now=now)
        self.server = MtServer.objects.get()
        SendingRules.objects.create(server=self.server, settle_window=BREAK, read_gap=BREAK / 2, lease=BREAK)
        groups = {group.name: group for group in MtGroup.objects.all()}
        users = sorted(open_gateway(self.server).users(), key=lambda user: user.login)
        self.accounts = [self._account(user, groups[user.group], now) for user in users[:4]]
        self.account = self.accounts[0]
        self.before = {row.ticket for row in self.rows()}

    def _account(self, user: Any, group: MtGroup, now: datetime) -> TradingAccount:
        account = register_account(
            login=user.login, client=make_client(), mt_group=group, leverage=100, opened_at=now, actor=SYSTEM, now=now
        )
        fill_wallet(account, "1000000", now=now, key=f"fill {user.login}")
        return account

    def plan(self, key: str, amount: str = "40", **values: Any) -> BalanceOperation:
        spec = {"account": self.account, "purpose": Purpose.TRANSFER, "amount": Decimal(amount), **values}
        return plan_operation(spec=OperationSpec(idempotency_key=key, **spec), actor=SYSTEM, now=timezone.now())

    def turn(self) -> None:
        """Turn one round, whatever the wire does."""
        with suppress(BridgeError):
            operation_flow.relay(server=self.server, gateway=open_gateway(self.server), clock=timezone.now)

    def finish(self, *, seconds: float = 20) -> None:
        """Turn rounds until nothing is open but what a person must decide."""
        deadline = time.monotonic() + seconds
        waiting = BalanceOperation.objects.filter(state__in=[S.PLANNED, S.SENDING, S.UNKNOWN])
        while waiting.exists():
            assert time.monotonic() < deadline, list(waiting.values_list("ref", "state", "reason", "attempts"))
            BalanceOperation.objects.filter(state__in=[S.PLANNED, S.UNKNOWN]).update(next_try_at=timezone.now())
            self.turn()
            time.sleep(0.05)

    def faults(self, on: str = "", off: str = "") -> None:
        self.simulator.control("/sim/faults", on=on, off=off)

    def book(self) -> list[tuple[str, int, Decimal]]:
        """Return (reference, login, amount) of each balance deal that the server has and had not at the beginning."""
        rows = [row for row in self.rows() if row.ticket not in self.before]
        return sorted((row.comment[:13], row.login, Decimal(row.profit_e8).scaleb(-8)) for row in rows)

    def rows(self) -> list[Any]:
        since = timezone.now() - timedelta(hours=1)
        gateway = self.simulator.server()
        return [
            row
            for account in self.accounts
            for row in gateway.deals_of_login(login=account.login, since=since, until=since + timedelta(hours=2))
        ]

    def asked(self, *states: str) -> list[tuple[str, int, Decimal]]:
        rows = BalanceOperation.objects.filter(state__in=states or [S.CONFIRMED])
        return sorted(rows.values_list("ref", "account__login", "amount"))


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    with simulators(tmp_path_factory.mktemp("operations")) as start:
        yield start(*BOOK)


@pytest.fixture
def desk(committed_database: dict[str, str], simulator: Simulator) -> Iterator[Desk]:
    simulator.control("/sim/faults", off="all")
    yield Desk(simulator, connection.settings_dict["NAME"])
    close_gateways()


def test_a_transfer_arrives_once_and_its_hold_is_captured_with_it(desk: Desk) -> None:
    operation = desk.plan("one")
    wallet = wallet_of(desk.account)
    assert money_of(wallet, now=timezone.now()) == (Decimal(1_000_000), Decimal(40))

    desk.turn()
    desk.turn()

    operation.refresh_from_db()
    assert (operation.state, operation.attempts) == (S.CONFIRMED, 1)
    assert operation.balance_after - operation.balance_before == Decimal(40)
    assert desk.book() == [(operation.ref, desk.account.login, Decimal(40))]
    assert money_of(wallet, now=timezone.now()) == (Decimal(999_960), Decimal(0))
    clearing = AccountSpec(AccountKind.MT_CLEARING, operation.currency, OwnerType.MT_SERVER, desk.server.pk)
    assert money_of(clearing, now=timezone.now())[0] == Decimal(40)


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
    states = [BalanceOperation.objects.get().state]
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
        _use_thread(desk.database)
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

    (operation,) = BalanceOperation.objects.all()
    assert got == [operation.ref] * 10
    assert desk.book() == [(operation.ref, desk.account.login, Decimal(40))]
    assert money_of(wallet_of(desk.account), now=timezone.now()) == (Decimal(999_960), Decimal(0))


@pytest.mark.parametrize("count", [pytest.param(60, id="60"), pytest.param(1000, id="1000", marks=pytest.mark.soak)])
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
    refused = BalanceOperation.objects.filter(state=S.REFUSED)
    assert {row.amount for row in refused} == {Decimal("-900000000")}
    assert BalanceOperation.objects.filter(state=S.REVIEW).count() <= count // 20
    assert verify_ledger() == []


def test_transfers_are_no_deposits_even_before_they_are_confirmed(desk: Desk) -> None:
    desk.plan("transfer", "40")
    desk.plan("deposit", "15", purpose=Purpose.DEPOSIT)
    desk.faults(on="balance_unanswered/1")
    desk.turn()
    rows = [row for row in desk.rows() if row.ticket not in desk.before]
    record_deals(server_id=desk.server.pk, version=0, reading=Reading(rows=rows), now=timezone.now())
    early = nets(desk)
    desk.faults(off="all")
    desk.finish()
    rows = [row for row in desk.rows() if row.ticket not in desk.before]
    record_deals(server_id=desk.server.pk, version=1, reading=Reading(rows=rows), now=timezone.now())

    assert early == []
    assert nets(desk) == [Decimal(15)]


def nets(desk: Desk) -> list[Decimal]:
    tomorrow = timezone.now() + timedelta(days=1)
    return [net.amount for net in net_deposits(client_ids=[desk.account.client_id], before=tomorrow)]


def _use_thread(name: str) -> None:
    connection.settings_dict["NAME"] = name
    connection.set_tenant(get_broker("aurora"))


def statements_of(work: Callable[[], None], dies_at: int | None = None) -> int:
    """Run work; return how many statements it took. Before statement `dies_at` the process is killed."""
    count = 0

    def watch(execute: Callable[..., Any], *call: Any) -> Any:
        nonlocal count
        count += 1
        if count == dies_at:
            os.kill(os.getpid(), signal.SIGKILL)
        return execute(*call)

    with connection.execute_wrapper(watch):
        work()
    return count


def killed(desk: Desk, dies_at: int) -> bool:
    """Turn a round in a child that dies before the statement; return whether it died."""
    connections.close_all()
    close_gateways()
    child = os.fork()
    if child == 0:
        _use_thread(desk.database)
        statements_of(desk.turn, dies_at)
        os._exit(0)
    _pid, status = os.waitpid(child, 0)
    _use_database(desk.database)
    connection.set_tenant(get_broker("aurora"))
    return os.WIFSIGNALED(status)


@pytest.mark.parametrize("every", [pytest.param(3, id="some"), pytest.param(1, id="all", marks=pytest.mark.soak)])
def test_a_worker_killed_before_any_statement_neither_doubles_nor_loses(desk: Desk, every: int) -> None:
    desk.plan("counted")
    total = statements_of(desk.turn)
    assert total > 15

    died = []
    for dies_at in range(1, total + 1, every):
        desk.plan(f"dies {dies_at}")
        died.append(killed(desk, dies_at))
        time.sleep(BREAK.total_seconds() + 0.05)
        desk.finish()

    assert all(died)
    assert BalanceOperation.objects.exclude(state=S.CONFIRMED).count() == 0
    assert desk.book() == desk.asked()
    assert verify_ledger() == []
