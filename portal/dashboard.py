"""An IB's first page: what was earned, what the ledger owes, who trades, and the newest rebates."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from access.decorators import ActorRequest, requires_ib
from access.types import Actor
from commissions.earnings import EarnedDay, earned_days, rebates, trading_clients
from core.money import Money
from ib.models import IB
from ib.queries.staff import clients_below
from ledger.enums import AccountKind, OwnerType
from ledger.queries import ledger_accounts_visible_to
from portal.network import level_below
from portal.periods import CHIPS, Period, day_bounds, period_of, today_in
from tenancy.context import current_broker
from trading.completeness import completeness
from ui import charts
from ui.numbers import exact_text, fixed
from ui.templatetags.ui import day, short_day

NEWEST = 8


@dataclass(frozen=True, slots=True)
class Figures:
    """The headline of a period; money in the IB's currency, lots counted."""

    earned: Money
    ready: Money  # what the ledger holds for the IB now, whatever the period
    lots: Decimal


@requires_ib
@require_safe
def dashboard(request: ActorRequest) -> HttpResponse:
    """Show the figures, the chart with its table, the first level of the network, the newest rebates."""
    now, zone = timezone.now(), current_broker().settlement_zone
    ib = get_object_or_404(IB, pk=request.actor.ib_id)
    period = period_of(request.GET, today=today_in(zone, now))
    earned = every_day(earned_days(ib_id=ib.pk, currency=ib.currency, first=period.first, last=period.last), period)
    context = {
        "nav": "dashboard",
        "ib": ib,
        "node": ib,
        "period": period,
        "chips": CHIPS,
        "zone": zone,
        "figures": figures(request.actor, ib, earned),
        "trading_clients": None,  # the page asks for both once it stands
        "all_clients": None,
        "days": earned[::-1],
        "chart": rebate_chart(earned, ib.currency),
        "earned_trend": charts.spark([each.total for each in earned], label=_("Trend of the rebate per day")),
        "lots_trend": charts.spark([each.lots for each in earned], label=_("Trend of the lots per day")),
        "has_earned": any(each.total for each in earned),
        "series": series_names(),
        "level": level_below(ib, depth=1, at=now, period=period),
        "newest": rebates(ib_id=ib.pk, days=day_bounds(period, zone), limit=NEWEST).rows,
        "completeness": completeness(now),
    }
    return render(request, "portal/partner/dashboard.html", context)


@requires_ib
@require_safe
def trading(request: ActorRequest) -> HttpResponse:
    """Send how many clients traded, which the page asks for once it stands: thousands may have to be counted."""
    now, zone = timezone.now(), current_broker().settlement_zone
    period = period_of(request.GET, today=today_in(zone, now))
    ib_id = get_object_or_404(IB, pk=request.actor.ib_id).pk
    context = {
        "trading_clients": trading_clients(ib_id=ib_id, first=period.first, last=period.last),
        "all_clients": clients_below(ib_id=ib_id, at=now),
    }
    return render(request, "portal/partner/_trading.html", context)


def figures(actor: Actor, ib: IB, earned: Sequence[EarnedDay]) -> Figures:
    """Return the headline figures; earned and lots are the sums of the chart's days."""
    accrued = ledger_accounts_visible_to(actor).filter(
        owner_type=OwnerType.IB, kind=AccountKind.IB_ACCRUED, currency=ib.currency
    )
    ready = sum((account.balance.available for account in accrued.order_by("pk")), Decimal(0))
    return Figures(
        earned=Money(sum((each.total for each in earned), Decimal(0)), ib.currency),
        ready=Money(ready, ib.currency),
        lots=sum((each.lots for each in earned), Decimal(0)),
    )


def every_day(earned: Sequence[EarnedDay], period: Period) -> list[EarnedDay]:
    """Return one row for each day of the period, days without deals as zeros."""
    known = {each.day: each for each in earned}
    return [known.get(each, EarnedDay(each, Decimal(0), Decimal(0), Decimal(0), 0)) for each in period.days]


def series_names() -> tuple[str, str]:
    """Return the names of the chart's two colours."""
    return _("Direct clients"), _("Through partners below")


def rebate_chart(earned: Sequence[EarnedDay], currency: str) -> SafeString:
    """Draw the rebate of each day."""
    direct, through = series_names()
    return charts.stacked_bars(
        [charts.Column(short_day(each.day), day(each.day)) for each in earned],
        [
            charts.Series(direct, [each.direct for each in earned]),
            charts.Series(through, [each.through_ibs for each in earned]),
        ],
        title=_("Rebate per day, by direct clients and partners below"),
        value=lambda amount: f"{exact_text(amount)} {currency}",
        tick=lambda amount: fixed(amount, max(0, -int(amount.normalize().as_tuple().exponent))),
    )
