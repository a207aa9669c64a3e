"""Comparisons that begin by the clock or because staff ask."""

from datetime import datetime, timedelta

from django.db import transaction

from access.services import record_audit
from access.types import Actor
from mt4bridge.models import MtServer
from trading.cursor import get_cursor
from trading.sync.enums import RunKind
from trading.sync.models import SyncRun
from trading.sync.services import start_run

NIGHTLY_DAYS = timedelta(days=14)
SETTLED = timedelta(minutes=20)  # what is younger is read again every minute anyway


def begin_comparison(*, server: MtServer, kind: RunKind, now: datetime) -> SyncRun | None:
    """Begin a comparison of what has been read, or return the one under way; None while nothing was read."""
    recorded = get_cursor(server.pk).recorded_until
    if recorded is None:
        return None
    until = max(recorded - SETTLED, server.history_from)
    since = max(server.history_from, until - NIGHTLY_DAYS) if kind == RunKind.NIGHTLY else server.history_from
    return start_run(server_id=server.pk, kind=kind, since=since, until=until, now=now)


@transaction.atomic
def ask_comparison(*, server: MtServer, kind: RunKind, actor: Actor, now: datetime) -> SyncRun | None:
    """Begin a comparison for a member of staff, with an audit row."""
    run = begin_comparison(server=server, kind=kind, now=now)
    if run is not None:
        record_audit(
            actor=actor, action="trading.compare_server", object_type="mt_server", object_id=str(server.pk),
            before=None, after={"kind": str(kind)}, now=now,
        )  # fmt: skip
    return run
