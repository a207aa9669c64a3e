"""Many people change the network at once: no error is left, and the tree is whole."""

import random
import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction

from ib.models import IB, NetworkState
from ib.queries import network_snapshot, network_version, verify_network
from ib.services import AlreadyThere, CycleRefused, create_ib, hold_network_version, move_ib, show_tree
from tenancy.models import Broker
from tests.conftest import get_broker
from tests.ib.factories import ACTOR, START, make_ib

pytestmark = pytest.mark.integration

THREADS = 8
ROUNDS = 12
NOW = datetime(2026, 3, 1, tzinfo=UTC)


class Worker(threading.Thread):
    """Creates and moves IBs at random, in a connection of its own."""

    def __init__(self, broker: Broker, number: int) -> None:
        super().__init__()
        self.broker, self.number, self.errors, self.done = broker, number, [], 0

    def run(self) -> None:
        chance = random.Random(self.number)
        try:
            connection.set_tenant(self.broker)
            for turn in range(ROUNDS):
                self._turn(chance, turn)
        except Exception as error:  # noqa: BLE001 -- the test reports whatever it was
            self.errors.append(repr(error))
        finally:
            connection.close()

    def _turn(self, chance: random.Random, turn: int) -> None:
        ibs = list(IB.objects.order_by("pk"))
        parent = chance.choice([None, *ibs])
        if chance.random() < 0.4:
            code = f"t{self.number}-{turn}"
            create_ib(code=code, name=code, currency="USD", parent=parent, at=START, actor=ACTOR, now=NOW)
            self.done += 1
            return
        at = NOW + timedelta(days=chance.choice([-20, -10, 0, 0, 0, 10, 20]))
        try:
            move_ib(ib=chance.choice(ibs), parent=parent, at=at, actor=ACTOR, now=NOW)
            self.done += 1
        except (CycleRefused, AlreadyThere):
            pass


def test_threads_leave_a_whole_network_and_no_error(committed_database: dict[str, str]) -> None:
    for place in range(4):
        make_ib(f"start{place}")
    before = network_version()
    workers = [Worker(get_broker("aurora"), number) for number in range(THREADS)]
    connection.set_tenant(get_broker("aurora"))

    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=120)

    done = sum(worker.done for worker in workers)
    assert [error for worker in workers for error in worker.errors] == []
    assert done > THREADS * ROUNDS / 3
    assert network_version() == before + done
    assert verify_network(now=NOW) == []
    for later in (10, 20):
        show_tree(now=NOW + timedelta(days=later))
        assert verify_network(now=NOW + timedelta(days=later)) == []


def test_held_version_keeps_changes_waiting(committed_database: dict[str, str]) -> None:
    make_ib("top")
    aurora = get_broker("aurora")
    connection.set_tenant(aurora)
    finished = threading.Event()

    def change() -> None:
        connection.set_tenant(aurora)
        make_ib("late")
        finished.set()
        connection.close()

    mover = threading.Thread(target=change)
    with transaction.atomic():
        held = hold_network_version()
        mover.start()
        assert not finished.wait(timeout=0.5)
        assert NetworkState.objects.get().version == held == network_snapshot().version
    mover.join(timeout=30)

    assert finished.is_set()
    assert network_version() == held + 1
