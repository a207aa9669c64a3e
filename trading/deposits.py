"""Net deposits: what a client brought and took, told from the balance operations of its MT accounts.

One place says which operations are deposits and withdrawals. Operations that this system sends to the MT server itself
as a transfer, rebate, bonus or correction are none: whoever writes them excludes them here."""

from collections.abc import Collection
from datetime import datetime

from django.db import connection

from core.money import from_e8
from mt4bridge.enums import DealAction
from trading.queries import LIVE_SQL
from trading.types import NetDeposit

# Whether the live deal {alias} is a deposit (profit above zero) or a withdrawal (below).
IS_DEPOSIT_SQL = f"({{alias}}.action = {DealAction.BALANCE.value} AND {{alias}}.profit_e8 <> 0)"

_NET = f"""SELECT a.client_id, g.currency, sum(d.profit_e8) FROM trading_tradingaccount a
    JOIN trading_mtgroup g ON g.id = a.mt_group_id
    JOIN trading_deal d ON d.account_id = a.id AND {IS_DEPOSIT_SQL.format(alias="d")} AND {LIVE_SQL.format(alias="d")}
    WHERE a.client_id = ANY(%s) AND d.deal_at < %s GROUP BY a.client_id, g.currency ORDER BY 1, 2"""  # noqa: S608 -- own text


def net_deposits(*, client_ids: Collection[int], before: datetime) -> list[NetDeposit]:
    """Return deposits less withdrawals of clients before a moment, by the currency of their accounts. One statement."""
    with connection.cursor() as cursor:
        cursor.execute(_NET, [list(client_ids), before])
        return [NetDeposit(client, currency, from_e8(int(net))) for client, currency, net in cursor.fetchall()]
