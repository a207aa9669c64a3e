"""From a deal on the MT server to its committed judgement, with the real walker: simulator, clock and workers run as in
production, the broker's whole book of accounts is on the server, and deals close at a steady rate.

What a broker goes through now and then is over before anything is measured, and is told in seconds: its accounts are
read (the simulator lists 52,000 of them in some seconds in which it answers nobody; the next reading is five minutes
away), and its periods are settled. Then deals come at the rate until those of the warm-up are judged, so that each
process has read the network and none starts with a backlog."""

import threading
import time
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from random import Random
from typing import Any

from django.db import connection

from bench._load import Loaded, say
from bench._network import ACTOR
from bench._pages import quantile
from commissions.settlement.cuts import due_cuts
from commissions.settlement.making import has_unmade
from commissions.settlement.paying import has_unpaid
from commissions.settlement.progress import paid_until
from crm.demo.control import Control
from crm.demo.once import read_ready_file
from crm.flows.account_flow import sync_configuration
from house.checkout import find_checkout
from house.commands import tool_environment
from house.keel_processes import CLOCKWORK, Simulator, keel_processes, processes
from house.ports import free_port
from mt4bridge.gateways import close_gateways, open_gateway
from mt4bridge.models import MtServer
from mt4bridge.services import register_server
from tenancy.context import broker_context
from trading.models import Deal, DealCursor, Symbol, SymbolGroup, TradingAccount
from trading.services import classify_symbol
from trading.sync.models import ServerSync
from trading.sync.queries import was_read

A_SATURDAY = "2026-01-03T12:00:00+00:00"  # the generated book ends when no market is open: accounts without trades
_TRADERS = 4
_SYMBOLS = ("EURUSD", "GBPUSD", "USDJPY", "XAUUSD")
_POLL_S = 0.005
_WARM_UP_S = 15.0
_CALM_WITHIN_S = 1_800


class Polled:
    """When the server's cursor was first seen at or beyond a stored deal: its judgement is committed by then."""

    def __init__(self) -> None:
        self.ids: list[int] = []
        self.times: list[float] = []

    def note(self, judged_id: int, at: float) -> None:
        if not self.ids or judged_id > self.ids[-1]:
            self.ids.append(judged_id)
            self.times.append(at)

    def seen_at(self, deal_id: int) -> float | None:
        place = bisect_left(self.ids, deal_id)
        return self.times[place] if place < len(self.ids) else None


def measure_latency(loaded: Loaded, *, deals_per_s: int, seconds: int) -> dict[str, Any]:
    """Return milliseconds from deal to judgement; raises when a deal was not judged."""
    with _walking(loaded) as control:
        once = _wait_until_calm(loaded)
        polled, stop = Polled(), threading.Event()
        poller = threading.Thread(target=_poll, args=(loaded, polled, stop))
        poller.start()
        try:
            _wait_for(loaded, _trade(control, deals_per_s, _WARM_UP_S))
            began = datetime.now(UTC)
            made = _trade(control, deals_per_s, seconds)
            took = (datetime.now(UTC) - began).total_seconds()
            _wait_for(loaded, made)
            time.sleep(0.5)
        finally:
            stop.set()
            poller.join()
    delays = sorted(_delays(made, polled))
    result = {
        "stored": loaded.deals, **once, "deals": len(delays), "deals_per_s": round(2 * len(delays) / took, 1),
        "p50_ms": quantile(delays, 0.5), "p95_ms": quantile(delays, 0.95), "max_ms": round(delays[-1], 1),
    }  # fmt: skip
    say(f"deal to judgement: {result}")
    return result


def _wait_until_calm(loaded: Loaded) -> dict[str, float]:
    """Wait until accounts are read and periods settled; return after how many seconds each was first seen to be."""
    began, seen = time.monotonic(), {"accounts_read_s": 0.0, "settled_s": 0.0}
    while waits := _waits(loaded):
        if time.monotonic() - began > _CALM_WITHIN_S:
            raise RuntimeError(f"after {_CALM_WITHIN_S} s the workers are not through with: {', '.join(waits)}")
        for name in waits:
            seen[name] = round(time.monotonic() - began, 1)
        time.sleep(0.5)
    say(f"before live deals: {seen}")
    return seen


def _waits(loaded: Loaded) -> list[str]:
    """Return what is not over yet of what a broker goes through now and then."""
    unsettled = has_unmade() or has_unpaid() or paid_until() or next(due_cuts(now=datetime.now(UTC)), None)
    done = {"accounts_read_s": was_read(loaded.server_id), "settled_s": not unsettled}
    return [name for name, is_done in done.items() if not is_done]


