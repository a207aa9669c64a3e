"""Introducing brokers: the network level by level, one IB, and the move with its effect shown first."""

from datetime import datetime

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from access.decorators import ActorRequest, requires
from backoffice.corrections import to_preview
from backoffice.forms.network import MoveIbForm
from backoffice.lists import read_text
from backoffice.shell import UNPROCESSABLE, put_on_form, show
from commissions.staff import judged_count, plan_assignments, plans_in_force
from commissions.whatif.changes import MoveIb
from commissions.whatif.corrections import make_change
from core.errors import DomainError
from ib.models import IB
from ib.queries import children, ibs_visible_to
from ib.queries.search import find_ibs
from ib.queries.staff import MoveEffect, agreements_of, below, chain_rows, direct_clients, ib_links, move_effect
from tenancy.context import current_broker
from trading.completeness import completeness
from ui.fragments import is_fragment

LEVEL_SIZE = 20
FOUND_SIZE = 50
CLIENTS_SHOWN = 25
TERMS_SHOWN = 5


@requires("ib.view_ib")
@require_safe
def ib_list(request: ActorRequest) -> HttpResponse:
    """Show the top of the network, or the IBs that a search finds."""
    words = read_text(request.GET, "q", most=100)
    context = {"q": words, "found": _found(request, words), **_level(request, None)}
    return show(request, "ibs/list.html", context, nav="ibs", part="ibs/_list.html")


def _found(request: ActorRequest, words: str) -> list[IB]:
    if not words:
        return []
    return find_ibs(ibs_visible_to(request.actor).select_related("parent"), words, limit=FOUND_SIZE)


def _level(request: ActorRequest, ib: IB | None) -> dict[str, object]:
    """Return one page of the IBs below one, with their plans."""
    now = timezone.now()
    after = read_text(request.GET, "after", most=40)
    shown_before = _whole(request, "shown", least=0)
    page = children(ib_id=ib.pk if ib else None, at=now, limit=LEVEL_SIZE, after=after)
    plans = plans_in_force(ib_ids=[row.ib_id for row in page.rows], at=now)
    return {
        "rows": [{"ib": row, "plan": plans.get(row.ib_id)} for row in page.rows],
        "total": page.total, "shown": shown_before + len(page.rows), "is_first": not after,
        "above": ib, "level": _whole(request, "level", least=1),
    }  # fmt: skip


def _whole(request: ActorRequest, name: str, *, least: int) -> int:
    """Return a small whole number of the address; whatever else stands there counts as the least."""
    text = request.GET.get(name, "")
    return max(int(text), least) if text.isascii() and text.isdigit() and len(text) <= 9 else least


@requires("ib.view_ib")
@require_safe
def ib_below(request: ActorRequest, pk: int) -> HttpResponse:
    """Send the next level as rows of the tree; as a page of its own it is the IB's page."""
    ib = get_object_or_404(ibs_visible_to(request.actor), pk=pk)
    if not is_fragment(request):
        return redirect("backoffice:ib", pk=ib.pk)
    return show(request, "ibs/_tree_rows.html", _level(request, ib), nav="ibs", part="ibs/_tree_rows.html")


@requires("ib.view_ib")
@require_safe
def ib_top(request: ActorRequest) -> HttpResponse:
    """Send the next page of the top level as rows of the tree."""
    if not is_fragment(request):
        return redirect("backoffice:ibs")
    return show(request, "ibs/_tree_rows.html", _level(request, None), nav="ibs", part="ibs/_tree_rows.html")


@requires("ib.view_ib")
@require_safe
def ib_page(request: ActorRequest, pk: int) -> HttpResponse:
    """Show one IB: what is agreed, its plan, the chain above, the level below, its clients and its places."""
    ib = get_object_or_404(ibs_visible_to(request.actor).select_related("client", "user"), pk=pk)
    now = timezone.now()
    clients = direct_clients(ib=ib, at=now).order_by("client__code")
    context = {
        "ib": ib, "chain": chain_rows(ib_id=ib.pk, at=now)[1:], "below": below(ib_id=ib.pk, at=now),
        "links": ib_links(ib), "agreements": agreements_of(ib), "assignments": plan_assignments(ib_id=ib.pk),
        "clients": list(clients[:CLIENTS_SHOWN]), "client_count": clients.count(),
        "terms": list(ib.settlement_terms.select_related("mt_account").order_by("-effective_day", "-pk")[:TERMS_SHOWN]),
        "completeness": completeness(now), "zone": current_broker().settlement_zone, **_level(request, ib),
    }  # fmt: skip
    return show(request, "ibs/page.html", context, nav="ibs")


@requires("ib.move_ib")
@require_http_methods(["GET", "HEAD", "POST"])
def ib_move(request: ActorRequest, pk: int) -> HttpResponse:
    """Ask where to and from when on, show the effect (GET), and move (POST)."""
    ib = get_object_or_404(ibs_visible_to(request.actor), pk=pk)
    now, zone = timezone.now(), current_broker().settlement_zone
    sent = request.POST if request.method == "POST" else request.GET if "parent" in request.GET else None
    form = MoveIbForm(sent, zone=zone, now=now)
    if request.method == "POST" and form.is_valid():
        moved = _move(request, ib, form, now)
        if moved is not None:
            return moved
    effect = _effect(ib, form, now) if form.is_bound and form.is_valid() else None
    context = {"ib": ib, "form": form, "effect": effect, "chain": chain_rows(ib_id=ib.pk, at=now)[1:], "zone": zone}
    status = UNPROCESSABLE if form.errors or (request.method == "POST") else 200
    return show(request, "ibs/move.html", context, nav="ibs", status=status)


def _move(request: ActorRequest, ib: IB, form: MoveIbForm, now: datetime) -> HttpResponse | None:
    """Move at once, or go on to the preview of what judged deals would pay; None: refused, the form says why."""
    wanted = form.cleaned_data
    change = MoveIb(ib.pk, wanted["parent"].pk if wanted["parent"] else None, wanted["at"])
    try:
        correction = make_change(changes=[change], reason=wanted["reason"], actor=request.actor, now=now)
    except DomainError as error:
        put_on_form(form, error)
        return None
    if correction is not None:
        return to_preview(request, correction)
    messages.success(request, _("%(ib)s moves as you confirmed.") % {"ib": ib.name})
    return redirect("backoffice:ib", pk=ib.pk)


def _effect(ib: IB, form: MoveIbForm, now: datetime) -> dict[str, object]:
    """Return the effect in the page's words: who is above before and after, who moves along, what is judged again."""
    at, parent = form.cleaned_data["at"], form.cleaned_data["parent"]
    shown: MoveEffect = move_effect(ib=ib, parent=parent, at=at, now=now)
    return {
        "change": shown, "at": at, "parent": parent, "is_past": at < now, "is_future": at > now,
        "judged": judged_count(ib_id=ib.pk, since=at) if at < now else 0,
    }  # fmt: skip
