"""Derived plans follow what pays their giver: a change of it gives each of them a version, in the same transaction."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import Q

from access.services import record_audit
from access.types import Actor
from commissions.consent.queries import newest_version
from commissions.delegation.deriving import Key, derived_terms
from commissions.delegation.models import DerivedPlan
from commissions.delegation.sources import Decided, decided, moments_after, source_version
from commissions.models import Plan, PlanAssignment, PlanVersion
from commissions.terms import Terms, parse_terms, terms_hash
from commissions.versions import store_version
from ib.models import IB


def follow_source(*, source: Plan, actor: Actor, at: datetime, now: datetime) -> int:
    """Publish what follows from a version of the source that holds from `at` on, down to the last plan derived from it;
    return how many plans look at the source."""
    givers = PlanAssignment.objects.filter(plan=source).values("ib_id")
    followers = DerivedPlan.objects.filter(Q(source=source) | Q(giver__in=givers)).exclude(plan=source)
    found = list(followers.select_related("plan", "source").order_by("pk"))
    for derived in found:
        _republish(derived, at=at, actor=actor, now=now)
    return len(found)


def follow_assignment(*, giver: IB, plan: Plan, at: datetime, actor: Actor, now: datetime) -> None:
    """Let what the giver passes on follow its plans as they are recorded now, from `at` on."""
    followers = DerivedPlan.objects.filter(giver=giver).exclude(plan=plan)
    for derived in followers.select_related("plan", "source").order_by("pk"):
        if derived.source_id != plan.pk:
            derived.source = plan
            derived.save(update_fields=["source"])
        _republish(derived, at=at, actor=actor, now=now)


def republish(*, derived: DerivedPlan, at: datetime, actor: Actor, now: datetime) -> PlanVersion:
    """Publish the derived plan anew from `at` on, and return the version that holds there.

    :raises ValueError: what it follows has no version at `at`."""
    _republish(derived, at=at, actor=actor, now=now)
    version = newest_version(derived.plan, at=at)
    if version is None:
        raise ValueError(f"{derived} has no source at {at}")
    return version


def _republish(derived: DerivedPlan, *, at: datetime, actor: Actor, now: datetime) -> None:
    """Publish at `at`, and at each later moment at which what it follows, or it itself, changes, so that nothing of
    before wins there. Where it says so already, nothing is published."""
    published: list[datetime] = []
    for moment in [at, *moments_after(derived, at=at)]:
        share = decided(derived, at=moment, now=now)
        version = source_version(derived, giver_id=share.giver_id, at=moment) if share else None
        if share and version and _publish_derived(derived, share, version, at=moment, actor=actor, now=now):
            published.append(moment)
    for moment in published:
        follow_source(source=derived.plan, actor=actor, at=moment, now=now)


def _publish_derived(
    derived: DerivedPlan, share: Decided, version: PlanVersion, *, at: datetime, actor: Actor, now: datetime
) -> bool:
    """Publish the derived plan's version that follows from one of its source, in force from `at` on; False when that
    holds already."""
    terms = derived_terms(
        read(version), percent=share.percent, rows=keyed(share.rows), client_percent=share.client_percent,
        is_below=share.giver_id is not None,
    )  # fmt: skip
    standing = newest_version(derived.plan, at=at)
    if standing is not None and standing.hash == terms_hash(terms):
        return False
    made = store_version(plan=derived.plan, terms=terms, effective_from=at, label=actor.label, now=now)
    record_audit(
        actor=actor, action="commissions.delegate", object_type="plan_version", object_id=made.pk, before=None,
        after={"plan": derived.plan.code, "source": version.pk, "effective_from": at, "hash": made.hash}, now=now,
    )  # fmt: skip
    return True


def read(version: PlanVersion) -> Terms:
    terms, faults = parse_terms(version.terms)
    if terms is None:
        raise ValueError(f"plan version {version.pk} holds terms that cannot be read: {faults}")
    return terms


def rows_of(derived: DerivedPlan) -> dict[Key, Decimal]:
    """Return the rows with a percentage of their own."""
    return keyed(derived.rows)


def keyed(rows: Sequence[Mapping[str, Any]]) -> dict[Key, Decimal]:
    """Return stored rows by what names them."""
    return {_key(row): Decimal(row["percent"]) for row in rows}


def _key(row: Mapping[str, Any]) -> Key:
    return row.get("symbol", ""), row.get("symbol_group", ""), row.get("mt_group", "")
