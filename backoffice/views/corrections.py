"""Corrections of judged deals: what waits and what was done, the preview, and the decision of a second person."""

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from access.decorators import ActorRequest, requires
from backoffice.correction_words import in_words, title_of
from backoffice.forms.approvals import DecisionForm
from backoffice.forms.corrections import LimitForm, ReasonForm
from backoffice.lists import newest_first
from backoffice.shell import UNPROCESSABLE, put_on_form, show
from commissions.enums import CorrectionState
from commissions.whatif.corrections import (
    apply_small_correction,
    ask_for_correction,
    correction_policy,
    decide_correction,
    drop_correction,
    is_waiting,
    may_make,
    may_preview,
    preview_again,
    set_correction_limit,
)
from commissions.whatif.models import Correction
from commissions.whatif.totals import (
    corrections_visible_to,
    currency_totals,
    month_totals,
    payee_totals,
    size_of,
)
from core.errors import DomainError
from tenancy.context import current_broker

PAYEES_SHOWN = 100
SIZE = 30


@requires("commissions.view_correction")
@require_safe
def correction_list(request: ActorRequest) -> HttpResponse:
    """List corrections, newest first, and the limit under which one person is enough."""
    return _list(request)


@requires("commissions.set_correction_limit")
@require_POST
def correction_limit(request: ActorRequest) -> HttpResponse:
    """Set the limit."""
    form = LimitForm(request.POST)
    if not form.is_valid():
        return _list(request, form=form, status=UNPROCESSABLE)
    set_correction_limit(**form.cleaned_data, actor=request.actor, now=timezone.now())
    messages.success(request, _("The limit holds from now on."))
    return redirect("backoffice:corrections")


def _list(request: ActorRequest, *, form: LimitForm | None = None, status: int = 200) -> HttpResponse:
    rows = corrections_visible_to(request.actor)
    page = newest_first(rows, time="proposed_at", before=request.GET.get("before", ""), size=SIZE)
    policy = correction_policy()
    first = {"amount": f"{policy.limit_amount:.2f}", "currency": policy.limit_currency}
    context = {
        "rows": [{"row": row, "title": title_of(row), "waits": is_waiting(row)} for row in page.rows],
        "page": page, "policy": policy, "form": form or LimitForm(initial=first),
    }  # fmt: skip
    return show(request, "corrections/list.html", context, nav="corrections", status=status)


@requires("commissions.view_correction")
@require_safe
def correction_page(request: ActorRequest, pk: int) -> HttpResponse:
    """Show what a correction would change: who gains, who loses, the totals; and who decides."""
    return _page(request, _find(request, pk))


@requires("commissions.view_correction")
@require_POST
def correction_ask(request: ActorRequest, pk: int) -> HttpResponse:
    """Ask a second person to decide."""

    def ask(correction: Correction, reason: str) -> None:
        ask_for_correction(correction=correction, reason=reason, actor=request.actor, now=timezone.now())
        messages.success(request, _("A second person has to decide now."))

    return _with_reason(request, pk, ask)


@requires("commissions.view_correction")
@require_POST
def correction_apply(request: ActorRequest, pk: int) -> HttpResponse:
    """Make a small correction alone."""

    def apply(correction: Correction, reason: str) -> None:
        apply_small_correction(correction=correction, reason=reason, actor=request.actor, now=timezone.now())
        messages.success(request, _("Made. The engine books the differences in the next round."))

    return _with_reason(request, pk, apply)


@requires("commissions.approve_correction")
@require_POST
def correction_decide(request: ActorRequest, pk: int) -> HttpResponse:
    """Decide as the second person, having seen the same preview."""
    correction = _find(request, pk)
    form = DecisionForm(request.POST)
    if not form.is_valid():
        return _page(request, correction, decision=form, status=UNPROCESSABLE)
    accept, reason = form.cleaned_data["decision"] == "approve", form.cleaned_data["reason"]
    try:
        decide_correction(correction=correction, accept=accept, reason=reason, actor=request.actor, now=timezone.now())
    except DomainError as error:
        put_on_form(form, error)
        return _page(request, _find(request, pk), decision=form, status=UNPROCESSABLE)
    done = _("Made. The engine books the differences in the next round.")
    messages.success(request, done if accept else _("Refused. Nothing was changed."))
    return redirect("backoffice:correction", pk=pk)


@requires("commissions.view_correction")
@require_POST
def correction_again(request: ActorRequest, pk: int) -> HttpResponse:
    """Compute the preview anew."""

    def again(correction: Correction) -> None:
        preview_again(correction=correction, actor=request.actor, now=timezone.now())

    return _plainly(request, pk, again)


@requires("commissions.view_correction")
@require_POST
def correction_drop(request: ActorRequest, pk: int) -> HttpResponse:
    """Give the correction up."""

    def drop(correction: Correction) -> None:
        drop_correction(correction=correction, actor=request.actor, now=timezone.now())
        messages.success(request, _("Dropped. Nothing was changed."))

    return _plainly(request, pk, drop)


def _with_reason(request: ActorRequest, pk: int, act: Callable[[Correction, str], None]) -> HttpResponse:
    correction = _find(request, pk)
    form = ReasonForm(request.POST)
    if form.is_valid():
        try:
            act(correction, form.cleaned_data["reason"])
        except DomainError as error:
            put_on_form(form, error)
        else:
            return redirect("backoffice:correction", pk=pk)
    return _page(request, _find(request, pk), reason=form, status=UNPROCESSABLE)


def _plainly(request: ActorRequest, pk: int, act: Callable[[Correction], None]) -> HttpResponse:
    try:
        act(_find(request, pk))
    except DomainError as error:
        form = ReasonForm({"reason": str(error)})
        put_on_form(form, error)
        return _page(request, _find(request, pk), reason=form, status=UNPROCESSABLE)
    return redirect("backoffice:correction", pk=pk)


def _find(request: ActorRequest, pk: int) -> Correction:
    return get_object_or_404(corrections_visible_to(request.actor), pk=pk)


def _page(
    request: ActorRequest,
    correction: Correction,
    *,
    reason: ReasonForm | None = None,
    decision: DecisionForm | None = None,
    status: int = 200,
) -> HttpResponse:
    """Render the preview with what its reader may do about it."""
    payees = payee_totals(correction)
    losing = [payee for payee in payees if payee.difference < 0]
    gaining = [payee for payee in reversed(payees) if payee.difference > 0]
    policy, size = correction_policy(), size_of(correction.pk, now=timezone.now())
    context = {
        "correction": correction, "changes": in_words(correction), "title": title_of(correction),
        "is_previewing": correction.state == CorrectionState.PREVIEWING,
        "is_ready": correction.state == CorrectionState.READY,
        "waits": is_waiting(correction), "is_own": correction.proposed_by_id == request.actor.user_id,
        "may_make": may_make(correction, request.actor), "may_preview": may_preview(correction, request.actor),
        "asked_self": is_waiting(correction) and correction.approval.requested_by_id == request.actor.user_id,
        "totals": currency_totals(payees), "months": month_totals(correction),
        "losing": losing[:PAYEES_SHOWN], "gaining": gaining[:PAYEES_SHOWN],
        "losing_count": len(losing), "gaining_count": len(gaining),
        "size": size, "policy": policy, "is_small": size is not None and size <= policy.limit_amount,
        "reason_form": reason or ReasonForm(initial={"reason": correction.reason}), "decision_form": decision,
        "zone": current_broker().settlement_zone,
    }  # fmt: skip
    return show(
        request, "corrections/page.html", context, nav="corrections", part="corrections/_preview.html", status=status
    )
