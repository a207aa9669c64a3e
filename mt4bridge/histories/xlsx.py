"""The rows of a workbook's first sheet, read strictly: what no MetaTrader report has is refused, not interpreted.

A workbook is a zip of XML files, and both are known weapons. Sizes are counted while unpacking (not believed from the
directory), a document type or entity declaration is refused before the parser sees one, and a cell with a formula is
refused: what it shows is whatever somebody typed. Standard library only; nothing is ever written to disk."""

import io
import re
import zipfile
import zlib
from decimal import Decimal
from xml.parsers import expat

from mt4bridge.histories.fields import decimals
from mt4bridge.histories.rows import MOST_CELLS, MOST_LETTERS, MOST_ROWS, Cell, Row
from mt4bridge.histories.types import HistoryError

MOST_MEMBERS = 200
MOST_UNPACKED = 200 << 20  # bytes of one part of the workbook
MOST_RATIO = 200  # unpacked bytes for each packed one; real sheets have 10 to 30
MOST_STRINGS = 2_000_000
_SIGNATURE = b"PK\x03\x04"
_SHEET = re.compile(r"xl/worksheets/sheet\d*\.xml")
_STRINGS = "xl/sharedStrings.xml"
_PLACE = re.compile(r"([A-Z]{1,3})\d{1,7}")
_CHUNK = 1 << 16


def looks_like_zip(content: bytes) -> bool:
    return content.startswith(_SIGNATURE)


