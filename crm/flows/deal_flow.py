"""The walk of a deal: read from the MT server, store, judge, post. One walker per server; any crash resumes.

Each step reads outside any transaction and writes in one, which locks the server's cursor and checks that it has
not moved (docs/concepts.md, "The walk of a deal")."""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from commissions.services import AGAIN_AT_ONCE, judge_next_batch, rejudge_next_batch
from crm.flows import sweeping
from mt4bridge.columns import DealColumns, joined, microseconds
from mt4bridge.errors import BridgeError
from mt4bridge.models import MtServer
from mt4bridge.types import BadRow, DealRow, TradingServer
from trading.cursor import get_cursor, mark_complete
from trading.queries import logins_of, missing_keys, release_keys
from trading.recording import Names
from trading.services import Reading, close_vanished_held, record_deals
from trading.sync.queries import is_paused
from trading.sync.services import begin_backfill, end_backfill, note_backfill, note_rows
from trading.types import DealKey, RecordOutcome

# Every round reads this much again, since deals commit late on the MT server; what is older is read again within a
# minute, for edits and deletions and for what commits later still: `crm.flows.sweeping`.
OVERLAP = timedelta(seconds=5)
AHEAD = timedelta(minutes=1)  # read past the server's clock: it tells whole seconds
# A first read, or one after a long silence, goes in steps; the cursor moves after each.
BACKFILL_FROM = timedelta(hours=6)  # a shorter past is read at once
FIRST_STEP, SHORTEST_STEP, LONGEST_STEP = timedelta(days=2), timedelta(minutes=15), timedelta(days=92)
RECORD_BATCH = 10_000  # rows stored in one transaction
STEP_DEALS = 40_000  # a step aims at no more
BACKFILL_DEALS = 1_000_000  # so many deals are judged before more are read
BACKFILL_SECONDS = 90.0  # a round's share; tasks end after 300
# Judged in one transaction: each costs an entry and roll-up rows for every IB it meets, so fewer are cheaper.
JUDGE_BATCH = 1_000_000


@dataclass(slots=True)
class WalkOutcome:
    """What one walk did."""

    new: int = 0
    revised: int = 0
    deleted: int = 0
    held: int = 0
    judged: int = 0

    def add(self, step: "RecordOutcome | WalkOutcome") -> None:
        self.new += step.new
        self.revised += step.revised
        self.deleted += step.deleted
        self.held += step.held


def walk(*, server: MtServer, gateway: TradingServer, now: datetime) -> WalkOutcome:
    """Bring the store and the judgements of one server up to its present.

    :raises BridgeError: the server could not be read; what was read before it is stored and judged next time.
    :raises CursorBusy, CursorMoved: another walker is at work."""
    outcome = WalkOutcome()
    if is_paused(server.pk):
        outcome.judged = judge_all(server_id=server.pk, now=now)
        return outcome
    try:
        read_new(server=server, gateway=gateway, now=now, outcome=outcome)
    except BridgeError:
        judge_all(server_id=server.pk, now=now)  # moves, plans and late rates do not wait for the server
        raise
    note_rows(server_id=server.pk, new=outcome.new, now=now)
    outcome.judged = judge_all(server_id=server.pk, now=now)
    if sweep(server=server, gateway=gateway, now=now, outcome=outcome):
        outcome.judged += judge_all(server_id=server.pk, now=now)
    return outcome


def judge_all(*, server_id: int, now: datetime) -> int:
    """Judge what is stored and drain what must be judged again; return how many judgements were written."""
    judged = 0
    while step := judge_next_batch(server_id=server_id, limit=JUDGE_BATCH, now=now):
        judged += step.judged
    while step := rejudge_next_batch(server_id=server_id, limit=AGAIN_AT_ONCE, now=now):
        judged += step.judged
    mark_complete(server_id=server_id)
    return judged


