"""Accounts through the adapter against a simulator that clears what an update leaves out, as some servers do."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from mt4bridge.errors import AccountInUse, LoginTaken, NotFound, OutcomeUnknown, WeakPassword
from mt4bridge.types import Capability, DealRow, MarginCheck, NewUser, PasswordKind, UserChanges, UserRow
from mt4bridge.webapi.adapter import WebApiServer
from tests.mt4bridge.conftest import SMALL_BOOK, Simulator, simulators

pytestmark = pytest.mark.integration
MAIN, INVESTOR = "Abcdef1!", "Ghijkl2?"
UNTIL = datetime(2100, 1, 1, tzinfo=UTC) - timedelta(days=1)


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    with simulators(tmp_path_factory.mktemp("accounts")) as start:
        yield start(*SMALL_BOOK, "--cookies", "--update-clears")


@pytest.fixture
def server(started: Simulator) -> Iterator[WebApiServer]:
    started.control("/sim/faults", off=["all"])
    yield started.server()
    started.control("/sim/faults", off=["all"])


def spec(token: str, **changes: object) -> NewUser:
    values = {
        "group": "real\\cent", "name": "Jane van Roe", "leverage": 200, "main_password": MAIN,
        "investor_password": INVESTOR, "email": "jane@example.org", "country": "Cyprus", "language": "zh-hans",
        "phone": "+357 1|2=3", "agent": 70001, "comment": "a \\ b",
    }  # fmt: skip
    return NewUser(token=token, **{**values, **changes})  # type: ignore[arg-type]


def test_the_web_api_can_do_everything(server: WebApiServer) -> None:
    assert server.capabilities == frozenset(Capability)


def test_an_account_is_opened_as_asked_and_found_by_its_token(server: WebApiServer) -> None:
    opened = server.open_account(spec("T0KEN1"))

    assert opened._replace(login=0, registered_at=UNTIL) == UserRow(
        0, "real\\cent", "Jane van Roe", "jane@example.org", "Cyprus", 200, 70001, Decimal("0.00"), Decimal("0.00"),
        UNTIL, rights=0x1E3, comment="a \\ b", token="T0KEN1", phone="+357 1|2=3", language="zh-hans",
    )  # fmt: skip
    assert server.user(opened.login) == opened
    assert server.users_by_token("T0KEN1", "real\\cent") == [opened]
    assert server.users_by_token("T0KEN2") == []
    assert server.user(42) is None


def test_a_login_of_ones_own_is_given_once(server: WebApiServer) -> None:
    assert server.open_account(spec("T0KEN3", login=555_001)).login == 555_001
    with pytest.raises(LoginTaken):
        server.open_account(spec("T0KEN4", login=555_001))
    with pytest.raises(WeakPassword):
        server.open_account(spec("T0KEN5", main_password="short"))
    with pytest.raises(NotFound):
        server.open_account(spec("T0KEN6", group="real\\none"))
    with pytest.raises(ValueError, match="a token has"):
        server.open_account(spec("has space"))


def test_an_update_keeps_every_field_it_does_not_name(server: WebApiServer) -> None:
    before = server.open_account(spec("T0KEN7"))

    changed = server.update_user(login=before.login, changes=UserChanges(leverage=50, may_trade=False))

    assert changed == before._replace(leverage=50, may_trade=False, rights=before.rights | 4)
    again = server.update_user(login=before.login, changes=UserChanges(may_trade=True, enabled=False, name="Ann Roe"))
    assert again == before._replace(leverage=50, rights=before.rights & ~1, enabled=False, name="Ann Roe")
    assert server.user(before.login) == again
    assert server.check_password(login=before.login, kind=PasswordKind.MAIN, password=MAIN)


def test_every_field_can_be_changed(server: WebApiServer) -> None:
    before = server.open_account(spec("T0KEN8"))
    changes = UserChanges(
        name="Max Roe", email="max@example.org", country="Malta", language="de", phone="7", agent=0, comment="",
        token="T0KEN9", rights=0x1, leverage=1,
    )  # fmt: skip

    changed = server.update_user(login=before.login, changes=changes)

    assert changed == before._replace(
        name="Max Roe", email="max@example.org", country="Malta", language="de", phone="7", agent=0, comment="",
        token="T0KEN9", rights=0x1, leverage=1,
    )  # fmt: skip


def test_passwords_are_set_and_checked_by_kind(server: WebApiServer) -> None:
    login = server.open_account(spec("T0KENA")).login

    server.set_password(login=login, kind=PasswordKind.INVESTOR, password="Qrstuv3%")

    kinds = [(PasswordKind.MAIN, MAIN), (PasswordKind.INVESTOR, INVESTOR), (PasswordKind.INVESTOR, "Qrstuv3%")]
    assert [server.check_password(login=login, kind=kind, password=text) for kind, text in kinds] == [True, False, True]
    with pytest.raises(WeakPassword):
        server.set_password(login=login, kind=PasswordKind.MAIN, password="abc")


def test_an_archived_account_is_gone_with_its_history_unless_it_trades(
    started: Simulator, server: WebApiServer
) -> None:
    login = server.open_account(spec("T0KENB")).login
    server.change_balance(login=login, kind=2, amount=Decimal(50_000), token="D1")
    order = started.control("/sim/order", login=login, symbol="EURUSD", lots="0.10", price="1.00100")["order"]

    with pytest.raises(AccountInUse):
        server.archive_user(login)
    with pytest.raises(AccountInUse):
        server.delete_user(login)
    (working,) = server.orders([login])
    assert (working.order, working.kind, working.volume_e8, working.price_e8) == (order, 2, 10_000_000, 100_100_000)
    session = server._session
    session.write("/api/order/delete", ticket=order)
    server.archive_user(login)

    assert (server.orders([login]), server.user(login)) == ([], None)
    assert server.deals_of_login(login=login, since=UNTIL - timedelta(days=90_000), until=UNTIL) == []
    assert started.control("/sim/users", login=login)["accounts"][0]["archived"] is True
    assert session.write("/api/user/restore", login=login)["answer"]["Balance"] == "50000.00"
    assert server.deal_count(login, UNTIL - timedelta(days=30_000), UNTIL) == 1


def test_a_deleted_account_is_gone(server: WebApiServer) -> None:
    login = server.open_account(spec("T0KENC")).login

    server.delete_user(login)

    assert server.user(login) is None
    with pytest.raises(NotFound):
        server.delete_user(login)


@pytest.mark.parametrize(("fault", "opened"), [("user_lost", 0), ("user_unanswered", 1)])
def test_an_opening_without_an_answer_is_unknown_and_its_token_tells(
    started: Simulator, server: WebApiServer, fault: str, opened: int
) -> None:
    started.control("/sim/faults", on=[f"{fault}/1"])
    token = f"LOST{opened}"

    with pytest.raises(OutcomeUnknown, match="/api/user/add"):
        server.open_account(spec(token))

    assert len(server.users_by_token(token)) == opened
    assert started.injected(fault) == 1


def test_a_password_without_an_answer_is_unknown_and_a_check_tells(started: Simulator, server: WebApiServer) -> None:
    login = server.open_account(spec("T0KEND")).login
    started.control("/sim/faults", on=["user_unanswered/1"])

    with pytest.raises(OutcomeUnknown):
        server.set_password(login=login, kind=PasswordKind.MAIN, password="Qrstuv3%")

    assert server.check_password(login=login, kind=PasswordKind.MAIN, password="Qrstuv3%")


def test_balance_operations_of_an_account_are_read_back_alone(started: Simulator, server: WebApiServer) -> None:
    login = server.open_account(spec("T0KENE")).login
    now = datetime.now(UTC)
    for kind, amount, token in ((2, 1000, "B1"), (3, 50, "B2"), (6, 5, "B3")):
        server.change_balance(login=login, kind=kind, amount=Decimal(amount), token=token)
    started.control("/sim/trade", login=login, symbol="EURUSD", lots="0.01")

    rows = server.balance_deals(login=login, since=now - timedelta(minutes=1), until=now + timedelta(minutes=5))

    assert all(isinstance(row, DealRow) for row in rows)
    assert [(row.action, row.comment) for row in rows if isinstance(row, DealRow)] == [(2, "B1"), (3, "B2"), (6, "B3")]


def test_prices_and_the_margin_of_a_trade_are_told(server: WebApiServer) -> None:
    login = server.open_account(spec("T0KENF", group="real\\standard-usd", leverage=100)).login
    server.change_balance(login=login, kind=2, amount=Decimal(1000), token="M1")

    ticks = server.ticks(["XAUUSD", "EURUSD", "NOSUCH"])
    enough, short = (
        server.margin_check(login=login, symbol="EURUSD", action=0, volume_e8=lots, price_e8=110_000_000)
        for lots in (10_000_000, 100_000_000)
    )

    assert [tick.symbol for tick in ticks] == ["EURUSD", "XAUUSD"]
    assert all(tick.bid_e8 < tick.ask_e8 for tick in ticks)
    assert all(tick.quoted_at and abs(tick.quoted_at - datetime.now(UTC)) < timedelta(seconds=9) for tick in ticks)
    assert enough == MarginCheck(Decimal("0.00"), Decimal("110.00"), Decimal("1000.00"), Decimal("890.00"))
    assert (enough.is_enough, enough.margin_needed, short.is_enough) == (True, 110, False)
    with pytest.raises(NotFound):
        server.margin_check(login=login, symbol="NOSUCH", action=0, volume_e8=10**8, price_e8=1)
