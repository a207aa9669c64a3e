"""A statement's way in the browser: reviewed by one person, confirmed by a second, paid, and seen by its partner."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visit

pytestmark = pytest.mark.browser


def test_a_statement_goes_from_review_to_the_partner(visit: Callable[..., Visit], settle: Callable[[], None]) -> None:
    dana, sam, master = visit("dana"), visit("sam", width=390), visit("master", width=390)

    dana.go("/office/statements/rules/")
    dana.page.get_by_label("Currency").fill("usd")
    dana.page.get_by_label("Two people from this amount on").fill("1")
    dana.page.get_by_role("button", name="Set the limit").click()
    expect(dana.page.locator("#toasts")).to_contain_text("The limit holds from now on.")

    dana.go("/office/statements/?state=review&ib=MASTER")
    dana.page.locator("#statements tbody a").first.click()
    number = re.search(r"/statements/(\d+)/$", dana.page.url)
    assert number
    dana.page.get_by_role("button", name="Approve").click()
    expect(dana.page.locator("#toasts")).to_contain_text("1 large statement waits for a second person.")

    sam.go("/office/approvals/")
    expect(sam.page.locator("article")).to_contain_text("Master Partners (MASTER)")
    sam.page.get_by_role("button", name="Approve").click()
    expect(sam.page.locator("#toasts")).to_contain_text("Approved and done.")
    settle()

    dana.go(f"/office/statements/{number[1]}/")
    expect(dana.page.get_by_role("main")).to_contain_text("In the wallet")
    master.go(f"/partner/statements/{number[1]}/")
    expect(master.page.locator(".pill", has_text="Paid").first).to_be_visible()
    with master.page.expect_download() as download:
        master.page.get_by_role("link", name="PDF").click()
    assert download.value.path().read_bytes()[:5] == b"%PDF-"
    assert [*dana.complaints, *sam.complaints, *master.complaints] == []
