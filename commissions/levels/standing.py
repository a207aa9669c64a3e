"""Where IBs stand on a ladder, at the end of a period and as recorded for the next one."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Q

from commissions.levels.models import Ladder, LevelExclusion, LevelPlacement, LevelResult, LevelRun
from commissions.levels.periods import LevelPeriod, periods_between
from commissions.levels.types import LadderTerms, Standing
from tenancy.context import current_broker

_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Place:
    """One IB of a ladder with its standing."""

    ib_id: int
    standing: Standing


def places_of(
    ladder: Ladder, terms: LadderTerms, period: LevelPeriod, *, ib_ids: Collection[int], at: datetime
) -> Iterator[Place]:
    """Yield the IBs of the ladder: those placed on it just before `at`, and, if it takes new ones, those never placed.

    `at` is the end of what is evaluated. Four statements whatever the number of IBs."""
    before = placements_at(at - _INSTANT)
    following = placements_at(at)
    excluded = excluded_at(at)
    below = _periods_below(ladder, period)
    zone = ZoneInfo(current_broker().settlement_zone)
    for ib_id in ib_ids:
        held, planned = before.get(ib_id), following.get(ib_id)
        if (held is not None and held.ladder_id != ladder.pk) or (held is None and not terms.takes_new):
            continue
        elsewhere = planned is not None and planned.ladder_id != ladder.pk
        place = position_of(terms, held)
        yield Place(ib_id, Standing(
            before=place, next=place if elsewhere else position_of(terms, planned),
            periods_below=below.get(ib_id, 0), is_new_here=_in_grace(terms, held, period, zone),
            is_excluded=ib_id in excluded,
            is_placed=elsewhere or (planned is not None and planned.active_from >= at and planned.result_id is None),
        ))  # fmt: skip


def placements_at(at: datetime) -> dict[int, LevelPlacement]:
    """Return {ib_id: placement in force at `at`}, over all ladders."""
    during = Q(active_to__isnull=True) | Q(active_to__gt=at)
    return {row.ib_id: row for row in LevelPlacement.objects.filter(during, active_from__lte=at).order_by("pk")}


def excluded_at(at: datetime) -> set[int]:
    """Return the IBs that are on the exclusion list at `at`."""
    during = Q(active_to__isnull=True) | Q(active_to__gt=at)
    rows = LevelExclusion.objects.filter(during, active_from__lte=at)
    return set(rows.order_by().values_list("ib_id", flat=True))


def position_of(terms: LadderTerms, placement: LevelPlacement | None) -> int:
    """Return the place of an IB's level; the lowest without a placement."""
    return (terms.position(placement.level_code) or 0) if placement is not None else 0


def _in_grace(terms: LadderTerms, held: LevelPlacement | None, period: LevelPeriod, zone: ZoneInfo) -> bool:
    if held is None:
        return False
    entered = held.active_from.astimezone(zone).date()
    return periods_between(entered, period.first, terms.period) < terms.grace_periods


def _periods_below(ladder: Ladder, period: LevelPeriod) -> dict[int, int]:
    """Return how many periods in a row each IB was below its level when the period before was evaluated last."""
    runs = LevelRun.objects.filter(ladder=ladder, end_date=period.first)
    run = runs.order_by("-revision").first()
    if run is None:
        return {}
    rows = LevelResult.objects.filter(run=run, periods_below__gt=0).order_by()
    return dict(rows.values_list("ib_id", "periods_below"))
