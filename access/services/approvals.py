"""The four-eyes approval: one person asks, another decides, and what was asked happens in the same transaction."""

from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from access.approvals import get_action
from access.enums import APPROVAL_MOVES, ApprovalState
from access.models import Approval
from access.services.audit import record_audit
from access.types import Actor
from core.errors import DomainError, Forbidden


class ApprovalPending(DomainError):
    code, http_status = "approval_pending", 409
    message = _("Somebody has asked for this already. It waits for a second person.")


class SameApprover(DomainError):
    code, http_status = "same_approver", 403
    message = _("You asked for this yourself. Somebody else has to decide.")


class ApprovalDecided(DomainError):
    code, http_status = "approval_decided", 409
    message = _("This was decided already: %(state)s.")


class ApprovalExpired(DomainError):
    code, http_status = "approval_expired", 409
    message = _("Nobody decided in time. Please ask again.")


@transaction.atomic
def request_approval(
    *,
    action: str,
    object_type: str,
    object_id: str,
    payload: dict[str, Any],
    reason: str,
    actor: Actor,
    now: datetime,
) -> Approval:
    """Ask a second person to let an action on one object happen.

    :raises Forbidden: the actor may not ask for it.
    :raises ApprovalPending: the same action on the object waits already."""
    known = get_action(action)
    if actor.user_id is None or not actor.is_staff or not actor.has(known.request_right):
        raise Forbidden
    _expire(now=now, action=action, object_type=object_type, object_id=object_id)
    try:
        with transaction.atomic():
            approval = Approval.objects.create(
                action=action, object_type=object_type, object_id=object_id, payload=payload, reason=reason,
                requested_by_id=actor.user_id, requested_at=now, expires_at=now + known.lifetime,
            )  # fmt: skip
    except IntegrityError as error:
        if "approval_requested_once" not in str(error):
            raise
        raise ApprovalPending from error
    _record(approval, actor, before=None, reason=reason, now=now)
    return approval


@transaction.atomic
def approve(*, approval: Approval, actor: Actor, now: datetime, reason: str = "") -> Approval:
    """Approve and do what was asked, in one transaction; when it can't be done the request keeps waiting.

    :raises SameApprover: the actor asked for it.
    :raises ApprovalDecided: somebody was faster.
    :raises ApprovalExpired: nobody decided in time.
    :raises Forbidden: the actor may not decide this."""
    row = _decide(approval, ApprovalState.APPROVED, actor=actor, reason=reason, now=now)
    get_action(row.action).execute(approval=row, actor=actor, now=now)
    return row


@transaction.atomic
def reject(*, approval: Approval, actor: Actor, reason: str, now: datetime) -> Approval:
    """Refuse what was asked. Raises as `approve` does."""
    return _decide(approval, ApprovalState.REJECTED, actor=actor, reason=reason, now=now)


@transaction.atomic
def expire_approvals(*, now: datetime) -> int:
    """Close the requests that nobody decided in time; return how many."""
    return _expire(now=now)


def _decide(approval: Approval, wanted: ApprovalState, *, actor: Actor, reason: str, now: datetime) -> Approval:
    row = Approval.objects.select_for_update().get(pk=approval.pk)
    if actor.user_id is None or not actor.is_staff or not actor.has(get_action(row.action).approve_right):
        raise Forbidden
    if wanted not in APPROVAL_MOVES.get(ApprovalState(row.state), frozenset()):
        raise ApprovalDecided(state=row.get_state_display())
    if row.requested_by_id == actor.user_id:
        raise SameApprover
    if row.expires_at <= now:
        raise ApprovalExpired
    before = row.state
    row.state, row.decided_by_id, row.decided_at, row.decision_reason = wanted, actor.user_id, now, reason
    row.save(update_fields=["state", "decided_by", "decided_at", "decision_reason"])
    _record(row, actor, before=before, reason=reason, now=now)
    return row


def _expire(*, now: datetime, **narrowed: str) -> int:
    overdue = Approval.objects.filter(state=ApprovalState.REQUESTED, expires_at__lte=now, **narrowed)
    return overdue.update(state=ApprovalState.EXPIRED, decided_at=now)


def _record(approval: Approval, actor: Actor, *, before: str | None, reason: str, now: datetime) -> None:
    record_audit(
        actor=actor, action=f"{approval.action}:{approval.state}",
        object_type=approval.object_type, object_id=approval.object_id,
        before=None if before is None else {"approval": approval.pk, "state": before},
        after={"approval": approval.pk, "state": approval.state, "payload": approval.payload},
        reason=reason, now=now,
    )  # fmt: skip
