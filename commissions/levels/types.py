"""What the rules of levels work on. Plain values, no tables."""

from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal

from commissions.levels.enums import ApprovalNeed, DemotionTarget, Match, Outcome, PeriodKind, Scope


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured for one IB; None: no level of the ladder asks for it, so it was not measured."""

    lots: Decimal = Decimal(0)  # closed lots, by the lot factor of each MT group
    active_clients: int = 0
    notional_usd: Decimal | None = None  # USD of the closed volume, each deal at its own rate
    net_deposit_usd: Decimal | None = None  # USD, deposits less withdrawals, each at its own rate
    deals: int = 0  # closing deals looked at
    unmeasured_deals: int = 0  # those among them, and money operations, that lack a lot factor or a currency rate


@dataclass(frozen=True, slots=True)
class Condition:
    """What a level asks for of one measure."""

    measure: str  # a field of Figures
    at_least: Decimal

    def holds(self, figures: Figures) -> bool:
        """Exactly equal reaches."""
        value = getattr(figures, self.measure)
        return value is not None and value >= self.at_least


@dataclass(frozen=True, slots=True)
class LevelTerms:
    """One level: what it asks for, and what it gives. None gives nothing: that stays as it is."""

    code: str
    name: str
    match: Match = Match.ALL
    min_lots: Decimal | None = None
    min_active_clients: int | None = None
    min_notional_usd: Decimal | None = None
    min_net_deposit_usd: Decimal | None = None
    plan_id: int | None = None
    rank: int | None = None
    keep_percent: Decimal | None = None

    @property
    def conditions(self) -> tuple[Condition, ...]:
        asked = ((each.name[4:], getattr(self, each.name)) for each in fields(self) if each.name.startswith("min_"))
        return tuple(Condition(measure, Decimal(value)) for measure, value in asked if value is not None)


@dataclass(frozen=True, slots=True)
class LadderTerms:
    """A version of a ladder as a whole; levels from the lowest up, the first one asks for nothing."""

    levels: tuple[LevelTerms, ...]
    effective_date: date  # first day of the first period that it evaluates
    period: PeriodKind = PeriodKind.MONTH
    scope: Scope = Scope.NETWORK
    approval: ApprovalNeed = ApprovalNeed.ALWAYS
    demotion_after: int | None = None  # periods below in a row; 1: at once; None: never
    demotion_target: DemotionTarget = DemotionTarget.REACHED
    grace_periods: int = 0  # first periods on a level that do not count as below
    active_min_lots: Decimal = Decimal(0)  # lots that make a client active, beside one closed deal
    count_own_trades: bool = False  # whether what the IB trades and deposits itself counts for it
    takes_new: bool = True  # IBs that were never placed begin here, on the lowest level

    def position(self, code: str) -> int | None:
        """Return the place of a level, 0 the lowest; None: this version has no such level."""
        return next((place for place, level in enumerate(self.levels) if level.code == code), None)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where one IB stands when a period is evaluated; places as positions of the version that evaluates."""

    before: int  # at the end of the period
    next: int  # as recorded for the start of the next one, by an earlier evaluation of the same period
    periods_below: int = 0  # in a row, before this one
    is_new_here: bool = False  # still within the grace of its level
    is_excluded: bool = False
    is_placed: bool = False  # staff have placed it for the next period themselves


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the rules say for one IB and one period."""

    outcome: Outcome
    reached: int
    after: int
    periods_below: int  # in a row, this one included
