"""Clients: the list, a client's page, and the move to another IB."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from access.decorators import ActorRequest, requires
from backoffice.corrections import to_preview
from backoffice.forms.clients import ClientFilter
from backoffice.forms.network import MoveClientForm
from backoffice.lists import latest
from backoffice.shell import UNPROCESSABLE, put_on_form, show
from clients.queries import clients_visible_to
from commissions.whatif.changes import MoveClient
from commissions.whatif.corrections import make_change
from core.errors import DomainError
from ib.queries.staff import account_links, chain_rows, client_links, direct_ibs
from tenancy.context import current_broker
from trading.queries import account_counts, account_standings, accounts_visible_to


@requires("clients.view_client")
@require_safe
def client_list(request: ActorRequest) -> HttpResponse:
    """List clients, newest first, found by name, code, e-mail address or login."""
    form = ClientFilter(request.GET)
    page = latest(
        form.narrow(clients_visible_to(request.actor)), time="created_at", before=request.GET.get("before", "")
    )
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
    """Show one client: accounts, the IBs above, and the history of its links."""
    client = get_object_or_404(clients_visible_to(request.actor), pk=pk)
    now = timezone.now()
    ib = direct_ibs(client_ids=[client.pk], at=now).get(client.pk)
    context = {
        "client": client,
        "accounts": account_standings(accounts_visible_to(request.actor).filter(client=client)),
        "chain": chain_rows(ib_id=ib.pk, at=now) if ib else [],
        "links": client_links(client_id=client.pk),
        "account_links": account_links(client_id=client.pk),
        "zone": current_broker().settlement_zone,
    }
    return show(request, "clients/page.html", context, nav="clients")


@requires("ib.move_ib")
@require_http_methods(["GET", "HEAD", "POST"])
def client_move(request: ActorRequest, pk: int) -> HttpResponse:
    """Give the client another IB from a moment on."""
    client = get_object_or_404(clients_visible_to(request.actor), pk=pk)
    now, zone = timezone.now(), current_broker().settlement_zone
    form = MoveClientForm(request.POST or None, zone=zone, now=now)
    if request.method == "POST" and form.is_valid():
        wanted = form.cleaned_data
        change = MoveClient(client.pk, wanted["ib"].pk if wanted["ib"] else None, wanted["at"])
        try:
            correction = make_change(changes=[change], reason=wanted["reason"], actor=request.actor, now=now)
        except DomainError as error:
            put_on_form(form, error)
        else:
            if correction is not None:
                return to_preview(request, correction)
            messages.success(request, _("%(client)s moves as you said.") % {"client": client.name})
            return redirect("backoffice:client", pk=client.pk)
    ib = direct_ibs(client_ids=[client.pk], at=now).get(client.pk)
    context = {"client": client, "form": form, "chain": chain_rows(ib_id=ib.pk, at=now) if ib else [], "zone": zone}
    status = UNPROCESSABLE if request.method == "POST" else 200
    return show(request, "clients/move.html", context, nav="clients", status=status)
