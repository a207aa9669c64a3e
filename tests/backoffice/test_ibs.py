"""The network of IBs: level by level, one IB, and the move whose effect is shown first."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from access.models import AuditEvent
from commissions.models import Judgement, Payee
from commissions.services import assign_plan, create_plan
from ib.models import IB, IbLink
from ib.services import set_agreement
from ib.types import Terms
from tests.backoffice.conftest import OPENED, SYSTEM, Network, make_ib
from tests.backoffice.pages import errors, facts, fragment, messages, rows, text_of, tree

pytestmark = pytest.mark.integration

FEBRUARY = datetime(2026, 2, 1, tzinfo=UTC)
COST = 9  # statements of the list; one of them asks whether the numbered tree holds at this moment


def judge(deal_id: int, network: Network, *, at: datetime, revision: int = 0, chain: tuple[IB, ...]) -> None:
    """Store a judgement of a deal of Omar's client, whose chain is these IBs."""
    payees = [
        Payee.objects.get_or_create(ib=ib, currency="USD", defaults={"kind": "ib", "ledger_account_id": ib.pk})[0]
        for ib in chain
    ]
    arrays = [0] * len(payees)
    Judgement.objects.create(
        deal_id=deal_id, account_id=network.account.pk, leaf_ib_id=chain[0].pk, deal_at=at, lots_e8=10**8, batch_id=1,
        symbol_group_id=0, day=at.date(), revision=revision, deal_revision=0,
        levels=len(payees), terms_hash=uuid4(), payee=[payee.pk for payee in payees], verdict=arrays, rate_row=arrays,
        amount_e8=arrays, booked_e8=arrays if revision else None,
    )  # fmt: skip


def test_list_shows_the_top_with_what_stands_below(office: Browser, network: Network) -> None:
    gold = create_plan(code="gold", name="Gold", actor=SYSTEM, now=OPENED)
    assign_plan(ib=network.grace, plan=gold, at=OPENED, actor=SYSTEM, now=OPENED)

    answer = office.get("/office/ibs/")

    assert rows(answer) == [
        ["Grace Tan7013 · USD", "Gold", "1", "0", "1"],
        ["Elena Popescu7020 · USD", "No plan", "—", "0", "0"],
    ]
    opened = tree(answer).xpath("//tr[@aria-expanded]//button/@hx-get")
    assert opened == [f"/office/ibs/{network.grace.pk}/below/?level=2"]


def test_a_level_comes_as_rows_for_the_tree(office: Browser, network: Network) -> None:
    answer = fragment(office, f"/office/ibs/{network.grace.pk}/below/?level=2")

    (row,) = tree(answer).xpath("//tr")
    assert (row.get("aria-level"), text_of(row)) == ("2", "Omar Farouk7230 · USD No plan — 1 1")


def test_a_level_asked_for_as_a_page_leads_to_the_ib(office: Browser, network: Network) -> None:
    answer = office.get(f"/office/ibs/{network.grace.pk}/below/")

    assert (answer.status_code, answer.headers["Location"]) == (302, f"/office/ibs/{network.grace.pk}/")


def test_a_long_level_goes_on_where_it_stopped(office: Browser, network: Network) -> None:
    below = [make_ib(f"8{number:03d}", f"Partner {number}", network.elena).code for number in range(45)]

    seen, path = [], f"/office/ibs/{network.elena.pk}/below/?level=2"
    while path:
        page = tree(fragment(office, path))
        seen += [text_of(cell).partition(" · ")[0][-4:] for cell in page.xpath("//tr[@id]/td[1]")]
        more = page.xpath("//tr[not(@id)]//button/@hx-get")
        path = more[0] if more else ""

    assert seen == below


@pytest.mark.parametrize("query", ["level=x&shown=y", "level=-5&shown=-5", "level=99999999999", "after=%00%ff"])
def test_nonsense_in_the_address_of_a_level_is_harmless(office: Browser, network: Network, query: str) -> None:
    answer = fragment(office, f"/office/ibs/{network.grace.pk}/below/?{query}")

    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("words", "found"), [("omar", ["Omar Farouk7230"]), ("70", ["Grace Tan7013", "Elena Popescu7020"]), ("x", [])]
)
def test_search_finds_by_name_and_beginning_of_the_code(
    office: Browser, network: Network, words: str, found: list[str]
) -> None:
    answer = office.get("/office/ibs/", {"q": words})

    cells = tree(answer).xpath("//table//tbody/tr/td[1]")
    assert sorted(text_of(cell) for cell in cells) == sorted(found)


@pytest.mark.parametrize("count", [1, 3])
def test_list_costs_the_same_for_1_and_3_ibs(office: Browser, broker: object, count: int) -> None:
    for number in range(count):
        make_ib(f"9{number}", f"Top {number}")
    office.get("/office/ibs/")

    with CaptureQueriesContext(connection) as queries:
        answer = office.get("/office/ibs/")

    assert len(rows(answer)) == count
    assert len(queries) == COST


