"""Recompute the ledger from its postings and say where anything disagrees; reads only, one broker."""

from typing import NamedTuple

from django.db import connection


class Check(NamedTuple):
    """A rule and the statement that finds what breaks it, as (subject, expected, found) texts."""

    name: str
    sql: str


class Difference(NamedTuple):
    check: str
    subject: str
    expected: str
    found: str

    def __str__(self) -> str:
        return f"{self.check}: {self.subject}: expected {self.expected}, found {self.found}"


CHECKS = (
    Check(
        "every entry sums to zero in each currency",
        """SELECT 'entry ' || entry_id || ' ' || currency, '0', net::text
           FROM (SELECT p.entry_id, a.currency, sum(CASE p.side WHEN 'D' THEN p.amount ELSE -p.amount END) AS net
                 FROM ledger_posting p JOIN ledger_ledgeraccount a ON a.id = p.ledger_account_id
                 GROUP BY p.entry_id, a.currency) sums WHERE net <> 0""",
    ),
    Check(
        "every entry has its lines without a gap",
        """SELECT 'entry ' || e.id, 'lines 1 to n, at least 2',
                  'lines ' || coalesce(string_agg(p.line::text, ',' ORDER BY p.line), 'none')
           FROM ledger_journalentry e LEFT JOIN ledger_posting p ON p.entry_id = e.id
           GROUP BY e.id HAVING count(p.line) < 2 OR min(p.line) <> 1 OR max(p.line) <> count(p.line)""",
    ),
    Check(
        "every posting has its entry and its ledger account",
        """SELECT 'posting ' || p.entry_id || '/' || p.line, 'entry and account',
                  CASE WHEN e.id IS NULL THEN 'no entry' ELSE 'no account' END
           FROM ledger_posting p LEFT JOIN ledger_journalentry e ON e.id = p.entry_id
           LEFT JOIN ledger_ledgeraccount a ON a.id = p.ledger_account_id WHERE e.id IS NULL OR a.id IS NULL""",
    ),
    Check(
        "amounts are positive and keep their account's decimals",
        """SELECT 'posting ' || p.entry_id || '/' || p.line, a.decimals || ' decimals', p.amount::text
           FROM ledger_posting p JOIN ledger_ledgeraccount a ON a.id = p.ledger_account_id
           WHERE p.amount <> round(p.amount, a.decimals) OR p.amount <= 0
           UNION ALL
           SELECT 'hold ' || h.id, a.decimals || ' decimals', h.amount::text
           FROM ledger_hold h JOIN ledger_ledgeraccount a ON a.id = h.ledger_account_id
           WHERE h.amount <> round(h.amount, a.decimals) OR h.amount <= 0""",
    ),
    Check(
        "balances are the sums of their postings",
        """SELECT a.code, 'D ' || coalesce(s.debit, 0) || ' C ' || coalesce(s.credit, 0)
                          || ' in ' || coalesce(s.lines, 0),
                  coalesce('D ' || b.posted_debit || ' C ' || b.posted_credit || ' in ' || b.posting_count,
                           'no balance')
           FROM ledger_ledgeraccount a LEFT JOIN ledger_balance b ON b.ledger_account_id = a.id
           LEFT JOIN (SELECT ledger_account_id, count(*) AS lines,
                             coalesce(sum(amount) FILTER (WHERE side = 'D'), 0) AS debit,
                             coalesce(sum(amount) FILTER (WHERE side = 'C'), 0) AS credit
                      FROM ledger_posting GROUP BY ledger_account_id) s ON s.ledger_account_id = a.id
           WHERE (b.posted_debit, b.posted_credit, b.posting_count)
                 IS DISTINCT FROM (coalesce(s.debit, 0), coalesce(s.credit, 0), coalesce(s.lines, 0))""",
    ),
    Check(
        "balances carry their account's rules",
        """SELECT a.code, a.normal_side || ' ' || a.allow_negative, b.normal_side || ' ' || b.allow_negative
           FROM ledger_ledgeraccount a JOIN ledger_balance b ON b.ledger_account_id = a.id
           WHERE (a.normal_side, a.allow_negative) IS DISTINCT FROM (b.normal_side, b.allow_negative)""",
    ),
    Check(
        "held is the sum of open holds",
        """SELECT a.code, coalesce(h.amount, 0)::text, coalesce(b.held, 0)::text
           FROM ledger_ledgeraccount a LEFT JOIN ledger_balance b ON b.ledger_account_id = a.id
           LEFT JOIN (SELECT ledger_account_id, sum(amount) AS amount FROM ledger_hold WHERE state = 'held'
                      GROUP BY ledger_account_id) h ON h.ledger_account_id = a.id
           WHERE coalesce(h.amount, 0) <> coalesce(b.held, 0)""",
    ),
    Check(
        "what is available is not negative where it must not be",
        """SELECT a.code, 'at least 0', (CASE b.normal_side WHEN 'C' THEN b.posted_credit - b.posted_debit
                                                           ELSE b.posted_debit - b.posted_credit END - b.held)::text
           FROM ledger_ledgeraccount a JOIN ledger_balance b ON b.ledger_account_id = a.id
           WHERE NOT a.allow_negative AND CASE b.normal_side WHEN 'C' THEN b.posted_credit - b.posted_debit
                                                             ELSE b.posted_debit - b.posted_credit END < b.held""",
    ),
    Check(
        "captured holds were taken exactly",
        """SELECT 'hold ' || h.id, h.amount::text, coalesce(t.taken::text, 'nothing')
           FROM ledger_hold h
           LEFT JOIN (SELECT p.entry_id, p.ledger_account_id,
                             sum(CASE WHEN p.side = a.normal_side THEN -p.amount ELSE p.amount END) AS taken
                      FROM ledger_posting p JOIN ledger_ledgeraccount a ON a.id = p.ledger_account_id
                      GROUP BY p.entry_id, p.ledger_account_id) t
             ON t.entry_id = h.captured_by_id AND t.ledger_account_id = h.ledger_account_id
           WHERE h.state = 'captured' AND t.taken IS DISTINCT FROM h.amount""",
    ),
    Check(
        "reversals mirror what they reverse",
        """WITH reversal AS (SELECT id, reverses_id FROM ledger_journalentry WHERE reverses_id IS NOT NULL),
                pair AS (
             SELECT r.id, p.ledger_account_id, CASE p.side WHEN 'D' THEN 'C' ELSE 'D' END AS side, p.amount, 1 AS due
             FROM reversal r JOIN ledger_posting p ON p.entry_id = r.reverses_id
             UNION ALL
             SELECT r.id, p.ledger_account_id, p.side, p.amount, -1
             FROM reversal r JOIN ledger_posting p ON p.entry_id = r.id)
           SELECT DISTINCT 'entry ' || id, 'the mirror of its original', 'other lines'
           FROM (SELECT id FROM pair GROUP BY id, ledger_account_id, side, amount HAVING sum(due) <> 0) broken""",
    ),
)

