"""What a rate row is applied to: lots, turnover, points, spread, commission, profit, revenue."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from commissions.calculation.facts import ZERO, DealFacts, Part, PartKind
from commissions.calculation.money import Exchange, Recorder, Uncomputable
from commissions.calculation.verdicts import Verdict
from commissions.terms import Base, CountOn, Rate, SpreadAt

_MILLION = 1_000_000
OPENING_DEAL, QUOTE = "opening_deal", "quote"  # what `missing_data` may lack


@dataclass(frozen=True, slots=True)
class Measured:
    """A base value in one currency; for `per_lot` counted lots, whose amount is in the row's currency."""

    value: Fraction
    currency: str


@dataclass(frozen=True, slots=True)
class Measuring:
    """Everything that a base is measured on."""

    deal: DealFacts
    parts: Sequence[Part]
    count_on: CountOn
    exchange: Exchange
    recorder: Recorder

    @property
    def lots(self) -> Fraction:
        """Return the counted lots: server lots × lot factor.

        :raises Uncomputable: the group has no lot factor."""
        factor = self.deal.lot_factor
        if factor is None:
            raise Uncomputable(Verdict.UNKNOWN_LOT_FACTOR)
        return sum((part.lots for part in self.parts), ZERO) * factor


def measure(measuring: Measuring, row: Rate, currency: str) -> Measured:
    """Return the row's base; below zero counts as zero. Revenue comes in `currency`, the IB's.

    :raises Uncomputable: a quote, an opening deal, a lot factor or a rate is missing."""
    measured = _MEASURES[row.base](measuring, row, currency)
    return measured if measured.value > 0 else Measured(ZERO, measured.currency)


def _per_lot(measuring: Measuring, row: Rate, _currency: str) -> Measured:
    lots = measuring.lots
    measuring.recorder.add("base_per_lot", lots=lots, lot_factor=measuring.deal.lot_factor)
    return Measured(lots, row.currency or "")


def _per_million(measuring: Measuring, row: Rate, _currency: str) -> Measured:
    symbol, price = measuring.deal.symbol, measuring.deal.price
    notional = measuring.lots * symbol.contract_size * price
    target = row.currency or ""
    measuring.recorder.add(
        "base_per_million",
        lots=measuring.lots,
        contract_size=symbol.contract_size,
        price=price,
        notional=notional,
        currency=symbol.quote_currency,
    )
    converted = measuring.exchange.convert(notional, symbol.quote_currency, target, measuring.recorder)
    return Measured(converted / _MILLION, target)


def _points(measuring: Measuring, _row: Rate, _currency: str) -> Measured:
    symbol = measuring.deal.symbol
    value = measuring.lots * symbol.contract_size / 10**symbol.digits
    measuring.recorder.add(
        "base_points",
        lots=measuring.lots,
        contract_size=symbol.contract_size,
        digits=symbol.digits,
        value=value,
        currency=symbol.quote_currency,
    )
    return Measured(value, symbol.quote_currency)


def _spread(measuring: Measuring, row: Rate, _currency: str) -> Measured:
    value = spread_value(measuring, row.at, row.cap_points)
    return Measured(value, measuring.deal.symbol.quote_currency)


def _commission(measuring: Measuring, _row: Rate, _currency: str) -> Measured:
    return Measured(commission_value(measuring), measuring.deal.account_currency)


def _profit(measuring: Measuring, _row: Rate, _currency: str) -> Measured:
    closes = _has_closing(measuring.parts)
    profit = measuring.deal.profit if closes else ZERO
    measuring.recorder.add("base_profit", profit=profit, currency=measuring.deal.account_currency)
    return Measured(profit, measuring.deal.account_currency)


def _revenue(measuring: Measuring, row: Rate, currency: str) -> Measured:
    deal = measuring.deal
    spread = spread_value(measuring, SpreadAt.OPEN, row.cap_points)
    rest = commission_value(measuring)
    if row.include_swap and _has_closing(measuring.parts):
        rest -= deal.swap
        measuring.recorder.add("base_swap", swap=deal.swap, currency=deal.account_currency)
    exchange, recorder = measuring.exchange, measuring.recorder
    total = exchange.convert(spread, deal.symbol.quote_currency, currency, recorder)
    total += exchange.convert(rest, deal.account_currency, currency, recorder)
    recorder.add("base_revenue", value=total, currency=currency)
    return Measured(total, currency)


def _has_closing(parts: Sequence[Part]) -> bool:
    return any(part.kind is not PartKind.OPENING for part in parts)


def spread_value(measuring: Measuring, at: SpreadAt, cap_points: Decimal | None = None) -> Fraction:
    """Return lots × spread × contract size over the counted parts, in the quote currency.

    :raises Uncomputable: a quote or an opening deal is missing, or the lot factor."""
    deal = measuring.deal
    factor = deal.lot_factor
    if factor is None:
        raise Uncomputable(Verdict.UNKNOWN_LOT_FACTOR)
    most = None if cap_points is None else Fraction(cap_points) / 10**deal.symbol.digits
    total = ZERO
    for part in measuring.parts:
        spread = _part_spread(deal, part, at)
        counted = spread if most is None else min(spread, most)
        value = part.lots * factor * counted * deal.symbol.contract_size
        measuring.recorder.add(
            "base_spread",
            part=part.kind.value,
            lots=part.lots * factor,
            at=at.value,
            spread=spread,
            capped=counted if counted != spread else None,
            contract_size=deal.symbol.contract_size,
            value=value,
            currency=deal.symbol.quote_currency,
        )
        total += value
    return total


def _part_spread(deal: DealFacts, part: Part, at: SpreadAt) -> Fraction:
    if part.kind is PartKind.UNDIVIDED:
        raise Uncomputable(Verdict.MISSING_DATA, OPENING_DEAL)
    opening = deal.spread if part.kind is PartKind.OPENING else part.opening_spread
    wanted = {SpreadAt.OPEN: (opening,), SpreadAt.CLOSE: (deal.spread,), SpreadAt.HALF_AND_HALF: (opening, deal.spread)}
    known = [spread for spread in wanted[at] if spread is not None]
    if len(known) < len(wanted[at]):
        raise Uncomputable(Verdict.MISSING_DATA, QUOTE)
    return sum(known, ZERO) / len(known)


def commission_value(measuring: Measuring) -> Fraction:
    """Return what the counted parts were charged, positive, in the account's currency.

    A close takes its share of the opening commission, unless the plan counts openings too.

    :raises Uncomputable: an opening deal is missing."""
    charged = sum((part.commission for part in measuring.parts), ZERO)
    opening = ZERO
    if measuring.count_on is not CountOn.BOTH:
        for part in measuring.parts:
            if part.kind is PartKind.OPENING:
                continue
            if part.opening_commission is None:
                raise Uncomputable(Verdict.MISSING_DATA, OPENING_DEAL)
            opening += part.opening_commission
    measuring.recorder.add(
        "base_commission",
        own=charged,
        opening=opening,
        value=-(charged + opening),
        currency=measuring.deal.account_currency,
    )
    return -(charged + opening)


_MEASURES: dict[Base, Callable[[Measuring, Rate, str], Measured]] = {
    Base.PER_LOT: _per_lot,
    Base.PER_MILLION: _per_million,
    Base.POINTS: _points,
    Base.SPREAD: _spread,
    Base.COMMISSION: _commission,
    Base.PROFIT: _profit,
    Base.REVENUE: _revenue,
}
