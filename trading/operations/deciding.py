"""What people do with the outbox: ask for an operation by hand or settle a doubtful one, by two people; take one back
before it is sent; have one read again."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from access.approvals import ApprovalAction
from access.models import Approval
from access.services import record_audit, request_approval
from access.types import Actor
from core.errors import Forbidden, InvalidInput
from core.money import from_e8
from trading.models import Deal, TradingAccount
from trading.operations.enums import OperationKind, OperationState, Purpose
from trading.operations.errors import DealMisfit, OperationMoved, TicketTaken
from trading.operations.models import BalanceOperation
from trading.operations.moving import doubt
from trading.operations.planning import OperationSpec, plan_operation, refuse_misfits
from trading.operations.sending import confirm, refuse
from trading.queries import live_deals

BOOK = "trading.book_operation"
RESOLVE = "trading.resolve_operation"
REQUEST_RIGHT = "trading.request_operation"
APPROVE_RIGHT = "trading.approve_operation"
_S = OperationState


@dataclass(frozen=True, slots=True)
class ManualOperation:
    """A balance operation that a member of staff asks for."""

    account: TradingAccount
    kind: OperationKind
    purpose: Purpose
    amount: Decimal  # account currency; what leaves MT is negative
    check_margin: bool = True


@transaction.atomic
def request_operation(*, wanted: ManualOperation, reason: str, actor: Actor, now: datetime) -> Approval:
    """Ask a second person for a balance operation.

    :raises Forbidden: the actor may not.
    :raises InvalidInput: no reason is given, or it cannot be booked as asked.
    :raises ApprovalPending: another one waits for this account."""
    if not reason.strip():
        raise InvalidInput(field="reason")
    refuse_misfits(OperationSpec(
        account=wanted.account, purpose=wanted.purpose, amount=wanted.amount, idempotency_key="", kind=wanted.kind,
    ))  # fmt: skip
    payload = {
        "account_id": wanted.account.pk, "login": wanted.account.login, "kind": int(wanted.kind),
        "purpose": wanted.purpose.value, "amount": f"{wanted.amount.normalize():f}",
        "currency": wanted.account.mt_group.currency, "check_margin": wanted.check_margin,
    }  # fmt: skip
    return request_approval(
        action=BOOK, object_type="trading_account", object_id=str(wanted.account.pk), payload=payload,
        reason=reason.strip(), actor=actor, now=now,
    )  # fmt: skip


def execute_booking(*, approval: Approval, actor: Actor, now: datetime) -> None:
    """Plan what a first person asked for and a second one just approved; once, by the approval's number."""
    payload = approval.payload
    spec = OperationSpec(
        account=TradingAccount.objects.select_related("mt_group").get(pk=payload["account_id"]),
        kind=OperationKind(payload["kind"]), purpose=Purpose(payload["purpose"]), amount=Decimal(payload["amount"]),
        check_margin=payload["check_margin"], idempotency_key=f"approval:{approval.pk}",
    )  # fmt: skip
    plan_operation(spec=spec, actor=actor, now=now)


@transaction.atomic
def request_settling(
    *, operation: BalanceOperation, ticket: int | None, reason: str, actor: Actor, now: datetime
) -> Approval:
    """Ask a second person to settle an operation in review: as carried out by a deal, or (None) as not carried out.

    :raises Forbidden: the actor may not.
    :raises InvalidInput: no reason is given.
    :raises OperationMoved: it is not in review.
    :raises DealMisfit, TicketTaken: the deal is not this operation's."""
    if not reason.strip():
        raise InvalidInput(field="reason")
    if operation.state != _S.REVIEW:
        raise OperationMoved(ref=operation.ref, state=operation.get_state_display())
    if ticket is not None:
        _deal_of(operation, ticket)
    payload = {"ref": operation.ref, "ticket": ticket, "amount": f"{operation.amount.normalize():f}"}
    return request_approval(
        action=RESOLVE, object_type="balance_operation", object_id=str(operation.pk), reason=reason.strip(),
        payload={**payload, "currency": operation.currency, "login": operation.account.login}, actor=actor, now=now,
    )  # fmt: skip


