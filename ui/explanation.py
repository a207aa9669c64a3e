"""The engine's explanation of an amount in words: each step a line with what was done, how, and its result.

The steps come from `commissions.calculation`: the calculation itself, run with a recorder. Nothing is computed here."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from types import MappingProxyType
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from commissions.calculation import Step, Verdict
from commissions.terms import Base, Rate
from ui.exactness import fraction_text, plain_text
from ui.numbers import exact_text
from ui.verdicts import WHY, label
from ui.why_not import what_would_pay

TIMES, DIVIDED, LESS = "\N{MULTIPLICATION SIGN}", "\N{DIVISION SIGN}", "\N{MINUS SIGN}"
Values = Mapping[str, Any]
Names = Mapping[str, str]  # {code: name} of symbol groups
NO_NAMES: Names = MappingProxyType({})

BASES: dict[Base, Promise] = {
    Base.PER_LOT: gettext_lazy("per lot"),
    Base.PER_MILLION: gettext_lazy("per million of turnover"),
    Base.POINTS: gettext_lazy("points"),
    Base.SPREAD: gettext_lazy("of the spread"),
    Base.COMMISSION: gettext_lazy("of the commission"),
    Base.PROFIT: gettext_lazy("of the client’s profit"),
    Base.REVENUE: gettext_lazy("of the revenue"),
}
PARTS: dict[str, Promise] = {
    "opening": gettext_lazy("opening part"),
    "closing": gettext_lazy("closing part"),
    "undivided": gettext_lazy("whole deal"),
}
SPREADS: dict[str, Promise] = {
    "open": gettext_lazy("spread at the opening"),
    "close": gettext_lazy("spread at the closing"),
    "half_and_half": gettext_lazy("mean of the spreads at opening and closing"),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One step for people: what, how, and the result with its unit."""

    what: str
    how: str
    result: str = ""
    unit: str = ""


def lines(steps: Iterable[Step], names: Names = NO_NAMES) -> list[Line]:
    """Return the steps in words, in their order."""
    return [_WORDS[step.code]({**step.values, "names": names}) for step in steps]


def machine_readable(steps: Iterable[Step]) -> list[dict[str, Any]]:
    """Return the steps for a download: figures as exact text."""
    return [{"step": step.code, **{name: _plain(value) for name, value in step.values.items()}} for step in steps]


def rate_text(rate: Rate) -> str:
    """Return a rate as people say it: 9 USD per lot, 20% of the spread, 3 points."""
    return _rate_text(rate, rate.value)


def part_of_rate_text(rate: Rate, value: Decimal) -> str:
    """Return a part of a rate in the rate's own unit: 5.4 USD per lot."""
    return _rate_text(rate, value)


def rate_scope(rate: Rate, names: Names = NO_NAMES) -> str:
    """Return what a rate row applies to: a symbol, a symbol group, or everything; and the account group."""
    group = names.get(rate.symbol_group, rate.symbol_group) if rate.symbol_group else None
    scope = rate.symbol or group or _("all symbols")
    return f"{scope} · {rate.mt_group}" if rate.mt_group else scope


def rate_levels(rate: Rate) -> str:
    """Return the rates of the levels above the direct one, where a row has them."""
    each = (_("level %(level)s: %(rate)s") % {"level": n, "rate": _rate_text(rate, value)} for n, value in rate.levels)
    return ", ".join(each)


def _rate_text(rate: Rate, value: Decimal) -> str:
    figure, words = exact_text(value, 0), str(BASES[rate.base])
    if rate.base is Base.POINTS:
        return f"{figure} {words}"
    if rate.currency:
        return f"{figure} {rate.currency} {words}"
    return f"{figure}% {words}"


def _of_row(values: Values) -> Line:
    rate = values["row"]
    chosen = dict(rate.levels).get(values["level"]) if values["level"] > 1 else None
    how = _("Level %(level)s; the plan’s rate for %(scope)s") % {
        "level": values["level"], "scope": rate_scope(rate, values["names"]),
    }  # fmt: skip
    return Line(_("Rate"), how, _rate_text(rate, rate.value if chosen is None else chosen))


