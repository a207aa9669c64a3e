"""Steps of end-to-end tests, each in a process of its own, forked from one that has loaded everything already.

`python -m tests.crm.steps` reads requests, a JSON object a line: {"step", "arguments", "database"}, and answers each by
a line {"error": text or null, "answer": anything}. The environment names the server. The broker is aurora."""

import json
import os
import sys
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import django

django.setup()

from django.db import connection  # noqa: E402 -- app ready

from crm.demo.once import read_ready_file  # noqa: E402 -- app ready
from crm.demo.setup import add_history_chain, connect_server  # noqa: E402 -- app ready
from crm.flows import deal_flow  # noqa: E402 -- app ready
from mt4bridge.gateways import open_gateway  # noqa: E402 -- app ready
from mt4bridge.models import MtServer  # noqa: E402 -- app ready
from tenancy.context import broker_context, public_context  # noqa: E402 -- app ready
from tenancy.models import Broker  # noqa: E402 -- app ready
from tests.crm import soak_operations, soak_steps  # noqa: E402 -- app ready
from tests.crm.end_state import read_end_state  # noqa: E402 -- app ready
from tests.databases import cloned_database  # noqa: E402 -- app ready
from trading.models import DealCursor  # noqa: E402 -- app ready


def prepare(ready_file: str) -> None:
    """Register the simulator and put its accounts under the chain of three."""
    now = datetime.now(UTC)
    gateway = connect_server(simulator=read_ready_file(Path(ready_file)), now=now)
    add_history_chain(gateway=gateway, now=now)
    gateway.close()


def walk() -> None:
    """Walk the server once, in this process."""
    server = MtServer.objects.get()
    deal_flow.walk(server=server, gateway=open_gateway(server), now=datetime.now(UTC))


def complete(since: str) -> bool:
    """Return whether everything up to the moment is stored and judged."""
    return DealCursor.objects.filter(complete_until__gte=datetime.fromisoformat(since)).exists()


kept: list[Any] = []


def clone() -> str:
    """Return the name of a fresh clone of the template; it goes with its server."""
    manager = cloned_database()
    kept.append(manager)  # never left, for its end drops the clone: the process just ends
    return manager.__enter__()


STEPS: dict[str, Callable[..., Any]] = {
    "prepare": prepare, "walk": walk, "complete": complete, "state": read_end_state,
    **soak_steps.STEPS, **soak_operations.STEPS,
}  # fmt: skip


def answer(request: dict[str, Any]) -> Any:
    if request["step"] == "clone":
        return clone()
    connection.settings_dict["NAME"] = request["database"]
    with public_context():
        broker = Broker.objects.get(code="aurora")
    with broker_context(broker):
        return STEPS[request["step"]](*request["arguments"])


def main() -> None:
    for line in sys.stdin:
        child = os.fork()
        if child:
            os.waitpid(child, 0)
            continue
        try:
            reply = {"error": None, "answer": answer(json.loads(line))}
        except BaseException:  # noqa: BLE001 -- the test that asked raises it
            reply = {"error": traceback.format_exc(), "answer": None}
        print(json.dumps(reply), flush=True)
        os._exit(0)


if __name__ == "__main__":
    main()
