"""The audit trail: who did what to which object, with what was there before and after."""

from django.http import HttpResponse
from django.views.decorators.http import require_safe

from access.decorators import ActorRequest, requires
from access.queries import audit_visible_to
from backoffice.audit_words import told
from backoffice.forms.audit import AuditFilter
from backoffice.lists import newest_first
from backoffice.shell import UNPROCESSABLE, show


@requires("access.view_audit")
@require_safe
def audit_list(request: ActorRequest) -> HttpResponse:
    """List events, newest first, narrowed by person, action, object and day."""
    form = AuditFilter(request.GET)
    rows = audit_visible_to(request.actor)
    page = newest_first(form.narrow(rows), time="at", before=request.GET.get("before", ""))
    status = 200 if form.is_valid() else UNPROCESSABLE
    context = {"page": page, "rows": [told(event) for event in page.rows], "form": form}
    return show(request, "audit/list.html", context, nav="audit", part="audit/_list.html", status=status)
