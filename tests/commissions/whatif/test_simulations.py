"""Simulations: a replay says what the plan would really have given, writes nothing else, and stops when told to."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from django.db import transaction

from commissions.enums import SimulationScope, SimulationState
from commissions.services import assign_plan, create_plan, publish_plan_version
from commissions.whatif.models import Simulation
from commissions.whatif.simulations import _ib_ids, start_simulation, stop_simulation
from core.money import from_e8
from crm.scenarios.documents import Document
from crm.scenarios.player import play
from crm.scenarios.world import World
from ib.models import IB
from tenancy.models import Broker
from tests.commissions.random_documents import BEGINNING, _terms
from tests.commissions.whatif.world import (
    LATER,
    NOW,
    SYSTEM,
    Totals,
    by_payee,
    drain,
    full_terms,
    random_world,
    row_counts,
    run_jobs,
    stands,
    world_with_everything,
)

pytestmark = pytest.mark.integration
FIRST, LAST = date(2026, 3, 1), date(2026, 3, 4)


def simulate(world: World, terms: dict[str, Any], scope: SimulationScope, ib: IB | None = None) -> Simulation:
    simulation = start_simulation(
        plan=next(iter(world.plans.values())), terms=terms, scope=scope, ib=ib, first_day=FIRST, last_day=LAST,
        actor=SYSTEM, now=NOW,
    )  # fmt: skip
    run_jobs()
    simulation.refresh_from_db()
    assert simulation.state == SimulationState.DONE
    return simulation


def paid(simulation: Simulation, place: int) -> Totals:
    """Return what the payees get: place 0 as booked, 1 by the draft, zeros left out."""
    found: Totals = {}
    for ib_id, client_id, currency, *sums in simulation.result["payees"]:
        key = (f"ib:{ib_id}" if ib_id else f"client:{client_id}", currency, "2026-03")
        if sums[place]:
            found[key] = from_e8(sums[place])
    return found


def really_paid(world: World, terms: dict[str, Any], ibs: list[IB], now: datetime = NOW) -> Totals:
    """Give the plan to these IBs from the beginning on, let the engine judge, and take it all back."""
    with transaction.atomic():
        plan = create_plan(code="draft", name="Draft", actor=SYSTEM, now=now)
        publish_plan_version(plan=plan, terms=terms, effective_from=BEGINNING, actor=SYSTEM, now=now)
        for ib in ibs:
            for assignment in ib.plan_assignments.all():
                assignment.delete()
            assign_plan(ib=ib, plan=plan, at=BEGINNING, actor=SYSTEM, now=now)
        drain(world, now)
        found = stands()
        transaction.set_rollback(True)
    return found


@pytest.mark.parametrize("seed", range(8))
def test_a_replay_says_what_the_plan_would_have_given(seed: int, broker: Broker) -> None:
    random = Random(seed)
    world = random_world(random, deals=14)
    terms = _terms(random, False)

    simulation = simulate(world, terms, SimulationScope.ALL)

    assert paid(simulation, 0) == stands()
    assert paid(simulation, 1) == really_paid(world, terms, list(world.ibs.values()))


@pytest.mark.parametrize("seed", [0, 2, 5])
def test_a_replay_counts_tiers_and_pays_cpa(seed: int, broker: Broker) -> None:
    random = Random(seed)
    world, terms = world_with_everything(random), full_terms(random)
    scope, ib = SimulationScope.ALL, None
    if seed % 3 == 0:
        scope, ib = SimulationScope.SUBTREE, random.choice(list(world.ibs.values()))

    simulation = start_simulation(
        plan=next(iter(world.plans.values())), terms=terms, scope=scope, ib=ib, first_day=date(2026, 3, 20),
        last_day=date(2026, 4, 4), actor=SYSTEM, now=LATER,
    )  # fmt: skip
    run_jobs(LATER)
    simulation.refresh_from_db()

    ibs = [each for each in world.ibs.values() if ib is None or each.pk in (_ib_ids(simulation) or ())]
    names = {f"ib:{each.pk}" for each in ibs}
    wanted = [stands(), really_paid(world, terms, ibs, LATER)]
    assert [_of(names, paid(simulation, place)) for place in (0, 1)] == [_of(names, totals) for totals in wanted]


def _of(names: set[str], totals: Totals) -> dict[tuple[str, str], Decimal]:
    """Return what these IBs and all clients of theirs get."""
    return {key: amount for key, amount in by_payee(totals).items() if key[0] in names}


def test_one_ib_alone_is_paid_by_the_draft(broker: Broker) -> None:
    random = Random(3)
    world = random_world(random, deals=14)
    terms = {"rates": [{"any": True, "base": "per_lot", "rate": "7", "currency": "USD"}]}
    ib = next(ib for ib in world.ibs.values() if not IB.objects.filter(parent=ib).exists())

    simulation = simulate(world, terms, SimulationScope.ONE, ib)

    wanted = really_paid(world, terms, [ib])
    mine = {key: amount for key, amount in paid(simulation, 1).items() if key[0] == f"ib:{ib.pk}"}
    assert mine == {key: amount for key, amount in wanted.items() if key[0] == f"ib:{ib.pk}"}


def two_closes() -> World:
    """One IB at 5 USD a lot; EURUSD opened at 1 pip of spread, closed in two parts, commission 4 USD a lot each way."""
    at = datetime.fromisoformat("2026-03-02T10:00:00+00:00")
    common = {"login": 1, "symbol": "EURUSD", "position": 1, "price": "1.10000"}
    deals = [
        {**common, "ticket": 1, "action": "buy", "entry": "in", "lots": "2", "at": at, "bid": "1.10000",
         "ask": "1.10010", "commission": "-8"},
        {**common, "ticket": 2, "action": "sell", "entry": "out", "lots": "1.5", "at": at + timedelta(hours=1),
         "commission": "-6", "swap": "-3"},
        {**common, "ticket": 3, "action": "sell", "entry": "out", "lots": "0.5", "at": at + timedelta(days=1),
         "commission": "-2"},
    ]  # fmt: skip
    rate = {"any": True, "base": "per_lot", "rate": "5", "currency": "USD"}
    doc = {
        "scenario": "closes",
        "symbols": {"EURUSD": {"group": "majors", "contract_size": "100000", "digits": 5, "quote": "USD"}},
        "mt_groups": {"std": {"currency": "USD", "lot_factor": "1"}},
        "plans": {"p": [{"effective_from": BEGINNING, "rates": [rate]}]},
        "ibs": [{"code": "one", "plan": "p", "currency": "USD"}],
        "clients": [{"login": 1, "ib": "one", "group": "std"}],
        "deals": deals, "expect": {},
    }  # fmt: skip
    return play(Document("closes", "", doc))


def test_cost_stands_against_the_revenue_of_the_same_closes(broker: Broker) -> None:
    """Spread 0.0001 × 100,000 × 2 lots = 20 USD; commission 8 opening + 8 closing = 16 USD: 36 USD on 2 lots."""
    world = two_closes()
    terms = {"rates": [{"any": True, "base": "per_lot", "rate": "20", "currency": "USD"}]}

    simulation = simulate(world, terms, SimulationScope.ALL)

    ((_group, _mt_group, deals, lots, revenue, unknown, unknown_lots, booked, draft),) = simulation.result["cells"]
    assert (deals, unknown, unknown_lots) == (2, 0, 0)
    assert [from_e8(each) for each in (lots, revenue, booked, draft)] == [
        Decimal(2), Decimal(36), Decimal(10), Decimal(40),
    ]  # fmt: skip
    assert simulation.result["months"] == [["2026-03-01", lots, revenue, booked, draft]]
    assert simulation.result["leaves"] == [[world.ibs["one"].pk, lots, revenue, booked, draft]]


def test_a_simulation_writes_nothing_but_its_own_rows(broker: Broker) -> None:
    world = random_world(Random(5), deals=14)
    before = row_counts()

    simulate(world, _terms(Random(6), False), SimulationScope.ALL)

    after = row_counts()
    grown = {name: after[name] - count for name, count in before.items() if after[name] != count}
    assert grown == {"access_auditevent": 1, "commissions_simulation": 1, "core_job": grown["core_job"]}


def test_a_stopped_simulation_goes_no_further(broker: Broker) -> None:
    world = two_closes()
    plan = world.plans["p"]
    simulation = start_simulation(
        plan=plan, terms={"rates": []}, scope=SimulationScope.ALL, ib=None, first_day=FIRST, last_day=LAST,
        actor=SYSTEM, now=NOW,
    )  # fmt: skip

    stop_simulation(simulation=simulation, actor=SYSTEM, now=NOW)
    run_jobs()

    simulation.refresh_from_db()
    assert (simulation.state, simulation.days_done, simulation.result) == (SimulationState.STOPPED, 0, {})
