"""Rules of settlement for the whole broker: common terms, who has other ones, and payouts that take two people."""

from datetime import date, datetime
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from access.decorators import ActorRequest, requires
from backoffice.forms.statements import CommonTermsForm, PayoutLimitForm
from backoffice.shell import UNPROCESSABLE, put_on_form, show
from commissions.enums import PayeeKind
from commissions.models import Payee
from commissions.settlement.days import settlement_day
from commissions.settlement.enums import Cycle
from commissions.settlement.pages import common_terms, own_terms
from commissions.settlement.terms import TermsInForce, payout_limits, set_payout_limit, set_terms, terms_in_force
from core.errors import DomainError
from tenancy.context import current_broker

OWN_SHOWN = 50


@requires("commissions.view_statement")
@require_safe
def settlement_rules(request: ActorRequest) -> HttpResponse:
    """Show the common terms of IBs and of clients, IBs with terms of their own, and the limits of payouts."""
    return _page(request, timezone.now())


@requires("commissions.edit_settlement_terms")
@require_POST
def common_terms_set(request: ActorRequest, kind: str) -> HttpResponse:
    """Set the common terms of IBs or of clients from a day on."""
    if kind not in PayeeKind.values:
        raise Http404
    now, form = timezone.now(), CommonTermsForm(request.POST, prefix=kind)
    if form.is_valid():
        wanted = form.cleaned_data | {"cycle": Cycle(form.cleaned_data["cycle"])}
        try:
            set_terms(ib=None, kind=PayeeKind(kind), **wanted, actor=request.actor, now=now)
        except DomainError as error:
            put_on_form(form, error)
        else:
            messages.success(request, _("The common terms hold from that day on."))
            return redirect("backoffice:settlement_rules")
    return _page(request, now, forms={kind: form}, status=UNPROCESSABLE)


@requires("commissions.edit_payout_limit")
@require_POST
def payout_limit_set(request: ActorRequest) -> HttpResponse:
    """Set, or with an empty amount remove, the amount from which on a statement takes two people."""
    now, form = timezone.now(), PayoutLimitForm(request.POST)
    if form.is_valid():
        try:
            set_payout_limit(**form.cleaned_data, actor=request.actor, now=now)
        except DomainError as error:
            put_on_form(form, error)
        else:
            messages.success(request, _("The limit holds from now on."))
            return redirect("backoffice:settlement_rules")
    return _page(request, now, limit_form=form, status=UNPROCESSABLE)


def _page(
    request: ActorRequest, now: datetime, *, forms: dict[str, CommonTermsForm] | None = None,
    limit_form: PayoutLimitForm | None = None, status: int = 200,
) -> HttpResponse:  # fmt: skip
    today = settlement_day(now)
    own = own_terms(day=today)
    context = {
        "kinds": [_kind(kind, today, (forms or {}).get(kind)) for kind in PayeeKind], "today": today,
        "limits": sorted(payout_limits().items()), "limit_form": limit_form or PayoutLimitForm(),
        "own": list(own[:OWN_SHOWN]), "own_count": own.count(), "zone": current_broker().settlement_zone,
    }  # fmt: skip
    return show(request, "statements/rules.html", context, nav="settlement_rules", status=status)


def _kind(kind: PayeeKind, today: date, form: CommonTermsForm | None) -> dict[str, Any]:
    """Return the terms in force for those of a kind without their own, the history, and the form for new ones."""
    current: TermsInForce = terms_in_force(payees=[Payee(pk=0, kind=kind)], day=today)[0]
    first = {
        "effective_day": today, "cycle": current.cycle, "minimum": f"{current.minimum.normalize():f}",
        "needs_review": current.needs_review, "is_held": current.is_held,
    }  # fmt: skip
    return {
        "kind": kind, "title": _("IBs without own terms") if kind == PayeeKind.IB else _("Clients who share rebates"),
        "current": current, "terms": common_terms(kind)[:10],
        "form": form or CommonTermsForm(initial=first, prefix=kind),
    }  # fmt: skip
