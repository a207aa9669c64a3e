"""What a ladder may say: the whole of it is looked at, and every fault told at once. Reads no tables."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from django.utils.translation import gettext_lazy as _

from commissions.levels.errors import LadderFault
from commissions.levels.periods import period_of
from commissions.levels.types import LadderTerms, LevelTerms

MOST_LEVELS, MOST_PERIODS = 20, 24
MOST = Decimal(10) ** 15  # of any measure
_MEASURES = ("min_lots", "min_active_clients", "min_notional_usd", "min_net_deposit_usd")
_GIVEN = ("plan_id", "rank", "keep_percent")


def faults_of(terms: LadderTerms) -> tuple[LadderFault, ...]:
    """Return every fault, in the order of the form; none: the ladder can be published."""
    return (*_of_ladder(terms), *_of_levels(terms))


def _of_ladder(terms: LadderTerms) -> Iterator[LadderFault]:
    if not _begins_period(terms, terms.effective_date):
        yield LadderFault("effective_date", _("This must be the first day of a period: periods are evaluated whole."))
    if terms.demotion_after is not None and not 1 <= terms.demotion_after <= MOST_PERIODS:
        yield LadderFault("demotion_after", _("This must be a whole number from 1 to 24."))
    if not 0 <= terms.grace_periods <= MOST_PERIODS:
        yield LadderFault("grace_periods", _("This must be a whole number from 0 to 24."))
    if not 0 <= terms.active_min_lots <= MOST:
        yield LadderFault("active_min_lots", _("This cannot be below zero."))
    if not 2 <= len(terms.levels) <= MOST_LEVELS:
        yield LadderFault("levels", _("A ladder has 2 to 20 levels."))


def _of_levels(terms: LadderTerms) -> Iterator[LadderFault]:
    codes = [level.code for level in terms.levels]
    for place, level in enumerate(terms.levels):
        at = f"levels[{place}]"
        if codes.count(level.code) > 1:
            yield LadderFault(f"{at}.code", _("Two levels have this code."))
        yield from _of_conditions(at, level, is_lowest=place == 0)
        yield from _not_rising(at, level, terms.levels[:place])
        yield from _of_gifts(at, level, terms.levels[0])


def _of_conditions(at: str, level: LevelTerms, *, is_lowest: bool) -> Iterator[LadderFault]:
    given = [name for name in _MEASURES if getattr(level, name) is not None]
    if is_lowest and given:
        yield LadderFault(f"{at}.{given[0]}", _("The lowest level asks for nothing: everybody reaches it."))
    if not is_lowest and not given:
        yield LadderFault(f"{at}.min_lots", _("Say at least one condition: without one everybody reaches this level."))
    for name in given:
        if not 0 < getattr(level, name) <= MOST:
            yield LadderFault(f"{at}.{name}", _("This must be above zero."))


def _not_rising(at: str, level: LevelTerms, lower: tuple[LevelTerms, ...]) -> Iterator[LadderFault]:
    for name in _MEASURES:
        value = getattr(level, name)
        highest = max((getattr(each, name) for each in lower if getattr(each, name) is not None), default=None)
        if value is not None and highest is not None and value < highest:
            yield LadderFault(f"{at}.{name}", _("A level below asks for more than this."))


def _of_gifts(at: str, level: LevelTerms, lowest: LevelTerms) -> Iterator[LadderFault]:
    for name in _GIVEN:
        if (getattr(level, name) is None) != (getattr(lowest, name) is None):
            sentence = _("Every level gives this or none does; else an IB that falls would keep it.")
            yield LadderFault(f"{at}.{name}", sentence)
    if level.keep_percent is not None and not 0 <= level.keep_percent <= 100:
        yield LadderFault(f"{at}.keep_percent", _("A share is between 0 and 100 percent."))


def _begins_period(terms: LadderTerms, day: date) -> bool:
    return period_of(terms.period, day).first == day
