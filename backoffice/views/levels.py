"""Levels of IBs: changes that wait for a person, evaluations with the reason of each result, the exclusion list."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from access.decorators import ActorRequest, requires
from backoffice.forms.levels import DecideForm, ExcludeForm, ReasonForm
from backoffice.shell import UNPROCESSABLE, put_on_form, show
from commissions.levels.changes import apply_change, reject_change
from commissions.levels.enums import Outcome
from commissions.levels.evaluation import evaluate_again, late_deals_of
from commissions.levels.exclusions import end_exclusion, exclude_ib
from commissions.levels.models import LevelResult, LevelRun
from commissions.levels.queries import (
    Explained,
    exclusions_visible_to,
    explain,
    figures_of,
    is_latest,
    outcome_counts,
    results_visible_to,
    runs_visible_to,
    waiting_changes,
)
from core.errors import DomainError
from tenancy.context import current_broker
from ui.level_words import figure_words, level_words, why

QUEUE_SHOWN = MOST_AT_ONCE = 200
RUN_SHOWN = 50
EXCLUSIONS_SHOWN = 500


@requires("commissions.view_level")
@require_safe
def level_changes(request: ActorRequest) -> HttpResponse:
    """List the promotions and demotions that wait for a person, oldest period first."""
    return _queue(request, DecideForm())


@requires("commissions.approve_level")
@require_POST
def level_decide(request: ActorRequest) -> HttpResponse:
    """Approve or refuse the ticked changes, each by itself: one that is refused by a rule does not stop the others."""
    form = DecideForm(request.POST)
    wanted = [int(pk) for pk in request.POST.getlist("change")[:MOST_AT_ONCE] if pk.isascii() and pk.isdigit()]
    rows = list(results_visible_to(request.actor).filter(pk__in=wanted).order_by("pk"))
    if not rows:
        form.add_error(None, _("Tick at least one change."))
    if not form.is_valid() or not rows:
        return _queue(request, form, status=UNPROCESSABLE)
    done, refused = _decide(request, rows, form)
    if done:
        text = ngettext("%(n)d change is decided.", "%(n)d changes are decided.", done) % {"n": done}
        messages.success(request, text)
    for sentence in refused[:5]:
        messages.error(request, sentence)
    return redirect("backoffice:level_changes")


def _decide(request: ActorRequest, rows: list[LevelResult], form: DecideForm) -> tuple[int, list[str]]:
    act = apply_change if form.cleaned_data["decision"] == "approve" else reject_change
    done, refused = 0, []
    for row in rows:
        try:
            act(result=row, actor=request.actor, reason=form.cleaned_data["reason"], now=timezone.now())
        except DomainError as error:
            refused.append(f"{row.ib.name}: {error}")
        else:
            done += 1
    return done, refused


def _queue(request: ActorRequest, form: DecideForm, *, status: int = 200) -> HttpResponse:
    waiting = waiting_changes(request.actor)
    rows = explain(list(waiting.order_by("run__first_date", "outcome", "ib__code")[:QUEUE_SHOWN]))
    context = {"rows": _told(rows), "total": waiting.count(), "form": form, "own_id": request.actor.user_id}
    return show(request, "levels/changes.html", context, nav="level_changes", status=status)


def _told(rows: list[Explained]) -> list[dict[str, Any]]:
    return [{"one": row, "why": why(row), "figures": figure_words(figures_of(row.result))} for row in rows]


@requires("commissions.view_level")
@require_safe
def level_run(request: ActorRequest, pk: int) -> HttpResponse:
    """Show an evaluation: how many of each outcome, and every IB's result."""
    return _run_page(request, get_object_or_404(runs_visible_to(request.actor), pk=pk), ReasonForm())


