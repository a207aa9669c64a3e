"""The ledger's pages: the proof of the trial balance, accounts with their owners, lines and entries."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext

from commissions.models import JudgeBatch
from ledger.enums import AccountKind, EntryKind, OwnerType
from ledger.queries import entries_visible_to
from ledger.services import ensure_accounts, post_entry, reverse_entry
from ledger.types import AccountSpec, EntrySpec, credit, debit
from mt4bridge.models import MtServer
from tests.backoffice.conftest import OPENED, SYSTEM, Network
from tests.backoffice.pages import facts, fragment, rows, text_of, tree

pytestmark = pytest.mark.integration

HOUSE = AccountSpec(AccountKind.REBATE_EXPENSE, "USD")
COST = 9  # statements of the page
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def accrued(ib_id: int, currency: str = "USD") -> AccountSpec:
    return AccountSpec(AccountKind.IB_ACCRUED, currency, OwnerType.IB, ib_id)


def open_accounts(*specs: AccountSpec) -> dict[str, int]:
    return ensure_accounts(specs=specs, now=OPENED)


def book(key: str, amount: str, ib_id: int, *, params: dict[str, object] | None = None) -> int:
    """Book a rebate for an IB; return the entry's id."""
    ids = open_accounts(HOUSE, accrued(ib_id))
    postings = (debit(ids[HOUSE.code], Decimal(amount)), credit(ids[accrued(ib_id).code], Decimal(amount)))
    entry = EntrySpec(key, EntryKind.REBATE_ACCRUAL, NOON, "rebate_accrual", postings, params or {})
    return post_entry(entry=entry, actor=SYSTEM, now=NOON + timedelta(seconds=2)).entry_id


def test_trial_balance_shows_each_currency_with_its_sum(office: Browser, network: Network) -> None:
    book("a", "10.12345678", network.grace.pk)
    book("b", "5", network.omar.pk)

    answer = office.get("/office/ledger/")

    assert rows(answer) == [
        ["Accrued to an IB", "Debit0.00 USD", "Credit15.12345678 USD", "−15.12345678 USD"],
        ["Rebate expense", "Debit15.12345678 USD", "Credit0.00 USD", "15.12345678 USD"],
    ]
    panel = tree(answer).xpath("//section[.//h2='Trial balance in USD']")[0]
    assert text_of(panel.xpath(".//tfoot")[0]) == "Sum of all accounts0.00 USD"
    assert "Sum 0: debits equal credits" in text_of(panel)


def test_accounts_name_their_owner_and_balance(office: Browser, network: Network) -> None:
    book("a", "10.5", network.grace.pk)

    answer = office.get("/office/ledger/")

    code = accrued(network.grace.pk).code
    assert rows(answer, table=1) == [
        [f"Accrued to an IB{code}", "Grace Tan", "10.50 USD", "—", "1"],
        ["Rebate expenserebate_expense:house:USD", "The broker", "10.50 USD", "—", "1"],
    ]


@pytest.mark.parametrize(
    ("query", "found"), [({"q": "expense"}, 1), ({"kind": "ib_accrued"}, 1), ({"q": "wallet"}, 0), ({}, 2)]
)
def test_accounts_are_filtered(office: Browser, network: Network, query: dict[str, str], found: int) -> None:
    book("a", "1", network.grace.pk)

    answer = fragment(office, "/office/ledger/?" + "&".join(f"{key}={value}" for key, value in query.items()))

    assert len(tree(answer).xpath("//tbody/tr")) == found


def test_an_unknown_kind_is_refused(office: Browser, network: Network) -> None:
    assert office.get("/office/ledger/", {"kind": "gold"}).status_code == 422


def test_an_empty_ledger_says_so(office: Browser) -> None:
    assert "Nothing is booked yet" in office.get("/office/ledger/").content.decode()


