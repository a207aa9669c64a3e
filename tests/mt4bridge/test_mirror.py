"""SQL mirrors on real databases: both engines, MT4 and MT5, late edits, deletions, noise of doubles, named errors."""

import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from core.money import minor_digits
from mt4bridge.clock import ServerClock
from mt4bridge.errors import (
    BridgeError,
    MirrorIncomplete,
    MirrorRefused,
    ServerUnreachable,
    TooSlow,
    Unsupported,
    UntrustedCertificate,
)
from mt4bridge.mirror import reading
from mt4bridge.mirror.database import MirrorDatabase
from mt4bridge.mirror.mt4 import Mt4Mirror
from mt4bridge.mirror.mt5 import Mt5Mirror
from mt4bridge.mirror.values import filetime
from mt4bridge.types import BadRow, DealRow
from tests.mt4bridge.mirrors import Mirror, mariadb_mirror, mariadbd, postgresql_mirror

pytestmark = pytest.mark.integration

CLOCK = ServerClock("America/New_York", 420)
BEGINNING = datetime(2024, 1, 1, tzinfo=UTC)
NOW = datetime.now(UTC).replace(microsecond=0)
MT5_DEAL = """(
    "Deal" bigint PRIMARY KEY, "Timestamp" bigint NOT NULL, "Login" bigint, "Order" bigint, "Action" int, "Entry" int,
    "Reason" int, "Digits" int, "DigitsCurrency" int, "ContractSize" double, "Time" datetime, "TimeMsc" datetime(6),
    "Symbol" varchar(32), "Price" double, "VolumeExt" bigint, "Profit" double, "Storage" double, "Commission" double,
    "Fee" double, "PositionID" bigint, "Comment" varchar(32), "VolumeClosedExt" bigint, "Volume" bigint,
    "VolumeClosed" bigint, "MarketBid" double, "MarketAsk" double)"""
TABLES = f"""
CREATE TABLE "mt5_deals" {MT5_DEAL}; CREATE TABLE "mt5_deals_2024" {MT5_DEAL};
CREATE TABLE "mt5_users" ("Login" bigint, "Group" varchar(64), "FirstName" varchar(64), "LastName" varchar(64),
    "Email" varchar(64), "Country" varchar(32), "Leverage" int, "Agent" bigint, "Balance" double, "Credit" double,
    "Registration" datetime);
CREATE TABLE "mt5_accounts" ("Login" bigint, "CurrencyDigits" int, "Balance" double, "Credit" double,
    "Equity" double, "Margin" double, "MarginFree" double, "Floating" double);
CREATE TABLE "mt5_positions" ("Position" bigint, "Login" bigint, "Symbol" varchar(32), "Action" int, "Digits" int,
    "DigitsCurrency" int, "VolumeExt" bigint, "Volume" bigint, "PriceOpen" double, "PriceCurrent" double,
    "Profit" double, "Storage" double, "TimeCreate" datetime);
CREATE TABLE "mt5_symbols" ("Symbol" varchar(32), "Path" varchar(64), "ContractSize" double, "Digits" int,
    "CurrencyBase" varchar(8), "CurrencyProfit" varchar(8));
CREATE TABLE "mt5_groups" ("Group" varchar(64), "Currency" varchar(8), "CurrencyDigits" int);
CREATE TABLE "mt4_trades" ("TICKET" int PRIMARY KEY, "LOGIN" int, "SYMBOL" char(16), "DIGITS" int, "CMD" int,
    "VOLUME" int, "OPEN_TIME" datetime, "OPEN_PRICE" double, "CLOSE_TIME" datetime, "CLOSE_PRICE" double,
    "COMMISSION" double, "TAXES" double, "SWAPS" double, "PROFIT" double, "REASON" int, "COMMENT" char(32),
    "MODIFY_TIME" datetime);
CREATE TABLE "mt4_users" ("LOGIN" int, "GROUP" char(16), "NAME" char(128), "EMAIL" char(48), "COUNTRY" char(32),
    "LEVERAGE" int, "AGENT_ACCOUNT" int, "BALANCE" double, "CREDIT" double, "EQUITY" double, "MARGIN" double,
    "MARGIN_FREE" double, "CURRENCY" char(16), "REGDATE" datetime)
"""
NAMES = ("mt5_deals", "mt5_deals_2024", "mt5_users", "mt5_accounts", "mt5_positions", "mt5_symbols", "mt5_groups",
         "mt4_trades", "mt4_users")  # fmt: skip


