"""Writes: pause and resume, decide a change, give an account its client, note how reading goes, keep comparisons."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from access.services import record_audit
from access.types import Actor
from clients.models import Client
from core.errors import DomainError, NotFound
from trading.accounts import register_account
from trading.models import MtGroup, Symbol, TradingAccount
from trading.sync.enums import ChangedField, ChangeState, RunKind
from trading.sync.models import ServerAccount, ServerChange, ServerSync, SyncDifference, SyncRun

KEPT_MINUTES = 15
MOST_LINES = 500  # lines kept of one comparison; its count goes on


class ChangeDecided(DomainError):
    code = "change_decided"
    message = _("Somebody has decided this change already.")


class GroupNotHere(DomainError):
    code = "group_not_here"
    message = _("The MT group %(group)s is not known here yet; the server's groups are read every few minutes.")


def sync_of(server_id: int) -> ServerSync:
    """Return the row of a server; the first call makes it."""
    row, _created = ServerSync.objects.get_or_create(server_id=server_id)
    return row


@transaction.atomic
def pause_reading(*, server_id: int, actor: Actor, now: datetime) -> None:
    """Stop reading deals of a server; what is stored is judged on, and nothing is lost."""
    if ServerSync.objects.filter(pk=sync_of(server_id).pk, paused_at__isnull=True).update(paused_at=now):
        _audit("trading.pause_server", server_id, actor, now)


@transaction.atomic
def resume_reading(*, server_id: int, actor: Actor, now: datetime) -> None:
    """Read on from where the reading stopped."""
    row = ServerSync.objects.select_for_update().filter(server_id=server_id, paused_at__isnull=False).first()
    if row is None or row.paused_at is None:
        return
    if row.backfill_started_at is not None:  # the pause does not count for the speed
        row.backfill_started_at += now - row.paused_at
    row.paused_at = None
    row.save(update_fields=["paused_at", "backfill_started_at"])
    _audit("trading.resume_server", server_id, actor, now)


def _audit(action: str, server_id: int, actor: Actor, now: datetime, after: dict[str, Any] | None = None) -> None:
    record_audit(
        actor=actor, action=action, object_type="mt_server", object_id=str(server_id), before=None,
        after=after or {}, now=now,
    )  # fmt: skip


@transaction.atomic
def decide_change(*, change: ServerChange, accept: bool, actor: Actor, now: datetime) -> ServerChange:
    """Take a waiting change over, or keep what was; deals that were held for it are read again by the next round.

    :raises ChangeDecided: it does not wait any more."""
    row = ServerChange.objects.select_for_update(of=("self",)).get(pk=change.pk)
    if row.state != ChangeState.WAITING:
        raise ChangeDecided
    if accept:
        _take_over(row)
    row.state = ChangeState.ACCEPTED if accept else ChangeState.KEPT
    row.decided_at = now
    row.save(update_fields=["state", "decided_at"])
    record_audit(
        actor=actor, action="trading.decide_change", object_type="server_change", object_id=str(row.pk),
        before={row.field: row.before}, after={row.field: row.after if accept else row.before, "of": row.name},
        now=now,
    )  # fmt: skip
    return row


def _take_over(row: ServerChange) -> None:
    if row.field == ChangedField.QUOTE_CURRENCY:
        Symbol.objects.filter(server_id=row.server_id, name=row.name).update(quote_currency=row.after)
    elif row.field == ChangedField.CURRENCY:
        MtGroup.objects.filter(server_id=row.server_id, name=row.name).update(currency=row.after)
    elif row.field == ChangedField.GROUP:
        group = MtGroup.objects.get(server_id=row.server_id, name=row.after)
        TradingAccount.objects.filter(server_id=row.server_id, login=int(row.name)).update(mt_group=group)


@transaction.atomic
def assign_account(*, account: ServerAccount, client: Client, actor: Actor, now: datetime) -> TradingAccount:
    """Give an account of the server its client; its held deals are taken by the walker's next round.

    :raises GroupNotHere: its group has not been read yet. :raises NotFound: the server no longer lists it."""
    row = ServerAccount.objects.select_for_update(of=("self",)).get(pk=account.pk)
    if row.gone_at is not None:
        raise NotFound
    group = MtGroup.objects.filter(server_id=row.server_id, name=row.group).first()
    if group is None:
        raise GroupNotHere(group=row.group)
    return register_account(
        login=row.login, client=client, mt_group=group, leverage=row.leverage or 1, opened_at=row.registered_at,
        actor=actor, now=now,
    )  # fmt: skip


def note_introduction(*, server_id: int, now: datetime) -> None:
    """Note that the server's deals may be read."""
    ServerSync.objects.filter(pk=sync_of(server_id).pk, introduced_at__isnull=True).update(introduced_at=now)


