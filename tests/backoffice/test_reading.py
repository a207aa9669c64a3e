"""Pages about MT servers: health, pause and resume, comparisons, changes, accounts of nobody."""

import re
from datetime import timedelta

import pytest
from django.test import Client as Browser
from django.utils import timezone

from access.models import AuditEvent
from mt4bridge.models import MtServer
from tests.backoffice.conftest import ALL_RIGHTS
from tests.backoffice.pages import fragment, text_of, tree
from tests.trading.factories import BEGINNING, make_client, make_mt_group
from trading.models import DealCursor, MtGroup, TradingAccount
from trading.sync.models import ServerAccount, ServerChange, ServerSync, SyncDifference, SyncRun

pytestmark = pytest.mark.integration
RIGHTS = (
    *ALL_RIGHTS, "mt4bridge.view_server", "trading.pause_server", "trading.decide_change", "trading.assign_account",
)  # fmt: skip


@pytest.fixture
def desk(new_staff, as_staff) -> Browser:
    return as_staff(new_staff("Mia Bridge", rights=RIGHTS))


def page_of(server: MtServer) -> str:
    return f"/office/servers/{server.pk}/reading/"


def test_the_page_says_how_a_first_reading_goes(desk: Browser, server: MtServer) -> None:
    now = timezone.now()
    MtServer.objects.filter(pk=server.pk).update(history_from=now - timedelta(days=100), last_ok_at=now)
    DealCursor.objects.create(server=server, recorded_until=now - timedelta(days=74, hours=20), deals=6_000)
    ServerSync.objects.create(
        server=server, backfill_started_at=now - timedelta(seconds=60), backfill_from_at=now - timedelta(days=100),
        backfill_rows=6_000, minutes=[[int(now.timestamp()) // 60, 100]],
    )  # fmt: skip

    page = tree(desk.get(page_of(server)))

    assert page.xpath("//progress/@value") == ["25"]
    progress = text_of(page.xpath("//section[.//progress]")[0])
    # A minute has gone by, and what the test took.
    found = re.search(r"6,000 deals so far, (\d+) a second\. About [23]m left\.", progress)
    assert found, progress
    assert 60 <= int(found[1]) <= 100
    assert [text_of(each) for each in page.xpath("//*[text()='Deals a minute']/following::span[@class='num'][1]")] == [
        "20"
    ]


def test_a_failing_server_says_since_when_and_until_when_it_is_left_alone(desk: Browser, server: MtServer) -> None:
    now = timezone.now()
    MtServer.objects.filter(pk=server.pk).update(
        failures=3, last_error_code="too_slow", last_error_fields={"path": "/api/deal/get_batch", "seconds": "30"},
        last_error_at=now, last_ok_at=now - timedelta(minutes=4),
    )  # fmt: skip
    ServerSync.objects.create(server=server, clock_wrong_since=now, clock_off_seconds=3_600)

    notes = [text_of(note) for note in tree(desk.get(page_of(server))).xpath("//*[@role='note']")]

    assert len(notes) == 2
    assert notes[0].startswith(
        "The trading server did not finish its answer to /api/deal/get_batch within 30 seconds.Last contact 4m ago"
    )
    assert "next try not before" in notes[0]
    assert notes[1].startswith("The server's clock is 60 minutes away from the one that is set")


def test_the_page_asks_again_for_its_figures_alone(desk: Browser, server: MtServer) -> None:
    answer = fragment(desk, page_of(server))

    assert (answer.status_code, tree(answer).get("id")) == (200, "server-health")
    assert "<html" not in answer.content.decode()


def test_pause_and_resume_leave_an_audit_row_each(desk: Browser, server: MtServer) -> None:
    for _twice in (1, 2):
        desk.post(f"/office/servers/{server.pk}/pause/")
    paused = ServerSync.objects.get().paused_at
    page = text_of(tree(desk.get(page_of(server))).xpath("//main")[0])

    desk.post(f"/office/servers/{server.pk}/pause/", {"resume": "1"})

    assert paused is not None
    assert "The reading of deals is paused" in page
    assert ServerSync.objects.get().paused_at is None
    events = AuditEvent.objects.filter(object_type="mt_server").order_by("pk").values_list("action", flat=True)
    assert list(events) == ["trading.pause_server", "trading.resume_server"]


def test_a_comparison_is_asked_for_and_its_differences_are_listed(desk: Browser, server: MtServer) -> None:
    desk.post(f"/office/servers/{server.pk}/compare/", {"kind": "monthly"})
    before = SyncRun.objects.count()
    DealCursor.objects.filter(server=server).update(recorded_until=timezone.now())

    desk.post(f"/office/servers/{server.pk}/compare/", {"kind": "monthly"})

    run = SyncRun.objects.get()
    assert (before, run.kind, run.since, run.finished_at) == (0, "monthly", server.history_from, None)
    SyncDifference.objects.create(run=run, kind="balance", login=1001, here="10.00", there="12.00")
    SyncRun.objects.update(finished_at=timezone.now(), differences=1)
    rows = [text_of(row) for row in tree(desk.get(page_of(server))).xpath("//tbody/tr")]
    assert rows[1] == "1001—The balance is not the sum of the deals10.0012.00"


def test_a_waiting_change_is_decided_once(desk: Browser, server: MtServer) -> None:
    group = make_mt_group(server, "euro")
    change = ServerChange.objects.create(
        server=server, seen_at=timezone.now(), of="group", name="euro", field="currency", before="USD", after="EUR",
        state="waiting",
    )  # fmt: skip
    listed = text_of(tree(desk.get("/office/changes/")).xpath("//tbody/tr")[0])

    first = desk.post(f"/office/changes/{change.pk}/decide/", {"decision": "accept"})
    again = desk.post(f"/office/changes/{change.pk}/decide/", {"decision": "keep"})

    assert "Currency: USD → EUR" in listed
    assert (first.status_code, again.status_code) == (302, 422)
    assert "Somebody has decided this change already." in again.content.decode()
    assert MtGroup.objects.get(pk=group.pk).currency == "EUR"


def test_an_account_of_nobody_gets_its_client_by_code(desk: Browser, server: MtServer) -> None:
    make_mt_group(server)
    account = ServerAccount.objects.create(
        server=server, login=4711, group="real\\std-usd", name="Jo Doe", leverage=50, registered_at=BEGINNING,
        first_seen_at=BEGINNING,
    )  # fmt: skip
    client = make_client()
    address = "/office/accounts-without-client/"

    wrong = desk.post(f"{address}assign/", {"account": account.pk, "client": "C999999"})
    right = desk.post(f"{address}assign/", {"account": account.pk, "client": client.code.lower()})

    assert (wrong.status_code, right.status_code) == (422, 302)
    assert "No client has this code." in wrong.content.decode()
    row = TradingAccount.objects.get(login=4711)
    assert (row.client, row.leverage, row.mt_group.name) == (client, 50, "real\\std-usd")
    assert "Every account has a client" in desk.get(address).content.decode()
