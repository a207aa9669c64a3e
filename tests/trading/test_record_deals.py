"""Recording: new rows, revisions, deletions, held rows, and the cursor that guards all of it."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, transaction

from access.types import Actor
from mt4bridge.enums import DealAction, DealEntry
from mt4bridge.models import MtServer
from mt4bridge.types import BadRow, DealRow, SymbolRow
from tenancy.models import Broker
from tests.mt4bridge.rows import columns_of
from tests.trading.factories import LOT, deal_row, make_account, make_client, make_mt_group, make_server, make_symbol
from trading.accounts import register_account
from trading.cursor import get_cursor
from trading.errors import CursorMoved
from trading.models import Deal, HeldDeal
from trading.queries import book_summaries, live_deals, missing_keys, release_keys
from trading.services import Reading, ask_release, close_vanished_held, record_deals
from trading.sync.structure import sync_symbols
from trading.types import BookSummary, DealKey, RecordOutcome

pytestmark = pytest.mark.unit


@pytest.fixture
def server(broker: Broker) -> MtServer:
    server = make_server()
    make_symbol(server)
    make_account(make_mt_group(server))
    return server


@pytest.fixture(autouse=True, params=["rows", "columns"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is recorded comes row by row, and once more by columns."""
    monkeypatch.setitem(WAY, "is", request.param)


WAY = {"is": "rows"}


def record(server: MtServer, *rows: DealRow | BadRow, now: datetime, **reading: Any) -> RecordOutcome:
    version = get_cursor(server.pk).version
    told = columns_of(rows) if WAY["is"] == "columns" else rows
    return record_deals(server_id=server.pk, version=version, reading=Reading(rows=told, **reading), now=now)


def live() -> list[tuple[int, int, int]]:
    return list(live_deals().order_by("ticket").values_list("ticket", "revision", "volume_e8"))


def test_new_rows_are_stored_as_revision_0(server: MtServer, now: datetime) -> None:
    outcome = record(server, deal_row(1), deal_row(2, entry=DealEntry.OUT), now=now)

    assert outcome == RecordOutcome(new=2, revised=0, deleted=0, held=0, version=1)
    assert live() == [(1, 0, LOT), (2, 0, LOT)]


def test_every_field_arrives_as_sent(server: MtServer, now: datetime) -> None:
    row = deal_row(
        2**33, entry=DealEntry.INOUT, action=DealAction.SELL, volume_e8=3 * LOT, volume_closed_e8=LOT, position=7,
        position_by=8, order=9, bid_e8=1, ask_e8=2, profit_e8=-123, swap_e8=-4, commission_e8=-700_000_000, fee_e8=-5,
        deal_at=datetime(2026, 3, 2, 10, 0, 0, 123456, tzinfo=UTC), comment="返佣 [tp]",
    )  # fmt: skip

    record(server, row, now=now)

    stored = Deal.objects.values(
        "ticket", "leg", "revision", "deleted", "account__login", "symbol__name", "action", "entry", "reason",
        "position", "position_by", "mt_order", "volume_e8", "volume_closed_e8", "price_e8", "bid_e8", "ask_e8",
        "contract_size_e8", "digits", "profit_e8", "swap_e8", "commission_e8", "fee_e8", "deal_at", "comment",
        "recorded_at",
    ).get()  # fmt: skip
    expected = {k: v for k, v in row._asdict().items() if k not in {"login", "symbol", "order", "currency_digits"}}
    expected |= {"revision": 0, "deleted": False, "account__login": 1001, "symbol__name": "EURUSD", "mt_order": 9}
    assert stored == expected | {"recorded_at": now}


def test_reading_the_same_rows_again_changes_nothing(server: MtServer, now: datetime) -> None:
    record(server, deal_row(1), now=now)

    again = record(server, deal_row(1), deal_row(1), now=now)

    assert (again.new, again.revised, live()) == (0, 0, [(1, 0, LOT)])


