"""The table rows of a MetaTrader html report. Standard library only; entities and unclosed cells are handled."""

from dataclasses import dataclass
from html.parser import HTMLParser

from mt4bridge.histories.types import HistoryError

MOST_ROWS, MOST_CELLS, MOST_LETTERS, MOST_SPAN = 1_000_000, 200, 20_000, 64


@dataclass(frozen=True, slots=True)
class Cell:
    text: str
    title: str = ""
    span: int = 1  # columns that it covers


Row = tuple[Cell, ...]


class _Rows(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.rows: list[Row] = []
        self._cells: list[Cell] | None = None
        self._text: list[str] | None = None
        self._title = ""
        self._span = 1
        self._letters = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "tr":
            self._end_row()
            self._cells = []
        elif tag in ("td", "th") and self._cells is not None:
            self._end_cell()
            found = dict(attrs)
            if "hidden" in (found.get("class") or "").split():  # MT5 hides a cell in rows that its headings lack
                return
            self._text, self._letters = [], 0
            self._title = found.get("title") or ""
            self._span = _span(found.get("colspan") or "")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self._end_cell()
        elif tag in ("tr", "table"):
            self._end_row()

    def handle_data(self, data: str) -> None:
        if self._text is not None:
            self._letters += len(data)
            if self._letters > MOST_LETTERS:
                raise HistoryError("expected cells of at most %(most)s letters, found a longer one", most=MOST_LETTERS)
            self._text.append(data)

    def _end_cell(self) -> None:
        if self._text is not None and self._cells is not None:
            if len(self._cells) >= MOST_CELLS:
                raise HistoryError("expected rows of at most %(most)s cells, found a longer one", most=MOST_CELLS)
            text = "".join(self._text).replace("\xa0", " ").strip()
            self._cells.append(Cell(text, self._title.strip(), self._span))
        self._text = None

    def _end_row(self) -> None:
        self._end_cell()
        if self._cells:
            if len(self.rows) >= MOST_ROWS:
                raise HistoryError("expected at most %(most)s rows, found more", most=MOST_ROWS)
            self.rows.append(tuple(self._cells))
        self._cells = None


def _span(text: str) -> int:
    return min(int(text), MOST_SPAN) if text.isascii() and text.isdigit() and int(text[:9]) > 0 else 1


def spread(rows: list[Row]) -> list[Row]:
    """Return rows in which every column has a cell of its own: a cell over three columns is followed by two empty."""
    empty = Cell("")
    return [tuple(each for cell in row for each in (cell, *(empty,) * (cell.span - 1))) for row in rows]


def html_rows(text: str) -> list[Row]:
    """Return all table rows of a page that have cells, in order.

    :raises HistoryError: more rows, cells or letters than any report has."""
    parser = _Rows()
    parser.feed(text)
    parser.close()
    parser.handle_endtag("table")
    return parser.rows
