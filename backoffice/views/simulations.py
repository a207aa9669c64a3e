"""The plan simulator: choose terms, IBs and months, watch it run, read what a lot costs against what it brings."""

import csv
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from access.decorators import ActorRequest, requires
from backoffice import simulation_figures as figures
from backoffice.forms.drafts import Reading
from backoffice.forms.simulations import SimulationForm
from backoffice.lists import newest_first
from backoffice.shell import UNPROCESSABLE, put_on_form, show
from commissions.drafts import find_draft
from commissions.enums import SimulationScope, SimulationState
from commissions.models import Plan
from commissions.staff import plan_versions, plans_visible_to
from commissions.terms import terms_as_dict
from commissions.whatif.models import Simulation
from commissions.whatif.simulations import start_simulation, stop_simulation
from core.errors import DomainError
from tenancy.context import current_broker

SIZE = 30
DRAFT = "draft"


class _Line:
    """What csv.writer writes to: hands each line on."""

    def write(self, text: str) -> str:
        return text


@requires("commissions.simulate_plan")
@require_safe
def simulation_list(request: ActorRequest) -> HttpResponse:
    """List simulations, newest first."""
    rows = Simulation.objects.select_related("plan", "ib", "asked_by")
    page = newest_first(rows, time="asked_at", before=request.GET.get("before", ""), size=SIZE)
    return show(request, "simulations/list.html", {"page": page}, nav="simulations")


@requires("commissions.simulate_plan")
@require_http_methods(["GET", "HEAD", "POST"])
def simulation_start(request: ActorRequest, pk: int) -> HttpResponse:
    """Ask what to replay under a plan's terms, and start it."""
    plan = get_object_or_404(plans_visible_to(request.actor), pk=pk)
    now = timezone.now()
    terms = _terms_to_choose(request, plan, now)
    form = SimulationForm([(key, label) for key, (label, _terms) in terms.items()], request.POST or None)
    if request.method == "POST" and form.is_valid():
        wanted = form.cleaned_data
        first, last = _days(wanted["months"], now)
        try:
            simulation = start_simulation(
                plan=plan, terms=terms[wanted["source"]][1], scope=SimulationScope(wanted["scope"]), ib=wanted["ib"],
                first_day=first, last_day=last, include_swap=wanted["include_swap"], actor=request.actor, now=now,
            )  # fmt: skip
        except DomainError as error:
            put_on_form(form, error)
        else:
            return redirect("backoffice:simulation", pk=simulation.pk)
    status = UNPROCESSABLE if request.method == "POST" else 200
    return show(request, "simulations/start.html", {"plan": plan, "form": form}, nav="simulations", status=status)


def _terms_to_choose(request: ActorRequest, plan: Plan, now: datetime) -> dict[str, tuple[str, dict[str, Any]]]:
    """Return {value: (label, terms)}: the reader's own draft when it can be read, then the plan's versions."""
    zone, found = current_broker().settlement_zone, {}
    draft = find_draft(plan=plan, actor=request.actor)
    terms = Reading(draft.typed, zone=zone, now=now).terms if draft else None
    if terms is not None:
        found[DRAFT] = (_("My draft of the next version"), terms_as_dict(terms))
    for version in plan_versions(plan, at=now):
        since = f"{version.row.effective_from.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M}"
        found[str(version.row.pk)] = (_("Version from %(moment)s") % {"moment": since}, dict(version.row.terms))
    return found


def _days(months: int, now: datetime) -> tuple[date, date]:
    """Return the first and the last day of so many months up to today, in the settlement zone."""
    today = now.astimezone(ZoneInfo(current_broker().settlement_zone)).date()
    month = today.year * 12 + today.month - 1 - months
    start = date(month // 12, month % 12 + 1, 1)
    return min(start + timedelta(days=today.day), date(today.year, today.month, today.day)), today


@requires("commissions.simulate_plan")
@require_safe
def simulation_page(request: ActorRequest, pk: int) -> HttpResponse:
    """Show how far a simulation is, then what it found."""
    simulation = get_object_or_404(Simulation.objects.select_related("plan", "ib", "asked_by"), pk=pk)
    context: dict[str, Any] = {
        "simulation": simulation, "days": (simulation.last_day - simulation.first_day).days + 1,
        "is_running": simulation.state == SimulationState.RUNNING, "zone": current_broker().settlement_zone,
        "found": _found(simulation) if simulation.state == SimulationState.DONE else None,
    }  # fmt: skip
    return show(request, "simulations/page.html", context, nav="simulations", part="simulations/_result.html")


def _found(simulation: Simulation) -> dict[str, Any]:
    cells = figures.cells_of(simulation.result)
    groups, payees = figures.by_symbol_group(cells), figures.payees_of(simulation.result)
    return {
        "total": figures.total_of(cells), "cells": cells, "groups": groups, "chart": figures.chart(groups),
        "losing": [cell for cell in cells if cell.loses], "payees": payees[: figures.PAYEES_SHOWN],
        "payee_count": len(payees), "worst": figures.worst_chain(simulation),
        "unconverted": figures.unconverted(simulation.result),
    }  # fmt: skip


@requires("commissions.simulate_plan")
@require_POST
def simulation_stop(request: ActorRequest, pk: int) -> HttpResponse:
    """Stop a simulation that runs."""
    stop_simulation(simulation=get_object_or_404(Simulation, pk=pk), actor=request.actor, now=timezone.now())
    return redirect("backoffice:simulation", pk=pk)


@requires("commissions.simulate_plan")
@require_safe
def simulation_csv(request: ActorRequest, pk: int) -> HttpResponse:  # noqa: ARG001 -- every view takes it
    """Send the result as a file: the cells, then the payees; all of it read while the broker is in force."""
    simulation = get_object_or_404(Simulation, pk=pk)
    if simulation.state != SimulationState.DONE:
        raise Http404
    writer = csv.writer(_Line())
    lines = [writer.writerow([_plain(value) for value in row]) for row in figures.csv_rows(simulation)]
    answer = HttpResponse("\ufeff" + "".join(lines), content_type="text/csv; charset=utf-8")
    answer.headers["Content-Disposition"] = f'attachment; filename="simulation-{simulation.pk}.csv"'
    return answer


def _plain(value: str) -> str:
    """Keep a spreadsheet from reading a name as a formula; negative numbers stay numbers."""
    is_number = value.replace(".", "", 1).removeprefix("-").isdigit()
    return f"'{value}" if value[:1] in "=+-@" and value and not is_number else value
