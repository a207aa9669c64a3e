"""Steps of end-to-end tests that run in processes of their own: `python -m tests.crm.steps NAME …`.

The environment names the database. The broker is aurora."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import django

django.setup()

from crm.demo.once import read_ready_file  # noqa: E402 -- app ready
from crm.demo.setup import add_history_chain, connect_server  # noqa: E402 -- app ready
from crm.flows import deal_flow  # noqa: E402 -- app ready
from mt4bridge.gateways import open_gateway  # noqa: E402 -- app ready
from mt4bridge.models import MtServer  # noqa: E402 -- app ready
from tenancy.context import broker_context, public_context  # noqa: E402 -- app ready
from tenancy.models import Broker  # noqa: E402 -- app ready
from tests.crm.end_state import read_end_state  # noqa: E402 -- app ready
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


def complete(since: str) -> None:
    """Print whether everything up to the moment is stored and judged."""
    print(json.dumps(DealCursor.objects.filter(complete_until__gte=datetime.fromisoformat(since)).exists()))


def state() -> None:
    print(json.dumps(read_end_state()))


def main() -> None:
    name, *arguments = sys.argv[1:]
    with public_context():
        broker = Broker.objects.get(code="aurora")
    with broker_context(broker):
        {"prepare": prepare, "walk": walk, "complete": complete, "state": state}[name](*arguments)


if __name__ == "__main__":
    main()
