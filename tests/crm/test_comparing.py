"""Comparisons with a real simulator: what they find, take over and leave alone; first reads in steps; masks; clocks."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from access.types import Actor
from commissions.proof.types import Report
from crm.demo.control import Control
from crm.demo.setup import SimulatorAddress
from crm.flows import account_flow, comparing_flow, deal_flow, proof_flow
from mt4bridge.errors import ClockMismatch
from mt4bridge.gateways import close_gateways, open_gateway
from mt4bridge.models import MtServer
from mt4bridge.types import TradingServer
from tenancy.context import broker_context
from tenancy.models import Broker
from tests.crm.test_trouble import server_at, simulator
from tests.trading.factories import make_client, make_server
from trading.cursor import get_cursor
from trading.models import Deal, HeldDeal, MtGroup, TradingAccount
from trading.queries import live_deals
from trading.sync.enums import RunKind
from trading.sync.models import ServerAccount, ServerSync, SyncDifference, SyncRun
from trading.sync.requests import begin_comparison
from trading.sync.services import assign_account, pause_reading, resume_reading

pytestmark = pytest.mark.integration
SYSTEM = Actor.system("test")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatorAddress]:
    folder: Path = tmp_path_factory.mktemp("simulator")
    with simulator(folder, "--accounts", "8", "--days", "30", "--seed", "3", "--control") as found:
        yield found


@pytest.fixture
def control(address: SimulatorAddress) -> Control:
    return Control(address.control)


@pytest.fixture
def server(broker: Broker, address: SimulatorAddress) -> Iterator[MtServer]:
    """A server that was introduced, whose accounts all have a client, and whose deals are read."""
    found = server_at(address)
    introduce(found)
    give_clients(found)
    walk(found)
    yield found
    close_gateways()


def introduce(server: MtServer) -> None:
    gateway, now = open_gateway(server), timezone.now()
    account_flow.introduce(server=server, gateway=gateway, now=now)
    account_flow.sync_when_due(server=server, gateway=gateway, now=now)


def give_clients(server: MtServer) -> None:
    for account in ServerAccount.objects.filter(server=server):
        assign_account(account=account, client=make_client(), actor=SYSTEM, now=timezone.now())


def walk(server: MtServer) -> None:
    deal_flow.walk(server=server, gateway=open_gateway(server), now=timezone.now())


def compare(server: MtServer, kind: RunKind) -> SyncRun:
    begin_comparison(server=server, kind=kind, now=timezone.now())
    comparing_flow.go_on(server=server, gateway=open_gateway(server), clock=timezone.now)
    return SyncRun.objects.filter(kind=kind).latest("pk")


def kinds(run: SyncRun) -> list[tuple[str, int | None]]:
    return list(SyncDifference.objects.filter(run=run).order_by("kind", "ticket").values_list("kind", "ticket"))


def old_closings(server: MtServer) -> list[Deal]:
    """Deals that no sweep looks at any more, and the nightly comparison does."""
    until = timezone.now() - timedelta(days=1)
    return list(live_deals().filter(server=server, entry=1, deal_at__lt=until).order_by("-deal_at")[:3])


def agrees(server: MtServer) -> bool:
    until = get_cursor(server.pk).complete_until
    assert until is not None
    report, gateway = Report(), open_gateway(server)
    return not proof_flow.compare_server(
        server=server, gateway=gateway, since=server.history_from.replace(year=2026), until=until, report=report
    )


def test_the_night_takes_over_what_changed_days_ago(server: MtServer, control: Control) -> None:
    edited, deleted, copied = old_closings(server)
    silent = compare(server, RunKind.NIGHTLY)
    control.send("/sim/edit", ticket=edited.ticket, profit_change="2")
    control.send("/sim/delete", ticket=deleted.ticket)
    late = control.send("/sim/late", ticket=copied.ticket, minutes=60)["ticket"]

    found = compare(server, RunKind.NIGHTLY)

    assert (silent.differences, silent.finished_at is not None) == (0, True)
    assert kinds(found) == [
        ("content", edited.ticket), ("missing_here", late), ("missing_there", deleted.ticket),
    ]  # fmt: skip
    assert (found.taken_over, agrees(server)) == (3, True)
    assert live_deals().get(ticket=edited.ticket).revision == 1
    assert not live_deals().filter(ticket=deleted.ticket).exists()
    assert compare(server, RunKind.NIGHTLY).differences == 0


def test_the_month_compares_the_whole_history_piece_by_piece(
    server: MtServer, control: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparing_flow, "PIECE_SECONDS", 0.0)
    monkeypatch.setattr(comparing_flow, "FIRST_SLICE", timedelta(days=400))  # the history begins long before its deals
    first = live_deals().filter(server=server, entry=1).earliest("deal_at")
    control.send("/sim/edit", ticket=first.ticket, profit_change="-1")
    begin_comparison(server=server, kind=RunKind.MONTHLY, now=timezone.now())
    pieces, gateway = [], open_gateway(server)

    while (run := SyncRun.objects.get()).finished_at is None:
        pieces.append(run.done_until)
        comparing_flow.go_on(server=server, gateway=gateway, clock=timezone.now)

    assert len(pieces) > 5
    assert pieces[1:] == sorted(set(pieces[1:]))
    assert kinds(run) == [("content", first.ticket)]
    assert run.checked == live_deals().filter(server=server, deal_at__lt=run.until).count()


def test_balances_are_listed_and_never_put_right(server: MtServer, control: Control) -> None:
    silent = compare(server, RunKind.BALANCES)
    edited = old_closings(server)[0]
    control.send("/sim/balance", login=edited.account.login, amount="7.50")  # new, and not read yet: no difference
    live = compare(server, RunKind.BALANCES)
    control.send("/sim/edit", ticket=edited.ticket, profit_change="3")
    before = Deal.objects.count()

    found = compare(server, RunKind.BALANCES)

    line = SyncDifference.objects.get(run=found)
    assert (silent.checked, silent.differences, live.differences, found.differences) == (8, 0, 0, 1)
    assert (line.kind, line.login) == ("balance", edited.account.login)
    assert float(line.there) - float(line.here) == pytest.approx(3)
    assert Deal.objects.count() == before
    control.send("/sim/edit", ticket=edited.ticket, profit_change="-3")


def test_a_first_read_goes_in_steps_that_staff_can_pause(
    broker: Broker, address: SimulatorAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deal_flow, "BACKFILL_DEALS", 1)
    found, now = server_at(address), timezone.now()
    found.history_from = address.history_from
    found.save()
    introduce(found)
    give_clients(found)
    reached = []

    walk(found)
    reached.append(get_cursor(found.pk).recorded_until)
    pause_reading(server_id=found.pk, actor=SYSTEM, now=now)
    walk(found)
    paused_at = get_cursor(found.pk).recorded_until
    resume_reading(server_id=found.pk, actor=SYSTEM, now=now)
    while not ServerSync.objects.get().backfill_done_at:
        walk(found)
        reached.append(get_cursor(found.pk).recorded_until)
    close_gateways()

    assert reached[0] == paused_at
    assert len(reached) > 3
    assert reached == sorted(reached)
    assert ServerSync.objects.get().backfill_rows > 100
    assert agrees(found)


def test_each_broker_sees_only_the_accounts_of_its_masks(
    broker: Broker, other_broker: Broker, address: SimulatorAddress
) -> None:
    def read(mask: str) -> tuple[set[str], set[int], set[int]]:
        server = server_at(address)
        server.group_mask = mask
        server.save()
        introduce(server)
        give_clients(server)
        walk(server)
        logins = set(TradingAccount.objects.values_list("login", flat=True))
        return (
            set(MtGroup.objects.values_list("name", flat=True)), logins,
            set(live_deals().values_list("account__login", flat=True)) | {r.login or 0 for r in HeldDeal.objects.all()},
        )  # fmt: skip

    everything = {row.login: row.group for row in open_gateway(server_at(address)).users()}
    MtServer.objects.all().delete()
    mask = sorted(set(everything.values()))[0]
    close_gateways()

    own_groups, own, own_deals = read(mask)
    with broker_context(other_broker):
        other_groups, others, other_deals = read(f"*,!{mask}")
    close_gateways()

    assert own_groups == {mask}
    assert mask not in other_groups
    assert own == {login for login, group in everything.items() if group == mask}
    assert (own | others, own & others) == (set(everything), set())
    assert own
    assert others
    assert own_deals
    assert own_deals <= own
    assert other_deals
    assert other_deals <= others


def test_a_clock_in_another_zone_stops_the_first_contact(broker: Broker, address: SimulatorAddress) -> None:
    found = server_at(address)
    found.clock_shift_minutes += 60
    found.save()

    with pytest.raises(ClockMismatch, match="60 minutes away"):
        account_flow.introduce(server=found, gateway=open_gateway(found), now=timezone.now())
    close_gateways()

    assert (Deal.objects.count(), MtGroup.objects.count()) == (0, 0)
    assert ServerSync.objects.get().clock_wrong_since is not None


class Clock:
    """A server of which only the time is asked."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def server_time(self) -> datetime:
        return self.at


@pytest.mark.parametrize(
    ("now", "told", "off"),
    [
        # New York's first Sunday of November, 06:30 UTC: the hour is repeated, and the wire tells its first passage
        (datetime(2026, 11, 1, 6, 30, tzinfo=UTC), datetime(2026, 11, 1, 5, 30, tzinfo=UTC), 0),
        (datetime(2026, 11, 1, 5, 30, tzinfo=UTC), datetime(2026, 11, 1, 5, 30, tzinfo=UTC), 0),
        # a server that follows Europe's dates is an hour off between the two changes of spring
        (datetime(2026, 3, 10, 12, tzinfo=UTC), datetime(2026, 3, 10, 11, tzinfo=UTC), -3600),
        (datetime(2026, 3, 30, 12, tzinfo=UTC), datetime(2026, 3, 30, 12, tzinfo=UTC), 0),
    ],
)
def test_walls_are_compared_through_daylight_saving(broker: Broker, now: datetime, told: datetime, off: int) -> None:
    gateway: TradingServer = Clock(told)  # type: ignore[assignment]
    found = make_server()

    assert account_flow.check_clock(server=found, gateway=gateway, now=now) == off
    assert (ServerSync.objects.get().clock_wrong_since is not None) == bool(off)
