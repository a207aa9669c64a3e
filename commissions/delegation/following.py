"""Derived plans follow their source: a version of the source gives each of them one, in the same transaction."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from access.services import record_audit
from access.types import Actor
from commissions.consent.queries import newest_version
from commissions.delegation.deriving import Key, derived_terms
from commissions.delegation.models import DerivedPlan
from commissions.models import Plan, PlanVersion
from commissions.terms import Terms, parse_terms
from commissions.versions import store_version
from ib.models import IB


def follow_source(*, source: Plan, version: PlanVersion, actor: Actor, now: datetime) -> int:
    """Publish what follows from a new version of the source, down to the last plan derived from it; return how many."""
    count = 0
    for derived in DerivedPlan.objects.filter(source=source).select_related("plan").order_by("pk"):
        made = publish_derived(derived=derived, version=version, at=version.effective_from, actor=actor, now=now)
        count += 1 + follow_source(source=derived.plan, version=made, actor=actor, now=now)
    return count


def follow_assignment(*, giver: IB, plan: Plan, at: datetime, actor: Actor, now: datetime) -> None:
    """Let what the giver passes on follow another plan of its own from `at` on."""
    for derived in DerivedPlan.objects.filter(giver=giver).exclude(source=plan).exclude(plan=plan).order_by("pk"):
        if newest_version(plan, at=at) is not None:
            derived.source = plan
            derived.save(update_fields=["source"])
            republish(derived=derived, at=at, actor=actor, now=now)


def republish(*, derived: DerivedPlan, at: datetime, actor: Actor, now: datetime) -> PlanVersion:
    """Publish the derived plan anew from `at` on: at each later moment at which its source, or it itself, had a
    version, so that none of before wins there. Return the first.

    :raises ValueError: the source has no version at `at`."""
    both = PlanVersion.objects.filter(plan__in=[derived.source_id, derived.plan_id], effective_from__gt=at)
    moments = [at, *sorted(set(both.values_list("effective_from", flat=True)))]
    made: list[PlanVersion] = []
    for moment in moments:
        version = newest_version(derived.source, at=moment)
        if version is None:
            raise ValueError(f"{derived} has no source at {moment}")
        made.append(publish_derived(derived=derived, version=version, at=moment, actor=actor, now=now))
        follow_source(source=derived.plan, version=made[-1], actor=actor, now=now)
    return made[0]


def publish_derived(
    *, derived: DerivedPlan, version: PlanVersion, at: datetime, actor: Actor, now: datetime
) -> PlanVersion:
    """Publish the derived plan's version that follows from one of its source, in force from `at` on."""
    terms = derived_terms(
        read(version), percent=derived.percent, rows=rows_of(derived), client_percent=derived.client_percent,
        is_below=derived.giver_id is not None,
    )  # fmt: skip
    made = store_version(plan=derived.plan, terms=terms, effective_from=at, label=actor.label, now=now)
    record_audit(
        actor=actor, action="commissions.delegate", object_type="plan_version", object_id=made.pk, before=None,
        after={"plan": derived.plan.code, "source": version.pk, "effective_from": at, "hash": made.hash}, now=now,
    )  # fmt: skip
    return made


def read(version: PlanVersion) -> Terms:
    terms, faults = parse_terms(version.terms)
    if terms is None:
        raise ValueError(f"plan version {version.pk} holds terms that cannot be read: {faults}")
    return terms


def rows_of(derived: DerivedPlan) -> dict[Key, Decimal]:
    """Return the rows with a percentage of their own."""
    return {_key(row): Decimal(row["percent"]) for row in derived.rows}


def _key(row: Mapping[str, Any]) -> Key:
    return row.get("symbol", ""), row.get("symbol_group", ""), row.get("mt_group", "")
