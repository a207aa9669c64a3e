"""Reads: changes on the servers, accounts of nobody, how reading goes, what comparisons found."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, QuerySet

from access.types import Actor
from mt4bridge.masks import fits
from mt4bridge.models import MtServer
from trading.models import DealCursor, MtGroup, TradingAccount
from trading.sync.enums import ChangedField, ChangeState
from trading.sync.models import (
    FormerGroup,
    ServerAccount,
    ServerChange,
    ServerSync,
    SymbolSpec,
    SyncDifference,
    SyncRun,
)

RATE_MINUTES = 5  # over so many minutes the rate is measured


def group_at(account: TradingAccount, at: datetime) -> MtGroup:
    """Return the MT group that the account was in at a moment."""
    rows = FormerGroup.objects.filter(account=account, until__gt=at).select_related("mt_group").order_by("until")
    former = rows.first()
    return former.mt_group if former else account.mt_group


def contract_sizes(symbol_ids: Iterable[int]) -> dict[int, list[tuple[datetime, int]]]:
    """Return each symbol's contract sizes (1e-8) with the moment each was first seen, earliest first."""
    found: dict[int, list[tuple[datetime, int]]] = {}
    rows = SymbolSpec.objects.filter(symbol_id__in=list(symbol_ids)).order_by("symbol_id", "seen_at")
    for symbol_id, seen_at, size in rows.values_list("symbol_id", "seen_at", "contract_size_e8"):
        found.setdefault(symbol_id, []).append((seen_at, size))
    return found


def changes_visible_to(actor: Actor) -> QuerySet[ServerChange]:
    """Return the changes on the broker's servers with their server."""
    rows = ServerChange.objects.select_related("server")
    return rows if actor.sees_all and actor.has("trading.view_symbol") else rows.none()


def waiting_changes() -> int:
    return ServerChange.objects.filter(state=ChangeState.WAITING).count()


def accounts_of_nobody() -> QuerySet[ServerAccount]:
    """Return the accounts that a server lists and no client here has."""
    owned = TradingAccount.objects.filter(server=OuterRef("server"), login=OuterRef("login"))
    return ServerAccount.objects.filter(~Exists(owned), gone_at__isnull=True).select_related("server")


def nobodys_accounts_visible_to(actor: Actor) -> QuerySet[ServerAccount]:
    rows = accounts_of_nobody()
    return rows if actor.sees_all and actor.has("trading.view_trading_account") else rows.none()


def needs_structure(server_id: int, *, now: datetime, every: timedelta) -> bool:
    """Return whether an introduced server's groups, symbols and accounts were not read for so long, or never."""
    rows = ServerSync.objects.filter(server_id=server_id, introduced_at__isnull=False)
    return rows.exclude(structure_at__gt=now - every).exists()


def was_introduced(server_id: int) -> bool:
    """Return whether the server's clock was found right and its groups and symbols were read."""
    return ServerSync.objects.filter(server_id=server_id, introduced_at__isnull=False).exists()


def was_read(server_id: int) -> bool:
    """Return whether the server's groups, symbols and accounts were ever read, all of them."""
    return ServerSync.objects.filter(server_id=server_id, structure_at__isnull=False).exists()


def knows_accounts(server_id: int) -> bool:
    """Return whether the server's accounts were ever taken over, all of them: who is not among them is new."""
    return ServerSync.objects.filter(server_id=server_id, accounts_at__isnull=False).exists()


def servers_behind(*, now: datetime, by: timedelta) -> set[int]:
    """Return the servers whose deals are not read up to so long ago: a first read, or one after a long silence."""
    near = DealCursor.objects.filter(recorded_until__gt=now - by).values("server_id")
    return set(MtServer.objects.filter(is_active=True).exclude(pk__in=near).values_list("pk", flat=True))


def contested_symbols(server_id: int) -> frozenset[str]:
    """Return the symbols whose quote currency changed on the server and waits for a decision."""
    rows = ServerChange.objects.filter(
        server_id=server_id, state=ChangeState.WAITING, field=ChangedField.QUOTE_CURRENCY
    )
    return frozenset(rows.values_list("name", flat=True))


def unfinished_runs(server_id: int) -> list[SyncRun]:
    """Return the comparisons that are under way, oldest first."""
    return list(SyncRun.objects.filter(server_id=server_id, finished_at__isnull=True).order_by("started_at"))


def gone_logins(server_id: int) -> set[int]:
    """Return the accounts that the server no longer lists."""
    rows = ServerAccount.objects.filter(server_id=server_id, gone_at__isnull=False)
    return set(rows.values_list("login", flat=True))


def is_paused(server_id: int) -> bool:
    """Return whether staff paused the reading of the server's deals."""
    return ServerSync.objects.filter(server_id=server_id, paused_at__isnull=False).exists()


@dataclass(frozen=True, slots=True)
class Backfill:
    """The first read of a server's history."""

    percent: int  # of the time between the first moment to read and now
    rows: int
    rows_per_s: int
    left: timedelta | None  # at the present speed; None: not known yet
    read_until: datetime | None


def backfill_of(server: MtServer, sync: ServerSync | None, cursor: DealCursor | None, now: datetime) -> Backfill | None:
    """Return how the first read goes; None before it began and once it is over."""
    if sync is None or sync.backfill_started_at is None or sync.backfill_done_at is not None:
        return None
    start = sync.backfill_from_at or server.history_from
    until = cursor.recorded_until if cursor else None
    second = timedelta(seconds=1)
    whole, done = max(now - start, second), max((until or start) - start, timedelta(0))
    took = max((sync.paused_at or now) - sync.backfill_started_at, second)
    moves = done >= second and sync.paused_at is None
    return Backfill(
        percent=min(100, 100 * (done // second) // (whole // second)),
        rows=sync.backfill_rows,
        rows_per_s=sync.backfill_rows // (took // second),
        left=took * max(0, (whole - done) // second) // (done // second) if moves else None,
        read_until=until,
    )


def deals_per_minute(sync: ServerSync | None, now: datetime) -> int:
    """Return how many deals a minute were stored in the last minutes, rounded up."""
    if sync is None:
        return 0
    first = int(now.timestamp()) // 60 - RATE_MINUTES
    recent: int = sum(count for minute, count in sync.minutes if minute > first)
    return -(-recent // RATE_MINUTES)


def runs_of(server_id: int, *, limit: int = 20) -> list[SyncRun]:
    """Return the comparisons of a server, newest first."""
    return list(SyncRun.objects.filter(server_id=server_id).order_by("-started_at", "-pk")[:limit])


def open_differences(server_id: int) -> list[SyncDifference]:
    """Return what the newest finished comparison of each kind found, at most 500 lines."""
    latest = SyncRun.objects.filter(server_id=server_id, finished_at__isnull=False)
    ids = list(latest.order_by("kind", "-started_at").distinct("kind").values_list("pk", flat=True))
    return list(SyncDifference.objects.filter(run_id__in=ids).select_related("run").order_by("pk")[:500])


def is_ours(server: MtServer, group: str) -> bool:
    """Return whether a group of the server belongs to this broker's masks."""
    return fits(group, server.group_mask)
