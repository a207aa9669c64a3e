"""MT servers: which there are, how they are reached, whether they answer, and switching them on and off."""

from dataclasses import asdict

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from access.decorators import ActorRequest, requires
from backoffice.forms.patience import PatienceForm
from backoffice.forms.servers import FORMS, ServerForm
from backoffice.shell import UNPROCESSABLE, put_on_form, show
from core.errors import DomainError
from mt4bridge.enums import ServerKind, TlsMode
from mt4bridge.models import MtServer
from mt4bridge.probing import Probe, probe_server
from mt4bridge.queries import error_in_words, last_error_in_words, servers_visible_to
from mt4bridge.services import add_server, edit_server, note_test, set_server_active
from trading.operations.moving import rules_of
from trading.operations.patience import patience_of, set_patience

KIND_WORDS: dict[str, Promise] = {
    ServerKind.WEBAPI: gettext_lazy("An MT5 server with its Web API, as MetaQuotes delivers it. Reads and writes."),
    ServerKind.HTTPBRIDGE: gettext_lazy(
        "A program on a Windows machine that has the Manager API of MT4 or MT5. Reads and writes."
    ),
    ServerKind.MIRROR: gettext_lazy(
        "A MySQL, MariaDB or PostgreSQL database that an MT4 or MT5 server keeps a copy of itself in. Reads only."
    ),
    ServerKind.FILES: gettext_lazy(
        "Nobody is contacted: MT4 statements and MT5 histories are uploaded here and shown before they count."
    ),
}
WRITING = (ServerKind.WEBAPI, ServerKind.HTTPBRIDGE)  # what is sent to MT goes through these
GROUPS_SHOWN = 12


@requires("mt4bridge.view_server")
@require_safe
def server_list(request: ActorRequest) -> HttpResponse:
    """List the MT servers with how the last talk went."""
    rows = [(row, _trouble(row)) for row in servers_visible_to(request.actor).order_by("name")]
    return show(request, "servers/list.html", {"rows": rows}, nav="servers")


@requires("mt4bridge.edit_server")
@require_safe
def server_kinds(request: ActorRequest) -> HttpResponse:
    """Ask first how the new server is reached."""
    kinds = [(kind, ServerKind(kind).label, KIND_WORDS.get(kind, "")) for kind in FORMS]
    return show(request, "servers/kinds.html", {"kinds": kinds}, nav="servers")


