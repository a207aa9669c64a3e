"""What IBs and those below them did in a stretch of time, read from the stored deals: one statement for all IBs.

Who is whose follows the dated links at each deal's own time, as in judging: a trading account's link wins over its
client's, and a chain is cut into slices at every move of an IB above. Only live revisions count. A deal without a lot
factor, and an amount without a currency rate, adds nothing and is counted as unmeasured."""

from collections.abc import Collection
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import connection

from commissions.levels.enums import Scope
from commissions.levels.types import Figures, LadderTerms
from trading.deposits import IS_DEPOSIT_SQL
from trading.queries import LIVE_SQL

# What one unit of a currency cost in USD at a moment: of the rates known by then the latest, else the one that was
# published first. The rule of judging (commissions.judging.rates), with as many decimals as a total can need.
_USD = """CASE WHEN {currency} = 'USD' THEN 1 ELSE coalesce(
    (SELECT r.usd FROM (
        (SELECT f.rate AS usd, f.at, f.published_at, 1 AS way FROM trading_fxrate f
         WHERE f.base = {currency} AND f.quote = 'USD' AND f.at <= {at} AND f.published_at <= {at}
         ORDER BY f.at DESC, f.published_at DESC LIMIT 1)
        UNION ALL
        (SELECT round(1::numeric, 40) / f.rate, f.at, f.published_at, 2 FROM trading_fxrate f
         WHERE f.base = 'USD' AND f.quote = {currency} AND f.at <= {at} AND f.published_at <= {at}
         ORDER BY f.at DESC, f.published_at DESC LIMIT 1)) r
     ORDER BY r.at DESC, r.published_at DESC, r.way DESC LIMIT 1),
    (SELECT CASE WHEN f.base = 'USD' THEN round(1::numeric, 40) / f.rate ELSE f.rate END FROM trading_fxrate f
     WHERE ((f.base = {currency} AND f.quote = 'USD') OR (f.base = 'USD' AND f.quote = {currency})) AND f.at <= {at}
     ORDER BY f.published_at, f.at DESC LIMIT 1)) END"""

# Closing parts of trades: lots by the lot factor, and their notional value where a level asks for it.
_TRADES = """
    SELECT d.account_id, d.deal_at, 1 AS deals, 0::numeric AS deposit_usd,
        d.volume_closed_e8 * g.lot_factor * 0.00000001 AS lots,
        CASE WHEN %(wants_notional)s THEN d.volume_closed_e8 * g.lot_factor * 0.00000001
            * (d.contract_size_e8 * 0.00000001) * (d.price_e8 * 0.00000001) * {usd} END AS notional_usd,
        g.lot_factor IS NULL AS unmeasured
    FROM mt4bridge_mtserver s
    JOIN trading_deal d ON d.server_id = s.id AND d.deal_at >= %(since)s AND d.deal_at < %(until)s
    JOIN trading_tradingaccount a ON a.id = d.account_id
    JOIN trading_mtgroup g ON g.id = a.mt_group_id
    LEFT JOIN trading_symbol y ON y.id = d.symbol_id
    WHERE d.action IN (0, 1) AND d.volume_closed_e8 > 0 AND {live}
"""

# Money in and out: what `trading.deposits` says is a deposit or withdrawal, in the account's currency.
_MONEY = """
    SELECT d.account_id, d.deal_at, 0 AS deals, d.profit_e8 * 0.00000001 * {usd} AS deposit_usd,
        NULL::numeric AS lots, NULL::numeric AS notional_usd, false AS unmeasured
    FROM mt4bridge_mtserver s
    JOIN trading_deal d ON d.server_id = s.id AND d.deal_at >= %(since)s AND d.deal_at < %(until)s
    JOIN trading_tradingaccount a ON a.id = d.account_id
    JOIN trading_mtgroup g ON g.id = a.mt_group_id
    WHERE {is_deposit} AND %(wants_deposits)s AND {live}
"""

_LIVE = LIVE_SQL.format(alias="d")
EVENTS = (
    _TRADES.format(live=_LIVE, usd=_USD.format(currency="y.quote_currency", at="d.deal_at"))
    + "UNION ALL"
    + _MONEY.format(
        live=_LIVE, is_deposit=IS_DEPOSIT_SQL.format(alias="d"), usd=_USD.format(currency="g.currency", at="d.deal_at")
    )
)

