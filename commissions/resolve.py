"""The resolved table: what a chain gets per unit of one measure, found by running the exact calculation once.

Every upline mode multiplies by what stands below, so a chain whose rows share one measure, one currency and no cap,
budget or advance pays coefficient × measure on every level; tier factors are part of the chain here. The exact
calculation over a deal of one unit yields the coefficients, over a deal of nothing the verdicts of an empty base: the
fast path cannot disagree with the slow one, and hypothesis proves it. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import Enum
from fractions import Fraction

from commissions.calculation import (
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
from commissions.terms import Base, CountOn, Rate, Terms
from commissions.terms.reasons import REASON_CODES

_ONE, _ZERO = Fraction(1), Fraction(0)
_SOME_TIME = datetime(2000, 1, 1, tzinfo=UTC)


class Measure(Enum):
    """The one number of a deal that a linear cell multiplies; in 1e-8 units, never below zero."""

    LOTS = "lots"  # the server's lots; the lot factor is inside the coefficient
    COMMISSION = "commission"  # charged on this deal
    COMMISSION_WITH_OPENING = "commission_with_opening"  # and the close's share of the opening commission
    PROFIT = "profit"


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
    A deal closed before `min_hold_seconds` or whose reason is in `excluded` takes the exact path too."""

    is_counted: bool
    measure: Measure | None = None
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


class _NeedsFx(Exception):
    """A conversion makes the coefficient depend on the deal's time."""


def resolve_cell(facts: CellFacts, members: Sequence[Member]) -> Cell:
    """Return the cell of a chain (nearest first), linear where that is proved, else exact."""
    counting = [member.terms for member in members if _counts(member, facts.kind)]
    terms = [each for each in counting if each is not None]
    exact = Cell(is_counted=bool(counting))
    if _has_a_limit(members[0], terms):
        return exact
    try:
        unit = judge_chain(_deal(facts, _ONE), members, _no_fx)
        nothing = judge_chain(_deal(facts, _ZERO), members, _no_fx)
    except _NeedsFx:
        return exact
    used = {_measure(o.rate, m, facts.kind) for o, m in zip(unit.outcomes, members, strict=True) if o.rate is not None}
    if None in used or len(used) > 1:
        return exact
    client = _level(unit.client, nothing.client) if unit.client and nothing.client else None
    return replace(
        exact,
        measure=used.pop() if used else Measure.LOTS,
        levels=tuple(_level(one, none) for one, none in zip(unit.outcomes, nothing.outcomes, strict=True)),
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


def _measure(rate: Rate, member: Member, kind: PartKind) -> Measure | None:
    if rate.base is Base.PER_LOT:
        return Measure.LOTS
    if rate.base is Base.PROFIT:
        return Measure.PROFIT if kind is PartKind.CLOSING else None
    if rate.base is Base.COMMISSION:
        both = member.terms is not None and member.terms.count_on is CountOn.BOTH
        return Measure.COMMISSION if both or kind is PartKind.OPENING else Measure.COMMISSION_WITH_OPENING
    return None


def _level(unit: Outcome, nothing: Outcome) -> CellLevel:
    return CellLevel(unit.verdict, nothing.verdict, unit.line.numerator, unit.line.denominator, unit.rate)


def _deal_of(kind: PartKind) -> DealFacts:
    symbol = SymbolFacts("", None, _ONE, 0, "USD")
    return DealFacts(_SOME_TIME, "", symbol, "", "USD", _ONE, (Part(kind, _ONE),))


def _deal(facts: CellFacts, units: Fraction) -> DealFacts:
    """Return a deal of one lot, commission and profit (or of nothing), held for ever and with no excluded reason."""
    part = Part(
        facts.kind, units, commission=-units, opening_commission=_ZERO, opening_spread=None, held_for=timedelta.max
    )
    return DealFacts(
        at=_SOME_TIME,
        reason="",
        symbol=facts.symbol,
        mt_group=facts.mt_group,
        account_currency=facts.account_currency,
        lot_factor=facts.lot_factor,
        parts=(part,),
        profit=units,
    )


def _no_fx(_currency: str) -> UsdQuote | None:
    raise _NeedsFx
