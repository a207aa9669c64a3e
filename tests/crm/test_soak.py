"""Ten minutes of everything that goes wrong: three servers that trade, every fault at random, workers that die, two
hundred balance operations and thirty new accounts. At the end nothing is lost, doubled or undecided: the servers' own
books say so.

KEEL_SOAK_SECONDS shortens it; KEEL_SOAK_SEED names another course of events."""

import json
import os
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from crm.demo.control import Control
from house.commands import tool_environment
from house.keel_processes import CLOCKWORK, Simulator, keel_processes
from house.ports import free_port
from house.supervisor import supervisor
from mt4bridge.simulator.faults import FAULTS
from tests.crm.world import World, own_servers

SECONDS = float(os.environ.get("KEEL_SOAK_SECONDS", "600"))
pytestmark = [pytest.mark.soak, pytest.mark.e2e, pytest.mark.timeout(SECONDS + 3_000)]
SEED = int(os.environ.get("KEEL_SOAK_SEED", "1"))
OPERATIONS, ACCOUNTS = 200, 30
SETTLED_WITHIN_S = 420.0  # the longest back-off is two and a half minutes; a comparison waits for the next ring
# A server that cannot prove itself is left alone for long; a few are enough.
SHARES = {"impostor": (0.002, 0.01), "slow_answer": (0.02, 0.1)}
BOOK = ("--generate", "--accounts", "12", "--days", "10", "--slow-seconds", "0.5")


@contextmanager
def open_soak_world(home: Path) -> Iterator[tuple[World, Sequence[Simulator]]]:
    """Run PostgreSQL, Valkey and three trading servers of the test's own."""
    with own_servers() as (checkout, environment):
        simulators = [
            Simulator(
                name=f"simulator-{number}", port=free_port(), ready_file=home / f"ready-{number}.json",
                options=(
                    "--control", "--cert-dir", str(home / f"certificate-{number}"), *BOOK, "--seed", str(SEED + number),
                    "--first-ticket", str(1_000_001 + number),  # equal tickets on different servers are usual
                ),
            )
            for number in range(3)
        ]  # fmt: skip
        full = tool_environment(checkout) | dict(os.environ) | dict(environment)
        available = keel_processes(checkout, full, web_port=free_port(), simulators=simulators)
        with supervisor(checkout) as running:
            world = World(checkout, full, running, available, simulators[0])
            world.start(*(simulator.name for simulator in simulators))
            name = world.step("clone")
            for variable in ("DATABASE_URL", "DATABASE_OWNER_URL"):
                world.environment[variable] = world.environment[variable].rpartition("/")[0] + "/" + name
            try:
                yield world, simulators
            finally:
                world.close()


