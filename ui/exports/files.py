"""Write a sheet into a temporary file, in one of the formats, without holding its rows in memory."""

import csv
import io
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from tempfile import SpooledTemporaryFile
from typing import IO, Any

import xlsxwriter

from ui.exports.pdf import write_pdf
from ui.exports.sheet import Cell, Sheet, harmless, plain

CONTENT_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pdf": "application/pdf",
}
_IN_MEMORY = 1_000_000  # bytes; larger files lie on disk
_SHEET_ROWS = 1_048_000  # Excel's own limit is 1,048,576
_EXACT_DIGITS = 15  # of a spreadsheet's numbers


def write_csv(sheet: Sheet, out: IO[bytes]) -> None:
    """Write the table as CSV with a byte order mark, which Excel needs to read other scripts."""
    text = io.TextIOWrapper(out, encoding="utf-8-sig", newline="", write_through=True)
    writer = csv.writer(text)
    writer.writerow([harmless(column.label) for column in sheet.columns])
    for row in sheet.rows:
        writer.writerow([harmless(cell) for cell in row])
    text.detach()


def write_xlsx(sheet: Sheet, out: IO[bytes]) -> None:
    """Write facts and table as a workbook, row by row; a full sheet is continued on the next."""
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False,
               "strings_to_numbers": False}  # fmt: skip
    with xlsxwriter.Workbook(out, options) as book:
        bold = book.add_format({"bold": True})
        page, line = book.add_worksheet(), 0
        for label, value in [(sheet.title, ""), *sheet.facts, ("", "")]:
            page.write_string(line, 0, label, bold)
            page.write_string(line, 1, value)
            line += 1
        line = _head(page, sheet, line, bold)
        for row in sheet.rows:
            if line >= _SHEET_ROWS:
                page = book.add_worksheet()
                line = _head(page, sheet, 0, bold)
            for place, cell in enumerate(row):
                _put(page, line, place, cell)
            line += 1


def _head(page: Any, sheet: Sheet, line: int, bold: Any) -> int:
    for place, column in enumerate(sheet.columns):
        page.write_string(line, place, column.label, bold)
    return line + 1


def _put(page: Any, line: int, place: int, cell: Cell) -> None:
    """Write a number as a number where a spreadsheet keeps it exactly, everything else as text."""
    if isinstance(cell, Decimal | int) and len(Decimal(cell).as_tuple().digits) <= _EXACT_DIGITS:
        page.write_number(line, place, cell)
    elif isinstance(cell, str | int | Decimal | date | datetime):
        page.write_string(line, place, plain(cell))


FORMATS: dict[str, Callable[[Sheet, IO[bytes]], None]] = {"csv": write_csv, "xlsx": write_xlsx, "pdf": write_pdf}


def export_file(sheet: Sheet, kind: str) -> IO[bytes]:
    """Return the sheet as a file of the kind, ready to be read from its beginning.

    :raises KeyError: there is no such kind.
    :raises TooManyRows: it is more than a PDF can hold."""
    file: IO[bytes] = SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 -- who answers with it closes it
    try:
        FORMATS[kind](sheet, file)
    except BaseException:
        file.close()
        raise
    file.seek(0)
    return file
