"""Why this amount: one deal's calculation in steps, as text, as a table and as a file."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from access.decorators import ActorRequest, requires_ib
from commissions.calculation import Outcome
from commissions.earnings import RebateRow, bookings, find_rebate
from commissions.explaining import ExplainedMember, explain_deal
from core.money import from_e8
from ib.models import IB
from ui.exactness import plain_text
from ui.explanation import Line, lines, machine_readable


@dataclass(frozen=True, slots=True)
class Participant:
    """One IB of the chain, up to the one that looks: what it got and how."""

    level: int
    name: str
    is_own: bool
    outcome: Outcome
    amount: Decimal
    lines: list[Line]


@requires_ib
@require_safe
def why(request: ActorRequest, deal_id: int) -> HttpResponse:
    """Explain one deal to an IB of its chain; nobody above that IB is shown."""
    ib, row = _own_rebate(request, deal_id)
    chain = participants(ib, deal_id)
    own = next((each for each in chain if each.is_own), None)
    context = {
        "nav": "rebates",
        "ib": ib,
        "row": row,
        "own": own,
        "below": [each for each in chain if not each.is_own],
        "agrees": own is not None and own.amount == row.amount and own.outcome.verdict == row.verdict,
        "bookings": bookings(ib_id=ib.pk, deal_id=deal_id),
    }
    return render(request, "portal/rebates/why.html", context)


@requires_ib
@require_safe
def why_json(request: ActorRequest, deal_id: int) -> JsonResponse:
    """Send the same calculation as a file, figures as exact text."""
    ib, row = _own_rebate(request, deal_id)
    content = {
        "deal": {"ticket": row.ticket, "login": row.login, "symbol": row.symbol, "at": row.deal_at.isoformat()},
        "rebate": {"amount": plain_text(row.amount), "currency": row.currency, "verdict": row.verdict.code},
        "chain": [_as_json(each) for each in participants(ib, deal_id)],
    }
    name = f"rebate-{row.ticket}.json"
    return JsonResponse(content, headers={"Content-Disposition": f'attachment; filename="{name}"'})


def participants(ib: IB, deal_id: int) -> list[Participant]:
    """Return the chain from the direct IB up to this one; empty when it is not in the chain any more."""
    explained = explain_deal(deal_id=deal_id)
    members = _up_to(ib.pk, explained.members) if explained else []
    names = dict(IB.objects.filter(pk__in=[each.ib_id for each in members]).order_by().values_list("pk", "name"))
    return [
        Participant(
            level=each.outcome.level, name=names[each.ib_id], is_own=each.ib_id == ib.pk, outcome=each.outcome,
            amount=from_e8(each.outcome.amount_e8), lines=lines(each.outcome.steps),
        )
        for each in members
    ]  # fmt: skip


def _up_to(ib_id: int, members: Sequence[ExplainedMember]) -> list[ExplainedMember]:
    """Cut the chain above the IB that looks: what is above is not its own."""
    found = [each.ib_id for each in members]
    return list(members[: found.index(ib_id) + 1]) if ib_id in found else []


def _own_rebate(request: ActorRequest, deal_id: int) -> tuple[IB, RebateRow]:
    ib = get_object_or_404(IB, pk=request.actor.ib_id)
    row = find_rebate(ib_id=ib.pk, deal_id=deal_id)
    if row is None:
        raise Http404
    return ib, row


def _as_json(each: Participant) -> dict[str, Any]:
    return {
        "level": each.level,
        "partner": each.name,
        "verdict": each.outcome.verdict.code,
        "amount": plain_text(each.amount),
        "currency": each.outcome.currency,
        "steps": machine_readable(each.outcome.steps),
    }
