"""Reads for an IB's own pages: what it earned by day and by branch, and deal by deal with the reason.

Days are the roll-up's (settlement zone). Every figure is that of the payees of one IB; nothing above it is read."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db import connection
from django.db.models import Q

from access.masking import mask_name
from commissions.calculation import Verdict
from commissions.live import LIVE_SQL
from commissions.models import PlanAssignment, PlanVersion
from commissions.terms import Terms, parse_terms
from core.errors import InvalidInput
from core.money import E8, MAX_E8, from_e8
from trading.queries import ROOT_SQL

_BY_DAY = """
SELECT d.day, coalesce(sum(d.amount) FILTER (WHERE d.via_ib_id = 0), 0),
    coalesce(sum(d.amount) FILTER (WHERE d.via_ib_id <> 0), 0), sum(d.lots), sum(d.deals)
FROM commissions_payee p JOIN commissions_ibday d ON d.payee_id = p.id
WHERE p.ib_id = %(ib_id)s AND p.currency = %(currency)s AND d.day BETWEEN %(first)s AND %(last)s
GROUP BY d.day ORDER BY d.day
"""

_BY_BRANCH = """
SELECT d.via_ib_id, sum(d.amount), sum(d.lots), sum(d.deals)
FROM commissions_payee p JOIN commissions_ibday d ON d.payee_id = p.id
WHERE p.ib_id = %(ib_id)s AND d.day BETWEEN %(first)s AND %(last)s AND d.via_ib_id <> 0
GROUP BY d.via_ib_id
"""

_BY_CLIENT = """
SELECT a.client_id, sum(d.amount), sum(d.lots), sum(d.deals)
FROM commissions_payee p JOIN commissions_ibday d ON d.payee_id = p.id
JOIN trading_tradingaccount a ON a.id = d.via_account_id
WHERE p.ib_id = %(ib_id)s AND d.day BETWEEN %(first)s AND %(last)s AND d.via_ib_id = 0
GROUP BY a.client_id
"""

_TRADING_CLIENTS = """
SELECT count(DISTINCT a.client_id) FROM (
    SELECT DISTINCT d.via_account_id
    FROM ib_ib top JOIN ib_ib i ON i.tree_id = top.tree_id AND i.lft BETWEEN top.lft AND top.rght
    JOIN commissions_payee p ON p.ib_id = i.id JOIN commissions_ibday d ON d.payee_id = p.id
    WHERE top.id = %(ib_id)s AND d.day BETWEEN %(first)s AND %(last)s AND d.via_ib_id = 0 AND d.deals > 0
) active JOIN trading_tradingaccount a ON a.id = active.via_account_id
"""

_DAYS = """
SELECT d.day, sum(d.deals) FROM commissions_payee p JOIN commissions_ibday d ON d.payee_id = p.id
WHERE p.ib_id = %(ib_id)s AND d.day BETWEEN %(first)s AND %(last)s
GROUP BY d.day ORDER BY d.day DESC
"""

# Everybody who was ever below: the arrays of the judgements then say whose chain the deal really had.
_FOUND = """
WITH RECURSIVE below AS (
    SELECT %(ib_id)s::bigint AS ib_id
    UNION
    SELECT l.ib_id FROM below b JOIN ib_iblink l ON l.parent_id = b.ib_id
), mine AS (
    SELECT id, currency FROM commissions_payee WHERE ib_id = %(ib_id)s
), found AS MATERIALIZED (
    SELECT j.*, m.currency, array_position(j.payee, m.id) AS place
    FROM below b JOIN commissions_judgement j ON j.leaf_ib_id = b.ib_id
    JOIN mine m ON m.id = ANY(j.payee)
    WHERE j.deal_at >= %(since)s AND j.deal_at < %(until)s AND {live} AND {shown}
    {page}
)
"""

# The newest deals of all servers, whoever made them: an IB that stands above many finds its page among the first few
# hundred. Only those after the last one looked at are complete.
_NEWEST = """
WITH mine AS (
    SELECT id, currency FROM commissions_payee WHERE ib_id = %(ib_id)s
), looked_at AS (
    SELECT d.* FROM mt4bridge_mtserver s CROSS JOIN LATERAL (
        SELECT id, server_id, ticket, leg, revision, deal_at FROM trading_deal
        WHERE server_id = s.id AND deal_at >= %(since)s AND deal_at < %(until)s
            AND (%(before_at)s::timestamptz IS NULL OR deal_at <= %(before_at)s)
        ORDER BY deal_at DESC LIMIT %(look_at)s) d
    ORDER BY d.deal_at DESC LIMIT %(look_at)s
), edge AS (
    SELECT CASE WHEN count(*) < %(look_at)s THEN '-infinity' ELSE min(deal_at) END AS at FROM looked_at
), found AS MATERIALIZED (
    SELECT j.*, m.currency, array_position(j.payee, m.id) AS place
    FROM edge JOIN looked_at d ON d.deal_at > edge.at
    JOIN commissions_judgement j ON j.deal_revision = d.revision AND j.deal_id = {root}
    JOIN mine m ON m.id = ANY(j.payee)
    WHERE {live} AND {shown}
    {page}
)
"""

# The deals of some accounts.
_OF_ACCOUNTS = """
WITH mine AS (
    SELECT id, currency FROM commissions_payee WHERE ib_id = %(ib_id)s
), found AS MATERIALIZED (
    SELECT j.*, m.currency, array_position(j.payee, m.id) AS place
    FROM trading_deal d JOIN commissions_judgement j ON j.deal_revision = d.revision AND j.deal_id = {root}
    JOIN mine m ON m.id = ANY(j.payee)
    WHERE d.account_id = ANY(%(accounts)s) AND d.deal_at >= %(since)s AND d.deal_at < %(until)s AND {live} AND {shown}
    {page}
)
"""

_ACCOUNTS = """
SELECT a.id FROM trading_tradingaccount a JOIN clients_client c ON c.id = a.client_id WHERE c.code = %(client)s
UNION
SELECT id FROM trading_tradingaccount WHERE login = %(login)s
"""

_FOUND_ONE = """
WITH found AS MATERIALIZED (
    SELECT j.*, m.currency, array_position(j.payee, m.id) AS place
    FROM commissions_judgement j JOIN commissions_payee m ON m.ib_id = %(ib_id)s AND m.id = ANY(j.payee)
    WHERE j.deal_id = %(deal_id)s AND {live} AND {shown}
)
"""


_SHOWN = "j.verdict[array_position(j.payee, m.id)] <> 0"

# Inside `found`: what a row shows besides is joined to the rows of one page, and planned apart. In one statement with
# all joins the planner tried their orders for 10 ms, to find rows in 1 ms.
_PAGE = """AND (%(verdict)s::int IS NULL OR j.verdict[array_position(j.payee, m.id)] = %(verdict)s)
    AND (%(before_at)s::timestamptz IS NULL OR (j.deal_at, j.deal_id) < (%(before_at)s, %(before_id)s))
    ORDER BY j.deal_at DESC, j.deal_id DESC LIMIT %(limit)s"""

_ROWS = """
SELECT f.deal_id, f.deal_at, f.verdict[f.place], f.amount_e8[f.place], f.currency, f.place, f.levels, f.lots_e8,
    d.ticket, d.action, d.entry, coalesce(s.name, ''), a.login, c.id, c.code, c.name
