"""What deals add to the measures of tiers: the deals that a version counts and its filters let pass."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from commissions.calculation import DealFacts, Member, Part, PartKind, SymbolFacts
from commissions.calculation.counting import counted_parts, filter_verdict, held_long_enough, is_opening_unknown
from commissions.judging.book import Book
from commissions.judging.chains import Chain
from commissions.judging.columns import Rows
from commissions.judging.exact import deal_facts
from commissions.judging.history import Histories, read_histories
from commissions.judging.judged import Wait
from commissions.positions import IN, INOUT, OUT_BY
from commissions.terms import Terms, TierMeasure, TierScope
from commissions.terms.reasons import REASON_CODES
from commissions.tiers import E20, to_e20

_REASONS = {code: name for name, code in REASON_CODES.items()}
_ONE, _ZERO = Fraction(1), Fraction(0)
_KINDS = (PartKind.OPENING, PartKind.CLOSING)
_SYMBOL = SymbolFacts("", None, _ONE, 0, "USD")
_SOME_TIME = datetime(2000, 1, 1, tzinfo=UTC)


class Entry(NamedTuple):
    """One deal in a tier month; the four fields after `deal_id` are its order."""

    deal_id: int
    at_us: int
    server_id: int
    ticket: int
    leg: int
    client_id: int
    amount: int  # 1e-20 lots, USD or clients

    @property
    def order(self) -> tuple[int, ...]:
        return self[1:5]


class Added(NamedTuple):
    """What a deal adds, 0 also when it cannot be measured yet: then `wait` says what for."""

    amount: int
    wait: Wait | None = None


class Counter:
    """Measures the deals of a batch by the terms of any version. `amount_of` is None for a deal that a version does
    not count or its filters stop."""

    def __init__(self, rows: Rows, book: Book, versions: Sequence[Terms]) -> None:
        self._rows = rows
        self._book = book
        self._columns = {
            name: rows[name].tolist()
            for name in ("root", "entry", "reason", "volume_e8", "price_e8", "contract_size_e8", "symbol", "at_us")
        }
        self._places = book.place(rows["account"])
        self._groups = book.groups_at(rows).tolist()
        self._histories = self._read_histories(versions)
        self._passing: dict[tuple[int, int, bool, int, int], bool] = {}

    def amount_of(self, index: int, chain: Chain, level: int, terms: Terms) -> Added | None:
        """Return what the deal at `index` adds to the measure that `terms` ask for, at a level of its chain."""
        lots = self._lots_of(index, chain.shape.members[level - 1], level, terms)
        if lots is None:
            return None
        tiers = terms.tiers
        if tiers is None or lots == 0 or (tiers.scope is TierScope.DIRECT and level > 1):
            return Added(0)
        return self._measured(index, lots, tiers.measure)

    def measured(self, index: int, measure: TierMeasure) -> Added:
        """Return what the deal at `index` adds as a whole."""
        volume_e8 = self._columns["volume_e8"][index]
        return self._measured(index, volume_e8, measure) if volume_e8 else Added(0)

    def passes(self, entry: int, reason: int, member: Member, level: int, terms: Terms) -> bool:
        """Return whether a plain deal that opens or closes counts, where its position's history has no say."""
        key = (id(terms), level, member.is_client, entry, reason)
        known = self._passing.get(key)
        if known is None:
            part = Part(_KINDS[entry != IN], _ONE, held_for=timedelta.max)
            deal = DealFacts(_SOME_TIME, _REASONS.get(reason, "unknown"), _SYMBOL, "", "USD", _ONE, (part,))
            known = self._passing[key] = self._kept(deal, member, level, terms) is not None
        return known

    def _measured(self, index: int, lots_e8: Fraction | int, measure: TierMeasure) -> Added:
        group = self._book.groups[self._groups[index]]
        if group.lot_factor is None:
            return Added(0, Wait(self._groups[index], ()))
        if measure is TierMeasure.ACTIVE_CLIENTS:
            return Added(E20)
        if measure is TierMeasure.LOTS:
            return Added(to_e20(Fraction(lots_e8, 10**8) * group.lot_factor))
        symbol = self._book.symbols.get(self._columns["symbol"][index])
        currency = symbol.quote_currency if symbol else "USD"
        rate = _ONE
        if currency != "USD":
            quote = self._book.rates.usd_quote(currency, self._columns["at_us"][index])
            if quote is None:
                return Added(0, Wait(0, (currency,)))
            rate = quote.rate
        size, price = self._columns["contract_size_e8"][index], self._columns["price_e8"][index]
        return Added(to_e20(lots_e8 * group.lot_factor * size * price * rate / 10**24))

    def _lots_of(self, index: int, member: Member, level: int, terms: Terms) -> Fraction | int | None:
        """Return the counted lots in 1e-8 before the lot factor; 0 when its opening must be known and is not."""
        entry = self._columns["entry"][index]
        if entry in (INOUT, OUT_BY) or (entry != IN and terms.min_hold_seconds):
            return self._lots_by_history(index, member, level, terms)
        passes = self.passes(entry, self._columns["reason"][index], member, level, terms)
        return self._columns["volume_e8"][index] if passes else None

    def _lots_by_history(self, index: int, member: Member, level: int, terms: Terms) -> Fraction | None:
        kept = self._kept(deal_facts(self._rows.row(index), self._histories, self._book), member, level, terms)
        return None if kept is None else sum((part.lots for part in kept), _ZERO) * 10**8

    def _kept(self, deal: DealFacts, member: Member, level: int, terms: Terms) -> Sequence[Part] | None:
        """Return the parts that count, () when that is not known yet, None when none does."""
        parts = counted_parts(deal, terms.count_on)
        kept = held_long_enough(parts, terms.min_hold_seconds)
        if not parts or filter_verdict(deal, member, terms, level, kept) is not None:
            return None
        return () if is_opening_unknown(parts, terms) else kept

    def _read_histories(self, versions: Sequence[Terms]) -> Histories:
        entry = self._rows["entry"]
        needing: npt.NDArray[np.bool_] = (entry == INOUT) | (entry == OUT_BY)
        if any(terms.min_hold_seconds for terms in versions):
            needing = np.asarray(entry != IN)
        return read_histories(self._rows[needing])
