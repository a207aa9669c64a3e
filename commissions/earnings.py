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
from commissions.models import PlanAssignment, PlanVersion
from commissions.terms import Terms, parse_terms
from core.errors import InvalidInput
from core.money import E8, MAX_E8, from_e8

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
SELECT count(DISTINCT a.client_id)
FROM commissions_payee p JOIN commissions_ibday d ON d.payee_id = p.id
JOIN trading_tradingaccount a ON a.id = d.via_account_id
WHERE p.ib_id = ANY(%(ib_ids)s) AND d.day BETWEEN %(first)s AND %(last)s AND d.via_ib_id = 0 AND d.deals > 0
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
), found AS (
    SELECT j.*, m.currency, array_position(j.payee, m.id) AS place
    FROM below b JOIN commissions_judgement j ON j.leaf_ib_id = b.ib_id
    JOIN mine m ON m.id = ANY(j.payee)
    WHERE j.deal_at >= %(since)s AND j.deal_at < %(until)s AND {live}
)
"""

_FOUND_ONE = """
WITH found AS (
    SELECT j.*, m.currency, array_position(j.payee, m.id) AS place
    FROM commissions_judgement j JOIN commissions_payee m ON m.ib_id = %(ib_id)s AND m.id = ANY(j.payee)
    WHERE j.deal_id = %(deal_id)s AND {live}
)
"""

_LIVE = """NOT EXISTS (
        SELECT 1 FROM commissions_judgement later WHERE later.deal_id = j.deal_id AND later.revision > j.revision)"""

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
WHERE f.verdict[f.place] <> 0
"""

_NARROWED = """
    AND (%(verdict)s::int IS NULL OR f.verdict[f.place] = %(verdict)s)
    AND (%(client)s = '' OR c.code = %(client)s OR a.login::text = %(client)s)
    AND (%(before_at)s::timestamptz IS NULL OR (f.deal_at, f.deal_id) < (%(before_at)s, %(before_id)s))
ORDER BY f.deal_at DESC, f.deal_id DESC LIMIT %(limit)s
"""

_REBATES = _FOUND.format(live=_LIVE) + _ROWS + _NARROWED
_REBATE = _FOUND_ONE.format(live=_LIVE) + _ROWS

_BOOKINGS = """
SELECT j.revision, b.booked_at, coalesce(j.booked_e8[array_position(j.payee, m.id)],
    j.amount_e8[array_position(j.payee, m.id)])
FROM commissions_judgement j
JOIN commissions_payee m ON m.ib_id = %(ib_id)s AND m.id = ANY(j.payee)
LEFT JOIN commissions_judgebatch b ON b.id = j.batch_id
WHERE j.deal_id = %(deal_id)s ORDER BY j.revision
"""


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


def trading_clients(*, ib_ids: Sequence[int], first: date, last: date) -> int:
    """Count the direct clients of these IBs that made a counted deal."""
    params = {"ib_ids": list(ib_ids), "first": first, "last": last}
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
    first and some at a time, so a page costs the same on three million rows. `client`: a code or a login.

    :raises InvalidInput: `before` is not a place of the list."""
    place = _place(before) if before else None
    found: list[RebateRow] = []
    for since, until in _spans(ib_id, days, place, limit):
        params = {
            "ib_id": ib_id, "since": since, "until": until, "verdict": verdict, "client": client,
            "before_at": place and place[0], "before_id": place and place[1], "limit": limit + 1 - len(found),
        }  # fmt: skip
        found += [_rebate(row) for row in _fetch(_REBATES, params)]
        if len(found) > limit:
            break
    shown = found[:limit]
    more = f"{shown[-1].deal_at.isoformat()}~{shown[-1].deal_id}" if len(found) > limit else None
    return RebatePage(rows=shown, next_before=more)


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
    limit: int,
) -> Iterator[tuple[datetime, datetime]]:
    """Yield stretches of time, newest first, each with about `limit` deals, twice as many each time."""
    if not days:
        return
    bounds = {day: (since, until) for day, since, until in days}
    known = _fetch(_DAYS, {"ib_id": ib_id, "first": days[0][0], "last": days[-1][0]})
    span: list[tuple[datetime, datetime]] = []
    counted, wanted = 0, limit + 1
    for day, deals in known:
        since, until = bounds[day]
        if place is not None and since > place[0]:
            continue
        span.append((since, until))
        counted += deals
        if counted >= wanted:
            yield span[-1][0], span[0][1]
            span, counted, wanted = [], 0, wanted * 2
    if span:
        yield span[-1][0], span[0][1]


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
