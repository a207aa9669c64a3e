"""What the main job left in a broker's database: read from the stored rows of each room, nothing remembered."""

from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

from django.db import connection

from core.money import quantize, round_to
from trading.models import HeldDeal, TradingAccount
from trading.queries import LIVE_SQL, book_summaries

_DEALS_SQL = """
SELECT count(*),
       count(*) FILTER (WHERE j.deal_id IS NOT NULL),
       count(*) FILTER (WHERE j.deal_id IS NULL AND d.action IN (0, 1) AND d.entry <> 0)
FROM trading_deal d
JOIN trading_deal first
  ON first.server_id = d.server_id AND first.ticket = d.ticket AND first.leg = d.leg AND first.revision = 0
LEFT JOIN commissions_judgement j ON j.deal_id = first.id AND j.revision = 0
WHERE {live}
"""
_LIVE_LINES_SQL = """
SELECT line.payee, sum(line.amount) FROM (
    SELECT DISTINCT ON (deal_id) payee, amount_e8 FROM commissions_judgement ORDER BY deal_id, revision DESC
) live, unnest(live.payee, live.amount_e8) AS line(payee, amount) GROUP BY line.payee
"""
_ROLLED_UP_SQL = "SELECT payee_id, sum(amount) FROM commissions_ibday GROUP BY payee_id"
_LEDGER_SQL = """
SELECT p.id, p.currency, coalesce(sum(CASE WHEN s.side = 'C' THEN s.amount ELSE -s.amount END), 0)
FROM commissions_payee p LEFT JOIN ledger_posting s ON s.ledger_account_id = p.ledger_account_id
GROUP BY p.id, p.currency
"""
_LEDGER_SUM_SQL = """
SELECT coalesce(sum(abs(net)), 0) FROM (
    SELECT sum(CASE WHEN s.side = 'D' THEN s.amount ELSE -s.amount END) AS net
    FROM ledger_posting s JOIN ledger_ledgeraccount a ON a.id = s.ledger_account_id GROUP BY a.currency) x
"""


@dataclass(frozen=True, slots=True)
class Figures:
    """The state of one broker; money as exact text, `rebates` by currency."""

    deals: int
    accounts: int
    judged: int
    unjudged: int
    held: int
    payees: int
    rebates: dict[str, str]
    ledger_sum: str
    statement_equals_ledger: bool
    books: list[dict[str, Any]]


def read_figures() -> Figures:
    """Read the figures of the broker in force."""
    ((deals, judged, unjudged),) = _rows(_DEALS_SQL.format(live=LIVE_SQL.format(alias="d")))
    lines = {payee: Decimal(total) / 10**8 for payee, total in _rows(_LIVE_LINES_SQL)}
    rolled_up = dict(_rows(_ROLLED_UP_SQL))
    booked = {payee: (currency, amount) for payee, currency, amount in _rows(_LEDGER_SQL)}
    ((off_balance,),) = _rows(_LEDGER_SUM_SQL)
    return Figures(
        deals=deals, accounts=TradingAccount.objects.count(), judged=judged, unjudged=unjudged,
        held=HeldDeal.objects.filter(released_at__isnull=True).count(),
        payees=sum(amount != 0 for amount in lines.values()), rebates=_by_currency(booked),
        ledger_sum=f"{off_balance.normalize():f}",
        statement_equals_ledger=all(
            lines.get(payee, 0) == rolled_up.get(payee, 0) == amount for payee, (_currency, amount) in booked.items()
        ),
        books=[asdict(book) for book in book_summaries()],
    )  # fmt: skip


def _by_currency(booked: dict[int, tuple[str, Decimal]]) -> dict[str, str]:
    totals: dict[str, Decimal] = {}
    for currency, amount in booked.values():
        totals[currency] = totals.get(currency, Decimal(0)) + amount
    return {currency: _shortest(total, currency) for currency, total in sorted(totals.items()) if total}


def _shortest(amount: Decimal, currency: str) -> str:
    """Return the amount with the currency's decimals, or with all eight when it has a smaller part."""
    rounded = round_to(amount, currency)
    return f"{rounded if rounded == amount else quantize(amount, 8):f}"


def _rows(sql: str) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall()
