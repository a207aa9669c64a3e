"""Statements stay on their indexes whatever the planner believes of the tables: after a large batch was undone they
have pages, but by the statistics no row, and reading them whole for each row looks cheap."""

import os
import re
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from typing import Any

import numpy as np
import psycopg2
import pytest
from django.db import connection

from commissions.judging import deals, of_positions, previous, writing
from commissions.judging.columns import array_text
from commissions.live import LIVE_SQL
from tenancy.context import current_broker
from tests.commissions.test_writing import OPEN, days_of
from tests.trading.factories import deal_row, make_account, make_mt_group, make_server, make_symbol
from trading.cursor import get_cursor
from trading.queries import ROOT_SQL
from trading.services import Reading, record_deals

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


@pytest.fixture
def thousands_of_deals(broker: object, now: datetime) -> None:
    """A table with pages: one without any is read whole for nothing."""
    server = make_server()
    make_symbol(server)
    make_account(make_mt_group(server))
    reading = Reading(rows=[deal_row(ticket) for ticket in range(1, 3_001)])
    record_deals(server_id=server.pk, version=get_cursor(server.pk).version, reading=reading, now=now)


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


@pytest.mark.parametrize(
    ("statement", "params"),
    [
        (deals._NEWEST_OF, [NUMBERS]),
        (deals._REVISIONS_OF, [NUMBERS]),
        (of_positions._OUTDATED, [1, 5_000]),
        (f", {ROOT_SQL.format(alias='p')} FROM trading_deal p WHERE p.id = ANY(%s::bigint[])", [NUMBERS]),
    ],
    ids=["newest revisions", "all revisions", "revisions out of date", "identity"],
)
def test_revisions_of_a_deal_are_found_by_the_key_of_deals(
    thousands_of_deals: None, believed_empty: None, statement: str, params: list[Any]
) -> None:
    found = plan(f"SELECT 1 {statement}", params)

    assert re.search(r"using deal_revision_once on trading_deal [pr] .*\n +Index Cond: .*leg", found)
    assert not reads_whole(found)


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
