"""The rebate plan that an IB is paid by, as its version in force says."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from access.decorators import ActorRequest, requires_ib
from commissions.consent.queries import acceptances_visible_to, pending_for
from commissions.earnings import plan_in_force
from commissions.terms import Rate
from ib.models import IB
from ib.queries import agreement_at
from trading.queries import symbol_group_names
from ui.explanation import rate_levels, rate_scope, rate_text
from ui.plan_words import conditions


@dataclass(frozen=True, slots=True)
class RateLine:
    """One rate row in words."""

    scope: str
    rate: str
    levels: str


@requires_ib
@require_safe
def plan(request: ActorRequest) -> HttpResponse:
    """Show the rates and conditions of the version in force, with its hash."""
    now = timezone.now()
    ib = get_object_or_404(IB, pk=request.actor.ib_id)
    in_force = plan_in_force(ib_id=ib.pk, at=now)
    context = {"nav": "plan", "ib": ib, "plan": in_force, "agreement": agreement_at(ib=ib, at=now)}
    context |= {
        "pending": pending_for(ib, at=now), "acceptances": acceptances_visible_to(request.actor).order_by("-pk")[:20],
    }  # fmt: skip
    if in_force:
        context |= {"rates": rate_lines(in_force.terms.rates), "conditions": conditions(in_force.terms)}
    return render(request, "portal/partner/plan.html", context)


def rate_lines(rates: Iterable[Rate]) -> list[RateLine]:
    """Return the rows in words, in the plan's order."""
    names = symbol_group_names()
    return [RateLine(rate_scope(rate, names), rate_text(rate), rate_levels(rate)) for rate in rates]
