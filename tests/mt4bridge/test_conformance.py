"""What the floors above may expect of every adapter that can write: the same checks for each, over real sockets.

MT5 through its Web API against the simulator, MT4 through a bridge over HTTP against the fake bridge."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

import pytest

from mt4bridge.enums import DealAction, DealEntry
from mt4bridge.errors import (
    AmountTooLarge,
    BridgeError,
    ImpostorServer,
    LoginTaken,
    NotEnoughMoney,
    NotFound,
    OutcomeUnknown,
    UntrustedCertificate,
    WeakPassword,
)
from mt4bridge.types import Capability, DealRow, NewUser, PasswordKind, TradingServer, UserChanges
from tests.mt4bridge import bridges
from tests.mt4bridge import conftest as simulators

pytestmark = pytest.mark.integration
BEFORE, AFTER = datetime(2010, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC)
TOKENS = (f"CONF{number}" for number in count())
WRITES_LOST, WRITES_UNANSWERED = "lost", "unanswered"


@dataclass
class Reached:
    """A server that an adapter reaches, and its control port."""

    name: str
    open: Callable[..., TradingServer]
    control: Callable[..., dict[str, Any]]
    group: str
    weak: str
    faults: dict[str, str]

    def balance(self, login: int) -> Decimal:
        return Decimal(self.control("/sim/totals")["logins"][str(login)]["balance"])


@pytest.fixture(scope="module", params=["webapi", "httpbridge"])
def reached(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reached]:
    folder = tmp_path_factory.mktemp("conformance")
    if request.param == "webapi":
        with simulators.simulators(folder) as start:
            mt5 = start("--accounts", "8", "--days", "5", "--seed", "7")
            faults = {WRITES_LOST: "balance_lost/1", WRITES_UNANSWERED: "balance_unanswered/1"}
            group = mt5.server().groups()[-1].name
            yield Reached("webapi", mt5.server, mt5.control, group, "short", faults)
    else:
        with bridges.fake_bridges(folder) as start:
            mt4 = start("--accounts", "8", "--days", "5", "--seed", "7")
            faults = {WRITES_LOST: "write_lost/1", WRITES_UNANSWERED: "write_unanswered/1"}
            yield Reached("httpbridge", mt4.server, mt4.control, "real-ecn-usd", "kurz", faults)


@pytest.fixture
def server(reached: Reached) -> Iterator[TradingServer]:
    yield reached.open()
    reached.control("/sim/faults", off="all")


@pytest.fixture
def login(reached: Reached, server: TradingServer) -> int:
    """A fresh account with 1,000."""
    opened = server.open_account(wanted(reached))
    server.change_balance(login=opened.login, kind=2, amount=Decimal(1000), token=next(TOKENS))
    return opened.login


def wanted(reached: Reached, **changes: Any) -> NewUser:
    values = {
        "group": reached.group, "name": "Jane Roe", "leverage": 200, "main_password": "Passw0rd!",
        "investor_password": "Passw0rd?", "token": next(TOKENS), "email": "jane@example.org", "agent": 70001,
        "comment": "from the form", **changes,
    }  # fmt: skip
    return NewUser(**values)


def read(server: TradingServer, login: int) -> list[DealRow]:
    rows = server.deals_of_login(login=login, since=BEFORE, until=AFTER)
    return [row for row in rows if isinstance(row, DealRow)]


def test_the_clock_is_utc_to_the_second(server: TradingServer) -> None:
    server.connect()
    server.ping()
    at = server.server_time()

    assert abs(at - datetime.now(UTC)) < timedelta(seconds=5)
    assert (at.microsecond, at.tzinfo) == (0, UTC)


def test_an_adapter_that_writes_can_all_of_this(server: TradingServer) -> None:
    assert server.capabilities >= {
        Capability.DEALS, Capability.USERS, Capability.CONFIGURATION, Capability.STATES, Capability.POSITIONS,
        Capability.ORDERS, Capability.TICKS, Capability.MARGIN_CHECK, Capability.BALANCE, Capability.EDIT_USERS,
        Capability.PASSWORDS,
    }  # fmt: skip


def test_groups_and_symbols_say_what_deals_need(server: TradingServer) -> None:
    groups, symbols = server.groups(), {symbol.name: symbol for symbol in server.symbols()}
    used = {
        row.symbol
        for rows in server.deals(since=BEFORE, until=datetime.now(UTC))
        for row in rows
        if isinstance(row, DealRow)
    }

    assert {user.group for user in server.users()} <= {group.name for group in groups}
    assert all(len(group.currency) == 3 for group in groups)
    assert used - {""} <= set(symbols)
    assert (symbols["EURUSD"].contract_size_e8, symbols["EURUSD"].currency_profit) == (100_000 * 10**8, "USD")


def test_every_deal_of_a_period_comes_and_counts(server: TradingServer) -> None:
    everything = {
        (row.ticket, row.leg): row
        for rows in server.deals(since=BEFORE, until=datetime.now(UTC)) for row in rows if isinstance(row, DealRow)
    }  # fmt: skip
    moments = sorted(row.deal_at for row in everything.values())
    since, until = moments[len(moments) // 4], moments[-len(moments) // 4]
    login = next(iter(everything.values())).login

    part = {
        (row.ticket, row.leg)
        for rows in server.deals(since=since, until=until) for row in rows
        if isinstance(row, DealRow) and row.deal_at >= since
    }  # fmt: skip
    of_login = server.deals_of_login(login=login, since=since, until=until)

    inside = {key: row for key, row in everything.items() if since <= row.deal_at < until}
    assert part == set(inside)
    assert {(row.ticket, row.leg) for row in of_login} == {key for key, row in inside.items() if row.login == login}
    assert server.deal_count(login, since.replace(microsecond=0), until.replace(microsecond=0)) == len(
        server.deals_of_login(login=login, since=since.replace(microsecond=0), until=until.replace(microsecond=0))
    )
    assert server.deal_count(login, until, until) == 0


def test_deals_are_found_by_ticket_whatever_their_time(server: TradingServer) -> None:
    rows = [row for rows in server.deals(since=BEFORE, until=datetime.now(UTC)) for row in rows]
    tickets = sorted({row.ticket for row in rows if row.ticket})[:3]

    found = server.deals_by_ticket([*tickets, tickets[0], 3])

    assert {row.ticket for row in found} == set(tickets)
    assert {row for row in rows if row.ticket in tickets} == set(found)


def test_balances_are_the_sums_of_the_deals(reached: Reached, server: TradingServer, login: int) -> None:
    traded = [user.login for user in server.users()][:3]

    for state in server.account_states([*traded, login, 9]):
        e8 = sum(row.profit_e8 + row.swap_e8 + row.commission_e8 + row.fee_e8 for row in read(server, state.login))
        assert state.balance * 10**8 == e8
        assert state.equity == state.balance + state.credit + state.floating
    assert [state.login for state in server.account_states([login, 9])] == [login]


def test_a_trade_becomes_a_position_and_two_deals(reached: Reached, server: TradingServer, login: int) -> None:
    number = reached.control("/sim/trade", login=login, symbol="EURUSD", lots="0.1", keep_open=1)["position"]
    reached.control("/sim/trade", login=login, symbol="EURUSD", lots="0.2", side="sell")

    (position,) = server.positions([login])
    trades = [row for row in read(server, login) if row.symbol]

    assert (position.position, position.volume_e8, position.action) == (number, 10_000_000, 0)
    assert sorted((row.action, row.entry, row.volume_e8, row.volume_closed_e8) for row in trades) == [
        (DealAction.BUY, DealEntry.IN, 10_000_000, 0),
        (DealAction.BUY, DealEntry.OUT, 20_000_000, 20_000_000),
        (DealAction.SELL, DealEntry.IN, 20_000_000, 0),
    ]
    opened = next(row for row in trades if row.entry == DealEntry.IN and row.position == number)
    assert opened.price_e8 == position.price_open_e8


def test_a_working_order_is_no_deal(reached: Reached, server: TradingServer, login: int) -> None:
    number = reached.control("/sim/order", login=login, symbol="EURUSD", lots="0.3", price="0.9", kind=2)["order"]

    (order,) = server.orders([login])

    assert (order.order, order.kind, order.volume_e8, order.price_e8) == (number, 2, 30_000_000, 90_000_000)
    assert [row.action for row in read(server, login)] == [DealAction.BALANCE]


def test_prices_come_for_symbols_that_have_one(server: TradingServer) -> None:
    (tick,) = server.ticks(["EURUSD", "NO-SUCH-SYMBOL"])

    assert tick.symbol == "EURUSD"
    assert 0 < tick.bid_e8 < tick.ask_e8


def test_margin_is_told_before_a_trade(server: TradingServer, login: int) -> None:
    small = server.margin_check(login=login, symbol="EURUSD", action=0, volume_e8=10**7, price_e8=110_000_000)
    large = server.margin_check(login=login, symbol="EURUSD", action=0, volume_e8=10**11, price_e8=110_000_000)

    assert (small.margin_now, small.is_enough, large.is_enough) == (Decimal(0), True, False)
    assert small.margin_needed > 0
    assert small.free_now - small.free_after == small.margin_needed


def test_an_account_is_opened_as_wished_and_found_by_its_token(reached: Reached, server: TradingServer) -> None:
    spec = wanted(reached)

    opened = server.open_account(spec)

    assert (opened.group, opened.name, opened.email, opened.leverage, opened.agent, opened.comment, opened.token) == (
        spec.group, spec.name, spec.email, spec.leverage, spec.agent, spec.comment, spec.token,
    )  # fmt: skip
    assert (opened.balance, opened.enabled, opened.may_trade) == (Decimal(0), True, True)
    assert server.user(opened.login) == opened
    assert server.users_by_token(spec.token, reached.group) == [opened]
    assert server.users_by_token("NOBODY") == []


def test_only_what_is_named_changes(server: TradingServer, login: int) -> None:
    before = server.user(login)
    assert before is not None

    changed = server.update_user(login=login, changes=UserChanges(leverage=50, agent=123, may_trade=False))

    assert changed.rights != before.rights
    assert changed == before._replace(leverage=50, agent=123, may_trade=False, rights=changed.rights)
    assert server.user(login) == changed


def test_passwords_are_set_and_checked(reached: Reached, server: TradingServer, login: int) -> None:
    server.set_password(login=login, kind=PasswordKind.MAIN, password="N3wPass!x")

    assert server.check_password(login=login, kind=PasswordKind.MAIN, password="N3wPass!x")
    assert not server.check_password(login=login, kind=PasswordKind.MAIN, password="Passw0rd!")
    assert server.check_password(login=login, kind=PasswordKind.INVESTOR, password="Passw0rd?")
    with pytest.raises(WeakPassword):
        server.set_password(login=login, kind=PasswordKind.MAIN, password=reached.weak)


def test_archived_and_deleted_accounts_leave_the_lists(reached: Reached, server: TradingServer, login: int) -> None:
    other = server.open_account(wanted(reached)).login

    server.archive_user(login)
    server.delete_user(other)

    assert (server.user(login), server.user(other)) == (None, None)
    assert server.account_states([login, other]) == []


def test_a_refusal_has_its_name_and_changes_nothing(reached: Reached, server: TradingServer, login: int) -> None:
    for error, amount in ((NotEnoughMoney, Decimal(-1001)), (AmountTooLarge, Decimal(2_000_000_000))):
        with pytest.raises(error):
            server.change_balance(login=login, kind=2, amount=amount, token=next(TOKENS))
    with pytest.raises(NotFound):
        server.change_balance(login=9, kind=2, amount=Decimal(1), token=next(TOKENS))
    with pytest.raises(LoginTaken):
        server.open_account(wanted(reached, login=login))
    with pytest.raises(NotFound):
        server.update_user(login=9, changes=UserChanges(leverage=10))
    assert reached.balance(login) == 1000


@pytest.mark.parametrize("bad", [{"token": "two words"}, {"token": ""}, {"kind": 1}, {"amount": Decimal(0)}])
def test_a_balance_operation_that_makes_no_sense_is_never_sent(
    reached: Reached, server: TradingServer, login: int, bad: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match=r"token|balance operation"):
        server.change_balance(**{"login": login, "kind": 2, "amount": Decimal(1), "token": "OK1", **bad})
    assert reached.balance(login) == 1000


def test_a_booked_operation_is_found_by_its_token(server: TradingServer, login: int) -> None:
    token = next(TOKENS)

    receipt = server.change_balance(login=login, kind=3, amount=Decimal("12.34"), token=token, note="bonus")

    (deal,) = [
        row for row in server.balance_deals(login=login, since=BEFORE, until=AFTER) if row.ticket == receipt.ticket
    ]
    assert isinstance(deal, DealRow)
    assert (deal.action, deal.profit_e8, deal.comment) == (DealAction.CREDIT, 1_234_000_000, f"{token} bonus")


@pytest.mark.parametrize("fault", [WRITES_LOST, WRITES_UNANSWERED])
def test_money_whose_answer_is_lost_is_booked_at_most_once_and_never_claimed_wrongly(
    reached: Reached, server: TradingServer, login: int, fault: str
) -> None:
    """An adapter that returns a receipt has booked; one that raises anything but OutcomeUnknown has not."""
    token = next(TOKENS)
    server.ping()
    reached.control("/sim/faults", on=reached.faults[fault])

    try:
        server.change_balance(login=login, kind=2, amount=Decimal(5), token=token)
        claimed = {1005}
    except OutcomeUnknown:
        claimed = {1000, 1005}
    except BridgeError:
        claimed = {1000}
    reached.control("/sim/faults", off="all")

    assert int(reached.balance(login)) in claimed
    booked = [row for row in read(server, login) if row.comment.startswith(token)]
    assert len(booked) == (fault == WRITES_UNANSWERED)


def test_an_impostor_is_named_before_anything_is_believed(reached: Reached) -> None:
    reached.control("/sim/faults", on="impostor")

    try:
        with pytest.raises(ImpostorServer):
            reached.open().connect()
    finally:
        reached.control("/sim/faults", off="all")


def test_another_certificate_is_refused_before_anything_is_sent(reached: Reached) -> None:
    with pytest.raises(UntrustedCertificate):
        reached.open(tls_pin="0" * 64).connect()
    with pytest.raises(UntrustedCertificate):
        reached.open(tls_mode="ca").connect()