FROM found f
JOIN trading_deal first ON first.id = f.deal_id
JOIN trading_deal d ON d.server_id = first.server_id AND d.ticket = first.ticket AND d.leg = first.leg
    AND d.revision = f.deal_revision
JOIN trading_tradingaccount a ON a.id = f.account_id
JOIN clients_client c ON c.id = a.client_id
LEFT JOIN trading_symbol s ON s.id = d.symbol_id
ORDER BY f.deal_at DESC, f.deal_id DESC
"""

_REBATES = _FOUND.format(live=LIVE_SQL, shown=_SHOWN, page=_PAGE) + _ROWS
_ROOT = ROOT_SQL.format(alias="d")
_NEWEST_REBATES = _NEWEST.format(live=LIVE_SQL, root=_ROOT, shown=_SHOWN, page=_PAGE) + _ROWS
_REBATES_OF_ACCOUNTS = _OF_ACCOUNTS.format(live=LIVE_SQL, root=_ROOT, shown=_SHOWN, page=_PAGE) + _ROWS
_REBATE = _FOUND_ONE.format(live=LIVE_SQL, shown=_SHOWN) + _ROWS

_BOOKINGS = """
SELECT j.revision, b.booked_at, coalesce(j.booked_e8[array_position(j.payee, m.id)],
    j.amount_e8[array_position(j.payee, m.id)])
