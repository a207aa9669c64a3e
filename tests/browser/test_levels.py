"""Levels in the browser: every page accessible in every look, and a change approved by ticks alone."""

from collections.abc import Callable

import pytest

from tests.browser.conftest import Visit
from tests.browser.test_pages import FIND_FAULTS, LOOKS, RULES, THIRDS, axe

__all__ = ["axe"]
pytestmark = pytest.mark.browser
STAFF = ["/office/levels/", "/office/levels/ladders/", "/office/levels/exclusions/", "/office/levels/ladders/new/"]


def faults_here(opened: Visit, script: str, width: int) -> list[str]:
    opened.page.evaluate(script)
    found = [f"{opened.page.url}: {fault}" for fault in opened.page.evaluate(FIND_FAULTS, RULES)]
    wide = opened.page.evaluate("document.documentElement.scrollWidth")
    return [*found, f"{opened.page.url}: {wide} pixels wide"] if wide > width else found


@pytest.mark.parametrize(("theme", "language", "width"), [LOOKS[place] for place in sorted(THIRDS[0])])
def test_level_pages_are_accessible(
    visit: Callable[..., Visit], axe: str, theme: str, language: str, width: int
) -> None:
    opened = visit("dana", theme=theme, language=language, width=width)
    faults = []
    for path in STAFF:
        opened.go(path)
        faults += faults_here(opened, axe, width)
    opened.go("/office/levels/")
    opened.page.locator("td a[href*='/levels/results/']").first.click()
    faults += faults_here(opened, axe, width)
    opened.page.locator("main header a[href*='/levels/evaluations/']").click()
    faults += faults_here(opened, axe, width)
    opened.page.locator("main header a[href*='/levels/ladders/']").click()
    faults += faults_here(opened, axe, width)
    opened.page.locator("a[href$='/publish/']").click()
    faults += faults_here(opened, axe, width)
    mine = visit("leaf", theme=theme, language=language, width=width)
    mine.go("/partner/level/")
    mine.page.locator("details summary").first.click()
    faults += faults_here(mine, axe, width)

    assert [*faults, *opened.complaints, *mine.complaints] == []


def test_a_change_is_approved_from_the_queue(visit: Callable[..., Visit]) -> None:
    opened = visit("dana")
    opened.go("/office/levels/")
    before = opened.page.locator("tbody tr").count()

    opened.page.locator("tbody tr", has_text="Leaf Partners").locator("input[type=checkbox]").check()
    opened.page.get_by_role("button", name="Approve ticked").click()

    assert opened.page.locator("#toasts").get_by_text("1 change is decided.").count() == 1
    assert opened.page.locator("tbody tr").count() == before - 1
    opened.go("/office/levels/exclusions/")
    assert opened.page.locator("tbody tr").inner_text().startswith("Sub Partners")
    assert opened.complaints == []
