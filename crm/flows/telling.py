"""Notices that follow from how things stand: looked for by the clock, told once."""

from datetime import datetime, timedelta

from django.db.models import Count, Q

from commissions.consent.enums import Asking, OfferState
from commissions.consent.models import PlanOffer, PlanPolicy
from commissions.consent.queries import pending_for
from commissions.models import PlanAssignment
from commissions.telling import tell_plan
from ib.models import IB
from mt4bridge.errors import RoundFailed
from mt4bridge.models import MtServer
from notifications.services import queue_staff_notice
from trading.models import HeldDeal

_HOUR = timedelta(hours=1)


def tell(*, now: datetime) -> None:
    """Tell IBs of plans that wait for them, and staff of what stands still; each cause at most once an hour."""
    tell_plans(now=now)
    tell_held(now=now)
    tell_failed_rounds(now=now)


def tell_plans(*, now: datetime) -> None:
    """Tell each IB of the versions and offers that wait for its agreement."""
    offered = PlanOffer.objects.filter(state=OfferState.OPEN).values("ib_id")
    asking = PlanPolicy.objects.exclude(asking=Asking.NONE).values("plan_id")
    running = Q(active_to__isnull=True) | Q(active_to__gt=now)
    assigned = PlanAssignment.objects.filter(running, plan_id__in=asking).values("ib_id")
    for ib in (
        IB.objects.filter(Q(pk__in=offered) | Q(pk__in=assigned)).select_related("user", "client__user").order_by("pk")
    ):
        for pending in pending_for(ib, at=now):
            tell_plan(ib=ib, pending=pending, now=now)


def tell_held(*, now: datetime) -> None:
    """Tell staff of servers that held deals back within the last hour."""
    rows = HeldDeal.objects.filter(released_at__isnull=True).values("server_id", "server__name")
    recent = rows.annotate(waiting=Count("pk"), new=Count("pk", filter=Q(held_at__gt=now - _HOUR))).filter(new__gt=0)
    for row in recent.order_by("server_id"):
        key = f"deals_held:{row['server_id']}:{_hour(now)}"
        params = {"server": row["server__name"], "count": str(row["waiting"])}
        queue_staff_notice(kind="deals_held", right="trading.release_held_deal", params=params, key=key, now=now)


def tell_failed_rounds(*, now: datetime) -> None:
    """Tell staff of servers whose walker stops with an error that nobody expected."""
    stopped = MtServer.objects.filter(is_active=True, failures__gt=0, last_error_code=RoundFailed.code)
    for server in stopped.order_by("pk"):
        queue_staff_notice(
            kind="round_failed", right="mt4bridge.edit_server", now=now, key=f"round_failed:{server.pk}:{_hour(now)}",
            params={"server": server.name},
        )  # fmt: skip


def _hour(now: datetime) -> str:
    return f"{now:%Y%m%d%H}"
