"""Opening, suspending and removing brokers, on a database of the test's own, through the owner's commands."""

import os
import subprocess
import sys
from collections.abc import Mapping

import pytest
from django.db import connection
from django.test import Client as WebClient

from tenancy.context import (
    NoBrokerInForce,
    broker_context,
    current_broker,
    each_broker,
    get_active_broker,
    public_context,
)
from tenancy.enums import BROKER_MOVES, BrokerStatus
from tenancy.grants import broker_models
from tenancy.models import Broker, Host
from tenancy.names import new_schema_name, role_of
from tests.databases import ROOT, schema_of

pytestmark = pytest.mark.integration


def manage(environment: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *arguments], cwd=ROOT, env={**os.environ, **environment}, text=True,
        capture_output=True, timeout=120, check=False,
    )  # fmt: skip


def remove(environment: Mapping[str, str], code: str) -> None:
    result = manage(environment, "drop_broker", code, "--yes")
    assert result.returncode == 0, result.stderr


def test_a_new_broker_stands_complete_and_can_be_removed(committed_database: Mapping[str, str]) -> None:
    made = manage(committed_database, "create_broker", "ceres", "--name", "Ceres", "--host", "ceres.localhost")
    assert made.returncode == 0, made.stderr
    try:
        broker = find("ceres")
        with broker_context(broker):
            tables = connection.introspection.table_names()
            with connection.cursor() as cursor:
                cursor.execute("SELECT current_user")
                role = cursor.fetchone()
        missing = {model._meta.db_table for model in broker_models()} - set(tables)
        assert (broker.status, role, missing) == ("active", (role_of(broker.schema_name),), set())
    finally:
        remove(committed_database, "ceres")
    with public_context():
        assert list(Broker.objects.filter(code="ceres")) == []


def find(code: str) -> Broker:
    with public_context():
        return Broker.objects.get(code=code)


def test_a_taken_code_or_host_is_refused_in_a_sentence_and_leaves_nothing(
    committed_database: Mapping[str, str],
) -> None:
    taken = manage(committed_database, "create_broker", "aurora", "--name", "Again", "--host", "again.localhost")
    host = manage(committed_database, "create_broker", "other", "--name", "Other", "--host", "aurora.localhost")

    assert [taken.returncode, host.returncode] == [1, 1]
    assert "exists already" in taken.stderr
    with public_context():
        codes = list(Broker.objects.order_by("code").values_list("code", flat=True))
        hosts = list(Host.objects.order_by("domain").values_list("domain", flat=True))
    assert (codes, hosts) == (["aurora", "borealis", "template"], ["aurora.localhost", "borealis.localhost"])


def test_a_schema_has_every_trigger_and_right_of_its_sister(committed_database: Mapping[str, str]) -> None:
    """Both were made from the template's dump: catalogue and grants must not differ."""
    assert catalogue(schema_of("aurora")) == catalogue(schema_of("borealis"))
    assert len(catalogue(schema_of("aurora"))) > 300


def catalogue(schema: str) -> list[tuple[object, ...]]:
    sql = """
        SELECT 'column', c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull::text
            FROM pg_attribute a
            JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE n.nspname = %s AND a.attnum > 0 AND c.relkind = 'r'
        UNION ALL SELECT 'trigger', c.relname, t.tgname, pg_get_triggerdef(t.oid, true), '' FROM pg_trigger t
            JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s
            AND NOT t.tgisinternal
        UNION ALL SELECT 'constraint', c.relname, k.conname, pg_get_constraintdef(k.oid), '' FROM pg_constraint k
            JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s
        UNION ALL SELECT 'grant', c.relname, coalesce(c.relacl::text, ''), '', '' FROM pg_class c
            JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s
    """
    with connection.cursor() as cursor:
        cursor.execute(sql, [schema] * 4)
        rows = cursor.fetchall()
    return sorted(
        tuple(str(value).replace(f"{schema}.", "").replace(schema, "SCHEMA") for value in row) for row in rows
    )


def test_suspending_closes_pages_and_tasks_and_the_move_back_opens_them(committed_database: Mapping[str, str]) -> None:
    schema = schema_of("aurora")
    web = WebClient(headers={"host": "aurora.localhost"})

    open_status = web.get("/sign-in/").status_code
    suspended = manage(committed_database, "set_broker_status", "aurora", "suspended")
    closed_page = web.get("/sign-in/")
    closed_tasks = get_active_broker(schema)
    again = manage(committed_database, "set_broker_status", "aurora", "suspended")
    manage(committed_database, "set_broker_status", "aurora", "active")

    assert (open_status, suspended.returncode, closed_page.status_code, closed_tasks) == (200, 0, 403, None)
    assert "not open at the moment" in closed_page.content.decode()
    assert (again.returncode, web.get("/sign-in/").status_code) == (1, 200)


def test_an_unknown_host_is_a_plain_sentence(broker: Broker) -> None:
    answer = WebClient(headers={"host": "nobody.localhost"}).get("/sign-in/")

    assert answer.status_code == 404
    assert "No broker answers at this address" in answer.content.decode()


def test_each_broker_wants_a_reason_and_goes_through_the_active_ones(broker: Broker, other_broker: Broker) -> None:
    seen = [(b.code, connection.schema_name == b.schema_name) for b in each_broker(reason="the test wants to see them")]

    assert seen == [("aurora", True), ("borealis", True)]
    with pytest.raises(ValueError, match="say why"):
        next(each_broker(reason=""))


def test_schema_names_are_opaque_and_fit_a_role() -> None:
    name = new_schema_name()

    assert role_of(name) == f"t_{name}"
    for wrong in ("public; DROP", "A", "x" * 60, "", 'a"b'):
        with pytest.raises(ValueError, match="not a broker's schema"):
            role_of(wrong)


def test_status_moves_are_listed_for_every_status_that_moves() -> None:
    assert set(BROKER_MOVES) == set(BrokerStatus) - {BrokerStatus.TEMPLATE}


def test_no_broker_in_force_is_an_error(broker: Broker) -> None:
    with public_context(), pytest.raises(NoBrokerInForce):
        current_broker()
