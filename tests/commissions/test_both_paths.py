"""Whole columns against the exact calculation of each deal: every base, converted and not, on stored deals."""

from datetime import timedelta
from random import Random
from typing import Any

import numpy as np
import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from commissions.judging import compute, exact, of_positions
from commissions.judging.book import open_book
from commissions.judging.columns import Rows
from commissions.judging.deals import is_trade, read_new
from crm.scenarios.documents import Document
from crm.scenarios.player import _record, deal_row
from crm.scenarios.world import World, build_world
from tenancy.models import Broker
from tests.commissions.random_documents import BEGINNING, random_document
from trading.services import publish_fx_rate
from trading.types import DealKey

pytestmark = pytest.mark.integration
BASES: list[dict[str, Any]] = [
    {"base": "per_lot", "rate": "7.25", "currency": "USD"},
    {"base": "per_lot", "rate": "3", "currency": "EUR"},
    {"base": "per_million", "rate": "30", "currency": "USD"},
    {"base": "per_million", "rate": "12.5", "currency": "EUR"},
    {"base": "points", "points": "0.7"},
    {"base": "spread", "percent": "25"},
    {"base": "spread", "percent": "25", "cap_points": "11.5"},
    {"base": "spread", "percent": "40", "at": "close"},
    {"base": "spread", "percent": "40", "at": "half_and_half", "cap_points": "12"},
    {"base": "commission", "percent": "33.3"},
    {"base": "profit", "percent": "5"},
    {"base": "revenue", "percent": "20"},
    {"base": "revenue", "percent": "20", "include_swap": True, "cap_points": "8"},
]
MODES: list[dict[str, Any]] = [
    {"mode": "difference"},
    {"mode": "difference", "same_rank": {"percent": "10"}},
    {"mode": "percent_of_child", "percent": "20"},
    {"mode": "split"},
    {"mode": "none"},
]


def alike(random: Random) -> dict[str, Any]:
    """Return a random document whose IBs are paid by one base in one currency: chains that columns can judge."""
    document = random_document(random, deals=24, lots_only=True)
    currency, mode = random.choice(("USD", "EUR", "JPY")), random.choice(MODES)
    bases = {name: random.choice(BASES) for name in ("majors", "XAUUSD", "")}
    count_on = "close" if any("at" in base for base in bases.values()) else random.choice(("close", "open", "both"))
    for place, versions in enumerate(document["plans"].values()):
        for version in versions:
            version.pop("chain_budget", None)
            version.pop("cap_per_order", None)
            version |= {"upline": mode, "count_on": count_on, "rates": [_scaled(b, n, place) for n, b in bases.items()]}
    for ib in document["ibs"]:
        ib["currency"] = currency
    return document


def _scaled(base: dict[str, Any], name: str, place: int) -> dict[str, Any]:
    """Return the row of one plan: plans differ in how much, so that differences are not all zero."""
    selector = {"any": True} if not name else {"symbol" if name == "XAUUSD" else "symbol_group": name}
    key = next(key for key in ("rate", "points", "percent") if key in base)
    return {**selector, **base, key: str(float(base[key]) + place)}


def store(document: dict[str, Any]) -> World:
    world = build_world(Document("random", "", document))
    for row in document["fx"]:
        base, quote = row["pair"][:3], row["pair"][3:]
        publish_fx_rate(base=base, quote=quote, rate=row["rate"], at=row["at"], now=row.get("published_at", row["at"]))
    for deal in document["deals"]:
        _record(world, [deal_row(world, deal)], deal["at"])
    return world


def compare(document: dict[str, Any]) -> tuple[int, int]:
    """Play a broker that is gone afterwards; return how many deals there were, and how many the columns took."""
    with transaction.atomic():
        counted = compare_stored(store(document))
        transaction.set_rollback(True)
    return counted


def compare_stored(world: World) -> tuple[int, int]:
    """Judge all stored deals both ways."""
    rows = read_new(server_id=world.server.pk, after_id=0, limit=10_000)
    book = open_book(rows[is_trade(rows)])
    trades = rows[is_trade(rows)]
    scope = compute._scope(trades, compute.chains_of(trades, book), book)
    linear, _measured = compute._measured(scope, book.cells.arrays(), book, None)
    judged = compute.judge_trades(rows[is_trade(rows)], book, now=BEGINNING)
    slow = exact.judge_rows(judged.rows, judged.chain, book)
    for block in judged.blocks:
        columns = (block.verdict.tolist(), block.rate_row.tolist(), block.amount.tolist())
        for deal, *lines in zip(block.deals.tolist(), *columns, strict=True):
            assert list(zip(*lines, strict=True)) == [tuple(line) for line in slow[deal].lines], judged.rows.row(deal)
    return len(linear), int(np.count_nonzero(linear))


