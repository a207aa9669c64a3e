"""The chain budget: what all payees of one deal may get together. The direct IB's version sets it."""

from collections.abc import Iterable
from fractions import Fraction

from commissions.calculation.bases import OPENING_DEAL, Measured, Measuring, commission_value, spread_value
from commissions.calculation.counting import counted_parts
from commissions.calculation.facts import ZERO, DealFacts, Member, PartKind
from commissions.calculation.money import Exchange, Recorder, Uncomputable
from commissions.calculation.verdicts import Verdict
from commissions.terms import BudgetOf, ChainBudget, CountOn, SpreadAt, Terms

Amounts = Iterable[tuple[Fraction, str]]


class Budget:
    """Measured when the first payee needs it; filled from the client upwards."""

    def __init__(self, deal: DealFacts, direct: Member, exchange: Exchange) -> None:
        self._deal = deal
        self._terms = direct.terms
        self._budget = direct.terms.chain_budget if direct.terms else None
        self._exchange = exchange
        self._limit: Measured | None = None
        self._spent = ZERO

    def cut(self, pay: Fraction, currency: str, promised: Amounts, recorder: Recorder) -> Fraction:
        """Return the pay cut to what is left after what was spent and what is `promised` to roll up.

        :raises Uncomputable: the budget cannot be measured or converted yet."""
        if self._terms is None or self._budget is None or pay == 0:
            return pay
        limit = self._measured(self._terms, self._budget, recorder)
        convert = self._exchange.convert
        left = limit.value - self._spent
        left -= sum((convert(amount, source, limit.currency, recorder) for amount, source in promised), ZERO)
        room = convert(max(left, ZERO), limit.currency, currency, recorder)
        recorder.add("budget", limit=limit.value, limit_currency=limit.currency, room=room, pay=pay, currency=currency)
        return min(pay, room)

    def spend(self, pay: Fraction, currency: str, recorder: Recorder) -> None:
        """Count a payee's pay; `cut` has measured the budget before."""
        if self._limit is not None:
            self._spent += self._exchange.convert(pay, currency, self._limit.currency, recorder)

    def _measured(self, terms: Terms, budget: ChainBudget, recorder: Recorder) -> Measured:
        if self._limit is None:
            self._limit = self._measure(terms, budget, recorder)
        return self._limit

    def _measure(self, terms: Terms, budget: ChainBudget, recorder: Recorder) -> Measured:
        parts = counted_parts(self._deal, terms.count_on)
        if terms.count_on is not CountOn.BOTH and any(part.kind is PartKind.UNDIVIDED for part in parts):
            raise Uncomputable(Verdict.MISSING_DATA, OPENING_DEAL)
        measuring = Measuring(self._deal, parts, terms.count_on, self._exchange, recorder)
        value = Fraction(budget.value)
        if budget.of is BudgetOf.PER_LOT:
            return Measured(measuring.lots * value, budget.currency or "")
        if budget.of is BudgetOf.SPREAD:
            spread = spread_value(measuring, SpreadAt.OPEN)
            return Measured(max(spread, ZERO) * value / 100, self._deal.symbol.quote_currency)
        return Measured(max(commission_value(measuring), ZERO) * value / 100, self._deal.account_currency)
