"""The plan editor's sheet: everything that terms can say as inputs of one form, as typed. No request, no tables."""

from backoffice.sheet.reading import read_sheet, typed_of
from backoffice.sheet.terms import Written, errors_by_input, sheet_of, write_terms
from backoffice.sheet.types import CELLS, Line, Sheet, cell_name

__all__ = [
    "CELLS",
    "Line",
    "Sheet",
    "Written",
    "cell_name",
    "errors_by_input",
    "read_sheet",
    "sheet_of",
    "typed_of",
    "write_terms",
]
