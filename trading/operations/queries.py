"""Reads of the outbox: what is due, what staff may see, and what stands where."""

from datetime import datetime

from django.db.models import Count, Exists, OuterRef, QuerySet
from django.db.models.functions import Substr

from access.types import Actor
from trading.models import Deal
from trading.operations.enums import IN_FLIGHT, OperationKind, OperationState
from trading.operations.models import BalanceOperation, OperationFinding
from trading.operations.reference import LENGTH
from trading.queries import live_deals

AT_ONCE = 50


def due_doubtful(*, server_id: int, now: datetime) -> list[BalanceOperation]:
    """Return the operations of a server to be read back now, oldest first, with their accounts."""
    rows = BalanceOperation.objects.filter(server_id=server_id, state=OperationState.UNKNOWN, next_try_at__lte=now)
    return list(rows.select_related("account").order_by("pk")[:AT_ONCE])


def due_planned(*, server_id: int, now: datetime) -> list[BalanceOperation]:
    """Return the operations of a server to be sent now: of each account the oldest, unless another is in flight."""
    same_account = BalanceOperation.objects.filter(account_id=OuterRef("account_id"))
    rows = BalanceOperation.objects.filter(server_id=server_id, state=OperationState.PLANNED, next_try_at__lte=now)
    rows = rows.exclude(Exists(same_account.filter(state__in=IN_FLIGHT)))
    rows = rows.exclude(Exists(same_account.filter(state=OperationState.PLANNED, pk__lt=OuterRef("pk"))))
    return list(rows.select_related("account").order_by("pk")[:AT_ONCE])


def servers_with_work(*, now: datetime) -> set[int]:
    """Return the ids of the MT servers that have something to send, to read back or to resume now."""
    states = (OperationState.PLANNED, OperationState.UNKNOWN)
    due = BalanceOperation.objects.filter(state__in=states, next_try_at__lte=now).order_by()
    lost = BalanceOperation.objects.filter(state=OperationState.SENDING, lease_until__lt=now).order_by()
    return {*due.values_list("server_id", flat=True).distinct(), *lost.values_list("server_id", flat=True).distinct()}


def operations_visible_to(actor: Actor) -> QuerySet[BalanceOperation]:
    """Return the operations that the actor may see: staff with the right all, a client those of its accounts."""
    rows = BalanceOperation.objects.select_related("account", "account__client", "server")
    if actor.sees_all:
        return rows if actor.has("trading.view_operation") else rows.none()
    return rows.filter(account__client_id=actor.client_id) if actor.client_id else rows.none()


def counts_by_state() -> dict[str, int]:
    """Return how many operations stand in each state that has not ended. One statement."""
    rows = BalanceOperation.objects.exclude(state__in=[OperationState.CONFIRMED, OperationState.REFUSED]).order_by()
    return dict(rows.values("state").annotate(n=Count("pk")).values_list("state", "n"))


def findings_visible_to(actor: Actor) -> QuerySet[OperationFinding]:
    """Return what does not fit between outbox and servers, for staff with the right."""
    rows = OperationFinding.objects.filter(closed_at=None).select_related("server", "operation")
    return rows if actor.sees_all and actor.has("trading.view_operation") else rows.none()


def manual_deals(actor: Actor) -> QuerySet[Deal]:
    """Return the live balance deals that did not come from the outbox: operations of the MT server's own dealers."""
    ours = BalanceOperation.objects.filter(server_id=OuterRef("server_id"))
    rows = live_deals().filter(action__gte=OperationKind.BALANCE, action__lte=OperationKind.BONUS)
    rows = rows.exclude(Exists(ours.filter(ticket=OuterRef("ticket"))))
    rows = rows.exclude(Exists(ours.filter(ref=Substr(OuterRef("comment"), 1, LENGTH))))
    rows = rows.select_related("account", "account__client", "account__mt_group", "server")
    return rows if actor.sees_all and actor.has("trading.view_operation") else rows.none()
