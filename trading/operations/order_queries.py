"""Reads of account orders and types: what is due, what people may see."""

from datetime import datetime

from django.db.models import Exists, OuterRef, QuerySet

from access.types import Actor
from trading.operations.account_models import AccountOrder, AccountType
from trading.operations.enums import IN_FLIGHT, OperationState, OrderKind

AT_ONCE = 50
_WITH = ("account", "account_type", "account_type__mt_group", "client", "client__user", "server")


def orders_in_doubt(*, server_id: int, now: datetime) -> list[AccountOrder]:
    """Return the orders of a server to be read back now, oldest first."""
    rows = AccountOrder.objects.filter(server_id=server_id, state=OperationState.UNKNOWN, next_try_at__lte=now)
    return list(rows.select_related(*_WITH).order_by("pk")[:AT_ONCE])


def due_orders(*, server_id: int, now: datetime) -> list[AccountOrder]:
    """Return the orders of a server to be sent now: of each account the oldest, unless another is in flight."""
    rows = AccountOrder.objects.filter(server_id=server_id, state=OperationState.PLANNED, next_try_at__lte=now)
    rows = rows.filter(waits_for_approval=False)
    same_account = AccountOrder.objects.filter(account_id=OuterRef("account_id"))
    earlier = same_account.filter(state=OperationState.PLANNED, waits_for_approval=False, pk__lt=OuterRef("pk"))
    rows = rows.exclude(Exists(same_account.filter(state__in=IN_FLIGHT))).exclude(Exists(earlier))
    return list(rows.select_related(*_WITH).order_by("pk")[:AT_ONCE])


def order_servers_with_work(*, now: datetime) -> set[int]:
    """Return the ids of the MT servers that have an order to send, to read back or to resume now."""
    states = (OperationState.PLANNED, OperationState.UNKNOWN)
    due = AccountOrder.objects.filter(state__in=states, next_try_at__lte=now, waits_for_approval=False).order_by()
    lost = AccountOrder.objects.filter(state=OperationState.SENDING, lease_until__lt=now).order_by()
    return {*due.values_list("server_id", flat=True).distinct(), *lost.values_list("server_id", flat=True).distinct()}


def orders_visible_to(actor: Actor) -> QuerySet[AccountOrder]:
    """Return the orders that the actor may see: staff with the right all, a client its own."""
    rows = AccountOrder.objects.select_related(*_WITH)
    if actor.sees_all:
        return rows if actor.has("trading.view_operation") else rows.none()
    return rows.filter(client_id=actor.client_id).exclude(kind=OrderKind.AGENT) if actor.client_id else rows.none()


def types_visible_to(actor: Actor) -> QuerySet[AccountType]:
    """Return the account types that the actor may see: staff with the right all, a client those on offer."""
    rows = AccountType.objects.select_related("server", "mt_group")
    if actor.sees_all:
        return rows if actor.has("trading.view_account_type") else rows.none()
    return rows.filter(is_offered=True, server__is_active=True) if actor.client_id else rows.none()
