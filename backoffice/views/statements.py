"""Settlement: the queue of statements, one statement with its lines and files, and how an IB is settled."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial

from django.contrib import messages
from django.db.models import QuerySet
from django.http import FileResponse, Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from access.decorators import ActorRequest, requires
from backoffice.forms.statements import DecideForm, StatementFilter, TermsForm
from backoffice.lists import latest, read_text
from backoffice.shell import UNPROCESSABLE, put_on_form, show
from commissions.settlement.days import settlement_day
from commissions.settlement.deciding import approve_statement, decide_many, hold_statement, release_statement
from commissions.settlement.enums import Cycle, Destination, StatementState
from commissions.settlement.lines import first_lines
from commissions.settlement.models import SettlementTerms, Statement
from commissions.settlement.pages import payouts_of, settlement_trouble, statements_visible_to, totals
from commissions.settlement.terms import payout_limits, set_terms, terms_of_ib
from core.errors import DomainError
from ib.models import IB
from ib.queries import ibs_visible_to
from tenancy.context import current_broker
from trading.completeness import completeness
from ui.exports import CONTENT_TYPES, export_file
from ui.settlement import PILLS, carried_words, login_text, statement_sheet

LINES_SHOWN = 100
_DAY = timedelta(days=1)


@requires("commissions.view_statement")
@require_safe
def statement_list(request: ActorRequest) -> HttpResponse:
    """List statements, newest first, with what they come to by state and currency."""
    return _list(request)


def _list(request: ActorRequest, *, errors: tuple[str, ...] = (), status: int = 200) -> HttpResponse:
    form = StatementFilter(request.GET)
    if not form.is_valid():
        status = UNPROCESSABLE
    rows = _narrowed(statements_visible_to(request.actor), form)
    page = latest(rows, time="cut_at", before=read_text(request.GET, "before", most=60)) if form.is_valid() else None
    context = {
        "form": form, "page": page, "totals": totals(rows), "errors": errors, "trouble": settlement_trouble(),
        "rows": [in_words(row) for row in page.rows] if page else [], "limits": payout_limits(),
        "completeness": completeness(timezone.now()),
    }  # fmt: skip
    return show(request, "statements/list.html", context, nav="statements", part="statements/_list.html", status=status)


def _narrowed(rows: QuerySet[Statement], form: StatementFilter) -> QuerySet[Statement]:
    if not form.is_valid():
        return rows.none()
    wanted = form.cleaned_data
    if wanted["state"]:
        rows = rows.filter(state=wanted["state"])
    if wanted["cycle"]:
        rows = rows.filter(cycle=wanted["cycle"])
    if wanted["currency"]:
        rows = rows.filter(payee__currency=wanted["currency"].upper())
    if wanted["ib"]:
        rows = rows.filter(payee__ib__code__iexact=wanted["ib"].strip())
    return rows


def in_words(statement: Statement) -> dict[str, object]:
    """Return a statement with its pill and whom it pays, for a template."""
    kind, icon = PILLS[statement.state]
    payee = statement.payee
    return {
        "row": statement, "pill": kind, "icon": icon, "last": statement.to_day - _DAY,
        "name": payee.ib.name if payee.ib else payee.client.name if payee.client else "",
        "code": payee.ib.code if payee.ib else payee.client.code if payee.client else "",
        "carried": statement.carried_out + statement.due_out,
    }  # fmt: skip


@requires("commissions.view_statement")
@require_POST
def statement_decide(request: ActorRequest) -> HttpResponse:
    """Approve, hold or release the ticked statements; the service checks the right of each decision."""
    form = DecideForm(request.POST)
    if not form.is_valid():
        sentences = tuple(str(error) for errors in form.errors.values() for error in errors)
        return _list(request, errors=sentences, status=UNPROCESSABLE)
    decide, wanted = _decision(request, form)
    outcome = decide_many(statement_ids=form.cleaned_data["statements"], wanted=wanted, decide=decide)
    if outcome.done:
        words = ngettext("%(n)d statement: %(state)s.", "%(n)d statements: %(state)s.", len(outcome.done))
        messages.success(request, words % {"n": len(outcome.done), "state": wanted.label})
    if outcome.asked:
        words = ngettext(
            "%(n)d large statement waits for a second person.", "%(n)d large statements wait for a second person.",
            len(outcome.asked),
        )  # fmt: skip
        messages.info(request, words % {"n": len(outcome.asked)})
    if outcome.refused:
        return _list(request, errors=tuple(str(error) for error in outcome.refused), status=UNPROCESSABLE)
    only = form.cleaned_data["statements"]
    if len(only) == 1 and request.POST.get("from") == "page":
        return redirect("backoffice:statement", pk=only[0])
    return redirect("backoffice:statements")


def _decision(request: ActorRequest, form: DecideForm) -> tuple[Callable[[int], Statement], StatementState]:
    now, actor, reason = timezone.now(), request.actor, form.cleaned_data["reason"]
    services: dict[str, tuple[Callable[..., Statement], StatementState]] = {
        "approve": (approve_statement, StatementState.APPROVED),
        "hold": (partial(hold_statement, reason=reason), StatementState.HELD),
        "release": (release_statement, StatementState.REVIEW),
    }
    service, wanted = services[form.cleaned_data["decision"]]
    return (lambda pk: service(statement_id=pk, actor=actor, now=now)), wanted


@requires("commissions.view_statement")
@require_safe
def statement_page(request: ActorRequest, pk: int) -> HttpResponse:
    """Show one statement: its figures, what is carried and why, payouts with their entries, and its first lines."""
    statement = get_object_or_404(statements_visible_to(request.actor), pk=pk)
    lines = first_lines(statement, limit=LINES_SHOWN + 1)
    whole = request.actor.has("clients.view_client")
    context = {
        **in_words(statement), "payouts": payouts_of(statement), "words": carried_words(statement),
        "lines": [{"line": line, "login": login_text(line, whole)} for line in lines[:LINES_SHOWN]],
        "has_more": len(lines) > LINES_SHOWN, "zone": current_broker().settlement_zone,
        "completeness": completeness(timezone.now()),
        "limit": payout_limits().get(statement.payee.currency),
    }  # fmt: skip
    return show(request, "statements/page.html", context, nav="statements")


@requires("commissions.view_statement")
@require_safe
def statement_file(request: ActorRequest, pk: int, kind: str) -> HttpResponseBase:
    """Send a statement with every line as a file."""
    statement = get_object_or_404(statements_visible_to(request.actor), pk=pk)
    return send_file(statement, kind, full_logins=request.actor.has("clients.view_client"))


def send_file(statement: Statement, kind: str, *, full_logins: bool) -> HttpResponseBase:
    """Return the file: rows go from a server-side cursor to a temporary file before the broker is let go."""
    if kind not in CONTENT_TYPES:
        raise Http404
    file = export_file(statement_sheet(statement, full_logins=full_logins), kind)
    return FileResponse(
        file, as_attachment=True, filename=f"statement-{statement.pk}.{kind}", content_type=CONTENT_TYPES[kind]
    )


@requires("commissions.edit_settlement_terms")
@require_http_methods(["GET", "HEAD", "POST"])
def ib_settlement(request: ActorRequest, pk: int) -> HttpResponse:
    """Show how an IB is settled, and agree on something else from a day on."""
    ib = get_object_or_404(ibs_visible_to(request.actor), pk=pk)
    now = timezone.now()
    today = settlement_day(now)
    current = terms_of_ib(ib=ib, day=today)
    before = {
        "effective_day": today, "cycle": current.cycle, "minimum": f"{current.minimum.normalize():f}",
        "destination": current.destination, "mt_account": current.mt_account_id,
        "needs_review": current.needs_review, "is_held": current.is_held,
    }  # fmt: skip
    form = TermsForm(ib.client_id, request.POST if request.method == "POST" else None, initial=before)
    if request.method == "POST" and form.is_valid() and _agreed(request, ib, form):
        return redirect("backoffice:ib", pk=ib.pk)
    context = {"ib": ib, "form": form, "terms": settlement_rows(ib), "zone": current_broker().settlement_zone}
    return show(request, "ibs/settlement.html", context, nav="ibs", status=UNPROCESSABLE if form.errors else 200)


def _agreed(request: ActorRequest, ib: IB, form: TermsForm) -> bool:
    wanted = form.cleaned_data | {
        "cycle": Cycle(form.cleaned_data["cycle"]), "destination": Destination(form.cleaned_data["destination"]),
    }  # fmt: skip
    try:
        set_terms(ib=ib, **wanted, actor=request.actor, now=timezone.now())
    except DomainError as error:
        put_on_form(form, error)
        return False
    messages.success(request, _("%(ib)s is settled as you agreed.") % {"ib": ib.name})
    return True


def settlement_rows(ib: IB) -> list[SettlementTerms]:
    """Return the IB's own settlement terms, newest first."""
    return list(ib.settlement_terms.select_related("mt_account").order_by("-effective_day", "-pk")[:10])
