"""An agent of ours on a real TLS socket in this process, over any backend, and the adapter that reaches it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mt4bridge.agents.app import App
from mt4bridge.agents.backend import Backend
from mt4bridge.agents.events import Events
from mt4bridge.agents.gate import Gate
from mt4bridge.agents.operations import Operations
from mt4bridge.agents.server import BridgeServer
from mt4bridge.clock import ServerClock
from mt4bridge.httpbridge.adapter import HttpBridgeServer
from mt4bridge.simulator.certificate import load_or_create
from mt4bridge.webapi.connection import Endpoint

KEY, SECRET = "1001", "a secret of twenty-four letters"
CLOCK = ServerClock("UTC", 120)


@contextmanager
def serving(backend: Backend, events: Events, operations: Path) -> Iterator[HttpBridgeServer]:
    """Serve a backend and yield the adapter connected to it."""
    identity = load_or_create(None)
    writes = Operations(operations)
    app = App(backend, gate=Gate({KEY: SECRET}), writes=writes, events=events)
    server = BridgeServer(("127.0.0.1", 0), app, identity.server_context())
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    adapter = HttpBridgeServer(
        Endpoint(f"127.0.0.1:{server.server_address[1]}", "pin", tls_pin=identity.pin),
        key_id=KEY, secret=SECRET, clock=CLOCK,
    )  # fmt: skip
    try:
        yield adapter
    finally:
        adapter.close()
        server.shutdown()
        server.server_close()
        thread.join()
        writes.close()
