"""What an IB passes on: shares of those directly below it and of its own clients, with what is left for itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from access.decorators import ActorRequest, requires_ib
from commissions.delegation.deriving import Key, key_of
from commissions.delegation.enums import Receiver
from commissions.delegation.queries import (
    Margin,
    Paying,
    client_margins,
    derived_of,
    is_brokers,
    last_number,
    margins,
    most_for_clients,
    most_for_sub,
    paying_at,
    receiver_of,
)
from commissions.delegation.services import set_client_share, set_sub_share
from core.errors import DomainError
from ib.models import IB
from ib.queries import agreement_at, children, ibs_visible_to
from portal.forms import ClientShareForm, SubShareForm
from trading.queries import symbol_group_names
from ui.explanation import Names, part_of_rate_text, rate_scope, rate_text
from ui.numbers import exact_text

UNPROCESSABLE = 422
SHOWN = 200


@dataclass(frozen=True, slots=True)
class MarginLine:
    """One rate in words: what is the giver's own, what goes on, what is left."""

    scope: str
    own: str
    percent: str
    given: str
    kept: str


@requires_ib
@require_http_methods(["GET", "HEAD", "POST"])
def sharing(request: ActorRequest) -> HttpResponse:
    """List the IBs directly below; show and set what the own clients get."""
    now = timezone.now()
    giver = get_object_or_404(IB, pk=request.actor.ib_id)
    paying = paying_at(giver, at=now)
    most = most_for_clients(paying) if paying else None
    current = paying.terms.client_rebate_percent if paying else None
    number = last_number(giver=giver, receiver=Receiver.CLIENTS, ib=None)
    form = ClientShareForm(
        request.POST or None, most=most, initial={"percent": exact_text(current or Decimal(0), 0), "seen": number}
    )
    if request.method == "POST" and form.is_valid() and _clients_saved(request, giver, form, now):
        return redirect("portal:sharing")
    page = children(ib_id=giver.pk, at=now, limit=SHOWN)
    context = {
        "nav": "sharing", "ib": giver, "paying": paying, "form": form, "most_clients": most,
        "most_sub": most_for_sub(paying) if paying and receiver_of(paying) else None,
        "margins": _lines(client_margins(giver=giver, at=now), symbol_group_names()),
        "below": page.rows, "below_count": page.total,
    }  # fmt: skip
    return render(
        request, "portal/partner/sharing.html", context, status=UNPROCESSABLE if request.method == "POST" else 200
    )


def _clients_saved(request: ActorRequest, giver: IB, form: ClientShareForm, now: datetime) -> bool:
    said = form.cleaned_data
    try:
        set_client_share(giver=giver, percent=said["percent"], seen=said["seen"], actor=request.actor, now=now)
    except DomainError as error:
        form.add_error(error.field if error.field in form.fields else None, str(error))
        return False
    messages.success(request, _("Your clients get this share from now on."))
    return True


@requires_ib
@require_http_methods(["GET", "HEAD", "POST"])
def sub_share(request: ActorRequest, ib_id: int) -> HttpResponse:
    """Show and set what an IB directly below gets of the own rates."""
    now = timezone.now()
    giver = get_object_or_404(IB, pk=request.actor.ib_id)
    child = get_object_or_404(ibs_visible_to(request.actor).filter(parent=giver), pk=ib_id)
    paying = paying_at(giver, at=now)
    receiver = receiver_of(paying) if paying else None
    most = most_for_sub(paying) if paying else None
    shown = margins(giver=giver, child=child, at=now)
    first, seen = _current(giver, child, receiver, now)
    by_row = receiver is Receiver.RATES
    names = symbol_group_names()
    own = [(rate_scope(m.rate, names), None if m.percent == first else m.percent) for m in shown if by_row]
    initial = {"percent": exact_text(first, 0), "seen": seen}
    form = SubShareForm(request.POST or None, most=most, rates=own, initial=initial)
    if request.method == "POST" and form.is_valid() and paying and _sub_saved(request, child, paying, form, now):
        return redirect("portal:sub_share", ib_id=child.pk)
    context = {
        "nav": "sharing", "ib": giver, "child": child, "form": form, "most": most, "receiver": receiver,
        "rows": list(zip(_lines(shown, names), form.row_boxes() or [None] * len(shown), strict=True)),
        "is_brokers": by_row and is_brokers(child, at=now),
    }  # fmt: skip
    return render(
        request, "portal/partner/sub_share.html", context, status=UNPROCESSABLE if request.method == "POST" else 200
    )


def _current(giver: IB, child: IB, receiver: Receiver | None, now: datetime) -> tuple[Decimal, int]:
    """Return the share that holds where no row says otherwise, and the number of the decision."""
    if receiver is None:
        return Decimal(0), 0
    number = last_number(giver=giver, receiver=receiver, ib=child)
    if receiver is Receiver.SPLIT:
        keeps = agreement_at(ib=child, at=now).keep_percent
        return (Decimal(100) if keeps is None else keeps), number
    derived = derived_of(child)
    own = derived if derived and derived.giver_id == giver.pk else None
    return (own.percent if own else Decimal(0)), number


def _sub_saved(request: ActorRequest, child: IB, paying: Paying, form: SubShareForm, now: datetime) -> bool:
    said = form.cleaned_data
    giver = get_object_or_404(IB, pk=request.actor.ib_id)
    try:
        set_sub_share(
            giver=giver, child=child, percent=said["percent"], rows=_rows(paying, form), seen=said["seen"],
            actor=request.actor, now=now,
        )  # fmt: skip
    except DomainError as error:
        form.add_error(error.field if error.field in form.fields else None, str(error))
        return False
    messages.success(request, _("%(ib)s gets this share from now on.") % {"ib": child.name})
    return True


def _rows(paying: Paying, form: SubShareForm) -> Mapping[Key, Decimal]:
    """Return the rows whose share differs from the one for all."""
    percents = form.row_percents()
    found = zip(paying.terms.rates, percents, strict=False)
    return {key_of(rate): share for rate, share in found if share is not None and share != form.cleaned_data["percent"]}


def _lines(shown: list[Margin], names: Names) -> list[MarginLine]:
    return [
        MarginLine(
            rate_scope(each.rate, names), rate_text(each.rate), f"{exact_text(each.percent, 0)}%",
            part_of_rate_text(each.rate, each.given), part_of_rate_text(each.rate, each.kept),
        )
        for each in shown
    ]  # fmt: skip
