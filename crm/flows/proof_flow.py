"""The nightly proof: the broker's own books, then every deal of the MT server against the store.

Compared are numbers and sums for each account and day, in slices, so that memory does not grow with the history; only
where they differ are tickets looked at. It never repairs anything: each difference is a line for a person."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import connection

from commissions.proof.enums import Rule
from commissions.proof.models import ProofRun
from commissions.proof.types import MOST_OF_A_RULE, Finding, Report
from commissions.verify import SAMPLE, prove, record_proof, start_proof
from mt4bridge.errors import BridgeError
from mt4bridge.gateways import open_gateway
from mt4bridge.models import MtServer
from mt4bridge.types import BadRow, DealRow, TradingServer
from trading.cursor import get_cursor
from trading.models import HeldDeal
from trading.queries import LIVE_SQL
from trading.types import DealKey

SLICE = timedelta(days=1)
EVERY_NIGHT = timedelta(days=40)  # how far back each night compares; --since compares from any day on
_US = timedelta(microseconds=1)


class Sums(NamedTuple):
    """What is compared of an account's day: number of deals and sums in 1e-8 units, of which any edit changes one."""

    deals: int
    volume: int
    price: int
    profit: int
    charges: int
    seconds: int  # of the times within the slice


@dataclass(slots=True)
class _Slice:
    """The server's rows of one slice by account: sums, and the figures of each deal."""

    since: datetime
    deals: dict[int, dict[DealKey, Sums]] = field(default_factory=lambda: defaultdict(dict))
    unread: set[DealKey] = field(default_factory=set)


def prove_broker(
    *, cause: str, now: datetime, with_servers: bool = True, since: datetime | None = None, sample: int = SAMPLE
) -> tuple[ProofRun, Report]:
    """Prove everything of the broker in force, store what was found, and return it.

    `since`: from when on the MT servers are compared; default the last 40 days."""
    run = start_proof(cause=cause, now=now)
    report = prove(sample=sample, seed=run.pk, states=True)
    if with_servers:
        for server in MtServer.objects.filter(is_active=True).order_by("name"):
            _compare_named(server, report, since=since, now=now)
    return record_proof(run=run, report=report, now=now), report


def _compare_named(server: MtServer, report: Report, *, since: datetime | None, now: datetime) -> None:
    """Compare one server; a server that cannot be reached is a finding with its reason."""
    until = get_cursor(server.pk).complete_until
    if until is None:
        report.add([Finding(Rule.UNREACHABLE, f"{server.name}: its deals have not been read yet")])
        return
    start = max(server.history_from, since or now - EVERY_NIGHT)
    try:
        found = compare_server(server=server, gateway=open_gateway(server), since=start, until=until, report=report)
    except BridgeError as error:
        found = [Finding(Rule.UNREACHABLE, f"{server.name}: {error}"[:300])]
    report.add(found)


def compare_server(
    *, server: MtServer, gateway: TradingServer, since: datetime, until: datetime, report: Report
) -> list[Finding]:
    """Return every deal of [since, until) that store and server do not have alike, at most 500.

    Held rows are known and are not findings here. :raises BridgeError: the server could not be read."""
    found: list[Finding] = []
    start = since
    while start < until and len(found) < MOST_OF_A_RULE:
        end = min(start + SLICE, until)
        listed = _listed(gateway.deals(since=start, until=end), start)
        found += _differences(server, listed, start, end)
        report.checked["server_days"] = report.checked.get("server_days", 0) + 1
        report.checked["server_deals"] = report.checked.get("server_deals", 0) + sum(map(len, listed.deals.values()))
        start = end
    return found[:MOST_OF_A_RULE]


def _listed(lists: Iterable[list[DealRow | BadRow]], since: datetime) -> _Slice:
    listed = _Slice(since)
    for rows in lists:
        for row in rows:
            if isinstance(row, BadRow):
                if row.ticket is not None:
                    listed.unread.add(DealKey(row.ticket, row.leg))
                continue
            listed.deals[row.login][DealKey(row.ticket, row.leg)] = Sums(
                1, row.volume_e8, row.price_e8, row.profit_e8, row.swap_e8 + row.commission_e8 + row.fee_e8,
                (row.deal_at - since) // _US,
            )  # fmt: skip
    return listed


