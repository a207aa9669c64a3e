"""Rebate plans: the list, a plan in words and as a grid, giving a plan to an IB."""

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from access.decorators import ActorRequest, requires
from backoffice.corrections import to_preview
from backoffice.forms.drafts import pretty
from backoffice.forms.plans import AssignForm, PlanForm
from backoffice.rate_grid import rate_grid
from backoffice.shell import UNPROCESSABLE, put_on_form, show
from commissions.consent.enums import Asking
from commissions.consent.queries import policy_of
from commissions.consent.services import offer_plan
from commissions.services import create_plan
from commissions.staff import VersionInWords, plan_assignments, plan_users, plan_versions, plans_visible_to, with_use
from commissions.whatif.changes import AssignPlan
from commissions.whatif.corrections import make_change
from core.errors import DomainError
from ib.models import IB
from ib.queries import ibs_visible_to
from tenancy.context import current_broker
from trading.queries import symbol_group_names
from ui.plan_difference import difference
from ui.plan_words import conditions

USERS_SHOWN = 100


@requires("commissions.view_plan")
@require_safe
def plan_list(request: ActorRequest) -> HttpResponse:
    """List plans with how many IBs each pays now."""
    rows = with_use(plans_visible_to(request.actor), at=timezone.now()).order_by("code")
    return show(request, "plans/list.html", {"rows": list(rows), "zone": _zone()}, nav="plans")


@requires("commissions.edit_plan")
@require_http_methods(["GET", "HEAD", "POST"])
def plan_create(request: ActorRequest) -> HttpResponse:
    """Make a plan; its first version is published next."""
    form = PlanForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            plan = create_plan(**form.cleaned_data, actor=request.actor, now=timezone.now())
        except DomainError as error:
            put_on_form(form, error)
        else:
            return redirect("backoffice:plan_publish", pk=plan.pk)
    status = UNPROCESSABLE if request.method == "POST" else 200
    return show(request, "plans/create.html", {"form": form}, nav="plans", status=status)


@requires("commissions.view_plan")
@require_safe
def plan_page(request: ActorRequest, pk: int) -> HttpResponse:
    """Show a plan's versions, and one of them in words: the one asked for, else the one in force."""
    plan = get_object_or_404(plans_visible_to(request.actor), pk=pk)
    now = timezone.now()
    versions = plan_versions(plan, at=now)
    users = plan_users(plan, at=now)
    context = {
        "plan": plan, "versions": versions, "zone": _zone(),
        "users": list(users[:USERS_SHOWN]), "user_count": users.count(),
    }  # fmt: skip
    shown = _chosen(versions, request.GET.get("version", ""))
    if shown:
        context |= {
            "grid": rate_grid(shown.terms, symbol_group_names()),
            "conditions": conditions(shown.terms),
            "json": pretty(shown.row.terms),
        }
    return show(request, "plans/page.html", {**context, "shown": shown}, nav="plans")


@requires("commissions.view_plan")
@require_safe
def plan_difference(request: ActorRequest, pk: int) -> HttpResponse:
    """Compare two versions row by row: those asked for, else the one in force with the one before it.

    The first version has none before it: it is compared with the one that follows, where there is one."""
    plan = get_object_or_404(plans_visible_to(request.actor), pk=pk)
    versions = plan_versions(plan, at=timezone.now())
    if not versions:
        raise Http404
    after = _chosen(versions, request.GET.get("after", ""))
    place = next((at for at, version in enumerate(versions) if version == after), 0)
    if request.GET.get("before"):
        before = _chosen(versions, request.GET["before"])
    elif place + 1 < len(versions):
        before = versions[place + 1]
    else:
        before, after = after, versions[max(place - 1, 0)]
    context = {"plan": plan, "versions": versions, "before": before, "after": after, "zone": _zone()}
    if before and after:
        context["difference"] = difference(before.terms, after.terms, symbol_group_names())
    return show(request, "plans/difference.html", context, nav="plans")


def _chosen(versions: list[VersionInWords], wanted: str) -> VersionInWords | None:
    if wanted:
        for version in versions:
            if str(version.row.pk) == wanted:
                return version
        raise Http404
    return next((version for version in versions if version.is_in_force), versions[0] if versions else None)


@requires("commissions.assign_plan")
@require_http_methods(["GET", "HEAD", "POST"])
def ib_plan(request: ActorRequest, pk: int) -> HttpResponse:
    """Pay the IB by a plan from a moment on."""
    ib = get_object_or_404(ibs_visible_to(request.actor), pk=pk)
    now = timezone.now()
    form = AssignForm(request.POST or None, zone=_zone(), now=now, initial={"plan": request.GET.get("plan", "")})
    if request.method == "POST" and form.is_valid():
        wanted = form.cleaned_data
        try:
            done = _assigned(request, ib, wanted, now)
        except DomainError as error:
            put_on_form(form, error)
        else:
            return done
    context = {"ib": ib, "form": form, "assignments": plan_assignments(ib_id=ib.pk), "zone": _zone()}
    status = UNPROCESSABLE if request.method == "POST" else 200
    return show(request, "plans/assign.html", context, nav="ibs", status=status)


def _assigned(request: ActorRequest, ib: IB, wanted: dict[str, Any], now: datetime) -> HttpResponse:
    """Assign the plan, or offer it where it begins with the IB's acceptance; go where the result stands."""
    plan, at = wanted["plan"], wanted["at"]
    sentence = _("%(ib)s is paid by %(plan)s.")
    if wanted["from_acceptance"] or policy_of(plan).asking == Asking.REQUIRED:
        offer_plan(ib=ib, plan=plan, not_before=at, actor=request.actor, now=now)
        sentence = _("%(plan)s is offered to %(ib)s. It begins with its acceptance.")
    else:
        correction = make_change(changes=[AssignPlan(ib.pk, plan.pk, at)], actor=request.actor, now=now)
        if correction is not None:
            return to_preview(request, correction)
    messages.success(request, sentence % {"ib": ib.name, "plan": plan.name})
    return redirect("backoffice:ib", pk=ib.pk)


def _zone() -> str:
    return current_broker().settlement_zone
