"""The walk of levels: in order, once, whatever dies in between."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import timedelta
from itertools import count

import pytest
from django.db import connection, transaction

from commissions.levels.enums import ApprovalNeed
from commissions.levels.models import LevelDecision, LevelPlacement, LevelProgress, LevelResult, LevelRun
from commissions.models import PlanAssignment
from commissions.services import assign_plan
from crm.flows.level_flow import PROGRESS_EVERY, LevelWalk, walk
from ib.models import IB
from tests.commissions.levels.world import (
    BRONZE,
    OPENED,
    SILVER,
    SYSTEM,
    LevelWorld,
    at,
    evaluate,
    open_level_world,
    publish,
    terms,
)
from tests.databases import ROOT
from tests.killing import wait_until_its_session_ended
from trading.models import DealCursor

pytestmark = pytest.mark.unit


@pytest.fixture
def world(broker: object) -> LevelWorld:
    return open_level_world()


def placed() -> dict[str, str]:
    rows = LevelPlacement.objects.filter(active_to__isnull=True).select_related("ib").order_by("ib__code")
    return {row.ib.code: row.level_code for row in rows}


def test_a_walk_catches_up_with_every_period_in_order(world: LevelWorld) -> None:
    account = world.client("A", world.ib("kim"))
    for month in (1, 3):
        world.trade(account, "10", at(month, 15))
    publish(terms(demotion_after=1))

    assert walk(clock=lambda: at(4, 2)) == LevelWalk(evaluated=3, applied=3, failed=0, measured=1)

    assert walk(clock=lambda: at(4, 2)) == LevelWalk()
    told = LevelResult.objects.order_by("run__first_date").values_list("level_before", "level_after")
    assert list(told) == [("bronze", "silver"), ("silver", "bronze"), ("bronze", "silver")]


def test_a_walk_leaves_to_people_what_they_decide(world: LevelWorld) -> None:
    world.trade(world.client("A", world.ib("kim")), "10", at(1, 15))
    publish(terms(approval=ApprovalNeed.ALWAYS))

    assert walk(clock=lambda: at(2, 2)) == LevelWalk(evaluated=1, applied=0, failed=0, measured=1)
    assert placed() == {}


def test_a_walk_waits_for_servers_that_are_behind(world: LevelWorld) -> None:
    world.ib("kim")
    publish(terms())
    DealCursor.objects.update(complete_until=at(1, 31, 23))

    assert walk(clock=lambda: at(2, 1, 1)).evaluated == 0
    assert walk(clock=lambda: at(2, 2, 1)).evaluated == 1


def test_progress_is_measured_once_an_hour_and_anew_in_a_new_period(world: LevelWorld) -> None:
    world.ib("kim")
    publish(terms())

    moments = (at(1, 31, 22), at(1, 31, 22, 59), at(1, 31, 23), at(2, 1, 0), at(2, 1, 0) + PROGRESS_EVERY)
    measured = [walk(clock=lambda moment=moment: moment).measured for moment in moments]  # type: ignore[misc]

    assert measured == [1, 0, 1, 1, 1]
    assert LevelProgress.objects.get().first_date == at(2, 1).date()


def test_a_walk_that_runs_out_of_time_is_continued_by_the_next(world: LevelWorld) -> None:
    for code in ("one", "two", "three"):
        world.trade(world.client(code, world.ib(code)), "10", at(1, 15))
    publish(terms())
    ticks = count()

    def slow() -> object:
        return at(2, 2) + timedelta(seconds=40 * next(ticks))

    first = walk(clock=slow)  # type: ignore[arg-type]

    assert 0 < first.applied < 3
    assert walk(clock=lambda: at(2, 2, 13)).applied == 3 - first.applied
    assert placed() == {"one": "silver", "two": "silver", "three": "silver"}


def test_one_ib_that_cannot_be_changed_does_not_stop_the_others(world: LevelWorld) -> None:
    for code in ("one", "two"):
        world.trade(world.client(code, world.ib(code)), "10", at(1, 15))
    ladder = publish(terms())
    broken = world.ib("broken", since=at(2, 1, 0))  # not measured: its row below was written by nobody's rules
    run = evaluate(ladder, at(2, 2))
    LevelResult.objects.create(
        pk=1, run=run, ib=broken, level_before="bronze", level_next="bronze", level_reached="ghost",
        level_after="ghost", outcome="promotion", needs_approval=False, periods_below=0, in_grace=False, lots=0,
        active_clients=0, deals=0, unmeasured_deals=0,
    )  # fmt: skip

    first = walk(clock=lambda: at(2, 2))

    assert (first.applied, first.failed) == (2, 1)
    assert placed() == {"one": "silver", "two": "silver"}


@pytest.mark.e2e
def test_a_walk_killed_between_two_ibs_is_finished_by_the_next(committed_database: dict[str, str]) -> None:
    """kill -9 while the second IB's transaction is open: the first stays done, the second is done once."""
    world = open_level_world()
    for code in ("one", "two", "three"):
        world.trade(world.client(code, world.ib(code)), "10", at(1, 15))
    basic, better = world.plan("basic"), world.plan("better")
    assign_plan(ib=IB.objects.get(code="two"), plan=basic, at=OPENED, actor=SYSTEM, now=OPENED)
    publish(terms(replace(BRONZE, plan_id=basic.pk), replace(SILVER, plan_id=better.pk)))
    environment = {**os.environ, **committed_database}
    with transaction.atomic():
        PlanAssignment.objects.select_for_update(of=("self",)).get()
        child = subprocess.Popen(
            [sys.executable, "-m", "tests.commissions.levels.walk_once", at(2, 2).isoformat()],
            cwd=ROOT, env=environment,
        )  # fmt: skip
        _wait_until_blocked(child)
        child.send_signal(signal.SIGKILL)
        child.wait()
    wait_until_its_session_ended()
    assert placed() == {"one": "silver"}
    runs = LevelRun.objects.count()

    assert walk(clock=lambda: at(2, 2)).applied == 2

    assert placed() == {"one": "silver", "two": "silver", "three": "silver"}
    assert (runs, LevelRun.objects.count(), LevelDecision.objects.count()) == (1, 1, 3)


def _wait_until_blocked(child: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 60
    while True:
        assert child.poll() is None, "the walk ended before it was blocked"
        assert time.monotonic() < deadline, "the walk was never blocked"
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_stat_clear_snapshot()")  # who is there, not who was there at the first look
            cursor.execute(
                "SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid "
                "WHERE NOT l.granted AND a.datname = current_database()"  # rows are waited for under no database's name
            )
            if cursor.fetchone()[0]:
                return
        time.sleep(0.05)