_STORED = f"""SELECT a.login, count(*), sum(d.volume_e8), sum(d.price_e8), sum(d.profit_e8),
        sum(d.swap_e8 + d.commission_e8 + d.fee_e8),
        sum(round(extract(epoch FROM d.deal_at - %(since)s) * 1000000))
    FROM trading_deal d JOIN trading_tradingaccount a ON a.id = d.account_id
    WHERE d.server_id = %(server)s AND d.deal_at >= %(since)s AND d.deal_at < %(until)s
        AND {LIVE_SQL.format(alias="d")}
    GROUP BY a.login"""  # noqa: S608 -- own text
_STORED_DEALS = f"""SELECT d.ticket, d.leg, 1, d.volume_e8, d.price_e8, d.profit_e8,
        d.swap_e8 + d.commission_e8 + d.fee_e8,
        round(extract(epoch FROM d.deal_at - %(since)s) * 1000000),
        (SELECT r.id FROM trading_deal r WHERE r.server_id = d.server_id AND r.ticket = d.ticket AND r.leg = d.leg
            AND r.revision = 0)
    FROM trading_deal d JOIN trading_tradingaccount a ON a.id = d.account_id
    WHERE d.server_id = %(server)s AND a.login = %(login)s AND d.deal_at >= %(since)s AND d.deal_at < %(until)s
        AND {LIVE_SQL.format(alias="d")}
    ORDER BY d.ticket, d.leg"""  # noqa: S608 -- own text


def _differences(server: MtServer, listed: _Slice, since: datetime, until: datetime) -> list[Finding]:
    params = {"server": server.pk, "since": since, "until": until}
    with connection.cursor() as cursor:
        cursor.execute(_STORED, params)
        stored = {row[0]: Sums(*map(int, row[1:])) for row in cursor.fetchall()}
    wrong = [
        login
        for login in sorted(stored.keys() | listed.deals.keys())
        if stored.get(login) != _total(listed.deals.get(login, {}).values())
    ]
    held = _held_keys(server.pk) | listed.unread if wrong else set()
    return [finding for login in wrong for finding in _of_login(server, listed, {**params, "login": login}, held)]


def _total(deals: Iterable[Sums]) -> Sums | None:
    columns = list(zip(*deals, strict=True))
    return Sums(*(sum(column) for column in columns)) if columns else None


def _held_keys(server_id: int) -> set[DealKey]:
    rows = HeldDeal.objects.filter(server_id=server_id, released_at__isnull=True).order_by()
    return {DealKey(ticket, leg) for ticket, leg in rows.values_list("ticket", "leg")}


def _of_login(server: MtServer, listed: _Slice, params: dict[str, object], held: set[DealKey]) -> Iterator[Finding]:
    """Yield what differs of one account's slice, ticket by ticket."""
    login = params["login"]
    there = listed.deals.get(login, {}) if isinstance(login, int) else {}
    with connection.cursor() as cursor:
        cursor.execute(_STORED_DEALS, params)
        rows = cursor.fetchall()
    here = {DealKey(row[0], row[1]): (Sums(*map(int, row[2:8])), row[8]) for row in rows}
    where = f"{server.name}, account {login}, {listed.since:%Y-%m-%d}"
    for key in sorted(there.keys() | here.keys()):
        if key in held:
            continue
        name = f"ticket {key.ticket}, {where}"
        if key not in here:
            yield Finding(Rule.NOT_STORED, name)
        elif key not in there:
            yield Finding(Rule.NOT_ON_SERVER, name, here[key][1])
        elif there[key] != here[key][0]:
            yield Finding(Rule.DIFFERS, f"{name}: {_told(here[key][0], there[key])}"[:300], here[key][1])


def _told(here: Sums, there: Sums) -> str:
    pairs = zip(Sums._fields, here, there, strict=True)
    return ", ".join(f"{name} {mine} here, {theirs} there" for name, mine, theirs in pairs if mine != theirs)
