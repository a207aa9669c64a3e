"""Levels of IBs in words: measures with their units, conditions beside what is there, and why a level is what it is."""

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from commissions.levels.enums import Decision, Match, Outcome
from commissions.levels.queries import ConditionShown, Explained, LevelShown
from commissions.levels.types import Figures, LevelTerms
from ui.numbers import fixed
from ui.templatetags.ui import day

MEASURES: dict[str, Promise] = {
    "lots": gettext_lazy("Closed volume, lots"),
    "active_clients": gettext_lazy("Active clients"),
    "notional_usd": gettext_lazy("Closed volume, USD"),
    "net_deposit_usd": gettext_lazy("Net deposits, USD"),
}
_PLACES = {"lots": 2, "active_clients": 0, "notional_usd": 2, "net_deposit_usd": 2}


@dataclass(frozen=True, slots=True)
class ConditionWords:
    """One condition: what is asked, what is there, what is missing, how far it is in percent."""

    label: str
    asked: str
    has: str
    missing: str
    percent: int
    holds: bool


@dataclass(frozen=True, slots=True)
class LevelWords:
    """One level with its conditions."""

    code: str
    name: str
    needs_all: bool
    is_reached: bool
    conditions: list[ConditionWords]


def level_words(level: LevelShown) -> LevelWords:
    """Return a level with its conditions as texts."""
    return LevelWords(
        level.code, level.name, level.match is Match.ALL, level.is_reached, [_condition(c) for c in level.conditions]
    )


def _condition(shown: ConditionShown) -> ConditionWords:
    """What is there is cut and what is missing raised, so that nothing looks reached that is not."""
    measure = shown.measure
    return ConditionWords(
        label=str(MEASURES[measure]), asked=_figure(measure, shown.asked, ROUND_CEILING),
        has=_figure(measure, shown.has, ROUND_FLOOR), missing=_figure(measure, shown.missing, ROUND_CEILING),
        percent=shown.percent, holds=shown.holds,
    )  # fmt: skip


def _figure(measure: str, value: Decimal, rounding: str) -> str:
    places = _PLACES[measure]
    return fixed(value.quantize(Decimal(1).scaleb(-places), rounding=rounding), places)


def figure_words(figures: Figures) -> list[tuple[str, str]]:
    """Return what was measured: (label, figure)."""
    values = ((measure, getattr(figures, measure)) for measure in MEASURES)
    return [(str(MEASURES[m]), _figure(m, Decimal(value), ROUND_FLOOR)) for m, value in values if value is not None]


def asks(level: LevelTerms) -> list[tuple[str, str]]:
    """Return what a level asks for: (label, figure); [] for the lowest."""
    return [(str(MEASURES[c.measure]), _figure(c.measure, c.at_least, ROUND_CEILING)) for c in level.conditions]


def why(explained: Explained) -> str:
    """Say why an evaluation ended as it did, for staff."""
    row = explained.result
    known = {"before": explained.before, "reached": explained.reached, "after": explained.after}
    if row.outcome == Outcome.PROMOTION:
        return _("The figures reach %(reached)s: from %(before)s to %(after)s.") % known
    if row.outcome == Outcome.DEMOTION:
        return _("The figures reach only %(reached)s: from %(before)s to %(after)s.") % known
    if row.outcome == Outcome.EXCLUDED:
        return _("On the exclusion list: the figures reach %(reached)s, the level stays %(before)s.") % known
    if row.outcome == Outcome.PLACED:
        return _("Staff placed the IB for the next period: %(after)s, whatever the figures say.") % known
    if row.outcome == Outcome.BELOW:
        return _below(explained, known)
    return _("The figures hold %(before)s.") % known


def _below(explained: Explained, known: dict[str, str]) -> str:
    row, limit = explained.result, explained.terms.demotion_after
    if row.in_grace:
        return _("The figures reach only %(reached)s; %(before)s is kept, since it is new.") % known
    if limit is None:
        return _("The figures reach only %(reached)s; %(before)s is never taken.") % known
    left = limit - row.periods_below
    return ngettext(
        "The figures reach only %(reached)s; %(before)s is kept for %(left)d more period.",
        "The figures reach only %(reached)s; %(before)s is kept for %(left)d more periods.",
        left,
    ) % {**known, "left": left}


def notice(explained: Explained) -> str:
    """Say to the IB itself what a period's result means for it; never what only staff know."""
    row = explained.result
    decision = explained.decision
    known = {"level": explained.after, "day": day(row.run.end_date), "before": explained.before}
    if explained.is_open:
        return _("Your broker is looking at the result.")
    if row.outcome in (Outcome.PROMOTION, Outcome.DEMOTION):
        if decision is not None and decision.state == Decision.APPLIED:
            return _("From %(day)s on your level is %(level)s.") % known
        return _("Your level stays %(before)s.") % known
    if row.outcome == Outcome.EXCLUDED:
        return _("Your level is agreed with your broker and does not follow the figures.")
    if row.outcome == Outcome.PLACED:
        return _("Your broker set your level: %(level)s from %(day)s on.") % known
    return (
        _below(explained, {**known, "reached": explained.reached}) if row.outcome == Outcome.BELOW else why(explained)
    )
