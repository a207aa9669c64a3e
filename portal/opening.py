"""What a trader orders for own accounts: a new one, another leverage, a new password; and the one look at it."""

import secrets

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from access.decorators import ActorRequest, requires_client
from clients.models import Client
from core.errors import DomainError
from portal.opening_forms import ChangeForm, OpenAccountForm
from trading.models import TradingAccount
from trading.operations.account_models import AccountOrder
from trading.operations.account_orders import reveal_passwords
from trading.operations.enums import MOVING, OrderKind
from trading.operations.order_queries import orders_visible_to, types_visible_to
from trading.operations.order_words import order_in_words
from trading.operations.ordering import NewAccount, order_account, order_change, type_of
from trading.queries import accounts_visible_to

UNPROCESSABLE = 422
SHOWN = 50


@requires_client
@require_http_methods(["GET", "HEAD", "POST"])
def open_account(request: ActorRequest) -> HttpResponse:
    """Choose a type and a leverage, and order the account."""
    types = list(types_visible_to(request.actor).order_by("is_demo", "name"))
    form = OpenAccountForm(types, request.POST if request.method == "POST" else None, initial={"key": _key()})
    if request.method == "POST" and form.is_valid():
        client = get_object_or_404(Client, pk=request.actor.client_id)
        kind, leverage = form.chosen()
        wanted = NewAccount(client, kind, leverage, f"portal:{client.pk}:{form.cleaned_data['key']}")
        try:
            order_account(wanted=wanted, actor=request.actor, now=timezone.now())
        except DomainError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, _("Your account is being opened."))
            return redirect("portal:account_orders")
    context = {"nav": "accounts", "form": form, "types": types}
    status = UNPROCESSABLE if form.errors else 200
    return render(request, "portal/accounts/open.html", context, status=status)


@requires_client
@require_safe
def account_orders(request: ActorRequest) -> HttpResponse:
    """List what was ordered, newest first, with passwords that wait to be shown.

    While something is under way the page asks again by itself."""
    now = timezone.now()
    rows = [order_in_words(row, now=now) for row in orders_visible_to(request.actor).order_by("-pk")[:SHOWN]]
    moving = any(one.row.state in MOVING for one in rows)
    context = {"nav": "accounts", "rows": rows, "now": now, "moving": moving}
    return render(request, "portal/accounts/orders.html", context)


@requires_client
@never_cache
@sensitive_variables("revealed")
@require_POST
def reveal(request: ActorRequest, order_id: int) -> HttpResponse:
    """Show new passwords, this once."""
    order = get_object_or_404(orders_visible_to(request.actor), pk=order_id)
    try:
        revealed = reveal_passwords(order=order, actor=request.actor, now=timezone.now())
    except DomainError as error:
        messages.error(request, str(error))
        return redirect("portal:account_orders")
    context = {"nav": "accounts", "revealed": revealed, "order": order}
    return render(request, "portal/accounts/revealed.html", context)


@requires_client
@require_http_methods(["GET", "HEAD", "POST"])
def account_change(request: ActorRequest, account_id: int) -> HttpResponse:
    """Order another leverage or a new password for an own account."""
    account = get_object_or_404(accounts_visible_to(request.actor), pk=account_id)
    kind = type_of(account)
    form = ChangeForm(
        kind.leverages if kind else [], request.POST if request.method == "POST" else None,
        initial={"key": _key(), "leverage": account.leverage},
    )  # fmt: skip
    if request.method == "POST" and form.is_valid() and _ordered(request, account, form):
        return redirect("portal:account_orders")
    context = {"nav": "accounts", "form": form, "account": account, "type": kind}
    status = UNPROCESSABLE if form.errors else 200
    return render(request, "portal/accounts/change.html", context, status=status)


def _ordered(request: ActorRequest, account: TradingAccount, form: ChangeForm) -> bool:
    wanted = OrderKind(form.cleaned_data["what"])
    leverage = form.cleaned_data["leverage"] if wanted == OrderKind.LEVERAGE else None
    key = f"portal:{account.pk}:{wanted}:{form.cleaned_data['key']}"
    try:
        order: AccountOrder = order_change(
            account=account, kind=wanted, leverage=leverage, idempotency_key=key, actor=request.actor,
            now=timezone.now(),
        )  # fmt: skip
    except DomainError as error:
        form.add_error(error.field if error.field in form.fields else None, str(error))
        return False
    if order.waits_for_approval:
        messages.info(request, _("Your broker looks at it first."))
    else:
        messages.success(request, _("Ordered. It takes a few seconds."))
    return True


def _key() -> str:
    """Return what makes one showing of a form one order, however often it is sent."""
    return secrets.token_hex(12)
