"""Reads: accounts, deals, held rows, books."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection
from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils.functional import Promise

from access.types import Actor
from core.errors import InvalidInput
from core.money import E8, MAX_E8, from_e8, quantize
from mt4bridge.clock import ServerClock
from mt4bridge.enums import DealAction, DealEntry
from mt4bridge.models import MtServer
from trading.enums import HoldReason
from trading.models import Deal, HeldDeal, MtGroup, Symbol, SymbolGroup, TradingAccount
from trading.sync.enums import ChangeState
from trading.sync.models import ServerChange
from trading.types import BookSummary, DealKey

MAX_LOGIN_DIGITS = 18  # of a bigint
_TRADES = (DealAction.BUY, DealAction.SELL)
# The newest revision of a deal: asked, deal by deal, of those alone that were ever revised (deal_revised). OFFSET 0
# keeps the planner from joining: what it believes of a table whose last large batch was undone makes it read all of it
# again for every row.
NEWEST_SQL = """NOT EXISTS (
    SELECT 1 FROM trading_deal later WHERE later.server_id = {alias}.server_id AND later.ticket = {alias}.ticket
    AND later.leg = {alias}.leg AND later.revision > {alias}.revision AND later.revision > 0 OFFSET 0)"""
# The identity of a deal: the id of its first revision. ORDER BY leaves no other index than that of the revisions.
ROOT_SQL = """CASE WHEN {alias}.revision = 0 THEN {alias}.id ELSE (
    SELECT r.id FROM trading_deal r WHERE r.server_id = {alias}.server_id AND r.ticket = {alias}.ticket
    AND r.leg = {alias}.leg ORDER BY r.revision LIMIT 1) END"""
# Live: no higher revision of the same deal exists, and this one does not delete it.
LIVE_SQL = f"NOT {{alias}}.deleted AND {NEWEST_SQL}"


def accounts_visible_to(actor: Actor) -> QuerySet[TradingAccount]:
    """Return the trading accounts that the actor may see: staff with the right all, a client its own."""
    rows = TradingAccount.objects.select_related("mt_group", "server", "client", "snapshot")
    if actor.sees_all:
        return rows if actor.has("trading.view_trading_account") else rows.none()
    return rows.filter(client_id=actor.client_id) if actor.client_id else rows.none()


def accounts_of_login(text: str, *, accounts: QuerySet[TradingAccount]) -> QuerySet[TradingAccount]:
    """Return the accounts whose login begins with these digits, shortest and smallest first; none for other text."""
    if not (text.isascii() and text.isdigit() and len(text) <= MAX_LOGIN_DIGITS):
        return accounts.none()
    return accounts.filter(login__startswith=text).order_by("login", "server_id")


def clients_of_login(text: str, *, accounts: QuerySet[TradingAccount], most: int = 50) -> list[int]:
    """Return the ids of the clients whose accounts' logins begin with these digits, in the order of the logins."""
    return list(accounts_of_login(text, accounts=accounts).values_list("client_id", flat=True)[:most])


def account_counts(*, client_ids: Collection[int]) -> dict[int, int]:
    """Return how many trading accounts each client has; clients without one are left out. One statement."""
    rows = TradingAccount.objects.filter(client_id__in=client_ids).order_by().values("client_id")
    return dict(rows.annotate(n=Count("pk")).values_list("client_id", "n"))


def deals_of_ticket(*, ticket: int, accounts: QuerySet[TradingAccount]) -> QuerySet[Deal]:
    """Return the live deals of a ticket number on these accounts, with account and server."""
    found = live_deals().filter(ticket=ticket, account__in=accounts.select_related(None))
    return found.select_related("account", "server").order_by("server_id", "leg")


def live_deals() -> QuerySet[Deal]:
    """Return the deals that stand now: the highest revision of each, unless that one deletes it."""
    return Deal.objects.extra(where=[LIVE_SQL.format(alias="trading_deal")])  # noqa: S610 -- a constant, no values in it


