"""Which parts of a deal a plan counts, and which of them its filters let pass."""

from collections.abc import Sequence
from datetime import timedelta

from commissions.calculation.facts import DealFacts, Member, Part, PartKind
from commissions.calculation.verdicts import Verdict
from commissions.terms import CloseBy, CountOn, Terms, UplineMode

_COUNTED = {
    CountOn.CLOSE: frozenset({PartKind.CLOSING, PartKind.UNDIVIDED}),
    CountOn.OPEN: frozenset({PartKind.OPENING, PartKind.UNDIVIDED}),
    CountOn.BOTH: frozenset(PartKind),
}


def counted_parts(deal: DealFacts, count_on: CountOn) -> tuple[Part, ...]:
    """Return the parts that `count_on` counts, before any filter."""
    return tuple(part for part in deal.parts if part.kind in _COUNTED[count_on])


def is_opening_unknown(parts: Sequence[Part], terms: Terms) -> bool:
    """Whether the terms need to know when, or how much of, the position was opened, and nobody sent it."""
    for part in parts:
        if part.kind is PartKind.UNDIVIDED and terms.count_on is not CountOn.BOTH:
            return True
        if part.kind is not PartKind.OPENING and terms.min_hold_seconds and part.held_for is None:
            return True
    return False


def held_long_enough(parts: Sequence[Part], min_hold_seconds: int) -> tuple[Part, ...]:
    """Return the parts without those closed before the position was held long enough."""
    if not min_hold_seconds:
        return tuple(parts)
    least = timedelta(seconds=min_hold_seconds)
    return tuple(p for p in parts if p.kind is PartKind.OPENING or p.held_for is None or p.held_for >= least)


def filter_verdict(deal: DealFacts, member: Member, terms: Terms, level: int, kept: Sequence[Part]) -> Verdict | None:
    """Return the verdict of the first filter of the IB's own version that stops the deal, or None."""
    if member.is_client and not terms.self_trades_pay:
        return Verdict.SELF_TRADE
    if deal.reason in terms.exclude_reasons:
        return Verdict.EXCLUDED_REASON
    if deal.is_second_close_by and terms.close_by is CloseBy.ONE:
        return Verdict.CLOSE_BY_COUNTED_ONCE
    if not kept:
        return Verdict.BELOW_MIN_HOLD
    upline = terms.upline
    if level > 1 and upline.max_level is not None and level > upline.max_level:
        return Verdict.LEVEL_NOT_COVERED
    return None


def uses_own_rate(terms: Terms, level: int) -> bool:
    """Whether the IB's own rate rows say what it gets at this level."""
    return level == 1 or terms.upline.mode in (UplineMode.BY_LEVEL, UplineMode.DIFFERENCE)
