"""Periods of ladders: whole months or quarters of the broker's settlement zone. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from commissions.levels.enums import PeriodKind

_MONTHS = {PeriodKind.MONTH: 1, PeriodKind.QUARTER: 3}


@dataclass(frozen=True, slots=True)
class LevelPeriod:
    """One period: days from `first` up to, without, `end`."""

    kind: PeriodKind
    first: date
    end: date

    def moments(self, zone: str) -> tuple[datetime, datetime]:
        """Return its start and end in UTC, by midnights of the zone."""
        return _midnight(self.first, zone), _midnight(self.end, zone)

    def after(self) -> "LevelPeriod":
        return period_of(self.kind, self.end)


def period_of(kind: PeriodKind, day: date) -> LevelPeriod:
    """Return the period that holds a day."""
    months = _MONTHS[kind]
    first = date(day.year, (day.month - 1) // months * months + 1, 1)
    index = first.year * 12 + first.month - 1 + months
    return LevelPeriod(kind, first, date(index // 12, index % 12 + 1, 1))


def periods_between(since: date, until: date, kind: PeriodKind) -> int:
    """Count how many periods the one of `until` lies after the one of `since`."""
    months = (until.year - since.year) * 12 + until.month - since.month
    if kind is PeriodKind.MONTH:
        return months
    return (until.year - since.year) * 4 + (until.month - 1) // 3 - (since.month - 1) // 3


def schedule(starts: Sequence[tuple[date, PeriodKind]], *, until: date) -> Iterator[tuple[int, LevelPeriod]]:
    """Yield (index of the version, period) in order of time, for all periods that begin before `until`.

    `starts`: the first day and the kind of each version in force, rising. A version's periods go on until the next
    version begins; one that would reach beyond that is left out: from there on the next version evaluates."""
    for index, (first, kind) in enumerate(starts):
        limit = starts[index + 1][0] if index + 1 < len(starts) else None
        period = period_of(kind, first)
        while period.first < until and (limit is None or period.end <= limit):
            yield index, period
            period = period.after()


def _midnight(day: date, zone: str) -> datetime:
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)
