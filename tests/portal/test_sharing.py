"""The sharing pages: an IB sets shares below it and for its clients, and sees its margin."""

from collections.abc import Callable

import pytest
from django.http import HttpResponse
from django.test import Client as Browser
from django.utils import timezone
from lxml import html

from access.models import User
from commissions.delegation.models import Delegation
from commissions.earnings import plan_in_force
from commissions.models import Plan
from tests.commissions.delegation.test_delegation import allow, shared_book
from tests.portal.book import Book

pytestmark = pytest.mark.integration


@pytest.fixture
def book(broker: object) -> Book:
    return shared_book()


def cells(answer: HttpResponse) -> list[list[str]]:
    body = html.fromstring(answer.content.decode()).xpath("//table/tbody/tr")
    return [[" ".join(cell.text_content().split()) for cell in row.xpath("./td")] for row in body]


def problems(answer: HttpResponse) -> list[str]:
    found = html.fromstring(answer.content.decode()).xpath("//*[@class='err']|//*[@role='alert']//p")
    return [" ".join(one.text_content().split()) for one in found]


def page_of(book: Book, ib: str) -> str:
    return f"/partner/sharing/{book.ibs[ib].pk}/"


def test_a_share_is_set_with_its_margin_in_view(book: Book, as_user: Callable[[User], Browser]) -> None:
    browser = as_user(book.users["master"])

    done = browser.post(page_of(book, "sub"), {"percent": "60", "row-1": "50", "seen": "0"}, follow=True)

    assert [row[:4] for row in cells(done)] == [
        ["all symbols", "9 USD per lot", "Goes below 5.4 USD per lot (60%)", "You keep 3.6 USD per lot"],
        ["metals", "20 USD per lot", "Goes below 10 USD per lot (50%)", "You keep 10 USD per lot"],
    ]  # fmt: skip
    assert "Sub Partners gets this share from now on." in done.content.decode()
    found = plan_in_force(ib_id=book.ibs["sub"].pk, at=timezone.now())
    assert found is not None
    assert [f"{rate.value:f}" for rate in found.terms.rates] == ["5.4", "10"]


def test_wrong_shares_are_told_beside_their_box_and_kept(book: Book, as_user: Callable[[User], Browser]) -> None:
    browser = as_user(book.users["master"])

    answer = browser.post(page_of(book, "sub"), {"percent": "81", "row-0": "x", "row-1": "-1", "seen": "0"})

    assert (answer.status_code, problems(answer)) == (
        422,
        [
            "Ensure this value is less than or equal to 80.", "Enter a number.",
            "Ensure this value is greater than or equal to 0.",
        ],
    )  # fmt: skip
    assert all(f'value="{text}"' in answer.content.decode() for text in ("81", "x", "-1"))
    assert Delegation.objects.count() == 0


def test_an_edit_of_another_window_is_not_overwritten(book: Book, as_user: Callable[[User], Browser]) -> None:
    browser = as_user(book.users["master"])
    browser.post(page_of(book, "sub"), {"percent": "60", "seen": "0"})

    answer = browser.post(page_of(book, "sub"), {"percent": "10", "seen": "0"})

    assert (answer.status_code, problems(answer)) == (
        422, ["This was changed from another window. Look at it again before you save."],
    )  # fmt: skip
    assert Delegation.objects.count() == 1


def test_the_own_clients_share_is_set(book: Book, as_user: Callable[[User], Browser]) -> None:
    browser = as_user(book.users["master"])

    wrong = browser.post("/partner/sharing/", {"percent": "51", "seen": "0"})
    done = browser.post("/partner/sharing/", {"percent": "25", "seen": "0"}, follow=True)

    assert (wrong.status_code, problems(wrong)) == (422, ["Ensure this value is less than or equal to 50."])
    assert cells(done)[0] == [
        "all symbols", "9 USD per lot", "Clients get 2.25 USD per lot (25%)", "You keep 6.75 USD per lot",
    ]  # fmt: skip


def test_only_partners_directly_below_are_there(book: Book, as_user: Callable[[User], Browser]) -> None:
    browser = as_user(book.users["sub"])

    answers = {ib: browser.get(page_of(book, ib)).status_code for ib in ("master", "sub", "leaf")}
    assert answers == {"master": 404, "sub": 404, "leaf": 200}
    assert as_user(book.users["master"]).get(page_of(book, "leaf")).status_code == 404


def test_without_leave_the_page_says_so(book: Book, as_user: Callable[[User], Browser]) -> None:
    allow(Plan.objects.get(code="master-plan"), sub=None, clients=None)
    browser = as_user(book.users["master"])

    shown = browser.get("/partner/sharing/").content.decode()
    refused = browser.post(page_of(book, "sub"), {"percent": "10", "seen": "0"})

    assert "Your plan does not let you set the shares of partners below you." in shown
    assert "Your plan does not let you give your clients a share." in shown
    assert (refused.status_code, Delegation.objects.count()) == (422, 0)
