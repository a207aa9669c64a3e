"""Statements stay on their indexes whatever the planner believes of the tables: after a large batch was undone they
have pages, but by the statistics no row, and reading them whole for each row looks cheap."""

import os
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import numpy as np
import psycopg2
import pytest
from django.db import connection

from commissions.judging import of_positions, previous, writing
from commissions.judging.columns import array_text
from commissions.live import LIVE_SQL
from tenancy.context import current_broker
from tests.commissions.test_writing import OPEN, days_of

pytestmark = pytest.mark.unit
TABLES = ("commissions_ibday", "commissions_judgement", "trading_deal")
NUMBERS = array_text(np.arange(1, 5_000))


@pytest.fixture
def believed_empty(broker: object) -> Iterator[None]:
    """Statistics as they are after an undone batch. They are the owner's to set, and come into force at once."""
    owner = psycopg2.connect(os.environ["DATABASE_OWNER_URL"], dbname=connection.settings_dict["NAME"])
    owner.autocommit = True
    schema = current_broker().schema_name
    with closing(owner), owner.cursor() as cursor:
        for table in TABLES:
            cursor.execute(
                "SELECT pg_restore_relation_stats('schemaname', %s::text, 'relname', %s::text, "
                "'relpages', 50000, 'reltuples', 0::real)",
                [schema, table],
            )
        yield
        for table in TABLES:
            cursor.execute("SELECT pg_clear_relation_stats(%s, %s)", [schema, table])


def plan(statement: str, params: list[Any]) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {statement}", params)
        return "\n".join(line for (line,) in cursor.fetchall())


def reads_whole(found: str) -> bool:
    return any(f"Seq Scan on {table}" in found for table in ("commissions_", "trading_deal"))


@pytest.mark.parametrize(
    ("statement", "params"),
    [
        (f"SELECT 1 {previous._STORED_FROM}", [NUMBERS]),
        (f"SELECT 1 {of_positions._LIVE_OF_WANTED}", [NUMBERS, NUMBERS]),
        (f"SELECT 1 {of_positions._ANY_OF_WANTED}", [NUMBERS, NUMBERS]),
        (f"SELECT 1 FROM unnest(%s::bigint[]) AS w (id) JOIN commissions_judgement j ON j.deal_id = w.id "
         f"WHERE {LIVE_SQL}", [NUMBERS]),
    ],
    ids=["what stood", "live deals of positions", "deals of positions", "live judgements"],
)  # fmt: skip
def test_rows_are_probed_by_index(believed_empty: None, statement: str, params: list[Any]) -> None:
    found = plan(statement, params)

    assert "Materialize" not in found
    assert "Anti Join" not in found


def test_roll_up_is_merged_by_its_key(believed_empty: None) -> None:
    found = []

    def explained(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith("MERGE"):
            found.append(plan(sql, []))
        return execute(sql, params, many, context)

    writing.write_days(days_of({1: 5}), OPEN)
    with connection.execute_wrapper(explained):
        writing.write_days(days_of({1: 7, 2: 9}), OPEN)

    (only,) = found
    assert "Index Scan using commissions_ibday_pkey" in only
    assert not reads_whole(only)
    assert "Materialize" not in only
