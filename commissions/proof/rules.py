"""The rules that one statement each can prove, over whole tables and without a row of them leaving the database."""

from typing import Any, NamedTuple

from django.db import connection
from django.utils.translation import gettext_noop as _

from commissions.calculation import Verdict
from commissions.proof.enums import Rule
from commissions.proof.types import MOST_LETTERS, MOST_OF_A_RULE, Finding
from commissions.settlement.verify import figure
from trading.queries import NEWEST_SQL

_NEWEST = NEWEST_SQL.format(alias="d")
_ROOT = "r.server_id = d.server_id AND r.ticket = d.ticket AND r.leg = d.leg AND r.revision = 0"
_LIVE_JUDGEMENT = """JOIN LATERAL (SELECT * FROM commissions_judgement j WHERE j.deal_id = r.id
    ORDER BY revision DESC LIMIT 1) j ON true"""

_UNJUDGED = f"""SELECT r.id, d.ticket FROM trading_deal d JOIN trading_deal r ON {_ROOT}
    JOIN trading_dealcursor c ON c.server_id = d.server_id
    WHERE d.action IN (0, 1) AND d.entry <> 0 AND NOT d.deleted AND {_NEWEST} AND d.id <= c.judged_id
    AND NOT EXISTS (SELECT 1 FROM commissions_judgement j WHERE j.deal_id = r.id)
    ORDER BY d.id"""  # noqa: S608 -- own text
# Only an edited deal can have been judged by an older revision, and only a deleted one can pay for nothing.
_BEHIND = f"""SELECT r.id, d.ticket FROM trading_deal d JOIN trading_deal r ON {_ROOT}
    JOIN trading_dealcursor c ON c.server_id = d.server_id {_LIVE_JUDGEMENT}
    WHERE d.revision > 0 AND {_NEWEST} AND d.id <= c.judged_id AND j.deal_revision <> d.revision
    ORDER BY d.id"""  # noqa: S608 -- own text
_PAID_FOR_NOTHING = f"""SELECT r.id, d.ticket FROM trading_deal d JOIN trading_deal r ON {_ROOT}
    JOIN trading_dealcursor c ON c.server_id = d.server_id {_LIVE_JUDGEMENT}
    WHERE d.deleted AND {_NEWEST} AND d.id <= c.judged_id AND EXISTS (SELECT 1 FROM unnest(j.amount_e8) a WHERE a <> 0)
    ORDER BY d.id"""  # noqa: S608 -- own text
_GAP = """SELECT deal_id, max(revision) FROM commissions_judgement
    WHERE deal_id IN (SELECT deal_id FROM commissions_judgement WHERE revision > 0)
    GROUP BY deal_id HAVING count(*) <> max(revision) + 1 ORDER BY deal_id"""
# A first judgement books what it says; only where there are more can the two differ.
_UNBOOKED = """SELECT deal_id, deal_id, payee FROM (
        SELECT j.deal_id, l.payee, sum(coalesce(l.booked, l.amount)) AS booked,
            (array_agg(l.amount ORDER BY j.revision DESC))[1] AS stands
        FROM commissions_judgement j,
            unnest(j.payee, j.amount_e8, j.booked_e8) AS l(payee, amount, booked)
        WHERE j.deal_id IN (SELECT deal_id FROM commissions_judgement WHERE revision > 0)
        GROUP BY j.deal_id, l.payee) x
    WHERE booked <> stands ORDER BY deal_id, payee"""
_ACCRUALS = """SELECT deal_id, deal_id, payee_id FROM commissions_accrual WHERE deal_id IS NOT NULL
    GROUP BY deal_id, payee_id, kind
    HAVING sum(booked_e8) <> (array_agg(amount_e8 ORDER BY revision DESC))[1] ORDER BY 2, 3"""
_WITHOUT_REASON = """SELECT j.deal_id, j.deal_id, l.payee FROM commissions_judgement j,
        unnest(j.payee, j.verdict, j.amount_e8) AS l(payee, verdict, amount)
    WHERE l.amount <> 0 AND l.verdict <> %(paid)s OR l.amount < 0 ORDER BY j.deal_id, l.payee"""
