"""The next version of a plan: typed as a grid or as JSON, kept as a draft, read in words, then published."""

import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from access.decorators import ActorRequest, requires
from backoffice.corrections import to_preview
from backoffice.forms.drafts import JSON, Reading, as_json, as_sheet, typed_from, typed_in
from backoffice.plan_notes import known_names, notes_about
from backoffice.rate_grid import rate_grid
from backoffice.sheet import read_sheet, typed_of
from backoffice.sheet.boxes import boxes_of
from backoffice.sheet.changes import changed
from backoffice.shell import UNPROCESSABLE, show
from commissions.drafts import DraftChanged, discard_draft, find_draft, save_draft
from commissions.models import Plan, PlanDraft
from commissions.staff import plan_users, plan_versions, plans_visible_to
from commissions.terms import Terms, terms_as_dict, terms_hash
from commissions.whatif.changes import PublishVersion
from commissions.whatif.corrections import make_change
from core.errors import DomainError
from tenancy.context import current_broker
from trading.queries import symbol_group_names
from ui.fragments import is_fragment
from ui.plan_difference import Difference, difference
from ui.plan_words import conditions

CONFLICT = 409
NEW_PLAN: dict[str, Any] = {"rates": [], "upline": {"mode": "none"}, "count_on": "close"}


@requires("commissions.edit_plan")
@require_http_methods(["GET", "HEAD", "POST"])
def plan_publish(request: ActorRequest, pk: int) -> HttpResponse:
    """Write the next version. Every button keeps what was typed; a fragment request (while typing) only that."""
    plan = get_object_or_404(plans_visible_to(request.actor), pk=pk)
    if request.method == "POST":
        return _typed(request, plan)
    draft = find_draft(plan=plan, actor=request.actor)
    typed = dict(draft.typed) if draft else typed_from(terms_before(plan, timezone.now()))
    editor = request.GET.get("editor") or (JSON if JSON in typed else "form")
    return _editor(request, plan, draft, typed, editor=editor, check="check" in request.GET)


def _typed(request: ActorRequest, plan: Plan) -> HttpResponse:
    do, now = request.POST.get("do", ""), timezone.now()
    if do == "discard":
        discard_draft(plan=plan, actor=request.actor)
        messages.success(request, _("The draft is thrown away."))
        return redirect("backoffice:plan", pk=plan.pk)
    typed = typed_in(request.POST)
    if JSON not in typed:
        typed = typed_of(changed(read_sheet(typed), do))
    try:
        draft = _kept(request, plan, typed, now)
    except DraftChanged as error:
        return _refused(request, plan, typed, error)
    if is_fragment(request):
        return show(request, "plans/_draft_state.html", {"draft": draft, "window": draft.window}, nav="plans",
                    part="plans/_draft_state.html")  # fmt: skip
    if do != "preview":
        return redirect(f"{reverse('backoffice:plan_publish', args=[plan.pk])}#{_jump(do)}")
    if Reading(typed, zone=_zone(), now=now).is_right:
        return redirect("backoffice:plan_preview", pk=plan.pk)
    editor = JSON if JSON in typed else "form"
    return _editor(request, plan, draft, typed, editor=editor, check=True, status=UNPROCESSABLE)


def _kept(request: ActorRequest, plan: Plan, typed: Mapping[str, str], now: datetime) -> PlanDraft:
    seen, window = request.POST.get("seen", ""), request.POST.get("window", "")[:40]
    return save_draft(
        plan=plan, typed=typed, seen=int(seen) if seen.isascii() and seen.isdigit() and len(seen) < 10 else 0,
        window=window, actor=request.actor, now=now,
    )  # fmt: skip


def _refused(request: ActorRequest, plan: Plan, typed: dict[str, str], error: DraftChanged) -> HttpResponse:
    """Show what was typed with what happened; saving again from here keeps it."""
    draft = find_draft(plan=plan, actor=request.actor)
    if is_fragment(request):
        context = {"draft": None, "refusal": str(error), "window": request.POST.get("window", "")}
        return show(request, "plans/_draft_state.html", context, nav="plans", part="plans/_draft_state.html")
    editor = JSON if JSON in typed else "form"
    return _editor(request, plan, draft, typed, editor=editor, refusal=str(error), status=CONFLICT)


def _jump(do: str) -> str:
    return {"add_column": "columns", "add_level": "levels"}.get(do, "rates")


