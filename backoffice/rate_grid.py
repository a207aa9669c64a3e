"""The rates of a plan version as a grid: what is traded down, MT groups across. Pure."""

from dataclasses import dataclass

from django.utils.translation import gettext as _

from commissions.terms import Rate, SpreadAt, Terms
from ui.explanation import NO_NAMES, SPREADS, Names, rate_levels, rate_text
from ui.numbers import exact_text

ORDER = {"symbol": 0, "symbol_group": 1, "any": 2}  # the more precise row wins


@dataclass(frozen=True, slots=True)
class Cell:
    """One rate of the grid: its figure, and what else the row says."""

    rate: str
    more: list[str]


@dataclass(frozen=True, slots=True)
class GridRow:
    """One symbol, one symbol group, or all others (`any`), with a cell for each column."""

    kind: str
    scope: str
    name: str
    cells: list[Cell | None]


@dataclass(frozen=True, slots=True)
class Grid:
    """Columns are MT groups; "" stands for all others."""

    columns: list[str]
    rows: list[GridRow]


def rate_grid(terms: Terms, names: Names = NO_NAMES) -> Grid:
    """Lay the rates out: a deal takes the first row that fits, and there its MT group's column before the others."""
    columns = sorted({rate.mt_group or "" for rate in terms.rates})
    found: dict[tuple[str, str], dict[str, Rate]] = {}
    for rate in terms.rates:
        found.setdefault(_scope(rate), {})[rate.mt_group or ""] = rate
    rows = [
        GridRow(
            kind,
            scope,
            names.get(scope, scope) if kind == "symbol_group" else scope,
            [_cell(found[kind, scope].get(column)) for column in columns],
        )
        for kind, scope in sorted(found, key=lambda key: (ORDER[key[0]], key[1]))
    ]
    return Grid(columns, rows)


def _scope(rate: Rate) -> tuple[str, str]:
    if rate.symbol is not None:
        return "symbol", rate.symbol
    if rate.symbol_group is not None:
        return "symbol_group", rate.symbol_group
    return "any", ""


def _cell(rate: Rate | None) -> Cell | None:
    if rate is None:
        return None
    more = [rate_levels(rate)] if rate.levels else []
    if rate.at is not SpreadAt.OPEN:
        more.append(str(SPREADS[rate.at.value]))
    if rate.cap_points is not None:
        more.append(_("at most %(points)s points") % {"points": exact_text(rate.cap_points, 0)})
    if rate.include_swap:
        more.append(_("swap included"))
    return Cell(rate_text(rate), more)
