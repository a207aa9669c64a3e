"""Refusals of the commission engine, each with a sentence."""

from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from commissions.terms.types import Fault, FaultCode
from core.errors import DomainError

FAULT_SENTENCES: dict[FaultCode, Promise] = {
    FaultCode.MISSING: _("This value is missing."),
    FaultCode.UNKNOWN_KEY: _("Plans do not know this key here. Remove it or correct its name."),
    FaultCode.NOT_A_LIST: _("This must be a list."),
    FaultCode.NOT_A_TABLE: _("This must be a table of keys and values."),
    FaultCode.NOT_A_NUMBER: _('“%(value)s” is not a number. Write a number as text, like "12.50".'),
    FaultCode.NOT_WHOLE: _("“%(value)s” is not a whole number."),
    FaultCode.NOT_YES_OR_NO: _("“%(value)s” is neither true nor false."),
    FaultCode.NOT_TEXT: _("This must be a short text of at most 64 characters."),
    FaultCode.NEGATIVE: _("%(value)s is below zero. Rates, shares and amounts cannot be negative."),
    FaultCode.TOO_LARGE: _("%(value)s is too large."),
    FaultCode.TOO_PRECISE: _("%(value)s has more than 10 decimals."),
    FaultCode.OVER_100: _("%(value)s is over 100 percent. A share cannot be more than the whole."),
    FaultCode.NOT_ONE_OF: _("This must be one of: %(value)s."),
    FaultCode.NO_BASE: _(
        "A percentage or rate says nothing without its base. Name what it is taken of, like commission or spread."
    ),
    FaultCode.NO_CURRENCY: _("An amount needs its currency."),
    FaultCode.BAD_CURRENCY: _("“%(value)s” is not a currency code like USD."),
    FaultCode.NO_SELECTOR: _("Say which symbols this row is for: a symbol, a symbol group, or any."),
    FaultCode.TWO_SELECTORS: _("A row is for a symbol, a symbol group, or any: only one of them."),
    FaultCode.SAME_KEY: _(
        "Another row has the same symbols and the same MT group. Which one applies would be a guess."
    ),
    FaultCode.BAD_LEVEL: _("“%(value)s” is not a level here."),
    FaultCode.EMPTY: _("At least one step is needed."),
    FaultCode.NOT_RISING: _("Steps must rise: %(value)s is not above the step before."),
    FaultCode.NOT_FROM_ZERO: _("The first step must start at 0, not at %(value)s."),
    FaultCode.NEEDS_COUNT_ON_CLOSE: _(
        "The spread at the close can be used only by a plan that counts closing deals alone."
    ),
    FaultCode.NEEDS_DIFFERENCE: _("A share for equal ranks belongs to the mode “difference” only."),
    FaultCode.MARGINAL_CLIENTS: _("A number of clients cannot split a deal. Use another measure or another mode."),
    FaultCode.TWO_BUDGETS: _("A budget is either an amount per lot or a percentage, not both."),
}


def fault_sentence(fault: Fault) -> str:
    """Return the fault as a sentence in the language in force."""
    return str(FAULT_SENTENCES[fault.code]) % {"value": fault.value}


class PlanInvalid(DomainError):
    """The terms are refused; `faults` lists every field with its reason."""

    code = "plan_invalid"
    http_status = 422
    message = _("The plan is refused: %(problems)s")

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__(field=faults[0].field if faults else None)
        self.faults = faults

    def __str__(self) -> str:
        problems = "; ".join(f"{fault.field}: {fault_sentence(fault)}" for fault in self.faults)
        return str(self.message) % {"problems": problems}

    def as_list(self) -> list[dict[str, Any]]:
        """Return the faults for a form or an API answer: field path, code, sentence."""
        return [{"field": f.field, "code": f.code.value, "message": fault_sentence(f)} for f in self.faults]
