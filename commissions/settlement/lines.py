"""The lines of a statement, one by one from the judgements: what each deal gave, and what corrects what.

They are not stored: a line's statement day follows from its batch and the cuts that batch knew. A test proves that
they add up to the statement."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db import connection

from access.masking import mask_name
from commissions.calculation import Verdict
from commissions.enums import AccrualKind
from commissions.models import IbDay
from commissions.settlement.days import applying_cuts, cycle_periods, to_date, to_day
from commissions.settlement.models import Closing, Statement
from core.money import E8, from_e8

_FETCH = 2000

# Whose deals may concern the payee: everybody who was ever below the IB, or ever the client's direct IB.
_BELOW_IB = """below AS (
    SELECT %(ib)s::bigint AS ib_id
    UNION SELECT l.ib_id FROM below b JOIN ib_iblink l ON l.parent_id = b.ib_id)"""
_ABOVE_CLIENT = """below AS (
    SELECT l.ib_id FROM ib_clientlink l WHERE l.client_id = %(client)s
    UNION SELECT k.ib_id FROM ib_accountlink k JOIN trading_tradingaccount a ON a.id = k.account_id
        WHERE a.client_id = %(client)s AND k.ib_id IS NOT NULL)"""
# `mine`: each revision with the payee's place in it. A first judgement books its amount; a later one takes back what
# the one before said, on that one's day, and books its own.
_LINES = """WITH RECURSIVE {below}, cuts AS (
    SELECT * FROM unnest(%(cut_ids)s::bigint[], %(cut_days)s::date[]) AS c (id, closed_until)
), mine AS (
    SELECT j.deal_id, j.revision, j.deal_revision, j.deal_at, j.day, j.lots_e8, j.account_id, j.batch_id,
        j.verdict[p.place] AS verdict, j.amount_e8[p.place] AS amount
    FROM below JOIN commissions_judgement j ON j.leaf_ib_id = below.ib_id,
        LATERAL (SELECT array_position(j.payee, %(payee)s) AS place) p
    WHERE p.place IS NOT NULL AND j.day = ANY(%(days)s::date[])
        AND j.deal_at >= %(first)s::date - 2 AND j.deal_at < %(until)s::date + 2
        AND j.verdict[p.place] NOT IN (%(not_counted)s, %(removed)s)
), booked AS (
    SELECT m.*, m.amount AS line, m.batch_id AS by_batch, NULL::smallint AS corrects,
        m.revision > 0 AND EXISTS (SELECT 1 FROM commissions_judgement b WHERE b.deal_id = m.deal_id
            AND b.revision = m.revision - 1 AND b.day = m.day
            AND b.amount_e8[array_position(b.payee, %(payee)s)] = m.amount
            AND b.verdict[array_position(b.payee, %(payee)s)] = m.verdict) AS is_same
    FROM mine m
    UNION ALL
    SELECT m.*, -m.amount, n.batch_id, m.revision,
        n.day = m.day AND n.amount_e8[array_position(n.payee, %(payee)s)] = m.amount
            AND n.verdict[array_position(n.payee, %(payee)s)] = m.verdict
    FROM mine m JOIN commissions_judgement n ON n.deal_id = m.deal_id AND n.revision = m.revision + 1
), dated AS (
    SELECT k.*, b.booked_at, CASE WHEN k.day < (SELECT max(c.closed_until) FROM cuts c WHERE c.id <= b.closing_id)
        THEN b.booking_day ELSE k.day END AS statement_day
    FROM booked k JOIN commissions_judgebatch b ON b.id = k.by_batch WHERE k.is_same IS NOT TRUE
)
SELECT d.ticket || CASE t.revision WHEN 0 THEN '' ELSE '-R' || t.revision END
        || CASE WHEN t.corrects IS NULL THEN '' ELSE '−' END AS number,
    coalesce(d.ticket || CASE t.corrects WHEN 0 THEN '' ELSE '-R' || t.corrects END, '') AS corrects,
    '' AS kind, t.deal_at, t.day, t.statement_day, t.booked_at, t.verdict, t.line,
    CASE WHEN t.corrects IS NULL THEN t.lots_e8 ELSE -t.lots_e8 END AS lots_e8, d.ticket,
    coalesce(s.name, '') AS symbol, d.action, coalesce(a.login, 0) AS login, c.code AS client_code,
    c.name AS client_name, t.deal_id AS by_deal, t.revision AS by_revision, coalesce(t.corrects, -1) AS by_corrects,
    coalesce(g.name, '') AS symbol_group
FROM dated t JOIN trading_deal r ON r.id = t.deal_id
JOIN trading_deal d ON d.server_id = r.server_id AND d.ticket = r.ticket AND d.leg = r.leg
    AND d.revision = t.deal_revision
