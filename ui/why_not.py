"""Why a payee got nothing, in full: what decided it on this deal, and what would have to be different.

`values` are those of the engine's step `stopped`. Conditional sentences only: nothing here promises money."""

from collections.abc import Callable, Mapping
from typing import Any

from django.utils.translation import gettext as _

from commissions.calculation import Verdict
from commissions.terms import Base
from mt4bridge.enums import DealReason
from ui.exactness import fraction_text

Values = Mapping[str, Any]


def what_would_pay(values: Values) -> str:
    """Return what decided the verdict and what would have to be different; "" for a paid one."""
    verdict = Verdict[values["verdict"].upper()]
    say = _ADVICE.get(verdict)
    return say(values) if say else ""


def _not_counted(values: Values) -> str:
    if values.get("count_on") == "open":
        return _("The plan counts opening deals; this one closes. An opening deal would have been counted.")
    return _("The plan counts closing deals; this one opens. The deal that closes the position will be counted.")


def _inactive(_values: Values) -> str:
    return _("It would have been paid if the agreement had been active when the deal was made.")


def _no_rate(values: Values) -> str:
    if not values.get("has_version", True):
        return _(
            "No version of a plan was in force at that moment. A version in force then would have to be published."
        )
    fields = {
        "symbol": values.get("symbol") or "?",
        "symbol_group": values.get("symbol_group") or _("none"),
        "mt_group": values.get("mt_group") or "?",
    }
    return (
        _(
            "The plan would need a rate for the symbol %(symbol)s, for its symbol group (%(symbol_group)s) or for all "
            "symbols, that holds for the account group %(mt_group)s."
        )
        % fields
    )


def _self_trade(_values: Values) -> str:
    return _("The plan would have to pay for own trades, or the client would have to be somebody else.")


def _reason(values: Values) -> str:
    name = str(values.get("reason", "")).upper()
    made = DealReason[name].label if name in DealReason.__members__ else _("unknown")
    return _("This deal was made by: %(reason)s. The plan leaves such deals out.") % {"reason": made}


def _close_by(_values: Values) -> str:
    return _("The other deal of the pair, the one with the smaller ticket, was counted instead.")


def _too_short(values: Values) -> str:
    fields = {"held": _seconds(values.get("held_seconds")), "least": _seconds(values.get("min_hold_seconds"))}
    return _("Held for %(held)s seconds; at least %(least)s seconds are asked for.") % fields


def _not_covered(values: Values) -> str:
    if values.get("max_level") is not None and values["level"] > values["max_level"]:
        fields = {"level": values["level"], "most": values["max_level"]}
        return _("The client stands at level %(level)s; the plan pays up to level %(most)s.") % fields
    return _("The plan would need a rate for level %(level)s.") % {"level": values["level"]}


def _not_entitled(values: Values) -> str:
    if values.get("mode") == "none":
        return _(
            "The plan pays for direct clients only. Another way to pay the partners above would have to be agreed."
        )
    if values.get("mode") == "difference":
        return _("The own rate would have to be higher than everything that was paid below.")
    return _("Something would have to be paid below, or left over by it.")


def _lot_factor(values: Values) -> str:
    return _("The broker has to set the lot factor of the account group %(group)s.") % {
        "group": values.get("mt_group") or "?"
    }


def _missing(values: Values) -> str:
    if values.get("missing") == "quote":
        return _("The bid and ask of the deal, or of its opening, never came from the trading server.")
    if values.get("missing") == "opening_deal":
        return _("The deal that opened the position never came from the trading server.")
    return _("The line below waits for a quote or an opening deal; this one waits for it.")


def _no_fx(values: Values) -> str:
    if values.get("missing"):
        return _("A rate of %(currency)s against USD, from that moment or before, is missing.") % {
            "currency": values["missing"]
        }
    return _("The line below waits for an exchange rate; this one waits for it.")


def _zero_base(values: Values) -> str:
    if values.get("base") == Base.PROFIT.value:
        return _("The client’s deal made no profit. The plan shares profits only.")
    if values.get("base") == Base.COMMISSION.value:
        return _("The client was charged no commission on this deal.")
    if values.get("base") in (Base.SPREAD.value, Base.REVENUE.value):
        return _("The broker earned nothing on this deal that the plan could share.")
    return _("What the plan multiplies its rate by is zero on this deal.")


def _budget(_values: Values) -> str:
    return _("The plan would need a larger budget for one deal, or the partners below would have to get less.")


def _recovered(_values: Values) -> str:
    return _("It is paid again once the advance has been made up.")


def _too_large(_values: Values) -> str:
    return _(
        "Correct the deal on the trading server, or publish a version of the plan with the right rate: it is then "
        "judged again by itself."
    )


def _removed(_values: Values) -> str:
    return _("The deal would have to stand on the trading server, with its client in this network at that time.")


def _seconds(value: Any) -> str:
    return "?" if value is None else fraction_text(value)


_ADVICE: dict[Verdict, Callable[[Values], str]] = {
    Verdict.NOT_COUNTED: _not_counted,
    Verdict.IB_INACTIVE: _inactive,
    Verdict.NO_RATE: _no_rate,
    Verdict.SELF_TRADE: _self_trade,
    Verdict.EXCLUDED_REASON: _reason,
    Verdict.CLOSE_BY_COUNTED_ONCE: _close_by,
    Verdict.BELOW_MIN_HOLD: _too_short,
    Verdict.LEVEL_NOT_COVERED: _not_covered,
    Verdict.NOT_ENTITLED: _not_entitled,
    Verdict.UNKNOWN_LOT_FACTOR: _lot_factor,
    Verdict.MISSING_DATA: _missing,
    Verdict.NO_FX_RATE: _no_fx,
    Verdict.ZERO_BASE: _zero_base,
    Verdict.BUDGET_REACHED: _budget,
    Verdict.CPA_RECOVERED: _recovered,
    Verdict.TOO_LARGE: _too_large,
    Verdict.DEAL_REMOVED: _removed,
}
