"""Judge the deals of a batch: linear cells by numpy, all others by the exact calculation, into the same columns."""

from collections.abc import Collection, Iterator
from datetime import datetime
from fractions import Fraction
from itertools import chain as joined
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from commissions.calculation import PartKind, Verdict
from commissions.distinct import distinct, distinct_with_first
from commissions.judging.bases import Deals, measure_deals
from commissions.judging.book import Book, days_of
from commissions.judging.cells import CellKey, FlatCells, Formula, reason_bit
from commissions.judging.chains import Chain
from commissions.judging.columns import Rows
from commissions.judging.exact import ExactResult, judge_rows
from commissions.judging.judged import NOTHING_HELPS, Block, Judged, SlowBatch, chosen
from commissions.judging.openings import read_openings
from commissions.judging.payees import PayeeKey, ensure_payees
from commissions.judging.places import chains_of
from commissions.judging.recovery import has_advances, recover
from commissions.judging.weighing import has_tiers, weigh
from commissions.positions import IN, OUT
from commissions.vector import TOO_LARGE, Measured, amounts, multiplied

Int64s = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
ONE_BY_ONE = 100_000  # exact calculations in one batch, of some 0.2 ms each
_KINDS = (PartKind.OPENING, PartKind.CLOSING)


class _Scope(NamedTuple):
    """The deals that get a judgement, with the chain and the cell of each."""

    rows: Rows
    chain: Int64s
    cell: Int64s


