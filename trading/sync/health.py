"""How one MT server is read, as its page shows it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Min

from mt4bridge.clock import ServerClock
from mt4bridge.models import MtServer
from mt4bridge.queries import last_error_in_words, wait_after
from trading.models import AccountSnapshot, DealCursor, HeldDeal, TradingAccount
from trading.sync.models import ServerAccount, ServerSync
from trading.sync.queries import Backfill, backfill_of, deals_per_minute


@dataclass(frozen=True, slots=True)
class ServerPage:
    """Everything that is known of how a server is read."""

    trouble: str  # what went wrong last, in words, while it still does; else ""
    last_trouble: str  # what went wrong last, whether or not it is over
    last_error_at: datetime | None
    failing_since: datetime | None  # the last contact before the failures in a row; None: never reached, or all is well
    failures: int
    next_try_at: datetime | None
    lag: timedelta | None  # how old the newest look at the server is
    last_ok_at: datetime | None
    complete_until: datetime | None
    complete_until_wall: datetime | None  # the same moment on the server's clock
    deals: int
    deals_per_minute: int
    held: int
    backfill: Backfill | None
    paused_at: datetime | None
    structure_at: datetime | None
    listed_accounts: int
    accounts: int
    positions_at: datetime | None  # the state of some account is as old as this
    clock_wrong_since: datetime | None
    clock_off_minutes: int


def server_page_of(server: MtServer, *, now: datetime) -> ServerPage:
    """Return how the server is read. Six statements."""
    sync = ServerSync.objects.filter(server=server).first()
    cursor = DealCursor.objects.filter(server=server).first()
    words = last_error_in_words(server)
    until = cursor.complete_until if cursor else None
    clock = ServerClock(server.clock_zone, server.clock_shift_minutes)
    accounts = TradingAccount.objects.filter(server=server)
    return ServerPage(
        trouble=words if server.failures else "",
        last_trouble=words,
        last_error_at=server.last_error_at,
        failing_since=server.last_ok_at if server.failures else None,
        failures=server.failures,
        next_try_at=_next_try(server),
        lag=now - server.last_ok_at if server.last_ok_at else None,
        last_ok_at=server.last_ok_at,
        complete_until=until,
        complete_until_wall=until + timedelta(seconds=clock.offset_seconds(until)) if until else None,
        deals=cursor.deals if cursor else 0,
        deals_per_minute=deals_per_minute(sync, now),
        held=HeldDeal.objects.filter(server=server, released_at__isnull=True).count(),
        backfill=backfill_of(server, sync, cursor, now),
        paused_at=sync.paused_at if sync else None,
        structure_at=sync.structure_at if sync else None,
        listed_accounts=ServerAccount.objects.filter(server=server, gone_at__isnull=True).count(),
        accounts=accounts.count(),
        positions_at=AccountSnapshot.objects.filter(account__server=server).aggregate(at=Min("taken_at"))["at"],
        clock_wrong_since=sync.clock_wrong_since if sync else None,
        clock_off_minutes=sync.clock_off_seconds // 60 if sync else 0,
    )


def _next_try(server: MtServer) -> datetime | None:
    """Return until when the server is left alone after failures."""
    if not server.failures or server.last_error_at is None:
        return None
    wait = wait_after(failures=server.failures, code=server.last_error_code, server_id=server.pk)
    return server.last_error_at + wait
