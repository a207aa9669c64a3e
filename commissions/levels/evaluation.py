"""Evaluate a ladder for a period: measure everybody, decide by the rules, store inputs and results. Applies nothing."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from access.services import record_audit
from access.types import Actor
from commissions.levels.enums import CHANGES, ApprovalNeed, Decision, Outcome, PeriodKind
from commissions.levels.errors import AlreadyEvaluated, NotTheLatest, PeriodNotOver
from commissions.levels.ladders import VersionInForce, lock_ladders, version_at, versions_in_force
from commissions.levels.measuring import known_ibs, late_deals, measure, nothing
from commissions.levels.models import Ladder, LevelDecision, LevelProgress, LevelResult, LevelRun
from commissions.levels.periods import LevelPeriod, period_of, schedule
from commissions.levels.rules import decide
from commissions.levels.standing import Place, places_of
from commissions.levels.types import Figures, LadderTerms, Verdict
from core import jobs
from tenancy.context import current_broker
from trading.completeness import completeness

PATIENCE = timedelta(hours=24)  # how long an evaluation waits for MT servers that are behind
_CHUNK = 2_000


@dataclass(frozen=True, slots=True)
class Duty:
    """A period that is over and has to be evaluated, and the version that does it."""

    ladder: Ladder
    version: VersionInForce
    period: LevelPeriod


@dataclass(frozen=True, slots=True)
class Measured:
    """One IB of an evaluation: where it stands, what it did, what follows."""

    place: Place
    figures: Figures
    verdict: Verdict


def next_duty(ladder: Ladder, *, now: datetime) -> Duty | None:
    """Return the earliest period of the ladder that is over and not evaluated, or None.

    Periods that were over before the ladder had its first version are history: they are never evaluated."""
    versions = versions_in_force(ladder)
    if not versions:
        return None
    zone = current_broker().settlement_zone
    first_published = ladder.versions.order_by("published_at").values_list("published_at", flat=True)[0]
    done = set(LevelRun.objects.filter(ladder=ladder).order_by().values_list("first_date", flat=True))
    starts = [(version.row.effective_date, version.terms.period) for version in versions]
    for index, period in schedule(starts, until=now.date() + timedelta(days=1)):
        ends = period.moments(zone)[1]
        if first_published < ends <= now and period.first not in done:
            return Duty(ladder, versions[index], period)
    return None


def is_complete(until: datetime, *, now: datetime) -> bool:
    """Say whether every deal before `until` has been read and judged, or waiting for the rest has lasted a day."""
    return now >= until + PATIENCE or _complete_until() is None or (_complete_until() or until) >= until


@transaction.atomic
def evaluate_period(*, duty: Duty, now: datetime) -> LevelRun:
    """Evaluate a period once; changes of earlier periods that still wait for a person are replaced.

    :raises PeriodNotOver: it is not over. :raises AlreadyEvaluated: somebody was faster."""
    lock_ladders()
    if LevelRun.objects.filter(ladder=duty.ladder, first_date=duty.period.first).exists():
        raise AlreadyEvaluated
    return _evaluate(duty, revision=0, asked_by=None, reason="", now=now)


@transaction.atomic
def evaluate_again(*, run: LevelRun, reason: str, actor: Actor, now: datetime) -> LevelRun:
    """Evaluate the ladder's latest period again, by what is stored and in force now, as a new revision.

    What was applied stays until the new result is: the difference is a change of its own.

    :raises NotTheLatest: a later period, or this one, was evaluated since."""
    lock_ladders()
    latest = LevelRun.objects.filter(ladder_id=run.ladder_id).order_by("-first_date", "-revision").first()
    if latest is None or latest.pk != run.pk:
        raise NotTheLatest
    version = version_at(versions_in_force(run.ladder), run.first_date)
    if version is None:
        raise NotTheLatest
    duty = Duty(run.ladder, version, period_of(version.terms.period, run.first_date))
    again = _evaluate(duty, revision=run.revision + 1, asked_by=actor.user_id, reason=reason, now=now)
    record_audit(
        actor=actor, action="commissions.evaluate_levels", object_type="level_run", object_id=again.pk, before=None,
        after={"ladder": run.ladder.code, "period": run.first_date, "revision": again.revision}, reason=reason, now=now,
    )  # fmt: skip
    return again


def _evaluate(duty: Duty, *, revision: int, asked_by: int | None, reason: str, now: datetime) -> LevelRun:
    since, until = duty.period.moments(current_broker().settlement_zone)
    if until > now:
        raise PeriodNotOver
    complete = _complete_until()
    measured = list(measure_ladder(duty, since=since, until=until))
    run = LevelRun.objects.create(
        ladder=duty.ladder, version=duty.version.row, first_date=duty.period.first, end_date=duty.period.end,
        effective_at=until, revision=revision, measured_at=now, complete_until=complete, asked_by_id=asked_by,
        reason=reason,
    )  # fmt: skip
    rows = (_result(run, duty.version.terms, each) for each in measured)
    LevelResult.objects.bulk_create(rows, batch_size=_CHUNK)
    _supersede(run, now)
    return run


def measure_ladder(duty: Duty, *, since: datetime, until: datetime) -> Iterator[Measured]:
    """Measure [since, until) and decide for every IB on the ladder, as if a period ended at `until`."""
    terms = duty.version.terms
    figures = measure(terms=terms, since=since, until=until)
    without = nothing(terms)
    for place in places_of(duty.ladder, terms, duty.period, ib_ids=known_ibs(until=until), at=until):
        of_ib = figures.get(place.ib_id, without)
        yield Measured(place, of_ib, decide(terms, of_ib, place.standing))


def _result(run: LevelRun, terms: LadderTerms, each: Measured) -> LevelResult:
    place, verdict = each.place, each.verdict
    return LevelResult(
        run=run, ib_id=place.ib_id, **_columns(terms, each),
        level_before=terms.levels[place.standing.before].code, level_next=terms.levels[place.standing.next].code,
        needs_approval=verdict.outcome in CHANGES and _waits(terms, verdict.outcome),
        in_grace=place.standing.is_new_here,
    )  # fmt: skip


def _columns(terms: LadderTerms, each: Measured) -> dict[str, object]:
    figures, verdict = each.figures, each.verdict
    return {
        "level_reached": terms.levels[verdict.reached].code, "level_after": terms.levels[verdict.after].code,
        "outcome": verdict.outcome, "periods_below": verdict.periods_below, "lots": figures.lots,
        "active_clients": figures.active_clients, "notional_usd": figures.notional_usd,
        "net_deposit_usd": figures.net_deposit_usd, "deals": figures.deals,
        "unmeasured_deals": figures.unmeasured_deals,
    }  # fmt: skip


def _waits(terms: LadderTerms, outcome: Outcome) -> bool:
    if terms.approval is ApprovalNeed.DEMOTIONS:
        return outcome is Outcome.DEMOTION
    return terms.approval is ApprovalNeed.ALWAYS


def _supersede(run: LevelRun, now: datetime) -> None:
    """Close the changes of earlier evaluations of the ladder that nobody decided: this one looked again."""
    open_changes = LevelResult.objects.filter(
        run__ladder=run.ladder, outcome__in=CHANGES, decision__isnull=True, run__lt=run.pk
    )
    LevelDecision.objects.bulk_create(
        LevelDecision(result_id=pk, state=Decision.SUPERSEDED, decided_at=now, decided_by_label="levels")
        for pk in open_changes.order_by("pk").values_list("pk", flat=True)
    )


def _complete_until() -> datetime | None:
    """Return up to when every active MT server is stored and judged; None: one never was, or there is none."""
    moments = [server.complete_until for server in completeness()]
    known = [moment for moment in moments if moment is not None]
    return min(known) if known and len(known) == len(moments) else None


@transaction.atomic
def measure_progress(*, ladder: Ladder, now: datetime) -> int:
    """Measure the running period of the ladder so far, for its IBs' pages and the preview; return how many IBs."""
    duty = running_period(ladder, now=now)
    if duty is None:
        return 0
    since = duty.period.moments(current_broker().settlement_zone)[0]
    terms = duty.version.terms
    rows = [
        LevelProgress(
            ib_id=each.place.ib_id, version=duty.version.row, first_date=duty.period.first, end_date=duty.period.end,
            level_code=terms.levels[each.place.standing.next].code, measured_at=now, **_columns(terms, each),
        )
        for each in measure_ladder(duty, since=since, until=now)
    ]  # fmt: skip
    LevelProgress.objects.filter(version__ladder=ladder).exclude(ib__in=[row.ib_id for row in rows]).delete()
    names = [field.name for field in LevelProgress._meta.concrete_fields if field.name != "ib"]
    LevelProgress.objects.bulk_create(
        rows, batch_size=_CHUNK, update_conflicts=True, unique_fields=["ib"], update_fields=names
    )
    return len(rows)


def running_period(ladder: Ladder, *, now: datetime) -> Duty | None:
    """Return the period of the ladder that is running, or None when no version evaluates it."""
    versions = versions_in_force(ladder)
    starts = [(version.row.effective_date, version.terms.period) for version in versions]
    zone = current_broker().settlement_zone
    for index, period in schedule(starts, until=now.date() + timedelta(days=1)):
        since, until = period.moments(zone)
        if since <= now < until:
            return Duty(ladder, versions[index], period)
    return None


def queue_measuring(*, ladder: Ladder, now: datetime) -> None:
    """Have a worker measure the ladder's running period; at most once a minute, however often it is asked for."""
    key = f"levels:measure:{ladder.pk}:{now:%Y%m%d%H%M}"
    jobs.enqueue("commissions.measure_levels", key=key, now=now, ladder_id=ladder.pk)


def late_deals_of(run: LevelRun) -> int:
    """Count the deals of an evaluated period that came, changed or vanished after it was measured."""
    since, until = LevelPeriod(PeriodKind(run.version.period), run.first_date, run.end_date).moments(
        current_broker().settlement_zone
    )
    return late_deals(since=since, until=until, measured_at=run.measured_at)
