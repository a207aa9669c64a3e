"""What a client got of the rebates on its own deals, where its IB's plan shares them."""

from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal

from django.db import connection

from core.money import from_e8

_SHARES = """
SELECT d.id, r.id, j.amount_e8[array_position(j.payee, p.id)], p.currency
FROM trading_deal d
JOIN trading_deal r ON r.server_id = d.server_id AND r.ticket = d.ticket AND r.leg = d.leg AND r.revision = 0
JOIN LATERAL (SELECT payee, amount_e8 FROM commissions_judgement WHERE deal_id = r.id
    ORDER BY revision DESC LIMIT 1) j ON true
JOIN commissions_payee p ON p.client_id = %s AND p.id = ANY(j.payee)
WHERE d.id = ANY(%s)
"""


@dataclass(frozen=True, slots=True)
class Share:
    """A client's own share on one deal; `deal_id` is the deal's first revision."""

    deal_id: int
    amount: Decimal
    currency: str


def shares_of(*, client_id: int, deal_pks: Collection[int]) -> dict[int, Share]:
    """Return the client's share by the id of each deal's live revision, where it has one. One statement."""
    with connection.cursor() as cursor:
        cursor.execute(_SHARES, [client_id, list(deal_pks)])
        return {pk: Share(root, from_e8(amount), currency) for pk, root, amount, currency in cursor.fetchall()}
