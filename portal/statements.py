"""An IB's statements: what each came to, what is carried and why, every line, and the files."""

from datetime import timedelta

from django.http import FileResponse, Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from access.decorators import ActorRequest, requires_ib
from commissions.settlement.days import settlement_day
from commissions.settlement.lines import first_lines
from commissions.settlement.models import Statement
from commissions.settlement.pages import payouts_of, statements_visible_to
from commissions.settlement.terms import terms_of_ib
from ib.models import IB
from tenancy.context import current_broker
from trading.completeness import completeness
from ui.exports import CONTENT_TYPES, export_file
from ui.fragments import is_fragment
from ui.paging import Cursor, page_of
from ui.settlement import PILLS, carried_words, login_text, statement_sheet

SIZE = 25
PARTNER = {  # names of addresses, and words, for templates that a trader's own statements share
    "list_view": "portal:statements", "page_view": "portal:statement", "file_view": "portal:statement_file",
    "title": gettext_lazy("Statements"),
    "none": gettext_lazy("Your first statement is made when the period of your first rebates has ended."),
}  # fmt: skip
LINES_SHOWN = 100
_DAY = timedelta(days=1)


@requires_ib
@require_safe
def statement_list(request: ActorRequest) -> HttpResponse:
    """List the IB's statements, newest first, under how it is settled."""
    ib = get_object_or_404(IB, pk=request.actor.ib_id)
    before = Cursor.parse(request.GET["before"]) if request.GET.get("before") else None
    rows = statements_visible_to(request.actor)
    if before:
        rows = rows.filter(pk__lt=before.id)
    found = list(rows.order_by("-pk")[: SIZE + 1])
    page = page_of(found, size=SIZE, place=lambda row: Cursor(row.cut_at or timezone.now(), row.pk), before=before)
    context = {"ib": ib, "side": PARTNER, "page": page, "rows": [statement_in_words(row) for row in page.rows]}
    if is_fragment(request):
        return render(request, "portal/statements/_list.html", context)
    context |= {
        "completeness": completeness(timezone.now()), "nav": "statements",
        "terms": terms_of_ib(ib=ib, day=settlement_day(timezone.now())),
        "zone": current_broker().settlement_zone,
    }  # fmt: skip
    return render(request, "portal/statements/list.html", context)


def statement_in_words(statement: Statement) -> dict[str, object]:
    """Return a statement with its pill and sentences, for a template."""
    kind, icon = PILLS[statement.state]
    return {
        "row": statement, "pill": kind, "icon": icon, "last": statement.to_day - _DAY,
        "words": carried_words(statement), "carried": statement.carried_out + statement.due_out,
    }  # fmt: skip


@requires_ib
@require_safe
def statement_page(request: ActorRequest, pk: int) -> HttpResponse:
    """Show one statement: figures, what is carried and why, payouts, and its first lines."""
    statement = get_object_or_404(statements_visible_to(request.actor), pk=pk)
    context = {
        **statement_in_words(statement), **lines_for_page(statement), "side": PARTNER,
        "zone": current_broker().settlement_zone, "nav": "statements", "completeness": completeness(timezone.now()),
    }  # fmt: skip
    return render(request, "portal/statements/page.html", context)


@requires_ib
@require_safe
def statement_file(request: ActorRequest, pk: int, kind: str) -> HttpResponseBase:
    """Send one of the IB's statements with every line as a file; clients' names are masked."""
    statement = get_object_or_404(statements_visible_to(request.actor), pk=pk)
    if kind not in CONTENT_TYPES or statement.payee.ib is None:
        raise Http404
    return send_file(statement, kind)


def lines_for_page(statement: Statement) -> dict[str, object]:
    """Return a statement's first lines and its payouts, for a template."""
    lines = first_lines(statement, limit=LINES_SHOWN + 1)
    return {
        "payouts": payouts_of(statement), "has_more": len(lines) > LINES_SHOWN,
        "lines": [{"line": line, "login": login_text(line, whole=True)} for line in lines[:LINES_SHOWN]],
    }  # fmt: skip


def send_file(statement: Statement, kind: str) -> HttpResponseBase:
    """Return the file with every line, for whom the statement pays."""
    file = export_file(statement_sheet(statement, full_logins=True), kind)
    return FileResponse(
        file, as_attachment=True, filename=f"statement-{statement.pk}.{kind}", content_type=CONTENT_TYPES[kind]
    )
