"""Prove the settlement: statement = roll-up = ledger movement, for every payee and every statement."""

from decimal import Decimal
from typing import Any

from django.db import connection
from django.utils.translation import gettext_noop as _

_THREE = ("number", "first", "second")

# Each statement against the roll-up of its days.
_ROLL_UP = """SELECT s.id, s.lines_total, coalesce(d.total, 0) FROM commissions_statement s
    LEFT JOIN LATERAL (SELECT sum(amount) AS total FROM commissions_ibday d WHERE d.payee_id = s.payee_id
        AND d.statement_day >= s.from_day AND d.statement_day < s.to_day) d ON true
    WHERE s.state <> 'open' AND s.lines_total <> coalesce(d.total, 0) ORDER BY s.id"""
# Closed days with lines that no statement takes, though the payee's statements go beyond them.
_LEFT_OUT = """SELECT d.payee_id, d.statement_day, sum(d.amount) FROM commissions_ibday d
    JOIN LATERAL (SELECT max(to_day) AS until FROM commissions_statement s WHERE s.payee_id = d.payee_id) s ON true
    WHERE d.statement_day < s.until AND NOT EXISTS (SELECT 1 FROM commissions_statement s
        WHERE s.payee_id = d.payee_id AND d.statement_day >= s.from_day AND d.statement_day < s.to_day)
    GROUP BY d.payee_id, d.statement_day ORDER BY 1, 2"""
# What one statement hands to the next.
_CHAIN = """SELECT s.id, p.id FROM commissions_statement s LEFT JOIN commissions_statement p ON p.id = s.previous_id
    WHERE s.carried_in <> coalesce(p.carried_out, 0) OR s.due_in <> coalesce(p.due_out, 0)
        OR p.id IS NULL AND EXISTS (SELECT 1 FROM commissions_statement e WHERE e.payee_id = s.payee_id AND e.id < s.id)
    ORDER BY s.id"""
# Payouts against the statement, and each against its own journal entry's lines on both accounts.
_PAYOUTS = """SELECT s.id,
        s.paid_before + CASE WHEN s.state IN ('paid', 'waiting_for_transfer') THEN s.payable ELSE 0 END,
        coalesce(o.total, 0) FROM commissions_statement s LEFT JOIN LATERAL (
        SELECT sum(amount) AS total FROM commissions_payout o WHERE o.statement_id = s.id) o ON true
    WHERE s.state <> 'open' AND coalesce(o.total, 0) <>
        s.paid_before + CASE WHEN s.state IN ('paid', 'waiting_for_transfer') THEN s.payable ELSE 0 END
    ORDER BY s.id"""
_ENTRIES = """SELECT o.id, o.amount, coalesce(l.accrued, 0), coalesce(l.wallet, 0) FROM commissions_payout o
    JOIN commissions_statement s ON s.id = o.statement_id JOIN commissions_payee p ON p.id = s.payee_id
    LEFT JOIN LATERAL (
        SELECT sum(g.amount) FILTER (WHERE g.ledger_account_id = p.ledger_account_id AND g.side = 'D') AS accrued,
            sum(g.amount) FILTER (WHERE a.kind = 'wallet' AND a.currency = p.currency AND g.side = 'C'
                AND a.owner_type = p.kind AND a.owner_id = coalesce(p.ib_id, p.client_id)) AS wallet
        FROM ledger_posting g JOIN ledger_journalentry e ON e.id = g.entry_id AND e.kind = 'rebate_settlement'
        JOIN ledger_ledgeraccount a ON a.id = g.ledger_account_id WHERE g.entry_id = o.entry_id) l ON true
    WHERE o.amount <> coalesce(l.accrued, 0) OR o.amount <> coalesce(l.wallet, 0) ORDER BY o.id"""
# The accrued account: what was earned less what was paid, whatever entry says so.
_ACCRUED = """SELECT p.id, coalesce(d.total, 0) - coalesce(o.total, 0), coalesce(g.total, 0) FROM commissions_payee p
    LEFT JOIN LATERAL (SELECT sum(amount) AS total FROM commissions_ibday d WHERE d.payee_id = p.id) d ON true
    LEFT JOIN LATERAL (SELECT sum(o.amount) AS total FROM commissions_payout o
        JOIN commissions_statement s ON s.id = o.statement_id WHERE s.payee_id = p.id) o ON true
    LEFT JOIN LATERAL (SELECT sum(CASE WHEN side = 'C' THEN amount ELSE -amount END) AS total
        FROM ledger_posting g WHERE g.ledger_account_id = p.ledger_account_id) g ON true
    WHERE coalesce(d.total, 0) - coalesce(o.total, 0) <> coalesce(g.total, 0) ORDER BY p.id"""

# How a row reads, and the names of its columns.
_RULES = (
    (_ROLL_UP, _("statement and roll-up differ: statement %(number)s: %(first)s, roll-up %(second)s"), _THREE),
    (_LEFT_OUT, _("lines that no statement takes: payee %(number)s, %(first)s: %(second)s"), _THREE),
    (
        _CHAIN, _("what one statement carries is not what the next takes in: statement %(number)s after %(first)s"),
        _THREE[:2],
    ),
    (_PAYOUTS, _("statement and payouts differ: statement %(number)s: %(first)s, payouts %(second)s"), _THREE),
    (
        _ENTRIES,
        _("payout and ledger differ: payout %(number)s: %(first)s, accrued %(second)s, wallet %(third)s"),
        (*_THREE, "third"),
    ),
    (
        _ACCRUED,
        _("roll-up less payouts is not what the ledger accrues: payee %(number)s: %(first)s, ledger %(second)s"),
        _THREE,
    ),
)  # fmt: skip


def verify_settlement() -> list[tuple[str, dict[str, str]]]:
    """Return (text with fields, what fills them) of all that disagrees in the broker in force; [] when it is proved."""
    return [
        (said, {name: figure(value) for name, value in zip(names, row, strict=True)})
        for statement, said, names in _RULES
        for row in _rows(statement)
    ]


def figure(value: Any) -> str:
    """Return a value of a row as it is read."""
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def _rows(statement: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall())
