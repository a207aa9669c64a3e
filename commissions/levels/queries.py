"""Reads of levels: what staff decide on, and what an IB may know about its own level."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from django.db.models import Count, Q, QuerySet

from access.types import Actor
from commissions.levels.enums import CHANGES, Match, Outcome
from commissions.levels.ladders import VersionInForce, terms_of, version_at, versions_in_force
from commissions.levels.models import (
    Ladder,
    LadderVersion,
    LevelDecision,
    LevelExclusion,
    LevelPlacement,
    LevelProgress,
    LevelResult,
    LevelRun,
)
from commissions.levels.rules import meets
from commissions.levels.types import Figures, LadderTerms, LevelTerms
from commissions.models import Plan
from ib.models import IB
from ib.queries.places import in_force


def ladders_visible_to(actor: Actor) -> QuerySet[Ladder]:
    """Return the ladders that the actor may see: staff with the right all."""
    return Ladder.objects.all() if _sees(actor) else Ladder.objects.none()


def results_visible_to(actor: Actor) -> QuerySet[LevelResult]:
    """Return results with run, version, IB and decision: staff with the right all, an IB its own."""
    rows = LevelResult.objects.select_related("run__ladder", "run__version", "ib", "decision")
    if _sees(actor):
        return rows
    return rows.filter(ib_id=actor.ib_id) if actor.ib_id is not None else rows.none()


def runs_visible_to(actor: Actor) -> QuerySet[LevelRun]:
    """Return evaluations, with their ladder and version."""
    rows = LevelRun.objects.select_related("ladder", "version", "asked_by")
    return rows if _sees(actor) else rows.none()


def exclusions_visible_to(actor: Actor) -> QuerySet[LevelExclusion]:
    """Return the rows of the exclusion list, with their IB."""
    rows = LevelExclusion.objects.select_related("ib")
    return rows if _sees(actor) else rows.none()


def progress_visible_to(actor: Actor) -> QuerySet[LevelProgress]:
    """Return what the running period brought so far."""
    rows = LevelProgress.objects.select_related("ib", "version")
    if _sees(actor):
        return rows
    return rows.filter(ib_id=actor.ib_id) if actor.ib_id is not None else rows.none()


def _sees(actor: Actor) -> bool:
    return actor.sees_all and actor.has("commissions.view_level")


def open_automatic(ladder: Ladder) -> list[LevelResult]:
    """Return the changes that wait for nobody and are not applied yet, oldest first."""
    rows = LevelResult.objects.filter(
        run__ladder=ladder, outcome__in=CHANGES, needs_approval=False, decision__isnull=True
    )
    return list(rows.order_by("pk"))


def waiting_changes(actor: Actor) -> QuerySet[LevelResult]:
    """Return the changes that wait for a person, among those that the actor may see."""
    return results_visible_to(actor).filter(outcome__in=CHANGES, needs_approval=True, decision__isnull=True)


def waiting_count(actor: Actor) -> int:
    """Count the changes that wait for a person; 0 without a statement for who may not see them."""
    return waiting_changes(actor).count() if _sees(actor) else 0


def outcome_counts(run: LevelRun) -> dict[str, int]:
    """Return how many IBs each outcome of an evaluation has. One statement."""
    rows = LevelResult.objects.filter(run=run).order_by().values("outcome")
    return dict(rows.annotate(n=Count("pk")).values_list("outcome", "n"))


def placed_counts(ladder: Ladder, *, at: datetime) -> dict[str, int]:
    """Return how many IBs stand on each level by a placement of their own. One statement."""
    rows = in_force(LevelPlacement.objects.filter(ladder=ladder), at=at).order_by().values("level_code")
    return dict(rows.annotate(n=Count("pk")).values_list("level_code", "n"))


def placements_of(ib: IB) -> list[LevelPlacement]:
    """Return an IB's levels, newest first, those to come included."""
    return list(LevelPlacement.objects.filter(ib=ib).select_related("ladder").order_by("-active_from"))


