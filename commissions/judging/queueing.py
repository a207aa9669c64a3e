"""Put judged deals into the queue of those to judge again: the one statement that does it, and what selects them.

Too many are harmless: a deal that comes out the same changes nothing."""

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from django.db import connection

# Accounts below IBs during a period, whoever was between; and the other ways to name accounts.
UNDER_IBS = """WITH RECURSIVE down AS (
    SELECT unnest(%(ibs)s::bigint[]) AS ib_id
    UNION
    SELECT l.ib_id FROM down JOIN ib_iblink l ON l.parent_id = down.ib_id
        AND (l.active_to IS NULL OR l.active_to > %(start)s)
        AND (%(end)s::timestamptz IS NULL OR l.active_from < %(end)s)
)
SELECT a.id FROM down JOIN ib_clientlink c ON c.ib_id = down.ib_id
    AND (c.active_to IS NULL OR c.active_to > %(start)s)
    AND (%(end)s::timestamptz IS NULL OR c.active_from < %(end)s)
JOIN trading_tradingaccount a ON a.client_id = c.client_id
UNION
SELECT k.account_id FROM down JOIN ib_accountlink k ON k.ib_id = down.ib_id
    AND (k.active_to IS NULL OR k.active_to > %(start)s)
    AND (%(end)s::timestamptz IS NULL OR k.active_from < %(end)s)"""
OF_CLIENTS = "SELECT id FROM trading_tradingaccount WHERE client_id = ANY(%(clients)s)"
OF_ACCOUNT = "SELECT %(account)s::bigint"

_TOUCHED = """SELECT r.id, r.server_id, d.deal_at
    FROM {deals} JOIN trading_deal r
        ON r.server_id = d.server_id AND r.ticket = d.ticket AND r.leg = d.leg AND r.revision = 0
    {judged}"""
_OF_SERVER = "WHERE d.action IN (0, 1) AND r.server_id = %(server)s AND r.id <= %(judged)s"
_OF_ALL = """JOIN trading_dealcursor cursor ON cursor.server_id = r.server_id AND r.id <= cursor.judged_id
    WHERE d.action IN (0, 1)"""
_ON_ACCOUNTS = """({accounts}) AS chosen (id)
    JOIN trading_tradingaccount own ON own.id = chosen.id {of_server}
    JOIN trading_deal d ON d.account_id = own.id AND d.deal_at >= %(start)s
        AND (%(end)s::timestamptz IS NULL OR d.deal_at < %(end)s)"""
_IN_SYMBOLS = "unnest(%(symbols)s::bigint[]) AS named (id) JOIN trading_deal d ON d.symbol_id = named.id"
_BY_ID = """SELECT r.id, r.server_id, r.deal_at
    FROM unnest(%(ids)s::bigint[]) AS named (id) JOIN trading_deal r ON r.id = named.id"""
_QUEUE = """INSERT INTO commissions_rejudge AS q
        (deal_id, server_id, cause, is_ready, mt_group_id, currencies, deal_at)
    SELECT DISTINCT ON (t.id) t.id, t.server_id, 'correction', true, NULL::bigint, '{{}}'::varchar[], t.deal_at
    FROM ({touched}) t ORDER BY t.id
    ON CONFLICT (deal_id) DO UPDATE SET is_ready = true"""


class Touched(NamedTuple):
    """A statement that selects (id, server_id, deal_at) of the judged deals that a change touches, some repeatedly."""

    statement: str
    params: dict[str, Any]


def touched_on_accounts(accounts: str, params: Mapping[str, Any], *, server_id: int, judged_id: int) -> Touched:
    """Return what selects a server's judged deals of a period on accounts: `accounts` is one of the texts above,
    `params` has `start`, `end` (None: without) and what the text names."""
    deals = _ON_ACCOUNTS.format(accounts=accounts, of_server="AND own.server_id = %(server)s")
    statement = _TOUCHED.format(deals=deals, judged=_OF_SERVER)
    return Touched(statement, {**params, "server": server_id, "judged": judged_id})


def touched_anywhere(accounts: str, params: Mapping[str, Any]) -> Touched:
    """Return the same of every server, up to where each is judged."""
    deals = _ON_ACCOUNTS.format(accounts=accounts, of_server="")
    return Touched(_TOUCHED.format(deals=deals, judged=_OF_ALL), dict(params))


def touched_in_symbols(symbol_ids: Collection[int], *, server_id: int, judged_id: int) -> Touched:
    """Return what selects a server's judged deals in symbols."""
    params = {"symbols": list(symbol_ids), "server": server_id, "judged": judged_id}
    return Touched(_TOUCHED.format(deals=_IN_SYMBOLS, judged=_OF_SERVER), params)


def queue(touched: Touched) -> None:
    """Queue what the statement selects."""
    with connection.cursor() as cursor:
        cursor.execute(_QUEUE.format(touched=touched.statement), touched.params)


def queue_ids(deal_ids: Collection[int]) -> None:
    """Queue deals by their identities, also those that the transaction in progress judges."""
    if deal_ids:
        queue(Touched(_BY_ID, {"ids": sorted(deal_ids)}))
