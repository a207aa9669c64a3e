"""The checker names what is wrong; each fault is put there past the walls."""

from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from ib.queries import verify_network
from ib.queries.verify import GRACE
from ib.services import move_client, move_ib
from ib.types import Finding
from tenancy.models import Broker
from tests.ib.factories import ACTOR, START, make_client, make_ib

pytestmark = pytest.mark.unit

NOW = datetime(2026, 3, 1, tzinfo=UTC)
APRIL = datetime(2026, 4, 1, tzinfo=UTC)


@pytest.fixture
def network(broker: Broker) -> Broker:
    top = make_ib("top")
    make_ib("sub", top)
    move_client(client=make_client(), ib=top, at=START, actor=ACTOR, now=START)
    _execute("SET CONSTRAINTS ALL IMMEDIATE", "SET CONSTRAINTS ALL DEFERRED")
    return broker


def _execute(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def test_whole_network_has_no_findings(network: Broker) -> None:
    assert verify_network(now=NOW) == []


def test_wrong_numbers_are_found(network: Broker) -> None:
    _execute("SET LOCAL keel.ib_tree_writer = 'on'", "UPDATE ib_ib SET rght = 40 WHERE code = 'top'")

    assert verify_network(now=NOW) == [Finding("tree_numbers", "top", "numbers 1–40 for 1 below")]


def test_tree_that_left_the_links_is_found(network: Broker) -> None:
    _execute("UPDATE ib_iblink SET parent_id = NULL WHERE parent_id IS NOT NULL")

    assert verify_network(now=NOW) == [Finding("tree_follows_links", "sub", "stands under top, its link says None")]


def test_planned_move_on_its_way_to_the_tree_is_no_fault_for_a_while(broker: Broker) -> None:
    top = make_ib("top")
    sub = make_ib("sub", top)
    move_ib(ib=sub, parent=None, at=APRIL, actor=ACTOR, now=NOW)

    assert verify_network(now=APRIL) == []
    assert [finding.rule for finding in verify_network(now=APRIL + GRACE + timedelta(seconds=1))] == [
        "tree_follows_links"
    ]


def test_gap_and_missing_place_are_found(network: Broker) -> None:
    _execute("UPDATE ib_iblink SET active_to = '2026-05-01Z' WHERE parent_id IS NULL")
    _execute("DELETE FROM ib_iblink WHERE parent_id IS NOT NULL")

    assert verify_network(now=NOW) == [
        Finding("no_gap", "sub", "has no place"),
        Finding("no_gap", "top", "has no place from 2026-05-01 00:00:00+00:00 on"),
    ]


def test_clients_from_before_their_ib_are_found(network: Broker) -> None:
    _execute("UPDATE ib_clientlink SET active_from = '2025-06-01Z'")

    (finding,) = verify_network(now=NOW)

    assert (finding.rule, finding.subject) == ("nobody_before_the_ib", "top")
    assert finding.detail.endswith("stands under it from 2025-06-01 00:00:00+00:00 on already")


def test_command_says_that_all_is_right(network: Broker) -> None:
    out = StringIO()

    call_command("verify_network", broker="aurora", stdout=out)

    assert out.getvalue() == "1 network(s) checked: all is right.\n"


def test_command_fails_with_a_line_for_each_fault(network: Broker) -> None:
    out = StringIO()
    _execute("DELETE FROM ib_iblink WHERE parent_id IS NOT NULL")

    with pytest.raises(CommandError, match=r"1 thing\(s\) wrong"):
        call_command("verify_network", broker="aurora", stdout=out)

    assert out.getvalue() == "aurora: IB sub: no_gap: has no place\n"


def test_command_refuses_an_unknown_broker(network: Broker) -> None:
    with pytest.raises(CommandError, match="no active broker with the code nobody"):
        call_command("verify_network", broker="nobody")


def test_cycle_is_found_before_the_wall_refuses_it(network: Broker) -> None:
    with transaction.atomic():
        _execute(
            "UPDATE ib_iblink SET active_to = '2026-05-01Z' WHERE parent_id IS NULL",
            "INSERT INTO ib_iblink (ib_id, parent_id, active_from) "
            "SELECT t.id, s.id, '2026-05-01Z' FROM ib_ib t, ib_ib s WHERE t.code = 'top' AND s.code = 'sub'",
        )
        findings = verify_network(now=NOW)
        transaction.set_rollback(True)

    moment = "stands below itself from 2026-05-01 00:00:00+00:00 on"
    assert findings == [Finding("no_cycle", "sub", moment), Finding("no_cycle", "top", moment)]
