"""Everything that a walk leaves behind, without ids: equal for two walks of the same history, whatever happened."""

from typing import Any

from django.db import connection

from trading.queries import LIVE_SQL

_QUERIES = {
    "deals": """
        SELECT d.ticket, d.leg, a.login, s.name, d.action, d.entry, d.reason, d.position, d.volume_e8,
               d.volume_closed_e8, d.price_e8, d.bid_e8, d.ask_e8, d.profit_e8, d.swap_e8, d.commission_e8,
               d.fee_e8, d.deal_at, d.comment
        FROM trading_deal d JOIN trading_tradingaccount a ON a.id = d.account_id
        LEFT JOIN trading_symbol s ON s.id = d.symbol_id
        WHERE {live} ORDER BY d.ticket, d.leg""",
    "judgements": """
        SELECT d.ticket, d.leg, coalesce(ib.code, 'client'), line.verdict, line.amount FROM (
            SELECT DISTINCT ON (deal_id) deal_id, payee, verdict, amount_e8 FROM commissions_judgement
            ORDER BY deal_id, revision DESC) live
        JOIN trading_deal d ON d.id = live.deal_id,
        unnest(live.payee, live.verdict, live.amount_e8) AS line(payee, verdict, amount)
        JOIN commissions_payee p ON p.id = line.payee LEFT JOIN ib_ib ib ON ib.id = p.ib_id
        WHERE EXISTS (
            SELECT 1 FROM trading_deal n WHERE n.server_id = d.server_id AND n.ticket = d.ticket AND n.leg = d.leg
            AND NOT n.deleted AND n.revision = (
                SELECT max(m.revision) FROM trading_deal m
                WHERE m.server_id = d.server_id AND m.ticket = d.ticket AND m.leg = d.leg))
        ORDER BY 1, 2, 3""",
    "roll_ups": """
        SELECT coalesce(ib.code, 'client'), r.day, r.symbol_group_id, coalesce(via.code, ''), coalesce(a.login, 0),
               sum(r.deals), sum(r.lots), sum(r.amount)
        FROM commissions_ibday r JOIN commissions_payee p ON p.id = r.payee_id LEFT JOIN ib_ib ib ON ib.id = p.ib_id
        LEFT JOIN ib_ib via ON via.id = r.via_ib_id LEFT JOIN trading_tradingaccount a ON a.id = r.via_account_id
        GROUP BY 1, 2, 3, 4, 5 HAVING sum(r.deals) <> 0 OR sum(r.amount) <> 0 ORDER BY 1, 2, 3, 4, 5""",
    "ledger": """
        SELECT coalesce(ib.code, 'client'), p.currency, sum(CASE WHEN s.side = 'C' THEN s.amount ELSE -s.amount END)
        FROM commissions_payee p JOIN ledger_posting s ON s.ledger_account_id = p.ledger_account_id
        LEFT JOIN ib_ib ib ON ib.id = p.ib_id GROUP BY 1, 2 ORDER BY 1, 2""",
    "held": "SELECT ticket, leg, reason FROM trading_helddeal WHERE released_at IS NULL ORDER BY 1, 2",
}  # fmt: skip


def read_end_state() -> dict[str, list[Any]]:
    """Read the state of the broker in force; every value as text, so that it compares and prints."""
    state = {}
    for name, sql in _QUERIES.items():
        with connection.cursor() as cursor:
            cursor.execute(sql.format(live=LIVE_SQL.format(alias="d")))
            state[name] = [[_plain(value) for value in row] for row in cursor.fetchall()]
    return state


def _plain(value: object) -> str:
    if hasattr(value, "normalize"):
        value = value.normalize()
    return f"{value:f}" if hasattr(value, "as_tuple") else str(value)
