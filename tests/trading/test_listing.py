"""The list of a server's accounts is taken over in steps: fast, and whole after any death and any meeting of two."""

import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial

import pytest

from mt4bridge.models import MtServer
from mt4bridge.types import UserRow
from tenancy.models import Broker
from tests.killing import dies_in_a_child, statements_of
from tests.ledger.test_concurrency import together
from tests.trading.factories import BEGINNING, make_account, make_client, make_mt_group, make_server
from trading.models import TradingAccount
from trading.sync import listing
from trading.sync.listing import sync_accounts
from trading.sync.models import FormerGroup, ServerAccount, ServerChange, ServerSync

STANDARD, CENT = "real\\std-usd", "real\\cent"
NOW = datetime(2026, 3, 3, tzinfo=UTC)


@pytest.fixture
def server(broker: Broker) -> MtServer:
    return make_server()


def users(*logins: int, group: str = STANDARD, leverage: int = 100) -> list[UserRow]:
    """Return accounts with a name that text must survive."""
    return [
        UserRow(
            login, group, f"O'Neil {{{login}}} \\ 陳", "j@x.example", "", leverage, 7, Decimal(0), Decimal(0), BEGINNING
        )
        for login in logins
    ]


def listed() -> list[tuple[int, str, bool]]:
    rows = ServerAccount.objects.order_by("login").values_list("login", "group", "gone_at")
    return [(login, group, gone_at is not None) for login, group, gone_at in rows]


def changes() -> list[tuple[str, ...]]:
    return list(ServerChange.objects.order_by("pk").values_list("name", "field", "before", "after"))


@pytest.mark.unit
def test_steps_come_to_the_same_as_one_list(server: MtServer, now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "STEP", 2)
    standard, cent = make_mt_group(server), make_mt_group(server, CENT, lot_factor=Decimal("0.01"))
    moved, untouched = (make_account(standard, login=login, client=make_client()) for login in (1003, 1004))
    first = sync_accounts(server_id=server.pk, rows=users(1005, 1001, 1003, 1002, 1004), now=now)
    silent = changes()

    day = now + timedelta(days=1)
    rows = [*users(1001, 1002, 1006), *users(1003, group=CENT, leverage=30)]
    fresh = sync_accounts(server_id=server.pk, rows=rows, now=day)
    again = sync_accounts(server_id=server.pk, rows=rows, now=day + timedelta(days=1))

    assert (first, fresh, again, silent) == (5, 1, 0, [])
    assert listed() == [
        (1001, STANDARD, False), (1002, STANDARD, False), (1003, CENT, False), (1004, STANDARD, True),
        (1005, STANDARD, True), (1006, STANDARD, False),
    ]  # fmt: skip
    assert changes() == [
        ("1006", "appeared", "", STANDARD), ("1003", "group", STANDARD, CENT), ("1003", "leverage", "100", "30"),
        ("1004", "gone", STANDARD, ""), ("1005", "gone", STANDARD, ""),
    ]  # fmt: skip
    moved.refresh_from_db()
    assert (moved.mt_group, moved.leverage) == (cent, 30)
    assert list(FormerGroup.objects.values_list("account", "mt_group", "until")) == [(moved.pk, standard.pk, day)]
    kept = ServerAccount.objects.get(login=1001)
    assert (kept.name, kept.agent, kept.registered_at) == ("O'Neil {1001} \\ 陳", 7, BEGINNING)
    untouched.refresh_from_db()
    assert untouched.mt_group == standard


@pytest.mark.unit
def test_who_comes_back_is_noted(server: MtServer, now: datetime) -> None:
    for day, logins in enumerate([(1001, 1002), (1001,), (1001, 1002)]):
        sync_accounts(server_id=server.pk, rows=users(*logins), now=now + timedelta(days=day))

    assert changes() == [("1002", "gone", STANDARD, ""), ("1002", "appeared", "", STANDARD)]
    assert listed() == [(1001, STANDARD, False), (1002, STANDARD, False)]


@pytest.mark.unit
def test_an_empty_first_list_introduces_nobody(server: MtServer, now: datetime) -> None:
    sync_accounts(server_id=server.pk, rows=[], now=now)

    sync_accounts(server_id=server.pk, rows=users(1001), now=now)

    assert (changes(), listed()) == ([], [(1001, STANDARD, False)])


@pytest.mark.integration
def test_two_readings_at_once_double_nothing(
    committed_database: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "STEP", 50)
    server = make_server()
    standard, cent = make_mt_group(server), make_mt_group(server, CENT, lot_factor=Decimal("0.01"))
    logins = range(1001, 1801)
    for login in logins[::8]:
        make_account(standard, login=login, client=make_client())
    sync_accounts(server_id=server.pk, rows=users(*logins[:400]), now=NOW)
    rows = users(*logins, group=CENT)

    def read() -> int:
        return sync_accounts(server_id=server.pk, rows=rows, now=datetime.now(UTC))

    fresh = together([read, read, read], hands=3)

    assert sum(fresh) == 400  # type: ignore[arg-type] # errors would not add up
    assert listed() == [(login, CENT, False) for login in logins]
    appeared = ServerChange.objects.filter(field="appeared").values_list("name", flat=True)
    assert sorted(appeared) == [str(login) for login in logins[400:]]
    assert FormerGroup.objects.filter(mt_group=standard).count() == len(logins[::8])
    assert TradingAccount.objects.filter(mt_group=cent).count() == len(logins[::8])


@pytest.mark.integration
@pytest.mark.parametrize("is_first", [True, False], ids=["first list", "later list"])
def test_a_reading_that_is_killed_is_finished_by_the_next(
    committed_database: dict[str, str], monkeypatch: pytest.MonkeyPatch, is_first: bool
) -> None:
    monkeypatch.setattr(listing, "STEP", 2)
    server = make_server()
    if not is_first:
        sync_accounts(server_id=server.pk, rows=users(1), now=NOW)
    rows = users(1, *range(1001, 1010))

    def read() -> None:
        sync_accounts(server_id=server.pk, rows=rows, now=NOW)

    deaths = 0
    while dies_in_a_child(partial(statements_of, read, 5 + 2 * deaths)):
        deaths += 1
        there = ServerAccount.objects.count()
        assert (ServerSync.objects.filter(accounts_at__isnull=False).exists(), there > 10) == (not is_first, False)

    assert deaths > 3
    assert listed() == [(row.login, STANDARD, False) for row in rows]
    noted = [] if is_first else [(str(row.login), "appeared", "", STANDARD) for row in rows[1:]]
    assert changes() == noted


@pytest.mark.integration
def test_fifty_thousand_accounts_take_seconds(committed_database: dict[str, str]) -> None:
    server = make_server()
    began = time.process_time()

    fresh = sync_accounts(server_id=server.pk, rows=users(*range(100_001, 152_001)), now=NOW)
    took = time.process_time() - began

    assert fresh == 52_000
    assert took < 6  # seconds of this process's CPU; measured: 1.2
