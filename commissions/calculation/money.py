"""Conversion through USD at the deal's time, exact, and the recorder of what was done."""

from fractions import Fraction
from typing import Any

from commissions.calculation.facts import ONE, FxLookup, Step, UsdQuote
from commissions.calculation.verdicts import Verdict


class Uncomputable(Exception):
    """Something that the terms need is not known yet; the verdict says what kind of thing, `missing` which."""

    def __init__(self, verdict: Verdict, missing: str = "") -> None:
        super().__init__(verdict.code)
        self.verdict = verdict
        self.missing = missing


class Recorder:
    """Collects the steps of one payee; does nothing unless somebody will read them."""

    def __init__(self, *, wanted: bool) -> None:
        self.wanted = wanted
        self.steps: list[Step] = []

    def add(self, code: str, **values: Any) -> None:
        if self.wanted:
            self.steps.append(Step(code, values))


class Exchange:
    """Converts amounts at the deal's time. Equal currencies and zero need no rate."""

    def __init__(self, fx: FxLookup) -> None:
        self._fx = fx

    def convert(self, amount: Fraction, source: str, target: str, recorder: Recorder) -> Fraction:
        """Return the amount in the target currency.

        :raises Uncomputable: a rate is missing (`no_fx_rate`)."""
        if source == target or amount == 0:
            return amount
        one, other = self._usd(source), self._usd(target)
        if one is None or other is None:
            raise Uncomputable(Verdict.NO_FX_RATE, source if one is None else target)
        converted = amount * one.rate / other.rate
        recorder.add(
            "converted",
            amount=amount,
            source=source,
            target=target,
            result=converted,
            rate=one.rate / other.rate,
            quotes=[(quote.pair, quote.at) for quote in (one, other) if quote.pair],
        )
        return converted

    def _usd(self, currency: str) -> UsdQuote | None:
        return UsdQuote(ONE, "") if currency == "USD" else self._fx(currency)
