"""Reads for the back office: plans with their versions and users, who is paid by which, what was booked for a day."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db import connection
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery

from access.types import Actor
from commissions.live import LIVE_SQL
from commissions.models import JudgeBatch, Plan, PlanAssignment, PlanVersion
from commissions.terms import Terms, parse_terms
from core.money import Money

_BOOKED_OF_DAY = """
SELECT p.currency, sum(d.amount) FROM commissions_payee p JOIN commissions_ibday d ON d.payee_id = p.id
WHERE d.day = %(day)s GROUP BY p.currency ORDER BY p.currency
"""

# Judged deals from a moment on, up to the IB's next recorded move, whose chain holds the IB.
_JUDGED_SINCE = f"""
WITH RECURSIVE place AS (
    SELECT coalesce(max(active_to), 'infinity') AS ends FROM ib_iblink
    WHERE ib_id = %(ib_id)s AND active_from <= %(since)s AND (active_to IS NULL OR active_to > %(since)s)
        AND active_to IS NOT NULL
), below AS (
    SELECT %(ib_id)s::bigint AS ib_id
    UNION
    SELECT l.ib_id FROM below b JOIN ib_iblink l
        ON l.parent_id = b.ib_id AND (l.active_to IS NULL OR l.active_to > %(since)s)
), mine AS (
    SELECT coalesce(array_agg(id), '{{}}') AS ids FROM commissions_payee WHERE ib_id = %(ib_id)s
)
SELECT count(*) FROM below b JOIN commissions_judgement j ON j.leaf_ib_id = b.ib_id, place, mine
WHERE j.deal_at >= %(since)s AND j.deal_at < place.ends AND j.payee && mine.ids AND {LIVE_SQL}"""  # noqa: S608 -- own text


@dataclass(frozen=True, slots=True)
class VersionInWords:
    """A plan version with its terms read, and whether it is the one in force."""

    row: PlanVersion
    terms: Terms
    is_in_force: bool

    @property
    def title(self) -> str:
        return f"{self.row.effective_from:%Y-%m-%d %H:%M} · {self.row.hash.hex[:8]}"


def plans_visible_to(actor: Actor) -> QuerySet[Plan]:
    """Return the plans that the actor may see: staff with the right all."""
    return Plan.objects.all() if actor.sees_all and actor.has("commissions.view_plan") else Plan.objects.none()


def with_use(plans: QuerySet[Plan], *, at: datetime) -> QuerySet[Plan]:
    """Annotate how many IBs each plan pays at `at` (`users`), and since when its version in force holds (`since`)."""
    during = Q(assignments__active_from__lte=at) & (
        Q(assignments__active_to__isnull=True) | Q(assignments__active_to__gt=at)
    )
    version = PlanVersion.objects.filter(plan=OuterRef("pk"), effective_from__lte=at)
    return plans.annotate(
        users=Count("assignments", filter=during),
        since=Subquery(version.order_by("-effective_from", "-published_at").values("effective_from")[:1]),
    )


def plan_versions(plan: Plan, *, at: datetime) -> list[VersionInWords]:
    """Return the plan's versions, the one that would win last first."""
    rows = list(PlanVersion.objects.filter(plan=plan).order_by("-effective_from", "-published_at", "-pk"))
    in_force = next((row.pk for row in rows if row.effective_from <= at), None)
    return [VersionInWords(row, read_terms(row), row.pk == in_force) for row in rows]


def read_terms(version: PlanVersion) -> Terms:
    """Return a version's terms; they were checked when it was published."""
    terms, faults = parse_terms(version.terms)
    if terms is None:
        raise ValueError(f"plan version {version.pk} holds terms that cannot be read: {faults}")
    return terms


def plan_assignments(*, ib_id: int) -> list[PlanAssignment]:
    """Return by which plans the IB was, is and will be paid, newest first."""
    return list(PlanAssignment.objects.filter(ib_id=ib_id).select_related("plan").order_by("-active_from"))


def plan_users(plan: Plan, *, at: datetime) -> QuerySet[PlanAssignment]:
    """Return the assignments of the IBs that the plan pays at `at` or will pay, with the IB."""
    rows = PlanAssignment.objects.filter(Q(active_to__isnull=True) | Q(active_to__gt=at), plan=plan)
    return rows.select_related("ib").order_by("ib__code", "active_from")


def plans_in_force(*, ib_ids: Collection[int], at: datetime) -> dict[int, Plan]:
    """Return the plan of each IB that has one at `at`. One statement."""
    during = Q(active_from__lte=at) & (Q(active_to__isnull=True) | Q(active_to__gt=at))
    rows = PlanAssignment.objects.filter(during, ib_id__in=ib_ids).select_related("plan").order_by("pk")
    return {row.ib_id: row.plan for row in rows}


def judged_count(*, ib_id: int, since: datetime) -> int:
    """Count the judged deals since a moment, until the IB's next recorded move, whose chain holds the IB."""
    return int(_rows(_JUDGED_SINCE, {"ib_id": ib_id, "since": since})[0][0])


def booked_for_day(*, day: date) -> list[Money]:
    """Return what all payees got for the deals of a day of the settlement zone, corrections included, by currency."""
    return [Money(amount, currency) for currency, amount in _rows(_BOOKED_OF_DAY, {"day": day})]


def _rows(statement: str, params: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return list(cursor.fetchall())


def find_batch(batch_id: object) -> JudgeBatch | None:
    """Return the batch of judging that a ledger entry names in its fields, with its server; None when it names none."""
    if not isinstance(batch_id, int):
        return None
    return JudgeBatch.objects.filter(pk=batch_id).select_related("server").first()
