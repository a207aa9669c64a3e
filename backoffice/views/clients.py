"""Clients: the list, a client's page, and the move to another IB."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from access.decorators import ActorRequest, requires
from backoffice.corrections import to_preview
from backoffice.forms.clients import ClientFilter
from backoffice.forms.network import MoveAccountForm, MoveClientForm
from backoffice.lists import SIZE, latest, read_text
from backoffice.shell import UNPROCESSABLE, put_on_form, show
from clients.models import Client
from clients.queries import clients_visible_to
from clients.search import find_clients
from commissions.whatif.changes import Change, MoveAccount, MoveClient, ReleaseAccount
from commissions.whatif.corrections import make_change
from core.errors import DomainError
from ib.models import IB
from ib.queries.staff import account_links, chain_rows, client_links, direct_ibs, ib_at
from tenancy.context import current_broker
from trading.live import watch_accounts
from trading.models import TradingAccount
from trading.queries import account_counts, account_standings, accounts_visible_to, clients_of_login
from ui.fragments import is_fragment
from ui.paging import Page


@requires("clients.view_client")
@require_safe
def client_list(request: ActorRequest) -> HttpResponse:
    """List clients, newest first; or those that fit best to a name, code, e-mail address or login."""
    form = ClientFilter(request.GET)
    rows, words = form.narrow(clients_visible_to(request.actor)), read_text(request.GET, "q", most=100)
    if words and form.is_valid():
        also = clients_of_login(words, accounts=accounts_visible_to(request.actor))
        page = Page(find_clients(rows, words, limit=SIZE, also=also), "", is_first=True)
    else:
        page = latest(rows, time="created_at", before=request.GET.get("before", ""))
    ids = [client.pk for client in page.rows]
    ibs, accounts = direct_ibs(client_ids=ids, at=timezone.now()), account_counts(client_ids=ids)
    rows = [
        {"client": client, "ib": ibs.get(client.pk), "accounts": accounts.get(client.pk, 0)} for client in page.rows
    ]
    context = {"page": page, "form": form, "rows": rows}
    status = 200 if form.is_valid() else UNPROCESSABLE
    return show(request, "clients/list.html", context, nav="clients", part="clients/_list.html", status=status)


@requires("clients.view_client")
@require_safe
def client_page(request: ActorRequest, pk: int) -> HttpResponse:
    """Show one client: accounts with what is open now, the IBs above, and the history of its links."""
    client = get_object_or_404(clients_visible_to(request.actor), pk=pk)
    now = timezone.now()
    accounts = account_standings(accounts_visible_to(request.actor).filter(client=client))
    watch_accounts(account.pk for account in accounts)
    live = {"accounts": accounts, "positions": [row for account in accounts for row in account.positions]}
    if is_fragment(request):
        return show(request, "clients/_live.html", {"client": client, **live}, nav="clients", part="clients/_live.html")
    ib = direct_ibs(client_ids=[client.pk], at=now).get(client.pk)
    context = {
        "client": client,
        **live,
        "chain": chain_rows(ib_id=ib.pk, at=now) if ib else [],
        "links": client_links(client_id=client.pk),
        "account_links": account_links(client_id=client.pk),
        "zone": current_broker().settlement_zone,
    }
    return show(request, "clients/page.html", context, nav="clients")


@requires("ib.move_ib")
@require_http_methods(["GET", "HEAD", "POST"])
def client_move(request: ActorRequest, pk: int) -> HttpResponse:
    """Ask which IB and from when on, show the effect (GET), and move the client (POST)."""
    client = get_object_or_404(clients_visible_to(request.actor), pk=pk)
    now, zone = timezone.now(), current_broker().settlement_zone
    form = MoveClientForm(_sent(request), zone=zone, now=now)

    def change(wanted: dict[str, Any]) -> MoveClient:
        return MoveClient(client.pk, wanted["ib"].pk if wanted["ib"] else None, wanted["at"])

    if request.method == "POST" and (done := _moved(request, form, change, client, now)):
        return done
    context = {"client": client, "form": form, "zone": zone, "now_ib": ib_at(client=client, account=None, at=now)}
    return _move_page(request, "clients/move.html", context, form, account=None)


@requires("ib.move_ib")
@require_http_methods(["GET", "HEAD", "POST"])
def account_move(request: ActorRequest, pk: int) -> HttpResponse:
    """Let one trading account count for another IB, or follow its client again; effect first, as for a client."""
    account = get_object_or_404(accounts_visible_to(request.actor), pk=pk)
    client = get_object_or_404(clients_visible_to(request.actor), pk=account.client_id)
    now, zone = timezone.now(), current_broker().settlement_zone
    form = MoveAccountForm(_sent(request), zone=zone, now=now)

    def change(wanted: dict[str, Any]) -> MoveAccount | ReleaseAccount:
        if wanted["follow"]:
            return ReleaseAccount(account.pk, wanted["at"])
        return MoveAccount(account.pk, wanted["ib"].pk if wanted["ib"] else None, wanted["at"])

    if request.method == "POST" and (done := _moved(request, form, change, client, now)):
        return done
    context = {
        "client": client, "account": account, "form": form, "zone": zone,
        "now_ib": ib_at(client=client, account=account, at=now),
    }  # fmt: skip
    return _move_page(request, "clients/move.html", context, form, account=account)


def _sent(request: ActorRequest) -> QueryDict | None:
    """Return what the form was filled with: a POST confirms, a GET asks for the effect."""
    return request.POST if request.method == "POST" else request.GET if "at" in request.GET else None


def _moved(
    request: ActorRequest, form: MoveClientForm, change: Callable[[dict[str, Any]], Change], client: Client,
    now: datetime,
) -> HttpResponse | None:  # fmt: skip
    """Move at once, or go on to the preview of what judged deals would pay; None: refused, the form says why."""
    if not form.is_valid():
        return None
    wanted = form.cleaned_data
    try:
        correction = make_change(changes=[change(wanted)], reason=wanted["reason"], actor=request.actor, now=now)
    except DomainError as error:
        put_on_form(form, error)
        return None
    if correction is not None:
        return to_preview(request, correction)
    messages.success(request, _("%(client)s moves as you said.") % {"client": client.name})
    return redirect("backoffice:client", pk=client.pk)


def _move_page(
    request: ActorRequest, template: str, context: dict[str, Any], form: MoveClientForm, *,
    account: TradingAccount | None,
) -> HttpResponse:  # fmt: skip
    """Render the form, beside it the IBs above now, or before and after when the form says where to."""
    now, client = form.now, context["client"]
    effect = None
    if form.is_bound and form.is_valid():
        wanted = form.cleaned_data
        at = wanted["at"]
        before = ib_at(client=client, account=account, at=at)
        after = ib_at(client=client, account=None, at=at) if wanted.get("follow") else wanted["ib"]
        effect = {
            "at": at, "is_past": at < now, "is_future": at > now,
            "before": _chain(before, at), "after": _chain(after, at),
        }  # fmt: skip
    status = UNPROCESSABLE if form.errors or request.method == "POST" else 200
    known = {**context, "effect": effect, "chain": _chain(context["now_ib"], now)}
    return show(request, template, known, nav="clients", status=status)


def _chain(ib: IB | None, at: datetime) -> list[IB]:
    return chain_rows(ib_id=ib.pk, at=at) if ib else []
