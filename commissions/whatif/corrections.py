"""Changes of the past take two people: propose, preview, ask, decide; then the ordinary services make the change.

The engine books the differences in the open period, each as a revision of the line that it corrects."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Sum
from django.utils.translation import gettext_lazy as _

from access.approvals import ApprovalAction, register_action
from access.enums import ApprovalState
from access.models import Approval
from access.services import approve, record_audit, reject, request_approval
from access.types import Actor
from commissions.enums import CORRECTION_MOVES, CorrectionState
from commissions.whatif.affected import affects_any
from commissions.whatif.applying import RIGHTS, apply_changes, require_rights
from commissions.whatif.changes import KINDS, Change, PublishVersion, from_plain, to_plain
from commissions.whatif.models import Correction, CorrectionLine, CorrectionPolicy
from commissions.whatif.preview import begin_again, start_preview
from commissions.whatif.totals import size_of
from commissions.whatif.world import has_moved, hold_world, world_from_plain
from core.errors import DomainError, Forbidden, InvalidInput

APPROVE_RIGHT = "commissions.approve_correction"


class CorrectionNotReady(DomainError):
    """The correction is not in a state that allows this."""

    code = "correction_not_ready"
    message = _("This correction cannot be decided now: %(state)s.")


class WorldMoved(DomainError):
    """What the preview saw is no longer so."""

    code = "world_moved"
    message = _("Something that this preview depends on has changed since. Look at a new preview first.")


class NeedsSecondPerson(DomainError):
    """The correction is larger than one person may make."""

    code = "needs_second_person"
    message = _("This correction moves %(size)s. Above %(limit)s a second person has to decide.")


def make_change(*, changes: Sequence[Change], reason: str = "", actor: Actor, now: datetime) -> Correction | None:
    """Make changes that touch no judged deal, and return None; else propose them and return the correction.

    Whatever the ordinary services refuse is refused here, before anybody looks at a preview.

    :raises Forbidden: the actor may not make one of the changes.
    :raises InvalidInput: two versions of one plan from one moment on."""
    require_rights(changes, actor)
    _refuse_twice(changes)
    if not affects_any(changes):
        with transaction.atomic():
            apply_changes(changes, reason=reason, actor=actor, now=now)
        return None
    _try_out(changes, reason=reason, actor=actor, now=now)
    return _propose(changes, reason=reason, actor=actor, now=now)


def _refuse_twice(changes: Sequence[Change]) -> None:
    """Refuse two versions of one plan from one moment on: nobody could say which of them holds."""
    versions = [(each.plan_id, each.effective_from) for each in changes if isinstance(each, PublishVersion)]
    if len(set(versions)) < len(versions):
        raise InvalidInput(field="effective_from")


def _try_out(changes: Sequence[Change], *, reason: str, actor: Actor, now: datetime) -> None:
    """Let the services say what they refuse; nothing stays of it."""
    with transaction.atomic():
        apply_changes(changes, reason=reason, actor=actor, now=now)
        transaction.set_rollback(True)


@transaction.atomic
def _propose(changes: Sequence[Change], *, reason: str, actor: Actor, now: datetime) -> Correction:
    correction = Correction.objects.create(
        changes=to_plain(changes), reason=reason, proposed_by_id=actor.user_id, proposed_at=now
    )
    start_preview(correction, now=now)
    _record(correction, "commissions.propose_correction", before=None, actor=actor, now=now)
    return correction


@transaction.atomic
def ask_for_correction(*, correction: Correction, reason: str, actor: Actor, now: datetime) -> Approval:
    """Ask a second person to decide on the preview as it stands.

    :raises CorrectionNotReady: the preview is not done, or somebody decided. :raises ApprovalPending: it waits already.
    """
    row = _lock(correction, CorrectionState.READY)
    require_rights(from_plain(row.changes), actor)
    row.reason = reason
    row.approval = request_approval(
        action=_action_of(row), object_type="correction", object_id=str(row.pk), payload=_payload(row),
        reason=reason, actor=actor, now=now,
    )  # fmt: skip
    row.save(update_fields=["reason", "approval"])
    return row.approval


@transaction.atomic
def apply_small_correction(*, correction: Correction, reason: str, actor: Actor, now: datetime) -> Correction:
    """Make a correction that is within the broker's limit, alone.

    :raises NeedsSecondPerson: it is not. :raises WorldMoved: the preview is out of date."""
    row = _lock(correction, CorrectionState.READY)
    require_rights(from_plain(row.changes), actor)
    policy, size = correction_policy(), size_of(row.pk, now=now)
    if size is None or size > policy.limit_amount:
        raise NeedsSecondPerson(
            size="?" if size is None else f"{size:.2f} {policy.limit_currency}",
            limit=f"{policy.limit_amount:.2f} {policy.limit_currency}",
        )
    row.reason = reason
    return _apply(row, actor=actor, now=now)


@transaction.atomic
def execute_correction(*, approval: Approval, actor: Actor, now: datetime) -> None:
    """Make what was approved; runs in the transaction of the approval.

    :raises WorldMoved: what the second person saw is no longer so; the request goes on waiting."""
    row = _lock(Correction.objects.get(pk=int(approval.object_id)), CorrectionState.READY)
    if row.approval_id != approval.pk or approval.payload["run"] != row.run:
        raise WorldMoved
    _apply(row, actor=actor, now=now)


def decide_correction(*, correction: Correction, accept: bool, reason: str, actor: Actor, now: datetime) -> Correction:
    """Decide as the second person. When the world has moved, the request is refused and a new preview begins.

    :raises CorrectionNotReady: nobody asked. :raises WorldMoved: a new preview has begun; nothing was changed.
    Raises as `access.services.approve` does."""
    approval = correction.approval
    if approval is None:
        raise CorrectionNotReady(state=correction.get_state_display())
    if not accept:
        reject(approval=approval, actor=actor, reason=reason, now=now)
        return _reread(correction)
    try:
        approve(approval=approval, actor=actor, reason=reason, now=now)
    except WorldMoved:
        with transaction.atomic():
            reject(approval=approval, actor=actor, reason=str(WorldMoved.message), now=now)
            preview_again(correction=correction, actor=actor, now=now)
        raise
    return _reread(correction)


@transaction.atomic
def preview_again(*, correction: Correction, actor: Actor, now: datetime) -> Correction:
    """Throw the preview away and compute a new one.

    :raises CorrectionNotReady: it is being computed, or somebody asked for it and nobody has decided."""
    row = _lock(correction, CorrectionState.READY)
    if not may_preview(row, actor):
        raise Forbidden
    _refuse_asked(row)
    begin_again(row, now=now)
    _record(row, "commissions.preview_correction", before=None, actor=actor, now=now)
    return row


@transaction.atomic
def drop_correction(*, correction: Correction, actor: Actor, now: datetime) -> Correction:
    """Give a correction up; nothing of it stays but its record.

    :raises CorrectionNotReady: it was made, or somebody asked for it and nobody has decided."""
    row = _lock(correction, CorrectionState.PREVIEWING, CorrectionState.READY)
    if not may_make(row, actor):
        raise Forbidden
    _refuse_asked(row)
    _close(row, CorrectionState.DROPPED, actor=actor, now=now)
    _record(row, "commissions.drop_correction", before=None, actor=actor, now=now)
    return row


@transaction.atomic
def set_correction_limit(*, amount: Decimal, currency: str, actor: Actor, now: datetime) -> CorrectionPolicy:
    """Say up to which size a correction needs no second person; 0: always two."""
    row = CorrectionPolicy.objects.select_for_update().get(pk=1)
    before = {"limit": str(row.limit_amount), "currency": row.limit_currency}
    row.limit_amount, row.limit_currency = amount, currency
    row.save(update_fields=["limit_amount", "limit_currency"])
    record_audit(
        actor=actor, action="commissions.set_correction_limit", object_type="correction_policy", object_id="1",
        before=before, after={"limit": str(amount), "currency": currency}, now=now,
    )  # fmt: skip
    return row


def correction_policy() -> CorrectionPolicy:
    """Return the broker's rule for small corrections."""
    return CorrectionPolicy.objects.get(pk=1)