@pytest.fixture(scope="module", params=["postgresql", "mariadb"])
def database(request: pytest.FixtureRequest) -> Iterator[Mirror]:
    if request.param == "mariadb" and mariadbd() is None:
        pytest.skip("no MariaDB server here: apt-get install mariadb-server-core, or set KEEL_MARIADBD")
    with postgresql_mirror() if request.param == "postgresql" else mariadb_mirror() as mirror:
        mirror.run(TABLES)
        mirror.grant()
        yield mirror


@pytest.fixture
def mirror(database: Mirror) -> Mirror:
    for name in NAMES:
        database.run(f'DELETE FROM "{name}"')
    for login, group in ((1001, "real\\usd"), (1002, "test\\usd")):
        database.insert("mt5_users", Login=login, Group=group, FirstName="Jane", LastName="Roe", Email="j@example.org",
                        Country="CY", Leverage=100, Agent=70001, Balance=1000.1, Credit=0.0,
                        Registration=datetime(2024, 1, 1))  # fmt: skip
        database.insert("mt4_users", LOGIN=login, GROUP=group, NAME="Jane Roe", EMAIL="", COUNTRY="", LEVERAGE=200,
                        AGENT_ACCOUNT=0, BALANCE=151396.0, CREDIT=0.0, EQUITY=152619.0, MARGIN=10.0, MARGIN_FREE=5.0,
                        CURRENCY="JPY" if login == 1001 else "USD", REGDATE=datetime(2024, 1, 1))  # fmt: skip
    return database


def wall(at: datetime) -> datetime:
    return datetime(1970, 1, 1) + timedelta(milliseconds=CLOCK.from_utc_ms(at))


def put_deal(mirror: Mirror, ticket: int, at: datetime, *, table: str = "mt5_deals", **changes: Any) -> None:
    written = changes.pop("written", at + timedelta(seconds=1))
    row = {
        "Deal": ticket, "Timestamp": filetime(written), "Login": 1001, "Order": ticket, "Action": 1, "Entry": 1,
        "Reason": 4, "Digits": 5, "DigitsCurrency": 2, "ContractSize": 100000.0,
        "Time": wall(at).replace(microsecond=0),
        "TimeMsc": wall(at), "Symbol": "EURUSD", "Price": 1.1403699999999999, "VolumeExt": 50_000_000,
        "Profit": 12.340000000000002, "Storage": -0.1, "Commission": -3.5, "Fee": 0.0, "PositionID": 77,
        "Comment": "[tp]", "VolumeClosedExt": 50_000_000, "Volume": 5000, "VolumeClosed": 5000, "MarketBid": 1.14036,
        "MarketAsk": 1.1404100000000001,
    }  # fmt: skip
    mirror.insert(table, **{**row, **changes})


def put_trade(mirror: Mirror, ticket: int, opened: datetime, closed: datetime | None, **changes: Any) -> None:
    written = changes.pop("written", closed or opened)
    row = {
        "TICKET": ticket, "LOGIN": 1001, "SYMBOL": "USDJPY.", "DIGITS": 3, "CMD": 0, "VOLUME": 25,
        "OPEN_TIME": wall(opened), "OPEN_PRICE": 109.50099999999999,
        "CLOSE_TIME": wall(closed) if closed else datetime(1970, 1, 1), "CLOSE_PRICE": 109.75, "COMMISSION": 0.0,
        "TAXES": 0.0, "SWAPS": -7.000000000001, "PROFIT": 6225.0, "REASON": 1, "COMMENT": "[sl]",
        "MODIFY_TIME": written.replace(tzinfo=None),
    }  # fmt: skip
    mirror.insert("mt4_trades", **{**row, **changes})


@pytest.fixture
def mt5(mirror: Mirror) -> Iterator[Callable[..., Mt5Mirror]]:
    opened: list[MirrorDatabase] = []

    def make(mask: str = "*", **place: Any) -> Mt5Mirror:
        opened.append(MirrorDatabase(replace(mirror.place, **place)))
        return Mt5Mirror(opened[-1], clock=CLOCK, history_from=BEGINNING, group_mask=mask)

    yield make
    for one in opened:
        one.close()


