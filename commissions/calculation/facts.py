"""What goes into the calculation of one deal, and what comes out. Lots, prices and money are exact fractions."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from fractions import Fraction
from typing import Any

from commissions.calculation.verdicts import Verdict
from commissions.terms import Rate, Terms

ONE = Fraction(1)
ZERO = Fraction(0)


class PartKind(Enum):
    """A deal opens, closes, or (a reversal whose opening nobody sent) does both in unknown shares."""

    OPENING = "opening"
    CLOSING = "closing"
    UNDIVIDED = "undivided"


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a deal, with what its position knows about it.

    `lots` are the server's, before the lot factor; commission is the client's view (charged is negative)."""

    kind: PartKind
    lots: Fraction
    commission: Fraction = ZERO  # account currency, of this deal
    opening_commission: Fraction | None = None  # account currency, this close's share; None: an opening deal is missing
    opening_spread: Fraction | None = None  # quote currency, mean of the openings; None: a quote is missing
    held_for: timedelta | None = None  # since the first opening; None: it is missing


@dataclass(frozen=True, slots=True)
class SymbolFacts:
    """The symbol as it was at the deal."""

    name: str
    group: str | None
    contract_size: Fraction
    digits: int
    quote_currency: str


@dataclass(frozen=True, slots=True)
class DealFacts:
    """One deal, its parts, and its account."""

    at: datetime
    reason: str
    symbol: SymbolFacts
    mt_group: str
    account_currency: str
    lot_factor: Fraction | None
    parts: tuple[Part, ...]
    price: Fraction = ZERO  # quote currency
    spread: Fraction | None = None  # quote currency, ask - bid of this deal; None: not sent
    profit: Fraction = ZERO  # account currency, client's view
    swap: Fraction = ZERO  # account currency, client's view
    is_second_close_by: bool = False  # the leg of a close-by pair with the greater ticket


@dataclass(frozen=True, slots=True)
class TierPiece:
    """A share of the deal and the tier factor that it takes."""

    share: Fraction
    factor: Fraction


UNTIERED = (TierPiece(ONE, ONE),)


@dataclass(frozen=True, slots=True)
class Member:
    """One IB of the chain as it was at the deal's time; the chain is given nearest first."""

    currency: str
    terms: Terms | None
    active: bool = True
    rank: int | None = None
    keep_percent: Fraction | None = None
    is_client: bool = False  # the client is this IB itself
    tier_pieces: tuple[TierPiece, ...] = UNTIERED
    to_recover: Fraction = ZERO  # this IB's currency, CPA advance not made up yet


@dataclass(frozen=True, slots=True)
class UsdQuote:
    """What one unit of a currency costs in USD, and the rate that says so."""

    rate: Fraction
    pair: str
    at: datetime | None = None


FxLookup = Callable[[str], UsdQuote | None]  # currency -> its quote at the deal's time; USD itself is never asked


@dataclass(frozen=True, slots=True)
class Step:
    """One step of an explanation: a code that templates put into words, and the values it used."""

    code: str
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one payee gets for the deal, and why.

    `pay` is after cap and budget, including the client's share and what CPA holds back ("paid" for the IBs above);
    `line` is what is booked for the payee itself, unrounded. Both in the payee's currency."""

    level: int
    verdict: Verdict
    currency: str
    pay: Fraction = ZERO
    line: Fraction = ZERO
    recovered: Fraction = ZERO
    rate: Rate | None = None
    steps: tuple[Step, ...] = field(default=(), compare=False)

    @property
    def amount_e8(self) -> int:
        """Return the line rounded once, to 8 decimals, half to even."""
        return round(self.line * 100_000_000)


@dataclass(frozen=True, slots=True)
class ChainResult:
    """The outcomes of the whole chain, nearest first, and the client's own share when its IB gives one."""

    outcomes: tuple[Outcome, ...]
    client: Outcome | None = None