def execute_settling(*, approval: Approval, actor: Actor, now: datetime) -> None:
    """Settle an operation as two people agreed."""
    operation = BalanceOperation.objects.select_related("account").get(pk=int(approval.object_id))
    if operation.state != _S.REVIEW:
        raise OperationMoved(ref=operation.ref, state=operation.get_state_display())
    ticket = approval.payload["ticket"]
    if ticket is None:
        refuse(operation=operation, reason="resolved", detail={}, by=actor.label, now=now)
    else:
        deal = _deal_of(operation, ticket)
        confirm(operation=operation, deal=deal, balance_after=None, by=actor.label, now=now)


@transaction.atomic
def withdraw_operation(*, operation: BalanceOperation, actor: Actor, now: datetime) -> BalanceOperation:
    """Take back an operation that was not sent yet, and let go what was set aside for it.

    :raises Forbidden: the actor may not.
    :raises OperationMoved, SenderReplaced: it is on its way."""
    if not actor.has(REQUEST_RIGHT):
        raise Forbidden
    if operation.state != _S.PLANNED:
        raise OperationMoved(ref=operation.ref, state=operation.get_state_display())
    row = refuse(operation=operation, reason="withdrawn", detail={}, by=actor.label, now=now)
    _audit("trading.withdraw_operation", operation.state, row, actor, now)
    return row


@transaction.atomic
def read_again(*, operation: BalanceOperation, actor: Actor, now: datetime) -> BalanceOperation:
    """Let the server's deals be read again for an operation in review.

    :raises Forbidden: the actor may not.
    :raises OperationMoved, SenderReplaced: it is not in review."""
    if not actor.has(RESOLVE):
        raise Forbidden
    if operation.state != _S.REVIEW:
        raise OperationMoved(ref=operation.ref, state=operation.get_state_display())
    row = doubt(row=operation, reason="read_again", detail={}, by=actor.label, now=now)
    _audit("trading.read_operation_again", operation.state, row, actor, now)
    return row


def approval_actions() -> tuple[ApprovalAction, ...]:
    """Return the four-eyes actions to register."""
    return (
        ApprovalAction(
            name=BOOK, label=_("Book a balance operation on an MT account"), request_right=REQUEST_RIGHT,
            approve_right=APPROVE_RIGHT, execute=execute_booking,
        ),
        ApprovalAction(
            name=RESOLVE, label=_("Settle an operation whose outcome is unknown"), request_right=RESOLVE,
            approve_right=APPROVE_RIGHT, execute=execute_settling,
        ),
    )  # fmt: skip


def _deal_of(operation: BalanceOperation, ticket: int) -> Deal:
    """Return the stored live deal that a person named.

    :raises DealMisfit: it is not stored, or of another account, kind or amount.
    :raises TicketTaken: it confirmed another operation."""
    if BalanceOperation.objects.filter(server_id=operation.server_id, ticket=ticket).exists():
        raise TicketTaken(field="ticket", ticket=ticket)
    deal = live_deals().filter(server_id=operation.server_id, ticket=ticket, leg=0).first()
    asked = (operation.account_id, operation.kind, operation.amount)
    if deal is None or (deal.account_id, deal.action, from_e8(deal.profit_e8)) != asked:
        raise DealMisfit(field="ticket", ticket=ticket)
    return deal


def _audit(action: str, before: str, row: BalanceOperation, actor: Actor, now: datetime) -> None:
    record_audit(
        actor=actor, action=action, object_type="balance_operation", object_id=row.pk, before={"state": before},
        after={"state": row.state, "ref": row.ref, "amount": row.amount, "currency": row.currency}, now=now,
    )  # fmt: skip
