"""Judge deals one by one with the exact calculation: what the linear cells cannot express, and explanations."""

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from commissions.calculation import (
    ChainResult,
    DealFacts,
    Part,
    PartKind,
    SymbolFacts,
    UsdQuote,
    Verdict,
    judge_chain,
)
from commissions.judging.book import Book, SymbolRow
from commissions.judging.chains import Chain, row_id
from commissions.judging.columns import MISSING, Row, Rows
from commissions.judging.history import Histories, moment, needing_history, read_histories
from commissions.judging.judged import NOTHING_HELPS, Wait
from commissions.positions import IN, INOUT
from commissions.terms.reasons import REASON_CODES
from commissions.vector import LARGEST
from core.money import E8

_REASONS = {code: name for name, code in REASON_CODES.items()}
_NO_SYMBOL = SymbolRow("", 0, "", "USD")
_ZERO = Fraction(0)
NOTHING: Mapping[int, Fraction] = {}


class ExactLine(NamedTuple):
    """One payee's stored values."""

    verdict: int
    rate_row: int
    amount_e8: int


class ExactResult(NamedTuple):
    """One deal's lines, the chain first and then the client, what it waits for, and the direct IB's line exactly."""

    lines: list[ExactLine]
    wait: Wait | None
    first_line: Fraction


def judge_rows(
    rows: Rows, chains: npt.NDArray[np.int64], book: Book, *, to_recover: Mapping[int, Fraction] = NOTHING
) -> list[ExactResult]:
    """Return the results of these deals, each with the chain of its number; `to_recover` by the deal's identity."""
    met = [book.chains.chains[number] for number in chains.tolist()]
    needs = np.array([chain.shape.needs_openings for chain in met], dtype=np.bool_)
    histories = read_histories(needing_history(rows, needs))
    results = []
    for row, chain in zip(rows.each(), met, strict=True):
        book.rates.misses.clear()
        result = judge_deal(row, chain, histories, book, to_recover=to_recover.get(row["root"], _ZERO))
        lines = _lines(result, chain)
        if any(line.amount_e8 > LARGEST for line in lines):
            results.append(_too_large(lines))
            continue
        first = result.outcomes[0].line if result.outcomes else _ZERO
        results.append(ExactResult(lines, _wait(result, row, book), first))
    return results


def judge_deal(
    row: Row, chain: Chain, histories: Histories, book: Book, *, explain: bool = False,
    to_recover: Fraction = _ZERO,
) -> ChainResult:  # fmt: skip
    """Run the exact calculation for one deal over its chain; `to_recover` from the direct IB, in its currency."""
    at_us = row["at_us"]

    def quote(currency: str) -> UsdQuote | None:
        return book.rates.usd_quote(currency, at_us)

    members = chain.shape.members
    if to_recover:
        members = (replace(members[0], to_recover=to_recover), *members[1:])
    return judge_chain(deal_facts(row, histories, book), members, quote, explain=explain)


def deal_facts(row: Row, histories: Histories, book: Book) -> DealFacts:
    """Return the facts of one deal with its parts from the position's history."""
    group = book.groups[_group_at(row, book)]
    symbol = book.symbols.get(row["symbol"], _NO_SYMBOL)
    bid, ask = row["bid_e8"], row["ask_e8"]
    root = row["root"]
    return DealFacts(
        at=moment(row["at_us"]),
        reason=_REASONS.get(row["reason"], "unknown"),
        symbol=SymbolFacts(
            symbol.name,
            symbol.group or None,
            _units(row["contract_size_e8"]),
            row["digits"],
            symbol.quote_currency,
        ),
        mt_group=group.name,
        account_currency=group.currency,
        lot_factor=group.lot_factor,
        parts=histories.parts.get(root) or _parts_alone(row),
        price=_units(row["price_e8"]),
        spread=None if MISSING in (bid, ask) else Fraction(ask - bid, E8),
        profit=_units(row["profit_e8"]),
        swap=_units(row["swap_e8"]),
        is_second_close_by=root in histories.second,
    )


def _group_at(row: Row, book: Book) -> int:
    """Return the MT group of one deal's account at the deal's own time."""
    return book.account_groups.of_deal(book.lookup.place(row["account"]), row["at_us"])


def _parts_alone(row: Row) -> tuple[Part, ...]:
    """Return the parts of a deal whose history nobody asks for, or whose server names no position."""
    lots, commission = _units(row["volume_e8"]), _units(row["commission_e8"])
    if row["entry"] == IN:
        return (Part(PartKind.OPENING, lots, commission),)
    if row["entry"] != INOUT:
        return (Part(PartKind.CLOSING, lots, commission),)
    return (Part(PartKind.UNDIVIDED, lots, commission),)


def _units(scaled: int) -> Fraction:
    return Fraction(scaled, E8)


def _lines(result: ChainResult, chain: Chain) -> list[ExactLine]:
    lines = []
    versions = chain.shape.versions
    for outcome, version in zip(result.outcomes, versions, strict=True):
        rate = row_id(version, outcome.rate.position if outcome.rate else None)
        lines.append(ExactLine(outcome.verdict, rate, outcome.amount_e8))
    if chain.shape.shares_with_client:
        client = result.client
        verdict = client.verdict if client else Verdict.NOT_COUNTED
        amount = client.amount_e8 if client else 0
        lines.append(ExactLine(verdict, row_id(versions[0], None), amount))
    return lines


def _too_large(lines: list[ExactLine]) -> ExactResult:
    """Return the state of a deal with an amount beyond LARGEST: nobody gets anything, and staff have to look at it."""
    return ExactResult([ExactLine(Verdict.TOO_LARGE, line.rate_row, 0) for line in lines], NOTHING_HELPS, _ZERO)


def _wait(result: ChainResult, row: Row, book: Book) -> Wait | None:
    verdicts = {outcome.verdict for outcome in result.outcomes}
    if Verdict.UNKNOWN_LOT_FACTOR in verdicts:
        return Wait(_group_at(row, book), ())
    if Verdict.NO_FX_RATE in verdicts:
        return Wait(0, tuple(sorted(book.rates.misses)))
    return None