FROM commissions_judgement j
JOIN commissions_payee m ON m.ib_id = %(ib_id)s AND m.id = ANY(j.payee)
LEFT JOIN commissions_judgebatch b ON b.id = j.batch_id
WHERE j.deal_id = %(deal_id)s ORDER BY j.revision
"""

LOOK_AT = (12, 60, 240)  # so many times a page's rows of the newest deals of all, before everybody below is asked
FIRST_LOOK, MOST_LOOKED_AT = 4_000, 20_000  # deals in which a page looks for a verdict


@dataclass(frozen=True, slots=True)
class EarnedDay:
    """What an IB earned by the deals of one day, in its currency: from direct clients and through the IBs below."""

    day: date
    direct: Decimal
    through_ibs: Decimal
    lots: Decimal  # counted lots
    deals: int

    @property
    def total(self) -> Decimal:
        return self.direct + self.through_ibs


@dataclass(frozen=True, slots=True)
class BranchFigures:
    """What an IB earned through one branch: an IB directly below, or a direct client."""

    amount: Decimal  # the earning IB's currency
    lots: Decimal  # counted lots
    deals: int


@dataclass(frozen=True, slots=True)
class RebateRow:
    """One deal as an IB sees it: what it got, or the verdict that says why nothing. Clients are masked."""

    deal_id: int
    deal_at: datetime
    verdict: Verdict
    amount: Decimal  # the IB's currency
    currency: str
    level: int  # the IB's distance from the client; 0: it is no longer in the chain
    lots: Decimal  # counted lots
    ticket: int
    side: str  # buy or sell: the deal's own side
    entry: int
    symbol: str
    login: int
    client_id: int
    client_code: str
    masked_name: str


@dataclass(frozen=True, slots=True)
class Booking:
    """One booking on a deal: revision 0 books the amount, a later one the difference."""

    revision: int
    booked_at: datetime | None
    amount: Decimal  # the IB's currency


@dataclass(frozen=True, slots=True)
class RebatePage:
    """A page of rebates, newest first; `next_before` continues it, None at the end."""

    rows: list[RebateRow]
    next_before: str | None


@dataclass(frozen=True, slots=True)
class PlanInForce:
    """The plan version by which an IB is paid at a moment."""

    code: str
    name: str
    effective_from: datetime
    hash: str
    terms: Terms


def earned_days(*, ib_id: int, currency: str, first: date, last: date) -> list[EarnedDay]:
    """Return the days with judged deals, oldest first. One statement over the roll-up."""
    params = {"ib_id": ib_id, "currency": currency, "first": first, "last": last}
    return [EarnedDay(*row) for row in _fetch(_BY_DAY, params)]


def branch_figures(*, ib_id: int, first: date, last: date) -> dict[int, BranchFigures]:
    """Return what the IB earned through each IB directly below it."""
    return _branches(_BY_BRANCH, ib_id, first, last)


def client_figures(*, ib_id: int, first: date, last: date) -> dict[int, BranchFigures]:
    """Return what the IB earned through each of its direct clients."""
    return _branches(_BY_CLIENT, ib_id, first, last)


def trading_clients(*, ib_id: int, first: date, last: date) -> int:
    """Count the direct clients of an IB and of those below it now that made a counted deal."""
    params = {"ib_id": ib_id, "first": first, "last": last}
    return int(_fetch(_TRADING_CLIENTS, params)[0][0])


def rebates(
    *,
    ib_id: int,
    days: Sequence[tuple[date, datetime, datetime]],
    verdict: Verdict | None = None,
    client: str = "",
    before: str | None = None,
    limit: int = 25,
) -> RebatePage:
    """Return a page of the IB's judged deals, newest first, keyset by (deal time, deal id).

    `days`: (day, its start, its end) in UTC, without gaps. Only days that the roll-up names are looked at, newest
    first and some at a time, so a page costs the same on ten million rows. `client`: a code or a login. A `verdict`
    that is rare is looked for in so many deals only: the page may then have fewer rows than more to come.

    :raises InvalidInput: `before` is not a place of the list."""
    place = _place(before) if before else None
    params = {
        "ib_id": ib_id, "verdict": verdict, "before_at": place and place[0], "before_id": place and place[1],
    }  # fmt: skip
    if client:
        return _page(_of_client(client, days, {**params, "limit": limit + 1}), limit)
    found: list[RebateRow] = []
    wanted, counted = (limit + 1, 0) if verdict is None else (FIRST_LOOK, 0)
    for since, until, deals in _spans(ib_id, days, place, wanted):
        found += _of_span({**params, "since": since, "until": until, "limit": limit + 1 - len(found)}, deals)
        counted += deals
        if len(found) > limit:
            break
        if verdict is not None and counted >= MOST_LOOKED_AT:
            return RebatePage(rows=found, next_before=f"{since.isoformat()}~0")
    return _page(found, limit)


def _page(found: list[RebateRow], limit: int) -> RebatePage:
    shown = found[:limit]
    more = f"{shown[-1].deal_at.isoformat()}~{shown[-1].deal_id}" if len(found) > limit else None
    return RebatePage(rows=shown, next_before=more)


def _of_span(params: dict[str, Any], deals: int) -> list[RebateRow]:
    """Return the rows of one stretch of time: among the newest deals of all when they fill the page, else all."""
    if params["verdict"] is None and deals >= params["limit"]:
        for times in LOOK_AT:
            newest = _fetch(_NEWEST_REBATES, {**params, "look_at": times * params["limit"]})
            if len(newest) == params["limit"]:
                return [_rebate(row) for row in newest]
    return [_rebate(row) for row in _fetch(_REBATES, params)]


def _of_client(client: str, days: Sequence[tuple[date, datetime, datetime]], params: dict[str, Any]) -> list[RebateRow]:
    login = int(client) if client.isascii() and client.isdecimal() and int(client) <= MAX_E8 else None
    accounts = [pk for (pk,) in _fetch(_ACCOUNTS, {"client": client, "login": login})]
    if not accounts or not days:
        return []
    span = {"accounts": accounts, "since": days[0][1], "until": days[-1][2]}
    return [_rebate(row) for row in _fetch(_REBATES_OF_ACCOUNTS, {**params, **span})]


def find_rebate(*, ib_id: int, deal_id: int) -> RebateRow | None:
    """Return one deal as the IB sees it, or None when it was never in the deal's chain. One statement."""
    rows = _fetch(_REBATE, {"ib_id": ib_id, "deal_id": deal_id})
    return _rebate(rows[0]) if rows else None


