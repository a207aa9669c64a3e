"""Which deals wait for a currency rate: for the page where somebody publishes it."""

from dataclasses import dataclass
from datetime import datetime

from django.db import connection

_BY_CURRENCY = """SELECT c.currency, count(*), min(r.deal_at), max(r.deal_at)
FROM commissions_rejudge r, unnest(r.currencies) AS c (currency) GROUP BY 1 ORDER BY 2 DESC, 1"""


@dataclass(frozen=True, slots=True)
class RateWait:
    """Deals that wait for a rate of a currency against USD, the earliest and the latest of them."""

    currency: str
    deals: int
    first_at: datetime
    last_at: datetime


def rate_waits() -> list[RateWait]:
    """Return what waits for rates, most deals first; one statement over the deals that wait for anything."""
    with connection.cursor() as cursor:
        cursor.execute(_BY_CURRENCY)
        return [RateWait(*row) for row in cursor.fetchall()]