JOIN trading_tradingaccount a ON a.id = t.account_id JOIN clients_client c ON c.id = a.client_id
LEFT JOIN trading_symbol s ON s.id = d.symbol_id LEFT JOIN trading_symbolgroup g ON g.id = s.group_id
WHERE t.statement_day >= %(since)s AND t.statement_day < %(until)s
UNION ALL
SELECT x.kind || '-' || x.id, coalesce(x.kind || '-' || x.corrects_id, ''), x.kind, x.at, x.day, x.statement_day,
    b.booked_at, %(paid)s, x.booked_e8, 0, 0, '', 0, coalesce(a.login, 0), coalesce(c.code, ''), coalesce(c.name, ''),
    x.id, x.revision, -1, ''
FROM commissions_accrual x LEFT JOIN commissions_judgebatch b ON b.id = x.batch_id
LEFT JOIN trading_tradingaccount a ON a.id = x.account_id LEFT JOIN clients_client c ON c.id = x.client_id
WHERE x.payee_id = %(payee)s AND x.statement_day >= %(since)s AND x.statement_day < %(until)s AND x.booked_e8 <> 0
ORDER BY statement_day, deal_at, by_deal, by_revision, by_corrects"""


@dataclass(frozen=True, slots=True)
class StatementLine:
    """One line. `corrects`: the number of the line that it takes back; the client's name is masked."""

    number: str  # the ticket, "1234"; judged again "1234-R1"; what takes back ends in "−"; an accrual like "cpa-7"
    corrects: str
    kind: str  # label of what has no rebate of a deal, like CPA; empty for a deal's rebate
    ticket: int  # 0: none
    deal_at: datetime
    day: date
    statement_day: date
    booked_at: datetime
    verdict: Verdict
    amount: Decimal  # payee's currency; what is taken back is negative
    lots: Decimal  # counted lots; what is taken back is negative
    symbol: str
    side: str
    login: int
    client_code: str
    masked_name: str


def statement_lines(statement: Statement) -> Iterator[StatementLine]:
    """Yield every line of a statement by statement day and deal time, through a server-side cursor.

    Read it to its end inside the broker that is in force: the cursor belongs to the connection."""
    with connection.chunked_cursor() as cursor:
        cursor.execute(*question(statement))
        while rows := cursor.fetchmany(_FETCH):
            for row in rows:
                yield _line(row)


def first_lines(statement: Statement, *, limit: int) -> list[StatementLine]:
    """Return the first lines of a statement, for a page."""
    statement_of_lines, params = question(statement)
    with connection.cursor() as cursor:
        cursor.execute(f"{statement_of_lines} LIMIT %(limit)s", {**params, "limit": limit})
        return [_line(row) for row in cursor.fetchall()]


def question(statement: Statement) -> tuple[str, dict[str, Any]]:
    """Return the SQL of a statement's lines in their order, and its parameters."""
    payee = statement.payee
    cuts: dict[str, list[int]] = {}
    ids: dict[tuple[str, int], int] = {}
    for pk, cycle, until in Closing.objects.order_by("closed_until").values_list("pk", "cycle", "closed_until"):
        cuts.setdefault(cycle, []).append(to_day(until))
        ids[cycle, to_day(until)] = pk
    periods = cycle_periods([payee.pk])[payee.pk]
    applying = applying_cuts(periods, cuts)
    cycles = [next(period.cycle for period in reversed(periods) if period.since < until) for until in applying]
    days = _days(statement)
    params = {
        "payee": payee.pk, "ib": payee.ib_id, "client": payee.client_id,
        "since": statement.from_day, "until": statement.to_day, "days": days,
        "cut_ids": [ids[cycle, until] for cycle, until in zip(cycles, applying, strict=True)],
        "cut_days": [to_date(until) for until in applying],
        "not_counted": int(Verdict.NOT_COUNTED), "paid": int(Verdict.PAID), "removed": int(Verdict.DEAL_REMOVED),
    }  # fmt: skip
    first = min([statement.from_day, *days])
    return _LINES.format(below=_BELOW_IB if payee.ib_id else _ABOVE_CLIENT), {**params, "first": first}


def _days(statement: Statement) -> list[date]:
    """Return the deal days whose lines may stand in the statement: its own, and older ones booked in it."""
    rows = IbDay.objects.filter(payee_id=statement.payee_id)
    own = rows.filter(day__gte=statement.from_day, day__lt=statement.to_day)
    moved = rows.filter(statement_day__gte=statement.from_day, statement_day__lt=statement.to_day)
    return sorted({*own.values_list("day", flat=True).distinct(), *moved.values_list("day", flat=True).distinct()})


def _line(row: Sequence[Any]) -> StatementLine:
    number, corrects, kind, deal_at, day, statement_day, booked_at, verdict, amount_e8, lots_e8, ticket, *rest = row
    symbol, action, login, client_code, client_name, *_order = rest
    return StatementLine(
        number=number,
        corrects=corrects,
        kind=str(AccrualKind(kind).label) if kind else "",
        ticket=ticket, deal_at=deal_at, day=day, statement_day=statement_day, booked_at=booked_at,
        verdict=Verdict(verdict), amount=from_e8(amount_e8), lots=Decimal(lots_e8) / E8, symbol=symbol,
        side="buy" if action == 0 else "sell", login=login, client_code=client_code, masked_name=mask_name(client_name),
    )  # fmt: skip