@requires("mt4bridge.edit_server")
@require_http_methods(["GET", "HEAD", "POST"])
def server_add(request: ActorRequest, kind: str) -> HttpResponse:
    """Add a server of one kind."""
    if kind not in FORMS:
        raise Http404
    form = FORMS[kind](request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            server = add_server(
                settings=form.settings(), manager_password=form.password() or "", actor=request.actor,
                now=timezone.now(),
            )  # fmt: skip
        except DomainError as error:
            put_on_form(form, error)
        else:
            by_files = server.kind == ServerKind.FILES
            next_step = (
                _("%(name)s is added. Upload a history next.")
                if by_files
                else _("%(name)s is added. Test the connection next.")
            )
            messages.success(request, next_step % {"name": server.name})
            return redirect("backoffice:server", server.pk)
    return _form(request, form, kind=kind, server=None)


@requires("mt4bridge.edit_server")
@require_http_methods(["GET", "HEAD", "POST"])
def server_edit(request: ActorRequest, pk: int) -> HttpResponse:
    """Change a server's settings; the password is typed or stays as it is."""
    server = get_object_or_404(servers_visible_to(request.actor), pk=pk)
    if server.kind not in FORMS:
        raise Http404
    form = FORMS[server.kind](request.POST or None, server=server)
    if request.method == "POST" and form.is_valid():
        try:
            server = edit_server(
                server=server, settings=form.settings(), manager_password=form.password(), actor=request.actor,
                now=timezone.now(),
            )  # fmt: skip
        except DomainError as error:
            put_on_form(form, error)
        else:
            messages.success(request, _("The settings of %(name)s are stored.") % {"name": server.name})
            return redirect("backoffice:server", server.pk)
    return _form(request, form, kind=server.kind, server=server)


def _form(request: ActorRequest, form: ServerForm, *, kind: str, server: MtServer | None) -> HttpResponse:
    context = {"form": form, "server": server, "kind": ServerKind(kind).label, "words": KIND_WORDS.get(kind, "")}
    status = UNPROCESSABLE if request.method == "POST" else 200
    return show(request, "servers/form.html", context, nav="servers", status=status)


@requires("mt4bridge.view_server")
@require_safe
def server_page(request: ActorRequest, pk: int) -> HttpResponse:
    """Show a server's settings and how it fares."""
    return _page(request, get_object_or_404(servers_visible_to(request.actor), pk=pk), None)


@requires("mt4bridge.edit_server")
@require_POST
def server_test(request: ActorRequest, pk: int) -> HttpResponse:
    """Contact the server once, with a session of its own, and show the answer in words."""
    server = get_object_or_404(servers_visible_to(request.actor), pk=pk)
    probe = probe_server(server=server, clock=timezone.now)
    note_test(server=server, outcome=probe.error_code or "ok", actor=request.actor, now=timezone.now())
    return _page(request, server, probe)


@requires("mt4bridge.edit_server")
@require_POST
def server_switch(request: ActorRequest, pk: int) -> HttpResponse:
    """Switch a server on or off."""
    server = get_object_or_404(servers_visible_to(request.actor), pk=pk)
    wanted = request.POST.get("active") == "1"
    set_server_active(server=server, is_active=wanted, actor=request.actor, now=timezone.now())
    sentence = _("%(name)s is switched on.") if wanted else _("%(name)s is switched off.")
    messages.success(request, sentence % {"name": server.name})
    return redirect("backoffice:server", server.pk)


@requires("trading.edit_sending_rules")
@require_http_methods(["GET", "HEAD", "POST"])
def server_patience(request: ActorRequest, pk: int) -> HttpResponse:
    """Show and set how patient the outbox is with the server."""
    server = get_object_or_404(servers_visible_to(request.actor), pk=pk, kind__in=WRITING)
    form = PatienceForm(request.POST or None, initial=asdict(patience_of(rules_of(server.pk))))
    if request.method == "POST" and form.is_valid():
        try:
            set_patience(server_id=server.pk, patience=form.patience(), actor=request.actor, now=timezone.now())
        except DomainError as error:
            put_on_form(form, error)
        else:
            messages.success(request, _("The settings of %(name)s are stored.") % {"name": server.name})
            return redirect("backoffice:server", server.pk)
    status = UNPROCESSABLE if request.method == "POST" else 200
    return show(request, "servers/patience.html", {"server": server, "form": form}, nav="servers", status=status)


def _page(request: ActorRequest, server: MtServer, probe: Probe | None) -> HttpResponse:
    words = error_in_words(code=probe.error_code, fields=probe.error_fields) if probe and not probe.ok else ""
    context = {
        "server": server, "trouble": _trouble(server), "probe": probe, "probe_words": words,
        "groups": probe.groups[:GROUPS_SHOWN] if probe else (),
        "more_groups": max(len(probe.groups) - GROUPS_SHOWN, 0) if probe else 0,
        "unchecked": server.kind != ServerKind.FILES and server.tls_mode == TlsMode.OFF,
        "reached": server.kind != ServerKind.FILES, "editable": server.kind in FORMS, "writes": server.kind in WRITING,
        "patience": patience_of(rules_of(server.pk)),
    }  # fmt: skip
    return show(request, "servers/page.html", context, nav="servers")


def _trouble(server: MtServer) -> str:
    """Return what went wrong last while it still does, as a sentence."""
    return last_error_in_words(server) if server.failures else ""