@pytest.fixture
def mt4(mirror: Mirror) -> Iterator[Mt4Mirror]:
    found = Mt4Mirror(MirrorDatabase(mirror.place), currency_digits=minor_digits, clock=CLOCK, history_from=BEGINNING)
    yield found
    found.close()


def tickets(rows: Iterator[list[DealRow | BadRow]]) -> list[tuple[int | None, int]]:
    return sorted({(row.ticket, row.leg) for part in rows for row in part}, key=str)


def test_doubles_become_the_numbers_that_were_meant(mirror: Mirror, mt5: Callable[..., Mt5Mirror]) -> None:
    at = NOW - timedelta(hours=1)
    put_deal(mirror, 2**33 + 1, at)

    (row,) = mt5().deals_by_ticket([2**33 + 1])

    assert row == DealRow(
        ticket=2**33 + 1, leg=0, login=1001, symbol="EURUSD", action=1, entry=1, reason=4, position=77, position_by=0,
        order=2**33 + 1, volume_e8=50_000_000, volume_closed_e8=50_000_000, price_e8=114_037_000, bid_e8=114_036_000,
        ask_e8=114_041_000, contract_size_e8=100_000 * 10**8, digits=5, currency_digits=2, profit_e8=1_234_000_000,
        swap_e8=-10_000_000, commission_e8=-350_000_000, fee_e8=0, deal_at=at, comment="[tp]",
    )  # fmt: skip


def test_a_window_brings_yearly_tables_and_what_was_written_in_it(
    mirror: Mirror, mt5: Callable[..., Mt5Mirror]
) -> None:
    old = datetime(2024, 5, 5, 12, tzinfo=UTC)
    put_deal(mirror, 1, old, table="mt5_deals_2024")
    put_deal(mirror, 2, NOW - timedelta(days=30), written=NOW - timedelta(seconds=2), Profit=99.99)
    put_deal(mirror, 3, NOW - timedelta(seconds=3))
    put_deal(mirror, 4, NOW - timedelta(days=30))

    live = tickets(mt5().deals(since=NOW - timedelta(seconds=5), until=NOW + timedelta(minutes=1)))
    past = tickets(mt5().deals(since=old, until=old + timedelta(seconds=1)))

    assert live == [(2, 0), (3, 0)]
    assert past == [(1, 0)]


