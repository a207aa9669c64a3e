"""The agent for the MT5 Manager API: its backend over a stand-in of the package, through the socket and adapter."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple, TypeVar

import pytest

from mt4bridge.agents.events import Events
from mt4bridge.agents.mt5manager.backend import Mt5Manager
from mt4bridge.enums import DealAction, DealEntry, DealReason
from mt4bridge.errors import (
    AccountInUse,
    LoginTaken,
    NotEnoughMoney,
    NotFound,
    OutcomeUnknown,
    ServerTroubled,
    Unsupported,
    WeakPassword,
)
from mt4bridge.httpbridge.adapter import HttpBridgeServer
from mt4bridge.types import Capability, DealRow, MarginCheck, NewUser, PasswordKind, UserChanges
from tests.mt4bridge.agents import serving
from tests.mt4bridge.stand_ins import mt5_manager as api

pytestmark = pytest.mark.integration
T = TypeVar("T")
AT = datetime(2026, 3, 2, 10, 0, 0, 250_000, tzinfo=UTC)
WALL_MS = 1_772_452_800_250  # two hours ahead
BEFORE, AFTER = datetime(2020, 1, 1, tzinfo=UTC), datetime(2035, 1, 1, tzinfo=UTC)
SPEC = NewUser(
    group="real\\std", name="Jane Mary Roe", leverage=200, main_password="Passw0rd!", investor_password="Passw0rd?",
    token="T9", email="j@example.org", country="Cyprus", language="de", agent=70001, may_trade=False,
)  # fmt: skip


class Agent(NamedTuple):
    mt5: api.Server
    server: HttpBridgeServer


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Agent]:
    mt5 = api.reset()
    manager = api.ManagerAPI()
    mt5.groups = [record(api.MTConGroup(manager), Group=name) for name in ("real\\std", "demo\\std")]
    mt5.symbols = [record(api.MTConSymbol(manager), Symbol="EURUSD", Path="Forex\\EURUSD")]
    mt5.ticks["EURUSD"] = record(api.MTTickShort(manager), bid=1.1, ask=1.1002, datetime_msc=WALL_MS)
    mt5.users[5001] = record(
        api.MTUser(manager), Login=5001, Group="real\\std", FirstName="John", LastName="Doe", EMail="d@example.org",
        Rights=0x163, Balance=1000.1, Registration=WALL_MS // 1000, Agent=70001, ID="old",
    )  # fmt: skip
    mt5.deals = {
        deal.Deal: deal
        for deal in (
            trade(manager, 2**31 + 5, 0, 0.1 + 0.2, Reason=16, MarketBid=1.09999999999, MarketAsk=1.1),
            trade(manager, 2**31 + 6, 1, -12.344999999, TimeMsc=WALL_MS + 1, Commission=-3.5, Storage=-0.1, Reason=4),
        )
    }
    events = Events()
    backend = Mt5Manager(api, server="mt5.test:443", login=1000, password="manager-pass", events=events)  # type: ignore[arg-type]  # a module in all but type
    with serving(backend, events, tmp_path / "operations.sqlite") as server:
        yield Agent(mt5, server)


def record(made: T, **fields: object) -> T:
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def trade(manager: api.ManagerAPI, ticket: int, entry: int, profit: float, **fields: object) -> api.MTDeal:
    return record(
        api.MTDeal(manager), Deal=ticket, Login=5001, Order=ticket + 100, PositionID=7, Action=entry, Entry=entry,
        Symbol="EURUSD", VolumeExt=50_000_000, VolumeClosedExt=50_000_000 * entry, Price=1.1000000000000001,
        ContractSize=100000.0, Profit=profit, Time=WALL_MS // 1000, **{"TimeMsc": WALL_MS, **fields},
    )  # fmt: skip


def test_it_says_who_it_is_and_what_it_can(agent: Agent) -> None:
    hello = agent.server.hello()

    assert (hello.platform, hello.agent) == ("mt5", "mt5manager 5.0.6231")
    assert hello.capabilities == frozenset(Capability)
    assert abs(agent.server.server_time() - datetime.now(UTC)) < timedelta(seconds=5)
    assert [(group.name, group.currency) for group in agent.server.groups()] == [
        ("real\\std", "USD"),
        ("demo\\std", "USD"),
    ]
    assert agent.server.symbols()[0][:5] == ("EURUSD", "Forex\\EURUSD", 100_000 * 10**8, 5, "EUR")
    assert agent.server.ticks(["EURUSD", "NONE"]) == [("EURUSD", 110_000_000, 110_020_000, AT)]


def test_deals_arrive_without_the_noise_of_doubles(agent: Agent) -> None:
    rows = [row for rows in agent.server.deals(since=BEFORE, until=AFTER) for row in rows]

    opening = DealRow(
        ticket=2**31 + 5, leg=0, login=5001, symbol="EURUSD", action=DealAction.BUY, entry=DealEntry.IN,
        reason=DealReason.MOBILE, position=7, position_by=0, order=2**31 + 105, volume_e8=50_000_000,
        volume_closed_e8=0, price_e8=110_000_000, bid_e8=110_000_000, ask_e8=110_000_000,
        contract_size_e8=100_000 * 10**8, digits=5, currency_digits=2, profit_e8=30_000_000, swap_e8=0,
        commission_e8=0, fee_e8=0, deal_at=AT, comment="",
    )  # fmt: skip
    closing = opening._replace(
        ticket=2**31 + 6, action=DealAction.SELL, entry=DealEntry.OUT, reason=DealReason.TP, order=2**31 + 106,
        volume_closed_e8=50_000_000, bid_e8=None, ask_e8=None, profit_e8=-1_234_000_000, swap_e8=-10_000_000,
        commission_e8=-350_000_000, deal_at=AT + timedelta(milliseconds=1),
    )  # fmt: skip
    assert rows == [opening, closing]
    assert agent.server.deals_by_ticket([closing.ticket, 5]) == [closing]
    assert agent.server.deals_of_login(login=5001, since=AT, until=AT + timedelta(milliseconds=1)) == [opening]
    assert agent.server.deal_count(5001, BEFORE, AFTER) == 2
    assert agent.server.deals_of_login(login=5002, since=BEFORE, until=AFTER) == []


def test_accounts_are_read_by_mask_login_and_token(agent: Agent) -> None:
    (user,) = agent.server.users()

    assert (user.name, user.email, user.balance, user.agent, user.token) == (
        "John Doe", "d@example.org", Decimal("1000.10"), 70001, "old",
    )  # fmt: skip
    assert (user.registered_at, user.enabled, user.may_trade) == (AT.replace(microsecond=0), True, True)
    assert agent.server.user(5001) == user
    assert agent.server.user(5) is None
    assert agent.server.users("demo*") == []
    assert agent.server.users_by_token("old") == [user]
    assert agent.server.users_by_token("other") == []


def test_states_positions_and_orders_are_read(agent: Agent) -> None:
    manager = api.ManagerAPI()
    agent.mt5.positions[7] = record(
        api.MTPosition(manager), Position=7, Login=5001, Symbol="EURUSD", Action=1, Volume=5_000, PriceOpen=1.1,
        PriceCurrent=1.2, Profit=-10.0, Storage=-0.5, TimeCreate=WALL_MS // 1000,
    )  # fmt: skip
    agent.mt5.orders[9] = record(
        api.MTOrder(manager), Order=9, Login=5001, Symbol="EURUSD", Type=3, VolumeCurrentExt=10_000_000, PriceOrder=1.5,
        TimeSetupMsc=WALL_MS, PriceSL=1.6,
    )  # fmt: skip

    (state,) = agent.server.account_states([5001, 5])
    (position,) = agent.server.positions([5001])
    (order,) = agent.server.orders([5001])

    assert (state.balance, state.equity, state.floating) == (Decimal("1000.10"), Decimal("989.60"), Decimal("-10.50"))
    assert (position.position, position.volume_e8, position.price_open_e8) == (7, 50_000_000, 110_000_000)
    assert (position.profit, position.swap, position.opened_at) == (
        Decimal("-10.00"),
        Decimal("-0.50"),
        AT.replace(microsecond=0),
    )
    assert (order.order, order.kind, order.volume_e8, order.price_e8, order.stop_loss_e8) == (
        9, 3, 10_000_000, 150_000_000, 160_000_000,
    )  # fmt: skip


def test_an_account_is_opened_changed_and_deleted(agent: Agent) -> None:
    opened = agent.server.open_account(SPEC)
    changed = agent.server.update_user(
        login=opened.login, changes=UserChanges(leverage=50, may_trade=True, group="demo\\std")
    )
    agent.server.set_password(login=opened.login, kind=PasswordKind.INVESTOR, password="Another1!")

    assert (opened.name, opened.token, opened.agent, opened.may_trade) == ("Jane Mary Roe", "T9", 70001, False)
    assert (opened.language, agent.mt5.users[opened.login].Language) == ("de", 1031)
    assert (changed.leverage, changed.group, changed.may_trade, changed.email) == (
        50,
        "demo\\std",
        True,
        "j@example.org",
    )
    assert agent.server.check_password(login=opened.login, kind=PasswordKind.MAIN, password="Passw0rd!")
    assert agent.server.check_password(login=opened.login, kind=PasswordKind.INVESTOR, password="Another1!")
    assert not agent.server.check_password(login=opened.login, kind=PasswordKind.MAIN, password="Passw0rd?")
    agent.server.delete_user(opened.login)
    assert agent.server.user(opened.login) is None
    with pytest.raises(Unsupported, match="cannot archive"):
        agent.server.archive_user(5001)


def test_what_mt5_refuses_is_named(agent: Agent) -> None:
    agent.mt5.positions[7] = record(api.MTPosition(api.ManagerAPI()), Position=7, Login=5001)

    with pytest.raises(AccountInUse, match="3008"):
        agent.server.delete_user(5001)
    with pytest.raises(NotFound):
        agent.server.delete_user(77)
    with pytest.raises(WeakPassword):
        agent.server.set_password(login=5001, kind=PasswordKind.MAIN, password="kurz")
    with pytest.raises(LoginTaken, match="3004"):
        agent.server.open_account(NewUser(**{**fields(SPEC), "login": 5001}))
    with pytest.raises(NotEnoughMoney, match="10019"):
        agent.server.change_balance(login=5001, kind=2, amount=Decimal(-5000), token="A1")


def fields(spec: NewUser) -> dict[str, object]:
    return {name: getattr(spec, name) for name in NewUser.__slots__}


def test_money_is_booked_with_its_kind_and_comment(agent: Agent) -> None:
    receipt = agent.server.change_balance(login=5001, kind=6, amount=Decimal("25.5"), token="A2", note="promo of march")

    deal = agent.mt5.deals[receipt.ticket]
    assert (deal.Action, deal.Profit, deal.Comment) == (6, 25.5, "A2 promo of march")
    found = agent.server.balance_deals(login=5001, since=BEFORE, until=AFTER)
    assert [(row.ticket, row.action) for row in found if isinstance(row, DealRow)] == [(receipt.ticket, 6)]
    unchecked = agent.server.change_balance(login=5001, kind=2, amount=Decimal(-9000), token="A3", check_margin=False)
    assert agent.mt5.deals[unchecked.ticket].Profit == -9000


def test_money_whose_outcome_the_agent_does_not_know_is_found_again_by_the_next_try(agent: Agent) -> None:
    agent.mt5.lose_next_answer = True

    with pytest.raises(OutcomeUnknown, match="Timeout"):
        agent.server.change_balance(login=5001, kind=2, amount=Decimal(10), token="A4")
    (booked,) = [deal for deal in agent.mt5.deals.values() if deal.Comment == "A4"]
    again = agent.server.change_balance(login=5001, kind=2, amount=Decimal(10), token="A4")

    assert again.ticket == booked.Deal
    assert [deal.Deal for deal in agent.mt5.deals.values() if deal.Comment == "A4"] == [booked.Deal]


def test_an_account_whose_opening_timed_out_is_found_again_by_its_token(agent: Agent) -> None:
    agent.mt5.lose_next_answer = True

    with pytest.raises(OutcomeUnknown):
        agent.server.open_account(SPEC)
    opened = agent.server.open_account(SPEC)

    assert [user.Login for user in agent.mt5.users.values() if user.ID == "T9"] == [opened.login]


def test_a_server_that_went_away_is_told_and_found_again(agent: Agent) -> None:
    agent.server.connect()
    agent.mt5.is_up = False

    with pytest.raises(ServerTroubled, match="Network error"):
        agent.server.users()
    with pytest.raises(ServerTroubled, match="does not reach its MT server"):
        agent.server.ping()
    agent.mt5.is_up = True

    assert len(agent.server.users()) == 1
    assert agent.mt5.connections == 2


def test_margin_is_asked_before_a_trade(agent: Agent) -> None:
    told = agent.server.margin_check(login=5001, symbol="EURUSD", action=0, volume_e8=10**7, price_e8=110_000_000)

    assert told == MarginCheck(Decimal("0.00"), Decimal("110.00"), Decimal("1000.10"), Decimal("890.10"))
    assert told.is_enough


def test_the_sinks_ring_the_bell(agent: Agent) -> None:
    start = agent.server.wait_for_events(after=0, wait_seconds=0).following

    agent.server.change_balance(login=5001, kind=2, amount=Decimal(1), token="A5")
    bell = agent.server.wait_for_events(after=start, wait_seconds=2)

    assert bell.logins == {5001}
    assert len(agent.mt5.sinks) == 4
