"""Deals whose amounts are too large to be booked: nobody is paid for them until a person has put something right."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count

from access.types import Actor
from commissions.enums import RejudgeCause
from commissions.models import Rejudge
from trading.models import Deal


@dataclass(frozen=True, slots=True)
class ImpossibleDeal:
    """One such deal; `deal_id` is its first revision, the rest stands on its page."""

    deal_id: int
    server: str
    ticket: int
    login: int
    symbol: str
    deal_at: datetime


def impossible_counts() -> dict[int, int]:
    """Return how many there are by MT server; servers without one are left out. One statement."""
    rows = Rejudge.objects.filter(cause=RejudgeCause.TOO_LARGE, is_ready=False).order_by().values("server_id")
    return dict(rows.annotate(n=Count("deal_id")).values_list("server_id", "n"))


def impossible_deals(*, actor: Actor, limit: int = 200) -> list[ImpossibleDeal]:
    """Return them, oldest first. Two statements."""
    if not (actor.sees_all and actor.has("commissions.view_rebate")):
        return []
    queued = Rejudge.objects.filter(cause=RejudgeCause.TOO_LARGE, is_ready=False).order_by("deal_id")
    ids = list(queued.values_list("deal_id", flat=True)[:limit])
    rows = Deal.objects.filter(pk__in=ids).select_related("server", "account", "symbol").order_by("pk")
    return [
        ImpossibleDeal(
            deal_id=row.pk, server=row.server.name, ticket=row.ticket, login=row.account.login,
            symbol=row.symbol.name if row.symbol else "", deal_at=row.deal_at,
        )
        for row in rows
    ]  # fmt: skip