def read_new(*, server: MtServer, gateway: TradingServer, now: datetime, outcome: WalkOutcome) -> None:
    """Read the server from the cursor to its present, in steps that each move the cursor.

    When nobody has looked at the recent past for a minute, it is read again in the same window."""
    server_now = gateway.server_time()
    cursor = get_cursor(server.pk)
    # In the hour that a server's clock repeats in autumn it goes back: then its present is read, not what was ahead.
    read_until = min(cursor.recorded_until or server.history_from, server_now)
    if server_now - read_until > BACKFILL_FROM:
        if not _backfill(server, gateway, read_until, server_now, outcome=outcome, now=now):
            return
        read_until = get_cursor(server.pk).recorded_until or read_until
    else:
        end_backfill(server_id=server.pk, now=now)
    deep = cursor.swept_at is None or now - cursor.swept_at >= sweeping.CYCLE
    since = read_until - (sweeping.DEPTH if deep else OVERLAP)
    window = Window(since=since, until=server_now, read_to=server_now + AHEAD, swept=deep)
    _read_window(server, gateway, window, outcome=outcome, now=now)
    _release(server, gateway, outcome=outcome, now=now)


def _backfill(
    server: MtServer,
    gateway: TradingServer,
    read_until: datetime,
    server_now: datetime,
    *,
    outcome: WalkOutcome,
    now: datetime,
) -> bool:
    """Read a long past in steps; return whether its end was reached. The rest is for the next round.

    A step that brings few deals is followed by a longer one. After so many deals, or when staff pause it, the round
    ends here: what was stored is judged before more is read, and the cursor says where to go on."""
    begin_backfill(server_id=server.pk, since=read_until, now=now)
    step, stop_at = FIRST_STEP, time.monotonic() + BACKFILL_SECONDS
    while server_now - read_until > BACKFILL_FROM:
        if outcome.new >= BACKFILL_DEALS or time.monotonic() > stop_at or is_paused(server.pk):
            return False
        before = outcome.new
        step_end = min(read_until + step, server_now)
        window = Window(since=read_until - OVERLAP, until=step_end, read_to=step_end)
        _read_window(server, gateway, window, outcome=outcome, now=now)
        note_backfill(server_id=server.pk, rows=outcome.new - before)
        step = _next_step(step, outcome.new - before)
        read_until = step_end
    return True


def _next_step(step: timedelta, deals: int) -> timedelta:
    if deals < STEP_DEALS // 4:
        return min(step * 2, LONGEST_STEP)
    return max(step / 2, SHORTEST_STEP) if deals > STEP_DEALS else step


def sweep(*, server: MtServer, gateway: TradingServer, now: datetime, outcome: WalkOutcome) -> bool:
    """Read this round's part of the recent past again; return whether something in it had changed.

    :raises BridgeError: the server could not be read; the next round reads it again."""
    cursor = get_cursor(server.pk)
    if cursor.recorded_until is None or cursor.swept_at is None or cursor.swept_at >= now:
        return False
    found, present = WalkOutcome(), min(cursor.recorded_until, gateway.server_time())
    parts = sweeping.slices(swept_at=cursor.swept_at, now=now)
    for part in parts:
        since, until = present - part.oldest, present - part.newest
        window = Window(since=since, until=until, read_to=until, swept=part is parts[-1])
        _read_window(server, gateway, window, outcome=found, now=now)
    outcome.add(found)
    return bool(found.new or found.revised or found.deleted)


def rescan(*, server: MtServer, gateway: TradingServer, since: datetime, now: datetime) -> WalkOutcome:
    """Read a past period again, whole: finds deals that were added, edited or deleted late."""
    outcome = WalkOutcome()
    until = get_cursor(server.pk).recorded_until or gateway.server_time()
    _read_window(server, gateway, Window(since=since, until=until, read_to=until), outcome=outcome, now=now)
    outcome.judged = judge_all(server_id=server.pk, now=now)
    return outcome


def read_period(
    *, server: MtServer, gateway: TradingServer, since: datetime, until: datetime, outcome: WalkOutcome, now: datetime
) -> None:
    """Record a past period, whole, without judging it: the round that follows does."""
    _read_window(server, gateway, Window(since=since, until=until, read_to=until), outcome=outcome, now=now)


@dataclass(frozen=True, slots=True)
class Window:
    """A period to read whole: [since, read_to); the cursor moves to `until`."""

    since: datetime
    until: datetime
    read_to: datetime
    swept: bool = False


