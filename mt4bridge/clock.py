"""The MT server's wall clock, translated to and from UTC. Plain Python.

MT servers write their local wall clock as if it were UTC seconds. A `ServerClock` says which wall clock that is: an
IANA zone whose daylight saving it follows, plus a fixed shift. The usual "GMT+2, GMT+3 in summer, with the US dates"
is America/New_York shifted by +420 minutes.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_QUARTER_SECONDS = 900
_QUARTER_MS = 900_000


@dataclass(frozen=True, slots=True)
class ServerClock:
    """Turn server time into UTC and back. Fast: the offset is cached per quarter of an hour.

    In the hour that a clock repeats in autumn the first passage is taken; it cannot be told apart on the wire. A wall
    time that spring skips (a server never writes one) is read with the offset before the change, so it lands in the
    hour after it. Both are the rules of `datetime` with fold=0."""

    zone: str = "UTC"
    shift_minutes: int = 0
    _offsets: dict[int, datetime] = field(default_factory=dict, init=False, repr=False, compare=False, hash=False)

    def to_utc(self, wall_seconds: int) -> datetime:
        """Return the UTC moment of server time given in seconds."""
        return self.to_utc_ms(wall_seconds * 1000)

    def to_utc_ms(self, wall_ms: int) -> datetime:
        """Return the UTC moment of server time given in milliseconds (`TimeMsc`)."""
        quarter, rest_ms = divmod(wall_ms, _QUARTER_MS)
        start = self._offsets.get(quarter)
        if start is None:
            start = self._remember(quarter)
        return start + timedelta(0, 0, rest_ms * 1000)

    def from_utc(self, at: datetime) -> int:
        """Return the server time of a UTC moment, in whole seconds (rounded down)."""
        return self.from_utc_ms(at) // 1000

    def from_utc_ms(self, at: datetime) -> int:
        """Return the server time of a UTC moment, in milliseconds (rounded down)."""
        return (at - EPOCH) // timedelta(milliseconds=1) + self.offset_seconds(at) * 1000

    def offset_seconds(self, at: datetime) -> int:
        """Return how many seconds the server's wall clock is ahead of UTC at a moment."""
        offset = at.astimezone(ZoneInfo(self.zone)).utcoffset() or timedelta()
        return offset // timedelta(seconds=1) + self.shift_minutes * 60

    def wall_window(self, since: datetime, until: datetime) -> tuple[int, int]:
        """Return server seconds [from, to] that surely hold every deal of the UTC period [since, until).

        Wider than needed around a change of the clock: the caller filters by the UTC time of each row."""
        near = timedelta(hours=3)
        low = min(self.offset_seconds(moment) for moment in (since - near, since, since + near))
        high = max(self.offset_seconds(moment) for moment in (until - near, until, until + near))
        start = (since - EPOCH) // timedelta(seconds=1) + low
        end = -((EPOCH - until) // timedelta(seconds=1)) + high
        return start, end

    def _remember(self, quarter: int) -> datetime:
        """Work out the UTC start of one quarter of server time, and keep it."""
        local_seconds = quarter * _QUARTER_SECONDS - self.shift_minutes * 60
        naive = datetime(1970, 1, 1) + timedelta(seconds=local_seconds)  # noqa: DTZ001 -- wall clock, zone follows
        start = naive.replace(tzinfo=ZoneInfo(self.zone)).astimezone(UTC)
        if len(self._offsets) > 100_000:  # some three years of quarters
            self._offsets.clear()
        self._offsets[quarter] = start
        return start
