"""Reads of consent: what waits for an IB, who has not accepted yet, and the proofs."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Exists, OuterRef, Q, QuerySet

from access.permissions import VIEW_NETWORK
from access.types import Actor
from commissions.consent.enums import Asking, OfferState
from commissions.consent.models import PlanAcceptance, PlanOffer, PlanPolicy
from commissions.delegation.models import DerivedPlan
from commissions.models import Plan, PlanAssignment, PlanVersion
from ib.models import IB


@dataclass(frozen=True, slots=True)
class Pending:
    """A version that waits for an IB. `from_acceptance`: it begins to hold for this IB by accepting it."""

    plan: Plan
    version: PlanVersion
    from_acceptance: bool
    not_before: datetime
    offer: PlanOffer | None = None


def policy_of(plan: Plan) -> PlanPolicy:
    """Return what the broker lets IBs do with the plan; unsaved when nothing was said."""
    return PlanPolicy.objects.filter(plan=plan).first() or PlanPolicy(plan=plan)


def newest_version(plan: Plan, *, at: datetime) -> PlanVersion | None:
    """Return the version in force at a moment."""
    versions = PlanVersion.objects.filter(plan=plan, effective_from__lte=at)
    return versions.order_by("-effective_from", "-published_at", "-pk").first()


def pending_for(ib: IB, *, at: datetime) -> list[Pending]:
    """Return the versions that wait for the IB's acceptance: that of an open offer, and those of its own plans, the
    one in force and those to come; none that it made itself by sharing with its clients."""
    found = [pending for offer in _open_offers(ib) if (pending := _of_offer(offer, at))]
    assignments = PlanAssignment.objects.filter(Q(active_to__isnull=True) | Q(active_to__gt=at), ib=ib)
    own = DerivedPlan.objects.filter(owner=ib, giver__isnull=True).values("plan_id")
    for assignment in assignments.exclude(plan_id__in=own).select_related("plan").order_by("active_from"):
        found += _of_assignment(assignment, at)
    accepted = set(
        PlanAcceptance.objects.filter(ib=ib, version__in=[each.version.pk for each in found]).values_list(
            "version_id", flat=True
        )
    )
    once: dict[int, Pending] = {}
    for each in found:
        if each.version.pk not in accepted or each.offer is not None:
            once.setdefault(each.version.pk, each)
    return list(once.values())


def _open_offers(ib: IB) -> QuerySet[PlanOffer]:
    return PlanOffer.objects.filter(ib=ib, state=OfferState.OPEN).select_related("plan").order_by("pk")


def _of_offer(offer: PlanOffer, at: datetime) -> Pending | None:
    moment = max(at, offer.not_before)
    version = newest_version(offer.plan, at=moment)
    return Pending(offer.plan, version, True, moment, offer) if version else None


def _of_assignment(assignment: PlanAssignment, at: datetime) -> list[Pending]:
    asking = policy_of(assignment.plan).asking
    if asking == Asking.NONE:
        return []
    current = newest_version(assignment.plan, at=max(at, assignment.active_from))
    later = PlanVersion.objects.filter(plan=assignment.plan, effective_from__gt=max(at, assignment.active_from))
    if assignment.active_to is not None:
        later = later.filter(effective_from__lt=assignment.active_to)
    versions = ([current] if current else []) + list(later.order_by("effective_from", "published_at"))
    required = asking == Asking.REQUIRED
    return [
        Pending(assignment.plan, version, required and version.pk != assignment.version_id,
                max(at, version.effective_from, assignment.active_from))
        for version in versions
    ]  # fmt: skip


def without_acceptance(*, at: datetime) -> QuerySet[PlanAssignment]:
    """Return the assignments at `at` whose IB has not accepted the version in force, of plans that ask."""
    plans = Plan.objects.filter(Q(policy__isnull=True) | ~Q(policy__asking=Asking.NONE)).order_by("pk")
    wanted = Q(pk__in=[])
    for plan in plans:
        version = newest_version(plan, at=at)
        if version is not None:
            accepted = PlanAcceptance.objects.filter(ib=OuterRef("ib"), version=version)
            wanted |= Q(plan=plan) & ~Q(Exists(accepted))
    during = Q(active_from__lte=at) & (Q(active_to__isnull=True) | Q(active_to__gt=at))
    return PlanAssignment.objects.filter(during, wanted).select_related("ib", "ib__user", "plan")


def acceptances_visible_to(actor: Actor) -> QuerySet[PlanAcceptance]:
    """Return the proofs that the actor may see, without their documents: staff with the right all, an IB its own."""
    rows = PlanAcceptance.objects.select_related("ib", "version", "version__plan").defer("document")
    if actor.sees_all and actor.has("commissions.view_acceptance"):
        return rows
    if actor.ib_id is None or not actor.has(VIEW_NETWORK):
        return rows.none()
    return rows.filter(ib_id=actor.ib_id)


def open_offers() -> QuerySet[PlanOffer]:
    """Return the offers that wait for their IB."""
    return PlanOffer.objects.filter(state=OfferState.OPEN).select_related("ib", "plan")
