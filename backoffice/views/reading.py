"""How each MT server is read: its health, pause and resume, comparisons; what changed on it; accounts of nobody."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from access.decorators import ActorRequest, requires
from backoffice.forms.reading import AssignForm, CompareForm, DecideForm
from backoffice.lists import latest
from backoffice.shell import UNPROCESSABLE, put_on_form, show
from clients.queries import clients_visible_to
from commissions.currencies import decide_change
from core.errors import DomainError
from mt4bridge.enums import ServerKind
from mt4bridge.models import MtServer
from trading.sync.health import server_page_of
from trading.sync.queries import changes_visible_to, nobodys_accounts_visible_to, open_differences, runs_of
from trading.sync.requests import ask_comparison
from trading.sync.services import assign_account, pause_reading, resume_reading

SHOWN = 100


@requires("mt4bridge.view_server")
@require_safe
def server_reading(request: ActorRequest, pk: int) -> HttpResponse:
    """Show how one server is read; the page asks again every few seconds."""
    server = get_object_or_404(MtServer, pk=pk)
    context = {
        "server": server,
        "by_files": server.kind == ServerKind.FILES,
        "health": server_page_of(server, now=timezone.now()),
        "runs": runs_of(server.pk),
        "differences": open_differences(server.pk),
    }
    return show(request, "reading/page.html", context, nav="servers", part="reading/_health.html")


@requires("trading.pause_server")
@require_POST
def server_pause(request: ActorRequest, pk: int) -> HttpResponse:
    """Stop reading deals of the server, or read on."""
    server = get_object_or_404(MtServer, pk=pk)
    resumes = request.POST.get("resume") == "1"
    change = resume_reading if resumes else pause_reading
    change(server_id=server.pk, actor=request.actor, now=timezone.now())
    messages.success(request, _("Deals are read on.") if resumes else _("No deals are read until you resume."))
    return redirect("backoffice:server_reading", pk=server.pk)


@requires("trading.pause_server")
@require_POST
def server_compare(request: ActorRequest, pk: int) -> HttpResponse:
    """Begin a comparison with the server now."""
    server = get_object_or_404(MtServer, pk=pk)
    form = CompareForm(request.POST)
    if form.is_valid():
        kind = form.cleaned_data["kind"]
        if ask_comparison(server=server, kind=kind, actor=request.actor, now=timezone.now()):
            messages.success(request, _("The comparison begins within half a minute."))
        else:
            messages.warning(request, _("Nothing has been read from this server yet."))
    return redirect("backoffice:server_reading", pk=server.pk)


@requires("trading.view_symbol")
@require_safe
def change_list(request: ActorRequest) -> HttpResponse:
    """List what changed on the servers, newest first; what waits for a decision on top."""
    return _changes(request)


@requires("trading.decide_change")
@require_POST
def change_decide(request: ActorRequest, pk: int) -> HttpResponse:
    """Take a waiting change over, or keep what was."""
    change = get_object_or_404(changes_visible_to(request.actor), pk=pk)
    form = DecideForm(request.POST)
    if form.is_valid():
        accept = form.cleaned_data["decision"] == "accept"
        try:
            decide_change(change=change, accept=accept, actor=request.actor, now=timezone.now())
        except DomainError as error:
            put_on_form(form, error)
        else:
            messages.success(request, _("Decided. Deals that it concerns follow in the next round."))
            return redirect("backoffice:changes")
    return _changes(request, form=form, status=UNPROCESSABLE)


def _changes(request: ActorRequest, *, form: DecideForm | None = None, status: int = 200) -> HttpResponse:
    rows = changes_visible_to(request.actor)
    context: dict[str, Any] = {
        "waiting": list(rows.filter(state="waiting").order_by("seen_at", "pk")[:SHOWN]),
        "page": latest(rows.exclude(state="waiting"), time="seen_at", before=request.GET.get("before", "")),
        "form": form or DecideForm(),
    }
    return show(request, "reading/changes.html", context, nav="changes", status=status)


@requires("trading.view_trading_account")
@require_safe
def nobodys_accounts(request: ActorRequest) -> HttpResponse:
    """List the accounts of the servers that no client here has."""
    return _nobodys(request, AssignForm())


@requires("trading.assign_account")
@require_POST
def account_assign(request: ActorRequest) -> HttpResponse:
    """Give an account its client, named by code."""
    form = AssignForm(request.POST)
    if form.is_valid():
        wanted = form.cleaned_data
        account = get_object_or_404(nobodys_accounts_visible_to(request.actor), pk=wanted["account"])
        client = clients_visible_to(request.actor).filter(code__iexact=wanted["client"]).first()
        if client is None:
            form.add_error("client", _("No client has this code."))
        else:
            try:
                assign_account(account=account, client=client, actor=request.actor, now=timezone.now())
            except DomainError as error:
                put_on_form(form, error)
            else:
                sentence = _("Account %(login)s belongs to %(client)s now; its deals are taken in the next round.")
                messages.success(request, sentence % {"login": account.login, "client": client.name})
                return redirect("backoffice:nobodys_accounts")
    return _nobodys(request, form, status=UNPROCESSABLE)


def _nobodys(request: ActorRequest, form: AssignForm, *, status: int = 200) -> HttpResponse:
    rows = nobodys_accounts_visible_to(request.actor)
    context = {
        "rows": list(rows.order_by("-first_seen_at", "server_id", "login")[:SHOWN]), "total": rows.count(),
        "form": form,
    }  # fmt: skip
    return show(request, "reading/nobodys.html", context, nav="nobodys", status=status)
