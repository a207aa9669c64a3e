"""What an MT server lists of a slice of time, beside what is stored of it: numbers, sums and tickets by account."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import connection

from mt4bridge.types import BadRow, DealRow
from trading.models import HeldDeal
from trading.queries import LIVE_SQL
from trading.types import DealKey

_US = timedelta(microseconds=1)


class Sums(NamedTuple):
    """What is compared of an account's slice: number of deals and sums in 1e-8 units, of which any edit changes one."""

    deals: int
    volume: int
    price: int
    profit: int
    charges: int
    seconds: int  # of the times within the slice


@dataclass(slots=True)
class Listing:
    """The server's rows of one slice by account: the figures of each deal."""

    since: datetime
    deals: dict[int, dict[DealKey, Sums]] = field(default_factory=lambda: defaultdict(dict))
    unread: set[DealKey] = field(default_factory=set)

    def add(self, rows: Iterable[DealRow | BadRow]) -> None:
        """Take the rows of one list in."""
        for row in rows:
            if isinstance(row, BadRow):
                if row.ticket is not None:
                    self.unread.add(DealKey(row.ticket, row.leg))
                continue
            if row.deal_at < self.since:
                continue  # MT4: the opening of a ticket that the slice closed or changed
            self.deals[row.login][DealKey(row.ticket, row.leg)] = Sums(
                1, row.volume_e8, row.price_e8, row.profit_e8, row.swap_e8 + row.commission_e8 + row.fee_e8,
                (row.deal_at - self.since) // _US,
            )  # fmt: skip


_STORED = f"""SELECT a.login, count(*), sum(d.volume_e8), sum(d.price_e8), sum(d.profit_e8),
        sum(d.swap_e8 + d.commission_e8 + d.fee_e8),
        sum(round(extract(epoch FROM d.deal_at - %(since)s) * 1000000)),
        CASE WHEN %(tickets)s THEN md5(string_agg(d.ticket || '/' || d.leg, ',' ORDER BY d.ticket, d.leg)) ELSE '' END
    FROM trading_deal d JOIN trading_tradingaccount a ON a.id = d.account_id
    WHERE d.server_id = %(server)s AND d.deal_at >= %(since)s AND d.deal_at < %(until)s
        AND {LIVE_SQL.format(alias="d")}
    GROUP BY a.login"""  # noqa: S608 -- own text
_STORED_DEALS = f"""SELECT d.ticket, d.leg, 1, d.volume_e8, d.price_e8, d.profit_e8,
        d.swap_e8 + d.commission_e8 + d.fee_e8,
        round(extract(epoch FROM d.deal_at - %(since)s) * 1000000),
        (SELECT r.id FROM trading_deal r WHERE r.server_id = d.server_id AND r.ticket = d.ticket AND r.leg = d.leg
            AND r.revision = 0)
    FROM trading_deal d JOIN trading_tradingaccount a ON a.id = d.account_id
    WHERE d.server_id = %(server)s AND a.login = %(login)s AND d.deal_at >= %(since)s AND d.deal_at < %(until)s
        AND {LIVE_SQL.format(alias="d")}
    ORDER BY d.ticket, d.leg"""  # noqa: S608 -- own text


def differing_logins(*, server_id: int, listing: Listing, until: datetime, tickets: bool = False) -> list[int]:
    """Return the accounts of which store and server do not have the same number and sums of deals in the slice.

    `tickets`: their sets of tickets must be the same too."""
    params: dict[str, Any] = {"server": server_id, "since": listing.since, "until": until, "tickets": tickets}
    with connection.cursor() as cursor:
        cursor.execute(_STORED, params)
        stored = {row[0]: (Sums(*map(int, row[1:7])), row[7]) for row in cursor.fetchall()}
    return [
        login
        for login in sorted(stored.keys() | listing.deals.keys())
        if stored.get(login) != _total(listing.deals.get(login, {}), tickets=tickets)
    ]


def _total(deals: dict[DealKey, Sums], *, tickets: bool) -> tuple[Sums, str] | None:
    if not deals:
        return None
    sums = Sums(*(sum(column) for column in zip(*deals.values(), strict=True)))
    text = ",".join(f"{key.ticket}/{key.leg}" for key in sorted(deals)) if tickets else ""
    return sums, hashlib.md5(text.encode(), usedforsecurity=False).hexdigest() if tickets else ""


class StoredDeal(NamedTuple):
    """A deal of an account's slice as it is stored; `root` is the id of its first revision."""

    sums: Sums
    root: int


def stored_deals(*, server_id: int, login: int, since: datetime, until: datetime) -> dict[DealKey, StoredDeal]:
    """Return the live deals of one account in the slice."""
    params: dict[str, Any] = {"server": server_id, "login": login, "since": since, "until": until}
    with connection.cursor() as cursor:
        cursor.execute(_STORED_DEALS, params)
        rows = cursor.fetchall()
    return {DealKey(row[0], row[1]): StoredDeal(Sums(*map(int, row[2:8])), row[8]) for row in rows}


def held_keys(server_id: int) -> set[DealKey]:
    """Return the rows that could not become deals: they are known to be missing."""
    rows = HeldDeal.objects.filter(server_id=server_id, released_at__isnull=True).order_by()
    return {DealKey(ticket, leg) for ticket, leg in rows.values_list("ticket", "leg")}