def test_page_tells_who_where_and_what_is_agreed(office: Browser, network: Network) -> None:
    set_agreement(
        ib=network.omar,
        terms=Terms(keep_percent=Decimal(70), rank=2, active=False),
        at=FEBRUARY,
        actor=SYSTEM,
        now=FEBRUARY,
    )

    answer = office.get(f"/office/ibs/{network.omar.pk}/")

    page = tree(answer)
    assert facts(answer, "IB") == {
        "Code": "7230", "Paid in": "USD", "Its own client": "none", "Signs in as": "nobody", "IBs below": "0",
        "Clients in all": "1", "Trading accounts in all": "1",
    }  # fmt: skip
    assert [text_of(one) for one in page.xpath("//section[.//h2='Agreement']//li/p[1]")] == [
        "Inactive: earns nothing · keeps 70 % · rank 2 Now"
    ]
    assert "No plan: this IB earns nothing." in text_of(page.xpath("//section[.//h2='Plan']")[0])
    assert [text_of(one) for one in page.xpath("//section[.//h2='Places in the network']//li")] == [
        "under Grace Tan Now 2026-01-01 00:00:00 – without end"
    ]


def test_effect_of_a_past_move_is_shown_and_changes_nothing(office: Browser, network: Network) -> None:
    make_ib("7310", "Thabo Nkosi", network.omar)
    whole = (network.omar, network.grace)
    judge(1, network, at=FEBRUARY - timedelta(seconds=1), chain=whole)
    judge(2, network, at=FEBRUARY, chain=whole)
    judge(3, network, at=FEBRUARY + timedelta(days=3), chain=whole)
    judge(3, network, at=FEBRUARY + timedelta(days=3), revision=1, chain=whole)
    judge(4, network, at=FEBRUARY + timedelta(days=3), chain=(network.elena,))

    answer = office.get(
        f"/office/ibs/{network.omar.pk}/move/", {"parent": "7020", "at": "2026-02-01T00:00", "reason": ""}
    )

    page = tree(answer)
    above = page.xpath("//section[.//h2='2. What changes']//ol")
    assert [[text_of(one) for one in chain.xpath("./li")] for chain in above] == [
        ["Level 1Grace Tan7013"],
        ["Level 1Elena Popescu7020"],
    ]
    assert facts(answer, "2. What changes") == {
        "IBs that move along": "1", "Clients": "1", "Trading accounts": "1", "Judged deals that are judged again": "2",
    }  # fmt: skip
    assert "2 deals that were judged are judged again." in text_of(page)
    assert IbLink.objects.filter(ib=network.omar).count() == 1


def test_a_move_to_come_judges_nothing_again(office: Browser, network: Network) -> None:
    later = (timezone.now() + timedelta(days=30)).strftime("%Y-%m-%dT%H:%M")

    answer = office.get(f"/office/ibs/{network.omar.pk}/move/", {"parent": "", "at": later, "reason": ""})

    assert facts(answer, "2. What changes") == {"IBs that move along": "0", "Clients": "1", "Trading accounts": "1"}
    assert "From a moment to come" in answer.content.decode()


def test_confirming_moves_the_ib_and_writes_the_trail(office: Browser, network: Network) -> None:
    form = {"parent": "7020", "at": "2026-02-01T00:00", "reason": "New contract"}

    answer = office.post(f"/office/ibs/{network.omar.pk}/move/", form, follow=True)

    assert messages(answer) == ["Omar Farouk moves as you confirmed."]
    links = IbLink.objects.filter(ib=network.omar).order_by("active_from")
    assert list(links.values_list("parent__code", "active_from", "active_to")) == [
        ("7013", OPENED, FEBRUARY),
        ("7020", FEBRUARY, None),
    ]
    assert IB.objects.get(pk=network.omar.pk).parent_id == network.elena.pk
    assert AuditEvent.objects.get(action="ib.move_ib").reason == "New contract"


def test_a_cycle_comes_back_as_a_sentence(office: Browser, network: Network) -> None:
    form = {"parent": "7230", "at": "2026-02-01T00:00", "reason": ""}

    answer = office.post(f"/office/ibs/{network.grace.pk}/move/", form)

    assert (answer.status_code, errors(answer)) == (
        422,
        ["7013 cannot stand under 7230: from 2026-02-01 00:00 UTC on, 7230 itself stands below 7013 (7230 → 7013)."],
    )
    assert IbLink.objects.filter(ib=network.grace).count() == 1


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({"parent": "nope", "at": ""}, "There is no IB with the code nope."),
        ({"parent": "7013", "at": ""}, "7230 stands there at that moment already."),
        ({"parent": "7020", "at": "soon"}, "Enter a valid date/time."),
        ({"parent": "7230", "at": "2026-02-01T00:00"}, None),
    ],
)
def test_a_refused_move_comes_back_on_the_form(
    office: Browser, network: Network, form: dict[str, str], sentence: str | None
) -> None:
    answer = office.post(f"/office/ibs/{network.omar.pk}/move/", form)

    assert answer.status_code == 422
    assert len(errors(answer)) == 1
    assert sentence is None or errors(answer) == [sentence]
    assert IbLink.objects.filter(ib=network.omar).count() == 1
