"""Files of whole tables, as CSV, XLSX and PDF: rows come one by one, and a file on disk takes them."""

from ui.exports.files import CONTENT_TYPES, FORMATS, export_file
from ui.exports.sheet import Column, Sheet, Table, TooManyRows

__all__ = ["CONTENT_TYPES", "FORMATS", "Column", "Sheet", "Table", "TooManyRows", "export_file"]
