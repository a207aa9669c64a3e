"""Up to when a report is complete: every deal with a time before it is stored and judged, unless it is held.

Each MT server has a moment of its own; what is true of a broker is true only up to the earliest of them. A moment
never goes back and is never guessed: a server that is down stays where it was, and the page says so."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, OuterRef, Subquery
from django.db.models.functions import Coalesce

from mt4bridge.clock import ServerClock
from mt4bridge.models import MtServer
from trading.models import HeldDeal

SILENT_AFTER = timedelta(minutes=2)  # a server is looked at every second


@dataclass(frozen=True, slots=True)
class Completeness:
    """Up to when every deal of a server is stored and judged; None: nothing was read yet."""

    server: str
    complete_until: datetime | None
    clock_ahead: timedelta  # what the server's own clock adds to UTC at that moment
    held: int  # rows that could not become deals yet: they are missing whatever their time
    is_behind: bool  # the server cannot be read now, or nobody has looked at it for minutes
    last_ok_at: datetime | None


def completeness(now: datetime | None = None) -> list[Completeness]:
    """Return how far the walk of each active MT server is complete, by name, also of those never read. One statement.

    `now` tells a server that nobody looks at any more; without it only failed looks count."""
    held = HeldDeal.objects.filter(server=OuterRef("pk"), released_at__isnull=True).order_by().values("server")
    rows = MtServer.objects.filter(is_active=True).select_related("cursor")
    rows = rows.annotate(held=Coalesce(Subquery(held.annotate(n=Count("pk")).values("n")), 0))
    return [_completeness(row, row.held, now) for row in rows.order_by("name")]


def earliest(servers: list[Completeness]) -> datetime | None:
    """Return up to when the reports of the whole broker are complete; None while a server has not been read."""
    moments = [server.complete_until for server in servers]
    known = [moment for moment in moments if moment is not None]
    return min(known) if known and len(known) == len(moments) else None


def _completeness(server: MtServer, held: int, now: datetime | None) -> Completeness:
    cursor = getattr(server, "cursor", None)
    until = cursor.complete_until if cursor else None
    clock = ServerClock(server.clock_zone, server.clock_shift_minutes)
    silent = now is not None and server.last_ok_at is not None and now - server.last_ok_at > SILENT_AFTER
    return Completeness(
        server=server.name,
        complete_until=until,
        clock_ahead=timedelta(seconds=clock.offset_seconds(until)) if until else timedelta(0),
        held=held,
        is_behind=bool(server.failures) or silent,
        last_ok_at=server.last_ok_at,
    )
