"""A world of its own for a test that breaks things: PostgreSQL, Valkey, simulator, worker, beat, all real processes."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from house.checkout import Checkout
from house.commands import tool_environment
from house.keel_processes import Simulator, keel_processes
from house.ports import free_port
from house.postgres import SUPERUSER, ensure_postgres, postgres_url, stop_postgres
from house.supervisor import Process, Supervisor, supervisor
from house.valkey import ensure_valkey, stop_valkey, valkey_url
from tests.databases import ROOT

COMPLETE_WITHIN_S = 90
WORKERS = ("walker", "worker")


@dataclass
class World:
    """The processes of one test and how to break them."""

    checkout: Checkout
    environment: dict[str, str]
    supervisor: Supervisor
    available: dict[str, Process]
    simulator: Simulator
    stepper: "subprocess.Popen[str] | None" = None

    def start(self, *names: str) -> None:
        self.supervisor.start([self.available[name] for name in names])

    def kill_workers(self) -> None:
        """kill -9 the workers with all of their processes, and start new ones."""
        dying = [each for each in self.supervisor.running if each.process.name in WORKERS]
        for running in dying:
            os.killpg(running.child.pid, signal.SIGKILL)
        for running in dying:
            running.child.wait()
            self.supervisor.running.remove(running)
        self.start(*WORKERS)

    def step(self, name: str, *arguments: str) -> Any:
        """Run one step of tests.crm.steps in a process of its own; return its answer."""
        if self.stepper is None:
            self.stepper = subprocess.Popen(
                [sys.executable, "-m", "tests.crm.steps"],
                cwd=ROOT, env=self.environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            )  # fmt: skip
        assert self.stepper.stdin is not None
        assert self.stepper.stdout is not None
        database = self.environment["DATABASE_URL"].rpartition("/")[2]
        print(
            json.dumps({"step": name, "arguments": arguments, "database": database}),
            file=self.stepper.stdin,
            flush=True,
        )
        line = self.stepper.stdout.readline()
        assert line, f"the step {name} died"
        reply = json.loads(line)
        assert reply["error"] is None, reply["error"]
        return reply["answer"]

    def close(self) -> None:
        if self.stepper is not None:
            self.stepper.communicate()  # its input ends, and so does it

    def wait_until_complete(self) -> None:
        moment = datetime.now(UTC).replace(microsecond=0).isoformat()
        deadline = time.monotonic() + COMPLETE_WITHIN_S
        while not self.step("complete", moment):
            assert time.monotonic() < deadline, "the workers did not finish: " + "".join(map(self.log, WORKERS))
            time.sleep(0.3)

    def log(self, name: str) -> str:
        return (self.checkout.logs / f"{name}.log").read_text()[-3000:]

    def control(self) -> str:
        return str(json.loads(self.simulator.ready_file.read_text())["control"])


@contextmanager
def own_servers() -> Iterator[tuple[Checkout, dict[str, str]]]:
    """Run a PostgreSQL and a Valkey that nobody else uses, in a place that PostgreSQL's own user reaches."""
    with tempfile.TemporaryDirectory(prefix="keel-test-", dir="/var/tmp", ignore_cleanup_errors=True) as home:
        state = Path(home)
        state.chmod(0o711)
        (state / "logs").mkdir()
        checkout = Checkout(root=ROOT, state=state, throwaway=True)
        ensure_postgres(checkout)
        ensure_valkey(checkout)
        try:
            yield checkout, addresses(checkout)
        finally:
            stop_valkey(checkout)
            stop_postgres(checkout)


def addresses(checkout: Checkout) -> dict[str, str]:
    return {
        "KEEL_ADMIN_DATABASE_URL": postgres_url(checkout, role=SUPERUSER, database="postgres"),
        "DATABASE_URL": postgres_url(checkout, role="crm_app", database="keel"),
        "DATABASE_OWNER_URL": postgres_url(checkout, role="crm_migrate", database="keel"),
        "REDIS_URL": valkey_url(checkout),
        "KEEL_STATE_DIR": str(checkout.state),
    }


@contextmanager
def run_simulator(*, port: int, ready_file: Path, options: Sequence[str]) -> Iterator[None]:
    """Run a simulator alone; its ready file is there inside the block."""
    command = [sys.executable, "-m", "mt4bridge.simulator", "--port", str(port), "--ready-file", str(ready_file)]
    with subprocess.Popen([*command, *options], cwd=ROOT, stderr=subprocess.DEVNULL) as process:
        try:
            deadline = time.monotonic() + 60
            while not ready_file.exists():
                assert process.poll() is None, "the simulator ended"
                assert time.monotonic() < deadline, "the simulator did not get ready"
                time.sleep(0.05)
            yield
        finally:
            process.terminate()


@contextmanager
def open_world(
    *, checkout: Checkout, environment: Mapping[str, str], home: Path, options: Sequence[str] = ()
) -> Iterator[World]:
    """Start a simulator and hand over a world whose worker and beat can be started; all end with the block."""
    home.mkdir(parents=True, exist_ok=True)
    simulator = Simulator(
        name="simulator", port=free_port(), ready_file=home / "ready.json",
        options=("--control", "--cert-dir", str(home), *options),
    )  # fmt: skip
    full = tool_environment(checkout) | dict(os.environ) | dict(environment)
    available = keel_processes(checkout, full, web_port=free_port(), simulators=[simulator])
    with supervisor(checkout) as running:
        world = World(checkout, full, running, available, simulator)
        world.start("simulator")
        try:
            yield world
        finally:
            world.close()
