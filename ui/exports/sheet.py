"""What is exported: a title, some facts, and a table whose rows come one by one."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from django.utils.translation import gettext_lazy as _

from core.errors import DomainError
from ui.numbers import MINUS, exact_text

Cell = str | int | Decimal | date | datetime | None


class TooManyRows(DomainError):
    """The format cannot take that many rows."""

    code, http_status = "too_many_rows", 422
    message = _("A PDF holds at most %(most)s lines. Take the CSV or the Excel file: they hold every line.")


@dataclass(frozen=True, slots=True)
class Column:
    """One column; `share` of the page's width on paper, `places` the fewest decimals that people are shown."""

    label: str
    share: int = 10
    is_number: bool = False
    places: int | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """A short table beside the long one, held in memory; `total` is its last row, () without one."""

    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    total: Sequence[Cell] = ()


@dataclass(frozen=True, slots=True)
class Sheet:
    """What is exported. Cells are text, whole numbers, exact numbers, days or moments; moments are UTC.

    First come title and facts, with `aside` beside them on paper, then the short `tables`, then the long one: its
    rows come one by one, `total` closes it, and `foot` stands below."""

    title: str
    facts: Sequence[tuple[str, str]]
    columns: Sequence[Column]
    rows: Iterable[Sequence[Cell]]
    language: str = "en"
    brand: str = ""
    aside: Table | None = None
    tables: Sequence[Table] = ()
    rows_title: str = ""
    total: Sequence[Cell] = ()
    foot: str = ""

    @property
    def short_tables(self) -> tuple[Table, ...]:
        return (*((self.aside,) if self.aside else ()), *self.tables)


def plain(value: Cell) -> str:
    """Return a cell as text for programs: numbers without exponent and separators, days and moments in ISO 8601."""
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    return value.isoformat() if isinstance(value, date) else str(value)


def shown(value: Cell, column: Column) -> str:
    """Return a cell as text for people: numbers of a column with `places` unrounded, with separators."""
    if column.places is None or not isinstance(value, Decimal | int):
        return plain(value)
    return exact_text(value, column.places)


def harmless(value: Cell, column: Column | None = None) -> str:
    """Return a cell for a spreadsheet's text import: what would be read as a formula becomes text.

    Numbers are ours and stay numbers, without zeros beyond the column's places.
    Source: OWASP, CSV injection."""
    if isinstance(value, Decimal) and column is not None and column.places is not None:
        return exact_text(value, column.places).replace(",", "").replace(MINUS, "-")
    text = plain(value)
    is_text = isinstance(value, str)
    return (
        f"'{text}" if is_text and text.lstrip(" \t\r\n")[:1] in {"=", "+", "-", "@", "＝", "＋", "－", "＠"} else text
    )
