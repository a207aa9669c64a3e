"""Write a sheet as an Excel workbook: facts and short tables on the first page, every row on the following ones."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import IO, Any

import xlsxwriter
from django.utils.translation import gettext as _

from ui.exports.sheet import Cell, Column, Sheet, Table, plain

_SHEET_ROWS = 1_048_000  # Excel's own limit is 1,048,576
_EXACT_DIGITS = 15  # of a spreadsheet's numbers
_WIDTHS = (9, 60)  # characters: the least and the most of a column
_OPTIONS = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False,
            "strings_to_numbers": False}  # fmt: skip


class _Styles:
    """Formats of a workbook, made once each."""

    def __init__(self, book: Any) -> None:
        self.book = book
        self.title = book.add_format({"bold": True, "font_size": 14})
        self.bold = book.add_format({"bold": True})
        self.head = book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"})
        self.right = book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top", "align": "right"})
        self._known: dict[tuple[str, bool], Any] = {}

    def of(self, cell: Cell, column: Column, *, is_total: bool) -> Any:
        """Return how a cell looks: the fewest decimals of its column, days and moments in ISO 8601, totals bold."""
        return self._format(_pattern(cell, column), is_total)

    def _format(self, pattern: str, is_total: bool) -> Any:
        if (pattern, is_total) not in self._known:
            look: dict[str, Any] = {"num_format": pattern} if pattern else {}
            self._known[pattern, is_total] = self.book.add_format(look | ({"bold": True, "top": 1} if is_total else {}))
        return self._known[pattern, is_total]


def _pattern(cell: Cell, column: Column) -> str:
    if isinstance(cell, datetime):
        return "yyyy-mm-dd hh:mm:ss"
    if isinstance(cell, date):
        return "yyyy-mm-dd"
    if column.places is None or not isinstance(cell, Decimal | int):
        return ""
    return "#,##0" + ("." + "0" * column.places + "#" * (8 - column.places) if column.places else "")


def write_xlsx(sheet: Sheet, out: IO[bytes]) -> None:
    """Write the workbook row by row; a full page is continued on the next."""
    with xlsxwriter.Workbook(out, dict(_OPTIONS)) as book:
        styles = _Styles(book)
        if sheet.facts or sheet.short_tables:
            _write_front(book.add_worksheet(_("Overview")), sheet, styles)
        page, line = _new_page(book, sheet, styles)
        for row in sheet.rows:
            if line >= _SHEET_ROWS:
                page, line = _new_page(book, sheet, styles)
            _write_row(page, line, row, sheet.columns, styles)
            line += 1
        if sheet.total:
            _write_row(page, line, sheet.total, sheet.columns, styles, is_total=True)


def _write_front(page: Any, sheet: Sheet, styles: _Styles) -> None:
    most = max([2, *(len(table.columns) for table in sheet.short_tables)])
    page.set_column(0, 0, 30)
    page.set_column(1, most - 1, 22)
    page.set_portrait()
    page.set_paper(9)
    page.fit_to_pages(1, 0)
    page.write_string(0, 0, sheet.title, styles.title)
    line = 2
    for label, value in sheet.facts:
        page.write_string(line, 0, label)
        page.write_string(line, 1, value, styles.bold)
        line += 1
    for table in sheet.short_tables:
        line = _write_table(page, line + 1, table, styles)
    if sheet.foot:
        page.write_string(line + 1, 0, sheet.foot)


def _write_table(page: Any, line: int, table: Table, styles: _Styles) -> int:
    page.write_string(line, 0, table.title, styles.bold)
    _write_head(page, line + 1, table.columns, styles)
    line += 2
    for row in table.rows:
        _write_row(page, line, row, table.columns, styles)
        line += 1
    if table.total:
        _write_row(page, line, table.total, table.columns, styles, is_total=True)
        line += 1
    return line


def _new_page(book: Any, sheet: Sheet, styles: _Styles) -> tuple[Any, int]:
    """Return a page with the long table's head, which stays in sight and is repeated on paper; and its next line."""
    page = book.add_worksheet()
    for place, column in enumerate(sheet.columns):
        page.set_column(place, place, min(max(column.share * 1.2, _WIDTHS[0]), _WIDTHS[1]))
    page.freeze_panes(1, 0)
    page.repeat_rows(0)
    page.set_landscape()
    page.set_paper(9)
    page.fit_to_pages(1, 0)
    page.set_footer("&L" + sheet.title.replace("&", "&&") + "&R&P / &N")
    _write_head(page, 0, sheet.columns, styles)
    return page, 1


def _write_head(page: Any, line: int, columns: Sequence[Column], styles: _Styles) -> None:
    for place, column in enumerate(columns):
        page.write_string(line, place, column.label, styles.right if column.is_number else styles.head)


def _write_row(
    page: Any, line: int, row: Sequence[Cell], columns: Sequence[Column], styles: _Styles, *, is_total: bool = False
) -> None:
    for place, (cell, column) in enumerate(zip(row, columns, strict=True)):
        _write_cell(page, line, place, cell, styles.of(cell, column, is_total=is_total))


def _write_cell(page: Any, line: int, place: int, cell: Cell, look: Any) -> None:
    """Write a number as a number where a spreadsheet keeps it exactly; text, and all other numbers, as text."""
    if isinstance(cell, Decimal | int) and len(Decimal(cell).as_tuple().digits) <= _EXACT_DIGITS:
        page.write_number(line, place, cell, look)
    elif isinstance(cell, datetime):
        page.write_datetime(line, place, cell.replace(tzinfo=None, microsecond=0), look)
    elif isinstance(cell, date):
        page.write_datetime(line, place, datetime(cell.year, cell.month, cell.day), look)  # noqa: DTZ001 -- a day
    elif isinstance(cell, str | int | Decimal):
        page.write_string(line, place, plain(cell), look)
    else:
        page.write_blank(line, place, None, look)
