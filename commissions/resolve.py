"""The resolved table: what a chain gets per unit of one measure, found by running the exact calculation once.

Every upline mode multiplies by what stands below, so a chain whose rows share one measure and that knows no cap,
budget or advance pays coefficient × measure on every level; tier factors are part of the chain here. The exact
calculation over a deal of one unit yields the coefficients, over a deal of nothing the verdicts of an empty base: the
fast path cannot disagree with the slow one, and hypothesis proves it. Where a conversion is needed, all IBs of the
chain must have one currency: then every amount of a deal takes the same rate, and the unit deal is computed with rates
of one. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import Enum
from fractions import Fraction
from typing import NamedTuple

from commissions.calculation import (
    ChainResult,
    DealFacts,
    Member,
    Outcome,
    Part,
    PartKind,
    SymbolFacts,
    UsdQuote,
    Verdict,
    judge_chain,
)
from commissions.calculation.counting import counted_parts
from commissions.terms import Base, CountOn, Rate, SpreadAt, Terms
from commissions.terms.reasons import REASON_CODES

_ONE, _ZERO, _HUGE = Fraction(1), Fraction(0), Fraction(10**60)
_SOME_TIME = datetime(2000, 1, 1, tzinfo=UTC)


class Kind(Enum):
    """What a deal is measured by. Where lots enter it they are the server's: the lot factor is in the coefficient."""

    LOTS = "lots"
    TURNOVER = "turnover"  # lots × contract size × price, quote currency
    POINTS = "points"  # lots × contract size ÷ 10^digits, quote currency
    SPREAD = "spread"  # lots × spread × contract size, quote currency
    COMMISSION = "commission"  # charged, account currency
    PROFIT = "profit"  # account currency
    REVENUE = "revenue"  # spread part × lot factor + commission part [- swap], the IBs' currency


class Measure(NamedTuple):
    """The one number of a deal that a linear cell multiplies, never below zero.

    `spread_at`: CLOSE means this deal's own, also for an opening. `with_opening`: the close's share of the opening
    commission counts too."""

    kind: Kind
    spread_at: SpreadAt | None = None
    cap_points: Fraction | None = None
    with_opening: bool = False
    with_swap: bool = False

    @property
    def needs_opening(self) -> bool:
        """Whether it asks for the opening deals of the position."""
        return self.with_opening or self.spread_at in (SpreadAt.OPEN, SpreadAt.HALF_AND_HALF)


QUOTE, ACCOUNT = "quote currency", "account currency"  # stand for those of a deal, so that many deals share a cell


class Conversion(NamedTuple):
    """From the measure's currency to the IBs' at the deal's time; `through` are currencies whose rates must be known
    as well."""

    source: str
    target: str
    through: tuple[str, ...] = ()

    def named(self, *, quote: str, account: str) -> "Conversion":
        """Return the conversion of deals of a symbol quoted in one currency, on accounts in another."""
        names = {QUOTE: quote, ACCOUNT: account}
        through = tuple(names.get(each, each) for each in self.through)
        return Conversion(names.get(self.source, self.source), self.target, through)


@dataclass(frozen=True, slots=True)
class CellLevel:
    """One payee of a cell: amount_e8 = round(measure × num / den), its verdict, and the verdict of a zero measure."""

    verdict: Verdict
    zero_verdict: Verdict
    num: int
    den: int
    rate: Rate | None


@dataclass(frozen=True, slots=True)
class Cell:
    """What one kind of deal (opening or closing) of one symbol, MT group and chain pays.

    Without `measure` every deal takes the exact path. `is_counted`: some plan of the chain counts this kind of deal.
    A deal closed before `min_hold_seconds`, whose reason is in `excluded` or that lacks what the measure or the
    conversion asks for takes the exact path too."""

    is_counted: bool
    measure: Measure | None = None
    conversion: Conversion | None = None
    levels: tuple[CellLevel, ...] = ()
    client: CellLevel | None = None
    min_hold_seconds: int = 0
    excluded: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class CellFacts:
    """What all deals of one cell share."""

    symbol: SymbolFacts
    mt_group: str
    account_currency: str
    lot_factor: Fraction | None
    kind: PartKind


def resolve_cell(facts: CellFacts, members: Sequence[Member]) -> Cell:
    """Return the cell of a chain (nearest first), linear where that is proved, else exact."""
    counting = [member.terms for member in members if _counts(member, facts.kind)]
    terms = [each for each in counting if each is not None]
    exact = Cell(is_counted=bool(counting))
    if _has_a_limit(members[0], terms):
        return exact
    unit, converts = _judge_unit(facts, members)
    rows = [(o.rate, m) for o, m in zip(unit.outcomes, members, strict=True) if o.rate is not None]
    used = {_measure(rate, member, facts.kind) for rate, member in rows}
    if len(used) > 1:
        return exact
    measure = used.pop() if used else Measure(Kind.LOTS)
    conversion = None
    if converts or measure.kind is Kind.REVENUE:
        conversion = _conversion(measure, [rate for rate, _member in rows], facts, members)
        if conversion is None:
            return exact
    nothing = judge_chain(_deal(facts, _ZERO), members, _one_usd)
    worth = _worth_of_unit(measure, facts)
    client = _level(unit.client, nothing.client, worth) if unit.client and nothing.client else None
    return Cell(
        is_counted=exact.is_counted,
        measure=measure,
        conversion=conversion,
        levels=tuple(_level(one, none, worth) for one, none in zip(unit.outcomes, nothing.outcomes, strict=True)),
        client=client,
        min_hold_seconds=max((t.min_hold_seconds for t in terms), default=0) if facts.kind is PartKind.CLOSING else 0,
        excluded=frozenset(REASON_CODES[name] for t in terms for name in t.exclude_reasons),
    )


