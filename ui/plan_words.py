"""The terms of a rebate plan in words: its conditions beside the rate rows. Nothing is decided here."""

from collections.abc import Callable
from decimal import Decimal

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from commissions.terms import BudgetOf, CloseBy, CountOn, Inactive, Terms, TierMeasure, TierMode, TierScope, UplineMode
from mt4bridge.enums import DealReason
from ui.numbers import exact_text

Condition = tuple[str, str]  # what it is about, what the plan says

COUNTED: dict[CountOn, Promise] = {
    CountOn.CLOSE: gettext_lazy("Closing deals count."),
    CountOn.OPEN: gettext_lazy("Opening deals count."),
    CountOn.BOTH: gettext_lazy("Opening and closing deals count, each with its own volume."),
}
UPLINES: dict[UplineMode, Promise] = {
    UplineMode.NONE: gettext_lazy("Only direct clients are paid for."),
    UplineMode.BY_LEVEL: gettext_lazy("Clients of partners below are paid for at a rate of their level."),
    UplineMode.DIFFERENCE: gettext_lazy(
        "For clients of partners below you get your own rate less what was paid below you."
    ),
    UplineMode.PERCENT_OF_CHILD: gettext_lazy(
        "For clients of partners below you get %(percent)s%% of what the partner directly below you was paid, on top."
    ),
    UplineMode.PERCENT_OF_DIRECT: gettext_lazy(
        "For clients of partners below you get a share of what their direct partner was paid, on top: %(percents)s."
    ),
    UplineMode.SPLIT: gettext_lazy("You get what the partner directly below you leaves of its own rate."),
}
MEASURES: dict[TierMeasure, Promise] = {
    TierMeasure.LOTS: gettext_lazy("lots"),
    TierMeasure.NOTIONAL_USD: gettext_lazy("turnover in USD"),
    TierMeasure.ACTIVE_CLIENTS: gettext_lazy("active clients"),
}
SCOPES: dict[TierScope, Promise] = {
    TierScope.DIRECT: gettext_lazy("of direct clients"),
    TierScope.NETWORK: gettext_lazy("of the whole network"),
}
TIER_MODES: dict[TierMode, Promise] = {
    TierMode.WHOLE_PERIOD: gettext_lazy("the factor holds for the whole month"),
    TierMode.MARGINAL: gettext_lazy("each factor holds for the part above its step"),
    TierMode.NEXT_PERIOD: gettext_lazy("the factor holds for the next month"),
}


def conditions(terms: Terms) -> list[Condition]:
    """Return everything that the terms say beside their rates, in the order of the calculation."""
    found = [(_("What counts"), str(COUNTED[terms.count_on]))]
    for title, say in _OPTIONAL:
        text = say(terms)
        if text:
            found.append((str(title), text))
    return found


def _upline(terms: Terms) -> str:
    upline = terms.upline
    percents = ", ".join(
        _("level %(level)s: %(percent)s%%") % {"level": level, "percent": _n(percent)}
        for level, percent in upline.percents
    )
    text = str(UPLINES[upline.mode]) % {"percent": _n(upline.percent or Decimal(0)), "percents": percents}
    if upline.max_level is not None:
        text += " " + _("Up to level %(level)s.") % {"level": upline.max_level}
    if upline.same_rank_percent is not None:
        text += " " + _("A partner of your own rank below you: %(percent)s%% of what it was paid.") % {
            "percent": _n(upline.same_rank_percent)
        }
    if upline.inactive is Inactive.ROLL_UP:
        text += " " + _("What an inactive partner would get goes to the next active one above.")
    return text


def _close_by(terms: Terms) -> str:
    if terms.count_on is CountOn.OPEN or terms.close_by is CloseBy.BOTH:
        return ""
    return _("Two positions that close each other count once.")


def _min_hold(terms: Terms) -> str:
    seconds = terms.min_hold_seconds
    return ngettext("At least %(n)s second.", "At least %(n)s seconds.", seconds) % {"n": seconds} if seconds else ""


def _excluded(terms: Terms) -> str:
    return ", ".join(str(DealReason[name.upper()].label) for name in terms.exclude_reasons)


def _self_trades(terms: Terms) -> str:
    return _("They are paid for.") if terms.self_trades_pay else _("They are not paid for.")


def _cap(terms: Terms) -> str:
    cap = terms.cap_per_order
    return _("At most %(amount)s %(currency)s.") % {"amount": _n(cap.amount), "currency": cap.currency} if cap else ""


def _budget(terms: Terms) -> str:
    budget = terms.chain_budget
    if budget is None:
        return ""
    if budget.of is BudgetOf.PER_LOT:
        limit = _("%(amount)s %(currency)s per lot") % {"amount": _n(budget.value), "currency": budget.currency}
    elif budget.of is BudgetOf.SPREAD:
        limit = _("%(percent)s%% of the spread") % {"percent": _n(budget.value)}
    else:
        limit = _("%(percent)s%% of the commission") % {"percent": _n(budget.value)}
    return _("All partners of one deal together get at most %(limit)s.") % {"limit": limit}


def _client_rebate(terms: Terms) -> str:
    percent = terms.client_rebate_percent
    return _("%(percent)s%% of your rebate goes to the client.") % {"percent": _n(percent)} if percent else ""


def _tiers(terms: Terms) -> str:
    tiers = terms.tiers
    if tiers is None:
        return ""
    steps = ", ".join(
        _("from %(start)s: factor %(factor)s") % {"start": _n(step.start), "factor": _n(step.factor)}
        for step in tiers.steps
    )
    fields = {"measure": MEASURES[tiers.measure], "scope": SCOPES[tiers.scope], "mode": TIER_MODES[tiers.mode]}
    return _("By the month’s %(measure)s %(scope)s; %(mode)s.") % fields + " " + steps


def _cpa(terms: Terms) -> str:
    cpa = terms.cpa
    if cpa is None:
        return ""
    steps = ", ".join(
        _("from a net deposit of %(deposit)s: %(pay)s %(currency)s")
        % {"deposit": _n(step.net_deposit), "pay": _n(step.pay), "currency": cpa.currency}
        for step in cpa.steps
    )
    lots = " " + _("After %(lots)s closed lots.") % {"lots": _n(cpa.min_lots)} if cpa.min_lots else ""
    recover = " " + _("It is an advance on this client’s rebates.") if cpa.recover else ""
    return steps + "." + lots + recover


def _n(value: Decimal) -> str:
    return exact_text(value, 0)


_OPTIONAL: tuple[tuple[Promise, Callable[[Terms], str]], ...] = (
    (gettext_lazy("Partners below"), _upline),
    (gettext_lazy("Close by"), _close_by),
    (gettext_lazy("Shortest holding time"), _min_hold),
    (gettext_lazy("Left out"), _excluded),
    (gettext_lazy("Own trades"), _self_trades),
    (gettext_lazy("Tiers"), _tiers),
    (gettext_lazy("Limit per deal"), _cap),
    (gettext_lazy("Budget of the chain"), _budget),
    (gettext_lazy("Client’s own share"), _client_rebate),
    (gettext_lazy("For a new client"), _cpa),
)
