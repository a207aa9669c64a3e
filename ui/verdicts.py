"""The engine's verdicts for people: the sentence that says why and what follows, and how loud a list shows it."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from commissions.calculation import HELD, Verdict
from commissions.enums import VERDICT_LABELS

WHY: dict[Verdict, Promise] = {
    Verdict.NOT_COUNTED: _("The rebate plan counts no part of this deal, so there is nothing to judge."),
    Verdict.PAID: _("The deal earned this rebate."),
    Verdict.IB_INACTIVE: _("The agreement was not active when the deal was made."),
    Verdict.NO_RATE: _("The plan in force at the time has no rate for this symbol and account type."),
    Verdict.SELF_TRADE: _("The client is the partner; the plan does not pay for own trades."),
    Verdict.EXCLUDED_REASON: _("The plan leaves out deals that were made in this way, for instance by the dealer."),
    Verdict.CLOSE_BY_COUNTED_ONCE: _(
        "Two positions closed each other; the plan counts such a pair once, at the other deal."
    ),
    Verdict.BELOW_MIN_HOLD: _("The position was open for less time than the plan asks for."),
    Verdict.LEVEL_NOT_COVERED: _("The plan pays nothing at this distance from the client."),
    Verdict.NOT_ENTITLED: _("Nothing remains at this level: the plan pays nothing here, or all of it was paid below."),
    Verdict.UNKNOWN_LOT_FACTOR: _(
        "The account group’s lot factor is not set yet. The rebate is computed as soon as it is."
    ),
    Verdict.MISSING_DATA: _(
        "A quote or an opening deal that the plan needs has not come yet. The rebate follows once it has."
    ),
    Verdict.NO_FX_RATE: _(
        "There is no exchange rate for that moment yet. The rebate is computed as soon as it arrives."
    ),
    Verdict.ZERO_BASE: _(
        "What the plan takes its share of is zero for this deal: no commission, no spread or no profit."
    ),
    Verdict.BUDGET_REACHED: _("The partners below have used up what the plan allows for one deal."),
    Verdict.CPA_RECOVERED: _("The whole rebate makes up an advance that was paid for this client."),
    Verdict.TOO_LARGE: _(
        "An amount of this deal is larger than anything that can be booked, so its volume, its price or a rate must be "
        "wrong. Nobody is paid for it until that is put right."
    ),
    Verdict.DEAL_REMOVED: _(
        "The deal no longer stands on the trading server, or its client left the network at that time."
    ),
}


def label(verdict: Verdict) -> str:
    """Return the short label for lists."""
    return str(VERDICT_LABELS[verdict])


def tone(verdict: Verdict) -> str:
    """Return the kind of pill: paid is good, waiting is a warning, the rest is quiet."""
    if verdict is Verdict.PAID:
        return "ok plain"
    return "warn" if verdict in HELD or verdict is Verdict.TOO_LARGE else "mute"