def _counted(values: Values) -> Line:
    parts = " + ".join(_part(part) for part in values["parts"])
    if values["lot_factor"] is None:
        return Line(_("Counted lots"), parts + " · " + _("The account group has no lot factor yet."))
    factor = _("account group’s lot factor %(factor)s") % {"factor": _f(values["lot_factor"])}
    return Line(_("Counted lots"), f"{parts} {TIMES} {factor}", _f(values["lots"]), _("lots"))


def _part(part: Values) -> str:
    text = f"{_f(part['lots'])} ({PARTS[part['part']]}"
    if part["held_seconds"] is not None:
        text += ", " + _("held for %(seconds)s s") % {"seconds": _f(part["held_seconds"])}
    return text + ")"


def _per_lot(values: Values) -> Line:
    return Line(_("Base"), _("The counted lots"), _f(values["lots"]), _("lots"))


def _per_million(values: Values) -> Line:
    how = f"{_f(values['lots'])} {TIMES} {_f(values['contract_size'])} {TIMES} {_f(values['price'])}"
    return Line(_("Turnover: lots × contract size × price"), how, _f(values["notional"]), values["currency"])


def _points(values: Values) -> Line:
    how = f"{_f(values['lots'])} {TIMES} {_f(values['contract_size'])} {DIVIDED} 10^{values['digits']}"
    return Line(_("Value of one point"), how, _f(values["value"]), values["currency"])


def _spread(values: Values) -> Line:
    counted = values["spread"] if values["capped"] is None else values["capped"]
    how = f"{_f(values['lots'])} {TIMES} {_f(counted)} {TIMES} {_f(values['contract_size'])} ({SPREADS[values['at']]})"
    if values["capped"] is not None:
        how += " · " + _("spread %(spread)s cut to the plan’s limit") % {"spread": _f(values["spread"])}
    what = _("Spread, %(part)s: lots × spread × contract size") % {"part": PARTS[values["part"]]}
    return Line(what, how, _f(values["value"]), values["currency"])


def _commission(values: Values) -> Line:
    how = _("of this deal %(own)s, its share of the opening deal %(opening)s")
    filled = how % {"own": _f(-values["own"]), "opening": _f(-values["opening"])}
    return Line(_("Commission charged to the client"), filled, _f(values["value"]), values["currency"])


def _profit(values: Values) -> Line:
    return Line(
        _("Client’s profit on this deal"), _("A loss counts as zero."), _f(values["profit"]), values["currency"]
    )


def _swap(values: Values) -> Line:
    return Line(
        _("Swap, taken off"), _("The client’s view; charged is negative."), _f(values["swap"]), values["currency"]
    )


def _revenue(values: Values) -> Line:
    return Line(_("Revenue"), _("Spread and commission together"), _f(values["value"]), values["currency"])


def _times_rate(values: Values) -> Line:
    how = f"{_f(values['base'])} {TIMES} {_f(values['multiplier'])}"
    return Line(_("Base × rate"), how, _f(values["amount"]), values["currency"])


def _tier(values: Values) -> Line:
    how = " + ".join(f"{_f(piece.share)} {TIMES} {_f(piece.factor)}" for piece in values["pieces"])
    return Line(_("Tier factor %(factor)s") % {"factor": _f(values["factor"])}, how, _f(values["amount"]))


def _converted(values: Values) -> Line:
    what = _("Converted from %(source)s to %(target)s") % {"source": values["source"], "target": values["target"]}
    how = f"{_f(values['amount'])} {TIMES} {_f(values['rate'])}"
    quotes = ", ".join(f"{pair} {moment:%Y-%m-%d %H:%M} UTC" if moment else pair for pair, moment in values["quotes"])
    return Line(what, f"{how} ({quotes})" if quotes else how, _f(values["result"]), values["target"])


def _difference(values: Values) -> Line:
    how = f"{_f(values['own'])} {LESS} {_f(values['below'])}"
    paid = " + ".join(f"{_f(each['amount'])} {each['currency']}" for each in values["paid"])
    if paid:
        how += " (" + _("paid below: %(paid)s") % {"paid": paid} + ")"
    return Line(_("Entitlement less what was paid below"), how, _f(values["amount"]), values["currency"])


def _same_rank(values: Values) -> Line:
    how = _("%(percent)s%% of %(paid)s, paid to the nearest partner below of the same rank %(rank)s")
    filled = how % {"percent": _f(values["percent"]), "paid": _f(values["paid"]), "rank": values["rank"]}
    return Line(_("Share for equal rank"), filled, _f(values["amount"]), values["currency"])


