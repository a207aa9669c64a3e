"""The walker dies at each single statement in turn; the next walk always ends in the undisturbed state."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, connections

from crm.demo.once import read_ready_file
from crm.demo.setup import add_history_chain, connect_server
from crm.flows import deal_flow
from house.ports import free_port
from mt4bridge.gateways import close_gateways, open_gateway
from mt4bridge.models import MtServer
from tenancy.bootstrap import create_database, drop_database, prepare_database
from tests.conftest import _use_database, get_broker
from tests.crm.end_state import read_end_state
from tests.crm.world import run_simulator
from tests.databases import admin_url, cloned_database
from tests.killing import dies_in_a_child, statements_of

pytestmark = pytest.mark.e2e
HEADER = (
    "ticket,order,time,time_msc,type,entry,magic,position_id,reason,volume,price,commission,swap,profit,fee,symbol,"
    "comment,external_id"
)
NOW = datetime(2026, 3, 3, tzinfo=UTC)


def history(path: Path) -> Path:
    """Write a deposit and three closed trades; the last closes in two parts."""
    second = 1740568592
    rows = [f"1,0,{second},{second}000,2,0,0,0,0,0.0,0.0,0.0,0.0,1000.0,0.0,,,"]
    parts = [(10, 10, "0.30"), (20, 20, "0.20"), (30, 30, "0.50"), (30, 31, "0.10"), (30, 32, "0.40")]
    for number, (position, ticket, lots) in enumerate(parts):
        entry = int(ticket in {31, 32})
        at = second + 60 * (number + 1)
        rows.append(
            f"{ticket},{ticket},{at},{at}000,{entry},{entry},0,{position},0,{lots},1.05,0,0,{entry * 5},0,EURUSD,,"
        )
    rows.append(f"40,40,{second + 900},{second + 900}000,1,1,0,10,0,0.30,1.06,0,0,7,0,EURUSD,,")
    path.write_text("\n".join([HEADER, *rows]) + "\n")
    return path


@pytest.fixture
def base(django_db_setup: None, django_db_blocker: Any, tmp_path: Path) -> Iterator[str]:
    """A database in which the server is registered and nothing is read yet; nobody is connected to it."""
    before = connection.settings_dict["NAME"]
    ready = tmp_path / "ready.json"
    options = ["--history", str(history(tmp_path / "deals.csv"))]
    with ExitStack() as stack:
        stack.enter_context(run_simulator(port=free_port(), ready_file=ready, options=options))
        stack.enter_context(django_db_blocker.unblock())
        name = stack.enter_context(cloned_database())
        use(name)
        gateway = connect_server(simulator=read_ready_file(ready), now=NOW)
        add_history_chain(gateway=gateway, now=NOW)
        close_gateways()
        _use_database(before)
        yield name
        close_gateways()
        _use_database(before)


def use(name: str) -> None:
    _use_database(name)
    connection.set_tenant(get_broker("aurora"))


def walk_and_count(dies_at: int | None = None) -> int:
    """Walk in this process; return how many statements it took. Before statement `dies_at` the process is killed."""
    server = MtServer.objects.get()
    return statements_of(lambda: deal_flow.walk(server=server, gateway=open_gateway(server), now=NOW), dies_at)


def walk_in_a_child(name: str, dies_at: int) -> bool:
    """Fork, walk there, die at the statement; return whether it died."""
    return dies_in_a_child(lambda: walk_and_count(dies_at), enter=lambda: use(name))


@pytest.mark.parametrize(
    "points",
    [pytest.param(5, id="five"), pytest.param(10**6, id="all", marks=[pytest.mark.soak, pytest.mark.timeout(1800)])],
)
def test_a_crash_before_any_statement_changes_nothing_in_the_end(base: str, points: int) -> None:
    undisturbed, statements = in_a_clone(base, lambda name: (use(name), walk_and_count())[1])
    assert statements > 25
    assert [row[:3] for row in undisturbed["judgements"]][:2] == [["31", "0", "direct"], ["31", "0", "middle"]]

    different = []
    for dies_at in range(1, statements + 1, max(1, statements // points)):
        state, died = in_a_clone(base, lambda name, at=dies_at: recover(name, at))
        if not died or state != undisturbed:
            different.append(dies_at)

    assert different == []


def recover(name: str, dies_at: int) -> bool:
    died = walk_in_a_child(name, dies_at)
    use(name)
    walk_and_count()
    return died


def in_a_clone(base: str, work: Callable[[str], Any]) -> tuple[dict[str, Any], Any]:
    """Run work on a clone of the base; return (end state, what work returned)."""
    name = f"keel_test_{uuid.uuid4().hex[:12]}"  # never the same twice: processes remember by name
    connections.close_all()
    create_database(admin_url=admin_url(), name=name, template=base)
    prepare_database(admin_url=admin_url(), name=name)
    try:
        result = work(name)
        return read_end_state(), result
    finally:
        connections.close_all()
        drop_database(admin_url=admin_url(), name=name)
