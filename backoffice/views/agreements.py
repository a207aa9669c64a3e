"""What is agreed with an IB from a moment on: its plan's end, its share, its rank, whether it is active."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from access.decorators import ActorRequest, requires
from backoffice.corrections import to_preview
from backoffice.forms.agreements import AgreementForm, EndForm
from backoffice.shell import UNPROCESSABLE, put_on_form, show
from commissions.staff import plan_assignments
from commissions.whatif.changes import AssignPlan, SetAgreement
from commissions.whatif.corrections import make_change
from core.errors import DomainError
from ib.queries import agreement_at, ibs_visible_to
from ib.queries.staff import agreements_of
from tenancy.context import current_broker


@requires("commissions.assign_plan")
@require_http_methods(["GET", "HEAD", "POST"])
def ib_plan_end(request: ActorRequest, pk: int) -> HttpResponse:
    """Let the IB be paid by no plan from a moment on."""
    ib = get_object_or_404(ibs_visible_to(request.actor), pk=pk)
    now, zone = timezone.now(), current_broker().settlement_zone
    form = EndForm(request.POST or None, zone=zone, now=now)
    if request.method == "POST" and form.is_valid():
        try:
            change = AssignPlan(ib.pk, None, form.cleaned_data["at"])
            correction = make_change(changes=[change], actor=request.actor, now=now)
        except DomainError as error:
            put_on_form(form, error)
        else:
            if correction is not None:
                return to_preview(request, correction)
            messages.success(request, _("The plan of %(ib)s ends as you said.") % {"ib": ib.name})
            return redirect("backoffice:ib", pk=ib.pk)
    context = {"ib": ib, "form": form, "assignments": plan_assignments(ib_id=ib.pk), "zone": zone}
    status = UNPROCESSABLE if request.method == "POST" else 200
    return show(request, "plans/end.html", context, nav="ibs", status=status)


@requires("ib.edit_agreement")
@require_http_methods(["GET", "HEAD", "POST"])
def ib_agreement(request: ActorRequest, pk: int) -> HttpResponse:
    """Change what is agreed with the IB from a moment on."""
    ib = get_object_or_404(ibs_visible_to(request.actor), pk=pk)
    now, zone = timezone.now(), current_broker().settlement_zone
    current = agreement_at(ib=ib, at=now)
    first = {"keep_percent": current.keep_percent, "rank": current.rank, "active": current.active}
    form = AgreementForm(request.POST or None, zone=zone, now=now, initial=first)
    if request.method == "POST" and form.is_valid():
        wanted = form.cleaned_data
        change = SetAgreement(ib.pk, wanted["keep_percent"], wanted["rank"], wanted["active"], wanted["at"])
        try:
            correction = make_change(changes=[change], reason=wanted["reason"], actor=request.actor, now=now)
        except DomainError as error:
            put_on_form(form, error)
        else:
            if correction is not None:
                return to_preview(request, correction)
            messages.success(request, _("The agreement with %(ib)s changes as you said.") % {"ib": ib.name})
            return redirect("backoffice:ib", pk=ib.pk)
    context = {"ib": ib, "form": form, "agreements": agreements_of(ib), "zone": zone}
    status = UNPROCESSABLE if request.method == "POST" else 200
    return show(request, "ibs/agreement.html", context, nav="ibs", status=status)
