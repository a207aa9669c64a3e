"""The database refuses another broker's data, whatever the code does."""

import pytest
from django.db import DatabaseError, connection, transaction

from core.models import Job
from tenancy.context import NoBrokerInForce, broker_context, current_broker, public_context
from tenancy.db import base
from tenancy.db.base import switch_sql
from tenancy.models import Broker

pytestmark = pytest.mark.unit


def run(sql: str) -> list[tuple[object, ...]]:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall() if cursor.description else []


def test_each_broker_sees_its_own_rows_only(broker: Broker, other_broker: Broker, now) -> None:
    Job.objects.create(name="x", key="of-aurora", run_at=now, created_at=now)

    with broker_context(other_broker):
        seen_by_other = list(Job.objects.values_list("key", flat=True))
    seen_by_own = list(Job.objects.filter(key="of-aurora").values_list("key", flat=True))

    assert (seen_by_own, seen_by_other) == (["of-aurora"], [])


@pytest.mark.parametrize(
    "sql",
    [
        'SELECT * FROM "{other}".core_job',
        "INSERT INTO \"{other}\".core_job (name) VALUES ('x')",
        'DELETE FROM "{other}".core_job',
        "SELECT * FROM public.tenancy_broker",
        "CREATE TABLE mine (id int)",
        'CREATE TABLE "{own}".mine (id int)',
        'DROP SCHEMA "{other}" CASCADE',
        'DROP TABLE "{own}".core_job',
        "CREATE ROLE somebody",
        "COPY (SELECT 1) TO PROGRAM 'true'",
        "SELECT pg_read_file('/etc/hostname')",
        "SELECT set_config('role', 't_{other}', false)",
        'UPDATE "{own}".trading_deal SET ticket = 1',
        'DELETE FROM "{own}".ledger_posting',
        'TRUNCATE "{own}".access_auditevent',
        "SELECT nextval('\"{other}\".core_job_id_seq')",
    ],
)
def test_the_database_refuses(sql: str, broker: Broker, other_broker: Broker) -> None:
    statement = sql.format(own=broker.schema_name, other=other_broker.schema_name)

    with pytest.raises(DatabaseError, match=r"permission denied|must be owner"):
        run(statement)


def test_the_role_in_force_is_the_brokers(broker: Broker) -> None:
    assert run("SELECT current_user, current_schema()") == [(f"t_{broker.schema_name}", broker.schema_name)]


def test_without_a_broker_its_tables_do_not_exist(broker: Broker) -> None:
    with public_context(), pytest.raises(DatabaseError, match='relation "core_job" does not exist'):
        run("SELECT * FROM core_job")


def test_a_rollback_keeps_the_right_broker(broker: Broker, other_broker: Broker) -> None:
    def fail_as_the_other() -> None:
        with transaction.atomic(), broker_context(other_broker):
            run("SELECT 1")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_as_the_other()

    assert run("SELECT current_user") == [(f"t_{broker.schema_name}",)]


def test_current_broker_is_the_one_in_force(broker: Broker) -> None:
    assert current_broker() == broker
    with public_context(), pytest.raises(NoBrokerInForce):
        current_broker()


def test_a_broker_without_its_role_is_an_error_not_a_fall_through(broker: Broker) -> None:
    ghost = Broker(code="ghost", schema_name="bghost000000")

    with pytest.raises(DatabaseError, match="does not exist"), transaction.atomic(), broker_context(ghost):
        connection.cursor()


def test_a_broker_is_not_a_context_manager(broker: Broker) -> None:
    with pytest.raises(RuntimeError, match="broker_context"), broker:
        pass


@pytest.fixture
def switches(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The schemas that the backend puts in force during the test, one for each statement that does it."""
    made: list[str] = []

    def counted(schema_name: str) -> str:
        made.append(schema_name)
        return switch_sql(schema_name)

    monkeypatch.setattr(base, "switch_sql", counted)
    return made


def in_force() -> tuple[object, ...]:
    return run("SELECT current_user, current_schema()")[0]


def test_a_broker_is_put_in_force_once_and_not_for_every_statement(
    broker: Broker, other_broker: Broker, switches: list[str]
) -> None:
    for _statement in range(3):
        Job.objects.count()
    with broker_context(other_broker):
        Job.objects.count()
        Job.objects.count()
    Job.objects.count()

    assert [schema for schema in switches if schema == other_broker.schema_name] == [other_broker.schema_name]
    assert switches[-1] == broker.schema_name
    assert len(switches) <= 3


@pytest.mark.parametrize("undo", ["ROLLBACK TO SAVEPOINT before", 'SET search_path = "public"', "RESET search_path"])
def test_what_the_server_undid_behind_our_back_is_put_in_force_again(
    undo: str, broker: Broker, other_broker: Broker
) -> None:
    with transaction.atomic():
        raw = connection.connection.cursor()
        in_force()
        raw.execute("SAVEPOINT before")
        with broker_context(other_broker):
            in_force()
            raw.execute(undo)

            assert in_force() == (f"t_{other_broker.schema_name}", other_broker.schema_name)
        assert in_force() == (f"t_{broker.schema_name}", broker.schema_name)


def test_another_role_with_our_search_path_reads_nothing(broker: Broker, other_broker: Broker) -> None:
    in_force()
    connection.connection.cursor().execute(f'SET ROLE "t_{other_broker.schema_name}"')

    with pytest.raises(DatabaseError, match='relation "core_job" does not exist'), transaction.atomic():
        Job.objects.count()
    connection.set_tenant(broker)
    assert in_force() == (f"t_{broker.schema_name}", broker.schema_name)


def test_short_statements_are_neither_compiled_nor_shared_among_workers(broker: Broker) -> None:
    assert (run("SHOW jit"), run("SHOW parallel_setup_cost")) == ([("off",)], [("10000",)])
