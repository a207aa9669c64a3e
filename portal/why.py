"""Why this amount, or why nothing: one deal as its IB may see it, as a page, as text and as a file."""

from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from access.decorators import ActorRequest, requires_client, requires_ib
from commissions.explaining import DealWhy, why_deal
from commissions.tickets import find_ticket_of_ib, read_ticket
from ib.models import IB
from trading.completeness import completeness
from ui.why import as_document, as_text, page_facts, sections

TEXT = "text/plain; charset=utf-8"


@requires_ib
@require_safe
def why(request: ActorRequest, deal_id: int) -> HttpResponse:
    """Explain one deal to an IB of its chain; nobody above that IB is shown."""
    ib = get_object_or_404(IB, pk=request.actor.ib_id)
    found = _of_ib(request, deal_id)
    parts = sections(found)
    own = next(part for part in parts if part.payee.ib_id == ib.pk)
    context = {
        "nav": "rebates",
        "ib": ib,
        "own": own,
        "below": [part for part in parts if part is not own],
        "explained": page_facts(found),
    }
    return render(request, "portal/rebates/why.html", context)


@requires_ib
@require_safe
def why_json(request: ActorRequest, deal_id: int) -> JsonResponse:
    """Send the same explanation as a file, figures as exact text."""
    return as_file(_of_ib(request, deal_id))


@requires_ib
@require_safe
def why_text(request: ActorRequest, deal_id: int) -> HttpResponse:
    """Send the same explanation as plain text."""
    return HttpResponse(as_text(_of_ib(request, deal_id)), content_type=TEXT)


@requires_ib
@require_safe
def why_find(request: ActorRequest) -> HttpResponse:
    """Find a deal of the network by its ticket; a single one is shown at once."""
    words = request.GET.get("ticket", "").replace("\x00", "").strip()[:40]
    ticket = read_ticket(words)
    answer = None
    if ticket is not None:
        answer = find_ticket_of_ib(ticket=ticket, ib_id=request.actor.ib_id or 0, now=timezone.now())
        if len(answer.deals) == 1 and not answer.held:
            return redirect("portal:why", deal_id=answer.deals[0].deal.deal_id)
    context = {"nav": "rebates", "words": words, "answer": answer, "completeness": completeness(timezone.now())}
    return render(request, "portal/rebates/find.html", context)


@requires_client
@require_safe
def own_share(request: ActorRequest, deal_id: int) -> HttpResponse:
    """Explain to a client its own share of the rebate on its deal, and nothing of anybody else."""
    found = _of_client(request, deal_id)
    context = {"nav": "accounts", "part": sections(found)[0], "explained": page_facts(found)}
    return render(request, "portal/accounts/share.html", context)


@requires_client
@require_safe
def own_share_json(request: ActorRequest, deal_id: int) -> JsonResponse:
    """Send the client's explanation as a file."""
    return as_file(_of_client(request, deal_id))


@requires_client
@require_safe
def own_share_text(request: ActorRequest, deal_id: int) -> HttpResponse:
    """Send the client's explanation as plain text."""
    return HttpResponse(as_text(_of_client(request, deal_id)), content_type=TEXT)


def as_file(found: DealWhy) -> JsonResponse:
    """Return the explanation as a JSON download."""
    name = f"why-{found.deal.ticket}.json"
    return JsonResponse(as_document(found), headers={"Content-Disposition": f'attachment; filename="{name}"'})


def _of_ib(request: ActorRequest, deal_id: int) -> DealWhy:
    found = why_deal(deal_id=deal_id)
    own = found.seen_by_ib(request.actor.ib_id or 0) if found else None
    if own is None:
        raise Http404
    return own


def _of_client(request: ActorRequest, deal_id: int) -> DealWhy:
    found = why_deal(deal_id=deal_id)
    own = found.seen_by_client(request.actor.client_id or 0) if found else None
    if own is None:
        raise Http404
    return own
