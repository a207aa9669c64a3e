"""Why a deal was paid as it was: everybody of its chain, for staff; and the search from a ticket."""

from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_safe

from access.decorators import ActorRequest, requires
from backoffice.lists import read_text
from backoffice.shell import show
from commissions.explaining import DealWhy, why_deal
from commissions.impossible import impossible_deals
from commissions.tickets import find_ticket, read_ticket
from trading.completeness import completeness
from trading.enums import HoldReason
from ui.why import as_document, as_text, page_facts, sections

RIGHT = "commissions.view_rebate"


@requires(RIGHT)
@require_safe
def deal_why(request: ActorRequest, deal_id: int) -> HttpResponse:
    """Explain one deal for every payee."""
    found = _found(deal_id)
    context = {"sections": sections(found), "explained": page_facts(found)}
    return show(request, "why/page.html", context, nav="why")


@requires(RIGHT)
@require_safe
def deal_why_json(request: ActorRequest, deal_id: int) -> JsonResponse:  # noqa: ARG001 -- a view
    """Send the explanation as a file, figures as exact text."""
    found = _found(deal_id)
    name = f"why-{found.deal.ticket}.json"
    return JsonResponse(as_document(found), headers={"Content-Disposition": f'attachment; filename="{name}"'})


@requires(RIGHT)
@require_safe
def deal_why_text(request: ActorRequest, deal_id: int) -> HttpResponse:  # noqa: ARG001 -- a view
    """Send the explanation as plain text."""
    return HttpResponse(as_text(_found(deal_id)), content_type="text/plain; charset=utf-8")


@requires(RIGHT)
@require_safe
def impossible_list(request: ActorRequest) -> HttpResponse:
    """List the deals with an amount that cannot be booked, and say what to do."""
    return show(request, "why/impossible.html", {"deals": impossible_deals(actor=request.actor)}, nav="why")


@requires(RIGHT)
@require_safe
def why_find(request: ActorRequest) -> HttpResponse:
    """Find deals by a ticket; a single one is shown at once."""
    words = read_text(request.GET, "ticket", most=40)
    ticket = read_ticket(words)
    answer = None
    if ticket is not None:
        answer = find_ticket(ticket=ticket)
        if len(answer.deals) == 1 and not answer.held:
            return redirect("backoffice:deal_why", deal_id=answer.deals[0].deal.deal_id)
    held = [{"row": row, "reason": HoldReason(row.reason).label} for row in answer.held] if answer else []
    context = {"words": words, "answer": answer, "held": held, "completeness": completeness(timezone.now())}
    return show(request, "why/find.html", context, nav="why")


def _found(deal_id: int) -> DealWhy:
    found = why_deal(deal_id=deal_id)
    if found is None:
        raise Http404
    return found