def note_accounts(*, server_id: int, now: datetime) -> None:
    """Note that the server's accounts are taken over, all of them; the first time counts."""
    ServerSync.objects.filter(pk=sync_of(server_id).pk, accounts_at__isnull=True).update(accounts_at=now)


def note_structure(*, server_id: int, now: datetime) -> None:
    ServerSync.objects.filter(pk=sync_of(server_id).pk).update(structure_at=now)


def note_clock(*, server_id: int, off_seconds: int, is_wrong: bool, now: datetime) -> None:
    """Note how far the server's clock is from what its zone says; an alarm stands since it was first seen."""
    row = sync_of(server_id)
    row.clock_off_seconds = off_seconds
    row.clock_wrong_since = (row.clock_wrong_since or now) if is_wrong else None
    row.save(update_fields=["clock_off_seconds", "clock_wrong_since"])


def note_rows(*, server_id: int, new: int, now: datetime) -> None:
    """Count stored deals by the minute; the walker of the server is the only one who writes it."""
    if not new:
        return
    row, minute = sync_of(server_id), int(now.timestamp()) // 60
    counts = {at: count for at, count in row.minutes if at > minute - KEPT_MINUTES}
    counts[minute] = counts.get(minute, 0) + new
    ServerSync.objects.filter(pk=row.pk).update(minutes=sorted(counts.items()))


def begin_backfill(*, server_id: int, since: datetime, now: datetime) -> None:
    ServerSync.objects.filter(pk=sync_of(server_id).pk, backfill_started_at__isnull=True).update(
        backfill_started_at=now, backfill_from_at=since, backfill_rows=0
    )


def note_backfill(*, server_id: int, rows: int) -> None:
    ServerSync.objects.filter(server_id=server_id).update(backfill_rows=F("backfill_rows") + rows)


def end_backfill(*, server_id: int, now: datetime) -> None:
    ServerSync.objects.filter(
        server_id=server_id, backfill_started_at__isnull=False, backfill_done_at__isnull=True
    ).update(backfill_done_at=now)


def start_run(*, server_id: int, kind: RunKind, since: datetime, until: datetime, now: datetime) -> SyncRun:
    """Begin a comparison, or return the one that is under way."""
    row, _created = SyncRun.objects.get_or_create(
        server_id=server_id, kind=kind, finished_at=None, defaults={"since": since, "until": until, "started_at": now}
    )
    return row


@transaction.atomic
def keep_piece(
    *,
    run: SyncRun,
    done_until: datetime | None,
    last_login: int,
    checked: int,
    taken_over: int,
    lines: Sequence[SyncDifference],
) -> None:
    """Keep what a piece of a comparison found and where the next one begins."""
    room = max(0, MOST_LINES - run.differences)
    SyncDifference.objects.bulk_create(lines[:room])
    run.done_until, run.last_login = done_until, last_login
    run.checked += checked
    run.taken_over += taken_over
    run.differences += len(lines)
    run.save(update_fields=["done_until", "last_login", "checked", "taken_over", "differences"])


def finish_run(*, run: SyncRun, now: datetime) -> None:
    run.finished_at = now
    run.save(update_fields=["finished_at"])
