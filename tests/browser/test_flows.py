"""What people do, in a real browser against a real web server."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visit
from tests.portal.book import PASSWORD

pytestmark = pytest.mark.browser


def test_signing_in_leads_to_the_partner_dashboard(visit: Callable[..., Visit]) -> None:
    opened = visit()
    opened.go("/partner/")

    opened.page.fill("[name=email]", "master@example.com")
    opened.page.fill("[name=password]", PASSWORD)
    opened.page.keyboard.press("Enter")

    expect(opened.page.get_by_role("heading", name="Partner dashboard")).to_be_visible()
    assert opened.page.url == f"{opened.site.base}/partner/"
    assert opened.complaints == []


def test_a_wrong_password_is_told_on_the_form(visit: Callable[..., Visit]) -> None:
    opened = visit()
    opened.go("/sign-in/")

    opened.page.fill("[name=email]", "nobody@example.com")
    opened.page.fill("[name=password]", "not the password at all")
    opened.page.keyboard.press("Enter")

    expect(opened.page.get_by_role("alert")).to_have_text("This e-mail address and password do not fit together.")


def test_the_network_opens_three_levels_by_keyboard(visit: Callable[..., Visit]) -> None:
    opened = visit("master")
    opened.go("/partner/")
    page = opened.page

    page.locator("x-treegrid tbody tr").first.focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator('tr[data-level="2"]')).to_have_count(2)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    expect(page.locator('tr[data-level="3"]')).to_have_count(1)
    page.keyboard.press("ArrowRight")

    assert page.evaluate("document.activeElement.dataset.level") == "3"
    page.keyboard.press("ArrowLeft")
    assert page.evaluate("document.activeElement.dataset.level") == "2"
    page.keyboard.press("ArrowLeft")
    expect(page.locator('tr[data-level="3"]')).to_be_hidden()
    page.keyboard.press("ArrowRight")
    expect(page.locator('tr[data-level="3"]')).to_be_visible()
    assert opened.complaints == []


def test_a_rebate_leads_to_its_calculation_and_file(visit: Callable[..., Visit]) -> None:
    opened = visit("master")
    opened.go("/partner/rebates/")
    page = opened.page

    page.get_by_role("link", name="Why this amount").first.click()
    expect(page.get_by_role("heading", name="Calculation")).to_be_visible()
    expect(page.get_by_role("row").filter(has_text="18 − 14").first).to_contain_text("4 USD")
    with page.expect_download() as download:
        page.get_by_role("link", name="Calculation as JSON").click()

    assert download.value.suggested_filename.startswith("why-")
    assert opened.complaints == []


def test_filters_narrow_the_list_and_the_address_follows(visit: Callable[..., Visit]) -> None:
    opened = visit("master")
    opened.go("/partner/rebates/")
    page = opened.page

    page.get_by_label("Result").select_option("below_min_hold")
    expect(page.locator("#rebates tbody tr")).to_have_count(1)
    assert "verdict=below_min_hold" in page.url
    page.reload()

    expect(page.locator("#rebates tbody tr")).to_have_count(1)
    expect(page.get_by_label("Result")).to_have_value("below_min_hold")
    assert opened.complaints == []


def test_older_rows_come_without_leaving_the_page_and_back_returns(visit: Callable[..., Visit]) -> None:
    opened = visit("trader")
    opened.go(opened.site.paths["account"])
    page = opened.page
    newest = page.locator("#trades tbody tr").first.get_attribute("id")

    page.get_by_role("link", name="Older").click()
    expect(page.get_by_role("link", name="Newest")).to_be_visible()
    assert page.locator("#trades tbody tr").first.get_attribute("id") != newest
    page.go_back()

    expect(page.locator(f"#{newest}")).to_be_visible()
    expect(page.get_by_role("heading", name="Account")).to_be_visible()
    assert opened.complaints == []


def test_the_chart_answers_the_pointer_and_has_a_table(visit: Callable[..., Visit]) -> None:
    opened = visit("master")
    opened.go("/partner/")
    page = opened.page

    page.locator(".chart .col").nth(25).hover()
    expect(page.locator("x-chart .tip")).to_contain_text("Direct clients")
    page.get_by_role("button", name="As table").click()

    expect(page.get_by_role("region", name="Rebate per day").locator("tbody tr")).to_have_count(30)
    assert opened.complaints == []


def test_an_explanation_opens_and_escape_closes_it(visit: Callable[..., Visit]) -> None:
    opened = visit("master", width=390)
    opened.go("/partner/")
    page = opened.page

    page.get_by_role("button", name="What is this? Ready to pay out").click()
    explanation = page.get_by_text("What the broker’s ledger holds for you now")
    expect(explanation).to_be_visible()
    page.keyboard.press("Escape")

    expect(explanation).to_be_hidden()


def test_the_language_changes_and_stays(visit: Callable[..., Visit]) -> None:
    opened = visit("master")
    opened.go("/partner/")
    page = opened.page

    page.get_by_role("button", name="Master Partners").click()
    page.get_by_role("button", name="简体中文").click()
    expect(page.get_by_role("heading", name="代理首页")).to_be_visible()
    opened.go("/partner/rebates/")

    expect(page.get_by_role("heading", name="返佣", exact=True)).to_be_visible()
    assert page.evaluate("document.documentElement.lang") == "zh-Hans"
    assert opened.complaints == []


def test_the_theme_changes_at_once_and_stays(visit: Callable[..., Visit]) -> None:
    opened = visit("trader")
    opened.go("/accounts/")
    page = opened.page
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")

    page.get_by_role("button", name="Switch light or dark").click()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != light
    page.reload()

    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert opened.complaints == []


def test_a_lost_connection_is_told_and_changes_nothing(visit: Callable[..., Visit]) -> None:
    opened = visit("master")
    opened.go("/partner/")
    page = opened.page

    page.context.set_offline(True)
    page.locator("x-treegrid .tw").first.click()

    expect(page.locator("#toasts")).to_have_text("No connection. Nothing was changed.")
    expect(page.locator("x-treegrid tbody tr").first).to_have_attribute("aria-expanded", "false")


def test_signing_out_closes_the_pages(visit: Callable[..., Visit]) -> None:
    opened = visit()
    opened.go("/sign-in/")
    page = opened.page
    page.fill("[name=email]", "sub@example.com")
    page.fill("[name=password]", PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Partner dashboard")).to_be_visible()

    page.get_by_role("button", name="Sub Partners").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.go_back()

    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
