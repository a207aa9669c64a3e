"""The list of rebates on a broker with many deals: the same rows, whichever way they are found."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from commissions import earnings
from commissions.calculation import Verdict
from commissions.earnings import RebatePage, rebates
from portal.periods import Period, day_bounds
from tests.portal.book import Book, open_book

pytestmark = pytest.mark.integration

NOW = datetime(2026, 3, 20, 12, 0, tzinfo=UTC)
DAYS = day_bounds(Period(date(2026, 3, 11), date(2026, 3, 20)), "UTC")


@pytest.fixture
def book(broker: object) -> Book:
    return open_book()


def all_pages(book: Book, *, ib: str, limit: int, verdict: Verdict | None = None) -> list[RebatePage]:
    pages, before = [], None
    while not pages or before:
        page = rebates(ib_id=book.ibs[ib].pk, days=DAYS, verdict=verdict, before=before, limit=limit)
        pages.append(page)
        before = page.next_before
    return pages


@pytest.mark.parametrize("others", [5, 120])
def test_pages_are_the_same_among_many_deals_of_others(book: Book, others: int) -> None:
    """With few deals of others the newest of all hold the page; among many, everybody below is asked."""
    own, strange = book.add_client("Amir Haddad", "leaf"), book.add_client("Eva Lang", None)
    for number in range(others):
        book.trade(strange, at=NOW - timedelta(minutes=7 * number))
    deals = [book.trade(own, at=NOW - timedelta(minutes=70 * number)) for number in range(9)]
    book.judge(now=NOW)

    for ib in ("leaf", "master"):
        pages = all_pages(book, ib=ib, limit=2)

        assert [row.ticket for page in pages for row in page.rows] == [deal.ticket for deal in deals]
        assert {len(page.rows) for page in pages[:-1]} == {2}


def test_deals_of_one_moment_are_neither_lost_nor_shown_twice(book: Book) -> None:
    own = book.add_client("Amir Haddad", "sub")
    deals = [book.trade(own, at=NOW) for _number in range(60)]
    book.judge(now=NOW)

    rows = [row.ticket for page in all_pages(book, ib="master", limit=3) for row in page.rows]

    assert rows == [deal.ticket for deal in reversed(deals)]


def test_a_rare_verdict_is_looked_for_some_deals_at_a_time(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(earnings, "FIRST_LOOK", 2)
    monkeypatch.setattr(earnings, "MOST_LOOKED_AT", 2)
    own = book.add_client("Amir Haddad", "leaf")
    rare = book.trade(own, at=NOW - timedelta(days=8), held=timedelta(seconds=5))
    for number in range(8):
        book.trade(own, at=NOW - timedelta(days=number))
    book.judge(now=NOW)

    pages = all_pages(book, ib="leaf", limit=5, verdict=Verdict.BELOW_MIN_HOLD)

    assert [[row.ticket for row in page.rows] for page in pages] == [[], [], [], [], [rare.ticket]]


def test_a_client_is_found_by_its_login_or_its_code_over_all_days(book: Book) -> None:
    own, beside = book.add_client("Amir Haddad", "leaf"), book.add_client("Eva Lang", "sub")
    for account, lots in ((own, "1"), (own, "2"), (beside, "4")):
        book.trade(account, lots=lots, at=NOW - timedelta(days=int(lots)))
    book.judge(now=NOW)

    found = [
        [row.lots for row in rebates(ib_id=book.ibs["master"].pk, days=DAYS, client=client).rows]
        for client in (str(own.login), own.client.code, str(beside.login), "nobody", "9" * 30)
    ]

    assert found == [[Decimal(1), Decimal(2)], [Decimal(1), Decimal(2)], [Decimal(4)], [], []]
