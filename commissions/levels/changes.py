"""Carry out promotions and demotions: plan, rank and share from the start of the next period, each IB by itself."""

from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from django.db import IntegrityError, transaction

from access.services import record_audit
from access.types import Actor
from commissions.levels.enums import CHANGES, Decision
from commissions.levels.errors import (
    AlreadyDecided,
    AskedForIt,
    NothingToDecide,
    OnExclusionList,
    SameLevel,
    UnknownLevel,
)
from commissions.levels.ladders import lock_ladders, terms_of, version_at, versions_in_force
from commissions.levels.models import Ladder, LevelDecision, LevelExclusion, LevelPlacement, LevelResult
from commissions.levels.types import LevelTerms
from commissions.models import Plan
from commissions.services import PlanSame, assign_plan
from commissions.telling import tell_level
from core.errors import Forbidden
from ib.models import IB
from ib.queries import agreement_at
from ib.queries.places import in_force
from ib.services import set_agreement
from tenancy.context import current_broker

RIGHT = "commissions.approve_level"


@transaction.atomic
def apply_change(*, result: LevelResult, actor: Actor, now: datetime, reason: str = "") -> LevelDecision:
    """Let the IB stand on its new level from the start of the next period, with all that the level gives.

    An IB that has come onto the exclusion list meanwhile is left alone, and the decision says so.

    :raises AlreadyDecided: somebody was faster. :raises NothingToDecide: the result is no change.
    :raises AskedForIt: who asked for this evaluation does not decide on what it found."""
    row = _undecided(result, actor)
    at = row.run.effective_at
    if _is_excluded(row.ib, at):
        return _close(row, Decision.EXCLUDED, actor=actor, reason=reason, now=now)
    level = next(each for each in terms_of(row.run.version).levels if each.code == row.level_after)
    placement = _place(ib=row.ib, ladder=row.run.ladder, level=level, at=at, result=row)
    tell_level(placement=placement, level_name=level.name, now=now)
    _give(ib=row.ib, level=level, at=at, actor=actor, now=now)
    return _close(row, Decision.APPLIED, actor=actor, reason=reason, now=now)


@transaction.atomic
def reject_change(*, result: LevelResult, reason: str, actor: Actor, now: datetime) -> LevelDecision:
    """Leave the IB where it stands, and say why.

    :raises AlreadyDecided: somebody was faster. :raises AskedForIt: as for `apply_change`."""
    return _close(_undecided(result, actor), Decision.REJECTED, actor=actor, reason=reason, now=now)


@transaction.atomic
def place_ib(
    *, ib: IB, ladder: Ladder, level_code: str, at: datetime, reason: str, actor: Actor, now: datetime
) -> LevelPlacement:
    """Let staff put an IB on a level from `at` until its next recorded change, with all that the level gives.

    :raises UnknownLevel: the version in force at `at` has no such level. :raises SameLevel: it stands there.
    :raises OnExclusionList: the IB's level is never touched at that moment."""
    lock_ladders()
    day = at.astimezone(_zone()).date()
    version = version_at(versions_in_force(ladder), day)
    level = version and next((each for each in version.terms.levels if each.code == level_code), None)
    if not level:
        raise UnknownLevel(field="level")
    if _is_excluded(ib, at):
        raise OnExclusionList(ib=ib.code)
    before = in_force(LevelPlacement.objects.filter(ib=ib), at=at).first()
    if before is not None and (before.ladder_id, before.level_code) == (ladder.pk, level_code):
        raise SameLevel(ib=ib.code)
    placement = _place(ib=ib, ladder=ladder, level=level, at=at, result=None)
    _give(ib=ib, level=level, at=at, actor=actor, now=now)
    tell_level(placement=placement, level_name=level.name, now=now)
    record_audit(
        actor=actor, action="commissions.place_ib", object_type="ib", object_id=ib.pk,
        before={"level": before.level_code if before else None},
        after={"ladder": ladder.code, "level": level_code, "from": at}, reason=reason, now=now,
    )  # fmt: skip
    return placement


def _undecided(result: LevelResult, actor: Actor) -> LevelResult:
    """Lock, and return the result as it is now if the actor may decide on it."""
    lock_ladders()
    row = LevelResult.objects.select_related("run__version", "run__ladder", "ib").get(pk=result.pk)
    if row.outcome not in CHANGES:
        raise NothingToDecide
    decided = LevelDecision.objects.filter(result=row).first()
    if decided is not None:
        raise AlreadyDecided(state=decided.get_state_display())
    if row.needs_approval and not (actor.is_staff and actor.has(RIGHT)):
        raise Forbidden
    if row.run.asked_by_id is not None and row.run.asked_by_id == actor.user_id:
        raise AskedForIt
    return row


def _place(*, ib: IB, ladder: Ladder, level: LevelTerms, at: datetime, result: LevelResult | None) -> LevelPlacement:
    """Record the level from `at` until the IB's next recorded placement. The caller holds the ladders' lock."""
    rows = LevelPlacement.objects.filter(ib=ib)
    current = in_force(rows, at=at).first()
    following = rows.filter(active_from__gt=at).order_by("active_from").values_list("active_from", flat=True).first()
    end = current.active_to if current is not None else following
    if current is not None and current.active_from == at:
        rows.filter(pk=current.pk).delete()
    elif current is not None:
        rows.filter(pk=current.pk).update(active_to=at)
    return LevelPlacement.objects.create(
        ib=ib, ladder=ladder, level_code=level.code, active_from=at, active_to=end, result=result
    )


def _give(*, ib: IB, level: LevelTerms, at: datetime, actor: Actor, now: datetime) -> None:
    """Assign the level's plan and agree on its rank and share, from `at` on; what it does not name stays."""
    if level.plan_id is not None:
        with suppress(PlanSame):  # it has the plan already: what had to be is
            assign_plan(ib=ib, plan=Plan.objects.get(pk=level.plan_id), at=at, actor=actor, now=now)
    agreed = agreement_at(ib=ib, at=at)
    wanted = agreed
    if level.rank is not None:
        wanted = replace(wanted, rank=level.rank)
    if level.keep_percent is not None:
        wanted = replace(wanted, keep_percent=level.keep_percent)
    if wanted != agreed:
        set_agreement(ib=ib, terms=wanted, at=at, actor=actor, now=now, reason=f"level {level.code}")


def _close(row: LevelResult, state: Decision, *, actor: Actor, reason: str, now: datetime) -> LevelDecision:
    try:
        with transaction.atomic():
            decision = LevelDecision.objects.create(
                result=row, state=state, decided_at=now, decided_by_id=actor.user_id, decided_by_label=actor.label,
                reason=reason,
            )  # fmt: skip
    except IntegrityError as error:
        raise AlreadyDecided(state=row.get_outcome_display()) from error
    record_audit(
        actor=actor, action="commissions.approve_level", object_type="ib", object_id=row.ib_id,
        before={"level": row.level_next},
        after={"level": row.level_after, "outcome": row.outcome, "state": state, "from": row.run.effective_at},
        reason=reason, now=now,
    )  # fmt: skip
    return decision


def _is_excluded(ib: IB, at: datetime) -> bool:
    return in_force(LevelExclusion.objects.filter(ib=ib), at=at).exists()


def _zone() -> ZoneInfo:
    return ZoneInfo(current_broker().settlement_zone)
