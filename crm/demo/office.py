"""What the demo's back office shows beside deals: accepted terms, levels of IBs, a simulation, a correction."""

from datetime import datetime, timedelta
from decimal import Decimal

from django.db import transaction

from access.models import User
from access.queries import actor_for
from access.types import Actor
from commissions.consent.enums import Asking
from commissions.consent.services import set_policy
from commissions.enums import SimulationScope
from commissions.levels.enums import PeriodKind
from commissions.levels.evaluation import evaluate_period, next_duty
from commissions.levels.ladders import create_ladder, publish_ladder_version
from commissions.levels.models import Ladder
from commissions.levels.periods import period_of
from commissions.levels.types import LadderTerms, LevelTerms
from commissions.models import Plan
from commissions.whatif.changes import AssignPlan
from commissions.whatif.corrections import make_change
from commissions.whatif.simulations import start_simulation
from crm.demo.network import PLANS
from ib.models import IB

LADDER = "partners"
STEPS = (
    ("bronze", "Bronze", None),
    ("silver", "Silver", "20"),
    ("gold", "Gold", "100"),
    ("platinum", "Platinum", "400"),
)
_DAY = timedelta(days=1)
_SIMULATED, _CORRECTED = 30 * _DAY, 10 * _DAY
_ACTOR = Actor.system("demo")


def fill_office(*, owner: User, now: datetime) -> bool:
    """Let the broker in force ask for consent, climb levels, try a plan out and correct the past.

    Deals must be judged by now. A second call finds it done and returns False."""
    if Ladder.objects.filter(code=LADDER).exists():
        return False
    with transaction.atomic():
        _ask_for_consent(now)
        _evaluate_levels(now)
    actor = actor_for(owner)
    start_simulation(
        plan=Plan.objects.get(code="gold"), terms=PLANS["master"][1], scope=SimulationScope.ALL, ib=None,
        first_day=(now - _SIMULATED).date(), last_day=now.date(), actor=actor, now=now,
    )  # fmt: skip
    siti = IB.objects.get(code="7231")
    gold = AssignPlan(ib_id=siti.pk, plan_id=Plan.objects.get(code="gold").pk, at=now - _CORRECTED)
    make_change(changes=[gold], reason="Gold was agreed from this day on", actor=actor, now=now)
    return True


def _ask_for_consent(now: datetime) -> None:
    """Let Gold share its rate with partners below and with clients, and ask nobody on the plan by levels."""
    for code, asking, most in (("gold", Asking.ASKED, Decimal(50)), ("levels", Asking.NONE, None)):
        set_policy(
            plan=Plan.objects.get(code=code), asking=asking, sub_percent_most=most, client_percent_most=most,
            actor=_ACTOR, now=now,
        )  # fmt: skip


def _evaluate_levels(now: datetime) -> None:
    """Evaluate last month by a ladder that was published when that month began; its changes wait for a person."""
    month = period_of(PeriodKind.MONTH, (now.replace(day=1) - _DAY).date())
    levels = tuple(
        LevelTerms(code=code, name=name, min_lots=None if lots is None else Decimal(lots)) for code, name, lots in STEPS
    )
    begun = now.replace(year=month.first.year, month=month.first.month, day=1, hour=0, minute=0)
    ladder = create_ladder(code=LADDER, name="Partners", actor=_ACTOR, now=begun)
    terms = LadderTerms(levels=levels, effective_date=month.first, demotion_after=2)
    publish_ladder_version(ladder=ladder, terms=terms, actor=_ACTOR, now=begun)
    duty = next_duty(ladder, now=now)
    if duty:
        evaluate_period(duty=duty, now=now)
