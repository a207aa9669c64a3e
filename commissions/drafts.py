"""Drafts of plan versions: what was typed survives reloads, errors and closed windows."""

from collections.abc import Mapping
from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from access.types import Actor
from commissions.models import Plan, PlanDraft
from core.errors import DomainError, Forbidden

MOST_INPUTS = 20_000


class DraftChanged(DomainError):
    """The draft was saved from another window since this one read it."""

    code = "draft_changed"
    message = _("This draft was changed in another window. What you see here is not saved; save again to keep it.")


class DraftTooLarge(DomainError):
    """More was typed than any plan can hold."""

    code, http_status = "draft_too_large", 422
    message = _("This is more than a plan can hold.")


def find_draft(*, plan: Plan, actor: Actor) -> PlanDraft | None:
    """Return what the actor has typed for the plan's next version, None when nothing."""
    return PlanDraft.objects.filter(plan=plan, author_id=actor.user_id).first()


@transaction.atomic
def save_draft(
    *, plan: Plan, typed: Mapping[str, str], seen: int, window: str, actor: Actor, now: datetime
) -> PlanDraft:
    """Keep what was typed, right or wrong. `seen`: the revision that the window has read; 0: there was none.

    Saves of one window may overtake each other (it saves while somebody types), so they never refuse each other.

    :raises DraftChanged: another window saved since; nothing is kept.
    :raises DraftTooLarge: it holds more inputs than a plan can have."""
    if actor.user_id is None:
        raise Forbidden
    if len(typed) > MOST_INPUTS:
        raise DraftTooLarge
    draft = PlanDraft.objects.select_for_update(of=("self",)).filter(plan=plan, author_id=actor.user_id).first()
    if draft is None:
        return _first(plan, typed, window, actor.user_id, now)
    if draft.revision != seen and draft.window != window:
        raise DraftChanged
    draft.typed, draft.revision, draft.window, draft.saved_at = dict(typed), draft.revision + 1, window, now
    draft.save(update_fields=["typed", "revision", "window", "saved_at"])
    return draft


def _first(plan: Plan, typed: Mapping[str, str], window: str, author_id: int, now: datetime) -> PlanDraft:
    try:
        with transaction.atomic():
            return PlanDraft.objects.create(
                plan=plan, author_id=author_id, typed=dict(typed), window=window, saved_at=now
            )
    except IntegrityError as error:
        if "plan_draft_once" not in str(error):
            raise
        raise DraftChanged from error


@transaction.atomic
def discard_draft(*, plan: Plan, actor: Actor) -> None:
    """Throw away what the actor typed for the plan's next version, if anything."""
    PlanDraft.objects.filter(plan=plan, author_id=actor.user_id).delete()