def xlsx_rows(content: bytes) -> list[Row]:
    """Return the rows of the first sheet with each cell in its column; empty rows are left out.

    :raises HistoryError: not a workbook, hostile, or beyond what a report may be."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = _members(archive)
            sheets = sorted(name for name in members if _SHEET.fullmatch(name))
            if not sheets:
                raise HistoryError("expected a workbook with a sheet, found a zip file without one")
            strings = _Strings()
            if _STRINGS in members:
                _parse(archive, members[_STRINGS], strings)
            sheet = _Sheet(strings.values)
            _parse(archive, members[sheets[0]], sheet)
            return sheet.rows
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, RuntimeError, ValueError):
        raise HistoryError("expected a workbook (xlsx), found a damaged or encrypted zip file") from None


def _members(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    infos = archive.infolist()
    if len(infos) > MOST_MEMBERS:
        raise HistoryError(
            "expected a workbook of at most %(most)s parts, found %(found)s", most=MOST_MEMBERS, found=len(infos)
        )
    if any("vbaproject" in info.filename.lower() for info in infos):
        raise HistoryError("expected a workbook without macros, found one with them")
    return {info.filename: info for info in infos}


class _Handler:
    """What one part of a workbook is turned into."""

    def start(self, name: str, attributes: dict[str, str]) -> None: ...

    def end(self, name: str) -> None: ...

    def text(self, data: str) -> None: ...


def _parse(archive: zipfile.ZipFile, info: zipfile.ZipInfo, handler: _Handler) -> None:
    """Feed one part to its handler, counting what comes out of the zip."""
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler = lambda name, attributes: handler.start(name.rpartition(" ")[2], attributes)
    parser.EndElementHandler = lambda name: handler.end(name.rpartition(" ")[2])
    parser.CharacterDataHandler = handler.text
    parser.StartDoctypeDeclHandler = _refuse_declaration
    parser.EntityDeclHandler = _refuse_declaration
    unpacked, limit = 0, min(MOST_UNPACKED, max(info.compress_size, 1024) * MOST_RATIO)
    try:
        with archive.open(info) as part:
            while chunk := part.read(_CHUNK):
                unpacked += len(chunk)
                if unpacked > limit:
                    raise HistoryError("expected a workbook of sensible size, found one that unpacks to far more")
                parser.Parse(chunk, False)
            parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise HistoryError(
            "expected a workbook, found broken XML in line %(line)s of %(part)s", line=error.lineno, part=info.filename
        ) from None


def _refuse_declaration(*_: object) -> None:
    raise HistoryError("expected a workbook, found XML with a declaration of entities")


class _Strings(_Handler):
    """sharedStrings.xml: texts that cells name by number."""

    def __init__(self) -> None:
        self.values: list[str] = []
        self._parts: list[str] | None = None
        self._take = False

    def start(self, name: str, attributes: dict[str, str]) -> None:  # noqa: ARG002 -- the sheet needs them
        if name == "si":
            if len(self.values) >= MOST_STRINGS:
                raise HistoryError("expected at most %(most)s texts, found more", most=MOST_STRINGS)
            self._parts = []
        elif name == "t":
            self._take = True

    def end(self, name: str) -> None:
        if name == "t":
            self._take = False
        elif name == "si" and self._parts is not None:
            self.values.append(_short("".join(self._parts)))
            self._parts = None

    def text(self, data: str) -> None:
        if self._take and self._parts is not None:
            self._parts.append(data)


class _Sheet(_Handler):
    """A sheet: rows of cells with numbers, texts of their own, or numbers of shared texts."""

    def __init__(self, strings: list[str]) -> None:
        self.rows: list[Row] = []
        self._strings = strings
        self._cells: dict[int, str] = {}
        self._column = 0
        self._kind = ""
        self._parts: list[str] = []
        self._take = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "row":
            self._cells, self._column = {}, 0
        elif name == "c":
            self._column = _column(attributes.get("r", ""), self._column)
            self._kind, self._parts = attributes.get("t", "n"), []
        elif name in ("v", "t"):
            self._take = True
        elif name == "f":
            raise HistoryError("expected a report as the terminal wrote it, found a cell with a formula")

    def end(self, name: str) -> None:
        if name in ("v", "t"):
            self._take = False
        elif name == "c":
            text = self._value("".join(self._parts))
            if text:
                self._cells[self._column] = text
        elif name == "row" and self._cells:
            if len(self.rows) >= MOST_ROWS:
                raise HistoryError("expected at most %(most)s rows, found more", most=MOST_ROWS)
            width = max(self._cells)
            self.rows.append(tuple(Cell(self._cells.get(column, "")) for column in range(1, width + 1)))

    def text(self, data: str) -> None:
        if self._take:
            self._parts.append(data)

    def _value(self, text: str) -> str:
        if self._kind == "s":
            if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) < len(self._strings)):
                raise HistoryError(
                    "expected the number of a text of the workbook, found %(found)s", found=repr(text[:20])
                )
            return self._strings[int(text)]
        if self._kind == "e":
            raise HistoryError("expected a value in each cell, found the error %(found)s", found=repr(text[:20]))
        return _plain(text) if self._kind == "n" else _short(text)


def _column(place: str, before: int) -> int:
    """Return the number of a cell's column, A = 1."""
    match = _PLACE.fullmatch(place)
    number = before + 1
    if match is not None:
        number = 0
        for letter in match[1]:
            number = number * 26 + ord(letter) - 64
    if number > MOST_CELLS:
        raise HistoryError("expected rows of at most %(most)s cells, found a longer one", most=MOST_CELLS)
    return number


def _short(text: str) -> str:
    if len(text) > MOST_LETTERS:
        raise HistoryError("expected cells of at most %(most)s letters, found a longer one", most=MOST_LETTERS)
    return text.replace("\xa0", " ").strip()


def _plain(text: str) -> str:
    """Return a number of a cell without the noise of doubles: 1.0600000000000001 is 1.06, as the terminal meant."""
    try:
        number = Decimal(text.strip())
    except ArithmeticError:
        raise HistoryError("expected a number in a cell of numbers, found %(found)s", found=repr(text[:20])) from None
    if not number.is_finite() or not -30 < number.adjusted() < 30:
        raise HistoryError("expected a number in a cell of numbers, found %(found)s", found=repr(text[:20]))
    return f"{round(number, 10).normalize():f}" if decimals(number) > 10 else f"{number:f}"