# The walls of the migrations: trigger on table; each must be there and on.
WALLS = frozenset({
    "ledger_account_opens_balance on ledger_ledgeraccount",
    "ledger_account_frozen on ledger_ledgeraccount",
    "journal_entry_append_only on ledger_journalentry",
    "journal_entry_own_transaction on ledger_journalentry",
    "journal_entry_whole on ledger_journalentry",
    "journal_entry_mirrors on ledger_journalentry",
    "posting_append_only on ledger_posting",
    "posting_1_wall on ledger_posting",
    "posting_2_moves_balance on ledger_posting",
    "balance_by_trigger_only on ledger_balance",
    "hold_never_deleted on ledger_hold",
    "hold_placed_moves_balance on ledger_hold",
    "hold_closed_once on ledger_hold",
    "hold_closed_moves_balance on ledger_hold",
    "hold_captured_exactly on ledger_hold",
})  # fmt: skip
_WALLS_SQL = """
SELECT t.tgname || ' on ' || c.relname,
       coalesce(f.pronamespace = c.relnamespace
                AND f.proconfig[1] = format('search_path=%%I, pg_temp', n.nspname), false)
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_proc f ON f.oid = t.tgfoid
WHERE n.nspname = current_schema() AND c.relname LIKE 'ledger\\_%%' AND NOT t.tgisinternal AND t.tgenabled IN ('O', 'A')
"""


def verify_ledger() -> list[Difference]:
    """Return every difference in the ledger of the broker in force; none when all agrees."""
    found: list[Difference] = []
    with connection.cursor() as cursor:
        for check in CHECKS:
            cursor.execute(check.sql)
            found += [Difference(check.name, *row) for row in cursor.fetchall()]
        cursor.execute(_WALLS_SQL, [])
        standing = dict(cursor.fetchall())
    found += [Difference("every wall stands", wall, "on", "missing or off") for wall in sorted(WALLS - standing.keys())]
    found += [
        Difference("every wall stands", wall, "bound to its own schema", "another schema")
        for wall, own in sorted(standing.items())
        if not own
    ]
    return found
