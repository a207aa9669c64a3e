"""Currency rates: what is in force, what deals wait for, and a late rate published by hand with its preview."""

from django.contrib import messages
from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from access.decorators import ActorRequest, requires
from backoffice.corrections import to_preview
from backoffice.forms.rates import RateFilter, RateForm
from backoffice.lists import newest_first, read_text
from backoffice.shell import UNPROCESSABLE, put_on_form, show
from commissions.waits import rate_waits
from commissions.whatif.changes import PublishRate
from commissions.whatif.corrections import make_change
from core.errors import DomainError
from tenancy.context import current_broker
from trading.rates import newest_rates, rates_visible_to

SIZE = 30


@requires("trading.view_rate")
@require_safe
def rate_list(request: ActorRequest) -> HttpResponse:
    """List the rates in force, the currencies that deals wait for, and what was published."""
    return _list(request, None)


@requires("trading.publish_rate")
@require_POST
def rate_publish(request: ActorRequest) -> HttpResponse:
    """Publish a rate; when deals waited for it, its preview comes first."""
    now = timezone.now()
    form = RateForm(request.POST, zone=current_broker().settlement_zone)
    if not form.is_valid():
        return _list(request, form, status=UNPROCESSABLE)
    wanted = form.cleaned_data
    change = PublishRate(wanted["base"], wanted["quote"], wanted["rate"], wanted["at"] or now)
    try:
        correction = make_change(changes=[change], reason=wanted["reason"], actor=request.actor, now=now)
    except DomainError as error:
        put_on_form(form, error)
        return _list(request, form, status=UNPROCESSABLE)
    if correction is not None:
        return to_preview(request, correction)
    messages.success(request, _("The rate of %(pair)s holds.") % {"pair": f"{change.base}{change.quote}"})
    return redirect("backoffice:rates")


def _list(request: ActorRequest, form: RateForm | None, *, status: int = 200) -> HttpResponse:
    rows, now, zone = rates_visible_to(request.actor), timezone.now(), current_broker().settlement_zone
    narrowed = RateFilter(request.GET)
    currency = narrowed.cleaned_data["currency"].upper() if narrowed.is_valid() else ""
    if currency:
        rows = rows.filter(Q(base=currency) | Q(quote=currency))
    waits = rate_waits()
    first = {"base": waits[0].currency, "quote": "USD", "at": waits[0].first_at} if waits else {"quote": "USD"}
    context = {
        "form": form or RateForm(initial=first, zone=zone), "currency": currency, "waits": waits, "zone": zone,
        "in_force": newest_rates(rows, at=now),
        "page": newest_first(rows, time="at", before=read_text(request.GET, "before", most=60), size=SIZE),
    }  # fmt: skip
    return show(request, "rates/list.html", context, nav="rates", status=status)