def judge_trades(
    rows: Rows, book: Book, *, now: datetime, again: Collection[int] = (), batch: Rows | None = None
) -> Judged:
    """Return the judgements of these live trades; an opening that no plan of its chain counts has none.

    `again`: the identities of deals that are judged again. `batch`: all that is recorded of the server from the first
    of these deals to the last, where they are such a piece of its history. Opens payees that are missing and begins to
    keep the months of tiers, so it writes; the judgements themselves it only computes.

    :raises SlowBatch: more than ONE_BY_ONE of them are beyond the columns; take fewer."""
    chain = chains_of(rows, book)
    weighed = weigh(rows, chain, book, roots=again) if has_tiers(book.memory.versions) else None
    scope = _scope(rows, chain if weighed is None else weighed.chain, book)
    cells = book.cells.arrays()
    linear, measured = _measured(scope, cells, book, batch)
    slow = np.flatnonzero(~linear)
    if len(slow) > ONE_BY_ONE:
        raise SlowBatch(int(scope.rows["id"][slow[ONE_BY_ONE]]))
    one_by_one = chosen(scope.rows, ~linear)
    exact = judge_rows(one_by_one, scope.chain[~linear], book)
    recovering = None
    if has_advances(book.memory.versions):
        recovering = recover(one_by_one, scope.chain[~linear], exact, book, again=again)
    chains = _ChainColumns(scope.chain, book, now=now)
    _ensure_clients(scope, chains.shares, book, now=now)
    waits = {int(root): r.wait for root, r in zip(scope.rows["root"][~linear], exact, strict=True) if r.wait}
    blocks = _blocks(scope, linear, measured, exact, chains, cells, book)
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
    scope: _Scope,
    linear: Bools,
    measured: Measured,
    exact: list[ExactResult],
    chains: "_ChainColumns",
    cells: FlatCells,
    book: Book,
) -> list[Block]:
    """Lay deals of equally long chains out as matrices: linear ones by their cell, the others one by one."""
    place_of_exact = np.cumsum(~linear) - 1
    kind = chains.levels * 2 + chains.shares
    blocks = []
    for each in np.unique(kind).tolist():
        deals = np.flatnonzero(kind == each)
        block = _block(deals, each // 2, each % 2, chains)
        mine = linear[deals]
        _fill_linear(block, mine, scope, measured, cells)
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


def _fill_linear(block: Block, mine: Bools, scope: _Scope, measured: Measured, cells: FlatCells) -> None:
    """Fill the rows of linear deals from their cells."""
    if not mine.any() or not block.width:
        return
    rows: Bools | slice = slice(None) if mine.all() else mine
    deals = block.deals[rows]
    cell = scope.cell[deals]
    offset = cells.offset[cell]
    flat = offset[:, None] + np.arange(block.width)
    measures = Measured(*(column[deals] for column in measured))
    verdict = cells.verdict[flat]
    nothing = measures.num == 0
    if nothing.any():
        verdict[nothing] = cells.zero_verdict[flat[nothing]]
    block.rate_row[rows] = cells.row[flat]
    amount = amounts(measures, cell, offset, block.width, cells.coefficients)
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
    group = book.groups_at(rows)
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
    group = book.groups[group_id]
    key = CellKey(
        shape=shape_number,
        symbol=name,
        symbol_group=symbol.group if symbol else "",
        mt_group=group.name if group.name in shape.mt_groups else "",
        account_currency=group.currency if shape.shares_with_client else "",
        kind=_KINDS[kind],
    )
    return book.cells.number(key, shape)


def _measured(scope: _Scope, cells: FlatCells, book: Book, batch: Rows | None) -> tuple[Bools, Measured]:
    """Return which deals are their measure times a coefficient, and the measures of those."""
    rows, cell = scope.rows, scope.cell
    number = cells.formula[cell]
    linear = _may_be_linear(rows, cell, number, cells) & _has_lot_factor(rows, book)
    hold = cells.min_hold_us[cell]
    asks = np.array([each.measure.needs_opening for each in book.cells.formulas] + [False])[number]
    openings = read_openings(rows, linear & (rows["entry"] != IN) & (asks | (hold > 0)), batch=batch)
    linear &= (hold == 0) | (openings.simple & (rows["at_us"] - openings.at_us >= hold))
    measured = Measured(*(np.full(len(rows), value, dtype=np.int64) for value in (0, 1, 1)))
    factor, factors = _lot_factors(rows, book)
    for formula, mine in _by_formula(rows, np.where(linear, number, -1), book):
        deals = Deals(rows[mine], openings.of(mine), factor[mine], factors)
        found, known = measure_deals(formula, deals, book.rates)
        linear[mine[~known]] = False
        for column, values in zip(measured, found, strict=True):
            column[mine] = values
    return linear, measured


def _by_formula(rows: Rows, number: Int64s, book: Book) -> Iterator[tuple[Formula, Int64s]]:
    """Yield each formula with the deals that it measures, the currencies named; number -1 has none."""
    symbols, symbol = distinct(rows["symbol"])
    groups, group = distinct(book.groups_at(rows))
    quotes = [book.symbols[pk].quote_currency if pk in book.symbols else "USD" for pk in symbols.tolist()]
    accounts = [book.groups[pk].currency for pk in groups.tolist()]
    quote = np.array([quotes.index(each) for each in quotes], dtype=np.int64)[symbol]
    account = np.array([accounts.index(each) for each in accounts], dtype=np.int64)[group]
    _keys, first, which = distinct_with_first((number * len(quotes) + quote) * len(accounts) + account)
    order = np.argsort(which.astype(np.min_scalar_type(len(first))), kind="stable")
    ends = np.cumsum(np.bincount(which))
    for at, start, end in zip(first.tolist(), [0, *ends.tolist()], ends.tolist(), strict=False):
        if number[at] >= 0:
            measure, conversion = book.cells.formulas[int(number[at])]
            if conversion is not None:
                conversion = conversion.named(quote=quotes[int(quote[at])], account=accounts[int(account[at])])
            yield Formula(measure, conversion), order[start:end]


def _may_be_linear(rows: Rows, cell: Int64s, formula: Int64s, cells: FlatCells) -> Bools:
    """Return which deals have a formula and nothing else that only the exact path knows: reasons, reversals, pairs."""
    plain = (rows["entry"] == IN) | (rows["entry"] == OUT)
    bits = np.array([reason_bit(reason) for reason in range(128)], dtype=np.int64)
    excluded = (cells.excluded[cell] >> bits[np.clip(rows["reason"], 0, 127)]) & 1
    return np.asarray((formula >= 0) & plain & (excluded == 0))


def _has_lot_factor(rows: Rows, book: Book) -> Bools:
    """Return which deals have one; the others wait, each with its own note: that is the exact path's work."""
    ids, which = distinct(book.groups_at(rows))
    return np.array([book.groups[pk].lot_factor is not None for pk in ids.tolist()], dtype=np.bool_)[which]


class _ChainColumns:
    """What each deal's chain says of it, as columns. Opens payees that are missing."""

    def __init__(self, chain: Int64s, book: Book, *, now: datetime) -> None:
        numbers, inverse = distinct(chain)
        met = [book.chains.chains[number] for number in numbers.tolist()]
        sizes = np.array([len(each.ib_ids) for each in met], dtype=np.int64)
        self.levels = sizes[inverse]
        self.leaf = np.array([each.ib_ids[0] if each.ib_ids else 0 for each in met], dtype=np.int64)[inverse]
        self.shares = np.array([each.shape.shares_with_client for each in met], dtype=np.int64)[inverse]
        self.offset = (np.cumsum(sizes) - sizes)[inverse]
        ibs = np.fromiter(joined.from_iterable(each.ib_ids for each in met), dtype=np.int64)
        self.payee = _payees(ibs, met, book, now=now)
        self.below = np.zeros(len(ibs), dtype=np.int64)  # per level the IB directly below, 0 at level 1
        self.below[1:] = ibs[:-1]
        self.below[(np.cumsum(sizes) - sizes)[sizes > 0]] = 0


def _payees(ibs: Int64s, chains: list[Chain], book: Book, *, now: datetime) -> npt.NDArray[np.int32]:
    """Return the payee of each of the chains' levels, laid out one behind the other."""
    shapes = {each.shape.number: each.shape for each in chains}
    codes = sorted({code for shape in shapes.values() for code in shape.currencies})
    places = {number: [codes.index(code) for code in shape.currencies] for number, shape in shapes.items()}
    code = np.fromiter(joined.from_iterable(places[each.shape.number] for each in chains), dtype=np.int64)
    keys, level = distinct(ibs * len(codes) + code)
    met = [PayeeKey(key // len(codes), 0, codes[key % len(codes)]) for key in keys.tolist()]
    ensure_payees(book.memory, met, now=now)
    return np.array([book.memory.payees[key] for key in met], dtype=np.int32)[level]


def _ensure_clients(scope: _Scope, shares: Int64s, book: Book, *, now: datetime) -> None:
    accounts = distinct(scope.rows["account"][shares > 0])[0]
    ensure_payees(book.memory, {_client_key(int(place), book) for place in book.place(accounts)}, now=now)


def _client_key(place: int, book: Book) -> PayeeKey:
    return PayeeKey(0, int(book.client_of[place]), book.groups[int(book.account_groups.now[place])].currency)


def _symbol_groups(rows: Rows, book: Book) -> Int64s:
    ids, inverse = distinct(rows["symbol"])
    groups = [book.symbols[pk].group_id if pk in book.symbols else 0 for pk in ids.tolist()]
    return np.array(groups, dtype=np.int64)[inverse]


def _lots(rows: Rows, book: Book) -> Int64s:
    """Return the counted lots of each deal in 1e-8, 0 while its MT group has no lot factor."""
    which, factors = _lot_factors(rows, book)
    pairs = [(factor.numerator, factor.denominator) for factor in factors]
    return np.maximum(multiplied(rows["volume_e8"], pairs, which), 0)  # 0: beyond all bounds


def _lot_factors(rows: Rows, book: Book) -> tuple[Int64s, list[Fraction]]:
    """Return which lot factor each deal takes, and the factors; 0 for an unknown one."""
    ids, which = distinct(book.groups_at(rows))
    return which, [book.groups[pk].lot_factor or Fraction(0) for pk in ids.tolist()]
