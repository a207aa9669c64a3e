"""The engine's verdicts in words: a short label for lists, and the sentence that says why and what follows."""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from commissions.calculation.verdicts import HELD, Verdict


@dataclass(frozen=True, slots=True)
class VerdictWords:
    """What people read for one verdict."""

    label: Promise
    why: Promise


WORDS: dict[Verdict, VerdictWords] = {
    Verdict.NOT_COUNTED: VerdictWords(
        _("Not counted"), _("The rebate plan counts no part of this deal, so there is nothing to judge.")
    ),
    Verdict.PAID: VerdictWords(_("Paid"), _("The deal earned this rebate.")),
    Verdict.IB_INACTIVE: VerdictWords(_("Partner inactive"), _("The agreement was not active when the deal was made.")),
    Verdict.NO_RATE: VerdictWords(
        _("No rate"), _("The plan in force at the time has no rate for this symbol and account type.")
    ),
    Verdict.SELF_TRADE: VerdictWords(
        _("Own trade"), _("The client is the partner; the plan does not pay for own trades.")
    ),
    Verdict.EXCLUDED_REASON: VerdictWords(
        _("Excluded"), _("The plan leaves out deals that were made in this way, for instance by the dealer.")
    ),
    Verdict.CLOSE_BY_COUNTED_ONCE: VerdictWords(
        _("Counted once"), _("Two positions closed each other; the plan counts such a pair once, at the other deal.")
    ),
    Verdict.BELOW_MIN_HOLD: VerdictWords(
        _("Held too short"), _("The position was open for less time than the plan asks for.")
    ),
    Verdict.LEVEL_NOT_COVERED: VerdictWords(
        _("Level not covered"), _("The plan pays nothing at this distance from the client.")
    ),
    Verdict.NOT_ENTITLED: VerdictWords(
        _("Nothing left"),
        _("Nothing remains at this level: the plan pays nothing here, or all of it was paid below."),
    ),
    Verdict.UNKNOWN_LOT_FACTOR: VerdictWords(
        _("Waits: lot factor"),
        _("The account group’s lot factor is not set yet. The rebate is computed as soon as it is."),
    ),
    Verdict.MISSING_DATA: VerdictWords(
        _("Waits: data"),
        _(
            _(
        _("A quote or an opening deal that the plan needs has not come yet. The rebate is computed once it has."),
            ),
        ),
    ),
    Verdict.NO_FX_RATE: VerdictWords(
        _("Waits: exchange rate"),
        _("There is no exchange rate for that moment yet. The rebate is computed as soon as it arrives."),
    ),
    Verdict.ZERO_BASE: VerdictWords(
        _("Zero base"),
        _("What the plan takes its share of is zero for this deal: no commission, no spread or no profit."),
    ),
    Verdict.BUDGET_REACHED: VerdictWords(
        _("Budget used up"), _("The partners below have used up what the plan allows for one deal.")
    ),
    Verdict.CPA_RECOVERED: VerdictWords(
        _("Set against advance"), _("The whole rebate makes up an advance that was paid for this client.")
    ),
    Verdict.DEAL_REMOVED: VerdictWords(
        _("Taken back"),
        _("The deal no longer stands on the trading server, or its client left the network at that time."),
    ),
}


def tone(verdict: Verdict) -> str:
    """Return the kind of pill: paid is good, waiting is a warning, the rest is quiet."""
    if verdict is Verdict.PAID:
        return "ok plain"
    return "warn" if verdict in HELD else "mute"
