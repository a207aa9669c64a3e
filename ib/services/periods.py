"""Put a value in force from a moment on, in any table of half-open periods."""

from datetime import datetime
from typing import Any, TypeVar

from django.db.models import QuerySet

from ib.models import AccountLink, Agreement, ClientLink, IbLink
from ib.queries.places import in_force
from ib.services.state import Span

M = TypeVar("M", IbLink, ClientLink, AccountLink, Agreement)


def put_from(rows: QuerySet[M], *, at: datetime, subject: dict[str, Any], values: dict[str, Any] | None) -> Span:
    """Let `values` hold for the subject from `at` until its next recorded change; None: nothing holds.

    `rows` are the subject's rows. What held at `at` ends there; later rows stay as they are. The caller holds
    the network's lock."""
    current = in_force(rows, at=at).first()
    if current is not None:
        end = current.active_to
    else:
        end = rows.filter(active_from__gt=at).order_by("active_from").values_list("active_from", flat=True).first()
    if current is not None and current.active_from == at:
        rows.filter(pk=current.pk).delete()
    elif current is not None:
        rows.filter(pk=current.pk).update(active_to=at)
    if values is not None:
        rows.create(**subject, **values, active_from=at, active_to=end)
    return Span(at, end)
