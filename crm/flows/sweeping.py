"""Which part of the recent past a round reads again: all of it within a minute, a little at a time.

Reading fifteen minutes at once would make live deals wait for seconds on a busy server."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

DEPTH = timedelta(minutes=15)  # how far back edits and deletions are looked for
CYCLE = timedelta(minutes=1)  # and how often
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Slice(NamedTuple):
    """A part of the past by its age at the round: from `oldest` to `newest`."""

    oldest: timedelta
    newest: timedelta


def slices(*, swept_at: datetime, now: datetime) -> list[Slice]:
    """Return what to read now when the round before was at `swept_at`, less than a cycle ago.

    In each cycle of the clock an edge moves from the present back to DEPTH. A round reads what the edge has passed
    since the round before, so nothing between is left out, however long rounds take."""
    start_of_cycle = now - (now - _EPOCH) % CYCLE
    if swept_at >= start_of_cycle:
        return [Slice(_edge(now), _edge(swept_at) + (now - swept_at))]
    whole = DEPTH + (now - start_of_cycle)  # the end of the cycle before, by now older
    return [Slice(whole, _edge(swept_at) + (now - swept_at)), Slice(_edge(now), timedelta(0))]


def _edge(at: datetime) -> timedelta:
    """Return the age that the edge has reached at a moment."""
    return DEPTH * (((at - _EPOCH) % CYCLE) / CYCLE)
