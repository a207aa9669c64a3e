"""Writes of consent: what a plan asks for, offers, and acceptances with their proof."""

import hashlib
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet

from access.services import record_audit
from access.types import Actor
from commissions.consent.enums import Asking, OfferState
from commissions.consent.errors import NothingToAccept, NoVersionToOffer, OfferClosed, TermsChanged
from commissions.consent.models import PlanAcceptance, PlanOffer, PlanPolicy
from commissions.consent.queries import newest_version, pending_for, policy_of
from commissions.models import Plan, PlanAssignment, PlanVersion
from commissions.services import PlanSame, assign_plan, hold_plans
from core.errors import Forbidden
from ib.models import IB


@transaction.atomic
def set_policy(
    *,
    plan: Plan,
    asking: Asking,
    sub_percent_most: Decimal | None,
    client_percent_most: Decimal | None,
    actor: Actor,
    now: datetime,
) -> PlanPolicy:
    """Say what the plan's IBs are asked for and what they may delegate.

    Once acceptance is required, an IB stays with the version in force for it until it accepts another."""
    hold_plans()
    policy = policy_of(plan)
    before = _facts(policy) if policy.pk else None
    was = policy.asking
    policy.asking, policy.sub_percent_most, policy.client_percent_most = asking, sub_percent_most, client_percent_most
    policy.save()
    record_audit(
        actor=actor, action="commissions.edit_plan", object_type="plan", object_id=plan.pk, before=before,
        after=_facts(policy), now=now,
    )  # fmt: skip
    if asking == Asking.REQUIRED and was != Asking.REQUIRED:
        _pin_all(plan, actor, now)
    elif was == Asking.REQUIRED and asking != Asking.REQUIRED:
        _unpin_all(plan, actor, now)
    return policy


def _pin_all(plan: Plan, actor: Actor, now: datetime) -> None:
    for assignment in _open_assignments(plan, now).filter(version__isnull=True):
        at = max(now, assignment.active_from)
        version = newest_version(plan, at=at)
        if version is not None:
            assign_plan(ib=assignment.ib, plan=plan, version=version, at=at, actor=actor, now=now)


def _unpin_all(plan: Plan, actor: Actor, now: datetime) -> None:
    for assignment in _open_assignments(plan, now).filter(version__isnull=False):
        assign_plan(ib=assignment.ib, plan=plan, at=max(now, assignment.active_from), actor=actor, now=now)


def _open_assignments(plan: Plan, now: datetime) -> QuerySet[PlanAssignment]:
    rows = PlanAssignment.objects.filter(Q(active_to__isnull=True) | Q(active_to__gt=now), plan=plan)
    return rows.select_related("ib").order_by("ib_id", "active_from")


@transaction.atomic
def offer_plan(*, ib: IB, plan: Plan, not_before: datetime, actor: Actor, now: datetime) -> PlanOffer:
    """Offer the plan: it pays the IB from its acceptance on. An earlier open offer to the IB is withdrawn.

    :raises NoVersionToOffer: the plan says nothing at that moment."""
    hold_plans()
    if newest_version(plan, at=max(now, not_before)) is None:
        raise NoVersionToOffer(plan=plan.name)
    for open_offer in PlanOffer.objects.select_for_update(of=("self",)).filter(ib=ib, state=OfferState.OPEN):
        _close(open_offer, OfferState.WITHDRAWN, now)
    offer = PlanOffer.objects.create(
        ib=ib, plan=plan, not_before=max(now, not_before), offered_at=now, offered_by=actor.label
    )
    record_audit(
        actor=actor, action="commissions.assign_plan", object_type="ib", object_id=ib.pk, before=None,
        after={"offer": offer.pk, "plan": plan.code, "not_before": offer.not_before}, now=now,
    )  # fmt: skip
    return offer


@transaction.atomic
def withdraw_offer(*, offer: PlanOffer, actor: Actor, now: datetime) -> PlanOffer:
    """Take an offer back that nobody accepted yet.

    :raises OfferClosed: it was accepted or withdrawn."""
    hold_plans()
    row = PlanOffer.objects.select_for_update(of=("self",)).get(pk=offer.pk)
    if row.state != OfferState.OPEN:
        raise OfferClosed
    _close(row, OfferState.WITHDRAWN, now)
    record_audit(
        actor=actor, action="commissions.assign_plan", object_type="ib", object_id=row.ib_id,
        before={"offer": row.pk, "state": OfferState.OPEN}, after={"state": OfferState.WITHDRAWN}, now=now,
    )  # fmt: skip
    return row


@transaction.atomic
def accept_version(
    *, ib: IB, version: PlanVersion, seen_hash: UUID, name: str, document: bytes, actor: Actor, now: datetime
) -> PlanAcceptance:
    """Record that the IB accepted the version, with the document that it was shown (PDF); where the broker wants so,
    the version holds for the IB from this moment on. Accepting twice gives the first acceptance.

    :raises NothingToAccept: the version does not wait for this IB.
    :raises TermsChanged: `seen_hash` is not the version's."""
    if actor.user_id is None or actor.ib_id != ib.pk:
        raise Forbidden
    hold_plans()
    known = PlanAcceptance.objects.filter(ib=ib, version=version).first()
    pending = next((each for each in pending_for(ib, at=now) if each.version.pk == version.pk), None)
    if pending is None:
        if known is not None:
            return known
        raise NothingToAccept
    if version.hash != seen_hash:
        raise TermsChanged
    acceptance = known or PlanAcceptance.objects.create(
        ib=ib, version=version, terms_hash=version.hash, accepted_at=now, user_id=actor.user_id, name=name,
        ip=actor.ip, document=document, document_sha256=hashlib.sha256(document).hexdigest(),
    )  # fmt: skip
    record_audit(
        actor=actor, action="commissions.accept_plan", object_type="ib", object_id=ib.pk, before=None,
        after={"version": version.pk, "hash": version.hash, "name": name, "document": acceptance.document_sha256},
        now=now,
    )  # fmt: skip
    if pending.from_acceptance:
        _begin(ib, pending.plan, version, max(now, pending.not_before), actor, now)
    if pending.offer is not None:
        _close(pending.offer, OfferState.ACCEPTED, now)
    return acceptance


def _begin(ib: IB, plan: Plan, version: PlanVersion, at: datetime, actor: Actor, now: datetime) -> None:
    """Let the plan pay the IB from here on: by just this version where acceptance is required."""
    pinned = version if policy_of(plan).asking == Asking.REQUIRED else None
    try:
        assign_plan(ib=ib, plan=plan, version=pinned, at=at, actor=actor, now=now)
    except PlanSame:
        return  # it did already: the acceptance alone was missing


def _close(offer: PlanOffer, state: OfferState, now: datetime) -> None:
    offer.state, offer.closed_at = state, now
    offer.save(update_fields=["state", "closed_at"])


def _facts(policy: PlanPolicy) -> dict[str, object]:
    return {
        "asking": policy.asking, "sub_percent_most": policy.sub_percent_most,
        "client_percent_most": policy.client_percent_most,
    }  # fmt: skip
