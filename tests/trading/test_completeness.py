"""A report is complete up to a moment that never promises too much: several servers, one down, rows that are held."""

from datetime import UTC, datetime, timedelta

import pytest

from tenancy.models import Broker
from tests.trading.factories import make_server
from trading.completeness import Completeness, completeness, earliest
from trading.cursor import mark_complete
from trading.models import DealCursor, HeldDeal

pytestmark = pytest.mark.integration

NOW = datetime(2026, 3, 20, 12, 0, tzinfo=UTC)
AHEAD = timedelta(hours=3)  # New York in summer time and seven hours


def test_each_server_has_its_moment_and_the_earliest_holds_for_all(broker: Broker) -> None:
    well = make_server("Well", last_ok_at=NOW - timedelta(seconds=1))
    down = make_server("Down", failures=3, last_ok_at=NOW - timedelta(hours=2))
    silent = make_server("Silent", last_ok_at=NOW - timedelta(minutes=3))
    make_server("Off", is_active=False)
    for server, until in ((well, NOW), (down, NOW - timedelta(hours=2)), (silent, NOW - timedelta(minutes=3))):
        DealCursor.objects.create(server=server, complete_until=until, recorded_until=until)
    for ticket, released in ((1, None), (2, None), (3, NOW)):
        HeldDeal.objects.create(
            server=well, ticket=ticket, login=7, reason="unknown_login", payload={}, held_at=NOW, released_at=released
        )

    found = completeness(NOW)

    assert found == [
        Completeness("Down", NOW - timedelta(hours=2), AHEAD, 0, True, NOW - timedelta(hours=2)),
        Completeness("Silent", NOW - timedelta(minutes=3), AHEAD, 0, True, NOW - timedelta(minutes=3)),
        Completeness("Well", NOW, AHEAD, 2, False, NOW - timedelta(seconds=1)),
    ]
    assert earliest(found) == NOW - timedelta(hours=2)


def test_a_server_that_was_never_read_makes_nothing_complete(broker: Broker) -> None:
    make_server("New")
    read = make_server("Read", last_ok_at=NOW)
    DealCursor.objects.create(server=read, complete_until=NOW)

    found = completeness(NOW)

    assert [(each.server, each.complete_until) for each in found] == [("New", None), ("Read", NOW)]
    assert earliest(found) is None
    assert earliest([]) is None


def test_a_moment_moves_only_when_everything_stored_is_judged(broker: Broker) -> None:
    server = make_server()
    cursor = DealCursor.objects.create(server=server, recorded_until=NOW, complete_until=NOW - timedelta(minutes=5))
    from tests.trading.factories import deal_row, make_account, make_mt_group, make_symbol
    from trading.services import Reading, record_deals

    make_symbol(server)
    make_account(make_mt_group(server))
    record_deals(server_id=server.pk, version=cursor.version, reading=Reading(rows=[deal_row(1)]), now=NOW)

    mark_complete(server_id=server.pk)
    before = DealCursor.objects.get().complete_until
    DealCursor.objects.update(judged_id=2**62)
    mark_complete(server_id=server.pk)

    assert before == NOW - timedelta(minutes=5)
    assert DealCursor.objects.get().complete_until == NOW