def test_columns_pay_what_the_calculation_pays(broker: Broker) -> None:
    """Twelve brokers; enough of their deals must take the columns, or the comparison says nothing."""
    total, fast = 0, 0
    for seed in range(12):
        deals, taken = compare(alike(Random(seed)))
        total, fast = total + deals, fast + taken

    assert fast * 3 > total


def test_deals_of_many_positions_are_read_as_those_of_few(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Edited once and twice, moved to another position, and deleted: what stands is the same, by index and in a row."""
    document = alike(Random(3))
    world = store(document)
    once, twice, moved, gone, other = document["deals"][:5]
    later = BEGINNING + timedelta(days=400)
    for edited in ({**once, "lots": "0.77"}, {**twice, "lots": "0.78"}, {**moved, "position": other["position"]}):
        _record(world, [deal_row(world, edited)], later)
    _record(world, [deal_row(world, {**twice, "lots": "0.79"})], later)
    _record(world, [], later, [DealKey(gone["ticket"], 0)])
    stored = read_new(server_id=world.server.pk, after_id=0, limit=10_000)
    rows = stored[is_trade(stored) & (stored["position"] != 0)]
    accounts, positions = np.unique(np.stack([rows["account"], rows["position"]], axis=1), axis=0).T
    backwards = np.arange(len(positions))[::-1]
    in_a_row: list[int] = []
    read_through = of_positions._read_through
    monkeypatch.setattr(of_positions, "_read_through", lambda *of: in_a_row.append(1) or read_through(*of))

    few = of_positions.read_position_columns(accounts, positions)
    monkeypatch.setattr(of_positions, "MANY", 0)
    monkeypatch.setattr(of_positions, "_ROWS_IN_A_ROW", 10_000)
    many = of_positions.read_position_columns(accounts, positions)
    through = of_positions.read_position_columns(accounts[backwards], positions[backwards])
    batches = [stored, stored[: len(stored) // 2], stored[len(stored) // 3 : -2], stored[-1:]]
    known = [of_positions.read_position_columns(accounts, positions, batch=batch) for batch in batches]
    monkeypatch.setattr(of_positions, "_ROWS_IN_A_ROW", 0)
    by_index = of_positions.read_position_columns(accounts, positions)

    names = ("place", "id", "at_us", "ticket", "leg", "entry", "volume_e8", "commission_e8", "bid_e8", "ask_e8")
    expected = told(few, names)
    assert told(many, names) == expected
    assert told(by_index, names) == expected
    assert [told(each, names) for each in known] == [expected] * len(batches)
    assert told(through, names[1:]) == told(few, names[1:])
    assert sorted(backwards[through["place"]].tolist()) == sorted(few["place"].tolist())
    assert in_a_row == [1] * 6
    assert sorted(many["ticket"].tolist()) == sorted(deal["ticket"] for deal in document["deals"] if deal is not gone)
    stood = {row["id"]: row["revision"] for row in rows.each()}
    assert sorted(stood[each] for each in many["id"].tolist())[-3:] == [1, 1, 2]


def told(rows: Rows, names: tuple[str, ...]) -> list[tuple[int, ...]]:
    return sorted(zip(*(rows[name].tolist() for name in names), strict=True))


def test_positions_of_two_accounts_with_one_number_are_told_apart(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Numbers of positions are a server's own. Asked for on one account, the deals of the other stay away."""
    document = alike(Random(3))
    world = store(document)
    rows = read_new(server_id=world.server.pk, after_id=0, limit=10_000)
    rows = rows[is_trade(rows) & (rows["position"] != 0)]
    accounts, positions = np.unique(np.stack([rows["account"], rows["position"]], axis=1), axis=0).T
    stranger = accounts.max() + 1
    monkeypatch.setattr(of_positions, "MANY", 0)
    monkeypatch.setattr(of_positions, "_ROWS_IN_A_ROW", 10_000)

    found = of_positions.read_position_columns(np.where(positions == positions[0], stranger, accounts), positions)

    assert set(found["position"].tolist()) == set(positions[1:].tolist())
    assert 0 not in found["place"].tolist()


@pytest.mark.soak
@settings(max_examples=3_000, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(min_value=0, max_value=2**63))
def test_columns_pay_what_the_calculation_pays_for_long(broker: Broker, seed: int) -> None:
    compare(alike(Random(seed)))


def test_late_rates_are_chosen_alike(broker: Broker) -> None:
    document = alike(Random(3))
    for row in document["fx"][::2]:
        row["published_at"] = row["at"] + timedelta(days=2)

    compare(document)
