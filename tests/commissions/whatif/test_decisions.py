"""Who may make a correction, what makes a preview out of date, and that nothing waits for it."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal

import psycopg2
import pytest
from django.db import connection, transaction

from access.enums import ApprovalState
from access.models import Approval
from access.services import SameApprover, approve
from commissions.enums import CorrectionState
from commissions.models import IbDay, Judgement, PlanVersion
from commissions.whatif.affected import affected_deals, judged_until
from commissions.whatif.changes import Change, MoveClient, PublishVersion, SetLotFactor, from_plain, to_plain
from commissions.whatif.corrections import (
    CorrectionNotReady,
    NeedsSecondPerson,
    WorldMoved,
    apply_small_correction,
    ask_for_correction,
    decide_correction,
    drop_correction,
    make_change,
    set_correction_limit,
)
from commissions.whatif.difference import difference_of
from commissions.whatif.models import Correction
from commissions.whatif.overlay import Overlay
from core.errors import Forbidden
from crm.scenarios.documents import Document
from crm.scenarios.player import _record, deal_row, play
from crm.scenarios.world import World
from tenancy.models import Broker
from tests.commissions.whatif.world import NOW, SYSTEM, drain, previewed, row_counts, run_jobs, staff, stands

pytestmark = pytest.mark.integration
FIRST = datetime.fromisoformat("2026-03-02T10:00:00+00:00")
JANUARY = datetime.fromisoformat("2026-01-01T00:00:00+00:00")
NEEDED_BY_OTHERS = (
    "trading_dealcursor", "ib_networkstate", "commissions_planstate", "commissions_enginecursor", "trading_mtgroup",
)  # fmt: skip
DOUBLE = {"rates": [{"any": True, "base": "per_lot", "rate": "10", "currency": "USD"}]}


def deal(ticket: int, lots: str, at: datetime) -> dict[str, object]:
    return {
        "login": 1, "symbol": "EURUSD", "position": ticket, "price": "1.1", "ticket": ticket, "action": "sell",
        "entry": "out", "lots": lots, "at": at,
    }  # fmt: skip


@pytest.fixture
def world(broker: Broker) -> World:
    """One IB at 5 USD a lot, another without clients; two deals of 1 and 2 lots: 15 USD are booked."""
    return small_world()


def small_world() -> World:
    rate = {"any": True, "base": "per_lot", "rate": "5", "currency": "USD"}
    doc = {
        "scenario": "small",
        "symbols": {"EURUSD": {"group": "majors", "contract_size": "100000", "digits": 5, "quote": "USD"}},
        "mt_groups": {"std": {"currency": "USD", "lot_factor": "1"}, "new": {"currency": "USD"}},
        "plans": {"p": [{"effective_from": JANUARY, "rates": [rate]}]},
        "ibs": [{"code": "one", "plan": "p", "currency": "USD"}, {"code": "two", "plan": "p", "currency": "USD"}],
        "clients": [{"login": 1, "ib": "one", "group": "std"}],
        "deals": [deal(1, "1", FIRST), deal(2, "2", FIRST + timedelta(hours=1))],
        "expect": {},
    }  # fmt: skip
    return play(Document("small", "", doc))


def doubling(world: World) -> list[Change]:
    return [PublishVersion(world.plans["p"].pk, DOUBLE, FIRST)]


def ready(changes: list[Change], **who: object) -> Correction:
    correction = make_change(changes=changes, actor=who.get("actor", SYSTEM), now=NOW)  # type: ignore[arg-type]
    assert correction is not None
    run_jobs()
    correction.refresh_from_db()
    assert correction.state == CorrectionState.READY
    return correction


def test_every_kind_of_change_reads_back_equal(world: World) -> None:
    changes = (*doubling(world), MoveClient(1, None, FIRST), SetLotFactor(3, Decimal("0.01")))

    assert from_plain(to_plain(changes)) == changes


def test_a_change_that_touches_no_judged_deal_is_made_at_once(world: World) -> None:
    version = PublishVersion(world.plans["p"].pk, DOUBLE, NOW)

    assert make_change(changes=[version], actor=SYSTEM, now=NOW) is None

    assert PlanVersion.objects.filter(effective_from=NOW).exists()
    assert not Correction.objects.exists()


def test_whoever_may_not_make_the_change_may_not_propose_it(world: World) -> None:
    seller = staff("seller", ("ib.move_ib",))

    with pytest.raises(Forbidden):
        make_change(changes=doubling(world), actor=seller, now=NOW)


def test_the_second_person_is_somebody_else(world: World) -> None:
    asking = staff("asking")
    correction = ready(doubling(world), actor=asking)
    approval = ask_for_correction(correction=correction, reason="agreed", actor=asking, now=NOW)

    with pytest.raises(SameApprover):
        approve(approval=approval, actor=asking, now=NOW)

    assert PlanVersion.objects.count() == 1


def test_a_second_person_without_the_right_cannot_decide(world: World) -> None:
    correction = ready(doubling(world), actor=staff("asking"))
    ask_for_correction(correction=correction, reason="agreed", actor=staff("also asking"), now=NOW)
    correction.refresh_from_db()

    with pytest.raises(Forbidden):
        decide_correction(
            correction=correction, accept=True, reason="", actor=staff("clerk", ("commissions.edit_plan",)), now=NOW
        )


def test_a_refused_correction_leaves_nothing(world: World) -> None:
    asking, deciding = staff("asking"), staff("deciding")
    before = stands()
    correction = ready(doubling(world), actor=asking)
    ask_for_correction(correction=correction, reason="agreed", actor=asking, now=NOW)
    correction.refresh_from_db()

    decide_correction(correction=correction, accept=False, reason="not agreed", actor=deciding, now=NOW)
    drain(world)

    assert PlanVersion.objects.count() == 1
    assert stands() == before
    assert Judgement.objects.filter(revision__gt=0).count() == 0


def test_an_approved_correction_is_made_once(world: World) -> None:
    asking, deciding = staff("asking"), staff("deciding")
    correction = ready(doubling(world), actor=asking)
    ask_for_correction(correction=correction, reason="agreed", actor=asking, now=NOW)
    correction.refresh_from_db()

    done = decide_correction(correction=correction, accept=True, reason="", actor=deciding, now=NOW)
    drain(world)

    assert (done.state, done.closed_by_id) == (CorrectionState.APPLIED, deciding.user_id)
    assert sum(row.amount for row in IbDay.objects.all()) == Decimal(30)
    assert list(previewed(correction).values()) == [Decimal(15)]
    with pytest.raises(CorrectionNotReady):
        ask_for_correction(correction=correction, reason="again", actor=asking, now=NOW)
    with pytest.raises(CorrectionNotReady):
        drop_correction(correction=correction, actor=asking, now=NOW)


def network_moves(world: World) -> None:
    client = world.accounts[1].client_id
    assert make_change(changes=[MoveClient(client, world.ibs["two"].pk, NOW)], actor=SYSTEM, now=NOW) is None


def deal_is_edited(world: World) -> None:
    _record(world, [deal_row(world, deal(2, "3", FIRST + timedelta(hours=1)))], NOW)


def deal_comes_late(world: World) -> None:
    _record(world, [deal_row(world, deal(3, "1", FIRST + timedelta(minutes=5)))], NOW)


@pytest.mark.parametrize("happens", [network_moves, deal_is_edited, deal_comes_late])
def test_a_world_that_moved_asks_for_a_new_preview(world: World, happens: Callable[[World], None]) -> None:
    asking, deciding = staff("asking"), staff("deciding")
    correction = ready(doubling(world), actor=asking)
    ask_for_correction(correction=correction, reason="agreed", actor=asking, now=NOW)
    correction.refresh_from_db()
    happens(world)

    with pytest.raises(WorldMoved):
        decide_correction(correction=correction, accept=True, reason="", actor=deciding, now=NOW)

    correction.refresh_from_db()
    assert (correction.state, correction.run) == (CorrectionState.PREVIEWING, 2)
    assert Approval.objects.get().state == ApprovalState.REJECTED
    assert PlanVersion.objects.count() == 1
    drain(world)
    run_jobs(NOW + timedelta(minutes=1))
    correction.refresh_from_db()
    assert correction.state == CorrectionState.READY


def test_trading_that_goes_on_does_not_make_a_preview_old(world: World) -> None:
    asking, deciding = staff("asking"), staff("deciding")
    correction = ready(doubling(world), actor=asking)
    ask_for_correction(correction=correction, reason="agreed", actor=asking, now=NOW)
    correction.refresh_from_db()
    _record(world, [deal_row(world, deal(3, "4", FIRST + timedelta(hours=2)))], NOW)
    drain(world)

    decide_correction(correction=correction, accept=True, reason="", actor=deciding, now=NOW)
    drain(world)

    assert sum(row.amount for row in IbDay.objects.all()) == Decimal(70)


def test_a_small_correction_takes_one_person(world: World) -> None:
    asking = staff("asking")
    correction = ready(doubling(world), actor=asking)
    set_correction_limit(amount=Decimal("14.99"), currency="USD", actor=SYSTEM, now=NOW)
    with pytest.raises(NeedsSecondPerson):
        apply_small_correction(correction=correction, reason="small", actor=asking, now=NOW)

    set_correction_limit(amount=Decimal(15), currency="USD", actor=SYSTEM, now=NOW)
    done = apply_small_correction(correction=correction, reason="small", actor=asking, now=NOW)

    assert done.state == CorrectionState.APPLIED


def test_a_preview_writes_nothing(committed_database: dict[str, str]) -> None:
    world = small_world()
    before = row_counts()

    overlay = Overlay(
        [*doubling(world), MoveClient(world.accounts[1].client_id, world.ibs["two"].pk, JANUARY)], now=NOW
    )
    found = difference_of(overlay, affected_deals(overlay.changes, judged=judged_until()))

    assert found.deals == 2
    assert (found.days.payee < 0).any()  # the other IB was never paid: its payee is made up
    assert row_counts() == before
    with connection.cursor() as cursor:
        cursor.execute("BEGIN")
        difference_of(Overlay(overlay.changes, now=NOW), affected_deals(overlay.changes, judged=judged_until()))
        cursor.execute("SELECT pg_current_xact_id_if_assigned()")
        assert cursor.fetchone() == (None,)
        cursor.execute("ROLLBACK")


def test_nobody_waits_for_a_preview(committed_database: dict[str, str]) -> None:
    """A step of a preview is open in its transaction; another connection trades, judges and reads meanwhile."""
    world = small_world()
    correction = make_change(changes=doubling(world), actor=SYSTEM, now=NOW)
    assert correction is not None
    with transaction.atomic(), connection.cursor() as cursor:
        run_jobs()
        cursor.execute(
            "SELECT DISTINCT c.relname FROM pg_locks l JOIN pg_class c ON c.oid = l.relation "
            "WHERE l.pid = pg_backend_pid() AND c.relkind = 'r' AND l.mode <> 'AccessShareLock'"
        )
        locked = {name for (name,) in cursor.fetchall()}
        with psycopg2.connect(**connection.get_connection_params()) as other, other.cursor() as trading:
            trading.execute(f'SET ROLE "{role_in_force()}"; SET search_path = "{connection.schema_name}"')
            trading.execute("SET lock_timeout = '2s'")
            for table in NEEDED_BY_OTHERS:
                trading.execute(f"SELECT * FROM {table} FOR UPDATE NOWAIT")
            trading.execute("SELECT count(*) FROM commissions_ibday")
            other.rollback()

    assert "commissions_correctionline" in locked
    assert locked.isdisjoint(NEEDED_BY_OTHERS)


def role_in_force() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        (name,) = cursor.fetchone()
    return str(name)