def _read_window(
    server: MtServer, gateway: TradingServer, window: Window, *, outcome: WalkOutcome, now: datetime
) -> None:
    """Store all deals of the window list by list, then what is gone from it, and move the cursor last."""
    cursor = get_cursor(server.pk)
    version, known_until = cursor.version, cursor.recorded_until
    seen: set[DealKey] = set()
    names = Names()
    for rows in in_batches(gateway.deals(since=window.since, until=window.read_to)):
        seen.update(_keys_before(rows, known_until))
        step = record_deals(server_id=server.pk, version=version, reading=Reading(rows=rows, names=names), now=now)
        version = step.version
        outcome.add(step)
    edge = min(known_until, window.until) if known_until else window.since
    gone, found = _look_for_missing(server, gateway, since=window.since, until=edge, seen=seen)
    reading = Reading(rows=found, recorded_until=window.until, gone=gone, swept=window.swept)
    outcome.add(record_deals(server_id=server.pk, version=version, reading=reading, now=now))


def in_batches(lists: Iterable[Sequence[DealRow | BadRow]]) -> Iterator[Sequence[DealRow | BadRow]]:
    """Join short lists, so that a transaction is worth its statements; what has come is yielded at the latest then."""
    batch: list[Sequence[DealRow | BadRow]] = []
    size = 0
    for rows in lists:
        if rows:
            batch.append(rows)
            size += len(rows)
        if size >= RECORD_BATCH:
            yield joined(batch)
            batch, size = [], 0
    if batch:
        yield joined(batch)


def _keys_before(rows: Sequence[DealRow | BadRow], known_until: datetime | None) -> Iterator[DealKey]:
    """Yield the keys of rows that may be stored already; a first read keeps none, so its memory stays flat."""
    if known_until is None:
        return
    if isinstance(rows, DealColumns):
        rows = rows.where(rows.numbers["deal_at"] < microseconds(known_until))
    yield from (
        DealKey(row.ticket, row.leg)
        for row in rows
        if row.ticket is not None and (isinstance(row, BadRow) or row.deal_at < known_until)
    )


def _look_for_missing(
    server: MtServer, gateway: TradingServer, *, since: datetime, until: datetime, seen: set[DealKey]
) -> tuple[list[DealKey], list[DealRow | BadRow]]:
    """Ask the server by ticket for stored deals that the window did not bring: (gone, found elsewhere)."""
    missing = missing_keys(server_id=server.pk, since=since, until=until, seen=seen)
    return ask_for_missing(gateway, server_id=server.pk, missing=missing)


def ask_for_missing(
    gateway: TradingServer, *, server_id: int, missing: list[DealKey]
) -> tuple[list[DealKey], list[DealRow | BadRow]]:
    """Ask the server for deals by ticket: (gone, found).

    A deal whose account is not on the server any more is kept: archived accounts take their history out of the
    lists, and nobody's rebate is taken back for that."""
    if not missing:
        return [], []
    found = gateway.deals_by_ticket({key.ticket for key in missing})
    there = {DealKey(row.ticket, row.leg) for row in found if row.ticket is not None}
    absent = [key for key in missing if key not in there]
    logins = logins_of(server_id=server_id, keys=absent)
    alive = {state.login for state in gateway.account_states(set(logins.values()))} if logins else set()
    return [key for key in absent if logins[key] in alive], found


def _release(server: MtServer, gateway: TradingServer, *, outcome: WalkOutcome, now: datetime) -> None:
    """Read the rows again that somebody asked to release; whatever is still wrong with one is held anew."""
    keys = release_keys(server_id=server.pk)
    if not keys:
        return
    rows = gateway.deals_by_ticket({key.ticket for key in keys})
    there = {DealKey(row.ticket, row.leg) for row in rows if row.ticket is not None}
    version = get_cursor(server.pk).version
    outcome.add(record_deals(server_id=server.pk, version=version, reading=Reading(rows=rows), now=now))
    close_vanished_held(server_id=server.pk, keys=[key for key in keys if key not in there], now=now)
