"""A real simulator process for each test that asks, and the real histories when they are there.

`simulator("--faults", "flap_403")` starts one and yields a `Simulator`; it ends with the test."""

import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mt4bridge.clock import ServerClock
from mt4bridge.types import DealRow
from mt4bridge.webapi.adapter import WebApiServer
from mt4bridge.webapi.connection import Endpoint

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data" / "mt"
START_SECONDS = 60.0
SMALL_BOOK = ("--accounts", "12", "--days", "6", "--seed", "7", "--until", "2026-03-05T15:00:00+00:00")
BEFORE_ALL = datetime(2010, 1, 1, tzinfo=UTC)


@dataclass
class Simulator:
    """A running simulator: where it is, how to sign in, and its control port."""

    process: subprocess.Popen[bytes]
    ready: dict[str, Any]
    servers: list[WebApiServer] = field(default_factory=list)

    @property
    def address(self) -> str:
        return str(self.ready["address"])

    @property
    def pin(self) -> str:
        return str(self.ready["pin"])

    @property
    def clock(self) -> ServerClock:
        return ServerClock(self.ready["clock_zone"], self.ready["clock_shift_minutes"])

    def endpoint(self, **changes: Any) -> Endpoint:
        return Endpoint(**{"address": self.address, "tls_mode": "pin", "tls_pin": self.pin, **changes})

    def server(self, *, password: str | None = None, group_mask: str = "*", **endpoint: Any) -> WebApiServer:
        """Return an adapter to this simulator; closed at the end of the test."""
        server = WebApiServer(
            self.endpoint(**endpoint),
            login=self.ready["login"],
            password=self.ready["password"] if password is None else password,
            clock=self.clock,
            group_mask=group_mask,
        )
        self.servers.append(server)
        return server

    def control(self, path: str, **body: Any) -> dict[str, Any]:
        """Post to the control port; fails the test when it refuses."""
        connection = http.client.HTTPConnection(self.ready["control"].removeprefix("http://"), timeout=20)
        try:
            connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
            response = connection.getresponse()
            answer = json.loads(response.read())
            assert response.status == 200, answer
            return dict(answer)
        finally:
            connection.close()

    def injected(self, name: str) -> int:
        return int(self.control("/sim/faults")["injected"][name])


def all_deals(server: WebApiServer) -> list[DealRow]:
    """Read everything; fails when a row is bad."""
    rows = [row for rows in server.deals(since=BEFORE_ALL, until=datetime.now(UTC) + timedelta(days=1)) for row in rows]
    good = [row for row in rows if isinstance(row, DealRow)]
    assert len(good) == len(rows), [row for row in rows if not isinstance(row, DealRow)]
    return good


Start = Callable[..., Simulator]


@contextmanager
def simulators(folder: Path) -> Iterator[Start]:
    """Yield a function that starts a simulator with the given options and its control port open; all end at the end."""
    running: list[Simulator] = []

    def start(*options: str) -> Simulator:
        running.append(_started(folder, len(running), options))
        return running[-1]

    try:
        yield start
    finally:
        for item in running:
            for server in item.servers:
                server.close()
            item.process.terminate()
        for item in running:
            item.process.wait(timeout=20)


def _started(folder: Path, number: int, options: tuple[str, ...]) -> Simulator:
    ready_file, errors = folder / f"ready-{number}.json", folder / f"errors-{number}.txt"
    command = [sys.executable, "-m", "mt4bridge.simulator", "--ready-file", str(ready_file), "--control", *options]
    with errors.open("wb") as file:
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=file)
    deadline = time.monotonic() + START_SECONDS
    while not ready_file.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            process.wait()
            pytest.fail(f"the simulator did not start: {errors.read_text()}")
        time.sleep(0.02)
    return Simulator(process, json.loads(ready_file.read_text()))


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[Start]:
    """Return a function that starts simulators of this test's own."""
    with simulators(tmp_path) as start:
        yield start


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    """Return a simulator with a small generated book that the tests of a module share."""
    with simulators(tmp_path_factory.mktemp("small")) as start:
        yield start(*SMALL_BOOK)


@pytest.fixture
def histories() -> Path:
    """Return the folder of real histories; they are not part of this repository."""
    if not DATA.is_dir():
        if os.environ.get("CI") == "true":
            pytest.fail("the real histories are missing, and CI=true asks for them")
        pytest.skip("the real histories (../shared/data/mt) are not here")
    return DATA
