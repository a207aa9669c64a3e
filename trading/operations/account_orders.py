"""How an account order ends, who lets it go, and the one time that a new password is shown."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from access.services import record_audit
from access.types import Actor
from core.errors import Forbidden
from mt4bridge.types import UserRow
from notifications.services import queue_notice
from notifications.types import Recipient
from trading.accounts import register_account
from trading.models import MtGroup, TradingAccount
from trading.operations.account_models import AccountOrder
from trading.operations.enums import SECRET_KINDS, OperationState, OrderKind, Purpose
from trading.operations.errors import NothingToReveal, OperationMoved
from trading.operations.moving import SENDER, claimed, doubt, locked, move
from trading.operations.planning import OperationSpec, plan_operation

APPROVE_RIGHT = "trading.approve_account"
RESOLVE_RIGHT = "trading.resolve_operation"
REVEAL_FOR = timedelta(hours=24)
_S = OperationState


@dataclass(frozen=True, slots=True)
class Revealed:
    """Passwords on their one way to the client; never logged, never stored in clear."""

    login: int
    main: str
    investor: str


@transaction.atomic
def confirm_order(*, order: AccountOrder, user: UserRow | None, by: str = "", now: datetime) -> AccountOrder:
    """Note that the server has done it, and take it over here: the new account, its leverage.

    `user`: the account as the server has it; needed for an opened one.

    :raises SenderReplaced: somebody else has moved it."""
    row = claimed(order, _S.CONFIRMED)
    if row.kind == OrderKind.OPEN:
        if user is None:
            raise ValueError("an opened account is known by what the server says of it")
        row.account = _take_over(row, user, now)
    elif row.kind == OrderKind.LEVERAGE:
        TradingAccount.objects.filter(pk=row.account_id or 0).update(leverage=row.leverage)
    if row.kind in SECRET_KINDS:
        row.reveal_until = now + REVEAL_FOR
        _tell(row, user.login if user else row.login, now)
    return move(row, _S.CONFIRMED, now=now, by=by, reason="resolved" if by else "")


def _tell(row: AccountOrder, login: int, now: datetime) -> None:
    """Tell the client that there is a password to look at; the notice never holds it."""
    client = row.client
    queue_notice(
        kind="account_opened" if row.kind == OrderKind.OPEN else "account_password", params={"login": str(login)},
        to=Recipient(client.user_id, client.name, client.email, language=client.user.language if client.user else ""),
        key=f"account_order:{row.pk}", now=now,
    )  # fmt: skip


def _take_over(row: AccountOrder, user: UserRow, now: datetime) -> TradingAccount:
    """Link the new account to its client; a demo account gets its starting balance through the outbox."""
    kind = row.account_type
    if kind is None:
        raise ValueError("an account is opened as one of the types")
    group = MtGroup.objects.filter(server_id=row.server_id, name=user.group).first() or kind.mt_group
    account = register_account(
        login=user.login, client=row.client, mt_group=group, leverage=user.leverage,
        opened_at=user.registered_at, actor=SENDER, now=now,
    )  # fmt: skip
    if kind.starting_balance:
        spec = OperationSpec(
            account=account, purpose=Purpose.BONUS, amount=kind.starting_balance, idempotency_key=f"start:{row.pk}"
        )
        plan_operation(spec=spec, actor=SENDER, now=now)
    return account


@transaction.atomic
def refuse_order(
    *, order: AccountOrder, reason: str, detail: dict[str, Any], by: str = "", now: datetime
) -> AccountOrder:
    """Note that it is certainly not done, and wipe its passwords.

    :raises SenderReplaced: somebody else has moved it."""
    row = claimed(order, _S.REFUSED)
    row.main_sealed = row.investor_sealed = ""
    row.waits_for_approval = False
    return move(row, _S.REFUSED, now=now, by=by, reason=reason, detail=detail)


@transaction.atomic
def decide_order(*, order: AccountOrder, approved: bool, reason: str, actor: Actor, now: datetime) -> AccountOrder:
    """Let an order go to the server that waits for staff, or decline it.

    :raises Forbidden: the actor may not.
    :raises OperationMoved: it does not wait any more."""
    if not actor.has(APPROVE_RIGHT) or not actor.sees_all:
        raise Forbidden
    row = locked(order)
    if row.state != _S.PLANNED or not row.waits_for_approval:
        raise OperationMoved(ref=row.token, state=row.get_state_display())
    if approved:
        row.waits_for_approval, row.next_try_at = False, now
        row.save(update_fields=["waits_for_approval", "next_try_at"])
    else:
        row = refuse_order(order=row, reason="declined", detail={}, by=actor.label, now=now)
    record_audit(
        actor=actor, action="trading.approve_account", object_type="account_order", object_id=row.pk, reason=reason,
        before={"waits_for_approval": True}, after={"approved": approved, "kind": row.kind}, now=now,
    )  # fmt: skip
    return row


@transaction.atomic
def settle_order(*, order: AccountOrder, again: bool, actor: Actor, now: datetime) -> AccountOrder:
    """Have the server read again for an order in review, or end it as not done.

    :raises Forbidden: the actor may not.
    :raises OperationMoved, SenderReplaced: it is not in review."""
    if not actor.has(RESOLVE_RIGHT) or not actor.sees_all:
        raise Forbidden
    if order.state != _S.REVIEW:
        raise OperationMoved(ref=order.token, state=order.get_state_display())
    row = (
        doubt(row=order, reason="read_again", detail={}, by=actor.label, now=now)
        if again
        else refuse_order(order=order, reason="resolved", detail={}, by=actor.label, now=now)
    )
    record_audit(
        actor=actor, action="trading.settle_account_order", object_type="account_order", object_id=row.pk,
        before={"state": order.state}, after={"state": row.state, "kind": row.kind}, now=now,
    )  # fmt: skip
    return row


@transaction.atomic
def reveal_passwords(*, order: AccountOrder, actor: Actor, now: datetime) -> Revealed:
    """Return the new passwords to their client, once, and wipe them in the same transaction.

    :raises Forbidden: the actor is not the client; staff never see them.
    :raises NothingToReveal: they were shown, are out of date, or are not set yet."""
    if actor.client_id is None or actor.client_id != order.client_id:
        raise Forbidden
    row = locked(order)
    if row.state != _S.CONFIRMED or not row.has_secret or row.reveal_until is None or row.reveal_until <= now:
        raise NothingToReveal
    main, investor = row.passwords()
    login = row.account.login if row.account else row.login
    row.main_sealed, row.investor_sealed, row.revealed_at = "", "", now
    row.save(update_fields=["main_sealed", "investor_sealed", "revealed_at"])
    record_audit(
        actor=actor, action="trading.reveal_password", object_type="account_order", object_id=row.pk, before=None,
        after={"login": login, "kind": row.kind}, now=now,
    )  # fmt: skip
    return Revealed(login, main, investor)


@transaction.atomic
def wipe_old_passwords(*, now: datetime) -> int:
    """Wipe the passwords that nobody had shown in time; return how many orders had one."""
    rows = AccountOrder.objects.filter(reveal_until__lte=now).exclude(main_sealed="", investor_sealed="")
    return rows.update(main_sealed="", investor_sealed="")
