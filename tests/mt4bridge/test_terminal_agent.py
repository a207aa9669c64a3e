"""The agent for one terminal account: its backend over a stand-in of the package, through the socket and adapter."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest

from mt4bridge.agents.events import Events
from mt4bridge.agents.terminal.backend import Terminal
from mt4bridge.enums import DealAction, DealEntry, DealReason
from mt4bridge.errors import ServerTroubled, Unsupported
from mt4bridge.httpbridge.adapter import HttpBridgeServer
from mt4bridge.types import Capability, DealRow
from tests.mt4bridge.agents import serving
from tests.mt4bridge.stand_ins import meta_trader5 as api

pytestmark = pytest.mark.integration
WALL_S = 1_740_568_592
AT = datetime(2025, 2, 26, 9, 16, 32, 779_000, tzinfo=UTC)
BEFORE, AFTER = datetime(2020, 1, 1, tzinfo=UTC), datetime(2035, 1, 1, tzinfo=UTC)


class Agent(NamedTuple):
    account: api.Account
    server: HttpBridgeServer


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Agent]:
    account = api.reset()
    account.deals = [
        deal(2**31 + 9, 2, 0, profit=100_000.0, symbol="", position_id=0, volume=0.0, price=0.0),
        deal(2**31 + 10, 0, 0, reason=3),
        deal(2**31 + 11, 1, 1, profit=-14.07000000001, commission=-3.5, reason=4, time=WALL_S + 60),
    ]
    backend = Terminal(api, login=4242, password="terminal-pass", server="Broker-Demo")  # type: ignore[arg-type]  # a module in all but type
    with serving(backend, Events(), tmp_path / "operations.sqlite") as server:
        yield Agent(account, server)


def deal(ticket: int, kind: int, entry: int, **changes: Any) -> SimpleNamespace:
    values: dict[str, Any] = {
        "order": ticket + 5, "time": WALL_S, "entry": entry, "position_id": 77, "reason": 0, "volume": 0.1,
        "price": 1.0500000000000001, "commission": 0.0, "swap": 0.0, "profit": 0.0, "fee": 0.0, "symbol": "EURUSD",
        "comment": "", **changes,
    }  # fmt: skip
    return SimpleNamespace(ticket=ticket, type=kind, time_msc=values["time"] * 1000 + 779, **values)


def test_the_account_is_read(agent: Agent) -> None:
    (user,) = agent.server.users()
    (state,) = agent.server.account_states([4242, 1])

    assert (user.login, user.group, user.name, user.registered_at) == (4242, "terminal-usd", "One Client", AT)
    assert (state.balance, state.currency_digits) == (Decimal("100188.34"), 2)
    assert agent.server.hello().capabilities == {
        Capability.DEALS, Capability.USERS, Capability.CONFIGURATION, Capability.STATES, Capability.POSITIONS,
        Capability.ORDERS, Capability.TICKS,
    }  # fmt: skip
    assert agent.server.user(1) is None
    assert agent.server.server_time() == AT.replace(microsecond=0)


def test_deals_arrive_with_our_reasons(agent: Agent) -> None:
    rows = [row for rows in agent.server.deals(since=BEFORE, until=AFTER) for row in rows if isinstance(row, DealRow)]

    assert [(row.action, row.entry, row.reason) for row in rows] == [
        (DealAction.BALANCE, DealEntry.IN, DealReason.CLIENT),
        (DealAction.BUY, DealEntry.IN, DealReason.EXPERT),
        (DealAction.SELL, DealEntry.OUT, DealReason.SL),
    ]
    closing = rows[-1]
    assert (closing.profit_e8, closing.commission_e8, closing.volume_closed_e8, closing.price_e8, closing.digits) == (
        -1_407_000_000, -350_000_000, 10_000_000, 105_000_000, 5,
    )  # fmt: skip
    assert closing.deal_at == AT + timedelta(seconds=60)
    assert agent.server.deals_by_ticket([closing.ticket]) == [closing]
    assert agent.server.deal_count(4242, BEFORE, AFTER) == 3


def test_positions_orders_and_prices_are_read(agent: Agent) -> None:
    agent.account.positions = [
        SimpleNamespace(
            ticket=77, symbol="EURUSD", type=1, volume=0.3, price_open=1.1, price_current=1.2, profit=-30.0, swap=-0.25,
            time_msc=WALL_S * 1000 + 779,
        )
    ]  # fmt: skip
    agent.account.orders = [
        SimpleNamespace(
            ticket=78, symbol="EURUSD", type=2, volume_current=0.2, price_open=1.0, price_stoplimit=0.0, sl=0.9, tp=0.0,
            time_setup_msc=WALL_S * 1000 + 779, time_expiration=0, comment="grid",
        )
    ]  # fmt: skip

    (position,) = agent.server.positions([4242])
    (order,) = agent.server.orders([4242])

    assert (position.volume_e8, position.profit, position.swap, position.opened_at) == (
        30_000_000, Decimal("-30.00"), Decimal("-0.25"), AT,
    )  # fmt: skip
    assert (order.kind, order.volume_e8, order.stop_loss_e8, order.expires_at) == (2, 20_000_000, 90_000_000, None)
    assert agent.server.ticks(["EURUSD"]) == [("EURUSD", 105_000_000, 105_010_000, AT)]


def test_it_only_reads(agent: Agent) -> None:
    with pytest.raises(Unsupported, match="only reads its own account"):
        agent.server.change_balance(login=4242, kind=2, amount=Decimal(1), token="A1")
    with pytest.raises(Unsupported):
        agent.server.delete_user(4242)


def test_another_account_in_the_terminal_is_not_served(agent: Agent) -> None:
    agent.account.signed_in = 9999

    with pytest.raises(ServerTroubled, match="does not reach its MT server"):
        agent.server.connect()
    with pytest.raises(ServerTroubled, match="signed in to account 9999"):
        agent.server.account_states([9999])


def test_a_terminal_that_ended_is_told_and_started_again(agent: Agent) -> None:
    agent.server.connect()
    agent.account.is_running = False

    with pytest.raises(ServerTroubled, match="No IPC connection"):
        agent.server.users()
    agent.account.is_running = True

    assert len(agent.server.users()) == 1