@dataclass(frozen=True, slots=True)
class ClosedTrade:
    """One closing deal of an account, money in account currency (client's viewpoint)."""

    pk: int
    ticket: int
    position: int
    symbol: str
    side: str  # buy or sell: the side of the closed position
    entry: str
    volume_lots: Decimal
    price: Decimal
    profit: Decimal
    swap: Decimal
    commission: Decimal
    net: Decimal
    currency: str
    closed_at: datetime


@dataclass(frozen=True, slots=True)
class TradePage:
    """A page of closed trades, newest first; `next_before` continues it, None at the end."""

    rows: list[ClosedTrade]
    next_before: str | None


def closed_trades(*, account: TradingAccount, before: str | None = None, limit: int = 25) -> TradePage:
    """Return a page of the account's closed trades, newest first, keyset by (time, id)."""
    deals = live_deals().filter(account=account, action__in=_TRADES).exclude(entry=DealEntry.IN)
    if before:
        at, pk = _keyset(before)
        deals = deals.extra(where=["(trading_deal.deal_at, trading_deal.id) < (%s, %s)"], params=[at, pk])
    found = list(deals.select_related("symbol").order_by("-deal_at", "-id")[: limit + 1])
    more = len(found) > limit
    rows = [_closed_trade(deal, account) for deal in found[:limit]]
    last = found[limit - 1] if more else None
    return TradePage(rows=rows, next_before=f"{last.deal_at.isoformat()}~{last.pk}" if last else None)


def _keyset(before: str) -> tuple[datetime, int]:
    """Read the place where a page starts; it comes from an address, so it may be anything."""
    at, _, pk = before.partition("~")
    try:
        moment, number = datetime.fromisoformat(at), int(pk)
    except ValueError as error:
        raise InvalidInput(field="before") from error
    if moment.tzinfo is None or not 0 <= number <= MAX_E8:
        raise InvalidInput(field="before")
    return moment, number


def _closed_trade(deal: Deal, account: TradingAccount) -> ClosedTrade:
    digits = account.mt_group.currency_digits
    profit, swap = (quantize(from_e8(value), digits) for value in (deal.profit_e8, deal.swap_e8))
    commission = quantize(from_e8(deal.commission_e8 + deal.fee_e8), digits)
    return ClosedTrade(
        pk=deal.pk, ticket=deal.ticket, position=deal.position, symbol=deal.symbol.name if deal.symbol else "",
        side="buy" if deal.action == DealAction.SELL else "sell", entry=DealEntry(deal.entry).name.lower(),
        volume_lots=from_e8(deal.volume_closed_e8), price=quantize(from_e8(deal.price_e8), deal.digits),
        profit=profit, swap=swap, commission=commission, net=profit + swap + commission,
        currency=account.mt_group.currency, closed_at=deal.deal_at,
    )  # fmt: skip


_BOOK_SQL = """
WITH live AS MATERIALIZED (
    SELECT d.account_id, d.action, d.position, d.profit_e8, d.swap_e8, d.commission_e8, d.fee_e8,
           d.volume_e8 - 2 * d.volume_closed_e8 AS left_e8
    FROM trading_deal d WHERE d.action <> 3 AND {live}
), sums AS (
    SELECT account_id, sum(profit_e8 + swap_e8 + commission_e8 + fee_e8) AS balance,
           sum(profit_e8) FILTER (WHERE action IN (0, 1)) AS profit, sum(swap_e8) AS swap
    FROM live GROUP BY account_id
), positions AS (
    SELECT account_id FROM live WHERE action IN (0, 1) GROUP BY account_id, position HAVING sum(left_e8) <> 0
), opened AS (
    SELECT account_id, count(*) AS open FROM positions GROUP BY account_id
)
SELECT a.login, g.currency, g.currency_digits, coalesce(s.balance, 0), coalesce(s.profit, 0), coalesce(s.swap, 0),
       coalesce(o.open, 0)
FROM trading_tradingaccount a
JOIN trading_mtgroup g ON g.id = a.mt_group_id
LEFT JOIN sums s ON s.account_id = a.id
LEFT JOIN opened o ON o.account_id = a.id
ORDER BY a.login
"""


