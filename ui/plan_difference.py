"""The difference of two versions of a plan: rates row by row with figures, conditions in words."""

from dataclasses import dataclass
from decimal import Decimal

from django.utils.translation import gettext as _

from commissions.terms import Rate, RateChange, SpreadAt, Terms, rate_changes
from ui.explanation import NO_NAMES, SPREADS, Names, rate_levels, rate_scope, rate_text
from ui.numbers import exact_text, fixed
from ui.plan_words import conditions

NEW, GONE, MORE, LESS, OTHER = "new", "gone", "more", "less", "other"


@dataclass(frozen=True, slots=True)
class Changed:
    """One row: what it is about, what was said, what is said now, by how much, and of which kind the change is."""

    what: str
    before: str
    after: str
    step: str
    kind: str


@dataclass(frozen=True, slots=True)
class Difference:
    """All that differs."""

    rates: list[Changed]
    conditions: list[Changed]

    @property
    def is_empty(self) -> bool:
        return not self.rates and not self.conditions


def difference(before: Terms, after: Terms, names: Names = NO_NAMES) -> Difference:
    """Return what differs between two versions."""
    old, new = dict(conditions(before)), dict(conditions(after))
    titles = [*new, *(title for title in old if title not in new)]
    return Difference(
        rates=[_rate(change, names) for change in rate_changes(before, after)],
        conditions=[
            Changed(title, old.get(title, ""), new.get(title, ""), "", _kind(title in old, title in new))
            for title in titles
            if old.get(title) != new.get(title)
        ],
    )


def rate_words(rate: Rate | None) -> str:
    """Return everything that a rate row says: its figure, its levels, what limits it."""
    if rate is None:
        return ""
    said = [rate_text(rate), rate_levels(rate)]
    if rate.at is not SpreadAt.OPEN:
        said.append(str(SPREADS[rate.at.value]))
    if rate.cap_points is not None:
        said.append(_("at most %(points)s points") % {"points": exact_text(rate.cap_points, 0)})
    if rate.include_swap:
        said.append(_("swap included"))
    return "; ".join(each for each in said if each)


def _rate(change: RateChange, names: Names) -> Changed:
    kind = _kind(change.before is not None, change.after is not None)
    if change.step:
        kind = MORE if change.step > 0 else LESS
    scope = rate_scope(change.rate, names)
    return Changed(scope, rate_words(change.before), rate_words(change.after), _step(change), kind)


def _kind(was: bool, is_now: bool) -> str:
    if was and is_now:
        return OTHER
    return NEW if is_now else GONE


def _step(change: RateChange) -> str:
    """Say by how much the value changes: +1.5 (+20.0%)."""
    step = change.step
    if not step or change.before is None:
        return ""
    sign = "+" if step > 0 else ""
    text = f"{sign}{exact_text(step, 0)}"
    if not change.before.value:
        return text
    return f"{text} ({sign}{fixed(step * Decimal(100) / change.before.value, 1)}%)"
