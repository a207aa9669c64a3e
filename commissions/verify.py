"""Prove the judgements: nothing missing, and every payee's lines, roll-up and ledger account say the same."""

from dataclasses import dataclass
from typing import Any

from django.db import connection

from commissions.calculation import Verdict


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that must not be: which rule, and where."""

    rule: str
    detail: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.detail}"


_NEWEST = """NOT EXISTS (SELECT 1 FROM trading_deal n WHERE n.server_id = d.server_id AND n.ticket = d.ticket
    AND n.leg = d.leg AND n.revision > d.revision)"""
_ROOT = "r.server_id = d.server_id AND r.ticket = d.ticket AND r.leg = d.leg AND r.revision = 0"

_UNJUDGED = f"""SELECT d.ticket FROM trading_deal d JOIN trading_deal r ON {_ROOT}
    JOIN trading_dealcursor c ON c.server_id = d.server_id
    WHERE d.action IN (0, 1) AND d.entry <> 0 AND NOT d.deleted AND {_NEWEST} AND d.id <= c.judged_id
    AND NOT EXISTS (SELECT 1 FROM commissions_judgement j WHERE j.deal_id = r.id)
    ORDER BY d.id"""  # noqa: S608 -- own text
_BEHIND = f"""SELECT d.ticket FROM trading_deal d JOIN trading_deal r ON {_ROOT}
    JOIN trading_dealcursor c ON c.server_id = d.server_id
    JOIN LATERAL (SELECT deal_revision FROM commissions_judgement j WHERE j.deal_id = r.id
        ORDER BY revision DESC LIMIT 1) j ON true
    WHERE {_NEWEST} AND d.id <= c.judged_id AND j.deal_revision <> d.revision ORDER BY d.id"""  # noqa: S608 -- own text
_PAID_FOR_NOTHING = f"""SELECT d.ticket FROM trading_deal d JOIN trading_deal r ON {_ROOT}
    JOIN trading_dealcursor c ON c.server_id = d.server_id
    JOIN LATERAL (SELECT amount_e8 FROM commissions_judgement j WHERE j.deal_id = r.id
        ORDER BY revision DESC LIMIT 1) j ON true
    WHERE d.deleted AND {_NEWEST} AND d.id <= c.judged_id AND EXISTS (SELECT 1 FROM unnest(j.amount_e8) a WHERE a <> 0)
    ORDER BY d.id"""  # noqa: S608 -- own text
_UNBOOKED = """SELECT deal_id, payee FROM (
        SELECT j.deal_id, l.payee, sum(coalesce(l.booked, l.amount)) AS booked,
            (array_agg(l.amount ORDER BY j.revision DESC))[1] AS stands
        FROM commissions_judgement j,
            unnest(j.payee, j.amount_e8, j.booked_e8) AS l(payee, amount, booked) GROUP BY j.deal_id, l.payee) x
    WHERE booked <> stands ORDER BY deal_id, payee"""
_ACCRUED_OTHERWISE = """SELECT deal_id, payee_id FROM commissions_accrual WHERE deal_id IS NOT NULL
    GROUP BY deal_id, payee_id, kind
    HAVING sum(booked_e8) <> (array_agg(amount_e8 ORDER BY revision DESC))[1] ORDER BY 1, 2"""
_PAID_WITHOUT_REASON = """SELECT j.deal_id, l.payee FROM commissions_judgement j,
        unnest(j.payee, j.verdict, j.amount_e8) AS l(payee, verdict, amount)
    WHERE l.amount <> 0 AND l.verdict <> %(paid)s OR l.amount < 0 ORDER BY j.deal_id, l.payee"""
_BOOKS = """WITH lines AS (
        SELECT payee, sum(amount) * 0.00000001 AS total FROM (
            SELECT l.payee, l.amount FROM (
                SELECT DISTINCT ON (deal_id) payee, amount_e8 FROM commissions_judgement ORDER BY deal_id, revision DESC
            ) live, unnest(live.payee, live.amount_e8) AS l(payee, amount)
            UNION ALL SELECT payee_id, booked_e8 FROM commissions_accrual) every_line GROUP BY payee
    ), days AS (SELECT payee_id, sum(amount) AS total FROM commissions_ibday GROUP BY payee_id
    ), ledger AS (
        SELECT p.id, sum(CASE WHEN s.side = 'C' THEN s.amount ELSE -s.amount END) AS total
        FROM commissions_payee p JOIN ledger_posting s ON s.ledger_account_id = p.ledger_account_id
        JOIN ledger_journalentry e ON e.id = s.entry_id AND e.kind = 'rebate_accrual' GROUP BY p.id)
    SELECT p.id, coalesce(lines.total, 0), coalesce(days.total, 0), coalesce(ledger.total, 0)
    FROM commissions_payee p LEFT JOIN lines ON lines.payee = p.id LEFT JOIN days ON days.payee_id = p.id
    LEFT JOIN ledger ON ledger.id = p.id
    WHERE coalesce(lines.total, 0) <> coalesce(days.total, 0) OR coalesce(days.total, 0) <> coalesce(ledger.total, 0)
    ORDER BY p.id"""

_BY_DEAL = (
    ("closing deal without a judgement", _UNJUDGED, "ticket {0}"),
    ("judgement of an older revision", _BEHIND, "ticket {0}"),
    ("deleted deal that still pays", _PAID_FOR_NOTHING, "ticket {0}"),
    ("what was booked is not what stands", _UNBOOKED, "deal {0}, payee {1}"),
    ("accruals that were booked are not what stands", _ACCRUED_OTHERWISE, "event {0}, payee {1}"),
    ("amount without the verdict paid, or below zero", _PAID_WITHOUT_REASON, "deal {0}, payee {1}"),
    ("lines, roll-up and ledger differ", _BOOKS, "payee {0}: lines {1:f}, roll-up {2:f}, ledger {3:f}"),
)


def verify_commissions() -> list[Finding]:
    """Return everything that disagrees in the broker in force; [] when all is proved. Reads whole tables."""
    findings = []
    for rule, statement, detail in _BY_DEAL:
        findings += [Finding(rule, detail.format(*row)) for row in _rows(statement)]
    return findings


def statement_equals_ledger() -> bool:
    """Whether every payee's live lines, roll-up and accrued ledger account are the same number."""
    return not _rows(_BOOKS)


def _rows(statement: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, {"paid": int(Verdict.PAID)})
        return list(cursor.fetchall())