def test_an_edit_on_the_server_is_a_new_revision(server: MtServer, now: datetime) -> None:
    record(server, deal_row(1), now=now)

    outcome = record(server, deal_row(1, volume_e8=LOT // 2), now=now)

    assert (outcome.revised, live(), Deal.objects.count()) == (1, [(1, 1, LOT // 2)], 2)


def test_a_deal_that_is_gone_gets_a_deleting_revision_and_may_come_back(server: MtServer, now: datetime) -> None:
    record(server, deal_row(1), deal_row(2), now=now)

    gone = record(server, gone=[DealKey(1, 0)], now=now)
    gone_again = record(server, gone=[DealKey(1, 0)], now=now)
    after = live()
    back = record(server, deal_row(1), now=now)

    assert (gone.deleted, gone_again.deleted, after) == (1, 0, [(2, 0, LOT)])
    assert (back.revised, live()) == (1, [(1, 2, LOT), (2, 0, LOT)])


def test_rows_that_cannot_be_deals_are_held_and_the_rest_goes_on(server: MtServer, now: datetime) -> None:
    bad = BadRow(raw='{"Deal": "4"}', reason="Price is missing", ticket=4, leg=0, login=None)

    outcome = record(server, deal_row(1), deal_row(2, login=999), deal_row(3, symbol="XAUUSD"), bad, now=now)
    again = record(server, deal_row(2, login=999), bad, now=now)

    assert (outcome.new, outcome.held, again.held, live()) == (1, 3, 0, [(1, 0, LOT)])
    held = HeldDeal.objects.order_by("ticket").values_list("ticket", "reason", "detail")
    assert list(held) == [
        (2, "unknown_login", "999"),
        (3, "unknown_symbol", "XAUUSD"),
        (4, "bad_row", "Price is missing"),
    ]


def test_a_number_beyond_a_bigint_is_held_not_a_crash(server: MtServer, now: datetime) -> None:
    outcome = record(server, deal_row(1, profit_e8=2**63), now=now)

    assert (outcome.new, list(HeldDeal.objects.values_list("reason", flat=True))) == (0, ["out_of_range"])


def test_a_released_row_is_taken_by_the_next_round(server: MtServer, now: datetime, system_actor: Actor) -> None:
    record(server, deal_row(1, login=2002), now=now)
    held = HeldDeal.objects.get()
    ask_release(held_deal=held, actor=system_actor, now=now)
    asked = release_keys(server_id=server.pk)
    make_account(server.groups.get(), login=2002)

    record(server, deal_row(1, login=2002), now=now)

    held.refresh_from_db()
    assert (asked, held.released_at, release_keys(server_id=server.pk)) == ([DealKey(1, 0)], now, [])
    assert live() == [(1, 0, LOT)]


def test_a_release_of_a_row_that_is_still_wrong_is_held_anew(
    server: MtServer, now: datetime, system_actor: Actor
) -> None:
    record(server, deal_row(1, login=2002), now=now)
    ask_release(held_deal=HeldDeal.objects.get(), actor=system_actor, now=now)

    record(server, deal_row(1, login=2002), now=now)

    assert list(HeldDeal.objects.values_list("released_at", "release_asked_at")) == [(None, None)]


def test_a_held_row_that_vanished_from_the_server_is_closed(server: MtServer, now: datetime) -> None:
    record(server, deal_row(1, login=2002), now=now)

    close_vanished_held(server_id=server.pk, keys=[DealKey(1, 0)], now=now)

    assert list(HeldDeal.objects.values_list("released_at", flat=True)) == [now]


def test_a_stale_cursor_writes_nothing(server: MtServer, now: datetime) -> None:
    get_cursor(server.pk)
    record(server, deal_row(1), now=now)

    with pytest.raises(CursorMoved):
        record_deals(server_id=server.pk, version=0, reading=Reading(rows=[deal_row(2)]), now=now)

    assert live() == [(1, 0, LOT)]


def test_the_cursor_never_goes_back(server: MtServer, now: datetime) -> None:
    record(server, now=now, recorded_until=now)
    record(server, now=now, recorded_until=now - timedelta(days=1))

    assert get_cursor(server.pk).recorded_until == now


def test_missing_keys_are_the_live_deals_a_window_did_not_bring(server: MtServer, now: datetime) -> None:
    at = datetime(2026, 3, 2, 10, tzinfo=UTC)
    record(
        server, deal_row(1, deal_at=at), deal_row(2, deal_at=at), deal_row(3, deal_at=at + timedelta(hours=2)), now=now
    )

    missing = missing_keys(server_id=server.pk, since=at, until=at + timedelta(hours=1), seen={DealKey(2, 0)})

    assert missing == [DealKey(1, 0)]


def test_the_database_refuses_to_change_a_deal(server: MtServer, now: datetime) -> None:
    record(server, deal_row(1), now=now)

    with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
        Deal.objects.update(ticket=5)


def test_books_add_up_from_the_stored_deals(server: MtServer, now: datetime) -> None:
    deposit = deal_row(
        1, action=DealAction.BALANCE, symbol="", volume_e8=0, position=0, profit_e8=1000 * LOT, contract_size_e8=0
    )
    opened = deal_row(2, position=2, volume_e8=2 * LOT, commission_e8=-7 * LOT)
    half_closed = deal_row(3, position=2, entry=DealEntry.OUT, profit_e8=50 * LOT, swap_e8=-3 * LOT)
    still_open = deal_row(4, position=4)
    record(server, deposit, opened, half_closed, still_open, now=now)
    record(server, deal_row(4, position=4, comment="edited"), now=now)

    assert book_summaries() == [
        BookSummary(login=1001, currency="USD", balance="1040.00", closed_profit="50.00", swap="-3.00", open=2)
    ]


def test_registering_the_account_releases_what_waited_for_it(
    server: MtServer, now: datetime, system_actor: Actor
) -> None:
    record(server, deal_row(1, login=2002), deal_row(2, login=3003), now=now)

    register_account(
        login=2002, client=make_client(), mt_group=server.groups.get(), leverage=100, opened_at=now, actor=system_actor,
        now=now,
    )  # fmt: skip

    assert release_keys(server_id=server.pk) == [DealKey(1, 0)]


def test_a_new_symbol_of_the_server_releases_what_waited_for_it(server: MtServer, now: datetime) -> None:
    record(server, deal_row(1, symbol="XAUUSD"), deal_row(2, symbol="XAGUSD"), now=now)
    gold = SymbolRow("XAUUSD", "Metals\\XAUUSD", 100 * LOT, 2, "XAU", "USD")

    added = sync_symbols(server_id=server.pk, rows=[gold], now=now)

    assert (added, release_keys(server_id=server.pk)) == (1, [DealKey(1, 0)])


def mixed_rows(chance: random.Random, count: int) -> list[DealRow | BadRow]:
    """Return deals of every kind in no order, some of which must be held."""
    start = datetime(2026, 3, 2, 10, tzinfo=UTC)
    rows = []
    for ticket in chance.sample(range(1, 5 * count), count):
        kinds: list[dict[str, Any]] = [
            {}, {"bid_e8": 1, "ask_e8": 2}, {"entry": DealEntry.OUT, "comment": "[sl] 返佣"}, {"contract_size_e8": 0},
            {"action": DealAction.BALANCE, "symbol": "", "volume_e8": 0, "position": 0, "contract_size_e8": 0},
            {"login": 999}, {"symbol": "XAUUSD"}, {"profit_e8": 2**62, "comment": "x" * 70},
        ]  # fmt: skip
        deal_at = start + timedelta(milliseconds=chance.randrange(50))
        rows.append(deal_row(ticket, deal_at=deal_at, **chance.choice(kinds)))
    return rows


def content(server: MtServer) -> tuple[list[Any], list[Any]]:
    names = [field.attname for field in Deal._meta.fields if field.attname not in ("id", "server_id")]
    names = [{"account_id": "account__login", "symbol_id": "symbol__name"}.get(name, name) for name in names]
    held = server.held_deals.order_by("ticket").values_list("ticket", "login", "reason", "detail", "payload")
    return list(server.deals.order_by("id").values_list(*names)), list(held)


@pytest.mark.parametrize("seed", range(3))
def test_both_ways_store_the_same_in_the_same_order(server: MtServer, now: datetime, seed: int) -> None:
    other = make_server("Other")
    make_symbol(other)
    make_account(make_mt_group(other))
    chance = random.Random(seed)
    rows = mixed_rows(chance, 60)
    edited = [row._replace(price_e8=5) if chance.random() < 0.1 else row for row in rows[:40]]

    for batch in (rows[:30], edited, rows[:60], rows[:60]):
        version = get_cursor(other.pk).version
        by_row = record_deals(server_id=other.pk, version=version, reading=Reading(rows=batch), now=now)
        assert record(server, *batch, now=now) == by_row

    assert content(server) == content(other)
    assert server.held_deals.exists()
    assert server.deals.filter(revision=1).exists()
