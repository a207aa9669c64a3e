"""Compare the store with an MT server: by night the last days, each month the whole history, and every balance.

Done in pieces that can be broken off at any moment; the run's row says where the next piece begins. Deals that differ
are read again and stored as revisions, each named in a line. Money is never put right here: a difference is a line."""

import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from crm.flows import deal_flow
from crm.flows.balances import compare_balances
from crm.flows.listing import Listing, differing_logins, held_keys, stored_deals
from crm.flows.proof_flow import told
from mt4bridge.models import MtServer
from mt4bridge.types import BadRow, DealRow, TradingServer
from trading.cursor import get_cursor
from trading.errors import CursorBusy, CursorMoved
from trading.services import Reading, record_deals
from trading.sync.enums import DifferenceKind, RunKind
from trading.sync.models import SyncDifference, SyncRun
from trading.sync.queries import gone_logins, unfinished_runs
from trading.sync.services import finish_run, keep_piece
from trading.types import DealKey, RecordOutcome

PIECE_SECONDS = 20.0  # then the worker is free for others; the next ring goes on
FIRST_SLICE, SHORTEST_SLICE, LONGEST_SLICE = timedelta(days=1), timedelta(minutes=15), timedelta(days=30)
SLICE_DEALS = 60_000
TRIES = 20  # the walker moves its cursor every second


def go_on(*, server: MtServer, gateway: TradingServer, clock: Callable[[], datetime]) -> None:
    """Do a piece of each comparison of the server that is under way.

    :raises BridgeError: the server could not be read; the next piece begins where this one broke off."""
    stop_at = time.monotonic() + PIECE_SECONDS
    for run in unfinished_runs(server.pk):
        if run.kind == RunKind.BALANCES:
            done = compare_balances(server=server, gateway=gateway, run=run, stop_at=stop_at)
        else:
            done = _compare_deals(server, gateway, run, stop_at=stop_at, clock=clock)
        if not done:
            return
        finish_run(run=run, now=clock())


def _compare_deals(
    server: MtServer, gateway: TradingServer, run: SyncRun, *, stop_at: float, clock: Callable[[], datetime]
) -> bool:
    """Compare slice after slice; return whether the end was reached."""
    length = FIRST_SLICE
    start = run.done_until or run.since
    while start < run.until:
        end = min(start + length, run.until)
        rows = [row for each in gateway.deals(since=start, until=end) for row in each]
        lines, outcome = _compare_slice(server, gateway, run, rows, Listing(start), end, now=clock())
        keep_piece(
            run=run, done_until=end, last_login=0, checked=len(rows), lines=lines,
            taken_over=outcome.new + outcome.revised + outcome.deleted,
        )  # fmt: skip
        start = end
        if len(rows) < SLICE_DEALS // 4:
            length = min(length * 2, LONGEST_SLICE)
        elif len(rows) > SLICE_DEALS:
            length = max(length / 2, SHORTEST_SLICE)
        if time.monotonic() > stop_at:
            break
    return start >= run.until


def _compare_slice(
    server: MtServer,
    gateway: TradingServer,
    run: SyncRun,
    rows: Sequence[DealRow | BadRow],
    listing: Listing,
    end: datetime,
    *,
    now: datetime,
) -> tuple[list[SyncDifference], deal_flow.WalkOutcome]:
    """Name what differs in a slice, and take it over."""
    outcome = deal_flow.WalkOutcome()
    listing.add(rows)
    wrong = differing_logins(server_id=server.pk, listing=listing, until=end, tickets=run.kind == RunKind.MONTHLY)
    if not wrong:
        return [], outcome
    held, archived = held_keys(server.pk) | listing.unread, gone_logins(server.pk)
    lines: list[SyncDifference] = []
    extra: set[DealKey] = set()
    for login in wrong:
        if login in archived and login not in listing.deals:
            continue  # it took its history along; what is stored stays
        found, missing = _of_login(server, run, listing, login, end, held)
        lines += found
        extra |= missing
    again = [row for row in rows if row.login in set(wrong)] if lines else []
    gone, elsewhere = deal_flow.ask_for_missing(gateway, server_id=server.pk, missing=sorted(extra))
    if again or gone or elsewhere:
        outcome.add(_record(server.pk, Reading(rows=[*again, *elsewhere], gone=gone), now=now))
    return lines, outcome


def _of_login(
    server: MtServer, run: SyncRun, listing: Listing, login: int, end: datetime, held: set[DealKey]
) -> tuple[list[SyncDifference], set[DealKey]]:
    """Return the lines of one account's slice, and the stored deals that the server did not list."""
    there = listing.deals.get(login, {})
    here = stored_deals(server_id=server.pk, login=login, since=listing.since, until=end)
    lines, missing = [], set()
    for key in sorted((there.keys() | here.keys()) - held):
        line = SyncDifference(run=run, login=login, ticket=key.ticket)
        if key not in here:
            line.kind, line.there = DifferenceKind.MISSING_HERE, f"{listing.since:%Y-%m-%d}"
        elif key not in there:
            line.kind, line.here = DifferenceKind.MISSING_THERE, f"{listing.since:%Y-%m-%d}"
            missing.add(key)
        elif here[key].sums != there[key]:
            line.kind, line.here = DifferenceKind.CONTENT, told(here[key].sums, there[key])[:200]
        else:
            continue
        lines.append(line)
    return lines, missing


def _record(server_id: int, reading: Reading, *, now: datetime) -> RecordOutcome:
    """Store what differs, between two steps of the walker.

    :raises CursorBusy, CursorMoved: the walker was faster every time; the slice is compared again later."""
    for attempt in range(TRIES):
        version = get_cursor(server_id).version
        try:
            return record_deals(server_id=server_id, version=version, reading=reading, now=now)
        except (CursorBusy, CursorMoved):
            if attempt == TRIES - 1:
                raise
            time.sleep(0.1)
    raise CursorMoved
