"""What an IB is entitled to on one deal before anything is divided, capped or shared: its rate row and upline mode."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import cast

from commissions.calculation.bases import Measuring, measure
from commissions.calculation.counting import uses_own_rate
from commissions.calculation.facts import ZERO, DealFacts, Member, Part
from commissions.calculation.money import Exchange, Recorder
from commissions.calculation.standing import Amount, Standing
from commissions.calculation.verdicts import Verdict
from commissions.terms import Rate, Terms, UplineMode


@dataclass(slots=True)
class Turn:
    """One IB's turn in the walk up the chain; filled as the walk goes."""

    deal: DealFacts
    member: Member
    level: int
    exchange: Exchange
    standing: Standing
    recorder: Recorder
    parts: Sequence[Part] = ()
    left: Amount | None = None
    row: Rate | None = None
    multiplier: Fraction = ZERO
    opening_unknown: bool = False
    base_is_zero: bool = False
    was_capped: bool = False
    terms: Terms = field(init=False)

    def __post_init__(self) -> None:
        self.terms = self.member.terms or Terms()

    def convert(self, amount: Fraction, source: str) -> Fraction:
        return self.exchange.convert(amount, source, self.member.currency, self.recorder)


def own_rate(turn: Turn) -> Verdict | None:
    """Find the rate row or percentage that this level uses; return the verdict when there is none."""
    terms, level = turn.terms, turn.level
    if not uses_own_rate(terms, level):
        missing = terms.upline.mode is UplineMode.PERCENT_OF_DIRECT and level not in dict(terms.upline.percents)
        return Verdict.LEVEL_NOT_COVERED if missing else None
    symbol = turn.deal.symbol
    row = terms.find_rate(symbol=symbol.name, symbol_group=symbol.group, mt_group=turn.deal.mt_group)
    if row is None:
        return Verdict.NO_RATE
    by_level = level > 1 and terms.upline.mode is UplineMode.BY_LEVEL
    multiplier = row.multiplier(level if by_level else None)
    if multiplier is None:
        return Verdict.LEVEL_NOT_COVERED
    turn.row, turn.multiplier = row, multiplier
    return None


def own_amount(turn: Turn) -> Fraction:
    """Return the entitlement in the IB's currency, never below zero.

    :raises Uncomputable: something is not known yet."""
    if turn.level == 1:
        return _from_rate(turn)
    return _MODES[turn.terms.upline.mode](turn)


def _from_rate(turn: Turn) -> Fraction:
    row, recorder = cast("Rate", turn.row), turn.recorder  # own_rate has found it
    recorder.add("rate_row", row=row, level=turn.level)
    measuring = Measuring(turn.deal, turn.parts, turn.terms.count_on, turn.exchange, recorder)
    base = measure(measuring, row, turn.member.currency)
    turn.base_is_zero = base.value == 0
    amount = base.value * turn.multiplier
    recorder.add("times_rate", base=base.value, multiplier=turn.multiplier, amount=amount, currency=base.currency)
    factor = sum((piece.share * piece.factor for piece in turn.member.tier_pieces), ZERO)
    if factor != 1:
        recorder.add("tier", pieces=turn.member.tier_pieces, factor=factor, amount=amount * factor)
    return turn.convert(amount * factor, base.currency)


def _difference(turn: Turn) -> Fraction:
    own = _from_rate(turn)
    if own == 0:
        return ZERO
    same_rank, rank = turn.terms.upline.same_rank_percent, turn.member.rank
    if same_rank is not None and rank is not None and rank == turn.standing.highest_rank():
        paid, currency = turn.standing.nearest_of_rank(rank)
        share = turn.convert(paid, currency) * Fraction(same_rank) / 100
        turn.recorder.add(
            "same_rank", rank=rank, paid=paid, percent=same_rank, amount=share, currency=turn.member.currency
        )
        return share
    below = sum((turn.convert(paid, currency) for paid, currency in turn.standing.paid_below()), ZERO)
    rest = max(own - below, ZERO)
    if turn.recorder.wanted:
        told = [{"amount": each, "currency": currency} for each, currency in turn.standing.paid_below() if each]
        turn.recorder.add("difference", own=own, below=below, paid=told, amount=rest, currency=turn.member.currency)
    return rest


def _percent_of(turn: Turn, code: str, percent: Fraction, paid: Amount) -> Fraction:
    share = turn.convert(paid[0], paid[1]) * percent / 100
    turn.recorder.add(
        code, percent=percent, paid=paid[0], paid_currency=paid[1], amount=share, currency=turn.member.currency
    )
    return share


def _percent_of_child(turn: Turn) -> Fraction:
    percent = Fraction(turn.terms.upline.percent or 0)
    return _percent_of(turn, "percent_of_child", percent, turn.standing.paid[-1])


def _percent_of_direct(turn: Turn) -> Fraction:
    percent = Fraction(dict(turn.terms.upline.percents)[turn.level])
    return _percent_of(turn, "percent_of_direct", percent, turn.standing.paid[0])


def _split(turn: Turn) -> Fraction:
    amount, currency = turn.left or (ZERO, turn.member.currency)
    rest = turn.convert(amount, currency)
    turn.recorder.add("split_rest", amount=rest, currency=turn.member.currency)
    return rest


def _none(_turn: Turn) -> Fraction:
    return ZERO


_MODES: dict[UplineMode, Callable[[Turn], Fraction]] = {
    UplineMode.NONE: _none,
    UplineMode.BY_LEVEL: _from_rate,
    UplineMode.DIFFERENCE: _difference,
    UplineMode.PERCENT_OF_CHILD: _percent_of_child,
    UplineMode.PERCENT_OF_DIRECT: _percent_of_direct,
    UplineMode.SPLIT: _split,
}
