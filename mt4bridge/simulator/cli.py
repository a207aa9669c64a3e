"""Command line of the simulator: build the book, listen, say where, until a signal ends it."""

import argparse
import asyncio
import json
import logging
import os
import secrets
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from mt4bridge.clock import ServerClock
from mt4bridge.histories.read import read_history
from mt4bridge.histories.types import HistoryError
from mt4bridge.simulator import certificate, generate, journal, load
from mt4bridge.simulator.api import Api
from mt4bridge.simulator.book import FIRST_TICKET, Book
from mt4bridge.simulator.commands.desk import Desk
from mt4bridge.simulator.control import Control
from mt4bridge.simulator.faults import FAULTS, Faults, UnknownFault
from mt4bridge.simulator.http import IDLE_SECONDS
from mt4bridge.simulator.live import LiveTrading
from mt4bridge.simulator.manager import Manager, parse_forbidden
from mt4bridge.simulator.market import Market
from mt4bridge.simulator.server import AccessServer

DEFAULT_LOGIN = 1000


def parser() -> argparse.ArgumentParser:
    """Return the options."""
    result = argparse.ArgumentParser(
        prog="python -m mt4bridge.simulator", description="An MT5 server that speaks the Web API over TLS."
    )
    add = result.add_argument
    add("--host", default="127.0.0.1")
    add("--port", type=int, default=0, help="0 takes a free port")
    add("--login", type=int, default=DEFAULT_LOGIN, help="manager login")
    add("--password", default="", help="manager API password; also KEEL_SIM_PASSWORD; default: a new one")
    add("--history", nargs="+", default=[], type=Path, metavar="FILE", help="MT4 statement html, MT5 deals csv")
    add("--generate", action="store_true", help="a generated book (the default without --history)")
    add("--empty", action="store_true", help="groups and symbols only")
    add("--accounts", type=int, default=60)
    add("--days", type=int, default=60)
    add("--seed", type=int, default=1)
    add("--first-ticket", type=int, default=FIRST_TICKET, help="the number of the first ticket")
    add("--until", type=datetime.fromisoformat, default=None, help="end of the generated book; default now (UTC)")
    add("--clock-zone", default="America/New_York", help="IANA zone whose daylight saving the server follows")
    add("--clock-shift", type=int, default=420, help="minutes added to the zone's clock")
    add("--live", type=float, default=0.0, metavar="RATE", help="trades opened a minute, in real time")
    add("--faults", nargs="+", default=[], metavar="NAME", help=f"{', '.join(FAULTS)}; NAME=share or NAME/n")
    add("--slow-seconds", type=float, default=3.0, help="how long slow_answer waits")
    add("--maintenance-seconds", type=float, default=5.0, help="how long a maintenance window is")
    add("--idle-seconds", type=float, default=IDLE_SECONDS, help="a connection without requests is dropped after it")
    add("--cookies", action="store_true", help="set a cookie at sign-in, as some gateways before a server do")
    add("--update-clears", action="store_true", help="user/update by JSON body empties what the body does not name")
    add("--groups", default="*", metavar="MASKS", help="which groups the manager may see")
    add("--forbid", nargs="+", default=[], metavar="PATH", help="commands refused with retcode 8, or PATH=403")
    add("--state", type=Path, default=None, help="journal of the book: written, and read again at the next start")
    add("--cert-dir", type=Path, default=None, help="where the certificate is kept between starts")
    add("--control", action="store_true", help="open the control port (plain HTTP, loopback only)")
    add("--control-port", type=int, default=0)
    add("--ready-file", type=Path, default=None, help="written (JSON) when the server listens")
    add("--json", action="store_true", help="say where it listens as one JSON object")
    return result


def main(arguments: list[str] | None = None) -> int:
    """Run until SIGINT or SIGTERM. Ends 2 with one sentence when it cannot start."""
    options = parser().parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="simulator: %(message)s")
    try:
        return asyncio.run(_run(options))
    except (HistoryError, UnknownFault, OSError, ValueError, KeyError) as error:
        print(f"The simulator cannot start: {_sentence(error)}", file=sys.stderr)
        return 2


