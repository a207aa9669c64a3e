"""A trader's own accounts: how they stand, what is open, what was closed."""

from datetime import datetime
from decimal import Decimal

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from access.decorators import ActorRequest, requires_client
from commissions.shares import shares_of
from trading.live import STALE_AFTER, watch_accounts
from trading.queries import AccountStanding, account_standing, account_standings, accounts_visible_to, closed_trades
from ui.fragments import is_fragment

TRADES_PER_PAGE = 25


@requires_client
@require_safe
def home(request: ActorRequest) -> HttpResponse:
    """Show the accounts as cards and everything that is open now; the page asks again every few seconds."""
    standings = account_standings(accounts_visible_to(request.actor))
    watch_accounts(standing.pk for standing in standings)
    now = timezone.now()
    context = {
        "nav": "accounts",
        "now": now,
        "stale_before": now - STALE_AFTER,
        "standings": standings,
        "totals": equity_totals(standings),
        "positions": [position for standing in standings for position in standing.positions],
    }
    name = "_standings.html" if is_fragment(request) else "home.html"
    return render(request, f"portal/accounts/{name}", context)


@requires_client
@require_safe
def account(request: ActorRequest, account_id: int) -> HttpResponse:
    """Show one account with its closed trades, a page at a time."""
    trading_account = get_object_or_404(accounts_visible_to(request.actor), pk=account_id)
    watch_accounts([trading_account.pk])
    now = timezone.now()
    state = {"now": now, "stale_before": now - STALE_AFTER, "standing": account_standing(trading_account)}
    if is_fragment(request) and request.GET.get("part") == "state":
        return render(request, "portal/accounts/_state.html", state)
    before = request.GET.get("before") or None
    page = closed_trades(account=trading_account, before=before, limit=TRADES_PER_PAGE)
    context = {"page": page, "before": before, "currency": trading_account.mt_group.currency}
    context["shown_net"] = sum((trade.net for trade in page.rows), Decimal(0))
    shares = shares_of(client_id=trading_account.client_id, deal_pks=[trade.pk for trade in page.rows])
    context["trades"] = [(trade, shares.get(trade.pk)) for trade in page.rows]
    if is_fragment(request):
        return render(request, "portal/accounts/_trades.html", context)
    context |= {"nav": "accounts", **state}
    return render(request, "portal/accounts/account.html", context)


def equity_totals(standings: list[AccountStanding]) -> list[tuple[str, Decimal, datetime]]:
    """Return for each currency the equity of its accounts together, and the oldest state among them."""
    known = [s for s in standings if s.equity is not None and s.taken_at is not None]
    return [
        (
            currency,
            sum((s.equity for s in known if s.currency == currency), Decimal(0)),
            min(s.taken_at for s in known if s.currency == currency),
        )
        for currency in sorted({s.currency for s in known})
    ]
