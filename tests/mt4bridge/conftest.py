"""A real simulator process for each test that asks, and the real histories when they are there.

`simulator("--faults", "flap_403")` starts one and yields a `Simulator`; it ends with the test."""

import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
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
SMALL_BOOK = ("--accounts", "8", "--days", "6", "--seed", "7", "--until", "2026-03-05T15:00:00+00:00")
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


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[Callable[..., Simulator]]:
    """Return a function that starts a simulator with the given options and its control port open."""
    running: list[Simulator] = []

    def start(*options: str) -> Simulator:
        ready_file = tmp_path / f"ready-{len(running)}.json"
        command = [sys.executable, "-m", "mt4bridge.simulator", "--ready-file", str(ready_file), "--control", *options]
        errors = (tmp_path / f"errors-{len(running)}.txt").open("wb")
        with errors:
            process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=errors)
        running.append(Simulator(process, {}))
        deadline = time.monotonic() + START_SECONDS
        while not ready_file.exists():
            assert process.poll() is None, Path(errors.name).read_text()
            assert time.monotonic() < deadline, "the simulator did not start in time"
            time.sleep(0.02)
        running[-1].ready = json.loads(ready_file.read_text())
        return running[-1]

    yield start
    for item in running:
        for server in item.servers:
            server.close()
        item.process.terminate()
        item.process.wait(timeout=20)


@pytest.fixture
def histories() -> Path:
    """Return the folder of real histories; they are not part of this repository."""
    if not DATA.is_dir():
        if os.environ.get("CI") == "true":
            pytest.fail("the real histories are missing, and CI=true asks for them")
        pytest.skip("the real histories (../shared/data/mt) are not here")
    return DATA
