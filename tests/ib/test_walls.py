"""What the database itself refuses, under the broker's role and by raw SQL."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import DatabaseError, connection, transaction

from ib.models import IB
from ib.services import move_account, move_client, move_ib, set_agreement
from ib.types import Terms
from tenancy.models import Broker
from tests.ib.factories import ACTOR, START, make_account, make_client, make_ib

pytestmark = pytest.mark.unit


@pytest.fixture
def network(broker: Broker) -> Broker:
    """A network with one row of each kind: top ← sub, a client and its account at sub, an agreement."""
    top = make_ib("top")
    sub = make_ib("sub", top)
    client = make_client()
    move_client(client=client, ib=sub, at=START, actor=ACTOR, now=START)
    move_account(account=make_account(client), ib=sub, at=START, actor=ACTOR, now=START)
    set_agreement(ib=sub, terms=Terms(rank=1), at=START, actor=ACTOR, now=START)
    _check_now()
    return broker


@contextmanager
def refused(rule: str) -> Iterator[None]:
    with pytest.raises(DatabaseError, match=rule), _checked():
        yield


@contextmanager
def _checked() -> Iterator[None]:
    """A transaction of its own, as far as deferred rules go."""
    with transaction.atomic():
        yield
        _check_now()


def _check_now() -> None:
    execute("SET CONSTRAINTS ALL IMMEDIATE")
    execute("SET CONSTRAINTS ALL DEFERRED")


def execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        assert cursor.fetchone() == (f"t_{connection.schema_name}",)
        cursor.execute(statement)


OVERLAPS = {
    "ib_link_one_at_a_time": "INSERT INTO ib_iblink (ib_id, parent_id, active_from) "
    "SELECT ib_id, NULL, '2026-02-01Z' FROM ib_iblink",
    "client_link_one_at_a_time": "INSERT INTO ib_clientlink (client_id, ib_id, active_from, active_to) "
    "SELECT client_id, ib_id, '2025-12-01Z', '2026-01-01 00:00:01Z' FROM ib_clientlink",
    "account_link_one_at_a_time": "INSERT INTO ib_accountlink (account_id, active_from) "
    "SELECT account_id, '2026-02-01Z' FROM ib_accountlink",
    "agreement_one_at_a_time": "INSERT INTO ib_agreement (ib_id, active, active_from) "
    "SELECT ib_id, true, '2026-02-01Z' FROM ib_agreement",
}


@pytest.mark.parametrize("rule", sorted(OVERLAPS))
def test_periods_that_overlap_are_refused(network: Broker, rule: str) -> None:
    with refused(rule):
        execute(OVERLAPS[rule])


def test_periods_that_only_touch_are_fine(network: Broker) -> None:
    execute("UPDATE ib_clientlink SET active_to = '2026-02-01Z'")
    execute(
        "INSERT INTO ib_clientlink (client_id, ib_id, active_from) "
        "SELECT client_id, ib_id, active_to FROM ib_clientlink"
    )


@pytest.mark.parametrize(
    ("rule", "statement"),
    [
        ("ib_link_period_in_order", "UPDATE ib_iblink SET active_to = active_from"),
        ("client_link_period_in_order", "UPDATE ib_clientlink SET active_to = active_from"),
        ("account_link_period_in_order", "UPDATE ib_accountlink SET active_to = active_from"),
        ("agreement_period_in_order", "UPDATE ib_agreement SET active_to = active_from"),
        ("agreement_share_in_range", "UPDATE ib_agreement SET keep_percent = 100.00000001"),
        ("ib_link_not_own_parent", "UPDATE ib_iblink SET parent_id = ib_id"),
        ("ib_code_given", "UPDATE ib_ib SET code = '' WHERE code = 'sub'"),
        ("network_state_single", "INSERT INTO ib_networkstate (id, version) VALUES (2, 0)"),
        ("network_change_append_only|permission denied", "UPDATE ib_networkchange SET version = version + 100"),
        ("network_change_append_only|permission denied", "DELETE FROM ib_networkchange"),
    ],
)
def test_rows_that_cannot_be_are_refused(network: Broker, rule: str, statement: str) -> None:
    with refused(rule):
        execute(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ib_ib SET parent_id = NULL WHERE code = 'sub'",
        "UPDATE ib_ib SET lft = lft + 10, rght = rght + 10 WHERE code = 'sub'",
        "UPDATE ib_ib SET tree_id = 99",
        "UPDATE ib_ib SET level = 3 WHERE code = 'sub'",
        "INSERT INTO ib_ib (code, name, currency, created_at, lft, rght, tree_id, level) "
        "VALUES ('x', 'x', 'USD', now(), 1, 2, 99, 0)",
        "DELETE FROM ib_ib WHERE code = 'sub'",
    ],
)
def test_tree_is_changed_by_the_service_only(network: Broker, statement: str) -> None:
    with refused("changed by ib.services only"):
        execute(statement)


def test_tree_is_closed_again_after_a_service(network: Broker) -> None:
    move_ib(ib=IB.objects.get(code="sub"), parent=None, at=START, actor=ACTOR, now=START)

    with refused("changed by ib.services only"):
        execute("UPDATE ib_ib SET lft = 7, rght = 8 WHERE code = 'sub'")


def test_orm_cannot_pass_the_service_either(network: Broker) -> None:
    with refused("changed by ib.services only"):
        IB.objects.filter(code="sub").update(parent=None)
    stale = IB.objects.get(code="sub")
    stale.parent = None
    with refused("changed by ib.services only"):
        stale.save()


def test_other_columns_of_an_ib_stay_free(network: Broker) -> None:
    execute("UPDATE ib_ib SET name = 'New name' WHERE code = 'sub'")

    assert IB.objects.get(code="sub").name == "New name"


@pytest.mark.parametrize(
    ("rule", "statement"),
    [
        ("ib_left_once", "UPDATE ib_ib SET lft = 2, rght = 5 WHERE code = 'top'"),
        ("ib_right_once", "UPDATE ib_ib SET rght = 4 WHERE code = 'sub'"),
        ("ib_numbers_in_order", "UPDATE ib_ib SET rght = lft WHERE code = 'sub'"),
        ("ib_not_own_parent", "UPDATE ib_ib SET parent_id = id WHERE code = 'sub'"),
        ("numbers of IB sub do not fit its parent", "UPDATE ib_ib SET tree_id = tree_id + 50 WHERE code = 'sub'"),
        ("numbers of IB sub do not fit its parent", "UPDATE ib_ib SET level = 2 WHERE code = 'sub'"),
        (
            "do not fit its parent|would stand below itself",
            "UPDATE ib_ib SET level = 1, parent_id = (SELECT id FROM ib_ib WHERE code = 'sub') WHERE code = 'top'",
        ),
    ],
)
def test_second_wall_holds_where_the_first_is_opened(network: Broker, rule: str, statement: str) -> None:
    with refused(rule):
        execute("SET LOCAL keel.ib_tree_writer = 'on'")
        execute(statement)


@pytest.mark.parametrize(
    "period", ["'2026-02-01Z', NULL", "'2027-01-01Z', '2027-01-02Z'", "'2025-12-31Z', '2026-01-01 00:00:01Z'"]
)
def test_cycle_of_dated_links_is_refused_at_any_moment(network: Broker, period: str) -> None:
    with refused("would stand below itself at some moment"):
        execute("DELETE FROM ib_iblink WHERE parent_id IS NULL")
        execute(
            "INSERT INTO ib_iblink (ib_id, parent_id, active_from, active_to) "
            f"SELECT t.id, s.id, {period} FROM ib_ib t, ib_ib s WHERE t.code = 'top' AND s.code = 'sub'"
        )


def test_opposite_links_at_different_moments_are_no_cycle(network: Broker) -> None:
    execute("UPDATE ib_iblink SET active_to = '2026-02-01Z'")
    execute(
        "INSERT INTO ib_iblink (ib_id, parent_id, active_from) "
        "SELECT t.id, s.id, '2026-02-01Z' FROM ib_ib t, ib_ib s WHERE t.code = 'top' AND s.code = 'sub'"
    )
    execute("SET CONSTRAINTS ALL IMMEDIATE")
