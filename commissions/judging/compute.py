"""Judge the deals of a batch: linear cells by numpy, all others by the exact calculation, into the same columns."""

from collections.abc import Collection
from datetime import datetime
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from commissions.calculation import PartKind, Verdict
from commissions.judging.book import Book, days_of
from commissions.judging.cells import MEASURES, CellKey, FlatCells, reason_bit
from commissions.judging.columns import Rows
from commissions.judging.distinct import distinct, distinct_with_first
from commissions.judging.exact import ExactResult, judge_rows
from commissions.judging.judged import NOTHING_HELPS, Block, Judged, chosen
from commissions.judging.payees import PayeeKey, ensure_payees, payees_of_chain
from commissions.judging.places import chains_of
from commissions.judging.recovery import has_advances, recover
from commissions.judging.weighing import has_tiers, weigh
from commissions.positions import IN, OUT
from commissions.resolve import Measure
from commissions.vector import TOO_LARGE, amounts, multiplied

Int64s = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
_KINDS = (PartKind.OPENING, PartKind.CLOSING)


class _Scope(NamedTuple):
    """The deals that get a judgement, with the chain and the cell of each."""

    rows: Rows
    chain: Int64s
    cell: Int64s


def judge_trades(rows: Rows, book: Book, *, now: datetime, again: Collection[int] = ()) -> Judged:
    """Return the judgements of these live trades; an opening that no plan of its chain counts has none.

    `again`: the identities of deals that are judged again. Opens payees that are missing and begins to keep the months
    of tiers, so it writes; the judgements themselves it only computes."""
    chain = chains_of(rows, book)
    weighed = weigh(rows, chain, book, roots=again) if has_tiers(book.memory.versions) else None
    scope = _scope(rows, chain if weighed is None else weighed.chain, book)
    cells = book.cells.arrays()
    linear = _is_linear(scope, cells)
    one_by_one = chosen(scope.rows, ~linear)
    exact = judge_rows(one_by_one, scope.chain[~linear], book)
    recovering = None
    if has_advances(book.memory.versions):
        recovering = recover(one_by_one, scope.chain[~linear], exact, book, again=again)
    _ensure(scope, book, now=now)
    chains = _ChainColumns(scope.chain, book)
    waits = {int(root): r.wait for root, r in zip(scope.rows["root"][~linear], exact, strict=True) if r.wait}
    blocks = _blocks(scope, linear, exact, chains, cells, book)
    waits |= dict.fromkeys(_impossible(blocks, scope.rows), NOTHING_HELPS)
    return Judged(
        rows=scope.rows,
        leaf=chains.leaf,
        chain=scope.chain,
        levels=chains.levels,
        symbol_group=_symbol_groups(scope.rows, book),
        lots_e8=_lots(scope.rows, book),
        day=days_of(scope.rows["at_us"], book.zone),
        blocks=blocks,
        waits=waits,
        weighed=weighed,
        recovering=recovering,
    )