@dataclass(frozen=True, slots=True)
class ConditionShown:
    """One condition of a level beside what the IB has."""

    measure: str  # a field of Figures
    asked: Decimal
    has: Decimal
    holds: bool

    @property
    def missing(self) -> Decimal:
        return max(self.asked - self.has, Decimal(0))

    @property
    def percent(self) -> int:
        """Return how far the condition is, 0 to 100, never 100 before it holds."""
        if self.holds:
            return 100
        return max(0, min(99, int(self.has * 100 / self.asked)))


@dataclass(frozen=True, slots=True)
class LevelShown:
    """One level as it was looked at for an IB."""

    code: str
    name: str
    match: Match
    conditions: tuple[ConditionShown, ...]
    is_reached: bool


def figures_of(row: LevelResult | LevelProgress) -> Figures:
    """Return the stored inputs of a result."""
    return Figures(
        lots=row.lots, active_clients=row.active_clients, notional_usd=row.notional_usd,
        net_deposit_usd=row.net_deposit_usd, deals=row.deals, unmeasured_deals=row.unmeasured_deals,
    )  # fmt: skip


def levels_shown(terms: LadderTerms, figures: Figures) -> list[LevelShown]:
    """Return every level of the ladder with each condition beside the figures, the lowest first."""
    return [_shown(level, figures) for level in terms.levels]


def _shown(level: LevelTerms, figures: Figures) -> LevelShown:
    conditions = tuple(
        ConditionShown(each.measure, each.at_least, Decimal(getattr(figures, each.measure) or 0), each.holds(figures))
        for each in level.conditions
    )
    return LevelShown(level.code, level.name, level.match, conditions, meets(level, figures))


@dataclass(frozen=True, slots=True)
class Explained:
    """A result with its version's rules: what every level asked for, what the IB had, what follows."""

    result: LevelResult
    terms: LadderTerms
    levels: list[LevelShown]

    def name(self, code: str) -> str:
        """Return a level's name in the version that evaluated; its code when it is of an older one."""
        place = self.terms.position(code)
        return code if place is None else self.terms.levels[place].name

    @property
    def before(self) -> str:
        return self.name(self.result.level_before)

    @property
    def standing(self) -> str:
        return self.name(self.result.level_next)

    @property
    def reached(self) -> str:
        return self.name(self.result.level_reached)

    @property
    def after(self) -> str:
        return self.name(self.result.level_after)

    @property
    def decision(self) -> LevelDecision | None:
        return getattr(self.result, "decision", None)

    @property
    def is_open(self) -> bool:
        return self.result.outcome in CHANGES and self.decision is None


def explain(rows: Sequence[LevelResult]) -> list[Explained]:
    """Return the results with their rules, in the given order. Two statements for all versions."""
    versions = LadderVersion.objects.filter(pk__in={row.run.version_id for row in rows}).prefetch_related("levels")
    terms = {version.pk: terms_of(version) for version in versions.order_by("pk")}
    return [
        Explained(row, terms[row.run.version_id], levels_shown(terms[row.run.version_id], figures_of(row)))
        for row in rows
    ]


@dataclass(frozen=True, slots=True)
class MyLevel:
    """Where an IB stands now, and what the next level still asks for."""

    ladder: Ladder
    level: LevelTerms
    next_level: LevelShown | None  # None: it stands on the highest
    first_date: date
    end_date: date  # first day after the running period
    measured_at: datetime
    figures: Figures
    outcome: Outcome
    keeps: LevelShown  # its own level with the conditions that keep it
    periods_below: int
    terms: LadderTerms
    to_come: LevelPlacement | None  # a level that begins later

    @property
    def last_date(self) -> date:
        return self.end_date - timedelta(days=1)


