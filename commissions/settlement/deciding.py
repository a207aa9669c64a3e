"""Decide: approve a statement, put it on hold, release it; large ones by two people."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from access.approvals import ApprovalAction
from access.models import Approval
from access.services import record_audit, request_approval
from access.types import Actor
from commissions.settlement.enums import STATEMENT_MOVES, StatementState
from commissions.settlement.models import Statement
from commissions.settlement.terms import payout_limits
from commissions.telling import tell_statement
from core.errors import DomainError, Forbidden, InvalidInput

APPROVE = "commissions.approve_statement"
HOLD = "commissions.hold_statement"


class StatementMoved(DomainError):
    """The statement does not stand where it would have to for this."""

    code = "statement_moved"
    message = _("Statement %(statement)s is in the state “%(state)s”; this cannot be done with it now.")


@dataclass(frozen=True, slots=True)
class Decided:
    """What became of several statements: numbers of those that moved, of those that wait for a second person, and
    the refusals."""

    done: tuple[int, ...]
    asked: tuple[int, ...]
    refused: tuple[DomainError, ...]


@transaction.atomic
def approve_statement(*, statement_id: int, actor: Actor, now: datetime) -> Statement:
    """Approve a statement that was reviewed; it is paid by the next round. A large one asks a second person.

    :raises Forbidden: the actor may not.
    :raises StatementMoved: it is not to be reviewed (any more).
    :raises ApprovalPending: the second person has been asked before."""
    statement = _locked(statement_id, StatementState.APPROVED, right=APPROVE, actor=actor)
    limit = payout_limits().get(statement.payee.currency)
    if limit is not None and statement.payable >= limit and actor.is_staff:
        request_approval(
            action=APPROVE, object_type="statement", object_id=str(statement.pk), reason="", actor=actor, now=now,
            payload={"statement_id": statement.pk, "amount": f"{statement.payable.normalize():f}",
                     "currency": statement.payee.currency},
        )  # fmt: skip
        return statement
    return _move(statement, StatementState.APPROVED, action=APPROVE, reason="", actor=actor, now=now)


def execute_approval(*, approval: Approval, actor: Actor, now: datetime) -> None:
    """Approve what a first person asked for and a second one just approved."""
    statement = _locked(approval.payload["statement_id"], StatementState.APPROVED, right=APPROVE, actor=actor)
    _move(statement, StatementState.APPROVED, action=APPROVE, reason=approval.reason, actor=actor, now=now)


@transaction.atomic
def hold_statement(*, statement_id: int, reason: str, actor: Actor, now: datetime) -> Statement:
    """Put a statement on hold, with the reason its payee reads too; nothing of it is paid meanwhile.

    :raises Forbidden: the actor may not.
    :raises InvalidInput: no reason is given.
    :raises StatementMoved: it is paid or on hold already."""
    if not reason.strip():
        raise InvalidInput(field="reason")
    statement = _locked(statement_id, StatementState.HELD, right=HOLD, actor=actor)
    return _move(statement, StatementState.HELD, action=HOLD, reason=reason.strip(), actor=actor, now=now)


@transaction.atomic
def release_statement(*, statement_id: int, actor: Actor, now: datetime) -> Statement:
    """Let a statement that was on hold be reviewed again.

    :raises Forbidden: the actor may not.
    :raises StatementMoved: it is not on hold."""
    statement = _locked(statement_id, StatementState.REVIEW, right=HOLD, actor=actor)
    return _move(
        statement, StatementState.REVIEW, action="commissions.release_statement", reason="", actor=actor, now=now
    )


def decide_many(
    *, statement_ids: Collection[int], wanted: StatementState, decide: Callable[[int], Statement]
) -> Decided:
    """Apply one decision to several statements, each in a transaction of its own: a refusal stops nobody else.

    `wanted`: where the decision leads; a statement that stays where it was waits for a second person."""
    done: list[int] = []
    asked: list[int] = []
    refused: list[DomainError] = []
    for pk in sorted(set(statement_ids)):
        try:
            statement = decide(pk)
        except DomainError as error:
            refused.append(error)
        else:
            (done if statement.state == wanted else asked).append(pk)
    return Decided(tuple(done), tuple(asked), tuple(refused))


def approval_action() -> ApprovalAction:
    """Return the four-eyes action to register."""
    return ApprovalAction(
        name=APPROVE, label=_("Pay a large statement"), request_right=APPROVE, approve_right=APPROVE,
        execute=execute_approval,
    )  # fmt: skip


def _locked(statement_id: int, wanted: StatementState, *, right: str, actor: Actor) -> Statement:
    if not actor.has(right):
        raise Forbidden
    rows = Statement.objects.select_for_update(of=("self",)).select_related("payee")
    statement = rows.get(pk=statement_id)
    if wanted not in STATEMENT_MOVES[StatementState(statement.state)] or statement.state == StatementState.OPEN:
        raise StatementMoved(statement=statement.pk, state=statement.get_state_display())
    return statement


def _move(
    statement: Statement, state: StatementState, *, action: str, reason: str, actor: Actor, now: datetime
) -> Statement:
    before = statement.state
    statement.state, statement.reason = state, reason
    statement.decided_at, statement.decided_by = now, actor.label
    statement.save(update_fields=["state", "reason", "decided_at", "decided_by"])
    record_audit(
        actor=actor, action=action, object_type="statement", object_id=statement.pk, before={"state": before},
        after={"state": state, "amount": statement.payable, "currency": statement.payee.currency}, reason=reason,
        now=now,
    )  # fmt: skip
    if state == StatementState.APPROVED:
        tell_statement(kind="statement_approved", statement=statement, now=now)
    return statement
