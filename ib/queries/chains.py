"""Chains of IBs as the dated links had them at a moment."""

from collections.abc import Collection, Iterable
from datetime import datetime

from django.db import connection

from ib.types import ChainLink

_CLIENT_IBS = """
SELECT client_id, ib_id FROM ib_clientlink
WHERE client_id = ANY(%(ids)s) AND active_from <= %(at)s AND (active_to IS NULL OR active_to > %(at)s)
"""

_ACCOUNT_IBS = """
SELECT a.id, CASE WHEN own.id IS NULL THEN c.ib_id ELSE own.ib_id END
FROM trading_tradingaccount a
LEFT JOIN ib_accountlink own
    ON own.account_id = a.id AND own.active_from <= %(at)s AND (own.active_to IS NULL OR own.active_to > %(at)s)
LEFT JOIN ib_clientlink c
    ON c.client_id = a.client_id AND c.active_from <= %(at)s AND (c.active_to IS NULL OR c.active_to > %(at)s)
WHERE a.id = ANY(%(ids)s)
"""

_UP = """
WITH RECURSIVE up AS (
    SELECT l.ib_id, l.parent_id FROM ib_iblink l
    WHERE l.ib_id = ANY(%(ids)s) AND l.active_from <= %(at)s AND (l.active_to IS NULL OR l.active_to > %(at)s)
    UNION
    SELECT l.ib_id, l.parent_id FROM up JOIN ib_iblink l
        ON l.ib_id = up.parent_id AND l.active_from <= %(at)s AND (l.active_to IS NULL OR l.active_to > %(at)s)
)
SELECT ib_id, parent_id FROM up
"""


def chains_at(*, client_ids: Collection[int], at: datetime) -> dict[int, list[ChainLink]]:
    """Return each client's IB chain in force at `at`, nearest IB first (level 1).

    Clients without an IB map to []. Two SQL statements whatever the size. A trading account's own link, which
    wins over its client's, is not looked at: see `account_chains_at`."""
    return _chains(_CLIENT_IBS, client_ids, at)


def account_chains_at(*, account_ids: Collection[int], at: datetime) -> dict[int, list[ChainLink]]:
    """Return each trading account's IB chain in force at `at`, nearest IB first: its own link, else its client's.

    Two SQL statements whatever the size."""
    return _chains(_ACCOUNT_IBS, account_ids, at)


def chain_of(*, ib_id: int, at: datetime) -> list[ChainLink]:
    """Return the IB itself (level 1) and those above it at `at`. One SQL statement."""
    return _walk(ib_id, _parents({ib_id}, at))


def _chains(statement: str, ids: Collection[int], at: datetime) -> dict[int, list[ChainLink]]:
    direct = _pairs(statement, ids, at)
    parents = _parents({ib_id for ib_id in direct.values() if ib_id is not None}, at)
    walked: dict[int | None, list[ChainLink]] = {None: []}
    for ib_id in direct.values():
        if ib_id not in walked and ib_id is not None:
            walked[ib_id] = _walk(ib_id, parents)
    return {subject: list(walked[direct.get(subject)]) for subject in ids}


def _parents(ib_ids: Collection[int], at: datetime) -> dict[int, int | None]:
    return _pairs(_UP, ib_ids, at)


def _pairs(statement: str, ids: Iterable[int], at: datetime) -> dict[int, int | None]:
    with connection.cursor() as cursor:
        cursor.execute(statement, {"ids": list(ids), "at": at})
        return dict(cursor.fetchall())


def _walk(ib_id: int, parents: dict[int, int | None]) -> list[ChainLink]:
    chain: list[ChainLink] = []
    above: int | None = ib_id
    while above is not None:
        chain.append(ChainLink(above, len(chain) + 1))
        above = parents.get(above)
    return chain
