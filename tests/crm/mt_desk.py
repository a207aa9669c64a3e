"""A broker with one MT server behind the real wire, shared by a module; each test has accounts of its own."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone

from crm.demo.setup import SimulatorAddress, connect_server
from crm.flows import operation_flow
from mt4bridge.errors import BridgeError
from mt4bridge.gateways import close_gateways, open_gateway
from mt4bridge.models import MtServer
from tests.conftest import _use_database, get_broker
from tests.databases import cloned_database
from tests.killing import dies_in_a_child, statements_of
from tests.mt4bridge.conftest import Simulator
from tests.trading.factories import make_client
from tests.trading.operations.conftest import SYSTEM, fill_wallet
from trading.accounts import register_account
from trading.models import MtGroup, TradingAccount
from trading.operations.enums import OperationState, Purpose
from trading.operations.models import BalanceOperation, SendingRules
from trading.operations.planning import OperationSpec, plan_operation

BREAK = timedelta(milliseconds=300)
S = OperationState


class Desk:
    """The relay with short patience, the simulator's book, and two fresh accounts with money in the wallet."""

    def __init__(self, simulator: Simulator, database: str) -> None:
        self.simulator, self.database = simulator, database
        connect_server(simulator=SimulatorAddress.from_json(simulator.ready), now=timezone.now())
        self.server = MtServer.objects.get()
        SendingRules.objects.create(server=self.server, settle_window=BREAK, read_gap=BREAK / 2, lease=BREAK)
        self.groups = {group.name: group for group in MtGroup.objects.all()}
        users = sorted(open_gateway(self.server).users(), key=lambda user: user.login)
        self.users = [user for user in users if self.groups[user.group].currency_digits == 2]
        self.accounts: list[TradingAccount] = []
        self.before: set[int] = set()
        self.first_id = 0

    def renew(self) -> None:
        """Give the next test accounts that nobody has used, and a wire without faults."""
        self.faults(off="all")
        taken, self.users = self.users[:2], self.users[2:]
        self.accounts = [self._account(user) for user in taken]
        self.before = {row.ticket for row in self.rows()}
        newest = BalanceOperation.objects.order_by("-pk").first()
        self.first_id = newest.pk + 1 if newest else 1

    @property
    def account(self) -> TradingAccount:
        return self.accounts[0]

    @property
    def operations(self) -> QuerySet[BalanceOperation]:
        """The operations of this test."""
        return BalanceOperation.objects.filter(pk__gte=self.first_id)

    def _account(self, user: Any) -> TradingAccount:
        now = timezone.now()
        account = register_account(
            login=user.login, client=make_client(), mt_group=self.groups[user.group], leverage=100, opened_at=now,
            actor=SYSTEM, now=now,
        )  # fmt: skip
        fill_wallet(account, "1000000", now=now, key=f"fill {user.login}")
        return account

    def plan(self, key: str, amount: str = "40", **values: Any) -> BalanceOperation:
        spec = {"account": self.account, "purpose": Purpose.TRANSFER, "amount": Decimal(amount), **values}
        full_key = f"{self.account.login} {key}"
        return plan_operation(spec=OperationSpec(idempotency_key=full_key, **spec), actor=SYSTEM, now=timezone.now())

    def turn(self) -> None:
        """Turn one round, whatever the wire does."""
        with suppress(BridgeError):
            operation_flow.relay(server=self.server, gateway=open_gateway(self.server), clock=timezone.now)

    def finish(self, *, seconds: float = 20) -> None:
        """Turn rounds until nothing is open but what a person must decide."""
        deadline = time.monotonic() + seconds
        waiting = self.operations.filter(state__in=[S.PLANNED, S.SENDING, S.UNKNOWN])
        while waiting.exists():
            assert time.monotonic() < deadline, list(waiting.values_list("ref", "state", "reason", "attempts"))
            waiting.filter(state__in=[S.PLANNED, S.UNKNOWN]).update(next_try_at=timezone.now())
            self.turn()
            time.sleep(0.02)

    def faults(self, on: str = "", off: str = "") -> None:
        self.simulator.control("/sim/faults", on=on, off=off)

    def book(self) -> list[tuple[str, int, Decimal]]:
        """Return (reference, login, amount) of each deal that the server has and had not when the test began."""
        return sorted((row.comment[:13], row.login, Decimal(row.profit_e8).scaleb(-8)) for row in self.new_rows())

    def new_rows(self) -> list[Any]:
        return [row for row in self.rows() if row.ticket not in self.before]

    def rows(self) -> list[Any]:
        since, gateway = timezone.now() - timedelta(hours=1), self.simulator.server()
        period = {"since": since, "until": since + timedelta(hours=2)}
        return [row for one in self.accounts for row in gateway.deals_of_login(login=one.login, **period)]

    def asked(self) -> list[tuple[str, int, Decimal]]:
        """Return what is confirmed here, as `book` has it."""
        rows = self.operations.filter(state=S.CONFIRMED)
        return sorted(rows.values_list("ref", "account__login", "amount"))

    def enter(self) -> None:
        """Put the desk's database and broker in force, in this thread or process."""
        connection.settings_dict["NAME"] = self.database
        connection.set_tenant(get_broker("aurora"))

    def turn_killed(self, dies_at: int) -> bool:
        """Turn a round in a child that is killed before its statement `dies_at`; return whether it was."""
        return dies_in_a_child(lambda: statements_of(self.turn, dies_at), enter=self.enter)


@contextmanager
def open_desk(simulator: Simulator) -> Iterator[Desk]:
    """Open a desk on a database of its own, in which it commits."""
    before = connection.settings_dict["NAME"]
    with cloned_database() as name:
        _use_database(name)
        connection.set_tenant(get_broker("aurora"))
        try:
            yield Desk(simulator, name)
        finally:
            close_gateways()
            _use_database(before)