def test_pages_lose_no_deal_of_one_second(
    mirror: Mirror, mt5: Callable[..., Mt5Mirror], monkeypatch: pytest.MonkeyPatch
) -> None:
    at = NOW - timedelta(days=3)
    for ticket in range(1, 24):
        put_deal(mirror, ticket, at + timedelta(seconds=ticket // 8))
    monkeypatch.setattr(reading, "LIST_LENGTH", 5)

    parts = list(mt5().deals(since=at, until=at + timedelta(minutes=1)))

    assert [row.ticket for part in parts for row in part] == list(range(1, 24))
    assert max(map(len, parts)) == 5


def test_a_group_that_is_not_ours_and_a_time_before_the_first_stay_out(
    mirror: Mirror, mt5: Callable[..., Mt5Mirror]
) -> None:
    at = NOW - timedelta(hours=2)
    put_deal(mirror, 1, at)
    put_deal(mirror, 2, at, Login=1002)
    put_deal(mirror, 3, datetime(2023, 6, 1, tzinfo=UTC), written=NOW - timedelta(minutes=1))

    found = tickets(mt5("real*,!*test*").deals(since=at, until=NOW + timedelta(minutes=1)))

    assert found == [(1, 0)]


def test_a_broken_row_is_held_with_a_reason_and_stops_nothing(mirror: Mirror, mt5: Callable[..., Mt5Mirror]) -> None:
    at = NOW - timedelta(days=2)
    put_deal(mirror, 1, at, Price=None)
    put_deal(mirror, 2, at, Action=99)
    put_deal(mirror, 3, at)

    rows = [row for part in mt5().deals(since=at, until=at + timedelta(seconds=1)) for row in part]

    assert [type(row).__name__ for row in sorted(rows, key=lambda row: row.ticket or 0)] == [
        "BadRow", "BadRow", "DealRow",
    ]  # fmt: skip


def test_a_deleted_row_is_missing_when_asked_for_by_ticket(mirror: Mirror, mt5: Callable[..., Mt5Mirror]) -> None:
    at = NOW - timedelta(hours=3)
    put_deal(mirror, 1, at)
    put_deal(mirror, 2, at)
    mirror.run('DELETE FROM "mt5_deals" WHERE "Deal" = %s', 1)

    reader = mt5()

    assert [row.ticket for row in reader.deals_by_ticket([1, 2])] == [2]
    assert reader.deal_count(1001, at - timedelta(hours=1), NOW) == 1


def test_structure_states_and_positions(mirror: Mirror, mt5: Callable[..., Mt5Mirror]) -> None:
    mirror.insert("mt5_groups", Group="real\\usd", Currency="USD", CurrencyDigits=2)
    mirror.insert("mt5_symbols", Symbol="EURUSD", Path="Forex\\EURUSD", ContractSize=100000.0, Digits=5,
                  CurrencyBase="EUR", CurrencyProfit="USD")  # fmt: skip
    mirror.insert("mt5_accounts", Login=1001, CurrencyDigits=2, Balance=1000.1, Credit=0.0, Equity=1003.3000000001,
                  Margin=11.73, MarginFree=991.57, Floating=3.2)  # fmt: skip
    mirror.insert("mt5_positions", Position=5, Login=1001, Symbol="EURUSD", Action=0, Digits=5, DigitsCurrency=2,
                  VolumeExt=10_000_000, Volume=1000, PriceOpen=1.1, PriceCurrent=1.10032, Profit=3.2, Storage=0.0,
                  TimeCreate=wall(NOW - timedelta(days=1)))  # fmt: skip
    reader = mt5()

    assert [tuple(row) for row in reader.groups()] == [("real\\usd", "USD", 2)]
    assert [tuple(row) for row in reader.symbols()] == [("EURUSD", "Forex\\EURUSD", 100_000 * 10**8, 5, "EUR", "USD")]
    assert [(row.login, row.name, row.balance, row.agent) for row in reader.users("real*")] == [
        (1001, "Jane Roe", Decimal("1000.1"), 70001)
    ]
    (state,), (position,) = reader.account_states([1001, 4]), reader.positions([1001])
    assert (state.equity, state.floating) == (Decimal("1003.30"), Decimal("3.20"))
    assert (position.volume_e8, position.price_open_e8, position.opened_at) == (
        10_000_000, 110_000_000, NOW - timedelta(days=1),
    )  # fmt: skip


def test_mt4_tickets_become_legs_with_the_digits_of_their_currency(mirror: Mirror, mt4: Mt4Mirror) -> None:
    opened, closed = NOW - timedelta(days=3), NOW - timedelta(days=2)
    put_trade(mirror, 1, opened, closed)
    put_trade(mirror, 2, opened, None)
    put_trade(mirror, 3, opened, opened, CMD=6, PROFIT=200000.0, SWAPS=0.0, SYMBOL="", VOLUME=0)
    put_trade(mirror, 4, opened, opened, CMD=2)

    rows = mt4.deals_by_ticket([1, 2, 3, 4])

    assert [(row.ticket, row.leg, row.action, row.entry, row.profit_e8, row.swap_e8) for row in rows] == [
        (1, 0, 0, 0, 0, 0), (1, 1, 1, 1, 6225 * 10**8, -7 * 10**8), (2, 0, 0, 0, 0, 0),
        (3, 0, 2, 0, 200_000 * 10**8, 0),
    ]  # fmt: skip
    assert isinstance(rows[1], DealRow)
    assert (rows[1].price_e8, rows[1].volume_e8, rows[1].reason, rows[1].symbol, rows[1].deal_at) == (
        10_975_000_000, 25_000_000, 3, "USDJPY.", closed,
    )  # fmt: skip
    assert [row.position for row in mt4.positions([1001])] == [2]


@pytest.mark.parametrize("zone_hours", [0, 3, -5])
def test_a_late_edit_in_mt4_is_found_by_the_time_of_writing_whatever_its_zone(
    mirror: Mirror, mt4: Mt4Mirror, zone_hours: int
) -> None:
    zone, opened = timedelta(hours=zone_hours), NOW - timedelta(days=20)
    put_trade(mirror, 1, opened, opened + timedelta(hours=1), written=NOW + zone - timedelta(seconds=2))
    put_trade(mirror, 2, opened, opened + timedelta(hours=1), written=NOW + zone - timedelta(days=19))

    found = tickets(mt4.deals(since=NOW - timedelta(seconds=5), until=NOW + timedelta(minutes=1)))

    assert found == [(1, 0), (1, 1)]


def test_mt4_windows_hold_both_ends_of_a_ticket(mirror: Mirror, mt4: Mt4Mirror) -> None:
    opened = NOW - timedelta(days=9)
    put_trade(mirror, 1, opened, opened + timedelta(days=2))

    first = tickets(mt4.deals(since=opened, until=opened + timedelta(hours=1)))
    last = tickets(mt4.deals(since=opened + timedelta(days=2), until=opened + timedelta(days=3)))

    assert (first, last) == ([(1, 0)], [(1, 1)])
    assert mt4.symbols() == []
    assert [tuple(row) for row in mt4.groups()] == [("real\\usd", "JPY", 0), ("test\\usd", "USD", 2)]


def test_nothing_can_be_written_by_the_session_or_through_the_adapter(
    mirror: Mirror, mt5: Callable[..., Mt5Mirror]
) -> None:
    reader = mt5()
    with pytest.raises(Unsupported) as caught:
        reader.change_balance(login=1001, kind=2, amount=Decimal(1), token="t1")
    assert str(caught.value) == (
        "A connection of kind SQL mirror cannot do this: book a balance operation. Use another kind for it."
    )
    with pytest.raises(BridgeError):
        reader._database.rows("a write", "INSERT INTO mt5_groups VALUES (1)")
    assert reader.groups() == []


def test_a_lost_connection_is_opened_again_for_a_read(mirror: Mirror, mt5: Callable[..., Mt5Mirror]) -> None:
    reader = mt5()
    reader.ping()
    if mirror.place.engine == "postgresql":
        mirror.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'keel'")
    else:
        reader._database._connection._sock.shutdown(socket.SHUT_RDWR)

    assert reader.deals_by_ticket([1]) == []


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"password": "wrong"}, MirrorRefused, "refuses the user keel_reader"),
        ({"database": "elsewhere"}, (MirrorIncomplete, MirrorRefused), "elsewhere"),
        ({"address": "127.0.0.1:9"}, ServerUnreachable, "127.0.0.1:9"),
        ({"tls_mode": "ca"}, UntrustedCertificate, "certificate"),
    ],
)
def test_each_failure_to_sign_in_has_a_name(
    mt5: Callable[..., Mt5Mirror], changes: dict[str, str], error: Any, words: str
) -> None:
    with pytest.raises(error) as caught:
        mt5(**changes).connect()

    assert words in str(caught.value)
    assert "Sesame" not in str(caught.value)


