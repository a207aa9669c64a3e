"""Money: exact amounts with their currency, and the only rounding rules of the house."""

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal, localcontext

E8 = 10**8
MAX_E8 = 2**63 - 1

# ISO 4217 minor units that are not 2. Crypto and metal codes follow what wallets book.
_MINOR_DIGITS = {
    **dict.fromkeys(
        (
            "BIF",
            "CLP",
            "DJF",
            "GNF",
            "ISK",
            "JPY",
            "KMF",
            "KRW",
            "PYG",
            "RWF",
            "UGX",
            "UYI",
            "VND",
            "VUV",
            "XAF",
            "XOF",
            "XPF",
        ),
        0,
    ),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
    **dict.fromkeys(("BTC", "ETH"), 8),
    **dict.fromkeys(("USDT", "USDC"), 6),
}


def minor_digits(currency: str) -> int:
    """Return how many decimals the currency's minor unit has (ISO 4217)."""
    return _MINOR_DIGITS.get(currency, 2)


def round_to(amount: Decimal, currency: str) -> Decimal:
    """Round to the currency's minor unit, half to even."""
    return quantize(amount, minor_digits(currency))


def quantize(amount: Decimal, digits: int) -> Decimal:
    """Round to `digits` decimals, half to even, whatever the amount's size."""
    with localcontext() as ctx:
        ctx.prec = 60
        return amount.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_EVEN)


def from_e8(scaled: int) -> Decimal:
    """Return an integer of 1e-8 units as a Decimal with 8 decimals."""
    return Decimal(scaled).scaleb(-8)


def to_e8(amount: Decimal) -> int:
    """Return the amount in units of 1e-8.

    :raises ValueError: the amount has more than 8 decimals, is not finite, or leaves a bigint."""
    if not amount.is_finite():
        raise ValueError(f"{amount} is not a finite number")
    with localcontext() as ctx:
        ctx.prec = 60
        scaled = amount.scaleb(8)
    whole = int(scaled)
    if scaled != whole:
        raise ValueError(f"{amount} has more than 8 decimals")
    if abs(whole) > MAX_E8:
        raise ValueError(f"{amount} is too large")
    return whole


def div_half_even(numerator: int, denominator: int) -> int:
    """Divide integers, rounding half to even; the denominator is positive."""
    quotient, rest = divmod(numerator, denominator)
    twice = 2 * rest
    if twice > denominator or (twice == denominator and quotient & 1):
        quotient += 1
    return quotient


@dataclass(frozen=True, slots=True)
class Money:
    """An exact amount in one currency. Arithmetic between currencies is refused."""

    amount: Decimal
    currency: str

    def __add__(self, other: "Money") -> "Money":
        return Money(self.amount + self._same(other), self.currency)

    def __sub__(self, other: "Money") -> "Money":
        return Money(self.amount - self._same(other), self.currency)

    def __neg__(self) -> "Money":
        return Money(-self.amount, self.currency)

    def __str__(self) -> str:
        return f"{self.amount:f} {self.currency}"

    def rounded(self) -> "Money":
        return Money(round_to(self.amount, self.currency), self.currency)

    def _same(self, other: "Money") -> Decimal:
        if other.currency != self.currency:
            raise ValueError(f"cannot mix {self.currency} and {other.currency}")
        return other.amount
