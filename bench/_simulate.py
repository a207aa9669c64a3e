"""Replaying deals under a draft plan: the steps of the job, one after the other, as a worker runs them."""

import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection

from bench._load import Loaded, say
from bench._network import ACTOR
from commissions.enums import SimulationScope, SimulationState
from commissions.models import Plan, PlanVersion
from commissions.whatif.models import Simulation
from commissions.whatif.simulations import JOB, run_simulation_step, start_simulation
from core.models import Job

WANTED_DEALS = 300_000
_MOST_DAYS = 31
_BY_DAY = """SELECT deal_at::date, count(*) FROM trading_deal
    WHERE server_id = %s AND action IN (0, 1) AND deal_at >= %s AND deal_at < %s GROUP BY 1 ORDER BY 1 DESC"""


def measure_simulation(loaded: Loaded) -> dict[str, Any]:
    """Replay the last days, as many as hold 300,000 deals and at most a month, for all IBs under a draft that pays a
    tenth more; return the seconds, and what they are for 300,000 deals."""
    days, deals = _days(loaded)
    last = (loaded.end - timedelta(days=1)).date()
    simulation = start_simulation(
        plan=Plan.objects.order_by("pk")[0], terms=_draft(), scope=SimulationScope.ALL, ib=None,
        first_day=last - timedelta(days=days - 1), last_day=last, actor=ACTOR, now=datetime.now(UTC),
    )  # fmt: skip
    steps, seconds, longest = 0, 0.0, 0.0
    while simulation.state == SimulationState.RUNNING:
        began = time.perf_counter()
        run_simulation_step(simulation_id=simulation.pk, days_done=simulation.days_done, now=datetime.now(UTC))
        took = time.perf_counter() - began
        steps, seconds, longest = steps + 1, seconds + took, max(longest, took)
        simulation.refresh_from_db()
    replayed = sum(row[2] for row in simulation.result["cells"])
    _clear(simulation)
    result = {
        "days": days, "deals": deals, "closing_deals": replayed, "steps": steps, "longest_step_s": round(longest, 2),
        "seconds": round(seconds, 2), "seconds_for_300k": round(seconds * WANTED_DEALS / max(deals, 1), 2),
    }  # fmt: skip
    say(f"simulating: {result}")
    return result


def _days(loaded: Loaded) -> tuple[int, int]:
    """Return how many of the last days hold the deals wanted, or all of a month, and how many those are."""
    start = loaded.end - timedelta(days=_MOST_DAYS)
    with connection.cursor() as cursor:
        cursor.execute(_BY_DAY, [loaded.server_id, start, loaded.end])
        by_day = dict(cursor.fetchall())
    deals = 0
    for back in range(1, _MOST_DAYS + 1):
        deals += by_day.get((loaded.end - timedelta(days=back)).date(), 0)
        if deals >= WANTED_DEALS:
            return back, deals
    return _MOST_DAYS, deals


def _draft() -> dict[str, Any]:
    """Return the terms of the newest version of the first plan with every rate per lot raised by a tenth."""
    terms: dict[str, Any] = PlanVersion.objects.order_by("plan_id", "-effective_from", "-pk")[0].terms
    return {**terms, "rates": [_raised(rate) for rate in terms["rates"]]}


def _raised(rate: dict[str, Any]) -> dict[str, Any]:
    return {**rate, "rate": str(round(Decimal(rate["rate"]) * Decimal("1.1"), 2))} if "rate" in rate else rate


def _clear(simulation: Simulation) -> None:
    """Take the simulation and its jobs away, so that a kept broker stays as it was."""
    Job.objects.filter(name=JOB, params__simulation_id=simulation.pk).delete()
    simulation.delete()