_MEASURE = f"""
WITH RECURSIVE event AS ({EVENTS}), placed AS MATERIALIZED (
    SELECT CASE WHEN o.id IS NULL THEN c.ib_id ELSE o.ib_id END AS direct_id, a.client_id, e.*
    FROM event e JOIN trading_tradingaccount a ON a.id = e.account_id
    LEFT JOIN ib_accountlink o ON o.account_id = e.account_id
        AND o.active_from <= e.deal_at AND (o.active_to IS NULL OR o.active_to > e.deal_at)
    LEFT JOIN ib_clientlink c ON c.client_id = a.client_id
        AND c.active_from <= e.deal_at AND (c.active_to IS NULL OR c.active_to > e.deal_at)
), up AS (
    SELECT p.direct_id AS leaf_id, p.direct_id AS ib_id,
        %(since)s::timestamptz AS starts, %(until)s::timestamptz AS ends
    FROM placed p WHERE p.direct_id IS NOT NULL GROUP BY p.direct_id
    UNION ALL
    SELECT u.leaf_id, l.parent_id, greatest(u.starts, l.active_from), least(u.ends, l.active_to)
    FROM up u JOIN ib_iblink l ON l.ib_id = u.ib_id AND l.parent_id IS NOT NULL
        AND l.active_from < u.ends AND (l.active_to IS NULL OR l.active_to > u.starts)
    WHERE %(network)s
), cut AS (
    SELECT u.leaf_id, array_agg(DISTINCT moment ORDER BY moment) AS cuts
    FROM up u CROSS JOIN LATERAL unnest(ARRAY[u.starts, u.ends]) moment GROUP BY u.leaf_id
), sliced AS (
    SELECT p.direct_id, p.client_id, c.cuts[width_bucket(p.deal_at, c.cuts)] AS starts,
        sum(p.lots) AS lots, sum(p.notional_usd) AS notional_usd, sum(p.deposit_usd) AS deposit_usd,
        sum(p.deals) AS deals, count(p.lots) AS measured,
        count(*) FILTER (WHERE p.unmeasured OR p.deposit_usd IS NULL
            OR (p.deals = 1 AND %(wants_notional)s AND p.notional_usd IS NULL)) AS unmeasured
    FROM placed p JOIN cut c ON c.leaf_id = p.direct_id
    GROUP BY p.direct_id, p.client_id, 3
), of_client AS (
    SELECT u.ib_id, s.client_id, sum(s.lots) AS lots, sum(s.notional_usd) AS notional_usd,
        sum(s.deposit_usd) AS deposit_usd, sum(s.deals) AS deals, sum(s.measured) AS measured,
        sum(s.unmeasured) AS unmeasured
    FROM sliced s JOIN up u ON u.leaf_id = s.direct_id AND u.starts <= s.starts AND u.ends > s.starts
    GROUP BY u.ib_id, s.client_id
)
SELECT o.ib_id, round(coalesce(sum(o.lots), 0), 8),
    count(*) FILTER (WHERE o.measured > 0 AND o.lots >= %(active_min_lots)s),
    round(coalesce(sum(o.notional_usd), 0), 8), round(coalesce(sum(o.deposit_usd), 0), 8),
    sum(o.deals)::bigint, sum(o.unmeasured)::bigint
FROM of_client o JOIN ib_ib i ON i.id = o.ib_id
WHERE %(count_own)s OR i.client_id IS DISTINCT FROM o.client_id
GROUP BY o.ib_id
"""  # noqa: S608 -- own constants; values are parameters


def measure(*, terms: LadderTerms, since: datetime, until: datetime) -> dict[int, Figures]:
    """Return the figures of every IB with anything to measure in [since, until), by its id. One statement.

    IBs without deals and money operations are left out: their figures are `nothing(terms)`."""
    wants_notional, wants_deposits = _wants(terms)
    params: dict[str, Any] = {
        "since": since, "until": until, "network": terms.scope is Scope.NETWORK, "wants_notional": wants_notional,
        "wants_deposits": wants_deposits, "active_min_lots": terms.active_min_lots, "count_own": terms.count_own_trades,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_MEASURE, params)
        rows = cursor.fetchall()
    return {
        ib_id: Figures(
            lots=lots, active_clients=clients, notional_usd=notional if wants_notional else None,
            net_deposit_usd=deposits if wants_deposits else None, deals=deals, unmeasured_deals=unmeasured,
        )
        for ib_id, lots, clients, notional, deposits, deals, unmeasured in rows
    }  # fmt: skip


def nothing(terms: LadderTerms) -> Figures:
    """Return the figures of an IB for whom nothing happened."""
    wants_notional, wants_deposits = _wants(terms)
    return Figures(
        notional_usd=Decimal(0) if wants_notional else None, net_deposit_usd=Decimal(0) if wants_deposits else None
    )


def _wants(terms: LadderTerms) -> tuple[bool, bool]:
    asked = {condition.measure for level in terms.levels for condition in level.conditions}
    return "notional_usd" in asked, "net_deposit_usd" in asked


_LATE = """
SELECT count(*) FROM mt4bridge_mtserver s
JOIN trading_deal d ON d.server_id = s.id AND d.deal_at >= %(since)s AND d.deal_at < %(until)s
WHERE d.recorded_at > %(measured_at)s AND d.action IN (0, 1, 2)
"""


def late_deals(*, since: datetime, until: datetime, measured_at: datetime) -> int:
    """Count the deals of [since, until) that arrived, changed or vanished after they were measured."""
    with connection.cursor() as cursor:
        cursor.execute(_LATE, {"since": since, "until": until, "measured_at": measured_at})
        (count,) = cursor.fetchone()
    return int(count)


def known_ibs(*, until: datetime) -> Collection[int]:
    """Return the IBs that stood in the network before `until`."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT ib_id FROM ib_iblink WHERE active_from < %s ORDER BY ib_id", [until])
        return [ib_id for (ib_id,) in cursor.fetchall()]
