"""Take the next deals of a server, or those that must be judged again, and write what they give in one transaction."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

import numpy as np
from django.db import transaction

from access.types import Actor
from commissions.distinct import distinct
from commissions.enums import BatchKind
from commissions.judging import waiting
from commissions.judging.accruing import accrue_marked
from commissions.judging.book import Book, open_book
from commissions.judging.clients import has_cpa, mark_rows, wake_clients
from commissions.judging.columns import Rows
from commissions.judging.compute import judge_trades
from commissions.judging.deals import is_trade, read_new, read_newest
from commissions.judging.dependents import dependents_of_late, dependents_of_revised
from commissions.judging.judged import Judged, SlowBatch, chosen
from commissions.judging.measures import lock_tiers
from commissions.judging.plans import known_versions
from commissions.judging.previous import (
    Revisions,
    computed_standings,
    contributions_of_revisions,
    no_standings,
    revise,
    stored_standings,
)
from commissions.judging.recovery import Recovering, has_advances, settle_recovery
from commissions.judging.rollup import Contributions, add_up, contributions_of, join
from commissions.judging.weighing import Weighed, has_tiers, settle_tiers
from commissions.judging.writing import post_to_ledger, reserve_batch, write_days, write_new, write_revisions
from commissions.models import CpaClient, JudgeBatch
from commissions.settlement.days import lock_days, to_date
from core.collecting import without_collector
from core.heap import reusing_memory
from trading.cursor import get_cursor, lock_cursor
from trading.models import DealCursor

AGAIN_AT_ONCE = 500_000  # of deals judged again, each line is held as it stood and as it stands
KEPT_BY_DEAL = 200_000  # new deals at once where tiers, advances or CPA keep something of each
LARGE = 20_000  # deals of a batch that works on arrays of some megabytes
_ACTOR = Actor.system("engine")


@dataclass(frozen=True, slots=True)
class JudgeOutcome:
    """What one step did: deals looked at and judgements written. False when there was nothing to look at."""

    deals: int = 0
    judged: int = 0

    def __bool__(self) -> bool:
        return self.deals > 0


class _Changes(NamedTuple):
    """What judging again leads to. `hashes`: of the terms of chains by their number; no revisions: nothing to do."""

    revisions: Revisions | None
    looked_at: list[int]
    waits: waiting.Waits
    hashes: Mapping[int, bytes | None]
    weighed: Weighed | None = None
    recovering: Recovering | None = None


@dataclass(slots=True)
class _Work:
    """One batch on its way: new deals as columns, the others one by one."""

    book: Book | None = None
    fresh: Judged | None = None
    again: _Changes = field(default_factory=lambda: _Changes(None, [], {}, {}))

    @property
    def judged(self) -> int:
        return (len(self.fresh.rows) if self.fresh else 0) + len(self.again.revisions or ())


def judge_next_batch(*, server_id: int, limit: int, now: datetime) -> JudgeOutcome:
    """Judge the next recorded deals of a server, at most `limit`, and move its cursor.

    Reads and computes outside the transaction that writes.

    :raises CursorBusy, CursorMoved: another walker is at work; nothing was written."""
    cursor = get_cursor(server_id)
    versions = known_versions()
    if has_tiers(versions) or has_advances(versions) or has_cpa(versions):
        limit = min(limit, KEPT_BY_DEAL)
    rows = read_new(server_id=server_id, after_id=cursor.judged_id, limit=limit)
    while len(rows) > 1:
        try:
            return judge_rows(rows, cursor=cursor, now=now)
        except OverflowError:  # of the batch's sums; those of a single deal always fit
            rows = rows[: len(rows) // 2]
        except SlowBatch as slow:
            rows = _before(rows, slow.before_id)
    return judge_rows(rows, cursor=cursor, now=now) if len(rows) else JudgeOutcome()


def _before(rows: Rows, deal_id: int) -> Rows:
    """Return the rows before a deal; half of them where it is not among them."""
    before = int(np.searchsorted(rows["id"], deal_id))
    return rows[: before if 0 < before < len(rows) else len(rows) // 2]


def judge_rows(rows: Rows, *, cursor: DealCursor, now: datetime) -> JudgeOutcome:
    """Judge the rows that stand behind the cursor, as `read_new` gave them, and move it past them.

    :raises CursorBusy, CursorMoved: another walker is at work; nothing was written."""
    with without_collector(), reusing_memory(when=len(rows) >= LARGE):
        return _judge_rows(rows, cursor=cursor, now=now)


def _judge_rows(rows: Rows, *, cursor: DealCursor, now: datetime) -> JudgeOutcome:
    server_id = cursor.server_id
    waiting.start_cursor(server_id)
    fresh, again = _split(rows, cursor)
    while len(again) > AGAIN_AT_ONCE and len(rows) > 1:
        rows = rows[: len(rows) // 2]
        fresh, again = _split(rows, cursor)
    work = _Work()
    if len(fresh):
        work.book = open_book(fresh)
    if has_cpa(work.book.memory.versions if work.book else known_versions()):
        mark_rows(rows, fresh, work.book)
        accrue_marked(server_id=server_id, now=now)
    if work.book is not None:
        work.fresh = judge_trades(fresh, work.book, now=now, batch=rows)
    if again:
        work.again = _judge_again(again, now=now)
    with transaction.atomic():
        locked = lock_cursor(server_id=server_id, version=cursor.version)
        _write(work, server_id=server_id, kind=BatchKind.NEW, deals=len(rows), now=now)
        _move(locked, rows)
    return JudgeOutcome(deals=len(rows), judged=work.judged)


def rejudge_next_batch(*, server_id: int, limit: int, now: datetime) -> JudgeOutcome:
    """Judge again what waits for it: what a change of network or plans touches, and what has what it waited for.

    :raises CursorBusy, CursorMoved: another walker is at work; nothing was written."""
    cursor = get_cursor(server_id)
    waiting.queue_changes(server_id=server_id, cursor=cursor)
    waiting.wake(server_id=server_id)
    if CpaClient.objects.exists():
        wake_clients()
        accrue_marked(server_id=server_id, now=now)
    roots = waiting.take(server_id=server_id, limit=limit)
    while len(roots) > 1:
        try:
            return _judge_roots(roots, cursor=cursor, now=now)
        except (OverflowError, SlowBatch):  # of the batch's sums; those of a single deal always fit
            roots = roots[: len(roots) // 2]
    return _judge_roots(roots, cursor=cursor, now=now) if roots else JudgeOutcome()


def _judge_roots(roots: Collection[int], *, cursor: DealCursor, now: datetime) -> JudgeOutcome:
    server_id = cursor.server_id
    with without_collector(), reusing_memory(when=len(roots) >= LARGE):
        work = _Work(again=_judge_again(roots, now=now))
        with transaction.atomic():
            locked = lock_cursor(server_id=server_id, version=cursor.version)
            _write(work, server_id=server_id, kind=BatchKind.AGAIN, deals=len(roots), now=now)
            locked.version += 1
            locked.save(update_fields=["version"])
    return JudgeOutcome(deals=len(roots), judged=work.judged)


def _split(rows: Rows, cursor: DealCursor) -> tuple[Rows, set[int]]:
    """Return the deals that are simply new, and the identities of all that must be judged by what stands now.

    Those are edited and deleted ones, and what depends on them or on a deal that arrived late."""
    revised = set(rows["root"][rows["revision"] > 0].tolist())
    fresh = chosen(rows, is_trade(rows) & (rows["revision"] == 0) & ~np.isin(rows["root"], list(revised)))
    again = revised | dependents_of_revised(revised, judged_id=cursor.judged_id)
    if cursor.judged_high_at is not None:
        again |= dependents_of_late(fresh, high_at=cursor.judged_high_at, judged_id=cursor.judged_id)
    return fresh, again


def _judge_again(roots: Collection[int], *, now: datetime) -> _Changes:
    """Compute what stands now for these deals and compare it with what stood."""
    newest = read_newest(roots)
    live = newest[(newest["deleted"] == 0) & is_trade(newest)]
    stored, computed = stored_standings(roots), no_standings()
    waits: waiting.Waits = {}
    hashes: Mapping[int, bytes | None] = {}
    book = open_book(newest)
    weighed = Weighed.nothing(book.memory.versions) if has_tiers(book.memory.versions) else None
    recovering = Recovering() if has_advances(book.memory.versions) else None
    if len(live):
        judged = judge_trades(live, book, now=now, again=roots)
        computed, waits, hashes = computed_standings(judged), waiting.waits_of(judged), _hashes(judged, book)
        weighed, recovering = judged.weighed, judged.recovering
    return _Changes(revise(stored, computed, newest), sorted(roots), waits, hashes, weighed, recovering)


def _hashes(judged: Judged, book: Book) -> dict[int, bytes | None]:
    return {number: book.chains.chains[number].shape.hash_bytes for number in distinct(judged.chain)[0].tolist()}


def _write(work: _Work, *, server_id: int, kind: BatchKind, deals: int, now: datetime) -> None:
    """Write judgements, roll-ups, ledger entries and what still waits, under one batch."""
    if not work.judged and not work.again.looked_at:
        return
    weighed = [each for each in (work.fresh and work.fresh.weighed, work.again.weighed) if each]
    recovering = [each for each in (work.fresh and work.fresh.recovering, work.again.recovering) if each]
    if weighed or recovering:
        lock_tiers()
    batch_id = reserve_batch()
    days: list[Contributions] = []
    if work.fresh is not None and work.book is not None:
        hashes = _hashes(work.fresh, work.book)
        write_new(work.fresh, batch_id=batch_id, hashes=hashes)
        days.append(contributions_of(work.fresh))
        waiting.note(waiting.waits_of(work.fresh), server_id=server_id)
    if work.again.revisions:
        write_revisions(work.again.revisions, batch_id=batch_id, hashes=work.again.hashes)
        days.append(contributions_of_revisions(work.again.revisions))
    waiting.settle(work.again.looked_at, work.again.waits, server_id=server_id)
    if weighed:
        settle_tiers(weighed, work.again.looked_at)
    if recovering:
        settle_recovery(recovering, work.again.looked_at)
    accounting = lock_days(now=now)
    if days:
        total = add_up(join(days))
        write_days(total, accounting)
        known = work.book.memory.accounts if work.book else {}
        post_to_ledger(total, known=known, batch_id=batch_id, actor=_ACTOR, now=now)
    JudgeBatch.objects.create(
        pk=batch_id, server_id=server_id, kind=kind, deals=deals, judged=work.judged, booked_at=now,
        booking_day=to_date(accounting.booking_day), closing_id=accounting.closing_id, **waiting.versions(server_id),
    )  # fmt: skip


def _move(cursor: DealCursor, rows: Rows) -> None:
    traded = is_trade(rows)
    cursor.version += 1
    cursor.judged_id = int(rows["id"].max())
    if traded.any():
        cursor.judged_high_at = waiting.later(cursor.judged_high_at, int(rows["at_us"][traded].max()))
    cursor.save(update_fields=["version", "judged_id", "judged_high_at"])
