"""The deals that judging works on, as columns: new ones behind the cursor, and live ones by their identity."""

from collections.abc import Collection, Sequence
from datetime import datetime

import numpy as np

from commissions.judging.columns import MISSING, Bools, Column, Rows, array_text, read_columns
from trading.deposits import IS_DEPOSIT_SQL
from trading.queries import LIVE_SQL, ROOT_SQL

_FACTS = (
    Column("id", "d.id"),
    Column("ticket", "d.ticket"),
    Column("leg", "d.leg", "smallint"),
    Column("revision", "d.revision", "smallint"),
    Column("deleted", "d.deleted::int", "smallint"),
    Column("account", "d.account_id"),
    Column("symbol", "coalesce(d.symbol_id, 0)"),
    Column("action", "d.action", "smallint"),
    Column("entry", "d.entry", "smallint"),
    Column("reason", "d.reason", "smallint"),
    Column("position", "d.position"),
    Column("position_by", "d.position_by"),
    Column("volume_e8", "d.volume_e8"),
    Column("closed_e8", "d.volume_closed_e8"),
    Column("price_e8", "d.price_e8"),
    Column("bid_e8", f"coalesce(d.bid_e8, {MISSING})"),
    Column("ask_e8", f"coalesce(d.ask_e8, {MISSING})"),
    Column("contract_size_e8", "d.contract_size_e8"),
    Column("digits", "d.digits", "smallint"),
    Column("profit_e8", "d.profit_e8"),
    Column("swap_e8", "d.swap_e8"),
    Column("commission_e8", "d.commission_e8"),
    Column("at_us", "d.deal_at", "timestamptz"),
)
ROOT = Column("root", ROOT_SQL.format(alias="d"))
COLUMNS = (*_FACTS, ROOT)
_BY_ROOT = (*_FACTS, Column("root", "r.id"))
_LIVE = LIVE_SQL.format(alias="d")
_REVISIONS_OF = """FROM trading_deal r CROSS JOIN LATERAL (SELECT * FROM trading_deal p WHERE p.server_id = r.server_id
    AND p.ticket = r.ticket AND p.leg = r.leg ORDER BY p.revision OFFSET 0) d
    WHERE r.id = ANY(%s::bigint[]) AND r.revision = 0 ORDER BY d.id"""
_NEWEST_OF = """FROM trading_deal r CROSS JOIN LATERAL (SELECT * FROM trading_deal p WHERE p.server_id = r.server_id
    AND p.ticket = r.ticket AND p.leg = r.leg ORDER BY p.revision DESC LIMIT 1) d
    WHERE r.id = ANY(%s::bigint[]) AND r.revision = 0 ORDER BY r.id"""


def read_new(*, server_id: int, after_id: int, limit: int) -> Rows:
    """Return the server's rows behind the cursor in the order they were recorded, every revision on its own."""
    tail = "FROM trading_deal d WHERE d.server_id = %s AND d.id > %s ORDER BY d.id LIMIT %s"
    return read_columns(COLUMNS, tail, [server_id, after_id, limit])


def read_newest(roots: Collection[int]) -> Rows:
    """Return the newest revision, deleted or not, of each deal, by identity."""
    return read_columns(_BY_ROOT, _NEWEST_OF, [array_text(sorted(roots))])


def read_revisions(roots: Collection[int]) -> Rows:
    """Return every revision of each deal: where an edited one stood before matters to its old position too."""
    return read_columns(_BY_ROOT, _REVISIONS_OF, [array_text(sorted(roots))])


def read_judged_under(accounts: str, ibs: Sequence[int], start: datetime, end: datetime) -> Rows:
    """Return the live judged trades of a period [start, end) on the accounts below IBs; `accounts` of `queueing`."""
    tail = f"""FROM ({accounts}) AS chosen (id)
        JOIN trading_deal d ON d.account_id = chosen.id AND d.deal_at >= %(start)s AND d.deal_at < %(end)s
        CROSS JOIN LATERAL (SELECT p.id, p.server_id FROM trading_deal p WHERE p.server_id = d.server_id
            AND p.ticket = d.ticket AND p.leg = d.leg ORDER BY p.revision LIMIT 1) r
        JOIN trading_dealcursor c ON c.server_id = r.server_id AND r.id <= c.judged_id
        WHERE d.action IN (0, 1) AND {_LIVE} ORDER BY d.id"""  # noqa: S608 -- own text
    return read_columns(_BY_ROOT, tail, {"ibs": list(ibs), "start": start, "end": end})


def read_cpa_events(accounts: Sequence[int]) -> Rows:
    """Return all live trades, deposits and withdrawals of the accounts."""
    tail = f"""FROM trading_deal d WHERE d.account_id = ANY(%s) AND {_LIVE}
        AND (d.action IN (0, 1) OR {IS_DEPOSIT_SQL.format(alias="d")})"""
    return read_columns(COLUMNS, tail, [list(accounts)])


def is_trade(rows: Rows) -> Bools:
    """Return which rows are buys and sells."""
    return np.asarray((rows["action"] == 0) | (rows["action"] == 1))
