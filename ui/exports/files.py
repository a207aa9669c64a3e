"""Write a sheet into a temporary file, in one of the formats, without holding its rows in memory."""

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from tempfile import SpooledTemporaryFile
from typing import IO, Any

from ui.exports.pdf import write_pdf
from ui.exports.sheet import Cell, Column, Sheet, harmless
from ui.exports.workbook import write_xlsx

CONTENT_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pdf": "application/pdf",
}
_IN_MEMORY = 1_000_000  # bytes; larger files lie on disk


def write_csv(sheet: Sheet, out: IO[bytes]) -> None:
    """Write facts, short tables and the long one as CSV, with a byte order mark: Excel needs it for other scripts."""
    text = io.TextIOWrapper(out, encoding="utf-8-sig", newline="", write_through=True)
    writer = csv.writer(text)
    if sheet.facts:
        writer.writerow([harmless(sheet.title)])
        writer.writerows([harmless(label), harmless(value)] for label, value in sheet.facts)
        writer.writerow([])
    for table in sheet.short_tables:
        writer.writerow([harmless(table.title)])
        _write_table(writer, table.columns, [*table.rows, table.total] if table.total else table.rows)
        writer.writerow([])
    if sheet.rows_title:
        writer.writerow([harmless(sheet.rows_title)])
    _write_table(writer, sheet.columns, sheet.rows)
    if sheet.total:
        _write_row(writer, sheet.columns, sheet.total)
    if sheet.foot:
        writer.writerows([[], [harmless(sheet.foot)]])
    text.detach()


def _write_table(writer: Any, columns: Sequence[Column], rows: Iterable[Sequence[Cell]]) -> None:
    writer.writerow([harmless(column.label) for column in columns])
    for row in rows:
        _write_row(writer, columns, row)


def _write_row(writer: Any, columns: Sequence[Column], row: Sequence[Cell]) -> None:
    writer.writerow([harmless(cell, column) for cell, column in zip(row, columns, strict=True)])


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
