"""What the terms of a plan version are made of. Numbers are Decimals as written; percentages are not divided."""

from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from fractions import Fraction


class CountOn(Enum):
    """Which part of a deal counts."""

    CLOSE = "close"
    OPEN = "open"
    BOTH = "both"


class CloseBy(Enum):
    """Whether a close-by pair counts once or each leg."""

    ONE = "one"
    BOTH = "both"


class Base(Enum):
    """What a rate is applied to."""

    PER_LOT = "per_lot"
    PER_MILLION = "per_million"
    POINTS = "points"
    SPREAD = "spread"
    COMMISSION = "commission"
    PROFIT = "profit"
    REVENUE = "revenue"


PERCENT_BASES = frozenset({Base.SPREAD, Base.COMMISSION, Base.PROFIT, Base.REVENUE})


class SpreadAt(Enum):
    """Which spread counts: that of the opening, of this closing deal, or the mean of both."""

    OPEN = "open"
    CLOSE = "close"
    HALF_AND_HALF = "half_and_half"


class UplineMode(Enum):
    """How an IB above the direct one is paid."""

    NONE = "none"
    BY_LEVEL = "by_level"
    DIFFERENCE = "difference"
    PERCENT_OF_CHILD = "percent_of_child"
    PERCENT_OF_DIRECT = "percent_of_direct"
    SPLIT = "split"


class Inactive(Enum):
    """What becomes of the amount of an inactive IB."""

    SKIP = "skip"
    ROLL_UP = "roll_up"


class BudgetOf(Enum):
    """What a chain budget is a share of, or an amount per lot."""

    COMMISSION = "commission"
    SPREAD = "spread"
    PER_LOT = "per_lot"


class TierMeasure(Enum):
    """What a tier measures over a month."""

    LOTS = "lots"
    NOTIONAL_USD = "notional_usd"
    ACTIVE_CLIENTS = "active_clients"


class TierScope(Enum):
    """Whose deals a tier measures: direct clients, or the whole network below."""

    DIRECT = "direct"
    NETWORK = "network"


class TierMode(Enum):
    """Which month's measure gives the factor."""

    WHOLE_PERIOD = "whole_period"
    MARGINAL = "marginal"
    NEXT_PERIOD = "next_period"


class FaultCode(Enum):
    """Why a field of the terms is refused."""

    MISSING = "missing"
    UNKNOWN_KEY = "unknown_key"
    NOT_A_LIST = "not_a_list"
    NOT_A_TABLE = "not_a_table"
    NOT_A_NUMBER = "not_a_number"
    NOT_WHOLE = "not_whole"
    NOT_YES_OR_NO = "not_yes_or_no"
    NOT_TEXT = "not_text"
    NEGATIVE = "negative"
    TOO_LARGE = "too_large"
    TOO_PRECISE = "too_precise"
    OVER_100 = "over_100"
    NOT_ONE_OF = "not_one_of"
    NO_BASE = "no_base"
    NO_CURRENCY = "no_currency"
    BAD_CURRENCY = "bad_currency"
    NO_SELECTOR = "no_selector"
    TWO_SELECTORS = "two_selectors"
    SAME_KEY = "same_key"
    BAD_LEVEL = "bad_level"
    EMPTY = "empty"
    NOT_RISING = "not_rising"
    NOT_FROM_ZERO = "not_from_zero"
    NEEDS_COUNT_ON_CLOSE = "needs_count_on_close"
    NEEDS_DIFFERENCE = "needs_difference"
    MARGINAL_CLIENTS = "marginal_clients"
    TWO_BUDGETS = "two_budgets"


@dataclass(frozen=True, slots=True)
class Fault:
    """One refused field: where (`rates[0].percent`), why, and the values its sentence needs."""

    field: str
    code: FaultCode
    value: str = ""


@dataclass(frozen=True, slots=True)
class Rate:
    """One row of `rates`. `value` is the rate, the points or the percentage, as its base says."""

    position: int
    base: Base
    value: Decimal
    symbol: str | None = None
    symbol_group: str | None = None
    mt_group: str | None = None
    currency: str | None = None
    at: SpreadAt = SpreadAt.OPEN
    cap_points: Decimal | None = None
    include_swap: bool = False
    levels: tuple[tuple[int, Decimal], ...] = ()

    def multiplier(self, level: int | None) -> Fraction | None:
        """Return what multiplies the base: the row's own (None), or that of a level; None when the level has none."""
        value = self.value if level is None else dict(self.levels).get(level)
        if value is None:
            return None
        return Fraction(value) / 100 if self.base in PERCENT_BASES else Fraction(value)


@dataclass(frozen=True, slots=True)
class Upline:
    """How this IB is paid when it stands above the direct one."""

    mode: UplineMode = UplineMode.NONE
    percent: Decimal | None = None
    percents: tuple[tuple[int, Decimal], ...] = ()
    max_level: int | None = None
    same_rank_percent: Decimal | None = None
    inactive: Inactive = Inactive.SKIP


@dataclass(frozen=True, slots=True)
class MoneyCap:
    """The most an IB gets for one deal."""

    amount: Decimal
    currency: str


@dataclass(frozen=True, slots=True)
class ChainBudget:
    """The most all payees of one deal get together: a percentage of a base, or an amount per lot."""

    of: BudgetOf
    value: Decimal
    currency: str | None = None


@dataclass(frozen=True, slots=True)
class TierStep:
    """From this measure on, this factor."""

    start: Decimal
    factor: Decimal


@dataclass(frozen=True, slots=True)
class Tiers:
    """A factor on the IB's own rate by what a calendar month brings."""

    measure: TierMeasure
    scope: TierScope
    mode: TierMode
    steps: tuple[TierStep, ...]


@dataclass(frozen=True, slots=True)
class CpaStep:
    """From this net deposit on, this pay in total."""

    net_deposit: Decimal
    pay: Decimal


@dataclass(frozen=True, slots=True)
class Cpa:
    """A payment for acquiring a client; `recover` makes it an advance."""

    steps: tuple[CpaStep, ...]
    currency: str
    min_lots: Decimal = Decimal(0)
    recover: bool = False


@dataclass(frozen=True, slots=True)
class Terms:
    """The whole terms of one plan version."""

    count_on: CountOn = CountOn.CLOSE
    close_by: CloseBy = CloseBy.ONE
    rates: tuple[Rate, ...] = ()
    upline: Upline = Upline()
    min_hold_seconds: int = 0
    exclude_reasons: tuple[str, ...] = ()
    self_trades_pay: bool = False
    cap_per_order: MoneyCap | None = None
    chain_budget: ChainBudget | None = None
    client_rebate_percent: Decimal | None = None
    tiers: Tiers | None = None
    cpa: Cpa | None = None

    def find_rate(self, *, symbol: str, symbol_group: str | None, mt_group: str) -> Rate | None:
        """Return the row that applies: symbol before group before any; within it a row for the MT group first."""
        best: Rate | None = None
        best_rank = 0
        for row in self.rates:
            rank = _rank(row, symbol, symbol_group, mt_group)
            if rank > best_rank:
                best, best_rank = row, rank
        return best


def _rank(row: Rate, symbol: str, symbol_group: str | None, mt_group: str) -> int:
    if row.mt_group is not None and row.mt_group != mt_group:
        return 0
    if row.symbol is not None:
        rank = 5 if row.symbol == symbol else 0
    elif row.symbol_group is not None:
        rank = 3 if row.symbol_group == symbol_group else 0
    else:
        rank = 1
    return rank + 1 if rank and row.mt_group is not None else rank
