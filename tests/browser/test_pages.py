"""Every page in every theme, language and width: accessible, within the policy, no wider than the screen, light."""

import gzip
from collections.abc import Callable

import pytest

from tests.browser.conftest import Visit
from tests.databases import ROOT

pytestmark = pytest.mark.browser

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
PARTNER = [
    "/partner/", "/partner/rebates/", "/partner/rebates/?client=nobody", "/partner/plan/", "{why}",
    "/partner/why/", "/partner/statements/", "{statement}", "/partner/level/", "/partner/sharing/", "{sub_share}",
    "{plan_accept}",
]  # fmt: skip
TRADER = [
    "/accounts/", "{account}", "{own_share}", "/accounts/rebates/", "{own_statement}", "/accounts/open/",
    "/accounts/orders/",
]  # fmt: skip
STAFF = [
    "/office/", "/office/held/", "/office/symbols/", "/office/mt-groups/", "/office/approvals/", "/office/clients/",
    "/office/ibs/", "/office/plans/", "/office/ledger/", "/office/audit/", "/office/search/?q=EURUSD",
    "/office/why/", "/office/why/impossible/", "/office/proof/", "/office/simulations/", "/office/corrections/",
    "/office/consents/", "/office/statements/", "{deal}why/", "{plan}", "{plan}publish/", "{plan}difference/",
    "/office/operations/", "{operation}", "/office/account-orders/", "{account_type}",
    "{plan}simulate/", "{plan}policy/", "{ib}plan/", "{ib}agreement/", "{ib}settlement/",
    "/office/statements/rules/", "/office/rates/", "{staff_statement}", "{staff_client}", "{staff_client}move/",
    "{account_move}",
    "/office/messages/", "{message}", "/office/mail/",
]  # fmt: skip
PAGES = {"": ["/sign-in/", "/nothing-here/"], "master": PARTNER, "trader": TRADER, "dana": STAFF}
# Each theme with each language and each width, each language with each width: all pairs, in six looks of twelve. A page
# is seen in two of them, which hold both themes and both widths, its neighbours in the others; with `-m soak` in all.
LOOKS = [
    ("light", "en", 1440),
    ("dark", "en", 390),
    ("light", "zh-hans", 390),
    ("dark", "zh-hans", 1440),
    ("light", "zh-hant", 1440),
    ("dark", "zh-hant", 390),
]
THIRDS = ({0, 5}, {1, 4}, {2, 3})
MOST_KB = {"/partner/": 120, "/office/": 120, "/accounts/": 110}
FIND_FAULTS = """
rules => axe.run(document, {runOnly: rules}).then(result => result.violations.flatMap(violation =>
    violation.nodes.map(node => `${violation.id}: ${node.html.slice(0, 120)} | ${node.any[0]?.message ?? ''}`)))
"""


@pytest.fixture(scope="module")
def axe() -> str:
    path = ROOT / "node_modules" / "axe-core" / "axe.min.js"
    assert path.exists(), "axe-core is missing: ./run test installs it"
    return path.read_text()


@pytest.mark.parametrize("every_page", [False, pytest.param(True, marks=pytest.mark.soak)])
@pytest.mark.parametrize("look", range(len(LOOKS)), ids=["-".join(map(str, look)) for look in LOOKS])
@pytest.mark.parametrize("person", PAGES)
def test_pages_are_accessible_within_the_policy_and_the_screen(
    visit: Callable[..., Visit], axe: str, person: str, look: int, *, every_page: bool
) -> None:
    theme, language, width = LOOKS[look]
    opened = visit(person, theme=theme, language=language, width=width)
    faults = []
    for place, name in enumerate(PAGES[person]):
        if look not in THIRDS[place % 3] and not every_page:
            continue
        path = name.format_map(opened.site.paths)
        opened.go(path)
        opened.page.evaluate(axe)
        faults += [f"{path}: {fault}" for fault in opened.page.evaluate(FIND_FAULTS, RULES)]
        wide = opened.page.evaluate("document.documentElement.scrollWidth")
        if wide > width:
            faults.append(f"{path}: {wide} pixels wide on a screen of {width}")
    expected = "status of 404"  # the browser's own line about the page that is not there
    faults += [complaint for complaint in opened.complaints if expected not in complaint]

    assert faults == []


@pytest.mark.parametrize(("person", "path"), [("master", "/partner/"), ("dana", "/office/"), ("trader", "/accounts/")])
def test_a_first_visit_is_light(visit: Callable[..., Visit], person: str, path: str) -> None:
    opened = visit(person)
    session = opened.page.context.new_cdp_session(opened.page)
    session.send("Network.enable")
    received: list[float] = []
    session.on("Network.loadingFinished", lambda event: received.append(event["encodedDataLength"]))

    opened.go(path)

    assert sum(received) / 1024 <= MOST_KB[path]
    assert len(received) <= 10


def test_script_and_styles_stay_small() -> None:
    packed = gzip.compress((ROOT / "static" / "build" / "app.js").read_bytes(), 9)
    styles = gzip.compress((ROOT / "static" / "build" / "app.css").read_bytes(), 9)

    assert len(packed) <= 15 * 1024
    assert len(styles) <= 30 * 1024
