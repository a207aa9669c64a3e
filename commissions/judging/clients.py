"""Clients whose CPA must be worked out again: marked by what may change it, taken by `accruing`."""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from django.db import connection

from commissions.judging.book import Book
from commissions.judging.chains import Chain
from commissions.judging.columns import Rows
from commissions.judging.places import chains_of
from commissions.judging.plans import LoadedVersion, to_us
from commissions.models import CpaClient
from trading.models import TradingAccount

_MARK = """INSERT INTO commissions_cpaclient AS c (client_id, is_stale, stamp, missing, missing_at, missing_groups)
    SELECT DISTINCT a.client_id, true, 1, '{{}}'::varchar[], '{{}}'::timestamptz[], '{{}}'::bigint[]
    FROM ({accounts}) AS chosen (id) JOIN trading_tradingaccount a ON a.id = chosen.id ORDER BY 1
    ON CONFLICT (client_id) DO UPDATE SET is_stale = true, stamp = c.stamp + 1"""
_ACCOUNTS = "SELECT unnest(%(accounts)s::bigint[])"
_WAKE = """UPDATE commissions_cpaclient c SET is_stale = true, stamp = c.stamp + 1 WHERE NOT c.is_stale AND (
    c.missing_groups <> '{}' AND EXISTS (
        SELECT 1 FROM trading_mtgroup g WHERE g.id = ANY(c.missing_groups) AND g.lot_factor IS NOT NULL)
    OR c.missing <> '{}' AND EXISTS (
        SELECT 1 FROM unnest(c.missing, c.missing_at) AS m (currency, at) JOIN trading_fxrate f ON f.at <= m.at
            AND (f.base = m.currency AND f.quote = 'USD' OR f.base = 'USD' AND f.quote = m.currency)))"""


def has_cpa(versions: Mapping[int, LoadedVersion]) -> bool:
    """Whether any plan of the broker ever paid CPA: without one, CPA costs nothing."""
    return any(version.terms.cpa is not None for version in versions.values())


def mark_accounts(accounts: str, params: Mapping[str, Any]) -> None:
    """Mark the clients of accounts, named by one of the texts of `queueing`."""
    with connection.cursor() as cursor:
        cursor.execute(_MARK.format(accounts=accounts), params)


def mark_rows(rows: Rows, fresh: Rows, book: Book | None) -> None:
    """Mark the clients whose CPA these new rows may change; `fresh`: those that are simply new trades, with their book.

    A new trade that comes last, by an IB that deals alone earn nothing, marks nobody."""
    marked = set(rows["account"][~np.isin(rows["id"], fresh["id"])].tolist())
    if len(fresh) and book is not None:
        marked |= _earning(fresh, book)
    if marked:
        mark_accounts(_ACCOUNTS, {"accounts": sorted(marked)})


def wake_clients() -> None:
    """Mark the clients whose rate or lot factor has arrived."""
    with connection.cursor() as cursor:
        cursor.execute(_WAKE)


def pays_cpa(chain: Chain) -> bool:
    """Whether the chain's direct IB may be paid CPA: its version says so, it is active and not its own client."""
    if not chain.ib_ids:
        return False
    direct, version = chain.shape.members[0], chain.shape.versions[0]
    return version is not None and version.terms.cpa is not None and direct.active and not direct.is_client


def _earning(fresh: Rows, book: Book) -> set[int]:
    """Return the accounts of new trades by which CPA may become due, or closed lots change behind others."""
    chain = chains_of(fresh, book)
    clients = book.client_of[book.place(fresh["account"])]
    known = {row.client_id: row for row in CpaClient.objects.filter(client_id__in=np.unique(clients).tolist())}
    found = set()
    columns = (fresh["account"].tolist(), clients.tolist(), fresh["at_us"].tolist(), chain.tolist())
    for account, client, at_us, number in zip(*columns, strict=True):
        if account not in found and _may_earn(known.get(client), book.chains.chains[number], at_us):
            found.add(account)
    return found


def _may_earn(known: CpaClient | None, chain: Chain, at_us: int) -> bool:
    if known is not None and known.seen_at is not None and at_us <= to_us(known.seen_at):
        return True
    if not pays_cpa(chain):
        return False
    version = chain.shape.versions[0]
    quiet = known and (known.quiet_ib_id, known.quiet_version_id) == (chain.ib_ids[0], version.id if version else None)
    return not quiet


def accounts_of_clients(client_ids: Collection[int]) -> list[int]:
    """Return all accounts of the clients, on whatever server."""
    return list(
        TradingAccount.objects.filter(client_id__in=list(client_ids)).order_by("pk").values_list("pk", flat=True)
    )
