"""Read single values out of untyped JSON, collecting every fault instead of stopping at the first."""

import re
from collections.abc import Callable, Collection, Mapping
from decimal import Decimal, InvalidOperation
from enum import Enum
from typing import Any, TypeVar

from commissions.terms.types import Fault, FaultCode

MAX_NUMBER = Decimal(10) ** 12
MAX_DECIMALS = 10
MAX_TEXT = 64
_CURRENCY = re.compile(r"[A-Z]{3,8}")

E = TypeVar("E", bound=Enum)


class Reader:
    """One JSON object of the terms, its place in the whole, and the faults found so far."""

    def __init__(self, plain: Mapping[str, Any], path: str, faults: list[Fault]) -> None:
        self.plain = plain
        self.path = path
        self.faults = faults

    def at(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path else key

    def refuse(self, key: str, code: FaultCode, value: object = "") -> None:
        self.faults.append(Fault(self.at(key), code, str(value)))

    def has(self, key: str) -> bool:
        return self.plain.get(key) is not None

    def only(self, allowed: Collection[str]) -> None:
        """Refuse every key that is not allowed here."""
        for key in self.plain:
            if key not in allowed:
                self.refuse(str(key), FaultCode.UNKNOWN_KEY)

    def table(self, key: str) -> "Reader | None":
        """Return the object under the key, None when absent or not an object."""
        if not self.has(key):
            return None
        inner = self.plain[key]
        if not isinstance(inner, Mapping):
            self.refuse(key, FaultCode.NOT_A_TABLE)
            return None
        return Reader(inner, self.at(key), self.faults)

    def tables(self, key: str) -> "list[Reader]":
        """Return the objects of the list under the key; [] when absent."""
        if not self.has(key):
            return []
        rows = self.plain[key]
        if not isinstance(rows, list | tuple):
            self.refuse(key, FaultCode.NOT_A_LIST)
            return []
        readers = []
        for index, row in enumerate(rows):
            if isinstance(row, Mapping):
                readers.append(Reader(row, f"{self.at(key)}[{index}]", self.faults))
            else:
                self.refuse(f"{key}[{index}]", FaultCode.NOT_A_TABLE)
        return readers

    def number(self, key: str, *, most: Decimal | None = None, needed: bool = True) -> Decimal | None:
        """Return a number that is not negative; `most` 100 says that it is a share."""
        if not self.has(key):
            if needed:
                self.refuse(key, FaultCode.MISSING)
            return None
        number, code = read_number(self.plain[key], most)
        if code is not None:
            self.refuse(key, code, self.plain[key])
        return number

    def share(self, key: str, *, needed: bool = True) -> Decimal | None:
        return self.number(key, most=Decimal(100), needed=needed)

    def whole(self, key: str, *, least: int) -> int | None:
        """Return a whole number of at least `least`, None when absent."""
        if not self.has(key):
            return None
        raw = self.plain[key]
        text = str(raw)
        if isinstance(raw, bool) or not re.fullmatch(r"-?\d{1,9}", text):
            self.refuse(key, FaultCode.NOT_WHOLE, raw)
            return None
        if int(text) < least:
            self.refuse(key, FaultCode.NEGATIVE if least == 0 else FaultCode.BAD_LEVEL, raw)
            return None
        return int(text)

    def flag(self, key: str) -> bool:
        """Return yes or no; absent is no."""
        raw = self.plain.get(key)
        if raw is None or isinstance(raw, bool):
            return bool(raw)
        self.refuse(key, FaultCode.NOT_YES_OR_NO, raw)
        return False

    def choice(self, key: str, kind: type[E], default: E) -> E:
        """Return one of an enum's values; absent is the default."""
        if not self.has(key):
            return default
        try:
            return kind(self.plain[key])
        except ValueError:
            self.refuse(key, FaultCode.NOT_ONE_OF, ", ".join(member.value for member in kind))
            return default

    def text(self, key: str) -> str | None:
        """Return a short text, None when absent."""
        if not self.has(key):
            return None
        raw = self.plain[key]
        if not isinstance(raw, str) or not 0 < len(raw) <= MAX_TEXT:
            self.refuse(key, FaultCode.NOT_TEXT)
            return None
        return raw

    def currency(self, key: str = "currency") -> str | None:
        """Return the currency that an amount needs."""
        if not self.has(key):
            self.refuse(key, FaultCode.NO_CURRENCY)
            return None
        raw = self.plain[key]
        if not isinstance(raw, str) or not _CURRENCY.fullmatch(raw):
            self.refuse(key, FaultCode.BAD_CURRENCY, raw)
            return None
        return raw

    def by_level(self, key: str, *, most: Decimal | None) -> tuple[tuple[int, Decimal], ...]:
        """Return a table of level (2 and above) to number, sorted by level; () when absent."""
        inner = self.table(key)
        if inner is None:
            return ()
        found: dict[int, Decimal] = {}
        for name in inner.plain:
            number = inner.number(name, most=most)
            if not re.fullmatch(r"[1-9]\d{0,2}", str(name)) or int(name) < 2:
                inner.refuse(str(name), FaultCode.BAD_LEVEL, name)
            elif number is not None:
                found[int(name)] = number
        return tuple(sorted(found.items()))


def read_number(raw: object, most: Decimal | None) -> tuple[Decimal | None, FaultCode | None]:
    """Return the number and None, or None and why it is refused. Floats are no numbers here: they are not exact."""
    if isinstance(raw, bool) or not isinstance(raw, str | int | Decimal):
        return None, FaultCode.NOT_A_NUMBER
    try:
        number = Decimal(raw)
    except InvalidOperation:
        return None, FaultCode.NOT_A_NUMBER
    if not number.is_finite():
        return None, FaultCode.NOT_A_NUMBER
    checks: tuple[tuple[Callable[[Decimal], bool], FaultCode], ...] = (
        (lambda n: n < 0, FaultCode.NEGATIVE),
        (lambda n: most is not None and n > most, FaultCode.OVER_100),
        (lambda n: n > MAX_NUMBER, FaultCode.TOO_LARGE),
        (lambda n: _decimals(n) > MAX_DECIMALS, FaultCode.TOO_PRECISE),
    )
    for wrong, code in checks:
        if wrong(number):
            return None, code
    return number, None


def _decimals(number: Decimal) -> int:
    exponent = number.normalize().as_tuple().exponent
    return -exponent if isinstance(exponent, int) and exponent < 0 else 0
