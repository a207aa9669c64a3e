"""An IB's rebates, deal by deal: what each gave, or the reason it gave nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from access.decorators import ActorRequest, requires_ib
from commissions.calculation import Verdict
from commissions.earnings import RebatePage, earned_days, rebates
from ib.models import IB
from portal.periods import CHIPS, Period, day_bounds, period_of, today_in
from tenancy.context import current_broker
from trading.completeness import completeness
from ui import verdicts
from ui.fragments import is_fragment

REBATES_PER_PAGE = 25
SHOWN_VERDICTS = [verdict for verdict in Verdict if verdict is not Verdict.NOT_COUNTED]


@dataclass(frozen=True, slots=True)
class Filters:
    """What the list is narrowed to."""

    period: Period
    client: str
    verdict: Verdict | None

    @property
    def is_narrowed(self) -> bool:
        return bool(self.client or self.verdict is not None)


@requires_ib
@require_safe
def rebate_list(request: ActorRequest) -> HttpResponse:
    """Show the deals of the chosen days, newest first, a page at a time."""
    now, zone = timezone.now(), current_broker().settlement_zone
    ib = get_object_or_404(IB, pk=request.actor.ib_id)
    filters = filters_of(request.GET, period_of(request.GET, today=today_in(zone, now)))
    before = request.GET.get("before") or None
    page = rebates(
        ib_id=ib.pk, days=day_bounds(filters.period, zone), verdict=filters.verdict, client=filters.client,
        before=before, limit=REBATES_PER_PAGE,
    )  # fmt: skip
    context = {"ib": ib, "page": page, "before": before, "filters": filters, "shown": shown_sum(page)}
    context["whole"] = None if filters.is_narrowed else whole_sum(ib, filters.period)
    if is_fragment(request):
        return render(request, "portal/rebates/_rows.html", context)
    context |= {"nav": "rebates", "chips": CHIPS, "zone": zone, "completeness": completeness(now)}
    context["verdicts"] = [(verdict.code, verdicts.label(verdict)) for verdict in SHOWN_VERDICTS]
    return render(request, "portal/rebates/list.html", context)


def filters_of(query: Mapping[str, str], period: Period) -> Filters:
    """Read the filters of an address; a verdict that does not exist narrows nothing."""
    known = {verdict.code: verdict for verdict in SHOWN_VERDICTS}
    return Filters(
        period=period, client=query.get("client", "").strip()[:40], verdict=known.get(query.get("verdict", ""))
    )


def shown_sum(page: RebatePage) -> Decimal:
    """Add up the rows of a page, in the IB's currency."""
    return sum((row.amount for row in page.rows), Decimal(0))


def whole_sum(ib: IB, period: Period) -> Decimal:
    """Add up the whole period from the roll-up: what all pages of the list sum to."""
    days = earned_days(ib_id=ib.pk, currency=ib.currency, first=period.first, last=period.last)
    return sum((day.total for day in days), Decimal(0))