def bookings(*, ib_id: int, deal_id: int) -> list[Booking]:
    """Return what was booked for the IB on one deal, oldest first: they sum to the amount that stands."""
    return [
        Booking(revision, booked_at, from_e8(amount_e8))
        for revision, booked_at, amount_e8 in _fetch(_BOOKINGS, {"ib_id": ib_id, "deal_id": deal_id})
    ]


def plan_in_force(*, ib_id: int, at: datetime) -> PlanInForce | None:
    """Return the version by which the IB is paid for a deal made at `at`, or None. Two statements."""
    during = Q(active_from__lte=at) & (Q(active_to__isnull=True) | Q(active_to__gt=at))
    assignment = PlanAssignment.objects.filter(during, ib_id=ib_id).select_related("plan").first()
    if assignment is None:
        return None
    versions = PlanVersion.objects.filter(plan=assignment.plan, effective_from__lte=at)
    if assignment.version_id is not None:
        versions = versions.filter(pk=assignment.version_id)
    version = versions.order_by("-effective_from", "-published_at").first()
    if version is None:
        return None
    terms, _faults = parse_terms(version.terms)
    if terms is None:
        raise ValueError(f"plan version {version.pk} holds terms that cannot be read")
    return PlanInForce(
        code=assignment.plan.code, name=assignment.plan.name, effective_from=version.effective_from,
        hash=version.hash.hex, terms=terms,
    )  # fmt: skip


def _branches(statement: str, ib_id: int, first: date, last: date) -> dict[int, BranchFigures]:
    rows = _fetch(statement, {"ib_id": ib_id, "first": first, "last": last})
    return {key: BranchFigures(amount, lots, deals) for key, amount, lots, deals in rows}


def _spans(
    ib_id: int,
    days: Sequence[tuple[date, datetime, datetime]],
    place: tuple[datetime, int] | None,
    wanted: int,
) -> Iterator[tuple[datetime, datetime, int]]:
    """Yield stretches of time with their counted deals, newest first: `wanted` in the first, then twice as many."""
    if not days:
        return
    bounds = {day: (since, until) for day, since, until in days}
    known = _fetch(_DAYS, {"ib_id": ib_id, "first": days[0][0], "last": days[-1][0]})
    span: list[tuple[datetime, datetime]] = []
    counted = 0
    for day, deals in known:
        since, until = bounds[day]
        if place is not None and (since, 0) >= place:
            continue
        span.append((since, until))
        counted += deals
        if counted >= wanted:
            yield span[-1][0], span[0][1], counted
            span, counted, wanted = [], 0, wanted * 2
    if span:
        yield span[-1][0], span[0][1], counted


def _rebate(row: Sequence[Any]) -> RebateRow:
    deal_id, deal_at, verdict, amount_e8, currency, position, levels, lots_e8, ticket, action, entry, *rest = row
    symbol, login, client_id, client_code, client_name = rest
    return RebateRow(
        deal_id=deal_id, deal_at=deal_at, verdict=Verdict(verdict), amount=from_e8(amount_e8), currency=currency,
        level=position if position <= levels else 0, lots=Decimal(lots_e8) / E8, ticket=ticket,
        side="buy" if action == 0 else "sell", entry=entry, symbol=symbol, login=login, client_id=client_id,
        client_code=client_code, masked_name=mask_name(client_name),
    )  # fmt: skip


def _place(before: str) -> tuple[datetime, int]:
    moment, _, number = before.partition("~")
    try:
        place = datetime.fromisoformat(moment), int(number)
    except ValueError as error:
        raise InvalidInput(field="before") from error
    if place[0].tzinfo is None or not 0 <= place[1] <= MAX_E8:
        raise InvalidInput(field="before")
    return place


def _fetch(statement: str, params: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return list(cursor.fetchall())
