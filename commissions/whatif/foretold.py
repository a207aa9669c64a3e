"""Everything that judging in a changed world has to know beforehand: what tiers and CPA come to there.

Changes reach further than the deals they touch: a crossed step gives other deals of the month another factor, and an
advance holds back other deals of the client. All of those are judged and compared."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt
from django.db import transaction

from access.types import Actor
from commissions.cpa import HoldLine
from commissions.delegation.models import DerivedPlan
from commissions.judging.clients import has_cpa
from commissions.judging.measures import MonthKey, TierState
from commissions.judging.recovery import HoldKey, has_advances
from commissions.judging.weighing import has_tiers
from commissions.models import PlanVersion
from commissions.terms import Tiers
from commissions.tiers import Pieces
from commissions.whatif.advances import Advances, CpaLine, clients_of, deals_of, with_cpa
from commissions.whatif.affected import affected_clients, affected_deals
from commissions.whatif.applying import apply_changes
from commissions.whatif.changes import AssignPlan, Change, PublishVersion
from commissions.whatif.months import Months
from commissions.whatif.overlay import Overlay
from core.errors import DomainError

Int64s = npt.NDArray[np.int64]
_ACTOR = Actor.system("preview")


@dataclass(frozen=True, slots=True)
class Foretold:
    """What judging asks of a changed world."""

    months: Months
    advances: Advances

    def states_of(self, months: Collection[int]) -> dict[MonthKey, TierState]:
        return self.months.states_of(months)

    def of_month(self, key: MonthKey, tiers: Tiers) -> Pieces:
        return self.months.of_month(key, tiers)

    def of_deals(self, key: MonthKey, state: TierState) -> Mapping[int, Pieces]:
        return self.months.of_deals(key, state)

    def left_before(self, key: HoldKey, lines: Sequence[HoldLine]) -> Mapping[int, int]:
        return self.advances.left_before(key, lines)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A changed world, all deals that are to be judged in it, and what CPA differs by there."""

    overlay: Overlay
    roots: Int64s  # ascending
    cpa: list[CpaLine]


def prepare(changes: Sequence[Change], *, judged: dict[int, int], now: datetime) -> Prepared:
    """Return the world with the changes, ready to be judged in. `judged`: {server id: deals up to this id count}."""
    changes = with_followers(changes, now=now)
    overlay = Overlay(changes, now=now)
    roots = affected_deals(changes, judged=judged)
    months, advances = Months(overlay, roots), Advances(overlay)
    overlay.foretold = Foretold(months, advances)
    if has_tiers(overlay.versions):
        months.count()
        roots = np.union1d(roots, months.deals_with_another_factor())
    if has_cpa(overlay.versions):
        roots = _with_advances(roots, advances, changes, now)
    return Prepared(overlay, roots, advances.lines)


def _with_advances(roots: Int64s, advances: Advances, changes: Sequence[Change], now: datetime) -> Int64s:
    """Work CPA out, and return the deals with all of the clients whose rebates it may hold back otherwise."""
    recovers = has_advances(advances.overlay.versions)
    touched = clients_of(roots) if recovers else set()
    advances.work_out(affected_clients(changes) | with_cpa(touched), now=now)
    if not recovers:
        return roots
    held = advances.changed | (advances.paid & touched)
    advances.hold_back(held)
    return np.union1d(roots, deals_of(held))


def with_followers(changes: Sequence[Change], *, now: datetime) -> tuple[Change, ...]:
    """Return the changes, and the versions of derived plans that would follow from them: made and taken back."""
    plans = [change for change in changes if isinstance(change, PublishVersion | AssignPlan)]
    if not plans or not DerivedPlan.objects.exists():
        return tuple(changes)
    named = {(each.plan_id, each.effective_from) for each in changes if isinstance(each, PublishVersion)}
    try:
        with transaction.atomic():
            before = set(PlanVersion.objects.values_list("pk", flat=True))
            apply_changes(plans, reason="", actor=_ACTOR, now=now)
            made = PlanVersion.objects.exclude(pk__in=before).order_by("pk")
            followed = [PublishVersion(each.plan_id, each.terms, each.effective_from) for each in made]
            transaction.set_rollback(True)
    except DomainError:
        return tuple(changes)  # refused when it is made; until then there is nothing to follow
    return (*changes, *(each for each in followed if (each.plan_id, each.effective_from) not in named))
