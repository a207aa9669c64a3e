"""The nightly proof: the broker's own books, then every deal of the MT server against the store.

Compared are numbers and sums for each account and day, in slices, so that memory does not grow with the history; only
where they differ are tickets looked at. It never repairs anything: each difference is a line for a person."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.utils.translation import gettext_noop as _

from commissions.proof.enums import Rule
from commissions.proof.models import ProofRun
from commissions.proof.types import MOST_OF_A_RULE, Finding, Report
from commissions.verify import SAMPLE, prove, record_proof, start_proof
from crm.flows.listing import Listing, Sums, differing_logins, held_keys, stored_deals
from mt4bridge.errors import BridgeError
from mt4bridge.gateways import open_gateway
from mt4bridge.models import MtServer
from mt4bridge.types import TradingServer
from trading.cursor import get_cursor
from trading.types import DealKey

SLICE = timedelta(days=1)
_WHERE = _("ticket %(ticket)s, %(server)s, account %(login)s, %(day)s")
_DIFFERS = _("ticket %(ticket)s, %(server)s, account %(login)s, %(day)s, stored ≠ on the server: %(what)s")
EVERY_NIGHT = timedelta(days=40)  # how far back each night compares; --since compares from any day on


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
        report.add(
            [
                Finding(
                    Rule.UNREACHABLE, _("%(server)s: its deals have not been read yet"), values={"server": server.name}
                )
            ]
        )
        return
    start = max(server.history_from, since or now - EVERY_NIGHT)
    try:
        found = compare_server(server=server, gateway=open_gateway(server), since=start, until=until, report=report)
    except BridgeError as error:
        values = {"server": server.name, "error": str(error)[:200]}
        found = [Finding(Rule.UNREACHABLE, _("%(server)s: %(error)s"), values=values)]
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
        listing = Listing(start)
        for rows in gateway.deals(since=start, until=end):
            listing.add(rows)
        found += _differences(server, listing, end)
        report.checked["server_days"] = report.checked.get("server_days", 0) + 1
        report.checked["server_deals"] = report.checked.get("server_deals", 0) + sum(map(len, listing.deals.values()))
        start = end
    return found[:MOST_OF_A_RULE]


def _differences(server: MtServer, listing: Listing, until: datetime) -> list[Finding]:
    wrong = differing_logins(server_id=server.pk, listing=listing, until=until)
    held = held_keys(server.pk) | listing.unread if wrong else set()
    return [finding for login in wrong for finding in _of_login(server, listing, login, until, held)]


def _of_login(server: MtServer, listing: Listing, login: int, until: datetime, held: set[DealKey]) -> Iterator[Finding]:
    """Yield what differs of one account's slice, ticket by ticket."""
    there = listing.deals.get(login, {})
    here = stored_deals(server_id=server.pk, login=login, since=listing.since, until=until)
    where = {"server": server.name, "login": str(login), "day": f"{listing.since:%Y-%m-%d}"}
    for key in sorted(there.keys() | here.keys()):
        if key in held:
            continue
        values = {"ticket": str(key.ticket), **where}
        if key not in here:
            yield Finding(Rule.NOT_STORED, _WHERE, values=values)
        elif key not in there:
            yield Finding(Rule.NOT_ON_SERVER, _WHERE, here[key].root, values)
        elif there[key] != here[key].sums:
            values["what"] = told(here[key].sums, there[key])[:200]
            yield Finding(Rule.DIFFERS, _DIFFERS, here[key].root, values)


def told(here: Sums, there: Sums) -> str:
    """Say in figures what differs."""
    pairs = zip(Sums._fields, here, there, strict=True)
    return ", ".join(f"{name} {mine} ≠ {theirs}" for name, mine, theirs in pairs if mine != theirs)