def _editor(
    request: ActorRequest, plan: Plan, draft: PlanDraft | None, typed: dict[str, str], *, editor: str,
    check: bool = False, refusal: str = "", status: int = 200,
) -> HttpResponse:  # fmt: skip
    context: dict[str, Any] = {
        "plan": plan, "draft": draft, "zone": _zone(), "refusal": refusal, "window": secrets.token_urlsafe(12),
    }  # fmt: skip
    sheet_typed = as_sheet(typed)
    if editor == JSON or sheet_typed is None:
        shown = {JSON: as_json(typed), "effective_from": typed.get("effective_from", "")}
        reading = Reading(shown, zone=_zone(), now=timezone.now())
        context |= {"text": shown[JSON], "when": reading.when, "errors": reading.errors.get("terms", [])}
        context["only_json"] = editor != JSON
        return show(request, "plans/editor_json.html", context, nav="plans", status=status)
    reading = Reading(sheet_typed, zone=_zone(), now=timezone.now())
    errors = reading.errors if check else {}
    if not check:
        reading.when.errors.clear()
    context |= {"sheet": boxes_of(reading.sheet, errors), "when": reading.when, "known": known_names()}
    return show(request, "plans/editor.html", context, nav="plans", status=status)


@requires("commissions.edit_plan")
@require_http_methods(["GET", "HEAD", "POST"])
def plan_preview(request: ActorRequest, pk: int) -> HttpResponse:
    """Show what the draft would say, in words, and publish it."""
    plan = get_object_or_404(plans_visible_to(request.actor), pk=pk)
    draft, now = find_draft(plan=plan, actor=request.actor), timezone.now()
    reading = Reading(draft.typed, zone=_zone(), now=now) if draft else None
    if draft is None or reading is None or reading.terms is None:
        return redirect(reverse("backoffice:plan_publish", args=[plan.pk]) + ("?check=1" if draft else ""))
    effective_from = reading.when.cleaned_data["effective_from"]
    refusal = ""
    if request.method == "POST":
        if request.POST.get("seen") != str(draft.revision):
            refusal = str(DraftChanged())
        else:
            try:
                return _publish(request, plan, reading.terms, effective_from, now)
            except DomainError as error:
                refusal = str(error)
    context = {
        "plan": plan, "draft": draft, "zone": _zone(), "refusal": refusal, "effective_from": effective_from,
        "is_now": not draft.typed.get("effective_from"), "is_past": effective_from < now,
        "grid": rate_grid(reading.terms, symbol_group_names()), "conditions": conditions(reading.terms),
        "hash": terms_hash(reading.terms).hex, "notes": notes_about(reading.terms),
        "user_count": plan_users(plan, at=now).count(),
        "difference": _against_before(plan, reading.terms, effective_from),
    }  # fmt: skip
    return show(request, "plans/preview.html", context, nav="plans", status=UNPROCESSABLE if refusal else 200)


def _against_before(plan: Plan, terms: Terms, at: datetime) -> Difference | None:
    """Return what differs from the version that this one follows; None when it is the first."""
    before = next((version for version in plan_versions(plan, at=at) if version.is_in_force), None)
    return difference(before.terms, terms, symbol_group_names()) if before else None


def _publish(request: ActorRequest, plan: Plan, terms: Terms, effective_from: datetime, now: datetime) -> HttpResponse:
    """Publish the draft: the one place where a written version takes effect, whatever its moment.

    One that touches judged deals goes to its preview, which holds it from then on."""
    change = PublishVersion(plan.pk, terms_as_dict(terms), effective_from)
    correction = make_change(changes=[change], actor=request.actor, now=now)
    discard_draft(plan=plan, actor=request.actor)
    if correction is not None:
        return to_preview(request, correction)
    messages.success(request, _("The version is published. Deals of its time are judged by it in the next round."))
    return redirect("backoffice:plan", pk=plan.pk)


def terms_before(plan: Plan, now: datetime) -> dict[str, Any]:
    """Return the terms that a new version starts from: those in force, else those of the first version to come."""
    versions = plan_versions(plan, at=now)
    latest = next((version for version in versions if version.is_in_force), versions[-1] if versions else None)
    return dict(latest.row.terms) if latest else dict(NEW_PLAN)


def _zone() -> str:
    return current_broker().settlement_zone
