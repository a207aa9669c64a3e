"""The table rows of a MetaTrader html report. Standard library only; entities and unclosed cells are handled."""

from dataclasses import dataclass
from html.parser import HTMLParser


@dataclass(frozen=True, slots=True)
class Cell:
    text: str
    title: str


Row = tuple[Cell, ...]


class _Rows(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.rows: list[Row] = []
        self._cells: list[Cell] | None = None
        self._text: list[str] | None = None
        self._title = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "tr":
            self._end_row()
            self._cells = []
        elif tag in ("td", "th") and self._cells is not None:
            self._end_cell()
            self._text = []
            self._title = dict(attrs).get("title") or ""

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self._end_cell()
        elif tag in ("tr", "table"):
            self._end_row()

    def handle_data(self, data: str) -> None:
        if self._text is not None:
            self._text.append(data)

    def _end_cell(self) -> None:
        if self._text is not None and self._cells is not None:
            self._cells.append(Cell("".join(self._text).replace("\xa0", " ").strip(), self._title.strip()))
        self._text = None

    def _end_row(self) -> None:
        self._end_cell()
        if self._cells:
            self.rows.append(tuple(self._cells))
        self._cells = None


def html_rows(text: str) -> list[Row]:
    """Return all table rows of a page that have cells, in order."""
    parser = _Rows()
    parser.feed(text)
    parser.close()
    parser.handle_endtag("table")
    return parser.rows
