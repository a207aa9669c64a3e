"""What reading costs: CPU of client and database from the socket to committed deals, beside the wire alone.

ratio_to_wire   reading the same pages over the same TLS connection and `json.loads` of them / all of it
deals_per_s     by the clock, with the server on the same machine
bytes_per_deal  table and indexes of the stored deals
rss_*           memory of the reader: at the start, after a tenth and at the end; it must not grow with the history

The server tells deals that were rendered before. Its own CPU is not counted. Works in a broker of its own, which is
removed afterwards."""

import argparse
import http.client
import json
import os
import resource
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crm.settings")
os.environ["KEEL_AS_OWNER"] = "1"  # makes its broker
django.setup()

from django.db import connection  # noqa: E402

from bench._pages_server import FIRST_LOGIN, PASSWORD, SYMBOLS  # noqa: E402
from bench.engine import NOW, Meter, scratch_broker  # noqa: E402
from clients.models import Client  # noqa: E402
from crm.flows import deal_flow  # noqa: E402
from mt4bridge.gateways import close_gateways, open_gateway  # noqa: E402
from mt4bridge.models import MtServer  # noqa: E402
from mt4bridge.webapi import wire  # noqa: E402
from mt4bridge.webapi.slices import SliceLength  # noqa: E402
from trading.cursor import get_cursor  # noqa: E402
from trading.models import Deal, MtGroup, Symbol, TradingAccount  # noqa: E402

BEGINNING = datetime(2026, 1, 5, tzinfo=UTC)
START_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Pages:
    """Where the server of the pages is."""

    address: str
    pin: str
    bytes: int
    end_at: datetime


@contextmanager
def pages_server(*, deals: int, accounts: int) -> Iterator[Pages]:
    with TemporaryDirectory() as folder:
        ready = Path(folder) / "ready.json"
        sizes = ["--deals", str(deals), "--accounts", str(accounts), "--ready-file", str(ready)]
        with subprocess.Popen([sys.executable, "-m", "bench._pages_server", *sizes]) as process:
            try:
                deadline = time.monotonic() + START_SECONDS
                while not ready.exists():
                    if process.poll() is not None or time.monotonic() > deadline:
                        raise RuntimeError("the server of the pages did not start")
                    time.sleep(0.1)
                told = json.loads(ready.read_text())
                yield Pages(told["address"], told["pin"], told["bytes"], datetime.fromtimestamp(told["end_s"], UTC))
            finally:
                process.terminate()


def make_server(pages: Pages, *, accounts: int) -> MtServer:
    """Register the server, its symbols and accounts."""
    server = MtServer(
        name="Pages", address=pages.address, manager_login=1, tls_mode="pin", tls_pin=pages.pin, clock_zone="UTC",
        clock_shift_minutes=0, history_from=BEGINNING,
    )  # fmt: skip
    server.set_manager_password(PASSWORD)
    server.save()
    Symbol.objects.bulk_create(
        Symbol(server=server, name=name, contract_size_e8=10**13, digits=5, quote_currency="USD") for name in SYMBOLS
    )
    group = MtGroup.objects.create(server=server, name="real", currency="USD", lot_factor=1)
    client = Client.objects.create(code="C100001", name="Bench", email="bench@example.org", created_at=NOW)
    TradingAccount.objects.bulk_create(
        TradingAccount(server=server, login=FIRST_LOGIN + n, client=client, mt_group=group, opened_at=BEGINNING)
        for n in range(accounts)
    )
    return server


def read_wire(pages: Pages) -> int:
    """Read all pages as the adapter does, and parse them; return how many rows came."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    host, _colon, port = pages.address.partition(":")
    talk = http.client.HTTPSConnection(host, int(port), context=context)
    lengths, start, count = SliceLength(), BEGINNING, 0
    path = "/api/deal/get_batch"
    while start < pages.end_at:
        end = min(start + lengths.length, pages.end_at)
        params: wire.Params = {"group": "*", "from": int(start.timestamp()), "to": int(end.timestamp()) - 1}
        talk.request("GET", wire.target(path, params))
        rows = json.loads(talk.getresponse().read())["answer"]
        count += len(rows)
        lengths.learn(len(rows))
        start = end
    talk.close()
    return count


class Memory:
    """Resident memory of this process over time, in MB."""

    def __init__(self) -> None:
        self.seen: list[float] = []

    def look(self) -> float:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        self.seen.append(pages * resource.getpagesize() / 2**20)
        return self.seen[-1]


def read_all(server: MtServer, pages: Pages, memory: Memory, total: int) -> dict[str, float]:
    """Read the whole history as the walker does, without judging it."""
    gateway, at = open_gateway(server), {}
    while True:
        outcome = deal_flow.WalkOutcome()
        deal_flow.read_new(server=server, gateway=gateway, now=pages.end_at, outcome=outcome)
        cursor, now_mb = get_cursor(server.pk), memory.look()
        if "tenth" not in at and cursor.deals >= total // 10:
            at["tenth"] = now_mb
        if cursor.recorded_until is not None and cursor.recorded_until >= pages.end_at - timedelta(seconds=2):
            return at


def stored_bytes() -> tuple[int, int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_table_size('trading_deal'), pg_indexes_size('trading_deal')")
        table, indexes = cursor.fetchone()
    return int(table), int(indexes)


def measure(*, deals: int, accounts: int) -> dict[str, Any]:
    with pages_server(deals=deals, accounts=accounts) as pages, scratch_broker():
        server = make_server(pages, accounts=accounts)
        deal_flow.BACKFILL_DEALS = max(deals // 10, 1)  # so that memory is looked at ten times
        meter, memory = Meter(), Memory()
        start_mb = memory.look()
        rows: list[int] = []
        wire_client, _none = meter.measure(lambda: rows.append(read_wire(pages)))
        began, at = time.perf_counter(), {}
        client, database = meter.measure(lambda: at.update(read_all(server, pages, memory, deals)))
        seconds = time.perf_counter() - began
        close_gateways()
        stored = Deal.objects.count()
        if (stored, rows[0]) != (deals, deals):
            raise RuntimeError(f"{stored} deals stored and {rows[0]} read of {deals}")
        table, indexes = stored_bytes()
    return {
        "deals": deals, "accounts": accounts, "wire_mb": round(pages.bytes / 2**20, 1),
        "ratio_to_wire": round(wire_client / (client + database), 3),
        "wire_cpu_s": round(wire_client, 2), "client_cpu_s": round(client, 2), "database_cpu_s": round(database, 2),
        "deals_per_s": round(deals / seconds), "bytes_per_deal": round((table + indexes) / deals),
        "table_bytes_per_deal": round(table / deals), "index_bytes_per_deal": round(indexes / deals),
        "rss_start_mb": round(start_mb), "rss_tenth_mb": round(at.get("tenth", 0)),
        "rss_end_mb": round(memory.seen[-1]), "max_rss_mb": round(max(memory.seen)),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(prog="./run bench sync", description=__doc__)
    parser.add_argument("--deals", type=int, default=1_000_000)
    parser.add_argument("--accounts", type=int, default=10_000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    figures = measure(deals=options.deals, accounts=options.accounts)
    if not options.json:
        for name, value in figures.items():
            print(f"{name:24} {value}")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