def register_correction_actions() -> None:
    """Make each kind of correction known as an action that takes two people. Called when the app is ready."""
    for kind, change in KINDS.items():
        register_action(
            ApprovalAction(
                name=f"commissions.correct_{kind}",
                label=_("Correction of judged deals"),
                request_right=RIGHTS[change],
                approve_right=APPROVE_RIGHT,
                execute=execute_correction,
            )
        )


def is_waiting(correction: Correction) -> bool:
    """Whether somebody asked for it and a second person has to decide."""
    return correction.approval is not None and correction.approval.state == ApprovalState.REQUESTED


def _apply(row: Correction, *, actor: Actor, now: datetime) -> Correction:
    changes = from_plain(row.changes)
    hold_world()
    if has_moved(world_from_plain(row.world), changes, waits=row.waits):
        raise WorldMoved
    apply_changes(changes, reason=row.reason, actor=actor, now=now)
    _close(row, CorrectionState.APPLIED, actor=actor, now=now)
    _record(row, "commissions.apply_correction", before={"state": CorrectionState.READY}, actor=actor, now=now)
    return row


def _lock(correction: Correction, *wanted: CorrectionState) -> Correction:
    row = Correction.objects.select_for_update(of=("self",)).select_related("approval").get(pk=correction.pk)
    if row.state not in wanted:
        raise CorrectionNotReady(state=row.get_state_display())
    return row


