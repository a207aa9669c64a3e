"""The agent field of MT accounts: the IB's own account, written when a client gets or changes its IB.

So that MT's own reports agree with ours. The link's number is part of the order's key: each change is written once."""

import logging
from datetime import datetime, timedelta

from django.db import connection

from access.types import Actor
from core.errors import DomainError
from trading.models import TradingAccount
from trading.operations.account_models import AccountOrder
from trading.operations.enums import OrderKind
from trading.operations.ordering import order_change

logger = logging.getLogger(__name__)

LOOK_BACK = timedelta(days=2)  # a worker that was off for longer leaves what changed meanwhile to `since`
_ACTOR = Actor.system("agent field")
_RECENT = """
WITH recent AS (
    SELECT a.id FROM ib_clientlink l JOIN trading_tradingaccount a ON a.client_id = l.client_id
    WHERE l.active_from > %(since)s AND l.active_from <= %(now)s OR l.active_to > %(since)s AND l.active_to <= %(now)s
    UNION SELECT l.account_id FROM ib_accountlink l
    WHERE l.active_from > %(since)s AND l.active_from <= %(now)s OR l.active_to > %(since)s AND l.active_to <= %(now)s
    UNION SELECT o.account_id FROM trading_accountorder o
    WHERE o.kind = 'open' AND o.state = 'confirmed' AND o.state_at > %(since)s)
SELECT a.id, CASE WHEN al.id IS NOT NULL THEN 'a' || al.id ELSE 'c' || coalesce(cl.id, 0) END, coalesce(g.login, 0)
FROM recent JOIN trading_tradingaccount a ON a.id = recent.id
LEFT JOIN ib_accountlink al ON al.account_id = a.id AND al.active_from <= %(now)s
    AND (al.active_to IS NULL OR al.active_to > %(now)s)
LEFT JOIN ib_clientlink cl ON cl.client_id = a.client_id AND cl.active_from <= %(now)s
    AND (cl.active_to IS NULL OR cl.active_to > %(now)s)
LEFT JOIN ib_ib i ON i.id = CASE WHEN al.id IS NOT NULL THEN al.ib_id ELSE cl.ib_id END
LEFT JOIN LATERAL (SELECT min(x.login) AS login FROM trading_tradingaccount x
    WHERE x.client_id = i.client_id AND x.server_id = a.server_id AND x.id <> a.id) g ON true
ORDER BY a.id
"""


def walk(*, now: datetime, since: datetime | None = None) -> int:
    """Order the agent field of the accounts whose IB changed lately; return how many orders were made."""
    with connection.cursor() as cursor:
        cursor.execute(_RECENT, {"now": now, "since": since or now - LOOK_BACK})
        found = {account_id: (link, agent) for account_id, link, agent in cursor.fetchall()}
    keys = {pk: f"agent:{pk}:{link}:{agent}" for pk, (link, agent) in found.items()}
    known = set(
        AccountOrder.objects.filter(idempotency_key__in=keys.values()).values_list("idempotency_key", flat=True)
    )
    written = set(
        AccountOrder.objects.filter(kind=OrderKind.AGENT, account__in=found).values_list("account", flat=True)
    )
    accounts = TradingAccount.objects.select_related("client").in_bulk(list(found))
    made = 0
    for pk, (_link, agent) in found.items():
        if keys[pk] not in known and (agent or pk in written):
            made += _order(accounts[pk], agent, keys[pk], now)
    return made


def _order(account: TradingAccount, agent: int, key: str, now: datetime) -> bool:
    try:
        order_change(account=account, kind=OrderKind.AGENT, agent=agent, idempotency_key=key, actor=_ACTOR, now=now)
    except DomainError as error:  # the one before is under way: the next walk writes this one
        logger.info("an agent field waits", extra={"login": account.login, "code": error.code})
        return False
    return True
