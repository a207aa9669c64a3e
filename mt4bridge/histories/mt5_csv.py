"""MT5 deals csv, as the `MetaTrader5` package's `history_deals_get` gives them, to a `History`.

Reasons are the terminal's numbers and are translated. Prices carry the noise of doubles ("1.0478399999999999"), which
is rounded away."""

import csv
import io
from collections.abc import Iterable
from decimal import Decimal

from mt4bridge.histories.fields import NOISE_DECIMALS, decimals, double, whole, without_noise
from mt4bridge.histories.types import History, HistoryError, HistoryKind, Mt5Deal, RowName
from mt4bridge.reasons import TERMINAL_REASONS, UNKNOWN_REASON

COLUMNS = (
    "ticket", "order", "time", "time_msc", "type", "entry", "magic", "position_id", "reason", "volume", "price",
    "commission", "swap", "profit", "fee", "symbol", "comment", "external_id",
)  # fmt: skip
_REQUIRED = frozenset(COLUMNS) - {"fee", "comment", "external_id", "magic"}
_MONEY_DIGITS = 2
_LAST_ACTION, _LAST_ENTRY = 20, 3


def looks_like_deals(first_line: str) -> bool:
    """Whether a file's first line names the columns of a deals csv."""
    return {"ticket", "position_id", "entry"} <= {name.strip().strip('"') for name in _split(first_line)}


def parse_deals(text: str) -> History:
    """Read a deals csv.

    :raises HistoryError: a column is missing or a row cannot be understood; the sentence names line and column."""
    first_line = text.partition("\n")[0]
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=_delimiter(first_line))
    missing = sorted(_REQUIRED - set(reader.fieldnames or ()))
    if missing:
        raise HistoryError(
            "expected an MT5 deals csv with the columns %(columns)s; %(missing)s is missing",
            columns=", ".join(COLUMNS), missing=missing[0],
        )  # fmt: skip
    try:
        rows = list(reader)
    except csv.Error as error:
        raise HistoryError("expected an MT5 deals csv, found a broken line: %(error)s", error=error) from None
    digits = _digits(rows)
    deals = tuple(_deal(row, digits, RowName("line %(number)s", str(line))) for line, row in enumerate(rows, start=2))
    logins = {deal.login for deal in deals}
    return History(kind=HistoryKind.MT5_DEALS, login=logins.pop() if len(logins) == 1 else None, deals=deals)


def _deal(row: dict[str, str], digits: dict[str, int], line: RowName) -> Mt5Deal:
    def number(name: str) -> int:
        return whole(row.get(name) or "0", line.at(name))

    def money(name: str) -> Decimal:
        return without_noise(double(row.get(name) or "0", line.at(name)), _MONEY_DIGITS)

    action, entry, symbol = number("type"), number("entry"), (row["symbol"] or "").strip()
    if action > _LAST_ACTION or entry > _LAST_ENTRY:
        raise HistoryError(
            "expected a deal type up to 20 and an entry up to 3, found %(action)s and %(entry)s", where=line,
            action=action, entry=entry,
        )  # fmt: skip
    price_digits = digits.get(symbol, _MONEY_DIGITS)
    return Mt5Deal(
        ticket=number("ticket"),
        login=number("login") or None,
        order=number("order"),
        time_ms=number("time_msc") or number("time") * 1000,
        action=action,
        entry=entry,
        magic=number("magic"),
        position=number("position_id"),
        reason=TERMINAL_REASONS.get(number("reason"), UNKNOWN_REASON),
        volume_lots=without_noise(double(row["volume"] or "0", line.at("volume")), NOISE_DECIMALS),
        price=without_noise(double(row["price"] or "0", line.at("price")), price_digits),
        digits=price_digits,
        commission=money("commission"),
        swap=money("swap"),
        profit=money("profit"),
        fee=money("fee"),
        symbol=symbol,
        comment=row.get("comment") or "",
        external_id=row.get("external_id") or "",
    )


def _digits(rows: Iterable[dict[str, str]]) -> dict[str, int]:
    """Return each symbol's decimals: the most that one of its prices shows once its noise is gone."""
    digits: dict[str, int] = {}
    for line, row in enumerate(rows, start=2):
        symbol = (row["symbol"] or "").strip()
        what = RowName("line %(number)s", str(line), "price")
        price = without_noise(double(row["price"] or "0", what), NOISE_DECIMALS)
        shown = decimals(price.normalize())
        if symbol:
            digits[symbol] = max(digits.get(symbol, 0), shown)
    return digits


def _delimiter(first_line: str) -> str:
    return max(",;\t", key=first_line.count)


def _split(first_line: str) -> list[str]:
    return first_line.strip().lstrip("\ufeff").split(_delimiter(first_line))
