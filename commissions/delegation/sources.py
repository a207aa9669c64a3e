"""What a derived plan follows at a moment: the decision in force then, and by what its giver is paid then."""

from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from django.db.models import Q, QuerySet

from commissions.consent.queries import newest_version
from commissions.delegation.enums import Receiver
from commissions.delegation.models import Delegation, DerivedPlan
from commissions.models import Plan, PlanAssignment, PlanVersion

_WHOLE = Decimal(100)


class Decided(NamedTuple):
    """What is passed on at a moment, as the fields of DerivedPlan say it."""

    giver_id: int | None
    percent: Decimal
    rows: list[dict[str, Any]]
    client_percent: Decimal | None


def decided(derived: DerivedPlan, *, at: datetime, now: datetime) -> Decided | None:
    """Return what is passed on at a moment: from `now` on what the plan itself says, before that what was decided then;
    None before the first decision."""
    if at >= now:
        return Decided(derived.giver_id, derived.percent, derived.rows, derived.client_percent)
    decisions = _decisions(derived).filter(effective_from__lte=at).order_by("-effective_from", "-number")
    below = decisions.filter(receiver=Receiver.RATES).first()
    clients = decisions.filter(receiver=Receiver.CLIENTS).first()
    client_percent = clients.percent if clients else None
    if below is not None:
        return Decided(below.giver_id, below.percent, below.rows, client_percent)
    return Decided(None, _WHOLE, [], client_percent) if clients else None


def source_version(derived: DerivedPlan, *, giver_id: int | None, at: datetime) -> PlanVersion | None:
    """Return the version that the derived plan follows at a moment: that which pays the giver, also where it is paid
    by one accepted version alone. A giver whose plan has ended leaves what follows as it was."""
    assignment = _assignment(derived, giver_id, at=at)
    if assignment is None:
        return newest_version(derived.source, at=at)
    accepted = assignment.version if giver_id else None
    return accepted or newest_version(assignment.plan, at=at)


def source_plan(derived: DerivedPlan, *, at: datetime) -> Plan:
    """Return the plan that the derived one follows at a moment."""
    assignment = _assignment(derived, derived.giver_id, at=at)
    return assignment.plan if assignment else derived.source


def moments_after(derived: DerivedPlan, *, at: datetime) -> list[datetime]:
    """Return every later moment at which what it follows may change, or it itself."""
    givers = {derived.giver_id or derived.owner_id, *_decisions(derived).values_list("giver_id", flat=True)}
    begins = PlanAssignment.objects.filter(ib_id__in=givers)
    plans = {derived.plan_id, derived.source_id, *begins.values_list("plan_id", flat=True)}
    versions = PlanVersion.objects.filter(plan__in=plans, effective_from__gt=at)
    moments = set(versions.values_list("effective_from", flat=True))
    moments |= set(begins.filter(active_from__gt=at).values_list("active_from", flat=True))
    return sorted(
        moments | set(_decisions(derived).filter(effective_from__gt=at).values_list("effective_from", flat=True))
    )


def _decisions(derived: DerivedPlan) -> QuerySet[Delegation]:
    below = Q(ib_id=derived.owner_id, receiver=Receiver.RATES)
    return Delegation.objects.filter(below | Q(giver_id=derived.owner_id, receiver=Receiver.CLIENTS))


def _assignment(derived: DerivedPlan, giver_id: int | None, *, at: datetime) -> PlanAssignment | None:
    """Return what was assigned last until the moment to who gives; clients get of what the owner has itself."""
    rows = PlanAssignment.objects.filter(ib_id=giver_id or derived.owner_id, active_from__lte=at)
    return rows.exclude(plan=derived.plan).select_related("plan", "version").order_by("-active_from").first()