def _run_page(request: ActorRequest, run: LevelRun, form: ReasonForm, *, status: int = 200) -> HttpResponse:
    outcome = request.GET.get("outcome", "")
    rows = results_visible_to(request.actor).filter(run=run)
    if outcome in Outcome.values:
        rows = rows.filter(outcome=outcome)
    after = request.GET.get("after", "")
    if after.isascii() and after.isdigit() and len(after) <= 18:
        rows = rows.filter(pk__gt=int(after))
    shown = list(rows.order_by("pk")[: RUN_SHOWN + 1])
    counts = outcome_counts(run)
    context = {
        "run": run, "form": form, "outcome": outcome, "zone": current_broker().settlement_zone,
        "rows": _told(explain(shown[:RUN_SHOWN])), "next": shown[RUN_SHOWN - 1].pk if len(shown) > RUN_SHOWN else 0,
        "tabs": [(value, label, counts.get(value, 0)) for value, label in Outcome.choices if counts.get(value)],
        "total": sum(counts.values()), "is_latest": is_latest(run), "late": late_deals_of(run),
    }  # fmt: skip
    return show(request, "levels/run.html", context, nav="ladders", status=status)


@requires("commissions.evaluate_levels")
@require_POST
def level_run_again(request: ActorRequest, pk: int) -> HttpResponse:
    """Evaluate the ladder's latest period again, by what is stored now."""
    run = get_object_or_404(runs_visible_to(request.actor), pk=pk)
    form = ReasonForm(request.POST)
    if form.is_valid():
        try:
            again = evaluate_again(run=run, reason=form.cleaned_data["reason"], actor=request.actor, now=timezone.now())
        except DomainError as error:
            put_on_form(form, error)
        else:
            messages.success(request, _("The period is evaluated again."))
            return redirect("backoffice:level_run", pk=again.pk)
    return _run_page(request, run, form, status=UNPROCESSABLE)


@requires("commissions.view_level")
@require_safe
def level_result(request: ActorRequest, pk: int) -> HttpResponse:
    """Say why one IB got its result: what every level asked for, and what the IB had."""
    row = get_object_or_404(results_visible_to(request.actor), pk=pk)
    (one,) = explain([row])
    context = {
        "one": one, "why": why(one), "figures": figure_words(figures_of(row)), "zone": current_broker().settlement_zone,
        "levels": [level_words(level) for level in reversed(one.levels)], "decision": one.decision,
        "own_id": request.actor.user_id,
    }  # fmt: skip
    return show(request, "levels/result.html", context, nav="ladders")


@requires("commissions.view_level")
@require_safe
def level_exclusions(request: ActorRequest) -> HttpResponse:
    """List the IBs that no evaluation touches, with reason and until when."""
    return _exclusions(request, ExcludeForm(zone=current_broker().settlement_zone, now=timezone.now()))


@requires("commissions.exclude_ib")
@require_POST
def level_exclude(request: ActorRequest) -> HttpResponse:
    """Put an IB on the exclusion list."""
    form = ExcludeForm(request.POST, zone=current_broker().settlement_zone, now=timezone.now())
    if form.is_valid():
        try:
            exclude_ib(**form.cleaned_data, actor=request.actor, now=form.now)
        except DomainError as error:
            put_on_form(form, error)
        else:
            messages.success(request, _("%(ib)s is on the list.") % {"ib": form.cleaned_data["ib"].name})
            return redirect("backoffice:level_exclusions")
    return _exclusions(request, form, status=UNPROCESSABLE)


@requires("commissions.exclude_ib")
@require_POST
def level_exclusion_end(request: ActorRequest, pk: int) -> HttpResponse:
    """Take an IB from the exclusion list."""
    row = get_object_or_404(exclusions_visible_to(request.actor), pk=pk)
    end_exclusion(exclusion=row, actor=request.actor, now=timezone.now())
    messages.success(request, _("%(ib)s is no longer on the list.") % {"ib": row.ib.name})
    return redirect("backoffice:level_exclusions")


def _exclusions(request: ActorRequest, form: ExcludeForm, *, status: int = 200) -> HttpResponse:
    rows = exclusions_visible_to(request.actor).order_by("-active_from", "-pk")[:EXCLUSIONS_SHOWN]
    context = {"rows": list(rows), "form": form, "zone": current_broker().settlement_zone}
    return show(request, "levels/exclusions.html", context, nav="ladders", status=status)