@contextmanager
def _walking(loaded: Loaded) -> Iterator[Control]:
    """Have a simulator with the broker's accounts, workers and clock running; yields the simulator's control."""
    home = find_checkout().state / "simulators" / "bench"
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    options = (
        *("--generate", "--accounts", str(TradingAccount.objects.count()), "--days", "0", "--until", A_SATURDAY),
        *("--first-ticket", str(int(time.time() * 1000)), "--control", "--cert-dir", str(home)),
    )
    simulator = Simulator("bench-simulator", port=free_port(), ready_file=home / "ready.json", options=options)
    environment, web_port = {"KEEL_AS_OWNER": ""}, free_port()
    with processes([simulator.name], environment, web_port=web_port, simulators=[simulator]) as running:
        address = read_ready_file(simulator.ready_file)
        server = register_server(
            name="Bench", address=address.address, manager_login=address.login, manager_password=address.password,
            tls_pin=address.pin, clock_zone=address.clock_zone, clock_shift_minutes=address.clock_shift_minutes,
            history_from=loaded.start, actor=ACTOR, now=datetime.now(UTC),
        )  # fmt: skip
        _take_over_symbols(server)
        now = datetime.now(UTC).replace(microsecond=0)
        DealCursor.objects.filter(server=server).update(recorded_until=now)
        ServerSync.objects.filter(server=server).update(structure_at=None)  # read now, and not while deals are measured
        MtServer.objects.filter(pk=server.pk).update(is_active=True)
        try:
            checkout = find_checkout()
            ours = keel_processes(checkout, tool_environment(checkout) | environment, web_port=web_port)
            running.start([ours[name] for name in CLOCKWORK])
            yield Control(address.control)
        finally:
            MtServer.objects.filter(pk=server.pk).update(is_active=False)


def _take_over_symbols(server: MtServer) -> None:
    sync_configuration(server=server, gateway=open_gateway(server), now=datetime.now(UTC))
    close_gateways()
    group = SymbolGroup.objects.order_by("pk").first()
    assert group is not None  # noqa: S101 -- the network has made four
    for symbol in Symbol.objects.filter(server=server, group__isnull=True):
        classify_symbol(symbol=symbol, group=group, actor=ACTOR, now=datetime.now(UTC))


def _trade(control: Control, deals_per_s: int, seconds: float) -> list[int]:
    """Open and close trades evenly over the seconds, a deal each; return the tickets of the closings."""
    pairs = int(deals_per_s * seconds / 2)
    logins = list(TradingAccount.objects.order_by("pk").values_list("login", flat=True))
    tickets: list[int] = []
    began = time.monotonic()

    def trade(first: int) -> None:
        chance = Random(first)
        for number in range(first, pairs, _TRADERS):
            time.sleep(max(0.0, began + number * 2 / deals_per_s - time.monotonic()))
            login, symbol = chance.choice(logins), chance.choice(_SYMBOLS)
            tickets.append(control.trade(login=login, symbol=symbol, lots="0.1"))

    threads = [threading.Thread(target=trade, args=(first,)) for first in range(_TRADERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return tickets


def _poll(loaded: Loaded, polled: Polled, stop: threading.Event) -> None:
    with broker_context(loaded.broker):
        while not stop.is_set():
            judged = DealCursor.objects.values_list("judged_id", flat=True).get(server_id=loaded.server_id)
            polled.note(judged, time.time())
            time.sleep(_POLL_S)
    connection.close()


def _wait_for(loaded: Loaded, tickets: list[int]) -> None:
    """Wait until the last ones are stored and judged."""
    give_up_at = time.monotonic() + 60
    rows = Deal.objects.filter(server_id=loaded.server_id, ticket__in=tickets[-_TRADERS:])
    while time.monotonic() < give_up_at:
        stored = list(rows.values_list("pk", flat=True))
        judged = DealCursor.objects.values_list("judged_id", flat=True).get(server_id=loaded.server_id)
        if len(stored) == _TRADERS and max(stored) <= judged:
            return
        time.sleep(0.1)
    raise RuntimeError("the live deals were not judged within a minute")


def _delays(tickets: list[int], polled: Polled) -> Iterator[float]:
    rows = Deal.objects.filter(ticket__in=tickets, revision=0).order_by("pk")
    for pk, deal_at in rows.values_list("pk", "deal_at"):
        seen = polled.seen_at(pk)
        if seen is None:
            raise RuntimeError(f"deal {pk} was not judged")
        yield (seen - deal_at.timestamp()) * 1000
