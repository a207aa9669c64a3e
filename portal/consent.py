"""Terms for an IB to accept: its own side only, accepted with name, time, address and the document it was shown."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from access.decorators import ActorRequest, requires_ib
from commissions.consent.queries import Pending, acceptances_visible_to, pending_for
from commissions.consent.services import accept_version
from commissions.earnings import plan_in_force
from commissions.staff import read_terms
from core.errors import DomainError
from ib.models import IB
from ib.queries import agreement_at
from portal.forms import AcceptForm
from portal.plan import rate_lines
from tenancy.context import current_broker
from trading.queries import symbol_group_names
from ui.consent_document import consent_document
from ui.plan_difference import difference
from ui.plan_words import conditions

UNPROCESSABLE = 422


@requires_ib
@require_http_methods(["GET", "HEAD", "POST"])
def accept(request: ActorRequest, version_id: int) -> HttpResponse:
    """Show the terms that wait for this IB, and accept them."""
    now = timezone.now()
    ib = get_object_or_404(IB, pk=request.actor.ib_id)
    pending = next((each for each in pending_for(ib, at=now) if each.version.pk == version_id), None)
    if pending is None:
        raise Http404
    form = AcceptForm(request.POST or None, initial={"hash": pending.version.hash.hex})
    if request.method == "POST" and form.is_valid() and _accepted(request, ib, pending, form):
        return redirect("portal:plan")
    terms, in_force = read_terms(pending.version), plan_in_force(ib_id=ib.pk, at=now)
    context = {
        "nav": "plan", "ib": ib, "pending": pending, "form": form, "rates": rate_lines(terms.rates),
        "conditions": conditions(terms), "agreement": agreement_at(ib=ib, at=now),
        "zone": current_broker().settlement_zone,
        "difference": difference(in_force.terms, terms, symbol_group_names()) if in_force else None,
    }  # fmt: skip
    status = UNPROCESSABLE if request.method == "POST" else 200
    return render(request, "portal/partner/accept.html", context, status=status)


def _accepted(request: ActorRequest, ib: IB, pending: Pending, form: AcceptForm) -> bool:
    now, said = timezone.now(), form.cleaned_data
    proof = consent_document(
        broker=current_broker().name, ib=ib, pending=pending, terms=read_terms(pending.version),
        agreement=agreement_at(ib=ib, at=now), name=said["name"], actor=request.actor,
        zone=current_broker().settlement_zone, now=now, names=symbol_group_names(),
    )  # fmt: skip
    try:
        accept_version(
            ib=ib, version=pending.version, seen_hash=UUID(said["hash"]), name=said["name"], document=proof,
            actor=request.actor, now=now,
        )  # fmt: skip
    except DomainError as error:
        form.add_error(None, str(error))
        return False
    messages.success(request, _("You accepted the terms. The document stands below your plan."))
    return True


@requires_ib
@require_safe
def accepted_document(request: ActorRequest, acceptance_id: int) -> HttpResponse:
    """Send the document that this IB accepted."""
    acceptance = get_object_or_404(acceptances_visible_to(request.actor), pk=acceptance_id)
    return HttpResponse(
        bytes(acceptance.document), content_type="application/pdf",
        headers={"Content-Disposition": f'attachment; filename="terms-{acceptance.terms_hash.hex[:8]}.pdf"'},
    )  # fmt: skip
