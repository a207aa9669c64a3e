"""Writes: plans, their versions and who is paid by them; judging is re-exported from `commissions.judging`."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.utils.translation import gettext_lazy as _

from access.services import record_audit
from access.types import Actor
from commissions.delegation.following import follow_assignment, follow_source
from commissions.errors import PlanInvalid
from commissions.judging.batches import AGAIN_AT_ONCE, JudgeOutcome, judge_next_batch, rejudge_next_batch
from commissions.models import Plan, PlanAssignment, PlanChange, PlanVersion
from commissions.terms import Terms, parse_terms
from commissions.versions import bump_plans, store_version
from core.errors import DomainError
from ib.models import IB

__all__ = [
    "AGAIN_AT_ONCE",
    "JudgeOutcome",
    "PlanCodeTaken",
    "PlanSame",
    "assign_plan",
    "create_plan",
    "hold_plans",
    "judge_next_batch",
    "publish_plan_version",
    "rejudge_next_batch",
    "validate_terms",
]


class PlanCodeTaken(DomainError):
    """Another plan has the code."""

    code = "plan_code_taken"
    message = _("Another plan is called %(plan)s already.")


class PlanSame(DomainError):
    """The IB is paid by this plan at that moment already."""

    code = "plan_same"
    message = _("%(ib)s is paid by this plan at that moment already.")


def validate_terms(plain: object) -> Terms:
    """Return the terms, checked as a whole.

    :raises PlanInvalid: lists every refused field."""
    terms, faults = parse_terms(plain)
    if terms is None:
        raise PlanInvalid(faults)
    return terms


@transaction.atomic
def create_plan(*, code: str, name: str, actor: Actor, now: datetime) -> Plan:
    """Make a plan without a version yet.

    :raises PlanCodeTaken: the code exists."""
    try:
        with transaction.atomic():
            plan = Plan.objects.create(code=code, name=name, created_at=now)
    except IntegrityError as error:
        raise PlanCodeTaken(field="code", plan=code) from error
    record_audit(
        actor=actor, action="commissions.edit_plan", object_type="plan", object_id=plan.pk, before=None,
        after={"code": code, "name": name}, now=now,
    )  # fmt: skip
    return plan


@transaction.atomic
def publish_plan_version(
    *, plan: Plan, terms: Mapping[str, Any], effective_from: datetime, actor: Actor, now: datetime
) -> PlanVersion:
    """Publish terms that hold from `effective_from` on; into the past it is a correction: judged deals of the
    plan's IBs are judged again by the next round, and the differences are booked.

    :raises PlanInvalid: the terms are refused; nothing is stored."""
    checked = validate_terms(terms)
    version = store_version(plan=plan, terms=checked, effective_from=effective_from, label=actor.label, now=now)
    record_audit(
        actor=actor, action="commissions.edit_plan", object_type="plan_version", object_id=version.pk, before=None,
        after={"plan": plan.code, "effective_from": effective_from, "hash": version.hash}, now=now,
    )  # fmt: skip
    follow_source(source=plan, at=effective_from, actor=actor, now=now)
    return version


@transaction.atomic
def assign_plan(
    *, ib: IB, plan: Plan | None, at: datetime, actor: Actor, now: datetime, version: PlanVersion | None = None
) -> PlanAssignment | None:
    """Let the IB be paid by the plan from `at` until the next recorded assignment; None: by no plan.

    With `version` just that one pays, until another assignment (decision 0016).

    :raises PlanSame: that holds at that moment already."""
    number = bump_plans()
    rows = PlanAssignment.objects.select_for_update(of=("self",)).filter(ib=ib)
    current = next(
        (row for row in rows if row.active_from <= at and (row.active_to is None or at < row.active_to)), None
    )
    following = min((row.active_from for row in rows if row.active_from > at), default=None)
    wanted = (plan.pk if plan else None, version.pk if version else None)
    if (current.plan_id if current else None, current.version_id if current else None) == wanted:
        raise PlanSame(ib=ib.code)
    end = current.active_to if current else following
    if current is not None:
        _end(current, at)
    assignment = None
    if plan is not None:
        assignment = PlanAssignment.objects.create(ib=ib, plan=plan, version=version, active_from=at, active_to=end)
    if plan is not None:
        follow_assignment(giver=ib, plan=plan, at=at, actor=actor, now=now)
    PlanChange.objects.create(version=number, ib=ib, affected_from=at, affected_to=end, recorded_at=now)
    record_audit(
        actor=actor, action="commissions.assign_plan", object_type="ib", object_id=ib.pk,
        before={"plan_id": current.plan_id if current else None},
        after={"plan_id": wanted[0], "version_id": wanted[1], "from": at, "to": end}, now=now,
    )  # fmt: skip
    return assignment


def _end(assignment: PlanAssignment, at: datetime) -> None:
    if assignment.active_from == at:
        assignment.delete()
    else:
        assignment.active_to = at
        assignment.save(update_fields=["active_to"])


def hold_plans() -> None:
    """Wait for all changes of plans and hold them until the transaction ends. Read nothing before it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT version FROM commissions_planstate WHERE id = 1 FOR UPDATE")