def _share_of(what: Promise) -> Callable[[Values], Line]:
    def worded(values: Values) -> Line:
        how = f"{_f(values['percent'])}% {TIMES} {_f(values['paid'])} {values['paid_currency']}"
        return Line(str(what), how, _f(values["amount"]), values["currency"])

    return worded


def _split_kept(values: Values) -> Line:
    how = f"{_f(values['percent'])}% {TIMES} {_f(values['entitled'])}"
    return Line(_("Own share; the rest goes to the partner above"), how, _f(values["kept"]), values["currency"])


def _split_rest(values: Values) -> Line:
    return Line(
        _("Left by the partner below"), _("By the split of its agreement"), _f(values["amount"]), values["currency"]
    )


def _rolled_up(values: Values) -> Line:
    how = _("From inactive partners below")
    return Line(_("Rolled up"), how, f"+{_f(values['amount'])}", values["currency"])


def _rolls_up(values: Values) -> Line:
    how = _("The agreement is inactive; the amount goes to the next active partner above")
    return Line(_("Rolls up"), how, _f(values["amount"]), values["currency"])


def _capped(values: Values) -> Line:
    how = _("%(pay)s is more than the plan pays for one deal") % {"pay": _f(values["pay"])}
    return Line(_("Cut to the limit per deal"), how, _f(values["most"]), values["currency"])


def _budget(values: Values) -> Line:
    how = _("All partners of one deal together get at most %(limit)s %(currency)s; left at this level:")
    filled = how % {"limit": _f(values["limit"]), "currency": values["limit_currency"]}
    return Line(_("Budget of the chain"), filled, _f(values["room"]), values["currency"])


def _client_share(values: Values) -> Line:
    how = _("%(percent)s%%, that is %(given)s, goes to the client")
    filled = how % {"percent": _f(values["percent"]), "given": _f(values["given"])}
    return Line(_("Client’s own share"), filled, _f(values["kept"]), values["currency"])


def _client_part(values: Values) -> Line:
    return Line(_("Client’s own share"), _("In the account’s currency"), _f(values["amount"]), values["currency"])


def _recovered(values: Values) -> Line:
    how = _("%(held)s makes up the advance paid for this client") % {"held": _f(values["held_back"])}
    return Line(_("Set against the advance"), how, _f(values["kept"]), values["currency"])


def _rounded(values: Values) -> Line:
    exact = values["exact"]
    booked = Fraction(round(exact * 10**8), 10**8)
    how = _("Rounded once, to 8 decimals, half to even") if booked != exact else _("Nothing to round")
    return Line(_("Rebate"), how, fraction_text(booked, 2), values["currency"])


def _stopped(values: Values) -> Line:
    verdict = Verdict[values["verdict"].upper()]
    return Line(label(verdict), f"{WHY[verdict]} {what_would_pay(values)}".strip())


def _f(value: Fraction | Decimal | int) -> str:
    return fraction_text(value)


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Fraction | Decimal):
        return plain_text(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if hasattr(value, "__dataclass_fields__"):
        return {name: _plain(getattr(value, name)) for name in value.__dataclass_fields__}
    return value


_WORDS: dict[str, Callable[[Values], Line]] = {
    "rate_row": _of_row,
    "counted": _counted,
    "base_per_lot": _per_lot,
    "base_per_million": _per_million,
    "base_points": _points,
    "base_spread": _spread,
    "base_commission": _commission,
    "base_profit": _profit,
    "base_swap": _swap,
    "base_revenue": _revenue,
    "times_rate": _times_rate,
    "tier": _tier,
    "converted": _converted,
    "difference": _difference,
    "same_rank": _same_rank,
    "percent_of_child": _share_of(gettext_lazy("Share of what the partner directly below was paid")),
    "percent_of_direct": _share_of(gettext_lazy("Share of what the client’s direct partner was paid")),
    "split_kept": _split_kept,
    "split_rest": _split_rest,
    "rolled_up": _rolled_up,
    "rolls_up": _rolls_up,
    "capped": _capped,
    "budget": _budget,
    "client_share": _client_share,
    "client_part": _client_part,
    "recovered": _recovered,
    "rounded": _rounded,
    "stopped": _stopped,
}
