"""Decimal text to scaled integers, exactly and fast. Pure."""

from decimal import ROUND_HALF_EVEN, Context, Decimal

MAX_BIGINT = 2**63 - 1
_CONTEXT = Context(prec=60, rounding=ROUND_HALF_EVEN)
_ALLOWED = frozenset("0123456789.-+eE")
_ROOM = 200_000
_POWERS: tuple[int, ...] = tuple(10 ** (8 - decimals) for decimals in range(9))


def decimal_of(text: object) -> Decimal:
    """Return the number that a server wrote as text.

    :raises ValueError: it is not a plain finite number, or absurdly long."""
    if not isinstance(text, str) or not text or len(text) > 64 or not _ALLOWED.issuperset(text):
        raise ValueError(f"{text!r} is not a number")
    try:
        value = Decimal(text)
    except ArithmeticError:
        raise ValueError(f"{text!r} is not a number") from None
    if value and not -30 < value.adjusted() < 30:
        raise ValueError(f"{text!r} is out of range")
    return value


class ScaledNumbers(dict[str, int]):
    """Number text → integer in units of 1e-8. A dictionary that works out what it does not hold yet.

    Prices, lots and money repeat a lot in a history, so most look-ups never leave C. More than 8 decimals are the
    noise of doubles ("1.1403699999999999") and are rounded half to even."""

    def __missing__(self, text: str) -> int:
        head, _, tail = text.partition(".")
        digits = head + tail
        if len(head) < 11 and len(tail) < 9 and digits.isascii() and (digits.isdigit() or _negative(digits)):
            scaled: int = int(digits) * _POWERS[len(tail)]
            self[text] = scaled
            if len(self) > _ROOM:
                self.clear()
            return scaled
        return self._unusual(text)

    def _unusual(self, text: str) -> int:
        scaled = int(decimal_of(text).scaleb(8, _CONTEXT).to_integral_value(ROUND_HALF_EVEN, _CONTEXT))
        if not -MAX_BIGINT <= scaled <= MAX_BIGINT:
            raise ValueError(f"{text!r} is out of range")
        return scaled


def _negative(digits: str) -> bool:
    return digits[:1] == "-" and digits[1:].isdigit()


class WholeNumbers(dict[str, int]):
    """Number text → non-negative integer below 2^63, for small numbers that repeat (actions, digits, logins)."""

    def __missing__(self, text: str) -> int:
        number = whole_of(text)
        if len(self) >= _ROOM:
            self.clear()
        self[text] = number
        return number


def whole_of(text: object) -> int:
    """Return a non-negative integer below 2^63 that came as text.

    :raises ValueError: it is something else."""
    if isinstance(text, str) and text.isascii() and text.isdigit() and len(text) <= 19:
        number = int(text)
        if number <= MAX_BIGINT:
            return number
    raise ValueError(f"{text!r} is not a whole number")
