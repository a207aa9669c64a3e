"""The bell: one's own notices, and nobody else's."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client as Browser
from django.utils import timezone

from access.models import SignInAttempt, User
from clients.models import Client
from notifications.models import InAppNotice, Message
from notifications.services import queue_notice
from notifications.types import Recipient
from tests.backoffice.pages import fragment, text_of, tree
from tests.portal.conftest import PASSWORD

pytestmark = pytest.mark.integration


def tell(user: User, amount: str) -> InAppNotice:
    params = {"amount": amount, "currency": "USD", "first": "2026-02-01", "last": "2026-02-28"}
    to = Recipient(user_id=user.pk, name=user.name, email="")
    queue_notice(kind="statement_paid", to=to, params=params, key=f"paid:{amount}", now=timezone.now())
    return InAppNotice.objects.get(user=user, key=f"paid:{amount}")


def bell(browser: Browser) -> tuple[str, list[str]]:
    page = tree(fragment(browser, "/notices/"))
    return page.xpath("//button")[0].get("aria-label"), [text_of(row.xpath(".//span")[0]) for row in page.xpath("//li")]


def said(amount: str) -> str:
    return f"USD {amount} of your statement for 2026-02-01 to 2026-02-28 were paid."


def test_bell_counts_and_lists_ones_own(
    trader: Client, new_user: Callable[..., User], as_user: Callable[[User], Browser]
) -> None:
    tell(trader.user, "10.00")
    tell(trader.user, "20.00")
    tell(new_user("other@example.com"), "99.00")

    browser = as_user(trader.user)

    assert bell(browser) == ("Notices, 2 unread", [f"Unread: {said('20.00')}", f"Unread: {said('10.00')}"])


def test_the_bell_alone_is_no_page(trader: Client, as_user: Callable[[User], Browser]) -> None:
    answer = as_user(trader.user).get("/notices/")

    assert (answer.status_code, answer.headers["Location"]) == (302, "/")


def test_opening_one_marks_it_and_leads_on(trader: Client, as_user: Callable[[User], Browser]) -> None:
    notice = tell(trader.user, "10.00")
    browser = as_user(trader.user)

    answer = browser.post("/notices/read/", {"notice": notice.pk})

    assert (answer.status_code, answer.headers["Location"]) == (302, "/partner/statements/")
    assert bell(browser) == ("Notices", [said("10.00")])


def test_all_are_marked_at_once(
    trader: Client, new_user: Callable[..., User], as_user: Callable[[User], Browser]
) -> None:
    other = tell(new_user("other@example.com"), "99.00")
    tell(trader.user, "10.00")
    browser = as_user(trader.user)

    answer = browser.post("/notices/read/")

    assert (answer.status_code, bell(browser)[0]) == (200, "Notices")
    other.refresh_from_db()
    assert other.read_at is None


def test_another_ones_notice_cannot_be_read(
    trader: Client, new_user: Callable[..., User], as_user: Callable[[User], Browser]
) -> None:
    other = tell(new_user("other@example.com"), "99.00")

    answer = as_user(trader.user).post("/notices/read/", {"notice": other.pk})

    other.refresh_from_db()
    assert (answer.status_code, other.read_at) == (404, None)


def test_a_sign_in_from_a_new_place_is_told(trader: Client, browser: Browser) -> None:
    lately = timezone.now() - timedelta(days=2)
    form = {"email": trader.user.email, "password": PASSWORD}

    browser.post("/sign-in/", form)
    assert not Message.objects.exists()
    SignInAttempt.objects.update(at=lately)
    browser.post("/sign-in/", form)
    assert not Message.objects.exists()
    browser.post("/sign-in/", form, REMOTE_ADDR="203.0.113.9")
    browser.post("/sign-in/", form, REMOTE_ADDR="203.0.113.9")

    [message] = Message.objects.all()
    assert (message.kind, message.to_address, message.params["ip"]) == (
        "new_sign_in", trader.user.email, "203.0.113.9",
    )  # fmt: skip
    assert InAppNotice.objects.filter(user=trader.user, kind="new_sign_in").count() == 1
