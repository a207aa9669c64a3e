"""An IB's own level: what is missing, until when, and the reason of each period; nothing of others."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client as Browser

from access.models import User
from commissions.levels.changes import apply_change, place_ib
from commissions.levels.enums import ApprovalNeed
from commissions.levels.evaluation import evaluate_period, measure_progress, next_duty
from commissions.levels.exclusions import exclude_ib
from commissions.levels.models import Ladder, LevelResult, LevelRun
from commissions.levels.periods import PeriodKind, period_of
from commissions.levels.queries import open_automatic
from tests.backoffice.pages import heading, rows, text_of, tree
from tests.commissions.levels.world import BRONZE, GOLD, SILVER, publish, terms
from tests.portal.book import OPENED, SYSTEM, Book, open_book
from ui.templatetags.ui import day

pytestmark = pytest.mark.integration
NOW = datetime.now(UTC)
MONTH = period_of(PeriodKind.MONTH, (NOW.replace(day=1) - timedelta(days=1)).date())
SINCE = MONTH.moments("UTC")[0]


@pytest.fixture
def book(broker: object) -> Book:
    return open_book()


def evaluate(ladder: Ladder) -> LevelRun:
    duty = next_duty(ladder, now=NOW)
    assert duty
    return evaluate_period(duty=duty, now=NOW)


def sentences(browser: Browser) -> list[str]:
    found = tree(browser.get("/partner/level/")).xpath("//details/summary")
    return [text_of(each) for each in found]


def panel(browser: Browser, title: str) -> list[str]:
    page = tree(browser.get("/partner/level/"))
    items = page.xpath("//section[.//h2[normalize-space()=$title]]//li", title=title)
    return [text_of(item) for item in items]


def test_without_a_ladder_the_page_says_so(book: Book, as_user: Callable[[User], Browser]) -> None:
    page = as_user(book.users["leaf"]).get("/partner/level/")

    assert heading(page) == "My level"
    assert "No levels here yet" in page.content.decode()


def test_the_way_to_the_next_level(book: Book, as_user: Callable[[User], Browser]) -> None:
    account = book.add_client("Amir", "leaf")
    book.trade(account, lots="12.5", at=NOW)
    ladder = publish(terms(BRONZE, SILVER, GOLD, demotion_after=2))
    place_ib(ib=book.ibs["leaf"], ladder=ladder, level_code="silver", at=SINCE, reason="", actor=SYSTEM, now=OPENED)
    measure_progress(ladder=ladder, now=NOW + timedelta(seconds=1))
    browser = as_user(book.users["leaf"])

    assert heading(browser.get("/partner/level/")) == "My level: Silver"
    assert panel(browser, "On to Gold") == [
        "Closed volume, lots12.50 / 50.00 25 % 37.50 missing", "Active clients1 / 2 50 % 1 missing",
    ]  # fmt: skip
    assert panel(browser, "To keep Silver") == ["Closed volume, lots12.50 / 10.00 100 % reached"]
    assert [row[0] for row in rows(browser.get("/partner/level/"))] == ["Gold", "Silver You are here", "Bronze"]


def test_history_tells_each_period_and_its_reason(book: Book, as_user: Callable[[User], Browser]) -> None:
    book.trade(book.add_client("Amir", "leaf"), lots="12", at=SINCE + timedelta(days=2))
    ladder = publish(terms(BRONZE, SILVER, effective_date=MONTH.first))
    evaluate(ladder)
    for result in open_automatic(ladder):
        apply_change(result=result, actor=SYSTEM, now=NOW)

    (line,) = sentences(as_user(book.users["leaf"]))

    assert line.endswith(f"BronzeFrom {day(MONTH.end)} on your level is Silver.")


def test_what_waits_for_a_decision_is_not_told_yet(book: Book, as_user: Callable[[User], Browser]) -> None:
    book.trade(book.add_client("Amir", "leaf"), lots="12", at=SINCE + timedelta(days=2))
    evaluate(publish(terms(BRONZE, SILVER, effective_date=MONTH.first, approval=ApprovalNeed.ALWAYS)))

    (line,) = sentences(as_user(book.users["leaf"]))

    assert line.endswith("BronzeYour broker is looking at the result.")


def test_staffs_own_reasons_stay_with_staff(book: Book, as_user: Callable[[User], Browser]) -> None:
    ladder = publish(terms(BRONZE, SILVER, effective_date=MONTH.first))
    exclude_ib(ib=book.ibs["leaf"], reason="threatened to leave", until=None, actor=SYSTEM, now=SINCE)
    evaluate(ladder)
    measure_progress(ladder=ladder, now=NOW)

    page = as_user(book.users["leaf"]).get("/partner/level/").content.decode()

    assert "Your level is agreed with your broker" in page
    assert "threatened to leave" not in page


def test_an_ib_sees_its_own_results_only(book: Book, as_user: Callable[[User], Browser]) -> None:
    book.trade(book.add_client("Amir", "leaf"), lots="12", at=SINCE + timedelta(days=2))
    evaluate(publish(terms(BRONZE, SILVER, GOLD, effective_date=MONTH.first)))
    assert LevelResult.objects.count() == 3

    lines = sentences(as_user(book.users["sub"]))

    assert len(lines) == 1