def book_summaries() -> list[BookSummary]:
    """Return each account's balance, closed profit, swap and open positions from the stored deals alone.

    Credit operations (action 3) do not touch the balance. Source: how MT5 servers reconcile balances."""
    with connection.cursor() as cursor:
        cursor.execute(_BOOK_SQL.format(live=LIVE_SQL.format(alias="d")))
        rows = cursor.fetchall()
    return [
        BookSummary(
            login=login, currency=currency, open=open_positions,
            balance=_text(balance, digits), closed_profit=_text(profit, digits), swap=_text(swap, digits),
        )
        for login, currency, digits, balance, profit, swap, open_positions in rows
    ]  # fmt: skip


def _text(scaled: Decimal, digits: int) -> str:
    return f"{quantize(Decimal(scaled) / E8, digits):f}"


def missing_keys(*, server_id: int, since: datetime, until: datetime, seen: Collection[DealKey]) -> list[DealKey]:
    """Return stored live deals of the window that a complete reading of it did not bring: edited away or deleted."""
    rows = live_deals().filter(server_id=server_id, deal_at__gte=since, deal_at__lt=until).order_by("ticket", "leg")
    keys = (DealKey(ticket, leg) for ticket, leg in rows.values_list("ticket", "leg"))
    return [key for key in keys if key not in seen]


def logins_of(*, server_id: int, keys: Collection[DealKey]) -> dict[DealKey, int]:
    """Return the login of each stored deal."""
    rows = Deal.objects.filter(server_id=server_id, ticket__in={key.ticket for key in keys}, revision=0)
    return {DealKey(t, leg): login for t, leg, login in rows.values_list("ticket", "leg", "account__login")}


def release_keys(*, server_id: int) -> list[DealKey]:
    """Return the held rows to read again: somebody asked, or the account or symbol that was missing is here now."""
    account = TradingAccount.objects.filter(server_id=server_id, login=OuterRef("login"))
    symbol = Symbol.objects.filter(server_id=server_id, name=OuterRef("detail"))
    contested = ServerChange.objects.filter(server_id=server_id, name=OuterRef("detail"), state=ChangeState.WAITING)
    held = HeldDeal.objects.filter(server_id=server_id, released_at__isnull=True).filter(
        Q(release_asked_at__isnull=False)
        | Q(reason=HoldReason.UNKNOWN_LOGIN) & Exists(account)
        | Q(reason=HoldReason.UNKNOWN_SYMBOL) & Exists(symbol)
        | Q(reason=HoldReason.SYMBOL_CHANGED) & ~Exists(contested)
    )
    return [DealKey(ticket, leg) for ticket, leg in held.order_by("pk").values_list("ticket", "leg")]


@dataclass(frozen=True, slots=True)
class HeldRow:
    """A held deal as staff see it."""

    pk: int
    server: str
    ticket: int
    login: int | None
    symbol: str
    reason: str
    reason_label: "str | Promise"
    detail: str
    held_at: datetime
    release_asked: bool