@pytest.mark.parametrize("count", [1, 3])
def test_page_costs_the_same_for_1_and_3_accounts(office: Browser, network: Network, count: int) -> None:
    for ib in (network.grace, network.omar, network.elena)[:count]:
        book(f"for {ib.pk}", "1", ib.pk)
    office.get("/office/ledger/")

    with CaptureQueriesContext(connection) as queries:
        answer = office.get("/office/ledger/")

    assert len(rows(answer, table=1)) == count + 1
    assert len(queries) == COST


def test_lines_of_an_account_follow_each_other_page_by_page(office: Browser, network: Network) -> None:
    entries = [book(f"entry {number}", f"{number + 1}", network.grace.pk) for number in range(120)]
    account_id = open_accounts(accrued(network.grace.pk))[accrued(network.grace.pk).code]
    base = f"/office/ledger/accounts/{account_id}/"

    page, seen = office.get(base), []
    while True:
        seen += [int(link.rpartition("entries/")[2].strip("/")) for link in tree(page).xpath("//tbody//a/@href")]
        more = tree(page).xpath("//a[@rel='next']/@href")
        if not more:
            break
        page = fragment(office, base + more[0])

    assert seen == entries[::-1]


def test_account_shows_balance_and_signed_lines(office: Browser, network: Network) -> None:
    entry_id = book("a", "10.5", network.grace.pk)
    entry = entries_visible_to(SYSTEM).get(pk=entry_id)
    reversal = reverse_entry(entry=entry, reason="wrong", actor=SYSTEM, now=NOON + timedelta(hours=1)).entry_id
    account_id = open_accounts(accrued(network.grace.pk))[accrued(network.grace.pk).code]

    answer = office.get(f"/office/ledger/accounts/{account_id}/")

    values = [text_of(value) for value in tree(answer).xpath("//*[@class='val']")]
    assert values == ["0.00 USD", "0.00 USD", "0.00 USD"]
    assert rows(answer) == [
        [
            f"Reversal{reversal}/2 · reverses {entry_id}",
            "2026-03-02 13:00:00",
            "2026-03-02 13:00:00",
            "test",
            "−10.50 USD",
        ],
        [f"Rebate earned{entry_id}/2", "2026-03-02 12:00:00", "2026-03-02 12:00:02", "test", "+10.50 USD"],
    ]


def test_entry_shows_postings_batch_and_reversal(office: Browser, network: Network, server: MtServer) -> None:
    batch = JudgeBatch.objects.create(
        server=server,
        kind="new",
        deals=12,
        judged=11,
        network_version=1,
        plan_version=1,
        booked_at=NOON,
        booking_day=NOON.date(),
    )
    entry_id = book("a", "10.5", network.grace.pk, params={"batch_id": batch.pk})
    entry = entries_visible_to(SYSTEM).get(pk=entry_id)
    reversal = reverse_entry(entry=entry, reason="wrong", actor=SYSTEM, now=NOON).entry_id

    answer = office.get(f"/office/ledger/entries/{entry_id}/")

    assert rows(answer) == [
        ["Rebate expense", "The broker", "Debit10.50 USD", ""],
        ["Accrued to an IB", "Grace Tan", "", "Credit10.50 USD"],
    ]
    assert facts(answer, "Batch of judged deals") == {
        "MT server": "Aurora-Live", "Judged": "New deals", "Deals looked at": "12", "Judgements written": "11",
        "Booked (UTC)": "2026-03-02 12:00:00",
    }  # fmt: skip
    assert facts(answer, "About")["Batch"] == str(batch.pk)
    banner = tree(answer).xpath("//*[@role='note']")[0]
    assert text_of(banner) == f"This entry is reversedJournal entry {reversal}"


@pytest.mark.parametrize("params", [{}, {"batch_id": 999_999}, {"batch_id": "x"}, {"batch_id": None}])
def test_entry_without_a_batch_shows_none(office: Browser, network: Network, params: dict[str, object]) -> None:
    entry_id = book("a", "1", network.grace.pk, params=params)

    answer = office.get(f"/office/ledger/entries/{entry_id}/")

    assert answer.status_code == 200
    assert "Batch of judged deals" not in answer.content.decode()
