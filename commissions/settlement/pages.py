"""Reads for the pages about statements."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.db.models import Count, QuerySet, Sum

from access.types import Actor
from commissions.enums import PayeeKind
from commissions.models import IbDay, Payee
from commissions.settlement.enums import StatementState
from commissions.settlement.making import MAKE_JOB
from commissions.settlement.models import Payout, SettlementTerms, Statement
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


def own_statements(actor: Actor) -> QuerySet[Statement]:
    """Return the statements of the actor as a client, whose direct IB shares its rebates with it."""
    rows = Statement.objects.select_related("payee__client", "payee__ib", "mt_account")
    return rows.filter(payee__client_id=actor.client_id) if actor.client_id else rows.none()


def common_terms(kind: PayeeKind) -> list[SettlementTerms]:
    """Return the terms of everybody of a kind who has none of their own, newest first, planned ones included."""
    return list(SettlementTerms.objects.filter(ib=None, kind=kind).order_by("-effective_day", "-pk"))


def own_terms(*, day: date) -> QuerySet[SettlementTerms]:
    """Return the terms in force on a day of each IB that has its own, by code; one statement."""
    newest = SettlementTerms.objects.filter(ib__isnull=False, effective_day__lte=day)
    newest = newest.order_by("ib", "-effective_day", "-pk").distinct("ib")
    rows = SettlementTerms.objects.filter(pk__in=newest.values("pk"))
    return rows.select_related("ib", "mt_account").order_by("ib__code")


def unsettled(payee: Payee) -> Decimal:
    """Return what was earned since the payee's last closed statement, in its currency. Two statements."""
    closed = Statement.objects.filter(payee=payee).exclude(state=StatementState.OPEN)
    until = closed.order_by("-to_day").values_list("to_day", flat=True).first()
    rows = IbDay.objects.filter(payee_id=payee.pk)
    if until is not None:
        rows = rows.filter(statement_day__gte=until)
    return rows.aggregate(sum=Sum("amount"))["sum"] or Decimal(0)


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