def _blocks(
    scope: _Scope, linear: Bools, exact: list[ExactResult], chains: "_ChainColumns", cells: FlatCells, book: Book
) -> list[Block]:
    """Lay deals of equally long chains out as matrices: linear ones by their cell, the others one by one."""
    place_of_exact = np.cumsum(~linear) - 1
    kind = chains.levels * 2 + chains.shares
    blocks = []
    for each in np.unique(kind).tolist():
        deals = np.flatnonzero(kind == each)
        block = _block(deals, each // 2, each % 2, chains)
        mine = linear[deals]
        _fill_linear(block, mine, scope, cells)
        for row in np.flatnonzero(~mine).tolist():
            _put_exact(block, row, exact[int(place_of_exact[deals[row]])])
        if each % 2:
            _name_clients(block, scope.rows["account"][deals], book)
        blocks.append(block)
    return blocks


def _block(deals: Int64s, levels: int, shares: int, chains: "_ChainColumns") -> Block:
    size = (len(deals), levels + shares)
    chain_offset = chains.offset[deals]
    payee = np.zeros(size, dtype=np.int32)
    payee[:, :levels] = chains.payee[chain_offset[:, None] + np.arange(levels)]
    return Block(
        deals=deals,
        payee=payee,
        verdict=np.zeros(size, dtype=np.int16),
        rate_row=np.zeros(size, dtype=np.int32),
        amount=np.zeros(size, dtype=np.int64),
        levels=levels,
        chain_offset=chain_offset,
        below_of_chain=chains.below,
    )


def _fill_linear(block: Block, mine: Bools, scope: _Scope, cells: FlatCells) -> None:
    """Fill the rows of linear deals from their cells."""
    if not mine.any() or not block.width:
        return
    rows: Bools | slice = slice(None) if mine.all() else mine
    deals = block.deals[rows]
    cell = scope.cell[deals]
    offset = cells.offset[cell]
    flat = offset[:, None] + np.arange(block.width)
    measure = _measures(scope.rows, deals, cells.measure[cell])
    verdict = cells.verdict[flat]
    nothing = measure == 0
    if nothing.any():
        verdict[nothing] = cells.zero_verdict[flat[nothing]]
    block.rate_row[rows] = cells.row[flat]
    amount = amounts(measure, cell, offset, block.width, cells.coefficients)
    if amount.min() == TOO_LARGE:  # amounts are never negative
        impossible = (amount == TOO_LARGE).any(axis=1)
        verdict[impossible], amount[impossible] = Verdict.TOO_LARGE, 0
    block.verdict[rows] = verdict
    block.amount[rows] = amount


def _impossible(blocks: list[Block], rows: Rows) -> list[int]:
    """Return the identities of the deals that have an amount beyond what can be booked."""
    marked = [block.deals[block.verdict[:, 0] == Verdict.TOO_LARGE] for block in blocks if block.width]
    return [root for deals in marked for root in rows["root"][deals].tolist()]


def _put_exact(block: Block, row: int, result: ExactResult) -> None:
    for place, line in enumerate(result.lines):
        block.verdict[row, place], block.rate_row[row, place], block.amount[row, place] = line


def _name_clients(block: Block, accounts: Int64s, book: Book) -> None:
    ids, inverse = distinct(accounts)
    payees = [book.memory.payees[_client_key(place, book)] for place in book.place(ids).tolist()]
    block.payee[:, -1] = np.array(payees, dtype=np.int32)[inverse]


def _scope(rows: Rows, chain: Int64s, book: Book) -> _Scope:
    cell = _cells_of(rows, chain, book)
    counted = np.asarray((rows["entry"] != IN) | book.cells.arrays().counted[cell])
    return _Scope(chosen(rows, counted), chain[counted], cell[counted])


def _cells_of(rows: Rows, chain: Int64s, book: Book) -> Int64s:
    """Return the number of each deal's cell; deals of one shape, symbol, MT group and kind share it."""
    shape = np.array([each.shape.number for each in book.chains.chains], dtype=np.int64)[chain]
    group = book.group_of[book.place(rows["account"])]
    symbols, symbol = distinct(rows["symbol"])
    groups, group_place = distinct(group)
    kind = (rows["entry"] != IN).astype(np.int64)
    key = ((shape * len(symbols) + symbol) * len(groups) + group_place) * 2 + kind
    _keys, first, inverse = distinct_with_first(key)
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


def _measures(rows: Rows, index: Int64s, measure: Int64s) -> Int64s:
    """Return the measures of some deals in 1e-8 units, below zero as zero."""
    picked = rows["volume_e8"][index]
    for kind, column, sign in ((Measure.COMMISSION, "commission_e8", -1), (Measure.PROFIT, "profit_e8", 1)):
        mine = measure == MEASURES.index(kind)
        if mine.any():
            picked[mine] = sign * rows[column][index[mine]]
    return np.asarray(np.maximum(picked, 0))


class _ChainColumns:
    """What each deal's chain says of it, as columns."""

    def __init__(self, chain: Int64s, book: Book) -> None:
        numbers, inverse = distinct(chain)
        met = [book.chains.chains[number] for number in numbers.tolist()]
        self.levels = np.array([len(each.ib_ids) for each in met], dtype=np.int64)[inverse]
        self.leaf = np.array([each.ib_ids[0] if each.ib_ids else 0 for each in met], dtype=np.int64)[inverse]
        self.shares = np.array([each.shape.shares_with_client for each in met], dtype=np.int64)[inverse]
        sizes = np.array([len(each.ib_ids) for each in met], dtype=np.int64)
        self.offset = (np.cumsum(sizes) - sizes)[inverse]
        payees = [payees_of_chain(book.memory, each) for each in met]
        self.payee = np.array([payee for ids in payees for payee in ids], dtype=np.int32)
        below = [ib_id for each in met for ib_id in (0, *each.ib_ids[:-1])[: len(each.ib_ids)]]
        self.below = np.array(below, dtype=np.int64)  # per level the IB directly below, 0 at level 1


def _ensure(scope: _Scope, book: Book, *, now: datetime) -> None:
    keys: set[PayeeKey] = set()
    numbers = distinct(scope.chain)[0].tolist()
    for number in numbers:
        chain = book.chains.chains[number]
        if number not in book.memory.payees_of_chain:
            keys |= {
                PayeeKey(ib, 0, currency) for ib, currency in zip(chain.ib_ids, chain.shape.currencies, strict=True)
            }
    sharing = [number for number in numbers if book.chains.chains[number].shape.shares_with_client]
    if sharing:
        accounts = np.unique(scope.rows["account"][np.isin(scope.chain, sharing)])
        keys |= {_client_key(int(place), book) for place in book.place(accounts)}
    ensure_payees(book.memory, keys, now=now)


def _client_key(place: int, book: Book) -> PayeeKey:
    return PayeeKey(0, int(book.client_of[place]), book.groups[int(book.group_of[place])].currency)


def _symbol_groups(rows: Rows, book: Book) -> Int64s:
    ids, inverse = distinct(rows["symbol"])
    groups = [book.symbols[pk].group_id if pk in book.symbols else 0 for pk in ids.tolist()]
    return np.array(groups, dtype=np.int64)[inverse]


def _lots(rows: Rows, book: Book) -> Int64s:
    """Return the counted lots of each deal in 1e-8, 0 while its MT group has no lot factor."""
    ids, inverse = distinct(book.group_of[book.place(rows["account"])])
    factors = [book.groups[pk].lot_factor or Fraction(0) for pk in ids.tolist()]
    pairs = [(factor.numerator, factor.denominator) for factor in factors]
    return np.maximum(multiplied(rows["volume_e8"], pairs, inverse.astype(np.int64)), 0)  # 0: beyond all bounds
