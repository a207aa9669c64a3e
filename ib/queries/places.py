"""Where somebody stands, and what is agreed, at a moment."""

from datetime import datetime
from typing import TypeVar

from django.db.models import Model, Q, QuerySet

from ib.models import IB, Agreement, IbLink
from ib.types import Terms

M = TypeVar("M", bound=Model)


def in_force(rows: QuerySet[M], *, at: datetime) -> QuerySet[M]:
    """Return the dated rows whose period holds `at`."""
    return rows.filter(Q(active_to__isnull=True) | Q(active_to__gt=at), active_from__lte=at)


def parent_at(*, ib: IB, at: datetime) -> IB | None:
    """Return the IB above this one at `at`, or None at the top and before its first link."""
    link = in_force(IbLink.objects.filter(ib=ib), at=at).select_related("parent").first()
    return None if link is None else link.parent


def links_of(ib: IB) -> list[IbLink]:
    """Return the IB's places, oldest first, planned ones included."""
    return list(IbLink.objects.filter(ib=ib).select_related("parent").order_by("active_from"))


def agreement_at(*, ib: IB, at: datetime) -> Terms:
    """Return what is agreed with the IB at `at`; without an agreement: keeps all, no rank, active."""
    row = in_force(Agreement.objects.filter(ib=ib), at=at).first()
    return Terms() if row is None else Terms(keep_percent=row.keep_percent, rank=row.rank, active=row.active)


def find_ib_id(user_id: int) -> int | None:
    """Return the id of the IB that the user is, by its own sign-in or its client's, or None."""
    own, of_client = (IB.objects.order_by().filter(**{key: user_id}) for key in ("user_id", "client__user_id"))
    # Each of the two has its index; as one condition they read all IBs, with every request of an IB.
    found: list[int] = list(own.values_list("pk", flat=True).union(of_client.values_list("pk", flat=True)))
    return min(found, default=None)