def _counts(member: Member, kind: PartKind) -> bool:
    count_on = member.terms.count_on if member.terms else CountOn.CLOSE
    return bool(counted_parts(_deal_of(kind), count_on))


def _has_a_limit(direct: Member, terms: Sequence[Terms]) -> bool:
    """Whether a cap, budget or advance makes some pay other than a multiple of the measure."""
    if direct.terms is not None and (direct.terms.chain_budget or (direct.terms.cpa and direct.terms.cpa.recover)):
        return True
    return any(each.cap_per_order for each in terms)


def _judge_unit(facts: CellFacts, members: Sequence[Member]) -> tuple[ChainResult, bool]:
    """Return what the unit deal pays, and whether some amount had to be converted."""
    asked: list[str] = []

    def quote(currency: str) -> UsdQuote:
        asked.append(currency)
        return UsdQuote(_ONE, "")

    # The measure's currency may be USD, which nobody asks for: then the other end of the conversion is asked for.
    return judge_chain(_deal(facts, _ONE), members, quote), bool(asked)


def _conversion(
    measure: Measure, rates: Sequence[Rate], facts: CellFacts, members: Sequence[Member]
) -> Conversion | None:
    """Return the one conversion that every amount of the chain takes, None where there is no such."""
    currencies = {member.currency for member in members}
    if len(currencies) > 1:
        return None
    (target,) = currencies
    shares = members[0].terms is not None and members[0].terms.client_rebate_percent is not None
    if shares and facts.account_currency != target:
        return None
    if measure.kind is Kind.REVENUE:
        return Conversion(facts.symbol.quote_currency, target, (facts.account_currency,))
    if measure.kind is Kind.LOTS:
        named = {rate.currency or "" for rate in rates}
        return Conversion(named.pop(), target) if len(named) == 1 else None
    if measure.kind in (Kind.COMMISSION, Kind.PROFIT):
        return Conversion(facts.account_currency, target)
    through = {rate.currency or "" for rate in rates} if measure.kind is Kind.TURNOVER else set()
    return Conversion(facts.symbol.quote_currency, target, tuple(sorted(through)))


def _measure(rate: Rate, member: Member, kind: PartKind) -> Measure:
    both = member.terms is not None and member.terms.count_on is CountOn.BOTH
    opening = kind is PartKind.OPENING
    spread_at = SpreadAt.CLOSE if opening else rate.at
    cap = None if rate.cap_points is None else Fraction(rate.cap_points)
    match rate.base:
        case Base.PER_LOT:
            return Measure(Kind.LOTS)
        case Base.PER_MILLION:
            return Measure(Kind.TURNOVER)
        case Base.POINTS:
            return Measure(Kind.POINTS)
        case Base.SPREAD:
            return Measure(Kind.SPREAD, spread_at, cap)
        case Base.COMMISSION:
            return Measure(Kind.COMMISSION, with_opening=not (both or opening))
        case Base.PROFIT:
            return Measure(Kind.PROFIT)
        case Base.REVENUE:
            at = SpreadAt.CLOSE if opening else SpreadAt.OPEN
            return Measure(Kind.REVENUE, at, cap, not (both or opening), rate.include_swap and not opening)


def _worth_of_unit(measure: Measure, facts: CellFacts) -> Fraction:
    """Return what the unit deal of `_deal` measures, by which its amounts are divided to give coefficients."""
    if measure.kind is Kind.POINTS:
        return _HUGE
    if measure.kind is Kind.REVENUE:
        return _ONE if facts.lot_factor is None else facts.lot_factor + 1
    return _ONE


def _level(unit: Outcome, nothing: Outcome, worth: Fraction) -> CellLevel:
    line = unit.line / worth
    return CellLevel(unit.verdict, nothing.verdict, line.numerator, line.denominator, unit.rate)


def _deal_of(kind: PartKind) -> DealFacts:
    symbol = SymbolFacts("", None, _ONE, 0, "USD")
    return DealFacts(_SOME_TIME, "", symbol, "", "USD", _ONE, (Part(kind, _ONE),))


def _deal(facts: CellFacts, units: Fraction) -> DealFacts:
    """Return a deal of one lot, commission, profit, turnover and spread part (or of nothing), held for ever and with
    no excluded reason. Its spread is so narrow that no cap touches it, and its contract so large that this is no loss;
    its points are worth the more, see `_worth_of_unit`."""
    narrow = _ONE / _HUGE
    part = Part(
        facts.kind, units, commission=-units, opening_commission=_ZERO, opening_spread=narrow, held_for=timedelta.max
    )
    symbol = replace(facts.symbol, contract_size=_HUGE, digits=0)
    return DealFacts(
        at=_SOME_TIME,
        reason="",
        symbol=symbol,
        mt_group=facts.mt_group,
        account_currency=facts.account_currency,
        lot_factor=facts.lot_factor,
        parts=(part,),
        price=narrow,
        spread=narrow,
        profit=units,
    )


def _one_usd(_currency: str) -> UsdQuote:
    return UsdQuote(_ONE, "")
