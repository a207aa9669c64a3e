"""The four-eyes queue: what somebody asked for and a second person decides."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from access.approvals import all_actions
from access.decorators import ActorRequest, requires
from access.models import Approval, Role, User
from access.queries import approvals_visible_to, open_approvals
from access.services import approve, reject
from backoffice.forms.approvals import DecisionForm
from backoffice.shell import UNPROCESSABLE, put_on_form, show
from commissions.settlement.models import Statement
from core.errors import DomainError
from ui import numbers
from ui.settlement import format_money, payee_name
from ui.templatetags.ui import day


@requires("backoffice.view_overview")
@require_safe
def approval_list(request: ActorRequest) -> HttpResponse:
    """List what waits for a second person, oldest first."""
    return _list(request)


@requires("backoffice.view_overview")
@require_POST
def approval_decide(request: ActorRequest, pk: int) -> HttpResponse:
    """Approve or refuse one request; the service checks the right that this kind of request needs."""
    approval = get_object_or_404(approvals_visible_to(request.actor), pk=pk)
    form = DecisionForm(request.POST)
    if form.is_valid():
        try:
            _decide(request, approval, form)
        except DomainError as error:
            put_on_form(form, error)
        else:
            return redirect("backoffice:approvals")
    return _list(request, refused=approval, form=form, status=UNPROCESSABLE)


def _decide(request: ActorRequest, approval: Approval, form: DecisionForm) -> None:
    reason, now = form.cleaned_data["reason"], timezone.now()
    if form.cleaned_data["decision"] == "approve":
        approve(approval=approval, actor=request.actor, reason=reason, now=now)
        messages.success(request, _("Approved and done."))
    else:
        reject(approval=approval, actor=request.actor, reason=reason, now=now)
        messages.success(request, _("Refused. Nothing was changed."))


def _list(
    request: ActorRequest, *, refused: Approval | None = None, form: DecisionForm | None = None, status: int = 200
) -> HttpResponse:
    rows = list(open_approvals(request.actor, now=timezone.now()).order_by("requested_at", "pk"))
    context = {
        "rows": in_words(rows),
        "refused_id": refused.pk if refused else None,
        "errors": [error for errors in form.errors.values() for error in errors] if form else [],
        "own_id": request.actor.user_id,
    }
    return show(request, "approvals/list.html", context, nav="approvals", status=status)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A request with what it is about in words."""

    row: Approval
    what: str
    facts: list[tuple[str, str]]  # what it is about: label, value
    page: str = ""  # where it is decided, when that takes a look first
    about: str = ""  # where what it is about can be looked at


def in_words(rows: list[Approval]) -> list[Wanted]:
    """Name the people, roles and statements that requests are about. Three statements whatever their number."""
    users = User.objects.in_bulk([int(row.object_id) for row in rows if row.object_type == "user"])
    roles = Role.objects.in_bulk([row.payload["role_id"] for row in rows if "role_id" in row.payload])
    numbers = [int(row.object_id) for row in rows if row.object_type == "statement"]
    statements = Statement.objects.select_related("payee__ib", "payee__client").in_bulk(numbers)
    return [
        Wanted(row, _what(row), _statement_facts(statements[int(row.object_id)]), about=_statement_page(row))
        if row.object_type == "statement"
        else Wanted(row, _what(row), _facts(row, users, roles), _decided_at(row))
        for row in rows
    ]


def _statement_page(row: Approval) -> str:
    return reverse("backoffice:statement", args=[int(row.object_id)])


def _statement_facts(statement: Statement) -> list[tuple[str, str]]:
    return [
        (_("Statement"), str(statement.pk)), (_("Paid to"), payee_name(statement)),
        (_("Days"), f"{day(statement.from_day)} – {day(statement.to_day - timedelta(days=1))}"),
        (_("To be paid"), format_money(statement.payable, statement.payee.currency)),
    ]  # fmt: skip


def _decided_at(row: Approval) -> str:
    return reverse("backoffice:correction", args=[int(row.object_id)]) if row.object_type == "correction" else ""


def _what(row: Approval) -> str:
    known = all_actions().get(row.action)
    return str(known.label) if known else row.action


def _moved(amount: Decimal, currency: str) -> str:
    """Write a change unrounded, with its sign."""
    return ("+" if amount > 0 else "") + format_money(amount, currency)


def _facts(row: Approval, users: dict[int, User], roles: dict[int, Role]) -> list[tuple[str, str]]:
    facts = []
    if row.object_type == "correction":
        moved = [_moved(Decimal(amount), currency) for currency, amount in row.payload["difference"].items()]
        deals = numbers.fixed(row.payload["deals"], 0)
        return [(_("Deals that pay differently"), deals), (_("Difference"), ", ".join(moved))]
    if row.object_type == "user" and (user := users.get(int(row.object_id))):
        facts.append((_("For"), f"{user.name} ({user.email})"))
    else:
        facts.append((row.object_type, row.object_id))
    for name, value in row.payload.items():
        role = roles.get(value) if name == "role_id" else None
        facts.append((_("Role"), role.name) if role else (name, str(value)))
    return facts