def find_my_level(*, ib_id: int, now: datetime) -> MyLevel | None:
    """Return the level of an IB as its own page shows it, or None: no ladder has measured it yet."""
    row = LevelProgress.objects.filter(ib_id=ib_id).select_related("version__ladder").first()
    if row is None:
        return None
    terms = terms_of(row.version)
    figures = figures_of(row)
    shown = levels_shown(terms, figures)
    held = in_force(LevelPlacement.objects.filter(ib_id=ib_id, ladder=row.version.ladder), at=now).first()
    place = (terms.position(held.level_code) if held else 0) or 0
    coming = LevelPlacement.objects.filter(ib_id=ib_id, active_from__gt=now).order_by("active_from").first()
    return MyLevel(
        ladder=row.version.ladder, level=terms.levels[place],
        next_level=shown[place + 1] if place + 1 < len(shown) else None, first_date=row.first_date,
        end_date=row.end_date, measured_at=row.measured_at, figures=figures, outcome=Outcome(row.outcome),
        keeps=shown[place], periods_below=row.periods_below, terms=terms, to_come=coming,
    )  # fmt: skip


def version_now(ladder: Ladder, day: date) -> VersionInForce | None:
    """Return the version in force on a day, else the first one to come."""
    versions = versions_in_force(ladder)
    return version_at(versions, day) or (versions[0] if versions else None)


def is_latest(run: LevelRun) -> bool:
    """Say whether it is the ladder's newest evaluation: the only one that can be repeated."""
    later = Q(first_date__gt=run.first_date) | Q(first_date=run.first_date, revision__gt=run.revision)
    return not LevelRun.objects.filter(later, ladder_id=run.ladder_id).exists()


@dataclass(frozen=True, slots=True)
class Preview:
    """What the running period of a ladder would bring if it ended at `measured_at`."""

    first_date: date
    end_date: date
    measured_at: datetime
    counts: dict[str, int]  # IBs by outcome

    @property
    def last_date(self) -> date:
        return self.end_date - timedelta(days=1)

    @property
    def ibs(self) -> int:
        return sum(self.counts.values())

    @property
    def promotions(self) -> int:
        return self.counts.get(Outcome.PROMOTION, 0)

    @property
    def demotions(self) -> int:
        return self.counts.get(Outcome.DEMOTION, 0)

    @property
    def below(self) -> int:
        return self.counts.get(Outcome.BELOW, 0)


def preview_of(progress: QuerySet[LevelProgress]) -> Preview | None:
    """Sum up what was measured of a running period, or None before the first measuring. Two statements."""
    newest = progress.order_by("-measured_at").first()
    if newest is None:
        return None
    counts = progress.order_by().values("outcome").annotate(n=Count("pk")).values_list("outcome", "n")
    return Preview(newest.first_date, newest.end_date, newest.measured_at, dict(counts))


def level_choices(day: date) -> list[tuple[str, str]]:
    """Return (code, name) of the levels of all ladders in force on a day, the lowest first."""
    found: dict[str, str] = {}
    for ladder in Ladder.objects.order_by("code"):
        version = version_now(ladder, day)
        if version is not None:
            found.update({level.code: level.name for level in version.terms.levels})
    return list(found.items())


def latest_of_each_period(rows: QuerySet[LevelResult], *, limit: int) -> list[LevelResult]:
    """Return the newest periods' results of one IB, of each period only the evaluation that counts."""
    newest = rows.order_by("-run__first_date", "run__ladder_id", "-run__revision")[: limit * 4]
    kept: dict[tuple[date, int], LevelResult] = {}
    for row in newest:
        kept.setdefault((row.run.first_date, row.run.ladder_id), row)
    return list(kept.values())[:limit]


def plan_names(terms: LadderTerms) -> dict[int, str]:
    """Return {plan id: name} of the plans that the levels give. One statement."""
    ids = [level.plan_id for level in terms.levels if level.plan_id is not None]
    return dict(Plan.objects.filter(pk__in=ids).order_by("pk").values_list("pk", "name"))
