"""The days that a page is about, chosen by a chip or by two dates; days are those of the broker's settlement zone."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

CHIPS = (7, 30, 90)
DEFAULT_DAYS = 30
MOST_DAYS = 366


@dataclass(frozen=True, slots=True)
class Period:
    """Whole days, both ends included."""

    first: date
    last: date

    @property
    def query(self) -> str:
        """Return the period as a page's address takes it."""
        return f"since={self.first}&until={self.last}"

    @property
    def days(self) -> list[date]:
        return [self.first + timedelta(days=i) for i in range((self.last - self.first).days + 1)]


def today_in(zone: str, now: datetime) -> date:
    """Return the calendar day that it is in a zone."""
    return now.astimezone(ZoneInfo(zone)).date()


def last_days(count: int, *, today: date) -> Period:
    """Return the last `count` days, today included."""
    return Period(today - timedelta(days=count - 1), today)


def day_bounds(period: Period, zone: str) -> list[tuple[date, datetime, datetime]]:
    """Return each day with its start and end in UTC; a day of a zone with daylight saving may have 23 or 25 hours."""
    starts = [datetime.combine(day, time(), ZoneInfo(zone)) for day in (*period.days, period.last + timedelta(days=1))]
    moments = [start.astimezone(UTC) for start in starts]
    return list(zip(period.days, moments, moments[1:], strict=False))


def period_of(query: Mapping[str, str], *, today: date) -> Period:
    """Read `days=30`, or `since` and `until`; anything unreadable or longer than a year is the last 30 days."""
    since, until = _day(query.get("since", "")), _day(query.get("until", ""))
    if since and until and since <= until and (until - since).days < MOST_DAYS:
        return Period(since, until)
    wanted = query.get("days", "")
    return last_days(int(wanted) if wanted in {str(chip) for chip in CHIPS} else DEFAULT_DAYS, today=today)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
