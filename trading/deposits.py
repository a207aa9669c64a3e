"""Net deposits: what a client brought and took, told from the balance operations of its MT accounts.

One place says which operations are deposits and withdrawals: all balance deals but those that our outbox marks as a
transfer, rebate, bonus or correction. A deal is ours by its ticket, and by the reference its comment begins with: it
may be stored and judged before the outbox has read it back."""

from collections.abc import Collection
from datetime import datetime

from django.db import connection

from core.money import from_e8
from mt4bridge.enums import DealAction
from trading.operations.enums import NOT_A_DEPOSIT
from trading.operations.reference import LENGTH
from trading.queries import LIVE_SQL
from trading.types import NetDeposit

# Whether the live deal {alias} is a deposit (profit above zero) or a withdrawal (below).
_NONE = ", ".join(f"'{purpose.value}'" for purpose in NOT_A_DEPOSIT)
IS_DEPOSIT_SQL = f"""({{alias}}.action = {DealAction.BALANCE.value} AND {{alias}}.profit_e8 <> 0
    AND NOT EXISTS (SELECT 1 FROM trading_balanceoperation o WHERE o.server_id = {{alias}}.server_id
        AND o.ticket = {{alias}}.ticket AND o.purpose IN ({_NONE}))
    AND NOT EXISTS (SELECT 1 FROM trading_balanceoperation o WHERE o.ref = left({{alias}}.comment, {LENGTH})
        AND o.account_id = {{alias}}.account_id AND o.state <> 'refused' AND o.purpose IN ({_NONE})))"""  # noqa: S608 -- own text

_NET = f"""SELECT a.client_id, g.currency, sum(d.profit_e8) FROM trading_tradingaccount a
    JOIN trading_mtgroup g ON g.id = a.mt_group_id
    JOIN trading_deal d ON d.account_id = a.id AND {IS_DEPOSIT_SQL.format(alias="d")} AND {LIVE_SQL.format(alias="d")}
    WHERE a.client_id = ANY(%s) AND d.deal_at < %s GROUP BY a.client_id, g.currency ORDER BY 1, 2"""  # noqa: S608 -- own text


def net_deposits(*, client_ids: Collection[int], before: datetime) -> list[NetDeposit]:
    """Return deposits less withdrawals of clients before a moment, by the currency of their accounts. One statement."""
    with connection.cursor() as cursor:
        cursor.execute(_NET, [list(client_ids), before])
        return [NetDeposit(client, currency, from_e8(int(net))) for client, currency, net in cursor.fetchall()]
