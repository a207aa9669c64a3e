"""Ask for something to be done to an account on its MT server: the row and its secret, in the caller's transaction."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import Max

from access.services import record_audit
from access.types import Actor
from clients.models import Client
from core.errors import Forbidden, InvalidInput
from tenancy.context import current_schema
from trading.models import TradingAccount
from trading.operations.account_models import AccountOrder, AccountType
from trading.operations.enums import OPEN, OperationState, OrderKind
from trading.operations.errors import (
    LeverageNotOffered,
    LoginsExhausted,
    OperationKeyConflict,
    OrderPending,
    TooManyAccounts,
    TypeNotOffered,
)
from trading.operations.passwords import new_password
from trading.operations.reference import reference_of

_NEXT_ID = "SELECT nextval(pg_get_serial_sequence('trading_accountorder', 'id'))"
ORDER_RIGHT = "trading.order_account"


@dataclass(frozen=True, slots=True)
class NewAccount:
    """An account that somebody wants to have opened."""

    client: Client
    account_type: AccountType
    leverage: int  # 100 means 1:100
    idempotency_key: str


@transaction.atomic
def order_account(*, wanted: NewAccount, actor: Actor, now: datetime) -> AccountOrder:
    """Order an account of a type for a client; its passwords are made here and shown to the client once.

    :raises Forbidden: the actor is neither the client nor staff with the right.
    :raises TypeNotOffered, LeverageNotOffered, TooManyAccounts, LoginsExhausted: the type does not allow it.
    :raises OperationKeyConflict: the key stands for something else."""
    _refuse_strangers(wanted.client.pk, actor)
    kind = AccountType.objects.select_for_update(of=("self",)).select_related("mt_group").get(pk=wanted.account_type.pk)
    known = AccountOrder.objects.filter(idempotency_key=wanted.idempotency_key).first()
    if known is not None:
        return _same(known, kind=OrderKind.OPEN, client_id=wanted.client.pk, leverage=wanted.leverage)
    if not kind.is_offered and not actor.sees_all:
        raise TypeNotOffered(field="account_type")
    if wanted.leverage not in kind.leverages:
        raise LeverageNotOffered(field="leverage", leverage=wanted.leverage)
    taken = AccountOrder.objects.filter(client=wanted.client, account_type=kind, kind=OrderKind.OPEN)
    if taken.exclude(state=OperationState.REFUSED).count() >= kind.most_per_client:
        raise TooManyAccounts(most=kind.most_per_client)
    order = _new_order(
        kind=OrderKind.OPEN, server_id=kind.server_id, client=wanted.client, account_type=kind, login=_login(kind),
        leverage=wanted.leverage, idempotency_key=wanted.idempotency_key,
        waits_for_approval=kind.needs_approval and not actor.sees_all, actor=actor, now=now,
    )  # fmt: skip
    order.seal_passwords(main=new_password(), investor=new_password())
    return _save(order, actor, now)


@transaction.atomic
def order_change(
    *, account: TradingAccount, kind: OrderKind, idempotency_key: str, actor: Actor, now: datetime,
    leverage: int | None = None, agent: int | None = None,
) -> AccountOrder:  # fmt: skip
    """Order a new leverage, password or agent for an account, or its archiving.

    :raises Forbidden: the actor is neither the client nor staff with the right; archiving and agents are for staff.
    :raises LeverageNotOffered: the account's type does not offer it.
    :raises OrderPending: the same is under way for the account.
    :raises OperationKeyConflict: the key stands for something else."""
    _refuse_strangers(account.client_id, actor)
    if kind in (OrderKind.ARCHIVE, OrderKind.AGENT) and not actor.sees_all:
        raise Forbidden
    TradingAccount.objects.select_for_update(of=("self",)).get(pk=account.pk)
    known = AccountOrder.objects.filter(idempotency_key=idempotency_key).first()
    if known is not None:
        return _same(known, kind=kind, client_id=account.client_id, leverage=leverage)
    if AccountOrder.objects.filter(account=account, kind=kind, state__in=OPEN).exists():
        raise OrderPending(login=account.login)
    account_type = type_of(account)
    if kind == OrderKind.LEVERAGE and leverage not in (account_type.leverages if account_type else ()):
        raise LeverageNotOffered(field="leverage", leverage=leverage)
    waits = kind == OrderKind.LEVERAGE and account_type is not None and account_type.leverage_needs_approval
    order = _new_order(
        kind=kind, server_id=account.server_id, client=account.client, account=account, account_type=account_type,
        login=account.login, leverage=leverage, agent=agent, idempotency_key=idempotency_key,
        waits_for_approval=waits and not actor.sees_all, actor=actor, now=now,
    )  # fmt: skip
    if kind == OrderKind.PASSWORD:
        order.seal_passwords(main=new_password())
    elif kind == OrderKind.INVESTOR:
        order.seal_passwords(main="", investor=new_password())
    return _save(order, actor, now)


def type_of(account: TradingAccount) -> AccountType | None:
    """Return the type that an account was opened as, or else the one of its MT group, if there is one."""
    opened = AccountOrder.objects.filter(account=account, kind=OrderKind.OPEN).select_related("account_type").first()
    if opened is not None and opened.account_type is not None:
        return opened.account_type
    return AccountType.objects.filter(mt_group_id=account.mt_group_id).order_by("pk").first()


def _refuse_strangers(client_id: int, actor: Actor) -> None:
    if actor.client_id != client_id and not (actor.sees_all and actor.has(ORDER_RIGHT)):
        raise Forbidden


def _login(kind: AccountType) -> int:
    """Return the next login of the type's range, under the lock of the type; 0: the server chooses."""
    if kind.login_from is None or kind.login_until is None:
        return 0
    within = {"login__gte": kind.login_from, "login__lte": kind.login_until, "server_id": kind.server_id}
    highest = max(
        AccountOrder.objects.filter(kind=OrderKind.OPEN, **within).aggregate(n=Max("login"))["n"] or 0,
        TradingAccount.objects.filter(**within).aggregate(n=Max("login"))["n"] or 0,
        kind.login_from - 1,
    )
    if highest >= kind.login_until:
        raise LoginsExhausted(first=kind.login_from, last=kind.login_until)
    return highest + 1


def _new_order(*, actor: Actor, now: datetime, **values: Any) -> AccountOrder:
    with connection.cursor() as cursor:
        cursor.execute(_NEXT_ID)
        (pk,) = cursor.fetchone()
    if not values["idempotency_key"].strip():
        raise InvalidInput(field="idempotency_key")
    return AccountOrder(
        pk=pk, token=reference_of(schema=current_schema(), operation_id=pk), state_at=now, state_by=actor.label,
        next_try_at=now, planned_at=now, planned_by=actor.label, **values,
    )  # fmt: skip


def _save(order: AccountOrder, actor: Actor, now: datetime) -> AccountOrder:
    order.save(force_insert=True)
    record_audit(
        actor=actor, action="trading.order_account", object_type="account_order", object_id=order.pk, before=None,
        now=now,
        after={
            "kind": order.kind, "client_id": order.client_id, "login": order.login, "leverage": order.leverage,
            "agent": order.agent, "type": order.account_type.name if order.account_type else None,
            "waits_for_approval": order.waits_for_approval,
        },
    )  # fmt: skip
    return order


def _same(known: AccountOrder, *, kind: OrderKind, client_id: int, leverage: int | None) -> AccountOrder:
    if (known.kind, known.client_id, known.leverage) != (kind, client_id, leverage):
        raise OperationKeyConflict(key=known.idempotency_key)
    return known
