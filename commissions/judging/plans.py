"""Plan versions and assignments for judging, with the terms parsed once per version."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from commissions.errors import PlanInvalid
from commissions.judging.memory import Memory, memory
from commissions.models import PlanAssignment, PlanState, PlanVersion, RateRow
from commissions.terms import Terms, parse_terms
from ib.types import OPEN_END_US

WHOLE = -1  # position of the rate row that stands for a version as such


@dataclass(frozen=True, slots=True)
class LoadedVersion:
    """A plan version ready to be judged by. `rows` maps positions of the terms' rates to ids of rate rows."""

    id: int
    plan_id: int
    effective_us: int
    published_us: int
    hash: UUID
    terms: Terms
    rows: dict[int, int]


def to_us(at: datetime) -> int:
    """Return microseconds since 1970, exact."""
    whole = int(at.replace(microsecond=0).timestamp())
    return whole * 1_000_000 + at.microsecond


@dataclass(slots=True)
class Plans:
    """All plans at one version of them. Assignments: {ib id: [(start, end, plan id), …]} by start, half-open.

    An assignment to one version alone names −(version id) in place of the plan, which holds just that version."""

    version: int
    by_plan: dict[int, list[LoadedVersion]]
    assignments: dict[int, list[tuple[int, int, int]]]

    def version_at(self, ib_id: int, at_us: int) -> LoadedVersion | None:
        """Return the version that the IB is paid by at a moment."""
        for start, end, plan_id in self.assignments.get(ib_id, ()):
            if start <= at_us < end:
                versions = reversed(self.by_plan.get(plan_id, []))
                return next((version for version in versions if version.effective_us <= at_us), None)
        return None

    def cuts(self, ib_id: int) -> set[int]:
        """Return every moment at which the IB's version may change."""
        cuts: set[int] = set()
        for start, end, plan_id in self.assignments.get(ib_id, ()):
            cuts |= {start, end}
            cuts |= {each.effective_us for each in self.by_plan.get(plan_id, []) if start < each.effective_us < end}
        return cuts


def load_plans(memory: Memory) -> Plans:
    """Return all plans as they stand: four statements, and the terms of versions not met before. Remembered."""
    version = plan_version()
    if memory.plans is not None and memory.plans.version == version:
        return memory.plans
    by_plan: dict[int, list[LoadedVersion]] = {}
    for loaded in _versions(memory):
        by_plan.setdefault(loaded.plan_id, []).append(loaded)
    for versions in by_plan.values():
        versions.sort(key=lambda each: (each.effective_us, each.published_us, each.id))
    assignments: dict[int, list[tuple[int, int, int]]] = {}
    rows = PlanAssignment.objects.order_by("ib_id", "active_from")
    columns = rows.values_list("ib_id", "plan_id", "version_id", "active_from", "active_to")
    for ib_id, plan_id, version_id, start, end in columns:
        if version_id is not None:
            by_plan[-version_id] = [memory.versions[version_id]]
        period = (to_us(start), OPEN_END_US if end is None else to_us(end), -version_id if version_id else plan_id)
        assignments.setdefault(ib_id, []).append(period)
    memory.plans = Plans(version, by_plan, assignments)
    return memory.plans


def known_versions() -> dict[int, LoadedVersion]:
    """Return all versions there are, read again only when plans changed since this process last looked."""
    known = memory()
    if known.network_key[1] != plan_version():
        load_plans(known)
    return known.versions


def plan_version() -> int:
    """Return the version of all plans."""
    return PlanState.objects.values_list("version", flat=True).get(pk=1)


def _versions(memory: Memory) -> list[LoadedVersion]:
    ids = list(PlanVersion.objects.order_by("pk").values_list("pk", flat=True))
    fresh = [pk for pk in ids if pk not in memory.versions]
    rows: dict[int, dict[int, int]] = {}
    for version_id, position, row_id in RateRow.objects.filter(version_id__in=fresh).values_list(
        "version_id", "position", "pk"
    ):
        rows.setdefault(version_id, {})[position] = row_id
    for version in PlanVersion.objects.filter(pk__in=fresh):
        memory.versions[version.pk] = _load(version, rows[version.pk])
    return [memory.versions[pk] for pk in ids]


def _load(version: PlanVersion, rows: dict[int, int]) -> LoadedVersion:
    terms, faults = parse_terms(version.terms)
    if terms is None:
        raise PlanInvalid(faults)
    return LoadedVersion(
        id=version.pk,
        plan_id=version.plan_id,
        effective_us=to_us(version.effective_from),
        published_us=to_us(version.published_at),
        hash=version.hash,
        terms=terms,
        rows=rows,
    )
