"""What is sent to MT servers: the outbox, one operation with its history, manual ones, differences with the servers."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from access.decorators import ActorRequest, requires
from backoffice.forms.operations import ManualOperationForm, OperationFilter, SettlingForm
from backoffice.lists import latest, newest_first, read_text
from backoffice.shell import UNPROCESSABLE, put_on_form, show
from core.errors import DomainError
from core.money import from_e8
from trading.operations.deciding import (
    ManualOperation,
    read_again,
    request_operation,
    request_settling,
    withdraw_operation,
)
from trading.operations.enums import MOVING, OperationState
from trading.operations.models import BalanceOperation
from trading.operations.queries import counts_by_state, findings_visible_to, manual_deals, operations_visible_to
from trading.operations.words import reason_in_words
from trading.queries import accounts_visible_to

PILLS: dict[str, tuple[str, str]] = {
    OperationState.PLANNED: ("mute", "clock"),
    OperationState.SENDING: ("brand", "arrow-right"),
    OperationState.UNKNOWN: ("warn", "clock"),
    OperationState.CONFIRMED: ("ok", "check"),
    OperationState.REFUSED: ("bad", "x"),
    OperationState.REVIEW: ("bad", "alert-circle"),
}


@requires("trading.view_operation")
@require_safe
def operation_list(request: ActorRequest) -> HttpResponse:
    """List the outbox, newest first."""
    form = OperationFilter(request.GET)
    rows = form.narrow(operations_visible_to(request.actor))
    page = latest(rows, time="planned_at", before=read_text(request.GET, "before", most=60))
    counts = counts_by_state()
    context = {
        "form": form, "page": page, "rows": [in_words(row) for row in page.rows], "tab": "outbox",
        "waiting": [(label, counts[state]) for state, label in OperationState.choices if counts.get(state)],
    }  # fmt: skip
    status = 200 if form.is_valid() else UNPROCESSABLE
    return show(request, "operations/list.html", context, nav="operations", part="operations/_list.html", status=status)


def in_words(row: BalanceOperation) -> dict[str, object]:
    """Return an operation with its pill and why it stands there, for a template."""
    kind, icon = PILLS[row.state]
    return {"row": row, "pill": kind, "icon": icon, "why": reason_in_words(row.reason, row.detail)}


@requires("trading.view_operation")
@require_safe
def manual_deal_list(request: ActorRequest) -> HttpResponse:
    """List the balance deals that the MT servers' own dealers made, newest first."""
    before = read_text(request.GET, "before", most=60)
    page = newest_first(manual_deals(request.actor), time="deal_at", before=before)
    rows = [
        {"row": row, "amount": from_e8(row.profit_e8), "currency": row.account.mt_group.currency} for row in page.rows
    ]
    context = {"page": page, "rows": rows, "tab": "manual"}
    return show(request, "operations/manual.html", context, nav="operations", part="operations/_manual.html")


@requires("trading.view_operation")
@require_safe
def finding_list(request: ActorRequest) -> HttpResponse:
    """List what does not fit between the outbox and the deals of the MT servers."""
    context = {"rows": list(findings_visible_to(request.actor).order_by("-pk")[:200]), "tab": "findings"}
    return show(request, "operations/findings.html", context, nav="operations")


@requires("trading.view_operation")
@require_safe
def operation_page(request: ActorRequest, pk: int) -> HttpResponse:
    """Show one operation: what was asked for, every move, and what can be done now."""
    return _page(request, _operation(request, pk), SettlingForm())


def _page(request: ActorRequest, row: BalanceOperation, form: SettlingForm) -> HttpResponse:
    moves = [
        {"event": event, "pill": PILLS[event.state][0], "icon": PILLS[event.state][1],
         "why": reason_in_words(event.reason, event.detail)}
        for event in row.events.order_by("number")
    ]  # fmt: skip
    findings = list(row.findings.filter(closed_at=None))
    context = {
        **in_words(row), "moves": moves, "form": form, "findings": findings, "moving": row.state in MOVING
    }  # fmt: skip
    status = UNPROCESSABLE if form.errors else 200
    return show(request, "operations/page.html", context, nav="operations", status=status)


def _operation(request: ActorRequest, pk: int) -> BalanceOperation:
    return get_object_or_404(operations_visible_to(request.actor), pk=pk)


@requires("trading.request_operation")
@require_POST
def operation_withdraw(request: ActorRequest, pk: int) -> HttpResponse:
    """Take back an operation that was not sent yet."""
    row = _operation(request, pk)
    try:
        withdraw_operation(operation=row, actor=request.actor, now=timezone.now())
    except DomainError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("Taken back. Nothing was sent."))
    return redirect("backoffice:operation", pk=pk)


@requires("trading.resolve_operation")
@require_POST
def operation_read_again(request: ActorRequest, pk: int) -> HttpResponse:
    """Have the server's deals read again for an operation in review."""
    row = _operation(request, pk)
    try:
        read_again(operation=row, actor=request.actor, now=timezone.now())
    except DomainError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("The server's deals are read again."))
    return redirect("backoffice:operation", pk=pk)


@requires("trading.resolve_operation")
@require_POST
def operation_settle(request: ActorRequest, pk: int) -> HttpResponse:
    """Ask a second person to settle an operation in review."""
    row, form = _operation(request, pk), SettlingForm(request.POST)
    if form.is_valid():
        ticket = form.cleaned_data["ticket"] if form.cleaned_data["outcome"] == "applied" else None
        reason = form.cleaned_data["reason"]
        try:
            request_settling(operation=row, ticket=ticket, reason=reason, actor=request.actor, now=timezone.now())
        except DomainError as error:
            put_on_form(form, error)
        else:
            messages.info(request, _("A second person has to approve it."))
            return redirect("backoffice:operation", pk=pk)
    return _page(request, row, form)


@requires("trading.request_operation")
@require_http_methods(["GET", "HEAD", "POST"])
def operation_new(request: ActorRequest, account_id: int) -> HttpResponse:
    """Ask for a balance operation on an account; a second person approves it."""
    account = get_object_or_404(accounts_visible_to(request.actor), pk=account_id)
    form = ManualOperationForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        values = dict(form.cleaned_data)
        reason = values.pop("reason")
        try:
            wanted = ManualOperation(account=account, **values)
            request_operation(wanted=wanted, reason=reason, actor=request.actor, now=timezone.now())
        except DomainError as error:
            put_on_form(form, error)
        else:
            messages.info(request, _("A second person has to approve it."))
            return redirect("backoffice:client", pk=account.client_id)
    context = {"account": account, "form": form}
    status = UNPROCESSABLE if form.errors else 200
    return show(request, "operations/new.html", context, nav="operations", status=status)
