"""The overview: what needs a decision, and how the walk of each MT server stands."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from django.http import HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from access.decorators import ActorRequest, requires
from backoffice.menu import waiting_counts
from backoffice.shell import show
from backoffice.tiles import tiles_for
from commissions.impossible import impossible_counts
from commissions.proof.queries import last_proof
from commissions.staff import booked_for_day
from mt4bridge.queries import error_in_words
from tenancy.context import current_broker
from trading.queries import ServerHealth, server_healths
from ui.fragments import is_fragment

NOT_MODIFIED = 304


@requires("backoffice.view_overview")
@require_safe
def overview(request: ActorRequest) -> HttpResponse:
    """Show the state now; the page asks again and gets 304 while nothing has changed."""
    now, zone = timezone.now(), current_broker().settlement_zone
    today = now.astimezone(ZoneInfo(zone)).date()
    impossible, waiting = impossible_counts(), waiting_counts(request.actor, now=now)
    figures = {
        "servers": [_in_words(health, impossible) for health in server_healths()],
        "tiles": tiles_for(request.actor, waiting),
        "rebates": booked_for_day(day=today),
        "proof": last_proof(),
        "today": today,
        "zone": zone,
    }
    tag = hashlib.sha256(repr(figures).encode()).hexdigest()[:16]
    if is_fragment(request) and request.headers.get("HX-PTag") == tag:
        return HttpResponse(status=NOT_MODIFIED)
    response = show(
        request,
        "overview/page.html",
        figures | {"tag": tag},
        nav="overview",
        part="overview/_figures.html",
        waiting=waiting,
    )
    response.headers["HX-PTag"] = tag
    return response


@dataclass(frozen=True, slots=True)
class Server:
    """The health of an MT server, with what went wrong last as a sentence; "" while all is well."""

    health: ServerHealth
    trouble: str
    too_large: int  # deals with an amount that cannot be booked


def _in_words(health: ServerHealth, impossible: Mapping[int, int]) -> Server:
    failing = health.failures and health.last_error_code
    words = error_in_words(code=health.last_error_code, fields=health.last_error_fields) if failing else ""
    return Server(health, words, impossible.get(health.server_id, 0))
