"""Command line of the fake bridge: build the book, listen, say where, until a signal ends it."""

import argparse
import json
import logging
import os
import secrets
import signal
import sys
import tempfile
import threading
from datetime import UTC, datetime
from pathlib import Path

from mt4bridge.agents.app import App
from mt4bridge.agents.events import Events
from mt4bridge.agents.gate import Gate
from mt4bridge.agents.operations import Operations
from mt4bridge.agents.server import BridgeServer
from mt4bridge.clock import ServerClock
from mt4bridge.fakebridge import load
from mt4bridge.fakebridge.backend import FakeMt4
from mt4bridge.fakebridge.book import FIRST_TICKET, Mt4Book
from mt4bridge.fakebridge.control import Control
from mt4bridge.fakebridge.tampering import FAULTS, Tampering
from mt4bridge.histories.read import read_history
from mt4bridge.histories.types import HistoryError
from mt4bridge.simulator import certificate
from mt4bridge.simulator.faults import Faults, UnknownFault
from mt4bridge.simulator.market import Market

DEFAULT_KEY = 1001


def parser() -> argparse.ArgumentParser:
    """Return the options."""
    result = argparse.ArgumentParser(
        prog="python -m mt4bridge.fakebridge", description="An MT4 server behind a bridge over HTTP."
    )
    add = result.add_argument
    add("--host", default="127.0.0.1")
    add("--port", type=int, default=0, help="0 takes a free port")
    add("--key", type=int, default=DEFAULT_KEY, help="key id")
    add("--secret", default="", help="secret of the key; also KEEL_FAKE_SECRET; default: a new one")
    add("--history", nargs="+", default=[], type=Path, metavar="FILE", help="MT4 statement html")
    add("--accounts", type=int, default=30, help="generated accounts, unless there are histories")
    add("--days", type=int, default=30)
    add("--seed", type=int, default=1)
    add("--until", type=datetime.fromisoformat, default=None, help="end of the generated book; default now (UTC)")
    add("--clock-zone", default="America/New_York", help="IANA zone whose daylight saving the server follows")
    add("--clock-shift", type=int, default=420, help="minutes added to the zone's clock")
    add("--faults", nargs="+", default=[], metavar="NAME", help=f"{', '.join(FAULTS)}; NAME=share or NAME/n")
    add("--slow-seconds", type=float, default=3.0, help="how long slow_answer waits")
    add("--operations", type=Path, default=None, help="SQLite file of the writes; default: a temporary one")
    add("--cert-dir", type=Path, default=None, help="where the certificate is kept between starts")
    add("--control", action="store_true", help="open the control port (plain HTTP, loopback only)")
    add("--ready-file", type=Path, default=None, help="written (JSON) when the bridge listens")
    return result


def main(arguments: list[str] | None = None) -> int:
    """Run until SIGINT or SIGTERM. Ends 2 with one sentence when it cannot start."""
    options = parser().parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="fake bridge: %(message)s")
    try:
        with tempfile.TemporaryDirectory() as folder:
            return _run(options, options.operations or Path(folder) / "operations.sqlite")
    except (HistoryError, UnknownFault, OSError, ValueError, KeyError) as error:
        print(f"The fake bridge cannot start: {error}", file=sys.stderr)
        return 2


def _run(options: argparse.Namespace, operations: Path) -> int:
    secret = options.secret or os.environ.get("KEEL_FAKE_SECRET") or secrets.token_urlsafe(24)
    market = Market(options.seed)
    book = _book(options, market)
    events = Events()
    book.listeners.append(lambda kind, login, ticket: events.add(kind, login=login, ticket=ticket))
    faults = Faults(options.faults, options.seed, FAULTS)
    faults.slow_seconds = options.slow_seconds
    tampering = Tampering(faults, book, secret)
    backend = FakeMt4(book, market)
    writes = Operations(operations)
    app = App(backend, gate=Gate({str(options.key): secret}), writes=writes, events=events)
    identity = certificate.load_or_create(options.cert_dir)
    server = BridgeServer((options.host, options.port), app, identity.server_context(), tampering)
    ready = {
        "address": f"{options.host}:{server.server_address[1]}",
        "pin": identity.pin,
        "certificate": identity.public_pem,
        "login": options.key,
        "password": secret,
        "clock_zone": options.clock_zone,
        "clock_shift_minutes": options.clock_shift,
        "history_from": load.first_moment(book, datetime.now(UTC)).isoformat(),
        "control": Control(backend, market, tampering, app.turn).start(0) if options.control else "",
    }
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
    _say(ready, options)
    stop.wait()
    server.shutdown()
    server.server_close()
    writes.close()
    return 0


def _book(options: argparse.Namespace, market: Market) -> Mt4Book:
    clock = ServerClock(options.clock_zone, options.clock_shift)
    clock.offset_seconds(datetime.now(UTC))  # an unknown zone fails here, with its name
    book = Mt4Book(clock, lambda: clock.from_utc_ms(datetime.now(UTC)), first_ticket=FIRST_TICKET)
    book.rate = market.rate
    if options.history:
        load.load_histories(book, [read_history(path) for path in options.history])
    else:
        until = options.until or datetime.now(UTC)
        until = until if until.tzinfo else until.replace(tzinfo=UTC)
        load.generate(book, market, load.Plan(options.accounts, options.days, options.seed, until))
    return book


def _say(ready: dict[str, object], options: argparse.Namespace) -> None:
    if options.ready_file:
        partial = options.ready_file.with_suffix(".part")
        partial.touch(mode=0o600)
        partial.write_text(json.dumps(ready))
        partial.replace(options.ready_file)
    print(f"fake MT4 bridge at {ready['address']}, key {ready['login']}, secret {ready['password']}")
    print(f"certificate pin (SHA-256): {ready['pin']}")
    print(f"clock: {ready['clock_zone']} {options.clock_shift:+} minutes", flush=True)
