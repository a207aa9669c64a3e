"""First contact with an MT server: deals do not wait for the list of accounts, which one process at a time reads."""

import os
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection, connections
from django.db.models import Max
from django.utils import timezone

from crm.celery import app
from crm.demo.setup import SimulatorAddress
from crm.flows import account_flow, deal_flow
from crm.flows.alone import the_only_reader
from house.keel_processes import WALKER_QUEUES, WORKER_QUEUES
from mt4bridge.gateways import close_gateways, open_gateway
from mt4bridge.models import MtServer
from tenancy.context import current_broker
from tenancy.models import Broker
from tests.crm.test_trouble import server_at, simulator
from tests.trading.factories import make_account, make_client, make_server
from trading.cursor import get_cursor
from trading.models import Deal, DealCursor, HeldDeal, MtGroup, TradingAccount
from trading.sync.models import ServerAccount, ServerChange, ServerSync
from trading.sync.queries import servers_behind

ACCOUNTS = 40


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatorAddress]:
    folder: Path = tmp_path_factory.mktemp("simulator")
    with simulator(folder, "--accounts", str(ACCOUNTS), "--days", "3", "--seed", "5") as found:
        yield found


def read_accounts(server: MtServer) -> bool:
    return account_flow.sync_when_due(server=server, gateway=open_gateway(server), now=timezone.now())


def read_in_a_child(server: MtServer) -> int:
    """Read the server's accounts in a process of its own; return its id. It exits with 1 when it was the reader."""
    broker = current_broker()
    child = os.fork()
    if child == 0:
        connection.set_tenant(broker)
        os._exit(int(read_accounts(server)))
    return child


@pytest.mark.integration
def test_processes_that_meet_read_a_list_once(committed_database: dict[str, str], address: SimulatorAddress) -> None:
    server = server_at(address)
    too_early = read_accounts(server)
    account_flow.introduce(server=server, gateway=open_gateway(server), now=timezone.now())
    close_gateways()
    connections.close_all()

    children = [read_in_a_child(server) for _child in range(3)]
    statuses = [os.waitpid(child, 0)[1] for child in children]

    connection.set_tenant(current_broker())
    assert (too_early, sorted(map(os.waitstatus_to_exitcode, statuses))) == (False, [0, 0, 1])
    assert (ServerAccount.objects.count(), ServerChange.objects.count()) == (ACCOUNTS, 0)


@pytest.mark.integration
def test_deals_of_known_accounts_are_judged_while_somebody_reads_the_list(
    committed_database: dict[str, str], address: SimulatorAddress
) -> None:
    server, broker = server_at(address), current_broker()
    holds, may_end = threading.Event(), threading.Event()

    def read_for_long() -> None:
        connection.set_tenant(broker)
        with the_only_reader(server.pk):
            holds.set()
            may_end.wait(timeout=60)
        connection.close()

    reader = threading.Thread(target=read_for_long)
    reader.start()
    holds.wait(timeout=60)
    gateway, now = open_gateway(server), timezone.now()
    introduced = [account_flow.introduce(server=server, gateway=gateway, now=now) for _round in range(2)]
    user = gateway.users()[0]
    make_account(MtGroup.objects.get(name=user.group), login=user.login, client=make_client())
    deal_flow.walk(server=server, gateway=gateway, now=timezone.now())
    gave_way = read_accounts(server)
    seen = (Deal.objects.count(), HeldDeal.objects.count(), ServerAccount.objects.count())
    newest = Deal.objects.aggregate(id=Max("id"))["id"]
    judged_until = get_cursor(server.pk).judged_id
    may_end.set()
    reader.join()
    read = read_accounts(server)
    close_gateways()

    assert (introduced, gave_way, read) == ([True, False], False, True)
    assert (seen[0] > 0, seen[1] > 0, seen[2]) == (True, True, 0)
    assert judged_until == newest
    assert ServerAccount.objects.count() == ACCOUNTS
    assert TradingAccount.objects.get().login == user.login
    assert ServerSync.objects.get().accounts_at is not None


@pytest.mark.unit
def test_a_server_that_is_behind_is_walked_elsewhere(broker: Broker) -> None:
    fresh, late, never, silent = (make_server(name) for name in ("Fresh", "Late", "Never", "Silent"))
    now = timezone.now()
    MtServer.objects.filter(pk=silent.pk).update(is_active=False)
    for server, hours in ((fresh, 5), (late, 7)):
        get_cursor(server.pk)
        DealCursor.objects.filter(server=server).update(recorded_until=now - timedelta(hours=hours))
    get_cursor(never.pk)

    assert servers_behind(now=now, by=deal_flow.BACKFILL_FROM) == {late.pk, never.pk}


@pytest.mark.unit
def test_walkers_have_a_queue_of_their_own_and_every_queue_has_workers() -> None:
    routes = {task: route["queue"] for task, route in app.conf.task_routes.items()}
    walking = {task for task, queue in routes.items() if queue in WALKER_QUEUES}

    assert walking == {"crm.flows.tasks.wake_walkers", "crm.flows.tasks.walk_server"}
    assert {*routes.values(), app.conf.task_default_queue} == {*WALKER_QUEUES, *WORKER_QUEUES}
    assert not set(WALKER_QUEUES) & set(WORKER_QUEUES)
