"""Ladders and their versions: made, published, read back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from access.services import record_audit
from access.types import Actor
from commissions.levels.enums import ApprovalNeed, DemotionTarget, Match, PeriodKind, Scope
from commissions.levels.errors import LadderCodeTaken, LadderFault, LadderInvalid
from commissions.levels.models import Ladder, LadderVersion, Level, LevelPlacement
from commissions.levels.types import LadderTerms, LevelTerms
from commissions.levels.validation import faults_of

_VERSION_COLUMNS = (
    "effective_date", "period", "scope", "approval", "demotion_after", "demotion_target", "grace_periods",
    "active_min_lots", "count_own_trades", "takes_new",
)  # fmt: skip
_LEVEL_COLUMNS = (
    "code", "name", "match", "min_lots", "min_active_clients", "min_notional_usd", "min_net_deposit_usd", "plan_id",
    "rank", "keep_percent",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class VersionInForce:
    """A version that evaluates periods from its first day on, with its terms read."""

    row: LadderVersion
    terms: LadderTerms


@transaction.atomic
def create_ladder(*, code: str, name: str, actor: Actor, now: datetime) -> Ladder:
    """Make a ladder without a version yet.

    :raises LadderCodeTaken: the code exists."""
    try:
        with transaction.atomic():
            ladder = Ladder.objects.create(code=code, name=name, created_at=now)
    except IntegrityError as error:
        raise LadderCodeTaken(field="code", ladder=code) from error
    record_audit(
        actor=actor, action="commissions.edit_ladder", object_type="ladder", object_id=ladder.pk, before=None,
        after={"code": code, "name": name}, now=now,
    )  # fmt: skip
    return ladder


@transaction.atomic
def publish_ladder_version(*, ladder: Ladder, terms: LadderTerms, actor: Actor, now: datetime) -> LadderVersion:
    """Publish rules for the periods that begin on `terms.effective_date` and later. Nothing evaluated changes.

    :raises LadderInvalid: lists every refused field; nothing is stored."""
    lock_ladders()
    faults = (*faults_of(terms), *_faults_here(ladder, terms))
    if faults:
        raise LadderInvalid(faults)
    version = LadderVersion.objects.create(
        ladder=ladder, published_at=now, published_by=actor.label,
        **{name: getattr(terms, name) for name in _VERSION_COLUMNS},
    )  # fmt: skip
    Level.objects.bulk_create(
        Level(version=version, position=position, **{name: getattr(level, name) for name in _LEVEL_COLUMNS})
        for position, level in enumerate(terms.levels)
    )
    record_audit(
        actor=actor, action="commissions.edit_ladder", object_type="ladder_version", object_id=version.pk, before=None,
        after={"ladder": ladder.code, "effective_date": terms.effective_date, "levels": len(terms.levels)}, now=now,
    )  # fmt: skip
    return version


def lock_ladders() -> list[Ladder]:
    """Hold all ladders until the transaction ends: what is evaluated, applied and published waits for each other."""
    return list(Ladder.objects.select_for_update(of=("self",)).order_by("pk"))


def _faults_here(ladder: Ladder, terms: LadderTerms) -> list[LadderFault]:
    """Return what other ladders and the IBs that stand on this one forbid."""
    faults = []
    if terms.takes_new and any(takes_new_ladder_at(other, terms.effective_date) for other in _others(ladder)):
        faults.append(LadderFault("takes_new", _("Another ladder takes the IBs that were never placed.")))
    codes = {level.code for level in terms.levels}
    held = LevelPlacement.objects.filter(ladder=ladder, active_to__isnull=True).values_list("level_code", flat=True)
    gone = sorted(set(held.order_by()) - codes)
    if gone:
        sentence = _("IBs stand on levels that are missing here: %(codes)s.") % {"codes": ", ".join(gone)}
        faults.append(LadderFault("levels", sentence))
    return faults


def _others(ladder: Ladder) -> list[Ladder]:
    return list(Ladder.objects.exclude(pk=ladder.pk).order_by("pk"))


def takes_new_ladder_at(ladder: Ladder, day: date) -> bool:
    """Say whether the ladder takes IBs that were never placed, in a period that holds the day or in a later one."""
    versions = versions_in_force(ladder)
    begun = [version for version in versions if version.row.effective_date <= day][-1:]
    later = [version for version in versions if version.row.effective_date > day]
    return any(version.terms.takes_new for version in (*begun, *later))


def versions_in_force(ladder: Ladder) -> list[VersionInForce]:
    """Return the versions that evaluate periods, by first day: of equal ones the latest published. Two statements."""
    latest: dict[date, LadderVersion] = {}
    rows = LadderVersion.objects.filter(ladder=ladder).order_by("effective_date", "published_at", "pk")
    for version in rows.prefetch_related("levels"):
        latest[version.effective_date] = version
    return [VersionInForce(version, terms_of(version)) for version in latest.values()]


def version_at(versions: Sequence[VersionInForce], day: date) -> VersionInForce | None:
    """Return the version in force on a day, or None before the first."""
    return next((version for version in reversed(versions) if version.row.effective_date <= day), None)


def terms_of(version: LadderVersion) -> LadderTerms:
    """Read a version's rules back as they were published."""
    levels = sorted(version.levels.all(), key=lambda level: level.position)
    return LadderTerms(
        levels=tuple(_level_terms(level) for level in levels),
        effective_date=version.effective_date,
        period=PeriodKind(version.period),
        scope=Scope(version.scope),
        approval=ApprovalNeed(version.approval),
        demotion_after=version.demotion_after,
        demotion_target=DemotionTarget(version.demotion_target),
        grace_periods=version.grace_periods,
        active_min_lots=version.active_min_lots,
        count_own_trades=version.count_own_trades,
        takes_new=version.takes_new,
    )


def _level_terms(level: Level) -> LevelTerms:
    values = {name: getattr(level, name) for name in _LEVEL_COLUMNS}
    return LevelTerms(**{**values, "match": Match(level.match)})
