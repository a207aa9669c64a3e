"""An IB's pages: every figure is the sum of what stands below it, and nobody above is seen."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext

from access.models import User
from clients.models import Client
from commissions.calculation import Verdict
from commissions.services import assign_plan
from ib.services import move_client, move_ib
from ledger.models import Balance
from tests.portal.book import SYSTEM, Book, open_book
from trading.models import Deal, TradingAccount

pytestmark = pytest.mark.integration

NOW = datetime(2026, 3, 20, 12, 0, tzinfo=UTC)
PARTIAL = {"HX-Request": "true", "HX-Request-Type": "partial"}
AsUser = Callable[[User], Browser]


@pytest.fixture(autouse=True)
def frozen() -> Any:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def book(broker: object) -> Book:
    return open_book()


@pytest.fixture
def traded(book: Book) -> Book:
    """Three clients: 2 lots under the leaf, 1 under the sub, 0.5 under the master; one deal was held too short."""
    leaf_client, sub_client = book.add_client("Amir Haddad", "leaf"), book.add_client("王雪梅", "sub")
    master_client = book.add_client("Thabo Nkosi", "master")
    book.trade(leaf_client, lots="2", at=NOW - timedelta(days=2))
    book.trade(sub_client, lots="1", at=NOW - timedelta(days=1))
    book.trade(master_client, lots="0.5", at=NOW - timedelta(hours=2))
    book.trade(leaf_client, lots="3", at=NOW - timedelta(hours=1), held=timedelta(seconds=5))
    book.judge(now=NOW)
    return book


def account_of(name: str) -> TradingAccount:
    return TradingAccount.objects.get(client__name=name)


def closing_deal(name: str) -> Deal:
    return Deal.objects.filter(account__client__name=name, entry=1).earliest("deal_at")


def reads(queries: CaptureQueriesContext) -> int:
    return len([query for query in queries if query["sql"].lstrip().startswith(("SELECT", "WITH", "(SELECT"))])


# The dashboard


def test_dashboard_figures_agree_with_chart_tree_list_and_ledger(as_user: AsUser, traded: Book) -> None:
    browser = as_user(traded.users["master"])
    context = browser.get("/partner/").context
    listed = browser.get("/partner/rebates/").context

    figures = context["figures"]
    # 2 lots × (9 − 7) through sub, 1 lot × (9 − 7) through sub, 0.5 lots × 9 directly
    assert figures.earned.amount == Decimal("10.5")
    assert figures.ready.amount == Decimal("10.5")
    assert figures.lots == Decimal("6.5")
    counted = browser.get("/partner/trading/").context
    assert (counted["trading_clients"], counted["all_clients"]) == (3, 3)
    assert sum(day.total for day in context["days"]) == Decimal("10.5")
    assert sum(row.amount for row in context["level"].rows) == Decimal("10.5")
    assert (listed["shown"], listed["whole"]) == (Decimal("10.5"), Decimal("10.5"))
    assert {balance.posted for balance in Balance.objects.filter(ledger_account__code__startswith="ib_accrued")} == {
        Decimal("10.5"), Decimal("11"), Decimal("10"),
    }  # fmt: skip


def test_dashboard_splits_days_by_direct_and_through_partners(as_user: AsUser, traded: Book) -> None:
    days = as_user(traded.users["master"]).get("/partner/?days=7").context["days"]

    assert [(day.day.day, day.direct, day.through_ibs) for day in days if day.deals] == [
        (20, Decimal("4.5"), Decimal(0)),
        (19, Decimal(0), Decimal(2)),
        (18, Decimal(0), Decimal(4)),
    ]
    assert len(days) == 7


def test_dashboard_of_a_new_ib_says_what_will_appear(as_user: AsUser, book: Book) -> None:
    html = as_user(book.users["leaf"]).get("/partner/").content.decode()

    for sentence in (
        "No rebate in these days",
        "Nobody is below you yet",
        "No deal here",
        "Aurora-Live: its deals are being read",
    ):
        assert sentence in html


def test_chart_has_a_table_twin_with_the_same_total(as_user: AsUser, traded: Book) -> None:
    html = as_user(traded.users["master"]).get("/partner/").content.decode()

    assert 'role="img" aria-label="Rebate per day, by direct clients and partners below"' in html
    foot = re.search(r"<tfoot>.*?</tfoot>", html, re.DOTALL)
    assert foot is not None
    assert '<span class="num">10.50</span> <span class="ccy">USD</span>' in foot[0]


def test_a_trader_who_is_no_ib_is_refused(as_user: AsUser, traded: Book, trader: Client) -> None:
    answer = as_user(trader.user).get("/partner/")

    assert answer.status_code == 403
    assert "You do not have the right to see or do this." in answer.content.decode()


def test_completeness_is_told_in_server_time(as_user: AsUser, traded: Book) -> None:
    traded.server.cursor.complete_until = NOW
    traded.server.cursor.save()

    html = as_user(traded.users["master"]).get("/partner/").content.decode()

    assert "Aurora-Live: complete up to" in html
    assert 'title="2026-03-20 12:00:00 UTC">2026-03-20 15:00:00</time> server time' in html


def test_a_server_that_is_down_stays_where_it_was_and_says_so(as_user: AsUser, traded: Book) -> None:
    traded.server.cursor.complete_until = NOW - timedelta(hours=3)
    traded.server.cursor.save()
    traded.server.failures, traded.server.last_error_code = 4, "server_unreachable"
    traded.server.save()
    browser = as_user(traded.users["master"])

    for path in ("/partner/", "/partner/rebates/", "/partner/why/", "/partner/statements/"):
        html = browser.get(path).content.decode()
        assert "2026-03-20 12:00:00</time> server time" in html, path
        assert "The server cannot be read at the moment; later deals follow when it can." in html, path
        assert "127.0.0.1" not in html


@pytest.mark.parametrize("clients", [1, 3])
def test_dashboard_costs_the_same_for_one_and_three_clients(as_user: AsUser, book: Book, clients: int) -> None:
    for number in range(clients):
        account = book.add_client(f"Client {number}", "master")
        book.trade(account, at=NOW - timedelta(hours=number + 1))
    book.judge(now=NOW)
    browser = as_user(book.users["master"])
    browser.get("/partner/")

    with CaptureQueriesContext(connection) as queries:
        browser.get("/partner/")

    assert reads(queries) == 18


# The network


def test_network_opens_level_by_level(as_user: AsUser, traded: Book) -> None:
    browser = as_user(traded.users["master"])
    top = browser.get("/partner/").context["level"].rows
    below_sub = browser.get(f"/partner/network/{traded.ibs['sub'].pk}/", headers=PARTIAL).context["level"]
    below_leaf = browser.get(f"/partner/network/{traded.ibs['leaf'].pk}/", headers=PARTIAL).context["level"]

    assert [(row.code, row.opens, row.lots, row.amount) for row in top] == [
        ("SUB", True, Decimal(6), Decimal(6)),
        (account_of("Thabo Nkosi").client.code, False, Decimal("0.5"), Decimal("4.5")),
    ]
    # what the sub earned: 2 lots × (7 − 5) through the leaf, 1 lot × 7 directly
    assert [(row.code, row.amount) for row in below_sub.rows] == [
        ("LEAF", Decimal(4)), (account_of("王雪梅").client.code, Decimal(7)),
    ]  # fmt: skip
    assert below_sub.depth == 2
    assert [(row.name, row.amount) for row in below_leaf.rows] == [("A••• H•••", Decimal(10))]
    assert below_leaf.depth == 3


def test_network_above_and_beside_is_not_there(as_user: AsUser, traded: Book) -> None:
    browser = as_user(traded.users["sub"])

    assert browser.get(f"/partner/network/{traded.ibs['master'].pk}/").status_code == 404
    assert browser.get(f"/partner/network/{traded.ibs['leaf'].pk}/").status_code == 200


def test_names_of_clients_are_masked(as_user: AsUser, traded: Book) -> None:
    html = as_user(traded.users["leaf"]).get("/partner/").content.decode()

    assert "A••• H•••" in html
    assert "Haddad" not in html


def test_long_levels_come_in_steps(as_user: AsUser, book: Book) -> None:
    for number in range(25):
        book.add_client(f"Client {number:02d}", "master")
    browser = as_user(book.users["master"])

    first = browser.get("/partner/").context["level"]
    rest = browser.get(f"/partner/network/{book.ibs['master'].pk}/", {"after": first.next_after}).context["level"]

    assert [row.code for row in first.rows][:1] == ["SUB"]
    assert (len(first.rows), len(rest.rows), rest.next_after) == (20, 6, "")
    assert not {row.key for row in first.rows} & {row.key for row in rest.rows}


def test_what_moved_away_keeps_its_line(as_user: AsUser, traded: Book) -> None:
    client = account_of("Thabo Nkosi").client
    move_client(client=client, ib=traded.ibs["leaf"], at=NOW, actor=SYSTEM, now=NOW)
    move_ib(ib=traded.ibs["sub"], parent=None, at=NOW, actor=SYSTEM, now=NOW)

    context = as_user(traded.users["master"]).get("/partner/").context

    assert context["level"].rows == []
    assert (context["level"].left.amount, context["level"].left.lots) == (Decimal("10.5"), Decimal("6.5"))
    assert context["figures"].earned.amount == Decimal("10.5")


# The rebates list


def test_rebates_name_the_reason_where_there_is_no_amount(as_user: AsUser, traded: Book) -> None:
    rows = as_user(traded.users["master"]).get("/partner/rebates/").context["page"].rows

    assert [(row.masked_name, row.level, row.lots, row.verdict, row.amount) for row in rows] == [
        ("A••• H•••", 3, Decimal(3), Verdict.BELOW_MIN_HOLD, Decimal(0)),
        ("T••• N•••", 1, Decimal("0.5"), Verdict.PAID, Decimal("4.5")),
        ("王•••", 2, Decimal(1), Verdict.PAID, Decimal(2)),
        ("A••• H•••", 3, Decimal(2), Verdict.PAID, Decimal(4)),
    ]


@pytest.mark.parametrize(
    ("query", "amounts"),
    [
        ("verdict=below_min_hold", ["0"]),
        ("verdict=nonsense", ["0", "4.5", "2", "4"]),
        ("client={code}", ["0", "4"]),
        ("client={login}&verdict=paid", ["4"]),
        ("client=nobody", []),
        ("since=2026-03-19&until=2026-03-19", ["2"]),
        ("since=2026-03-21&until=2026-03-19", ["0", "4.5", "2", "4"]),
        ("days=7", ["0", "4.5", "2", "4"]),
    ],
)
def test_rebates_are_narrowed(as_user: AsUser, traded: Book, query: str, amounts: list[str]) -> None:
    account = account_of("Amir Haddad")
    filled = query.format(code=account.client.code, login=account.login)

    page = as_user(traded.users["master"]).get(f"/partner/rebates/?{filled}").context["page"]

    assert [row.amount for row in page.rows] == [Decimal(amount) for amount in amounts]


def test_rebates_are_paged_without_gap_or_repetition(as_user: AsUser, book: Book) -> None:
    account = book.add_client("Amir Haddad", "leaf")
    deals = [book.trade(account, lots="0.01", at=NOW - timedelta(hours=7 * number)) for number in range(60)]
    book.judge(now=NOW)
    browser = as_user(book.users["leaf"])

    seen, before = [], ""
    while True:
        page = browser.get("/partner/rebates/", {"before": before}, headers=PARTIAL).context["page"]
        seen += [row.ticket for row in page.rows]
        before = page.next_before
        if not before:
            break

    assert seen == [deal.ticket for deal in deals]


def test_deals_of_one_moment_are_all_shown(as_user: AsUser, book: Book) -> None:
    account = book.add_client("Amir Haddad", "leaf")
    tickets = {book.trade(account, lots="0.01", at=NOW).ticket for _ in range(30)}
    book.judge(now=NOW)
    browser = as_user(book.users["leaf"])

    first = browser.get("/partner/rebates/").context["page"]
    rest = browser.get("/partner/rebates/", {"before": first.next_before}).context["page"]

    assert {row.ticket for row in (*first.rows, *rest.rows)} == tickets
    assert (len(first.rows), len(rest.rows)) == (25, 5)


def test_a_fragment_is_only_the_rows(as_user: AsUser, traded: Book) -> None:
    answer = as_user(traded.users["master"]).get("/partner/rebates/", headers=PARTIAL)

    assert answer.content.decode().startswith('<div id="rebates">')
    assert b"<html" not in answer.content


@pytest.mark.parametrize("deals", [1, 3])
def test_rebates_cost_the_same_for_one_and_three_deals(as_user: AsUser, book: Book, deals: int) -> None:
    account = book.add_client("Amir Haddad", "leaf")
    for number in range(deals):
        book.trade(account, at=NOW - timedelta(days=number))
    book.judge(now=NOW)
    browser = as_user(book.users["leaf"])
    browser.get("/partner/rebates/")

    with CaptureQueriesContext(connection) as queries:
        browser.get("/partner/rebates/")

    assert reads(queries) == 10


# The plan


def test_plan_shows_rates_and_conditions(as_user: AsUser, book: Book) -> None:
    context = as_user(book.users["sub"]).get("/partner/plan/").context

    assert [(row.scope, row.rate, row.levels) for row in context["rates"]] == [("all symbols", "7 USD per lot", "")]
    assert context["conditions"] == [
        ("What counts", "Closing deals count."),
        ("Partners below", "For clients of partners below you get your own rate less what was paid below you."),
        ("Close by", "Two positions that close each other count once."),
        ("Shortest holding time", "At least 60 seconds."),
        ("Own trades", "They are not paid for."),
    ]


def test_an_ib_without_a_plan_is_told_so(as_user: AsUser, book: Book) -> None:
    assign_plan(ib=book.ibs["leaf"], plan=None, at=NOW - timedelta(days=1), actor=SYSTEM, now=NOW)

    assert "No plan is assigned to you yet" in as_user(book.users["leaf"]).get("/partner/plan/").content.decode()
