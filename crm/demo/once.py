"""The main job once, without a browser: the workers do it, this waits, measures, and reads what came out."""

import hashlib
import json
import random
import secrets
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from django.db import connection
from django.urls import reverse

from crm.demo.browser import Person
from crm.demo.control import Control
from crm.demo.figures import Figures, read_figures
from crm.demo.setup import SimulatorAddress, add_history_chain, add_staff, connect_server, find_or_open_broker
from tenancy.context import broker_context
from tenancy.services import BrokerSpec, remove_broker
from trading.models import DealCursor, TradingAccount
from trading.queries import release_keys

LIVE_TRADES = 50
GIVE_UP_AFTER_S = 180
POLL_S = 0.05
DOMAIN = "keel.example"


class GaveUp(RuntimeError):
    """The workers did not finish in time."""


def history_code(histories: Sequence[Path]) -> str:
    """Return the broker's code for these files: the same in any order, another for any other content."""
    digests = sorted(hashlib.sha256(path.read_bytes()).hexdigest() for path in histories)
    return f"history-{hashlib.sha256(''.join(digests).encode()).hexdigest()[:12]}" if digests else "generated-book"


def run_history(*, simulator: SimulatorAddress, code: str, clock: Callable[[], datetime]) -> Figures:
    """Walk the simulator's whole book through the workers; a second run finds it done and prints the same.

    :raises GaveUp: the workers did not finish."""
    now = clock()
    broker = find_or_open_broker(BrokerSpec(code=code, name=code, hosts=(f"{code}.localhost",)), now=now)
    with broker_context(broker):
        gateway = connect_server(simulator=simulator, now=now)
        add_history_chain(gateway=gateway, now=now)
        gateway.close()
        wait_until(lambda: _complete_since(now), "the deals were not stored and judged")
        return read_figures()


def _complete_since(moment: datetime) -> bool:
    """Say whether everything up to this moment of the server is stored and judged, and nothing is being released."""
    connection.close_if_unusable_or_obsolete()
    cursor = DealCursor.objects.filter(complete_until__gte=moment.replace(microsecond=0)).first()
    return cursor is not None and not release_keys(server_id=cursor.pk)


def measure_latency(
    *, simulator: SimulatorAddress, web_port: int, password: str, clock: Callable[[], datetime]
) -> dict[str, float]:
    """Close live trades in a second broker and watch the signed-in IB's page; milliseconds from trade to visible.

    :raises GaveUp: a trade did not show up."""
    code = f"live-{secrets.token_hex(4)}"
    host = f"{code}.localhost"
    broker = find_or_open_broker(BrokerSpec(code=code, name="Live", hosts=(host,)), now=clock())
    try:
        with broker_context(broker):
            return _measure(host, simulator, web_port, password, clock)
    finally:
        remove_broker(broker)


def _measure(
    host: str, simulator: SimulatorAddress, web_port: int, password: str, clock: Callable[[], datetime]
) -> dict[str, float]:
    now = clock()
    gateway = connect_server(simulator=simulator, now=now)
    add_staff(domain=DOMAIN, password=password, now=now)
    add_history_chain(gateway=gateway, now=now, password=password)
    gateway.close()
    wait_until(lambda: _complete_since(now), "the live broker's first read did not finish")
    person = Person(port=web_port, host=host)
    person.sign_in(email="direct@history.example", password=password)
    logins = list(TradingAccount.objects.order_by("login").values_list("login", flat=True))
    delays_ms = sorted(_watch(person, Control(simulator.control), logins))
    return {"p50": _quantile(delays_ms, 0.50), "p95": _quantile(delays_ms, 0.95)}


def _watch(person: Person, control: Control, logins: Sequence[int]) -> list[float]:
    """Trade at random moments, some in flight at a time; return each one's milliseconds until it was on the page."""
    chance = random.Random(5)  # noqa: S311 -- spreads trades over time, no secret
    page = reverse("portal:rebates")
    waiting: dict[str, float] = {}
    delays: list[float] = []
    made, next_at, give_up_at = 0, time.monotonic(), time.monotonic() + GIVE_UP_AFTER_S
    while len(delays) < LIVE_TRADES:
        if time.monotonic() > give_up_at:
            raise GaveUp(f"{len(waiting)} trades did not show up on the IB's page")
        if made < LIVE_TRADES and time.monotonic() >= next_at:
            ticket = control.trade(login=chance.choice(logins), symbol="EURUSD", lots="0.1")
            waiting[str(ticket)] = time.monotonic()
            made, next_at = made + 1, time.monotonic() + chance.uniform(0.05, 0.45)
        status, text = person.get(page)
        if status != 200:
            raise GaveUp(f"the IB's page answered {status}")
        seen_at = time.monotonic()
        visible = [ticket for ticket in waiting if ticket in text]
        delays += [(seen_at - waiting.pop(ticket)) * 1000 for ticket in visible]
        time.sleep(POLL_S)
    return delays


def _quantile(ordered: Sequence[float], share: float) -> float:
    """Return the smallest value that at least `share` of the values do not exceed."""
    index = max(0, -(-len(ordered) * round(share * 100) // 100) - 1)
    return round(ordered[index], 1)


def wait_until(is_so: Callable[[], bool], otherwise: str) -> None:
    """Poll until it is so.

    :raises GaveUp: it did not become so in time."""
    give_up_at = time.monotonic() + GIVE_UP_AFTER_S
    while not is_so():
        if time.monotonic() > give_up_at:
            raise GaveUp(otherwise)
        time.sleep(POLL_S * 2)


def read_ready_file(path: Path) -> SimulatorAddress:
    """Read what a simulator wrote when it was ready."""
    content: dict[str, Any] = json.loads(path.read_text())
    return SimulatorAddress.from_json(content)
