"""Whatever dies on the way, the end state is the undisturbed one."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crm.demo.control import Control
from house.keel_processes import CLOCKWORK
from house.postgres import ensure_postgres, stop_postgres
from tests.crm.world import World, open_world, own_servers

pytestmark = pytest.mark.e2e
BOOK = ("--generate", "--accounts", "15", "--days", "40", "--seed", "11", "--until", "2026-09-01T00:00:00+00:00")


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[Any, dict[str, str]]]:
    with own_servers() as found:
        yield found


@pytest.fixture
def world(servers: tuple[Any, dict[str, str]], tmp_path: Path) -> Iterator[World]:
    """A world with a fresh database, its server registered; worker and beat are not started."""
    checkout, environment = servers
    with open_world(checkout=checkout, environment=environment, home=tmp_path, options=BOOK) as opened:
        renew_database(opened)
        yield opened


def renew_database(world: World) -> None:
    """Point the world to a fresh clone, with the simulator registered and its accounts under the chain."""
    name = world.step("clone")
    for variable in ("DATABASE_URL", "DATABASE_OWNER_URL"):
        world.environment[variable] = world.environment[variable].rpartition("/")[0] + "/" + name
    world.step("prepare", str(world.simulator.ready_file))


@pytest.fixture(scope="module")
def undisturbed(servers: tuple[Any, dict[str, str]], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The end state of one quiet walk over the same book."""
    checkout, environment = servers
    home = tmp_path_factory.mktemp("undisturbed")
    with open_world(checkout=checkout, environment=environment, home=home, options=BOOK) as world:
        renew_database(world)
        world.step("walk")
        state = world.step("state")
    assert len(state["deals"]) > 500
    assert state["ledger"]
    return dict(state)


def test_killing_the_worker_again_and_again_loses_and_doubles_nothing(
    world: World, undisturbed: dict[str, Any]
) -> None:
    Control(world.control()).send("/sim/faults", on="slow_answer=0.5", slow_seconds="0.2")
    world.start(*CLOCKWORK)

    for round_number in range(4):
        time.sleep(0.4 + 0.35 * round_number)
        world.kill_workers()
    Control(world.control()).send("/sim/faults", off="all")
    world.wait_until_complete()

    assert world.step("state") == undisturbed


def test_connections_dropped_in_mid_page_lose_and_double_nothing(world: World, undisturbed: dict[str, Any]) -> None:
    control = Control(world.control())
    control.send("/sim/faults", on="drop_mid_page=0.25,truncated_json=0.05,flap_403=0.1")
    world.start(*CLOCKWORK)

    time.sleep(6)
    injected = control.send("/sim/faults", off="all")["injected"]
    world.wait_until_complete()

    assert injected["drop_mid_page"] > 0
    assert world.step("state") == undisturbed


def test_a_restart_of_postgresql_during_a_sync_loses_and_doubles_nothing(
    world: World, undisturbed: dict[str, Any]
) -> None:
    Control(world.control()).send("/sim/faults", on="slow_answer=0.5", slow_seconds="0.2")
    world.start(*CLOCKWORK)

    for pause in (1.2, 1.7):
        time.sleep(pause)
        stop_postgres(world.checkout)
        time.sleep(0.5)
        ensure_postgres(world.checkout)
    Control(world.control()).send("/sim/faults", off="all")
    world.wait_until_complete()

    assert world.step("state") == undisturbed