# What was booked, once through the table; `unbooked` proves that it sums to what stands.
_BOOKS = """WITH lines AS (
        SELECT payee, sum(amount) * 0.00000001 AS total FROM (
            SELECT l.payee, coalesce(l.booked, l.amount) AS amount FROM commissions_judgement j,
                unnest(j.payee, j.amount_e8, j.booked_e8) AS l(payee, amount, booked)
            UNION ALL SELECT payee_id, booked_e8 FROM commissions_accrual) every_line GROUP BY payee
    ), days AS (SELECT payee_id, sum(amount) AS total FROM commissions_ibday GROUP BY payee_id
    ), ledger AS (
        SELECT p.id, sum(CASE WHEN s.side = 'C' THEN s.amount ELSE -s.amount END) AS total
        FROM commissions_payee p JOIN ledger_posting s ON s.ledger_account_id = p.ledger_account_id
        JOIN ledger_journalentry e ON e.id = s.entry_id AND e.kind = 'rebate_accrual' GROUP BY p.id)
    SELECT NULL::bigint, p.id, coalesce(lines.total, 0), coalesce(days.total, 0), coalesce(ledger.total, 0)
    FROM commissions_payee p LEFT JOIN lines ON lines.payee = p.id LEFT JOIN days ON days.payee_id = p.id
    LEFT JOIN ledger ON ledger.id = p.id
    WHERE coalesce(lines.total, 0) <> coalesce(days.total, 0) OR coalesce(days.total, 0) <> coalesce(ledger.total, 0)
    ORDER BY p.id"""
_HELD = """SELECT NULL::bigint, h.ticket, s.name, h.reason, h.detail FROM trading_helddeal h
    JOIN mt4bridge_mtserver s ON s.id = h.server_id WHERE h.released_at IS NULL ORDER BY h.held_at, h.id"""
_TOO_LARGE = """SELECT q.deal_id, d.ticket FROM commissions_rejudge q JOIN trading_deal d ON d.id = q.deal_id
    WHERE q.cause = 'too_large' AND NOT q.is_ready ORDER BY q.deal_id"""


class Check(NamedTuple):
    """A rule, the statement that selects (deal id or null, …) of what breaks it, how a row reads, its columns."""

    rule: Rule
    statement: str
    said: str
    names: tuple[str, ...]


_TICKET, _OF_PAYEE = _("ticket %(ticket)s"), ("deal", "payee")
CHECKS = (
    Check(Rule.UNJUDGED, _UNJUDGED, _TICKET, ("ticket",)),
    Check(Rule.BEHIND, _BEHIND, _TICKET, ("ticket",)),
    Check(Rule.PAID_FOR_NOTHING, _PAID_FOR_NOTHING, _TICKET, ("ticket",)),
    Check(Rule.GAP, _GAP, _("revision %(number)s"), ("number",)),
    Check(Rule.UNBOOKED, _UNBOOKED, _("deal %(deal)s, payee %(payee)s"), _OF_PAYEE),
    Check(Rule.ACCRUALS, _ACCRUALS, _("event %(deal)s, payee %(payee)s"), _OF_PAYEE),
    Check(Rule.WITHOUT_REASON, _WITHOUT_REASON, _("deal %(deal)s, payee %(payee)s"), _OF_PAYEE),
    Check(
        Rule.BOOKS, _BOOKS, _("payee %(payee)s: lines %(lines)s, roll-up %(days)s, ledger %(ledger)s"),
        ("payee", "lines", "days", "ledger"),
    ),
)  # fmt: skip
STATES = (
    Check(
        Rule.HELD, _HELD, _("ticket %(ticket)s of %(server)s: %(reason)s %(detail)s"),
        ("ticket", "server", "reason", "detail"),
    ),
    Check(Rule.TOO_LARGE, _TOO_LARGE, _TICKET, ("ticket",)),
)  # fmt: skip


def findings_of(check: Check) -> list[Finding]:
    """Return what breaks the rule, at most MOST_OF_A_RULE lines."""
    rows = fetch(f"{check.statement} LIMIT {MOST_OF_A_RULE}", {"paid": int(Verdict.PAID)})
    return [
        Finding(
            check.rule, check.said, row[0],
            {name: figure(value)[:MOST_LETTERS] for name, value in zip(check.names, row[1:], strict=True)},
        )
        for row in rows
    ]  # fmt: skip


def books_agree() -> bool:
    """Whether every payee's booked lines, roll-up and accrued ledger account are the same number."""
    return not fetch(f"{_BOOKS} LIMIT 1", {})


def fetch(statement: str, params: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Return the rows of a statement."""
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return list(cursor.fetchall())
