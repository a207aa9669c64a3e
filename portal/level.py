"""An IB's own level: where it stands, what is missing for the next one and until when, and why it got here."""

from dataclasses import dataclass

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from access.decorators import ActorRequest, requires_ib
from commissions.levels.models import LevelResult
from commissions.levels.queries import (
    Explained,
    MyLevel,
    explain,
    figures_of,
    find_my_level,
    latest_of_each_period,
    plan_names,
    results_visible_to,
)
from ib.models import IB
from tenancy.context import current_broker
from ui.level_words import LevelWords, asks, figure_words, level_words, notice

PERIODS_SHOWN = 24


@dataclass(frozen=True, slots=True)
class PeriodLine:
    """One evaluated period as the IB sees it."""

    result: LevelResult
    level: str  # the level during the period
    sentence: str
    figures: list[tuple[str, str]]
    levels: list[LevelWords]


@requires_ib
@require_safe
def level(request: ActorRequest) -> HttpResponse:
    """Show the level, the way to the next one, all levels, and every evaluated period with its reason."""
    now, zone = timezone.now(), current_broker().settlement_zone
    ib = get_object_or_404(IB, pk=request.actor.ib_id)
    mine = find_my_level(ib_id=ib.pk, now=now)
    rows = results_visible_to(request.actor).filter(ib=ib)
    history = explain(latest_of_each_period(rows, limit=PERIODS_SHOWN))
    context = {"nav": "level", "ib": ib, "mine": mine, "zone": zone, "now": now, "history": [_line(r) for r in history]}
    if mine:
        context |= _standing(mine) | {"days_left": max((mine.end_date - now.date()).days, 0)}
    return render(request, "portal/partner/level.html", context)


def _standing(mine: MyLevel) -> dict[str, object]:
    plans = plan_names(mine.terms)
    return {
        "next": level_words(mine.next_level) if mine.next_level else None,
        "keeps": level_words(mine.keeps),
        "ladder_levels": [
            {"name": each.name, "asks": asks(each), "plan": plans.get(each.plan_id or 0), "is_mine": each == mine.level,
             "any": each.match == "any"}
            for each in reversed(mine.terms.levels)
        ],
    }  # fmt: skip


def _line(explained: Explained) -> PeriodLine:
    return PeriodLine(
        result=explained.result, level=explained.before, sentence=notice(explained),
        figures=figure_words(figures_of(explained.result)),
        levels=[level_words(each) for each in reversed(explained.levels)],
    )  # fmt: skip
