"""Simulations of draft plans on the broker's own deals: asked for, run as jobs of record in steps, stopped."""

import time
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection, transaction

from access.services import record_audit
from access.types import Actor
from commissions.enums import SimulationScope, SimulationState
from commissions.errors import PlanInvalid
from commissions.judging.queueing import UNDER_IBS
from commissions.models import Plan
from commissions.terms import parse_terms, terms_as_dict
from commissions.whatif.models import Simulation
from commissions.whatif.replay import DraftOverlay, Replay, RevenueOverlay
from commissions.whatif.tally import tally_from_plain
from core import jobs
from core.errors import InvalidInput
from ib.models import IB
from tenancy.context import current_broker

JOB = "commissions.run_simulation"
STEP_SECONDS = 4  # a step commits after this, so that progress shows and a stop is heard
MOST_DAYS = 366
_REPLAYS: dict[tuple[str, str, int], Replay] = {}  # by database, schema and simulation


@transaction.atomic
def start_simulation(
    *, plan: Plan, terms: Mapping[str, Any], scope: SimulationScope, ib: IB | None, first_day: date, last_day: date,
    include_swap: bool = False, actor: Actor, now: datetime,
) -> Simulation:  # fmt: skip
    """Queue a replay of the days (settlement zone, both included) with the chosen IBs paid by these terms.

    :raises PlanInvalid: the terms are refused. :raises InvalidInput: the days or the IB do not fit."""
    checked, faults = parse_terms(terms)
    if checked is None:
        raise PlanInvalid(faults)
    if not 0 <= (last_day - first_day).days < MOST_DAYS:
        raise InvalidInput(field="months")
    if (ib is None) != (scope == SimulationScope.ALL):
        raise InvalidInput(field="ib")
    simulation = Simulation.objects.create(
        plan=plan, terms=terms_as_dict(checked), scope=scope, ib=ib, first_day=first_day, last_day=last_day,
        include_swap=include_swap, asked_by_id=actor.user_id, asked_at=now,
    )  # fmt: skip
    _enqueue(simulation, now=now)
    record_audit(
        actor=actor, action="commissions.simulate_plan", object_type="plan", object_id=plan.pk, before=None,
        after={"simulation": simulation.pk, "scope": scope, "ib": ib.code if ib else None}, now=now,
    )  # fmt: skip
    return simulation


@transaction.atomic
def stop_simulation(*, simulation: Simulation, actor: Actor, now: datetime) -> Simulation:
    """Stop a simulation that runs; its sums so far are thrown away. One that is over stays as it is."""
    running = Simulation.objects.filter(pk=simulation.pk, state=SimulationState.RUNNING)
    if running.update(state=SimulationState.STOPPED, finished_at=now, result={}):
        record_audit(
            actor=actor, action="commissions.stop_simulation", object_type="plan", object_id=simulation.plan_id,
            before=None, after={"simulation": simulation.pk}, now=now,
        )  # fmt: skip
    return Simulation.objects.get(pk=simulation.pk)


def run_simulation_step(*, simulation_id: int, days_done: int, now: datetime) -> None:
    """Replay some days more, and queue what follows. Does nothing when the simulation moved on or was stopped."""
    wanted = Simulation.objects.filter(pk=simulation_id, state=SimulationState.RUNNING, days_done=days_done)
    simulation = wanted.first()
    if simulation is None:
        return
    tally = tally_from_plain(simulation.result)
    replay = _replay(simulation, now)
    total = (simulation.last_day - simulation.first_day).days + 1
    done, began = days_done, time.monotonic()
    while done < total and (done == days_done or time.monotonic() - began < STEP_SECONDS):
        replay.add_day(simulation.first_day + timedelta(days=done), tally)
        done += 1
    values: dict[str, Any] = {"days_done": done, "result": tally.to_plain()}
    if done == total:
        values |= {"state": SimulationState.DONE, "finished_at": now}
    if wanted.update(**values) and done < total:
        simulation.days_done = done
        _enqueue(simulation, now=now)


def _replay(simulation: Simulation, now: datetime) -> Replay:
    """Return the replay's worlds: as this process keeps them from the step before, or made anew."""
    key = (str(connection.settings_dict["NAME"]), current_broker().schema_name, simulation.pk)
    if key not in _REPLAYS:
        _REPLAYS.clear()  # one is enough: steps of one simulation follow each other
        _REPLAYS[key] = _new_replay(simulation, now)
        _REPLAYS[key].foretell(simulation.first_day, simulation.last_day)
    return _REPLAYS[key]


def _new_replay(simulation: Simulation, now: datetime) -> Replay:
    ib_ids = _ib_ids(simulation)
    return Replay(
        draft=DraftOverlay(simulation.terms, ib_ids, now=now),
        revenue=RevenueOverlay(include_swap=simulation.include_swap, now=now),
        accounts=None if simulation.ib_id is None else _accounts_below(simulation),
        zone=ZoneInfo(current_broker().settlement_zone),
    )


_SUBTREE = """WITH RECURSIVE down AS (
    SELECT %(ib)s::bigint AS ib_id
    UNION
    SELECT l.ib_id FROM down JOIN ib_iblink l ON l.parent_id = down.ib_id
        AND (l.active_to IS NULL OR l.active_to > %(start)s) AND l.active_from < %(end)s
) SELECT ib_id FROM down"""


def _ib_ids(simulation: Simulation) -> frozenset[int] | None:
    """Return the IBs that the draft would pay; None: all."""
    if simulation.ib_id is None:
        return None
    if simulation.scope == SimulationScope.ONE:
        return frozenset({simulation.ib_id})
    return frozenset(_column(_SUBTREE, {"ib": simulation.ib_id, **_period(simulation)}))


def _accounts_below(simulation: Simulation) -> list[int]:
    return _column(UNDER_IBS, {"ibs": [simulation.ib_id], **_period(simulation)})


def _period(simulation: Simulation) -> dict[str, datetime]:
    zone = ZoneInfo(current_broker().settlement_zone)
    after = simulation.last_day + timedelta(days=1)
    first = simulation.first_day
    return {
        "start": datetime(first.year, first.month, first.day, tzinfo=zone),
        "end": datetime(after.year, after.month, after.day, tzinfo=zone),
    }


def _column(statement: str, params: dict[str, Any]) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return [value for (value,) in cursor.fetchall()]


def _enqueue(simulation: Simulation, *, now: datetime) -> None:
    key = f"{JOB}:{simulation.pk}:{simulation.days_done}"
    jobs.enqueue(JOB, key=key, now=now, simulation_id=simulation.pk, days_done=simulation.days_done)
