"""Numbers and times as MetaTrader prints them. Pure."""

import re
from datetime import UTC, datetime
from decimal import Decimal

from mt4bridge.histories.types import HistoryError, RowName

_NUMBER = re.compile(r"-?\d{1,18}(\.\d{1,20})?")
_DOUBLE = re.compile(r"-?\d{1,18}(\.\d{1,20})?([eE][-+]?\d{1,2})?")
_SPACES = str.maketrans("", "", " \u00a0\u202f")
NOISE_DECIMALS = 8


def printed_number(text: str, what: RowName) -> Decimal:
    """Return a number printed with spaces between thousands ("-348 604")."""
    bare = text.translate(_SPACES)
    if not _NUMBER.fullmatch(bare):
        raise HistoryError("expected a number, found %(found)s", where=what, found=repr(text[:40]))
    return Decimal(bare)


def double(text: str, what: RowName) -> Decimal:
    """Return a number written by a program ("1.1403699999999999", "1e-05"), exactly as it stands."""
    if not _DOUBLE.fullmatch(text):
        raise HistoryError("expected a number, found %(found)s", where=what, found=repr(text[:40]))
    return Decimal(text)


def whole(text: str, what: RowName) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 19):
        raise HistoryError("expected a whole number, found %(found)s", where=what, found=repr(text[:40]))
    return int(text)


def decimals(number: Decimal) -> int:
    """Return how many decimals a number is written with."""
    exponent = number.as_tuple().exponent
    return max(-exponent, 0) if isinstance(exponent, int) else 0


def without_noise(number: Decimal, digits: int) -> Decimal:
    """Round away the binary noise of a double; a number written with 8 decimals or fewer stays as it is."""
    return number if decimals(number) <= NOISE_DECIMALS else number.quantize(Decimal(1).scaleb(-digits))


def wall_seconds(text: str, pattern: str, what: RowName) -> int:
    """Return server wall-clock seconds of a printed time."""
    try:
        return int(datetime.strptime(text, pattern).replace(tzinfo=UTC).timestamp())
    except ValueError:
        shown = {"pattern": repr(pattern), "found": repr(text[:40])}
        raise HistoryError("expected a time like %(pattern)s, found %(found)s", where=what, **shown) from None
