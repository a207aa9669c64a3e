"""Values of a mirror's columns as exact numbers and times. Pure.

Mirrors keep money and prices as doubles, so 1.14037 arrives as 1.1403699999999999: what is meant is the number with the
symbol's or the currency's digits. A double becomes a decimal by its shortest form and is rounded once, half to even."""

from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

EPOCH_NAIVE = datetime(1970, 1, 1)  # noqa: DTZ001 -- the server's wall clock has no zone
FILETIME_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)
_MOST = Decimal(10) ** 18


def rounded(value: Any, digits: int) -> Decimal:
    """Return a number of the database with so many decimals.

    :raises ValueError: it is no finite number that fits."""
    number = value if isinstance(value, Decimal) else Decimal(repr(value) if isinstance(value, float) else str(value))
    if not number.is_finite() or abs(number) >= _MOST:
        raise ValueError(f"{str(value)[:40]!r} is out of range")
    return number.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_EVEN)


def e8(value: Any, digits: int) -> int:
    """Return a number rounded to its digits, in units of 1e-8."""
    return int(rounded(value, min(digits, 8)).scaleb(8))


def whole(value: Any) -> int:
    """Return a whole number of the database.

    :raises ValueError: it is something else."""
    if isinstance(value, bool) or value is None:
        raise ValueError(f"{value!r} is not a whole number")
    if isinstance(value, Decimal | float):
        if value != int(value):
            raise ValueError(f"{value!r} is not a whole number")
        return int(value)
    return int(value)


def wall_ms(value: Any) -> int:
    """Return a time of the server's wall clock in milliseconds; 0 for none and for the year 1970.

    Databases hold it as datetime without a zone, or as seconds."""
    if value is None:
        return 0
    if isinstance(value, datetime):
        naive = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
        return max((naive - EPOCH_NAIVE) // timedelta(milliseconds=1), 0)
    return whole(value) * 1000


def wall_of(milliseconds: int) -> datetime:
    """Return milliseconds of the server's wall clock as the database compares them."""
    return EPOCH_NAIVE + timedelta(milliseconds=milliseconds)


def filetime(at: datetime) -> int:
    """Return a UTC moment as a FILETIME: 100 ns since 1601, as MT5 stamps its rows when it writes them."""
    return (at - FILETIME_EPOCH) // timedelta(microseconds=1) * 10


def text(value: Any) -> str:
    """Return a text that pages can show and PostgreSQL can store."""
    if value is None:
        return ""
    if isinstance(value, bytes):
        value = value.decode("utf-8", errors="replace")
    return "".join(letter if letter.isprintable() else "?" for letter in str(value)).strip()
