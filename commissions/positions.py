"""What a position knows at each of its deals: opening commission, mean opening spread, age, parts of a reversal.

Pure; runs over the live deals of one position in the order (time, ticket, leg)."""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from typing import NamedTuple

from commissions.calculation import Part, PartKind

IN, OUT, INOUT, OUT_BY = 0, 1, 2, 3  # MT's numbers of a deal's entry
_E8 = 10**8
_ZERO = Fraction(0)


class PositionDeal(NamedTuple):
    """What the bookkeeping needs of a deal; the first three fields after `key` are its order."""

    key: Hashable
    at: datetime
    ticket: int
    leg: int
    entry: int
    volume_e8: int
    commission_e8: int
    spread_e8: int | None
    closed_e8: int = 0  # of a reversal, what the server says it closed; asked only when no opening is known


@dataclass(slots=True)
class _Book:
    """The open position. `spread_lots` is None once an opening came without a quote."""

    lots: Fraction = _ZERO
    commission: Fraction = _ZERO
    spread_lots: Fraction | None = _ZERO  # sum of opening spread × lots of what is still open
    opened_at: datetime | None = None

    def open(self, at: datetime, lots: Fraction, commission: Fraction, spread_e8: int | None) -> Part:
        if self.lots == 0:
            self.opened_at = at
        self.lots += lots
        self.commission += commission
        if spread_e8 is None:
            self.spread_lots = None
        elif self.spread_lots is not None:
            self.spread_lots += Fraction(spread_e8, _E8) * lots
        return Part(PartKind.OPENING, lots, commission)

    def close(self, at: datetime, lots: Fraction, commission: Fraction) -> Part:
        """Take the share closed of what is left; a close of more than is open lacks an opening deal."""
        if lots > self.lots or self.opened_at is None:
            self.clear()
            return Part(PartKind.CLOSING, lots, commission)
        share = lots / self.lots if self.lots else _ZERO
        opening_commission = self.commission * share
        mean = None if self.spread_lots is None or not self.lots else self.spread_lots / self.lots
        held_for: timedelta = at - self.opened_at
        self.lots -= lots
        self.commission -= opening_commission
        if self.spread_lots is not None:
            self.spread_lots -= self.spread_lots * share
        if self.lots == 0:
            self.clear()
        return Part(PartKind.CLOSING, lots, commission, opening_commission, mean, held_for)

    def clear(self) -> None:
        self.lots, self.commission, self.spread_lots, self.opened_at = _ZERO, _ZERO, _ZERO, None


def parts_by_deal(deals: Iterable[PositionDeal]) -> dict[Hashable, tuple[Part, ...]]:
    """Return each deal's parts; `deals` are the live ones of one position, in order."""
    book = _Book()
    return {deal.key: _parts(book, deal) for deal in deals}


def _parts(book: _Book, deal: PositionDeal) -> tuple[Part, ...]:
    lots = Fraction(deal.volume_e8, _E8)
    commission = Fraction(deal.commission_e8, _E8)
    if deal.entry == IN:
        return (book.open(deal.at, lots, commission, deal.spread_e8),)
    if deal.entry == INOUT:
        return _reverse(book, deal, lots, commission)
    return (book.close(deal.at, lots, commission),)


def _reverse(book: _Book, deal: PositionDeal, lots: Fraction, commission: Fraction) -> tuple[Part, ...]:
    """Close what was open and open the rest, dividing the commission by volume."""
    told = Fraction(deal.closed_e8, _E8)
    if book.lots == 0 and not told:
        return (Part(PartKind.UNDIVIDED, lots, commission),)
    closed = min(book.lots or told, lots)
    closed_commission = commission * closed / lots if lots else _ZERO
    closing = book.close(deal.at, closed, closed_commission)
    if closed == lots:
        return (closing,)
    return closing, book.open(deal.at, lots - closed, commission - closed_commission, deal.spread_e8)


class CloseByLeg(NamedTuple):
    """One leg of a close-by: it closes `position` by the opposite position `by`."""

    key: Hashable
    at: datetime
    ticket: int
    leg: int
    position: int
    by: int


def second_legs(legs: Sequence[CloseByLeg]) -> set[Hashable]:
    """Return the keys of those legs whose partner has the smaller ticket. A leg without its partner counts.

    `legs` are the live close-by deals of one account. Pairs name each other's position; when two positions close
    each other more than once, the legs pair in order."""
    by_pair: dict[tuple[int, int], list[CloseByLeg]] = {}
    for leg in sorted(legs, key=lambda leg: (leg.at, leg.ticket, leg.leg)):
        by_pair.setdefault((leg.position, leg.by), []).append(leg)
    second: set[Hashable] = set()
    for (position, by), ours in by_pair.items():
        for mine, partner in zip(ours, by_pair.get((by, position), []), strict=False):
            if position != by and (partner.ticket, partner.leg) < (mine.ticket, mine.leg):
                second.add(mine.key)
    return second
