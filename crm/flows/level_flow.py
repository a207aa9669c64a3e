"""Levels by the clock. The rows are the record: a period without a run is due, a change without a decision is open.

An evaluation is one transaction that applies nothing; each change is a transaction of its own. So a crash anywhere is
repaired by the next walk, and one IB that cannot be changed does not stop the others."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from access.types import Actor
from commissions.levels.changes import apply_change
from commissions.levels.errors import AlreadyDecided, AlreadyEvaluated
from commissions.levels.evaluation import evaluate_period, is_complete, measure_progress, next_duty
from commissions.levels.models import Ladder, LevelProgress, LevelResult
from commissions.levels.queries import open_automatic
from crm.flows.alone import alone_at
from tenancy.context import current_broker

logger = logging.getLogger(__name__)

MOST_SECONDS = timedelta(seconds=200)  # a walk ends before the workers' limit; the next one goes on
PROGRESS_EVERY = timedelta(hours=1)
_ACTOR = Actor.system("levels")


@dataclass(slots=True)
class LevelWalk:
    """What one walk did."""

    evaluated: int = 0
    applied: int = 0
    failed: int = 0
    measured: int = 0


def walk(*, clock: Callable[[], datetime]) -> LevelWalk:
    """Bring every ladder up to date: in order of periods, and never two walks of a broker at once."""
    done = LevelWalk()
    with alone_at("levels") as alone:  # a courtesy: unique rows are what protects
        if not alone:
            return done
        started = clock()
        for ladder in Ladder.objects.order_by("pk"):
            _evaluate_what_is_over(ladder, done, started, clock)
            if clock() - started < MOST_SECONDS:
                _measure_progress(ladder, done, clock())
    return done


def _evaluate_what_is_over(ladder: Ladder, done: LevelWalk, started: datetime, clock: Callable[[], datetime]) -> None:
    while clock() - started < MOST_SECONDS:
        _apply_open(ladder, done, started, clock)
        now = clock()
        duty = next_duty(ladder, now=now)
        if duty is None:
            return
        until = duty.period.moments(current_broker().settlement_zone)[1]
        if not is_complete(until, now=now):
            return
        try:
            evaluate_period(duty=duty, now=now)
        except AlreadyEvaluated:
            return
        done.evaluated += 1


def _apply_open(ladder: Ladder, done: LevelWalk, started: datetime, clock: Callable[[], datetime]) -> None:
    """Apply the changes that need nobody, each in its own transaction."""
    for result in open_automatic(ladder):
        if clock() - started >= MOST_SECONDS:
            return
        if _apply(result, clock()):
            done.applied += 1
        else:
            done.failed += 1


def _apply(result: LevelResult, now: datetime) -> bool:
    try:
        apply_change(result=result, actor=_ACTOR, now=now)
    except AlreadyDecided:
        return True
    except Exception:
        logger.exception("a change of level could not be applied", extra={"result_id": result.pk})
        return False
    return True


def _measure_progress(ladder: Ladder, done: LevelWalk, now: datetime) -> None:
    newest = LevelProgress.objects.filter(version__ladder=ladder).order_by("-measured_at").first()
    if newest is None or now - newest.measured_at >= PROGRESS_EVERY or now >= _end_of(newest):
        done.measured += measure_progress(ladder=ladder, now=now)


def _end_of(row: LevelProgress) -> datetime:
    """Return when the period ends that the row is about."""
    zone = ZoneInfo(current_broker().settlement_zone)
    return datetime.combine(row.end_date, time(), zone)
