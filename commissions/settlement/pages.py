"""Reads for the pages about statements."""

from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Count, QuerySet, Sum

from access.types import Actor
from commissions.settlement.making import MAKE_JOB
from commissions.settlement.models import Payout, Statement
from commissions.settlement.paying import PAY_JOB
from core.enums import JobState
from core.models import Job

VIEW = "commissions.view_statement"


@dataclass(frozen=True, slots=True)
class StateTotal:
    """What the statements of one state and currency come to."""

    state: str
    label: str
    currency: str
    count: int
    payable: Decimal  # of `currency`


def statements_visible_to(actor: Actor) -> QuerySet[Statement]:
    """Return the statements the actor may see: staff with the right all, an IB or a client its own."""
    rows = Statement.objects.select_related("payee__ib", "payee__client", "mt_account")
    if actor.sees_all:
        return rows if actor.has(VIEW) else rows.none()
    if actor.ib_id:
        return rows.filter(payee__ib_id=actor.ib_id)
    return rows.filter(payee__client_id=actor.client_id or 0)


def totals(rows: QuerySet[Statement]) -> list[StateTotal]:
    """Return the sums by state and currency of these statements; one statement."""
    found = (
        rows.order_by()
        .values("state", "payee__currency")
        .annotate(count=Count("pk"), sum=Sum("payable"))
        .order_by("payee__currency", "state")
    )
    labels = dict(Statement._meta.get_field("state").flatchoices)
    return [
        StateTotal(row["state"], str(labels[row["state"]]), row["payee__currency"], row["count"], row["sum"])
        for row in found
    ]


def payouts_of(statement: Statement) -> list[Payout]:
    """Return what was paid of a statement, in order."""
    return list(statement.payouts.select_related("mt_account").order_by("number"))


def settlement_trouble() -> int:
    """Count the statements that could not be made or paid and wait for another try, or for a person."""
    return Job.objects.filter(name__in=[MAKE_JOB, PAY_JOB]).exclude(state=JobState.DONE).count()
