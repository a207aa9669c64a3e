"""Steps of the soak: three servers, comparisons, and the books as they stand here."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.db import connection

from access.types import Actor
from clients.services import create_client
from commissions.proof.types import Report
from crm.demo.once import read_ready_file
from crm.demo.setup import add_history_chain, connect_server
from crm.flows import account_flow, proof_flow
from mt4bridge.gateways import open_gateway
from mt4bridge.models import MtServer
from trading.accounts import register_account
from trading.models import DealCursor, HeldDeal, MtGroup, TradingAccount
from trading.queries import LIVE_SQL
from trading.sync.enums import RunKind
from trading.sync.models import SyncRun
from trading.sync.requests import begin_comparison

ACTOR = Actor.system("soak")
_BALANCES = f"""SELECT v.name, a.login, count(d.id),
        coalesce(sum(d.profit_e8 + d.swap_e8 + d.commission_e8 + d.fee_e8) FILTER (WHERE d.action <> 3), 0)
    FROM trading_tradingaccount a JOIN mt4bridge_mtserver v ON v.id = a.server_id
    LEFT JOIN trading_deal d ON d.account_id = a.id AND {LIVE_SQL.format(alias="d")}
    GROUP BY v.name, a.login"""


def prepare_servers(*ready_files: str) -> dict[str, list[int]]:
    """Register a server for each simulator with a client for each account; return the logins in USD by server."""
    now = datetime.now(UTC)
    logins = {}
    for number, ready_file in enumerate(ready_files):
        gateway = connect_server(simulator=read_ready_file(Path(ready_file)), now=now)
        server = MtServer.objects.get(name="MT5 Live")
        if number == 0:
            add_history_chain(gateway=gateway, now=now)
        account_flow.sync_structure(server=server, gateway=gateway, now=now)
        groups = {group.name: group for group in MtGroup.objects.filter(server=server)}
        for user in gateway.users():
            if not TradingAccount.objects.filter(server=server, login=user.login).exists():
                email = f"{number}-{user.login}@soak.example"
                client = create_client(name=user.name or "Kim", email=email, actor=ACTOR, now=now)
                register_account(
                    login=user.login, client=client, mt_group=groups[user.group], leverage=user.leverage,
                    opened_at=user.registered_at, actor=ACTOR, now=now,
                )  # fmt: skip
        server.name = f"Server {number}"
        server.save()
        accounts = TradingAccount.objects.filter(server=server, mt_group__currency="USD").order_by("login")
        logins[server.name] = list(accounts.values_list("login", flat=True))
        gateway.close()
    return logins


def unsettled(since: str) -> dict[str, int]:
    """Return how many servers are incomplete since then, and how many comparisons are under way."""
    complete = DealCursor.objects.filter(complete_until__gte=datetime.fromisoformat(since)).count()
    return {
        "servers": MtServer.objects.count() - complete,
        "runs": SyncRun.objects.filter(finished_at__isnull=True).count(),
    }


def compare(kind: str) -> None:
    """Begin a comparison of each server."""
    for server in MtServer.objects.order_by("pk"):
        begin_comparison(server=server, kind=RunKind(kind), now=datetime.now(UTC))


def last_runs(kind: str) -> dict[str, list[int]]:
    """Return (compared, differences) of the newest comparison of each server."""
    rows = SyncRun.objects.filter(kind=kind).order_by("server_id", "-pk").distinct("server_id")
    return {run.server.name: [run.checked, run.differences] for run in rows.select_related("server")}


def books() -> dict[str, dict[str, list[str]]]:
    """Return number of live deals and balance of each account, from the stored deals alone."""
    found: dict[str, dict[str, list[str]]] = defaultdict(dict)
    with connection.cursor() as cursor:
        cursor.execute(_BALANCES)
        for server, login, deals, balance in cursor.fetchall():
            found[server][str(login)] = [str(deals), f"{(Decimal(balance) / 10**8).quantize(Decimal('0.01'))}"]
    return found


def judge_by_server() -> dict[str, Any]:
    """Compare each server's whole history with the store."""
    findings: list[str] = []
    for server in MtServer.objects.order_by("pk"):
        gateway, until = open_gateway(server), datetime.now(UTC) - timedelta(minutes=1)
        since = server.history_from - timedelta(days=1)
        found = proof_flow.compare_server(server=server, gateway=gateway, since=since, until=until, report=Report())
        findings += [str(finding) for finding in found]
    held = HeldDeal.objects.filter(released_at__isnull=True).count()
    return {"findings": findings, "held": held}


STEPS = {
    "prepare_servers": prepare_servers, "unsettled": unsettled, "compare": compare,
    "last_runs": last_runs, "books": books, "judge_by_server": judge_by_server,
}  # fmt: skip