def held_deals(*, actor: Actor, limit: int = 100) -> list[HeldRow]:
    """Return the held deals, oldest first."""
    if not actor.has("trading.view_held_deal"):
        return []
    rows = HeldDeal.objects.filter(released_at__isnull=True).select_related("server").order_by("held_at", "pk")[:limit]
    return [
        HeldRow(
            pk=row.pk, server=row.server.name, ticket=row.ticket, login=row.login,
            symbol=str(row.payload.get("symbol", "")), reason=row.reason,
            reason_label=HoldReason(row.reason).label, detail=row.detail,
            held_at=row.held_at, release_asked=row.release_asked_at is not None,
        )
        for row in rows
    ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class OpenTasks:
    """What waits for staff: before every deal can be judged, and in what is sent to MT servers."""

    held: int
    unclassified_symbols: int
    groups_without_factor: int
    operations: int  # in review, and differences with the servers
    account_orders: int  # in review, or waiting for leave
    accounts_of_nobody: int  # the server lists them and no client here has them
    waiting_changes: int


_TASKS_SQL = """
SELECT (SELECT count(*) FROM trading_helddeal WHERE released_at IS NULL),
       (SELECT count(*) FROM trading_symbol WHERE group_id IS NULL),
       (SELECT count(*) FROM trading_mtgroup WHERE lot_factor IS NULL),
       (SELECT count(*) FROM trading_balanceoperation WHERE state = 'review')
           + (SELECT count(*) FROM trading_operationfinding WHERE closed_at IS NULL),
       (SELECT count(*) FROM trading_accountorder WHERE state = 'review' OR state = 'planned' AND waits_for_approval),
       (SELECT count(*) FROM trading_serveraccount s WHERE s.gone_at IS NULL AND NOT EXISTS (
           SELECT FROM trading_tradingaccount a WHERE a.server_id = s.server_id AND a.login = s.login)),
       (SELECT count(*) FROM trading_serverchange WHERE state = 'waiting')
"""


def open_tasks() -> OpenTasks:
    """Return how many of each wait, over all servers. One statement."""
    with connection.cursor() as cursor:
        cursor.execute(_TASKS_SQL)
        return OpenTasks(*cursor.fetchone())


def symbols_visible_to(actor: Actor) -> QuerySet[Symbol]:
    """Return the symbols with their group and server; staff with the right see all."""
    rows = Symbol.objects.select_related("group", "server")
    return rows if actor.sees_all and actor.has("trading.view_symbol") else rows.none()


def symbol_groups() -> QuerySet[SymbolGroup]:
    """Return the groups that plans can name, by code."""
    return SymbolGroup.objects.order_by("code")


def symbol_group_names() -> dict[str, str]:
    """Return {code: name} of the groups that plans can name."""
    return dict(symbol_groups().values_list("code", "name"))


def mt_groups_visible_to(actor: Actor) -> QuerySet[MtGroup]:
    """Return the MT groups with their server and the number of trading accounts in each (`accounts`)."""
    rows = MtGroup.objects.select_related("server").annotate(accounts=Count("trading_accounts"))
    return rows if actor.sees_all and actor.has("trading.view_symbol") else rows.none()


@dataclass(frozen=True, slots=True)
class ServerHealth:
    """How the walk of one MT server stands."""

    server_id: int
    name: str
    address: str
    is_active: bool
    deals: int
    last_deal_at: datetime | None
    last_recorded_at: datetime | None
    complete_until: datetime | None
    complete_until_wall: datetime | None  # the same moment on the server's own clock, written as if it were UTC
    last_ok_at: datetime | None
    failures: int  # failed looks at the server in a row; 0: the last one went well
    last_error_code: str
    last_error_fields: dict[str, Any]
    last_error_at: datetime | None
    held: int
    unclassified_symbols: int
    groups_without_factor: int

    def lag(self, now: datetime) -> timedelta | None:
        """Return how old the newest look at the server is."""
        return now - self.last_ok_at if self.last_ok_at else None


def server_healths() -> list[ServerHealth]:
    """Return the health of each MT server by name, also of those never walked. One statement."""
    last_deal = Deal.objects.filter(server=OuterRef("pk")).order_by("-id")
    rows = MtServer.objects.select_related("cursor").annotate(
        last_deal_at=Subquery(last_deal.values("deal_at")[:1]),
        last_recorded_at=Subquery(last_deal.values("recorded_at")[:1]),
        held=_count(HeldDeal.objects.filter(released_at__isnull=True)),
        unclassified=_count(Symbol.objects.filter(group__isnull=True)),
        without_factor=_count(MtGroup.objects.filter(lot_factor__isnull=True)),
    )
    return [_health(row) for row in rows.order_by("name")]


def _count(rows: QuerySet[Any]) -> Coalesce:
    """Count those of the rows that belong to the server of the outer query."""
    of_server = rows.filter(server=OuterRef("pk")).order_by().values("server")
    return Coalesce(Subquery(of_server.annotate(n=Count("pk")).values("n")), 0)


def _health(row: Any) -> ServerHealth:
    cursor = getattr(row, "cursor", None)
    until = cursor.complete_until if cursor else None
    clock = ServerClock(row.clock_zone, row.clock_shift_minutes)
    return ServerHealth(
        server_id=row.pk, name=row.name, address=row.address, is_active=row.is_active,
        deals=cursor.deals if cursor else 0,
        last_deal_at=row.last_deal_at, last_recorded_at=row.last_recorded_at, complete_until=until,
        complete_until_wall=until + timedelta(seconds=clock.offset_seconds(until)) if until else None,
        last_ok_at=row.last_ok_at, failures=row.failures, last_error_code=row.last_error_code,
        last_error_fields=row.last_error_fields, last_error_at=row.last_error_at, held=row.held,
        unclassified_symbols=row.unclassified, groups_without_factor=row.without_factor,
    )  # fmt: skip


def logins_of_accounts(*, server_id: int, account_ids: Collection[int], older_than: datetime, limit: int) -> list[int]:
    """Return the logins of those accounts on the server whose state is older."""
    rows = TradingAccount.objects.filter(server_id=server_id, pk__in=account_ids)
    rows = rows.filter(Q(snapshot__isnull=True) | Q(snapshot__taken_at__lt=older_than))
    return list(rows.order_by("login").values_list("login", flat=True)[:limit])


def logins_to_refresh(*, server_id: int, older_than: datetime, limit: int) -> list[int]:
    """Return the logins whose state was looked at longest ago, never looked at first."""
    rows = TradingAccount.objects.filter(server_id=server_id)
    rows = rows.filter(Q(snapshot__isnull=True) | Q(snapshot__taken_at__lt=older_than))
    return list(
        rows.order_by(F("snapshot__taken_at").asc(nulls_first=True), "login").values_list("login", flat=True)[:limit]
    )


@dataclass(frozen=True, slots=True)
class OpenPosition:
    """One open position as the MT server listed it; money in account currency, client's viewpoint."""

    account_id: int
    login: int
    position: int
    symbol: str
    side: str  # buy or sell
    volume_lots: Decimal
    price_open: Decimal
    price_current: Decimal
    profit: Decimal
    swap: Decimal
    net: Decimal
    currency: str
    opened_at: datetime


@dataclass(frozen=True, slots=True)
class AccountStanding:
    """A trading account with the latest state its MT server told; without one, `taken_at` and the money are None."""

    pk: int
    login: int
    server: str
    platform: str
    group: str
    leverage: int
    currency: str
    balance: Decimal | None
    equity: Decimal | None
    floating: Decimal | None
    margin_free: Decimal | None
    margin_level_percent: Decimal | None  # equity / margin in use; None: no margin in use
    taken_at: datetime | None
    positions: list[OpenPosition]


def account_standings(accounts: QuerySet[TradingAccount]) -> list[AccountStanding]:
    """Return the accounts with their latest states, by server and login. One statement."""
    rows = accounts.select_related("mt_group", "server", "snapshot").order_by("server__name", "login")
    return [account_standing(account) for account in rows]


def account_standing(account: TradingAccount) -> AccountStanding:
    """Return one account's latest state; the account comes with its group, server and snapshot."""
    state = getattr(account, "snapshot", None)
    return AccountStanding(
        pk=account.pk, login=account.login, server=account.server.name, platform=account.server.platform,
        group=account.mt_group.name, leverage=account.leverage,
        currency=account.mt_group.currency,
        balance=state and state.balance, equity=state and state.equity, floating=state and state.floating,
        margin_free=state and state.margin_free,
        margin_level_percent=quantize(state.equity / state.margin * 100, 2) if state and state.margin else None,
        taken_at=state and state.taken_at,
        positions=[_open_position(row, account) for row in state.positions] if state else [],
    )  # fmt: skip


def _open_position(row: dict[str, Any], account: TradingAccount) -> OpenPosition:
    profit, swap = Decimal(row["profit"]), Decimal(row["swap"])
    prices = Decimal(row["price_open"]), Decimal(row["price_current"])
    digits = max(max(0, -int(price.as_tuple().exponent)) for price in prices)
    price_open, price_current = (quantize(price, digits) for price in prices)
    return OpenPosition(
        account_id=account.pk, login=account.login, position=row["position"], symbol=row["symbol"], side=row["side"],
        volume_lots=Decimal(row["volume_lots"]), price_open=price_open, price_current=price_current,
        profit=profit, swap=swap, net=profit + swap,
        currency=account.mt_group.currency, opened_at=datetime.fromisoformat(row["opened_at"]),
    )  # fmt: skip
