"""Consent: who accepted which terms with the proof, who has not yet, and what a plan asks for."""

from decimal import Decimal

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from access.decorators import ActorRequest, requires
from backoffice.forms.plans import PolicyForm
from backoffice.lists import latest
from backoffice.shell import UNPROCESSABLE, put_on_form, show
from commissions.consent.enums import Asking
from commissions.consent.models import PlanOffer
from commissions.consent.queries import acceptances_visible_to, open_offers, policy_of, without_acceptance
from commissions.consent.services import set_policy, withdraw_offer
from commissions.staff import plans_visible_to
from core.errors import DomainError
from tenancy.context import current_broker
from ui.numbers import exact_text

REMINDED = 100
PERCENTS = ("sub_percent_most", "client_percent_most")


@requires("commissions.view_acceptance")
@require_safe
def consent_list(request: ActorRequest) -> HttpResponse:
    """List who has not accepted the terms in force, the open offers, and the proofs, newest first."""
    now = timezone.now()
    waiting = without_acceptance(at=now)
    page = latest(acceptances_visible_to(request.actor), time="accepted_at", before=request.GET.get("before", ""))
    context = {
        "waiting": list(waiting.order_by("plan__code", "ib__code")[:REMINDED]), "waiting_count": waiting.count(),
        "offers": list(open_offers().order_by("offered_at", "pk")[:REMINDED]), "page": page,
        "zone": current_broker().settlement_zone,
    }  # fmt: skip
    return show(request, "consents/list.html", context, nav="consents")


@requires("commissions.view_acceptance")
@require_safe
def consent_document(request: ActorRequest, pk: int) -> HttpResponse:
    """Send the document that an IB accepted."""
    acceptance = get_object_or_404(acceptances_visible_to(request.actor), pk=pk)
    name = f"terms-{acceptance.ib.code}-{acceptance.terms_hash.hex[:8]}.pdf"
    return HttpResponse(
        bytes(acceptance.document), content_type="application/pdf",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )  # fmt: skip


@requires("commissions.assign_plan")
@require_POST
def offer_withdraw(request: ActorRequest, pk: int) -> HttpResponse:
    """Take an offer back."""
    offer = get_object_or_404(PlanOffer, pk=pk)
    try:
        withdraw_offer(offer=offer, actor=request.actor, now=timezone.now())
    except DomainError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("The offer is withdrawn."))
    return redirect("backoffice:ib", pk=offer.ib_id)


def _percent(value: Decimal | None) -> str:
    return "" if value is None else exact_text(value, 0)


@requires("commissions.edit_plan")
@require_http_methods(["GET", "HEAD", "POST"])
def plan_policy(request: ActorRequest, pk: int) -> HttpResponse:
    """Say what the plan's IBs are asked for and what they may pass on."""
    plan = get_object_or_404(plans_visible_to(request.actor), pk=pk)
    policy = policy_of(plan)
    first = {"asking": policy.asking} | {name: _percent(getattr(policy, name)) for name in PERCENTS}
    form = PolicyForm(request.POST or None, initial=first)
    if request.method == "POST" and form.is_valid():
        wanted = form.cleaned_data
        try:
            set_policy(
                plan=plan, asking=Asking(wanted["asking"]), sub_percent_most=wanted["sub_percent_most"],
                client_percent_most=wanted["client_percent_most"], actor=request.actor, now=timezone.now(),
            )  # fmt: skip
        except DomainError as error:
            put_on_form(form, error)
        else:
            messages.success(request, _("This holds for %(plan)s from now on.") % {"plan": plan.name})
            return redirect("backoffice:plan", pk=plan.pk)
    status = UNPROCESSABLE if request.method == "POST" else 200
    return show(request, "plans/policy.html", {"plan": plan, "form": form}, nav="plans", status=status)
