"""Cells by shape, symbol class, MT group and kind of deal, flat, so that numpy can gather from them."""

from fractions import Fraction
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from commissions.calculation import PartKind, SymbolFacts, Verdict
from commissions.judging.chains import Shape, row_id
from commissions.resolve import ACCOUNT, QUOTE, Cell, CellFacts, CellLevel, Conversion, Kind, Measure, resolve_cell
from commissions.vector import Coefficients

_NOT_COUNTED = CellLevel(Verdict.NOT_COUNTED, Verdict.NOT_COUNTED, 0, 1, None)


class GroupFacts(NamedTuple):
    """What judging needs of an MT group."""

    name: str
    currency: str
    lot_factor: Fraction | None


class CellKey(NamedTuple):
    """What all deals of one cell share. `symbol` and `mt_group` are empty unless some row of the shape names them,
    `account_currency` unless the direct IB shares with the client. The quote currency, the lot factor and otherwise the
    account's currency come in with each deal's measure."""

    shape: int
    symbol: str
    symbol_group: str
    mt_group: str
    account_currency: str
    kind: PartKind


class Formula(NamedTuple):
    """How to come from a deal to the number that a cell's coefficients multiply."""

    measure: Measure
    conversion: Conversion | None


class CellTable:
    """Every cell that this process has resolved. Flat columns hold the levels of all linear cells one after another."""

    def __init__(self) -> None:
        self.cells: list[Cell] = []
        self.offset: list[int] = []
        self.formula: list[int] = []  # place in `formulas`; -1: exact
        self.formulas: list[Formula] = []
        self._numbers: dict[CellKey, int] = {}
        self._fractions: list[list[tuple[int, int]]] = []
        self._verdicts: list[int] = []
        self._zero_verdicts: list[int] = []
        self._rows: list[int] = []
        self._arrays: FlatCells | None = None

    def number(self, key: CellKey, shape: Shape) -> int:
        """Return the number of the key's cell, resolving it at the first call."""
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = self._add(_resolve(key, shape), shape)
        return number

    def arrays(self) -> "FlatCells":
        """Return all cells as numpy columns."""
        if self._arrays is None or len(self._arrays.formula) != len(self.cells):
            self._arrays = FlatCells(
                formula=np.array(self.formula, dtype=np.int64),
                offset=np.array(self.offset, dtype=np.int64),
                min_hold_us=np.array([cell.min_hold_seconds * 1_000_000 for cell in self.cells], dtype=np.int64),
                counted=np.array([cell.is_counted for cell in self.cells], dtype=np.bool_),
                excluded=np.array([_mask(cell.excluded) for cell in self.cells], dtype=np.int64),
                coefficients=Coefficients(self._fractions),
                verdict=np.array(self._verdicts, dtype=np.int16),
                zero_verdict=np.array(self._zero_verdicts, dtype=np.int16),
                row=np.array(self._rows, dtype=np.int32),
            )
        return self._arrays

    def _add(self, cell: Cell, shape: Shape) -> int:
        self.cells.append(cell)
        self.formula.append(self._formula(cell))
        self.offset.append(len(self._verdicts))
        self._fractions.append([])
        if cell.measure:
            for level, version in zip(cell.levels, shape.versions, strict=True):
                self._add_level(level, row_id(version, level.rate.position if level.rate else None))
            if shape.shares_with_client:
                self._add_level(cell.client or _NOT_COUNTED, row_id(shape.versions[0], None))
        return len(self.cells) - 1

    def _formula(self, cell: Cell) -> int:
        if cell.measure is None:
            return -1
        formula = Formula(cell.measure, cell.conversion)
        if formula not in self.formulas:
            self.formulas.append(formula)
        return self.formulas.index(formula)

    def _add_level(self, level: CellLevel, rate_row: int) -> None:
        self._fractions[-1].append((level.num, level.den))
        self._verdicts.append(level.verdict)
        self._zero_verdicts.append(level.zero_verdict)
        self._rows.append(rate_row)


class FlatCells(NamedTuple):
    """All cells as columns; the last three run over levels, the others over cells."""

    formula: npt.NDArray[np.int64]
    offset: npt.NDArray[np.int64]
    min_hold_us: npt.NDArray[np.int64]
    counted: npt.NDArray[np.bool_]
    excluded: npt.NDArray[np.int64]  # bit r: deals of reason r are excluded
    coefficients: Coefficients
    verdict: npt.NDArray[np.int16]
    zero_verdict: npt.NDArray[np.int16]
    row: npt.NDArray[np.int32]


def _mask(reasons: frozenset[int]) -> int:
    return sum(1 << reason_bit(reason) for reason in reasons)


def reason_bit(reason: int) -> int:
    """Return the bit of a deal reason; codes above 62 share one, and share the exact path then."""
    return min(reason, 62)


def _resolve(key: CellKey, shape: Shape) -> Cell:
    if not shape.members:
        return Cell(is_counted=key.kind is PartKind.CLOSING, measure=Measure(Kind.LOTS))
    symbol = SymbolFacts(key.symbol, key.symbol_group or None, Fraction(1), 0, QUOTE)
    facts = CellFacts(symbol, key.mt_group, key.account_currency or ACCOUNT, Fraction(1), key.kind)
    return resolve_cell(facts, shape.members)
