"""A trader's own rebates: the part that the IB passes on, statement by statement, with the files."""

from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from access.decorators import ActorRequest, requires_client
from commissions.models import Payee
from commissions.settlement.days import settlement_day
from commissions.settlement.pages import own_statements, unsettled
from commissions.settlement.terms import terms_in_force
from portal.statements import SIZE, lines_for_page, send_file, statement_in_words
from tenancy.context import current_broker
from trading.completeness import completeness
from ui.exports import CONTENT_TYPES
from ui.fragments import is_fragment
from ui.paging import Cursor, page_of

TRADER = {
    "list_view": "portal:own_rebates", "page_view": "portal:own_statement", "file_view": "portal:own_statement_file",
    "title": gettext_lazy("Your rebates"),
    "none": gettext_lazy(
        "When your IB shares its rebates with you, each trade earns you a part, and a statement sums them up when its "
        "period has ended."
    ),
}  # fmt: skip


@requires_client
@require_safe
def own_rebates(request: ActorRequest) -> HttpResponse:
    """List the trader's statements, newest first, under what has come together since the last one."""
    before = Cursor.parse(request.GET["before"]) if request.GET.get("before") else None
    rows = own_statements(request.actor)
    if before:
        rows = rows.filter(pk__lt=before.id)
    found = list(rows.order_by("-pk")[: SIZE + 1])
    page = page_of(found, size=SIZE, place=lambda row: Cursor(row.cut_at or timezone.now(), row.pk), before=before)
    context = {"side": TRADER, "page": page, "rows": [statement_in_words(row) for row in page.rows]}
    if is_fragment(request):
        return render(request, "portal/statements/_list.html", context)
    payees = list(Payee.objects.filter(client_id=request.actor.client_id).order_by("currency"))
    terms = terms_in_force(payees=payees, day=settlement_day(timezone.now()))
    context |= {
        "payees": [{"payee": one, "terms": terms[one.pk], "running": unsettled(one)} for one in payees],
        "completeness": completeness(timezone.now()), "nav": "own_rebates", "zone": current_broker().settlement_zone,
    }  # fmt: skip
    return render(request, "portal/own_rebates/list.html", context)


@requires_client
@require_safe
def own_statement(request: ActorRequest, pk: int) -> HttpResponse:
    """Show one of the trader's statements: figures, what is carried and why, payouts, and its first lines."""
    statement = get_object_or_404(own_statements(request.actor), pk=pk)
    context = {
        **statement_in_words(statement), **lines_for_page(statement), "side": TRADER, "nav": "own_rebates",
        "zone": current_broker().settlement_zone, "completeness": completeness(timezone.now()),
    }  # fmt: skip
    return render(request, "portal/statements/page.html", context)


@requires_client
@require_safe
def own_statement_file(request: ActorRequest, pk: int, kind: str) -> HttpResponseBase:
    """Send one of the trader's statements with every line as a file."""
    statement = get_object_or_404(own_statements(request.actor), pk=pk)
    if kind not in CONTENT_TYPES:
        raise Http404
    return send_file(statement, kind)
