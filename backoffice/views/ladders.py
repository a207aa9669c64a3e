"""Ladders: their levels and rules, the preview of the running period, publishing, and a level by hand."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from access.decorators import ActorRequest, requires
from backoffice.forms.levels import (
    LadderForm,
    LevelCards,
    PlaceForm,
    RulesForm,
    first_cards,
    first_rules,
    put_ladder_faults,
    terms_from,
)
from backoffice.shell import UNPROCESSABLE, put_on_form, show
from commissions.levels.changes import place_ib
from commissions.levels.enums import CHANGES
from commissions.levels.errors import LadderInvalid
from commissions.levels.evaluation import queue_measuring
from commissions.levels.ladders import VersionInForce, create_ladder, publish_ladder_version, versions_in_force
from commissions.levels.models import Ladder, LevelProgress
from commissions.levels.periods import period_of
from commissions.levels.queries import (
    ladders_visible_to,
    level_choices,
    placed_counts,
    placements_of,
    preview_of,
    progress_visible_to,
    runs_visible_to,
    version_now,
)
from commissions.levels.types import LadderTerms, LevelTerms
from commissions.models import Plan
from core.errors import DomainError
from ib.models import IB
from ib.queries import ibs_visible_to
from tenancy.context import current_broker
from ui.level_words import asks

PREVIEW_SHOWN = 100
RUNS_SHOWN = 24
_FIRST = (LevelTerms(code="", name=""), LevelTerms(code="", name=""), LevelTerms(code="", name=""))


@requires("commissions.view_level")
@require_safe
def ladder_list(request: ActorRequest) -> HttpResponse:
    """List ladders with their rules in force."""
    today = _today()
    rows = [
        {"ladder": ladder, "version": version_now(ladder, today)}
        for ladder in ladders_visible_to(request.actor).order_by("code")
    ]
    return show(request, "levels/ladders.html", {"rows": rows}, nav="ladders")


@requires("commissions.edit_ladder")
@require_http_methods(["GET", "HEAD", "POST"])
def ladder_create(request: ActorRequest) -> HttpResponse:
    """Make a ladder; its first version is published next."""
    form = LadderForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            ladder = create_ladder(**form.cleaned_data, actor=request.actor, now=timezone.now())
        except DomainError as error:
            put_on_form(form, error)
        else:
            return redirect("backoffice:ladder_publish", pk=ladder.pk)
    status = UNPROCESSABLE if request.method == "POST" else 200
    return show(request, "levels/create.html", {"form": form}, nav="ladders", status=status)


@requires("commissions.view_level")
@require_safe
def ladder_page(request: ActorRequest, pk: int) -> HttpResponse:
    """Show the rules in force, what the running period would bring, and the evaluations."""
    ladder = get_object_or_404(ladders_visible_to(request.actor), pk=pk)
    now = timezone.now()
    versions = versions_in_force(ladder)
    shown = _chosen(versions, request.GET.get("version", ""), version_now(ladder, _today()))
    progress = progress_visible_to(request.actor).filter(version__ladder=ladder)
    runs = runs_visible_to(request.actor).filter(ladder=ladder).order_by("-first_date", "-revision")
    changes = progress.filter(outcome__in=CHANGES).order_by("outcome", "ib__code")
    context = {
        "ladder": ladder, "versions": versions[::-1], "shown": shown, "zone": current_broker().settlement_zone,
        "levels": _levels(shown, placed_counts(ladder, at=now)) if shown else [],
        "preview": preview_of(progress), "changes": _changes(changes[:PREVIEW_SHOWN], shown),
        "runs": list(runs[:RUNS_SHOWN]),
    }  # fmt: skip
    return show(request, "levels/ladder.html", context, nav="ladders")


def _changes(rows: Iterable[LevelProgress], shown: VersionInForce | None) -> list[dict[str, Any]]:
    """Return who would rise or fall, with the levels by name."""
    names = {level.code: level.name for level in shown.terms.levels} if shown else {}
    return [
        {
            "row": row,
            "before": names.get(row.level_code, row.level_code),
            "after": names.get(row.level_after, row.level_after),
        }
        for row in rows
    ]


def _levels(version: VersionInForce, placed: dict[str, int]) -> list[dict[str, Any]]:
    plans = Plan.objects.in_bulk([level.plan_id for level in version.terms.levels if level.plan_id])
    return [
        {"level": level, "asks": asks(level), "plan": plans.get(level.plan_id or 0), "ibs": placed.get(level.code, 0)}
        for level in version.terms.levels
    ]


def _chosen(versions: list[VersionInForce], wanted: str, otherwise: VersionInForce | None) -> VersionInForce | None:
    if not wanted:
        return otherwise
    found = next((version for version in versions if str(version.row.pk) == wanted), None)
    if found is None:
        raise Http404
    return found


@requires("commissions.edit_ladder")
@require_http_methods(["GET", "HEAD", "POST"])
def ladder_publish(request: ActorRequest, pk: int) -> HttpResponse:
    """Publish rules for the periods from a day on; the form begins with those in force."""
    ladder = get_object_or_404(ladders_visible_to(request.actor), pk=pk)
    bound = request.POST if request.method == "POST" else None
    before = version_now(ladder, _today())
    terms = before.terms if before else LadderTerms(levels=_FIRST, effective_date=_today(), demotion_after=1)
    initial = first_rules(terms) | {"effective_date": period_of(terms.period, _today()).end}
    form = RulesForm(bound, initial=initial)
    cards = LevelCards(bound, initial=first_cards(terms), prefix="levels")
    if bound is not None and _published(request, ladder, form, cards):
        messages.success(request, _("The rules are published. They evaluate the periods from their first day on."))
        return redirect("backoffice:ladder", pk=ladder.pk)
    status = UNPROCESSABLE if bound is not None else 200
    return show(request, "levels/publish.html", {"ladder": ladder, "form": form, "cards": cards}, nav="ladders",
                status=status)  # fmt: skip


def _published(request: ActorRequest, ladder: Ladder, form: RulesForm, cards: Any) -> bool:
    if not all([form.is_valid(), cards.is_valid()]):
        return False
    kept, terms = terms_from(form, cards)
    try:
        publish_ladder_version(ladder=ladder, terms=terms, actor=request.actor, now=timezone.now())
    except LadderInvalid as error:
        put_ladder_faults(error, kept, form)
        return False
    return True


@requires("commissions.view_level")
@require_POST
def ladder_measure(request: ActorRequest, pk: int) -> HttpResponse:
    """Have the running period measured now."""
    ladder = get_object_or_404(ladders_visible_to(request.actor), pk=pk)
    queue_measuring(ladder=ladder, now=timezone.now())
    messages.success(request, _("The running period is being measured. Reload this page in a moment."))
    return redirect("backoffice:ladder", pk=ladder.pk)


@requires("commissions.place_ib")
@require_http_methods(["GET", "HEAD", "POST"])
def ib_level(request: ActorRequest, pk: int) -> HttpResponse:
    """Show an IB's levels, and put it on one from a moment on."""
    ib = get_object_or_404(ibs_visible_to(request.actor), pk=pk)
    now, zone = timezone.now(), current_broker().settlement_zone
    form = PlaceForm(request.POST or None, zone=zone, now=now, levels=level_choices(_today()))
    if request.method == "POST" and form.is_valid():
        said = form.cleaned_data
        try:
            place_ib(
                ib=ib, ladder=said["ladder"], level_code=said["level"], at=said["at"], reason=said["reason"],
                actor=request.actor, now=now,
            )  # fmt: skip
        except DomainError as error:
            put_on_form(form, error)
        else:
            messages.success(request, _("The level of %(ib)s is set.") % {"ib": ib.name})
            return redirect("backoffice:ib", pk=ib.pk)
    context = {"ib": ib, "form": form, "placements": _placements(ib), "zone": zone}
    status = UNPROCESSABLE if request.method == "POST" else 200
    return show(request, "levels/place.html", context, nav="ibs", status=status)


def _placements(ib: IB) -> list[dict[str, Any]]:
    """Return an IB's levels with their names, as the rules in force call them."""
    names = dict(level_choices(_today()))
    return [{"row": row, "name": names.get(row.level_code, row.level_code)} for row in placements_of(ib)]


def _today() -> date:
    now: datetime = timezone.now()
    return now.astimezone(ZoneInfo(current_broker().settlement_zone)).date()
