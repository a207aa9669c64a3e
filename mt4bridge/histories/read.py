"""Tell history files apart and read them."""

from pathlib import Path

from mt4bridge.histories.mt4_statement import parse_statement
from mt4bridge.histories.mt5_csv import looks_like_deals, parse_deals
from mt4bridge.histories.mt5_report import looks_like_report, parse_report
from mt4bridge.histories.rows import html_rows
from mt4bridge.histories.types import History, HistoryError
from mt4bridge.histories.xlsx import looks_like_zip, xlsx_rows

MAX_BYTES = 256 << 20


def read_history(path: Path) -> History:
    """Read one history file from disk.

    :raises HistoryError: it is neither, damaged, or not there; the sentence names the file."""
    try:
        with path.open("rb") as file:
            return parse_history(file.read(MAX_BYTES + 1))
    except OSError as error:
        raise HistoryError(f"{path.name}: the file cannot be read ({error.strerror}).") from None
    except HistoryError as error:
        raise HistoryError(f"{path.name}: {error}.") from None


def parse_history(content: bytes) -> History:
    """Read the bytes of one history file; its kind is told by what is in it, never by its name.

    :raises HistoryError: it is of no known kind, or damaged."""
    if len(content) > MAX_BYTES:
        raise HistoryError("expected a file of at most %(most)s MB, found a larger one", most=MAX_BYTES >> 20)
    if looks_like_zip(content):
        rows = xlsx_rows(content)
        if looks_like_report(rows):
            return parse_report(rows)
        raise HistoryError("expected an MT5 history report in English as xlsx, found another workbook")
    text = _decoded(content)
    first_line = text.lstrip().partition("\n")[0]
    if looks_like_deals(first_line):
        return parse_deals(text.lstrip("\ufeff\r\n "))
    if "<" in text[:2000] and "</t" in text.lower():
        rows = html_rows(text)
        return parse_report(rows) if looks_like_report(rows) else parse_statement(rows)
    raise HistoryError(
        "expected an MT4 statement (html), an MT5 history report (html or xlsx, in English) or an MT5 deals csv with "
        "a first line from ticket to external_id, found %(found)s",
        found=_glimpse(first_line),
    )


def _decoded(content: bytes) -> str:
    """Return the text; MetaTrader writes UTF-8, UTF-16 or the code page of its Windows."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", errors="replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")


def _glimpse(first_line: str) -> str:
    """Return a file's beginning for a sentence, without what a terminal would act on."""
    if not first_line:
        return "an empty file"
    printable = sum(letter.isprintable() for letter in first_line[:60])
    if printable < 0.8 * len(first_line[:60]):
        return "a file that is no text"
    return repr("".join(letter if letter.isprintable() else "?" for letter in first_line[:60]))
