"""Judge the deals of a batch: linear cells by numpy, all others by the exact calculation, into the same columns."""

from collections.abc import Iterable
from datetime import datetime
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from commissions.calculation import PartKind
from commissions.judging.book import Book, days_of
from commissions.judging.cells import MEASURES, CellKey, FlatCells, reason_bit
from commissions.judging.columns import Rows
from commissions.judging.exact import ExactLine, ExactResult, judge_rows
from commissions.judging.judged import Judged, Lines, spread_out
from commissions.judging.payees import PayeeKey, ensure_payees, payees_of_chain
from commissions.judging.places import chains_of
from commissions.positions import IN, OUT
from commissions.resolve import Measure
from commissions.vector import Coefficients, amounts

Int64s = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
_KINDS = (PartKind.OPENING, PartKind.CLOSING)


class _Scope(NamedTuple):
    """The deals that get a judgement, with the chain and the cell of each."""

    rows: Rows
    chain: Int64s
    cell: Int64s


def judge_trades(rows: Rows, book: Book, *, now: datetime) -> Judged:
    """Return the judgements of these live trades; an opening that no plan of its chain counts has none.

    Opens payees that are missing, so it writes; the judgements themselves it only computes."""
    scope = _scope(rows, book)
    cells = book.cells.arrays()
    linear = _is_linear(scope, cells)
    exact = judge_rows(scope.rows[~linear], scope.chain[~linear], book)
    _ensure(scope, book, now=now)
    chains = _ChainColumns(scope.chain, book)
    width = np.empty(len(scope.rows), dtype=np.int64)
    width[linear] = chains.levels[linear] + chains.shares[linear]
    width[~linear] = [len(result.lines) for result in exact]
    lines = _empty_lines(int(width.sum()))
    offset = np.cumsum(width) - width
    _fill_linear(lines, offset, width, linear, scope, chains, cells, book)
    _fill_exact(lines, offset, ~linear, exact, scope, book)
    return Judged(
        rows=scope.rows,
        leaf=chains.leaf,
        chain=scope.chain,
        levels=chains.levels,
        symbol_group=_symbol_groups(scope.rows, book),
        lots_e8=_lots(scope.rows, book),
        day=days_of(scope.rows["at_us"], book.zone),
        width=width,
        lines=lines,
        waits={int(root): r.wait for root, r in zip(scope.rows["root"][~linear], exact, strict=True) if r.wait},
    )


def _scope(rows: Rows, book: Book) -> _Scope:
    chain = chains_of(rows, book)
    cell = _cells_of(rows, chain, book)
    counted = (rows["entry"] != IN) | book.cells.arrays().counted[cell]
    return _Scope(rows[counted], chain[counted], cell[counted])


def _cells_of(rows: Rows, chain: Int64s, book: Book) -> Int64s:
    """Return the number of each deal's cell; deals of one shape, symbol, MT group and kind share it."""
    shape = np.array([each.shape.number for each in book.chains.chains], dtype=np.int64)[chain]
    group = book.group_of[book.place(rows["account"])]
    symbols, symbol = np.unique(rows["symbol"], return_inverse=True)
    groups, group_place = np.unique(group, return_inverse=True)
    kind = (rows["entry"] != IN).astype(np.int64)
    key = ((shape * len(symbols) + symbol) * len(groups) + group_place) * 2 + kind
    _keys, first, inverse = np.unique(key, return_index=True, return_inverse=True)
    numbers = [
        _cell(int(shape[at]), int(rows["symbol"][at]), int(group[at]), int(kind[at]), book) for at in first.tolist()
    ]
    return np.array(numbers, dtype=np.int64)[inverse]


def _cell(shape_number: int, symbol_id: int, group_id: int, kind: int, book: Book) -> int:
    shape = book.chains.shapes[shape_number]
    symbol = book.symbols.get(symbol_id)
    name = symbol.name if symbol and symbol.name in shape.symbols else ""
    key = CellKey(shape_number, name, symbol.group if symbol else "", book.groups[group_id], _KINDS[kind])
    return book.cells.number(key, shape)


def _is_linear(scope: _Scope, cells: FlatCells) -> Bools:
    """Return which deals are their cell's measure times a coefficient, with nothing that only their history tells."""
    rows, cell = scope.rows, scope.cell
    measure = cells.measure[cell]
    plain = (rows["entry"] == IN) | (rows["entry"] == OUT)
    with_opening = measure == MEASURES.index(Measure.COMMISSION_WITH_OPENING)
    bits = np.array([reason_bit(reason) for reason in range(128)], dtype=np.int64)
    excluded = (cells.excluded[cell] >> bits[np.clip(rows["reason"], 0, 127)]) & 1
    return np.asarray((measure >= 0) & plain & ~with_opening & (excluded == 0) & (cells.min_hold_us[cell] == 0))


def _measures(rows: Rows, measure: Int64s) -> Int64s:
    """Return each deal's measure in 1e-8 units, below zero as zero."""
    picked = np.select(
        [measure == MEASURES.index(Measure.COMMISSION), measure == MEASURES.index(Measure.PROFIT)],
        [-rows["commission_e8"], rows["profit_e8"]],
        default=rows["volume_e8"],
    )
    return np.asarray(np.maximum(picked, 0))