def test_a_table_that_is_missing_is_named(mirror: Mirror, mt5: Callable[..., Mt5Mirror]) -> None:
    mirror.run('ALTER TABLE "mt5_groups" RENAME TO "other_groups"')
    try:
        with pytest.raises(MirrorIncomplete, match="has no mt5_groups"):
            mt5().groups()
    finally:
        mirror.run('ALTER TABLE "other_groups" RENAME TO "mt5_groups"')


def test_a_statement_that_takes_too_long_ends_by_itself(mirror: Mirror, mt5: Callable[..., Mt5Mirror]) -> None:
    reader = mt5(read_seconds=1)
    sql = "SELECT pg_sleep(4)" if mirror.place.engine == "postgresql" else (
        "SELECT SUM(a.c * b.c * d.c) FROM (SELECT seq AS c FROM seq_1_to_3000) a, "
        "(SELECT seq AS c FROM seq_1_to_3000) b, (SELECT seq AS c FROM seq_1_to_3000) d"
    )  # fmt: skip

    with pytest.raises(TooSlow):
        reader._database.rows("a long statement", sql)


def test_a_server_that_accepts_and_says_nothing_is_named(mt5: Callable[..., Mt5Mirror]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(ServerUnreachable):
        mt5(address=f"127.0.0.1:{silent.getsockname()[1]}").connect()