def _close(row: Correction, state: CorrectionState, *, actor: Actor, now: datetime) -> None:
    if state not in CORRECTION_MOVES[CorrectionState(row.state)]:
        raise CorrectionNotReady(state=row.get_state_display())
    row.state, row.closed_at, row.closed_by_id = state, now, actor.user_id
    row.save(update_fields=["state", "closed_at", "closed_by", "reason"])


def _refuse_asked(row: Correction) -> None:
    if is_waiting(row):
        raise CorrectionNotReady(state=ApprovalState.REQUESTED.label)


def may_preview(row: Correction, actor: Actor) -> bool:
    """Whether the actor may have the preview computed anew: who may make it, and who decides."""
    return actor.has(APPROVE_RIGHT) or may_make(row, actor)


def may_make(row: Correction, actor: Actor) -> bool:
    """Whether the actor holds the right of each change, so may ask for it, preview it again and drop it."""
    return all(actor.has(RIGHTS[type(change)]) for change in from_plain(row.changes))


def _action_of(row: Correction) -> str:
    return f"commissions.correct_{row.changes[0]['kind']}"


def _payload(row: Correction) -> dict[str, Any]:
    """Return what the request says: which preview, and its totals by currency."""
    totals = CorrectionLine.objects.filter(correction=row).order_by("currency").values("currency")
    sums = totals.annotate(before=Sum("before"), after=Sum("after"))
    return {
        "run": row.run,
        "deals": row.deals_changed,
        "difference": {each["currency"]: str(each["after"] - each["before"]) for each in sums},
    }


def _record(row: Correction, action: str, *, before: dict[str, Any] | None, actor: Actor, now: datetime) -> None:
    record_audit(
        actor=actor, action=action, object_type="correction", object_id=row.pk, before=before,
        after={"state": row.state, "run": row.run, "changes": row.changes}, reason=row.reason, now=now,
    )  # fmt: skip


def _reread(correction: Correction) -> Correction:
    return Correction.objects.select_related("approval").get(pk=correction.pk)
