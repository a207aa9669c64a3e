"""The plan editor in a real browser: a block pasted from a spreadsheet, errors beside cells, phones, keys."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit
from tests.browser.test_pages import FIND_FAULTS, RULES, axe

pytestmark = pytest.mark.browser

__all__ = ["axe"]  # the fixture
PASTE = """([selector, text]) => {
    const box = document.querySelector(selector);
    const data = new DataTransfer();
    data.setData('text/plain', text);
    box.focus();
    box.dispatchEvent(new ClipboardEvent('paste', {clipboardData: data, bubbles: true, cancelable: true}));
}"""
BLOCK = (
    "symbol group\tmetals\tper lot\tUSD\t12.5\nsymbol\tXAUUSD\tof the commission\t40%\r\n"
    "symbol group\toil\tper lot\tEUR\t3\n"
)


@pytest.fixture
def editor(visit: Callable[..., Visit]) -> Iterator[Callable[..., Visit]]:
    """Return an opener of the editor of Master's plan, which is left without a draft."""
    opened: list[Visit] = []

    def open_editor(**look: object) -> Visit:
        visited = visit("dana", **look)
        visited.go("/office/plans/")
        visited.page.locator("a[href^='/office/plans/']").filter(has_text="Master plan").click()
        visited.page.locator("a[href$='/publish/']").click()
        visited.page.wait_for_url("**/publish/", wait_until="load")  # the sheet's script has run then
        expect(visited.page.locator("x-sheet:defined")).to_be_attached()
        opened.append(visited)
        return visited

    yield open_editor
    for each in opened:
        each.page.goto(f"{each.page.url.partition('publish/')[0]}publish/")
        each.page.locator("button[value=discard]").click()


def values(page: Page, line: int) -> list[str]:
    """Return kind, name, base, currency and the rate of a line."""
    names = [*(f"line-{line}-{name}" for name in ("kind", "name", "base", "currency")), f"cell-{line}-0-0"]
    return [page.locator(f"[name='{name}']").input_value() for name in names]


def test_a_block_of_a_spreadsheet_fills_the_grid_and_is_kept(editor: Callable[..., Visit]) -> None:
    opened = editor()
    page = opened.page

    page.evaluate(PASTE, ["[name='line-1-kind']", BLOCK])
    expect(page.locator("#draft-state")).to_contain_text("Draft kept")
    page.reload()

    assert [values(page, line) for line in (1, 2, 3)] == [
        ["symbol_group", "metals", "per_lot", "USD", "12.5"],
        ["symbol", "XAUUSD", "commission", "", "40"],
        ["symbol_group", "oil", "per_lot", "EUR", "3"],
    ]
    assert opened.complaints == []


def test_cells_without_a_column_are_told(editor: Callable[..., Visit]) -> None:
    page = editor().page

    page.evaluate(PASTE, ["[name='cell-0-0-0']", "8\t7\n6\t5"])

    expect(page.locator("#toasts")).to_have_text("Some pasted cells found no column. Add the columns first.")
    assert [page.locator(f"[name='cell-{line}-0-0']").input_value() for line in (0, 1)] == ["8", "6"]


@pytest.mark.parametrize("width", [390, 1440])
def test_an_error_stands_beside_its_cell_and_the_page_is_no_wider(
    editor: Callable[..., Visit], axe: str, width: int
) -> None:
    opened = editor(width=width)
    page = opened.page
    page.locator("button[value=add_column]").click()
    page.fill("[name='column-1']", "real\\raw")
    page.fill("[name='cell-0-0-1']", "a lot")

    page.locator("button[value=preview]").click()

    cell = page.locator("[name='cell-0-0-1']")
    expect(cell).to_have_attribute("aria-invalid", "true")
    note = page.locator("#e-cell-0-0-1")
    expect(note).to_contain_text("“a lot” is not a number.")
    below = note.bounding_box()["y"] - cell.bounding_box()["y"]  # type: ignore[index]
    assert 0 < below < 90
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.evaluate(axe)
    assert page.evaluate(FIND_FAULTS, RULES) == []
    assert [each for each in opened.complaints if "422" not in each] == []


def test_enter_and_arrows_walk_down_and_add_a_line(editor: Callable[..., Visit]) -> None:
    page = editor().page
    page.locator("[name='cell-0-0-0']").focus()

    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.name") == "cell-1-0-0"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.name") == "cell-2-0-0"
    page.keyboard.type("3")
    page.keyboard.press("ArrowUp")
    assert page.evaluate("document.activeElement.name") == "cell-1-0-0"
    page.locator("[data-crm-remove-line]").nth(2).click()

    assert page.locator("tr[data-crm-line]").count() == 2


def test_a_draft_is_read_in_words_and_published(editor: Callable[..., Visit]) -> None:
    opened = editor()
    page = opened.page
    page.fill("[name='cell-0-0-0']", "9.5")
    page.fill("[name='effective_from']", "2035-01-01T00:00:00")

    page.locator("button[value=preview]").click()
    expect(page.get_by_role("region", name="Rates", exact=True)).to_contain_text("9.5 USD per lot")
    page.get_by_role("button", name="Publish this version").click()

    expect(page.get_by_text("Planned").first).to_be_visible()
    assert opened.complaints == []
