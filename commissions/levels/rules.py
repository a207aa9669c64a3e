"""Who rises and who falls: one IB, one period, exact. Pure."""

from commissions.levels.enums import DemotionTarget, Match, Outcome
from commissions.levels.types import Figures, LadderTerms, LevelTerms, Standing, Verdict


def meets(level: LevelTerms, figures: Figures) -> bool:
    """Say whether the figures reach a level; exactly equal does, and one without conditions always."""
    held = [condition.holds(figures) for condition in level.conditions]
    return not held or (all(held) if level.match is Match.ALL else any(held))


def reached_position(ladder: LadderTerms, figures: Figures) -> int:
    """Return the highest level that the figures reach. Lower ones need not be reached as well."""
    return max(place for place, level in enumerate(ladder.levels) if meets(level, figures))


def decide(ladder: LadderTerms, figures: Figures, standing: Standing) -> Verdict:
    """Return what becomes of an IB: whether it rises, falls, is spared for now, or nobody touches it."""
    reached = reached_position(ladder, figures)
    below = reached < standing.before and not standing.is_new_here
    count = standing.periods_below + 1 if below else 0
    if standing.is_excluded:
        return Verdict(Outcome.EXCLUDED, reached, standing.next, 0)
    if standing.is_placed:
        return Verdict(Outcome.PLACED, reached, standing.next, 0)
    after = _after(ladder, reached, standing.before, count)
    if after < standing.before:
        count = 0
    return Verdict(_outcome(after, reached, standing), reached, after, count)


def _after(ladder: LadderTerms, reached: int, before: int, count: int) -> int:
    if reached > before:
        return reached
    falls = ladder.demotion_after is not None and 0 < ladder.demotion_after <= count
    if not falls:
        return before
    return reached if ladder.demotion_target is DemotionTarget.REACHED else before - 1


def _outcome(after: int, reached: int, standing: Standing) -> Outcome:
    """Name the change against what stands recorded for the next period."""
    if after != standing.next:
        return Outcome.PROMOTION if after > standing.next else Outcome.DEMOTION
    return Outcome.BELOW if reached < standing.before and after == standing.before else Outcome.STAYS
