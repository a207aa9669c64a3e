"""What staff see of the network beyond its levels: who stands above and below, whose clients, since when."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.db.models import QuerySet

from clients.models import Client
from ib.models import IB, AccountLink, Agreement, ClientLink, IbLink
from ib.queries.chains import chain_of
from ib.queries.live import tree_shows
from ib.queries.places import in_force
from trading.models import TradingAccount

_DOWN = """
WITH RECURSIVE down AS (
    SELECT %(ib_id)s::bigint AS ib_id
    UNION
    SELECT l.ib_id FROM down d JOIN ib_iblink l
        ON l.parent_id = d.ib_id AND l.active_from <= %(at)s AND (l.active_to IS NULL OR l.active_to > %(at)s)
)"""
_DOWN_LIVE = """
WITH down AS (
    SELECT d.id AS ib_id FROM ib_ib t JOIN ib_ib d ON d.tree_id = t.tree_id AND d.lft BETWEEN t.lft AND t.rght
    WHERE t.id = %(ib_id)s
)"""
_BELOW = """, client AS (
    SELECT c.client_id FROM ib_clientlink c
    WHERE c.ib_id = ANY(ARRAY(SELECT ib_id FROM down))
        AND c.active_from <= %(at)s AND (c.active_to IS NULL OR c.active_to > %(at)s)
)
SELECT (SELECT count(*) - 1 FROM down), (SELECT count(*) FROM client),
    (SELECT count(*) FROM trading_tradingaccount a WHERE a.client_id = ANY(ARRAY(SELECT client_id FROM client)))
    - (SELECT count(*) FROM client JOIN trading_tradingaccount a ON a.client_id = client.client_id
        JOIN ib_accountlink o ON o.account_id = a.id
            AND o.active_from <= %(at)s AND (o.active_to IS NULL OR o.active_to > %(at)s))
    + (SELECT count(*) FROM down d JOIN ib_accountlink o
        ON o.ib_id = d.ib_id AND o.active_from <= %(at)s AND (o.active_to IS NULL OR o.active_to > %(at)s))
"""
_CLIENTS_BELOW = """
SELECT count(*) FROM ib_clientlink c
WHERE c.ib_id = ANY(ARRAY(SELECT ib_id FROM down))
    AND c.active_from <= %(at)s AND (c.active_to IS NULL OR c.active_to > %(at)s)
"""


@dataclass(frozen=True, slots=True)
class Below:
    """How much stands below an IB at a moment: IBs without itself, clients and trading accounts of all of them."""

    ibs: int
    clients: int
    accounts: int


def below(*, ib_id: int, at: datetime) -> Below:
    """Count what stands below an IB at `at`, its own clients included. Two statements."""
    with connection.cursor() as cursor:
        cursor.execute(_down(at) + _BELOW, {"ib_id": ib_id, "at": at})
        return Below(*cursor.fetchone())


def clients_below(*, ib_id: int, at: datetime) -> int:
    """Count the clients of an IB and of everybody below it at `at`. Two statements."""
    with connection.cursor() as cursor:
        cursor.execute(_down(at) + _CLIENTS_BELOW, {"ib_id": ib_id, "at": at})
        return int(cursor.fetchone()[0])


def _down(at: datetime) -> str:
    """Return the beginning of a statement about everybody below an IB, itself included."""
    return _DOWN_LIVE if tree_shows(at=at) else _DOWN


def chain_rows(*, ib_id: int, at: datetime) -> list[IB]:
    """Return the IB itself and those above it at `at`, nearest first. Two statements."""
    ids = [link.ib_id for link in chain_of(ib_id=ib_id, at=at)]
    found = IB.objects.in_bulk(ids)
    return [found[pk] for pk in ids]


def direct_ibs(*, client_ids: Collection[int], at: datetime) -> dict[int, IB]:
    """Return the IB of each client that has one at `at`. One statement."""
    links = in_force(ClientLink.objects.filter(client_id__in=client_ids), at=at).select_related("ib")
    return {link.client_id: link.ib for link in links.order_by("pk")}


def ib_at(*, client: Client, account: TradingAccount | None, at: datetime) -> IB | None:
    """Return the direct IB at `at` of a trading account, whose own link wins, or of the client without one."""
    if account is not None:
        own = in_force(AccountLink.objects.filter(account=account), at=at).select_related("ib").first()
        if own is not None:
            return own.ib
    link = in_force(ClientLink.objects.filter(client=client), at=at).select_related("ib").first()
    return link.ib if link else None


def direct_clients(*, ib: IB, at: datetime) -> QuerySet[ClientLink]:
    """Return the links of the clients whose direct IB this is at `at`, with the client."""
    return in_force(ClientLink.objects.filter(ib=ib), at=at).select_related("client")


def client_links(*, client_id: int) -> list[ClientLink]:
    """Return a client's IBs, newest first, planned ones included."""
    return list(ClientLink.objects.filter(client_id=client_id).select_related("ib").order_by("-active_from"))


def account_links(*, client_id: int) -> list[AccountLink]:
    """Return the links of single accounts of a client, which win over the client's, newest first."""
    rows = AccountLink.objects.filter(account__client_id=client_id).select_related("ib", "account")
    return list(rows.order_by("-active_from", "pk"))


def ib_links(ib: IB) -> list[IbLink]:
    """Return the IB's places, newest first, planned ones included."""
    return list(IbLink.objects.filter(ib=ib).select_related("parent").order_by("-active_from"))


def agreements_of(ib: IB) -> list[Agreement]:
    """Return what was agreed with the IB, newest first."""
    return list(Agreement.objects.filter(ib=ib).order_by("-active_from"))


@dataclass(frozen=True, slots=True)
class MoveEffect:
    """What a move of an IB would change, told before it happens. Chains are nearest first, without the IB itself."""

    above_before: list[IB]  # at the moment of the move, as the links are now
    above_after: list[IB]  # at that moment, once moved
    below: Below  # who moves along: those who stand below now, or then when it is to come


def move_effect(*, ib: IB, parent: IB | None, at: datetime, now: datetime) -> MoveEffect:
    """Return what changes when the IB stands under `parent` (None: at the top) from `at` on. Five statements."""
    return MoveEffect(
        above_before=chain_rows(ib_id=ib.pk, at=at)[1:],
        above_after=chain_rows(ib_id=parent.pk, at=at) if parent else [],
        below=below(ib_id=ib.pk, at=max(at, now)),
    )