def _sentence(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror} ({error.filename or 'address'})."
    return str(error)


async def _run(options: argparse.Namespace) -> int:
    password = options.password or os.environ.get("KEEL_SIM_PASSWORD") or secrets.token_urlsafe(12)
    clock = ServerClock(options.clock_zone, options.clock_shift)
    clock.offset_seconds(datetime.now(UTC))  # an unknown zone fails here, with its name
    market = Market(options.seed)
    book = Book(clock, first_ticket=options.first_ticket)
    book.rate = market.rate
    log = _fill(book, market, options)
    faults = Faults(options.faults, options.seed)
    faults.slow_seconds = options.slow_seconds
    faults.maintenance_seconds = options.maintenance_seconds
    now_ms = lambda: clock.from_utc_ms(datetime.now(UTC))  # noqa: E731
    api = Api(Desk(book, market, now_ms, update_clears=options.update_clears))
    managers = _managers(options, password)
    server = AccessServer(api, faults, managers, idle_seconds=options.idle_seconds, cookies=options.cookies)
    identity = certificate.load_or_create(options.cert_dir)
    port = await server.start(options.host, options.port, identity.server_context())
    live = LiveTrading(book, market, rate_per_minute=options.live, seed=options.seed)
    ready = {
        "address": f"{options.host}:{port}",
        "pin": identity.pin,
        "certificate": identity.public_pem,
        "login": options.login,
        "password": password,
        "clock_zone": options.clock_zone,
        "clock_shift_minutes": options.clock_shift,
        "history_from": _history_from(book),
        "control": "",
    }
    if options.control:
        ready["control"] = await Control(book, market, faults, server).start(options.control_port)
    _say(ready, options)
    task = asyncio.create_task(live.run())
    await _until_signal()
    task.cancel()
    await server.stop()
    if log is not None:
        log.close()
    if options.faults:
        print(json.dumps({"faults": faults.report()}), file=sys.stderr)
    return 0


def _managers(options: argparse.Namespace, password: str) -> list[Manager]:
    return [Manager(options.login, password, options.groups, parse_forbidden(options.forbid))]


def _fill(book: Book, market: Market, options: argparse.Namespace) -> journal.Journal | None:
    """Fill the book: from its journal when there is one, else from histories, else generated."""
    log = journal.Journal(options.state) if options.state else None
    if log is not None and log.replay(book):
        market.mids.update(log.mids)
        log.attach(book, market)
        return log
    if options.history:
        load.load_histories(book, [read_history(path) for path in options.history])
    if options.generate or options.empty or not options.history:
        until = options.until or datetime.now(UTC)
        until = until if until.tzinfo else until.replace(tzinfo=UTC)
        accounts = 0 if options.empty else options.accounts
        plan = generate.BookPlan(accounts=accounts, days=options.days, seed=options.seed, until=until)
        generate.generate_book(book, market, plan)
    if log is not None:
        log.write_all(book, market)
        log.attach(book, market)
    return log


def _history_from(book: Book) -> str:
    """Return the UTC moment of the first deal, for the reader's history_from."""
    first_ms = min((deal.time_ms for deal in book.deals.values()), default=int(time.time() * 1000))
    return book.clock.to_utc_ms(first_ms).isoformat()


def _say(ready: dict[str, object], options: argparse.Namespace) -> None:
    if options.ready_file:
        partial = options.ready_file.with_suffix(".part")
        partial.touch(mode=0o600)
        partial.write_text(json.dumps(ready))
        partial.replace(options.ready_file)
    if options.json:
        print(json.dumps(ready), flush=True)
        return
    print(f"MT5 simulator at {ready['address']}, manager {ready['login']}, API password {ready['password']}")
    print(f"certificate pin (SHA-256): {ready['pin']}")
    print(f"clock: {ready['clock_zone']} {options.clock_shift:+} minutes", flush=True)
    if ready["control"]:
        print(f"control: {ready['control']}", flush=True)


async def _until_signal() -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await stop.wait()
