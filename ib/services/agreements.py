"""Agreements with IBs, from a moment on."""

from datetime import datetime
from decimal import Decimal

from django.db import transaction

from access.services import record_audit
from access.types import Actor
from ib.enums import ChangeKind
from ib.models import IB, Agreement
from ib.queries.places import agreement_at
from ib.services.errors import AlreadyThere, ShareOutOfRange
from ib.services.periods import put_from
from ib.services.state import Span, lock_network, record_change
from ib.types import Terms


@transaction.atomic
def set_agreement(*, ib: IB, terms: Terms, at: datetime, actor: Actor, now: datetime, reason: str = "") -> Span:
    """Let the whole of `terms` hold for the IB from `at` until the next recorded agreement; return that period.

    To change one term, start from `queries.agreement_at` and replace it.

    :raises ShareOutOfRange: the share is not 0 to 100 percent with at most 8 decimals.
    :raises AlreadyThere: exactly that holds at that moment."""
    share = terms.keep_percent
    if share is not None and not (0 <= share <= 100 and share == round(share, 8)):
        raise ShareOutOfRange(field="keep_percent")
    lock_network()
    before = agreement_at(ib=ib, at=at)
    if before == terms:
        raise AlreadyThere(subject=ib.code)
    span = put_from(Agreement.objects.filter(ib=ib), at=at, subject={"ib": ib}, values=_columns(terms))
    record_change(kind=ChangeKind.AGREEMENT, ib_id=ib.pk, span=span, now=now)
    record_audit(
        actor=actor, action="ib.edit_agreement", object_type="ib", object_id=ib.pk, before=_columns(before),
        after={**_columns(terms), "from": span.start, "to": span.end}, reason=reason, now=now,
    )  # fmt: skip
    return span


def _columns(terms: Terms) -> dict[str, Decimal | int | bool | None]:
    return {"keep_percent": terms.keep_percent, "rank": terms.rank, "active": terms.active}
