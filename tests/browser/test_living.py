"""What lives on a page: questions before an act that is hard to undo, and parts that refresh themselves."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from playwright.sync_api import Route, expect

from mt4bridge.types import AccountState
from tests.browser.conftest import Visit
from trading.accounts import store_snapshots
from trading.models import TradingAccount

pytestmark = pytest.mark.browser

NOTE_BARS = """() => {
    window.bars = [];
    const bar = document.querySelector('#loadbar');
    new MutationObserver(() => window.bars.push(bar.className)).observe(bar, {attributes: true});
}"""


def test_a_question_is_left_without_consequence_and_answered_by_its_button(visit: Callable[..., Visit]) -> None:
    opened = visit("dana", width=390, theme="dark")
    opened.go("/office/servers/")
    page = opened.page
    page.get_by_role("link", name="Aurora-Live").click()
    ask, question = page.get_by_role("button", name="Switch off"), page.get_by_role("dialog")

    ask.click()
    expect(question).to_contain_text("Switch Aurora-Live off?")
    box = question.bounding_box()
    page.keyboard.press("Escape")
    expect(question).to_be_hidden()
    ask.click()
    question.get_by_role("button", name="Cancel").click()
    expect(question).to_be_hidden()
    page.reload()
    ask.click()
    question.get_by_role("button", name="Switch off").click()

    assert box is not None
    assert (box["x"] >= 0, box["x"] + box["width"] <= 390) == (True, True)
    expect(page.locator("#toasts")).to_contain_text("Aurora-Live is switched off.")
    page.get_by_role("button", name="Switch on").click()
    expect(page.locator("#toasts")).to_contain_text("Aurora-Live is switched on.")
    assert opened.complaints == []


def test_a_part_refreshes_itself_without_a_bar_and_leaves_an_open_question_open(
    visit: Callable[..., Visit], served: Callable[[Callable[[], object]], None]
) -> None:
    opened = visit("dana")
    page = opened.page
    page.clock.install()
    opened.go(opened.site.paths["staff_client"])
    page.get_by_role("button", name="Archive").click()
    question = page.get_by_role("dialog")
    expect(question).to_be_visible()
    page.evaluate(NOTE_BARS)
    served(_new_balance)
    page.route("**/office/clients/*/", _slowly)

    page.clock.run_for(5_000)

    expect(page.locator("#client-live")).to_contain_text("4,321.09")
    expect(question).to_be_visible()
    assert page.evaluate("window.bars") == []
    assert opened.complaints == []


def _slowly(route: Route) -> None:
    time.sleep(0.3)  # twice what a bar waits for
    route.continue_()


def _new_balance() -> None:
    account = TradingAccount.objects.get(client__user__email="trader@example.com")
    state = AccountState(
        login=account.login, balance=Decimal("4321.09"), credit=Decimal(0), equity=Decimal("4321.09"),
        margin=Decimal(0), margin_free=Decimal("4321.09"), floating=Decimal(0), currency_digits=2,
    )  # fmt: skip
    store_snapshots(server_id=account.server_id, states=[state], positions=[], now=datetime.now(UTC))
