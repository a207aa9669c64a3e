"""What is exported: a title, some facts, and a table whose rows come one by one."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from django.utils.translation import gettext_lazy as _

from core.errors import DomainError

Cell = str | int | Decimal | date | datetime | None


class TooManyRows(DomainError):
    """The format cannot take that many rows."""

    code, http_status = "too_many_rows", 422
    message = _("A PDF holds at most %(most)s lines. Take the CSV or the Excel file: they hold every line.")


@dataclass(frozen=True, slots=True)
class Column:
    """One column; `share` of the page's width on paper."""

    label: str
    share: int = 10
    is_number: bool = False


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table to export. Cells are text, whole numbers, exact numbers, days or moments; moments are UTC."""

    title: str
    facts: Sequence[tuple[str, str]]
    columns: Sequence[Column]
    rows: Iterable[Sequence[Cell]]
    language: str = "en"
    brand: str = ""


def plain(value: Cell) -> str:
    """Return a cell as text: numbers without exponent, days and moments in ISO 8601."""
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    return value.isoformat() if isinstance(value, date) else str(value)


def harmless(value: Cell) -> str:
    """Return a cell for a spreadsheet's text import: what would be read as a formula becomes text.

    Source: OWASP, CSV injection. Numbers are ours and stay numbers."""
    text = plain(value)
    is_text = isinstance(value, str)
    return (
        f"'{text}" if is_text and text.lstrip(" \t\r\n")[:1] in {"=", "+", "-", "@", "＝", "＋", "－", "＠"} else text
    )