class _ChainColumns:
    """What each deal's chain says of it, as columns."""

    def __init__(self, chain: Int64s, book: Book) -> None:
        numbers, inverse = np.unique(chain, return_inverse=True)
        met = [book.chains.chains[number] for number in numbers.tolist()]
        self.levels = np.array([len(each.ib_ids) for each in met], dtype=np.int64)[inverse]
        self.leaf = np.array([each.ib_ids[0] if each.ib_ids else 0 for each in met], dtype=np.int64)[inverse]
        self.shares = np.array([each.shape.shares_with_client for each in met], dtype=np.int64)[inverse]
        sizes = np.array([len(each.ib_ids) for each in met], dtype=np.int64)
        self.offset = (np.cumsum(sizes) - sizes)[inverse]
        payees = [payees_of_chain(book.memory, each) for each in met]
        self.payee = np.array([payee for ids in payees for payee in ids], dtype=np.int64)
        below = [ib_id for each in met for ib_id in (0, *each.ib_ids[:-1])[: len(each.ib_ids)]]
        self.below = np.array(below, dtype=np.int64)  # per level the IB directly below, 0 at level 1


def _ensure(scope: _Scope, book: Book, *, now: datetime) -> None:
    keys: set[PayeeKey] = set()
    numbers = np.unique(scope.chain).tolist()
    for number in numbers:
        chain = book.chains.chains[number]
        if number not in book.memory.payees_of_chain:
            keys |= {PayeeKey(ib, 0, currency) for ib, currency in zip(chain.ib_ids, chain.currencies, strict=True)}
    sharing = [number for number in numbers if book.chains.chains[number].shape.shares_with_client]
    if sharing:
        accounts = np.unique(scope.rows["account"][np.isin(scope.chain, sharing)])
        keys |= {_client_key(int(place), book) for place in book.place(accounts)}
    ensure_payees(book.memory, keys, now=now)


def _client_key(place: int, book: Book) -> PayeeKey:
    return PayeeKey(0, int(book.client_of[place]), book.groups[int(book.group_of[place])].currency)


def _empty_lines(size: int) -> Lines:
    return Lines(*(np.zeros(size, dtype=np.int64) for _field in Lines._fields))


def _fill_linear(
    lines: Lines,
    offset: Int64s,
    width: Int64s,
    linear: Bools,
    scope: _Scope,
    chains: _ChainColumns,
    cells: FlatCells,
    book: Book,
) -> None:
    rows = scope.rows[linear]
    row, place = spread_out(width[linear])
    at = offset[linear][row] + place
    cell = scope.cell[linear]
    flat = cells.offset[cell][row] + place
    measure = _measures(rows, cells.measure[cell])
    is_client = place >= chains.levels[linear][row]
    chain_at = chains.offset[linear][row] + np.where(is_client, 0, place)
    account = rows["account"][row]
    if len(chains.payee):
        lines.payee[at] = chains.payee[chain_at]
        below = chains.below[chain_at]
        lines.via[at] = np.where(is_client | (below == 0), -account, below)
    for index in np.flatnonzero(is_client):
        key = _client_key(int(book.place(account[index : index + 1])[0]), book)
        lines.payee[at[index]] = book.memory.payees[key][0]
    lines.verdict[at] = np.where(measure[row] > 0, cells.verdict[flat], cells.zero_verdict[flat])
    lines.rate_row[at] = cells.row[flat]
    lines.amount[at] = amounts(measure[row], flat, cells.coefficients)


def _fill_exact(
    lines: Lines, offset: Int64s, chosen: Bools, exact: list[ExactResult], scope: _Scope, book: Book
) -> None:
    rows, numbers = scope.rows[chosen], scope.chain[chosen]
    for index, (start, result) in enumerate(zip(offset[chosen].tolist(), exact, strict=True)):
        chain = book.chains.chains[int(numbers[index])]
        account = int(rows["account"][index])
        payees: Iterable[int] = payees_of_chain(book.memory, chain)
        if len(result.lines) > len(chain.ib_ids):
            place = int(book.place(rows["account"][index : index + 1])[0])
            payees = (*payees, book.memory.payees[_client_key(place, book)][0])
        for level, (payee, line) in enumerate(zip(payees, result.lines, strict=True)):
            via = chain.ib_ids[level - 1] if 0 < level < len(chain.ib_ids) else -account
            _put(lines, start + level, payee, line, via)


def _put(lines: Lines, at: int, payee: int, line: ExactLine, via: int) -> None:
    lines.payee[at], lines.via[at] = payee, via
    lines.verdict[at], lines.rate_row[at], lines.amount[at] = line


def _symbol_groups(rows: Rows, book: Book) -> Int64s:
    ids, inverse = np.unique(rows["symbol"], return_inverse=True)
    groups = [book.symbols[pk].group_id if pk in book.symbols else 0 for pk in ids.tolist()]
    return np.array(groups, dtype=np.int64)[inverse]


def _lots(rows: Rows, book: Book) -> Int64s:
    """Return the counted lots of each deal in 1e-8, 0 while its MT group has no lot factor."""
    ids, inverse = np.unique(book.group_of[book.place(rows["account"])], return_inverse=True)
    factors = [book.groups[pk].lot_factor or Fraction(0) for pk in ids.tolist()]
    pairs = [(factor.numerator, factor.denominator) for factor in factors]
    return amounts(rows["volume_e8"], inverse.astype(np.int64), Coefficients(pairs))
