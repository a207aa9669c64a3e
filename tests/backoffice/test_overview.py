"""The overview: what needs a decision, and how each MT server stands."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from access.models import User
from commissions.models import IbDay, Payee
from commissions.proof.enums import Rule
from commissions.proof.models import ProofDifference, ProofRun
from mt4bridge.models import MtServer
from tests.backoffice.conftest import OPENED, Network
from tests.backoffice.pages import fragment, text_of, tree
from trading.models import DealCursor, HeldDeal, MtGroup, Symbol
from trading.operations.models import OperationFinding

pytestmark = pytest.mark.integration

PAGE = "/office/"
COST = 10


def hold(server: MtServer, ticket: int) -> HeldDeal:
    return HeldDeal.objects.create(
        server=server, ticket=ticket, login=7, reason="unknown_login", payload={"symbol": "EURUSD"}, held_at=OPENED
    )


def cards(page: object) -> dict[str, str]:
    found = page.xpath("//a[contains(@class, 'kpi')]")
    return {text_of(card[0]): " ".join(text_of(part) for part in card[1:]) for card in found}


def test_cards_count_what_waits(office: Browser, server: MtServer) -> None:
    hold(server, 1)
    hold(server, 2)
    Symbol.objects.create(server=server, name="GER40", contract_size_e8=10**8, digits=1, quote_currency="EUR")
    MtGroup.objects.create(server=server, name="real\\cent", currency="USC")

    page = tree(office.get(PAGE))

    assert cards(page) == {
        "Held deals": "2 Wait to be read again",
        "Unclassified symbols": "1 Need a symbol group",
        "Groups without lot factor": "1 Their deals wait",
        "Accounts without a client": "0 Every account has one",
        "Changes on the servers": "0 Nothing waits",
        "Approvals": "0 Nobody waits for you",
    }


def test_the_tiles_are_what_the_reader_may_open_and_add_up_to_the_badge(
    new_staff: Callable[..., User], as_staff: Callable[[User], Browser], server: MtServer
) -> None:
    hold(server, 1)
    MtGroup.objects.create(server=server, name="real\\cent", currency="USC")
    OperationFinding.objects.create(server=server, ref="KR2", ticket=5, kind="strange", found_at=OPENED)
    rights = ("backoffice.view_overview", "trading.view_held_deal", "trading.view_operation")

    page = tree(as_staff(new_staff("Ana Lim", rights=rights)).get(PAGE))

    assert cards(page) == {
        "Held deals": "1 Wait to be read again",
        "Balance operations": "1 Wait for a decision",
        "Approvals": "0 Nobody waits for you",
    }
    assert text_of(page.xpath("//nav[contains(@class, 'btm')]//*[contains(@class, 'dot')]")[0]) == "2"


def test_menu_shows_the_counts_beside_their_queues(office: Browser, server: MtServer) -> None:
    hold(server, 1)

    menu = tree(office.get(PAGE)).xpath("//aside//nav")[0]

    assert [text_of(link) for link in menu.xpath(".//a")] == [
        "Overview", "Held deals1", "Symbols", "MT groups", "Accounts without a client",
        "Changes on the servers", "Approvals", "All clients", "Introducing brokers",
        "Why this rebate", "Rebate plans", "Accepted terms", "Ledger", "Nightly proof", "Audit trail",
    ]  # fmt: skip


def test_a_failing_server_says_what_is_wrong_in_words(office: Browser, server: MtServer) -> None:
    MtServer.objects.filter(pk=server.pk).update(
        failures=2, last_error_code="wrong_password", last_error_fields={"login": 1000}, last_error_at=timezone.now()
    )

    page = tree(office.get(PAGE))

    assert text_of(page.xpath("//*[@role='note']//p")[0]) == (
        "The trading server refuses manager 1000: the API password or the manager's right to connect is wrong. "
        "Set the password again; it is not the master password."
    )
    assert "Not reachable" in text_of(page.xpath("//section[.//h2='Aurora-Live']")[0])


def test_a_round_that_stops_is_told_as_such(office: Browser, server: MtServer) -> None:
    MtServer.objects.filter(pk=server.pk).update(
        failures=1, last_error_code="round_failed", last_error_at=timezone.now(),
        last_error_fields={"kind": "ZeroDivisionError", "place": "trading/services.py:1", "reference": "abc"},
    )  # fmt: skip

    page = tree(office.get(PAGE))

    said = text_of(page.xpath("//*[@role='note']//p")[0])
    assert said.startswith("The last round of this server stopped: ZeroDivisionError in trading/services.py:1.")
    assert "Rounds stop" in text_of(page.xpath("//section[.//h2='Aurora-Live']")[0])


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (None, "Not run yet"),
        ({"finished_at": None}, "Running, or broken off"),
        ({"finished_at": OPENED, "differences": 3}, "3 differences"),
        ({"finished_at": OPENED, "differences": 0}, "Everything agrees"),
    ],
)
def test_the_last_proof_stands_on_the_overview(office: Browser, values: dict[str, object] | None, said: str) -> None:
    if values is not None:
        ProofRun.objects.create(started_at=OPENED, cause="night", **values)

    panel = tree(office.get(PAGE)).xpath("//section[.//h2='Nightly proof']")[0]

    assert said in text_of(panel)


def test_the_proof_page_tells_a_line_in_its_own_language(office: Browser) -> None:
    run = ProofRun.objects.create(started_at=OPENED, finished_at=OPENED, cause="night", differences=2)
    values = {"ticket": "9", "server": "Gone", "reason": "unknown_login", "detail": "7"}
    said = "ticket %(ticket)s of %(server)s: %(reason)s %(detail)s"
    ProofDifference.objects.create(run=run, rule=Rule.HELD, detail=said % values, said=said, values=values)
    ProofDifference.objects.create(run=run, rule=Rule.GAP, detail="revision 3")
    office.cookies["django_language"] = "zh-hans"

    lines = [text_of(one) for one in tree(office.get("/office/proof/")).xpath("//section//li")]

    assert lines == ["revision 3", "Gone 的成交 9：没有此账号的交易账户 7"]


def test_the_proof_page_says_what_to_do_about_each_line(office: Browser) -> None:
    run = ProofRun.objects.create(started_at=OPENED, finished_at=OPENED, cause="night", differences=1)
    ProofDifference.objects.create(run=run, rule=Rule.NOT_STORED, detail="ticket 7, Aurora-Live, account 1, 2026-03-02")

    page = tree(office.get("/office/proof/"))

    panel = text_of(page.xpath("//section[.//h2='Deal of the MT server that is not stored']")[0])
    assert "ticket 7, Aurora-Live, account 1, 2026-03-02" in panel
    assert "Read the day again with the command rescan" in panel
    assert office.get("/office/proof/", {"run": "9" * 9}).status_code == 404


def test_a_server_is_complete_until_a_moment_of_its_own_clock(office: Browser, server: MtServer) -> None:
    until = datetime(2026, 3, 2, 12, 0, 7, tzinfo=UTC)  # New York winter + 7 h: two hours ahead of UTC
    MtServer.objects.filter(pk=server.pk).update(last_ok_at=timezone.now())
    DealCursor.objects.create(server=server, complete_until=until)

    panel = tree(office.get(PAGE)).xpath("//section[.//h2='Aurora-Live']")[0]

    labels = [text_of(name) for name in panel.xpath(".//dt")]
    values = dict(zip(labels, [text_of(value) for value in panel.xpath(".//dd")], strict=True))
    assert values["Complete until (server time)"] == "14:00:07 2 Mar 2026"
    assert values["Deals stored"] == "0"
    assert values["Held deals"] == "none"
    assert "Connected" in text_of(panel)


def test_rebate_of_today_sums_all_payees_unrounded(office: Browser, network: Network) -> None:
    payee = Payee.objects.create(kind="ib", ib=network.grace, currency="USD", ledger_account_id=1)
    today = timezone.now().date()
    for day, amount in ((today, "12.34567891"), (today, "-2.00000001"), (date(2026, 1, 5), "900")):
        IbDay.objects.create(
            payee_id=payee.pk, day=day, statement_day=day, symbol_group_id=0, via_ib_id=0,
            via_account_id=1 if amount.startswith("-") else 2, deals=1, amount=Decimal(amount), lots=Decimal(1),
        )  # fmt: skip

    card = tree(office.get(PAGE)).xpath("//div[contains(@class, 'kpi')]")[0]

    assert text_of(card.xpath(".//p[@class='val']")[0]) == "10.3456789 USD"


def test_polling_gets_304_until_something_changes(office: Browser, server: MtServer) -> None:
    tag = office.get(PAGE).headers["HX-PTag"]

    unchanged = fragment(office, PAGE, **{"HX-PTag": tag})
    hold(server, 1)
    changed = fragment(office, PAGE, **{"HX-PTag": tag})

    assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert changed.status_code == 200
    assert changed.headers["HX-PTag"] != tag
    assert cards(tree(changed))["Held deals"] == "1 Wait to be read again"
    assert b"<aside" not in changed.content


@pytest.mark.parametrize("count", [1, 3])
def test_overview_costs_the_same_for_1_and_3_servers(office: Browser, broker: object, count: int) -> None:
    for number in range(count):
        row = MtServer.objects.create(name=f"MT{number}", address="a:1", manager_login=1, history_from=OPENED)
        DealCursor.objects.create(server=row, complete_until=OPENED)
    office.get(PAGE)

    with CaptureQueriesContext(connection) as queries:
        office.get(PAGE)

    assert len(queries) == COST