def test_nothing_is_lost_doubled_or_undecided(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    with open_soak_world(tmp_path) as (world, simulators):
        logins = world.step("prepare_servers", *(str(simulator.ready_file) for simulator in simulators))
        controls = [Control(_ready(simulator)["control"]) for simulator in simulators]
        world.start(*CLOCKWORK)

        _disturb(world, controls, logins, chance)
        injected = _quieten(controls)
        _settle(world)
        for kind in ("monthly", "monthly", "balances"):  # the first takes over what lies further back
            world.step("compare", kind)
            _settle(world)

        seen, money, opened = (world.step(f"judge_{what}") for what in ("by_server", "operations", "orders"))
        _books_agree(world, controls)
        assert (seen["findings"], money["wrong"], opened["wrong"]) == ([], [], [])
        assert (sum(money["states"].values()), sum(opened["states"].values())) == (OPERATIONS, ACCOUNTS)
        assert money["states"].keys() | opened["states"].keys() <= {"confirmed", "refused"}
        assert {each[1] for kind in ("monthly", "balances") for each in world.step("last_runs", kind).values()} == {0}
        assert sorted(name for name, times in injected.items() if not times) == [] or SECONDS < 300


def _disturb(world: World, controls: Sequence[Control], logins: dict[str, list[int]], chance: random.Random) -> None:
    """Let everything go wrong for the time of the soak, and send all operations and orders meanwhile."""
    began, killed, planned, ordered = time.monotonic(), 0, 0, 0
    while (passed := time.monotonic() - began) < SECONDS or (planned, ordered) != (OPERATIONS, ACCOUNTS):
        unseen = [name for name, times in _injected(controls).items() if not times] if passed > SECONDS / 2 else []
        _switch(chance.choice(controls), chance, unseen)
        if chance.random() < 0.1:
            chance.choice(controls).send("/sim/cut")
        if killed < SECONDS / 120 and passed > (killed + 0.5) * SECONDS / max(SECONDS / 120, 1):
            world.kill_workers()
            killed += 1
        for number, control in enumerate(controls):
            _trade(control, logins[f"Server {number}"], chance)
        while planned < min(OPERATIONS, int(OPERATIONS * passed / SECONDS) + 1):
            server = chance.choice(sorted(logins))
            amount = chance.choice((1, 1, -1)) * chance.randrange(1, 5_000)
            world.step("plan", server, chance.choice(logins[server]), f"{amount / 100:.2f}", f"soak-{planned}")
            planned += 1
        while ordered < min(ACCOUNTS, int(ACCOUNTS * passed / SECONDS) + 1):
            world.step("open_account", chance.choice(sorted(logins)), f"soak-{ordered}")
            ordered += 1
        time.sleep(1)


def _trade(control: Control, logins: Sequence[int], chance: random.Random) -> None:
    """Open a position, and close it at once or leave it open."""
    keep = {"keep_open": 1} if chance.random() < 0.2 else {}
    lots, side = f"{chance.randrange(1, 50) / 100:.2f}", chance.choice(("buy", "sell"))
    control.send("/sim/trade", login=chance.choice(logins), symbol="EURUSD", lots=lots, side=side, **keep)


def _switch(control: Control, chance: random.Random, unseen: Sequence[str]) -> None:
    """Turn some faults of one server on, each at a rate of its own, and the others off; what was never seen often."""
    chosen = chance.sample(sorted(FAULTS), k=chance.randrange(1, 5))
    rates = {name: chance.uniform(*SHARES.get(name, (0.02, 0.25))) for name in chosen}
    rates |= dict.fromkeys(unseen, 0.5)
    control.send("/sim/faults", off="all")
    control.send("/sim/faults", on=",".join(f"{name}={rate:.3f}" for name, rate in rates.items()))


def _quieten(controls: Sequence[Control]) -> dict[str, int]:
    """End all faults; return how often each fault was injected."""
    for control in controls:
        control.send("/sim/faults", off="all")
    return _injected(controls)


def _injected(controls: Sequence[Control]) -> dict[str, int]:
    """Return how often each fault was injected, by all servers together."""
    injected = dict.fromkeys(FAULTS, 0)
    for control in controls:
        for name, times in control.send("/sim/faults")["injected"].items():
            injected[name] += times
    return injected


def _settle(world: World) -> None:
    moment = datetime.now(UTC).replace(microsecond=0).isoformat()
    deadline = time.monotonic() + SETTLED_WITHIN_S
    while any((waiting := world.step("unsettled", moment) | {"operations": world.step("open_operations")}).values()):
        assert time.monotonic() < deadline, f"{waiting} are not settled: {world.log('worker')}"
        time.sleep(1)


def _books_agree(world: World, controls: Sequence[Control]) -> None:
    """Number of deals and balance of each account here and in the simulator's own book."""
    here = world.step("books")
    for number, control in enumerate(controls):
        totals = control.send("/sim/totals")["logins"]
        there = {login: [str(figures["deals"]), figures["balance"]] for login, figures in totals.items()}
        assert here[f"Server {number}"] == {login: _plain(figures) for login, figures in there.items()}


def _plain(figures: list[str]) -> list[str]:
    return [figures[0], f"{Decimal(figures[1]):.2f}"]


def _ready(simulator: Simulator) -> dict[str, Any]:
    return dict(json.loads(simulator.ready_file.read_text()))
