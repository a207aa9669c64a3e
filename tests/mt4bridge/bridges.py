"""A fake MT4 bridge in a process of its own, for tests over real sockets."""

import http.client
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from mt4bridge.clock import ServerClock
from mt4bridge.httpbridge.adapter import HttpBridgeServer
from mt4bridge.types import DealRow
from mt4bridge.webapi.connection import Endpoint

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 60.0
SMALL_BOOK = ("--accounts", "9", "--days", "5", "--seed", "7", "--until", "2026-03-05T15:00:00+00:00")
BEFORE_ALL = datetime(2010, 1, 1, tzinfo=UTC)
AFTER_ALL = datetime(2035, 1, 1, tzinfo=UTC)


@dataclass
class FakeBridge:
    """A running fake bridge: where it is, its key, and its control port."""

    process: subprocess.Popen[bytes]
    ready: dict[str, Any]
    servers: list[HttpBridgeServer] = field(default_factory=list)

    @property
    def pin(self) -> str:
        return str(self.ready["pin"])

    def endpoint(self, **changes: Any) -> Endpoint:
        return Endpoint(**{"address": self.ready["address"], "tls_mode": "pin", "tls_pin": self.pin, **changes})

    @property
    def clock(self) -> ServerClock:
        return ServerClock(self.ready["clock_zone"], self.ready["clock_shift_minutes"])

    def server(
        self, *, key_id: str | None = None, secret: str | None = None, group_mask: str = "*", **endpoint: Any
    ) -> HttpBridgeServer:
        """Return an adapter to this bridge; closed at the end."""
        server = HttpBridgeServer(
            self.endpoint(**endpoint),
            key_id=key_id or str(self.ready["login"]),
            secret=self.ready["password"] if secret is None else secret,
            clock=self.clock,
            group_mask=group_mask,
        )
        self.servers.append(server)
        return server

    def control(self, path: str, **body: Any) -> dict[str, Any]:
        """Post to the control port; fails the test when it refuses."""
        connection = http.client.HTTPConnection(self.ready["control"].removeprefix("http://"), timeout=20)
        try:
            connection.request("POST", path, json.dumps(body))
            response = connection.getresponse()
            answer = json.loads(response.read())
            assert response.status == 200, answer
            return dict(answer)
        finally:
            connection.close()

    def injected(self, name: str) -> int:
        return int(self.control("/sim/faults")["injected"][name])

    def balance(self, login: int) -> str:
        return str(self.control("/sim/totals")["logins"][str(login)]["balance"])


StartBridge = Callable[..., FakeBridge]


@contextmanager
def fake_bridges(folder: Path) -> Iterator[StartBridge]:
    """Yield a function that starts a fake bridge with the given options and its control port open."""
    running: list[FakeBridge] = []

    def start(*options: str) -> FakeBridge:
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


def _started(folder: Path, number: int, options: tuple[str, ...]) -> FakeBridge:
    ready_file, errors = folder / f"bridge-{number}.json", folder / f"bridge-errors-{number}.txt"
    command = [sys.executable, "-m", "mt4bridge.fakebridge", "--ready-file", str(ready_file), "--control", *options]
    with errors.open("wb") as file:
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=file)
    deadline = time.monotonic() + START_SECONDS
    while not ready_file.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            process.wait()
            pytest.fail(f"the fake bridge did not start: {errors.read_text()}")
        time.sleep(0.02)
    return FakeBridge(process, json.loads(ready_file.read_text()))


def all_deals(server: HttpBridgeServer) -> list[DealRow]:
    """Read everything; fails when a row is bad. Of a leg that comes twice, the last."""
    rows = [row for rows in server.deals(since=BEFORE_ALL, until=datetime.now(UTC)) for row in rows]
    good = [row for row in rows if isinstance(row, DealRow)]
    assert len(good) == len(rows), [row for row in rows if not isinstance(row, DealRow)]
    return list({(row.ticket, row.leg): row for row in good}.values())
