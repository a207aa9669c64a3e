"""Account types, and what is done to accounts on MT servers: opened, changed, archived; with staff's leave."""

import secrets

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from access.decorators import ActorRequest, requires
from backoffice.forms.accounts import AccountTypeForm, DecideOrderForm, OpenForm, OrderFilter
from backoffice.lists import latest, read_text
from backoffice.shell import UNPROCESSABLE, put_on_form, show
from clients.queries import clients_visible_to
from core.errors import DomainError
from trading.operations.account_models import AccountType
from trading.operations.account_orders import decide_order, settle_order
from trading.operations.account_types import TypeTerms, save_account_type
from trading.operations.enums import MOVING, OrderKind
from trading.operations.order_queries import orders_visible_to, types_visible_to
from trading.operations.order_words import order_in_words
from trading.operations.ordering import NewAccount, order_account, order_change
from trading.queries import accounts_visible_to


@requires("trading.view_operation")
@require_safe
def order_list(request: ActorRequest) -> HttpResponse:
    """List account orders, newest first."""
    form = OrderFilter(request.GET)
    rows = orders_visible_to(request.actor)
    for name in ("state", "kind"):
        if form.is_valid() and form.cleaned_data[name]:
            rows = rows.filter(**{name: form.cleaned_data[name]})
    page = latest(rows, time="planned_at", before=read_text(request.GET, "before", most=60))
    now = timezone.now()
    rows_in_words = [order_in_words(row, now=now) for row in page.rows]
    moving = any(row.state in MOVING for row in page.rows)
    context = {"form": form, "page": page, "rows": rows_in_words, "moving": moving}
    status = 200 if form.is_valid() else UNPROCESSABLE
    part = "account_orders/_list.html"
    return show(request, "account_orders/list.html", context, nav="account_orders", part=part, status=status)


@requires("trading.view_operation")
@require_POST
def order_decide(request: ActorRequest, pk: int) -> HttpResponse:
    """Approve or decline an order that waits for staff; settle one in review. The service checks each right."""
    order, form = get_object_or_404(orders_visible_to(request.actor), pk=pk), DecideOrderForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("This could not be done."))
        return redirect("backoffice:account_orders")
    decision, now = form.cleaned_data["decision"], timezone.now()
    try:
        if decision in ("approve", "decline"):
            approved, reason = decision == "approve", form.cleaned_data["reason"]
            decide_order(order=order, approved=approved, reason=reason, actor=request.actor, now=now)
        else:
            settle_order(order=order, again=decision == "again", actor=request.actor, now=now)
    except DomainError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("Done."))
    return redirect("backoffice:account_orders")


@requires("trading.order_account")
@require_http_methods(["GET", "HEAD", "POST"])
def account_open(request: ActorRequest, client_id: int) -> HttpResponse:
    """Open an account for a client, who alone sees its passwords."""
    client = get_object_or_404(clients_visible_to(request.actor), pk=client_id)
    form = OpenForm(request.POST if request.method == "POST" else None, initial={"key": secrets.token_hex(12)})
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        wanted = NewAccount(client, values["account_type"], values["leverage"], f"office:{client.pk}:{values['key']}")
        try:
            order_account(wanted=wanted, actor=request.actor, now=timezone.now())
        except DomainError as error:
            put_on_form(form, error)
        else:
            messages.success(request, _("The account is being opened."))
            return redirect("backoffice:client", pk=client.pk)
    status = UNPROCESSABLE if form.errors else 200
    return show(request, "account_orders/open.html", {"client": client, "form": form}, nav="clients", status=status)


@requires("trading.order_account")
@require_POST
def account_archive(request: ActorRequest, account_id: int) -> HttpResponse:
    """Order that an account is archived on its server, which must be empty then."""
    account = get_object_or_404(accounts_visible_to(request.actor), pk=account_id)
    key = f"archive:{account.pk}:{secrets.token_hex(8)}"
    try:
        order_change(
            account=account, kind=OrderKind.ARCHIVE, idempotency_key=key, actor=request.actor, now=timezone.now()
        )
    except DomainError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("The account is being archived."))
    return redirect("backoffice:client", pk=account.client_id)


@requires("trading.view_account_type")
@require_safe
def type_list(request: ActorRequest) -> HttpResponse:
    """List the types of accounts."""
    rows = list(types_visible_to(request.actor).order_by("-is_offered", "name"))
    return show(request, "account_types/list.html", {"rows": rows}, nav="account_types")


@requires("trading.edit_account_type")
@require_http_methods(["GET", "HEAD", "POST"])
def type_create(request: ActorRequest) -> HttpResponse:
    """Make a type of account."""
    return _edit(request, None)


@requires("trading.edit_account_type")
@require_http_methods(["GET", "HEAD", "POST"])
def type_edit(request: ActorRequest, pk: int) -> HttpResponse:
    """Change a type of account."""
    return _edit(request, get_object_or_404(AccountType, pk=pk))


def _edit(request: ActorRequest, known: AccountType | None) -> HttpResponse:
    initial = _initial(known) if known else None
    form = AccountTypeForm(request.POST if request.method == "POST" else None, initial=initial)
    if request.method == "POST" and form.is_valid():
        values = dict(form.cleaned_data)
        name, group = values.pop("name"), values.pop("mt_group")
        try:
            save_account_type(
                known=known, name=name, mt_group=group, terms=TypeTerms(**values), actor=request.actor,
                now=timezone.now(),
            )  # fmt: skip
        except DomainError as error:
            put_on_form(form, error)
        else:
            messages.success(request, _("Saved."))
            return redirect("backoffice:account_types")
    status = UNPROCESSABLE if form.errors else 200
    context = {"form": form, "known": known}
    return show(request, "account_types/edit.html", context, nav="account_types", status=status)


def _initial(known: AccountType) -> dict[str, object]:
    values: dict[str, object] = {name: getattr(known, name) for name in TypeTerms.__dataclass_fields__}
    values |= {"name": known.name, "mt_group": known.mt_group_id, "leverages": ", ".join(map(str, known.leverages))}
    values["starting_balance"] = f"{known.starting_balance.normalize():f}"
    return values
