"""The bell: one's own notices, for everybody who signs in, in both doors."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from access.decorators import public
from access.queries import actor_for
from access.types import Actor
from notifications.queries import notices_of, unread_count
from notifications.services import mark_all_read, mark_read
from ui.fragments import is_fragment

SHOWN = 20
# Where a notice leads; what is not here leads to the start page.
PAGES = {
    "statement_approved": "portal:statements",
    "statement_paid": "portal:statements",
    "level_changed": "portal:level",
    "plan_to_accept": "portal:plan",
    "deals_held": "backoffice:held_deals",
    "round_failed": "backoffice:overview",
}


@public
@require_safe
def notices(request: HttpRequest) -> HttpResponse:
    """Show the bell with its list; the layout of both doors fetches it."""
    if not request.user.is_authenticated:
        return redirect("sign_in")
    if not is_fragment(request):
        return redirect("start")
    return _bell(request, actor_for(request.user))


@public
@require_POST
def read(request: HttpRequest) -> HttpResponse:
    """Mark one notice read and go where it leads, or mark all of them."""
    if not request.user.is_authenticated:
        return redirect("sign_in")
    actor = actor_for(request.user)
    wanted = request.POST.get("notice", "")
    if not (wanted.isascii() and wanted.isdigit() and len(wanted) <= 15):
        mark_all_read(actor=actor, now=timezone.now())
        return _bell(request, actor)
    notice = mark_read(notice_id=int(wanted), actor=actor, now=timezone.now())
    return redirect(PAGES.get(notice.kind, "start"))


def _bell(request: HttpRequest, actor: Actor) -> HttpResponse:
    context = {"notices": notices_of(actor, limit=SHOWN), "unread": unread_count(actor), "now": timezone.now()}
    return render(request, "partials/_notices.html", context)
