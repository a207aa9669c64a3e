"""A trader's own accounts."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext

from access.models import User
from access.types import Actor
from clients.models import Client
from clients.services import create_client
from mt4bridge.models import MtServer
from mt4bridge.types import AccountState, PositionRow
from tests.portal.conftest import OPENED
from trading.accounts import register_account, store_snapshots
from trading.models import Deal, MtGroup, Symbol, TradingAccount

pytestmark = pytest.mark.integration

SYSTEM = Actor.system("test")
TAKEN = datetime(2026, 3, 2, 11, 59, 30, tzinfo=UTC)


@pytest.fixture
def group(broker: object) -> MtGroup:
    server = MtServer.objects.create(name="Aurora-Live", address="127.0.0.1:443", manager_login=1, history_from=OPENED)
    return MtGroup.objects.create(server=server, name="real\\standard", currency="USD", lot_factor=1)


@pytest.fixture
def symbol(group: MtGroup) -> Symbol:
    return Symbol.objects.create(
        server=group.server, name="EURUSD", contract_size_e8=100_000 * 10**8, digits=5, quote_currency="USD"
    )


def open_account(client: Client, group: MtGroup, login: int) -> TradingAccount:
    return register_account(
        login=login, client=client, mt_group=group, leverage=200, opened_at=OPENED, actor=SYSTEM, now=OPENED
    )


def tell_state(account: TradingAccount, *, equity: str = "1012.50", positions: list[PositionRow] | None = None) -> None:
    state = AccountState(
        login=account.login, balance=Decimal("1000.00"), credit=Decimal(0), equity=Decimal(equity),
        margin=Decimal("50.00"), margin_free=Decimal("962.50"), floating=Decimal(equity) - 1000, currency_digits=2,
    )  # fmt: skip
    store_snapshots(server_id=account.server_id, states=[state], positions=positions or [], now=TAKEN)


def close_trade(account: TradingAccount, symbol: Symbol, ticket: int, *, profit: str = "10.00") -> Deal:
    return Deal.objects.create(
        server=account.server, ticket=ticket, account=account, symbol=symbol, action=1, entry=1, reason=0,
        position=ticket, volume_e8=50_000_000, volume_closed_e8=50_000_000, price_e8=110_500_000,
        contract_size_e8=100_000 * 10**8, digits=5, profit_e8=int(Decimal(profit) * 10**8), swap_e8=-10**8,
        commission_e8=-2 * 10**8, fee_e8=0, deal_at=OPENED + timedelta(hours=ticket), recorded_at=OPENED,
    )  # fmt: skip


def position(login: int) -> PositionRow:
    return PositionRow(
        position=77, login=login, symbol="EURUSD", action=0, volume_e8=10_000_000, price_open_e8=110_000_000,
        price_current_e8=110_125_000, profit=Decimal("12.50"), swap=Decimal("-0.30"), opened_at=OPENED,
    )  # fmt: skip


def test_home_without_accounts_says_why(as_user: Callable[[User], Browser], trader: Client) -> None:
    answer = as_user(trader.user).get("/accounts/")

    assert answer.status_code == 200
    assert "You have no trading account yet" in answer.content.decode()


def test_home_shows_cards_with_age_and_open_positions(
    as_user: Callable[[User], Browser], trader: Client, group: MtGroup
) -> None:
    account = open_account(trader, group, 1001)
    tell_state(account, positions=[position(1001)])

    answer = as_user(trader.user).get("/accounts/")

    (standing,) = answer.context["standings"]
    assert (standing.login, standing.balance, standing.equity) == (1001, Decimal(1000), Decimal("1012.5"))
    assert standing.margin_level_percent == Decimal("2025.00")
    assert answer.context["totals"] == [("USD", Decimal("1012.50000000"), TAKEN)]
    assert [(p.symbol, p.side, p.volume_lots, p.net) for p in answer.context["positions"]] == [
        ("EURUSD", "buy", Decimal("0.1"), Decimal("12.20"))
    ]
    html = answer.content.decode()
    assert f'datetime="{TAKEN.isoformat()}"' in html
    assert '<span class="num pos">+12.20</span> <span class="ccy">USD</span>' in html


def test_an_account_that_was_not_told_yet_says_so(
    as_user: Callable[[User], Browser], trader: Client, group: MtGroup
) -> None:
    open_account(trader, group, 1001)

    html = as_user(trader.user).get("/accounts/").content.decode()

    assert "has not told this account’s state yet" in html
    assert "Total equity" not in html


def test_closed_trades_are_paged_and_sum_up(
    as_user: Callable[[User], Browser], trader: Client, group: MtGroup, symbol: Symbol
) -> None:
    account = open_account(trader, group, 1001)
    for ticket in range(1, 31):
        close_trade(account, symbol, ticket)
    browser = as_user(trader.user)

    first = browser.get(f"/accounts/{account.pk}/")
    rest = browser.get(
        f"/accounts/{account.pk}/",
        {"before": first.context["page"].next_before},
        headers={"HX-Request-Type": "partial"},
    )

    assert [trade.ticket for trade in first.context["page"].rows] == list(range(30, 5, -1))
    assert first.context["shown_net"] == 25 * Decimal("7.00")
    assert [trade.ticket for trade in rest.context["page"].rows] == [5, 4, 3, 2, 1]
    assert rest.context["page"].next_before is None
    assert rest.content.decode().startswith('<div id="trades">')


def test_one_trade_reads_as_the_terminal_shows_it(
    as_user: Callable[[User], Browser], trader: Client, group: MtGroup, symbol: Symbol
) -> None:
    account = open_account(trader, group, 1001)
    close_trade(account, symbol, 5, profit="-10.55")

    (trade,) = as_user(trader.user).get(f"/accounts/{account.pk}/").context["page"].rows

    assert (trade.symbol, trade.side, trade.volume_lots, trade.price) == (
        "EURUSD",
        "buy",
        Decimal("0.5"),
        Decimal("1.10500"),
    )
    assert (trade.profit, trade.swap, trade.commission, trade.net) == (
        Decimal("-10.55"), Decimal("-1.00"), Decimal("-2.00"), Decimal("-13.55"),
    )  # fmt: skip


@pytest.mark.parametrize("place", ["nonsense", "2026-01-01~5", "2026-01-01T00:00:00+00:00~99999999999999999999"])
def test_a_page_that_does_not_exist_is_refused(
    as_user: Callable[[User], Browser], trader: Client, group: MtGroup, place: str
) -> None:
    account = open_account(trader, group, 1001)

    answer = as_user(trader.user).get(f"/accounts/{account.pk}/", {"before": place})

    assert answer.status_code == 422
    assert "This value cannot be used." in answer.content.decode()


def test_another_client_s_account_is_not_there(
    as_user: Callable[[User], Browser], trader: Client, group: MtGroup
) -> None:
    other = create_client(name="Other", email="o@example.com", actor=SYSTEM, now=OPENED)
    account = open_account(other, group, 1002)
    tell_state(account, equity="987654.00")

    browser = as_user(trader.user)

    assert browser.get(f"/accounts/{account.pk}/").status_code == 404
    assert "987,654" not in browser.get("/accounts/").content.decode()


@pytest.mark.parametrize("count", [1, 3])
def test_home_costs_the_same_for_one_and_three_accounts(
    as_user: Callable[[User], Browser], trader: Client, group: MtGroup, count: int
) -> None:
    for login in range(1001, 1001 + count):
        tell_state(open_account(trader, group, login), positions=[position(login)])
    browser = as_user(trader.user)
    browser.get("/accounts/")

    with CaptureQueriesContext(
        connection,
    ) as queries:
        browser.get("/accounts/")

    assert len([q for q in queries if q["sql"].startswith("SELECT")]) == 5


@pytest.mark.parametrize("count", [1, 3])
def test_an_account_costs_the_same_for_one_and_three_trades(
    as_user: Callable[[User], Browser], trader: Client, group: MtGroup, symbol: Symbol, count: int
) -> None:
    account = open_account(trader, group, 1001)
    for ticket in range(1, 1 + count):
        close_trade(account, symbol, ticket)
    browser = as_user(trader.user)
    browser.get("/accounts/")

    with CaptureQueriesContext(connection) as queries:
        browser.get(f"/accounts/{account.pk}/")

    assert len([q for q in queries if q["sql"].startswith("SELECT")]) == 6
